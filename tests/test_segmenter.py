"""A number stays with its people: matched, split, merged, gone, new, or nobody in common."""

import numpy as np
import pandas as pd
import pytest
from seglib.clustering.numbering import number

from seglib import clustering
from seglib.clustering import encode, fit


def table(sizes=(60, 50, 40, 30), seed=0, first=0):
    """One row a customer: as many far groups as sizes; returns the frame and the group of each."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    x = 9 * np.eye(6)[truth] + rng.normal(0, 0.5, (len(truth), 6))
    index = pd.Index(first + np.arange(len(truth)), name="customer")
    return pd.DataFrame(x, index, list("abcdef")), pd.Series(truth, index)


def fitted(frame, k, seed=3):
    rules, _ = encode.learn(frame)
    params = fit.fit("kmeans", encode.matrix(rules, frame), k, seed=seed, restarts=20)
    return {"version": 1, "method": "kmeans", "k": k, "columns": rules, "parameters": params}


def run(frame, k, before=None, used=None, value=None):
    """Return the labels of a run numbered after the labels of another, and its model."""
    given = None
    if before is not None:
        given = {"segments": before, "used": used or int(before.max()), "as_of": "2024-01-01"}
    model = number(fitted(frame, k), frame, value, given)
    return clustering.assign(model, frame)["segment"], model


def test_without_an_earlier_run_the_highest_value_comes_first():
    frame, truth = table()
    found, model = run(frame, 4, value=truth.astype(float))
    assert (found == 4 - truth).all()
    assert "numbered" not in model


def test_numbers_stay_with_their_people_whatever_the_value():
    frame, truth = table()
    before, _ = run(frame, 4)
    again, model = run(table(seed=5)[0], 4, before, value=truth.astype(float))
    assert (again == before).all()
    assert model["numbered"]["shared"] == 180
    assert {row["segment"]: row["both"] for row in model["numbered"]["kept"]} == {
        1: 60, 2: 50, 3: 40, 4: 30,
    }  # fmt: skip


def test_one_segment_more_gets_a_new_number_and_the_others_keep_theirs():
    frame, truth = table()
    before, _ = run(frame[truth < 3], 3)
    later, model = run(frame, 4, before)
    assert (later[before.index] == before).all()
    assert set(later[truth == 3]) == {4}
    assert model["numbered"]["new"] == [4]


def test_one_segment_fewer_leaves_a_gap_and_its_number_is_not_used_again():
    frame, truth = table()
    first, _ = run(frame, 4)
    second, model = run(frame[truth != 1], 3, first)
    assert (second == first[second.index]).all()
    assert (model["numbers"], model["numbered"]["gone"]) == ([1, 3, 4], [2])
    newcomers = frame[truth == 1].set_axis(range(900, 950))
    third, model = run(pd.concat([frame[truth != 1], newcomers]), 4, second, used=4)
    assert set(third[newcomers.index]) == {5}
    assert model["numbers"] == [1, 3, 4, 5]


def test_sql_probabilities_and_verdict_speak_of_the_same_numbers():
    frame, truth = table()
    first, _ = run(frame, 4)
    kept = frame[truth != 1]
    given = {"segments": first, "used": 4, "as_of": "2024-01-01", "digest": "x"}
    found = clustering.segment(
        kept, k=3, previous=given, outcomes=pd.DataFrame({"spend": 1.0 + truth[kept.index]})
    )
    assert sorted(found.labels.unique()) == [1, 3, 4]
    assert set(found.members["runner_up"]) <= {1, 3, 4}
    assert [row["segment"] for row in found.verdict["segments"]] == [1, 3, 4]
    assert [row["n"] for row in found.verdict["segments"]] == [60, 40, 30]
    assert {row["segment"] for row in found.verdict["usefulness"]["means"]} == {1, 3, 4}
    assert "THEN 4" in clustering.to_sql(found.model, "customers", "customer")
    pd.testing.assert_frame_equal(clustering.assign(found.model, kept), found.members)


def test_a_segment_that_splits_gives_its_number_to_the_part_with_most_of_its_people():
    frame, truth = table()
    before = truth.map({0: 1, 1: 2, 2: 2, 3: 3})
    later, model = run(frame, 4, before)
    assert [set(later[truth == i]) for i in range(4)] == [{1}, {2}, {4}, {3}]
    assert model["numbered"]["new"] == [4]


def test_two_segments_that_merge_take_the_number_of_the_larger():
    frame, truth = table()
    before, _ = run(frame, 4)
    moved = frame.copy()
    moved[truth == 1] = table(seed=8)[0][truth == 0].to_numpy()[:50]
    later, model = run(moved, 3, before)
    assert set(later[truth <= 1]) == {1}
    assert model["numbered"]["gone"] == [2]


def test_people_shuffled_among_segments_keep_no_number():
    frame, truth = table((60, 60, 60, 60))
    shuffled = pd.Series(np.random.default_rng(1).permutation(truth) + 1, truth.index)
    later, model = run(frame, 4, shuffled)
    assert sorted(later.unique()) == [5, 6, 7, 8]
    assert model["numbered"]["kept"] == []


@pytest.mark.parametrize("seed", range(20))
def test_two_halves_thrown_together_by_chance_are_not_the_same(seed):
    frame, truth = table((90, 90))
    rng = np.random.default_rng(seed)
    assert not set(run(frame, 2, pd.Series(rng.integers(1, 3, 180), truth.index))[0]) & {1, 2}


def test_other_customers_altogether_get_other_numbers():
    before, _ = run(table()[0], 4)
    later, model = run(table(first=1000)[0], 4, before)
    assert sorted(later.unique()) == [5, 6, 7, 8]
    assert model["numbered"]["shared"] == 0


def test_one_segment_is_everybody_and_always_number_one():
    frame, _ = table()
    before, _ = run(frame, 4)
    assert set(run(frame, 1, before, used=7)[0]) == {1}
