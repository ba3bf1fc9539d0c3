"""Intervals agree with the textbook and cover the truth as often as they say; so does power."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.nonparametric import rank_compare_2indep

from seglib import power, stats
from seglib.clustering import prediction
from seglib.study import Economics


def means(sums):
    return sums[..., 1] / sums[..., 0]


def test_wilson_is_the_textbook_interval():
    low, high = stats.wilson(5, 10)
    assert (low, high) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))


def test_wilson_of_none_starts_at_zero_and_of_nobody_is_unknown():
    low, high = stats.wilson([0, 10, 0], [10, 10, 0])
    assert low[0] == 0 and high[1] == 1 and high[0] > 0.2
    assert np.isnan(low[2]) and np.isnan(high[2])


def test_bootstrap_keeps_groups_apart_whatever_their_order():
    values = np.column_stack([np.ones(6), [1.0, 10, 1, 10, 1, 10]])
    found = stats.bootstrap(values, np.array([0, 1, 0, 1, 0, 1]), means, draws=50)
    assert found.estimate.tolist() == [1, 10]


def test_bootstrap_has_no_interval_for_what_often_does_not_exist():
    values = np.column_stack([[1.0] * 4, [0.0, 0, 0, 1]])
    found = stats.bootstrap(values, np.zeros(4, int), lambda s: s[..., 0] / s[..., 1], draws=99)
    assert np.isnan(found.interval([4])[0]).all()


def test_p_value_agrees_with_the_interval():
    rng = np.random.default_rng(5)
    values = np.column_stack([np.ones(40), rng.normal(0.5, 1, 40)])
    found = stats.bootstrap(values, np.zeros(40, int), means, draws=4000, seed=1)
    low, high = found.interval([40])
    edge = found.p_value([40], null=low[0])
    assert edge[0] == pytest.approx(0.05, abs=0.002)
    assert found.p_value([40], null=low[0] - 0.05)[0] < 0.05
    assert found.p_value([40], null=(low[0] + high[0]) / 2)[0] > 0.5


def test_superiority_counts_pairs_won_and_half_of_the_ties():
    found = stats.superiority([3, 4, 5], [1, 2, 3])
    assert found.value == pytest.approx(8.5 / 9)
    assert found.low < found.value < found.high < 1


def test_superiority_has_an_interval_even_where_groups_do_not_overlap():
    found = stats.superiority([4, 5, 6], [1, 2, 3])
    assert found.value == found.high == 1
    assert 0 < found.low < 1
    assert stats.superiority([1, 2, 3], [4, 5, 6]).high == pytest.approx(1 - found.low)


def test_superiority_passes_over_missing_values_and_needs_two_of_each():
    assert stats.superiority([1, np.nan, 2], [1, 2]).value == 0.5
    assert np.isnan(stats.superiority([1.0], [1, 2]).value)


def test_difference_has_newcombes_interval():
    found = stats.difference(56, 70, 48, 80)  # Newcombe 1998, example (a), method 10
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_lift_excludes_one_exactly_when_its_p_value_is_below_alpha():
    for a in range(12, 40):
        found = stats.lift(a, 60, 40, 120, alpha=0.05)
        assert (found.low > 1 or found.high < 1) == (found.p < 0.05)


def test_lift_is_unknown_where_nobody_has_it():
    assert np.isnan(stats.lift(0, 10, 3, 10).value)
    assert np.isnan(stats.lift(3, 10, 0, 10).value)


def test_ratio_of_means_against_others_is_a_ratio_of_ratios():
    ones = np.ones(4)
    found = stats.ratio_of_means([2, 4, 2, 4], ones, others=([1, 2, 1, 2], ones))
    assert found.value == pytest.approx(2)
    assert found.low < 2 < found.high


def test_holm_and_benjamini_hochberg_are_the_textbooks():
    p = [0.01, 0.04, 0.03, np.nan]
    assert stats.adjust(p)[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert stats.adjust(p, "fdr_bh")[:3] == pytest.approx([0.03, 0.04, 0.04])
    assert np.isnan(stats.adjust(p)[3]) and len(stats.adjust([])) == 0


def test_superiority_agrees_with_statsmodels():
    rng = np.random.default_rng(4)
    x, y = rng.normal(0.4, 1, 50), rng.normal(0, 1, 70)
    other = rank_compare_2indep(x, y, use_t=False)
    assert stats.superiority(x, y).value == pytest.approx(other.prob1)
    assert stats.superiority(x, y)[1:3] == pytest.approx(other.conf_int(), abs=0.01)


# --- power ----------------------------------------------------------------------------------------


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


# --- many customers -------------------------------------------------------------------------------


def test_a_sample_is_drawn_at_random_in_order_and_a_small_table_is_whole():
    frame = pd.DataFrame({"x": range(100)})
    some = stats.sample(frame, seed=1, most=30)
    assert len(some) == 30
    assert some["x"].is_monotonic_increasing
    assert some["x"].max() > 70
    assert stats.sample(frame).equals(frame)


@pytest.mark.parametrize("n", [50_000, 200_000])
def test_bundles_of_customers_vary_as_much_as_customers(n):
    rng = np.random.default_rng(n)
    groups = (rng.random(n) < 0.9).astype(int) + (rng.random(n) < 0.001)  # the last one is small
    money = np.exp(rng.normal(size=n)) * (1 + groups)
    values = np.column_stack([np.ones(n), money])

    def figures(sums):  # means, and shares of the whole
        return np.concatenate([means(sums), sums[..., 1] / sums[..., 1].sum(-1)[..., None]], -1)

    found = stats.bootstrap(values, groups, figures, draws=1500, seed=1)
    size = np.bincount(groups)
    parts = [money[groups == i] for i in range(3)]
    spread = np.array([part.std() / np.sqrt(len(part)) for part in parts])
    own = np.array([(groups == i) - part.sum() / money.sum() for i, part in enumerate(parts)])
    of_shares = np.sqrt(((own * money) ** 2).sum(axis=1)) / money.sum()
    assert size[2] < 300
    total = np.array([[len(part), part.sum()] for part in parts])
    assert found.estimate == pytest.approx(figures(total))
    ratio = found.replicates.std(axis=0) / np.concatenate([spread, of_shares])
    assert ratio == pytest.approx(np.ones(6), abs=0.1)


def test_bundles_hold_no_more_rows_than_there_are_customers():
    place = np.arange(stats.ROWS + 1) % stats.ROWS
    parts = [(slice(i, i + 100), np.ones((100, 2))) for i in range(0, stats.ROWS, 100)]
    bundled = stats._bundled(parts, place)
    assert sum(len(sums) for _, sums in bundled) <= stats.ROWS
    assert [sums.sum() for _, sums in bundled] == [200.0] * len(parts)
