"""Claims for readers: personas and product segments as cards, lists of claims, on the page."""

from __future__ import annotations

from pathlib import Path

from IPython.display import display
from markupsafe import Markup

from seglib import wording
from seglib.files import Run
from seglib.personas.personas import common, opening, sections
from seglib.plots import colours
from seglib.report import report
from seglib.report.exhibits import environment, missing


def html(
    person: dict, found: list[dict], colour: str, levers=(), members: int = 10, asked=()
) -> str:
    """Return a persona's card as HTML.

    Parameters
    ----------
    person : dict
        One of personas.json.
    found : list of dict
        The claims.
    colour : str
        Of the segment, such as #0b5fa5.
    levers : list of dict
        The playbook's rows; those of other segments are passed over.
    members : int
        How many customers the typical one averages.
    asked : list of str
        Topics of open questions that stand elsewhere, because they concern everyone.
    """
    claims = {c["id"]: c for c in found}
    return _filled(
        "persona", person=person, colour=colour, members=members, sections=sections(person, found),
        opening=opening(person, found),
        typical=[claims[i] for i in person["typical"]],
        rule=[claims[i] for i in person["facts"].get("rule", [])],
        levers=[row for row in levers if row["segment"] == person["segment"]],
        unknown=[gap for gap in person["unknown"] if gap["topic"] not in asked],
    )  # fmt: skip


def show(people: list[dict], found: list[dict], colours: dict[int, str], levers, members) -> None:
    """Display the card of every persona; parameters as of `html`."""
    asked = common(people)
    for person in people:
        card = html(person, found, colours[person["segment"]], levers, members, asked)
        _display(card, person["name"])


def facts(
    found: list[dict], section: str, names: dict[int, str] | None = None, title="", absent=""
) -> None:
    """Display the claims of a section as a list.

    Parameters
    ----------
    found : list of dict
        The claims.
    section : str
        Of the claims to show.
    names : dict, optional
        Segment → name, to stand before each sentence.
    title : str
        What stands on the line that unfolds the list; empty for an open list.
    absent : str
        Why there are none, displayed in their stead.
    """
    own = [c for c in found if section in c["sections"]]
    rows = [((names or {}).get(c["segment"], ""), c) for c in own]
    if rows:
        _display(_filled("claims", rows=rows, title=title), title or own[0]["sentence"])
    elif absent:
        missing(absent)


def assortment(rows: list[dict], found: list[dict], absent: str = "") -> None:
    """Display the card of every product segment.

    Parameters
    ----------
    rows : list of dict
        The `range` of playbook.json.
    found : list of dict
        The claims.
    absent : str
        Why there are none, displayed in their stead.
    """
    claims = {c["id"]: c for c in found}
    if absent and not rows:
        missing(absent)
    for row in rows:
        told = [m | {"because": [claims[i] for i in m["evidence"]]} for m in row["meanings"]]
        own, lean = ([claims[i] for i in row[key]] for key in ("claims", "lean"))
        page = _filled("range", row=row | {"meanings": told}, own=own, lean=lean)
        _display(page, row["name"])


def handout(run: Run, manifest: dict, folder: Path) -> Path | None:
    """Write personas.html, the personas alone for printing; None before 04 has run.

    Parameters
    ----------
    run : Run
        Its personas.json, claims.json and playbook.json are read.
    manifest : dict
        Of the run, for the footer.
    folder : Path
        Where the page goes.
    """
    if not (run.has("personas.json") and run.has("claims.json")):
        return None
    people, found, book = (run.read(f"{n}.json") for n in ("personas", "claims", "playbook"))
    shades = colours(p["segment"] for p in people)
    first = {row["segment"]: row["action"] for row in reversed(book["levers"])}
    asked, members = common(people), max(run.study.minimum_cell, 5)
    told = [gap for gap in people[0]["unknown"] if gap["topic"] in asked] if people else []
    made = [html(p, found, shades[p["segment"]], book["levers"], members, asked) for p in people]
    path = folder / "personas.html"
    page = report.render(
        "handout.html.j2", title=run.study.title, manifest=manifest, who=f"{run.study.customer}s",
        headline=run.read("verdict.json").get("headline"), colours=shades, asked=told,
        overview=[(p, first.get(p["segment"])) for p in people], cards=[Markup(m) for m in made],
        read=wording.plain("04_persona_definition", "read"),
        footer=report.provenance(manifest, "04_persona_definition"),
        snapshot=run.study.snapshot,
        valued=any(p["revenue_share"] is not None for p in people),
    )  # fmt: skip
    path.write_text(page, encoding="utf-8")
    return path


def _filled(template: str, **values) -> str:
    return environment().get_template(f"{template}.html.j2").render(**values)


def _display(card: str, text: str) -> None:
    display({"text/html": card, "text/plain": text}, raw=True)
