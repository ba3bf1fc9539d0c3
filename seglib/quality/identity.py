"""Who must not be known, and who is nobody: personal columns kept out, test accounts dropped."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from seglib import privacy
from seglib.collection import reading
from seglib.collection.databases import keep, plain
from seglib.layout import Attribute
from seglib.quality.counting import check, count
from seglib.study import Study, StudyError

SAMPLE = 1000  # ids that are looked at: enough to see what kind they are
TEXTS = {
    "products": ("level", "group", "brand"), "transactions": ("product",), "campaigns": ("type",),
}  # fmt: skip
NAMED = {"campaigns": ("campaign", "arm"), "customers": ("arm",), "survey": ("arm",)}
"""Roles whose values stand in reports as they are and cannot be left out."""
WHO = {"names of persons", "e-mail addresses"}
TEST = (
    r"^(?:(?:test|tester|testing|demo|dummy|sample|fake|qa|internal|asdf|qwerty|xxx+)"
    r"(?:[ _.-]*(?:user|account|customer|client|kunde|person|order|shop))?|"
    r"(?:user|account|customer|client|kunde)[ _.-]*(?:test|demo|dummy))[ _.-]*[0-9]*"
)
DOMAINS = r"(?:test|example|invalid|localhost|mailinator|internal)(?:[.][a-z]+)*$"


def nobody(
    tables: dict[str, ir.Table], loaded: Study, personal: list[dict]
) -> tuple[ir.Table | None, list[dict]]:
    """Return the customers that are test accounts, and the check.

    Their id, name or e-mail address is nothing but `test`, `demo`, `dummy` and the like, with or
    without a number, or the address is of such a name or of a domain for tests. Other columns are
    not looked at: a plan may be called demo.

    Parameters
    ----------
    tables, loaded
        As of `inspect`, with the personal columns.
    personal
        The checks from `kept_out`: which columns hold names and addresses.

    Returns
    -------
    customers : ibis.Table or None
        One column `customer`; None if there are none.
    checks : list of dict
    """
    found, holders = [], [t for t in tables.values() if "customer" in t.columns]
    if not holders:
        return None, []
    for name, table in tables.items():
        if "customer" not in table.columns or name in {"campaigns", "responses"}:
            continue
        given = {c["column"] for c in personal if c["table"] == name and c["reason"] in WHO}
        given |= {
            c for c, a in getattr(loaded.tables, name).attributes.items()
            if (a.column or c) in loaded.privacy.keep
        }  # fmt: skip
        for column in ["customer", *sorted(given & set(table.columns))]:
            if table[column].type().is_string():
                found.append(table.filter(_is_test(table[column])).select("customer"))
    everyone = _distinct(
        [table.select(customer=table.customer.cast("string")) for table in holders]
    )
    rows = int(everyone.count().execute())
    tests = _distinct(found) if found else None
    n = int(tests.count().execute()) if found else 0
    what = "test account (an id, name or e-mail address such as test, demo or dummy)"
    one = check(what, "customers" if "customers" in tables else next(iter(tables)), rows, n,
                "left out of every table", "test_accounts", of="customers")  # fmt: skip
    return (tests if n else None), [one]


def _distinct(parts: list[ir.Table]) -> ir.Table:
    table = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0].distinct()
    return table.filter(table.customer.notnull())


def _is_test(values: ir.StringColumn) -> ir.BooleanColumn:
    low = values.lower().strip()
    named = low.re_extract(f"{TEST}(?:@.*)?$", 0).fill_null("") != ""
    return named | (low.re_extract(rf"@(?:[a-z0-9-]+[.])*{DOMAINS}", 0).fill_null("") != "")


def without(table: ir.Table, tests: ir.Table | None) -> ir.Table:
    """Return a table without the rows of test accounts."""
    if tests is None or "customer" not in table.columns:
        return table
    return table.filter(table.customer.isnull() | table.customer.notin(tests.customer))


def kept_out(tables: dict[str, ir.Table], loaded: Study) -> tuple[dict[str, ir.Table], list[dict]]:
    """Return the tables without what points at persons, and a check for each such column.

    Attributes of customers and answers are left out whole; a column of products loses the values
    in question, or all of them if it holds names of persons.

    Raises
    ------
    StudyError
        If the ids of customers or the names of campaigns point at persons, or a column that forms
        the segments does, and the study does not say under `privacy` what to do.
    """
    clean, checks = dict(tables), [*_files(tables, loaded)]
    _refuse_ids(tables, loaded)
    for name in ("customers", "survey"):
        if name in tables:
            clean[name], found = _attributes(tables[name], name, loaded)
            checks += found
    for name, roles in TEXTS.items():
        if name in tables and not (name == "transactions" and "products" in tables):
            for role in roles:
                clean[name], found = _products(clean[name], name, role, loaded)
                checks += found
    return clean, checks


def _refuse_ids(tables: dict[str, ir.Table], loaded: Study) -> None:
    for name, table in tables.items():
        columns = getattr(loaded.tables, name).columns
        for role, column in columns.model_dump(exclude_none=True).items():
            for one in column if isinstance(column, list) else [column]:
                if (reason := privacy.called(one)) and one not in loaded.privacy.keep:
                    raise StudyError(
                        f"tables.{name}.columns.{role}: the name of the column holds {reason}, "
                        "which would stand in the pages: rename it, or list it under privacy.keep"
                    )
        for role in {"customer", *NAMED.get(name, ())} & set(table.columns):
            if table[role].type().is_string():
                _refuse_values(table, name, role, getattr(columns, role), loaded)


def _refuse_values(table: ir.Table, name: str, role: str, column: str, loaded: Study) -> None:
    """Refuse ids and names of campaigns or arms that are of persons."""
    ids = role == "customer"
    if column in loaded.privacy.keep or (ids and loaded.privacy.pseudonymise):
        return
    values = _values(table[role], SAMPLE)
    reason = privacy.mostly(values, column) if ids else next(filter(None, map(_named, values)), "")
    if reason:
        hide = (
            "set privacy.pseudonymise to the name of an environment variable that holds a key"
            if ids
            else "name them otherwise"
        )
        raise StudyError(
            f"tables.{name}.columns.{role}: {column!r} holds {reason}, which would stand in the "
            f"files of the run: {hide}, or list the column under privacy.keep"
        )


def _named(value: str) -> str | None:
    """Return what in the name of a campaign, its type or an arm points at a person."""
    return privacy.within(value) or ("names of persons" if privacy.is_pair(value) else None)


def _files(tables: dict[str, ir.Table], loaded: Study) -> list[dict]:
    """Return a check for each file whose name points at persons."""
    sources = {name: getattr(loaded.tables, name).source for name in tables}
    reasons = {name: privacy.called(source) for name, source in sources.items()}
    return [
        check(f"the name of the file holds {reason}", name, 1, 1, "not written into files or pages",
              column="(its file)", reason=reason, of="files")
        for name, reason in reasons.items() if reason
    ]  # fmt: skip


def _values(column: ir.Column, most: int | None = None) -> list:
    """Return the distinct values of a column in order."""
    table = column.name("value").as_table()
    found = table.filter(table.value.notnull()).distinct().order_by("value")
    return (found.limit(most) if most else found).execute()["value"].tolist()


def _attributes(table: ir.Table, name: str, loaded: Study) -> tuple[ir.Table, list[dict]]:
    checks, gone = [], []
    for column, given in getattr(loaded.tables, name).attributes.items():
        kept = (given.column or column) in loaded.privacy.keep
        if kept or not (reason := _reason(table[column], column, given)):
            continue
        if column in loaded.segmentation.features:
            raise StudyError(
                f"segmentation.features: {column!r} holds {reason}, which must not form segments: "
                "take it out, or list the column under privacy.keep"
            )
        rows, n = count(table, {"filled": (table[column].notnull(),)})
        title = privacy.masked(given.label or column)
        what, action = f"{title} holds {reason}", "kept out of everything"
        checks.append(check(what, name, rows, n["filled"], action,
                            column=privacy.masked(column), reason=reason))  # fmt: skip
        gone.append(column)
    return table.drop(*gone), checks


def _reason(values: ir.Column, column: str, given: Attribute) -> str | None:
    """Return why an attribute points at persons: by its name, its label, its levels or values."""
    names = [*filter(None, (column, given.column, given.label))]
    if in_name := next(filter(None, map(privacy.called, [*names, *(given.levels or ())])), None):
        return in_name
    if given.levels:
        return None
    texts = values.execute() if values.type().is_string() else _values(values, SAMPLE)
    return next(
        filter(None, (privacy.personal(texts, n) for n in (column, given.label) if n)), None
    )


def _products(table: ir.Table, name: str, role: str, loaded: Study) -> tuple[ir.Table, list[dict]]:
    column = getattr(getattr(loaded.tables, name).columns, role)
    if role not in table.columns or column in loaded.privacy.keep:
        return table, []
    if not table[role].type().is_string():
        return table, []
    values = _values(table[role])
    look = _named if name == "campaigns" else privacy.within
    bad = {value: reason for value in values if (reason := look(value))}
    if not bad and privacy.personal(values) == "names of persons":
        bad = dict.fromkeys(values, "names of persons")
    if not bad:
        return table, []
    rows, n = count(table, {"bad": (table[role].isin(list(bad)),)})
    reasons = ", ".join(sorted(set(bad.values())))
    title = f"{role} ({column})" if name == "campaigns" else column
    what, action = f"{title} holds {reasons}", "those values are treated as missing"
    one = check(what, name, rows, n["bad"], action, column=column, reason=reasons)
    kept = ibis.ifelse(table[role].isin(list(bad)), None, reading.text(table[role]))
    return table.mutate(**{role: kept}), [one]


def pseudonymised(tables: dict[str, ir.Table], study: Study) -> dict[str, ir.Table]:
    """Return the tables with pseudonyms for customers, if the study wants them.

    Parameters
    ----------
    tables
        By role, all on one engine.
    study
        Says where the key is.

    Raises
    ------
    StudyError
        If there is no key.
    """
    secret = privacy.pseudonym_key(study)
    holders = [table for table in tables.values() if "customer" in table.columns]
    if secret is None or not holders:
        return tables
    known = [t.select(customer=reading.text(t.customer)).distinct() for t in holders]
    ids = ibis.union(*known, distinct=True) if len(known) > 1 else known[0]
    found = ids.filter(ids.customer.notnull()).order_by("customer").execute()
    found["pseudonym"] = privacy.pseudonyms(found["customer"], secret)
    home, name = ibis.get_backend(holders[0]), ibis.util.gen_name("seglib")
    pairs = home.create_table(name, ibis.memtable(found), temp=True)
    pairs = plain(pairs) if home.name == "postgres" else pairs
    return {
        name: _joined(table, pairs) if "customer" in table.columns else table
        for name, table in tables.items()
    }


def _joined(table: ir.Table, pairs: ir.Table) -> ir.Table:
    """Return a table, kept on its engine, with the pseudonym as the customer."""
    columns = table.columns
    joined = table.mutate(customer=reading.text(table.customer)).left_join(pairs, "customer")
    return keep(joined.mutate(customer=joined.pseudonym).select(*columns))
