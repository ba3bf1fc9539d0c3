"""Figures of customers before anything is clustered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from seglib.plots.base import MUTED


def retention(shares: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a cohort table as a heat map, the size of each cohort beside its name."""
    if shares.empty:
        return ax
    names = [
        f"{month:%b %Y}  (n = {'not shown' if pd.isna(n) else f'{n:,.0f}'})"
        for month, n in shares.index
    ]
    sns.heatmap(
        shares,
        annot=True,
        fmt=".0%",
        cmap="Blues",
        vmin=0,
        vmax=1,
        cbar=False,
        yticklabels=names,
        ax=ax,
        linewidths=1,
    )
    ax.set(xlabel="Months since first seen", ylabel="")
    ax.grid(False)
    ax.tick_params(axis="y", rotation=0)
    return ax


def correlation(matrix: pd.DataFrame, ax: Axes) -> Axes:
    """Draw rank correlations as a heat map; missing ones are left out."""
    if len(matrix) < 2:
        return ax
    sns.heatmap(
        matrix,
        cmap="RdBu_r",
        vmin=-1,
        vmax=1,
        square=True,
        ax=ax,
        cbar_kws={"shrink": 0.5, "label": "rank correlation"},
    )
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
        ax.scatter(*points.T, s=2, alpha=0.5, color=MUTED, linewidths=0)
        ax.set(xlim=limits[:, 0], ylim=limits[:, 1], xticks=[], yticks=[], title=str(number))
        ax.grid(False)
