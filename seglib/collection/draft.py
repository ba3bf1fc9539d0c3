"""A study.yaml written by looking at the data, every guess with what it is based on."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from seglib import study
from seglib.collection import columns, kinds, reading, refusals, tables, text
from seglib.collection.columns import Column
from seglib.collection.refusals import written
from seglib.collection.roles import Guess
from seglib.collection.sources import Sources, files, split
from seglib.formats import COUNTED, load_yaml
from seglib.study import StudyError

MONTH = 30  # days that must lie before and after an assignment to arms
QUARTER = 91  # days; the holdout of data that span a year or more
BLOCK = "label", "base", "kind", "levels", "blank", "labels", "happened", "wanted"
"""What is written of an attribute or an outcome."""
FORMING = ("psychographic", "plan", "demographic", "geographic")
REASONS = {
    "date": "dates such as days above 12 tell the order",
    "decimal": "numbers tell the decimal mark",
    "missing": "what stands for nothing",
    "encoding": "letters read as words by this encoding",
    "transactions": "several a customer, each with a time: orders or events",
    "customers": "one a customer",
    "survey": "one a respondent; answers",
    "products": "one a product; a key of the transactions",
    "campaigns": "who was addressed, and when",
    "responses": "who responded",
}


@dataclass
class Draft:
    """A study.yaml that is being written.

    Attributes
    ----------
    path
        Where it goes.
    folder
        From which relative sources go out.
    lines
        What it holds.
    unsure
        What its reader should look at, in sentences.
    """

    path: Path
    folder: Path
    lines: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def add(self, line: str = "", why: str = "") -> None:
        """Add a line of YAML with its reason as a comment."""
        self.lines.append(f"{line:<44}  # {one_line(why)}" if why else line)

    def check(self, sentence: str, indent: int = 0) -> None:
        """Add a doubt to the YAML and to what the terminal says."""
        self.unsure.append(one_line(sentence))
        self.lines.append(f"{' ' * indent}# CHECK: {one_line(sentence)}")

    def where(self, source: str) -> str:
        """Return a source as study.yaml names it: below its folder if it is there, else in full."""
        if source.startswith(("package:", "${")):
            return source
        path = Path(os.path.normpath(self.folder / os.path.expanduser(source)))
        home = self.path.parent
        return str(path.relative_to(home) if path.is_relative_to(home) else path)


def new(sources: list[str], name: str = "", folder: Path | None = None) -> Draft:
    """Look at files and write a commented study.yaml into data/<name>/.

    Parameters
    ----------
    sources
        Paths, globs, `book.xlsx#Sheet`, `file.duckdb#table`, `${VARIABLE}#table`.
    name
        Of the study; empty means that of the first file.
    folder
        That holds data/; None means the working directory.

    Returns
    -------
    Draft
        What was written and what is doubtful.

    Raises
    ------
    StudyError
        In one sentence; nothing has been written.
    """
    folder = (folder or Path.cwd()).resolve()
    path = folder / "data" / _slug(name or _called(sources[0])) / "study.yaml"
    if path.exists():
        raise StudyError(f"{path} is there already: take another --name, or move it away first")
    looked = _looked(sources, folder)
    draft = compose(kinds.study(looked), Draft(path, folder))
    raw = load_yaml("\n".join(draft.lines))
    draft.unsure += study.problems(raw) + tables.problems(raw["tables"], path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(draft.lines) + "\n", encoding="utf-8")
    return draft


def _looked(sources: list[str], folder: Path) -> list[columns.Table]:
    """Return what the sources look like; refuse what no study can be made of."""
    opener = Sources(folder)
    looked = [columns.look(opener, source) for source in dict.fromkeys(sources)]
    for table in looked:
        if why := refusals.unusable(table):
            raise StudyError(why)
    for one, other in pairwise(sorted(looked, key=lambda t: sorted(t.columns))):
        if set(one.columns) == set(other.columns):
            raise StudyError(
                f"{one.source} and {other.source} have the same columns: name both by one pattern, "
                f"such as '*{Path(one.source).suffix}', to read them as one table"
            )
    return looked


def compose(guesses: list[Guess], draft: Draft) -> Draft:
    """Write the lines of a study.yaml of guessed tables, from `kinds.study`, into a draft."""
    name = draft.path.parent.name
    who = "respondent" if [g.kind for g in guesses] == ["survey"] else "customer"
    draft.add(f"# Written by seglib new from {', '.join(g.table.source for g in guesses)}")
    draft.add("# Each comment says what the guess beside it is based on. Look at the lines with")
    draft.add(f"# CHECK, then: seglib check {name}; seglib run {name}")
    draft.add(f"title: {quoted(name.replace('_', ' ').capitalize())}")
    draft.check("say in your words what the segments are for; pages quote it")
    draft.add(f"objective: Learn which groups of {who}s differ, and what each of them needs")
    draft.add(f"customer: {who}", "what one is called")
    if currency := next((g.currency for g in guesses if g.currency), ""):
        draft.add(f"currency: {quoted(currency)}", "as the amounts are written, or a column says")
    else:
        draft.add("# currency: EUR", "how amounts are written: $, €, EUR …; without, plain numbers")
    draft.add()
    _dates(draft, guesses)
    zones = "# timezone: {stored: UTC, local: Europe/Berlin}"
    draft.add(zones, "if times are not those of the customers' clocks")
    if guesses[0].kind == "transactions" and guesses[0].column("customer").personal:
        draft.add("# privacy: {pseudonymise: SEGLIB_KEY}", "or keep: [the column]")
    draft.add("\ntables:")
    for guess in guesses:
        _table(draft, guess)
    draft.add()
    _segmentation(draft, guesses)
    costs = "share of extra sales kept; cost of treating one customer for a quarter"
    draft.add("\n# economics: {margin: 0.3, cost_per_customer: 1.0}", costs)
    return draft


# --- dates ----------------------------------------------------------------------------------------


def _dates(draft: Draft, guesses: list[Guess]) -> None:
    """Write as_of, the holdout where there are transactions, and when arms began."""
    tested = [g for g in guesses if g.kind == "customers" and "arm" in g.roles]
    undated = [guess for guess in tested if "start" not in guess.keys]
    if guesses[0].kind == "transactions":
        day = _cut(draft, guesses)
        for guess in undated:
            guess.keys["start"] = day
            guess.doubts.append(
                "no column says on which day customers were assigned to arms: start is as_of, for "
                "want of a better day; correct it, and as_of if that is later"
            )
        return
    ends = [when for guess in guesses for when in guess.table.times]
    if ends:
        last = max(ends, key=lambda column: column.most)
        day, why = last.most.date() + timedelta(days=1), "the day after the last date in the data"
        if len(last.marks) > 1:
            draft.check(f"{last.name!r} reads two ways, {_ways(last)}: is the next line right?")
    else:
        paths = [p for g in guesses for p in files(g.table.source, draft.folder)]
        changed = max((os.path.getmtime(p) for p in paths), default=datetime.now().timestamp())
        day, why = datetime.fromtimestamp(changed).date(), "the day on which the file was changed"
        if not undated:
            draft.check(f"the data hold no dates: {day} is {why}; say as of which day they are")
    if undated:
        draft.check(
            "no column says on which day customers were assigned to arms, and pages would tell "
            f"{day} as that day, though it is {why}: write the day of the assignment"
        )
    draft.add(f"as_of: {day}", why)


def _assigned(guesses: list[Guess]) -> date | None:
    """Return the first day on which customers were assigned to arms, None if nothing tells."""
    days = [guess.keys["start"] for guess in guesses if "start" in guess.keys]
    lists = [guess for guess in guesses if guess.kind == "campaigns" and "arm" in guess.roles]
    return min([*days, *(guess.column("start").least.date() for guess in lists)], default=None)


def _cut(draft: Draft, guesses: list[Guess]) -> date:
    """Write as_of and the holdout so that the last quarter of the time judges the segments.

    Where customers were assigned to arms, with some time before and after, segments know nothing
    from that day on.
    """
    column, assigned = guesses[0].column("time"), _assigned(guesses)
    first, last = column.least, column.most
    inner = guesses[0].table.bulk(column.name)
    span = (inner[1] - inner[0]).days + 1
    if (last - inner[1]).days > max(span / 2, 31) or (inner[0] - first).days > max(span / 2, 366):
        draft.check(
            f"{column.name!r} goes from {first:%Y-%m-%d} to {last:%Y-%m-%d}, but nearly all of it "
            f"lies from {inner[0]:%Y-%m-%d} to {inner[1]:%Y-%m-%d}: are the rest mistakes?"
        )
        first, last = inner
    end = last.date() + timedelta(days=1)
    days = (end - first.date()).days
    part = min(QUARTER, days // 4)
    held = max(part - part % 7 if part >= 14 else part, 1)
    if days < 90:
        draft.check(f"the data span {days} days: too short to tell habits from chance")
    cut, why = end - timedelta(days=held), "features see only what was known before …"
    if assigned and (assigned - first.date()).days >= MONTH and (end - assigned).days >= MONTH:
        cut, why = assigned, "customers were assigned to arms; features see only what was before …"
        held = min(held, (end - cut).days)
    draft.add(f"as_of: {cut}", why)
    judged = f"… and these days judge the segments; the data end {last:%Y-%m-%d}"
    draft.add(f"holdout: {held} days", judged)
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
    for block, abouts in (("attributes", guess.attributes), ("outcomes", guess.outcomes)):
        draft.lines += [f"    {block}:"] * bool(abouts)
        for name, about in abouts.items():
            draft.add(f"      {quoted(name)}:", about["why"])
            draft.add(f"        {quoted({k: about[k] for k in BLOCK if about.get(k)})}")
    draft.lines += ["    # left out:"] * bool(guess.left)
    draft.lines += [f"    #   {one_line(n)}: {one_line(why)}" for n, why in guess.left.items()]


def _format(draft: Draft, guess: Guess) -> None:
    """Write how letters, dates and decimals are written, as a question where nothing tells."""
    names = [*guess.taken, *guess.attributes]
    used = [guess.table.columns[name] for name in names if name in guess.table.columns]
    known: dict[str, Any] = _encoding(draft, guess)
    for kind, key, plain in (
        ("time", "date", {("YMD",), (reading.NAMED,)}),  # these need no word
        ("number", "decimal", {(".",)}),
    ):
        columns = [c for c in used if c.kind == kind and c.marks]
        marks, counted = {c.marks for c in columns}, any(c.counted for c in columns)
        either = next((c for c in columns if len(c.marks) > 1), None)
        if either and len(marks) == 1:
            shown = next(iter(either.values), "")
            draft.check(
                f"{either.name!r} holds {shown!r} and the like, which reads two ways: "
                f"say {key}: {_ways(either)} in a line as the next",
                4,
            )
            draft.add(f"    # format: {{{key}: {quoted(written(either.marks[0]))}}}")
        elif len(marks) == 1 and (marks - plain or counted):
            mark = next(iter(marks))[0]
            known[key] = "YYYYMMDD" if counted and mark == "YMD" else written(mark)
    levels = {level for about in guess.attributes.values() for level in about.get("levels", ())}
    if missing := {*guess.table.opened.given.missing, *(guess.silent - levels)}:
        known["missing"] = sorted(missing)
    if known:
        since = "times are counted since 1970, or as spreadsheets do"
        why = [since if str(value) in COUNTED else REASONS[key] for key, value in known.items()]
        draft.add(f"    format: {quoted(known)}", "; ".join(why))


def _ways(column: Column) -> str:
    """Return the ways in which a column could be read."""
    return " or ".join(refusals.WRITTEN.get(mark, repr(mark)) for mark in column.marks)


def _encoding(draft: Draft, guess: Guess) -> dict[str, Any]:
    """Return the encoding of text that is not Unicode; which it is, is asked in any case."""
    encodings, source = guess.table.opened.encodings, guess.table.source
    if not encodings:
        return {}
    encoding, letters = next(iter(encodings.items()))
    key = f"format: {{encoding: {encoding}}}"
    sure = f"{source} is not UTF-8 and reads as {letters!r} by {key}: is that right?"
    draft.check(text.question(source, encodings) or sure, 4)
    draft.lines += [f"    # {key}"] * (len(encodings) > 1)
    return {"encoding": encoding} if len(encodings) == 1 else {}


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
        draft.check("no column describes the customers: nothing can form segments")
        return
    describing = [base for base in FORMING if base in bases and base not in forming]
    draft.add("segmentation:")
    draft.add(f"  bases: {quoted(forming)}", f"these form the segments: {why}")
    draft.add(f"  describe_with: {quoted(describing)}", "these only describe them")


# --- words ----------------------------------------------------------------------------------------


def _called(source: str) -> str:
    """Return the name of a study of a source: that of its file or table."""
    where, part = split(source)
    return part.rpartition(".")[2] if where.startswith("${") else part or Path(where).stem


def _slug(name: str) -> str:
    words = re.findall(r"\w+", name.lower())
    if not words:
        raise StudyError(f"{name!r} is no name of a study: expected letters, such as --name shop")
    return "_".join(words)


def quoted(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, dict) and "levels" in value:
        points = [int(v) if re.fullmatch(r"\d|[1-9]\d+", v) else v for v in value["levels"]]
        value = value | {"levels": points}
    flow = {"default_flow_style": True, "allow_unicode": True, "sort_keys": False}
    return yaml.safe_dump([value], width=10**9, **flow).strip()[1:-1]


def one_line(words: str) -> str:
    """Return text without line breaks and signs that cannot be seen."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in words)).strip()
