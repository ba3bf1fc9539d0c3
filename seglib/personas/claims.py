"""Which claims a run makes of its segments, and the check that they still hold."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from numbers import Real

import numpy as np

from seglib.files import Run, plain
from seglib.personas import personas, playbook, profile
from seglib.personas.evidence import Evidence, assortment
from seglib.personas.facts import FACTS, WORDS, state
from seglib.study import StudyError

SAY = 0.25  # |Cliff's delta| from which a forming feature is worth a sentence (d of about 0.5)
SAY_OTHER = 0.11  # the same for a descriptor, whose difference is a finding (d of about 0.2)
SAY_LIFT = 1.2  # and for a level or product: that many times as common, or as rare
SAY_SHARE = 0.01  # products and needs with a smaller part of spend are not worth a sentence
SAY_BUYERS = 0.5  # nor products that fewer members buy: a few would stand for all
SAY_GAP = 2  # products a segment that are worth a sentence where it buys less than its neighbour
MATERIAL = 0.05  # medians that differ by less than this part of the larger are not worth one
TYPICAL = 6  # features of the example customer
AGAIN = "run 04_persona_definition again on the tables as they are"


def claims(ev: Evidence) -> list[dict]:
    """Return every claim that the run supports, as in claims.json, numbered within its segment.

    Ids begin with c (personas), t (targeting), x (tests), a (affinity), g (gaps) and p (product
    segments). `strength` is for their order only.
    """
    several, goods = len(ev.segments) > 1, ev.once(assortment)
    tests = [(s, metric) for s in ev.shown for metric in ("spend", "active")
             if playbook.testable(ev, s, metric)]  # fmt: skip
    rows = {
        "c": _portraits(ev),
        "t": [c for s in ev.shown if several for c in _section(ev, s, "targeting")],
        "x": [c for s, metric in tests for c in _section(ev, s, "tests", metric)],
        "a": _affinities(ev), "g": _gaps(ev), "p": _range(goods) if goods else [],
    }  # fmt: skip
    found, last = [], {}
    for letter, own in rows.items():
        for claim in own:
            key = letter, claim["segment"]
            last[key] = last.get(key, 0) + 1
            found.append(claim | {"id": f"{letter}-{claim['segment']}-{last[key]:02d}"})
    return found


# --- which claims are made ------------------------------------------------------------------------


def _portraits(ev: Evidence) -> list[dict]:
    """Return the claims of every persona: its strongest, one neighbour, an example."""
    each = {segment: _strongest(_able(ev, segment)) for segment in ev.segments}
    every = [claim for rows in each.values() for claim in rows]
    return [
        claim
        for segment, rows in each.items()
        for claim in _one_neighbour(ev, rows, every) + _example(ev, segment)
    ]


def _able(ev: Evidence, segment: int) -> list[dict]:
    """Return all that can be stated of a segment."""
    sources = [("sizes", ""), ("revenue", "spend"), ("means", "spend"), ("growth", "spend"),
               ("contacts", "contacts"), ("untouched", "contacts"), ("responses", "responded"),
               ("rules", "")]  # fmt: skip
    if len(ev.segments) == 1:  # all of the revenue, of course
        sources.remove(("revenue", "spend"))
    always = [c for source, column in sources for way in ("", "higher", "lower")
              for c in _stated(ev, segment, source, column, way=way)]  # fmt: skip
    columns = _formed(ev, segment) + _described(ev, segment)
    broad = {c["source"]["column"] for c in columns if c["rule"] == "need-high"}
    return [*always, *columns, *_products(ev, segment, broad), *_near(ev, segment)]


def _stated(
    ev: Evidence, segment: int, source: str, column: str, level="", way="", strength=0.0
) -> list[dict]:
    """Return the claims of the facts that speak of a column: those naming it, else a pattern's.

    What a study gives under the name of a feature, such as `tenure`, need not mean the same: of
    such a column only the patterns speak.
    """
    given = ev.entries.get(column, {}).get("given", False)
    fitting = [f for f in FACTS.values() if (f["from"], f["is"]) == (source, way)
               and f["in"] != "range" and fnmatchcase(column, f["of"])]  # fmt: skip
    named = [f for f in fitting if "*" not in f["of"] and not given]
    fitting = named or [f for f in fitting if "*" in f["of"]][:1]
    return [c for f in fitting for c in state(ev, f["rule"], segment, column, level, strength)]


def _formed(ev: Evidence, segment: int) -> list[dict]:
    """Return the claims about columns that formed the segments."""
    if len(ev.segments) == 1:
        return [c for name in ev.formed[:12] for c in _stated(ev, segment, "medians", name)]
    rows = ev.markers[(ev.markers["segment"] == segment) & (ev.markers["effect"].abs() >= SAY)]
    more = set(rows.loc[rows["effect"] > 0, "name"])
    found = []
    for row in rows.itertuples():
        mirror = row.level and row.effect < 0 and row.name in more  # rarer as another is commoner
        if _worth_saying(row) and not mirror:
            found += _column(ev, segment, row, row.effect)
    return found


def _column(ev: Evidence, segment: int, row, effect: float) -> list[dict]:
    """Return the claim about a level, or a column; ordered answers with one middle go by pairs."""
    same = ev.entries[row.name].get("kind") == "ordered" and row.inside == row.outside
    source = "levels" if row.level else "pairs" if same else "customers"
    way = "higher" if effect > 0 else "lower"
    return _stated(ev, segment, source, row.name, row.level, way, abs(effect))


def _worth_saying(row) -> bool:
    """Return whether a clear difference also matters; spend is told by its own sentences.

    A need matters where half of the members, or half of the others, put so much into it: the mean
    may be that of a few.
    """
    small = row.base == "needs" and row.unit == "share" and max(row.inside, row.outside) < SAY_SHARE
    apart = abs(row.inside - row.outside)
    material = apart == 0 or apart >= MATERIAL * max(abs(row.inside), abs(row.outside))
    return row.name != "spend" and not small and material


def _described(ev: Evidence, segment: int) -> list[dict]:
    """Return the claims about columns that did not form the segments."""
    rows = ev.descriptors[ev.descriptors["segment"] == segment]
    rows = rows[rows["selected"].astype(bool)] if len(ev.segments) > 1 else rows.iloc[:0]
    lifts = rows[(rows["statistic"] == "lift") & (rows["value"] >= SAY_LIFT)]
    found = []
    for row in rows.itertuples():
        apart, way = row.inside - row.outside, "higher" if row.value > 1 else "lower"
        if ev.entries[row.name]["base"] == "outcome":
            wanted = row.level == "yes" and ev.run.study.outcomes[row.name].wanted
            if row.level == "yes":  # that it did not happen says the same thing again
                source = "gains" if wanted else "losses"
                found += _stated(ev, segment, source, row.name, "yes", way, abs(apart))
        elif row.statistic == "superiority":
            effect = 2 * row.value - 1
            found += _column(ev, segment, row, effect) if abs(effect) >= SAY_OTHER else []
        elif row.kind != "ordered":  # whose direction is said once, not level by level
            mirror = row.value < 1 and row.name in set(lifts["name"])
            if max(row.value, 1 / row.value) >= SAY_LIFT and not mirror:
                found += _stated(ev, segment, "levels", row.name, row.level, way, abs(apart))
    return found


def _products(ev: Evidence, segment: int, broad: set[str]) -> list[dict]:
    """Return the claims about the products that the segment puts more of its spend into.

    Only those that most members buy, and none of a group that a column in `broad` speaks of.
    """
    rows = ev.products[ev.products["segment"] == segment]
    rows = rows[rows["selected"].astype(bool)]
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
    """Return the claims about what sets a segment off from the most similar one."""
    other = ev.alike.get(segment)
    if other is None:
        return []
    pair = ev.labels[ev.labels.isin([segment, other])]
    columns = [c for c in ev.formed if c not in ev.leftover_columns]
    rows = profile.markers(ev.customers.loc[pair.index, columns], pair, [*ev.entries.values()])
    rows = rows[
        (rows["segment"] == segment) & (rows["level"] == "") & (rows["effect"].abs() >= SAY)
    ]
    found = [
        claim
        for row in rows.itertuples()
        if _worth_saying(row)
        for claim in _stated(ev, segment, "nearest", row.name, "",
                             "higher" if row.effect > 0 else "lower", abs(row.effect))
    ]  # fmt: skip
    return personas.distinct(ev, found, 2)


def _strongest(found: list[dict]) -> list[dict]:
    """Return the strongest claims of each section, in the order of the sections."""
    kept: list[dict] = []
    for section in ["size", *WORDS["sections"], "rule"]:
        rows = [c for c in found if c["sections"][0] == section]
        size = moved if section == "goals" else lambda c: c["strength"]
        rows.sort(key=lambda c, size=size: (-size(c), c["source"]["column"], c["source"]["level"]))
        kept += rows[: WORDS["most"].get(section, 2)]
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


def _one_neighbour(ev: Evidence, rows: list[dict], every: list[dict]) -> list[dict]:
    """Return a segment's claims with only the strongest about its neighbour that adds something.

    It adds to the marks where it is of another column, or where the neighbour differs from
    everyone else in the same direction, so that the mark alone fits both.
    """
    own = {c["source"]["column"]: c["direction"] for c in reversed(personas.marks(ev, rows))}
    there = {(c["source"]["column"], c["direction"]) for c in every
             if rows and c["segment"] == ev.alike.get(rows[0]["segment"])
             and "near" not in c["sections"]}  # fmt: skip
    near = [c for c in rows if "near" in c["sections"]]
    adds = [c for c in near if (column := c["source"]["column"]) not in own
            or (column, own[column]) in there]  # fmt: skip
    return [c for c in rows if c not in near or c in adds[:1]]


def _example(ev: Evidence, segment: int) -> list[dict]:
    """Return the claims about an example customer, in the segment's most telling features.

    It is the rounded average of as many customers as the study's minimum cell, so nobody's own
    numbers; those nearest the middle in everything at once, so no medians either.
    """
    rows = ev.markers[ev.markers["segment"] == segment]
    columns = rows["name"].drop_duplicates().head(TYPICAL)
    return [c for name in columns for c in _stated(ev, segment, "examples", name)]


def _section(ev: Evidence, segment: int, section: str, level: str = "") -> list[dict]:
    """Return the claims of every fact of a section."""
    facts = [f for f in FACTS.values() if f["in"] == section]
    return [c for f in facts for c in state(ev, f["rule"], segment, f["of"], level)]


def _affinities(ev: Evidence) -> list[dict]:
    """Return the affinities to groups of products that are beyond chance."""
    rows = ev.crossed[ev.crossed["selected"].astype(bool) & (ev.crossed["group"] != "other")]
    rules = np.where(rows["index"] > 1, "group-high", "group-low")
    return [claim for rule, row in zip(rules, rows.itertuples(), strict=True)
            for claim in state(ev, rule, row.segment, row.group)]  # fmt: skip


def _gaps(ev: Evidence) -> list[dict]:
    """Return what most of the most similar segment buy, and the segment spends less on."""
    rows, size = ev.gaps, ev.labels.value_counts()
    if len(rows):
        bought = rows["others"] >= SAY_BUYERS * rows["like"].map(size)
        rows = rows[bought & ~rows["product"].astype(str).isin(ev.leftover_products)]
    return [c for row in rows.groupby("segment").head(SAY_GAP).itertuples()
            for c in state(ev, "gap", int(row.segment), str(row.product))]  # fmt: skip


def _range(goods: Evidence) -> list[dict]:
    """Return what is told of every product segment, then what sets it apart."""
    facts = [f for f in FACTS.values() if f["in"] == "range"]
    told = {(f["of"], f["is"]): f["rule"] for f in facts if f["is"]}
    rows, found = goods.markers[goods.markers["effect"].abs() >= SAY], []
    for s in goods.shown:
        found += [c for f in facts if not f["is"] for c in state(goods, f["rule"], s, f["of"])]
        for row in rows[rows["segment"] == s].itertuples():
            rule = told.get((row.name, "higher" if row.effect > 0 else "lower"))
            found += state(goods, rule, s, row.name) if rule else []
    return found


# --- the check ------------------------------------------------------------------------------------


def check(run: Run) -> int:
    """Make every claim, the personas and the playbook again from the tables, and compare.

    Parameters
    ----------
    run : Run
        Its claims.json, personas.json and playbook.json are read.

    Returns
    -------
    int
        How many claims hold.

    Raises
    ------
    StudyError
        Naming the first claim, or the first entry of a file, that the tables do not give.
    """
    found, people, book = (run.read(f"{n}.json") for n in ("claims", "personas", "playbook"))
    ev = Evidence(run)
    verify(found, plain(claims(ev)))
    made = {
        "personas.json": personas.personas(ev, found),
        "playbook.json": playbook.build(ev, found),
    }
    for name, read in (("personas.json", people), ("playbook.json", book)):
        if place := differs(read, plain(made[name])):
            raise StudyError(f"{name} does not hold: {place}; {AGAIN}")
    return len(found)


def verify(found: list[dict], again: list[dict]) -> None:
    """Compare claims with those that the tables give now.

    Raises
    ------
    StudyError
        Naming the first claim that is there twice, cannot be made again, or comes out otherwise.
    """
    made, seen = {claim["id"]: claim for claim in again}, set()
    for claim in found:
        name = claim["id"]
        if name in seen:
            raise StudyError(f"claim {name} stands twice in claims.json: {AGAIN}")
        seen.add(name)
        wrong = "the tables of the run no longer support it"
        if name in made:
            wrong = differs(claim, made[name]).lstrip(".")
        if wrong:
            raise StudyError(
                f"claim {name} ({claim.get('sentence')!r}) does not hold: {wrong}; {AGAIN}"
            )
    if missing := [name for name in made if name not in seen]:
        raise StudyError(f"claim {missing[0]} is not in claims.json: {AGAIN}")


def differs(read, again, place: str = "") -> str:
    """Return where two contents differ first, and how; empty if they do not."""
    if isinstance(read, dict) and isinstance(again, dict) and read.keys() == again.keys():
        return next(filter(None, (differs(read[k], again[k], f"{place}.{k}") for k in read)), "")
    if isinstance(read, list) and isinstance(again, list) and len(read) == len(again):
        pairs = enumerate(zip(read, again, strict=True))
        parts = (differs(a, b, f"{place}[{i}]") for i, (a, b) in pairs)
        return next(filter(None, parts), "")
    numbers = all(isinstance(v, Real) and not isinstance(v, bool) for v in (read, again))
    same = math.isclose(read, again, rel_tol=1e-7, abs_tol=1e-9) if numbers else read == again
    return "" if same else f"{place.lstrip('.')} is {read!r}, the tables give {again!r}"
