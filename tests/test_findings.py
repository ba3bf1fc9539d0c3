"""Sentences say what the numbers say, and no more."""

import pandas as pd
import pytest
from runs import shop_run
from test_change import crowd
from worlds import write_shop

from seglib import files
from seglib.measuring import change, findings, measure, results

CALLED = {0: "Everyone", 1: "Regulars", 2: "Others"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return shop_run(write_shop(tmp_path_factory.mktemp("findings")))


def told(run, people, placebo=None):
    pair = None if placebo is None else (people, placebo)
    changes = change.changes(people, pair, minimum=1, seed=1, draws=300)
    return findings.headline(run, changes, CALLED, ["The data end too early."]), changes


def test_the_headline_names_who_stands_out_and_warns_without_a_placebo(run):
    text, _ = told(run, crowd(growth=(1.4, 1.0)))
    assert "Regulars did better and Others did worse than all others" in text
    assert "regression to the mean" in text


def test_the_headline_says_when_nobody_stands_out(run):
    text, _ = told(run, crowd(growth=(1.4, 1.0)), crowd(growth=(1.4, 1.0), seed=3))
    assert "no segment did better or worse than segments formed by the same rule" in text


def test_the_headline_says_when_no_placebo_compares(run):
    text, _ = told(run, crowd(), crowd(level=(100.0, 5.0), seed=2))
    assert "no segment's change can be judged against a fair comparison" in text


def test_a_change_that_chance_explains_is_called_none(run):
    changes = told(run, crowd())[1]
    whole = (changes["metric"] == "spend") & (changes["segment"] == 0)
    changes.loc[whole, ["change", "change_low", "change_high"]] = -0.046, -0.2, 0.13
    text = findings.headline(run, changes, CALLED, [])
    assert "did not change beyond chance against" in text
    assert "(it fell 4.6%; 95% interval −20% to 13%)" in text
    changes.loc[whole, "newcomers"] = 0.053
    text = findings.headline(run, changes, CALLED, [])
    assert "before, without the 5.3% who came for the first time in those (it fell" in text


def test_a_change_of_everybody_alike_has_no_interval(run):
    changes = told(run, crowd())[1]
    whole = (changes["metric"] == "spend") & (changes["segment"] == 0)
    changes.loc[whole, ["change", "change_low", "change_high"]] = -1.0
    text = findings.headline(run, changes, CALLED, [])
    assert "fell 100% against the" in text and "interval" not in text


def test_few_newcomers_are_not_counted(run):
    people = crowd(n=100)
    for several, sentence in ((8, "without a few newcomers"), (20, "without the 10% who came")):
        people["newcomer"] = people.index.isin(range(several))
        changes = change.changes(people, minimum=10, seed=1, draws=100)
        whole = changes[(changes["metric"] == "spend") & (changes["segment"] == 0)]
        assert whole[["newcomers", "n"]].isna().all(axis=None) == (several == 8)
        assert sentence in findings.headline(run, changes, CALLED, [])
    assert changes.loc[changes["segment"] == 2, "newcomers"].isna().all()  # none is few
    changes = change.changes(crowd(n=100), minimum=10, seed=1, draws=100)
    assert changes["newcomers"].eq(0).all() and changes["n"].notna().all()


def test_first_orders_within_the_period_before_are_said(run):
    people = run.read("customers.parquet")
    late = people.assign(tenure=[10.0] * (len(people) - 3) + [500.0] * 3)
    run.write("customers.parquet", late)
    try:
        text = told(run, crowd(growth=(0.5, 0.5)))[0]
    finally:
        run.write("customers.parquet", people)
    share = f"{1 - 3 / len(people):.0%}"
    assert f"{share} of the customers came for the first time within those" in text
    assert "came for the first time" not in told(run, crowd(growth=(0.5, 0.5)))[0]


def test_without_a_period_after_the_headline_says_so(run):
    text, _ = told(run, crowd().drop(columns=["spend_after", "active_after"]))
    assert text == "How the segments changed cannot be said. The data end too early."


def test_every_sentence_carries_its_number_interval_and_n(run):
    people, _ = measure.people(run)
    kpis = measure.periods(people, minimum=10, seed=1, draws=100)
    changes = change.changes(people, minimum=10, seed=1, draws=100)
    for said in findings.sentences(run, changes, kpis, findings.names(run)):
        assert said["low"] <= said["value"] <= said["high"] and said["n"] >= 10
        assert said["sentence"].endswith(".")


def test_names_come_from_the_personas_if_there_are_any(run):
    assert findings.names(run)[1] == "Segment 1"
    run.write("personas.json", [{"segment": 1, "name": "Regulars"}])
    path = run.folder / "personas.json"
    assert findings.names(run) == {0: "Everyone", 1: "Regulars", 2: "Segment 2", 3: "Segment 3"}
    path.unlink()


@pytest.mark.parametrize(
    ("change_", "text"), [(0.041, "rose 4.1%"), (-0.2, "fell 20%"), (0.0, "did not change")]
)
def test_moved(change_, text):
    assert findings.moved(change_) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.031, "+3.1 points"), (-0.2, "−20 points"), (0.0, "0.0 points")]
)
def test_points(value, text):
    assert findings.points(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.031, "+3.1%"), (-0.2, "−20%"), (0.0, "0%")])
def test_signed(value, text):
    assert findings.signed(value) == text


def test_a_rate_is_all_only_of_all():
    assert [findings.rate(v) for v in (0.997, 1.0, 0.5)] == ["over 99%", "100%", "50%"]


def test_one_is_not_written_as_many():
    assert findings.many(1, "campaign") == "1 campaign"
    assert findings.many(1200, "segment") == "1,200 segments"


def test_tables_show_intervals_and_hide_small_cells(run):
    row = {"segment": 1, "period": "after", "metric": "active", "value": 0.5, "low": 0.4,
           "high": 0.6, "n": 90, "suppressed": False}  # fmt: skip
    rows = pd.DataFrame([row, {**row, "segment": 2, "n": 3, "suppressed": True}])
    shown = results.tabulated(run, rows, ["active"])
    assert shown.iloc[:, 0].tolist() == ["50% (40% to 60%)", "not shown"]
    assert results.spoken(run, rows.iloc[:1]) == "Active customers. Segment 1: 50% after."


def test_measures_are_json_without_nan(run):
    people, notes = measure.people(run)
    kpis = measure.periods(people, minimum=10, seed=1, draws=50)
    changes = change.changes(people, minimum=10, seed=1, draws=50)
    called = findings.names(run)
    found = findings.measures(run, called, kpis, changes, pd.DataFrame(), notes)
    text = files.as_json(found)
    assert "NaN" not in text and '"headline"' in text
    assert {"segment", "period", "metric", "value", "low", "high", "n"} <= set(found["kpis"][0])
