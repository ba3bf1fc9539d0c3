"""The roles of orders and events: when, what of, for how much, and which rows are returns."""

from __future__ import annotations

import re

import pandas as pd

from seglib.collection import activity, reading
from seglib.collection.columns import WORDS, Column, Table, has, parts
from seglib.collection.roles import DOUBTS, LEAST_PEOPLE, NAMED, Guess, is_other, repeats
from seglib.wording import listing

GUESTS = 0.15  # of the rows without a customer, from which they are pointed at
ONCE, REPEATED = "given once each", "repeated in each of its lines"
LINES = 1.2  # rows an order, above which rows are its lines
SELDOM = 0.5  # of the rows with an amount, below which rows are events
MOST_STATES = 10  # different values of a status
BESIDE = 0.5  # of the rows that undo a sale, from which the sales are in rows of their own


def transactions(table: Table, who: str, points: int) -> Guess:
    """Return the roles of a table with several rows a customer, which are orders or events."""
    guess, column = Guess("transactions", table, doubts=list(table.doubts)), table.columns[who]
    guess.take("customer", who, repeats(column))
    if points < NAMED:
        guess.ask("by_values", name=who)
    if column.personal:
        guess.ask("personal_key", name=who, what=column.personal)
    _time(guess)
    _nobody(guess)
    if order := guess.first("order", lambda c: _is_order(guess, c)):
        guess.take("order", order.name, f"{repeats(order)}; each has one customer")
    if product := guess.first("product", lambda c: _is_product(guess, c)):
        name = next((c for c in table if _are_names(table, product, c)), product)
        more = "" if name is product else f"; names what {product.name} numbers"
        guess.take("product", name.name, repeats(name) + more)
    _amount(guess)
    _status(guess)
    _returns(guess)
    _currency(guess)
    if product and not guess.money:
        money = [c for c in guess.free() if is_money(c) and c.name not in guess.left]
        if "goods" in guess.column("product").says and not money:
            guess.why["product"] += "; orders of products without their prices"
        else:  # nothing is paid: it is what was used
            guess.take("event", guess.roles.pop("product"), guess.why.pop("product"))
    _reductions(guess)
    if place := guess.first("place", lambda c: _is_place(guess, c)):
        guess.take("place", place.name, f"{place.distinct:,} different")
    guess.leave_others()
    return guess


def _time(guess: Guess) -> None:
    """Take the time at which something was ordered or done, of several times."""
    whens = guess.table.times
    plain = [c for c in whens if "deadline" not in c.says] or whens
    if "deadline" in plain[0].says:
        guess.ask("deadline", name=plain[0].name)
    full = [c for c in plain if 1.1 * c.filled > plain[0].filled]
    when = next((c for c in full if "placed" in c.says), plain[0])
    guess.take("time", when.name, f"{when.least:%Y-%m-%d} to {when.most:%Y-%m-%d}")


def _nobody(guess: Guess) -> None:
    """Take ids such as guest for rows without a customer; ask about ids written in two ways."""
    who, column = guess.roles["customer"], guess.column("customer")
    counts, nobody = guess.table.counts(who), {*WORDS["placeholders"]}
    shortest = min((len(v) for v in counts if v.lower() not in nobody), default=0)
    figures = {v for v in counts if v.lstrip("-").isdigit() and shortest <= len(v) + 1}
    words = [v for v in counts if v.lower() in nobody and v not in figures]  # 0 is one of 1, 2, 10
    if column.missing > GUESTS:
        guess.ask("without_customer", name=who, share=column.missing)
    if words:
        guess.why["customer"] += f"; {len(words)} of them are nobody's"
        guess.keys["placeholders"] = sorted(words)
        n, rows = sum(counts[word] for word in words), guess.table.rows
        guess.ask("placeholders", name=who, n=n, rows=rows, shown=listing(sorted(words)))
    ids = pd.Series([*counts], dtype=str)
    alike = ids.groupby(ids.str.casefold()).agg(list)
    if len(twice := alike[alike.str.len() > 1]):
        shown = "" if column.personal else f", such as {listing(map(repr, twice.iloc[0]))}"
        guess.ask("capitals", name=who, n=len(twice), shown=shown)


def _is_order(guess: Guess, column: Column) -> bool:
    """Return whether a column numbers orders: each has one customer, and one time unless named."""
    named, decides = "order" in column.says, guess.table.decides
    key = column.is_key and (named or not column.unique)
    coded = "id" in column.says or column.kind == "integer" or column.coded
    numbers = coded and not is_other(column) and "customer" not in column.says
    named = named or (key and numbers and decides(column.name, guess.roles["time"]))
    who = guess.column("customer")
    return key and column.distinct >= who.distinct and named and decides(column.name, who.name)


def _is_product(guess: Guess, column: Column) -> bool:
    """Return whether a column is of what was bought or used, and not of whole orders."""
    text, named = column.kind == "text", "product" in column.says
    key = column.is_key or (named and text and not column.free_text)
    several = column.per_value >= 2 and (text or column.distinct >= LEAST_PEOPLE)
    other = is_other(column) or "customer" in column.says
    sold = not other or (text and "goods" in column.says)
    if not (key and several and sold and (named or (text and "id" in column.says))):
        return False
    order = guess.roles.get("order")
    return named or not order or not guess.table.decides(order, column.name)


def _are_names(table: Table, key: Column, column: Column) -> bool:
    """Return whether a column holds the names of what a key numbers."""
    same = abs(column.distinct - key.distinct) <= 0.01 * key.distinct and column is not key
    longer = column.kind == "text" and column.length > key.length and not column.personal
    pairs = ((key.name, column.name), (column.name, key.name))
    return same and longer and all(table.decides(*pair) for pair in pairs)


def _is_place(guess: Guess, column: Column) -> bool:
    named = "place" in column.says and 2 <= column.distinct < column.rows / 5
    order = guess.roles.get("order")
    return named and (not order or guess.table.decides(order, column.name))


# --- money ----------------------------------------------------------------------------------------


def is_money(column: Column) -> bool:
    """Return whether numbers could be money: named so, or with decimals and no share or id."""
    named = column.says & {"amount", "price"}
    other = column.says & {"discount", "coupon", "place"} or _undo(column.name, exact=False)
    if not column.numeric or other or ("line" in column.says and not named):
        return False
    if named:
        return "id" not in column.says and column.distinct > 1
    decimals = column.kind == "number" and column.whole < 0.999 and column.most > 1
    return decimals and column.base != "geographic"


def _amount(guess: Guess) -> None:
    """Take quantity, and the amount of a line, or the price of a unit that gives it."""
    numbers = [c for c in guess.free("amount") if c.numeric]
    quantity = next((c for c in numbers if "quantity" in c.says and c.whole > 0.9), None)
    if quantity:
        ends = f"whole numbers from {quantity.least:,.0f} to {quantity.most:,.0f}"
        guess.take("quantity", quantity.name, ends)
    money = _of_lines(guess, [c for c in numbers if c is not quantity and is_money(c)])
    plain = [c for c in money if not c.is_aside] or money
    if not money:
        return
    if plain[0].is_aside:
        guess.ask("only_aside", name=money[0].name)
    prices = [c for c in plain if "price" in c.says]
    amounts = [c for c in plain if "amount" in c.says and c not in prices]
    amounts.sort(key=lambda c: not _in_one_currency(guess, c))
    for price, amount in [(p, a) for p in prices for a in amounts] if quantity else ():
        several = quantity.read.abs() > 1
        apart = (amount.read.abs() - (quantity.read * price.read).abs()).abs()[several]
        if several.any() and (apart <= 0.011).mean() >= 0.95:
            why = f"= {quantity.name} × {price.name} in 95% of the rows or more"
            guess.take("amount", amount.name, why)
            guess.left[price.name] = "the price of a unit; the amount of the line is known"
            return
    chosen = (amounts or prices or plain)[0]
    if quantity and _is_per_unit(guess, quantity, chosen, chosen in prices):
        why = f"of one unit: the amount of a line is {quantity.name} × {chosen.name}"
        guess.take("price", chosen.name, why)
        return
    guess.take("amount", chosen.name, f"from {chosen.least:,.2f} to {chosen.most:,.2f}")
    if chosen in prices:
        guess.why["amount"] += "; a price, and no column counts units"
    elif not amounts:
        guess.ask("money_by_values", name=chosen.name)


def _of_lines(guess: Guess, money: list[Column]) -> list[Column]:
    """Return the money of rows, or else totals of orders that stand in one of their lines."""
    order = guess.column("order") if "order" in guess.roles else None
    totals: dict[str, str] = {}
    for column in money if order and order.per_value > LINES else ():
        if column.missing > 1 - SELDOM:
            filled = order.text[column.text.notna()]
            once = 0.9 * order.text.nunique() <= filled.nunique() >= len(filled) / 1.02
            totals |= {column.name: ONCE} if once else {}
        elif column.distinct > MOST_STATES and guess.table.decides(order.name, column.name):
            totals[column.name] = REPEATED
    guess.left |= {name: f"the total of an order, {how}" for name, how in totals.items()}
    full = [c for c in money if c.name not in totals and c.missing <= 1 - SELDOM]
    if any(not c.is_aside for c in full):
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
            guess.ask("not_money", name=column.name, what=what)
    return once or full


def _is_per_unit(guess: Guess, quantity: Column, money: Column, named: bool) -> bool:
    """Return whether money is of one unit: it then varies less per product than divided by units.

    Without a product, or where both vary alike, its name tells.
    """
    if "product" not in guess.roles:
        return named
    rows = pd.DataFrame({"product": guess.column("product").text, "whole": money.read.abs()})
    rows["unit"] = (money.read / quantity.read).abs().round(2)
    rows = rows[quantity.read.abs() > 1]
    whole, unit = (len(rows[["product", name]].drop_duplicates()) for name in ("whole", "unit"))
    return named if 0.8 < whole / max(unit, 1) < 1.25 else whole < unit


def _currency(guess: Guess) -> None:
    """Find how money is written: by signs in the amounts, or a column that says so."""
    if not guess.money:
        return
    money = guess.column(guess.money)
    result = [(re.search(reading.SIGN, value.upper()), value) for value in money.values]
    signs = {value[match.start(1) : match.end(1)] for match, value in result if match}
    signs = {sign.upper() if re.fullmatch(r"[^\W\d_]{3}", sign) else sign for sign in signs}
    where = f"signs in {money.name!r}"
    if column := _currencies(guess, money.name):
        signs, where = {code.upper() for code in column.values}, f"{column.name!r}"
        guess.left[column.name] = f"the currency of {money.name!r}"
        others = [c.name for c in guess.free() if is_money(c) and not _in_one_currency(guess, c)]
        guess.left |= dict.fromkeys(others, "money in several currencies")
    if len(signs) == 1:
        guess.currency = next(iter(signs))
    elif signs:
        guess.ask("currencies", shown=", ".join(sorted(signs)[:5]), where=where)


def _currencies(guess: Guess, money: str) -> Column | None:
    """Return the column that says the currency of an amount, of several the most alike in name."""
    code, named = f"[A-Za-z]{{3}}|{reading.MARKS}", guess.table.named("currency")
    named = [c for c in named if c.kind == "text" and c.values]
    codes = [c for c in named if all(re.fullmatch(code, value) for value in c.values)]
    alike = {c.name: len({*parts(money)} & {*parts(c.name)}) for c in codes}
    return max(codes, key=lambda c: (alike[c.name], -len(c.name)), default=None)


def _in_one_currency(guess: Guess, column: Column) -> bool:
    """Return whether an amount is in one currency, by a column beside it."""
    currencies = _currencies(guess, column.name)
    return currencies is None or currencies.distinct == 1


def _reductions(guess: Guess) -> None:
    """Take what was taken off; what seems a share or is negative at times is asked about."""
    large = bool(guess.money) and guess.column(guess.money).most > 50
    for role in ("coupon", "discount"):
        chosen = []
        for column in (c for c in guess.free(role) if role in c.says and c.numeric):
            share = column.name.endswith("%") or has(column.name, WORDS["shares"])
            if share or (large and column.most <= 1):
                guess.ask("discount_share", name=column.name)
            elif column.negative >= 0.05:
                guess.ask("discount_negative", name=column.name)
            else:
                chosen.append(column.name)
        if chosen and guess.money:
            guess.take(role, chosen, "money taken off; 0 or more")


# --- returns and cancelled sales ------------------------------------------------------------------


def _undo(value: str, exact: bool = True) -> str:
    """Return what a status says of a sale: cancelled, returned or either, or ''.

    A part of a sale that was taken back leaves it one. A name need not be `exact`.
    """
    words = re.sub(r"[\W_]+", " ", value.lower()).split()
    if exact and not {*WORDS["not_undone"]}.isdisjoint(words):
        return ""
    forms = {*words, "".join(words)} if exact else {*parts(value)}
    return next((kind for kind, of in WORDS["undone"].items() if not forms.isdisjoint(of)), "")


def _status(guess: Guess) -> None:
    """Take the rows for returns or cancelled sales that a column calls so, and ask about them."""
    who = guess.column("customer")
    for column in guess.table:
        counts, few = column.values, column.kind == "text" and column.distinct <= MOST_STATES
        back = {value: _undo(value) for value in sorted(counts) if few and _undo(value)}
        if _undo(column.name) and column.distinct == 2 and column.yes:
            back = {column.yes: _undo(column.name)}
        free = guess.money and column.name not in guess.taken and "status" not in guess.roles
        of_customers = back and who.per_value >= 2 and guess.table.decides(who.name, column.name)
        if back and (not free or of_customers):
            guess.ask("status_unused", **_facts(column, [*back]))
        elif back:
            guess.take("status", column.name, f"{column.distinct} different")
            ways: dict[str, list[str]] = {}
            for value, kind in back.items():
                key, how = _how(guess, column, value, kind)
                guess.keys.setdefault(key, []).append(value)
                ways.setdefault(DOUBTS["undone_how"][how], []).append(value)
            for how, values in ways.items():
                guess.ask("undone", how=how, **_facts(column, values))
        elif column.numeric and column.most and _undo(column.name, exact=False):
            share = (column.read.fillna(0) != 0).mean()
            guess.ask("refunds_apart", name=column.name, share=share)


def _facts(column: Column, values: list[str]) -> dict:
    """Return which share of the rows has some values of a column."""
    share = sum(column.values[value] for value in values) / max(len(column.text), 1)
    return {"name": column.name, "share": share, "values": listing(values)}


def _how(guess: Guess, column: Column, value: str, kind: str) -> tuple[str, str]:
    """Return how rows of a status count, returned or cancelled, and what says so.

    Where its word may mean either, money that is negative, or a row of the sale beside it, tells.
    """
    rows = pd.DataFrame({"who": guess.column("customer").text})
    rows["money"] = guess.column(guess.money).read
    if "quantity" in guess.roles:
        rows["money"] *= guess.column("quantity").read
    here = column.text.str.strip() == value
    if not (rows["money"][here] > 0).any():
        return "returned", "negative"
    if kind != "either":
        return kind, kind
    rows["money"] = rows["money"].abs()
    if "order" in guess.roles and guess.column("order").text.duplicated().any():
        rows["money"] = guess.column("order").text
    sold, back = (pd.MultiIndex.from_frame(rows[at]) for at in (~here, here))
    return ("returned", "returned") if back.isin(sold).mean() >= BESIDE else ("cancelled", "either")


def _returns(guess: Guess) -> None:
    """Say how many rows are returns or cancelled, and ask about numbers of credit notes."""
    money = guess.money or ("quantity" if "quantity" in guess.roles else "")
    if not money:
        return
    wanted = ("customer", "order", "product", "amount", "price", "quantity", "status", "time")
    columns = {role: guess.table.at(c) for role, c in guess.roles.items() if role in wanted}
    if "price" in columns:
        columns["amount"] = columns.pop("price") * columns["quantity"]
    if "order" in columns:
        columns["order"] = reading.trimmed(columns["order"])
    states = (guess.keys.get(key, ()) for key in ("returned", "cancelled"))
    rows = activity.mark_returns(guess.table.opened.table.select(**columns), *states)
    counts = {"credit": rows.is_credit_note.sum(), "void": rows.is_cancelled.sum()}
    n = reading.row(rows, counts | {"back": (rows.is_return & ~rows.is_cancelled).sum()})
    if n["credit"]:
        guess.ask("credit_notes", name=guess.roles["order"], n=n["credit"])
    if n["back"]:
        guess.why[money] += f"; {n['back']:,} rows are returns or reductions, which are taken off"
    if n["void"]:
        guess.why[money] += f"; {n['void']:,} rows are cancelled sales, which count as 0"
