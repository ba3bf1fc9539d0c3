"""How strong a word a figure bears: one rule for every sentence that compares.

=========  ==========================================================================
word       the difference
=========  ==========================================================================
far        is large, its interval reaches no lower than medium, and the levels shown
           are half as much again apart (shares by 5 points too)
slightly   is small, and the levels shown are not half as much again apart; or they are
           less than a quarter apart (shares: less than a point)
(none)     is anything between
=========  ==========================================================================

*Large* and *small* are those of Cliff's delta (0.474 and 0.33: Romano et al. 2006); of a ratio,
twice as much and a quarter more, and it is medium from one and a half times.
"""

from __future__ import annotations

import math
from numbers import Real

FAR, SLIGHTLY, PLAIN = "far ", "slightly ", ""
DELTA = {"small": 0.33, "medium": 0.33, "large": 0.474}
RATIO = {"small": 1.25, "medium": 1.5, "large": 2.0}
LEVELS = 1.25, 1.5  # the levels shown, as multiples: below the first slightly, from the second far
POINTS = 0.01, 0.05  # the same for shares, in parts of the whole


def word(found: dict) -> str:
    """Return the adverb that a measured difference bears, with a space after it, or nothing.

    Parameters
    ----------
    found : dict
        As from `statistic.measure`: kind, value, low, high, inside, outside, unit.
    """
    if found["kind"] not in _SIZES or found.get("low") is None:
        return PLAIN
    size, limits = _SIZES[found["kind"]]
    effect, low, high = (size(found[key]) for key in ("value", "low", "high"))
    multiple, points = apart(found["inside"], found["outside"], found["unit"])
    if multiple is None:  # words, or an index: the effect alone must tell
        close = overlapping = effect < limits["small"]
        wide = True
    else:
        close = multiple < LEVELS[0] or points < POINTS[0]
        overlapping = effect < limits["small"] and multiple < LEVELS[1]
        wide = multiple >= LEVELS[1] and points >= POINTS[1]
    if close or overlapping:
        return SLIGHTLY
    strong = effect >= limits["large"] and min(low, high) >= limits["medium"]
    return FAR if strong and wide else PLAIN


def apart(here, there, unit: str) -> tuple[float | None, float]:
    """Return how far apart two levels are, as a multiple and, of shares, in parts of the whole.

    The multiple is None where there is none: of words, of an index, of numbers below zero.
    """
    if not all(isinstance(v, Real) for v in (here, there)) or unit == "index":
        return None, math.inf
    low, high = sorted((float(here), float(there)))
    points = high - low if unit == "share" else math.inf
    if low < 0:
        return None, points
    return (high / low if low > 0 else math.inf), points


def _delta(chance: float) -> float:
    return abs(2 * chance - 1)


def _ratio(value: float) -> float:
    return max(value, 1 / value) if value > 0 else math.inf


_SIZES = {"superiority": (_delta, DELTA), "difference": (abs, DELTA), "ratio": (_ratio, RATIO),
          "lift": (_ratio, RATIO)}  # fmt: skip
