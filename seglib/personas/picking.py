"""Which claims a persona states: those beyond chance, and large enough to tell."""

from __future__ import annotations

import pandas as pd

from seglib.personas import beside, leading, phrases
from seglib.personas.claims import state
from seglib.personas.grounds import Evidence
from seglib.personas.phrases import SECTION_OF_BASE

SAY = 0.25  # |Cliff's delta| from which a forming feature is worth a sentence (d of about 0.5)
SAY_OTHER = 0.11  # the same for a descriptor, whose difference is a finding (d of about 0.2)
SAY_LIFT = 1.2  # and for a level or product: that many times as common, or as rare
SAY_SHARE = 0.01  # products and needs with a smaller part of spend are not worth a sentence
SAY_BUYERS = 0.5  # nor products that fewer members buy: a few would stand for all
MATERIAL = 0.05  # nor are medians that differ by less than this part of the larger
TYPICAL = 6  # features of the typical customer


def claims(ev: Evidence) -> list[dict]:
    """Return every claim that the run supports, numbered within its segment.

    Parameters
    ----------
    ev : Evidence

    Returns
    -------
    list of dict
        As in claims.json, each with its `sections` and `strength` (for order only).
    """
    each = {segment: leading.fewest(_able(ev, segment)) for segment in ev.segments}
    every = [claim for rows in each.values() for claim in rows]
    found = []
    for segment, rows in each.items():
        kept = leading.one_neighbour(ev, rows, every) + _example(ev, segment)
        found += [c | {"id": f"c-{segment}-{i:02d}"} for i, c in enumerate(kept, 1)]
    return found


def _able(ev: Evidence, segment: int) -> list[dict]:
    """Return all that can be stated of a segment."""
    told = _columns(ev, segment)
    broad = {c["source"]["column"] for c in told if c["rule"] == "need-high"}
    return [*_always(ev, segment), *told, *_products(ev, segment, broad), *_near(ev, segment)]


def _always(ev: Evidence, segment: int) -> list[dict]:
    """Return the claims that do not depend on which columns there are."""
    rows = [("sizes", ""), ("revenue", "spend"), ("means", "spend"), ("growth", "spend"),
            ("contacts", "contacts"), ("untouched", "contacts"), ("responses", "responded"),
            ("rules", "")]  # fmt: skip
    if len(ev.segments) == 1:  # all of the revenue, of course
        rows.remove(("revenue", "spend"))
    return [
        claim
        for table, column in rows
        for direction in ("", "higher", "lower")
        for claim in _stated(ev, segment, table, column, "", direction)
    ]


def _columns(ev: Evidence, segment: int) -> list[dict]:
    """Return the claims about columns of customers.parquet."""
    if len(ev.segments) == 1:
        return [c for name in ev.formed[:12] for c in _stated(ev, segment, "medians", name, "", "")]
    rows = ev.markers[ev.markers["segment"] == segment]
    rows = rows[rows["effect"].abs() >= SAY]
    found = []
    for row in rows.itertuples():
        if not _worth_saying(row, ev.entries[row.name]["base"]) or _mirrors(row, rows):
            continue
        table = "levels" if row.level else _compared(ev, row)
        direction = "higher" if row.effect > 0 else "lower"
        found += _stated(ev, segment, table, row.name, row.level, direction, abs(row.effect))
    rows = ev.descriptors[ev.descriptors["segment"] == segment]
    for row in rows[rows["selected"].astype(bool)].itertuples():
        found += _described(ev, segment, row)
    return found


def _compared(ev: Evidence, row) -> str:
    """Return how a whole column is told of: of ordered answers with one middle, by pairs."""
    same = ev.entries[row.name]["kind"] == "ordered" and row.inside == row.outside
    return "pairs" if same else "customers"


def _mirrors(row, rows: pd.DataFrame) -> bool:
    """Return whether a level is rarer only because another, told anyway, is more common."""
    same = rows[(rows["name"] == row.name) & (rows["effect"] > 0)]
    return bool(row.level) and row.effect < 0 and len(same) > 0


def _worth_saying(row, base: str) -> bool:
    """Return whether a clear difference also matters; spend is told by its own sentences.

    A need matters where half of the members, or half of the others, put so much into it: the mean
    may be that of a few.
    """
    if row.name == "spend":
        return False
    if base == "needs" and row.unit == "share" and max(row.inside, row.outside) < SAY_SHARE:
        return False
    apart = abs(row.inside - row.outside)
    return apart == 0 or apart >= MATERIAL * max(abs(row.inside), abs(row.outside))


def _described(ev: Evidence, segment: int, row) -> list[dict]:
    if ev.entries[row.name]["base"] == "outcome":
        return _happened(ev, segment, row)
    if row.statistic == "superiority":
        effect = 2 * row.value - 1
        table, strength, enough = _compared(ev, row), abs(effect), SAY_OTHER
        direction = "higher" if effect > 0 else "lower"
    else:
        if row.kind == "ordered":  # its direction is said once, not level by level
            return []
        table, strength = "levels", abs(row.inside - row.outside)
        direction, enough = "higher" if row.value > 1 else "lower", 0.0
        if max(row.value, 1 / row.value) < SAY_LIFT or _other_half(ev, row):
            return []
    if strength < enough:
        return []
    return _stated(ev, segment, table, row.name, row.level, direction, strength)


def _happened(ev: Evidence, segment: int, row) -> list[dict]:
    """Return the claim about an outcome; that it did not happen says the same thing again."""
    if row.level != "yes":
        return []
    table = "gains" if ev.run.study.outcomes[row.name].wanted else "losses"
    direction = "higher" if row.value > 1 else "lower"
    return _stated(ev, segment, table, row.name, "yes", direction, abs(row.inside - row.outside))


def _other_half(ev: Evidence, row) -> bool:
    """Return whether a level is rarer only because another, also told, is more common."""
    rows = ev.descriptors
    same = rows[(rows["segment"] == row.segment) & (rows["name"] == row.name)
                & (rows["statistic"] == "lift") & rows["selected"].astype(bool)]  # fmt: skip
    return row.value < 1 and bool((same["value"] >= SAY_LIFT).any())


def _products(ev: Evidence, segment: int, broad: set[str]) -> list[dict]:
    """Return the claims about the products that the segment puts more of its spend into.

    Only those that most members buy, and none of a group that a column in `broad` speaks of.
    """
    rows = ev.products[ev.products["segment"] == segment]
    rows = rows[rows["selected"].astype(bool)]
    if rows.empty:
        return []
    rows = rows[(rows["index"] >= SAY_LIFT) & (rows["inside"] >= SAY_SHARE)]
    said = {ev.entries[column]["label"].removesuffix(" share") for column in broad}
    group = rows["product"].astype(str).map(lambda p: ev.groups.get(p, p))
    rows = rows[(rows["buyers"] >= SAY_BUYERS * rows["n"]) & ~group.isin(said)]
    rows = rows.assign(gain=rows["inside"] - rows["outside"]).sort_values("gain", ascending=False)
    return [
        claim
        for row in rows.head(3).itertuples()
        for claim in _stated(ev, segment, "products", str(row.product), "", "higher", row.gain)
    ]


def _near(ev: Evidence, segment: int) -> list[dict]:
    """Return the claims about what sets a segment off from the one most like it."""
    rows = beside.markers(ev, segment)
    if rows is None:
        return []
    found = [
        claim
        for row in rows[rows["effect"].abs() >= SAY].itertuples()
        if _worth_saying(row, ev.entries[row.name]["base"])
        for claim in _stated(ev, segment, "nearest", row.name, "",
                             "higher" if row.effect > 0 else "lower", abs(row.effect))
    ]  # fmt: skip
    return leading.distinct(ev, found, 2)


def _example(ev: Evidence, segment: int) -> list[dict]:
    """Return the claims about an example customer, in the segment's most telling features.

    It is the rounded average of as many customers as the study's minimum cell, so nobody's own
    numbers; those nearest the middle in everything at once, so no medians either.
    """
    rows = ev.markers[ev.markers["segment"] == segment]
    told = rows["name"].drop_duplicates().head(TYPICAL)
    return [c for name in told for c in _stated(ev, segment, "examples", name, "", "")]


def _stated(
    ev: Evidence, segment: int, table: str, column: str, level: str, direction: str, strength=0.0
) -> list[dict]:  # fmt: skip
    """Return the claims of the rows of the table of facts that speak of a column."""
    found = []
    given = ev.entries.get(column, {}).get("given", False)
    for fact in phrases.facts_for(column, table, direction, given):
        base = ev.entries.get(column, {}).get("base", "")
        sections = fact.section.format(base=SECTION_OF_BASE.get(base, "behaviour")).split()
        if claim := state(ev, fact, segment, column, level):
            found.append(claim | {"sections": sections, "strength": float(strength)})
    return found
