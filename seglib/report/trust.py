"""What a verdict means for who has to decide, and how its figures are read."""

from __future__ import annotations

KINDS = {
    "natural": "The groups are there in the data: they are tighter than chance would make them, "
    "and they come back when the analysis is repeated.",
    "reproducible": "The groups shade into each other, but the same ones come back when the "
    "analysis is repeated. Read their borders as approximate.",
    "constructive": "The data form a continuum without separate groups. The segments cut it into "
    "parts that can be treated differently; another cut could be made.",
    "none": "The data show no groups that deserve different treatment. Do not segment on them.",
}
"""What a verdict's kind means, in a manager's words."""
HARDLY = (
    "The groups shade into each other, and on all the data their borders hold hardly better than "
    "those of a cut of data without groups. Treat them as a choice that was made."
)
UNTESTED = (
    "The data show no groups, and whether a cut would pay all the same was not tested. Treat "
    "everybody alike until it is."
)
GLOSSES = {
    "R²": "share of the variation predicted; 1 is all",
    "AUC": "chance to rank one who did it above one who did not; 0.5 is nothing",
    "adjusted Rand": "1 is identical, 0 is chance",
}
"""What the figures in a verdict's reasons mean."""


def meaning(verdict: dict) -> str:
    """Return what a verdict means for who has to decide."""
    if hardly(verdict):
        return HARDLY
    untested = verdict.get("kind") == "none" and not verdict.get("usefulness")
    return UNTESTED if untested else KINDS.get(verdict.get("kind"), "")


def hardly(verdict: dict) -> bool:
    """Return whether refits on all rows agree hardly better than where there are no groups."""
    again = verdict.get("agreement") or {}
    return verdict.get("kind") == "reproducible" and not again.get("beyond", True)


def chosen(verdict: dict) -> dict:
    """Return the evidence for the number of segments chosen; empty if there is one segment."""
    k = verdict.get("k") or 1
    return next((row for row in verdict.get("evidence", []) if row["k"] == k > 1), {})


def glosses(verdict: dict) -> dict[str, str]:
    """Return the meaning of the figures that the verdict's reasons name."""
    told = " ".join(verdict.get("reasons") or ())
    return {name: text for name, text in GLOSSES.items() if name in told}
