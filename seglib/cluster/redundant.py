"""Columns that follow from the others: a sum, a difference or a product would count twice.

Spend is orders times their value, shares add up to one. Distances then weigh one thing twice, and
the sheet on which such data lie is a structure, but not one of groups.
"""

import numpy as np
import pandas as pd

FOLLOWS = 0.999  # share of variance that a sum (or, in logarithms, a product) of others explains
ROWS = 10  # rows for each column that are needed to say so


def redundant(frame: pd.DataFrame) -> list[str]:
    """Return the numeric columns to leave out, so that none follows from the rest.

    Parameters
    ----------
    frame : DataFrame
        Numeric columns only; rows with a missing value are passed over.

    Returns
    -------
    list of str
        Of columns that follow from one another, the last.
    """
    kept, out = list(frame.columns), []
    for name in reversed(list(frame.columns)):
        others = [other for other in kept if other != name]
        if others and _follows(frame[name], frame[others]):
            kept.remove(name)
            out.append(name)
    return out[::-1]


def _follows(column: pd.Series, others: pd.DataFrame) -> bool:
    """Say whether a sum of the others, or where all are positive a product, gives the column."""
    table = others.assign(**{"": column}).dropna().to_numpy(dtype=float)
    positive = table[(table > 0).all(axis=1)]
    product = len(positive) > len(table) / 2 and _explained(np.log(positive)) >= FOLLOWS
    return product or _explained(table) >= FOLLOWS


def _explained(table: np.ndarray) -> float:
    if len(table) < ROWS * table.shape[1]:
        return 0.0
    scaled = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-12)
    left = scaled[:, -1] - scaled[:, :-1] @ np.linalg.lstsq(scaled[:, :-1], scaled[:, -1])[0]
    return 1.0 - float(left.var() / max(scaled[:, -1].var(), 1e-12))
