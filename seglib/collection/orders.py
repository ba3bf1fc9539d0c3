"""The roles of orders and events: when, what of, for how much, and which rows are returns."""

import re

from seglib.collection import activity, reading
from seglib.collection.columns import WORDS, Column, Table, has, parts
from seglib.collection.roles import LEAST_PEOPLE, NAMED, Guess, is_other, repeats, rivals
from seglib.wording import listing

GUESTS = 0.15  # of the rows without a customer, from which they are pointed at
LINES = 1.2  # rows an order, above which rows are its lines
SELDOM = 0.5  # of the rows with an amount, below which rows are events
MOST_STATES = 10  # different values of a status
UNDONE = {word for words in WORDS["undone"].values() for word in words}


def transactions(table: Table, who: str, points: int) -> Guess:
    """Return the roles of a table with several rows a customer, which are orders or events."""
    guess, column = Guess("transactions", table), table.columns[who]
    guess.take("customer", who, repeats(column))
    if points < NAMED:
        guess.ask("by_values", name=who)
    guess.ask_instead("customer", rivals(table, who))
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
    if guess.money:
        _currency(guess)
        _reductions(guess)
    elif product:
        unpaid = any(is_money(c) and c.name not in guess.left for c in guess.free())
        if "goods" in guess.column("product").says and not unpaid:
            guess.why["product"] += "; orders of products without their prices"
        else:  # nothing is paid: it is what was used
            guess.take("event", guess.roles.pop("product"), guess.why.pop("product"))
    _status(guess)
    _returns(guess)
    order, decides = guess.roles.get("order"), table.decides
    places = [c for c in guess.free("place") if "place" in c.says and 1 < c.distinct < c.rows / 5]
    if place := next((c for c in places if not order or decides(order, c.name)), None):
        guess.take("place", place.name, f"{place.distinct:,} different")
    guess.leave_others()
    return guess


def _time(guess: Guess) -> None:
    whens, who = guess.table.times, guess.roles["customer"]
    plain = [c for c in whens if "deadline" not in c.says] or whens
    plain = [c for c in plain if not guess.table.decides(who, c.name)] or plain
    full = [c for c in plain if 1.1 * c.filled > plain[0].filled]
    when = next((c for c in full if "placed" in c.says), plain[0])
    if "deadline" in when.says:
        guess.ask("deadline", name=when.name)
    guess.take("time", when.name, f"{when.least:%Y-%m-%d} to {when.most:%Y-%m-%d}")
    sold = "placed" in when.says or "order" in when.says
    enrolled = [c for c in whens if "enrolled" in c.says and not (sold or c in plain)]
    enrolled = [c for c in enrolled if not guess.table.decides(who, c.name)]
    guess.ask_instead("time", (c.name for c in plain + enrolled))


def _nobody(guess: Guess) -> None:
    """Ask about rows without a customer, and about ids written in two ways."""
    who, missing = guess.roles["customer"], guess.column("customer").missing
    counts = guess.table.counts(who)
    if missing > GUESTS:
        guess.ask("without_customer", name=who, share=missing)
    guess.take_nobody()
    if twice := len(counts) - len({value.casefold() for value in counts}):
        guess.ask("capitals", name=who, n=twice)


def _is_order(guess: Guess, column: Column) -> bool:
    """Return whether a column numbers orders: each has one customer, and one time unless named."""
    by_name, decides = "order" in column.says, guess.table.decides
    key = column.is_key and (by_name or not column.unique)
    coded = "id" in column.says or column.kind == "integer" or column.coded
    numbers = coded and not is_other(column) and "customer" not in column.says
    by_name = by_name or (key and numbers and decides(column.name, guess.roles["time"]))
    who = guess.column("customer")
    return key and column.distinct >= who.distinct and by_name and decides(column.name, who.name)


def _is_product(guess: Guess, column: Column) -> bool:
    """Return whether a column is of what was bought or used, and not of whole orders."""
    text, by_name = column.kind == "text", "product" in column.says
    key = column.is_key or (by_name and text and not column.free_text)
    several = column.per_value >= 2 and (text or column.distinct >= LEAST_PEOPLE)
    sold = not (is_other(column) or "customer" in column.says) or (text and "goods" in column.says)
    if not (key and several and sold and (by_name or (text and "id" in column.says))):
        return False
    order = guess.roles.get("order")
    return by_name or not order or not guess.table.decides(order, column.name)


def _are_names(table: Table, key: Column, column: Column) -> bool:
    same = abs(column.distinct - key.distinct) <= 0.01 * key.distinct and column is not key
    longer = column.kind == "text" and column.length > key.length and not column.personal
    pairs = ((key.name, column.name), (column.name, key.name))
    return same and longer and all(table.decides(*pair) for pair in pairs)


# --- money ----------------------------------------------------------------------------------------


def is_money(column: Column) -> bool:
    """Return whether numbers could be money: named so, or with decimals and no share or id."""
    by_name = column.says & {"amount", "price", "cost"}
    other = column.says & {"discount", "coupon", "place"} or has(column.name, UNDONE)
    if not column.numeric or other or ("line" in column.says and not by_name):
        return False
    if by_name:
        return "id" not in column.says and column.distinct > 1 and not column.yes
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
    if not money:
        return
    plain = [c for c in money if not c.is_aside]
    plain = plain or [c for c in money if "aside" not in c.says] or money
    costs = [c for c in plain if c.says & {"amount", "cost", "aside"} == {"cost"}]
    prices = [c for c in plain if "price" in c.says or c in costs]
    amounts = [c for c in plain if "amount" in c.says and c not in prices]
    amounts.sort(key=lambda c: guess.table.decides(guess.roles["customer"], c.name))
    amounts.sort(key=lambda c: _currencies(guess, c.name).distinct > 1)
    chosen = (amounts or prices or sorted(plain, key=lambda c: -c.read.sum()))[0]
    if chosen.is_aside:
        guess.ask("only_aside", name=chosen.name)
    if quantity and chosen in prices:
        why = f"of one unit: the amount of a line is {quantity.name} × {chosen.name}"
        guess.take("price", chosen.name, why)
        if not has(chosen.name, WORDS["unit"]):
            guess.ask("per_unit", name=chosen.name, quantity=quantity.name)
    else:
        guess.take("amount", chosen.name, f"from {chosen.least:,.2f} to {chosen.most:,.2f}")
        if not (amounts or prices or chosen.is_aside or has(chosen.name, WORDS["charges"])):
            guess.ask("money_by_values", name=chosen.name)
    if not chosen.is_aside:
        guess.ask_instead(guess.money, (c.name for c in amounts or prices))


def _of_lines(guess: Guess, money: list[Column]) -> list[Column]:
    """Return the money of rows, or else totals of orders that stand in one of their lines."""
    order = guess.column("order") if "order" in guess.roles else None
    lines = order is not None and order.per_value > LINES
    full, once, repeated = [], [], []
    for column in money:
        filled = order.text[column.text.notna()] if lines else ()
        single = lines and 0.9 * order.text.nunique() <= filled.nunique() >= len(filled) / 1.02
        many = lines and column.distinct > MOST_STATES
        if column.missing > 1 - SELDOM:
            once += [column] * single
        elif many and guess.table.decides(order.name, column.name):
            repeated.append(column)
        else:
            full.append(column)
    if once and all(c.is_aside for c in full):
        return once
    guess.left |= {c.name: "the total of an order" for c in once + repeated}
    if not any(not c.is_aside for c in full):
        for column in (c for c in money if c not in full):
            doubt = "total" if column in repeated else "seldom"
            guess.ask(doubt, name=column.name, share=1 - column.missing)
    return full


def _currency(guess: Guess) -> None:
    money = guess.column(guess.money)
    result = [(re.search(reading.SIGN, value.upper()), value) for value in money.values]
    signs = {value[match.start(1) : match.end(1)] for match, value in result if match}
    signs = {sign.upper() if re.fullmatch(r"[^\W\d_]{3}", sign) else sign for sign in signs}
    where = f"signs in {money.name!r}"
    if (column := _currencies(guess, money.name)) is not money:
        signs, where = {code.upper() for code in column.values}, f"{column.name!r}"
        guess.left[column.name] = f"the currency of {money.name!r}"
    if len(signs) == 1:
        guess.currency = next(iter(signs))
    elif signs:
        guess.ask("currencies", shown=", ".join(sorted(signs)[:5]), where=where)


def _currencies(guess: Guess, money: str) -> Column:
    """Return the column of currencies most alike an amount in name; else the amount itself."""
    code = f"[A-Za-z]{{3}}|{reading.MARKS}"
    by_name = [c for c in guess.table.named("currency") if c.kind == "text" and c.values]
    codes = [c for c in by_name if all(re.fullmatch(code, value) for value in c.values)]
    alike = {c.name: len({*parts(money)} & {*parts(c.name)}) for c in codes}
    own = guess.table.columns[money]
    return max(codes, key=lambda c: (alike[c.name], -len(c.name)), default=own)


def _reductions(guess: Guess) -> None:
    large = guess.column(guess.money).most > 50
    for column in (c for c in guess.free() if c.numeric and has(c.name, UNDONE)):
        if (column.kind == "number" or "amount" in column.says) and not column.yes:
            guess.ask("refunds", name=column.name)
    for role in ("coupon", "discount"):
        chosen = []
        for column in (c for c in guess.free(role) if role in c.says and c.numeric):
            share = has(column.name, WORDS["shares"]) or (large and column.most <= 1)
            if share or column.negative >= 0.05:
                guess.ask("discount", name=column.name)
            else:
                chosen.append(column.name)
        if chosen:
            guess.take(role, chosen, "money taken off; 0 or more")


# --- returns and cancelled sales ------------------------------------------------------------------


def _undo(value: str) -> str:
    """Return whether a status says of a sale that it was `cancelled` or `returned`, or ''."""
    words = re.sub(r"[\W_]+", " ", value.lower()).split()
    if not {*WORDS["not_undone"]}.isdisjoint(words):
        return ""
    forms = {*words, "".join(words)}
    return next((kind for kind, of in WORDS["undone"].items() if not forms.isdisjoint(of)), "")


def _status(guess: Guess) -> None:
    who, states = guess.column("customer"), [c for c in guess.free() if c.distinct <= MOST_STATES]
    for column in states if guess.money else ():
        back = {value: kind for value in sorted(column.values) if (kind := _undo(value))}
        if column.yes and _undo(column.name):
            back = {column.yes: _undo(column.name)}
        if not back or (who.per_value >= 2 and guess.table.decides(who.name, column.name)):
            continue
        guess.take("status", column.name, f"{column.distinct} different")
        money = guess.column(guess.money).read
        for value, kind in back.items():
            taken_off = not (money[column.text.str.strip() == value] > 0).any()
            guess.keys.setdefault("returned" if taken_off else kind, []).append(value)
        for kind in {"returned", "cancelled"} & {*guess.keys}:
            values = guess.keys[kind]
            share = sum(column.values[value] for value in values) / max(len(column.text), 1)
            guess.ask(kind, name=column.name, share=share, values=listing(values))
        return


def _returns(guess: Guess) -> None:
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
