"""Do experiments claim what is there, and only that?

Run as a script: `python tests/bench_experiment.py [--quick]`; prints a Markdown table.
"""

import sys

import numpy as np
import pandas as pd
from scipy import stats

from seglib.measure import experiment

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
            "before": 150 + SPREAD * one,
        }
    )


def run(name, effects, skewed):
    """Return one row of the table."""
    effects = np.asarray(effects, float)
    wrong, cover, found, whole, mixed, shrunk = 0, [], [], [], [], [[], []]
    for seed in range(REPETITIONS):
        result = experiment.analyse(trial(seed, effects, skewed), "off", worth=15)
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
    print(f"| {name} | " + " | ".join(f"{c:.1%}" for c in cells) + f" | {ratio:.2f} |", flush=True)
    return np.mean(found, 0)


def power(effect, size, tests=1):
    """Return the power that the playbook's formula promises, normal approximation."""
    se = SPREAD * np.sqrt(1 - STEADY**2) * np.sqrt(4 / size)
    return stats.norm.sf(stats.norm.ppf(1 - 0.05 / tests / 2) - effect / se)


def unadjusted_power(effect, skewed=False):
    """Return how often each segment's own interval leaves out 0."""
    hits = []
    for seed in range(REPETITIONS):
        rows = experiment.analyse(trial(seed + 10**6, [effect] * 5, skewed), "off").segments
        hits.append(rows["p"] < 0.05)
    return np.mean(hits, 0)


def main():
    error = 1.96 * np.sqrt(0.05 * 0.95 / REPETITIONS)
    print(f"{REPETITIONS} experiments a row, segments of {', '.join(map(str, SIZES))} customers.")
    print(f"Nominal 5% and 95%, simulation error ±{error:.1%}.\n")
    print("| effects | false claim in any segment | coverage | coverage, worst segment |"
          " coverage overall | interaction found | error shrunk / plain |")  # fmt: skip
    print("|---|" + "---:|" * 6)
    for skewed in (False, True):
        kind = "skewed" if skewed else "normal"
        run(f"none, {kind}", [0] * 5, skewed)
        run(f"the same in all, {kind}", [12] * 5, skewed)
        found = run(f"in two of five, {kind}", [0, 20, 0, 20, 0], skewed)
        print(f"<!-- found: {', '.join(f'{f:.0%}' for f in found)} -->")
    print(
        "\n| segment of | power by the playbook's formula | power seen | skewed |\n|" + "---:|" * 4
    )
    plain, odd = unadjusted_power(12), unadjusted_power(12, skewed=True)
    for i, size in enumerate(SIZES):
        print(f"| {size} | {power(12, size):.0%} | {plain[i]:.0%} | {odd[i]:.0%} |")


if __name__ == "__main__":
    main()
