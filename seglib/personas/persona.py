"""Personas: what the claims say about each segment, what they cannot say, and what to ask."""

from __future__ import annotations

import pandas as pd

from seglib.clustering import usefulness
from seglib.personas import leading, naming, profile
from seglib.personas.called import names
from seglib.personas.gaps import BECAUSE, GAPS, RECORDED, UNASKED, WHO
from seglib.personas.grounds import Evidence
from seglib.personas.phrases import SECTIONS
from seglib.personas.picking import SAY, claims
from seglib.personas.playbook import advice

__all__ = [
    "SAY",
    "assigned",
    "assignments",
    "claims",
    "common",
    "markdown",
    "names",
    "personas",
    "sections",
]

ANSWERED = "their answers in the survey do not set them apart"
AGAIN = "The same, seen from other sides"
DEFINES, BESIDES = "What defines them most", "Besides"
READ = (
    "*Others*: everyone else. *Typically*: half have more, half less. *On average*: of a total, "
    "or where the middle ones are alike. *Far* and *slightly*: a large "
    "and a small difference, by one rule for all; neither: one between. A name says what they have "
    "more or less of than others."
)
TOO_FEW = "Too few to be described without describing somebody."


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
        marks = leading.marks(ev, rows)
        same = leading.again(ev, rows, marks)
        size = sizes.loc[segment] if segment in ev.sized else {"n": None, "share": None}
        result.append({
            "segment": segment, "name": named[segment],
            "named_by": _named_by(ev, segment),
            "formerly": _other(before.get(segment), named[segment]),
            "n": int(size["n"]) if size["n"] else None, "share": size["share"],
            "revenue_share": size.get("value_share"),
            "size_rank": int((sizes["n"] > sizes.loc[segment, "n"]).sum()) + 1,
            "jaccard": stable.get(segment, {}).get("jaccard"),
            "stable": stable.get(segment, {}).get("stable"),
            "summary": [c["id"] for c in leading.summary(rows, marks, same)],
            "marks": [c["id"] for c in marks], "again": [c["id"] for c in same],
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


def unknown(ev: Evidence, rows: list[dict], sections: dict[str, list]) -> list[dict]:
    """Return what the data cannot say about a segment, and the questions that would tell."""
    found, about = [], _kind(ev)
    asked = ev.run.study.tables.survey or any(
        ev.entries[c]["base"] == "psychographic" for c in ev.customers
    )
    for gap in GAPS:
        if about not in gap.about or any(
            sections.get(key) or key in ev.customers for key in gap.known_by
        ):
            continue
        why = ANSWERED if gap.why == UNASKED and asked else gap.why
        beyond = gap.topic == WHO and any(ev.entries[c]["base"] in RECORDED for c in ev.customers)
        topic = f"{WHO} beyond what is recorded" if beyond else gap.topic
        found.append({"topic": topic, "why": why, "questions": list(gap.questions)})
    why = dict.fromkeys(BECAUSE[c["rule"]] for c in rows if c["rule"] in BECAUSE)
    if why:
        found.append({"topic": "the reasons for what goes wrong", "questions": list(why),
                      "why": "the data show that it happens, not why"})  # fmt: skip
    return found


def _kind(ev: Evidence) -> str:
    """Return what the customers are to a study: buyers, users of a product, or people."""
    return "users" if ev.run.study.usage else "buyers" if "orders" in ev.customers else "people"


def assignments(ev: Evidence, named: dict[int, str]) -> pd.DataFrame:
    """Return customer, segment, name, probability and scores, if any: what a CRM needs."""
    members = ev.run.read("segments.parquet")[["segment", "probability"]]
    if ev.run.has("scores.parquet"):
        members = members.join(ev.run.read("scores.parquet"))
    table = members.rename_axis("customer").reset_index()
    table.insert(2, "name", table["segment"].map(named))
    return table


def assigned(ev: Evidence) -> list[dict]:
    """Return what each column of the assignments means."""
    study, rows = ev.run.study, (ev.verdict.get("usefulness") or {}).get("outcomes", [])
    number = "number of the segment, 1 the first" + "; kept across refreshes" * (not study.numbered)
    found = [
        {"column": "customer", "meaning": study.key_meaning},
        {"column": "segment", "meaning": number},
        {"column": "name", "meaning": "name of the segment, as in personas.json"},
        {"column": "probability", "meaning": "how surely the customer belongs there, from 0 to 1"},
    ]
    when = f" in the {study.holdout} days from {ev.run.as_of}" * (not study.snapshot)
    for row in rows:
        if not row.get("recommended"):
            continue
        name, decile = usefulness.columns(row)
        binary = row["metric"] == "AUC"
        what = "chance" if binary else "expected value"
        cut = "" if binary else "; the largest 1% count as the next lower"
        found += [
            {"column": name, "meaning": f"{what} of “{row['outcome']}”{when}, as a model foretells "
             f"it that did not see this {study.customer}{cut}"},
            {"column": decile, "meaning": f"tenth of {name}: 1 the highest, 10 the lowest"},
        ]  # fmt: skip
    return found


def sections(person: dict, found: list[dict]) -> list[tuple[str, list[dict]]]:
    """Return heading and claims of each part of a persona; no claim of the summary, none twice.

    Claims that say again what the marks say come last, together.
    """
    said = {c["id"]: c for c in found}
    told = {*person["summary"], *person["again"]}
    parts: dict[str, list[dict]] = {heading: [] for heading in SECTIONS.values()}
    for key in ["pain_points", *SECTIONS]:  # a warning is told as such, and not again
        ids = [i for i in person["facts"].get(key, []) if i not in told]
        told |= set(ids)
        parts[SECTIONS[key]] += [said[i] for i in ids]
    parts[AGAIN] = [said[i] for i in person["again"] if i not in person["summary"]]
    return [(heading, rows) for heading, rows in parts.items() if rows]


def opening(person: dict, found: list[dict]) -> list[tuple[str, list[dict]]]:
    """Return the claims that a card begins with: how large, what defines them, what comes next."""
    said, marks = {c["id"]: c for c in found}, person["marks"]
    rows = [said[i] for i in person["summary"]]
    size = [c for c in rows if c["rule"] in leading.ALWAYS]
    more = [c for c in rows if c["id"] not in marks and c not in size]
    parts = (("", size), (DEFINES, [c for c in rows if c["id"] in marks]),
             (BESIDES if marks else "", more))  # fmt: skip
    return [(heading, part) for heading, part in parts if part]


def markdown(people: list[dict], found: list[dict], title: str, levers=()) -> str:
    """Return the personas as Markdown for a wiki or a deck, with the playbook's levers if given."""
    said = {c["id"]: c for c in found}
    about = "Every sentence is a claim; claims.json holds its evidence."
    lines = [f"# {title}: personas", "", about, "", READ, ""]
    for person in people:
        lines += [f"## {person['segment']}. {person['name']}", ""]
        for heading, rows in opening(person, found):
            lines += [f"**{heading}**", ""] if heading else []
            lines += [f"- {c['sentence']}" for c in rows] + [""]
        lines += [] if person["summary"] else [TOO_FEW, ""]
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
            lines += [f"- {row['lever'].capitalize()}: {advice(row)}" for row in own] + [""]
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
