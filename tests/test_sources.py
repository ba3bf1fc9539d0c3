"""Rows from files of every kind and layout become tables by role."""

import csv

import duckdb
import openpyxl
import pandas as pd
import pytest
import yaml
from worlds import shop_study, shop_tables, write_shop

from seglib import runs, study
from seglib.collection import reading, sources, tables
from seglib.formats import Format

ROWS = pd.DataFrame(
    {
        "Kunde": [1, 2, None, 3],
        "Größe": ["S; klein", "Größe €", "", 'mit "Zoll"'],
        "Datum": ["31/01/2023 17:05", "01/02/2023 08:00", "28/02/2023 23:59", "01/03/2023 00:00"],
        "Betrag": ["1.234,50", "-3,00", "0,99", "12"],
    }
).astype({"Kunde": "Int64"})
PAID = [1234.5, -3.0, 0.99, 12.0]


def text_file(path, delimiter=";", encoding="utf-8", frame=ROWS):
    frame.to_csv(path, sep=delimiter, encoding=encoding, index=False, quoting=csv.QUOTE_MINIMAL)
    return path


def opened(path, **given):
    return sources.Sources(path.parent, runs.engine()).open(path.name, Format(**given))


def values(table, column):
    return table[column].to_pyarrow().to_pylist()


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(";", "utf-8"), (",", "utf-8-sig"), ("\t", "utf-16")]
)
def test_text_is_read_in_any_usual_layout(tmp_path, delimiter, encoding):
    found = opened(text_file(tmp_path / "a.csv", delimiter, encoding)).table
    assert found.columns == tuple(ROWS.columns)
    assert values(found, "Größe") == ["S; klein", "Größe €", None, 'mit "Zoll"']


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_no_copy_of_rows_is_left_beside_an_open_table(tmp_path, monkeypatch, encoding):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    found = opened(text_file(tmp_path / "a.csv", ";", encoding), encoding=encoding).table
    assert list((tmp_path / "temporary").iterdir()) == []
    assert values(found, "Betrag") == ["1.234,50", "-3,00", "0,99", "12"]


WRITTEN = {
    # encoding: what is written in it, each in files of its own
    "cp1252": ["Größe Köln", "Orléans Besançon", "Año Muñoz José", "Malmö Växjö", "Men’s Women’s"],
    "cp1250": ["łódzkie śląskie", "Plzeň České Budějovice Šárka"],
    "cp1251": ["Москва Санкт-Петербург"], "cp932": ["東京都 北海道", "商品 コーヒー サイズ 数量"],
    "gb18030": ["北京 广东 上海 订单 客户"],
}  # fmt: skip


@pytest.mark.parametrize("encoding", WRITTEN)
def test_the_likeliest_encoding_of_letters_comes_first(tmp_path, encoding):
    for words in WRITTEN[encoding]:
        (tmp_path / "a.csv").write_bytes(f"id,x\n1,{words}\n2,{words}\n".encode(encoding))
        likeliest, question = sources.Sources(tmp_path, runs.engine()).encoding("a.csv")
        assert likeliest == encoding and f"format: {{encoding: {encoding}}}" in question
        assert values(opened(tmp_path / "a.csv", encoding=encoding).table, "x") == [words] * 2


def test_letters_that_are_not_utf8_are_refused_until_the_study_says_what_they_are(tmp_path):
    shop, raw = shop_tables(), shop_study()
    path = write_shop(tmp_path, tables=shop, study=raw)
    shop["customers"].assign(town="x").to_csv(path.parent / "raw/c.csv", index=False)
    with (path.parent / "raw/c.csv").open("ab") as file:
        file.write("999,1,40,Muñoz\n".encode("cp1252"))  # far into the file
    raw["tables"]["customers"]["source"] = "raw/c.csv"
    (said,) = tables.problems(raw["tables"], path)
    assert "c.csv is not UTF-8 and reads as 'ñ' by cp1252" in said
    raw["tables"]["customers"]["format"] = {"encoding": "cp1252"}
    assert tables.problems(raw["tables"], path) == []


def test_decimal_commas_and_days_first_are_told_from_the_values(tmp_path):
    found = opened(text_file(tmp_path / "a.csv")).table
    read, table = reading.look(found, {"Betrag": reading.NUMBER, "Datum": reading.TIME}, Format())
    assert (read["Betrag"].marks, read["Datum"].marks) == ((",",), ("DMY",))
    paid = table[read["Betrag"].name].cast("float64").name("x")
    assert paid.to_pyarrow().to_pylist() == PAID
    when = table[read["Datum"].name].name("x").to_pyarrow().to_pylist()
    assert [str(t) for t in when[:2]] == ["2023-01-31 17:05:00", "2023-02-01 08:00:00"]


@pytest.mark.parametrize(
    ("first", "later", "what", "marks"),
    [
        ("5", "1,234", reading.NUMBER, (".", ",")),
        ("", "1,5", reading.NUMBER, (",",)),
        ("2.5", "3,75", reading.NUMBER, (".",)),
        ("02/02/2023", "03/04/2023", reading.TIME, ("DMY", "MDY")),
        ("02/02/2023", "03/14/2023", reading.TIME, ("MDY",)),
        ("2023-02-02", "03/04/2023", reading.TIME, ("DMY", "MDY")),
    ],
)
def test_what_the_first_rows_leave_open_is_told_by_all_or_asked(first, later, what, marks):
    table = texts(*[first] * reading.FIRST, later).as_table()
    read = reading.look(table, {"x": what}, Format())[0]["x"]
    assert read.marks == marks
    assert read.example == (later if len(marks) > 1 or read.failed else "")


def test_lines_above_the_names_and_quoted_lines_are_no_rows(tmp_path):
    text = 'Report of May\n\na,b,c\n1,"two\nlines",3\n4,5,6\n'
    (tmp_path / "a.csv").write_text(text)
    found = opened(tmp_path / "a.csv").table
    assert values(found, "b") == ["two\nlines", "5"]


def test_files_of_a_glob_are_one_table_whatever_their_order_of_columns(tmp_path):
    text_file(tmp_path / "2022.csv", ";")
    text_file(tmp_path / "2023.csv", ",", "utf-16", ROWS[ROWS.columns[::-1]])
    found = sources.Sources(tmp_path, runs.engine()).open("20*.csv").table
    assert found.count().execute() == 8
    assert sorted(values(found, "Betrag")) == sorted(ROWS["Betrag"].tolist() * 2)


def test_what_stands_for_nothing_is_missing(tmp_path):
    text_file(tmp_path / "a.csv", frame=ROWS.replace("12", "n/a"))
    assert values(opened(tmp_path / "a.csv", missing="n/a").table, "Betrag")[3] is None


def few_sales():
    return shop_tables() | {"transactions": shop_tables()["transactions"][::30]}


def shop_as(folder, kind):
    """Write the shop with tables of another kind and return the path of its study."""
    shop, raw = few_sales(), shop_study()
    for table in shop.values():
        for column in table.select_dtypes("datetime"):
            table[column] = table[column].astype("datetime64[us]")
    path = write_shop(folder, tables=shop, study=raw)
    place = path.parent / "raw"
    for name, table in shop.items():
        raw["tables"][name]["source"] = KINDS[kind](place, name, table)
    write_shop(folder / "again", tables={}, study=raw)
    path.write_text((folder / "again/data/shop/study.yaml").read_text())
    return path


def messy(place, name, table):
    """Write a table as a shop's export: semicolons, Latin-1, decimal commas, days first."""
    table = table.copy()
    for column in table.select_dtypes("datetime"):
        table[column] = table[column].dt.strftime("%d/%m/%Y %H:%M:%S")
    table.to_csv(place / f"{name}.csv", sep=";", decimal=",", encoding="latin-1", index=False)
    return f"raw/{name}.csv"


def lines(place, name, table):
    table.to_json(place / f"{name}.jsonl", orient="records", lines=True, date_format="iso")
    return f"raw/{name}.jsonl"


def in_duckdb(place, name, table):
    with duckdb.connect(str(place / "shop.duckdb")) as connection:
        connection.register("frame", table)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
    return f"raw/shop.duckdb#{name}"


def excel(place, name, table):
    path = place / "shop.xlsx"
    book = openpyxl.load_workbook(path) if path.exists() else openpyxl.Workbook()
    sheet = book.create_sheet(name)
    sheet.append(list(table.columns))
    for row in table.astype(object).where(table.notna(), None).itertuples(index=False):
        sheet.append([cell.to_pydatetime() if hasattr(cell, "to_pydatetime") else cell
                      for cell in row])  # fmt: skip
    book.save(path)
    return f"raw/shop.xlsx#{name}"


KINDS = {"messy CSV": messy, "JSON lines": lines, "DuckDB": in_duckdb, "Excel": excel}


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_opens_the_same_tables_whatever_holds_them(tmp_path, kind):
    expected = tables.open_tables(study.load(write_shop(tmp_path, few_sales())))
    found = tables.open_tables(study.load(shop_as(tmp_path / "other", kind)))
    for name, table in expected.items():
        one, other = (
            t.execute().sort_values(list(t.columns)).reset_index(drop=True)
            for t in (table, found[name])
        )
        pd.testing.assert_frame_equal(one, other, check_dtype=False)
        assert [t.is_string() for t in table.schema().types] == [
            t.is_string() for t in found[name].schema().types
        ]


def test_ids_with_leading_zeros_stay_text_and_meet_their_like(tmp_path):
    shop, raw = shop_tables(), shop_study()
    padded = shop["transactions"].assign(client=shop["transactions"]["client"].map("{:05d}".format))
    path = write_shop(tmp_path, tables=shop, study=raw)
    padded.to_csv(path.parent / "raw/t.csv", index=False)
    raw["tables"]["transactions"]["source"] = "raw/t.csv"
    write_shop(tmp_path / "x", tables={}, study=raw)
    path.write_text((tmp_path / "x/data/shop/study.yaml").read_text())
    found = tables.open_tables(study.load(path))
    assert found["transactions"].customer.min().execute() == "00001"
    assert found["customers"].customer.type().is_string()  # else they could not be compared


NUMBERS = {
    # text: (with a decimal point, with a decimal comma)
    "1": (1, 1), "-2.5": (-2.5, None), "1,234.50": (1234.5, None), "1.234,50": (None, 1234.5),
    "1,234": (1234, 1.234), "0,123": (None, 0.123), "1.234.567": (None, 1234567), "€ 5": (5, 5),
    "$1,000": (1000, 1), "(12)": (-12, -12), "7-": (-7, -7), "−4": (-4, -4), "CHF 3.1": (3.1, None),
    "1'234": (1234, 1234), "12 34": (None, None), "n/a": (None, None), "": (None, None),
    "1e3": (1000, 1000), "1,2,3": (None, None), ".5": (0.5, None), "5,": (None, 5),
}  # fmt: skip
TIMES = {
    # text: (order, what is read)
    "31/12/2023": ("DMY", "2023-12-31 00:00:00"), "12/31/2023": ("MDY", "2023-12-31 00:00:00"),
    "31.12.99 7:05": ("DMY", "1999-12-31 07:05:00"), "29/02/2024": ("DMY", "2024-02-29 00:00:00"),
    "29/02/2023": ("DMY", None), "31/04/2023": ("DMY", None),
    "1/2/23": ("DMY", "2023-02-01 00:00:00"),
    "1/2/2023 12:30 AM": ("MDY", "2023-01-02 00:30:00"),
    "1/2/2023 12:30 pm": ("MDY", "2023-01-02 12:30:00"),
    "2023-12-31T23:30:00-01:00": ("YMD", "2024-01-01 00:30:00"),
    "2023-12-31 23:30:00Z": ("DMY", "2023-12-31 23:30:00"),
    "20231231": ("YMD", "2023-12-31 00:00:00"),
    "2023-12-31 24:00": ("YMD", None),
    "13/13/2023": ("DMY", None), "yesterday": ("YMD", None), "1/2/3": ("DMY", None),
    "2023/12/31 1:02:03 PM GMT+1": ("YMD", "2023-12-31 12:02:03"),
    "05 Jan 2022": ("NAMED", "2022-01-05 00:00:00"),
    "5-DEC-99": ("NAMED", "1999-12-05 00:00:00"),
    "January 5, 2022": ("NAMED", "2022-01-05 00:00:00"),
    "3. Mär 2022": ("NAMED", "2022-03-03 00:00:00"),
    "1st of Sept. 2022": ("NAMED", "2022-09-01 00:00:00"),
    "1er août 2022": ("NAMED", "2022-08-01 00:00:00"),
    "30/Apr/2022": ("NAMED", "2022-04-30 00:00:00"),
    "Jan 5, 2022, 10:33 PM": ("NAMED", "2022-01-05 22:33:00"),
    "Wed, 05 Jan 2022 10:11:12 +0200": ("NAMED", "2022-01-05 08:11:12"),
    "5 de enero de 2022 07:05": ("NAMED", "2022-01-05 07:05:00"),
    "January 5, 2022 at 7:05 am": ("NAMED", "2022-01-05 07:05:00"),
    "31 Feb 2022": ("NAMED", None), "5 Foo 2022": ("NAMED", None), "05/01/2022": ("NAMED", None),
    "1641378720": ("unix", "2022-01-05 10:32:00"),
    "1641378720500": ("unix_ms", "2022-01-05 10:32:00"),
    "44566.5": ("excel", "2022-01-05 12:00:00"), "44566": ("excel", "2022-01-05 00:00:00"),
    "9999999999": ("unix", None), "x": ("unix", None),
}  # fmt: skip


def test_numbers_are_read_by_their_decimal_mark():
    for place, mark in enumerate(".,"):
        read = reading.number(texts(*NUMBERS), mark).name("x").to_pyarrow().to_pylist()
        numbers = [None if value is None else float(value) for value in read]
        assert numbers == [expected[place] for expected in NUMBERS.values()]


@pytest.mark.parametrize("order", sorted({order for order, _ in TIMES.values()}))
def test_times_are_read_by_their_order_or_not_at_all(order):
    written = {text: expected for text, (way, expected) in TIMES.items() if way == order}
    read = reading.moment(texts(*written), order).name("x").to_pyarrow().to_pylist()
    assert [value and str(value) for value in read] == [*written.values()]


def texts(*values):
    import ibis  # noqa: PLC0415

    return ibis.memtable({"x": list(values)}, schema={"x": "string"}).x


# --- tables ---------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("amount", [float("inf"), float("nan"), 1e20])
def test_an_amount_beyond_all_money_is_missing(tmp_path, amount):
    shop = shop_tables()
    shop["transactions"].loc[0, "paid"] = amount
    found = tables.open_tables(study.load(write_shop(tmp_path, tables=shop)))["transactions"]
    assert found.amount.isnull().sum().execute() == 1
    assert float(found.amount.max().execute()) < 100


def test_times_with_a_zone_in_nanoseconds_and_empty_columns_are_read(tmp_path):
    shop = shop_tables()
    sold = shop["transactions"].assign(saved=None)
    sold["at"] = sold["at"].astype("datetime64[ns]").dt.tz_localize("Europe/Berlin")
    shop["transactions"] = sold
    found = tables.open_tables(study.load(write_shop(tmp_path, tables=shop)))["transactions"]
    assert found.time.min().execute() == sold["at"].min().tz_convert("UTC").tz_localize(None)
    assert found.discount.count().execute() == 0


@pytest.mark.parametrize("kind", ["float64", "string"])
def test_ids_that_a_tool_wrote_as_fractions_meet_whole_ones(tmp_path, kind):
    shop = shop_tables()
    shop["transactions"]["client"] = shop["transactions"]["client"].astype(kind)
    found = tables.open_tables(study.load(write_shop(tmp_path, tables=shop)))
    kinds = {found[name].customer.type().is_string() for name in ("transactions", "customers")}
    assert kinds == {kind == "string"}
    both = found["transactions"].customer.isin(found["customers"].customer)
    assert both.mean().execute() == 1
