"""What several tables are to each other: kinds, keys between them, and one study of all."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import ibis

from seglib import privacy
from seglib.collection import answers, columns, experiments, orders, roles
from seglib.collection.columns import EMAIL, FORMS, PERSON, WORDS, Column, Table, suggested
from seglib.collection.reading import NUMBER, TIME
from seglib.collection.roles import DOUBTS, LEAST_PEOPLE, NAMED, Guess
from seglib.collection.sources import Source
from seglib.layout import FILE, ROW
from seglib.study import FEWEST, StudyError
from seglib.wording import listing

KEYS = {"customer", "product", "order", "campaign"}
MOST_LEVELS = 300  # different groups of products
PEOPLE = 100  # customers below which little can be told of segments
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
    main = max(events, key=lambda t: (bool(_money(t)), t.rows), default=None)
    sold = orders.transactions(main, *roles.customer(main, _linked(main, rows))) if main else None
    listed = [t for t in rows if main and t.times and experiments.lists_arms(t)]
    guesses = [sold] if main else []
    guesses += [_addressed(t) for t in [*events, *listed] if t is not main]
    guesses += [_described(t, sold, t in surveys) for t in [*rows, *surveys] if t not in listed]
    if main and not any(guess.kind == "products" for guess in guesses):
        guesses += _grouped(sold)
    for guess in guesses:
        if guess is sold or guess.table is not main:
            guess.doubts += misread(guess.table)
    kept: dict[str, Guess] = {}
    for guess in guesses:
        why = f"a study has one table of {guess.kind}, and there is another"
        if guess.kind == "other":
            why = guess.why.get("other", "what it is to the others is not clear")
        elif guess.kind == "responses" and not any(g.kind == "campaigns" for g in guesses):
            why = "responses need campaigns"
        elif kept.setdefault(guess.kind, guess) is guess:
            continue
        guesses[0].doubts.append(f"{guess.table.source} is left out: {why}")
    if not {"transactions", "customers", "survey"} & {*kept}:
        raise StudyError(nobody(guesses[0].table))
    guess, *_ = guesses = list(kept.values())
    who = guess.roles.get("customer", ROW)
    n = guess.table.rows if who == ROW else guess.table.columns[who].distinct
    n -= len(guess.keys.get("placeholders", ()))
    if FEWEST <= n < PEOPLE:  # half of a 95% interval of a share near one half, in points
        guess.ask("few", n=n, margin=98 / (n / 2) ** 0.5)
    return guesses


# --- keys between tables --------------------------------------------------------------------------


def _link(many: Table, one: Table, keys: list[str] | None = None) -> Link | None:
    """Return the best key between two tables, None if there is none."""
    best: tuple[float, Link | None] = (0.6, None)
    for key in keys or [c.name for c in one if c.unique and _identifies(c)]:
        for column in filter(_identifies, many):
            if _are_apart(column, one.columns[key]):
                continue
            forward = one.holds(key, many.counts(column.name))
            if forward < 0.3:
                continue
            link = Link(column.name, key, forward, many.holds(column.name, one.counts(key)))
            same = column.name.lower() == key.lower()
            alike = column.says & suggested(key) & KEYS
            score = forward * link.back + 0.5 * same + 0.5 * bool(alike)
            best = max(best, (score, link), key=lambda pair: pair[0])
    return best[1]


def _identifies(column: Column) -> bool:
    """Return whether a column could be a key between tables; products may be known by name."""
    named = column.kind == "text" and "goods" in column.says
    return column.is_key or (named and not column.personal)


def _are_apart(one: Column, other: Column) -> bool:
    """Return whether two columns cannot share values: text and numbers, or other ranges."""
    text = [column.kind == "text" for column in (one, other)]
    if any(text) or None in (one.least, one.most, other.least, other.most):
        return text[0] != text[1]
    return one.most < other.least or other.most < one.least


def _linked(table: Table, others: list[Table]) -> dict[str, float]:
    """Return the columns whose values are rows of a table of customers, and the share that is."""
    shares: dict[str, float] = {}
    for other in others:
        key = roles.unique_key(other)
        thing = not key or suggested(key) & {"product", "order", "campaign"}
        link = None if thing or other is table else _link(table, other, [key])
        if link:
            shares[link.many] = max(link.forward, shares.get(link.many, 0))
    return shares


def _joined(tables: list[Table]) -> list[Table]:
    """Return the tables, lines of orders joined with the orders and these with the customers."""
    for heads in tables:
        for persons in tables:
            if heads is not persons and (joined := _with_persons(heads, persons)):
                tables = [t for t in tables if t is not persons and t is not heads] + [joined]
                break
    sells = {id(table): bool(table.named("goods")) for table in tables}
    for lines in sorted(tables, key=lambda t: (not sells[id(t)], -t.rows)):
        for heads in tables if not (lines.times and roles.customer(lines)) else ():
            if heads is not lines and (key := _order_of(lines, heads)):
                rest = [t for t in tables if t is not lines and t is not heads]
                return [_with_lookup(lines, heads, key), *rest]
    return tables


def _order_of(lines: Table, heads: Table) -> str:
    """Return the number of an order under which lines stand in a table of orders, or ''."""
    if not heads.times or not roles.customer(heads):
        return ""
    own = (roles.customer(lines) or ("", 0))[1] >= NAMED  # as many lines as orders: same customers
    keys = (c.name for c in heads.named("order") if c.unique and c.is_key)
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
    ids = [c for c in persons.named("customer") if c is not key and c.is_key]
    ids = [c.name for c in ids if LEAST_PEOPLE <= c.distinct < 0.95 * c.filled]
    returns = column.distinct < 0.95 * column.filled or not key.unique
    if returns or not ids or persons.holds(key.name, heads.counts(key.name)) < 0.9:
        return None
    more = [name for name in persons.columns if name not in {key.name, ids[0]}]
    facts = {
        "name": key.name, "person": ids[0], "source": persons.source,
        "unused": f"; not used: {', '.join(map(repr, more[:4]))}" if more else "",
    }  # fmt: skip
    doubt = DOUBTS["persons"].format(**facts)
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


def _money(table: Table) -> list[Column]:
    return [column for column in table.named("amount", "price") if column.numeric]


def _is_events(table: Table, tables: list[Table]) -> bool:
    """Return whether a table has several rows a customer, each with a time."""
    who = roles.customer(table, _linked(table, tables))
    if who is None or not table.times:
        return False
    column = table.columns[who[0]]
    money = (column.kind == "text" or "id" in column.says) and _money(table)

    def tells(key: Column) -> bool:
        """Whether a key is that of a customer, or of a record that is no order, thing or line."""
        record = "id" in key.says and not key.says & {"order", "product", "line", "campaign"}
        return key.unique and key.is_key and ("customer" in key.says or (record and not money))

    numbered = any(c.is_key for c in table.named("order"))
    own = any(map(tells, table)) and who[1] < NAMED
    return not own and (numbered or not column.unique)


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
    answered = any(word in words for word in WORDS["responses"])
    guess.kind = "responses" if answered else "campaigns"
    starts = [c for c in table.times if "start" in c.says]
    start = table.times[0] if answered else (starts or table.times)[0]
    span = f"{start.least:%Y-%m-%d} to {start.most:%Y-%m-%d}"
    guess.take("time" if answered else "start", start.name, span)
    if answered:
        return guess
    ends = [c for c in table.times if "end" in c.says and c is not start]
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
    if link and not of_buyers and "order" in suggested(link.one):
        return Guess("other", table, why={"other": f"its {link.one!r} is that of the orders"})
    if link and not of_buyers and not survey and "customer" not in suggested(link.one):
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
            guess.ask("personal_link", name=key)
    elif main:
        guess.ask("no_link", one=table.source, other=main.table.source)
    return guess


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
    _groups(
        guess, [c for c in table if c.name not in main.taken and table.decides(product, c.name)]
    )
    main.left |= dict.fromkeys(guess.taken - {product}, "groups the products")
    return [guess] if "level" in guess.roles else []


def _groups(guess: Guess, beside: list[Column]) -> None:
    """Take the columns that group products, and their brand."""
    most = min(MOST_LEVELS, guess.column("product").distinct / 2)
    named = [c for c in beside if c.says & {"level", "group"} and c.kind in {"text", "integer"}]
    groups = sorted((c for c in named if 2 <= c.distinct <= most), key=lambda c: -c.distinct)
    if groups:
        level, decides = groups[0], guess.table.decides
        coarse = [c for c in groups if "group" in c.says or decides(level.name, c.name)]
        group = next((c for c in reversed(coarse) if c is not level), level)
        guess.take("level", level.name, f"{level.distinct:,} different: what is segmented")
        guess.take("group", group.name, f"{group.distinct:,} different: shares of these are needs")
    if brand := next((c for c in beside if "brand" in c.says), None):
        guess.take("brand", brand.name, f"{brand.distinct:,} different")


# --- what no study can be made of -----------------------------------------------------------------


def _refuse(table: Table, key: str, main: Guess | None) -> None:
    """Refuse a table of orders of nobody, and one of which no row is a customer."""
    thing = "customer" not in suggested(key)
    if thing and "order" in suggested(key) and table.times:
        raise StudyError(
            f"{table.source} has a row for each {key!r}, orders it seems, but no column that "
            "tells whose they are: add one such as customer_id"
        )
    rows = _is_of_rows(table) or (experiments.arms(table) is not None and not main)
    copied = not key and _nearly_unique(table) is not None
    alone = key or rows or roles.told_apart(table)
    if (thing and "product" in suggested(key)) or copied or not alone:
        raise StudyError(nobody(table))


def _is_of_rows(table: Table) -> bool:
    """Return whether each row of a table without ids may be one customer: no order, no event."""
    who = roles.customer(table)
    things = [
        c for c in table.named("order", "product", "campaign") if c.is_key or c.kind == "text"
    ]
    sold = table.named("quantity") and table.named("price")
    lines = any(c.distinct > answers.GROUPS for c in things) or sold or table.times
    lines = lines or (who is not None and who[1] >= NAMED)
    told = sum(c.distinct > 1 and not c.personal for c in table) > 1
    return not lines and told and not _persons(table)


def _persons(table: Table) -> str:
    """Return the first column that holds names of persons, or ''."""
    for column in table:
        named = column.kind == "text" and privacy.persons(list(column.values))
        if column.distinct > 1 and (column.promise == PERSON or named):
            return column.name
    return ""


def _nearly_unique(table: Table) -> Column | None:
    """Return the column that would tell customers apart but for a few copies, None without one."""
    for column in table:
        named = "customer" in column.says or column.personal == EMAIL
        if named and column.is_key and column.rows / 2 <= column.distinct < column.filled:
            return column
    return None


def nobody(table: Table) -> str:
    """Return why a table is of no use."""
    who, whens = roles.customer(table), table.times
    if not whens and (unread := misread(table)):
        return f"{table.source}: {unread[0]}"
    if copied := _nearly_unique(table):
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
    if called := _persons(table):
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


def unusable(table: Table) -> str:
    """Return why nothing can be made of a file as it is laid out, or ''.

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
        if decimal or clock or (column.personal == EMAIL and re.match(FORMS[EMAIL], column.name)):
            return (
                f"{table.source} seems to have no line of names, its first line holds "
                f"{column.name!r}: write the names of the columns above it"
            )
    return ""


def misread(table: Table) -> list[str]:
    """Return a sentence for each column of dates, money or lists that is not understood."""
    doubts = []
    for column in table:
        first = next(iter(column.values), "")
        what, mark, share, example = column.nearly or ("", "", 1.0, first)
        part = f"{max(round(share * column.filled), 1):,} of {column.filled:,}"
        facts = {"name": column.name, "shown": example[:40], "part": part}
        plain, several = column.kind == "text" and not column.personal, column.distinct > FEW
        units = sum(bool(re.fullmatch(UNIT, value)) for value in column.values)
        conditions = {
            "lists": column.kind == "other" and first.startswith("["),
            "no_days": column.kind == "time" and column.nearly,
            "mixed_dates": plain and what == TIME and share < MIXED,
            "mixed_numbers": plain and what == NUMBER and share < MIXED
            and column.says & {"amount", "price", "quantity"},
            "units": plain and several and share > MIXED and units >= 0.8 * len(column.values),
            "called_time": plain and several and "time" in column.says
            and sum(c.isdigit() for c in example) >= 4,
        }  # fmt: skip
        doubt = next((doubt for doubt, fits in conditions.items() if fits), "")
        doubts += [DOUBTS[doubt].format(**facts, way=WRITTEN.get(mark, mark))] if doubt else []
    return doubts
