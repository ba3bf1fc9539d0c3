"""A usage log is told in its own words: point 33."""

import re
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import worlds

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


AS_OF = datetime(2024, 7, 1)
PAUSE = timedelta(minutes=30)


def habits(own, actions):
    """Return the features of one user, from the events before the cut-off date."""
    own = own.sort_values("at")
    begins = own["at"].diff().isna() | (own["at"].diff() >= PAUSE)
    starts = own.loc[begins, "at"]
    days = pd.Series(sorted(set(starts.dt.normalize())))
    since = (AS_OF - days).dt.days
    gaps = days.diff().dt.days.dropna()
    first = own[own["at"] < days[0] + timedelta(days=7)]
    recent, earlier = (since <= 28).sum(), ((since > 28) & (since <= 56)).sum()
    known = since.iloc[0] >= 7
    return {
        "recency": since.iloc[-1],
        "tenure": since.iloc[0],
        "sessions": len(starts),
        "active_days": len(days),
        "engagement": recent / min(28, max(since.iloc[0], 1)),
        "session_events": len(own) / len(starts),
        "features_used": own["what"].nunique(),
        "adoption": own["what"].nunique() / actions,
        "first_days": (days < days[0] + timedelta(days=7)).sum() if known else np.nan,
        "first_features": first["what"].nunique() if known else np.nan,
        "usage_trend": (recent - earlier) / (recent + earlier) if recent + earlier else np.nan,
        "overdue": since.iloc[-1] / gaps.mean() if len(gaps) else np.nan,
        "irregularity": gaps.std() / gaps.mean() if len(gaps) > 1 else np.nan,
        "weekend_share": (starts.dt.day_of_week >= 5).mean(),
        "evening_share": (starts.dt.hour >= 17).mean(),
    }


@pytest.mark.point(20)
def test_every_feature_of_users_equals_pandas(finished):
    made = finished("usage_log").frame("customers.parquet")
    events = worlds.log_tables()["transactions"]
    events = events[events["at"] < AS_OF]
    own = {user: habits(rows, events["what"].nunique()) for user, rows in events.groupby("user")}
    expected = pd.DataFrame.from_dict(own, orient="index")
    expected.index = expected.index.astype(made.index.dtype)
    assert set(made.select_dtypes("number")) == set(expected) and len(made) == len(expected)
    expected = expected.loc[made.index].astype(float)
    np.testing.assert_allclose(made[list(expected)], expected, rtol=1e-9, atol=1e-9)
