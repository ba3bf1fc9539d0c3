"""How many groups there are, whatever their shape: a mixture of normal groups, counted by ICL.

Within a group, numbers are normal, with variances of the group's own, one covariance for all, or
one of the group's own; answers are independent of all else (location model, Olkin & Tate 1961).
EM starts from Ward's trees on standardised and on whitened columns (Scrucca & Raftery 2015,
*Adv. Data Anal. Classif.* 9), and the shape with the least criterion is taken. ICL is BIC with a
penalty for rows that could be of another group (Biernacki, Celeux & Govaert 2000).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.special import logsumexp

from seglib.clustering.encoding import donors, following

ROWS = 1200  # on which groups are counted
SHAPES = ("diag", "tied", "full")  # of the covariances, as scikit-learn calls them
LEAST = 1e-3  # variance of a column within a group, in variances of the column
LOOK, ROUNDS = 10, 200  # of EM, from each start and from the best of them
CLOSE = 1e-5  # EM ends where the log-likelihood of a row gains less
SPIKE = 3  # a value so many times as frequent as any other is a state, such as no spend at all
DISTINCT = 20  # values a column has at least whose spikes are states
PASSED_OVER = 0.25  # share of the rows at most
FEWEST = 5  # rows of a group
BINS = 60  # from one centre distance before the first centre to one beyond the second
BANDWIDTH = 0.1  # of the kernel, in centre distances


@dataclass(frozen=True)
class Columns:
    """The rows that are complete, their numbers with ties spread out, and answers as indicators."""

    rows: np.ndarray
    numbers: np.ndarray
    answers: list[np.ndarray]
    spread: np.ndarray  # all columns side by side, standardised, answers blurred

    @cached_property
    def trees(self) -> list[np.ndarray]:
        """Ward's tree of the standardised rows, and of the whitened."""
        left, size, _ = np.linalg.svd(self.spread, full_matrices=False)
        return [linkage(x, "ward") for x in (self.spread, left[:, size > 1e-6 * size[0]])]


@dataclass(frozen=True)
class Groups:
    """Memberships of rows in groups, shape (rows, k), and what they are worth."""

    share: np.ndarray
    shape: str
    bic: float
    icl: float


@dataclass(frozen=True)
class Count:
    """The number of groups by ICL, and by two other looks.

    Attributes
    ----------
    k, by_bic, apart
        With the least ICL; with the least BIC; how many remain of k when those are joined between
        which the density falls too little.
    depth
        How far the density falls between the two closest of k groups, as a log ratio.
    table : DataFrame
        `bic` and `icl` by `k`.
    """

    k: int
    by_bic: int
    apart: int
    depth: float
    table: pd.DataFrame = field(repr=False)


def count(columns: Columns, k_max: int, least: pd.Series) -> Count:
    """Count groups; between two of k the density falls by `least` of k, as a log ratio."""
    fits = {}
    for shape in SHAPES:
        for k in range(1, k_max + 1):
            groups = best(columns, k, (shape,))
            if groups is None:
                break
            fits[k, shape] = groups
            bics = [fits[i, shape].bic for i in range(1, k + 1)]
            if int(np.argmin(bics)) < k - 2:  # two more groups have not made it better
                break
    by = pd.DataFrame({key: {"bic": one.bic, "icl": one.icl} for key, one in fits.items()}).T
    chosen = by["icl"].idxmin()
    depth, apart = _apart(columns.spread, fits[chosen].share.argmax(axis=1), least[chosen[0]])
    table = by.groupby(level=0).min().rename_axis("k")
    return Count(int(chosen[0]), int(by["bic"].idxmin()[0]), apart, depth, table)


def best(columns: Columns, k: int, shapes: tuple = SHAPES) -> Groups | None:
    """Return k groups of the shape with the least BIC; None where no start has so many."""
    labels = [np.zeros(len(columns.spread), int)] if k == 1 else []
    labels += [fcluster(tree, k, "maxclust") - 1 for tree in columns.trees if k > 1]
    starts = [np.eye(k)[label] for label in labels if label.max() == k - 1]
    if not starts:
        return None
    made = [_converged(columns, starts, shape) for shape in shapes]
    return min(made, key=lambda groups: groups.bic)


def rule(z: np.ndarray, share: np.ndarray, shape: str) -> tuple[np.ndarray, ...]:
    """Return weights, means and covariances of groups of rows, given who belongs where."""
    size, floor = share.sum(axis=0) + 1e-10, z.var(axis=0) + 1e-12
    mean = share.T @ z / size[:, None]
    if shape == "diag":
        scatter = share.T @ z**2 - size[:, None] * mean**2
        scatter = np.maximum(scatter, 0)[:, :, None] * np.eye(z.shape[1])
    else:
        away = [(z - m) * np.sqrt(s)[:, None] for m, s in zip(mean, share.T, strict=True)]
        scatter = np.array([x.T @ x for x in away])
    if shape == "tied":
        scatter[:], size = scatter.sum(axis=0), np.full(len(size), float(len(z)))
    prior = np.diag(0.1 * floor)
    covariance = (scatter + prior) / (size[:, None, None] + 1) + LEAST * np.diag(floor)
    return share.mean(axis=0) + 1e-12, mean, covariance


def log_density(z: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Log of the normal density of each row in each group."""
    roots = np.linalg.inv(np.linalg.cholesky(covariance))
    scale = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    away = [((z - m) @ root.T) for m, root in zip(mean, roots, strict=True)]
    squared = np.column_stack([np.einsum("ij,ij->i", x, x) for x in away])
    return scale - squared / 2 - z.shape[1] / 2 * np.log(2 * np.pi)


def _converged(columns: Columns, starts: list[np.ndarray], shape: str) -> Groups:
    """Run EM a little from each start, and from the best to the end."""
    short = [_em(columns, share, shape, LOOK) for share in starts]
    share, loglik = max(short, key=lambda run: run[1])
    share, loglik = _em(columns, share, shape, ROUNDS, loglik)
    (n, k), p = share.shape, columns.numbers.shape[1]
    pairs = p * (p + 1) // 2
    free = {"diag": k * p, "tied": pairs, "full": k * pairs}[shape]
    free += k * (p + sum(hot.shape[1] - 1 for hot in columns.answers)) + k - 1
    bic = float(free * np.log(n) - 2 * loglik)
    doubt = float(-(share * np.log(np.maximum(share, 1e-300))).sum())
    return Groups(share, shape, bic, bic + 2 * doubt)


def _em(columns: Columns, share: np.ndarray, shape: str, rounds: int, before: float = -np.inf):
    """Return memberships and log-likelihood after some rounds, or where a round gains little."""
    for _ in range(rounds):
        joint = _joint(columns, share, shape)
        row = logsumexp(joint, axis=1)
        share, loglik = np.exp(joint - row[:, None]), row.sum()
        if loglik - before < CLOSE * len(row):
            break
        before = loglik
    return share, loglik


def _joint(columns: Columns, share: np.ndarray, shape: str) -> np.ndarray:
    """Log of the share of each group times the density of each row in it."""
    weight, mean, covariance = rule(columns.numbers, share, shape)
    joint = np.log(weight) + log_density(columns.numbers, mean, covariance)
    for hot in columns.answers:
        table = share.T @ hot + 0.5 * hot.mean(axis=0) + 1e-6
        joint = joint + hot @ np.log(table / table.sum(axis=1, keepdims=True)).T
    return joint


def _apart(x: np.ndarray, label: np.ndarray, least: float) -> tuple[float, int]:
    """Return the least depth between two groups, and how many there are when shallow ones join."""
    first, label, depths = None, label.copy(), {}
    while len(names := np.unique(label)) > 1:
        for pair in combinations(names, 2):
            if pair not in depths:
                depths[pair] = _between(*(x[label == name] for name in pair))
        pair = min(depths, key=depths.get)
        first = depths[pair] if first is None else first
        if depths[pair] >= least:
            break
        label[label == pair[1]] = pair[0]
        depths = {two: depth for two, depth in depths.items() if not {*two} & {*pair}}
    return first or 0.0, len(names)


def _between(one: np.ndarray, other: np.ndarray) -> float:
    """Return how far the density falls along the direction that parts two groups best (Fisher)."""
    if min(len(one), len(other)) < FEWEST:
        return 0.0
    within = sum(len(x) * np.atleast_2d(np.cov(x.T, bias=True)) for x in (one, other))
    within = within / (len(one) + len(other)) + 0.01 * np.eye(one.shape[1])
    turn = np.linalg.cholesky(np.linalg.inv(within))
    centres = [x.mean(axis=0) @ turn for x in (one, other)]
    return fall(np.vstack([one, other]) @ turn, *centres)


# --- how far the density falls -------------------------------------------------------------------

_STEP = 3 / BINS
_KERNEL = np.exp(-0.5 * (np.arange(-10, 11) * _STEP / BANDWIDTH) ** 2)
_KERNEL /= _KERNEL.sum()


def fall(x: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Return how far the density falls between two centres: the log of the lower peak over it."""
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


# --- what the columns are -------------------------------------------------------------------------


def columns(values: np.ndarray, nominal: np.ndarray, seed: int = 0) -> Columns:
    """Return the columns for a mixture, from numbers and positions of levels; NaN is missing.

    A column that follows from others is left out. Rows without a number, or in a state such as no
    spend at all, are passed over; of columns for which too few rows would be left, only the state
    counts.
    """
    rng = np.random.default_rng(seed)
    own = donors(following(values, values)) == np.arange(values.shape[1])
    numbers, answers = [], []
    for named, column in zip(np.asarray(nominal)[own], values.T[own], strict=True):
        x = column.copy()
        levels, counts = np.unique(x[~np.isnan(x)], return_counts=True)
        if named or len(levels) < 3:
            answers.append((x[:, None] == levels).astype(float))
            continue
        most = np.sort(counts)[-2:]
        if len(levels) > DISTINCT and most[1] > SPIKE * most[0] and most[1] >= 0.05 * len(x):
            spike = x == levels[counts.argmax()]
            answers.append(np.column_stack([spike, ~spike & ~np.isnan(x)]).astype(float))
            x[spike] = np.nan
        numbers.append(x)
    numbers = np.column_stack([np.empty((len(values), 0)), *numbers])
    gone = np.isnan(numbers)
    kept = gone.mean(axis=0).argsort(kind="stable")
    while len(kept) > (not answers) and gone[:, kept].any(axis=1).mean() > PASSED_OVER:
        kept = kept[:-1]
    rows = np.flatnonzero(~gone[:, kept].any(axis=1))
    rows = np.sort(rng.permutation(rows)[:ROWS])
    answers = [hot[rows] for hot in answers]
    numbers = [np.empty((len(rows), 0)), *(_spread(x, rng) for x in numbers[rows][:, kept].T)]
    numbers = np.column_stack(numbers)
    fuzzy = [hot[:, 1:] + rng.uniform(-0.5, 0.5, hot[:, 1:].shape) for hot in answers]
    x = np.hstack([numbers, *fuzzy])
    return Columns(rows, numbers, answers, (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9))


def _spread(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where many rows share a value, spread these over the gap to the neighbours."""
    levels, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    if len(levels) < 2 or len(levels) >= 0.7 * len(x):
        return x
    middle = (levels[1:] + levels[:-1]) / 2
    edges = np.r_[2 * levels[0] - middle[0], middle, 2 * levels[-1] - middle[-1]]
    fuzzy = edges[place] + (edges[place + 1] - edges[place]) * rng.uniform(size=len(x))
    return np.where(counts[place] > 1, fuzzy, x)
