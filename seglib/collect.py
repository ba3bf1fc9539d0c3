"""From engine expressions to the frames of a run: one row per customer or product."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from seglib import answers, features, usage
from seglib.dictionary import attribute, entry, scale
from seglib.files import Run
from seglib.limits import FEWEST
from seglib.schema import Study
from seglib.study import StudyError
from seglib.tables import midnight


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


def customers(known: Facts) -> tuple[pd.DataFrame, list[dict]]:
    """Return one row per customer, and the dictionary of its columns.

    Returns
    -------
    frame : pandas.DataFrame
        Indexed by `customer`; numeric features as floats, ordered and nominal attributes as
        categoricals; missing stays missing.
    lines : list of dict
        One a column: name, label, base, kind, unit, meaning and, if ordered, levels.

    Raises
    ------
    StudyError
        If there are too few customers to segment.
    """
    frame, lines = pd.DataFrame(), []
    if known.past is not None:
        frame, lines = _behaviour(known)
    for name in ("customers", "survey"):
        if name not in known.tables:
            continue
        spec = getattr(known.study.tables, name)
        more = answers.described(known.tables[name], spec)
        frame = frame.join(more) if len(frame) else more
        lines += [attribute(c, given) for c, given in spec.attributes.items() if c in more]
        lines += [scale(c, given, spec.attributes) for c, given in spec.scales.items() if c in more]
    if len(frame) < FEWEST:
        raise StudyError(
            f"only {len(frame)} customers are known {known.study.known(known.as_of)}: expected at "
            f"least {FEWEST}; choose a later as_of or a larger table"
        )
    return frame, lines


def _usage(known: Facts) -> tuple[pd.DataFrame, list[dict]]:
    frame = features.used(known.past, known.as_of).execute().set_index("customer").sort_index()
    roles = set(known.tables["transactions"].columns)
    frame = frame.drop(columns=[n for n, role in usage.ROLES.items() if role not in roles])
    frame = _without_hours(frame).astype("float64")
    lines = [
        entry(name, label, "behavioural", unit=unit, meaning=meaning)
        for name, (label, unit, meaning) in usage.USAGE.items()
        if name in frame
    ]
    return frame[[line["name"] for line in lines]], lines


def _without_hours(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the features without the evenings, where no event of anybody is in one."""
    return frame if frame["evening_share"].any() else frame.drop(columns="evening_share")


def _behaviour(known: Facts) -> tuple[pd.DataFrame, list[dict]]:
    if known.study.usage:
        return _usage(known)
    expression = features.behaviour(known.past, known.as_of)
    asked = known.study.segmentation
    shares, groups = features.needs(known.past, asked.needs, asked.features)
    if len(groups) > 1:
        expression = expression.left_join(shares, "customer").drop("customer_right")
    roles = set(known.tables["transactions"].columns)
    unwanted = _without_roles(known)
    frame = expression.execute().set_index("customer").sort_index()
    frame = frame.drop(columns=[c for c in unwanted if c in frame]).astype("float64")
    frame = _without_hours(frame)
    currency = known.study.currency
    lines = [
        entry(name, label, "behavioural", unit=_unit(unit, currency), meaning=meaning)
        for name, (label, unit, meaning) in features.BEHAVIOUR.items()
        if name in frame
    ]
    lines += [
        entry(name, f"{group} share", "needs", unit="share",
              meaning=f"share of spend on {group}")
        for name, group in groups.items()
        if name in frame and "amount" in roles
    ]  # fmt: skip
    return frame[[line["name"] for line in lines]], lines


NEEDED_ROLES = {
    "spend": "amount", "basket_value": "amount", "trend": "amount", "discount_share": "discount",
    "coupon_share": "coupon", "places": "place", "breadth": "product",
}  # fmt: skip


def _without_roles(known: Facts) -> list[str]:
    """Return the features whose columns the study does not have."""
    roles = set(known.tables["transactions"].columns)
    gone = [name for name, role in NEEDED_ROLES.items() if role not in roles]
    own = known.study.tables.products and known.study.tables.products.own_label
    return gone if own else [*gone, "own_label_share"]


def _unit(unit: str, currency: str) -> str:
    return (currency or "money") if unit == "money" else unit


def products(known: Facts) -> tuple[pd.DataFrame, list[dict]] | None:
    """Return one row per product at the study's level and its dictionary; None without products.

    Products with fewer buyers than the study's minimum cell are left out.
    """
    if known.past is None or "product" not in known.tables["transactions"].columns:
        return None
    rows = features.products(known.past, known.study.minimum_cell)
    frame = rows.execute().rename(columns={"level": "product"})
    frame = frame.set_index("product").sort_index()
    unwanted = {"discount": "promotion_share", "quantity": "price"}
    roles = set(known.tables["transactions"].columns)
    drop = {name for role, name in unwanted.items() if role not in roles}
    listed = known.study.tables.products
    drop |= set() if listed and listed.own_label else {"own_label_share"}
    lines = [
        entry(name, label, "product", unit=_unit(unit, known.study.currency), meaning=meaning)
        for name, (label, unit, meaning) in features.PRODUCT.items()
        if name not in drop
    ]
    frame = frame[[line["name"] for line in lines]].astype("float64")
    group = known.past.group_by("level", "group").agg(amount=known.past.amount.sum()).execute()
    main = group.sort_values(["amount", "group"], ascending=[False, True], kind="stable")
    main = main.drop_duplicates("level").set_index("level")["group"]  # the first in a tie
    frame["group"] = pd.Categorical(main.reindex(frame.index))
    if frame["group"].isna().all():
        return frame.drop(columns="group"), lines
    meaning = "the product group that most of its revenue belongs to"
    return frame, [*lines, entry("group", "Product group", "plan", kind="nominal", meaning=meaning)]


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
        Indexed like `index`: spend, orders, discount (0 where nothing happened), active.
    """
    if known.all is None:
        return None
    within = known.all.filter(
        (known.all.time >= midnight(start)) & (known.all.time < midnight(end))
    )
    rows = within.group_by(key).agg(
        spend=within.amount.sum().cast("float64"),
        orders=within.order.nunique().cast("float64"),
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
    """Return customer × product before the cut-off date, as an engine expression."""
    if known.past is None or "product" not in known.tables["transactions"].columns:
        return None
    rows = known.past.filter(known.past.level.notnull())
    return (
        rows.group_by("customer", product=rows.level)
        .agg(amount=rows.amount.sum().cast("float64"), orders=rows.order.nunique())
        .order_by("customer", "product")
    )


def monthly(known: Facts) -> ir.Table | None:
    """Return customer × month over the whole data, as an engine expression."""
    if known.all is None:
        return None
    month = known.all.time.truncate("M")
    return (
        known.all.group_by("customer", month=month)
        .agg(
            spend=known.all.amount.sum().cast("float64"),
            orders=known.all.order.nunique(),
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


def write(run: Run, known: Facts, people: tuple, sold: tuple | None) -> None:
    """Write everything that later notebooks read, but for the quality checks.

    Parameters
    ----------
    run
        Where to write.
    known
        The facts on the engine.
    people, sold
        What `customers` and `products` return.
    """
    frame, lines = people
    goods, goods_lines = sold or (None, [])
    after = answers.outcomes(known.study, known.tables, frame.index)
    run.write("dictionary.json", {"customers": lines, "products": goods_lines,
                                  "outcomes": answers.outcome_lines(known.study)})  # fmt: skip
    frames = {
        "customers.parquet": frame,
        "products.parquet": goods,
        "before.parquet": before(known, frame.index),
        "holdout.parquet": holdout(known, frame.index),
        "outcomes.parquet": after,
        "product_holdout.parquet": holdout(known, goods.index, "level") if sold else None,
        "extent.json": extent(known),
    }
    for name, found in frames.items():
        if found is not None:
            run.write(name, found)
    for name, expression in {
        "purchases.parquet": purchases(known),
        "monthly.parquet": monthly(known),
        "campaigns.parquet": campaigns(known),
    }.items():
        if expression is not None:
            expression.to_parquet(run.folder / name)
