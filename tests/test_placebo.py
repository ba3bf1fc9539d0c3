"""Placebo segments are formed at an earlier date from what was known then."""

from datetime import date, timedelta

import pytest
from runs import shop_run
from worlds import write_shop

from seglib.measuring import placebo


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run = shop_run(write_shop(tmp_path_factory.mktemp("placebo")))
    return run, *placebo.pair(run)


def test_both_dates_are_followed_for_equal_times(made):
    run, (now, then), note = made
    assert "2023-08-01" in note and "2023-06-02" in note
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
    _, _, note = made
    assert note.count("152 days") == 2  # from 1 January to 2 June


def test_too_little_history_is_said_in_one_sentence(shop):
    run = shop_run(shop, as_of=date(2023, 1, 1) + timedelta(days=90))
    pair, note = placebo.pair(run)
    assert pair is None and note.startswith("No placebo segments") and "data begin" in note


def test_the_reference_itself_keeps_its_segments(made):
    run, _, _ = made
    customers, model = run.read("customers.parquet"), run.read("model.json")
    again = placebo.assigned(model, customers, customers)
    assert again.equals(run.read("segments.parquet")["segment"])


def test_ranks_decide_and_not_amounts(made):
    run, _, _ = made
    customers, model = run.read("customers.parquet"), run.read("model.json")
    shorter = customers.assign(orders=customers["orders"] / 2, spend=customers["spend"] / 3)
    again = placebo.assigned(model, shorter, customers)
    assert again.equals(run.read("segments.parquet")["segment"])


def test_a_column_that_did_not_exist_then_counts_as_missing(made):
    run, _, _ = made
    customers, model = run.read("customers.parquet"), run.read("model.json")
    again = placebo.assigned(model, customers.drop(columns="evening_share"), customers)
    assert again.notna().all()
