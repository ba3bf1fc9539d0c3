"""The figures of five studies that must not move unnoticed, kept in golden.json.

    python tests/acceptance/golden.py --write [STUDY …]

runs the studies (all without names) and writes their figures anew; look at the difference before
it is committed.
"""

import json
import sys
import tempfile
from pathlib import Path

STUDIES = ("complete_journey", "cdnow", "telco_churn", "personality", "usage_log")
PATH = Path(__file__).with_name("golden.json")
CLAIMS = 3
"""Main effects kept of each segment."""


def figures(run):
    """Return the figures of a finished run: verdict, sizes, main effects, KPIs.

    Parameters
    ----------
    run : conftest.Finished
    """
    verdict = run.json("verdict.json")
    sizes = run.frame("segments.parquet")["segment"].value_counts().sort_index()
    claims = [
        claim
        for claim in run.json("claims.json")
        if claim["segment"] and claim["low"] is not None and claim["value"] is not None
    ]
    path = run.files / "measures.json"
    measures = json.loads(path.read_text()) if path.exists() else {}
    kpis = measures.get("kpis", []) + measures.get("outcomes", [])
    return {
        "k": verdict["k"],
        "kind": verdict["kind"],
        "sizes": {str(segment): int(n) for segment, n in sizes.items()},
        "effects": {_effect(claim): _rounded(claim["value"]) for claim in _main(claims)},
        "kpis": {_kpi(row): _rounded(row["value"]) for row in kpis if row.get("value") is not None},
    }


def _main(claims):
    """Return the strongest claims of each segment."""
    strongest = sorted(claims, key=lambda claim: (claim["segment"], -claim["strength"]))
    seen = {}
    for claim in strongest:
        own = seen.setdefault(claim["segment"], {})
        if len(own) < CLAIMS:
            own.setdefault(_effect(claim), claim)
    return [claim for own in seen.values() for claim in own.values()]


def _effect(claim):
    source = claim["source"]
    return f"{claim['segment']} {source['column']} {source['level']}: {claim['statistic']}"


def _kpi(row):
    return f"{row['segment']} {row.get('metric') or row.get('outcome')} {row.get('period', '')}"


def _rounded(value):
    return float(f"{value:.4g}")


def differences(golden, now):
    """Return what is no longer as it was, a sentence each.

    Sizes may move by 2% of all customers, figures by 3% or 0.01: another draw of a bootstrap
    moves intervals and, at a border, a few customers, and no more than that. One main effect in
    five may give way to another.
    """
    said = [
        f"{key} was {golden[key]} and is {now[key]}"
        for key in ("k", "kind")
        if golden[key] != now[key]
    ]
    slack = 0.02 * sum(golden["sizes"].values())
    for segment in golden["sizes"].keys() | now["sizes"].keys():
        was, size = golden["sizes"].get(segment, 0), now["sizes"].get(segment, 0)
        if abs(was - size) > slack:
            said.append(f"segment {segment} had {was} customers and has {size}")
    for kind, may_go in (("effects", 0.2), ("kpis", 0.05)):
        gone = golden[kind].keys() - now[kind].keys()
        if len(gone) > may_go * len(golden[kind]):
            said.append(f"{kind} are gone: {', '.join(sorted(gone))}")
        for name in golden[kind].keys() & now[kind].keys():
            was, value = golden[kind][name], now[kind][name]
            if abs(was - value) > max(0.03 * abs(was), 0.01):
                said.append(f"{name} was {was} and is {value}")
    return said


def write(names):
    """Run studies and write their figures to golden.json."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from conftest import make  # noqa: PLC0415

    known = json.loads(PATH.read_text()) if PATH.exists() else {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            known[name] = figures(make(name, Path(folder)))
        ordered = {study: known[study] for study in STUDIES if study in known}
        PATH.write_text(json.dumps(ordered, indent=1) + "\n")
        print(f"{name}: {known[name]['k']} segments, {known[name]['kind']}")


if __name__ == "__main__":
    if sys.argv[1:2] != ["--write"] or set(sys.argv[2:]) - set(STUDIES):
        sys.exit(f"usage: golden.py --write [{' | '.join(STUDIES)} …]")
    write(sys.argv[2:] or STUDIES)
