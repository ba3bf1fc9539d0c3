"""Whom to target: segments compared on several criteria, and how the ranking hangs on weights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seglib import stats
from seglib.personas import profile
from seglib.personas.columns import kind
from seglib.personas.grounds import Evidence
from seglib.personas.statistic import measure, smallest
from seglib.study import StudyError, nearest

CRITERIA = {
    "size": "share of all customers",
    "value": "mean spend of a customer before the cut-off date",
    "growth": "spend of the last three months against the three before",
    "stability": "how far the segment comes back when the analysis is repeated (Jaccard overlap)",
    "reach": "share that answered a campaign, of those addressed",
    "objective": "the figure that study.yaml says the objective is about",
}
"""What segments are compared on; those the data lack are left out."""
DRAWS = 10_000


def criteria(ev: Evidence) -> pd.DataFrame:
    """Return the segments on every criterion the run can compute, and the attention they got.

    Returns
    -------
    DataFrame
        Indexed by segment: n, the criteria, and `contacts` (campaigns per customer) if known.
        Of a segment smaller than the study's minimum all is missing, and so is reach that rests on
        fewer answers than that. Growth, reach and the objective's figure that chance could explain
        (their interval includes no difference from everyone else) are everyone's.
    """
    sizes = profile.sizes(ev.labels, ev.spend)
    table = pd.DataFrame({"n": sizes["n"], "size": sizes["share"]})
    if ev.spend is not None:
        table["value"] = sizes["value_mean"]
    if ev.months is not None and not ev.chosen_for_growth:
        sums = ev.months.groupby(ev.labels).sum()
        if sums["earlier"].sum() > 0:  # else there is nothing to grow from
            growth = sums["recent"] / sums["earlier"].where(sums["earlier"] > 0)
            everyone = sums["recent"].sum() / sums["earlier"].sum()
            table["growth"] = growth.where(_clear(ev, "growth"), everyone)
    stable = {s["segment"]: s.get("jaccard") for s in ev.verdict.get("segments", [])}
    if any(v is not None for v in stable.values()):
        table["stability"] = pd.Series(stable, dtype=float).reindex(table.index)
    if ev.campaigns is not None:
        table = table.join(_attention(ev))
    if ev.run.study.objective_figure:
        table["objective"] = _fit(ev)
    table = table.astype(float).rename_axis("segment")
    table.loc[table["n"] < ev.minimum] = np.nan
    return table


def _clear(ev: Evidence, table: str, column: str = "") -> pd.Series:
    """Return for each segment whether it differs from everyone else by more than chance."""
    found = {s: measure(ev, s, table, column) for s in ev.segments}
    return pd.Series({s: bool(m) and not m["low"] <= 1 <= m["high"] for s, m in found.items()})


def _attention(ev: Evidence) -> pd.DataFrame:
    sent = ev.campaigns["contacts"] > 0
    found = pd.DataFrame({"contacts": ev.campaigns["contacts"].groupby(ev.labels).mean()})
    if "responded" in ev.campaigns:
        answered = ev.campaigns.loc[sent, "responded"].eq(True).groupby(ev.labels[sent])
        rate = answered.mean().reindex(found.index)
        everyone = ev.campaigns.loc[sent, "responded"].eq(True).mean()
        enough = answered.sum().reindex(found.index) >= ev.minimum
        found["reach"] = rate.where(_clear(ev, "responses"), everyone).where(enough)
    return found


def _fit(ev: Evidence) -> pd.Series:
    """Return the mean of the objective's figure in each segment.

    Raises
    ------
    StudyError
        If study.yaml names a column that customers do not have as a number.
    """
    name = ev.run.study.objective_figure.column
    known = [c for c in ev.customers if kind(ev.customers[c]) == "numeric"]
    if name not in known:
        raise StudyError(f"objective_figure.column: found {name!r}{nearest(name, known)}")
    values = ev.customers[name].astype(float)
    return values.groupby(ev.labels).mean().where(_clear(ev, "means", name), values.mean())


def units(ev: Evidence) -> dict[str, str]:
    """Return the unit of each criterion, and of the attention received."""
    stated = ev.run.study.objective_figure
    entry = ev.entries.get(stated.column, {}) if stated else {}
    return {"size": "share", "value": ev.run.study.currency or "money", "growth": "share",
            "stability": "index", "reach": "share", "contacts": "count",
            "objective": entry.get("unit", "")}  # fmt: skip


def meaning(ev: Evidence, name: str) -> str:
    """Return what a criterion measures, in words."""
    if name == "contacts":
        return "campaigns a customer, mean"
    if name != "objective":
        return CRITERIA[name]
    stated = ev.run.study.objective_figure
    label = ev.entries[stated.column]["label"].lower()
    return f"{label}, mean; {stated.prefer} fits the objective better, as study.yaml says"


def interval(ev: Evidence, segment: int, name: str, value: float) -> dict:
    """Return low, high, n and cell of a criterion's figure; of everyone's in its stead, nothing."""
    inside = ev.inside(segment)
    n, more = int(inside.sum()), {}
    if name == "size":
        found = stats.share(n, len(inside))
    elif name in {"value", "objective"}:
        column = "spend" if name == "value" else ev.run.study.objective_figure.column
        found = stats.mean(ev.customers.loc[inside, column])
    elif name == "contacts":
        found = stats.mean(ev.campaigns.loc[inside, "contacts"])
    elif name == "growth":
        found = stats.ratio_of_means(*(ev.months.loc[inside, c] for c in ("recent", "earlier")))
    elif name == "reach":
        sent = inside & (ev.campaigns["contacts"] > 0).to_numpy()
        yes, n = int(ev.campaigns.loc[sent, "responded"].eq(True).sum()), int(sent.sum())
        found, more = stats.share(yes, n), {"n": n, "cell": smallest(yes, yes, n)}
    own = name != "stability" and np.isclose(found.value, value)
    return more | ({"low": found.low, "high": found.high} if own else {})


def ranking(ev: Evidence) -> pd.DataFrame:
    """Return the segments ranked by the study's weights, as `rank` does."""
    table = ev.once(criteria)
    return rank(_oriented(ev, table), weights(ev.run.study.targeting, table), ev.run.seed)


def _oriented(ev: Evidence, table: pd.DataFrame) -> pd.DataFrame:
    """Return the criteria with the sign of the objective's figure so that more fits better."""
    stated = ev.run.study.objective_figure
    if stated is None or stated.prefer == "higher":
        return table
    return table.assign(objective=-table["objective"])


def weights(given: dict[str, float], table: pd.DataFrame) -> dict[str, float]:
    """Return the weight of each criterion in the table, summing to 1; equal unless given.

    Raises
    ------
    StudyError
        If a weight is negative or names no criterion, or all are zero.
    """
    for name, weight in given.items():
        if name not in CRITERIA:
            raise StudyError(f"targeting: found {name!r}{nearest(name, list(CRITERIA))}")
        if not weight >= 0:
            raise StudyError(f"targeting.{name} is {weight}: expected a number of 0 or more")
    known = [c for c in CRITERIA if c in table and table[c].notna().any()]
    chosen = {c: float(given.get(c, 0.0)) if given else 1.0 for c in known}
    total = sum(chosen.values())
    if total <= 0:
        raise StudyError(
            f"targeting gives no weight to any criterion of this study: expected one of "
            f"{', '.join(known)} above 0"
        )
    return {name: weight / total for name, weight in chosen.items()}


def rank(table: pd.DataFrame, chosen: dict[str, float], seed: int = 0) -> pd.DataFrame:
    """Return the segments ranked, and how firmly.

    Each criterion runs from 0 (the lowest segment) to 1 (the highest). The score is the weighted
    mean of those known of a segment; one of which none is known comes last.

    Parameters
    ----------
    table : DataFrame
        From `criteria`.
    chosen : dict
        From `weights`.
    seed : int
        Of the random weights.

    Returns
    -------
    DataFrame
        segment, score, rank, first (share of 10,000 random sets of weights, all sets equally
        likely, under which the segment comes first), best and worst (ranks that at least 5 of 100
        of those sets give it or better, or worse), and the criteria from 0 to 1.
    """
    table = table[table["n"].notna()]
    scaled = pd.DataFrame({c: _scaled(table[c]) for c in chosen})
    score = pd.Series(_means(scaled, np.array([[*chosen.values()]]))[:, 0], index=table.index)
    drawn = np.random.default_rng(seed).dirichlet(np.ones(len(chosen)), DRAWS)
    ranks = (-_means(scaled, drawn)).argsort(axis=0, kind="stable").argsort(axis=0) + 1
    place = score.rank(ascending=False, method="first", na_option="bottom").astype(int)
    found = pd.DataFrame(
        {"score": score, "rank": place,
         "first": (ranks == 1).mean(axis=1), "best": np.quantile(ranks, 0.05, axis=1).astype(int),
         "worst": np.quantile(ranks, 0.95, axis=1).astype(int)},
        index=table.index,
    ).join(scaled)  # fmt: skip
    return found.sort_values("rank").rename_axis("segment").reset_index()


def _scaled(values: pd.Series) -> pd.Series:
    spread = values.max() - values.min()
    if not spread > 0:
        return values.where(values.isna(), 0.5)
    return (values - values.min()) / spread


def _means(scaled: pd.DataFrame, drawn: np.ndarray) -> np.ndarray:
    """Return each segment's mean of what is known, under each set of weights (one a row)."""
    values, known = scaled.fillna(0.0).to_numpy(), scaled.notna().to_numpy(dtype=float)
    weight = known @ drawn.T
    return np.divide(values @ drawn.T, weight, out=np.full(weight.shape, np.nan), where=weight > 0)


def underserved(found: list[dict]) -> list[int]:
    """Return the segments claimed to be worth more, and claimed to be addressed less, than others.

    Parameters
    ----------
    found : list of dict
        The claims.
    """
    by_segment: dict[int, set] = {}
    for claim in found:
        by_segment.setdefault(claim["segment"], set()).add(claim["rule"])
    return sorted(
        s
        for s, rules in by_segment.items()
        if "overlooked" in rules and rules & {"value-high", "growth-up"}
    )
