"""Intervals, effect sizes, the bootstrap, and multiplicity: each once, for every notebook.

Functions take arrays and return an `Estimate` or arrays; none knows of customers or segments.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm, rankdata, t
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    test_proportions_2indep,
)

ALPHA = 0.05
LEVEL = 1 - ALPHA
ROWS = 20_000  # of a sample; and bundles of customers that the bootstrap draws where they are more
CHUNK = 4_000_000  # cells of a block of resampling counts; bounds memory, not the result
LEAST_P = 1e-100  # smaller p-values are all the same
VALID = 0.9  # share of resamples in which a statistic must exist for it to get an interval


class Estimate(NamedTuple):
    """A number, its interval and, where a test makes sense, its p-value."""

    value: float
    low: float
    high: float
    p: float = np.nan


UNKNOWN = Estimate(np.nan, np.nan, np.nan)


def sample(table, seed: int = 0, most: int = ROWS):
    """Return at most so many rows of a frame, drawn at random, in their order."""
    rows = np.random.default_rng(seed).permutation(len(table))[:most]
    return table.iloc[np.sort(rows)]


# --- multiplicity ---------------------------------------------------------------------------------


def adjust(p_values, method: str = "holm") -> np.ndarray:
    """Return p-values adjusted for how many they are; missing ones are no tests, and stay.

    `holm` is the family-wise correction (Holm 1979, Scand. J. Stat. 6), `fdr_bh` the false
    discovery rate (Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57).
    """
    p = np.asarray(p_values, float)
    adjusted, tested = np.full(p.shape, np.nan), ~np.isnan(p)
    if tested.any():
        adjusted[tested] = multipletests(p[tested], method=method)[1]
    return adjusted


# --- shares ---------------------------------------------------------------------------------------


def wilson(count, n, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Return the Wilson score interval of shares (Wilson 1927); NaN where nobody was counted."""
    count, n = np.broadcast_arrays(np.asarray(count, float), np.asarray(n, float))
    low, high = proportion_confint(count, np.where(n > 0, n, 1), 1 - level, method="wilson")
    low, high = np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high)  # not 1e-17
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def share(count: int, n: int, alpha: float = ALPHA) -> Estimate:
    """Return a share with its Wilson interval."""
    if n == 0:
        return UNKNOWN
    low, high = wilson(count, n, 1 - alpha)
    return Estimate(count / n, float(low), float(high))


def difference(count: int, n: int, others: int, n_others: int, alpha: float = ALPHA) -> Estimate:
    """Return the difference of two shares with Newcombe's interval (1998, method 10)."""
    if not (n and n_others):
        return UNKNOWN
    low, high = confint_proportions_2indep(
        count, n, others, n_others, compare="diff", method="newcomb", alpha=alpha
    )
    return Estimate(count / n - others / n_others, float(low), float(high))


def difference_test(count: int, n: int, others: int, n_others: int) -> float:
    """Return the p-value of a difference of two shares: the level at which Newcombe's reaches 0.

    Test and interval agree by this; the smallest p-value returned is 1e-100.
    """
    value, low, high, _ = difference(count, n, others, n_others, alpha=LEAST_P)
    if value == 0:
        return 1.0
    if low > 0 or high < 0:
        return LEAST_P

    def nearest(level: float) -> float:
        result = difference(count, n, others, n_others, alpha=np.exp(level))
        return result.low if value > 0 else -result.high

    return float(np.exp(brentq(nearest, np.log(LEAST_P), np.log(1 - 1e-9), xtol=1e-6)))


def lift(count: int, n: int, others: int, n_others: int, alpha: float = ALPHA) -> Estimate:
    """Return the ratio of two shares with its score interval and p-value.

    Both are the same score statistic (Miettinen & Nurminen 1985, Statistics in Medicine 4), so that
    the interval leaves out 1 exactly when the p-value is below `alpha`.
    """
    if not (n and n_others) or not 0 < count + others < n + n_others or not others or not count:
        return UNKNOWN
    table = (count, n, others, n_others)
    with np.errstate(divide="ignore", invalid="ignore"):  # of an odds ratio that is not used
        low, high = confint_proportions_2indep(*table, compare="ratio", method="score", alpha=alpha)
        test = test_proportions_2indep(*table, compare="ratio", method="score")
    value = count / n / (others / n_others)
    return Estimate(value, float(low), float(high), float(test.pvalue))


# --- numbers --------------------------------------------------------------------------------------


def superiority(inside, outside, alpha: float = ALPHA) -> Estimate:
    """Return the probability of superiority: that a value inside exceeds one outside (the AUC).

    0.5 means no difference; ties count half, missing values are passed over. Variance after DeLong,
    DeLong & Clarke-Pearson (1988, Biometrics 44), interval on the logit scale; where the groups do
    not overlap, the score interval of Newcombe (2006, Statistics in Medicine 25, method 5), which
    statsmodels' `rank_compare_2indep` does not have.
    """
    x, y = _without_missing(inside), _without_missing(outside)
    m, n = len(x), len(y)
    if min(m, n) < 2:
        return UNKNOWN
    ranks = rankdata(np.concatenate([x, y]))
    above = (ranks[:m] - rankdata(x)) / n  # share of the others below each value inside
    below = 1 - (ranks[m:] - rankdata(y)) / m
    value = float(above.mean())
    z = norm.isf(alpha / 2)
    if value in (0.0, 1.0):
        bound = float(brentq(lambda v: 1 - v - z * _hanley(v, m, n), 1e-9, 1 - 1e-12))
        p = float(norm.sf(0.5 / _hanley(0.5, m, n)) * 2)
        return Estimate(1.0, bound, 1.0, p) if value else Estimate(0.0, 0.0, 1 - bound, p)
    error = np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n) / (value * (1 - value))
    low, high = expit(logit(value) + np.array([-z, z]) * error)
    p = 2 * norm.sf(abs(logit(value)) / error) if error > 0 else float(value == 0.5)
    return Estimate(value, float(low), float(high), float(p))


def _hanley(theta: float, m: int, n: int) -> float:
    """Return the standard error of the chance under Hanley & McNeil (1982), sizes averaged."""
    size = (m + n) / 2 - 1
    extra = 1 + size * ((1 - theta) / (2 - theta) + theta / (1 + theta))
    return float(np.sqrt(theta * (1 - theta) * extra / (m * n)))


def mean(values, alpha: float = ALPHA) -> Estimate:
    """Return a mean with the interval of the normal approximation."""
    x = _without_missing(values)
    if len(x) < 2:
        return UNKNOWN
    reach = norm.isf(alpha / 2) * x.std(ddof=1) / np.sqrt(len(x))
    return Estimate(float(x.mean()), float(x.mean() - reach), float(x.mean() + reach))


def ratio_of_means(top, bottom, alpha: float = ALPHA, others: tuple | None = None) -> Estimate:
    """Return sum(top) / sum(bottom) over customers, by the delta method on the log scale.

    With `others`, the same two arrays of a comparison group, the ratio of the two ratios.
    """
    value, variance = _log_ratio(top, bottom)
    if others is not None:
        against, more = _log_ratio(*others)
        value, variance = value - against, variance + more
    reach = norm.isf(alpha / 2) * np.sqrt(variance)
    return Estimate(*(float(np.exp(v)) for v in (value, value - reach, value + reach)))


def _log_ratio(top, bottom) -> tuple[float, float]:
    top, bottom = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    a, b, n = top.sum(), bottom.sum(), len(top)
    if n < 2 or a <= 0 or b <= 0:
        return np.nan, np.nan
    influence = top / a - bottom / b
    return float(np.log(a / b)), float((influence**2).sum() * n / (n - 1))


def _without_missing(values) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[~np.isnan(values)]


# --- bootstrap ------------------------------------------------------------------------------------


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
        """Return lower and upper limits, of `n` customers; NaN where there is no statistic."""
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

    Whole customers are drawn, so that what one did before and after stays together. `values` has
    shape (customers, columns), `groups` the group of each, 0 … G - 1; `statistic` takes sums of
    shape (…, G, columns) to (…, anything). More than 20,000 customers are put into as many bundles
    at random, which are drawn whole: ratios of sums vary as much, in less time and memory.
    """
    order, n, rng = np.argsort(groups, kind="stable"), len(groups), np.random.default_rng(seed)
    values, groups = np.asarray(values, float)[order], np.asarray(groups)[order]
    edges = np.searchsorted(groups, np.arange(groups.max() + 2))
    parts = [(slice(a, b), values[a:b]) for a, b in pairwise(edges)]
    total = _sums(np.ones((1, n)), parts)[0]
    if n > ROWS:
        parts, n = _bundled(parts, rng.permutation(n) % ROWS), ROWS
    with np.errstate(invalid="ignore", divide="ignore"):
        resampled = [statistic(_sums(counts, parts)) for counts in _counts(n, draws, rng)]
        estimate = np.asarray(statistic(total), float)
    return _resampled(estimate, np.concatenate(resampled))


def bootstrap_estimate(statistic: Callable, *arrays, draws: int = 1000, seed: int = 0) -> Estimate:
    """Return any statistic of rows with its interval; slower than `bootstrap` of sums.

    The same rows are drawn of all arrays, shape (rows, …); unknown of fewer than two rows.
    """
    arrays = [np.asarray(a) for a in arrays]
    rng, n = np.random.default_rng(seed), len(arrays[0])
    if n < 2:
        return UNKNOWN
    picks = (rng.integers(n, size=n) for _ in range(draws))
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = [statistic(*(a[rows] for a in arrays)) for rows in picks]
        estimate = np.asarray(statistic(*arrays), float)
    low, high = _resampled(estimate, np.asarray(replicates, float)).interval(n)
    return Estimate(float(estimate), float(low), float(high))


def _resampled(estimate: np.ndarray, replicates: np.ndarray) -> Bootstrap:
    exists = np.isfinite(replicates)
    estimate = np.where(np.isfinite(estimate), estimate, np.nan)
    return Bootstrap(estimate, np.sort(np.where(exists, replicates, np.nan), axis=0))


def _counts(n: int, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each customer is drawn, in blocks of shape (resamples, n)."""
    rows = max(1, CHUNK // n)
    for start in range(0, draws, rows):
        size = min(rows, draws - start)
        picked = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        yield np.bincount(picked.ravel(), minlength=size * n).reshape(size, n).astype(float)


def _bundled(parts: list, place: np.ndarray) -> list:
    """Return the sums of each group in the bundles that hold any of it, and which these are."""
    result = []
    for own, values in parts:
        used, at = np.unique(place[own], return_inverse=True)
        sums = [np.bincount(at, x, len(used)) for x in values.T]
        result.append((used, np.column_stack(sums)))
    return result


def _sums(counts: np.ndarray, parts: list) -> np.ndarray:
    return np.stack([counts[:, own] @ values for own, values in parts], axis=1)
