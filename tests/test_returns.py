"""Returns lower the money and are no orders, visits or customers, wherever these are counted."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from seglib import explore, runs, study
from seglib.collection import activity, audit, features, tables

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
    loaded = study.load(folder / "study.yaml")
    clean, checks = audit.audit(loaded, tables.open_tables(loaded), loaded.as_of)
    known = activity.facts(loaded, clean, loaded.as_of)
    return known, {c["kind"]: c for c in checks}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    frame = pd.concat([lines(), filler()], ignore_index=True)
    return facts(tmp_path_factory.mktemp("returns"), frame)


def test_a_return_is_no_order_no_visit_and_no_start_and_lowers_the_money(known):
    frame, _ = features.customers(known[0])
    names = ["orders", "spend", "recency", "tenure", "basket_items", "breadth"]
    assert {who: tuple(frame.loc[who, names]) for who in EXPECTED} == EXPECTED
    assert frame.loc["credit", "basket_value"] == 25
    assert frame["trend"].loc["credit"] == 1  # all of it lies within 91 days


def test_who_only_returned_is_counted_and_no_customer(known):
    frame, _ = features.customers(known[0])
    assert "returner" not in frame.index
    check = known[1]["customer with returns only"]
    assert (check["failing"], check["rows"], check["of"]) == (1, 46, "customers")
    assert check["action"].startswith("left out of the customers")


def test_rows_of_returns_are_counted_by_what_tells_them(known):
    counts = {kind: check["failing"] for kind, check in known[1].items()}
    assert counts["return"] == counts["negative amount"] == 7
    assert counts["order number of a credit note, such as C before figures"] == 4


def test_whoever_only_returns_after_the_date_is_not_active(known):
    after = activity.holdout(known[0], pd.Index(["partial", "credit"]))
    assert after["orders"].tolist() == [1, 0] and after["active"].tolist() == [True, False]
    assert after["spend"].tolist() == [30, -50]


def test_months_of_returns_have_money_and_nobody_active(known, tmp_path):
    run = runs.Run(known[0].study, DAY.date(), tmp_path, 1)
    run.write("monthly.parquet", activity.monthly(known[0]))
    run.write("extent.json", {"first": "2024-01-01", "last": "2024-06-30", "history": 91})
    rows = run.read("monthly.parquet").set_index(["customer", "month"])
    assert rows.loc[("returner", "2024-03-01"), ["orders", "spend"]].tolist() == [0, -60]
    seen = explore.months(run).loc["2024-03-01"]
    bought = lines().query("paid >= 0 and '2024-03-01' <= day < '2024-04-01'")
    assert (seen["customers"], seen["orders"]) == (bought["who"].nunique(), 4)
    assert explore.cohorts(run).reset_index()["n"].sum() == 45


def test_a_product_has_as_buyers_who_kept_or_returned_a_purchase_of_it(known):
    frame, _ = features.products(known[0])
    tea = frame.loc["Tea"]
    assert tea["penetration"] == pytest.approx(44 / 45)  # all customers but free; not the returner
    assert tea["spend_per_buyer"] == pytest.approx((400 + 30 + 50 + 40 + 0) / 44)
    bought = activity.purchases(known[0]).execute().set_index(["customer", "product"])
    assert bought.loc[("returner", "Tea"), "orders"] == 0
    assert "Voucher" not in frame.index


def test_credit_notes_of_positive_amounts_are_taken_off(tmp_path):
    frame = pd.concat([lines(), filler()], ignore_index=True)
    credit = frame["number"].str.startswith("C")
    frame.loc[credit, "paid"] *= -1
    known, checks = facts(tmp_path, frame)
    people = features.customers(known)[0]
    assert people.loc["credit", ["orders", "spend"]].tolist() == [2, 50]
    assert checks["return"]["failing"] == 7


@pytest.mark.parametrize("number", ["{}{:05d}", "{}A{:04x}"])
def test_numbers_that_begin_with_many_letters_are_no_credit_notes(tmp_path, number):
    frame = filler(60)
    frame["number"] = [number.format("ABCDEF"[i % 6], i) for i in range(60)]
    known, checks = facts(tmp_path, frame)
    assert checks["return"]["failing"] == 0
    assert len(features.customers(known)[0]) == 60


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
    known, checks = states(tmp_path, "Refund", "returned", sign)
    people = features.customers(known)[0]
    assert people.loc["credit", KNOWN].tolist() == [2, 50, 60, 30]
    check = checks["status that says that a line was returned"]
    assert (check["failing"], check["action"]) == (1, "a return, netted against purchases")
    assert "counted as 0" not in " ".join(c["action"] for c in checks.values())
    assert checks["return"]["failing"] == 7


def test_cancelled_sales_count_as_0_and_are_said_as_such(tmp_path):
    known, checks = states(tmp_path, "Cancelled", "cancelled")
    people = features.customers(known)[0]
    assert people.loc["credit", KNOWN].tolist() == [2, 75, 60, 30]
    check = checks["status that says that a sale was cancelled"]
    said = "no order and no visit, its amount counts as 0"
    assert (check["failing"], check["action"]) == (1, said)
    assert checks["return"]["failing"] == 6
    assert checks["customer with returns or cancelled sales only"]["failing"] == 1


def test_what_is_called_cancelled_and_is_negative_already_is_netted_as_it_is(tmp_path):
    known, checks = states(tmp_path, "Cancelled", "cancelled", -1)
    assert features.customers(known)[0].loc["credit", ["orders", "spend"]].tolist() == [2, 50]
    assert checks["status that says that a sale was cancelled"]["failing"] == 0
    assert checks["return"]["failing"] == 7


def test_a_value_of_a_status_is_a_return_or_a_cancelled_sale(tmp_path):
    columns, both = COLUMNS | {"status": "item"}, {"returned": ["Tea"], "cancelled": ["tea"]}
    with pytest.raises(study.StudyError, match="'tea' stands under `returned` and `cancelled`"):
        facts(tmp_path, filler(), columns, both)


def test_a_status_and_its_values_are_named_together(tmp_path):
    with pytest.raises(study.StudyError, match=r"`columns\.status`.* together with `returned`"):
        facts(tmp_path, filler(), COLUMNS | {"status": "item"})


def test_checks_count_all_rows_and_say_what_was_done_of_those_that_are_kept(tmp_path):
    frame = filler(300).assign(paid=10.0)
    frame.loc[:99, "paid"] = 0.0
    frame.loc[:94, "who"] = None
    _, checks = facts(tmp_path, frame, limits={"copies": 1})
    zero = checks["zero amount"]
    assert (zero["rows"], zero["failing"]) == (300, 100)
    assert zero["action"] == "95 dropped for another reason; the others: kept, adds no money"


def test_many_units_are_not_called_a_weight(tmp_path):
    frame = filler().assign(units=[500] * 20 + [1] * 20)
    _, checks = facts(tmp_path, frame, COLUMNS | {"quantity": "units"})
    assert checks["more than 100 units in a line"]["action"] == "kept, not used for prices"


def test_documents_that_a_status_calls_credit_memos_are_taken_off_once(tmp_path):
    frame = pd.concat([lines(), filler()], ignore_index=True).assign(kind="Invoice")
    credit = frame["number"].str.startswith("C")
    frame.loc[credit, "kind"] = "Credit memo"
    frame.loc[credit, "paid"] *= -1  # as positive amounts, and numbered as orders are
    frame.loc[credit, "number"] = frame.loc[credit, "number"].str.replace("C", "9")
    columns = COLUMNS | {"status": "kind"}
    known, _ = facts(tmp_path, frame, columns, {"returned": ["credit memo"]})
    people = features.customers(known)[0]
    assert people.loc["credit", ["orders", "spend"]].tolist() == [2, 50]
    assert "returner" not in people.index
