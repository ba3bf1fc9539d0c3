"""Figures of what segments buy, and of what is more common in them."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from seglib.plots.base import intervals, wrap


def affinity(rows: pd.DataFrame, names: dict[int, str], ax: Axes) -> Axes:
    """Draw how much more or less than everyone else each segment spends on each product group.

    Parameters
    ----------
    rows
        segment, group, index (1 is no difference), selected (beyond chance; others in brackets).
    names
        Segment → name.
    """
    if rows.empty:
        return ax
    index, clear = (
        rows.pivot(index="segment", columns="group", values=value).rename(names)
        for value in ("index", "selected")
    )
    text = index.map("{:.2f}".format)
    text = text.where(clear.eq(True), "(" + text + ")")
    shade = np.log2(index.clip(0.25, 4))
    reach = max(float(shade.abs().max().max()), 0.3)
    sns.heatmap(
        shade,
        annot=text,
        fmt="",
        center=0,
        vmin=-reach,
        vmax=reach,
        cmap="PuOr_r",
        cbar=False,
        linewidths=1,
        ax=ax,
    )
    ax.set(xlabel="", ylabel="")
    if index.shape[1] > 6:
        ax.set_xticklabels(index.columns, rotation=30, ha="right")
    else:
        ax.set_xticklabels([wrap(name, 16) for name in index.columns], rotation=0)
    ax.tick_params(axis="y", rotation=0)
    ax.grid(False)
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
    if rows.empty:
        return ax
    ax.set_xscale("log")
    ends = rows[["low", "high"]].to_numpy()
    ax.set_xlim(min(ends.min() / 1.1, 0.65), max(ends.max() * 1.1, 1.55))
    ax.set_xticks([t for t in STEPS if ax.get_xlim()[0] <= t <= ax.get_xlim()[1]])
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    ax.set_xlabel("times as common as among others (1 = no difference)")
    return ax
