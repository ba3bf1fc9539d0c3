"""Claims for readers: personas and product segments as cards with pictures, lists of claims."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd
from IPython.display import display
from markupsafe import Markup

from seglib import stats, wording
from seglib.measuring import outcomes
from seglib.personas.personas import ALWAYS, common, heading_of, opening, sections
from seglib.personas.playbook import answerable
from seglib.personas.profile import WORDS, level_label
from seglib.plots import colours
from seglib.report import markup
from seglib.report.exhibits import environment, missing
from seglib.report.pages import provenance, render
from seglib.runs import Run

LEVERS = wording.table("levers")
# How many figures a card begins with, and how many cautions it gives beside the last.
TILES, AVOID = 5, 2


def html(person: dict, claims: list[dict], colour: str, levers=(), elsewhere=(), **about) -> str:
    """Return a persona's card as HTML.

    `elsewhere` are topics of questions that stand there, because they concern everyone; `about` may
    have `drawn` (what `portraits` returns of the segment), `who` (customers) and `names`.
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
        tiles=(about.get("drawn") or {}).get("tiles", [])[: TILES - len(size)],
        levers=own,
        first=best[0] | {"test": answerable(best[0])} if best else None,
        tests=tests,
        avoid=_avoid(person, claims),
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


def _avoid(person: dict, claims: list[dict]) -> list[str]:
    rules = {c["rule"] for c in claims if c["segment"] == person["segment"]}
    rows = [row["say"] for row in LEVERS["avoid"] if rules & set(row["when"]) or not row["when"]]
    return [*rows[:-1][:AVOID], rows[-1]]


def show(people: list[dict], claims: list[dict], levers, run: Run) -> None:
    """Display the card of every persona; parameters as of `every`."""
    members, minimum = run.read("segments.parquet")[["segment"]], run.study.minimum_cell
    kpis = outcomes.by_month(members, run, minimum=minimum, seed=run.seed, draws=2)
    pictures = _drawn(run, people, {"kpis": outcomes.records(kpis)})
    for person, card in zip(people, every(run, people, claims, levers, pictures), strict=True):
        _display(card, person["name"])


def _drawn(run: Run, people: list[dict], measures: dict) -> dict[int, dict]:
    """Return what draws each segment, with its months where orders or spend are known by month."""
    dictionary, minimum = run.read("dictionary.json"), run.study.minimum_cell
    drawn = portraits(run.folder, dictionary, minimum, people)
    about = {"study": run.study, "as_of": str(run.as_of), "days": days(measures)}
    months = by_month(measures.get("kpis", []))
    return {s: own | about | {"months": months.get(s)} for s, own in drawn.items()}


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
    if not (run.has("personas.json") and run.has("claims.json")):
        return None
    people, claims, book = (run.read(f"{n}.json") for n in ("personas", "claims", "playbook"))
    first = {r["segment"]: r["action"] for r in reversed(book["levers"]) if answerable(r)}
    waiting = {row["segment"] for row in book["levers"]} - set(first)
    open_ = set(common(people)) - {topic for part in WORDS["parts"] for topic in part["topics"]}
    measures = run.read("measures.json") if run.has("measures.json") else {}
    drawn = _drawn(run, people, measures)
    made = every(run, people, claims, book["levers"], drawn)
    dated = "some" if any(own["months"] for own in drawn.values()) else "none"
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


# --- pictures of a segment, from the files of a run -----------------------------------------------

# How many measures a fingerprint shows, and the rank correlation above which one says it all.
MEASURES, COLLINEAR = 6, 0.8
PARTS = "value", "low", "high"


def portraits(folder: Path, dictionary: dict, minimum: int, people=()) -> dict[int, dict]:
    """Return of each segment its `fingerprint` and its `tiles`, from the files of a run.

    A row of a fingerprint: the chance that a member has more than one of the others, minus the
    chance of less, from -1 to 1, with its 95% interval. A tile: a median or share (`what`) inside
    and among others, as text. The segments were made of these columns, so this tests nothing.
    What the names of `people`, the personas, are made of comes first.
    """
    paths = folder / "customers.parquet", folder / "segments.parquet"
    if not all(path.is_file() for path in paths):
        return {}
    segment = pd.read_parquet(paths[1])["segment"].astype(int)
    customers = pd.read_parquet(paths[0]).loc[segment.index]
    entries = [row for row in dictionary.get("customers", []) if row["name"] in customers]
    frame, writers, labels = _measures(customers, entries)
    sizes = segment.value_counts().sort_index()
    groups = sizes.index[(sizes >= minimum) & (len(sizes) > 1)]
    frame = frame[[name for name in frame if _countable(frame[name], segment, groups, minimum)]]
    effects = {
        (name, s): stats.superiority(frame.loc[segment == s, name], frame.loc[segment != s, name])
        for name in frame
        for s in groups
    }
    named = {p["segment"]: _named(p, labels, frame) for p in people}
    shared, result = (
        _strongest(frame, effects, groups, {n for own in named.values() for n in own}),
        {},
    )
    for s in groups:
        own = [name for name in shared if name in named.get(s, [])]
        wanted = (own + [name for name in shared if name not in own])[: max(MEASURES, len(own))]
        rows = {name: effects[name, s] for name in shared if name in wanted}
        result[int(s)] = {
            "fingerprint": [
                {"label": name} | {part: round(2 * getattr(e, part) - 1, 2) for part in PARTS}
                for name, e in rows.items()
            ],
            "tiles": _tiles(frame, writers, segment == s, rows),
        }
    return result


def _named(person: dict, labels: dict, frame: pd.DataFrame) -> list[str]:
    sources = [(row["column"], row["level"]) for row in person.get("named_for", ())]
    found = (labels.get(key, labels.get((key[0], ""))) for key in sources)
    return [label for label in found if label in frame]


def _tiles(frame: pd.DataFrame, writers: dict, inside: pd.Series, effects: dict) -> list[dict]:
    """Return the middle of measures inside and outside, where they differ and read differently.

    Those that differ most come first.
    """
    clear = [name for name, e in effects.items() if not e.low <= 0.5 <= e.high]
    rows = []
    for name in sorted(clear, key=lambda name: -abs(effects[name].value - 0.5)):
        what, write = writers[name]
        own, others = (write(frame.loc[part, name]) for part in (inside, ~inside))
        if own != others:
            rows.append({"label": name, "what": what, "value": own, "others": others})
    return rows


def _strongest(frame: pd.DataFrame, effects: dict, groups: pd.Index, named: set[str]) -> list[str]:
    """Return the measures of names, and up to `MEASURES` that differ most and say something else.

    Those that differ most come first.
    """
    largest = {n: max((abs(effects[n, s].value - 0.5) for s in groups), default=0) for n in frame}
    largest = pd.Series(largest, dtype=float).dropna().sort_values(ascending=False, kind="stable")
    alike = frame[largest.index].corr("spearman").abs()
    chosen = [name for name in largest.index if name in named]
    for name in largest.index.difference(chosen, sort=False):
        if len(chosen) < MEASURES and not (alike.loc[name, chosen] > COLLINEAR).any():
            chosen.append(name)
    return [name for name in largest.index if name in chosen]


def _measures(customers: pd.DataFrame, entries: list[dict]) -> tuple[pd.DataFrame, dict, dict]:
    """Return what can be more or less, by label; what sums it up and writes it; labels by column.

    Numbers are as they are, ordered levels their places, other levels 0 and 1. The labels are by
    column and level; that of a whole column, or of the one level that stands for it, is under "".
    """
    columns, writers, labels = {}, {}, {}
    for row in entries:
        values, label = customers[row["name"]], row["label"]
        labels[row["name"], ""] = label
        if isinstance(values.dtype, pd.CategoricalDtype) and values.dtype.ordered:
            columns[label] = values.cat.codes.where(values.notna()).astype(float)
            levels = list(values.cat.categories)
            writers[label] = "median", lambda v, at=levels: wording.of_level(v.median(), at)
        elif pd.api.types.is_numeric_dtype(values):
            unit = row.get("unit", "")
            columns[label] = values.astype(float)
            writers[label] = "median", lambda v, unit=unit: wording.amount(v.median(), unit)
        else:
            levels = sorted(values.dropna().unique(), key=str)
            for level in levels[-1:] if len(levels) == 2 else levels:
                name = level_label({"base": ""} | row, level, values)
                columns[name] = values.eq(level).where(values.notna()).astype(float)
                writers[name] = "share of them", lambda v: wording.amount(v.mean(), "share")
                labels[row["name"], str(level)] = labels[row["name"], ""] = name
    return pd.DataFrame(columns, customers.index), writers, labels


def _countable(values: pd.Series, segment: pd.Series, groups: pd.Index, minimum: int) -> bool:
    """Return whether a measure is known of enough, and tells of no small group as a share."""
    counts = values.groupby(segment).count()
    if counts[counts.index.isin(groups)].min() < minimum:
        return False
    if not values.dropna().isin([0, 1]).all():
        return True
    cells = pd.crosstab(segment, values)
    return not ((cells > 0) & (cells < minimum)).any(axis=None)


def by_month(kpis: list[dict]) -> dict[int, dict]:
    """Return each segment's months of spend, or share active, and the periods before and after."""
    spent = [row for row in kpis if row["metric"] == "spend" and row["value"] is not None]
    metric = "spend" if spent else "active"
    result: dict[int, dict] = {}
    for row in sorted(kpis, key=lambda row: str(row["period"])):
        if row["metric"] == metric:
            own = result.setdefault(row["segment"], {"metric": metric, "points": []})
            if row["period"] in {"before", "after"}:
                own[row["period"]] = row["value"]
            else:
                counts = row["value"] is not None
                own["points"].append((row["period"], {"value": row["value"]} if counts else {}))
    drawable = (s for s, own in result.items() if sum(bool(v) for _, v in own["points"]) > 2)
    return {s: result[s] for s in drawable}


def days(measures: Mapping | None) -> int:
    """Return how many days the measures of a run are counted over; 0 where nothing follows."""
    if not (measures or {}).get("until"):
        return 0
    until, start = (date.fromisoformat(str(measures[key])[:10]) for key in ("until", "as_of"))
    return (until - start).days
