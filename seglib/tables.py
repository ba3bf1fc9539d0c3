"""Opens the tables of a study on an engine, their columns named by role."""

from __future__ import annotations

import importlib.util
import os
import re
from datetime import datetime
from pathlib import Path

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from seglib import schema, study
from seglib.schema import Study
from seglib.study import StudyError

MONEY = "decimal(18, 6)"  # sums of decimals do not depend on the order of addition
EXACT = {"amount", "quantity", "discount", "coupon"}
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
    """Return a sentence for each source or column of raw `tables` that is not there.

    Tables that are themselves mistaken are passed over: `study.problems` names those.
    """
    found, engine = [], _Engine(path.parent)
    for name, field in schema.Tables.model_fields.items():
        model = field.annotation.__args__[0]
        if not isinstance(raw.get(name), dict) or study.problems(raw[name], model):
            continue
        spec = model.model_validate(raw[name])
        try:
            known = list(engine.open(spec).columns)
        except StudyError as error:
            found.append(f"tables.{name}.source: {error}")
            continue
        for key, column in _named(spec):
            if column not in known:
                found.append(f"tables.{name}.{key}: found {column!r}{study.nearest(column, known)}")
    return found


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

    def open(self, spec) -> ir.Table:
        table = self.table(spec.source)
        if spec.lookup is None:
            return table
        more = self.table(spec.lookup.source)
        for side, columns in (("the table", table.columns), ("the lookup", more.columns)):
            if spec.lookup.key not in columns:
                hint = study.nearest(spec.lookup.key, list(columns))
                raise StudyError(f"lookup.key {spec.lookup.key!r} is not in {side}{hint}")
        return table.left_join(more, spec.lookup.key, rname="{name}_lookup")

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


def _named(spec) -> list[tuple[str, str]]:
    """Return (key in the study, column) for every column that a table's spec names."""
    roles = spec.columns.model_dump(exclude_none=True)
    pairs = [
        (f"columns.{role}", column)
        for role, columns in roles.items()
        for column in (columns if isinstance(columns, list) else [columns])
    ]
    return pairs + [(f"attributes.{column}", column) for column in spec.attributes]


def _by_role(engine: _Engine, spec, zone) -> ir.Table:
    table = engine.open(spec)
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
    if role not in {"time", "start", "end"}:
        return table[columns]
    when = table[columns].cast("timestamp")
    return _local_in(zone.local, _stored_in(zone.stored, when)) if zone else when


def midnight(day) -> ir.Scalar:
    """Return the first moment of a day as an engine value."""
    return ibis.literal(datetime(day.year, day.month, day.day))
