"""What became of the segments: their figures before and after the cut-off date, and over months.

Membership is frozen at the cut-off date. Everything is per customer of the segment, counted or
resampled customer by customer, and always beside everyone (segment 0).
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd

from seglib import privacy, stats, wording
from seglib.collection import activity
from seglib.runs import Run
from seglib.study import Study

EVERYONE = 0
METRICS = wording.table("metrics")  # name → label, unit
COLUMNS = ["segment", "period", "metric", "value", "low", "high", "n", "suppressed"]
ACTIVITY = {  # active before and after (k), before only (l), after only (w), in neither (x)
    ("active", "before"): ("kl", "wx"),
    ("active", "after"): ("kw", "lx"),
    ("retained", "after"): ("k", "l"),
    ("reactivated", "after"): ("w", "x"),
}
SHARES = {"active", "retained", "reactivated", "reached", "converted"}  # of customers


def names(run: Run) -> dict[int, str]:
    """Return segment number → name; 0 is everyone. Without personas they are Segment 1, 2, 3."""
    numbers = run.read("segments.parquet")["segment"].unique()
    labels = {int(s): f"Segment {s}" for s in numbers}
    if run.has("personas.json"):
        labels |= {int(p["segment"]): p["name"] for p in run.read("personas.json")}
    return {EVERYONE: "Everyone"} | dict(sorted(labels.items()))


# --- who is followed, and over which days ---------------------------------------------------------


def covered(run: Run) -> tuple[date, date]:
    """Return the first day of the data, and the day after the last."""
    extent = run.read("extent.json")
    first, last = (date.fromisoformat(extent[key]) for key in ("first", "last"))
    return first, last + timedelta(days=1)


def history(run: Run, day: date | None = None) -> int:
    """Return how many days before a day, by default its own, a run sees; 0 without transactions."""
    if not run.has("extent.json"):
        return 0
    return activity.history(run.study, covered(run)[0], day or run.as_of)


def amounts(study: Study) -> list[str]:
    """Return the amounts that the study's transactions carry: orders, spend, discount."""
    if study.tables.transactions is None:
        return []
    roles = study.tables.transactions.columns
    there = {"orders": True, "spend": roles.amount or roles.price, "discount": roles.discount}
    return [name for name, role in there.items() if role]


def members(run: Run) -> tuple[pd.DataFrame, list[dict]]:
    """Return every member with what they did in equal times before and after the cut-off date.

    By customer: `segment`; `active_…`, `orders_…`, and where the study has money `spend_…`,
    `discount_…` of the periods that the data cover (`before`, `after`); `newcomer`: the first order
    seen falls into the period before; with less than another such period of data before it, nobody
    is one. Then what is left out and why (`kind`), with what the sentence about it needs.
    """
    people = run.read("segments.parquet")[["segment"]].copy()
    files = {"before": "before.parquet", "after": "holdout.parquet"}
    if not any(map(run.has, files.values())):
        return people, [{"kind": "no_transactions"}]
    lacking, metrics = _uncovered(run), amounts(run.study)
    for period, name in files.items():
        if run.has(name) and period not in lacking:
            did = run.read(name).reindex(people.index)[["active", *metrics]].fillna(0).astype(float)
            people = people.join(did.add_suffix(f"_{period}"))
    people["newcomer"] = False
    if run.has("customers.parquet") and history(run) >= 2 * run.study.holdout:
        tenure = run.read("customers.parquet")["tenure"].reindex(people.index)
        people["newcomer"] = tenure < run.study.holdout
    gaps = [] if "spend" in metrics else [{"kind": "no_amounts"}]
    return people, gaps + list(lacking.values()) + quiet(people)


def quiet(people: pd.DataFrame) -> list[dict]:
    """Return the periods in which nothing was bought, or nothing was spent net of returns."""
    gaps = []
    for period in people.columns[people.columns.str.startswith("active_")].str[7:]:
        spend = people.get(f"spend_{period}")
        about = {"period": period, "amounts": "none" if spend is None else "some"}
        if not people[f"active_{period}"].any():
            gaps.append({"kind": "nobody", **about})
        elif spend is not None and spend.sum() <= 0:
            gaps.append({"kind": "netted", **about})
    return gaps


def _uncovered(run: Run) -> dict[str, dict]:
    first, end = covered(run)
    slack = timedelta(days=max(2, run.study.holdout // 20))  # days without a sale are no gap
    start, day = run.as_of - timedelta(days=run.study.holdout), timedelta(days=1)
    gaps = {}
    if first > start + slack:
        gaps["before"] = {"kind": "begin_late", "first": str(first), "start": str(start)}
    if end < run.until - slack:
        gaps["after"] = {"kind": "end_early", "last": str(end - day), "until": str(run.until - day)}
    return gaps


def labelled(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Return figures with what a reader calls them, in their order: name, label, unit, group."""
    called, study = names(run), run.study
    about = pd.DataFrame(METRICS, ["label", "unit", "group"]).T
    orders, who = study.words["orders"].capitalize(), study.customer
    about["label"] = [s.replace("Orders", orders).replace("customer", who) for s in about["label"]]
    about["unit"] = about["unit"].replace("money", study.currency or "money")
    rows = rows.assign(name=rows["segment"].map(called)).join(about, on="metric")
    order = {"name": called.values(), "label": about["label"], "group": about["group"]}
    order["period"] = ["before", "after", *sorted(set(rows["period"]))]
    for column, levels in order.items():
        rows[column] = pd.Categorical(rows[column], list(dict.fromkeys(levels)), ordered=True)
    return rows.sort_values(["label", "period", "name"], kind="stable")


# --- figures of segments --------------------------------------------------------------------------


def kpis(people: pd.DataFrame, *, minimum: int, seed: int, draws: int = 2000) -> pd.DataFrame:
    """Return the figures of each segment, and of everyone, before and after the cut-off date.

    `people` are from `members`; cells with fewer than `minimum` are suppressed. Columns: segment (0
    = everyone), period, metric, value, low, high (95%), n, suppressed.
    """
    series = {tuple(column.rsplit("_", 1)): people[column] for column in people if "_" in column}
    return table(_levels(people["segment"], series, seed, draws) + returning(people), minimum)


def returning(people: pd.DataFrame) -> list[dict]:
    """Return how many of those active before, and of the others, were active after."""
    if not {"active_before", "active_after"} <= set(people.columns):
        return []
    again, segments = people["active_after"] > 0, sorted(people["segment"].unique())
    rows = []
    for metric, active in (("retained", 1.0), ("reactivated", 0.0)):
        base = people["active_before"] == active
        rows += rates(people["segment"][base], again[base], metric, "after", segments)
    return rows


def by_month(
    people: pd.DataFrame, run: Run, *, minimum: int, seed: int, draws: int = 1000
) -> pd.DataFrame:
    """Return the figures of each segment, and of everyone, in each whole month of the data.

    A month that the data begin or end in is left out, because part of a month looks like a fall.
    The period is the month, YYYY-MM; all else is as in `kpis`. Empty without transactions.
    """
    if not run.has("monthly.parquet"):
        return table([], minimum)
    monthly = run.read("monthly.parquet")
    begins = pd.date_range(monthly["month"].min(), monthly["month"].max(), freq="MS")
    first, end = map(pd.Timestamp, covered(run))
    whole = begins[(begins >= first) & (begins + pd.offsets.MonthBegin(1) <= end)]
    series = {}
    for metric in amounts(run.study):
        wide = monthly.pivot(index="customer", columns="month", values=metric)
        wide = wide.reindex(index=people.index, columns=whole).fillna(0.0)
        for month in whole:
            series[metric, f"{month:%Y-%m}"] = wide[month]
            if metric == "orders":
                series["active", f"{month:%Y-%m}"] = (wide[month] > 0).astype(float)
    return table(_levels(people["segment"], series, seed, draws), minimum)


def _levels(groups: pd.Series, series: Mapping, seed: int, draws: int) -> list[dict]:
    """Return a row for each group and figure: Wilson for rates, the bootstrap for amounts."""
    rows = []
    for (metric, period), values in series.items():
        if metric == "active":
            rows += rates(groups, values > 0, metric, period)
    keys = [key for key in series if key[0] != "active"]
    if not keys:
        return rows
    numbers, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    values = np.column_stack([np.ones(len(groups)), *(series[key] for key in keys)])
    spend = [i for i, key in enumerate(keys) if key[0] == "spend"]
    keys = keys + [("revenue_share", keys[i][1]) for i in spend]

    def figures(sums: np.ndarray) -> np.ndarray:
        total = sums.sum(axis=-2, keepdims=True)
        both = np.concatenate([total, sums], axis=-2)
        shares = (both / np.where(total > 0, total, np.nan))[..., 1:][..., spend]
        return np.concatenate([both[..., 1:] / both[..., :1], shares], axis=-1)

    resampled = stats.bootstrap(values, codes.ravel(), figures, draws=draws, seed=seed)
    sizes = np.array([len(groups), *counts])
    cells = np.stack([resampled.estimate, *resampled.interval(sizes[:, None])], axis=-1)
    for i, segment in enumerate([EVERYONE, *numbers]):
        for (metric, period), cell in zip(keys, cells[i], strict=True):
            rows.append(_row(segment, period, metric, *cell, sizes[i]))
    return rows


def rates(
    groups: pd.Series, yes: pd.Series, metric: str, period: str, segments: Iterable | None = None
) -> list[dict]:
    """Return a row for everyone and each group: of how many it is true, with Wilson intervals.

    `groups` and `yes` are the segment of each customer who is counted, and whether it is true;
    `segments` get a row also if none of their customers is counted.
    """
    segments = sorted(groups.unique()) if segments is None else list(segments)
    n = np.array([len(groups), *groups.value_counts().reindex(segments, fill_value=0)])
    count = np.array([yes.sum(), *groups[yes].value_counts().reindex(segments, fill_value=0)])
    value = np.where(n > 0, count / np.maximum(n, 1), np.nan)
    cells = zip([EVERYONE, *segments], value, *stats.wilson(count, n), n, strict=True)
    return [_row(segment, period, metric, *cell) for segment, *cell in cells]


def _row(segment, period, metric, *cell) -> dict:
    values = (int(segment), period, metric, *map(float, cell[:3]), int(cell[3]))
    return dict(zip(COLUMNS, values, strict=False))


# --- outcomes that the study's tables name --------------------------------------------------------

BESIDE = ["others", "times", "times_low", "times_high"]
HELD = ["outcome", "label", "segment", "name", "value", "low", "high", "n", *BESIDE]
HELD += ["p_adjusted", "differs", "suppressed"]


def holdout(run: Run) -> pd.DataFrame:
    """Return of how many members each outcome came true, beside everyone else.

    One row an outcome and segment (0 = everyone): outcome, label, segment, name, value with its 95%
    interval (Wilson), n of whom it is known, the same share among the others, how many times it is
    theirs (`times`, with its 95% interval), p_adjusted (Holm's method, over all segments and
    outcomes), differs, suppressed (few members, or few of them or the others).
    """
    if not run.has("outcomes.parquet"):
        return pd.DataFrame(columns=HELD).astype({"suppressed": bool, "differs": bool})
    happened, minimum = run.read("outcomes.parquet"), run.study.minimum_cell
    labels, called = run.read("segments.parquet")["segment"], names(run)
    rows = pd.DataFrame(
        {"outcome": name, "label": given.label, "segment": segment, "name": called[segment]}
        | _beside_others(happened[name].reindex(labels.index), labels, segment)
        for name, given in run.study.outcomes.items()
        for segment in called
    ).assign(metric="converted", period="after")
    rows["suppressed"] = rows["n"] < minimum
    for _, of in rows.groupby("outcome"):
        family = {("converted", "after"): ("y", "n")}
        rows.loc[of.index, "suppressed"] |= small_shares(of, family, minimum)
    whole = rows[(rows["segment"] == EVERYONE) & rows["suppressed"]]["outcome"]
    rows.loc[rows["outcome"].isin(whole), [*BESIDE, "p"]] = np.nan
    rows.loc[rows["suppressed"], ["value", "low", "high", *BESIDE, "p"]] = np.nan
    own = rows[rows["segment"] != EVERYONE].groupby("outcome")["n"]
    shown = own.transform(lambda n: privacy.shown(n, minimum)).reindex(rows.index)
    rows["n"] = shown.fillna(rows["n"].where(rows["segment"] == EVERYONE))
    rows["p_adjusted"] = stats.adjust(rows["p"])
    return rows.assign(differs=rows["p_adjusted"] <= stats.ALPHA)[HELD]


def _beside_others(happened: pd.Series, labels: pd.Series, segment: int) -> dict:
    known = happened.notna()
    inside = known & ((labels == segment) | (segment == EVERYONE))
    outside = known & ~inside
    counts = [int(x) for rows in (inside, outside) for x in (happened[rows].sum(), rows.sum())]
    own = stats.share(*counts[:2])
    row = {"value": own.value, "low": own.low, "high": own.high, "n": counts[1]}
    row |= dict.fromkeys([*BESIDE, "p"], np.nan)
    if counts[3]:
        row |= dict(zip([*BESIDE[1:], "p"], stats.lift(*counts), strict=True))
        row["others"] = counts[2] / counts[3]
    return row


def standing(rows: pd.DataFrame) -> dict:
    """Return of one outcome how many of all it came true, and which segments stand out."""
    whole, own = rows[rows["segment"] == EVERYONE].iloc[0], rows[rows["segment"] != EVERYONE]
    differ = own[own["differs"].astype(bool)].sort_values("times")
    more, fewer = differ[differ["times"] > 1][::-1], differ[differ["times"] < 1]
    return {
        "state": "few" if whole["suppressed"] else "shown",
        "label": whole["label"],
        "whole": whole,
        "more": [*more["name"]],
        "fewer": [*fewer["name"]],
        "others": "alike" if differ.empty and len(own) > 1 else "some",
        "few": [*own.loc[own["suppressed"], "name"]],
    }


# --- what is not shown ----------------------------------------------------------------------------


def table(rows: list[dict], minimum: int) -> pd.DataFrame:
    """Return rows of figures in the order of `METRICS`, small cells suppressed."""
    frame = pd.DataFrame(rows, columns=COLUMNS[:-1])
    frame = frame[(frame["metric"] != "revenue_share") | (frame["segment"] != EVERYONE)]
    everyone = frame["segment"] == EVERYONE
    frame["suppressed"] = everyone & (frame["n"] < minimum)
    for _, cells in frame[~everyone].groupby(["period", "metric"]):
        frame.loc[cells.index, "suppressed"] = privacy.hidden(cells["n"], minimum)[:-1]
    for family in _families(frame):
        frame["suppressed"] |= small_shares(frame, family, minimum)
    frame["n"] = frame["n"].where(~frame["suppressed"] | (minimum <= 1))
    frame.loc[frame["suppressed"], ["value", "low", "high"]] = np.nan
    place = frame["metric"].map(list(METRICS).index)
    ordered = frame.assign(place=place).sort_values(["place", "period", "segment"], kind="stable")
    return ordered.drop(columns="place").reset_index(drop=True)


def _families(frame: pd.DataFrame) -> list[dict]:
    """Return the shares that are of the same customers, as `small_shares` takes them.

    Of reach and conversion: c converted, r only reached, n not reached.
    """
    there = set(zip(frame["metric"], frame["period"], strict=True))
    nested = [ACTIVITY] + [
        {("reached", period): ("cr", "n"), ("converted", period): ("c", "r")}
        for period in frame["period"].unique()
    ]
    families = [family for family in nested if family.keys() <= there]
    alone = sorted(there - {share for family in families for share in family})
    return families + [{share: ("y", "n")} for share in alone if share[0] in SHARES]


def small_shares(frame: pd.DataFrame, family: dict, minimum: int) -> pd.Series:
    """Return which shares to hide, so that no small count follows from what is shown.

    `frame` has segment (0 = everyone), metric, period, value, n, suppressed (hidden anyway).
    `family` are shares of the same customers: (metric, period) → the cells, a letter each, of which
    it is true, and those of which it is not; each cell alone is one of the two of some share.
    """
    shares = frame[[key in family for key in zip(frame["metric"], frame["period"], strict=True)]]
    segments = sorted(set(shares["segment"]) - {EVERYONE})
    letters = sorted({cell for parts in family.values() for part in parts for cell in part})
    counts = pd.DataFrame(0.0, segments, letters)
    groups, rows = [], []
    for row in shares.itertuples():
        of = [row.segment in (EVERYONE, segment) for segment in segments]
        yes = round(row.value * row.n) if row.n else 0
        for part, number in zip(family[row.metric, row.period], (yes, row.n - yes), strict=True):
            groups.append(np.kron(of, [letter in part for letter in letters]))
            rows.append(row.Index)
            if len(part) == 1 and row.segment != EVERYONE:
                counts.loc[row.segment, part] = number
    each = np.vstack([np.eye(len(segments)), np.ones(len(segments))])
    sizes = np.kron(each, np.ones(len(letters)))
    before = shares["suppressed"].reindex(rows).to_numpy()
    mask = privacy.linked(
        counts.to_numpy().ravel(),
        [*groups, *sizes],
        minimum,
        figures=[*rows, *range(-len(sizes), 0)],
        mask=np.append(before, privacy.hidden(counts.sum(axis=1), minimum)),
    )
    return pd.Series(frame.index.isin(np.array(rows)[mask[: len(rows)]]), frame.index)


def records(frame: pd.DataFrame) -> list[dict]:
    """Return the rows of a frame as JSON-able objects: days as text, what is missing as None."""
    dated = frame.select_dtypes("datetime").columns
    plain = frame.assign(**{c: frame[c].dt.strftime("%Y-%m-%d") for c in dated})
    return plain.astype(object).where(plain.notna(), None).to_dict("records")
