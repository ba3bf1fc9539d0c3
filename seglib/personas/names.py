"""What columns, their levels, differences and segments are called."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from itertools import combinations, product
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from seglib.files import Run
from seglib.wording import table

WORDS = table("vocabulary")
CODED = {"0": "no", "1": "yes"}  # where people answered, and no other code was given
CLEAR = 0.25  # |effect| from which a marker may stand in a name: "medium" (Cohen's d of 0.5)
MOST = 0.5  # share of a segment above which it is said to be with something
LONG = 80  # letters of a name that is only taken if no shorter one is free
ANSWER = "who more often answer"

# --- columns --------------------------------------------------------------------------------------


def entries(dictionary, frame: pd.DataFrame) -> dict[str, dict]:
    """Return the dictionary row of each column of a frame, made up where there is none.

    Parameters
    ----------
    dictionary : list of dict, or dict
        The rows, or dictionary.json as a whole (its part is chosen by the frame's index name).
    """
    if isinstance(dictionary, dict):
        part = "products" if frame.index.name == "product" else "customers"
        dictionary = dictionary.get(part, [])
    by_name = {row["name"]: row for row in dictionary or []}
    default = {"base": "", "unit": "", "meaning": ""}
    return {
        str(c): default | {"name": str(c), "label": str(c)} | by_name.get(str(c), {}) for c in frame
    }


def numbers(values: pd.Series) -> pd.Series | None:
    """Return a column as floats, levels of an ordered one as 0, 1, …; None if it is nominal."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.astype(float)
        return codes.mask(codes < 0) if values.cat.ordered else None
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        return None
    return values.astype(float)


def kind(values: pd.Series) -> str:
    """Return numeric, ordered or nominal."""
    if numbers(values) is None:
        return "nominal"
    return "ordered" if isinstance(values.dtype, pd.CategoricalDtype) else "numeric"


def levels_of(values: pd.Series) -> pd.Series:
    """Return a column's values as text, missing kept."""
    return values.astype("object").map(str, na_action="ignore")


def levels(values: pd.Series) -> list[str]:
    """Return the levels of a column as text, sorted."""
    return sorted(levels_of(values).dropna().unique())


def has_level(values: pd.Series, level: str) -> pd.Series:
    """Return 1 where a column has a level, 0 where not, and NaN where it is missing."""
    text = levels_of(values)
    return text.eq(level).astype(float).where(text.notna())


def reply(level: str, among: Iterable[str], base: str = "") -> str:
    """Return yes or no where a level of a column means it, else nothing.

    0 and 1 mean no and yes only of answers (`base` psychographic); elsewhere they may be any codes.
    """
    if base == "psychographic" and set(among) == set(CODED):
        return CODED[level]
    word = level.lower()
    return "yes" if word in WORDS["affirmative"] else "no" if word in WORDS["negative"] else ""


def level_label(entry: dict, level: str, values: pd.Series) -> str:
    """Return what a level is called: 'Television', 'No television', 'Yes to “cheap”', 'X: DSL'."""
    name, base = entry["label"], entry["base"]
    answer = reply(level, levels(values), base)
    if answer and base == "psychographic":
        return f"{answer.capitalize()} to {quoted(name)}"
    if answer:
        return name if answer == "yes" else f"No {label(name)}"
    return f"{name}: {level}"


def quoted(name: str) -> str:
    """Return a label in quotation marks, as it was put to people if it is a statement."""
    return name if name.startswith("“") else f"“{label(name)}”"


def label(text: str) -> str:
    """Return a label as it reads inside a sentence: no capitals, no note on its unit."""
    text = re.sub(r" (\(share of spend\)|share)$", "", text)
    if text.isupper() and len(text) > 3:
        return text.lower()
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def segments(labels: pd.Series) -> list[tuple[int, np.ndarray]]:
    """Return each segment and which rows belong to it."""
    return [(int(s), (labels == s).to_numpy()) for s in sorted(labels.dropna().unique())]


# --- differences: far and slightly, one rule for every sentence that compares --------------------

DELTA, RATIO = (0.33, 0.33, 0.474), (1.25, 1.5, 2.0)  # small, medium and large (Romano et al. 2006)
SIZES = {"superiority": DELTA, "difference": DELTA, "ratio": RATIO, "lift": RATIO}
LEVELS = 1.25, 1.5  # the levels shown, as multiples: below the first slightly, from the second far
POINTS = 0.01, 0.05  # the same for shares, in parts of the whole


def adverb(result: dict) -> str:
    """Return "far", "slightly" or nothing: how strong a word a measured difference bears.

    *Far*: the difference is large, its interval reaches no lower than medium, and the levels shown
    are half as much again apart (shares by 5 points too). *Slightly*: it is small, and the levels
    are not half as much again apart; or they are less than a quarter apart (shares: less than a
    point). Small and large are those of Cliff's delta; of a ratio, a quarter more and twice. Of
    words, an index or numbers below zero the effect alone must tell.
    """
    if result["kind"] not in SIZES or result.get("low") is None:
        return ""
    small, medium, large = SIZES[result["kind"]]
    effect, *ends = (_effect(result["kind"], result[key]) for key in ("value", "low", "high"))
    multiple, points = _apart(result["inside"], result["outside"], result["unit"])
    close = multiple < LEVELS[0] or points < POINTS[0]
    if close or (effect < small and (multiple < LEVELS[1] or math.isnan(multiple))):
        return "slightly"
    wide = math.isnan(multiple) or (multiple >= LEVELS[1] and points >= POINTS[1])
    return "far" if effect >= large and min(ends) >= medium and wide else ""


def _effect(kind: str, value: float) -> float:
    if kind in {"superiority", "difference"}:
        return abs(2 * value - 1 if kind == "superiority" else value)
    return max(value, 1 / value) if value > 0 else math.inf


def _apart(here, there, unit: str) -> tuple[float, float]:
    """Return how far apart two levels are: as a multiple (NaN where there is none), in points."""
    if not all(isinstance(v, Real) for v in (here, there)) or unit == "index":
        return math.nan, math.inf
    low, high = sorted((float(here), float(there)))
    points = high - low if unit == "share" and low >= 0 else math.inf
    return (math.nan if low < 0 else high / low if low > 0 else math.inf), points


# --- names of segments ----------------------------------------------------------------------------


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


def names(
    markers: pd.DataFrame,
    noun: str = "customers",
    analyst: dict[int, str] | None = None,
    earlier: dict[int, str] | None = None,
) -> dict[int, str]:
    """Return a name for each segment, no two the same, such as "Frequent shoppers".

    A name of an earlier run is kept for as long as every word of it is still true: what it says the
    segment has more, or less, of differs that way beyond chance, be it by less than it did.

    Parameters
    ----------
    markers : DataFrame
        As from `profile.markers`, of the columns that formed the segments.
    noun : str
        What the members are called.
    given, earlier : dict, optional
        Segment → name: chosen by the analyst, which wins; made by rule of the same people before.
    """
    chosen = {int(s): Name(str(name)) for s, name in (analyst or {}).items()}
    segments = sorted({int(s) for s in markers["segment"].unique()} | set(chosen))
    if len(segments) == 1:
        return {segments[0]: f"All {noun}"}
    rows = {segment: markers[markers["segment"] == segment] for segment in segments}
    for segment in segments:
        name = _still_true((earlier or {}).get(segment, ""), rows[segment], noun)
        if segment not in chosen and name and not _taken(name, chosen):
            chosen[segment] = name
    effects = {(r.segment, r.name, r.level): r.effect for r in markers.itertuples(index=False)}
    for segment in segments:
        if segment not in chosen:
            choices = [*_choices(_traits(rows[segment]), noun), Name(f"Segment {segment} {noun}")]
            free = [name for name in choices if not _taken(name, chosen)]
            chosen[segment] = min(  # one that says nothing only if nothing else is free
                free, key=lambda name: (not name.traits, _misleads(segment, name, chosen, effects))
            )
    return {segment: chosen[segment].text for segment in segments}


def _taken(name: Name, chosen: dict[int, Name]) -> bool:
    return name.text.lower() in {own.text.lower() for own in chosen.values()}


def _misleads(segment: int, name: Name, chosen: dict[int, Name], effects: dict) -> int:
    """Return how often a name and others say of one what is more true of another, unsaid there.

    Who reads of frequent shoppers with large baskets and of frequent shoppers takes the baskets of
    these for smaller.
    """

    def wrongly(one: int, traits: tuple, other: int, there: tuple) -> int:
        there_too = {(t.marker, t.phrase) for t in there}
        pairs = [
            (effects.get((one, *t.marker), 0.0), effects.get((other, *t.marker), 0.0))
            for t in traits
            if (t.marker, t.phrase) not in there_too
        ]
        return sum(own * more > 0 and abs(more) > abs(own) for own, more in pairs)

    return sum(
        wrongly(segment, name.traits, other, there.traits)
        + wrongly(other, there.traits, segment, name.traits)
        for other, there in chosen.items()
    )


def _still_true(name: str, rows: pd.DataFrame, noun: str) -> Name | None:
    """Return an earlier name if it could be made from what is true of a segment, strong or weak."""
    traits = _telling(rows, 0.0) if name and _traits(rows) else []
    return next((own for own in _choices(traits, noun, len(traits)) if own.text == name), None)


def _traits(rows: pd.DataFrame) -> list[Trait]:
    """Return the traits of a segment's clear markers, the most telling first, one a topic."""
    kept: dict[str, Trait] = {}
    for trait in _telling(rows, CLEAR):
        kept.setdefault(trait.topic, trait)
    return list(kept.values())


def _telling(rows: pd.DataFrame, least: float) -> list[Trait]:
    """Return the traits of markers beyond chance and not too weak, the strongest first."""
    rows = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    rows = rows[rows["effect"].abs() >= least]
    traits = [(abs(row.effect), trait) for row in rows.itertuples() if (trait := _trait(row))]
    return [trait for _, trait in sorted(traits, key=lambda pair: -pair[0] * pair[1].weight)]


def _trait(row) -> Trait | None:
    """Return how a marker sounds in a name, None if its level says nothing of those without it."""
    direction, marker = "higher" if row.effect > 0 else "lower", (row.name, row.level)
    if row.name in WORDS["traits"]:
        return Trait(*WORDS["traits"][row.name][direction], marker)
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
        answer = f"{row.reply or f'“{row.level}”'} to {quoted(row.column)}"
        return Trait(row.name, "", answer, 0.9, marker, ANSWER)
    link = "with" if row.inside > MOST else "more often with"
    if row.reply:
        return Trait(row.name, "", label(row.label), 0.9, marker, link)
    words, column = re.search(r"[^\W\d_]{3}", row.level), label(row.column)
    phrase = f"{label(row.level)} {column}" if words else f"{column} {row.level}"
    return Trait(row.name, "", phrase, 0.9, marker, link)


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
    both = sorted(
        ((a, b) for a, b in product(adjectives, others) if a.topic != b.topic),
        key=lambda pair: traits.index(pair[0]) + traits.index(pair[1]),
    )
    result = [Name(f"{a.adjective} {noun} {b.link} {b.phrase}", (a, b)) for a, b in both]
    result += [Name(f"{a.adjective} {noun}", (a,)) for a in adjectives]
    result += [Name(f"{many} {_phrases(a, b)}", (a, b)) for a, b in combinations(others, 2)]
    result += [Name(f"{many} {t.link} {t.phrase}", (t,)) for t in others]
    return sorted(result, key=lambda name: len(name.text) > LONG)


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
