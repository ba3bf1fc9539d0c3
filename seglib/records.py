"""The records of a study on the engine, split at the cut-off date, and what was done by them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from seglib import features
from seglib.collection.tables import midnight
from seglib.schema import Study


@dataclass(frozen=True)
class Facts:
    """What one pass over the tables leaves on the engine.

    Attributes
    ----------
    study, as_of
        The study and the cut-off date.
    tables
        The clean tables.
    all
        The cube over the whole data, None without transactions.
    past
        The cube before `as_of`: all that features may see.
    """

    study: Study
    as_of: date
    tables: dict[str, ir.Table]
    all: ir.Table | None
    past: ir.Table | None


def facts(study: Study, tables: dict[str, ir.Table], as_of: date) -> Facts:
    """Aggregate the transactions once and split them at the cut-off date."""
    if "transactions" not in tables:
        return Facts(study, as_of, tables, None, None)
    everything = features.cube(tables, study)
    return Facts(
        study, as_of, tables, everything, features.before(everything, as_of, study.history)
    )


def extent(known: Facts) -> dict | None:
    """Return the first and last day of the transactions, and the days of history seen, if any."""
    if known.all is None:
        return None
    row = known.all.aggregate(first=known.all.time.min(), last=known.all.time.max()).execute()
    days = {name: row.loc[0, name].date() for name in ("first", "last")}
    history = (known.as_of - days["first"]).days
    return days | {"history": min(history, known.study.history or history)}


def activity(
    known: Facts, start: date, end: date, index: pd.Index, key: str = "customer"
) -> pd.DataFrame | None:
    """Return what each customer did from `start` to before `end`; None without transactions.

    Parameters
    ----------
    known
        The facts on the engine.
    start, end
        The days between which to look; `end` itself is left out.
    index
        The customers, or the products, to report on.
    key
        `customer`, or `level` for what happened to each product.

    Returns
    -------
    pandas.DataFrame
        Indexed like `index`: spend, orders, discount (0 where nothing happened), active; returns
        lower spend and are no orders.
    """
    if known.all is None:
        return None
    within = known.all.filter(
        (known.all.time >= midnight(start)) & (known.all.time < midnight(end))
    )
    rows = within.group_by(key).agg(
        spend=within.amount.sum().cast("float64"),
        orders=within.order.nunique(where=~within.is_return).cast("float64"),
        discount=within.discount.sum().cast("float64"),
    )
    frame = rows.execute().set_index(key).astype("float64").reindex(index).fillna(0.0)
    return frame.assign(active=frame["orders"] > 0)


def holdout(known: Facts, index: pd.Index, key: str = "customer") -> pd.DataFrame | None:
    """Return what happened in the holdout, the weeks that judge the segments; see `activity`.

    None if the data end before the holdout does: what has not happened yet judges nothing.
    """
    end = known.study.until(known.as_of)
    days = extent(known)
    if days is None or days["last"] < end - timedelta(days=1):
        return None
    return activity(known, known.as_of, end, index, key)


def before(known: Facts, index: pd.Index) -> pd.DataFrame | None:
    """Return what each customer did in as many days before the cut-off date."""
    start = known.as_of - timedelta(days=known.study.holdout or 0)
    return activity(known, start, known.as_of, index)


def purchases(known: Facts) -> ir.Table | None:
    """Return customer × product before the cut-off date, as an engine expression.

    What was only returned has no orders.
    """
    if known.past is None or "product" not in known.tables["transactions"].columns:
        return None
    rows = known.past.filter(known.past.level.notnull())
    return (
        rows.group_by("customer", product=rows.level)
        .agg(
            amount=rows.amount.sum().cast("float64"),
            orders=rows.order.nunique(where=~rows.is_return),
        )
        .order_by("customer", "product")
    )


def monthly(known: Facts) -> ir.Table | None:
    """Return customer × month over the whole data, as an engine expression.

    A month in which a customer only returned has no orders.
    """
    if known.all is None:
        return None
    month = known.all.time.truncate("M")
    return (
        known.all.group_by("customer", month=month)
        .agg(
            spend=known.all.amount.sum().cast("float64"),
            orders=known.all.order.nunique(where=~known.all.is_return),
            discount=known.all.discount.sum().cast("float64"),
        )
        .order_by("customer", "month")
    )


def campaigns(known: Facts) -> ir.Table | None:
    """Return customer × campaign with what the customer did, as an engine expression.

    A response counts if the campaign was sent to that customer and had begun.
    """
    if "campaigns" not in known.tables:
        return None
    sent = known.tables["campaigns"]
    optional = {c: sent[c].min() for c in ("end", "type") if c in sent.columns}
    if "arm" in sent.columns:  # whoever is listed in two arms is in none
        optional["arm"] = ibis.ifelse(sent.arm.nunique() > 1, None, sent.arm.cast("string").min())
    sent = sent.group_by("customer", "campaign").agg(start=sent.start.min(), **optional)
    if "responses" not in known.tables:
        return sent.order_by("customer", "campaign")
    joined = sent.left_join(known.tables["responses"], ["customer", "campaign"])
    counts = joined.time >= joined.start
    keep = ["customer", "campaign", "start", *optional]
    return (
        joined.group_by(keep)
        .agg(
            redemptions=joined.time.count(where=counts),  # a sum would be of another type by engine
            first_response=joined.time.min(where=counts),
        )
        .mutate(redeemed=ibis._.redemptions > 0)
        .order_by("customer", "campaign")
    )
