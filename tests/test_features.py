"""Every feature equals an independent computation in pandas, and none sees the future."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from worlds import shop_study, shop_tables, write_shop

from seglib import study, wording
from seglib.collection import activity, audit, features, tables

AS_OF = pd.Timestamp("2017-10-01")
NAN = float("nan")


@pytest.fixture(scope="module")
def journey():
    """The Complete Journey at its own cut-off date: the study and its facts on the engine."""
    loaded = study.load("complete_journey")
    clean, _ = audit.audit(loaded, tables.open_tables(loaded), loaded.as_of)
    return loaded, activity.facts(loaded, clean, loaded.as_of)


@pytest.fixture(scope="module")
def lines(journey):
    """All lines before the cut-off date, in pandas, by a road of their own."""
    sold, items = (
        pd.read_parquet(path)
        for path in tables.source_files(journey[0])
        if path.name in {"transactions.parquet", "products.parquet"}
    )
    zone = sold["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    sold["when"] = zone.dt.tz_localize(None)
    sold = sold[sold["when"] < AS_OF].merge(items, on="product_id", how="left")
    labels = journey[0].tables.products.labels
    sold = sold.replace({"department": labels, "product_category": labels})
    sold["saved"] = sold["retail_disc"] + sold["coupon_match_disc"]
    sold["coupon"] = sold["coupon_disc"] + sold["coupon_match_disc"]
    return sold


def behaviour_of(own):
    """The behavioural features of one household, from its lines."""
    baskets = own.groupby("basket_id").agg(
        when=("when", "min"), value=("sales_value", "sum"), lines=("product_id", "size"),
        coupon=("coupon", "sum"), place=("store_id", "min"),
    )  # fmt: skip
    days = pd.Series(sorted(set(baskets["when"].dt.normalize())))
    gaps = days.diff().dt.days.dropna()
    spend = own["sales_value"].sum()
    recent = baskets.loc[baskets["when"] >= AS_OF - timedelta(days=91), "value"].sum()
    both = baskets.loc[baskets["when"] >= AS_OF - timedelta(days=182), "value"].sum()
    return {
        "recency": (AS_OF - days.iloc[-1]).days,
        "orders": len(baskets),
        "spend": spend,
        "tenure": (AS_OF - days.iloc[0]).days,
        "basket_value": spend / len(baskets),
        "basket_items": len(own) / len(baskets),
        "breadth": own["product_category"].nunique(),
        "trend": (recent - (both - recent)) / both if both and len(baskets) > 1 else NAN,
        "irregularity": gaps.std(ddof=1) / gaps.mean() if len(gaps) >= 2 else NAN,
        "weekend_share": (baskets["when"].dt.dayofweek >= 5).mean(),
        "evening_share": (baskets["when"].dt.hour >= 17).mean(),
        "discount_share": own["saved"].sum() / (spend + own["saved"].sum()),
        "coupon_share": (baskets["coupon"] > 0).mean(),
        "own_label_share": own.loc[own["brand"] == "Private", "sales_value"].sum() / spend,
        "places": baskets["place"].nunique(),
    }


def test_every_customer_feature_equals_pandas(journey, lines):
    frame, entries = features.customers(journey[1])
    sample = sorted(lines["household_id"].unique())[::10]
    own = dict(list(lines[lines["household_id"].isin(sample)].groupby("household_id")))
    top = lines.groupby("department")["household_id"].nunique().sort_values(ascending=False)
    groups = list(top.index[:10])
    expected = {}
    for customer in sample:
        spent = own[customer].groupby("department")["sales_value"].sum()
        total = own[customer]["sales_value"].sum()
        shares = {features._slug(g): spent.get(g, 0.0) / total for g in groups}
        shares["other"] = 1 - sum(shares.values())
        expected[customer] = behaviour_of(own[customer]) | {
            f"share_{name}": value for name, value in shares.items()
        }
    expected = pd.DataFrame.from_dict(expected, orient="index").astype(float)
    numeric = [e["name"] for e in entries if e["base"] in {"behavioural", "needs"}]
    assert set(expected.columns) == set(numeric)
    assert len(sample) > 200
    np.testing.assert_allclose(frame.loc[sample, numeric], expected[numeric], rtol=1e-9, atol=1e-9)


def product_of(own, monthly, customers):
    """The features of one product category, from its lines."""
    buyers = own.groupby("household_id").agg(
        value=("sales_value", "sum"), orders=("basket_id", "nunique")
    )
    counted = own[(own["quantity"] > 0) & (own["quantity"] <= 100)]
    share = (own.groupby(own["when"].dt.to_period("M"))["sales_value"].sum() / monthly).fillna(0)
    value, units = own["sales_value"].sum(), counted["quantity"].sum()
    return {
        "price": counted["sales_value"].sum() / units if units else NAN,
        "penetration": len(buyers) / customers,
        "repeat_rate": (buyers["orders"] >= 2).mean(),
        "orders_per_buyer": buyers["orders"].mean(),
        "spend_per_buyer": buyers["value"].mean(),
        "promotion_share": own["saved"].sum() / (value + own["saved"].sum()),
        "own_label_share": own.loc[own["brand"] == "Private", "sales_value"].sum() / value,
        "seasonality": share.std(ddof=1) / share.mean(),
        "evenness": buyers["value"].sum() ** 2 / ((buyers["value"] ** 2).sum() * len(buyers)),
    }  # fmt: skip


def test_every_product_feature_equals_pandas(journey, lines):
    frame, _ = features.products(journey[1])
    monthly = lines.groupby(lines["when"].dt.to_period("M"))["sales_value"].sum()
    customers = lines["household_id"].nunique()
    sample = list(frame.index[::6])
    expected = {
        level: product_of(lines[lines["product_category"] == level], monthly, customers)
        for level in sample
    }
    expected = pd.DataFrame.from_dict(expected, orient="index")
    np.testing.assert_allclose(frame.loc[sample, expected.columns], expected, rtol=1e-9, atol=1e-9)


def test_products_with_few_buyers_are_left_out(journey, lines):
    frame, _ = features.products(journey[1])
    buyers = lines.groupby("product_category")["household_id"].nunique()
    assert set(frame.index) == set(buyers.index[buyers >= 10])
    assert set(frame["group"].dropna()) >= {"Grocery", "Drugstore and household"}


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


def test_every_definition_is_computed_and_every_feature_is_defined(journey):
    past, as_of = journey[1].past, journey[0].as_of
    tables = {
        "customers": features.behaviour(past, as_of),
        "usage": features.usage(past, as_of),
        "products": features.selling(past, 10),
    }
    helpers = {"customer", "level", "buyers", "change"}
    for kind, about in wording.table("features").items():
        assert set(about) == set(tables[kind].columns) - helpers


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
