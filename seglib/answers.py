"""What customers are and answered: attributes, scales of items, and what they did afterwards."""

from __future__ import annotations

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from seglib.layout import Attribute, Customers
from seglib.schema import Study
from seglib.study import StudyError

ENOUGH = 0.5  # share of its items that must be answered for a scale to be known


def described(table: ir.Table, spec: Customers) -> pd.DataFrame:
    """Return the attributes and scales of a table, one row per customer.

    Parameters
    ----------
    table
        `customers` or `survey`, by role.
    spec
        The same table as the study describes it.

    Returns
    -------
    pandas.DataFrame
        Indexed by `customer`. Numbers as floats: those out of their bounds are missing, reversed
        items are turned. Levels as categoricals under the names that reports use. A scale is the
        mean of its items that were answered. What the table lacks, since it points at persons, is
        left out, and so is a scale that needs it.
    """
    there = {name: given for name, given in spec.attributes.items() if name in table.columns}
    rows = table.filter(table.customer.notnull()).select("customer", *there)
    raw = rows.execute().set_index("customer").sort_index()
    frame = pd.DataFrame({name: _values(raw[name], given) for name, given in there.items()},
                         raw.index)  # fmt: skip
    for name, scale in spec.scales.items():
        if not {*scale.items} <= there.keys():
            continue
        items = frame[scale.items]
        frame[name] = items.mean(axis=1).where(items.notna().mean(axis=1) >= ENOUGH)
    return frame


def _values(raw: pd.Series, given: Attribute) -> pd.Series:
    if given.kind == "numeric":
        values = pd.to_numeric(raw, errors="coerce").astype("float64")
        if given.bounds:
            low, high = given.bounds
            values = values.where(values.between(low, high))
            values = low + high - values if given.reversed else values
        return values
    text = raw.astype("string").astype("object")
    levels = given.levels or sorted(text.dropna().unique())
    named = [given.labels.get(level, level) for level in levels]
    text = text.map(lambda level: given.labels.get(level, level), na_action="ignore")
    return pd.Categorical(text, list(dict.fromkeys(named)), ordered=given.kind == "ordered")


def outcomes(study: Study, tables: dict[str, ir.Table], index: pd.Index) -> pd.DataFrame | None:
    """Return what each customer did afterwards: 1 for yes, 0 for no; None if nothing is known.

    Parameters
    ----------
    study
    tables
        By role, as opened.
    index
        The customers to report on.
    """
    found = {}
    for name, spec in study.tables.people.items():
        if not spec.events:
            continue
        rows = tables[name].filter(tables[name].customer.notnull())
        raw = rows.select("customer", *spec.events).execute().set_index("customer")
        for column, given in spec.events.items():
            yes = raw[column].isin(given.happened).astype("float64")
            if not yes.any():
                seen = ", ".join(sorted(map(str, raw[column].dropna().unique()))[:5])
                raise StudyError(
                    f"the outcome {column!r} is never {' or '.join(given.happened)}: its values "
                    f"are {seen or 'missing'}"
                )
            found[column] = yes.where(raw[column].notna()).reindex(index)
    return pd.DataFrame(found, index) if found else None


def arms(
    study: Study, tables: dict[str, ir.Table], index: pd.Index | None = None
) -> pd.DataFrame | None:
    """Return the arm of each customer and what is compared between arms; None without arms.

    Parameters
    ----------
    study, tables, index
        As of `outcomes`; without an index the customers of the table.

    Returns
    -------
    pandas.DataFrame
        Indexed by customer: arm, and each outcome of the same table by its name, a yes as 1.
    """
    if study.arms is None:
        return None
    name = next(n for n, spec in study.tables.people.items() if spec is study.arms)
    rows = tables[name].filter(tables[name].customer.notnull())
    rows = rows.select("customer", *study.arms.outcomes, arm=rows.arm.cast("string"))
    raw = rows.execute().set_index("customer")
    found = {"arm": raw["arm"]}
    for column, given in study.arms.outcomes.items():
        known = raw[column].isin(given.happened) if given.kind == "yes/no" else raw[column]
        found[column] = known.astype("float64").where(raw[column].notna())
    return pd.DataFrame(found).reindex(raw.index if index is None else index)


def outcome_lines(study: Study) -> list[dict]:
    """Return the line of each outcome in the dictionary."""
    return [
        {"name": name, "label": given.label, "base": "outcome", "kind": "nominal", "unit": "share",
         "meaning": f"column {name} is {' or '.join(given.happened)}; what happened afterwards"}
        for name, given in study.outcomes.items()
    ]  # fmt: skip


def as_levels(found: pd.DataFrame) -> pd.DataFrame:
    """Return outcomes as yes, no or unknown, to be compared like any attribute."""
    return found.apply(
        lambda values: pd.Series(
            np.select([values == 1, values == 0], ["yes", "no"], default=""), values.index
        ).replace("", None).astype("category")
    )  # fmt: skip
