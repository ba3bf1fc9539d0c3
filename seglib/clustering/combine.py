"""Two bases crossed: a scheme of cells, offered only where it adds something out of sample.

A crossing has more cells than either base has segments, so its rivals are every single base, the
two bases cut into as many segments as there are cells, and the segments in use. Outcomes judge the
crossings and choose among them, so certainty comes from a test that allows for all that were tried.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.cluster import k_means

from seglib.clustering.prediction import (
    BOOTSTRAPS,
    folds,
    held_out,
    indicators,
    interval,
    target,
    varies,
)
from seglib.stats import adjust

WORTH = 0.01  # R² or AUC that a crossing must add: one hundredth of the variation
LEVEL = 0.05  # of all tests together
PERMUTATIONS = 999
STARTS = 5
RULE = (
    "Two bases are combined if the crossing predicts an outcome, on customers left out of the fit, "
    "better by 0.01 or more (R² or AUC) than each of its rivals – every single base, either base "
    "cut into as many segments as the crossing has, and the segments in use – with a 95% interval "
    "above nothing, and if each base still tells something within the fine segments of the other "
    "(permutation test, Holm-corrected at 5% over all pairs and outcomes tried)."
)


def cross(first: np.ndarray, second: np.ndarray, minimum: int) -> tuple[np.ndarray, list[dict]]:
    """Cross two labellings and merge small cells.

    Cells below ``minimum`` are merged with each other inside a segment of the first base, then
    with its largest cell; a segment that is itself too small goes to the largest cell of all.

    Returns
    -------
    cells : array
        Cell of each customer, counted from 0.
    about : list of dict
        ``n`` and the pairs of segments (``first``, ``second``) in each cell.
    """
    table = pd.crosstab(first, second)
    place: dict[tuple, tuple] = {}
    for a, counts in table.iterrows():
        small = [b for b in counts.index if 0 < counts[b] < minimum]
        home = (a, small[0]) if small else None
        if small and counts[small].sum() < minimum:
            home = (a, counts.idxmax()) if counts.max() >= minimum else None
        home = home or (table.stack().idxmax())
        for b in counts.index[counts > 0]:
            place[a, b] = home if b in small else (a, b)
    homes = sorted(set(place.values()))
    number = {home: i for i, home in enumerate(homes)}
    cells = np.array([number[place[pair]] for pair in zip(first, second, strict=True)])
    about = [
        {"n": int((cells == i).sum()),
         "parts": [[int(a), int(b)] for (a, b), where in place.items() if where == home]}
        for i, home in enumerate(homes)
    ]  # fmt: skip
    return cells, about


def still_tells(cells, given, outcomes: np.ndarray, seed: int) -> np.ndarray:
    """Chance that cells tell as much where, within each given segment, they tell nothing.

    Parameters
    ----------
    cells, given : array, shape (rows,)
        Cells of a crossing; the segments within which outcomes are shuffled.
    outcomes : array, shape (rows, outcomes)

    Returns
    -------
    array, shape (outcomes,)
        Permutation p-values (Phipson & Smyth 2010: one is added above and below).
    """
    rng = np.random.default_rng(seed)
    given = pd.factorize(np.asarray(given))[0]
    means = pd.DataFrame(outcomes).groupby(given).transform("mean").to_numpy()
    rest, count = outcomes - means, np.maximum(np.bincount(cells), 1)
    order = np.argsort(given, kind="stable")

    def told(values: np.ndarray) -> np.ndarray:
        return np.array([(np.bincount(cells, v) ** 2 / count).sum() for v in values.T])

    seen, beyond, shuffled = told(rest), 0, np.empty_like(rest)
    for _ in range(PERMUTATIONS):
        shuffled[order] = rest[np.argsort(given + rng.random(len(given)))]
        beyond = beyond + (told(shuffled) >= seen * (1 - 1e-12))
    return (1 + beyond) / (PERMUTATIONS + 1)


def combine(ways, outcomes: pd.DataFrame, *, used, minimum: int, most: int, seed: int) -> dict:
    """Try every pair of bases; return the ``pairs`` tried and the ``combined`` scheme, or None.

    Parameters
    ----------
    ways : list of Way
        As :func:`seglib.clustering.bases.cut` makes them.
    outcomes : DataFrame
        What happened afterwards; each pair is judged on all customers of whom both are known.
    used : Series or None
        The segments in use.
    minimum, most : int
        Smallest cell; customers looked at.
    """
    tried = [
        row
        for one, two in combinations(ways, 2)
        for row in _pair(one, two, ways, outcomes, used, minimum, most, seed)
    ]
    if not tried:
        return {"pairs": [], "combined": None}
    adjusted = adjust([row["p"] for row in tried])
    for row, p in zip(tried, adjusted, strict=True):
        row["p_adjusted"] = float(p)
        row["adds"] = bool(row["ahead"] and p <= LEVEL)
    winners = [row for row in tried if row["adds"]]
    if not winners:
        return {"pairs": tried, "combined": None}
    best = max(winners, key=lambda row: row["gain"]["value"])
    return {"pairs": tried, "combined": _scheme(best, winners, ways, outcomes, minimum)}


def _pair(one, two, ways, outcomes, used, minimum: int, most: int, seed: int) -> list[dict]:
    """Judge one crossing on every outcome."""
    both = outcomes.index.intersection(one.labels.index).intersection(two.labels.index)
    both = both[np.sort(np.random.default_rng(seed).permutation(len(both))[:most])]
    cells, about = cross(one.labels.loc[both].to_numpy(), two.labels.loc[both].to_numpy(), minimum)
    names = [c for c in outcomes if varies(outcomes.loc[both, c].to_numpy(dtype=float))]
    if len(about) <= max(one.k, two.k) or not names:
        return []
    finer = {way.name: _finer(way.encoded.loc[both].to_numpy(), len(about), seed)
             for way in (one, two)}  # fmt: skip
    rivals = {way.name: way.labels.loc[both] for way in ways if both.isin(way.labels.index).all()}
    rivals |= {f"{name}, cut as finely": labels for name, labels in finer.items()}
    if used is not None and both.isin(used.index).all():
        rivals["the segments used"] = used.loc[both]
    targets = [target(outcomes.loc[both, name].to_numpy(dtype=float)) for name in names]
    values = np.column_stack([about_y[0] for about_y in targets])
    splits = folds(len(values), seed, 2)
    own = held_out(indicators(cells), values, splits)
    others = {name: held_out(indicators(labels), values, splits) for name, labels in rivals.items()}
    rows = [
        _judged(own[:, i], {n: p[:, i] for n, p in others.items()}, y, metric, score, seed)
        for i, (y, metric, score, _) in enumerate(targets)
    ]
    chance = np.ones(len(rows))  # only where the crossing is ahead can the test matter
    if any(row["ahead"] for row in rows):
        worst = [still_tells(cells, labels, values, seed) for labels in finer.values()]
        chance = np.where([row["ahead"] for row in rows], np.max(worst, axis=0), 1.0)
    pair = {"first": one.name, "second": two.name, "n": len(both), "cells": len(about)}
    return [
        {**pair, "outcome": str(name), **row, "p": float(p)}
        for name, row, p in zip(names, rows, chance, strict=True)
    ]


def _finer(x: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Cut a base into as many segments as a crossing has (fewer if so few customers differ)."""
    k = min(k, len(np.unique(x, axis=0)))
    return k_means(x, k, n_init=STARTS, random_state=seed)[1]


def _judged(own, others: dict, y: np.ndarray, metric: str, score, seed: int) -> dict:
    """Score a crossing's predictions beside its rivals'; `gain` is over the best of them."""
    draws = np.random.default_rng(seed).integers(len(y), size=(BOOTSTRAPS, len(y)))

    def drawn(p: np.ndarray) -> np.ndarray:
        return np.array([score(y[d], p[d]) for d in draws])

    value, resampled = score(y, own), drawn(own)
    behind = {name: value - score(y, p) for name, p in others.items()}

    def gain(name: str) -> dict:
        return {"over": name, **interval(behind[name], resampled - drawn(others[name]))}

    closest = gain(min(behind, key=behind.get))
    single = gain(min((name for name in behind if not _is_extra(name)), key=behind.get))
    ahead = closest["value"] >= WORTH and all(gain(name)["low"] > 0 for name in behind)
    return {
        "metric": metric, "score": interval(value, resampled), "gain": closest,
        "over_single": single, "ahead": bool(ahead),
    }  # fmt: skip


def _is_extra(name: str) -> bool:
    return name.endswith("cut as finely") or name == "the segments used"


def _scheme(best: dict, winners: list[dict], ways, outcomes: pd.DataFrame, minimum: int) -> dict:
    """Describe the crossing that adds most: its cells, and what each did afterwards."""
    one, two = (next(w for w in ways if w.name == best[key]) for key in ("first", "second"))
    both = outcomes.index.intersection(one.labels.index).intersection(two.labels.index)
    cells, about = cross(one.labels.loc[both].to_numpy(), two.labels.loc[both].to_numpy(), minimum)
    y = outcomes.loc[both, best["outcome"]].to_numpy(dtype=float)
    return {
        "first": one.name, "second": two.name, "outcome": best["outcome"],
        "outcomes": [row["outcome"] for row in winners
                     if (row["first"], row["second"]) == (one.name, two.name)],
        "cells": [{**cell, **_mean(y[cells == i], len(about))} for i, cell in enumerate(about)],
    }  # fmt: skip


def _mean(y: np.ndarray, cells: int) -> dict:
    """Mean with a t interval, 95 % for all cells together (Bonferroni)."""
    mean, error = float(y.mean()), float(y.std(ddof=1) / np.sqrt(len(y)))
    reach = float(stats.t.ppf(1 - 0.025 / cells, len(y) - 1)) * error
    return {"mean": mean, "low": mean - reach, "high": mean + reach}
