"""The audit of a study's tables: what cannot be used is dropped, and everything odd is counted."""

from __future__ import annotations

from datetime import date, timedelta
from functools import reduce
from operator import or_

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis import _

from seglib import privacy
from seglib.collection import activity, records
from seglib.collection.checks import Test, count, counted, result, stop
from seglib.collection.databases import keep, put
from seglib.collection.reading import SIGN, absent, row, text, trimmed
from seglib.collection.tables import EXACT, midnight
from seglib.study import FEWEST, Study, StudyError

HOUSE_ACCOUNT = 0.1  # one customer with more than this share of all rows is not one customer
TAKEN_BACK = {"amount", "quantity", "status"}  # roles of which one at least tells returns
ODD_LINES = {  # checks of single lines of transactions: the roles that they need, the condition
    "returned": (set(), _.is_return & ~_.is_cancelled),
    "negative_amount": ({"amount"}, _.amount < 0),
    "zero_amount": ({"amount"}, _.amount == 0),
    "negative_quantity": ({"amount", "quantity"}, (_.quantity < 0) & (_.amount > 0)),
    "many_units": ({"quantity"}, _.quantity > activity.MANY_UNITS),
    "credit_note": ({"amount", "order"}, _.is_credit_note),
    "undone": ({"status"}, _.is_undone),
    "cancelled": ({"status"}, _.is_cancelled),
}
APART = 365  # days without a row on both sides of which dates do not belong together
STRAY = 0.01  # share of all rows below which what lies apart is a mistake
# Days that programs write for none: nobody's only day of business.
DEFAULTS = {"1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "1904-01-01"}
LAST, WEEKS = 7, 8  # last days to look at, and weeks before them that say what is usual
THIN = 0.5  # of what is usual on that day of the week
CHANCE = 4  # standard deviations below which a lack is chance
BUSY = 10  # rows on a usual day below which nothing can be said
ZONE = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}:?\d{0,2})$"
CLOCK = r"\d{1,2}:\d{2}"
PLAIN = r"^[-+]?[\d.,\s]*$"  # a number without a currency, which is quicker to see


def audit(
    study: Study, tables: dict[str, ir.Table], as_of: date
) -> tuple[dict[str, ir.Table], list[dict]]:
    """Check every table, drop what cannot be used, and stop beyond the study's limits.

    Parameters
    ----------
    study
    tables
        From `tables.open_tables`.
    as_of
        The cut-off date of the run.

    Returns
    -------
    tables : dict of ibis.Table
        The same tables without the dropped rows, test accounts and personal columns; transactions
        have `is_return`, and returns are netted in their amounts; customers are pseudonyms if the
        study wants them.
    checks : list of dict
        From `checks.result`.

    Raises
    ------
    StudyError
        If a check is beyond its limit, more than the study's `max_dropped` of the transactions
        would be dropped, none is left before `as_of`, a table that has one row per customer has
        more, or ids name persons and the study does not say what to do.
    """
    privacy.pseudonym_key(study)  # a missing key is said first
    clean, personal = records.kept_out(tables, study)
    tests, checks = records.test_accounts(tables, study, personal)
    if "transactions" in clean:
        clean["transactions"], odd = _transactions(study, clean, as_of, tests)
        checks = odd + checks
    for name, table in clean.items():
        if tests is not None and name != "transactions" and "customer" in table.columns:
            clean[name] = table.filter(absent(table.customer, tests.customer))
    for name in ("customers", "survey", "products"):
        if name in clean:
            clean[name], odd = records.keyed(clean[name], name, study, as_of)
            checks += odd
    checks += records.undescribed(clean)
    if "survey" in clean:
        checks += records.careless(clean["survey"], study)
    if "campaigns" in clean:
        checks += _campaigns(clean)
    checks = personal + checks + as_written(getattr(tables, "texts", ()))
    stop(study, checks)
    return _pseudonymised(clean, study), checks


# --- transactions ---------------------------------------------------------------------------------


def _transactions(
    study: Study, tables: dict, as_of: date, tests: ir.Table | None
) -> tuple[ir.Table, list[dict]]:
    """Return the usable rows, the returns among them marked and netted, and the checks."""
    raw, given = tables["transactions"], study.tables.transactions
    table = activity.mark_returns(raw, given.returned, given.cancelled)
    unusable = _unusable(table, tests)
    usable = ~reduce(or_, (test.condition for test in unusable))
    periods = _periods(study, table, as_of)
    periods = [test._replace(condition=test.condition & usable) for test in periods]
    odd = _odd(table, tables.get("products"))
    lost = [Test(test.name, test.condition & ~usable, test.words) for test in odd]
    checks = counted(table, "transactions", [*unusable, *periods, *odd, *lost])
    checks, lost = checks[: len(checks) - len(odd)], checks[len(checks) - len(odd) :]
    for check, twice in zip(checks[len(checks) - len(odd) :], lost, strict=True):
        _say_dropped(check, twice["failing"])
    rows = checks[0]["rows"]
    _refuse(study, rows, checks[: len(unusable)])
    clean = activity.net_returns(table.filter(usable))
    seen = by_day(clean)
    _fit(study, as_of, seen.index[0].date(), seen.index[-1].date())
    checks += [_copies(raw, table, usable), _house_account(clean, rows), *thin(seen)]
    checks += _returned_only(study, clean, as_of) if TAKEN_BACK & set(raw.columns) else []
    return clean, checks


def _say_dropped(check: dict, n: int) -> None:
    """Say of the rows of a check that some are dropped for another reason."""
    if n:
        check["action"] = f"{n:,} dropped for another reason; the others: {check['action']}"


def _unusable(table: ir.Table, tests: ir.Table | None) -> list[Test]:
    """Return the conditions under which a row is dropped; a row meets one of them at most."""
    roles = [role for role in ("customer", "time", "amount") if role in table.columns]
    tried = [Test("no_role", table[role].isnull(), {"role": role}) for role in roles]
    stretches = impossible(by_day(table))
    days = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in stretches[:3])
    stray = [
        (table.time >= midnight(first)) & (table.time < midnight(last + timedelta(days=1)))
        for first, last in stretches
    ]
    words = {"days": f" ({days})" if days else ""}
    tried.append(Test("stray_dates", reduce(or_, stray, ibis.literal(False)), words))
    if tests is not None:
        tried.append(Test("test_row", table.customer.isin(tests.customer)))
    apart, before = [], ibis.literal(False)
    for test in tried:
        own = test.condition.fill_null(False)
        apart.append(test._replace(condition=own & ~before))
        before = before | own
    return apart


def _periods(study: Study, table: ir.Table, as_of: date) -> list[Test]:
    """Return the conditions under which the date of a row says what it is used for."""
    until, time = study.until(as_of), table.time
    days = {"as_of": as_of, "until": until}
    within = (time >= midnight(as_of)) & (time < midnight(until))
    tests = [Test("holdout", within, days), Test("after_holdout", time >= midnight(until), days)]
    if study.history:
        start = as_of - timedelta(days=study.history)
        tests.append(Test("before_history", time < midnight(start), {"start": start}))
    return tests


def _odd(table: ir.Table, goods: ir.Table | None) -> list[Test]:
    """Return what is remarkable of single lines; the rows stay."""
    roles = set(table.columns)
    case = "money" if "amount" in roles else "goods" if "product" in roles else "use"
    words = {"case": case, "units": activity.MANY_UNITS}
    tests = [
        Test(name, *table.bind(condition), words)
        for name, (needs, condition) in ODD_LINES.items()
        if needs <= roles and (needs or TAKEN_BACK & roles)
    ]
    if goods is not None and "product" in roles:
        unknown = table.product.notnull() & absent(table.product, goods.product)
        tests.append(Test("unknown_product", unknown))
        if "level" in goods.columns:
            blank = goods.filter(goods.level.isnull()).product
            tests.append(Test("no_category", table.product.isin(blank)))
    return tests


def _refuse(study: Study, rows: int, unusable: list[dict]) -> None:
    """Refuse a table of which too much is unusable."""
    if rows == 0:
        raise StudyError("the transactions table has no rows: expected one row per line sold")
    dropped = sum(check["failing"] for check in unusable)
    if dropped > study.max_dropped * rows or dropped == rows:
        worst = max(unusable, key=lambda check: check["failing"])
        raise StudyError(
            f"{dropped:,} of {rows:,} transaction rows cannot be used (most: "
            f"{worst['failing']:,} with {worst['check']}): mend the source, or raise max_dropped "
            f"(now {study.max_dropped:g})"
        )


def _fit(study: Study, as_of: date, first: date, last: date) -> None:
    """Refuse dates of the study that the days of the data do not allow."""
    end = last + timedelta(days=1)
    span = (end - first).days
    if as_of > end:
        raise StudyError(
            f"as_of {as_of} lies after the data, whose last row is of {last}: "
            f"expected {end} or an earlier day"
        )
    if first >= as_of:
        raise StudyError(f"no transaction is earlier than as_of {as_of}: the first is of {first}")
    if study.holdout >= span:
        raise StudyError(
            f"the holdout of {study.holdout} days is as long as the data, which span {span} days: "
            "expected a part of them; shorten `holdout`"
        )


def _copies(raw: ir.Table, table: ir.Table, usable: ir.BooleanValue) -> dict:
    same = table.mutate(usable=usable).group_by(*raw.columns)
    same = same.agg(n=_.count(), kept=_.usable.sum())
    extra = {"all": (same.n - 1).sum(), "kept": ibis.greatest(same.kept - 1, 0).sum()}
    n = row(same, extra | {"rows": same.n.sum()})
    check = result("copy", "transactions", n["rows"], n["all"])
    _say_dropped(check, int(n["all"] - n["kept"]))
    return check


def _house_account(clean: ir.Table, rows: int) -> dict:
    sizes = clean.group_by("customer").agg(n=clean.count())
    matches = row(sizes, {"most": sizes.n.max(), "customers": sizes.count()})
    large = matches["most"] > HOUSE_ACCOUNT * rows and matches["customers"] >= FEWEST
    n = matches["most"] if large else 0
    return result("house_account", "transactions", rows, n, share=HOUSE_ACCOUNT)


def _returned_only(study: Study, clean: ir.Table, as_of: date) -> list[dict]:
    """Return the check for customers of whom nothing but returns is known before the date."""
    seen = activity.within(clean, study.history and as_of - timedelta(days=study.history), as_of)
    each = seen.group_by("customer").agg(bought=(~seen.is_return).sum())
    rows = "returns or cancelled sales" if study.tables.transactions.cancelled else "returns"
    words = {"as_of": as_of, "kept": rows}
    return counted(each, "transactions", [Test("returned_only", each.bought == 0, words)])


# --- days on which rows lie -----------------------------------------------------------------------


def by_day(table: ir.Table) -> pd.Series:
    """Return how many rows each day has, days without any left out."""
    days = table.filter(table.time.notnull()).mutate(day=table.time.truncate("D"))
    rows = days.group_by("day").agg(n=days.count()).order_by("day").execute()
    return pd.Series(rows["n"].to_numpy(), pd.DatetimeIndex(rows["day"]), name="rows")


def impossible(days: pd.Series) -> list[tuple[date, date]]:
    """Return the stretches of days, first and last, that lie far from the data.

    Days are taken together until more than a year passes without a row. The stretch with most
    rows is the data; others with under one row in a hundred, and those that are one day which
    programs write for none, are mistakes.
    """
    block = np.cumsum(np.diff(days.index, prepend=days.index[:1]) > pd.Timedelta(days=APART))
    sizes, stretches = days.groupby(block).sum(), []
    for one, size in sizes.items():
        own = days.index[block == one]
        default = len(own) == 1 and f"{own[0]:%Y-%m-%d}" in DEFAULTS
        if (one != sizes.idxmax() and size < STRAY * sizes.sum()) or (default and len(sizes) > 1):
            stretches.append((own[0].date(), own[-1].date()))
    return stretches


def thin(days: pd.Series) -> list[dict]:
    """Return the check for an incomplete end; none where what is usual is not known.

    Counted are the last days, up to the very last, that have less than half the rows that are
    usual on their day of the week (the median of eight weeks), if together they lack more than
    chance takes away: four standard deviations, by the median absolute deviation of those weeks.
    """
    if days.empty or (days.index[-1] - days.index[0]).days + 1 < LAST + 7 * WEEKS:
        return []
    whole = days.reindex(pd.date_range(days.index[0], days.index[-1]), fill_value=0)
    seen = whole.to_numpy(float)[-(LAST + 7 * WEEKS) :].reshape(WEEKS + 1, 7)
    usual, last = np.median(seen[:-1], axis=0), seen[-1]
    low = (last < THIN * usual) & (usual >= BUSY)
    run = int(np.cumprod(low[::-1]).sum())
    spread = max(1.4826 * np.median(np.abs(seen[:-1] - usual)), np.sqrt(usual.mean()))
    lacking = (usual - last)[LAST - run :].sum()
    run = run if lacking > CHANCE * spread * np.sqrt(max(run, 1)) else 0
    return [result("thin_end", "transactions", LAST, run, share=THIN)]


# --- campaigns, and how text is written -----------------------------------------------------------


def _campaigns(tables: dict[str, ir.Table]) -> list[dict]:
    """Return the checks of campaigns and responses."""
    sent, checks = tables["campaigns"], []
    if "transactions" in tables:
        buyers = activity.without_returns(tables["transactions"]).customer
        checks += counted(sent, "campaigns", [Test("never_bought", absent(sent.customer, buyers))])
    if "arm" in sent.columns:
        arms = sent.group_by("customer", "campaign").agg(arms=sent.arm.nunique())
        checks += counted(arms, "campaigns", [Test("several_arms", arms.arms > 1)])
    if "responses" in tables:
        starts = sent.group_by("customer", "campaign").agg(start=sent.start.min())
        joined = tables["responses"].left_join(starts, ["customer", "campaign"])
        unsent, early = joined.start.isnull(), joined.time < joined.start
        checks += counted(joined, "responses", [Test("not_sent", unsent), Test("too_early", early)])
    return checks


def as_written(texts) -> list[dict]:
    """Return the checks of currencies in numbers, and of times with and without zones."""
    checks = []
    for name, table, columns in texts:
        for role, column in columns:
            text = trimmed(table[column])
            if role in EXACT:
                checks += _currencies(name, role, text)
                continue
            clock, zone = text.re_search(CLOCK), text.re_search(ZONE)
            _rows, filled, clocks, zones = count(table, [text.notnull(), clock, zone])
            mixed = min(zones, clocks - zones)
            checks.append(result("mixed_zones", name, filled, mixed, role=role))
    return checks


def _currencies(name: str, role: str, text: ir.StringColumn) -> list[dict]:
    """Return the checks of the currencies that stand in an amount, each with what it is of."""
    odd = text.re_search(PLAIN).ifelse("", text.upper().re_extract(SIGN, 1))
    counts = odd.name("sign").as_table().group_by("sign").agg(n=_.count()).order_by("sign")
    counts = counts.execute().set_index("sign")["n"]
    filled, signs = counts[counts.index.notna()].sum(), counts.drop("", errors="ignore")
    signs = signs[signs.index.notna()]
    others = signs.sum() - signs.max() if len(signs) else 0
    shown = f" ({', '.join(signs.index[:5])})" if len(signs) else ""
    return [
        result("currency", name, filled, signs.sum(), role=role, signs=shown),
        result("other_currency", name, filled, others, role=role, signs=shown if others else ""),
    ]


# --- pseudonyms -----------------------------------------------------------------------------------


def _pseudonymised(tables: dict[str, ir.Table], study: Study) -> dict[str, ir.Table]:
    """Return the tables, kept on their engine, with pseudonyms if the study wants them."""
    secret, clean = privacy.pseudonym_key(study), dict(tables)
    holders = {name: table for name, table in tables.items() if "customer" in table.columns}
    if secret is None or not holders:
        return clean
    frame = records.people(holders.values()).order_by("customer").execute()
    frame["pseudonym"] = privacy.pseudonyms(frame["customer"], secret)
    pairs = put(frame, ibis.get_backend(next(iter(holders.values()))))
    for name, table in holders.items():
        joined = table.mutate(customer=text(table.customer)).left_join(pairs, "customer")
        clean[name] = keep(joined.mutate(customer=joined.pseudonym).select(*table.columns))
    return clean
