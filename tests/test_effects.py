import numpy as np
import pytest

from seglib.profile import effects


def test_superiority_counts_pairs_won_and_half_of_the_ties():
    found = effects.superiority([3, 4, 5], [1, 2, 3])
    assert found.value == pytest.approx(8.5 / 9)
    assert found.low < found.value < found.high < 1


def test_superiority_is_one_half_between_the_same_values():
    found = effects.superiority([1, 2, 3], [1, 2, 3])
    assert found.value == 0.5
    assert found.low < 0.5 < found.high
    assert found.p == pytest.approx(1)


def test_superiority_turns_round_with_its_arguments():
    a = effects.superiority([5, 6, 7, 2], [1, 2, 3, 4])
    b = effects.superiority([1, 2, 3, 4], [5, 6, 7, 2])
    assert (a.value, a.low, a.high) == pytest.approx((1 - b.value, 1 - b.high, 1 - b.low))


def test_superiority_has_an_interval_even_where_groups_do_not_overlap():
    found = effects.superiority([4, 5, 6], [1, 2, 3])
    assert found.value == found.high == 1
    assert 0 < found.low < 1
    assert effects.superiority([1, 2, 3], [4, 5, 6]).high == pytest.approx(1 - found.low)


def test_superiority_passes_over_missing_values_and_needs_two_of_each():
    assert effects.superiority([1, np.nan, 2], [1, 2]).value == 0.5
    assert np.isnan(effects.superiority([1.0], [1, 2]).value)


def test_share_has_the_wilson_interval():
    found = effects.share(8, 10)
    assert found.value == 0.8
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert np.isnan(effects.share(0, 0).value)


def test_difference_has_newcombes_interval():
    found = effects.difference(56, 70, 48, 80)  # Newcombe 1998, example (a), method 10
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_lift_excludes_one_exactly_when_its_p_value_is_below_alpha():
    for a in range(12, 40):
        found = effects.lift(a, 60, 40, 120, alpha=0.05)
        assert (found.low > 1 or found.high < 1) == (found.p < 0.05)


def test_lift_is_unknown_where_nobody_has_it():
    assert np.isnan(effects.lift(0, 10, 3, 10).value)
    assert np.isnan(effects.lift(3, 10, 0, 10).value)


def test_ratio_of_means_against_others_is_a_ratio_of_ratios():
    ones = np.ones(4)
    found = effects.ratio_of_means([2, 4, 2, 4], ones, others=([1, 2, 1, 2], ones))
    assert found.value == pytest.approx(2)
    assert found.low < 2 < found.high


def test_ratio_of_means_is_unknown_without_a_positive_sum():
    assert np.isnan(effects.ratio_of_means([0, 0], [1, 1]).value)
