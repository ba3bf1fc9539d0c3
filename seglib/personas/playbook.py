"""Whom to target, what to try, on which evidence, and the test that would show that it works."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd

from seglib import power, privacy, stats
from seglib.personas.evidence import Evidence, assortment
from seglib.personas.measures import WORDS as CLAIMS
from seglib.personas.measures import answered, measure, smallest, subtracted
from seglib.personas.names import kind, label
from seglib.study import StudyError, nearest
from seglib.wording import amount, listing, table

WORDS = table("levers")
CRITERIA, TEXTS = WORDS["criteria"], WORDS["texts"]
FIGURES_OF, TABLES = CLAIMS["figures"], CLAIMS["tables"]
DRAWS = 10_000
STILL_HERE = 0.9  # segments of which more than this share still buys need no winning back
WORTH = {"value-high", "growth-up"}  # who is worth this and overlooked is underserved
ITEMS = {"need-high", "product-high", "need-low"}
ENOUGH = 0.02  # of the spend, theirs or that of others, from which an item is worth a test
MEANT = 2  # possibilities that are named for a product segment
FIGURES = [
    "baseline",
    "detectable",
    "n_per_arm",
    "weeks",
    "months",
    "target",
    "enough",
    "break_even",
]

# --- targeting ------------------------------------------------------------------------------------

OTHERS = {"growth": "growth", "reach": "responses", "objective": "means"}  # compared with everyone


def criteria(ev: Evidence) -> pd.DataFrame:
    """Return the segments on every criterion the run can compute.

    Returns
    -------
    DataFrame
        Indexed by segment: n, the criteria, and `contacts` (campaigns per customer) if known.
        What rests on too few is missing, and so is a size that would give away a smaller one.
        Growth, reach and the objective's figure that chance could explain (their interval includes
        no difference from everyone else) are everyone's.
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
    for name, weight in own.items():
        if name not in CRITERIA:
            raise StudyError(f"targeting: found {name!r}{nearest(name, list(CRITERIA))}")
        if not weight >= 0:
            raise StudyError(f"targeting.{name} is {weight}: expected a number of 0 or more")
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
    """Return the segments by `criteria` ranked by `weights`, and how firmly.

    Each criterion runs from 0 (the lowest segment) to 1 (the highest). The score is the weighted
    mean of those known of a segment; one of which none is known comes last.

    Returns
    -------
    DataFrame
        segment, score, rank, first (share of 10,000 random sets of weights, all sets equally
        likely, under which the segment comes first), best and worst (ranks that at least 5 of 100
        of those sets give it or better, or worse), and the criteria from 0 to 1.
    """
    values = scores.loc[scores["n"].notna(), [*weighting]]
    spread = values.max() - values.min()
    scaled = (values - values.min()) / spread.where(spread > 0)
    scaled = scaled.where((spread > 0) | values.isna(), 0.5)
    score = pd.Series(_means(scaled, np.array([[*weighting.values()]]))[:, 0], index=values.index)
    drawn = np.random.default_rng(seed).dirichlet(np.ones(len(weighting)), DRAWS)
    means = np.nan_to_num(_means(scaled, drawn), nan=-1.0)
    ranks = 1 + (means[:, None] < means[None] - 1e-9).sum(axis=1)  # equals share a place
    place = score.round(9).rank(ascending=False, method="min", na_option="bottom").astype(int)
    best, worst = (np.quantile(ranks, q, axis=1).astype(int) for q in (0.05, 0.95))
    first = (ranks == 1).mean(axis=1)
    result = scaled.assign(score=score, rank=place, first=first, best=best, worst=worst)
    result = result[["score", "rank", "first", "best", "worst", *weighting]]
    return result.sort_values("rank", kind="stable").rename_axis("segment").reset_index()


def _means(scaled: pd.DataFrame, drawn: np.ndarray) -> np.ndarray:
    """Return each segment's mean of what is known, under each set of weights (one a row)."""
    values, known = scaled.fillna(0.0).to_numpy(), scaled.notna().to_numpy(dtype=float)
    weight = known @ drawn.T
    return np.divide(values @ drawn.T, weight, out=np.full(weight.shape, np.nan), where=weight > 0)


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


# --- tests ----------------------------------------------------------------------------------------


def experiment(ev: Evidence, segment: int, metric: str) -> dict:
    """Return the experiment that would show whether an action works in a segment.

    Half of the segment, drawn at random, is treated; the other half is left as it is. Spend is
    compared after adjusting for spend in the window before.

    Parameters
    ----------
    metric : {"spend", "active", "outcome"}

    Returns
    -------
    dict
        arms, metric, baseline, unit, target (the smallest effect that is worth finding),
        detectable (the smallest effect this segment can show with 80% power at the 5% level),
        n_per_arm (needed for the target), available (per arm), at_least (whether there may be
        more), weeks, months, enough, break_even. Where the baseline would tell of few customers, or
        the target rounds to nothing, there is no plan.
    """
    plan, inside = _planned(ev, segment, metric), ev.inside(segment)
    if plan["baseline"] is None:
        return plan
    if ev.sizeless(segment):
        plan |= {key: privacy.coarse(plan[key]) for key in FIGURES}
    n = int(inside.sum())
    if metric == "outcome":
        n = int(ev.customers.loc[inside, next(iter(ev.run.study.outcomes))].count())
    share = plan["unit"] == "share" and n
    few = share and privacy.tells(plan["baseline"] * n, n, ev.minimum)
    if few or not re.search("[1-9]", gain(plan["target"], plan["unit"])):
        text = TEXTS["few"].format(metric=plan["metric"])
        return plan | dict.fromkeys(FIGURES) | {"metric": text, "enough": False}
    return plan


def _planned(ev: Evidence, segment: int, metric: str) -> dict:
    """Return an experiment with all its figures, also those that may not be told."""
    inside, study, result = ev.inside(segment), ev.run.study, {}
    n, at_least = ev.count(segment, int(inside.sum()))
    plan = {"arms": list(TEXTS["arms"]), "metric": TEXTS["no_months"], "unit": ""}
    plan |= {"available": n // 2, "at_least": at_least, **dict.fromkeys(FIGURES)}
    if metric == "outcome":
        return plan | _outcome(ev, inside, n // 2)
    windows = ev.windows or (ev.visits if metric == "active" else None) or {}
    for months, (after, before) in windows.items():  # the shortest that is long enough
        if metric == "spend":
            about = {"money": study.economics, "days": power.DAYS[months], "half": n // 2}
            result = power.spend_test(after[inside], before[inside], **about)
        else:
            result = power.share_test(after[inside] > 0, n // 2)
        if enough := (result["n_per_arm"] or math.inf) <= n // 2:
            break
    if not windows:
        return plan
    who = {"who": study.customer, "did": "is active" if study.usage else "buys"}
    if not result["baseline"]:
        return plan | {"metric": TEXTS["nobody"].format(**who, **_time(months))}
    plan |= {key: result[key] for key in FIGURES if key in result}
    plan |= {"weeks": power.WEEKS[months], "months": months, "enough": enough}
    unit = (study.currency or "money") if metric == "spend" else "share"
    return plan | {"metric": TEXTS[metric].format(**who), "unit": unit}


def _outcome(ev: Evidence, inside: np.ndarray, half: int) -> dict:
    """Return the test on the study's first outcome; how long it takes, the study does not say."""
    name, outcome = next(iter(ev.run.study.outcomes.items()))
    happened = ev.customers.loc[inside, name].dropna()
    words = {"metric": f"share that {outcome.label}", "unit": "share", "less": not outcome.wanted}
    test = power.share_test((happened == "yes").to_numpy(float), min(half, len(happened) // 2))
    enough = (test["n_per_arm"] or math.inf) <= half
    return words | test | {"available": half, "enough": enough}


def testable(ev: Evidence, segment: int, metric: str) -> bool:
    """Return whether a measure leaves room: where nearly all still buy, none need winning back."""
    return metric != "active" or (_planned(ev, segment, metric)["baseline"] or 0) <= STILL_HERE


def _time(number: int | None) -> dict[str, str]:
    """Return how long a test takes in words; of an outcome, whose time is not known, nothing."""
    months = "" if number is None else "month" if number == 1 else f"{number} months"
    return {"months": months, "span": "a month" if number == 1 else months}


def gain(value: float, unit: str, less: bool = False) -> str:
    """Return a change as text: '+8 points' of a share, '+$31'; of what is unwanted '−8 points'."""
    sign = "−" if less else "+"
    return f"{sign}{100 * value:.0f} points" if unit == "share" else f"{sign}{amount(value, unit)}"


def _test(ev: Evidence, segment: int, column: str, level: str) -> dict:
    """Return one figure of the test that a segment can carry; `level` is what it measures."""
    plan, study = experiment(ev, segment, level), ev.run.study
    if plan.get(column) is None or not math.isfinite(plan[column]):
        return {}
    n, there, active = int(ev.inside(segment).sum()), plan["available"], level == "active"
    did = f"of the {study.customer}s {'were active' if study.usage else 'bought'} at least once"
    words = {
        "target": gain(plan["target"], plan["unit"]),
        "there": f"{'at least ' if plan['at_least'] else ''}{there:,}",
        **_time(plan["months"]),
        "customer": study.customer,
        "metric": did if active else f"spent a {study.customer}",
        "measured": plan["metric"],
        "figure": FIGURES_OF[column],
    }
    if column == "detectable":
        words["value"] = gain(plan["detectable"], plan["unit"])
    return {
        "n": n,
        "value": float(plan[column]),
        "inside": there,
        "words": words,
        "cell": smallest(there, round(plan["baseline"] * n), n) if active else there,
        "unit": "count" if column == "n_per_arm" else plan["unit"],
        **({"table": "study.yaml"} if column == "break_even" else {}),
    }


MEASURES = {"criteria": _criterion, "ranks": _rank, "tests": _test}

# --- levers ---------------------------------------------------------------------------------------


def build(ev: Evidence, claims: list[dict]) -> dict:
    """Return playbook.json from the claims: levers, targeting, what product segments may mean."""
    weighting, named = weights(ev.run.study.targeting, ev.once(criteria)), ev.names
    keys = "segment", "score", "rank", "first", "best", "worst"
    rules = {s: {c["rule"] for c in claims if c["segment"] == s} for s in ev.segments}
    rows = [
        {key: row[key] for key in keys}
        | {"name": named[row["segment"]], "scores": {c: row[c] for c in weighting}}
        for row in ev.once(ranking).to_dict("records")
    ]
    targeting = {
        "weights": weighting,
        "equal": not ev.run.study.targeting,
        "ranking": rows,
        "underserved": [s for s, own in rules.items() if "overlooked" in own and own & WORTH],
        "meaning": {name: meaning(ev, name) for name in weighting},
    }
    return {"levers": levers(ev, claims), "targeting": targeting, "range": assorted(ev, claims)}


def levers(ev: Evidence, claims: list[dict]) -> list[dict]:
    """Return one row a segment and lever that its claims call for, as in playbook.json.

    `evidence` are ids of claims, `also` the names of other segments with the same action.
    """
    rows = []
    for segment in ev.shown:
        own, taken = [c for c in claims if c["segment"] == segment], set()
        for row in WORDS["levers"]:
            metric = row.get("metric", "spend")
            evidence = [] if row["lever"] in taken else called_for(row, own)
            if not evidence or not testable(ev, segment, metric):
                continue
            taken.add(row["lever"])
            test = experiment(ev, segment, metric)
            about = {"segment": segment, "name": ev.names[segment], "lever": row["lever"]}
            about |= {"action": row["action"].format(items=_items(ev, evidence))}
            about |= {"evidence": [c["id"] for c in evidence], "effect": _effect(ev, test)}
            rows.append(about | {"experiment": test})
    for row in rows:
        row["also"] = [r["name"] for r in rows if r["action"] == row["action"] and r is not row]
    return rows


def called_for(row: dict, own: list[dict]) -> list[dict]:
    """Return the claims of a segment that call for a lever, none unless every one of it does.

    What its {items} stand for must take enough of the spend, and differ by more than slightly.
    """

    def able(c: dict) -> bool:
        item = c["rule"] in ITEMS and "{items}" in row["action"]
        return not item or (max(c["inside"], c["outside"]) >= ENOUGH and c["word"] != "slightly")

    called = [
        [c for c in own if c["rule"] in rules.split("|") and able(c)] for rules in row["when"]
    ]
    return [c for rules in called for c in rules] if all(called) else []


def _items(ev: Evidence, evidence: list[dict]) -> str:
    columns = [c["source"]["column"] for c in evidence if c["rule"] in ITEMS]
    return listing([label(ev.entries.get(c, {}).get("label", c)) for c in columns][:3])


def _effect(ev: Evidence, test: dict) -> str:
    if test.get("break_even") is None:
        return TEXTS["effect"]
    least = amount(test["break_even"], ev.run.study.currency or "money")
    pays = TEXTS["pays"].format(least=least, who=ev.run.study.customer, **_time(test["months"]))
    return f"{TEXTS['effect']} {pays}"


def advice(row: dict) -> str:
    """Return what a row of the playbook says to do, and for whom else it says the same."""
    if not row["also"]:
        return row["action"]
    return f"{row['action']} {TEXTS['also'].format(names=listing(row['also']))}"


def assorted(ev: Evidence, claims: list[dict]) -> list[dict]:
    """Return for each product segment its claims, who leans to it, and what it may mean."""
    goods, rows = ev.once(assortment), []
    for segment, name in goods.names.items() if goods else ():
        members = [c for c in claims if (c["of"], c["segment"]) == ("products", segment)]
        lean = [
            c for c in claims if c["sections"] == ["affinity"] and c["source"]["column"] == name
        ]
        own = {c["rule"]: c["id"] for c in members}
        means = [
            {"text": m["text"], "evidence": [own[r] for r in m["when"]]}
            for m in WORDS["meanings"]
            if set(m["when"]) <= set(own)
        ]
        ids = {"claims": [c["id"] for c in members], "lean": [c["id"] for c in lean]}
        rows.append({"segment": segment, "name": name, **ids, "meanings": means[:MEANT]})
    return rows
