"""A persona as a card: readable at a glance, each sentence opening on its evidence."""

from __future__ import annotations

from IPython.display import display

from seglib.persona.persona import common, sections
from seglib.report.exhibits import environment


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
    return environment().get_template("persona.html.j2").render(
        person=person, colour=colour, members=members, sections=sections(person, found),
        summary=[claims[i] for i in person["summary"]],
        rule=[claims[i] for i in person["facts"].get("rule", [])],
        levers=[row for row in levers if row["segment"] == person["segment"]],
        unknown=[gap for gap in person["unknown"] if gap["topic"] not in asked],
    )  # fmt: skip


def show(people: list[dict], found: list[dict], colours: dict[int, str], levers, members) -> None:
    """Display the card of every persona; parameters as of `html`."""
    asked = common(people)
    for person in people:
        card = html(person, found, colours[person["segment"]], levers, members, asked)
        display({"text/html": card, "text/plain": person["name"]}, raw=True)
