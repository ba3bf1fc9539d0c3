"""What is hidden cannot be worked out: an attacker who solves for it does not find it."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from seglib import privacy


def with_totals(counts):
    rows = np.hstack([counts, counts.sum(axis=1, keepdims=True)])
    return np.vstack([rows, rows.sum(axis=0, keepdims=True)])


def solved(table, mask):
    """Return the range of whole numbers that each hidden cell can have, by integer programs."""
    places = [tuple(p) for p in np.argwhere(mask)]
    rows, rights = [], []
    lines = [[(r, c) for c in range(table.shape[1])] for r in range(table.shape[0])]
    if len(table) > 1:
        lines += [[(r, c) for r in range(table.shape[0])] for c in range(table.shape[1])]
    for line in lines:
        row, known = np.zeros(len(places)), 0.0
        for place in line:
            sign = -1 if place == line[-1] else 1
            if mask[place]:
                row[places.index(place)] = sign
            else:
                known += sign * table[place]
        rows.append(row)
        rights.append(-known)
    rule = LinearConstraint(np.array(rows), rights, rights)
    found = {}
    for i, place in enumerate(places):
        ends = []
        for way in (1, -1):
            goal = np.zeros(len(places))
            goal[i] = way
            best = milp(goal, constraints=rule, integrality=np.ones(len(places)),
                        bounds=Bounds(0, np.inf))  # fmt: skip
            ends.append(way * best.fun if best.fun is not None else np.inf)
        found[place] = tuple(ends)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_no_small_cell_of_a_table_can_be_worked_out(seed):
    rng = np.random.default_rng(seed)
    counts = rng.negative_binomial(0.8, 0.02, size=rng.integers(2, 6, size=2)).astype(float)
    table, mask = with_totals(counts), privacy.hidden(counts, 10)
    assert mask[table < 10].all()
    ranges = solved(table, mask)
    for place in zip(*np.nonzero(table < 10), strict=True):
        low, high = ranges[place]
        assert high - low >= 10, (place, low, high)


@pytest.mark.parametrize("seed", range(12))
def test_no_small_cell_of_a_list_with_a_total_can_be_worked_out(seed):
    rng = np.random.default_rng(seed)
    counts = rng.negative_binomial(0.8, 0.02, size=rng.integers(2, 7)).astype(float)
    table, mask = np.append(counts, counts.sum())[None], privacy.hidden(counts, 10)[None]
    for place, (low, high) in solved(table, mask).items():
        if table[place] < 10:
            assert high - low >= 10


def test_hiding_the_small_cells_alone_would_give_them_away():
    counts = np.array([[3.0, 40.0], [50.0, 60.0]])
    table = with_totals(counts)
    assert solved(table, table < 10) == {(0, 0): (3, 3)}  # the attacker of these tests succeeds


def test_nothing_is_hidden_where_nothing_is_small():
    assert not privacy.hidden([10, 200, 30], 10).any()
    assert not privacy.hidden(np.full((3, 4), 25), 10).any()


def test_one_small_segment_takes_the_smallest_other_with_it():
    assert list(privacy.hidden([3, 40, 500], 10)) == [True, True, False, False]


def test_zeros_and_totals_below_the_minimum_are_hidden():
    assert privacy.hidden([2, 3], 10).all()
    assert list(privacy.hidden([0, 0, 90, 80], 10)) == [True, True, False, True, False]


def test_a_table_of_two_segments_hides_both_sizes_but_not_their_sum():
    assert list(privacy.hidden([4, 96], 10)) == [True, True, False]


def test_every_list_of_small_numbers_keeps_its_secret():
    for counts in itertools.product([0, 4, 9, 10, 15], repeat=3):
        mask = privacy.hidden(counts, 10)
        table = np.append(counts, sum(counts)).astype(float)[None]
        for place, (low, high) in solved(table, mask[None]).items():
            assert table[place] >= 10 or high - low >= 10


def test_counts_are_written_with_what_is_not_shown():
    counts = pd.Series({"a": 1234, "b": 30, "c": 5})
    assert list(privacy.written(counts, 10)) == ["1,234", "not shown", "not shown"]
    assert privacy.shown(counts, 10).isna().sum() == 2


def test_a_share_tells_of_few_who_did_and_of_few_who_did_not():
    assert [n for n in range(21) if privacy.tells(n, 20, 5)] == [*range(1, 5), *range(16, 20)]
    assert privacy.tells(0.98 * 200, 200, 10) and not privacy.tells(200, 200, 10)


def test_figures_that_tell_the_same_count_are_hidden_together():
    """A share tells how many do and do not; beside the total of two segments it tells the other."""
    counts, groups = [5, 55, 30, 30], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
                                       [1, 0, 1, 0], [0, 1, 0, 1]]  # fmt: skip
    mask = privacy.linked(counts, groups, 10, figures=[1, 1, 2, 2, 3, 3])
    assert mask.tolist() == [True, True, True, True, False, False]


def test_nobody_is_no_small_number_of_those_who_did():
    assert not privacy.linked([0, 60, 30, 30], np.eye(4), 10, figures=[1, 1, 2, 2]).any()
