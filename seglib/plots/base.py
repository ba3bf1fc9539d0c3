"""The look of every figure, and what several of them share."""

from __future__ import annotations

import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

# Colour-blind safe and dark enough to be told from white (after Okabe & Ito 2008, darkened).
PALETTE = (
    "#0b5fa5",
    "#b8500c",
    "#1b7f5c",
    "#8a3f87",
    "#8f6a00",
    "#2a8fbd",
    "#a3283c",
    "#5b6b1f",
    "#4b4b9b",
    "#6b6b6b",
)


INK, MUTED, ACCENT, GRID = "#1f2933", "#66727f", "#0b5fa5", "#d5dae0"
# Mark of the texts that name a line or a point.
NAMED = "named"


def style() -> None:
    """Set the look of every figure of a notebook."""
    sns.set_theme(style="whitegrid", context="notebook", palette=PALETTE)
    mpl.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "axes.edgecolor": GRID,
            "axes.labelcolor": INK,
            "axes.titlelocation": "left",
            "axes.titlesize": "medium",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.color": GRID,
            "grid.linewidth": 0.6,
            "legend.frameon": False,
            "text.color": INK,
            "text.parse_math": False,  # a dollar sign in a label is a dollar sign
            "xtick.color": MUTED,
            "ytick.color": MUTED,
        }
    )


def colours(segments) -> dict[int, str]:
    """Return the colour of each segment number; the same number has the same colour everywhere."""
    return {int(s): PALETTE[(int(s) - 1) % len(PALETTE)] for s in sorted(set(segments))}


def percent(ax: Axes, axes: str = "y") -> Axes:
    """Write an axis in per cent; decimals where the ticks are closer than one."""
    form = mpl.ticker.PercentFormatter(1)
    form.format_pct = lambda share, _: f"{round(100 * share, 4) + 0.0:g}%"
    for name in axes:
        ticks = mpl.ticker.MaxNLocator("auto", steps=[1, 2, 5, 10])
        getattr(ax, f"{name}axis").set(major_locator=ticks, major_formatter=form)
    return ax


def wrap(text: str, width: int) -> str:
    """Return a text broken into lines."""
    return "\n".join(textwrap.wrap(str(text), width))


def named(ax: Axes, places: dict[str, tuple], shades: dict | None = None) -> Axes:
    """Write each name to the right of its place; what overlaps is moved apart when it is shown.

    Parameters
    ----------
    places
        Name → x and y in the data: the end of a line, or a point.
    shades
        Name → colour, if not that of other text.
    """
    for name, place in places.items():
        colour = (shades or {}).get(name, MUTED)
        about = {"xytext": (7, 0), "textcoords": "offset points", "va": "center", "color": colour}
        ax.annotate(name, place, gid=NAMED, fontsize="small", **about)
    return ax


def ends(rows: pd.DataFrame, x: str, y: str, name: str) -> dict[str, tuple]:
    """Return the last known point of each line, by its name."""
    last = rows.dropna(subset=y).sort_values(x).groupby(name, observed=True).last()
    return {str(n): (row[x], row[y]) for n, row in last.iterrows()}


def intervals(rows: pd.DataFrame, ax: Axes, at: float = 0.0, colour=ACCENT) -> Axes:
    """Draw one estimate a row with its interval, against a line of no difference.

    Parameters
    ----------
    rows
        `value`, `low`, `high`, indexed by what a reader sees; the first row on top.
    at
        Where no difference is.
    colour
        One colour, or one a row.
    """
    place = np.arange(len(rows))[::-1]
    ax.hlines(place, rows["low"], rows["high"], color=colour, lw=2)
    ax.scatter(rows["value"], place, color=colour, zorder=3, s=28)
    ax.axvline(at, color=MUTED, lw=1)
    ax.set_yticks(place, rows.index)
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.grid(axis="y", visible=False)
    return ax
