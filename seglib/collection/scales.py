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
TO, BELOW, ABOVE, UNITS, MORE, LESS = (
    re.compile(WORDS["patterns"][name])
    for name in ("to", "below", "above", "units", "more", "less")
)
NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*(k|m)?")
POINT = re.compile(  # 'I love it! +5', '+4', '0 (neither)', '-5 = hate it'
    r"^(?P<before>\D*[^\W\d_]\D*?)??[\s(]*(?P<sign>[-+−–]?)(?P<number>\d{1,2})[\s)]*"
    r"(?P<after>\D*[^\W\d_]\D*)?$"
)
TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+(?:-[^\W\d_]+)*|/")
PERIODS, ADVERBS, COUNTS, STEPS, EVERY, PER, FILLER = (
    {word: times for times, words in rows.items() for word in words.split()}
    for rows in WORDS["frequency"].values()
)
KNOWN = {*PERIODS, *ADVERBS, *COUNTS, *STEPS, *EVERY, *PER, *FILLER}
SELDOM_A_YEAR = 0.01  # below all that is counted, above never
ASIDE = 1.01  # more, or less, than a frequency: next to it
CLOSE = 1.6  # two frequencies less far apart than this could be meant the other way round


def ordered(values: Iterable[str]) -> tuple[str, list[str], list[str]] | None:
    """Return what texts ask, the texts from lowest to highest, and those that answer nothing.

    Parameters
    ----------
    values
        All different texts of a column.

    Returns
    -------
    tuple or None
        Such as ("agreement", ["Disagree", "Agree"], ["Don't know"]); the first is a name of
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


def close(answers: list[str]) -> tuple[str, str] | None:
    """Return two neighbours in order that could be meant the other way round, None without any."""
    for one, other in pairwise(answers):
        low, high = per_year(one), per_year(other)
        if low and high and ASIDE**2 * 1.001 < high / low < CLOSE:
            return one, other
    return None


def _plain(text: str) -> str:
    text = re.sub(r"\s+", " ", text.casefold().replace("’", "'").strip(" .!"))
    return re.sub(r"^\(?\d{1,2}\s*[).:=-]+\s*|\s*\(\d{1,2}\)$", "", text)


# --- bands and points: text → what sorts it, all None if they are not of the kind -----------------


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
    plain = UNITS.sub("", text.casefold().strip())
    plain = re.sub(r"(?<=\d)[.,' \u00a0](?=\d{3}\b)", "", plain).strip()
    if plain in {"none", "no", "keine", "aucun", "ninguno"}:
        return 0.0, 0.0
    for pattern, ends in ((BELOW, (-math.inf, None)), (ABOVE, (None, math.inf))):
        if pattern.search(plain):
            end = _number(pattern.sub("", plain))
            return None if end is None else tuple(end if e is None else e for e in ends)
    ends = [_number(part) for part in TO.split(plain)]
    if len(ends) == 2 and None not in ends and plain.endswith("k") and ends[0] < ends[1] / 1e3:
        ends[0] *= 1e3  # 15-24K
    if not 1 <= len(ends) <= 2 or None in ends or ends[0] > ends[-1]:
        return None
    return ends[0], ends[-1]


def _number(text: str) -> float | None:
    match = NUMBER.fullmatch(text.strip())
    return float(match[1]) * {"k": 1e3, "m": 1e6}.get(match[2] or "", 1) if match else None


def _ratings(values: list[str]) -> dict[str, int | None]:
    """Return the points of a scale of which some are worded.

    Words stand at its ends or its middle, where other points are plain numbers, or all have signs.
    """
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


# --- how often ------------------------------------------------------------------------------------


def _rates(values: list[str]) -> dict[str, float | None]:
    rates = {value: per_year(value) for value in values}
    counted = any((rate or 0) > SELDOM_A_YEAR for rate in rates.values())
    return rates if counted else dict.fromkeys(values)


def per_year(text: str) -> float | None:
    """Return how many times a year a phrase means, None if it is no frequency.

    Parameters
    ----------
    text
        In English, German, French or Spanish, such as 'Once a week', '2-3 times a month',
        'Every other day', 'Alle drei Monate', 'Never'.

    Returns
    -------
    float or None
        Of a range its middle; 'more than' and 'less than' lie next to what they name.
    """
    plain = re.sub(r"\([^)]*\)", " ", text.casefold().replace("’", "'")).strip(" .!")
    if plain in WORDS["never"]:
        return 0.0
    if plain in WORDS["seldom"]:
        return SELDOM_A_YEAR
    beyond = ASIDE if MORE.search(plain) else 1 / ASIDE if LESS.search(plain) else 1.0
    rate = _rate(TOKEN.findall(LESS.sub(" ", MORE.sub(" ", plain))))
    return None if rate is None else rate * beyond


def _rate(tokens: list[str]) -> float | None:
    """Return the times a year of 'two times a week', 'twice weekly' or 'once every two weeks'."""
    if any(token not in KNOWN and not token[0].isdigit() for token in tokens):
        return None
    if adverbs := [ADVERBS[token] for token in tokens if token in ADVERBS]:
        return adverbs[0] * (_count(tokens) or 1) if len(adverbs) == 1 else None
    last = max((i for i, token in enumerate(tokens) if token in PERIODS), default=0)
    if not last:
        return None
    unit = PERIODS[tokens[last]]
    for i, token in enumerate(tokens[:last]):  # 'every two' or, behind a count, 'in two'
        if token in EVERY or (
            token == "in" and _count(tokens[:i]) and _count(tokens[i + 1 : last])
        ):
            step = [STEPS[token] for token in tokens[i:last] if token in STEPS]
            length = step[0] if step else _count(tokens[i:last]) or 1
            return unit * (_count(tokens[:i]) or 1) / length
    count = _count(tokens[:last])
    return unit * count if count and tokens[last - 1] in PER else None


def _count(tokens: list[str]) -> float | None:
    """Return the count that words or figures give, of '2 to 3' the middle; None without one."""
    counts = [
        float(token.replace(",", ".")) if token[0].isdigit() else COUNTS[token]
        for token in tokens
        if token[0].isdigit() or token in COUNTS
    ]
    return sum(counts) / len(counts) if counts else None
