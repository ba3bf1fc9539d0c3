"""The glossary: a table of terms, and a gloss at the first use of each on a page."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bs4 import BeautifulSoup, NavigableString

from seglib import wording

TERMS = wording.table("glossary")
PAGE = "glossary.html"
PLACES = re.compile("^(p|li|td|figcaption|dd)$")
# Elements whose words are not explained: names, headings, and what can be pressed itself.
APART = re.compile("^(a|code|pre|svg|h[1-6]|summary|caption|thead|button|dfn)$")


def glossed(html: str, address: str = PAGE) -> str:
    """Return a page with a link at the first use of each term to `address`, the glossary."""
    soup = BeautifulSoup(html, "html.parser")
    gloss(soup, address)
    return str(soup)


def gloss(body: BeautifulSoup, address: str = PAGE) -> None:
    """Link the first use of each term on a page to the glossary."""
    texts = [
        text
        for text in (body.find("main") or body).find_all(string=True)
        if type(text) is NavigableString and _explainable(text)
    ]
    for term, about in TERMS.items():
        pattern = re.compile(rf"(?<![\w-])({'|'.join(about['seen'])})(?![\w-])", re.I)
        place = next((i for i, text in enumerate(texts) if pattern.search(text)), None)
        if place is not None:
            texts[place : place + 1] = _linked(texts[place], pattern, term, about, address)


def _explainable(text: NavigableString) -> bool:
    inside = text.find_parent(PLACES)
    return bool(text.strip()) and inside is not None and not text.find_parent(APART)


def _linked(text, pattern, term: str, about: Mapping, address: str) -> list[NavigableString]:
    """Put a link into a text; return the texts before and after it."""
    match = pattern.search(text)
    link = BeautifulSoup("", "html.parser").new_tag(
        "a", href=f"{address}#{slug(term)}", title=about["is"], attrs={"class": "term"}
    )
    link.string = match[0]
    before, after = (NavigableString(part) for part in (text[: match.start()], text[match.end() :]))
    text.replace_with(before, link, after)
    return [before, after]


def slug(term: str) -> str:
    """Return the id of a term on its page."""
    return re.sub(r"\W+", "-", term.lower()).strip("-")
