"""Do the intervals of `outcomes` and `growth` cover, and does the placebo stop false alarms?

Run as a script: `python tests/bench_measure.py [--quick]`; prints Markdown tables and, unless
quick, keeps them in bench_measure.md beside it.
"""

import gc
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from seglib.measuring.growth import changes
from seglib.stats import bootstrap, wilson

QUICK = "--quick" in sys.argv
REPETITIONS = 100 if QUICK else 500
DRAWS = 400 if QUICK else 600


def spend(rng, level, noise=0.6, active=0.8):
    """Return a period's spend of customers with the given levels (log scale)."""
    drawn = np.exp(level + rng.normal(-(noise**2) / 2, noise, len(level)))
    return drawn * (rng.random(len(level)) < active)


def growth(sums):
    own = sums[..., 2] / sums[..., 1] - 1
    others = sums.sum(axis=-2, keepdims=True) - sums
    gap = own - (others[..., 2] / others[..., 1] - 1)
    return np.stack([sums[..., 2] / sums[..., 0], own, gap], axis=-1)[..., 0, :]


def cover(size, spread, n=800):
    """Return how often the 95% intervals hold the truth: mean spend, growth, gap; false alarms."""
    truth = np.array([0.8 * np.exp(spread**2 / 2), 0.0, 0.0])
    hits, alarms = np.zeros(3), 0
    for seed in range(REPETITIONS):
        rng = np.random.default_rng([2, size, seed])
        level = rng.normal(0, spread, n)
        values = np.column_stack([np.ones(n), spend(rng, level), spend(rng, level)])
        codes = (np.arange(n) >= size).astype(int)
        found = bootstrap(values, codes, growth, draws=DRAWS, seed=seed)
        low, high = found.interval([size] * 3)
        hits += (low <= truth) & (truth <= high)
        alarms += found.p_value([size] * 3)[2] < 0.05
    return [*hits / REPETITIONS, alarms / REPETITIONS]


def cover_rate(size, rate):
    """Return the exact coverage of the Wilson interval."""
    counts = np.arange(size + 1)
    low, high = wilson(counts, np.full(size + 1, size))
    logs = np.cumsum(np.log(np.r_[1, counts[1:]]))
    binomial = logs[-1] - logs - logs[::-1]
    chance = np.exp(binomial + counts * np.log(rate) + (size - counts) * np.log(1 - rate))
    return float(chance[(low <= rate) & (rate <= high)].sum())


def thirds(score):
    return pd.Series(pd.qcut(score.rank(method="first"), 3, labels=[3, 2, 1]).astype(int))


def world(seed, grows, n=900):
    """Return people and placebo of customers to whom nothing happened but chance.

    Segments are thirds by spend: of the last period (`grows` False), which is how `growth.placebo`
    cuts both histories to one length; or of all history so far (`grows` True), which at the later
    date is one period longer: what would come of leaving out that cut.
    """
    rng = np.random.default_rng([3, seed])
    level = rng.normal(0, 0.8, n)
    quarters = [pd.Series(spend(rng, level)) for _ in range(4)]
    frames = []
    for date in (2, 1):  # the run's date, and the placebo's one period earlier
        history = sum(quarters[: date + 1]) if grows else quarters[date]
        frame = pd.DataFrame({"segment": thirds(history), "newcomer": False})
        for name, of in (("before", quarters[date]), ("after", quarters[date + 1])):
            frame[f"active_{name}"], frame[f"spend_{name}"] = (of > 0).astype(float), of
        frames.append(frame)
    return frames


def alarms(grows, planted=1.0):
    """Return how often any segment's spend is said to differ: against others, against placebo."""
    found = np.zeros(3)
    for seed in range(REPETITIONS):
        people, placebo = world(seed, grows)
        people.loc[people["segment"] == 1, "spend_after"] *= planted
        for i, other in enumerate((None, placebo)):
            pair = None if other is None else (people, other)
            rows = changes(people, pair, minimum=10, seed=seed, draws=DRAWS)
            rows = rows[rows["metric"] == "spend"].set_index("segment")
            found[i] += rows["differs"].any()
            found[2] += i * rows.loc[1, "differs"]
    return found / REPETITIONS


def intervals():
    """Yield the lines of the table of bootstrap intervals."""
    yield "| segment of | spread of spend | mean | growth | gap | false alarms of gap |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for size in (20, 50, 100, 300):
        for spread in (0.5, 1.0):
            cells = " | ".join(f"{value:.1%}" for value in cover(size, spread))
            yield f"| {size} | {spread} | {cells} |"


def wilsons():
    """Yield the lines of the table of Wilson's intervals."""
    yield "| Wilson, n | rate | coverage (exact) |"
    yield "|---:|---:|---:|"
    for size in (10, 30, 100, 1000):
        for rate in (0.05, 0.3, 0.9):
            yield f"| {size} | {rate} | {cover_rate(size, rate):.1%} |"


def placebos():
    """Yield the lines of the table of false alarms and of a planted growth."""
    yield ("| history of the segments | planted growth of segment 1 | any alarm against others |"
           " any alarm against placebo | segment 1 found |")  # fmt: skip
    yield "|---|---:|---:|---:|---:|"
    for grows in (False, True):
        for planted in (1.0, 1.25):
            cells = " | ".join(f"{value:.1%}" for value in alarms(grows, planted))
            formed = "one period more, were it not cut" if grows else "as long as the placebo's"
            yield f"| {formed} | {planted - 1:+.0%} | {cells} |"


def main():
    gc.freeze()  # statsmodels collects garbage at every call; what is loaded by now is none
    error = 1.96 * np.sqrt(0.05 * 0.95 / REPETITIONS)
    lines = ["# Do the intervals of measured results cover, and does the placebo stop false "
             "alarms?", "", f"{REPETITIONS} repetitions, {DRAWS} draws; nominal 95% and 5%, "
             f"simulation error ±{error:.1%} where the nominal rate holds."]  # fmt: skip
    print("\n".join(lines))
    for part in (intervals, wilsons, placebos):
        lines.append("")
        print()
        for line in part():
            lines.append(line)
            print(line, flush=True)
    if not QUICK:
        Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
