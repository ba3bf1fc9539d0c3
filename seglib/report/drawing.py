"""Where the marks of line charts and emblems lie; the templates draw them as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date

# Of the chart in its own units, and the space kept free around the line.
WIDTH, HEIGHT, EDGE = 220, 58, 5


def line_chart(points: Sequence[tuple[str, Mapping]], cut_off: str = "") -> dict:
    """Return the marks of a chart of one figure over the dates, from 0 to its largest value.

    `points` are dates and figures (`value`, perhaps `low` and `high`); empty breaks the line.
    """
    days = [_day(text) for text, _ in points]
    span = max((days[-1] - days[0]).days, 1)
    known = [figure for _, figure in points if figure]
    most = max((figure.get("high") or figure["value"] for figure in known), default=0) or 1

    def x(day: date) -> float:
        return round(EDGE + (day - days[0]).days / span * (WIDTH - 2 * EDGE), 1)

    def y(value: float) -> float:
        return round(HEIGHT - EDGE - value / most * (HEIGHT - 2 * EDGE), 1)

    paths: list[list] = [[]]
    for day, (_, figure) in zip(days, points, strict=True):
        if figure:
            paths[-1].append((x(day), y(figure["value"])))
        else:
            paths.append([])
    bars = [
        (x(day), y(figure["low"]), y(figure["high"]))
        for day, (_, figure) in zip(days, points, strict=True)
        if figure and figure.get("low") is not None and figure.get("high") is not None
    ]
    mark = _day(cut_off) if cut_off else None
    return {
        "days": [_short(text) for text, _ in points],
        "paths": [path for path in paths if len(path) > 1],
        "dots": [path[0] for path in paths if len(path) == 1],
        "bars": bars,
        "mark": x(mark) if mark and days[0] < mark < days[-1] else None,
    }


# Sides and turn, in degrees, of the emblem of each segment; one of 40 sides looks round.
SHAPES = (40, 0), (4, 45), (3, 0), (4, 0), (5, 0), (6, 0), (3, 180), (8, 22.5), (5, 180), (6, 30)


def emblem(segment: int) -> str:
    """Return the corners of a segment's emblem in a box of 48, as an SVG polygon has them."""
    sides, turn = SHAPES[(segment - 1) % len(SHAPES)]
    angles = (math.radians(turn + 360 * corner / sides) for corner in range(sides))
    corners = ((24 + 24 * math.sin(a), 24 - 24 * math.cos(a)) for a in angles)
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _short(text: str) -> str:
    day = _day(text)
    whole = len(text) == 7 or day.day == 1
    return f"{day:%b %Y}" if whole else f"{day.day} {day:%b %y}"


def _day(text: str) -> date:
    """Return a date, of a month its middle."""
    return date.fromisoformat(text if len(text) > 7 else f"{text}-15")
