"""Features can be checked by hand, and none sees the future; acceptance compares with pandas."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from worlds import shop_study, shop_tables, write_shop

from seglib import study, wording
from seglib.collection import activity, audit, features, tables


def features_of(folder, shop):
    path = write_shop(folder, tables=shop)
    loaded = study.load(path)
    clean, _ = audit.audit(loaded, tables.open_tables(loaded), loaded.as_of)
    known = activity.facts(loaded, clean, loaded.as_of)
    return features.customers(known)[0], features.products(known)[0], known


def test_features_do_not_see_the_future(tmp_path):
    shop = shop_tables()
    before = features_of(tmp_path / "one", shop)
    later = shop["transactions"]["at"] >= pd.Timestamp("2023-08-01")
    shop["transactions"].loc[later, "paid"] *= 100
    shop["transactions"].loc[later, "client"] = 1
    after = features_of(tmp_path / "two", shop)
    assert later.sum() > 1000
    for one, two in zip(before[:2], after[:2], strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)


def hand(folder, rows):
    """Features of a shop whose transactions are given: client, ticket, sku, at, paid."""
    shop = shop_tables()
    few = pd.DataFrame(rows, columns=["client", "ticket", "sku", "at", "paid"])
    few["at"] = pd.to_datetime(few["at"])
    filler = shop["transactions"][shop["transactions"]["client"] > 3]
    few = few.assign(units=1, saved=0.0)
    shop["transactions"] = pd.concat([few, filler], ignore_index=True)
    return features_of(folder, shop)


def test_features_of_a_customer_can_be_checked_by_hand(tmp_path):
    frame, _, _ = hand(
        tmp_path,
        [
            (1, 901, 0, "2023-07-01 10:00", 4.0),  # a Saturday morning; own label
            (1, 901, 25, "2023-07-01 10:00", 6.0),
            (1, 902, 25, "2023-07-11 18:00", 10.0),  # a Tuesday evening
            (1, 903, 25, "2023-07-31 16:59", 0.0),
        ],
    )
    own = frame.loc[1]
    assert own[["recency", "tenure", "orders", "spend"]].tolist() == [1, 31, 3, 20.0]
    assert own[["basket_value", "basket_items", "breadth"]].tolist() == [20 / 3, 4 / 3, 2]
    assert own["trend"] == 1.0
    assert own["irregularity"] == pytest.approx(np.std([10, 20], ddof=1) / 15)
    assert own[["weekend_share", "evening_share"]].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert own["own_label_share"] == pytest.approx(0.2)
    assert own["share_groceries"] == pytest.approx(0.8)


def test_a_return_is_netted_and_one_visit_has_no_regularity(tmp_path):
    frame, _, _ = hand(
        tmp_path,
        [(2, 904, 25, "2023-05-01 10:00", 9.0), (2, 905, 25, "2023-05-01 12:00", -3.0)],
    )
    assert frame.loc[2, "spend"] == 6.0
    assert np.isnan(frame.loc[2, "irregularity"])


def test_one_order_has_no_trend(tmp_path):
    frame, _, _ = hand(tmp_path, [(2, 904, 25, "2023-07-01 10:00", 9.0)])
    assert frame.loc[2, "orders"] == 1
    assert np.isnan(frame.loc[2, "trend"])


def test_every_definition_is_computed_and_every_feature_is_defined(tmp_path):
    known = features_of(tmp_path, shop_tables())[2]
    tables = {
        "customers": features.behaviour(known.past, known.as_of),
        "usage": features.usage(known.past, known.as_of),
        "products": features.selling(known.past, 10),
    }
    helpers = {"customer", "level", "buyers", "change"}
    for kind, about in wording.table("features").items():
        assert set(about) == set(tables[kind].columns) - helpers


def test_products_with_few_buyers_are_left_out(tmp_path):
    shop = shop_tables()
    shop["products"].loc[0, "category"] = "Rare"
    own = (shop["transactions"]["sku"] == 0) & (shop["transactions"]["client"] > 5)
    shop["transactions"] = shop["transactions"][~own]
    frame = features_of(tmp_path, shop)[1]
    assert "Rare" not in frame.index and len(frame) == 20


def test_baskets_without_prices_are_orders_of_products(tmp_path):
    shop, about = shop_tables(), shop_study()
    for role in ("amount", "quantity", "discount"):
        del about["tables"]["transactions"]["columns"][role]
    del about["economics"], about["tables"]["products"]["own_label"]
    path = write_shop(tmp_path, shop, about)
    loaded = study.load(path)
    assert not loaded.usage and not loaded.money
    clean, _ = audit.audit(loaded, tables.open_tables(loaded), loaded.as_of)
    data = activity.facts(loaded, clean, loaded.as_of)
    people, lines = features.customers(data)
    assert {"orders", "basket_items", "breadth"} <= set(people.columns)
    assert {"spend", "trend", "basket_value", "sessions"}.isdisjoint(people.columns)
    goods, more = features.products(data)
    assert list(goods.columns) == ["penetration", "repeat_rate", "orders_per_buyer", "group"]
    assert goods.notna().all(axis=None)
    words = " ".join(line["label"] + line["meaning"] for line in lines + more).lower()
    assert not any(word in words for word in ("spend", "session", "features used"))


def test_customers_first_seen_after_the_cut_off_are_not_there(tmp_path):
    frame, _, _ = hand(tmp_path, [(3, 906, 25, "2023-08-01 00:00", 9.0)])
    assert 3 not in frame.index


def test_holdout_counts_from_the_cut_off_for_its_length(tmp_path):
    _, _, known = hand(
        tmp_path,
        [
            (1, 901, 0, "2023-07-31 23:59", 1.0),
            (1, 902, 0, "2023-08-01 00:00", 2.0),
            (1, 903, 0, "2023-09-29 23:59", 4.0),
            (1, 904, 0, "2023-09-30 00:00", 8.0),
        ],
    )
    frame = activity.holdout(known, pd.Index([1, 2], name="customer"))
    assert frame.loc[1].tolist() == [6.0, 2.0, 0.0, True]
    assert frame.loc[2].tolist() == [0.0, 0.0, 0.0, False]
    earlier = activity.before(known, pd.Index([1], name="customer"))
    assert earlier.loc[1, "spend"] == 1.0


def test_there_is_no_holdout_before_it_has_happened(tmp_path):
    _, _, known = hand(tmp_path, [(1, 901, 0, "2023-07-31 23:59", 1.0)])
    late = known.at(date(2023, 10, 1))
    assert activity.holdout(late, pd.Index([1], name="customer")) is None


def test_a_group_that_the_study_names_has_a_column_at_any_date(tmp_path):
    _, _, known = hand(tmp_path, [(1, 901, 0, "2023-07-31 23:59", 1.0)])
    reach = list(features.needs(known.past, 1)[1].values())
    least = next(g for g in ("Bakery", "Groceries", "Gifts") if g not in reach)
    shares, labels = features.needs(known.past, 1, [f"share_{least.lower()}"])
    assert list(labels.values()) == [least, "other groups"]
    frame = shares.execute().set_index("customer")
    np.testing.assert_allclose(frame.sum(axis=1), 1)
