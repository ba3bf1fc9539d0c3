"""Claims: sentences that carry their evidence, and the check that they still hold."""

import math
import re
from fnmatch import fnmatchcase
from numbers import Real

import numpy as np
import pandas as pd

from seglib import privacy
from seglib.formats import StudyError, plain
from seglib.personas import personas, playbook
from seglib.personas.evidence import Evidence
from seglib.personas.measures import NO_DIFFERENCE, WORDS, measure
from seglib.personas.profile import label
from seglib.power import MONTHS
from seglib.runs import Run
from seglib.wording import amount

FACTS = {
    rule: {"rule": rule, "of": "", "is": "", "from": "customers"} | row
    for rule, row in WORDS["facts"].items()
}
FIGURES = "value", "low", "high", "inside", "outside"
KEYS = ("kind", "statistic", "confidence", "comparisons", "n", "cell", *FIGURES)
GOODS = {"segments.parquet": "product_segments.parquet", "customers.parquet": "products.parquet"}
OWN_UNIT = {"median", "criterion", "test"}
UNITS = {"share": "share", "superiority": "share", "difference": "share"}

SAY = 0.25  # |Cliff's delta| from which a forming feature is worth a sentence (d of about 0.5)
SAY_OTHER = 0.11  # the same for a descriptor, whose difference is a finding (d of about 0.2)
SAY_LIFT = 1.2  # and for a level or product: that many times as common, or as rare
SAY_SHARE = 0.01  # products and needs with a smaller part of spend are not worth a sentence
SAY_BUYERS = 0.5  # nor products that fewer members buy: a few would stand for all
MATERIAL = 0.05  # medians that differ by less than this part of the larger are not worth one
AGAIN = "run 04_persona_definition again on the tables as they are"


def claims(ev: Evidence) -> list[dict]:
    """Return every claim that the run supports, as in claims.json, numbered within its segment.

    Ids begin with c (personas), t (targeting), x (tests), a (affinity), p (products).
    """
    goods = ev.assortment
    several = ev.shown if len(ev.segments) > 1 else []
    tests = [(s, m) for s in ev.shown for m in ("spend", "active") if playbook.testable(ev, s, m)]
    rows = {
        "c": [claim for s in ev.segments for claim in personas.strongest(_able(ev, s))],
        "t": _section(ev, "targeting", [(s, "") for s in several]),
        "x": [c for test in tests for c in _section(ev, "tests", [test])],
        "a": _affinities(ev),
        "p": _range(goods) if goods else [],
    }
    result, last = [], {}
    for letter, own in rows.items():
        for claim in own:
            key = letter, claim["segment"]
            last[key] = last.get(key, 0) + 1
            result.append(claim | {"id": f"{letter}-{claim['segment']}-{last[key]:02d}"})
    return result


# --- one claim ------------------------------------------------------------------------------------


def state(
    ev: Evidence, rule: str, segment: int, column: str = "", level: str = "", strength: float = 0.0
) -> list[dict]:
    """Return the claim that a fact makes about a segment in a list, empty if it may not."""
    fact = FACTS[rule]
    figures = measure(ev, segment, fact["from"], column, level, playbook.MEASURES)
    low, high = fact.get("levels", (-math.inf, math.inf))
    if not figures or (fact["is"] and figures.get("opposed")):
        return []
    if isinstance(figures["inside"], Real) and not low < figures["inside"] <= high:
        return []
    if ev.sizeless(segment):
        figures |= {key: privacy.coarse(figures[key]) for key in FIGURES}
    base = ev.entries.get(column, {}).get("base", "")
    goods = ev.of == "products"
    others = "the other products" if goods else "everyone else"
    source = GOODS.get(figures["table"], figures["table"]) if goods else figures["table"]
    compares = bool(fact["is"])
    claim = {
        "id": "",
        "segment": int(segment),
        "rule": rule,
        "direction": fact["is"] or None,
        "of": ev.of,
        "reference_value": NO_DIFFERENCE.get(figures["kind"]) if compares else None,
        "reference": f"no difference from {others}" if compares else None,
        "source": {"table": source, "column": column, "level": level},
        "run": f"{ev.run.study.name} {ev.run.as_of}",
        "sentence": _sentence(ev, fact, figures),
        "word": adverb(figures),
        **{key: figures[key] for key in KEYS},
        "unit": _unit(figures),
        "sections": fact["in"].format(base=WORDS["bases"].get(base, "behaviour")).split(),
        "strength": float(strength),
    }
    if not sound(claim, ev.minimum):
        return []
    n, at_least = ev.count(segment, claim["n"])
    whole = not at_least and len(ev.sized) == len(ev.segments)  # else the other side may be hidden
    return [claim | {"n": n, "at_least": at_least, "cell": claim["cell"] if whole else ev.minimum}]


def _unit(figures: dict) -> str:
    """Return the unit of a claim's value, which need not be that of what it compares."""
    return UNITS.get(figures["kind"], figures["unit"] if figures["kind"] in OWN_UNIT else "")


def sound(claim: dict, minimum: int) -> bool:
    """Return whether a claim may be shown: of no group under `minimum`, and beyond chance."""
    value, low, high, here, there = (claim.get(key) for key in FIGURES)
    if not _finite(value) or min(claim["n"], claim["cell"]) < minimum:
        return False
    if claim["direction"] is None:
        return True
    if pd.isna([here, there]).any() or not (_finite(low) and _finite(high)):
        return False
    null, sign = NO_DIFFERENCE[claim["kind"]], 1 if claim["direction"] == "higher" else -1
    numbers = isinstance(here, Real) and isinstance(there, Real)
    against = numbers and (here - there) * sign < 0
    return not against and min((low - null) * sign, (high - null) * sign) > 0


def _finite(value) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _sentence(ev: Evidence, fact: dict, figures: dict) -> str:
    inside, outside = (
        str(v) if v is None or isinstance(v, str) else amount(v, figures["unit"])
        for v in (figures["inside"], figures["outside"])
    )
    words = {
        "inside": inside,
        "outside": outside,
        "by": f"{adverb(figures)} ".lstrip(),
        "others": f"({'other products' if ev.of == 'products' else 'others'}: {outside})",
        "typically": "on average" if figures.get("average") else "typically",
        "value": amount(figures["value"], _unit(figures)),
        "label": label(figures["label"]),
        "customers": f"{ev.run.study.customer}s",
        "months": MONTHS,
        **ev.run.study.words,
    }
    text = fact["say"].format(**words | figures["words"])
    text = re.sub(r"(?<![\d.,])(1 order)s\b", r"\1", text)
    return text[0].upper() + text[1:]


# --- far and slightly, one rule for every sentence that compares ----------------------------------

DELTA, RATIO = (0.33, 0.33, 0.474), (1.25, 1.5, 2.0)  # small, medium and large (Romano et al. 2006)
SIZES = {"superiority": DELTA, "difference": DELTA, "ratio": RATIO, "lift": RATIO}
LEVELS = 1.25, 1.5  # the levels shown, as multiples: below the first slightly, from the second far
POINTS = 0.01, 0.05  # the same for shares, in parts of the whole


def adverb(figures: dict) -> str:
    """Return "far", "slightly" or nothing: how strong a word a measured difference bears.

    *Far*: the difference is large, its interval reaches no lower than medium, and the levels shown
    are half as much again apart (shares by 5 points too). *Slightly*: it is small, and the levels
    are not half as much again apart; or they are less than a quarter apart (shares: less than a
    point). Of words, an index or numbers below zero the effect alone must tell.
    """
    if figures["kind"] not in SIZES or figures.get("low") is None:
        return ""
    small, medium, large = SIZES[figures["kind"]]
    effect, *ends = (_effect(figures["kind"], figures[key]) for key in ("value", "low", "high"))
    multiple, points = _apart(figures["inside"], figures["outside"], figures["unit"])
    close = multiple < LEVELS[0] or points < POINTS[0]
    if close or (effect < small and (multiple < LEVELS[1] or math.isnan(multiple))):
        return "slightly"
    wide = math.isnan(multiple) or (multiple >= LEVELS[1] and points >= POINTS[1])
    return "far" if effect >= large and min(ends) >= medium and wide else ""


def _effect(kind: str, value: float) -> float:
    if kind in {"superiority", "difference"}:
        return abs(2 * value - 1 if kind == "superiority" else value)
    return max(value, 1 / value) if value > 0 else math.inf


def _apart(here, there, unit: str) -> tuple[float, float]:
    """Return how far apart two levels are: as a multiple (NaN where there is none), in points."""
    if not all(isinstance(v, Real) for v in (here, there)) or unit == "index":
        return math.nan, math.inf
    low, high = sorted((float(here), float(there)))
    points = high - low if unit == "share" and low >= 0 else math.inf
    return (math.nan if low < 0 else high / low if low > 0 else math.inf), points


# --- which claims are made ------------------------------------------------------------------------

ALWAYS = {
    "sizes": "",
    "revenue": "spend",
    "means": "spend",
    "growth": "spend",
    "contacts": "contacts",
    "responses": "responded",
}  # how it is measured → the column that its facts are of


def _able(ev: Evidence, segment: int) -> list[dict]:
    """Return all that can be stated of a segment; of one alone not that it brings all revenue."""
    always = [
        c
        for source, column in ALWAYS.items()
        for way in ("", "higher", "lower")
        if source != "revenue" or len(ev.segments) > 1
        for c in _stated(ev, segment, source, column, way=way)
    ]
    columns = _formed(ev, segment) + _described(ev, segment)
    broad = {c["source"]["column"] for c in columns if c["rule"] == "need-high"}
    return [*always, *columns, *_products(ev, segment, broad)]


def _stated(
    ev: Evidence, segment: int, source: str, column: str, level="", way="", strength=0.0
) -> list[dict]:
    """Return the claims of the facts that speak of a column: those naming it, else a pattern's.

    What a study gives under the name of a feature, such as `tenure`, need not mean the same: of
    such a column only the patterns speak.
    """
    own_column = ev.entries.get(column, {}).get("given", False)
    fitting = [
        f
        for f in FACTS.values()
        if (f["from"], f["is"]) == (source, way)
        and f["in"] != "range"
        and fnmatchcase(column, f["of"])
    ]
    named = [f for f in fitting if "*" not in f["of"] and not own_column]
    fitting = named or [f for f in fitting if "*" in f["of"]][:1]
    return [c for f in fitting for c in state(ev, f["rule"], segment, column, level, strength)]


def _formed(ev: Evidence, segment: int) -> list[dict]:
    if len(ev.segments) == 1:
        return [c for name in ev.formed[:12] for c in _stated(ev, segment, "medians", name)]
    rows = ev.markers[(ev.markers["segment"] == segment) & (ev.markers["effect"].abs() >= SAY)]
    more = set(rows.loc[rows["effect"] > 0, "name"])
    result = []
    for row in rows.itertuples():
        mirror = row.level and row.effect < 0 and row.name in more  # rarer as another is commoner
        if _worth_saying(row) and not mirror:
            result += _column(ev, segment, row, row.effect)
    return result


def _column(ev: Evidence, segment: int, row, effect: float) -> list[dict]:
    """Return the claim about a level, or a column; ordered answers with one middle go by pairs."""
    same = ev.entries[row.name].get("kind") == "ordered" and row.inside == row.outside
    source = "levels" if row.level else "pairs" if same else "customers"
    return _stated(ev, segment, source, row.name, row.level, _way(effect), abs(effect))


def _way(effect: float) -> str:
    return "higher" if effect > 0 else "lower"


def _worth_saying(row) -> bool:
    """Return whether a clear difference also matters; spend is told by its own sentences.

    A need matters where half of the members, or of the others, put so much into it.
    """
    small = row.base == "needs" and row.unit == "share" and max(row.inside, row.outside) < SAY_SHARE
    apart = abs(row.inside - row.outside)
    material = apart == 0 or apart >= MATERIAL * max(abs(row.inside), abs(row.outside))
    return row.name != "spend" and not small and material


def _described(ev: Evidence, segment: int) -> list[dict]:
    rows = ev.descriptors[ev.descriptors["segment"] == segment]
    rows = rows[rows["selected"].astype(bool)]
    lifts = rows[(rows["statistic"] == "lift") & (rows["value"] >= SAY_LIFT)]
    result = []
    for row in rows.itertuples():
        apart, way = abs(row.inside - row.outside), _way(row.value - 1)
        if ev.entries[row.name]["base"] == "outcome":
            if row.level == "yes":  # that it did not happen says the same thing again
                source = "gains" if ev.run.study.outcomes[row.name].wanted else "losses"
                result += _stated(ev, segment, source, row.name, "yes", way, apart)
        elif row.statistic == "superiority":
            effect = 2 * row.value - 1
            result += _column(ev, segment, row, effect) if abs(effect) >= SAY_OTHER else []
        elif row.kind != "ordered":  # whose direction is said once, not level by level
            mirror = row.value < 1 and row.name in set(lifts["name"])
            if max(row.value, 1 / row.value) >= SAY_LIFT and not mirror:
                result += _stated(ev, segment, "levels", row.name, row.level, way, apart)
    return result


def _products(ev: Evidence, segment: int, broad: set[str]) -> list[dict]:
    """Return the claims about the products that the segment puts more of its spend into.

    Only those that most members buy, and none of a group that a column in `broad` speaks of.
    """
    rows = ev.products[ev.products["segment"] == segment]
    rows = rows[rows["selected"].astype(bool) & (rows["index"] >= SAY_LIFT)]
    rows = rows[rows["inside"] >= SAY_SHARE]
    broad_groups = {ev.entries[column]["label"].removesuffix(" share") for column in broad}
    group = rows["product"].astype(str).map(lambda p: ev.groups.get(p, p))
    rows = rows[(rows["buyers"] >= SAY_BUYERS * rows["n"]) & ~group.isin(broad_groups)]
    rows = rows.assign(gain=rows["inside"] - rows["outside"]).sort_values("gain", ascending=False)
    return [
        claim
        for row in rows.head(3).itertuples()
        for claim in _stated(ev, segment, "products", str(row.product), "", "higher", row.gain)
    ]


def _section(ev: Evidence, section: str, about: list[tuple[int, str]]) -> list[dict]:
    facts = [f for f in FACTS.values() if f["in"] == section]
    return [c for f in facts for s, level in about for c in state(ev, f["rule"], s, f["of"], level)]


def _affinities(ev: Evidence) -> list[dict]:
    rows = ev.crossed[ev.crossed["selected"].astype(bool) & (ev.crossed["group"] != "other")]
    rules = np.where(rows["index"] > 1, "group-high", "group-low")
    return [
        claim
        for rule, row in zip(rules, rows.itertuples(), strict=True)
        for claim in state(ev, rule, row.segment, row.group)
    ]


def _range(goods: Evidence) -> list[dict]:
    facts = [f for f in FACTS.values() if f["in"] == "range"]
    rules = {(f["of"], f["is"]): f["rule"] for f in facts if f["is"]}
    rows, result = goods.markers[goods.markers["effect"].abs() >= SAY], []
    for s in goods.shown:
        result += [c for f in facts if not f["is"] for c in state(goods, f["rule"], s, f["of"])]
        for row in rows[rows["segment"] == s].itertuples():
            rule = rules.get((row.name, _way(row.effect)))
            result += state(goods, rule, s, row.name) if rule else []
    return result


# --- the check ------------------------------------------------------------------------------------


def check(run: Run) -> int:
    """Make claims, personas and playbook again from the tables, compare, and return how many.

    A StudyError names the first claim, or entry of a file, that the tables do not give.
    """
    stored, people, book = (run.read(f"{n}.json") for n in ("claims", "personas", "playbook"))
    ev = Evidence(run)
    verify(stored, plain(claims(ev)))
    again = personas.personas(ev, stored), playbook.build(ev, stored)
    for name, read, fresh in zip(("personas", "playbook"), (people, book), again, strict=True):
        if place := differs(read, plain(fresh)):
            raise StudyError(f"{name}.json does not hold: {place}; {AGAIN}")
    return len(stored)


def verify(stored: list[dict], again: list[dict]) -> None:
    """Raise a StudyError for the first claim that is there twice, missing, or made otherwise."""
    fresh, ids = {claim["id"]: claim for claim in again}, [claim["id"] for claim in stored]
    if twice := [name for name in ids if ids.count(name) > 1]:
        raise StudyError(f"claim {twice[0]} stands twice in claims.json: {AGAIN}")
    for claim in stored:
        wrong = "the tables of the run no longer support it"
        if claim["id"] in fresh:
            wrong = differs(claim, fresh[claim["id"]])
        if wrong:
            name = f"claim {claim['id']} ({claim.get('sentence')!r})"
            raise StudyError(f"{name} does not hold: {wrong}; {AGAIN}")
    if missing := [name for name in fresh if name not in ids]:
        raise StudyError(f"claim {missing[0]} is not in claims.json: {AGAIN}")


def differs(read, again, place: str = "") -> str:
    """Return where two contents differ first, and how; empty if they do not."""
    if isinstance(read, dict) and isinstance(again, dict):
        for key in sorted(read.keys() ^ again.keys()):
            side = "is not in" if key in read else "is only in"
            return f"{place.lstrip('.') or 'its'} {key!r} {side} what the tables give"
        return next(filter(None, (differs(read[k], again[k], f"{place}.{k}") for k in read)), "")
    if isinstance(read, list) and isinstance(again, list) and len(read) == len(again):
        pairs = enumerate(zip(read, again, strict=True))
        parts = (differs(a, b, f"{place}[{i}]") for i, (a, b) in pairs)
        return next(filter(None, parts), "")
    numbers = all(isinstance(v, Real) and not isinstance(v, bool) for v in (read, again))
    same = math.isclose(read, again, rel_tol=1e-7, abs_tol=1e-9) if numbers else read == again
    return "" if same else f"{place.lstrip('.')} is {read!r:.80}, the tables give {again!r:.80}"
