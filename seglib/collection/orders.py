"""The roles of orders and events: whose they are, what of, and for how much."""

from __future__ import annotations

import re

import pandas as pd

from seglib.collection import hints, undone
from seglib.collection.columns import Column, Table
from seglib.collection.hints import suggests
from seglib.collection.reading import MARKS, SIGN
from seglib.collection.roles import LEAST_PEOPLE, NAMED, Guess, ask_of_nobody, repeats, take_time

ONCE = "given once each"
LINES = 1.2  # rows an order, above which rows are its lines
SELDOM = 0.5  # of the rows with an amount, below which rows are events


def transactions(table: Table, who: str, points: int) -> Guess:
    """Return the roles of a table with several rows a customer, which are orders or events."""
    guess = Guess("transactions", table, doubts=list(table.doubts))
    column = table.columns[who]
    guess.take("customer", who, repeats(column))
    if points < NAMED:
        guess.doubts.append(f"column {who!r} is taken as the customer by its values alone")
    if column.personal:
        guess.doubts.append(
            f"{who!r} tells customers apart by {column.personal}, which would stand in the files "
            "of a run: set privacy.pseudonymise to the name of an environment variable that holds "
            "a key, or list the column under privacy.keep"
        )
    take_time(guess)
    ask_of_nobody(guess)
    steps = [_order, _product, _amount, undone.status, undone.copies, undone.returns, _currency]
    for step in [*steps, _used, _reductions, _place]:
        step(guess)
    guess.leave_others()
    return guess


def _order(guess: Guess) -> None:
    table, who, when = guess.table, guess.column("customer"), guess.roles["time"]
    for column in guess.free("order"):
        named = column.suggests("order")
        if not column.is_key or column.distinct < who.distinct or (column.unique and not named):
            continue
        coded = hints.is_id(column.name) or column.kind == "integer" or column.coded
        numbers = coded and not _is_else(column.name) and table.decides(column.name, when)
        if (named or numbers) and table.decides(column.name, who.name):
            guess.take("order", column.name, f"{repeats(column)}; each has one customer")
            return


def _is_else(name: str) -> bool:
    """Return whether a name is that of a customer, a place, a number or a line."""
    return hints.base(name) == "geographic" or suggests(
        name, "customer", "place", "quantity", "line"
    )


def _product(guess: Guess) -> None:
    table, order = guess.table, guess.roles.get("order")
    for column in guess.free("product"):
        text, named = column.kind == "text", column.suggests("product")
        key = column.is_key or (named and text and not column.free_text)
        several = column.per_value >= 2 and (text or column.distinct >= LEAST_PEOPLE)
        sold = text and column.suggests("goods")
        if not key or not several or (_is_else(column.name) and not sold):
            continue
        of_order = order and not named and table.decides(order, column.name)
        if (named or (text and hints.is_id(column.name))) and not of_order:
            name = _readable(table, column)
            more = "" if name is column else f"; names what {column.name} numbers"
            guess.take("product", name.name, repeats(name) + more)
            return


def _readable(table: Table, key: Column) -> Column:
    """Return the column of names of the same things, the key itself if there is none."""
    for column in table:
        same = abs(column.distinct - key.distinct) <= 0.01 * key.distinct
        longer = column.kind == "text" and column.length > key.length
        other = column is not key and not column.personal and same and longer
        pairs = ((key.name, column.name), (column.name, key.name))
        if other and all(table.decides(*pair) for pair in pairs):
            return column
    return key


def _used(guess: Guess) -> None:
    """Where nothing is paid, what looked like a product is what was used."""
    column = guess.roles.get("product")
    if column is None or guess.money:
        return
    money = [c for c in guess.free() if is_money(c) and c.name not in guess.left]
    if suggests(column, "goods") and not money:
        guess.why["product"] += "; orders of products without their prices"
        return
    guess.take("event", column, guess.why.pop("product"))
    del guess.roles["product"]


# --- money ----------------------------------------------------------------------------------------


def is_money(column: Column) -> bool:
    """Return whether numbers could be money: named so, or with decimals and no share or id."""
    named = column.suggests("amount", "price")
    other = column.suggests("discount", "coupon", "place") or hints.has(column.name, undone.UNDONE)
    if not column.numeric or other or (column.suggests("line") and not named):
        return False
    if named:
        return not hints.is_id(column.name) and column.distinct > 1
    decimals = column.kind == "number" and column.whole < 0.999 and column.most > 1
    return decimals and hints.base(column.name) != "geographic"


def _amount(guess: Guess) -> None:
    """Find quantity, and the amount of a line, or the price of a unit that gives it."""
    numbers = [c for c in guess.free("amount") if c.numeric]
    counts = (c for c in numbers if c.suggests("quantity") and c.whole > 0.9)
    if quantity := next(counts, None):
        ends = f"whole numbers from {quantity.least:,.0f} to {quantity.most:,.0f}"
        guess.take("quantity", quantity.name, ends)
    money = _of_lines(guess, [c for c in numbers if c is not quantity and is_money(c)])
    plain = [c for c in money if not hints.is_aside(c.name)]
    if money and not plain:
        guess.doubts.append(
            f"{money[0].name!r} is the only money there is, but is called like a fee, a tax or "
            "what sending costs: is it the amount of a row?"
        )
    if not money:
        return
    prices = [c for c in plain or money if c.suggests("price")]
    amounts = [c for c in plain or money if c.suggests("amount") and c not in prices]
    amounts.sort(key=lambda c: not _in_one_currency(guess, c))
    if quantity and (found := _multiplied(quantity, prices, amounts)):
        price, amount = found
        guess.take("amount", amount, f"= {quantity.name} × {price} in 95% of the rows or more")
        guess.left[price] = "the price of a unit; the amount of the line is known"
        return
    chosen = (amounts or prices or plain or money)[0]
    if quantity and _per_unit(guess, quantity, chosen, chosen in prices):
        why = f"of one unit: the amount of a line is {quantity.name} × {chosen.name}"
        guess.take("price", chosen.name, why)
        return
    guess.take("amount", chosen.name, f"from {chosen.least:,.2f} to {chosen.most:,.2f}")
    if chosen in prices:
        guess.why["amount"] += "; a price, and no column counts units"
    elif not amounts:
        guess.doubts.append(f"{chosen.name!r} is taken as the money of a row by its values alone")


def _of_lines(guess: Guess, money: list[Column]) -> list[Column]:
    """Return the money of rows, or else totals of orders that stand in one of their lines."""
    totals = _totals(guess, money)
    guess.left |= {name: f"the total of an order, {how}" for name, how in totals.items()}
    full = [c for c in money if c.name not in totals and c.missing <= 1 - SELDOM]
    if any(not hints.is_aside(c.name) for c in full):
        return full
    once = [c for c in money if totals.get(c.name) == ONCE]
    for column in once:
        del guess.left[column.name]
        guess.why["order"] += f"; {column.name} stands in one of its lines"
    for column in money if not once else ():
        what = f"is filled in {column.filled / column.rows:.0%} of the rows"
        if column.name in totals:
            what = f"is {guess.left[column.name]} (keep it in the first alone)"
        if column not in full:
            guess.doubts.append(
                f"{column.name!r} {what}, and is not taken as their amount: what was done is "
                "counted, not money"
            )
    return once or full


def _totals(guess: Guess, money: list[Column]) -> dict[str, str]:
    """Return the amounts that are of whole orders of several lines, and how they stand there."""
    order = guess.column("order") if "order" in guess.roles else None
    totals: dict[str, str] = {}
    for column in money if order and order.per_value > LINES else ():
        if column.missing > 1 - SELDOM:
            totals |= {column.name: ONCE} if _once(order, column) else {}
        elif column.distinct > undone.MOST_STATES and guess.table.decides(order.name, column.name):
            totals[column.name] = "repeated in each of its lines"
    return totals


def _once(key: Column, column: Column) -> bool:
    """Return whether a column is filled in one row of each key, and empty in its others."""
    filled = key.text[column.text.notna()]
    return len(filled) <= 1.02 * filled.nunique() and filled.nunique() >= 0.9 * key.text.nunique()


def _multiplied(quantity: Column, prices, amounts) -> tuple[str, str] | None:
    """Return the price and the amount of which one is the other times the quantity."""
    several = quantity.read.abs() > 1
    for price in prices:
        for amount in amounts:
            apart = (amount.read.abs() - (quantity.read * price.read).abs()).abs()
            if several.any() and (apart[several] <= 0.011).mean() >= 0.95:
                return price.name, amount.name
    return None


def _per_unit(guess: Guess, quantity: Column, money: Column, named: bool) -> bool:
    """Return whether money is of one unit: it then varies less per product than divided by units.

    Without a product, or where both vary alike, its name tells.
    """
    if "product" not in guess.roles:
        return named
    rows = pd.DataFrame({
        "product": guess.column("product").text, "whole": money.read.abs(),
        "unit": (money.read / quantity.read).abs().round(2),
    })[quantity.read.abs() > 1]  # fmt: skip
    whole, unit = (len(rows[["product", name]].drop_duplicates()) for name in ("whole", "unit"))
    return named if 0.8 < whole / max(unit, 1) < 1.25 else whole < unit


def _currency(guess: Guess) -> None:
    """Find how money is written: by signs in the amounts, or a column that says so."""
    if not guess.money:
        return
    money = guess.column(guess.money)
    signs, where = {_sign(value) for value in money.values} - {""}, f"signs in {money.name!r}"
    if column := _currencies(guess, money.name):
        signs, where = {code.upper() for code in column.values}, f"{column.name!r}"
        guess.left[column.name] = f"the currency of {money.name!r}"
        for other in guess.free("amount"):
            if is_money(other) and not _in_one_currency(guess, other):
                guess.left[other.name] = "money in several currencies"
    if len(signs) == 1:
        guess.currency = next(iter(signs))
    elif signs:
        guess.doubts.append(
            f"amounts are in several currencies, {', '.join(sorted(signs)[:5])} by {where}, and "
            "would be added as if they were one: convert them, or keep the rows of one"
        )


def _sign(value: str) -> str:
    """Return the currency that stands in an amount, as it is written; codes in large letters."""
    match = re.search(SIGN, value.upper())
    sign = value[match.start(1) : match.end(1)] if match else ""
    return sign.upper() if len(sign) == 3 and sign.isalpha() else sign


def _currencies(guess: Guess, money: str) -> Column | None:
    """Return the column that says the currency of an amount, of several the most alike in name."""
    codes = [
        c
        for c in guess.table.suggesting("currency")
        if c.kind == "text"
        and c.values
        and all(re.fullmatch(f"[A-Za-z]{{3}}|{MARKS}", v) for v in c.values)
    ]
    alike = {c.name: len({*hints.parts(money)} & {*hints.parts(c.name)}) for c in codes}
    return max(codes, key=lambda c: (alike[c.name], -len(c.name)), default=None)


def _in_one_currency(guess: Guess, column: Column) -> bool:
    """Return whether an amount is in one currency, by a column beside it."""
    currencies = _currencies(guess, column.name)
    return currencies is None or currencies.distinct == 1


def _reductions(guess: Guess) -> None:
    large = bool(guess.money) and guess.column(guess.money).most > 50
    for role in ("coupon", "discount"):
        chosen = []
        for column in guess.free(role):
            if not column.suggests(role) or not column.numeric:
                continue
            share = column.name.endswith("%") or hints.has(column.name, ("pct", "percent", "rate"))
            if share or (large and column.most <= 1):
                guess.doubts.append(f"{column.name!r} seems to be a share, not money: left out")
            elif column.share(lambda x: x < 0) < 0.05:
                chosen.append(column.name)
            else:
                guess.doubts.append(f"{column.name!r} is negative at times: left out as a discount")
        if chosen and guess.money:
            guess.take(role, chosen, "money taken off; 0 or more")


def _place(guess: Guess) -> None:
    order = guess.roles.get("order")
    for column in guess.free("place"):
        named = column.suggests("place") and 2 <= column.distinct < column.rows / 5
        if named and (not order or guess.table.decides(order, column.name)):
            guess.take("place", column.name, f"{column.distinct:,} different")
            return
