"""One figure a function: takes data and an axis, returns the axis, computes nothing."""

from seglib.plots.base import (
    ACCENT,
    INK,
    MUTED,
    PALETTE,
    colours,
    ends,
    intervals,
    named,
    percent,
    style,
    wrap,
)
from seglib.plots.customers import correlation, lineup, retention
from seglib.plots.personas import affinity, lifts
from seglib.plots.results import compared

__all__ = [
    "ACCENT",
    "INK",
    "MUTED",
    "PALETTE",
    "affinity",
    "colours",
    "compared",
    "correlation",
    "ends",
    "intervals",
    "lifts",
    "lineup",
    "named",
    "percent",
    "retention",
    "style",
    "wrap",
]
