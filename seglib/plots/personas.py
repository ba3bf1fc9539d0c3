"""Figures of personas, what they buy and whom to address."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from seglib.plots.base import INK, MUTED, colours, intervals, wrap


def affinity(index: pd.DataFrame, clear: pd.DataFrame, ax: Axes) -> Axes:
    """Draw how much more or less than everyone else each segment spends on each product group.

    Parameters
    ----------
    index
        Rows: segments; columns: product groups; 1 is no difference.
    clear
        Same shape, True where the interval leaves out 1; the others are in brackets.
    """
    text = index.map("{:.2f}".format)
    text = text.where(clear, "(" + text + ")")
    shade = np.log2(index.clip(0.25, 4))
    reach = max(float(shade.abs().max().max()), 0.3)
    sns.heatmap(shade, annot=text, fmt="", center=0, vmin=-reach, vmax=reach, cmap="PuOr_r",
                cbar=False, linewidths=1, ax=ax)  # fmt: skip
    ax.set(xlabel="", ylabel="")
    if index.shape[1] > 6:
        ax.set_xticklabels(index.columns, rotation=30, ha="right")
    else:
        ax.set_xticklabels([wrap(name, 16) for name in index.columns], rotation=0)
    ax.tick_params(axis="y", rotation=0)
    ax.grid(False)
    return ax


def perceptual(points: pd.DataFrame, names: dict[int, str], ax: Axes) -> Axes:
    """Draw segments (dots) and product groups (crosses) on one map.

    Parameters
    ----------
    points
        kind (segment or group), name, x, y.
    names
        Segment → name.
    """
    segments = points[points["kind"] == "segment"]
    shade = colours(segments["name"].astype(int))
    for row in segments.itertuples():
        ax.scatter(row.x, row.y, s=90, color=shade[int(row.name)], label=names[int(row.name)])
        ax.annotate(row.name, (row.x, row.y), xytext=(7, 5), textcoords="offset points",
                    weight="bold")  # fmt: skip
    groups = points[points["kind"] == "group"]
    ax.scatter(groups["x"], groups["y"], marker="x", s=45, color=INK)
    ax.axhline(0, color=MUTED, lw=0.8)
    ax.axvline(0, color=MUTED, lw=0.8)
    ax.margins(0.3, 0.15)
    _beside(groups[groups["x"] < 0], ax, -1)
    _beside(groups[groups["x"] >= 0], ax, 1)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2)
    return ax


def _beside(points: pd.DataFrame, ax: Axes, side: int) -> None:
    """Write the names of points on one side of them, none over another."""
    low, high = ax.get_ylim()
    step, free = 0.05 * (high - low), -np.inf
    for row in points.sort_values("y").itertuples():
        free = max(row.y, free + step)
        ax.annotate(row.name, (row.x, row.y), xytext=(row.x + side * 0.04 * np.ptp(ax.get_xlim()),
                    free), fontsize="small", va="center", ha="left" if side > 0 else "right",
                    color=MUTED, arrowprops={"arrowstyle": "-", "color": "#c9d1d9"})  # fmt: skip


def evaluation(rows: pd.DataFrame, names: dict[int, str], ax: Axes) -> Axes:
    """Draw segments by two criteria, the area of a dot in proportion to the segment's size.

    Parameters
    ----------
    rows
        Indexed by segment: x, y, n.
    names
        Segment → name.
    """
    shade = colours(rows.index)
    ax.scatter(rows["x"], rows["y"], s=1500 * rows["n"] / rows["n"].max(), alpha=0.8,
               c=[shade[s] for s in rows.index], linewidths=0)  # fmt: skip
    for segment, row in rows.iterrows():
        ax.annotate(str(segment), (row["x"], row["y"]), ha="center", va="center", weight="bold",
                    color="white")  # fmt: skip
        ax.scatter([], [], color=shade[segment], label=f"{segment} {names[segment]}")
    ax.margins(0.2)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=2)
    return ax


def ranks(rows: list[dict], names: dict[int, str], ax: Axes) -> Axes:
    """Draw the rank of each segment (dot) and the ranks that other weights give it (line).

    Parameters
    ----------
    rows
        segment, rank, best, worst; the first on top.
    names
        Segment → name.
    """
    place = np.arange(len(rows))[::-1]
    shade = colours(row["segment"] for row in rows)
    for y, row in zip(place, rows, strict=True):
        tint = shade[row["segment"]]
        ax.hlines(y, row["best"], row["worst"], color=tint, lw=5, alpha=0.35)
        ax.scatter(row["rank"], y, color=tint, s=70, zorder=3)
    ax.set_yticks(place, [names[row["segment"]] for row in rows])
    ax.set_xticks(range(1, len(rows) + 1))
    ax.set(xlabel="Rank (1 = target first)", ylim=(-0.6, len(rows) - 0.4))
    ax.grid(axis="y", visible=False)
    return ax


STEPS = (0.1, 0.2, 0.33, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)


def lifts(rows: pd.DataFrame, ax: Axes, colour) -> Axes:
    """Draw how many times as common each row is as among others, on a logarithmic axis.

    Parameters
    ----------
    rows
        `value`, `low`, `high`, indexed by what a reader sees; the first row on top.
    colour
        One a row.
    """
    intervals(rows, ax, at=1.0, colour=colour)
    ax.set_xscale("log")
    ends = rows[["low", "high"]].to_numpy()
    ax.set_xlim(min(ends.min() / 1.1, 0.65), max(ends.max() * 1.1, 1.55))
    ax.set_xticks([t for t in STEPS if ax.get_xlim()[0] <= t <= ax.get_xlim()[1]])
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    ax.set_xlabel("times as common as among others (1 = no difference)")
    return ax
