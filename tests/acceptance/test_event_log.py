"""A usage log is told in its own words: point 33."""

import re

import pytest

SHOP = re.compile(
    r"\b(orders?|ordered|spends?|spent|spending|revenue|baskets?|purchases?|bought|buys?|buyers?"
    r"|money|prices?|discounts?|coupons?)\b",
    re.I,
)
OTHERWISE = re.compile(r"in order (of|to)|ordered (levels?|answers?)|money’s worth", re.I)


@pytest.mark.point(33)
@pytest.mark.parametrize("page", ["index.html", "*/*.html"])
def test_an_event_log_never_mentions_orders_or_money(finished, page):
    told = OTHERWISE.sub("", finished("usage_log").text(page))
    said = [told[max(m.start() - 60, 0) : m.end() + 40] for m in SHOP.finditer(told)]
    assert said == []


@pytest.mark.point(33)
def test_an_event_log_speaks_of_sessions_and_features(finished):
    run = finished("usage_log")
    assert {"sessions", "adoption"} <= set(run.frame("customers.parquet"))
    assert "session" in run.text("index.html")
    for name in ("segments_dictionary.json", "claims.json", "playbook.json", "personas.md"):
        text = OTHERWISE.sub("", (run.files / name).read_text())
        assert not SHOP.search(text), f"{name}: {SHOP.search(text)}"
