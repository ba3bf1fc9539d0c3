"""Checks of customers, products and answers: who must not be known, who is nobody, what is odd."""

from __future__ import annotations

import re
from datetime import date
from functools import reduce
from operator import and_

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis import _

from seglib import privacy, stats
from seglib.collection import activity, reading
from seglib.collection.checks import Test, count, counted, limit, result
from seglib.collection.dictionary import forming
from seglib.collection.reading import absent, each
from seglib.formats import strings
from seglib.layout import Attribute
from seglib.study import FEWEST, Study, StudyError

NEARLY = 0.99  # of the known values: a column in which so many are one value tells few apart
ISO, LAST = r"^(\d{4}-\d{2}-\d{2})(?:[ T]|$)", r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?: |$)"
ITEMS = 5  # questions of one scale from which all the same answers are remarkable
FAST = 1 / 3  # of the usual time
DURATION = r"\b(duration|seconds|minutes|elapsed|completion|response|time (taken|spent)|dauer)\b"
CAME = 10  # customers who did and who did not, below which nothing is said of what foretells it
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


def keyed(table: ir.Table, name: str, study: Study, as_of: date) -> tuple[ir.Table, list[dict]]:
    """Return a table with one row a key, without values from after the date, and its checks."""
    key = "product" if name == "products" else "customer"
    attributes = _attributes(table, name, study)
    tests = [Test("no_role", table[key].isnull(), {"role": key})]
    for column, about in attributes.items():
        tests += _of_attribute(table[column], about, about.label or column, as_of)
    checks = counted(table, name, tests)
    repeated = checks[0]["rows"] - checks[0]["failing"] - table[key].nunique().execute()
    if repeated:
        raise StudyError(
            f"the {name} table has {repeated:,} rows more than it has values of {key!r}: "
            "expected one row each; remove the copies"
        )
    later = [
        (test.words["values"], test.condition.fill_null(False))
        for test, check in zip(tests, checks, strict=True)
        if test.name == "known_later" and check["failing"]
    ]
    clean = table.mutate(**{v.get_name(): future.ifelse(None, v) for v, future in later})
    return clean, checks + _constant(clean, name, attributes)


def _attributes(table: ir.Table, name: str, study: Study) -> dict[str, Attribute]:
    """Return the attributes of a table that are left in it."""
    every = getattr(study.tables, name).attributes
    return {column: about for column, about in every.items() if column in table.columns}


def _of_attribute(values: ir.Column, about: Attribute, label: str, as_of: date) -> list[Test]:
    tests, words = [Test("missing", values.isnull(), {"label": label})], {"label": label}
    if about.levels:
        odd = values.notnull() & values.cast("string").notin(about.levels)
        tests.insert(0, Test("odd_level", odd, words))
    if about.bounds:
        low, high = about.bounds
        outside = ~values.between(low, high)
        tests.insert(0, Test("out_of_bounds", outside, words | {"low": low, "high": high}))
    if values.type().is_string():
        future = _day(values) >= as_of.isoformat()
        tests.append(Test("known_later", future, words | {"as_of": as_of, "values": values}))
    return tests


def _day(values: ir.StringColumn) -> ir.StringColumn:
    """Return the day that a text begins with; where day and month are unclear, the earlier one."""
    one, two = (values.re_extract(LAST, i).nullif("").lpad(2, "0") for i in (1, 2))
    last = values.re_extract(LAST, 3) + "-" + ibis.least(one, two) + "-" + ibis.greatest(one, two)
    return values.re_extract(ISO, 1).nullif("").fill_null(last)


def _constant(table: ir.Table, name: str, attributes: dict[str, Attribute]) -> list[dict]:
    """Return the check for columns in which nearly all known values are one."""
    if not attributes:
        return []
    sizes = [table.filter(table[c].notnull()).group_by(c).agg(n=_.count()) for c in attributes]
    counts = [
        each.agg(known=each.n.sum(), most=each.n.max()).mutate(column=ibis.literal(c))
        for c, each in zip(attributes, sizes, strict=True)
    ]
    rows = (ibis.union(*counts) if counts[1:] else counts[0]).to_pyarrow().to_pylist()
    known = [n for n in rows if n["known"] and n["known"] >= FEWEST]
    constant = {n["column"] for n in known if n["most"] >= NEARLY * n["known"]}
    same = [about.label or c for c, about in attributes.items() if c in constant]
    names = f": {', '.join(same)}" if same else ""
    return [result("constant", name, len(attributes), len(same), share=NEARLY, names=names)]


def undescribed(tables: dict[str, ir.Table]) -> list[dict]:
    """Return the checks for customers whom another table lacks: buyers, or who answered."""
    lines, people, answers = (tables.get(n) for n in ("transactions", "customers", "survey"))
    buyers = None if lines is None else activity.without_returns(lines)
    whole, case = (people, "customers") if buyers is None else (buyers, "buyers")
    gaps = {
        ("undescribed_buyer", "customers", ""): (buyers, people),
        ("answers_of_nobody", "survey", case): (answers, whole),
    }
    checks = []
    for (name, table, case), (whose, where) in gaps.items():
        if whose is not None and where is not None:
            ids = whose.filter(whose.customer.notnull()).select("customer").distinct()
            rows, missing = count(ids, [absent(ids.customer, where.customer)])
            checks.append(result(name, table, rows, missing, case=case))
    return checks


# --- answers given without reading the questions --------------------------------------------------


def careless(table: ir.Table, study: Study) -> list[dict]:
    """Return the checks for straight-lining and for speeding of a table of answers.

    Straight-lining: the same answer to five or more questions of a scale (Curran 2016, J. Exp. Soc.
    Psychol. 66). Speeding: under a third of the median time, if a numeric column holds the time
    that answering took (Greszki, Meyer & Schoen 2015, Public Opin. Q. 79).
    """
    attributes, checks = _attributes(table, "survey", study), []
    timed = [c for c, about in attributes.items() if _is_duration(c, about)]
    scales = _scales(table, {c: about for c, about in attributes.items() if c not in timed})
    for scale, columns in scales.items():
        if len(columns) < ITEMS:
            continue
        first, *others = (table[c].cast("string") for c in columns)
        answered = reduce(and_, (table[c].notnull() for c in columns))
        same = reduce(and_, (first == other for other in others))
        _all, n, failing = count(table, [answered, answered & same])
        words = {"n": len(columns), "low": scale[0], "high": scale[-1]}
        checks.append(result("same_answers", "survey", n, failing, **words))
    for column in timed:
        usual = float(table[column].median().execute() or 0)
        words = {"label": attributes[column].label or column}
        test = Test("fast_answers", table[column] < FAST * usual, words)
        checks += counted(table.filter(table[column].notnull()), "survey", [test])
    return checks


def _scales(table: ir.Table, attributes: dict[str, Attribute]) -> dict[tuple, list[str]]:
    """Return questions with the same levels, or with whole numbers of one range, by these."""
    numbers = [table[c] for c, about in attributes.items() if about.kind == "numeric"]
    ends = {
        v.get_name(): {"low": v.min(), "high": v.max(), "whole": (v == v.floor()).all()}
        for v in numbers
    }
    seen, scales = each(table, ends, None), {}
    for column, about in attributes.items():
        if about.kind == "ordered":
            scales.setdefault(tuple(about.levels), []).append(column)
        elif column in seen and seen[column]["whole"]:
            low, high = int(seen[column]["low"]), int(seen[column]["high"])
            if 1 <= high - low <= 10:
                scales.setdefault((low, high), []).append(column)
    return scales


def _is_duration(column: str, about: Attribute) -> bool:
    words = re.sub(r"[\W_]+", " ", f"{column} {about.label}".lower())
    return about.kind == "numeric" and bool(re.search(DURATION, words))


# --- columns that know the future -----------------------------------------------------------------
def leakage(
    study: Study,
    customers: pd.DataFrame,
    rows: list[dict],
    held: pd.DataFrame | None,
    outcomes: pd.DataFrame | None = None,
) -> list[dict]:
    """Return the check for columns that tell nearly without fault what happened afterwards.

    `rows` is the dictionary of `customers`, `held` from `activity.holdout`, `outcomes` from
    `attributes.outcomes`; a StudyError refuses a column that knows the future and forms segments.
    """
    did = f"{'is active' if study.usage else 'orders'} in the holdout"
    after = {} if held is None else {did: held["active"]}
    for name in () if outcomes is None else outcomes:
        after[f"“{study.outcomes[name].label}”"] = outcomes[name]
    tried = {r["name"]: r["label"] for r in rows if r["base"] not in {"behavioural", "needs"}}
    checks, least = [], limit(study, "leakage")
    for what, happened in after.items():
        truth = happened.reindex(customers.index).dropna().eq(1)
        if min(truth.sum(), (~truth).sum()) < CAME:
            continue
        areas = {name: auc(customers.loc[truth.index, name], truth) for name in tried}
        sure = {name: area for name, area in areas.items() if area >= least}
        if guilty := [name for name in sure if name in forming(study, rows)]:
            raise StudyError(
                f"{guilty[0]!r} forms the segments and tells who {what} after {study.as_of} nearly "
                f"without fault (AUC {sure[guilty[0]]:.2f}): it seems to know the future; take it "
                f"out, or raise limits.leakage (now {least:g})"
            )
        names = ", ".join(f"{tried[name]}, AUC {area:.2f}" for name, area in sure.items())
        words = {"what": what, "names": f" ({names})" if names else ""}
        checks.append(result("knows_future", "customers", len(tried), len(sure), **words))
    return checks


def auc(values: pd.Series, came: pd.Series) -> float:
    """Return how well a column tells who came, from 0.5 (by chance) to 1 (without fault)."""
    there = values.notna()
    scores = values[there]
    if not pd.api.types.is_numeric_dtype(values):
        scores = _other_half(scores.astype(str), came[there])
    return max(_area(there.astype(float), came), _area(scores, came[there]))


def _area(scores: pd.Series, came: pd.Series) -> float:
    if min(came.sum(), (~came).sum()) < CAME:
        return 0.5
    area = stats.superiority(scores[came], scores[~came]).value
    return max(area, 1 - area)


def _other_half(values: pd.Series, came: pd.Series) -> pd.Series:
    """Return for each customer the share of those with the same value in the other half who came.

    Halves are every second row. A value that the other half lacks says what everybody does.
    """
    half = pd.Series(np.arange(len(values)) % 2, values.index)
    scores = pd.Series(float(came.mean()), values.index)
    for one in (0, 1):
        rates = came[half != one].groupby(values[half != one]).mean()
        scores[half == one] = values[half == one].map(rates).fillna(came.mean())
    return scores


# --- test accounts --------------------------------------------------------------------------------


def test_accounts(
    tables: dict[str, ir.Table], study: Study, personal: list[dict]
) -> tuple[ir.Table | None, list[dict]]:
    """Return the customers that are test accounts, None if there are none, and the check.

    Their id, name or e-mail address is nothing but `test`, `demo` and the like, or the address is
    of a domain for tests. `personal`, from `kept_out`, says which columns hold names and addresses.
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


# --- personal data --------------------------------------------------------------------------------


def kept_out(tables: dict[str, ir.Table], study: Study) -> tuple[dict[str, ir.Table], list[dict]]:
    """Return the tables without what points at persons, and a check for each such column.

    Attributes are left out whole; a column of products loses the values in question. Ids, names of
    campaigns and columns that form segments are refused unless `privacy` says what to do.
    """
    clean, checks = dict(tables), []
    for name, table in tables.items():
        if reason := privacy.called(getattr(study.tables, name).source):
            words = {"column": "(its file)", "reason": reason}
            checks.append(result("personal_file", name, 1, 1, **words))
        _refuse_names(table, name, study)
    for name in sorted({"customers", "survey"} & {*tables}):
        clean[name], more = _impersonal(tables[name], name, study)
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


def _impersonal(table: ir.Table, name: str, study: Study) -> tuple[ir.Table, list[dict]]:
    """Return a table without the attributes that point at persons, and their checks."""
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
    names = [name for name in (column, about.column, about.label) if name]
    reasons = [*map(privacy.called, [*names, *(about.levels or ())])]
    if not any(reasons) and not about.levels:
        texts = values.execute() if values.type().is_string() else _values(values, SAMPLE)
        reasons = [privacy.personal(texts, name) for name in names]
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
