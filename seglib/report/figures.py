"""Figures of a page: SVG in the colours of the page, in words, and drawn again for a phone."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
import textwrap
from html import escape

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.dates import AutoDateLocator
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FuncFormatter, PercentFormatter
from PIL import Image

from seglib import wording
from seglib.plots import GRID, INK, MUTED, NAMED, PALETTE

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


# --- as SVG ---------------------------------------------------------------------------------------


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


def drawn(ax) -> bool:
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


# --- in words -------------------------------------------------------------------------------------

# Values that are all said of a line and of a heat map, and points above which none is.
SHOWN, CELLS, CLOUD = 12, 40, 400


def described(figure) -> str:
    """Return the titles and values of a figure's axes."""
    axes = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    return ". ".join(filter(None, map(_axes, axes))) or "A figure."


def _axes(ax: Axes) -> str:
    title = (ax.get_title(loc="left") or ax.get_title()).replace("\n", " ")
    values = _heat(ax) or "; ".join(_bars(ax) or [*_marks(ax), *_lines(ax)])
    label = "" if names(ax.yaxis) else ax.get_ylabel()
    if label and _marks(ax) and ax.get_xlabel():
        label = f"{ax.get_xlabel()} and {label}"
    return ": ".join(filter(None, (title, label, values)))


def _number(value: float, axis: Axis | None = None) -> str:
    if isinstance(axis and axis.get_major_formatter(), PercentFormatter):
        return wording.amount(value, "share")
    return "–" if np.isnan(value) else "−" * bool(value < 0) + wording.figure(abs(value))


def names(axis: Axis) -> dict[int, str]:
    """Return the names along an axis of categories by place; empty for one of numbers."""
    named = FixedFormatter | FuncFormatter | StrCategoryFormatter
    if not isinstance(axis.get_major_formatter(), named):
        return {}
    texts = (text.get_text().replace("\n", " ") for text in axis.get_ticklabels())
    return dict(zip(np.floor(axis.get_ticklocs()).astype(int).tolist(), texts, strict=True))


def _heat(ax: Axes) -> str:
    """Return the rows of a heat map; of a large one with both signs the cells furthest from 0."""
    for mesh in (drawn for drawn in ax.collections if isinstance(drawn, QuadMesh)):
        cells = np.ma.filled(np.ma.asarray(mesh.get_array(), float), np.nan)
        finite, written = ~np.isnan(cells), [text.get_text() for text in ax.texts]
        texts = np.full(cells.shape, "–", dtype=object)
        texts[finite] = written if len(written) == finite.sum() else [*map(_number, cells[finite])]
        rows, columns = names(ax.yaxis), names(ax.xaxis)
        if cells.size <= CELLS or np.nanmin(cells) >= 0:
            ends = (np.flatnonzero(row).max(initial=-1) + 1 for row in finite)
            lines = (
                ", ".join([*row[:end][:SHOWN], *["…"] * int(end > SHOWN)])
                for row, end in zip(texts, ends, strict=True)
            )
            return "; ".join(f"{rows.get(i, i + 1)} {line}" for i, line in enumerate(lines))
        order = sorted(zip(*np.nonzero(finite), strict=True), key=lambda place: -abs(cells[place]))
        return "; ".join(
            f"{rows.get(i, i + 1)}, {columns.get(j, j + 1)} {texts[i, j]}" for i, j in order[:SHOWN]
        )
    return ""


def _bars(ax: Axes) -> list[str]:
    bars = [b for b in ax.patches if hasattr(b, "get_height") and b.get_height() and b.get_width()]
    bars = [b for b in bars if b.get_data_transform() == ax.transData]
    rows, columns = names(ax.yaxis), names(ax.xaxis)
    if rows and not columns:
        sizes = [(rows, b.get_y(), b.get_height(), b.get_width(), ax.xaxis) for b in bars]
    else:
        sizes = [(columns, b.get_x(), b.get_width(), b.get_height(), ax.yaxis) for b in bars]
    return [
        f"{of.get(round(start + breadth / 2), '')} {_number(length, axis)}".strip()
        for of, start, breadth, length, axis in sizes[:CELLS]
    ]


def _marks(ax: Axes) -> list[str]:
    """Return name and values of each row of marks, or their places where neither axis has names.

    Of a cloud of many the middle and the ends.
    """
    clouds = [c.get_offsets() for c in ax.collections if isinstance(c, PathCollection)]
    points = np.ma.filled(np.ma.vstack(clouds), np.nan) if clouds else np.empty((0, 2))
    points = points[~np.isnan(points).any(axis=1)]
    if len(points) > CLOUD:
        ways = zip(("across", "up"), points.T, strict=True)
        spans = [(way, *map(_number, (v.min(), v.max(), np.median(v)))) for way, v in ways]
        spans = [f"{way} {low} to {high}, median {middle}" for way, low, high, middle in spans]
        return [f"{len(points):,} points", *spans]
    if rows := names(ax.yaxis):
        own = {i: [_number(x, ax.xaxis) for x, y in points if round(y) == i] for i in rows}
        return [f"{rows[i]} {', '.join(values)}" for i, values in own.items() if values]
    written = {tuple(map(float, t.xy)): t.get_text() for t in ax.texts if t.get_gid() == NAMED}
    return [
        f"{written.get((x, y), name)} {_number(x, ax.xaxis)} and {_number(y, ax.yaxis)}".strip()
        for name, (x, y) in zip(_legend(ax, len(points)), points.tolist(), strict=True)
    ][:CELLS]


def _legend(ax: Axes, n: int) -> list[str]:
    """Return the texts of a legend of so many lines, and else as many empty ones."""
    texts = [text.get_text() for text in ax.get_legend().texts] if ax.get_legend() else []
    return texts if len(texts) == n else [""] * n


def _lines(ax: Axes) -> list[str]:
    """Return name and values of each line; of a long one its ends, its lowest and its highest."""
    lines = [ln for ln in ax.lines if ln.get_transform() == ax.transData and len(ln.get_ydata())]
    values = [_values(np.asarray(line.get_ydata(), float), ax.yaxis) for line in lines]
    return [f"{n} {v}".strip() for n, v in zip(_legend(ax, len(lines)), values, strict=True)]


def _values(values: np.ndarray, axis: Axis | None = None) -> str:
    finite = values[~np.isnan(values)]
    if len(values) <= SHOWN or not len(finite):
        return ", ".join(_number(v, axis) for v in values)
    ends = (finite[0], finite[-1], finite.min(), finite.max())
    return "from {} to {}, lowest {}, highest {}".format(*(_number(v, axis) for v in ends))


# --- for a phone ----------------------------------------------------------------------------------

# Inches of a figure on a phone and of a line of its legend, and the size of letters in points.
WIDTH, LINE, SMALL = 4.3, 0.16, 8
# Letters in a line of a title, of a name beside an axis, and of the label of an axis.
TITLE, NAME, LABEL = 38, 17, 44
# Letters of a title for an inch of a panel.
WIDE = 8
# Letters of a line of a name beside a figure, and its lines.
LONGEST, ROWS = 60, 3
# Lines of a legend from which more would cover the figure.
LINES = 3


def narrowed(figure: Figure) -> Figure:
    """Return the figure, changed so that it can be read on a phone without swiping."""
    width, height = figure.get_size_inches()
    if width <= WIDTH:
        return figure
    panels = [ax for ax in figure.axes if ax.get_subplotspec()]
    rows = any(names(ax.yaxis) for ax in panels)
    height = height * 1.1 if rows else max(2.8, 1.2 * height * WIDTH / width)
    if _side_by_side(panels):
        grid = figure.add_gridspec(len(panels), 1)
        for place, ax in enumerate(panels):
            ax.set_subplotspec(grid[place])
        height *= len(panels)
    lines = [len(ax.get_legend().texts) for ax in panels if ax.get_legend()]
    figure.set_size_inches(WIDTH, height + LINE * sum(lines))
    for ax in panels:
        _shrink(ax)
    for ax in figure.axes:
        ax.tick_params(labelsize=SMALL)
        ax.yaxis.label.set_fontsize(SMALL)
    return apart(figure)


def _side_by_side(panels: list[Axes]) -> bool:
    shapes = {ax.get_subplotspec().get_gridspec().get_geometry() for ax in panels}
    return shapes == {(1, len(panels))} and len(panels) > 1


def _shrink(ax: Axes) -> None:
    for loc in ("left", "center"):
        ax.set_title(textwrap.fill(ax.get_title(loc=loc), TITLE), loc=loc, fontsize=SMALL + 2)
    ax.set_xlabel(textwrap.fill(ax.get_xlabel(), LABEL), fontsize=SMALL)
    if names(ax.yaxis):
        texts = [textwrap.fill(text.get_text(), NAME) for text in ax.get_yticklabels()]
        ax.set_yticks(ax.get_yticks(), texts)
    if names(ax.xaxis) and sum(len(text) for text in names(ax.xaxis).values()) > LABEL:
        ax.tick_params(axis="x", labelrotation=90)
    for text in ax.texts:
        text.set_fontsize(SMALL - 1 - (len(ax.texts) > 40))
        if text.get_gid() == NAMED:
            text.set_text(textwrap.fill(text.get_text(), NAME))
    if legend := ax.get_legend():
        for text in legend.get_texts():
            text.set_fontsize(SMALL)
        legend.set_ncols(1)
        _place(legend, (0, -0.12))
    _thin(ax, 4)


def apart(figure: Figure) -> Figure:
    """Return the figure, names of lines and points moved up where they would overlap."""
    named = [[t for t in ax.texts if t.get_gid() == NAMED] for ax in figure.axes]
    if any(named):
        figure.draw_without_rendering()
    for texts in named:
        free = -math.inf  # lower end of what is free, in points
        for text in sorted(texts, key=_height):
            at = _height(text) * 72 / figure.dpi
            half = 0.62 * text.get_fontsize() * (1 + text.get_text().count("\n"))
            middle = max(at, free + half)
            text.xyann, free = (7, middle - at), middle + half
    return figure


def _height(text) -> float:
    ax, (x, y) = text.axes, text.xy
    return ax.transData.transform((ax.convert_xunits(x), ax.convert_yunits(y)))[1]


def uncovered(figure: Figure) -> Figure:
    """Return the figure, its titles wrapped, long legends put beside what they would cover."""
    panels = [ax for ax in figure.axes if ax.get_subplotspec()]
    columns = len(panels) if _side_by_side(panels) else 1
    for ax in panels:
        width = int(WIDE * figure.get_figwidth() / columns)
        ax.set_title(textwrap.fill(ax.get_title(loc="left"), width), loc="left")
    for ax in figure.axes:
        legend = ax.get_legend()
        _shorten(ax)
        for text in ax.texts if any(isinstance(c, QuadMesh) for c in ax.collections) else ():
            text.set_in_layout(False)  # of a cell, which holds it
        if legend and len(legend.texts) > LINES and legend.get_bbox_to_anchor() is ax.bbox:
            _place(legend, (1.01, 1))
            _thin(ax, 6)
    return apart(figure)


def _shorten(ax: Axes) -> None:
    """Cut names that would leave no room for what is drawn; the alt text has them whole."""
    for axis in (ax.xaxis, ax.yaxis):
        if any(len(name) > LONGEST for name in names(axis).values()):
            axis.set_ticks(axis.get_ticklocs(), [_cut(t.get_text()) for t in axis.get_ticklabels()])
    named = [text for text in ax.texts if text.get_gid() == NAMED]
    for text in [*named, *(ax.get_legend().texts if ax.get_legend() else ())]:
        text.set_text(_cut(text.get_text()))


def _cut(name: str) -> str:
    lines = [n if len(n) <= LONGEST else f"{n[: LONGEST - 1]}…" for n in name.split("\n")]
    return "\n".join(lines[:ROWS] + ["…"] * (len(lines) > ROWS))


def _thin(ax: Axes, most: int) -> None:
    """Name at most so many dates along an axis of time."""
    if isinstance(ax.xaxis.get_major_locator(), AutoDateLocator):
        ax.xaxis.set_major_locator(AutoDateLocator(maxticks=most))


def _place(legend, corner: tuple[float, float]) -> None:
    """Put the upper left corner of a legend at a place, in parts of its axes."""
    legend.set_loc("upper left")
    legend.set_bbox_to_anchor(corner, transform=legend.axes.transAxes)
    legend.set_frame_on(False)
    if legend.get_title().get_text() == "name":
        legend.set_title("")
