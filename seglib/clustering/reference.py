"""The calibrated reference: tables like the one observed, with no groups in them.

Every simulated table keeps each column's own values (grid, spikes and missing cells included) and
the rank correlations; only a smooth column with two clear peaks of its own gets a single one. What
no table keeps is anything beyond one cloud of points. Built as a nearly elliptical copula with
empirical margins:

1. Columns are ranked (mid-ranks) and turned into normal scores (Rüschendorf 2009, *On the
   distributional transform*); nominal levels are first put in the order of the leading axis of a
   multiple correspondence analysis.
2. A value at the end of a scale that the same rows hold in two columns or more, such as no orders
   and no spend, is structural. Rows are split into strata by their structural values, and each
   stratum keeps its own size and margins (general location model, Olkin & Tate 1961, without
   its normality); missing cells are resampled as whole row patterns.
3. The correlation matrix is shrunk (Ledoit & Wolf 2004) and corrected, by simulation, for the
   attenuation that ties cause.
4. Whitened rows (ties broken at random) get random directions. Along the leading axis lengths
   are resampled (elliptical distributions, Fang, Kotz & Ng 1990), so heavy tails and extreme
   response styles are part of the reference; across it they are resampled among rows of similar
   rank on the leading axis, so that scatter may grow with the level, as it does in counts.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.covariance import ledoit_wolf_shrinkage

from seglib.clustering import peaks

SPIKE = 0.05  # least share of rows at a structural value
SAME = 0.9  # Jaccard similarity of the rows that hold it in two columns
STRATUM = 20  # fewest rows of a stratum; rarer patterns are taken together
WINDOW = 0.1  # share of rows of similar rank on the leading axis


@dataclass(frozen=True)
class Reference:
    """What a simulated table needs; see :func:`learn`."""

    state: np.ndarray  # (rows, columns): 0 regular, 1 or 2 structural (low, high), 3 missing
    stratum: np.ndarray  # (rows,)
    root: np.ndarray  # square root of the correlation of normal scores
    axis: np.ndarray  # (columns,): its leading eigenvector
    radius: np.ndarray  # lengths of the whitened rows
    across: np.ndarray  # lengths across the leading axis, in the order of ranks along it
    order: list[list[np.ndarray]]  # per column and stratum: regular rows, lowest to highest
    smooth: list[list[float]]  # the same: smoothing that leaves one peak, 0 for none needed


def learn(values: np.ndarray, *, seed: int = 0, rounds: int = 4) -> Reference:
    """Learn the reference for a table of numbers, shape (rows, columns); NaN is missing."""
    rng = np.random.default_rng(seed)
    state = _states(values)
    regular = state == 0
    stratum = _strata(state)
    normal = _normal_scores(values, regular, stratum)
    order = _orders(values, regular, stratum)
    smooth = [
        [peaks.bandwidth(column[rows]) for rows in rows_of]
        for column, rows_of in zip(values.T, order, strict=True)
    ]
    target = correlation = _correlation(normal, regular)
    tied = any(len(np.unique(values[r, j])) < 0.9 * r.sum() for j, r in enumerate(regular.T))
    loose = _normal_scores(values, regular, stratum, rng)
    for step in range(rounds if tied else 1):
        root, axis = _root(correlation)
        reference = Reference(
            state, stratum, root, axis, *_lengths(loose, regular, root, axis), order, smooth
        )
        if step < rounds - 1 and tied:
            correlation = _corrected(correlation, target, reference, values, rng)
    return reference


def draw(reference: Reference, rng: np.random.Generator) -> np.ndarray:
    """Row numbers, shape (rows, columns): cell (i, j) takes column j's value in that row.

    The caller looks the values up, so any encoding of the columns can be resampled.
    """
    state, stratum = reference.state, reference.stratum
    n, p = state.shape
    rows = rng.permutation(n)
    latent = _cloud(reference, n, rng) @ reference.root
    picked = np.repeat(rows[:, None], p, axis=1)  # structural and missing cells stay as they are
    for j in range(p):
        for i, lowest_first in enumerate(reference.order[j]):
            cells = np.flatnonzero((state[rows, j] == 0) & (stratum[rows] == i))
            picked[cells[latent[cells, j].argsort()], j] = lowest_first
    return picked


def table(reference: Reference, rows: np.ndarray, encoded: np.ndarray, owner: np.ndarray, rng):
    """Look drawn rows up in any encoding; ``owner`` gives the column of each encoded column.

    Columns with two clear peaks of their own get the single peak nearest to them.
    """
    out = encoded[rows[:, owner], np.arange(len(owner))]
    for i, j in enumerate(owner):
        for stratum, width in enumerate(reference.smooth[j]):
            if width > 0:
                regular = reference.state[rows[:, j], j] == 0
                cells = np.flatnonzero(regular & (reference.stratum[rows[:, j]] == stratum))
                lowest_first = cells[out[cells, i].argsort(kind="stable")]
                out[lowest_first, i] = peaks.smoothed(out[cells, i], width, rng)
    return out


def _cloud(reference: Reference, n: int, rng: np.random.Generator) -> np.ndarray:
    """Whitened rows without groups."""
    axis, across = reference.axis, reference.across
    white = rng.standard_normal((n, len(axis)))
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    white *= rng.choice(reference.radius, size=n)[:, None]
    if len(axis) == 1:
        return white
    along = white @ axis
    rest = white - along[:, None] * axis
    rest /= np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-12)
    place = along.argsort().argsort() / n * len(across)
    place += WINDOW * len(across) * rng.uniform(-0.5, 0.5, n)
    near = across[np.clip(place, 0, len(across) - 1).astype(int)]
    return along[:, None] * axis + rest * near[:, None]


def quantify(encoded: np.ndarray, positions: np.ndarray, nominal: list[bool]) -> np.ndarray:
    """Levels of nominal columns replaced by their mean on the leading axis of the table."""
    values = positions.astype(float).copy()
    if not any(nominal):
        return values
    centred = encoded - encoded.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[0][:, 0]
    for j in np.flatnonzero(nominal):
        known = ~np.isnan(values[:, j])
        level = values[known, j].astype(int)
        means = np.bincount(level, axis[known]) / np.maximum(np.bincount(level), 1)
        values[known, j] = means[level]
    return values


def _states(values: np.ndarray) -> np.ndarray:
    state = np.where(np.isnan(values), 3, 0)
    places = [(j, end) for j in range(values.shape[1]) for end in (np.nanmin, np.nanmax)]
    held = np.array([values[:, j] == end(values[:, j]) for j, end in places], dtype=float)
    both, size = held @ held.T, held.sum(axis=1)
    alike = both / np.maximum(size[:, None] + size[None, :] - both, 1) >= SAME
    column = np.array([j for j, _ in places])
    alike &= column[:, None] != column[None, :]
    known = (~np.isnan(values)).sum(axis=0)[column]
    structural = (size >= SPIKE * known) & (size < (1 - SPIKE) * known) & alike.any(axis=1)
    for i in np.flatnonzero(structural):
        state[held[i] == 1, column[i]] = 1 + i % 2
    return state


def _strata(state: np.ndarray) -> np.ndarray:
    """Give each row's combination of structural values a number; the rare ones share one."""
    stratum, size = np.unique(state % 3, axis=0, return_inverse=True, return_counts=True)[1:]
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
                rank = rankdata(column) if rng is None else _broken_ranks(column, rng)
                z = norm.ppf((rank - 0.5) / here.sum())
                scores[here, j] = (z - z.mean()) / max(z.std(), 1e-9)
    return scores


def _broken_ranks(column: np.ndarray, rng) -> np.ndarray:
    shuffled = rng.permutation(len(column))
    rank = np.empty(len(column))
    rank[shuffled] = rankdata(column[shuffled], "ordinal")
    return rank


def _orders(values, regular, stratum) -> list[list[np.ndarray]]:
    return [
        [
            _sorted_rows(values[:, j], regular[:, j] & (stratum == i))
            for i in range(stratum.max() + 1)
        ]
        for j in range(values.shape[1])
    ]


def _correlation(residual: np.ndarray, regular: np.ndarray) -> np.ndarray:
    """Pairwise-complete correlation, shrunk towards independence."""
    x = np.where(regular, residual, 0.0)
    square = (x**2).T @ regular  # sum of squares of i where both are regular
    cross = x.T @ x
    with np.errstate(invalid="ignore", divide="ignore"):
        r = cross / np.sqrt(square * square.T)
    r = np.nan_to_num(r)
    np.fill_diagonal(r, 1.0)
    keep = 1 - ledoit_wolf_shrinkage(x) if x.shape[1] > 1 else 1.0
    return keep * r + (1 - keep) * np.eye(len(r))


def _corrected(correlation, target, reference, values, rng) -> np.ndarray:
    """One step of the fixed point: move by the gap between target and simulated correlation."""
    repeats = max(1, round(4000 / len(values)))
    seen = np.zeros_like(target)
    columns = np.arange(values.shape[1])
    for _ in range(repeats):
        rows = draw(reference, rng)
        regular = reference.state[rows, columns] == 0
        stratum = reference.stratum[rows[:, 0]]  # all cells of a row come from one stratum
        seen += _correlation(_normal_scores(values[rows, columns], regular, stratum), regular)
    seen /= repeats
    moved = np.clip(correlation + target - seen, -0.995, 0.995)
    np.fill_diagonal(moved, 1.0)
    return moved


def _root(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric root of the nearest positive matrix with unit diagonal; leading eigenvector."""
    value, vector = np.linalg.eigh(correlation)
    matrix = (vector * np.maximum(value, 1e-3)) @ vector.T
    scale = np.sqrt(np.diag(matrix))
    value, vector = np.linalg.eigh(matrix / scale / scale[:, None])
    return (vector * np.sqrt(np.maximum(value, 1e-6))) @ vector.T, vector[:, -1]


def _lengths(residual, regular, root, axis) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of whitened rows, in all and across the leading axis (ordered along it)."""
    some = regular.any(axis=1)
    white = (np.where(regular, residual, 0.0) @ np.linalg.inv(root))[some]
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


def _sorted_rows(column: np.ndarray, regular: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(regular)
    return rows[column[rows].argsort(kind="stable")]
