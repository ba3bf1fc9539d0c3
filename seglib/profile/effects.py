"""How different two groups are: effect sizes and shares, each with its interval."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm, rankdata
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    test_proportions_2indep,
)

ALPHA = 0.05


class Estimate(NamedTuple):
    """A number, its interval and, where a test makes sense, its p-value."""

    value: float
    low: float
    high: float
    p: float = np.nan


UNKNOWN = Estimate(np.nan, np.nan, np.nan)


def superiority(inside, outside, alpha: float = ALPHA) -> Estimate:
    """Return the chance that a random value inside exceeds a random one outside.

    Parameters
    ----------
    inside, outside : array of float
        Values of the two groups; missing ones are passed over. Ties count half.
    alpha : float
        One minus the level of the interval.

    Returns
    -------
    Estimate
        0.5 means no difference. The interval is on the logit scale, so it stays within 0 and 1.

    Notes
    -----
    Variance after DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44); where the groups do not
    overlap, the score interval of Newcombe (2006, Statistics in Medicine 25, method 5).
    """
    x, y = _known(inside), _known(outside)
    m, n = len(x), len(y)
    if min(m, n) < 2:
        return UNKNOWN
    ranks = rankdata(np.concatenate([x, y]))
    above = (ranks[:m] - rankdata(x)) / n  # share of the others below each value inside
    below = 1 - (ranks[m:] - rankdata(y)) / m
    value = float(above.mean())
    z = norm.isf(alpha / 2)
    if value in (0.0, 1.0):
        bound = _newcombe(m, n, z)
        p = float(norm.sf(_hanley_z(m, n)) * 2)
        return Estimate(1.0, bound, 1.0, p) if value else Estimate(0.0, 0.0, 1 - bound, p)
    error = np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n) / (value * (1 - value))
    low, high = expit(logit(value) + np.array([-z, z]) * error)
    p = 2 * norm.sf(abs(logit(value)) / error) if error > 0 else float(value == 0.5)
    return Estimate(value, float(low), float(high), float(p))


def _known(values) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[~np.isnan(values)]


def _hanley(theta: float, m: int, n: int) -> float:
    """Return the standard error of the chance under Hanley & McNeil (1982), sizes averaged."""
    size = (m + n) / 2 - 1
    extra = 1 + size * ((1 - theta) / (2 - theta) + theta / (1 + theta))
    return float(np.sqrt(theta * (1 - theta) * extra / (m * n)))


def _hanley_z(m: int, n: int) -> float:
    return 0.5 / _hanley(0.5, m, n)


def _newcombe(m: int, n: int, z: float) -> float:
    """Return the lower limit of the chance when every pair is won."""
    return float(brentq(lambda t: 1 - t - z * _hanley(t, m, n), 1e-9, 1 - 1e-12))


def share(count: int, n: int, alpha: float = ALPHA) -> Estimate:
    """Return a share with its Wilson interval."""
    if n == 0:
        return UNKNOWN
    low, high = proportion_confint(count, n, alpha=alpha, method="wilson")
    return Estimate(count / n, float(low), float(high))


def difference(count: int, n: int, others: int, n_others: int, alpha: float = ALPHA) -> Estimate:
    """Return the difference of two shares with Newcombe's interval."""
    if not (n and n_others):
        return UNKNOWN
    low, high = confint_proportions_2indep(
        count, n, others, n_others, compare="diff", method="newcomb", alpha=alpha
    )
    return Estimate(count / n - others / n_others, float(low), float(high))


def lift(count: int, n: int, others: int, n_others: int, alpha: float = ALPHA) -> Estimate:
    """Return the ratio of two shares with its score interval and p-value.

    Notes
    -----
    Interval and test are the same score statistic (Miettinen & Nurminen 1985, Statistics in
    Medicine 4), so that the interval leaves out 1 exactly when the p-value is below `alpha`.
    """
    if not (n and n_others) or not 0 < count + others < n + n_others or not others or not count:
        return UNKNOWN
    table = (count, n, others, n_others)
    with np.errstate(divide="ignore", invalid="ignore"):  # of an odds ratio that is not used
        low, high = confint_proportions_2indep(*table, compare="ratio", method="score", alpha=alpha)
        test = test_proportions_2indep(*table, compare="ratio", method="score")
    value = count / n / (others / n_others)
    return Estimate(value, float(low), float(high), float(test.pvalue))


def ratio_of_means(top, bottom, alpha: float = ALPHA, others: tuple | None = None) -> Estimate:
    """Return sum(top) / sum(bottom) over customers, or that against the same of others.

    Parameters
    ----------
    top, bottom : array of float
        One value per customer.
    others : tuple of arrays, optional
        (top, bottom) of the comparison group; the result is then a ratio of two ratios.

    Notes
    -----
    Delta method on the log scale; customers are the sampled units.
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


def mean(values, alpha: float = ALPHA) -> Estimate:
    """Return a mean with the interval of the normal approximation."""
    x = _known(values)
    if len(x) < 2:
        return UNKNOWN
    reach = norm.isf(alpha / 2) * x.std(ddof=1) / np.sqrt(len(x))
    return Estimate(float(x.mean()), float(x.mean() - reach), float(x.mean() + reach))
