"""Claims carry their evidence; a number changed, in claims.json or in a table, stops the build."""

import json
import math

import numpy as np
import pandas as pd
import planted
import pytest

from seglib import runner, wording
from seglib.collection import attributes
from seglib.collection.attributes import row as entry
from seglib.formats import plain
from seglib.personas import claims, measures, playbook
from seglib.personas.evidence import Evidence
from seglib.runs import Run
from seglib.study import StudyError

KINDS = sorted(measures.MEASURES | playbook.MEASURES)  # a new one is tried without a change here
MONEY = {"economics": {"margin": 0.25, "cost_per_customer": 1.0},
         "objective_figure": {"column": "orders", "prefer": "higher"}}  # fmt: skip
OUTCOMES = {"customers": {"source": "x.csv", "columns": {"customer": "id"}, "outcomes": {
    "left": {"label": "left", "happened": "yes"},
    "renewed": {"label": "renewed", "happened": "yes", "wanted": True},
}}}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs that state every kind of claim between them: evidence, claims, personas, playbook."""
    whole = planted.add_purchases(planted.run(tmp_path_factory.mktemp("whole"), 1, **MONEY))
    labels = planted.customers(1)[1]
    alone = planted.run(tmp_path_factory.mktemp("alone"), 1, labels * 0 + 1)
    mixed = planted.run(tmp_path_factory.mktemp("mixed"), 1)
    verdict = mixed.read("verdict.json")
    mixed.write("verdict.json", verdict | {"columns": [*verdict["columns"], "member"]})
    after = with_outcomes(planted.run(tmp_path_factory.mktemp("after"), 1, tables=OUTCOMES))
    return [planted.finished(made) for made in (whole, alone, mixed, after)]


def with_outcomes(made: Run) -> Run:
    """Let most of the largest segment leave and renew, and few of the others."""
    labels = made.read("segments.parquet")["segment"]
    chance = np.where(labels == labels.mode()[0], 0.7, 0.2)
    happened = np.random.default_rng(3).random((len(labels), 2)) < chance[:, None]
    made.write("outcomes.parquet", pd.DataFrame(happened * 1.0, labels.index, ["left", "renewed"]))
    lines = made.read("dictionary.json")
    made.write("dictionary.json", lines | {"outcomes": attributes.outcome_rows(made.study)})
    return made


def stated(runs, kind):
    """Return the evidence, and the claims of a kind, of the first run that states some."""
    for ev, found, *_ in runs:
        if own := [c for c in found if claims.FACTS[c["rule"]]["from"] == kind]:
            return ev, found, own
    pytest.fail(f"no claim of kind {kind!r} is stated by any run here: add a run that states one")


def copied(run: Run, folder) -> Run:
    for path in run.folder.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return Run(run.study, run.as_of, folder, run.seed)


# --- every kind -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_claim_has_its_value_n_source_and_reference(runs, kind):
    for claim in stated(runs, kind)[2]:
        assert math.isfinite(claim["value"]) and min(claim["n"], claim["cell"]) >= 10
        assert claim["source"]["table"] and claim["sentence"].endswith(".")
        if claim["direction"]:
            null = claim["reference_value"]
            assert claim["reference"] and (claim["low"] > null or claim["high"] < null)


@pytest.mark.parametrize("key", ["value", "cell", "sentence"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_change_in_claims_json_names_the_claim(runs, kind, key):
    _, found, own = stated(runs, kind)
    made = plain(found)
    for claim in own:
        spoilt = json.loads(json.dumps(plain(claim)))
        if spoilt.get(key) is not None:
            change = 1 if key in {"n", "cell"} else 1e-3
            spoilt[key] = "x" if isinstance(spoilt[key], (str, dict)) else spoilt[key] + change
            with pytest.raises(StudyError, match=f"{claim['id']}.*{key}"):
                claims.verify([spoilt], made)


def spoil(run: Run, name: str) -> Run:
    """Change a table of a run: mix its rows, make numbers larger, or leave some out."""
    table, rng = run.read(name), np.random.default_rng(0)
    if name == "verdict.json":
        table["segments"] = [row | {"jaccard": 0.4} for row in table["segments"]]
    elif "segments" in name:  # move some members, so that sizes change
        table.loc[table.index[[0, 1, 2, 14, 15, -1]], "segment"] = [3, 3, 3, 1, 1, 1]
        table.loc[table.index[len(table) // 2], "segment"] = 1
    elif name in {"purchases.parquet", "campaigns.parquet"}:
        gone = rng.permutation(table["customer"].unique())[:300]
        table = table[~table["customer"].isin(gone)]
    else:
        for column in [c for c in table if c not in {"customer", "month"}]:
            values = table[column].to_numpy()[rng.permutation(len(table))]
            numeric = pd.api.types.is_numeric_dtype(table[column])
            table[column] = values * 1.2 if numeric else pd.Series(values, table.index)
    run.write(name, table)
    return run


@pytest.mark.parametrize(("which", "name"), [
    (0, "customers.parquet"), (0, "segments.parquet"), (0, "monthly.parquet"),
    (0, "campaigns.parquet"), (0, "purchases.parquet"), (0, "products.parquet"),
    (0, "product_segments.parquet"), (0, "verdict.json"), (3, "outcomes.parquet"),
])  # fmt: skip
def test_a_change_in_a_table_changes_every_claim_that_rests_on_it(runs, which, name, tmp_path):
    ev, found, *_ = runs[which]
    made = {c["id"]: c for c in claims.claims(Evidence(spoil(copied(ev.run, tmp_path), name)))}
    rests = [c for c in found if c["source"]["table"] == name]
    assert rests and not [c["id"] for c in rests if made.get(c["id"]) == c]


def test_a_change_in_the_study_changes_what_pays(runs):
    ev = runs[0][0]
    dear = ev.run.study.economics.model_copy(update={"cost_per_customer": 2.0})
    study = ev.run.study.model_copy(update={"economics": dear})
    run = Run(study, ev.run.as_of, ev.run.folder, ev.run.seed)
    with pytest.raises(StudyError, match=r"x-\d-04.*Break-even: \$4.*does not hold"):
        claims.check(run)


def test_all_holds_when_read_back(runs):
    for ev, found, *_ in runs:
        assert claims.check(ev.run) == len(found)


def test_a_claim_that_is_there_twice_or_left_out_is_named(runs):
    made = plain(runs[1][1])
    with pytest.raises(StudyError, match=r"c-1-01 stands twice"):
        claims.verify([made[0], made[0]], made)
    with pytest.raises(StudyError, match=r"c-1-02 is not in claims.json"):
        claims.verify([made[0], *made[2:]], made)
    with pytest.raises(StudyError, match="no longer support it"):
        claims.verify([made[0] | {"id": "c-9-01"}], made)


@pytest.mark.parametrize("name", ["personas.json", "playbook.json"])
def test_a_change_in_personas_or_playbook_stops_the_check(runs, name, tmp_path):
    run = copied(runs[0][0].run, tmp_path)
    content = run.read(name)
    row = content[1] if name == "personas.json" else content["targeting"]["ranking"][0]
    row["share" if name == "personas.json" else "score"] += 0.01
    run.write(name, content)
    with pytest.raises(StudyError, match=rf"{name} does not hold: .*(share|score) is 0\.\d+, the"):
        claims.check(run)


# --- what may not be said -------------------------------------------------------------------------

SOUND = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 50, "cell": 50, "kind": "superiority",
         "direction": "higher", "inside": 4.0, "outside": 3.0}  # fmt: skip


@pytest.mark.parametrize(("change", "may"), [
    ({}, True), ({"direction": None, "low": None}, True),
    ({"n": 9}, False), ({"cell": 9}, False), ({"value": None}, False),
    ({"inside": None}, False), ({"inside": math.nan}, False), ({"direction": "lower"}, False),
    ({"low": 0.4}, False), ({"low": None}, False), ({"low": 0.2, "high": 0.3}, False),
])  # fmt: skip
def test_what_is_within_chance_or_of_few_is_not_said(change, may):
    assert claims.sound(SOUND | change, 10) == may


def test_few_who_are_left_out_of_a_cell_stay_hidden(runs, tmp_path):
    run = copied(runs[0][0].run, tmp_path)
    bought = run.read("purchases.parquet")
    few = bought["customer"].isin(bought["customer"].unique()[:5])
    third = bought["product"].isin({f"thing {i}" for i in range(24, 35)} | {"tea"})
    run.write("purchases.parquet", bought[~(few & third)])
    found = {c["rule"]: c for c in claims.claims(Evidence(run)) if c["id"].startswith("p-3")}
    assert "range-buyers" not in found
    assert found["range-revenue"]["cell"] <= sum(planted.SEGMENTS.values()) - 10


def test_a_claim_of_nearly_all_of_a_segment_does_not_count_the_few_left_out(runs):
    ev = runs[0][0]
    segment = ev.sized[0]
    size = int(ev.inside(segment).sum())
    assert ev.count(segment, size) == (size, False)
    assert ev.count(segment, size - 1) == (size - ev.minimum, True)
    assert ev.count(segment, size - ev.minimum) == (size - ev.minimum, False)


# --- far and slightly -----------------------------------------------------------------------------


def measured(
    kind="superiority", value=0.9, low=0.85, high=0.93, inside=66.0, outside=16.0, unit=""
):
    return {"kind": kind, "value": value, "low": low, "high": high, "inside": inside,
            "outside": outside, "unit": unit}  # fmt: skip


@pytest.mark.parametrize(("found", "word"), [
    (measured(), "far"),
    (measured(value=0.1, low=0.07, high=0.15, inside=16.0, outside=66.0), "far"),
    (measured(low=0.6), ""),  # large, but perhaps only small
    (measured(value=0.7, low=0.68, high=0.72), ""),  # neither large nor small
    (measured(inside=0.79, outside=0.90), "slightly"),  # however sure, the levels are near
    (measured(inside=20.0, outside=15.0), ""),
    (measured(value=0.63, low=0.6, high=0.66), ""),  # small, but the levels are far apart
    (measured(value=0.63, low=0.6, high=0.66, inside=20.0, outside=15.0), "slightly"),
    (measured(inside=0.042, outside=0.0, unit="share"), ""),  # no multiple, but under 5 points
    (measured(inside=0.20, outside=0.05, unit="share"), "far"),
    (measured(inside=0.012, outside=0.004, unit="share"), "slightly"),  # under a point
    (measured(inside="50-74K", outside="35-49K", unit="level"), "far"),
    (measured(value=0.6, low=0.55, high=0.65, inside="a", outside="b", unit="level"), "slightly"),
    (measured(inside=0.2, outside=-0.1, unit="index"), "far"),
    (measured(inside=2.0, outside=-1.0, unit="$"), "far"),  # no multiple of a loss
    (measured("ratio", 3.0, 2.5, 3.6, 9.0, 3.0), "far"),
    (measured("ratio", 1 / 3, 0.28, 0.4, 3.0, 9.0), "far"),
    (measured("ratio", 3.0, 1.2, 7.5, 9.0, 3.0), ""),
    (measured("ratio", 1.2, 1.1, 1.3, 12.0, 10.0), "slightly"),
    (measured("lift", 2.5, 2.0, 3.1, 0.5, 0.2, "share"), "far"),
    (measured("difference", 0.6, 0.5, 0.7, 0.8, 0.2, "share"), "far"),
    (measured("share", 0.5, 0.4, 0.6, 0.5, None), ""),
])  # fmt: skip
def test_the_adverb_follows_from_effect_and_level(found, word):
    assert claims.adverb(found) == word


# --- what is said ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("large", "rules"), [(0, ["value-high"]), (60, [])])
def test_a_mean_that_a_few_pull_against_the_medians_is_not_compared(tmp_path, large, rules):
    run = planted.run(tmp_path, 1)
    labels = run.read("segments.parquet")["segment"]
    spend = labels.eq(2) * 400.0 + 65.0 + np.arange(len(labels)) % 50
    spend.iloc[np.flatnonzero(labels != 2)[:large]] = 10_000.0
    ev = Evidence(planted.with_column(run, "spend", spend, unit="$"))
    figures = measures.measure(ev, 2, "means", "spend")
    assert (figures["inside"] < figures["outside"]) == figures["opposed"] == (not rules)
    about = [c["rule"] for c in claims.claims(ev) if c["segment"] == 2]
    assert [rule for rule in about if rule in {"value-high", "value-low"}] == rules


@pytest.mark.parametrize(("taken", "rule"), [(0.01, "full-price"), (0.10, "discount-low")])
def test_full_price_is_said_only_where_hardly_anything_is_taken_off(tmp_path, taken, rule):
    run = planted.run(tmp_path, 1)
    frame, labels = run.read("customers.parquet"), run.read("segments.parquet")["segment"]
    discount = labels.eq(3).map({True: taken, False: 0.20}) + frame["orders"].rank(pct=True) * 0.004
    run = planted.with_column(run, "discount_share", discount, unit="share")
    about = [c["rule"] for c in claims.claims(Evidence(run)) if c["segment"] == 3
             and c["source"]["column"] == "discount_share" and c["id"].startswith("c")
             and c["direction"]]  # fmt: skip
    assert about == [rule]


@pytest.mark.parametrize(("levels", "said"), [
    (("Fiber optic", "DSL"), "ore common: “Fiber optic” (internet), "),
    (("Yes", "No"), "ore common: internet, "),
])  # fmt: skip
def test_a_level_is_called_by_itself_and_its_column(tmp_path, levels, said):
    labels = planted.customers(1)[1]
    drawn = np.random.default_rng(0).random(len(labels)) < np.where(labels == 1, 0.9, 0.3)
    values = pd.Categorical(np.where(drawn, *levels))
    run = planted.with_column(planted.run(tmp_path, 1), "net", values, label="Internet")
    own = [c for c in claims.claims(Evidence(run)) if c["source"]["column"] == "net"]
    own = [c["sentence"] for c in own if (c["segment"], c["rule"]) == (1, "level-high")]
    assert len(own) == 1 and said in own[0]


GOODS = {"customers": {"source": "x.csv", "columns": {"customer": "id"}},
         "products": {"source": "y.csv", "columns": {"product": "p"}}}  # fmt: skip


@pytest.mark.parametrize("given", [{}, {"labels": {"JUNK": "Unsorted"}, "leftover": ["JUNK"]}])
def test_a_leftover_of_the_data_is_never_a_trait(tmp_path, given):
    labels = planted.customers(1)[1]
    junk = labels.eq(1) * 0.3 + 0.1 + np.random.default_rng(5).uniform(0, 0.1, len(labels))
    tables = {**GOODS, "products": {**GOODS["products"], **given}}
    run = planted.add_purchases(planted.run(tmp_path, 1, tables=tables))
    planted.with_column(run, "share_unsorted", junk, "needs", "share", "Unsorted share")
    goods = run.read("products.parquet")
    run.write("products.parquet",
              goods.assign(group=np.where(goods.index == "tea", "Unsorted", "Sorted")))  # fmt: skip
    ev = Evidence(run)
    about = {c["source"]["column"] for c in claims.claims(ev) if c["of"] == "customers"}
    assert ("share_unsorted" in about) == (not given)
    assert ("unsorted" in " ".join(ev.names.values())) <= (not given)
    assert "tea" not in about  # narrower than its group, or a leftover with it


def test_a_studys_own_column_of_a_features_name_is_told_by_itself(tmp_path):
    labels = planted.customers(1)[1]
    values = labels.eq(1) * 10.0 + np.random.default_rng(0).normal(20, 2, len(labels))
    run = planted.with_column(planted.run(tmp_path, 1), "tenure", values)
    lines = run.read("dictionary.json")
    lines["customers"][-1] = entry("tenure", "Tenure", "behavioural") | {"given": True}
    run.write("dictionary.json", lines)
    rules = {c["rule"] for c in claims.claims(Evidence(run)) if c["source"]["column"] == "tenure"}
    assert "any-high" in rules and "tenure-high" not in rules


def test_an_edited_sentence_is_a_new_run():
    assert {path.suffix for path in wording.FOLDER.iterdir()} <= runner.CODE


def test_a_difference_is_said_in_one_short_sentence():
    read, again = {"cards": [{"n": "x" * 500}]}, {"cards": [{"n": "y" * 500}]}
    assert claims.differs(read, again).startswith("cards[0].n is 'xxx")
    assert len(claims.differs(read, again)) < 250
    other = {"cards": [{"n": "x" * 500, "tiles": []}]}
    assert claims.differs(read, other) == "cards[0] 'tiles' is only in what the tables give"
    assert claims.differs(other, read) == "cards[0] 'tiles' is not in what the tables give"
