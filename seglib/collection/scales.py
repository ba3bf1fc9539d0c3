"""Ordered answers: usual wordings, bands such as 25-34 or 65+, and how often in words."""

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
TO = re.compile(r"\s*(?:-|–|—|\bto\b|\bbis\b|\bà\b|\ba\b|\bhasta\b|\band\b|\bund\b)\s*")
BELOW = re.compile(
    r"^(?:under|below|less than|up to|at most|younger than|unter|weniger als|bis|bis zu"
    r"|moins de|menos de|hasta|jusqu'à|<=?|≤)\s*"
)
ABOVE = re.compile(
    r"^(?:over|above|more than|at least|older than|from|über|mehr als|ab|plus de|más de|>=?|≥)\s*"
    r"|\s*(?:\+|and over|and above|and older|or more|or older|or over|plus|und mehr|und älter"
    r"|et plus|y más|o más)$"
)
UNITS = re.compile(
    r"[€$£¥₹]|\b(?:years?( old)?|yrs?|jahre?|ans|años|eur|usd|gbp|euros?|dollars?|per year|people"
    r"|persons?|employees|months?|days?)\b\.?"
)
NUMBER = re.compile(r"^(\d+(?:\.\d+)?)\s*(k|m)?$")
POINT = re.compile(  # 'I love it! +5', '+4', '0 (neither)', '-5 = hate it'
    r"^(?P<before>\D*[^\W\d_]\D*?)??[\s(]*(?P<sign>[-+−–]?)(?P<number>\d{1,2})[\s)]*"
    r"(?P<after>\D*[^\W\d_]\D*)?$"
)


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
    values = list(values)
    silent = [v for v in values if _plain(v) in NO_ANSWER]
    told = [v for v in values if v not in silent]
    if len(told) < 2:
        return None
    for name, sort in (("bands", _bands), ("how often", _frequencies), ("rating", _rating)):
        if levels := sort(told):
            return name, levels, silent
    for name, ranks in RANKS.items():
        found = {v: ranks.get(_plain(v)) for v in told}
        known = [rank for rank in found.values() if rank is not None]
        if len(known) == len(set(known)) == len(told) and len(told) >= (2 if name == "size" else 3):
            return name, sorted(told, key=found.__getitem__), silent
        two = name in {"agreement", "satisfaction", "frequency", "importance", "likelihood"}
        if two and len(known) == len(set(known)) == len(told):
            return name, sorted(told, key=found.__getitem__), silent
    return None


def rank(scale: str, answer: str) -> int:
    """Return the step of an answer on a scale of wording/scales.yaml."""
    return RANKS[scale][_plain(answer)]


def points(least: float, most: float, distinct: int) -> list[str] | None:
    """Return the points of a scale such as 1 to 5 or 0 to 10, None if the ends are of none."""
    for low, high in ((1, 5), (1, 6), (1, 7), (1, 4), (1, 10), (0, 10), (-2, 2), (-3, 3), (-5, 5)):
        inside = low <= least and most <= high and distinct >= min(3, high - low)
        if inside and most > high - 2 and least < low + 2 + high // 10 * 2:
            return [str(point) for point in range(low, high + 1)]
    return None


def _plain(text: str) -> str:
    text = text.casefold().replace("’", "'").strip(" .!")
    return re.sub(r"^\(?\d{1,2}\s*[).:=-]+\s*|\s*\(\d{1,2}\)$", "", re.sub(r"\s+", " ", text))


def _bands(values: list[str]) -> list[str] | None:
    """Return bands of numbers from lowest to highest, None if the texts are none."""
    found = {value: _band(value) for value in values}
    if any(band is None for band in found.values()) or len(values) < 2:
        return None
    wide = sum(low != high for low, high in found.values())
    order = sorted(values, key=lambda v: found[v])
    apart = all(found[a][1] <= found[b][0] and found[a] != found[b] for a, b in pairwise(order))
    return order if wide and apart else None


def _rating(values: list[str]) -> list[str] | None:
    """Return the points of a scale of which some are worded, lowest first; None if it is none.

    Words stand at its ends or its middle, where other points are plain numbers, or all have signs.
    """
    points = {value: POINT.match(value.strip()) for value in values}
    if len(values) < 3 or None in points.values():
        return None
    at = {v: int(m["number"]) * (-1 if m["sign"] in {*"-−–"} else 1) for v, m in points.items()}
    words = {v: (m["before"] or m["after"] or "").strip() for v, m in points.items()}
    worded = [v for v in values if words[v]]
    own = len({words[v] for v in worded}) == len(worded)
    least, most = min(at.values()), max(at.values())
    ends = all(at[v] in {least, most, (least + most) / 2} for v in worded)
    signed = all(m["sign"] or not at[v] for v, m in points.items())
    scaled = signed or (0 < len(worded) < len(at) and ends)
    known = own and scaled and len(set(at.values())) == len(at)
    return sorted(values, key=at.__getitem__) if known else None


def _band(text: str) -> tuple[float, float] | None:
    """Return the ends of '25-34', 'Under 18', '$50,000 - $74,999', '75K+' or '3'."""
    plain = UNITS.sub("", text.casefold().strip())
    plain = re.sub(r"(?<=\d)[.,' \u00a0](?=\d{3}\b)", "", plain).strip()
    if plain in {"none", "no", "keine", "aucun", "ninguno"}:
        return 0.0, 0.0
    below, above = BELOW.search(plain), ABOVE.search(plain)
    if below or above:
        end = _number((BELOW if below else ABOVE).sub("", plain).strip())
        return None if end is None else (-math.inf, end) if below else (end, math.inf)
    ends = [_number(part.strip()) for part in TO.split(plain)]
    if len(ends) == 2 and None not in ends and re.search(r"k$", plain) and ends[0] < ends[1] / 1e3:
        ends[0] *= 1e3  # 15-24K
    if not 1 <= len(ends) <= 2 or None in ends or ends[0] > ends[-1]:
        return None
    return ends[0], ends[-1]


def _number(text: str) -> float | None:
    match = NUMBER.match(text)
    if not match:
        return None
    return float(match[1]) * {"k": 1e3, "m": 1e6}.get(match[2] or "", 1)


# --- how often ------------------------------------------------------------------------------------

PERIODS, ADVERBS, COUNTS, STEPS, EVERY, PER, FILLER = (
    {word: times for times, words in rows.items() for word in words.split()}
    for rows in WORDS["frequency"].values()
)
KNOWN = {*PERIODS, *ADVERBS, *COUNTS, *STEPS, *EVERY, *PER, *FILLER}
NEVER = {"never", "nie", "niemals", "jamais", "nunca"}
SELDOM = {"rarely", "seldom", "less often", "less frequently"}
SELDOM |= {"selten", "seltener", "rarement", "raramente"}
MORE = re.compile(
    r"\b(?:more (?:often )?than|over|at least|or more(?: often)?|mehr als|öfter als|häufiger als"
    r"|mindestens|oder öfter|plus de|plus d'|au moins|ou plus|más de|al menos|o más)\b|\+|>"
)
LESS = re.compile(
    r"\b(?:less (?:often )?than|fewer than|under|at most|up to|or less(?: often)?|weniger als"
    r"|seltener als|höchstens|oder seltener|moins de|moins d'|au plus|ou moins|menos de"
    r"|o menos)\b|<"
)
SELDOM_A_YEAR = 0.01  # below all that is counted, above never
ASIDE = 1.01  # more, or less, than a frequency: next to it
CLOSE = 1.6  # two frequencies less far apart than this could be meant the other way round
TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+(?:-[^\W\d_]+)*|/")


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
    if plain in NEVER:
        return 0.0
    if plain in SELDOM:
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
    unit, start = PERIODS[tokens[last]], _period(tokens[:last])
    if start is not None:
        step = [STEPS[token] for token in tokens[start:last] if token in STEPS]
        length = step[0] if step else _count(tokens[start:last]) or 1
        return unit * (_count(tokens[:start]) or 1) / length
    count = _count(tokens[:last])
    return unit * count if count and tokens[last - 1] in PER else None


def _period(tokens: list[str]) -> int | None:
    """Return where 'every two' or, behind a count, 'in two' begins; None if there is neither."""
    for i, token in enumerate(tokens):
        counted = token == "in" and _count(tokens[:i]) and _count(tokens[i + 1 :])
        if token in EVERY or counted:
            return i
    return None


def _count(tokens: list[str]) -> float | None:
    """Return the count that words or figures give, of '2 to 3' the middle; None without one."""
    found = [
        float(t.replace(",", ".")) if t[0].isdigit() else COUNTS[t]
        for t in tokens
        if t[0].isdigit() or t in COUNTS
    ]
    return sum(found) / len(found) if found else None


def _frequencies(answers: list[str]) -> list[str] | None:
    """Return answers from the rarest to the most frequent, None if they are no frequencies."""
    rates = {answer: per_year(answer) for answer in answers}
    if None in rates.values() or len(set(rates.values())) < len(answers):
        return None
    counted = any(rate > SELDOM_A_YEAR for rate in rates.values())
    return sorted(answers, key=rates.__getitem__) if counted and len(answers) > 1 else None


def close(answers: list[str]) -> tuple[str, str] | None:
    """Return two neighbours in order that could be meant the other way round, None without any."""
    for one, other in pairwise(answers):
        low, high = per_year(one), per_year(other)
        if low and high and ASIDE**2 * 1.001 < high / low < CLOSE:
            return one, other
    return None
