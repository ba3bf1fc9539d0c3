"""What several tables are to each other: kinds, keys between them, and one study of all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import ibis

from seglib.collection import columns, doubts, experiments, hints, orders, people, roles, surveys
from seglib.collection.columns import Column, Table
from seglib.collection.roles import NAMED, Guess
from seglib.collection.sources import Source
from seglib.layout import FILE, ROW
from seglib.study import FEWEST, StudyError

ROLES = ("customer", "product", "order", "campaign")
MOST_LEVELS = 300  # different groups of products
PEOPLE = 100  # customers below which little can be told of segments


@dataclass(frozen=True)
class Link:
    """A key that two tables share: most values of `many` are rows of `one`."""

    many: str
    one: str
    forward: float
    back: float

    @property
    def why(self) -> str:
        """What the link is based on."""
        return f"{self.forward:.0%} of its values are in the other table's {self.one!r}"


def study(tables: list[Table]) -> list[Guess]:
    """Return what each table of a study is, the transactions first.

    Raises
    ------
    StudyError
        If no table holds customers, or one that returns to them again and again holds no dates.
    """
    answers = [t for t in tables if surveys.is_survey(t)]
    others = _joined([t for t in tables if t not in answers])
    events = [t for t in others if _is_events(t, others)]
    rows = [t for t in others if t not in events]
    main = max(events, key=lambda t: (_has_money(t), t.rows), default=None)
    found = [_transactions(main, rows)] if main else []
    listed = [t for t in rows if main and roles.times(t) and experiments.lists_arms(t)]
    rows = [t for t in rows if t not in listed]
    found += [_responding(t, main) for t in events + listed if t is not main]
    for table in rows + answers:
        found.append(_described(table, found[0] if main else None, table in answers))
    if main and not any(one.kind == "products" for one in found):
        found += _grouped(found[0])
    for one in found:
        one.unsure += doubts.misread(one.table) if one.kind != "products" or one.own else []
    found = _one_each(found)
    _few(found[0])
    return found


def _few(guess: Guess) -> None:
    """Say at once how little can be told of few customers."""
    who = guess.roles.get("customer", ROW)
    n = guess.table.rows if who == ROW else guess.table.columns[who].distinct
    n -= len(guess.keys.get("placeholders", ()))
    if not FEWEST <= n < PEOPLE:
        return
    margin = 98 / (n / 2) ** 0.5  # half of a 95% interval of a share near one half, in points
    guess.unsure.append(
        f"{n} customers are few: two segments at most can be told apart, a share within one of "
        f"them is known to {margin:.0f} points, and small differences between them are not; more "
        "customers, or a longer time, would help"
    )


def _is_events(table: Table, tables: list[Table]) -> bool:
    """Return whether a table has several rows a customer, each with a time."""
    linked = _linked(table, [t for t in tables if t is not table])
    who = roles.customer(table, linked)
    if who is None:
        return False
    column = table.columns[who[0]]
    coded = column.kind == "text" or hints.is_id(column.name)
    own = any(
        c.unique and roles.is_key(c) and (
            hints.suggests(c.name, "customer")
            or (_is_record(c.name) and not (coded and _has_money(table)))
        )
        for c in table.columns.values()
    )  # fmt: skip
    if own and who[1] < NAMED:
        return False
    if table.columns[who[0]].unique and not any(
        hints.suggests(c.name, "order") and roles.is_key(c) for c in table.columns.values()
    ):
        return False
    return bool(roles.times(table))


def _is_record(name: str) -> bool:
    """Return whether a name is that of an id, and not of an order, a thing or a line."""
    return hints.is_id(name) and not hints.suggests(name, "order", "product", "line", "campaign")


def _linked(table: Table, others: list[Table]) -> dict[str, float]:
    """Return the columns whose values are rows of a table of customers, and the share that is."""
    found = {}
    for other in others:
        key = surveys.unique_key(other)
        if key and not hints.suggests(key, "product", "order", "campaign"):
            link = _link(table, other, [key])
            if link:
                found[link.many] = max(link.forward, found.get(link.many, 0))
    return found


def _link(many: Table, one: Table, keys: list[str] | None = None) -> Link | None:
    """Return the best key between two tables, None if there is none."""
    best: tuple[float, Link | None] = (0.0, None)
    unique = keys or [c.name for c in one.columns.values() if c.unique and _identifies(c)]
    for column in many.columns.values():
        if not _identifies(column):
            continue
        values = many.keys(column.name)
        for key in unique:
            if _apart(column, one.columns[key]):
                continue
            forward = one.holds(key, values)
            if forward < 0.3:
                continue
            link = Link(column.name, key, forward, many.holds(column.name, one.keys(key)))
            same = column.name.lower() == key.lower()
            alike = any(hints.suggests(column.name, r) and hints.suggests(key, r) for r in ROLES)
            score = forward * link.back + 0.5 * same + 0.5 * alike
            if score > max(best[0], 0.6):
                best = score, link
    return best[1]


def _apart(one: Column, other: Column) -> bool:
    """Return whether two columns cannot share values: text and numbers, or other ranges."""
    text = [column.kind == "text" for column in (one, other)]
    if any(text) or None in (one.least, one.most, other.least, other.most):
        return text[0] != text[1]
    return one.most < other.least or other.most < one.least


def _identifies(column: Column) -> bool:
    """Return whether a column could be a key between tables; products may be known by name."""
    named = column.kind == "text" and hints.suggests(column.name, "goods")
    return roles.is_key(column) or (named and not roles.personal(column))


def _joined(tables: list[Table]) -> list[Table]:
    """Return the tables, lines of orders joined with the orders and these with the customers."""
    for heads in tables:
        for persons in tables:
            if heads is not persons and (joined := _with_persons(heads, persons)):
                tables = [t for t in tables if t is not persons and t is not heads] + [joined]
                break
    for lines in sorted(tables, key=lambda t: (not _sells(t), -t.rows)):
        if roles.times(lines) and roles.customer(lines):
            continue
        for heads in tables:
            key = heads is not lines and _order_of(lines, heads)
            if key:
                rest = [t for t in tables if t is not lines and t is not heads]
                return [_with_lookup(lines, heads, key), *rest]
    return tables


def _sells(table: Table) -> bool:
    return any(hints.suggests(c.name, "goods") for c in table.columns.values())


def _order_of(lines: Table, heads: Table) -> str:
    """Return the number of an order under which lines stand in a table of orders, if they do."""
    if not roles.times(heads) or not roles.customer(heads):
        return ""
    own = (roles.customer(lines) or ("", 0))[1] >= NAMED  # as many lines as orders: same customers
    keys = (
        c.name
        for c in heads.columns.values()
        if c.unique and roles.is_key(c) and hints.suggests(c.name, "order")
        and c.name in lines.columns and not (own and lines.columns[c.name].unique)
    )  # fmt: skip
    return next(keys, "")


def _with_persons(heads: Table, persons: Table) -> Table | None:
    """Return orders with the ids of persons, where each order has a customer of its own; else None.

    Marketplaces number the customer of each order anew, and say in a second table who it is.
    """
    who = roles.customer(heads)
    if not who or who[1] < NAMED or not roles.times(heads) or who[0] not in persons.columns:
        return None
    column, key = heads.columns[who[0]], persons.columns[who[0]]
    if column.distinct < 0.95 * column.filled or not key.unique:
        return None
    ids = [
        c for c in persons.columns.values()
        if c is not key and roles.is_key(c) and hints.suggests(c.name, "customer")
        and roles.LEAST_PEOPLE <= c.distinct < 0.95 * c.filled
    ]  # fmt: skip
    if not ids or persons.holds(key.name, heads.keys(key.name)) < 0.9:
        return None
    more = [name for name in persons.columns if name not in {key.name, ids[0].name}]
    unused = f"; not used: {', '.join(map(repr, more[:4]))}" if more else ""
    doubt = (
        f"{key.name!r} is another for each order; {ids[0].name!r} of {persons.source} returns "
        f"and is taken as the customer{unused}"
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
    joined = columns.from_source(lines.source, Source(table, one.typed, one.given))
    lookups = (*lines.lookups, (heads.source, key), *heads.lookups)
    return replace(joined, lookups=lookups, doubts=lines.doubts + heads.doubts)


def _has_money(table: Table) -> bool:
    return any(
        c.kind in {"integer", "number"} and hints.suggests(c.name, "amount", "price")
        for c in table.columns.values()
    )


def _transactions(table: Table, rows: list[Table]) -> Guess:
    who, points = roles.customer(table, _linked(table, rows))
    found = orders.transactions(table, who, points)
    found.lookups = table.lookups
    found.unsure = [*table.doubts, *found.unsure]
    return found


def _responding(table: Table, main: Table) -> Guess:
    """Return campaigns or responses; anything else with customers and times is left aside."""
    who = roles.customer(table, {})
    found = Guess("other", table)
    campaign = experiments.campaign(table)
    if not who or not (campaign or experiments.lists_arms(table)):
        return found
    found.take("customer", who[0], roles.repeats(table.columns[who[0]]))
    if campaign:
        found.take("campaign", campaign.name, f"{campaign.distinct:,} different")
    else:
        found.take("campaign", FILE, "no column names it: the name of the file does")
    whens = roles.times(table)
    starts = [c for c in whens if hints.suggests(c.name, "start")]
    words = (" ".join(table.columns) + table.source).lower()
    if any(word in words for word in ("respon", "redem", "click", "antwort", "convers", "answer")):
        found.kind = "responses"
        found.take("time", whens[0].name, f"{whens[0].least:%Y-%m-%d} to {whens[0].most:%Y-%m-%d}")
        return found
    found.kind = "campaigns"
    start = (starts or whens)[0]
    found.take("start", start.name, f"{start.least:%Y-%m-%d} to {start.most:%Y-%m-%d}")
    ends = [c for c in whens if hints.suggests(c.name, "end") and c is not start]
    if ends:
        found.take("end", ends[0].name, f"to {ends[0].most:%Y-%m-%d}")
    if arm := experiments.arms(table, campaign.name if campaign else ""):
        experiments.take(found, *arm)
    for column in table.columns.values():
        if column.name not in found.taken:
            found.left[column.name] = roles.unused(column)
    return found


def _described(table: Table, main: Guess | None, survey: bool) -> Guess:
    """Return customers, a survey or products: by the key that the transactions share, or alone."""
    link = _link(main.table, table) if main else None
    of_buyers = bool(link) and link.many == main.roles["customer"]
    if link and not of_buyers and hints.suggests(link.one, "order"):
        return Guess("other", table, why={"other": f"its {link.one!r} is that of the orders"})
    if link and not of_buyers and not survey and not hints.suggests(link.one, "customer"):
        return _products(table, link, main)
    key = link.one if of_buyers else surveys.unique_key(table)
    if main and not key:
        order = main.roles.get("order")
        why = f"several rows an order, by {order!r}; a study has one table of lines of orders"
        return Guess("other", table, why={"other": why} if order in table.columns else {})
    if not of_buyers and not survey:
        _refuse(table, key, main)
    kind = "survey" if survey else "customers"
    found = people.describe(table, kind, link.one if of_buyers else "")
    if of_buyers:
        found.why["customer"] += f"; holds {link.forward:.0%} of those in {main.table.source}"
        if roles.personal(table.columns[key]):
            found.unsure.append(
                f"{key!r} is the key between the tables and personal data: look at what the files "
                "of a run hold before you share them"
            )
    elif main:
        found.unsure.append(f"{table.source} shares no key with {main.table.source}: few or no "
                            "customers of the one are in the other")  # fmt: skip
    return found


def _refuse(table: Table, key: str, main: Guess | None) -> None:
    """Refuse a table of orders of nobody, and one of which no row is a customer."""
    thing = not hints.suggests(key, "customer")
    if thing and hints.suggests(key, "order") and roles.times(table):
        raise StudyError(
            f"{table.source} has a row for each {key!r}, orders it seems, but no column that "
            "tells whose they are: add one such as customer_id"
        )
    rows = people.described_by_rows(table) and not doubts.persons(table)
    rows = rows or (experiments.arms(table) is not None and not main)
    alone = rows or people.told_apart(table)
    copied = not key and doubts.nearly_unique(table) is not None
    if (thing and hints.suggests(key, "product")) or copied or not (key or alone):
        raise StudyError(doubts.nobody(table))


def _products(table: Table, link: Link, main: Guess) -> Guess:
    found = Guess("products", table)
    if main.roles.get("product") != link.many:
        main.take("product", link.many, link.why)
        main.left.pop(link.many, None)
    main.why["product"] += f"; {link.why}"
    found.take("product", link.one, f"{table.rows:,} distinct, one a row")
    _groups(found, list(table.columns.values()))
    for column in table.columns.values():
        if column.name not in found.taken:
            found.left[column.name] = roles.unused(column)
    return found


def _grouped(main: Guess) -> list[Guess]:
    """Return the products as the table of orders tells of them, if it groups them."""
    product = main.roles.get("product")
    if not product or main.lookups:
        return []
    table, found = main.table, Guess("products", main.table, own=False)
    found.take("product", product, "the groups stand beside it in the orders")
    _groups(found, [
        c for c in table.columns.values()
        if c.name not in main.taken and table.decides(product, c.name)
    ])  # fmt: skip
    for column in found.taken - {product}:
        main.left[column] = "groups the products"
    return [found] if "level" in found.roles else []


def _groups(guess: Guess, columns: list[Column]) -> None:
    """Take the columns that group products, and their brand."""
    table, things = guess.table, guess.table.columns[guess.roles["product"]].distinct
    groups = [
        c for c in columns
        if 2 <= c.distinct <= min(MOST_LEVELS, things / 2) and c.kind in {"text", "integer"}
        and hints.suggests(c.name, "level", "group")
    ]  # fmt: skip
    groups.sort(key=lambda c: -c.distinct)
    if groups:
        coarse = [
            c for c in groups[1:]
            if hints.suggests(c.name, "group") or table.decides(groups[0].name, c.name)
        ]  # fmt: skip
        group = coarse[-1] if coarse else groups[0]
        guess.take("level", groups[0].name, f"{groups[0].distinct:,} different: what is segmented")
        guess.take("group", group.name, f"{group.distinct:,} different: shares of these are needs")
    brand = next((c for c in columns if hints.suggests(c.name, "brand")), None)
    if brand:
        guess.take("brand", brand.name, f"{brand.distinct:,} different")


def _one_each(found: list[Guess]) -> list[Guess]:
    """Return the first table of each kind; what is left over is told in the first one's doubts."""
    kept: dict[str, Guess] = {}
    for one in found:
        if one.kind == "other" or one.kind in kept:
            why = f"a study has one table of {one.kind}, and there is another"
            if one.kind == "other":
                why = one.why.get("other", "what it is to the others is not clear")
            found[0].unsure.append(f"{one.table.source} is left out: {why}")
        else:
            kept[one.kind] = one
    if "responses" in kept and "campaigns" not in kept:
        gone = kept.pop("responses")
        found[0].unsure.append(f"{gone.table.source} is left out: responses need campaigns")
    if not {"transactions", "customers", "survey"} & set(kept):
        raise StudyError(doubts.nobody(found[0].table))
    return list(kept.values())
