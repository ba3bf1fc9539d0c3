"""Return lines: which lines of the transactions are returns, and what they do to the money.

A return line lowers money and is no order. An order is an order number with at least one line that
is no return, so that a partial return, an exchange or a line of a reduction leaves it an order.
"""

from __future__ import annotations

from collections.abc import Collection

import ibis
import ibis.expr.types as ir

from seglib.collection import reading
from seglib.collection.reading import fits

CREDIT, PLAIN = r"^[Cc]\W?\d+$", r"^\d+$"  # numbers of credit notes, and of orders beside them
OTHER_FORMS = 0.01  # share of rows whose order number may be of neither form


def marked(table: ir.Table, returned: Collection[str] = ()) -> ir.Table:
    """Return the transactions with columns that say which lines are returns.

    Parameters
    ----------
    table
        Transactions, their columns named by role.
    returned
        The values of `status` that say that a line was taken back.

    Returns
    -------
    ibis.Table
        `is_credit_note`: the order number is that of a credit note; `is_undone`: the status is one
        of `returned`; `is_return`: either, or the amount or the quantity is negative.
    """
    tests = {"is_credit_note": _credit_note(table), "is_undone": _undone(table, returned)}
    flag = tests["is_credit_note"] | tests["is_undone"]
    for name in {"amount", "quantity"} & set(table.columns):
        flag = flag | (table[name] < 0).fill_null(False)
    return table.mutate(is_return=flag, **tests)


def netted(table: ir.Table) -> ir.Table:
    """Return marked transactions with the money of returns as it counts.

    A credit note and a line of a negative quantity stand beside the sale: their amounts count as
    negative, however the source writes them. A status stands on the sale itself, which then
    brought nothing: its amount, discount and coupon count as 0 if they are positive.
    """
    beside = table.is_credit_note
    if "quantity" in table.columns:
        beside = beside | (table.quantity < 0).fill_null(False)
    gone = table.is_undone & ~beside
    money = {n: table[n] for n in ("amount", "discount", "coupon") if n in table.columns}
    if "amount" in money:
        money["amount"] = ibis.ifelse(beside, -table.amount.abs(), table.amount)
    counted = {
        name: ibis.ifelse(gone & (value > 0), 0, value).cast(table[name].type())
        for name, value in money.items()
    }
    return table.mutate(**counted).drop(
        "is_credit_note", "is_undone", *({"status"} & {*table.columns})
    )


def kept(table: ir.Table) -> ir.Table:
    """Return the lines that are no returns: orders, visits and buyers are counted from these."""
    return table.filter(~table.is_return)


def _credit_note(table: ir.Table) -> ir.BooleanValue:
    """Return whether an order number is that of a credit note: a C before figures.

    They are told from other numbers only where those are figures alone, and the more. In a shop
    that numbers otherwise, the sign of the money tells.
    """
    sold = {"amount", "product"} & {*table.columns}
    if not sold or "order" not in table.columns or not table.order.type().is_string():
        return ibis.literal(False)
    number = reading.trimmed(table.order)
    credit, plain = fits(number, CREDIT), fits(number, PLAIN)
    counts = {"rows": number.count(), "credit": credit.sum(), "plain": plain.sum()}
    row = reading.row(table, counts)
    others = row["rows"] - row["credit"] - row["plain"]
    if row["credit"] > row["plain"] or others > OTHER_FORMS * row["rows"]:
        return ibis.literal(False)
    return credit.fill_null(False)


def _undone(table: ir.Table, returned: Collection[str]) -> ir.BooleanValue:
    """Return whether the status of a line says that it was taken back."""
    if "status" not in table.columns:
        return ibis.literal(False)
    values = sorted({value.strip().lower() for value in returned})
    return reading.text(table.status).strip().lower().isin(values).fill_null(False)
