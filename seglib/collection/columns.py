"""What a table looks like: the kinds, the ends and the values of its columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from seglib.collection import hints, reading
from seglib.collection.databases import keep
from seglib.collection.hints import suggests
from seglib.collection.reading import SAMPLE, TIME
from seglib.collection.sources import Source, Sources
from seglib.formats import COUNTED, Format

COMMON = 60  # values of a column that are looked at, the most frequent first
KEYS = 5_000  # values of a key that are looked for in another table
CODE = 40  # letters of the longest ids
YEARS = 1990, 2040  # of times that are written as numbers
BIRTH, EMAIL, PERSON = "date of birth", "e-mail address", "name of a person"
FORMS = {  # what the form of a text says that it is
    EMAIL: r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "telephone number": r"^(?:\+|00)\d[\d\s()./-]{6,}\d$|^\(?0\d{1,5}[)\s/.-][\d\s/.-]{4,}\d$"
    r"|^\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$",
    "network address": r"^https?://\S+$|^\d{1,3}(?:\.\d{1,3}){3}$",
}


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Attributes
    ----------
    name, kind
        Its name; integer, number, time, truth, text or other.
    rows, filled, distinct
        Counts over the whole table.
    least, most
        Ends: numbers of numbers, times of times, else texts.
    marks
        The decimal marks or orders of day, month and year that its text can be read by.
    counted
        Whether its times are written as numbers: 20231231, or counted since a day.
    nearly
        Of text of which only a part reads as dates or numbers: as what, by which mark, the share
        that does not, and one of those.
    text, read
        The values of its first rows as text, and as numbers or times.
    """

    name: str
    kind: str
    rows: int = 0
    filled: int = 0
    distinct: int = 0
    least: Any = None
    most: Any = None
    marks: tuple[str, ...] = ()
    counted: bool = False
    nearly: tuple[str, str, float, str] | None = None
    text: pd.Series = field(default_factory=pd.Series, compare=False, repr=False)
    read: pd.Series = field(default_factory=pd.Series, compare=False, repr=False)

    @cached_property
    def values(self) -> dict[str, int]:
        """The most frequent values as text, and how often they stand in the first rows."""
        counts = self.text.value_counts().rename_axis("value").reset_index(name="n")
        counts = counts.sort_values(["n", "value"], ascending=[False, True]).head(COMMON)
        return dict(zip(counts["value"], counts["n"].astype(int), strict=True))

    def suggests(self, *roles: str) -> bool:
        """Return whether its name suggests any of some roles."""
        return suggests(self.name, *roles)

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.kind in {"integer", "number"}

    @property
    def per_value(self) -> float:
        """Rows that hold the same value, on average."""
        return self.filled / max(self.distinct, 1)

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.rows > 0 and self.distinct == self.rows

    @property
    def missing(self) -> float:
        """The share of rows without a value."""
        return 1 - self.filled / max(self.rows, 1)

    @property
    def whole(self) -> float:
        """The share of whole numbers; 0 of what is no number."""
        numbers = self.read.dropna() if self.numeric else pd.Series(dtype=float)
        return float((numbers == numbers.round()).mean()) if len(numbers) else 0.0

    def share(self, test) -> float:
        """Return the share of the numbers that a function says yes to; 0 without any."""
        numbers = self.read.dropna() if self.numeric else ()
        return float(test(numbers).mean()) if len(numbers) else 0.0

    @cached_property
    def form(self) -> str:
        """Which personal data most texts are by their form, empty if none."""
        text = self.text.dropna() if self.kind in {"text", "other"} else ()
        fits = (what for what, f in FORMS.items() if len(text) and text.str.match(f).mean() > 0.5)
        return next(fits, "")

    @cached_property
    def words(self) -> float:
        """How many words a text has, on average."""
        return float(self.text.dropna().str.count(" ").mean() + 1) if self.filled else 0.0

    @cached_property
    def length(self) -> float:
        """How many letters a text has, on average."""
        return float(self.text.dropna().str.len().mean()) if self.filled else 0.0

    @cached_property
    def coded(self) -> bool:
        """Whether most values hold figures, as codes do and names do not."""
        return sum(any(c.isdigit() for c in value) for value in self.values) > len(self.values) / 2

    @cached_property
    def personal(self) -> str:
        """Which personal data it holds, by its values or else its name; empty if none."""
        what = hints.personal(self.name)
        if self.kind == "time" or (self.nearly and self.nearly[0] == TIME):
            return BIRTH if what == BIRTH else ""
        if self.form:
            return self.form
        if what == "name" and (self.coded or self.suggests("goods", "brand")):
            return ""
        many = self.varied or (what == PERSON and self.distinct > 2 and not self.coded)
        return what if self.kind in {"text", "other"} and many else ""

    @property
    def varied(self) -> bool:
        """Whether its values hardly return."""
        return self.distinct > max(20, 0.3 * self.filled)

    @property
    def free_text(self) -> bool:
        """Whether it holds sentences of people."""
        return self.kind == "text" and self.varied and (self.words >= 3 or self.length > CODE)

    @cached_property
    def is_key(self) -> bool:
        """Whether its values could stand for people, orders or things."""
        coded = self.kind == "number" and (self.whole == 1 or hints.is_id(self.name))
        if not (coded or self.kind in {"integer", "text"}) or self.distinct < 2:
            return False
        if self.personal not in {"", EMAIL}:
            return False
        if self.numeric:
            return self.least is not None and self.least >= 0
        return self.length <= CODE and self.words < 2


@dataclass(frozen=True, eq=False)
class Table:
    """An opened source and what its columns look like."""

    source: str
    opened: Source
    columns: dict[str, Column]
    rows: int
    lookups: tuple[tuple[str, str], ...] = ()  # further sources with their keys, joined in order
    doubts: tuple[str, ...] = ()
    memory: dict = field(default_factory=dict, compare=False, repr=False)  # what was looked up

    def __iter__(self):
        return iter(self.columns.values())

    def suggesting(self, *roles: str) -> list[Column]:
        """Return the columns whose names suggest any of some roles."""
        return [column for column in self if column.suggests(*roles)]

    @property
    def times(self) -> list[Column]:
        """The columns of times, those that are filled best first; never dates of birth."""
        whens = [c for c in self if c.kind == "time" and c.missing < 0.7 and c.personal != BIRTH]
        return sorted(whens, key=lambda c: (-(c.filled // max(c.rows / 20, 1)), -c.distinct))

    def at(self, name: str) -> ir.Column:
        """Return a column on the engine as what it is: texts of numbers as numbers."""
        return value(self.opened.table[name], self.columns[name])

    def decides(self, one: str, other: str) -> bool:
        """Return whether all rows with one value of a column have one value of another."""
        if (one, other) not in self.memory:
            both = pd.DataFrame({"a": self.columns[one].text, "b": self.columns[other].text})
            both = both.dropna()
            pairs, singles = len(both.drop_duplicates()), both["a"].nunique()
            self.memory[one, other] = singles > 0 and pairs <= 1.01 * singles
        return self.memory[one, other]

    def bulk(self, name: str) -> tuple[datetime, datetime]:
        """Return the days between which all but two in a thousand times of a column lie."""
        seconds = self.at(name).cast("timestamp").epoch_seconds().cast("float64")
        ends = {end: seconds.quantile(q) for end, q in (("a", 0.001), ("b", 0.999))}
        row = reading.row(self.opened.table, ends)
        return tuple(datetime.fromtimestamp(row[end], UTC).replace(tzinfo=None) for end in ends)

    def keys(self, name: str) -> list[str]:
        """Return some values of a key as text."""
        if name not in self.memory:
            keys = self.opened.table.select(key=reading.trimmed(self.opened.table[name])).distinct()
            keys = keys.filter(keys.key.notnull()).order_by("key").limit(KEYS)
            self.memory[name] = keys.to_pyarrow()["key"].to_pylist()
        return self.memory[name]

    def holds(self, name: str, keys: list[str]) -> float:
        """Return the share of some keys that a column holds."""
        rows = self.opened.table.select(key=reading.trimmed(self.opened.table[name]))
        return rows.filter(rows.key.isin(keys)).key.nunique().to_pyarrow().as_py() / max(
            len(keys), 1
        )

    def counts(self, name: str) -> dict[str, int]:
        """Return the values of a column and how many rows have each."""
        rows = self.opened.table.select(v=reading.trimmed(self.opened.table[name]))
        rows = rows.filter(rows.v.notnull()).group_by("v").agg(n=ibis._.count()).order_by("v")
        counts = rows.limit(SAMPLE).to_pyarrow().to_pydict()
        return dict(zip(counts["v"], counts["n"], strict=True))


def value(column: ir.Column, about: Column) -> ir.Column:
    """Return a column of text as the numbers or times that it holds."""
    if about.kind == "time" and (about.counted or column.type().is_string()):
        return reading.moment(column, about.marks[0] if about.marks else "YMD")
    if about.numeric and not column.type().is_numeric():
        return reading.number(column, about.marks[0] if about.marks else ".", "float64")
    return column


def look(sources: Sources, source: str) -> Table:
    """Open a source and return what its columns look like.

    Raises
    ------
    seglib.study.StudyError
        If it is not there, cannot be read, or holds nothing.
    """
    opened = _kept(sources.open(source))
    first = reading.describe(opened)
    texts = [about["name"] for about in first if about["kind"] == "text"]
    if words := _blanks(opened, texts):  # of columns that are numbers or times without them
        again = reading.describe(_kept(sources.open(source, Format(missing=words))))
        mended = [a["name"] for a, b in zip(again, first, strict=True) if a["kind"] != b["kind"]]
        if mended:
            opened = _kept(sources.open(source, Format(missing=_blanks(opened, mended))))
            first = reading.describe(opened)
    return profile(source, opened, first)


def _kept(opened: Source) -> Source:
    """Return a source that is read once, if it is text."""
    return opened if opened.typed else replace(opened, table=keep(opened.table))


def _blanks(opened: Source, names: list[str]) -> list[str]:
    """Return the words for a missing value that columns of text hold."""
    words = set()
    for name in names:
        text = reading.trimmed(opened.table[name])
        rows = opened.table.select(v=text).filter(text.lower().isin(hints.WORDS["blanks"]))
        words |= set(rows.distinct().to_pyarrow()["v"].to_pylist())
    return sorted(words)


def profile(source: str, opened: Source, kinds: list[dict] | None = None) -> Table:
    """Return what the columns of an opened source look like, their kinds as `describe` says."""
    table, columns = opened.table, []
    for about in kinds or reading.describe(opened):
        marks = tuple(about.get("decimal", about.get("date", ())))
        column = Column(about["name"], about["kind"], marks=marks, nearly=about.get("nearly"))
        numbered = column.kind == "number" and not opened.typed
        if numbered and not column.suggests("amount", "price") and _lettered(table[column.name]):
            column = Column(column.name, "text")  # INV-100 is the number of an order
        columns.append(_timed(table, column, about["least"], about["most"]))
    ends, values = {"rows": table.count()}, {}
    for i, column in enumerate(columns):
        text = reading.trimmed(table[column.name])
        read = _read(value(table[column.name], column), column.kind, text)
        ends |= {f"{i} filled": text.count(), f"{i} distinct": text.nunique()}
        ends |= {f"{i} least": read.min(), f"{i} most": read.max()}
        values |= {f"{i} text": text, f"{i} read": read}
    counts = table.aggregate(**ends).to_pyarrow().to_pylist()[0]
    first = table.limit(SAMPLE).select(**values).to_pandas()
    whats = ("filled", "distinct", "least", "most")
    known = {
        column.name: replace(
            column,
            rows=counts["rows"],
            text=first[f"{i} text"],
            read=first[f"{i} read"],
            **{what: counts[f"{i} {what}"] for what in whats},
        )
        for i, column in enumerate(columns)
    }
    return Table(source, opened, known, counts["rows"])


def _lettered(column: ir.Column) -> bool:
    """Return whether numbers begin with three letters that are no currency, as in INV-100."""
    codes = reading.trimmed(column).upper().re_extract(r"^([A-Z]{3})[^A-Z]", 1).nullif("")
    codes = codes.name("code").as_table().distinct().to_pyarrow()["code"].to_pylist()
    return bool({code for code in codes if code} - {*hints.WORDS["currencies"].split()})


def _read(column: ir.Column, kind: str, text: ir.StringColumn) -> ir.Column:
    if kind in {"integer", "number"}:
        return column.cast("float64")
    return column.cast("timestamp") if kind == "time" else text


def _timed(table: ir.Table, column: Column, least: str, most: str) -> Column:
    """Return numbers that are all times, days such as 20231231 or counts since a day, as times.

    Counts are believed only under the name of a time: ids can be as large.
    """
    if not column.numeric:
        return column
    filled = reading.trimmed(table[column.name]).count()
    days = all(re.fullmatch(r"\d{8}", str(end)) for end in (least, most))
    counted = COUNTED if column.suggests("time") else ()
    for order in (*(["YMD"] if days else ()), *counted):
        when = reading.moment(table[column.name], order)
        ends = {"n": when.count(), "all": filled, "a": when.year().min(), "b": when.year().max()}
        row = reading.row(table, ends)
        if 0 < row["n"] == row["all"] and YEARS[0] <= row["a"] <= row["b"] <= YEARS[1]:
            return replace(column, kind="time", marks=(order,), counted=True)
    return column
