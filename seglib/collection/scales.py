"""Ordered answers: usual wordings, bands such as 25-34 or 65+, points, and how often in words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import pairwise

from seglib import wording

WORDS = wording.table("scales")
NO_ANSWER = {word.strip() for word in WORDS["no_answer"].split("|")}
RANKS = {
    scale: {word.strip(): rank for rank, words in enumerate(steps) for word in words.split("|")}
    for scale, steps in WORDS["scales"].items()
}
OF_TWO = {"size", "agreement", "satisfaction", "frequency", "importance", "likelihood"}
POINTS = ((1, 5), (1, 6), (1, 7), (1, 4), (1, 10), (0, 10), (-2, 2), (-3, 3), (-5, 5))
PATTERNS = {name: re.compile(pattern) for name, pattern in WORDS["patterns"].items()}
NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*(k|m)?")
POINT = re.compile(  # 'I love it! +5', '+4', '0 (neither)', '-5 = hate it'
    r"^(?P<before>\D*[^\W\d_]\D*?)??[\s(]*(?P<sign>[-+−–]?)(?P<number>\d{1,2})[\s)]*"
    r"(?P<after>\D*[^\W\d_]\D*)?$"
)
TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+(?:-[^\W\d_]+)*|/")
TIMES = {  # kind → word → times a year, or the number that it counts
    kind: {word: times for times, words in rows.items() for word in words.split()}
    for kind, rows in WORDS["frequency"].items()
}
KNOWN = set().union(*TIMES.values())
SELDOM_A_YEAR = 0.01  # below all that is counted, above never
ASIDE = 1.01  # more, or less, than a frequency: next to it


def ordered(values: Iterable[str]) -> tuple[str, list[str], list[str]] | None:
    """Return the scale of texts, the texts from lowest to highest, and those that answer nothing.

    Such as ("agreement", ["Disagree", "Agree"], ["Don't know"]); the scale is one of
    wording/scales.yaml, `bands`, `rating` or `how often`. None if they are no usual scale.
    """
    silent = [v for v in values if _plain(v) in NO_ANSWER]
    answers = [v for v in values if v not in silent]
    ways = {"bands": _bands, "how often": _rates, "rating": _ratings}
    ranked = {name: way(answers) for name, way in ways.items()}
    ranked |= {scale: {v: ranks.get(_plain(v)) for v in answers} for scale, ranks in RANKS.items()}
    for name, ranks in ranked.items():
        apart = None not in ranks.values() and len(set(ranks.values())) == len(answers)
        if apart and len(answers) >= (2 if name in {*OF_TWO, *ways} else 3):
            return name, sorted(answers, key=ranks.__getitem__), silent
    return None


def rank(scale: str, answer: str) -> int:
    """Return the step of an answer on a scale of wording/scales.yaml."""
    return RANKS[scale][_plain(answer)]


def points(least: float, most: float, distinct: int) -> list[str] | None:
    """Return the points of a scale such as 1 to 5 or 0 to 10, None if the ends are of none."""
    for low, high in POINTS:
        inside = low <= least and most <= high and distinct >= min(3, high - low)
        if inside and most > high - 2 and least < low + 2 + high // 10 * 2:
            return [str(point) for point in range(low, high + 1)]
    return None


def _plain(text: str) -> str:
    text = re.sub(r"\s+", " ", text.casefold().replace("’", "'").strip(" .!"))
    return re.sub(r"^\(?\d{1,2}\s*[).:=-]+\s*|\s*\(\d{1,2}\)$", "", text)


# --- text → what sorts it, all None if the texts are not of the kind ------------------------------


def _bands(values: list[str]) -> dict[str, tuple[float, float] | None]:
    """Return the ends of bands that do not overlap, of which one at least is wide."""
    bands = {value: _band(value) for value in values}
    if None in bands.values():
        return dict.fromkeys(values)
    ends = sorted(bands.values())
    apart = all(one[1] <= other[0] and one != other for one, other in pairwise(ends))
    return bands if apart and any(low != high for low, high in ends) else dict.fromkeys(values)


def _band(text: str) -> tuple[float, float] | None:
    """Return the ends of '25-34', 'Under 18', '$50,000 - $74,999', '75K+' or '3'."""
    plain = PATTERNS["units"].sub("", text.casefold().strip())
    plain = re.sub(r"(?<=\d)[.,' \u00a0](?=\d{3}\b)", "", plain).strip()
    if plain in WORDS["nothing"]:
        return 0.0, 0.0
    for name, open_end in (("below", -math.inf), ("above", math.inf)):
        if PATTERNS[name].search(plain):
            end = _number(PATTERNS[name].sub("", plain))
            return None if end is None else (min(end, open_end), max(end, open_end))
    ends = [_number(part) for part in PATTERNS["to"].split(plain)]
    if len(ends) == 2 and None not in ends and plain.endswith("k") and ends[0] < ends[1] / 1e3:
        ends[0] *= 1e3  # 15-24K
    if not 1 <= len(ends) <= 2 or None in ends or ends[0] > ends[-1]:
        return None
    return ends[0], ends[-1]


def _number(text: str) -> float | None:
    match = NUMBER.fullmatch(text.strip())
    return float(match[1]) * {"k": 1e3, "m": 1e6}.get(match[2] or "", 1) if match else None


def _ratings(values: list[str]) -> dict[str, int | None]:
    """Return points of which those at the ends or the middle are worded, or all have signs."""
    parsed = {value: POINT.match(value.strip()) for value in values}
    if len(values) < 3 or None in parsed.values():
        return dict.fromkeys(values)
    at = {v: int(m["number"]) * (-1 if m["sign"] in {*"-−–"} else 1) for v, m in parsed.items()}
    words = {v: (m["before"] or m["after"] or "").strip() for v, m in parsed.items()}
    worded = [v for v in values if words[v]]
    least, most = min(at.values()), max(at.values())
    ends = all(at[v] in {least, most, (least + most) / 2} for v in worded)
    signed = all(m["sign"] or not at[v] for v, m in parsed.items())
    own = len({words[v] for v in worded}) == len(worded)
    fits = own and (signed or (0 < len(worded) < len(at) and ends))
    return at if fits else dict.fromkeys(values)


def _rates(values: list[str]) -> dict[str, float | None]:
    rates = {value: per_year(value) for value in values}
    counted = any((rate or 0) > SELDOM_A_YEAR for rate in rates.values())
    return rates if counted else dict.fromkeys(values)


def per_year(text: str) -> float | None:
    """Return how many times a year a phrase means, such as '2-3 times a month'; None if none.

    Of a range its middle; 'more than' and 'less than' lie next to what they name.
    """
    plain = re.sub(r"\([^)]*\)", " ", text.casefold().replace("’", "'")).strip(" .!")
    if plain in WORDS["never"] or plain in WORDS["seldom"]:
        return 0.0 if plain in WORDS["never"] else SELDOM_A_YEAR
    more, less = PATTERNS["more"], PATTERNS["less"]
    beyond = ASIDE if more.search(plain) else 1 / ASIDE if less.search(plain) else 1.0
    tokens = TOKEN.findall(less.sub(" ", more.sub(" ", plain)))
    if any(not token[0].isdigit() and token not in KNOWN for token in tokens):
        return None
    units, adverbs = TIMES["units"], [t for t in tokens if t in TIMES["adverbs"]]
    if adverbs:  # 'twice weekly'
        return beyond * TIMES["adverbs"][adverbs[0]] * (_count(tokens) or 1)
    last = max((i for i, token in enumerate(tokens) if token in units), default=0)
    before, unit = tokens[:last], units.get(tokens[last], 0) * beyond if tokens else 0
    for i, token in enumerate(before):  # 'every two weeks' or, behind a count, 'in two weeks'
        times, steps = _count(before[:i]), [TIMES["steps"].get(t) for t in before[i:]]
        step = next(filter(None, steps), _count(before[i + 1 :]))
        if token in TIMES["every"] or (token == "in" and times and step):
            return unit * (times or 1) / (step or 1)
    count = _count(before)  # 'two times a week'
    return unit * count if count and before[-1] in TIMES["per"] else None


def _count(tokens: list[str]) -> float | None:
    """Return the count that words or figures give, of '2 to 3' the middle; None without one."""
    figures = [t.replace(",", ".") if t[0].isdigit() else TIMES["counts"].get(t) for t in tokens]
    counts = [float(figure) for figure in figures if figure is not None]
    return sum(counts) / len(counts) if counts else None
