"""Figures of a segmentation and its evidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from seglib.plots.base import ACCENT, GRID, MUTED, colours, wrap


def against_null(
    rows: pd.DataFrame, ax: Axes, value: str, low: str, high: str, chosen: int
) -> Axes:
    """Draw a statistic over the number of segments beside the range that the null gives it.

    Parameters
    ----------
    rows
        Indexed by the number of segments.
    value, low, high
        Columns: what the data give; the 95% range of data without groups.
    chosen
        The number of segments that is used.
    """
    ax.fill_between(rows.index, rows[low], rows[high], color=GRID, label="data without groups")
    ax.plot(rows.index, rows[value], color=ACCENT, marker="o", lw=2, label="these data")
    ax.axvline(chosen, color=MUTED, lw=1, ls=":")
    ax.set(xlabel="Number of segments", xticks=rows.index)
    ax.legend(frameon=False)
    return ax


def beside_null(
    rows: pd.DataFrame, ax: Axes, value: str, null: str, *, chosen: int, used: dict | None = None
) -> Axes:
    """Draw a statistic over the number of segments beside its mean in data without groups.

    Parameters
    ----------
    used
        `value` and `null` of the segments used, where these were measured by themselves.
    """
    ax.plot(rows.index, rows[null], color=MUTED, marker="s", ls="--", label="data without groups")
    ax.plot(rows.index, rows[value], color=ACCENT, marker="o", lw=2, label="these data")
    if used:
        ax.plot(chosen, used["null"], "D", mfc="none", mec=MUTED, ms=9, label="without, refitted")
        ax.plot(chosen, used["value"], "D", color=ACCENT, ms=9, label="segments used, refitted")
    ax.axvline(chosen, color=MUTED, lw=1, ls=":")
    ax.set(xlabel="Number of segments", xticks=rows.index, ylim=(0, 1.05))
    ax.legend(frameon=False)
    return ax


def sizes(counts: pd.Series, names: dict[int, str], ax: Axes, total: int) -> Axes:
    """Draw the number of members of each segment as bars, segment 1 on top; missing: not shown."""
    shade = colours(counts.index)
    order = list(counts.index)[::-1]
    bars = ax.barh([names[s] for s in order], counts.reindex(order).fillna(0),
                   color=[shade[s] for s in order])  # fmt: skip
    told = (f"{n:,.0f} ({n / total:.0%})" if pd.notna(n) else "not shown" for n in counts[order])
    ax.bar_label(bars, list(told), padding=4)
    ax.set(xlim=(0, counts.max() * 1.25), xlabel="Members")
    ax.grid(axis="y", visible=False)
    return ax


def scatter(points: pd.DataFrame, segments: pd.Series, ax: Axes) -> Axes:
    """Draw a map: one dot a member in its segment's colour, the segment's number at its middle."""
    shade = colours(segments)
    ax.scatter(*points.to_numpy().T, s=7, alpha=0.5, linewidths=0, c=segments.map(shade))
    for segment, middle in points.groupby(segments).median().iterrows():
        ax.text(*middle, str(segment), ha="center", va="center", color="white", weight="bold",
                bbox={"boxstyle": "circle", "fc": shade[segment], "ec": "white"})  # fmt: skip
    ax.set(xlabel=points.columns[0], ylabel=points.columns[1])
    return ax


def profiles(effects: pd.DataFrame, marked: pd.DataFrame, names: dict[int, str], axes) -> None:
    """Draw a segment profile plot: one panel a segment, one bar a variable.

    After Dolnicar & Leisch 2014, "Using graphical statistics to better understand market
    segmentation solutions": variables in one order everywhere, markers in colour.

    Parameters
    ----------
    effects
        Rows: variables as a reader sees them; columns: segments; values: standardised difference
        from everyone else.
    marked
        Same shape, True where the variable marks the segment.
    names
        Segment → title of its panel.
    axes
        One a segment.
    """
    shade = colours(effects.columns)
    rows = effects.index[::-1]
    for segment, ax in zip(effects.columns, np.ravel(axes), strict=False):
        strong = marked.loc[rows, segment]
        ax.barh(rows, effects.loc[rows, segment],
                color=[shade[segment] if m else GRID for m in strong])  # fmt: skip
        ax.axvline(0, color=MUTED, lw=1)
        ax.set_title(wrap(names[segment], 40))
        ax.grid(axis="y", visible=False)
