"""Small counts hidden so that nobody can work them out from totals and from what is shown.

A count below the minimum is hidden. Others are hidden with it until, for whoever knows all that is
shown and solves for the rest, each small count could be any of at least as many numbers as the
minimum: what is possible is found by linear programs (the audit of Fischetti & Salazar-González
2001, with figures chosen one at a time, the smallest first).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linprog

NOT_SHOWN = "not shown"
TRIED = 5  # figures looked at for one that helps to hide another


def hidden(counts, minimum: int) -> np.ndarray:
    """Return which cells of a table to hide, totals included.

    Parameters
    ----------
    counts : array, shape (cells,) or (rows, columns)
        Numbers of customers that add up to totals which readers know.
    minimum
        The smallest number that may be shown; with 1, only cells of nobody are hidden, and none
        with them.

    Returns
    -------
    numpy.ndarray of bool, shape (cells + 1,) or (rows + 1, columns + 1)
        The last row and column are the totals.
    """
    table = np.atleast_2d(np.asarray(counts, float))
    rows, columns = (np.vstack([np.eye(n), np.ones(n)]) for n in table.shape)
    rows = rows if np.ndim(counts) == 2 else np.ones((1, 1))
    groups = np.kron(rows, columns)
    if minimum > 1:
        mask = linked(table.ravel(), groups, minimum, nobody=True)
    else:
        mask = groups @ table.ravel() < minimum
    return mask if np.ndim(counts) == 1 else mask.reshape(len(rows), len(columns))


def linked(counts, groups, minimum: int, figures=None, mask=None, *, nobody=False) -> np.ndarray:
    """Return which of several linked figures to hide, such as shares of the same customers.

    Parameters
    ----------
    counts : array, shape (cells,)
        Numbers of customers in cells that do not overlap.
    groups : array of 0 and 1, shape (groups, cells)
        Which cells each number that a reader might learn adds up.
    minimum
        The smallest number that may be learnt.
    figures : array, shape (groups,), optional
        The figure that tells a group. One figure may tell several: a share with its interval tells
        how many do and how many do not. By default each group is a figure.
    mask : array of bool, shape (groups,), optional
        What is hidden anyway.
    nobody
        Whether a group of nobody is small too.

    Returns
    -------
    numpy.ndarray of bool, shape (groups,)

    Source
    ------
    Fischetti & Salazar-González 2001, J. Am. Stat. Assoc. 96, section 2 (the attacker's problem).
    """
    groups = np.asarray(groups, float)
    sums = groups @ np.asarray(counts, float)
    figures = np.arange(len(sums)) if figures is None else np.asarray(figures)
    few = (sums < minimum) & (nobody | (sums > 0))
    mask = few if mask is None else few | mask
    mask = np.isin(figures, figures[mask])
    for target in np.flatnonzero(few):
        while _width(groups, sums, mask, target) < minimum:
            more = _companion(groups, sums, figures, mask, target)
            if more is None:
                break
            mask = mask | (figures == more)
    return mask


def _width(groups: np.ndarray, sums: np.ndarray, mask: np.ndarray, target: int) -> float:
    """Return how many more numbers than one a group can have, given what is shown."""
    if mask.all():
        return np.inf
    goal = groups[target]
    ends = [
        linprog(way * goal, A_eq=groups[~mask], b_eq=sums[~mask], method="highs") for way in (1, -1)
    ]
    low, high = (end.fun if end.success else -np.inf for end in ends)
    return np.floor(-high + 1e-6) - np.ceil(low - 1e-6)


def _companion(groups, sums, figures, mask, target):
    """Return the figure to hide next: of the smallest that widen what is possible, else of any."""
    both = (groups[:, None, :] >= np.maximum(groups, groups[target])[None]).all(axis=2)
    common = np.where(both, groups.sum(axis=1)[:, None], np.inf).min(axis=0)
    order = np.lexsort([sums, common, groups.sum(axis=1)])
    candidates = [i for i in order if not mask[i]]
    width = _width(groups, sums, mask, target)
    for i in candidates[:TRIED]:
        if _width(groups, sums, mask | (figures == figures[i]), target) > width:
            return figures[i]
    return figures[candidates[0]] if candidates else None


def shown(counts: pd.Series | pd.DataFrame, minimum: int) -> pd.Series | pd.DataFrame:
    """Return counts with missing values where they are to be hidden; totals are not added."""
    mask = hidden(counts.to_numpy(), minimum)
    inner = mask[:-1] if counts.ndim == 1 else mask[:-1, :-1]
    return counts.astype(float).mask(inner)


def written(counts: pd.Series, minimum: int) -> pd.Series:
    """Return counts as text, with `not shown` for those to be hidden."""
    return shown(counts, minimum).map(lambda n: NOT_SHOWN if pd.isna(n) else f"{n:,.0f}")
