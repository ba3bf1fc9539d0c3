"""What is wrong with the data: each check counted, each dropped row accounted for."""

from __future__ import annotations

from datetime import date, timedelta

import ibis.expr.types as ir
import pandas as pd
from ibis import literal

from seglib.schema import Study
from seglib.study import StudyError
from seglib.tables import midnight

MANY_UNITS = 100  # a line of more units than this is a weight or a volume, not a count
PERIODS = {  # what is done with a row for its date alone, and how the account of rows says it
    "never seen by features; judges the segments": "in the holdout: judge the segments",
    "after the holdout, not used": "after the holdout: not used",
    "older than the history used": "older than the history: not used",
}
HOUSE_ACCOUNT = 0.1  # one customer with more than this share of all rows is not one customer


def inspect(
    loaded: Study, tables: dict[str, ir.Table], as_of: date
) -> tuple[dict[str, ir.Table], list[dict]]:
    """Check every table, drop what cannot be used, and say how much of what.

    Parameters
    ----------
    loaded
        The study.
    tables
        From `tables.open_tables`.
    as_of
        The cut-off date of the run.

    Returns
    -------
    tables : dict of ibis.Table
        The same tables without the dropped rows.
    checks : list of dict
        One a check: `check`, `table`, `rows` seen, `failing`, `action`, and whether it is only
        about the `period` that a row falls into.

    Raises
    ------
    StudyError
        If more than the study's `max_dropped` of the transactions would be dropped, if none is
        left before `as_of`, or if a table that has one row per customer has more.
    """
    clean, checks = dict(tables), []
    if "transactions" in tables:
        clean["transactions"], checks = _transactions(loaded, tables, as_of)
    for name in ("customers", "survey", "products"):
        if name in tables:
            checks += _keyed(tables[name], name, loaded)
    if "customers" in tables and "transactions" in tables:
        checks.append(_undescribed(clean["transactions"], tables["customers"]))
    if "campaigns" in tables:
        checks += _campaigns(tables)
    return clean, checks


def _check(check: str, table: str, rows: int, failing: int, action: str) -> dict:
    return {
        "check": check,
        "table": table,
        "rows": int(rows),
        "failing": int(failing or 0),
        "action": action,
        "period": action in PERIODS,
    }


def _count(table: ir.Table, conditions: dict[str, tuple]) -> tuple[int, dict[str, int]]:
    """Count rows and, in the same query, the rows that meet each condition."""
    named = {
        f"c{i}": test.fill_null(False).sum() for i, (test, _) in enumerate(conditions.values())
    }
    row = table.aggregate(rows=table.count(), **named).execute().fillna(0).iloc[0]
    counts = [row[f"c{i}"] for i in range(len(conditions))]
    return int(row["rows"]), dict(zip(conditions, map(int, counts), strict=True))


def _transactions(loaded: Study, tables: dict, as_of: date) -> tuple[ir.Table, list[dict]]:
    table = tables["transactions"]
    unusable = _unusable(table)
    usable = ~_any(test for test, _ in unusable.values())
    conditions = unusable | {
        name: (test & usable, action)
        for name, (test, action) in _remarkable(loaded, tables, as_of).items()
    }
    rows, counts = _count(table, conditions)
    checks = [
        _check(name, "transactions", rows, counts[name], action)
        for name, (_, action) in conditions.items()
    ]
    dropped = sum(counts[name] for name in unusable)
    if rows == 0:
        raise StudyError("the transactions table has no rows: expected one row per line sold")
    if dropped > loaded.max_dropped * rows:
        worst = max(unusable, key=counts.get)
        raise StudyError(
            f"{dropped:,} of {rows:,} transaction rows cannot be used (most: {counts[worst]:,} "
            f"with {worst}): mend the source, or raise max_dropped (now {loaded.max_dropped:g})"
        )
    clean = table.filter(usable)
    days = clean.aggregate(first=clean.time.min(), last=clean.time.max()).execute().iloc[0]
    end = days["last"].date() + timedelta(days=1)
    if as_of > end:
        raise StudyError(
            f"as_of {as_of} lies after the data, whose last row is of {days['last']:%Y-%m-%d}: "
            f"expected {end} or an earlier day"
        )
    first = days["first"]
    if first.date() >= as_of:
        raise StudyError(
            f"no transaction is earlier than as_of {as_of}: the first is of {first:%Y-%m-%d}"
        )
    span = (end - first.date()).days
    if loaded.holdout >= span:
        raise StudyError(
            f"the holdout of {loaded.holdout} days is as long as the data, which span {span} days: "
            "expected a part of them; shorten `holdout`"
        )
    return clean, [*checks, _repeated(clean, rows), _house_account(clean)]


def _any(tests) -> ir.BooleanValue:
    result = literal(False)
    for test in tests:
        result = result | test
    return result


def _unusable(table: ir.Table) -> dict[str, tuple]:
    """Return the conditions under which a row is dropped; a row meets one of them at most."""
    roles = [role for role in ("customer", "time", "amount") if role in table.columns]
    found, before = {}, literal(False)
    for role in roles:
        lacking = table[role].isnull()
        found[f"no {role}"] = (lacking & ~before, "dropped")
        before = before | lacking
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
    if "amount" in table.columns:
        found["negative amount"] = (table.amount < 0, "a return, netted against purchases")
        found["zero amount"] = (table.amount == 0, "kept: counts as a line, adds no money")
    if "quantity" in table.columns:
        found[f"more than {MANY_UNITS} units in a line"] = (
            table.quantity > MANY_UNITS,
            "a weight or volume (fuel); kept, not used for prices",
        )
    if "product" in table.columns and "products" in tables:
        known = tables["products"]
        found["product not in the products table"] = (
            table.product.notnull() & table.product.notin(known.product),
            "kept, without category",
        )
        if "level" in known.columns:
            blank = known.filter(known.level.isnull()).product
            found["product without a category"] = (
                table.product.isin(blank),
                "kept, without category",
            )
    return found


def _repeated(clean: ir.Table, rows: int) -> dict:
    distinct = clean.distinct().count().execute()
    total = clean.count().execute()
    return _check("exact copy of another row", "transactions", rows, total - distinct, "kept")


def _house_account(clean: ir.Table) -> dict:
    sizes = clean.group_by("customer").agg(n=clean.count())
    row = sizes.aggregate(most=sizes.n.max(), rows=sizes.n.sum()).execute().iloc[0]
    large = row["most"] > HOUSE_ACCOUNT * row["rows"]
    name = f"rows of one customer with over {HOUSE_ACCOUNT:.0%} of all rows"
    return _check(
        name, "transactions", row["rows"], row["most"] if large else 0, "kept: look at it"
    )


def _keyed(table: ir.Table, name: str, loaded: Study) -> list[dict]:
    key = "product" if name == "products" else "customer"
    rows, counts = _count(table, {"no key": (table[key].isnull(), "")})
    repeated = rows - counts["no key"] - table[key].nunique().execute()
    if repeated:
        raise StudyError(
            f"the {name} table has {repeated:,} rows more than it has values of {key!r}: "
            "expected one row each; remove the copies"
        )
    checks = [_check(f"no {key}", name, rows, counts["no key"], "dropped")]
    attributes = getattr(loaded.tables, name).attributes
    for column, attribute in attributes.items():
        if attribute.levels:
            odd = table[column].notnull() & table[column].cast("string").notin(attribute.levels)
            _, n = _count(table, {"odd": (odd, "")})
            text = f"{attribute.label or column} is none of the listed levels"
            checks.append(_check(text, name, rows, n["odd"], "treated as missing"))
        if attribute.bounds:
            odd = ~table[column].between(*attribute.bounds)
            _, n = _count(table, {"odd": (odd, "")})
            low, high = attribute.bounds
            text = f"{attribute.label or column} is outside {low:g} to {high:g}"
            checks.append(_check(text, name, rows, n["odd"], "treated as missing"))
        _, n = _count(table, {"gap": (table[column].isnull(), "")})
        text = f"{attribute.label or column} is missing"
        checks.append(_check(text, name, rows, n["gap"], "stays missing"))
    return checks


def _undescribed(transactions: ir.Table, customers: ir.Table) -> dict:
    buyers = transactions.select("customer").distinct()
    row = buyers.aggregate(
        rows=buyers.count(), missing=buyers.customer.notin(customers.customer).sum()
    )
    n = row.execute().iloc[0]
    text = "buyer without a row in the customers table"
    return _check(text, "customers", n["rows"], n["missing"], "kept; those attributes stay missing")


def _campaigns(tables: dict) -> list[dict]:
    campaigns, checks = tables["campaigns"], []
    if "transactions" in tables:
        stranger = campaigns.customer.notin(tables["transactions"].customer)
        rows, n = _count(campaigns, {"stranger": (stranger, "")})
        checks.append(
            _check("addressed, never bought", "campaigns", rows, n["stranger"], "not used")
        )
    if "arm" in campaigns.columns:
        arms = campaigns.group_by("customer", "campaign").agg(arms=campaigns.arm.nunique())
        rows, n = _count(arms, {"several": (arms.arms > 1, "")})
        text = "customer in several arms of a campaign"
        checks.append(_check(text, "campaigns", rows, n["several"], "counts in none"))
    if "responses" not in tables:
        return checks
    responses = tables["responses"]
    sent = campaigns.group_by("customer", "campaign").agg(start=campaigns.start.min())
    joined = responses.left_join(sent, ["customer", "campaign"])
    rows, n = _count(
        joined,
        {
            "unsent": (joined.start.isnull(), "not counted as a conversion"),
            "early": (joined.time < joined.start, "not counted as a conversion"),
        },
    )
    return [
        *checks,
        _check(
            "response to a campaign not sent to that customer",
            "responses",
            rows,
            n["unsent"],
            "not counted as a conversion",
        ),
        _check(
            "response before its campaign began",
            "responses",
            rows,
            n["early"],
            "not counted as a conversion",
        ),
    ]


def account(checks: list[dict]) -> pd.DataFrame:
    """Return what became of the rows of transactions: one line each, adding up to all of them."""
    about = [c for c in checks if c["table"] == "transactions"]
    rows = about[0]["rows"]
    kinds = {"dropped": "dropped, see above"} | PERIODS
    counts = {
        text: n
        for action, text in kinds.items()
        if (n := sum(c["failing"] for c in about if c["action"] == action))
    }
    counts = {"before the cut-off date: make the features": rows - sum(counts.values())} | counts
    frame = pd.DataFrame({"rows": counts | {"all rows": rows}})
    return frame.assign(share=frame["rows"] / max(rows, 1))
