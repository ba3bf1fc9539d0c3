"""What answers to a questionnaire look like: scales, batteries of yes and no, boxes to tick."""

from __future__ import annotations

import re
from collections import Counter

from seglib.collection import hints, scales
from seglib.collection.columns import COMMON, Column, Table
from seglib.collection.roles import Guess, is_key, personal

OPINIONS = {
    "agreement",
    "satisfaction",
    "frequency",
    "how often",
    "importance",
    "likelihood",
    "quality",
    "extent",
    "rating",
    "points",
}
YES_OR_NO = {"no yes", "n y", "false true", "0 1", "ja nein", "non oui", "no sí", "no si"}
BATTERY = 5  # columns of the same yes and no from which they look like questions of one kind
SEVERAL = 0.2  # of the cells that hold more than one answer


def battery(table: Table) -> list[str]:
    """Return the columns that hold the same yes and no as most others that hold such words."""
    alike: dict[str, list[str]] = {}
    for column in table.columns.values():
        words = " ".join(sorted(value.casefold() for value in column.values or ()))
        if column.distinct == 2 and words in YES_OR_NO:
            alike.setdefault(words, []).append(column.name)
    return max(alike.values(), key=len, default=[])


def is_survey(table: Table) -> bool:
    """Return whether most of what a table holds are answers."""
    return _mostly_scales(table) or _mostly_yes_or_no(table)


def _mostly_yes_or_no(table: Table) -> bool:
    """Return whether a table holds many of the same yes and no, and respondents or opinions.

    With customers' ids and nothing else that is asked, they say what customers have.
    """
    useful = [c for c in table.columns.values() if c.distinct > 1 and not c.unique]
    alike, key = battery(table), unique_key(table)
    asked = any((told := scale(c)) and told[0] in OPINIONS - {"points"} for c in useful)
    over = any(hints.outcome(c.name) for c in useful)
    enough = len(alike) >= max(BATTERY, 0.5 * len(useful))
    return enough and not over and (asked or not key or hints.suggests(key, "respondent"))


def _mostly_scales(table: Table) -> bool:
    """Return whether most of what a table holds are answers on scales."""
    useful = [
        c
        for c in table.columns.values()
        if c.distinct > 1 and not c.unique and not hints.is_paradata(c.name)
    ]
    told = [scale(c) for c in useful]
    words = sum(found is not None and found[0] in OPINIONS - {"points"} for found in told)
    numbers = sum(found is not None and found[0] == "points" for found in told)
    asked = sum(len(c.name.split()) >= 3 for c in useful) >= 0.5 * max(len(useful), 1)
    enough = words >= 3 or numbers >= 5 or (asked and words + numbers >= 1)
    key = unique_key(table)
    enough = enough or (words + numbers >= 1 and hints.suggests(key, "respondent"))
    return enough and words + numbers >= 0.3 * len(useful)


def scale(column: Column) -> tuple[str, list[str], list[str]] | None:
    """Return the ordered answers of a column as `scales.ordered` does, None if it has none."""
    signed = any(value.startswith("+") for value in column.values or ())
    if signed and column.distinct <= COMMON // 2:
        return scales.ordered(column.values)
    if column.kind == "integer" and column.least is not None and column.distinct <= 11:
        zero = column.most > 7 and re.search(
            r"0\s*(-|–|to|bis)\s*10|recommend|\bnps\b|empfehl", column.name.lower()
        )
        least = 0 if zero else column.least
        found = scales.points(least, column.most, column.distinct)
        return ("points", found, []) if found else None
    if column.kind != "text" or column.distinct > COMMON // 2 or not column.values:
        return None
    return scales.ordered(column.values)


def about_answering(table: Table) -> bool:
    """Return whether a table has the columns that survey platforms write about the answering."""
    return sum(hints.is_paradata(name) for name in table.columns) >= 2


def ticks(table: Table) -> list[str]:
    """Return the columns that hold one answer or nothing, as boxes do that may be ticked."""
    names = [c.name for c in table.columns.values() if is_tick(c)]
    return names if len(names) >= 2 and is_survey(table) else []


def is_tick(column: Column) -> bool:
    """Return whether a column holds one answer or nothing."""
    part = column.filled / max(column.rows, 1)
    return column.distinct == 1 and 0.02 <= part <= 0.98 and column.kind in {"text", "integer"}


def several_answers(column: Column) -> list[str]:
    """Return the answers that are combined in the cells of a column, none if they are not."""
    values = column.values or {}
    for sign in (";", ", ", ",", "|"):
        split = {value: [p.strip() for p in value.split(sign) if p.strip()] for value in values}
        many = sum(n for value, n in values.items() if len(split[value]) > 1)
        parts = Counter(part for value in values for part in split[value])
        combined = many >= SEVERAL * sum(values.values()) and min(parts.values(), default=0) > 1
        if column.kind == "text" and combined and 2 < len(parts) < len(values):
            return sorted(parts)
    return []


def same_scales(guess: Guess) -> None:
    """Give answers on the same scale the same levels, also those that nobody chose here."""
    by_scale: dict[str, list[dict]] = {}
    for about in guess.attributes.values():
        if name := about.pop("scale", ""):
            by_scale.setdefault(name, []).append(about)
    for name, abouts in by_scale.items():
        if name in scales.RANKS:
            spelt = {(scales.rank(name, v), v) for about in abouts for v in about["levels"]}
            if len({rank for rank, _ in spelt}) == len(spelt):
                for about in abouts:
                    about["levels"] = [v for _, v in sorted(spelt)]
        elif name == "points":
            usual = Counter(tuple(about["levels"]) for about in abouts).most_common(1)[0]
            for about in abouts:
                if usual[1] >= 3 and set(about["levels"]) < set(usual[0]):
                    about["levels"] = list(usual[0])


def unique_key(table: Table) -> str:
    """Return the column that identifies a row and is no personal data, empty if there is none."""
    named = [
        c
        for c in table.columns.values()
        if c.unique
        and is_key(c)
        and not personal(c)
        and (
            hints.is_id(c.name)
            or hints.suggests(c.name, "customer")
            or hints.suggests(c.name, "line")
            or c.kind == "text"
        )
    ]
    named.sort(key=lambda c: (not hints.suggests(c.name, "customer"), not hints.is_id(c.name)))
    return named[0].name if named else ""
