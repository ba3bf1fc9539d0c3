"""Tables without ids and surveys: rows as people, yes and no, how often, likes, and their names."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from seglib import cli, study
from seglib.collection import people, scales, tables

CASES = Path(__file__).parent / "cases"
SURVEY, CUSTOMERS = "b4_survey_no_id.csv", "a11_no_id.csv"
LIKES = ["I hate it!-5", *(f"{n:+d}" if n else "0" for n in range(-4, 5)), "I love it!+5"]
QUESTIONS = ["tasty", "cheap", "fast", "greasy", "healthy"]


def begun(frame, folder, monkeypatch, name="a.csv"):
    """Run `seglib new` on a frame, or on a case, and return the study as a mapping and as text."""
    monkeypatch.chdir(folder)
    if isinstance(frame, str):
        (folder / name).write_bytes((CASES / frame).read_bytes())
    else:
        frame.to_csv(folder / name, index=False)
    code = cli.main(["new", name, "--name", "s"])
    path = folder / "data/s/study.yaml"
    text = path.read_text() if code == 0 else ""
    return code, yaml.safe_load(text) if text else None, text


def answers(people=120, seed=1, yes="Yes", no="No"):
    """Return yes and no to five questions, and how often people come."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.choice([yes, no], people) for name in QUESTIONS})
    return frame.assign(visits=rng.choice(["Never", "Once a month", "Every two weeks"], people))


# --- rows as people -------------------------------------------------------------------------------


def test_a_survey_without_ids_is_read_row_by_row_with_a_doubt(tmp_path, monkeypatch, capsys):
    _, raw, text = begun(SURVEY, tmp_path, monkeypatch)
    spec = raw["tables"]["survey"]
    assert spec["columns"] == {"customer": "<row>"}
    assert raw["customer"] == "respondent"
    assert "which groups of respondents differ" in raw["objective"]
    assert "# CHECK: each row is taken as one respondent, called by its number" in text
    bases = {name: about["base"] for name, about in spec["attributes"].items()}
    assert {bases[name] for name in ("tasty", "spicy", "VisitFrequency")} == {"psychographic"}
    assert bases["age"] == "demographic"
    assert "# CHECK: 'tasty', 'cheap', 'fast' and 3 more hold Yes or No alike" in text
    visits = spec["attributes"]["VisitFrequency"]
    assert (visits["label"], visits["kind"]) == ("Visit frequency", "ordered")
    assert visits["levels"] == [
        "Never", "Once a year", "Every three months", "Once a month", "Once a week",
        "More than once a week",
    ]  # fmt: skip
    assert raw["segmentation"]["bases"] == ["psychographic"]
    assert cli.main(["check", "s"]) == 0
    assert "300 known" in capsys.readouterr().out


def test_customers_without_ids_are_read_row_by_row_with_a_doubt(tmp_path, monkeypatch, capsys):
    _, raw, text = begun(CUSTOMERS, tmp_path, monkeypatch)
    spec = raw["tables"]["customers"]
    assert spec["columns"] == {"customer": "<row>"}
    assert "# CHECK: each row is taken as one customer, called by its number" in text
    kinds = {name: about["kind"] for name, about in spec["attributes"].items()}
    assert kinds == dict.fromkeys(["Channel", "Region"], "nominal") | dict.fromkeys(
        ["Fresh", "Milk", "Grocery"], "numeric"
    )
    assert "# CHECK: 'Region' holds whole numbers from 1 to 3 and is taken as groups" in text
    assert cli.main(["check", "s"]) == 0
    rows = list(csv.DictReader((CASES / CUSTOMERS).open()))
    opened = tables.open_tables(study.load("s"))["customers"].execute().set_index("customer")
    assert [opened["Milk"][i + 1] for i in range(len(rows))] == [float(r["Milk"]) for r in rows]


NO_PEOPLE = {
    "orders with dates": (
        pd.DataFrame({"date": pd.date_range("2024-01-01", periods=90), "amount": range(90),
                      "region": ["N", "S", "W"] * 30}),
        "a file of what describes them without 'date', whose rows are then numbered",
    ),
    "lines with a price and a quantity": (
        pd.DataFrame({"price": np.arange(90) % 7 + 0.5, "quantity": np.arange(90) % 3 + 1,
                      "country": ["FR", "DE", "ES"] * 30}),
        "such as customer_id; or, if each row is one customer",
    ),
    "lines of orders": (
        pd.DataFrame({"invoice": np.arange(90) // 2, "amount": np.arange(90) % 7 + 0.5,
                      "country": ["FR", "DE", "ES"] * 30}),
        "such as customer_id; or, if each row is one customer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_PEOPLE)
def test_orders_of_nobody_are_refused_and_the_way_out_is_named(tmp_path, monkeypatch, capsys, name):
    frame, words = NO_PEOPLE[name]
    code, raw, _ = begun(frame, tmp_path, monkeypatch)
    assert (code, raw) == (2, None)
    assert words in capsys.readouterr().err


def test_rows_without_ids_are_not_joined_with_orders_by_their_number(tmp_path, monkeypatch):
    when = pd.date_range("2023-01-01", periods=300)
    pd.DataFrame({"customer_id": np.arange(300) % 60 + 1, "date": when, "amount": 5.5}).to_csv(
        tmp_path / "orders.csv", index=False
    )
    answers(60).to_csv(tmp_path / "answers.csv", index=False)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", "orders.csv", "answers.csv", "--name", "s"]) == 0
    path = tmp_path / "data/s/study.yaml"
    raw = yaml.safe_load(path.read_text())
    assert list(raw["tables"]) == ["transactions"]
    assert "answers.csv is left out" in path.read_text()
    raw["tables"]["survey"] = {
        "source": "../../answers.csv",
        "columns": {"customer": "<row>"},
        "attributes": {"tasty": {"base": "psychographic"}},
    }
    said = study.problems(raw)
    assert len(said) == 1
    assert "survey takes each row as a customer (<row>), whom no other table can name" in said[0]


# --- answers --------------------------------------------------------------------------------------


def has_with_ids(frame):
    return frame.drop(columns="visits").assign(customer_id=[f"C{i}" for i in range(len(frame))])


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda f: f, "survey", "are taken as answers"),
        (lambda f: f.drop(columns="visits"), "survey", "are taken as answers"),
        (lambda f: f.replace({"Yes": 1, "No": 0}), "survey", "hold 1 or 0 alike"),
        (lambda f: f.assign(respondent_id=range(101, 101 + len(f))), "survey", "taken as answers"),
        (has_with_ids, "customers", "taken as what customers have"),
    ],
)
def test_a_battery_of_yes_and_no_is_answers_or_is_asked_about(
    tmp_path, monkeypatch, change, kind, words
):
    _, raw, text = begun(change(answers()), tmp_path, monkeypatch)
    about = raw["tables"][kind]["attributes"]
    assert {about[name]["base"] for name in QUESTIONS} == {
        "psychographic" if kind == "survey" else "plan"
    }
    assert words in text


@pytest.mark.parametrize(
    ("phrase", "times"),
    [
        ("Never", 0), ("Once a year", 1), ("Every three months", 4), ("Once a month", 12),
        ("once every 2 weeks", 26), ("2-3 times a week", 130), ("Twice weekly", 104),
        ("Every other day", 182.5), ("once in two months", 6), ("4x a year", 4),
        ("6 times/month", 72), ("Daily", 365), ("5 days a week", 260), ("alle drei Monate", 4),
        ("Mehrmals pro Woche", 208), ("une fois par semaine", 52), ("Cada tres meses", 4),
        ("3 months", None), ("In 2 weeks", None), ("Month-to-month", None), ("Two year", None),
        ("in the last 3 months", None), ("Once", None), ("Yes", None),
    ],
)  # fmt: skip
def test_how_often_is_read_as_times_a_year(phrase, times):
    assert scales.per_year(phrase) == times


@pytest.mark.parametrize(
    "ordered",
    [
        ["Never", "Once a year", "Once a week", "More than once a week", "Daily"],
        ["Less often", "Less than once a month", "Once a month", "At least once a week"],
        ["Nie", "Alle drei Monate", "Einmal pro Woche", "Täglich"],
        LIKES,
        ["1 - not at all", "2", "3", "4", "5 - very much"],
        ["Bad (-2)", "Fair (0)", "Good (+2)"],
    ],
)
def test_frequencies_and_likes_are_put_in_order(ordered):
    assert scales.ordered(sorted(ordered))[1] == ordered


@pytest.mark.parametrize(
    "texts", [["Sector 7", "Sector 8", "9"], ["US-1", "US-2", "US-3"], ["A1", "A2", "A3"]]
)
def test_numbered_names_are_in_no_order(texts):
    assert scales.ordered(texts) is None


def test_likes_written_as_numbers_are_ordered_from_minus_to_plus(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    rows = answers().assign(like=rng.integers(-5, 6, 120), love=rng.choice(LIKES, 120))
    _, raw, _ = begun(rows, tmp_path, monkeypatch)
    about = raw["tables"]["survey"]["attributes"]
    assert [str(v) for v in about["like"]["levels"]] == [str(n) for n in range(-5, 6)]
    assert [str(v) for v in about["love"]["levels"]] == LIKES
    assert {about[name]["base"] for name in ("like", "love")} == {"psychographic"}


def test_frequencies_that_could_be_meant_the_other_way_round_are_asked_about(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    words = ["Never", "Twice a month", "Every two weeks", "Daily"]
    _, _, text = begun(answers().assign(visits=rng.choice(words, 120)), tmp_path, monkeypatch)
    assert "is 'Every two weeks' more often than 'Twice a month'?" in text


def test_headings_in_one_word_are_written_apart():
    assert people.label("VisitFrequency") == "Visit frequency"
    assert people.label("How often? [ROI]") == "ROI"
