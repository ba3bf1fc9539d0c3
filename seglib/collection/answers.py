"""What a table with a row a customer says of them: traits, answers, and what happened to them."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from seglib import privacy, wording
from seglib.collection import attributes
from seglib.collection.columns import COMMON, WORDS, Column, Table, heading, suggested
from seglib.collection.roles import LEAST_PEOPLE, Guess, experiment, told_apart, unique_key, unused
from seglib.layout import ROW
from seglib.study import LIMITS
from seglib.wording import listing

GROUPS = 25  # more different texts than this are no groups
STATEMENT = 4  # words of a heading that is a statement or a question, not the name of a thing
FEW = 0.05  # a column filled less than this tells nothing
BATTERY = 3, 5  # columns of the same yes and no that look like questions: without ids, and with
MANY_PARADATA = 3  # columns about the answering, from which ids of responses are of a survey
PARADATA = "about the answering, no answer"
KNOWN = {"amount", "aside", "cost", "demographic", "discount", "measure", "price", "quantity"}
SEVERAL = 0.2  # of the cells that hold more than one answer
SCALES = wording.table("scales")
OPINIONS = {*SCALES["opinions"]}
NO_ANSWER = {word.strip(" .") for word in SCALES["no_answer"].casefold().split("|")}
RANKS = {
    scale: {
        word.strip(" ."): rank
        for rank, words in enumerate(steps)
        for word in words.casefold().split("|")
    }
    for scale, steps in SCALES["scales"].items()
}
OF_TWO = {"agreement", "satisfaction", "frequency", "importance", "bands", "how often"}
POINTS = ((1, 5), (1, 6), (1, 7), (1, 4), (1, 10), (0, 10), (-2, 2), (-3, 3), (-5, 5))
PATTERNS = {name: re.compile(pattern) for name, pattern in SCALES["patterns"].items()}
NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*(k|m)?")
TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+(?:-[^\W\d_]+)*|/")
TIMES = {  # kind → word → times a year, or the number that it counts
    kind: {word: times for times, words in rows.items() for word in words.split()}
    for kind, rows in SCALES["frequency"].items()
}
VOCABULARY = set().union(*TIMES.values())
SELDOM_A_YEAR = 0.01  # below all that is counted, above never
ASIDE = 1.01  # more, or less, than a frequency: next to it


def battery(table: Table) -> list[str]:
    """Return the columns that hold the same yes and no as most others that hold such words."""
    alike: dict[str, list[str]] = {}
    for column in table:
        words = " ".join(sorted(value.casefold() for value in column.values))
        if column.distinct == 2 and words in SCALES["yes_or_no"]:
            alike.setdefault(words, []).append(column.name)
    return max(alike.values(), key=len, default=[])


def is_survey(table: Table) -> bool:
    """Return whether most of what a table holds are answers: on scales, or the same yes and no."""
    key = unique_key(table)
    useful = [c for c in table if c.distinct > 1 and not c.unique]
    questions = [c for c in useful if not (c.is_paradata or c.perhaps_paradata)]
    on = [result[0] for c in questions if (result := scale(c))]
    words, numbers = sum(name in OPINIONS - {"points"} for name in on), on.count("points")
    worded = sum(len(c.name.split()) >= 3 for c in questions) >= 0.5 * max(len(questions), 1)
    named = "respondent" in suggested(key)
    exported = named and sum(c.is_paradata for c in table) >= MANY_PARADATA
    enough = words >= 3 or numbers >= 5 or (words + numbers >= 1 and (worded or named))
    if exported or (enough and words + numbers >= 0.3 * len(questions)):
        return True
    yes = len(battery(table)) >= max(BATTERY[bool(key)], 0.5 * len(useful))
    over = any("outcome" in c.says for c in useful)
    return yes and not over and (words > 0 or not key or named)


def scale(column: Column) -> tuple[str, list[str], list[str]] | None:
    """Return the ordered answers of a column as `ordered` does, None if it has none."""
    if column.kind == "text" and column.distinct <= COMMON // 2:
        return ordered(column.values)
    if column.kind == "integer" and column.filled and column.distinct <= 11:
        zero = column.most > 7 and re.search(WORDS["from_zero"], column.name.lower())
        levels = points(0 if zero else column.least, column.most, column.distinct)
        return ("points", levels, []) if levels else None
    return None


def several_answers(column: Column) -> list[str]:
    """Return the answers that are combined in the cells of a column, none if they are not."""
    for sign in (";", ", ", ",", "|") if column.kind == "text" else ():
        split = {v: [p.strip() for p in v.split(sign) if p.strip()] for v in column.values}
        many = sum(n for value, n in column.values.items() if len(split[value]) > 1)
        answers = Counter(part for value, n in column.values.items() for part in split[value] * n)
        enough = many >= SEVERAL * sum(column.values.values()) and min(answers.values(), default=0)
        if enough > 1 and 2 < len(answers) < len(split):
            return sorted(answers)
    return []


# --- what they say --------------------------------------------------------------------------------


def describe(table: Table, kind: str, key: str = "") -> Guess:
    """Return what a table with one row a customer says of them."""
    guess, key = Guess(kind, table), key or unique_key(table)
    if key:
        guess.take("customer", key, f"{table.columns[key].distinct:,} distinct, one a row")
    else:
        guess.take("customer", ROW, "no column tells who: each row is one, by its number")
        one, who = "respondent" if kind == "survey" else "customer", told_apart(table)
        guess.ask("rows_personal" if who else "rows_numbered", one=one, name=who)
    after = experiment(guess) if kind == "customers" else []
    boxes = [c for c in table if c.distinct == 1 and c.kind in {"text", "integer"}]
    boxes = [c.name for c in boxes if 0.02 <= 1 - c.missing <= 0.98]
    boxes = boxes if len(boxes) > 1 and is_survey(table) else []
    away = [c.name for c in table if c.is_paradata]  # about the answering
    perhaps = [c.name for c in table if c.perhaps_paradata]
    away += perhaps if away else []
    for column in table:
        if column.name not in {*guess.taken, *after}:
            _describe(guess, column, column.name in boxes, away)
    _leaks(guess)
    abouts = [about for about in guess.attributes.values() if "scale" in about]
    for about in abouts:  # the same levels on the same scale, also those that nobody chose here
        alike = [other["levels"] for other in abouts if other["scale"] == about["scale"]]
        wider = [levels for levels in alike if {*levels} > {*about["levels"]}]
        about["levels"] = max(wider, key=len, default=about["levels"])
    if away or (perhaps and kind == "survey"):
        _previews(guess)
    if boxes := [repr(name) for name in boxes if name in guess.attributes]:
        guess.ask("boxes", names=listing(boxes[:4]))
    questions = [name for name in battery(table) if name in guess.attributes]
    if len(questions) >= BATTERY[bool(key)]:
        asked = guess.attributes[questions[0]]["base"] == "psychographic"
        names = listing([*map(repr, questions[:3]), *["others"] * (len(questions) > 3)])
        words = " or ".join(sorted(table.columns[questions[0]].values, reverse=True))
        guess.ask("battery_asked" if asked else "battery_had", names=names, words=words)
    _ask_of_answering(guess)
    if kind == "customers":
        _ask_of_rows(guess, key)
    return guess


def _describe(guess: Guess, column: Column, box: bool, away: list[str]) -> None:
    name, survey, paradata = column.name, guess.kind == "survey", column.name in away
    if box:
        value = next(iter(column.values))
        why = f"{value!r} in {1 - column.missing:.0%} of the rows, empty in the others: a box"
        _add(guess, column, "nominal", why, blank="No", labels={value: "Yes"})
    elif column.personal or column.distinct < 2 or column.free_text or column.kind == "time":
        guess.left[name] = unused(column)
    elif paradata or column.filled < FEW * column.rows:
        guess.left[name] = PARADATA if paradata else "hardly ever filled in"
    elif "outcome" in column.says or _ended(column):
        _take_outcome(guess, column)
    elif (result := scale(column)) and (column.kind == "text" or survey):
        _ordered(guess, column, *result)
    elif column.kind == "number" or (column.kind == "integer" and column.distinct > 2):
        _number(guess, column)
    elif inside := next(filter(None, map(privacy.within, column.values)), ""):
        guess.left[name] = f"personal data ({inside}); not needed"
    elif several := several_answers(column):
        guess.left[name] = "several answers in one cell"
        one, other, *_ = several
        guess.ask("several_answers", name=name, n=len(several), one=one, other=other)
    elif column.distinct <= GROUPS and column.per_value >= 3:
        examples = ", ".join(list(column.values)[:3])
        _add(guess, column, "nominal", f"{column.distinct} different: {examples[:60]}")
    else:
        guess.left[name] = f"{column.distinct:,} different texts: too many for groups"


def _add(guess: Guess, column: Column, kind: str, why: str, base: str = "", **more) -> None:
    """Take a column as an attribute; without a base, a plan may be an answer of a survey."""
    alike = battery(guess.table) if guess.roles["customer"] == ROW and kind == "nominal" else []
    questions = guess.kind == "survey" or (len(alike) >= BATTERY[0] and column.name in alike)
    questions = questions and column.base == "plan" and not column.perhaps_paradata
    answer = {"base": "psychographic"} if not base and questions else {}
    why += f"; {column.missing:.0%} missing" if column.missing >= 0.005 else ""
    about = {"label": heading(column.name), "base": base or column.base, "kind": kind, "why": why}
    guess.attributes[column.name] = about | answer | more


def _number(guess: Guess, column: Column) -> None:
    """Take a column of numbers as such, few whole ones under the name of a code as groups."""
    name, base, whole = column.name, column.base, column.whole == 1
    coded = "id" in column.says or base == "geographic"
    unknown = column.unique and not column.is_count and column.says.isdisjoint(KNOWN)
    if whole and column.distinct > GROUPS and (coded or unknown):
        guess.left[name] = "an id or a code, it seems"
        if not coded and "line" not in column.says:
            guess.ask("id_or_number", name=name)
        return
    ends = f"{column.least:,.10g} to {column.most:,.10g}"
    kinds = len(heading(name).split()) == 1 and column.says & {"place", "level", "group"}
    if not (whole and column.distinct <= GROUPS and (base == "geographic" or kinds)):
        _add(guess, column, "numeric", f"numbers from {ends}", base)
        return
    guess.ask("codes", name=name, ends=ends)
    _add(guess, column, "nominal", f"{column.distinct} different numbers, codes by the name", base)


def _ordered(guess: Guess, column: Column, name: str, levels: list[str], silent: list[str]) -> None:
    base = column.base
    opinion = name in OPINIONS and (name != "points" or base == "plan")
    if guess.kind == "survey" and opinion and not column.perhaps_paradata:
        base = "psychographic"
    elif name == "bands" and base == "plan":
        base = "demographic"
    why = SCALES["reasons"].get(name, f"the usual answers of {name}")
    if silent:
        answered = sum(column.values.get(value, 0) for value in silent)
        why += f"; {answered} of {', '.join(silent)} count as missing"
    guess.silent |= set(silent)
    _add(guess, column, "ordered", why, base, levels=levels, scale=name)
    if name == "how often":
        guess.ask("how_often", name=column.name, least=levels[0], most=levels[-1])
    label = heading(column.name)
    if name in OPINIONS and len(label.split()) >= STATEMENT:  # words that were put to people
        guess.attributes[column.name]["label"] = f"“{label}”"


# --- what happened --------------------------------------------------------------------------------


def _take_outcome(guess: Guess, column: Column) -> None:
    over, name = _ended(column), column.name
    yes = [over] if over else [v for v in column.values if v.lower() in WORDS["happened"]]
    did = next((did for start, did in WORDS["past"].items() if start in name.lower()), over)
    if not did or len(yes) != 1 or column.distinct != 2:
        guess.left[name] = "an outcome, it seems, or what is said of one"
        guess.ask("outcome_unclear", name=name)
        return
    why = "judges the segments and never forms them"
    guess.outcomes[name] = {"label": did, "happened": yes[0], "why": why}
    guess.ask("outcome", name=name, yes=yes[0])


def _ended(column: Column) -> str:
    """Return of a status that is active or not the value that says it is not; else ''."""
    values = {value.lower(): value for value in column.values}
    running = column.kind == "text" and column.distinct == 2 and {*values} & {*WORDS["running"]}
    over = {*WORDS["ended"], *WORDS["happened"]}
    return next((value for low, value in values.items() if running and low in over), "")


def _leaks(guess: Guess) -> None:
    """Leave out the columns that tell an outcome nearly without fault: they were written after."""
    for what, about in guess.outcomes.items():
        did = guess.table.columns[what].text.str.lower() == about.get("happened", "").lower()
        for name in list(guess.attributes) if "happened" in about else ():
            column = guess.table.columns[name]
            area = attributes.auc(column.read if column.numeric else column.text, did)
            if area >= LIMITS["leakage"]["most"]:
                del guess.attributes[name]
                guess.left[name] = f"tells {what!r} nearly without fault (AUC {area:.2f})"
                guess.ask("leak", name=name, outcome=what)


def _previews(guess: Guess) -> None:
    for column in guess.table.named("status"):
        counts = guess.table.counts(column.name) if column.distinct <= GROUPS else {}
        tries = [v for v in counts if any(word in v.lower() for word in WORDS["previews"])]
        if tries and len(tries) < len(counts):
            n, examples = sum(counts[value] for value in tries), listing(tries)
            guess.take("status", column.name, f"{n:,} rows are {examples}: left out")
            guess.keys["excluded"] = tries
            guess.ask("previews", name=column.name, n=n, shown=examples)
            guess.left.pop(column.name, None)
            guess.attributes.pop(column.name, None)
            return


# --- questions ------------------------------------------------------------------------------------


def _ask_of_answering(guess: Guess) -> None:
    one, few = ("respondent", 1) if guess.kind == "survey" else ("customer", 2)
    doubtful = [c.name for c in guess.table if c.perhaps_paradata or (c.is_paradata and few > 1)]
    if away := [repr(name) for name in doubtful if guess.left.get(name) == PARADATA]:
        guess.ask("paradata", names=listing(away), one=one)
    if len(names := [repr(name) for name in doubtful if name in guess.attributes]) >= few:
        guess.ask("paradata_or_trait", names=listing(names), one=one)


def _ask_of_rows(guess: Guess, key: str) -> None:
    whens = guess.table.times
    if whens and key and "customer" not in suggested(key):
        guess.ask("rows_dated", name=key, time=whens[0].name)
    for column in guess.table.named("customer") if not whens else ():
        many = column.is_key and column.distinct >= max(LEAST_PEOPLE, column.rows / 50)
        if many and column.name != key and column.distinct < column.filled:
            guess.ask("rows_return", name=column.name)


# --- ordered answers: usual wordings, bands such as 25-34, points, how often in words -------------


def ordered(values: Iterable[str]) -> tuple[str, list[str], list[str]] | None:
    """Return the scale of texts, the texts from lowest to highest, and those that answer nothing.

    Such as ("agreement", ["Disagree", "Agree"], ["Don't know"]); the scale is one of
    wording/scales.yaml, `bands` or `how often`. None if they are no usual scale.
    """
    silent = [v for v in values if _plain(v) in NO_ANSWER]
    answers = [v for v in values if v not in silent]
    bands, rates = {v: _band(v) for v in answers}, {v: per_year(v) for v in answers}
    ranked = {}
    if None not in bands.values():
        ends = sorted(bands.values())
        apart = all(a[1] <= b[0] and a != b for a, b in pairwise(ends))
        ranked |= {"bands": bands} if apart and any(low != high for low, high in ends) else {}
    if any((rate or 0) > SELDOM_A_YEAR for rate in rates.values()):
        ranked["how often"] = rates
    ranked |= {scale: {v: ranks.get(_plain(v)) for v in answers} for scale, ranks in RANKS.items()}
    for name, ranks in ranked.items():
        apart = None not in ranks.values() and len(set(ranks.values())) == len(answers)
        if apart and len(answers) >= (2 if name in OF_TWO else 3):
            return name, sorted(answers, key=ranks.__getitem__), silent
    return None


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


def _band(text: str) -> tuple[float, float] | None:
    """Return the ends of '25-34', 'Under 18', '$50,000 - $74,999', '75K+' or '3'."""
    plain = PATTERNS["units"].sub("", text.casefold().strip())
    plain = re.sub(r"(?<=\d)[.,' \u00a0](?=\d{3}\b)", "", plain).strip()
    if plain in SCALES["nothing"]:
        return 0.0, 0.0
    side = next((name for name in ("below", "above") if PATTERNS[name].search(plain)), "")
    plain = PATTERNS[side].sub("", plain) if side else plain
    figures = [NUMBER.fullmatch(part.strip()) for part in PATTERNS["to"].split(plain)]
    if not 1 <= len(figures) <= 2 - bool(side) or None in figures:
        return None
    ends = [float(m[1]) * {"k": 1e3, "m": 1e6}.get(m[2] or "", 1) for m in figures]
    if side:
        return (-math.inf, ends[0]) if side == "below" else (ends[0], math.inf)
    if plain.endswith("k") and ends[0] < ends[-1] / 1e3:
        ends[0] *= 1e3  # 15-24K
    return (ends[0], ends[-1]) if ends[0] <= ends[-1] else None


def per_year(text: str) -> float | None:
    """Return how many times a year a phrase means, such as '2-3 times a month'; None if none."""
    plain = re.sub(r"\([^)]*\)", " ", text.casefold().replace("’", "'")).strip(" .!")
    if plain in SCALES["never"] or plain in SCALES["seldom"]:
        return 0.0 if plain in SCALES["never"] else SELDOM_A_YEAR
    more, less = PATTERNS["more"], PATTERNS["less"]
    beyond = ASIDE if more.search(plain) else 1 / ASIDE if less.search(plain) else 1.0
    tokens = TOKEN.findall(less.sub(" ", more.sub(" ", plain)))
    if any(not token[0].isdigit() and token not in VOCABULARY for token in tokens):
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
