"""Other ways to look at the same customers: each kind of columns alone, and all together.

A base is a kind of columns (how customers buy, what they buy, who they are …). The segments of
each are made without looking at what happened next; then each alone and all together predict it,
out of sample, on the customers of whom every base is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd

from seglib.clustering import validity
from seglib.clustering.algorithms import fast
from seglib.clustering.encoding import Encoder
from seglib.clustering.null_model import NullModel
from seglib.clustering.prediction import (
    BOOTSTRAPS,
    PLACEBOS,
    folds,
    held_out,
    indicators,
    interval,
    target,
    varies,
)
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
        known = frame.loc[frame[names].notna().mean(axis=1) >= KNOWN, names]
        bases.append(_segment_one(name, known, k_max, seed))
    return bases


def _segment_one(name: str, known: pd.DataFrame, k_max: int, seed: int) -> Base:
    about = {"name": name, "columns": list(known.columns), "n": len(known)}
    if len(known) < FEWEST:
        return Base(**about, reason=f"it is known of {len(known)} only; {FEWEST} are needed")
    try:
        encoder = Encoder().fit(known)
    except StudyError as error:
        return Base(**about, reason=str(error))
    null = NullModel(random_state=seed).fit(known, encoder)
    found = validity.search(null, check(known, encoder, 0, k_max, seed))
    k = found.k if found.k > 1 else found.best_cut
    if k < 2:
        return Base(**about, reason="too few of them differ for more than one segment")
    model = SegmentModel(encoder, k, metric=found.metric, random_state=seed).fit(known)
    labels = model.number(known).predict(known)["segment"]
    return Base(**about, kind=found.kind, labels=labels)


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
    kept, left_out = _comparable(bases, everyone)
    both = _common(kept, everyone)
    out = {
        "bases": [{"base": b.name, "n": b.n, "k": int(b.labels.nunique()), "kind": b.kind,
                   "columns": b.columns} for b in kept],
        "left_out": left_out, "n": len(both), "of": len(everyone), "outcomes": [],
    }  # fmt: skip
    if len(kept) > 1 and len(both):
        part = both[np.sort(np.random.default_rng(seed).permutation(len(both))[:MOST])]
        out["outcomes"] = _predict(kept, everyone.loc[part], used, seed)
    return out


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


def _comparable(bases: list[Base], everyone: pd.DataFrame) -> tuple[list[Base], list[dict]]:
    """Keep the bases that can be compared on enough customers, the widest known first."""
    left_out = [{"base": b.name, "reason": b.reason} for b in bases if b.labels is None]
    kept: list[Base] = []
    for base in sorted((b for b in bases if b.labels is not None), key=lambda b: -b.n):
        common = len(_common([*kept, base], everyone))
        if common >= FEWEST or everyone.empty:
            kept.append(base)
        else:
            reason = f"only {common} customers can be compared; {FEWEST} are needed"
            left_out.append({"base": base.name, "reason": reason})
    return [base for base in bases if base in kept], left_out


def _common(bases: list[Base], everyone: pd.DataFrame) -> pd.Index:
    """Return the customers with outcomes of whom all these bases are known."""
    both = everyone.index
    for base in bases:
        both = both.intersection(base.labels.index)
    return both


def _predict(bases: list[Base], outcomes: pd.DataFrame, used, seed: int) -> list[dict]:
    """Predict every outcome by each base, by all together and by the segments used."""
    names = [c for c in outcomes if varies(outcomes[c].to_numpy(dtype=float))]
    if not names:
        return []
    targets = [target(outcomes[name].to_numpy(dtype=float)) for name in names]
    y = np.column_stack([values for values, *_ in targets])
    splits, rng = folds(len(y), seed, 2), np.random.default_rng(seed)
    hot = {base.name: indicators(base.labels.loc[outcomes.index]) for base in bases}
    tried = hot | {TOGETHER: np.hstack(list(hot.values()))}
    if used is not None and outcomes.index.isin(used.index).all():
        tried[USED] = indicators(used.loc[outcomes.index])
    predicted = {name: held_out(x, y, splits) for name, x in tried.items()}
    chance = {name: [held_out(rng.permutation(x), y, splits) for _ in range(PLACEBOS)]
              for name, x in tried.items()}  # fmt: skip
    draws = np.random.default_rng(seed).integers(len(y), size=(BOOTSTRAPS, len(y)))
    rows = []
    for i, (name, (values, metric, score, nothing)) in enumerate(zip(names, targets, strict=True)):
        reached = {t: score(values, p[:, i]) for t, p in predicted.items()}
        drawn = {t: np.array([score(values[d], p[d, i]) for d in draws])
                 for t, p in predicted.items()}  # fmt: skip
        entries = [{"name": t, **interval(reached[t], drawn[t])} for t in tried]
        for entry in entries:
            by_chance = max(score(values, p[:, i]) for p in chance[entry["name"]])
            entry["tells"] = bool(entry["low"] > nothing and entry["value"] > by_chance)
        rows.append({"outcome": str(name), "metric": metric, "nothing": nothing, "rows": entries,
                     "draws": drawn})  # fmt: skip
    return _judged(rows, list(hot))


def _judged(rows: list[dict], alone: list[str]) -> list[dict]:
    """Add which base leads each outcome, over which others that is certain, and what to use.

    Leads have simultaneous 95 % intervals over all pairs and outcomes (the bootstrap's largest
    standardised deviation), because the leader was chosen by the same figures.
    """
    values = [{e["name"]: e["value"] for e in row["rows"]} for row in rows]
    draws = [row["draws"] for row in rows]
    leads = {
        (i, one, other): (values[i][one] - values[i][other], draws[i][one] - draws[i][other])
        for i in range(len(rows))
        for one, other in permutations(values[i], 2)
    }  # fmt: skip
    spread = {key: max(float(draw.std(ddof=1)), 1e-9) for key, (_, draw) in leads.items()}
    away = [np.abs(draw - value) / spread[key] for key, (value, draw) in leads.items()]
    width = float(np.quantile(np.max(away, axis=0), 0.95))
    for i, row in enumerate(rows):
        del row["draws"]
        best = max(alone, key=values[i].get)
        low = {key: leads[key][0] - width * spread[key] for key in leads if key[0] == i}
        for entry in row["rows"]:
            key = (i, entry["name"], best)
            if key in leads:
                reach = width * spread[key]
                entry |= {"lead": leads[key][0], "lead_low": leads[key][0] - reach,
                          "lead_high": leads[key][0] + reach}  # fmt: skip
        tells = {e["name"]: e["tells"] for e in row["rows"]}
        gain = min(low[i, TOGETHER, name] for name in alone)
        more = tells[TOGETHER] and gain > 0 and values[i][TOGETHER] - values[i][best] >= WORTH
        row["best"] = best
        row["ahead"] = [name for name in values[i] if name != best and low[i, best, name] > 0]
        row["recommended"] = TOGETHER if more else best if tells[best] else ""
    return rows
