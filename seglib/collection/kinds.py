"""What several tables are to each other: kinds, keys between them, and one study of all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import ibis

from seglib.collection import answers, columns, experiments, hints, orders, refusals, roles
from seglib.collection.columns import Column, Table
from seglib.collection.hints import suggests
from seglib.collection.roles import LEAST_PEOPLE, NAMED, Guess
from seglib.collection.sources import Source
from seglib.layout import FILE, ROW
from seglib.study import FEWEST, StudyError

KEYS = ("customer", "product", "order", "campaign")
MOST_LEVELS = 300  # different groups of products
PEOPLE = 100  # customers below which little can be told of segments


@dataclass(frozen=True)
class Link:
    """A key that two tables share: most values of `many` are rows of `one`."""

    many: str
    one: str
    forward: float
    back: float


def study(tables: list[Table]) -> list[Guess]:
    """Return what each table of a study is, the transactions first.

    Raises
    ------
    StudyError
        If no table holds customers, or one that returns to them again and again holds no dates.
    """
    surveys = [t for t in tables if answers.is_survey(t)]
    others = _joined([t for t in tables if t not in surveys])
    events = [t for t in others if _is_events(t, others)]
    rows = [t for t in others if t not in events]
    main = max(events, key=lambda t: (_has_money(t), t.rows), default=None)
    sold = orders.transactions(main, *roles.customer(main, _linked(main, rows))) if main else None
    listed = [t for t in rows if main and t.times and experiments.lists_arms(t)]
    guesses = [sold] if main else []
    guesses += [_addressed(t) for t in [*events, *listed] if t is not main]
    guesses += [_described(t, sold, t in surveys) for t in [*rows, *surveys] if t not in listed]
    if main and not any(guess.kind == "products" for guess in guesses):
        guesses += _grouped(sold)
    for guess in guesses:
        guess.doubts += (
            refusals.misread(guess.table) if guess.table not in (main,) or guess is sold else []
        )
    guesses = _one_each(guesses)
    _few(guesses[0])
    return guesses


def _few(guess: Guess) -> None:
    """Say at once how little can be told of few customers."""
    who = guess.roles.get("customer", ROW)
    n = guess.table.rows if who == ROW else guess.table.columns[who].distinct
    n -= len(guess.keys.get("placeholders", ()))
    if FEWEST <= n < PEOPLE:
        margin = 98 / (n / 2) ** 0.5  # half of a 95% interval of a share near one half, in points
        guess.doubts.append(
            f"{n} customers are few: two segments at most can be told apart, a share within one of "
            f"them is known to {margin:.0f} points, and small differences between them are not; "
            "more customers, or a longer time, would help"
        )


def _one_each(guesses: list[Guess]) -> list[Guess]:
    """Return the first table of each kind; what is left over is told in the first one's doubts."""
    kept: dict[str, Guess] = {}
    for guess in guesses:
        why = f"a study has one table of {guess.kind}, and there is another"
        if guess.kind == "other":
            why = guess.why.get("other", "what it is to the others is not clear")
        if guess.kind == "responses" and not any(g.kind == "campaigns" for g in guesses):
            why = "responses need campaigns"
        elif guess.kind != "other" and guess.kind not in kept:
            kept[guess.kind] = guess
            continue
        guesses[0].doubts.append(f"{guess.table.source} is left out: {why}")
    if not {"transactions", "customers", "survey"} & set(kept):
        raise StudyError(refusals.nobody(guesses[0].table))
    return list(kept.values())


# --- keys between tables --------------------------------------------------------------------------


def _link(many: Table, one: Table, keys: list[str] | None = None) -> Link | None:
    """Return the best key between two tables, None if there is none."""
    best: tuple[float, Link | None] = (0.6, None)
    unique = keys or [column.name for column in one if column.unique and _identifies(column)]
    for column in many:
        for key in unique if _identifies(column) else ():
            if _apart(column, one.columns[key]):
                continue
            forward = one.holds(key, many.keys(column.name))
            if forward < 0.3:
                continue
            link = Link(column.name, key, forward, many.holds(column.name, one.keys(key)))
            same = column.name.lower() == key.lower()
            alike = any(column.suggests(role) and suggests(key, role) for role in KEYS)
            score = forward * link.back + 0.5 * same + 0.5 * alike
            if score > best[0]:
                best = score, link
    return best[1]


def _linked(table: Table, others: list[Table]) -> dict[str, float]:
    """Return the columns whose values are rows of a table of customers, and the share that is."""
    shares: dict[str, float] = {}
    for other in others:
        key = roles.unique_key(other)
        thing = not key or suggests(key, "product", "order", "campaign")
        link = None if thing or other is table else _link(table, other, [key])
        if link:
            shares[link.many] = max(link.forward, shares.get(link.many, 0))
    return shares


def _apart(one: Column, other: Column) -> bool:
    """Return whether two columns cannot share values: text and numbers, or other ranges."""
    text = [column.kind == "text" for column in (one, other)]
    if any(text) or None in (one.least, one.most, other.least, other.most):
        return text[0] != text[1]
    return one.most < other.least or other.most < one.least


def _identifies(column: Column) -> bool:
    """Return whether a column could be a key between tables; products may be known by name."""
    named = column.kind == "text" and column.suggests("goods")
    return column.is_key or (named and not column.personal)


def _joined(tables: list[Table]) -> list[Table]:
    """Return the tables, lines of orders joined with the orders and these with the customers."""
    for heads in tables:
        for persons in tables:
            if heads is not persons and (joined := _with_persons(heads, persons)):
                tables = [t for t in tables if t is not persons and t is not heads] + [joined]
                break
    sells = {id(table): bool(table.suggesting("goods")) for table in tables}
    for lines in sorted(tables, key=lambda t: (not sells[id(t)], -t.rows)):
        for heads in tables if not (lines.times and roles.customer(lines)) else ():
            if heads is not lines and (key := _order_of(lines, heads)):
                rest = [t for t in tables if t is not lines and t is not heads]
                return [_with_lookup(lines, heads, key), *rest]
    return tables


def _order_of(lines: Table, heads: Table) -> str:
    """Return the number of an order under which lines stand in a table of orders, if they do."""
    if not heads.times or not roles.customer(heads):
        return ""
    own = (roles.customer(lines) or ("", 0))[1] >= NAMED  # as many lines as orders: same customers
    keys = (c.name for c in heads.suggesting("order") if c.unique and c.is_key)
    shared = (key for key in keys if key in lines.columns)
    return next((key for key in shared if not (own and lines.columns[key].unique)), "")


def _with_persons(heads: Table, persons: Table) -> Table | None:
    """Return orders with the ids of persons, where each order has a customer of its own; else None.

    Marketplaces number the customer of each order anew, and say in a second table who it is.
    """
    who = roles.customer(heads)
    if not who or who[1] < NAMED or not heads.times or who[0] not in persons.columns:
        return None
    column, key = heads.columns[who[0]], persons.columns[who[0]]
    ids = [
        c.name for c in persons.suggesting("customer")
        if c is not key and c.is_key and LEAST_PEOPLE <= c.distinct < 0.95 * c.filled
    ]  # fmt: skip
    returns = column.distinct < 0.95 * column.filled or not key.unique
    if returns or not ids or persons.holds(key.name, heads.keys(key.name)) < 0.9:
        return None
    more = [name for name in persons.columns if name not in {key.name, ids[0]}]
    unused = f"; not used: {', '.join(map(repr, more[:4]))}" if more else ""
    doubt = (
        f"{key.name!r} is another for each order; {ids[0]!r} of {persons.source} returns and is "
        f"taken as the customer{unused}"
    )
    return replace(_with_lookup(heads, persons, key.name), doubts=(doubt,))


def _with_lookup(lines: Table, heads: Table, key: str) -> Table:
    one, more = lines.opened, heads.opened
    if ibis.get_backend(one.table) is not ibis.get_backend(more.table):
        raise StudyError(
            f"{lines.source} and {heads.source} are on different servers: copy them to one place"
        )
    wanted = [key, *(c for c in more.table.columns if c not in one.table.columns)]
    table = one.table.left_join(more.table.select(wanted), key).drop(f"{key}_right")
    joined = columns.profile(lines.source, Source(table, one.typed, one.given))
    lookups = (*lines.lookups, (heads.source, key), *heads.lookups)
    return replace(joined, lookups=lookups, doubts=lines.doubts + heads.doubts)


# --- kinds ----------------------------------------------------------------------------------------


def _has_money(table: Table) -> bool:
    return any(column.numeric for column in table.suggesting("amount", "price"))


def _is_events(table: Table, tables: list[Table]) -> bool:
    """Return whether a table has several rows a customer, each with a time."""
    who = roles.customer(table, _linked(table, tables))
    if who is None or not table.times:
        return False
    column = table.columns[who[0]]
    money = (column.kind == "text" or hints.is_id(column.name)) and _has_money(table)
    own = any(
        c.unique and c.is_key and (c.suggests("customer") or (_is_record(c.name) and not money))
        for c in table
    )
    numbered = any(c.is_key for c in table.suggesting("order"))
    return not (own and who[1] < NAMED) and (numbered or not column.unique)


def _is_record(name: str) -> bool:
    """Return whether a name is that of an id, and not of an order, a thing or a line."""
    return hints.is_id(name) and not suggests(name, "order", "product", "line", "campaign")


def _addressed(table: Table) -> Guess:
    """Return campaigns or responses; anything else with customers and times is left aside."""
    who, guess = roles.customer(table, {}), Guess("other", table)
    campaign = experiments.campaign(table)
    if not who or not (campaign or experiments.lists_arms(table)):
        return guess
    guess.take("customer", who[0], roles.repeats(table.columns[who[0]]))
    if campaign:
        guess.take("campaign", campaign.name, f"{campaign.distinct:,} different")
    else:
        guess.take("campaign", FILE, "no column names it: the name of the file does")
    words = (" ".join(table.columns) + table.source).lower()
    answered = any(word in words for word in hints.WORDS["responses"])
    guess.kind = "responses" if answered else "campaigns"
    starts = [c for c in table.times if c.suggests("start")]
    start = table.times[0] if answered else (starts or table.times)[0]
    span = f"{start.least:%Y-%m-%d} to {start.most:%Y-%m-%d}"
    guess.take("time" if answered else "start", start.name, span)
    if answered:
        return guess
    ends = [c for c in table.times if c.suggests("end") and c is not start]
    if ends:
        guess.take("end", ends[0].name, f"to {ends[0].most:%Y-%m-%d}")
    if arm := experiments.arms(table, campaign.name if campaign else ""):
        experiments.take(guess, *arm)
    guess.leave_others()
    return guess


def _described(table: Table, main: Guess | None, survey: bool) -> Guess:
    """Return customers, a survey or products: by the key that the transactions share, or alone."""
    link = _link(main.table, table) if main else None
    of_buyers = bool(link) and link.many == main.roles["customer"]
    if link and not of_buyers and suggests(link.one, "order"):
        return Guess("other", table, why={"other": f"its {link.one!r} is that of the orders"})
    if link and not of_buyers and not survey and not suggests(link.one, "customer"):
        return _products(table, link, main)
    key = link.one if of_buyers else roles.unique_key(table)
    if main and not key:
        order = main.roles.get("order")
        why = f"several rows an order, by {order!r}; a study has one table of lines of orders"
        return Guess("other", table, why={"other": why} if order in table.columns else {})
    if not of_buyers and not survey:
        _refuse(table, key, main)
    guess = answers.describe(table, "survey" if survey else "customers", key if of_buyers else "")
    if of_buyers:
        guess.why["customer"] += f"; holds {link.forward:.0%} of those in {main.table.source}"
        if table.columns[key].personal:
            guess.doubts.append(
                f"{key!r} is the key between the tables and personal data: look at what the files "
                "of a run hold before you share them"
            )
    elif main:
        guess.doubts.append(
            f"{table.source} shares no key with {main.table.source}: few or no customers of the "
            "one are in the other"
        )
    return guess


def _refuse(table: Table, key: str, main: Guess | None) -> None:
    """Refuse a table of orders of nobody, and one of which no row is a customer."""
    thing = not suggests(key, "customer")
    if thing and suggests(key, "order") and table.times:
        raise StudyError(
            f"{table.source} has a row for each {key!r}, orders it seems, but no column that "
            "tells whose they are: add one such as customer_id"
        )
    rows = _is_of_rows(table) or (experiments.arms(table) is not None and not main)
    copied = not key and refusals.nearly_unique(table) is not None
    alone = key or rows or roles.told_apart(table)
    if (thing and suggests(key, "product")) or copied or not alone:
        raise StudyError(refusals.nobody(table))


def _is_of_rows(table: Table) -> bool:
    """Return whether each row of a table without ids may be one customer: no order, no event."""
    who = roles.customer(table)
    things = table.suggesting("order", "product", "campaign")
    things = [c for c in things if c.distinct > answers.GROUPS and (c.is_key or c.kind == "text")]
    sold = table.suggesting("quantity") and table.suggesting("price")
    lines = things or sold or table.times or (who is not None and who[1] >= NAMED)
    told = sum(c.distinct > 1 and not c.personal for c in table) > 1
    return not lines and told and not refusals.persons(table)


# --- products -------------------------------------------------------------------------------------


def _products(table: Table, link: Link, main: Guess) -> Guess:
    guess = Guess("products", table)
    why = f"{link.forward:.0%} of its values are in the other table's {link.one!r}"
    if main.roles.get("product") != link.many:
        main.take("product", link.many, why)
        main.left.pop(link.many, None)
    main.why["product"] += f"; {why}"
    guess.take("product", link.one, f"{table.rows:,} distinct, one a row")
    _groups(guess, list(table))
    guess.leave_others()
    return guess


def _grouped(main: Guess) -> list[Guess]:
    """Return the products as the table of orders tells of them, if it groups them."""
    product, table = main.roles.get("product"), main.table
    if not product or table.lookups:
        return []
    guess = Guess("products", table)
    guess.take("product", product, "the groups stand beside it in the orders")
    beside = [c for c in table if c.name not in main.taken and table.decides(product, c.name)]
    _groups(guess, beside)
    for column in guess.taken - {product}:
        main.left[column] = "groups the products"
    return [guess] if "level" in guess.roles else []


def _groups(guess: Guess, beside: list[Column]) -> None:
    """Take the columns that group products, and their brand."""
    most = min(MOST_LEVELS, guess.column("product").distinct / 2)
    named = [c for c in beside if c.suggests("level", "group")]
    groups = [c for c in named if 2 <= c.distinct <= most and c.kind in {"text", "integer"}]
    groups.sort(key=lambda c: -c.distinct)
    if groups:
        level, decides = groups[0], guess.table.decides
        coarse = [c for c in groups if c.suggests("group") or decides(level.name, c.name)]
        group = next((c for c in reversed(coarse) if c is not level), level)
        guess.take("level", level.name, f"{level.distinct:,} different: what is segmented")
        guess.take("group", group.name, f"{group.distinct:,} different: shares of these are needs")
    brand = next((c for c in beside if c.suggests("brand")), None)
    if brand:
        guess.take("brand", brand.name, f"{brand.distinct:,} different")
