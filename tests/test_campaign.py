"""Campaigns are described: reach and conversion, customers counted once a period."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from seglib import study
from seglib.measuring import campaign
from seglib.study import StudyError

AS_OF, UNTIL = date(2020, 4, 1), date(2020, 7, 1)
COVERED = (date(2020, 1, 1), date(2020, 7, 1))


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


def described(rows=ROWS, minimum=1):
    sent = campaign.sent(mailed(rows), members(), AS_OF, UNTIL, COVERED)
    found = campaign.figures(sent, members(), minimum=minimum)
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
    sent = campaign.sent(
        mailed(ROWS).drop(columns=["redeemed", "end"]), members(), AS_OF, UNTIL, COVERED
    )
    rows = campaign.figures(sent, members(), minimum=1)
    assert set(rows["metric"]) == {"reached"}
    assert "value" not in campaign.each(sent, minimum=1)


def test_a_segment_that_nobody_addressed_has_no_conversion():
    _, rows = described()
    assert rows.loc[("reached", "before", 2), "value"] == 0
    assert np.isnan(rows.loc[("converted", "before", 2), "value"])


def test_every_campaign_is_listed_by_segment_with_small_cells_suppressed():
    sent, _ = described()
    exact = campaign.each(sent, minimum=1).set_index(["campaign", "segment"])
    assert exact.loc[("a", 0), ["n", "value"]].tolist() == [2, 0.5]
    rows = campaign.each(sent, minimum=2).set_index(["campaign", "segment"])
    assert rows.loc[("a", 0), "n"] == 2
    assert np.isnan(rows.loc[("a", 0), "value"])  # one did, and one did not
    assert rows.loc[("b", 2), "suppressed"] and np.isnan(rows.loc[("b", 2), "value"])


def test_without_campaigns_everything_is_empty():
    sent = campaign.none()
    assert campaign.figures(sent, members(), minimum=1).empty
    assert campaign.each(sent, minimum=1).empty and campaign.by_type(sent, minimum=1).empty


def test_spending_is_that_of_those_addressed_after_the_cut_off_date():
    people = members().assign(spend_before=[5.0, 5, 5, 5, 5], spend_after=[9.0, 1, 1, 7, 1])
    sent, _ = described()
    rows = campaign.spending(sent, people, minimum=1, seed=1)
    whole = rows[rows["segment"] == 0].set_index("period")
    assert whole.loc["after", ["value", "n"]].tolist() == [8.0, 2]
    assert campaign.spending(campaign.none(), people, minimum=1, seed=1).empty


def test_spending_leaves_out_those_addressed_only_by_campaigns_still_open():
    people = members().assign(spend_before=[5.0] * 5, spend_after=[9.0, 1, 1, 7, 1])
    open_only = [row for row in ROWS if (row[0], row[1]) != (4, "b")]
    sent, _ = described(open_only)
    rows = campaign.spending(sent, people, minimum=1, seed=1)
    whole = rows[rows["segment"] == 0].set_index("period")
    assert whole.loc["after", ["value", "n"]].tolist() == [9.0, 1]


@pytest.mark.parametrize(("end", "whole"), [("2020-06-30", True), ("2020-07-01", False)])
def test_a_campaign_is_whole_if_the_data_hold_its_last_day(end, whole):
    """The last day of the data is 30 June."""
    sent, _ = described([(1, "a", "2020-06-01", end, True)])
    assert sent["whole"].tolist() == [whole]


def test_an_effect_is_refused_unless_the_study_says_randomised(shop):
    with pytest.raises(StudyError, match="at random"):
        campaign.refuse_effect(study.load(shop))
