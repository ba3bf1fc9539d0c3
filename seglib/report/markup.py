"""What the HTML of a page needs to be read by everyone: headings, headers, terms explained."""

from __future__ import annotations

import re
from itertools import chain, count, islice

from bs4 import BeautifulSoup, NavigableString, Tag

from seglib import wording

NO_ALT = {"", "No description has been provided for this image"}  # the latter is nbconvert's own
ABSENT = {"script", "iframe", "object", "embed", "form", "base", "meta"}  # what pages do not have
BEYOND = re.compile(r"(?!https?:|mailto:)[a-z][a-z0-9+.-]*:", re.I)  # a link that is no address
NUMBER = re.compile(r"[\s\d.,%$€£+−–-]*|NaN|nan|inf")


def fault(tag: Tag) -> str:
    """Return what keeps an element off a page that is offline and read by everyone, or ''."""
    named = tag.get("aria-label") or tag.get("aria-hidden") == "true" or tag.find("title")
    unnamed = tag.name == "svg" and not named
    if unnamed or (tag.name == "img" and tag.get("alt", "").strip() in NO_ALT):
        return "a figure has no alt text: show it with show(figure, alt=…)"
    if tag.name in ABSENT:
        return f"its output needs <{tag.name}>, which pages do not have: show a static figure"
    link = re.sub(r"[\x00-\x20]", "", tag.get("href") or tag.get("xlink:href") or "")
    if tag.name == "a" and BEYOND.match(link):
        return f"it links {link[:60]!r}: no page's address"
    address = tag.get("src") or ("" if tag.name == "a" else link)
    if address and not address.startswith(("data:", "#")):
        return f"it loads {address[:60]!r}, but pages are self-contained: embed it"
    if "url(http" in tag.get("style", "") or (tag.name == "style" and "http" in tag.text):
        return "its style loads something from the network: leave that out"
    return ""


def headings(body: BeautifulSoup) -> str:
    """Take the title out of a page's body; return it.

    The headings that stay begin at level 2, skip no level, and each has its own id (JupyterLab's:
    the text with hyphens for blanks, numbered when it occurs again).
    """
    first = body.find("h1")
    title = first.extract().get_text(" ", strip=True) if first else ""
    ids, level = {"main"}, 1
    for heading in body.find_all(re.compile("^h[1-6]$")):
        level = min(max(int(heading.name[1]), 2), level + 1)
        heading.name = f"h{level}"
        name = re.sub(r"\s+", "-", heading.get_text(" ", strip=True)) or "section"
        numbers = (f"{name}-{number}" for number in count(2))
        heading["id"] = next(free for free in chain([name], numbers) if free not in ids)
        ids.add(heading["id"])
    return title


def contents(body: BeautifulSoup) -> list[tuple[int, str, str]]:
    """Return level, id and text of the headings that a contents list names."""
    result = body.find_all(["h2", "h3"])
    return [(int(h.name[1]), h["id"], h.get_text(" ", strip=True)) for h in result]


def tables(body: BeautifulSoup) -> None:
    """Give tables written by pandas or Markdown a caption, scoped headers and a scrolling box."""
    for table in body.find_all("table"):
        if "exhibit" not in table.get("class", ()):
            _scope(table)
            caption = table.find("caption") or _caption(table)
            label = f"Table: {caption.get_text(' ', strip=True)}"
            box = {"class": "pan", "tabindex": "0", "role": "region", "aria-label": label}
            table.wrap(BeautifulSoup("", "html.parser").new_tag("div", attrs=box))


def _scope(table: Tag) -> None:
    del table["border"]
    for row in table.find_all("tr"):
        del row["style"]
    for cell in table.find_all("th"):
        if cell.get_text(strip=True):
            cell["scope"] = "col" if cell.find_parent("thead") else "row"
        else:
            cell.name = "td"
    texts = [cell for cell in table.find_all("td") if not NUMBER.fullmatch(cell.get_text())]
    places = {_place(cell) for cell in texts}
    heads = [cell for cell in table.select("thead tr:last-child > th") if _place(cell) in places]
    for cell in texts + heads:
        cell["style"] = "text-align:left"


def _place(cell: Tag) -> int:
    return len(cell.find_previous_siblings(["td", "th"]))


def _caption(table: Tag) -> Tag:
    """Add a caption: the cell's own `caption`, or else the heading that the table stands under."""
    cell = table.find_parent(attrs={"data-caption": True})
    heading = table.find_previous(re.compile("^h[2-6]$"))
    caption = BeautifulSoup("", "html.parser").new_tag("caption")
    caption.string = cell["data-caption"] if cell else heading.get_text() if heading else "Table"
    table.insert(0, caption)
    return caption


# --- terms: the glossary, and a gloss at the first use of each ------------------------------------

TERMS = wording.table("glossary")
GLOSSARY = "glossary.html"
PLACES = re.compile("^(p|li|td|figcaption|dd)$")
# Elements whose words are not explained: names, headings, and what can be pressed itself.
APART = re.compile("^(a|code|pre|svg|h[1-6]|summary|caption|thead|button|dfn)$")


def glossed(html: str, address: str = GLOSSARY) -> str:
    """Return a page with a link at the first use of each term to `address`, the glossary."""
    soup = BeautifulSoup(html, "html.parser")
    gloss(soup, address)
    return str(soup)


def gloss(body: BeautifulSoup, address: str = GLOSSARY) -> None:
    """Link the first use of each term on a page to the glossary."""
    texts = [
        text
        for text in (body.find("main") or body).find_all(string=True)
        if type(text) is NavigableString and text.strip()
        if text.find_parent(PLACES) and not text.find_parent(APART)
    ]
    for term, about in TERMS.items():
        pattern = re.compile(rf"(?<![\w-])({'|'.join(about['seen'])})(?![\w-])", re.I)
        found = ((i, match) for i, text in enumerate(texts) if (match := pattern.search(text)))
        for i, match in islice(found, 1):
            there = {"href": f"{address}#{slug(term)}", "title": about["is"], "class": "term"}
            link = BeautifulSoup("", "html.parser").new_tag("a", attrs=there)
            link.string = match[0]
            ends = texts[i][: match.start()], texts[i][match.end() :]
            before, after = map(NavigableString, ends)
            texts[i].replace_with(before, link, after)
            texts[i : i + 1] = [before, after]


def slug(term: str) -> str:
    """Return the id of a term on its page."""
    return re.sub(r"\W+", "-", term.lower()).strip("-")
