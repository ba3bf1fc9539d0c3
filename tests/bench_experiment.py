"""Do experiments claim what is there, and only that?

Run as a script: `python tests/bench_experiment.py [--quick]`; prints Markdown tables and, unless
quick, keeps them in bench_experiment.md beside it.
"""

import gc
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from seglib import power
from seglib.measuring import experiments

REPETITIONS = 100 if "--quick" in sys.argv else 500
SIZES = (120, 200, 300, 500, 900)
STEADY, SPREAD = 0.6, 50.0  # correlation of outcome and past; standard deviation of the outcome


def trial(seed, effects, skewed):
    """Customers of five segments, half of each treated; outcome and past correlate."""
    rng = np.random.default_rng([4, seed])
    segment = np.repeat(np.arange(1, 6), SIZES)
    arm = np.concatenate([rng.permutation(n) < n // 2 for n in SIZES])
    one, two = rng.normal(size=(2, len(segment)))
    if skewed:  # gamma noise: as skewed as spend
        one, two = (rng.gamma(1, 1, (2, len(segment)))) - 1
    noise = STEADY * one + np.sqrt(1 - STEADY**2) * two
    outcome = 150 + SPREAD * noise + np.asarray(effects)[segment - 1] * arm
    return pd.DataFrame(
        {
            "segment": segment,
            "arm": np.where(arm, "on", "off"),
            "outcome": outcome,
            "before_outcome": 150 + SPREAD * one,
        }
    )


def run(name, effects, skewed):
    """Return one row of the table, with how often each segment is said to have an effect."""
    gc.freeze()  # statsmodels collects garbage at every call; what is loaded by now is none
    effects = np.asarray(effects, float)
    wrong, cover, found, whole, mixed, shrunk = 0, [], [], [], [], [[], []]
    for seed in range(REPETITIONS):
        result = experiments.analyse(trial(seed, effects, skewed), "off", worth=15)
        rows, overall = result.segments, result.overall.iloc[0]
        claimed = rows["verdict"].isin(["works", "works too little", "harms"]).to_numpy()
        wrong += (claimed & (effects == 0)).any()
        cover.append((rows["low"] <= effects) & (effects <= rows["high"]))
        found.append(claimed)
        truth = np.average(effects, weights=SIZES)
        whole.append(overall["low"] <= truth <= overall["high"])
        mixed.append(overall["p_interaction"] < 0.05)
        for column, errors in zip(("effect", "shrunk"), shrunk, strict=True):
            errors.append(((rows[column] - effects) ** 2).mean())
    ratio = np.sqrt(np.mean(shrunk[1]) / np.mean(shrunk[0]))
    cells = (wrong / REPETITIONS, np.mean(cover), np.min(np.mean(cover, 0)), np.mean(whole),
             np.mean(mixed))  # fmt: skip
    told = ", ".join(f"{f:.0%}" for f in np.mean(found, 0))
    return f"| {name} | " + " | ".join(f"{c:.1%}" for c in cells) + f" | {ratio:.2f} | {told} |"


def promised(alpha):
    """Return the effect in each segment that the playbook's formula finds in four of five tests."""
    left = SPREAD * np.sqrt(1 - STEADY**2)
    return np.array([left * power.smallest(n // 2, alpha=alpha) for n in SIZES])


def seen(alpha, skewed):
    """Return how often each segment's own test at this level finds what is promised."""
    gc.freeze()
    hits = []
    for seed in range(REPETITIONS):
        rows = experiments.analyse(trial(seed + 10**6, promised(alpha), skewed), "off").segments
        hits.append(rows["p"] < alpha)
    return np.mean(hits, 0)


def broken(lost):
    """Return how often an experiment that lost so many of the treated is refused, and is silent."""
    gc.freeze()
    flagged = silent = 0
    for seed in range(REPETITIONS):
        units = trial(seed + 2 * 10**6, [20] * 5, False)
        gone = np.random.default_rng([5, seed]).random(len(units)) < lost
        result = experiments.analyse(units[~(gone & (units["arm"] == "on"))], "off")
        told = pd.concat([result.overall["effect"], result.segments["effect"]]).notna().any()
        flagged += bool(result.problems)
        silent += bool(result.problems) and not told
    return f"| {lost:.0%} | {flagged / REPETITIONS:.1%} | {silent}, {flagged} |"


def shares(base, effects):
    """Return one row of the table of yes/no outcomes, of a control's share and what is added."""
    gc.freeze()
    effects = np.asarray(effects, float)
    wrong, cover, whole, mixed, shown = 0, [], [], [], []
    for seed in range(REPETITIONS):
        units = trial(seed + 3 * 10**6, [0] * 5, False)[["segment", "arm"]]
        rng, segment = np.random.default_rng([6, seed]), units["segment"].to_numpy() - 1
        chance = base + effects[segment] * units["arm"].eq("on")
        units["did"] = (rng.random(len(units)) < chance).astype(float)
        result = experiments.analyse(units, "off", {"did": experiments.Outcome("yes/no")})
        rows, overall = result.segments, result.overall.iloc[0]
        known = rows["effect"].notna().to_numpy()
        wrong += (rows["p_adjusted"].lt(0.05).to_numpy() & (effects == 0)).any()
        cover += list(((rows["low"] <= effects) & (effects <= rows["high"]))[known])
        whole.append(overall["low"] <= np.average(effects, weights=SIZES) <= overall["high"])
        mixed.append(overall["p_interaction"] < 0.05)
        shown.append(known)
    cells = wrong / REPETITIONS, np.mean(cover), np.mean(whole), np.mean(mixed), np.mean(shown)
    name = f"{base:.0%}, {', '.join(f'{100 * e:+.0f}' for e in effects)} points"
    return f"| {name} | " + " | ".join(f"{c:.1%}" for c in cells) + " |"


SHARES = ["| control, effects | false claim in any segment | coverage | coverage overall | "
          "interaction found | segments not hidden |", "|---|" + "---:|" * 5]  # fmt: skip
HEAD = ["| effects | false claim in any segment | coverage | coverage, worst segment | coverage "
        "overall | interaction found | error shrunk / plain | claimed, by segment |",
        "|---|" + "---:|" * 7]  # fmt: skip
FORMULA = ["| segment of | level | effect planted | power promised | seen | seen, skewed |",
           "|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
LOST = ["| of the treated lost | flagged | flagged and silent, flagged |", "|---:|---:|---:|"]


def main():
    error = [1.96 * np.sqrt(p * (1 - p) / REPETITIONS) for p in (0.05, power.POWER)]
    kinds = [(f"{name}, {kind}", effects, kind == "skewed") for kind in ("normal", "skewed")
             for name, effects in (("none", [0] * 5), ("the same in all", [12] * 5),
                                   ("in two of five", [0, 20, 0, 20, 0]))]  # fmt: skip
    levels = (0.05, 0.05 / len(SIZES))
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(run, *zip(*kinds, strict=True)))
        asked = [(alpha, skewed) for alpha in levels for skewed in (False, True)]
        power_seen = dict(zip(asked, pool.map(seen, *zip(*asked, strict=True)), strict=True))
        refused = list(pool.map(broken, (0.0, 0.05, 0.15, 0.3)))
        asked = [(base, effects) for base in (0.1, 0.5)
                 for effects in ([0] * 5, [0.08] * 5, [0, 0.15, 0, 0.15, 0])]  # fmt: skip
        did = list(pool.map(shares, *zip(*asked, strict=True)))
    lines = ["# Do experiments claim what is there, and only that?", "",
             f"{REPETITIONS} experiments a row; segments of {', '.join(map(str, SIZES))} "
             f"customers, half treated. Nominal 5% and 95%, simulation error ±{error[0]:.1%}.", "",
             *HEAD, *rows, "",
             "Planted in each segment: the smallest effect that `seglib.power.smallest`, the "
             f"formula of the playbook, promises to find. Simulation error ±{error[1]:.1%}. "
             "Level 1%: that of the verdict, 5% divided by five segments.", "",
             *FORMULA]  # fmt: skip
    for alpha in levels:
        lines += [
            f"| {n} | {alpha:.0%} | {effect:.1f} | {power.POWER:.0%} | "
            f"{power_seen[alpha, False][i]:.1%} | {power_seen[alpha, True][i]:.1%} |"
            for i, (n, effect) in enumerate(zip(SIZES, promised(alpha), strict=True))
        ]
    lines += ["", f"{sum(SIZES):,} customers, some of the treated lost after the assignment:", "",
              *LOST, *refused, "",
              "A yes or no, by Newcombe's interval; what fewer than 10 did is hidden:", "",
              *SHARES, *did]  # fmt: skip
    text = "\n".join(lines) + "\n"
    print(text)
    if "--quick" not in sys.argv:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
