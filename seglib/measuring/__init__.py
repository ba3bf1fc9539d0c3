"""What happened to the segments afterwards: outcomes, experiments, and the run before.

Notebooks 05, 06 and 07 write a file each of what they find; measures.json puts them together.
"""

from dataclasses import replace

import pandas as pd

from seglib import privacy, wording
from seglib.files import Run
from seglib.measuring import drift, monitoring, outcomes

PARTS = "experiments.json", "results.json", "monitoring.json"  # the headline is in this order
LISTS = "headline", "sentences", "outcomes", "kpis", "changes", "campaigns", "experiments", "notes"


def assemble(run: Run, reason: str = "") -> None:
    """Write measures.json from what the notebooks on results have found so far, if any has.

    Parameters
    ----------
    run
    reason
        Why the run is not compared with an earlier one, where that is known.
    """
    run = replace(run)  # it is made of the files that are read here alone
    parts = [run.read(name) for name in PARTS if run.has(name)]
    if not parts:
        return
    called, counts = outcomes.names(run), run.read("segments.parquet")["segment"].value_counts()
    sizes = {outcomes.EVERYONE: counts.sum(), **privacy.shown(counts, run.study.minimum_cell)}
    segments = [
        {"segment": s, "name": name, "n": None if pd.isna(sizes[s]) else int(sizes[s])}
        for s, name in called.items()
    ]
    measures = {"as_of": run.as_of, "until": run.until, "words": run.study.words}
    measures |= {"segments": segments, "migration": None, "drift": None}
    measures |= {key: [row for part in parts for row in part.get(key, [])] for key in LISTS}
    measures["headline"] = " ".join(measures["headline"])
    monitored = next((part for part in parts if "refresh" in part), {})
    run.write("measures.json", measures | {"refresh": _alone(run, reason)} | monitored)


def _alone(run: Run, reason: str) -> dict:
    """Return the advice without an earlier run, in words."""
    advice = drift.alone(run)
    why = reason or monitoring.missing(run) or "the run has not been compared with an earlier one"
    page = "07_monitoring"
    verdict = run.read("verdict.json") if run.has("verdict.json") else {}
    known = verdict.get("headline", "No verdict on these segments is known.")
    meaning = wording.plain(page, "meaning", then="", against="none", **advice)
    reasons = [f"{why[:1].upper()}{why[1:]}.", known]
    return advice | {"meaning": meaning, "reasons": reasons, "rule": wording.plain(page, "rule")}
