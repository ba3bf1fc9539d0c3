"""One claim: a row of the table of facts, made into a sentence that carries its evidence."""

from __future__ import annotations

import math
import re
from numbers import Real

import pandas as pd

from seglib.personas import playbook
from seglib.personas.evidence import Evidence
from seglib.personas.measures import NO_DIFFERENCE, WORDS, measure
from seglib.personas.names import adverb, label
from seglib.power import MONTHS
from seglib.wording import amount

FACTS = {
    rule: {"rule": rule, "of": "", "is": "", "from": "customers"} | row
    for rule, row in WORDS["facts"].items()
}
KEYS = ("kind", "statistic", "value", "low", "high", "confidence", "comparisons", "n", "cell",
        "inside", "outside")  # fmt: skip
OWN_UNIT = {"median", "criterion", "test", "example"}
UNITS = {"share": "share", "superiority": "share", "difference": "share"}


def state(
    ev: Evidence, rule: str, segment: int, column: str = "", level: str = "", strength: float = 0.0
) -> list[dict]:
    """Return the claim that a row of the table of facts makes about a segment, in a list.

    The list is empty where the run cannot tell, the group is too small to be shown, or the
    difference has not the direction that the sentence asserts.
    """
    fact = FACTS[rule]
    found = measure(ev, segment, fact["from"], column, level, playbook.MEASURES)
    low, high = fact.get("levels", (-math.inf, math.inf))
    if not found or (isinstance(found["inside"], Real) and not low < found["inside"] <= high):
        return []
    base = ev.entries.get(column, {}).get("base", "")
    others = "the other products" if ev.of == "products" else "everyone else"
    compares = bool(fact["is"])
    claim = {
        "id": "", "segment": int(segment), "rule": rule, "direction": fact["is"] or None,
        "of": ev.of, "reference_value": NO_DIFFERENCE.get(found["kind"]) if compares else None,
        "reference": found.get("reference", f"no difference from {others}") if compares else None,
        "source": {"table": _table(ev, found), "column": column, "level": level},
        "run": f"{ev.run.study.name} {ev.run.as_of}", "sentence": _sentence(ev, fact, found),
        "word": adverb(found), **{key: found[key] for key in KEYS}, "unit": _unit(found),
        "sections": fact["in"].format(base=WORDS["bases"].get(base, "behaviour")).split(),
        "strength": float(strength),
    }  # fmt: skip
    if fault(claim, ev.minimum):
        return []
    return [claim | {key: ev.count(segment, claim[key]) for key in ("n", "cell")}]


def _table(ev: Evidence, found: dict) -> str:
    own = {"segments.parquet": "product_segments.parquet", "customers.parquet": "products.parquet"}
    return own.get(found["table"], found["table"]) if ev.of == "products" else found["table"]


def _unit(found: dict) -> str:
    """Return the unit of a claim's value, which need not be that of what it compares."""
    return UNITS.get(found["kind"], found["unit"] if found["kind"] in OWN_UNIT else "")


def fault(claim: dict, minimum: int) -> str:
    """Return what forbids a claim to be shown, or nothing; groups under `minimum` may not be."""
    value, low, high, here, there = (
        claim.get(key) for key in ("value", "low", "high", "inside", "outside")
    )
    few = min(claim["n"], claim["cell"])
    if not _finite(value):
        return "it has no value"
    if few < minimum:
        return f"it rests on {few} customers, fewer than {minimum}"
    if claim["direction"] is None:
        return ""
    null, higher = NO_DIFFERENCE[claim["kind"]], claim["direction"] == "higher"
    if pd.isna([here, there]).any():
        return "it compares two figures of which one is missing"
    numbers = isinstance(here, Real) and isinstance(there, Real)
    if numbers and here != there and (here > there) != higher:
        return f"it says {claim['direction']}, but it is {here:.3g} against {there:.3g}"
    if not (_finite(low) and _finite(high)):
        return "it asserts a difference without an interval"
    if low <= null <= high:
        return f"its interval, {low:.3g} to {high:.3g}, includes no difference ({null:g})"
    if (low > null) != higher:
        return f"it says {claim['direction']}, but the interval is {low:.3g} to {high:.3g}"
    return ""


def _finite(value) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _sentence(ev: Evidence, fact: dict, found: dict) -> str:
    """Return a fact's sentence with its numbers written for a reader."""
    inside, outside = (
        str(v) if v is None or isinstance(v, str) else amount(v, found["unit"])
        for v in (found["inside"], found["outside"])
    )
    word = adverb(found)
    words = {
        "inside": inside, "outside": outside, "by": f"{word} " if word else "",
        "others": f"({'other products' if ev.of == 'products' else 'others'}: {outside})",
        "typically": "on average" if found.get("average") else "typically",
        "value": amount(found["value"], _unit(found)), "label": label(found["label"]),
        "customers": f"{ev.run.study.customer}s", "months": MONTHS, **ev.run.study.words,
    }  # fmt: skip
    text = fact["say"].format(**words | found["words"])
    text = re.sub(r"(?<![\d.,])(1 order)s\b", r"\1", text)
    return text[0].upper() + text[1:]
