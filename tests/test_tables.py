import pytest
import yaml
from worlds import shop_study, shop_tables, write_shop

from seglib import study
from seglib.collection import reading, tables
from seglib.study import StudyError

COUNTS = {
    "transactions": 1_469_307, "customers": 801, "products": 92_331, "campaigns": 6_589,
    "responses": 2_102,
}  # fmt: skip


@pytest.fixture(scope="module")
def journey():
    return tables.open_tables(study.load("complete_journey"))


def test_the_complete_journey_has_the_rows_it_is_known_for(journey):
    assert {name: table.count().execute() for name, table in journey.items()} == COUNTS


def test_the_complete_journey_has_the_households_it_is_known_for(journey):
    sold, sent = journey["transactions"], journey["campaigns"]
    assert sold.customer.nunique().execute() == 2_469
    assert sold.order.nunique().execute() == 155_848
    assert sent.customer.nunique().execute() == 1_559
    assert sent.campaign.nunique().execute() == 27
    assert journey["products"].level.nunique().execute() == 303


def test_times_are_those_of_the_customers(journey):
    first, last = journey["transactions"].time.min(), journey["transactions"].time.max()
    assert str(first.execute()) == "2017-01-01 06:53:26"  # stored as 11:53:26 UTC
    assert str(last.execute()) == "2017-12-31 23:01:20"


def changed(folder, change):
    raw = shop_study()
    change(raw["tables"])
    return write_shop(folder, study=raw)


def refusal(path):
    with pytest.raises(StudyError) as caught:
        tables.open_tables(study.load(path))
    return str(caught.value)


def test_columns_take_the_names_of_their_roles(shop):
    opened = tables.open_tables(study.load(shop))
    assert opened["transactions"].columns == (
        "customer", "time", "order", "product", "amount", "quantity", "discount",
    )  # fmt: skip
    assert opened["customers"].columns == ("customer", "age")


def test_listed_columns_are_added_up(tmp_path):
    def change(raw):
        raw["transactions"]["columns"]["discount"] = ["saved", "saved"]

    opened = tables.open_tables(study.load(changed(tmp_path, change)))
    table = opened["transactions"]
    once = shop_tables()["transactions"]["saved"].sum()
    assert float(table.discount.sum().execute()) == pytest.approx(2 * once)


def test_lookup_adds_the_columns_of_a_second_file(tmp_path):
    def change(raw):
        raw["campaigns"]["lookup"] = {"source": "raw/kinds.csv", "key": "mailing"}
        raw["campaigns"]["columns"]["type"] = "kind"

    path = changed(tmp_path, change)
    (path.parent / "raw/kinds.csv").write_text("mailing,kind\n1,letter\n2,card\n")
    table = tables.open_tables(study.load(path))["campaigns"]
    kinds = table.group_by("campaign").agg(kind=table.type.min()).execute()
    assert dict(zip(kinds["campaign"], kinds["kind"], strict=True)) == {1: "letter", 2: "card"}


def test_a_mistaken_table_is_checked_for_what_is_right_in_it(shop):
    raw = yaml.safe_load(shop.read_text())["tables"]
    raw["customers"]["columns"] = {"client": "x"}
    raw["products"] |= {"source": "raw/product.parquet", "colour": "red"}
    raw["transactions"]["columns"] |= {"amount": "payed", "time": 3, "discount": ["saved", "sved"]}
    raw["campaigns"]["attributes"] = {"weight": 3}
    raw["responses"] = "nothing"
    found = tables.problems(raw, shop)
    assert [line.split(": ")[0] for line in found] == [
        "tables.transactions.columns.amount",
        "tables.transactions.columns.discount",
        "tables.products.source",
        "tables.campaigns.attributes.weight",
    ]


def test_columns_of_a_mistaken_lookup_are_not_called_unknown(shop):
    raw = yaml.safe_load(shop.read_text())["tables"]
    raw["campaigns"]["lookup"] = {"source": "raw/kinds.csv"}
    raw["campaigns"]["columns"]["type"] = "kind"
    assert tables.problems(raw, shop) == []


def retyped(folder, table, column, values):
    """Write a shop in which a column of a table is replaced."""
    shop = shop_tables()
    shop[table][column] = values(shop[table][column])
    return write_shop(folder, tables=shop)


def first_is(value):
    def change(column):
        text = column.astype(str).astype(object)
        text.iloc[0], text.iloc[1] = value, None
        return text

    return change


@pytest.mark.parametrize(
    ("table", "column", "key", "what"),
    [
        ("transactions", "paid", "amount", "numbers"),
        ("transactions", "units", "quantity", "numbers"),
        ("transactions", "saved", "discount", "numbers"),
        ("campaigns", "day", "start", "dates or times"),
    ],
)
def test_text_that_is_not_of_its_role_is_counted_and_shown(tmp_path, table, column, key, what):
    path = retyped(tmp_path, table, column, first_is("n/a"))
    text = refusal(path)
    assert f"tables.{table}.columns.{key}: column {column!r} is text and 1 of its " in text
    assert f"values are not {what}, such as 'n/a'; expected {what}" in text


def test_text_that_reads_as_numbers_and_times_is_accepted(tmp_path):
    shop = shop_tables()
    sold = shop["transactions"]
    shop["transactions"] = sold.assign(paid=sold["paid"].astype(str), at=sold["at"].astype(str))
    opened = tables.open_tables(study.load(write_shop(tmp_path, tables=shop)))
    total = opened["transactions"].amount.sum().execute()
    assert float(total) == pytest.approx(sold["paid"].sum())


def test_numbers_are_no_times_and_times_no_numbers(tmp_path):
    path = retyped(tmp_path, "transactions", "at", lambda column: 20230101)
    raw = yaml.safe_load(path.read_text())["tables"]
    raw["transactions"]["columns"]["quantity"] = "sku"
    raw["campaigns"]["columns"]["end"] = "mailing"
    found = tables.problems(raw, path)
    assert found == [
        "tables.transactions.columns.time: column 'at' holds int64, expected dates or times",
        "tables.campaigns.columns.end: column 'mailing' holds int64, expected dates or times",
    ]


def test_columns_of_the_right_type_are_not_read(shop, monkeypatch):
    monkeypatch.setattr(reading, "row", lambda *given: pytest.fail("was read"))
    assert tables.problems(shop_study()["tables"], shop) == []


@pytest.mark.parametrize("amount", [float("inf"), float("nan"), 1e20])
def test_an_amount_beyond_all_money_is_missing(tmp_path, amount):
    shop = shop_tables()
    shop["transactions"].loc[0, "paid"] = amount
    found = tables.open_tables(study.load(write_shop(tmp_path, tables=shop)))["transactions"]
    assert found.amount.isnull().sum().execute() == 1
    assert float(found.amount.max().execute()) < 100


def test_a_text_beyond_all_money_is_named(tmp_path):
    path = retyped(tmp_path, "transactions", "paid", first_is("12345678901234567890"))
    assert "such as '12345678901234567890'; expected numbers" in refusal(path)


@pytest.mark.parametrize("kind", ["float64", "string"])
def test_ids_that_a_tool_wrote_as_fractions_meet_whole_ones(tmp_path, kind):
    shop = shop_tables()
    shop["transactions"]["client"] = shop["transactions"]["client"].astype(kind)
    found = tables.open_tables(study.load(write_shop(tmp_path, tables=shop)))
    kinds = {found[name].customer.type().is_string() for name in ("transactions", "customers")}
    assert kinds == {kind == "string"}
    both = found["transactions"].customer.isin(found["customers"].customer)
    assert both.mean().execute() == 1
