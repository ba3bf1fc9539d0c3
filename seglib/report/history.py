"""The runs of a study over time: each segment's share and worth at the dates of its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from seglib.clustering.segmenter import numbered
from seglib.study import Study

# Share of members that stayed below which a jump may be a new boundary rather than a change.
FEW = 2 / 3
# Dates in the tables, the newest.
SHOWN = 8
# What is followed over the runs; `stayed` is in the table only.
MEASURES = "share", "revenue_share", "spend", "stayed"


def kind(verdict: Mapping) -> str:
    """Return what the segments of a run are; `hardly` if refits agree no better than by chance."""
    again = verdict.get("agreement") or {}
    if verdict.get("kind") == "reproducible" and not again.get("beyond", True):
        return "hardly"
    if verdict.get("kind") == "none" and not verdict.get("usefulness"):
        return "untested"
    return verdict.get("kind", "")


def read(run: Mapping, load) -> dict:
    """Return a run as `history` wants it: its date and pages, and its files as read."""
    folder = Path(run["folder"])
    names = ("verdict", "personas", "measures", "model")
    return {"day": run["day"], "pages": run["pages"]} | {
        name: load(folder / f"{name}.json") for name in names
    }


def history(found: Sequence[Mapping], study: Study) -> dict:
    """Return what the summary shows of all runs, given newest first as `read` returns them."""
    by_day = {run["day"]: figures(run) for run in reversed(found)}
    names = {s: row["name"] for rows in by_day.values() for s, row in rows.items()}
    former = {
        s: (day, row["formerly"])  # the newest, as dates come in order
        for day, rows in by_day.items()
        for s, row in rows.items()
        if row["formerly"]
    }
    several = sum(bool(rows) for rows in by_day.values()) > 1
    newest, recent = by_day[found[0]["day"]], list(by_day)[-SHOWN:]
    return {
        "runs": [*map(_row, found)],
        "counts": [(day, len(rows) or 1) for day, rows in by_day.items()][-SHOWN:],
        "panels": [panel(by_day, recent, key) for key in MEASURES if several],
        "days": recent,
        "length": next(filter(None, (days(run["measures"]) for run in found)), 0),
        "left_out": len(by_day) - len(recent),
        "names": dict(sorted(names.items())),
        "gone": [
            (s, name, max(day for day, rows in by_day.items() if s in rows))
            for s, name in sorted(names.items())
            if newest and s not in newest
        ],
        "renamed": [(s, names[s], *former[s]) for s in sorted(former)],
        "jumped": [
            (s, day, row["stayed"]["value"])
            for day in recent
            for s, row in by_day[day].items()
            if row["stayed"] and row["stayed"]["value"] < FEW
        ],
        "waiting": sorted(set(study.personas.names) - set(newest)) if newest else [],
    }


def figures(run: Mapping) -> dict[int, dict]:
    """Return name, share, revenue share, spend and stayed of each segment of a run by number.

    Empty if everybody is in one segment. Shares count all customers and have no interval; money is
    that of the holdout's number of days before the date.
    """
    people = run["personas"] or (run["verdict"] or {}).get("segments", [])
    if len(people) < 2:
        return {}
    numbered = (run["model"] or {}).get("numbered") or {}
    stayed = {
        row["segment"]: {"value": row["both"] / row["before"]}
        for row in numbered.get("kept", [])
        if numbered["as_of"] < run["day"]
    }
    kpis = (run["measures"] or {}).get("kpis", [])
    money = {(k["segment"], k["metric"]): k for k in kpis if k.get("period") == "before"}
    rows = {}
    for person in people:
        number = person["segment"]
        rows[number] = {
            "name": person.get("name") or f"Segment {number}",
            "formerly": person.get("formerly", ""),
            "share": {"value": person.get("share")},
            "revenue_share": money.get((number, "revenue_share"))
            or {"value": person.get("revenue_share")},
            "spend": money.get((number, "spend")) or {},
            "stayed": stayed.get(number, {}),
        }
    return rows


def panel(by_day: Mapping[str, Mapping], recent: list[str], key: str) -> dict:
    """Return one measure over the dates: segment → a figure a date, {} where there is none."""
    every = sorted({s for rows in by_day.values() for s in rows})
    lines = {s: [_figure(by_day[day].get(s, {}).get(key)) for day in recent] for s in every}
    return {"key": key, "lines": lines if any(map(any, lines.values())) else {}}


def _figure(value: Mapping | None) -> dict:
    usable = value and value.get("value") is not None and not value.get("suppressed")
    return dict(value) if usable else {}


def days(measures: Mapping | None) -> int:
    """Return how many days the measures of a run are counted over; 0 where nothing follows."""
    if not (measures or {}).get("until"):
        return 0
    until, start = (date.fromisoformat(str(measures[key])[:10]) for key in ("until", "as_of"))
    return (until - start).days


def _row(run: Mapping) -> dict:
    """Return a run as a row of the table."""
    verdict = run["verdict"] or {}
    return {
        "day": run["day"],
        "k": verdict.get("k"),
        "kind": kind(verdict),
        "pages": run["pages"],
        "analyst": verdict.get("k_chosen_by") == "analyst",
        "carried": verdict.get("carried"),
        "numbered": numbered(run["model"], run["day"]) if run["model"] else "",
    }
