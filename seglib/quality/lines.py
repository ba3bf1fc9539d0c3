"""Transactions: what is dropped, what is netted, what is only said."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from seglib.collection import activity
from seglib.collection.tables import midnight
from seglib.limits import FEWEST
from seglib.quality import days
from seglib.quality.counting import check, count, either
from seglib.study import Study, StudyError

HOUSE_ACCOUNT = 0.1  # one customer with more than this share of all rows is not one customer
TAKEN_BACK = {"amount", "quantity", "status"}  # roles of which one at least tells returns
LIMITED = {
    "exact copy of another row": "copies",
    "negative amount": "negative_amounts",
    "zero amount": "zero_amounts",
    "product not in the products table": "unknown_products",
}


def transactions(
    loaded: Study, tables: dict, as_of: date, tests: ir.Table | None
) -> tuple[ir.Table, list[dict]]:
    """Return the usable rows, the returns among them marked and netted, and the checks.

    Parameters
    ----------
    loaded, tables, as_of
        As of `inspect`.
    tests
        The customers that are test accounts, one column `customer`; None without any.

    Raises
    ------
    StudyError
        If more than `max_dropped` of the rows lack what every computation needs, or the dates do
        not go with the study's.
    """
    table = activity.mark_returns(tables["transactions"], loaded.tables.transactions.returned)
    unusable = _unusable(table, tests)
    usable = ~either(test for test, *_ in unusable.values())
    dated = {
        name: (test & usable, action)
        for name, (test, action) in _dated(loaded, table, as_of).items()
    }
    odd = _odd_lines(table) | _odd_products(table, tables)
    lost = {
        f"{name}, dropped": (test.fill_null(False) & ~usable,) for name, (test, _) in odd.items()
    }
    rows, counts = count(table, unusable | dated | odd | lost)
    checks = [
        check(name, "transactions", rows, counts[name], action, _limit(name))
        for name, (_, action) in (unusable | dated).items()
    ]
    checks += [
        _over_all(name, rows, counts[name], counts[f"{name}, dropped"], action)
        for name, (_, action) in odd.items()
    ]
    _refuse(loaded, rows, {name: counts[name] for name in unusable})
    clean = activity.net_returns(table.filter(usable))
    seen = days.by_day(clean)
    _fit(loaded, as_of, seen.index[0].date(), seen.index[-1].date())
    more = [
        _repeated(tables["transactions"], table.filter(usable), rows),
        _house_account(clean, rows),
        days.thin(seen),
        _returned_only(loaded, table.filter(usable), as_of),
    ]
    return clean, [*checks, *(c for c in more if c)]


def _over_all(name: str, rows: int, failing: int, lost: int, action: str) -> dict:
    """Return a check of all rows; what was done is true of those that are not dropped."""
    if lost:
        action = f"{lost:,} dropped for another reason; the others: {action}"
    return check(name, "transactions", rows, failing, action, _limit(name), kind=name)


def _limit(name: str) -> str:
    return "impossible_dates" if name.startswith("dated far") else LIMITED.get(name, "")


def _refuse(loaded: Study, rows: int, unusable: dict[str, int]) -> None:
    """Refuse a table of which too much is unusable."""
    if rows == 0:
        raise StudyError("the transactions table has no rows: expected one row per line sold")
    dropped = sum(unusable.values())
    if dropped > loaded.max_dropped * rows or dropped == rows:
        worst = max(unusable, key=unusable.get)
        raise StudyError(
            f"{dropped:,} of {rows:,} transaction rows cannot be used (most: {unusable[worst]:,} "
            f"with {worst}): mend the source, or raise max_dropped (now {loaded.max_dropped:g})"
        )


def _fit(loaded: Study, as_of: date, first: date, last: date) -> None:
    """Refuse dates of the study that the days of the data do not allow."""
    end = last + timedelta(days=1)
    if as_of > end:
        raise StudyError(
            f"as_of {as_of} lies after the data, whose last row is of {last}: "
            f"expected {end} or an earlier day"
        )
    if first >= as_of:
        raise StudyError(f"no transaction is earlier than as_of {as_of}: the first is of {first}")
    span = (end - first).days
    if loaded.holdout >= span:
        raise StudyError(
            f"the holdout of {loaded.holdout} days is as long as the data, which span {span} days: "
            "expected a part of them; shorten `holdout`"
        )


def _unusable(table: ir.Table, tests: ir.Table | None) -> dict[str, tuple]:
    """Return the conditions under which a row is dropped; a row meets one of them at most."""
    roles = [role for role in ("customer", "time", "amount") if role in table.columns]
    tried = {f"no {role}": table[role].isnull() for role in roles}
    if stretches := days.impossible(days.by_day(table)):
        told = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in stretches[:3])
        tried[f"dated far from all other rows ({told})"] = days.among(table, stretches)
    else:
        tried["dated far from all other rows"] = ibis.literal(False)
    if tests is not None:
        tried["row of a test account"] = table.customer.isin(tests.customer)
    found, before = {}, ibis.literal(False)
    for name, test in tried.items():
        found[name] = (test.fill_null(False) & ~before, "dropped")
        before = before | test.fill_null(False)
    return found


def _dated(loaded: Study, table: ir.Table, as_of: date) -> dict[str, tuple]:
    """Return the conditions under which the date of a row says what it is used for."""
    until = loaded.until(as_of)
    found = {
        f"on or after {as_of}, within the holdout": (
            (table.time >= midnight(as_of)) & (table.time < midnight(until)),
            "never seen by features; judges the segments",
        ),
        f"on or after {until}": (table.time >= midnight(until), "after the holdout, not used"),
    }
    if loaded.history:
        start = as_of - timedelta(days=loaded.history)
        found[f"before {start}"] = (table.time < midnight(start), "older than the history used")
    return found


def _odd_lines(table: ir.Table) -> dict[str, tuple]:
    """Return what is remarkable of single lines; the rows stay."""
    known, found = set(table.columns), {}
    money = "amount" in known
    if TAKEN_BACK & known:
        action = f"{'netted against purchases, ' if money else ''}no order and no visit"
        action = action if money or "product" in known else "not counted as use"
        found["return or cancellation"] = (table.is_return, action)
    if money:
        found["negative amount"] = (table.amount < 0, "a return, netted against purchases")
        found["zero amount"] = (table.amount == 0, "kept, adds no money")
    if {"amount", "quantity"} <= known:
        found["negative quantity with a positive amount"] = (
            (table.quantity < 0) & (table.amount > 0),
            "a return: its amount is counted as negative, and so netted",
        )
    if "quantity" in known:
        priced = ", not used for prices" if {"amount", "product"} <= known else ""
        what = f"more than {activity.MANY_UNITS} units in a line"
        found[what] = (table.quantity > activity.MANY_UNITS, f"kept{priced}")
    if "order" in known and money:
        action = "a return, its amount is counted as negative"
        found["order number of a credit note, such as C before figures"] = (
            table.is_credit_note,
            action,
        )
    if "status" in known:
        action = f"a return{', a positive amount is counted as 0' if money else ''}"
        found["status that says that a line was taken back"] = (table.is_undone, action)
    return found


def _odd_products(table: ir.Table, tables: dict) -> dict[str, tuple]:
    if "product" not in table.columns or "products" not in tables:
        return {}
    known, action = tables["products"], "kept, without category"
    found = {
        "product not in the products table": (
            table.product.notnull() & table.product.notin(known.product), action,
        )
    }  # fmt: skip
    if "level" in known.columns:
        blank = known.filter(known.level.isnull()).product
        found["product without a category"] = (table.product.isin(blank), action)
    return found


def _repeated(table: ir.Table, usable: ir.Table, rows: int) -> dict:
    copies, kept = (
        int(each.count().execute() - each.distinct().count().execute()) for each in (table, usable)
    )
    return _over_all("exact copy of another row", rows, copies, copies - kept, "kept")


def _house_account(clean: ir.Table, rows: int) -> dict:
    sizes = clean.group_by("customer").agg(n=clean.count())
    row = sizes.aggregate(most=sizes.n.max(), n=sizes.count()).execute().iloc[0]
    large = row["most"] > HOUSE_ACCOUNT * rows and row["n"] >= FEWEST
    name = f"rows of one customer with over {HOUSE_ACCOUNT:.0%} of all rows"
    most = row["most"] if large else 0
    return check(name, "transactions", rows, most, "kept: look at it", "house_account")


def _returned_only(loaded: Study, clean: ir.Table, as_of: date) -> dict | None:
    """Return the check for customers of whom nothing but returns is known before the date."""
    if not TAKEN_BACK & set(clean.columns):
        return None
    seen = clean.filter(clean.time < midnight(as_of))
    if loaded.history:
        seen = seen.filter(seen.time >= midnight(as_of - timedelta(days=loaded.history)))
    each = seen.group_by("customer").agg(bought=(~seen.is_return).sum())
    people, n = count(each, {"none": (each.bought == 0,)})
    kind = "customer with returns only"
    action = "left out of the customers: nothing else is known of them"
    return check(f"{kind} before {as_of}", "transactions", people, n["none"], action,
                 of="customers", kind=kind)  # fmt: skip
