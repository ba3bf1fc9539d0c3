"""Was the assignment to arms random? The sizes of the arms, and what was known before."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from seglib.stats import adjust
from seglib.study import StudyError
from seglib.wording import listing

BROKEN = 0.001  # p-value below which a randomisation is not believed (Fabijan et al. 2019)


def sample_ratio(counts: pd.Series, planned: dict[str, float] | None = None) -> dict:
    """Return the test that arms have the sizes that were planned (chi-squared)."""
    share = pd.Series(planned or dict.fromkeys(counts.index, 1.0)).reindex(counts.index)
    if share.isna().any() or (share <= 0).any():
        raise StudyError(
            f"planned shares are given for {', '.join(map(str, planned))}, but the arms are "
            f"{', '.join(map(str, counts.index))}: give a share above 0 for each arm"
        )
    expected = share / share.sum() * counts.sum()
    p = stats.chisquare(counts, expected).pvalue
    shares = (share / share.sum()).to_dict()
    return {"counts": {a: int(n) for a, n in counts.items()}, "planned": shares, "p": float(p)}


def balance(units: pd.DataFrame, control: str) -> pd.DataFrame:
    """Return the standardised difference of each arm to the control in what was known before.

    Parameters
    ----------
    units
        `segment`, `arm`, and columns known before, of which the numeric ones are looked at.
    control
        Name of the control arm.
    """
    units = units.reset_index(drop=True)
    known = units.drop(columns=["segment", "arm"]).select_dtypes("number")
    known = known.join(pd.get_dummies(units["segment"], prefix="segment", dtype=float))
    rows = []
    for arm in sorted(set(units["arm"]) - {control}):
        for name in known:
            one = known.loc[units["arm"] == arm, name].dropna()
            other = known.loc[units["arm"] == control, name].dropna()
            spread = np.sqrt((one.var() + other.var()) / 2)
            if min(len(one), len(other)) < 2 or not spread > 0:
                continue
            p = stats.ttest_ind(one, other, equal_var=False).pvalue
            rows.append((name, arm, (one.mean() - other.mean()) / spread, p))
    frame = pd.DataFrame(rows, columns=["column", "arm", "difference", "p"])
    return frame.assign(p_adjusted=adjust(frame["p"]))


def problems(ratio: dict, uneven: pd.DataFrame, stated: bool = True) -> list[str]:
    """Return the reasons, if any, not to believe that customers were assigned at random.

    Sizes that do not fit say so only if the study has `stated` the planned ones.
    """
    found = misfit(ratio, stated)
    worst = uneven[uneven["p_adjusted"] < BROKEN]
    if len(worst):
        columns = listing([plain(name) for name in sorted(set(worst["column"]))])
        found.append(
            f"The arms differed before the experiment in {columns}: the assignment was not random."
        )
    return found


def misfit(ratio: dict, stated: bool) -> list[str]:
    """Return a sentence if the arms do not have the sizes that were planned."""
    if ratio["p"] >= BROKEN:
        return []
    sizes = ", ".join(f"{n:,} in {arm}" for arm, n in sorted(ratio["counts"].items()))
    if not stated:
        return [
            f"The arms are not equally large ({sizes}; p = {ratio['p']:.2g}); if that was "
            "intended, state `planned:`, the share of each arm."
        ]
    plan = ", ".join(f"{s:.0%} {arm}" for arm, s in sorted(ratio["planned"].items()))
    return [
        f"The arms do not have the planned sizes ({sizes}; planned {plan}; p = {ratio['p']:.2g}): "
        "customers were lost or added after the assignment."
    ]


def lost(units: pd.DataFrame, outcomes: dict[str, str]) -> list[str]:
    """Return for each outcome that is known of some arms more often than chance explains why.

    Parameters
    ----------
    units
        `arm` and the outcomes.
    outcomes
        Column → what a reader calls it.
    """
    found = []
    for name, label in outcomes.items():
        known = units[name].notna()
        table = pd.crosstab(units["arm"], known)
        if table.shape[1] == 2 and stats.chi2_contingency(table).pvalue < BROKEN:
            found.append(
                f"Of some arms it is known more often than of others ({label or name}): customers "
                "were lost after the assignment."
            )
    return found


def plain(column: str) -> str:
    """Return what a column that was known before holds, in words."""
    if column.startswith("before_"):
        return f"{column[7:].removesuffix(' after')} before"
    return (
        f"the share of segment {column[8:]}"
        if column.startswith("segment_")
        else (column.removeprefix("known_"))
    )
