"""What names of columns suggest, in a few languages; values decide."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from seglib import wording

WORDS = wording.table("hints")
LETTERS = str.maketrans({"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O"})


def parts(name: str) -> list[str]:
    """Return the words of a name: 'CustomerID', 'customer_id' and 'Kunden-Nr.' in small letters."""
    spaced = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    words = re.findall(r"[a-z]+|\d+", _folded(spaced))
    return [*words, *("".join(pair) for pair in pairwise(words))]


def suggests(name: str, *roles: str) -> bool:
    """Return whether a name has a word of any role, or one that it begins with (Kundennummer)."""
    return any(_has(name, "roles", role) for role in roles)


def has(name: str, words: Iterable[str]) -> bool:
    """Return whether one of some words stands in a name as such."""
    return not set(words).isdisjoint(parts(name))


def is_count(name: str) -> bool:
    """Return whether a name says how many of something there are, such as NumStorePurchases."""
    words = parts(name)
    many = re.match(r"(?:num|number|no|anzahl|nb|count)(?:_|\W)*(?:of\b|(?=[A-Z]))", name, re.I)
    return suggests(name, "count") or bool(many and len(words) > 2 and words[-1] != "id")


def is_aside(name: str) -> bool:
    """Return whether money is a fee, a tax or freight beside what was sold, and no sum of both."""
    return suggests(name, "aside") and not has(name, WORDS["sums"])


def is_paradata(name: str) -> bool:
    """Return whether a name is one of what survey platforms write about the answering."""
    plain = _folded(re.sub(r"\([^)]*\)", "", name))
    return "".join(re.findall("[a-z]+", plain)) in _words("roles", "paradata")[0]


def is_id(name: str) -> bool:
    """Return whether a name says that it identifies something."""
    return suggests(name, "id")


def base(name: str) -> str:
    """Return the kind of an attribute: demographic, geographic, or else plan."""
    return next((kind for kind in ("demographic", "geographic") if _has(name, kind)), "plan")


def is_outcome(name: str) -> bool:
    """Return whether a name says that it is what a study would like to foresee."""
    return _has(name, "outcome")


def personal(name: str) -> str:
    """Return which personal data a name promises, empty if none."""
    return next((what for what in WORDS["personal"] if _has(name, "personal", what)), "")


def yes(values: Iterable[str]) -> str:
    """Return which of two values is a yes where the other is a no, empty if they are none.

    Values are as a file writes them; 1.0 is a 1.
    """
    words = WORDS["experiments"]
    plain = {value: re.sub(r"^(\d+)[.,]0+$", r"\1", value.strip().lower()) for value in values}
    if len(plain) != 2 or set(plain.values()).isdisjoint(words["no"]):
        return ""
    return next((value for value, word in plain.items() if word in words["yes"]), "")


def label(name: str) -> str:
    """Return a heading as a report writes it: of 'How much … [Price]?' what is asked."""
    inside = re.search(r"\[(.+)\]\s*$", name)
    plain = re.sub(r"\s*\([^)]*\)\s*$", "", inside[1] if inside else name).strip(" ?:.")
    plain = re.sub(r"(?<=[a-z]{2})[A-Z](?=[a-z])", lambda m: f" {m[0].lower()}", plain)
    plain = re.sub(r"[_.]+", " ", plain)
    return plain[:1].upper() + plain[1:] or name


def _folded(text: str) -> str:
    """Return text in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text.translate(LETTERS)).lower()
    return "".join(c for c in plain if not unicodedata.combining(c))


@cache
def _words(*path: str) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """Return the words below a key of hints.yaml, the long ones, and those of other writings."""
    words = WORDS
    for key in path:
        words = words[key]
    every = {word for line in words.values() for word in line.split()}
    elsewhere = tuple(word for word in every if not word.isascii())
    plain = every - {*elsewhere}
    long = tuple(word for word in plain if len(word) >= 5 and not word.endswith("."))
    return frozenset(word.rstrip(".") for word in plain), long, elsewhere


def _has(name: str, *path: str) -> bool:
    words, long, elsewhere = _words(*path)
    found = {form for word in parts(name) for form in (word, word.removesuffix("s"))}
    begun = any(word.startswith(long) for word in found)
    return bool(found & words) or begun or any(word in name for word in elsewhere)
