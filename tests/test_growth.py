"""Changes beside all others and beside a placebo, on tables that can be checked by hand."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from runs import shop_run
from test_outcomes import eight
from worlds import write_shop

from seglib.measuring import growth
from seglib.measuring.growth import changes


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
    assert rows.loc[("spend", 2), "newcomers"] == 0.5
    assert np.isnan(rows.loc[("spend", 2), "change"])  # nobody left had spent before


def test_segments_with_few_customers_are_suppressed():
    rows = change(eight(), minimum=3)
    assert rows.loc[("spend", 2), "suppressed"] and np.isnan(rows.loc[("spend", 2), "gap"])


def members(n=60):
    """Two segments, of which the second bought nothing after the cut-off date."""
    rng = np.random.default_rng(1)
    segment = np.repeat([1, 2], n // 2)
    before, after = rng.gamma(2, 20, n), np.where(segment == 1, rng.gamma(2, 20, n), 0.0)
    columns = {"segment": segment, "newcomer": False}
    for period, spend in (("before", before), ("after", after)):
        columns |= {f"active_{period}": (spend > 0) * 1.0, f"orders_{period}": (spend > 0) * 2.0,
                    f"spend_{period}": spend}  # fmt: skip
    return pd.DataFrame(columns, pd.Index(range(n), name="customer"))


def test_a_segment_without_transactions_before_has_no_growth_and_no_traceback():
    people = members()
    for metric in ("active", "orders", "spend"):
        people.loc[people["segment"] == 2, f"{metric}_before"] = 0.0
        people.loc[people["segment"] == 2, f"{metric}_after"] = 1.0
    rows = changes(people, None, minimum=5, seed=1, draws=200)
    row = rows[(rows["metric"] == "spend") & (rows["segment"] == 2)].iloc[0]
    assert np.isnan(row["change"]) and not row["differs"]


# --- placebo segments -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run = shop_run(write_shop(tmp_path_factory.mktemp("placebo")))
    return run, *growth.placebo(run)


def test_both_dates_are_followed_for_equal_times(made):
    run, (now, then), about = made
    assert about["kind"] == "formed" and about["earlier"] == "2023-06-02"
    before = run.read("before.parquet")["spend"]
    for spend in (now["spend_before"], then["spend_after"]):
        both = spend.reindex(before.index).dropna()
        assert both.to_dict() == pytest.approx(before[both.index].to_dict())


def test_planted_groups_keep_their_numbers_at_both_dates(made):
    run, pair, _ = made
    for people in pair:
        now = run.read("segments.parquet")["segment"].reindex(people.index)
        assert (people["segment"] == now).mean() > 0.8


def test_features_at_both_dates_see_histories_of_the_same_length(made):
    assert made[2]["seen"] == 152  # from 1 January to 2 June


def test_too_little_history_is_said_in_one_sentence(shop):
    run = shop_run(shop, as_of=date(2023, 1, 1) + timedelta(days=90))
    pair, about = growth.placebo(run)
    assert pair is None and about["kind"] == "too_short"


def test_ranks_decide_and_not_amounts(made):
    run, _, _ = made
    customers, model = run.read("customers.parquet"), run.read("model.json")
    shorter = customers.assign(orders=customers["orders"] / 2, spend=customers["spend"] / 3)
    again = growth.assigned(model, shorter, customers)
    assert again.equals(run.read("segments.parquet")["segment"])
