"""Do segments deserve different treatment? Pairs that end alike, and the lifts that pay."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind_from_stats

from seglib import power, stats
from seglib.study import Economics

__all__ = ["alike", "worth"]


def alike(labels: pd.Series, outcomes: pd.DataFrame) -> list[dict]:
    """Pairs of segments that no outcome tells apart (Welch tests, Benjamini–Hochberg at 5 %).

    Parameters
    ----------
    labels : Series
        Segment of each customer, numbered as the reports call it.
    outcomes : DataFrame
        One column per outcome; customers without outcomes are left out.
    """
    known = labels.index.intersection(outcomes.dropna().index)
    labels, outcomes = labels.loc[known], outcomes.loc[known]
    names = sorted(labels.unique())
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    if not pairs:
        return []
    chances = [
        [_welch(outcomes.loc[labels == a, c], outcomes.loc[labels == b, c]) for c in outcomes]
        for a, b in pairs
    ]
    told = (stats.adjust(chances, "fdr_bh") <= stats.ALPHA).any(axis=1)
    return [
        {
            "segments": [int(a), int(b)],
            "sentence": f"Nothing that happened next tells segments {a} and {b} apart: it gives no "
            "ground to treat them differently.",
        }
        for (a, b), different in zip(pairs, told, strict=True)
        if not different
    ]


def _welch(first: pd.Series, second: pd.Series) -> float:
    first, second = first.to_numpy(dtype=float), second.to_numpy(dtype=float)
    if min(len(first), len(second)) < 3 or np.ptp(np.r_[first, second]) == 0:
        return 1.0
    if first.std() == 0 and second.std() == 0:
        return 0.0
    (a, b, n), (c, d, m) = ((x.mean(), x.std(ddof=1), len(x)) for x in (first, second))
    return float(ttest_ind_from_stats(a, b, n, c, d, m, equal_var=False).pvalue)


def worth(
    segments: pd.Series,
    spend: pd.Series,
    *,
    margin: float,
    cost_per_customer: float,
    weeks: float,
    before: pd.Series | None = None,
) -> list[dict]:
    """Per segment, the smallest lift that pays and the smallest a test on half of it can show.

    Parameters
    ----------
    segments : Series
        Segment of each customer.
    spend : Series
        Of each customer in a window of so many weeks.
    margin, cost_per_customer : float
        As the study states them; the cost is for a quarter.
    weeks : float
        Length of the window, and of the test.
    before : Series, optional
        Spend in the window before, for which the test adjusts.

    Source
    ------
    `seglib.power.spend_test`, which the playbook's tests use too. Lifts are shares of mean spend.
    """
    money, rows = Economics(margin=margin, cost_per_customer=cost_per_customer), []
    for number, part in spend.groupby(segments.reindex(spend.index)):
        earlier = None if before is None else before.reindex(part.index)
        test = power.spend_test(part, earlier, money=money, days=7 * weeks)
        mean, n = test["baseline"], len(part)
        pays = test["break_even"] / mean if mean > 0 else None
        seen = test["detectable"] / mean if mean > 0 and np.isfinite(test["detectable"]) else None
        rows.append({
            "segment": int(number), "n": n, "mean_spend": mean, "sd_spend": float(part.std(ddof=1)),
            "lift_that_pays": pays, "lift_detectable": seen, "adjusted": test["adjusted"],
            "weeks": weeks, "sentence": _worth_sentence(int(number), n, pays, seen, weeks, test),
        })  # fmt: skip
    return rows


def _worth_sentence(number: int, n: int, pays, seen, weeks: float, test: dict) -> str:
    who = f"Segment {number} ({n:,} customers)"
    if pays is None:
        return f"{who} earns nothing to lift."
    if seen is None:
        return f"{who} is too small for any experiment; it needs a lift of {pays:.0%} to pay."
    how = "adjusted for the spend before" if test["adjusted"] else "not adjusted for earlier spend"
    text = (
        f"{who} pays from a lift of {pays:.1%}; a test of half against half for {weeks:.0f} weeks, "
        f"{how}, can show {seen:.0%} or more"
    )
    if pays > 0.5:
        return f"{text}: a lift that large is unlikely, so it is not worth its own treatment."
    if seen > 2 * max(pays, 0.05):
        return f"{text}: too small or too varied to learn soon whether treatment pays."
    return f"{text}."
