"""Text files: how their bytes are letters, what sets their columns apart, what they are called."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seglib.format import SPACES, Format
from seglib.sources import header
from seglib.study import StudyError

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 500  # records from which the delimiter is told
BLOCK = 1 << 20
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
KINDS = {  # how files begin that are no text, whatever their name says
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "an Excel file or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel file or one with a password",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class Layout:
    """How a text file is laid out.

    Attributes
    ----------
    columns
        The names of its columns, in order.
    delimiter
        One character.
    skip
        Lines before the first row of values.
    """

    columns: tuple[str, ...]
    delimiter: str
    skip: int


def as_utf8(path: Path, given: Format, folder: Path) -> Path:
    """Return a file with the same text in UTF-8: the file itself, or a copy in a folder.

    Without a word from the study the encoding is that of the byte order mark, else UTF-8 if every
    byte is valid, else Windows-1252, of which Latin-1 is the printable part.

    Raises
    ------
    StudyError
        If the file is empty, is no text, or is not written in the encoding that the study names.
    """
    with path.open("rb") as file:
        start = file.read(BLOCK)
    if not start.strip():
        raise StudyError(f"{path.name} is empty: expected a line of names and rows below it")
    encoding = given.encoding or _encoding(path, start)
    spaced = given.delimiter == SPACES
    if encoding == "utf-8" and not spaced and (not given.encoding or _decodes(path, encoding)):
        return path
    copy = folder / f"{len(list(folder.iterdir()))}{path.suffix}"
    try:
        with (
            path.open(encoding=encoding, newline="") as text,
            copy.open("w", encoding="utf-8", newline="") as out,
        ):
            for piece in _tabbed(text) if spaced else iter(lambda: text.read(BLOCK), ""):
                out.write(piece)
    except (UnicodeError, ValueError) as error:
        raise StudyError(
            f"{path.name} is not written in {encoding}: {_reason(error)}; "
            "mend the key `encoding` of its `format` or leave it out"
        ) from None
    return copy


def _tabbed(text) -> Iterator[str]:
    """Yield lines whose columns are set apart by blanks with tabs instead."""
    return ("\t".join(line.split()) + "\n" for line in text if line.strip())


def _reason(error: Exception) -> str:
    return getattr(error, "reason", "") or str(error)


def _encoding(path: Path, start: bytes) -> str:
    kind = next((kind for magic, kind in KINDS.items() if start.startswith(magic)), "")
    if kind:
        raise StudyError(f"{path.name} is {kind}, not text: give it the ending of what it is")
    for mark, name in BOMS.items():
        if start.startswith(mark):
            return name
    sample = start[:4096]
    if b"\0" in sample:
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if max(even, odd) > len(sample) / 5 and min(even, odd) < len(sample) / 100:
            return "utf-16-le" if odd > even else "utf-16-be"
    if sum(byte < 32 and byte not in b"\t\n\r\f\x1a" for byte in sample) > len(sample) / 100:
        raise StudyError(
            f"{path.name} is not text: expected a CSV file; export it again, or give it the "
            "ending of what it is"
        )
    if _decodes(path, "utf-8"):
        return "utf-8"
    return "cp1252" if _decodes(path, "cp1252") else "latin-1"


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def layout(path: Path, name: str, given: Format) -> Layout:
    """Return how a CSV file in UTF-8 is laid out.

    Parameters
    ----------
    path
        The file.
    name
        What the user calls it.
    given
        What the study says of it; without a delimiter, that one is taken by which most lines have
        equally many columns.

    Raises
    ------
    StudyError
        If it has no rows, a single column that hides others, or a name twice.
    """
    spaced = given.delimiter == SPACES
    delimiter = "\t" if spaced else given.delimiter or _delimiter(path)
    records = list(islice(_records(path, delimiter), LOOKED_AT))
    widths = Counter(len(record) for _, record in records if any(record))
    if not widths:
        raise StudyError(f"{name} is empty: expected a line of names and rows below it")
    width = max(widths, key=lambda w: (widths[w], w))
    if given.header:
        return _named(name, given.header, width, delimiter)
    wide = [i for i, (_, record) in enumerate(records) if len(record) == width]
    first = wide[header.at([records[i][1] for i in wide])]
    before, names = records[first]
    names = tuple(column.strip() for column in names)
    if len(records) == first + 1:
        raise StudyError(f"{name} holds a line of names and no rows: export it again")
    _check_names(name, names, given)
    return Layout(names, delimiter, before + 1)


def _named(name: str, header: list[str], width: int, delimiter: str) -> Layout:
    if len(header) != width:
        raise StudyError(
            f"{name} has {width} columns and `format.header` names {len(header)}: name each"
        )
    return Layout(tuple(header), delimiter, 0)


def _check_names(name: str, names: tuple[str, ...], given: Format) -> None:
    twice = [column for column, count in Counter(names).items() if count > 1 and column]
    if twice:
        raise StudyError(f"{name} has two columns named {twice[0]!r}: rename one of them")
    hidden = [d for d in (*DELIMITERS, " ") if len(names) == 1 and names[0].count(d) > 1]
    if hidden:
        by = f"with the delimiter {given.delimiter!r} " if given.delimiter else ""
        raise StudyError(
            f"{name} {by}has a single column, whose first line holds {hidden[0]!r} "
            f"{names[0].count(hidden[0])} times: say in the table's `format` which `delimiter` "
            "sets its columns apart"
        )


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a file, each with the number of lines before it."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        before = 0
        try:
            for record in reader:
                yield before, record
                before = reader.line_num
        except csv.Error:  # a field without end: what was read until there must do
            return


def _delimiter(path: Path) -> str:
    """Return the delimiter by which most records have as many columns as the first."""
    best, chosen = (0.0, 0), ","
    for delimiter in DELIMITERS:
        records = [r for _, r in islice(_records(path, delimiter), LOOKED_AT) if any(r)]
        widths = Counter(map(len, records))
        width = max(widths, key=lambda w: (widths[w], w), default=1)
        share = widths[width] / max(len(records), 1)
        if records and len(records[0]) != width:
            share /= 2  # lines above the names are rarer than decimal commas below them
        if width > 1 and (share, width) > best:
            best, chosen = (share, width), delimiter
    return chosen
