"""The lines of a study.yaml that is drafted, every guess with what it is based on."""

import os
import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from seglib.collection import columns, reading
from seglib.collection.roles import DOUBTS, REASONS, WRITTEN, Guess
from seglib.collection.sources import files
from seglib.formats import COUNTED

MONTH = 30  # days that must lie before and after an assignment to arms
QUARTER = 91  # days; the holdout of data that span a year or more
SHORT = 90  # days, too few to tell habits from chance
# What is written of an attribute or an outcome.
BLOCK = "label", "base", "kind", "levels", "blank", "labels", "happened", "wanted"
FORMING = ("psychographic", "plan", "demographic", "geographic")


@dataclass
class Draft:
    """A study.yaml that is being written: its place, its lines, and what is unsure in it."""

    path: Path
    folder: Path  # from which relative sources go out
    lines: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def add(self, line: str = "", why: str = "") -> None:
        """Add a line of YAML with its reason as a comment."""
        self.lines.append(f"{line:<44}  # {one_line(why)}" if why else line)

    def check(self, sentence: str, indent: int = 0) -> None:
        """Add a doubt to the YAML and to what the terminal says."""
        self.unsure.append(one_line(sentence))
        self.lines.append(f"{' ' * indent}# CHECK: {one_line(sentence)}")

    def ask(self, doubt: str, indent: int = 0, **facts) -> None:
        """Add a doubt of wording/doubts.yaml."""
        self.check(DOUBTS[doubt].format(**facts), indent)

    def where(self, source: str) -> str:
        """Return a source as study.yaml names it: below its folder if it is there, else in full."""
        if source.startswith(("package:", "${")):
            return source
        path = Path(os.path.normpath(self.folder / os.path.expanduser(source)))
        home = self.path.parent
        return str(path.relative_to(home) if path.is_relative_to(home) else path)


def compose(guesses: list[Guess], draft: Draft) -> Draft:
    """Write the lines of a study.yaml of guessed tables into a draft."""
    name, main = draft.path.parent.name, guesses[0]
    who = "respondent" if [g.kind for g in guesses] == ["survey"] else "customer"
    sources = ", ".join(g.table.source for g in guesses)
    draft.lines += [line.format(sources=sources, name=name) for line in DOUBTS["opening"]]
    draft.add(f"title: {quoted(name.replace('_', ' ').capitalize())}")
    draft.ask("objective")
    draft.add(f"objective: Learn which groups of {who}s differ, and what each of them needs")
    draft.add(f"customer: {who}", "what one is called")
    currency = next((quoted(g.currency) for g in guesses if g.currency), "")
    line = f"currency: {currency}" if currency else "# currency: EUR"
    draft.add(line, REASONS["currency" if currency else "no_currency"])
    draft.add()
    _dates(draft, guesses)
    draft.add("# timezone: {stored: UTC, local: Europe/Berlin}", REASONS["timezone"])
    if main.kind == "transactions" and main.column("customer").personal:
        draft.add("# privacy: {pseudonymise: SEGLIB_KEY}", "or keep: [the column]")
    draft.add("\ntables:")
    for guess in guesses:
        _table(draft, guess)
    draft.add()
    _segmentation(draft, guesses)
    draft.add("\n# economics: {margin: 0.3, cost_per_customer: 1.0}", REASONS["economics"])
    return draft


# --- dates ----------------------------------------------------------------------------------------


def _dates(draft: Draft, guesses: list[Guess]) -> None:
    tested = [g for g in guesses if g.kind == "customers" and "arm" in g.roles]
    undated = [guess for guess in tested if "start" not in guess.keys]
    if guesses[0].kind == "transactions":
        day = _cut(draft, guesses)
        for guess in undated:
            guess.keys["start"] = day
            guess.ask("start_unknown")
        return
    if ends := [when for guess in guesses for when in guess.table.times]:
        last = max(ends, key=lambda column: column.most)
        day, why = last.most.date() + timedelta(days=1), "the day after the last date in the data"
        if len(last.marks) > 1:
            draft.ask("last_day", name=last.name, ways=_ways(last))
    else:
        paths = [p for g in guesses for p in files(g.table.source, draft.folder)]
        changed = max((os.path.getmtime(p) for p in paths), default=datetime.now().timestamp())
        day, why = datetime.fromtimestamp(changed).date(), "the day on which the file was changed"
    if undated or not ends:
        draft.ask("start_missing" if undated else "no_dates", day=day, why=why)
    draft.add(f"as_of: {day}", why)


def _cut(draft: Draft, guesses: list[Guess]) -> date:
    """Write as_of and the holdout so that the last quarter of the time judges the segments."""
    column = guesses[0].column("time")
    first, last = column.least, column.most
    low, high = guesses[0].table.bulk(column.name)
    span = (high - low).days + 1
    if (last - high).days > max(span / 2, 31) or (low - first).days > max(span / 2, 366):
        draft.ask("far_days", name=column.name, first=first, last=last, low=low, high=high)
        first, last = low, high
    end = last.date() + timedelta(days=1)
    days = (end - first.date()).days
    part = min(QUARTER, days // 4)
    held = max(part - part % 7 if part >= 14 else part, 1)
    if days < SHORT:
        draft.ask("short", days=days)
    cut, why = end - timedelta(days=held), "cut"
    lists = [guess for guess in guesses if guess.kind == "campaigns" and "arm" in guess.roles]
    starts = [guess.column("start").least.date() for guess in lists]
    start = min([*starts, *(g.keys["start"] for g in guesses if "start" in g.keys)], default=end)
    if (start - first.date()).days >= MONTH and (end - start).days >= MONTH:
        cut, why, held = start, "cut_arms", min(held, (end - start).days)
    draft.add(f"as_of: {cut}", REASONS[why])
    draft.add(f"holdout: {held} days", REASONS["holdout"].format(last=last))
    return cut


# --- tables ---------------------------------------------------------------------------------------


def _table(draft: Draft, guess: Guess) -> None:
    draft.add(f"  {guess.kind}:", f"{guess.table.rows:,} rows; {REASONS[guess.kind]}")
    for sentence in guess.doubts:
        draft.check(sentence, 4)
    draft.add(f"    source: {quoted(draft.where(guess.table.source))}")
    _format(draft, guess)
    lookup: dict = {}
    for source, key in reversed(guess.table.lookups):
        inner = {"lookup": lookup} if lookup else {}
        lookup = {"source": draft.where(source), "key": key} | inner
    if lookup:
        draft.add(f"    lookup: {quoted(lookup)}", "adds whose order it is, and when")
    for key, value in guess.keys.items():
        draft.add(f"    {key}: {quoted(value)}")
    draft.add("    columns:")
    for role, column in guess.roles.items():
        draft.add(f"      {role}: {quoted(column)}", guess.why[role])
    asked = {"wanted"} if "arm" in guess.roles else set()
    for block, abouts in (("attributes", guess.attributes), ("outcomes", guess.outcomes)):
        draft.lines += [f"    {block}:"] * bool(abouts)
        for name, about in abouts.items():
            draft.add(f"      {quoted(name)}:", about["why"])
            said = {k: about[k] for k in BLOCK if about.get(k) or (k in about and k in asked)}
            draft.add(f"        {quoted(said)}")
    draft.lines += ["    # left out:"] * bool(guess.left)
    draft.lines += [f"    #   {one_line(n)}: {one_line(why)}" for n, why in guess.left.items()]


def _format(draft: Draft, guess: Guess) -> None:
    """Write how letters, dates and decimals are written, as a question where nothing tells."""
    encoding = guess.table.opened.given.encoding
    known: dict[str, Any] = {"encoding": encoding} if encoding else {}
    names = [*guess.taken, *guess.attributes]
    used = [guess.table.columns[name] for name in names if name in guess.table.columns]
    plain = {("YMD",), (reading.NAMED,), (".",)}  # these need no word
    for kind, key in (("time", "date"), ("number", "decimal")):
        result = [c for c in used if c.kind == kind and c.marks]
        marks, counted = {c.marks for c in result}, any(c.counted for c in result)
        either = next((c for c in result if len(c.marks) > 1), None)
        mark = result[0].marks[0] if result else ""
        way = "YYYYMMDD" if counted and mark == "YMD" else WRITTEN.get(mark, mark)
        if either and len(marks) == 1:
            shown = next(iter(either.values), "")
            draft.ask("either", 4, name=either.name, shown=shown, key=key, ways=_ways(either))
            draft.add(f"    # format: {{{key}: {quoted(way)}}}")
        elif len(marks) == 1 and (marks - plain or counted):
            known[key] = way
    levels = {level for about in guess.attributes.values() for level in about.get("levels", ())}
    if missing := {*guess.table.opened.given.missing, *(guess.silent - levels)}:
        known["missing"] = sorted(missing)
    if known:
        why = [REASONS["counted" if str(v) in COUNTED else key] for key, v in known.items()]
        draft.add(f"    format: {quoted(known)}", "; ".join(why))


def _ways(column: columns.Column) -> str:
    return " or ".join(WRITTEN.get(mark, repr(mark)) for mark in column.marks)


def _segmentation(draft: Draft, guesses: list[Guess]) -> None:
    have = {guess.kind: guess for guess in guesses}
    bases = {about["base"] for guess in guesses for about in guess.attributes.values()}
    forming = [base for base in FORMING if base in bases][:1]
    why = "answers" if forming == ["psychographic"] else "what is known of everyone"
    if main := have.get("transactions"):
        forming, why = ["behavioural"], "how they buy or use it"
        groups = "products" in have and "group" in have["products"].roles
        if groups and main.money and "product" in main.roles:
            forming, why = ["behavioural", "needs"], "how they buy, and which groups of products"
    if not forming:
        draft.ask("nothing_forms")
        return
    describing = [base for base in FORMING if base in bases and base not in forming]
    draft.add("segmentation:")
    draft.add(f"  bases: {quoted(forming)}", f"these form the segments: {why}")
    draft.add(f"  describe_with: {quoted(describing)}", "these only describe them")


# --- words ----------------------------------------------------------------------------------------


def quoted(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, str) and not value.isprintable():  # a heading of several lines
        return yaml.safe_dump(value, width=10**9, default_style='"', allow_unicode=False).strip()
    if isinstance(value, dict) and "levels" in value:
        points = [int(v) if re.fullmatch(r"\d|[1-9]\d+", v) else v for v in value["levels"]]
        value = value | {"levels": points}
    flow = {"default_flow_style": True, "allow_unicode": True, "sort_keys": False}
    return yaml.safe_dump([value], width=10**9, **flow).strip()[1:-1]


def one_line(words: str) -> str:
    """Return text without line breaks and signs that cannot be seen."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in words)).strip()
