"""Columns that follow from the others: a sum, a difference or a product would count twice.

Spend is orders times their value, shares add up to one. Distances then weigh one thing twice, and
the sheet on which such data lie is a structure, but not one of groups.
"""

import numpy as np
import pandas as pd

FOLLOWS = 0.999  # share of variance that a sum (or, in logarithms, a product) of others explains
ROWS = 10  # rows for each column that are needed to say so
SAME = 1e-6  # relative spread of a sum that is the same in every row


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
    """Say whether a sum of the others, or of those never negative a product, gives the column."""
    table = others.assign(**{"": column}).dropna().to_numpy(dtype=float)
    if not len(table) or _explained(table) >= FOLLOWS:
        return len(table) > 0
    amounts = table[:, table.min(axis=0) >= 0]
    positive = amounts[(amounts > 0).all(axis=1)]
    enough = table[:, -1].min() >= 0 and len(positive) > len(table) / 2
    return bool(enough and _explained(np.log(positive)) >= FOLLOWS)


def _explained(table: np.ndarray) -> float:
    if table.shape[1] < 2 or len(table) < ROWS * table.shape[1]:
        return 0.0
    scaled = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-12)
    left = scaled[:, -1] - scaled[:, :-1] @ np.linalg.lstsq(scaled[:, :-1], scaled[:, -1])[0]
    return 1.0 - float(left.var() / max(scaled[:, -1].var(), 1e-12))


def parts_of_a_whole(frame: pd.DataFrame) -> list[str]:
    """Return the columns that add up to the same sum in every row, such as shares; empty if none.

    Parameters
    ----------
    frame : DataFrame
        Numeric columns only; rows with a missing value are passed over.
    """
    table = frame.dropna()
    amounts = table.loc[:, table.min() >= 0]
    for name in reversed(list(amounts.columns)):
        others = amounts.drop(columns=name)
        if (
            others.shape[1] < 2
            or _explained(others.assign(**{"": amounts[name]}).to_numpy()) < FOLLOWS
        ):
            continue
        x = np.column_stack([np.ones(len(others)), others])
        weight = np.linalg.lstsq(x, amounts[name].to_numpy())[0][1:]
        whole = [*others.columns[np.isclose(weight, -1, atol=0.01)], name]
        total = amounts[whole].sum(axis=1)
        if len(whole) > 2 and total.std() <= SAME * total.mean():
            return [column for column in frame if column in whole]
    return []
