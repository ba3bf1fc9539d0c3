"""Figures that seaborn does not draw in two lines: data and an axis in, the axis out."""

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
            "axes.titley": 1.0,  # to look for a free place takes a third of the time of a figure
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

    `places`: name → x and y in the data, the end of a line or a point; `shades`: name → colour.
    """
    for name, place in places.items():
        colour = (shades or {}).get(name, MUTED)
        about = {"xytext": (7, 0), "textcoords": "offset points", "va": "center", "color": colour}
        ax.annotate(name, place, gid=NAMED, fontsize="small", **about)
    return ax


def dodged(rows: pd.DataFrame, x: str, y: str, near: float = 0.14) -> pd.Series:
    """Return how far to move each mark up or down, at most 0.3, from those `near` it in its row."""
    ordered = rows.sort_values([y, x], kind="stable")
    bunch = (ordered.groupby(y)[x].diff().fillna(near) >= near).cumsum()
    place, size = ordered.groupby(bunch).cumcount(), bunch.groupby(bunch).transform("size")
    step = (0.6 / (size - 1).clip(lower=1)).clip(upper=0.36)
    return ((place - (size - 1) / 2) * step).reindex(rows.index)


def ends(rows: pd.DataFrame, x: str, y: str, name: str) -> dict[str, tuple]:
    """Return the last known point of each line, by its name."""
    last = rows.dropna(subset=y).sort_values(x).groupby(name, observed=True).last()
    return {str(n): (row[x], row[y]) for n, row in last.iterrows()}


def intervals(rows: pd.DataFrame, ax: Axes, at: float = 0.0, colour=ACCENT) -> Axes:
    """Draw one estimate a row with its interval, against a line of no difference.

    `rows` have `value`, `low`, `high`, indexed by what a reader sees, the first on top; `at` is
    where no difference is, `colour` one, or one a row.
    """
    place = np.arange(len(rows))[::-1]
    ax.hlines(place, rows["low"], rows["high"], color=colour, lw=2)
    ax.scatter(rows["value"], place, color=colour, zorder=3, s=28)
    ax.axvline(at, color=MUTED, lw=1)
    ax.set_yticks(place, rows.index)
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.grid(axis="y", visible=False)
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


def compared(rows: pd.DataFrame, ax: Axes, by: str, pale: str = "") -> Axes:
    """Draw estimates with their intervals, a line a segment, its kinds one below the other.

    `rows`: segment, name, value, low, high, and `by`: of what kind, each named beside its first
    mark; a `hollow` mark is not filled. The kind `pale` is drawn paler.
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
    ax.set_yticks(list(place.values()), [wrap(name, 30) for name in place])
    ax.grid(axis="y", visible=False)
    return ax


def affinity(rows: pd.DataFrame, names: dict[int, str], ax: Axes) -> Axes:
    """Draw how much more or less than everyone else each segment spends on each product group.

    `rows`: segment, group, index (1 is no difference), selected (beyond chance; others in
    brackets).
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

    As `intervals`.
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
