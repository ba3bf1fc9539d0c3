"""What has shifted since an earlier run: columns, and shares of segments.

Nearly the same customers are seen twice, so the two samples are not independent, and the usual
tables for the population stability index do not hold. The null model here is that the two dates
could be exchanged: for each customer a coin decides which of the two rows is called the earlier.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from seglib.clustering.encoding import kind
from seglib.stats import adjust, bootstrap

ALPHA = 0.05
BINS = 10
SWAPS = 1999  # exchanges of the dates; more where many columns need smaller p-values
LOOKS = 3  # columns, shares and fit are looked at: p-values are corrected for that too
MOST = 10_000  # customers looked at; more change nothing but the time


def drawn(frames: list[pd.DataFrame], seed: int) -> list[pd.DataFrame]:
    """Return the rows of at most `MOST` customers of the frames, the same customers in each."""
    everyone = frames[0].index.union(frames[1].index)
    if len(everyone) <= MOST:
        return frames
    kept = everyone[np.sort(np.random.default_rng(seed).permutation(len(everyone))[:MOST])]
    return [frame[frame.index.isin(kept)] for frame in frames]


def columns(
    then: pd.DataFrame, now: pd.DataFrame, lines: list[dict], *, seed: int, draws: int = 0
) -> pd.DataFrame:
    """Return how the distribution of each column has shifted, and whether beyond chance.

    Parameters
    ----------
    then, now
        One row per customer at each date.
    lines
        Of dictionary.json, one for each column looked at.
    seed, draws
        Of the exchanges of the two dates; 0 takes as many as the correction needs.

    Returns
    -------
    pandas.DataFrame
        column; psi (population stability index over tenths of both dates, or levels; missing is a
        level of its own); usual (its 95% quantile if the dates are exchanged); p, p_adjusted (Holm
        over columns, times `LOOKS`); drifted; level (empty for a number, else the level whose share
        moved most); before, after, change, low, high: of the mean, or of the level's share.
    """
    then, now = drawn([then, now], seed)
    everyone = then.index.union(now.index)
    pairs = [(then[line["name"]], now[line["name"]]) for line in lines]
    coded = [_binned(*pair) for pair in pairs]
    tested = _swapped(coded, everyone, seed, draws or max(SWAPS, 100 * LOOKS * len(lines)))
    sized = _sizes(pairs, everyone, seed)
    frame = pd.DataFrame({"column": [line["name"] for line in lines]}).join(tested).join(sized)
    frame["p_adjusted"] = corrected(frame["p"])
    return frame.assign(drifted=frame["p_adjusted"] < ALPHA)


def shares(
    moved: pd.DataFrame, numbers: list[int], *, seed: int, draws: int = SWAPS
) -> tuple[dict, pd.DataFrame]:
    """Return how the segments' shares of customers have shifted under one rule.

    Parameters
    ----------
    moved
        From `migration.states`.
    numbers
        Of the segments of the rule.
    seed, draws
        As in `columns`.

    Returns
    -------
    whole : dict
        psi, usual, p (times `LOOKS`), drifted; moved: the share of customers that went elsewhere
        on balance.
    each : pandas.DataFrame
        segment, before, after, change, low, high (95%).
    """
    kept = drawn([moved, moved], seed)[0]
    k = len(numbers)
    then, now = (kept.loc[kept[name] > 0, name] for name in ("then", "now"))
    levels = pd.CategoricalDtype(numbers)
    pair = then.astype(levels), now.astype(levels)
    whole = _swapped([_binned(*pair)], kept.index, seed, draws).iloc[0].to_dict()
    values = [_hot(of, kept.index, k) for of in (pair[0].cat.codes, pair[1].cat.codes)]
    found = bootstrap(np.hstack(values), np.zeros(len(kept), dtype=int), _proportions, seed=seed)
    low, high = found.interval(len(kept))
    before, after, change = np.split(found.estimate, 3)
    each = pd.DataFrame(
        {"segment": numbers, "before": before, "after": after, "change": change,
         "low": low[2 * k :], "high": high[2 * k :]}
    )  # fmt: skip
    whole["p"] = float(corrected([whole["p"]])[0])
    whole |= {"drifted": bool(whole["p"] < ALPHA), "moved": float(np.abs(change).sum() / 2)}
    return whole, each


def corrected(p) -> np.ndarray:
    """Return p-values corrected for several of a kind (Holm) and for the kinds looked at."""
    return np.minimum(LOOKS * adjust(p), 1.0)


# --- distributions ------------------------------------------------------------------------------


def _binned(then: pd.Series, now: pd.Series) -> tuple[pd.Series, pd.Series, int]:
    """Return bin numbers at both dates and how many there are; missing is the last bin, if any."""
    both = pd.concat([then.astype(object), now.astype(object)])
    if _numeric(then):
        known = both.dropna().astype(float)
        edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else []
        code = pd.Series(np.searchsorted(edges, both.astype(float)), both.index)
        number = len(edges) + 1
    else:
        levels = pd.Index(both.dropna().unique())
        code, number = pd.Series(levels.get_indexer(both), both.index), len(levels)
    gone = both.isna().to_numpy()
    code = code.where(~gone, number)
    number += int(gone.any())
    return code.iloc[: len(then)], code.iloc[len(then) :], number


def _hot(codes: pd.Series, index: pd.Index, number: int) -> np.ndarray:
    """Return indicators, shape (customers, bins); a customer without a row has none."""
    hot = np.zeros((len(index), number))
    hot[index.get_indexer(codes.index), codes.to_numpy(dtype=int)] = 1.0
    return hot


def _swapped(coded: list[tuple], index: pd.Index, seed: int, draws: int) -> pd.DataFrame:
    """Return psi, its usual size and p-value of each column when customers' dates are exchanged."""
    early, late = (np.hstack([_hot(c[place], index, c[2]) for c in coded]) for place in (0, 1))
    total, gap = (early + late).sum(axis=0), early - late
    edges = np.cumsum([0, *(c[2] for c in coded)])
    rng, null = np.random.default_rng((seed, 1)), []
    for start in range(0, draws, 250):
        coins = rng.integers(0, 2, size=(min(250, draws - start), len(index))) * 2.0 - 1.0
        null.append(_psi(total, coins @ gap, edges))
    seen, null = _psi(total, gap.sum(axis=0)[None], edges)[0], np.vstack(null)
    p = (1 + (null >= seen - 1e-12).sum(axis=0)) / (draws + 1)
    return pd.DataFrame({"psi": seen, "usual": np.quantile(null, 0.95, axis=0), "p": p})


def _psi(total: np.ndarray, gap: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the population stability index of each block of bins, half a customer in each bin."""
    first, second = (total + gap) / 2 + 0.5, (total - gap) / 2 + 0.5
    found = []
    for a, b in pairwise(edges):
        one = first[:, a:b] / first[:, a:b].sum(axis=1, keepdims=True)
        two = second[:, a:b] / second[:, a:b].sum(axis=1, keepdims=True)
        found.append(((one - two) * np.log(one / two)).sum(axis=1))
    return np.column_stack(found)


# --- sizes --------------------------------------------------------------------------------------


def _sizes(pairs: list[tuple], index: pd.Index, seed: int) -> pd.DataFrame:
    """Return the change of each column's mean, or of the share of the level that moved most."""
    told, values = [], []
    for pair in pairs:
        level, numbers = _numbers(*pair)
        told.append(level)
        for of in numbers:
            x = of.astype(float).reindex(index).to_numpy()
            values += [~np.isnan(x), np.nan_to_num(x)]
    found = bootstrap(
        np.column_stack(values), np.zeros(len(index), dtype=int), _means, draws=1000, seed=seed
    )
    low, high = found.interval(len(index))
    before, after, change = found.estimate.reshape(-1, 3).T
    return pd.DataFrame(
        {"level": told, "before": before, "after": after, "change": change,
         "low": low[2::3], "high": high[2::3]}
    )  # fmt: skip


def _numbers(then: pd.Series, now: pd.Series) -> tuple[str, tuple[pd.Series, pd.Series]]:
    """Return numbers as they are; of categories the level that moved most, as ones and zeros."""
    if _numeric(then):
        return "", (then, now)
    then, now = then.astype(object), now.astype(object)
    gaps = then.value_counts(normalize=True).sub(now.value_counts(normalize=True), fill_value=0)
    level = gaps.index[int(gaps.abs().to_numpy().argmax())] if len(gaps) else ""
    return str(level), tuple((of == level).where(of.notna()) for of in (then, now))


def _numeric(values: pd.Series) -> bool:
    return kind(values) == "numeric"


def _means(sums: np.ndarray) -> np.ndarray:
    """Return mean before, mean after and their difference, column by column."""
    parts = sums[..., 0, :].reshape(*sums.shape[:-2], -1, 4)
    before, after = parts[..., 1] / parts[..., 0], parts[..., 3] / parts[..., 2]
    found = np.stack([before, after, after - before], axis=-1)
    return found.reshape(*found.shape[:-2], -1)


def _proportions(sums: np.ndarray) -> np.ndarray:
    before, after = np.split(sums[..., 0, :], 2, axis=-1)
    before, after = (of / of.sum(axis=-1, keepdims=True) for of in (before, after))
    return np.concatenate([before, after, after - before], axis=-1)
