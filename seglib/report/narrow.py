"""A figure drawn again for a phone: narrower, its panels below one another, its names wrapped."""

from __future__ import annotations

import math
import textwrap

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator
from matplotlib.figure import Figure

from seglib.plots.base import NAMED
from seglib.report.alt import names

# Inches of a figure on a phone and of a line of its legend, and the size of letters in points.
WIDTH, LINE, SMALL = 4.3, 0.16, 8
# Letters in a line of a title, of a name beside an axis, and of the label of an axis.
TITLE, NAME, LABEL = 38, 17, 44
# Letters of a title for an inch of a panel.
WIDE = 8
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
    """Wrap the title and the names of axes, and make their letters small."""
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
    """Return how high the place lies that a text names, in pixels."""
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
        if legend and len(legend.texts) > LINES and legend.get_bbox_to_anchor() is ax.bbox:
            _place(legend, (1.01, 1))
            _thin(ax, 6)
    return apart(figure)


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
