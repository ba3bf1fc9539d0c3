"""Which columns of a table are the arms of an experiment, and which its outcomes."""

from __future__ import annotations

import re

from scipy.stats import chisquare

from seglib.collection.columns import WORDS, Column, Table, has, parts, yes
from seglib.collection.roles import LEAST_PEOPLE, Guess
from seglib.wording import listing

MOST_ARMS = 8
MOST_CODES = 4  # different figures that may number arms
BEFORE = r"^(?:group|gruppe|cell|version|variante?|arm)[ _-]?"  # beside a letter
BROKEN = 0.001  # p-value below which arms are not of equal size
CONTROL = re.compile(WORDS["control_called"], re.IGNORECASE)
RANDOM = re.compile(WORDS["random_called"], re.IGNORECASE)
AMOUNTS = {"amount", "order", "quantity"}  # roles of names of amounts and counts


def arms(table: Table, beside: str = "") -> tuple[Column, str] | None:
    """Return the column of arms and its control, '' if nothing tells it; None without arms.

    A value that only a control is called tells them; else a name such as arm or treatment, or one
    such as group where its values are A and B or the like, beside what happened or a campaign,
    whose column is `beside`.
    """
    columns = [c for c in table if c.name != beside and _is_few(c)]
    sure = [(c, v) for c in columns for v in c.values if CONTROL.fullmatch(v.strip())]
    sure.sort(key=lambda pair: (not _is_named(pair[0]), not has(pair[0].name, WORDS["arms"])))
    if sure:
        return sure[0]
    named = next((column for column in columns if _is_named(column)), None)
    if named is None:
        lettered = next((c for c in columns if _is_group(c) and _letters(c)), None)
        after = lettered is not None and (beside or _after(table, lettered))
        return (lettered, _letters(lettered)) if after else None
    plain = {value.strip().lower(): value for value in named.values}
    control = next((plain[word] for word in WORDS["controls"] if word in plain), "")
    control = control or _letters(named) or _no(named)
    after = any(_event(column) for column in table if column is not named)
    return (named, control) if control or after or beside else None


def _is_few(column: Column) -> bool:
    """Return whether a column has a few values, each of enough customers to be an arm."""
    kinds = column.kind in {"text", "integer", "truth"} or bool(_no(column))
    few = kinds and 2 <= column.distinct <= MOST_ARMS
    return few and min(column.values.values(), default=0) >= LEAST_PEOPLE


def _is_named(column: Column) -> bool:
    """Return whether a name is that of arms, known from now on; treated must be a yes or no."""
    treated = has(column.name, WORDS["treated"]) and not has(column.name, WORDS["earlier"])
    return "arm" in column.says or bool(treated and _no(column))


def _is_group(column: Column) -> bool:
    """Return whether a name says a group and not of what, such as group, cell or ab_group."""
    words, groups = {*re.findall(r"[a-z]+", column.name.lower())}, {*WORDS["groups"]}
    return bool(words & groups) and words <= groups | {*WORDS["beside_groups"]}


def _letters(column: Column) -> str:
    """Return the control of values A and B, C and T or the like, or ''."""
    plain = {re.sub(BEFORE, "", v.strip().lower()): v for v in column.values}
    first = {*"abcd"[: len(plain)]}
    fits = column.distinct <= len(first) and {*plain} in (first, {"c", "t"})
    return plain["a" if "a" in plain else "c"] if fits else ""


def _no(column: Column) -> str:
    """Return which value of a yes or no is the no, or ''."""
    one = yes(column.values)
    return next((value for value in column.values if value != one), "") if one else ""


def _after(table: Table, arm: Column) -> list[Column]:
    """Return the columns of what may have happened after arms were assigned."""
    names = list(table.columns)
    behind = names[names.index(arm.name) + 1 :]

    def counts(column: Column) -> bool:
        return _is_amount(column) or (column.numeric and column.distinct > 2 and column.is_count)

    others = [c for c in table if c is not arm and not has(c.name, WORDS["earlier"])]
    return [c for c in others if _event(c) or (c.name in behind and counts(c))]


def take(guess: Guess, column: Column, control: str) -> None:
    """Take a column as the arms of an experiment, and ask whether they were drawn at random."""
    shown, counts = ", ".join(column.values), column.values
    guess.take("arm", column.name, f"{column.distinct} arms: {shown}"[:80])
    campaign = guess.table.columns.get(str(guess.roles.get("campaign")))
    texts = [column.name, *counts, guess.table.source]
    texts += [campaign.name, *campaign.values] if campaign else []
    drawn = bool(control) and any(RANDOM.search(text.replace("_", " ")) for text in texts)
    guess.keys |= {"randomised": drawn} | ({"control": control} if control else {})
    named = "" if control else ", and control: the name of the control arm"
    facts = {"name": column.name, "shown": shown[:60], "control": control, "named": named}
    guess.ask("arms_random" if drawn else "arms_unsure", **facts)
    if control and chisquare(list(counts.values())).pvalue < BROKEN:
        shares = (f"{arm}: {n / sum(counts.values()):.2g}" for arm, n in counts.items())
        guess.ask("arms_unequal", name=column.name, planned=f"{{{', '.join(shares)}}}")


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
        if column.name in guess.taken or has(column.name, WORDS["earlier"]):
            continue
        behind = names.index(column.name) > names.index(found[0].name)
        silent = column.personal or column.free_text or column.kind == "time" or column.unique
        trait = not silent and column.distinct > 1 and column.base == "plan"
        if _event(column) or (behind and _is_amount(column)):
            guess.outcomes[column.name] = _outcome(guess, column)
            taken.append(column.name)
        elif _is_amount(column) or (behind and trait):
            guess.left[column.name] = "known before the arms were assigned, or an outcome?"
            doubtful.append(column.name)
    for doubt, columns in (("arms_after", taken), ("arms_before", doubtful)):
        if columns:
            verb = "is" if len(columns) == 1 else "are"
            guess.ask(doubt, names=listing(map(repr, columns)), verb=verb)
    return [*taken, *doubtful]


def _perhaps(guess: Guess) -> list[str]:
    """Ask about a group of mere codes beside outcomes; return what forms no segments then."""
    for column in guess.table:
        figures = all(re.fullmatch(r"\d(?:[.,]0+)?", value.strip()) for value in column.values)
        codes = bool(_no(column)) or (figures and column.distinct <= MOST_CODES)
        if _is_few(column) and _is_group(column) and codes and column.name not in guess.taken:
            break
    else:
        return []
    after = _after(guess.table, column)
    if not after:
        return []
    names, shown = listing(repr(c.name) for c in after), ", ".join(column.values)
    guess.ask("arms_perhaps", name=column.name, shown=shown, names=names)
    kept = [c.name for c in after if "outcome" not in c.says]
    guess.left |= dict.fromkeys(kept, "an outcome of an experiment?")
    guess.left[column.name] = "the arm of an experiment?"
    return [column.name, *kept]


def _event(column: Column) -> str:
    """Return what customers did by whom a column is a yes, or ''."""
    if column.distinct != 2 or not yes(column.values) or has(column.name, WORDS["earlier"]):
        return ""
    words = parts(column.name)
    did = (did for start, did in WORDS["did"].items() for w in words if w.startswith(start))
    other = column.says & AMOUNTS or {*words} & {*WORDS["measured"], "target", "label"}
    return next(did, "bought" if "order" in column.says else "had it" if other else "")


def _outcome(guess: Guess, column: Column) -> dict:
    """Return a yes or no, an amount or a count as an outcome; no two have the same label."""
    if not (did := _event(column)):
        money = "amount" in column.says or column.whole < 1
        ends = f"from {column.least:,.10g} to {column.most:,.10g}"
        label = column.name.replace("_", " ").strip().lower()
        return {"label": label, "kind": "money" if money else "count", "why": ends}
    one = yes(column.values)
    twice = did == "had it" or did in {about["label"] for about in guess.outcomes.values()}
    return {
        "label": f"had {column.name}" if twice else did,
        "happened": one,
        "wanted": not column.name.lower().startswith(tuple(WORDS["unwanted"])),
        "why": f"{one!r} in {column.values[one] / max(sum(column.values.values()), 1):.2%}",
    }


def _is_amount(column: Column) -> bool:
    """Return whether a column is an amount or a count by its name and its values."""
    numbers = column.numeric and column.distinct > 2 and not column.unique
    named = column.says & AMOUNTS or has(column.name, WORDS["measured"])
    positive = column.negative <= 0.5
    return numbers and named and "id" not in column.says and positive


def campaign(table: Table) -> Column | None:
    """Return the column that names campaigns; a list of arms may call them tests."""
    fits = [c for c in table if c.kind in {"integer", "text"}]
    groups = {*WORDS["arms"]} - {*WORDS["tests"]}
    tests = [c for c in fits if has(c.name, WORDS["tests"]) and not has(c.name, groups)]
    return next((c for c in fits if "campaign" in c.says), next(iter(tests), None))


def lists_arms(table: Table) -> bool:
    """Return whether a table says who was in which arm of which campaign.

    Without a name of the campaign it holds customer, arm and the one day of the assignment alone.
    """
    if named := campaign(table):
        return arms(table, named.name) is not None
    days = [c for c in table if c.kind == "time" and c.distinct == 1]
    return len(days) == 1 and len(table.columns) == 3 and arms(table) is not None
