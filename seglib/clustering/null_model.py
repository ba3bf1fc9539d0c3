"""Tables like the one observed, with no groups in them.

Every simulated table keeps each column's own values (grid, spikes and missing cells included) and
the rank correlations, but nothing beyond one cloud of points; only a smooth column with two clear
peaks of its own gets one. Built as a nearly elliptical copula with empirical margins:

1. Columns are ranked (mid-ranks) and turned into normal scores (Rüschendorf 2009, *On the
   distributional transform*); nominal levels are first put in the order of the leading axis of a
   multiple correspondence analysis.
2. A value at the end of a scale that the same rows hold in two columns or more, such as no orders
   and no spend, is structural. Rows are split into strata by these, and each keeps its own size and
   margins (general location model, Olkin & Tate 1961, without its normality); missing cells are
   resampled as whole row patterns, and make strata where another column says which are missing. A
   column that follows from another (neighbours there are alike here) is taken from the same row, as
   are yes-or-no columns of which each row has one yes. Parts of a whole, such as shares, are scaled
   to add up as in the table; where many are 0, they are drawn as ratios to the smaller ones, which
   keeps neither their own distributions nor correlations, and which are 0 stays.
3. The correlation matrix is shrunk (Ledoit & Wolf 2004) and corrected, by simulation, for the
   attenuation that ties cause.
4. Whitened rows (ties broken at random) get random directions. Lengths are resampled along the
   leading axis (elliptical distributions, Fang, Kotz & Ng 1990), for heavy tails and response
   styles, and across it among rows of similar rank on it, for scatter that grows with the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata
from sklearn.base import BaseEstimator
from sklearn.covariance import ledoit_wolf_shrinkage

from seglib.clustering import density, dependence
from seglib.clustering.encoding import Encoder, encode
from seglib.clustering.mixture import ROWS

SPIKE = 0.05  # least share of rows at a structural value
SAME = 0.9  # Jaccard similarity of the rows that hold it in two columns
STRATUM = 20  # fewest rows of a stratum; rarer patterns are taken together
WINDOW = 0.1  # share of rows of similar rank on the leading axis
ROUNDS = 4  # steps of the correction for ties


class NullModel(BaseEstimator):
    """A column-preserving table without groups, as often as asked.

    Of larger tables `rows` are looked at, drawn at random: `rows_` are their positions, `Z_` is
    what the encoder makes of them, shape (rows, encoded columns).
    """

    def __init__(self, rows: int = ROWS, random_state: int = 0):
        self.rows, self.random_state = rows, random_state

    def fit(self, X: pd.DataFrame, encoder: Encoder) -> NullModel:
        """Choose and encode the rows; what a simulated table needs is learnt when one is asked."""
        order = np.random.default_rng(self.random_state).permutation(len(X))
        self.rows_ = np.sort(order[: self.rows])
        self.X_, self.encoder_ = X.iloc[self.rows_], encoder
        self.Z_ = np.asarray(encoder.transform(self.X_))
        names, asked = encoder.columns, dependence.questions(self.X_)
        encoded = {rule["name"] for rule in encoder.rules_ if rule["kind"] == "numeric"}
        wholes = [w for w in dependence.parts_of_a_whole(self.X_) if len(encoded & {*w}) > 1]
        self.wholes_ = [dependence.Whole.of(self.X_[whole]) for whole in wholes]
        places = ([names.index(name) for name in one if name in names] for one in asked)
        self.questions_ = [one for one in places if len(one) > 1]
        self.nominal_ = encoder.nominal | np.isin(range(len(names)), [*chain(*self.questions_)])
        self.copula_ = None
        return self

    def answers(self) -> np.ndarray:
        """Return :meth:`Encoder.answers` of the rows, questions once, shares as cube roots.

        Amounts of a gamma distribution look normal as such (Wilson & Hilferty 1931), and so do
        shares of their sum. Where many are 0, as of one or two orders, none are returned.
        """
        values, names = self.encoder_.answers(self.X_), self.encoder_.columns
        for whole in self.wholes_:
            for name, x in zip(whole.names, np.cbrt(whole.parts).T, strict=True):
                if name in names:
                    normal = np.nan if whole.sparse else (x - np.nanmean(x)) / np.nanstd(x)
                    values[:, names.index(name)] = normal
        for one in self.questions_:
            yes = np.where(np.isnan(values[:, one]), np.nan, values[:, one] > 0)
            values[:, one] = yes @ np.arange(1.0, len(one) + 1)[:, None]
        return values

    def sample(self, i: int) -> np.ndarray:
        """Return the i-th table without groups, encoded, with as many rows as were looked at."""
        if self.copula_ is None:
            self._learn()
        rng, encoder = np.random.default_rng((self.random_state, 2, i)), self.encoder_
        rows = draw(self.copula_, rng)
        Z = _look_up(self.copula_, rows, self.Z_, encoder.owners, rng)
        for whole, places in zip(self.wholes_, self.places_, strict=True):
            for rule, part in zip(places, whole.drawn(rows[:, places]).T, strict=True):
                if rule < len(encoder.rules_):
                    again = encode(encoder.rules_[rule], pd.Series(part))
                    Z[:, encoder.owners == rule] = again[:, None]
        return Z

    def _learn(self) -> None:
        """Learn the copula, with the parts of a whole that do not form segments beside."""
        encoder, names = self.encoder_, self.encoder_.columns
        left = [name for whole in self.wholes_ for name in whole.names if name not in names]
        self.places_ = [[[*names, *left].index(n) for n in whole.names] for whole in self.wholes_]
        values = quantify(self.Z_, encoder.answers(self.X_), encoder.nominal)
        values, ratios = np.column_stack([values, self.X_[left].to_numpy(float)]), []
        for whole, places in zip(self.wholes_, self.places_, strict=True):
            values[:, places] = np.where(np.isnan(whole.parts), np.nan, whole.codes)
            ratios += places if whole.sparse else []
        self.copula_ = learn(values, self.questions_, ratios, seed=self.random_state)


# --- the copula -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Copula:
    """What a simulated table needs; see :func:`learn`."""

    state: np.ndarray  # (rows, columns): 0 regular, 1 or 2 structural (low, high), 3 missing
    stratum: np.ndarray  # (rows,)
    root: np.ndarray  # square root of the correlation of normal scores
    axis: np.ndarray  # (columns,): its leading eigenvector
    radius: np.ndarray  # lengths of the whitened rows
    across: np.ndarray  # lengths across the leading axis, in the order of ranks along it
    order: list[list[np.ndarray]]  # per column and stratum: regular rows, lowest to highest
    smooth: list[list[float]]  # the same: smoothing that leaves one peak, 0 for none needed
    donor: np.ndarray  # (columns,): the column from which it follows, itself if from none


def learn(values: np.ndarray, questions=(), ratios=(), *, seed: int = 0) -> Copula:
    """Learn the copula of numbers, shape (rows, columns), NaN missing.

    Columns of one of `questions` have one yes a row; 0 and 1 are states of columns of `ratios`.
    """
    rng = np.random.default_rng(seed)
    state = _states(values)
    for j in ratios:
        state[values[:, j] == 0, j], state[values[:, j] == 1, j] = 1, 2
    regular = state == 0
    gone = np.isnan(values)
    present = dependence.following(values, gone).any(axis=0) & (gone.mean(axis=0) >= SPIKE)
    stratum = _strata(state, present)
    normal = _normal_scores(values, regular, stratum)
    order = _orders(values, regular, stratum)
    smooth = [
        [density.bandwidth(column[rows]) for rows in of_stratum]
        for column, of_stratum in zip(values.T, order, strict=True)
    ]
    peaked = np.array([max(of_stratum) > 0 for of_stratum in smooth])
    donor = dependence.donors(dependence.following(values, values) & ~peaked[:, None] & ~peaked)
    for one in questions:
        donor[one] = donor[one[0]]
    target = correlation = _correlation(normal, regular)
    tied = any(len(np.unique(values[r, j])) < 0.9 * r.sum() for j, r in enumerate(regular.T))
    loose = _normal_scores(values, regular, stratum, rng)
    for step in range(ROUNDS if tied else 1):
        root, axis = _root(correlation)
        lengths = _lengths(loose, regular, root, axis)
        copula = Copula(state, stratum, root, axis, *lengths, order, smooth, donor)
        if step < ROUNDS - 1 and tied:
            correlation = _corrected(correlation, target, copula, normal, rng)
    return copula


def draw(copula: Copula, rng: np.random.Generator) -> np.ndarray:
    """Row numbers, shape (rows, columns): cell (i, j) takes column j's value in that row."""
    state, stratum, (n, p) = copula.state, copula.stratum, copula.state.shape
    rows = rng.permutation(n)
    latent = _cloud(copula, n, rng) @ copula.root
    picked = np.repeat(rows[:, None], p, axis=1)  # structural and missing cells stay as they are
    for j in range(p):
        for i, lowest_first in enumerate(copula.order[j]):
            cells = np.flatnonzero((state[rows, j] == 0) & (stratum[rows] == i))
            picked[cells[latent[cells, j].argsort()], j] = lowest_first
    return picked[:, copula.donor]


def _look_up(copula: Copula, rows: np.ndarray, Z: np.ndarray, owner: np.ndarray, rng):
    """Look drawn rows up in an encoding; columns with two clear peaks get a single one."""
    out = Z[rows[:, owner], np.arange(len(owner))]
    for i, j in enumerate(owner):
        for stratum, width in enumerate(copula.smooth[j]):
            if width > 0:
                regular = copula.state[rows[:, j], j] == 0
                cells = np.flatnonzero(regular & (copula.stratum[rows[:, j]] == stratum))
                lowest_first = cells[out[cells, i].argsort(kind="stable")]
                out[lowest_first, i] = density.smoothed(out[cells, i], width, rng)
    return out


def _cloud(copula: Copula, n: int, rng: np.random.Generator) -> np.ndarray:
    """Whitened rows without groups."""
    axis, across = copula.axis, copula.across
    white = rng.standard_normal((n, len(axis)))
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    white *= rng.choice(copula.radius, size=n)[:, None]
    if len(axis) == 1:
        return white
    along = white @ axis
    rest = white - along[:, None] * axis
    rest /= np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-12)
    place = along.argsort().argsort() / n * len(across)
    place += WINDOW * len(across) * rng.uniform(-0.5, 0.5, n)
    near = across[np.clip(place, 0, len(across) - 1).astype(int)]
    return along[:, None] * axis + rest * near[:, None]


def quantify(Z: np.ndarray, positions: np.ndarray, nominal: np.ndarray) -> np.ndarray:
    """Levels of nominal columns replaced by their mean on the leading axis of the table."""
    values = positions.astype(float).copy()
    if not np.any(nominal):
        return values
    axis = np.linalg.svd(Z - Z.mean(axis=0), full_matrices=False)[0][:, 0]
    for j in np.flatnonzero(nominal):
        present = ~np.isnan(values[:, j])
        level = values[present, j].astype(int)
        means = np.bincount(level, axis[present]) / np.maximum(np.bincount(level), 1)
        values[present, j] = means[level]
    return values


def _states(values: np.ndarray) -> np.ndarray:
    state = np.where(np.isnan(values), 3, 0)
    places = [(j, end) for j in range(values.shape[1]) for end in (np.nanmin, np.nanmax)]
    holds = np.array([values[:, j] == end(values[:, j]) for j, end in places], dtype=float)
    both, size = holds @ holds.T, holds.sum(axis=1)
    alike = both / np.maximum(size[:, None] + size[None, :] - both, 1) >= SAME
    column = np.array([j for j, _ in places])
    alike &= column[:, None] != column[None, :]
    present = (~np.isnan(values)).sum(axis=0)[column]
    structural = (size >= SPIKE * present) & (size < (1 - SPIKE) * present) & alike.any(axis=1)
    for i in np.flatnonzero(structural):
        state[holds[i] == 1, column[i]] = 1 + i % 2
    return state


def _strata(state: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Give combinations of structural values, and missing ones where `gone`, a number each."""
    holds = np.where(gone, state, state % 3)
    stratum, size = np.unique(holds, axis=0, return_inverse=True, return_counts=True)[1:]
    rare = size[stratum.ravel()] < STRATUM
    return np.unique(np.where(rare, -1, stratum.ravel()), return_inverse=True)[1].ravel()


def _normal_scores(values, regular, stratum, rng=None) -> np.ndarray:
    """Compute normal scores of mid-ranks or, with ``rng``, of ranks with ties broken."""
    scores = np.zeros(values.shape)
    for j in range(values.shape[1]):
        for i in range(stratum.max() + 1):
            here = regular[:, j] & (stratum == i)
            if here.sum() > 1:
                column = values[here, j]
                rank = rankdata(column)
                if rng is not None:
                    shuffled = rng.permutation(len(column))
                    rank[shuffled] = rankdata(column[shuffled], "ordinal")
                z = norm.ppf((rank - 0.5) / len(column))
                scores[here, j] = (z - z.mean()) / max(z.std(), 1e-9)
    return scores


def _orders(values, regular, stratum) -> list[list[np.ndarray]]:
    """Return the regular rows of each column and stratum, lowest value first."""
    strata = [stratum == i for i in range(stratum.max() + 1)]
    rows = [[np.flatnonzero(r & here) for here in strata] for r in regular.T]
    return [
        [of[column[of].argsort(kind="stable")] for of in each]
        for column, each in zip(values.T, rows, strict=True)
    ]


def _correlation(scores: np.ndarray, regular: np.ndarray) -> np.ndarray:
    """Pairwise-complete correlation, shrunk towards independence."""
    x = np.where(regular, scores, 0.0)
    square = (x**2).T @ regular  # sum of squares of i where both are regular
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.nan_to_num(x.T @ x / np.sqrt(square * square.T))
    np.fill_diagonal(r, 1.0)
    keep = 1 - ledoit_wolf_shrinkage(x) if x.shape[1] > 1 else 1.0
    return keep * r + (1 - keep) * np.eye(len(r))


def _corrected(correlation, target, copula: Copula, normal: np.ndarray, rng) -> np.ndarray:
    """One step of the fixed point: move by the gap between target and simulated correlation.

    Drawn tables hold each value of a column and stratum once, so its normal score is as it was.
    """
    repeats = max(1, round(4000 / len(normal)))
    simulated, columns = np.zeros_like(target), np.arange(normal.shape[1])
    for _ in range(repeats):
        rows = draw(copula, rng)
        simulated += _correlation(normal[rows, columns], copula.state[rows, columns] == 0)
    moved = np.clip(correlation + target - simulated / repeats, -0.995, 0.995)
    np.fill_diagonal(moved, 1.0)
    return moved


def _root(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric root of the nearest positive matrix with unit diagonal; leading eigenvector."""
    value, vector = np.linalg.eigh(correlation)
    matrix = (vector * np.maximum(value, 1e-3)) @ vector.T
    scale = np.sqrt(np.diag(matrix))
    value, vector = np.linalg.eigh(matrix / scale / scale[:, None])
    return (vector * np.sqrt(np.maximum(value, 1e-6))) @ vector.T, vector[:, -1]


def _lengths(scores, regular, root, axis) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of whitened rows, in all and across the leading axis (ordered along it)."""
    some = regular.any(axis=1)
    white = (np.where(regular, scores, 0.0) @ np.linalg.inv(root))[some]
    share = np.sqrt(np.maximum(regular.mean(axis=1), 1 / regular.shape[1]))[some]
    if not len(white):
        return np.ones(1), np.ones(1)
    along = white @ axis
    across = np.linalg.norm(white - along[:, None] * axis, axis=1) / share
    length = np.linalg.norm(white, axis=1) / share
    p = len(axis)
    length *= np.sqrt(p / np.mean(length**2))
    across *= np.sqrt((p - 1) / max(np.mean(across**2), 1e-12))
    return length, across[along.argsort(kind="stable")]
