"""A usage log is told in its own words: point 33."""

import re

import pytest

SHOP = re.compile(
    r"\b(orders?|ordered|spends?|spent|spending|revenue|baskets?|purchases?|bought|buys?|buyers?"
    r"|money|prices?|discounts?|coupons?)\b",
    re.I,
)
OTHERWISE = re.compile(
    r"in order (of|to)|ordered (levels?|answers?)|\w+\.(parquet|json|csv)"
    r"|(The study has|[^.]* carry) no (amounts|products)[^.]*\."
)


def shop_words(text):
    """The words of a shop in a text, each with what stands around it."""
    told = OTHERWISE.sub("", text)
    return [told[max(m.start() - 60, 0) : m.end() + 40] for m in SHOP.finditer(told)]


@pytest.mark.point(33)
def test_the_summary_of_an_event_log_never_mentions_orders_or_money(finished):
    assert shop_words(finished("usage_log").text("index.html")) == []


@pytest.mark.point(33)
@pytest.mark.parametrize("pages", ["02*", "03*", "04*", "05*", "personas*"])
def test_no_page_of_an_event_log_mentions_orders_or_money(finished, pages):
    assert shop_words(finished("usage_log").text(f"*/{pages}.html")) == []


@pytest.mark.point(33)
def test_the_first_page_of_an_event_log_never_mentions_orders_or_money(finished):
    assert shop_words(finished("usage_log").text("*/01*.html")) == []


@pytest.mark.point(33)
@pytest.mark.parametrize("name", ["segments_dictionary.json", "playbook.json", "claims.json"])
def test_the_files_of_an_event_log_never_mention_orders_or_money(finished, name):
    assert shop_words((finished("usage_log").files / name).read_text()) == []


@pytest.mark.point(33)
def test_an_event_log_speaks_of_sessions_and_features(finished):
    run = finished("usage_log")
    assert {"sessions", "adoption"} <= set(run.frame("customers.parquet"))
    assert "session" in run.text("index.html")
