"""The summary of a study: the page that a manager reads first, from the files of its runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import pandas as pd

from seglib import files, wording
from seglib.plots import colours
from seglib.report import glossary, history, portraits, report
from seglib.report.report import ReportError
from seglib.study import Study

FILES = (
    "verdict",
    "personas",
    "claims",
    "playbook",
    "measures",
    "product_verdict",
    "quality",
    "dictionary",
)
EVERYONE = 0
MAIN = {
    "active": ("Active {who}", "share"),
    "orders": ("{orders} per {one}", "orders"),
    "spend": ("Spend per {one}", "money"),
    "revenue_share": ("Share of revenue", "share"),
}
"""The measures that the table of the summary shows: heading and unit."""
ACTIONS = 3
"""Tests proposed at once: whoever starts more at a time cannot tell what worked."""
DOUBTFUL = {"doubtful", "distrust"}
TRUST = {"natural": "high", "reproducible": "fair"}
"""How far to trust segments of a kind, as one word; those of all other kinds: low."""
DOCUMENTS = wording.table("documents")


def runs(study: Study, staged: tuple | None = None) -> list[dict]:
    """Return the runs of a study that have pages, newest first.

    Parameters
    ----------
    study
    staged
        Date, data folder and pages folder of a run that is not in its place yet; it stands for
        the run of that date.

    Returns
    -------
    list of dict
        `day`, `folder`, `manifest` and `pages` (file names relative to reports/<study>/).
    """
    manifests = [
        path
        for path in study.folder.glob("*/manifest.json")
        if not path.parent.name.startswith(".")
    ]
    places = {p.parent.name: (p.parent, study.reports / p.parent.name) for p in manifests}
    if staged:
        places[str(staged[0])] = (Path(staged[1]), Path(staged[2]))
    every = [
        {
            "day": day,
            "folder": data,
            "manifest": _read(data / "manifest.json"),
            "pages": [f"{day}/{p}.html" for p in report.PAGES if (pages / f"{p}.html").is_file()],
        }
        for day, (data, pages) in sorted(places.items(), reverse=True)
    ]
    return [run for run in every if run["pages"]]


def build(study: Study, runs: Sequence[dict], out_path: str | Path) -> Path:
    """Write the summary of the newest run, with links to its pages and the history of runs.

    Parameters
    ----------
    study
    runs
        As `runs` returns them. A file that is missing leaves its section out or says why.
    out_path
        Where the page goes.

    Raises
    ------
    ReportError
        If there is no run, or a file of the run is not readable JSON.
    StudyError
        If the files of a run are not of one make.
    """
    if not runs:
        raise ReportError(f"no run of {study.title!r} has pages yet: run the study first")
    for each in runs:
        files.verify(Path(each["folder"]))
    ordered = sorted(runs, key=lambda run: run["day"], reverse=True)
    newest = ordered[0]
    terms = f"{newest['day']}/{glossary.PAGE}"
    past = history.history([history.read(run, _read) for run in ordered], study)
    html = report.render(
        "summary.html.j2",
        study=study,
        who=f"{study.customer}s",
        manifest=newest["manifest"],
        pages=[(*report.PAGES[Path(page).stem], page) for page in newest["pages"]],
        printable=_printable(newest),
        cards=next((page for page in newest["pages"] if "/04_" in page), ""),
        documents=documents(newest, study),
        uses=DOCUMENTS,
        glossary=terms,
        footer=report.provenance(newest["manifest"]),
        history=past,
        history_colours=colours(past["names"]),
        **values(Path(newest["folder"]), study),
    )
    Path(out_path).write_text(glossary.glossed(html, terms), encoding="utf-8")
    return Path(out_path)


def documents(run: Mapping, study: Study) -> dict[str, str]:
    """Return the address of each file of a run, from where the summary will be; by name.

    The files may still be staged, so addresses are those of the places to which they will go.
    """
    place = Path(os.path.relpath(study.folder / run["day"], study.reports)).as_posix()
    there = (name for name in DOCUMENTS if (Path(run["folder"]) / name).is_file())
    return {name: f"{place}/{name}" for name in there}


def _printable(run: dict) -> str:
    """Return the address of the personas for printing, empty where there are none."""
    described = (Path(run["folder"]) / "personas.json").is_file()
    return f"{run['day']}/personas.html" if described else ""


def _read(path: Path):
    """Return the content of a JSON file, or None if there is no such file."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ReportError(
            f"{path} is not readable JSON ({error}): run its notebook again"
        ) from None


def values(folder: Path, study: Study) -> dict:
    """Return what the sections of the summary show, from the files of a run."""
    read = {name: _read(folder / f"{name}.json") for name in FILES}
    verdict, measures = read["verdict"] or {}, read["measures"] or {}
    playbook = read["playbook"] or {}
    segments = _segments(folder, read, study)
    ranking = (playbook.get("targeting") or {}).get("ranking", [])
    ready, waiting = actions(playbook.get("levers", []), [row["segment"] for row in ranking])
    checks = read["quality"] and [row for row in read["quality"] if not row.get("period")]
    names = {row["segment"]: row["name"] for row in segments}
    return {
        "verdict": verdict,
        "kind": history.kind(verdict),
        "trust": TRUST.get(history.kind(verdict), "low") if verdict else "",
        "instead": _instead(verdict),
        "segments": segments,
        "matter": _matter(segments, measures),
        "names": names,
        "colours": colours([row["segment"] for row in verdict.get("segments", [])] + list(names)),
        "ready": ready,
        "instead_of": passed_over(ready, waiting, ranking),
        "waiting": waiting,
        "targeting": targeting(playbook.get("targeting") or {}),
        "measures": measures,
        "kpis": kpis(measures.get("kpis", []), study, measures.get("words", {})),
        "product_verdict": read["product_verdict"] or {},
        "product_groups": product_groups(folder / "product_segments.parquet"),
        "quality": checks,
        "findings": sorted(
            [row for row in checks or [] if row.get("failing")],
            key=lambda row: -row["failing"] / max(row["rows"], 1),
        ),
    }


def _instead(verdict: Mapping) -> str:
    """Return what to use where no segments are, empty if nothing was found to be better."""
    use = (verdict.get("usefulness") or {}).get("instead", "nothing")
    return wording.plain("verdict", "instead", instead=use) if verdict.get("kind") == "none" else ""


# --- the segments ---------------------------------------------------------------------------------


def _segments(folder: Path, read: dict, study: Study) -> list[dict]:
    """Return a row a persona: its claims, how sound it is, its fingerprint, its months."""
    claims = {claim["id"]: claim for claim in read["claims"] or []}
    sound = {row["segment"]: row for row in (read["verdict"] or {}).get("segments", [])}
    drawn = portraits.portraits(folder, read["dictionary"] or {}, study.minimum_cell)
    months = portraits.by_month((read["measures"] or {}).get("kpis", []))
    rows = []
    for persona in read["personas"] or []:
        number = persona["segment"]
        groups = persona.get("facts") or {}
        wanted = dict.fromkeys([*persona.get("summary", []), *chain(*groups.values())])
        stated = [claims[key] for key in wanted if key in claims]
        state = sound.get(number, {})
        rows.append(
            persona
            | {
                "claims": [c for c in stated if not SAID_ABOVE & set(c.get("sections", ()))][:2],
                "doubtful": state if state.get("stable") in DOUBTFUL else None,
                "fingerprint": drawn.get(number, {}).get("fingerprint", []),
                "months": months.get(number),
            }
        )
    return rows


SAID_ABOVE = {"size", "value"}
"""Sections of claims that only say what the line of sizes says."""


def _matter(segments: list[dict], measures: dict) -> dict:
    """Return what makes segments matter: revenue, an outcome in which they differ, or size."""
    valued = [row for row in segments if row.get("revenue_share") is not None]
    differing = [row for row in measures.get("outcomes", []) if row.get("differs")]
    if len(segments) < 2:
        return {}
    if valued:
        return {"by": "revenue", "most": max(valued, key=lambda row: row["revenue_share"])}
    if differing:
        label = differing[0]["label"]
        same = [row for row in measures["outcomes"] if row["label"] == label]
        everyone = next((row for row in same if row["segment"] == EVERYONE), None)
        most = max((row for row in differing if row["label"] == label), key=lambda r: r["value"])
        return {"by": "outcome", "most": most, "everyone": everyone}
    first, second = sorted(segments, key=lambda row: -(row.get("share") or 0))[:2]
    alone = (first.get("share") or 0) > (second.get("share") or 0)
    return {"by": "size", "most": first if alone else None}


# --- what to do -----------------------------------------------------------------------------------


def actions(levers: list[dict], order: list[int]) -> tuple[list[dict], list[dict]]:
    """Return the tests to start on Monday, and what cannot be answered yet.

    Parameters
    ----------
    levers
        Of playbook.json; a segment's first one comes first.
    order
        Segments in order of priority.

    Returns
    -------
    ready, waiting : list of dict
        At most three levers, each the first of its segment that the segment is large enough to
        test; and the first lever of every segment that has none.
    """
    places = {segment: place for place, segment in enumerate(order)}
    by_segment: dict[int, list[dict]] = {}
    for lever in levers:
        by_segment.setdefault(lever["segment"], []).append(lever)
    ready, waiting = [], []
    for segment in sorted(by_segment, key=lambda s: (places.get(s, len(places)), s)):
        own = by_segment[segment]
        testable = [row for row in own if (row.get("experiment") or {}).get("enough")]
        (ready if testable else waiting).append((testable or own)[0])
    return ready[:ACTIONS], waiting


def passed_over(ready: list[dict], waiting: list[dict], ranking: list[dict]) -> dict:
    """Return which segments the objective alone would put before the first action, and why not.

    Returns
    -------
    dict
        `segments`, those that fit the objective best, and `why`: their tests would not tell enough
        (waiting), nothing is suggested for them (idle), or other criteria outweigh it (weights).
        Empty if the first action is for one of them, or no figure of the objective is known.
    """
    fit = {row["segment"]: row.get("scores", {}).get("objective") for row in ranking}
    fit = {segment: value for segment, value in fit.items() if value is not None}
    best = [segment for segment, value in fit.items() if value > max(fit.values()) - 0.005]
    if not ready or not best or ready[0]["segment"] in best:
        return {}
    testable, blocked = ({lever["segment"] for lever in rows} for rows in (ready, waiting))
    why = "weights" if testable & {*best} else "waiting" if blocked & {*best} else "idle"
    return {"segments": best, "why": why}


def targeting(found: dict) -> dict:
    """Return the ranking of segments: score, place under other weights, each weighted criterion."""
    weights = {key: weight for key, weight in (found.get("weights") or {}).items() if weight}
    ranking, glosses = found.get("ranking", []), found.get("meaning", {})
    columns = [[_two(row.get("score")) for row in ranking]]
    columns += [[_range(row.get("best"), row.get("worst")) for row in ranking]]
    columns += [[_two(row.get("scores", {}).get(key)) for row in ranking] for key in weights]
    return {
        "criteria": {key: (glosses.get(key, ""), weight) for key, weight in weights.items()},
        "equal": len(set(weights.values())) == 1,
        "rows": [(row["segment"], cells) for row, *cells in zip(ranking, *columns, strict=True)],
        "underserved": found.get("underserved") or [],
    }


def _two(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _range(low, high) -> str:
    if low is None or high is None:
        return "–"
    return str(low) if low == high else f"{low} to {high}"


# --- what happened, what is sold ------------------------------------------------------------------


def kpis(rows: list[dict], study: Study, words: Mapping[str, str]) -> dict:
    """Return a small table of the measures: segment × figure, each before and after."""
    cells = {(row["segment"], row["metric"], row["period"]): row.get("value") for row in rows}
    periods = [p for p in ("before", "after") if any(key[2] == p for key in cells)]
    metrics = [m for m in MAIN if any(key[1] == m and key[2] in periods for key in cells)]
    segments = sorted({key[0] for key in cells}, key=lambda s: (s == EVERYONE, s))
    orders, one = words.get("orders", "orders").capitalize(), study.customer
    columns = []
    for metric in metrics:
        unit = study.currency if metric == "spend" else MAIN[metric][1]
        values = [cells.get((s, metric, p)) for s in segments for p in periods]
        texts = wording.column(values, unit)
        columns.append([_change(t) for t in zip(*[iter(texts)] * len(periods), strict=True)])
    return {
        "periods": periods,
        "metrics": [MAIN[m][0].format(who=f"{one}s", one=one, orders=orders) for m in metrics],
        "rows": list(zip(segments, zip(*columns, strict=True), strict=True)) if columns else [],
    }


def _change(texts: tuple[str, ...]) -> str:
    return " → ".join(texts) if set(texts) != {"–"} else "–"


def product_groups(path: Path, typical: int = 4) -> list[tuple[int, int, list[str]]]:
    """Return number, size and most typical members of each product segment."""
    if not path.is_file():
        return []
    members = pd.read_parquet(path)
    if "probability" in members:
        members = members.sort_values("probability", ascending=False, kind="stable")
    groups = members.groupby("segment", sort=True)
    return [(int(s), len(g), [_readable(str(n)) for n in g.index[:typical]]) for s, g in groups]


def _readable(name: str) -> str:
    """Return a name without the capital letters of the data."""
    return name.capitalize() if name.isupper() else name
