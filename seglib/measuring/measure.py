"""What became of the segments: their figures before and after the cut-off date, and over months.

Membership is frozen at the cut-off date. Everything is per customer of the segment, counted or
resampled customer by customer, and always beside everyone (segment 0).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd

from seglib import privacy
from seglib.files import Run
from seglib.stats import bootstrap, wilson
from seglib.study import Study

EVERYONE = 0
METRICS = {
    # name: (label, unit)
    "active": ("Active customers", "share"),
    "retained": ("Retained: active before and again after", "share"),
    "reactivated": ("Reactivated: not active before, but after", "share"),
    "orders": ("Orders per customer", "orders"),
    "spend": ("Spend per customer", "money"),
    "revenue_share": ("Share of revenue", "share"),
    "discount": ("Discount per customer", "money"),
    "reached": ("Addressed", "share"),
    "converted": ("Redeemed, of those addressed", "share"),
}
KEYS = ["segment", "period", "metric"]
ACTIVITY = {  # active both before and after (k for kept), lost, won, and neither (x)
    ("active", "before"): ("kl", "wx"), ("active", "after"): ("kw", "lx"),
    ("retained", "after"): ("k", "l"), ("reactivated", "after"): ("w", "x"),
}  # fmt: skip
ALONE = {"active", "retained", "reactivated", "reached", "converted"}  # shares of customers


def extent(run: Run) -> tuple[date, date]:
    """Return the first day of the data, and the day after the last."""
    known = run.read("extent.json")
    first, last = (date.fromisoformat(known[key]) for key in ("first", "last"))
    return first, last + timedelta(days=1)


def people(run: Run) -> tuple[pd.DataFrame, list[str]]:
    """Return every member with what they did in equal times before and after the cut-off date.

    Returns
    -------
    people : pandas.DataFrame
        Indexed by customer: `segment`, and for each period that the data cover (`before`,
        `after`) `active_…`, `orders_…`, and where the study has money `spend_…`, `discount_…`;
        `newcomer`: the first order seen falls into the period before.
    absent : list of str
        A sentence for each part that is left out, and why.
    """
    frame = run.read("segments.parquet")[["segment"]].copy()
    names = {"before": "before.parquet", "after": "holdout.parquet"}
    if not any(run.has(name) for name in names.values()):
        return frame, ["The study has no transactions, so nothing can be followed over time."]
    lacking = _uncovered(run)
    money = metrics(run.study)
    for period, name in names.items():
        if run.has(name) and period not in lacking:
            did = run.read(name).reindex(frame.index)
            for metric in ["active", *money]:
                frame[f"{metric}_{period}"] = did[metric].fillna(0).astype(float)
    frame["newcomer"] = _newcomers(run, frame.index)
    left = [] if "spend" in money else ["The transactions carry no amounts: no money is shown."]
    quiet = (quiet_period(run, frame, period) for period in names)
    return frame, left + list(lacking.values()) + [text for text in quiet if text]


def quiet_period(run: Run, people: pd.DataFrame, period: str) -> str:
    """Return that nothing was bought in a period, and what cannot be said for that; else empty.

    Parameters
    ----------
    run
    people
        From `people`.
    period
        `before` or `after` the cut-off date.
    """
    if f"active_{period}" not in people:
        return ""
    asked, words = run.study, run.study.words
    when = "before" if period == "before" else "from"
    when = f"in the {asked.holdout} days {when} {run.as_of}"
    parts = ["growth since then"] * (period == "before")
    parts += ["shares of revenue"] * (f"spend_{period}" in people)
    lost = f", so {' and '.join(parts)} cannot be said" if parts else ""
    if not people[f"active_{period}"].any():
        whom = f"None of the {asked.customer}s in the segments"
        return f"{whom} {words['ordered']} {when}{lost}."
    if f"spend_{period}" in people and people[f"spend_{period}"].sum() <= 0:
        return f"Net of returns, nothing was spent {when}{lost}."
    return ""


def metrics(study: Study) -> list[str]:
    """Return the amounts that the study's transactions carry: orders, spend, discount."""
    roles = study.tables.transactions.columns if study.tables.transactions else None
    if roles is None:
        return []
    return (
        ["orders"]
        + ["spend"] * bool(roles.amount or roles.price)
        + ["discount"] * bool(roles.discount)
    )


def _uncovered(run: Run) -> dict[str, str]:
    """Return the periods that the data do not cover, each with the sentence that says so."""
    first, last = extent(run)
    slack = timedelta(days=max(2, run.study.holdout // 20))  # days without a sale are no gap
    start = run.as_of - timedelta(days=run.study.holdout)
    found = {}
    if first > start + slack:
        found["before"] = (
            f"The data begin on {first}, later than {start}, so there is no full period before "
            f"{run.as_of} to compare with."
        )
    if last < run.until - slack:
        found["after"] = (
            f"The data end on {last - timedelta(days=1)} and the period after the cut-off date "
            f"only on {run.until - timedelta(days=1)}, so it is not shown: it would look like a "
            "fall."
        )
    return found


def _newcomers(run: Run, index: pd.Index) -> pd.Series:
    """Return whose first order seen falls into the period before; nobody's if the data begin late.

    With less than another such period of data before it, a first order seen says little.
    """
    history = min((run.as_of - extent(run)[0]).days, run.study.history or 10**6)
    if not run.has("customers.parquet") or history < 2 * run.study.holdout:
        return pd.Series(False, index)
    return run.read("customers.parquet")["tenure"].reindex(index) < run.study.holdout


def periods(people: pd.DataFrame, *, minimum: int, seed: int, draws: int = 2000) -> pd.DataFrame:
    """Return the figures of each segment, and of everyone, before and after the cut-off date.

    Parameters
    ----------
    people
        From `people`.
    minimum
        Cells with fewer customers are suppressed.
    seed, draws
        Of the bootstrap over customers.

    Returns
    -------
    pandas.DataFrame
        segment (0 = everyone), period, metric, value, low, high (95%), n, suppressed.
    """
    observed = {}
    for column in people.columns:
        metric, _, period = column.rpartition("_")
        if period in ("before", "after"):
            observed[metric, period] = people[column]
    rows = _levels(people["segment"], observed, seed, draws)
    return table(rows + returning(people), minimum)


def returning(people: pd.DataFrame) -> list[dict]:
    """Return the rows of how many of those active before, and of the others, were active after."""
    if not {"active_before", "active_after"} <= set(people.columns):
        return []
    again, known = people["active_after"] > 0, sorted(people["segment"].unique())
    rows = []
    for metric, base in (("retained", 1.0), ("reactivated", 0.0)):
        asked = people["active_before"] == base
        rows += rates(people["segment"][asked], again[asked], metric, "after", known)
    return rows


def months(
    people: pd.DataFrame,
    monthly: pd.DataFrame,
    covered: tuple[date, date],
    *,
    amounts: list[str],
    minimum: int,
    seed: int,
    draws: int = 1000,
) -> pd.DataFrame:
    """Return the figures of each segment, and of everyone, in each whole month of the data.

    A month that the data begin or end in is left out, because part of a month looks like a fall.

    Parameters
    ----------
    people
        From `people`; only `segment` is used.
    monthly
        customer, month and the amounts.
    covered
        From `extent`.
    amounts
        From `metrics`.
    minimum, seed, draws
        As in `periods`.

    Returns
    -------
    pandas.DataFrame
        As `periods`; the period is the month, YYYY-MM.
    """
    begins = pd.date_range(monthly["month"].min(), monthly["month"].max(), freq="MS")
    ends = begins + pd.offsets.MonthBegin(1)
    first, end = map(pd.Timestamp, covered)
    whole = begins[(begins >= first) & (ends <= end)]
    observed = {}
    for metric in amounts:
        wide = monthly.pivot(index="customer", columns="month", values=metric)
        wide = wide.reindex(index=people.index, columns=whole).fillna(0.0)
        for month in whole:
            observed[metric, f"{month:%Y-%m}"] = wide[month]
            if metric == "orders":
                observed["active", f"{month:%Y-%m}"] = (wide[month] > 0).astype(float)
    return table(_levels(people["segment"], observed, seed, draws), minimum)


def _levels(groups: pd.Series, observed: Mapping, seed: int, draws: int) -> list[dict]:
    """Return a row for each group and figure: Wilson for rates, the bootstrap for amounts."""
    rows = []
    for (metric, period), values in observed.items():
        if metric == "active":
            rows += rates(groups, values > 0, metric, period)
    keys = [key for key in observed if key[0] != "active"]
    if not keys:
        return rows
    numbers, codes, sizes = _coded(groups)
    values = np.column_stack([np.ones(len(groups)), *(observed[key] for key in keys)])
    spend = [i for i, key in enumerate(keys) if key[0] == "spend"]
    keys = keys + [("revenue_share", keys[i][1]) for i in spend]

    def figures(sums: np.ndarray) -> np.ndarray:
        total = sums.sum(axis=-2, keepdims=True)
        both = np.concatenate([total, sums], axis=-2)
        shares = (both / np.where(total > 0, total, np.nan))[..., 1:][..., spend]
        return np.concatenate([both[..., 1:] / both[..., :1], shares], axis=-1)

    found = bootstrap(values, codes, figures, draws=draws, seed=seed)
    low, high = found.interval(sizes[:, None])
    for i, segment in enumerate(numbers):
        for j, (metric, period) in enumerate(keys):
            cell = found.estimate[i, j], low[i, j], high[i, j], sizes[i]
            rows.append(_row(segment, period, metric, *cell))
    return rows


def _coded(groups: pd.Series) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Return 0 and the segments, each customer's position among these, and all sizes."""
    known, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return [EVERYONE, *map(int, known)], codes.ravel(), np.array([len(groups), *counts])


def rates(
    groups: pd.Series, yes: pd.Series, metric: str, period: str, known: list | None = None
) -> list[dict]:
    """Return a row for everyone and each group: of how many it is true, with Wilson intervals.

    Parameters
    ----------
    groups
        Segment of each customer asked.
    yes
        True for those of whom it is true.
    metric, period
        What the rows are of.
    known
        The segments that get a row, also if none of their customers was asked.
    """
    known = sorted(groups.unique()) if known is None else known
    n = np.array([len(groups), *groups.value_counts().reindex(known, fill_value=0)])
    count = np.array([yes.sum(), *groups[yes].value_counts().reindex(known, fill_value=0)])
    low, high = wilson(count, n)
    value = np.where(n > 0, count / np.maximum(n, 1), np.nan)
    cells = zip([EVERYONE, *known], value, low, high, n, strict=True)
    return [_row(segment, period, metric, *cell) for segment, *cell in cells]


def _row(segment, period, metric, *cell) -> dict:
    value, low, high, n = cell
    return {"segment": int(segment), "period": period, "metric": metric, "value": float(value),
            "low": float(low), "high": float(high), "n": int(n)}  # fmt: skip


def table(rows: list[dict], minimum: int) -> pd.DataFrame:
    """Return rows of figures in the order of `METRICS`, small cells suppressed."""
    columns = [*KEYS, "value", "low", "high", "n"]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame[(frame["metric"] != "revenue_share") | (frame["segment"] != EVERYONE)]
    frame["suppressed"] = False
    for _, cells in frame[frame["segment"] != EVERYONE].groupby(["period", "metric"]):
        few = privacy.hidden(cells["n"], minimum)
        frame.loc[cells.index, "suppressed"] = few[:-1]
    everyone = frame["segment"] == EVERYONE
    frame["suppressed"] |= everyone & (frame["n"] < minimum)
    for family in _families(frame):
        frame["suppressed"] |= small_shares(frame, family, minimum)
    frame["n"] = frame["n"].where(~frame["suppressed"] | (minimum <= 1))
    frame.loc[frame["suppressed"], ["value", "low", "high"]] = np.nan
    frame["place"] = frame["metric"].map(list(METRICS).index)
    ordered = frame.sort_values(["place", "period", "segment"], kind="stable")
    return ordered.drop(columns="place").reset_index(drop=True)


def _families(frame: pd.DataFrame) -> list[dict]:
    """Return the shares that are of the same customers, as `small_shares` takes them."""
    there = set(zip(frame["metric"], frame["period"], strict=True))
    nested = [ACTIVITY, *(_reach(period) for period in frame["period"].unique())]
    found = [family for family in nested if family.keys() <= there]
    alone = sorted(there - {share for family in found for share in family})
    return found + [{share: ("y", "n")} for share in alone if share[0] in ALONE]


def _reach(period: str) -> dict:
    """Return reach and conversion in a period: c converted, r only reached, n not reached."""
    return {("reached", period): ("cr", "n"), ("converted", period): ("c", "r")}


def small_shares(frame: pd.DataFrame, family: dict, minimum: int) -> pd.Series:
    """Return which shares to hide, so that no small count follows from what is shown.

    Parameters
    ----------
    frame
        segment (0 = everyone), metric, period, value, n, suppressed (hidden anyway).
    family
        Shares of the same customers: (metric, period) → the cells, a letter each, of which it is
        true, and those of which it is not. Each cell alone is one of the two of some share.
    minimum
        The smallest number of customers that may be learnt, of whom it is true and of whom not.

    Returns
    -------
    pandas.Series of bool
        By the index of the frame.
    """
    shares = frame[[key in family for key in zip(frame["metric"], frame["period"], strict=True)]]
    segments = sorted(set(shares["segment"]) - {EVERYONE})
    letters = sorted({cell for parts in family.values() for part in parts for cell in part})
    counts = np.zeros((len(segments), len(letters)))
    groups, rows = [], []
    for row in shares.itertuples():
        of = [row.segment in (EVERYONE, segment) for segment in segments]
        yes = round(row.value * row.n) if row.n else 0
        for part, number in zip(family[row.metric, row.period], (yes, row.n - yes), strict=True):
            groups.append(np.kron(of, [letter in part for letter in letters]))
            rows.append(row.Index)
            if len(part) == 1 and row.segment != EVERYONE:
                counts[segments.index(row.segment), letters.index(part)] = number
    sizes = np.kron(
        np.vstack([np.eye(len(segments)), np.ones(len(segments))]), np.ones(len(letters))
    )
    before = shares["suppressed"].reindex(rows).to_numpy()
    mask = privacy.linked(
        counts.ravel(), [*groups, *sizes], minimum, figures=[*rows, *range(-len(sizes), 0)],
        mask=np.append(before, privacy.hidden(counts.sum(axis=1), minimum)),
    )  # fmt: skip
    return pd.Series(frame.index.isin(np.array(rows)[mask[: len(rows)]]), frame.index)
