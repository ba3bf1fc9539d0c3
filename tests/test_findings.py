"""Sentences say what the numbers say, and no more."""

import pytest
from runs import shop_run, verdict
from test_growth import crowd
from worlds import write_shop

from seglib import files, wording
from seglib.measuring import growth, monitoring, outcomes

CALLED = {0: "Everyone", 1: "Regulars", 2: "Others"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return shop_run(write_shop(tmp_path_factory.mktemp("findings")))


WORDS = {
    "who": "customer",
    "as_of": "2023-08-01",
    "days": 60,
    "what": "spend",
    "ordered": "ordered",
}


def said(run, changes, gaps=(), why=""):
    words = growth.headline(changes, CALLED, list(gaps), run)
    return wording.plain("05_measuring_results", "headline", why=why, **WORDS, **words)


def told(run, people, placebo=None):
    pair = None if placebo is None else (people, placebo)
    changes = growth.changes(people, pair, minimum=1, seed=1, draws=300)
    return said(run, changes, why="The data end too early."), changes


def test_the_headline_names_who_stands_out_and_warns_without_a_placebo(run):
    text, _ = told(run, crowd(growth=(1.4, 1.0)))
    assert "Regulars did better, and Others did worse than all others" in text
    assert "how much of that comes by itself is not known" in text


def test_the_headline_says_when_nobody_stands_out(run):
    text, _ = told(run, crowd(growth=(1.4, 1.0)), crowd(growth=(1.4, 1.0), seed=3))
    assert "no segment did better or worse than segments formed by the same rule" in text


def test_the_headline_says_when_no_placebo_compares(run):
    text, _ = told(run, crowd(), crowd(level=(100.0, 5.0), seed=2))
    assert "No segment's change can be judged against a fair comparison" in text


def test_a_change_that_chance_explains_is_called_none(run):
    changes = told(run, crowd())[1]
    whole = (changes["metric"] == "spend") & (changes["segment"] == 0)
    changes.loc[whole, ["change", "change_low", "change_high"]] = -0.046, -0.2, 0.13
    text = said(run, changes)
    assert "did not change beyond chance against" in text
    assert "(it fell 4.6%; 95% interval −20% to 13%)" in text
    changes.loc[whole, "newcomers"] = 0.053
    text = said(run, changes)
    assert (
        "before (it fell" in text
        and "The 5.3% who first came in the 60 days before are left out." in text
    )


def test_few_newcomers_are_not_counted(run):
    people = crowd(n=100)
    for several, sentence in (
        (8, "A few who first came in the 60 days before are left out."),
        (20, "The 10% who first came in the 60 days before are left out"),
    ):
        people["newcomer"] = people.index.isin(range(several))
        changes = growth.changes(people, minimum=10, seed=1, draws=100)
        whole = changes[(changes["metric"] == "spend") & (changes["segment"] == 0)]
        assert whole[["newcomers", "n"]].isna().all(axis=None) == (several == 8)
        assert sentence in said(run, changes)
    assert changes.loc[changes["segment"] == 2, "newcomers"].isna().all()  # none is few
    changes = growth.changes(crowd(n=100), minimum=10, seed=1, draws=100)
    assert changes["newcomers"].eq(0).all() and changes["n"].notna().all()


@pytest.fixture(scope="module")
def measured(run):
    people = outcomes.members(run)[0]
    kpis = outcomes.kpis(people, minimum=10, seed=1, draws=100)
    return kpis, growth.changes(people, minimum=10, seed=1, draws=100)


def test_every_finding_carries_its_number_interval_and_n(run, measured):
    kpis, changes = measured
    for row in growth.of_segments(changes, kpis, outcomes.names(run)):
        assert row["low"] <= row["value"] <= row["high"] and row["n"] >= 10
        text = wording.plain("05_measuring_results", "finding", **WORDS, **row)
        assert text.endswith(".") and "nan" not in text


def test_a_segment_of_whom_nobody_came_again_says_so(measured):
    kpis, changes = measured
    stayed = (kpis["metric"] == "retained") & (kpis["segment"] == 1)
    kpis = kpis.assign(value=kpis["value"].mask(stayed, 0.0), low=kpis["low"].mask(stayed, 0.0))
    rows = growth.of_segments(changes, kpis, CALLED)
    row = next(r for r in rows if r["metric"] == "retained" and r["segment"] == 1)
    text = wording.plain("05_measuring_results", "finding", **WORDS, **row)
    assert "nobody ordered again" in text and "0%" not in text


def test_quiet_periods_are_said_and_not_that_customers_are_few(run):
    gaps = [{"kind": "nobody", "period": "before", "amounts": "some"}]
    words = growth.headline(growth.changes(crowd(), minimum=1, seed=1, draws=50), CALLED, gaps, run)
    assert words == {"state": "quiet", "kinds": ["nobody"]}
    text = wording.plain("05_measuring_results", "gap", **WORDS, **gaps[0])
    assert text.startswith(
        "Nobody among the customers in the segments ordered in the 60 days before"
    )
    assert "growth since then and shares of revenue cannot be said" in text


def test_measures_are_put_together_from_what_each_notebook_found(run, measured):
    kpis, changes = measured
    run.write("verdict.json", verdict())
    result = {"headline": ["Spend rose."], "kpis": outcomes.records(kpis)}
    run.write("results.json", result | {"changes": outcomes.records(changes)})
    run.write("experiments.json", {"headline": ["The letter works."], "experiments": [{}]})
    monitoring.assemble(run)
    text = (run.folder / "measures.json").read_text()
    found = run.read("measures.json")
    assert "NaN" not in text and found["headline"] == "The letter works. Spend rose."
    assert found["experiments"] == [{}] and found["migration"] is None
    assert found["refresh"]["advice"] == "keep" and "no run of this study" in text
    assert {"segment", "period", "metric", "value", "low", "high", "n"} <= set(found["kpis"][0])
    files.verify(run.folder)
