"""Text read as times: days in figures or with the names of months, clocks, zones, counts of days.

Everything is an expression of regular expressions that engines share; names of months are those
of the Unicode CLDR, as Babel ships them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache

import ibis
import ibis.expr.types as ir
from babel import Locale

from seglib.format import COUNTED, Format

NAMED = "NAMED"  # the order of dates whose month is a name: no order is open
LOCALES = ("en", "de", "fr", "es", "it", "nl", "pt", "da", "sv", "nb", "fi", "pl", "cs", "ro", "tr")
CLOCK = (
    r"(?:[ T,]+(?:at |um |à )?([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,6})\d*)?)?\s*"
    r"([AaPp]\.?[Mm]\.?)?)?\s*(?:Z|UTC|GMT)?([+-]\d{1,2}:?(?:\d{2})?)?$"
)
YEAR_FIRST = r"^(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})"
YEAR_LAST = r"^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})"
COMPACT = r"^(\d{4})(\d{2})(\d{2})"
WORD = r"[^\d\s.,:/-]{3,12}"  # letters of any language; engines differ in what they call letters
WEEKDAY = rf"(?:{WORD}\.?,? +)?"
DAY = r"(\d{1,2})(?:st|nd|rd|th|er|\.|º)?"
DAY_FIRST = rf"^{WEEKDAY}{DAY}[-/. ]*(?:de |of )?({WORD})\.?[-/, ]*(?:de |del )?(\d{{4}}|\d{{2}})"
MONTH_FIRST = rf"^{WEEKDAY}({WORD})\.? {DAY},? (\d{{4}})"
NAMES = (DAY_FIRST, r"\3-\2-\1"), (MONTH_FIRST, r"\3-\1-\2")
LATER = {"DMY": r"\3-\2-\1", "MDY": r"\3-\1-\2"}
LEAP = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
CALENDAR = (
    r"^(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|02-(?:0[1-9]|1\d|2[0-8]))|" + LEAP + r"-02-29)$"
)
ALMOST = 0.01  # seconds by which a fraction of a day may miss a whole second
COUNT = r"^\d{1,16}(?:\.\d+)?$"


def fits(column: ir.StringColumn, pattern: str) -> ir.BooleanColumn:
    """Return whether the text is of the pattern; engines differ in how else they ask."""
    return column.re_extract(pattern, 0).fill_null("") != ""


def shapes(filled: ir.StringColumn) -> dict[str, ir.Scalar]:
    """Return the counts by which a column of text shows in which order its dates are written."""
    last = fits(filled, YEAR_LAST + CLOCK)
    years = fits(filled, YEAR_FIRST + CLOCK) | fits(filled, COMPACT + CLOCK)
    named = fits(filled, DAY_FIRST + CLOCK) | fits(filled, MONTH_FIRST + CLOCK)
    first, second = (
        ibis.ifelse(last, filled.re_extract(YEAR_LAST, i), None).cast("int64") for i in (1, 2)
    )
    return {
        "last": last.sum(), "day_first": (first > 12).sum(),
        "month_first": (second > 12).sum(), "differ": (first != second).sum(),
        "years": years.sum(), "named": named.sum(), "fit": (last | years | named).sum(),
        "example": filled.min(where=last),
    }  # fmt: skip


def orders(count: Mapping[str, int], given: Format) -> tuple[str, ...]:
    """Return the orders by which a column is read, all of them if nothing tells.

    Parameters
    ----------
    count
        From `shapes`.
    given
        What the study says of dates; names of months speak for themselves.
    """
    if count["named"] > count["last"] + count["years"]:
        return (NAMED,)
    if given.date:
        return (given.date,)
    if count["day_first"] or count["month_first"]:
        return ("DMY",) if count["day_first"] >= count["month_first"] else ("MDY",)
    return ("DMY", "MDY") if count["differ"] else ("DMY",) if count["last"] else ("YMD",)


def moment(column: ir.StringColumn, order: str) -> ir.TimestampColumn:
    """Return text as times without zone; what is on no calendar is missing.

    Parameters
    ----------
    column
        Without blanks around it, such as 31/12/2023, 31.12.23 17:05, 2023-12-31T17:05:00+01:00,
        12/31/2023 5:05 PM, 31 Dec 2023, Dezember or diciembre.
    order
        `DMY`, `MDY` or `YMD`; a year in front is one in any case; `NAMED` where months are names;
        `unix` for seconds and `unix_ms` or `unix_us` for thousandths or millionths since 1970,
        `excel` for days as spreadsheets count them. What has a zone becomes UTC.
    """
    if order in COUNTED:
        return _counted(column, order)
    day, heads = _named(column) if order == NAMED else _figures(column, order)
    hour, minute, second, part, half, zone = _clock(column, heads)
    stamp = day + " " + _hour(hour, half) + ":" + minute.fill_null("00") + ":"
    stamp = stamp + second.fill_null("00") + "." + part.fill_null("0") + _zone(zone)
    stamp = ibis.ifelse(fits(day, CALENDAR), stamp, None)
    return stamp.cast("timestamp('UTC')").cast("timestamp")


def _figures(column: ir.StringColumn, order: str) -> tuple[ir.StringColumn, list[str]]:
    """Return days in figures as YYYY-MM-DD, other text as it is, and how they are written."""
    ways = [(YEAR_FIRST, r"\1-\2-\3")]
    ways += [(COMPACT, r"\1-\2-\3")] if order == "YMD" else [(YEAR_LAST, LATER[order])]
    return _full(_rewritten(column, ways)), [pattern for pattern, _ in ways]


def _named(column: ir.StringColumn) -> tuple[ir.StringColumn, list[str]]:
    """Return days with names of months as YYYY-MM-DD, and how they are written."""
    plain = _rewritten(column, NAMES)
    month = "-" + _month(plain.re_extract(f"-({WORD})-", 1)) + "-"
    year, day = plain.re_extract("^[0-9]+", 0), plain.re_extract("[0-9]+$", 0)
    return _full(year + month + day), [pattern for pattern, _ in NAMES]


def _rewritten(column: ir.StringColumn, ways) -> ir.StringColumn:
    for pattern, order in ways:
        column = column.re_replace(pattern + CLOCK, order)
    return column


def _full(day: ir.StringColumn) -> ir.StringColumn:
    """Return a day with four digits of its year and two of its month and day.

    Years 00 to 69 are of this century, as in most spreadsheets.
    """
    day = day.re_replace(r"^([0-6]\d-)", r"20\1").re_replace(r"^([7-9]\d-)", r"19\1")
    return day.re_replace(r"-(\d)-", r"-0\1-").re_replace(r"-(\d)$", r"-0\1")


def _clock(column: ir.StringColumn, heads: list[str]) -> list[ir.StringColumn]:
    """Return hour, minute, second, fraction, half of the day and zone behind days."""
    whole = "|".join(head.replace("(?:", "(").replace("(", "(?:") for head in heads)
    return [column.re_extract(f"(?:{whole}){CLOCK}", i).nullif("") for i in range(1, 7)]


def _counted(column: ir.StringColumn, order: str) -> ir.TimestampColumn:
    """Return counts since a day as times; counts beyond any calendar are missing."""
    start, seconds, most = COUNTED[order]
    number = ibis.ifelse(fits(column, COUNT), column, None).cast("float64")
    number = (ibis.ifelse(number <= most, number, None) * seconds + ALMOST).floor().cast("int64")
    return ibis.literal(datetime.fromisoformat(start)) + number.as_interval("s")


def _month(name: ir.StringColumn) -> ir.StringColumn:
    """Return the number of a month in two digits; a word that names none is missing."""
    known, asked = ibis.literal(_months()), "|" + name.lower() + "="
    place = known.find(asked)
    return ibis.ifelse(place >= 0, known.substr(place + asked.length(), 2), None)


@cache
def _months() -> str:
    """Return the names of months and their numbers as |january=01|jan=01|….

    A word that two languages use for different months is that of the first language.
    """
    known = {"sept": 9}
    for locale in LOCALES:
        for context in Locale(locale).months.values():
            for width in ("wide", "abbreviated"):
                for number, name in context[width].items():
                    known.setdefault(name.lower().rstrip("."), number)
    return "|" + "|".join(f"{name}={number:02d}" for name, number in known.items()) + "|"


def _hour(hour: ir.StringColumn, half: ir.StringColumn) -> ir.StringColumn:
    """Return the hour of a day of 24 in two digits; an hour of 13 PM stays what it is."""
    given = hour.cast("int64")
    later = ibis.ifelse(half.lower().startswith("p"), 12, 0)
    halved = half.notnull() & (given <= 12)
    number = ibis.ifelse(halved, given % 12 + later, given)
    return number.cast("string").lpad(2, "0").fill_null("00")


def _zone(shift: ir.StringColumn) -> ir.StringColumn:
    """Return +2, +0200 or +02:00 as +02:00; none is UTC."""
    digits = shift.replace(":", "").re_replace(r"^([+-])(\d|\d{3})$", r"\10\2")
    return digits.re_replace(r"^(...)(..)?$", r"\1:\2").re_replace(":$", ":00").fill_null("+00:00")
