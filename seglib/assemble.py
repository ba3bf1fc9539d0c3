"""What several tables are to each other: kinds, keys between them, and one study of all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import ibis

from seglib import columns, describing, doubts, experiments, guess, hints, orders
from seglib.columns import Table
from seglib.guess import NAMED, Guess
from seglib.sources import Source
from seglib.study import StudyError

ROLES = ("customer", "product", "order", "campaign")
MOST_LEVELS = 300  # different groups of products


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
    surveys = [t for t in tables if describing.is_survey(t)]
    others = _joined([t for t in tables if t not in surveys])
    events = [t for t in others if _is_events(t, others)]
    rows = [t for t in others if t not in events]
    main = max(events, key=lambda t: (_has_money(t), t.rows), default=None)
    found = [_transactions(main, rows)] if main else []
    listed = [t for t in rows if main and guess.times(t) and experiments.lists_arms(t)]
    rows = [t for t in rows if t not in listed]
    found += [_responding(t, main) for t in events + listed if t is not main]
    for table in rows + surveys:
        found.append(_described(table, found[0] if main else None, table in surveys))
    for one in found:
        one.unsure += doubts.misread(one.table)
    return _one_each(found)


def _is_events(table: Table, tables: list[Table]) -> bool:
    """Return whether a table has several rows a customer, each with a time."""
    linked = _linked(table, [t for t in tables if t is not table])
    who = guess.customer(table, linked)
    own = any(
        c.unique and guess.is_key(c) and (
            hints.suggests(c.name, "customer") or (_is_record(c.name) and not _has_money(table))
        )
        for c in table.columns.values()
    )  # fmt: skip
    if who is None or (own and who[1] < NAMED):
        return False
    if table.columns[who[0]].unique and not any(
        hints.suggests(c.name, "order") and guess.is_key(c) for c in table.columns.values()
    ):
        return False
    return bool(guess.times(table))


def _is_record(name: str) -> bool:
    """Return whether a name is that of an id, and not of an order, a thing or a line."""
    return hints.is_id(name) and not hints.suggests(name, "order", "product", "line", "campaign")


def _linked(table: Table, others: list[Table]) -> dict[str, float]:
    """Return the columns whose values are rows of a table of customers, and the share that is."""
    found = {}
    for other in others:
        key = describing.unique_key(other)
        if key and not hints.suggests(key, "product", "order", "campaign"):
            link = _link(table, other, [key])
            if link:
                found[link.many] = max(link.forward, found.get(link.many, 0))
    return found


def _link(many: Table, one: Table, keys: list[str] | None = None) -> Link | None:
    """Return the best key between two tables, None if there is none."""
    best: tuple[float, Link | None] = (0.0, None)
    unique = keys or [c.name for c in one.columns.values() if c.unique and guess.is_key(c)]
    for column in many.columns.values():
        if not guess.is_key(column):
            continue
        values = many.keys(column.name)
        for key in unique:
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


def _joined(tables: list[Table]) -> list[Table]:
    """Return the tables, lines of orders joined with the orders, which say whose and when."""
    for lines in tables:
        if guess.times(lines) and guess.customer(lines):
            continue
        for heads in tables:
            shared = [
                c.name for c in heads.columns.values()
                if c.unique and guess.is_key(c) and c.name in lines.columns
                and not lines.columns[c.name].unique and hints.suggests(c.name, "order")
            ]  # fmt: skip
            if heads is not lines and shared and guess.times(heads) and guess.customer(heads):
                rest = [t for t in tables if t is not lines and t is not heads]
                return [_with_lookup(lines, heads, shared[0]), *rest]
    return tables


def _with_lookup(lines: Table, heads: Table, key: str) -> Table:
    one, more = lines.opened, heads.opened
    if ibis.get_backend(one.table) is not ibis.get_backend(more.table):
        raise StudyError(
            f"{lines.source} and {heads.source} are on different servers: copy them to one place"
        )
    wanted = [key, *(c for c in more.table.columns if c not in one.table.columns)]
    table = one.table.left_join(more.table.select(wanted), key).drop(f"{key}_right")
    joined = columns.from_source(lines.source, Source(table, one.typed, one.given))
    return replace(joined, lookup=(heads.source, key))


def _has_money(table: Table) -> bool:
    return any(
        c.kind in {"integer", "number"} and hints.suggests(c.name, "amount", "price")
        for c in table.columns.values()
    )


def _transactions(table: Table, rows: list[Table]) -> Guess:
    who, points = guess.customer(table, _linked(table, rows))
    found = orders.transactions(table, who, points)
    found.lookup = table.lookup
    return found


def _responding(table: Table, main: Table) -> Guess:
    """Return campaigns or responses; anything else with customers and times is left aside."""
    who = guess.customer(table, {})
    found = Guess("other", table)
    campaign = next((c for c in table.columns.values() if hints.suggests(c.name, "campaign")
                     and c.kind in {"integer", "text"}), None)  # fmt: skip
    if not campaign or not who:
        return found
    found.take("customer", who[0], guess.repeats(table.columns[who[0]]))
    found.take("campaign", campaign.name, f"{campaign.distinct:,} different")
    whens = guess.times(table)
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
    if arm := experiments.arms(table):
        experiments.take(found, *arm)
    for column in table.columns.values():
        if column.name not in found.taken:
            found.left[column.name] = guess.unused(column)
    return found


def _described(table: Table, main: Guess | None, survey: bool) -> Guess:
    """Return customers, a survey or products: by the key that the transactions share, or alone."""
    link = _link(main.table, table) if main else None
    of_buyers = bool(link) and link.many == main.roles["customer"]
    if link and not of_buyers and not survey and not hints.suggests(link.one, "customer"):
        return _products(table, link, main)
    kind = "survey" if survey else "customers"
    key = link.one if of_buyers else ""
    if not key and not survey:
        key = describing.unique_key(table)
        thing = not hints.suggests(key, "customer")
        if thing and hints.suggests(key, "order") and guess.times(table):
            raise StudyError(
                f"{table.source} has a row for each {key!r}, orders it seems, but no column that "
                "tells whose they are: add one such as customer_id"
            )
        rows = describing.described_by_rows(table) and not doubts.persons(table)
        rows = rows or (experiments.arms(table) is not None and not main)
        alone = rows or describing.told_apart(table)
        if (thing and hints.suggests(key, "product")) or not (key or alone):
            raise StudyError(doubts.nobody(table))
    if main and not (key or describing.unique_key(table)):
        return Guess("other", table)
    found = describing.people(table, kind, key)
    if link and key:
        found.why["customer"] += f"; holds {link.forward:.0%} of those in {main.table.source}"
        if guess.personal(table.columns[key]):
            found.unsure.append(
                f"{key!r} is the key between the tables and personal data: look at what the files "
                "of a run hold before you share them"
            )
    elif main:
        found.unsure.append(f"{table.source} shares no key with {main.table.source}: few or no "
                            "customers of the one are in the other")  # fmt: skip
    return found


def _products(table: Table, link: Link, main: Guess) -> Guess:
    found = Guess("products", table)
    if main.roles.get("product") != link.many:
        main.take("product", link.many, link.why)
        main.left.pop(link.many, None)
    main.why["product"] += f"; {link.why}"
    found.take("product", link.one, f"{table.rows:,} distinct, one a row")
    groups = [
        c for c in table.columns.values()
        if 2 <= c.distinct <= min(MOST_LEVELS, table.rows / 2) and c.kind in {"text", "integer"}
        and hints.suggests(c.name, "level", "group")
    ]  # fmt: skip
    groups.sort(key=lambda c: -c.distinct)
    if groups:
        coarse = [
            c for c in groups[1:]
            if hints.suggests(c.name, "group") or table.decides(groups[0].name, c.name)
        ]  # fmt: skip
        group = coarse[-1] if coarse else groups[0]
        found.take("level", groups[0].name, f"{groups[0].distinct:,} different: what is segmented")
        found.take("group", group.name, f"{group.distinct:,} different: shares of these are needs")
    brand = next((c for c in table.columns.values() if hints.suggests(c.name, "brand")), None)
    if brand:
        found.take("brand", brand.name, f"{brand.distinct:,} different")
    for column in table.columns.values():
        if column.name not in found.taken:
            found.left[column.name] = guess.unused(column)
    return found


def _one_each(found: list[Guess]) -> list[Guess]:
    """Return the first table of each kind; what is left over is told in the first one's doubts."""
    kept: dict[str, Guess] = {}
    for one in found:
        if one.kind == "other" or one.kind in kept:
            why = f"a study has one table of {one.kind}, and there is another"
            why = "what it is to the others is not clear" if one.kind == "other" else why
            found[0].unsure.append(f"{one.table.source} is left out: {why}")
        else:
            kept[one.kind] = one
    if "responses" in kept and "campaigns" not in kept:
        gone = kept.pop("responses")
        found[0].unsure.append(f"{gone.table.source} is left out: responses need campaigns")
    if not {"transactions", "customers", "survey"} & set(kept):
        raise StudyError(doubts.nobody(found[0].table))
    return list(kept.values())
