"""Which columns of a table are the arms of an experiment, and which its outcomes."""

from __future__ import annotations

import re

from scipy.stats import chisquare

from seglib import wording
from seglib.collection import hints
from seglib.collection.columns import Column, Table
from seglib.collection.roles import LEAST_PEOPLE, Guess, free_text, personal
from seglib.wording import listing

MOST_ARMS = 8
BROKEN = 0.001  # p-value below which arms are not of equal size
CONTROL = re.compile(  # what only a control is called
    r"(?:the )?(?:control|ctrl|kontroll?e?|controle|placebo|hold-?out|untreated|not treated"
    r"|unbehandelt|temoin|témoin)(?:[ _-]?(?:group|gruppe|arm|cell))?"
    r"|(?:no|kein|keine|sin|sans)[ _-](?:e-?mail|mail|mailing|letter|contact|treatment|offer|coupon"
    r"|campaign|message|action|ad|ads|sms|call|discount|kontakt|brief)",
    re.IGNORECASE,
)
WORDS = wording.table("hints")["experiments"]
PLAIN = WORDS["control"]  # what else a control is called in a column whose name is that of arms
GROUP, MEASURED = set(WORDS["arms"]), set(WORDS["measured"])
EARLIER = set(WORDS["earlier"])  # of what was known before
TREATED = set(WORDS["treated"])  # names of arms that are a yes or no
CAMPAIGNS = set(WORDS["campaigns"])
DID = {start: did for did, starts in WORDS["did"].items() for start in starts.split()}
UNWANTED = tuple(WORDS["unwanted"])
AMOUNTS = ("amount", "order", "quantity")  # roles of names of amounts and counts


def arms(table: Table, beside: str = "") -> tuple[Column, str] | None:
    """Return the column of arms and its control, empty if nothing tells it; None without arms.

    The column `beside` is that of the campaigns, and none of arms.
    A name such as arm or treatment suggests them; under any other name a few values must be there
    of which one is that of a control.
    """
    columns = [c for c in table.columns.values() if c.name != beside and _few(c)]
    fits = [(c, next((v for v in c.values if CONTROL.fullmatch(v.strip())), "")) for c in columns]
    sure = [(c, control) for c, control in fits if control]
    sure.sort(key=lambda pair: (not _named(pair[0]), not _grouped(pair[0])))
    if sure:
        return sure[0]
    named = next((c for c, _ in fits if _named(c)), None)
    if named is None:
        return None
    plain = {value.strip().lower(): value for value in named.values}
    control = next((plain[word] for word in PLAIN if word in plain), "") or _no(named)
    after = any(_event(c) for c in table.columns.values() if c is not named)
    return (named, control) if control or after or beside else None


def _few(column: Column) -> bool:
    """Return whether a column has a few values, each of enough customers to be an arm."""
    counts = column.values or {}
    kinds = column.kind in {"text", "integer", "truth"} or bool(_no(column))
    fits = kinds and 2 <= column.distinct <= MOST_ARMS
    return fits and min(counts.values(), default=0) >= LEAST_PEOPLE


def _named(column: Column) -> bool:
    words = set(hints.parts(column.name))
    treated = TREATED & words and not EARLIER & words and _no(column)
    return hints.suggests(column.name, "arm") or bool(treated)


def _no(column: Column) -> str:
    """Return which value of a yes or no is the no, empty if it is none."""
    yes = hints.yes(column.values or {})
    return next((value for value in column.values or {} if value != yes), "") if yes else ""


def _grouped(column: Column, besides: set[str] = frozenset()) -> bool:
    return bool((GROUP - besides) & set(hints.parts(column.name)))


def take(guess: Guess, column: Column, control: str) -> None:
    """Take a column as the arms of an experiment, and ask about it."""
    shown = ", ".join(column.values)
    guess.take("arm", column.name, f"{column.distinct} arms: {shown}"[:80])
    if not control:
        guess.unsure.append(
            f"{column.name!r} is taken as the arms of an experiment ({shown[:60]}): if customers "
            "were assigned to them at random, say so: randomised: true, and control: the name of "
            "the control arm; effects are told only then"
        )
        return
    guess.keys |= {"randomised": True, "control": control}
    guess.unsure.append(
        f"{column.name!r} is taken as the arms of an experiment ({shown[:60]}), drawn at random, "
        f"with {control!r} as the control: if customers were chosen in any other way, set "
        "randomised: false, and no effect is told; if it is none, move it to attributes"
    )
    counts = column.values
    if chisquare(list(counts.values())).pvalue < BROKEN:
        total = sum(counts.values())
        shares = ", ".join(f"{arm}: {n / total:.2g}" for arm, n in counts.items())
        guess.unsure.append(
            f"the arms of {column.name!r} are not equally large: if that was intended, say so, "
            f"such as planned: {{{shares}}}; otherwise the experiment is not believed"
        )


def outcomes(guess: Guess, arm: Column) -> list[str]:
    """Take the columns that say what happened after the arms were assigned; return their names.

    A yes or no under the name of something done is one, and so is an amount or a count that stands
    behind the arms. One that stands before them may be either, and so may what else stands behind
    and is no age, place or the like: it is left out and asked about.
    """
    names, taken, doubtful = list(guess.table.columns), [], []
    for column in guess.table.columns.values():
        if column.name in guess.taken or EARLIER & set(hints.parts(column.name)):
            continue
        behind = names.index(column.name) > names.index(arm.name)
        if did := _event(column):
            _add(guess, column, did)
            taken.append(column.name)
        elif _amount(column) and behind:
            money = hints.suggests(column.name, "amount") or column.share("whole") < 1
            label = column.name.replace("_", " ").strip().lower()
            guess.outcomes[column.name] = {
                "label": label,
                "kind": "money" if money else "count",
                "why": f"from {column.least:,.10g} to {column.most:,.10g}",
            }
            taken.append(column.name)
        elif _amount(column) or (behind and _of_no_date(column)):
            guess.left[column.name] = "known before the arms were assigned, or an outcome?"
            doubtful.append(column.name)
    if taken:
        guess.unsure.append(
            f"{_quoted(taken)} {'is' if len(taken) == 1 else 'are'} taken as what happened after "
            "the arms were assigned, compared between them and never a trait of segments: what was "
            "known before belongs to attributes"
        )
    if doubtful:
        guess.unsure.append(
            f"{_quoted(doubtful)} may have been known before the arms were assigned (then it "
            "belongs to attributes) or be what happened after (then to outcomes): it is left out"
        )
    return [*taken, *doubtful]


def _of_no_date(column: Column) -> bool:
    """Return whether a column that could form segments does not say when it was known."""
    silent = personal(column) or free_text(column) or column.kind == "time" or column.distinct < 2
    return not silent and not column.unique and hints.base(column.name) == "plan"


def _quoted(names: list[str]) -> str:
    return listing([repr(name) for name in names])


def _event(column: Column) -> str:
    """Return what customers did by whom a column is a yes, empty if it is no such column."""
    if column.distinct != 2 or not hints.yes(column.values or {}):
        return ""
    if EARLIER & set(hints.parts(column.name)):
        return ""
    words = hints.parts(column.name)
    did = next((did for start, did in DID.items() for w in words if w.startswith(start)), "")
    other = hints.suggests(column.name, *AMOUNTS) or set(words) & {*MEASURED, "target", "label"}
    return did or ("bought" if hints.suggests(column.name, "order") else "had it" if other else "")


def _add(guess: Guess, column: Column, did: str) -> None:
    """Take a yes or no as an outcome; no two have the same label."""
    labels = {about["label"] for about in guess.outcomes.values()}
    yes = hints.yes(column.values)
    did = f"had {column.name}" if did in labels or did == "had it" else did
    unwanted = column.name.lower().startswith(UNWANTED)
    guess.outcomes[column.name] = {
        "label": did,
        "happened": yes,
        "wanted": not unwanted,
        "why": f"{yes!r} in {column.values[yes] / max(sum(column.values.values()), 1):.2%}",
    }


def _amount(column: Column) -> bool:
    """Return whether a column is an amount or a count by its name and its values."""
    numbers = column.kind in {"integer", "number"} and column.distinct > 2 and not column.unique
    words = set(hints.parts(column.name))
    named = hints.suggests(column.name, *AMOUNTS) or bool(words & MEASURED)
    return numbers and named and not hints.is_id(column.name) and not column.share("negative") > 0.5


def campaign(table: Table) -> Column | None:
    """Return the column that names campaigns; a list of arms may call them tests."""
    fits = [c for c in table.columns.values() if c.kind in {"integer", "text"}]
    named = (c for c in fits if hints.suggests(c.name, "campaign"))
    tests = (c for c in fits if CAMPAIGNS & {*hints.parts(c.name)} and not _grouped(c, CAMPAIGNS))
    return next(named, None) or next(tests, None)


def lists_arms(table: Table) -> bool:
    """Return whether a table says who was in which arm of which campaign.

    Without a name of the campaign it holds customer, arm and the one day of the assignment alone.
    """
    if named := campaign(table):
        return arms(table, named.name) is not None
    days = [c for c in table.columns.values() if c.kind == "time" and c.distinct == 1]
    return len(days) == 1 and len(table.columns) == 3 and arms(table) is not None
