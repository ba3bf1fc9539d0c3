"""What an experiment can show: one calculation for every page that plans or judges a test."""

from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import proportion_effectsize

POWER, ALPHA = 0.8, 0.05
LOOKED_FOR = 0.10  # relative effect a test looks for, unless it must be more to pay
QUARTER = 91  # days that the study's cost of treating a customer is for
MONTHS = 3  # longest window of spend that is compared
WEEKS = {1: 4, 2: 9, 3: 13}  # months of a window → weeks
DAYS = {1: 30, 2: 61, 3: QUARTER}  # and days, on average


@cache
def needed(size: float, alpha: float = ALPHA) -> int | None:
    """Return customers per arm that find a standardised difference of means; None if never.

    The size is Cohen's d, alpha the level of the two-sided test. Two-sample t test, equal arms, 80%
    power (Cohen 1988, ch. 2): 64 an arm for d = 0.5 at the 5% level.
    """
    if not size > 0:
        return None
    if size > 20 or _power(size, 4, 4, alpha) >= POWER:  # beyond, scipy's power is NaN
        return 4
    n = 2 * (_reach(alpha) / size) ** 2  # with a normal instead of a t distribution
    low, high = max(0.99 * n - 1, 2), 1.01 * n + 20
    return int(np.ceil(brentq(lambda n: _power(size, n, n, alpha) - POWER, low, high) - 1e-6))


@cache
def smallest(n: int, other: int | None = None, alpha: float = ALPHA) -> float:
    """Return the standardised difference that two arms find; NaN with under four in one."""
    other = n if other is None else other
    if min(n, other) < 4:
        return float("nan")
    roughly = _reach(alpha) * np.sqrt(1 / n + 1 / other)
    ends = roughly / 2, roughly * 4
    return float(brentq(lambda size: _power(size, n, other, alpha) - POWER, *ends))


def _reach(alpha: float) -> float:
    return float(norm.ppf(1 - alpha / 2) + norm.ppf(POWER))


def _power(size: float, n: float, other: float, alpha: float) -> float:
    """Return the chance to find a difference, on its own side: the other side's can be NaN."""
    return float(TTestIndPower().power(size, n, alpha / 2, ratio=other / n, alternative="larger"))


@cache
def _solved(size: float | None = None, nobs1: float | None = None):
    """Return what is not given of the size of an effect and the customers in each of two arms."""
    return NormalIndPower().solve_power(size, nobs1, ALPHA, POWER, ratio=1.0)


def pays_from(margin: float, cost_per_customer: float, days: float) -> float:
    """Return the extra spend a customer from which a treatment of so many days pays.

    The study states its cost for a quarter; a shorter treatment costs its part of it.
    """
    return cost_per_customer / margin * days / QUARTER


def noise(after, before=None) -> float:
    """Return the standard deviation of an outcome that earlier values of it leave unexplained.

    sd · √(1 − r²), the analysis of covariance with one covariate (Borm, Fransen & Lemmens 2007, J.
    Clin. Epidemiol. 60; CUPED, Deng et al. 2013).
    """
    deviation = float(np.std(after, ddof=1)) if len(after) > 1 else float("nan")
    if before is None or not np.std(before) > 0 or not deviation > 0:
        return deviation
    return deviation * float(np.sqrt(1 - np.corrcoef(after, before)[0, 1] ** 2))


def spend_test(after, before=None, *, money=None, days: float = QUARTER, half=None) -> dict:
    """Return what a test on half of these customers, drawn at random, can show of their spend.

    `after` and `before` are each customer's spend in the last window of so many days, and in the
    one before it, which the test adjusts for; `half` are the customers in each half, where fewer
    than there are may be told. detectable: the smallest difference found with 80% power at the 5%
    level; break_even: the difference that pays; target: a tenth of the baseline, or what pays if
    that is more; n_per_arm: needed for the target.
    """
    after = np.asarray(after, dtype=float)
    half = len(after) // 2 if half is None else half
    baseline, left = float(after.mean()), noise(after, before)
    even = money and pays_from(money.margin, money.cost_per_customer, days)
    target = max(even or 0.0, LOOKED_FOR * baseline)
    plan = {"baseline": baseline, "deviation": left, "available": half, "target": target}
    plan |= {"detectable": left * smallest(half), "break_even": even}
    plan["adjusted"] = before is not None
    return plan | {"n_per_arm": needed(target / left) if left > 0 else None}


def share_test(yes, half: int | None = None) -> dict:
    """Return what a test on half of these customers can show of a share, as `spend_test` does.

    Normal test of arcsine-transformed shares (Cohen 1988, ch. 6).
    """
    share, half = float(np.mean(yes)), len(yes) // 2 if half is None else half
    target = min(LOOKED_FOR * share, (1 - share) / 2)
    angle = np.arcsin(np.sqrt(share)) + (_solved(nobs1=half) / 2 if half > 1 else np.nan)
    wanted = proportion_effectsize(share + target, share) if target > 0 else 0.0
    n = int(np.ceil(np.max(_solved(wanted)))) if wanted > 0 else None
    plan = {"baseline": share, "available": half, "target": target, "n_per_arm": n}
    return plan | {"detectable": float(np.sin(min(angle, np.pi / 2)) ** 2 - share)}


def windows(
    run, customers: pd.Index, what: str = "spend"
) -> dict[int, tuple[pd.Series, pd.Series]] | None:
    """Return each customer's spend, or orders, in the last 1, 2 and 3 full months and before.

    Months → (last window, the one before), both before the cut-off date; who is not in
    monthly.parquet spent nothing. None without as many months.
    """
    if not run.has("monthly.parquet"):
        return None
    rows, end = run.scan("monthly.parquet"), pd.Timestamp(run.as_of).replace(day=1)
    if rows.month.min().execute() > end - pd.DateOffset(months=2 * MONTHS):
        return None
    sums = {}
    for m in WEEKS:
        for part, first, last in (("after", m, 0), ("before", 2 * m, m)):
            since, until = (end - pd.DateOffset(months=v) for v in (first, last))
            within = (rows.month >= since) & (rows.month < until)
            sums[f"{part}{m}"] = rows[what].cast("float64").sum(where=within).fill_null(0.0)
    spent = rows.group_by("customer").agg(**sums).execute().set_index("customer")
    spent = spent.reindex(customers).fillna(0.0)
    return {m: (spent[f"after{m}"], spent[f"before{m}"]) for m in WEEKS}


def economics(run, unit: str, customers: pd.Index) -> dict | None:
    """Return margin, cost and the weeks of the holdout, or of the last quarter before the date.

    With that quarter's `spend` and the spend `before` where they are known; None if the study
    states no economics.
    """
    if unit != "customers" or not run.study.economics:
        return None
    money = run.study.economics.model_dump() | {"weeks": (run.study.holdout or 0) / 7}
    if spent := windows(run, customers):
        after, before = spent[MONTHS]
        money |= {"weeks": WEEKS[MONTHS], "spend": after, "before": before}
    return money
