"""What a table seems to be, which column tells customers apart, and which are arms of a test."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from seglib import wording
from seglib.collection.columns import BIRTH, EMAIL, PERSON, WORDS, Column, Table, has, parts
from seglib.collection.reading import NUMBER, TIME
from seglib.wording import listing

DOUBTS = wording.table("doubts")
REASONS = DOUBTS["reasons"]
MIXED = 0.7  # of values that cannot be read, from which a column is not what the others are
FEW = 5  # different times below which a column is not looked at as one
WRITTEN = {
    "DMY": "DD/MM/YYYY",
    "MDY": "MM/DD/YYYY",
    "YMD": "YYYY-MM-DD",
    "NAMED": "31 January 2024",
}
LEAST_PEOPLE = 10  # fewer different values than this are groups of people, not people
NAMED, DECIDED = 4, 2  # what speaks for a key, in points
MOST_ARMS = 8
BEFORE = r"^(?:group|gruppe|cell|version|variante?|arm)[ _-]?"  # beside a letter
CONTROL = re.compile(WORDS["control_called"], re.IGNORECASE)
RANDOM = re.compile(WORDS["random_called"], re.IGNORECASE)
AMOUNTS = {"amount", "order", "quantity"}  # roles of names of amounts and counts


@dataclass
class Guess:
    """What a table seems to be: its name under `tables` in study.yaml, and what stands there."""

    kind: str
    table: Table
    roles: dict[str, str | list[str]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)  # role → what the guess is based on
    left: dict[str, str] = field(default_factory=dict)  # column → why it is left out
    attributes: dict[str, dict] = field(default_factory=dict)  # with `why` beside their keys
    outcomes: dict[str, dict] = field(default_factory=dict)
    keys: dict[str, object] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)  # answers that are none: Prefer not to say
    doubts: list[str] = field(default_factory=list)
    currency: str = ""

    def take(self, role: str, column: str | list[str], why: str) -> None:
        """Give a role to a column."""
        self.roles[role], self.why[role] = column, why

    def ask(self, doubt: str, **facts) -> None:
        """Add a doubt, a sentence of wording/doubts.yaml."""
        self.doubts.append(DOUBTS[doubt].format(**facts))

    def ask_instead(self, role: str, others: Iterable[str]) -> None:
        """Ask about other columns that could have a role, if there are any."""
        if others := [repr(other) for other in others if other != self.roles[role]]:
            self.ask("several", name=self.roles[role], role=role, others=listing(others))

    def take_nobody(self) -> None:
        """Take ids such as guest or total as those of nobody, and ask about them."""
        who, rows, nobody = self.roles["customer"], self.table.rows, {*WORDS["placeholders"]}
        counts = self.table.counts(who)
        shortest = min((len(v) for v in counts if v.lower() not in nobody), default=0)
        figures = {v for v in counts if v.lstrip("-").isdigit() and shortest <= len(v) + 1}
        words = sorted(v for v in counts if v.lower() in nobody and v not in figures)  # 0 of 0, 1
        if words:
            self.keys["placeholders"], n = words, sum(counts[word] for word in words)
            self.ask("placeholders", name=who, n=n, rows=rows, shown=listing(words))

    def column(self, role: str) -> Column:
        """Return the column of a role."""
        return self.table.columns[self.roles[role]]

    @property
    def money(self) -> str:
        """The role that holds money, or ''."""
        return next((role for role in ("amount", "price") if role in self.roles), "")

    @property
    def taken(self) -> set[str]:
        """The columns that have a role."""
        return {c for v in self.roles.values() for c in (v if isinstance(v, list) else [v])}

    def free(self, role: str = "") -> list[Column]:
        """Return the columns without a role that vary, those whose names suggest it first."""
        free = [c for c in self.table if c.name not in self.taken and c.distinct > 1]
        return sorted((c for c in free if not c.personal), key=lambda c: role not in c.says)

    def first(self, role: str, fits: Callable[[Column], bool]) -> Column | None:
        """Return the first column without a role that fits one, by name or else by value."""
        return next((column for column in self.free(role) if fits(column)), None)

    def leave_others(self) -> None:
        """Say of each column that has no role and is not told of yet why it is left out."""
        for column in self.table:
            if column.name not in {*self.taken, *self.attributes, *self.outcomes}:
                self.left.setdefault(column.name, unused(column))


def unused(column: Column) -> str:
    """Return why a column is left out."""
    reasons = {
        f"personal data ({column.personal}); not needed": column.personal,
        "empty": column.filled == 0,
        "the same in every row that has it": column.distinct == 1,
        "free text": column.free_text,
        "another time": column.kind == "time",
        "lists or the like, which are not read": column.kind == "other",
        "numbers the rows": column.unique and column.is_key,
    }
    other = f"no role known for it ({column.distinct:,} different)"
    return next((why for why, fits in reasons.items() if fits), other)


def repeats(column: Column) -> str:
    """Return how often the values of a key return."""
    return f"{column.distinct:,} distinct in {column.filled:,} rows, {column.per_value:.1f} each"


def misread(table: Table) -> list[str]:
    """Return a sentence for each column of dates or money that is not understood."""
    doubts = []
    for column in table:
        what, mark, share, example = column.nearly or ("", "", 1.0, next(iter(column.values), ""))
        part = f"{max(round(share * column.filled), 1):,} of {column.filled:,}"
        facts = {"name": column.name, "shown": example[:40], "part": part}
        plain = column.kind == "text" and not column.personal
        numbers = what == NUMBER and column.says & {"amount", "price", "cost", "quantity"}
        timed = "time" in column.says and sum(c.isdigit() for c in example) >= 4
        conditions = {
            "no_days": column.kind == "time" and column.nearly,
            "mixed_dates": plain and what == TIME and share < MIXED,
            "mixed_numbers": plain and numbers and share < MIXED,
            "called_time": plain and column.distinct > FEW and timed,
        }
        doubt = next((doubt for doubt, fits in conditions.items() if fits), "")
        doubts += [DOUBTS[doubt].format(**facts, way=WRITTEN.get(mark, mark))] if doubt else []
    return doubts


# --- who ------------------------------------------------------------------------------------------


def customer(table: Table) -> tuple[str, int] | None:
    """Return the column most like customers who return, and how many points speak for it."""
    keys = [column for column in table if column.is_key and not _never_who(column)]
    points = {c: _points(table, c, keys) for c in keys}
    best = keys and max(keys, key=lambda c: (points[c], "id" in c.says, not c.personal, c.distinct))
    return (best.name, points[best]) if best and points[best] >= 1 else None


def rivals(table: Table, who: str) -> list[str]:
    """Return the columns that are named as customers too, and tell other ones apart."""
    keys = (c for c in table.named("customer") if c.is_key and c.distinct >= LEAST_PEOPLE)
    others = [c.name for c in keys if c.base != "geographic"]
    return [o for o in others if not (table.decides(who, o) and table.decides(o, who))]


def _never_who(column: Column) -> bool:
    """Return whether a name says that values are of persons, times or measures, not ids."""
    is_id = "id" in column.says
    money = column.says & {"amount", "aside", "cost", "discount", "converted"}
    measured = column.kind != "text" and not is_id and money
    described = "demographic" in column.says or column.promise in {PERSON, BIRTH}
    other = measured or described or column.is_count or ("time" in column.says and not is_id)
    return other and "customer" not in column.says


def _points(table: Table, column: Column, keys: list[Column]) -> int:
    by_name = "customer" in column.says and column.base != "geographic"
    things = column.says & {"order", "product", "campaign", "level", "price"}
    other = bool(is_other(column) or things)
    points = (
        NAMED * by_name
        - NAMED * (other and not by_name)
        + (not by_name and column.personal == EMAIL)
    )
    points += column.distinct <= 0.9 * column.filled
    points -= 2 * NAMED * (column.distinct < LEAST_PEOPLE)
    points -= NAMED * (column.unique and not by_name)
    finer = [k for k in keys if k.distinct > 1.2 * column.distinct and not k.unique]
    return points + DECIDED * any(table.decides(k.name, column.name) for k in finer[:4])


def is_other(column: Column) -> bool:
    """Return whether a name is that of a place, a number or a line, and never of a key."""
    return column.base == "geographic" or column.says & {"place", "quantity", "line"}


def unique_key(table: Table) -> str:
    """Return the column that identifies a row and is no personal data, or ''."""
    keys = [c for c in table if c.unique and c.is_key and not c.personal]
    keys = [c for c in keys if c.says & {"id", "customer", "line"} or c.kind == "text"]
    keys.sort(key=lambda c: ("customer" not in c.says, "id" not in c.says))
    return keys[0].name if keys else ""


def told_apart(table: Table) -> str:
    """Return the personal column of which each row holds another value, or ''."""
    return next((c.name for c in table if c.unique and c.personal), "")


# --- experiments ----------------------------------------------------------------------------------


def arms(table: Table, beside: str = "") -> tuple[Column, str] | None:
    """Return the column of arms and its control, '' if nothing tells it; None without arms.

    In order of trust: a value that only a control is called; a name such as arm or treatment; and,
    beside what happened or a campaign, whose column is `beside`, a name such as group with values
    A and B.
    """
    result: dict[int, tuple[Column, str]] = {}
    for column in table:
        few = 2 <= column.distinct <= MOST_ARMS and column.kind in {"text", "integer", "truth"}
        few = (few or column.no) and min(column.values.values(), default=0) >= LEAST_PEOPLE
        if not few or column.name == beside:
            continue
        plain = {re.sub(BEFORE, "", value.strip().lower()): value for value in column.values}
        control = next((v for v in column.values if CONTROL.fullmatch(v.strip().lower())), "")
        treated = column.no and has(column.name, WORDS["treated"]) and not column.is_earlier
        by_name = "arm" in column.says or treated
        if control:
            result.setdefault(0 if by_name else 1, (column, control))
        elif by_name:
            control = next((plain[w] for w in WORDS["controls"] if w in plain), column.no)
            if control or beside or any(_event(other) for other in table if other is not column):
                result.setdefault(2, (column, control))
        elif _is_lettered(column, plain) and (beside or _after(table, column)):
            result.setdefault(3, (column, next((plain[w] for w in "ac0" if w in plain), "")))
    return result[min(result)] if result else None


def _is_lettered(column: Column, values: Iterable[str]) -> bool:
    """Return whether values are A, B …, C and T or 0 and 1, and the name says only `group`."""
    words, groups = {*re.findall(r"[a-z]+", column.name.lower())}, {*WORDS["groups"]}
    plain = bool(words & groups) and words <= groups | {*WORDS["beside_groups"]}
    return plain and "".join(sorted(values)) in {"ab", "abc", "abcd", "ct", "01", "12"}


def _after(table: Table, arm: Column) -> list[Column]:
    names = list(table.columns)
    behind = names[names.index(arm.name) + 1 :]
    others = [c for c in table if c is not arm and not c.is_earlier]
    return [c for c in others if _event(c) or (c.name in behind and _is_amount(c))]


def take_arms(guess: Guess, column: Column, control: str) -> None:
    """Take a column as the arms of an experiment, and ask whether they were drawn at random."""
    shown, counts = ", ".join(column.values), column.values
    guess.take("arm", column.name, f"{column.distinct} arms: {shown}"[:80])
    campaign = guess.table.columns.get(str(guess.roles.get("campaign")))
    texts = [column.name, *counts, guess.table.source]
    texts += [campaign.name, *campaign.values] if campaign else []
    drawn = bool(control) and any(RANDOM.search(text.replace("_", " ")) for text in texts)
    guess.keys |= {"randomised": drawn} | ({"control": control} if control else {})
    by_name = "" if control else ", and control: the name of the control arm"
    facts = {"name": column.name, "shown": shown[:60], "control": control, "named": by_name}
    guess.ask("arms_random" if drawn else "arms_unsure", **facts)


def experiment(guess: Guess) -> list[str]:
    """Take the arms of an experiment and what happened after; return the columns of the latter."""
    if not (result := arms(guess.table)):
        return []
    take_arms(guess, *result)
    days = [when for when in guess.table.times if when.distinct == 1]
    guess.keys |= {"start": days[0].least.date()} if days else {}
    taken, doubtful, behind = [], [], False
    for column in guess.table:
        behind = behind or column is result[0]
        if column.name in guess.taken or column.is_earlier:
            continue
        silent = column.personal or column.free_text or column.kind == "time" or column.unique
        trait = not silent and column.distinct > 1 and column.base == "plan"
        if _event(column) or (behind and _is_amount(column)):
            guess.outcomes[column.name] = _outcome(guess, column)
            taken.append(column.name)
        elif _is_amount(column) or (behind and trait):
            guess.left[column.name] = "known before the arms were assigned, or an outcome?"
            doubtful.append(column.name)
    for doubt, names in (("arms_after", taken), ("arms_before", doubtful)):
        if names:
            guess.ask(doubt, names=listing(map(repr, names)))
    return [*taken, *doubtful]


def _event(column: Column) -> str:
    """Return what customers did by whom a column is a yes, or ''."""
    if column.distinct != 2 or not column.yes or column.is_earlier:
        return ""
    words = parts(column.name)
    did = (did for start, did in WORDS["did"].items() for w in words if w.startswith(start))
    other = column.says & AMOUNTS or {*words} & {*WORDS["measured"], "target", "label"}
    return next(did, "bought" if "order" in column.says else "had it" if other else "")


def _outcome(guess: Guess, column: Column) -> dict:
    if not (did := _event(column)):
        money = "amount" in column.says or column.whole < 1
        ends = f"from {column.least:,.10g} to {column.most:,.10g}"
        label = column.name.replace("_", " ").strip().lower()
        return {"label": label, "kind": "money" if money else "count", "why": ends}
    share = column.values[column.yes] / max(sum(column.values.values()), 1)
    twice = did == "had it" or did in {about["label"] for about in guess.outcomes.values()}
    return {
        "label": f"had {column.name}" if twice else did,
        "happened": column.yes,
        "wanted": not column.name.lower().startswith(tuple(WORDS["unwanted"])),
        "why": f"{column.yes!r} in {share:.2%}",
    }


def _is_amount(column: Column) -> bool:
    unique = column.unique and "amount" not in column.says
    numbers = column.numeric and column.distinct > 2 and not unique
    by_name = column.says & AMOUNTS or has(column.name, WORDS["measured"])
    return numbers and by_name and "id" not in column.says and column.negative <= 0.5


def campaign(table: Table) -> Column | None:
    """Return the column that names campaigns; a list of arms may call them tests."""
    fits = [c for c in table if c.kind in {"integer", "text"}]
    groups = {*WORDS["arms"]} - {*WORDS["tests"]}
    by_name = [c for c in fits if "campaign" in c.says]
    tests = [c for c in fits if has(c.name, WORDS["tests"]) and not has(c.name, groups)]
    return next(iter(by_name + tests), None)


def lists_arms(table: Table) -> bool:
    """Return whether a table says who was in which arm of which campaign."""
    if by_name := campaign(table):
        return arms(table, by_name.name) is not None
    days = [c for c in table if c.kind == "time" and c.distinct == 1]
    return len(days) == 1 and len(table.columns) == 3 and arms(table) is not None
