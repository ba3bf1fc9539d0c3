"""Which role each column of a table plays: names suggest it, values decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from seglib.collection import hints
from seglib.collection.columns import Column, Table
from seglib.collection.reading import TIME

LEAST_PEOPLE = 10  # fewer different values than this are groups of people, not people
LONG = 25  # letters from which a text is written freely
CODE = 40  # letters of the longest ids
NAMED, DECIDED, LINKED = 4, 2, 5  # what speaks for a key, in points
EMAIL = "e-mail address"
FEWEST_SEGMENTED = 10  # different things below which a segmentation of them is refused
WRITTEN = {
    "DMY": "DD/MM/YYYY",
    "MDY": "MM/DD/YYYY",
    "YMD": "YYYY-MM-DD",
    "NAMED": "31 January 2024",
}


@dataclass
class Guess:
    """What a table seems to be.

    Attributes
    ----------
    kind
        Its name under `tables` in study.yaml.
    table
        The table.
    roles
        Role → column, or columns.
    why
        Role → what the guess is based on.
    left
        Column → why it is left out.
    attributes
        Column → its block in study.yaml, with `why` besides.
    outcomes
        Column → its block in study.yaml, with `why` besides.
    keys
        Further keys of the table in study.yaml.
    silent
        Answers that are none, such as Prefer not to say.
    unsure
        What should be looked at, in sentences.
    lookups
        The sources and keys of further tables whose columns are added.
    currency
        How its amounts are written, empty if nothing tells.
    returned
        The values of its status that say that a row was taken back.
    sparse
        Whether money stands in a few of its rows only.
    own
        Whether its source is that of no other table of the study.
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
    unsure: list[str] = field(default_factory=list)
    lookups: tuple[tuple[str, str], ...] = ()
    currency: str = ""
    returned: list[str] = field(default_factory=list)
    sparse: bool = False
    own: bool = True

    def take(self, role: str, column: str | list[str], why: str) -> None:
        """Give a role to a column."""
        self.roles[role], self.why[role] = column, why

    @property
    def taken(self) -> set[str]:
        """The columns that have a role."""
        return {c for v in self.roles.values() for c in (v if isinstance(v, list) else [v])}


def personal(column: Column) -> str:
    """Return which personal data a column holds, by its values or else its name; empty if none."""
    if column.kind == "time" or (column.nearly and column.nearly[0] == TIME):
        return "date of birth" if hints.personal(column.name) == "date of birth" else ""
    for name, what in (
        ("email", EMAIL),
        ("phone", "telephone number"),
        ("address", "network address"),
    ):
        if column.share(name) > 0.5:
            return what
    what = hints.personal(column.name)
    if what == "name" and (coded(column) or hints.suggests(column.name, "goods", "brand")):
        return ""
    many = column.distinct > max(20, 0.3 * column.filled)
    many = many or (what == hints.PERSON and column.distinct > 2 and not coded(column))
    return what if column.kind in {"text", "other"} and many else ""


def coded(column: Column) -> bool:
    """Return whether most values of a text hold figures, as codes do and names do not."""
    values = column.values or {}
    return sum(any(c.isdigit() for c in value) for value in values) > 0.5 * len(values)


def free_text(column: Column) -> bool:
    """Return whether a column holds sentences of people."""
    varied = column.distinct > max(20, 0.3 * column.filled)
    return column.kind == "text" and varied and (column.words >= 3 or column.length > CODE)


def is_key(column: Column) -> bool:
    """Return whether values of a column could stand for people, orders or things."""
    coded = column.kind == "number" and (column.share("whole") == 1 or hints.is_id(column.name))
    if not (coded or column.kind in {"integer", "text"}) or column.distinct < 2:
        return False
    if personal(column) not in {"", EMAIL}:
        return False
    if column.kind in {"integer", "number"}:
        return column.least is not None and column.least >= 0
    return column.length <= CODE and column.words < 2


def times(table: Table) -> list[Column]:
    """Return the columns of times, those that are filled best first; never dates of birth."""
    found = [c for c in table.columns.values() if c.kind == "time" and c.filled > 0.3 * c.rows]
    found = [c for c in found if personal(c) != "date of birth"]
    return sorted(found, key=lambda c: (-(c.filled // max(c.rows / 20, 1)), -c.distinct))


def customer(table: Table, linked: Mapping[str, float] | None = None) -> tuple[str, int] | None:
    """Return the column that most looks like customers who return, and how much speaks for it.

    Parameters
    ----------
    table
        A table with several rows a customer.
    linked
        Column → share of its values that are rows of a table of customers.
    """
    keys = [c for c in table.columns.values() if is_key(c) and not _never_who(c)]
    points = {
        c.name: _points(table, c, keys) + LINKED * ((linked or {}).get(c.name, 0) > 0.5)
        for c in keys
    }
    best = max(keys, key=lambda c: (points[c.name], not personal(c), c.distinct), default=None)
    return (best.name, points[best.name]) if best and points[best.name] >= 1 else None


def _never_who(column: Column) -> bool:
    """Return whether a name says that values are of persons, times or measures, not ids."""
    if hints.suggests(column.name, "customer"):
        return False
    measured = column.kind != "text" and not hints.is_id(column.name)
    measured = measured and hints.suggests(column.name, "amount", "aside", "discount", "converted")
    if measured or hints.is_count(column.name) or hints.base(column.name) == "demographic":
        return True
    what = hints.personal(column.name)
    timed = hints.suggests(column.name, "time") and not hints.is_id(column.name)
    return what in {hints.PERSON, "date of birth"} or timed


def _points(table: Table, column: Column, keys: Iterable[Column]) -> int:
    named = hints.suggests(column.name, "customer")
    other = hints.base(column.name) == "geographic" or hints.suggests(
        column.name, "order", "product", "place", "campaign", "quantity", "line", "level", "price"
    )
    found = (
        NAMED * named - NAMED * (other and not named) + (not named and column.share("email") > 0.5)
    )
    found += column.distinct <= 0.9 * column.filled
    found -= 2 * NAMED * (column.distinct < LEAST_PEOPLE)
    found -= NAMED * (column.unique and not named)
    owners = [k for k in keys if k.distinct > 1.2 * column.distinct and not k.unique]
    found += DECIDED * any(table.decides(o.name, column.name) for o in owners[:4])
    return found


def repeats(column: Column) -> str:
    """Return how often the values of a key return."""
    shown = f"{column.distinct:,} distinct in {column.filled:,} rows, {column.per_value:.1f} each"
    missing = 1 - column.filled / max(column.rows, 1)
    return shown + (f"; {missing:.0%} of the rows have none" if missing > 0.001 else "")


def free(found: Guess, role: str) -> list[Column]:
    """Return the columns without a role, those whose names suggest the role first."""
    free = [c for c in found.table.columns.values() if c.name not in found.taken]
    free = [c for c in free if c.distinct > 1 and not personal(c)]
    return sorted(free, key=lambda c: not hints.suggests(c.name, role))


def written(mark: str) -> str:
    """Return a way to read numbers or dates as study.yaml writes it."""
    return WRITTEN.get(mark, mark)


def ways(column: Column) -> str:
    """Return the ways in which a column could be read."""
    return " or ".join(WRITTEN.get(mark, repr(mark)) for mark in column.marks)


def unused(column: Column) -> str:
    """Return why a column is left out."""
    if what := personal(column):
        return f"personal data ({what}); not needed"
    if column.filled == 0:
        return "empty"
    if column.distinct == 1:
        return "the same in every row" + " that has it" * (column.filled < column.rows)
    if free_text(column):
        return f"free text: {column.distinct:,} different in {column.filled:,}"
    if column.kind == "time":
        return f"another time, {column.least:%Y-%m-%d} to {column.most:%Y-%m-%d}"
    if column.kind == "other":
        return "lists or the like, which are not read"
    if column.unique:
        return "numbers the rows"
    return f"no role known for it ({column.distinct:,} different)"
