import numpy as np
import pandas as pd
import pytest
from scipy import stats

from seglib import power
from seglib.clustering import prediction
from seglib.study import Economics


def test_the_sample_is_the_textbooks():
    """Cohen (1988, table 2.3.5): 64 an arm for d = 0.5, 26 for 0.8, 394 for 0.2."""
    assert [power.needed(d) for d in (0.2, 0.5, 0.8)] == [394, 64, 26]
    assert power.needed(0) is None


def test_the_smallest_difference_is_the_one_that_needs_as_many():
    assert power.needed(power.smallest(64)) == 64
    assert np.isnan(power.smallest(2))


def test_a_stricter_level_needs_more_customers():
    """Two-sided level 1%, d = 0.5: 96 an arm; 64 at 5%."""
    assert power.needed(0.5, alpha=0.01) == 96
    assert power.smallest(64, alpha=0.01) > power.smallest(64)
    found = [power.needed(d, alpha) for d in np.geomspace(0.01, 60, 40) for alpha in (0.05, 0.001)]
    assert min(found) == 4


def test_earlier_spend_takes_out_what_it_explains():
    rng = np.random.default_rng(1)
    before = rng.normal(100, 20, 4000)
    after = before + rng.normal(0, 15, 4000)
    assert power.noise(after) == pytest.approx(25, rel=0.03)
    assert power.noise(after, before) == pytest.approx(15, rel=0.03)
    assert power.noise(after, np.ones(4000)) == power.noise(after)


def test_a_test_of_the_planned_size_finds_its_target_in_four_of_five():
    """Simulated: spend that earlier spend explains in part, halves drawn at random, ANCOVA."""
    rng = np.random.default_rng(2)
    before = rng.gamma(4, 25, 400)
    after = 0.7 * before + rng.normal(0, 30, 400)
    size = power.spend_test(after, before)["detectable"]
    found = 0
    for _ in range(400):
        treated = rng.permutation(400) < 200
        y = 0.7 * before + rng.normal(0, 30, 400) + size * treated
        left = y - np.polyval(np.polyfit(before, y, 1), before)
        found += stats.ttest_ind(left[treated], left[~treated]).pvalue < 0.05
    assert 0.73 < found / 400 < 0.87


def test_the_page_on_segments_and_the_playbook_say_the_same():
    """Both pages plan the same test of the same spend, so their figures are the same."""
    rng = np.random.default_rng(3)
    before = pd.Series(rng.gamma(4, 25, 300))
    after = 0.7 * before + rng.normal(0, 30, 300)
    money = Economics(margin=0.25, cost_per_customer=1.0)
    plan = power.spend_test(after, before, money=money)
    row = prediction.worth(
        pd.Series(1, after.index), after, before=before, weeks=13, **money.model_dump()
    ).iloc[0]
    assert row["lift_detectable"] * row["mean_spend"] == pytest.approx(plan["detectable"])
    assert row["lift_that_pays"] * row["mean_spend"] == pytest.approx(plan["break_even"])
    assert row["adjusted"]


def test_a_share_that_all_have_needs_no_test():
    assert power.share_test(np.ones(100, bool))["n_per_arm"] is None
    found = power.share_test(np.arange(400) % 2 == 0)
    assert (found["baseline"], found["available"]) == (0.5, 200)
    assert found["detectable"] == pytest.approx(0.139, abs=0.005)  # 2.8 · √(2 · 0.25 / 200)
