"""Which columns describe customers or answer questions, and of which kind each is."""

from __future__ import annotations

import re
from collections import Counter

from seglib import experiments, frequency, hindsight, hints, privacy, scales
from seglib.columns import COMMON, Column, Table
from seglib.guess import (
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
from seglib.wording import listing

OPINIONS = {"agreement", "satisfaction", "frequency", "how often", "importance", "likelihood",
            "quality", "extent", "rating", "points"}  # fmt: skip
YES_OR_NO = {"no yes", "n y", "false true", "0 1", "ja nein", "non oui", "no sí", "no si"}
BATTERY = 5  # columns of the same yes and no from which they look like questions of one kind
GROUPS = 25  # more different texts than this are no groups
STATEMENT = 4  # words of a heading that is a statement or a question, not the name of a thing
PERIOD = re.compile(  # a heading that is a month, a quarter, a week or a day
    r"\d{4}[-_/ .]?(?:0?[1-9]|1[0-2]|q[1-4])(?:[-_/ .]\d\d?)?"
    r"|\d{1,2}[-_/ .]\d{4}|(?:month|week|day|m|w|q|kw)[-_ ]?\d{1,3}"
    r"|(?:q[1-4]|jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zé]*"
    r"[-_/ .']*(?:\d{4}|\d\d)?", re.IGNORECASE)  # fmt: skip
SEVERAL = 0.2  # of the cells that hold more than one answer
PERIODS = 4  # columns of periods from which a table is one of habits, laid out side by side
FEW = 0.05  # a column filled less than this tells nothing


def people(table: Table, kind: str, key: str = "") -> Guess:
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
    found = Guess(kind, table)
    key = key or unique_key(table)
    if key:
        found.take("customer", key, f"{table.columns[key].distinct:,} distinct, one a row")
    else:
        found.take("customer", ROW, "no column tells who: each row is one, by its number")
    after = _experiment(found) if kind == "customers" else []
    for column in table.columns.values():
        if column.name not in {*found.taken, *after}:
            _describe(found, column)
    _same_scales(found)
    hindsight.leave_out(found)
    _previews(found)
    if boxes := [name for name in ticks(table) if name in found.attributes]:
        found.unsure.append(
            f"{listing([repr(name) for name in boxes[:4]])} hold one answer or nothing: an empty "
            "cell is taken as No, which is wrong where people were not asked"
        )
    if not key:
        found.unsure.insert(0, _numbered(found))
    found.unsure += _answered(found)
    if kind == "customers":
        _doubted(found, key)
    return found


def _numbered(found: Guess) -> str:
    """Return what to look at where the rows of a table are customers or respondents."""
    one = "respondent" if found.kind == "survey" else "customer"
    if who := told_apart(found.table):
        return f"each row is taken as one {one}: {who!r} tells them apart, but is personal data"
    return (
        f"each row is taken as one {one}, called by its number in the file, since no column tells "
        f"who it is: if one {one} can have several rows, add a column such as {one}_id"
    )


def _answered(found: Guess) -> list[str]:
    """Ask whether columns of yes and no are answers, or what customers have."""
    asked = [name for name in battery(found.table) if name in found.attributes]
    if len(asked) < BATTERY:
        return []
    more = f" and {len(asked) - 3} more" if len(asked) > 3 else ""
    words = " or ".join(sorted(found.table.columns[asked[0]].values, reverse=True))
    told = f"{', '.join(map(repr, asked[:3]))}{more} hold {words} alike and are taken as "
    if found.kind == "survey":
        return [told + "answers: where a column says what somebody has or did, write base: plan"]
    return [
        f"{told}what customers have: if they are answers to questions, write survey in place of "
        "customers, and base: psychographic"
    ]


def _experiment(found: Guess) -> list[str]:
    """Take the arms of an experiment and what happened after; return the columns of the latter."""
    arm = experiments.arms(found.table)
    if arm is None:
        return []
    experiments.take(found, *arm)
    days = [c for c in times(found.table) if c.distinct == 1]
    found.keys |= {"start": days[0].least.date()} if days else {}
    return experiments.outcomes(found, arm[0])


def _doubted(found: Guess, key: str) -> None:
    """Ask about a row a customer, where another column might be the customer."""
    wide = [name for name in found.attributes if PERIOD.fullmatch(name.strip())]
    if len(wide) >= PERIODS:
        found.unsure.append(
            f"{wide[0]!r} to {wide[-1]!r} look like one figure a period, {len(wide)} for each "
            "customer, and are taken as plain attributes: with a row for each customer and period "
            "(customer, date, amount) habits and changes could be told"
        )
    dated = times(found.table)
    if dated and key and not hints.suggests(key, "customer"):
        found.unsure.append(
            f"each row is taken as one customer, {key!r}, though it has a date ({dated[0].name!r}):"
            " if rows are orders or events, no column was understood as their customer"
        )
    for column in found.table.columns.values() if not dated else ():
        many = is_key(column) and column.distinct >= max(LEAST_PEOPLE, column.rows / 50)
        back = many and hints.suggests(column.name, "customer") and column.distinct < column.filled
        if column.name != key and back:
            found.unsure.append(
                f"each row is taken as one customer, but {column.name!r} returns in several: if "
                "rows are orders or events, no column was understood as their time"
            )


def told_apart(table: Table) -> str:
    """Return the personal column of which each row holds another value, empty if none does."""
    own = (c.name for c in table.columns.values() if c.unique and personal(c))
    return next(own, "")


def unique_key(table: Table) -> str:
    """Return the column that identifies a row and is no personal data, empty if there is none."""
    named = [
        c for c in table.columns.values()
        if c.unique and is_key(c) and not personal(c)
        and (hints.is_id(c.name) or hints.suggests(c.name, "customer")
             or hints.suggests(c.name, "line") or c.kind == "text")
    ]  # fmt: skip
    named.sort(key=lambda c: (not hints.suggests(c.name, "customer"), not hints.is_id(c.name)))
    return named[0].name if named else ""


def battery(table: Table) -> list[str]:
    """Return the columns that hold the same yes and no as most others that hold such words."""
    alike: dict[str, list[str]] = {}
    for column in table.columns.values():
        words = " ".join(sorted(value.casefold() for value in column.values or ()))
        if column.distinct == 2 and words in YES_OR_NO:
            alike.setdefault(words, []).append(column.name)
    return max(alike.values(), key=len, default=[])


def described_by_rows(table: Table) -> bool:
    """Return whether each row of a table without ids may be one customer: no order, no event."""
    columns = table.columns.values()
    who = customer(table)
    keys = [c for c in columns if c.distinct > GROUPS and (is_key(c) or c.kind == "text")]
    many = any(hints.suggests(c.name, "order", "product", "campaign") for c in keys)
    sold = [any(hints.suggests(c.name, role) for c in columns) for role in ("quantity", "price")]
    lines = many or all(sold) or bool(times(table)) or (who is not None and who[1] >= NAMED)
    return not lines and sum(c.distinct > 1 and not personal(c) for c in columns) > 1


def is_survey(table: Table) -> bool:
    """Return whether most of what a table holds are answers."""
    return _mostly_scales(table) or _mostly_yes_or_no(table)


def _mostly_yes_or_no(table: Table) -> bool:
    """Return whether a table holds many of the same yes and no, and respondents or opinions.

    With customers' ids and nothing else that is asked, they say what customers have.
    """
    useful = [c for c in table.columns.values() if c.distinct > 1 and not c.unique]
    alike, key = battery(table), unique_key(table)
    asked = any((told := scale(c)) and told[0] in OPINIONS - {"points"} for c in useful)
    over = any(hints.outcome(c.name) for c in useful)
    enough = len(alike) >= max(BATTERY, 0.5 * len(useful))
    return enough and not over and (asked or not key or hints.suggests(key, "respondent"))


def _mostly_scales(table: Table) -> bool:
    """Return whether most of what a table holds are answers on scales."""
    useful = [
        c for c in table.columns.values()
        if c.distinct > 1 and not c.unique and not hints.is_paradata(c.name)
    ]  # fmt: skip
    told = [scale(c) for c in useful]
    words = sum(found is not None and found[0] in OPINIONS - {"points"} for found in told)
    numbers = sum(found is not None and found[0] == "points" for found in told)
    asked = sum(len(c.name.split()) >= 3 for c in useful) >= 0.5 * max(len(useful), 1)
    enough = words >= 3 or numbers >= 5 or (asked and words + numbers >= 1)
    key = unique_key(table)
    enough = enough or (words + numbers >= 1 and hints.suggests(key, "respondent"))
    return enough and words + numbers >= 0.3 * len(useful)


def scale(column: Column) -> tuple[str, list[str], list[str]] | None:
    """Return the ordered answers of a column as `scales.ordered` does, None if it has none."""
    signed = any(value.startswith("+") for value in column.values or ())
    if signed and column.distinct <= COMMON // 2:
        return scales.ordered(column.values)
    if column.kind == "integer" and column.least is not None and column.distinct <= 11:
        zero = column.most > 7 and re.search(
            r"0\s*(-|–|to|bis)\s*10|recommend|\bnps\b|empfehl", column.name.lower()
        )
        least = 0 if zero else column.least
        found = scales.points(least, column.most, column.distinct)
        return ("points", found, []) if found else None
    if column.kind != "text" or column.distinct > COMMON // 2 or not column.values:
        return None
    return scales.ordered(column.values)


def _describe(found: Guess, column: Column) -> None:
    table, table_is_survey = found.table, found.kind == "survey"
    if _is_tick(column) and column.name in ticks(table):
        _ticked(found, column)
    elif why := _useless(table, column):
        found.left[column.name] = why
    elif hints.outcome(column.name) or hindsight.ended(column):
        hindsight.outcome(found, column)
    elif (asked := scale(column)) and (column.kind == "text" or table_is_survey):
        _ordered(found, column, *asked)
    elif column.kind == "number" or (column.kind == "integer" and column.distinct > 2):
        _numbers(found, column)
    elif unfit := _unfit(column):
        found.left[column.name], doubt = unfit
        found.unsure += [doubt] if doubt else []
    elif column.distinct <= GROUPS and column.per_value >= 3:
        shown = ", ".join(list(column.values)[:3])
        base = hints.base(column.name)
        if table_is_survey and base == "plan":
            base = "psychographic"
        _add(found, column, "nominal", f"{column.distinct} different: {shown[:60]}", base)
    else:
        found.left[column.name] = f"{column.distinct:,} different texts: too many for groups"


def _useless(table: Table, column: Column) -> str:
    """Return why a column says nothing of people, empty if it may."""
    if personal(column) or column.distinct < 2 or free_text(column) or column.kind == "time":
        return unused(column)
    if hints.is_paradata(column.name) and about_answering(table):
        return "about the answering, no answer"
    few = column.filled < FEW * column.rows
    return f"filled in {column.filled / column.rows:.1%} of the rows" if few else ""


def about_answering(table: Table) -> bool:
    """Return whether a table has the columns that survey platforms write about the answering."""
    return sum(hints.is_paradata(name) for name in table.columns) >= 2


def _previews(found: Guess) -> None:
    """Leave out the rows that were trials of a questionnaire."""
    status = [c for c in found.table.columns.values() if hints.suggests(c.name, "status")]
    for column in status if about_answering(found.table) else ():
        counts = found.table.counts(column.name) if column.distinct <= GROUPS else {}
        tries = [v for v in counts if any(word in v.lower() for word in hints.previews())]
        if tries and len(tries) < len(counts):
            n = sum(counts[value] for value in tries)
            found.take("status", column.name, f"{n:,} rows are {listing(tries)}: left out")
            found.keys["excluded"] = tries
            found.unsure.append(f"{n:,} rows are left out as {listing(tries)} in {column.name!r}")
            found.left.pop(column.name, None)
            return


def ticks(table: Table) -> list[str]:
    """Return the columns that hold one answer or nothing, as boxes do that may be ticked."""
    names = [c.name for c in table.columns.values() if _is_tick(c)]
    return names if len(names) >= 2 and is_survey(table) else []


def _is_tick(column: Column) -> bool:
    part = column.filled / max(column.rows, 1)
    return column.distinct == 1 and 0.02 <= part <= 0.98 and column.kind in {"text", "integer"}


def _ticked(found: Guess, column: Column) -> None:
    """Take a box that may be ticked as yes or no."""
    value, base = next(iter(column.values)), hints.base(column.name)
    base = "psychographic" if base == "plan" else base
    part = column.filled / column.rows
    _add(found, column, "nominal", f"ticked ({value}) or empty", base)
    found.attributes[column.name] |= {
        "blank": "No", "labels": {value: "Yes"},
        "why": f"{value!r} in {part:.0%} of the rows, empty in the others: a box, it seems",
    }  # fmt: skip


def _numbers(found: Guess, column: Column) -> None:
    """Take a column of numbers as such, few whole ones under the name of a code as groups."""
    base = hints.base(column.name)
    coded = hints.is_id(column.name) or base == "geographic"
    whole = column.kind == "integer" or column.share("whole") == 1
    if whole and (column.unique or (coded and column.distinct > GROUPS)):
        found.left[column.name] = "an id or a code, it seems"
        return
    ends = f"{column.least:,.10g} to {column.most:,.10g}"
    if not (whole and column.distinct <= GROUPS and _of_codes(column.name)):
        _add(found, column, "numeric", f"numbers from {ends}", base)
        return
    found.unsure.append(
        f"{column.name!r} holds whole numbers from {ends} and is taken as groups without order: "
        "write kind: numeric if more of it is more"
    )
    _add(found, column, "nominal", f"{column.distinct} different numbers, codes by the name", base)


def _of_codes(name: str) -> bool:
    """Return whether whole numbers under a name are codes: of a region, or one word for a kind."""
    alone = len(label(name).split()) == 1 and hints.suggests(name, "place", "level", "group")
    return hints.base(name) == "geographic" or alone


def _unfit(column: Column) -> tuple[str, str] | None:
    """Return why a column of text makes no groups, and what to ask; None if it may."""
    if what := _pointing(column):
        return f"personal data ({what}); not needed", ""
    if parts := _several(column):
        return "several answers in one cell", (
            f"{column.name!r} holds several answers in one cell, of {len(parts)} such as "
            f"{parts[0]!r} and {parts[1]!r}: it is left out; with a column for each answer, yes or "
            "no, it can be used"
        )
    return None


def _several(column: Column) -> list[str]:
    """Return the answers that are combined in the cells of a column, none if they are not."""
    values = column.values or {}
    for sign in (";", ", ", ",", "|"):
        split = {value: [p.strip() for p in value.split(sign) if p.strip()] for value in values}
        many = sum(n for value, n in values.items() if len(split[value]) > 1)
        parts = Counter(part for value in values for part in split[value])
        combined = many >= SEVERAL * sum(values.values()) and min(parts.values(), default=0) > 1
        if column.kind == "text" and combined and 2 < len(parts) < len(values):
            return sorted(parts)
    return []


def _pointing(column: Column) -> str:
    """Return what in the few values of a column of text points at a person, empty if nothing."""
    values = list(column.values or {}) if column.kind == "text" else []
    found = next((what for value in values if (what := privacy.within(value))), "")
    return found or ("names of persons" if privacy.persons(values) else "")


def _ordered(found: Guess, column: Column, name: str, levels: list[str], silent: list[str]) -> None:
    base = hints.base(column.name)
    if found.kind == "survey" and name in OPINIONS and (name != "points" or base == "plan"):
        base = "psychographic"
    elif name == "bands" and base == "plan":
        base = "demographic"
    if name == "points" and base != "psychographic" and column.distinct == 2:
        _add(found, column, "nominal", "2 different numbers", base)
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
    found.silent |= set(silent)
    _add(found, column, "ordered", what + note, base)
    found.attributes[column.name] |= {"levels": levels, "scale": name}
    if name == "how often" and (close := frequency.close(levels)):
        found.unsure.append(
            f"{column.name!r} is put in order from {levels[0]!r} to {levels[-1]!r}: is "
            f"{close[1]!r} more often than {close[0]!r}?"
        )
    said = label(column.name)
    if name in OPINIONS and len(said.split()) >= STATEMENT:  # words that were put to people
        found.attributes[column.name]["label"] = f"“{said}”"


def _add(found: Guess, column: Column, kind: str, why: str, base: str) -> None:
    missing = 1 - column.filled / max(column.rows, 1)
    why += f"; {missing:.0%} missing" if missing >= 0.005 else ""
    found.attributes[column.name] = {
        "label": label(column.name), "base": base, "kind": kind, "why": why
    }  # fmt: skip


def label(name: str) -> str:
    """Return a heading as a report writes it: of 'How much … [Price]?' what is asked."""
    inside = re.search(r"\[(.+)\]\s*$", name)
    plain = re.sub(r"\s*\([^)]*\)\s*$", "", inside[1] if inside else name).strip(" ?:.")
    plain = re.sub(r"(?<=[a-z]{2})[A-Z](?=[a-z])", lambda m: f" {m[0].lower()}", plain)
    plain = re.sub(r"[_.]+", " ", plain)
    return plain[:1].upper() + plain[1:] or name


def _same_scales(found: Guess) -> None:
    """Give answers on the same scale the same levels, also those that nobody chose here."""
    by_scale: dict[str, list[dict]] = {}
    for about in found.attributes.values():
        if name := about.pop("scale", ""):
            by_scale.setdefault(name, []).append(about)
    for name, abouts in by_scale.items():
        if name in scales.SCALES:
            spelt = {(scales.rank(name, v), v) for about in abouts for v in about["levels"]}
            if len({rank for rank, _ in spelt}) == len(spelt):
                for about in abouts:
                    about["levels"] = [v for _, v in sorted(spelt)]
        elif name == "points":
            usual = Counter(tuple(about["levels"]) for about in abouts).most_common(1)[0]
            for about in abouts:
                if usual[1] >= 3 and set(about["levels"]) < set(usual[0]):
                    about["levels"] = list(usual[0])
