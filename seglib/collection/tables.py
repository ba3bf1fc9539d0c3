"""The tables of a study, their columns named by role and of the role's type."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

import ibis
import ibis.expr.types as ir
from pydantic import BaseModel, ValidationError

from seglib import layout, runs, study
from seglib.collection import databases, reading
from seglib.collection.reading import EXACT, MONEY, NUMBER, TIME, WHOLE, Reading, Source
from seglib.collection.sources import Sources, files
from seglib.formats import COUNTED, Format, strings
from seglib.study import Study, StudyError, nearest

KEYS = ("customer", "product", "campaign")  # what rows of several tables have in common
TIMES = {"time", "start", "end"}
NUMERIC = {"numeric", "count", "money"}  # kinds of attributes and outcomes that are numbers
QUESTIONS = {  # what to ask where a text reads in two ways
    NUMBER: "with a decimal mark or with groups of thousands, such as {!r}: say which in the "
    'table\'s `format`, decimal: "," or decimal: "."',
    TIME: "day first or month first, such as {!r}: say which in the table's `format`, "
    "date: DD/MM/YYYY or date: MM/DD/YYYY",
}


class Tables(dict):
    """The tables of a study by name; `texts`: name, source, (role, column) of what is text."""

    texts: Sequence[tuple[str, ir.Table, list[tuple[str, str]]]] = ()


@dataclass
class Opened:
    """The sources of one table, its own before those of its lookups, and how their text is read."""

    parts: list[Source] = field(default_factory=list)
    readings: list[dict[str, Reading]] = field(default_factory=list)  # as in parts

    def at(self, column: str) -> int:
        """Return which source has a column, the table's own before the lookups'."""
        return next(i for i, part in enumerate(self.parts) if column in part.table.columns)

    def reading(self, column: str) -> Reading | None:
        """Return how a column of text is read; None if it has a type of its own."""
        return self.readings[self.at(column)].get(column)


def open_tables(loaded: Study) -> Tables:
    """Open every table of a study with its columns renamed to their roles.

    By table name; columns are the roles, then the attributes under their own names, all on the
    engine of the study, or else of the first table. Lists of columns (`discount`, `coupon`) are
    summed; times of transactions are local; attributes that are not numeric are text. A StudyError
    lists everything that cannot be opened or found.
    """
    opened: dict[str, Opened] = {}
    raw = loaded.tables.model_dump(exclude_none=True)
    cluster = databases.spark() if loaded.engine == "spark" else None
    sources = Sources(loaded.folder, runs.engine(), cluster)
    study.complain(loaded.path, list(_problems(sources, raw, opened)))
    specs = {name: getattr(loaded.tables, name) for name in opened}
    zones = {"transactions": loaded.timezone}
    tables = {n: _by_role(opened[n], spec, zones.get(n)) for n, spec in specs.items()}
    home = sources.cluster or ibis.get_backend(next(iter(tables.values())))
    for key in KEYS:  # text in all tables if it is text in any
        kinds = {table[key].type().is_string() for table in tables.values() if key in table.columns}
        for name, table in tables.items():
            if len(kinds) > 1 and key in table.columns:
                tables[name] = table.mutate(**{key: reading.text(table[key])})
    tables = {name: databases.bring(table, home) for name, table in tables.items()}
    if home.name != "postgres":  # text and zones of time are read once, not with every question
        tables = {name: databases.keep(table) for name, table in tables.items()}
    result = Tables(tables)
    result.texts = [each for name in tables for each in _texts(name, specs[name], opened[name])]
    return result


def problems(raw: dict, path: Path) -> list[str]:
    """Return a sentence for each source or column of raw `tables` that is not there or unfit.

    The rest of a mistaken table is checked all the same; only columns of text are read.
    """
    return list(_problems(Sources(path.parent, runs.engine()), raw, {}))


def source_files(loaded: Study) -> list[Path]:
    """Return the files that a study reads, in order; tables on a server are not among them."""
    return [path for s in _sources_of(loaded) for path in files(s, loaded.folder)]


def on_a_server(loaded: Study) -> bool:
    """Return whether a table or a lookup is on a server, whose state is not known."""
    return any(source.startswith("${") for source in _sources_of(loaded))


def _sources_of(loaded: Study) -> list[str]:
    specs = [getattr(loaded.tables, name) for name in layout.Tables.model_fields]
    return [s.source for spec in specs if spec for s in (spec, *layout.chain(spec.lookup))]


# --- columns by role ------------------------------------------------------------------------------


def _texts(name: str, spec, opened: Opened) -> Iterator[tuple]:
    """Yield name, table of a source, and (role, column) of its numbers and times held as text."""
    roles = spec.columns.model_dump(exclude_none=True)
    wanted = sorted((r, c) for r in roles if r in EXACT | TIMES for c in strings(roles[r]))
    for part in opened.parts:
        schema = part.table.schema()
        texts = [(role, c) for role, c in wanted if c in schema and schema[c].is_string()]
        if texts:
            yield name, part.table, texts


def _by_role(opened: Opened, spec, zone) -> ir.Table:
    table = _joined(opened, spec)
    roles = {r: c for r, c in spec.columns.model_dump(exclude_none=True).items() if c}
    by_file = roles.get("campaign") == layout.FILE and roles.pop("campaign")
    chosen = {r: _role(table, opened, r, columns, zone) for r, columns in roles.items()}
    if by_file:
        chosen["campaign"] = ibis.literal(Path(spec.source).stem)
    if nobody := getattr(spec, "placeholders", ()):
        chosen["customer"] = _one_of(chosen["customer"], nobody).ifelse(None, chosen["customer"])
    if "price" in chosen:
        chosen["amount"] = (chosen.pop("price") * chosen["quantity"]).cast(MONEY)
    if labels := getattr(spec, "labels", {}):
        texts = {role: reading.text(chosen[role]) for role in {"level", "group"} & set(chosen)}
        chosen |= {role: column.substitute(labels) for role, column in texts.items()}
    described = {}
    for name, about in {**spec.attributes, **getattr(spec, "outcomes", {})}.items():
        column, blank = about.column or name, getattr(about, "blank", "")
        if about.kind in NUMERIC:
            described[name] = _number(table, opened, column, "float64")
        else:
            words = reading.trimmed(table[column])  # `blank`: what an empty cell means
            described[name] = words.fill_null(blank) if blank else words
    rows = table.select(**chosen, **described)
    if excluded := getattr(spec, "excluded", ()):
        rows = rows.filter(~_one_of(rows.status, excluded).fill_null(False)).drop("status")
    return rows.distinct() if isinstance(spec, layout.Products) else rows


def _one_of(column: ir.Column, values: Sequence[str]) -> ir.BooleanColumn:
    small = sorted({value.strip().lower() for value in values})
    return reading.trimmed(column).lower().isin(small)


def _joined(opened: Opened, spec) -> ir.Table:
    table = opened.parts[0].table
    for i, lookup in enumerate(layout.chain(spec.lookup), 1):
        key, more = lookup.key, databases.bring(opened.parts[i].table, ibis.get_backend(table))
        one = _key(table, key, opened.reading(key))
        other = _key(more, key, opened.readings[i].get(key))
        if one.type().is_string() != other.type().is_string():
            one, other = reading.text(one), reading.text(other)
        table, more = table.mutate(**{key: one}), more.mutate(**{key: other})
        table = table.left_join(more, key, rname="{name}_lookup")
    return table


def _key(table: ir.Table, column: str, read: Reading | None) -> ir.Column:
    if read is None or read.what != WHOLE:
        return table[column]
    return reading.trimmed(table[column]) if read.failed else table[read.name]


def _role(table: ir.Table, opened: Opened, role: str, columns, zone) -> ir.Column:
    """Return the column of a role; several are added up."""
    if role in EXACT:
        first, *more = (_number(table, opened, column, MONEY) for column in strings(columns))
        return reduce(lambda total, part: total + part.fill_null(0), more, first)
    if columns == layout.ROW and columns not in table.columns:
        return ibis.row_number().cast("int64") + 1
    read = opened.reading(columns)
    if role not in TIMES:
        return _key(table, columns, read)
    when = table[read.name] if read else table[columns].cast("timestamp")
    engine = ibis.get_backend(table).name
    return databases.local_time(when, zone.stored, zone.local, engine) if zone else when


def _number(table: ir.Table, opened: Opened, column: str, kind: str) -> ir.NumericColumn:
    values = table[column]
    if read := opened.reading(column):
        return table[read.name] if kind == MONEY else reading.number(values, *read.marks, kind)
    if kind == MONEY and not values.type().is_boolean():  # not infinite, nor beyond all money
        values = (values.abs() < reading.MOST).ifelse(values, None)
    return values.cast(kind)


# --- what is wrong with sources and columns -------------------------------------------------------


def _problems(sources: Sources, raw: dict, opened: dict[str, Opened]) -> Iterator[str]:
    for name, model in layout.Tables.model_fields.items():
        if isinstance(raw.get(name), dict):
            opened[name] = Opened()
            for fault in _faults(sources, raw[name], model.annotation.__args__[0], opened[name]):
                yield f"tables.{name}.{fault}"


def _faults(sources: Sources, raw: dict, model: type[BaseModel], opened: Opened) -> Iterator[str]:
    """Yield what is wrong with a raw table, its lookups and its columns; fill in `opened`."""
    lookup = _valid(layout.Lookup, raw.get("lookup"))
    chain = layout.chain(lookup)
    wanted = [(raw.get("source"), _valid(Format, raw.get("format", {})))]
    wanted += [(one.source, one.format) for one in chain]
    for i, (source, given) in enumerate(wanted):
        try:
            part = sources.open(source, given) if isinstance(source, str) else None
        except StudyError as error:
            yield f"{'lookup.' * i}source: {error}"
            continue
        if part:
            opened.parts.append(part)
    if not opened.parts:
        return
    whole = len(opened.parts) == len(wanted) and bool(lookup or not raw.get("lookup"))
    unkeyed = list(_unkeyed(opened, chain)) if whole else []
    yield from unkeyed
    there, names = [], [c for part in opened.parts for c in part.table.columns]
    for key, column, what in _named(raw, model):
        by_file = column == layout.FILE and key == "columns.campaign" and model is layout.Campaigns
        by_row = column == layout.ROW and key == "columns.customer" and model is layout.Customers
        if by_row and opened.parts[0].on_a_server:
            yield f"{key}: rows of a database have no order: expected a column, not {column}"
        elif column in names and not (by_file or by_row):
            there.append((key, column, what))
        elif whole and not (by_file or by_row):
            yield f"{key}: found {column!r}{nearest(column, names)}"
    keys = [one.key for one in chain] if whole and not unkeyed else []
    counted = "columns.time" if model is layout.Transactions else ""  # rows without are dropped
    yield from _misfits(opened, there, keys, counted)


def _unkeyed(opened: Opened, chain: list[layout.Lookup]) -> Iterator[str]:
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


def _named(raw: dict, model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    """Yield key in the study, column and what it is for each column that a table rightly names."""
    roles = model.model_fields["columns"].annotation.model_fields
    blocks = {key: raw[key] for key in raw if isinstance(raw[key], dict)}
    for role, columns in blocks.get("columns", {}).items():
        if role in roles and (isinstance(columns, str) or roles[role].annotation == list[str]):
            what = NUMBER if role in EXACT else TIME if role in TIMES else WHOLE
            for column in strings(columns) or []:
                yield f"columns.{role}", column, what
    for block in ("outcomes", "attributes"):
        for name, spec in blocks.get(block, {}).items():
            about = spec if isinstance(spec, dict) else {}
            what = NUMBER if about.get("kind") in NUMERIC else ""
            yield f"{block}.{name}", str(about.get("column") or name), what


def _misfits(
    opened: Opened, there: list[tuple[str, str, str]], keys: list[str], counted: str
) -> Iterator[str]:
    """Yield why columns cannot play their roles; remember how columns of text are to be read."""
    wanted = [
        {} if part.typed else {key: WHOLE for key in keys if key in part.table.columns}
        for part in opened.parts
    ]
    for place, column, what in there:
        index = opened.at(column)
        read, fault = _unlike(opened.parts[index], column, what)
        if fault:
            yield f"{place}: column {column!r} {fault}"
        elif read:
            wanted[index][column] = what
    opened.readings = [{} for _ in opened.parts]
    for index, part in enumerate(opened.parts):
        try:
            opened.readings[index], table = reading.look(part.table, wanted[index], part.given)
            opened.parts[index] = replace(part, table=table)
        except Exception as error:  # the engine has a class of errors for every format
            yield f"{'lookup.' * index}source: cannot be read: {type(error).__name__}"
    for place, column, _ in there:
        read = opened.reading(column)
        few = place == counted and read is not None and read.bearable and len(read.marks) == 1
        if (fault := _unreadable(read)) and not few:
            yield f"{place}: column {column!r} {fault}"


def _unlike(part: Source, column: str, what: str) -> tuple[bool, str]:
    kind, date = part.table.schema()[column], part.given.date
    if what == WHOLE:
        return not part.typed or kind.is_floating() or kind.is_decimal(), ""
    number, day = kind.is_numeric() or kind.is_boolean(), kind.is_timestamp() or kind.is_date()
    if not what or kind.is_null() or (number if what == NUMBER else day):
        return False, ""
    days = kind.is_integer() and date == "YMD" and not part.on_a_server  # 20231231
    if days or (kind.is_numeric() and date in COUNTED):
        return True, ""
    if kind.is_string() or kind.is_json():
        return True, reading.cast(part.table, column, what) if part.on_a_server else ""
    return False, f"holds {kind}, expected {what}"


def _unreadable(read: Reading | None) -> str:
    if read is None or read.what == WHOLE or (len(read.marks) < 2 and not read.failed):
        return ""
    if len(read.marks) > 1:
        return "reads " + QUESTIONS[read.what].format(read.example[:40])
    percent = read.what == NUMBER and read.example.rstrip().endswith("%")
    cure = "mend them, or list under `format.missing` what stands for nothing"
    return (
        f"is text and {read.failed:,} of its {read.filled:,} values are not {read.what}, such as "
        f"{read.example[:40]!r}; expected {read.what}: {'take off the % sign' if percent else cure}"
    )
