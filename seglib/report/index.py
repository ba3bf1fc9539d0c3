"""The summary of a study: what a manager reads alone, from the files of its newest run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import pandas as pd

from seglib import files, wording
from seglib.measuring.measure import EVERYONE, METRICS
from seglib.personas.targeting import CRITERIA
from seglib.plots import colours
from seglib.report import report, timeline, trust
from seglib.report.report import ReportError

FILES = ("verdict", "personas", "claims", "playbook", "measures", "product_verdict", "quality")

MAIN = "active", "orders", "spend", "revenue_share"  # what the summary shows of the measures
DOUBTFUL = {"doubtful", "distrust"}


def runs(study, staged: tuple | None = None) -> list[dict]:
    """Return the runs of a study that have pages, newest first.

    Parameters
    ----------
    study : seglib.schema.Study
    staged
        Date, data folder and pages folder of a run that is not in its place yet; it stands for
        the run of that date.

    Returns
    -------
    list of dict
        `folder`, `manifest` and `pages` (file names relative to reports/<study>/).
    """
    places = {p.parent.name: (p.parent, study.reports / p.parent.name) for p in _manifests(study)}
    if staged:
        places[str(staged[0])] = (Path(staged[1]), Path(staged[2]))
    found = [
        {"folder": data, "manifest": _read(data / "manifest.json"), "pages": _pages(day, pages)}
        for day, (data, pages) in sorted(places.items(), reverse=True)
    ]
    return [run for run in found if run["pages"]]


def _manifests(study) -> list[Path]:
    return [p for p in study.folder.glob("*/manifest.json") if not p.parent.name.startswith(".")]


def _pages(day: str, folder: Path) -> list[str]:
    return [f"{day}/{stem}.html" for stem in report.PAGES if (folder / f"{stem}.html").is_file()]


def build(
    study_title: str,
    objective: str,
    runs: Sequence[dict],
    out_path: str | Path,
    *,
    customer: str = "customer",
    currency: str = "",
    names: Mapping[int, str] | None = None,
    about: str = "",
    snapshot: bool = False,
) -> Path:
    """Write the summary of the newest run, with links to its pages and the history of runs.

    Parameters
    ----------
    study_title, objective
        As in study.yaml.
    runs
        One dict a run: `folder` (of its files), `manifest`, `pages` (file names relative to the
        page written). A file that is missing leaves its section out or says why.
    out_path
        Where the page goes.
    customer, currency
        What one customer is called, and what money is counted in.
    names
        The names that study.yaml gives to segments.
    about, snapshot
        What must be known of the data, and whether they are of one day only.

    Raises
    ------
    ReportError
        If there is no run, or a file of the run is not readable JSON.
    StudyError
        If the files of a run are not of one make.
    """
    if not runs:
        raise ReportError(f"no run of {study_title!r} has pages yet: run the study first")
    for each in runs:
        files.verify(Path(each["folder"]))
    ordered = sorted(runs, key=_day, reverse=True)
    told = {"title": study_title, "objective": objective, "who": f"{customer}s", "about": about,
            "snapshot": snapshot}  # fmt: skip
    html = report.render("summary.html.j2", **told, **_values(ordered, currency),
                         **_history(ordered, names or {}, f"{customer}s", currency))  # fmt: skip
    Path(out_path).write_text(html, encoding="utf-8")
    return Path(out_path)


def _values(ordered: list[dict], currency: str) -> dict:
    """Return what the page shows of the newest run, and of all runs."""
    newest = ordered[0]
    return summary(Path(newest["folder"]), currency) | {
        "manifest": newest["manifest"],
        "pages": [(*report.PAGES[Path(page).stem], page) for page in newest["pages"]],
        "footer": report.provenance(newest["manifest"]),
    }


def _day(run: dict) -> str:
    return str(run["manifest"].get("as_of") or Path(run["folder"]).name)


def _history(ordered: list[dict], names: Mapping[int, str], who: str, currency: str) -> dict:
    """Return what the page shows of all runs."""
    found = [timeline.read(run, _read) for run in ordered]
    shown = timeline.timeline(found, names, who, currency)
    return {"history": shown, "history_colours": colours(shown["names"])}


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


def summary(folder: Path, currency: str = "") -> dict:
    """Return what the summary's sections show, from the files of a run."""
    found = {name: _read(folder / f"{name}.json") for name in FILES}
    verdict, personas = found["verdict"] or {}, found["personas"] or []
    claims = {claim["id"]: claim for claim in found["claims"] or []}
    levers = (found["playbook"] or {}).get("levers", [])
    sound = {row["segment"]: row for row in verdict.get("segments", [])}
    checks = found["quality"] and [row for row in found["quality"] if not row.get("period")]
    cards = [_card(p, claims, levers, sound.get(p["segment"], {})) for p in personas]
    names = {card["segment"]: card["name"] for card in cards}
    return {
        "verdict": verdict,
        "meaning": trust.meaning(verdict),
        "chosen": trust.chosen(verdict),
        "glosses": trust.glosses(verdict),
        "cards": cards,
        "names": names,
        "colours": colours(list(sound) + list(names)),
        "targeting": targeting((found["playbook"] or {}).get("targeting") or {}, names),
        "measures": found["measures"] or {},
        "kpis": kpis(
            (found["measures"] or {}).get("kpis", []),
            currency,
            (found["measures"] or {}).get("words", {}),
        ),
        "product_verdict": found["product_verdict"] or {},
        "product_groups": product_groups(folder / "product_segments.parquet"),
        "quality": checks,
        "findings": sorted(
            [row for row in checks or [] if row.get("failing")],
            key=lambda row: -row["failing"] / max(row["rows"], 1),
        ),
    }


def _card(persona: dict, claims: dict, levers: list, soundness: dict) -> dict:
    """Return a persona with its claims looked up, its first lever and how sound its segment is."""
    groups = persona.get("facts") or {}
    wanted = dict.fromkeys([*persona.get("summary", []), *chain(*groups.values())])
    shown = [key for key in wanted if key in claims and not _size(claims[key])][:5]
    lever = next((row for row in levers if row.get("segment") == persona["segment"]), None)
    because = [key for key in (lever or {}).get("evidence", []) if key not in shown]
    return persona | {
        "claims": [claims[key] for key in shown],
        "do": lever,
        "because": [claims[key] for key in because if key in claims],
        "doubtful": soundness if soundness.get("stable") in DOUBTFUL else None,
    }


def _size(claim: dict) -> bool:
    """Return whether a claim only says how large the segment is, which its card says anyway."""
    return "size" in claim.get("sections", ())


def targeting(found: dict, names: dict) -> dict:
    """Return the ranking of segments: score, place under other weights, each weighted criterion."""
    weights = {key: weight for key, weight in (found.get("weights") or {}).items() if weight}
    ranking, told = found.get("ranking", []), found.get("meaning", {})
    columns = [[_two(row.get("score")) for row in ranking]]
    columns += [[_range(row.get("best"), row.get("worst")) for row in ranking]]
    columns += [[_two(row.get("scores", {}).get(key)) for row in ranking] for key in weights]
    return {
        "criteria": {
            key: (told.get(key, CRITERIA.get(key, "")), weight) for key, weight in weights.items()
        },
        "equal": len(set(weights.values())) == 1,
        "rows": [(row["segment"], cells) for row, *cells in zip(ranking, *columns, strict=True)],
        "underserved": [names.get(s, f"Segment {s}") for s in found.get("underserved") or []],
    }


def _two(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _range(low, high) -> str:
    if low is None or high is None:
        return "–"
    return str(low) if low == high else f"{low} to {high}"


def kpis(rows: list[dict], currency: str = "", called: Mapping[str, str] | None = None) -> dict:
    """Return a small table of the measures: segment × figure, each before and after."""
    cells = {(row["segment"], row["metric"], row["period"]): row.get("value") for row in rows}
    periods = [p for p in ("before", "after") if any(key[2] == p for key in cells)]
    metrics = [m for m in MAIN if any(key[1] == m and key[2] in periods for key in cells)]
    segments = sorted({key[0] for key in cells}, key=lambda s: (s == EVERYONE, s))
    columns = []
    for metric in metrics:
        unit = METRICS[metric][1]
        values = [cells.get((s, metric, p)) for s in segments for p in periods]
        texts = wording.column(values, currency if unit == "money" else unit)
        columns.append([_change(t) for t in zip(*[iter(texts)] * len(periods), strict=True)])
    table = list(zip(segments, zip(*columns, strict=True), strict=True)) if columns else []
    return {
        "periods": periods,
        "metrics": [_metric(m, called or {}) for m in metrics],
        "rows": table,
    }


def _metric(metric: str, called: Mapping[str, str]) -> str:
    """Return what a metric is called; of product usage, orders are sessions."""
    return METRICS[metric][0].replace("Orders", called.get("orders", "orders").capitalize())


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
    return [(int(s), len(g), [str(name) for name in g.index[:typical]]) for s, g in groups]
