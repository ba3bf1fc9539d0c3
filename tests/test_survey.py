"""Motivations come from answers, as claims; without answers a persona says so and asks."""

import numpy as np
import pandas as pd
import pytest
from runs import shop_run
from worlds import shop_study, shop_tables, write_shop

from seglib.personas import ledger, persona
from seglib.personas.grounds import Evidence
from seglib.report import cards

AGREE = ["not at all", "little", "partly", "mostly", "fully"]
SURVEY = {
    "source": "raw/survey.parquet", "columns": {"customer": "client"},
    "attributes": {
        "fresh": {"label": "Buys for freshness", "base": "psychographic", "kind": "ordered",
                  "levels": AGREE},
        "music": {"label": "Likes the music", "base": "psychographic", "kind": "ordered",
                  "levels": AGREE},
    },
}  # fmt: skip


def finished(folder, answers=None, tables=None):
    """Return claims and personas of the shop, asked or not."""
    told, study = shop_tables(), shop_study()
    if answers is not None:
        told["survey"], study["tables"]["survey"] = answers, SURVEY
    for name in tables or ():
        told.pop(name)
        study["tables"].pop(name)
    run = shop_run(write_shop(folder, told, study))
    labels = run.read("segments.parquet")["segment"]
    run.write("verdict.json", {
        "headline": "Three.", "kind": "reproducible", "columns": list(
            c for c in ("orders", "spend", "basket_items", "evening_share")),
        "segments": [{"segment": int(s), "jaccard": 0.9} for s in sorted(labels.unique())],
    })  # fmt: skip
    ev = Evidence(run)
    found = persona.claims(ev) + ledger.claims(ev)
    return ev, found, persona.personas(ev, found)


def answers(seed=1):
    """The daily customers come for freshness; all like the music alike; two thirds answer."""
    rng = np.random.default_rng(seed)
    people = shop_tables()["customers"]
    lean = np.where(people["truth"] == "daily", 1.2, -0.4) + rng.normal(size=len(people))
    cut = [-9, -1, 0, 1, 2, 9]
    rows = pd.DataFrame(
        {
            "client": people["client"],
            "fresh": pd.cut(lean, cut, labels=AGREE),
            "music": pd.cut(rng.normal(size=len(people)), cut, labels=AGREE),
        }
    )
    return rows.astype({"fresh": str, "music": str}).sample(frac=0.67, random_state=seed)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("asked"), answers())


def test_motivations_are_claims_from_answers(asked):
    ev, found, people = asked
    truth = ev.customers.get("truth", pd.Series(dtype=str))
    assert truth.empty  # the planted group is no column of the study
    told = [c for c in found if "motivations" in c["sections"]]
    assert {c["source"]["column"] for c in told} == {"fresh"}
    higher = [c for c in told if c["direction"] == "higher"]
    assert len(higher) == 1
    assert higher[0]["sentence"].startswith("Buys for freshness is far higher: typically")
    assert 10 <= higher[0]["n"] < (ev.labels == higher[0]["segment"]).sum()
    person = next(p for p in people if p["segment"] == higher[0]["segment"])
    assert higher[0]["id"] in person["facts"]["motivations"]
    assert "motivations" not in {gap["topic"] for gap in person["unknown"]}
    card = cards.html(person, found, "#0b5fa5")
    assert "Buys for freshness is far higher" in card  # among what defines them, or in a section


def test_who_answered_alike_is_still_asked_about_motivations(tmp_path):
    _, found, people = finished(tmp_path, answers().assign(fresh="partly"))
    assert not [c for c in found if "motivations" in c["sections"]]
    for person in people:
        gap = next(g for g in person["unknown"] if g["topic"] == "motivations")
        assert gap["why"] == "their answers in the survey do not set them apart"
        assert gap["questions"]


def test_without_a_survey_the_persona_says_so_and_asks(tmp_path):
    _, found, people = finished(tmp_path)
    assert not [c for c in found if "motivations" in c["sections"]]
    for person in people:
        gap = next(g for g in person["unknown"] if g["topic"] == "motivations")
        assert gap["why"] == "there are no survey answers"
        assert gap["questions"]


def test_with_transactions_alone_personas_are_shorter_and_name_what_is_missing(tmp_path):
    only = ["customers", "products", "campaigns", "responses"]
    (tmp_path / "all").mkdir()
    full = finished(tmp_path / "all")
    study_columns = finished(tmp_path, tables=only)
    _, found, people = study_columns
    assert len(found) < len(full[1])
    for person in people:
        topics = {gap["topic"] for gap in person["unknown"]}
        assert {"motivations", "who they are", "channels"} <= topics
        assert person["facts"]
