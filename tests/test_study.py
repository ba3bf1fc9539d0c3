from datetime import date

import pytest
import yaml
from conftest import shop_study

from seglib import study
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
        ({"title": ""}, ["title", "at least 1"]),
        ({"as_of": "soon"}, ["as_of", "'soon'"]),
        ({"holdout": "a while"}, ["holdout", "'91 days'", "'a while'"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"economics": {"margin": 25, "cost_per_customer": 1}}, ["economics.margin", "25"]),
        ({"economics": {"margin": 0.2}}, ["economics.cost_per_customer", "missing"]),
        ({"segmentation": {"bases": ["behavior"]}}, ["bases.0", "did you mean 'behavioural'"]),
        ({"segmentation": {"method": "kmean"}}, ["method", "did you mean 'kmeans'"]),
        ({"tables": {}}, ["tables", "at least one of transactions"]),
        ({"timezone": {"zone": "UTC"}}, ["timezone.local", "missing"]),
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
