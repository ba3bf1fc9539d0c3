"""How sure a number is: Wilson intervals for rates, the bootstrap over customers for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.stats import norm, t
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95
CHUNK = 4_000_000  # cells of a block of resampling counts; bounds memory, not the result
VALID = 0.9  # share of resamples in which a statistic must exist for it to get an interval


def wilson(count, n, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Return the Wilson score interval of a rate (Wilson 1927); NaN where nobody was counted.

    Parameters
    ----------
    count, n : array_like
        Customers of whom it is true, and customers asked.
    level
        Confidence.
    """
    count, n = np.broadcast_arrays(np.asarray(count, float), np.asarray(n, float))
    low, high = proportion_confint(count, np.where(n > 0, n, 1), 1 - level, method="wilson")
    low, high = np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high)  # not 1e-17
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


@dataclass(frozen=True)
class Bootstrap:
    """A statistic and its resampled values.

    The intervals are expanded percentile intervals (Hesterberg 2015, *What teachers should know
    about the bootstrap*, § 5): percentiles moved out so that they have the width of Student's t.
    In simulations with spend as skewed as real spend they held 95% better than BCa for growth.

    Attributes
    ----------
    estimate : ndarray, any shape
    replicates : ndarray, shape (draws, *estimate.shape), sorted along the first axis, NaN last
    """

    estimate: np.ndarray
    replicates: np.ndarray

    def interval(self, n, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper limits; NaN where the statistic does not exist.

        Parameters
        ----------
        n : array_like
            Customers behind each value; Student's t has n - 1 degrees of freedom.
        level
            Confidence.
        """
        stretch, df = _stretch(n)
        z = t.ppf((1 + level) / 2, df) * stretch
        return self._quantile(norm.cdf(-z)), self._quantile(norm.cdf(z))

    def p_value(self, n, null: float = 0.0) -> np.ndarray:
        """Return the two-sided p-value whose test agrees with the interval at every level."""
        stretch, df = _stretch(n)
        count = (self.replicates < null).sum(0) + 0.5 * (self.replicates == null).sum(0)
        valid = np.maximum(self._count(), 1)
        below = np.clip(count / valid, 0.5 / valid, 1 - 0.5 / valid)
        return np.where(self._exists(), 2 * t.sf(np.abs(norm.ppf(below)) / stretch, df), np.nan)

    def _count(self) -> np.ndarray:
        return (~np.isnan(self.replicates)).sum(0)

    def _exists(self) -> np.ndarray:
        return (self._count() >= VALID * len(self.replicates)) & ~np.isnan(self.estimate)

    def _quantile(self, q) -> np.ndarray:
        """Return a quantile of its own for every value, of the resamples that are not NaN."""
        last = np.maximum(self._count() - 1, 0)
        place = np.broadcast_to(q, last.shape) * last
        lower = np.floor(place).astype(int)
        low, high = (
            np.take_along_axis(self.replicates, np.minimum(i, last)[None], 0)[0]
            for i in (lower, lower + 1)
        )
        with np.errstate(invalid="ignore"):
            return np.where(self._exists(), low + (place - lower) * (high - low), np.nan)


def _stretch(n) -> tuple[np.ndarray, np.ndarray]:
    n = np.maximum(np.asarray(n, float), 2)
    return np.sqrt(n / (n - 1)), n - 1


def bootstrap(
    values: np.ndarray,
    groups: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Bootstrap:
    """Resample customers and recompute a statistic of the sums of their groups.

    Whole customers are drawn, with everything they did, so that what a customer did before and
    after, or in different months, stays together.

    Parameters
    ----------
    values : ndarray, shape (customers, columns)
    groups : ndarray of int, shape (customers,)
        Group of each customer, 0 … G - 1.
    statistic
        From sums, shape (…, G, columns), to an array of shape (…, anything).
    draws, seed
        Number of resamples, and the seed that makes them the same every time.
    """
    order = np.argsort(groups, kind="stable")
    values, groups = np.asarray(values, float)[order], np.asarray(groups)[order]
    edges = np.searchsorted(groups, np.arange(groups.max() + 2))
    total = _sums(np.ones((1, len(values))), values, edges)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        resampled = [
            statistic(_sums(counts, values, edges))
            for counts in _counts(len(values), draws, np.random.default_rng(seed))
        ]
        estimate = np.asarray(statistic(total), float)
    replicates = np.concatenate(resampled)
    exists = np.isfinite(replicates)
    return Bootstrap(estimate, np.sort(np.where(exists, replicates, np.nan), axis=0))


def _counts(n: int, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each customer is drawn, in blocks of shape (resamples, n)."""
    rows = max(1, CHUNK // n)
    for start in range(0, draws, rows):
        size = min(rows, draws - start)
        picked = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        yield np.bincount(picked.ravel(), minlength=size * n).reshape(size, n).astype(float)


def _sums(counts: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    blocks = pairwise(edges)
    return np.stack([counts[:, a:b] @ values[a:b] for a, b in blocks], axis=1)
