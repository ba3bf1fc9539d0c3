"""The figures of five studies that must not move unnoticed, kept in golden.json.

    python tests/acceptance/golden.py --write [STUDY …]

runs the studies (all without names) and writes their figures anew; look at the difference before
it is committed.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

STUDIES = ("complete_journey", "cdnow", "telco_churn", "personality", "usage_log")
PATH = Path(__file__).with_name("golden.json")
EFFECTS = 3
"""Main effects kept of each segment."""


def figures(run):
    """Return the figures of a finished run: verdict, sizes, main effects, KPIs.

    Parameters
    ----------
    run : conftest.Finished
    """
    verdict = run.json("verdict.json")
    segment = run.frame("segments.parquet")["segment"]
    path = run.files / "measures.json"
    measures = json.loads(path.read_text()) if path.exists() else {}
    kpis = [row for row in measures.get("kpis", []) if row["period"] == "after"]
    return {
        "k": verdict["k"],
        "kind": verdict["kind"],
        "sizes": {str(each): int(n) for each, n in segment.value_counts().sort_index().items()},
        "effects": main_effects(run.frame("customers.parquet")[verdict["columns"]], segment),
        "kpis": {
            f"{row['segment']} {row.get('metric', '')}".strip(): _rounded(row["value"])
            for row in kpis + measures.get("outcomes", [])
            if row["value"] is not None
        },
    }


def main_effects(columns, segment):
    """Return the chance that a member has more than another customer, for what differs most.

    Parameters
    ----------
    columns : DataFrame
        What the segments were made of; levels without an order count as columns of 0 and 1.
    segment : Series
    """
    ordered = [name for name in columns if getattr(columns[name].dtype, "ordered", False)]
    codes = columns.assign(
        **{name: columns[name].cat.codes.replace(-1, np.nan) for name in ordered}
    )
    table = pd.get_dummies(codes, prefix_sep=" ").astype(float)
    effects = {}
    for each in sorted(segment.unique()):
        inside = segment.reindex(table.index) == each
        if inside.all():
            continue
        chance = {name: _superiority(table[name], inside) for name in table}
        clear = {name: value for name, value in chance.items() if abs(value - 0.5) > 0.15}
        for name in sorted(clear, key=lambda n: -abs(clear[n] - 0.5))[:EFFECTS]:
            effects[f"{each} {name}"] = _rounded(clear[name])
    return effects


def _superiority(values, inside):
    ranks, inside = values.dropna().rank(), inside[values.notna()]
    n = inside.sum()
    if n in (0, len(ranks)):
        return 0.5
    return (ranks[inside].sum() - n * (n + 1) / 2) / (n * (len(ranks) - n))


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
