"""Which columns follow from others: sums and products, tiers, parts of a whole, like neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import balanced_accuracy_score
from sklearn.tree import DecisionTreeClassifier

FOLLOWS = 0.999  # share of variance of a column that others must explain for it to be left out
ROWS_PER_COLUMN = 10  # needed to say that a column follows from others
SAME = 1e-6  # relative spread of a sum that is the same in every row
STEP = 0.02  # share of the sum to which parts may be rounded
PART = 0.1  # by how much the weight of a part may differ from -1, since rounding shrinks it
ZEROS = 1 / 3  # share of parts of a whole that may be 0, as where orders are few
NOTHING = 1e-9  # share of the largest part that is as good as 0
TIERS = 20  # levels of a tier at most
LOOK, MOST = 50, 30  # rows looked at first; columns of few levels of which pairs are looked at
CELL = 5  # rows of a combination of two columns' levels, on average, that decide a third
DECIDED = 0.98  # share of rows of a tier that two other columns give, mean of all tiers
GAP = 20  # steps between neighbouring values by which those at a border may differ at most
UNLIKE = 0.02  # share of neighbours in one column that may differ in another that follows from it
NEAR = 0.02  # share of ranks within which two values are alike
GAPS = 0.05  # share of rows in which a column is missing whose gaps another tells
OF_CHANCE = 0.25  # and the largest part of what would differ if the columns were unrelated


def redundant(frame: pd.DataFrame) -> list[str]:
    """Return the last numeric columns that follow from the rest: spend is orders times value."""
    kept, out = list(frame.columns), []
    for name in reversed(list(frame.columns)):
        others = [other for other in kept if other != name]
        if others and _follows(frame[[*others, name]].dropna().to_numpy()):
            kept.remove(name)
            out.append(name)
    return out[::-1]


def _follows(table: np.ndarray) -> bool:
    """Say whether a sum of the others, or of those never negative a product, is the last column."""
    if not len(table) or _explained(table) >= FOLLOWS:
        return len(table) > 0
    amounts = table[:, table.min(axis=0) >= 0]
    positive = amounts[(amounts > 0).all(axis=1)]
    enough = table[:, -1].min() >= 0 and len(positive) > len(table) / 2
    return bool(enough and _explained(np.log(positive)) >= FOLLOWS)


def _explained(table: np.ndarray) -> float:
    if table.shape[1] < 2 or len(table) < ROWS_PER_COLUMN * table.shape[1]:
        return 0.0
    scaled = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-12)
    left = scaled[:, -1] - scaled[:, :-1] @ np.linalg.lstsq(scaled[:, :-1], scaled[:, -1])[0]
    return 1.0 - float(left.var() / max(scaled[:, -1].var(), 1e-12))


def parts_of_a_whole(frame: pd.DataFrame) -> list[list[str]]:
    """Return the names of numbers with one sum in all rows, but for rounding, whole by whole."""
    numbers = frame.select_dtypes("number").astype(float)
    return list(_wholes(numbers.loc[:, numbers.nunique() > 2]))


def _wholes(frame: pd.DataFrame) -> Iterator[list[str]]:
    """Yield the names of columns with one sum, which no two wholes share."""
    while len(frame.columns) > 2 and (whole := _whole(frame)):
        yield whole
        frame = frame.drop(columns=whole)


def _whole(frame: pd.DataFrame) -> list[str]:
    table = frame.dropna()
    amounts = table.loc[:, table.min() >= -NOTHING * table.max()]
    if len(amounts) < ROWS_PER_COLUMN * amounts.shape[1]:
        return []
    for name in reversed(list(amounts.columns)):
        others = amounts.drop(columns=name)
        x = np.column_stack([np.ones(len(others)), others])
        weight = np.linalg.lstsq(x, amounts[name].to_numpy())[0][1:]
        whole = [*others.columns[np.isclose(weight, -1, atol=PART)], name]
        if len(whole) > 2 and _same(amounts[whole].to_numpy()):
            return [column for column in frame if column in whole]
    return []


def questions(frame: pd.DataFrame) -> list[list[str]]:
    """Return the columns of two values that are one question: each row has one yes, or one no."""
    two = frame.loc[:, frame.nunique() == 2]
    codes = two.apply(lambda c: pd.Series(pd.factorize(c, sort=True)[0], c.index).where(c.notna()))
    yes = {tuple(whole): codes[whole].dropna().sum(axis=1).mean() for whole in _wholes(codes)}
    return [list(whole) for whole in yes if round(yes[whole]) in {1, len(whole) - 1}]


def _same(parts: np.ndarray) -> bool:
    """Say whether parts have the same sum in every row, but for what rounding takes from each."""
    parts = parts / max(parts.sum(axis=1).mean(), 1e-300)
    total, step = parts.sum(axis=1), np.diff(np.unique(parts.round(9))).min(initial=1.0)
    return bool(total.std() <= max(SAME, step * np.sqrt(parts.shape[1]) / 2 * (step <= STEP)))


@dataclass(frozen=True)
class Whole:
    """Numbers with one sum in all rows, shape (rows, parts), and how they are drawn.

    Where few are 0, drawn parts are scaled to the sum. Where many are, as of few orders, each is
    drawn as a ratio to itself and the smaller ones, and which of them are 0 stays; such ratios of a
    Dirichlet distribution are independent (Connor & Mosimann 1969, *J. Am. Stat. Assoc.* 64).
    """

    names: list[str]
    parts: np.ndarray
    total: float  # of a row without gaps
    sparse: bool  # many parts are 0

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Whole:
        """Return the whole of a table's columns, the largest on average first."""
        names = frame.mean().sort_values(ascending=False, kind="stable").index
        parts = frame[names].to_numpy(float)
        parts = np.where(np.abs(parts) < NOTHING * np.nanmax(parts), 0.0, parts)
        total, zeros = np.nanmedian(parts.sum(axis=1)), (parts == 0).mean()
        return cls(list(names), parts, float(total), bool(zeros > ZEROS))

    @cached_property
    def codes(self) -> np.ndarray:
        """What is drawn: parts, or ratios of sparse ones; missing ones have all that is left."""
        if not self.sparse:
            return self.parts
        gone = np.isnan(self.parts)
        rest = np.maximum(self.total - np.nansum(self.parts, axis=1), 0)
        parts = np.where(gone, (rest / np.maximum(gone.sum(axis=1), 1))[:, None], self.parts)
        left = np.cumsum(parts[:, ::-1], axis=1)[:, ::-1]
        return parts / np.where(left > 0, left, 1.0)

    def drawn(self, rows: np.ndarray) -> np.ndarray:
        """Return parts of which each is drawn from a row of its own."""
        cells = rows, np.arange(len(self.names))
        codes, gap = self.codes[cells], np.isnan(self.parts[cells])
        if self.sparse:
            left = np.cumprod(1 - codes, axis=1)
            parts = self.total * codes * np.column_stack([np.ones(len(left)), left[:, :-1]])
            return np.where(gap, np.nan, parts)
        known = np.nansum(self.parts, axis=1)[np.where(gap, rows, -1).max(axis=1)]
        whole, drawn = np.where(gap.any(axis=1), known, self.total), np.nansum(codes, axis=1)
        return codes * np.where(drawn > 0, whole / np.maximum(drawn, 1e-300), 1.0)[:, None]


def following(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Say which columns of `others` are alike in rows that are neighbours in one of `values`."""
    n, p = values.shape
    rng = np.random.default_rng(0)
    rank = np.column_stack([rankdata(np.nan_to_num(o, nan=np.inf)) for o in others.T * 1.0])
    alone = np.array([_unlike(rank[:, [j]], rng.permutation(n))[0] for j in range(p)])
    result = np.zeros((p, p), dtype=bool)
    for i in range(p):
        shuffled = rng.permutation(n)
        order = shuffled[np.nan_to_num(values[shuffled, i], nan=np.inf).argsort(kind="stable")]
        result[i] = _unlike(rank, order) <= np.minimum(UNLIKE, OF_CHANCE * alone)
    return result & ~np.eye(p, dtype=bool) & (alone > 0)


def told(values: np.ndarray) -> np.ndarray:
    """Say which columns have gaps that the values of another tell, as those of orders do."""
    gone = np.isnan(values)
    other = 2.0 * gone.T @ gone < gone.sum(axis=0)  # is not missing in the same rows
    return (following(values, gone) & other).any(axis=0) & (gone.mean(axis=0) >= GAPS)


def _unlike(rank: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the share of neighbours in an order that differ, column by column."""
    return (np.abs(np.diff(rank[order], axis=0)) > NEAR * len(rank)).mean(axis=0)


def donors(follows: np.ndarray) -> np.ndarray:
    """Return for each column one from which it follows and that follows from none; else itself."""
    donor = np.arange(len(follows))
    for i in follows.sum(axis=1).argsort(kind="stable")[::-1]:
        if donor[i] == i:
            donor[follows[i] & (donor == np.arange(len(donor)))] = i
    return donor


def tiers(table: pd.DataFrame, ordered: list[str]) -> list[str]:
    """Return columns of few levels that two others decide.

    By borders, as bronze or gold, or by their own levels, as the name of a segment of recency and
    frequency scores. Every level must be decided, and no border may lie in a gap: there it would
    part real groups.
    """
    rank, out, used = table[ordered].rank(), [], set()
    few = {name: pd.factorize(table[name])[0] for name in table if table[name].nunique() <= TIERS}
    for name, level in reversed(few.items()):
        if name in used or level.max() < 2:
            continue
        others = [c for c in ordered if c not in {name, *out}]
        by = _borders(table, rank[others], level) if len(others) > 1 else set()
        cells = combinations([c for c in few if c not in {name, *out} and len(few) <= MOST], 2)
        by = by or next(({a, b} for a, b in cells if _decide(few[a], few[b], level)), set())
        if by:
            out.append(name)
            used |= by
    return out


def _borders(table: pd.DataFrame, rank: pd.DataFrame, level: np.ndarray) -> set[str]:
    """Return the two columns whose borders decide the levels; none where there are no such two."""
    tree = DecisionTreeClassifier(max_depth=2, min_samples_leaf=0.02, random_state=0)
    x = rank.to_numpy()
    splits = tree.fit(x, level).tree_  # the column of a leaf is negative
    pairs = zip(splits.feature, splits.threshold, strict=True)
    borders = [(rank.columns[i], at) for i, at in pairs if i >= 0]
    decided = balanced_accuracy_score(level, tree.predict(x)) >= DECIDED
    by = {name for name, _ in borders}
    narrow = len(by) == 2 and all(_is_narrow(table[name], rank[name], at) for name, at in borders)
    return by if decided and narrow else set()


def _decide(one: np.ndarray, other: np.ndarray, level: np.ndarray) -> bool:
    """Say whether each combination of two columns' levels has one of the third's; -1 is none."""
    known = (np.minimum(one, other) >= 0) & (level >= 0)
    if len(np.unique(level[known])) <= level.max():
        return False
    one, other, level = one[known], other[known], level[known]
    for rows in (slice(LOOK), slice(None)):  # most pairs do not even decide a few rows
        both = one[rows] * (TIERS + 1) + other[rows]
        cells = len(np.unique(both))
        if len(np.unique(both * (TIERS + 1) + level[rows])) > cells:
            return False
    alone = (len(np.unique(x * (TIERS + 1) + level)) == len(np.unique(x)) for x in (one, other))
    return cells * CELL <= len(both) and not any(alone)


def _is_narrow(x: pd.Series, rank: pd.Series, border: float) -> bool:
    """Say whether values on both sides of a border lie as close as elsewhere."""
    gap = x[rank > border].min() - x[rank <= border].max()
    return bool(gap <= GAP * np.median(np.diff(np.unique(x.dropna()))))
