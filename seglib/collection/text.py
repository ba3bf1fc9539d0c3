"""Text files: the encoding of their letters, the delimiter of their columns, the row of names."""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations_with_replacement, islice, pairwise
from pathlib import Path
from typing import Any

import duckdb

from seglib import wording
from seglib.formats import SPACES, Format
from seglib.study import StudyError

BLOCK = 1 << 20
RECORDS = 500  # from which the row of names is told
LINES = 5_000  # with letters beyond ASCII, from which the encoding is told
MARGIN = 3.0  # by how much the log-likelihood of one encoding must exceed all others': 20 to 1
IMPLAUSIBLE = -9.0  # log-likelihood of a letter beyond ASCII below which no encoding is right
LATIN, NEVER = -3.0, -14.0  # log-likelihood of a letter of ASCII, and of one of no language
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
BINARY = {  # how files begin that are no text, whatever their name says
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "an Excel file or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel file or one with a password",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
}
WORDS = wording.table("encodings")
ALPHABETS, COMMON = WORDS["alphabets"], WORDS["common"]


def as_utf8(path: Path, given: Format, folder: Path) -> tuple[Path, dict[str, str]]:
    """Return a file with the same text in UTF-8, and the encodings that the file may have.

    These are encoding → letters of the file as they read in it, the likeliest first, by which the
    copy in `folder` is read; none for Unicode and for what the study names.
    """
    with path.open("rb") as file:
        start = file.read(BLOCK)
    if not start.strip():
        raise StudyError(f"{path.name} is empty: expected a line of names and rows below it")
    encodings = {} if given.encoding or (unicode := _unicode(path, start)) else _plausible(path)
    encoding = given.encoding or unicode or next(iter(encodings))
    spaced = given.delimiter == SPACES
    if encoding == "utf-8" and not spaced and (not given.encoding or _decodes(path)):
        return path, {}
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
    return copy, encodings


# --- encodings ------------------------------------------------------------------------------------


def _unicode(path: Path, start: bytes) -> str:
    """Return the Unicode encoding of a file, nothing if it has another."""
    if kind := next((kind for magic, kind in BINARY.items() if start.startswith(magic)), ""):
        raise StudyError(f"{path.name} is {kind}, not text: give it the ending of what it is")
    if mark := next((name for mark, name in BOMS.items() if start.startswith(mark)), ""):
        return mark
    sample = start[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) > len(sample) / 5 and min(even, odd) < len(sample) / 100:
        return "utf-16-le" if odd > even else "utf-16-be"
    if sum(byte < 32 and byte not in b"\t\n\r\f\x1a" for byte in sample) > len(sample) / 100:
        raise StudyError(
            f"{path.name} is not text: expected a CSV file; export it again, or give it the "
            "ending of what it is"
        )
    return "utf-8" if _decodes(path) else ""


def _decodes(path: Path) -> bool:
    """Return whether every byte of a file is UTF-8."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            while file.read(BLOCK):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _plausible(path: Path) -> dict[str, str]:
    """Return the encodings, none of Unicode, by which a file reads as somebody's language.

    More than one is returned if none is twenty times as likely as the others, or if even the
    likeliest gives no language; each with letters as they read in it, the likeliest first.
    """
    with path.open("rb") as file:
        lines = b"".join(islice((line for line in file if not line.isascii()), LINES))
    scores, words = {}, {}
    for encoding in (*ALPHABETS, *COMMON):
        try:
            text = lines.decode(encoding)
        except UnicodeDecodeError:
            continue
        result = re.findall(r"[^\x00-@[-`{-\x7f\xa0]+", text)
        words[encoding] = sorted({word for word in result if not word.isascii()})
        scores[encoding] = _likelihood(words[encoding], encoding) - WORDS["rare"].get(encoding, 2)
    if not scores:
        raise StudyError(
            f"{path.name} is written in no usual encoding: say which in the table's `format`, "
            "such as format: {encoding: utf-16}"
        )
    first, *others = sorted(scores, key=lambda encoding: -scores[encoding])
    ascii = sum(letter.isascii() for word in words[first] for letter in word)
    beyond = max(len("".join(words[first])) - ascii, 1)
    sound = (scores[first] - LATIN * ascii) / beyond > IMPLAUSIBLE
    rival = next(
        (
            other
            for other in others
            if words[other] != words[first]
            and not (sound and scores[first] - scores[other] >= MARGIN)
        ),
        None,
    )
    shown = {first: _letters(words[first], words.get(rival, []))}
    return shown | ({rival: _letters(words[rival], words[first])} if rival else {})


def _letters(words: list[str], others: list[str]) -> str:
    """Return the commonest letters beyond ASCII that other words lack: words may be names."""
    counts = Counter(c for c in "".join(words) if not c.isascii() and c not in "".join(others))
    return "".join(letter for letter, _ in counts.most_common(5))


def _likelihood(words: Sequence[str], encoding: str) -> float:
    """Return the log-likelihood of words in the likeliest one or two languages of an encoding."""
    alone = encoding in WORDS["alone"]
    languages = [(_alphabet(a, alone), 8.0 * alone) for a in ALPHABETS.get(encoding, "").split()]
    languages = languages or [(lambda letter: _common(letter, encoding), 4.0)]
    scores = [[_word(word, *language) for word in words] for language in languages]
    return max(
        sum(map(max, one, other)) - 6.0 * (one is not other)
        for one, other in combinations_with_replacement(scores, 2)
    )


def _alphabet(letters: str, alone: bool) -> Callable[[str], float]:
    """Return the log-likelihood of a letter of a language, by Zipf's law."""
    rate = math.log(1.0 if alone else 0.05)  # of letters beyond ASCII among all
    total = sum(1 / rank for rank in range(1, len(letters) + 1))
    logs = {letter: rate - math.log(i * total) for i, letter in enumerate(letters, 1)}
    return lambda letter: logs.get(letter, NEVER)


def _common(letter: str, encoding: str) -> float:
    """Return the log-likelihood of a letter of an alphabet of thousands."""
    name, least, most = COMMON[encoding]
    try:
        first = letter.encode(name)[0]
    except UnicodeEncodeError:
        return NEVER
    if least <= first <= most:
        return -math.log(94 * (most - least + 1))
    return -10.0 if first < least else NEVER  # signs come first, the rare letters last


def _word(word: str, letter: Callable[[str], float], mixing: float) -> float:
    """Return the log-likelihood of a word, less something for mixing alphabets within it."""
    score = -6.0 * sum(a.islower() and b.isupper() for a, b in pairwise(word))
    score -= mixing * any(c.isascii() for c in word) + 4.0 * (len(word) == 1 and word.isalpha())
    for i, c in enumerate(word):
        if c.isascii():
            score += LATIN
        elif c.isalpha():
            score += letter(c.lower()[0])
        elif c in WORDS["money"] and len(word) == 1:
            score -= 3.0
        else:
            last = i == len(word) - 1
            score -= 4.0 if c in WORDS["quotes"] or (c in WORDS["ends"] and last) else 10.0
    return score


def question(name: str, encodings: dict[str, str]) -> str:
    """Return what to ask where several encodings are plausible, nothing where one is."""
    if len(encodings) < 2:
        return ""
    ways = " or as ".join(f"{encoding} ({seen!r})" for encoding, seen in encodings.items())
    keys = " or ".join(f"format: {{encoding: {encoding}}}" for encoding in encodings)
    return f"{name} is not UTF-8 and reads as {ways}: say which is right, {keys}, or another"


# --- layout ---------------------------------------------------------------------------------------


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
    names = check_names(name, records[first][1])
    hidden = [d for d in ",;\t| " if len(names) == 1 and names[0].count(d) > 1]
    if hidden:
        by = f"with the delimiter {given.delimiter!r} " if given.delimiter else ""
        raise StudyError(
            f"{name} {by}has a single column, whose first line holds {hidden[0]!r} "
            f"{names[0].count(hidden[0])} times: say in the table's `format` which `delimiter` "
            "sets its columns apart"
        )
    return names, delimiter, records[first][0] + 1


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
    """Return the place of the row of names: the first that names most of what is filled below.

    Empty cells are None or blanks; 0 if no row above others does.
    """
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
