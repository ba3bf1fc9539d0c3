"""Figures of customers before anything is clustered."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from seglib.plots.base import ACCENT, INK, MUTED, percent


def lorenz(curve: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the share of the amount held by the biggest customers; `curve` as explore gives it."""
    ax.plot(curve["customers"], curve["amount"], color=ACCENT, lw=2)
    ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    ax.annotate("if all were equal", (0.62, 0.6), color=MUTED, rotation=32, ha="center", va="top")
    ax.set(xlabel="Share of customers, biggest first", ylabel="Share of the amount",
           xlim=(0, 1), ylim=(0, 1.01))  # fmt: skip
    percent(ax, "xy")
    return ax


def by_month(values: pd.Series, ax: Axes, label: str) -> Axes:
    """Draw a value a month as a line from zero."""
    ax.plot(values.index, values, color=ACCENT, marker="o", lw=2)
    ax.set(ylim=(0, values.max() * 1.15), ylabel=label)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.xaxis.set_major_formatter(mpl.dates.ConciseDateFormatter(mpl.dates.AutoDateLocator()))
    return ax


def retention(shares: pd.DataFrame, sizes: pd.Series, ax: Axes) -> Axes:
    """Draw a cohort table as a heat map, the size of each cohort beside its name."""
    counts = sizes.map("{:,.0f}".format, na_action="ignore").fillna("not shown")
    names = [f"{month:%b %Y}  (n = {counts[month]})" for month in shares.index]
    sns.heatmap(shares, annot=True, fmt=".0%", cmap="Blues", vmin=0, vmax=1, cbar=False,
                yticklabels=names, ax=ax, linewidths=1)  # fmt: skip
    ax.set(xlabel="Months since the first order seen", ylabel="")
    ax.grid(False)
    ax.tick_params(axis="y", rotation=0)
    return ax


def correlation(matrix: pd.DataFrame, ax: Axes) -> Axes:
    """Draw rank correlations as a heat map, below the diagonal."""
    above = np.triu(np.ones(matrix.shape, bool))
    sns.heatmap(matrix, mask=above, cmap="RdBu_r", vmin=-1, vmax=1, square=True, ax=ax,
                cbar_kws={"shrink": 0.5, "label": "rank correlation"})  # fmt: skip
    ax.set(xlabel="", ylabel="")
    ax.grid(False)
    return ax


def lineup(panels: list[np.ndarray], axes) -> None:
    """Draw one cloud of points a panel, all with the same limits and numbered from 1.

    After Buja et al. 2009, "Statistical inference for exploratory data analysis and model
    diagnostics".
    """
    limits = np.quantile(np.concatenate(panels), [0.002, 0.998], axis=0)
    for number, (points, ax) in enumerate(zip(panels, np.ravel(axes), strict=True), 1):
        ax.scatter(*points.T, s=2, alpha=0.35, color=INK, linewidths=0)
        ax.set(xlim=limits[:, 0], ylim=limits[:, 1], xticks=[], yticks=[], title=str(number))
        ax.grid(False)
