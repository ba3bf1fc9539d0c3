"""Which counts of a table must not be shown, so that no small one can be worked out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.linalg import null_space


def hidden(counts: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Return which cells to hide from readers who know the totals of all rows and columns.

    Hidden are counts below the minimum, and then the smallest others, until no hidden count
    follows from the shown ones and the totals, and those hidden in a row or column add up to the
    minimum at least (or the whole of it is hidden).

    Parameters
    ----------
    counts
        Missing where there is no cell.
    minimum
        Smallest count that may be shown.

    Returns
    -------
    pandas.DataFrame of bool
    """
    values = counts.to_numpy(dtype=float)
    there = ~np.isnan(values)
    hide = there & (values < minimum)
    while (more := _next(values, there, hide, minimum)) is not None:
        hide[more] = True
    return pd.DataFrame(hide, counts.index, counts.columns)


def _next(values, there, hide, minimum: int) -> tuple[int, int] | None:
    """Return the cell to hide next: the smallest shown one in a line that gives something away."""
    open_lines = _thin(values, hide, minimum) + _derivable(hide)
    for line in open_lines:
        shown = [cell for cell in line if there[cell] and not hide[cell]]
        if shown:
            return min(shown, key=lambda cell: values[cell])
    return None


def _lines(shape: tuple[int, int]) -> list[list[tuple[int, int]]]:
    rows = [[(i, j) for j in range(shape[1])] for i in range(shape[0])]
    return rows + [list(column) for column in zip(*rows, strict=True)]


def _thin(values, hide, minimum: int) -> list:
    """Return lines whose hidden cells together are fewer than the minimum."""
    found = []
    for line in _lines(values.shape):
        inside = [values[cell] for cell in line if hide[cell]]
        if inside and sum(inside) < minimum:
            found.append(line)
    return found


def _derivable(hide: np.ndarray) -> list:
    """Return the rows and columns of hidden cells that the totals determine (linear algebra)."""
    cells = [tuple(cell) for cell in np.argwhere(hide)]
    if not cells:
        return []
    lines = _lines(hide.shape)
    known = np.array([[cell in line for cell in cells] for line in lines], dtype=float)
    free = null_space(known)
    fixed = np.abs(free).max(axis=1) < 1e-9 if free.size else np.ones(len(cells), dtype=bool)
    given = {cell for cell, told in zip(cells, fixed, strict=True) if told}
    return [line for line in lines if given & set(line)]
