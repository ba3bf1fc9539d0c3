"""Experiments: what an action brought, overall and by segment, when arms were assigned at random.

Order of business: is the randomisation sound (sample ratio, balance); what is the effect overall;
does it differ between segments (one test); then each segment, corrected for looking at several.
Segments, and how many there are, may have been judged by the outcomes of all arms together: drawing
the arms anew leaves them as they are, so that false alarms stay as rare as they are said to be.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from seglib import power, privacy
from seglib.formats import StudyError
from seglib.stats import ALPHA, adjust, difference, difference_test, wilson

FEWEST = 10  # customers an arm of a segment must have
BROKEN = 0.001  # p-value below which a randomisation is not believed (Fabijan et al. 2019)
SMALL = 0  # number of the stratum that holds the members of all segments with fewer
LEVELS = ["level", "level_low", "level_high", "baseline", "baseline_low", "baseline_high"]
NUMBERS = ["effect", "low", "high", "p", "se", "df", "spread", *LEVELS]
SHRUNK = ["shrunk", "shrunk_low", "shrunk_high"]
CLAIMS = ["effect", "low", "high", "p", "p_adjusted", "p_interaction", "interaction_adjusted"]
CLAIMS += ["se", "df", "saved", *SHRUNK, *LEVELS]


@dataclass(frozen=True)
class Outcome:
    """What is compared between the arms: yes/no (1 or 0), count or money; and if more is better.

    `worth` is the smallest effect worth having, in its unit; without it a tenth of the control's
    level. `label` is what a reader calls it: in the past tense, such as visited, or a noun.
    """

    kind: str = "count"
    wanted: bool = True
    worth: float | None = None
    label: str = ""


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
        p, p_adjusted (Holm over outcomes and arms), saved (share of variance that the pre-period
        explains), p_interaction, interaction_adjusted, n, n_control, detectable (at the 5% level);
        of customers of segments too small to be analysed alone: pooled, and left_out of the effect.
    segments : pandas.DataFrame
        By outcome, segment and arm: as above, p_adjusted (over segments too), shrunk, few (sizes
        not to be shown), worth, alpha (corrected for all effects looked at), detectable (with 80%
        power at that level), needed (customers per arm that find what is worth having), verdict:
        works, works too little, does not, harms, undecided (what is worth having would have been
        found), not enough data, or not valid.
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

    `units` has `segment` (frozen before the assignment), `arm` and the outcomes; optional
    `before_NAME`, the same quantity as the outcome NAME in a period before the assignment (CUPED,
    Deng et al. 2013); any further numeric columns known before are checked for balance. `outcomes`
    is column → what it is; without it one count, the column `outcome`, whose smallest effect worth
    having is `worth`. `planned` is the share of each arm, equal without it. Segments with fewer
    than `minimum` customers in an arm are not analysed alone; overall they are pooled. Nothing is
    given where fewer did it, or did not, or had any of an amount. A StudyError if there is no
    control arm or no other.
    """
    outcomes = outcomes or {"outcome": Outcome(worth=worth)}
    units = units.assign(arm=units["arm"].astype(str)).reset_index(drop=True)
    treated, minimum = treatments(units["arm"], control), max(minimum, FEWEST)
    ratio = sample_ratio(units["arm"].value_counts(), planned)
    uneven = balance(units.drop(columns=[*outcomes]), control)
    problems = _problems(units, ratio, bool(planned), uneven, outcomes)
    parts = [
        _one(units[units[name].notna()], name, arm, control, outcomes[name], minimum)
        for name in outcomes
        for arm in treated
    ]
    overall = pd.DataFrame([whole for whole, _ in parts])
    overall["p_adjusted"] = adjust(overall["p"])
    overall["interaction_adjusted"] = adjust(overall["p_interaction"])
    rows = _judged(pd.concat([of for _, of in parts], ignore_index=True), outcomes)
    rows["few"] = rows["segment"].isin(_rare(units, minimum))
    if problems:  # nothing that claims an effect
        for frame in (overall, rows):
            frame[frame.columns.intersection(CLAIMS)] = np.nan
        rows["verdict"] = "not valid"
    return Result(ratio, uneven, overall, rows, problems)


def treatments(arms: pd.Series, control: str) -> list[str]:
    """Return the arms but the control; a StudyError if there are none."""
    counts = arms.value_counts().sort_index()
    if control not in counts.index or len(counts) < 2:
        raise StudyError(
            f"the arms are {', '.join(counts.index)}: expected the control {control!r} and at "
            "least one other; name the control arm in `control` of the table that holds the arms"
        )
    return [arm for arm in counts.index if arm != control]


def sample_ratio(counts: pd.Series, planned: dict[str, float] | None = None) -> dict:
    """Return the test that arms have the sizes that were planned (chi-squared)."""
    share = pd.Series(planned or dict.fromkeys(counts.index, 1.0)).reindex(counts.index)
    if share.isna().any() or (share <= 0).any():
        raise StudyError(
            f"planned shares are given for {', '.join(map(str, planned))}, but the arms are "
            f"{', '.join(map(str, counts.index))}: give a share above 0 for each arm"
        )
    share = share / share.sum()
    p = stats.chisquare(counts, share * counts.sum()).pvalue
    sizes = {arm: int(n) for arm, n in counts.items()}
    return {"counts": sizes, "planned": share.to_dict(), "p": float(p)}


def balance(units: pd.DataFrame, control: str) -> pd.DataFrame:
    """Return the standardised difference of each arm to the control in what was known before.

    Of the columns of `units` but `segment` and `arm`, the numeric ones are looked at.
    """
    before = units.drop(columns=["segment", "arm"]).select_dtypes("number")
    before = before.join(pd.get_dummies(units["segment"], prefix="segment", dtype=float))
    rows = []
    for arm in sorted(set(units["arm"]) - {control}):
        for name, values in before.items():
            one, other = (values[units["arm"] == side].dropna() for side in (arm, control))
            spread = np.sqrt((one.var() + other.var()) / 2)
            if min(len(one), len(other)) >= 2 and spread > 0:
                p = stats.ttest_ind(one, other, equal_var=False).pvalue
                rows.append((name, arm, (one.mean() - other.mean()) / spread, p))
    frame = pd.DataFrame(rows, columns=["column", "arm", "difference", "p"])
    return frame.assign(p_adjusted=adjust(frame["p"]))


def _problems(units, ratio: dict, stated: bool, uneven: pd.DataFrame, outcomes: dict) -> list[dict]:
    """Return why no effect is believed: sizes not as planned, arms unlike before, outcomes lost."""
    problems = []
    if ratio["p"] < BROKEN:
        sizes = [f"{n:,} in {arm}" for arm, n in sorted(ratio["counts"].items())]
        plan = [f"{share:.0%} {arm}" for arm, share in sorted(ratio["planned"].items())]
        about = {"kind": "planned_sizes" if stated else "unequal_sizes", "p": ratio["p"]}
        problems.append(about | {"sizes": sizes, "plan": plan})
    if worst := sorted(set(uneven.loc[uneven["p_adjusted"] < BROKEN, "column"])):
        problems.append({"kind": "unbalanced", "columns": worst})
    for name, outcome in outcomes.items():
        counts = pd.crosstab(units["arm"], units[name].notna())
        if counts.shape[1] == 2 and stats.chi2_contingency(counts).pvalue < BROKEN:
            problems.append({"kind": "lost", "label": outcome.label or name})
    return problems


# --- one arm, one outcome -------------------------------------------------------------------------


def _one(
    units: pd.DataFrame, name: str, arm: str, control: str, outcome: Outcome, minimum: int
) -> tuple[dict, pd.DataFrame]:
    units, yes = units.assign(value=units[name]), outcome.kind == "yes/no"
    hidden = _rare(units, minimum, "value", yes)
    earlier = "" if yes else f"before_{name}"
    adjusted, saved = cuped(units, "value", earlier)
    sides = [frame[frame["arm"] == side] for frame in (adjusted, units) for side in (arm, control)]

    def cell(segments: list, hide: bool) -> dict:
        values = [side.loc[side["segment"].isin(segments), "value"] for side in sides]
        n, m = len(values[0]), len(values[1])
        row = {"n": n, "n_control": m, **dict.fromkeys(NUMBERS, np.nan)}
        few = hide or min(n, m) < minimum
        return row if few else row | _compared(*values[:2], yes) | _levels(*values[2:], yes)

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
        whole["detectable"] = _detectable(whole["n"], whole["n_control"], whole["se"], ALPHA)
    whole = {"outcome": name, "arm": arm, **whole, "p_interaction": _interaction(of[alone])}
    return whole | {"saved": saved}, of.join(_shrunk(of)).assign(outcome=name, arm=arm)


def _levels(one: pd.Series, other: pd.Series, yes: bool) -> dict:
    levels = {}
    for name, values in (("level", one), ("baseline", other)):
        n, mean = len(values), float(values.mean())
        half = stats.t.ppf(1 - ALPHA / 2, max(n - 1, 1)) * values.std() / np.sqrt(max(n, 1))
        low = max(mean - half, 0.0) if (values >= 0).all() else mean - half
        low, high = map(float, wilson(values.sum(), n)) if yes else (low, mean + half)
        levels |= {name: mean, f"{name}_low": low, f"{name}_high": high}
    return levels


def _compared(one: pd.Series, other: pd.Series, yes: bool) -> dict:
    """Return the difference of two means with Welch's interval, of two rates with Newcombe's.

    The standard error of rates, by which several segments are compared and shrunk, counts one yes
    and one no more in each arm (Agresti & Caffo 2000), so that it is never 0.
    """
    n, effect = np.array([len(one), len(other)]), one.mean() - other.mean()
    variances = np.array([one.var(), other.var()])
    if yes:
        safe = (np.array([one.sum(), other.sum()]) + 1) / (n + 2)
        variances = safe * (1 - safe)
    parts = variances / n
    se, df = np.sqrt(parts.sum()), parts.sum() ** 2 / max((parts**2 / (n - 1)).sum(), 1e-300)
    row = {"effect": effect, "se": se, "df": df, "spread": variances.sum()}
    if not yes:
        return row | _tested(effect, se, df)
    counts = one.sum(), len(one), other.sum(), len(other)
    _, low, high, _ = difference(*counts)
    return row | {"low": low, "high": high, "p": difference_test(*counts)}


def _tested(effect, se, df) -> dict:
    half = stats.t.ppf(1 - ALPHA / 2, df) * se
    p = float(2 * stats.t.sf(abs(effect / se), df)) if se > 0 else np.nan
    return {"low": float(effect - half), "high": float(effect + half), "p": p}


def _rare(units: pd.DataFrame, minimum: int, value: str = "", yes: bool = False) -> set[int]:
    """Return the segments of which some count is not to be shown, SMALL if a total is not.

    Counted are the members of each arm, or who had any `value`; of a yes or no also who had none.
    What is hidden for one arm is hidden for all, so that no sum over the arms tells it; so is the
    segment of the next smallest counts, so that no sum over the segments does.
    """
    cells = [units["segment"], units["arm"]]
    tables = [units.groupby(cells).size().unstack(fill_value=0)]
    if value:
        did = (units[value] != 0).groupby(cells).sum().unstack(fill_value=0)
        tables = [did, tables[0] - did] if yes else [did]
    least = pd.concat([table.min(axis=1) for table in tables], axis=1).min(axis=1)
    mask = privacy.hidden(least.to_numpy(), minimum)
    mask[-1] |= any((table.sum() < minimum).any() for table in tables)
    return {*np.array([*least.index, SMALL])[mask].tolist()}


def cuped(units: pd.DataFrame, name="outcome", earlier="before") -> tuple[pd.DataFrame, float]:
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


def _overall(strata: pd.DataFrame) -> dict:
    """Return the effect on all customers of strata that have one; strata weigh by customers."""
    of, sizes = strata[strata["effect"].notna()], strata[["n", "n_control"]]
    n, m = map(int, sizes.loc[of.index].sum())
    about = {"n": n, "n_control": m, "left_out": int(sizes.to_numpy().sum()) - n - m}
    if of.empty:
        return dict.fromkeys([*NUMBERS, "detectable"], np.nan) | about
    weight = (of["n"] + of["n_control"]) / (n + m)
    effect, variance = (weight * of["effect"]).sum(), (weight**2 * of["se"] ** 2).sum()
    df = variance**2 / max((weight**4 * of["se"] ** 4 / of["df"]).sum(), 1e-300)
    se = np.sqrt(variance)
    about |= {"effect": effect, "detectable": _detectable(n, m, se, ALPHA)}
    return about | _tested(effect, se, df)


def _detectable(n: float, other: float, se: float, alpha: float) -> float:
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

    def excess(between: float) -> float:
        w = 1 / (v + between)
        return (w * (e - (w * e).sum() / w.sum()) ** 2).sum() - (len(e) - 1)

    most = np.var(e) * len(e) + v.max()
    between = brentq(excess, 0, most) if excess(0) > 0 else 0.0
    w = 1 / (v + between)
    middle, keep = (w * e).sum() / w.sum(), between / (between + v)
    shrunk = middle + keep * (e - middle)
    half = 1.96 * np.sqrt(keep * v + (1 - keep) ** 2 / w.sum())
    frame.loc[estimable.index] = np.column_stack([shrunk, shrunk - half, shrunk + half])
    return frame


def _judged(rows: pd.DataFrame, outcomes: dict[str, Outcome]) -> pd.DataFrame:
    """Correct for looking at several segments, and give each its verdict.

    What can be detected and how many are needed go by the strictest level that the verdict asks
    for: 5% divided by all effects looked at, which for one not analysed yet are one more.
    """
    estimable, of = rows["p"].notna(), rows.groupby("outcome")
    rows["p_adjusted"] = adjust(rows["p"])
    level = rows["baseline"].fillna(of["baseline"].transform("mean")).abs()
    rows["worth"] = rows["outcome"].map({n: o.worth for n, o in outcomes.items()}).astype(float)
    rows["worth"] = rows["worth"].fillna(level / 10)
    rows["alpha"] = ALPHA / (estimable.sum() + ~estimable)
    spread = rows["spread"].fillna(of["spread"].transform("mean"))
    size = rows["worth"].where(rows["worth"] > 0) / np.sqrt(spread.where(spread > 0) / 2)
    needed = [power.needed(*pair) for pair in zip(size, rows["alpha"], strict=True)]
    rows["needed"] = np.array(needed, float)
    arms = zip(*(rows[name] for name in ("n", "n_control", "se", "alpha")), strict=True)
    rows["detectable"] = [_detectable(*arm) for arm in arms]
    sign = rows["outcome"].map({n: 1 if o.wanted else -1 for n, o in outcomes.items()})
    gain, clear = rows["effect"] * sign, rows["p_adjusted"] < ALPHA
    small = gain + stats.t.ppf(1 - rows["alpha"] / 2, rows["df"]) * rows["se"] < rows["worth"]
    verdicts = {
        "harms": clear & (gain < 0),
        "works too little": clear & (gain > 0) & small,
        "works": clear & (gain > 0),
        "does not": small,
        "undecided": rows["detectable"] <= rows["worth"],
    }
    verdict = np.select([*verdicts.values()], [*verdicts], "not enough data")
    return rows.assign(verdict=verdict).drop(columns="spread")
