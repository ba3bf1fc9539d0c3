"""A figure of estimates beside one another: before and after, a segment and its placebo."""

from __future__ import annotations

import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from seglib.plots.base import INK, MUTED, colours


def compared(rows: pd.DataFrame, ax: Axes, by: str) -> Axes:
    """Draw estimates with their intervals, one line a segment, its kinds one below the other.

    Parameters
    ----------
    rows
        segment, name, value, low, high, and `by`: of what kind; the first kind in the segment's
        colour, the others in grey. `hollow`, if there: the mark is not filled.
    ax
        Where.
    by
        The column of the kinds.
    """
    names, kinds = rows["name"].unique(), list(rows[by].unique())
    place = {name: len(names) - 1 - i for i, name in enumerate(names)}
    shade = colours(rows["segment"]) if len(rows) else {}
    handles = []
    for i, kind in enumerate(kinds):
        of, marker = rows[rows[by] == kind], "oDs^"[i]
        y = of["name"].map(place) + 0.28 * (0.5 - i / max(len(kinds) - 1, 1))
        colour = [shade[s] if i == 0 else MUTED for s in of["segment"]]
        hollow = of["hollow"] if "hollow" in of else np.zeros(len(of), bool)
        fill = ["white" if h else c for h, c in zip(hollow, colour, strict=True)]
        ax.hlines(y, of["low"], of["high"], color=colour, lw=2)
        ax.scatter(of["value"], y, c=fill, edgecolor=colour, marker=marker, zorder=3, s=30)
        shown = {"color": MUTED if i else INK, "marker": marker, "label": kind}
        handles.append(mpl.lines.Line2D([], [], lw=2, **shown))
    ax.axvline(0, color=MUTED, lw=1)
    ax.set_yticks(list(place.values()), [textwrap.fill(name, 30) for name in place])
    ax.grid(axis="y", visible=False)
    ax.legend(
        handles=handles, frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.14), ncols=2
    )
    return ax
