"""What must stay private: persons in data and names, ids under pseudonyms, small counts.

Checksums and numbering plans are those of python-stdnum and phonenumbers; names of persons are the
lists that Faker keeps. No such test is complete: a name that is on no list, in a column whose name
says nothing, is not seen.

A pseudonym is the first 32 hexadecimal digits of HMAC-SHA256 (RFC 2104) of the id as text (UTF-8;
whole numbers without a point) under the key: `hmac.new(key.encode(), b"42", "sha256")`. Whoever
holds the key finds customers again, nobody else can, not even by trying all ids; so the key must
be long, is read from the environment, and is never written.

A count below the minimum is hidden. Others are hidden with it until, for whoever solves for the
rest, each small count could be any of at least as many numbers as the minimum: what is possible is
found by linear programs (the audit of Fischetti & Salazar-González 2001, figures chosen one at a
time, the smallest first).
"""

from __future__ import annotations

import hmac
import importlib
import os
import re
from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd
import phonenumbers
from stdnum import iban, luhn

from seglib import wording
from seglib.formats import StudyError

WORDS = wording.table("personal")
SHAPES = {
    name: re.compile("".join(parts), re.IGNORECASE * (name in WORDS["loose"]))
    for name, parts in WORDS["shapes"].items()
}  # of what in a text points at a person
REASONS = {  # what the name of a column says that holds such data
    reason: re.compile(rf"(?:(?:{WORDS['whose']}) ?)?(?:{pattern})s?")
    for reason, pattern in WORDS["reasons"].items()
}
TEN = ("US", "GB", "IT")  # ten digits without the leading 0; German ones look like Unix times
SURE, PHONES = 0.8, 200  # share of values that must be telephones, and how many are looked at
SHARE = 0.3  # of distinct values that must be a first and a family name to be names of persons
ALONE = 0.7, 20  # … or must be first names alone, and how many; some cities are called like people
LONG = 4  # words from which a text is a sentence; where most differ, it is free text
LENGTH = 32  # hexadecimal digits: 128 bits, in which a billion customers do not collide
SHORTEST = 16  # characters of a key
NOT_SHOWN = "not shown"
TRIED = 8  # figures looked at for one that helps to hide another


# --- persons in data and names --------------------------------------------------------------------


def personal(values: Iterable, name: str = "") -> str | None:
    """Return why a column points at persons, None if nothing says so.

    One value is enough where its form leaves no doubt. The name of the column is enough, unless
    the values are short codes or numbers that such a column would not hold. Free text, in people's
    own words, may hold anything.
    """
    values = list(values)
    texts = sorted({_text(value) for value in values} - {""})
    if reason := next(filter(None, map(within, texts)), None):
        return reason
    if _bare_phones(texts):
        return "telephone numbers"
    return of_most(values, name) or ("free text" if _free(values, texts) else None)


def of_most(values: Iterable, name: str = "") -> str | None:
    """Return what most values of a column point at, or its name unless they speak against it."""
    texts = sorted({_text(value) for value in values} - {""})
    if reason := ids(texts):
        return reason
    if reason := promised(name):
        return reason if not texts or _may_be(reason, texts) else None
    return None


def ids(values: Iterable, name: str = "") -> str | None:
    """Return what at least half of the ids in a column point at, None if they are only ids.

    A name that nothing else has, such as IBAN, is enough.
    """
    texts = sorted({_text(value) for value in values} - {""})
    if re.search(WORDS["says"], name.lower()) and (reason := promised(name)):
        return reason
    reasons = [reason for text in texts if (reason := within(text))]
    if texts and 2 * len(reasons) >= len(texts):
        return max(sorted(set(reasons)), key=reasons.count)
    if _bare_phones(texts) and 2 * len({text[:6] for text in texts}) > len(texts):  # no series
        return "telephone numbers"
    return "names of persons" if persons(texts) else None


def called(name: str) -> str | None:
    """Return what the name of a column, a file or a level itself holds, None if nothing."""
    reason = within(name)
    return reason if reason not in {"addresses", "user names"} else None


def masked(name: str) -> str:
    """Return the name of a column or file as it may be written: what it holds instead of it."""
    reason = called(name)
    return f"({reason} in its name)" if reason else name


def within(text: str) -> str | None:
    """Return what in one text points at a person, None if nothing does for certain."""
    text = _text(text)
    if any(iban.is_valid(each[0]) for each in SHAPES["account"].finditer(text)):
        return "bank accounts"
    if any(_is_card(each[0]) for each in SHAPES["digits"].finditer(text)):
        return "card numbers"
    reasons = (reason for reason in WORDS["sure"] if SHAPES[reason].search(text))
    return next(reasons, None)


def _text(value) -> str:
    """Return a value as text, whole numbers without a point, missing ones as nothing."""
    if value is None or value != value:  # noqa: PLR0124 - only what is missing differs from itself
        return ""
    if isinstance(value, float) and value == int(value):
        value = int(value)
    text = str(value).strip()
    return "" if text in {"<NA>", "NaT", "nan", "None"} else text


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    issuer = re.match(r"4|5[1-5]|2[2-7]|3[47]|6(?:011|5)|3(?:0[0-5]|[68])", digits)
    return bool(issuer) and len(digits) in {13, 14, 15, 16, 19} and luhn.is_valid(digits)


def _bare_phones(texts: list[str]) -> bool:
    """Return whether most texts are the digits of telephones: with a leading 0, or the ten without.

    Ten are so where most can be dialled in one country; of random ids, a third can in the US.
    """
    leading = sum(bool(re.fullmatch(r"00[1-9]\d{8,13}|0[1-9]\d{8,10}", text)) for text in texts)
    ten = [text for text in texts if re.fullmatch(r"[1-9]\d{9}", text)][:PHONES]
    if not ten or len(ten) < max(5, SURE * min(len(texts), PHONES)):
        return bool(texts) and leading >= SURE * len(texts)
    return any(sum(_dialled(text, region) for text in ten) >= SURE * len(ten) for region in TEN)


def _dialled(text: str, region: str) -> bool:
    """Return whether ten digits are a mobile number of a country: too many ids pass as others."""
    number = phonenumbers.parse(text, region)
    mobile = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    return phonenumbers.is_valid_number_for_region(number, region) and (region == "US" or mobile)


def promised(name: str) -> str | None:
    """Return what the name of a column says it holds."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = " ".join(re.sub(r"[\W_\d]+", " ", apart).lower().split())
    return next((reason for reason, p in REASONS.items() if p.fullmatch(words)), None)


def _may_be(reason: str, texts: list[str]) -> bool:
    """Return whether values can be what the name of their column promises.

    Few values that most rows share are no persons (a `name` of three plans), and yes and no are no
    addresses (an `email` that says whether one was given).
    """
    if len(texts) <= 12 and reason != "names of persons":
        return any(sum(c.isdigit() for c in text) >= 6 for text in texts)
    return len(texts) > 12 or sum(map(_is_person, texts)) >= SHARE * len(texts)


@cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    first, last = set(), set()
    for locale in WORDS["locales"]:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for attribute in dir(provider):
            names = getattr(provider, attribute)
            if isinstance(names, (list, tuple, dict)) and attribute.startswith(("first", "last")):
                kind = first if attribute.startswith("first") else last
                kind.update(str(one).lower() for one in names)
    return frozenset(first), frozenset(last)


def _is_person(text: str) -> bool:
    """Return whether a text is a first name, with a family name or alone, as in a list of names."""
    words = [word for word in re.split(r"[\s,.]+", text.lower()) if word]
    words = [word for word in words if word not in WORDS["titles"]]
    if not 1 <= len(words) <= 4 or not all(re.fullmatch(r"[^\W\d_][\w'’-]*", w) for w in words):
        return False
    first, last = _names()
    return bool({*words} & first) and (len(words) == 1 or bool({*words} & last))


def is_pair(text: str) -> bool:
    """Return whether a text is a first and a family name and nothing else, no word of the year."""
    words = text.lower().split()
    return len(words) == 2 and {*words}.isdisjoint(WORDS["season"]) and _is_person(text)


def persons(texts: list[str]) -> bool:
    """Return whether texts are names of persons though nobody says so."""
    people = [text for text in texts if _is_person(text)]
    whole = [text for text in people if re.search(r"\w[\s,.]+\w", text)]
    share, least = ALONE
    mostly_whole = len(texts) > 1 and len(whole) >= (SHARE if len(texts) >= 5 else 1) * len(texts)
    return mostly_whole or (len(texts) >= least and len(people) >= share * len(texts))


def _free(values: list, texts: list[str]) -> bool:
    """Return whether most values are sentences and most of them differ."""
    filled = sum(bool(_text(value)) for value in values)
    sentences = sum(len(text.split()) >= LONG for text in texts)
    return len(texts) >= 10 and len(texts) >= 0.5 * filled and sentences >= 0.5 * len(texts)


# --- pseudonyms -----------------------------------------------------------------------------------


def pseudonym_key(study) -> bytes | None:
    """Return the key of a study's pseudonyms, None if it keeps its ids.

    Raises
    ------
    StudyError
        If the variable is not set or its key is so short that it could be guessed.
    """
    name = study.privacy.pseudonymise
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if len(key) < SHORTEST:
        what = f"holds {len(key)} characters and could be guessed" if key else "is not set"
        raise StudyError(
            f"privacy.pseudonymise: the environment variable {name} {what}: expected a key of "
            f"{SHORTEST} characters or more, such as `openssl rand -hex 32` makes"
        )
    return key.encode()


def pseudonym_mark(study) -> str:
    """Return a mark by which runs tell whether their ids are of one kind; empty without a key."""
    secret = pseudonym_key(study)
    return hmac.digest(secret, b"seglib: which key", "sha256").hex()[:8] if secret else ""


def pseudonyms(ids: pd.Series, secret: bytes) -> pd.Series:
    """Return the pseudonym of each id, given as text; missing stays missing."""
    return ids.map(
        lambda one: hmac.new(secret, one.encode(), "sha256").hexdigest()[:LENGTH],
        na_action="ignore",
    )


# --- small counts ---------------------------------------------------------------------------------


def tells(count: float, n: int, minimum: int) -> bool:
    """Return whether a share of n customers tells of few who did, or of few who did not."""
    return any(0 < few < minimum for few in (round(count), n - round(count)))


def known(frame: pd.DataFrame, minimum: int) -> pd.Series:
    """Return the share of rows of which each column is known, missing where it tells of few."""
    n = frame.notna().sum()
    return (n / len(frame)).mask(np.array([tells(of, len(frame), minimum) for of in n], bool))


def coarse(figure):
    """Return a number with two digits, from which nobody works out of how many it is; else as is.

    A share or a mean of whole numbers in full is a fraction whose denominator can be found.
    """
    return float(f"{figure:.2g}") if isinstance(figure, float) else figure


def hidden(counts, minimum: int) -> np.ndarray:
    """Return which cells of a table of customers to hide; the last row and column are the totals.

    Readers know the totals. With a minimum of 1, only cells of nobody are hidden, none with them.
    """
    table = np.atleast_2d(np.asarray(counts, float))
    rows, columns = (np.vstack([np.eye(n), np.ones(n)]) for n in table.shape)
    rows = rows if np.ndim(counts) == 2 else np.ones((1, 1))
    groups = np.kron(rows, columns)
    mask = groups @ table.ravel() < minimum
    mask = linked(table.ravel(), groups, minimum, nobody=True) if minimum > 1 else mask
    return mask if np.ndim(counts) == 1 else mask.reshape(len(rows), len(columns))


def linked(counts, groups, minimum: int, figures=None, mask=None, *, nobody=False) -> np.ndarray:
    """Return which of several linked figures to hide, such as shares of the same customers.

    `counts`: numbers of customers in cells that do not overlap; `groups`, shape (groups, cells):
    which cells each number that a reader might learn adds up; `minimum`: the smallest number that
    may be learnt; `figures`: the figure that tells a group, each its own by default (a share with
    its interval tells two: how many do and how many do not); `mask`: what is hidden anyway;
    `nobody`: whether a group of nobody is small too. Fischetti & Salazar-González 2001, J. Am.
    Stat. Assoc. 96, section 2 (the attacker's problem).
    """
    groups = np.asarray(groups, float)
    sums = groups @ np.asarray(counts, float)
    figures = np.arange(len(sums)) if figures is None else np.asarray(figures)
    few = (sums < minimum) & (nobody | (sums > 0))
    mask = few if mask is None else few | mask
    mask = np.isin(figures, figures[mask])
    for target in np.flatnonzero(few):
        while _width(groups, sums, mask, target) < minimum:
            more = _companion(groups, sums, figures, mask, target, minimum)
            if more is None:
                break
            mask = mask | (figures == more)
    return mask


def _width(groups: np.ndarray, sums: np.ndarray, mask: np.ndarray, target: int) -> float:
    """Return how many more numbers than one a group can have, given what is shown."""
    if mask.all():
        return np.inf
    from scipy.optimize import linprog  # noqa: PLC0415 - half a second that few counts need

    goal = groups[target]
    ends = [
        linprog(way * goal, A_eq=groups[~mask], b_eq=sums[~mask], method="highs") for way in (1, -1)
    ]
    low, high = (end.fun if end.success else -np.inf for end in ends)
    return np.floor(-high + 1e-6) - np.ceil(low - 1e-6)


def _companion(groups, sums, figures, mask, target, minimum):
    """Return the figure to hide next: the smallest that is enough, else what widens most."""
    both = (groups[:, None, :] >= np.maximum(groups, groups[target])[None]).all(axis=2)
    common = np.where(both, groups.sum(axis=1)[:, None], np.inf).min(axis=0)
    order = np.lexsort([sums, common, groups.sum(axis=1)])
    best, widest = None, _width(groups, sums, mask, target)
    for figure in list(dict.fromkeys(figures[i] for i in order if not mask[i]))[:TRIED]:
        width = _width(groups, sums, mask | (figures == figure), target)
        if width >= minimum:
            return figure
        if best is None or width > widest:
            best, widest = figure, max(width, widest)
    return best


def shown(counts: pd.Series | pd.DataFrame, minimum: int) -> pd.Series | pd.DataFrame:
    """Return counts, missing where they are to be hidden; totals are not added."""
    mask = hidden(counts.to_numpy(), minimum)
    inner = mask[:-1] if counts.ndim == 1 else mask[:-1, :-1]
    return counts.astype(float).mask(inner)


def written(counts: pd.Series, minimum: int) -> pd.Series:
    """Return counts as text, with `not shown` for those to be hidden."""
    return shown(counts, minimum).map(lambda n: NOT_SHOWN if pd.isna(n) else f"{n:,.0f}")
