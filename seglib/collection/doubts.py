"""What should be looked at in files before it misleads, and what no study can be made of."""

from __future__ import annotations

import re

from seglib import privacy
from seglib.collection import hints
from seglib.collection.columns import EMAIL as ADDRESS
from seglib.collection.columns import Column, Table
from seglib.collection.reading import NUMBER, TIME
from seglib.collection.roles import (
    EMAIL,
    FEWEST_SEGMENTED,
    NAMED,
    Guess,
    customer,
    is_key,
    personal,
    times,
    written,
)
from seglib.wording import listing

UNDONE = {
    "refunded",
    "refund",
    "returned",
    "return",
    "returns",
    "creditmemo",
    "creditnote",
    "gutschrift",
    "cancelled",
    "canceled",
    "void",
    "voided",
    "failed",
    "declined",
    "chargeback",
    "storniert",
    "storno",
    "retour",
    "annulé",
    "cancelado",
    "lost",
    "noshow",
    "refunds",
    "retoure",
    "abandoned",
}
NOT_UNDONE = {"partially", "partial", "partly", "not", "no", "never", "teilweise"}
GUESTS = 0.15  # of the rows without a customer, from which they are pointed at
DECIMAL = r"-?(?:\d{3,}|0|\d+(?=[.,]\d{1,3}$))[.,]\d+"  # 01.2023 is a month
MIXED = 0.7  # of values that cannot be read, from which a column is not what the others are
FEW = 5  # different times below which a column is not looked at as one
UNIT = r"-?[\d.,]+ ?(?:%|k|K|M|m|h|min|s|kg|km|€|h ?\d+ ?m(?:in)?)"


def orders(guess: Guess) -> None:
    """Ask about rows of nobody, taken back, or given twice."""
    who = guess.roles["customer"]
    missing = 1 - guess.table.columns[who].filled / max(guess.table.rows, 1)
    if missing > GUESTS:
        guess.unsure.append(f"{missing:.0%} of the rows have no {who!r} and are left out")
    _undone(guess)
    _twice(guess)


def unusable(table: Table) -> str:
    """Return why nothing can be made of a file as it is laid out, empty if something can."""
    if table.rows < 2:
        lists = [c for c in table.columns.values() if c.kind == "other"]
        where = f"; its {lists[0].name!r} may hold them: write that alone" if lists else ""
        return f"{table.source} holds one row: expected one a customer, or several{where}"
    if any("ImportId" in value for c in table.columns.values() for value in c.values or ()):
        return f"{table.source} has three lines of names: delete the second and the third"
    if value := _second_names(table):
        return (
            f"{table.source}: the line below the names seems to belong to them, with {value!r} "
            "where others have numbers or dates: delete it"
        )
    if value := _headless(table):
        return (
            f"{table.source} seems to have no line of names, its first line holds {value!r}: "
            "write the names of the columns above it"
        )
    return ""


def _headless(table: Table) -> str:
    """Return a name of a column that is a value, as where the line of names is not there.

    Days and whole numbers may be names, of what is counted for each; decimals, times of a day and
    addresses are none.
    """
    for column in table.columns.values():
        decimal = column.kind == "number" and re.fullmatch(DECIMAL, column.name)
        clock = column.kind == "time" and re.match(r"\d{1,4}[-./]\d", column.name)
        if decimal or clock or (column.share("email") > 0.5 and re.search(ADDRESS, column.name)):
            return column.name
    return ""


def _second_names(table: Table) -> str:
    """Return a value of the first row that is the only one in its column that is no number or date.

    Some tools write the wording of questions or their kinds below the names.
    """
    first = table.opened.table.limit(1).to_pyarrow().to_pylist()[0]
    for column in table.columns.values():
        alone = column.nearly and round(column.nearly[2] * column.filled) == 1
        worded = alone and not any(c.isdigit() for c in column.nearly[3])
        if worded and column.filled > 2 and str(first[column.name]).strip() == column.nearly[3]:
            return column.nearly[3]
    return ""


def nobody(table: Table) -> str:
    """Return why a table is of no use."""
    timeless = not times(table)
    if timeless and (said := misread(table)):
        return f"{table.source}: {said[0]}"
    if copied := nearly_unique(table):
        return (
            f"{table.source} has {copied.rows:,} rows but {copied.distinct:,} different "
            f"{copied.name!r}: expected one row a customer, or when each row happened; remove the "
            "copies, or add the times"
        )
    who = customer(table)
    if who and who[1] >= NAMED and timeless:
        return (
            f"{table.source} has several rows for each {who[0]!r} but no column of dates or times: "
            "add when each happened, or bring it to one row a customer"
        )
    if called := persons(table):
        return (
            f"{table.source} tells customers apart by {called!r} alone, which seems to be "
            "names of persons: put ids in their place, since two persons may share a name"
        )
    names = ", ".join(list(table.columns)[:8])
    dated = "" if timeless else f" without {listing([repr(c.name) for c in times(table)[:3]])}"
    return (
        f"{table.source} has no column that looks like a customer (columns: {names}): add an id "
        "that returns from order to order, such as customer_id; or, if each row is one customer, "
        f"write a file of what describes them{dated}, whose rows are then numbered"
    )


def persons(table: Table) -> str:
    """Return the first column that holds names of persons, empty if none does."""
    called = (c.name for c in table.columns.values() if c.distinct > 1 and _is_of_persons(c))
    return next(called, "")


def _is_of_persons(column: Column) -> bool:
    """Return whether a column holds names of persons, by its name or its values."""
    named = hints.personal(column.name) == hints.PERSON
    return named or (column.kind == "text" and privacy.persons(list(column.values or {})))


def nearly_unique(table: Table) -> Column | None:
    """Return the column that would tell customers apart but for a few copies, None without one."""
    for column in table.columns.values():
        named = hints.suggests(column.name, "customer") or personal(column) == EMAIL
        if named and is_key(column) and column.rows / 2 <= column.distinct < column.filled:
            return column
    return None


def misread(table: Table) -> list[str]:
    """Return a sentence for each column of dates, money or lists that is not understood."""
    return [said for column in table.columns.values() if (said := _misread(column))]


def _misread(column: Column) -> str:
    """Return what of a column is not understood, empty if all is."""
    if column.kind == "other" and str(next(iter(column.values or {}), "")).startswith("["):
        return (
            f"{column.name!r} holds lists, which are not read: with a row for each entry of "
            "theirs they would be"
        )
    if column.kind == "time" and column.nearly:
        *_, share, example = column.nearly
        return (
            f"{_part(share, column)} values of {column.name!r} are no days, such as "
            f"{example[:40]!r}: rows without a day are left out"
        )
    return _unread(column) if column.kind == "text" and not personal(column) else ""


def _unread(column: Column) -> str:
    """Return why a column of text was not read as the dates or numbers that it seems to hold."""
    first = next(iter(column.values or {}), "")
    what, mark, share, example = column.nearly or ("", "", 1.0, first)
    shown = repr(example[:40])
    if what == TIME and share < MIXED:
        return (
            f"{column.name!r} holds dates, but {_part(share, column)} cannot be read as "
            f"{written(mark)}, such as {shown}: write all in one way (2024-01-31)"
        )
    money = hints.suggests(column.name, "amount", "price", "quantity")
    if what == NUMBER and share < MIXED and money:
        return (
            f"{column.name!r} holds numbers, but {_part(share, column)} cannot be read, such as "
            f"{shown}: mend them, or list in format.missing what stands for nothing"
        )
    if share > MIXED and _measured(column):
        return (
            f"{column.name!r} holds numbers with a unit behind, such as {shown}: it is not used; "
            "write plain numbers"
        )
    if hints.suggests(column.name, "time") and column.distinct > FEW and _dated(example):
        return (
            f"{column.name!r} is called like a time, but {shown} is not understood: write days "
            "such as 2024-01-31, with or without 17:05 behind"
        )
    return ""


def _measured(column: Column) -> bool:
    """Return whether most values are numbers with a unit, such as 12.5%, 2.3k or 3h 20m."""
    values = column.values or {}
    units = [v for v in values if re.fullmatch(UNIT, v)]
    return column.distinct > FEW and len(units) >= 0.8 * len(values)


def _part(share: float, column: Column) -> str:
    """Return how many values a share is."""
    return f"{max(round(share * column.filled), 1):,} of {column.filled:,}"


def _dated(text: str) -> bool:
    """Return whether a text that cannot be read has at least the figures of a date."""
    return sum(c.isdigit() for c in text) >= 4


def _undone(guess: Guess) -> None:
    """Take the rows for returns that a column says were taken back, and ask about them."""
    rows = guess.table.rows
    for column in guess.table.columns.values():
        counts = column.values or {}
        flag = hints.yes(counts) if _is_undone(column.name) and column.distinct == 2 else ""
        words = counts if column.kind == "text" and column.distinct <= FEWEST_SEGMENTED else ()
        if taken := [flag] if flag else [value for value in words if _is_undone(value)]:
            share = sum(counts[v] for v in taken) / max(sum(counts.values()), 1)
            share *= column.filled / max(rows, 1)
            said = f"{share:.1%} of the rows have the {column.name!r} {listing(sorted(taken))}"
            if not _is_of_lines(guess, column):
                guess.unsure.append(f"{said}, and count as others do: are they orders?")
                continue
            guess.take("status", column.name, f"{column.distinct} different")
            guess.returned = sorted(taken)
            guess.unsure.append(
                f"{said}, and are taken for sales that were undone, without money: where such a "
                "row gives back what another row took in (a credit memo), make its amount "
                "negative. It is what stood there on the day of the export, and may have been "
                "learned after as_of"
            )
        if flag:
            continue
        numbers = column.kind in {"integer", "number"}
        if numbers and set(hints.parts(column.name)) & UNDONE and column.share("zero") < 1:
            share = (1 - column.share("zero")) * column.filled / max(rows, 1)
            guess.unsure.append(
                f"{column.name!r} is not zero in {share:.1%} of the rows, and is not taken off the "
                "amounts: subtract it from them in the file"
            )


def _is_of_lines(guess: Guess, column: Column) -> bool:
    """Return whether a status is of what was sold, and not of the customers who bought it."""
    who = guess.table.columns[guess.roles["customer"]]
    if column.name in guess.taken or not {"amount", "price"} & set(guess.roles):
        return False
    of_customers = who.per_value >= 2 and guess.table.decides(who.name, column.name)
    return "status" not in guess.roles and not of_customers


def _is_undone(value: str) -> bool:
    """Return whether a status says that a sale was taken back, and not only a part of it."""
    words = re.sub(r"[\W_]+", " ", value.lower()).split()
    return bool(UNDONE & {*words, "".join(words)}) and not NOT_UNDONE & set(words)


def _twice(guess: Guess) -> None:
    """Ask about rows that are the same in every column of the source."""
    table, order = guess.table, guess.roles.get("order")
    if order and table.columns[order].distinct < 0.9 * table.rows:
        order = None  # numbers orders of several rows
    copies = table.rows - table.opened.table.distinct().count().to_pyarrow().as_py()
    if copies:
        numbered = f", though {order!r} numbers them" if order else ""
        guess.unsure.append(
            f"{copies:,} of {table.rows:,} rows are copies of others in every column{numbered}: "
            "they count twice unless you take them out of the file"
        )
