"""Whom to target: the segments on every criterion, and their ranking by the study's weights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seglib import stats
from seglib.personas.evidence import Evidence
from seglib.personas.measures import WORDS, answered, measure, smallest, subtracted
from seglib.personas.names import kind
from seglib.study import StudyError, nearest
from seglib.wording import amount, table

CRITERIA, TABLES = table("levers")["criteria"], WORDS["tables"]
DRAWS = 10_000
OTHERS = {"growth": "growth", "reach": "responses", "objective": "means"}  # compared with everyone


def criteria(ev: Evidence) -> pd.DataFrame:
    """Return the segments on every criterion the run can compute.

    Indexed by segment: n, the criteria, and `contacts` (campaigns per customer) if known. What
    rests on too few is missing, and so is a size that would give away a smaller one. Growth, reach
    and the objective's figure that chance could explain (their interval includes no difference
    from everyone else) are everyone's.
    """
    values = {s: {k: v["value"] for k, v in own.items()} for s, own in ev.once(_figures).items()}
    scores = pd.DataFrame.from_dict(values, orient="index", dtype=float).rename_axis("segment")
    scores["n"] = ev.labels.value_counts()
    stable = {row["segment"]: row.get("jaccard") for row in ev.verdict.get("segments", [])}
    if any(value is not None for value in stable.values()):
        scores["stability"] = pd.Series(stable, dtype=float).reindex(scores.index)
    scores.loc[~scores.index.isin(ev.sized), "size"] = np.nan
    scores.loc[scores["n"] < ev.minimum] = np.nan
    return scores[[c for c in ("n", *CRITERIA, "contacts") if c in scores]].astype(float)


def _figures(ev: Evidence) -> dict[int, dict[str, dict]]:
    """Return value, low and high of each criterion of each segment; everyone's has no ends."""
    objective, everyone = ev.run.study.objective_figure, np.ones(len(ev.labels), dtype=bool)
    numeric = [c for c in ev.customers if kind(ev.customers[c]) == "numeric"]
    if objective and objective.column not in numeric:
        hint = nearest(objective.column, numeric)
        raise StudyError(f"objective_figure.column: found {objective.column!r}{hint}")
    result = {}
    for segment in ev.segments:
        inside = ev.inside(segment)
        own = {name: _figure(ev, name, inside) for name in [*CRITERIA, "contacts"]}
        own = {name: figure for name, figure in own.items() if figure}
        for name in OTHERS.keys() & own.keys():
            column = objective.column if name == "objective" else ""
            against = measure(ev, segment, OTHERS[name], column)
            if not against or against["low"] <= 1 <= against["high"]:
                own[name] = {"value": _figure(ev, name, everyone)["value"]}
        if "reach" in own:
            few = _answers(ev, inside)[0] < ev.minimum
            if few or subtracted(ev, answered(ev), segment):
                own["reach"] = {"value": np.nan}
        result[segment] = own
    return result


def _figure(ev: Evidence, name: str, inside: np.ndarray) -> dict:
    """Return value, low and high of a criterion among some customers; empty where unknown."""
    estimate, campaigns = None, ev.campaigns
    if name == "size":
        estimate = stats.share(int(inside.sum()), len(inside))
    elif name == "value" and ev.spend is not None:
        estimate = stats.mean(ev.spend[inside])
    elif name == "objective" and ev.run.study.objective_figure:
        estimate = stats.mean(ev.customers.loc[inside, ev.run.study.objective_figure.column])
    elif name == "contacts" and campaigns is not None:
        estimate = stats.mean(campaigns.loc[inside, "contacts"])
    elif name == "reach" and campaigns is not None and "responded" in campaigns:
        estimate = stats.share(*_answers(ev, inside))
    elif name == "growth" and ev.months is not None and not ev.chosen_for_growth:
        recent, earlier = (ev.months.loc[inside, c] for c in ("recent", "earlier"))
        if ev.months["earlier"].sum() > 0:  # else there is nothing to grow from
            value = recent.sum() / earlier.sum() if earlier.sum() > 0 else np.nan
            estimate = stats.ratio_of_means(recent, earlier)._replace(value=value)
    return {} if estimate is None else dict(zip(("value", "low", "high"), estimate, strict=False))


def _answers(ev: Evidence, inside: np.ndarray) -> tuple[int, int]:
    """Return how many answered a campaign, and how many were addressed."""
    sent = answered(ev)[inside].dropna()
    return int(sent.sum()), len(sent)


def units(ev: Evidence) -> dict[str, str]:
    """Return the unit of each criterion, and of the attention received."""
    objective = ev.run.study.objective_figure
    entry = ev.entries.get(objective.column, {}) if objective else {}
    return {
        "size": "share",
        "value": ev.run.study.currency or "money",
        "growth": "share",
        "stability": "index",
        "reach": "share",
        "contacts": "count",
        "objective": entry.get("unit", ""),
    }


def meaning(ev: Evidence, name: str) -> str:
    """Return what a criterion measures, in words."""
    if name == "contacts":
        return "campaigns a customer, mean"
    if name != "objective":
        return CRITERIA[name]
    objective = ev.run.study.objective_figure
    figure = ev.entries[objective.column]["label"].lower()
    return f"{figure}, mean; {objective.prefer} fits the objective better, as study.yaml says"


def weights(own: dict[str, float], scores: pd.DataFrame) -> dict[str, float]:
    """Return the weight of each criterion in the table, summing to 1; equal unless given."""
    usable = [c for c in CRITERIA if c in scores and scores[c].notna().any()]
    weighting = {c: float(own.get(c, 0.0)) if own else 1.0 for c in usable}
    total = sum(weighting.values())
    if total <= 0:
        raise StudyError(
            f"targeting gives no weight to any criterion of this study: expected one of "
            f"{', '.join(usable)} above 0"
        )
    return {name: weight / total for name, weight in weighting.items()}


def ranking(ev: Evidence) -> pd.DataFrame:
    """Return the segments ranked by the study's weights, as `rank` does."""
    scores, objective = ev.once(criteria), ev.run.study.objective_figure
    weighting = weights(ev.run.study.targeting, scores)
    if objective and objective.prefer == "lower":
        scores = scores.assign(objective=-scores["objective"])
    return rank(scores, weighting, ev.run.seed)


def rank(scores: pd.DataFrame, weighting: dict[str, float], seed: int = 0) -> pd.DataFrame:
    """Return the segments by `criteria` ranked by weights, and how firmly.

    Each criterion runs from 0 (the lowest segment) to 1 (the highest). The score is the weighted
    mean of those known of a segment; one of which none is known comes last. `first` is the share of
    10,000 random sets of weights, all equally likely, under which the segment comes first; `best`
    and `worst` are ranks that at least 5 of 100 of those sets give it or better, or worse.
    """
    values = scores.loc[scores["n"].notna(), [*weighting]]
    spread = values.max() - values.min()
    scaled = (values - values.min()) / spread.where(spread > 0)
    scaled = scaled.where((spread > 0) | values.isna(), 0.5)
    score = pd.Series(_means(scaled, np.array([[*weighting.values()]]))[:, 0], index=values.index)
    samples = np.random.default_rng(seed).dirichlet(np.ones(len(weighting)), DRAWS)
    means = np.nan_to_num(_means(scaled, samples), nan=-1.0)
    ranks = 1 + (means[:, None] < means[None] - 1e-9).sum(axis=1)  # equals share a place
    place = score.round(9).rank(ascending=False, method="min", na_option="bottom").astype(int)
    best, worst = (np.quantile(ranks, q, axis=1).astype(int) for q in (0.05, 0.95))
    first = (ranks == 1).mean(axis=1)
    result = scaled.assign(score=score, rank=place, first=first, best=best, worst=worst)
    result = result[["score", "rank", "first", "best", "worst", *weighting]]
    return result.sort_values("rank", kind="stable").rename_axis("segment").reset_index()


def _means(scaled: pd.DataFrame, samples: np.ndarray) -> np.ndarray:
    """Return each segment's mean of what is known, under each set of weights (one a row)."""
    values, known = scaled.fillna(0.0).to_numpy(), scaled.notna().to_numpy(dtype=float)
    weight = known @ samples.T
    return np.divide(
        values @ samples.T, weight, out=np.full(weight.shape, np.nan), where=weight > 0
    )


def _criterion(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return a segment's figure on a criterion of the targeting, as the ranking uses it."""
    scores, inside = ev.once(criteria), ev.inside(segment)
    if column not in scores or pd.isna(scores.loc[segment, column]):
        return {}
    value, n, cell = float(scores.loc[segment, column]), int(inside.sum()), {}
    if column == "reach":
        yes, n = _answers(ev, inside)
        cell = {"cell": smallest(yes, yes, n)}
    own = ev.once(_figures)[segment].get(column, {})
    own = own if np.isfinite(own.get("low", np.nan)) else {}  # of everyone's there are no ends
    words = {"meaning": meaning(ev, column)}
    if column == "objective":
        words["figure"] = ev.entries[ev.run.study.objective_figure.column]["label"].lower()
    about = {"table": TABLES.get(column, "campaigns.parquet"), "unit": units(ev)[column]}
    return own | {"value": value, "n": n, "words": words} | cell | about


def _rank(ev: Evidence, segment: int, *_) -> dict:
    """Return a segment's place by the study's weights, and by random ones."""
    rows = ev.once(ranking).set_index("segment")
    if segment not in rows.index or len(rows) < 2:
        return {}
    row = rows.loc[segment]
    return {
        "value": float(row["rank"]),
        "low": float(row["best"]),
        "high": float(row["worst"]),
        "confidence": 0.9,
        "n": int(ev.inside(segment).sum()),
        "inside": amount(row["score"]),
        "outside": amount(row["first"], "share"),
        "words": {"rank": int(row["rank"]), "of": len(rows)},
    }


MEASURES = {"criteria": _criterion, "ranks": _rank}
