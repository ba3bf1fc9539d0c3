"""The runs of a study as a time line: each segment's share and worth at the dates of its runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from seglib import files, wording
from seglib.clustering import numbering
from seglib.report import trust

FEW = 2 / 3  # share of members that stayed below which a jump may be the cut's
SHOWN = 8  # dates in the tables, the newest
WORDS = {
    "natural": "separate groups", "reproducible": "regions that come back",
    "constructive": "a cut we make", "none": "no groups",
}  # fmt: skip
"""What a verdict's kind is called in a table."""

MEASURES = {"share": "Share of {who}", "revenue_share": "Share of revenue",
            "spend": "Spend per {one}, {days} days", "stayed": "Members that stayed"}  # fmt: skip
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 210, 50, 34, 12, 30  # of a panel, in its own units


def timeline(
    found: Sequence[Mapping], names: Mapping[int, str], who: str = "customers", currency: str = ""
) -> dict:
    """Return what the summary shows of all runs.

    Parameters
    ----------
    found
        One mapping a run, newest first: `day`, `folder`, `pages`, and what its files `verdict`,
        `personas`, `measures` and `model` hold, None if there is no such file.
    names
        The names that study.yaml gives to segments.
    who
        What customers are called.

    Returns
    -------
    dict
        `runs`, a row a run; `said`, sentences; `panels` and `groups`, the figures over time,
        empty if fewer than two runs have segments; `names`, the newest of each segment.
    """
    known = {run["day"]: figures(run) for run in reversed(found)}
    with_segments = [day for day, rows in known.items() if rows]
    called = {s: row["name"] for rows in known.values() for s, row in rows.items()}
    several = len(with_segments) > 1
    heads = {key: text.format(who=who, one=who.removesuffix("s"), days=_days(found))
             for key, text in MEASURES.items()}  # fmt: skip
    units = {"spend": currency or "money"}
    shown = MEASURES if several else ()
    panels = [panel(known, key, heads[key], units.get(key, "share")) for key in shown]
    panels = [p for p in panels if p["lines"]]
    newest = list(known)[-SHOWN:]
    return {
        "runs": [_row(run, found) for run in found],
        "said": _said(known, called, names, found) if found else [],
        "panels": [p for p in panels if p["key"] != "stayed"],
        "groups": [(p["title"], _table(p, newest, called)) for p in panels],
        "days": newest, "left_out": len(known) - len(newest),
        "names": dict(sorted(called.items())),
    }  # fmt: skip


def figures(run: Mapping) -> dict[int, dict]:
    """Return name, share, revenue share, spend and stayed of each segment of a run by number.

    Empty if everybody is in one segment. Shares of customers are counts of all of them and have no
    interval; money is that of the holdout's number of days before the date, with its interval.
    """
    people = run["personas"] or (run["verdict"] or {}).get("segments", [])
    if len(people) < 2:
        return {}
    numbered = (run["model"] or {}).get("numbered") or {}
    stayed = {
        row["segment"]: row for row in numbered.get("kept", []) if numbered["as_of"] < run["day"]
    }
    kpis = (run["measures"] or {}).get("kpis", [])
    money = {(k["segment"], k["metric"]): k for k in kpis if k.get("period") == "before"}
    rows = {}
    for person in people:
        number = person["segment"]
        worth = money.get((number, "revenue_share")) or {"value": person.get("revenue_share")}
        kept = stayed.get(number)
        rows[number] = {
            "name": person.get("name") or f"Segment {number}",
            "formerly": person.get("formerly", ""),
            "share": {"value": person.get("share")},
            "revenue_share": worth, "spend": money.get((number, "spend")) or {},
            "stayed": {"value": kept["both"] / kept["before"]} if kept else {},
        }  # fmt: skip
    return rows


def _days(found: Sequence[Mapping]) -> str:
    """Return how many days the money of a run is counted over, from its newest measures."""
    spans = [run["measures"] for run in found if (run["measures"] or {}).get("until")]
    if not spans:
        return "some"
    until, start = (date.fromisoformat(str(spans[0][key])[:10]) for key in ("until", "as_of"))
    return str((until - start).days)


def _row(run: Mapping, found: Sequence[Mapping]) -> dict:
    verdict = run["verdict"] or {}
    kind = WORDS.get(verdict.get("kind"), "–")
    if trust.hardly(verdict):
        kind = "a cut whose borders hold hardly better than chance"
    if verdict.get("k_chosen_by") == "analyst":
        kind += ", their number chosen by the analyst"
    if verdict.get("carried"):
        kind += f", as on {wording.day(verdict['carried'])}; not yet tested on what happens next"
    folders = {other["day"]: other["folder"] for other in found}
    return {"day": run["day"], "k": verdict.get("k"), "kind": kind, "pages": run["pages"],
            "numbered": numbered(run, folders)}  # fmt: skip


def numbered(run: Mapping, folders: Mapping[str, Path]) -> str:
    """Return where the numbers of a run's segments come from, and whether that still holds."""
    if not run["model"]:
        return ""
    text, about = numbering.sentence(run["model"], run["day"]), run["model"].get("numbered")
    if not about or about["as_of"] == run["day"]:
        return text
    there = folders.get(about["as_of"])
    path = Path(there or "") / "segments.parquet"
    if not (there and path.is_file()):
        text += " That run is no longer there."
    elif about["as_of"] < run["day"] and files.digest(path) != about.get("digest"):
        text += " That run has been made again since: run this date again to follow it."
    return text


def _listed(numbers: Sequence[int]) -> str:
    return wording.listing([f"segment {n}" for n in numbers])


def _said(
    known: dict, called: dict, names: Mapping[int, str], found: Sequence[Mapping]
) -> list[str]:
    """Return what a reader must know before comparing the runs."""
    days = list(known)
    counts = [len(rows) or 1 for rows in known.values()]
    said = []
    if len(days) > 1 and len(set(counts)) == 1 and counts[0] > 1:
        said.append(f"All {len(days)} runs have {counts[0]} segments.")
    elif len(days) > 1:
        parts = [
            f"{wording.day(d)} {n}" for d, n in zip(days[-SHOWN:], counts[-SHOWN:], strict=True)
        ]
        said.append(f"The number of segments is not the same in all runs: {', '.join(parts)}.")
    newest = known[days[-1]]
    for number, name in sorted(called.items()):
        dates = [d for d in days if number in known[d]]
        if number not in newest and newest:
            said.append(
                f"Segment {number}, {name}, was last found on {wording.day(dates[-1])}: its people "
                "are now spread over others."
            )
        changes = [(d, known[d][number]["formerly"]) for d in dates if known[d][number]["formerly"]]
        if changes:
            day, old = changes[-1]
            why = "named anew" if number in names else "that is no longer true of it"
            said.append(f"Segment {number}, {name}, was {old} until {wording.day(day)}: {why}.")
    said += _moved(known)
    lost = sorted(set(names) - set(newest))
    if lost and newest:
        said.append(
            f"study.yaml names {_listed(lost)}, which the newest run does not have: the name waits."
        )
    return said


def _moved(known: dict) -> list[str]:
    """Return a warning where a segment is the same by number, but many of its members left."""
    few = [
        f"segment {number} on {wording.day(day)} ({wording.share(row['stayed']['value'])})"
        for day in list(known)[-SHOWN:]
        for number, row in known[day].items()
        if row["stayed"] and row["stayed"]["value"] < FEW
    ]
    if not few:
        return []
    return [
        "Each run finds its segments anew. Where fewer than two in three members stayed, a jump is "
        f"as much a new cut as a change of the people: {wording.listing(few)}."
    ]


def panel(known: Mapping[str, Mapping], key: str, title: str, unit: str) -> dict:
    """Return where the lines, dots and labels of a small figure are: one figure over the dates."""
    values = {day: {s: row[key] for s, row in rows.items() if _number(row[key])}
              for day, rows in known.items()}  # fmt: skip
    every = [v for rows in values.values() for v in rows.values()]
    least = min((v["low"] if _ends(v) else v["value"] for v in every), default=0.0)
    most = max((v["high"] if _ends(v) else v["value"] for v in every), default=1.0)
    bottom, top, step = _scale(least, most)
    start, end = (date.fromisoformat(day).toordinal() for day in (min(known), max(known)))

    def x(day: str) -> float:
        part = (date.fromisoformat(day).toordinal() - start) / max(end - start, 1)
        return round(LEFT + 10 + part * (WIDTH - LEFT - RIGHT - 20), 1)

    def y(value: float) -> float:
        part = (value - bottom) / (top - bottom)
        return round(HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM), 1)

    lines = []
    for number in sorted({s for rows in values.values() for s in rows}):
        dots = [(day, values[day].get(number)) for day in values]
        runs, places = [[]], [(x(d), y(v["value"])) if v else None for d, v in dots]
        for place in places:
            runs[-1].append(place) if place else runs.append([])
        bars = [(x(d), y(v["low"]), y(v["high"])) for d, v in dots if v and _ends(v)]
        lines.append({"segment": number, "paths": [p for p in runs if len(p) > 1], "bars": bars,
                      "dots": [p for p in places if p]})  # fmt: skip
    _labelled(lines)
    marks = range(round(bottom / step), round(top / step) + 1)
    ticks = [(y(i * step), wording.amount(i * step, unit)) for i in marks]
    return {"key": key, "title": title, "unit": unit, "values": values, "lines": lines,
            "ticks": ticks, "dates": [(x(d), _short(d)) for d in _some(list(known))]}  # fmt: skip


def _number(found: Mapping) -> bool:
    return isinstance(found.get("value"), int | float) and not found.get("suppressed")


def _ends(found: Mapping) -> bool:
    return found.get("low") is not None and found.get("high") is not None


def _scale(lowest: float, highest: float) -> tuple[float, float, float]:
    """Return the ends of an axis that holds 0 and all values, and the distance of its ticks.

    The ends are round numbers about three ticks apart; where all values are 0, one tick.
    """
    least, most = min(lowest, 0.0), max(highest, 0.0)
    size = 10 ** math.floor(math.log10((most - least) / 3)) if most > least else 1.0
    step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size * 3 >= (most - least) * 0.999)
    bottom, top = step * math.floor(least / step + 1e-9), step * math.ceil(most / step - 1e-9)
    return bottom, top if top > bottom else step, step


def _labelled(lines: list[dict], gap: float = 17) -> None:
    """Put a label after the last dot of each line, none upon another or below the figure."""
    for end in {line["dots"][-1][0] for line in lines}:
        here = [line for line in lines if line["dots"][-1][0] == end]
        here.sort(key=lambda line: line["dots"][-1][1])
        places: list[float] = []
        for line in here:
            places.append(max(line["dots"][-1][1], *(p + gap for p in places[-1:]), 0))
        below = HEIGHT - BOTTOM
        for i in reversed(range(len(places))):
            places[i] = min(places[i], below)
            below = places[i] - gap
        for line, place in zip(here, places, strict=True):
            line["label"] = (end + 18, round(place, 1))


def _some(days: list[str]) -> list[str]:
    """Return the dates that are written below a figure: four at most."""
    if len(days) <= 4:
        return days
    return [days[round(i * (len(days) - 1) / 3)] for i in range(4)]


def _short(day: str) -> str:
    found = date.fromisoformat(day)
    return f"{found:%b %Y}" if found.day == 1 else f"{found.day} {found:%b %y}"


def _table(made: Mapping, days: list[str], called: Mapping[int, str]) -> list[tuple]:
    """Return number and cells of each segment: a cell a date."""
    write = lambda value: wording.amount(value, made["unit"])  # noqa: E731
    rows = []
    for number in sorted(called):
        cells = []
        for day in days:
            found = made["values"][day].get(number)
            text = write(found["value"]) if found else "–"
            ends = (
                f"{write(found['low'])} to {write(found['high'])}" if found and _ends(found) else ""
            )
            cells.append((text, ends))
        rows.append((number, cells))
    return rows


def read(run: Mapping, load) -> dict:
    """Return a run as `timeline` wants it: its date, folder and pages, and its files as read."""
    folder = Path(run["folder"])
    names = ("verdict", "personas", "measures", "model")
    day = str(run["manifest"].get("as_of") or folder.name)
    found = {name: load(folder / f"{name}.json") for name in names}
    return {"day": day, "folder": folder, "pages": run["pages"], **found}
