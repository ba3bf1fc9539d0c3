"""Executed notebook → one accessible HTML page that needs no network."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, count, islice, pairwise
from pathlib import Path
from typing import NamedTuple

import nbformat
from bs4 import BeautifulSoup, NavigableString, Tag
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell

from seglib import wording
from seglib.report.exhibits import TEMPLATES, environment, slug
from seglib.study import StudyError

# The pages of a report in order: file stem → (title, the question it answers).
PAGES = {
    "01_data_collection": ("Data", "Which data were used, and how good are they?"),
    "02_exploratory_analysis": ("Exploration", "Who are they, and is there anything to segment?"),
    "03_clustering": ("Customer segments", "How many groups, and how far can they be trusted?"),
    "03_clustering_products": ("Product segments", "Which products are bought alike?"),
    "04_persona_definition": ("Personas", "Who is in each segment, and what to do first?"),
    "05_measuring_results": ("Results", "What happened in each segment afterwards?"),
    "06_experiments": ("Experiments", "Whom did campaigns reach, and what did experiments show?"),
    "07_monitoring": ("Monitoring", "Do the segments of the last run still hold?"),
}

HIDDEN = {"parameters", "injected-parameters", "hide"}
PLACEHOLDER = "The answer appears here"


class ReportError(StudyError):
    """A notebook that cannot become a page as it is; the text names the notebook and the cell."""


class _Source(NamedTuple):
    """A notebook, the name under which errors speak of it, and the folder of its images."""

    name: str
    node: nbformat.NotebookNode
    folder: str

    def error(self, number: int | str, fault: str) -> ReportError:
        cell = self.node.cells[int(number) - 1]
        first = cell.source.strip().partition("\n")[0][:60]
        return ReportError(f"{self.name}, cell {number} ({first!r}): {fault}")


def page(
    notebook: str | Path | nbformat.NotebookNode,
    html_path: str | Path,
    *,
    study: str = "",
    nav: Sequence[tuple[str, str]] = (),
    footer: Mapping | None = None,
    home: str = "../index.html",
) -> Path:
    """Write an executed notebook as one self-contained page; return its path.

    `nav` holds title and file name of every page of the report, `footer` what made this one.
    Raises ReportError if a figure has no alt text, a cell failed, the answer was never filled in,
    or something would need a script or the network.
    """
    html_path = Path(html_path)
    source, name = _read(notebook, html_path), html_path.name
    body = _body(source)
    title = headings(body) or source.node.metadata.get("title")
    title = title or PAGES.get(html_path.stem, (html_path.stem,))[0]
    tables(body)
    if GLOSSARY in (href for _, href in nav):
        gloss(body)
    eyebrow = next((title for title, href in nav if href == name), "")
    html = render(
        "page.html.j2",
        page_title=" · ".join(filter(None, (title, eyebrow, study))),
        heading=title,
        eyebrow=eyebrow,
        contents=contents(body),
        body=Markup(_linked(body, nav)),
        study=study,
        footer=footer or {},
        home=home,
        **_places(nav, name),
    )
    html_path.write_text(html, encoding="utf-8")
    return html_path


def build(title: str, manifest: Mapping, folder: str | Path) -> list[Path]:
    """Write the pages of a run beside its executed notebooks, by its manifest."""
    paths = [Path(folder) / f"{step['name']}.html" for step in manifest["steps"]]
    for path in paths:
        footer, notebook = provenance(manifest, path.stem), path.with_suffix(".ipynb")
        page(notebook, path, study=title, nav=_nav(manifest), footer=footer)
    return paths


def explain(title: str, manifest: Mapping, folder: str | Path) -> None:
    """Write the page of all terms beside the pages of a run."""
    about = {"study": title, "page_title": f"Glossary · {title}", "home": "../index.html"}
    about |= {"terms": TERMS, "footer": provenance(manifest)}
    html = render("glossary.html.j2", **about, **_places(_nav(manifest), GLOSSARY))
    (Path(folder) / GLOSSARY).write_text(html, encoding="utf-8")


def _nav(manifest: Mapping) -> list[tuple[str, str]]:
    names = [step["name"] for step in manifest["steps"]]
    pages = [(PAGES.get(name, (name,))[0], f"{name}.html") for name in names]
    return [*pages, ("Glossary", GLOSSARY)]


def provenance(manifest: Mapping, name: str = "") -> dict:
    """Return what the footer of a page says: of the step `name` of a run, or of the whole."""
    steps = {step["name"]: step for step in manifest.get("steps", ())}
    times = manifest.get("times", {})
    timed = [times[each] for each in ([name] if name in steps else steps) if each in times]
    timed.sort(key=lambda t: t["started"])
    began = datetime.fromisoformat(timed[0]["started"]).astimezone(UTC) if timed else None
    seconds = f"{sum(t['seconds'] for t in timed):,.0f} s" + ", added up" * (len(timed) > 1)
    run = {key: manifest[key] for key in ("study", "as_of") if key in manifest}
    return {
        "made by": f"{name}.ipynb" if name else ", ".join(steps),
        "parameters": {**run, **steps.get(name, {}).get("parameters", {})},
        "data hash": manifest.get("data_hash"),
        "seed": manifest.get("seed"),
        "versions": manifest.get("versions"),
        "time of run": f"{began:%Y-%m-%d %H:%M} UTC, {seconds}" if began else "",
    }


def render(template: str, **values) -> str:
    """Return a template of the report filled in, with the style sheet."""
    css = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    return environment().get_template(template).render(css=css, **values)


def _read(notebook, html_path: Path) -> _Source:
    if isinstance(notebook, nbformat.NotebookNode):
        return _Source(f"{html_path.stem}.ipynb", notebook, str(html_path.parent))
    path = Path(notebook)
    return _Source(path.name, nbformat.read(path, as_version=4), str(path.parent))


def _body(source: _Source) -> BeautifulSoup:
    shown = copy.deepcopy(source.node)
    visible = [
        _visible(cell, number, source)
        for number, cell in enumerate(shown.cells, 1)
        if not HIDDEN & set(cell.metadata.get("tags", ()))
    ]
    shown.cells = trimmed(visible)
    exporter = HTMLExporter(
        extra_template_basedirs=[str(TEMPLATES.parent)],
        template_name=TEMPLATES.name,
        template_file="cells.html.j2",
        exclude_anchor_links=True,
        embed_images=True,
    )
    exporter.log.setLevel("ERROR")  # missing alt text is an error here, not a warning
    html, _ = exporter.from_notebook_node(shown, {"metadata": {"path": source.folder}})
    body = BeautifulSoup(html, "html.parser")
    for tag in body.find_all(True):  # what a reader could not see, or would need the network
        if what := fault(tag):
            raise source.error(tag.find_parent(attrs={"data-cell": True})["data-cell"], what)
    return body


def _visible(cell, number: int, source: _Source):
    """Return a cell with what the template needs to know, and without what no reader needs."""
    cell.metadata["number"] = number
    if cell.cell_type != "code":
        return cell
    cell.metadata["answer"] = bool(re.search(r"^answer\s*=", cell.source, re.M))
    for output in cell.outputs:
        if output.output_type == "error":
            raise source.error(number, f"failed with {output.ename}: {output.evalue}")
        if PLACEHOLDER in output.get("data", {}).get("text/plain", ""):
            raise source.error(number, "its answer was never filled in: call report.say(…, answer)")
    cell.outputs = [output for output in cell.outputs if not _is_noise(output)]
    return cell


def _is_noise(output) -> bool:
    """Return whether an output is no content: progress bars, captions shown twice, bare objects."""
    if output.output_type == "stream":
        return output.name == "stderr" or not output.text.strip()
    data = output.data
    if output.metadata.get("figcaption") or any("widget" in kind for kind in data):
        return True
    text = data.get("text/plain", "").strip()
    return set(data) == {"text/plain"} and (not text or bool(re.fullmatch(r"\[?<.*>\]?", text)))


def _linked(body: BeautifulSoup, nav) -> str:
    """Return the body as text, with links to notebooks turned into links to their pages."""
    pages = {href for _, href in nav}
    for link in body.find_all("a", href=True):
        target = re.sub(r"\.ipynb(?=$|#)", ".html", link["href"])
        if target.partition("#")[0] in pages:
            link["href"] = target
    return str(body)


def _places(nav: Sequence[tuple[str, str]], name: str) -> dict:
    around = [None, *nav, None]
    here = next((i for i, (_, href) in enumerate(nav, 1) if href == name), None)
    before, after = (around[here - 1], around[here + 1]) if here else (None, None)
    return {"nav": nav, "here": name, "before": before, "after": after}


# --- parts that do not apply to a study: left out, and listed -------------------------------------

MARK = "absent"  # metadata of an output that says why a part is left out
HEADING = re.compile(r"^(#{1,6}) +(.+)$", re.M)
TITLE = "What this page leaves out"


def trimmed(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return the cells without the sections that have nothing to show, and a list of these.

    A section is left out if it has code and all that its code shows is why there is nothing (see
    `exhibits.missing`).
    """
    parts = [part for cell in cells for part in _split(cell)]
    headings = [cell.cell_type == "markdown" and HEADING.match(cell.source) for cell in parts]
    levels = [len(heading[1]) if heading else 7 for heading in headings]
    gone, reasons = set(), []
    for start in (i for i, level in enumerate(levels) if 1 < level < 7 and i not in gone):
        ends = (i for i in range(start + 1, len(parts)) if levels[i] <= levels[start])
        section = range(start, next(ends, len(parts)))
        code = [parts[i] for i in section if parts[i].cell_type == "code"]
        outputs = [o for cell in code for o in cell.outputs if not _is_noise(o)]
        if code and all(output.get("metadata", {}).get(MARK) for output in outputs):
            gone |= set(section)
            reasons += [output.data["text/markdown"] for output in outputs]
    kept = [part for i, part in enumerate(parts) if i not in gone]
    if reasons:
        text = "\n".join(f"- {reason}" for reason in dict.fromkeys(reasons))
        kept.append(new_markdown_cell(f"## {TITLE}\n\n{text}"))
    return kept


def _split(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return a cell of text cut before each heading, any other cell as it is."""
    if cell.cell_type != "markdown":
        return [cell]
    starts = [m.start() for m in HEADING.finditer(cell.source)]
    cuts = [0, *(s for s in starts if s), len(cell.source)]
    texts = [cell.source[a:b].strip() for a, b in pairwise(cuts)]
    parts = []
    for number, text in enumerate(filter(None, texts)):
        part = copy.deepcopy(cell)
        part.source, part.id = text, f"{cell.get('id', 'cell')}-{number}"
        parts.append(part)
    return parts


# --- what the HTML needs to be read by everyone ---------------------------------------------------

NO_ALT = {"", "No description has been provided for this image"}  # the latter is nbconvert's own
NUMBER = re.compile(r"\s*(–|[−+-]?[^\w\s]?\d|NaN|nan|inf|$)")  # how a number begins


def fault(tag: Tag) -> str:
    """Return what keeps an element off a page that is offline and read by everyone, or ''."""
    named = tag.get("aria-label") or tag.get("aria-hidden") == "true" or tag.find("title")
    unnamed = tag.name == "svg" and not named
    if unnamed or (tag.name == "img" and tag.get("alt", "").strip() in NO_ALT):
        return "a figure has no alt text: show it with report.show(figure, alt=…)"
    if tag.name in ("script", "iframe", "object", "embed"):
        return f"its output needs <{tag.name}>, which pages do not have: show a static figure"
    address = tag.get("src") or (tag.get("href") if tag.name == "link" else "") or ""
    if address and not address.startswith("data:"):
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
    texts = {_place(cell) for cell in table.find_all("td") if not NUMBER.match(cell.get_text())}
    for cell in table.select("thead tr:last-child > *, td"):
        if _place(cell) in texts:
            wide = ";min-width:14em" * (len(cell.get_text()) > 40)
            cell["style"] = f"text-align:left{wide}"


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
