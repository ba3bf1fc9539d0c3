"""Columns that know the future: what is given as known orders the weeks afterwards too well."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from seglib.collection.dictionary import forming
from seglib.limits import limit
from seglib.quality.counting import check
from seglib.study import Study, StudyError

FEWEST = 10  # customers who did and who did not order, below which nothing is said


def leakage(
    loaded: Study,
    customers: pd.DataFrame,
    lines: list[dict],
    held: pd.DataFrame | None,
    outcomes: pd.DataFrame | None = None,
) -> list[dict]:
    """Return the checks for columns that know the future, none if it cannot be told.

    What seglib computes itself sees only the time before the cut-off date. An attribute is taken
    as given, and may have been written later: a flag of who left, a status, a last visit. Such a
    column predicts who orders in the holdout, or an outcome, nearly without fault. How well is the
    area under the curve (AUC, 0.5 = chance) of the values, or for categories of the share that
    ordered in the other half of the customers; and of whether the value is known at all.

    Parameters
    ----------
    loaded
        The study; its `limits.leakage` is the AUC from which a column knows the future.
    customers, lines
        From `features.customers`.
    held
        From `activity.holdout`; None without.
    outcomes
        From `attributes.outcomes`; None without.

    Raises
    ------
    StudyError
        If a column that knows the future forms the segments.
    """
    what = f"{'is active' if loaded.usage else 'orders'} in the holdout"
    after = {what: held["active"]} if held is not None else {}
    for name in loaded.outcomes if outcomes is not None else ():
        after[f"“{loaded.outcomes[name].label}”"] = outcomes[name]
    checks = []
    for what, known in after.items():
        truth = known.reindex(customers.index).dropna().eq(1)
        if min(truth.sum(), (~truth).sum()) >= FEWEST:
            checks.append(_foretold(loaded, customers.loc[truth.index], lines, truth, what))
    return checks


def _foretold(
    loaded: Study, customers: pd.DataFrame, lines: list[dict], truth: pd.Series, what: str
) -> dict:
    """Return the check for columns that tell one thing that happened afterwards."""
    given = [line for line in lines if line["base"] not in {"behavioural", "needs"}]
    areas = {line["label"]: auc(customers[line["name"]], truth) for line in given}
    least = limit(loaded.limits, "leakage")
    found = [line for line in given if areas[line["label"]] >= least]
    if guilty := [line for line in found if line["name"] in forming(loaded, lines)]:
        name, area = guilty[0]["name"], areas[guilty[0]["label"]]
        raise StudyError(
            f"{name!r} forms the segments and tells who {what} after {loaded.as_of} nearly without "
            f"fault (AUC {area:.2f}): it seems to know the future; take it out, or raise "
            f"limits.leakage (now {least:g})"
        )
    names = ", ".join(f"{line['label']}, AUC {areas[line['label']]:.2f}" for line in found)
    said = f"column that tells nearly without fault who {what}"
    said += f" ({names})" if names else ""
    action = "only describes: read it as an outcome"
    return check(said, "customers", len(given), len(found), action, of="columns")


def auc(values: pd.Series, came: pd.Series) -> float:
    """Return how well a column tells who came, from 0.5 (by chance) to 1 (without fault)."""
    known = values.notna()
    found = [_area(known.astype(float), came)]
    if pd.api.types.is_numeric_dtype(values):
        found.append(_area(values[known], came[known]))
    else:
        found.append(_area(_other_half(values[known].astype(str), came[known]), came[known]))
    return max(found)


def _area(scores: pd.Series, came: pd.Series) -> float:
    if min(came.sum(), (~came).sum()) < FEWEST:
        return 0.5
    area = roc_auc_score(came, scores)
    return float(max(area, 1 - area))


def _other_half(values: pd.Series, came: pd.Series) -> pd.Series:
    """Return for each customer the share of those with the same value in the other half who came.

    Halves are every second row. A value that the other half lacks says what everybody does.
    """
    half = pd.Series(np.arange(len(values)) % 2, values.index)
    scores = pd.Series(float(came.mean()), values.index)
    for one in (0, 1):
        rates = came[half != one].groupby(values[half != one]).mean()
        scores[half == one] = values[half == one].map(rates).fillna(came.mean())
    return scores
