"""Opens the tables of a study on an engine, their columns named by role."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import ibis
import ibis.common.exceptions as ibis_errors
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from pydantic import BaseModel, ValidationError

from seglib import schema, study
from seglib.schema import Study
from seglib.study import StudyError

MONEY = "decimal(18, 6)"  # sums of decimals do not depend on the order of addition
EXACT = {"amount", "quantity", "discount", "coupon"}
TIMES = {"time", "start", "end"}
READERS = {
    ".parquet": "read_parquet",
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".jsonl": "read_json",
}


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
        By table name; columns are the roles, then the attributes under their own names.
        Lists of columns (`discount`, `coupon`) are summed; times of transactions are local.

    Raises
    ------
    StudyError
        Listing everything that cannot be opened or found, at once.
    """
    study.complain(loaded.path, problems(loaded.tables.model_dump(exclude_none=True), loaded.path))
    engine = _Engine(loaded.folder)
    return {
        name: _by_role(engine, spec, loaded.timezone if name == "transactions" else None)
        for name in schema.Tables.model_fields
        if (spec := getattr(loaded.tables, name))
    }


def problems(raw: dict, path: Path) -> list[str]:
    """Return a sentence for each source or column of raw `tables` that is not there or unfit.

    What `study.problems` finds is left to it; the rest of a mistaken table is checked all the same.
    Only columns of text are read, to see whether they hold the numbers or times of their role.
    """
    engine = _Engine(path.parent)
    return [
        f"tables.{name}.{sentence}"
        for name, field in schema.Tables.model_fields.items()
        if isinstance(raw.get(name), dict)
        for sentence in _faults(engine, raw[name], field.annotation.__args__[0])
    ]


def _faults(engine: _Engine, raw: dict, model: type[BaseModel]) -> Iterator[str]:
    """Yield what is wrong with a raw table once its source is opened."""
    if not isinstance(raw.get("source"), str):
        return
    lookup = _valid(schema.Lookup, raw.get("lookup"))
    try:
        table = engine.open(raw["source"], lookup)
    except StudyError as error:
        yield f"source: {error}"
        return
    whole = not raw.get("lookup") or lookup  # else a column may belong to the mistaken lookup
    for role, key, column in _named(raw, model):
        if column in table.columns:
            fault = _misfit(table[column], role)
            yield from [f"{key}: column {column!r} {fault}"] if fault else []
        elif whole:
            yield f"{key}: found {column!r}{study.nearest(column, list(table.columns))}"


def _valid(model: type[BaseModel], raw):
    """Return a raw block as its model; None if it is mistaken or not there."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def _named(raw: dict, model: type[BaseModel]) -> list[tuple[str, str, str]]:
    """Return (role, key in the study, column) for every column that a raw table rightly names."""
    roles = model.model_fields["columns"].annotation.model_fields
    given = raw["columns"] if isinstance(raw.get("columns"), dict) else {}
    attributes = raw["attributes"] if isinstance(raw.get("attributes"), dict) else {}
    pairs = [
        (role, f"columns.{role}", column)
        for role, columns in given.items()
        if role in roles and (isinstance(columns, str) or roles[role].annotation == list[str])
        for column in schema.strings(columns) or []
    ]
    return pairs + [("", f"attributes.{column}", column) for column in map(str, attributes)]


def _misfit(column: ir.Column, role: str) -> str:
    """Return why a column cannot play a role of numbers or times; nothing if it can."""
    kind, what = column.type(), "numbers" if role in EXACT else "dates or times"
    fits = {
        "numbers": kind.is_numeric() or kind.is_boolean(),
        "dates or times": kind.is_timestamp() or kind.is_date(),
    }
    if role not in EXACT | TIMES or kind.is_null() or fits[what]:
        return ""
    if not (kind.is_string() or kind.is_json()):
        return f"holds {kind}, expected {what}"
    try:
        return _unreadable(column, MONEY if role in EXACT else "timestamp", what)
    except (ibis_errors.OperationNotDefinedError, ibis_errors.UnsupportedOperationError):
        return ""  # an engine that cannot try is left to fail by itself
    except Exception as error:  # the engine has a class of errors for every format
        return f"cannot be read: {_first_line(error)}"


def _unreadable(column: ir.Column, target: str, what: str) -> str:
    """Return how many values of a text are not of the target type; nothing if none is."""
    bad = column.notnull() & column.try_cast(target).isnull()
    text = column.cast("string")
    counts = {"filled": column.count(), "failed": bad.sum(), "example": text.min(where=bad)}
    row = column.as_table().aggregate(**counts).execute().iloc[0]
    if not row["failed"] > 0:
        return ""
    return (
        f"is text and {row['failed']:,} of its {row['filled']:,} values are not {what}, "
        f"such as {row['example'][:40]!r}; expected {what}"
    )


def source_files(loaded: Study) -> list[Path]:
    """Return the files that a study reads, in order; tables in a database are not among them."""
    engine = _Engine(loaded.folder)
    specs = [getattr(loaded.tables, name) for name in schema.Tables.model_fields]
    sources = [s.source for spec in specs if spec for s in (spec, spec.lookup) if s]
    return [path for source in sources if "#" not in source for path in engine.paths(source)]


class _Engine:
    """Connections by address, and the reading of files into the local one."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.connections: dict[str, ibis.BaseBackend] = {}

    def open(self, source: str, lookup: schema.Lookup | None) -> ir.Table:
        table = self.table(source)
        if lookup is None:
            return table
        more = self.table(lookup.source)
        for side, columns in (("the table", table.columns), ("the lookup", more.columns)):
            if lookup.key not in columns:
                hint = study.nearest(lookup.key, list(columns))
                raise StudyError(f"lookup.key {lookup.key!r} is not in {side}{hint}")
        return table.left_join(more, lookup.key, rname="{name}_lookup")

    def table(self, source: str) -> ir.Table:
        if "#" in source:
            return self.database_table(*source.rsplit("#", 1))
        paths = self.paths(source)
        reader = READERS.get(paths[0].suffix.lower())
        if reader is None:
            raise StudyError(
                f"{paths[0].name} has the ending {paths[0].suffix!r}, expected one of "
                f"{', '.join(READERS)}"
            )
        try:
            return getattr(self.local(), reader)([str(p) for p in paths])
        except Exception as error:  # the engine has a class of errors for every format
            raise StudyError(f"{paths[0].name} cannot be read: {_first_line(error)}") from None

    def local(self) -> ibis.BaseBackend:
        if "" not in self.connections:
            self.connections[""] = ibis.duckdb.connect()
        return self.connections[""]

    def database_table(self, address: str, table: str) -> ir.Table:
        variable = re.fullmatch(r"\$\{(\w+)\}", address)
        if not variable:
            raise StudyError(
                "the address of a database belongs in an environment variable: "
                "write ${NAME}#table in study.yaml"
            )
        url = os.environ.get(variable[1])
        if not url:
            raise StudyError(f"the environment variable {variable[1]} is not set")
        try:
            if address not in self.connections:
                self.connections[address] = ibis.connect(url)
            return self.connections[address].table(table)
        except Exception as error:
            safe = _first_line(error).replace(url, f"${{{variable[1]}}}")
            raise StudyError(f"{address}#{table} cannot be opened: {safe}") from None

    def paths(self, source: str) -> list[Path]:
        if source.startswith("package:"):
            package, _, inside = source.removeprefix("package:").partition("/")
            spec = importlib.util.find_spec(package) if package.isidentifier() else None
            if spec is None or not spec.submodule_search_locations:
                raise StudyError(
                    f"the Python package {package!r} is not installed: pip install "
                    f"{package.replace('_', '-')}"
                )
            root, pattern = Path(spec.submodule_search_locations[0]), inside
        else:
            given = Path(os.path.expanduser(source))
            root = Path(given.anchor) if given.is_absolute() else self.folder
            pattern = str(given.relative_to(given.anchor)) if given.is_absolute() else source
        exact = root / pattern
        found = [exact] if exact.is_file() else sorted(root.glob(pattern)) if "*" in pattern else []
        if not found:
            raise StudyError(f"no file {source!r}{_near_file(exact)}")
        return found


def _near_file(path: Path) -> str:
    names = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
    return study.nearest(path.name, sorted(names)) if names else f": {path.parent} does not exist"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _by_role(engine: _Engine, spec, zone) -> ir.Table:
    table = engine.open(spec.source, spec.lookup)
    roles = spec.columns.model_dump(exclude_none=True)
    chosen = {role: _role(table, role, columns, zone) for role, columns in roles.items() if columns}
    labels = getattr(spec, "labels", {})
    for role in {"level", "group"} & set(chosen if labels else ()):
        chosen[role] = chosen[role].cast("string").substitute(labels)
    return table.select(**chosen, **{name: table[name] for name in spec.attributes})


def _role(table: ir.Table, role: str, columns, zone) -> ir.Column:
    if role in EXACT:
        columns = columns if isinstance(columns, list) else [columns]
        parts = [table[c].cast(MONEY) for c in columns]
        return parts[0] if len(parts) == 1 else sum((p.fill_null(0) for p in parts[1:]), parts[0])
    if role not in TIMES:
        return table[columns]
    when = table[columns].cast("timestamp")
    return _local_in(zone.local, _stored_in(zone.stored, when)) if zone else when


def midnight(day) -> ir.Scalar:
    """Return the first moment of a day as an engine value."""
    return ibis.literal(datetime(day.year, day.month, day.day))
