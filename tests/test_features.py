"""Features see no future; returns lower the money and are no orders, visits or customers."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from runs import known
from worlds import shop_study, shop_tables, write_shop

from seglib import study, wording
from seglib.collection import activity, features


def features_of(folder, shop):
    facts = known(write_shop(folder, tables=shop)).facts
    return features.customers(facts)[0], features.products(facts)[0], facts


def hand(folder, rows):
    """Features of a shop whose transactions are given: client, ticket, sku, at, paid."""
    shop = shop_tables()
    few = pd.DataFrame(rows, columns=["client", "ticket", "sku", "at", "paid"])
    few["at"] = pd.to_datetime(few["at"])
    filler = shop["transactions"][shop["transactions"]["client"] > 3]
    few = few.assign(units=1, saved=0.0)
    shop["transactions"] = pd.concat([few, filler], ignore_index=True)
    return features_of(folder, shop)


def test_every_definition_is_computed_and_every_feature_is_defined(tmp_path):
    facts = features_of(tmp_path, shop_tables())[2]
    tables = {
        "customers": features.behaviour(facts.past, facts.as_of),
        "usage": features.usage(facts.past, facts.as_of),
        "products": features.selling(facts, 10),
    }
    helpers = {"customer", "level", "buyers", "change"}
    for kind, about in wording.table("features").items():
        assert set(about) == set(tables[kind].columns) - helpers


@pytest.mark.parametrize("groups", [1, 2])
def test_an_order_with_a_level_in_two_groups_is_one_order(tmp_path, groups):
    shop = shop_tables()
    goods = shop["products"]
    goods["department"] = goods.groupby("category")["department"].transform("first")
    if groups == 2:
        goods.loc[25, "department"] = "Elsewhere"  # beside 24 and 26 of category 08
    few = [(1, 901, sku, "2023-07-01 10:00", 1.0) for sku in (24, 25)]
    few.append((1, 902, 25, "2023-07-02 10:00", 1.0))
    rows = pd.DataFrame(few, columns=["client", "ticket", "sku", "at", "paid"])
    rows = rows.assign(at=pd.to_datetime(rows["at"]), units=1, saved=0.0)
    own = shop["transactions"]["client"] == 1
    shop["transactions"] = pd.concat([rows, shop["transactions"][~own]], ignore_index=True)
    facts = features_of(tmp_path, shop)[2]
    pairs = facts.past.select("level", "group").distinct()
    assert pairs.count().execute() - pairs.level.nunique().execute() == groups - 1
    bought = activity.purchases(facts).execute().set_index(["customer", "product"])
    assert bought.loc[(1, "category 08")].tolist() == [3.0, 2]


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
    data = known(write_shop(tmp_path, shop, about)).facts
    assert not data.study.usage and not data.study.money
    people, lines = features.customers(data)
    assert {"orders", "basket_items", "breadth"} <= set(people.columns)
    assert {"spend", "trend", "basket_value", "sessions"}.isdisjoint(people.columns)
    goods, more = features.products(data)
    assert list(goods.columns) == ["penetration", "repeat_rate", "orders_per_buyer", "group"]
    assert goods.notna().all(axis=None)
    words = " ".join(line["label"] + line["meaning"] for line in lines + more).lower()
    assert not any(word in words for word in ("spend", "session", "features used"))


def test_holdout_counts_from_the_cut_off_for_its_length(tmp_path):
    _, _, facts = hand(
        tmp_path,
        [
            (1, 901, 0, "2023-07-31 23:59", 1.0),
            (1, 902, 0, "2023-08-01 00:00", 2.0),
            (1, 903, 0, "2023-09-29 23:59", 4.0),
            (1, 904, 0, "2023-09-30 00:00", 8.0),
        ],
    )
    frame = activity.holdout(facts, pd.Index([1, 2], name="customer"))
    assert frame.loc[1].tolist() == [6.0, 2.0, 0.0, True]
    assert frame.loc[2].tolist() == [0.0, 0.0, 0.0, False]
    earlier = activity.before(facts, pd.Index([1], name="customer"))
    assert earlier.loc[1, "spend"] == 1.0


def test_there_is_no_holdout_before_it_has_happened(tmp_path):
    _, _, facts = hand(tmp_path, [(1, 901, 0, "2023-07-31 23:59", 1.0)])
    late = facts.at(date(2023, 10, 1))
    assert activity.holdout(late, pd.Index([1], name="customer")) is None


def test_a_group_that_the_study_names_has_a_column_at_any_date(tmp_path):
    _, _, facts = hand(tmp_path, [(1, 901, 0, "2023-07-31 23:59", 1.0)])
    reach = list(features.needs(facts.past, 1)[1].values())
    least = next(g for g in ("Bakery", "Groceries", "Gifts") if g not in reach)
    shares, labels = features.needs(facts.past, 1, [f"share_{least.lower()}"])
    assert list(labels.values()) == [least, "Other groups"]
    frame = shares.execute().set_index("customer")
    np.testing.assert_allclose(frame.sum(axis=1), 1)


# --- returns --------------------------------------------------------------------------------------


CASES = Path(__file__).parent / "cases"
DAY = pd.Timestamp("2024-04-01")
COLUMNS = {"customer": "who", "order": "number", "time": "day", "product": "item", "amount": "paid"}
LINES = [
    # who, number, days before the cut-off date, item, paid
    ("partial", "1001", 40, "Tea", 30.0),
    ("partial", "1001", 40, "Cup", 20.0),
    ("partial", "1001", 2, "Cup", -20.0),  # sent back later, under the number of the order
    ("credit", "1002", 60, "Tea", 50.0),
    ("credit", "1003", 30, "Cup", 25.0),
    ("credit", "C1004", 1, "Cup", -25.0),  # a credit note of its own
    ("reduced", "1005", 20, "Tea", 40.0),
    ("reduced", "1005", 20, "Voucher", -5.0),  # a reduction within an order
    ("exchange", "1006", 50, "Tea", 12.0),
    ("exchange", "1007", 10, "Tea", -12.0),
    ("exchange", "1007", 10, "Cup", 15.0),  # an exchange holds a purchase
    ("free", "1008", 5, "Sample", 0.0),  # no money, and an order
    ("returner", "C1009", 15, "Tea", -60.0),  # bought before the data begin
    ("returner", "C1010", -5, "Tea", -10.0),
    ("credit", "C1011", -3, "Tea", -50.0),  # after the cut-off date
    ("partial", "1012", -4, "Tea", 30.0),
]
EXPECTED = {
    # orders, spend, recency, tenure, lines an order, categories
    "partial": (1, 30, 40, 40, 2, 2),
    "credit": (2, 50, 30, 60, 1, 2),
    "reduced": (1, 35, 20, 20, 1, 1),
    "exchange": (2, 15, 10, 50, 1, 2),
    "free": (1, 0, 5, 5, 1, 1),
}


def lines():
    frame = pd.DataFrame(LINES, columns=["who", "number", "ago", "item", "paid"])
    return frame.assign(day=DAY - pd.to_timedelta(frame.pop("ago"), "D"))


def filler(n=40):
    """Return customers with one order each, so that there are enough to describe."""
    rows = [(f"c{i}", f"{2000 + i}", DAY - pd.Timedelta(days=70 + i % 9), "Tea", 10.0)
            for i in range(n)]  # fmt: skip
    return pd.DataFrame(rows, columns=["who", "number", "day", "item", "paid"])


def facts(folder, frame, columns=COLUMNS, more=None, **changes):
    """Return what the engine holds of transactions, and the checks by name."""
    frame.to_parquet(folder / "rows.parquet")
    rows = {"source": "rows.parquet", "columns": dict(columns)} | (more or {})
    as_of = min(DAY, frame["day"].max() + pd.Timedelta(days=1))
    raw = {"title": "t", "objective": "o", "as_of": f"{as_of:%Y-%m-%d}", "holdout": "5 days",
           "minimum_cell": 1, "tables": {"transactions": rows}} | changes  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(raw))
    found = known(folder / "study.yaml")
    return found.facts, {c["kind"]: c for c in found.checks}


@pytest.fixture(scope="module")
def netted(tmp_path_factory):
    frame = pd.concat([lines(), filler()], ignore_index=True)
    return facts(tmp_path_factory.mktemp("returns"), frame)


def test_a_return_is_no_order_no_visit_and_no_start_and_lowers_the_money(netted):
    frame, _ = features.customers(netted[0])
    names = ["orders", "spend", "recency", "tenure", "basket_items", "breadth"]
    assert {who: tuple(frame.loc[who, names]) for who in EXPECTED} == EXPECTED
    assert frame.loc["credit", "basket_value"] == 25
    assert frame["trend"].loc["credit"] == 1  # all of it lies within 91 days


def test_who_only_returned_is_counted_and_no_customer(netted):
    frame, _ = features.customers(netted[0])
    assert "returner" not in frame.index
    check = netted[1]["customer with returns only"]
    assert (check["failing"], check["rows"], check["of"]) == (1, 46, "customers")
    assert check["action"].startswith("left out of the customers")


def test_rows_of_returns_are_counted_by_what_tells_them(netted):
    counts = {kind: check["failing"] for kind, check in netted[1].items()}
    assert counts["return"] == counts["negative amount"] == 7
    assert counts["order number of a credit note, such as C before figures"] == 4


def test_a_product_has_as_buyers_who_kept_or_returned_a_purchase_of_it(netted):
    frame, _ = features.products(netted[0])
    tea = frame.loc["Tea"]
    assert tea["penetration"] == pytest.approx(44 / 45)  # all customers but free; not the returner
    assert tea["spend_per_buyer"] == pytest.approx((400 + 30 + 50 + 40 + 0) / 44)
    bought = activity.purchases(netted[0]).execute().set_index(["customer", "product"])
    assert bought.loc[("returner", "Tea"), "orders"] == 0
    assert "Voucher" not in frame.index


def test_credit_notes_of_positive_amounts_are_taken_off(tmp_path):
    frame = pd.concat([lines(), filler()], ignore_index=True)
    credit = frame["number"].str.startswith("C")
    frame.loc[credit, "paid"] *= -1
    held, checks = facts(tmp_path, frame)
    people = features.customers(held)[0]
    assert people.loc["credit", ["orders", "spend"]].tolist() == [2, 50]
    assert checks["return"]["failing"] == 7


@pytest.mark.parametrize("number", ["{}{:05d}", "{}A{:04x}"])
def test_numbers_that_begin_with_many_letters_are_no_credit_notes(tmp_path, number):
    frame = filler(60)
    frame["number"] = [number.format("ABCDEF"[i % 6], i) for i in range(60)]
    held, checks = facts(tmp_path, frame)
    assert checks["return"]["failing"] == 0
    assert len(features.customers(held)[0]) == 60


KNOWN = ["orders", "spend", "tenure", "recency"]


def states(folder, state, key, sign=1):
    """Return what is known where order 1003 has a credit row of the state, and the checks."""
    frame = pd.concat([lines(), filler()], ignore_index=True).assign(state="Paid")
    note = frame["number"] == "C1004"  # beside the sale 1003
    frame.loc[note, "number"] = "1004"
    frame.loc[note, "state"] = state
    frame.loc[note, "paid"] = 25.0 * sign
    return facts(folder, frame, COLUMNS | {"status": "state"}, {key: [state.lower()]})


@pytest.mark.parametrize("sign", [1, -1])
def test_rows_that_a_status_calls_refunds_are_taken_off_whatever_their_sign(tmp_path, sign):
    held, checks = states(tmp_path, "Refund", "returned", sign)
    people = features.customers(held)[0]
    assert people.loc["credit", KNOWN].tolist() == [2, 50, 60, 30]
    check = checks["status that says that a line was returned"]
    assert (check["failing"], check["action"]) == (1, "a return, netted against purchases")
    assert "counted as 0" not in " ".join(c["action"] for c in checks.values())
    assert checks["return"]["failing"] == 7


def test_cancelled_sales_count_as_0_and_are_said_as_such(tmp_path):
    held, checks = states(tmp_path, "Cancelled", "cancelled")
    people = features.customers(held)[0]
    assert people.loc["credit", KNOWN].tolist() == [2, 75, 60, 30]
    check = checks["status that says that a sale was cancelled"]
    said = "no order and no visit, its amount counts as 0"
    assert (check["failing"], check["action"]) == (1, said)
    assert checks["return"]["failing"] == 6
    assert checks["customer with returns or cancelled sales only"]["failing"] == 1


def test_what_is_called_cancelled_and_is_negative_already_is_netted_as_it_is(tmp_path):
    held, checks = states(tmp_path, "Cancelled", "cancelled", -1)
    assert features.customers(held)[0].loc["credit", ["orders", "spend"]].tolist() == [2, 50]
    assert checks["status that says that a sale was cancelled"]["failing"] == 0
    assert checks["return"]["failing"] == 7


def test_a_value_of_a_status_is_a_return_or_a_cancelled_sale(tmp_path):
    columns, both = COLUMNS | {"status": "item"}, {"returned": ["Tea"], "cancelled": ["tea"]}
    with pytest.raises(study.StudyError, match="'tea' stands under `returned` and `cancelled`"):
        facts(tmp_path, filler(), columns, both)


def test_a_status_and_its_values_are_named_together(tmp_path):
    with pytest.raises(study.StudyError, match=r"`columns\.status`.* together with `returned`"):
        facts(tmp_path, filler(), COLUMNS | {"status": "item"})
