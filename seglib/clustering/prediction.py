"""Predictions on customers left out of the fit, and how good they are, with bootstrap intervals."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

BOOTSTRAPS = 400
PLACEBOS = 20
RARE = 20  # rows of the rarer of two outcomes that a comparison needs


def varies(y: np.ndarray) -> bool:
    """Whether an outcome can be predicted at all: two values need some rows of each."""
    counts = np.unique(y, return_counts=True)[1]
    return len(counts) > 2 or (len(counts) == 2 and counts.min() >= RARE)


def target(y: np.ndarray):
    """Return an outcome as it is predicted, its measure's name, the measure, and its zero.

    Two values are scored by AUC; others by R² after cutting the top 1 %.
    """
    if len(np.unique(y)) == 2:
        return (y == y.max()).astype(float), "AUC", auc, 0.5
    return np.minimum(y, np.quantile(y, 0.99)), "R²", r_squared, 0.0


def r_squared(y: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the variance predicted; negative when worse than the mean."""
    total = ((y - y.mean()) ** 2).sum()
    return float(1 - ((y - predicted) ** 2).sum() / total) if total > 0 else 0.0


def auc(y: np.ndarray, predicted: np.ndarray) -> float:
    """Chance that a customer with the outcome is ranked above one without (Mann–Whitney)."""
    ones = y == 1
    a, b = ones.sum(), (~ones).sum()
    if not a or not b:
        return 0.5
    return float((rankdata(predicted)[ones].sum() - a * (a + 1) / 2) / (a * b))


def interval(value: float, draws: np.ndarray) -> dict:
    """Return a value with the middle 95 % of its bootstrap draws."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"value": float(value), "low": float(low), "high": float(high)}


def folds(n: int, seed: int, repeats: int = 1) -> list:
    """Split rows into five folds, as often as asked."""
    return [
        fold
        for r in range(repeats)
        for fold in KFold(5, shuffle=True, random_state=seed + r).split(np.zeros(n))
    ]


def indicators(labels) -> np.ndarray:
    """One column of 0 and 1 per segment."""
    return pd.get_dummies(pd.Series(np.asarray(labels)), dtype=float).to_numpy()


def held_out(x: np.ndarray, y: np.ndarray, splits: list) -> np.ndarray:
    """Held-out predictions of a ridge regression on indicators, averaged over repeats.

    Parameters
    ----------
    x : array, shape (rows, columns)
    y : array, shape (rows,) or (rows, outcomes)
    splits : list
        As :func:`folds` gives them: every row is left out once a repeat.
    """
    total, times = np.zeros(y.shape), np.zeros(len(y))
    for train, test in splits:
        fitted = Ridge(alpha=1.0).fit(x[train], y[train]).predict(x[test])
        total[test] += fitted.reshape(y[test].shape)  # of one outcome in a column it gives a row
        times[test] += 1
    return (total.T / times).T
