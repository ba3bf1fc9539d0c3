"""Changes beside all others and beside a placebo, on tables that can be checked by hand."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from runs import shop_run
from test_outcomes import eight
from worlds import write_shop

from seglib import wording
from seglib.measuring import growth, outcomes
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


def test_a_rank_becomes_the_number_of_that_rank_among_the_others():
    rng = np.random.default_rng(4)
    values, others = pd.Series(rng.integers(9, size=80) * 1.5), pd.Series(rng.gamma(2, size=57))
    values[3], others[5] = np.nan, np.nan
    place = (values.rank() - 0.5) / 79
    expected = np.quantile(others.dropna(), place.dropna(), method="hazen")
    assert growth._ranked(values, others).dropna().to_numpy() == pytest.approx(expected, abs=1e-12)


# --- what page 05 says ---------------------------------------------------------------------------

CALLED = {0: "Everyone", 1: "Regulars", 2: "Others"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return shop_run(write_shop(tmp_path_factory.mktemp("findings")))


WORDS = {
    "who": "customer",
    "as_of": "2023-08-01",
    "days": 60,
    "what": "spend",
    "ordered": "ordered",
}


def said(run, changes, gaps=(), why=""):
    words = growth.headline(changes, CALLED, list(gaps), run)
    return wording.plain("05_measuring_results", "headline", why=why, **WORDS, **words)


def told(run, people, placebo=None):
    pair = None if placebo is None else (people, placebo)
    changes = growth.changes(people, pair, minimum=1, seed=1, draws=300)
    return said(run, changes, why="The data end too early."), changes


def test_the_headline_names_who_stands_out_and_warns_without_a_placebo(run):
    text, _ = told(run, crowd(growth=(1.4, 1.0)))
    assert "Regulars did better, and Others did worse than all others" in text
    assert "how much of that comes by itself is not known" in text


def test_the_headline_says_when_nobody_stands_out(run):
    text, _ = told(run, crowd(growth=(1.4, 1.0)), crowd(growth=(1.4, 1.0), seed=3))
    assert "No segment changed more, or less, than segments formed by the same rule" in text


def test_a_change_that_chance_explains_is_called_none(run):
    changes = told(run, crowd())[1]
    whole = (changes["metric"] == "spend") & (changes["segment"] == 0)
    changes.loc[whole, ["change", "change_low", "change_high"]] = -0.046, -0.2, 0.13
    text = said(run, changes)
    assert "did not change beyond chance against" in text
    assert "(it fell 4.6%; 95% interval −20% to 13%)" in text
    changes.loc[whole, "newcomers"] = 0.053
    text = said(run, changes)
    assert (
        "before (it fell" in text
        and "The 5.3% who first came in the 60 days before are left out." in text
    )


def test_few_newcomers_are_not_counted(run):
    people = crowd(n=100)
    for several, sentence in (
        (8, "A few who first came in the 60 days before are left out."),
        (20, "The 10% who first came in the 60 days before are left out"),
    ):
        people["newcomer"] = people.index.isin(range(several))
        changes = growth.changes(people, minimum=10, seed=1, draws=100)
        whole = changes[(changes["metric"] == "spend") & (changes["segment"] == 0)]
        assert whole[["newcomers", "n"]].isna().all(axis=None) == (several == 8)
        assert sentence in said(run, changes)
    assert changes.loc[changes["segment"] == 2, "newcomers"].isna().all()  # none is few
    changes = growth.changes(crowd(n=100), minimum=10, seed=1, draws=100)
    assert changes["newcomers"].eq(0).all() and changes["n"].notna().all()


@pytest.fixture(scope="module")
def measured(run):
    people = outcomes.members(run)[0]
    kpis = outcomes.kpis(people, minimum=10, seed=1, draws=100)
    return kpis, growth.changes(people, minimum=10, seed=1, draws=100)


def test_every_finding_carries_its_number_interval_and_n(run, measured):
    kpis, changes = measured
    for row in growth.of_segments(changes, kpis, outcomes.names(run)):
        assert row["low"] <= row["value"] <= row["high"] and row["n"] >= 10
        text = wording.plain("05_measuring_results", "finding", **WORDS, **row)
        assert text.endswith(".") and "nan" not in text


def test_a_segment_of_whom_nobody_came_again_says_so(measured):
    kpis, changes = measured
    stayed = (kpis["metric"] == "retained") & (kpis["segment"] == 1)
    kpis = kpis.assign(value=kpis["value"].mask(stayed, 0.0), low=kpis["low"].mask(stayed, 0.0))
    rows = growth.of_segments(changes, kpis, CALLED)
    row = next(r for r in rows if r["metric"] == "retained" and r["segment"] == 1)
    text = wording.plain("05_measuring_results", "finding", **WORDS, **row)
    assert "nobody ordered again" in text and "0%" not in text
