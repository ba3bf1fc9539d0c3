"""What a clustering shows at k, and what the same clustering shows where there are no groups.

Three measures, each taken on the data and on tables drawn by :mod:`seglib.reference`:

dispersion  log of the within-segment sum of squares (Tibshirani, Walther & Hastie 2001, with a
            reference that keeps margins and correlations instead of a uniform box)
stability   mean adjusted Rand index of pairs of bootstrap samples (Dolnicar & Leisch 2010)
valley      for two segments, how far the density falls between their centres: the log of the
            lower peak over the lowest point between; the least over all pairs counts
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import k_means
from sklearn.metrics import silhouette_score

STARTS = 3  # k-means starts per fit; the data and the reference are treated alike
SMALL = 500  # rows up to which bootstrap samples get more starts: small groups are easily lost
BINS = 60  # from one centre distance before the first centre to one beyond the second
BANDWIDTH = 0.1  # of the kernel, in centre distances


@dataclass(frozen=True)
class Measures:
    """Arrays over k = 1..k_max."""

    dispersion: np.ndarray
    stability: np.ndarray
    valley: np.ndarray


def measure(x: np.ndarray, spread: np.ndarray, k_max: int, rng, *, pairs: int) -> Measures:
    """All three measures for every k.

    Parameters
    ----------
    x : array, shape (rows, encoded columns)
    spread : array, shape (rows, encoded columns)
        The same with every value spread over the gap to its neighbours (:func:`encode.blur`);
        valleys are looked for there, so that the steps of a scale are none.
    pairs : int
        Pairs of bootstrap samples.
    """
    dispersion = [np.log(max(x.var(axis=0).sum() * len(x), 1e-12))]
    stability, deepest = [1.0], [0.0]
    for k in range(2, k_max + 1):
        centres, label, within = cluster(x, k, rng)
        dispersion.append(np.log(max(within, 1e-12)))
        stability.append(resample(x, k, rng, pairs))
        deepest.append(valley(spread, label, centres))
    return Measures(np.array(dispersion), np.array(stability), np.array(deepest))


def against_reference(
    x: np.ndarray,
    draws: Callable[[int], np.ndarray],
    k_max: int,
    *,
    blur: Callable,
    metric: np.ndarray,
    seed: int = 0,
    most: int = 24,
    progress: Callable[[str], None] | None = None,
) -> tuple[Measures, list[Measures]]:
    """Measures of the data and of up to ``most`` tables without groups, in a metric.

    Simulation stops early, after ten tables, where no k stands out from them by 2 of their sd.
    """

    def taken(values: np.ndarray, pairs: int, *number: int) -> Measures:
        rng = np.random.default_rng((seed, *number))
        return measure(values @ metric, blur(values, rng) @ metric, k_max, rng, pairs=pairs)

    seen = taken(x, 6, 0)
    null: list[Measures] = []
    for i in range(most):
        null.append(taken(draws(i), 1, 1, i))
        if progress:
            progress(f"table without groups {i + 1} of at most {most}")
        if i == 9 and excess(seen, null)[1].max() < 2:
            break
    return seen, null


def excess(seen: Measures, null: list[Measures]) -> tuple[np.ndarray, np.ndarray]:
    """How much less dispersed the data are than the reference: as a log ratio, and in its sd."""
    fake = np.array([m.dispersion for m in null])
    gap = fake.mean(axis=0) - seen.dispersion
    gap[0] = 0.0
    return gap, gap / (fake.std(axis=0, ddof=1) + 1e-9)


def cluster(x: np.ndarray, k: int, rng: np.random.Generator, starts: int = STARTS):
    """Centres, labels and within-segment sum of squares of the best of a few k-means runs."""
    return k_means(x, k, n_init=starts, random_state=int(rng.integers(2**31)))


def resample(x: np.ndarray, k: int, rng, pairs: int) -> float:
    """Mean agreement of pairs of bootstrap samples."""
    agreement = []
    for _ in range(pairs):
        two = []
        for _ in range(2):
            rows = rng.integers(len(x), size=len(x))
            two.append(nearest(x, cluster(x[rows], k, rng, 6 if len(x) <= SMALL else 2)[0]))
        agreement.append(rand_index(*two))
    return float(np.mean(agreement))


def nearest(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Find the nearest centre of each row."""
    return ((centres**2).sum(axis=1) - 2 * x @ centres.T).argmin(axis=1)


def table(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Contingency table of two labellings counted from 0."""
    width = int(b.max()) + 1
    return np.bincount(a * width + b, minlength=(int(a.max()) + 1) * width).reshape(-1, width)


def rand_index(a: np.ndarray, b: np.ndarray) -> float:
    """Compute the adjusted Rand index (Hubert & Arabie 1985, eq. 5)."""
    counts = table(a, b).astype(float)
    rows, columns, n = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    both = (counts * (counts - 1)).sum()
    one, two = (rows * (rows - 1)).sum(), (columns * (columns - 1)).sum()
    chance = one * two / (n * (n - 1))
    most = (one + two) / 2
    return float((both - chance) / (most - chance)) if most > chance else 1.0


def jaccard(label: np.ndarray, other: np.ndarray, k: int) -> np.ndarray:
    """For each segment, the Jaccard similarity of its best match (Hennig 2007, sec. 2)."""
    counts = np.zeros((k, max(k, int(other.max()) + 1)))
    np.add.at(counts, (label, other), 1)
    union = counts.sum(axis=1)[:, None] + counts.sum(axis=0)[None, :] - counts
    return (counts / np.maximum(union, 1)).max(axis=1)


def agreement(label: np.ndarray, other: np.ndarray, k: int) -> float:
    """Share of rows in the same segment after matching the numbers (Hungarian method)."""
    counts = np.zeros((k, k))
    np.add.at(counts, (label, other), 1)
    rows, columns = linear_sum_assignment(-counts)
    return float(counts[rows, columns].sum() / len(label))


def valley(x: np.ndarray, label: np.ndarray, centres: np.ndarray) -> float:
    """Measure the least depth of the valley between two segments; 0 is no valley."""
    depths = [
        _depth(x[(label == i) | (label == j)], centres[i], centres[j])
        for i in range(len(centres))
        for j in range(i + 1, len(centres))
    ]
    return float(min(depths))


_STEP = 3 / BINS
_KERNEL = np.exp(-0.5 * (np.arange(-10, 11) * _STEP / BANDWIDTH) ** 2)
_KERNEL /= _KERNEL.sum()


def _depth(x: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    axis = second - first
    length = axis @ axis
    if length <= 0:
        return 0.0
    place = (x - first) @ axis / length  # 0 at the first centre, 1 at the second
    bins = np.floor((place + 1) / _STEP).astype(int)
    counts = np.bincount(bins[(bins >= 0) & (bins < BINS)], minlength=BINS)
    density = np.convolve(counts, _KERNEL, "same") + 0.5
    third = BINS // 3
    low = third + third // 4 + int(density[third + third // 4 : 2 * third - third // 4].argmin())
    peaks = density[third // 2 : low + 1].max(), density[low : 2 * third + third // 2].max()
    return float(np.log(min(peaks) / density[low]))


def prediction_strength(x: np.ndarray, k: int, rng, splits: int = 3) -> float:
    """Tibshirani & Walther (2005), eq. 2.1: worst segment's share of pairs kept together."""
    values = []
    for _ in range(splits):
        order = rng.permutation(len(x))
        train, test = x[order[: len(x) // 2]], x[order[len(x) // 2 :]]
        own = cluster(test, k, rng)[1]
        counts = table(own, nearest(test, cluster(train, k, rng)[0])).astype(float)
        size = counts.sum(axis=1)
        together = (counts * (counts - 1)).sum(axis=1) / np.maximum(size * (size - 1), 1)
        values.append(together[size > 1].min())
    return float(np.mean(values))


def silhouette(x: np.ndarray, k: int, rng, most: int = 800) -> float:
    """Mean silhouette width (Rousseeuw 1987) on at most ``most`` rows."""
    label = cluster(x, k, rng)[1]
    rows = rng.permutation(len(x))[:most]
    return float(silhouette_score(x[rows], label[rows])) if len(set(label[rows])) > 1 else 0.0


def across_k(x: np.ndarray, k_max: int, rng) -> list[list[float]]:
    """For each k, how far each segment (largest first) persists at k + 1 (Dolnicar & Leisch 2017).

    The value is the Jaccard similarity of the best match: 1 persists, near 0.5 splits.
    """
    labels = [np.zeros(len(x), int)] + [cluster(x, k, rng)[1] for k in range(2, k_max + 1)]
    out = []
    for k in range(1, k_max):
        order = np.argsort(-np.bincount(labels[k - 1], minlength=k), kind="stable")
        out.append(jaccard(labels[k - 1], labels[k], k)[order].tolist())
    return [*out, []]
