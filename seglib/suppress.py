"""Small counts hidden so that nobody can work them out from totals and from what is shown.

A cell below the minimum is hidden. Others are hidden with it until, for whoever knows all that is
shown and adds it up, each small cell could be any of at least as many numbers as the minimum: what
is possible is found by linear programs (the audit of Fischetti & Salazar-González 2001, with cells
chosen one at a time, the smallest first).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linprog

NOT_SHOWN = "not shown"


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

    Source
    ------
    Fischetti & Salazar-González 2001, J. Am. Stat. Assoc. 96, section 2 (the attacker's problem).
    """
    table = _with_totals(np.atleast_2d(np.asarray(counts, float)))
    flat = np.ndim(counts) == 1
    table = table[:1] if flat else table
    mask = table < minimum
    small = [tuple(cell) for cell in np.argwhere(mask)] if minimum > 1 else []
    while (bare := next((c for c in small if _width(table, mask, c) < minimum), None)) is not None:
        more = _companion(table, mask, bare)
        if more is None:
            break
        mask[more] = True
    return mask[0] if flat else mask


def shown(counts: pd.Series | pd.DataFrame, minimum: int) -> pd.Series | pd.DataFrame:
    """Return counts with missing values where they are to be hidden; totals are not added."""
    mask = hidden(counts.to_numpy(), minimum)
    inner = mask[:-1] if counts.ndim == 1 else mask[:-1, :-1]
    return counts.astype(float).mask(inner)


def written(counts: pd.Series, minimum: int) -> pd.Series:
    """Return counts as text, with `not shown` for those to be hidden."""
    return shown(counts, minimum).map(lambda n: NOT_SHOWN if pd.isna(n) else f"{n:,.0f}")


def possible(table: np.ndarray, mask: np.ndarray, cell: tuple[int, int]) -> tuple[float, float]:
    """Return the least and the largest count that a hidden cell can have, given what is shown.

    Parameters
    ----------
    table : array, shape (rows, columns)
        Counts, the last column (and, with several rows, the last row) their totals.
    mask : array of bool, of the same shape
        Which cells are hidden.
    cell
        Row and column.
    """
    places = np.argwhere(mask)
    number = {tuple(place): i for i, place in enumerate(places)}
    lines = [[(r, c) for c in range(table.shape[1])] for r in range(table.shape[0])]
    if table.shape[0] > 1:
        lines += [[(r, c) for r in range(table.shape[0])] for c in range(table.shape[1])]
    left, right = np.zeros((len(lines), len(places))), np.zeros(len(lines))
    for i, line in enumerate(lines):
        for place in line:
            sign = -1 if place == line[-1] else 1
            if place in number:
                left[i, number[place]] = sign
            else:
                right[i] -= sign * table[place]
    goal = np.zeros(len(places))
    goal[number[cell]] = 1
    ends = [linprog(way * goal, A_eq=left, b_eq=right, method="highs") for way in (1, -1)]
    low, high = (way * end.fun if end.success else way * -np.inf
                 for way, end in zip((1, -1), ends, strict=True))  # fmt: skip
    return float(low), float(high)


def _width(table: np.ndarray, mask: np.ndarray, cell: tuple[int, int]) -> float:
    low, high = possible(table, mask, cell)
    return np.floor(high + 1e-6) - np.ceil(low - 1e-6)


def _companion(table: np.ndarray, mask: np.ndarray, cell: tuple[int, int]) -> tuple | None:
    """Return the smallest cell that is shown in the row, column or else anywhere; totals last."""
    last = table.shape[0] - 1 if table.shape[0] > 1 else -1, table.shape[1] - 1
    open_cells = [tuple(place) for place in np.argwhere(~mask)]

    def order(place):
        total = place[0] == last[0] or place[1] == last[1]
        apart = place[0] != cell[0] and place[1] != cell[1]
        return total, apart, table[place], place

    return min(open_cells, key=order, default=None)


def _with_totals(table: np.ndarray) -> np.ndarray:
    rows = np.hstack([table, table.sum(axis=1, keepdims=True)])
    return np.vstack([rows, rows.sum(axis=0, keepdims=True)])
