"""How often, in words: 'every three months' or 'more than once a week' as times a year."""

from __future__ import annotations

import re
from itertools import pairwise


def _words(rows: dict[float, str]) -> dict[str, float]:
    return {word: value for value, words in rows.items() for word in words.split()}


UNITS = _words(
    {
        365: "day days tag tage tagen jour jours día días dia dias",
        260: "weekday weekdays workday workdays werktag werktage",
        52: "week weeks wk woche wochen semaine semaines semana semanas weekend weekends",
        26: "fortnight fortnights quinzaine",
        12: "month months monat monate monaten mois mes meses",
        4: "quarter quarters quartal quartale trimestre trimestres",
        1: "year years yr jahr jahre jahren an ans année année año años",
    }
)
ADVERBS = _words(
    {
        365: "daily täglich quotidiennement diario diariamente",
        52: "weekly wöchentlich hebdomadaire semanal semanalmente",
        26: "fortnightly zweiwöchentlich",
        12: "monthly monatlich mensuel mensuellement mensual mensualmente",
        4: "quarterly vierteljährlich trimestriel trimestral",
        2: "half-yearly semi-annually biannually halbjährlich semestriel semestral",
        1: "yearly annually annual jährlich annuel annuellement anual anualmente",
    }
)
COUNTS = _words(
    {
        1: "once one einmal ein eine einem einen une una uno",
        2: "twice two couple zweimal zwei deux dos",
        3: "thrice three few dreimal drei trois tres",
        4: "four several many mehrmals viermal vier quatre plusieurs cuatro varias",
        5: "five fünf fünfmal cinq cinco",
        6: "six sechs sechsmal seis",
        7: "seven sieben sept siete",
        8: "eight acht huit ocho",
        9: "nine neun neuf nueve",
        10: "ten zehn dix diez",
        12: "twelve zwölf douze doce",
    }
)
STEPS = _words({2: "other second zweite zweiten deuxième segundo", 3: "third dritten"})
EVERY = _words({1: "every each alle jede jeden jedes tous toutes chaque cada todos todas"})
PER = _words({1: "/ a an per the pro im in je par por al la el"})
FILLER = _words(
    {
        1: "time times x or to bis ou o of about around approximately ca mal fois vez veces at on "
        "les los las le de der den dem"
    }
)
KNOWN = {*UNITS, *ADVERBS, *COUNTS, *STEPS, *EVERY, *PER, *FILLER}
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
    last = max((i for i, token in enumerate(tokens) if token in UNITS), default=0)
    if not last:
        return None
    unit, start = UNITS[tokens[last]], _period(tokens[:last])
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


def ordered(answers: list[str]) -> list[str] | None:
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
