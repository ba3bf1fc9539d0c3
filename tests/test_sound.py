"""What `check` passes, `run` finishes: odd but valid studies, and those that check refuses."""

import numpy as np
import pandas as pd
import pytest
import yaml
from worlds import shop_study, shop_tables, write_shop

from seglib import cli, plan, runs, study
from seglib.clustering import Encoder
from seglib.collection import activity, audit, features, tables
from seglib.collection.dictionary import apart
from seglib.collection.dictionary import row as entry
from seglib.study import StudyError

RARE = ["no"] * 199 + ["yes"]


def odd(folder, change):
    """Write a shop that a function of its tables and its study has changed; return its path."""
    shop, raw = shop_tables(), shop_study()
    change(shop, raw["tables"], raw)
    return write_shop(folder, shop, raw)


def customers(path):
    """Return what 01 makes of a study: the frame of customers and its dictionary."""
    loaded = plan.check(str(path))
    clean, _ = audit.audit(loaded, tables.open_tables(loaded), loaded.as_of)
    return features.customers(activity.facts(loaded, clean, loaded.as_of))


def pages(path):
    """Return the pages that check promises, by name."""
    return {line[:26].strip(): line for line in plan.outlook(plan.check(path))["Pages"]}


# --- names --------------------------------------------------------------------------------------

CLASHES = ["tenure", "Orders", "customer", "share_gifts", "segment", "probability"]


@pytest.mark.parametrize("name", CLASHES)
def test_a_column_named_like_one_that_seglib_makes_is_kept_beside_it(tmp_path, name):
    def change(shop, about, raw):
        shop["customers"][name] = np.arange(200.0)
        about["customers"]["attributes"][name] = {"kind": "numeric", "base": "plan"}

    frame, lines = customers(odd(tmp_path, change))
    made = {"tenure", "orders", "share_gifts"}
    own = f"customers_{name}" if name.lower() in {*made, "customer"} else name
    assert made < set(frame.columns)
    assert frame[own].tolist() == [float(c - 1) for c in frame.index]
    assert len({line["label"].lower() for line in lines}) == len(lines)
    assert next(line for line in lines if line["name"] == own)["meaning"] == (
        f"column {name} as given"
    )


def test_two_tables_may_have_columns_of_one_name(tmp_path):
    def change(shop, about, raw):
        rows = np.arange(200.0)
        shop["survey"] = pd.DataFrame({"client": rows + 1, "age": rows, "q": rows + 2})
        about["survey"] = {
            "source": "raw/survey.parquet", "columns": {"customer": "client"},
            "attributes": {"age": {"kind": "numeric"}, "q": {"kind": "numeric"}},
            "scales": {"orders": {"items": ["age", "q"]}},
        }  # fmt: skip

    frame, lines = customers(odd(tmp_path, change))
    assert (frame["survey_age"] == frame.index - 1).all()
    assert (frame["survey_orders"] == frame.index).all()
    assert {"Age", "Age (survey table)"} < {line["label"] for line in lines}


def test_an_outcome_may_be_named_like_a_feature(tmp_path):
    def change(shop, about, raw):
        shop["customers"]["recency"] = ["Y", "N"] * 100
        about["customers"]["outcomes"] = {"recency": {"label": "left", "happened": "Y"}}

    path = odd(tmp_path, change)
    assert list(study.load(path).outcomes) == ["customers_recency"]
    assert {"recency"} < set(customers(path)[0].columns)


def test_without_transactions_a_feature_is_given_as_a_number_or_is_none(tmp_path):
    def change(shop, about, raw):
        for name in ("transactions", "products", "campaigns", "responses"):
            del about[name]
        del raw["holdout"]
        shop["customers"] = shop["customers"].assign(spend=["low", "high"] * 100, tenure=2.0)
        about["customers"]["attributes"] = {"spend": {}, "tenure": {"kind": "numeric"}}
        raw["segmentation"] = {"bases": ["demographic"]}

    assert {"customers_spend", "tenure"} == set(customers(odd(tmp_path, change))[0].columns)


def test_two_outcomes_of_one_label_are_refused(tmp_path):
    def change(shop, about, raw):
        shop["customers"] = shop["customers"].assign(a="Y", b="N")
        about["customers"]["outcomes"] = {
            name: {"label": "left", "happened": ["Y", "N"]} for name in "ab"
        }

    with pytest.raises(StudyError, match="two outcomes have the label 'left'"):
        plan.check(str(odd(tmp_path, change)))


def test_a_feature_may_be_asked_for_by_the_name_that_it_gets(tmp_path):
    def change(shop, about, raw):
        shop["customers"]["tenure"] = np.arange(200.0)
        about["customers"]["attributes"]["tenure"] = {"kind": "numeric", "base": "plan"}
        raw["segmentation"] = {
            "bases": ["plan", "behavioural"], "features": ["customers_tenure", "tenure"],
        }  # fmt: skip

    assert study.problems(yaml.safe_load(odd(tmp_path, change).read_text())) == []


def test_labels_that_stand_twice_are_told_apart_by_the_columns_names():
    lines = [entry("orders", "Orders", "behavioural"), entry("b", "orders", "plan")]
    assert [line["label"] for line in apart(lines)] == ["Orders", "orders (b)"]


def test_product_groups_that_read_alike_have_a_column_each_and_the_rest_its_own():
    names = features._share_names(["Other", "A&B", "a-b", "Tea"])
    assert len(set(names.values())) == 4
    assert names["Tea"] == "share_tea" and "share_other" not in names.values()


# --- columns that cannot form segments ----------------------------------------------------------


def test_a_rare_level_is_left_out_and_said():
    frame = pd.DataFrame({"flag": RARE, "x": np.arange(200.0) % 50})
    encoder = Encoder().fit(frame)
    rules, notes = encoder.rules_, encoder.notes_
    assert [rule["name"] for rule in rules] == ["x"]
    assert "'flag' has fewer than two levels that 1% of rows hold" in notes[0]


def forms(values, kind="nominal", **keys):
    """Let a column of customers, and nothing else, form the segments."""

    def change(shop, about, raw):
        shop["customers"]["given"] = values
        about["customers"]["attributes"]["given"] = {"kind": kind, "base": "plan"}
        raw["segmentation"] = {"bases": ["plan"], "describe_with": []} | keys

    return change


REFUSED = {
    "one rare level": (forms(RARE), "None of the 1 columns varies"),
    "one value": (forms(3.0, "numeric"), "None of the 1 columns varies"),
    "nothing known": (forms(None), "None of the 1 columns varies"),
    "a different value each": (forms([f"K{i}" for i in range(200)]), "like an identifier"),
    "too many segments": (forms(["a", "b"] * 100, k=9), "9 segments were asked for"),
    "a need that nobody has": (
        lambda shop, about, raw: raw.update(
            segmentation={"bases": ["needs"], "features": ["share_nothing"]}
        ),
        "'share_nothing', expected one of",
    ),
    "a feature without its role": (
        lambda shop, about, raw: raw.update(segmentation={"features": ["places"]}),
        "'places', expected one of",
    ),
    "a product feature without its role": (
        lambda shop, about, raw: (
            about["transactions"]["columns"].pop("discount"),
            raw.update(segmentation={"product_features": ["promotion_share"]}),
        ),
        "'promotion_share', expected one of",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_check_refuses_what_could_form_no_segments(tmp_path, name, capsys):
    change, words = REFUSED[name]
    assert cli.main(["check", str(odd(tmp_path, change))]) == 2
    assert words in capsys.readouterr().err


# --- pages --------------------------------------------------------------------------------------


def test_a_page_that_the_run_leaves_out_is_not_promised(tmp_path):
    def change(shop, about, raw):
        for name in ("transactions", "products", "campaigns", "responses"):
            del about[name]
        del raw["holdout"]
        about["customers"]["attributes"]["truth"] = {"base": "plan"}
        raw["segmentation"] = {"bases": ["plan"]}

    found = pages(odd(tmp_path, change))
    assert all(plan.NO_PAGE in found[page] for page in ("05 results", "03 products"))


def one_product(shop, about, raw):
    """Sell one product alone, and look after three weeks, before a whole month is known."""
    shop["transactions"]["sku"] = 0
    raw["as_of"] = "2023-01-25"
    raw["segmentation"] = {
        "bases": ["behavioural", "needs"], "k_max": 3,
        "features": ["recency", "orders", "basket_value", "share_bakery"],
    }  # fmt: skip


def test_one_product_alone_has_no_page_and_the_plan_leaves_it_out(tmp_path):
    path = odd(tmp_path, one_product)
    assert "fewer than two products" in pages(path)["03 products"]
    one = next(step for step in plan.steps(study.load(path)) if step.needs)
    assert plan.left_out(one, runs.open_run(path)) == "there is no products.parquet"


def test_without_a_whole_month_before_the_date_nothing_is_promised_of_months(tmp_path):
    path = odd(tmp_path, lambda shop, about, raw: raw.update(as_of="2023-01-25"))
    told = pages(path)["02 exploratory analysis"]
    assert "months (no whole month of transactions)" in told
