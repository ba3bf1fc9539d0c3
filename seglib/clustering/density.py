"""How far the density falls: groups apart have a valley between them, some columns two peaks."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
from sklearn.covariance import ledoit_wolf

FEWEST = 5  # rows of a group
FOLDS = 5  # in which a direction is learnt from the others
BINS = 60  # from one centre distance before the first centre to one beyond the second
BANDWIDTH = 0.1  # of the kernel, in centre distances
STEP = 3 / BINS
ENOUGH = 60  # values needed to tell two peaks from noise
CLEAR = 4.0  # standard errors by which the density must fall between peaks
FALLEN = 0.7  # and the largest share of the lower peak it may fall to
TIED = 0.02  # a value held by a larger share may be a spike, which is kept
STEPS = 21  # values of a scale so fine that its steps may be none
GRID = 200  # points at which the density of a column is taken
KERNEL = np.exp(-0.5 * (np.arange(-10, 11) * STEP / BANDWIDTH) ** 2)
KERNEL /= KERNEL.sum()


def fall(place: np.ndarray) -> float:
    """Return how far the density falls between two centres: the log of the lower peak over it.

    `place` is where rows lie: 0 at the first centre, 1 at the second.
    """
    bins = np.floor((place + 1) / STEP).astype(int)
    counts = np.bincount(bins[(bins >= 0) & (bins < BINS)], minlength=BINS)
    density = np.convolve(counts, KERNEL, "same") + 0.5
    third = BINS // 3
    low = third + third // 4 + int(density[third + third // 4 : 2 * third - third // 4].argmin())
    peaks = density[third // 2 : low + 1].max(), density[low : 2 * third + third // 2].max()
    return float(np.log(min(peaks) / density[low]))


def apart(x: np.ndarray, label: np.ndarray, least: float) -> tuple[float, int]:
    """Return the least depth between two groups, and how many there are when shallow ones join."""
    first, label, depths = None, label.copy(), {}
    while len(names := np.unique(label)) > 1:
        for pair in combinations(names, 2):
            if pair not in depths:
                depths[pair] = between(*(x[label == name] for name in pair))
        pair = min(depths, key=depths.get)
        first = depths[pair] if first is None else first
        if depths[pair] >= least:
            break
        label[label == pair[1]] = pair[0]
        depths = {two: depth for two, depth in depths.items() if not {*two} & {*pair}}
    return first or 0.0, len(names)


def between(one: np.ndarray, other: np.ndarray) -> float:
    """Return how far the density falls along the direction that parts two groups best (Fisher).

    Each fifth of the rows is laid along the direction that the others give: some direction parts
    the very rows that gave it, however they lie.
    """
    if min(len(one), len(other)) < 2 * FEWEST:
        return 0.0
    folds = [np.arange(len(x)) % FOLDS for x in (one, other)]
    places = [
        _along(one[folds[0] != i], other[folds[1] != i], (one[folds[0] == i], other[folds[1] == i]))
        for i in range(FOLDS)
    ]
    return fall(np.concatenate(places))


def _along(one: np.ndarray, other: np.ndarray, rows: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return where rows lie: 0 at the centre of one group, 1 at that of the other."""
    centre, away = one.mean(axis=0), other.mean(axis=0) - one.mean(axis=0)
    within = ledoit_wolf(np.vstack([one - centre, other - centre - away]), assume_centered=True)[0]
    turn = np.linalg.solve(within, away)
    return (np.vstack(rows) - centre) @ turn / max(away @ turn, 1e-12)


def valley(x: np.ndarray, label: np.ndarray, centres: np.ndarray) -> float:
    """Measure the least depth of the valley between two segments; 0 is no valley."""
    depths = []
    for i, j in combinations(range(len(centres)), 2):
        axis, rows = centres[j] - centres[i], x[(label == i) | (label == j)]
        length = axis @ axis
        depths.append(fall((rows - centres[i]) @ axis / length) if length > 0 else 0.0)
    return min(depths)


def blurring(Z: np.ndarray) -> Callable:
    """Return a function that spreads every value over the gap to its neighbours.

    Then the steps of a scale, the gap between two categories, and the gap beside a value that
    many rows share, are no valley in the density: several columns together make one.
    """
    lists = [edges(np.unique(column)) for column in Z.T]

    def blurred(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out = x.copy()
        for i, ends in enumerate(lists):
            place = np.clip(np.searchsorted(ends, x[:, i], "right") - 1, 0, len(ends) - 2)
            low, high = ends[place], ends[place + 1]
            out[:, i] = low + (high - low) * rng.uniform(size=len(x))
        return out

    return blurred


def edges(values: np.ndarray) -> np.ndarray:
    """Midpoints between values, and as far beyond the first and last."""
    if len(values) < 2:
        return np.array([values[0] - 1e-9, values[0] + 1e-9])
    middle = (values[1:] + values[:-1]) / 2
    return np.r_[2 * values[0] - middle[0], middle, 2 * values[-1] - middle[-1]]


# --- columns with two peaks of their own ----------------------------------------------------------


def bandwidth(values: np.ndarray) -> float:
    """Return the least smoothing that leaves one peak; 0 where there is no sign of two.

    Modality test after Silverman 1981, *J. R. Statist. Soc. B* 43.
    """
    if len(values) < ENOUGH or _spiked(values) or not _two_peaks(values):
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


def _spiked(values: np.ndarray) -> bool:
    """Say whether one value is held by too many; steps of a fine scale, as years, are no spikes."""
    distinct, counts = np.unique(values, return_counts=True)
    if counts.max() / len(values) <= TIED:
        return False
    if len(distinct) < STEPS:
        return True
    step = np.diff(distinct)
    nearest = np.minimum(np.r_[step[0], step], np.r_[step, step[-1]])
    fine = counts[nearest <= _width(values) / 2].sum() >= 0.95 * len(values)
    around = (np.convolve(counts, np.ones(5), "same") - counts) / 4
    return not fine or bool((counts > 3 * np.maximum(around, TIED * len(values) / 2)).any())


def _width(values: np.ndarray) -> float:
    """Return Silverman's rule of thumb for the width of a kernel."""
    low, high = np.quantile(values, [0.25, 0.75])
    return 0.9 * min(values.std(), max((high - low) / 1.34, 1e-9)) * len(values) ** -0.2


def _two_peaks(values: np.ndarray) -> bool:
    """Say whether the density falls significantly between two of its peaks."""
    n, width = len(values), _width(values)
    f = _density(values, width)
    left, right = np.maximum.accumulate(f), np.maximum.accumulate(f[::-1])[::-1]
    lower = np.minimum(left, right)
    error = np.sqrt(0.2821 * (lower + f) / (n * width)) + 1e-12  # 1 / (2 sqrt(pi)) = 0.2821
    return bool(((f < FALLEN * lower) & ((lower - f) / error > CLEAR)).any())


def _density(values: np.ndarray, width: float) -> np.ndarray:
    """Gaussian kernel density on a grid."""
    edges = np.linspace(values.min(), values.max(), GRID + 1)
    counts = np.histogram(values, edges)[0]
    place = np.arange(GRID) * (edges[1] - edges[0]) / max(width, 1e-12)
    kernel = np.exp(-0.5 * (place[:, None] - place[None, :]) ** 2)
    return kernel @ counts / (len(values) * max(width, 1e-12) * np.sqrt(2 * np.pi))


def _peaks(f: np.ndarray) -> int:
    """Count the peaks of a density on a grid, those at its ends included."""
    padded = np.r_[-1.0, f, -1.0]
    return int(((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:])).sum())
