"""How well an earlier rule fits: how far customers are from their own segment, now and then."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from seglib.clustering import SegmentModel, algorithms
from seglib.measuring.drift import ALPHA, corrected, drawn
from seglib.stats import bootstrap, wilson

FAR = 0.99  # quantile of the distances of before
FOLDS = 5


def fitted(model: dict, then: pd.DataFrame, now: pd.DataFrame, *, seed: int) -> dict:
    """Return how far customers are from their own segment now, against then.

    The rule was fitted on the earlier rows, and would for that reason alone lie closer to them.
    So customers are measured at both dates from rules that were refitted without them, in five
    parts; then exchanging the dates changes nothing unless something has changed.

    Parameters
    ----------
    model
        The earlier rule.
    then, now
        One row per customer at each date; those in both are compared.
    seed
        Of the parts, the refits and the bootstrap.

    Returns
    -------
    dict
        what (distance, or surprise: minus the log of the likelihood); n; before, after; change
        with low and high (95%) and p; far: the share beyond the 99th percentile of before, with
        low, high and p; drifted: either p, corrected (`drift.corrected`), is below 5%.
    """
    then, now = drawn([then, now], seed)
    both = then.index.intersection(now.index)
    early, late = _unseen(model, then, now.loc[both], both, seed)
    ratio = model["parameters"]["method"] == "kmeans"
    values = np.column_stack([np.ones(len(both)), early, late])
    found = bootstrap(values, np.zeros(len(both), dtype=int), _shift(ratio), seed=seed)
    low, high = found.interval(len(both))
    limit = np.quantile(early, FAR)
    far = late > limit
    gained, lost = int((far & (early <= limit)).sum()), int((~far & (early > limit)).sum())
    tests = [float(found.p_value(len(both))), _flip(gained, lost)]
    ends = wilson(int(far.sum()), len(both))
    closer, away = corrected(tests)
    return {
        "what": "distance" if ratio else "surprise", "n": len(both), "relative": ratio,
        "before": float(early.mean()), "after": float(late.mean()),
        "change": float(found.estimate), "low": float(low), "high": float(high), "p": float(closer),
        "far": {"value": float(far.mean()), "low": float(ends[0]), "high": float(ends[1]),
                "p": float(away)},
        "drifted": bool(min(closer, away) < ALPHA),
    }  # fmt: skip


def _unseen(model: dict, then, now, both: pd.Index, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the misfit of customers at both dates under rules refitted without them."""
    rule, params = SegmentModel.from_dict(model), model["parameters"]
    metric = np.array(params["metric"]) if params.get("metric") else None
    x, y = rule.data(then), rule.data(now)
    place = then.index.get_indexer(both)
    part = np.random.default_rng((seed, 2)).permutation(np.arange(len(both)) % FOLDS)
    early, late = np.empty(len(both)), np.empty(len(both))
    for fold in range(FOLDS):
        here = part == fold
        others = np.delete(x, place[here], axis=0)
        refit = algorithms.fit(params["method"], others, model["k"], metric=metric,
                               levels=rule.encoder_.levels, seed=seed, restarts=5)  # fmt: skip
        early[here], late[here] = _misfit(refit, x[place[here]]), _misfit(refit, y[here])
    return early, late


def _misfit(params: dict, x: np.ndarray) -> np.ndarray:
    best = algorithms.scores(params, x).max(axis=1)
    return np.sqrt(-2 * params["softness"] * best) if params["method"] == "kmeans" else -best


def _shift(relative: bool):
    """Return the statistic of the change: relative for distances, a difference for surprise."""

    def statistic(sums: np.ndarray) -> np.ndarray:
        n, early, late = np.moveaxis(sums[..., 0, :], -1, 0)
        return late / early - 1 if relative else (late - early) / n

    return statistic


def _flip(gained: int, lost: int) -> float:
    """Return the exact p-value that as many are far only now as were far only then."""
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
