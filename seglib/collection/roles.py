"""What a table seems to be, and which of its columns tells customers apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from seglib import wording
from seglib.collection.columns import BIRTH, EMAIL, PERSON, Column, Table

DOUBTS = wording.table("doubts")
REASONS = DOUBTS["reasons"]
LEAST_PEOPLE = 10  # fewer different values than this are groups of people, not people
NAMED, DECIDED, LINKED = 4, 2, 5  # what speaks for a key, in points


@dataclass
class Guess:
    """What a table seems to be: its name under `tables` in study.yaml, and what stands there."""

    kind: str
    table: Table
    roles: dict[str, str | list[str]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)  # role → what the guess is based on
    left: dict[str, str] = field(default_factory=dict)  # column → why it is left out
    attributes: dict[str, dict] = field(default_factory=dict)  # with `why` beside their keys
    outcomes: dict[str, dict] = field(default_factory=dict)
    keys: dict[str, object] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)  # answers that are none: Prefer not to say
    doubts: list[str] = field(default_factory=list)
    currency: str = ""

    def take(self, role: str, column: str | list[str], why: str) -> None:
        """Give a role to a column."""
        self.roles[role], self.why[role] = column, why

    def ask(self, doubt: str, **facts) -> None:
        """Add a doubt, a sentence of wording/doubts.yaml."""
        self.doubts.append(DOUBTS[doubt].format(**facts))

    def column(self, role: str) -> Column:
        """Return the column of a role."""
        return self.table.columns[self.roles[role]]

    @property
    def money(self) -> str:
        """The role that holds money, or ''."""
        return next((role for role in ("amount", "price") if role in self.roles), "")

    @property
    def taken(self) -> set[str]:
        """The columns that have a role."""
        return {c for v in self.roles.values() for c in (v if isinstance(v, list) else [v])}

    def free(self, role: str = "") -> list[Column]:
        """Return the columns without a role that vary, those whose names suggest it first."""
        free = [c for c in self.table if c.name not in self.taken and c.distinct > 1]
        return sorted((c for c in free if not c.personal), key=lambda c: role not in c.says)

    def first(self, role: str, fits: Callable[[Column], bool]) -> Column | None:
        """Return the first column without a role that fits one, by name or else by value."""
        return next((column for column in self.free(role) if fits(column)), None)

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
        "the same in every row" + " that has it" * (column.missing > 0): column.distinct == 1,
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
    """Return the column most like customers who return, and how many points speak for it.

    `linked` holds the share of a column's values that are rows of a table of customers.
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
    is_id = "id" in column.says
    money = column.says & {"amount", "aside", "discount", "converted"}
    measured = column.kind != "text" and not is_id and money
    described = "demographic" in column.says or column.promise in {PERSON, BIRTH}
    other = measured or described or column.is_count or ("time" in column.says and not is_id)
    return other and "customer" not in column.says


def _points(table: Table, column: Column, keys: list[Column]) -> int:
    named = "customer" in column.says
    things = column.says & {"order", "product", "campaign", "level", "price"}
    other = bool(is_other(column) or things)
    points = (
        NAMED * named - NAMED * (other and not named) + (not named and column.personal == EMAIL)
    )
    points += column.distinct <= 0.9 * column.filled
    points -= 2 * NAMED * (column.distinct < LEAST_PEOPLE)
    points -= NAMED * (column.unique and not named)
    finer = [k for k in keys if k.distinct > 1.2 * column.distinct and not k.unique]
    return points + DECIDED * any(table.decides(k.name, column.name) for k in finer[:4])


def is_other(column: Column) -> bool:
    """Return whether a name is that of a place, a number or a line, and never of a key."""
    return column.base == "geographic" or column.says & {"place", "quantity", "line"}


def unique_key(table: Table) -> str:
    """Return the column that identifies a row and is no personal data, or ''."""
    keys = [c for c in table if c.unique and c.is_key and not c.personal]
    keys = [c for c in keys if c.says & {"id", "customer", "line"} or c.kind == "text"]
    keys.sort(key=lambda c: ("customer" not in c.says, "id" not in c.says))
    return keys[0].name if keys else ""


def told_apart(table: Table) -> str:
    """Return the personal column of which each row holds another value, or ''."""
    return next((c.name for c in table if c.unique and c.personal), "")
