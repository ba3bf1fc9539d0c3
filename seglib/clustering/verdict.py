"""How many segments, and how real: a rule over the evidence, and its words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seglib.clustering.evidence import Measures, excess

RULE = (
    "There is structure at a number of segments when they are at least 3 reference standard "
    "deviations more compact than in simulated tables without groups, and no such table is as "
    "compact at any number. "
    "Where the density also falls between every two segments, deeper than in any such table and "
    "by a fifth at least, and pairs of bootstrap samples agree (adjusted Rand 0.75 or more, and no "
    "less than without groups), segments are natural, and the number with the largest extra "
    "compactness (times the root of agreement) is taken. "
    "Otherwise, where agreement is at least 0.6 and 0.1 above that without groups, segments are "
    "reproducible, and the number with the largest excess in standard deviations is taken; failing "
    "that the answer is one segment."
)
COMPACT = 3.0  # reference standard deviations
AGREE = 0.75  # adjusted Rand index of pairs of bootstrap samples, for natural
DEEPER = 0.05  # by how much a valley (log ratio) must exceed the deepest in the reference
SHALLOW = 0.2  # a shallower valley is none: the density falls by less than a fifth
AGREE_SOME = 0.6  # adjusted Rand index, for reproducible
AGREE_MORE = 0.1  # and by how much it must exceed the reference

HARDLY = 0.05  # a Jaccard similarity above the null's by less says nothing for a segment
WORDS = {0.85: "highly stable", 0.75: "valid", 0.6: "doubtful", 0.0: "distrust"}


@dataclass(frozen=True)
class Finding:
    """The rule's answer and the numbers it was read from (arrays over k = 1..k_max)."""

    k: int
    kind: str  # natural, reproducible or none
    gap: np.ndarray
    z: np.ndarray
    separated: np.ndarray
    reproducible: np.ndarray
    p_value: float  # of the largest z over k, by Monte Carlo
    seen: Measures
    null: list[Measures]


def judge(seen: Measures, null: list[Measures]) -> Finding:
    """Apply :data:`RULE`."""
    gap, z = excess(seen, null)
    agree = np.array([m.stability for m in null])
    deep = np.array([m.valley for m in null])
    usual = agree.mean(axis=0)
    p_value = _p_value(z, null)
    structure = (z >= COMPACT) & (p_value <= 1 / (len(null) + 1)) & (np.arange(len(z)) > 0)
    separated = (
        structure
        & (seen.valley >= np.maximum(deep.max(axis=0) + DEEPER, SHALLOW))
        & (seen.stability >= np.maximum(AGREE, usual))
    )
    again = structure & (seen.stability >= np.maximum(AGREE_SOME, usual + AGREE_MORE))
    k, kind = 1, "none"
    if separated.any():
        agreed = np.sqrt(np.maximum(seen.stability, 0))
        k, kind = 1 + _highest(gap * agreed, separated), "natural"
    elif again.any():
        k, kind = 1 + _highest(z, again), "reproducible"
    return Finding(k, kind, gap, z, separated, again, p_value, seen, null)


def _highest(score: np.ndarray, allowed: np.ndarray) -> int:
    return int(np.where(allowed, score, -np.inf).argmax())


def kind_at(finding: Finding, k: int) -> str:
    """Say the kind of a number of segments the analyst chose."""
    if k == finding.k:
        return finding.kind
    if k <= len(finding.z) and finding.separated[k - 1]:
        return "natural"
    if k <= len(finding.z) and finding.reproducible[k - 1]:
        return "reproducible"
    return "none"


def best_cut(finding: Finding) -> int:
    """Without groups, the number of segments from 3 to 6 that bootstrap samples agree on most."""
    stability = finding.seen.stability
    k_max = len(stability)
    return max(range(min(3, k_max), min(6, k_max) + 1), key=lambda k: stability[k - 1])


def _p_value(z: np.ndarray, null: list[Measures]) -> float:
    """Share of reference tables whose largest z over k, each against the others, is as large."""
    if len(z) == 1:
        return 1.0
    fake = np.array([m.dispersion for m in null])
    top = []
    for i in range(len(fake)):
        rest = np.delete(fake, i, axis=0)
        top.append(((rest.mean(axis=0) - fake[i]) / (rest.std(axis=0, ddof=1) + 1e-9))[1:].max())
    return float((1 + np.sum(np.array(top) >= z[1:].max())) / (len(fake) + 1))


def null_model(finding: Finding) -> dict:
    """Return what the evidence is compared with, and what its p-values are."""
    return {
        "tables": len(finding.null),
        "model": "simulated tables that keep every column's distribution and the correlations but "
        "have no groups",
        "p_values": "Monte Carlo, (1 + tables with as much) / (1 + tables): of each number of "
        "segments alone in the evidence, of the largest compactness over all numbers in p_value",
    }


def _as_much(seen: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return the Monte Carlo p-value of each k (Davison & Hinkley 1997, eq. 4.11)."""
    return (1 + np.sum(null >= seen, axis=0)) / (1 + len(null))


def rows(finding: Finding) -> list[dict]:
    """Write the evidence, one dict per k; one segment is compared with nothing."""
    seen, null = finding.seen, finding.null
    agree, deep = (np.array([getattr(m, name) for m in null]) for name in ("stability", "valley"))
    p_values = {
        "dispersion_p": _as_much(-seen.dispersion, -np.array([m.dispersion for m in null])),
        "stability_p": _as_much(seen.stability, agree),
        "separation_p": _as_much(seen.valley, deep),
    }
    agree, deep = agree.mean(axis=0), deep.max(axis=0)
    return [
        {
            "k": i + 1,
            "dispersion": float(finding.seen.dispersion[i]),
            "dispersion_gap": float(finding.gap[i]),
            "dispersion_z": float(finding.z[i]) if i else 0.0,
            "stability": float(finding.seen.stability[i]),
            "stability_null": float(agree[i]),
            "separation": float(finding.seen.valley[i]),
            "separation_null": float(deep[i]),
            "separated": bool(finding.separated[i]),
            **{name: float(p[i]) if i else None for name, p in p_values.items()},
        }
        for i in range(len(finding.z))
    ]


def stability_word(jaccard: float, null: float | None = None) -> str:
    """Return Hennig's (2007) word for a segment's mean Jaccard similarity.

    A stable segment that is hardly more so than one in data without groups (by less than
    `HARDLY`) is stable as any cut is.
    """
    word = next(word for least, word in WORDS.items() if jaccard >= least)
    if null is not None and jaccard < null + HARDLY and jaccard >= 0.75:
        return "stable, as any cut would be"
    return word


def headline(
    kind: str, k: int, useful: dict | None, carried: str | None = None,
    finding: Finding | None = None, agreement: dict | None = None,
) -> str:  # fmt: skip
    """Return one sentence for a manager.

    Parameters
    ----------
    kind : str
    k : int
    useful : dict, optional
        As of `usefulness`, None if not tested.
    carried : str, optional
        The date of the earlier run whose useful cut was made again.
    finding : Finding, optional
        What the data show, where the analyst chose another k.
    agreement : dict, optional
        Of refits on all rows with the segments published; the search saw a part of the rows.
    """
    if finding and finding.kind != "none" and finding.k != k:
        return _otherwise(finding, k)
    if kind == "natural":
        return f"There are {k} groups in these data, with few cases between them."
    if kind == "reproducible" and agreement and not agreement["beyond"]:
        return (
            f"{k} segments are a cut of a continuum: tighter than chance would make them, but when "
            "all the data are drawn again their borders hold hardly better than those of any cut."
        )
    if kind == "reproducible":
        return (
            f"{k} segments come back, by and large, when the data are drawn again, but they shade "
            "into each other: they are regions of a continuum, not separate groups."
        )
    if carried:
        return (
            f"There are no separate groups; the {k} segments are a cut we make, as at {carried}, "
            "when they differed in what happened next. Whether these do is not known yet."
        )
    if kind == "constructive":
        better = useful and useful["score_beats_segments"]
        but = ", but a score tells more" if better else ""
        return (
            f"There are no separate groups; the {k} segments are a cut we make. "
            f"They differ in what happens next{but}."
        )
    end = (
        "a cut into segments does not help predict what happens next either"
        if useful
        else "whether a cut would still be useful was not tested"
    )
    what = "treat everybody as one segment" if k == 1 else f"the {k} segments shown are arbitrary"
    link = "so" if useful else "until then"
    return f"There are no groups in these data; {end}, {link} {what}."


def _otherwise(finding: Finding, k: int) -> str:
    """Return what the data show, and what the number asked for does to it."""
    what = "groups" if finding.kind == "natural" else "segments that come back"
    does = "puts some of them together" if k < finding.k else "splits some of them"
    if k == 1:
        return f"The data show {finding.k} {what}; one segment for all was asked for."
    return f"The data show {finding.k} {what}; the {k} asked for are a cut that {does}."


def reasons(finding: Finding, k: int, kind: str, agreement: dict | None = None) -> list[str]:
    """Sentences with the figure behind each word.

    Stability is one of two quantities, and named: that of the segments used (``agreement``: of
    refits with them), or, without it or with one segment, that in the search, of pairs of samples.
    """
    if len(finding.z) == 1:
        return ["There are too few different rows for more than one segment."]
    most = 1 + int(finding.z[1:].argmax())
    i = min(k - 1, len(finding.z) - 1) if k > 1 else most
    row = rows(finding)[i]
    count = len(finding.null)
    depth, deepest = (1 - np.exp(-row[name]) for name in ("separation", "separation_null"))
    best = "" if i == most else f"; at {most + 1}, where they are most so, {_apart(finding, most)}"
    out = [
        f"At {i + 1} segments the data are {_apart(finding, i)} compact than {count} simulated "
        f"tables that keep every column and the correlations but have no groups{best} "
        f"(chance of as much at any number without groups: {_chance(finding)}).",
        _agreed(row, agreement if k > 1 else None),
        f"Between the two closest segments the density falls by {depth:.0%}; "
        f"in tables without groups by at most {deepest:.0%}.",
    ]
    if finding.kind != "none" and k != finding.k:
        out.append(f"The evidence is best for {finding.k} segments.")
    return out


def _apart(finding: Finding, i: int) -> str:
    z = finding.z[i]
    return f"{abs(z):.1f} standard deviations {'more' if z >= 0 else 'less'}"


def _agreed(row: dict, agreement: dict | None) -> str:
    if agreement is None:
        return (
            "Stability in the search: pairs of bootstrap samples cut into so many agree to "
            f"{row['stability']:.2f} on average (adjusted Rand index); in tables without groups to "
            f"{row['stability_null']:.2f}."
        )
    return (
        f"Stability of the segments used: when rows are drawn again and the segments refitted, "
        f"they agree with these to {agreement['value']:.2f} on average (adjusted Rand index; "
        f"middle 95% of refits {agreement['low']:.2f} to {agreement['high']:.2f}); "
        f"segments cut the same way from tables without groups agree to {agreement['null']:.2f}."
    )


def _chance(finding: Finding) -> str:
    least = 1 / (len(finding.null) + 1)
    return f"at most {least:.0%}" if finding.p_value <= least else f"{finding.p_value:.0%}"


def labelled(found: dict, labels: Mapping[str, str]) -> dict:
    """Return a verdict whose reasons call columns as reports do.

    Parameters
    ----------
    found : dict
        As `Segmentation.verdict`.
    labels : mapping
        Column → label.
    """

    def called(match: re.Match) -> str:
        return f"Column “{labels.get(match[1], match[1])}”"

    return found | {"reasons": [re.sub("^Column '(.+?)'", called, r) for r in found["reasons"]]}
