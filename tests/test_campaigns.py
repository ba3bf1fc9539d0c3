"""Campaigns are described: reach and conversion, customers counted once a period."""

from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest

from seglib import runs
from seglib.collection import activity, audit, tables
from seglib.measuring import campaigns

AS_OF, UNTIL = date(2020, 4, 1), date(2020, 7, 1)
EXTENT = {"first": "2020-01-01", "last": "2020-06-30"}


def members():
    return pd.DataFrame({"segment": [1, 1, 1, 2, 2]}, index=pd.Index(range(1, 6), name="customer"))


def mailed(rows):
    columns = ["customer", "campaign", "start", "end", "redeemed"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(start=pd.to_datetime(frame["start"]), end=pd.to_datetime(frame["end"]))


ROWS = [
    (1, "a", "2020-02-01", "2020-03-01", True),
    (2, "a", "2020-02-01", "2020-03-01", False),
    (1, "b", "2020-05-01", "2020-06-01", False),
    (1, "c", "2020-05-10", "2020-06-01", True),
    (4, "b", "2020-05-01", "2020-06-01", False),
    (4, "d", "2020-06-15", "2020-08-01", True),  # still open when the data end
    (99, "b", "2020-05-01", "2020-06-01", True),  # no member
]


def sent_by(rows):
    """Return what was sent to the members, from a run with these campaigns."""
    files = {"campaigns.parquet": rows, "monthly.parquet": None, "extent.json": EXTENT}
    run = SimpleNamespace(has=files.__contains__, read=files.get, as_of=AS_OF, until=UNTIL)
    return campaigns.sent(run, members())


def nothing():
    return campaigns.sent(SimpleNamespace(has=lambda name: False), members())


def described(rows=ROWS, minimum=1):
    sent = sent_by(mailed(rows))
    found = campaigns.reach(sent, members(), minimum=minimum)
    return sent, found.set_index(["metric", "period", "segment"])


def test_periods_follow_the_day_a_campaign_begins():
    sent, _ = described()
    assert sent.groupby("campaign")["period"].first().to_dict() == {
        "a": "before", "b": "after", "c": "after", "d": "after",
    }  # fmt: skip
    assert 99 not in set(sent["customer"])


def test_a_customer_addressed_twice_counts_once():
    _, rows = described()
    assert rows.loc[("reached", "after", 1), ["value", "n"]].tolist() == [1 / 3, 3]
    assert rows.loc[("converted", "after", 1), ["value", "n"]].tolist() == [1.0, 1]


def test_campaigns_still_open_when_the_data_end_do_not_count():
    sent, rows = described()
    assert not sent.loc[sent["campaign"] == "d", "whole"].any()
    assert rows.loc[("converted", "after", 2), "value"] == 0


def test_a_campaign_without_responses_has_reach_and_no_conversion():
    sent = sent_by(mailed(ROWS).drop(columns=["redeemed", "end"]))
    rows = campaigns.reach(sent, members(), minimum=1)
    assert set(rows["metric"]) == {"reached"}


def test_every_campaign_is_listed_and_few_who_were_addressed_are_not_counted():
    sent, _ = described()
    assert campaigns.each(sent, minimum=1).set_index("campaign")["n"].to_dict() == {
        "a": 2, "b": 2, "c": 1, "d": 1,
    }  # fmt: skip
    few = campaigns.each(sent, minimum=2).set_index("campaign")["n"].isna()
    assert few.to_dict() == {"a": False, "b": False, "c": True, "d": True}


def test_without_campaigns_everything_is_empty():
    sent = nothing()
    assert campaigns.reach(sent, members(), minimum=1).empty
    assert campaigns.each(sent, minimum=1).empty


@pytest.mark.parametrize(("end", "whole"), [("2020-06-30", True), ("2020-07-01", False)])
def test_a_campaign_is_whole_if_the_data_hold_its_last_day(end, whole):
    """The last day of the data is 30 June."""
    sent, _ = described([(1, "a", "2020-06-01", end, True)])
    assert sent["whole"].tolist() == [whole]


def test_nobody_who_was_answered_converted_with_an_interval():
    sent, _ = described([(i, "a", "2020-05-01", "2020-06-01", False) for i in range(1, 6)])
    row = campaigns.reach(sent, members(), minimum=1).set_index(["metric", "segment"])
    assert row.loc[("converted", 0), ["value", "low"]].tolist() == [0, 0]
    assert 0.3 < row.loc[("converted", 0), "high"] < 0.5


def test_campaigns_still_open_are_named():
    sent, _ = described()
    run = SimpleNamespace()
    run.study = SimpleNamespace(tables=SimpleNamespace(campaigns=None))
    found = campaigns.described(run, campaigns.each(sent, minimum=1))
    assert found == {"kind": "some", "before": 1, "after": 2, "open": ["d"]}


def test_a_response_before_its_campaign_does_not_count(shop):
    raw = shop.parent / "raw"
    mailed = pd.DataFrame({"client": [1, 2], "mailing": 9, "day": pd.Timestamp("2023-06-10")})
    answers = pd.DataFrame({"client": [1, 2], "mailing": 9,
                            "at": pd.to_datetime(["2023-06-01", "2023-06-12"])})  # fmt: skip
    mailed.to_parquet(raw / "campaigns.parquet")
    answers.to_parquet(raw / "responses.parquet")
    run = runs.open_run(shop)
    clean, _ = audit.audit(run.study, tables.open_tables(run.study), run.as_of)
    rows = activity.campaigns(clean).execute().set_index("customer")
    assert rows["redeemed"].to_dict() == {1: False, 2: True}
    assert rows.loc[1, "redemptions"] == 0 and pd.isna(rows.loc[1, "first_response"])
