"""Transactions: what is dropped, what is netted, what is only said."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from seglib.limits import FEWEST
from seglib.quality import days
from seglib.quality.counting import check, count, either
from seglib.schema import Study
from seglib.study import StudyError
from seglib.tables import midnight

MANY_UNITS = 100  # a line of more units than this is a weight or a volume, not a count
HOUSE_ACCOUNT = 0.1  # one customer with more than this share of all rows is not one customer
LIMITED = {
    "negative amount": "negative_amounts",
    "zero amount": "zero_amounts",
    "product not in the products table": "unknown_products",
}


def transactions(
    loaded: Study, tables: dict, as_of: date, tests: ir.Table | None
) -> tuple[ir.Table, list[dict]]:
    """Return the usable rows, returns as negative amounts, and the checks.

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
    table = tables["transactions"]
    unusable = _unusable(table, tests)
    usable = ~either(test for test, *_ in unusable.values())
    conditions = unusable | {
        name: (test & usable, action)
        for name, (test, action) in _remarkable(loaded, tables, as_of).items()
    }
    rows, counts = count(table, conditions)
    checks = [
        check(name, "transactions", rows, counts[name], action, _limit(name))
        for name, (_, action) in conditions.items()
    ]
    _refuse(loaded, rows, {name: counts[name] for name in unusable})
    clean = _netted(table.filter(usable))
    seen = days.by_day(clean)
    _fit(loaded, as_of, seen.index[0].date(), seen.index[-1].date())
    more = [_repeated(clean, rows), _house_account(clean), days.thin(seen)]
    return clean, [*checks, *(c for c in more if c)]


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


def _remarkable(loaded: Study, tables: dict, as_of: date) -> dict[str, tuple]:
    """Return the conditions that are counted and said; the rows stay."""
    table, until = tables["transactions"], loaded.until(as_of)
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
    return found | _odd_lines(table) | _odd_products(table, tables)


def _odd_lines(table: ir.Table) -> dict[str, tuple]:
    found = {}
    if "amount" in table.columns:
        found["negative amount"] = (table.amount < 0, "a return, netted against purchases")
        found["zero amount"] = (table.amount == 0, "kept: counts as a line, adds no money")
    if "quantity" in table.columns:
        if "amount" in table.columns:
            found["negative quantity with a positive amount"] = (
                _returned(table), "a return: its amount is counted as negative, and so netted",
            )  # fmt: skip
        found[f"more than {MANY_UNITS} units in a line"] = (
            table.quantity > MANY_UNITS,
            "a weight or volume (fuel); kept, not used for prices",
        )
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


def _returned(table: ir.Table) -> ir.BooleanColumn:
    return (table.quantity < 0) & (table.amount > 0)


def _netted(table: ir.Table) -> ir.Table:
    """Return the table with the amounts of returns negative, however the source writes them."""
    if not {"amount", "quantity"} <= set(table.columns):
        return table
    net = ibis.ifelse(_returned(table).fill_null(False), -table.amount, table.amount)
    return table.mutate(amount=net.cast(table.amount.type()))


def _repeated(clean: ir.Table, rows: int) -> dict:
    distinct = clean.distinct().count().execute()
    total = clean.count().execute()
    name = "exact copy of another row"
    return check(name, "transactions", rows, total - distinct, "kept", "copies")


def _house_account(clean: ir.Table) -> dict:
    sizes = clean.group_by("customer").agg(n=clean.count())
    row = sizes.aggregate(most=sizes.n.max(), rows=sizes.n.sum(), n=sizes.count()).execute().iloc[0]
    large = row["most"] > HOUSE_ACCOUNT * row["rows"] and row["n"] >= FEWEST
    name = f"rows of one customer with over {HOUSE_ACCOUNT:.0%} of all rows"
    most = row["most"] if large else 0
    return check(name, "transactions", row["rows"], most, "kept: look at it", "house_account")
