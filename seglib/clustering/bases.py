"""Other ways to look at the same customers: each base's own segments, compared and combined.

A base is a kind of columns (how customers buy, what they buy, who they are …). The segments of
each are made without looking at what happened next; then all predict it, out of sample, on the
customers of whom every base is known. Combining them is judged in :mod:`seglib.clustering.combine`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from seglib.clustering import combine, compared, encode, evidence
from seglib.clustering.combine import RULE
from seglib.clustering.leaders import predict
from seglib.clustering.model import assign
from seglib.clustering.prediction import BOOTSTRAPS, interval
from seglib.clustering.segmentation import cut as cut_frame
from seglib.stats import adjust
from seglib.study import StudyError

__all__ = ["RULE", "Way", "compare", "cut", "members"]

LEAST = 100  # customers that a comparison needs
MOST = 5_000  # customers compared; more change little but the time
SHUFFLES = 999


@dataclass(frozen=True)
class Way:
    """The segments of one base: of the customers of whom it is known, or why there are none."""

    name: str
    columns: list[str]
    n: int
    kind: str = "none"
    labels: pd.Series | None = None
    encoded: pd.DataFrame | None = None  # for cuts as fine as a combination
    reason: str = ""

    @property
    def k(self) -> int:
        """Number of segments."""
        return 0 if self.labels is None else int(self.labels.nunique())


def cut(
    frame: pd.DataFrame,
    columns: dict[str, list[str]],
    *,
    k_max: int = 8,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> list[Way]:
    """Segment the customers by each base alone, as the verdict finds or in its most stable cut.

    Parameters
    ----------
    frame : DataFrame
        One row per customer.
    columns : dict
        Base → its columns; a customer of whom half of them are missing has no such segment.
    k_max, seed : int
    progress : callable, optional
        Told the base that is next.

    Returns
    -------
    list of Way
        One a base. A base that too few are known by, or that cannot be cut, says why.
    """
    found = []
    for name, names in columns.items():
        if progress:
            progress(name)
        known = frame.loc[frame[names].notna().mean(axis=1) >= 0.5, names]
        found.append(_cut_one(name, known, k_max, seed))
    return found


def _cut_one(name: str, known: pd.DataFrame, k_max: int, seed: int) -> Way:
    about = {"name": name, "columns": list(known.columns), "n": len(known)}
    if len(known) < LEAST:
        return Way(**about, reason=f"it is known of {len(known)} only; {LEAST} are needed")
    try:
        rule, finding = cut_frame(known, k_max=k_max, seed=seed)
    except StudyError as error:
        return Way(**about, reason=str(error))
    if rule["k"] < 2:
        return Way(**about, reason="too few of them differ for more than one segment")
    x = pd.DataFrame(encode.matrix(rule["columns"], known), index=known.index)
    return Way(**about, kind=finding.kind, labels=assign(rule, known)["segment"], encoded=x)


def compare(
    ways: list[Way],
    outcomes: pd.DataFrame | None = None,
    *,
    used: pd.Series | None = None,
    minimum: int = 10,
    who: str = "customers",
    seed: int = 0,
) -> dict:
    """Compare the segments of the bases, and combine two of them where that adds something.

    Parameters
    ----------
    ways : list of Way
        As :func:`cut` makes them.
    outcomes : DataFrame, optional
        What happened afterwards, one row per customer; without it only overlaps are told.
    used : Series, optional
        The segments that are in use: a rival of every combination.
    minimum : int
        Smallest number of customers in a cell of a combination.
    who : str
        What the customers are called.

    Returns
    -------
    dict
        ``bases``, ``left_out``, ``n``, ``overlap``, ``outcomes`` (per outcome, what each base
        tells ``alone`` and ``adds`` to the others, and which leads), ``pairs`` tried and the
        ``combined`` scheme, None unless something is gained; ``sentences`` for a manager.
    """
    everyone = None if outcomes is None else outcomes.dropna()
    kept, left_out = _comparable(ways, everyone)
    held = _common(kept, everyone)
    out = {
        "bases": [_about(way) for way in kept], "left_out": left_out, "n": len(held),
        "overlap": _overlap(kept, seed) if len(kept) > 1 else [],
        "outcomes": [], "pairs": [], "combined": None, "share": None,
    }  # fmt: skip
    if len(kept) > 1 and everyone is not None:
        out["outcomes"] = predict(kept, _sampled(held, seed), used, seed)
        out["share"] = _beside_everyone(held, everyone)
        out |= combine.combine(kept, everyone, used=used, minimum=minimum, most=MOST, seed=seed)
    return {**out, "sentences": compared.sentences(out, everyone is not None, who)}


def _about(way: Way) -> dict:
    return {"base": way.name, "n": way.n, "k": way.k, "kind": way.kind, "columns": way.columns}


def _comparable(ways: list[Way], everyone) -> tuple[list[Way], list[dict]]:
    """Keep the bases that can be compared on enough customers, the widest known first."""
    left_out = [{"base": way.name, "reason": way.reason} for way in ways if way.labels is None]
    kept: list[Way] = []
    for way in sorted((w for w in ways if w.labels is not None), key=lambda w: -w.n):
        common = len(_common([*kept, way], everyone))
        if common >= LEAST:
            kept.append(way)
        else:
            reason = f"only {common} customers can be compared; {LEAST} are needed"
            left_out.append({"base": way.name, "reason": reason})
    return [way for way in ways if way in kept], left_out


def _common(ways: list[Way], everyone) -> pd.DataFrame:
    """Return the outcomes (or nothing) of the customers of whom all these bases are known."""
    found = pd.DataFrame(index=ways[0].labels.index) if ways and everyone is None else everyone
    for way in ways:
        found = found.loc[found.index.intersection(way.labels.index)]
    return found if ways else pd.DataFrame()


def _sampled(held: pd.DataFrame, seed: int) -> pd.DataFrame:
    return held.iloc[np.sort(np.random.default_rng(seed).permutation(len(held))[:MOST])]


def _beside_everyone(held: pd.DataFrame, everyone: pd.DataFrame) -> dict:
    """Say how those compared differ from everyone in the first outcome."""
    first = everyone.columns[0]
    both = float(held[first].mean()), float(everyone[first].mean())
    return {"of": len(everyone), "outcome": str(first), "mean": both[0], "everyone": both[1]}


def _overlap(ways: list[Way], seed: int) -> list[dict]:
    """Take the adjusted Rand index of every two bases, with its interval and chance (Holm)."""
    rng = np.random.default_rng(seed)
    rows = []
    for one, two in combinations(ways, 2):
        both = one.labels.index.intersection(two.labels.index)
        both = both[np.sort(rng.permutation(len(both))[:MOST])]
        a, b = (pd.factorize(way.labels.loc[both])[0] for way in (one, two))
        draws = rng.integers(len(a), size=(BOOTSTRAPS, len(a)))
        again = np.array([evidence.rand_index(a[d], b[d]) for d in draws])
        seen = evidence.rand_index(a, b)
        chance = np.array([evidence.rand_index(a, rng.permutation(b)) for _ in range(SHUFFLES)])
        p = (1 + np.sum(chance >= seen)) / (SHUFFLES + 1)
        pair = {"first": one.name, "second": two.name, "n": len(a), "p": float(p)}
        rows.append({**pair, **interval(seen, again)})
    adjusted = adjust([row["p"] for row in rows])
    return [
        {**row, "p_adjusted": float(p), "more_than_chance": bool(p <= 0.05)}
        for row, p in zip(rows, adjusted, strict=True)
    ]


def members(ways: list[Way], found: dict) -> pd.DataFrame:
    """Return each customer's segment by every base, and group of the combined scheme if any."""
    table = pd.DataFrame({w.name: w.labels for w in ways if w.labels is not None}).astype("Int64")
    scheme = found["combined"]
    if scheme:
        pairs = [table[scheme["first"]], table[scheme["second"]]]
        group = {(a, b): i for i, c in enumerate(scheme["cells"], 1) for a, b in c["parts"]}
        table["combined"] = pd.array(
            [group.get(pair) for pair in zip(*pairs, strict=True)], dtype="Int64"
        )
    return table
