"""Text read as numbers, times and ids by one rule on every engine, guessing only what is certain.

Everything is an expression of regular expressions that engines share, so that the same text gives
the same value whether it stands in a file or on a server, and nothing has to be tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from seglib.format import Format

NUMBER, TIME, WHOLE = "numbers", "dates or times", "ids"
BLANKS = "[\\s\u00a0\u202f\u2009'’]"
CURRENCY = "[€$£¥₹]|^[A-Z]{3}[ \u00a0]?|[ \u00a0]?[A-Z]{3}$"
MOST = 1e12  # what a decimal of 18 digits, 6 of them behind the mark, can hold
INTEGER = r"^(?:0|-?[1-9]\d{0,17})$"
CLOCK = (
    r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\s*([AaPp]\.?[Mm]\.?)?)?"
    r"\s*(?:Z|UTC|GMT)?([+-]\d{1,2}:?(?:\d{2})?)?$"
)
MOMENT = r"^(\d{4}|\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{1,2})" + CLOCK
YEAR_FIRST = r"^\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}" + CLOCK
YEAR_LAST = r"^(\d{1,2})[-/. ](\d{1,2})[-/. ](?:\d{4}|\d{2})" + CLOCK
LEAP = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
CALENDAR = (
    r"^(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|02-(?:0[1-9]|1\d|2[0-8]))|" + LEAP + r"-02-29) (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
)


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


def _fits(column: ir.StringColumn, pattern: str) -> ir.BooleanColumn:
    """Return whether the text is of the pattern; engines differ in how else they ask."""
    return column.re_extract(pattern, 0).fill_null("") != ""


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
        return {"filled": filled.count(), "whole": _fits(filled, INTEGER).sum()}
    if what == NUMBER:
        clean = _clean(column)
        point, comma = _fits(clean, _pattern(".")), _fits(clean, _pattern(","))
        either = point & comma & _fits(clean, "[.,]")
        return {
            "filled": filled.count(), "point": (point & ~comma).sum(),
            "comma": (comma & ~point).sum(), "either": either.sum(),
            "example": filled.min(where=either),
        }  # fmt: skip
    last = _fits(filled, YEAR_LAST)
    first, second = (
        ibis.ifelse(last, filled.re_extract(YEAR_LAST, i), None).cast("int64") for i in (1, 2)
    )
    return {
        "filled": filled.count(), "last": last.sum(), "day_first": (first > 12).sum(),
        "month_first": (second > 12).sum(), "differ": (first != second).sum(),
        "years": _fits(filled, YEAR_FIRST).sum(), "example": filled.min(where=last),
    }  # fmt: skip


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
        if given.date:
            return (given.date,)
        if count["day_first"] or count["month_first"]:
            return ("DMY",) if count["day_first"] >= count["month_first"] else ("MDY",)
        return ("DMY", "MDY") if count["differ"] else ("DMY",) if count["last"] else ("YMD",)
    return ()


def _failures(table: ir.Table, wanted, marks, counts) -> dict[str, Reading]:
    """Return the readings, with what they fail on."""
    values, found = {}, {}
    for i, (column, what) in enumerate(wanted.items()):
        filled = trimmed(table[column])
        if what == WHOLE or len(marks[column]) > 1:
            continue
        read = number(table[column], *marks[column]) if what == NUMBER else \
            moment(table[column], *marks[column])  # fmt: skip
        bad = filled.notnull() & read.isnull()
        values |= {f"{i}_failed": bad.sum(), f"{i}_example": filled.min(where=bad)}
    counted = row(table, values) if values else {}
    for i, (column, what) in enumerate(wanted.items()):
        count = counts[column]
        failed = (
            count["filled"] - count["whole"] if what == WHOLE else counted.get(f"{i}_failed", 0)
        )
        example = counted.get(f"{i}_example") or count.get("example") or ""
        found[column] = Reading(what, marks[column], count["filled"], failed, str(example))
    return found


def number(column: ir.Column, mark: str, kind: str = "decimal(18, 6)") -> ir.NumericColumn:
    """Return text as numbers with a decimal mark; what is none is missing.

    Currency signs, groups of thousands, brackets or a sign behind for negative numbers are read.
    """
    clean, other = _clean(column), "," if mark == "." else "."
    digits = clean.replace(other, "").replace("'", "").replace(mark, ".")
    found = ibis.ifelse(_fits(clean, _pattern(mark)), digits, None)
    if kind.startswith("decimal"):
        found = ibis.ifelse(found.cast("float64").abs() < MOST, found, None)
    return found.cast(kind)


def whole(column: ir.Column) -> ir.IntegerColumn:
    """Return text as whole numbers."""
    return trimmed(column).cast("int64")


def moment(column: ir.Column, order: str) -> ir.TimestampColumn:
    """Return text as times without zone; what is on no calendar is missing.

    Parameters
    ----------
    column
        Such as 31/12/2023, 31.12.23 17:05, 2023-12-31T17:05:00+01:00 or 12/31/2023 5:05 PM.
    order
        `DMY`, `MDY` or `YMD`; a year in front is one in any case. What has a zone becomes UTC.
    """
    plain = trimmed(column)
    if order == "YMD":
        plain = plain.re_replace(r"^(\d{4})(\d{2})(\d{2})(?:$|[ T])", r"\1-\2-\3 ").strip()
    part = [plain.re_extract(MOMENT, i).nullif("") for i in range(10)]
    ahead = part[1].length() == 4
    day, month = (part[1], part[2]) if order == "DMY" else (part[2], part[1])
    if order == "YMD":
        day, month = part[3], part[2]
    year = ibis.ifelse(ahead, part[1], ibis.null("string") if order == "YMD" else _century(part[3]))
    month, day = ibis.ifelse(ahead, part[2], month), ibis.ifelse(ahead, part[3], day)
    date = year + "-" + month.lpad(2, "0") + "-" + day.lpad(2, "0")
    clock = _hour(part[4], part[8]) + ":" + part[5].fill_null("00") + ":" + part[6].fill_null("00")
    stamp = date + " " + clock
    valid = _fits(stamp, CALENDAR) & (month.length() <= 2) & (day.length() <= 2)
    precise = stamp + "." + part[7].fill_null("0") + _zone(part[9])
    return ibis.ifelse(valid, precise, None).cast("timestamp('UTC')").cast("timestamp")


def _century(year: ir.StringColumn) -> ir.StringColumn:
    """Return four digits of a year: 00 to 69 are of this century, as in most spreadsheets."""
    full = ibis.ifelse(year < "70", "20", "19") + year
    return ibis.ifelse(year.length() == 4, year, ibis.ifelse(year.length() == 2, full, None))


def _hour(hour: ir.StringColumn, half: ir.StringColumn) -> ir.StringColumn:
    """Return the hour of a day of 24 in two digits; an hour of 13 PM stays what it is."""
    given = hour.cast("int64")
    later = ibis.ifelse(half.lower().startswith("p"), 12, 0)
    halved = half.notnull() & (given <= 12)
    number = ibis.ifelse(halved, given % 12 + later, given)
    return number.cast("string").lpad(2, "0").fill_null("00")


def _zone(shift: ir.StringColumn) -> ir.StringColumn:
    """Return +2, +0200 or +02:00 as +02:00; none is UTC."""
    digits = shift.re_replace(r"[-+:]", "")
    hours = ibis.ifelse(digits.length() > 2, digits.left(digits.length() - 2), digits)
    minutes = ibis.ifelse(digits.length() > 2, digits.right(2), "00")
    return (shift.left(1) + hours.lpad(2, "0") + ":" + minutes).fill_null("+00:00")
