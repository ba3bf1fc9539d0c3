"""The summary of a study: the page that a manager reads first, from the files of its runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import pandas as pd

from seglib import wording
from seglib.clustering.segmenter import numbered
from seglib.personas.targeting import answerable, passed_over
from seglib.plots import colours
from seglib.report import exhibits, markup
from seglib.report.pages import PAGES, ReportError, provenance, render
from seglib.runs import verify
from seglib.study import Study

FILES = ("verdict", "personas", "claims", "playbook", "measures", "quality")
# Sections of claims that only say what the line of sizes says.
SAID_ABOVE = {"size", "value"}
# Tests proposed at once: whoever starts more at a time cannot tell what worked.
ACTIONS = 3
DOUBTFUL = {"doubtful", "distrust"}
# How far to trust segments of a kind, as one word; those of all other kinds: low.
TRUST = {"natural": "high", "reproducible": "fair"}
DOCUMENTS = wording.table("documents")


def runs(study: Study, staged: tuple | None = None) -> list[dict]:
    """Return the runs of a study that have pages, newest first.

    `staged` are date, data folder and pages folder of a run that is not in its place yet.
    """
    manifests = study.folder.glob("[!.]*/manifest.json")
    places = {p.parent.name: (p.parent, study.reports / p.parent.name) for p in manifests}
    if staged:
        places[str(staged[0])] = (Path(staged[1]), Path(staged[2]))
    every = [
        {
            "day": day,
            "folder": data,
            "manifest": _read(data / "manifest.json"),
            "pages": [f"{day}/{p}.html" for p in PAGES if (pages / f"{p}.html").is_file()],
        }
        for day, (data, pages) in sorted(places.items(), reverse=True)
    ]
    return [run for run in every if run["pages"]]


def build(study: Study, runs: Sequence[dict], out_path: str | Path) -> Path:
    """Write the summary of the newest run; a file that is missing leaves its section out.

    Raises ReportError if there is no run or a file is not readable, StudyError if the files of a
    run are not of one make.
    """
    if not runs:
        raise ReportError(f"no run of {study.title!r} has pages yet: run the study first")
    for each in runs:
        verify(Path(each["folder"]))
    ordered = sorted(runs, key=lambda run: run["day"], reverse=True)
    newest = ordered[0]
    terms = f"{newest['day']}/{markup.GLOSSARY}"
    past = history(list(map(_with_files, ordered)))
    html = render(
        "summary.html.j2",
        study=study,
        who=f"{study.customer}s",
        manifest=newest["manifest"],
        pages=[(*PAGES[Path(page).stem], page) for page in newest["pages"]],
        printable=f"{newest['day']}/personas.html"
        * ("personas.json" in os.listdir(newest["folder"])),
        cards=next((page for page in newest["pages"] if "/04_" in page), ""),
        documents=documents(newest, study),
        uses=DOCUMENTS,
        glossary=terms,
        footer=provenance(newest["manifest"]),
        history=past,
        history_colours=colours(past["names"]),
        **values(Path(newest["folder"])),
    )
    Path(out_path).write_text(markup.glossed(html, terms), encoding="utf-8")
    return Path(out_path)


def documents(run: Mapping, study: Study) -> dict[str, str]:
    """Return the address of each file of a run from where the summary will be."""
    place = Path(os.path.relpath(study.folder / run["day"], study.reports)).as_posix()
    there = (name for name in DOCUMENTS if (Path(run["folder"]) / name).is_file())
    return {name: f"{place}/{name}" for name in there}


def _read(path: Path):
    """Return the content of a JSON file, or None if there is no such file."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        text = f"{path} is not readable JSON ({error}): run its notebook again"
        raise ReportError(text) from None


def values(folder: Path) -> dict:
    """Return what the sections of the summary show, from the files of a run."""
    read = {name: _read(folder / f"{name}.json") for name in FILES}
    verdict, measures = read["verdict"] or {}, read["measures"] or {}
    playbook = read["playbook"] or {}
    segments = _segments(read)
    ranking = (playbook.get("targeting") or {}).get("ranking", [])
    levers = playbook.get("levers", [])
    ready, waiting, later = actions(levers, [row["segment"] for row in ranking])
    checks = read["quality"] and [row for row in read["quality"] if not row.get("period")]
    names = {row["segment"]: row["name"] for row in segments}
    none = verdict.get("kind") == "none"
    use, tested = verdict.get("instead", "nothing"), "yes" if verdict.get("usefulness") else "no"
    return {
        "verdict": verdict,
        "kind": kind(verdict),
        "trust": TRUST.get(kind(verdict), "low") if verdict else "",
        "instead": wording.plain("verdict", "instead", instead=use, tested=tested) if none else "",
        "segments": segments,
        "matter": _matter(segments, measures),
        "names": names,
        "colours": colours([row["segment"] for row in verdict.get("segments", [])] + list(names)),
        "ready": ready,
        "later": later,
        "instead_of": passed_over(next(iter(ready), None), levers, ranking),
        "waiting": waiting,
        "underserved": (playbook.get("targeting") or {}).get("underserved") or [],
        "measures": measures,
        "product_verdict": _read(folder / "product_verdict.json") or {},
        "product_groups": product_groups(
            folder / "product_segments.parquet",
            {r["segment"]: r["name"].partition(" ")[2] for r in playbook.get("range", [])},
        ),
        "quality": checks,
    }


# --- the segments ---------------------------------------------------------------------------------


def _segments(read: dict) -> list[dict]:
    claims = {claim["id"]: claim for claim in read["claims"] or []}
    sound = {row["segment"]: row for row in (read["verdict"] or {}).get("segments", [])}
    people = read["personas"] or []
    months = exhibits.by_month((read["measures"] or {}).get("kpis", []))
    rows = []
    for persona in people:
        number = persona["segment"]
        wanted = [*persona.get("summary", []), *chain(*(persona.get("facts") or {}).values())]
        stated = [claims[key] for key in dict.fromkeys(wanted) if key in claims]
        state = sound.get(number, {})
        own = {"claims": [c for c in stated if not SAID_ABOVE & set(c.get("sections", ()))][:2]}
        own |= {"doubtful": state if state.get("stable") in DOUBTFUL else None}
        rows.append(persona | own | {"months": months.get(number)})
    return rows


def _matter(segments: list[dict], measures: dict) -> dict:
    valued = [row for row in segments if row.get("revenue_share") is not None]
    differing = [row for row in measures.get("outcomes", []) if row.get("differs")]
    if len(segments) < 2:
        return {}
    if valued:
        return {"by": "revenue", "most": max(valued, key=lambda row: row["revenue_share"])}
    if differing:
        label = differing[0]["label"]
        same = [row for row in measures["outcomes"] if row["label"] == label]
        everyone = next((row for row in same if row["segment"] == 0), None)
        most = max((row for row in differing if row["label"] == label), key=lambda r: r["value"])
        return {"by": "outcome", "most": most, "everyone": everyone}
    first, second = sorted(segments, key=lambda row: -(row.get("share") or 0))[:2]
    alone = (first.get("share") or 0) > (second.get("share") or 0)
    return {"by": "size", "most": first if alone else None}


# --- what to do -----------------------------------------------------------------------------------


def actions(levers: list[dict], order: list[int]) -> tuple[list[dict], list[dict], list[int]]:
    """Return the tests for Monday, what cannot be answered yet, and the segments to test later.

    A segment's first lever that it is large enough to test is ready, by the order of priority and
    at most three; the first lever of a segment without any waits.
    """
    places = {segment: place for place, segment in enumerate(order)}
    by_segment: dict[int, list[dict]] = {}
    for lever in levers:
        by_segment.setdefault(lever["segment"], []).append(lever)
    ready, waiting = [], []
    for segment in sorted(by_segment, key=lambda s: (places.get(s, len(places)), s)):
        own = by_segment[segment]
        testable = [row | {"test": test} for row in own if (test := answerable(row))]
        (ready if testable else waiting).append((testable or own)[0])
    return ready[:ACTIONS], waiting, [row["segment"] for row in ready[ACTIONS:]]


# --- what is sold ---------------------------------------------------------------------------------


def product_groups(path: Path, names: Mapping, typical: int = 4) -> list[tuple]:
    """Return number, name, size and most typical members of each product segment."""
    if not path.is_file():
        return []
    members = pd.read_parquet(path)
    if "probability" in members:
        members = members.sort_values("probability", ascending=False, kind="stable")
    groups = members.groupby("segment", sort=True)
    return [
        (int(s), names.get(s, ""), len(g), [n.capitalize() if n.isupper() else n for n in members])
        for s, g in groups
        for members in [g.index.astype(str)[:typical]]
    ]


# --- the runs over time ---------------------------------------------------------------------------

# Dates in the tables, the newest.
SHOWN = 8
# What is followed over the runs; `stayed` is in the table only.
MEASURES = "share", "revenue_share", "spend", "stayed"


def kind(verdict: Mapping) -> str:
    """Return what the segments of a run are; `hardly` if refits agree no better than by chance."""
    again = verdict.get("agreement") or {}
    all_apart = verdict.get("apart", 1) == verdict.get("k") > 1
    if verdict.get("kind") == "reproducible" and not again.get("beyond", True) and not all_apart:
        return "hardly"
    if verdict.get("kind") == "none" and not verdict.get("usefulness"):
        return "untested"
    return verdict.get("kind", "")


def _with_files(run: Mapping) -> dict:
    names = ("verdict", "personas", "measures", "model")
    read = {name: _read(Path(run["folder"]) / f"{name}.json") or {} for name in names}
    return {"day": run["day"], "pages": run["pages"], "kind": kind(read["verdict"])} | read


def history(found: Sequence[Mapping]) -> dict:
    """Return what the summary shows of all runs, newest first, as `_with_files` returns them."""
    by_day = {run["day"]: figures(run) for run in reversed(found)}
    every = [(day, s, row) for day, rows in by_day.items() for s, row in rows.items()]
    names = {s: row["name"] for _, s, row in every}  # the newest, as dates come in order
    former = {s: (day, row["formerly"]) for day, s, row in every if row["formerly"]}
    last = {s: day for day, s, _ in every}
    newest, recent = by_day[found[0]["day"]], list(by_day)[-SHOWN:]
    lines = {
        key: {s: [by_day[day].get(s, {}).get(key, {}) for day in recent] for s in sorted(names)}
        for key in MEASURES
        if sum(map(bool, by_day.values())) > 1
    }
    return {
        "runs": [
            run | {"numbered": run["model"] and numbered(run["model"], run["day"])} for run in found
        ],
        "counts": [(day, len(rows) or 1) for day, rows in by_day.items()][-SHOWN:],
        "panels": [
            {"key": key, "lines": own} for key, own in lines.items() if any(map(any, own.values()))
        ],
        "days": recent,
        "length": next(filter(None, (exhibits.days(run["measures"]) for run in found)), 0),
        "left_out": len(by_day) - len(recent),
        "names": dict(sorted(names.items())),
        "gone": [(s, names[s], last[s]) for s in sorted(names) if newest and s not in newest],
        "renamed": [(s, names[s], *former[s]) for s in sorted(former)],
    }


def figures(run: Mapping) -> dict[int, dict]:
    """Return name, share, revenue share, spend and stayed of each segment of a run by number.

    Empty if everybody is in one segment. Shares count all customers and have no interval; money is
    that of the holdout's number of days before the date. What may not be shown is {}.
    """
    people = run["personas"] or run["verdict"].get("segments", [])
    earlier = run["model"].get("numbered") or {}
    kept = earlier.get("kept", []) if earlier.get("as_of", run["day"]) < run["day"] else []
    stayed = {row["segment"]: {"value": row["both"] / row["before"]} for row in kept}
    kpis = [k for k in run["measures"].get("kpis", []) if k.get("period") == "before"]
    money = {(k["segment"], k["metric"]): k for k in kpis}
    rows = {}
    for person in people if len(people) > 1 else ():
        s = person["segment"]
        own = {"share": {"value": person.get("share")}, "stayed": stayed.get(s, {})}
        own["revenue_share"] = {"value": person.get("revenue_share")}
        own |= {key: money[s, key] for key in ("revenue_share", "spend") if (s, key) in money}
        hidden = (k for k, v in own.items() if v.get("value") is None or v.get("suppressed"))
        own |= {key: {} for key in [*hidden]}
        rows[s] = own | {"name": person.get("name") or f"Segment {s}"}
        rows[s]["formerly"] = person.get("formerly", "")
    return rows
