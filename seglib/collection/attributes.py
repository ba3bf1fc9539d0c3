"""What customers are and answered: attributes, scales, outcomes, arms; and the data dictionary."""

from collections.abc import Iterable
from functools import reduce

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from seglib import stats
from seglib.formats import StudyError, nearest
from seglib.layout import Attribute, Customers, plain

CAME = 10  # customers who did and who did not, below which nothing is said of what foretells it
ENOUGH = 0.5  # share of its items that must be answered for a scale to be known


def described(table: ir.Table, spec: Customers) -> pd.DataFrame:
    """Return the attributes and scales of `customers` or `survey`, one row per customer.

    Numbers are floats: those out of their bounds are missing, reversed items are turned. Levels are
    categoricals under the names that reports use. A scale is the mean of its items that were
    answered. What points at persons is left out, and so is a scale that needs it.
    """
    given = {name: about for name, about in spec.attributes.items() if name in table.columns}
    raw = _by_customer(table, given)
    frame = pd.DataFrame({n: _values(raw[n], about) for n, about in given.items()}, raw.index)
    for name, scale in spec.scales.items():
        if set(scale.items) <= set(given):
            items = frame[scale.items]
            frame[name] = items.mean(axis=1).where(items.notna().mean(axis=1) >= ENOUGH)
    return frame


def people(study, tables: dict[str, ir.Table]) -> pd.DataFrame | None:
    """Return the attributes and scales of all tables of customers; None without any."""
    specs = study.tables.people.items()
    frames = [described(tables[name], spec) for name, spec in specs if name in tables]
    how = "left" if study.snapshot else "outer"
    return reduce(lambda one, other: one.join(other, how=how), frames) if frames else None


def _by_customer(table: ir.Table, columns: Iterable[str]) -> pd.DataFrame:
    rows = table.filter(table.customer.notnull()).select("customer", *columns)
    return rows.execute().set_index("customer").sort_index()


def _values(raw: pd.Series, about: Attribute) -> pd.Series | pd.Categorical:
    if about.kind == "numeric":
        values = pd.to_numeric(raw, errors="coerce").astype("float64")
        if about.bounds:
            low, high = about.bounds
            values = values.where(values.between(low, high))
            values = low + high - values if about.reversed else values
        return values
    text = raw.astype("string").astype("object")
    levels = about.levels or sorted(text.dropna().unique())
    names = list(dict.fromkeys(about.labels.get(level, level) for level in levels))
    text = text.map(lambda level: about.labels.get(level, level), na_action="ignore")
    return pd.Categorical(text, names, ordered=about.kind == "ordered")


def outcomes(study, tables: dict[str, ir.Table], index: pd.Index) -> pd.DataFrame | None:
    """Return what each customer did afterwards: 1 for yes, 0 for no; None without outcomes."""
    columns = {}
    for table, spec in study.tables.people.items():
        raw = _by_customer(tables[table], spec.events) if spec.events else None
        for name, about in spec.events.items():
            yes = raw[name].isin(about.happened).astype("float64")
            if not yes.any():
                seen = ", ".join(sorted(map(str, raw[name].dropna().unique()))[:5])
                raise StudyError(
                    f"the outcome {name!r} is never {' or '.join(about.happened)}: its values "
                    f"are {seen or 'missing'}"
                )
            columns[name] = yes.where(raw[name].notna()).reindex(index)
    return pd.DataFrame(columns, index) if columns else None


def arms(study, tables: dict[str, ir.Table], index: pd.Index | None = None) -> pd.DataFrame | None:
    """Return the arm of each customer and what is compared between arms; None without arms.

    Each outcome of the same table by its name, a yes as 1; all customers of it without an index.
    """
    spec = study.arms
    if spec is None:
        return None
    table = next(tables[name] for name, each in study.tables.people.items() if each is spec)
    raw = _by_customer(table.mutate(arm=table.arm.cast("string")), ["arm", *spec.outcomes])
    frame = raw[["arm"]].copy()
    for name, about in spec.outcomes.items():
        values = raw[name].isin(about.happened) if about.kind == "yes/no" else raw[name]
        frame[name] = values.astype("float64").where(raw[name].notna())
    return frame if index is None else frame.reindex(index)


def as_levels(values: pd.DataFrame) -> pd.DataFrame:
    """Return outcomes as yes, no or unknown, to be compared like any attribute."""
    return values.apply(lambda each: each.map({1: "yes", 0: "no"}).astype("category"))


def auc(values: pd.Series, came: pd.Series) -> float:
    """Return how well a column tells who came, from 0.5 (by chance) to 1 (without fault)."""
    there = values.notna()
    scores = values[there]
    if not pd.api.types.is_numeric_dtype(values):
        scores = _other_half(scores.astype(str), came[there])
    area = 0.5
    for each, did in ((there.astype(float), came), (scores, came[there])):
        if min(did.sum(), (~did).sum()) >= CAME:
            one = stats.superiority(each[did], each[~did]).value
            area = max(area, one, 1 - one)
    return area


def _other_half(values: pd.Series, came: pd.Series) -> pd.Series:
    """Return the share of those with the same value, in the other half of the rows, who came."""
    half = pd.Series(np.arange(len(values)) % 2, values.index)
    scores = pd.Series(float(came.mean()), values.index)
    for one in (0, 1):
        rates = came[half != one].groupby(values[half != one]).mean()
        scores[half == one] = values[half == one].map(rates).fillna(came.mean())
    return scores


# --- the data dictionary: what each column means, and which form segments -------------------------


def row(name: str, label: str, base: str, *, kind="numeric", unit="", meaning="", **lists):
    """Return one column's row of the data dictionary."""
    about = {"name": name, "label": label, "base": base, "kind": kind, "unit": unit}
    return about | {"meaning": meaning} | {key: list(each) for key, each in lists.items() if each}


def apart(rows: list[dict]) -> list[dict]:
    """Return the rows with a label of its own each: the name after one that stands before."""
    result: list[dict] = []
    for each in rows:
        twice = each["label"].lower() in {other["label"].lower() for other in result}
        label = f"{each['label']} ({each['name']})" if twice else each["label"]
        result.append(each | {"label": label})
    return result


def labels(rows: list[dict]) -> dict[str, str]:
    """Return column name → label."""
    return {each["name"]: each["label"] for each in rows}


def forming(study, rows: list[dict], unit: str = "customers") -> list[str]:
    """Return the columns that form the segments; a StudyError if one or all are missing."""
    key = "features" if unit == "customers" else "product_features"
    bases = study.segmentation.bases if unit == "customers" else ["product"]
    listed = getattr(study.segmentation, key)
    names = [each["name"] for each in rows if each["base"] in bases]
    for name in listed:
        if name not in names:
            raise StudyError(f"segmentation.{key}: found {name!r}{nearest(name, names)}")
    chosen = [name for name in names if not listed or name in listed]
    if not chosen:
        raise StudyError(
            f"segmentation.bases {', '.join(bases)} give no column: this study has "
            f"{', '.join(sorted({each['base'] for each in rows})) or 'none'}"
        )
    return chosen


def by_base(study, rows: list[dict], unit: str = "customers") -> dict[str, list[str]]:
    """Return base → its columns: of a base that forms segments, those that form them."""
    chosen, names = set(forming(study, rows, unit)), {}
    for each in rows:
        describes = unit == "customers" and each["base"] not in study.segmentation.bases
        if each["name"] in chosen or describes:
            names.setdefault(each["base"], []).append(each["name"])
    return names


def value(frame: pd.DataFrame, unit: str = "customers") -> pd.Series | None:
    """Return what a customer or a product is worth, to order segments by; None without money."""
    if unit == "products" and "spend_per_buyer" in frame:
        return frame["spend_per_buyer"] * frame["penetration"]
    return frame.get("spend")


def rows(spec: Customers, columns: Iterable[str]) -> list[dict]:
    """Return the rows of those attributes and scales of a table that are among the columns."""
    words = {}
    for name, about in spec.attributes.items():
        column = about.column or name
        meaning = f"column {column} as given"
        if about.bounds:
            low, high = (f"{bound:g}" for bound in about.bounds)
            meaning = f"answer to {column}, {low} to {high}"
            meaning += f", turned round: {sum(about.bounds):g} minus the answer" * about.reversed
        levels = about.levels and [about.labels.get(level, level) for level in about.levels]
        bounds = about.bounds and np.clip(about.bounds, -1e300, 1e300).tolist()  # JSON has no .inf
        shape = {"kind": about.kind, "unit": about.unit, "levels": levels, "bounds": bounds}
        words[name] = about, shape | {"meaning": meaning}
    for name, about in spec.scales.items():
        turned = sum(spec.attributes[item].reversed for item in about.items)
        meaning = f"mean of {', '.join(about.items)}"
        meaning += f"; {turned} of them turned round" if turned else ""
        words[name] = about, {"unit": "points", "meaning": meaning}
    return [
        row(name, about.label or plain(name), about.base, **more) | {"given": True}
        for name, (about, more) in words.items()
        if name in set(columns)
    ]


def outcome_rows(study) -> list[dict]:
    """Return the row of each outcome."""
    result = []
    for name, about in study.outcomes.items():
        text = f"column {name} is {' or '.join(about.happened)}; what happened afterwards"
        result.append(row(name, about.label, "outcome", kind="nominal", unit="share", meaning=text))
    return result
