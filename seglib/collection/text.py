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

from seglib.formats import SPACES, Format
from seglib.study import StudyError

BLOCK = 1 << 20
RECORDS = 500  # from which the row of names is told
LINES = 5_000  # with letters beyond ASCII, from which the encoding is told
MARGIN = 3.0  # by how much the log-likelihood of one encoding must exceed all others': 20 to 1
IMPLAUSIBLE = -9.0  # log-likelihood of a letter beyond ASCII below which no encoding is right
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
WESTERN = "éèàçêôâîûùëïœü äüößé óáíéñúü ãçáéóíêâõúà åäöé åøæéö àèòùéì íáðþöóéúýæ"
RUSSIAN = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"
ALPHABETS = {  # letters beyond ASCII of the languages of an encoding, the commonest first
    "cp1252": WESTERN,
    "cp850": WESTERN,
    "mac_roman": WESTERN,
    "cp1250": "łąęóżśćńź íáéěýčřžšůúťďňóľĺŕôä áéöóőüíúű ăîâşţ čšžćđ",
    "koi8-r": RUSSIAN,
    "cp1251": RUSSIAN + " оаиніверстлкдупмяьзйгбчїхжєшцюфщґ",
    "cp1253": "αοιετσνηυρπκμλςωδγχθφβξζψάόίέήύώ",
    "cp1254": "ıüşçöğiâî",  # İ is written i when small
}
COMMON = {  # thousands of letters: the set that holds them, first byte of the common ones
    "cp932": ("euc_jp", 0xA4, 0xCF),
    "gb18030": ("gb2312", 0xB0, 0xD7),
    "cp949": ("euc_kr", 0xB0, 0xC8),
    "big5": ("big5", 0xA4, 0xC6),
}
LATIN = -3.0  # log-likelihood of a letter of ASCII
# by how much encodings are rarer than that of western files, on the scale of logarithms
RARE = {"cp1252": 0, "cp850": 4, "mac_roman": 4, "big5": 4}
QUOTES, ENDS, MONEY = "’‘“”–—…«»•", "²³°ºª®™", "£€¥"


def as_utf8(path: Path, given: Format, folder: Path) -> tuple[Path, dict[str, str]]:
    """Return a file with the same text in UTF-8, and the encodings that the file may have.

    Parameters
    ----------
    path
        The file.
    given
        What the study says of it.
    folder
        Where a copy goes if the file is not UTF-8.

    Returns
    -------
    path, encodings
        Encoding → letters of the file as they read in it, the likeliest first, by which the copy
        is read; none for Unicode and for what the study names.

    Raises
    ------
    StudyError
        If the file is empty, is no text, or is not written in the encoding that the study names.
    """
    with path.open("rb") as file:
        start = file.read(BLOCK)
    if not start.strip():
        raise StudyError(f"{path.name} is empty: expected a line of names and rows below it")
    encodings = {} if given.encoding or (unicode := _unicode(path, start)) else plausible(path)
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
            out.writelines(_tabbed(text) if spaced else iter(lambda: text.read(BLOCK), ""))
    except (UnicodeError, ValueError) as error:
        raise StudyError(
            f"{path.name} is not written in {encoding}: {getattr(error, 'reason', error)}; mend "
            "the key `encoding` of its `format` or leave it out"
        ) from None
    return copy, encodings


def _tabbed(text) -> Iterator[str]:
    """Yield lines whose columns are set apart by blanks with tabs instead."""
    return ("\t".join(line.split()) + "\n" for line in text if line.strip())


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


def plausible(path: Path) -> dict[str, str]:
    """Return the encodings, none of Unicode, by which a file reads as somebody's language.

    Each word with letters beyond ASCII has a likelihood by the letters of the languages that are
    written in an encoding. More than one encoding is returned if none is twenty times as likely as
    the others, or if even the likeliest gives no language.

    Returns
    -------
    dict
        Encoding → letters as they read in it, the likeliest first.
    """
    with path.open("rb") as file:
        lines = b"".join(islice((line for line in file if not line.isascii()), LINES))
    scores = {}
    for encoding in (*ALPHABETS, *COMMON):
        try:
            text = lines.decode(encoding)
        except UnicodeDecodeError:
            continue
        words = sorted({w for w in re.findall(r"[^\x00-@[-`{-\x7f\xa0]+", text) if not w.isascii()})
        score = likelihood(words, encoding) - RARE.get(encoding, 2)
        ascii = sum(letter.isascii() for word in words for letter in word)
        beyond = len("".join(words)) - ascii
        scores[encoding] = score, (score - LATIN * ascii) / max(beyond, 1) > IMPLAUSIBLE, words
    order = sorted(scores, key=lambda e: -scores[e][0])
    if not order:
        raise StudyError(
            f"{path.name} is written in no usual encoding: say which in the table's `format`, "
            "such as format: {encoding: utf-16}"
        )
    best, sound, words = scores[order[0]]
    rivals = [
        e for e in order if scores[e][2] != words and (best - scores[e][0] < MARGIN or not sound)
    ]
    others = scores[rivals[0]][2] if rivals else []
    shown = {order[0]: _letters(words, others)}
    return shown | {encoding: _letters(others, words) for encoding in rivals[:1]}


def _letters(words: list[str], others: list[str]) -> str:
    """Return the commonest letters beyond ASCII that other words lack: words may be names."""
    counts = Counter(c for c in "".join(words) if not c.isascii() and c not in "".join(others))
    return "".join(letter for letter, _ in counts.most_common(5))


def likelihood(words: Sequence[str], encoding: str) -> float:
    """Return the log-likelihood of words in the likeliest one or two languages of an encoding."""
    languages = [(lambda letter: _common(letter, encoding), 4.0)]
    if encoding in ALPHABETS:
        latin = encoding not in {"cp1251", "cp1253", "koi8-r"}
        languages = [(_alphabet(a, latin), 8.0 * (not latin)) for a in ALPHABETS[encoding].split()]
    scores = [[_word(word, *language) for word in words] for language in languages]
    return max(
        sum(map(max, one, other)) - 6.0 * (one is not other)
        for one, other in combinations_with_replacement(scores, 2)
    )


def _alphabet(letters: str, latin: bool) -> Callable[[str], float]:
    """Return the log-likelihood of a letter of a language, by Zipf's law."""
    rate = math.log(0.05 if latin else 1.0)  # of letters beyond ASCII among all
    total = sum(1 / rank for rank in range(1, len(letters) + 1))
    logs = {letter: rate - math.log(i * total) for i, letter in enumerate(letters, 1)}
    return lambda letter: logs.get(letter, -14.0)


def _common(letter: str, encoding: str) -> float:
    """Return the log-likelihood of a letter of an alphabet of thousands."""
    name, least, most = COMMON[encoding]
    try:
        first = letter.encode(name)[0]
    except UnicodeEncodeError:
        return -14.0
    if least <= first <= most:
        return -math.log(94 * (most - least + 1))
    return -10.0 if first < least else -14.0  # signs come first, the rare letters last


def _word(word: str, letter: Callable[[str], float], mixing: float) -> float:
    """Return the log-likelihood of a word, less something for mixing alphabets within it."""
    score = -6.0 * sum(a.islower() and b.isupper() for a, b in pairwise(word))
    mixed = any(c.isascii() for c in word)
    score -= mixing * mixed + 4.0 * (len(word) == 1 and word.isalpha())
    for i, c in enumerate(word):
        if c.isascii():
            score += LATIN
        elif c.isalpha():
            score += letter(c.lower()[0])
        elif c in MONEY and len(word) == 1:
            score -= 3.0
        else:
            usual = c in QUOTES or (c in ENDS and i == len(word) - 1)
            score -= 4.0 if usual else 10.0
    return score


def question(name: str, encodings: dict[str, str]) -> str:
    """Return what to ask where several encodings are plausible, nothing where one is."""
    if len(encodings) < 2:
        return ""
    ways = " or as ".join(f"{encoding} ({seen!r})" for encoding, seen in encodings.items())
    keys = " or ".join(f"format: {{encoding: {encoding}}}" for encoding in encodings)
    return f"{name} is not UTF-8 and reads as {ways}: say which is right, {keys}, or another"


def layout(path: Path, name: str, given: Format) -> tuple[list[str], str, int]:
    """Return how a CSV file in UTF-8 is laid out.

    Parameters
    ----------
    path
        The file.
    name
        What the user calls it.
    given
        What the study says of it; without a delimiter, that which DuckDB's sniffer sees.

    Returns
    -------
    names, delimiter, skip
        Names of the columns in order, empty where there is none; one character; lines above the
        first row of values.

    Raises
    ------
    StudyError
        If it has no rows, a single column that hides others, or a name twice.
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

    Parameters
    ----------
    rows
        Of cells; empty ones are None or text of blanks.

    Returns
    -------
    int
        0 if no row above others does.
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
