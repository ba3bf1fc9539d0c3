"""Comparisons that carry the doubt about who belongs where, for segments with soft membership.

Comparing the most likely members mixes in members of other segments, so differences look smaller
than they are. The BCH weights of :mod:`seglib.clustering.membership` (Bolck, Croon & Hagenaars
2004; Vermunt 2010, *Political Analysis* 18) undo the mixing: a row counts in every segment, by
weights that sum to one and may be negative. Intervals are linearised (sandwich) ones, as Vermunt
advises, and take the table of assignment errors as known.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from seglib.clustering import membership
from seglib.personas.columns import levels_of, numbers
from seglib.stats import UNKNOWN, Estimate


def corrected(found: pd.DataFrame, frame: pd.DataFrame, chance: pd.DataFrame) -> pd.DataFrame:
    """Return descriptors with `corrected`, `corrected_low`, `corrected_high` added.

    Parameters
    ----------
    found : DataFrame
        Of :func:`seglib.personas.profile.descriptors`.
    frame : DataFrame
        The rows that were described.
    chance : DataFrame, shape (rows, k)
        Membership probabilities of the same rows; columns are the numbers of the segments.
    """
    weights = dict(zip(chance.columns, membership.weights(chance.to_numpy()).T, strict=True))
    rows = [
        _compare(level, frame[name], weights[segment], confidence)
        for segment, name, level, confidence in zip(
            *(found[c] for c in ("segment", "name", "level", "confidence")), strict=True
        )
    ]
    added = pd.DataFrame(rows, index=found.index, columns=["value", "low", "high", "p"])
    return found.assign(**{
        "corrected": added["value"], "corrected_low": added["low"], "corrected_high": added["high"],
    })  # fmt: skip


def _compare(level: str, values: pd.Series, inside: np.ndarray, confidence: float) -> Estimate:
    if level:
        text = levels_of(values)
        known = text.notna().to_numpy()
        has = (text == level).to_numpy(dtype=bool, na_value=False).astype(float)
        return lift(has[known], inside[known], 1 - confidence)
    x = numbers(values).to_numpy(dtype=float)
    known = ~np.isnan(x)
    return superiority(x[known], inside[known], 1 - confidence)


def lift(has: np.ndarray, inside: np.ndarray, alpha: float = 0.05) -> Estimate:
    """Return the ratio of a share in a segment to the share elsewhere.

    Parameters
    ----------
    has : array of 0 and 1
    inside : array
        Weight of each row in the segment; elsewhere it weighs the rest to one.
    alpha : float
        One minus the level of the interval, which is symmetric on the log scale.
    """
    outside = 1 - inside
    here, there = _mean(has, inside), _mean(has, outside)
    if not (here > 0 and there > 0):
        return UNKNOWN
    influence = _influence(has, inside, here) / here - _influence(has, outside, there) / there
    reach = norm.isf(alpha / 2) * np.sqrt((influence**2).sum())
    value = np.log(here / there)
    return Estimate(*(float(np.exp(v)) for v in (value, value - reach, value + reach)))


def superiority(x: np.ndarray, inside: np.ndarray, alpha: float = 0.05) -> Estimate:
    """Return the chance that a value in the segment exceeds one elsewhere; ties count half.

    Parameters
    ----------
    x : array of float
    inside : array
        As in :func:`lift`.
    alpha : float
        One minus the level of the interval.
    """
    outside = 1 - inside
    if min(inside.sum(), outside.sum()) < 2:
        return UNKNOWN
    below, above = _below(x, outside), 1 - _below(x, inside)
    value = _mean(below, inside)
    influence = _influence(below, inside, value) + _influence(above, outside, value)
    reach = norm.isf(alpha / 2) * np.sqrt((influence**2).sum())
    low, high = max(value - reach, 0.0), min(value + reach, 1.0)
    return Estimate(float(value), float(low), float(high))


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ values / weights.sum())


def _influence(values: np.ndarray, weights: np.ndarray, mean: float) -> np.ndarray:
    return weights * (values - mean) / weights.sum()


def _below(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted share of rows below each value, half of the equal ones included."""
    distinct, place = np.unique(x, return_inverse=True)
    mass = np.bincount(place, weights, minlength=len(distinct)) / weights.sum()
    return (np.cumsum(mass) - mass / 2)[place]
