"""What seglib new makes of tables: roles by name and by value, a question wherever it guesses."""

import ast
from pathlib import Path
from string import Formatter

import ibis
import numpy as np
import openpyxl
import pandas as pd
import pytest
import yaml

from seglib import cli, study
from seglib.collection import answers, columns, draft, roles, tables
from seglib.collection.sources import Source
from seglib.formats import Format
from seglib.study import StudyError

N = 240


class Guessed:
    """The tables of a study as they are guessed, by kind, and all that is asked about them."""

    def __init__(self, guesses):
        self.kinds = {guess.kind: guess for guess in guesses}
        self.main = guesses[0]
        self.roles = self.main.roles
        self.asked = "\n".join(doubt for guess in guesses for doubt in guess.doubts)


def guess(*frames):
    """Return what tables in memory seem to be."""
    looked = [
        columns.profile(f"{i}.csv", Source(ibis.memtable(frame), True, Format()))
        for i, frame in enumerate(frames)
    ]
    return Guessed(draft.kinds_of(looked))


def drafted(folder, *names, **frames):
    """Return the study that is written of CSV files, as text and as read."""
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    written = draft.new([*names, *(f"{name}.csv" for name in frames)], "s", folder)
    text = written.path.read_text()
    return text, yaml.safe_load(text)["tables"]


def orders(**more):
    """Return orders of sixty customers in 500 days, one a row; `more` are further columns."""
    i = np.arange(N)
    return pd.DataFrame({
        "order": 1000 + i, "client": [f"C{n}" for n in i % 61],
        "when": pd.Timestamp("2022-01-03") + pd.to_timedelta(i * 2, "D"),
        "item": np.resize(["Tea", "Cocoa", "Coffee"], N), "total": np.round(5 + i % 89 * 1.07, 2),
    }).assign(**more)  # fmt: skip


def lines(**more):
    """Return lines of orders, three of each, with a price and a quantity."""
    i = np.arange(N)
    item = i * 7 % 20
    return pd.DataFrame({
        "Beleg-Nr": 1000 + i // 3,
        "Datum": pd.Timestamp("2022-01-03") + pd.to_timedelta(i // 3, "D"),
        "Kundennr": [f"K{n:03d}" for n in i // 3 % 40], "Artikelnr": [f"A-{n}" for n in item],
        "Bezeichnung": [f"Käse Größe {n}" for n in item], "Menge": 1 + i % 4,
        "Einzelpreis": 1.5 + item / 4, "Filiale": np.where(i // 3 % 2, "Köln", "Bonn"),
    }).assign(**more)  # fmt: skip


def people(**more):
    """Return a row a customer, with ids."""
    rng = np.random.default_rng(4)
    return pd.DataFrame({
        "id": [f"P{n}" for n in range(N)], "age": rng.integers(18, 80, N),
        "past_spend": rng.gamma(2, 80, N).round(2),
    }).assign(**more)  # fmt: skip


# --- orders ---------------------------------------------------------------------------------------


def test_lines_with_a_price_and_a_quantity_are_understood():
    found = guess(lines())
    assert found.roles == {
        "customer": "Kundennr", "time": "Datum", "order": "Beleg-Nr", "product": "Bezeichnung",
        "quantity": "Menge", "price": "Einzelpreis", "place": "Filiale",
    }  # fmt: skip
    assert "Artikelnr" in found.main.left


def test_an_amount_that_is_price_times_quantity_is_taken_and_the_price_left():
    rows = lines()
    found = guess(rows.assign(Betrag=rows["Einzelpreis"] * rows["Menge"]))
    assert found.roles["amount"] == "Betrag" and "Einzelpreis" in found.main.left


def test_a_total_that_each_line_repeats_is_not_added_up_and_one_given_once_is():
    rows = lines().drop(columns=["Menge", "Einzelpreis"])
    rows["Grand total"] = 5 + rows["Beleg-Nr"] % 37 * 1.5
    repeated = guess(rows)
    assert "amount" not in repeated.roles
    assert "'Grand total' is the total of an order, repeated in each" in repeated.asked
    first = ~rows["Beleg-Nr"].duplicated()
    assert guess(rows.assign(**{"Grand total": rows["Grand total"].where(first)})).roles[
        "amount"
    ] == "Grand total"  # fmt: skip


def test_a_column_of_the_orders_may_group_the_products_and_a_table_of_them_may_have_names_as_keys():
    rows = lines()
    kind = rows.assign(Kategorie=np.where(rows["Artikelnr"].str[-1] < "5", "Mild", "Alt"))
    found = guess(kind).kinds["products"].roles
    assert found == {"product": "Bezeichnung", "level": "Kategorie", "group": "Kategorie"}
    goods = pd.DataFrame({"Bezeichnung": rows["Bezeichnung"].unique()})
    goods["Department"] = np.resize(["Food", "Home"], len(goods))
    found = guess(rows, goods).kinds["products"].roles
    assert (found["product"], found["group"]) == ("Bezeichnung", "Department")


def test_a_category_is_the_product_where_no_column_names_that():
    kind = np.array(["Toys", "Food", "Garden"])[RNG.integers(0, 3, N)]
    found = guess(sales(Category=kind))
    assert found.roles["product"] == "Category" and "Category" not in found.main.left
    assert set(found.kinds["products"].roles.values()) == {"Category"}
    assert "'Category' is taken as the product" in found.asked
    found = guess(sales(Category=kind[CUSTOMERS]))  # of customers
    assert "product" not in found.roles and set(found.kinds) == {"transactions"}


OF = ["order", "age", "Customer ", "discount", "payment", "Shipping ", "return", "store", "status"]


@pytest.mark.parametrize("what", OF)
def test_a_category_of_what_is_not_sold_is_no_product(what):
    kind = np.array(["One", "Two", "Three"])[RNG.integers(0, 3, N)]
    found = guess(sales(**{f"{what}_category": kind}))
    assert "product" not in found.roles and "products" not in found.kinds


def test_a_name_is_not_believed_against_values():
    rows = orders().rename(columns={"client": "who"})
    found = guess(rows.assign(customer=np.where(rows["order"] % 2, "private", "business")))
    assert found.roles["customer"] == "who"
    assert "column 'who' is taken as the customer by its values alone" in found.asked


RNG = np.random.default_rng(8)
CUSTOMERS = np.arange(N) % 120
MONEY = RNG.gamma(2, 20, N).round(2) + 1
DAYS = pd.Timestamp("2022-01-03") + pd.to_timedelta(np.arange(N) * 2, "D")


def sales(without="", **more):
    """Return orders in whose columns further ones stand before those of whose, when, how much."""
    own = {"customer_id": CUSTOMERS + 100, "order_date": DAYS, "amount": MONEY}
    rows = pd.DataFrame({"receipt": [f"R{i}" for i in range(N)]} | more)
    return rows.assign(**{name: own[name] for name in own if name not in {*more, *without.split()}})


BARE = {"without": "amount"}
BESIDE = {
    # (what stands before the right column, role, right column, what is asked)
    "points": ({"loyalty_points": RNG.integers(0, 600, N)}, "customer", "customer_id", ""),
    "balance": ({"account_balance": RNG.integers(0, 500, N)}, "customer", "customer_id", ""),
    "score": ({"customer_score": RNG.integers(300, 850, N)}, "customer", "customer_id", ""),
    "city": ({"customer_city": [f"T{i}" for i in CUSTOMERS % 30]}, "customer", "customer_id", ""),
    "household": ({"household": CUSTOMERS % 40}, "customer", "household", "customer_id"),
    "registered": ({"registered_at": DAYS[::-1] + pd.Timedelta("1h")}, "time", "order_date", ""),
    "first": ({"first_purchase_date": DAYS[CUSTOMERS]}, "time", "order_date", ""),
    "loaded": ({"etl_loaded_at": DAYS[-1] + pd.to_timedelta(np.arange(N), "s")}, "time",
               "order_date", ""),
    "of customers": ({"opening": DAYS[CUSTOMERS]}, "time", "order_date", ""),
    "two times": ({"value_date": DAYS[::-1]}, "time", "order_date", "value_date"),
    "lifetime": ({"customer_lifetime_value": MONEY[CUSTOMERS]}, "amount", "amount", ""),
    "constant": ({"net": MONEY[CUSTOMERS]}, "amount", "amount", "net"),
    "flag": ({"paid": np.arange(N) % 2}, "amount", "amount", ""),
    "items": ({"total_items": RNG.integers(1, 9, N)}, "amount", "amount", ""),
    "weight": ({"net_weight": MONEY[::-1] / 9}, "amount", "amount", ""),
    "target": ({"sales_target": MONEY[::-1]}, "amount", "amount", ""),
    "last": ({"last_order_amount": MONEY[::-1]}, "amount", "amount", ""),
    "two amounts": ({"amount": MONEY, "gross": MONEY * 1.2}, "amount", "amount", "gross"),
    "cost": ({"Unit Cost": MONEY * 0.6, "Unit Price": MONEY, "Quantity": CUSTOMERS % 5, **BARE},
             "price", "Unit Price", ""),
    "fee": ({"processing_charge": MONEY * 0.03, "captured": MONEY, **BARE}, "amount",
            "captured", "captured"),
    "Gebühr": ({"Bearbeitungsgebühr": MONEY[::-1] / 20, "Bestellwert": MONEY, **BARE}, "amount",
               "Bestellwert", ""),
    "larger": ({"a": MONEY * 0.03, "b": MONEY, **BARE}, "amount", "b", "b"),
    "only cost": ({"cost": MONEY, **BARE}, "amount", "cost", "its name suggests a fee"),
    "only items": ({"total_items": RNG.integers(1, 9, N), **BARE}, "amount", "total_items",
                   "its name suggests a fee"),
    "unit cost": ({"unit_cost": MONEY, "quantity": CUSTOMERS % 5 + 1, **BARE}, "price",
                  "unit_cost", "its name suggests a fee"),
    "cost per item": ({"cost_per_item": MONEY, "quantity": CUSTOMERS % 5 + 1, **BARE}, "price",
                      "cost_per_item", "the amount of a row being quantity × cost_per_item"),
    "item cost": ({"item_cost": MONEY, "quantity": CUSTOMERS % 5 + 1, **BARE}, "price",
                  "item_cost", "the amount of a row being quantity × item_cost"),
    "total cost": ({"total_cost": MONEY, "quantity": CUSTOMERS % 5 + 1, **BARE}, "amount",
                   "total_cost", "its name suggests a fee"),
    "trip cost": ({"items_total": RNG.integers(1, 9, N), "weight_total": MONEY[::-1] / 9,
                   "trip_cost": MONEY, **BARE}, "amount", "trip_cost", "its name suggests a fee"),
    "charge": ({"charge": MONEY, **BARE}, "amount", "charge", ""),
    "total charge": ({"total_charge": MONEY, **BARE}, "amount", "total_charge", ""),
    "processing": ({"processing_charge": MONEY * 0.03, "total_charge": MONEY, **BARE}, "amount",
                   "total_charge", ""),
    "member": ({"valued_member": CUSTOMERS + 100, "without": "customer_id"},
               "customer", "valued_member", ""),
    "tier": ({"loyalty_tier_member": CUSTOMERS + 100, "without": "customer_id"}, "customer",
             "loyalty_tier_member", ""),
    "updated": ({"fecha_actualizado": DAYS[::-1], "without": "order_date", "fecha_registro": DAYS},
                "time", "fecha_registro", ""),
    "event": ({"registration_date": DAYS[::-1], "without": "order_date", "event_date": DAYS},
              "time", "event_date", "rather than 'registration_date'"),
    "refunds": ({"refunded_amount": MONEY * (CUSTOMERS % 7 == 0)}, "amount", "amount", "refunded"),
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
def test_what_stands_beside_the_right_column_is_not_taken_or_asked_about(name):
    more, role, right, asked = BESIDE[name]
    found = guess(sales(**more))
    assert found.roles[role] == right
    assert asked in found.asked and bool(asked) == bool(found.asked)


EXPORTS = {
    # what a tool writes: (columns of the orders, role → column, words of what is asked)
    "no customer": (
        {"client": [f"C{i % 61}" if i % 4 else None for i in range(N)]}, {"customer": "client"},
        "25% of the rows have no 'client'",
    ),
    "0 among short ids": ({"client": np.arange(N) % 61}, {"customer": "client"}, ""),
    "e-mails": (
        {"client": [f"c{i % 61}@shop.org" for i in range(N)]}, {"customer": "client"},
        "tells customers apart by e-mail address",
    ),
    "money in few rows": (
        {"total": [5.5 + i if i % 10 == 0 else None for i in range(N)]}, {"event": "item"},
        "'total' is filled in 10% of the rows",
    ),
    "booked and sent": (
        {"arrival": orders()["when"] + pd.Timedelta(days=9), "booked_on": orders()["when"],
         "when": None}, {"time": "booked_on"}, "",
    ),
    "a fee alone": (
        {"fee": np.linspace(1.5, 9.5, N), "total": None}, {"amount": "fee"},
        "'fee' is taken as the money of a row, but its name suggests",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_orders_as_tools_export_them(name):
    more, roles, words = EXPORTS[name]
    rows = orders(**{column: values for column, values in more.items() if values is not None})
    found = guess(rows.drop(columns=[column for column, values in more.items() if values is None]))
    assert {role: found.roles.get(role) for role in roles} == roles
    assert words in found.asked
    assert "placeholders" not in found.main.keys


STATES = {
    # (status, sign of its money): what it is taken for
    ("Refund", 1): "returned", ("Cancelled", -1): "returned", ("Refunded", 1): "cancelled",
    ("Not returned", 1): "",
}  # fmt: skip


@pytest.mark.parametrize("case", STATES)
def test_a_return_is_taken_off_and_a_cancelled_sale_counts_as_0(tmp_path, case):
    (state, sign), kind = case, STATES[case]
    back = np.arange(N) % 4 == 3
    rows = orders(kind=np.where(back, state, "Sale")).drop(columns="order")
    rows["total"] *= np.where(back, sign, 1)
    text, tables = drafted(tmp_path, a=rows)
    assert {key: tables["transactions"].get(key) for key in ("returned", "cancelled")} == {
        key: [state] if key == kind else None for key in ("returned", "cancelled")
    }
    told = {
        "returned": "returns or reductions, which are taken off",
        "cancelled": "cancelled sales",
    }
    assert not kind or f"{back.sum()} rows are {told[kind]}" in text
    assert ("CHECK: 25.0% of the rows have the 'kind'" in text) == bool(kind)


def test_orders_and_customers_share_a_key_and_what_happened_is_an_outcome(tmp_path):
    clients = pd.DataFrame({"id": [f"C{n}" for n in range(61)], "age": np.arange(61) % 40 + 20,
                            "Churn": np.resize(["No", "No", "Yes"], 61)})  # fmt: skip
    text, tables = drafted(tmp_path, clients=clients, orders=orders())
    assert list(tables) == ["transactions", "customers"]
    assert "holds 100% of those in orders.csv" in text
    assert set(tables["customers"]["attributes"]) == {"age"}
    assert tables["customers"]["outcomes"] == {"Churn": {"label": "churned", "happened": "Yes"}}
    assert "CHECK: 'Churn' is taken as what happened afterwards ('Yes': it did)" in text


def test_a_mistaken_date_does_not_move_the_cut(tmp_path):
    rows = pd.concat([orders(order=1000 * part + np.arange(N)) for part in range(1, 6)])
    rows.iloc[0, 2] = pd.Timestamp("2199-01-01")
    text, _ = drafted(tmp_path, a=rows)
    assert "are the rest mistakes?" in text and "\nas_of: 2023" in text


def test_days_and_blanks_are_said_as_they_are_written(tmp_path):
    rows = orders(total=["n/a", *orders()["total"].astype(str)[1:]])
    _, tables = drafted(tmp_path, a=rows.assign(when=rows["when"].dt.strftime("%Y%m%d")))
    assert tables["transactions"]["format"] == {"date": "YYYYMMDD", "missing": ["n/a"]}
    assert tables["transactions"]["columns"]["amount"] == "total"


# --- people ---------------------------------------------------------------------------------------


def test_traits_are_described_and_what_is_personal_stays_out():
    named = np.resize(["Anna Müller", "Peter Smith", "Maria Garcia"], N)
    found = guess(people(
        owner=named, email=[f"p{i}@shop.org" for i in range(N)], region=np.resize([1, 2, 3], N),
        towns=np.resize(["Bonn, Rhein", "Ulm, Donau", "Köln, Rhein"], N),
        ways=np.resize(["App", "App, Shop", "Shop, Web", "Web, App, Shop", "Web"], N),
        comment=np.resize(["Fine", "Call 0171 5551234", "No"], N), dob="1980-01-01",
    ))  # fmt: skip
    assert set(found.main.attributes) == {"age", "past_spend", "region", "towns"}
    assert found.main.attributes["region"]["kind"] == "nominal"
    assert "'region' holds whole numbers from 1 to 3 and is taken as groups" in found.asked
    assert "'ways' holds several answers in one cell, of 3 such as 'App' and 'Shop'" in found.asked
    assert "telephone numbers" in found.main.left["comment"]
    assert "names of persons" in found.main.left["owner"]
    assert not any(secret in found.asked for secret in ("Anna", "p1@", "0171"))


def accounts(**more):
    """Return a row an account, with counts whose names are also those of orders."""
    i = np.arange(N)
    return pd.DataFrame({
        "Account": [f"ACC-{n:04d}" for n in i], "Plan": np.resize(["Team", "Pro", "Solo"], N),
        "MRR": np.round(20 + i % 97 * 3.5, 2), "Seats": 1 + i % 40, "Logins 30d": i * 7 % 67,
        "Tickets": i % 8, "Since": pd.Timestamp("2019-01-01") + pd.to_timedelta(i * 5, "D"),
        "Churned": np.where(i % 5, "no", "yes"),
    }).assign(**more)  # fmt: skip


def test_accounts_with_a_count_called_like_an_order_are_customers_and_numbered_orders_are_not():
    found = guess(accounts())
    assert set(found.kinds) == {"customers"} and found.roles == {"customer": "Account"}
    assert set(found.main.attributes) == {"Plan", "MRR", "Seats", "Logins 30d", "Tickets"}
    assert found.main.outcomes["Churned"]["happened"] == "yes"
    once = guess(accounts(Tickets=np.arange(N) + 70_000))  # each bought once
    assert once.roles["order"] == "Tickets" and once.roles["customer"] == "Account"


@pytest.mark.parametrize("word", ["Total", "Summe", "Gesamt", "Sum", "Grand total", "Insgesamt"])
def test_a_last_row_of_totals_is_nobody(tmp_path, word):
    frame = accounts()
    frame.loc[N] = [word, None, frame["MRR"].sum(), frame["Seats"].sum(), *[None] * 4]
    text, tables = drafted(tmp_path, accounts=frame)
    assert tables["customers"]["placeholders"] == [word]
    assert f"1 of 241 rows have {word} as 'Account'" in text
    opened = tables_of(tmp_path / "data" / "s" / "study.yaml")
    assert opened["customers"].customer.isnull().sum().execute() == 1


def tables_of(path):
    """Return the tables of a study, opened, by role."""
    return tables.open_tables(study.load(path))


def test_whole_numbers_that_happen_to_be_unique_are_an_id_only_by_name():
    one = 20_000 + RNG.permutation(9 * N)[:N]
    numbers = {"income": one, "spend_last_year": one[::-1], "household_income": one + 1}
    found = guess(people(**numbers, branch_code=one + 2, index=one + 3, altitude=one + 4))
    assert found.roles == {"customer": "id"}
    assert set(found.main.attributes) == {"age", "past_spend", *numbers}
    assert "'altitude' holds another whole number in each row and is taken for an id" in found.asked
    assert "branch_code" not in found.asked and "index" not in found.asked


def test_what_tells_an_outcome_without_fault_is_left_out():
    gone = np.arange(N) % 3 == 0
    found = guess(people(churned=np.where(gone, "Yes", "No"), churn_score=np.linspace(0, 1, N),
                         refund=np.where(gone, 20.5, 0)))  # fmt: skip
    assert set(found.main.attributes) == {"age", "past_spend"}
    assert set(found.main.outcomes) == {"churned"}
    assert "'refund' tells 'churned' nearly without fault" in found.asked
    assert "'churn_score' seems to be what you want to foresee" in found.asked


def test_headings_of_several_lines_are_read(tmp_path, monkeypatch, capsys):
    people = {
        "Customer\nID": range(120),
        "Plan\ntype": list("abc") * 40,
        "Age\n(years)": range(120),
    }
    pd.DataFrame(people).to_excel(tmp_path / "a.xlsx", index=False)
    code, said, raw = begun(tmp_path, monkeypatch, capsys, "a.xlsx")
    assert code == 0, said
    about = raw["tables"]["customers"]
    assert about["columns"]["customer"] == "Customer\nID"
    assert about["attributes"]["Plan\ntype"]["label"] == "Plan type"


# --- answers --------------------------------------------------------------------------------------

AGREE = ["Strongly disagree", "Disagree", "Neutral", "Agree", "Strongly agree"]


def form(**more):
    """Return answers as a form exports them, without ids."""
    return pd.DataFrame({
        "I enjoy trying new dishes": np.resize(AGREE, N),
        "How much do you agree? [Price matters most]": np.resize(AGREE[::-1], N),
        "How likely are you to recommend us? (0-10)": np.arange(N) % 8 + 3,
        "What is your age?": np.resize(["Under 18", "18-24", "25-34", "55+"], N),
        "Where do you live?": np.resize(["City", "Suburb", "Countryside"], N),
        "Anything else?": [f"I liked number {i} because it was good" for i in range(N)],
        "Instagram handle": [f"@user_{i}x" for i in range(N)],
    }).assign(**more)  # fmt: skip


def test_a_form_is_a_survey_whose_rows_are_respondents():
    found = guess(form(like=np.arange(N) % 11 - 5))
    about = found.main.attributes
    assert (found.main.kind, found.roles) == ("survey", {"customer": "<row>"})
    assert "each row is taken as one respondent" in found.asked
    first = about["I enjoy trying new dishes"]
    assert (first["levels"], first["base"]) == (AGREE, "psychographic")
    assert first["label"] == "“I enjoy trying new dishes”"
    assert about["How much do you agree? [Price matters most]"]["label"] == "Price matters most"
    assert about["How likely are you to recommend us? (0-10)"]["levels"][0] == "0"
    assert about["What is your age?"]["levels"] == ["Under 18", "18-24", "25-34", "55+"]
    assert about["What is your age?"]["base"] == "demographic"
    assert about["Where do you live?"]["base"] == "geographic"
    assert about["like"]["levels"] == [str(n) for n in range(-5, 6)]
    assert found.main.left["Anything else?"].startswith("free text")
    assert found.main.left["Instagram handle"].startswith("personal data (user names)")


OF_TOOLS = {
    "Group time: Basics": [6.5, 9.2, 7.9], "MISSREL": [1, 2, 9], "QUESTNNR": ["a", "b"],
    "DistributionChannel": ["anonymous", "email"],
}  # fmt: skip
PARADATA = {
    "Browser": ["Chrome", "Safari"], "Operating System": ["Mac", "Win"], "Device type": ["a", "b"],
    "Source": ["link", "email"], "Referrer URL": ["http://a.de", "http://b.de"],
    "Total time": [60.5, 90.2, 70.9], "TIME001": [4, 7, 9], "mode": [1, 2, 3, 4, 5],
    "Abgeschlossen": [1, 0], "Betriebssystem": ["Mac", "Win"], "Status": ["new", "old"],
    "Duration (in seconds)": [66, 99, 128, 200], "channel": ["web", "shop"],
}  # fmt: skip


@pytest.mark.parametrize("name", OF_TOOLS)
def test_what_only_survey_tools_write_never_forms_segments(name):
    values = np.resize(OF_TOOLS[name], N)
    assert name not in guess(form(**{name: values})).main.attributes
    found = guess(people(**{name: values}))
    assert name not in found.main.attributes
    assert f"{name!r}: left out, since the name suggests how a form was filled in" in found.asked


def test_ordinary_words_are_about_the_answering_beside_a_name_of_survey_tools_only():
    own = {name: np.resize(values, N) for name, values in PARADATA.items()}
    tool = {"QUESTNNR": np.resize(["a", "b"], N)}
    for frame, one in ((form(**own, **tool), "respondent"), (people(**own, **tool), "customer")):
        found = guess(frame)
        assert not {*own} & {*found.main.attributes}
        assert f"rather than who the {one}s are" in found.asked
        assert all(f"{name!r}" in found.asked for name in own)
    found = guess(form(**own))
    assert {found.main.attributes[name]["base"] for name in own} == {"plan"}
    for name in own:
        assert f"{name!r}" in found.asked.split("taken as a trait of respondents")[0]
    for name, values in own.items():  # two of them are a sign
        found = guess(people(**{name: values}))
        assert name in found.main.attributes and "form was filled in" not in found.asked


def test_customers_with_a_status_a_channel_and_a_source_are_no_survey():
    named = {name: np.resize(list("abc"), N) for name in ("status", "channel", "source")}
    found = guess(people(**named).rename(columns={"id": "participant_id"}))
    assert found.main.kind == "customers" and {*named} < set(found.main.attributes)
    assert "'status', 'channel' and 'source': taken as a trait of customers" in found.asked


def test_what_follows_a_colon_in_a_question_belongs_to_it():
    name = "Source: where did you hear of us"
    found = guess(form(**{name: np.resize(["Friends", "Press"], N)}))
    assert found.main.attributes[name]["base"] == "psychographic" and name not in found.asked


def test_answers_to_be_picked_of_several_are_found_though_one_stands_in_one_combination_only():
    ways = ["Phone", "Phone;Laptop", "Laptop", "Phone;Tablet"]
    found = guess(form(**{"Which do you use?": np.resize(ways, N)}))
    assert "Which do you use?" not in found.main.attributes
    assert "of 3 such as 'Laptop' and 'Phone'" in found.asked


def battery(n, yes="Yes", no="No", **more):
    """Return so many questions of yes and no."""
    rng = np.random.default_rng(1)
    names = ["tasty", "cheap", "fast", "greasy", "healthy"][:n]
    return pd.DataFrame({name: rng.choice([yes, no], N) for name in names}).assign(**more)


IDS = [f"C{i}" for i in range(N)]


@pytest.mark.parametrize(
    ("frame", "kind", "base"),
    [
        (battery(5, 1, 0), "survey", "psychographic"),
        (battery(3, age=np.arange(N) % 60 + 18, plan=np.resize(["Free", "Team"], N),
                 logins=np.arange(N) % 9, orders_open=np.arange(N) % 7), "customers",
         "psychographic"),
        (battery(5, customer_id=IDS), "customers", "plan"),
    ],
)  # fmt: skip
def test_a_battery_of_yes_and_no_is_answers_unless_customers_have_ids_and_is_asked_about(
    frame, kind, base
):
    found = guess(frame)
    assert found.main.kind == kind
    assert {found.main.attributes[name]["base"] for name in ("tasty", "cheap", "fast")} == {base}
    assert "alike and are taken as " in found.asked


# --- experiments ----------------------------------------------------------------------------------


def test_arms_and_outcomes_are_recognised_and_asked_about():
    found = guess(people(
        group=np.resize(["control", "letter"], N), visit=np.resize([1, 0, 0], N),
        spend=np.resize([0, 0, 9.5, 3.5], N), logins_30d=np.arange(N) % 7,
        renewed=np.resize([1.0, 0.0, 0.0, None, 1.0], N),
    ))  # fmt: skip
    assert found.roles["arm"] == "group" and found.main.keys == {
        "randomised": True, "control": "control",
    }  # fmt: skip
    assert set(found.main.attributes) == {"age", "past_spend"}
    assert found.main.outcomes["visit"] | {"why": ""} == {
        "label": "visited", "happened": "1", "wanted": True, "why": "",
    }  # fmt: skip
    assert found.main.outcomes["spend"]["kind"] == "money"
    assert float(found.main.outcomes["renewed"]["happened"]) == 1
    assert "'group' is taken as the arms of an experiment (" in found.asked
    assert "drawn at random" in found.asked
    assert "'logins_30d' may have been known before the arms were assigned" in found.asked


@pytest.mark.parametrize(
    ("column", "values", "drawn"),
    [
        ("segment", ["E-mail", "No e-mail"], False), ("variant", ["A", "B"], True),
    ],
)  # fmt: skip
def test_arms_are_random_only_where_words_say_a_test(column, values, drawn):
    found = guess(people(**{column: np.resize(values, N), "Renewed": np.resize(["Y", "N"], N)}))
    assert found.roles["arm"] == column and found.main.keys["randomised"] is drawn
    asked = "drawn at random" if drawn else "nothing says that customers were assigned to them at"
    assert f"{column!r} is taken as the arms of an experiment" in found.asked
    assert asked in found.asked


def test_the_day_of_an_assignment_that_no_column_tells_is_asked_for(tmp_path):
    text, _ = drafted(tmp_path, a=people(group=np.resize(["control", "letter"], N)))
    assert "CHECK: no column says on which day customers were assigned to arms" in text
    assert "though it is the day on which the file was changed" in text


AFTER = {
    "converted": np.resize([1, 0, 0], N), "logins": np.arange(N) % 7,
    "revenue": np.resize([0, 0, 9.5, 3.5], N),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values"),
    [("ab_cell", ["C", "T"]), ("cell", ["control", "treatment"])],
)
def test_groups_beside_outcomes_are_arms_and_asked_about(name, values):
    found = guess(people(**{name: np.resize(values, N)}, **AFTER))
    assert {name, "converted", "revenue", "logins"}.isdisjoint(found.main.attributes)
    assert found.roles["arm"] == name and set(found.main.outcomes) == {"converted", "revenue"}
    assert found.main.keys == {
        "randomised": "control" in values, "control": values[0],
    }  # fmt: skip
    assert f"{name!r} is taken as the arms of an experiment" in found.asked


@pytest.mark.parametrize(
    ("name", "values"),
    [("age_group", ["A", "B"]), ("group", ["gold", "silver"])],
)
def test_other_groups_beside_what_customers_did_are_traits(name, values):
    found = guess(people(**{name: np.resize(values, N)}, **AFTER))
    assert "arm" not in found.roles and name in found.main.attributes
    assert "arm of an experiment" not in found.asked


# --- what is refused ------------------------------------------------------------------------------

NAMES = [f"{a} {b}" for a in ("Anna", "Peter", "Maria") for b in ("Smith", "Garcia", "Jones")]
REFUSED = {
    # (frame, words of the sentence)
    "no dates": (orders().drop(columns=["when", "order"]), "different 'client', and no dates"),
    "orders of nobody": (
        orders().drop(columns="client").rename(columns={"order": "order-id"}),
        "a row for each 'order-id', orders it seems",
    ),
    "no line of names": (orders().set_axis(["1000", "C0", "2022-01-03", "Tea", "5.0"], axis=1),
                         "seems to have no line of names"),
    "a second line of names": (
        pd.concat([pd.DataFrame({"Respondent ID": [""], "Rating": ["Response"]}),
                   pd.DataFrame({"Respondent ID": range(90), "Rating": [1, 2, 3] * 30})]),
        "the line below the names seems to belong to them, in 'Rating'",
    ),
    "three lines of names": (
        pd.DataFrame({"Q1": ["How?", '{"ImportId":"QID1"}', *["Agree", "Disagree"] * 20]}),
        "the line below the names seems to belong to them",
    ),
    "copies": (
        pd.concat([people().rename(columns={"id": "customer"})] * 2).iloc[: N + 30],
        f"{N + 30} rows but {N} different 'customer'",
    ),
    "names of persons": (
        orders(Donor=np.resize(NAMES, N)).drop(columns=["order", "client"]),
        "no column that looks like a customer",
    ),
    "numbered orders with dates in two ways": (
        sales(order_date=[t.strftime("%d/%m/%Y" if i % 2 else "%m/%d/%Y")
                          for i, t in enumerate(DAYS)]).rename(columns={"receipt": "order_id"}),
        "'order_date' holds dates, but",
    ),
    "dates in two ways": (
        orders(when=[t.strftime("%d/%m/%Y" if i % 2 else "%m/%d/%Y")
                     for i, t in enumerate(orders()["when"])]),
        "'when' holds dates, but",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_study_can_be_made_of_is_refused_in_a_sentence(tmp_path, name):
    frame, words = REFUSED[name]
    with pytest.raises(StudyError) as refused:
        drafted(tmp_path, a=frame)
    assert words in str(refused.value) and "\n" not in str(refused.value)
    assert not (tmp_path / "data").exists()


def test_two_files_of_the_same_columns_are_to_be_one_pattern(tmp_path):
    with pytest.raises(StudyError, match="have the same columns: name both by one pattern"):
        drafted(tmp_path, o2022=orders(), o2023=orders())


def test_rows_without_ids_are_not_joined_with_orders_by_their_number():
    found = guess(orders(client=np.arange(N) % 61), battery(5).head(61))
    assert set(found.kinds) == {"transactions"} and "1.csv is left out" in found.asked


# --- the file -------------------------------------------------------------------------------------


def test_names_with_signs_of_yaml_are_quoted_and_the_draft_is_sound(tmp_path):
    odd = "{a}: 'b' # [c], *d & \"e\""
    text, tables = drafted(tmp_path, a=form().rename(columns={"Where do you live?": odd}))
    assert odd in tables["survey"]["attributes"]
    assert study.problems(yaml.load(text, yaml.BaseLoader)) == []


def test_a_heading_with_a_line_break_and_an_emoji_is_written_as_it_can_be_read(tmp_path):
    odd = "Your mood\n👩‍🌾"
    _, tables = drafted(tmp_path, a=form(**{odd: np.resize(["Good", "Bad", "Fine"], N)}))
    assert odd in tables["survey"]["attributes"]


# --- the words ------------------------------------------------------------------------------------


def asked_for():
    """Return the doubts that are asked for, each with the names of its facts."""
    for path in Path(draft.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "ask":
                words = [n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant)]
                facts = {word.arg for word in node.keywords}
                yield from ((word, facts) for word in words if word in roles.DOUBTS)


def test_every_doubt_has_its_facts():
    wanted = dict(asked_for())
    fields = {
        doubt: {name for _, name, _, _ in Formatter().parse(roles.DOUBTS[doubt]) if name}
        for doubt in wanted
    }
    assert len(wanted) > 30
    assert [d for d, facts in wanted.items() if None not in facts and not fields[d] <= facts] == []


# --- misread --------------------------------------------------------------------------------------


def begun(folder, monkeypatch, capsys, name="a.csv"):
    """Run `seglib new` and return its code, what it said, and the study it wrote."""
    monkeypatch.chdir(folder)
    code = cli.main(["new", name, "--name", "s"])
    said = capsys.readouterr()
    path = folder / "data/s/study.yaml"
    return code, said.out + said.err, yaml.safe_load(path.read_text()) if path.exists() else None


def whens(folder):
    """Return the times of a study as it reads them."""
    loaded = study.load(folder / "data/s/study.yaml")
    return tables.open_tables(loaded)["transactions"].time.execute()


GERMAN = {3: "März", 5: "Mai", 10: "Okt.", 12: "Dez."}
WAYS = {
    "German": (lambda t: f"{t.day}. {GERMAN.get(t.month, t.strftime('%b'))} {t.year}", None),
    "seconds": (lambda t: int(t.timestamp()), "unix"),
    "spreadsheet": (lambda t: (t - pd.Timestamp("1899-12-30")).days, "excel"),
}


@pytest.mark.parametrize("way", WAYS)
def test_days_are_read_however_they_are_written(tmp_path, monkeypatch, capsys, way):
    write, expected = WAYS[way]
    frame = orders()
    frame.assign(when=frame["when"].map(write)).to_csv(tmp_path / "a.csv", index=False)
    code, said, raw = begun(tmp_path, monkeypatch, capsys)
    assert code == 0, said
    assert raw["tables"]["transactions"].get("format", {}).get("date") == expected
    assert (np.sort(whens(tmp_path)) == np.sort(frame["when"].to_numpy())).all()


def test_titles_above_the_names_are_passed_over(tmp_path, monkeypatch, capsys):
    frame = orders().astype({"when": str})
    book = openpyxl.Workbook()
    for row in [["Sales of 2022"], ["Exported by", "A. Person"], [], list(frame),
                *frame.itertuples(index=False)]:  # fmt: skip
        book.active.append(list(row))
    book.save(tmp_path / "a.xlsx")
    code, _, raw = begun(tmp_path, monkeypatch, capsys, "a.xlsx")
    assert (code, raw["tables"]["transactions"]["columns"]["customer"]) == (0, "client")
    padded = "Sales of 2022,,,,\n" + frame.to_csv(index=False)
    (tmp_path / "b.csv").write_text(padded)
    (tmp_path / "data/s/study.yaml").unlink()
    code, _, raw = begun(tmp_path, monkeypatch, capsys, "b.csv")
    assert (code, raw["tables"]["transactions"]["columns"]["customer"]) == (0, "client")


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "levels",
    [
        ["Disagree", "Agree", "Strongly agree"],
        ["Unzufrieden", "Zufrieden", "Sehr zufrieden"],
        ["Never", "Sometimes", "Always"],
        ["Under 18", "18-24", "65+"],
        ["Under 15K", "15-24K", "25-34K", "250K+"],
        ["0", "1", "2", "3+"],
        ["unter 30", "30 bis 49", "50 und älter"],
        ["Less than $25,000", "$25,000 - $49,999", "$50,000 or more"],
        ["Never", "Once a year", "Once a week", "More than once a week", "Daily"],
        ["Less often", "Less than once a month", "Once a month", "At least once a week"],
        ["Nie", "Alle drei Monate", "Einmal pro Woche", "Täglich"],
    ],
)
def test_usual_answers_are_ordered_from_lowest_to_highest(levels):
    assert answers.ordered(sorted(levels))[1] == levels


@pytest.mark.parametrize(
    "texts",
    [
        ["Male", "Female"], ["1", "2", "3"], ["10-20", "15-25"], ["2020-01", "2020-02"],
        ["Agree", "Berlin", "Paris"], ["Sector 7", "Sector 8", "9"], ["US-1", "US-2", "US-3"],
    ],
)  # fmt: skip
def test_other_texts_are_in_no_order(texts):
    assert answers.ordered(texts) is None


def test_every_answer_of_the_word_list_is_found_as_people_write_it():
    scales = [["Äußerst wichtig", "Wichtig", "Unwichtig"], ["trifft zu", "trifft mittelmäßig zu"]]
    assert [answers.ordered(levels)[0] for levels in scales] == ["importance", "agreement"]
    known = answers.NO_ANSWER.union(*answers.RANKS.values())
    assert {answers._plain(word) for word in known} == known
    assert answers.ordered(["trifft zu", "trifft nicht zu", "k. A.", "weiß nicht"])[2] == [
        "k. A.", "weiß nicht",
    ]  # fmt: skip


def test_what_answers_nothing_is_told_apart():
    assert answers.ordered(["Agree", "Don't know", "Disagree"]) == (
        "agreement", ["Disagree", "Agree"], ["Don't know"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("phrase", "times"),
    [
        ("Never", 0), ("Once a year", 1), ("Every three months", 4), ("once every 2 weeks", 26),
        ("2-3 times a week", 130), ("Twice weekly", 104), ("Every other day", 182.5),
        ("once in two months", 6), ("4x a year", 4), ("6 times/month", 72), ("Daily", 365),
        ("5 days a week", 260), ("Mehrmals pro Woche", 208), ("une fois par semaine", 52),
        ("Cada tres meses", 4), ("3 months", None), ("In 2 weeks", None), ("Two year", None),
        ("Month-to-month", None), ("in the last 3 months", None), ("Once", None), ("Yes", None),
    ],
)  # fmt: skip
def test_how_often_is_times_a_year(phrase, times):
    assert answers.per_year(phrase) == times
