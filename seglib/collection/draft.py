"""A study.yaml by looking at files: what each table is, the keys between them, one study of all."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import ibis

from seglib import runs, study
from seglib.collection import answers, columns, orders, roles, tables
from seglib.collection.columns import PERSON, WORDS, Column, Table, has, suggested
from seglib.collection.roles import DOUBTS, LEAST_PEOPLE, NAMED, Guess
from seglib.collection.sources import Sources, split
from seglib.collection.study_yaml import Draft, compose
from seglib.formats import Format, StudyError, load_yaml
from seglib.layout import FILE, ROW

KEYS = {"customer", "product", "order", "campaign"}
# Roles of what a category is of, if it is of nothing that is sold: Payment category
NO_GOODS = {"order", "customer", "place", "status", "arm", "campaign", "amount", "price", "cost"}
NO_GOODS |= {"aside", "discount", "coupon", "measure"}
MOST_LEVELS = 300  # different groups of products
PEOPLE = 100  # customers below which little can be told of segments


class Link(NamedTuple):
    """A key that two tables share: a share of the values of `many` are rows of `one`."""

    score: float
    many: str
    one: str
    share: float


def new(sources: list[str], name: str = "", folder: Path | None = None) -> Draft:
    """Look at files and write a commented study.yaml into data/<name>/ of a folder.

    Sources are paths, globs, `book.xlsx#Sheet`, `file.duckdb#table`, `${VARIABLE}#table`. A
    StudyError is one sentence; then nothing has been written.
    """
    folder = (folder or Path.cwd()).resolve()
    where, part = split(sources[0])
    called = part.rpartition(".")[2] if where.startswith("${") else part or Path(where).stem
    words = re.findall(r"\w+", (name or called).lower())
    if not words:
        raise StudyError(f"{name!r} is no name of a study: expected letters, such as --name shop")
    path = folder / "data" / "_".join(words) / "study.yaml"
    if path.exists():
        raise StudyError(f"{path} is there already: take another --name, or move it away first")
    opener = Sources(folder, runs.engine())
    looked = [look(opener, source) for source in dict.fromkeys(sources)]
    for one, other in pairwise(sorted(looked, key=lambda t: sorted(t.columns))):
        if {*one.columns} == {*other.columns}:
            raise StudyError(
                f"{one.source} and {other.source} have the same columns: name both by one pattern, "
                f"such as '*{Path(one.source).suffix}', to read them as one table"
            )
    draft = compose(kinds_of(looked), Draft(path, folder))
    raw = load_yaml("\n".join(draft.lines))
    draft.unsure += study.problems(raw) + tables.problems(raw["tables"], path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(draft.lines) + "\n", encoding="utf-8")
    return draft


def look(sources: Sources, source: str) -> Table:
    """Open a source and return what its columns look like; words for nothing are missing."""
    encoding, question = sources.encoding(source)
    given = Format(encoding=encoding or None)
    table = columns.profile(source, sources.open(source, given))
    unread = [c for c in table if c.kind == "text" and c.nearly]
    texts = {text for c in unread for text in (*c.values, c.nearly[3])}
    if words := sorted(text for text in texts if text.lower() in columns.WORDS["blanks"]):
        again = Format(encoding=given.encoding, missing=words)
        again = columns.profile(source, sources.open(source, again))
        if any(again.columns[column.name].kind != "text" for column in unread):
            table = again
    if table.rows < 2:
        raise StudyError(f"{source} holds one row: expected a row a customer or an order")
    columns.refuse_names(table)
    return replace(table, doubts=(question,) if question else ())


def kinds_of(tables: list[Table]) -> list[Guess]:
    """Return what each table of a study is, the transactions first; refuse those of nobody."""
    surveys = [t for t in tables if answers.is_survey(t)]
    others = _joined([t for t in tables if t not in surveys])
    events = [t for t in others if _is_events(t)]
    rows = [t for t in others if t not in events]
    main = max(events, key=lambda t: (_has_money(t), t.rows), default=None)
    sold = orders.transactions(main, *roles.customer(main)) if main else None
    listed = [t for t in rows if main and t.times and roles.lists_arms(t)]
    guesses = [sold] if main else []
    guesses += [_addressed(t) for t in [*events, *listed] if t is not main]
    guesses += [_described(t, sold, t in surveys) for t in [*rows, *surveys] if t not in listed]
    if main and not any(guess.kind == "products" for guess in guesses):
        guesses += _grouped(sold)
    for guess in guesses:
        if guess is sold or guess.table is not main:
            guess.doubts = [*guess.table.doubts, *guess.doubts, *roles.misread(guess.table)]
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
    if study.FEWEST <= n < PEOPLE:  # half of a 95% interval of a share near one half, in points
        guess.ask("few", n=n, margin=98 / (n / 2) ** 0.5)
    return guesses


# --- keys between tables --------------------------------------------------------------------------


def _link(many: Table, one: Table) -> Link | None:
    links = []
    for key in (c.name for c in one if c.unique and _identifies(c)):
        for column in filter(_identifies, many):
            texts = {column.kind == "text", one.columns[key].kind == "text"}
            share = one.holds(key, many.counts(column.name)) if len(texts) == 1 else 0.0
            if share >= 0.3:
                back = min(share * column.distinct / one.columns[key].distinct, 1.0)
                alike = column.says & suggested(key) & KEYS
                score = 0.5 * (column.name.lower() == key.lower()) + 0.5 * bool(alike)
                links.append(Link(share * back + score, column.name, key, share))
    best = max(links, key=lambda link: link.score, default=None)
    return best if best and best.score > 0.6 else None


def _identifies(column: Column) -> bool:
    """Return whether a column could be a key between tables; products may be known by name."""
    by_name = column.kind == "text" and "goods" in column.says
    return column.is_key or (by_name and not column.personal)


def _joined(tables: list[Table]) -> list[Table]:
    for heads in tables:
        for persons in tables:
            if heads is not persons and (joined := _with_persons(heads, persons)):
                tables = [t for t in tables if t is not persons and t is not heads] + [joined]
                break
    for lines in sorted(tables, key=lambda t: (not t.named("goods"), -t.rows)):
        for heads in tables if not (lines.times and roles.customer(lines)) else ():
            if heads is not lines and (key := _order_of(lines, heads)):
                rest = [t for t in tables if t is not lines and t is not heads]
                return [_with_lookup(lines, heads, key), *rest]
    return tables


def _order_of(lines: Table, heads: Table) -> str:
    if not heads.times or not roles.customer(heads):
        return ""
    own = (roles.customer(lines) or ("", 0))[1] >= NAMED  # as many lines as orders: same customers
    keys = (c.name for c in heads.named("order") if c.unique and c.is_key)
    shared = (key for key in keys if key in lines.columns)
    return next((key for key in shared if not (own and lines.columns[key].unique)), "")


def _with_persons(heads: Table, persons: Table) -> Table | None:
    """Return orders with the ids of persons, if each order has a customer of its own; else None."""
    who = roles.customer(heads)
    if not who or who[1] < NAMED or not heads.times or who[0] not in persons.columns:
        return None
    column, key = heads.columns[who[0]], persons.columns[who[0]]
    ids = [c for c in persons.named("customer") if c is not key and c.is_key]
    ids = [c.name for c in ids if LEAST_PEOPLE <= c.distinct < 0.95 * c.filled]
    returns = column.distinct < 0.95 * column.filled or not key.unique
    if returns or not ids or persons.holds(key.name, heads.counts(key.name)) < 0.9:
        return None
    facts = {"name": key.name, "person": ids[0], "source": persons.source}
    joined = _with_lookup(heads, persons, key.name)
    return replace(joined, doubts=(*joined.doubts, DOUBTS["persons"].format(**facts)))


def _with_lookup(lines: Table, heads: Table, key: str) -> Table:
    one, more = lines.opened, heads.opened
    if ibis.get_backend(one.table) is not ibis.get_backend(more.table):
        raise StudyError(
            f"{lines.source} and {heads.source} are on different servers: copy them to one place"
        )
    wanted = [key, *(c for c in more.table.columns if c not in one.table.columns)]
    table = one.table.left_join(more.table.select(wanted), key).drop(f"{key}_right")
    joined = columns.profile(lines.source, replace(one, table=table))
    lookups = (*lines.lookups, (heads.source, key), *heads.lookups)
    return replace(joined, lookups=lookups, doubts=lines.doubts + heads.doubts)


# --- kinds ----------------------------------------------------------------------------------------


def _has_money(table: Table) -> bool:
    return any(column.numeric for column in table.named("amount", "price", "cost"))


def _is_events(table: Table) -> bool:
    who = roles.customer(table)
    if who is None or not table.times:
        return False
    column = table.columns[who[0]]
    money = (column.kind == "text" or "id" in column.says) and _has_money(table)
    keys = [c for c in table if c.unique and c.is_key]
    records = [c for c in keys if "id" in c.says and not c.says & (KEYS | {"line"})]
    own = any("customer" in c.says for c in keys) or (records and not money)
    numbered = any(c.is_key and c.distinct == c.filled for c in table.named("order"))  # no counts
    return not (own and who[1] < NAMED) and (numbered or not column.unique)


def _addressed(table: Table) -> Guess:
    who, guess, campaign = roles.customer(table), Guess("other", table), roles.campaign(table)
    if not who or not (campaign or roles.lists_arms(table)):
        return guess
    words = (" ".join(table.columns) + table.source).lower()
    answered = any(word in words for word in WORDS["responses"])
    guess.kind = "responses" if answered else "campaigns"
    guess.take("customer", who[0], roles.repeats(table.columns[who[0]]))
    no_name = FILE, "no column names it: the name of the file does"
    by_name = (campaign.name, f"{campaign.distinct:,} different") if campaign else no_name
    guess.take("campaign", *by_name)
    starts = [c for c in table.times if "start" in c.says and not answered]
    start = (starts or table.times)[0]
    span = f"{start.least:%Y-%m-%d} to {start.most:%Y-%m-%d}"
    guess.take("time" if answered else "start", start.name, span)
    if answered:
        return guess
    if ends := [c for c in table.times if "end" in c.says and c is not start]:
        guess.take("end", ends[0].name, f"to {ends[0].most:%Y-%m-%d}")
    if arm := roles.arms(table, campaign.name if campaign else ""):
        roles.take_arms(guess, *arm)
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
        _refuse_rows(table, key)
    guess = answers.describe(table, "survey" if survey else "customers", key if of_buyers else "")
    if key:
        guess.take_nobody()
    if of_buyers:
        guess.why["customer"] += f"; holds {link.share:.0%} of those in {main.table.source}"
        if table.columns[key].personal:
            guess.ask("personal_link", name=key)
    elif main:
        guess.ask("no_link", one=table.source, other=main.table.source)
    return guess


def _products(table: Table, link: Link, main: Guess) -> Guess:
    guess = Guess("products", table)
    why = f"{link.share:.0%} of its values are in the other table's {link.one!r}"
    if main.roles.get("product") != link.many:
        main.take("product", link.many, why)
        main.left.pop(link.many, None)
    main.why["product"] += f"; {why}"
    guess.take("product", link.one, f"{table.rows:,} distinct, one a row")
    _groups(guess, [c for c in table if c.name != link.one])
    guess.leave_others()
    return guess


def _grouped(main: Guess) -> list[Guess]:
    """Return the products as the table of orders tells of them, if it groups them."""
    guess, free = Guess("products", main.table), [c for c in main.table if c.name not in main.taken]
    product = main.roles.get("product") or _category(main)
    if not product or main.table.lookups:
        return []
    guess.take("product", product, "the groups stand beside it in the orders")
    _groups(guess, [c for c in free if main.table.decides(product, c.name)])
    main.left |= dict.fromkeys(guess.taken - {product}, "groups the products")
    return [guess] if "level" in guess.roles else []


def _category(main: Guess) -> str:
    """Take the finest column that groups what was paid for as the product; return it, or ''."""
    named = (c for c in main.free() if {"level", "group"} <= c.says and c.kind == "text")
    goods = (c for c in named if c.base == "plan" and c.says.isdisjoint(NO_GOODS))
    goods = (c for c in goods if not has(c.name, orders.UNDONE))
    groups = [c for c in goods if not main.table.decides(main.roles["customer"], c.name)]
    if not groups or not main.money:
        return ""
    category = max(groups, key=lambda c: c.distinct)
    main.take("product", category.name, roles.repeats(category))
    main.left.pop(category.name, None)
    main.ask("category", name=category.name)
    return category.name


def _groups(guess: Guess, beside: list[Column]) -> None:
    most = min(MOST_LEVELS, guess.column("product").distinct / 2)
    by_name = [c for c in beside if c.says & {"level", "group"} and c.kind in {"text", "integer"}]
    groups = [c for c in by_name if 2 <= c.distinct <= most or c.name in guess.taken]
    groups.sort(key=lambda c: -c.distinct)
    if groups:
        level, decides = groups[0], guess.table.decides
        coarse = [c for c in groups if "group" in c.says or decides(level.name, c.name)]
        group = next((c for c in reversed(coarse) if c is not level), level)
        guess.take("level", level.name, f"{level.distinct:,} different: what is segmented")
        guess.take("group", group.name, f"{group.distinct:,} different: shares of these are needs")
    if brands := [c for c in beside if "brand" in c.says]:
        guess.take("brand", brands[0].name, f"{brands[0].distinct:,} different")


# --- what no study can be made of -----------------------------------------------------------------


def _refuse_rows(table: Table, key: str) -> None:
    """Refuse a table of orders of nobody, and one of which no row is a customer."""
    thing = "customer" not in suggested(key)
    if thing and "order" in suggested(key) and table.times:
        raise StudyError(
            f"{table.source} has a row for each {key!r}, orders it seems, but no column that "
            "tells whose they are: add one such as customer_id"
        )
    alone = key or _is_of_rows(table) or roles.told_apart(table)
    unread = "order" in suggested(key) and not table.times and roles.misread(table)
    if (thing and ("product" in suggested(key) or unread)) or not alone:
        raise StudyError(nobody(table))


def _is_of_rows(table: Table) -> bool:
    """Return whether each row of a table without ids may be one customer: no order, no event."""
    who = roles.customer(table)
    things = table.named("order", "product", "campaign")
    numbered = any(c.distinct > answers.GROUPS and (c.is_key or c.kind == "text") for c in things)
    sold = table.named("quantity") and table.named("price", "cost")
    lines = numbered or sold or table.times or (who is not None and who[1] >= NAMED)
    described = sum(c.distinct > 1 and not c.personal for c in table) > 1
    return not lines and described and not any(c.personal == PERSON for c in table)


def nobody(table: Table) -> str:
    """Return why a table is of no use."""
    who, whens = roles.customer(table), table.times
    if not whens and (unread := roles.misread(table)):
        return f"{table.source}: {unread[0]}"
    if who and who[1] >= NAMED and not whens:
        return (
            f"{table.source} has {table.rows:,} rows but {table.columns[who[0]].distinct:,} "
            f"different {who[0]!r}, and no dates or times: add when each row happened, or "
            "bring it to one row a customer"
        )
    return (
        f"{table.source} has no column that looks like a customer (columns: "
        f"{', '.join(list(table.columns)[:8])}): add an id that returns from order to order, such "
        "as customer_id and no name; or, if each row is one customer, write a file of "
        "what describes them without dates, whose rows are then numbered"
    )
