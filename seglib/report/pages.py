"""Executed notebook → one accessible HTML page that needs no network."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import nbformat
from bs4 import BeautifulSoup
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell

from seglib import wording
from seglib.formats import StudyError
from seglib.report import markup
from seglib.report.exhibits import TEMPLATES, environment

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
    title = markup.headings(body) or source.node.metadata.get("title")
    title = title or PAGES.get(html_path.stem, (html_path.stem,))[0]
    markup.tables(body)
    if markup.GLOSSARY in (href for _, href in nav):
        markup.gloss(body)
    eyebrow = next((title for title, href in nav if href == name), "")
    html = render(
        "page.html.j2",
        page_title=" · ".join(filter(None, (title, eyebrow, study))),
        heading=title,
        eyebrow=eyebrow,
        contents=markup.contents(body),
        body=Markup(_linked(body, nav)),
        study=study,
        footer=footer or {},
        home=home,
        **_places(nav, name),
    )
    html_path.write_text(html, encoding="utf-8")
    return html_path


def build(title: str, manifest: Mapping, folder: str | Path) -> list[Path]:
    """Write the pages that a run lacks beside its executed notebooks, by its manifest."""
    paths = [Path(folder) / f"{step['name']}.html" for step in manifest["steps"]]
    for path in (path for path in paths if not path.exists()):
        footer, notebook = provenance(manifest, path.stem), path.with_suffix(".ipynb")
        page(notebook, path, study=title, nav=_nav(manifest), footer=footer)
    return paths


def explain(title: str, manifest: Mapping, folder: str | Path) -> None:
    """Write the page of all terms beside the pages of a run."""
    about = {"study": title, "page_title": f"Glossary · {title}", "home": "../index.html"}
    about |= {"terms": markup.TERMS, "footer": provenance(manifest)}
    html = render("glossary.html.j2", **about, **_places(_nav(manifest), markup.GLOSSARY))
    (Path(folder) / markup.GLOSSARY).write_text(html, encoding="utf-8")


def _nav(manifest: Mapping) -> list[tuple[str, str]]:
    names = [step["name"] for step in manifest["steps"]]
    pages = [(PAGES.get(name, (name,))[0], f"{name}.html") for name in names]
    return [*pages, ("Glossary", markup.GLOSSARY)]


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
    return wording.visible(environment().get_template(template).render(css=css, **values))


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
    html, _ = _exporter().from_notebook_node(shown, {"metadata": {"path": source.folder}})
    body = BeautifulSoup(html, "html.parser")
    for tag in body.find_all(True):  # what a reader could not see, or would need the network
        if fault := markup.fault(tag):
            raise source.error(tag.find_parent(attrs={"data-cell": True})["data-cell"], fault)
    return body


@cache
def _exporter() -> HTMLExporter:
    """Return what turns cells into HTML: its templates take longer to read than a page to fill."""
    exporter = HTMLExporter(
        extra_template_basedirs=[str(TEMPLATES.parent)],
        template_name=TEMPLATES.name,
        template_file="cells.html.j2",
        exclude_anchor_links=True,
        embed_images=True,
    )
    exporter.log.setLevel("ERROR")  # missing alt text is an error here, not a warning
    return exporter


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
            raise source.error(number, "its answer was never filled in: call say(…, answer)")
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
