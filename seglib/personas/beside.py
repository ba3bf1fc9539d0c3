"""Figures that set a segment beside the one most like it, and those whom no campaign reached."""

from __future__ import annotations

from seglib import stats
from seglib.personas import affinity, profile
from seglib.personas.called import names
from seglib.personas.columns import kind, numbers
from seglib.personas.grounds import Evidence
from seglib.personas.statistic import estimated, middle, smallest


def alike(ev: Evidence) -> dict[int, int]:
    """Return for each segment the other one most like it, where both may be shown.

    Empty for fewer than three: of two, each is everyone else to the other.
    """
    if len(ev.segments) < 3:
        return {}
    found = affinity.similar(ev.customers[ev.formed], ev.labels)
    return {s: other for s, other in found.items() if {s, other} <= set(ev.shown)}


def markers(ev: Evidence, segment: int):
    """Return how a segment differs from the one most like it, as `profile.markers`; else None."""
    other = ev.once(alike).get(segment)
    if other is None:
        return None
    pair = ev.labels[ev.labels.isin([segment, other])]
    columns = [c for c in ev.formed if c not in ev.leftover_columns]
    rows = profile.markers(ev.customers.loc[pair.index, columns], pair, [*ev.entries.values()])
    return rows[(rows["segment"] == segment) & (rows["level"] == "")]


def _nearest(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return how a numeric or ordered column differs between a segment and the one most like it."""
    other = ev.once(alike).get(segment)
    if other is None or column not in ev.formed or kind(ev.customers[column]) == "nominal":
        return {}
    x = numbers(ev.customers[column])
    a, b = (x[ev.inside(s)].dropna() for s in (segment, other))
    if not len(a) or not len(b):
        return {}
    like = ev.once(names)[other]
    return {
        "kind": "superiority", **estimated(stats.superiority(a, b)), "n": len(a),
        "statistic": f"chance that one of them has more than one of {like}",
        "cell": min(len(a), len(b)), **middle(ev, column, a, b),
        "reference": f"no difference from {like}", "words": {"like": like},
    }  # fmt: skip


def _untouched(ev: Evidence, segment: int, *_) -> dict:
    """Return the share that no campaign reached, as a difference from everyone else's."""
    if ev.campaigns is None:
        return {}
    none, inside = (ev.campaigns["contacts"] == 0).to_numpy(), ev.inside(segment)
    a, n, b, others = (int(v.sum()) for v in (none & inside, inside, none & ~inside, ~inside))
    if not others:
        return {}
    return {"kind": "difference", "statistic": "difference of shares without a campaign",
            **estimated(stats.difference(a, n, b, others)), "n": n,
            "cell": min(smallest(a, a, n), smallest(b, b, others)), "inside": a / n,
            "outside": b / others, "unit": "share"}  # fmt: skip


MEASURES = {"nearest": _nearest, "untouched": _untouched}
