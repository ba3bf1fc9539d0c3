"""What to do for each segment, on which evidence, and the experiment that would show it works."""

from __future__ import annotations

from typing import NamedTuple

from seglib import power
from seglib.personas import targeting
from seglib.personas.columns import label
from seglib.personas.grounds import Evidence
from seglib.wording import amount, listing

STILL_HERE = 0.9  # segments of which more than this share still buys need no winning back
NOBODY = (
    "share that {did} at least once: nobody did in the last {weeks} weeks, so watch first how many "
    "would by themselves"
)
FIGURES = "baseline", "detectable", "n_per_arm", "weeks", "target", "enough", "break_even"


class Lever(NamedTuple):
    """A test that certain claims call for: each of `when` must be claimed.

    A rule in `when` may be several, with a bar between them: any of them will do. What {items}
    stand for comes from the rules in `ITEMS`, and must take enough of the spend to matter.
    """

    lever: str
    when: tuple[str, ...]
    action: str
    metric: str = "spend"


ITEMS = {"need-high", "product-high", "need-low"}
ENOUGH = 0.02  # of the spend, theirs or that of others, from which an item is worth a test
MORE = "need-high|product-high"

LEVERS = (
    # the most promising first; of each kind of lever, the first row whose claims a segment has
    Lever("loyalty", ("orders-high", "basket-low"),
          "Test a reason to add one more thing to an order."),
    Lever("loyalty", ("orders-low", "basket-high"), "Test a reason for one more order."),
    Lever("loyalty", ("orders-high", "value-high"),
          "Test a thank-you for coming back, before trying to sell them more."),
    Lever("loyalty", ("breadth-low", "need-low"),
          "Test an offer on {items}: less of their spend goes there, be it bought elsewhere or "
          "not wanted."),
    Lever("loyalty", ("breadth-low", "orders-low"),
          "Test an offer on a category that they have not bought yet."),
    Lever("service and retention", ("trend-low",), "Ask what changed, and test a way back."),
    Lever("service and retention", ("growth-down",), "Ask what changed, and test a way back."),
    Lever("service and retention", ("recency-high",),
          "Test a letter, with a reason to return, to those who have been away longest.", "active"),
    Lever("onboarding", ("start-low",),
          "Test help through the first week on half of the next newcomers, drawn at random.",
          "active"),
    Lever("adoption", ("adoption-low", "engaged"),
          "Test showing half of them, drawn at random, one feature that others use.", "active"),
    Lever("service and retention", ("use-down",), "Ask what changed, and test an offer of help.",
          "active"),
    Lever("service and retention", ("overdue",),
          "Test a letter, with a reason to come back, to half of them, drawn at random.", "active"),
    Lever("service and retention", ("loss-high",),
          "Ask why, and test an offer to stay on half of them, drawn at random.", "outcome"),
    Lever("service and retention", ("gain-low",),
          "Ask what keeps them from it, and test help on half of them, drawn at random.",
          "outcome"),
    Lever("messaging", ("gain-high",), "Test addressing them first: it comes more easily to them.",
          "outcome"),
    Lever("messaging", ("overlooked", "value-high"),
          "Test including them in more campaigns: they spend more than others and get fewer."),
    Lever("messaging", ("overlooked", "growth-up"),
          "Test including them in more campaigns: their spend holds up better and they get fewer."),
    Lever("messaging", ("responds",), "Test telling them first: they answer more often."),
    Lever("messaging", ("overlooked", "ignores", MORE),
          "Test another kind of message, about {items}: they get fewer campaigns than others, and "
          "answer less often."),
    Lever("messaging", ("ignores",), "Test another kind of message: they answer less often."),
    Lever("messaging", ("overlooked", MORE), "Test one more campaign, about {items}."),
    Lever("messaging", ("overlooked",), "Test one more campaign."),
    Lever("pricing and promotion", ("full-price|discount-low",),
          "Test one promotion, and count the margin that it gives away: they buy with less "
          "discount as it is."),
    Lever("pricing and promotion", ("coupon-high",),
          "Test coupons for what they have not bought yet."),
    Lever("pricing and promotion", ("discount-high",),
          "Test smaller discounts, and see whether they buy less."),
    Lever("pricing and promotion", ("coupon-low",), "Test the reduced price without a coupon."),
    Lever("pricing and promotion", ("own-label-high",), "Test new own-label products here first."),
    Lever("range", (MORE,),
          "Test featuring {items}; check first that this may be promoted, and earns its margin."),
    Lever("channel", ("evening-high",), "Test reaching them in the evening."),
    Lever("channel", ("evening-low",), "Test reaching them in the daytime."),
    Lever("channel", ("weekend-high",), "Test reaching them before the weekend."),
    Lever("channel", ("weekend-low",), "Test reaching them on weekdays."),
    Lever("channel", ("places-high",), "Test offers that are valid in every place."),
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
        claim calls for is left out. Where an action comes out the same, each says for whom else.
    """
    rows = []
    for segment in ev.shown:
        own = [c for c in found if c["segment"] == segment]
        taken: set[str] = set()
        for row in LEVERS:
            evidence = [] if row.lever in taken else called_for(row, own)
            if not evidence:
                continue
            test = experiment(ev, segment, row.metric)
            if not testable(ev, segment, row.metric):
                continue
            taken.add(row.lever)
            rows.append({
                "segment": segment, "name": named[segment], "lever": row.lever,
                "action": row.action.format(items=_items(ev, evidence)),
                "evidence": [c["id"] for c in evidence], "effect": _effect(ev, test),
                "experiment": test,
            })  # fmt: skip
    return _shared(rows)


def called_for(row: Lever, own: list[dict]) -> list[dict]:
    """Return the claims of a segment that call for a lever, none unless every one of it does."""
    able = [c for c in own if c["rule"] not in ITEMS or "{items}" not in row.action or _matters(c)]
    found = [[c for c in able if c["rule"] in rules.split("|")] for rules in row.when]
    return [c for rules in found for c in rules] if all(found) else []


def _matters(claim: dict) -> bool:
    """Return whether an item takes enough of the spend, and differs by more than slightly."""
    return max(claim["inside"], claim["outside"]) >= ENOUGH and claim["word"] != "slightly"


def _shared(rows: list[dict]) -> list[dict]:
    """Return the levers, with the names of the other segments where they are the same."""
    for row in rows:
        row["also"] = [r["name"] for r in rows if r["action"] == row["action"] and r is not row]
    return rows


def advice(row: dict) -> str:
    """Return what a row of the playbook says to do, and for whom else it says the same."""
    if not row["also"]:
        return row["action"]
    return f"{row['action']} The same for {listing(row['also'])}: one test can serve all."


def testable(ev: Evidence, segment: int, metric: str) -> bool:
    """Return whether a measure leaves room: where nearly all still buy, none need winning back."""
    return metric != "active" or (experiment(ev, segment, metric)["baseline"] or 0) <= STILL_HERE


def _items(ev: Evidence, evidence: list[dict]) -> str:
    columns = [c["source"]["column"] for c in evidence if c["rule"] in ITEMS]
    named = [label(ev.entries.get(c, {}).get("label", c)) for c in columns][:3]
    return listing(named) if named else ""


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
                      "underserved": targeting.underserved(found),
                      "meaning": {name: targeting.meaning(ev, name) for name in chosen}},
    }  # fmt: skip
