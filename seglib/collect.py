"""From records on the engine to the frames of a run: one row per customer or product."""

from __future__ import annotations

import pandas as pd

from seglib import answers, features, records, usage
from seglib.dictionary import apart, attribute, entry, scale
from seglib.files import Run
from seglib.limits import FEWEST
from seglib.records import Facts
from seglib.study import StudyError


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
    for name, spec in known.study.tables.people.items():
        if name not in known.tables:
            continue
        more = answers.described(known.tables[name], spec)
        frame = frame.join(more) if len(frame) else more
        lines += [attribute(c, given) for c, given in spec.attributes.items() if c in more]
        lines += [scale(c, given, spec.attributes) for c, given in spec.scales.items() if c in more]
    if len(frame) < FEWEST:
        raise StudyError(
            f"only {len(frame)} customers are known {known.study.known(known.as_of)}: expected at "
            f"least {FEWEST}; choose a later as_of or a larger table"
        )
    return frame, apart(lines)


def _usage(known: Facts) -> tuple[pd.DataFrame, list[dict]]:
    frame = usage.usage(known.past, known.as_of).execute().set_index("customer").sort_index()
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
    """Return one row per product at the study's level and its dictionary; None of fewer than two.

    Products with fewer buyers than the study's minimum cell are left out.
    """
    if known.past is None or "product" not in known.tables["transactions"].columns:
        return None
    rows = features.products(known.past, known.study.minimum_cell)
    frame = rows.execute().rename(columns={"level": "product"})
    frame = frame.set_index("product").sort_index()
    if len(frame) < 2:
        return None
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
        "before.parquet": records.before(known, frame.index),
        "holdout.parquet": records.holdout(known, frame.index),
        "outcomes.parquet": after,
        "arms.parquet": answers.arms(known.study, known.tables, frame.index),
        "product_holdout.parquet": records.holdout(known, goods.index, "level") if sold else None,
        "extent.json": records.extent(known),
    }
    for name, found in frames.items():
        if found is not None:
            run.write(name, found)
    for name, expression in {
        "purchases.parquet": records.purchases(known),
        "monthly.parquet": records.monthly(known),
        "campaigns.parquet": records.campaigns(known),
    }.items():
        if expression is not None:
            run.write(name, expression)
