"""Which rows of orders are returns or cancelled sales, by a status and by what is negative."""

from __future__ import annotations

import re

import pandas as pd

from seglib.collection import activity, hints, reading
from seglib.collection.columns import Column
from seglib.collection.roles import LEAST_PEOPLE, Guess
from seglib.wording import listing

MOST_STATES = 10  # different values of a status
RETURNING = {"customer", "order", "product", "amount", "price", "quantity", "status", "time"}
BESIDE = 0.5  # of the rows that undo a sale, from which the sales are in rows of their own
KINDS = {kind: {*words} for kind, words in hints.WORDS["undone"].items()}
UNDONE, NOT_UNDONE = set().union(*KINDS.values()), set(hints.WORDS["not_undone"])


def said(value: str) -> str:
    """Return what a status says of a sale: returned, cancelled or either; empty if none of these.

    A part of a sale that was taken back leaves it one.
    """
    words = re.sub(r"[\W_]+", " ", value.lower()).split()
    if NOT_UNDONE & {*words}:
        return ""
    kinds, forms = ("cancelled", "returned", "either"), {*words, "".join(words)}
    return next((kind for kind in kinds if KINDS[kind] & forms), "")


def status(guess: Guess) -> None:
    """Take the rows for returns or cancelled sales that a column calls so, and ask about them."""
    for column in guess.table:
        counts = column.values
        flag = hints.yes(counts) if said(column.name) and column.distinct == 2 else ""
        words = counts if column.kind == "text" and column.distinct <= MOST_STATES else ()
        back = {value: said(value) for value in sorted(words) if said(value)}
        back = {flag: said(column.name)} if flag else back
        if back and not _is_of_lines(guess, column):
            guess.doubts.append(
                f"{_share(column, [*back])}, and count as others do: are they orders?"
            )
        elif back:
            _undone(guess, column, back)
        elif column.numeric and hints.has(column.name, UNDONE) and column.most:
            share = (column.read.fillna(0) != 0).mean()
            guess.doubts.append(
                f"{column.name!r} is not zero in {share:.1%} of the rows, and is not taken off the "
                "amounts: subtract it from them in the file"
            )


def _undone(guess: Guess, column: Column, back: dict[str, str]) -> None:
    """Take values of a status as those of returns or of sales that never happened, and ask."""
    guess.take("status", column.name, f"{column.distinct} different")
    found: dict[str, list[str]] = {}
    for value, kind in back.items():
        key, why = _how(guess, column, value, kind)
        guess.keys.setdefault(key, []).append(value)
        found.setdefault(why, []).append(value)
    for why, values in found.items():
        guess.doubts.append(
            f"{_share(column, values)}, and are taken for {why}. It is what stood there on the day "
            "of the export, and may have been learned after as_of"
        )


def _share(column: Column, values: list[str]) -> str:
    share = sum(column.values[value] for value in values) / max(len(column.text), 1)
    return f"{share:.1%} of the rows have the {column.name!r} {listing(values)}"


def _how(guess: Guess, column: Column, value: str, kind: str) -> tuple[str, str]:
    """Return how rows of a status count, returned or cancelled, and the words that say so.

    Where its word may mean either, money that is negative, or a row of the sale beside it, tells.
    """
    rows = pd.DataFrame({"who": guess.column("customer").text})
    rows["money"] = guess.column(guess.money).read
    if "quantity" in guess.roles:
        rows["money"] *= guess.column("quantity").read
    here = column.text.str.strip() == value
    if not (rows["money"][here] > 0).any():
        return "returned", "returns, whose money is taken off, as it is negative already"
    rows["money"] = rows["money"].abs()
    if "order" in guess.roles:
        rows["order"] = guess.column("order").text
    keys = ["who", "order"] if "order" in rows and rows["order"].duplicated().any() else []
    keys = keys or ["who", "money"]
    sold = pd.MultiIndex.from_frame(rows.loc[~here, keys])
    beside = pd.MultiIndex.from_frame(rows.loc[here, keys]).isin(sold).mean() >= BESIDE
    if kind == "returned" or (kind == "either" and beside):
        return "returned", (
            "returns, whose money is taken off, whatever its sign: if such a row is the sale "
            "itself, and no other row holds it, move it from returned to cancelled: it counts as 0"
        )
    never = "sales that never happened, which count as 0 and are no orders"
    if kind == "either":
        never = (
            "sales that came to nothing, which count as 0 and are no orders: the word does not "
            "tell, and no other row holds the sale"
        )
    return "cancelled", (
        f"{never}: if such a row gives back what another row took in, move it from cancelled to "
        "returned, and its money is taken off"
    )


def _is_of_lines(guess: Guess, column: Column) -> bool:
    """Return whether a status is of what was sold, and not of the customers who bought it."""
    who = guess.column("customer")
    of_customers = who.per_value >= 2 and guess.table.decides(who.name, column.name)
    free = column.name not in guess.taken and "status" not in guess.roles
    return bool(guess.money) and free and not of_customers


def copies(guess: Guess) -> None:
    """Ask about rows that are the same in every column of the source."""
    table, order = guess.table, guess.roles.get("order")
    numbered = order and table.columns[order].distinct >= 0.9 * table.rows
    if n := table.rows - table.opened.table.distinct().count().to_pyarrow().as_py():
        though = f", though {order!r} numbers them" if numbered else ""
        guess.doubts.append(
            f"{n:,} of {table.rows:,} rows are copies of others in every column{though}: "
            "they count twice unless you take them out of the file"
        )


def returns(guess: Guess) -> None:
    """Say how many rows are returns, and how many customers have no other rows."""
    money = guess.money or ("quantity" if "quantity" in guess.roles else "")
    if not money:
        return
    columns = {r: guess.table.at(c) for r, c in guess.roles.items() if r in RETURNING}
    if "price" in columns:
        columns["amount"] = columns.pop("price") * columns["quantity"]
    if "order" in columns:
        columns["order"] = reading.trimmed(columns["order"])
    rows = guess.table.opened.table.select(**columns)
    states = [guess.keys.get(key, ()) for key in ("returned", "cancelled")]
    rows = activity.mark_returns(rows, *states)
    if credit := reading.row(rows, {"n": rows.is_credit_note.sum()})["n"]:
        guess.doubts.append(
            f"{credit:,} rows have a number in {guess.roles['order']!r} that is taken for that of "
            "a credit note: their money is taken off, whatever its sign"
        )
    rows = rows.filter(rows.customer.notnull())
    order = rows.order if "order" in rows.columns else rows.time.cast("timestamp").truncate("D")
    each = rows.group_by(rows.customer, order=order)  # what a customer buys on a day is one
    each = each.agg(
        back=(rows.is_return & ~rows.is_cancelled).sum(),
        void=rows.is_cancelled.sum(),
        bought=(~rows.is_return).sum(),
    ).to_pandas()
    alone = each["bought"].eq(0)
    back, within = int(each.loc[alone, "back"].sum()), int(each.loc[~alone, "back"].sum())
    bought = each.groupby("customer")["bought"].sum()
    lower = " lower the money and" if money != "quantity" else ""
    if back:
        guess.why[money] += f"; {back:,} rows are returns, which{lower} are no orders"
    if within:
        why = f"; {within:,} rows are reductions or partial returns, in orders with sales"
        guess.why[money] += why
    if void := int(each["void"].sum()):
        zero = " count as 0 and" if money != "quantity" else ""
        guess.why[money] += f"; {void:,} rows are cancelled sales, which{zero} are no orders"
    if only := int(bought.eq(0).sum()):
        shown = f"fewer than {LEAST_PEOPLE}" if only < LEAST_PEOPLE else f"{only:,}"
        guess.why[money] += f"; {shown} customers have no other rows"
