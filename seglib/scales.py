"""Ordered answers: the usual wordings of several languages, and bands such as 25-34 or 65+."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import pairwise

from seglib import frequency

NO_ANSWER = {
    "prefer not to say", "prefer not to answer", "rather not say", "don't know", "dont know",
    "do not know", "not sure", "no answer", "not applicable", "other", "n/a", "na", "unknown",
    "keine angabe", "weiß nicht", "weiss nicht", "k.a.", "ne sais pas", "sans réponse",
    "ne se prononce pas", "no sabe", "no contesta", "ns/nc", "prefiero no decirlo", "missing",
    "refused", "undisclosed", "not stated", "not specified", "anders", "sonstige",
}  # fmt: skip
SCALES = {
    # what it asks: its steps from lowest to highest, each in the wordings that mean it
    "agreement": [
        "strongly disagree|disagree strongly|completely disagree|totally disagree"
        "|disagree completely"
        "|stimme überhaupt nicht zu|stimme gar nicht zu|trifft überhaupt nicht zu"
        "|trifft gar nicht zu|trifft nicht zu"
        "|pas du tout d'accord|totalmente en desacuerdo|muy en desacuerdo",
        "disagree|mostly disagree|moderately disagree|stimme nicht zu|trifft eher nicht zu"
        "|trifft wenig zu|trifft kaum zu"
        "|stimme eher nicht zu|pas d'accord|plutôt pas d'accord|en desacuerdo",
        "somewhat disagree|slightly disagree|disagree somewhat|disagree a little|tend to disagree",
        "neither agree nor disagree|neutral|undecided|neither|unsure|no opinion|weder noch"
        "|trifft teilweise zu|trifft teils zu|trifft mittelmäßig zu"
        "|teils teils|teils/teils|teils, teils|unentschieden|ni d'accord ni pas d'accord|neutre"
        "|ni de acuerdo ni en desacuerdo|indeciso",
        "somewhat agree|slightly agree|agree somewhat|agree a little|tend to agree",
        "agree|mostly agree|moderately agree|stimme zu|trifft eher zu"
        "|trifft ziemlich zu|trifft überwiegend zu|stimme eher zu|d'accord"
        "|plutôt d'accord|de acuerdo",
        "strongly agree|agree strongly|completely agree|totally agree|agree completely"
        "|stimme voll und ganz zu|stimme völlig zu|stimme voll zu|trifft voll zu"
        "|trifft voll und ganz zu|trifft völlig zu|trifft vollständig zu"
        "|trifft zu|tout à fait d'accord|totalmente de acuerdo|muy de acuerdo",
    ],
    "satisfaction": [
        "very dissatisfied|extremely dissatisfied|very unsatisfied|completely dissatisfied"
        "|sehr unzufrieden|très insatisfait|pas du tout satisfait|muy insatisfecho",
        "dissatisfied|unsatisfied|unzufrieden|insatisfait|peu satisfait|insatisfecho",
        "somewhat dissatisfied|slightly dissatisfied|eher unzufrieden|plutôt insatisfait",
        "neutral|neither satisfied nor dissatisfied|neither|ok|okay|teils teils|weder noch|neutre",
        "somewhat satisfied|slightly satisfied|eher zufrieden|plutôt satisfait",
        "satisfied|zufrieden|satisfait|satisfecho",
        "very satisfied|extremely satisfied|completely satisfied|sehr zufrieden|très satisfait"
        "|tout à fait satisfait|muy satisfecho",
    ],
    "frequency": [
        "never|nie|niemals|jamais|nunca",
        "almost never|hardly ever|very rarely|fast nie|presque jamais|casi nunca",
        "rarely|seldom|once a year|less often|selten|rarement|raramente",
        "occasionally|once in a while|a few times a year|gelegentlich|de temps en temps",
        "sometimes|monthly|once a month|about half the time|manchmal|parfois|a veces",
        "often|frequently|weekly|once a week|most of the time|häufig|oft|souvent|a menudo",
        "very often|usually|several times a week|sehr oft|meistens|très souvent|casi siempre",
        "always|daily|every day|immer|täglich|toujours|siempre",
    ],
    "importance": [
        "not at all important|unimportant|völlig unwichtig|pas du tout important|nada importante",
        "not important|not very important|not so important|of little importance|unwichtig"
        "|pas important|poco importante",
        "slightly important|eher unwichtig|peu important",
        "neutral|teils teils",
        "somewhat important|moderately important|eher wichtig|assez important|algo importante",
        "important|fairly important|wichtig|importante",
        "very important|sehr wichtig|très important|muy importante",
        "extremely important|essential|äußerst wichtig|essentiel",
    ],
    "likelihood": [
        "very unlikely|extremely unlikely|not at all likely|definitely not|sehr unwahrscheinlich"
        "|très improbable|muy improbable",
        "unlikely|not very likely|probably not|unwahrscheinlich|improbable",
        "somewhat unlikely|slightly unlikely",
        "neutral|neither likely nor unlikely|maybe|might or might not|vielleicht|peut-être|quizás",
        "somewhat likely|slightly likely",
        "likely|probably|probably yes|wahrscheinlich|probable",
        "very likely|extremely likely|definitely|definitely yes|sehr wahrscheinlich|très probable"
        "|muy probable",
    ],
    "quality": [
        "terrible|very poor|very bad|sehr schlecht|très mauvais|muy malo",
        "poor|bad|schlecht|mauvais|malo",
        "fair|below average|ausreichend|passable",
        "average|ok|okay|neutral|mittel|durchschnittlich|moyen|regular",
        "good|above average|gut|bon|bueno",
        "very good|sehr gut|très bon|muy bueno",
        "excellent|outstanding|ausgezeichnet|hervorragend|excelente",
    ],
    "extent": [
        "not at all|none|none at all|gar nicht|überhaupt nicht|pas du tout|nada",
        "very little|a little|little|slightly|a bit|kaum|wenig|un peu|poco",
        "somewhat|moderately|partly|a moderate amount|teilweise|etwas|moyennement|algo",
        "mostly|quite a bit|quite|a lot|considerably|überwiegend|ziemlich|plutôt|bastante",
        "very much|very|a great deal|fully|sehr|voll und ganz|beaucoup|mucho",
        "extremely|completely|völlig|tout à fait|totalmente",
    ],
    "size": [
        "xs|extra small|tiny", "s|small|klein|petit|pequeño",
        "m|medium|mittel|moyen|mediano|middle",
        "l|large|big|groß|gross|grand|grande", "xl|extra large|very large", "xxl",
    ],
    "level": [
        "very low|sehr niedrig|très faible|muy bajo", "low|niedrig|gering|faible|bas|bajo",
        "medium|moderate|middle|mittel|moyen|medio", "high|hoch|élevé|alto",
        "very high|sehr hoch|très élevé|muy alto",
    ],
    "tier": [
        "basic|free|none", "bronze|starter|standard", "silver|plus", "gold|premium|pro",
        "platinum|business", "diamond|enterprise",
    ],
    "education": [
        "no education|none|no formal education",
        "primary|primary school|elementary school|hauptschule|école primaire|primaria",
        "some high school|lower secondary|realschule|collège",
        "high school|secondary|secondary school|high school graduate|high school diploma|abitur"
        "|lycée|bac|secundaria",
        "some college|vocational|vocational training|trade school|ausbildung|bts",
        "associate degree|associate's degree|college",
        "bachelor|bachelor's degree|bachelors|bachelor degree|undergraduate|college graduate"
        "|licence",
        "master|master's degree|masters|master degree|postgraduate|graduate|graduate degree|diplom",
        "doctorate|phd|doctoral degree|doctor|promotion|doctorat",
    ],
}  # fmt: skip
RANKS = {
    name: {word: rank for rank, words in enumerate(steps) for word in words.split("|")}
    for name, steps in SCALES.items()
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
        `SCALES`, `bands`, `rating` or `how often`. None if they are no usual scale.
    """
    values = list(values)
    silent = [v for v in values if _plain(v) in NO_ANSWER]
    told = [v for v in values if v not in silent]
    if len(told) < 2:
        return None
    for name, sort in (("bands", _bands), ("how often", frequency.ordered), ("rating", _rating)):
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
    """Return the step of an answer on a scale of `SCALES`."""
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
