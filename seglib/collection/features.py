"""One row per customer or product, computed on the engine from what was known before a day.

What each feature is called and means stands in wording/features.yaml.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from seglib import wording
from seglib.collection import activity, attributes
from seglib.collection.activity import Facts, orders, without_returns
from seglib.collection.attributes import apart, row
from seglib.collection.reading import MONEY, midnight
from seglib.study import FEWEST, StudyError

EVENING = 17  # hour from which a visit is one of the evening
RECENT = {"customers": 91, "usage": 28}  # days that count as recent in a trend
FIRST = 7  # days from the first event in which a customer finds a way into the product
REAL = "float64"


def ratio(top, bottom) -> ir.FloatingValue:
    """Divide as floats; nothing by nothing is missing."""
    bottom = bottom if isinstance(bottom, ir.Value) else ibis.literal(bottom)
    return top.cast(REAL) / bottom.cast(REAL).nullif(0)


def _joined(table: ir.Table, *others: ir.Table, key: str = "customer") -> ir.Table:
    for other in others:
        table = table.left_join(other, key).drop(f"{key}_right")
    return table


# --- customers who order --------------------------------------------------------------------------


def behaviour(rows: ir.Table, as_of: date) -> ir.Table:
    """Return the behavioural features of `Facts.past`, one row per customer with an order.

    Orders and their rhythm are counted without returns; money is netted, each line at its own time.
    """
    visits = orders(rows)
    recent, earlier = _windows(rows, as_of, RECENT["customers"])
    late, early = (ratio(rows.amount.sum(where=w), 1).fill_null(0) for w in (recent, earlier))
    by_order = visits.group_by("customer").agg(
        orders=visits.count().cast(REAL),
        basket_items=ratio(visits.lines.sum(), visits.count()),
        coupon_share=(visits.coupon > 0).mean(),
        **_rhythm(visits, as_of),
    )
    by_line = rows.group_by("customer").agg(
        spend=rows.amount.sum().cast(REAL),
        change=ratio(late - early, late + early),
        breadth=rows.level.nunique(where=~rows.is_return).cast(REAL).nullif(0),
        discount_share=ratio(rows.discount.sum(), rows.amount.sum() + rows.discount.sum()),
        own_label_share=ratio(rows.own_label.sum(), rows.amount.sum()),
    )
    frame = _joined(by_order, by_line, _irregularity(visits))
    return frame.mutate(
        basket_value=ratio(frame.spend, frame.orders),
        trend=ibis.ifelse(frame.orders > 1, frame.change, None),
    )


def _windows(rows: ir.Table, as_of: date, days: int) -> tuple[ir.BooleanValue, ir.BooleanValue]:
    recent = rows.time >= midnight(as_of - timedelta(days=days))
    return recent, ~recent & (rows.time >= midnight(as_of - timedelta(days=2 * days)))


def _rhythm(visits: ir.Table, as_of: date) -> dict[str, ir.Value]:
    end = ibis.literal(as_of)
    return {
        "recency": end.delta(visits.time.max().date(), unit="day").cast(REAL),
        "tenure": end.delta(visits.time.min().date(), unit="day").cast(REAL),
        "weekend_share": visits.time.day_of_week.index().isin([5, 6]).mean(),
        "evening_share": (visits.time.hour() >= EVENING).mean(),
        "places": visits.place.nunique().cast(REAL).nullif(0),
    }


def _irregularity(visits: ir.Table) -> ir.Table:
    """Coefficient of variation of the gaps between days with visits (two gaps or more)."""
    days = visits.select("customer", day=visits.time.date()).distinct()
    earlier = days.day.lag().over(group_by="customer", order_by="day")
    gaps = days.mutate(gap=days.day.delta(earlier, unit="day"))
    sums = gaps.group_by("customer").agg(
        n=gaps.gap.count().cast(REAL),
        s=gaps.gap.sum().cast(REAL),
        ss=(gaps.gap * gaps.gap).sum().cast(REAL),
    )
    sums = sums.filter(sums.n >= 2)
    deviation = ((sums.ss - sums.s * sums.s / sums.n) / (sums.n - 1)).sqrt()
    return sums.select("customer", irregularity=deviation / (sums.s / sums.n))


def needs(rows: ir.Table, top: int, first: Collection[str] = ()) -> tuple[ir.Table, dict[str, str]]:
    """Return the share of spend by product group, one row per customer, and column → group.

    The groups of the columns in `first`, then those with most buyers, get a column of their own, in
    all as many as `top`; the rest is `share_other`.
    """
    bought = without_returns(rows)
    reach = bought.filter(bought["group"].notnull()).group_by("group")
    reach = reach.agg(buyers=bought.customer.nunique()).execute()
    reach = reach.sort_values(["buyers", "group"], ascending=[False, True])
    columns = _share_names(reach["group"])
    names = {columns[group]: group for group in reach["group"]}
    chosen = sorted(names, key=lambda name: name not in first)[:top]  # stable: by reach within each
    labels = {name: group for name, group in names.items() if name in chosen}
    other = rows["group"].isnull() | rows["group"].notin(list(labels.values()))
    parts = {name: rows["group"] == group for name, group in labels.items()}
    shares = {
        name: ratio(rows.amount.sum(where=part).fill_null(0), rows.amount.sum())
        for name, part in (parts | {"share_other": other}).items()
    }
    return rows.group_by("customer").agg(**shares), labels | {"share_other": "Other groups"}


def _share_names(groups: Iterable[str]) -> dict[str, str]:
    """Return group → column, each its own; that of the rest is nobody's."""
    columns: dict[str, str] = {}
    for group in sorted(groups):
        words = "".join(c if c.isalnum() else " " for c in group.lower()).split()
        name = f"share_{'_'.join(words) or 'blank'}"
        while name in {"share_other", *columns.values()}:
            name += "_2"
        columns[group] = name
    return columns


# --- customers who use a product ------------------------------------------------------------------


def usage(rows: ir.Table, as_of: date) -> ir.Table:
    """Return the features of use, one row per customer; parameters as of `behaviour`."""
    events = without_returns(rows)
    sessions = orders(events)
    recent, earlier = _windows(sessions, as_of, RECENT["usage"])
    day, rhythm = sessions.time.date(), _rhythm(sessions, as_of)
    late, early = day.nunique(where=recent), day.nunique(where=earlier)
    seen = ibis.least(ibis.greatest(rhythm["tenure"], 1.0), float(RECENT["usage"]))
    by_session = sessions.group_by("customer").agg(
        sessions=sessions.count().cast(REAL),
        active_days=day.nunique().cast(REAL),
        engagement=late.cast(REAL) / seen,
        session_events=ratio(sessions.lines.sum(), sessions.count()),
        usage_trend=ibis.ifelse(day.nunique() > 1, ratio(late - early, late + early), None),
        **rhythm,
    )
    gap = (by_session.tenure - by_session.recency) / (by_session.active_days - 1).nullif(0)
    by_session = by_session.mutate(overdue=by_session.recency / gap.nullif(0))
    used = events.group_by("customer").agg(features_used=events.level.nunique().cast(REAL))
    everything = events.level.nunique().as_scalar().cast(REAL)
    used = used.mutate(adoption=used.features_used / everything.nullif(0))
    return _joined(by_session, used, _first_week(events, as_of), _irregularity(sessions))


def _first_week(events: ir.Table, as_of: date) -> ir.Table:
    begun = events.time.min().over(group_by="customer")
    rows = events.mutate(begun=begun)
    rows = rows.filter(rows.begun < midnight(as_of - timedelta(days=FIRST - 1)))
    early = rows.time.date() < rows.begun.date() + ibis.interval(days=FIRST)
    return rows.group_by("customer").agg(
        first_days=rows.time.date().nunique(where=early).cast(REAL),
        first_features=rows.level.nunique(where=early).cast(REAL),
    )


# --- products -------------------------------------------------------------------------------------


def selling(data: Facts, minimum: int) -> ir.Table:
    """Return how each product sells, at the study's level; those with fewer buyers left out."""
    rows = data.past
    listed = rows.filter(rows.level.notnull())
    buyers = data.bought.mutate(amount=data.bought.amount.cast(MONEY))
    buyers = buyers.filter(buyers.orders > 0)
    squared = buyers.amount.cast(REAL).pow(2).cast("decimal(38, 12)")
    spread = buyers.group_by("level").agg(
        buyers=buyers.count(),
        repeat_rate=(buyers.orders >= 2).mean(),
        orders_per_buyer=buyers.orders.mean(),
        spend_per_buyer=ratio(buyers.amount.sum(), buyers.count()),
        evenness=ratio(buyers.amount.sum(), 1).pow(2)
        / (ratio(squared.sum(), 1) * buyers.count()).nullif(0),
    )
    totals = listed.group_by("level").agg(
        price=ratio(listed.priced.sum(), listed.units.sum()),
        promotion_share=ratio(listed.discount.sum(), listed.amount.sum() + listed.discount.sum()),
        own_label_share=ratio(listed.own_label.sum(), listed.amount.sum()),
    )
    everyone = without_returns(rows).customer.nunique().as_scalar()
    frame = _joined(spread, totals, _seasonality(rows), key="level")
    frame = frame.mutate(penetration=ratio(frame.buyers, everyone))
    return frame.filter(frame.buyers >= minimum)


def _seasonality(rows: ir.Table) -> ir.Table:
    """Return the coefficient of variation of a product's share of the revenue of each month."""
    by_month = rows.mutate(month=rows.time.truncate("M"))
    everything = by_month.group_by("month").agg(total=by_month.amount.sum())
    own = by_month.filter(by_month.level.notnull())
    shares = own.group_by("level", "month").agg(amount=own.amount.sum()).join(everything, "month")
    shares = shares.mutate(share=ratio(shares.amount, shares.total))
    exact = shares.share.cast("decimal(38, 24)"), shares.share.pow(2).cast("decimal(38, 30)")
    sums = shares.group_by("level").agg(s=exact[0].sum().cast(REAL), ss=exact[1].sum().cast(REAL))
    months = everything.count().as_scalar().cast(REAL)
    mean = sums.s / months
    variance = (sums.ss - months * mean * mean) / (months - 1).nullif(0)
    return sums.select("level", seasonality=ibis.greatest(variance, 0).sqrt() / mean.nullif(0))


# --- frames and their dictionary ------------------------------------------------------------------


def customers(data: Facts) -> tuple[pd.DataFrame, list[dict]]:
    """Return one row per customer, and the data dictionary of its columns.

    The frame is indexed by `customer`: numeric features as floats, ordered and nominal attributes
    as categoricals; missing stays missing. The dictionary has name, label, base, kind, unit,
    meaning and, if ordered, levels. A StudyError if there are too few customers to segment.
    """
    frame, rows = (pd.DataFrame(), []) if data.past is None else _computed(data)
    if data.people is not None:
        frame = data.people if data.past is None else frame.join(data.people)
        for spec in data.study.tables.people.values():
            rows += attributes.rows(spec, data.people)
    if len(frame) < FEWEST:
        raise StudyError(
            f"only {len(frame)} customers are known {data.study.known(data.as_of)}: expected at "
            f"least {FEWEST}; choose a later as_of or a larger table"
        )
    return frame, apart(rows)


def _computed(data: Facts) -> tuple[pd.DataFrame, list[dict]]:
    use, asked = data.study.usage, data.study.segmentation
    expression = (usage if use else behaviour)(data.past, data.as_of)
    rows = _rows(data, "usage" if use else "customers", "behavioural")
    if "amount" in data.roles:
        shares, groups = needs(data.past, asked.needs, asked.features)
        if len(groups) > 1:
            expression = _joined(expression, shares)
            for name, group in groups.items():
                words = {"unit": "share", "meaning": f"share of spend on {group}"}
                rows.append(row(name, f"{group} share", "needs", **words))
    frame = expression.execute().set_index("customer").sort_index()
    if not frame["evening_share"].any():  # days without hours
        rows = [each for each in rows if each["name"] != "evening_share"]
    return frame[[each["name"] for each in rows]].astype(REAL), rows


def _rows(data: Facts, kind: str, base: str) -> list[dict]:
    """Return the dictionary rows of the computed features for which the study has the columns."""
    units = {"money": data.study.currency or "money"}
    rows = []
    for name, about in wording.table("features")[kind].items():
        if data.roles.issuperset(about.get("needs", ())):
            unit = units.get(about["unit"], about["unit"])
            rows.append(row(name, about["label"], base, unit=unit, meaning=about["meaning"]))
    return rows


def products(data: Facts) -> tuple[pd.DataFrame, list[dict]] | None:
    """Return one row per product at the study's level and its dictionary; None of fewer than two.

    Products with fewer buyers than the study's minimum cell are left out.
    """
    if data.past is None or "product" not in data.roles:
        return None
    frame = selling(data, data.study.minimum_cell).execute().set_index("level")
    if len(frame) < 2:
        return None
    rows = _rows(data, "products", "product")
    names = [each["name"] for each in rows]
    frame = frame.rename_axis("product").sort_index()[names].astype(REAL)
    groups = data.past.group_by("level", "group").agg(amount=data.past.amount.sum()).execute()
    groups = groups.sort_values(["amount", "group"], ascending=[False, True], kind="stable")
    main = groups.drop_duplicates("level").set_index("level")["group"]  # the first in a tie
    frame["group"] = pd.Categorical(main.reindex(frame.index))
    if frame["group"].isna().all():
        return frame.drop(columns="group"), rows
    meaning = "the product group that most of its revenue belongs to"
    return frame, [*rows, row("group", "Product group", "plan", kind="nominal", meaning=meaning)]


def write(
    run, data: Facts, tables: dict[str, ir.Table], people: tuple, goods: tuple | None
) -> None:
    """Write everything that later notebooks read, but for the quality checks."""
    (frame, rows), (sold, sold_rows), study = people, goods or (None, []), data.study
    about = {"customers": rows, "products": sold_rows, "outcomes": attributes.outcome_rows(study)}
    every = {
        "dictionary.json": about,
        "activity.parquet": activity.lines(data),
        "attributes.parquet": None if study.snapshot else data.people,
        "customers.parquet": frame,
        "products.parquet": sold,
        "before.parquet": activity.before(data, frame.index),
        "holdout.parquet": activity.holdout(data, frame.index),
        "outcomes.parquet": attributes.outcomes(study, tables, frame.index),
        "arms.parquet": attributes.arms(study, tables, frame.index),
        "product_holdout.parquet": goods and activity.holdout(data, sold.index, "level"),
        "extent.json": activity.extent(data),
        "purchases.parquet": activity.purchases(data),
        "monthly.parquet": activity.monthly(data),
        "campaigns.parquet": activity.campaigns(tables),
    }
    for name, what in every.items():
        if what is not None:
            run.write(name, what)
