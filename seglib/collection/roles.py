"""What a table seems to be, and which of its columns tells customers apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seglib.collection import hints
from seglib.collection.columns import EMAIL, PERSON, Column, Table
from seglib.collection.hints import suggests
from seglib.wording import listing

LEAST_PEOPLE = 10  # fewer different values than this are groups of people, not people
GUESTS = 0.15  # of the rows without a customer, from which they are pointed at
NAMED, DECIDED, LINKED = 4, 2, 5  # what speaks for a key, in points


@dataclass
class Guess:
    """What a table seems to be.

    Attributes
    ----------
    kind, table
        Its name under `tables` in study.yaml, and the table.
    roles, why
        Role → column, or columns; role → what the guess is based on.
    left
        Column → why it is left out.
    attributes, outcomes
        Column → its block in study.yaml, with `why` besides.
    keys
        Further keys of the table in study.yaml.
    silent
        Answers that are none, such as Prefer not to say.
    doubts
        What should be looked at, in sentences.
    currency
        How its amounts are written, empty if nothing tells.
    """

    kind: str
    table: Table
    roles: dict[str, str | list[str]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict] = field(default_factory=dict)
    outcomes: dict[str, dict] = field(default_factory=dict)
    keys: dict[str, object] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)
    currency: str = ""

    def take(self, role: str, column: str | list[str], why: str) -> None:
        """Give a role to a column."""
        self.roles[role], self.why[role] = column, why

    def column(self, role: str) -> Column:
        """Return the column of a role."""
        return self.table.columns[self.roles[role]]

    @property
    def money(self) -> str:
        """The role that holds money, empty if none does."""
        return next((role for role in ("amount", "price") if role in self.roles), "")

    @property
    def taken(self) -> set[str]:
        """The columns that have a role."""
        return {c for v in self.roles.values() for c in (v if isinstance(v, list) else [v])}

    def free(self, role: str = "") -> list[Column]:
        """Return the columns without a role that vary, those whose names suggest it first."""
        free = [c for c in self.table if c.name not in self.taken and c.distinct > 1]
        return sorted(
            (c for c in free if not c.personal), key=lambda c: not (role and c.suggests(role))
        )

    def leave_others(self) -> None:
        """Say of each column that has no role and is not told of yet why it is left out."""
        for column in self.table:
            if column.name not in {*self.taken, *self.attributes, *self.outcomes}:
                self.left.setdefault(column.name, unused(column))


def unused(column: Column) -> str:
    """Return why a column is left out."""
    reasons = {
        f"personal data ({column.personal}); not needed": column.personal,
        "empty": column.filled == 0,
        "the same in every row" + " that has it" * (column.filled < column.rows): column.distinct
        == 1,
        f"free text: {column.distinct:,} different in {column.filled:,}": column.free_text,
        f"another time, {str(column.least)[:10]} to {str(column.most)[:10]}": column.kind == "time",
        "lists or the like, which are not read": column.kind == "other",
        "numbers the rows": column.unique,
    }
    other = f"no role known for it ({column.distinct:,} different)"
    return next((why for why, fits in reasons.items() if fits), other)


def repeats(column: Column) -> str:
    """Return how often the values of a key return."""
    shown = f"{column.distinct:,} distinct in {column.filled:,} rows, {column.per_value:.1f} each"
    return shown + f"; {column.missing:.0%} of the rows have none" * (column.missing > 0.001)


# --- who ------------------------------------------------------------------------------------------


def customer(table: Table, linked: Mapping[str, float] | None = None) -> tuple[str, int] | None:
    """Return the column that most looks like customers who return, and how much speaks for it.

    Parameters
    ----------
    table
        A table with several rows a customer.
    linked
        Column → share of its values that are rows of a table of customers.
    """
    keys = [column for column in table if column.is_key and not _never_who(column)]
    points = {
        c.name: _points(table, c, keys) + LINKED * ((linked or {}).get(c.name, 0) > 0.5)
        for c in keys
    }
    best = max(keys, key=lambda c: (points[c.name], not c.personal, c.distinct), default=None)
    return (best.name, points[best.name]) if best and points[best.name] >= 1 else None


def _never_who(column: Column) -> bool:
    """Return whether a name says that values are of persons, times or measures, not ids."""
    if column.suggests("customer"):
        return False
    is_id, what = hints.is_id(column.name), hints.personal(column.name)
    measure = column.suggests("amount", "aside", "discount", "converted")
    measured = column.kind != "text" and not is_id and measure
    described = hints.base(column.name) == "demographic" or what in {PERSON, "date of birth"}
    timed = column.suggests("time") and not is_id
    return measured or described or timed or hints.is_count(column.name)


def _points(table: Table, column: Column, keys: list[Column]) -> int:
    named = column.suggests("customer")
    other = hints.base(column.name) == "geographic" or suggests(
        column.name, "order", "product", "place", "campaign", "quantity", "line", "level", "price"
    )
    points = NAMED * named - NAMED * (other and not named) + (not named and column.form == EMAIL)
    points += column.distinct <= 0.9 * column.filled
    points -= 2 * NAMED * (column.distinct < LEAST_PEOPLE)
    points -= NAMED * (column.unique and not named)
    finer = [k for k in keys if k.distinct > 1.2 * column.distinct and not k.unique]
    return points + DECIDED * any(table.decides(k.name, column.name) for k in finer[:4])


def unique_key(table: Table) -> str:
    """Return the column that identifies a row and is no personal data, empty if there is none."""
    keys = [
        c
        for c in table
        if c.unique and c.is_key and not c.personal
        and (hints.is_id(c.name) or c.suggests("customer", "line") or c.kind == "text")
    ]  # fmt: skip
    keys.sort(key=lambda c: (not c.suggests("customer"), not hints.is_id(c.name)))
    return keys[0].name if keys else ""


def told_apart(table: Table) -> str:
    """Return the personal column of which each row holds another value, empty if none does."""
    return next((c.name for c in table if c.unique and c.personal), "")


def take_time(guess: Guess) -> None:
    """Take the time at which something was ordered or done, of several times."""
    whens = guess.table.times
    plain = [c for c in whens if not c.suggests("deadline")]
    if not plain:
        guess.doubts.append(
            f"{whens[0].name!r} is taken as the time of the rows, but is called like what follows "
            "an order: a deadline, a delivery or a change"
        )
    plain = plain or whens
    full = [c for c in plain if 1.1 * c.filled > plain[0].filled]
    when = next((c for c in full if c.suggests("placed")), plain[0])
    guess.take("time", when.name, f"{when.least:%Y-%m-%d} to {when.most:%Y-%m-%d}")


def ask_of_nobody(guess: Guess) -> None:
    """Take ids such as guest for rows without a customer; ask about ids written in two ways."""
    who, column = guess.roles["customer"], guess.column("customer")
    counts = guess.table.counts(who)
    usual = [len(v) for v in counts if v.lower() not in hints.WORDS["placeholders"]]
    words = {
        v: n for v, n in counts.items()  # 0 may be an id among 1, 2 and 10
        if v.lower() in hints.WORDS["placeholders"]
        and (not v.lstrip("-").isdigit() or min(usual, default=0) > len(v) + 1)
    }  # fmt: skip
    if column.missing > GUESTS:
        guess.doubts.append(f"{column.missing:.0%} of the rows have no {who!r} and are left out")
    if words:
        guess.why["customer"] += f"; {len(words)} of them are nobody's"
        guess.keys["placeholders"] = sorted(words)
        guess.doubts.append(
            f"{sum(words.values()):,} of {guess.table.rows:,} rows have {listing(sorted(words))} "
            f"as {who!r}, which is taken as no customer: take out of placeholders what is an id"
        )
    spellings: dict[str, list[str]] = {}
    for id_ in counts:
        spellings.setdefault(id_.casefold(), []).append(id_)
    twice = [ids for ids in spellings.values() if len(ids) > 1]
    if twice:
        shown = "" if column.personal else f", such as {listing([repr(v) for v in twice[0]])}"
        guess.doubts.append(
            f"{len(twice):,} ids in {who!r} differ by capital letters alone{shown}, and count as "
            "customers of their own: write them in one way if they are the same"
        )
