"""Intervals agree with the textbook, and cover the truth as often as they say."""

import numpy as np
import pytest

from seglib.measure import intervals


def means(sums):
    return sums[..., 1] / sums[..., 0]


def test_wilson_is_the_textbook_interval():
    low, high = intervals.wilson(5, 10)
    assert (low, high) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))


def test_wilson_of_none_starts_at_zero_and_of_nobody_is_unknown():
    low, high = intervals.wilson([0, 10, 0], [10, 10, 0])
    assert low[0] == 0 and high[1] == 1 and high[0] > 0.2
    assert np.isnan(low[2]) and np.isnan(high[2])


def test_bootstrap_of_a_constant_has_no_width():
    values = np.column_stack([np.ones(6), np.full(6, 3.0)])
    found = intervals.bootstrap(values, np.array([0, 0, 0, 1, 1, 1]), means, draws=50)
    low, high = found.interval([3, 3])
    assert found.estimate.tolist() == low.tolist() == high.tolist() == [3, 3]


def test_bootstrap_keeps_groups_apart_whatever_their_order():
    values = np.column_stack([np.ones(6), [1.0, 10, 1, 10, 1, 10]])
    found = intervals.bootstrap(values, np.array([0, 1, 0, 1, 0, 1]), means, draws=50)
    assert found.estimate.tolist() == [1, 10]


def test_bootstrap_is_the_same_in_one_block_and_in_many(monkeypatch):
    values = np.column_stack([np.ones(8), np.arange(8.0)])
    whole = intervals.bootstrap(values, np.zeros(8, int), means, draws=40, seed=3)
    monkeypatch.setattr(intervals, "CHUNK", 24)
    parts = intervals.bootstrap(values, np.zeros(8, int), means, draws=40, seed=3)
    assert np.array_equal(whole.replicates, parts.replicates)


def test_bootstrap_has_no_interval_for_what_often_does_not_exist():
    values = np.column_stack([[1.0] * 4, [0.0, 0, 0, 1]])
    found = intervals.bootstrap(values, np.zeros(4, int), lambda s: s[..., 0] / s[..., 1], draws=99)
    assert np.isnan(found.interval([4])[0]).all()


def test_p_value_agrees_with_the_interval():
    rng = np.random.default_rng(5)
    values = np.column_stack([np.ones(40), rng.normal(0.5, 1, 40)])
    found = intervals.bootstrap(values, np.zeros(40, int), means, draws=4000, seed=1)
    low, high = found.interval([40])
    edge = found.p_value([40], null=low[0])
    assert edge[0] == pytest.approx(0.05, abs=0.002)
    assert found.p_value([40], null=low[0] - 0.05)[0] < 0.05
    assert found.p_value([40], null=(low[0] + high[0]) / 2)[0] > 0.5


def test_bootstrap_covers_growth_of_skewed_spend():
    covered, repetitions = 0, 200
    for seed in range(repetitions):
        rng = np.random.default_rng([1, seed])
        level = rng.normal(0, 0.8, 60)
        before, after = np.exp(level + rng.normal(0, 0.6, (2, 60))) * (rng.random((2, 60)) < 0.8)
        values = np.column_stack([before, after])
        found = intervals.bootstrap(
            values, np.zeros(60, int), lambda s: s[..., 1] / s[..., 0] - 1, draws=300, seed=seed
        )
        low, high = found.interval([60])
        covered += low[0] <= 0 <= high[0]
    assert 0.91 <= covered / repetitions <= 0.985
