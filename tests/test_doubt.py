"""Descriptors of segments with soft membership: the mixing of members is undone."""

import numpy as np
import pandas as pd
import pytest

from seglib import stats
from seglib.clustering import membership
from seglib.personas import doubt
from seglib.personas.profile import descriptors


def hard(n=400, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(2, size=n)
    return truth, rng.normal(truth * 0.5), (rng.random(n) < 0.2 + 0.3 * truth).astype(float)


def soft(n, rng, sure=0.75):
    """Two groups, seen through one answer that is right with the given chance."""
    truth = rng.integers(2, size=n)
    seen = np.where(rng.random(n) < sure, truth, 1 - truth)
    chance = np.where(seen[:, None] == np.arange(2), sure, 1 - sure)
    return truth, chance


def test_with_sure_members_the_plain_estimates_come_out():
    truth, x, has = hard()
    inside = (truth == 1).astype(float)
    ours, plain = doubt.superiority(x, inside), stats.superiority(x[truth == 1], x[truth == 0])
    assert ours.value == pytest.approx(plain.value)
    assert ours.high - ours.low == pytest.approx(plain.high - plain.low, rel=0.02)
    table = (has[truth == 1].sum(), (truth == 1).sum(), has[truth == 0].sum(), (truth == 0).sum())
    ours, plain = doubt.lift(has, inside), stats.lift(*map(int, table))
    assert ours.value == pytest.approx(plain.value)
    assert ours.low == pytest.approx(plain.low, rel=0.03)


def test_ties_count_half():
    assert doubt.superiority(np.ones(8), np.repeat([0.0, 1.0], 4)).value == pytest.approx(0.5)


def test_the_planted_lift_is_recovered_and_covered():
    covered, plain, found = [], [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth, chance = soft(800, rng)
        has = (rng.random(800) < np.where(truth, 0.6, 0.3)).astype(float)
        estimate = doubt.lift(has, membership.weights(chance)[:, 1])
        likely = chance.argmax(axis=1)
        plain.append(has[likely == 1].mean() / has[likely == 0].mean())
        found.append(estimate.value)
        covered.append(estimate.low <= 2.0 <= estimate.high)
    assert np.median(plain) < 1.5  # the most likely members alone: far too little
    assert np.median(found) == pytest.approx(2.0, abs=0.1)
    assert 0.91 <= np.mean(covered) <= 0.99


def test_no_difference_is_claimed_where_there_is_none():
    outside = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        chance = soft(400, rng)[1]
        x = rng.exponential(size=400)
        estimate = doubt.superiority(x, membership.weights(chance)[:, 1])
        outside.append(not estimate.low <= 0.5 <= estimate.high)
    assert np.mean(outside) <= 0.09


def test_descriptors_get_their_corrected_figures():
    rng = np.random.default_rng(1)
    truth, chance = soft(600, rng)
    frame = pd.DataFrame({"plan": np.where(rng.random(600) < 0.3 + 0.4 * truth, "gold", "basic"),
                          "age": rng.normal(40 + 10 * truth, 5)})  # fmt: skip
    labels = pd.Series(chance.argmax(axis=1) + 1)
    found = doubt.corrected(descriptors(frame, labels), frame, pd.DataFrame(chance, columns=[1, 2]))
    gold = found[(found["level"] == "gold") & (found["segment"] == 2)].iloc[0]
    assert gold["corrected"] > gold["value"] > 1
    age = found[(found["name"] == "age") & (found["segment"] == 2)].iloc[0]
    assert age["corrected"] > age["value"] > 0.5
