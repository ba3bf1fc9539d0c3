"""Changes beside all others and beside a placebo, on tables that can be checked by hand."""

import numpy as np
import pandas as pd
import pytest
from test_measure import eight

from seglib.measuring.change import changes


def change(people, placebo=None, minimum=1, draws=300):
    pair = None if placebo is None else (people, placebo)
    rows = changes(people, pair, minimum=minimum, seed=1, draws=draws)
    return rows.set_index(["metric", "segment"])


def crowd(n=400, growth=(1.0, 1.0), seed=1, level=(100.0, 50.0)):
    """Two segments of n with a skewed spend before and after, and the growth of each."""
    rng = np.random.default_rng(seed)
    segment = np.repeat([1, 2], n)
    own = np.asarray(level)[segment - 1] * rng.gamma(4, 0.25, 2 * n)
    before, after = own * rng.gamma(4, 0.25, (2, 2 * n))
    return pd.DataFrame(
        {
            "segment": segment,
            "active_before": 1.0,
            "active_after": 1.0,
            "spend_before": before,
            "spend_after": after * np.asarray(growth)[segment - 1],
            "newcomer": False,
        }
    )


def test_growth_is_that_of_the_segments_sums():
    rows = change(eight())
    assert rows.loc[("spend", 1), "change"] == pytest.approx(150 / 120 - 1)
    assert rows.loc[("spend", 0), "change"] == pytest.approx(180 / 140 - 1)
    assert rows.loc[("spend", 2), "everyone"] == pytest.approx(180 / 140 - 1)


def test_the_gap_is_against_all_others_not_against_everyone():
    rows = change(eight())
    assert rows.loc[("spend", 1), "gap"] == pytest.approx((150 / 120) / (30 / 20) - 1)
    assert np.isnan(rows.loc[("spend", 0), "gap"])


def test_activity_changes_by_a_difference():
    frame = eight()
    frame.loc[7, "active_after"] = 0.0
    assert change(frame).loc[("active", 2), "change"] == pytest.approx(-0.25)


def test_activity_is_compared_by_a_difference():
    frame = eight()
    frame.loc[7, "active_after"] = 0.0
    assert change(frame).loc[("active", 1), "gap"] == pytest.approx(0.25)


def test_a_season_that_moves_all_alike_leaves_no_gap():
    frame = crowd()
    frame["spend_after"] = 1.3 * frame["spend_before"]
    rows = change(frame)
    assert rows.loc[("spend", 1), "change"] == pytest.approx(0.3)
    assert rows.loc[("spend", 1), "gap"] == pytest.approx(0)
    assert not rows["differs"].any()


def test_a_planted_growth_is_found():
    rows = change(crowd(growth=(1.4, 1.0)))
    assert rows.loc[("spend", 1), "differs"] and rows.loc[("spend", 1), "tested"] == "gap"
    assert rows.loc[("spend", 1), "gap"] == pytest.approx(0.4, abs=0.2)
    assert rows.loc[("spend", 1), "gap_low"] > 0


def test_the_same_growth_in_the_placebo_takes_it_away():
    rows = change(crowd(growth=(1.4, 1.0)), crowd(growth=(1.4, 1.0), seed=3))
    assert rows.loc[("spend", 1), "tested"] == "excess"
    assert rows.loc[("spend", 1), "excess_low"] < 0 < rows.loc[("spend", 1), "excess_high"]
    assert not rows["differs"].any()


def test_a_placebo_at_another_level_is_shown_but_not_compared():
    rows = change(crowd(), crowd(level=(100.0, 5.0), seed=2))
    assert rows.loc[("spend", 2), "tested"] == "nothing"
    assert np.isnan(rows.loc[("spend", 2), "excess"])
    assert not np.isnan(rows.loc[("spend", 2), "placebo_gap"])


def test_newcomers_are_left_out_of_changes_and_counted():
    frame = eight()
    frame.loc[[5, 6], "newcomer"] = True
    rows = change(frame)
    assert rows.loc[("active", 2), "n"] == 2
    assert rows.loc[("active", 2), "newcomers"] == 0.5
    assert np.isnan(rows.loc[("spend", 2), "change"])  # nobody left had spent before


def test_p_values_are_corrected_for_the_number_of_segments():
    rows = change(crowd(growth=(1.1, 1.0)))
    assert (rows["p_adjusted"].dropna() >= rows["p"].dropna()).all()
    assert rows.loc[("spend", 1), "p_adjusted"] == pytest.approx(
        min(1, 2 * rows.loc[("spend", 1), "p"]), abs=0.01
    )


def test_segments_with_few_customers_are_suppressed():
    rows = change(eight(), minimum=3)
    assert rows.loc[("spend", 2), "suppressed"] and np.isnan(rows.loc[("spend", 2), "gap"])


def test_one_segment_has_no_others_to_be_compared_with():
    rows = change(eight().assign(segment=1))
    assert rows.loc[("spend", 1), "change"] == pytest.approx(180 / 140 - 1)
    assert np.isnan(rows.loc[("spend", 1), "gap"]) and not rows["differs"].any()


def test_without_a_period_after_there_are_no_changes():
    frame = eight().drop(columns=["active_after", "orders_after", "spend_after"])
    assert change_is_empty(frame)


def change_is_empty(frame):
    return changes(frame, minimum=1, seed=1).empty
