"""One row per customer or product, computed on the engine from what was known before a day."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from seglib import returns, usage, visits
from seglib.collection import reading
from seglib.collection.databases import keep
from seglib.collection.tables import midnight
from seglib.quality import MANY_UNITS
from seglib.schema import Study
from seglib.visits import ratio

RECENT = 91  # days that count as recent in the trend
SUMMED = ("amount", "discount", "coupon", "own_label", "units", "priced")

BEHAVIOUR = {
    # name: (label, unit, meaning)
    "recency": ("Days since last order", "days", "days from the last order to the cut-off date"),
    "orders": ("Orders", "orders", "number of orders before the cut-off date"),
    "spend": ("Spend", "money", "total amount before the cut-off date, returns netted"),
    "tenure": ("Days since first order", "days", "days from the first order to the cut-off date"),
    "basket_value": ("Value of an order", "money", "spend divided by orders"),
    "basket_items": ("Lines in an order", "count", "lines divided by orders, without returns"),
    "breadth": ("Categories bought", "count", "number of different product groups bought"),
    "trend": ("Recent trend", "index", "spend of the last 91 days against the 91 before: "
              "(recent - earlier) / (recent + earlier), from -1 to 1"),
    "irregularity": ("Irregularity of visits", "ratio", "standard deviation of the gaps between "
                     "days with orders, divided by their mean"),
    "weekend_share": ("Orders at weekends", "share", "share of orders on Saturday or Sunday"),
    "evening_share": ("Orders in the evening", "share", "share of orders from 17:00"),
    "discount_share": ("Discount taken", "share", "discount divided by amount plus discount"),
    "coupon_share": ("Orders with a coupon", "share", "share of orders with a coupon"),
    "own_label_share": ("Own-label share", "share", "share of spend on own-label products"),
    "places": ("Stores used", "count", "number of different places"),
}  # fmt: skip
PRODUCT = {
    "price": ("Price of a unit", "money",
              "amount divided by units; lines of over 100 units left out"),
    "penetration": ("Penetration", "share", "share of customers who bought it"),
    "repeat_rate": ("Repeat rate", "share", "share of its buyers with two or more orders of it"),
    "orders_per_buyer": ("Orders per buyer", "orders", "orders that hold it, per buyer"),
    "spend_per_buyer": ("Spend per buyer", "money", "amount per buyer"),
    "promotion_share": ("Sold at a discount", "share", "discount divided by amount plus discount"),
    "own_label_share": ("Own-label share", "share", "share of the amount that is own label"),
    "seasonality": ("Seasonality", "ratio", "standard deviation of its share of monthly revenue, "
                    "divided by the mean"),
    "evenness": ("Spread over buyers", "index", "effective number of buyers (inverse Herfindahl "
                 "index of the amounts) divided by buyers; 1 = all buy the same"),
}  # fmt: skip


def cube(tables: dict[str, ir.Table], loaded: Study) -> ir.Table:
    """Aggregate transactions to customer × order × product level, in one pass over them.

    Every feature, of customers and of products, is computed from this table. Returns have rows of
    their own, one a day, because they may be of a later day than the order.

    Returns
    -------
    ibis.Table
        Kept on the engine: customer, order, level, group, is_return, time, place, lines, amount,
        discount, coupon, own_label, units, priced (amount of lines with a sensible number of
        units).
    """
    lines = tables["transactions"]
    if "product" in lines.columns and "products" in tables:
        lines = lines.left_join(tables["products"], "product")
    known = set(lines.columns)
    if loaded.usage and "order" not in known:
        lines = usage.sessions(lines)
        known = set(lines.columns)
    level = next((c for c in ("level", "product", "event") if c in known), None)
    zero = ibis.literal(0).cast("decimal(18, 6)")
    amount = lines.amount if "amount" in known else zero
    units = lines.quantity if "quantity" in known else zero
    countable = (units > 0) & (units <= MANY_UNITS) & ~lines.is_return
    own = loaded.tables.products.own_label if loaded.tables.products else []
    own_line = lines.brand.isin(own).fill_null(False) if own and "brand" in known else False
    lines = lines.mutate(
        order=lines.order if "order" in known else lines.time.truncate("D"),
        level=reading.text(lines[level]) if level else ibis.literal("all"),
        group=lines["group"] if "group" in known else ibis.null("string"),
        place=lines.place if "place" in known else ibis.null("int64"),
        amount=amount,
        discount=lines.discount if "discount" in known else zero,
        coupon=lines.coupon if "coupon" in known else zero,
        own_label=ibis.ifelse(own_line, amount, zero),
        units=ibis.ifelse(countable, units, zero),
        priced=ibis.ifelse(countable, amount, zero),
    )
    sums = {name: lines[name].sum() for name in SUMMED}
    returned = ibis.ifelse(lines.is_return, lines.time.truncate("D"), None)
    grouped = lines.group_by("customer", "order", "level", "group", "is_return", returned=returned)
    rows = grouped.agg(time=lines.time.min(), place=lines.place.min(), lines=lines.count(), **sums)
    return keep(rows.drop("returned"))


def before(table: ir.Table, as_of: date, history: int | None = None) -> ir.Table:
    """Return the rows earlier than a day, and not older than `history` days if given."""
    kept = table.filter(table.time < midnight(as_of))
    if history:
        kept = kept.filter(kept.time >= midnight(as_of - timedelta(days=history)))
    return kept


def behaviour(facts: ir.Table, as_of: date) -> ir.Table:
    """Return the behavioural features, one row per customer with an order, as an engine expression.

    Orders and their rhythm are counted without returns; money is netted, each line at its own time.

    Parameters
    ----------
    facts
        The cube, restricted to before `as_of`.
    as_of
        The cut-off date.
    """
    baskets = visits.orders(facts)
    recent, earlier = visits.windows(facts, as_of, RECENT)
    late = ratio(facts.amount.sum(where=recent), 1).fill_null(0)
    early = ratio(facts.amount.sum(where=earlier), 1).fill_null(0)
    by_order = baskets.group_by("customer").agg(
        orders=baskets.count().cast("float64"),
        basket_items=ratio(baskets.lines.sum(), baskets.count()),
        coupon_share=(baskets.coupon > 0).mean(),
        **visits.rhythm(baskets, as_of),
    )
    by_line = facts.group_by("customer").agg(
        spend=facts.amount.sum().cast("float64"),
        trend=ratio(late - early, late + early),
        breadth=facts.level.nunique(where=~facts.is_return).cast("float64"),
        discount_share=ratio(facts.discount.sum(), facts.amount.sum() + facts.discount.sum()),
        own_label_share=ratio(facts.own_label.sum(), facts.amount.sum()),
    )
    joined = by_order.left_join(by_line, "customer").drop("customer_right")
    joined = joined.mutate(basket_value=ratio(joined.spend, joined.orders))
    return joined.left_join(visits.irregularity(baskets), "customer").drop("customer_right")


def needs(
    facts: ir.Table, top: int, asked: Collection[str] = ()
) -> tuple[ir.Table, dict[str, str]]:
    """Return the share of spend by product group, the groups with most buyers first.

    Parameters
    ----------
    facts
        The cube, restricted to before the cut-off date.
    top
        How many groups get a column of their own; the rest is `share_other`.
    asked
        Columns that the study names: these get one at any cut-off date, the most bought fill up.

    Returns
    -------
    shares : ibis.Table
        One row per customer.
    labels : dict
        Column name → group.
    """
    bought = returns.kept(facts)
    reach = bought.filter(bought["group"].notnull()).group_by("group")
    reach = reach.agg(buyers=bought.customer.nunique()).execute()
    reach = reach.sort_values(["buyers", "group"], ascending=[False, True])
    called = _called(reach["group"])
    known = {called[group]: group for group in reach["group"]}
    first = sorted(known, key=lambda name: name not in asked)[:top]  # stable: by reach within each
    labels = {name: group for name, group in known.items() if name in first}
    total = facts.amount.sum()
    shares = {
        name: ratio(facts.amount.sum(where=facts["group"] == group).fill_null(0), total)
        for name, group in labels.items()
    }
    rest = facts["group"].isnull() | facts["group"].notin(list(labels.values()))
    shares["share_other"] = ratio(facts.amount.sum(where=rest).fill_null(0), total)
    return facts.group_by("customer").agg(**shares), labels | {"share_other": "other groups"}


def _called(groups: Iterable[str]) -> dict[str, str]:
    """Return group → column, each its own; that of the rest is nobody's."""
    names = {"share_other"}
    found = {}
    for group in sorted(groups):
        name = f"share_{_slug(group)}"
        while name in names:
            name += "_2"
        names.add(name)
        found[group] = name
    return found


def _slug(text: str) -> str:
    words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
    return "_".join(words) or "blank"


def products(facts: ir.Table, minimum: int) -> ir.Table:
    """Return the features of products at the study's level, one row each.

    Whoever only returned a product is none of its buyers.

    Parameters
    ----------
    facts
        The cube, restricted to before the cut-off date.
    minimum
        Products with fewer buyers are left out.
    """
    named = facts.filter(facts.level.notnull())
    buyers = named.group_by("level", "customer").agg(
        amount=named.amount.sum().cast("decimal(18, 6)"),
        orders=named.order.nunique(where=~named.is_return),
    )
    buyers = buyers.filter(buyers.orders > 0)
    squared = buyers.amount.cast("float64").pow(2).cast("decimal(38, 12)")
    spread = buyers.group_by("level").agg(
        buyers=buyers.count(),
        repeat_rate=(buyers.orders >= 2).mean(),
        orders_per_buyer=buyers.orders.mean(),
        spend_per_buyer=ratio(buyers.amount.sum(), buyers.count()),
        evenness=ratio(buyers.amount.sum(), 1).pow(2)
        / (ratio(squared.sum(), 1) * buyers.count()).nullif(0),
    )
    totals = named.group_by("level").agg(
        price=ratio(named.priced.sum(), named.units.sum()),
        promotion_share=ratio(named.discount.sum(), named.amount.sum() + named.discount.sum()),
        own_label_share=ratio(named.own_label.sum(), named.amount.sum()),
    )
    joined = spread.left_join(totals, "level").drop("level_right")
    joined = joined.left_join(_seasonality(facts), "level").drop("level_right")
    everyone = returns.kept(facts).customer.nunique().as_scalar()
    joined = joined.mutate(penetration=ratio(joined.buyers, everyone))
    return joined.filter(joined.buyers >= minimum)


def _seasonality(facts: ir.Table) -> ir.Table:
    """Coefficient of variation of a product's share of the revenue of each month."""
    by_month = facts.mutate(month=facts.time.truncate("M"))
    everything = by_month.group_by("month").agg(total=by_month.amount.sum())
    own = by_month.filter(by_month.level.notnull())
    own = own.group_by("level", "month").agg(amount=own.amount.sum())
    shares = own.join(everything, "month")
    shares = shares.mutate(share=ratio(shares.amount, shares.total))
    exact = shares.share.cast("decimal(38, 24)"), shares.share.pow(2).cast("decimal(38, 30)")
    sums = shares.group_by("level").agg(
        s=exact[0].sum().cast("float64"), ss=exact[1].sum().cast("float64")
    )
    months = everything.count().as_scalar().cast("float64")
    mean = sums.s / months
    variance = (sums.ss - months * mean * mean) / (months - 1).nullif(0)
    return sums.select("level", seasonality=ibis.greatest(variance, 0).sqrt() / mean.nullif(0))
