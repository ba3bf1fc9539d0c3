"""Plain, distinct names for segments, made from what sets them apart."""

from __future__ import annotations

import json
from itertools import product

import pandas as pd

from seglib.files import Run
from seglib.persona.phrases import NAMES, Trait
from seglib.profile import profile
from seglib.profile.columns import NO, YES, label

CLEAR = 0.25  # |effect| from which a marker may stand in a name: "medium" (Cohen's d of 0.5)


def names(
    markers: pd.DataFrame,
    noun: str = "customers",
    given: dict[int, str] | None = None,
    earlier: dict[int, str] | None = None,
) -> dict[int, str]:
    """Return a name for each segment, no two the same.

    A name of an earlier run is kept for as long as every word of it is still true: what it says the
    segment has more, or less, of differs that way beyond chance, be it by less than it did.

    Parameters
    ----------
    markers : DataFrame
        As from `profile.markers`, of the columns that formed the segments.
    noun : str
        What the members are called.
    given : dict, optional
        Segment → name already chosen, such as by the analyst; these win.
    earlier : dict, optional
        Segment → name that a rule gave to the same people in an earlier run.

    Returns
    -------
    dict
        Segment → name such as "Frequent shoppers with large baskets".
    """
    found = {int(s): str(name) for s, name in (given or {}).items()}
    segments = sorted({int(s) for s in markers["segment"].unique()} | set(found))
    if len(segments) == 1:
        return {segments[0]: f"All {noun}"}
    for segment in segments:
        if segment in found:
            continue
        name = (earlier or {}).get(segment, "")
        taken = {own.lower() for own in found.values()}
        if name.lower() not in taken and _holds(name, markers[markers["segment"] == segment], noun):
            found[segment] = name
    for segment in segments:
        if segment in found:
            continue
        traits = _traits(markers[markers["segment"] == segment])
        choices = [*_choices(traits, noun), f"Segment {segment} {noun}"]
        taken = {name.lower() for name in found.values()}
        found[segment] = next(name for name in choices if name.lower() not in taken)
    return {segment: found[segment] for segment in segments}


def _holds(name: str, rows: pd.DataFrame, noun: str) -> bool:
    """Return whether a name could be made from what is true of a segment, strong or weak."""
    traits = _heard(rows, 0.0) if _traits(rows) else []
    return name in _choices(traits, noun, len(traits))


def _traits(rows: pd.DataFrame) -> list[Trait]:
    """Return how a segment's clear markers sound, the most telling first, one a topic."""
    kept: dict[str, Trait] = {}
    for trait in _heard(rows, CLEAR):
        kept.setdefault(trait.topic, trait)
    return list(kept.values())


def _heard(rows: pd.DataFrame, least: float) -> list[Trait]:
    """Return how the markers that are beyond chance and not too weak sound, the strongest first."""
    rows = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    heard = []
    for row in rows[rows["effect"].abs() >= least].itertuples():
        trait = _trait(row)
        if trait:
            heard.append((abs(row.effect) * trait.weight, trait))
    heard.sort(key=lambda pair: -pair[0])
    return [trait for _, trait in heard]


def _trait(row) -> Trait | None:
    direction = "higher" if row.effect > 0 else "lower"
    if (row.name, direction) in NAMES:
        return NAMES[row.name, direction]
    if row.name == "share_other":
        return None
    if row.name.startswith("share_"):
        more = "more" if row.effect > 0 else "less"
        return Trait(row.name, "", f"{more} {label(row.label)}", 0.9)
    if row.level:
        plain = row.level.lower() in YES | NO
        told = label(row.label if plain else row.level)
        return Trait(row.name, "", told, 0.9) if row.effect > 0 else None
    return Trait(row.name, "", f"{'high' if row.effect > 0 else 'low'} {label(row.label)}", 0.8)


def _choices(traits: list[Trait], noun: str, most: int = 5) -> list[str]:
    """Return possible names from the first few traits, the most telling first."""
    adjectives = [t for t in traits if t.adjective][: max(most - 1, 1)]
    others = traits[:most]
    if not traits:
        return [f"Near-average {noun}"]
    both = [
        (traits.index(a) + traits.index(b), f"{a.adjective} {noun} with {b.phrase}")
        for a, b in product(adjectives, others)
        if a.topic != b.topic
    ]
    single = [f"{a.adjective} {noun}" for a in adjectives]
    phrases = [f"{noun.capitalize()} with {t.phrase}" for t in others]
    pairs = [
        f"{noun.capitalize()} with {a.phrase} and {b.phrase}"
        for i, a in enumerate(others)
        for b in others[i + 1 :]
    ]
    return [name for _, name in sorted(both, key=lambda p: p[0])] + single + pairs + phrases


def before(run: Run) -> dict[int, dict]:
    """Return the personas of the run that the numbers are from, of segments that kept theirs.

    Each also says whether that run is of an `earlier` date.
    """
    numbered = run.read("model.json").get("numbered") if run.has("model.json") else None
    path = run.study.folder / numbered["as_of"] / "personas.json" if numbered else None
    if not (path and path.is_file()):
        return {}
    kept = {row["segment"] for row in numbered["kept"]}
    people = json.loads(path.read_text(encoding="utf-8"))
    earlier = numbered["as_of"] < run.as_of.isoformat()
    return {p["segment"]: {**p, "earlier": earlier} for p in people if p["segment"] in kept}


def products(run: Run, most: int = 8) -> pd.Series | None:
    """Return the group of each product, to be crossed with the customer segments.

    The product segments, by name, if there are two or more; else the product groups of the study,
    the `most` with most products by name and the rest together; None without either.
    """
    if not (run.has("products.parquet") and run.has("purchases.parquet")):
        return None
    frame = run.read("products.parquet")
    if run.has("product_segments.parquet"):
        labels = run.read("product_segments.parquet")["segment"].astype(int)
        if labels.nunique() > 1:
            return labels.map(_product_names(run, frame.reindex(labels.index), labels))
    if "group" not in frame or frame["group"].nunique() < 2:
        return None
    group = frame["group"].astype("object").fillna("other").map(label)
    return group.where(group.isin(group.value_counts().head(most).index), "other")


def _product_names(run: Run, frame: pd.DataFrame, labels: pd.Series) -> dict[int, str]:
    columns = run.read("product_verdict.json").get("columns") or list(frame)
    known = run.read("dictionary.json")
    rows = profile.markers(frame[[c for c in columns if c in frame]], labels, known)
    return {s: f"{s} {name}" for s, name in names(rows, "products").items()}
