from datetime import date
from typing import get_args

import pytest
from worlds import shop_study

from seglib import study
from seglib.formats import load_yaml
from seglib.personas import measures
from seglib.study import StudyError


def mistakes(**changes):
    return study.problems(shop_study() | changes)


def test_a_sound_study_has_no_problems():
    assert mistakes() == []


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


def test_missing_key_is_named():
    raw = shop_study()
    del raw["objective"]
    assert study.problems(raw) == ["objective: is missing"]


def test_ordered_attribute_needs_levels():
    raw = shop_study()
    del raw["tables"]["customers"]["attributes"]["age"]["levels"]
    assert "needs `levels`" in study.problems(raw)[0]


def test_weeks_are_days():
    loaded = study.Study.model_validate({"path": "x", **shop_study(), "holdout": "2 weeks"})
    assert loaded.holdout == 14


def test_reports_stand_beside_data(shop):
    assert study.load(shop).reports == shop.parents[2] / "reports" / "shop"


@pytest.mark.parametrize("text", ["a: !!int x", "a: !!python/object/apply:os.system ['true']"])
def test_a_value_that_yaml_cannot_build_is_refused_in_a_sentence(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(StudyError):
        study.load(path)


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


def test_a_name_that_is_taken_gets_that_of_its_table_before_it():
    raw = shop_study()
    age = {"kind": "numeric", "base": "psychographic"}
    raw["tables"]["survey"] = {
        "source": "a.csv", "columns": {"customer": "c"}, "attributes": {"Age": age, "mood": age},
        "scales": {"tenure": {"items": ["Age", "mood"]}},
    }  # fmt: skip
    survey = study.Study.model_validate({"path": "x", **raw}).tables.survey
    assert list(survey.attributes) == ["survey_Age", "mood"]
    assert survey.attributes["survey_Age"].column == "Age"
    assert survey.attributes["survey_Age"].label == "Age (survey table)"
    assert survey.scales["survey_tenure"].items == ["survey_Age", "mood"]


def test_aliases_are_read_unless_they_grow_without_end():
    assert load_yaml("a: &a [x, x]\nb: [*a, *a]")["b"] == [["x", "x"], ["x", "x"]]
    with pytest.raises(ValueError, match="aliases"):
        load_yaml("a: &a [*a]")
