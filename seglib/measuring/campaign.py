"""Campaigns as they were observed: who was addressed and who responded, never what it caused.

Who is addressed was chosen, mostly by what customers had done before. A difference between those
addressed and the rest, or between segments, therefore describes; only arms assigned at random
(`experiment`) say what a campaign did.
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from seglib import privacy
from seglib.measuring.measure import periods, rates, small_shares, table
from seglib.stats import wilson
from seglib.study import Study, StudyError


def sent(
    campaigns: pd.DataFrame, people: pd.DataFrame, as_of: date, until: date, covered: tuple
) -> pd.DataFrame:
    """Return the campaigns of the segments' members, each with its period.

    Parameters
    ----------
    campaigns
        campaigns.parquet: customer, campaign, start, and where known end, type, redeemed.
    people
        From `measure.people`.
    as_of, until
        The cut-off date, and the end of the equally long period after it.
    covered
        From `measure.extent`.

    Returns
    -------
    pandas.DataFrame
        With `segment`; `period`: before, after or other, by the day it began; `whole`: its
        responses are all in the data (it neither began before them nor ended after them).
    """
    known = campaigns[campaigns["customer"].isin(people.index)].copy()
    known["segment"] = known["customer"].map(people["segment"])
    start = pd.to_datetime(known["start"])
    end = pd.to_datetime(known["end"]) if "end" in known else start
    earlier = pd.Timestamp(as_of - (until - as_of))
    known["period"] = "other"
    known.loc[(start >= earlier) & (start < pd.Timestamp(as_of)), "period"] = "before"
    known.loc[(start >= pd.Timestamp(as_of)) & (start < pd.Timestamp(until)), "period"] = "after"
    begun = start >= pd.Timestamp(covered[0])
    known["whole"] = begun & (end.fillna(start) < pd.Timestamp(covered[1]))
    return known


def observed(addressed: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the campaigns whose customers were chosen, without those to whom nothing was sent.

    Where customers were assigned to arms at random, whom a campaign reached says nothing of them.
    """
    spec = study.tables.campaigns
    if spec is None or "arm" not in addressed:
        return addressed
    arms = addressed.groupby("campaign")["arm"].transform("nunique")
    drawn = spec.randomised & (arms > 1)
    return addressed[~drawn & (addressed["arm"] != spec.control)]


def none() -> pd.DataFrame:
    """Return what `sent` returns for a study without campaigns."""
    return pd.DataFrame(columns=["customer", "campaign", "start", "segment", "period", "whole"])


def figures(addressed: pd.DataFrame, people: pd.DataFrame, *, minimum: int) -> pd.DataFrame:
    """Return reach and conversion of each segment, and of everyone, before and after.

    Only campaigns whose responses are all in the data count. A customer counts once a period,
    however many campaigns came, so that the Wilson intervals hold.

    Returns
    -------
    pandas.DataFrame
        As `measure.periods`; metrics `reached` (of the members) and `converted` (of those reached).
    """
    rows, known = [], sorted(people["segment"].unique())
    for period in ("before", "after"):
        whole = addressed[addressed["whole"] & (addressed["period"] == period)]
        if whole.empty:
            continue
        reached = pd.Series(people.index.isin(whole["customer"]), people.index)
        rows += rates(people["segment"], reached, "reached", period, known)
        if "redeemed" in whole:
            redeemed = whole.groupby("customer")["redeemed"].any().reindex(people.index[reached])
            rows += rates(people["segment"][reached], redeemed, "converted", period, known)
    return table(rows, minimum)


def each(addressed: pd.DataFrame, *, minimum: int) -> pd.DataFrame:
    """Return every campaign by segment: addressed, redeemed, and the rate with its interval.

    Returns
    -------
    pandas.DataFrame
        campaign, type, start, end, period, whole, segment (0 = everyone), n (addressed), and where
        responses are known value, low, high; suppressed.
    """
    about = [c for c in ("campaign", "type", "start", "end", "period", "whole") if c in addressed]
    everyone = addressed.assign(segment=0)
    both = pd.concat([everyone, addressed], ignore_index=True) if len(addressed) else everyone
    groups = both.groupby([*about, "segment"], dropna=False, observed=True)
    rows = groups.size().rename("n").reset_index()
    rows["suppressed"] = rows["n"] < minimum
    for _, cells in rows[rows["segment"] > 0].groupby("campaign"):
        rows.loc[cells.index, "suppressed"] = privacy.hidden(cells["n"], minimum)[:-1]
    few = rows["suppressed"].copy()
    if "redeemed" in addressed:
        count = groups["redeemed"].sum().to_numpy()
        rows["low"], rows["high"] = wilson(count, rows["n"])
        rows.insert(len(about) + 2, "value", count / rows["n"])
        share = rows.assign(metric="converted")
        for _, cells in share.groupby(about, dropna=False, observed=True):
            family = {("converted", cells["period"].iloc[0]): ("y", "n")}
            rows.loc[cells.index, "suppressed"] |= small_shares(cells, family, minimum)
        rows.loc[rows["suppressed"], ["value", "low", "high"]] = float("nan")
    rows["n"] = rows["n"].mask(few)
    return rows.sort_values(["start", "campaign", "segment"]).reset_index(drop=True)


def by_type(addressed: pd.DataFrame, *, minimum: int) -> pd.DataFrame:
    """Return conversion after the cut-off date by type of campaign and segment.

    Segments that were sent other campaigns convert differently for that reason alone; within a
    type they are closer to comparable. A customer counts once a type.

    Returns
    -------
    pandas.DataFrame
        type, and the columns of `measure.periods`; empty without types or responses.
    """
    found = []
    if {"type", "redeemed"} <= set(addressed.columns):
        after = addressed[addressed["whole"] & (addressed["period"] == "after")]
        for kind, rows in after.groupby("type", observed=True):
            once = rows.groupby("customer").agg(segment=("segment", "first"),
                                                yes=("redeemed", "any"))  # fmt: skip
            counted = rates(once["segment"], once["yes"], "converted", "after")
            found.append(table(counted, minimum).assign(type=kind))
    return pd.concat(found, ignore_index=True) if found else table([], minimum).assign(type="")


def spending(
    addressed: pd.DataFrame, people: pd.DataFrame, *, minimum: int, seed: int
) -> pd.DataFrame:
    """Return what those addressed after the cut-off date spent and were given off, by segment.

    It describes whom the campaigns chose; what they had spent before stands beside it. As in
    `figures`, campaigns still open when the data end do not count.

    Returns
    -------
    pandas.DataFrame
        As `measure.periods`, metrics spend and discount.
    """
    whole = addressed["whole"].astype(bool) & (addressed["period"] == "after")
    chosen = addressed.loc[whole, "customer"]
    reached = people[people.index.isin(chosen)]
    if reached.empty:
        return table([], minimum)
    rows = periods(reached, minimum=minimum, seed=seed, draws=1000)
    return rows[rows["metric"].isin(["spend", "discount"])].reset_index(drop=True)


def refuse_effect(study: Study) -> None:
    """Refuse to estimate an effect of campaigns whose arms were not randomised.

    Raises
    ------
    StudyError
        Unless the study says `randomised: true` and names the column of the arm.
    """
    spec = study.tables.campaigns
    if spec is None:
        raise StudyError("the study has no campaigns table, so no effect can be estimated")
    if not (spec.randomised and spec.columns.arm):
        raise StudyError(
            "the study does not say that customers were assigned to campaigns at random, so an "
            "effect cannot be told from who was chosen: set tables.campaigns.randomised: true and "
            "columns.arm if they were"
        )
