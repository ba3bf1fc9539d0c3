"""What to do for each segment, on which evidence, and the experiment that would show it works."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from seglib.persona import targeting
from seglib.persona.grounds import Evidence
from seglib.profile.columns import label
from seglib.words import amount, listing

POWER, ALPHA = 0.8, 0.05
LOOKED_FOR = 0.10  # relative effect an experiment looks for, unless it must be more to pay
STILL_HERE = 0.9  # segments of which more than this share still buys need no winning back
WEEKS = {1: 4, 2: 9, 3: 13}  # months of a window → weeks


class Lever(NamedTuple):
    """An action that certain claims call for: all of `when` must be claimed."""

    lever: str
    when: tuple[str, ...]
    action: str
    metric: str = "spend"


LEVERS = (
    # the most promising first; of each kind of lever, the first row whose claims a segment has
    Lever("loyalty", ("orders-high", "basket-low"),
          "Give them a reason to add one more thing to an order."),
    Lever("loyalty", ("orders-low", "basket-high"), "Give them a reason for one more order."),
    Lever("loyalty", ("orders-high", "value-high"),
          "Protect them: thank them for coming back before trying to sell them more."),
    Lever("loyalty", ("breadth-low", "orders-low"),
          "Offer a first purchase in one more category."),
    Lever("service and retention", ("trend-low",), "Ask what changed, and offer a way back."),
    Lever("service and retention", ("growth-down",), "Ask what changed, and offer a way back."),
    Lever("service and retention", ("recency-high",),
          "Write to those who have been away longest, with a reason to return.", "active"),
    Lever("messaging", ("overlooked", "value-high"),
          "Include them in the next campaigns: they are worth more and hear less."),
    Lever("messaging", ("overlooked", "growth-up"),
          "Include them in the next campaigns: their spend holds up and they hear less."),
    Lever("messaging", ("responds",), "Tell them first: they answer."),
    Lever("messaging", ("ignores",),
          "Send fewer messages of the present kind, and try another kind on half of them."),
    Lever("messaging", ("overlooked",), "Try one campaign on half of them: few have had any."),
    Lever("pricing and promotion", ("full-price",),
          "Show them the promotions on what they already buy."),
    Lever("pricing and promotion", ("coupon-high",),
          "Move coupons from what they buy anyway to what they have not bought yet."),
    Lever("pricing and promotion", ("discount-high",),
          "Try smaller discounts on half of them, and see whether they buy less."),
    Lever("pricing and promotion", ("coupon-low",),
          "Offer the reduced price without a coupon: coupons do not reach them."),
    Lever("pricing and promotion", ("own-label-high",), "Offer new own-label products here first."),
    Lever("range", ("product-high",), "Feature {items} for them, with what goes with them."),
    Lever("range", ("need-high",), "Feature {items} for them, with what goes with them."),
    Lever("channel", ("evening-high",), "Reach and staff for them in the evening."),
    Lever("channel", ("evening-low",), "Reach and staff for them in the daytime."),
    Lever("channel", ("weekend-high",), "Reach them before the weekend."),
    Lever("channel", ("weekend-low",), "Reach them on weekdays."),
    Lever("channel", ("places-high",), "Make offers valid in every place."),
)  # fmt: skip


def levers(ev: Evidence, found: list[dict], named: dict[int, str]) -> list[dict]:
    """Return the playbook: one row a segment and lever that its claims call for.

    Parameters
    ----------
    ev : Evidence
    found : list of dict
        The claims.
    named : dict
        Segment → name.

    Returns
    -------
    list of dict
        segment, name, lever, action, evidence (claim ids), effect, experiment. A lever that no
        claim calls for is left out.
    """
    rows = []
    for segment in ev.shown:
        own = [c for c in found if c["segment"] == segment]
        taken: set[str] = set()
        for row in LEVERS:
            if row.lever in taken or not set(row.when) <= {c["rule"] for c in own}:
                continue
            test = experiment(ev, segment, row.metric)
            if row.metric == "active" and (test["baseline"] or 0) > STILL_HERE:
                continue
            taken.add(row.lever)
            evidence = [c for c in own if c["rule"] in row.when]
            rows.append({
                "segment": segment, "name": named[segment], "lever": row.lever,
                "action": row.action.format(items=_items(ev, evidence)),
                "evidence": [c["id"] for c in evidence], "effect": _effect(ev, test),
                "experiment": test,
            })  # fmt: skip
    return rows


def _items(ev: Evidence, evidence: list[dict]) -> str:
    columns = [c["source"]["column"] for c in evidence]
    return listing([label(ev.entries.get(c, {}).get("label", c)) for c in columns][:3])


def _effect(ev: Evidence, test: dict) -> str:
    text = "Size of the effect: unknown until tested."
    if test.get("break_even") is not None:
        unit, who = ev.run.study.currency, ev.run.study.customer
        text += f" It pays from {amount(test['break_even'], unit or 'money')} more spend a {who} "
        text += f"in {test['weeks']} weeks, on the study's costs and margin."
    return text


def experiment(ev: Evidence, segment: int, metric: str) -> dict:
    """Return the experiment that would show whether an action works in a segment.

    Half of the segment, drawn at random, is treated; the other half is left as it is. Spend is
    compared after adjusting for spend in the window before.

    Parameters
    ----------
    metric : {"spend", "active"}

    Returns
    -------
    dict
        arms, metric, baseline, unit, target (the smallest effect that is worth finding),
        detectable (the smallest effect this segment can show with 80% power at the 5% level),
        n_per_arm (needed for the target), available (per arm), weeks, enough, break_even.
    """
    n = int(ev.inside(segment).sum())
    arms = ["treated (half, at random)", "left as now (the other half)"]
    unit = ev.run.study.currency or "money"
    plan = {"arms": arms, "metric": "spend a customer", "unit": unit, "available": n // 2,
            "baseline": None, "detectable": None, "n_per_arm": None, "weeks": None, "target": None,
            "enough": None, "break_even": None}  # fmt: skip
    if ev.windows is None:
        return plan | {"metric": "to be chosen: the study has no monthly spend", "unit": ""}
    compute = _spend if metric == "spend" else _active
    for months, weeks in WEEKS.items():
        found = compute(ev, segment, months)
        enough = found["n_per_arm"] is not None and found["n_per_arm"] <= n // 2
        if enough or months == max(WEEKS):
            return plan | found | {"weeks": weeks, "enough": enough}
    return plan


def _spend(ev: Evidence, segment: int, months: int) -> dict:
    after, before = (v[ev.inside(segment)].to_numpy() for v in ev.windows[months])
    mean, deviation = after.mean(), after.std(ddof=1)
    steady = np.corrcoef(after, before)[0, 1] if before.std() > 0 and deviation > 0 else 0.0
    noise = deviation * np.sqrt(1 - steady**2)
    money = ev.run.study.economics
    even = money.cost_per_customer / money.margin * months / 3 if money else None
    target = max(even or 0.0, LOOKED_FOR * mean)
    return {
        "metric": "spend a customer, adjusted for spend in the window before",
        "baseline": mean, "target": target, "break_even": even,
        "n_per_arm": _needed(target / noise if noise > 0 else 0.0),
        "detectable": noise * _smallest(len(after) // 2),
    }  # fmt: skip


def _active(ev: Evidence, segment: int, months: int) -> dict:
    after, _ = (v[ev.inside(segment)] for v in ev.windows[months])
    share = float((after > 0).mean())
    target = min(LOOKED_FOR * share, (1 - share) / 2)
    size = _smallest(len(after) // 2)
    angle = min(np.arcsin(np.sqrt(share)) + size / 2, np.pi / 2)
    return {
        "metric": "share that buys at least once", "unit": "share", "baseline": share,
        "target": target, "detectable": float(np.sin(angle) ** 2 - share),
        "n_per_arm": _needed(proportion_effectsize(share + target, share)) if target > 0 else None,
    }  # fmt: skip


def _needed(size: float) -> int | None:
    """Return customers per arm for a standardised effect, at 80% power."""
    if not size > 0:
        return None
    found = NormalIndPower().solve_power(size, power=POWER, alpha=ALPHA, ratio=1.0)
    return int(np.ceil(np.max(found)))


def _smallest(n: int) -> float:
    """Return the standardised effect that n customers per arm can show, at 80% power."""
    if n < 2:
        return float("nan")
    return float(NormalIndPower().solve_power(nobs1=n, power=POWER, alpha=ALPHA, ratio=1.0))


def build(ev: Evidence, found: list[dict], named: dict[int, str]) -> dict:
    """Return playbook.json: the levers of every segment, and the targeting."""
    table = targeting.criteria(ev)
    chosen = targeting.weights(ev.run.study.targeting, table)
    ranked = targeting.rank(table, chosen, ev.run.seed)
    ranking = [
        {"segment": int(row.segment), "name": named[int(row.segment)], "score": row.score,
         "rank": row.rank, "first": row.first, "best": row.best, "worst": row.worst,
         "scores": {c: getattr(row, c) for c in chosen}}
        for row in ranked.itertuples()
    ]  # fmt: skip
    return {
        "levers": levers(ev, found, named),
        "targeting": {"weights": chosen, "equal": not ev.run.study.targeting, "ranking": ranking,
                      "underserved": targeting.underserved(found)},
    }  # fmt: skip
