"""Which columns of a table are the arms of an experiment, and which its outcomes."""

from __future__ import annotations

import re

from scipy.stats import chisquare

from seglib.collection import hints
from seglib.collection.columns import Column, Table
from seglib.collection.roles import LEAST_PEOPLE, Guess
from seglib.wording import listing

MOST_ARMS = 8
MOST_CODES = 4  # different figures that may number arms
BEFORE = r"^(?:group|gruppe|cell|version|variante?|arm)[ _-]?"  # beside a letter
BROKEN = 0.001  # p-value below which arms are not of equal size
WORDS = hints.WORDS["experiments"]
CONTROL = re.compile(WORDS["called"], re.IGNORECASE)  # what only a control is called
DRAWN = re.compile(WORDS["drawn"], re.IGNORECASE)  # what says that arms were drawn at random
DID = {start: did for did, starts in WORDS["did"].items() for start in starts.split()}
AMOUNTS = ("amount", "order", "quantity")  # roles of names of amounts and counts


def arms(table: Table, beside: str = "") -> tuple[Column, str] | None:
    """Return the column of arms and its control, empty if nothing tells it; None without arms.

    The column `beside` is that of the campaigns, and none of arms.
    A name such as arm or treatment suggests them, and one such as group where its values are A and
    B or the like, beside what happened; under any other name a few values must be there of which
    one is that of a control.
    """
    columns = [c for c in table if c.name != beside and _few(c)]
    fits = [(c, next((v for v in c.values if CONTROL.fullmatch(v.strip())), "")) for c in columns]
    sure = [(column, control) for column, control in fits if control]
    sure.sort(key=lambda pair: (not _named(pair[0]), not hints.has(pair[0].name, WORDS["arms"])))
    if sure:
        return sure[0]
    named = next((column for column in columns if _named(column)), None)
    if named is None:
        lettered = next((c for c in columns if _plain(c) and _letters(c)), None)
        after = lettered is not None and (beside or _after(table, lettered))
        return (lettered, _letters(lettered)) if after else None
    plain = {value.strip().lower(): value for value in named.values}
    control = next((plain[word] for word in WORDS["control"] if word in plain), "")
    control = control or _letters(named) or _no(named)
    after = any(_event(column) for column in table if column is not named)
    return (named, control) if control or after or beside else None


def _plain(column: Column) -> bool:
    """Return whether a name says a group and not of what, such as group, cell or ab_group."""
    words = {*re.findall(r"[a-z]+", column.name.lower())}
    return bool(words & {*WORDS["plain"]}) and words <= {*WORDS["plain"], *WORDS["beside"]}


def _letters(column: Column) -> str:
    """Return the control of values A and B, C and T or the like; empty if they are none."""
    plain = {re.sub(BEFORE, "", v.strip().lower()): v for v in column.values}
    first = {*"abcd"[: len(plain)]}
    fits = column.distinct <= len(first) and {*plain} in (first, {"c", "t"})
    return plain["a" if "a" in plain else "c"] if fits else ""


def _codes(column: Column) -> bool:
    """Return whether values are 0 and 1, 1 and 2 or the like, which say nothing."""
    figures = all(re.fullmatch(r"\d(?:[.,]0+)?", value.strip()) for value in column.values)
    return bool(hints.yes(column.values)) or (figures and column.distinct <= MOST_CODES)


def _after(table: Table, arm: Column) -> list[Column]:
    """Return the columns of what may have happened after arms were assigned."""
    names = list(table.columns)
    behind = names[names.index(arm.name) + 1 :]
    others = [c for c in table if c is not arm and not _earlier(c)]
    return [c for c in others if _event(c) or (c.name in behind and (_amount(c) or _count(c)))]


def _count(column: Column) -> bool:
    """Return whether a column counts what customers did."""
    return column.numeric and column.distinct > 2 and hints.is_count(column.name)


def _perhaps(guess: Guess) -> list[str]:
    """Ask about a group of mere codes beside outcomes; return what forms no segments then."""
    fits = (c for c in guess.table if _few(c) and _plain(c) and _codes(c))
    column = next((c for c in fits if c.name not in guess.taken), None)
    after = [c.name for c in _after(guess.table, column)] if column else []
    if not after:
        return []
    guess.doubts.append(
        f"{column.name!r} ({', '.join(column.values)}) may be the arm of an experiment, and "
        f"{_quoted(after)} what happened after: then write arm: {column.name} below columns, and "
        "the others below outcomes; neither the arm nor its outcomes form segments, and so they "
        "are left out; if it is no experiment, they belong to attributes"
    )
    guess.left[column.name] = "the arm of an experiment?"
    kept = [name for name in after if not hints.is_outcome(name)]
    guess.left |= dict.fromkeys(kept, "an outcome of an experiment?")
    return [column.name, *kept]


def _few(column: Column) -> bool:
    """Return whether a column has a few values, each of enough customers to be an arm."""
    kinds = column.kind in {"text", "integer", "truth"} or bool(_no(column))
    few = kinds and 2 <= column.distinct <= MOST_ARMS
    return few and min(column.values.values(), default=0) >= LEAST_PEOPLE


def _named(column: Column) -> bool:
    treated = hints.has(column.name, WORDS["treated"]) and not _earlier(column)
    return column.suggests("arm") or bool(treated and _no(column))


def _earlier(column: Column) -> bool:
    """Return whether a name says that its values were known before."""
    return hints.has(column.name, WORDS["earlier"])


def _no(column: Column) -> str:
    """Return which value of a yes or no is the no, empty if it is none."""
    yes = hints.yes(column.values)
    return next((value for value in column.values if value != yes), "") if yes else ""


def take(guess: Guess, column: Column, control: str) -> None:
    """Take a column as the arms of an experiment, and ask whether they were drawn at random."""
    shown = ", ".join(column.values)
    said = f"{column.name!r} is taken as the arms of an experiment ({shown[:60]})"
    guess.take("arm", column.name, f"{column.distinct} arms: {shown}"[:80])
    campaign = guess.table.columns.get(str(guess.roles.get("campaign")))
    texts = [
        column.name,
        *column.values,
        guess.table.source,
        *(campaign.values if campaign else ()),
    ]
    texts += [campaign.name] if campaign else []
    drawn = bool(control) and any(DRAWN.search(text.replace("_", " ")) for text in texts)
    guess.keys |= {"randomised": drawn} | ({"control": control} if control else {})
    if drawn:
        guess.doubts.append(
            f"{said}, drawn at random, with {control!r} as the control: if customers were chosen "
            "in any other way, set randomised: false, and no effect is told; if it is none, move "
            "it to attributes"
        )
    else:
        named = "" if control else ", and control: the name of the control arm"
        guess.doubts.append(
            f"{said}, but nothing says that customers were assigned to them at random: only if "
            f"they were, set randomised: true{named}; effects are told only then; if it is none, "
            "move it to attributes"
        )
    counts = column.values
    if control and chisquare(list(counts.values())).pvalue < BROKEN:
        total = sum(counts.values())
        shares = ", ".join(f"{arm}: {n / total:.2g}" for arm, n in counts.items())
        guess.doubts.append(
            f"the arms of {column.name!r} are not equally large: if that was intended, say so, "
            f"such as planned: {{{shares}}}; otherwise the experiment is not believed"
        )


def experiment(guess: Guess) -> list[str]:
    """Take the arms of an experiment and what happened after; return the columns of the latter.

    A yes or no under the name of something done is an outcome, and so is an amount or a count that
    stands behind the arms. One that stands before them may be either, and so may what else stands
    behind and is no age, place or the like: it is left out and asked about.
    """
    found = arms(guess.table)
    if found is None:
        return _perhaps(guess)
    take(guess, *found)
    days = [when for when in guess.table.times if when.distinct == 1]
    guess.keys |= {"start": days[0].least.date()} if days else {}
    names, taken, doubtful = list(guess.table.columns), [], []
    for column in guess.table:
        if column.name in guess.taken or _earlier(column):
            continue
        behind = names.index(column.name) > names.index(found[0].name)
        if (did := _event(column)) or (behind and _amount(column)):
            guess.outcomes[column.name] = _did(guess, column, did) if did else _sum(column)
            taken.append(column.name)
        elif _amount(column) or (behind and _of_no_date(column)):
            guess.left[column.name] = "known before the arms were assigned, or an outcome?"
            doubtful.append(column.name)
    if taken:
        guess.doubts.append(
            f"{_quoted(taken)} {'is' if len(taken) == 1 else 'are'} taken as what happened after "
            "the arms were assigned, compared between them and never a trait of segments: what was "
            "known before belongs to attributes"
        )
    if doubtful:
        guess.doubts.append(
            f"{_quoted(doubtful)} may have been known before the arms were assigned (then it "
            "belongs to attributes) or be what happened after (then to outcomes): it is left out"
        )
    return [*taken, *doubtful]


def _quoted(names: list[str]) -> str:
    return listing([repr(name) for name in names])


def _of_no_date(column: Column) -> bool:
    """Return whether a column that could form segments does not say when it was known."""
    silent = column.personal or column.free_text or column.kind == "time" or column.distinct < 2
    return not silent and not column.unique and hints.base(column.name) == "plan"


def _event(column: Column) -> str:
    """Return what customers did by whom a column is a yes, empty if it is no such column."""
    if column.distinct != 2 or not hints.yes(column.values) or _earlier(column):
        return ""
    words = hints.parts(column.name)
    did = next((did for start, did in DID.items() for w in words if w.startswith(start)), "")
    other = column.suggests(*AMOUNTS) or {*words} & {*WORDS["measured"], "target", "label"}
    return did or ("bought" if column.suggests("order") else "had it" if other else "")


def _did(guess: Guess, column: Column, did: str) -> dict:
    """Return a yes or no as an outcome; no two have the same label."""
    yes = hints.yes(column.values)
    twice = did in {about["label"] for about in guess.outcomes.values()}
    return {
        "label": f"had {column.name}" if twice or did == "had it" else did,
        "happened": yes,
        "wanted": not column.name.lower().startswith(tuple(WORDS["unwanted"])),
        "why": f"{yes!r} in {column.values[yes] / max(sum(column.values.values()), 1):.2%}",
    }


def _sum(column: Column) -> dict:
    """Return an amount or a count as an outcome."""
    money = column.suggests("amount") or column.whole < 1
    return {
        "label": column.name.replace("_", " ").strip().lower(),
        "kind": "money" if money else "count",
        "why": f"from {column.least:,.10g} to {column.most:,.10g}",
    }


def _amount(column: Column) -> bool:
    """Return whether a column is an amount or a count by its name and its values."""
    numbers = column.numeric and column.distinct > 2 and not column.unique
    named = column.suggests(*AMOUNTS) or hints.has(column.name, WORDS["measured"])
    return (
        numbers and named and not hints.is_id(column.name) and column.share(lambda x: x < 0) <= 0.5
    )


def campaign(table: Table) -> Column | None:
    """Return the column that names campaigns; a list of arms may call them tests."""
    fits = [c for c in table if c.kind in {"integer", "text"}]
    groups = set(WORDS["arms"]) - set(WORDS["campaigns"])
    named = (c for c in fits if c.suggests("campaign"))
    tests = (
        c for c in fits if hints.has(c.name, WORDS["campaigns"]) and not hints.has(c.name, groups)
    )
    return next(named, None) or next(tests, None)


def lists_arms(table: Table) -> bool:
    """Return whether a table says who was in which arm of which campaign.

    Without a name of the campaign it holds customer, arm and the one day of the assignment alone.
    """
    if named := campaign(table):
        return arms(table, named.name) is not None
    days = [c for c in table if c.kind == "time" and c.distinct == 1]
    return len(days) == 1 and len(table.columns) == 3 and arms(table) is not None
