"""What customers do with a product that is used and not bought: events without amounts.

Everything is computed from the cube of `features.cube`, in which a session stands for an order.
"""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from seglib import returns, visits
from seglib.collection.tables import midnight

PAUSE = 30 * 60  # seconds without an event after which the next one begins a session
RECENT = 28  # days that count as recent
FIRST = 7  # days from the first event in which a customer finds a way into the product

USAGE = {
    # name: (label, unit, meaning)
    "recency": ("Days since last use", "days", "days from the last session to the cut-off date"),
    "sessions": ("Sessions", "sessions", "sessions before the cut-off date: events with less than "
                 "30 minutes between them, unless the study gives a column for them"),
    "active_days": ("Active days", "days", "days on which a session began"),
    "engagement": ("Recent days active", "share", "active days of the last 28, divided by 28, or "
                   "by the days since the first session if these are fewer"),
    "session_events": ("Events in a session", "count", "events divided by sessions"),
    "features_used": ("Features used", "count", "different events"),
    "adoption": ("Adoption of features", "share", "features used, divided by all that "
                 "anybody used"),
    "first_days": ("Active days in the first week", "count", "active days within 7 days of the "
                   "first session; missing if that is less than 7 days ago"),
    "first_features": ("Features tried in the first week", "count", "different features used "
                       "within 7 days of the first session; missing if that is less than 7 "
                       "days ago"),
    "usage_trend": ("Recent trend of use", "index", "active days of the last 28 against the 28 "
                    "before: (recent - earlier) / (recent + earlier), from -1 to 1"),
    "overdue": ("Absence against own rhythm", "ratio", "days since the last session, divided by "
                "the customer's mean days between active days"),
    "tenure": ("Days since first use", "days", "days from the first session to the cut-off date"),
    "irregularity": ("Irregularity of use", "ratio", "standard deviation of the gaps between "
                     "active days, divided by their mean"),
    "weekend_share": ("Sessions at weekends", "share", "share of sessions on Saturday or Sunday"),
    "evening_share": ("Sessions in the evening", "share", "share of sessions from 17:00"),
    "places": ("Places used from", "count", "number of different places"),
}  # fmt: skip
ROLES = dict.fromkeys(("features_used", "adoption", "first_features"), "event") | {
    "places": "place"
}
"""Which features need a role of their own."""


def sessions(lines: ir.Table) -> ir.Table:
    """Return the rows with `order`, the session that each event belongs to.

    A session ends when a customer pauses for half an hour. Events at the same moment are in the
    same session, whatever their order in the table.
    """
    moments = lines.select("customer", "time").distinct()
    ticks = moments.mutate(tick=moments.time.epoch_seconds())
    ticks = ticks.mutate(
        pause=ticks.tick - ticks.tick.lag().over(group_by="customer", order_by="tick")
    )
    begins = ibis.ifelse(ticks.pause.fill_null(PAUSE + 1) > PAUSE, 1, 0)
    numbered = ticks.mutate(begins=begins)
    numbered = numbered.mutate(
        number=numbered.begins.sum().over(
            ibis.cumulative_window(group_by="customer", order_by="tick")
        )
    )
    named = numbered.select(
        "customer", "time",
        order=numbered.customer.cast("string") + "-" + numbered.number.cast("string"),
    )  # fmt: skip
    return lines.drop(*({"order"} & set(lines.columns))).join(named, ["customer", "time"])


def usage(facts: ir.Table, as_of: date) -> ir.Table:
    """Return the features of use, one row per customer, as an engine expression.

    Parameters
    ----------
    facts
        The cube, restricted to before `as_of`.
    as_of
        The cut-off date.
    """
    facts = returns.kept(facts)
    sessions = visits.orders(facts)
    since = facts.group_by("customer").agg(begun=facts.time.min())
    recent, earlier = visits.windows(sessions, as_of, RECENT)
    day, rhythm = sessions.time.date(), visits.rhythm(sessions, as_of)
    late, early = day.nunique(where=recent), day.nunique(where=earlier)
    seen = ibis.least(ibis.greatest(rhythm["tenure"], 1.0), float(RECENT))
    by_visit = sessions.group_by("customer").agg(
        sessions=sessions.count().cast("float64"),
        active_days=day.nunique().cast("float64"),
        engagement=late.cast("float64") / seen,
        session_events=visits.ratio(sessions.lines.sum(), sessions.count()),
        usage_trend=visits.ratio(late - early, late + early),
        **rhythm,
    )
    span = by_visit.tenure - by_visit.recency
    gap = span / (by_visit.active_days - 1).nullif(0)
    by_visit = by_visit.mutate(overdue=by_visit.recency / gap.nullif(0))
    more = _adopted(facts), _first_week(facts, since, as_of), visits.irregularity(sessions)
    for table in more:
        by_visit = by_visit.left_join(table, "customer").drop("customer_right")
    return by_visit


def _adopted(facts: ir.Table) -> ir.Table:
    """Return how many features each customer used, and of all that anybody used."""
    used = facts.group_by("customer").agg(features_used=facts.level.nunique().cast("float64"))
    everything = facts.level.nunique().as_scalar().cast("float64")
    return used.mutate(adoption=used.features_used / everything.nullif(0))


def _first_week(facts: ir.Table, since: ir.Table, as_of: date) -> ir.Table:
    """Return what each customer did within a week of the first session; none of newer ones."""
    joined = facts.join(since, "customer")
    joined = joined.filter(joined.begun < midnight(as_of - timedelta(days=FIRST - 1)))
    early = joined.time < joined.begun + ibis.interval(days=FIRST)
    return joined.group_by("customer").agg(
        first_days=joined.time.date().nunique(where=early).cast("float64"),
        first_features=joined.level.nunique(where=early).cast("float64"),
    )
