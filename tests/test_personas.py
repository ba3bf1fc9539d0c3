"""Names, what a persona begins with, what it cannot say, and the files for others."""

import json
from types import SimpleNamespace

import bench_persona
import numpy as np
import pandas as pd
import planted
import pytest

from seglib import wording
from seglib.personas import personas, playbook, profile
from seglib.personas.evidence import Evidence
from seglib.report import cards
from seglib.runs import Run
from seglib.study import StudyError


@pytest.fixture(scope="module")
def full():
    return planted.full()


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A run with nothing but customers."""
    return planted.finished(planted.run(tmp_path_factory.mktemp("bare"), 1))


# --- what personas say ----------------------------------------------------------------------------


def test_personas_state_what_was_planted_and_not_what_is_chance(tmp_path):
    for seed in range(2):
        stated, wanted, false, _ = bench_persona.judge(seed, tmp_path)
        assert (stated, false) == (wanted, 0)


def test_one_segment_gets_a_portrait_of_everyone(tmp_path):
    labels = planted.customers(1)[1]
    ev, found, people, book = planted.finished(planted.run(tmp_path, 1, labels * 0 + 1))
    assert [p["name"] for p in people] == ["All shoppers"]
    assert not any(c["direction"] for c in found) and "typical" in {c["rule"] for c in found}
    assert playbook.answer(ev, people, book)["use"] == "none"


def test_the_column_of_which_segments_were_made_is_no_finding(tmp_path):
    run = planted.run(tmp_path)
    before = Evidence(run)
    assert {"member", "age"} <= set(before.described)
    reason = "The segments were given; 8 of 600 had no label."
    verdict = run.read("verdict.json") | {"method": "labels", "method_reason": reason}
    run.write("verdict.json", verdict)
    run.write("model.json", {"labels_from": "member"})
    after = Evidence(run)
    assert set(before.described) - set(after.described) == {"member"}
    words = personas.trust(after)
    assert words["labels"] == reason
    assert reason in wording.plain("04_persona_definition", "trust", who="customer", **words)


def test_segments_of_a_column_that_no_dictionary_has_are_refused(tmp_path):
    run = planted.run(tmp_path)
    run.write("verdict.json", run.read("verdict.json") | {"columns": ["orders", "ratio"]})
    with pytest.raises(StudyError, match="'ratio', of which the segments were made, is not"):
        Evidence(run)


def test_a_card_begins_with_size_then_marks_and_says_nothing_twice(full):
    _, found, people, _ = full
    rule = {c["id"]: c["rule"] for c in found}
    for person in people:
        assert [rule[i] for i in person["summary"][:2]] == ["size", "revenue"]
        marks = person["marks"]
        assert marks and person["summary"][2 : 2 + len(marks)] == marks
        opening = [heading for heading, _ in personas.opening(person, found)]
        assert opening[:2] == ["", personas.DEFINES]
        ids = [c["id"] for _, rows in personas.sections(person, found) for c in rows]
        assert len(ids) == len(set(ids)) and not set(ids) & set(person["summary"])


@pytest.mark.parametrize(("noise", "same"), [(1.0, True), (400.0, False)])
def test_two_columns_that_say_the_same_give_one_mark(tmp_path, noise, same):
    run = planted.run(tmp_path, 1)
    frame, labels = run.read("customers.parquet"), run.read("segments.parquet")["segment"]
    drawn = np.random.default_rng(3).normal(size=len(frame))
    twin = frame["orders"] + noise * drawn if same else labels.eq(1) + 0.7 * drawn
    _, found, people, _ = planted.finished(planted.with_column(run, "breadth", twin))
    column = {c["id"]: c["source"]["column"] for c in found}
    marks = {column[i] for i in people[0]["marks"]}
    assert ({"orders", "breadth"} <= marks) == (not same) and marks & {"orders", "breadth"}


@pytest.mark.parametrize(("sound", "doubt", "poor"), [
    (["valid", "distrust", "doubtful"], "some", ["2", "3"]), (["valid", "stable"], "none", []),
    ([None, None], "unknown", []),
])  # fmt: skip
def test_the_page_says_which_segments_are_doubtful(sound, doubt, poor):
    rows = [{"segment": i, "stable": word} for i, word in enumerate(sound, 1)]
    verdict = {"segments": rows, "kind": "natural", "headline": "Two."}
    found = personas.trust(SimpleNamespace(segments=[1, 2], verdict=verdict))
    assert (found["use"], found["doubt"], found["poor"]) == ("some", doubt, poor)


# --- motivations, from a survey -------------------------------------------------------------------

AGREE = ["not at all", "little", "partly", "mostly", "fully"]


def surveyed(folder, lean):
    """A run of which two thirds were asked about freshness."""
    run = planted.run(folder, 1)
    frame, labels = run.read("customers.parquet"), run.read("segments.parquet")["segment"]
    rng = np.random.default_rng(1)
    answer = labels.eq(1).to_numpy() * lean + rng.normal(size=len(frame))
    fresh = pd.cut(pd.Series(answer, frame.index), [-9, -1, 0, 1, 2, 9], labels=AGREE)
    run.write("customers.parquet", frame.assign(fresh=fresh.mask(rng.random(len(frame)) < 0.33)))
    lines = run.read("dictionary.json")
    lines["customers"].append({"name": "fresh", "label": "Buys for freshness", "unit": "",
                               "base": "psychographic", "kind": "ordered"})  # fmt: skip
    run.write("dictionary.json", lines)
    return planted.finished(run)


def test_motivations_are_claims_from_answers(tmp_path):
    ev, found, people, _ = surveyed(tmp_path, 1.6)
    own = [c for c in found if c["sections"] == ["motivations"] and c["segment"] == 1]
    assert [(c["source"]["column"], c["direction"]) for c in own] == [("fresh", "higher")]
    assert own[0]["sentence"].startswith("Far higher: buys for freshness, typically mostly")
    assert 10 <= own[0]["n"] < ev.inside(1).sum()  # of those who answered
    assert own[0]["id"] in people[0]["facts"]["motivations"]
    assert "motivations" not in {gap["topic"] for gap in people[0]["unknown"]}
    assert own[0]["sentence"] in cards.html(people[0], found, "#0b5fa5")


def test_who_answers_alike_or_is_not_asked_is_to_be_asked_why(tmp_path, bare):
    answered = "their answers in the survey do not set them apart"
    for people, why in (
        (surveyed(tmp_path, 0)[2], answered),
        (bare[2], "there are no survey answers"),
    ):
        gaps = {gap["topic"]: gap for gap in people[1]["unknown"]}
        assert gaps["motivations"]["why"] == why and gaps["motivations"]["questions"]
        assert gaps["price stance"]["why"] == "discounts are not recorded"


# --- names ----------------------------------------------------------------------------------------


def markers(**effects):
    """Markers of columns, an effect for each segment, as from `profile.markers`."""
    rows = [
        {"segment": s, "name": name, "label": name, "level": "", "base": "", "kind": "numeric",
         "effect": x, "low": x - 0.1, "high": x + 0.1}
        for name, values in effects.items() for s, x in enumerate(values, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_no_two_names_say_the_same_in_other_words():
    assert personas.names(markers(orders=[0.5, 0.6, 0.0]), "shoppers") == {
        1: "Frequent shoppers", 2: "Segment 2 shoppers", 3: "Near-average shoppers",
    }  # fmt: skip
    rows = markers(orders=[0.9, 0.6, 0.5], basket_value=[0.3, 0.7, 0.0])
    assert personas.names(rows, "shoppers") == {
        1: "Frequent shoppers with large baskets", 2: "Shoppers with large baskets",
        3: "Frequent shoppers",
    }  # fmt: skip


def test_the_columns_that_a_name_is_made_of_are_known():
    rows = markers(orders=[0.9], basket_value=[0.3], recency=[-0.9])
    said = personas.worded("Frequent shoppers with large baskets", rows)
    assert [row["column"] for row in said] == ["orders", "basket_value"]
    assert personas.worded("Weekend families", rows) == []
    both = markers(active_days=[0.8], sessions=[0.9])  # one word for both: the stronger is meant
    assert [row["column"] for row in personas.worded("Frequent users", both)] == ["sessions"]


def test_the_analyst_may_rename_a_segment_and_a_true_name_is_kept():
    rows = markers(orders=[0.9, -0.4], basket_value=[0.15, -0.5])
    own = personas.names(rows, analyst={2: "Sunday bakers"})
    assert own == {1: "Frequent customers", 2: "Sunday bakers"}
    kept = "Frequent customers with large baskets"  # its baskets are less clear, but still larger
    assert personas.names(rows, earlier={1: kept})[1] == kept
    assert personas.names(rows, earlier={1: "Frequent customers with small baskets"})[1] != kept


def named(columns, base, noun="respondents", **kinds):
    """Return the names of two segments, of 60 people each, by columns of 60 and 60 values."""
    frame = pd.DataFrame(
        {name: pd.Categorical(values, **kinds) for name, values in columns.items()}
    )
    labels = pd.Series(np.repeat([1, 2], len(frame) // 2))
    lines = [{"name": n, "label": n.capitalize(), "base": base, "unit": ""} for n in columns]
    return personas.names(profile.markers(frame, labels, lines), noun)


def mixed(first, second, share, other):
    """Return 60 values of which a share is the first, and 60 of which another share is."""
    many = [round(60 * part) for part in (share, other)]
    return [v for n in many for v in [first] * n + [second] * (60 - n)]


def test_names_say_what_was_answered_more_often():
    columns = {"cheap": mixed("Yes", "No", 0.9, 0.2), "tasty": mixed("Yes", "No", 0.8, 0.3)}
    assert named(columns, "psychographic") == {
        1: "Respondents who more often answer yes to “cheap” and yes to “tasty”",
        2: "Respondents who more often answer no to “cheap” and no to “tasty”",
    }
    columns["tasty"] = mixed("No", "Yes", 0.8, 0.3)
    assert named(columns, "psychographic")[1] == (
        "Respondents who more often answer yes to “cheap” and no to “tasty”"
    )


def test_codes_are_read_as_yes_and_no_of_answers_and_named_with_their_column_elsewhere():
    columns = {"cheap": mixed("1", "0", 0.9, 0.2), "group": mixed("1", "2", 0.9, 0.2)}
    assert named(columns, "psychographic")[1] == (
        "Respondents who more often answer yes to “cheap” and “1” to “group”"
    )
    assert named(columns, "plan", "shoppers") == {
        1: "Shoppers with cheap 1 and group 1",
        2: "Shoppers with cheap 0 and group 2",
    }


def test_what_most_of_a_segment_have_is_told_from_what_they_have_more_often():
    columns = {
        "contract": mixed("Month-to-month", "Two year", 0.9, 0.2),
        "television": mixed("Yes", "No", 0.45, 0.1),
    }
    assert named(columns, "plan", "customers") == {
        1: "Customers with month-to-month contract",
        2: "Customers with two year contract and no television",
    }


def test_ordered_answers_are_named_as_answers_and_other_figures_by_themselves():
    order = {"categories": ["low", "mid", "high"], "ordered": True}
    values = {"like": ["low"] * 40 + ["mid"] * 20 + ["low", "mid", "high"] * 20}
    told = named(values, "psychographic", **order)
    assert told[1] == "Respondents with low answers to “like”"
    assert named(values, "plan", "customers", **order)[2] == "Customers with high like"


# --- files for others -----------------------------------------------------------------------------


def test_a_persona_keeps_the_name_it_had_before(full, tmp_path):
    """The names of the run that the numbers are from are read from its personas.json."""
    old = full[0].run
    (tmp_path / "2024-04-01").mkdir()
    people = [{"segment": 1, "name": "Frequent shoppers", "named_by": "rule"}]
    (tmp_path / "2024-04-01" / "personas.json").write_text(json.dumps(people))
    given = old.study.model_copy(update={"path": tmp_path / "study.yaml"})
    run = Run(given, old.as_of, tmp_path / "new", 7)
    run.write("model.json", {"numbered": {"as_of": "2024-04-01", "kept": [{"segment": 1}]}})
    assert personas.before(run) == {1: people[0] | {"earlier": True}}


def test_a_card_has_the_evidence_of_its_own_test_and_of_no_other(full):
    _, found, people, book = full[:4]
    one = [row for row in book["levers"] if row["segment"] == people[0]["segment"]][:1]
    other = [
        c | {"id": "x", "statistic": "share that buys: mean"} for c in found if c["rule"] == "rank"
    ]
    rows = cards.tested([*found, *other], one)
    assert {c["rule"].partition("-")[0] for c in rows} == {"test"}
    assert {c["segment"] for c in rows} == {people[0]["segment"]}
    assert rows[0]["statistic"][1:] in cards.html(people[0], found, "#0b5fa5", book["levers"])


def test_a_card_offers_a_test_only_where_its_segment_can_carry_one(full):
    _, found, people, book = full[:4]
    row = next(row for row in book["levers"] if row["experiment"]["baseline"])
    person = next(p for p in people if p["segment"] == row["segment"])
    plan = row["experiment"] | {"enough": False, "n_per_arm": 10**6}
    poor = row | {"experiment": plan, "other": None, "ways": [{"way": "again", "value": 3}]}
    card = cards.html(person, found, "#0b5fa5", [poor])
    assert "<h4>Not answerable yet</h4>" in card and "3 such tests one after another" in card
    assert "<h4>One test</h4>" not in card and "<h4>Do</h4>" not in card
    rich = row | {"experiment": plan | {"enough": True}}
    card = cards.html(person, found, "#0b5fa5", [rich])
    assert "<h4>One test</h4>" in card and "Not answerable yet" not in card
