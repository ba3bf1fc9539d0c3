"""Whether values point at persons: names, e-mails, telephones, addresses, accounts, cards.

Checksums and numbering plans are those of python-stdnum and phonenumbers; first names and family
names are the lists that Faker keeps for the countries below. No such test is complete: a name that
is on no list, in a column whose name says nothing, is not seen.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from functools import cache

import phonenumbers
from stdnum import iban, luhn

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
DIGITS = re.compile(r"(?<![\w.,])\d(?:[ -]?\d){12,18}(?![\w,])")
ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
SOCIAL = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
HANDLE = re.compile(r"@(?=\w*[\d_.])[A-Za-z_][\w.-]{1,30}")
STREET = re.compile(
    r"\b\d+[a-z]?,? (?:[\w.'’-]+ ){1,3}(?:street|road|avenue|lane|boulevard)\b"
    r"|\b\d+[a-z]?,? (?-i:(?:[A-Z][\w.'’-]* ){1,3}(?:St|Rd|Ave|Ln|Drive|Dr|Blvd|Court|Ct|Square|"
    r"Terrace|Crescent|Close|Parkway|Highway|Way)\b)"
    r"|\b\w*(?:straße|strasse|str\.|gasse|allee|platz|weg|straat|laan|plein|gade|gatan) \d+\b"
    r"|\b\d+(?: ?bis)?,? (?:rue|avenue|boulevard|place|chemin|quai|impasse) \w"
    r"|\b(?:calle|avenida|via|viale|piazza|rua|plaza) [\w.' ]+,? ?\d+\b",
    re.IGNORECASE,
)
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL")  # where a number without + may be of
LOCALES = ["cs_CZ", "da_DK", "de_DE", "en_GB", "en_IN", "en_US", "es_ES", "es_MX", "fi_FI", "fr_FR",
           "it_IT", "nl_NL", "no_NO", "pl_PL", "pt_BR", "ro_RO", "sv_SE", "tr_TR"]  # fmt: skip
TITLES = {"mr", "mrs", "ms", "miss", "dr", "prof", "sir", "herr", "frau", "mme", "sr", "sra"}
CALLED = {  # reason → what the name of such a column says, as whole words
    "e-mail addresses": r"e?mail|e mail|email address",
    "telephone numbers": r"(tele)?phone( no| number)?|tel|telefon(nummer)?|mobile( no| number)?|"
    r"cell( phone)?|handy(nummer)?|fax|whatsapp|telephone|portable|movil",
    "names of persons": r"name|(first|last|full|family|given|middle|sur|customer|client|contact|"
    r"user|member|respondent|subscriber) ?name|surname|forename|vorname|nachname|prenom|apellidos?|"
    r"nombre|nom|cognome|contact person",
    "addresses": r"(home |postal |street |billing |shipping |delivery |mailing )?address( line)?"
    r"|street( name)?|strasse|straße|adresse|anschrift|direccion|indirizzo|house number",
    "bank accounts": r"iban|(bank )?account (no|number)|bank account|kontonummer",
    "card numbers": r"(credit |debit )?card (no|number)|credit card|kreditkarte|pan",
    "identity numbers": r"ssn|social security( no| number)?|passport( no| number)?|tax id|"
    r"national id|nino|driving licen[cs]e|steuernummer|dni|nif",
    "dates of birth": r"dob|date of birth|birth ?date|birth ?day|geburtsdatum|geboren",
}
SAYS = r"\b(?:iban|ssn|passport|dni|nif|credit card|kreditkarte)\b"  # ids that are of persons
SHARE = 0.3  # of distinct values that must be a first and a family name to be names of persons
ALONE = 0.7, 20  # … or must be first names alone, and how many; some cities are called like people
LONG = 4  # words from which a text is a sentence; where most differ, it is free text
FREE = "free text"


def personal(values: Iterable, name: str = "") -> str | None:
    """Return why a column points at persons, None if nothing says so.

    Parameters
    ----------
    values
        The values of the column; missing ones are passed over, copies count once.
    name
        Of the column. A name alone is enough, unless all values are short codes or numbers that
        such a column would not hold.

    Returns
    -------
    str or None
        Such as `e-mail addresses`, `telephone numbers`, `names of persons`, `addresses`, `bank
        accounts`, `card numbers`, `identity numbers`, `dates of birth` or `free text`: answers in
        people's own words, in which anything may stand.
    """
    texts = sorted({_text(value) for value in values} - {""})
    for text in texts:
        if found := within(text):
            return found
    if texts and sum(map(_bare_phone, texts)) >= 0.8 * len(texts):
        return "telephone numbers"
    if found := _called(name):
        return found if not texts or _may_be(found, texts) else None
    if persons(texts):
        return "names of persons"
    return FREE if _free(list(values), texts) else None


def mostly(values: Iterable, name: str = "") -> str | None:
    """Return what at least half of the ids in a column point at, None if they are only ids.

    A name that nothing else has, such as IBAN, is enough.
    """
    texts = sorted({_text(value) for value in values} - {""})
    if re.search(SAYS, name.lower()) and (said := _called(name)):
        return said
    found = [reason for text in texts if (reason := within(text))]
    if texts and 2 * len(found) >= len(texts):
        return max(sorted(set(found)), key=found.count)
    return "names of persons" if persons(texts) else None


def within(text: str) -> str | None:
    """Return what in one text points at a person, None if nothing does for certain."""
    text = _text(text)
    if EMAIL.search(text):
        return "e-mail addresses"
    if any(iban.is_valid(found[0]) for found in ACCOUNT.finditer(text)):
        return "bank accounts"
    if any(_is_card(found[0]) for found in DIGITS.finditer(text)):
        return "card numbers"
    if HANDLE.fullmatch(text):
        return "user names"
    if SOCIAL.search(text):
        return "identity numbers"
    if _holds_phone(text):
        return "telephone numbers"
    return "addresses" if STREET.search(text) else None


def _text(value) -> str:
    """Return a value as text, whole numbers without a point, missing ones as nothing."""
    if value is None or value != value:  # noqa: PLR0124 - only what is missing differs from itself
        return ""
    if isinstance(value, float) and value == int(value):
        value = int(value)
    text = str(value).strip()
    return "" if text in {"<NA>", "NaT", "nan", "None"} else text


def _is_card(text: str) -> bool:
    """Return whether digits are grouped as on a card or begin as one, and pass Luhn's check."""
    digits = re.sub(r"\D", "", text)
    issuer = re.match(r"4|5[1-5]|2[2-7]|3[47]|6(?:011|5)|3(?:0[0-5]|[68])", digits)
    return bool(issuer) and len(digits) in {13, 14, 15, 16, 19} and luhn.is_valid(digits)


def _holds_phone(text: str) -> bool:
    """Return whether a text holds a number that is written as telephone numbers are."""
    if sum(c.isdigit() for c in text) < 8 or not re.search(r"[+() /.-]|\d", text):
        return False
    written = re.search(r"\+\d|\(\d+\)|\d[ /.-]\d", text)
    if not written:
        return False
    return any(
        _as_written(match.raw_string)
        for region in REGIONS
        for match in phonenumbers.PhoneNumberMatcher(text, region)
    )


def _as_written(raw: str) -> bool:
    """Return whether a possible number has the marks of one: +, a leading 0 or (, or 3-3-4."""
    if re.match(r"\+|\(0?\d{2,5}\)", raw):
        return True
    local = re.fullmatch(r"0\d{1,5}[ /-]\d[\d /-]{4,}", raw)
    dated = re.search(r"\b(?:19|20)\d\d[-/. ]\d\d?|\d\d?[-/. ]\d\d?[-/. ](?:19|20)?\d\d$", raw)
    american = re.fullmatch(r"(?:1[ .-])?\d{3}[ .-]\d{3}[ .-]\d{4}", raw)
    return bool(american or (local and not dated) or _pairs(raw))


def _pairs(raw: str) -> bool:
    """Return whether a number is written as in France: 06 12 34 56 78."""
    return bool(re.fullmatch(r"0[1-9](?:[ .-]\d\d){4}", raw))


def _bare_phone(text: str) -> bool:
    """Return whether a text is nothing but the digits of a number with its leading 0 or 00."""
    return bool(re.fullmatch(r"00[1-9]\d{8,13}|0[1-9]\d{8,10}", text))


def _called(name: str) -> str | None:
    """Return what the name of a column says it holds."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = " ".join(re.sub(r"[\W_\d]+", " ", apart).lower().split())
    for reason, pattern in CALLED.items():
        if re.fullmatch(rf"(?:(?:customer|client|user|contact|your|work|private|home|the|my|"
                        rf"primary|kunden) ?)?(?:{pattern})s?", words):  # fmt: skip
            return reason
    return None


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
    """Return first names and family names in small letters."""
    first, last = set(), set()
    for locale in LOCALES:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for attribute in dir(provider):
            held = getattr(provider, attribute)
            if isinstance(held, (list, tuple, dict)) and attribute.startswith(("first", "last")):
                kind = first if attribute.startswith("first") else last
                kind.update(str(one).lower() for one in held)
    return frozenset(first), frozenset(last)


def _is_person(text: str) -> bool:
    """Return whether a text is a first name, with a family name or alone, as in a list of names."""
    words = [word for word in re.split(r"[\s,.]+", text) if word]
    words = [word for word in words if word.lower() not in TITLES]
    if not 1 <= len(words) <= 4 or not all(re.fullmatch(r"[^\W\d_][\w'’-]*", w) for w in words):
        return False
    first, last = _names()
    small = [word.lower() for word in words]
    if len(words) == 1:
        return small[0] in first
    return any(w in first for w in small) and any(w in last for w in small)


def _begins_as_person(text: str) -> bool:
    """Return whether a text is two words of which the first is a first name."""
    words = text.split()
    return 2 <= len(words) <= 3 and words[0].lower() in _names()[0] and words[-1].isalpha()


def persons(texts: list[str]) -> bool:
    """Return whether texts are names of persons though nobody says so."""
    found = [text for text in texts if _is_person(text)]
    whole = [text for text in found if re.search(r"\w[\s,.]+\w", text)]
    share, least = ALONE
    if len(texts) >= 5 and len(whole) >= SHARE * len(texts):
        return True
    if 2 <= len(texts) < 5 and all(map(_begins_as_person, texts)):
        return True
    return len(texts) >= least and len(found) >= share * len(texts)


def _free(values: list, texts: list[str]) -> bool:
    """Return whether most values are sentences and most of them differ."""
    filled = sum(1 for value in values if _text(value))
    if len(texts) < 10 or len(texts) < 0.5 * filled:
        return False
    return sum(len(text.split()) >= LONG for text in texts) >= 0.5 * len(texts)
