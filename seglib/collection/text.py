"""Text files: the encoding of their letters, the delimiter of their columns, the row of names."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import charset_normalizer
import duckdb

from seglib.formats import SPACES, Format
from seglib.study import StudyError

BLOCK = 1 << 20
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


def as_utf8(path: Path, given: Format, folder: Path) -> Path:
    """Return a file with the same text in UTF-8: itself, or a copy in the folder."""
    encoding, spaced = given.encoding or _unicode(path), given.delimiter == SPACES
    if not encoding:
        raise StudyError(encoding_question(path)[1])
    if encoding == "utf-8" and not spaced and (not given.encoding or _decodes(path)):
        return path
    copy = folder / f"{len(list(folder.iterdir()))}{path.suffix}"
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
    return "utf-8" if _decodes(path) else ""


def _decodes(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            while file.read(BLOCK):
                pass
    except UnicodeDecodeError:
        return False
    return True


def encoding_question(path: Path) -> tuple[str, str]:
    """Return the likeliest encoding of text and what to ask about it; nothing for Unicode.

    charset-normalizer takes Western letters for Central European ones: text that reads as letters
    of Western languages comes first as such.
    """
    if _unicode(path):
        return "", ""
    with path.open("rb") as file:
        lines = b"".join(islice((line for line in file if not line.isascii()), LINES))
    names = [match.encoding for match in charset_normalizer.from_bytes(lines, cp_isolation=USUAL)]
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
    """Return names, delimiter and lines above the first row of values of a CSV file in UTF-8.

    A column without a name has an empty one; the delimiter is that of the study, else the one that
    DuckDB's sniffer sees.
    """
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
    """Yield the records of a file, each with the number of lines before it."""
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
