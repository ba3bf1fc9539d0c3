"""Figures per segment on tables that can be checked by hand."""

from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest
from runs import shop_run

from seglib.measuring import outcomes
from seglib.measuring.outcomes import EVERYONE


def eight():
    """Two segments of four; segment 2 has one customer who left and one who came back."""
    return pd.DataFrame(
        {
            "segment": [1, 1, 1, 1, 2, 2, 2, 2],
            "active_before": [1.0, 1, 1, 1, 1, 1, 0, 0],
            "active_after": [1.0, 1, 1, 1, 1, 0, 1, 0],
            "orders_before": [4.0, 2, 3, 3, 1, 2, 0, 0],
            "orders_after": [4.0, 3, 3, 2, 1, 0, 1, 0],
            "spend_before": [40.0, 20, 30, 30, 10, 10, 0, 0],
            "spend_after": [50.0, 25, 35, 40, 20, 0, 10, 0],
            "newcomer": False,
        },
        index=pd.Index(range(1, 9), name="customer"),
    )


def figures(minimum=1, frame=None):
    rows = outcomes.kpis(eight() if frame is None else frame, minimum=minimum, seed=1, draws=200)
    return rows.set_index(["metric", "period", "segment"])


def test_retention_asks_only_those_active_before():
    rows = figures()
    assert rows.loc[("retained", "after", 2), ["value", "n"]].tolist() == [0.5, 2]
    assert rows.loc[("retained", "after", 1), ["value", "n"]].tolist() == [1.0, 4]


def test_amounts_are_means_over_all_members_active_or_not():
    rows = figures()
    assert rows.loc[("spend", "after", 2), "value"] == 7.5
    assert rows.loc[("orders", "before", EVERYONE), "value"] == 15 / 8


def test_small_cells_are_suppressed_in_all_figures():
    rows = figures(minimum=3)
    assert rows.loc[("retained", "after", 2), "suppressed"]
    assert rows.loc[rows["suppressed"], ["value", "low", "high"]].isna().all(axis=None)
    assert rows.loc[("active", "after", 2), "suppressed"]  # two were, and two were not
    assert not rows.loc[("spend", "after", 2), "suppressed"]


def test_no_small_count_follows_from_the_shares_of_the_same_customers():
    """Of segment 3, five stopped and five began: hidden in all that tells it, and of no other."""
    cells = {1: (80, 0, 0, 0), 2: (60, 0, 0, 0), 3: (50, 5, 5, 0)}  # both, before, after, neither
    frame = pd.DataFrame(
        [(segment, before, after)
         for segment, counts in cells.items()
         for (before, after), n in zip([(1, 1), (1, 0), (0, 1), (0, 0)], counts, strict=True)
         for _ in range(n)],
        columns=["segment", "active_before", "active_after"],
    )  # fmt: skip
    rows = outcomes.kpis(frame, minimum=10, seed=1, draws=50)
    shown = rows[~rows["suppressed"]].groupby("metric")["segment"].agg(set)
    assert shown.to_dict() == {"active": {1, 2}, "retained": {1, 2}}


def months(first, last):
    monthly = pd.DataFrame(
        {
            "customer": [1, 1, 5, 1],
            "month": pd.to_datetime(["2020-01-01", "2020-02-01", "2020-02-01", "2020-03-01"]),
            "spend": [10.0, 20, 8, 1],
            "orders": [1, 2, 1, 1],
        }
    )
    files = {"monthly.parquet": monthly, "extent.json": {"first": first, "last": last}}
    roles = SimpleNamespace(amount="paid", price=None, discount=None)
    study = SimpleNamespace(tables=SimpleNamespace(transactions=SimpleNamespace(columns=roles)))
    run = SimpleNamespace(study=study, has=files.__contains__, read=files.__getitem__)
    rows = outcomes.by_month(eight(), run, minimum=1, seed=1, draws=50)
    return rows.set_index(["metric", "period", "segment"])


def test_months_count_members_without_an_order_as_nothing():
    rows = months("2020-01-01", "2020-03-31")
    assert rows.loc[("active", "2020-02", EVERYONE), "value"] == 0.25
    assert rows.loc[("spend", "2020-02", 2), "value"] == 2
    assert rows.loc[("spend", "2020-01", 2), "value"] == 0


def test_months_that_are_not_whole_are_left_out():
    rows = months("2020-01-05", "2020-03-19")
    assert set(rows.reset_index()["period"]) == {"2020-02"}
    rows = months("2020-01-01", "2020-03-30")  # the last day is missing
    assert set(rows.reset_index()["period"]) == {"2020-01", "2020-02"}


def test_people_have_what_they_did_before_and_after(shop):
    run = shop_run(shop)
    people, gaps = outcomes.members(run)
    assert gaps == [] and len(people) == len(run.read("segments.parquet"))
    held = run.read("holdout.parquet")
    assert people["spend_after"].sum() == pytest.approx(held["spend"].sum())
    assert people.filter(like="_before").notna().all(axis=None)

    for name in ("before", "holdout", "monthly"):  # and without transactions, one sentence
        (run.folder / f"{name}.parquet").unlink()
    people, gaps = outcomes.members(run)
    assert list(people) == ["segment"] and gaps == [{"kind": "no_transactions"}]


def test_a_period_that_the_data_do_not_cover_is_left_out_and_said(shop):
    run = shop_run(shop, as_of=date(2023, 10, 10))
    people, gaps = outcomes.members(run)
    assert "spend_after" not in people and "spend_before" in people
    assert [gap["kind"] for gap in gaps] == ["end_early"]


def counted(cells):
    """Return a run of which a number of each segment's members converted: {segment: (yes, n)}."""
    labels = pd.Series([s for s, (_, n) in cells.items() for _ in range(n)], name="segment")
    came = [float(i < yes) for yes, n in cells.values() for i in range(n)]
    files = {"segments.parquet": labels.to_frame(), "outcomes.parquet": pd.DataFrame({"x": came})}
    study = SimpleNamespace(
        outcomes={"x": SimpleNamespace(label="converted")}, minimum_cell=10, customer="customer"
    )
    return SimpleNamespace(study=study, has=files.__contains__, read=files.__getitem__)


def test_what_hides_one_segment_hides_everyone_where_no_other_can():
    rows = outcomes.holdout(counted({1: (3, 1000), 2: (0, 4)})).set_index("segment")
    assert rows["suppressed"].all()
    assert rows[["value", "others", "times"]].isna().all(axis=None)
