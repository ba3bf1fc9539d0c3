"""One figure a function: takes data and an axis, returns the axis, computes nothing."""

from __future__ import annotations

import textwrap

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

# Colour-blind safe and dark enough to be told from white (after Okabe & Ito 2008, darkened).
PALETTE = (
    "#0b5fa5", "#b8500c", "#1b7f5c", "#8a3f87", "#8f6a00",
    "#2a8fbd", "#a3283c", "#5b6b1f", "#4b4b9b", "#6b6b6b",
)  # fmt: skip
INK, MUTED, ACCENT = "#1f2933", "#66727f", "#0b5fa5"


def style() -> None:
    """Set the look of every figure of a notebook."""
    sns.set_theme(style="whitegrid", context="notebook")
    mpl.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "axes.edgecolor": "#c9d1d9",
            "axes.labelcolor": INK,
            "axes.titlelocation": "left",
            "axes.titlesize": "medium",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.color": "#e8ebef",
            "text.color": INK,
            "xtick.color": MUTED,
            "ytick.color": MUTED,
        }
    )


def colours(segments) -> dict[int, str]:
    """Return the colour of each segment number; the same number has the same colour everywhere."""
    return {int(s): PALETTE[(int(s) - 1) % len(PALETTE)] for s in sorted(set(segments))}


def figure(width: float = 8, height: float = 4, **subplots):
    """Return a figure and its axes in the notebooks' usual size (inches)."""
    return plt.subplots(figsize=(width, height), **subplots)


def lorenz(curve: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the share of the amount held by the biggest customers; `curve` as explore gives it."""
    ax.plot(curve["customers"], curve["amount"], color=ACCENT, lw=2)
    ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    ax.annotate("if all were equal", (0.62, 0.6), color=MUTED, rotation=32, ha="center", va="top")
    ax.set(xlabel="Share of customers, biggest first", ylabel="Share of the amount",
           xlim=(0, 1), ylim=(0, 1.01))  # fmt: skip
    percent(ax, "xy")
    return ax


def percent(ax: Axes, axes: str = "y", decimals: int | None = 0) -> Axes:
    """Write an axis in per cent."""
    form = mpl.ticker.PercentFormatter(1, decimals=decimals)
    for name in axes:
        getattr(ax, f"{name}axis").set_major_formatter(form)
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
    names = [f"{month:%b %Y}  (n = {sizes[month]:,})" for month in shares.index]
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
    ax.fill_between(rows.index, rows[low], rows[high], color="#c9d1d9", label="data without groups")
    ax.plot(rows.index, rows[value], color=ACCENT, marker="o", lw=2, label="these data")
    ax.axvline(chosen, color=MUTED, lw=1, ls=":")
    ax.set(xlabel="Number of segments", xticks=rows.index)
    ax.legend(frameon=False)
    return ax


def beside_null(rows: pd.DataFrame, ax: Axes, value: str, null: str, *, chosen: int) -> Axes:
    """Draw a statistic over the number of segments beside its mean in data without groups."""
    ax.plot(rows.index, rows[null], color=MUTED, marker="s", ls="--", label="data without groups")
    ax.plot(rows.index, rows[value], color=ACCENT, marker="o", lw=2, label="these data")
    ax.axvline(chosen, color=MUTED, lw=1, ls=":")
    ax.set(xlabel="Number of segments", xticks=rows.index, ylim=(0, 1.05))
    ax.legend(frameon=False)
    return ax


def sizes(counts: pd.Series, names: dict[int, str], ax: Axes) -> Axes:
    """Draw the number of members of each segment as bars, segment 1 on top."""
    shade = colours(counts.index)
    order = list(counts.index)[::-1]
    bars = ax.barh([names[s] for s in order], [counts[s] for s in order],
                   color=[shade[s] for s in order])  # fmt: skip
    total = counts.sum()
    ax.bar_label(bars, [f"{counts[s]:,} ({counts[s] / total:.0%})" for s in order], padding=4)
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
                color=[shade[segment] if m else "#d5dae0" for m in strong])  # fmt: skip
        ax.axvline(0, color=MUTED, lw=1)
        ax.set_title(names[segment])
        ax.grid(axis="y", visible=False)


def timelines(rows: pd.DataFrame, names: dict[int, str], as_of, title: str, share_y: bool):
    """Draw a figure month by month, one panel a segment, everyone in grey behind each.

    Parameters
    ----------
    rows
        segment (0 = everyone), period (YYYY-MM), value, low, high.
    names
        Segment → title of its panel; 0 has none.
    as_of
        The cut-off date; what was known before it formed the segments.
    title
        Of the whole figure.
    share_y
        Whether all panels have one scale.
    """
    segments = [s for s in names if s]
    lines = -(-len(segments) // 3)
    whole, axes = figure(10, 2.6 * lines + 0.5, nrows=lines, ncols=min(3, len(segments)),
                         squeeze=False, sharex=True, sharey=share_y)  # fmt: skip
    for ax in axes.flat[len(segments) :]:
        ax.set_axis_off()
    rows = rows.assign(month=pd.to_datetime(rows["period"]) + pd.Timedelta(days=14))
    for segment, ax in zip(segments, axes.flat, strict=False):
        timeline(rows[rows["segment"] == segment], rows[rows["segment"] == 0], ax,
                 colours([segment])[segment])  # fmt: skip
        ax.axvline(pd.Timestamp(as_of), color=INK, lw=1, ls=":")
        ax.set_title(textwrap.fill(names[segment], 30))
        ax.xaxis.set_tick_params(labelbottom=True)
    whole.suptitle(title, x=0.01, ha="left")
    return whole


def timeline(own: pd.DataFrame, everyone: pd.DataFrame, ax: Axes, colour: str) -> Axes:
    """Draw one segment's months with their intervals, and everyone's as a dashed line."""
    ax.plot(everyone["month"], everyone["value"], color=MUTED, lw=1.5, ls="--")
    ax.fill_between(own["month"], own["low"], own["high"], color=colour, alpha=0.2)
    ax.plot(own["month"], own["value"], color=colour, marker="o", ms=4, lw=2)
    ax.set_ylim(0, None)
    ax.xaxis.set_major_formatter(mpl.dates.ConciseDateFormatter(ax.xaxis.get_major_locator()))
    return ax


def beside_placebo(rows: pd.DataFrame, names: dict[int, str], ax: Axes) -> Axes:
    """Draw the gap of each segment formed again to all others, and below it its placebo's.

    Parameters
    ----------
    rows
        segment, again_gap and placebo_gap with `_low` and `_high`, tested (nothing = hollow
        diamond, the placebo does not compare); segment 1 on top.
    names
        Segment → name.
    ax
        Where.
    """
    shade = colours(rows["segment"])
    place = np.arange(len(rows))[::-1]
    for part, up, marker in (("again_gap", 0.14, "o"), ("placebo_gap", -0.14, "D")):
        known = rows[part].notna().to_numpy()
        colour = [shade[s] if part == "again_gap" else MUTED for s in rows["segment"][known]]
        here = rows[known]
        fill = ["white" if part == "placebo_gap" and tested == "nothing" else c
                for c, tested in zip(colour, here["tested"], strict=True)]  # fmt: skip
        ax.hlines(place[known] + up, here[f"{part}_low"], here[f"{part}_high"], color=colour, lw=2)
        ax.scatter(here[part], place[known] + up, c=fill, edgecolor=colour, marker=marker,
                   zorder=3, s=30)  # fmt: skip
    ax.axvline(0, color=MUTED, lw=1)
    ax.set_yticks(place, [textwrap.fill(names[s], 30) for s in rows["segment"]])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.grid(axis="y", visible=False)
    handles = [mpl.lines.Line2D([], [], color=c, marker=m, lw=2, label=text)
               for c, m, text in ((INK, "o", "after the cut-off date"),
                                  (MUTED, "D", "placebo, one period earlier"))]  # fmt: skip
    ax.legend(handles=handles, frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.14),
              ncols=2)  # fmt: skip
    return percent(ax, "x")


def before_after(rows: pd.DataFrame, names: dict[int, str], ax: Axes) -> Axes:
    """Draw a figure before (hollow) and after (full) the cut-off date, one line a segment.

    Parameters
    ----------
    rows
        segment (0 = everyone, in grey), period (before, after), value, low, high.
    names
        Segment → name; the first on top.
    ax
        Where.
    """
    order = [s for s in names if s in set(rows["segment"])]
    place = {s: len(order) - 1 - i for i, s in enumerate(order)}
    shade = {0: MUTED, **colours(s for s in order if s)}
    for _, row in rows[rows["value"].notna()].iterrows():
        late, colour = row["period"] == "after", shade[row["segment"]]
        y = place[row["segment"]] + (-0.14 if late else 0.14)
        ax.hlines(y, row["low"], row["high"], color=colour, lw=2)
        ax.scatter(row["value"], y, color=colour if late else "white", edgecolor=colour, zorder=3)
    ax.set_yticks(list(place.values()), [textwrap.fill(names[s], 30) for s in order])
    ax.set_ylim(-0.6, len(order) - 0.4)
    ax.grid(axis="y", visible=False)
    marks = [mpl.lines.Line2D([], [], color=INK, marker="o", lw=2, mfc=fill, label=text)
             for fill, text in (("white", "before"), (INK, "after"))]  # fmt: skip
    ax.legend(handles=marks, frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.14),
              ncols=2)  # fmt: skip
    return ax


def wrap(text: str, width: int) -> str:
    """Return a text broken into lines."""
    return "\n".join(textwrap.wrap(str(text), width))


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


def forest(rows: pd.DataFrame, overall: pd.DataFrame, names: dict[int, str], ax: Axes) -> Axes:
    """Draw the effects of an experiment, one line a segment and arm, the overall effect below.

    Parameters
    ----------
    rows
        segment, arm, effect, low, high, shrunk (drawn as a hollow diamond).
    overall
        arm, effect, low, high.
    names
        Segment → name.
    ax
        Where.
    """
    shade = colours(rows["segment"])
    lines = [(f"{names[r.segment]}, {r.arm}", r, shade[r.segment]) for r in rows.itertuples()]
    lines += [(f"All, {r.arm}", r, INK) for r in overall.itertuples()]
    place = np.arange(len(lines))[::-1]
    for y, (_, row, colour) in zip(place, lines, strict=True):
        ax.hlines(y, row.low, row.high, color=colour, lw=2)
        ax.scatter(row.effect, y, color=colour, zorder=3, s=36)
        if hasattr(row, "shrunk"):
            ax.scatter(row.shrunk, y, facecolor="white", edgecolor=colour, marker="D", zorder=4)
    ax.axvline(0, color=MUTED, lw=1)
    ax.set_yticks(place, [textwrap.fill(name, 34) for name, _, _ in lines])
    ax.set_ylim(-0.7, len(lines) - 0.3)
    ax.grid(axis="y", visible=False)
    return ax
