"""What no study can be made of, and what of a column is not understood, in sentences."""

from __future__ import annotations

import re

from seglib import privacy
from seglib.collection import hints
from seglib.collection.columns import EMAIL, FORMS, PERSON, Column, Table
from seglib.collection.reading import NUMBER, TIME
from seglib.collection.roles import NAMED, customer
from seglib.wording import listing

DECIMAL = r"-?(?:\d{3,}|0|\d+(?=[.,]\d{1,3}$))[.,]\d+"  # 01.2023 is a month
MIXED = 0.7  # of values that cannot be read, from which a column is not what the others are
FEW = 5  # different times below which a column is not looked at as one
UNIT = r"-?[\d.,]+ ?(?:%|k|K|M|m|h|min|s|kg|km|€|h ?\d+ ?m(?:in)?)"
WRITTEN = {
    "DMY": "DD/MM/YYYY",
    "MDY": "MM/DD/YYYY",
    "YMD": "YYYY-MM-DD",
    "NAMED": "31 January 2024",
}


def written(mark: str) -> str:
    """Return a way to read numbers or dates as study.yaml writes it."""
    return WRITTEN.get(mark, mark)


def unusable(table: Table) -> str:
    """Return why nothing can be made of a file as it is laid out, empty if something can.

    Days and whole numbers may be names, of what is counted for each; decimals, times of a day and
    addresses are none. Some tools write the wording of questions or their kinds below the names.
    """
    if table.rows < 2:
        lists = [column for column in table if column.kind == "other"]
        where = f"; its {lists[0].name!r} may hold them: write that alone" if lists else ""
        return f"{table.source} holds one row: expected one a customer, or several{where}"
    if any("ImportId" in value for column in table for value in column.values):
        return f"{table.source} has three lines of names: delete the second and the third"
    for column in table:
        share, example = (column.nearly or ("", "", 0.0, ""))[2:]
        alone = column.filled > 2 and round(share * column.filled) == 1
        if alone and column.text.iloc[0] == example and not any(c.isdigit() for c in example):
            return (
                f"{table.source}: the line below the names seems to belong to them, with "
                f"{example!r} where others have numbers or dates: delete it"
            )
        decimal = column.kind == "number" and re.fullmatch(DECIMAL, column.name)
        clock = column.kind == "time" and re.match(r"\d{1,4}[-./]\d", column.name)
        if decimal or clock or (column.form == EMAIL and re.match(FORMS[EMAIL], column.name)):
            return (
                f"{table.source} seems to have no line of names, its first line holds "
                f"{column.name!r}: write the names of the columns above it"
            )
    return ""


def nobody(table: Table) -> str:
    """Return why a table is of no use."""
    who, whens = customer(table), table.times
    if not whens and (said := misread(table)):
        return f"{table.source}: {said[0]}"
    if copied := nearly_unique(table):
        return (
            f"{table.source} has {copied.rows:,} rows but {copied.distinct:,} different "
            f"{copied.name!r}: expected one row a customer, or when each row happened; remove the "
            "copies, or add the times"
        )
    if who and who[1] >= NAMED and not whens:
        return (
            f"{table.source} has several rows for each {who[0]!r} but no column of dates or times: "
            "add when each happened, or bring it to one row a customer"
        )
    if called := persons(table):
        return (
            f"{table.source} tells customers apart by {called!r} alone, which seems to be "
            "names of persons: put ids in their place, since two persons may share a name"
        )
    dated = f" without {listing([repr(c.name) for c in whens[:3]])}" if whens else ""
    return (
        f"{table.source} has no column that looks like a customer (columns: "
        f"{', '.join(list(table.columns)[:8])}): add an id that returns from order to order, such "
        "as customer_id; or, if each row is one customer, write a file of what describes them"
        f"{dated}, whose rows are then numbered"
    )


def persons(table: Table) -> str:
    """Return the first column that holds names of persons, empty if none does."""
    return next((column.name for column in table if column.distinct > 1 and (
        hints.personal(column.name) == PERSON
        or (column.kind == "text" and privacy.persons(list(column.values)))
    )), "")  # fmt: skip


def nearly_unique(table: Table) -> Column | None:
    """Return the column that would tell customers apart but for a few copies, None without one."""
    for column in table:
        named = column.suggests("customer") or column.personal == EMAIL
        if named and column.is_key and column.rows / 2 <= column.distinct < column.filled:
            return column
    return None


def misread(table: Table) -> list[str]:
    """Return a sentence for each column of dates, money or lists that is not understood."""
    return [said for column in table if (said := _misread(column))]


def _misread(column: Column) -> str:
    """Return what of a column is not understood, empty if all is."""
    first = next(iter(column.values), "")
    what, mark, share, example = column.nearly or ("", "", 1.0, first)
    shown, name = repr(example[:40]), repr(column.name)
    part = f"{max(round(share * column.filled), 1):,} of {column.filled:,}"
    if column.kind == "other" and first.startswith("["):
        return (
            f"{name} holds lists, which are not read: with a row for each entry of theirs they "
            "would be"
        )
    if column.kind == "time" and column.nearly:
        return (
            f"{part} values of {name} are no days, such as {shown}: rows without a day are left out"
        )
    if column.kind != "text" or column.personal:
        return ""
    if what == TIME and share < MIXED:
        return (
            f"{name} holds dates, but {part} cannot be read as {written(mark)}, such as {shown}: "
            "write all in one way (2024-01-31)"
        )
    if what == NUMBER and share < MIXED and column.suggests("amount", "price", "quantity"):
        return (
            f"{name} holds numbers, but {part} cannot be read, such as {shown}: mend them, or list "
            "in format.missing what stands for nothing"
        )
    several = column.distinct > FEW
    units = sum(bool(re.fullmatch(UNIT, value)) for value in column.values)
    if several and share > MIXED and units >= 0.8 * len(column.values):
        return (
            f"{name} holds numbers with a unit behind, such as {shown}: it is not used; write "
            "plain numbers"
        )
    if several and column.suggests("time") and sum(c.isdigit() for c in example) >= 4:
        return (
            f"{name} is called like a time, but {shown} is not understood: write days such as "
            "2024-01-31, with or without 17:05 behind"
        )
    return ""
