"""Bases compared with planted answers: what tells, and when all together tell more."""

import bench_bases as bench
import numpy as np
import pandas as pd
import planted
import pytest

from seglib.clustering import bases
from seglib.collection import attributes


def looked(family, seed=0, n=400, **keys):
    """The bases of a planted table, clustered with three segments each, and their comparison."""
    frames, held = bench.planted(family, seed, n)
    each = [bench.base(name, f, seed) for name, f in zip(bench.NAMES, frames, strict=True)]
    return each, bases.compare(each, held, seed=seed, **keys)


def entry(row, name):
    return next(e for e in row["rows"] if e["name"] == name)


@pytest.fixture(scope="module")
def two():
    return looked(bench.two_independent)


def test_the_base_that_predicts_leads_and_is_recommended_alone():
    _, found = looked(bench.one_predicts)
    for row in found["outcomes"]:
        assert row["best"] == row["recommended"] == "behavioural"
        assert entry(row, "behavioural")["tells"]
        assert {"needs", "demographic"} <= set(row["ahead"])


def test_two_bases_that_tell_different_things_are_recommended_together(two):
    row = two[1]["outcomes"][0]
    assert row["recommended"] == bases.TOGETHER
    together, best = entry(row, bases.TOGETHER), entry(row, row["best"])
    assert together["value"] - best["value"] >= bases.WORTH
    assert together["lead_low"] > 0
    assert row["gain"] == pytest.approx(together["value"] - best["value"])


@pytest.mark.parametrize(
    "family",
    [bench.nothing_predicts, bench.one_predicts_others_resemble_it, bench.same_information],
    ids=lambda family: family.__name__,
)
def test_nothing_is_combined_where_nothing_is_gained(family):
    _, found = looked(family, seed=201)
    assert all(row["recommended"] != bases.TOGETHER for row in found["outcomes"])


def test_segments_in_use_that_hold_two_bases_are_certainly_ahead_of_each():
    """Twelve hundred customers: with 400 the simultaneous intervals are wider than the lead."""
    frames, held = bench.planted(bench.two_independent, 0, 1200)
    each = [bench.base(name, frame, 0) for name, frame in zip(bench.NAMES, frames, strict=True)]
    used = each[0].labels * 10 + each[1].labels
    for row in bases.compare(each, held, used=used)["outcomes"]:
        assert entry(row, bases.USED)["lead_low"] > 0


def test_a_base_known_of_few_or_of_identifiers_is_left_out_and_said_so():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    frame["answer"] = pd.Series(rng.normal(size=60))
    frame["street"] = [f"street {i}" for i in range(200)]
    kinds = {"behavioural": ["a", "b"], "needs": ["c", "d"], "psychographic": ["answer"],
             "geographic": ["street"]}  # fmt: skip
    each = bases.segment_each(frame, kinds, k_max=3)
    found = bases.compare(each, pd.DataFrame({"spend": rng.gamma(2, 10, 200)}))
    assert [base["base"] for base in found["bases"]] == ["behavioural", "needs"]
    few, street = found["left_out"]
    assert few["reason"] == "it is known of 60 only; 100 are needed"
    assert "street" in street["reason"]
    assert all(base["k"] >= 3 for base in found["bases"])  # without groups, a cut is compared


def test_customers_of_whom_a_base_is_unknown_are_not_compared(two):
    each, held = two[0], bench.planted(bench.two_independent, 0, 400)[1]
    part = bases.Base("needs", [], 150, "none", each[1].labels.head(150))
    found = bases.compare([each[0], part], held)
    assert (found["n"], found["of"]) == (150, 400)


def test_without_outcomes_or_with_one_base_nothing_is_compared(two):
    assert bases.compare(two[0], None)["outcomes"] == []
    assert bases.compare([], None)["outcomes"] == []


def test_columns_by_base_are_those_that_form_the_segments(tmp_path):
    study = planted.study(tmp_path, segmentation={"bases": ["behavioural"], "features": ["orders"]})
    lines = [
        attributes.row("orders", "Orders", "behavioural"),
        attributes.row("spend", "Spend", "behavioural"),
        attributes.row("age", "Age", "demographic"),
    ]
    assert attributes.by_base(study, lines) == {"behavioural": ["orders"], "demographic": ["age"]}
    products = [
        attributes.row("price", "Price", "product"),
        attributes.row("group", "Group", "plan"),
    ]
    assert attributes.by_base(study, products, "products") == {"product": ["price"]}
