"""Which role each column of a table plays: names suggest it, values decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from seglib import hints
from seglib.columns import Column, Table

LEAST_PEOPLE = 10  # fewer different values than this are groups of people, not people
LONG = 25  # letters from which a text is written freely
CODE = 40  # letters of the longest ids
NAMED, DECIDED, LINKED = 4, 2, 5  # what speaks for a key, in points


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
    unsure
        What should be looked at, in sentences.
    lookup
        The source and the key of a second table whose columns are added.
    extra
        Further keys of the table.
    """

    kind: str
    table: Table
    roles: dict[str, str | list[str]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    lookup: tuple[str, str] | None = None
    extra: dict = field(default_factory=dict)

    def take(self, role: str, column: str | list[str], why: str) -> None:
        """Give a role to a column."""
        self.roles[role], self.why[role] = column, why

    @property
    def taken(self) -> set[str]:
        """The columns that have a role."""
        return {c for v in self.roles.values() for c in (v if isinstance(v, list) else [v])}


def personal(column: Column) -> str:
    """Return which personal data a column holds, by its values or else its name; empty if none."""
    for name, what in (("email", "e-mail address"), ("phone", "telephone number"),
                       ("address", "network address")):  # fmt: skip
        if column.share(name) > 0.5:
            return what
    if column.kind == "time":
        return "date of birth" if hints.personal(column.name) == "date of birth" else ""
    what = hints.personal(column.name)
    many = column.distinct > max(20, 0.3 * column.filled)
    return what if column.kind in {"text", "other"} and many else ""


def free_text(column: Column) -> bool:
    """Return whether a column holds sentences of people."""
    varied = column.distinct > max(20, 0.3 * column.filled)
    return column.kind == "text" and varied and (column.words >= 3 or column.length > CODE)


def is_key(column: Column) -> bool:
    """Return whether values of a column could stand for people, orders or things."""
    if column.kind not in {"integer", "text"} or column.distinct < 2:
        return False
    if personal(column) not in {"", "e-mail address"}:
        return False
    if column.kind == "integer":
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
    keys = [c for c in table.columns.values() if is_key(c)]
    points = {c.name: _points(table, c, keys) + LINKED * ((linked or {}).get(c.name, 0) > 0.5)
              for c in keys}  # fmt: skip
    best = max(keys, key=lambda c: (points[c.name], c.distinct), default=None)
    return (best.name, points[best.name]) if best and points[best.name] >= 1 else None


def _points(table: Table, column: Column, keys: Iterable[Column]) -> int:
    named = hints.suggests(column.name, "customer")
    other = any(
        hints.suggests(column.name, role)
        for role in ("order", "product", "place", "campaign", "quantity", "line", "level", "price")
    ) or hints.base(column.name) == "geographic"  # fmt: skip
    found = NAMED * named - NAMED * (other and not named) + (column.share("email") > 0.5)
    found += column.distinct <= 0.9 * column.filled
    found -= NAMED * (column.distinct < LEAST_PEOPLE)
    found -= NAMED * (column.unique and not named)
    owners = [k for k in keys if k.distinct > 1.2 * column.distinct and not k.unique]
    found += DECIDED * any(table.decides(o.name, column.name) for o in owners[:4])
    return found


def transactions(table: Table, who: str, points: int) -> Guess:
    """Return the roles of a table with several rows a customer, which are orders or events."""
    found, columns = Guess("transactions", table), table.columns
    found.take("customer", who, _repeats(columns[who]))
    if points < NAMED:
        found.unsure.append(f"column {who!r} is taken as the customer by its values alone")
    when = next(iter(times(table)))
    found.take("time", when.name, f"{when.least:%Y-%m-%d} to {when.most:%Y-%m-%d}")
    _order(found)
    _product(found)
    _money(found)
    _reductions(found)
    _place(found)
    for column in columns.values():
        if column.name not in found.taken:
            found.left.setdefault(column.name, _groups(found, column) or unused(column))
    return found


def _groups(found: Guess, column: Column) -> str:
    """Return what a column that groups the products would be good for, empty if it is none."""
    product = found.roles.get("product")
    named = any(hints.suggests(column.name, role) for role in ("level", "group"))
    if not product or not named or not found.table.decides(product, column.name):
        return ""
    return f"groups the products; would serve in a table of products with one row a {product}"


def _repeats(column: Column) -> str:
    shown = f"{column.distinct:,} distinct in {column.filled:,} rows, {column.per_value:.1f} each"
    missing = 1 - column.filled / max(column.rows, 1)
    return shown + (f"; {missing:.0%} of the rows have none" if missing > 0.001 else "")


def _free(found: Guess, role: str) -> list[Column]:
    """Return the columns without a role, those whose names suggest the role first."""
    free = [c for c in found.table.columns.values() if c.name not in found.taken]
    free = [c for c in free if c.distinct > 1 and not personal(c)]
    return sorted(free, key=lambda c: not hints.suggests(c.name, role))


def _order(found: Guess) -> None:
    table, who, when = found.table, found.roles["customer"], found.roles["time"]
    for column in _free(found, "order"):
        named = hints.suggests(column.name, "order")
        people = table.columns[who].distinct
        if not is_key(column) or column.distinct < people or (column.unique and not named):
            continue
        if not (named or hints.is_id(column.name) or column.kind == "integer"):
            continue
        if table.decides(column.name, who) and (named or table.decides(column.name, when)):
            found.take("order", column.name, f"{_repeats(column)}; each has one customer")
            return


def _product(found: Guess) -> None:
    table, order = found.table, found.roles.get("order")
    for column in _free(found, "product"):
        named = hints.suggests(column.name, "product")
        key = is_key(column) or (named and column.kind == "text" and not free_text(column))
        several = column.per_value >= 2 and (
            column.kind == "text" or column.distinct >= LEAST_PEOPLE
        )
        if not key or not several or hints.base(column.name) == "geographic":
            continue
        if any(hints.suggests(column.name, role) for role in ("place", "quantity", "line")):
            continue
        nameless = column.kind == "text" and hints.is_id(column.name)
        if (named or nameless) and not (order and table.decides(order, column.name) and not named):
            name = _readable(table, column)
            found.take("product", name.name, _repeats(name) + (
                "" if name is column else f"; names what {column.name} numbers"))  # fmt: skip
            return


def _readable(table: Table, key: Column) -> Column:
    """Return the column of names of the same things, the key itself if there is none."""
    for column in table.columns.values():
        same = abs(column.distinct - key.distinct) <= 0.01 * key.distinct
        longer = column.kind == "text" and column.length > key.length
        if not longer or not same or column is key or personal(column):
            continue
        if table.decides(key.name, column.name) and table.decides(column.name, key.name):
            return column
    return key


def _money(found: Guess) -> None:
    """Find quantity, and the amount of a line, or the price of a unit that gives it."""
    numbers = [c for c in _free(found, "amount") if c.kind in {"integer", "number"}]
    quantity = next((c for c in numbers if hints.suggests(c.name, "quantity")
                     and c.share("whole") > 0.9), None)  # fmt: skip
    money = [c for c in numbers if c is not quantity and _is_money(c)]
    if quantity:
        back = quantity.share("negative")
        why = f"whole numbers from {quantity.least:,.0f} to {quantity.most:,.0f}"
        found.take("quantity", quantity.name, why + (f"; {back:.1%} negative" if back else ""))
    if not money:
        return
    prices = [c for c in money if hints.suggests(c.name, "price")]
    amounts = [c for c in money if hints.suggests(c.name, "amount") and c not in prices]
    if quantity and (whole := _multiplied(found, quantity, prices, amounts)):
        found.take("amount", whole[1], f"= {quantity.name} × {whole[0]} in 95% of the rows or more")
        found.left[whole[0]] = "the price of a unit; the amount of the line is known"
        return
    chosen = (amounts or prices or money)[0]
    if quantity and _per_unit(found, quantity, chosen, chosen in prices):
        found.take("price", chosen.name, f"of one unit: the amount of a line is "
                   f"{quantity.name} × {chosen.name}")  # fmt: skip
        return
    ends = f"from {chosen.least:,.2f} to {chosen.most:,.2f}"
    back = chosen.share("negative")
    found.take("amount", chosen.name, ends + (f"; {back:.1%} negative: returns" if back else ""))
    if not amounts:
        found.unsure.append(f"{chosen.name!r} is taken as the money of a row by its values alone")
    if quantity and quantity.share("negative") and not back:
        found.unsure.append(
            f"{quantity.share('negative'):.1%} of the rows have a negative {quantity.name!r}, "
            f"returns it seems, but no negative {chosen.name!r}: they count as purchases"
        )


def _is_money(column: Column) -> bool:
    """Return whether numbers could be money: named so, or with decimals and no share or id."""
    if any(hints.suggests(column.name, r) for r in ("discount", "coupon", "place", "line")):
        return False
    if any(hints.suggests(column.name, role) for role in ("amount", "price")):
        return not hints.is_id(column.name) and column.distinct > 1
    if column.kind != "number" or hints.base(column.name) == "geographic":
        return False
    return 1 - column.share("whole") > 0.001 and column.most > 1


def _multiplied(found: Guess, quantity, prices, amounts) -> tuple[str, str] | None:
    """Return the price and the amount of which one is the other times the quantity."""
    units = found.table.at(quantity.name).cast("float64")
    for price in prices:
        for amount in amounts:
            each, whole = (found.table.at(c.name).cast("float64") for c in (price, amount))
            near = (whole.abs() - (units * each).abs()).abs() <= 0.011
            if found.table.share(near, units.abs() > 1) >= 0.95:
                return price.name, amount.name
    return None


def _per_unit(found: Guess, quantity: Column, money: Column, named: bool) -> bool:
    """Return whether money is of one unit: it then varies less per product than divided by units.

    Without a product, or where both vary alike, its name tells.
    """
    product = found.roles.get("product")
    if not product:
        return named
    whole, parts = found.table.ratio_varies(product, money.name, quantity.name)
    return named if 0.8 < whole / max(parts, 1) < 1.25 else whole < parts


def _reductions(found: Guess) -> None:
    money = found.roles.get("amount", found.roles.get("price"))
    large = money is not None and found.table.columns[money].most > 50
    for role in ("coupon", "discount"):
        chosen = []
        for column in _free(found, role):
            if not hints.suggests(column.name, role) or column.kind not in {"integer", "number"}:
                continue
            if (large and column.most <= 1) or (column.name.endswith("%") or {"pct", "percent", "rate"}
                                    & set(hints.parts(column.name))):  # fmt: skip
                found.unsure.append(f"{column.name!r} seems to be a share, not money: left out")
            elif column.share("negative") < 0.05:
                chosen.append(column.name)
            else:
                found.unsure.append(f"{column.name!r} is negative at times: left out as a discount")
        if chosen and {"amount", "price"} & set(found.roles):
            found.take(role, chosen, "money taken off; 0 or more")


def _place(found: Guess) -> None:
    for column in _free(found, "place"):
        order = found.roles.get("order")
        named = hints.suggests(column.name, "place") and 2 <= column.distinct < column.rows / 5
        if named and (not order or found.table.decides(order, column.name)):
            found.take("place", column.name, f"{column.distinct:,} different")
            return


def unused(column: Column) -> str:
    """Return why a column is left out."""
    if what := personal(column):
        return f"personal data ({what}); not needed"
    if column.filled == 0:
        return "empty"
    if column.distinct == 1:
        return "the same in every row"
    if free_text(column):
        return f"free text: {column.distinct:,} different in {column.filled:,}"
    if column.kind == "time":
        return f"another time, {column.least:%Y-%m-%d} to {column.most:%Y-%m-%d}"
    if column.unique:
        return "numbers the rows"
    return f"no role known for it ({column.distinct:,} different)"
