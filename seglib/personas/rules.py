"""A short rule to know each segment by, with how often it is right."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from seglib.personas.columns import entries, kind, label, levels_of, numbers
from seglib.wording import amount, of_level

DEPTH = 3  # most conditions in a rule
LEAF = 0.02  # share of rows that a rule covers at least
FOLDS = 5


def rules(
    frame: pd.DataFrame, labels: pd.Series, dictionary=(), seed: int = 0, depth: int = DEPTH
) -> pd.DataFrame:
    """Return one short rule per segment, in the words and units of the dictionary.

    A rule is the best branch (by F1) of a shallow decision tree of the segment against everyone
    else, its limits rounded to two digits. A row whose value is missing does not meet a rule.

    Parameters
    ----------
    frame : DataFrame
        One row per customer or product, original units.
    labels : Series
        Segment of each row, same index.

    Returns
    -------
    DataFrame
        segment, rule (text), precision (of those who meet the rule, the share that belongs to the
        segment), recall (of the segment, the share that meets the rule), both cross-validated over
        five folds in which tree and rule are made anew; n (rows that meet the rule).
    """
    known, labels = entries(dictionary, frame), labels.reindex(frame.index)
    segments = sorted(labels.dropna().unique())
    if len(segments) < 2:
        return pd.DataFrame(
            [{"segment": int(s), "rule": "Everyone", "precision": 1.0, "recall": 1.0,
              "n": len(frame)} for s in segments],
            columns=["segment", "rule", "precision", "recall", "n"],
        )  # fmt: skip
    table = _numeric(frame)
    rows = []
    for segment in segments:
        inside = (labels == segment).to_numpy()
        conditions = _learn(table, inside, depth, seed)
        met = _meets(table, conditions)
        precision, recall = _validated(table, inside, depth, seed)
        rows.append({"segment": int(segment), "rule": _text(conditions, frame, known),
                     "precision": precision, "recall": recall, "n": int(met.sum())})  # fmt: skip
    return pd.DataFrame(rows)


def _numeric(frame: pd.DataFrame) -> pd.DataFrame:
    """Return numbers only; a nominal column becomes one 0-1 column a level, named by a pair."""
    columns = {}
    for name in frame:
        if kind(frame[name]) != "nominal":
            columns[name, ""] = numbers(frame[name])
            continue
        text = levels_of(frame[name])
        for level in sorted(text.dropna().unique()):
            columns[name, level] = (text == level).astype(float).mask(text.isna())
    return pd.DataFrame(columns, index=frame.index)


def _learn(table: pd.DataFrame, inside: np.ndarray, depth: int, seed: int) -> list[tuple]:
    """Return the conditions (column, is above, limit) of the best branch."""
    filled = table.fillna(table.median()).fillna(0).to_numpy()
    tree = DecisionTreeClassifier(
        max_depth=depth, min_samples_leaf=max(2, int(LEAF * len(table))),
        class_weight="balanced", random_state=seed,
    ).fit(filled, inside)  # fmt: skip
    branches = [_simple(b, table) for b in _branches(tree.tree_)]
    return max(branches, key=lambda b: (round(_f1(_meets(table, b), inside), 6), -len(b)))


def _branches(tree, node: int = 0, path: tuple = ()) -> list[list[tuple]]:
    """Return the conditions on the way to every node but the root."""
    found = [list(path)] if path else []
    if tree.children_left[node] >= 0:
        step = (int(tree.feature[node]), float(tree.threshold[node]))
        for child, above in ((tree.children_left[node], False), (tree.children_right[node], True)):
            found += _branches(tree, child, (*path, (step[0], above, step[1])))
    return found or [[]]


def _simple(branch: list[tuple], table: pd.DataFrame) -> list[tuple]:
    """Return one condition a column and direction, the strictest, limits rounded."""
    limits: dict[tuple, float] = {}
    for column, above, limit in branch:
        strictest = max if above else min
        limits[column, above] = strictest(limits.get((column, above), limit), limit)
    return [
        (table.columns[column], above, _rounded(limit, table.iloc[:, column]))
        for (column, above), limit in limits.items()
    ]


def _rounded(limit: float, values: pd.Series) -> float:
    """Return a limit with two digits; between whole numbers, halfway stays."""
    whole = values.dropna()
    if (whole == whole.round()).all() and abs(limit) < 100:
        return float(np.floor(limit)) + 0.5
    return float(f"{limit:.2g}")


def _meets(table: pd.DataFrame, conditions: list[tuple]) -> np.ndarray:
    met = np.ones(len(table), dtype=bool)
    for column, above, limit in conditions:
        values = table[column].to_numpy()
        met &= (values > limit) if above else (values <= limit)
    return met


def _f1(met: np.ndarray, inside: np.ndarray) -> float:
    return 2 * (met & inside).sum() / max(met.sum() + inside.sum(), 1)


def _validated(table, inside: np.ndarray, depth: int, seed: int) -> tuple[float, float]:
    """Return precision and recall on rows that the rule has not seen; missing if too few."""
    folds = min(FOLDS, int(inside.sum()), int((~inside).sum()))
    if folds < 2:
        return np.nan, np.nan
    met = np.zeros(len(inside), dtype=bool)
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(met, inside):
        conditions = _learn(table.iloc[train], inside[train], depth, seed)
        met[test] = _meets(table.iloc[test], conditions)
    right = float((met & inside).sum())
    return (right / met.sum() if met.any() else np.nan), right / inside.sum()


def _text(conditions: list[tuple], frame: pd.DataFrame, known: dict) -> str:
    columns = dict.fromkeys(column for column, *_ in conditions)
    text = " and ".join(
        _phrase(column, {above: limit for c, above, limit in conditions if c == column},
                frame[column[0]], known[column[0]])
        for column in columns
    )  # fmt: skip
    return text[:1].upper() + text[1:]


def _phrase(column: tuple, limits: dict, values: pd.Series, entry: dict) -> str:
    """Return the conditions on one column as words; `limits` maps 'is above' to the limit."""
    name = label(entry["label"])
    if column[1]:
        return f"{name} {'is' if True in limits else 'is not'} {column[1]}"
    if kind(values) == "ordered":
        levels = list(values.cat.categories)
        parts = [f"{of_level(limits[True] + 1, levels)} or more"] if True in limits else []
        parts += [f"{of_level(limits[False], levels)} or less"] if False in limits else []
        return f"{name} is {' and '.join(parts)}"
    whole = (values.dropna() == values.dropna().round()).all()
    low, high = (limits.get(above) for above in (True, False))
    if whole:
        low = np.floor(low) + 1 if low is not None else None
        high = np.floor(high) if high is not None else None
    above = "at least" if whole else "above"
    if low is not None and high is not None:
        return f"{name} between {amount(low, entry['unit'])} and {amount(high, entry['unit'])}"
    if low is not None:
        return f"{name} {above} {amount(low, entry['unit'])}"
    return f"{name} at most {amount(high, entry['unit'])}"
