"""Personas: what the claims say about each segment, what they cannot say, and what to ask."""

import json
import re
from itertools import combinations, product
from numbers import Real
from typing import NamedTuple

import pandas as pd

from seglib.personas import profile
from seglib.personas.profile import WORDS, has_level, label, numbers, quoted
from seglib.personas.words import CLAIMS

SECTIONS = CLAIMS["sections"]
SAME = 0.5  # |rank correlation| of two columns from which they say the same of a customer
MARK = 0.25  # strength from which a claim may lead: a medium difference (d of about 0.5)
MARKS = 3
LEAST = 5  # sentences that a card begins with, if there are so many
ALWAYS = "size", "revenue"
RECORDED = {"demographic", "geographic"}  # bases of columns that say who somebody is
DEFINES, BESIDES = (CLAIMS["headings"][key] for key in ("defines", "besides"))


def personas(ev, claims: list[dict]) -> list[dict]:
    """Return one persona per segment from its claims, as in personas.json."""
    earlier, n = before(ev.run), ev.labels.value_counts()
    stable = {s["segment"]: s for s in ev.verdict.get("segments", [])}
    named = {s: worded(ev.names[s], ev.markers[ev.markers["segment"] == s]) for s in ev.segments}
    before_date = [c for c in ev.customers if ev.entries[c]["base"] != "outcome"]
    pictures = profile.portraits(
        ev.customers[before_date], ev.labels, [*ev.entries.values()], ev.minimum, named
    )
    revenue = None if ev.spend is None else ev.spend.groupby(ev.labels).sum() / ev.spend.sum()
    result = []
    for segment in ev.segments:
        rows = [c for c in claims if c["segment"] == segment and c["of"] == ev.of]
        parts = {s: [c["id"] for c in rows if s in c["sections"]] for s in SECTIONS}
        own, shown = marks(ev, rows), segment in ev.sized
        result.append(
            {
                "segment": segment,
                "name": ev.names[segment],
                "named_for": named[segment],
                **pictures.get(segment, {"fingerprint": [], "tiles": []}),
                "about": about(ev),
                **_naming(ev, segment, earlier),
                "n": int(n[segment]) if shown else None,
                "share": n[segment] / n.sum() if shown else None,
                "revenue_share": revenue[segment] if shown and revenue is not None else None,
                "size_rank": int((n > n[segment]).sum()) + 1,
                "jaccard": stable.get(segment, {}).get("jaccard"),
                "stable": stable.get(segment, {}).get("stable"),
                "summary": [c["id"] for c in summary(rows, own)],
                "marks": [c["id"] for c in own],
                "facts": {s: ids for s, ids in parts.items() if ids},
                "unknown": unknown(ev, rows, parts),
                "note": ev.run.study.personas.notes.get(segment, ""),
            }
        )
    return result


def _naming(ev, segment: int, before: dict[int, dict]) -> dict:
    """Return who named a segment, and the name that it had at an earlier date if another."""
    by_analyst = len(ev.segments) > 1 and segment in ev.analyst_names
    old = before.get(segment)
    other = old and old["earlier"] and old["name"] != ev.names[segment]
    return {
        "named_by": "analyst" if by_analyst else "rule",
        "formerly": old["name"] if other else "",
    }


def unknown(ev, rows: list[dict], parts: dict[str, list]) -> list[dict]:
    """Return what the data cannot say about a segment, and the questions that would tell."""
    bases = {ev.entries[c]["base"] for c in ev.customers}
    survey = ev.run.study.tables.survey or "psychographic" in bases
    gaps = []
    for gap in WORDS["gaps"]:
        answered = any(parts.get(key) or key in ev.customers for key in gap["unless"])
        if answered or about(ev) not in gap["about"]:
            continue
        why = "answered" if gap["why"] == "unasked" and survey else gap["why"]
        why = WORDS["why"].get(why, why)
        beyond = " beyond what is recorded" * (gap["unless"] == ["who"] and bool(bases & RECORDED))
        gaps.append({"topic": gap["topic"] + beyond, "why": why, "questions": list(gap["ask"])})
    reasons = dict.fromkeys(q for c in rows if (q := WORDS["reasons"].get(c["rule"])))
    if reasons:
        topic, why = "the reasons for what goes wrong", "the data show that it happens, not why"
        gaps.append({"topic": topic, "why": why, "questions": list(reasons)})
    return gaps


def about(ev) -> str:
    """Return whether the study is about buyers, users, or people of whom neither is known."""
    if ev.run.study.usage:
        return "users"
    return "buyers" if "orders" in ev.customers else "people"


def common(people: list[dict]) -> list[str]:
    """Return the topics that the data leave open for every segment."""
    topics = [[gap["topic"] for gap in person["unknown"]] for person in people]
    return [topic for topic in topics[0] if all(topic in own for own in topics)]


# --- what a persona begins with -------------------------------------------------------------------


def marks(ev, rows: list[dict]) -> list[dict]:
    """Return the claims that define a segment: strong, and each about something else."""
    able = [c for c in rows if c["strength"] >= MARK and c["kind"] != "ratio"]
    able = [c for c in able if "afterwards" not in c["sections"]]
    chosen: list[dict] = []
    for claim in sorted(able, key=lambda c: -c["strength"]):
        if len(chosen) < MARKS and not any(akin(ev, claim, other) for other in chosen):
            chosen.append(claim)
    return chosen


def strongest(claims: list[dict]) -> list[dict]:
    """Return the strongest claims of each section, in the order of the sections."""
    chosen: list[dict] = []
    for section in ["size", *SECTIONS]:
        rows = [c for c in claims if c["sections"][0] == section]
        size = moved if section == "goals" else lambda c: c["strength"]
        rows.sort(key=lambda c, size=size: (-size(c), c["source"]["column"], c["source"]["level"]))
        chosen += rows[: CLAIMS["most"].get(section, 2)]
    return chosen


def moved(claim: dict) -> float:
    """Return how many parts of the spend a claim about it moves; products and needs compare so.

    Those that differ slightly come after all others: a large group of products moves many parts by
    little. What compares no two numbers, such as the median of a single segment, moves nothing.
    """
    levels = claim["inside"], claim["outside"]
    if not all(isinstance(level, Real) for level in levels):
        return 0.0
    return abs(levels[0] - levels[1]) - (claim["word"] == "slightly")


def akin(ev, one: dict, other: dict) -> bool:
    """Return whether two claims rest on columns that say the same of a customer."""
    sources = one["source"], other["source"]
    if sources[0]["column"] == sources[1]["column"]:
        return True
    pair = [
        has_level(values, s["level"]) if s["level"] else numbers(values)
        for s in sources
        for values in [ev.customers[s["column"]]]
    ]
    both = pd.concat(pair, axis=1).dropna().rank()
    varied = len(both) > 2 and (both.nunique() > 1).all()
    return bool(varied and abs(both.iloc[:, 0].corr(both.iloc[:, 1])) >= SAME)


def summary(rows: list[dict], own: list[dict]) -> list[dict]:
    """Return what a card begins with: size, marks and what came after, filled up to `LEAST`.

    Warning signs, who they are and what they buy fill up.
    """
    after = [c for c in rows if "afterwards" in c["sections"]][:1]
    order = [*(c for c in rows if c["rule"] in ALWAYS), *own, *after]
    parts = ("pain_points", "who", "goals", *SECTIONS)
    spare = {c["id"]: c for key in parts for c in rows if key in c["sections"] and c not in order}
    return order + [*spare.values()][: max(0, LEAST - len(order))]


def opening(person: dict, claims: list[dict]) -> list[tuple[str, list[dict]]]:
    """Return the claims that a card begins with: how large, what defines them, what comes next."""
    by_id = {c["id"]: c for c in claims}
    rows = [by_id[i] for i in person["summary"]]
    size = [c for c in rows if c["rule"] in ALWAYS]
    own = [c for c in rows if c["id"] in person["marks"]]
    more = [c for c in rows if c not in size and c not in own]
    parts = ("", size), (DEFINES, own), (BESIDES if person["marks"] else "", more)
    return [(heading, part) for heading, part in parts if part]


def sections(person: dict, claims: list[dict]) -> list[tuple[str, list[dict]]]:
    """Return heading and claims of each part of a persona; none of the summary, none twice."""
    by_id, already = {c["id"]: c for c in claims}, {*person["summary"]}
    headings = {key: heading_of(part, person) for part in WORDS["parts"] for key in part["in"]}
    headings = {key: headings.get(key, heading) for key, heading in SECTIONS.items()}
    parts: dict[str, list[dict]] = {heading: [] for heading in headings.values()}
    for key in ["pain_points", *SECTIONS]:  # a warning is told as such, and not again
        ids = [i for i in person["facts"].get(key, []) if i not in already]
        already |= set(ids)
        parts[headings[key]] += [by_id[i] for i in ids]
    return [(heading, rows) for heading, rows in parts.items() if rows]


def heading_of(part: dict, person: dict) -> str:
    """Return the heading of a part of a card, by whom the study is about."""
    heading = part["heading"]
    return heading if isinstance(heading, str) else heading[person.get("about", "buyers")]


# --- how far to trust them, and the answer --------------------------------------------------------


def trust(ev) -> dict:
    """Return the words of the verdict: use, headline, labels (how they were taken), doubt, poor, n.

    `poor` are the doubtful segments.
    """
    rows = ev.verdict.get("segments", [])
    poor = [str(row["segment"]) for row in rows if row.get("stable") in {"doubtful", "distrust"}]
    usable = len(ev.segments) > 1 and ev.verdict.get("kind") != "none"
    judged = "none" if any(row.get("stable") for row in rows) else "unknown"
    about = {"use": "some" if usable else "none", "headline": ev.verdict["headline"]}
    about["labels"] = ev.verdict["method_reason"] if ev.verdict.get("method") == "labels" else ""
    return about | {"doubt": "some" if poor else judged, "poor": poor, "n": len(rows)}


# --- names of segments ----------------------------------------------------------------------------

CLEAR = 0.25  # |effect| from which a marker may stand in a name: "medium" (Cohen's d of 0.5)
MOST = 0.5  # share of a segment above which it is said to be with something
LONG = 80  # letters of a name that is only taken if no shorter one is free


class Trait(NamedTuple):
    """How a marker sounds in a name; of one `topic` a name says one thing, `link` joins a phrase.

    A name says what a segment has more, or less, of than others, never what it is by itself.
    """

    topic: str
    adjective: str
    phrase: str
    weight: float = 1.0
    link: str = "with"


def names(
    markers: pd.DataFrame,
    noun: str = "customers",
    analyst: dict[int, str] | None = None,
    earlier: dict[int, str] | None = None,
) -> dict[int, str]:
    """Return a name for each segment, no two the same, such as "Frequent shoppers".

    The analyst's win. One of an earlier run is kept for as long as every word of it is still true:
    what it says the segment has more, or less, of differs that way beyond chance, be it by less
    than it did. `markers` are those of `profile.markers`, `noun` is what the members are called.
    """
    result = {int(s): str(name) for s, name in (analyst or {}).items()}
    segments = sorted({int(s) for s in markers["segment"].unique()} | set(result))
    if len(segments) == 1:
        return {segments[0]: f"All {noun}"}
    rows = {segment: markers[markers["segment"] == segment] for segment in segments}

    meant: set[frozenset] = set()  # what the names say, in whatever words

    def take(segment: int, possible: dict[str, frozenset]) -> None:
        taken = {name.lower() for name in result.values()}
        free = [n for n, says in possible.items() if n.lower() not in taken and says not in meant]
        if segment not in result and free:
            result[segment] = free[0]
            meant.add(possible[free[0]])

    for segment in segments:
        name, true = (earlier or {}).get(segment), _traits(rows[segment], 0.0)
        choices = _choices(true, noun, len(true))
        if name in choices and _traits(rows[segment], CLEAR):
            take(segment, {name: choices[name]})
    for segment in segments:
        topics: dict[str, Trait] = {}
        for trait in _traits(rows[segment], CLEAR):
            topics.setdefault(trait.topic, trait)
        number = {f"Segment {segment} {noun}": frozenset({segment})}
        take(segment, _choices([*topics.values()], noun) | number)
    return {segment: result[segment] for segment in segments}


def worded(name: str, rows: pd.DataFrame) -> list[dict]:
    """Return column and level of the markers that a name is made of, the strongest of a topic."""
    rows, result = rows.sort_values("effect", key=lambda e: -e.abs(), kind="stable"), {}
    for row in rows.itertuples():
        trait = _trait(row)
        words = {trait.adjective, trait.phrase} - {""} if trait else ()
        if any(word.lower() in name.lower() for word in words):
            result.setdefault(trait.topic, {"column": row.name, "level": row.level})
    return [*result.values()]


def _traits(rows: pd.DataFrame, least: float) -> list[Trait]:
    rows = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    rows = rows[rows["effect"].abs() >= least]
    traits = [(abs(row.effect), trait) for row in rows.itertuples() if (trait := _trait(row))]
    return [trait for _, trait in sorted(traits, key=lambda pair: -pair[0] * pair[1].weight)]


def _trait(row) -> Trait | None:
    """Return how a marker sounds in a name, None if its level says nothing of those without it."""
    more, name, of = row.effect > 0, row.name, label(row.label)
    if name in WORDS["traits"]:
        return Trait(*WORDS["traits"][name]["higher" if more else "lower"])
    if name.startswith("share_"):
        return Trait(name, "", f"{'more' if more else 'less'} {of}", 0.9)
    if not row.level:
        if of.startswith("“") or (row.kind == "ordered" and row.base == "psychographic"):
            of = f"answers to {quoted(row.label)}"
        return Trait(name, "", f"{'high' if more else 'low'} {of}", 0.8)
    if not more:
        return None
    if row.base == "psychographic":
        answer = f"{row.reply or f'“{row.level}”'} to {quoted(row.column)}"
        return Trait(name, "", answer, 0.9, "who more often answer")
    if not row.reply:
        worded, column = re.search(r"[^\W\d_]{3}", row.level), label(row.column)
        of = f"{label(row.level)} {column}" if worded else f"{column} {row.level}"
    return Trait(name, "", of, 0.9, "with" if row.inside > MOST else "more often with")


def _choices(traits: list[Trait], noun: str, most: int = 5) -> dict[str, frozenset]:
    """Return possible names and what each says, from the first few traits, the best first."""
    adjectives = [t for t in traits if t.adjective][: max(most - 1, 1)]
    others, many = traits[:most], noun.capitalize()
    if not traits:
        return {f"Near-average {noun}": frozenset()}
    both = [(a, b) for a, b in product(adjectives, others) if a.topic != b.topic]
    both.sort(key=lambda pair: traits.index(pair[0]) + traits.index(pair[1]))
    pairs = [(a, b) for a, b in combinations(others, 2) if a.link == b.link]
    result = {f"{a.adjective} {noun} {b.link} {b.phrase}": {a, b} for a, b in both}
    alone = (
        (f"{t.adjective} {noun}" if t.adjective else f"{many} {t.link} {t.phrase}", t)
        for t in traits[:most]
    )
    result |= {f"{many} {a.link} {a.phrase} and {b.phrase}": {a, b} for a, b in pairs}
    result |= {name: {t} for name, t in alone}
    return {name: frozenset(result[name]) for name in sorted(result, key=lambda n: len(n) > LONG)}


def before(run) -> dict[int, dict]:
    """Return the personas of the run that the numbers are from, of segments that kept theirs.

    Each also says whether that run is of an `earlier` date.
    """
    numbered = run.read("model.json").get("numbered") if run.has("model.json") else None
    path = run.study.folder / numbered["as_of"] / "personas.json" if numbered else None
    if not (path and path.is_file()):
        return {}
    kept = {row["segment"] for row in numbered["kept"]}
    people = json.loads(path.read_text(encoding="utf-8"))
    earlier = numbered["as_of"] < run.as_of.isoformat()
    return {p["segment"]: {**p, "earlier": earlier} for p in people if p["segment"] in kept}
