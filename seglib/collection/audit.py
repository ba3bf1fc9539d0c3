"""The audit of a study's tables: what cannot be used is dropped, and everything odd is counted."""

from datetime import date, timedelta
from functools import reduce
from operator import or_

import ibis
import ibis.expr.types as ir
from ibis import _

from seglib import privacy
from seglib.collection import activity, checks, reading
from seglib.collection.checks import Test, by_day, count, counted, result
from seglib.collection.databases import keep, put
from seglib.collection.reading import absent, midnight, row
from seglib.formats import strings
from seglib.layout import Attribute
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
SAMPLE = 1000  # ids that are looked at: enough to see what kind they are
TEXTS = {  # roles of which single values can be left out
    "products": ("level", "group", "brand"),
    "transactions": ("product",),
    "campaigns": ("type",),
}
NAMED = {"campaigns": ("campaign", "arm"), "customers": ("arm",), "survey": ("arm",)}  # cannot be
WHO = {"names of persons", "e-mail addresses"}
TEST = (
    r"^(?:(?:test|tester|testing|demo|dummy|sample|fake|qa|internal|asdf|qwerty|xxx+)"
    r"(?:[ _.-]*(?:user|account|customer|client|kunde|person|order|shop))?|"
    r"(?:user|account|customer|client|kunde)[ _.-]*(?:test|demo|dummy))[ _.-]*[0-9]*(?:@.*)?$"
)
ADDRESS = r"@(?:[a-z0-9-]+[.])*(?:test|example|invalid|localhost|mailinator)(?:[.][a-z]+)*$"


def audit(
    study: Study, tables: dict[str, ir.Table], as_of: date
) -> tuple[dict[str, ir.Table], list[dict]]:
    """Check every table, drop what cannot be used, and stop beyond the study's limits.

    Returned are the tables of `tables.open_tables` without the dropped rows, test accounts and
    personal columns (transactions have `is_return`, and returns are netted in their amounts;
    customers are pseudonyms if the study wants them), and the checks, from `checks.result`. A
    StudyError names all limits at once; or says that nothing is left before `as_of`, or that ids
    name persons.
    """
    privacy.pseudonym_key(study)  # a missing key is said first
    clean, personal = kept_out(tables, study)
    tests, results = test_accounts(tables, study, personal)
    if "transactions" in clean:
        clean["transactions"], odd = _transactions(study, clean, as_of, tests)
        results = odd + results
    for name, table in clean.items():
        if tests is not None and name != "transactions" and "customer" in table.columns:
            clean[name] = table.filter(absent(table.customer, tests.customer))
    for name in ("customers", "survey", "products"):
        if name in clean:
            clean[name], odd = checks.keyed(clean[name], name, study, as_of)
            results += odd
    results += _undescribed(study, clean)
    if "survey" in clean:
        results += checks.careless(clean["survey"], study)
    if "campaigns" in clean:
        results += checks.campaigns(clean)
    results = personal + results + checks.as_written(getattr(tables, "texts", ()))
    checks.stop(study, results)
    return _pseudonymised(clean, study), results


def _transactions(
    study: Study, tables: dict, as_of: date, tests: ir.Table | None
) -> tuple[ir.Table, list[dict]]:
    raw, given = tables["transactions"], study.tables.transactions
    table = activity.mark_returns(raw, given.returned, given.cancelled)
    unusable = _unusable(table, tests)
    usable = ~reduce(or_, (test.condition for test in unusable))
    periods = _periods(study, table, as_of)
    periods = [test._replace(condition=test.condition & usable) for test in periods]
    odd = _odd(table, tables.get("products"))
    lost = [Test(test.name, test.condition & ~usable, test.words) for test in odd]
    results = counted(table, "transactions", [*unusable, *periods, *odd, *lost])
    results, lost = results[: len(results) - len(odd)], results[len(results) - len(odd) :]
    for check, twice in zip(results[len(results) - len(odd) :], lost, strict=True):
        _say_dropped(check, twice["failing"])
    rows = results[0]["rows"]
    _refuse(study, rows, results[: len(unusable)])
    clean = activity.net_returns(table.filter(usable))
    seen = by_day(clean)
    _fit(study, as_of, seen.index[0].date(), seen.index[-1].date())
    sizes = clean.group_by("customer").agg(n=clean.count())
    most = row(sizes, {"n": sizes.n.max(), "customers": sizes.count()})
    large = most["n"] > HOUSE_ACCOUNT * rows and most["customers"] >= FEWEST
    n = most["n"] if large else 0
    large = result("house_account", "transactions", rows, n, share=HOUSE_ACCOUNT)
    results += [_copies(raw, table, usable), large, *checks.thin(seen)]
    results += _returned_only(study, clean, as_of) if TAKEN_BACK & set(raw.columns) else []
    return clean, results


def _say_dropped(check: dict, n: int) -> None:
    if n:
        check["action"] = f"{n:,} dropped for another reason; the others: {check['action']}"


def _unusable(table: ir.Table, tests: ir.Table | None) -> list[Test]:
    roles = [role for role in ("customer", "time", "amount") if role in table.columns]
    tried = [Test("no_role", table[role].isnull(), {"role": role}) for role in roles]
    stretches = checks.impossible(by_day(table))
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
    until, time = study.until(as_of), table.time
    days = {"as_of": as_of, "until": until}
    within = (time >= midnight(as_of)) & (time < midnight(until))
    tests = [Test("holdout", within, days), Test("after_holdout", time >= midnight(until), days)]
    if start := activity.start(study, as_of):
        tests.append(Test("before_history", time < midnight(start), {"start": start}))
    return tests


def _odd(table: ir.Table, goods: ir.Table | None) -> list[Test]:
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


def _returned_only(study: Study, clean: ir.Table, as_of: date) -> list[dict]:
    seen = activity.within(clean, activity.start(study, as_of), as_of)
    each = seen.group_by("customer").agg(bought=(~seen.is_return).sum())
    rows = "returns or cancelled sales" if study.tables.transactions.cancelled else "returns"
    words = {"as_of": as_of, "kept": rows}
    return counted(each, "transactions", [Test("returned_only", each.bought == 0, words)])


def _undescribed(study: Study, tables: dict[str, ir.Table]) -> list[dict]:
    """Return the checks for customers whom another table lacks: buyers, or who answered."""
    lines, people, answers = (tables.get(n) for n in ("transactions", "customers", "survey"))
    buyers = None if lines is None else lines.filter(~lines.is_return)
    whole, case = (people, "customers") if buyers is None else (buyers, "buyers")
    gaps = {
        ("undescribed_buyer", "customers", ""): (buyers, people),
        ("answers_of_nobody", "survey", case): (answers, whole),
    }
    results = []
    for (name, table, case), (whose, where) in gaps.items():
        if whose is not None and where is not None:
            ids = whose.filter(whose.customer.notnull()).select("customer").distinct()
            rows, missing = count(ids, [absent(ids.customer, where.customer)])
            results.append(result(name, table, rows, missing, case=case))
            most = rows if study.privacy.pseudonymise else checks.limit(study, "undescribed") * rows
            if missing == rows > most:  # such a run stops, so no id gets into its files
                one, other = (privacy.masked(f"{t.customer.min().execute()}") for t in (ids, where))
                there = "transactions have" if where is buyers else "the customers table has"
                results[-1]["mend"] = f"such as {one!r}; {there} {other!r}: write ids in one way"
    return results


# --- personal data and test accounts --------------------------------------------------------------


def kept_out(tables: dict[str, ir.Table], study: Study) -> tuple[dict[str, ir.Table], list[dict]]:
    """Return the tables without what points at persons, and a check for each such column."""
    clean, results = dict(tables), []
    for name, table in tables.items():
        if reason := privacy.called(getattr(study.tables, name).source):
            words = {"column": "(its file)", "reason": reason}
            results.append(result("personal_file", name, 1, 1, **words))
        _refuse_names(table, name, study)
    for name in sorted({"customers", "survey"} & {*tables}):
        clean[name], more = _impersonal(tables[name], name, study)
        results += more
    for name, roles in TEXTS.items():
        if name in tables and not (name == "transactions" and "products" in tables):
            for role in roles:
                clean[name], more = _texts(clean[name], name, role, study)
                results += more
    return clean, results


def _refuse_names(table: ir.Table, name: str, study: Study) -> None:
    """Refuse names of columns, ids, and names of campaigns or arms that are of persons."""
    columns = getattr(study.tables, name).columns
    for role, several in columns.model_dump(exclude_none=True).items():
        for column in strings(several):
            if (reason := privacy.called(column)) and column not in study.privacy.keep:
                raise StudyError(
                    f"tables.{name}.columns.{role}: the name of the column holds {reason}, "
                    "which would stand in the pages: rename it, or list it under privacy.keep"
                )
    for role in {"customer", *NAMED.get(name, ())} & set(table.columns):
        column, ids = getattr(columns, role), role == "customer"
        hidden = column in study.privacy.keep or (ids and study.privacy.pseudonymise)
        if hidden or not table[role].type().is_string():
            continue
        values = _values(table[role], SAMPLE)
        named = next(filter(None, map(_named, values)), "")
        if reason := privacy.ids(values, column) if ids else named:
            key = "set privacy.pseudonymise to the name of an environment variable that holds a key"
            raise StudyError(
                f"tables.{name}.columns.{role}: {column!r} holds {reason}, which would stand in "
                f"the files of the run: {key if ids else 'name them otherwise'}, or list the "
                "column under privacy.keep"
            )


def _named(value: str) -> str | None:
    return privacy.within(value) or ("names of persons" if privacy.is_pair(value) else None)


def _values(column: ir.Column, most: int | None = None) -> list:
    table = column.name("value").as_table()
    distinct = table.filter(table.value.notnull()).distinct().order_by("value")
    return (distinct.limit(most) if most else distinct).execute()["value"].tolist()


def _impersonal(table: ir.Table, name: str, study: Study) -> tuple[ir.Table, list[dict]]:
    results, gone = [], []
    for column, about in getattr(study.tables, name).attributes.items():
        kept = (about.column or column) in study.privacy.keep
        if kept or not (reason := _reason(table[column], column, about)):
            continue
        if column in study.segmentation.features:
            raise StudyError(
                f"segmentation.features: {column!r} holds {reason}, which must not form segments: "
                "take it out, or list the column under privacy.keep"
            )
        rows, filled = count(table, [table[column].notnull()])
        words = {"title": privacy.masked(about.label or column), "reason": reason}
        words["column"] = privacy.masked(column)
        results.append(result("personal", name, rows, filled, **words))
        gone.append(column)
    return table.drop(*gone), results


def _reason(values: ir.Column, column: str, about: Attribute) -> str | None:
    """Return why an attribute points at persons: by its name, its label, its levels or values."""
    names = [name for name in (column, about.column, about.label) if name]
    reasons = [*map(privacy.called, [*names, *(about.levels or ())])]
    if not any(reasons) and not about.levels:
        texts = values.execute() if values.type().is_string() else _values(values, SAMPLE)
        reasons = [privacy.personal(texts, name) for name in names]
    return next(filter(None, reasons), None)


def _texts(table: ir.Table, name: str, role: str, study: Study) -> tuple[ir.Table, list[dict]]:
    column = getattr(getattr(study.tables, name).columns, role)
    there = role in table.columns and column not in study.privacy.keep
    if not there or not table[role].type().is_string():
        return table, []
    values, look = _values(table[role]), _named if name == "campaigns" else privacy.within
    bad = {value: reason for value in values if (reason := look(value))}
    if not bad and privacy.personal(values) == "names of persons":
        bad = dict.fromkeys(values, "names of persons")
    if not bad:
        return table, []
    hit = table[role].isin(list(bad))
    words = {"title": f"{role} ({column})" if name == "campaigns" else column, "column": column}
    words["reason"] = ", ".join(sorted(set(bad.values())))
    check = result("personal_values", name, *count(table, [hit]), **words)
    return table.mutate(**{role: hit.ifelse(None, table[role])}), [check]


def test_accounts(
    tables: dict[str, ir.Table], study: Study, personal: list[dict]
) -> tuple[ir.Table | None, list[dict]]:
    """Return the customers that are test accounts, None if there are none, and the check.

    `personal`, from `kept_out`, says which columns hold names and addresses.
    """
    holders = {name: table for name, table in tables.items() if "customer" in table.columns}
    tests = []
    for name in holders.keys() - {"campaigns", "responses"}:
        table = holders[name]
        names = {c["column"] for c in personal if c["table"] == name and c["reason"] in WHO}
        names = {"customer", *(names & set(table.columns))}
        for low in (table[n].lower().strip() for n in names if table[n].type().is_string()):
            hit = reading.fits(low, TEST) | reading.fits(low, ADDRESS)
            tests.append(table.filter(hit).select("customer"))
    rows = people(holders.values()).count().execute()
    hits = _distinct(tests) if tests else None
    n = int(hits.count().execute()) if tests else 0
    place = "customers" if "customers" in tables else next(iter(tables))
    return (hits if n else None), [result("test_account", place, rows, n)]


def people(holders) -> ir.Table:
    """Return the customers of all tables once, as text."""
    return _distinct([each.select(customer=reading.text(each.customer)) for each in holders])


def _distinct(parts: list[ir.Table]) -> ir.Table:
    table = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0].distinct()
    return table.filter(table.customer.notnull())


def _pseudonymised(tables: dict[str, ir.Table], study: Study) -> dict[str, ir.Table]:
    secret, clean = privacy.pseudonym_key(study), dict(tables)
    holders = {name: table for name, table in tables.items() if "customer" in table.columns}
    if secret is None or not holders:
        return clean
    frame = people(holders.values()).order_by("customer").execute()
    frame["pseudonym"] = privacy.pseudonyms(frame["customer"], secret)
    pairs = put(frame, ibis.get_backend(next(iter(holders.values()))))
    for name, table in holders.items():
        joined = table.mutate(customer=reading.text(table.customer)).left_join(pairs, "customer")
        clean[name] = keep(joined.mutate(customer=joined.pseudonym).select(*table.columns))
    return clean
