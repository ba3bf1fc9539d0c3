"""Data: points 16 (pseudonyms), 18 (rows), 19 (limits) and 20 (features)."""

import hashlib
import hmac
from datetime import timedelta

import exposed
import numpy as np
import pandas as pd
import pytest
import worlds
from pages import tables

KEY = "a key of the tests, long enough"
AS_OF = pd.Timestamp("2023-08-01")

# --- every row is accounted for -------------------------------------------------------------------


@pytest.mark.point(18)
def test_every_row_of_transactions_is_counted_once_on_the_page(finished):
    run = finished("exposed_shop")
    table = next(t for t in tables(run) if "all rows" in t.index)
    counts = table["rows"].astype(str).str.replace(",", "").astype(int)
    sold = pd.read_parquet(run.path.parent / "raw/transactions.parquet")
    assert counts["all rows"] == counts.drop("all rows").sum() == len(sold)
    usable = sold.iloc[: -sum(exposed.ROWS.values())]["at"]
    until = AS_OF + timedelta(days=60)
    assert set(counts.drop("all rows")) == {
        sum(exposed.ROWS.values()),
        ((usable >= AS_OF - timedelta(days=180)) & (usable < AS_OF)).sum(),
        ((usable >= AS_OF) & (usable < until)).sum(),
        (usable >= until).sum(),
        (usable < AS_OF - timedelta(days=180)).sum(),
    }


@pytest.mark.point(18)
def test_each_reason_to_drop_a_row_is_counted(finished):
    run = finished("exposed_shop")
    found = run.json("quality.json")
    dropped = [c for c in found if c["table"] == "transactions" and c["action"] == "dropped"]
    assert sorted(c["failing"] for c in dropped) == sorted(exposed.ROWS.values())
    for why, count in exposed.ROWS.items():
        assert [c for c in dropped if why in c["check"] and c["failing"] == count], why


# --- limits ---------------------------------------------------------------------------------------

LIMITS = {
    "copies", "impossible_dates", "negative_amounts", "zero_amounts", "house_account",
    "test_accounts", "other_currencies", "mixed_zones", "thin_days", "unknown_products",
    "undescribed", "strangers", "odd_levels", "constant", "known_later", "straight_lining",
    "speeding",
}  # fmt: skip


def beyond_all_limits(folder):
    """Write a shop in which each check finds a little, under limits that allow nothing."""
    shop, study = worlds.shop_tables(), worlds.shop_study()
    sold = shop["transactions"].sort_values("at", ignore_index=True)
    rng, n = np.random.default_rng(1), len(sold)
    sold.loc[rng.random(n) < 0.2, "client"] = 7
    sold["client"] = sold["client"].astype(str).mask(sold.index < 20, "test")
    sold = sold[(sold["at"] < sold["at"].max() - timedelta(days=2)) | (rng.random(n) < 0.01)]
    sold["sku"] = sold["sku"].mask(rng.random(len(sold)) < 0.01, 99)
    sold["paid"] = sold["paid"].mask(rng.random(len(sold)) < 0.1, -1).mask(sold["sku"] == 3, 0)
    sold["paid"] = "€ " + sold["paid"].astype(str)
    sold.loc[sold.index[40:60], "paid"] = "$ 3"
    sold["at"] = sold["at"].dt.strftime("%Y-%m-%d %H:%M")
    sold.loc[sold.index[60:80], "at"] += "+02:00"
    sold.loc[sold.index[80:90], "at"] = "1900-01-01 00:00"
    people = shop["customers"].iloc[:-1].astype({"client": str})
    people["since"] = ["2023-09-09" if i % 5 == 0 else "2023-01-02" for i in range(len(people))]
    people["country"] = "DE"
    people.loc[4, "age"] = "ancient"
    answers = pd.DataFrame(rng.integers(1, 6, (200, 5)), columns=[f"q{i}" for i in range(5)])
    answers.loc[:40] = 3
    answers = answers.assign(client=[str(i + 1) for i in range(200)], seconds=300.0)
    answers.loc[:20, "seconds"] = 10.0
    campaigns = shop["campaigns"].astype({"client": str})
    campaigns.loc[0, "client"] = "stranger"
    shop |= {"customers": people, "survey": answers, "campaigns": campaigns}
    shop["responses"] = shop["responses"].astype({"client": str})
    study["tables"]["customers"]["attributes"] |= {"since": {}, "country": {}}
    study["tables"]["survey"] = {
        "source": "raw/survey.parquet", "columns": {"customer": "client"},
        "attributes": {c: {"kind": "numeric", "base": "psychographic"} for c in answers
                       if c != "client"},
    }  # fmt: skip
    study["limits"] = dict.fromkeys(sorted(LIMITS), 0)
    return worlds.write_shop(folder, shop | {"transactions": sold}, study)


@pytest.mark.point(19)
def test_every_limit_that_is_exceeded_is_named_with_its_key(call, tmp_path):
    path = beyond_all_limits(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = call("check", path)
    assert done.returncode == 2, done.stdout
    assert {key for key in LIMITS if f"limits.{key}" in done.stderr} == LIMITS, done.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.point(19)
def test_a_column_that_forms_segments_and_knows_the_future_is_refused(call, tmp_path):
    shop, study = worlds.shop_tables(), worlds.shop_study()
    sold = shop["transactions"]
    until = AS_OF + timedelta(days=60)
    came = set(sold.loc[(sold["at"] >= AS_OF) & (sold["at"] < until), "client"])
    away = range(1, 200, 4)
    shop["transactions"] = sold[(sold["at"] < AS_OF) | ~sold["client"].isin(away)]
    people = shop["customers"]
    people["status"] = ["on" if c in came - set(away) else "off" for c in people["client"]]
    study["tables"]["customers"]["attributes"]["status"] = {"base": "plan"}
    study["segmentation"] = {"bases": ["behavioural", "plan"]}
    path = worlds.write_shop(tmp_path, shop, study)
    done = call("run", path)
    assert (done.returncode, "limits.leakage" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "reports").exists()


@pytest.mark.point(19)
def test_too_many_unusable_rows_are_refused_with_the_key_that_allows_them(call, tmp_path):
    shop, study = worlds.shop_tables(), worlds.shop_study() | {"max_dropped": 0.01}
    shop["transactions"].loc[::20, "client"] = None
    done = call("check", worlds.write_shop(tmp_path, shop, study))
    assert (done.returncode, "max_dropped" in done.stderr) == (2, True), done.stderr


# --- features and pseudonyms ----------------------------------------------------------------------


def wide_tables():
    """Return the shop with coupons, places and returns, and ids that stand nowhere by chance."""
    shop = worlds.shop_tables()
    rng = np.random.default_rng(3)
    for table in shop.values():
        if "client" in table:
            table["client"] = table["client"].map("cust-{:04d}-x".format)
    sold = shop["transactions"]
    sold["voucher"] = np.where(rng.random(len(sold)) < 0.1, 0.25, 0.0)
    sold["place"] = sold["ticket"] % 5
    return shop


def first_notebook(notebook, folder, shop):
    """Run the first notebook on a shop under pseudonyms; return the folder of its files."""
    study = worlds.shop_study() | {"privacy": {"pseudonymise": "SHOP_KEY"}}
    study["tables"]["transactions"]["columns"] |= {"coupon": "voucher", "place": "place"}
    path, files = worlds.write_shop(folder, shop, study), folder / "files"
    notebook("01_data_collection", path, files, env={"SHOP_KEY": KEY})
    return files


@pytest.fixture(scope="module")
def wide(notebook, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide")
    return first_notebook(notebook, folder, wide_tables())


def pseudonym(client):
    return hmac.new(KEY.encode(), client.encode(), hashlib.sha256).hexdigest()[:32]


@pytest.mark.point(16)
def test_a_pseudonym_is_the_documented_hmac_of_the_id(wide):
    wanted = {pseudonym(f"cust-{i:04d}-x") for i in range(1, 201)}
    for name in ("customers", "purchases", "campaigns"):
        frame = pd.read_parquet(wide / f"{name}.parquet").reset_index()
        assert set(frame["customer"]) <= wanted
        assert frame["customer"].nunique() > 150


@pytest.mark.point(16)
def test_no_id_is_left_beside_its_pseudonym_nor_is_the_key_written(wide):
    made = [p for p in wide.parent.rglob("*") if p.is_file() and "raw" not in p.parts]
    assert len(made) > 5
    for path in made:
        held = path.read_bytes()
        held += pd.read_parquet(path).to_csv().encode() if path.suffix == ".parquet" else b""
        assert KEY.encode() not in held and b"cust-0" not in held, path.name


@pytest.mark.point(16)
def test_without_a_key_nothing_is_run(call, tmp_path):
    study = worlds.shop_study() | {"privacy": {"pseudonymise": "SHOP_KEY"}}
    path = worlds.write_shop(tmp_path, study=study)
    before = sorted(tmp_path.rglob("*"))
    done = call("run", path, env={"SHOP_KEY": ""})
    assert (done.returncode, "SHOP_KEY" in done.stderr) == (2, True)
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def behaviour(own):
    """Return the features of one customer, from the lines before the cut-off date."""
    orders = own.groupby("ticket").agg(
        at=("at", "min"), paid=("paid", "sum"), lines=("sku", "size"), coupon=("voucher", "sum")
    )
    days = pd.Series(sorted(set(orders["at"].dt.normalize())))
    gaps = days.diff().dt.days.dropna()
    spend = own["paid"].sum()
    recent = orders.loc[orders["at"] >= AS_OF - timedelta(days=91), "paid"].sum()
    both = orders.loc[orders["at"] >= AS_OF - timedelta(days=182), "paid"].sum()
    shares = {
        f"share_{name.lower()}": own.loc[own["department"] == name, "paid"].sum() / spend
        for name in worlds.DEPARTMENTS
    }
    return shares | {
        "recency": (AS_OF - days.iloc[-1]).days,
        "tenure": (AS_OF - days.iloc[0]).days,
        "orders": len(orders),
        "spend": spend,
        "basket_value": spend / len(orders),
        "basket_items": len(own) / len(orders),
        "breadth": own["category"].nunique(),
        "trend": (2 * recent - both) / both if both else np.nan,
        "irregularity": gaps.std() / gaps.mean() if len(gaps) > 1 else np.nan,
        "weekend_share": (orders["at"].dt.day_of_week >= 5).mean(),
        "evening_share": (orders["at"].dt.hour >= 17).mean(),
        "discount_share": own["saved"].sum() / (spend + own["saved"].sum()),
        "coupon_share": (orders["coupon"] > 0).mean(),
        "own_label_share": own.loc[own["brand"] == "Own", "paid"].sum() / spend,
        "places": own["place"].nunique(),
    }


@pytest.fixture(scope="module")
def lines():
    """All lines before the cut-off date with their products."""
    shop = wide_tables()
    sold = shop["transactions"]
    return sold[sold["at"] < AS_OF].merge(shop["products"], on="sku")


@pytest.mark.point(20)
def test_every_feature_of_customers_equals_pandas(wide, lines):
    made = pd.read_parquet(wide / "customers.parquet")
    own = {pseudonym(client): behaviour(rows) for client, rows in lines.groupby("client")}
    expected = pd.DataFrame.from_dict(own, orient="index").sort_index()
    assert list(made.index) == list(expected.index)
    numeric = set(made.select_dtypes("number")) - {"share_other"}
    assert numeric == set(expected)
    np.testing.assert_allclose(made[list(expected)], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.point(20)
def test_every_feature_of_products_equals_pandas(wide, lines):
    made = pd.read_parquet(wide / "products.parquet")
    customers, monthly = (
        lines["client"].nunique(),
        lines.groupby(lines["at"].dt.month)["paid"].sum(),
    )

    def product(own):
        buyers = own.groupby("client").agg(paid=("paid", "sum"), orders=("ticket", "nunique"))
        share = (own.groupby(own["at"].dt.month)["paid"].sum() / monthly).fillna(0)
        value = own["paid"].sum()
        return {
            "price": value / own["units"].sum(),
            "penetration": len(buyers) / customers,
            "repeat_rate": (buyers["orders"] >= 2).mean(),
            "orders_per_buyer": buyers["orders"].mean(),
            "spend_per_buyer": buyers["paid"].mean(),
            "promotion_share": own["saved"].sum() / (value + own["saved"].sum()),
            "own_label_share": own.loc[own["brand"] == "Own", "paid"].sum() / value,
            "seasonality": share.std() / share.mean(),
            "evenness": value**2 / ((buyers["paid"] ** 2).sum() * len(buyers)),
        }

    own = {name: product(rows) for name, rows in lines.groupby("category")}
    expected = pd.DataFrame.from_dict(own, orient="index").reindex(made.index)
    assert len(made) == 20 and set(made.select_dtypes("number")) == set(expected)
    np.testing.assert_allclose(made[list(expected)], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.point(20)
def test_features_see_nothing_of_the_cut_off_date_or_later(wide, notebook, tmp_path):
    shop = wide_tables()
    later = shop["transactions"]["at"] >= AS_OF
    shop["transactions"].loc[later, "paid"] *= 100
    shop["transactions"].loc[later, "client"] = "cust-0001-x"
    other = first_notebook(notebook, tmp_path, shop)
    assert later.sum() > 1000
    for name in ("customers", "products", "purchases"):
        one, two = (pd.read_parquet(files / f"{name}.parquet") for files in (wide, other))
        pd.testing.assert_frame_equal(one, two, check_exact=True)
    held = [pd.read_parquet(files / "holdout.parquet") for files in (wide, other)]
    assert not held[0].equals(held[1])  # what was changed is read, only not by features
