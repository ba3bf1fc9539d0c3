"""Which columns describe customers or answer questions, and of which kind each is."""

from __future__ import annotations

import re
from collections import Counter

from seglib import hindsight, hints, privacy, scales
from seglib.columns import COMMON, Column, Table
from seglib.guess import LEAST_PEOPLE, Guess, free_text, is_key, personal, times, unused
from seglib.layout import ROW

OPINIONS = {"agreement", "satisfaction", "frequency", "importance", "likelihood", "quality",
            "extent", "points"}  # fmt: skip
GROUPS = 25  # more different texts than this are no groups
STATEMENT = 4  # words of a heading that is a statement or a question, not the name of a thing
PERIOD = re.compile(  # a heading that is a month, a quarter, a week or a day
    r"\d{4}[-_/ .]?(?:0?[1-9]|1[0-2]|q[1-4])(?:[-_/ .]\d\d?)?"
    r"|\d{1,2}[-_/ .]\d{4}|(?:month|week|day|m|w|q|kw)[-_ ]?\d{1,3}"
    r"|(?:q[1-4]|jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zé]*"
    r"[-_/ .']*(?:\d{4}|\d\d)?", re.IGNORECASE)  # fmt: skip
SEVERAL = 0.2  # of the cells that hold more than one answer
PERIODS = 4  # columns of periods from which a table is one of habits, laid out side by side
FEW = 0.05  # a column filled less than this tells nothing


def people(table: Table, kind: str, key: str = "") -> Guess:
    """Return what a table with one row a customer says of them.

    Parameters
    ----------
    table
        The table.
    kind
        `customers` or `survey`.
    key
        Its customer; empty means that it is to be guessed.
    """
    found = Guess(kind, table)
    key = key or unique_key(table)
    if key:
        found.take("customer", key, f"{table.columns[key].distinct:,} distinct, one a row")
    else:
        found.take("customer", ROW, "no column but personal data tells who: each row is one")
    for column in table.columns.values():
        if column.name != key:
            _describe(found, column)
    _same_scales(found)
    hindsight.leave_out(found)
    if kind == "customers":
        _doubted(found, key)
    return found


def _doubted(found: Guess, key: str) -> None:
    """Ask about a row a customer, where another column might be the customer."""
    if not key and (who := told_apart(found.table)):
        found.unsure.append(
            f"each row is taken as one customer: {who!r} tells them apart, but is personal data"
        )
    wide = [name for name in found.attributes if PERIOD.fullmatch(name.strip())]
    if len(wide) >= PERIODS:
        found.unsure.append(
            f"{wide[0]!r} to {wide[-1]!r} look like one figure a period, {len(wide)} for each "
            "customer, and are taken as plain attributes: with a row for each customer and period "
            "(customer, date, amount) habits and changes could be told"
        )
    for column in found.table.columns.values() if not times(found.table) else ():
        many = is_key(column) and column.distinct >= max(LEAST_PEOPLE, column.rows / 50)
        back = many and hints.suggests(column.name, "customer") and column.distinct < column.filled
        if column.name != key and back:
            found.unsure.append(
                f"each row is taken as one customer, but {column.name!r} returns in several: if "
                "rows are orders or events, no column was understood as their time"
            )


def told_apart(table: Table) -> str:
    """Return the personal column of which each row holds another value, empty if none does."""
    own = (c.name for c in table.columns.values() if c.unique and personal(c))
    return next(own, "")


def unique_key(table: Table) -> str:
    """Return the column that identifies a row and is no personal data, empty if there is none."""
    named = [
        c for c in table.columns.values()
        if c.unique and is_key(c) and not personal(c)
        and (hints.is_id(c.name) or hints.suggests(c.name, "customer")
             or hints.suggests(c.name, "line") or c.kind == "text")
    ]  # fmt: skip
    named.sort(key=lambda c: (not hints.suggests(c.name, "customer"), not hints.is_id(c.name)))
    return named[0].name if named else ""


def is_survey(table: Table) -> bool:
    """Return whether most of what a table holds are answers."""
    useful = [c for c in table.columns.values() if c.distinct > 1 and not c.unique]
    told = [scale(c) for c in useful]
    words = sum(found is not None and found[0] in OPINIONS - {"points"} for found in told)
    numbers = sum(found is not None and found[0] == "points" for found in told)
    asked = sum(len(c.name.split()) >= 3 for c in useful) >= 0.5 * max(len(useful), 1)
    enough = words >= 3 or numbers >= 5 or (asked and words + numbers >= 1)
    return enough and words + numbers >= 0.3 * len(useful)


def scale(column: Column) -> tuple[str, list[str], list[str]] | None:
    """Return the ordered answers of a column as `scales.ordered` does, None if it has none."""
    if column.kind == "integer" and column.least is not None and column.distinct <= 11:
        zero = column.most > 7 and re.search(
            r"0\s*(-|–|to|bis)\s*10|recommend", column.name.lower()
        )
        least = 0 if zero else column.least
        found = scales.points(least, column.most, column.distinct)
        return ("points", found, []) if found else None
    if column.kind != "text" or column.distinct > COMMON // 2 or not column.values:
        return None
    return scales.ordered(column.values)


def _describe(found: Guess, column: Column) -> None:
    table_is_survey = found.kind == "survey"
    if personal(column) or column.distinct < 2 or free_text(column) or column.kind == "time":
        found.left[column.name] = unused(column)
    elif column.filled < FEW * column.rows:
        found.left[column.name] = f"filled in {column.filled / column.rows:.1%} of the rows"
    elif hints.outcome(column.name) or hindsight.ended(column):
        hindsight.outcome(found, column)
    elif (asked := scale(column)) and (column.kind == "text" or table_is_survey):
        _ordered(found, column, *asked)
    elif column.kind == "number" or (column.kind == "integer" and column.distinct > 2):
        coded = hints.is_id(column.name) or hints.base(column.name) == "geographic"
        whole = column.kind == "integer" or column.share("whole") == 1
        if whole and (column.unique or (coded and column.distinct > GROUPS)):
            found.left[column.name] = "an id or a code, it seems"
            return
        why = f"numbers from {column.least:,.10g} to {column.most:,.10g}"
        _add(found, column, "numeric", why, hints.base(column.name))
    elif unfit := _unfit(column):
        found.left[column.name], doubt = unfit
        found.unsure += [doubt] if doubt else []
    elif column.distinct <= GROUPS and column.per_value >= 3:
        shown = ", ".join(list(column.values)[:3])
        base = hints.base(column.name)
        if table_is_survey and base == "plan":
            base = "psychographic"
        _add(found, column, "nominal", f"{column.distinct} different: {shown[:60]}", base)
    else:
        found.left[column.name] = f"{column.distinct:,} different texts: too many for groups"


def _unfit(column: Column) -> tuple[str, str] | None:
    """Return why a column of text makes no groups, and what to ask; None if it may."""
    if what := _pointing(column):
        return f"personal data ({what}); not needed", ""
    if parts := _several(column):
        return "several answers in one cell", (
            f"{column.name!r} holds several answers in one cell, of {len(parts)} such as "
            f"{parts[0]!r} and {parts[1]!r}: it is left out; with a column for each answer, yes or "
            "no, it can be used"
        )
    return None


def _several(column: Column) -> list[str]:
    """Return the answers that are combined in the cells of a column, none if they are not."""
    values = column.values or {}
    for sign in (";", ", ", "|"):
        split = {value: [p.strip() for p in value.split(sign) if p.strip()] for value in values}
        many = sum(n for value, n in values.items() if len(split[value]) > 1)
        parts = Counter(part for value in values for part in split[value])
        combined = many >= SEVERAL * sum(values.values()) and min(parts.values(), default=0) > 1
        if column.kind == "text" and combined and 2 < len(parts) < len(values):
            return sorted(parts)
    return []


def _pointing(column: Column) -> str:
    """Return what in the few values of a column of text points at a person, empty if nothing."""
    values = list(column.values or {}) if column.kind == "text" else []
    found = next((what for value in values if (what := privacy.within(value))), "")
    return found or ("names of persons" if privacy.persons(values) else "")


def _ordered(found: Guess, column: Column, name: str, levels: list[str], silent: list[str]) -> None:
    base = hints.base(column.name)
    if found.kind == "survey" and name in OPINIONS and (name != "points" or base == "plan"):
        base = "psychographic"
    elif name == "bands" and base == "plan":
        base = "demographic"
    if name == "points" and base != "psychographic" and column.distinct == 2:
        _add(found, column, "nominal", "2 different numbers", base)
        return
    ends = f"whole numbers from {column.least} to {column.most}".replace(".0", "")
    told = {"bands": "bands in order", "points": ends}
    what = told.get(name, f"the usual answers of {name}")
    counts = column.values or {}
    answered = sum(counts.get(value, 0) for value in silent)
    note = f"; {answered} of {', '.join(silent)} count as missing" if silent else ""
    found.silent |= set(silent)
    _add(found, column, "ordered", what + note, base)
    found.attributes[column.name] |= {"levels": levels, "scale": name}
    said = label(column.name)
    if name in OPINIONS and len(said.split()) >= STATEMENT:  # words that were put to people
        found.attributes[column.name]["label"] = f"“{said}”"


def _add(found: Guess, column: Column, kind: str, why: str, base: str) -> None:
    missing = 1 - column.filled / max(column.rows, 1)
    why += f"; {missing:.0%} missing" if missing >= 0.005 else ""
    found.attributes[column.name] = {
        "label": label(column.name), "base": base, "kind": kind, "why": why
    }  # fmt: skip


def label(name: str) -> str:
    """Return a heading as a report writes it: of 'How much … [Price]?' what is asked."""
    inside = re.search(r"\[(.+)\]\s*$", name)
    plain = re.sub(r"\s*\([^)]*\)\s*$", "", inside[1] if inside else name).strip(" ?:.")
    plain = re.sub(r"[_.]+", " ", plain)
    return plain[:1].upper() + plain[1:] or name


def _same_scales(found: Guess) -> None:
    """Give answers on the same scale the same levels, also those that nobody chose here."""
    by_scale: dict[str, list[dict]] = {}
    for about in found.attributes.values():
        if name := about.pop("scale", ""):
            by_scale.setdefault(name, []).append(about)
    for name, abouts in by_scale.items():
        if name in scales.SCALES:
            spelt = {(scales.rank(name, v), v) for about in abouts for v in about["levels"]}
            if len({rank for rank, _ in spelt}) == len(spelt):
                for about in abouts:
                    about["levels"] = [v for _, v in sorted(spelt)]
        elif name == "points":
            usual = Counter(tuple(about["levels"]) for about in abouts).most_common(1)[0]
            for about in abouts:
                if usual[1] >= 3 and set(about["levels"]) < set(usual[0]):
                    about["levels"] = list(usual[0])
