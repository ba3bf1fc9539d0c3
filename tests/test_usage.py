"""Product usage: events without money become sessions, adoption, activation and rhythm."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import yaml

from seglib import study
from seglib.collection import activity, audit, features, tables
from seglib.study import Study

AS_OF = date(2024, 7, 1)
FEATURES = ["search", "edit", "share", "export", "comment", "invite", "chart", "print"]
GROUPS = {
    # name: (users, days a week, features at hand, chance to be still there)
    "daily": (70, 5.0, 8, 1.0),
    "weekly": (90, 1.2, 4, 0.9),
    "gone": (60, 2.5, 3, 0.1),
}


def events(seed=1):
    """Return half a year of events of users who work daily, weekly, or have left."""
    rng = np.random.default_rng(seed)
    rows, user = [], 0
    for count, rate, known, stays in GROUPS.values():
        for _ in range(count):
            user += 1
            first = int(rng.integers(0, 60))
            last = 240 if rng.random() < stays else first + int(rng.integers(15, 45))
            for day in range(first, min(last, 240)):
                if day > first and rng.random() > rate / 7:
                    continue
                clock = datetime(2024, 1, 1) + timedelta(days=day, hours=int(rng.integers(8, 20)))
                for _ in range(1 + rng.poisson(4)):
                    rows.append((user, clock, FEATURES[rng.integers(known)]))
                    clock += timedelta(minutes=int(rng.choice([1, 5, 12, 45])))
    return pd.DataFrame(rows, columns=["user", "at", "what"])


def log_study():
    return {
        "title": "A drawing tool", "objective": "Help more people to make it a habit",
        "customer": "user", "as_of": str(AS_OF), "holdout": "56 days", "seed": 5,
        "tables": {"transactions": {
            "source": "events.parquet",
            "columns": {"customer": "user", "time": "at", "event": "what"},
        }},
    }  # fmt: skip


def written(folder, frame):
    place = folder / "data" / "tool"
    place.mkdir(parents=True)
    frame.to_parquet(place / "events.parquet")
    (place / "study.yaml").write_text(yaml.safe_dump(log_study()))
    return place / "study.yaml"


def known(path):
    loaded = study.load(path)
    clean, _ = audit.audit(loaded, tables.open_tables(loaded), loaded.as_of)
    return activity.facts(loaded, clean, loaded.as_of)


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """The features of users of whom two are written by hand."""
    at = datetime(2024, 6, 3, 9)  # a Monday
    minutes = timedelta(minutes=1)
    hand = [
        # a: sessions of 9:00-9:50 (no pause over 30) and 10:21, on the first day; 12 days later one
        ("a", at, "edit"), ("a", at + 25 * minutes, "share"), ("a", at + 50 * minutes, "edit"),
        ("a", at + 81 * minutes, "edit"), ("a", at + timedelta(days=12, hours=9), "print"),
        # b: began five days before the cut-off date; two events at one moment are one session
        ("b", datetime(2024, 6, 26, 18), "edit"), ("b", datetime(2024, 6, 26, 18), "share"),
    ]  # fmt: skip
    rest = events().assign(user=lambda frame: "u" + frame["user"].astype(str))
    both = pd.concat([pd.DataFrame(hand, columns=rest.columns), rest], ignore_index=True)
    return features.customers(known(written(tmp_path_factory.mktemp("used"), both)))


def test_sessions_end_with_half_an_hour_of_pause(used):
    a, b = used[0].loc["a"], used[0].loc["b"]
    assert (a["sessions"], a["active_days"], a["session_events"]) == (3, 2, 5 / 3)
    assert (b["sessions"], b["active_days"], b["session_events"]) == (1, 1, 2)


def test_adoption_is_of_all_features_that_anybody_used(used):
    a = used[0].loc["a"]
    assert (a["features_used"], a["adoption"]) == (3, 3 / 8)


def test_activation_looks_at_the_first_week_and_not_at_newer_users(used):
    a, b = used[0].loc["a"], used[0].loc["b"]
    assert (a["first_days"], a["first_features"]) == (1, 2)
    assert np.isnan(b["first_days"])
    assert np.isnan(b["first_features"])


def test_absence_is_measured_against_the_own_rhythm(used):
    a = used[0].loc["a"]
    assert a["recency"] == 16
    assert a["overdue"] == 16 / 12
    assert a["engagement"] == 2 / 28
    assert a["usage_trend"] == 1
    assert np.isnan(used[0].loc["b", ["overdue", "usage_trend"]].astype(float)).all()  # of one day


def test_every_feature_has_a_line_and_none_speaks_of_orders_or_money(used):
    frame, lines = used
    assert [line["name"] for line in lines] == list(frame.columns)
    told = " ".join(line["label"] + line["meaning"] for line in lines).lower()
    assert "order" not in told
    assert "spend" not in told
    assert {"places", "spend", "orders"}.isdisjoint(frame.columns)


def test_sessions_agree_with_pandas_for_everyone(used):
    rows = events().assign(user=lambda frame: "u" + frame["user"].astype(str))
    rows = rows[rows["at"] < pd.Timestamp(AS_OF)].sort_values(["user", "at"])
    pause = rows.groupby("user")["at"].diff() > pd.Timedelta(minutes=30)
    first = ~rows["user"].duplicated()
    expected = (pause | first).groupby(rows["user"]).sum()
    found = used[0]["sessions"].drop(["a", "b"])
    assert (found == expected.reindex(found.index)).all()


def test_a_shop_with_a_price_and_a_quantity_sells_and_is_no_log():
    raw = log_study() | {"path": "study.yaml"}
    assert Study.model_validate(raw).usage
    sold = raw["tables"]["transactions"]["columns"] | {"price": "p", "quantity": "q"}
    raw["tables"]["transactions"]["columns"] = sold
    assert not Study.model_validate(raw).usage
