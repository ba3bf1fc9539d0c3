"""Which claims a persona begins with, which say the same again, and which are left unsaid."""

from __future__ import annotations

from numbers import Real

import pandas as pd

from seglib.personas.beside import alike
from seglib.personas.columns import levels_of, numbers
from seglib.personas.grounds import Evidence
from seglib.personas.phrases import MOST, SECTIONS

SAME = 0.5  # |rank correlation| of two columns from which they say the same of a customer
MARK = 0.25  # strength from which a claim may lead: a medium difference (d of about 0.5)
MARKS = 3
LEAST = 5  # sentences that a card begins with, if there are so many
ALWAYS = {"size", "revenue"}
APART = {
    "afterwards",
    "pain_points",
    "rule",
    "near",
    "example",
    "size",
}  # told in a place of their own


def fewest(found: list[dict]) -> list[dict]:
    """Return the strongest claims of each section, in the order of the sections."""
    kept: list[dict] = []
    for section in ["size", *SECTIONS, "rule"]:
        rows = [c for c in found if c["sections"][0] == section]
        size = moved if section == "goals" else _strength
        rows.sort(key=lambda c, size=size: (-size(c), c["source"]["column"], c["source"]["level"]))
        kept += rows[: MOST.get(section, 2)]
    return kept


def moved(claim: dict) -> float:
    """Return how many parts of the spend a claim about it moves; products and needs compare so.

    Those that differ slightly come after all others: a large group of products moves many parts by
    little. What compares no two numbers, such as the median of a single segment, moves nothing.
    """
    levels = claim["inside"], claim["outside"]
    if not all(isinstance(level, Real) for level in levels):
        return 0.0
    return abs(levels[0] - levels[1]) - (claim["word"] == "slightly")


def _strength(claim: dict) -> float:
    return claim["strength"]


def distinct(ev: Evidence, rows: list[dict], most: int) -> list[dict]:
    """Return the strongest claims, at most so many, no two of which say the same."""
    told: list[dict] = []
    for claim in sorted(rows, key=lambda c: -c["strength"]):
        if len(told) < most and not any(akin(ev, claim, other) for other in told):
            told.append(claim)
    return told


def marks(ev: Evidence, rows: list[dict]) -> list[dict]:
    """Return the claims that define a segment: strong, and each about something else."""
    able = [c for c in rows if c["strength"] >= MARK and c["kind"] != "ratio"
            and not {"near", "example", "afterwards"} & set(c["sections"])]  # fmt: skip
    return distinct(ev, able, MARKS)


def again(ev: Evidence, rows: list[dict], told: list[dict]) -> list[dict]:
    """Return the claims that say again what the marks say, seen from another side."""
    ids = {c["id"] for c in told}
    return [
        c
        for c in rows
        if c["id"] not in ids and c["direction"] and not APART & set(c["sections"])
        if any(akin(ev, c, mark) for mark in told)
    ]


def one_neighbour(ev: Evidence, rows: list[dict], found: list[dict]) -> list[dict]:
    """Return a segment's claims with only the strongest about its neighbour that adds something.

    Parameters
    ----------
    rows : list of dict
        Of the segment.
    found : list of dict
        Of all segments.
    """
    told = marks(ev, rows)
    near = [c for c in rows if "near" in c["sections"] and _adds(ev, c, told, found)][:1]
    return [c for c in rows if "near" not in c["sections"] or c in near]


def summary(rows: list[dict], told: list[dict], same: list[dict]) -> list[dict]:
    """Return what a card begins with: size, marks, what came after, and what sets it off.

    Where these are fewer than `LEAST`, warning signs, who they are and what they buy fill up.
    """
    near = [c for c in rows if "near" in c["sections"]]
    after = [c for c in rows if "afterwards" in c["sections"]][:1]
    order = [*(c for c in rows if c["rule"] in ALWAYS), *told, *after, *near]
    more = [c for key in ("pain_points", "who", "goals", *SECTIONS) for c in rows
            if key in c["sections"] and key != "near"]  # fmt: skip
    spare = [c for c in more if c not in order and c not in same]
    spare = list({c["id"]: c for c in spare}.values())
    return order + spare[: max(0, LEAST - len(order))]


def _adds(ev: Evidence, claim: dict, told: list[dict], found: list[dict]) -> bool:
    """Return whether a claim about the neighbour adds to the marks.

    It does where it is of another column, or where the neighbour differs from everyone else in the
    same direction, so that the mark alone fits both.
    """
    column, other = claim["source"]["column"], ev.once(alike).get(claim["segment"])
    marked = [c for c in told if c["source"]["column"] == column]
    return not marked or any(
        c["segment"] == other and c["direction"] == marked[0]["direction"]
        for c in found
        if c["source"]["column"] == column and "near" not in c["sections"]
    )


def akin(ev: Evidence, one: dict, other: dict) -> bool:
    """Return whether two claims rest on columns that say the same of a customer."""
    if one["source"]["column"] == other["source"]["column"]:
        return True
    x, y = values(ev, one), values(ev, other)
    if x is None or y is None:
        return False
    known = x.notna() & y.notna()
    x, y = x[known].rank(), y[known].rank()
    varied = known.sum() > 2 and x.nunique() > 1 and y.nunique() > 1
    return bool(varied and abs(x.corr(y)) >= SAME)


def values(ev: Evidence, claim: dict) -> pd.Series | None:
    """Return what a claim says of each customer, as numbers; None where it is of no column."""
    source = claim["source"]
    if source["table"] == "campaigns.parquet" and source["column"] == "contacts":
        return ev.campaigns["contacts"]
    if source["table"] != "customers.parquet" or source["column"] not in ev.customers:
        return None
    column = ev.customers[source["column"]]
    if source["level"]:
        text = levels_of(column)
        return text.eq(source["level"]).where(text.notna()).astype(float)
    return numbers(column)
