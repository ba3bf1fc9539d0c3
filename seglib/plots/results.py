"""Figures of what happened before and after."""

from __future__ import annotations

import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from seglib.plots.base import INK, MUTED, colours, figure, percent


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


def flows(rows: pd.DataFrame, names: dict[int, str], ax: Axes) -> Axes:
    """Draw who went where: a row a segment then, a column a segment now, darker for a larger share.

    Parameters
    ----------
    rows
        origin, goal (0 = outside), n (missing: too few to show), share of the origin.
    names
        Segment → name; 0 → what those outside are called.
    ax
        Where.
    """
    order = [*sorted(s for s in names if s), 0]
    wide = rows.pivot(index="origin", columns="goal", values="n").reindex(order, columns=order)
    shade = rows.pivot(index="origin", columns="goal", values="share").reindex(order, columns=order)
    ax.imshow(shade.fillna(0), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, x in np.ndindex(wide.shape):
        value, dark = wide.iloc[y, x], shade.iloc[y, x] > 0.55
        text = "few" if np.isnan(value) else f"{value:,.0f}"
        if order[y] or order[x]:
            ax.text(x, y, text, ha="center", va="center", color="white" if dark else INK,
                    fontsize="medium" if text != "few" else "small",
                    fontweight="bold" if x == y else "normal")  # fmt: skip
    told = [textwrap.fill(names[s], 16) for s in order]
    ax.set_xticks(range(len(order)), told)
    ax.set_yticks(range(len(order)), told)
    ax.set(xlabel="now", ylabel="then")
    ax.grid(visible=False)
    return ax
