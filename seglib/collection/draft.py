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
from seglib.collection import columns, doubts, kinds, reading, roles, tables, text
from seglib.collection.roles import Guess
from seglib.collection.sources import Sources, files, split
from seglib.formats import COUNTED, load_yaml
from seglib.study import StudyError

MONTH = 30  # days that must lie before and after an assignment to arms
QUARTER = 91  # days; the holdout of data that span a year or more
OBJECTIVE = "Learn which groups of {who}s differ, and what each of them needs"
TOLD = {
    "date": "dates such as days above 12 tell the order",
    "decimal": "numbers tell the decimal mark",
    "missing": "what stands for nothing",
    "encoding": "letters read as words by this encoding",
}
WRITTEN = "label", "base", "kind", "levels", "blank", "labels", "happened", "wanted"
"""What is written of an attribute or an outcome."""
COUNTS = "times are counted since 1970, or as spreadsheets do"
FORMING = ("psychographic", "plan", "demographic", "geographic")


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
    path = folder / "data" / (_slug(name) if name else _called(sources[0])) / "study.yaml"
    if path.exists():
        raise StudyError(f"{path} is there already: take another --name, or move it away first")
    opener = Sources(folder)
    looked = [columns.look(opener, source) for source in dict.fromkeys(sources)]
    for table in looked:
        if said := doubts.unusable(table):
            raise StudyError(said)
    _apart(looked)
    found = kinds.study(looked)
    draft = compose(found, path, folder)
    draft.unsure += problems(draft)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(draft.lines) + "\n", encoding="utf-8")
    return draft


def _apart(looked: list[columns.Table]) -> None:
    """Refuse two files of the same columns, of which a study would read one only."""
    for one, other in pairwise(sorted(looked, key=lambda t: sorted(t.columns))):
        if set(one.columns) == set(other.columns):
            raise StudyError(
                f"{one.source} and {other.source} have the same columns: name both by one pattern, "
                f"such as '*{Path(one.source).suffix}', to read them as one table"
            )


def problems(draft: Draft) -> list[str]:
    """Return what `seglib check` would say of a draft."""
    raw = load_yaml("\n".join(draft.lines))
    return study.problems(raw) + tables.problems(raw["tables"], draft.path)


def compose(found: list[Guess], path: Path, folder: Path) -> Draft:
    """Return a commented study.yaml of guessed tables.

    Parameters
    ----------
    found
        From `kinds.study`.
    path
        Where it will be.
    folder
        From which relative sources go out.
    """
    draft = Draft(path)
    name = path.parent.name
    draft.add(f"# Written by seglib new from {', '.join(g.table.source for g in found)}")
    draft.add("# Each comment says what the guess beside it is based on. Look at the lines with")
    draft.add(f"# CHECK, then: seglib check {name}; seglib run {name}")
    draft.add(f"title: {quoted(name.replace('_', ' ').capitalize())}")
    draft.check("say in your words what the segments are for; pages quote it")
    who = "respondent" if [g.kind for g in found] == ["survey"] else "customer"
    draft.add(f"objective: {OBJECTIVE.format(who=who)}")
    draft.add(f"customer: {who}", "what one is called")
    if written := next((g.currency for g in found if g.currency), ""):
        draft.add(f"currency: {quoted(written)}", "as the amounts are written, or a column says")
    else:
        draft.add("# currency: EUR", "how amounts are written: $, €, EUR …; without, plain numbers")
    draft.add()
    day = _dates(draft, found, folder)
    _started(found, day)
    draft.add(
        "# timezone: {stored: UTC, local: Europe/Berlin}",
        "if times are not those of the customers' clocks",
    )
    if any(
        roles.personal(g.table.columns[g.roles["customer"]])
        for g in found
        if g.kind == "transactions"
    ):
        draft.add("# privacy: {pseudonymise: SEGLIB_KEY}", "or keep: [the column]")
    draft.add()
    draft.add("tables:")
    for one in found:
        _table(draft, one, path, folder)
    draft.add()
    _segmentation(draft, found)
    draft.add()
    draft.add(
        "# economics: {margin: 0.3, cost_per_customer: 1.0}",
        "share of extra sales kept; cost of treating one customer for a quarter",
    )
    return draft


def _started(found: list[Guess], day: date) -> None:
    """Give arms in a table of customers, beside transactions, the day on which they began."""
    for one in found if any(g.kind == "transactions" for g in found) else ():
        if one.kind == "customers" and "arm" in one.roles and "start" not in one.keys:
            one.keys["start"] = day
            one.unsure.append(
                "no column says on which day customers were assigned to arms: correct start, and "
                "as_of if that is later"
            )


def _dates(draft: Draft, found: list[Guess], folder: Path) -> date:
    """Write as_of, and the holdout where there are transactions; return as_of."""
    main = next((g for g in found if g.kind == "transactions"), None)
    if main:
        return _cut(draft, main, _assigned(found))
    ends = [c for g in found for c in roles.times(g.table)]
    if ends:
        last = max(ends, key=lambda column: column.most)
        day, why = last.most.date() + timedelta(days=1), "the day after the last date in the data"
        if len(last.marks) > 1:
            draft.check(
                f"{last.name!r} reads two ways, {roles.ways(last)}: is the next line right?"
            )
    else:
        day, why = _newest(found, folder), "the day on which the file was changed"
        arms = any("arm" in g.roles for g in found)
        what = (
            "on which day customers were assigned to arms" if arms else "as of which day they are"
        )
        draft.check(f"the data hold no dates: say {what}")
    draft.add(f"as_of: {day}", why)
    return day


def _assigned(found: list[Guess]) -> date | None:
    """Return the first day on which customers were assigned to arms, None if nothing tells."""
    days = [g.keys["start"] for g in found if "start" in g.keys]
    listed = [g for g in found if g.kind == "campaigns" and g.keys.get("randomised")]
    days += [g.table.columns[g.roles["start"]].least.date() for g in listed]
    return min(days, default=None)


def _cut(draft: Draft, main: Guess, assigned: date | None) -> date:
    """Write as_of and the holdout so that the last quarter of the time judges the segments.

    Where customers were `assigned` to arms, with some time before and after, segments know nothing
    from that day on.
    """
    name = main.roles["time"]
    column = main.table.columns[name]
    first, last = column.least, column.most
    inner = main.table.bulk(name)
    span = (inner[1] - inner[0]).days + 1
    if (last - inner[1]).days > max(span / 2, 31) or (inner[0] - first).days > max(span / 2, 366):
        draft.check(
            f"{name!r} goes from {first:%Y-%m-%d} to {last:%Y-%m-%d}, but nearly all of it lies "
            f"from {inner[0]:%Y-%m-%d} to {inner[1]:%Y-%m-%d}: are the rest mistakes?"
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
    draft.add(
        f"holdout: {held} days",
        f"… and these days judge the segments; the data end {last:%Y-%m-%d}",
    )
    return cut


def _newest(found: list[Guess], folder: Path) -> date:
    paths = [p for g in found for p in files(g.table.source, folder)]
    stamps = [os.path.getmtime(p) for p in paths]
    return datetime.fromtimestamp(max(stamps)).date() if stamps else date.today()


def _table(draft: Draft, one: Guess, path: Path, folder: Path) -> None:
    draft.add(f"  {one.kind}:", f"{one.table.rows:,} rows; {KINDS[one.kind]}")
    for sentence in one.unsure:
        draft.check(sentence, 4)
    draft.add(f"    source: {quoted(_where(one.table.source, path, folder))}")
    _format(draft, one)
    lookup: dict = {}
    for source, key in reversed(one.lookups):
        inner = {"lookup": lookup} if lookup else {}
        lookup = {"source": _where(source, path, folder), "key": key} | inner
    if lookup:
        draft.add(f"    lookup: {quoted(lookup)}", "adds whose order it is, and when")
    for key, given in one.keys.items():
        draft.add(f"    {key}: {quoted(given)}")
    draft.add("    columns:")
    for role, column in one.roles.items():
        draft.add(f"      {role}: {quoted(column)}", one.why[role])
    if one.returned:
        draft.add(f"    returned: {quoted(one.returned)}", "no orders, and without money")
    _blocks(draft, one)
    if one.left:
        draft.add("    # left out:")
    for name, why in one.left.items():
        draft.add(f"    #   {one_line(name)}: {one_line(why)}")


def _blocks(draft: Draft, one: Guess) -> None:
    """Write what describes customers, and what happened afterwards."""
    for block, abouts in (("attributes", one.attributes), ("outcomes", one.outcomes)):
        if abouts:
            draft.add(f"    {block}:")
        for name, about in abouts.items():
            known = {k: about[k] for k in WRITTEN if about.get(k)}
            draft.add(f"      {quoted(name)}:", about["why"])
            draft.add(f"        {quoted(known)}")


KINDS = {
    "transactions": "several a customer, each with a time: orders or events",
    "customers": "one a customer",
    "survey": "one a respondent; answers",
    "products": "one a product; a key of the transactions",
    "campaigns": "who was addressed, and when",
    "responses": "who responded",
}


def _format(draft: Draft, one: Guess) -> None:
    """Write how letters, dates and decimals are written, as a question where nothing tells."""
    used = [one.table.columns[c] for c in (*one.taken, *one.attributes) if c in one.table.columns]
    known: dict[str, Any] = _encoding(draft, one)
    for kind, key in (("time", "date"), ("number", "decimal")):
        written = [c for c in used if c.kind == kind and c.marks]
        marks, counted = {c.marks for c in written}, any(c.counted for c in written)
        either = [c for c in written if len(c.marks) > 1]
        plain = {"date": {("YMD",), (reading.NAMED,)}, "decimal": {(".",)}}[key]  # need no word
        if either and len(marks) == 1:
            shown = next(iter(either[0].values or {}), "")
            draft.check(
                f"{either[0].name!r} holds {shown!r} and the like, which reads two ways: "
                f"say {key}: {roles.ways(either[0])} in a line as the next",
                4,
            )
            draft.add(f"    # format: {{{key}: {quoted(roles.written(either[0].marks[0]))}}}")
        elif len(marks) == 1 and (marks - plain or counted):
            mark = next(iter(marks))[0]
            known[key] = "YYYYMMDD" if counted and mark == "YMD" else roles.written(mark)
    levels = {level for about in one.attributes.values() for level in about.get("levels", ())}
    if missing := {*one.table.opened.given.missing, *(one.silent - levels)}:
        known["missing"] = sorted(missing)
    if known:
        told = {k: COUNTS if str(known[k]) in COUNTED else TOLD[k] for k in known}
        draft.add(f"    format: {quoted(known)}", "; ".join(told.values()))


def _encoding(draft: Draft, one: Guess) -> dict[str, Any]:
    """Return the encoding of text that is not Unicode; which it is, is asked in any case."""
    encodings = one.table.opened.encodings
    if not encodings:
        return {}
    encoding, letters = next(iter(encodings.items()))
    key = f"format: {{encoding: {encoding}}}"
    sure = f"{one.table.source} is not UTF-8 and reads as {letters!r} by {key}: is that right?"
    draft.check(text.question(one.table.source, encodings) or sure, 4)
    if len(encodings) == 1:
        return {"encoding": encoding}
    draft.add(f"    # {key}")
    return {}


def _segmentation(draft: Draft, found: list[Guess]) -> None:
    have = {g.kind: g for g in found}
    bases = {about["base"] for g in found for about in g.attributes.values()}
    forming = [base for base in FORMING if base in bases][:1]
    why = "answers" if forming == ["psychographic"] else "what is known of everyone"
    if main := have.get("transactions"):
        forming, why = ["behavioural"], "how they buy or use it"
        groups = "products" in have and "group" in have["products"].roles
        if groups and {"amount", "price"} & set(main.roles) and "product" in main.roles:
            forming, why = ["behavioural", "needs"], "how they buy, and which groups of products"
    describing = [base for base in FORMING if base in bases and base not in forming]
    if not forming:
        draft.check("no column describes the customers: nothing can form segments")
        return
    draft.add("segmentation:")
    draft.add(f"  bases: {quoted(forming)}", f"these form the segments: {why}")
    draft.add(f"  describe_with: {quoted(describing)}", "these only describe them")


def _where(source: str, path: Path, folder: Path) -> str:
    """Return a source as study.yaml names it: below its folder if it is there, else in full."""
    if source.startswith(("package:", "${")):
        return source
    given = Path(os.path.normpath(folder / os.path.expanduser(source)))
    return str(given.relative_to(path.parent) if given.is_relative_to(path.parent) else given)


def _called(source: str) -> str:
    """Return the name of a study of a source: that of its file or table."""
    where, part = split(source)
    stem = Path(where).stem
    return _slug(part.rpartition(".")[2] if where.startswith("${") else part or stem)


def _slug(text: str) -> str:
    words = re.findall(r"\w+", text.lower())
    if not words:
        raise StudyError(f"{text!r} is no name of a study: expected letters, such as --name shop")
    return "_".join(words)


@dataclass
class Draft:
    """A study.yaml that is being written.

    Attributes
    ----------
    path
        Where it goes.
    lines
        What it holds.
    unsure
        What its reader should look at, in sentences.
    """

    path: Path
    lines: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def add(self, line: str = "", why: str = "") -> None:
        """Add a line of YAML with its reason as a comment."""
        self.lines.append(f"{line:<44}  # {one_line(why)}" if why else line)

    def check(self, sentence: str, indent: int = 0) -> None:
        """Add a doubt to the YAML and to what the terminal says."""
        self.unsure.append(one_line(sentence))
        self.lines.append(f"{' ' * indent}# CHECK: {one_line(sentence)}")


def quoted(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, dict) and "levels" in value:
        points = [int(v) if re.fullmatch(r"\d|[1-9]\d+", v) else v for v in value["levels"]]
        value = value | {"levels": points}
    text = yaml.safe_dump(
        [value], default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False
    )
    return text.strip()[1:-1]


def one_line(text: str) -> str:
    """Return text without line breaks and signs that cannot be seen."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
