"""Which columns follow from others: sums and products, tiers, parts of a whole, like neighbours."""

from __future__ import annotations

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
TIERS = 20  # levels of a tier at most
DECIDED = 0.98  # share of rows of a tier that two other columns give, mean of all tiers
GAP = 20  # steps between neighbouring values by which those at a border may differ at most
UNLIKE = 0.02  # share of neighbours in one column that may differ in another that follows from it
NEAR = 0.02  # share of ranks within which two values are alike
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


def parts_of_a_whole(frame: pd.DataFrame) -> list[str]:
    """Return the numbers with one sum in all rows, but for rounding; empty if there are none."""
    numbers = frame.select_dtypes("number").astype(float)
    return _whole(numbers.loc[:, numbers.nunique() > 2])


def _whole(frame: pd.DataFrame) -> list[str]:
    table = frame.dropna()
    amounts = table.loc[:, table.min() >= 0]
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
    result = []
    while len(codes.columns) > 2 and (whole := _whole(codes)):
        if round(codes[whole].dropna().sum(axis=1).mean()) in {1, len(whole) - 1}:
            result.append(whole)
        codes = codes.drop(columns=whole)
    return result


def _same(parts: np.ndarray) -> bool:
    """Say whether parts have the same sum in every row, but for what rounding takes from each."""
    parts = parts / max(parts.sum(axis=1).mean(), 1e-300)
    total, step = parts.sum(axis=1), np.diff(np.unique(parts.round(9))).min(initial=1.0)
    return bool(total.std() <= max(SAME, step * np.sqrt(parts.shape[1]) / 2 * (step <= STEP)))


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
    """Return columns of few levels that two ordered others decide by borders, as bronze or gold.

    Every level must be decided, and no border may lie in a gap: there it would part real groups.
    """
    rank, out, used = table[ordered].rank(), [], set()
    for name in table:
        level, others = pd.factorize(table[name])[0], [c for c in ordered if c not in {name, *out}]
        if name not in used and len(others) > 1 and 3 <= table[name].nunique() <= TIERS:
            x = rank[others].to_numpy()
            tree = DecisionTreeClassifier(max_depth=2, min_samples_leaf=0.02, random_state=0)
            splits = tree.fit(x, level).tree_  # the column of a leaf is negative
            pairs = zip(splits.feature, splits.threshold, strict=True)
            borders = [(others[i], at) for i, at in pairs if i >= 0]
            decided = balanced_accuracy_score(level, tree.predict(x)) >= DECIDED
            narrow = all(_is_narrow(table[by], rank[by], at) for by, at in borders)
            if len(by := {by for by, _ in borders}) == 2 and decided and narrow:
                out.append(name)
                used |= by
    return out


def _is_narrow(x: pd.Series, rank: pd.Series, border: float) -> bool:
    """Say whether values on both sides of a border lie as close as elsewhere."""
    gap = x[rank > border].min() - x[rank <= border].max()
    return bool(gap <= GAP * np.median(np.diff(np.unique(x.dropna()))))
