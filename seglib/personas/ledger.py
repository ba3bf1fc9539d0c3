"""Every claim of the page beyond the personas, and the check that files and tables agree."""

from __future__ import annotations

from seglib.files import Run, plain
from seglib.personas import persona, picking, playbook
from seglib.personas.assortment import Assortment, assortment, crossed, gaps
from seglib.personas.called import names
from seglib.personas.claims import complete, state, verify
from seglib.personas.grounds import Evidence
from seglib.personas.sentences import AFFINITY, MEANINGS, RANGE, TARGETING, TESTS
from seglib.study import StudyError

SAY_GAP = 2  # products a segment that are worth a sentence where it buys less than its neighbour
MEANT = 2  # possibilities that are named for a product segment


def claims(ev: Evidence) -> list[dict]:
    """Return the claims about targeting, tests, affinities and product segments.

    Parameters
    ----------
    ev : Evidence

    Returns
    -------
    list of dict
        As in claims.json; ids begin with t (targeting), x (tests), a (affinity), g (gaps) and
        p (product segments).
    """
    several = len(ev.segments) > 1
    found = [
        *_numbered("t", ev, ((s, f, f.column, "") for f in TARGETING for s in ev.shown if several)),
        *_numbered("x", ev, ((s, f, f.column, metric) for s in ev.shown
                             for metric in ("spend", "active")
                             if playbook.testable(ev, s, metric) for f in TESTS)),
        *_numbered("a", ev, _groups(ev)), *_numbered("g", ev, _gaps(ev)),
    ]  # fmt: skip
    goods = ev.once(assortment)
    return found + (_numbered("p", goods, _range(goods)) if goods else [])


def _numbered(letter: str, ev: Evidence, rows) -> list[dict]:
    """Return the claims that can be stated, numbered within their segment."""
    found, last = [], {}
    for segment, fact, column, level in rows:
        claim = state(ev, fact, segment, column, level)
        if claim:
            last[segment] = last.get(segment, 0) + 1
            name = f"{letter}-{segment}-{last[segment]:02d}"
            found.append(claim | {"id": name, "sections": [fact.section], "strength": 0.0})
    return found


def _groups(ev: Evidence):
    """Yield the affinities beyond chance, with the fact that states them."""
    rows = ev.once(crossed)
    for segment, group, chosen, ratio in rows[["segment", "group", "selected", "index"]].to_numpy():
        if chosen and group != "other":
            yield int(segment), AFFINITY[0 if ratio > 1 else 1], group, ""


def _gaps(ev: Evidence):
    """Yield what most of the segment most like it buy, and the segment spends less on."""
    rows, size = ev.once(gaps), ev.labels.value_counts()
    if len(rows):
        bought = rows["others"] >= picking.SAY_BUYERS * rows["like"].map(size)
        rows = rows[bought & ~rows["product"].astype(str).isin(ev.leftover_products)]
    for row in rows.groupby("segment").head(SAY_GAP).itertuples():
        yield int(row.segment), AFFINITY[2], str(row.product), ""


def _range(goods: Assortment):
    """Yield what is told of every product segment, then what sets it apart."""
    rows = goods.markers
    for segment in goods.shown:
        yield from ((segment, fact, fact.column, "") for fact in RANGE if not fact.direction)
        apart = rows[(rows["segment"] == segment) & (rows["effect"].abs() >= picking.SAY)]
        for row in apart.itertuples():
            direction = "higher" if row.effect > 0 else "lower"
            fitting = [f for f in RANGE if (f.column, f.direction) == (row.name, direction)]
            yield from ((segment, fact, row.name, "") for fact in fitting)


def assorted(ev: Evidence, found: list[dict]) -> list[dict]:
    """Return for each product segment its claims, who leans to it, and what it may mean.

    Returns
    -------
    list of dict
        segment, name, claims (ids), lean (ids of the affinities of customer segments to it),
        meanings (text and the ids it rests on); empty without product segments.
    """
    goods, rows = ev.once(assortment), []
    for segment, name in goods.names.items() if goods else ():
        own = [c for c in found if c["of"] == "products" and c["segment"] == segment]
        rules = {c["rule"]: c["id"] for c in own}
        rows.append({
            "segment": segment, "name": name, "claims": [c["id"] for c in own],
            "lean": [c["id"] for c in found if c["sections"] == ["affinity"]
                     and c["source"]["column"] == name],
            "meanings": [{"text": m.text, "evidence": [rules[r] for r in m.when]}
                         for m in MEANINGS if set(m.when) <= set(rules)][:MEANT],
        })  # fmt: skip
    return rows


def build(ev: Evidence, found: list[dict]) -> dict:
    """Return playbook.json: levers, tests, targeting, and what product segments may mean."""
    return playbook.build(ev, found, names(ev)) | {"range": assorted(ev, found)}


def check(run: Run) -> int:
    """Recompute every claim, and everything that personas and playbook say, from the tables.

    Parameters
    ----------
    run : Run
        Its claims.json, personas.json and playbook.json are read.

    Returns
    -------
    int
        How many claims hold.

    Raises
    ------
    StudyError
        Naming the first claim, or the first entry of a file, that the tables do not give.
    """
    found, people, book = (run.read(f"{n}.json") for n in ("claims", "personas", "playbook"))
    ev = Evidence(run)
    held = verify(found, ev)
    complete(people, book, found)
    for name, said, again in (
        ("personas.json", people, persona.personas(ev, found)),
        ("playbook.json", book, build(ev, found)),
    ):
        if place := differs(said, plain(again)):
            raise StudyError(
                f"{name} does not hold: {place}; run 04_persona_definition again on the tables as "
                "they are"
            )
    return held


def differs(said, again, place: str = "") -> str:
    """Return where two contents differ first, and how; empty if they do not."""
    if isinstance(said, dict) and isinstance(again, dict) and said.keys() == again.keys():
        return next(filter(None, (differs(said[k], again[k], f"{place}.{k}") for k in said)), "")
    if isinstance(said, list) and isinstance(again, list) and len(said) == len(again):
        parts = (
            differs(a, b, f"{place}[{i}]") for i, (a, b) in enumerate(zip(said, again, strict=True))
        )
        return next(filter(None, parts), "")
    return "" if said == again else f"{place.lstrip('.')} is {said!r}, the tables give {again!r}"
