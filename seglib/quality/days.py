"""Days on which rows lie: far from all others, or too thin at the end to be all there."""

from __future__ import annotations

from datetime import date, timedelta

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from seglib.collection.tables import midnight
from seglib.quality.counting import check, either

APART = 365  # days without a row on both sides of which dates do not belong together
STRAY = 0.01  # share of all rows below which what lies apart is a mistake
DEFAULTS = ("1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "1904-01-01")
"""Days that programs write for none: nobody's only day of business."""
LAST, WEEKS = 7, 8  # last days to look at, and weeks before them that say what is usual
THIN = 0.5  # of what is usual on that day of the week
CHANCE = 4  # standard deviations below which a lack is chance
FEWEST = 10  # rows on a usual day below which nothing can be said


def by_day(table: ir.Table) -> pd.Series:
    """Return how many rows each day has, days without any left out."""
    days = table.filter(table.time.notnull()).mutate(day=table.time.truncate("D"))
    found = days.group_by("day").agg(n=days.count()).order_by("day").execute()
    return pd.Series(found["n"].to_numpy(), pd.DatetimeIndex(found["day"]), name="rows")


def impossible(days: pd.Series) -> list[tuple[date, date]]:
    """Return the stretches of days, first and last, that lie far from the data.

    Days are taken together until more than a year passes without a row. The stretch with most
    rows is the data; others with under one row in a hundred, and those that are one day which
    programs write for none, are mistakes.
    """
    if days.empty:
        return []
    block = np.cumsum(np.diff(days.index, prepend=days.index[:1]) > pd.Timedelta(days=APART))
    sizes = days.groupby(block).sum()
    found = []
    for one, size in sizes.items():
        own = days.index[block == one]
        default = len(own) == 1 and f"{own[0]:%Y-%m-%d}" in DEFAULTS
        if (one != sizes.idxmax() and size < STRAY * sizes.sum()) or (default and len(sizes) > 1):
            found.append((own[0].date(), own[-1].date()))
    return found


def among(table: ir.Table, stretches: list[tuple[date, date]]) -> ir.BooleanValue:
    """Return whether a row lies on the days of one of the stretches."""
    return either(
        (table.time >= midnight(first)) & (table.time < midnight(last + timedelta(days=1)))
        for first, last in stretches
    )


def thin(days: pd.Series) -> dict | None:
    """Return the check for an incomplete end; None where what is usual is not known.

    Counted are the last days, up to the very last, that have less than half the rows that are
    usual on their day of the week (the median of eight weeks), if together they lack more than
    chance takes away: four standard deviations, by the median absolute deviation of those weeks.
    """
    if days.empty or (days.index[-1] - days.index[0]).days + 1 < LAST + 7 * WEEKS:
        return None
    whole = days.reindex(pd.date_range(days.index[0], days.index[-1]), fill_value=0)
    seen = whole.to_numpy(float)[-(LAST + 7 * WEEKS) :].reshape(WEEKS + 1, 7)
    usual, last = np.median(seen[:-1], axis=0), seen[-1]
    low = (last < THIN * usual) & (usual >= FEWEST)
    run = int(np.cumprod(low[::-1]).sum())
    spread = max(1.4826 * np.median(np.abs(seen[:-1] - usual)), np.sqrt(usual.mean()))
    lacking = (usual - last)[LAST - run :].sum()
    run = run if lacking > CHANCE * spread * np.sqrt(max(run, 1)) else 0
    what = f"last days with less than {THIN:.0%} of the rows usual on their day of the week"
    action = "kept: is the extraction complete?"
    return check(what, "transactions", LAST, run, action, "thin_days", of="days")
