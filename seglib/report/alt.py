"""What a figure shows, in words: the titles of its axes and the values they hold."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.ticker import FixedFormatter, FuncFormatter, PercentFormatter

from seglib import wording
from seglib.plots.base import NAMED

# Values that are all said of a line and of a heat map, and points above which none is.
SHOWN, CELLS, CLOUD = 12, 40, 400


def described(figure) -> str:
    """Return the titles and values of a figure's axes."""
    axes = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    return ". ".join(filter(None, map(_axes, axes))) or "A figure."


def _axes(ax: Axes) -> str:
    title = (ax.get_title(loc="left") or ax.get_title()).replace("\n", " ")
    values = _heat(ax) or "; ".join(_bars(ax) or [*_marks(ax), *_lines(ax)])
    label = "" if names(ax.yaxis) else ax.get_ylabel()
    if label and _marks(ax) and ax.get_xlabel():
        label = f"{ax.get_xlabel()} and {label}"
    return ": ".join(filter(None, (title, label, values)))


def _number(value: float, axis: Axis | None = None) -> str:
    """Return a value as its axis shows it."""
    if isinstance(axis and axis.get_major_formatter(), PercentFormatter):
        return wording.amount(value, "share")
    return "–" if np.isnan(value) else "−" * bool(value < 0) + wording.figure(abs(value))


def names(axis: Axis) -> dict[int, str]:
    """Return the names along an axis of categories by place; empty for one of numbers."""
    named = FixedFormatter | FuncFormatter | StrCategoryFormatter
    if not isinstance(axis.get_major_formatter(), named):
        return {}
    texts = (text.get_text().replace("\n", " ") for text in axis.get_ticklabels())
    return dict(zip(np.floor(axis.get_ticklocs()).astype(int).tolist(), texts, strict=True))


def _heat(ax: Axes) -> str:
    """Return the rows of a heat map; of a large one with both signs the cells furthest from 0."""
    for mesh in (drawn for drawn in ax.collections if isinstance(drawn, QuadMesh)):
        cells = np.ma.filled(np.ma.asarray(mesh.get_array(), float), np.nan)
        finite, written = ~np.isnan(cells), [text.get_text() for text in ax.texts]
        texts = np.full(cells.shape, "–", dtype=object)
        texts[finite] = written if len(written) == finite.sum() else [*map(_number, cells[finite])]
        rows, columns = names(ax.yaxis), names(ax.xaxis)
        if cells.size <= CELLS or np.nanmin(cells) >= 0:
            ends = (np.flatnonzero(row).max(initial=-1) + 1 for row in finite)
            lines = (
                ", ".join([*row[:end][:SHOWN], *["…"] * int(end > SHOWN)])
                for row, end in zip(texts, ends, strict=True)
            )
            return "; ".join(f"{rows.get(i, i + 1)} {line}" for i, line in enumerate(lines))
        order = sorted(zip(*np.nonzero(finite), strict=True), key=lambda place: -abs(cells[place]))
        return "; ".join(
            f"{rows.get(i, i + 1)}, {columns.get(j, j + 1)} {texts[i, j]}" for i, j in order[:SHOWN]
        )
    return ""


def _bars(ax: Axes) -> list[str]:
    """Return name and length of each bar, lying or standing."""
    bars = [b for b in ax.patches if hasattr(b, "get_height")]
    bars = [b for b in bars if b.get_height() and b.get_width()]
    bars = [b for b in bars if b.get_data_transform() == ax.transData]
    rows, columns = names(ax.yaxis), names(ax.xaxis)
    if rows and not columns:
        return [
            f"{rows.get(round(b.get_y() + b.get_height() / 2), '')} "
            f"{_number(b.get_width(), ax.xaxis)}".strip()
            for b in bars[:CELLS]
        ]
    return [
        f"{columns.get(round(b.get_x() + b.get_width() / 2), '')} "
        f"{_number(b.get_height(), ax.yaxis)}".strip()
        for b in bars[:CELLS]
    ]


def _marks(ax: Axes) -> list[str]:
    """Return name and values of each row of marks, or their places where neither axis has names.

    Of a cloud of many the middle and the ends.
    """
    clouds = [c.get_offsets() for c in ax.collections if isinstance(c, PathCollection)]
    points = np.ma.filled(np.ma.vstack(clouds), np.nan) if clouds else np.empty((0, 2))
    points = points[~np.isnan(points).any(axis=1)]
    if len(points) > CLOUD:
        spans = (
            f"{way} from {_number(v.min())} to {_number(v.max())}, half of them below "
            f"{_number(np.median(v))}"
            for way, v in zip(("across", "up"), points.T, strict=True)
        )
        return [f"{len(points):,} points", *spans]
    if rows := names(ax.yaxis):
        own = {i: [_number(x, ax.xaxis) for x, y in points if round(y) == i] for i in rows}
        return [f"{rows[i]} {', '.join(values)}" for i, values in own.items() if values]
    labels = _legend(ax) if len(_legend(ax)) == len(points) else [""] * len(points)
    written = {tuple(map(float, t.xy)): t.get_text() for t in ax.texts if t.get_gid() == NAMED}
    return [
        f"{written.get((x, y), name)} {_number(x, ax.xaxis)} and {_number(y, ax.yaxis)}".strip()
        for name, (x, y) in zip(labels, points.tolist(), strict=True)
    ][:CELLS]


def _legend(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().texts] if ax.get_legend() else []


def _lines(ax: Axes) -> list[str]:
    """Return name and values of each line; of a long one its ends, its lowest and its highest."""
    lines = [ln for ln in ax.lines if ln.get_transform() == ax.transData and len(ln.get_ydata())]
    labels = _legend(ax) if len(_legend(ax)) == len(lines) else [""] * len(lines)
    return [
        f"{name} {_values(np.asarray(ln.get_ydata(), float), ax.yaxis)}".strip()
        for name, ln in zip(labels, lines, strict=True)
    ]


def _values(values: np.ndarray, axis: Axis | None = None) -> str:
    finite = values[~np.isnan(values)]
    if len(values) <= SHOWN or not len(finite):
        return ", ".join(_number(v, axis) for v in values)
    ends = (finite[0], finite[-1], finite.min(), finite.max())
    return "from {} to {}, lowest {}, highest {}".format(*(_number(v, axis) for v in ends))
