"""Parts of an executed notebook that do not apply to a study: left out of its page, and listed."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from itertools import pairwise

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

MARK = "absent"  # metadata of an output that says why a part is left out
HEADING = re.compile(r"^(#{1,6}) +(.+)$", re.M)
TITLE = "What this page leaves out"


def trimmed(cells: list[NotebookNode], is_noise: Callable) -> list[NotebookNode]:
    """Return the cells without the sections that have nothing to show, and a list of these.

    A section is left out if it has code and all that its code shows is why there is nothing (see
    `exhibits.missing`). `is_noise` tells outputs that are no content.
    """
    parts = [part for cell in cells for part in _split(cell)]
    gone, reasons = set(), []
    for start, end in _sections(parts):
        inside = parts[start:end]
        if start in gone or not any(cell.cell_type == "code" for cell in inside):
            continue
        outputs = [o for cell in inside for o in cell.get("outputs", ()) if not is_noise(o)]
        if all(_marked(output) for output in outputs):
            gone |= set(range(start, end))
            reasons += [output.data["text/markdown"] for output in outputs]
    kept = [part for i, part in enumerate(parts) if i not in gone]
    told = list(dict.fromkeys(reasons))
    if told:
        text = f"## {TITLE}\n\n" + "\n".join(f"- {reason}" for reason in told)
        kept.append(new_markdown_cell(text))
    return kept


def _marked(output: NotebookNode) -> bool:
    return bool(output.get("metadata", {}).get(MARK))


def _split(cell: NotebookNode) -> list[NotebookNode]:
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


def _sections(parts: list[NotebookNode]) -> list[tuple[int, int]]:
    """Return where each section below the title begins and ends."""
    levels = {
        i: len(result[1])
        for i, part in enumerate(parts)
        if part.cell_type == "markdown" and (result := HEADING.match(part.source))
    }
    sections = []
    for start, level in levels.items():
        later = (i for i, other in levels.items() if i > start and other <= level)
        if level > 1:
            sections.append((start, next(later, len(parts))))
    return sections
