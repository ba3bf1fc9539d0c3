"""Who must not be known, and who is nobody: personal columns kept out, test accounts dropped."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from seglib import privacy
from seglib.collection import reading
from seglib.collection.checks import count, result
from seglib.collection.databases import keep, put
from seglib.formats import strings
from seglib.layout import Attribute
from seglib.study import Study, StudyError

SAMPLE = 1000  # ids that are looked at: enough to see what kind they are
TEXTS = {
    "products": ("level", "group", "brand"),
    "transactions": ("product",),
    "campaigns": ("type",),
}
"""Roles of which single values can be left out; of transactions without a table of products."""
NAMED = {"campaigns": ("campaign", "arm"), "customers": ("arm",), "survey": ("arm",)}
"""Roles whose values stand in reports as they are and cannot be left out."""
WHO = {"names of persons", "e-mail addresses"}
TEST = (
    r"^(?:(?:test|tester|testing|demo|dummy|sample|fake|qa|internal|asdf|qwerty|xxx+)"
    r"(?:[ _.-]*(?:user|account|customer|client|kunde|person|order|shop))?|"
    r"(?:user|account|customer|client|kunde)[ _.-]*(?:test|demo|dummy))[ _.-]*[0-9]*(?:@.*)?$"
)
ADDRESS = (
    r"@(?:[a-z0-9-]+[.])*(?:test|example|invalid|localhost|mailinator|internal)(?:[.][a-z]+)*$"
)


def test_accounts(
    tables: dict[str, ir.Table], study: Study, personal: list[dict]
) -> tuple[ir.Table | None, list[dict]]:
    """Return the customers that are test accounts, None if there are none, and the check.

    Their id, name or e-mail address is nothing but `test`, `demo`, `dummy` and the like, with or
    without a number, or the address is of a domain for tests. Other columns are not looked at: a
    plan may be called demo. `personal`, from `kept_out`, says which hold names and addresses.
    """
    holders = {name: table for name, table in tables.items() if "customer" in table.columns}
    if not holders:
        return None, []
    tests = [
        table.filter(reading.fits(low, TEST) | reading.fits(low, ADDRESS)).select("customer")
        for name, table in holders.items()
        if name not in {"campaigns", "responses"}
        for low in _calling(table, name, study, personal)
    ]
    rows = _people(holders.values()).count().execute()
    people = _distinct(tests) if tests else None
    n = int(people.count().execute()) if tests else 0
    place = "customers" if "customers" in tables else next(iter(tables))
    return (people if n else None), [result("test_account", place, rows, n)]


def _calling(table: ir.Table, name: str, study: Study, personal: list[dict]) -> list[ir.Column]:
    """Return the columns of text by which a table calls its customers, in small letters."""
    columns = {c["column"] for c in personal if c["table"] == name and c["reason"] in WHO}
    attributes = getattr(study.tables, name).attributes.items()
    columns |= {c for c, about in attributes if (about.column or c) in study.privacy.keep}
    names = ["customer", *sorted(columns & set(table.columns))]
    return [table[n].lower().strip() for n in names if table[n].type().is_string()]


def _people(holders) -> ir.Table:
    """Return the customers of all tables once, as text."""
    return _distinct([each.select(customer=reading.text(each.customer)) for each in holders])


def _distinct(parts: list[ir.Table]) -> ir.Table:
    table = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0].distinct()
    return table.filter(table.customer.notnull())


def without(table: ir.Table, tests: ir.Table | None) -> ir.Table:
    """Return a table without the rows of test accounts."""
    if tests is None or "customer" not in table.columns:
        return table
    return table.filter(reading.absent(table.customer, tests.customer))


# --- personal data --------------------------------------------------------------------------------


def kept_out(tables: dict[str, ir.Table], study: Study) -> tuple[dict[str, ir.Table], list[dict]]:
    """Return the tables without what points at persons, and a check for each such column.

    Attributes of customers and answers are left out whole; a column of products loses the values
    in question, or all if it holds names of persons. Ids, names of campaigns and columns that form
    segments are refused unless the study says under `privacy` what to do.
    """
    clean, checks = dict(tables), []
    for name, table in tables.items():
        if reason := privacy.called(getattr(study.tables, name).source):
            words = {"column": "(its file)", "reason": reason}
            checks.append(result("personal_file", name, 1, 1, **words))
        _refuse_names(table, name, study)
    for name in [name for name in ("customers", "survey") if name in tables]:
        clean[name], more = _attributes(tables[name], name, study)
        checks += more
    for name, roles in TEXTS.items():
        if name in tables and not (name == "transactions" and "products" in tables):
            for role in roles:
                clean[name], more = _texts(clean[name], name, role, study)
                checks += more
    return clean, checks


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
    """Return what in the name of a campaign, its type or an arm points at a person."""
    return privacy.within(value) or ("names of persons" if privacy.is_pair(value) else None)


def _values(column: ir.Column, most: int | None = None) -> list:
    """Return the distinct values of a column in order."""
    table = column.name("value").as_table()
    distinct = table.filter(table.value.notnull()).distinct().order_by("value")
    return (distinct.limit(most) if most else distinct).execute()["value"].tolist()


def _attributes(table: ir.Table, name: str, study: Study) -> tuple[ir.Table, list[dict]]:
    checks, gone = [], []
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
        checks.append(result("personal", name, rows, filled, **words))
        gone.append(column)
    return table.drop(*gone), checks


def _reason(values: ir.Column, column: str, about: Attribute) -> str | None:
    """Return why an attribute points at persons: by its name, its label, its levels or values."""
    names = [*filter(None, (column, about.column, about.label))]
    if reason := next(filter(None, map(privacy.called, [*names, *(about.levels or ())])), None):
        return reason
    if about.levels:
        return None
    texts = values.execute() if values.type().is_string() else _values(values, SAMPLE)
    reasons = (privacy.personal(texts, name) for name in (column, about.label) if name)
    return next(filter(None, reasons), None)


def _texts(table: ir.Table, name: str, role: str, study: Study) -> tuple[ir.Table, list[dict]]:
    """Return a table without values of a role that point at persons, and the check."""
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


# --- pseudonyms -----------------------------------------------------------------------------------


def pseudonymised(tables: dict[str, ir.Table], study: Study) -> dict[str, ir.Table]:
    """Return the tables, kept on their engine, with pseudonyms if the study wants them."""
    secret, clean = privacy.pseudonym_key(study), dict(tables)
    holders = {name: table for name, table in tables.items() if "customer" in table.columns}
    if secret is None or not holders:
        return clean
    frame = _people(holders.values()).order_by("customer").execute()
    frame["pseudonym"] = privacy.pseudonyms(frame["customer"], secret)
    pairs = put(frame, ibis.get_backend(next(iter(holders.values()))))
    for name, table in holders.items():
        joined = table.mutate(customer=reading.text(table.customer)).left_join(pairs, "customer")
        clean[name] = keep(joined.mutate(customer=joined.pseudonym).select(*table.columns))
    return clean
