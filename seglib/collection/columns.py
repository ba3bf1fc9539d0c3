"""What columns hold and what their names suggest; values are trusted more than names."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandas as pd

from seglib import privacy, wording
from seglib.collection import reading
from seglib.collection.reading import NUMBER, SAMPLE, TIME, WHOLE, Reading, Source, trimmed
from seglib.formats import COUNTED, StudyError

WORDS = wording.table("hints")
LISTS = {role: words.split() for role, words in WORDS["roles"].items()}
LETTERS = str.maketrans({"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O"})
MANY = re.compile(r"(?:num|number|no|anzahl|nb|count)(?:_|\W)*(?:of\b|(?=[A-Z]))", re.I)
COMMON = 60  # values of a column that are looked at, the most frequent first
KEYS = 5_000  # values of a key that are looked for in another table
DECIMAL = r"-?(?:\d{3,}|0|\d+(?=[.,]\d{1,3}$))[.,]\d+"  # 01.2023 is a month
CODE = 40  # letters of the longest ids
YEARS = 1990, 2040  # of times that are written as numbers
BIRTH, EMAIL, PERSON = "dates of birth", "e-mail addresses", "names of persons"


# --- names ----------------------------------------------------------------------------------------


def parts(name: str) -> list[str]:
    """Return the words of a name such as CustomerID in small letters, and each two as one."""
    spaced = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    words = re.findall(r"[a-z]+|\d+", _plain(spaced))
    return [*words, *("".join(pair) for pair in pairwise(words))]


def letters(name: str) -> str:
    """Return the letters of a name as one word."""
    return "".join(re.findall("[a-z]+", _plain(name)))


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.translate(LETTERS)).lower()
    return "".join(c for c in plain if not unicodedata.combining(c))


@cache
def suggested(name: str) -> frozenset[str]:
    """Return the roles of which a name holds a word, or begins or ends with one (Kundennummer)."""
    result = {form for word in parts(name) for form in (word, word.removesuffix("s"))}

    def fits(word: str) -> bool:
        begun = len(word) >= 5 and any(one.startswith(word) for one in result)
        ended = word[0] == "-" and any(one.endswith(word[1:]) for one in result)
        return word.rstrip(".") in result or begun or ended or (not word.isascii() and word in name)

    return frozenset(role for role, words in LISTS.items() if any(map(fits, words)))


def has(name: str, words: Iterable[str]) -> bool:
    """Return whether one of some words stands in a name as such."""
    return not set(words).isdisjoint(parts(name))


def heading(name: str) -> str:
    """Return a name as reports write it: of 'How much … [Price]?' what is asked."""
    inside = re.search(r"\[(.+)\]\s*$", name)
    plain = re.sub(r"\s*\([^)]*\)\s*$", "", inside[1] if inside else name).strip(" ?:.")
    plain = re.sub(r"(?<=[a-z]{2})[A-Z](?=[a-z])", lambda m: f" {m[0].lower()}", plain)
    plain = re.sub(r"[_.\s]+", " ", plain)
    return plain[:1].upper() + plain[1:] or name


def yes(values: Iterable[str]) -> str:
    """Return which of two values as a file writes them is a yes where the other is a no, or ''."""
    plain = {value: re.sub(r"^(\d+)[.,]0+$", r"\1", value.strip().lower()) for value in values}
    if len(plain) != 2 or set(plain.values()).isdisjoint(WORDS["no"]):
        return ""
    return next((value for value, word in plain.items() if word in WORDS["yes"]), "")


# --- columns --------------------------------------------------------------------------------------


@dataclass(eq=False)
class Column:
    """What a column holds: counts and ends of all its rows, all else of the first ones."""

    name: str
    kind: str  # integer, number, time, truth, text or other
    rows: int
    filled: int
    distinct: int
    least: Any
    most: Any
    text: pd.Series = field(repr=False)
    read: pd.Series = field(repr=False)  # as numbers or times
    marks: tuple[str, ...] = ()  # decimal marks or orders of dates that fit; several: ambiguous
    counted: bool = False  # times as numbers: 20231231, or counted since a day
    nearly: tuple[str, str, float, str] | None = None  # as `reading.describe` says of some text

    def __post_init__(self):
        text, is_text = self.text.dropna(), self.kind == "text"
        numeric = self.numeric = self.kind in {"integer", "number"}
        numbers = self.read.dropna() if numeric and self.filled else pd.Series([0.5])
        says = self.says = suggested(self.name)
        self.base = next((kind for kind in ("demographic", "geographic") if kind in says), "plan")
        self.is_aside = bool(says & {"aside", "cost"}) and not has(self.name, WORDS["sums"])
        self.is_earlier = has(self.name, WORDS["earlier"])  # known before an experiment
        words, bare = parts(self.name), re.sub(r"\([^)]*\)", "", self.name)
        many = MANY.match(self.name) and len(words) > 2 and words[-1] != "id"
        self.is_count = "count" in says or bool(many)  # how many, such as NumStorePurchases
        self.is_paradata = letters(bare.partition(":")[0]) in LISTS["paradata"]
        self.perhaps_paradata = letters(bare) in LISTS["perhaps_paradata"]
        self.unique = self.rows > 0 and self.distinct == self.rows
        self.missing = 1 - self.filled / max(self.rows, 1)  # share
        self.per_value = self.filled / max(self.distinct, 1)  # rows with the same value
        self.varied = self.distinct > max(20, 0.3 * self.filled)  # values hardly return
        self.whole = float((numbers == numbers.round()).mean())  # share of whole numbers
        self.negative = float((numbers < 0).mean())
        self.length = float(text.str.len().mean()) if self.filled else 0.0
        self.words = float(text.str.count(" ").mean() + 1) if self.filled else 0.0
        self.free_text = is_text and self.varied and (self.words >= 3 or self.length > CODE)
        counts = text.value_counts().rename_axis("value").reset_index(name="n")
        counts = counts.sort_values(["n", "value"], ascending=[False, True]).head(COMMON)
        self.values = dict(zip(counts["value"], counts["n"].astype(int), strict=True))  # commonest
        coded = sum(any(c.isdigit() for c in value) for value in self.values)
        self.coded = coded > len(self.values) / 2  # figures, as in codes and not in names
        self.yes = yes(self.values)
        self.no = next((v for v in self.values if v != self.yes), "") if self.yes else ""
        self.promise = privacy.promised(self.name)
        self.personal = self._personal()
        person = words and "customer" in suggested(words[len(words) // 2])  # loyalty_tier_member
        measured = "measure" in says and not (person and self.distinct <= 0.9 * self.filled)
        ids = numeric and ("id" in says or (self.whole == 1 and not measured))
        positive = ids and self.least is not None and self.least >= 0
        short = is_text and self.length <= CODE and self.words < 2
        self.is_key = self.distinct > 1 and self.personal in {"", EMAIL} and (positive or short)

    def _personal(self) -> str:
        """Return the personal data that it holds, or ''; a name of what is sold is none."""
        if self.kind == "time" or (self.nearly and self.nearly[0] == TIME):
            return BIRTH if self.promise == BIRTH else ""
        thing = self.promise == PERSON and (self.coded or self.says & {"goods", "brand", "product"})
        named = "" if thing or self.distinct < 3 else self.name
        plain = self.kind in {"text", "integer"}
        return (privacy.of_most(self.values, named) or "") if plain else ""


# --- tables ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Table:
    """An opened source and what its columns look like."""

    source: str
    opened: Source
    columns: dict[str, Column]
    rows: int
    lookups: tuple[tuple[str, str], ...] = ()  # further sources with their keys, joined in order
    doubts: tuple[str, ...] = ()
    memory: dict = field(default_factory=dict, repr=False)  # what was looked up

    def __iter__(self):
        return iter(self.columns.values())

    def named(self, *roles: str) -> list[Column]:
        """Return the columns whose names suggest any of some roles."""
        return [column for column in self if column.says & {*roles}]

    @property
    def times(self) -> list[Column]:
        """The columns of times, those that are filled best first; never dates of birth."""
        whens = [c for c in self if c.kind == "time" and c.missing < 0.7 and c.personal != BIRTH]
        return sorted(whens, key=lambda c: (-(c.filled // max(c.rows / 20, 1)), -c.distinct))

    def at(self, name: str) -> ir.Column:
        """Return a column on the engine as what it is: texts of numbers as numbers."""
        column = self.columns[name]
        return _value(self.opened.table[name], column.kind, column.marks, column.counted)

    def decides(self, one: str, other: str) -> bool:
        """Return whether rows with one value of a column have one value of another, but for 1%."""
        if (one, other) not in self.memory:
            both = pd.DataFrame({"a": self.columns[one].text, "b": self.columns[other].text})
            both = both.dropna()
            pairs, singles = len(both.drop_duplicates()), both["a"].nunique()
            self.memory[one, other] = singles > 0 and pairs <= 1.01 * singles
        return self.memory[one, other]

    def bulk(self, name: str) -> tuple[datetime, datetime]:
        """Return the days between which all but two in a thousand times of a column lie."""
        seconds = self.at(name).cast("timestamp").epoch_seconds().cast("float64")
        ends = {"a": seconds.quantile(0.001), "b": seconds.quantile(0.999)}
        row = reading.row(self.opened.table, ends)
        return tuple(datetime.fromtimestamp(end, UTC).replace(tzinfo=None) for end in row.values())

    def counts(self, name: str) -> dict[str, int]:
        """Return the values of a column as text, in order, and how many rows have each."""
        if name not in self.memory:
            rows = self.opened.table.select(v=trimmed(self.opened.table[name]))
            rows = rows.filter(rows.v.notnull()).group_by("v").agg(n=ibis._.count()).order_by("v")
            result = rows.limit(SAMPLE).to_pyarrow().to_pydict()
            self.memory[name] = dict(zip(result["v"], result["n"], strict=True))
        return self.memory[name]

    def holds(self, name: str, keys: Iterable[str]) -> float:
        """Return the share of some keys, the first of many, that a column holds."""
        keys = list(keys)[:KEYS]
        rows = self.opened.table.select(v=trimmed(self.opened.table[name]))
        return rows.filter(rows.v.isin(keys)).v.nunique().to_pyarrow().as_py() / max(len(keys), 1)


def profile(source: str, opened: Source) -> Table:
    """Return what the columns of an opened source look like, their kinds as `describe` says."""
    table, measures, values = opened.table, {}, {}
    kinds = [_kind(opened, about) for about in describe(opened)]
    for about in kinds:
        name, kind = about["name"], about["kind"]
        text = trimmed(table[name])
        cast = {"time": "timestamp", "integer": "float64", "number": "float64"}.get(kind)
        read = _value(table[name], *(about[key] for key in ("kind", "marks", "counted")))
        read = read.cast(cast) if cast else text
        counts = {"filled": text.count(), "distinct": text.nunique()}
        measures[name] = counts | {"least": read.min(), "most": read.max()}
        values |= {f"text {name}": text, f"read {name}": read}
    rows, measured = table.count().to_pyarrow().as_py(), reading.each(table, measures, missing=None)
    first, columns = table.limit(SAMPLE).select(**values).to_pandas(), {}
    for about in kinds:
        name = about["name"]
        some = {"text": first[f"text {name}"], "read": first[f"read {name}"]}
        columns[name] = Column(**about, **measured[name], **some, rows=rows)
    return Table(source, opened, columns, rows)


def refuse_names(table: Table) -> None:
    """Refuse a file in which a value stands where a name is expected, or a name below the names."""
    for column in table:
        share, example = (column.nearly or ("", "", 0.0, ""))[2:]
        alone = column.filled > 2 and round(share * column.filled) == 1
        second = alone and column.text.iloc[0] == example and not any(c.isdigit() for c in example)
        if second or any("ImportId" in value for value in column.values):
            raise StudyError(
                f"{table.source}: the line below the names seems to belong to them, in "
                f"{column.name!r}: delete all lines between the names and the rows"
            )
        decimal = column.kind == "number" and re.fullmatch(DECIMAL, column.name)
        if decimal or (column.kind == "time" and re.match(r"\d{1,4}[-./]\d", column.name)):
            raise StudyError(
                f"{table.source} seems to have no line of names, its first line holds "
                f"{column.name!r}: write the names of the columns above it"
            )


def describe(source: Source) -> list[dict]:
    """Return what each column of an opened source holds, from its first rows.

    A dict a column: `name`; `kind` (integer, number, time, truth, text, other); `least` and `most`
    as text; of text that reads as numbers or dates, the `decimal` marks or `date` orders; where
    only some can be read, `nearly`: as what, by which mark, the share that cannot, one of those.
    """
    table, served = source.table.limit(SAMPLE), source.on_a_server
    table = ibis.memtable(table.to_pyarrow()) if served else table
    kinds = table.schema()
    texts = [name for name, kind in kinds.items() if kind.is_string() or kind.is_json()]
    readings, ends = reading.readings(table.select(texts), source.given) if texts else ({}, {})
    ends = {name: {"least": None, "most": None} for name in texts} | ends
    shown = {name: trimmed(table[name]) for name in kinds if name not in texts}
    ends |= reading.each(
        table, {n: {"least": v.min(), "most": v.max()} for n, v in shown.items()}, None
    )
    result = []
    for name, kind in kinds.items():
        about = _type_or_text(kind, readings.get(name, {}), source.typed)
        if served and name in texts and about["kind"] == "time":
            raise StudyError(f"column {name!r} {reading.cast(name, TIME)}")
        if served and name in texts and about["kind"] == "number":
            nearly = NUMBER, about["decimal"][0], 0.0, ends[name]["least"]
            about = {"kind": "text", "nearly": nearly}
        result.append({"name": name} | ends[name] | about)
    return result


def _type_or_text(kind: dt.DataType, by: dict[str, Reading], typed: bool) -> dict:
    """Return the kind of a column: that of its type, else that by which all its text is read."""
    full = [what for what, r in by.items() if r.filled and not r.failed]
    if WHOLE in full and not typed:
        return {"kind": "integer"}
    if NUMBER in full and WHOLE not in full:
        return {"kind": "number", "decimal": by[NUMBER].marks}
    parts = [by[what] for what in (TIME, NUMBER) if what in by]
    part = next((r for r in parts if r.marks and 0 < r.failed < r.filled), None)
    nearly = part and (part.what, part.marks[0], part.failed / part.filled, part.example)
    if TIME in full or (part and part.bearable):
        return {"kind": "time", "date": by[TIME].marks, "nearly": nearly}
    if kind.is_timestamp() or kind.is_date():
        return {"kind": "time"}
    kinds = {"truth": kind.is_boolean(), "integer": kind.is_integer(), "number": kind.is_numeric()}
    names = [name for name, fit in kinds.items() if fit] + ["text" if kind.is_string() else "other"]
    return {"kind": names[0], "nearly": nearly}


def _value(column: ir.Column, kind: str, marks: tuple[str, ...], counted: bool) -> ir.Column:
    if kind == "time" and (counted or column.type().is_string()):
        return reading.moment(column, marks[0] if marks else "YMD")
    if kind in {"integer", "number"} and not column.type().is_numeric():
        return reading.number(column, marks[0] if marks else ".", "float64")
    return column


def _kind(opened: Source, about: dict) -> dict:
    """Return kind and marks of a column that is described; INV-100 is no number, 20231231 a day."""
    name, kind, says = about["name"], about["kind"], suggested(about["name"])
    marks, nearly = tuple(about.get("decimal", about.get("date", ()))), about.get("nearly")
    known = {"name": name, "kind": kind, "marks": marks, "counted": False, "nearly": nearly}
    column, numeric = opened.table[name], kind in {"integer", "number"}
    if kind == "number" and column.type().is_string() and not says & {"amount", "price", "cost"}:
        codes = trimmed(column).upper().re_extract(r"^([A-Z]{3})[^A-Z]", 1).name("code")
        codes = codes.as_table().distinct().to_pyarrow()["code"].to_pylist()
        if {code for code in codes if code} - {*WORDS["currencies"].split()}:
            return known | {"kind": "text", "marks": ()}
    days = all(re.fullmatch(r"\d{8}", str(about[end])) for end in ("least", "most"))
    for order in ["YMD"] * days + [*COUNTED] * ("time" in says) if numeric else ():
        when, filled = reading.moment(column, order), trimmed(column).count()
        ends = {"n": when.count(), "all": filled, "a": when.year().min(), "b": when.year().max()}
        row = reading.row(opened.table, ends)
        if 0 < row["n"] == row["all"] and YEARS[0] <= row["a"] <= row["b"] <= YEARS[1]:
            return known | {"kind": "time", "marks": (order,), "counted": True}
    return known
