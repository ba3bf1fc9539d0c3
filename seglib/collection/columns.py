"""What a table looks like: aggregates of its columns, and of two or three of them together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from seglib.collection import hints, reading
from seglib.collection.databases import keep
from seglib.collection.reading import SAMPLE
from seglib.collection.sources import Source, Sources
from seglib.formats import COUNTED, Format

COMMON = 60  # values of a column that are looked at, the most frequent first
KEYS = 5_000  # values of a key that are looked for in another table
EMAIL = r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$"
PHONE = (
    r"^(?:\+|00)\d[\d\s()./-]{6,}\d$|^\(?0\d{1,5}[)\s/.-][\d\s/.-]{4,}\d$"
    r"|^\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$"
)
ADDRESS = r"^https?://\S+$|^\d{1,3}(?:\.\d{1,3}){3}$"
YEARS = 1990, 2040  # of times that are written as numbers
BLANK = {
    "n/a",
    "#n/a",
    "na",
    "nan",
    "null",
    "none",
    "nil",
    "-",
    "--",
    "?",
    ".",
    "unknown",
    "k.a.",
    "keine angabe",
    "s/d",
    "nd",
    "n.d.",
    "\\n",
}


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Attributes
    ----------
    name
        Its name.
    kind
        integer, number, time, truth, text, other.
    rows, filled, distinct
        Counts over the whole table.
    least, most
        Ends: numbers of numbers, times of times, else texts.
    values
        The most frequent values as text and how often they stand in the rows looked at.
    marks
        The decimal marks or orders of day, month and year that its text can be read by.
    shares
        Of numbers: negative, zero, whole; of times: clock; of texts: email, phone, address.
    words, length
        Of texts: blanks between words plus one, and letters, on average.
    counted
        Whether its times are written as numbers: 20231231, or counted since a day.
    nearly
        Of text of which only a part reads as dates or numbers: as what, by which mark, the share
        that does not, and one of those.
    """

    name: str
    kind: str
    rows: int
    filled: int
    distinct: int
    least: Any = None
    most: Any = None
    values: dict[str, int] | None = None
    marks: tuple[str, ...] = ()
    shares: dict[str, float] | None = None
    words: float = 0.0
    length: float = 0.0
    counted: bool = False
    nearly: tuple[str, str, float, str] | None = None

    @property
    def per_value(self) -> float:
        """Rows that hold the same value, on average."""
        return self.filled / max(self.distinct, 1)

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.rows > 0 and self.distinct == self.rows

    def share(self, name: str) -> float:
        """Return a share of the filled values, 0 where it was not looked at."""
        return (self.shares or {}).get(name, 0.0)


@dataclass(frozen=True)
class Table:
    """An opened source and what its columns look like."""

    source: str
    opened: Source
    columns: dict[str, Column]
    rows: int
    lookups: tuple[tuple[str, str], ...] = ()  # further sources with their keys, joined in order
    doubts: tuple[str, ...] = ()
    known: dict = field(default_factory=dict, compare=False, repr=False)  # what was looked up

    def at(self, name: str) -> ir.Column:
        """Return a column as what it is: numbers of text as numbers, dates of text as times."""
        return value(self.opened.table[name], self.columns[name])

    def decides(self, one: str, other: str) -> bool:
        """Return whether all rows with one value of a column have one value of another."""
        if (one, other) not in self.known:
            self.known[one, other] = self._decides(one, other)
        return self.known[one, other]

    def _decides(self, one: str, other: str) -> bool:
        both = self.opened.table.limit(SAMPLE).select(a=self._text(one), b=self._text(other))
        both = both.filter(both.a.notnull() & both.b.notnull())
        row = (
            both.aggregate(pairs=both.distinct().count().as_scalar(), singles=both.a.nunique())
            .to_pyarrow()
            .to_pylist()[0]
        )
        pairs, singles = row["pairs"], row["singles"]
        return singles > 0 and pairs <= 1.01 * singles

    def share(self, test: ir.BooleanValue, within: ir.BooleanValue | None = None) -> float:
        """Return the share of rows that meet a condition, among those that meet another."""
        rows = self.opened.table if within is None else self.opened.table.filter(within)
        found = rows.aggregate(share=test.fill_null(False).mean()).to_pyarrow().to_pylist()[0]
        return found["share"] or 0.0

    def ratio_varies(self, product: str, top: str, bottom: str) -> tuple[int, int]:
        """Return how many values a number, and it divided by another, has over all products."""
        rows = self.opened.table.limit(SAMPLE).select(
            product=self._text(product),
            top=self.at(top).cast("float64").abs(),
            bottom=self.at(bottom).cast("float64").abs(),
        )
        rows = rows.filter(rows.bottom > 1)
        whole = rows.select("product", "top").distinct().count()
        parts = rows.select("product", each=(rows.top / rows.bottom).round(2)).distinct().count()
        return whole.to_pyarrow().as_py(), parts.to_pyarrow().as_py()

    def bulk(self, name: str) -> tuple[datetime, datetime]:
        """Return the days between which all but two in a thousand times of a column lie."""
        seconds = self.at(name).cast("timestamp").epoch_seconds().cast("float64")
        row = self.opened.table.aggregate(a=seconds.quantile(0.001), b=seconds.quantile(0.999))
        found = row.to_pyarrow().to_pylist()[0]
        return tuple(datetime.fromtimestamp(found[k], UTC).replace(tzinfo=None) for k in "ab")

    def keys(self, name: str) -> list[str]:
        """Return some values of a key as text."""
        if name in self.known:
            return self.known[name]
        found = self.opened.table.select(key=self._text(name)).distinct()
        found = found.filter(found.key.notnull()).order_by("key").limit(KEYS)
        self.known[name] = found.to_pyarrow()["key"].to_pylist()
        return self.known[name]

    def holds(self, name: str, keys: Iterable[str]) -> float:
        """Return the share of some keys that a column holds."""
        keys = list(keys)
        column = self._text(name)
        found = self.opened.table.select(key=column).filter(column.isin(keys)).key.nunique()
        return found.to_pyarrow().as_py() / max(len(keys), 1)

    def counts(self, name: str, words: Iterable[str] = ()) -> dict[str, int]:
        """Return the values of a column, or those among some words, and their rows."""
        rows = self.opened.table.select(v=self._text(name))
        rows = rows.filter(rows.v.lower().isin(sorted(words)) if words else rows.v.notnull())
        rows = rows.group_by("v").agg(n=ibis._.count()).order_by("v")
        found = rows.limit(SAMPLE).to_pyarrow().to_pydict()
        return dict(zip(found["v"], found["n"], strict=True))

    def padded(self, name: str) -> int:
        """Return how many values of a column have blanks around them."""
        text = reading.text(self.opened.table[name])
        return reading.row(self.opened.table, {"n": (text != text.strip()).sum()})["n"]

    def once(self, key: str, name: str) -> bool:
        """Return whether a column is filled in one row of each key, and empty in its others."""
        rows = self.opened.table.select(key=self._text(key), value=self._text(name))
        row = reading.row(
            rows,
            {
                "keys": rows.key.nunique(),
                "filled": rows.value.count(),
                "own": rows.key.nunique(where=rows.value.notnull()),
            },
        )
        return row["filled"] <= 1.02 * row["own"] and row["own"] >= 0.9 * row["keys"]

    def _text(self, name: str) -> ir.StringColumn:
        return reading.trimmed(self.opened.table[name])


def value(column: ir.Column, known: Column) -> ir.Column:
    """Return a column of text as the numbers or times that it holds."""
    if known.kind == "time" and (known.counted or column.type().is_string()):
        return reading.moment(column, known.marks[0] if known.marks else "YMD")
    if known.kind in {"integer", "number"} and not column.type().is_numeric():
        return reading.number(column, known.marks[0] if known.marks else ".", "float64")
    return column


def look(sources: Sources, source: str) -> Table:
    """Open a source and return what its columns look like.

    Raises
    ------
    seglib.study.StudyError
        If it is not there, cannot be read, or holds nothing.
    """
    opened = _kept(sources.open(source))
    found = reading.describe(opened)
    texts = [c["name"] for c in found if c["kind"] == "text"]
    if words := _blanks(opened, texts):
        again = reading.describe(_kept(sources.open(source, Format(missing=words))))
        mended = [a["name"] for a, b in zip(again, found, strict=True) if a["kind"] != b["kind"]]
        if mended:
            given = Format(missing=_blanks(opened, mended))
            opened = _kept(sources.open(source, given))
            found = reading.describe(opened)
    return from_source(source, opened, found)


def _kept(opened: Source) -> Source:
    """Return a source that is read once, if it is text."""
    return opened if opened.typed else replace(opened, table=keep(opened.table))


def _blanks(opened: Source, names: list[str]) -> list[str]:
    """Return the words for a missing value that columns of text hold."""
    found = set()
    for name in names:
        column = reading.trimmed(opened.table[name])
        rows = opened.table.select(v=column).filter(column.lower().isin(sorted(BLANK)))
        found |= set(rows.distinct().to_pyarrow()["v"].to_pylist())
    return sorted(found)


def from_source(source: str, opened: Source, found: list[dict] | None = None) -> Table:
    """Return what the columns of an opened source look like."""
    found = reading.describe(opened) if found is None else found
    table, names = opened.table, [c["name"] for c in found]
    texts = {name: reading.trimmed(table[name]) for name in names}
    counts = reading.row(
        table,
        {"rows": table.count()}
        | {
            f"{i}_{what}": count
            for i, name in enumerate(names)
            for what, count in (
                ("filled", texts[name].count()),
                ("distinct", texts[name].nunique()),
            )
        },
    )
    columns = {}
    for i, about in enumerate(found):
        first = Column(
            about["name"],
            about["kind"],
            counts["rows"],
            counts[f"{i}_filled"],
            counts[f"{i}_distinct"],
            about["least"],
            about["most"],
            marks=tuple(about.get("decimal", about.get("date", ()))),
            nearly=about.get("nearly"),
        )
        columns[first.name] = _closer(table, first)
    return Table(source, opened, columns, counts["rows"])


def _closer(table: ir.Table, known: Column) -> Column:
    """Return what a column holds with its ends, its most frequent values and shares."""
    known = _timed(table, known)
    read = value(table[known.name], known)
    more: dict[str, Any] = {"values": _common(table, known.name)}
    if known.kind in {"integer", "number"}:
        read = read.cast("float64")
        ends, tests = (
            (read.min(), read.max()),
            {"negative": read < 0, "zero": read == 0, "whole": read == read.floor()},
        )
    elif known.kind == "time":
        read = read.cast("timestamp")
        ends, tests = (read.min(), read.max()), {"clock": read != read.truncate("D")}
    else:
        plain = reading.trimmed(table[known.name])
        ends = plain.min(), plain.max()
        tests = {
            name: plain.re_search(pattern) if table[known.name].type().is_string() else False
            for name, pattern in (("email", EMAIL), ("phone", PHONE), ("address", ADDRESS))
        }
        tests = {name: test for name, test in tests.items() if test is not False}
        words = (plain.length() - plain.replace(" ", "").length() + 1).mean()
        row = table.aggregate(words=words, length=plain.length().mean()).to_pyarrow()
        more |= {name: value or 0.0 for name, value in row.to_pylist()[0].items()}
    shares = {name: test.fill_null(False).sum() for name, test in tests.items()}
    row = table.aggregate(least=ends[0], most=ends[1], **shares).to_pyarrow().to_pylist()[0]
    more |= {"least": row.pop("least"), "most": row.pop("most")}
    more["shares"] = {name: (n or 0) / max(known.filled, 1) for name, n in row.items()}
    return Column(**(known.__dict__ | more))


def _timed(table: ir.Table, known: Column) -> Column:
    """Return numbers that are all times, days such as 20231231 or counts since a day, as times.

    Counts are believed only under the name of a time: ids can be as large.
    """
    if known.kind not in {"integer", "number"} or not known.filled:
        return known
    named = hints.suggests(known.name, "time")
    days = all(re.fullmatch(r"\d{8}", str(end)) for end in (known.least, known.most))
    for order in (*(["YMD"] if days else []), *(COUNTED if named else [])):
        when = reading.moment(table[known.name], order)
        row = table.aggregate(n=when.count(), least=when.year().min(), most=when.year().max())
        found = row.to_pyarrow().to_pylist()[0]
        if found["n"] == known.filled and YEARS[0] <= found["least"] <= found["most"] <= YEARS[1]:
            return replace(known, kind="time", marks=(order,), counted=True)
    return known


def _common(table: ir.Table, name: str) -> dict[str, int]:
    rows = table.limit(SAMPLE).select(v=reading.trimmed(table[name]))
    rows = rows.filter(rows.v.notnull()).group_by("v").agg(n=ibis._.count())
    rows = rows.order_by([ibis.desc("n"), "v"]).limit(COMMON).to_pyarrow().to_pylist()
    return {row["v"]: row["n"] for row in rows}
