"""Plain, distinct names for segments, made from what sets them apart."""

from __future__ import annotations

import json
import re
from itertools import combinations, product
from typing import NamedTuple

import pandas as pd

from seglib.files import Run
from seglib.personas import profile
from seglib.personas.columns import label, quoted

LONG = 80  # letters of a name that is only taken if no shorter one is free
CLEAR = 0.25  # |effect| from which a marker may stand in a name: "medium" (Cohen's d of 0.5)
MOST = 0.5  # share of a segment above which it is said to be with something
ANSWER = "who more often answer"
WORD = r"[^\W\d_]{3}"  # a level without such letters is a code, and says nothing alone


class Trait(NamedTuple):
    """How a marker sounds in a name; `topic` keeps two words for one thing out of a name.

    A name says what a segment has more, or less, of than others, never what it is by itself;
    `link` stands between the members and the phrase.
    """

    topic: str
    adjective: str
    phrase: str
    weight: float = 1.0
    marker: tuple[str, str] = ("", "")  # its column and level
    link: str = "with"


class Name(NamedTuple):
    """A possible name and the traits that it tells."""

    text: str
    traits: tuple[Trait, ...] = ()


NAMES = {
    # (column, direction): what it adds to a name; weight < 1 for what other columns imply
    ("orders", "higher"): Trait("often", "Frequent", "frequent orders"),
    ("orders", "lower"): Trait("often", "Occasional", "few orders"),
    ("sessions", "higher"): Trait("often", "Frequent", "frequent use"),
    ("sessions", "lower"): Trait("often", "Occasional", "little use"),
    ("active_days", "higher"): Trait("often", "Frequent", "many active days", 0.9),
    ("active_days", "lower"): Trait("often", "Occasional", "few active days", 0.9),
    ("engagement", "higher"): Trait("engaged", "More active", "more active days lately", 0.9),
    ("engagement", "lower"): Trait("engaged", "Less active", "fewer active days lately", 0.9),
    ("adoption", "higher"): Trait("breadth", "", "many features"),
    ("adoption", "lower"): Trait("breadth", "", "few features"),
    ("features_used", "higher"): Trait("breadth", "", "many features", 0.9),
    ("features_used", "lower"): Trait("breadth", "", "few features", 0.9),
    ("first_days", "higher"): Trait("start", "", "an eager start", 0.8),
    ("first_days", "lower"): Trait("start", "", "a slow start", 0.8),
    ("usage_trend", "higher"): Trait("trend", "", "use that holds up"),
    ("usage_trend", "lower"): Trait("trend", "", "use that falls behind"),
    ("overdue", "higher"): Trait("away", "", "longer absences", 0.8),
    ("overdue", "lower"): Trait("away", "", "shorter absences", 0.6),
    ("basket_value", "higher"): Trait("basket", "", "large baskets"),
    ("basket_value", "lower"): Trait("basket", "", "small baskets"),
    ("basket_items", "higher"): Trait("basket", "", "full baskets", 0.9),
    ("basket_items", "lower"): Trait("basket", "", "few items", 0.9),
    ("recency", "higher"): Trait("away", "", "longer absences", 0.8),
    ("recency", "lower"): Trait("often", "", "recent orders", 0.5),
    ("trend", "higher"): Trait("trend", "", "spend that holds up"),
    ("trend", "lower"): Trait("trend", "", "spend that falls behind"),
    ("tenure", "higher"): Trait("tenure", "Longer-standing", "a longer history", 0.5),
    ("tenure", "lower"): Trait("tenure", "Newer", "a shorter history", 0.7),
    ("irregularity", "higher"): Trait("rhythm", "Irregular", "irregular visits", 0.8),
    ("irregularity", "lower"): Trait("rhythm", "Regular", "regular visits", 0.8),
    ("weekend_share", "higher"): Trait("day", "Weekend", "weekend orders"),
    ("weekend_share", "lower"): Trait("day", "Weekday", "weekday orders"),
    ("evening_share", "higher"): Trait("hour", "Evening", "evening orders"),
    ("evening_share", "lower"): Trait("hour", "Daytime", "daytime orders"),
    ("discount_share", "higher"): Trait("price", "Discount", "many discounts"),
    ("discount_share", "lower"): Trait("price", "", "fewer discounts"),
    ("coupon_share", "higher"): Trait("coupon", "", "more coupons", 0.8),
    ("coupon_share", "lower"): Trait("coupon", "", "fewer coupons", 0.5),
    ("own_label_share", "higher"): Trait("label", "Own-label", "own-label products"),
    ("own_label_share", "lower"): Trait("label", "Brand", "brand products"),
    ("places", "higher"): Trait("places", "", "more stores", 0.8),
    ("places", "lower"): Trait("places", "", "fewer stores", 0.6),
    ("breadth", "higher"): Trait("breadth", "", "a wide choice", 0.75),
    ("breadth", "lower"): Trait("breadth", "", "a narrow choice", 0.6),
    ("spend", "higher"): Trait("spend", "High-spending", "high spend", 0.5),
    ("spend", "lower"): Trait("spend", "Low-spending", "low spend", 0.5),
    # products
    ("penetration", "higher"): Trait("reach", "Widely bought", "many buyers"),
    ("penetration", "lower"): Trait("reach", "Niche", "few buyers"),
    ("repeat_rate", "higher"): Trait("repeat", "Often repeated", "frequent repeats"),
    ("repeat_rate", "lower"): Trait("repeat", "Seldom repeated", "few repeats"),
    ("orders_per_buyer", "higher"): Trait("repeat", "Often repeated", "frequent repeats", 0.8),
    ("orders_per_buyer", "lower"): Trait("repeat", "Seldom repeated", "few repeats", 0.8),
    ("promotion_share", "higher"): Trait("price", "Promoted", "many discounts"),
    ("promotion_share", "lower"): Trait("price", "", "few discounts"),
    ("price", "higher"): Trait("cost", "Expensive", "high prices"),
    ("price", "lower"): Trait("cost", "Cheap", "low prices"),
    ("seasonality", "higher"): Trait("season", "Seasonal", "strong seasons", 0.9),
    ("seasonality", "lower"): Trait("season", "Year-round", "no season", 0.7),
    ("spend_per_buyer", "higher"): Trait("spend", "", "high spend", 0.6),
    ("spend_per_buyer", "lower"): Trait("spend", "", "low spend", 0.6),
}


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
    found = {int(s): Name(str(name)) for s, name in (given or {}).items()}
    segments = sorted({int(s) for s in markers["segment"].unique()} | set(found))
    if len(segments) == 1:
        return {segments[0]: f"All {noun}"}
    rows = {segment: markers[markers["segment"] == segment] for segment in segments}
    for segment in segments:
        taken = {own.text.lower() for own in found.values()}
        name = _kept((earlier or {}).get(segment, ""), rows[segment], noun)
        if segment not in found and name and name.text.lower() not in taken:
            found[segment] = name
    effects = {
        (row.segment, row.name, row.level): row.effect for row in markers.itertuples(index=False)
    }
    for segment in segments:
        if segment in found:
            continue
        taken = {own.text.lower() for own in found.values()}
        choices = [*_choices(_traits(rows[segment]), noun), Name(f"Segment {segment} {noun}")]
        free = [name for name in choices if name.text.lower() not in taken]
        found[segment] = min(  # one that says nothing only if nothing else is free
            free, key=lambda name: (not name.traits, _misleads(segment, name, found, effects))
        )
    return {segment: found[segment].text for segment in segments}


def _misleads(segment: int, name: Name, found: dict[int, Name], effects: dict[tuple, float]) -> int:
    """Return how often a name and others say of one what is more true of another, unsaid there.

    Who reads of frequent shoppers with large baskets and of frequent shoppers takes the baskets of
    these for smaller.
    """

    def wrongly(one: int, told: Name, other: int, there: Name) -> int:
        unsaid = [t for t in told.traits if not any(_same(t, u) for u in there.traits)]
        return sum(_more(t, effects, one, other) for t in unsaid)

    return sum(
        wrongly(segment, name, other, there) + wrongly(other, there, segment, name)
        for other, there in found.items()
    )


def _same(one: Trait, other: Trait) -> bool:
    return one.marker == other.marker and one.phrase == other.phrase


def _more(trait: Trait, effects: dict[tuple, float], one: int, other: int) -> bool:
    """Return whether a trait of a segment is more true of another."""
    own, there = (effects.get((segment, *trait.marker), 0.0) for segment in (one, other))
    return there * own > 0 and abs(there) > abs(own)


def _kept(name: str, rows: pd.DataFrame, noun: str) -> Name | None:
    """Return an earlier name if it could be made from what is true of a segment, strong or weak."""
    traits = _heard(rows, 0.0) if name and _traits(rows) else []
    return next((own for own in _choices(traits, noun, len(traits)) if own.text == name), None)


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
    """Return how a marker sounds in a name, None if its level says nothing of those without it."""
    direction, marker = "higher" if row.effect > 0 else "lower", (row.name, row.level)
    if (row.name, direction) in NAMES:
        return NAMES[row.name, direction]._replace(marker=marker)
    if row.name.startswith("share_"):
        more = "more" if row.effect > 0 else "less"
        return Trait(row.name, "", f"{more} {label(row.label)}", 0.9, marker)
    if row.level:
        return _of_level(row, marker) if row.effect > 0 else None
    much, of = "high" if row.effect > 0 else "low", label(row.label)
    if of.startswith("“") or (row.kind == "ordered" and row.base == "psychographic"):
        of = f"answers to {quoted(row.label)}"
    return Trait(row.name, "", f"{much} {of}", 0.8, marker)


def _of_level(row, marker: tuple[str, str]) -> Trait:
    """Return how a level sounds that a segment has more often than others."""
    if row.base == "psychographic":
        told = f"{row.reply or f'“{row.level}”'} to {quoted(row.column)}"
        return Trait(row.name, "", told, 0.9, marker, ANSWER)
    column, link = label(row.column), "with" if row.inside > MOST else "more often with"
    if row.reply:
        return Trait(row.name, "", label(row.label), 0.9, marker, link)
    alone = re.search(WORD, row.level)
    told = f"{label(row.level)} ({column})" if alone else f"{column} {row.level}"
    return Trait(row.name, "", told, 0.9, marker, link)


def _phrases(one: Trait, other: Trait) -> str:
    """Return two traits as they stand behind the members: what both begin with is said once."""
    if one.link == other.link:
        start = one.phrase.partition("“")[0]
        return f"{one.link} {one.phrase} and {other.phrase.removeprefix(start)}"
    if one.link == ANSWER:
        one, other = other, one
    join = "" if other.link == ANSWER else "and "
    return f"{one.link} {one.phrase} {join}{other.link} {other.phrase}"


def _choices(traits: list[Trait], noun: str, most: int = 5) -> list[Name]:
    """Return possible names from the first few traits, the most telling first."""
    adjectives = [t for t in traits if t.adjective][: max(most - 1, 1)]
    others, many = traits[:most], noun.capitalize()
    if not traits:
        return [Name(f"Near-average {noun}")]
    both = [
        (
            traits.index(a) + traits.index(b),
            Name(f"{a.adjective} {noun} {b.link} {b.phrase}", (a, b)),
        )
        for a, b in product(adjectives, others)
        if a.topic != b.topic
    ]
    single = [Name(f"{a.adjective} {noun}", (a,)) for a in adjectives]
    phrases = [Name(f"{many} {t.link} {t.phrase}", (t,)) for t in others]
    pairs = [Name(f"{many} {_phrases(a, b)}", (a, b)) for a, b in combinations(others, 2)]
    names = [name for _, name in sorted(both, key=lambda p: p[0])] + single + pairs + phrases
    return sorted(names, key=lambda name: len(name.text) > LONG)


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
    goods = run.study.tables.products
    left = {goods.labels.get(g, g) for g in goods.leftover} if goods else set()
    group = frame["group"].astype("object")
    group = group.mask(group.isin(left)).fillna("other").map(label)
    return group.where(group.isin(group.value_counts().head(most).index), "other")


def _product_names(run: Run, frame: pd.DataFrame, labels: pd.Series) -> dict[int, str]:
    columns = run.read("product_verdict.json").get("columns") or list(frame)
    known = run.read("dictionary.json")
    rows = profile.markers(frame[[c for c in columns if c in frame]], labels, known)
    return {s: f"{s} {name}" for s, name in names(rows, "products").items()}
