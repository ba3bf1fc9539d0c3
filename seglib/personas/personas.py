"""Personas: what the claims say about each segment, what they cannot say, and what to ask."""

from __future__ import annotations

from numbers import Real

import pandas as pd

from seglib import wording
from seglib.clustering import prediction
from seglib.personas import names, playbook
from seglib.personas.evidence import Evidence
from seglib.personas.names import has_level, numbers

WORDS, CLAIMS = names.WORDS, wording.table("claims")
SECTIONS = CLAIMS["sections"]
SAME = 0.5  # |rank correlation| of two columns from which they say the same of a customer
MARK = 0.25  # strength from which a claim may lead: a medium difference (d of about 0.5)
MARKS = 3
LEAST = 5  # sentences that a card begins with, if there are so many
ALWAYS = "size", "revenue"
RECORDED = {"demographic", "geographic"}  # bases of columns that say who somebody is
DEFINES, BESIDES = (CLAIMS["headings"][key] for key in ("defines", "besides"))


def personas(ev: Evidence, claims: list[dict]) -> list[dict]:
    """Return one persona per segment from its claims, as in personas.json."""
    before, n = names.before(ev.run), ev.labels.value_counts()
    stable = {s["segment"]: s for s in ev.verdict.get("segments", [])}
    result = []
    for segment in ev.segments:
        rows = [c for c in claims if c["segment"] == segment and c["of"] == ev.of]
        parts = {s: [c["id"] for c in rows if s in c["sections"]] for s in SECTIONS}
        own, shown = marks(ev, rows), segment in ev.sized
        result.append(
            {
                "segment": segment,
                "name": ev.names[segment],
                "named_for": names.worded(
                    ev.names[segment], ev.markers[ev.markers["segment"] == segment]
                ),
                "about": about(ev),
                **_naming(ev, segment, before),
                "n": int(n[segment]) if shown else None,
                "share": n[segment] / n.sum() if shown else None,
                "revenue_share": _revenue_share(ev, segment) if shown else None,
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


def _revenue_share(ev: Evidence, segment: int) -> float | None:
    if ev.spend is None:
        return None
    whole = ev.spend.sum()
    return ev.spend[ev.inside(segment)].sum() / whole if whole > 0 else float("nan")


def _naming(ev: Evidence, segment: int, before: dict[int, dict]) -> dict:
    """Return who named a segment, and the name that it had at an earlier date if another."""
    by_analyst = len(ev.segments) > 1 and segment in ev.analyst_names
    old = before.get(segment)
    other = old and old["earlier"] and old["name"] != ev.names[segment]
    return {
        "named_by": "analyst" if by_analyst else "rule",
        "formerly": old["name"] if other else "",
    }


def unknown(ev: Evidence, rows: list[dict], parts: dict[str, list]) -> list[dict]:
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


def about(ev: Evidence) -> str:
    """Return whether the study is about buyers, users, or people of whom neither is known."""
    if ev.run.study.usage:
        return "users"
    return "buyers" if "orders" in ev.customers else "people"


def common(people: list[dict]) -> list[str]:
    """Return the topics that the data leave open for every segment."""
    topics = [[gap["topic"] for gap in person["unknown"]] for person in people]
    return [topic for topic in topics[0] if all(topic in own for own in topics)]


# --- what a persona begins with -------------------------------------------------------------------


def marks(ev: Evidence, rows: list[dict]) -> list[dict]:
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


def akin(ev: Evidence, one: dict, other: dict) -> bool:
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


def trust(ev: Evidence) -> dict:
    """Return the words of the verdict: use, headline, doubt, poor (the doubtful segments) and n."""
    rows = ev.verdict.get("segments", [])
    poor = [str(row["segment"]) for row in rows if row.get("stable") in {"doubtful", "distrust"}]
    usable = len(ev.segments) > 1 and ev.verdict.get("kind") != "none"
    judged = "none" if any(row.get("stable") for row in rows) else "unknown"
    about = {"use": "some" if usable else "none", "headline": ev.verdict["headline"]}
    return about | {"doubt": "some" if poor else judged, "poor": poor, "n": len(rows)}


def answer(ev: Evidence, people: list[dict], book: dict) -> dict:
    """Return the words of the answer: whom there is, whom to look at first, and what to try."""
    first = book["targeting"]["ranking"][0]
    own = [row for row in book["levers"] if row["segment"] == first["segment"]]
    actions = [row["action"] for row in own if playbook.answerable(row)]
    return trust(ev) | {
        "people": [p for p in people if p["share"] is not None],
        "first": first["name"],
        "weights": "equal" if book["targeting"]["equal"] else "own",
        "action": actions[0] if actions else "",
        "waits": "yes" if own and not actions else "no",
    }


def ranked(book: dict) -> dict:
    """Return the words of the ranking: weights, who comes first, how firmly, who is missed."""
    rows, targeting = book["targeting"]["ranking"], book["targeting"]
    if len(rows) < 2:
        return {"weights": "none"}
    names = {row["segment"]: row["name"] for row in rows}
    firmest, top = max(rows, key=lambda row: row["first"]), [r for r in rows if r["rank"] == 1]
    reached = any("reach" in row["scores"] for row in rows)
    return {
        "weights": "equal" if targeting["equal"] else "own",
        "given": ", ".join(f"{c} {w:.0%}" for c, w in targeting["weights"].items()),
        "first": [row["name"] for row in top],
        "chance": top[0]["first"],
        "tied": "yes" if len(top) > 1 else "no",
        "most": firmest["first"],
        "firmest": firmest["name"] if firmest["rank"] > 1 else "",
        "names": [names[s] for s in targeting["underserved"]],
        "underserved": "some" if targeting["underserved"] else "none" if reached else "unknown",
    }


def tests(ev: Evidence, book: dict) -> pd.DataFrame:
    """Return the experiment that each segment can carry, one row a segment and measure."""
    rows = {}
    pairs = [(row, test) for row in book["levers"] for test in (row["experiment"], row["other"])]
    for row, test in pairs:
        if test is None or test["baseline"] is None:
            continue
        segment = row["segment"]
        unit, less = test["unit"], test.get("less", False)
        rows[segment, test["metric"]] = {
            "segment": row["name"],
            "measure": test["metric"].partition(",")[0],
            "baseline": wording.amount(test["baseline"], unit),
            "looked for": playbook.gain(test["target"], unit, less),
            "needed a half": test["n_per_arm"],
            "there are": test["available"] if segment in ev.sized else None,
            "months": test["months"],
            "smallest": playbook.gain(test["detectable"], unit, less),
            "break-even": wording.amount(test["break_even"], unit) if test["break_even"] else None,
        }
    return pd.DataFrame(list(rows.values())).dropna(axis=1, how="all")


# --- files for others -----------------------------------------------------------------------------


def assignments(ev: Evidence) -> pd.DataFrame:
    """Return customer, segment, name, probability and scores, if any: what a CRM needs."""
    members = ev.run.read("segments.parquet")[["segment", "probability"]]
    members.insert(1, "name", members["segment"].map(ev.names))
    if ev.run.has("scores.parquet"):
        members = members.join(ev.run.read("scores.parquet"))
    return members.rename_axis("customer").reset_index()


def assigned(ev: Evidence) -> list[dict]:
    """Return what each column of segments.csv means, a row a column."""
    study, useful = ev.run.study, ev.verdict.get("usefulness") or {}
    when = f" in the {study.holdout} days from {ev.run.as_of}" * (not study.snapshot)
    words = {"key": study.key_meaning, "who": study.customer, "when": when}
    words |= {"numbers": "of rows" if study.numbered else "kept"}
    columns = {name: {"column": name} for name in ("customer", "segment", "name", "probability")}
    for row in useful.get("outcomes", []):
        if row.get("recommended"):
            score, decile = prediction.score_columns(row)
            kind = "chance" if row["metric"] == "AUC" else "amount"
            columns[score] = {"column": "score", "kind": kind, "outcome": row["outcome"]}
            columns[decile] = {"column": "decile", "score": score}
    if ev.verdict.get("kind") == "none" and useful.get("instead") == "rfm_tiers":
        tiers = ("recency", "frequency", "monetary")
        columns |= {f"{of}_tier": {"column": "tier", "of": of} for of in tiers}
    page = "04_persona_definition"
    return [
        {"column": name, "meaning": wording.plain(page, "column_meaning", **words, **about)}
        for name, about in columns.items()
    ]
