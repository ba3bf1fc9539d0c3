"""Checks of tables with a row a customer or a product, of answers, and of what knows the future."""

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

from seglib.collection import activity
from seglib.collection.checks import Test, count, counted, limit, result
from seglib.collection.dictionary import forming
from seglib.collection.reading import absent, each
from seglib.layout import Attribute
from seglib.study import FEWEST, Study, StudyError

NEARLY = 0.99  # of the known values: a column in which so many are one value tells few apart
ISO, LAST = r"^(\d{4}-\d{2}-\d{2})(?:[ T]|$)", r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?: |$)"
ITEMS = 5  # questions of one scale from which all the same answers are remarkable
FAST = 1 / 3  # of the usual time
DURATION = r"\b(duration|seconds|minutes|elapsed|completion|response|time (taken|spent)|dauer)\b"
CAME = 10  # customers who did and who did not, below which nothing is said of what foretells it


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
        later = {"as_of": as_of, "values": values}
        tests.append(Test("known_later", _day(values) >= as_of.isoformat(), words | later))
    return tests


def _day(values: ir.StringColumn) -> ir.StringColumn:
    """Return the day that a text begins with, YYYY-MM-DD; day and month in the order that fits.

    Where both orders fit, the earlier day counts, so that nothing is called unknown wrongly.
    """
    iso = values.re_extract(ISO, 1).nullif("")
    one, two = (values.re_extract(LAST, i).nullif("").lpad(2, "0") for i in (1, 2))
    month, day = ibis.least(one, two), ibis.greatest(one, two)
    return ibis.coalesce(iso, values.re_extract(LAST, 3).nullif("") + "-" + month + "-" + day)


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
    others, case = (people, "customers") if buyers is None else (buyers, "buyers")
    gaps = [
        ("undescribed_buyer", "customers", buyers, people, ""),
        ("answers_of_nobody", "survey", answers, others, case),
    ]
    checks = []
    for name, table, whose, where, case in gaps:
        if whose is not None and where is not None:
            ids = whose.filter(whose.customer.notnull()).select("customer").distinct()
            rows, missing = count(ids, [absent(ids.customer, where.customer)])
            checks.append(result(name, table, rows, missing, case=case))
    return checks


# --- answers given without reading the questions --------------------------------------------------


def careless(table: ir.Table, study: Study) -> list[dict]:
    """Return the checks for straight-lining and for speeding of a table of answers.

    Straight-lining: the same answer to every question of a scale, of which there are five or more
    (Curran 2016, J. Exp. Soc. Psychol. 66, on long strings). Speeding: under a third of the median
    time, if a numeric column holds the time that answering took (Greszki, Meyer & Schoen 2015,
    Public Opin. Q. 79, use a half or a third).
    """
    attributes, checks = _attributes(table, "survey", study), []
    timed = {c: about for c, about in attributes.items() if _is_duration(c, about)}
    scales = _scales(table, {c: about for c, about in attributes.items() if c not in timed})
    for scale, columns in scales.items():
        if len(columns) < ITEMS or not scale:
            continue
        answered = reduce(and_, (table[c].notnull() for c in columns))
        first, *others = (table[c].cast("string") for c in columns)
        same = reduce(and_, (first == other for other in others))
        _rows, n, failing = count(table, [answered, answered & same])
        words = {"n": len(columns), "low": scale[0], "high": scale[-1]}
        checks.append(result("same_answers", "survey", n, failing, **words))
    for column, about in timed.items():
        usual, words = (
            float(table[column].median().execute() or 0),
            {"label": about.label or column},
        )
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
    outcomes = {} if outcomes is None else dict(outcomes)
    after |= {f"“{study.outcomes[name].label}”": yes for name, yes in outcomes.items()}
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
    """Return the area under the curve, from the ranks of those who came (Mann & Whitney 1947)."""
    n, others = int(came.sum()), int((~came).sum())
    if min(n, others) < CAME:
        return 0.5
    area = (scores.rank()[came].sum() - n * (n + 1) / 2) / (n * others)
    return float(max(area, 1 - area))


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
