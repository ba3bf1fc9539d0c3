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

from seglib.collection import activity
from seglib.collection.checks import Test, count, counted, limit, result
from seglib.collection.dictionary import forming
from seglib.collection.reading import row
from seglib.layout import Attribute
from seglib.study import FEWEST, Study, StudyError

NEARLY = 0.99  # of the known values: a column in which so many are one value tells few apart
ISO, LAST = r"^(\d{4}-\d{2}-\d{2})(?:[ T]|$)", r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?: |$)"
ITEMS = 5  # questions of one scale from which all the same answers are remarkable
FAST = 1 / 3  # of the usual time
DURATION = r"\b(duration|seconds|minutes|elapsed|completion|response|time (taken|spent)|dauer)\b"
CAME = 10  # customers who did and who did not, below which nothing is said of what foretells it


def keyed(table: ir.Table, name: str, study: Study, as_of: date) -> tuple[ir.Table, list[dict]]:
    """Return a table without values from after the cut-off date, and its checks.

    Parameters
    ----------
    table, name
        customers, survey or products.
    study, as_of
        The study and the cut-off date.

    Raises
    ------
    StudyError
        If a key has several rows.
    """
    key = "product" if name == "products" else "customer"
    spec = getattr(study.tables, name).attributes
    attributes = {c: about for c, about in spec.items() if c in table.columns}
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
    later = {
        test.words["attribute"]: test.condition
        for test, check in zip(tests, checks, strict=True)
        if test.name == "known_later" and check["failing"]
    }
    blank = {c: ibis.ifelse(day.fill_null(False), None, table[c]) for c, day in later.items()}
    clean = table.mutate(**blank)
    return clean, checks + _constant(clean, name, attributes)


def _of_attribute(values: ir.Column, about: Attribute, label: str, as_of: date) -> list[Test]:
    tests, words = [], {"label": label, "as_of": as_of, "attribute": values.get_name()}
    if about.levels:
        odd = values.notnull() & values.cast("string").notin(about.levels)
        tests.append(Test("odd_level", odd, words))
    if about.bounds:
        low, high = about.bounds
        outside = ~values.between(low, high)
        tests.append(Test("out_of_bounds", outside, words | {"low": low, "high": high}))
    tests.append(Test("missing", values.isnull(), words))
    if values.type().is_string():
        tests.append(Test("known_later", _day(values) >= as_of.isoformat(), words))
    return tests


def _day(values: ir.StringColumn) -> ir.StringColumn:
    """Return the day that a text begins with, YYYY-MM-DD; day and month in the order that fits.

    Where both orders fit, the earlier day counts, so that nothing is called unknown wrongly.
    """
    iso = values.re_extract(ISO, 1).nullif("")
    one, two = (values.re_extract(LAST, i).nullif("").lpad(2, "0") for i in (1, 2))
    early, late = ibis.least(one, two), ibis.greatest(one, two)
    month = ibis.ifelse(late > "12", early, ibis.least(one, two))
    day = ibis.ifelse(late > "12", late, ibis.greatest(one, two))
    year = values.re_extract(LAST, 3).nullif("")
    return ibis.coalesce(iso, year + "-" + month + "-" + day)


def _constant(table: ir.Table, name: str, attributes: dict[str, Attribute]) -> list[dict]:
    """Return the check for columns in which nearly all known values are one."""
    if not attributes:
        return []
    modes = row(table, {f"{c} mode": table[c].mode() for c in attributes}, missing=None)
    sums = {f"{c} known": table[c].count() for c in attributes}
    sums |= {
        f"{c} most": (table[c] == modes[f"{c} mode"]).sum()
        for c in attributes
        if modes[f"{c} mode"] is not None
    }
    n = row(table, sums)
    same = [
        about.label or c
        for c, about in attributes.items()
        if n[f"{c} known"] >= FEWEST and n[f"{c} most"] >= NEARLY * n[f"{c} known"]
    ]
    names = f": {', '.join(same)}" if same else ""
    return [result("constant", name, len(attributes), len(same), share=NEARLY, names=names)]


def undescribed(tables: dict[str, ir.Table]) -> list[dict]:
    """Return the checks for customers whom another table lacks: buyers, or who answered."""
    lines, people, answers = (tables.get(n) for n in ("transactions", "customers", "survey"))
    buyers = None if lines is None else activity.without_returns(lines)
    checks = []
    if buyers is not None and people is not None:
        checks.append(_gap("undescribed_buyer", "customers", buyers, people))
    if answers is not None and buyers is not None:
        checks.append(_gap("answers_of_nobody", "survey", answers, buyers, case="buyers"))
    elif answers is not None and people is not None:
        checks.append(_gap("answers_of_nobody", "survey", answers, people, case="customers"))
    return checks


def _gap(name: str, table: str, whose: ir.Table, where: ir.Table, case: str = "") -> dict:
    ids = whose.filter(whose.customer.notnull()).select("customer").distinct()
    rows, missing = count(ids, [ids.customer.notin(where.customer)])
    return result(name, table, rows, missing, case=case)


# --- answers given without reading the questions --------------------------------------------------


def careless(table: ir.Table, study: Study) -> list[dict]:
    """Return the checks for straight-lining and for speeding of a table of answers.

    Straight-lining: the same answer to every question of a scale, of which there are five or more
    (Curran 2016, J. Exp. Soc. Psychol. 66, on long strings). Speeding: under a third of the median
    time, if a numeric column holds the time that answering took (Greszki, Meyer & Schoen 2015,
    Public Opin. Q. 79, use a half or a third).
    """
    spec = study.tables.survey.attributes
    attributes = {c: about for c, about in spec.items() if c in table.columns}
    checks = []
    for scale, columns in _scales(table, attributes).items():
        if len(columns) < ITEMS or not scale:
            continue
        answered = reduce(and_, (table[c].notnull() for c in columns))
        first, *others = (table[c].cast("string") for c in columns)
        same = reduce(and_, (first == other for other in others))
        _rows, n, failing = count(table, [answered, answered & same])
        words = {"n": len(columns), "low": scale[0], "high": scale[-1]}
        checks.append(result("same_answers", "survey", n, failing, **words))
    for column in (c for c, about in attributes.items() if _is_duration(c, about)):
        usual = float(table[column].median().execute() or 0)
        label = attributes[column].label or column
        test = Test("fast_answers", table[column] < FAST * usual, {"label": label})
        checks += counted(table.filter(table[column].notnull()), "survey", [test])
    return checks


def _scales(table: ir.Table, attributes: dict[str, Attribute]) -> dict[tuple, list[str]]:
    """Return questions with the same levels, or with whole numbers of one range, by these."""
    scales: dict[tuple, list[str]] = {}
    numeric = [
        c
        for c, about in attributes.items()
        if about.kind == "numeric" and not _is_duration(c, about)
    ]
    ends = {f"low {c}": table[c].min() for c in numeric}
    ends |= {f"high {c}": table[c].max() for c in numeric}
    ends |= {f"whole {c}": (table[c] == table[c].floor()).all() for c in numeric}
    seen = row(table, ends, missing=None) if numeric else {}
    for column, about in attributes.items():
        if about.kind == "ordered":
            scales.setdefault(tuple(about.levels), []).append(column)
        elif column in numeric and seen[f"whole {column}"]:
            low, high = seen[f"low {column}"], seen[f"high {column}"]
            if 1 <= high - low <= 10:
                scales.setdefault((int(low), int(high)), []).append(column)
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
    """Return the checks for columns that know the future, none if it cannot be told.

    What seglib computes itself sees only the time before the cut-off date. An attribute is taken
    as given, and may have been written later: a flag of who left, a status, a last visit. Such a
    column predicts who orders in the holdout, or an outcome, nearly without fault. How well is the
    area under the curve (AUC, 0.5 = chance) of the values, or for categories of the share that
    ordered in the other half of the customers; and of whether the value is known at all.

    Parameters
    ----------
    study
        The study; its `limits.leakage` is the AUC from which a column knows the future.
    customers, rows
        From `features.customers`.
    held
        From `activity.holdout`; None without.
    outcomes
        From `attributes.outcomes`; None without.

    Raises
    ------
    StudyError
        If a column that knows the future forms the segments.
    """
    do = f"{'is active' if study.usage else 'orders'} in the holdout"
    after = {do: held["active"]} if held is not None else {}
    for name in study.outcomes if outcomes is not None else ():
        after[f"“{study.outcomes[name].label}”"] = outcomes[name]
    checks = []
    for what, happened in after.items():
        truth = happened.reindex(customers.index).dropna().eq(1)
        if min(truth.sum(), (~truth).sum()) >= CAME:
            checks.append(_foretold(study, customers.loc[truth.index], rows, truth, what))
    return checks


def _foretold(
    study: Study, customers: pd.DataFrame, rows: list[dict], truth: pd.Series, what: str
) -> dict:
    """Return the check for columns that tell one thing that happened afterwards."""
    tried = {r["name"]: r["label"] for r in rows if r["base"] not in {"behavioural", "needs"}}
    areas = {name: auc(customers[name], truth) for name in tried}
    least = limit(study, "leakage")
    sure = {name: area for name, area in areas.items() if area >= least}
    if guilty := [name for name in sure if name in forming(study, rows)]:
        raise StudyError(
            f"{guilty[0]!r} forms the segments and tells who {what} after {study.as_of} nearly "
            f"without fault (AUC {sure[guilty[0]]:.2f}): it seems to know the future; take it out, "
            f"or raise limits.leakage (now {least:g})"
        )
    names = ", ".join(f"{tried[name]}, AUC {area:.2f}" for name, area in sure.items())
    names = f" ({names})" if names else ""
    return result("knows_future", "customers", len(tried), len(sure), what=what, names=names)


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
