"""Campaigns and responses that belong to nobody, to nothing, or to several arms."""

from __future__ import annotations

import ibis.expr.types as ir

from seglib.collection import activity
from seglib.quality.counting import check, count

UNCOUNTED = "not counted as a conversion"


def campaigns(tables: dict[str, ir.Table]) -> list[dict]:
    """Return the checks of campaigns and responses."""
    sent, checks = tables["campaigns"], []
    if "transactions" in tables:
        stranger = sent.customer.notin(activity.without_returns(tables["transactions"]).customer)
        rows, n = count(sent, {"stranger": (stranger,)})
        what = "addressed, never bought"
        checks.append(check(what, "campaigns", rows, n["stranger"], "not used", "strangers"))
    if "arm" in sent.columns:
        arms = sent.group_by("customer", "campaign").agg(arms=sent.arm.nunique())
        rows, n = count(arms, {"several": (arms.arms > 1,)})
        text = "customer in several arms of a campaign"
        checks.append(check(text, "campaigns", rows, n["several"], "counts in none"))
    return checks + (_responses(tables) if "responses" in tables else [])


def _responses(tables: dict[str, ir.Table]) -> list[dict]:
    sent, responses = tables["campaigns"], tables["responses"]
    starts = sent.group_by("customer", "campaign").agg(start=sent.start.min())
    joined = responses.left_join(starts, ["customer", "campaign"])
    tests = {
        "response to a campaign not sent to that customer": (joined.start.isnull(), "strangers"),
        "response before its campaign began": (joined.time < joined.start, "strangers"),
    }
    rows, n = count(joined, tests)
    return [
        check(what, "responses", rows, n[what], UNCOUNTED, key) for what, (_, key) in tests.items()
    ]
