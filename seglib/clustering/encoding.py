"""Frame to matrix: every column becomes plain numbers, by a rule that is itself plain numbers.

A *rule* is a dict that JSON can hold. Numeric columns are optionally taken as log(1 + x),
winsorised, centred and scaled; ordered columns become their level's position, centred and scaled;
nominal columns become indicators weighted as in multiple correspondence analysis (Pagès 2015,
*Multiple Factor Analysis by Example Using R*, ch. 3), divided so that each column has inertia one.
A missing value, or a level the rule has never seen, sits at the centre and adds no distance.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd
from scipy.stats import skew
from sklearn.base import BaseEstimator, TransformerMixin

from seglib.clustering.dependence import redundant, tiers
from seglib.formats import StudyError

RARE = 0.01  # levels held by a smaller share of rows carry no distance
TAILS = (0.005, 0.995)  # winsor limits as quantiles
FEWEST = 20  # rows from which borders are more than chance
PAIRS = 500  # near pairs are looked for among this many rows
FINITE = np.finfo(float).max
IDENTIFIER = re.compile(r"(^|[^a-z])(id|uuid|guid|key)$|_id$", re.IGNORECASE)


class Encoder(TransformerMixin, BaseEstimator):
    """Numbers, ordered and nominal columns as one matrix in which distances are fair.

    Parameters
    ----------
    logs : bool
        Take log(1 + x) of columns skewed to the right.
    tails : (float, float)
        Winsor limits, as quantiles.
    near_scale : bool
        Scale continuous columns by their spread among near pairs of rows.
    bounds : dict of (float, float), optional
        Of some columns of numbers, the lowest and highest value that is one; others are missing.

    Attributes
    ----------
    rules_ : list of dict
        A rule for each column kept, as plain numbers.
    notes_ : list of str
        A sentence for every column left out.
    """

    def __init__(self, *, logs=True, tails=TAILS, near_scale=True, bounds=None):
        self.logs, self.tails, self.near_scale, self.bounds = logs, tails, near_scale, bounds

    @classmethod
    def from_rules(cls, rules: list[dict]) -> Encoder:
        """Return the encoder that a model was made with."""
        encoder = cls()
        encoder.rules_, encoder.notes_ = rules, []
        return encoder

    def fit(self, X: pd.DataFrame, y=None) -> Encoder:
        """Learn the rule of every column; refuse identifiers, dates and infinities."""
        named_once(X)
        rules, self.notes_ = {}, []
        for name in X:
            refuse(name, X[name])
            if why := _constant(X[name]):
                self.notes_.append(f"Column {name!r} {why} and was left out.")
            else:
                rules[name] = self._rule(str(name), X[name])
        if not rules:
            raise StudyError(
                f"None of the {X.shape[1]} columns varies ({', '.join(map(str, X.columns))}): "
                "give at least one that has two values in more than a few rows."
            )
        numeric = [name for name, rule in rules.items() if rule["kind"] == "numeric"]
        left = dict.fromkeys(redundant(X[numeric].astype(float)), "the others (a sum or a product)")
        rest = [name for name in rules if name not in left]
        left |= dict.fromkeys(_tiers(every_nth(X[rest]), rules), "two others")
        for name, others in left.items():
            del rules[name]
            self.notes_.append(
                f"Column {name!r} follows from {others} and was left out: it would count twice."
            )
        self.rules_ = list(rules.values())
        smooth = [rules[name] for name in numeric if name in rules and _continuous(X[name])]
        if self.near_scale and len(smooth) > 1:
            near = near_spread(Encoder.from_rules(smooth).transform(every_nth(X)))
            for rule, ratio in zip(smooth, near, strict=True):
                rule["scale"] *= float(ratio)
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return the matrix, shape (rows, encoded columns); no missing values."""
        absent = [name for name in self.columns if name not in X.columns]
        if absent:
            raise StudyError(
                f"The table has no column {absent[0]!r}, which the segments were made with; add it."
            )
        parts = [encode(rule, X[rule["name"]]) for rule in self.rules_]
        return np.column_stack(parts) if parts else np.empty((len(X), 0))

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """Name the encoded columns; a nominal column has one for each level, 'column: level'."""
        names = []
        for rule in self.rules_:
            levels = rule["levels"] if rule["kind"] == "nominal" else ()
            names += [f"{rule['name']}: {level}" for level in levels] or [rule["name"]]
        return np.array(names)

    @property
    def owners(self) -> np.ndarray:
        """For each encoded column, the number of the rule it comes from."""
        widths = [len(r["levels"]) if r["kind"] == "nominal" else 1 for r in self.rules_]
        return np.repeat(np.arange(len(self.rules_)), widths)

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are encoded."""
        return [rule["name"] for rule in self.rules_]

    @property
    def nominal(self) -> np.ndarray:
        """Say which columns are nominal."""
        return np.array([rule["kind"] == "nominal" for rule in self.rules_])

    @property
    def levels(self) -> list[int]:
        """Count the levels of each column, 0 for a numeric one."""
        return [len(rule.get("levels", ())) for rule in self.rules_]

    def answers(self, X: pd.DataFrame) -> np.ndarray:
        """One column per rule: standardised numbers, positions of levels; missing stays NaN."""
        parts = [_values(rule, X[rule["name"]]) for rule in self.rules_]
        for i, rule in enumerate(self.rules_):
            if rule["kind"] == "numeric":
                parts[i] = (parts[i] - rule["centre"]) / rule["scale"]
        return np.column_stack(parts)

    def decode(self, Z: np.ndarray) -> np.ndarray:
        """Return :meth:`answers` from encoded rows; what sits at the centre was missing."""
        parts = []
        for i, rule in enumerate(self.rules_):
            block = Z[:, self.owners == i]
            x = np.where(block[:, 0] == 0, np.nan, block[:, 0])
            if rule["kind"] == "nominal":
                x = np.where(block.any(axis=1), block.argmax(axis=1), np.nan)
            elif rule["kind"] == "ordered":
                code = x * rule["scale"] + rule["centre"]
                x = np.where(np.isclose(code, code.round()), code.round(), np.nan)
            parts.append(x)
        return np.column_stack(parts)

    def _rule(self, name: str, values: pd.Series) -> dict:
        rule = {"name": name, "kind": kind(values)}
        if rule["kind"] == "nominal":
            share = {_plain(v): float(s) for v, s in _frequent(values).items()}
            levels = sorted(share, key=str)
            shares = [share[level] for level in levels]
            return rule | {"levels": levels, "shares": shares, "inertia": len(levels) - 1}
        if rule["kind"] == "ordered":
            present = set(values.dropna())
            rule["levels"] = [_plain(v) for v in values.cat.categories if v in present]
            x = _positions(rule, values)
        else:
            rule |= {"bounds": self.bounds[name]} if name in (self.bounds or {}) else {}
            x = numbers_inside(rule, values)
            rule |= self._limits(x[~np.isnan(x)])
            x = _values(rule, values)
        x = x[~np.isnan(x)]
        return rule | {"centre": float(x.mean()), "scale": float(x.std()), "fill": float(x.mean())}

    def _limits(self, x: np.ndarray) -> dict:
        """Say whether logarithms are taken of a column, and where its tails are cut."""
        skewed = self.logs and x.min() >= 0 and skew(x) > 1
        log = bool(skewed and abs(skew(np.log1p(x))) < abs(skew(x)))
        y = np.log1p(x) if log else x
        low, high = np.quantile(y, self.tails)
        if low == high:  # nearly constant: winsorising would erase the only variation
            low, high = y.min(), y.max()
        return {"log": log, "low": float(low), "high": float(high)}


# --- what a column is -----------------------------------------------------------------------------


def kind(values: pd.Series) -> str:
    """``numeric``, ``ordered`` or ``nominal``, from the dtype."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "ordered" if values.cat.ordered else "nominal"
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        return "nominal"
    return "numeric"


def numbers(values: pd.Series) -> pd.Series:
    """Return a column whose numbers, or yes and no, came as objects as such; refuse the unclear."""
    if values.dtype == object or pd.api.types.is_string_dtype(values.dtype):
        values = _typed(values, values.dropna())
    if values.dtype.kind == "c":
        raise StudyError(f"Column {values.name!r} holds complex numbers; give each part its own.")
    if kind(values) == "numeric" and (values.abs() > 1e100).any():  # their squares are none
        raise StudyError(f"Column {values.name!r} holds infinite or huge values; leave those out.")
    return values


def _typed(values: pd.Series, present: pd.Series) -> pd.Series:
    for cell in present[[not isinstance(v, Hashable) for v in present]]:
        raise StudyError(f"Column {values.name!r} holds {cell!r} in a cell; give one value a cell.")
    if present.empty:
        return values
    yes = present.map(lambda v: isinstance(v, bool | np.bool_))
    number = present.map(lambda v: isinstance(v, Real | Decimal)) & ~yes
    if yes.all():
        return values.astype("boolean")
    if number.all():  # what no float can hold is refused as too large
        return present.map(lambda v: float(min(max(v, -1e200), 1e200))).reindex(values.index)
    if number.any():
        raise StudyError(f"Column {values.name!r} holds numbers and texts; give it one type.")
    if pd.to_numeric(present, errors="coerce").notna().all():
        raise StudyError(
            f"Column {values.name!r} holds numbers as text, such as {present.iloc[0]!r}; give it "
            "as numbers, or as a category if they are codes."
        )
    return values


def named_once(X: pd.DataFrame) -> None:
    """Raise StudyError where two columns have one name."""
    for name in X.columns[X.columns.duplicated()]:
        raise StudyError(f"Column {name!r} appears more than once; rename or drop one of them.")


def refuse(name: str, values: pd.Series) -> None:
    """Raise StudyError for identifiers, dates and infinities."""
    present = values.dropna()
    dated = len(present) and hasattr(present.iloc[0], "month")
    if dated or values.dtype.kind in "Mm":
        times = "durations" if values.dtype.kind == "m" else "dates"
        raise StudyError(
            f"Column {name!r} holds {times}; make it a number first, such as days before as_of."
        )
    numeric = kind(values) == "numeric"
    numbers = present.to_numpy(dtype=float) if numeric else np.empty(0)
    if n := int(np.isinf(numbers).sum()):
        raise StudyError(f"Column {name!r} holds {n} infinite values; make them missing or finite.")
    if len(present) < 10 or present.nunique() < len(present):
        return
    whole = bool((numbers == np.round(numbers)).all())
    dense = numeric and np.ptp(numbers) < 1.1 * len(numbers)
    if not numeric or (whole and (dense or IDENTIFIER.search(str(name)))):
        raise StudyError(
            f"Column {name!r} has a different value in every row, like an identifier; "
            "make it the index or drop it."
        )


def _constant(values: pd.Series) -> str:
    """Say why a column cannot tell rows apart; empty if it can."""
    if values.isna().all():
        return "is empty"
    if values.nunique() < 2:
        return "has the same value everywhere"
    if kind(values) == "nominal" and len(_frequent(values)) < 2:
        return f"has fewer than two levels that {RARE:.0%} of rows hold"
    return ""


def _frequent(values: pd.Series) -> pd.Series:
    shares = values.value_counts(normalize=True)
    return shares[shares >= RARE]


def _continuous(values: pd.Series) -> bool:
    counts = values.value_counts()
    return len(counts) > 20 and counts.iloc[0] < 0.05 * counts.sum()


# --- applying the rule of a column ----------------------------------------------------------------


def encode(rule: dict, values: pd.Series) -> np.ndarray:
    """Encode a column by its rule; a nominal one has a column for each level."""
    x = _values(rule, values)
    if rule["kind"] == "nominal":
        shares = np.array(rule["shares"])
        hot = (x[:, None] == np.arange(len(shares))).astype(float)
        weighted = (hot - shares) / np.sqrt(shares * rule["inertia"])
        return np.where(np.isnan(x)[:, None], 0.0, weighted)
    return (np.where(np.isnan(x), rule["fill"], x) - rule["centre"]) / rule["scale"]


def _values(rule: dict, values: pd.Series) -> np.ndarray:
    """Return positions of levels, or numbers as they are scaled."""
    if rule["kind"] != "numeric":
        return _positions(rule, values)
    x = numbers_inside(rule, values)
    return np.clip(np.log1p(np.maximum(x, 0)) if rule["log"] else x, rule["low"], rule["high"])


def numbers_inside(rule: dict, values: pd.Series) -> np.ndarray:
    """Return numbers, as missing what is not finite or outside the bounds of the column."""
    x = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    low, high = rule.get("bounds", (-FINITE, FINITE))
    return np.where((low <= x) & (x <= high), x, np.nan)


def _positions(rule: dict, values: pd.Series) -> np.ndarray:
    """Position of each value among the rule's levels; missing or unseen is NaN."""
    place = {level: float(i) for i, level in enumerate(rule["levels"])}
    number, distinct = pd.factorize(values)
    positions = np.array([place.get(_plain(v), np.nan) for v in distinct] + [np.nan])
    return positions[number]  # factorize numbers a missing value -1: the last entry


def _plain(value: object) -> object:
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, bool | int | float | str) else str(value)


def _tiers(x: pd.DataFrame, rules: dict) -> list[str]:
    ordered = [name for name in x if rules[name]["kind"] != "nominal"]
    codes = {c: x[c].cat.codes.where(x[c].notna()) for c in ordered if kind(x[c]) == "ordered"}
    return tiers(x.assign(**codes), ordered) if len(x) >= FEWEST else []


# --- near pairs of rows ---------------------------------------------------------------------------


def every_nth(rows):
    """Take every n-th row, so that at most ``PAIRS`` remain (fewer where columns are many)."""
    most = PAIRS if rows.shape[1] <= 40 else PAIRS // 3
    return rows[:: -(-len(rows) // most)]


def near_spread(x: np.ndarray, share: float = 0.2) -> np.ndarray:
    """Within-group spread of each column, as the differences of near pairs of rows show it.

    Art, Gnanadesikan & Kettenring 1982, *Utilitas Mathematica* 21A; relative to the largest spread.
    """
    first, second = np.triu_indices(len(x), 1)
    gaps = (x[first] - x[second]) ** 2
    count = max(int(share * len(gaps)), 1)
    ratio = np.ones(x.shape[1])
    for _ in range(8):
        near = np.argpartition(gaps @ ratio**-2, count - 1)[:count]
        ratio = np.sqrt(gaps[near].mean(axis=0))
        ratio = np.maximum(ratio / max(ratio.max(), 1e-12), 0.3)
    return ratio
