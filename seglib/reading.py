"""Text read as numbers, times and ids by one rule on every engine, guessing only what is certain.

Everything is an expression of regular expressions that engines share, so that the same text gives
the same value whether it stands in a file or on a server, and nothing has to be tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from seglib import moments
from seglib.format import COUNTED, Format
from seglib.limits import LIMITS

NUMBER, TIME, WHOLE = "numbers", "dates or times", "ids"
BLANKS = "[\\s\u00a0\u202f\u2009'’]"
MARKS = r"[A-Za-z]{0,2}\$|[€£¥₹₽₺₩₫₴₪₦฿円元]"  # of currencies, wherever they stand
WORDS = r"zł|[Kk][Rr]\.?|Rs\.?|Kč|Ft|лв\.?|руб\.?|TL"  # of currencies, before or behind numbers
CURRENCY = f"{MARKS}|^(?:{WORDS}|[A-Z]{{3}})[ \u00a0]?|[ \u00a0]?(?:{WORDS}|[A-Z]{{3}})$"
SIGN = f"({MARKS.upper()}|^(?:{WORDS.upper()}|[A-Z]{{3}})|(?:{WORDS.upper()}|[A-Z]{{3}})$)"
"""A currency in an amount in large letters."""
MOST = 1e12  # what a decimal of 18 digits, 6 of them behind the mark, can hold
INTEGER = r"^(?:0|-?[1-9]\d{0,17})$"


@dataclass(frozen=True)
class Reading:
    """How the texts of a column are read in a role.

    Attributes
    ----------
    what
        `NUMBER`, `TIME` or `WHOLE`.
    marks
        The decimal marks, or the orders of day, month and year, by which most values can be read;
        more than one if they are read differently and nothing tells which is meant.
    filled, failed
        Values there are, and values that cannot be read so.
    example
        One of those that cannot be read; if it is ambiguous, one that can be read in two ways.
    """

    what: str
    marks: tuple[str, ...]
    filled: int
    failed: int
    example: str

    @property
    def bearable(self) -> bool:
        """Whether so few times cannot be read that their rows are left out and the rest used."""
        return self.what == TIME and self.failed <= LIMITS["impossible_dates"][0] * self.filled


def text(column: ir.Column) -> ir.StringColumn:
    """Return a column as text that is the same on every engine: whole numbers without a point."""
    kind = column.type()
    if kind.is_string():
        return column
    if kind.is_json():
        return column.cast("string").re_replace('^"(.*)"$', r"\1")
    if kind.is_floating():
        whole = (column.abs() < 1e15) & (column == column.floor())
        return ibis.ifelse(
            whole, ibis.ifelse(whole, column, None).cast("int64").cast("string"),
            column.cast("string"),
        )  # fmt: skip
    return column.cast("string")


def trimmed(column: ir.Column) -> ir.StringColumn:
    """Return a column as text without blanks around it; nothing but blanks is missing."""
    return text(column).strip().nullif("")


def look(table: ir.Table, wanted: Mapping[str, str], given: Format) -> dict[str, Reading]:
    """Return how columns of text are to be read, in two passes over the table.

    Parameters
    ----------
    table
        The table.
    wanted
        Column → `NUMBER`, `TIME` or `WHOLE`.
    given
        What the study says of decimal marks and dates.

    Returns
    -------
    dict of Reading
        By column. Decimal marks that one column leaves open are those of the other columns.
    """
    if not wanted:
        return {}
    shapes = row(table, {
        f"{i}_{name}": count
        for i, (column, what) in enumerate(wanted.items())
        for name, count in _shapes(table[column], what).items()
    })  # fmt: skip
    counts = {
        column: {
            name.split("_", 1)[1]: value
            for name, value in shapes.items()
            if name.split("_", 1)[0] == str(i)
        }
        for i, column in enumerate(wanted)
    }
    marks = {c: _marks(counts[c], what, given) for c, what in wanted.items()}
    certain = {
        m[0] for c, m in marks.items() if wanted[c] == NUMBER and _tells(counts[c]) and len(m) == 1
    }
    if len(certain) == 1:
        marks = {
            c: tuple(certain) if wanted[c] == NUMBER and len(m) > 1 else m for c, m in marks.items()
        }
    return _failures(table, wanted, marks, counts)


def row(table: ir.Table, values: Mapping[str, ir.Scalar]) -> dict:
    """Return named aggregates of a table, what is missing as 0."""
    row = table.aggregate(**values).to_pyarrow().to_pylist()[0]
    return {name: row[name] or 0 for name in values}


def _pattern(mark: str) -> str:
    """Return the pattern of cleaned numbers with a decimal mark."""
    group = "[,']" if mark == "." else "[.']"
    mark = rf"\{mark}"
    whole = rf"(?:\d+|[1-9]\d{{0,2}}(?:{group}\d{{3}})+)"
    return rf"^[-+]?(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][-+]?\d{{1,2}})?$"


def _clean(column: ir.Column) -> ir.StringColumn:
    """Return numbers without currency; blanks that group thousands become apostrophes."""
    plain = trimmed(column).replace("−", "-").re_replace(CURRENCY, "").strip()
    plain = plain.re_replace(r"^\((.*)\)$", r"-\1").re_replace(r"^([^-+].*)-$", r"-\1").strip()
    return plain.re_replace(BLANKS, "'")


def _shapes(column: ir.Column, what: str) -> dict[str, ir.Scalar]:
    """Return the counts by which a column shows how it is written."""
    filled = trimmed(column)
    if what == WHOLE:
        return {"filled": filled.count(), "whole": moments.fits(filled, INTEGER).sum()}
    if what == NUMBER:
        clean = _clean(column)
        point, comma = moments.fits(clean, _pattern(".")), moments.fits(clean, _pattern(","))
        either = point & comma & moments.fits(clean, "[.,]")
        return {
            "filled": filled.count(), "point": (point & ~comma).sum(),
            "comma": (comma & ~point).sum(), "either": either.sum(),
            "example": filled.min(where=either), "fit": (point | comma).sum(),
            "least": filled.min(),
        }  # fmt: skip
    return {"filled": filled.count(), "least": filled.min()} | moments.shapes(filled)


def _tells(count: dict) -> bool:
    return bool(count["point"] or count["comma"])


def _marks(count: dict, what: str, given: Format) -> tuple[str, ...]:
    """Return the marks by which a column is read, all of them if it could be either."""
    if what == NUMBER:
        if given.decimal:
            return (given.decimal,)
        if _tells(count):
            return (",",) if count["comma"] > count["point"] else (".",)
        return (".", ",") if count["either"] else (".",)
    if what == TIME:
        return moments.orders(count, given)
    return ()


def _failures(table: ir.Table, wanted, marks, counts) -> dict[str, Reading]:
    """Return the readings, with what they fail on; values are read only if any looks so."""
    values, found = {}, {}
    for i, (column, what) in enumerate(wanted.items()):
        if what == WHOLE or len(marks[column]) > 1:
            continue
        if not counts[column]["fit"] and marks[column][0] not in COUNTED:
            continue
        filled = trimmed(table[column])
        read = number(table[column], *marks[column]) if what == NUMBER else \
            moment(table[column], *marks[column])  # fmt: skip
        bad = filled.notnull() & read.isnull()
        values |= {f"{i}_failed": bad.sum(), f"{i}_example": filled.min(where=bad)}
    counted = row(table, values) if values else {}
    for i, (column, what) in enumerate(wanted.items()):
        count = counts[column]
        unfit = count["filled"] - count["whole" if what == WHOLE else "fit"]
        failed = counted.get(f"{i}_failed", unfit)
        example = counted.get(f"{i}_example") or count.get("example") or count.get("least") or ""
        found[column] = Reading(what, marks[column], count["filled"], failed, str(example))
    return found


def number(column: ir.Column, mark: str, kind: str = "decimal(18, 6)") -> ir.NumericColumn:
    """Return text as numbers with a decimal mark; what is none is missing.

    Currency signs, groups of thousands, brackets or a sign behind for negative numbers are read.
    """
    clean, other = _clean(column), "," if mark == "." else "."
    digits = clean.replace(other, "").replace("'", "").replace(mark, ".")
    found = ibis.ifelse(moments.fits(clean, _pattern(mark)), digits, None)
    if kind.startswith("decimal"):
        found = ibis.ifelse(found.cast("float64").abs() < MOST, found, None)
    return found.cast(kind)


def whole(column: ir.Column) -> ir.IntegerColumn:
    """Return text as whole numbers."""
    return trimmed(column).cast("int64")


def moment(column: ir.Column, order: str) -> ir.TimestampColumn:
    """Return a column as times without zone, see `moments.moment`."""
    return moments.moment(trimmed(column), order)
