"""How each segment changed: beside everyone, beside all others, and beside a placebo.

A segment formed on high spend falls back by itself, because part of the high spend was luck
(regression to the mean, Galton 1886). Comparing with the others does not remove that. Comparing
the same rule at two dates, one period apart, does so as far as the periods are alike.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from seglib import privacy
from seglib.measuring.measure import rates, returning, table
from seglib.stats import LEVEL, Bootstrap, adjust, bootstrap

COMPARED = {"active": "difference", "orders": "ratio", "spend": "ratio"}
PARTS = ("change", "gap", "again_gap", "placebo_gap", "excess")
ALIKE = 1.25  # a placebo segment compares if its level is within this factor
KEYS = ["segment", "metric"]


def changes(
    people: pd.DataFrame,
    pair: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    *,
    minimum: int,
    seed: int,
    draws: int = 2000,
) -> pd.DataFrame:
    """Return how each segment changed from before to after the cut-off date.

    Activity changes by a difference in shares; orders and spend by growth (after / before - 1),
    on which a season that moves all segments alike is the same for all. Two changes in activity
    are compared by their difference, two growths by (1 + one) / (1 + other) - 1. Customers whose
    first order falls into the period before are left out: they did not have the whole of it.

    Parameters
    ----------
    people
        From `measure.people`.
    pair
        The same for the segments formed again now and one period earlier, from `placebo.pair`.
    minimum
        With fewer customers (for growth: fewer active before) a segment's change is suppressed.
    seed, draws
        Of the bootstrap over customers; a customer is drawn with all dates.

    Returns
    -------
    pandas.DataFrame
        One row a segment (0 = everyone) and metric. `change` of the segment; `everyone`: that of
        all; `gap`: the segment's change against that of all other customers; `again_gap`,
        `placebo_gap`: the same of the segment formed again now and one period earlier; `excess`:
        the first against the second of these; each with `_low`, `_high` (95%). `level`: mean
        before, relative to everyone's; `again_level`, `placebo_level` likewise. `tested`: what the
        p-values are of: gap (no pair was given), excess, or nothing (the placebo segment stood at
        another level, so it says little about this one); `p`; `p_adjusted` (Holm 1979, over the
        segments of one metric); `differs`; `newcomers`: share left out; `n`;
        both missing where the newcomers are fewer than the minimum; `suppressed`. Empty
        without both periods.
    """
    compared = [m for m in COMPARED if {f"{m}_before", f"{m}_after"} <= set(people.columns)]
    if not compared:
        return pd.DataFrame(columns=["segment", "metric", "change", "gap", "excess", "differs"])
    new = people.groupby("segment")["newcomer"].mean()
    known = sorted(people["segment"].unique())
    dates = [date[~date["newcomer"]] for date in (people, *(pair or ()))]
    values, codes, margins = _cells(dates, known, compared)

    found = bootstrap(
        values, codes, lambda sums: _figures(sums, margins, compared), draws=draws, seed=seed
    )
    n = [_behind(date, known, compared) for date in dates]
    behind = [n[0], n[0], *n[1:], *([np.minimum(n[1], n[2])] if pair else [])]
    frame = _frame(found, np.stack(behind, axis=-1), known, compared)
    for name, date in zip(("level", "again_level", "placebo_level"), dates, strict=False):
        frame[name] = _levels(date, known, compared)
    frame["newcomers"] = frame["segment"].map(new).fillna(people["newcomer"].mean())
    frame = _judged(frame, minimum, _small(people, minimum))
    few = frame["segment"].isin(_few_newcomers(people, minimum))
    return frame.assign(**frame[["newcomers", "n"]].mask(few))


def _few_newcomers(people: pd.DataFrame, minimum: int) -> set[int]:
    """Return the segments, 0 for everyone, whose newcomers are too few to be counted."""
    counts = people.groupby("segment")["newcomer"].sum()
    if not counts.sum():
        return set()
    hidden = privacy.shown(counts, minimum).isna()
    return {*hidden[hidden].index, *([0] if counts.sum() < minimum else [])}


def _small(people: pd.DataFrame, minimum: int) -> set[int]:
    """Return the segments whose change in activity would tell a share that is not shown."""
    rows = [
        row
        for period in ("before", "after")
        if f"active_{period}" in people
        for row in rates(people["segment"], people[f"active_{period}"] > 0, "active", period)
    ]
    shares = table(rows + returning(people), minimum)
    return set(shares[(shares["metric"] == "active") & shares["suppressed"]]["segment"])


def _cells(dates: list[pd.DataFrame], known: list, compared: list[str]):
    """Return values and cell of every customer, and for each date which cells make a segment.

    A cell is a combination of the segments at the dates, so that customers are drawn once for all.
    """
    index = dates[0].index
    for date in dates[1:]:
        index = index.union(date.index)
    columns = [f"{m}_{period}" for m in compared for period in ("before", "after")]
    blocks, places = [], []
    for date in dates:
        there = pd.Series(1.0, date.index, name="n").to_frame().join(date[columns])
        blocks.append(there.reindex(index).fillna(0.0))
        places.append(pd.Index(known).get_indexer(date["segment"].reindex(index)))
    cells, codes = np.unique(np.column_stack(places), axis=0, return_inverse=True)
    margins = [(cells[:, i] == np.arange(len(known))[:, None]) * 1.0 for i in range(len(dates))]
    return np.hstack(blocks), codes.ravel(), margins


def _figures(sums: np.ndarray, margins: list[np.ndarray], compared: list[str]) -> np.ndarray:
    """Return every part of PARTS, shape (…, 1 + segments, metrics, parts)."""
    wide = np.split(sums, len(margins), axis=-1)
    own, *both = (
        _change_and_gap(m @ part, compared) for m, part in zip(margins, wide, strict=True)
    )
    gaps = [part[..., 1] for part in both]
    gaps += [_apart(*gaps, compared)] if both else []
    return np.concatenate([own, *(gap[..., None] for gap in gaps)], axis=-1)


def _change_and_gap(sums: np.ndarray, compared: list[str]) -> np.ndarray:
    """Return change and gap, shape (…, 1 + segments, metrics, 2); everyone has no gap."""
    total = sums.sum(axis=-2, keepdims=True)
    change = _change(np.concatenate([total, sums], axis=-2), compared)
    gap = np.full_like(change, np.nan)
    gap[..., 1:, :] = _apart(change[..., 1:, :], _change(total - sums, compared), compared)
    return np.stack([change, gap], axis=-1)


def _change(sums: np.ndarray, compared: list[str]) -> np.ndarray:
    before, after, size = sums[..., 1::2], sums[..., 2::2], sums[..., :1]
    ratio = np.array([COMPARED[metric] == "ratio" for metric in compared])
    base = np.where(ratio, np.where(before > 0, before, np.nan), np.where(size > 0, size, np.nan))
    return (after - before) / base


def _apart(one: np.ndarray, other: np.ndarray, compared: list[str]) -> np.ndarray:
    """Return how far two changes are apart: shares by their difference, growth by its ratio."""
    ratio = np.array([COMPARED[metric] == "ratio" for metric in compared])
    return np.where(ratio, (1 + one) / (1 + other) - 1, one - other)


def _behind(date: pd.DataFrame, known: list, compared: list[str]) -> np.ndarray:
    """Return the customers behind each change, shape (1 + segments, metrics)."""
    by = date.groupby("segment")["active_before"]
    size, active = (x.reindex(known).fillna(0).to_numpy() for x in (by.size(), by.sum()))
    chosen = [size if COMPARED[metric] == "difference" else active for metric in compared]
    return np.stack([np.concatenate([[c.sum()], c]) for c in chosen], axis=1)


def _frame(found: Bootstrap, n: np.ndarray, known: list, compared: list[str]) -> pd.DataFrame:
    """Return a row for each segment and metric, with every part, its interval and p-value."""
    low, high = found.interval(n)
    p = found.p_value(n)
    rows = pd.MultiIndex.from_product([[0, *map(int, known)], compared], names=KEYS)
    frame = pd.DataFrame(index=rows).reset_index()
    for i, part in enumerate(PARTS):
        for name, values in (("", found.estimate), ("_low", low), ("_high", high)):
            frame[part + name] = values[..., i].ravel() if i < n.shape[-1] else np.nan
    whole = frame[frame["segment"] == 0].set_index("metric")["change"]
    frame["everyone"] = frame["metric"].map(whole)
    frame["tested"] = "gap" if n.shape[-1] == 2 else "excess"
    frame["p"] = p[..., 1 if n.shape[-1] == 2 else -1].ravel()
    frame["n"] = n[..., 0].ravel().astype(int)
    frame["pair_n"] = n[..., -1].ravel() if n.shape[-1] > 2 else np.nan
    return frame.assign(again_level=np.nan, placebo_level=np.nan)


def _levels(date: pd.DataFrame, known: list, compared: list[str]) -> np.ndarray:
    """Return each segment's mean before relative to everyone's, segment by segment."""
    columns = [f"{metric}_before" for metric in compared]
    means = date.groupby("segment")[columns].mean().reindex(known)
    overall = date[columns].mean()
    overall = overall.where(overall > 0)  # a level beside nothing is none
    return np.concatenate([np.ones(len(columns)), (means / overall).to_numpy().ravel()])


def _judged(frame: pd.DataFrame, minimum: int, small: set[int]) -> pd.DataFrame:
    """Hide what is too small or unlike, and adjust the p-values over a metric's segments."""
    few_active = (frame["metric"] == "active") & frame["segment"].isin(small)
    frame["suppressed"] = (frame["n"] < minimum) | few_active
    few = frame.pop("pair_n") < minimum
    levels = frame["placebo_level"] / frame["again_level"]
    alike = levels.where(levels > 0).map(np.log).abs() <= np.log(ALIKE)
    unlike = ~alike & (frame["tested"] == "excess")
    frame["tested"] = frame["tested"].mask(few | unlike, "nothing")
    _hide(frame, frame["suppressed"], ["change", "gap", "excess"])
    _hide(frame, few, ["again_gap", "placebo_gap"])
    _hide(frame, few | unlike, ["excess"])
    frame["n"] = frame["n"].where(~frame["suppressed"])
    frame.loc[frame["suppressed"] | (frame["tested"] == "nothing"), "p"] = np.nan
    frame["p_adjusted"] = np.nan
    for _, family in frame[frame["p"].notna()].groupby("metric"):
        frame.loc[family.index, "p_adjusted"] = adjust(family["p"])
    frame["differs"] = frame["p_adjusted"] < 1 - LEVEL
    return frame.sort_values(KEYS[::-1], key=_rank, kind="stable").reset_index(drop=True)


def _hide(frame: pd.DataFrame, rows: pd.Series, parts: list[str]) -> None:
    frame.loc[rows, [part + end for part in parts for end in ("", "_low", "_high")]] = np.nan


def _rank(column: pd.Series) -> pd.Series:
    return column.map({m: i for i, m in enumerate(COMPARED)}) if column.name == "metric" else column
