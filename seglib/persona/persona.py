"""Personas: what the claims say about each segment, what they cannot say, and what to ask."""

from __future__ import annotations

import pandas as pd

from seglib.persona import naming, phrases
from seglib.persona.called import names
from seglib.persona.claims import state
from seglib.persona.grounds import Evidence
from seglib.persona.phrases import BECAUSE, GAPS, MOST, SECTION_OF_BASE, SECTIONS
from seglib.profile import profile

SAY = 0.25  # |Cliff's delta| from which a forming feature is worth a sentence (d of about 0.5)
SAY_OTHER = 0.11  # the same for a descriptor, whose difference is a finding (d of about 0.2)
SAY_LIFT = 1.2  # and for a level or product: that many times as common, or as rare
SAY_SHARE = 0.01  # products and needs with a smaller part of spend are not worth a sentence
LEAD = 0.4  # head start of products bought more over needs, whose effects have another scale
MATERIAL = 0.05  # nor are medians that differ by less than this part of the larger
TYPICAL = 6  # features of the typical customer
ANSWERED = "their answers in the survey do not set them apart"
TOO_FEW = "Too few to be described without describing somebody."


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
    found = []
    for segment in ev.segments:
        of_segment = [*_always(ev, segment), *_columns(ev, segment), *_products(ev, segment)]
        kept = _fewest(of_segment) + _example(ev, segment)
        found += [c | {"id": f"c-{segment}-{i:02d}"} for i, c in enumerate(kept, 1)]
    return found


def _always(ev: Evidence, segment: int) -> list[dict]:
    """Return the claims that do not depend on which columns there are."""
    rows = [("sizes", ""), ("revenue", "spend"), ("means", "spend"), ("growth", "spend"),
            ("contacts", "contacts"), ("responses", "responded"), ("rules", "")]  # fmt: skip
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
        table = "levels" if row.level else "customers"
        direction = "higher" if row.effect > 0 else "lower"
        found += _stated(ev, segment, table, row.name, row.level, direction, abs(row.effect))
    rows = ev.descriptors[ev.descriptors["segment"] == segment]
    for row in rows[rows["selected"].astype(bool)].itertuples():
        found += _described(ev, segment, row)
    return found


def _mirrors(row, rows: pd.DataFrame) -> bool:
    """Return whether a level is rarer only because another, told anyway, is more common."""
    same = rows[(rows["name"] == row.name) & (rows["effect"] > 0)]
    return bool(row.level) and row.effect < 0 and len(same) > 0


def _worth_saying(row, base: str) -> bool:
    """Return whether a clear difference also matters; spend is told by its own sentences."""
    if row.name in {"spend", "share_other"}:
        return False
    if base == "needs" and row.unit == "share" and row.overall < SAY_SHARE:
        return False
    apart = abs(row.inside - row.outside)
    return apart == 0 or apart >= MATERIAL * max(abs(row.inside), abs(row.outside))


def _described(ev: Evidence, segment: int, row) -> list[dict]:
    if ev.entries[row.name]["base"] == "outcome":
        return _happened(ev, segment, row)
    if row.statistic == "superiority":
        effect = 2 * row.value - 1
        same = row.kind == "ordered" and row.inside == row.outside
        table, strength, enough = "pairs" if same else "customers", abs(effect), SAY_OTHER
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


def _products(ev: Evidence, segment: int) -> list[dict]:
    """Return the claims about the products that the segment puts more of its spend into."""
    rows = ev.products[ev.products["segment"] == segment]
    rows = rows[rows["selected"].astype(bool)]
    if rows.empty:
        return []
    rows = rows[(rows["index"] >= SAY_LIFT) & (rows["inside"] >= SAY_SHARE)]
    rows = rows.assign(gain=rows["inside"] - rows["outside"]).sort_values("gain", ascending=False)
    return [
        claim
        for row in rows.head(3).itertuples()
        for claim in _stated(
            ev, segment, "products", str(row.product), "", "higher", LEAD + row.gain
        )
    ]


def _example(ev: Evidence, segment: int) -> list[dict]:
    """Return the claims about an example customer, in the segment's most telling features.

    It is the rounded average of as many customers as the study's minimum cell, so nobody's own
    numbers; those nearest the middle in everything at once, so no medians either.
    """
    rows = ev.markers[(ev.markers["segment"] == segment) & (ev.markers["name"] != "share_other")]
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


def _fewest(found: list[dict]) -> list[dict]:
    """Return the strongest claims of each section, in the order of the sections."""
    order = ["size", *SECTIONS, "rule"]
    kept: list[dict] = []
    for section in order:
        rows = [c for c in found if c["sections"][0] == section]
        rows.sort(key=lambda c: (-c["strength"], c["source"]["column"], c["source"]["level"]))
        kept += rows[: MOST.get(section, 2)]
    return kept


def personas(ev: Evidence, found: list[dict]) -> list[dict]:
    """Return one persona per segment from its claims.

    Parameters
    ----------
    ev : Evidence
    found : list of dict
        From `claims`.

    Returns
    -------
    list of dict
        As in personas.json.
    """
    named, given, before = names(ev), ev.run.study.personas, naming.before(ev.run)
    sizes = profile.sizes(ev.labels, ev.spend)
    stable = {s["segment"]: s for s in ev.verdict.get("segments", [])}
    result = []
    for segment in ev.segments:
        rows = [c for c in found if c["segment"] == segment and c["of"] == ev.of]
        by_section = {s: [c["id"] for c in rows if s in c["sections"]] for s in [*SECTIONS, "rule"]}
        size = sizes.loc[segment] if segment in ev.shown else {"n": None, "share": None}
        result.append({
            "segment": segment, "name": named[segment],
            "named_by": _named_by(ev, segment),
            "formerly": _other(before.get(segment), named[segment]),
            "n": int(size["n"]) if size["n"] else None, "share": size["share"],
            "revenue_share": size.get("value_share"),
            "size_rank": int((sizes["n"] > sizes.loc[segment, "n"]).sum()) + 1,
            "jaccard": stable.get(segment, {}).get("jaccard"),
            "stable": stable.get(segment, {}).get("stable"),
            "summary": _summary(rows),
            "facts": {s: ids for s, ids in by_section.items() if ids},
            "unknown": unknown(ev, rows, by_section),
            "typical": [c["id"] for c in rows if c["rule"] == "example"],
            "note": given.notes.get(segment, ""),
        })  # fmt: skip
    return result


def _named_by(ev: Evidence, segment: int) -> str:
    given = len(ev.segments) > 1 and segment in ev.run.study.personas.names
    return "analyst" if given else "rule"


def _other(before: dict | None, name: str) -> str:
    """Return the name that the segment had at an earlier date, empty if it has it still."""
    return before["name"] if before and before["earlier"] and before["name"] != name else ""


def _summary(rows: list[dict]) -> list[str]:
    """Return the five sentences that a card begins with."""
    first = [c for c in rows if c["rule"] in {"size", "revenue"}]
    marks = sorted(
        (c for c in rows if c["kind"] in {"superiority", "difference"}),
        key=lambda c: -c["strength"],
    )
    told = marks[:2]
    after = [c for c in rows if "afterwards" in c["sections"]]
    signs = [c for c in rows if "pain_points" in c["sections"]]
    more = [c for section in ("who", "goals") for c in rows if section in c["sections"]]
    rest = [c for c in [*signs[:1], *more, *rows] if set(c["sections"]) & set(SECTIONS)]
    order = dict.fromkeys(c["id"] for c in [*first, *told, *after[:1], *rest])
    return list(order)[:5]


def unknown(ev: Evidence, rows: list[dict], sections: dict[str, list]) -> list[dict]:
    """Return what the data cannot say about a segment, and the questions that would tell."""
    found, asked = [], any(ev.entries[c]["base"] == "psychographic" for c in ev.customers)
    about = _kind(ev)
    for gap in GAPS:
        if about not in gap.about or any(
            sections.get(key) or key in ev.customers for key in gap.known_by
        ):
            continue
        why = ANSWERED if gap.topic == "motivations" and asked else gap.why
        found.append({"topic": gap.topic, "why": why, "questions": list(gap.questions)})
    why = dict.fromkeys(BECAUSE[c["rule"]] for c in rows if c["rule"] in BECAUSE)
    if why:
        found.append({"topic": "the reasons for what goes wrong", "questions": list(why),
                      "why": "the data show that it happens, not why"})  # fmt: skip
    return found


def _kind(ev: Evidence) -> str:
    """Return what the customers are to a study: buyers, users of a product, or people."""
    return "users" if ev.run.study.usage else "buyers" if "orders" in ev.customers else "people"


def assignments(ev: Evidence, named: dict[int, str]) -> pd.DataFrame:
    """Return customer, segment, name and probability: what a CRM needs."""
    members = ev.run.read("segments.parquet")
    table = members[["segment", "probability"]].rename_axis("customer").reset_index()
    table.insert(2, "name", table["segment"].map(named))
    return table


ASSIGNMENTS = [
    {"column": "customer", "meaning": "the customer's key, as in the source"},
    {"column": "segment", "meaning": "number of the segment, 1 the first; kept across refreshes"},
    {"column": "name", "meaning": "name of the segment, as in personas.json"},
    {"column": "probability", "meaning": "how surely the customer belongs there, from 0 to 1"},
]


def sections(person: dict, found: list[dict]) -> list[tuple[str, list[dict]]]:
    """Return heading and claims of each part of a persona; no claim of the summary, none twice."""
    said = {c["id"]: c for c in found}
    told = set(person["summary"])
    parts: dict[str, list[dict]] = {heading: [] for heading in SECTIONS.values()}
    for key in ["pain_points", *SECTIONS]:  # a warning is told as such, and not again
        ids = [i for i in person["facts"].get(key, []) if i not in told]
        told |= set(ids)
        parts[SECTIONS[key]] += [said[i] for i in ids]
    return [(heading, rows) for heading, rows in parts.items() if rows]


def markdown(people: list[dict], found: list[dict], title: str, levers=()) -> str:
    """Return the personas as Markdown for a wiki or a deck, with the playbook's levers if given."""
    said = {c["id"]: c for c in found}
    lines = [f"# {title}: personas", "",
             "Every sentence is a claim; claims.json holds its evidence. *Others*: everyone else.",
             ""]  # fmt: skip
    for person in people:
        lines += [f"## {person['segment']}. {person['name']}", ""]
        lines += [f"- {said[i]['sentence']}" for i in person["summary"]] or [TOO_FEW]
        lines += [""]
        if person["note"]:
            lines += [f"> {person['note']} (the analyst's own words)", ""]
        for heading, rows in sections(person, found):
            lines += [f"### {heading}", ""] + [f"- {c['sentence']}" for c in rows] + [""]
        for heading, ids in (("How to know them", person["facts"].get("rule", [])),
                             ("An example, averaged and rounded", person["typical"])):  # fmt: skip
            if ids:
                lines += [f"### {heading}", ""] + [f"- {said[i]['sentence']}" for i in ids] + [""]
        own = [row for row in levers if row["segment"] == person["segment"]]
        if own:
            lines += ["### What to try", ""]
            lines += [f"- {row['lever'].capitalize()}: {row['action']}" for row in own] + [""]
        lines += ["### What the data cannot say", ""]
        lines += [
            f"- {gap['topic'].capitalize()}: {gap['why']}. Ask: {' '.join(gap['questions'])}"
            for gap in person["unknown"]
        ] + [""]
    return "\n".join(lines)


def common(people: list[dict]) -> list[str]:
    """Return the topics that the data leave open for every segment."""
    topics = [[gap["topic"] for gap in person["unknown"]] for person in people]
    return [topic for topic in topics[0] if all(topic in own for own in topics)]
