"""The tables of a study, their columns named by role and of the role's type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from pydantic import BaseModel, ValidationError

from seglib import layout, study
from seglib.collection import databases, reading, text
from seglib.collection.reading import NUMBER, TIME, WHOLE, Reading
from seglib.collection.sources import Source, Sources, files
from seglib.formats import COUNTED, Format, strings
from seglib.study import Study, StudyError, nearest

MONEY = "decimal(18, 6)"  # sums of decimals do not depend on the order of addition
KEYS = ("customer", "product", "campaign")  # what rows of several tables have in common
EXACT = {"amount", "price", "quantity", "discount", "coupon"}
TIMES = {"time", "start", "end"}
QUESTIONS = {  # what to ask where a text reads in two ways
    NUMBER: "with a decimal mark or with groups of thousands, such as {!r}: say which in the "
    'table\'s `format`, decimal: "," or decimal: "."',
    TIME: "day first or month first, such as {!r}: say which in the table's `format`, "
    "date: DD/MM/YYYY or date: MM/DD/YYYY",
}


class Tables(dict):
    """The tables of a study by name, and in `texts` what of their sources is held as text.

    `texts` lists the name of a table, its source, and (role, column) of its numbers and times.
    """

    texts: Sequence[tuple[str, ir.Table, list[tuple[str, str]]]] = ()


@dataclass
class Opened:
    """The sources of one table: its own and those of its lookups, in their order."""

    parts: list[Source] = field(default_factory=list)
    readings: list[dict[str, Reading]] = field(default_factory=list)  # as in parts

    @property
    def columns(self) -> list[str]:
        """The columns of all sources."""
        return [column for part in self.parts for column in part.table.columns]

    def at(self, column: str) -> int:
        """Return which source has a column, the table's own before the lookups'."""
        return next(i for i, part in enumerate(self.parts) if column in part.table.columns)

    def kind(self, column: str) -> dt.DataType:
        """Return the type of a column."""
        return self.parts[self.at(column)].table.schema()[column]

    def reading(self, column: str) -> Reading | None:
        """Return how a column of text is read; None if it has a type of its own."""
        return self.readings[self.at(column)].get(column)


@ibis.udf.scalar.builtin(name="timezone")
def _stored_in(zone: str, when: dt.Timestamp()) -> dt.Timestamp("UTC"):
    """Read a time without zone as one of the given zone."""


@ibis.udf.scalar.builtin(name="timezone")
def _local_in(zone: str, when: dt.Timestamp("UTC")) -> dt.Timestamp():
    """Write a time with zone as the clock of the given zone."""


def open_tables(loaded: Study) -> dict[str, ir.Table]:
    """Open every table of a study with its columns renamed to their roles.

    Parameters
    ----------
    loaded
        The study.

    Returns
    -------
    dict of ibis.Table
        By table name; columns are the roles, then the attributes under their own names, all on
        the engine of the first table. Lists of columns (`discount`, `coupon`) are summed; times
        of transactions are local; attributes that are not numeric are text.

    Raises
    ------
    StudyError
        Listing everything that cannot be opened or found, at once.
    """
    opened: dict[str, Opened] = {}
    raw = loaded.tables.model_dump(exclude_none=True)
    study.complain(loaded.path, list(_problems(Sources(loaded.folder), raw, opened)))
    tables = {
        name: _by_role(opened[name], spec, loaded.timezone if name == "transactions" else None)
        for name in layout.Tables.model_fields
        if (spec := getattr(loaded.tables, name))
    }
    home = ibis.get_backend(next(iter(tables.values())))
    tables = {name: databases.bring(table, home) for name, table in _same_keys(tables).items()}
    if home.name == "duckdb":  # text and zones of time are read once, not with every question
        tables = {name: databases.keep(table) for name, table in tables.items()}
    result = Tables(tables)
    result.texts = [text for name in tables for text in _texts(loaded, name, opened[name])]
    return result


def problems(raw: dict, path: Path) -> list[str]:
    """Return a sentence for each source or column of raw `tables` that is not there or unfit.

    What `study.problems` finds is left to it; the rest of a mistaken table is checked all the same.
    Only columns of text are read, to see whether they hold the numbers or times of their role.
    """
    return list(_problems(Sources(path.parent), raw, {}))


def _problems(sources: Sources, raw: dict, opened: dict[str, Opened]) -> Iterator[str]:
    """Yield what is wrong with raw tables; what can be opened is put into `opened`."""
    for name, model in layout.Tables.model_fields.items():
        if isinstance(raw.get(name), dict):
            opened[name] = Opened()
            for fault in _faults(sources, raw[name], model.annotation.__args__[0], opened[name]):
                yield f"tables.{name}.{fault}"


def source_files(loaded: Study) -> list[Path]:
    """Return the files that a study reads, in order; tables on a server are not among them."""
    return [path for s in _named_sources(loaded) for path in files(s, loaded.folder)]


def on_a_server(loaded: Study) -> bool:
    """Return whether a table or a lookup is on a server, whose state is not known."""
    return any(source.startswith("${") for source in _named_sources(loaded))


def _named_sources(loaded: Study) -> list[str]:
    specs = [getattr(loaded.tables, name) for name in layout.Tables.model_fields]
    return [s.source for spec in specs if spec for s in (spec, *layout.chain(spec.lookup))]


def _texts(loaded: Study, name: str, opened: Opened) -> Iterator[tuple]:
    """Yield name, table of a source, and (role, column) of its numbers and times held as text."""
    roles = getattr(loaded.tables, name).columns.model_dump(exclude_none=True)
    wanted = [(role, c) for role in roles if role in EXACT | TIMES for c in strings(roles[role])]
    for part in opened.parts:
        schema = part.table.schema()
        texts = [(role, c) for role, c in sorted(wanted) if c in schema and schema[c].is_string()]
        if texts:
            yield name, part.table, texts


def midnight(day) -> ir.Scalar:
    """Return the first moment of a day as an engine value."""
    return ibis.literal(datetime(day.year, day.month, day.day))


def _by_role(opened: Opened, spec, zone) -> ir.Table:
    """Return a table whose columns are roles, attributes and outcomes."""
    table = _joined(opened, spec)
    roles = spec.columns.model_dump(exclude_none=True)
    named = roles.pop("campaign") if roles.get("campaign") == layout.FILE else ""
    chosen = {r: _role(table, opened, r, columns, zone) for r, columns in roles.items() if columns}
    if named:
        chosen["campaign"] = ibis.literal(Path(spec.source).stem)
    if placeholders := getattr(spec, "placeholders", ()):
        nobody = reading.trimmed(chosen["customer"]).lower().isin(_lower(placeholders))
        chosen["customer"] = nobody.ifelse(None, chosen["customer"])
    if "price" in chosen:
        chosen["amount"] = (chosen.pop("price") * chosen["quantity"]).cast(MONEY)
    labels = getattr(spec, "labels", {})
    for role in {"level", "group"} & set(chosen if labels else ()):
        chosen[role] = reading.text(chosen[role]).substitute(labels)
    described = {}
    for name, about in {**spec.attributes, **getattr(spec, "outcomes", {})}.items():
        numeric = about.kind in {"numeric", "count", "money"}
        column = about.column or name
        number = _number(table, opened, column, "float64") if numeric else None
        words = None if numeric else reading.trimmed(table[column])
        blank = getattr(about, "blank", "")  # what the study says that an empty cell means
        described[name] = number if numeric else words.fill_null(blank) if blank else words
    rows = table.select(**chosen, **described)
    if excluded := getattr(spec, "excluded", ()):
        gone = reading.trimmed(rows.status).lower().isin(_lower(excluded))
        rows = rows.filter(~gone.fill_null(False)).drop("status")
    return rows.distinct() if isinstance(spec, layout.Products) else rows


def _lower(values: list[str]) -> list[str]:
    return sorted({value.strip().lower() for value in values})


def _joined(opened: Opened, spec) -> ir.Table:
    """Return a table with the columns of its lookups."""
    table = opened.parts[0].table
    for i, lookup in enumerate(layout.chain(spec.lookup), 1):
        key, more = lookup.key, databases.bring(opened.parts[i].table, ibis.get_backend(table))
        one = _key(table[key], opened.reading(key))
        other = _key(more[key], opened.readings[i].get(key))
        if one.type().is_string() != other.type().is_string():
            one, other = reading.text(one), reading.text(other)
        table, more = table.mutate(**{key: one}), more.mutate(**{key: other})
        table = table.left_join(more, key, rname="{name}_lookup")
    return table


def _key(column: ir.Column, read: Reading | None) -> ir.Column:
    """Return ids as whole numbers if all are, else as they stand."""
    if read is None or read.what != WHOLE:
        return column
    return reading.trimmed(column) if read.failed else reading.whole(column)


def _role(table: ir.Table, opened: Opened, role: str, columns, zone) -> ir.Column:
    """Return the column of a role; several are added up."""
    if role in EXACT:
        parts = [_number(table, opened, column, MONEY) for column in strings(columns)]
        return parts[0] if len(parts) == 1 else sum((p.fill_null(0) for p in parts[1:]), parts[0])
    if columns == layout.ROW and columns not in table.columns:
        return ibis.row_number().cast("int64") + 1
    column, read = table[columns], opened.reading(columns)
    if role not in TIMES:
        return _key(column, read)
    when = reading.moment(column, *read.marks) if read else column.cast("timestamp")
    return _local_in(zone.local, _stored_in(zone.stored, when)) if zone else when


def _number(table: ir.Table, opened: Opened, column: str, kind: str) -> ir.NumericColumn:
    read = opened.reading(column)
    if read:
        return reading.number(table[column], *read.marks, kind)
    if kind != MONEY or table[column].type().is_boolean():
        return table[column].cast(kind)
    sane = table[column].abs() < reading.MOST  # not so: infinite, no number, or beyond all money
    return sane.ifelse(table[column], None).cast(kind)


def _same_keys(tables: dict[str, ir.Table]) -> dict[str, ir.Table]:
    """Return the tables with a key as text in all of them if it is text in any."""
    for key in KEYS:
        holders = {name: table for name, table in tables.items() if key in table.columns}
        if len({table[key].type().is_string() for table in holders.values()}) > 1:
            tables |= {n: t.mutate(**{key: reading.text(t[key])}) for n, t in holders.items()}
    return tables


def _faults(sources: Sources, raw: dict, model: type[BaseModel], opened: Opened) -> Iterator[str]:
    """Yield what is wrong with a raw table, its lookup and its columns.

    What can be opened, and how its columns of text are to be read, is put into `opened`.
    """
    lookup = _valid(layout.Lookup, raw.get("lookup"))
    wanted = [("source", raw.get("source"), _valid(Format, raw.get("format", {})))]
    chain = layout.chain(lookup)
    wanted += [(f"{'lookup.' * i}source", one.source, one.format) for i, one in enumerate(chain, 1)]
    for key, source, given in wanted:
        yield from _open(sources, key, source, given, opened)
    if not opened.parts:
        return
    whole = len(opened.parts) == len(wanted) and bool(lookup or not raw.get("lookup"))
    unkeyed = list(_unkeyed(opened, chain)) if whole else []
    yield from unkeyed
    there = []
    for key, column, what in _named(raw, model):
        if column == layout.ROW and key == "columns.customer" and model is layout.Customers:
            if str(raw.get("source")).startswith("${"):
                yield f"{key}: rows of a database have no order: expected a column, not {column}"
        elif column == layout.FILE and key == "columns.campaign" and model is layout.Campaigns:
            continue
        elif column in opened.columns:
            there.append((key, column, what))
        elif whole:
            yield f"{key}: found {column!r}{nearest(column, opened.columns)}"
    keys = [one.key for one in chain] if whole and not unkeyed else []
    counted = "columns.time" if model is layout.Transactions else ""  # rows without are dropped
    yield from _misfits(opened, there, keys, counted)


def _open(sources: Sources, key: str, source, given, opened: Opened) -> Iterator[str]:
    """Open a source, yield why it cannot be, or which of its encodings has to be chosen."""
    if not isinstance(source, str):
        return
    try:
        part = sources.open(source, given)
    except StudyError as error:
        yield f"{key}: {error}"
        return
    opened.parts.append(part)
    if question := text.question(source, part.encodings):
        yield f"{key}: {question}"


def _unkeyed(opened: Opened, chain: list[layout.Lookup]) -> Iterator[str]:
    """Yield on which side the key of a lookup is not."""
    for i, lookup in enumerate(chain, 1):
        before = [column for part in opened.parts[:i] for column in part.table.columns]
        for side, there in (("table", before), ("lookup", opened.parts[i].table.columns)):
            if lookup.key not in there:
                hint = nearest(lookup.key, list(there))
                yield f"{'lookup.' * i}key: {lookup.key!r} is not in the {side}{hint}"


def _valid(model: type[BaseModel], raw):
    """Return a raw block as its model; None if it is mistaken or not there."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def _named(raw: dict, model: type[BaseModel]) -> list[tuple[str, str, str]]:
    """Return key in the study, column and what it is for each column that a table rightly names."""
    roles = model.model_fields["columns"].annotation.model_fields
    blocks = {
        block: raw[block] if isinstance(raw.get(block), dict) else {}
        for block in ("columns", "outcomes", "attributes")
    }
    named = [
        (f"columns.{role}", column, NUMBER if role in EXACT else TIME if role in TIMES else WHOLE)
        for role, columns in blocks["columns"].items()
        if role in roles and (isinstance(columns, str) or roles[role].annotation == list[str])
        for column in strings(columns) or []
    ]
    for block in ("outcomes", "attributes"):
        for name, spec in blocks[block].items():
            about = spec if isinstance(spec, dict) else {}
            numeric = about.get("kind") in ("numeric", "count", "money")
            column = str(about.get("column") or name)
            named.append((f"{block}.{name}", column, NUMBER if numeric else ""))
    return named


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
        index = opened.at(column)
        if fault := _unlike(opened.parts[index], column, what):
            yield f"{place}: column {column!r} {fault}"
        elif _read(opened.parts[index], column, what):
            wanted[index][column] = what
    for index, part in enumerate(opened.parts):
        try:
            opened.readings[index] = reading.look(part.table, wanted[index], part.given)
        except Exception as error:  # the engine has a class of errors for every format
            yield f"{'lookup.' * index}source: cannot be read: {type(error).__name__}"
    for place, column, _ in there:
        read = opened.reading(column)
        few = place == counted and read is not None and read.bearable and len(read.marks) == 1
        if (fault := _unreadable(read)) and not few:
            yield f"{place}: column {column!r} {fault}"


def _read(part: Source, column: str, what: str) -> bool:
    """Return whether the values of a column are to be read as what it is, and do not say so."""
    kind, date = part.table.schema()[column], part.given.date
    if what == WHOLE:
        return not part.typed or kind.is_floating() or kind.is_decimal()
    days = kind.is_integer() and date == "YMD"  # 20231231
    numbers = what == TIME and (days or (kind.is_numeric() and date in COUNTED))
    return bool(what) and (kind.is_string() or kind.is_json() or numbers)


def _unlike(part: Source, column: str, what: str) -> str:
    """Return why a column of a type cannot be what is wanted; nothing if it could."""
    kind = part.table.schema()[column]
    fits = {
        NUMBER: kind.is_numeric() or kind.is_boolean(),
        TIME: kind.is_timestamp() or kind.is_date(),
    }
    if fits.get(what, True) or kind.is_null():
        return ""
    if not _read(part, column, what):
        return f"holds {kind}, expected {what}"
    counted = kind.is_numeric() and part.given.date in COUNTED
    return reading.cast(column, what) if part.on_a_server and not counted else ""


def _unreadable(read: Reading | None) -> str:
    """Return why a text cannot be read as what is wanted; nothing if it can."""
    if read is None or read.what == WHOLE:
        return ""
    if len(read.marks) > 1:
        return "reads " + QUESTIONS[read.what].format(read.example[:40])
    if not read.failed:
        return ""
    return (
        f"is text and {read.failed:,} of its {read.filled:,} values are not {read.what}, such "
        f"as {read.example[:40]!r}; expected {read.what}: mend them, or list under "
        "`format.missing` what stands for nothing"
    )
