"""What to do for each segment, on which evidence, and the experiment that would show it works."""

from __future__ import annotations

from typing import NamedTuple

from seglib import power
from seglib.persona import targeting
from seglib.persona.grounds import Evidence
from seglib.profile.columns import label
from seglib.words import amount, listing

STILL_HERE = 0.9  # segments of which more than this share still buys need no winning back
NOBODY = (
    "share that {did} at least once: nobody did in the last {weeks} weeks, so watch first how many "
    "would by themselves"
)
FIGURES = "baseline", "detectable", "n_per_arm", "weeks", "target", "enough", "break_even"


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
    Lever("onboarding", ("start-low",),
          "Help half of the next newcomers through their first week, drawn at random.", "active"),
    Lever("adoption", ("adoption-low", "engaged"),
          "Show half of them, drawn at random, one feature that others use.", "active"),
    Lever("service and retention", ("use-down",), "Ask what changed, and offer help.", "active"),
    Lever("service and retention", ("overdue",),
          "Write to half of them, drawn at random, with a reason to come back.", "active"),
    Lever("service and retention", ("loss-high",),
          "Ask why, and try an offer to stay on half of them, drawn at random.", "outcome"),
    Lever("service and retention", ("gain-low",),
          "Ask what keeps them from it, and try to help half of them, drawn at random.", "outcome"),
    Lever("messaging", ("gain-high",), "Address them first: it comes most easily to them.",
          "outcome"),
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
            if not testable(ev, segment, row.metric):
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


def testable(ev: Evidence, segment: int, metric: str) -> bool:
    """Return whether a measure leaves room: where nearly all still buy, none need winning back."""
    return metric != "active" or (experiment(ev, segment, metric)["baseline"] or 0) <= STILL_HERE


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
    metric : {"spend", "active", "outcome"}

    Returns
    -------
    dict
        arms, metric, baseline, unit, target (the smallest effect that is worth finding),
        detectable (the smallest effect this segment can show with 80% power at the 5% level),
        n_per_arm (needed for the target), available (per arm), weeks, enough, break_even.
    """
    half = int(ev.inside(segment).sum()) // 2
    plan = {"arms": ["treated (half, at random)", "left as now (the other half)"],
            "metric": "to be chosen: nothing of it is known by month", "unit": "",
            "available": half, **dict.fromkeys(FIGURES)}  # fmt: skip
    if metric == "outcome":
        return plan | _outcome(ev, segment, half)
    if ev.windows is None and not (metric == "active" and ev.visits):
        return plan
    for months in power.WEEKS:
        found = _spend(ev, segment, months) if metric == "spend" else _active(ev, segment, months)
        enough = found["n_per_arm"] is not None and found["n_per_arm"] <= half
        if enough or months == max(power.WEEKS):
            break
    if not found["baseline"]:
        return plan | {"metric": NOBODY.format(did="is active" if ev.run.study.usage else "buys",
                                               weeks=power.WEEKS[months])}  # fmt: skip
    return plan | found | {"weeks": power.WEEKS[months], "enough": enough}


def _spend(ev: Evidence, segment: int, months: int) -> dict:
    inside, days = ev.inside(segment), 7 * power.WEEKS[months]
    after, before = (v[inside] for v in ev.windows[months])
    found = power.spend_test(after, before, money=ev.run.study.economics, days=days)
    told = {key: found[key] for key in FIGURES if key in found}
    metric = "spend a customer, adjusted for spend in the window before"
    return {"metric": metric, "unit": ev.run.study.currency or "money", **told}


def _active(ev: Evidence, segment: int, months: int) -> dict:
    seen = ev.windows or ev.visits
    found = power.share_test(seen[months][0][ev.inside(segment)] > 0)
    did = "is active" if ev.run.study.usage else "buys"
    return {"metric": f"share that {did} at least once", "unit": "share", **found}


def _outcome(ev: Evidence, segment: int, half: int) -> dict:
    """Return the test on the study's first outcome; how long it takes, the study does not say."""
    name, given = next(iter(ev.run.study.outcomes.items()))
    known = ev.customers.loc[ev.inside(segment), name].dropna()
    found = power.share_test((known == "yes").to_numpy(float))
    enough = found["n_per_arm"] is not None and found["n_per_arm"] <= half
    return {"metric": f"share that {given.label}", "unit": "share", "less": not given.wanted,
            **found, "enough": enough}  # fmt: skip


def build(ev: Evidence, found: list[dict], named: dict[int, str]) -> dict:
    """Return playbook.json: the levers of every segment, and the targeting."""
    chosen = targeting.weights(ev.run.study.targeting, ev.once(targeting.criteria))
    ranked = ev.once(targeting.ranking)
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
