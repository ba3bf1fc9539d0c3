from datetime import date
from typing import get_args

import pytest
import yaml
from worlds import shop_study

from seglib import study
from seglib.formats import load_yaml
from seglib.personas import targeting
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
        ({"title": ""}, ["title: found '', expected some text"]),
        ({"as_of": "soon"}, ["as_of: expected a date such as 2017-10-01, found 'soon'"]),
        ({"holdout": "a while"}, ["holdout", "'91 days'", "'a while'"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"economics": {"margin": 25, "cost_per_customer": 1}}, ["economics.margin", "25"]),
        ({"economics": {"margin": 0.2}}, ["economics.cost_per_customer", "missing"]),
        ({"segmentation": {"bases": ["behavior"]}}, ["bases.0", "did you mean 'behavioural'"]),
        ({"segmentation": {"method": "kmean"}}, ["method", "did you mean 'kmeans'"]),
        ({"tables": {}}, ["tables", "at least one of transactions"]),
        ({"timezone": {"zone": "UTC"}}, ["timezone.local", "missing"]),
        ({"timezone": {"local": "Europe/Berln"}}, ["timezone.local", "'Europe/Berlin'", "Berln'"]),
        ({"timezone": {"local": "UTC", "stored": "/etc"}}, ["timezone.stored", "'/etc'"]),
        ({"as_of": 20171001}, ["as_of: expected a date such as 2017-10-01, found 20171001"]),
        ({"path": "x"}, ["path: unknown key"]),
        ({"targeting": {"sizes": 1}}, ["targeting.sizes: unknown key", "stability", "'size'?"]),
        ({"targeting": {"size": -1}}, ["targeting.size: found -1, expected 0 or more"]),
        ({"targeting": {"size": float("nan")}}, ["targeting.size"]),
        ({"targeting": {"size": 0}}, ["targeting: expected a weight above 0"]),
        ({"targeting": {"size": "a"}}, ["targeting.size: found 'a', expected a number"]),
        ({"segmentation": {"features": None}}, ["segmentation.features", "nothing", "a list"]),
        ({"objective": None}, ["objective: found nothing, expected text"]),
        ({"segmentation": {"bases": []}}, ["segmentation.bases: found [], expected at least 1"]),
        ({"seed": 2.5}, ["seed: found 2.5, expected a whole number"]),
        ({"max_dropped": 3}, ["max_dropped: found 3, expected 1 or less"]),
        (
            {"tables": {"customers": "a.csv"}},
            ["customers: found 'a.csv', expected a block of keys"],
        ),
        (
            {"personas": {"names": {"one": "x"}}},
            ["personas.names.one: found the key 'one', expected a whole number"],
        ),
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


def test_all_mistakes_come_at_once(shop):
    raw = shop_study() | {"as_of": "soon", "colour": "red", "seed": "x", "objective": ""}
    raw["segmentation"] = {"k_max": 99}
    shop.write_text(yaml.safe_dump(raw))
    with pytest.raises(StudyError) as caught:
        study.load(shop)
    assert "5 mistakes" in str(caught.value)
    for key in ("as_of", "colour", "seed", "objective", "segmentation.k_max"):
        assert key in str(caught.value)


def test_weeks_are_days():
    loaded = study.Study.model_validate({"path": "x", **shop_study(), "holdout": "2 weeks"})
    assert loaded.holdout == 14


def test_unknown_study_lists_those_that_exist():
    with pytest.raises(StudyError, match=r"'nope'.*complete_journey"):
        study.load("nope")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: [", "line"),
        ("", "holds no keys"),
        ("- a\n- b", "holds no keys"),
        ("title: a\ntitle: b", "'title' stands twice"),
        ("title: !!python/object/apply:os.system ['true']", "line 1"),
    ],
)
def test_what_is_not_a_study_is_refused_in_a_sentence(tmp_path, text, words):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=words):
        study.load(path)


def test_binary_file_is_not_a_study(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(StudyError, match="not UTF-8"):
        study.load(path)


def test_reports_stand_beside_data(shop):
    assert study.load(shop).reports == shop.parents[2] / "reports" / "shop"


def test_a_day_that_does_not_exist_comes_with_all_other_mistakes(shop):
    text = yaml.safe_dump(shop_study() | {"seed": -1}).replace("'2023-08-01'", "2017-13-01")
    assert "as_of: 2017-13-01" in text
    shop.write_text(text)
    with pytest.raises(StudyError) as caught:
        study.load(shop)
    assert "as_of: expected a date such as 2017-10-01, found '2017-13-01'" in str(caught.value)
    assert "2 mistakes" in str(caught.value)


@pytest.mark.parametrize("text", ["a: !!int x", "a: !!timestamp x", "a: !!bool x", "a: 0b_"])
def test_a_value_that_yaml_cannot_build_is_refused_in_a_sentence(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(StudyError):
        study.load(path)


def test_names_known_before_any_table_are_those_of_their_owners():
    assert list(get_args(study.Criterion)) == list(targeting.CRITERIA)


def test_no_plain_name_of_a_mistake_is_missing():
    raw = shop_study() | {"currency": 4, "economics": [1], "timezone": True, "title": "a" * 3}
    raw["tables"]["products"]["labels"] = {1: "x"}
    raw["tables"]["campaigns"]["randomised"] = "maybe"
    found = study.problems(raw)
    assert len(found) == 5
    assert not any("something else" in line or "[key]" in line for line in found), found


def forming(**segmentation):
    return study.problems(shop_study() | {"segmentation": segmentation})


def test_unknown_features_are_named_all_at_once():
    found = forming(
        bases=["behavioural", "demographic", "needs"],
        features=["recensy", "orders", "age", "share_anything", "income"],
        product_features=["prize", "evenness"],
    )
    assert len(found) == 3
    assert "segmentation.features: found 'recensy'" in found[0]
    assert "did you mean 'recency'" in found[0]
    assert "found 'income'" in found[1]
    assert "segmentation.product_features: found 'prize'" in found[2]


def test_a_feature_of_a_base_that_forms_nothing_is_refused():
    assert "found 'age'" in forming(bases=["behavioural"], features=["age"])[0]
    assert forming(bases=["behavioural"], features="orders") == []


@pytest.mark.parametrize(
    ("base", "gone", "word"),
    [
        ("behavioural", ["transactions"], "a table transactions"),
        ("needs", ["products"], "tables.products.columns.group"),
        ("needs", ["transactions"], "tables.transactions.columns.product"),
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


def test_what_depends_on_other_keys_is_checked_beside_their_mistakes():
    raw = shop_study() | {"seed": "x", "segmentation": {"bases": ["plan"], "features": ["no"]}}
    raw["tables"]["customers"] = 3
    assert len(study.problems(raw)) == 4


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
