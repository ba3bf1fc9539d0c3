"""What a persona begins with, what says the same again, and what is no trait of its people."""

import numpy as np
import pandas as pd
import planted
import pytest

from seglib.collection.dictionary import row as entry
from seglib.personas import beside, claims, leading, ledger, persona, picking, playbook
from seglib.personas.grounds import Evidence

GOODS = {"customers": {"source": "x.csv", "columns": {"customer": "id"}},
         "products": {"source": "y.csv", "columns": {"product": "p"}}}  # fmt: skip


def with_column(run, name, values, base="behavioural", unit="", label=""):
    """Add a column that helps to form the segments."""
    run.write("customers.parquet", run.read("customers.parquet").assign(**{name: values}))
    lines = run.read("dictionary.json")
    lines["customers"].append(entry(name, label or name, base, unit=unit))
    run.write("dictionary.json", lines)
    verdict = run.read("verdict.json")
    run.write("verdict.json", verdict | {"columns": [*verdict["columns"], name]})
    return run


def portrayed(run):
    ev = Evidence(run)
    found = persona.claims(ev) + ledger.claims(ev)
    return found, persona.personas(ev, found)


def columns(found, ids):
    return {c["source"]["column"] for c in found if c["id"] in ids}


def test_what_compares_nothing_moves_no_parts_of_the_spend():
    """Of a single segment a share of spend is told by its median, of answers by their levels."""
    alone = {"inside": None, "outside": None, "word": ""}
    assert leading.moved(alone) == leading.moved({"inside": "no", "outside": "yes"}) == 0
    assert leading.moved({"inside": 0.5, "outside": 0.25, "word": ""}) == 0.25


def test_a_single_segment_formed_by_needs_has_its_claims(tmp_path):
    labels = planted.customers(0)[1] * 0 + 1
    made = planted.run(tmp_path, labels=labels)
    lines = made.read("dictionary.json")
    for line in lines["customers"]:
        line["base"] = "needs" if line["name"].endswith("share") else line["base"]
    made.write("dictionary.json", lines)
    found = planted.finished(made)[1]
    assert {"evening_share", "weekend_share"} < {c["source"]["column"] for c in found}


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_comparison_without_both_figures_is_no_claim(missing):
    claim = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 50, "cell": 50, "kind": "superiority",
             "direction": "higher", "inside": missing, "outside": 3.0}  # fmt: skip
    assert "missing" in claims.fault(claim, 10)
    assert not claims.fault(claim | {"inside": 4.0}, 10)


@pytest.mark.parametrize(("noise", "same"), [(1.0, True), (400.0, False)])
def test_two_columns_that_say_the_same_give_one_mark(tmp_path, noise, same):
    run = planted.run(tmp_path, 1)
    frame, labels = run.read("customers.parquet"), run.read("segments.parquet")["segment"]
    drawn = np.random.default_rng(3).normal(size=len(frame))
    twin = frame["orders"] + noise * drawn if same else labels.eq(1) + 0.7 * drawn
    found, people = portrayed(with_column(run, "breadth", twin))
    marks, again = (columns(found, people[0][key]) for key in ("marks", "again"))
    assert ({"orders", "breadth"} <= marks) == (not same)
    assert ({"orders", "breadth"} <= marks | again) and (bool(again) == same)
    rows = dict(persona.sections(people[0], found))
    assert (persona.AGAIN in rows) == same


def test_a_card_begins_with_size_then_marks_then_the_neighbour(tmp_path):
    _, found, people, _ = planted.finished(planted.add_purchases(planted.run(tmp_path, 1)))
    said = {c["id"]: c for c in found}
    for person in people:
        rules = [said[i]["rule"] for i in person["summary"]]
        assert rules[:2] == ["size", "revenue"]
        assert person["summary"][2 : 2 + len(person["marks"])] == person["marks"]
        assert len(person["marks"]) >= 1
        headings = [heading for heading, _ in persona.opening(person, found)]
        assert headings[:2] == ["", persona.DEFINES]
        told = [c["id"] for _, rows in persona.sections(person, found) for c in rows]
        assert len(told) == len(set(told))
        assert not set(told) & set(person["summary"])


def test_the_neighbour_is_the_one_most_like_it_and_named(tmp_path):
    ev, found, people, _ = planted.finished(planted.run(tmp_path, 1))
    names = {p["segment"]: p["name"] for p in people}
    near = [c for c in found if c["sections"] == ["near"]]
    assert near
    for claim in near:
        other = beside.alike(ev)[claim["segment"]]
        assert claim["sentence"].startswith(f"Against {names[other]}, ")
        x = ev.customers[claim["source"]["column"]]
        assert claim["outside"] == pytest.approx(x[ev.labels == other].median())


def test_of_two_segments_neither_is_set_beside_its_only_other(tmp_path):
    _, labels = planted.customers(1)
    found, _ = portrayed(planted.run(tmp_path, 1, labels.replace(3, 2)))
    assert not [c for c in found if c["sections"] == ["near"]]


def test_a_leftover_of_the_data_is_never_a_trait(tmp_path):
    labels = planted.customers(1)[1]
    drawn = np.random.default_rng(5).uniform(0, 0.1, len(labels))
    junk = labels.eq(1) * 0.3 + 0.1 + drawn
    for given in ({}, {"labels": {"JUNK": "Unsorted"}, "leftover": ["JUNK"]}):
        tables = {**GOODS, "products": {**GOODS["products"], **given}}
        run = planted.add_purchases(planted.run(tmp_path, 1, tables=tables))
        with_column(run, "share_unsorted", junk, "needs", "share", "Unsorted share")
        goods = run.read("products.parquet")
        goods["group"] = np.where(goods.index == "tea", "Unsorted", "Sorted")
        run.write("products.parquet", goods)
        found, people = portrayed(run)
        told = columns(found, {c["id"] for c in found if c["of"] == "customers"})
        assert ("share_unsorted" in told) == (not given)
        assert ("unsorted" in " ".join(p["name"] for p in people)) <= (not given)
        assert "tea" not in told  # narrower than its group, or a leftover with it


def test_the_broader_is_told_and_the_narrower_left_out(tmp_path):
    labels = planted.customers(1)[1]
    drawn = np.random.default_rng(5).uniform(0, 0.1, len(labels))
    for name in ("Drinks", "Food"):
        run = planted.add_purchases(planted.run(tmp_path, 1))
        with_column(run, "share_a", labels.eq(1) * 0.3 + 0.1 + drawn, "needs", "share",
                    f"{name} share")  # fmt: skip
        goods = run.read("products.parquet")
        goods["group"] = np.where(goods.index == "tea", "Drinks", "Food")
        run.write("products.parquet", goods)
        rules = {c["rule"] for c in portrayed(run)[0] if c["segment"] == 1}
        assert "need-high" in rules
        assert ("product-high" in rules) == (name == "Food")


def test_what_few_of_them_buy_is_not_said_of_all(tmp_path):
    run = planted.add_purchases(planted.run(tmp_path, 1))
    bought, labels = run.read("purchases.parquet"), run.read("segments.parquet")["segment"]
    members = pd.Index(labels.index[labels == 1])
    tea = bought["product"].eq("tea") & bought["customer"].isin(members)
    few = bought["customer"].isin(members[: int(0.3 * len(members))])
    bought = bought[~tea | few]
    bought.loc[tea & few, "amount"] *= 5
    run.write("purchases.parquet", bought)
    ev = Evidence(run)
    rows = ev.products.set_index(["segment", "product"]).loc[(1, "tea")]
    assert rows["selected"] and rows["index"] >= picking.SAY_LIFT  # the sums alone would say so
    assert not [c for c in persona.claims(ev) if c["source"]["column"] == "tea"]


def test_a_need_of_a_few_is_not_said_of_all(tmp_path):
    labels, rng = planted.customers(1)[1], np.random.default_rng(5)
    rare = np.where(rng.random(len(labels)) < labels.map({1: 0.45, 2: 0.02, 3: 0.02}), 0.5, 0.0)
    run = with_column(planted.run(tmp_path, 1), "share_rare", rare, "needs", "share", "Rare share")
    effect = Evidence(run).markers.set_index(["segment", "name"]).loc[(1, "share_rare"), "effect"]
    assert effect >= picking.SAY
    found, _ = portrayed(run)
    assert "share_rare" not in columns(found, {c["id"] for c in found if c["direction"]})


# --- the playbook ---------------------------------------------------------------------------------


def claim(rule, inside=0.1, outside=0.05, word=""):
    return {"rule": rule, "inside": inside, "outside": outside, "word": word,
            "source": {"column": rule}}  # fmt: skip


RANGE = next(row for row in playbook.LEVERS if row.lever == "range")


@pytest.mark.parametrize(("inside", "word", "called"), [
    (0.1, "far", True), (0.1, "", True), (0.1, "slightly", False), (0.015, "far", False),
])  # fmt: skip
def test_a_lever_on_the_range_needs_enough_spend_and_more_than_a_slight_difference(
    inside, word, called
):
    own = [claim("product-high", inside, 0.001, word)]
    assert bool(playbook.called_for(RANGE, own)) == called


def test_a_lever_cites_every_claim_that_calls_for_it():
    row = next(r for r in playbook.LEVERS if r.when == ("overlooked", "ignores", playbook.MORE))
    own = [claim(r) for r in ("overlooked", "ignores", "need-high", "product-high", "orders-low")]
    assert [c["rule"] for c in playbook.called_for(row, own)] == [
        "overlooked", "ignores", "need-high", "product-high"]  # fmt: skip
    assert playbook.called_for(row, own[1:]) == []


def test_every_lever_is_a_test_or_a_question():
    assert {row.action.split()[0] for row in playbook.LEVERS} == {"Test", "Ask"}


def test_what_is_to_be_done_alike_says_for_whom_else(tmp_path):
    book = planted.finished(planted.add_purchases(planted.run(tmp_path, 1)))[3]
    for row in book["levers"]:
        same = [r["name"] for r in book["levers"] if r["action"] == row["action"] and r is not row]
        assert row["also"] == same
        assert all(name in playbook.advice(row) for name in same)
    assert playbook.advice({"action": "Test x.", "also": ["A", "B"]}).endswith(
        "The same for A and B: one test can serve all."
    )
