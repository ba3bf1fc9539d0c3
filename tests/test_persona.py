import json
import re
from types import SimpleNamespace

import bench_persona
import numpy as np
import pandas as pd
import planted
import pytest

from seglib.files import Run
from seglib.personas import (
    called,
    claims,
    naming,
    persona,
    picking,
    playbook,
    statistic,
    story,
    targeting,
)
from seglib.personas.grounds import Evidence
from seglib.report import cards
from seglib.study import StudyError


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A run with every table, and what 04 makes of it."""
    run = planted.add_purchases(planted.run(tmp_path_factory.mktemp("full"), 1))
    return planted.finished(run)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A run with nothing but customers."""
    return planted.finished(planted.run(tmp_path_factory.mktemp("bare"), 1))


def copied(run: Run, folder) -> Run:
    """Return the same run in another folder, to be spoilt."""
    for path in run.folder.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return Run(run.study, run.as_of, folder, run.seed)


# --- claims ---------------------------------------------------------------------------------------


def test_every_claim_holds_when_read_back(full):
    run = full[0].run
    assert claims.verify(run.read("claims.json"), run) == len(full[1]) > 30


def test_claims_carry_their_evidence(full):
    for claim in full[1]:
        assert claim["n"] >= 10
        assert claim["source"]["table"]
        assert claim["run"].endswith("2024-07-01")
        assert claim["sentence"].endswith(".")


def kinds(found):
    """Return one claim of each rule."""
    return {claim["rule"]: i for i, claim in enumerate(found)}


@pytest.mark.parametrize("key", ["value", "low", "n", "inside", "sentence", "direction"])
def test_a_changed_claim_of_any_rule_is_named(full, key):
    ev = full[0]
    told = ev.run.read("claims.json")
    for i in kinds(told).values():
        spoilt = json.loads(json.dumps(told[i]))
        if spoilt.get(key) is None:
            continue
        words = {"sentence": "They are best.", "direction": "sideways"}
        more = 1 if key == "n" else 1e-3
        spoilt[key] = words.get(key, "x") if isinstance(spoilt[key], str) else spoilt[key] + more
        with pytest.raises(StudyError, match=spoilt["id"]):
            claims.verify([spoilt], ev)


def test_a_changed_table_stops_the_claims_that_rest_on_it(full, tmp_path):
    told = full[0].run.read("claims.json")
    for name, column in [("customers.parquet", "spend"), ("purchases.parquet", "amount"),
                         ("monthly.parquet", "spend")]:  # fmt: skip
        run = copied(full[0].run, tmp_path)
        table = run.read(name)
        table[column] = table[column] * np.linspace(0.5, 1.5, len(table))
        run.write(name, table)
        rests = [c for c in told if c["source"]["table"] == name]
        wrong = [c for c in rests if c["source"]["column"] == column] or rests
        with pytest.raises(StudyError, match="does not hold"):
            claims.verify(wrong[:1], run)


def test_a_claim_about_too_few_is_refused(full):
    claim = full[1][0] | {"n": 3}
    assert "fewer than 10" in claims.fault(claim, 10)


def test_a_claim_whose_interval_includes_no_difference_is_refused(full):
    claim = next(c for c in full[1] if c["kind"] == "lift") | {"low": 0.9, "high": 1.4}
    assert "includes no difference" in claims.fault(claim, 10)


def test_a_claim_that_points_the_wrong_way_is_refused(full):
    claim = next(c for c in full[1] if c["direction"] == "higher") | {"direction": "lower"}
    assert claims.fault(claim, 10).startswith("it says lower")


def test_a_claim_by_an_unknown_rule_is_refused(full):
    with pytest.raises(StudyError, match="no rule"):
        claims.verify([full[1][0] | {"rule": "gut feeling"}], full[0])


def test_a_claim_that_stands_twice_is_refused(full):
    with pytest.raises(StudyError, match="twice"):
        claims.verify([full[1][0]] * 2, full[0])


def test_citing_a_claim_that_does_not_exist_is_refused(full):
    _, found, people, book = full
    claims.complete(people, book, found)
    with pytest.raises(StudyError, match=found[0]["id"]):
        claims.complete(people, book, found[1:])


# --- what personas say ----------------------------------------------------------------------------


def test_personas_state_what_was_planted_and_not_what_is_chance(tmp_path):
    for seed in range(3):
        stated, wanted, false, _ = bench_persona.judge(seed, tmp_path)
        assert (stated, false) == (wanted, 0)


def rules_of(found, segment):
    return {c["rule"] for c in found if c["segment"] == segment}


def test_a_persona_knows_worth_growth_products_and_campaigns(full):
    found = full[1]
    assert {"value-high", "revenue", "overlooked", "product-high"} <= rules_of(found, 1)
    assert {"growth-down", "ignores"} <= rules_of(found, 3)
    tea = [c for c in found if c["rule"] == "product-high" and c["segment"] == 1]
    assert [c["source"]["column"] for c in tea] == ["tea"]


def test_without_purchases_a_persona_is_shorter_and_says_what_is_missing(bare, full):
    assert len(bare[1]) < len(full[1])
    topics = {gap["topic"] for gap in bare[2][0]["unknown"]}
    assert {"motivations", "price stance", "channels"} <= topics
    assert all(gap["questions"] for gap in bare[2][0]["unknown"])


def test_names_come_from_markers_and_differ(full):
    names = [p["name"] for p in full[2]]
    assert names[0].startswith("Frequent shoppers") or names[0].startswith("Frequent customers")
    assert len(set(names)) == 3


def test_the_analyst_may_rename_a_segment(tmp_path):
    own = {"names": {2: "Sunday bakers"}, "notes": {2: "They bake."}}
    people = planted.finished(planted.run(tmp_path, 1, personas=own))[2]
    assert people[1]["name"] == "Sunday bakers"
    assert (people[1]["named_by"], people[0]["named_by"]) == ("analyst", "rule")
    assert people[1]["note"] == "They bake."


def test_segments_alike_still_get_different_names():
    rows = pd.DataFrame(
        {"segment": [1, 2, 3], "name": "orders", "label": "Orders", "level": "",
         "effect": [0.5, 0.6, 0.0], "low": [0.4, 0.5, -0.1], "high": [0.6, 0.7, 0.1]}
    )  # fmt: skip
    assert naming.names(rows, "shoppers") == {
        1: "Frequent shoppers", 2: "Shoppers with frequent orders", 3: "Near-average shoppers",
    }  # fmt: skip


def test_one_segment_gets_a_portrait_of_everyone(tmp_path):
    _, labels = planted.customers(1)
    ev, found, people, book = planted.finished(planted.run(tmp_path, 1, labels * 0 + 1))
    assert len(people) == 1
    assert people[0]["name"].startswith("All ")
    assert not any(c["direction"] for c in found)
    assert "typical" in {c["rule"] for c in found}
    assert claims.verify(ev.run.read("claims.json"), ev.run) == len(found)
    assert story.answer(ev, people, book).startswith("No segments should be used.")


def test_no_customer_is_named_in_what_is_shared(full):
    ev, found, people, _ = full
    ids = set(map(str, ev.labels.index))
    shared = [(ev.run.folder / f"{n}.json").read_text() for n in ("claims", "personas", "playbook")]
    shared += [persona.markdown(people, found, "x")]
    shared += [cards.html(p, found, "#0b5fa5") for p in people]
    assert not ids & set(re.findall(r"\d+", " ".join(shared)))


def test_small_segments_are_not_described(tmp_path):
    _, labels = planted.customers(1)
    labels.iloc[:6] = 4
    ev, found, people, _ = planted.finished(planted.add_purchases(planted.run(tmp_path, 1, labels)))
    assert not [c for c in found if c["segment"] == 4]
    assert people[3]["n"] is None
    assert people[3]["share"] is None
    assert people[3]["typical"] == []
    assert targeting.criteria(ev).loc[4].isna().all()
    assert all(min(c["n"], c["cell"]) >= 10 for c in found)


def test_markdown_and_cards_say_the_same_sentences(full):
    _, found, people, book = full
    text = persona.markdown(people, found, "Study")
    card = cards.html(people[0], found, "#0b5fa5", book["levers"], asked=cards.common(people))
    assert "motivations" in cards.common(people)
    assert "Motivations" not in card
    for claim in found:
        if claim["id"].startswith("c-1-"):
            assert claim["sentence"] in text
            assert claim["sentence"][:-1].replace("'", "&#39;") in card


def test_assignments_have_a_row_a_customer_and_a_dictionary(full):
    ev = full[0]
    table = persona.assignments(ev, persona.names(ev))
    assert list(table) == [line["column"] for line in persona.assigned(ev)]
    assert len(table) == len(ev.labels)


def test_assignments_carry_the_scores_that_were_recommended(tmp_path):
    made = planted.run(tmp_path)
    labels = made.read("segments.parquet")["segment"]
    made.write("scores.parquet", pd.DataFrame({"predicted_spend": 7.5, "predicted_spend_decile": 1},
                                              index=labels.index))  # fmt: skip
    row = {"outcome": "spend", "metric": "R²", "recommended": True}
    useful = {"outcomes": [row, row | {"outcome": "active", "recommended": False}]}
    made.write("verdict.json", made.read("verdict.json") | {"usefulness": useful})
    ev = Evidence(made)
    table, told = persona.assignments(ev, persona.names(ev)), persona.assigned(ev)
    assert list(table) == [line["column"] for line in told]
    assert set(table["predicted_spend"]) == {7.5}
    assert "did not see this customer" in told[-2]["meaning"]
    assert "1 the highest" in told[-1]["meaning"]


# --- playbook and targeting -----------------------------------------------------------------------


def test_every_lever_has_evidence_from_its_own_segment(full):
    found = {c["id"]: c for c in full[1]}
    for row in full[3]["levers"]:
        assert row["evidence"]
        assert {found[i]["segment"] for i in row["evidence"]} == {row["segment"]}


def test_an_experiment_says_whether_the_segment_is_large_enough(full):
    test = next(r["experiment"] for r in full[3]["levers"] if r["experiment"]["baseline"])
    assert test["available"] == 130
    assert test["enough"] == (test["n_per_arm"] <= 130)


def test_an_experiment_pays_from_costs_over_margin(tmp_path):
    costs = {"margin": 0.25, "cost_per_customer": 1.0}
    run = planted.add_purchases(planted.run(tmp_path, 1, economics=costs))
    row = next(r for r in planted.finished(run)[3]["levers"] if r["experiment"]["weeks"] == 13)
    assert row["experiment"]["break_even"] == pytest.approx(4)


def test_the_segment_worth_more_and_addressed_less_is_underserved(full):
    assert 1 in full[3]["targeting"]["underserved"]


def test_weights_are_equal_unless_given(full):
    table = targeting.criteria(full[0])
    assert set(targeting.weights({}, table).values()) == {0.2}
    assert targeting.weights({"value": 3, "size": 1}, table)["value"] == 0.75


@pytest.mark.parametrize(("given", "message"), [
    ({"valeu": 1}, "did you mean 'value'"), ({"value": -1}, "0 or more"), ({"value": 0}, "above 0"),
])  # fmt: skip
def test_wrong_weights_are_refused(full, given, message):
    with pytest.raises(StudyError, match=message):
        targeting.weights(given, targeting.criteria(full[0]))


def test_a_segment_best_in_everything_is_first_under_all_weights():
    table = pd.DataFrame({"n": [5, 5, 5], "size": [0.5, 0.3, 0.2], "value": [9.0, 2, 1]},
                         index=pd.Index([1, 2, 3], name="segment"))  # fmt: skip
    found = targeting.rank(table, {"size": 0.5, "value": 0.5}).set_index("segment")
    assert found.loc[1, "first"] == 1
    assert (found.loc[1, "best"], found.loc[1, "worst"]) == (1, 1)


def test_what_is_missing_is_not_scored():
    table = pd.DataFrame({"n": [5, 5, 5], "size": [0.5, 0.3, 0.2], "reach": [0.3, 0.1, None]},
                         index=pd.Index([1, 2, 3], name="segment"))  # fmt: skip
    found = targeting.rank(table, {"size": 0.4, "reach": 0.6}).set_index("segment")
    assert found.loc[1, "score"] == pytest.approx(1)
    assert found.loc[2, "score"] == pytest.approx(0.4 / 3)
    assert found.loc[3, "score"] == 0  # smallest; reach does not lift it to the middle
    assert np.isnan(found.loc[3, "reach"])
    alone = targeting.rank(table, {"size": 0.0, "reach": 1.0}).set_index("segment")
    assert np.isnan(alone.loc[3, "score"])
    assert alone.loc[3, "rank"] == 3


def test_reach_that_rests_on_few_answers_is_missing_not_everyones(full, tmp_path):
    run = copied(full[0].run, tmp_path)
    sent, labels = run.read("campaigns.parquet"), full[0].labels
    of_third = sent["customer"].map(labels).eq(3)
    answered = of_third & of_third.cumsum().le(3) | ~of_third & sent["redeemed"]
    first = pd.Series(np.where(answered, "2024-05-09", "NaT"), sent.index)
    run.write("campaigns.parquet", sent.assign(first_response=pd.to_datetime(first)))
    ev = Evidence(run)
    reach = targeting.criteria(ev)["reach"]
    assert np.isnan(reach[3])
    assert reach[[1, 2]].notna().all()
    found = persona.claims(ev)
    book = playbook.build(ev, found, persona.names(ev))
    scores = {row["segment"]: row["scores"]["reach"] for row in book["targeting"]["ranking"]}
    assert np.isnan(scores[3])


def test_adjusted_claims_say_how_many_were_compared(full):
    adjusted = [c for c in full[1] if c["confidence"] not in {0.95, 0.9}]
    assert adjusted
    assert all(c["comparisons"] > 1 for c in adjusted)
    by_rule = {c["rule"]: c["comparisons"] for c in adjusted}
    assert by_rule["product-high"] == len(full[0].products)
    assert by_rule["group-high"] == 9  # three segments by three groups of products


@pytest.mark.parametrize(("sound", "told"), [
    (["valid", "distrust", "doubtful"], "**2 of 3 segments are doubtful**: numbers 2 and 3 come"),
    (["valid", "doubtful"], "**1 of 2 segments is doubtful**: number 2 comes back"),
    (["valid", "stable"], "None of the 2 segments is doubtful"),
    ([None, None], ""),
])  # fmt: skip
def test_the_page_says_how_many_segments_are_doubtful(sound, told):
    rows = [{"segment": i, "stable": word} for i, word in enumerate(sound, 1)]
    assert story.doubts(rows).startswith(told)


def test_the_answer_says_whose_weights(full):
    ev, _, people, book = full
    assert "With equal weights, look first" in story.answer(ev, people, book)
    given = book | {"targeting": book["targeting"] | {"equal": False}}
    assert "By the weights of the study, look first" in story.answer(ev, people, given)


def test_a_product_group_is_named_without_its_number():
    assert called.plain("1 Often repeated products") == "often repeated products"
    assert called.plain("12") == "12"
    assert called.plain("7up") == "7up"


def test_the_example_customer_is_not_called_typical(full):
    card = cards.html(full[2][0], full[1], "#0b5fa5")
    assert "An example: the average of the 10 nearest the middle in everything at once" in card
    assert "differs from the medians, which" in card
    assert "A typical one" not in card


def test_products_without_segments_are_grouped_as_the_study_groups_them(full, tmp_path):
    run = copied(full[0].run, tmp_path)
    things = full[0].run.read("product_segments.parquet").index
    groups = ["DRINKS" if name == "tea" else "Tools" for name in things]
    run.write("products.parquet", pd.DataFrame({"group": groups}, index=things))
    run.write("product_segments.parquet", pd.DataFrame({"segment": 1}, index=things))
    assert naming.products(run)["tea"] == "drinks"
    assert naming.products(planted.run(tmp_path / "bare", 1)) is None


@pytest.mark.parametrize(
    ("kind", "inside", "outside", "table"),
    [("ordered", 2, 2, "pairs"), ("ordered", 1, 2, "customers"), ("numeric", 2, 2, "customers")],
)
def test_ordered_answers_with_one_middle_are_told_by_pairs(kind, inside, outside, table):
    ev = SimpleNamespace(entries={"term": {"kind": kind}})
    row = SimpleNamespace(name="term", inside=inside, outside=outside)
    assert picking._compared(ev, row) == table


def test_a_statement_stands_in_a_name_as_it_was_put_to_people():
    rows = pd.DataFrame({"segment": [1, 1, 2], "name": ["a", "b", "a"], "level": "",
                         "label": ["“I compare prices before I buy”",
                                   "“I would recommend the app to all my friends”",
                                   "“I compare prices before I buy”"],
                         "effect": [0.8, -0.7, -0.8], "low": [0.7, -0.8, -0.9],
                         "high": [0.9, -0.6, -0.7]})  # fmt: skip
    assert naming.names(rows, "respondents") == {
        1: "Respondents with high answers to “I compare prices before I buy”",
        2: "Respondents with low answers to “I compare prices before I buy”",
    }


def test_no_name_makes_less_of_what_another_segment_has_more_of():
    effects = {1: (0.9, 0.3), 2: (0.6, 0.7), 3: (-0.8, -0.5)}
    rows = pd.DataFrame([
        {"segment": s, "name": name, "label": name, "level": "", "effect": x, "low": x - 0.1,
         "high": x + 0.1}
        for s, both in effects.items()
        for name, x in zip(("orders", "basket_value"), both, strict=True)
    ])  # fmt: skip
    found = naming.names(rows, "shoppers")
    assert found[1] == "Frequent shoppers with large baskets"
    assert "large baskets" in found[2]  # theirs are the larger ones
    assert found[3] == "Occasional shoppers with small baskets"


def test_an_example_never_says_otherwise_than_most_of_its_segment():
    answers = pd.DataFrame({"meat": ["Yes"] * 3 + ["No"] * 2})
    row = {"segment": 1, "name": "meat", "label": "Meat", "unit": ""}

    def example(value):
        rows = pd.DataFrame([row | {"value": value}])
        ev = SimpleNamespace(
            customers=answers,
            nearest=2,
            once=lambda _: rows,
            minimum=1,
            entries={},
            inside=lambda _: pd.Series(True, answers.index),
        )
        return statistic.measure(ev, 1, "examples", "meat")

    assert example("No") == {} and example("Yes")["inside"] == "Yes"
