"""How far apart are rows of the same group? Told from near pairs of rows, before any clustering.

Dividing by the overall standard deviation shrinks the very columns that hold groups apart. Near
pairs mostly lie inside one group, so their differences show the spread within groups (Art,
Gnanadesikan & Kettenring 1982, *Utilitas Mathematica* 21A, 75-99).
"""

import numpy as np

ROWS = 500  # pairs of this many rows are looked at


def thin(rows):
    """Take every n-th row, so that at most ``ROWS`` remain (fewer where columns are many)."""
    most = ROWS if rows.shape[1] <= 40 else ROWS // 3
    return rows[:: -(-len(rows) // most)]


def spread(x: np.ndarray, share: float = 0.2) -> np.ndarray:
    """Within-group spread of each column relative to the column that spreads most.

    Root mean squared difference of the nearest fifth of pairs, in units of that spread itself,
    iterated.
    """
    first, second = np.triu_indices(len(x), 1)
    gaps = (x[first] - x[second]) ** 2
    count = max(int(share * len(gaps)), 1)
    ratio = np.ones(x.shape[1])
    for _ in range(8):
        near = np.argpartition(gaps @ ratio**-2, count - 1)[:count]
        ratio = np.sqrt(gaps[near].mean(axis=0))
        ratio = np.maximum(ratio / max(ratio.max(), 1e-12), 0.3)
    return ratio


def metric(encoded: np.ndarray, share: float = 0.1) -> np.ndarray:
    """Find the linear map after which near pairs of rows look round: undoes elongated groups.

    Covariance of the differences of the nearest tenth of pairs, iterated. Shape (columns,
    columns); use ``encoded @ metric``.
    """
    x = thin(encoded)
    first, second = np.triu_indices(len(x), 1)
    gaps, p = x[first] - x[second], x.shape[1]
    count = min(max(int(share * len(gaps)), p + 1), len(gaps))
    root = _inverse_root(np.atleast_2d(np.cov(x.T)))
    for _ in range(10):
        near = np.argpartition(((gaps @ root) ** 2).sum(axis=1), count - 1)[:count]
        root = _inverse_root(gaps[near].T @ gaps[near] / count)
    return root


def _inverse_root(covariance: np.ndarray) -> np.ndarray:
    scaled = covariance / max(np.trace(covariance) / len(covariance), 1e-12)
    value, vector = np.linalg.eigh(scaled + 1e-3 * np.eye(len(scaled)))
    return (vector / np.sqrt(value)) @ vector.T
