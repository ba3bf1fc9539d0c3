"""Sheets of Excel files as Arrow tables, their columns typed by their cells."""

from __future__ import annotations

import zipfile
from collections import Counter
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa

from seglib.sources import header
from seglib.study import StudyError, nearest

OLD = b"\xd0\xcf\x11\xe0"  # how OLE containers begin: old .xls, and anything with a password
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def read(path: Path, sheet: str) -> pa.Table:
    """Return a sheet of an Excel file; titles above the row of names are passed over.

    Parameters
    ----------
    path
        An .xlsx or .xlsm file.
    sheet
        Its sheet; empty if it has only one that is filled.

    Returns
    -------
    pyarrow.Table
        A column is whole numbers, numbers, dates, times or truth values if every filled cell is;
        else it is text.

    Raises
    ------
    StudyError
        If it is not an Excel file that can be read, or the sheet is not there or empty.
    """
    book = _book(path)
    try:
        rows = _rows(book, path.name, sheet)
    finally:
        book.close()
    names = ["" if cell is None else str(cell).strip() for cell in rows[0]]
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise StudyError(f"{path.name} has two columns named {twice[0]!r}: rename one of them")
    columns = zip(*rows[1:], strict=True)
    return pa.table({
        name: _typed(list(cells)) for name, cells in zip(names, columns, strict=True) if name
    })  # fmt: skip


def _book(path: Path):
    try:
        import openpyxl  # noqa: PLC0415 - only who has Excel files needs it
    except ImportError:
        raise StudyError(
            f"{path.name} is an Excel file, which needs openpyxl: pip install 'seglib[excel]'"
        ) from None
    start = path.read_bytes()
    if start.startswith(OLD):
        if ENCRYPTED in start:
            raise StudyError(f"{path.name} has a password: save a copy without it and name that")
        raise StudyError(f"{path.name} is an old Excel file (.xls): save it as .xlsx and name that")
    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, SyntaxError):
        empty = "is empty" if not start else "is not an Excel file, or is damaged"
        raise StudyError(f"{path.name} {empty}: save it again as .xlsx") from None


def _rows(book, file: str, sheet: str) -> list[tuple]:
    """Return the rows of a sheet from its names on, all of the same length."""
    if sheet and sheet not in book.sheetnames:
        raise StudyError(f"{file} has no sheet {sheet!r}{nearest(sheet, book.sheetnames)}")
    filled = {name: _filled(book[name]) for name in ([sheet] if sheet else book.sheetnames)}
    filled = {name: rows for name, rows in filled.items() if rows}
    if not filled:
        raise StudyError(f"{file} is empty: expected a row of names and rows below it")
    if len(filled) > 1:
        names = ", ".join(filled)
        raise StudyError(
            f"{file} has {len(filled)} sheets ({names}): write {file}#SHEET with one of them"
        )
    rows = next(iter(filled.values()))
    if len(rows) == 1:
        raise StudyError(f"{file} holds a row of names and no rows: export it again")
    rows = rows[header.at(rows) :]
    width = max(map(len, rows))
    return [row + (None,) * (width - len(row)) for row in rows]


def _filled(sheet) -> list[tuple]:
    rows = sheet.iter_rows(values_only=True) if hasattr(sheet, "iter_rows") else ()  # a chart
    return [row for row in rows if any(_value(cell) is not None for cell in row)]


def _value(cell: Any) -> Any:
    return None if isinstance(cell, str) and not cell.strip() else cell


def _typed(cells: list) -> pa.Array:
    """Return a column as the narrowest type that holds every cell."""
    cells = [_value(cell) for cell in cells]
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds and kinds <= {int, float}:
        whole = all(cell is None or cell == int(cell) for cell in cells)
        return pa.array([c if c is None else int(c) if whole else float(c) for c in cells])
    if kinds and (kinds == {bool} or kinds <= {datetime, date}):
        return pa.array(cells, pa.bool_() if kinds == {bool} else pa.timestamp("us"))
    return pa.array([None if cell is None else _text(cell) for cell in cells], pa.string())


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell == int(cell):
        return str(int(cell))
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat()
    return str(cell)
