"""Other ways to look at the same customers: each kind of columns alone, and all together.

A base is a kind of columns (how customers buy, what they buy, who they are …). The segments of
each are made without looking at what happened next; then each alone and all together predict it,
out of sample, on the customers of whom every base is known.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seglib.clustering import prediction, validity
from seglib.clustering.algorithms import fast
from seglib.clustering.encoding import Encoder
from seglib.clustering.null_model import NullModel
from seglib.clustering.segmenter import SegmentModel, check
from seglib.formats import StudyError

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

    All by k-means, in which the number is looked for: latent classes of answers take minutes.
    `columns` is base → its columns; a customer of whom half of them are missing has no such
    segment. `progress` is told the base that is next.
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
    method = "gmm" if decision.apart > 1 else "kmeans"
    model = SegmentModel(encoder, k, method, seed).fit(rows)
    return decision.kind, model.number(rows).predict(rows)["segment"], ""


def compare(
    bases: list[Base],
    outcomes: pd.DataFrame | None,
    *,
    used: pd.Series | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> dict:
    """Compare what the bases tell about holdout outcomes, each alone and all together.

    `outcomes` has a row a customer; without it nothing is compared. `used`, the segments in use,
    are a rival. Returned are ``bases`` and ``left_out``; ``n`` compared (5,000 at most), ``of``
    all with outcomes; per outcome the ``rows`` (name, value, low, high, tells; lead over the best
    with low and high), the ``best`` base alone, whom it is certainly ``ahead`` of, the ``gain`` of
    all together, and what is ``recommended``: a base, all together where the gain is 0.01 for
    certain, or ''.
    """
    everyone = pd.DataFrame() if outcomes is None else outcomes.dropna()
    both, usable = everyone.index, []
    left_out = [{"base": b.name, "reason": b.reason} for b in bases if b.labels is None]
    for base in sorted((b for b in bases if b.labels is not None), key=lambda b: -b.n):
        common = both.intersection(base.labels.index)  # the widest known come first
        if len(common) >= FEWEST or everyone.empty:
            both, usable = common, [*usable, base]
        else:
            reason = f"only {len(common)} customers can be compared; {FEWEST} are needed"
            left_out.append({"base": base.name, "reason": reason})
    usable = [base for base in bases if base in usable]
    part = both[np.sort(np.random.default_rng(seed).permutation(len(both))[:MOST])]
    several = len(usable) > 1 and len(both)
    return {
        "bases": [
            {"base": b.name, "n": b.n, "k": b.labels.nunique(), "kind": b.kind}
            | {"columns": b.columns}
            for b in usable
        ],
        "left_out": left_out,
        "n": len(part),
        "of": len(everyone),
        "outcomes": _outcomes(usable, everyone.loc[part], used, seed, progress) if several else [],
    }


def _outcomes(
    bases: list[Base], outcomes: pd.DataFrame, used, seed: int, progress=None
) -> list[dict]:
    tried = {b.name: prediction.indicators(b.labels.loc[outcomes.index]) for b in bases}
    tried[TOGETHER] = np.hstack(list(tried.values()))
    if used is not None and outcomes.index.isin(used.index).all():
        tried[USED] = prediction.indicators(used.loc[outcomes.index])
    n, rows, drawn = len(outcomes), [], []
    splits, draws = prediction.folds(n, seed, 2), prediction.resamples(n, seed)
    for name in outcomes:
        if not prediction.varies(outcomes[name].to_numpy(float)):
            continue
        y, metric, score, nothing = prediction.target(outcomes[name].to_numpy(float))
        rng, entries, ranked = np.random.default_rng(seed), [], metric == "AUC"
        for rival, x in tried.items():
            if progress:
                progress(f"{name} predicted by {rival}")
            value, resampled = score(y, prediction.held_out(x, y, splits, ranked), draws)
            own = prediction.interval(value, resampled)
            chance = max(prediction.placebos(x, y, score, splits, rng, ranked))
            tells = bool(own["low"] > nothing and value > chance)
            entries.append({"name": rival, **own, "tells": tells})
            drawn.append(resampled)
        about = {"outcome": str(name), "metric": metric, "nothing": nothing}
        rows.append(about | {"rows": entries})
    shape = len(rows), len(tried), -1
    return _recommend(rows, len(bases), np.reshape(drawn, shape)) if rows else []


def _recommend(rows: list[dict], alone: int, drawn: np.ndarray) -> list[dict]:
    """Say which base leads each outcome, over which others that is certain, and what to use.

    Leads have simultaneous 95 % intervals over all pairs and outcomes (the bootstrap's largest
    standardised deviation), because the leader is chosen by the same figures.
    """
    value = np.array([[entry["value"] for entry in row["rows"]] for row in rows])
    leads, draws = (x[:, :, None] - x[:, None, :] for x in (value, drawn))
    spread = np.maximum(draws.std(axis=-1, ddof=1), 1e-9)
    away = np.abs(draws - leads[..., None]) / spread[..., None]
    reaches = spread * np.quantile(away.max(axis=(0, 1, 2)), 0.95)
    for row, own, lead, reach in zip(rows, value, leads, reaches, strict=True):
        entries, best, low = row["rows"], int(own[:alone].argmax()), lead - reach
        for entry, ahead, off in zip(entries, lead[:, best], reach[:, best], strict=True):
            if entry is not entries[best]:
                entry |= {"lead": ahead, "lead_low": ahead - off, "lead_high": ahead + off}
        more = low[alone, :alone].min() > 0 and own[alone] - own[best] >= WORTH
        leader = entries[best]["name"] if entries[best]["tells"] else ""
        row["best"] = entries[best]["name"]
        row["ahead"] = [entries[j]["name"] for j in range(alone) if low[best, j] > 0]
        row["gain"] = own[alone] - own[best]
        row["recommended"] = TOGETHER if more and entries[alone]["tells"] else leader
    return rows
