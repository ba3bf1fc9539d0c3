"""Columns that fall into separate peaks on their own, and the single peak nearest to them.

The reference keeps every column's own values, and with them any groups that one column shows by
itself. Where a smooth column has two clear peaks, its reference is the same column smoothed until
one peak is left, at unchanged mean and variance (Silverman 1981, *J. R. Statist. Soc. B* 43).
"""

import numpy as np

FEWEST = 60  # values needed to tell two peaks from noise
CLEAR = 4.0  # standard errors by which the density must fall between peaks
SHALLOW = 0.7  # and the largest share of the lower peak it may fall to
TIED = 0.02  # a value held by a larger share is a spike, which is kept
_GRID = 200


def bandwidth(values: np.ndarray) -> float:
    """Return the least smoothing that leaves one peak; 0 where there is no sign of two."""
    if len(values) < FEWEST or _ties(values) > TIED or not _two_peaks(values):
        return 0.0
    low, high = 0.0, 3 * values.std()
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if _peaks(_density(values, middle)) == 1 else (middle, high)
    return float(high)


def smoothed(values: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the values with normal noise of this width, sorted, at unchanged mean and variance."""
    noisy = values + width * rng.normal(size=len(values))
    shrink = np.sqrt(1 + (width / values.std()) ** 2)
    return np.sort(values.mean() + (noisy - noisy.mean()) / shrink)


def _ties(values: np.ndarray) -> float:
    return np.unique(values, return_counts=True)[1].max() / len(values)


def _two_peaks(values: np.ndarray) -> bool:
    """Say whether the density falls significantly between two of its peaks."""
    n = len(values)
    low, high = np.quantile(values, [0.25, 0.75])
    width = 0.9 * min(values.std(), max((high - low) / 1.34, 1e-9)) * n**-0.2
    f = _density(values, width)
    left, right = np.maximum.accumulate(f), np.maximum.accumulate(f[::-1])[::-1]
    lower = np.minimum(left, right)
    error = np.sqrt(0.2821 * (lower + f) / (n * width)) + 1e-12  # 1 / (2 sqrt(pi)) = 0.2821
    return bool(((f < SHALLOW * lower) & ((lower - f) / error > CLEAR)).any())


def _density(values: np.ndarray, width: float) -> np.ndarray:
    """Gaussian kernel density on a grid."""
    edges = np.linspace(values.min(), values.max(), _GRID + 1)
    counts = np.histogram(values, edges)[0]
    place = np.arange(_GRID) * (edges[1] - edges[0]) / max(width, 1e-12)
    kernel = np.exp(-0.5 * (place[:, None] - place[None, :]) ** 2)
    return kernel @ counts / (len(values) * max(width, 1e-12) * np.sqrt(2 * np.pi))


def _peaks(f: np.ndarray) -> int:
    """Count the peaks of a density on a grid, those at its ends included."""
    padded = np.r_[-1.0, f, -1.0]
    return int(((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:])).sum())
