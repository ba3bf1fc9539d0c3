"""Experiments: what an action brought, overall and by segment, when arms were assigned at random.

Order of business: is the randomisation sound (sample ratio, balance); what is the effect overall;
does it differ between segments (one test); then each segment, corrected for looking at several.
Segments, and how many there are, may have been judged by the outcomes of all arms together: drawing
the arms anew leaves them as they are, so that false alarms stay as rare as they are said to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from seglib import power, privacy
from seglib.measuring import arms
from seglib.measuring.arms import Outcome
from seglib.stats import adjust, difference, difference_test, wilson

ALPHA = power.ALPHA
FEWEST = 10  # customers an arm of a segment must have
SMALL = 0  # number of the stratum that holds the members of all segments with fewer
LEVELS = ["level", "level_low", "level_high", "baseline", "baseline_low", "baseline_high"]
NUMBERS = ["effect", "low", "high", "p", "se", "df", "spread", *LEVELS]
SHRUNK = ["shrunk", "shrunk_low", "shrunk_high"]
CLAIMS = ["effect", "low", "high", "p", "p_adjusted", "p_interaction", "interaction_adjusted"]
CLAIMS += ["se", "df", "saved", *SHRUNK, *LEVELS]


@dataclass(frozen=True)
class Result:
    """What an experiment shows.

    Attributes
    ----------
    ratio : dict
        counts, planned, p: the sample-ratio test.
    balance : pandas.DataFrame
        By column known before: arm, difference (standardised), p, p_adjusted.
    overall : pandas.DataFrame
        By outcome and arm: level of the arm and baseline, that of the control; effect, low, high,
        p, p_adjusted (Holm's method over outcomes and arms), saved (share of variance that the
        pre-period explains), p_interaction and interaction_adjusted, n, n_control, detectable (at
        the 5% level), pooled (customers of segments too small to be analysed alone, who count as
        one stratum), left_out (of them, those not in it, because together they were too few).
    segments : pandas.DataFrame
        By outcome, segment and arm: as above, p_adjusted (over segments too), shrunk, few (sizes
        not to be shown), worth, detectable (with 80% power at the level of the verdict, which is
        corrected for all effects looked at), needed (customers per arm that find what is worth
        having, at that level), verdict: works, works too little, does not, harms, undecided (what
        is worth having would have been found), not enough data, or not valid.
    problems : list of dict
        Reasons not to believe any effect; while there is one, no effect and no verdict is given.
    """

    ratio: dict
    balance: pd.DataFrame
    overall: pd.DataFrame
    segments: pd.DataFrame
    problems: list[dict]


def analyse(
    units: pd.DataFrame,
    control: str,
    outcomes: dict[str, Outcome] | None = None,
    *,
    worth: float | None = None,
    planned: dict[str, float] | None = None,
    minimum: int = FEWEST,
) -> Result:
    """Analyse an experiment with one row per customer.

    Parameters
    ----------
    units
        Columns `segment` (frozen before the assignment), `arm` and the outcomes; optional
        `before_NAME`, the same quantity as the outcome NAME in a period before the assignment
        (CUPED, Deng et al. 2013); any further numeric columns known before are checked for balance.
        The index is not looked at.
    control
        Name of the control arm.
    outcomes
        Column → what it is; without it one count, the column `outcome`.
    worth
        Smallest effect worth having of that one count.
    planned
        Planned share of each arm; without it all arms are equally large.
    minimum
        Segments with fewer customers in an arm are not analysed alone; overall they are pooled.
        Nothing is given where fewer customers did it, or did not, or had any of an amount.

    Raises
    ------
    StudyError
        If there is no control arm or no other.
    """
    outcomes = outcomes or {"outcome": Outcome(worth=worth)}
    units = units.assign(arm=units["arm"].astype(str)).reset_index(drop=True)
    treated, minimum = arms.treatments(units["arm"], control), max(minimum, FEWEST)
    ratio = arms.sample_ratio(units["arm"].value_counts(), planned)
    uneven = arms.balance(units.drop(columns=[*outcomes]), control)
    problems = arms.misfit(ratio, bool(planned)) + arms.unbalanced(uneven)
    problems += arms.lost(units, outcomes)
    parts = [
        _one(units[units[name].notna()], name, arm, control, outcomes[name], minimum)
        for name in outcomes
        for arm in treated
    ]
    overall = pd.DataFrame([whole for whole, _ in parts])
    overall["p_adjusted"] = adjust(overall["p"])
    overall["interaction_adjusted"] = adjust(overall["p_interaction"])
    rows = _judged(pd.concat([of for _, of in parts], ignore_index=True), outcomes)
    rows["few"] = rows["segment"].isin(_hidden([_counted(units)], minimum))
    if problems:  # nothing that claims an effect
        for frame in (overall, rows):
            frame[frame.columns.intersection(CLAIMS)] = np.nan
        rows["verdict"] = "not valid"
    return Result(ratio, uneven, overall, rows, problems)


# --- one arm, one outcome -------------------------------------------------------------------------


def _one(
    units: pd.DataFrame, name: str, arm: str, control: str, outcome: Outcome, minimum: int
) -> tuple[dict, pd.DataFrame]:
    """Return the effect of one arm on one outcome, overall and by segment."""
    units, yes = units.assign(value=units[name]), outcome.kind == "yes/no"
    hidden = rare(units, minimum, yes)
    earlier = "" if yes else f"before_{name}"
    adjusted, saved = cuped(units, "value", earlier)
    sides = [frame[frame["arm"] == side] for frame in (adjusted, units) for side in (arm, control)]

    def cell(segments: list, hide: bool) -> dict:
        values = [side.loc[side["segment"].isin(segments), "value"] for side in sides]
        return _cell(_rates if yes else _means, values, hide, minimum)

    segments = sorted(units["segment"].unique())
    of = pd.DataFrame([{"segment": int(s), **cell([s], s in hidden)} for s in segments])
    alone = of["effect"].notna()
    if earlier in units and SMALL not in hidden:
        stratum = {"segment": SMALL, **cell(of.loc[~alone, "segment"].tolist(), False)}
        whole = _overall(pd.concat([of[alone], pd.DataFrame([stratum])], ignore_index=True))
        whole |= _levels(*(side["value"] for side in sides[2:]), yes)
        whole["pooled"] = int(of.loc[~alone, ["n", "n_control"]].to_numpy().sum())
    else:
        whole = cell(segments, SMALL in hidden) | {"pooled": 0, "left_out": 0}
        n, m, se = whole["n"], whole["n_control"], whole["se"]
        whole["detectable"] = _detectable(n, m, se, ALPHA)
    whole = {"outcome": name, "arm": arm, **whole, "p_interaction": _interaction(of[alone])}
    return whole | {"saved": saved}, of.join(_shrunk(of)).assign(outcome=name, arm=arm)


def _cell(compare, values: list[pd.Series], hide: bool, minimum: int) -> dict:
    """Return the difference of two arms in one group; without numbers if it is too small.

    `values` are the adjusted ones of the arm and of the control, then those as they are.
    """
    n, m = len(values[0]), len(values[1])
    row = {"n": n, "n_control": m, **dict.fromkeys(NUMBERS, np.nan)}
    if hide or min(n, m) < minimum:
        return row
    return row | compare(*values[:2]) | _levels(*values[2:], compare is _rates)


def _levels(one: pd.Series, other: pd.Series, yes: bool) -> dict:
    """Return the level of an arm and of the control with their 95% intervals."""
    levels = {}
    for name, values in (("level", one), ("baseline", other)):
        n, mean = len(values), float(values.mean()) if len(values) else np.nan
        if yes:
            low, high = (float(end) for end in wilson(values.sum(), n))
        else:
            half = stats.t.ppf(1 - ALPHA / 2, max(n - 1, 1)) * values.std() / np.sqrt(max(n, 1))
            low, high = mean - half, mean + half
            low = max(low, 0.0) if (values >= 0).all() else low
        levels |= {name: mean, f"{name}_low": low, f"{name}_high": high}
    return levels


def _means(one: pd.Series, other: pd.Series) -> dict:
    """Return the difference of two means with Welch's interval."""
    return _welch(one.mean() - other.mean(), (one.var(), other.var()), (len(one), len(other)))


def _rates(one: pd.Series, other: pd.Series) -> dict:
    """Return the difference of two rates with Newcombe's interval.

    The standard error, by which rates of several segments are compared and shrunk, counts one yes
    and one no more in each arm (Agresti & Caffo 2000), so that it is never 0.
    """
    counts, sizes = (one.sum(), other.sum()), (len(one), len(other))
    safe = [(c + 1) / (n + 2) for c, n in zip(counts, sizes, strict=True)]
    welch = _welch(one.mean() - other.mean(), [p * (1 - p) for p in safe], sizes)
    counted = (counts[0], sizes[0], counts[1], sizes[1])
    _, low, high, _ = difference(*counted)
    return welch | {"low": low, "high": high, "p": difference_test(*counted)}


def _welch(effect: float, variances, sizes) -> dict:
    parts, n = np.array(variances) / sizes, np.array(sizes)
    se, df = np.sqrt(parts.sum()), parts.sum() ** 2 / max((parts**2 / (n - 1)).sum(), 1e-300)
    about = {"effect": effect, "se": se, "df": df, "spread": sum(variances)}
    return about | _tested(effect, se, df)


def _tested(effect, se, df) -> dict:
    half = stats.t.ppf(1 - ALPHA / 2, df) * se
    p = float(2 * stats.t.sf(abs(effect / se), df)) if se > 0 else np.nan
    return {"low": float(effect - half), "high": float(effect + half), "p": p}


def rare(units: pd.DataFrame, minimum: int, yes: bool) -> set[int]:
    """Return the segments in which so few did it that nothing is shown, SMALL for everyone.

    Of a yes or no, so few may not have done it either; of an amount, so few had any.
    """
    did = _counted(units[units["value"] != 0], units)
    return _hidden([did, _counted(units) - did] if yes else [did], minimum)


def _counted(rows: pd.DataFrame, like: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return customers by segment and arm, a row and a column for all that another frame has."""
    like = rows if like is None else like
    segments, arms = (np.unique(like[name]) for name in ("segment", "arm"))
    counts = rows.groupby(["segment", "arm"]).size().unstack(fill_value=0)
    return counts.reindex(index=segments, columns=arms, fill_value=0)


def _hidden(tables: list[pd.DataFrame], minimum: int) -> set[int]:
    """Return the segments of which some count is not to be shown, SMALL if a total is not.

    What is hidden for one arm is hidden for all, so that no sum over the arms tells it; so is the
    segment of the next smallest counts, so that no sum over the segments does.
    """
    least = pd.concat([table.min(axis=1) for table in tables], axis=1).min(axis=1)
    mask = privacy.hidden(least.to_numpy(), minimum)
    hidden = {s for s, few in zip([*least.index, SMALL], mask, strict=True) if few}
    few = any((table.sum() < minimum).any() for table in tables)
    return hidden | ({SMALL} if few else set())


def cuped(
    units: pd.DataFrame, name: str = "outcome", earlier: str = "before"
) -> tuple[pd.DataFrame, float]:
    """Return the units with the outcome freed of what the pre-period predicts, and how much it was.

    outcome - theta (before - its mean in the segment), theta pooled within segments and arms
    (Deng, Xu, Kohavi & Walker 2013, eq. 4).
    """
    if earlier not in units:
        return units, 0.0
    before = units[earlier].astype(float)
    before = before.fillna(before.groupby(units["segment"]).transform("mean")).fillna(0.0)
    cells = [units["segment"], units["arm"]]
    x = before - before.groupby(cells).transform("mean")
    y = units[name] - units[name].groupby(cells).transform("mean")
    square = float((x**2).sum())
    theta = float((x * y).sum()) / square if square > 0 else 0.0
    centred = before - before.groupby(units["segment"]).transform("mean")
    left = float(((y - theta * x) ** 2).sum()) / max(float((y**2).sum()), 1e-300)
    return units.assign(**{name: units[name] - theta * centred}), 1 - left


# --- all segments ---------------------------------------------------------------------------------


def _overall(strata: pd.DataFrame) -> dict:
    """Return the effect on all customers of strata that have one; strata weigh by customers."""
    estimable = strata["effect"].notna()
    left_out, of = strata.loc[~estimable, ["n", "n_control"]].to_numpy().sum(), strata[estimable]
    n, m = (int(of[name].sum()) for name in ("n", "n_control"))
    about = {"n": n, "n_control": m, "left_out": int(left_out)}
    if of.empty:
        return dict.fromkeys([*NUMBERS, "detectable"], np.nan) | about
    weight = (of["n"] + of["n_control"]) / (n + m)
    effect, variance = (weight * of["effect"]).sum(), (weight**2 * of["se"] ** 2).sum()
    df = variance**2 / max((weight**4 * of["se"] ** 4 / of["df"]).sum(), 1e-300)
    se = np.sqrt(variance)
    about |= {"effect": effect, **_tested(effect, se, df)}
    return about | {"detectable": _detectable(n, m, se, ALPHA)}


def _detectable(n: float, other: float, se: float, alpha: float) -> float:
    """Return the smallest effect that arms of these sizes find, in units of the outcome."""
    return power.smallest(n, other, alpha) * se / np.sqrt(1 / n + 1 / other) if se > 0 else np.nan


def _interaction(of: pd.DataFrame) -> float:
    """Return the p-value of the test that segments do not differ in their effects.

    Welch's (1951) test, on the effects: it allows for unequal and estimated variances.
    """
    k = len(of)
    if k < 2 or (of["se"] <= 0).any():
        return float("nan")
    w = 1 / of["se"] ** 2
    middle = (w * of["effect"]).sum() / w.sum()
    spread = (w * (of["effect"] - middle) ** 2).sum() / (k - 1)
    wobble = (((1 - w / w.sum()) ** 2) / of["df"]).sum()
    f = spread / (1 + 2 * (k - 2) / (k**2 - 1) * wobble)
    return float(stats.f.sf(f, k - 1, (k**2 - 1) / (3 * wobble)))


def _shrunk(of: pd.DataFrame) -> pd.DataFrame:
    """Return effects shrunken to their mean by as much as chance explains their spread.

    Empirical Bayes with the variance between segments by Paule & Mandel (1982).
    """
    estimable = of[of["effect"].notna() & (of["se"] > 0)]
    frame = pd.DataFrame(np.nan, of.index, SHRUNK)
    if len(estimable) < 3:  # with two segments the spread between them cannot be estimated
        return frame
    e, v = estimable["effect"].to_numpy(), estimable["se"].to_numpy() ** 2
    between = _between(e, v)
    w = 1 / (v + between)
    middle, keep = (w * e).sum() / w.sum(), between / (between + v)
    shrunk = middle + keep * (e - middle)
    half = 1.96 * np.sqrt(keep * v + (1 - keep) ** 2 / w.sum())
    frame.loc[estimable.index] = np.column_stack([shrunk, shrunk - half, shrunk + half])
    return frame


def _between(e: np.ndarray, v: np.ndarray) -> float:
    def excess(tau: float) -> float:
        w = 1 / (v + tau)
        return (w * (e - (w * e).sum() / w.sum()) ** 2).sum() - (len(e) - 1)

    return brentq(excess, 0, np.var(e) * len(e) + v.max()) if excess(0) > 0 else 0.0


def _judged(rows: pd.DataFrame, outcomes: dict[str, Outcome]) -> pd.DataFrame:
    """Correct for looking at several segments, and give each its verdict.

    What can be detected and how many are needed go by the strictest level that the verdict asks
    for: 5% divided by all effects looked at, which for one not analysed yet are one more.
    """
    estimable = rows["p"].notna()
    rows["p_adjusted"] = adjust(rows["p"])
    of = rows.groupby("outcome")
    level = rows["baseline"].fillna(of["baseline"].transform("mean")).abs()
    rows["worth"] = rows["outcome"].map({n: o.worth for n, o in outcomes.items()}).astype(float)
    rows["worth"] = rows["worth"].fillna(level / 10)
    rows["alpha"] = ALPHA / (estimable.sum() + ~estimable)
    spread = rows["spread"].fillna(of["spread"].transform("mean"))
    size = rows["worth"].where(rows["worth"] > 0) / np.sqrt(spread.where(spread > 0) / 2)
    rows["needed"] = [power.needed(*pair) for pair in zip(size, rows["alpha"], strict=True)]
    rows["needed"] = rows["needed"].astype(float)
    rows["detectable"] = [
        _detectable(r.n, r.n_control, r.se, r.alpha) if pd.notna(r.se) else np.nan
        for r in rows.itertuples()
    ]
    sign = rows["outcome"].map({n: 1 if o.wanted else -1 for n, o in outcomes.items()})
    return rows.assign(verdict=_verdicts(rows, rows["effect"] * sign)).drop(columns=["spread"])


def _verdicts(rows: pd.DataFrame, gain: pd.Series) -> pd.Series:
    verdict = pd.Series("not enough data", rows.index)
    verdict[rows["detectable"] <= rows["worth"]] = "undecided"
    clear = rows["p_adjusted"] < ALPHA
    small = gain + stats.t.ppf(1 - rows["alpha"] / 2, rows["df"]) * rows["se"] < rows["worth"]
    verdict[small] = "does not"
    verdict[clear & (gain > 0)] = "works"
    verdict[clear & (gain > 0) & small] = "works too little"
    verdict[clear & (gain < 0)] = "harms"
    return verdict
