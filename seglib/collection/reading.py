"""Text read as numbers, times and ids, where every value says how; what is ambiguous is asked.

Text is read on the engine in this process, by expressions; a server is to hold numbers and times
as such. Ids are read on every engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from seglib import wording
from seglib.collection.databases import keep
from seglib.formats import COUNTED, Format

MONEY = "decimal(18, 6)"  # sums of decimals do not depend on the order of addition
EXACT = {"amount", "price", "quantity", "discount", "coupon"}  # roles of numbers that are decimals
NUMBER, TIME, WHOLE = "numbers", "dates or times", "ids"
NAMED = "NAMED"  # the order of dates whose month is a name: no order is open
STRAY = wording.table("checks")["limits"]["impossible_dates"]["most"]
FIRST = 10_000  # rows by which a column is read if all others can be read so
SAMPLE = 100_000  # rows that are looked at to describe a column
BLANKS = "[\\s\u00a0\u202f\u2009'’]"
MARKS = r"[A-Za-z]{0,2}\$|[€£¥₹₽₺₩₫₴₪₦฿円元]"  # of currencies, wherever they stand
WORDS = r"zł|[Kk][Rr]\.?|Rs\.?|Kč|Ft|лв\.?|руб\.?|TL"  # of currencies, before or behind numbers
CURRENCY = f"{MARKS}|^(?:{WORDS}|[A-Z]{{3}})[ \u00a0]?|[ \u00a0]?(?:{WORDS}|[A-Z]{{3}})$"
SIGN = f"({MARKS.upper()}|^(?:{WORDS.upper()}|[A-Z]{{3}})|(?:{WORDS.upper()}|[A-Z]{{3}})$)"
MOST = 1e12  # what a decimal of 18 digits, 6 of them behind the mark, can hold
USUAL_NUMBER = r"^-?\d{1,11}(?:\.\d{1,6})?$"
USUAL_TIME = r"^\d{4}-\d\d-\d\d (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$"
INTEGER = r"^(?:0|-?[1-9]\d{0,17})$"
COUNT = r"^\d{1,16}(?:\.\d+)?$"
ALMOST = 0.01  # seconds by which a fraction of a day may miss a whole second
CLOCK = (
    r"(?:[ T,]+(?:at |um |à )?([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d(?:[.,]\d{1,6})?)\d*)?\s*"
    r"([AaPp])?\.?(?:[Mm]\.?)?)?\s*(?:Z|UTC|GMT)?([+-]\d{1,2}:?(?:\d{2})?)?$"
)
PARTS = ["hour", "minute", "second", "half", "zone"]
WORD = r"[^\d\s.,:/-]{3,12}"
WEEKDAY = rf"(?:{WORD}\.?,? +)?"
DAY = r"(\d{1,2})(?:st|nd|rd|th|er|\.|º)?"
YEAR_FIRST = r"^(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})", ["year", "month", "day"]
COMPACT = r"^(\d{4})(\d{2})(\d{2})", ["year", "month", "day"]
LAST = r"^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})"
DAY_NAME = (
    rf"^{WEEKDAY}{DAY}[-/. ]*(?:de |of )?({WORD})\.?[-/, ]*(?:de |del )?(\d{{4}}|\d{{2}})",
    ["day", "month", "year"],
)
NAME_DAY = rf"^{WEEKDAY}({WORD})\.? {DAY},? (\d{{4}})", ["month", "day", "year"]
ORDERS = {  # the two ways in which a time of an order may be written
    "YMD": (YEAR_FIRST, COMPACT),
    "DMY": (YEAR_FIRST, (LAST, ["day", "month", "year"])),
    "MDY": (YEAR_FIRST, (LAST, ["month", "day", "year"])),
    NAMED: (DAY_NAME, NAME_DAY),
}
EVIDENCE = {".": "point", ",": "comma", "YMD": "years", "DMY": "day_first", "MDY": "month_first"}
EVIDENCE[NAMED] = "named"  # the count of values that only a mark can read
NUMBERS = {name: f"{i:02d}" for i, names in wording.table("months").items() for name in names}
MOMENT = dict.fromkeys(["year", "month", "day", *PARTS], "string")


@ibis.udf.scalar.builtin(
    name="regexp_extract", signature=((str, str, list[str]), dt.Struct(MOMENT))
)
def _parts(text, pattern, names):
    """Return the groups of a pattern by name; all are empty where it does not fit."""


@dataclass(frozen=True)
class Source:
    """An opened source; `typed`: its columns have types of their own, those of CSV are all text."""

    table: ir.Table
    typed: bool
    given: Format

    @property
    def on_a_server(self) -> bool:
        """Whether another engine than that of this process holds it."""
        return ibis.get_backend(self.table).name != "duckdb"


@dataclass(frozen=True)
class Reading:
    """How the texts of a column are read in a role.

    `marks` are the decimal marks, or the orders of day, month and year, by which most values can be
    read; more than one if nothing tells which is meant. `filled` values there are, and `failed`
    cannot be read, such as the `example`, or one that reads in two ways.
    """

    column: str
    what: str
    marks: tuple[str, ...]
    filled: int = 0
    failed: int = 0
    example: str = ""

    @property
    def name(self) -> str:
        """The column of what is read."""
        return f"{self.column} as {self.what}"

    @property
    def bearable(self) -> bool:
        """Whether so few times cannot be read that their rows are left out and the rest used."""
        return self.what == TIME and self.failed <= STRAY * self.filled

    def of(self, table: ir.Table) -> ir.Column:
        """Return what the texts of a table read as, by the first of the marks."""
        values = table[self.column]
        if self.what != WHOLE:
            return (number if self.what == NUMBER else moment)(values, self.marks[0])
        filled = trimmed(values)
        return fits(filled, INTEGER).ifelse(filled, None).cast("int64")


def text(column: ir.Column) -> ir.StringColumn:
    """Return a column as text that is the same on every engine: whole numbers without a point."""
    kind = column.type()
    if kind.is_string():
        return column
    words = column.cast("string")
    if kind.is_json():
        return words.re_replace('^"(.*)"$', r"\1")
    if kind.is_floating():
        sane = (column.abs() < 1e15).ifelse(column, None)  # floors are integers: none of infinity
        whole = (sane == sane.floor()).fill_null(False)
        return whole.ifelse(whole.ifelse(column, None).cast("int64").cast("string"), words)
    return words


def trimmed(column: ir.Column) -> ir.StringColumn:
    """Return a column as text without blanks around it; nothing but blanks is missing."""
    return text(column).strip().nullif("")


def fits(column: ir.StringColumn, pattern: str) -> ir.BooleanColumn:
    """Return whether the text is of the pattern; engines differ in how else they ask."""
    return column.re_extract(pattern, 0).fill_null("") != ""


def absent(column: ir.Column, others: ir.Column) -> ir.BooleanValue:
    """Return whether a value is not in a column; unlike NOT IN, which Spark tries pair by pair."""
    return ~column.isin(others).fill_null(False)


def midnight(day) -> ir.Scalar:
    """Return the first moment of a day as an engine value."""
    return ibis.literal(datetime(day.year, day.month, day.day))


def row(table: ir.Table, values: Mapping[str, ir.Scalar], missing=0) -> dict:
    """Return named aggregates of a table, in place of what is missing 0 or another value."""
    only = table.aggregate(**values).to_pyarrow().to_pylist()[0] if values else {}
    return {name: missing if only[name] is None else only[name] for name in values}


def each(table: ir.Table, aggregates: Mapping[str, Mapping[str, ir.Scalar]], missing=0) -> dict:
    """Return named aggregates of each of several columns."""
    flat = {f"{c} {name}": v for c, values in aggregates.items() for name, v in values.items()}
    only = row(table, flat, missing)
    return {c: {name: only[f"{c} {name}"] for name in values} for c, values in aggregates.items()}


def look(
    table: ir.Table, wanted: Mapping[str, str], given: Format, whole: Sequence[str] = ()
) -> tuple[dict[str, Reading], ir.Table]:
    """Return how columns of text are to be read, by column, and the table with what they read as.

    `wanted` is column → `NUMBER`, `TIME` or `WHOLE`; values are in columns of `Reading.name`,
    missing where they cannot be read. The first rows say how, all rows of the columns in `whole`:
    of those whose first rows leave it open or do not speak for the others. Decimal marks that one
    column leaves open are those of the other columns.
    """
    if not wanted:
        return {}, table
    counts, first = {}, table.limit(FIRST)
    for rows, names in ((table, whole), (first, [c for c in wanted if c not in whole])):
        counts |= each(rows, {c: _shapes(rows[c], wanted[c]) for c in names})
    marks = {c: _marks(counts[c], what, given) for c, what in wanted.items()}
    texts = [c for c, what in wanted.items() if what != WHOLE and c not in whole]
    if unsure := [c for c in texts if not _shown(counts[c], marks[c], given)]:
        return look(table, wanted, given, (*whole, *unsure))
    marks |= _settled({c: marks[c] for c, what in wanted.items() if what == NUMBER}, counts)
    readings = {c: Reading(c, what, marks[c]) for c, what in wanted.items()}
    read = table.mutate(**{r.name: r.of(table) for r in readings.values()})
    read = keep(read) if ibis.get_backend(read).name == "duckdb" else read
    gone = {c: read[r.name].isnull() & read[c].notnull() for c, r in readings.items()}
    sums = {c: {"failed": gone[c].sum(), "filled": read[c].count()} for c in wanted}
    seen = each(read, sums)
    failed = {c: gone[c] & trimmed(read[c]).notnull() for c in wanted if seen[c]["failed"]}
    sums = {c: {"filled": trimmed(read[c]).count(), "failed": n.sum()} for c, n in failed.items()}
    seen |= each(read, sums)  # without blanks, which are nothing
    if unlike := [c for c in texts if seen[c]["failed"]]:
        return look(table, wanted, given, (*whole, *unlike))
    bad = {c: trimmed(read[c]).min(where=n) for c, n in failed.items() if seen[c]["failed"]}
    examples = row(read, bad)  # only now: what is asked of single rows costs twice as much
    for c in wanted:
        example = counts[c]["either_way"] if len(marks[c]) > 1 else examples.get(c)
        readings[c] = replace(readings[c], **seen[c], example=str(example or ""))
    return readings, read


def _shown(count: dict, marks: tuple[str, ...], given: Format) -> bool:
    """Return whether values of the first rows can be read by one mark, and only by that."""
    fixed = {given.decimal, given.date} & {*marks}
    return len(marks) == 1 and bool(fixed or count.get(EVIDENCE[marks[0]]))


def _settled(marks: dict[str, tuple[str, ...]], counts: Mapping[str, dict]) -> dict:
    """Return decimal marks of columns: what one leaves open is as in the others."""
    certain = {marks[c] for c in marks if counts[c]["point"] or counts[c]["comma"]}
    if len(certain) != 1 or len(*certain) != 1:
        return marks
    return {c: next(iter(certain)) if len(own) > 1 else own for c, own in marks.items()}


def _shapes(column: ir.Column, what: str, n: ir.Column | int = 1) -> dict[str, ir.Scalar]:
    filled = trimmed(column)
    if what == WHOLE:
        return {}
    shapes = (_of_numbers if what == NUMBER else _of_times)(filled)
    counts = {name: shape.ifelse(n, 0).sum() for name, shape in shapes.items()}
    return counts | {"either_way": filled.min(where=shapes.get("differ", shapes["either"]))}


def _of_numbers(filled: ir.StringColumn) -> dict[str, ir.BooleanColumn]:
    clean = _clean(filled)
    point, comma = fits(clean, _pattern(".")), fits(clean, _pattern(","))
    either = point & comma & clean.re_search("[.,]")
    return {"point": point & ~comma, "comma": comma & ~point, "either": either}


def _of_times(filled: ir.StringColumn) -> dict[str, ir.BooleanColumn]:
    last = fits(filled, LAST + CLOCK)
    first, second = (last.ifelse(filled.re_extract(LAST, i), None).cast("int64") for i in (1, 2))
    return {
        "either": last,
        "years": fits(filled, YEAR_FIRST[0] + CLOCK) | fits(filled, COMPACT[0] + CLOCK),
        "named": fits(filled, DAY_NAME[0] + CLOCK) | fits(filled, NAME_DAY[0] + CLOCK),
        "day_first": first > 12,
        "month_first": second > 12,
        "differ": first != second,
    }


def _marks(count: dict, what: str, given: Format) -> tuple[str, ...]:
    """Return the marks by which a column is read, all of them if it could be either."""
    if what == WHOLE:
        return ()
    if what == NUMBER:
        if given.decimal:
            return (given.decimal,)
        if count["point"] or count["comma"]:
            return (",",) if count["comma"] > count["point"] else (".",)
        return (".", ",") if count["either"] else (".",)
    if count["named"] > count["either"] + count["years"]:  # names of months speak for themselves
        return (NAMED,)
    if given.date:
        return (given.date,)
    if count["day_first"] or count["month_first"]:
        return ("DMY",) if count["day_first"] >= count["month_first"] else ("MDY",)
    return ("DMY", "MDY") if count["differ"] else ("DMY",) if count["either"] else ("YMD",)


def _pattern(mark: str) -> str:
    group = "[,']" if mark == "." else "[.']"
    mark = rf"\{mark}"
    whole = rf"(?:\d+|[1-9]\d{{0,2}}(?:{group}\d{{3}})+)"
    return rf"^[-+]?(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][-+]?\d{{1,2}})?$"


def _clean(column: ir.Column) -> ir.StringColumn:
    """Return numbers without currency; blanks that group thousands become apostrophes."""
    plain = trimmed(column).replace("−", "-").re_replace(CURRENCY, "").strip()
    plain = plain.re_replace(r"^\((.*)\)$", r"-\1").re_replace(r"^([^-+].*)-$", r"-\1").strip()
    return plain.re_replace(BLANKS, "'")


def number(column: ir.Column, mark: str, kind: str = MONEY) -> ir.NumericColumn:
    """Return text as numbers with a decimal mark, whatever currency and groups; else missing."""
    clean, other = _clean(column), "," if mark == "." else "."
    digits = clean.replace(other, "").replace("'", "").replace(mark, ".")
    digits = fits(clean, _pattern(mark)).ifelse(digits, None)
    if kind.startswith("decimal"):
        digits = (digits.cast("float64").abs() < MOST).ifelse(digits, None)
    filled = trimmed(column)
    usual = fits(filled, USUAL_NUMBER) if mark == "." else ibis.literal(False)
    return usual.ifelse(filled, digits).cast(kind)  # nothing to clean, and many times quicker


def moment(column: ir.Column, order: str) -> ir.TimestampColumn:
    """Return text as times without zone; what is on no calendar is missing, a zone becomes UTC.

    The order is `DMY`, `MDY` or `YMD`, a year in front being one in any case; `NAMED` for months
    in words (31 Dec 2023, 3. Mär 2022); a key of `formats.COUNTED` for numbers since a day.
    """
    filled = trimmed(column)
    if order in COUNTED:
        start, seconds, most = COUNTED[order]
        count = fits(filled, COUNT).ifelse(filled, None).cast("float64")
        count = ((count <= most).ifelse(count, None) * seconds + ALMOST).floor().cast("int64")
        return ibis.literal(datetime.fromisoformat(start)) + count.as_interval("s")
    (one, names), (other, others) = ORDERS[order]
    one, other = one + CLOCK, other + CLOCK
    part = fits(filled, one).ifelse(
        _parts(filled, one, names + PARTS), _parts(filled, other, others + PARTS)
    )
    month = part["month"]
    if order == NAMED:
        month = month.lower().substitute(NUMBERS)
    # years 00 to 69 are of this century, as in most spreadsheets
    year = part["year"].re_replace(r"^([0-6]\d)$", r"20\1").re_replace(r"^([7-9]\d)$", r"19\1")
    stamp = year + "-" + month + "-" + part["day"] + " " + _clock(part) + _zone(part["zone"])
    if order != NAMED:  # many times quicker
        stamp = fits(filled, USUAL_TIME).ifelse(filled + "+00:00", stamp)
    return stamp.try_cast("timestamp('UTC')").cast("timestamp")


def _clock(part: ir.StructColumn) -> ir.StringColumn:
    hour, half = part["hour"].nullif("").cast("int64").fill_null(0), part["half"].lower()
    halved = (half != "") & (hour <= 12)
    hour = halved.ifelse(hour % 12 + (half == "p").ifelse(12, 0), hour)
    minute, second = part["minute"].nullif(""), part["second"].nullif("").replace(",", ".")
    return hour.cast("string") + ":" + minute.fill_null("00") + ":" + second.fill_null("00")


def _zone(shift: ir.StringColumn) -> ir.StringColumn:
    """Return +2, +0200 or +02:00 as +02:00; none is UTC."""
    digits = shift.replace(":", "").re_replace(r"^([+-])(\d|\d{3})$", r"\10\2").nullif("")
    return digits.re_replace(r"^(...)(..)?$", r"\1:\2").re_replace(":$", ":00").fill_null("+00:00")


def readings(texts: ir.Table, given: Format) -> tuple[dict[str, dict], dict[str, dict]]:
    """Return how each column of text would be read as what, and the ends of its text.

    Columns without a value are left out. All columns are put into one, each value once, since
    queries about many columns take longer to write than to answer.
    """
    cells = (texts.select(column=ibis.literal(c), value=trimmed(texts[c])) for c in texts.columns)
    cells = ibis.union(*cells).group_by("column", "value").aggregate(n=lambda t: t.count())
    cells = keep(cells.filter(lambda t: t.value.notnull()))
    shapes = {w: _by_column(cells, _shapes(cells.value, w, cells.n)) for w in (NUMBER, TIME)}
    marks = {w: {c: _marks(n, w, given) for c, n in counts.items()} for w, counts in shapes.items()}
    if not marks[TIME]:  # all columns are empty
        return {}, {}
    marks[NUMBER] = _settled(marks[NUMBER], shapes[NUMBER])
    marks[WHOLE] = dict.fromkeys(marks[TIME], ())
    failed = {what: _read(cells, what, of).isnull() for what, of in marks.items()}
    sums = {"filled": cells.n.sum(), "least": cells.value.min(), "most": cells.value.max()}
    for what, bad in failed.items():
        sums[what] = bad.ifelse(cells.n, 0).sum()
        sums[f"{what} example"] = cells.value.min(where=bad)
    result, ends = {}, {}
    for c, row in _by_column(cells, sums).items():
        ends[c] = {end: row[end] for end in ("least", "most")}
        for what, of in marks.items():
            example = shapes[what][c]["either_way"] if of[c][1:] else row[f"{what} example"]
            one = Reading(c, what, of[c], row["filled"], row[what], example or "")
            result.setdefault(c, {})[what] = one
    return result, ends


def _by_column(cells: ir.Table, aggregates: Mapping[str, ir.Scalar]) -> dict[str, dict]:
    rows = cells.group_by("column").aggregate(**aggregates).to_pyarrow().to_pylist()
    return {row.pop("column"): row for row in rows}


def _read(cells: ir.Table, what: str, marks: Mapping[str, tuple[str, ...]]) -> ir.Column:
    """Return what the values of columns read as, each by the first of its column's marks."""
    alike: dict[tuple, list[str]] = {}
    for name, own in marks.items():
        alike.setdefault(own[:1], []).append(name)
    value = {own: Reading("value", what, own).of(cells) for own in alike}
    return ibis.coalesce(
        *(cells["column"].isin(c).ifelse(value[m], None) for m, c in alike.items())
    )


def cast(table: ir.Table, column: str, what: str) -> str:
    """Return why text on a server is not read, and the CAST by which the server reads it."""
    mark, number = ("`", MONEY) if ibis.get_backend(table).name == "pyspark" else ('"', "numeric")
    quoted = mark + column.replace(mark, 2 * mark) + mark
    kind = "timestamp" if what == TIME else number
    return (
        f"is text on a server, expected {what}: make a view with CAST({quoted} AS {kind}) AS "
        f"{quoted}, and name that as the source"
    )
