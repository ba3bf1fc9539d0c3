"""Other ways to look at the same customers: each kind of columns alone, and all together.

A base is a kind of columns (how customers buy, what they buy, who they are …). The segments of
each are made without looking at what happened next; then each alone and all together predict it,
out of sample, on the customers of whom every base is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seglib.clustering import prediction, validity
from seglib.clustering.algorithms import fast
from seglib.clustering.encoding import Encoder
from seglib.clustering.null_model import NullModel
from seglib.clustering.segmenter import SegmentModel, check
from seglib.study import StudyError

FEWEST, MOST = 100, 5_000  # customers that a comparison needs, and uses
KNOWN = 0.5  # share of a base's columns that must be known of a customer
WORTH = 0.01  # R² or AUC that all together must add to the best alone
TOGETHER, USED = "all together", "the segments used"


@dataclass(frozen=True)
class Base:
    """The segments of one kind of columns, or the reason why there are none."""

    name: str
    columns: list[str]
    n: int
    kind: str = "none"
    labels: pd.Series | None = None
    reason: str = ""


@fast()
def segment_each(
    frame: pd.DataFrame,
    columns: dict[str, list[str]],
    *,
    k_max: int = 8,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> list[Base]:
    """Segment the customers by each base alone, as the verdict finds or in its most stable cut.

    Parameters
    ----------
    frame : DataFrame
        One row per customer.
    columns : dict
        Base → its columns; a customer of whom half of them are missing has no such segment.
    progress : callable, optional
        Told the base that is next.
    """
    bases = []
    for name, names in columns.items():
        if progress:
            progress(f"segments by {name} columns")
        rows = frame.loc[frame[names].notna().mean(axis=1) >= KNOWN, names]
        kind, labels, reason = _segments(rows, k_max, seed)
        bases.append(Base(name, names, len(rows), kind, labels, reason))
    return bases


def _segments(rows: pd.DataFrame, k_max: int, seed: int) -> tuple[str, pd.Series | None, str]:
    if len(rows) < FEWEST:
        return "none", None, f"it is known of {len(rows)} only; {FEWEST} are needed"
    try:
        encoder = Encoder().fit(rows)
    except StudyError as error:
        return "none", None, str(error)
    null = NullModel(random_state=seed).fit(rows, encoder)
    most = check(rows, encoder, 0, k_max, seed)
    decision = validity.search(null, most, tables=validity.FIRST)
    k = decision.k if decision.k > 1 else decision.best_cut
    if k < 2:
        return "none", None, "too few of them differ for more than one segment"
    model = SegmentModel(encoder, k, metric=decision.metric, random_state=seed).fit(rows)
    return decision.kind, model.number(rows).predict(rows)["segment"], ""


def compare(
    bases: list[Base],
    outcomes: pd.DataFrame | None,
    *,
    used: pd.Series | None = None,
    seed: int = 0,
) -> dict:
    """Compare what the bases tell about what happened next, each alone and all together.

    Parameters
    ----------
    bases : list of Base
    outcomes : DataFrame or None
        What happened afterwards, one row per customer; without it nothing is compared.
    used : Series, optional
        The segments that are in use: a rival.

    Returns
    -------
    dict
        ``bases`` and ``left_out``; ``n`` customers compared, ``of`` those with outcomes; and per
        outcome the ``rows`` (name, value, low, high, tells; lead over the best with low and high),
        the ``best`` base alone, whom it is certainly ``ahead`` of, and what is ``recommended``: a
        base, all together where that beats the best alone by 0.01 for certain, or nothing.
    """
    everyone = pd.DataFrame() if outcomes is None else outcomes.dropna()
    both, kept = everyone.index, []
    left_out = [{"base": b.name, "reason": b.reason} for b in bases if b.labels is None]
    for base in sorted((b for b in bases if b.labels is not None), key=lambda b: -b.n):
        common = both.intersection(base.labels.index)  # the widest known come first
        if len(common) >= FEWEST or everyone.empty:
            both, kept = common, [*kept, base]
        else:
            reason = f"only {len(common)} customers can be compared; {FEWEST} are needed"
            left_out.append({"base": base.name, "reason": reason})
    kept = [base for base in bases if base in kept]
    part = both[np.sort(np.random.default_rng(seed).permutation(len(both))[:MOST])]
    several = len(kept) > 1 and len(both)
    return {
        "bases": [
            {"base": b.name, "n": b.n, "k": b.labels.nunique(), "kind": b.kind}
            | {"columns": b.columns}
            for b in kept
        ],
        "left_out": left_out,
        "n": len(both),
        "of": len(everyone),
        "outcomes": _outcomes(kept, everyone.loc[part], used, seed) if several else [],
    }


def words(row: dict) -> dict:
    """Return what the sentence about one outcome of a comparison needs."""
    entry = {e["name"]: e for e in row["rows"]}
    kind = {"": "none", TOGETHER: "together"}.get(row["recommended"], "alone")
    gain = entry[TOGETHER]["value"] - entry[row["best"]]["value"]
    about = {"outcome": row["outcome"], "metric": row["metric"], "best": row["best"]}
    ahead = [name for name in row["ahead"] if name != USED]
    return about | {"recommended": kind, "gain": f"{gain:.2f}", "ahead": ahead}


def members(bases: list[Base]) -> pd.DataFrame:
    """Return each customer's segment by every base."""
    labels = {base.name: base.labels for base in bases if base.labels is not None}
    return pd.DataFrame(labels).astype("Int64")


def _outcomes(bases: list[Base], outcomes: pd.DataFrame, used, seed: int) -> list[dict]:
    """Predict every outcome by each base, by all together and by the segments used."""
    outcomes = outcomes[[c for c in outcomes if prediction.varies(outcomes[c].to_numpy(float))]]
    if outcomes.empty:
        return []
    targets = [prediction.target(outcomes[name].to_numpy(float)) for name in outcomes]
    y, rng = np.column_stack([of[0] for of in targets]), np.random.default_rng(seed)
    splits = prediction.folds(len(y), seed, 2)
    tried = {b.name: prediction.indicators(b.labels.loc[outcomes.index]) for b in bases}
    tried[TOGETHER] = np.hstack(list(tried.values()))
    if used is not None and outcomes.index.isin(used.index).all():
        tried[USED] = prediction.indicators(used.loc[outcomes.index])
    predicted = [prediction.held_out(x, y, splits) for x in tried.values()]
    chance = [
        [prediction.held_out(rng.permutation(x), y, splits) for _ in range(prediction.PLACEBOS)]
        for x in tried.values()
    ]
    size = (prediction.BOOTSTRAPS, len(y))
    draws = prediction.weights(np.random.default_rng(seed).integers(len(y), size=size))
    once, value, drawn, by_chance = np.ones((1, len(y))), [], [], []
    for i, (values, _, score, _) in enumerate(targets):
        value.append([score(values, p[:, i], once)[0] for p in predicted])
        drawn.append([score(values, p[:, i], draws) for p in predicted])
        by_chance.append([max(score(values, p[:, i], once)[0] for p in ps) for ps in chance])
    value, drawn = np.array(value), np.array(drawn)
    lead, reach = _leads(value, drawn)
    rows = []
    for i, (_, metric, _, nothing) in enumerate(targets):
        intervals = [prediction.interval(*pair) for pair in zip(value[i], drawn[i], strict=True)]
        tells = [
            bool(own["low"] > nothing and own["value"] > other)
            for own, other in zip(intervals, by_chance[i], strict=True)
        ]
        about = {"outcome": str(outcomes.columns[i]), "metric": metric, "nothing": nothing}
        judged = _judged(list(tried), len(bases), intervals, tells, lead[i], reach[i])
        rows.append(about | judged)
    return rows


def _leads(value: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much each leads each other for each outcome, and how far that may be off.

    The intervals are simultaneous over all pairs and outcomes (95 %, the bootstrap's largest
    standardised deviation), because the leader is chosen by the same figures.
    """
    lead = value[:, :, None] - value[:, None, :]
    draws = drawn[:, :, None] - drawn[:, None, :]
    spread = np.maximum(draws.std(axis=-1, ddof=1), 1e-9)
    away = np.abs(draws - lead[..., None]) / spread[..., None]
    return lead, spread * np.quantile(away.max(axis=(0, 1, 2)), 0.95)


def _judged(names: list[str], alone: int, intervals, tells, lead, reach) -> dict:
    """Say of one outcome which base leads, over which others that is certain, and what to use."""
    value = [own["value"] for own in intervals]
    best, low = int(np.argmax(value[:alone])), lead - reach
    entries = []
    for j, name in enumerate(names):
        entries.append({"name": name, **intervals[j], "tells": tells[j]})
        if j != best:
            ends = {"lead_low": lead[j, best] - reach[j, best]}
            ends |= {"lead_high": lead[j, best] + reach[j, best]}
            entries[-1] |= {"lead": lead[j, best], **ends}
    gain = low[alone, :alone].min() > 0 and value[alone] - value[best] >= WORTH
    alone_or_none = names[best] if tells[best] else ""
    return {
        "rows": entries,
        "best": names[best],
        "ahead": [name for j, name in enumerate(names) if j != best and low[best, j] > 0],
        "recommended": TOGETHER if gain and tells[alone] else alone_or_none,
    }
