"""Whether the sources of a table are there and its columns can play the roles they are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import ibis.expr.datatypes as dt
from pydantic import BaseModel, ValidationError

from seglib import layout, reading, study
from seglib.format import COUNTED, Format, strings
from seglib.reading import NUMBER, TIME, WHOLE, Reading
from seglib.sources import Source, Sources
from seglib.study import StudyError

EXACT = {"amount", "price", "quantity", "discount", "coupon"}
TIMES = {"time", "start", "end"}
QUESTIONS = {  # what to ask where a text reads in two ways
    NUMBER: ("with a decimal mark or with groups of thousands", "decimal", ('","', '"."')),
    TIME: ("day first or month first", "date", ("DD/MM/YYYY", "MM/DD/YYYY")),
}


@dataclass
class Opened:
    """The sources of one table: its own and those of its lookups, in their order."""

    parts: list[Source] = field(default_factory=list)
    readings: list[dict[str, Reading]] = field(default_factory=list)  # as in parts

    def at(self, column: str) -> int:
        """Return which source has a column, the table's own before the lookups'."""
        return next(i for i, part in enumerate(self.parts) if column in part.table.columns)

    def kind(self, column: str) -> dt.DataType:
        """Return the type of a column."""
        return self.parts[self.at(column)].table.schema()[column]

    def reading(self, column: str) -> Reading | None:
        """Return how a column of text is read; None if it has a type of its own."""
        return self.readings[self.at(column)].get(column)


def faults(sources: Sources, raw: dict, model: type[BaseModel], opened: Opened) -> Iterator[str]:
    """Yield what is wrong with a raw table, its lookup and its columns.

    Parameters
    ----------
    sources
        What opens sources.
    raw
        The block of study.yaml below `tables.NAME`.
    model
        What that block should be.
    opened
        Is filled with what could be opened, and how its columns of text are to be read.
    """
    lookup = _valid(layout.Lookup, raw.get("lookup"))
    chain = layout.chain(lookup)
    wanted = [("source", raw.get("source"), _valid(Format, raw.get("format", {})))]
    wanted += [(f"{'lookup.' * i}source", one.source, one.format) for i, one in enumerate(chain, 1)]
    for key, source, given in wanted:
        if isinstance(source, str):
            try:
                opened.parts.append(sources.open(source, given))
            except StudyError as error:
                yield f"{key}: {error}"
    if not opened.parts:
        return
    whole = len(opened.parts) == len(wanted) and bool(lookup or not raw.get("lookup"))
    unkeyed = list(_unkeyed(opened, chain)) if whole else []
    yield from unkeyed
    columns = [column for part in opened.parts for column in part.table.columns]
    there = []
    for role, key, column, kind in _named(raw, model):
        if column == layout.ROW and role == "customer" and model is layout.Customers:
            if not str(raw.get("source")).startswith("${"):
                continue
            yield f"{key}: rows of a database have no order: expected a column, not {layout.ROW}"
        elif column in columns:
            there.append((key, column, _wanted(role, kind, opened, column)))
        elif whole:
            yield f"{key}: found {column!r}{study.nearest(column, columns)}"
    keys = [one.key for one in chain] if whole and not unkeyed else []
    counted = "columns.time" if model is layout.Transactions else ""  # rows without are dropped
    yield from _misfits(opened, there, keys, counted)


def _unkeyed(opened: Opened, chain: list[layout.Lookup]) -> Iterator[str]:
    """Yield on which side the key of a lookup is not."""
    for i, lookup in enumerate(chain, 1):
        before = [column for part in opened.parts[:i] for column in part.table.columns]
        for side, there in (("table", before), ("lookup", opened.parts[i].table.columns)):
            if lookup.key not in there:
                hint = study.nearest(lookup.key, list(there))
                yield f"{'lookup.' * i}key: {lookup.key!r} is not in the {side}{hint}"


def _valid(model: type[BaseModel], raw):
    """Return a raw block as its model; None if it is mistaken or not there."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def _named(raw: dict, model: type[BaseModel]) -> list[tuple[str, str, str, str]]:
    """Return (role, key in the study, column, kind) for every column that a table rightly names."""
    roles = model.model_fields["columns"].annotation.model_fields
    given = raw["columns"] if isinstance(raw.get("columns"), dict) else {}
    attributes = raw["attributes"] if isinstance(raw.get("attributes"), dict) else {}
    pairs = [
        (role, f"columns.{role}", column, "")
        for role, columns in given.items()
        if role in roles and (isinstance(columns, str) or roles[role].annotation == list[str])
        for column in strings(columns) or []
    ]
    outcomes = raw["outcomes"] if isinstance(raw.get("outcomes"), dict) else {}
    pairs += [
        (
            "", f"outcomes.{name}", _column(name, spec),
            "numeric" * (_kind(spec) in {"count", "money"}),
        )
        for name, spec in outcomes.items()
    ]  # fmt: skip
    return pairs + [
        ("", f"attributes.{name}", _column(name, spec), _kind(spec))
        for name, spec in attributes.items()
    ]


def _column(name, spec) -> str:
    """Return the column in the source of an attribute or an outcome."""
    return str((spec.get("column") if isinstance(spec, dict) else "") or name)


def _kind(spec) -> str:
    return str(spec.get("kind")) if isinstance(spec, dict) else ""


def _wanted(role: str, kind: str, opened: Opened, column: str) -> str:
    """Return what a column must be read as: numbers, times, ids if they are, or nothing."""
    if role in EXACT or kind == "numeric":
        return NUMBER
    if role in TIMES:
        return TIME
    part, held = opened.parts[opened.at(column)], opened.kind(column)
    loose = not part.typed or held.is_floating() or held.is_decimal()
    return WHOLE if role and loose else ""


def _misfits(
    opened: Opened, there: list[tuple[str, str, str]], keys: list[str], counted: str
) -> Iterator[str]:
    """Yield why columns cannot play their roles; remember how columns of text are to be read.

    What is missing at the place `counted` is counted by the checks: a few values may be no times.
    """
    wanted = [
        {} if part.typed else {key: WHOLE for key in keys if key in part.table.columns}
        for part in opened.parts
    ]
    opened.readings = [{} for _ in opened.parts]
    for place, column, what in there:
        index, kind = opened.at(column), opened.kind(column)
        given = opened.parts[index].given
        if fault := _unlike(kind, what, given):
            yield f"{place}: column {column!r} {fault}"
        elif what and (what == WHOLE or _is_text(kind, what, given)):
            wanted[index][column] = what
    for index, part in enumerate(opened.parts):
        try:
            opened.readings[index] = reading.look(part.table, wanted[index], part.given)
        except Exception as error:  # the engine has a class of errors for every format
            yield f"{'lookup.' * index}source: cannot be read: {type(error).__name__}"
    for place, column, _ in there:
        found = opened.reading(column)
        few = place == counted and found is not None and found.bearable
        if (fault := _unreadable(found)) and not (few and len(found.marks) == 1):
            yield f"{place}: column {column!r} {fault}"


def _is_text(kind: dt.DataType, what: str, given: Format) -> bool:
    days = kind.is_integer() and given.date == "YMD"  # 20231231
    counted = kind.is_numeric() and given.date in COUNTED
    return kind.is_string() or kind.is_json() or (what == TIME and (days or counted))


def _unlike(kind: dt.DataType, what: str, given: Format) -> str:
    """Return why a column of a type cannot be what is wanted; nothing if it could."""
    fits = {
        NUMBER: kind.is_numeric() or kind.is_boolean(),
        TIME: kind.is_timestamp() or kind.is_date(),
    }
    if fits.get(what, True) or kind.is_null() or _is_text(kind, what, given):
        return ""
    return f"holds {kind}, expected {what}"


def _unreadable(found: Reading | None) -> str:
    """Return why a text cannot be read as what is wanted; nothing if it can."""
    if found is None or found.what == WHOLE:
        return ""
    if len(found.marks) > 1:
        ways, key, (one, other) = QUESTIONS[found.what]
        return (
            f"reads {ways}, such as {found.example[:40]!r}: say which in the table's "
            f"`format`, {key}: {one} or {key}: {other}"
        )
    if not found.failed:
        return ""
    return (
        f"is text and {found.failed:,} of its {found.filled:,} values are not {found.what}, such "
        f"as {found.example[:40]!r}; expected {found.what}: mend them, or list under "
        "`format.missing` what stands for nothing"
    )
