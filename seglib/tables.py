"""The tables of a study, their columns named by role and of the role's type."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from seglib import layout, reading, roles, study
from seglib.reading import WHOLE, Reading
from seglib.roles import EXACT, TIMES, Opened
from seglib.schema import Study
from seglib.sources import Sources, database, place

MONEY = "decimal(18, 6)"  # sums of decimals do not depend on the order of addition
KEYS = ("customer", "product", "campaign")  # what rows of several tables have in common


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
    sources = Sources(loaded.folder)
    raw = loaded.tables.model_dump(exclude_none=True)
    study.complain(loaded.path, list(_problems(sources, raw, opened)))
    found = {
        name: _by_role(opened[name], spec, loaded.timezone if name == "transactions" else None)
        for name in layout.Tables.model_fields
        if (spec := getattr(loaded.tables, name))
    }
    home = ibis.get_backend(next(iter(found.values())))
    found = {name: database.bring(table, home) for name, table in _same_keys(found).items()}
    text = {name for name in found if not all(part.typed for part in opened[name].parts)}
    return {n: database.keep(table) if n in text else table for n, table in found.items()}


def problems(raw: dict, path: Path) -> list[str]:
    """Return a sentence for each source or column of raw `tables` that is not there or unfit.

    What `study.problems` finds is left to it; the rest of a mistaken table is checked all the same.
    Only columns of text are read, to see whether they hold the numbers or times of their role.
    """
    return list(_problems(Sources(path.parent), raw, {}))


def source_files(loaded: Study) -> list[Path]:
    """Return the files that a study reads, in order; tables on a server are not among them."""
    return [path for s in _named_sources(loaded) for path in place.files(s, loaded.folder)]


def on_a_server(loaded: Study) -> bool:
    """Return whether a table or a lookup is on a server, whose state is not known."""
    return any(source.startswith("${") for source in _named_sources(loaded))


def _named_sources(loaded: Study) -> list[str]:
    specs = [getattr(loaded.tables, name) for name in layout.Tables.model_fields]
    return [s.source for spec in specs if spec for s in (spec, *layout.chain(spec.lookup))]


def _problems(sources: Sources, raw: dict, opened: dict[str, Opened]) -> Iterator[str]:
    """Yield what is wrong with raw tables; what can be opened is put into `opened`."""
    for name, model in layout.Tables.model_fields.items():
        if isinstance(raw.get(name), dict):
            opened[name] = Opened()
            for fault in roles.faults(
                sources, raw[name], model.annotation.__args__[0], opened[name]
            ):
                yield f"tables.{name}.{fault}"


def _by_role(opened: Opened, spec, zone) -> ir.Table:
    table = _joined(opened, spec)
    asked = spec.columns.model_dump(exclude_none=True)
    chosen = {r: _role(table, opened, r, columns, zone) for r, columns in asked.items() if columns}
    if placeholders := getattr(spec, "placeholders", ()):
        nobody = reading.trimmed(chosen["customer"]).lower().isin(_lower(placeholders))
        chosen["customer"] = ibis.ifelse(nobody, None, chosen["customer"])
    if "price" in chosen:
        chosen["amount"] = (chosen.pop("price") * chosen["quantity"]).cast(MONEY)
    labels = getattr(spec, "labels", {})
    for role in {"level", "group"} & set(chosen if labels else ()):
        chosen[role] = reading.text(chosen[role]).substitute(labels)
    attributes = {
        name: _number(table, opened, given.column or name, "float64")
        if given.kind == "numeric"
        else _answered(table[given.column or name], given.blank)
        for name, given in spec.attributes.items()
    }
    outcomes = {
        name: reading.trimmed(table[given.column or name])
        if given.kind == "yes/no"
        else _number(table, opened, given.column or name, "float64")
        for name, given in getattr(spec, "outcomes", {}).items()
    }
    rows = table.select(**chosen, **attributes, **outcomes)
    if excluded := getattr(spec, "excluded", ()):
        rows = rows.filter(
            ~reading.trimmed(rows.status).lower().isin(_lower(excluded)).fill_null(False)
        )
        rows = rows.drop("status")
    return rows.distinct() if isinstance(spec, layout.Products) else rows


def _lower(values: list[str]) -> list[str]:
    return sorted({value.strip().lower() for value in values})


def _answered(column: ir.Column, blank: str) -> ir.StringColumn:
    """Return a column as text, an empty cell as what the study says that it means."""
    text = reading.trimmed(column)
    return text.fill_null(blank) if blank else text


def _joined(opened: Opened, spec) -> ir.Table:
    """Return a table with the columns of its lookups."""
    table = opened.parts[0].table
    for i, lookup in enumerate(layout.chain(spec.lookup), 1):
        key, more = lookup.key, database.bring(opened.parts[i].table, ibis.get_backend(table))
        sides = [
            _key(table[key], opened.reading(key)), _key(more[key], opened.readings[i].get(key))
        ]  # fmt: skip
        if sides[0].type().is_string() != sides[1].type().is_string():
            sides = [reading.text(side) for side in sides]
        table, more = table.mutate(**{key: sides[0]}), more.mutate(**{key: sides[1]})
        table = table.left_join(more, key, rname="{name}_lookup")
    return table


def _key(column: ir.Column, found: Reading | None) -> ir.Column:
    """Return ids as whole numbers if all are, else as they stand."""
    if found is None or found.what != WHOLE:
        return column
    return reading.trimmed(column) if found.failed else reading.whole(column)


def _role(table: ir.Table, opened: Opened, role: str, columns, zone) -> ir.Column:
    if role in EXACT:
        columns = columns if isinstance(columns, list) else [columns]
        parts = [_number(table, opened, c, MONEY) for c in columns]
        return parts[0] if len(parts) == 1 else sum((p.fill_null(0) for p in parts[1:]), parts[0])
    if columns == layout.ROW and columns not in table.columns:
        return ibis.row_number().cast("int64") + 1
    column, found = table[columns], opened.reading(columns)
    if role not in TIMES:
        return _key(column, found)
    when = reading.moment(column, *found.marks) if found else column.cast("timestamp")
    return _local_in(zone.local, _stored_in(zone.stored, when)) if zone else when


def _number(table: ir.Table, opened: Opened, column: str, kind: str) -> ir.NumericColumn:
    found = opened.reading(column)
    if found:
        return reading.number(table[column], *found.marks, kind)
    if kind != MONEY or table[column].type().is_boolean():
        return table[column].cast(kind)
    sane = table[column].abs() < reading.MOST  # not so: infinite, no number, or beyond all money
    return ibis.ifelse(sane, table[column], None).cast(kind)


def _same_keys(found: dict[str, ir.Table]) -> dict[str, ir.Table]:
    """Return the tables with a key as text in all of them if it is text in any."""
    for key in KEYS:
        holders = {name: table for name, table in found.items() if key in table.columns}
        if len({table[key].type().is_string() for table in holders.values()}) > 1:
            changed = {n: t.mutate(**{key: reading.text(t[key])}) for n, t in holders.items()}
            found = found | changed
    return found


def midnight(day) -> ir.Scalar:
    """Return the first moment of a day as an engine value."""
    return ibis.literal(datetime(day.year, day.month, day.day))


def texts(loaded: Study) -> Iterator[tuple[str, ir.Table, list[tuple[str, str]]]]:
    """Yield name, table of the source, and (role, column) of its numbers and times held as text.

    They are opened, not read: `open_tables` has said what is wrong with them.
    """
    sources = Sources(loaded.folder)
    for name in layout.Tables.model_fields:
        spec = getattr(loaded.tables, name)
        for part in (spec, spec.lookup) if spec else ():
            if part:
                table = sources.open(part.source, part.format).table
                named = spec.columns.model_dump(exclude_none=True).items()
                columns = [
                    (role, column)
                    for role, chosen in named
                    if role in EXACT | TIMES
                    for column in ([chosen] if isinstance(chosen, str) else chosen)
                    if column in table.columns and table[column].type().is_string()
                ]
                if columns:
                    yield name, table, columns
