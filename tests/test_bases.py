"""Bases compared with planted answers: what tells, what overlaps, and when crossing adds."""

import bench_bases as bench
import numpy as np
import pandas as pd
import planted
import pytest

from seglib.clustering import bases, combine, compared
from seglib.collection import dictionary

N = 400


def looked(family, seed=0, n=N, **keys):
    """The bases of a planted table, clustered with three segments each, and their comparison."""
    frames, held = bench.planted(family, seed, n)
    ways = [bench.way(name, f, seed) for name, f in zip(bench.NAMES, frames, strict=True)]
    return ways, bases.compare(ways, held, seed=seed, **keys)


@pytest.fixture(scope="module")
def two():
    return looked(bench.two_independent)


@pytest.fixture(scope="module")
def alone():
    return looked(bench.one_predicts)


def test_the_base_that_predicts_leads_and_the_others_add_nothing(alone):
    found = alone[1]
    for row in found["outcomes"]:
        assert row["leader"] == "behavioural"
        assert all(rival["low"] > 0 for rival in row["behind"])
        told = {base["base"]: base for base in row["bases"]}
        assert told["behavioural"]["tells"]
        assert told["behavioural"]["adds"]["low"] > 0.02
        assert max(told[name]["adds"]["value"] for name in ("needs", "demographic")) < 0.02
    assert "tells most about spend" in found["sentences"]["best"]


@pytest.mark.parametrize(
    "family",
    [bench.nothing_predicts, bench.one_predicts_others_resemble_it, bench.same_information,
     bench.one_trait_seen_twice],
    ids=lambda family: family.__name__,
)  # fmt: skip
def test_nothing_is_combined_where_nothing_is_gained(family):
    _, found = looked(family, seed=201)
    assert found["combined"] is None
    assert "Nothing is gained" in found["sentences"]["combined"]


def test_two_independent_bases_are_combined(two):
    found = two[1]
    scheme = found["combined"]
    assert (scheme["first"], scheme["second"]) == ("behavioural", "needs")
    assert len(scheme["cells"]) == 9
    assert sum(cell["n"] for cell in scheme["cells"]) == N
    assert "Combining adds something" in found["sentences"]["combined"]
    assert len(compared.cells(found)) == 9


def test_the_groups_of_a_combination_are_those_counted(two):
    ways, found = two
    members = bases.members(ways, found)
    counted = members["combined"].value_counts().sort_index().tolist()
    assert counted == [cell["n"] for cell in found["combined"]["cells"]]


def test_segments_in_use_that_tell_as_much_leave_nothing_to_combine(two):
    ways, _ = two
    held = bench.planted(bench.two_independent, 0, N)[1]
    used = ways[0].labels * 10 + ways[1].labels
    found = bases.compare(ways, held, used=used)
    assert found["combined"] is None
    assert "the segments used" in found["sentences"]["combined"]
    assert found["outcomes"][0]["over_used"]["high"] < 0
    assert "certainly ahead of it" in found["sentences"]["best"]


def test_bases_that_are_the_same_overlap_and_others_do_so_by_chance():
    _, found = looked(bench.same_information)
    overlap = {(row["first"], row["second"]): row for row in found["overlap"]}
    assert overlap["behavioural", "needs"]["low"] > 0.5
    assert "nearly the same groups" in found["sentences"]["overlap"]
    assert overlap["needs", "demographic"]["high"] < 0.1
    assert not overlap["needs", "demographic"]["more_than_chance"]


def test_a_comparison_is_the_same_twice(alone):
    assert looked(bench.one_predicts)[1] == alone[1]


def test_small_cells_are_merged_inside_the_first_base():
    first = np.repeat([1, 2, 3], [60, 60, 4])
    second = np.r_[np.repeat([1, 2, 3], [48, 6, 6]), np.repeat([1, 2], [55, 5]), [1, 1, 2, 2]]
    cells, about = combine.cross(first, second, 10)
    assert [(cell["n"], cell["parts"]) for cell in about] == [
        (48, [[1, 1]]),
        (12, [[1, 2], [1, 3]]),
        (64, [[2, 1], [2, 2], [3, 1], [3, 2]]),
    ]
    assert np.bincount(cells).tolist() == [48, 12, 64]


def test_the_permutation_test_is_uniform_where_cells_tell_nothing_more():
    rng = np.random.default_rng(0)
    given = rng.integers(4, size=300)
    chance = []
    for seed in range(60):
        cells = combine.cross(given, rng.integers(3, size=300), 5)[0]
        y = given + rng.gamma(1, 2, 300)
        chance.append(combine.still_tells(cells, given, y[:, None], seed)[0])
    assert np.mean(np.array(chance) <= 0.05) <= 0.13  # 0.05 and two standard errors
    assert 0.4 < np.mean(chance) < 0.6


def test_a_base_known_of_few_is_left_out_and_said_so():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd"))
    frame["answer"] = pd.Series(rng.normal(size=60))
    kinds = {"behavioural": ["a", "b"], "needs": ["c", "d"], "psychographic": ["answer"]}
    ways = bases.cut(frame, kinds)
    held = pd.DataFrame({"spend": rng.gamma(2, 10, 300)})
    found = bases.compare(ways, held, who="clients")
    assert [base["base"] for base in found["bases"]] == ["behavioural", "needs"]
    assert found["left_out"] == [
        {"base": "psychographic", "reason": "it is known of 60 only; 100 are needed"}
    ]
    assert found["sentences"]["who"].startswith("What they think (psychographic) is left out")
    assert "300 clients" in found["sentences"]["who"]
    assert all(way.k >= 3 for way in ways[:2])  # without groups, a cut is compared all the same


def test_customers_of_whom_a_base_is_unknown_are_not_compared():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(400, 2)), columns=list("ab"))
    frame["age"] = pd.Series(rng.normal(size=150))
    ways = bases.cut(frame, {"behavioural": ["a", "b"], "demographic": ["age"]})
    held = pd.DataFrame({"spend": np.r_[np.full(150, 30.0), np.full(250, 10.0)]})
    held["spend"] += rng.random(400)
    found = bases.compare(ways, held)
    assert found["n"] == 150
    assert found["share"]["of"] == 400
    assert "1.7 times the mean spend" in found["sentences"]["who"]


def test_a_base_that_cannot_be_clustered_does_not_stop_the_others():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=list("ab"))
    frame["street"] = [f"street {i}" for i in range(200)]
    ways = bases.cut(frame, {"behavioural": ["a", "b"], "geographic": ["street"]})
    assert ways[1].labels is None
    assert "street" in ways[1].reason


def test_without_outcomes_only_the_overlap_is_told(two):
    found = bases.compare(two[0])
    assert found["outcomes"] == found["pairs"] == []
    assert found["overlap"]
    assert "None was judged by what happened afterwards" in found["sentences"]["best"]


def test_with_one_base_there_is_nothing_to_compare():
    found = bases.compare([])
    assert "nothing to compare" in found["sentences"]["who"]
    assert bases.members([], found).empty


def test_columns_by_base_are_those_that_form_the_segments(tmp_path):
    study = planted.study(tmp_path, segmentation={"bases": ["behavioural"], "features": ["orders"]})
    lines = [
        dictionary.row("orders", "Orders", "behavioural"),
        dictionary.row("spend", "Spend", "behavioural"),
        dictionary.row("age", "Age", "demographic"),
    ]
    assert dictionary.by_base(study, lines) == {"behavioural": ["orders"], "demographic": ["age"]}
    products = [
        dictionary.row("price", "Price", "product"),
        dictionary.row("group", "Group", "plan"),
    ]
    assert dictionary.by_base(study, products, "products") == {"product": ["price"]}
