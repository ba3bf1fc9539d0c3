"""What a table with a row a customer says of them: traits, answers, arms and what happened."""

from __future__ import annotations

import re
from collections import Counter

from seglib import privacy
from seglib.collection import experiments, hints, scales
from seglib.collection.columns import COMMON, Column, Table
from seglib.collection.hints import suggests
from seglib.collection.records import auc
from seglib.collection.roles import LEAST_PEOPLE, Guess, told_apart, unique_key, unused
from seglib.layout import ROW
from seglib.study import LIMITS
from seglib.wording import listing

GROUPS = 25  # more different texts than this are no groups
STATEMENT = 4  # words of a heading that is a statement or a question, not the name of a thing
FEW = 0.05  # a column filled less than this tells nothing
BATTERY = 3, 5  # columns of the same yes and no that look like questions: without ids, and with
PERIODS = 4  # columns of periods from which a table is one of habits, laid out side by side
PERIOD = re.compile(hints.WORDS["period"], re.IGNORECASE)
YES_OR_NO, OPINIONS = set(scales.WORDS["yes_or_no"]), set(scales.WORDS["opinions"])
SEVERAL = 0.2  # of the cells that hold more than one answer


# --- who answers ----------------------------------------------------------------------------------


def battery(table: Table) -> list[str]:
    """Return the columns that hold the same yes and no as most others that hold such words."""
    alike: dict[str, list[str]] = {}
    for column in table:
        words = " ".join(sorted(value.casefold() for value in column.values))
        if column.distinct == 2 and words in YES_OR_NO:
            alike.setdefault(words, []).append(column.name)
    return max(alike.values(), key=len, default=[])


def is_survey(table: Table) -> bool:
    """Return whether most of what a table holds are answers: on scales, or the same yes and no.

    With customers' ids and nothing else that is asked, a yes and no says what customers have.
    """
    key = unique_key(table)
    useful = [c for c in table if c.distinct > 1 and not c.unique]
    asked = [c for c in useful if not hints.is_paradata(c.name)]
    on = [found[0] for c in asked if (found := scale(c))]
    words, numbers = sum(name in OPINIONS - {"points"} for name in on), on.count("points")
    worded = sum(len(c.name.split()) >= 3 for c in asked) >= 0.5 * max(len(asked), 1)
    named = suggests(key, "respondent")
    enough = words >= 3 or numbers >= 5 or (words + numbers >= 1 and (worded or named))
    if enough and words + numbers >= 0.3 * len(asked):
        return True
    yes = len(battery(table)) >= max(BATTERY[bool(key)], 0.5 * len(useful))
    over = any(hints.is_outcome(c.name) for c in useful)
    return yes and not over and (words > 0 or not key or named)


def scale(column: Column) -> tuple[str, list[str], list[str]] | None:
    """Return the ordered answers of a column as `scales.ordered` does, None if it has none."""
    few = column.distinct <= COMMON // 2
    if few and any(value.startswith("+") for value in column.values):
        return scales.ordered(column.values)
    if column.kind == "integer" and column.filled and column.distinct <= 11:
        zero = column.most > 7 and re.search(hints.WORDS["from_zero"], column.name.lower())
        levels = scales.points(0 if zero else column.least, column.most, column.distinct)
        return ("points", levels, []) if levels else None
    return scales.ordered(column.values) if few and column.kind == "text" else None


def about_answering(table: Table) -> bool:
    """Return whether a table has the columns that survey platforms write about the answering."""
    return sum(hints.is_paradata(name) for name in table.columns) >= 2


def ticks(table: Table) -> list[str]:
    """Return the columns that hold one answer or nothing, as boxes do that may be ticked."""
    names = [
        c.name
        for c in table
        if c.distinct == 1 and 0.02 <= 1 - c.missing <= 0.98 and c.kind in {"text", "integer"}
    ]
    return names if len(names) >= 2 and is_survey(table) else []


def several_answers(column: Column) -> list[str]:
    """Return the answers that are combined in the cells of a column, none if they are not."""
    for sign in (";", ", ", ",", "|") if column.kind == "text" else ():
        split = {v: [p.strip() for p in v.split(sign) if p.strip()] for v in column.values}
        many = sum(n for value, n in column.values.items() if len(split[value]) > 1)
        answers = Counter(part for values in split.values() for part in values)
        enough = (
            many >= SEVERAL * sum(column.values.values()) and min(answers.values(), default=0) > 1
        )
        if enough and 2 < len(answers) < len(split):
            return sorted(answers)
    return []


# --- what they say --------------------------------------------------------------------------------


def describe(table: Table, kind: str, key: str = "") -> Guess:
    """Return what a table with one row a customer says of them.

    Parameters
    ----------
    table
        The table.
    kind
        `customers` or `survey`.
    key
        Its customer; empty means that it is to be guessed.
    """
    guess, key = Guess(kind, table), key or unique_key(table)
    if key:
        guess.take("customer", key, f"{table.columns[key].distinct:,} distinct, one a row")
    else:
        guess.take("customer", ROW, "no column tells who: each row is one, by its number")
        guess.doubts.append(_numbered(guess))
    after = experiments.experiment(guess) if kind == "customers" else []
    boxes = ticks(table)
    for column in table:
        if column.name not in {*guess.taken, *after}:
            _describe(guess, column, column.name in boxes)
    _same_scales(guess)
    _leaks(guess)
    _previews(guess)
    _ask(guess, key, boxes)
    return guess


def _describe(guess: Guess, column: Column, box: bool) -> None:
    """Take a column as what it says of customers, or leave it out and say why."""
    name, survey = column.name, guess.kind == "survey"
    if box:
        value = next(iter(column.values))
        _add(guess, column, "nominal", "", _base(guess, column))
        guess.attributes[name] |= {
            "blank": "No",
            "labels": {value: "Yes"},
            "why": f"{value!r} in {1 - column.missing:.0%} of the rows, empty in the others: a box",
        }
    elif why := _useless(guess.table, column):
        guess.left[name] = why
    elif hints.is_outcome(name) or _ended(column):
        _outcome(guess, column)
    elif (found := scale(column)) and (column.kind == "text" or survey):
        _ordered(guess, column, *found)
    elif column.kind == "number" or (column.kind == "integer" and column.distinct > 2):
        _number(guess, column)
    elif inside := _pointing(column):
        guess.left[name] = f"personal data ({inside}); not needed"
    elif several := several_answers(column):
        guess.left[name] = "several answers in one cell"
        guess.doubts.append(
            f"{name!r} holds several answers in one cell, of {len(several)} such as {several[0]!r} "
            f"and {several[1]!r}: it is left out; with a column for each answer, yes or no, it can "
            "be used"
        )
    elif column.distinct <= GROUPS and column.per_value >= 3:
        shown = ", ".join(list(column.values)[:3])
        why = f"{column.distinct} different: {shown[:60]}"
        _add(guess, column, "nominal", why, _base(guess, column))
    else:
        guess.left[name] = f"{column.distinct:,} different texts: too many for groups"


def _base(guess: Guess, column: Column) -> str:
    """Return what a column tells: where people live, who they are, an answer, what they have."""
    base = hints.base(column.name)
    alike = battery(guess.table) if guess.roles["customer"] == ROW else []
    asked = guess.kind == "survey" or (len(alike) >= BATTERY[0] and column.name in alike)
    return "psychographic" if asked and base == "plan" else base


def _useless(table: Table, column: Column) -> str:
    """Return why a column says nothing of people, empty if it may."""
    if column.personal or column.distinct < 2 or column.free_text or column.kind == "time":
        return unused(column)
    if hints.is_paradata(column.name) and about_answering(table):
        return "about the answering, no answer"
    few = column.filled < FEW * column.rows
    return f"filled in {column.filled / column.rows:.1%} of the rows" if few else ""


def _pointing(column: Column) -> str:
    """Return what in the few values of a column of text points at a person, empty if nothing."""
    values = list(column.values) if column.kind == "text" else []
    inside = next((what for value in values if (what := privacy.within(value))), "")
    return inside or ("names of persons" if privacy.persons(values) else "")


def _number(guess: Guess, column: Column) -> None:
    """Take a column of numbers as such, few whole ones under the name of a code as groups."""
    name, base, whole = column.name, hints.base(column.name), column.whole == 1
    coded = hints.is_id(name) or base == "geographic"
    if whole and (column.unique or (coded and column.distinct > GROUPS)):
        guess.left[name] = "an id or a code, it seems"
        return
    ends = f"{column.least:,.10g} to {column.most:,.10g}"
    kinds = len(hints.label(name).split()) == 1 and suggests(name, "place", "level", "group")
    if not (whole and column.distinct <= GROUPS and (base == "geographic" or kinds)):
        _add(guess, column, "numeric", f"numbers from {ends}", base)
        return
    guess.doubts.append(
        f"{name!r} holds whole numbers from {ends} and is taken as groups without order: write "
        "kind: numeric if more of it is more"
    )
    _add(guess, column, "nominal", f"{column.distinct} different numbers, codes by the name", base)


def _ordered(guess: Guess, column: Column, name: str, levels: list[str], silent: list[str]) -> None:
    """Take a column of ordered answers, those that answer nothing as missing."""
    base = hints.base(column.name)
    if guess.kind == "survey" and name in OPINIONS and (name != "points" or base == "plan"):
        base = "psychographic"
    elif name == "bands" and base == "plan":
        base = "demographic"
    if name == "points" and base != "psychographic" and column.distinct == 2:
        _add(guess, column, "nominal", "2 different numbers", base)
        return
    ends = f"whole numbers from {column.least} to {column.most}".replace(".0", "")
    usual = hints.WORDS["scale_reasons"] | {"points": ends}
    answered = sum(column.values.get(value, 0) for value in silent)
    note = f"; {answered} of {', '.join(silent)} count as missing" if silent else ""
    guess.silent |= set(silent)
    _add(guess, column, "ordered", usual.get(name, f"the usual answers of {name}") + note, base)
    guess.attributes[column.name] |= {"levels": levels, "scale": name}
    if name == "how often" and (close := scales.close(levels)):
        guess.doubts.append(
            f"{column.name!r} is put in order from {levels[0]!r} to {levels[-1]!r}: is "
            f"{close[1]!r} more often than {close[0]!r}?"
        )
    heading = hints.label(column.name)
    if name in OPINIONS and len(heading.split()) >= STATEMENT:  # words that were put to people
        guess.attributes[column.name]["label"] = f"“{heading}”"


def _add(guess: Guess, column: Column, kind: str, why: str, base: str) -> None:
    why += f"; {column.missing:.0%} missing" if column.missing >= 0.005 else ""
    guess.attributes[column.name] = {
        "label": hints.label(column.name), "base": base, "kind": kind, "why": why
    }  # fmt: skip


def _same_scales(guess: Guess) -> None:
    """Give answers on the same scale the same levels, also those that nobody chose here."""
    by_scale: dict[str, list[dict]] = {}
    for about in guess.attributes.values():
        by_scale.setdefault(about.pop("scale", ""), []).append(about)
    for name, abouts in by_scale.items():
        if name in scales.RANKS:
            spelt = {(scales.rank(name, v), v) for about in abouts for v in about["levels"]}
            if len({rank for rank, _ in spelt}) == len(spelt):
                for about in abouts:
                    about["levels"] = [v for _, v in sorted(spelt)]
        elif name == "points":
            usual, n = Counter(tuple(about["levels"]) for about in abouts).most_common(1)[0]
            for about in abouts:
                if n >= 3 and set(about["levels"]) < set(usual):
                    about["levels"] = list(usual)


# --- what happened --------------------------------------------------------------------------------


def _outcome(guess: Guess, column: Column) -> None:
    """Take a yes or no of what happened as an outcome; what is neither is left out."""
    over, name = _ended(column), column.name
    yes = [over] if over else [v for v in column.values if v.lower() in hints.WORDS["happened"]]
    starts = hints.WORDS["past"].items()
    did = next((did for start, did in starts if start in name.lower()), over)
    if not did or len(yes) != 1 or column.distinct != 2:
        guess.left[name] = "an outcome, it seems, or what is said of one"
        guess.doubts.append(
            f"{name!r} seems to be what you want to foresee, or to tell of it; it is left out, "
            "because segments made with it would know the result"
        )
        return
    why = "judges the segments and never forms them"
    guess.outcomes[name] = {"label": did, "happened": yes[0], "why": why}
    guess.doubts.append(
        f"{name!r} is taken as what happened afterwards ({yes[0]!r}: it did): say in its label "
        "what that is, in the past tense"
    )


def _ended(column: Column) -> str:
    """Return of a status that is active or not the value that says it is not; else nothing."""
    values = {value.lower(): value for value in column.values}
    over = {*hints.WORDS["ended"], *hints.WORDS["happened"]}
    if (
        column.kind != "text"
        or column.distinct != 2
        or not values.keys() & {*hints.WORDS["running"]}
    ):
        return ""
    return next((value for low, value in values.items() if low in over), "")


def _leaks(guess: Guess) -> None:
    """Leave out the columns that tell an outcome nearly without fault: they were written after."""
    for what, about in guess.outcomes.items():
        did = guess.table.columns[what].text.str.lower() == about.get("happened", "").lower()
        for name in list(guess.attributes) if "happened" in about else ():
            column = guess.table.columns[name]
            area = auc(column.read if column.numeric else column.text, did)
            if area >= LIMITS["leakage"]["most"]:
                del guess.attributes[name]
                guess.left[name] = f"tells {what!r} nearly without fault (AUC {area:.2f})"
                guess.doubts.append(
                    f"{name!r} tells {what!r} nearly without fault: it seems to be known only "
                    "afterwards, and is left out"
                )


def _previews(guess: Guess) -> None:
    """Leave out the rows that were trials of a questionnaire."""
    for column in guess.table.suggesting("status") if about_answering(guess.table) else ():
        counts = guess.table.counts(column.name) if column.distinct <= GROUPS else {}
        tries = [v for v in counts if any(word in v.lower() for word in hints.WORDS["previews"])]
        if tries and len(tries) < len(counts):
            n = sum(counts[value] for value in tries)
            guess.take("status", column.name, f"{n:,} rows are {listing(tries)}: left out")
            guess.keys["excluded"] = tries
            guess.doubts.append(f"{n:,} rows are left out as {listing(tries)} in {column.name!r}")
            guess.left.pop(column.name, None)
            return


# --- questions ------------------------------------------------------------------------------------


def _numbered(guess: Guess) -> str:
    """Return what to look at where the rows of a table are customers or respondents."""
    one = "respondent" if guess.kind == "survey" else "customer"
    if who := told_apart(guess.table):
        return f"each row is taken as one {one}: {who!r} tells them apart, but is personal data"
    return (
        f"each row is taken as one {one}, called by its number in the file, since no column tells "
        f"who it is: if one {one} can have several rows, add a column such as {one}_id"
    )


def _ask(guess: Guess, key: str, boxes: list[str]) -> None:
    """Ask what the columns of a table leave open."""
    if boxes := [repr(name) for name in boxes if name in guess.attributes]:
        guess.doubts.append(
            f"{listing(boxes[:4])} hold one answer or nothing: an empty cell is taken as No, which "
            "is wrong where people were not asked"
        )
    asked = [name for name in battery(guess.table) if name in guess.attributes]
    if len(asked) >= BATTERY[bool(key)]:
        more = f" and {len(asked) - 3} more" if len(asked) > 3 else ""
        words = " or ".join(sorted(guess.table.columns[asked[0]].values, reverse=True))
        taken = (
            "what customers have: if they are answers to questions, write survey in place of "
            "customers, and base: psychographic"
        )
        if guess.attributes[asked[0]]["base"] == "psychographic":
            taken = "answers: where a column says what somebody has or did, write base: plan"
        shown = ", ".join(map(repr, asked[:3]))
        guess.doubts.append(f"{shown}{more} hold {words} alike and are taken as {taken}")
    if guess.kind == "customers":
        _ask_of_rows(guess, key)


def _ask_of_rows(guess: Guess, key: str) -> None:
    """Ask about a row a customer, where another column might be the customer."""
    wide = [name for name in guess.attributes if PERIOD.fullmatch(name.strip())]
    if len(wide) >= PERIODS:
        guess.doubts.append(
            f"{wide[0]!r} to {wide[-1]!r} look like one figure a period, {len(wide)} for each "
            "customer, and are taken as plain attributes: with a row for each customer and period "
            "(customer, date, amount) habits and changes could be told"
        )
    whens, one = guess.table.times, "each row is taken as one customer"
    if whens and key and not suggests(key, "customer"):
        guess.doubts.append(
            f"{one}, {key!r}, though it has a date ({whens[0].name!r}): if rows are orders or "
            "events, no column was understood as their customer"
        )
    for column in guess.table.suggesting("customer") if not whens else ():
        many = column.is_key and column.distinct >= max(LEAST_PEOPLE, column.rows / 50)
        if many and column.name != key and column.distinct < column.filled:
            guess.doubts.append(
                f"{one}, but {column.name!r} returns in several: if rows are orders or events, no "
                "column was understood as their time"
            )
