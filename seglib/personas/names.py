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

# --- columns --------------------------------------------------------------------------------------


def entries(dictionary, frame: pd.DataFrame) -> dict[str, dict]:
    """Return the dictionary row of each column of a frame, made up where there is none.

    Of dictionary.json as a whole, the part is chosen by the frame's index name.
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


def adverb(figures: dict) -> str:
    """Return "far", "slightly" or nothing: how strong a word a measured difference bears.

    *Far*: the difference is large, its interval reaches no lower than medium, and the levels shown
    are half as much again apart (shares by 5 points too). *Slightly*: it is small, and the levels
    are not half as much again apart; or they are less than a quarter apart (shares: less than a
    point). Of words, an index or numbers below zero the effect alone must tell.
    """
    if figures["kind"] not in SIZES or figures.get("low") is None:
        return ""
    small, medium, large = SIZES[figures["kind"]]
    effect, *ends = (_effect(figures["kind"], figures[key]) for key in ("value", "low", "high"))
    multiple, points = _apart(figures["inside"], figures["outside"], figures["unit"])
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
    """How a marker sounds in a name; of one `topic` a name says one thing, `link` joins a phrase.

    A name says what a segment has more, or less, of than others, never what it is by itself.
    """

    topic: str
    adjective: str
    phrase: str
    weight: float = 1.0
    link: str = "with"


def names(
    markers: pd.DataFrame,
    noun: str = "customers",
    analyst: dict[int, str] | None = None,
    earlier: dict[int, str] | None = None,
) -> dict[int, str]:
    """Return a name for each segment, no two the same, such as "Frequent shoppers".

    The analyst's win. One of an earlier run is kept for as long as every word of it is still true:
    what it says the segment has more, or less, of differs that way beyond chance, be it by less
    than it did. `markers` are those of `profile.markers`, `noun` is what the members are called.
    """
    result = {int(s): str(name) for s, name in (analyst or {}).items()}
    segments = sorted({int(s) for s in markers["segment"].unique()} | set(result))
    if len(segments) == 1:
        return {segments[0]: f"All {noun}"}
    rows = {segment: markers[markers["segment"] == segment] for segment in segments}

    meant: set[frozenset] = set()  # what the names say, in whatever words

    def take(segment: int, possible: dict[str, frozenset]) -> None:
        taken = {name.lower() for name in result.values()}
        free = [n for n, says in possible.items() if n.lower() not in taken and says not in meant]
        if segment not in result and free:
            result[segment] = free[0]
            meant.add(possible[free[0]])

    for segment in segments:
        name, true = (earlier or {}).get(segment), _traits(rows[segment], 0.0)
        choices = _choices(true, noun, len(true))
        if name in choices and _traits(rows[segment], CLEAR):
            take(segment, {name: choices[name]})
    for segment in segments:
        topics: dict[str, Trait] = {}
        for trait in _traits(rows[segment], CLEAR):
            topics.setdefault(trait.topic, trait)
        number = {f"Segment {segment} {noun}": frozenset({segment})}
        take(segment, _choices([*topics.values()], noun) | number)
    return {segment: result[segment] for segment in segments}


def worded(name: str, rows: pd.DataFrame) -> list[dict]:
    """Return column and level of the markers of a segment that its name is made of."""
    result = {}
    for row in rows.itertuples():
        trait = _trait(row)
        words = {trait.adjective, trait.phrase} - {""} if trait else ()
        if any(word.lower() in name.lower() for word in words):
            result[row.name, row.level] = {"column": row.name, "level": row.level}
    return [*result.values()]


def _traits(rows: pd.DataFrame, least: float) -> list[Trait]:
    """Return the traits of markers beyond chance and not too weak, the strongest first."""
    rows = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    rows = rows[rows["effect"].abs() >= least]
    traits = [(abs(row.effect), trait) for row in rows.itertuples() if (trait := _trait(row))]
    return [trait for _, trait in sorted(traits, key=lambda pair: -pair[0] * pair[1].weight)]


def _trait(row) -> Trait | None:
    """Return how a marker sounds in a name, None if its level says nothing of those without it."""
    more, name, of = row.effect > 0, row.name, label(row.label)
    if name in WORDS["traits"]:
        return Trait(*WORDS["traits"][name]["higher" if more else "lower"])
    if name.startswith("share_"):
        return Trait(name, "", f"{'more' if more else 'less'} {of}", 0.9)
    if not row.level:
        if of.startswith("“") or (row.kind == "ordered" and row.base == "psychographic"):
            of = f"answers to {quoted(row.label)}"
        return Trait(name, "", f"{'high' if more else 'low'} {of}", 0.8)
    if not more:
        return None
    if row.base == "psychographic":
        answer = f"{row.reply or f'“{row.level}”'} to {quoted(row.column)}"
        return Trait(name, "", answer, 0.9, "who more often answer")
    if not row.reply:
        worded, column = re.search(r"[^\W\d_]{3}", row.level), label(row.column)
        of = f"{label(row.level)} {column}" if worded else f"{column} {row.level}"
    return Trait(name, "", of, 0.9, "with" if row.inside > MOST else "more often with")


def _choices(traits: list[Trait], noun: str, most: int = 5) -> dict[str, frozenset]:
    """Return possible names and what each says, from the first few traits, the best first."""
    adjectives = [t for t in traits if t.adjective][: max(most - 1, 1)]
    others, many = traits[:most], noun.capitalize()
    if not traits:
        return {f"Near-average {noun}": frozenset()}
    both = [(a, b) for a, b in product(adjectives, others) if a.topic != b.topic]
    both.sort(key=lambda pair: traits.index(pair[0]) + traits.index(pair[1]))
    pairs = [(a, b) for a, b in combinations(others, 2) if a.link == b.link]
    result = {f"{a.adjective} {noun} {b.link} {b.phrase}": {a, b} for a, b in both}
    alone = (
        (f"{t.adjective} {noun}" if t.adjective else f"{many} {t.link} {t.phrase}", t)
        for t in traits[:most]
    )
    result |= {f"{many} {a.link} {a.phrase} and {b.phrase}": {a, b} for a, b in pairs}
    result |= {name: {t} for name, t in alone}
    return {name: frozenset(result[name]) for name in sorted(result, key=lambda n: len(n) > LONG)}


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
