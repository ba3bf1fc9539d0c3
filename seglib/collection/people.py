"""Which columns describe customers or answer questions, and of which kind each is."""

from __future__ import annotations

import re

from seglib import privacy
from seglib.collection import experiments, hints, scales, surveys
from seglib.collection.columns import Column, Table
from seglib.collection.reading import SAMPLE
from seglib.collection.records import auc
from seglib.collection.roles import (
    LEAST_PEOPLE,
    NAMED,
    Guess,
    customer,
    free_text,
    is_key,
    personal,
    times,
    unused,
)
from seglib.layout import ROW
from seglib.study import LIMITS
from seglib.wording import listing

GROUPS = 25  # more different texts than this are no groups
STATEMENT = 4  # words of a heading that is a statement or a question, not the name of a thing
PERIOD = re.compile(  # a heading that is a month, a quarter, a week or a day
    r"\d{4}[-_/ .]?(?:0?[1-9]|1[0-2]|q[1-4])(?:[-_/ .]\d\d?)?"
    r"|\d{1,2}[-_/ .]\d{4}|(?:month|week|day|m|w|q|kw)[-_ ]?\d{1,3}"
    r"|(?:q[1-4]|jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zé]*"
    r"[-_/ .']*(?:\d{4}|\d\d)?", re.IGNORECASE)  # fmt: skip
PERIODS = 4  # columns of periods from which a table is one of habits, laid out side by side
FEW = 0.05  # a column filled less than this tells nothing
HAPPENED = {"yes", "y", "true", "t", "1", "ja", "j", "oui", "si", "sí", "churned", "left",
            "cancelled", "canceled", "exited", "gone", "lost", "attrited customer"}  # fmt: skip
ENDED = {"inactive", "inaktiv", "closed", "terminated", "expired", "gekündigt", "suspended",
         "ended"} | HAPPENED  # fmt: skip
PAST = {"churn": "churned", "cancel": "cancelled", "kündig": "cancelled", "kuendig": "cancelled",
        "attrition": "left", "exited": "left", "left": "left", "default": "defaulted"}  # fmt: skip


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
    guess = Guess(kind, table)
    key = key or surveys.unique_key(table)
    if key:
        guess.take("customer", key, f"{table.columns[key].distinct:,} distinct, one a row")
    else:
        guess.take("customer", ROW, "no column tells who: each row is one, by its number")
    after = _experiment(guess) if kind == "customers" else []
    for column in table.columns.values():
        if column.name not in {*guess.taken, *after}:
            _describe(guess, column)
    surveys.same_scales(guess)
    _leave_out(guess)
    _previews(guess)
    if boxes := [name for name in surveys.ticks(table) if name in guess.attributes]:
        guess.unsure.append(
            f"{listing([repr(name) for name in boxes[:4]])} hold one answer or nothing: an empty "
            "cell is taken as No, which is wrong where people were not asked"
        )
    if not key:
        guess.unsure.insert(0, _numbered(guess))
    guess.unsure += _answered(guess)
    if kind == "customers":
        _doubted(guess, key)
    return guess


def _numbered(guess: Guess) -> str:
    """Return what to look at where the rows of a table are customers or respondents."""
    one = "respondent" if guess.kind == "survey" else "customer"
    if who := told_apart(guess.table):
        return f"each row is taken as one {one}: {who!r} tells them apart, but is personal data"
    return (
        f"each row is taken as one {one}, called by its number in the file, since no column tells "
        f"who it is: if one {one} can have several rows, add a column such as {one}_id"
    )


def _answered(guess: Guess) -> list[str]:
    """Ask whether columns of yes and no are answers, or what customers have."""
    asked = [name for name in surveys.battery(guess.table) if name in guess.attributes]
    if len(asked) < surveys.BATTERY:
        return []
    more = f" and {len(asked) - 3} more" if len(asked) > 3 else ""
    words = " or ".join(sorted(guess.table.columns[asked[0]].values, reverse=True))
    told = f"{', '.join(map(repr, asked[:3]))}{more} hold {words} alike and are taken as "
    if guess.kind == "survey":
        return [told + "answers: where a column says what somebody has or did, write base: plan"]
    return [
        f"{told}what customers have: if they are answers to questions, write survey in place of "
        "customers, and base: psychographic"
    ]


def _experiment(guess: Guess) -> list[str]:
    """Take the arms of an experiment and what happened after; return the columns of the latter."""
    arm = experiments.arms(guess.table)
    if arm is None:
        return []
    experiments.take(guess, *arm)
    days = [c for c in times(guess.table) if c.distinct == 1]
    guess.keys |= {"start": days[0].least.date()} if days else {}
    return experiments.outcomes(guess, arm[0])


def _doubted(guess: Guess, key: str) -> None:
    """Ask about a row a customer, where another column might be the customer."""
    wide = [name for name in guess.attributes if PERIOD.fullmatch(name.strip())]
    if len(wide) >= PERIODS:
        guess.unsure.append(
            f"{wide[0]!r} to {wide[-1]!r} look like one figure a period, {len(wide)} for each "
            "customer, and are taken as plain attributes: with a row for each customer and period "
            "(customer, date, amount) habits and changes could be told"
        )
    dated = times(guess.table)
    if dated and key and not hints.suggests(key, "customer"):
        guess.unsure.append(
            f"each row is taken as one customer, {key!r}, though it has a date ({dated[0].name!r}):"
            " if rows are orders or events, no column was understood as their customer"
        )
    for column in guess.table.columns.values() if not dated else ():
        many = is_key(column) and column.distinct >= max(LEAST_PEOPLE, column.rows / 50)
        back = many and hints.suggests(column.name, "customer") and column.distinct < column.filled
        if column.name != key and back:
            guess.unsure.append(
                f"each row is taken as one customer, but {column.name!r} returns in several: if "
                "rows are orders or events, no column was understood as their time"
            )


def told_apart(table: Table) -> str:
    """Return the personal column of which each row holds another value, empty if none does."""
    own = (c.name for c in table.columns.values() if c.unique and personal(c))
    return next(own, "")


def described_by_rows(table: Table) -> bool:
    """Return whether each row of a table without ids may be one customer: no order, no event."""
    columns = table.columns.values()
    who = customer(table)
    keys = [c for c in columns if c.distinct > GROUPS and (is_key(c) or c.kind == "text")]
    many = any(hints.suggests(c.name, "order", "product", "campaign") for c in keys)
    sold = [any(hints.suggests(c.name, role) for c in columns) for role in ("quantity", "price")]
    lines = many or all(sold) or bool(times(table)) or (who is not None and who[1] >= NAMED)
    return not lines and sum(c.distinct > 1 and not personal(c) for c in columns) > 1


def _describe(guess: Guess, column: Column) -> None:
    table, table_is_survey = guess.table, guess.kind == "survey"
    if surveys.is_tick(column) and column.name in surveys.ticks(table):
        _ticked(guess, column)
    elif why := _useless(table, column):
        guess.left[column.name] = why
    elif hints.outcome(column.name) or _ended(column):
        _outcome(guess, column)
    elif (asked := surveys.scale(column)) and (column.kind == "text" or table_is_survey):
        _ordered(guess, column, *asked)
    elif column.kind == "number" or (column.kind == "integer" and column.distinct > 2):
        _numbers(guess, column)
    elif unfit := _unfit(column):
        guess.left[column.name], doubt = unfit
        guess.unsure += [doubt] if doubt else []
    elif column.distinct <= GROUPS and column.per_value >= 3:
        shown = ", ".join(list(column.values)[:3])
        base = hints.base(column.name)
        if table_is_survey and base == "plan":
            base = "psychographic"
        _add(guess, column, "nominal", f"{column.distinct} different: {shown[:60]}", base)
    else:
        guess.left[column.name] = f"{column.distinct:,} different texts: too many for groups"


def _useless(table: Table, column: Column) -> str:
    """Return why a column says nothing of people, empty if it may."""
    if personal(column) or column.distinct < 2 or free_text(column) or column.kind == "time":
        return unused(column)
    if hints.is_paradata(column.name) and surveys.about_answering(table):
        return "about the answering, no answer"
    few = column.filled < FEW * column.rows
    return f"filled in {column.filled / column.rows:.1%} of the rows" if few else ""


def _previews(guess: Guess) -> None:
    """Leave out the rows that were trials of a questionnaire."""
    status = [c for c in guess.table.columns.values() if hints.suggests(c.name, "status")]
    for column in status if surveys.about_answering(guess.table) else ():
        counts = guess.table.counts(column.name) if column.distinct <= GROUPS else {}
        tries = [v for v in counts if any(word in v.lower() for word in hints.previews())]
        if tries and len(tries) < len(counts):
            n = sum(counts[value] for value in tries)
            guess.take("status", column.name, f"{n:,} rows are {listing(tries)}: left out")
            guess.keys["excluded"] = tries
            guess.unsure.append(f"{n:,} rows are left out as {listing(tries)} in {column.name!r}")
            guess.left.pop(column.name, None)
            return


def _ticked(guess: Guess, column: Column) -> None:
    """Take a box that may be ticked as yes or no."""
    value, base = next(iter(column.values)), hints.base(column.name)
    base = "psychographic" if base == "plan" else base
    part = column.filled / column.rows
    _add(guess, column, "nominal", f"ticked ({value}) or empty", base)
    guess.attributes[column.name] |= {
        "blank": "No", "labels": {value: "Yes"},
        "why": f"{value!r} in {part:.0%} of the rows, empty in the others: a box, it seems",
    }  # fmt: skip


def _numbers(guess: Guess, column: Column) -> None:
    """Take a column of numbers as such, few whole ones under the name of a code as groups."""
    base = hints.base(column.name)
    coded = hints.is_id(column.name) or base == "geographic"
    whole = column.kind == "integer" or column.share("whole") == 1
    if whole and (column.unique or (coded and column.distinct > GROUPS)):
        guess.left[column.name] = "an id or a code, it seems"
        return
    ends = f"{column.least:,.10g} to {column.most:,.10g}"
    if not (whole and column.distinct <= GROUPS and _of_codes(column.name)):
        _add(guess, column, "numeric", f"numbers from {ends}", base)
        return
    guess.unsure.append(
        f"{column.name!r} holds whole numbers from {ends} and is taken as groups without order: "
        "write kind: numeric if more of it is more"
    )
    _add(guess, column, "nominal", f"{column.distinct} different numbers, codes by the name", base)


def _of_codes(name: str) -> bool:
    """Return whether whole numbers under a name are codes: of a region, or one word for a kind."""
    alone = len(label(name).split()) == 1 and hints.suggests(name, "place", "level", "group")
    return hints.base(name) == "geographic" or alone


def _unfit(column: Column) -> tuple[str, str] | None:
    """Return why a column of text makes no groups, and what to ask; None if it may."""
    if what := _pointing(column):
        return f"personal data ({what}); not needed", ""
    if parts := surveys.several_answers(column):
        return "several answers in one cell", (
            f"{column.name!r} holds several answers in one cell, of {len(parts)} such as "
            f"{parts[0]!r} and {parts[1]!r}: it is left out; with a column for each answer, yes or "
            "no, it can be used"
        )
    return None


def _pointing(column: Column) -> str:
    """Return what in the few values of a column of text points at a person, empty if nothing."""
    values = list(column.values or {}) if column.kind == "text" else []
    inside = next((what for value in values if (what := privacy.within(value))), "")
    return inside or ("names of persons" if privacy.persons(values) else "")


def _ordered(guess: Guess, column: Column, name: str, levels: list[str], silent: list[str]) -> None:
    base = hints.base(column.name)
    if guess.kind == "survey" and name in surveys.OPINIONS and (name != "points" or base == "plan"):
        base = "psychographic"
    elif name == "bands" and base == "plan":
        base = "demographic"
    if name == "points" and base != "psychographic" and column.distinct == 2:
        _add(guess, column, "nominal", "2 different numbers", base)
        return
    ends = f"whole numbers from {column.least} to {column.most}".replace(".0", "")
    told = {
        "bands": "bands in order",
        "points": ends,
        "how often": "how often, as times a year",
        "rating": "points of a scale, some of them in words",
    }
    what = told.get(name, f"the usual answers of {name}")
    counts = column.values or {}
    answered = sum(counts.get(value, 0) for value in silent)
    note = f"; {answered} of {', '.join(silent)} count as missing" if silent else ""
    guess.silent |= set(silent)
    _add(guess, column, "ordered", what + note, base)
    guess.attributes[column.name] |= {"levels": levels, "scale": name}
    if name == "how often" and (close := scales.close(levels)):
        guess.unsure.append(
            f"{column.name!r} is put in order from {levels[0]!r} to {levels[-1]!r}: is "
            f"{close[1]!r} more often than {close[0]!r}?"
        )
    said = label(column.name)
    if name in surveys.OPINIONS and len(said.split()) >= STATEMENT:  # words that were put to people
        guess.attributes[column.name]["label"] = f"“{said}”"


def _add(guess: Guess, column: Column, kind: str, why: str, base: str) -> None:
    missing = 1 - column.filled / max(column.rows, 1)
    why += f"; {missing:.0%} missing" if missing >= 0.005 else ""
    guess.attributes[column.name] = {
        "label": label(column.name), "base": base, "kind": kind, "why": why
    }  # fmt: skip


def label(name: str) -> str:
    """Return a heading as a report writes it: of 'How much … [Price]?' what is asked."""
    inside = re.search(r"\[(.+)\]\s*$", name)
    plain = re.sub(r"\s*\([^)]*\)\s*$", "", inside[1] if inside else name).strip(" ?:.")
    plain = re.sub(r"(?<=[a-z]{2})[A-Z](?=[a-z])", lambda m: f" {m[0].lower()}", plain)
    plain = re.sub(r"[_.]+", " ", plain)
    return plain[:1].upper() + plain[1:] or name


def _outcome(guess: Guess, column: Column) -> None:
    """Take a yes or no of what happened as an outcome; what is neither is left out."""
    over = _ended(column)
    yes = [over] if over else [v for v in column.values or {} if v.lower() in HAPPENED]
    told = next((told for start, told in PAST.items() if start in column.name.lower()), over)
    if not told or len(yes) != 1 or column.distinct != 2:
        guess.left[column.name] = "an outcome, it seems, or what is said of one"
        guess.unsure.append(
            f"{column.name!r} seems to be what you want to foresee, or to tell of it; it is left "
            "out, because segments made with it would know the result"
        )
        return
    guess.outcomes[column.name] = {
        "label": told, "happened": yes[0], "why": "judges the segments and never forms them",
    }  # fmt: skip
    guess.unsure.append(
        f"{column.name!r} is taken as what happened afterwards ({yes[0]!r}: it did): say in its "
        "label what that is, in the past tense"
    )


def _ended(column: Column) -> str:
    """Return of a status that is active or not the value that says it is not; else nothing."""
    values = {value.lower(): value for value in column.values or {}}
    running = {"active", "aktiv", "open"} & set(values)
    if column.kind != "text" or column.distinct != 2 or not running:
        return ""
    return next((shown for low, shown in values.items() if low in ENDED), "")


def _leave_out(guess: Guess) -> None:
    """Leave out the columns that tell an outcome nearly without fault: they were written after."""
    names = [*guess.attributes, *guess.outcomes]
    if not guess.outcomes or not guess.attributes:
        return
    table = guess.table.opened.table.limit(SAMPLE)
    rows = table.select(**{n: guess.table.at(n) for n in names}).to_pandas()
    events = {name: about for name, about in guess.outcomes.items() if "happened" in about}
    for what, about in events.items():
        truth = rows[what].astype(str).str.strip().str.lower() == about["happened"].lower()
        for name in list(guess.attributes):
            area = auc(rows[name].replace("", None), truth)
            if area >= LIMITS["leakage"]["most"]:
                del guess.attributes[name]
                guess.left[name] = f"tells {what!r} nearly without fault (AUC {area:.2f})"
                guess.unsure.append(
                    f"{name!r} tells {what!r} nearly without fault: it seems to be known only "
                    "afterwards, and is left out"
                )
