"""Claims: sentences that carry their evidence, and the check that they still hold."""

from __future__ import annotations

import math
import re

import pandas as pd

from seglib.files import Run, plain
from seglib.personas import figures, phrases, sentences, strength
from seglib.personas.assortment import assortment
from seglib.personas.columns import label
from seglib.personas.grounds import MONTHS, Evidence
from seglib.personas.phrases import Fact
from seglib.personas.statistic import NO_DIFFERENCE, measure
from seglib.study import StudyError
from seglib.wording import amount

FILES = {
    "customers": "customers.parquet", "levels": "customers.parquet", "means": "customers.parquet",
    "medians": "customers.parquet", "pairs": "customers.parquet", "revenue": "customers.parquet",
    "rules": "customers.parquet", "sizes": "segments.parquet", "growth": "monthly.parquet",
    "contacts": "campaigns.parquet", "responses": "campaigns.parquet",
    "products": "purchases.parquet", "groups": "purchases.parquet", "gaps": "purchases.parquet",
    "examples": "customers.parquet", "tests": "monthly.parquet",
    "ranks": "the tables of the criteria",
    "untouched": "campaigns.parquet", "nearest": "customers.parquet",
    "losses": "outcomes.parquet", "gains": "outcomes.parquet",
    "takings": "purchases.parquet", "buyers": "purchases.parquet", "own": "products.parquet",
}  # fmt: skip
OWN_UNIT = {"median", "criterion", "test", "example"}
UNITS = {"share": "share", "superiority": "share", "difference": "share"}
NUMBERS = ("value", "low", "high", "confidence", "comparisons", "n", "cell", "inside", "outside")
WORDS = (
    "of",
    "sentence",
    "word",
    "direction",
    "reference",
    "unit",
    "source",
    "kind",
    "statistic",
    "run",
)
RULES = {fact.rule: fact for fact in (*phrases.FACTS, *sentences.FACTS)}
OF = {"products": {"customers": "products.parquet", "medians": "products.parquet",
                   "sizes": "product_segments.parquet"}}  # fmt: skip
CRITERIA = {"size": "segments.parquet", "value": "customers.parquet",
            "objective": "customers.parquet", "growth": "monthly.parquet",
            "stability": "verdict.json"}  # fmt: skip


def state(ev: Evidence, fact: Fact, segment: int, column: str = "", level: str = "") -> dict | None:
    """Return the claim that a row of the table of facts makes about a segment.

    Returns
    -------
    dict or None
        As in claims.json, its `id` still empty; None where the run cannot tell, the group is too
        small to be shown, or the difference has not the direction that the sentence asserts.
    """
    found = measure(ev, segment, fact.table, column, level, figures.MEASURES)
    if not found or not _at_level(fact, found["inside"]):
        return None
    claim = {
        "id": "", "segment": int(segment), "rule": fact.rule, "direction": fact.direction or None,
        "of": ev.of, "reference": _reference(ev, found) if fact.direction else None,
        "reference_value": NO_DIFFERENCE.get(found["kind"]) if fact.direction else None,
        "source": {"table": _file(ev, fact, column), "column": column, "level": level},
        "run": f"{ev.run.study.name} {ev.run.as_of}",
        "sentence": _sentence(ev, fact, found), "word": strength.word(found).strip(),
        **{key: found[key] for key in ("kind", "statistic", *NUMBERS)},
    }  # fmt: skip
    claim["unit"] = _unit(found)
    return None if fault(claim, ev.minimum) else claim


def _at_level(fact: Fact, inside) -> bool:
    """Return whether a segment's own figure bears the words that speak of its level."""
    low, high = fact.levels
    return not isinstance(inside, (int, float)) or low < inside <= high


def _reference(ev: Evidence, found: dict) -> str:
    others = "the other products" if ev.of == "products" else "everyone else"
    return found.get("reference", f"no difference from {others}")


def _file(ev: Evidence, fact: Fact, column: str) -> str:
    if fact.table == "criteria":
        return CRITERIA.get(column, "campaigns.parquet")
    if fact.table == "tests" and column == "break_even":
        return "study.yaml"
    return OF.get(ev.of, {}).get(fact.table, FILES[fact.table])


def _unit(found: dict) -> str:
    """Return the unit of a claim's value, which need not be that of what it compares."""
    return UNITS.get(found["kind"], found["unit"] if found["kind"] in OWN_UNIT else "")


def fault(claim: dict, minimum: int) -> str:
    """Return what forbids a claim to be shown, or nothing.

    Parameters
    ----------
    claim : dict
    minimum : int
        The smallest group of customers that may be shown.
    """
    value, low, high = (claim.get(key) for key in ("value", "low", "high"))
    if value is None or not math.isfinite(value):
        return "it has no value"
    if min(claim["n"], claim["cell"]) < minimum:
        return f"it rests on {min(claim['n'], claim['cell'])} customers, fewer than {minimum}"
    if claim["direction"] is None:
        return ""
    null = NO_DIFFERENCE[claim["kind"]]
    here, there = claim.get("inside"), claim.get("outside")
    if pd.isna([here, there]).any():
        return "it compares two figures of which one is missing"
    numbers = all(isinstance(v, (int, float)) for v in (here, there))
    if numbers and here != there and (here > there) != (claim["direction"] == "higher"):
        return f"it says {claim['direction']}, but it is {here:.3g} against {there:.3g}"
    if any(v is None or not math.isfinite(v) for v in (low, high)):
        return "it asserts a difference without an interval"
    if low <= null <= high:
        return f"its interval, {low:.3g} to {high:.3g}, includes no difference ({null:g})"
    if (low > null) != (claim["direction"] == "higher"):
        return f"it says {claim['direction']}, but the interval is {low:.3g} to {high:.3g}"
    return ""


def verify(claims: list[dict], run: Run | Evidence) -> int:
    """Recompute every claim from the tables of the run and compare.

    Parameters
    ----------
    claims : list of dict
        As in claims.json.
    run : Run or Evidence

    Returns
    -------
    int
        How many claims hold.

    Raises
    ------
    StudyError
        Naming the first claim whose number or sentence cannot be recomputed, whose interval
        includes no difference although the sentence asserts one, or whose group is too small.
    """
    ev = run if isinstance(run, Evidence) else Evidence(run)
    seen: set[str] = set()
    for claim in claims:
        if claim["id"] in seen:
            raise StudyError(f"claim {claim['id']} stands twice in claims.json: run 04 again")
        seen.add(claim["id"])
        if wrong := fault(claim, ev.minimum) or _mismatch(claim, ev):
            raise StudyError(
                f"claim {claim['id']} ({claim['sentence']!r}) does not hold: {wrong}; "
                "run 04_persona_definition again on the tables as they are"
            )
    return len(seen)


def complete(people: list[dict], book: dict, claims: list[dict]) -> None:
    """Check that personas and playbook cite only claims that exist.

    Raises
    ------
    StudyError
        Naming the first that is missing.
    """
    known = {claim["id"] for claim in claims}
    cited = [i for p in people for ids in (p["summary"], *p["facts"].values()) for i in ids]
    cited += [i for row in book["levers"] for i in row["evidence"]]
    if missing := [i for i in cited if i not in known]:
        raise StudyError(
            f"claim {missing[0]} is cited but not in claims.json: run 04_persona_definition again"
        )


def _mismatch(claim: dict, ev: Evidence) -> str:
    """Return in what a claim differs from what the tables give now."""
    fact, source = RULES.get(claim["rule"]), claim["source"]
    if fact is None:
        return f"there is no rule {claim['rule']!r} in the table of facts"
    if claim.get("of") not in {"customers", "products"}:
        return f"it is of {claim.get('of')!r}, neither of customers nor of products"
    ev = ev if claim["of"] == ev.of else ev.once(assortment)
    if ev is None or claim["segment"] not in ev.segments:
        return f"there is no segment {claim['segment']}"
    again = state(ev, fact, claim["segment"], source["column"], source["level"])
    if again is None:
        return "the tables of the run no longer support it"
    for key in (*NUMBERS, "reference_value"):
        if not _equal(claim.get(key), plain(again[key])):
            return f"its {key} is {claim.get(key)}, the tables give {plain(again[key])}"
    for key in WORDS:
        if claim.get(key) != again[key]:
            return f"its {key} is {claim.get(key)!r}, the tables give {again[key]!r}"
    return ""


def _equal(a, b) -> bool:
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-9)
    return a == b


def _sentence(ev: Evidence, fact: Fact, found: dict) -> str:
    """Return a fact's template with its numbers written for a reader."""
    who = f"{ev.run.study.customer}s"
    plainly = {
        "inside": _written(found["inside"], found["unit"]),
        "outside": _written(found["outside"], found["unit"]),
        "by": strength.word(found),
        "typically": "on average" if found.get("average") else "typically",
        "value": amount(found["value"], _unit(found)), "label": label(found["label"]),
        "customers": who, "months": MONTHS, **ev.run.study.words,
    }  # fmt: skip
    text = fact.sentence.format(**plainly | found.get("words", {}))
    text = re.sub(r"(?<![\d.,])(1 order)s\b", r"\1", text)
    return text[0].upper() + text[1:]


def _written(value, unit: str) -> str:
    return str(value) if value is None or isinstance(value, str) else amount(value, unit)
