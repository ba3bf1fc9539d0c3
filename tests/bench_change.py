"""Does nothing look like nothing, and is what was planted found, from one run to the next?

Two runs of a study of customers: the same process with new luck (nothing planted), one customer in
twenty moved to another kind, or one column shifted for everyone by 0.3 of its standard deviation.
Everything goes the real way: segments by `seglib.segment`, made again at the second date with
the numbers kept; then flows, shifts and advice. Skewed amounts and counts; 300 to 2,400
customers; 2 to 5 segments. Run as a script: `python tests/bench_change.py [--quick]`; writes the
table beside this file.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

import seglib
from seglib import clustering
from seglib.measuring import drift, monitoring
from seglib.runs import Run
from seglib.study import Study

QUICK = "--quick" in sys.argv
REPETITIONS = 12 if QUICK else 100
SIZES, NUMBERS = (300, 600, 1200, 2400), (2, 3, 4, 5)
DAYS = date(2024, 4, 1), date(2024, 7, 1)
MOVED, SHIFT = 0.05, 0.3
SHIFTED = "basket_value"


# --- customers at two dates ---------------------------------------------------------------------


def groups(rng, n, k, plant):
    """Return customers of k kinds; the moved ones are of the second kind at the second date."""
    middle = rng.normal(0, 1.2, (k, 5))
    kind = rng.integers(k, size=n)
    trait = rng.normal(0, 0.4, (n, 5))
    moved = _moved(rng, kind == 0, n, plant)
    later = np.where(moved, 1, kind)
    return [_amounts(rng, middle[of] + trait) for of in (kind, later)], moved


def continuum(rng, n, k, plant):
    """Return customers without groups; the moved ones fall from the upper half."""
    trait = rng.normal(size=(n, 2)) @ rng.normal(0, 0.6, (2, 5)) + rng.normal(0, 0.4, (n, 5))
    moved = _moved(rng, trait[:, 0] > 0, n, plant)
    later = trait - 1.5 * moved[:, None] * np.array([1, 0, 1, 0, 0])
    return [_amounts(rng, of) for of in (trait, later)], moved


def overlapping(rng, n, k, plant):
    """Return customers seen over two quarters each time, of which one is in both histories."""
    rate = rng.gamma(1.5, 4.0, n)
    moved = _moved(rng, rate > np.median(rate), n, plant)
    luck = [rate * rng.lognormal(-0.125, 0.5, n) for _ in range(3)]
    luck[2] = np.where(moved, luck[2] * 0.1, luck[2])
    quarters = [rng.poisson(each) for each in luck]
    basket, evening = rng.normal(3, 0.5, n), rng.beta(2, 4, n)
    frames = []
    for first in (0, 1):
        early, late = quarters[first], quarters[first + 1]
        orders = early + late
        frames.append(pd.DataFrame({
            "orders": orders, "trend": (late - early) / np.maximum(orders, 1),
            "basket_value": np.exp(basket + rng.normal(0, 0.3, n)),
            "evening_share": rng.binomial(np.maximum(orders, 1), evening) / np.maximum(orders, 1),
        }, dtype=float)[orders > 0])  # fmt: skip
    return frames, moved


def _moved(rng, eligible, n, plant):
    moved = np.zeros(n, dtype=bool)
    if plant == "flow":
        able = np.flatnonzero(eligible)
        moved[rng.choice(able, min(len(able), round(MOVED * n)), replace=False)] = True
    return moved


def _amounts(rng, level):
    """Return amounts and counts around the levels (log scale); one in thirty was not there."""
    n = len(level)
    drawn = np.exp(level + rng.normal(0, 0.35, level.shape))
    frame = pd.DataFrame({
        "orders": rng.poisson(8 * drawn[:, 0]), "basket_value": 30 * drawn[:, 1],
        "breadth": rng.poisson(20 * drawn[:, 2]), "places": 1 + rng.poisson(drawn[:, 3]),
        "discount_share": drawn[:, 4] / (2 + drawn[:, 4]),
    }, dtype=float)  # fmt: skip
    return frame[rng.random(n) > 1 / 30]


WORLDS = {f.__name__: f for f in (groups, continuum, overlapping)}


# --- two runs, the real way ---------------------------------------------------------------------


def two_runs(folder, frames, k, seed, *, again):
    """Write both runs; return the later one. `again` makes the segments anew at the second date."""
    study = Study.model_validate({
        "title": "Planted", "objective": "Find what was planted", "as_of": DAYS[1], "holdout": 91,
        "path": folder / "study.yaml",
        "tables": {"customers": {"source": "x.csv", "columns": {"customer": "id"}}},
    })  # fmt: skip
    model, verdict, previous = None, None, None
    for day, seen in zip(DAYS, frames, strict=True):
        run = Run(study, day, folder / day.isoformat(), seed)
        frame = seen.rename_axis("customer")
        if model is None or again:
            found = seglib.segment(
                frame,
                k=k,
                k_max=2 if k else 5,
                value=frame["orders"],
                previous=previous,
                seed=seed,
            )
            model, verdict = found.model, found.verdict.to_dict()
            previous = {"segments": found.labels, "used": int(found.labels.max())}
        run.write("customers.parquet", frame)
        run.write("model.json", model)
        run.write("segments.parquet", clustering.assign(model, frame))
        run.write("verdict.json", verdict)
    return run


def compare(seed, plant):
    """Return what is said of one pair of runs; kind, size and segments follow from the seed."""
    name = list(WORLDS)[seed % 3]
    n, k = SIZES[(seed // 3) % 4], NUMBERS[(seed // 12) % 4]
    rng = np.random.default_rng([list(WORLDS).index(name), len(plant), seed])
    frames, planted = WORLDS[name](rng, n, k, plant)
    if plant == "drift":
        logs = np.log(frames[1][SHIFTED])
        frames[1][SHIFTED] = np.exp(logs + SHIFT * logs.std())
    asked = 0 if name == "groups" and seed % 2 else k  # 0: the verdict chooses
    with tempfile.TemporaryDirectory() as folder:
        run = two_runs(Path(folder), frames, asked, seed, again=not plant)
        pair = monitoring.pair(run)
        return {"world": name, "n": n, "k": pair.model["k"]} | judged(pair, planted, plant, seed)


def judged(pair, planted, plant, seed):
    moved = monitoring.states(pair.model, pair.then, pair.now)
    flows = monitoring.flows(moved, pair.numbers, minimum=1, seed=seed, draws=200)
    columns = drift.columns(pair.then, pair.now, pair.columns, seed=seed)
    shares = drift.shares(moved, pair.numbers, seed=seed)[0]
    advice = drift.advise(pair, columns, shares, monitoring.split(pair, moved))
    named = set(columns.loc[columns["drifted"], "column"])
    found = {
        "flow": flows["beyond"].any(), "pairs alone": flows["uneven"].any(),
        "column": bool(named), "shares": shares["drifted"],
        "drift": bool(named) or shares["drifted"],
        "advice": advice["advice"], "named": SHIFTED in named, "others": bool(named - {SHIFTED}),
    }  # fmt: skip
    if plant == "flow":
        ways = moved.loc[moved.index.intersection(np.flatnonzero(planted)), ["then", "now"]]
        ways = ways[(ways > 0).all(axis=1) & (ways["then"] != ways["now"])]
        found["crossed"] = len(ways) / max(planted.sum(), 1)
        main = ways.value_counts().index[0] if len(ways) else (0, 0)
        row = flows[(flows["origin"] == main[0]) & (flows["goal"] == main[1])]
        found["main flow"] = bool(row["beyond"].any())
    return found


# --- tables -------------------------------------------------------------------------------------


def table(rows, by, columns):
    """Return a Markdown table: a line a group and one for all, each cell the share that is true."""
    frame = pd.DataFrame(rows)
    parts = [*frame.groupby(by, sort=False), ("all", frame)]
    lines = [f"| {by} | pairs of runs | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for name, part in parts:
        cells = " | ".join(f"{part[column].astype(float).mean():.0%}" for column in columns)
        lines.append(f"| {name} | {len(part)} | {cells} |")
    return "\n".join(lines)


def repeated(plant):
    """Return the results of one kind of planting, the kinds of customers in turn."""
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(compare, range(REPETITIONS), [plant] * REPETITIONS))
    print(plant or "nothing", "done", flush=True)
    return rows


STILL = (
    "## Nothing planted: how often something is said (at most 5% wanted)\n\n"
    "*flow*: a flow is called more than chance; *pairs alone*: what Bowker's pairs would say "
    "without asking whether a segment grew or shrank; *drift*: a column or the shares. "
    "Then the advice."
)
FLOW = (
    "## One customer in twenty moved: how often it is found\n\n"
    "*crossed*: of the planted customers, the share that another segment then takes in; *main "
    "flow*: the flow that most of them take is called more than chance."
)
HEADS = ["flow", "pairs alone", "drift", "column", "shares", "keep", "refresh", "rebuild"]


def main():
    about = __doc__.split("\n\n", 1)[1].strip()
    told = [f"# What changed from one run to the next\n\n{about}"]
    for plant, said, heads in (
        ("", STILL, HEADS),
        ("flow", FLOW, ["crossed", "main flow", "flow"]),
        ("drift", f"## One column shifted by {SHIFT} standard deviations: is it named?",
         ["named", "others"]),
    ):  # fmt: skip
        rows = pd.DataFrame(repeated(plant))
        for kind in ("keep", "refresh", "rebuild"):
            rows[kind] = rows["advice"] == kind
        told += [said, *(table(rows, by, heads) for by in ("world", "n"))]
        print("\n\n".join(told[-3:]), flush=True)
    if not QUICK:
        Path(__file__).with_suffix(".md").write_text("\n\n".join(told) + "\n")


if __name__ == "__main__":
    main()
