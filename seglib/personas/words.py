"""The words that anyone may edit: claims.yaml, levers.yaml, vocabulary.yaml, read and checked."""

from collections.abc import Callable, Iterator
from string import Formatter
from typing import Any

import yaml

from seglib import wording
from seglib.formats import StudyError, nearest

CRITERIA = ["size", "value", "growth", "stability", "reach", "objective"]
METRICS = ["spend", "active", "outcome"]
ELSEWHERE = ["size", "targeting", "tests", "affinity", "range", "{base}"]

# What a row has: key → its type; a question mark stands behind what may be left out.
FACT = {"in": str, "say": str, "of?": str, "is?": str, "from?": str, "levels?": list}
ROWS = {
    "levers": {"lever": str, "when": list, "action": str, "metric?": str},
    "meanings": {"when": list, "text": str},
    "avoid": {"when": list, "say": str},
    "gaps": {"topic": str, "unless": list, "about": list, "why": str, "ask": list},
    "parts": {"heading": (str, dict), "in": list, "topics": list, "ask": list},
}
KINDS = {str: "text", list: "a list in [ ]", (str, dict): "text"}

Faults = Iterator[tuple[tuple, str]]


def read(name: str, faults: Callable[[dict], Faults]) -> dict:
    """Return a table of words; StudyError names file, line, entry and word of its first mistake."""
    path = wording.FOLDER / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    try:
        node, rows = yaml.compose(text, wording.LOADER), yaml.load(text, wording.LOADER)
    except yaml.YAMLError as error:
        line = getattr(error, "problem_mark", None)
        where = f"{path.name}, line {line.line + 1}" if line else path.name
        fault = getattr(error, "problem", None) or error
        raise StudyError(
            f"{where}: {fault}; put text that has a colon or a brace in quotes"
        ) from None
    place, fault = next(_twice(node), None) or next(faults(rows), (None, ""))
    if place is not None:
        entry = " ".join(str(part + 1) if isinstance(part, int) else part for part in place)
        raise StudyError(f"{path.name}, line {_line(node, place)}: {entry}: {fault}")
    return rows


def _line(node: yaml.Node, place: tuple) -> int:
    for part in place:
        inner = {key.value: value for key, value in node.value} if node.id == "mapping" else {}
        inner = inner or dict(enumerate(node.value))
        if part not in inner:
            break
        node = inner[part]
    return node.start_mark.line + 1


def _twice(node: yaml.Node, place: tuple = ()) -> Faults:
    """Yield keys that stand twice in a block: of two, YAML keeps the last without a word."""
    if node.id == "mapping":
        keys = [key.value for key, _ in node.value]
        yield from (((*place, k), "stands twice") for k in keys if keys.count(k) > 1)
        for key, value in node.value:
            yield from _twice(value, (*place, key.value))


def _shape(place: tuple, row: Any, keys: dict) -> Faults:
    if not isinstance(row, dict):
        yield place, f"found {row!r:.60}, expected keys such as {next(iter(keys))}"
        return
    known = {key.rstrip("?"): kind for key, kind in keys.items()}
    for key in row.keys() - known.keys():
        yield place, f"unknown key {key!r}{nearest(str(key), [*known])}"
    for key, kind in keys.items():
        value = row.get(key.rstrip("?"))
        if value is None and not key.endswith("?"):
            yield place, f"{key!r} is missing"
        elif value is not None and not isinstance(value, kind):
            yield place, f"{key.rstrip('?')!r} is {value!r:.60}, expected {KINDS[kind]}"


def _braces(place: tuple, text: str, known: str) -> Faults:
    """Yield what stands in braces and is not known."""
    try:
        parts = [(name, spec, turn) for _, name, spec, turn in Formatter().parse(text)]
    except ValueError as error:
        yield place, f"{error} in {text!r:.60}"
        return
    for name, spec, turn in parts:
        if name is not None and (name not in known.split() or spec or turn):
            yield place, f"unknown word {{{name}}}{nearest(name, known.split())}"


def _among(place: tuple, words: list, known: list) -> Faults:
    for word in words:
        if word not in known:
            yield place, f"found {word!r}{nearest(str(word), known)}"


def _claims(tables: dict) -> Faults:
    parts, braces = [*tables["sections"], *ELSEWHERE], tables["braces"]
    for rule, row in tables["facts"].items():
        place = "facts", rule
        yield from _shape(place, row, FACT)
        source = row.get("from", "customers")
        yield from _among(place, row["in"].split(), parts)
        yield from _among(place, [row["is"]] if "is" in row else [], ["higher", "lower"])
        yield from _among(place, [source], [*tables["sources"]])
        yield from _braces(place, row["say"], f"{braces['every']} {braces.get(source, '')}")
        if "levels" in row and (len(row["levels"]) != 2 or not all(map(_number, row["levels"]))):
            yield place, f"'levels' is {row['levels']!r}, expected two numbers"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rows(tables: dict, *names: str) -> Faults:
    for name in names:
        for n, row in enumerate(tables[name]):
            yield from _shape((name, n), row, ROWS[name])


def _levers(tables: dict) -> Faults:
    yield from _rows(tables, "levers", "meanings", "avoid")
    for name in ("levers", "meanings", "avoid"):
        for n, row in enumerate(tables[name]):
            rules = [rule for words in row["when"] for rule in str(words).split("|")]
            yield from _among((name, n), rules, [*CLAIMS["facts"]])
    for n, row in enumerate(tables["levers"]):
        yield from _among(("levers", n), [row.get("metric", "spend")], METRICS)
        yield from _braces(("levers", n), row["action"], "items")
    yield from _among(("criteria",), [*tables["criteria"]], CRITERIA)
    for key, text in tables["texts"].items():
        known = tables["braces"]
        yield from _braces(("texts", key), text, known) if isinstance(text, str) else ()


def _vocabulary(tables: dict) -> Faults:
    for name, ways in tables["traits"].items():
        place = "traits", name
        yield from _shape(place, ways, {"higher": list, "lower": list})
        for trait in ways.values():
            texts, weight = [*trait[:3], *trait[4:]], trait[3:4]
            sound = 3 <= len(trait) <= 5 and all(isinstance(t, str) for t in texts)
            if not sound or not all(map(_number, weight)):
                yield place, f"found {trait!r:.80}, expected [topic, adjective, phrase, weight]"
    yield from _rows(tables, "gaps", "parts")
    yield from _among(("reasons",), [*tables["reasons"]], [*CLAIMS["facts"]])


CLAIMS = read("claims", _claims)
LEVERS = read("levers", _levers)
VOCABULARY = read("vocabulary", _vocabulary)
