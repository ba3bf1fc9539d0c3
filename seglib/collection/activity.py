"""What customers did: their lines and returns, orders or sessions, before and after the cut-off.

A return line lowers money and is no order; a cancelled sale adds none and is no order. An order is
an order number with at least one line that is neither, so that a partial return, an exchange or a
line of a reduction leaves it an order.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import ibis
import ibis.expr.types as ir
import pandas as pd

from seglib.collection import attributes, reading
from seglib.collection.databases import in_order, keep
from seglib.collection.reading import MONEY, fits, midnight
from seglib.study import Study

PLAIN = r"^\d+$"  # numbers of orders
CREDIT = r"^(?:[Cc]|[Cc][NnRr]|[Rr][Mm][Aa]|[Rr][Ee][TtFf])\W?\d+$"  # of credit notes beside them
LONGER = CREDIT.replace("[Cc]|", "", 1)  # of credit notes beside numbers such as INV-1
OTHER_FORMS = 0.01  # share of rows whose order number may be of neither form
MANY_UNITS = 100  # a line of more units than this is a weight or a volume, not a count
PAUSE = 30 * 60  # seconds without an event after which the next one begins a session
SUMMED = {"amount": "amount", "discount": "discount", "coupon": "coupon"}
SUMMED |= {"own_label": "brand", "units": "quantity", "priced": "quantity"}  # what each needs
ORDER = "customer", "order", "level", "group", "is_return", "time"  # in which the lines are kept


# --- returns --------------------------------------------------------------------------------------


def mark_returns(
    table: ir.Table, returned: Collection[str] = (), cancelled: Collection[str] = ()
) -> ir.Table:
    """Return the transactions with columns that say which lines are returns.

    `is_credit_note`: the order number is that of a credit note; `is_undone`: the status is one of
    `returned`; `is_cancelled`: it is one of `cancelled`, and nothing is negative; `is_return`: any
    of them, or the amount or the quantity is negative.
    """
    negative = ibis.literal(False)
    for name in {"amount", "quantity"} & set(table.columns):
        negative = negative | (table[name] < 0).fill_null(False)
    undone = void = ibis.literal(False)
    if "status" in table.columns:
        status = reading.text(table.status).strip().lower()
        undone, void = (
            status.isin(sorted({value.strip().lower() for value in values})).fill_null(False)
            for values in (returned, cancelled)
        )
    credit = _credit_note(table)
    void = void & ~negative & ~credit
    tests = {"is_credit_note": credit, "is_undone": undone, "is_cancelled": void}
    return table.mutate(is_return=credit | undone | void | negative, **tests)


def net_returns(table: ir.Table) -> ir.Table:
    """Return marked transactions with the money of returns as it counts.

    A credit note, a line that its status calls a return and one of a negative quantity stand beside
    the sale: their amounts count as negative, however the source writes them. A cancelled sale
    never happened: its amount counts as 0. Neither has a discount or a coupon of its own.
    """
    beside = table.is_credit_note | table.is_undone
    if "quantity" in table.columns:
        beside = beside | (table.quantity < 0).fill_null(False)
    money = {}
    if "amount" in table.columns:
        amount = ibis.ifelse(beside, -table.amount.abs(), table.amount)
        money["amount"] = ibis.ifelse(table.is_cancelled, 0, amount).cast(table.amount.type())
    for name in {"discount", "coupon"} & set(table.columns):
        gone = (table.is_undone | table.is_cancelled) & (table[name] > 0)
        money[name] = ibis.ifelse(gone, 0, table[name]).cast(table[name].type())
    surplus = {"is_credit_note", "is_cancelled", "is_undone", "status"} & set(table.columns)
    return table.mutate(**money).drop(*surplus)


def without_returns(table: ir.Table) -> ir.Table:
    """Return the lines that are no returns: orders, visits and buyers are counted from these."""
    return table.filter(~table.is_return)


def _credit_note(table: ir.Table) -> ir.BooleanValue:
    """Return whether an order number is that of a credit note: C, CN, RMA or the like and figures.

    They are told from other numbers only where those are the more and of one form: figures alone,
    or behind the same beginning (INV-), beside which a mere C may be anything. In a shop that
    numbers otherwise, the sign of the money tells.
    """
    sold = {"amount", "product"} & {*table.columns}
    if not sold or "order" not in table.columns or not table.order.type().is_string():
        return ibis.literal(False)
    number = reading.trimmed(table.order)
    credit, plain = fits(number, CREDIT), fits(number, PLAIN)
    least = reading.row(table, {"least": number.min(where=~credit)})["least"]
    begin = re.match(r"\D*", str(least or ""))[0]
    if begin:
        credit, plain = fits(number, LONGER), fits(number, f"^{re.escape(begin)}\\d+$")
    counts = {"rows": number.count(), "credit": credit.sum(), "plain": plain.sum()}
    row = reading.row(table, counts)
    others = row["rows"] - row["credit"] - row["plain"]
    if row["credit"] > row["plain"] or others > OTHER_FORMS * row["rows"]:
        return ibis.literal(False)
    return credit.fill_null(False)


# --- one pass over the transactions ---------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """What one pass over the tables leaves: notebook 01 writes it, and no other reads the sources.

    `all` is customer × order × product over the whole data, from `cube`; `people` is attributes and
    scales, one row per customer; None without such tables.
    """

    study: Study
    as_of: date
    all: ir.Table | None
    people: pd.DataFrame | None = None

    @property
    def past(self) -> ir.Table | None:
        """The part of `all` that features may see: before `as_of`, and within the history."""
        if self.all is None:
            return None
        return within(self.all, start(self.study, self.as_of), self.as_of)

    @cached_property
    def bought(self) -> ir.Table:
        """Amount and orders by customer and level before the cut-off date, kept on the engine."""
        rows = self.past.filter(self.past.level.notnull())
        pairs = rows.select("level", "group").distinct()
        one = reading.row(pairs, {"pairs": pairs.count(), "levels": pairs.level.nunique()})
        single, sold = one["pairs"] == one["levels"], ~rows.is_return
        # of a level in one group an order has one row, and counting rows is four times as fast
        orders = rows.count(where=sold) if single else rows.order.nunique(where=sold)
        sums = rows.group_by("customer", "level").agg(amount=rows.amount.sum(), orders=orders)
        return keep(sums, "customer", "level")

    @property
    def roles(self) -> set[str]:
        """What the transactions have a column for; `own_label` if the study says which brand is."""
        rows, sold = self.study.tables.transactions, self.study.tables.products
        own = {"own_label"} if sold and sold.own_label else set()
        columns = rows.columns.model_dump(exclude_none=True) if rows else {}
        named = {role for role, column in columns.items() if column}
        return own | named | ({"amount"} if "price" in named else set())

    def at(self, day: date) -> Facts:
        """Return the same at another cut-off date."""
        return replace(self, as_of=day)


def facts(study: Study, tables: dict[str, ir.Table], as_of: date) -> Facts:
    """Aggregate the transactions once, to be split at the cut-off date."""
    rows = cube(tables, study) if "transactions" in tables else None
    return Facts(study, as_of, rows, attributes.people(study, tables))


def of_run(run) -> Facts:
    """Return the facts that notebook 01 wrote."""
    people = run.read("attributes.parquet") if run.has("attributes.parquet") else None
    rows = run.scan("activity.parquet") if run.has("activity.parquet") else None
    return Facts(run.study, run.as_of, rows, people)


def seen(run, days: list[date], length: int, columns: Collection[str] = ()) -> list[Facts]:
    """Return what the engine holds about customers at some days, from histories of one length.

    A length of 0 means the study's own; `columns` are features that must be there.
    """
    wanted = run.study.segmentation
    if columns:
        wanted = wanted.model_copy(update={"features": list(columns)})
    study = run.study.model_copy(update={"history": length or None, "segmentation": wanted})
    facts = replace(of_run(run), study=study)
    return [facts.at(day) for day in days]


def lines(data: Facts) -> ir.Table | None:
    """Return `all` in an order of its own, to be written."""
    if data.all is None:
        return None
    return in_order(data.all, *ORDER)


def cube(tables: dict[str, ir.Table], study: Study) -> ir.Table:
    """Aggregate transactions to customer × order × product level, kept on the engine.

    Every feature, of customers and of products, is computed from this table. Returns have rows of
    their own, one a day, because they may be of a later day than the order; `priced` is the amount
    of lines with a sensible number of units.
    """
    lines = tables["transactions"]
    if "product" in lines.columns and "products" in tables:
        lines = lines.left_join(tables["products"], "product")
    if study.usage and "order" not in lines.columns:
        lines = _sessions(lines)
    roles = set(lines.columns)
    level = next((name for name in ("level", "product", "event") if name in roles), None)
    zero = ibis.literal(0).cast(MONEY)
    amount, units = (lines[n] if n in roles else zero for n in ("amount", "quantity"))
    countable = (units > 0) & (units <= MANY_UNITS) & ~lines.is_return
    own = study.tables.products.own_label if study.tables.products else []
    is_own = lines.brand.isin(own).fill_null(False) if own and "brand" in roles else False
    lines = lines.mutate(
        order=lines.order if "order" in roles else lines.time.truncate("D"),
        level=reading.text(lines[level]) if level else ibis.literal("all"),
        group=lines["group"] if "group" in roles else ibis.null("string"),
        place=lines.place if "place" in roles else ibis.null("int64"),
        amount=amount,
        discount=lines.discount if "discount" in roles else zero,
        coupon=lines.coupon if "coupon" in roles else zero,
        own_label=ibis.ifelse(is_own, amount, zero),
        units=ibis.ifelse(countable, units, zero),
        priced=ibis.ifelse(countable, amount, zero),
    )
    sums = {name: lines[name].sum().cast(MONEY) for name, role in SUMMED.items() if role in roles}
    zeros = {name: zero for name in SUMMED if name not in sums}
    day = ibis.ifelse(lines.is_return, lines.time.truncate("D"), None)
    rows = lines.group_by("customer", "order", "level", "group", "is_return", returned=day)
    rows = rows.agg(time=lines.time.min(), place=lines.place.min(), lines=lines.count(), **sums)
    return keep(rows.drop("returned"), *ORDER).mutate(**zeros).relocate(*SUMMED, after="lines")


def _sessions(lines: ir.Table) -> ir.Table:
    """Return events with `order`, the session of each, which a pause of half an hour ends."""
    moments = lines.select("customer", "time").distinct()
    ticks = moments.mutate(tick=moments.time.epoch_seconds())
    earlier = ticks.tick.lag().over(group_by="customer", order_by="tick")
    pause = (ticks.tick - earlier).fill_null(PAUSE + 1)
    ticks = ticks.mutate(begins=ibis.ifelse(pause > PAUSE, 1, 0))  # PostgreSQL sums no booleans
    so_far = ibis.cumulative_window(group_by="customer", order_by="tick")
    numbers = ticks.mutate(number=ticks.begins.sum().over(so_far))
    session = numbers.customer.cast("string") + "-" + numbers.number.cast("string")
    return lines.join(numbers.select("customer", "time", order=session), ["customer", "time"])


# --- what was done when ---------------------------------------------------------------------------


def orders(rows: ir.Table) -> ir.Table:
    """Return one row per customer and order, or session: an order has a line that is no return."""
    bought = without_returns(rows)
    return bought.group_by("customer", "order").agg(
        time=bought.time.min(),
        place=bought.place.min(),
        lines=bought.lines.sum(),
        coupon=bought.coupon.sum(),
    )


def within(rows: ir.Table, start: date | None, end: date) -> ir.Table:
    """Return the rows from a day on, if one is given, and before another."""
    rows = rows.filter(rows.time < midnight(end))
    return rows.filter(rows.time >= midnight(start)) if start else rows


def _sums(rows: ir.Table, *keys) -> ir.Table:
    """Return spend, orders and discount by keys; returns lower money and are no orders."""
    return rows.group_by(*keys).agg(
        spend=rows.amount.sum().cast("float64"),
        orders=rows.order.nunique(where=~rows.is_return),
        discount=rows.discount.sum().cast("float64"),
    )


def extent(data: Facts) -> dict | None:
    """Return the first and last day of the transactions, and the days of history seen, if any."""
    if data.all is None:
        return None
    row = data.all.aggregate(first=data.all.time.min(), last=data.all.time.max()).execute()
    days = {name: row.loc[0, name].date() for name in ("first", "last")}
    return days | {"history": history(data.study, days["first"], data.as_of)}


def start(study: Study, as_of: date) -> date | None:
    """Return the first day that a date may look back to, None if any."""
    return as_of - timedelta(days=study.history) if study.history else None


def history(study: Study, first: date, as_of: date) -> int:
    """Return how many days of history a date sees of data that begin on a first day."""
    return (as_of - max(first, start(study, as_of) or first)).days


def between(
    data: Facts, start: date, end: date, index: pd.Index, key: str = "customer"
) -> pd.DataFrame | None:
    """Return what each customer did from `start` to before `end`; None without transactions.

    By the index, of customers or, with the key `level`, of products: spend, orders, discount (0
    where nothing happened), active; returns lower spend and are no orders.
    """
    if data.all is None:
        return None
    frame = _sums(within(data.all, start, end), key).execute().set_index(key)
    frame = frame.astype("float64").reindex(index).fillna(0.0)
    return frame.assign(active=frame["orders"] > 0)


def holdout(data: Facts, index: pd.Index, key: str = "customer") -> pd.DataFrame | None:
    """Return what happened in the holdout, the weeks that judge the segments; see `between`.

    None if the data end before the holdout does: what has not happened yet judges nothing.
    """
    end, days = data.study.until(data.as_of), extent(data)
    if days is None or days["last"] < end - timedelta(days=1):
        return None
    return between(data, data.as_of, end, index, key)


def before(data: Facts, index: pd.Index) -> pd.DataFrame | None:
    """Return what each customer did in as many days before the cut-off date."""
    return between(data, data.as_of - timedelta(days=data.study.holdout or 0), data.as_of, index)


def purchases(data: Facts) -> ir.Table | None:
    """Return amount and orders by customer and product before the cut-off date."""
    if data.past is None or "product" not in data.roles:
        return None
    rows = in_order(data.bought, "customer", "level")
    money = rows.amount.cast("float64")
    return rows.select("customer", product="level", amount=money, orders="orders")


def monthly(data: Facts) -> ir.Table | None:
    """Return spend, orders and discount by customer and month, over the whole data."""
    if data.all is None:
        return None
    rows = data.all.mutate(month=data.all.time.truncate("M"))
    return _sums(rows, "customer", "month").order_by("customer", "month")


def campaigns(tables: dict[str, ir.Table]) -> ir.Table | None:
    """Return customer × campaign with what the customer did.

    A response counts if the campaign was sent to that customer and had begun.
    """
    if "campaigns" not in tables:
        return None
    sent = tables["campaigns"]
    optional = {c: sent[c].min() for c in ("end", "type") if c in sent.columns}
    if "arm" in sent.columns:  # whoever is listed in two arms is in none
        optional["arm"] = ibis.ifelse(sent.arm.nunique() > 1, None, sent.arm.cast("string").min())
    sent = sent.group_by("customer", "campaign").agg(start=sent.start.min(), **optional)
    if "responses" not in tables:
        return sent.order_by("customer", "campaign")
    joined = sent.left_join(tables["responses"], ["customer", "campaign"])
    counts = joined.time >= joined.start
    responses = joined.group_by("customer", "campaign", "start", *optional).agg(
        redemptions=joined.time.count(where=counts),  # a sum would be of another type by engine
        first_response=joined.time.min(where=counts),
    )
    return responses.mutate(redeemed=responses.redemptions > 0).order_by("customer", "campaign")


def holdout_outcomes(run, unit: str = "customers") -> pd.DataFrame | None:
    """Return what happened after the cut-off date, a column an outcome that segments may predict.

    Spend (of a study with amounts), orders and active in the holdout, then each outcome as 'who …'
    by its label; None if nothing has happened yet.
    """
    name = "holdout.parquet" if unit == "customers" else "product_holdout.parquet"
    columns = ["spend"] * run.study.money + ["orders", "active"]
    parts = [run.read(name)[columns].rename(columns=run.study.words)] if run.has(name) else []
    if unit == "customers" and run.has("outcomes.parquet"):
        labels = {name: f"who {given.label}" for name, given in run.study.outcomes.items()}
        parts.append(run.read("outcomes.parquet").rename(columns=labels))
    return pd.concat(parts, axis=1) if parts else None
