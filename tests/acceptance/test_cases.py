"""Every input on which seglib was wrong, and what is right (tests/cases/).

The mark `case` names it.
"""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

import seglib as library

CASES = Path(__file__).parents[1] / "cases"
COLLECTION = "01_data_collection"
TWO = {"k": 2, "k_max": 3}
"""Segments enough where they are not what is looked at."""


@pytest.fixture
def seglib(call):
    """The command in this process: dozens of files, whose calls would spend most on imports."""
    return call


@pytest.fixture
def begun(tmp_path, seglib):
    """A function: what `seglib new` makes of some files of tests/cases."""

    def new(*names):
        sources = [shutil.copy(CASES / f"{name}.csv", tmp_path) for name in names]
        done = seglib("new", *sources, "--name", "case", cwd=tmp_path)
        path = tmp_path / "data" / "case" / "study.yaml"
        text = path.read_text() if path.exists() else ""
        study = yaml.safe_load(text) or {}
        return SimpleNamespace(
            code=done.returncode,
            said=done.stdout + done.stderr,
            path=path,
            text=text,
            study=study,
            tables=study.get("tables", {}),
            columns=study.get("tables", {}).get("transactions", {}).get("columns", {}),
            checks=" ".join(re.findall(r"CHECK:? (.*)", text)),
        )

    return new


@pytest.fixture
def ran(seglib):
    """A function: runs a study with a few changes, and gives its files and what pages say."""

    def run(case, **changes):
        case.path.write_text(yaml.safe_dump(case.study | changes))
        done = seglib("run", case.path, cwd=case.path.parents[2])
        assert done.returncode == 0, done.stdout + done.stderr
        files = next(case.path.parent.glob("*/manifest.json")).parent
        pages = sorted((case.path.parents[2] / "reports" / "case").rglob("*.html"))
        return files, {page.stem: _text(page) for page in pages}

    return run


@pytest.fixture
def made(notebook):
    """A function: runs some notebooks of a study alone, and gives its files and what they say."""

    def notebooks(case, *names, **changes):
        case.path.write_text(yaml.safe_dump(case.study | changes))
        files = case.path.parent / "files"
        executed = [notebook(name, case.path, files) for name in names]
        cells = [cell for path in executed for cell in json.loads(path.read_text())["cells"]]
        data = [o.get("data", {}) for cell in cells for o in cell.get("outputs", [])]
        shown = ["".join(d.get("text/html", d.get("text/markdown", ""))) for d in data]
        return files, _plain(" ".join(shown))

    return notebooks


def _text(page):
    return _plain(page.read_text())


def _plain(html):
    return re.sub(r"\s+", " ", re.sub(r"<(style|script)\b.*?</\1>|<[^>]+>", " ", html, flags=re.S))


def raw(name, **options):
    return pd.read_csv(CASES / f"{name}.csv", **options)


# --- returns --------------------------------------------------------------------------------------


@pytest.mark.case("b5")
def test_credit_notes_with_numbers_of_their_own_are_no_second_order(begun, made):
    case = begun("b5_returns")
    assert case.code == 0
    files, told = made(case, COLLECTION, as_of="2024-05-01", holdout="31 days")
    sold = raw("b5_returns", parse_dates=["InvoiceDate"]).query(
        "Quantity > 0 and InvoiceDate < '2024-05-01'"
    )
    orders = sold.groupby("CustomerID")["InvoiceNo"].nunique()
    frame = pd.read_parquet(files / "customers.parquet")
    assert (frame["orders"] == orders.reindex(frame.index)).all()
    later = raw("b5_returns", parse_dates=["InvoiceDate"]).query("InvoiceDate >= '2024-05-01'")
    assert later.query("Quantity > 0")["CustomerID"].nunique() == 40 < later["CustomerID"].nunique()
    assert re.search(r"\b40% of [^.]*customers", told)


@pytest.mark.case("a6")
def test_those_who_only_returned_are_said_and_not_segmented(begun, made):
    case = begun("a6_returns")
    assert re.search(r"\breturn", case.text + case.said)
    files, told = made(case, COLLECTION)
    frame = pd.read_parquet(files / "customers.parquet")
    assert (len(frame), frame["orders"].sum()) == (50, 326)
    rows = raw("a6_returns", parse_dates=["date"]).query("date < '2025-02-14'")
    net = rows.groupby("customer_id")["amount"].sum()
    frame.index = frame.index.astype(int)
    assert np.allclose(frame["spend"], net.reindex(frame.index), atol=0.01)
    assert re.search(r"\b(10|ten) customers[^.]*return|returns only[^.]*\b(10|ten) customers", told)


@pytest.mark.case("b6")
def test_nothing_bought_in_the_window_before_the_date_is_said_on_a_page(begun, made):
    case = begun("b6_quiet_window")
    steps, three = (COLLECTION, "03_clustering", "05_measuring_results"), {"k": 3, "k_max": 3}
    _, told = made(case, *steps, as_of="2024-05-01", holdout="31 days", segmentation=three)
    assert re.search(r"(?i)(nobody|no one|nothing|no orders?|none)\b[^.]*\bbefore", told)


# --- experiments ----------------------------------------------------------------------------------


@pytest.mark.case("b2")
def test_an_experiment_in_one_table_is_estimated_and_forms_no_segments(begun, ran):
    case = begun("b2_experiment_one_table")
    attributes = case.tables["customers"].get("attributes", {})
    assert {"arm", "visit", "conversion", "spend"}.isdisjoint(attributes)
    assert "arm" in case.said
    segmentation = case.study["segmentation"] | {"k_max": 3}
    _, pages = ran(case, segmentation=segmentation)
    told = " ".join(text for name, text in pages.items() if re.match(r"0[56]", name))
    frame = raw("b2_experiment_one_table")
    for share in frame.groupby("arm")["visit"].mean():
        assert re.search(_percent(share), told), share
    assert re.search(r"convert[^.]*fewer than 10|fewer than 10[^.]*convert", told)
    levels = frame.groupby("arm")["visit"].mean()
    for arm in ("mens", "womens"):
        effect = rf"({_points(levels[arm] - levels['control'])}) points"
        interval = rf"{effect} \(95% interval −?[\d.]+ to [\d.]+ points\)"
        assert re.search(interval, told), arm
    assert re.search(r"random", pages["index"])


def _percent(share):
    return "|".join(re.escape(f"{100 * share:.{places}f}%") for places in (0, 1, 2))


def _points(difference):
    return "|".join(re.escape(f"{100 * difference:.{places}f}") for places in (1, 2))


@pytest.mark.case("b3")
def test_a_list_of_arms_is_a_campaign_asked_about(begun):
    case = begun("b3_orders", "b3_arms")
    assert case.tables["campaigns"]["columns"] == {
        "customer": "customer_id", "campaign": "campaign", "start": "start", "arm": "arm"
    }  # fmt: skip
    assert "customers" not in case.tables
    assert re.search("random", case.checks)


# --- columns and tables of their own kind ---------------------------------------------------------


@pytest.mark.case("b1")
def test_a_column_named_like_a_feature_stays_apart_from_it(begun, made, seglib):
    case = begun("b1_orders", "b1_customers")
    assert seglib("check", case.path).returncode == 0
    files, _ = made(case, COLLECTION, "03_clustering", segmentation=TWO)
    rows = yaml.safe_load((files / "dictionary.json").read_text())["customers"]
    labels = [row["label"].lower() for row in rows]
    assert len(labels) == len(set(labels))
    frame = pd.read_parquet(files / "customers.parquet")
    stated = raw("b1_customers").set_index("customer_id")["tenure"].reindex(frame.index)
    same = [
        c for c in frame if pd.api.types.is_numeric_dtype(frame[c]) and frame[c].eq(stated).all()
    ]
    assert len(same) == 1
    assert len([c for c in frame if "tenure" in c]) == 2


@pytest.mark.case("b4")
def test_a_survey_without_ids_has_respondents_ordered_answers_and_batteries(begun):
    case = begun("b4_survey_no_id")
    assert case.code == 0, case.said
    assert re.search(r"\brows?\b|respondent", case.checks)
    items = case.tables["survey"]["attributes"]
    for name in ("tasty", "cheap", "fast", "greasy", "healthy", "spicy"):
        assert items[name]["base"] == "psychographic"
    levels = ["Never", "Once a year", "Every three months", "Once a month", "Once a week",
              "More than once a week"]  # fmt: skip
    assert items["VisitFrequency"]["kind"] == "ordered"
    assert items["VisitFrequency"]["levels"] in (levels, levels[::-1])


@pytest.mark.case("a11")
def test_a_table_without_ids_is_taken_row_by_row_with_a_question(begun):
    case = begun("a11_no_id")
    assert case.code == 0, case.said
    assert re.search(r"\brows?\b", case.checks)
    (table,) = case.tables.values()
    assert {"Fresh", "Milk", "Grocery"} <= set(table["attributes"])


@pytest.mark.case("a12")
def test_columns_about_the_answering_form_no_segments(begun):
    items = begun("a12_survey").tables["survey"]["attributes"]
    assert {"Status", "Progress", "Finished"}.isdisjoint(items)


@pytest.mark.case("a12")
def test_previews_of_a_survey_are_left_out_and_counted(begun, seglib):
    case = begun("a12_survey")
    checked = seglib("check", case.path)
    assert re.search(r"\b4 .*preview|preview.*\b4\b", case.text + checked.stdout, re.I)


@pytest.mark.case("a12")
def test_several_answers_in_one_are_asked_about_and_ticks_are_yes_or_no(begun):
    case = begun("a12_survey")
    assert "Q3" in case.checks
    items = case.tables["survey"]["attributes"]
    assert {"Own_phone", "Own_tablet"} <= set(items)


@pytest.mark.case("a12")
def test_a_scale_from_0_to_10_is_whole(tmp_path, seglib):
    frame = raw("a12_survey")[["ResponseId", "Q2_1"]]
    frame["Recommend"] = np.random.default_rng(1).integers(1, 11, len(frame))
    frame.loc[0, "Recommend"] = 0
    frame.to_csv(tmp_path / "a.csv", index=False)
    seglib("new", tmp_path / "a.csv", "--name", "case", cwd=tmp_path)
    study = yaml.safe_load((tmp_path / "data" / "case" / "study.yaml").read_text())
    (table,) = study["tables"].values()
    scale = table["attributes"]["Recommend"]
    assert scale.get("bounds") == [0, 10] or scale.get("levels") == list(range(11))


@pytest.mark.case("a3")
@pytest.mark.parametrize(
    ("name", "key"),
    [("a3_people_read_as_orders", "ID"), ("a3_contacts_read_as_orders", "Record ID")],
)
def test_a_table_of_persons_is_a_table_of_customers(begun, name, key):
    case = begun(name)
    assert set(case.tables) == {"customers"}
    assert case.tables["customers"]["columns"]["customer"] == key


# --- a marketplace --------------------------------------------------------------------------------


@pytest.mark.case("a4")
@pytest.mark.parametrize("items", ["a4_items", "a4b_items_one_each"])
def test_a_marketplace_has_the_price_the_purchase_and_the_person(begun, items):
    case = begun("a4_orders", "a4_customers", items)
    assert case.columns["time"] == "order_purchase_timestamp"
    assert "price" in (case.columns.get("amount"), case.columns.get("price"))
    assert re.search(r"customer: *customer_unique_id", case.text)


@pytest.mark.case("a4")
def test_payments_beside_a_marketplace_do_not_refuse_everything(begun):
    assert begun("a4_orders", "a4_customers", "a4_items", "a4_payments").code == 0


# --- ids, money, encodings ------------------------------------------------------------------------


@pytest.mark.case("a5")
def test_ids_of_13_digits_are_ids(begun):
    case = begun("a5_ids_of_13_digits")
    assert (case.columns.get("customer"), case.columns.get("order")) == ("customer_id", "order_id")


@pytest.mark.case("a7")
@pytest.mark.parametrize(
    ("name", "currency"), [("a7_brl", r"R\$|BRL"), ("a7_pln", "zł|PLN"), ("a7_sek", "kr|SEK")]
)
def test_amounts_with_a_currency_mark_are_money(begun, name, currency):
    case = begun(name)
    assert case.columns.get("amount") == "amount"
    assert re.search(currency, str(case.study.get("currency")))


@pytest.mark.case("a7")
@pytest.mark.parametrize("mark", ["₽", "Rs.", "₺", "円"])
def test_amounts_with_other_currency_marks_are_money_too(tmp_path, seglib, mark):
    frame = raw("a7_brl")
    frame["amount"] = frame["amount"].str.replace("R$", mark, regex=False)
    frame.to_csv(tmp_path / "a.csv", index=False)
    seglib("new", tmp_path / "a.csv", "--name", "case", cwd=tmp_path)
    study = yaml.safe_load((tmp_path / "data" / "case" / "study.yaml").read_text())
    assert study["tables"]["transactions"]["columns"].get("amount") == "amount"


@pytest.mark.case("a8")
def test_several_currencies_are_converted_or_asked_about(begun):
    case = begun("a8_currencies")
    assert case.columns["amount"] == "Converted Amount" or "urrenc" in case.checks


@pytest.mark.case("a9")
@pytest.mark.parametrize(
    ("name", "customer"), [("a9_cp932", "顧客番号"), ("a9_cp1250", "Numer klienta")]
)
def test_other_encodings_are_read_or_asked_about(begun, name, customer):
    case = begun(name)
    asked = re.search(r"format: *\{ *encoding", case.said)
    encoding = name.partition("_")[2]
    header = raw(name, encoding=encoding, sep=None, engine="python", nrows=0).columns
    assert asked or (case.columns["customer"] == customer and case.columns["amount"] in header)


@pytest.mark.case("a10")
def test_rows_of_placeholder_ids_are_counted_as_without_customer(begun, seglib):
    case = begun("a10_placeholder_ids")
    ids = raw("a10_placeholder_ids", dtype=str, keep_default_na=False)["customer_id"]
    nobody = ids.str.lower().isin({"", "null", "nan", "(not set)", "0", "guest"}).sum()
    checked = seglib("check", case.path)
    lines = (case.text + checked.stdout).splitlines()
    assert any(re.search(rf"\b{nobody}\b", line) and "customer" in line for line in lines)


@pytest.mark.case("a10")
def test_ids_that_differ_by_case_or_blanks_are_asked_about(tmp_path, seglib):
    frame = raw("a5_ids_of_13_digits").rename(columns={"customer_id": "customer"})
    frame["customer"] = "k" + (frame["customer"] % 997).astype(str)
    odd = frame.index[::7]
    frame.loc[odd, "customer"] = frame.loc[odd, "customer"].str.upper() + " "
    frame.to_csv(tmp_path / "a.csv", index=False)
    seglib("new", tmp_path / "a.csv", "--name", "case", cwd=tmp_path)
    text = (tmp_path / "data" / "case" / "study.yaml").read_text()
    assert re.search(r"CHECK: .*(capital|upper|blank|space)", text)


# --- orders and baskets ---------------------------------------------------------------------------


@pytest.mark.case("a13")
def test_lines_of_an_order_export_are_orders_by_their_number_and_money(begun):
    case = begun("a13_order_lines")
    assert case.columns["order"] == "Name"
    assert {"price", "quantity"} <= set(case.columns) or case.columns.get("amount") == "Total"
    assert not re.search(r"not money", case.said)


@pytest.mark.case("a14")
def test_baskets_without_prices_are_products_bought(begun):
    case = begun("a14_baskets")
    assert case.columns.get("product") == "itemDescription"
    assert "event" not in case.columns


# --- verdicts -------------------------------------------------------------------------------------


@pytest.mark.case("a1")
def test_whole_numbers_hold_the_groups_that_finer_ones_hold():
    rng = np.random.default_rng(1)
    half = rng.integers(0, 2, 1000)
    age = np.where(half == 0, 28, 62) + rng.normal(0, 7, 1000)
    for values in (age, age.round()):
        assert library.segment(pd.DataFrame({"age": values})).verdict.k == 2


@pytest.mark.case("a2")
def test_a_column_that_is_a_function_of_others_makes_no_groups():
    kinds = []
    for seed in (0, 2, 3):
        rng = np.random.default_rng(seed)
        recency = rng.integers(1, 411, 800)
        frame = pd.DataFrame({"recency": recency, "spend": rng.lognormal(3.5, 0.8, 800).round(2)})
        frame["trend"] = np.select([recency <= 91, recency <= 182], [1.0, -1.0], np.nan)
        frame["weekend_share"] = (rng.random(800) < 2 / 7) * 1.0
        kinds.append(library.segment(frame).verdict.k)
    assert kinds.count(1) >= 2


@pytest.mark.case("a2")
def test_customers_who_bought_once_form_no_groups(begun, made):
    files, _ = made(begun("a2_bought_once"), COLLECTION, "03_clustering")
    assert yaml.safe_load((files / "verdict.json").read_text())["kind"] in {"none", "constructive"}


@pytest.mark.case("b7")
def test_a_curve_filled_evenly_is_never_natural():
    kinds = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        angle = rng.uniform(0, np.pi, 600)
        frame = pd.DataFrame({"a": np.cos(angle), "b": np.sin(angle)})
        kinds.append(library.segment(frame + rng.normal(0, 0.12, (600, 2))).verdict.kind)
    assert "natural" not in kinds
