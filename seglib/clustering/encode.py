"""Frame to matrix: every column becomes plain numbers, by a rule that is itself plain numbers.

A *column rule* is a dict that JSON can hold. Numeric columns are optionally taken as log(1 + x),
winsorised, centred and scaled; ordered columns become their level's position, centred and scaled;
nominal columns become indicators weighted as in multiple correspondence analysis (Pagès 2015,
*Multiple Factor Analysis by Example Using R*, ch. 3), divided so that each column has inertia one.
A missing value, or a level the rule has never seen, sits at the centre and adds no distance.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from seglib.clustering import near, reference
from seglib.clustering.kinds import kind, refuse
from seglib.clustering.redundant import parts_of_a_whole, redundant
from seglib.study import StudyError

RARE = 0.01  # levels held by a smaller share of rows carry no distance
TAILS = (0.005, 0.995)  # winsor limits as quantiles


def learn(
    frame: pd.DataFrame, *, logs: bool = True, tails: tuple = TAILS, near_scale: bool = True
) -> tuple[list[dict], list[str]]:
    """Column rules for a frame, and a sentence for every column left out.

    Parameters
    ----------
    frame : DataFrame
    logs : bool
        Take log(1 + x) of columns skewed to the right.
    tails : (float, float)
        Winsor limits, as quantiles.
    near_scale : bool
        Scale continuous columns by their spread among near pairs of rows.

    Raises
    ------
    StudyError
        If a column holds identifiers, dates, infinities or free text, or none is left.
    """
    rules, notes = [], []
    if frame.columns.has_duplicates:
        name = frame.columns[frame.columns.duplicated()][0]
        raise StudyError(f"Column {name!r} appears more than once; rename or drop one of them.")
    for name in frame.columns:
        values = frame[name]
        refuse(name, values)
        if values.nunique(dropna=True) < 2:
            what = "is empty" if values.isna().all() else "has the same value everywhere"
            notes.append(f"Column {name!r} {what} and was left out.")
            continue
        if kind(values) == "numeric":
            rules.append(_learn_numeric(str(name), values, logs, tails))
        elif kind(values) == "nominal" and len(_frequent(values)) < 2:
            notes.append(
                f"Column {name!r} has fewer than two levels that {RARE:.0%} of rows hold and was "
                "left out."
            )
        else:
            rules.append(_LEVELS[kind(values)](str(name), values))
    numeric = {rule["name"] for rule in rules if rule["kind"] == "numeric"}
    for name in redundant(frame[[n for n in frame if str(n) in numeric]].astype(float)):
        rules = [rule for rule in rules if rule["name"] != str(name)]
        notes.append(
            f"Column {name!r} follows from the others (a sum or a product of them) and was left "
            "out: it would count twice."
        )
    if not rules:
        raise StudyError(
            f"None of the {frame.shape[1]} columns varies ({', '.join(map(str, frame.columns))}): "
            "give at least one that has two values in more than a few rows."
        )
    return _near_scales(rules, frame) if near_scale else rules, notes


def matrix(rules: list[dict], frame: pd.DataFrame) -> np.ndarray:
    """Encode a frame, shape (rows, encoded columns); no missing values."""
    absent = [r["name"] for r in rules if r["name"] not in frame.columns]
    if absent:
        raise StudyError(
            f"The table has no column {absent[0]!r}, which the segments were made with; add it."
        )
    parts = [_ENCODERS[r["kind"]](r, frame[r["name"]]) for r in rules]
    return np.column_stack(parts) if parts else np.empty((len(frame), 0))


def answers(rules: list[dict], frame: pd.DataFrame) -> np.ndarray:
    """One column per rule: standardised numbers, positions of levels; missing stays NaN."""
    parts = []
    for rule in rules:
        values = frame[rule["name"]]
        if rule["kind"] == "numeric":
            known = ~np.isnan(_numbers(values))
            parts.append(np.where(known, _encode_numeric(rule, values), np.nan))
        else:
            parts.append(codes(rule, values))
    return np.column_stack(parts)


def decoded(rules: list[dict], encoded: np.ndarray) -> np.ndarray:
    """Return :func:`answers` from encoded rows; a value between two levels was missing."""
    parts, owner = [], owners(rules)
    for i, rule in enumerate(rules):
        block = encoded[:, owner == i]
        if rule["kind"] == "nominal":
            parts.append(np.where(block.any(axis=1), block.argmax(axis=1), np.nan))
        elif rule["kind"] == "ordered":
            code = block[:, 0] * rule["scale"] + rule["centre"]
            parts.append(np.where(np.isclose(code, code.round()), code.round(), np.nan))
        else:
            parts.append(block[:, 0])
    return np.column_stack(parts)


def codes(rule: dict, values: pd.Series) -> np.ndarray:
    """Position of each value among the rule's levels; missing or unseen is NaN."""
    place = {level: float(i) for i, level in enumerate(rule["levels"])}
    number, distinct = pd.factorize(values)
    found = np.array([place.get(_plain(v), np.nan) for v in distinct] + [np.nan])
    return found[number]  # factorize numbers a missing value -1: the last entry


def owners(rules: list[dict]) -> np.ndarray:
    """For each encoded column, the number of the rule it comes from."""
    widths = [len(r["levels"]) if r["kind"] == "nominal" else 1 for r in rules]
    return np.repeat(np.arange(len(rules)), widths)


def blur(encoded: np.ndarray):
    """Return a function that spreads every value over the gap to its neighbours.

    Then the steps of a scale, the gap between two categories, and the gap beside a value that
    many rows share, are no valley in the density: several columns together make one.
    """
    lists = [_edges(np.unique(column)) for column in encoded.T]

    def spread(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out = x.copy()
        for i, edges in enumerate(lists):
            place = np.clip(np.searchsorted(edges, x[:, i], "right") - 1, 0, len(edges) - 2)
            low, high = edges[place], edges[place + 1]
            out[:, i] = low + (high - low) * rng.uniform(size=len(x))
        return out

    return spread


def _edges(values: np.ndarray) -> np.ndarray:
    """Midpoints between values, and as far beyond the first and last."""
    if len(values) < 2:
        return np.array([values[0] - 1e-9, values[0] + 1e-9])
    middle = (values[1:] + values[:-1]) / 2
    return np.r_[2 * values[0] - middle[0], middle, 2 * values[-1] - middle[-1]]


# --- learning one column ------------------------------------------------------------------------


def _learn_numeric(name: str, values: pd.Series, logs: bool, tails: tuple) -> dict:
    x = values.to_numpy(dtype=float, na_value=np.nan)
    x = x[~np.isnan(x)]
    log = bool(logs and x.min() >= 0 and _skew(x) > 1 and abs(_skew(np.log1p(x))) < abs(_skew(x)))
    y = np.log1p(x) if log else x
    low, high = np.quantile(y, tails)
    if low == high:  # nearly constant: winsorising would erase the only variation
        low, high = y.min(), y.max()
    y = np.clip(y, low, high)
    return {
        "name": name, "kind": "numeric", "log": log, "low": float(low), "high": float(high),
        "centre": float(y.mean()), "scale": float(y.std()), "fill": float(y.mean()),
    }  # fmt: skip


def _learn_ordered(name: str, values: pd.Series) -> dict:
    present = set(values.dropna())
    levels = [_plain(v) for v in values.cat.categories if v in present]
    x = codes({"levels": levels}, values)
    x = x[~np.isnan(x)]
    return {
        "name": name, "kind": "ordered", "levels": levels,
        "centre": float(x.mean()), "scale": float(x.std()), "fill": float(x.mean()),
    }  # fmt: skip


def _learn_nominal(name: str, values: pd.Series) -> dict:
    kept = _frequent(values)
    levels = sorted((_plain(v) for v in kept.index), key=str)
    share = {_plain(v): float(s) for v, s in kept.items()}
    return {
        "name": name, "kind": "nominal", "levels": levels,
        "shares": [share[v] for v in levels], "inertia": len(levels) - 1,
    }  # fmt: skip


def _frequent(values: pd.Series) -> pd.Series:
    """Return the shares of the levels that carry distance."""
    shares = values.value_counts(normalize=True)
    return shares[shares >= RARE]


def _near_scales(rules: list[dict], frame: pd.DataFrame) -> list[dict]:
    """Scale continuous columns by their spread among near pairs of rows; see :mod:`near`."""
    smooth = [i for i, r in enumerate(rules) if r["kind"] == "numeric" and _continuous(r, frame)]
    if len(smooth) > 1:
        ratios = near.spread(matrix([rules[i] for i in smooth], near.thin(frame)))
        for i, ratio in zip(smooth, ratios, strict=True):
            rules[i]["scale"] *= float(ratio)
    return rules


def _continuous(rule: dict, frame: pd.DataFrame) -> bool:
    counts = frame[rule["name"]].value_counts()
    return len(counts) > 20 and counts.iloc[0] < 0.05 * counts.sum()


_LEVELS = {"ordered": _learn_ordered, "nominal": _learn_nominal}


# --- encoding one column ------------------------------------------------------------------------


def _encode_numeric(rule: dict, values: pd.Series) -> np.ndarray:
    x = _numbers(values)
    y = np.log1p(np.maximum(x, 0)) if rule["log"] else x
    y = np.where(np.isnan(x), rule["fill"], np.clip(y, rule["low"], rule["high"]))
    return (y - rule["centre"]) / rule["scale"]


def _numbers(values: pd.Series) -> np.ndarray:
    """Return finite numbers as they are; everything else is missing."""
    x = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(x), x, np.nan)


def _encode_ordered(rule: dict, values: pd.Series) -> np.ndarray:
    x = codes(rule, values)
    return (np.where(np.isnan(x), rule["fill"], x) - rule["centre"]) / rule["scale"]


def _encode_nominal(rule: dict, values: pd.Series) -> np.ndarray:
    x = codes(rule, values)
    shares = np.array(rule["shares"])
    hot = (x[:, None] == np.arange(len(shares))).astype(float)
    known = ~np.isnan(x)
    return np.where(known[:, None], (hot - shares) / np.sqrt(shares * rule["inertia"]), 0.0)


_ENCODERS = {"numeric": _encode_numeric, "ordered": _encode_ordered, "nominal": _encode_nominal}


def _plain(value: object) -> object:
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, bool | int | float | str) else str(value)


def _skew(x: np.ndarray) -> float:
    spread = x.std()
    return float(((x - x.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0


def simulator(
    rules: list[dict], frame: pd.DataFrame, encoded: np.ndarray, seed: int
) -> Callable[[int], np.ndarray]:
    """Return a function that gives the i-th table like this one but without groups, encoded.

    Columns that are parts of a whole, such as shares, still add up to it.
    """
    nominal = [rule["kind"] == "nominal" for rule in rules]
    values = reference.quantify(encoded, answers(rules, frame), nominal)
    whole = _whole(rules, frame)
    names = [rule["name"] for rule in rules]
    left = [name for name in whole if name not in names]  # needed to add up, though not clustered
    learnt = reference.learn(np.column_stack([values, frame[left].to_numpy(float)]), seed=seed)
    owner, place = owners(rules), [[*names, *left].index(name) for name in whole]
    parts = frame[whole].to_numpy(float)
    sums = np.nanmedian(np.nansum(parts, axis=1)) if whole else 0.0

    def drawn(i: int) -> np.ndarray:
        rng = np.random.default_rng((seed, 2, i))
        rows = reference.draw(learnt, rng)
        out = reference.table(learnt, rows, encoded, owner, rng)
        found = parts[rows[:, place], np.arange(len(whole))] if whole else parts
        total = np.nansum(found, axis=1, keepdims=True)
        found = found * np.where(total > 0, sums / np.maximum(total, 1e-300), 1.0)
        for j, own in enumerate(place):
            if own < len(rules):
                values = pd.Series(found[:, j])
                out[:, owner == own] = _encode_numeric(rules[own], values)[:, None]
        return out

    return drawn


def _whole(rules: list[dict], frame: pd.DataFrame) -> list[str]:
    """Return the columns that add up to the same in every row and of which some are clustered."""
    known = {rule["name"] for rule in rules if rule["kind"] == "numeric"}
    numeric = [name for name in frame if pd.api.types.is_numeric_dtype(frame[name])]
    found = parts_of_a_whole(frame[numeric].astype(float))
    return found if len(known & set(found)) > 1 else []
