"""How columns of text are written: with which currency, with or without a time zone."""

from __future__ import annotations

import ibis.expr.types as ir

from seglib import tables
from seglib.quality.counting import check, count
from seglib.reading import SIGN, trimmed
from seglib.roles import EXACT
from seglib.schema import Study

ZONE = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}:?\d{0,2})$"
CLOCK = r"(\d{1,2}:\d{2})"


def written(loaded: Study) -> list[dict]:
    """Return the checks of numbers with a currency, of several, and of times with mixed zones.

    They look at the text of the source, before it is read as numbers and times.
    """
    checks = []
    for name, role, column in tables.texts(loaded):
        table = trimmed(column).name("text").as_table()
        checks += _currency(table, name, role) if role in EXACT else _zones(table, name, role)
    return checks


def _currency(table: ir.Table, name: str, role: str) -> list[dict]:
    sign = table.text.upper().re_extract(SIGN, 1).nullif("")
    signs = table.filter(sign.notnull()).select(sign=sign)
    sizes = signs.group_by("sign").agg(n=signs.count()).order_by("sign").execute()
    rows, with_sign = int(table.text.count().execute()), int(sizes["n"].sum())
    others = with_sign - int(sizes["n"].max() if len(sizes) else 0)
    told = f" ({', '.join(sizes['sign'][:5])})" if len(sizes) else ""
    return [
        check(f"{role} written with a currency{told}", name, rows, with_sign,
              "read as numbers"),
        check(f"{role} in another currency than most{told if others else ''}", name, rows, others,
              "read as numbers, not converted", "other_currencies"),
    ]  # fmt: skip


def _zones(table: ir.Table, name: str, role: str) -> list[dict]:
    clock = table.text.re_extract(CLOCK, 1) != ""
    zoned = table.text.re_extract(ZONE, 1) != ""
    rows, n = count(table, {"zoned": (clock & zoned,), "bare": (clock & ~zoned,)})
    what, action = (
        f"{role} with a time zone among those without, or the other way round",
        ("zones are read; those without count as the stored zone"),
    )
    return [check(what, name, rows, min(n.values()), action, "mixed_zones")]
