"""Personas: what the claims say about each segment, what they cannot say, and what to ask."""

from __future__ import annotations

from numbers import Real

import pandas as pd

from seglib import wording
from seglib.clustering import prediction
from seglib.personas import names, playbook, profile
from seglib.personas.evidence import Evidence
from seglib.personas.names import has_level, numbers

WORDS, CLAIMS = names.WORDS, wording.table("claims")
SECTIONS = CLAIMS["sections"]
SAME = 0.5  # |rank correlation| of two columns from which they say the same of a customer
MARK = 0.25  # strength from which a claim may lead: a medium difference (d of about 0.5)
MARKS = 3
LEAST = 5  # sentences that a card begins with, if there are so many
ALWAYS = "size", "revenue"
APART = {"afterwards", "pain_points", "rule", "near", "example", "size"}  # have their own place
RECORDED = {"demographic", "geographic"}  # bases of columns that say who somebody is
DEFINES, BESIDES, AGAIN = (CLAIMS["headings"][key] for key in ("defines", "besides", "again"))


def personas(ev: Evidence, claims: list[dict]) -> list[dict]:
    """Return one persona per segment from its claims, as in personas.json.

    Parameters
    ----------
    ev : Evidence
    gaps : list of dict
        The claims.
    """
    sizes, before = profile.sizes(ev.labels, ev.spend), names.before(ev.run)
    stable = {s["segment"]: s for s in ev.verdict.get("segments", [])}
    result = []
    for segment in ev.segments:
        rows = [c for c in claims if c["segment"] == segment and c["of"] == ev.of]
        parts = {s: [c["id"] for c in rows if s in c["sections"]] for s in [*SECTIONS, "rule"]}
        own, size = marks(ev, rows), sizes.loc[segment]
        same = again(ev, rows, own)
        shown = segment in ev.sized
        result.append(
            {
                "segment": segment,
                "name": ev.names[segment],
                "about": about(ev),
                **_naming(ev, segment, before),
                "n": int(size["n"]) if shown else None,
                "share": size["share"] if shown else None,
                "revenue_share": size.get("value_share") if shown else None,
                "size_rank": int((sizes["n"] > size["n"]).sum()) + 1,
                "jaccard": stable.get(segment, {}).get("jaccard"),
                "stable": stable.get(segment, {}).get("stable"),
                "summary": [c["id"] for c in summary(rows, own, same)],
                "marks": [c["id"] for c in own],
                "again": [c["id"] for c in same],
                "facts": {s: ids for s, ids in parts.items() if ids},
                "unknown": unknown(ev, rows, parts),
                "typical": [c["id"] for c in rows if c["rule"] == "example"],
                "note": ev.run.study.personas.notes.get(segment, ""),
            }
        )
    return result


def _naming(ev: Evidence, segment: int, before: dict[int, dict]) -> dict:
    """Return who named a segment, and the name that it had at an earlier date if another."""
    by_analyst = len(ev.segments) > 1 and segment in ev.analyst_names
    old = before.get(segment)
    other = old and old["earlier"] and old["name"] != ev.names[segment]
    formerly = old["name"] if other else ""
    return {"named_by": "analyst" if by_analyst else "rule", "formerly": formerly}


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
        beyond = " beyond what is recorded" * (gap["unless"] == ["who"] and bool(bases & RECORDED))
        gaps.append(
            {
                "topic": gap["topic"] + beyond,
                "why": WORDS["why"].get(why, why),
                "questions": list(gap["ask"]),
            }
        )
    reasons = dict.fromkeys(q for c in rows if (q := WORDS["reasons"].get(c["rule"])))
    if reasons:
        gaps.append(
            {
                "topic": "the reasons for what goes wrong",
                "questions": list(reasons),
                "why": "the data show that it happens, not why",
            }
        )
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
    able = [
        c
        for c in rows
        if c["strength"] >= MARK
        and c["kind"] != "ratio"
        and not {"near", "example", "afterwards"} & set(c["sections"])
    ]
    return distinct(ev, able, MARKS)


def strongest(claims: list[dict]) -> list[dict]:
    """Return the strongest claims of each section, in the order of the sections."""
    kept: list[dict] = []
    for section in ["size", *SECTIONS, "rule"]:
        rows = [c for c in claims if c["sections"][0] == section]
        size = moved if section == "goals" else lambda c: c["strength"]
        rows.sort(key=lambda c, size=size: (-size(c), c["source"]["column"], c["source"]["level"]))
        kept += rows[: CLAIMS["most"].get(section, 2)]
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


def distinct(ev: Evidence, rows: list[dict], most: int) -> list[dict]:
    """Return the strongest claims, at most so many, no two of which say the same."""
    kept: list[dict] = []
    for claim in sorted(rows, key=lambda c: -c["strength"]):
        if len(kept) < most and not any(akin(ev, claim, other) for other in kept):
            kept.append(claim)
    return kept


def again(ev: Evidence, rows: list[dict], own: list[dict]) -> list[dict]:
    """Return the claims that say again what the marks say, seen from another side."""
    ids = {c["id"] for c in own}
    able = [c for c in rows if c["id"] not in ids and c["direction"]]
    able = [c for c in able if not APART & set(c["sections"])]
    return [c for c in able if any(akin(ev, c, mark) for mark in own)]


def akin(ev: Evidence, one: dict, other: dict) -> bool:
    """Return whether two claims rest on columns that say the same of a customer."""
    if one["source"]["column"] == other["source"]["column"]:
        return True
    pair = [_values(ev, claim) for claim in (one, other)]
    if any(values is None for values in pair):
        return False
    both = pd.concat(pair, axis=1).dropna().rank()
    varied = len(both) > 2 and (both.nunique() > 1).all()
    return bool(varied and abs(both.iloc[:, 0].corr(both.iloc[:, 1])) >= SAME)


def _values(ev: Evidence, claim: dict) -> pd.Series | None:
    """Return what a claim says of each customer, as numbers; None where it is of no column."""
    source, column = claim["source"], claim["source"]["column"]
    if source["table"] == "campaigns.parquet" and column == "contacts":
        return ev.campaigns["contacts"]
    if source["table"] != "customers.parquet" or column not in ev.customers:
        return None
    values = ev.customers[column]
    return has_level(values, source["level"]) if source["level"] else numbers(values)


def summary(rows: list[dict], own: list[dict], same: list[dict]) -> list[dict]:
    """Return what a card begins with: size, marks, what came after, and what sets it off.

    Where these are fewer than `LEAST`, warning signs, who they are and what they buy fill up.
    """
    first = [c for c in rows if c["rule"] in ALWAYS]
    after = [c for c in rows if "afterwards" in c["sections"]][:1]
    order = [*first, *own, *after, *(c for c in rows if "near" in c["sections"])]
    parts = [key for key in ("pain_points", "who", "goals", *SECTIONS) if key != "near"]
    spare = {c["id"]: c for key in parts for c in rows if key in c["sections"]}
    spare = [c for c in spare.values() if c not in order and c not in same]
    return order + spare[: max(0, LEAST - len(order))]


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
    """Return heading and claims of each part of a persona; no claim of the summary, none twice.

    Claims that say again what the marks say come last, together.
    """
    by_id, used = {c["id"]: c for c in claims}, {*person["summary"], *person["again"]}
    headings = {key: heading_of(part, person) for part in WORDS["parts"] for key in part["in"]}
    headings = {key: headings.get(key, heading) for key, heading in SECTIONS.items()}
    parts: dict[str, list[dict]] = {heading: [] for heading in headings.values()}
    for key in ["pain_points", *SECTIONS]:  # a warning is told as such, and not again
        ids = [i for i in person["facts"].get(key, []) if i not in used]
        used |= set(ids)
        parts[headings[key]] += [by_id[i] for i in ids]
    parts[AGAIN] = [by_id[i] for i in person["again"] if i not in person["summary"]]
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
    judged = any(row.get("stable") for row in rows)
    usable = len(ev.segments) > 1 and ev.verdict.get("kind") != "none"
    doubt = "some" if poor else "none" if judged else "unknown"
    return {
        "use": "some" if usable else "none",
        "headline": ev.verdict["headline"],
        "doubt": doubt,
        "poor": poor,
        "n": len(rows),
    }


def answer(ev: Evidence, people: list[dict], book: dict) -> dict:
    """Return the words of the answer: whom there is, whom to look at first, and what to try."""
    first = book["targeting"]["ranking"][0]
    actions = [r["action"] for r in book["levers"] if r["segment"] == first["segment"]]
    return trust(ev) | {
        "people": [p for p in people if p["share"] is not None],
        "first": first["name"],
        "weights": "equal" if book["targeting"]["equal"] else "own",
        "action": actions[0] if actions else "",
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
    for row in book["levers"]:
        test, segment = row["experiment"], row["segment"]
        if test["baseline"] is None:
            continue
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


def markdown(people: list[dict], claims: list[dict], title: str, levers=()) -> str:
    """Return the personas as Markdown for a wiki or a deck, with the playbook's levers if given."""
    by_id = {c["id"]: c for c in claims}
    cards = [
        {
            **person,
            "opening": opening(person, claims),
            "sections": sections(person, claims),
            "rule": [by_id[i] for i in person["facts"].get("rule", [])],
            "example": [by_id[i] for i in person["typical"]],
            "levers": [
                row | {"advice": playbook.advice(row)}
                for row in levers
                if row["segment"] == person["segment"]
            ],
        }
        for person in people
    ]
    return wording.plain("04_persona_definition", "personas_md", title=title, cards=cards) + "\n"


def assignments(ev: Evidence) -> pd.DataFrame:
    """Return customer, segment, name, probability and scores, if any: what a CRM needs."""
    members = ev.run.read("segments.parquet")[["segment", "probability"]]
    members.insert(1, "name", members["segment"].map(ev.names))
    if ev.run.has("scores.parquet"):
        members = members.join(ev.run.read("scores.parquet"))
    return members.rename_axis("customer").reset_index()


def assigned(ev: Evidence) -> list[dict]:
    """Return what each column of segments.csv means, a row a column."""
    study = ev.run.study
    useful = ev.verdict.get("usefulness") or {}
    when = f" in the {study.holdout} days from {ev.run.as_of}" * (not study.snapshot)
    words = {
        "key": study.key_meaning,
        "who": study.customer,
        "when": when,
        "numbers": "of rows" if study.numbered else "kept",
    }
    columns = {name: {} for name in ("customer", "segment", "name", "probability")}
    for row in useful.get("outcomes", []):
        if row.get("recommended"):
            score, decile = prediction.score_columns(row)
            kind = "chance" if row["metric"] == "AUC" else "amount"
            columns |= {
                score: {"column": "score", "kind": kind, "outcome": row["outcome"]},
                decile: {"column": "decile", "score": score},
            }
    if ev.verdict.get("kind") == "none" and useful.get("instead") == "rfm_tiers":
        columns |= {
            f"{of}_tier": {"column": "tier", "of": of}
            for of in ("recency", "frequency", "monetary")
        }
    return [
        {
            "column": name,
            "meaning": wording.plain(
                "04_persona_definition", "column_meaning", **{"column": name} | words | about
            ),
        }
        for name, about in columns.items()
    ]
