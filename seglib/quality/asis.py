"""How columns of text are written: with which currency, with or without a time zone."""

from __future__ import annotations

import ibis.expr.types as ir

from seglib.collection import tables
from seglib.collection.reading import SIGN, trimmed
from seglib.collection.tables import EXACT
from seglib.quality.counting import check, count
from seglib.study import Study

ZONE = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}:?\d{0,2})$"
CLOCK = r"\d{1,2}:\d{2}"
PLAIN = r"^[-+]?[\d.,\s]*$"  # a number without a currency, which is quicker to see


def written(loaded: Study) -> list[dict]:
    """Return the checks of numbers with a currency, of several, and of times with mixed zones.

    They look at the text of the source, before it is read as numbers and times, and count all
    columns of a table in one query.
    """
    checks = []
    for name, table, columns in tables.texts(loaded):
        tests = {}
        for role, column in columns:
            text = trimmed(table[column])
            odd = ~text.re_search(PLAIN) if role in EXACT else text.re_search(CLOCK)
            tests |= {(column, "all"): (text.notnull(),), (column, "odd"): (odd,)}
            if role not in EXACT:
                tests[column, "zoned"] = (text.re_search(ZONE),)
        _, n = count(table, tests)
        for role, column in columns:
            numbers = {kind: n.get((column, kind), 0) for kind in ("all", "odd", "zoned")}
            if role in EXACT:
                checks += _currency(table, name, role, column, numbers)
            else:
                checks.append(_zones(name, role, numbers))
    return checks


def _currency(table: ir.Table, name: str, role: str, column: str, n: dict) -> list[dict]:
    sizes = {}
    if n["odd"]:
        text = trimmed(table[column]).name("text").as_table()
        sign = text.text.upper().re_extract(SIGN, 1).nullif("")
        signs = text.select(sign=sign).filter(lambda t: t.sign.notnull())
        frame = signs.group_by("sign").agg(n=signs.count()).order_by("sign").execute()
        sizes = dict(zip(frame["sign"], map(int, frame["n"]), strict=True))
    others = sum(sizes.values()) - max(sizes.values(), default=0)
    signs = f" ({', '.join([*sizes][:5])})" if sizes else ""
    return [
        check(f"{role} written with a currency{signs}", name, n["all"], sum(sizes.values()),
              "read as numbers"),
        check(f"{role} in another currency than most{signs if others else ''}", name, n["all"],
              others, "read as numbers, not converted", "other_currencies"),
    ]  # fmt: skip


def _zones(name: str, role: str, n: dict) -> dict:
    return check(
        f"{role} with a time zone among those without, or the other way round", name, n["all"],
        min(n["zoned"], n["odd"] - n["zoned"]),
        "zones are read; those without count as the stored zone", "mixed_zones",
    )  # fmt: skip
