"""The roles of orders and events: whose they are, what of, for how much."""

from __future__ import annotations

import re

import ibis.expr.types as ir

from seglib.collection import activity, doubts, hints, reading
from seglib.collection.columns import Column, Table
from seglib.collection.reading import MARKS, SIGN
from seglib.collection.roles import (
    FEWEST_SEGMENTED,
    LEAST_PEOPLE,
    NAMED,
    Guess,
    coded,
    free,
    free_text,
    is_key,
    personal,
    repeats,
    times,
    unused,
)
from seglib.wording import listing

RETURNING = {"customer", "order", "product", "amount", "price", "quantity", "status", "time"}
LINES = 1.2  # rows an order, above which rows are its lines
ONCE = "given once each"
SELDOM = 0.5  # of the rows with an amount, below which rows are events


def _is_share(name: str) -> bool:
    return name.endswith("%") or bool({"pct", "percent", "rate"} & set(hints.parts(name)))


def transactions(table: Table, who: str, points: int) -> Guess:
    """Return the roles of a table with several rows a customer, which are orders or events."""
    guess, columns = Guess("transactions", table), table.columns
    guess.take("customer", who, repeats(columns[who]))
    if points < NAMED:
        guess.unsure.append(f"column {who!r} is taken as the customer by its values alone")
    if what := personal(columns[who]):
        guess.unsure.append(
            f"{who!r} tells customers apart by {what}, which would stand in the files of a run: "
            "set privacy.pseudonymise to the name of an environment variable that holds a key, or "
            "list the column under privacy.keep"
        )
    when = _when(guess)
    guess.take("time", when.name, f"{when.least:%Y-%m-%d} to {when.most:%Y-%m-%d}")
    _nobody(guess)
    _order(guess)
    _product(guess)
    _money(guess)
    doubts.orders(guess)
    _returns(guess)
    _currency(guess)
    _used(guess)
    _reductions(guess)
    _place(guess)
    for column in columns.values():
        if column.name not in guess.taken:
            guess.left.setdefault(column.name, unused(column))
    return guess


def _when(guess: Guess) -> Column:
    """Return the time at which something was ordered or done, of several times."""
    whens = times(guess.table)
    plain = [c for c in whens if not hints.suggests(c.name, "deadline")]
    if not plain:
        guess.unsure.append(
            f"{whens[0].name!r} is taken as the time of the rows, but is called like what follows "
            "an order: a deadline, a delivery or a change"
        )
    plain = plain or whens
    full = [c for c in plain if 1.1 * c.filled > plain[0].filled]
    return next((c for c in full if hints.suggests(c.name, "placed")), plain[0])


def _nobody(guess: Guess) -> None:
    """Take ids such as guest for rows without a customer; ask about ids written in two ways."""
    who = guess.roles["customer"]
    column, counts = guess.table.columns[who], guess.table.counts(who)
    words = guess.table.counts(who, hints.placeholders())
    usual = [len(v) for v in counts if v not in words]
    words = {
        v: n
        for v, n in words.items()  # 0 may be an id among 1, 2 and 10
        if not v.lstrip("-").isdigit() or min(usual, default=0) > len(v) + 1
    }
    if words:
        guess.why["customer"] += f"; {len(words)} of them are nobody's"
        guess.keys["placeholders"] = sorted(words)
        guess.unsure.append(
            f"{sum(words.values()):,} of {guess.table.rows:,} rows have {listing(sorted(words))} "
            f"as {who!r}, which is taken as no customer: take out of placeholders what is an id"
        )
    written: dict[str, list[str]] = {}
    for value in counts:
        written.setdefault(value.casefold(), []).append(value)
    twice = [values for values in written.values() if len(values) > 1]
    if twice:
        shown = "" if personal(column) else f", such as {listing([repr(v) for v in twice[0]])}"
        guess.unsure.append(
            f"{len(twice):,} ids in {who!r} differ by capital letters alone{shown}, and count as "
            "customers of their own: write them in one way if they are the same"
        )
    if blanks := guess.table.padded(who):
        guess.why["customer"] += f"; {blanks:,} with blanks around them, which are not read"


def _order(guess: Guess) -> None:
    table, who, when = guess.table, guess.roles["customer"], guess.roles["time"]
    for column in free(guess, "order"):
        named = hints.suggests(column.name, "order")
        people = table.columns[who].distinct
        if not is_key(column) or column.distinct < people or (column.unique and not named):
            continue
        if not named and _is_else(column.name):
            continue
        if not (named or hints.is_id(column.name) or column.kind == "integer" or coded(column)):
            continue
        if table.decides(column.name, who) and (named or table.decides(column.name, when)):
            guess.take("order", column.name, f"{repeats(column)}; each has one customer")
            return


def _product(guess: Guess) -> None:
    table, order = guess.table, guess.roles.get("order")
    for column in free(guess, "product"):
        named = hints.suggests(column.name, "product")
        key = is_key(column) or (named and column.kind == "text" and not free_text(column))
        several = column.per_value >= 2 and (
            column.kind == "text" or column.distinct >= LEAST_PEOPLE
        )
        sold = column.kind == "text" and hints.suggests(column.name, "goods")
        if not key or not several or (_is_else(column.name) and not sold):
            continue
        nameless = column.kind == "text" and hints.is_id(column.name)
        if (named or nameless) and not (order and table.decides(order, column.name) and not named):
            name = _readable(table, column)
            guess.take(
                "product",
                name.name,
                repeats(name) + ("" if name is column else f"; names what {column.name} numbers"),
            )
            return


def _is_else(name: str) -> bool:
    """Return whether a name is that of a customer, a place, a number or a line."""
    return hints.base(name) == "geographic" or hints.suggests(
        name, "customer", "place", "quantity", "line"
    )


def _readable(table: Table, key: Column) -> Column:
    """Return the column of names of the same things, the key itself if there is none."""
    for column in table.columns.values():
        same = abs(column.distinct - key.distinct) <= 0.01 * key.distinct
        longer = column.kind == "text" and column.length > key.length
        if not longer or not same or column is key or personal(column):
            continue
        if table.decides(key.name, column.name) and table.decides(column.name, key.name):
            return column
    return key


def _used(guess: Guess) -> None:
    """Where nothing is paid, what looked like a product is what was used."""
    column = guess.roles.get("product")
    if column is None or {"amount", "price"} & set(guess.roles):
        return
    if hints.suggests(column, "goods") and not guess.sparse:
        guess.why["product"] += "; orders of products without their prices"
        return
    guess.take("event", column, guess.why["product"])
    del guess.roles["product"]


def _money(guess: Guess) -> None:
    """Find quantity, and the amount of a line, or the price of a unit that gives it."""
    numbers = [c for c in free(guess, "amount") if c.kind in {"integer", "number"}]
    quantity = next(
        (c for c in numbers if hints.suggests(c.name, "quantity") and c.share("whole") > 0.9), None
    )
    if quantity:
        ends = f"whole numbers from {quantity.least:,.0f} to {quantity.most:,.0f}"
        guess.take("quantity", quantity.name, ends)
    money = _of_lines(guess, [c for c in numbers if c is not quantity and _is_money(c)])
    plain = [c for c in money if not hints.is_aside(c.name)]
    if money and not plain:
        guess.unsure.append(
            f"{money[0].name!r} is the only money there is, but is called like a fee, a tax or "
            "what sending costs: is it the amount of a row?"
        )
    money = plain or money
    if not money:
        return
    prices = [c for c in money if hints.suggests(c.name, "price")]
    amounts = [c for c in money if hints.suggests(c.name, "amount") and c not in prices]
    amounts.sort(key=lambda c: not _in_one_currency(guess, c))
    if quantity and (whole := _multiplied(guess, quantity, prices, amounts)):
        guess.take("amount", whole[1], f"= {quantity.name} × {whole[0]} in 95% of the rows or more")
        guess.left[whole[0]] = "the price of a unit; the amount of the line is known"
        return
    chosen = (amounts or prices or money)[0]
    if quantity and _per_unit(guess, quantity, chosen, chosen in prices):
        guess.take(
            "price",
            chosen.name,
            f"of one unit: the amount of a line is {quantity.name} × {chosen.name}",
        )
        return
    ends = f"from {chosen.least:,.2f} to {chosen.most:,.2f}"
    guess.take("amount", chosen.name, ends)
    if chosen in prices:
        guess.why["amount"] += "; a price, and no column counts units"
    elif not amounts:
        guess.unsure.append(f"{chosen.name!r} is taken as the money of a row by its values alone")


def _of_lines(guess: Guess, money: list[Column]) -> list[Column]:
    """Return the money of rows, or else totals of orders that stand in one of their lines."""
    totals = _totals(guess, money)
    guess.left |= {name: f"the total of an order, {how}" for name, how in totals.items()}
    full = [c for c in money if c.name not in totals and c.filled >= SELDOM * c.rows]
    guess.sparse = len(full) + len(totals) < len(money)
    if any(not hints.is_aside(c.name) for c in full):
        return full
    if once := [c for c in money if totals.get(c.name) == ONCE]:
        for column in once:
            del guess.left[column.name]
            guess.why["order"] += f"; {column.name} stands in one of its lines"
        return once
    for column in money:
        what = f"is filled in {column.filled / column.rows:.0%} of the rows"
        if column.name in totals:
            what = f"is {guess.left[column.name]} (keep it in the first alone)"
        if column not in full:
            guess.unsure.append(
                f"{column.name!r} {what}, and is not taken as their amount: what was done is "
                "counted, not money"
            )
    return full


def _totals(guess: Guess, money: list[Column]) -> dict[str, str]:
    """Return the amounts that are of whole orders of several lines, and how they stand there."""
    order, totals = guess.roles.get("order"), {}
    if not order or guess.table.columns[order].per_value <= LINES:
        return {}
    for column in money:
        if column.filled < SELDOM * column.rows:
            if guess.table.once(order, column.name):
                totals[column.name] = ONCE
        elif column.distinct > FEWEST_SEGMENTED and guess.table.decides(order, column.name):
            totals[column.name] = "repeated in each of its lines"
    return totals


def _returns(guess: Guess) -> None:
    """Say how many rows are returns, and how many customers have no other rows."""
    money = next((role for role in ("amount", "price", "quantity") if role in guess.roles), "")
    if not money:
        return
    columns = {r: guess.table.at(c) for r, c in guess.roles.items() if r in RETURNING}
    if "price" in columns:
        columns["amount"] = columns.pop("price") * columns["quantity"]
    if "order" in columns:
        columns["order"] = reading.trimmed(columns["order"])
    rows = activity.mark_returns(guess.table.opened.table.select(**columns), guess.returned)
    part = _within_orders(rows)
    if credit := reading.row(rows, {"n": rows.is_credit_note.sum()})["n"]:
        guess.unsure.append(
            f"{credit:,} rows have a number in {guess.roles['order']!r} that is taken for that of "
            "a credit note: their money is taken off, whatever its sign"
        )
    each = rows.filter(rows.customer.notnull()).group_by("customer")
    each = each.agg(n=rows.is_return.sum(), bought=(~rows.is_return).sum())
    row = reading.row(each, {"n": each.n.sum(), "only": (each.bought == 0).sum()})
    lower = " lower the money and" if money != "quantity" else ""
    if row["n"] > part:
        guess.why[money] += f"; {row['n'] - part:,} rows are returns, which{lower} are no orders"
    if part:
        guess.why[money] += (
            f"; {part:,} rows are reductions or partial returns, in orders with sales"
        )
    if row["only"]:
        only = f"fewer than {LEAST_PEOPLE}" if row["only"] < LEAST_PEOPLE else f"{row['only']:,}"
        guess.why[money] += f"; {only} customers have no other rows"


def _within_orders(rows: ir.Table) -> int:
    """Return how many returns of customers stand in orders that have other lines too."""
    whose = rows.filter(rows.customer.notnull())
    if "order" not in rows.columns:  # what a customer buys on a day is one
        whose = whose.mutate(order=whose.time.cast("timestamp").truncate("D"))
    each = whose.group_by("customer", "order").agg(
        n=whose.is_return.sum(), kept=(~whose.is_return).sum()
    )
    return reading.row(each, {"n": each.n.sum(where=each.kept > 0)})["n"]


def _currency(guess: Guess) -> None:
    """Find how money is written: by signs in the amounts, or a column that says so."""
    name = guess.roles.get("amount", guess.roles.get("price"))
    if not name:
        return
    values, where = guess.table.columns[name].values or {}, f"signs in {name!r}"
    signs = {_sign(value) for value in values} - {""}
    if column := _currencies(guess, name):
        signs, where = {code.upper() for code in column.values}, f"{column.name!r}"
        guess.left[column.name] = f"the currency of {name!r}"
        for other in free(guess, "amount"):
            beside = other.kind in {"integer", "number"} and _is_money(other)
            if beside and not _in_one_currency(guess, other):
                guess.left[other.name] = "money in several currencies"
    if len(signs) == 1:
        guess.currency = next(iter(signs))
    elif signs:
        guess.unsure.append(
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
    columns = [
        c
        for c in guess.table.columns.values()
        if c.kind == "text"
        and c.values
        and hints.suggests(c.name, "currency")
        and all(re.fullmatch(f"[A-Za-z]{{3}}|{MARKS}", code) for code in c.values)
    ]
    words = set(hints.parts(money))
    alike = {c.name: len(words & set(hints.parts(c.name))) for c in columns}
    return max(columns, key=lambda c: (alike[c.name], -len(c.name)), default=None)


def _in_one_currency(guess: Guess, column: Column) -> bool:
    """Return whether an amount is in one currency, by a column beside it; converted ones before."""
    currencies = _currencies(guess, column.name)
    return currencies is None or currencies.distinct == 1


def _is_money(column: Column) -> bool:
    """Return whether numbers could be money: named so, or with decimals and no share or id."""
    money = hints.suggests(column.name, "amount", "price")
    if hints.suggests(column.name, "discount", "coupon", "place"):
        return False
    if hints.suggests(column.name, "line") and not money:
        return False
    if set(hints.parts(column.name)) & doubts.UNDONE:
        return False
    if money:
        return not hints.is_id(column.name) and column.distinct > 1
    if column.kind != "number" or hints.base(column.name) == "geographic":
        return False
    return 1 - column.share("whole") > 0.001 and column.most > 1


def _multiplied(guess: Guess, quantity, prices, amounts) -> tuple[str, str] | None:
    """Return the price and the amount of which one is the other times the quantity."""
    units = guess.table.at(quantity.name).cast("float64")
    for price in prices:
        for amount in amounts:
            each, whole = (guess.table.at(c.name).cast("float64") for c in (price, amount))
            near = (whole.abs() - (units * each).abs()).abs() <= 0.011
            if guess.table.share(near, units.abs() > 1) >= 0.95:
                return price.name, amount.name
    return None


def _per_unit(guess: Guess, quantity: Column, money: Column, named: bool) -> bool:
    """Return whether money is of one unit: it then varies less per product than divided by units.

    Without a product, or where both vary alike, its name tells.
    """
    product = guess.roles.get("product")
    if not product:
        return named
    whole, parts = guess.table.ratio_varies(product, money.name, quantity.name)
    return named if 0.8 < whole / max(parts, 1) < 1.25 else whole < parts


def _reductions(guess: Guess) -> None:
    money = guess.roles.get("amount", guess.roles.get("price"))
    large = money is not None and guess.table.columns[money].most > 50
    for role in ("coupon", "discount"):
        chosen = []
        for column in free(guess, role):
            if not hints.suggests(column.name, role) or column.kind not in {"integer", "number"}:
                continue
            if (large and column.most <= 1) or _is_share(column.name):
                guess.unsure.append(f"{column.name!r} seems to be a share, not money: left out")
            elif column.share("negative") < 0.05:
                chosen.append(column.name)
            else:
                guess.unsure.append(f"{column.name!r} is negative at times: left out as a discount")
        if chosen and {"amount", "price"} & set(guess.roles):
            guess.take(role, chosen, "money taken off; 0 or more")


def _place(guess: Guess) -> None:
    for column in free(guess, "place"):
        order = guess.roles.get("order")
        named = hints.suggests(column.name, "place") and 2 <= column.distinct < column.rows / 5
        if named and (not order or guess.table.decides(order, column.name)):
            guess.take("place", column.name, f"{column.distinct:,} different")
            return
