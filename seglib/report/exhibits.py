"""What a notebook shows: figures with alt text, accessible tables, sentences."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote

import jinja2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown, display
from matplotlib.colors import to_hex
from PIL import Image

from seglib import wording
from seglib.plots.base import GRID, INK, MUTED, PALETTE
from seglib.report import glossary
from seglib.report.alt import described
from seglib.report.drawing import emblem, line_chart
from seglib.report.narrow import narrowed, uncovered
from seglib.study import StudyError

TEMPLATES = Path(__file__).parent / "template"
FILTERS = wording.number, wording.share, wording.count, wording.day, wording.dated, wording.ink
LEFT = "text-align:left"
DENSITY = 2  # image pixels for one pixel of the page: sharp on phones and in print
# Points of a cloud above which it is drawn as pixels: lighter than so many marks.
MANY = 400
PIXELS = r"(?<=data:image/png;base64,)\s*([^\"]+)"
SHAPE = r"<(?:path|use)\b[^>]*>"
SIZE = r'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"'
# Colours of figures, and the names under which a page has them for light and dark. Bars of seaborn
# are paler by a quarter, the lines of their intervals and labels have greys of their own.
THEME = {INK: "--ink", MUTED: "--muted", GRID: "--rule", "#424242": "--ink", "#808080": "--muted"}
for number, colour in enumerate(PALETTE, 1):
    THEME |= dict.fromkeys((colour, to_hex(sns.desaturate(colour, 0.75))), f"--segment-{number}")


@cache
def environment() -> jinja2.Environment:
    """Return the Jinja environment of the report templates: escaping on, missing keys empty."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
    )
    env.filters |= {f.__name__: f for f in FILTERS}
    env.filters |= {"fragment": quote, "level": level, "line_chart": line_chart, "gap": gap}
    env.filters |= {"amount": wording.amount, "emblem": emblem, "slug": glossary.slug}
    env.globals["zip"] = zip
    return env


def level(confidence: float) -> str:
    """Return a level of confidence as text: '95%', or with the decimals that keep it from 100%."""
    if math.isclose(confidence, 0.95):
        return "95%"
    missed = max(1 - confidence, 1e-9)
    places = max(math.ceil(-math.log10(missed)) - 2, 1)
    return f"{1 - missed:.{places}%}".replace(".0%", "%")


def gap(value: float, unit: str) -> str:
    """Return a difference as text: of shares in points, so that it is not read as a part of one."""
    return wording.amount(100 * value, "points") if unit == "share" else wording.amount(value, unit)


def say(text: str, at=None) -> None:
    """Display sentences of Markdown, with dollar signs kept from being read as formulas.

    Parameters
    ----------
    text
        Markdown.
    at
        A display handle, such as the notebook's `answer`, to fill in instead of displaying below.
    """
    sentences = Markdown(re.sub(r"(?<!\\)\$", r"\\$", text))
    if at is None:
        display(sentences)
    else:
        at.update(sentences)


def missing(reason: str) -> None:
    """Display why a part has nothing to show; the page leaves the part out and lists the reason.

    Parameters
    ----------
    reason
        A sentence: what the study lacks, and what is therefore not said.
    """
    display({"text/markdown": reason, "text/plain": reason}, raw=True, metadata={"absent": True})


class Page:
    """What one notebook says: sentences of its template, filled with what the cells computed.

    Parameters
    ----------
    name
        Of the template, `wording/<name>.md.j2`.
    """

    def __init__(self, name: str):
        self.name = name

    def say(self, sentence: str, at=None, **values) -> None:
        """Display a sentence as `say` does; nothing where the template has none for the values."""
        if text := self.text(sentence, **values):
            say(text, at)

    def text(self, sentence: str, **values) -> str:
        """Return a sentence as Markdown."""
        return wording.text(self.name, sentence, **values)

    def plain(self, sentence: str, **values) -> str:
        """Return a sentence for a title, a caption or an alt text."""
        return wording.plain(self.name, sentence, **values)


def show(figure, alt: str = "", caption: str = "", absent: str = "") -> None:
    """Display a figure with its alt text and caption, and close it.

    Parameters
    ----------
    figure
        A matplotlib figure, or anything with a `figure` attribute (axes, a seaborn grid).
    alt
        What the figure shows, for who cannot see it; without it, the titles of its axes and the
        values they hold.
    caption
        What stands below the figure.
    absent
        Why there is nothing to draw, displayed instead of a figure without data.
    """
    figure = getattr(figure, "figure", figure)
    if absent and not any(map(_drawn, figure.axes)):
        plt.close(figure)
        return missing(absent)
    alt = alt.strip() or described(figure)
    data = {"image/svg+xml": svg(uncovered(figure), alt), "text/plain": alt}
    about = {"alt": alt, "caption": caption.strip(), "narrow": svg(narrowed(figure), alt, "n")}
    plt.close(figure)
    display(data, raw=True, metadata=about)
    if caption.strip():  # for JupyterLab; on the page it stands in the figure's own caption
        display({"text/markdown": f"*{caption.strip()}*"}, raw=True, metadata={"figcaption": True})


def svg(figure, alt: str, mark: str = "f") -> str:
    """Return a figure as SVG that takes the colours of the page it stands on, light or dark.

    A cloud of more than `MANY` points is pixels; text stays text. `mark` tells two drawings of one
    name apart. The same figure gives the same text.
    """
    clouds = [drawn for ax in figure.axes for drawn in ax.collections]
    many = sum(len(points.get_offsets()) for points in clouds) > MANY
    for points in clouds:
        points.set_rasterized(many and len(points.get_offsets()) > MANY / 10)
    own = f"{mark}{hashlib.sha256(alt.encode()).hexdigest()[:7]}"
    file = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": own}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(
            file,
            format="svg",
            bbox_inches="tight",
            transparent=True,
            metadata=nothing,
            dpi=96 * DENSITY,
        )
    drawing = re.sub(PIXELS, _few_colours, file.getvalue())
    drawing = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", drawing, flags=re.S)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', drawing))
    drawing = re.sub(
        r' id="([^"]*)"', lambda m: f' id="{own}-{m[1]}"' if m[1] in used else "", drawing
    )
    drawing = re.sub(r'(url\(|href=")#', rf"\g<1>#{own}-", drawing)
    for colour, name in THEME.items():
        drawing = drawing.replace(colour, f"var({name}, {colour})")
    drawing = re.sub(SHAPE, lambda m: m[0].replace("#ffffff", "var(--paper, #ffffff)"), drawing)
    width, height = (round(float(x) * 4 / 3) for x in re.search(SIZE, drawing).groups())
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'role="img" aria-label="{escape(alt)}" width="{width}" height="{height}" '
        f'style="stroke-linejoin:round;max-width:100%;height:auto" viewBox='
    )
    _, box, rest = re.split(r'<svg [^>]*?viewBox=("[^"]*")[^>]*>', drawing, maxsplit=1)
    return f"{head}{box}>{rest}".strip()


def _few_colours(found: re.Match) -> str:
    """Return a PNG in base 64 with 64 colours: a cloud of points has few, and takes less room."""
    file = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(found[1]))).quantize(64).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _drawn(ax) -> bool:
    """Return whether axes show any data; a line of reference is none."""
    lines = [ln for ln in ax.lines if ln.get_transform() == ax.transData]
    if any(np.isfinite(np.asarray(line.get_ydata(), float)).any() for line in lines):
        return True
    points = [
        c.get_offsets() if c.get_array() is None else c.get_array()
        for c in ax.collections
        if not hasattr(c, "get_segments")
    ]
    return bool(ax.patches or ax.images or any(np.size(values) for values in points))


def table(
    frame, caption: str, formats: Mapping | None = None, note: str = "", absent: str = ""
) -> None:
    """Display a frame as a captioned table with row and column headers.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        The index becomes row headers; with the default index, the first column does.
    caption
        What the table shows.
    formats
        For a column, a function, a format such as ``".0%"`` or a text such as ``"${:,.2f}"``;
        columns not named get as many decimals as their largest number needs.
    note
        A sentence below the table.
    absent
        Why there are no rows, displayed instead of a table without any.

    Raises
    ------
    StudyError
        If the caption is empty or `formats` names a column that is not there.
    """
    frame = frame.to_frame() if isinstance(frame, pd.Series) else frame
    if not caption.strip():
        raise StudyError("a table has no caption: say what it shows")
    if absent and not len(frame):
        return missing(absent)
    if unknown := set(formats or {}) - set(frame.columns) - set(frame.index.names):
        raise StudyError(f"formats names {sorted(map(str, unknown))}: not a column of the table")
    html = table_html(frame, caption, formats or {}, note)
    display({"text/html": html, "text/plain": frame.to_string()}, raw=True)


def table_html(frame: pd.DataFrame, caption: str, formats: Mapping, note: str = "") -> str:
    """Return the HTML that `table` displays."""
    labels, body = _split(frame)
    columns = [body.iloc[:, i] for i in range(body.shape[1])]
    written = [_column(values, formats) for values in columns]
    styles = [_style(texts) for texts in written]
    head = [(_heading(name), LEFT) for name in labels.columns]
    head += [(_heading(name), style) for name, style in zip(body.columns, styles, strict=True)]
    stubs = zip(*(_column(labels[name], formats) for name in labels.columns), strict=True)
    cells = zip(*written, strict=True) if written else ([] for _ in range(len(frame)))
    rows = [(s, list(zip(c, styles, strict=True))) for s, c in zip(stubs, cells, strict=True)]
    page = environment().get_template("table.html.j2")
    return page.render(caption=caption.strip(), head=head, rows=rows, note=note.strip())


def _style(texts: list[str]) -> str:
    """Return the style of a column: numbers as the page has them, right; text left, long text wide.

    Styles stand in the cells, because JupyterLab does not have the page's style sheet.
    """
    if all(re.match(r"–|[−+-]?[^\w\s]?\d", text) for text in texts):
        return ""
    return LEFT + ";min-width:14em" * (max(map(len, texts)) > 40)


def _split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the columns that head the rows and the columns that fill them."""
    if isinstance(frame.index, pd.RangeIndex) and frame.index.name is None and frame.shape[1]:
        return frame.iloc[:, :1], frame.iloc[:, 1:]
    return frame.index.to_frame(index=False).rename(columns=lambda n: "" if n == 0 else n), frame


def _heading(name) -> str:
    """Return a column's name as text; the levels of a nested one are joined."""
    parts = name if isinstance(name, tuple) else (name,)
    return " · ".join(str(part) for part in parts if str(part))


def _is_text(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)


def _column(values: pd.Series, formats: Mapping) -> list[str]:
    """Return a column's values as text; missing ones as an en dash."""
    write = _writer(values, formats.get(values.name))
    missing = values.isna()
    return ["–" if gone else write(v) for v, gone in zip(values, missing, strict=True)]


def _writer(values: pd.Series, how: str | Callable | None) -> Callable:
    """Return the function that writes one value of a column."""
    if callable(how):
        return how
    if how is None and _is_text(values):
        return _plain
    how = how or f",.{wording.decimals(values.dropna())}f"
    return lambda value: wording.minus(how.format(value) if "{" in how else format(value, how))


def _plain(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp) and value == value.normalize():
        return value.date().isoformat()
    return str(value)
