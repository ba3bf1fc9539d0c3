"""Orders or sessions as visits: when customers come, whatever they do there."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from seglib import returns
from seglib.collection.tables import midnight

EVENING = 17  # hour from which a visit is one of the evening


def orders(facts: ir.Table) -> ir.Table:
    """Return one row per customer and order: an order has a line that is no return."""
    bought = returns.kept(facts)
    return bought.group_by("customer", "order").agg(
        time=bought.time.min(),
        place=bought.place.min(),
        lines=bought.lines.sum(),
        coupon=bought.coupon.sum(),
    )


def windows(rows: ir.Table, as_of: date, days: int) -> tuple[ir.BooleanValue, ir.BooleanValue]:
    """Return which rows are of the last so many days, and which of as many before these."""
    recent = rows.time >= midnight(as_of - timedelta(days=days))
    return recent, ~recent & (rows.time >= midnight(as_of - timedelta(days=2 * days)))


def rhythm(visits: ir.Table, as_of: date) -> dict[str, ir.Value]:
    """Return when each customer comes, as aggregates of the visits of one."""
    end = ibis.literal(as_of)
    return {
        "recency": end.delta(visits.time.max().date(), unit="day").cast("float64"),
        "tenure": end.delta(visits.time.min().date(), unit="day").cast("float64"),
        "weekend_share": visits.time.day_of_week.index().isin([5, 6]).mean(),
        "evening_share": (visits.time.hour() >= EVENING).mean(),
        "places": visits.place.nunique().cast("float64"),
    }


def irregularity(visits: ir.Table) -> ir.Table:
    """Coefficient of variation of the gaps between days with visits (two gaps or more)."""
    days = visits.select("customer", day=visits.time.date()).distinct()
    lagged = days.mutate(
        gap=days.day.delta(days.day.lag().over(group_by="customer", order_by="day"), unit="day")
    )
    sums = lagged.group_by("customer").agg(
        n=lagged.gap.count().cast("float64"),
        s=lagged.gap.sum().cast("float64"),
        ss=(lagged.gap * lagged.gap).sum().cast("float64"),
    )
    sums = sums.filter(sums.n >= 2)
    deviation = ((sums.ss - sums.s * sums.s / sums.n) / (sums.n - 1)).sqrt()
    return sums.select("customer", irregularity=deviation / (sums.s / sums.n))


def ratio(top, bottom) -> ir.FloatingValue:
    """Divide as floats; nothing divided by nothing is missing."""
    bottom = bottom if isinstance(bottom, ir.Value) else ibis.literal(bottom)
    return top.cast("float64") / bottom.cast("float64").nullif(0)
