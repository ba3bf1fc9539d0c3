"""Answers given without reading the questions: all the same, or too fast."""

from __future__ import annotations

import re
from functools import reduce

import ibis.expr.types as ir

from seglib.layout import Attribute
from seglib.quality.counting import check, count
from seglib.study import Study

ITEMS = 5  # questions of one scale from which all the same answers are remarkable
FAST = 1 / 3  # of the usual time
DURATION = r"(duration|seconds|minutes|elapsed|completion|response|time (taken|spent)|dauer)"


def careless(table: ir.Table, loaded: Study) -> list[dict]:
    """Return the checks for straight-lining and for speeding of a table of answers.

    Straight-lining: the same answer to every question of a scale, of which there are five or more
    (Curran 2016, J. Exp. Soc. Psychol. 66, on long strings). Speeding: under a third of the median
    time, if a numeric column holds the time that answering took (Greszki, Meyer & Schoen 2015,
    Public Opin. Q. 79, use a half or a third).
    """
    given = loaded.tables.survey.attributes
    attributes = {c: a for c, a in given.items() if c in table.columns}
    return [*_same(table, attributes), *_fast(table, attributes)]


def _same(table: ir.Table, attributes: dict[str, Attribute]) -> list[dict]:
    """Return a check for each scale: questions with the same levels, or numbers of one range."""
    scales: dict[tuple, list[str]] = {}
    for column, attribute in attributes.items():
        if attribute.kind == "ordered":
            scales.setdefault(tuple(attribute.levels), []).append(column)
        elif attribute.kind == "numeric" and not _is_duration(column, attribute):
            scales.setdefault(_range(table[column]), []).append(column)
    checks = []
    for scale, columns in scales.items():
        if len(columns) < ITEMS or not scale:
            continue
        first, *others = (table[c].cast("string") for c in columns)
        answered = reduce(lambda a, b: a & b, (table[c].notnull() for c in columns))
        same = reduce(lambda a, b: a & b, (first == other for other in others))
        _, counts = count(table, {"answered": (answered,), "same": (answered & same,)})
        what = f"the same answer to all {len(columns)} questions from {scale[0]} to {scale[-1]}"
        checks.append(
            check(what, "survey", counts["answered"], counts["same"], "kept: did they read them?",
                  "straight_lining")
        )  # fmt: skip
    return checks


def _range(values: ir.NumericColumn) -> tuple:
    """Return the least and the largest of a scale's whole numbers, nothing if it is no scale."""
    row = values.name("value").as_table()
    found = row.aggregate(
        low=row.value.min(), high=row.value.max(),
        whole=(row.value == row.value.floor()).all(),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    if found["low"] is None or not found["whole"] or not 1 <= found["high"] - found["low"] <= 10:
        return ()
    return int(found["low"]), int(found["high"])


def _is_duration(column: str, attribute: Attribute) -> bool:
    words = re.sub(r"[\W_]+", " ", f"{column} {attribute.label}".lower())
    return attribute.kind == "numeric" and bool(re.search(rf"\b{DURATION}\b", words))


def _fast(table: ir.Table, attributes: dict[str, Attribute]) -> list[dict]:
    checks = []
    for column, attribute in attributes.items():
        if not _is_duration(column, attribute):
            continue
        usual = table[column].median().execute()
        known = table.filter(table[column].notnull())
        rows, counts = count(known, {"fast": (known[column] < FAST * float(usual or 0),)})
        what = f"answered in under a third of the usual time ({attribute.label or column})"
        checks.append(
            check(what, "survey", rows, counts["fast"], "kept: did they read the questions?",
                  "speeding")
        )  # fmt: skip
    return checks
