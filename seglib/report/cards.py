"""Claims for readers: personas and product segments as cards with pictures, lists of claims."""

from __future__ import annotations

from pathlib import Path

from IPython.display import display
from markupsafe import Markup

from seglib import wording
from seglib.measuring import outcomes
from seglib.personas.personas import ALWAYS, common, heading_of, opening, sections
from seglib.personas.targeting import answerable
from seglib.personas.words import LEVERS
from seglib.personas.words import VOCABULARY as WORDS
from seglib.plots import colours
from seglib.report import markup
from seglib.report.exhibits import by_month, days, environment, missing
from seglib.runs import Run

# How many figures a card begins with, and how many cautions it gives beside the last.
TILES, AVOID = 5, 2


def html(person: dict, claims: list[dict], colour: str, levers=(), elsewhere=(), **about) -> str:
    """Return a persona's card as HTML.

    `elsewhere` are topics of questions that stand there, because they concern everyone; `about` may
    have `drawn` (months, and what their line needs), `who` (customers) and `names`.
    """
    begins = opening(person, claims)
    size = [c for heading, own in begins if not heading for c in own if c["rule"] in ALWAYS]
    first = [(heading, [c for c in own if c not in size]) for heading, own in begins]
    portrait = next((own[:1] for _, own in first if own), [])
    first = [(heading, [c for c in own if c not in portrait]) for heading, own in first]
    parts = _parts(person, claims, elsewhere)
    own = [row for row in levers if row["segment"] == person["segment"]]
    best = ([row for row in own if answerable(row)] or own)[:1]
    tests = tested(claims, best)
    rules = {c["rule"] for c in claims if c["segment"] == person["segment"]}
    avoid = [row["say"] for row in LEVERS["avoid"] if rules & {*row["when"]} or not row["when"]]
    told = [size, portrait, *(rows for _, rows in first), *(part["rows"] for part in parts)]
    cited = list({c["id"]: c for rows in [*told, tests] for c in rows}.values())
    return _filled(
        "persona",
        person=person,
        colour=colour,
        size={c["rule"]: c for c in size},
        portrait=portrait,
        parts=parts,
        opening=[(heading, rows) for heading, rows in first if rows],
        tiles=person.get("tiles", [])[: TILES - len(size)],
        levers=own,
        first=best[0] | {"test": answerable(best[0])} if best else None,
        tests=tests,
        avoid=[*avoid[:-1][:AVOID], avoid[-1]],
        cited=cited,
        notes={c["id"]: number for number, c in enumerate(cited, 1)},
        **{"who": "customers", "names": {}, "drawn": {}} | about,
    )


def every(run: Run, people: list[dict], claims: list[dict], levers, pictures: dict) -> list[str]:
    """Return the card of every persona; parameters as of `html`, pictures by segment."""
    names = {person["segment"]: person["name"] for person in people}
    about = {"who": f"{run.study.customer}s", "names": names, "elsewhere": common(people)}
    shades, by_segment = colours(names), {person["segment"]: person for person in people}
    return [
        html(person, claims, shades[s], levers, drawn=pictures.get(s) or {}, **about)
        for s, person in by_segment.items()
    ]


def tested(claims: list[dict], levers) -> list[dict]:
    """Return the claims on the tests that some levers call for."""
    tests = [(row["segment"], row.get(key)) for row in levers for key in ("experiment", "other")]
    wanted = {(segment, test["metric"]) for segment, test in tests if test}
    return [c for c in claims if (c["segment"], c["statistic"].rpartition(": ")[0]) in wanted]


def _parts(person: dict, claims: list[dict], elsewhere) -> list[dict]:
    told, gaps = dict(sections(person, claims)), {gap["topic"]: gap for gap in person["unknown"]}
    parts = []
    for part in WORDS["parts"]:
        heading = heading_of(part, person)
        gap = next((gaps.pop(topic) for topic in part["topics"] if topic in gaps), {})
        rows = told.pop(heading, [])
        ask = gap.get("questions", [])[:1] or [] if rows or gap else part["ask"]
        parts.append({"heading": heading, "rows": rows, "ask": ask, "why": gap.get("why", "")})
    parts += [{"heading": heading, "rows": rows} for heading, rows in told.items()]
    parts += [
        {"heading": topic.capitalize(), "rows": [], "ask": gap["questions"], "why": gap["why"]}
        for topic, gap in gaps.items()
        if topic not in elsewhere
    ]
    return parts


def show(people: list[dict], claims: list[dict], levers, run: Run) -> None:
    """Display the card of every persona; parameters as of `every`."""
    members, minimum = run.read("segments.parquet")[["segment"]], run.study.minimum_cell
    kpis = outcomes.by_month(members, run, minimum=minimum, seed=run.seed, draws=2)
    pictures = _drawn(run, {"kpis": outcomes.records(kpis)})
    for person, card in zip(people, every(run, people, claims, levers, pictures), strict=True):
        _display(card, person["name"])


def _drawn(run: Run, measures: dict) -> dict[int, dict]:
    """Return what draws the months of each segment of which orders or spend are known by month."""
    about = {"study": run.study, "as_of": str(run.as_of), "days": days(measures)}
    months = by_month(measures.get("kpis", []))
    return {segment: about | {"months": own} for segment, own in months.items()}


def facts(
    claims: list[dict], section: str, names: dict[int, str] | None = None, title="", absent=""
) -> None:
    """Display the claims of a section as a list.

    Parameters
    ----------
    claims, section
        The claims, and the section of those to show.
    names
        Segment → name, to stand before each sentence.
    title, absent
        The line that unfolds the list (empty: it is open); why there are no such claims.
    """
    own = [c for c in claims if section in c["sections"]]
    rows = [((names or {}).get(c["segment"], ""), c) for c in own]
    if rows:
        _display(_filled("claims", rows=rows, title=title), title or own[0]["sentence"])
    elif absent:
        missing(absent)


def assortment(rows: list[dict], claims: list[dict], absent: str = "") -> None:
    """Display the card of every product segment: the `range` of playbook.json, or why none."""
    by_id = {c["id"]: c for c in claims}
    if absent and not rows:
        missing(absent)
    for row in rows:
        told = [m | {"because": [by_id[i] for i in m["evidence"]]} for m in row["meanings"]]
        own, lean = ([by_id[i] for i in row[key]] for key in ("claims", "lean"))
        page = _filled("range", row=row | {"meanings": told}, own=own, lean=lean)
        _display(page, row["name"])


def handout(run: Run, manifest: dict, folder: Path) -> Path | None:
    """Write personas.html, the personas alone for printing; None before 04 has run."""
    from seglib.report.pages import provenance, render  # noqa: PLC0415 - kernels do without

    if not (run.has("personas.json") and run.has("claims.json")):
        return None
    people, claims, book = (run.read(f"{n}.json") for n in ("personas", "claims", "playbook"))
    first = {r["segment"]: r["action"] for r in reversed(book["levers"]) if answerable(r)}
    waiting = {row["segment"] for row in book["levers"]} - set(first)
    open_ = set(common(people)) - {topic for part in WORDS["parts"] for topic in part["topics"]}
    measures = run.read("measures.json") if run.has("measures.json") else {}
    drawn = _drawn(run, measures)
    made = every(run, people, claims, book["levers"], drawn)
    dated = "some" if drawn else "none"
    page = render(
        "handout.html.j2",
        study=run.study,
        manifest=manifest,
        who=f"{run.study.customer}s",
        headline=run.read("verdict.json").get("headline"),
        colours=colours(p["segment"] for p in people),
        asked=[gap for gap in people[0]["unknown"] if gap["topic"] in open_],
        first=first,
        waiting=waiting,
        people=people,
        cards=map(Markup, made),
        read=wording.plain("04_persona_definition", "read", months=dated),
        footer=provenance(manifest, "04_persona_definition"),
    )
    path = folder / "personas.html"
    path.write_text(markup.glossed(page), encoding="utf-8")
    return path


def _filled(template: str, **values) -> str:
    return environment().get_template(f"{template}.html.j2").render(**values)


def _display(card: str, text: str) -> None:
    display({"text/html": card, "text/plain": text}, raw=True)
