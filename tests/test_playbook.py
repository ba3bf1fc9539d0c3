"""Whom to target, what to try, the tests, and what product segments may mean."""

import re

import numpy as np
import pandas as pd
import planted
import pytest

from seglib import power, wording
from seglib.personas import claims, measures, playbook, targeting
from seglib.personas.evidence import Evidence
from seglib.runs import Run
from seglib.study import StudyError

LEVERS, MEANINGS = playbook.WORDS["levers"], playbook.WORDS["meanings"]


@pytest.fixture(scope="module")
def full():
    return planted.full()


def copied(run: Run, folder) -> Run:
    for path in run.folder.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return Run(run.study, run.as_of, folder, run.seed)


def of(found, letter, segment):
    return {c["rule"]: c for c in found if c["id"].startswith(f"{letter}-{segment}-")}


# --- targeting ------------------------------------------------------------------------------------


def test_the_segment_worth_more_and_addressed_less_is_underserved(full):
    assert 1 in full[3]["targeting"]["underserved"]
    words = targeting.ranked(full[3], measures.criteria(full[0]))
    assert words["underserved"] == "some" and words["weights"] == "equal"
    assert targeting.ranked({"targeting": {"ranking": [{}]}}, pd.DataFrame()) == {"weights": "none"}


def test_weights_are_equal_unless_given(full):
    table = measures.criteria(full[0])
    assert set(targeting.weights({}, table).values()) == {0.2}
    assert targeting.weights({"value": 3, "size": 1}, table)["value"] == 0.75


def test_what_is_known_of_one_segment_alone_is_not_weighed():
    table = scored(size=[0.5, 0.3, 0.2], reach=[0.3, None, None])
    assert targeting.weights({}, table) == {"size": 1.0}
    assert targeting.weights({}, table.head(1)) == {"size": 0.5, "reach": 0.5}  # nothing to compare
    hidden = scored(size=[0.5, None, None], n=[5, None, None])
    assert targeting.weights({}, hidden) == {"size": 1.0}
    with pytest.raises(StudyError, match="which are known of two segments or more"):
        targeting.weights({"reach": 1}, table)


def test_a_first_rank_that_does_not_fit_the_objective_is_said_so():
    rows = [{"segment": 1, "name": "Regulars", "scores": {"objective": 0.0}},
            {"segment": 2, "name": "Newcomers", "scores": {"objective": 1.0}}]  # fmt: skip
    rows = [row | {"rank": row["segment"], "first": 0.5} for row in rows]
    whom = {"ranking": rows, "meaning": {"objective": "orders, mean"}, "equal": True,
            "weights": {"size": 1.0}, "underserved": []}  # fmt: skip
    words = targeting.ranked({"targeting": whom}, pd.DataFrame(columns=["contacts"]))
    assert (words["fits"], words["fit"], words["underserved"]) == (["Newcomers"], 0.0, "none")
    said = wording.plain("04_persona_definition", "ranking", **words)
    assert "Newcomers would come first: on it Regulars score 0.00 of 1" in said
    rows[0]["scores"]["objective"] = float("nan")
    words = targeting.ranked({"targeting": whom}, pd.DataFrame(columns=["contacts"]))
    assert (words["fits"], words["fit"]) == (["Newcomers"], None)
    assert "nan" not in wording.plain("04_persona_definition", "ranking", **words)
    rows[0]["scores"]["objective"] = 1.0
    assert targeting.outweighed(whom)["fits"] == []


def scored(**columns):
    return pd.DataFrame({"n": [5, 5, 5]} | columns, index=pd.Index([1, 2, 3], name="segment"))


def test_what_is_missing_is_not_scored():
    table = scored(size=[0.5, 0.3, 0.2], reach=[0.3, 0.1, None])
    found = targeting.rank(table, {"size": 0.4, "reach": 0.6}).set_index("segment")
    assert found["score"].tolist() == pytest.approx([1, 0.4 / 3, 0])  # smallest, not lifted by None
    assert np.isnan(found.loc[3, "reach"])
    alone = targeting.rank(table, {"size": 0.0, "reach": 1.0}).set_index("segment")
    assert np.isnan(alone.loc[3, "score"]) and alone.loc[3, "rank"] == 3


def test_reach_that_rests_on_few_answers_is_missing_not_everyones(full, tmp_path):
    run = copied(full[0].run, tmp_path)
    sent, labels = run.read("campaigns.parquet"), full[0].labels
    third = sent["customer"].map(labels).eq(3)
    answered = third & third.cumsum().le(3) | ~third & sent["redeemed"]
    first = pd.Series(np.where(answered, "2024-05-09", "NaT"), sent.index)
    run.write("campaigns.parquet", sent.assign(first_response=pd.to_datetime(first)))
    reach = measures.criteria(Evidence(run))["reach"]
    assert np.isnan(reach[3]) and reach.isna().sum() == 2  # else it would follow from the total


def aimed(folder, prefer, column="orders"):
    figure = {"column": column, "prefer": prefer}
    return Evidence(planted.add_purchases(planted.run(folder, 1, objective_figure=figure)))


@pytest.mark.parametrize(("prefer", "best"), [("higher", 1), ("lower", 3)])
def test_segments_fit_the_objective_by_the_figure_that_the_study_names(tmp_path, prefer, best):
    ev = aimed(tmp_path, prefer)
    rows = playbook.ranking(ev).set_index("segment")
    assert (rows["objective"].idxmax(), rows["objective"].max()) == (best, 1)
    shown = measures.criteria(ev)["objective"]
    assert shown[1] > shown[3] > 0  # what is shown is the figure itself
    assert measures.meaning(ev, "objective") == (
        f"orders, mean; {prefer} fits the objective better, as study.yaml says"
    )


def test_an_objective_that_chance_could_explain_does_not_rank(full, tmp_path):
    assert "objective" not in measures.criteria(full[0])
    ev = aimed(tmp_path, "higher", "weekend_share")
    assert measures.criteria(ev)["objective"].nunique() == 1


# --- levers and tests -----------------------------------------------------------------------------


def plan(n, needed, **more):
    """A test of spend that a segment is too small for."""
    return {"metric": "spend", "unit": "$", "months": 3, "baseline": 100.0, "available": n,
            "n_per_arm": needed, "detectable": 175 * power.smallest(n), "break_even": 4.0,
            "enough": False, "at_least": False} | more  # fmt: skip


def test_what_would_make_a_test_tell_enough_is_computed_from_its_figures():
    rows = [{"segment": s, "experiment": plan(n, 4810)} for s, n in ((1, 2500), (2, 2400))]
    effect, again, together = playbook.ways(rows[0], rows)
    assert effect == {"way": "effect", "value": rows[0]["experiment"]["detectable"]}
    assert again == {"way": "again", "value": 2}  # two tests of 2,500 are one of 5,000
    assert together == {"way": "together", "there": 4900, "needed": power.needed(10 / 175),
                        "segments": [2]}  # fmt: skip
    assert together["needed"] == pytest.approx(4810, abs=5)
    alone = playbook.ways(rows[0], [rows[0], {"segment": 2, "experiment": plan(9, 9, months=1)}])
    assert [way["way"] for way in alone] == ["effect", "again"]
    assert not playbook.ways({"segment": 1, "experiment": plan(5000, 4810, enough=True)}, rows)
    less = {"segment": 1, "experiment": plan(2500, 2300, metric="share that buys", enough=True)}
    way = playbook.ways(rows[0], [rows[0], less])[1]
    assert way == {"way": "measure", "metric": "share that buys", "there": 2500, "needed": 2300}


def test_a_measure_that_tells_enough_is_offered_where_spend_does_not(full, monkeypatch):
    ev, held = full[0], claims.claims(full[0])
    monkeypatch.setattr(playbook, "ways", lambda row, rows: [])
    told = {"n_per_arm": 9, "detectable": 1, "break_even": None, "months": 1}
    monkeypatch.setattr(playbook, "testable", lambda e, s, m: True)
    for spend, active in ((False, True), (True, True), (False, False)):
        enough = {"spend": spend, "active": active}
        monkeypatch.setattr(
            playbook, "experiment", lambda e, s, m, on=enough: told | {"metric": m, "enough": on[m]}
        )
        rows = playbook.levers(ev, held)
        others = [r["other"] for r in rows if r["experiment"]["metric"] == "spend"]
        offered = active and not spend
        assert others and all(
            (o or {}).get("metric") == ("active" if offered else None) for o in others
        )
        assert all((playbook.answerable(r) is None) == (not spend and not active) for r in rows)


def test_break_even_is_cost_over_margin(tmp_path):
    costs = {"margin": 0.25, "cost_per_customer": 1.0}
    run = planted.add_purchases(planted.run(tmp_path, 1, economics=costs))
    book = planted.finished(run)[3]
    row = next(r for r in book["levers"] if r["experiment"]["weeks"] == 13)
    assert row["experiment"]["break_even"] == pytest.approx(4)
    assert row["experiment"]["detectable"] > 8 and row["experiment"]["unseen"] == "most"
    assert "It pays from $4 more spend a customer over 3 months" in row["effect"]


def test_the_claims_of_a_test_are_the_playbooks_numbers(full):
    ev, found, _, book = full
    row = next(r for r in book["levers"] if r["experiment"]["unit"] == "$")
    test, own = row["experiment"], of(found, "x", row["segment"])
    for rule, key in (
        ("needed", "n_per_arm"),
        ("detectable", "detectable"),
        ("baseline", "baseline"),
    ):
        assert own[f"test-{rule}"]["value"] == test[key]
    assert playbook.experiment(ev, row["segment"], "spend") == test
    shown = playbook.tests(ev, book)
    assert f"{shown['needed a half'].iloc[0]:,}" in own["test-needed"]["sentence"]


@pytest.mark.parametrize("active", [0, 2, 9, 30, -2, -30])
def test_no_test_is_planned_on_few_who_did_or_did_not(full, monkeypatch, active):
    ev = full[0]
    segment = max(ev.sized, key=lambda s: ev.inside(s).sum())
    inside = np.flatnonzero(ev.inside(segment))
    seen = pd.Series(0.0, ev.labels.index)
    seen.iloc[inside[: active % len(inside) if active < 0 else active]] = 1.0
    monkeypatch.setattr(ev, "windows", dict.fromkeys((1, 2, 3), (seen, seen)))
    test = playbook.experiment(ev, segment, "active")
    few = 0 < seen.sum() < ev.minimum or 0 < len(inside) - seen.sum() < ev.minimum
    if few or not active:
        assert {test[k] for k in ("baseline", "detectable", "target", "n_per_arm")} == {None}
        assert not test["enough"]
        assert ("too few did" in test["metric"]) == bool(few)
    else:
        assert test["baseline"] == seen.sum() / len(inside)
    assert playbook.testable(ev, segment, "active") == (seen.sum() <= 0.9 * len(inside))


def claim(rule, inside=0.1, outside=0.05, word=""):
    return {"rule": rule, "inside": inside, "outside": outside, "word": word,
            "source": {"column": rule}}  # fmt: skip


@pytest.mark.parametrize(("inside", "word", "called"), [
    (0.1, "far", True), (0.1, "", True), (0.1, "slightly", False), (0.015, "far", False),
])  # fmt: skip
def test_a_lever_on_the_range_needs_enough_spend_and_more_than_a_slight_difference(
    inside, word, called
):
    row = next(row for row in LEVERS if row["lever"] == "range")
    assert bool(playbook.called_for(row, [claim("product-high", inside, 0.001, word)])) == called


def test_a_lever_cites_every_claim_that_calls_for_it():
    row = next(
        r for r in LEVERS if r["when"] == ["overlooked", "ignores", "need-high|product-high"]
    )
    own = [claim(r) for r in ("overlooked", "ignores", "need-high", "product-high", "orders-low")]
    assert playbook.called_for(row, own) == own[:4]
    assert playbook.called_for(row, own[1:]) == []


def test_the_tables_of_words_name_rules_that_exist():
    for row in LEVERS:
        assert row["action"].split()[0] in {"Test", "Ask"}  # a test or a question, never a fact
        assert {rule for any_of in row["when"] for rule in any_of.split("|")} <= set(claims.FACTS)
    for row in MEANINGS:
        first, *rest = row["text"].split(". ")
        assert " may " in first and rest[0].startswith("Test")
        assert {claims.FACTS[rule]["in"] for rule in row["when"]} == {"range"}


# --- product segments -----------------------------------------------------------------------------


def test_product_segments_are_told_by_what_was_planted(full):
    found = full[1]
    assert {"reach-high", "again-high"} <= set(of(found, "p", 1))
    assert "season-high" in of(found, "p", 3)
    second = of(found, "p", 2)
    assert not {"often-high", "often-low"} & set(second)  # alike everywhere
    assert second["range-buyers"]["value"] == pytest.approx(2 / 3, abs=0.05)
    revenue = [of(found, "p", s)["range-revenue"]["value"] for s in (1, 2, 3)]
    assert sum(revenue) == pytest.approx(1)


def test_what_a_product_segment_may_mean_rests_on_its_claims(full):
    _, found, _, book = full
    known = {c["id"]: c for c in found}
    assert [row["segment"] for row in book["range"]] == [1, 2, 3]
    assert book["range"][0]["meanings"]
    for row in book["range"]:
        for meaning in row["meanings"]:
            cited = {(known[i]["of"], known[i]["segment"]) for i in meaning["evidence"]}
            assert cited == {("products", row["segment"])}


def test_customer_segments_lean_to_product_segments_by_more_than_chance(full):
    leans = [c for c in full[1] if c["id"].startswith("a-")]
    tea = [c for c in leans if c["segment"] == 1 and c["direction"] == "higher"]
    assert [c["source"]["column"][0] for c in tea] == ["3"]  # the dozen that holds tea
    assert " spend a larger share on seasonal products" in tea[0]["sentence"]
    assert all(c["confidence"] >= 0.95 and c["comparisons"] == 9 for c in leans)


def test_without_products_nothing_is_said_of_the_range(tmp_path):
    ev, found, _, book = planted.finished(planted.run(tmp_path, 1))
    assert book["range"] == [] and ev.bought == {} and ev.product_groups is None
    assert not [c for c in found if c["of"] == "products"]


def test_a_change_of_a_share_is_in_points_wherever_it_is_said(full, monkeypatch):
    assert playbook.gain(0.063, "share") == "+6.3 points"
    assert playbook.gain(0.063, "share", less=True) == "−6.3 points"
    ev, bought = full[0], pd.Series(0.0, full[0].labels.index)
    segment = max(ev.sized, key=lambda s: ev.inside(s).sum())
    bought.iloc[np.flatnonzero(ev.inside(segment))[::3]] = 1.0
    monkeypatch.setattr(ev, "windows", dict.fromkeys((1, 2, 3), (bought, bought)))
    away = next(c for c in full[1] if c["segment"] == segment) | {"rule": "recency-high"}
    rows = playbook.levers(ev, [away])
    test = rows[0]["experiment"]
    assert (test["unit"], test["baseline"]) == ("share", pytest.approx(1 / 3, abs=0.01))
    points = playbook.gain(test["detectable"], "share")
    (claim,) = claims.state(ev, "test-detectable", segment, "detectable", "active")
    assert (claim["unit"], claim["value"]) == ("points", pytest.approx(100 * test["detectable"]))
    assert (
        re.fullmatch(r"\+[\d.]+ points", points) and f"a change of {points} " in claim["sentence"]
    )
    assert playbook.tests(ev, {"levers": rows})["smallest"].tolist() == [points]


def test_tiers_that_stand_in_for_segments_join_the_list_for_a_crm(full, tmp_path):
    run, labels = copied(full[0].run, tmp_path), full[0].labels
    none = {"kind": "none", "usefulness": None, "instead": "rfm_tiers"}
    run.write("verdict.json", run.read("verdict.json") | none)
    names = ["recency_tier", "frequency_tier", "monetary_tier"]
    run.write("scores.parquet", pd.DataFrame(1, labels.index, names))
    ev = Evidence(run)
    explained = [row["column"] for row in ev.assignment_columns()]
    assert explained[-3:] == names and list(ev.assignments()) == explained
