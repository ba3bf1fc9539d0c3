"""A short rule to know each segment by, with how often it is right."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from seglib.personas.names import (
    entries,
    has_level,
    kind,
    label,
    levels,
    numbers,
    quoted,
    reply,
    segments,
)
from seglib.wording import amount, of_level

DEPTH, LEAF, FOLDS = 3, 0.02, 5  # conditions, least share of rows, parts of the cross-validation


def rules(frame: pd.DataFrame, labels: pd.Series, dictionary=(), seed: int = 0) -> pd.DataFrame:
    """Return one short rule per segment, in the words and units of the dictionary.

    A rule is the best branch (by F1) of a shallow decision tree of the segment against everyone
    else, its limits rounded to two digits. A row whose value is missing does not meet a rule.

    Returns
    -------
    DataFrame
        segment, rule (text), precision (of those who meet the rule, the share that belongs to the
        segment), recall (of the segment, the share that meets the rule), both cross-validated over
        five folds in which tree and rule are made anew; n (rows that meet the rule).
    """
    about, labels = entries(dictionary, frame), labels.reindex(frame.index)
    rows, several = [], labels.nunique() > 1
    numeric = _numeric(frame) if several else None
    for segment, inside in segments(labels):
        row = {"rule": "Everyone", "precision": 1.0, "recall": 1.0, "n": len(frame)}
        if several:
            conditions = _learn(numeric, inside, seed)
            precision, recall = _validated(numeric, inside, seed)
            row = {"rule": _text(conditions, frame, about), "precision": precision}
            row |= {"recall": recall, "n": int(_meets(numeric, conditions).sum())}
        rows.append({"segment": segment} | row)
    return pd.DataFrame(rows, columns=["segment", "rule", "precision", "recall", "n"])


def _numeric(frame: pd.DataFrame) -> pd.DataFrame:
    """Return numbers only; a nominal column becomes one 0-1 column a level, named by a pair."""
    columns = {}
    for name in frame:
        nominal = kind(frame[name]) == "nominal"
        for level in levels(frame[name]) if nominal else [""]:
            columns[name, level] = has_level(frame[name], level) if level else numbers(frame[name])
    return pd.DataFrame(columns, index=frame.index)


def _learn(table: pd.DataFrame, inside: np.ndarray, seed: int) -> list[tuple]:
    """Return the conditions (column, is above, limit) of the best branch."""
    filled = table.fillna(table.median()).fillna(0).to_numpy()
    tree = DecisionTreeClassifier(
        max_depth=DEPTH,
        min_samples_leaf=max(2, int(LEAF * len(table))),
        class_weight="balanced",
        random_state=seed,
    ).fit(filled, inside)
    branches = [_simple(branch, table) for branch in _branches(tree.tree_)]
    return max(branches, key=lambda b: (round(_f1(_meets(table, b), inside), 6), -len(b)))


def _branches(tree, node: int = 0, path: tuple = ()) -> list[list[tuple]]:
    """Return the conditions on the way to every node but the root."""
    paths = [list(path)] if path else []
    if tree.children_left[node] >= 0:
        column, limit = int(tree.feature[node]), float(tree.threshold[node])
        for child, above in ((tree.children_left[node], False), (tree.children_right[node], True)):
            paths += _branches(tree, child, (*path, (column, above, limit)))
    return paths or [[]]


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


def _validated(table: pd.DataFrame, inside: np.ndarray, seed: int) -> tuple[float, float]:
    """Return precision and recall on rows that the rule has not seen; missing if too few."""
    folds = min(FOLDS, int(inside.sum()), int((~inside).sum()))
    if folds < 2:
        return np.nan, np.nan
    met = np.zeros(len(inside), dtype=bool)
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(met, inside):
        met[test] = _meets(table.iloc[test], _learn(table.iloc[train], inside[train], seed))
    right = float((met & inside).sum())
    return (right / met.sum() if met.any() else np.nan), right / inside.sum()


def _text(conditions: list[tuple], frame: pd.DataFrame, about: dict) -> str:
    limits: dict[tuple, dict] = {}
    for column, above, limit in conditions:
        limits.setdefault(column, {})[above] = limit
    parts = [_phrase(c, own, frame[c[0]], about[c[0]]) for c, own in limits.items()]
    text = " and ".join(parts)
    return text[:1].upper() + text[1:]


def _phrase(column: tuple, limits: dict, values: pd.Series, entry: dict) -> str:
    """Return the conditions on one column as words; `limits` maps 'is above' to the limit."""
    name, low, high = label(entry["label"]), limits.get(True), limits.get(False)
    if column[1]:
        answer, has = reply(column[1], levels(values), entry["base"]), low is not None
        if not answer:
            return f"{name} {'is' if has else 'is not'} {column[1]}"
        yes = (answer == "yes") == has
        if entry["base"] == "psychographic":
            return f"{'yes' if yes else 'no'} to {quoted(entry['label'])}"
        return name if yes else f"no {name}"
    if kind(values) == "ordered":
        order = list(values.cat.categories)
        parts = [f"{of_level(low + 1, order)} or more"] if low is not None else []
        parts += [f"{of_level(high, order)} or less"] if high is not None else []
        return f"{name} is {' and '.join(parts)}"
    whole = (values.dropna() == values.dropna().round()).all()
    if whole:
        low, high = (v if v is None else np.floor(v) + up for v, up in ((low, 1), (high, 0)))
    low, high = (v if v is None else amount(v, entry["unit"]) for v in (low, high))
    if low and high:
        return f"{name} between {low} and {high}"
    return f"{name} {'at least' if whole else 'above'} {low}" if low else f"{name} at most {high}"
