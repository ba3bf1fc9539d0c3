"""Figures of estimates beside one another: before and after, a segment and its placebo."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from seglib.plots.base import MUTED, colours, named


def compared(rows: pd.DataFrame, ax: Axes, by: str, pale: str = "") -> Axes:
    """Draw estimates with their intervals, a line a segment, its kinds one below the other.

    Parameters
    ----------
    rows
        segment, name, value, low, high, and `by`: of what kind, each named beside its first mark.
        `hollow`, if there: the mark is not filled.
    pale
        The kind that is drawn paler.
    """
    names, kinds = rows["name"].unique(), list(rows[by].unique())
    place = {name: len(names) - 1 - i for i, name in enumerate(names)}
    shade = {0: MUTED} | colours(set(rows["segment"]) - {0})
    for i, kind in enumerate(kinds):
        of = rows[rows[by] == kind].dropna(subset="value")
        y = of["name"].map(place).astype(float) + 0.34 * (0.5 - i / max(len(kinds) - 1, 1))
        colour = [shade[s] for s in of["segment"]]
        hollow = of["hollow"] if "hollow" in of else np.zeros(len(of), bool)
        fill = ["white" if h else c for h, c in zip(hollow, colour, strict=True)]
        alpha = 0.45 if kind == pale else 1
        ax.hlines(y, of["low"], of["high"], color=colour, lw=2, alpha=alpha)
        ax.scatter(of["value"], y, c=fill, edgecolor=colour, zorder=3, s=34, alpha=alpha)
        if len(of):
            named(ax, {str(kind): (of["high"].iloc[0], y.iloc[0])})
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.set_yticks(list(place.values()), [textwrap.fill(name, 30) for name in place])
    ax.grid(axis="y", visible=False)
    return ax
