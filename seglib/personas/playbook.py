"""Whom to target, what to try, on which evidence, and the test that would show that it works."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from seglib import power, stats
from seglib.personas.evidence import Evidence, assortment
from seglib.personas.measures import WORDS as CLAIMS
from seglib.personas.measures import measure, smallest
from seglib.personas.names import kind, label
from seglib.study import StudyError, nearest
from seglib.wording import amount, listing, table

WORDS = table("levers")
CRITERIA = WORDS["criteria"]
FIGURES_OF, TABLES = CLAIMS["figures"], CLAIMS["tables"]
DRAWS = 10_000
STILL_HERE = 0.9  # segments of which more than this share still buys need no winning back
ITEMS = {"need-high", "product-high", "need-low"}
ENOUGH = 0.02  # of the spend, theirs or that of others, from which an item is worth a test
MEANT = 2  # possibilities that are named for a product segment
FIGURES = "baseline", "detectable", "n_per_arm", "weeks", "target", "enough", "break_even"
NOBODY = (
    "share that {did} at least once: nobody did in the last {weeks} weeks, so watch first how many "
    "would by themselves"
)

# --- targeting ------------------------------------------------------------------------------------

OTHERS = {"growth": "growth", "reach": "responses", "objective": "means"}  # compared with everyone


def criteria(ev: Evidence) -> pd.DataFrame:
    """Return the segments on every criterion the run can compute, and the attention they got.

    Returns
    -------
    DataFrame
        Indexed by segment: n, the criteria, and `contacts` (campaigns per customer) if known.
        Of a segment smaller than the study's minimum all is missing, of one that would give away
        its size the size, and so is reach that rests on fewer answers than the minimum. Growth,
        reach and the objective's figure that chance could explain (their interval includes no
        difference from everyone else) are everyone's.

    Raises
    ------
    StudyError
        If study.yaml names a figure of the objective that customers do not have as a number.
    """
    stated, everyone = ev.run.study.objective_figure, np.ones(len(ev.labels), dtype=bool)
    known = [c for c in ev.customers if kind(ev.customers[c]) == "numeric"]
    if stated and stated.column not in known:
        raise StudyError(
            f"objective_figure.column: found {stated.column!r}{nearest(stated.column, known)}"
        )
    rows = {}
    for segment in ev.segments:
        inside = ev.inside(segment)
        row = {name: _figure(ev, name, inside) for name in [*CRITERIA, "contacts"]}
        row = {name: found["value"] for name, found in row.items() if found}
        for name in OTHERS.keys() & row.keys():
            column = stated.column if name == "objective" else ""
            found = measure(ev, segment, OTHERS[name], column)
            if not found or found["low"] <= 1 <= found["high"]:
                row[name] = _figure(ev, name, everyone)["value"]
        if "reach" in row and _answers(ev, inside)[0] < ev.minimum:
            row["reach"] = np.nan
        rows[segment] = {"n": inside.sum()} | row
    found = pd.DataFrame.from_dict(rows, orient="index", dtype=float).rename_axis("segment")
    stable = {row["segment"]: row.get("jaccard") for row in ev.verdict.get("segments", [])}
    if any(value is not None for value in stable.values()):
        found["stability"] = pd.Series(stable, dtype=float).reindex(found.index)
    found.loc[~found.index.isin(ev.sized), "size"] = np.nan
    found.loc[found["n"] < ev.minimum] = np.nan
    return found[[c for c in ("n", *CRITERIA, "contacts") if c in found]]


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
    sent = ev.campaigns[inside & (ev.campaigns["contacts"] > 0).to_numpy()]
    return int(sent["responded"].eq(True).sum()), len(sent)


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
    figure = ev.entries[stated.column]["label"].lower()
    return f"{figure}, mean; {stated.prefer} fits the objective better, as study.yaml says"


def weights(given: dict[str, float], found: pd.DataFrame) -> dict[str, float]:
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
    known = [c for c in CRITERIA if c in found and found[c].notna().any()]
    chosen = {c: float(given.get(c, 0.0)) if given else 1.0 for c in known}
    total = sum(chosen.values())
    if total <= 0:
        raise StudyError(
            f"targeting gives no weight to any criterion of this study: expected one of "
            f"{', '.join(known)} above 0"
        )
    return {name: weight / total for name, weight in chosen.items()}


def ranking(ev: Evidence) -> pd.DataFrame:
    """Return the segments ranked by the study's weights, as `rank` does."""
    found, stated = ev.once(criteria), ev.run.study.objective_figure
    chosen = weights(ev.run.study.targeting, found)
    if stated and stated.prefer == "lower":
        found = found.assign(objective=-found["objective"])
    return rank(found, chosen, ev.run.seed)


def rank(found: pd.DataFrame, chosen: dict[str, float], seed: int = 0) -> pd.DataFrame:
    """Return the segments ranked, and how firmly.

    Each criterion runs from 0 (the lowest segment) to 1 (the highest). The score is the weighted
    mean of those known of a segment; one of which none is known comes last.

    Parameters
    ----------
    found : DataFrame
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
    values = found.loc[found["n"].notna(), [*chosen]]
    spread = values.max() - values.min()
    scaled = ((values - values.min()) / spread.where(spread > 0)).where(
        (spread > 0) | values.isna(), 0.5
    )
    score = pd.Series(_means(scaled, np.array([[*chosen.values()]]))[:, 0], index=values.index)
    drawn = np.random.default_rng(seed).dirichlet(np.ones(len(chosen)), DRAWS)
    ranks = (-_means(scaled, drawn)).argsort(axis=0, kind="stable").argsort(axis=0) + 1
    place = score.rank(ascending=False, method="first", na_option="bottom").astype(int)
    best, worst = (np.quantile(ranks, q, axis=1).astype(int) for q in (0.05, 0.95))
    first = (ranks == 1).mean(axis=1)
    result = scaled.assign(score=score, rank=place, first=first, best=best, worst=worst)
    result = result[["score", "rank", "first", "best", "worst", *chosen]]
    return result.sort_values("rank").rename_axis("segment").reset_index()


def _means(scaled: pd.DataFrame, drawn: np.ndarray) -> np.ndarray:
    """Return each segment's mean of what is known, under each set of weights (one a row)."""
    values, known = scaled.fillna(0.0).to_numpy(), scaled.notna().to_numpy(dtype=float)
    weight = known @ drawn.T
    return np.divide(values @ drawn.T, weight, out=np.full(weight.shape, np.nan), where=weight > 0)


def _criterion(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return a segment's figure on a criterion of the targeting, as the ranking uses it."""
    found, inside = ev.once(criteria), ev.inside(segment)
    if column not in found or pd.isna(found.loc[segment, column]):
        return {}
    value, n, cell = float(found.loc[segment, column]), int(inside.sum()), {}
    if column == "reach":
        yes, n = _answers(ev, inside)
        cell = {"cell": smallest(yes, yes, n)}
    own = _figure(ev, column, inside)
    own = own if own and np.isclose(own["value"], value) else {}  # of everyone's there are no ends
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
    return {"value": float(row["rank"]), "low": float(row["best"]),
            "high": float(row["worst"]), "confidence": 0.9, "n": int(ev.inside(segment).sum()),
            "inside": amount(row["score"]),
            "outside": amount(row["first"], "share"),
            "words": {"rank": int(row["rank"]), "of": len(rows)}}  # fmt: skip


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
        n_per_arm (needed for the target), available (per arm), weeks, enough, break_even.
    """
    inside = ev.inside(segment)
    half = ev.count(segment, int(inside.sum())) // 2
    plan = {"arms": ["treated (half, at random)", "left as now (the other half)"],
            "metric": "to be chosen: nothing of it is known by month", "unit": "",
            "available": half, **dict.fromkeys(FIGURES)}  # fmt: skip
    if metric == "outcome":
        found = _outcome(ev, inside)
        return plan | found | {"enough": (found["n_per_arm"] or math.inf) <= half}
    seen = ev.windows or (ev.visits if metric == "active" else None)
    if seen is None:
        return plan
    did = "is active" if ev.run.study.usage else "buys"
    for months, weeks in power.WEEKS.items():
        after, before = (v[inside] for v in seen[months])
        if metric == "spend":
            found = power.spend_test(after, before, money=ev.run.study.economics, days=7 * weeks)
            found = {key: found[key] for key in FIGURES if key in found}
            found["metric"] = "spend a customer, adjusted for spend in the window before"
            found["unit"] = ev.run.study.currency or "money"
        else:
            found = power.share_test(after > 0)
            found |= {"metric": f"share that {did} at least once", "unit": "share"}
        enough = (found["n_per_arm"] or math.inf) <= half
        if enough:
            break
    if not found["baseline"]:
        return plan | {"metric": NOBODY.format(did=did, weeks=weeks)}
    return plan | found | {"weeks": weeks, "enough": enough}


def _outcome(ev: Evidence, inside: np.ndarray) -> dict:
    """Return the test on the study's first outcome; how long it takes, the study does not say."""
    name, stated = next(iter(ev.run.study.outcomes.items()))
    known = ev.customers.loc[inside, name].dropna()
    words = {"metric": f"share that {stated.label}", "unit": "share", "less": not stated.wanted}
    return words | power.share_test((known == "yes").to_numpy(float))


def testable(ev: Evidence, segment: int, metric: str) -> bool:
    """Return whether a measure leaves room: where nearly all still buy, none need winning back."""
    return metric != "active" or (experiment(ev, segment, metric)["baseline"] or 0) <= STILL_HERE


def gain(value: float, unit: str, less: bool = False) -> str:
    """Return a change as text: '+8 points' of a share, '+$31'; of what is unwanted '−8 points'."""
    sign = "−" if less else "+"
    return f"{sign}{100 * value:.0f} points" if unit == "share" else f"{sign}{amount(value, unit)}"


def _test(ev: Evidence, segment: int, column: str, level: str) -> dict:
    """Return one figure of the test that a segment can carry; `level` is what it measures."""
    plan, study = experiment(ev, segment, level), ev.run.study
    if plan.get(column) is None or not math.isfinite(plan[column]):
        return {}
    n, there = int(ev.inside(segment).sum()), plan["available"]
    active = level == "active"
    did = "are active" if study.usage else "buy"
    metric = (
        f"of the {study.customer}s {did} at least once" if active else "spent a " + study.customer
    )
    words = {"target": gain(plan["target"], plan["unit"]), "there": f"{there:,}",
             "weeks": plan["weeks"], "customer": study.customer, "metric": metric,
             "measured": plan["metric"], "figure": FIGURES_OF[column]}  # fmt: skip
    if column == "detectable":
        words["value"] = gain(plan["detectable"], plan["unit"])
    return {"n": n, "value": float(plan[column]), "inside": there, "words": words,
            "cell": smallest(there, round(plan["baseline"] * n), n) if active else there,
            "unit": "count" if column == "n_per_arm" else plan["unit"],
            **({"table": "study.yaml"} if column == "break_even" else {})}  # fmt: skip


MEASURES = {"criteria": _criterion, "ranks": _rank, "tests": _test}

# --- levers ---------------------------------------------------------------------------------------


def build(ev: Evidence, found: list[dict]) -> dict:
    """Return playbook.json from the claims: levers, targeting, what product segments may mean."""
    chosen, named = weights(ev.run.study.targeting, ev.once(criteria)), ev.names
    keys = "score", "rank", "first", "best", "worst"
    rows = ev.once(ranking).to_dict("records")
    rules = {s: {c["rule"] for c in found if c["segment"] == s} for s in ev.segments}
    return {
        "levers": levers(ev, found),
        "targeting": {
            "weights": chosen, "equal": not ev.run.study.targeting,
            "ranking": [
                {"segment": row["segment"], "name": named[row["segment"]],
                 **{key: row[key] for key in keys}, "scores": {c: row[c] for c in chosen}}
                for row in rows
            ],
            "underserved": [s for s, own in rules.items() if underserved(own)],
            "meaning": {name: meaning(ev, name) for name in chosen},
        },
        "range": assorted(ev, found),
    }  # fmt: skip


def underserved(rules: set[str]) -> bool:
    """Return whether a segment is claimed to be worth more and to be addressed less."""
    return "overlooked" in rules and bool(rules & {"value-high", "growth-up"})


def levers(ev: Evidence, found: list[dict]) -> list[dict]:
    """Return one row a segment and lever that its claims call for.

    Returns
    -------
    list of dict
        segment, name, lever, action, evidence (claim ids), effect, experiment, also (the names of
        other segments with the same action). A lever that no claim calls for is left out.
    """
    rows = []
    for segment in ev.shown:
        own, taken = [c for c in found if c["segment"] == segment], set()
        for row in WORDS["levers"]:
            metric = row.get("metric", "spend")
            evidence = [] if row["lever"] in taken else called_for(row, own)
            if not evidence or not testable(ev, segment, metric):
                continue
            taken.add(row["lever"])
            test = experiment(ev, segment, metric)
            rows.append({
                "segment": segment, "name": ev.names[segment], "lever": row["lever"],
                "action": row["action"].format(items=_items(ev, evidence)),
                "evidence": [c["id"] for c in evidence], "effect": _effect(ev, test),
                "experiment": test,
            })  # fmt: skip
    for row in rows:
        row["also"] = [r["name"] for r in rows if r["action"] == row["action"] and r is not row]
    return rows


def called_for(row: dict, own: list[dict]) -> list[dict]:
    """Return the claims of a segment that call for a lever, none unless every one of it does.

    What its {items} stand for must take enough of the spend, and differ by more than slightly.
    """
    able = [
        c for c in own
        if c["rule"] not in ITEMS or "{items}" not in row["action"]
        or (max(c["inside"], c["outside"]) >= ENOUGH and c["word"] != "slightly")
    ]  # fmt: skip
    called = [[c for c in able if c["rule"] in rules.split("|")] for rules in row["when"]]
    return [c for rules in called for c in rules] if all(called) else []


def _items(ev: Evidence, evidence: list[dict]) -> str:
    columns = [c["source"]["column"] for c in evidence if c["rule"] in ITEMS]
    return listing([label(ev.entries.get(c, {}).get("label", c)) for c in columns][:3])


def _effect(ev: Evidence, test: dict) -> str:
    text = "Size of the effect: unknown until tested."
    if test.get("break_even") is None:
        return text
    least = amount(test["break_even"], ev.run.study.currency or "money")
    return (
        f"{text} It pays from {least} more spend a {ev.run.study.customer} in {test['weeks']} "
        "weeks, on the study's costs and margin."
    )


def advice(row: dict) -> str:
    """Return what a row of the playbook says to do, and for whom else it says the same."""
    if not row["also"]:
        return row["action"]
    return f"{row['action']} The same for {listing(row['also'])}: one test can serve all."


def assorted(ev: Evidence, found: list[dict]) -> list[dict]:
    """Return for each product segment its claims, who leans to it, and what it may mean.

    Returns
    -------
    list of dict
        segment, name, claims (ids), lean (ids of the affinities of customer segments to it),
        meanings (text and the ids it rests on); empty without product segments.
    """
    goods, rows = ev.once(assortment), []
    for segment, name in goods.names.items() if goods else ():
        own = {
            c["rule"]: c["id"] for c in found if (c["of"], c["segment"]) == ("products", segment)
        }
        ids = [c["id"] for c in found if (c["of"], c["segment"]) == ("products", segment)]
        lean = [c["id"] for c in found
                if c["sections"] == ["affinity"] and c["source"]["column"] == name]  # fmt: skip
        means = [{"text": m["text"], "evidence": [own[r] for r in m["when"]]}
                 for m in WORDS["meanings"] if set(m["when"]) <= set(own)]  # fmt: skip
        rows.append({"segment": segment, "name": name, "claims": ids, "lean": lean,
                     "meanings": means[:MEANT]})  # fmt: skip
    return rows
