"""A survey before anything is clustered: whether scales hold, and who answers how."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seglib import stats
from seglib.personas.names import kind, level_label, levels_of, numbers
from seglib.study import Study

FEWEST = 10  # members of a group that is compared


def reliability(frame: pd.DataFrame, study: Study, *, seed: int, draws: int = 400) -> pd.DataFrame:
    """Return how far the items of each scale say the same thing.

    Returns
    -------
    pandas.DataFrame
        By scale: items, n (who answered all of them), alpha with its 95% interval (percentile
        bootstrap over customers); empty without scales.

    Source
    ------
    Cronbach (1951), on the answers as turned: k / (k - 1) · (1 - sum of variances / variance of
    the sum).
    """
    rows = {}
    for name, scale in study.scales.items():
        answers = frame[scale.items].dropna().to_numpy()
        if len(answers) < FEWEST:
            continue
        alpha = stats.bootstrap_estimate(_alpha, answers, draws=draws, seed=seed)
        about = {"items": len(scale.items), "n": len(answers), "alpha": alpha.value}
        rows[scale.label or name] = about | {"low": alpha.low, "high": alpha.high}
    return pd.DataFrame.from_dict(rows, orient="index")


def parts(study: Study, labels: dict[str, str]) -> dict[str, list[str]]:
    """Return the labels of the items of each scale, by the scale's label."""
    return {
        labels[name]: [labels[item] for item in scale.items if item in labels]
        for name, scale in study.scales.items()
        if name in labels
    }


def _alpha(answers: np.ndarray) -> float:
    total, own = answers.sum(axis=1).var(ddof=1), answers.var(axis=0, ddof=1).sum()
    count = answers.shape[1]
    return float(count / (count - 1) * (1 - own / total)) if total > 0 else np.nan


def related(
    frame: pd.DataFrame, forming: list[str], describing: list[str], about: pd.DataFrame,
    alpha: float = 0.05,
) -> pd.DataFrame:  # fmt: skip
    """Return how the columns that form segments hang together with those that only describe.

    Parameters
    ----------
    frame : pandas.DataFrame, one row per customer
    forming, describing
        Columns; of those that form, the numeric and ordered ones are looked at.
    about
        The dictionary, by column.
    alpha
        False discoveries allowed among those that `differ` (Benjamini & Hochberg 1995).

    Returns
    -------
    pandas.DataFrame
        pair, value with its 95% interval (low, high), p_value, p_adjusted, differs; the strongest
        first. The value is Spearman's rank correlation with a number or ordered answer; of a
        group, the chance that a member has more of it than others, minus the chance of less. Both
        run from -1 to 1, 0 is no difference.
    """
    labels = about["label"]
    rows = [
        (f"{labels[what]} · {who}", *estimate)
        for what in forming
        if kind(frame[what]) != "nominal"
        for column in describing
        for who, estimate in _pairs(frame, what, column, about.loc[column])
    ]
    table = pd.DataFrame(rows, columns=["pair", "value", "low", "high", "p_value"])
    table["p_adjusted"] = stats.adjust(table["p_value"], "fdr_bh")
    table["differs"] = table["p_adjusted"] <= alpha
    return table.sort_values("value", key=lambda v: -v.abs(), kind="stable", ignore_index=True)


def strongest(table: pd.DataFrame) -> dict:
    """Return the strongest row of `related` that differs: lead, value, strength, n of all rows.

    The strength is `none` without rows, and `chance` where none differs beyond it.
    """
    if table.empty:
        return {"strength": "none"}
    differs = table[table["differs"]]
    if differs.empty:
        return {"strength": "chance", "n": len(table)}
    lead, value = differs[["pair", "value"]].iloc[0]
    strength = "strong" if abs(value) >= 0.43 else "middling" if abs(value) >= 0.28 else "weak"
    return {"strength": strength, "lead": lead, "value": value, "n": len(table)}


def _pairs(frame: pd.DataFrame, what: str, column: str, entry: dict):
    """Yield each comparison of one column with one that describes."""
    x = numbers(frame[what])
    if kind(frame[column]) != "nominal":
        y = numbers(frame[column])
        both = x.notna() & y.notna()
        if both.sum() > FEWEST and min(x[both].nunique(), y[both].nunique()) > 1:
            yield entry["label"], stats.rank_correlation(x[both], y[both])
        return
    text = levels_of(frame[column])
    levels = sorted(text.dropna().unique())
    for level in levels[1:] if len(levels) == 2 else levels:  # of two, one tells both
        inside, outside = x[text == level].dropna(), x[text.notna() & (text != level)].dropna()
        if min(len(inside), len(outside)) >= FEWEST:
            chance = stats.superiority(inside, outside)
            sides = (2 * bound - 1 for bound in chance[:3])
            yield level_label(entry, level, frame[column]), stats.Estimate(*sides, chance.p)
