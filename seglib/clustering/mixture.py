"""How many groups there are, whatever their shape: a mixture of normal groups, counted by ICL.

Within a group, numbers are normal, with variances of the group's own, one covariance for all, or
one of the group's own; answers are independent of all else (location model, Olkin & Tate 1961).
EM starts from Ward's trees on standardised and on whitened columns (Scrucca & Raftery 2015,
*Adv. Data Anal. Classif.* 9) and from one group fewer, each split in turn; the shape with the least
criterion is taken. ICL is BIC with a penalty for rows that could be of another group (Biernacki,
Celeux & Govaert 2000).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.special import logsumexp, softmax

from seglib.clustering.density import FEWEST, apart, edges
from seglib.clustering.dependence import donors, following, told

ROWS = 1200  # on which evidence is taken and groups are counted
SHAPES = ("diag", "tied", "full")  # of the covariances, as scikit-learn calls them
LEAST = 1e-3  # variance of a column within a group, in variances of the column
LOOK, ROUNDS = 10, 200  # of EM, from each start and from the best of them
WHOLE = 2  # rounds of EM on all rows, after the groups were made from some of them
CLOSE = 1e-5  # EM ends where the log-likelihood of a row gains less
DRAWN = 8  # groups at most from which missing numbers are drawn
SPIKE = 3  # a value so many times as frequent as any other is a state, such as no spend at all
DISTINCT = 20  # values a column has at least whose spikes are states
FILLED = 0.5  # share of rows that have a number at least; of other columns only the state counts
MANY = 0.75  # share of rows without gaps, of which segments may be made as if there were no others


@dataclass(frozen=True)
class Groups:
    """Memberships of rows in groups, shape (rows, k), and what they are worth."""

    share: np.ndarray
    shape: str
    free: int  # parameters
    loglik: float

    @property
    def k(self) -> int:
        """How many groups."""
        return self.share.shape[1]

    @property
    def bic(self) -> float:
        """Schwarz's criterion; less is better."""
        return float(self.free * np.log(len(self.share)) - 2 * self.loglik)

    @property
    def icl(self) -> float:
        """BIC and twice the entropy of the memberships."""
        return self.bic - 2 * float((self.share * np.log(np.maximum(self.share, 1e-300))).sum())


@dataclass(frozen=True)
class Columns:
    """Rows in which groups are counted: numbers without ties, and answers as indicators."""

    rows: np.ndarray
    numbers: np.ndarray
    answers: list[np.ndarray]
    diagonal: dict[int, Groups] = field(default_factory=dict, repr=False)  # by their number
    made: dict[bool, np.ndarray] = field(default_factory=dict, repr=False)  # products, squares only

    def of(self, rows, numbers=slice(None)) -> Columns:
        """Return some of the rows, and of their numbers."""
        answers = [each[rows] for each in self.answers]
        return Columns(self.rows[rows], self.numbers[rows][:, numbers], answers)

    def products(self, shape: str) -> np.ndarray:
        """Return products of the numbers as a shape needs them."""
        if (squares := shape == "diag") not in self.made:
            self.made[squares] = products(self.numbers, shape)
        return self.made[squares]

    @cached_property
    def hot(self) -> tuple[np.ndarray, np.ndarray]:
        """Indicators of all answers side by side, and which two are of the same column."""
        of = np.repeat(np.arange(len(self.answers)), [hot.shape[1] for hot in self.answers])
        return np.hstack(self.answers), (of[:, None] == of).astype(float)

    @cached_property
    def spread(self) -> np.ndarray:
        """All columns side by side, standardised, with answers blurred and gaps at the mean."""
        rng = np.random.default_rng(len(self.rows))
        fuzzy = [hot[:, 1:] + rng.uniform(-0.5, 0.5, hot[:, 1:].shape) for hot in self.answers]
        means = np.nanmean(self.numbers, axis=0)
        x = np.hstack([np.where(np.isnan(self.numbers), means, self.numbers), *fuzzy])
        return (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)

    @cached_property
    def trees(self) -> list[np.ndarray]:
        """Ward's tree of the standardised rows, and of the whitened."""
        left, size, _ = np.linalg.svd(self.spread, full_matrices=False)
        return [linkage(x, "ward") for x in (self.spread, left[:, size > 1e-6 * size[0]])]


@dataclass(frozen=True)
class Count:
    """The number of groups, and what other looks say.

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


def count(
    columns: Columns, k_max: int, least: pd.Series, progress: Callable[[str], None] | None = None
) -> Count:
    """Count groups; between two of k the density falls by `least` of k, as a log ratio."""
    fits = []
    for shape in SHAPES:
        for groups in _sizes(columns, shape, k_max):
            fits.append(groups)
            if progress:
                progress(f"mixture of {groups.k} ({shape})")
    chosen = min(fits, key=lambda groups: groups.icl)
    scores = [(groups.k, groups.bic, groups.icl) for groups in fits]
    table = pd.DataFrame(scores, columns=["k", "bic", "icl"]).groupby("k").min()
    depth, several = apart(columns.spread, chosen.share.argmax(axis=1), least[chosen.k])
    return Count(chosen.k, int(table["bic"].idxmin()), several, depth, table)


def best(columns: Columns, k: int, shapes: tuple = SHAPES) -> Groups | None:
    """Return k groups of the shape with the least BIC; None where no start has so many."""
    starts = _starts(columns, k)
    if groups := _diagonal(columns, k):
        starts = [*starts, groups.share]
    made = [_converged(columns, starts, shape) for shape in shapes if starts]
    return min(made, key=lambda groups: groups.bic, default=None)


def fit(x: np.ndarray, k: int, encoder=None, shape="", *, seed: int) -> dict:
    """Return k groups of encoded rows as parameters of :mod:`seglib.clustering.algorithms`.

    ``encoder`` is that of rows of which some are answers or missing; without a shape the best is
    taken.
    """
    values = encoder.decode(x) if encoder else x
    nominal = encoder.nominal if encoder else np.zeros(x.shape[1], bool)
    part = columns(values, nominal, seed, draw=False)
    groups = best(part, k, (shape,) if shape else SHAPES)
    shape, of = groups.shape, products(x, groups.shape)
    normal = rule(of[part.rows], groups.share, shape)
    for _ in range(WHOLE):
        joint = np.log(normal[0]) + log_density(of, *normal[1:], shape)
        normal = rule(of, softmax(joint, axis=1), shape)
    loglik = float(logsumexp(joint, axis=1).sum())
    weights, means, covariances = (each.tolist() for each in normal)
    about = {"objective": -loglik, "bic": groups.bic, "at_best": None}
    made = {"method": "gmm", "shape": shape, "weights": weights, "means": means}
    return made | {"covariances": covariances} | about


def _sizes(columns: Columns, shape: str, most: int) -> Iterator[Groups]:
    """Yield 1, 2, ... groups of a shape, until two more have not made it better."""
    bics = []
    while len(bics) < min(most, int(np.argmin([*bics, np.inf])) + 3):
        groups = best(columns, len(bics) + 1, (shape,))
        if groups is None:
            return
        bics.append(groups.bic)
        yield groups


def _starts(columns: Columns, k: int) -> list[np.ndarray]:
    """Return memberships of k groups by Ward's trees."""
    labels = [np.zeros(len(columns.rows), int)] if k == 1 else []
    labels += [fcluster(tree, k, "maxclust") - 1 for tree in columns.trees if k > 1]
    return [np.eye(k)[label] for label in labels if label.max() == k - 1]


def _diagonal(columns: Columns, k: int) -> Groups | None:
    """Return k groups of shape diag, also looked for by splitting each of one group fewer."""
    if k not in columns.diagonal:
        fewer = _diagonal(columns, k - 1) if k > 1 else None
        starts = _starts(columns, k) + (_splits(columns.spread, fewer.share) if fewer else [])
        columns.diagonal[k] = _converged(columns, starts, "diag") if starts else None
    return columns.diagonal[k]


def _splits(x: np.ndarray, share: np.ndarray) -> list[np.ndarray]:
    """Split each group in turn across the direction in which it is longest."""
    label, (_, k) = share.argmax(axis=1), share.shape
    parts = []
    for group in range(k):
        rows = np.flatnonzero(label == group)
        if len(rows) > 2 * FEWEST:
            away = x[rows] - x[rows].mean(axis=0)
            axis = np.linalg.svd(away, full_matrices=False)[2][0]
            split = label.copy()
            split[rows[away @ axis > 0]] = k
            parts.append(np.eye(k + 1)[split])
    return parts


_pairs = cache(np.triu_indices)


def products(z: np.ndarray, shape: str) -> np.ndarray:
    """Return what moments are sums of: which numbers are there, they, and products of two.

    Numbers may be missing for shape diag only, whose products are squares. EM is then two products
    of matrices a round.
    """
    if shape == "diag":
        x = np.where(there := ~np.isnan(z), z, 0.0)
        return np.hstack([there, x, x**2])
    one, other = _pairs(z.shape[1])
    return np.hstack([np.ones((len(z), 1)), z, z[:, one] * z[:, other]])


def rule(of: np.ndarray, share: np.ndarray, shape: str) -> tuple[np.ndarray, ...]:
    """Return weights, means and covariances of groups, from :func:`products` of rows."""
    everybody = np.ones((len(share), 1))
    size, mean, scatter = _moments(np.hstack([share, everybody]).T @ of, shape)
    floor = scatter[-1].diagonal() / size[-1, :, 0] + 1e-12
    size, scatter = size[:-1], scatter[:-1]
    if shape == "tied":
        scatter[:], size = scatter.sum(axis=0), float(len(share))
    covariance = (scatter + np.diag(0.1 * floor)) / (size + 1) + LEAST * np.diag(floor)
    return share.mean(axis=0) + 1e-12, mean[:-1], covariance


def _moments(total: np.ndarray, shape: str) -> tuple[np.ndarray, ...]:
    """Return sizes, means and scatter matrices from sums of products in each group."""
    if shape == "diag":
        size, mean, square = np.split(total, 3, axis=1)
        mean = mean / (size := size + 1e-10)
        spread = np.maximum(square - size * mean**2, 0)
        return size[:, :, None], mean, spread[:, :, None] * np.eye(spread.shape[1])
    p = int(np.sqrt(2 * total.shape[1] + 0.25) - 1.5)  # of 1 + p + p (p + 1) / 2 products
    mean = total[:, 1 : p + 1] / (size := total[:, :1] + 1e-10)
    square, (one, other) = np.empty((len(total), p, p)), _pairs(p)
    square[:, one, other] = square[:, other, one] = total[:, p + 1 :]
    size = size[:, :, None]
    return size, mean, square - size * mean[:, :, None] * mean[:, None, :]


def log_density(of: np.ndarray, mean: np.ndarray, covariance: np.ndarray, shape: str):
    """Log of the normal density of rows in each group, from :func:`products` of rows."""
    if shape == "diag":
        variance = covariance.diagonal(0, 1, 2)
        once = -(mean**2 / variance + np.log(2 * np.pi * variance)) / 2
        return of @ np.hstack([once, mean / variance, -1 / (2 * variance)]).T
    precision, (one, other) = np.linalg.inv(covariance), _pairs(mean.shape[1])
    centre = (precision @ mean[:, :, None])[:, :, 0]
    once = -(np.linalg.slogdet(2 * np.pi * covariance)[1] + (centre * mean).sum(axis=1)) / 2
    pairs = precision[:, one, other] * np.where(one == other, -0.5, -1.0)
    return of @ np.hstack([once[:, None], centre, pairs]).T


def _converged(columns: Columns, starts: list[np.ndarray], shape: str) -> Groups:
    """Run EM a little from each start, and from the best to the end."""
    short = [_em(columns, share, shape, LOOK) for share in starts]
    share, loglik = max(short, key=lambda run: run[1])
    share, loglik = _em(columns, share, shape, ROUNDS, loglik)
    k, p = share.shape[1], columns.numbers.shape[1]
    pairs = p * (p + 1) // 2
    free = {"diag": k * p, "tied": pairs, "full": k * pairs}[shape]
    free += k * (p + sum(hot.shape[1] - 1 for hot in columns.answers)) + k - 1
    return Groups(share, shape, free, float(loglik))


def _em(columns: Columns, share: np.ndarray, shape: str, rounds: int, before: float = -np.inf):
    """Return memberships and log-likelihood after some rounds, or where a round gains little."""
    for _ in range(rounds):
        joint = _joint(columns, share, shape)
        top = joint.max(axis=1, keepdims=True)
        share = np.exp(joint - top)
        total = share.sum(axis=1, keepdims=True)
        share, loglik = share / total, float((np.log(total) + top).sum())
        if loglik - before < CLOSE * len(share):
            break
        before = loglik
    return share, loglik


def _joint(columns: Columns, share: np.ndarray, shape: str, of: Columns | None = None):
    """Log of the share of each group times the density of each row in it, or of other rows."""
    of = of or columns
    weight, mean, covariance = rule(columns.products(shape), share, shape)
    joint = np.log(weight) + log_density(of.products(shape), mean, covariance, shape)
    if columns.answers:
        hot, same = columns.hot
        table = share.T @ hot + 0.5 * hot.mean(axis=0) + 1e-6
        joint += of.hot[0] @ np.log(table / (table @ same)).T
    return joint


# --- what the columns are -------------------------------------------------------------------------


def columns(values: np.ndarray, nominal: np.ndarray, seed: int = 0, draw: bool = True) -> Columns:
    """Return the columns for a mixture, from numbers and positions of levels; NaN is missing.

    A column that follows from others is left out. Numbers that are missing, or in a state such as
    no spend at all, are drawn from groups (Di Zio, Guarnera & Luzi 2007, *Comput. Stat. Data Anal.*
    51), and from all others where another column tells who has none; of a column with fewer numbers
    than gaps only the state counts. Without `draw`, rows without gaps do if they are most.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(values))[:ROWS])
    own = donors(following(values, values)) == np.arange(values.shape[1])
    values = values[rows].copy()
    for j in np.flatnonzero(told(values)):
        gone = np.isnan(values[:, j])
        values[gone, j] = rng.choice(values[~gone, j], gone.sum())
    numbers, answers = [np.empty((len(rows), 0))], []
    enough = min(FILLED, (~np.isnan(values)).mean(axis=0).max(initial=0))
    for named, column in zip(np.asarray(nominal)[own], values.T[own], strict=True):
        x, there = column.copy(), ~np.isnan(column)
        if not there.any():
            continue
        levels, counts = np.unique(x[there], return_counts=True)
        if named or len(levels) < 3:
            answers.append((x[:, None] == levels).astype(float))
            continue
        most, state = np.sort(counts)[-2:], np.zeros(len(x), bool)
        if len(levels) > DISTINCT and most[1] > SPIKE * most[0] and most[1] >= 0.05 * len(x):
            state = x == levels[counts.argmax()]
        known = there & ~state
        if known.mean() >= enough:
            x[state], x[known] = np.nan, _spread(x[known], rng)
            numbers.append(x)
        elif state.any():
            answers.append(np.column_stack([state, known]).astype(float))
    made = Columns(rows, np.column_stack(numbers), answers)
    whole = ~np.isnan(made.numbers).any(axis=1)
    if not draw and whole.mean() >= MANY:
        return made.of(whole)
    return _filled(made, rng, whole if draw and whole.mean() >= FILLED else None)


def _filled(columns: Columns, rng: np.random.Generator, whole: np.ndarray | None) -> Columns:
    """Draw missing numbers from groups of the whole rows, or those of shape diag of all rows."""
    gone = np.isnan(columns.numbers)
    if not gone.any():
        return columns
    some, shapes = (columns, SHAPES[:1]) if whole is None else (columns.of(whole), SHAPES)
    fits = [groups for shape in shapes for groups in _sizes(some, shape, DRAWN)]
    groups, numbers = min(fits, key=lambda one: one.bic), columns.numbers.copy()
    _, mean, covariance = rule(some.products(groups.shape), groups.share, groups.shape)
    for pattern in np.unique(gone[gone.any(axis=1)], axis=0):
        rows = np.flatnonzero((gone == pattern).all(axis=1))
        there, known = columns.of(rows, ~pattern), some.of(slice(None), ~pattern)
        chance = softmax(_joint(known, groups.share, groups.shape, there), axis=1)
        group = (chance.cumsum(axis=1) > rng.uniform(size=(len(rows), 1))).argmax(axis=1)
        for g in np.unique(group):
            here = rows[group == g]
            centre, scatter = _given(mean[g], covariance[g], pattern, numbers[here])
            drawn = centre + rng.multivariate_normal(np.zeros(pattern.sum()), scatter, len(here))
            numbers[np.ix_(here, pattern)] = drawn
    return Columns(columns.rows, numbers, columns.answers)


def _given(mean: np.ndarray, covariance: np.ndarray, gone: np.ndarray, x: np.ndarray):
    """Return mean and covariance of the missing numbers of a group given the others."""
    known = ~gone
    between = covariance[np.ix_(gone, known)]
    turn = np.linalg.solve(covariance[np.ix_(known, known)], between.T)
    centre = mean[gone] + (x[:, known] - mean[known]) @ turn
    return centre, covariance[np.ix_(gone, gone)] - between @ turn


def _spread(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where many rows share a value, spread these over the gap to the neighbours."""
    levels, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    if len(levels) < 2 or len(levels) >= 0.7 * len(x):
        return x
    ends = edges(levels)
    fuzzy = ends[place] + (ends[place + 1] - ends[place]) * rng.uniform(size=len(x))
    return np.where(counts[place] > 1, fuzzy, x)
