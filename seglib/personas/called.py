"""What the segments of a run are called."""

from __future__ import annotations

import re

from seglib.personas import naming
from seglib.personas.grounds import Evidence


def names(ev: Evidence) -> dict[int, str]:
    """Return the name of each segment: the analyst's, or else one from its markers."""
    noun = "shoppers" if "basket_value" in ev.customers else f"{ev.run.study.customer}s"
    few = {s: f"Segment {s} (too few to describe)" for s in ev.segments if s not in ev.shown}
    given = few | ev.run.study.personas.names
    earlier = {s: p["name"] for s, p in naming.before(ev.run).items() if p["named_by"] == "rule"}
    own = {s: given[s] for s in ev.segments if s in given}
    return naming.names(ev.markers, noun, own, earlier)


def plain(group: str) -> str:
    """Return a product group's name as it stands in a sentence: without its number."""
    text = re.sub(r"^\d+[.:]? (?=\D)", "", group)
    return text[0].lower() + text[1:]
