"""What columns hold and what their names suggest; values are trusted more than names."""

import re
import unicodedata
from collections.abc import Callable, Iterable
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
CODE = 40  # letters of the longest ids
YEARS = 1990, 2040  # of times that are written as numbers
DOUBTS = wording.table("doubts")
REASONS = DOUBTS["reasons"]
WRITTEN = {"DMY": "DD/MM/YYYY", "MDY": "MM/DD/YYYY", "YMD": "YYYY-MM-DD"}
WRITTEN["NAMED"] = "31 January 2024"
LEAST_PEOPLE = 10  # fewer different values than this are groups of people, not people
BIRTH, EMAIL, PERSON = "dates of birth", "e-mail addresses", "names of persons"


# --- names ----------------------------------------------------------------------------------------


def parts(name: str) -> list[str]:
    """Return the words of a name such as CustomerID in small letters, and each two as one."""
    spaced = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    words = re.findall(r"[a-z]+|\d+", _plain(spaced))
    return [*words, *("".join(pair) for pair in pairwise(words))]


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.translate(LETTERS)).lower()
    return "".join(c for c in plain if not unicodedata.combining(c))


@cache
def suggested(name: str) -> frozenset[str]:
    """Return the roles of which a name holds a word, or one that it begins with (Kundennummer)."""
    result = {form for word in parts(name) for form in (word, word.removesuffix("s"))}

    def fits(word: str) -> bool:
        begun = len(word) >= 5 and any(one.startswith(word) for one in result)
        return word.rstrip(".") in result or begun or (not word.isascii() and word in name)

    return frozenset(role for role, words in LISTS.items() if any(map(fits, words)))


def has(name: str, words: Iterable[str]) -> bool:
    """Return whether one of some words stands in a name as such."""
    return not set(words).isdisjoint(parts(name))


def heading(name: str) -> str:
    """Return a name as reports write it: of 'How much … [Price]?' what is asked."""
    inside = re.search(r"\[(.+)\]\s*$", name)
    plain = re.sub(r"\s*\([^)]*\)\s*$", "", inside[1] if inside else name).strip(" ?:.")
    plain = re.sub(r"(?<=[a-z]{2})[A-Z](?=[a-z])", lambda m: f" {m[0].lower()}", plain)
    plain = re.sub(r"[_.]+", " ", plain)
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
        self.is_aside = "aside" in says and not has(self.name, WORDS["sums"])  # a fee, no sum
        self.is_earlier = has(self.name, WORDS["earlier"])  # known before an experiment
        words, bare = parts(self.name), _plain(re.sub(r"\([^)]*\)", "", self.name))
        many = MANY.match(self.name) and len(words) > 2 and words[-1] != "id"
        self.is_count = "count" in says or bool(many)  # how many, such as NumStorePurchases
        self.is_paradata = "".join(re.findall("[a-z]+", bare)) in LISTS["paradata"]
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
        others = [value for value in self.values if value != self.yes]
        self.no = others[0] if self.yes else ""
        self.promise = privacy.promised(self.name)
        self.personal = self._personal()
        ids = self.kind == "integer" or (numeric and (self.whole == 1 or "id" in says))
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
    """Return what the columns of an opened source look like."""
    table, measures, values = opened.table, {}, {}
    kinds = _kinds(opened)
    for name, about in kinds.items():
        text = trimmed(table[name])
        cast = {"time": "timestamp", "integer": "float64", "number": "float64"}.get(about["kind"])
        read = _value(table[name], *(about[key] for key in ("kind", "marks", "counted")))
        read = read.cast(cast) if cast else text
        counts = {"filled": text.count(), "distinct": text.nunique()}
        measures[name] = counts | {"least": read.min(), "most": read.max()}
        values |= {f"text {name}": text, f"read {name}": read}
    rows, measured = table.count().to_pyarrow().as_py(), reading.each(table, measures, missing=None)
    first, columns = table.limit(SAMPLE).select(**values).to_pandas(), {}
    for name, about in kinds.items():
        some = {"text": first[f"text {name}"], "read": first[f"read {name}"], "rows": rows}
        columns[name] = Column(name, **about, **measured[name], **some)
    return Table(source, opened, columns, rows)


def _kinds(source: Source) -> dict[str, dict]:
    """Return kind, marks, counted and nearly of each column, from its first rows."""
    table, served = source.table.limit(SAMPLE), source.on_a_server
    table = ibis.memtable(table.to_pyarrow()) if served else table
    types = table.schema()
    texts = [name for name, kind in types.items() if kind.is_string() or kind.is_json()]
    readings = reading.readings(table.select(texts), source.given) if texts else {}
    result = {}
    for name, type_ in types.items():
        kind, marks, nearly = _kind(type_, readings.get(name, {}), source.typed)
        if served and name in texts and kind == "time":
            raise StudyError(f"column {name!r} {reading.cast(name, TIME)}")
        if served and name in texts and kind == "number":
            example = trimmed(table[name]).min().to_pyarrow().as_py()
            kind, nearly, marks = "text", (NUMBER, marks[0], 0.0, example), ()
        order = _counted(source, name) if kind in {"integer", "number"} else ""
        if order:
            kind, marks = "time", (order,)
        elif kind == "number" and not source.typed and _codes(source.table[name], name):
            kind, marks = "text", ()
        result[name] = {"kind": kind, "marks": marks, "counted": bool(order), "nearly": nearly}
    return result


def _kind(kind: dt.DataType, by: dict[str, Reading], typed: bool) -> tuple:
    """Return kind and marks of a column by its type or its text, and what it nearly is."""
    full = [what for what, r in by.items() if r.filled and not r.failed]
    if WHOLE in full and not typed:
        return "integer", (), None
    if NUMBER in full and WHOLE not in full:
        return "number", by[NUMBER].marks, None
    parts = [by[what] for what in (TIME, NUMBER) if what in by]
    part = next((r for r in parts if r.marks and 0 < r.failed < r.filled), None)
    nearly = part and (part.what, part.marks[0], part.failed / part.filled, part.example)
    if TIME in full or (part and part.bearable):
        return "time", by[TIME].marks, nearly
    kinds = {"time": kind.is_timestamp() or kind.is_date(), "truth": kind.is_boolean()}
    kinds |= {"integer": kind.is_integer(), "number": kind.is_numeric(), "text": kind.is_string()}
    return next((name for name, fit in kinds.items() if fit), "other"), (), nearly


def _value(column: ir.Column, kind: str, marks: tuple[str, ...], counted: bool) -> ir.Column:
    if kind == "time" and (counted or column.type().is_string()):
        return reading.moment(column, marks[0] if marks else "YMD")
    if kind in {"integer", "number"} and not column.type().is_numeric():
        return reading.number(column, marks[0] if marks else ".", "float64")
    return column


def _codes(column: ir.Column, name: str) -> bool:
    """Return whether numbers begin with three letters that are no currency, such as INV-100."""
    if suggested(name) & {"amount", "price"}:
        return False
    codes = trimmed(column).upper().re_extract(r"^([A-Z]{3})[^A-Z]", 1).name("code")
    codes = codes.as_table().distinct().to_pyarrow()["code"].to_pylist()
    return bool({code for code in codes if code} - {*WORDS["currencies"].split()})


def _counted(source: Source, name: str) -> str:
    """Return how numbers count days or times, such as 20231231; '' if they count none."""
    text = trimmed(source.table[name])
    row = reading.row(
        source.table, {"all": text.count(), "days": reading.fits(text, r"^\d{8}$").sum()}
    )
    days = ["YMD"] * (0 < row["all"] == row["days"])
    for order in days + [*COUNTED] * ("time" in suggested(name)):
        when = reading.moment(source.table[name], order)
        ends = {"n": when.count(), "a": when.year().min(), "b": when.year().max()}
        ends = reading.row(source.table, ends)
        if 0 < ends["n"] == row["all"] and YEARS[0] <= ends["a"] <= ends["b"] <= YEARS[1]:
            return order
    return ""


# --- guesses --------------------------------------------------------------------------------------


@dataclass
class Guess:
    """What a table seems to be: its name under `tables` in study.yaml, and what stands there."""

    kind: str
    table: Table
    roles: dict[str, str | list[str]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)  # role → what the guess is based on
    left: dict[str, str] = field(default_factory=dict)  # column → why it is left out
    attributes: dict[str, dict] = field(default_factory=dict)  # with `why` beside their keys
    outcomes: dict[str, dict] = field(default_factory=dict)
    keys: dict[str, object] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)  # answers that are none: Prefer not to say
    doubts: list[str] = field(default_factory=list)
    currency: str = ""

    def take(self, role: str, column: str | list[str], why: str) -> None:
        """Give a role to a column."""
        self.roles[role], self.why[role] = column, why

    def ask(self, doubt: str, **facts) -> None:
        """Add a doubt, a sentence of wording/doubts.yaml."""
        self.doubts.append(DOUBTS[doubt].format(**facts))

    def column(self, role: str) -> Column:
        """Return the column of a role."""
        return self.table.columns[self.roles[role]]

    @property
    def money(self) -> str:
        """The role that holds money, or ''."""
        return next((role for role in ("amount", "price") if role in self.roles), "")

    @property
    def taken(self) -> set[str]:
        """The columns that have a role."""
        return {c for v in self.roles.values() for c in (v if isinstance(v, list) else [v])}

    def free(self, role: str = "") -> list[Column]:
        """Return the columns without a role that vary, those whose names suggest it first."""
        free = [c for c in self.table if c.name not in self.taken and c.distinct > 1]
        return sorted((c for c in free if not c.personal), key=lambda c: role not in c.says)

    def first(self, role: str, fits: Callable[[Column], bool]) -> Column | None:
        """Return the first column without a role that fits one, by name or else by value."""
        return next((column for column in self.free(role) if fits(column)), None)

    def leave_others(self) -> None:
        """Say of each column that has no role and is not told of yet why it is left out."""
        for column in self.table:
            if column.name not in {*self.taken, *self.attributes, *self.outcomes}:
                self.left.setdefault(column.name, unused(column))


def unused(column: Column) -> str:
    """Return why a column is left out."""
    reasons = {
        f"personal data ({column.personal}); not needed": column.personal,
        "empty": column.filled == 0,
        "the same in every row that has it": column.distinct == 1,
        "free text": column.free_text,
        "another time": column.kind == "time",
        "lists or the like, which are not read": column.kind == "other",
        "numbers the rows": column.unique,
    }
    other = f"no role known for it ({column.distinct:,} different)"
    return next((why for why, fits in reasons.items() if fits), other)


def repeats(column: Column) -> str:
    """Return how often the values of a key return."""
    return f"{column.distinct:,} distinct in {column.filled:,} rows, {column.per_value:.1f} each"


def unique_key(table: Table) -> str:
    """Return the column that identifies a row and is no personal data, or ''."""
    keys = [c for c in table if c.unique and c.is_key and not c.personal]
    keys = [c for c in keys if c.says & {"id", "customer", "line"} or c.kind == "text"]
    keys.sort(key=lambda c: ("customer" not in c.says, "id" not in c.says))
    return keys[0].name if keys else ""


def told_apart(table: Table) -> str:
    """Return the personal column of which each row holds another value, or ''."""
    return next((c.name for c in table if c.unique and c.personal), "")
