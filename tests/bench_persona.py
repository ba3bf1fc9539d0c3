"""Do personas state what was planted, and nothing else? Run: make bench."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import planted

from seglib.persona import persona
from seglib.persona.grounds import Evidence
from seglib.profile import effects

SEEDS = 20


def truths() -> dict[tuple, str]:
    """Return the true direction of every (segment, column, level) against everyone else."""
    sizes = planted.SEGMENTS
    found = {}
    for segment in sizes:
        others = {s: m for s, m in sizes.items() if s != segment}
        rest = sum(others.values())
        for name, shift in planted.SHIFTS.items():
            gap = shift.get(segment, 0) - sum(m * shift.get(s, 0) for s, m in others.items()) / rest
            found[segment, name, ""] = _sign(gap)
        for name, chance in planted.LEVELS.items():
            gap = chance[segment] - sum(m * chance[s] for s, m in others.items()) / rest
            found[segment, name, "yes"] = _sign(gap)
            found[segment, name, "no"] = _sign(-gap)
        found[segment, "age", ""] = "higher" if segment == 2 else "lower"
    return found


def planted_traits() -> set[tuple]:
    """Return what a persona must state: segment, column, direction."""
    up = {(s, name, "higher" if v > 0 else "lower")
          for name, shift in planted.SHIFTS.items() for s, v in shift.items()}  # fmt: skip
    return up | {(1, "member", "higher"), (2, "age", "higher")}


def _sign(gap: float) -> str:
    return "higher" if gap > 1e-9 else "lower" if gap < -1e-9 else ""


TRUE_RULES = {
    1: {"value-high", "growth-up", "overlooked", "responds"},
    2: {"value-low", "growth-up", "addressed", "responds"},
    3: {"value-low", "growth-down", "addressed", "ignores"},
}  # of what add_purchases plants; in segment 1 tea crowds out the rest, so elsewhere the rest leads
PLANTED_RULES = {(1, "value-high"), (1, "overlooked"), (3, "growth-down"), (3, "ignores")}


def is_true(claim: dict, true: dict[tuple, str]) -> bool:
    """Return whether a claim says what was planted."""
    segment, column = claim["segment"], claim["source"]["column"]
    if claim["rule"] == "product-high":
        return (column == "tea") == (segment == 1)
    if (segment, column, claim["source"]["level"]) in true:
        return true[segment, column, claim["source"]["level"]] == claim["direction"]
    return claim["rule"] in TRUE_RULES[segment]


def judge(seed: int, folder: Path) -> tuple[int, int, int, int]:
    """Return planted traits stated, planted traits, false statements, statements."""
    run = planted.add_purchases(planted.run(folder, seed), seed)
    stated = [c for c in persona.claims(Evidence(run)) if c["direction"]]
    true = truths()
    said = {(c["segment"], c["source"]["column"], c["direction"]) for c in stated}
    rules = {(c["segment"], c["rule"]) for c in stated}
    wanted = planted_traits() | {(1, "tea", "higher")}
    right = len(wanted & said) + len(PLANTED_RULES & rules)
    false = sum(not is_true(c, true) for c in stated)
    return right, len(wanted) + len(PLANTED_RULES), false, len(stated)


def coverage(draws: int = 2000, seed: int = 1) -> float:
    """Return how often the 95% interval of the chance of superiority holds the truth.

    Twelve exponential values against sixty with half their rate: the truth is 2/3.
    """
    rng = np.random.default_rng(seed)
    held = 0
    for _ in range(draws):
        found = effects.superiority(rng.exponential(2, 12), rng.exponential(1, 60))
        held += found.low <= 2 / 3 <= found.high
    return held / draws


def main() -> int:
    """Print the rates; 0 if they meet the aims."""
    with tempfile.TemporaryDirectory() as folder:
        stated, planted_n, false, said = np.sum(
            [judge(seed, Path(folder)) for seed in range(SEEDS)], axis=0
        )
    held = coverage()
    print(f"planted traits stated: {stated} of {planted_n} ({stated / planted_n:.1%}; aim 95%)")
    print(f"false statements: {false} of {said} ({false / said:.1%}; at most 5%)")
    print(f"intervals of a chance of superiority, n = 12 and 60: {held:.1%} hold the truth (95%)")
    return int(stated / planted_n < 0.95 or false / said > 0.05)


if __name__ == "__main__":
    sys.exit(main())
