"""Experiments: what an action brought, overall and by segment, when arms were assigned at random.

Order of business: is the randomisation sound (sample ratio, balance); what is the effect overall;
does it differ between segments (one test); then each segment, corrected for looking at several.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from seglib import power
from seglib.measure import randomisation
from seglib.stats import adjust
from seglib.study import StudyError

ALPHA = power.ALPHA
FEWEST = 10  # customers an arm of a segment must have
SMALL = 0  # number of the stratum that holds the members of all segments with fewer
CLAIMS = ["effect", "low", "high", "p", "p_adjusted", "p_interaction", "se", "df", "saved",
          "shrunk", "shrunk_low", "shrunk_high"]  # fmt: skip


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
        By arm: effect, low, high, p, baseline (mean of the control), saved (share of variance that
        the pre-period explains), p_interaction, n, n_control, detectable (at the 5% level), pooled
        (customers of segments too small to be analysed alone, who count as one stratum), left_out
        (of them, those not in it, because together they were too few).
    segments : pandas.DataFrame
        By segment and arm: effect, low, high, p, p_adjusted, shrunk, shrunk_low, shrunk_high, n,
        n_control, baseline, worth, detectable (with 80% power at the level of the verdict, which is
        corrected for all effects looked at), needed (customers per arm that find what is worth
        having, at that level), verdict: works, works too little, does not, harms, undecided (what
        is worth having would have been found with 80% power), not enough data, or not valid.
    problems : list of str
        Reasons not to believe any effect; while there is one, no effect and no verdict is given.
    """

    ratio: dict
    balance: pd.DataFrame
    overall: pd.DataFrame
    segments: pd.DataFrame
    problems: list[str]


def analyse(
    units: pd.DataFrame,
    control: str,
    *,
    worth: float | None = None,
    planned: dict[str, float] | None = None,
    minimum: int = FEWEST,
) -> Result:
    """Analyse an experiment with one row per customer.

    Parameters
    ----------
    units
        Columns `segment` (frozen before the assignment), `arm`, `outcome`; optional `before`, the
        same quantity in a period before the assignment (CUPED, Deng et al. 2013); any further
        numeric columns known before are checked for balance. The index is not looked at.
    control
        Name of the control arm.
    worth
        Smallest effect worth having, in units of the outcome; without it a tenth of the control's
        mean.
    planned
        Planned share of each arm; without it all arms are equally large.
    minimum
        Segments with fewer customers in an arm are not analysed alone; overall they are pooled.

    Raises
    ------
    StudyError
        If there is no control arm or no other.
    """
    arms = sorted(units["arm"].astype(str).unique())
    if control not in arms or len(arms) < 2:
        raise StudyError(
            f"the arms are {', '.join(arms)}: expected the control {control!r} and at least one "
            "other; name the control arm in tables.campaigns.control"
        )
    arms = [arm for arm in arms if arm != control]
    units = units.assign(arm=units["arm"].astype(str)).reset_index(drop=True)
    ratio = randomisation.sample_ratio(units["arm"].value_counts(), planned)
    uneven = randomisation.balance(units, control)
    problems = randomisation.problems(ratio, uneven)
    adjusted, saved = cuped(units)
    rows, overall, minimum = [], [], max(minimum, FEWEST)
    for arm in arms:
        of = _by_segment(adjusted, arm, control, minimum)
        alone = of["effect"].notna()
        small = adjusted["segment"].isin(of.loc[~alone, "segment"])
        strata = [of[alone], _by_segment(adjusted[small].assign(segment=SMALL), arm, control,
                                         minimum)]  # fmt: skip
        whole = _overall(pd.concat([part for part in strata if len(part)], ignore_index=True))
        whole["p_interaction"] = _interaction(of[alone])
        whole["pooled"] = int(of.loc[~alone, ["n", "n_control"]].to_numpy().sum())
        rows.append(of.join(_shrunk(of)).assign(arm=arm))
        overall.append({"arm": arm, **whole, "saved": saved})
    found = pd.DataFrame(overall), _judged(pd.concat(rows, ignore_index=True), worth)
    if problems:
        found = [_voided(frame) for frame in found]
    return Result(ratio, uneven, *found, problems)


def _voided(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without anything that claims an effect."""
    empty = dict.fromkeys([c for c in CLAIMS if c in frame], np.nan)
    verdict = {"verdict": "not valid"} if "verdict" in frame else {}
    return frame.assign(**empty, **verdict)


def cuped(units: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return the units with the outcome freed of what the pre-period predicts, and how much it was.

    outcome - theta (before - its mean in the segment), theta pooled within segments and arms
    (Deng, Xu, Kohavi & Walker 2013, eq. 4).
    """
    if "before" not in units:
        return units, 0.0
    before = units["before"].astype(float)
    before = before.fillna(before.groupby(units["segment"]).transform("mean")).fillna(0.0)
    cells = [units["segment"], units["arm"]]
    x = before - before.groupby(cells).transform("mean")
    y = units["outcome"] - units["outcome"].groupby(cells).transform("mean")
    square = float((x**2).sum())
    theta = float((x * y).sum()) / square if square > 0 else 0.0
    centred = before - before.groupby(units["segment"]).transform("mean")
    left = float(((y - theta * x) ** 2).sum()) / max(float((y**2).sum()), 1e-300)
    return units.assign(outcome=units["outcome"] - theta * centred), 1 - left


def _by_segment(units: pd.DataFrame, arm: str, control: str, minimum: int) -> pd.DataFrame:
    """Return the difference of means in each segment with Welch's interval."""
    cells = units.groupby(["segment", "arm"])["outcome"].agg(["mean", "var", "size"])
    rows = []
    for segment in sorted(units["segment"].unique()):
        one, other = (
            cells.loc[(segment, name)] if (segment, name) in cells.index else None
            for name in (arm, control)
        )  # fmt: skip
        n, m = (0 if c is None else int(c["size"]) for c in (one, other))
        row = {"segment": int(segment), "n": n, "n_control": m, "effect": np.nan, "se": np.nan,
               "df": np.nan, "baseline": np.nan, "spread": np.nan}  # fmt: skip
        if min(n, m) >= minimum:
            parts = np.array([one["var"] / n, other["var"] / m])
            row |= {
                "effect": one["mean"] - other["mean"], "se": np.sqrt(parts.sum()),
                "df": parts.sum() ** 2 / max((parts**2 / [n - 1, m - 1]).sum(), 1e-300),
                "baseline": other["mean"], "spread": one["var"] + other["var"],
            }  # fmt: skip
        rows.append(row)
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    return frame.assign(**_tested(frame["effect"], frame["se"], frame["df"]))


def _tested(effect, se, df) -> dict:
    half = stats.t.ppf(1 - ALPHA / 2, df) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(effect / se), df)
    return {"low": effect - half, "high": effect + half, "p": np.where(se > 0, p, np.nan)}


def _overall(strata: pd.DataFrame) -> dict:
    """Return the effect on all customers of strata that have one; strata weigh by customers."""
    known = strata["effect"].notna()
    lost, of = strata.loc[~known, ["n", "n_control"]].to_numpy().sum(), strata[known]
    n, m = (int(of[name].sum()) for name in ("n", "n_control"))
    about = {"n": n, "n_control": m, "left_out": int(lost)}
    if of.empty:
        claims = ("effect", "low", "high", "p", "baseline", "detectable")
        return dict.fromkeys(claims, np.nan) | about
    weight = (of["n"] + of["n_control"]) / (n + m)
    effect, variance = (weight * of["effect"]).sum(), (weight**2 * of["se"] ** 2).sum()
    df = variance**2 / max((weight**4 * of["se"] ** 4 / of["df"]).sum(), 1e-300)
    tested = _tested(effect, np.sqrt(variance), df)
    return about | {
        "effect": effect, **{k: float(v) for k, v in tested.items()},
        "baseline": (weight * of["baseline"]).sum(),
        "detectable": _detectable(n, m, np.sqrt(variance), ALPHA),
    }  # fmt: skip


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
    """Return effects pulled towards their mean by as much as chance explains their spread.

    Empirical Bayes with the variance between segments by Paule & Mandel (1982).
    """
    known = of[of["effect"].notna() & (of["se"] > 0)]
    result = pd.DataFrame(np.nan, of.index, ["shrunk", "shrunk_low", "shrunk_high"])
    if len(known) < 3:  # with two segments the spread between them cannot be estimated
        return result
    e, v = known["effect"].to_numpy(), known["se"].to_numpy() ** 2
    between = _between(e, v)
    w = 1 / (v + between)
    middle, keep = (w * e).sum() / w.sum(), between / (between + v)
    shrunk = middle + keep * (e - middle)
    sd = np.sqrt(keep * v + (1 - keep) ** 2 / w.sum())
    result.loc[known.index] = np.column_stack([shrunk, shrunk - 1.96 * sd, shrunk + 1.96 * sd])
    return result


def _between(e: np.ndarray, v: np.ndarray) -> float:
    low, high = 0.0, float(np.var(e) * len(e) + v.max())
    for _ in range(60):
        tau = (low + high) / 2
        w = 1 / (v + tau)
        excess = (w * (e - (w * e).sum() / w.sum()) ** 2).sum() - (len(e) - 1)
        low, high = (tau, high) if excess > 0 else (low, tau)
    return 0.0 if high < 1e-9 * v.max() else high


def _judged(rows: pd.DataFrame, worth: float | None) -> pd.DataFrame:
    """Correct for looking at several segments, and give each its verdict.

    What can be detected and how many are needed go by the strictest level that the verdict asks
    for: 5% divided by all effects looked at, which for one not analysed yet are one more.
    """
    known = rows["p"].notna()
    rows["p_adjusted"] = adjust(rows["p"])
    level = rows["baseline"].fillna(rows["baseline"].mean()).abs()
    rows["worth"] = level / 10 if worth is None else float(worth)
    rows["alpha"] = ALPHA / (known.sum() + ~known)
    spread = rows["spread"].fillna(rows["spread"].mean())
    size = rows["worth"].where(rows["worth"] > 0) / np.sqrt(spread.where(spread > 0) / 2)
    rows["needed"] = [power.needed(*pair) for pair in zip(size, rows["alpha"], strict=True)]
    rows["needed"] = rows["needed"].astype(float)
    rows["detectable"] = [
        _detectable(r.n, r.n_control, r.se, r.alpha) if pd.notna(r.se) else np.nan
        for r in rows.itertuples()
    ]
    return rows.assign(verdict=_verdicts(rows)).drop(columns=["spread"])


def _verdicts(rows: pd.DataFrame) -> pd.Series:
    verdict = pd.Series("not enough data", rows.index)
    verdict[rows["detectable"] <= rows["worth"]] = "undecided"
    found = rows["p_adjusted"] < ALPHA
    small = rows["effect"] + stats.t.ppf(1 - rows["alpha"] / 2, rows["df"]) * rows["se"]
    small = small < rows["worth"]
    verdict[small] = "does not"
    verdict[found & (rows["effect"] > 0)] = "works"
    verdict[found & (rows["effect"] > 0) & small] = "works too little"
    verdict[found & (rows["effect"] < 0)] = "harms"
    return verdict
