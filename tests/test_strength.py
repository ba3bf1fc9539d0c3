"""The words of a comparison are never stronger than its figures."""

import math

import pandas as pd
import planted
import pytest

from seglib.collection.dictionary import row as entry
from seglib.personas import persona, phrases, strength
from seglib.personas.grounds import Evidence

LEVEL_ALONE = {"full-price", "untouched"}  # these speak of a level, not of a difference


def measured(
    kind="superiority", value=0.9, low=0.85, high=0.93, inside=66.0, outside=16.0, unit=""
):
    return {"kind": kind, "value": value, "low": low, "high": high, "inside": inside,
            "outside": outside, "unit": unit}  # fmt: skip


@pytest.mark.parametrize(("found", "word"), [
    (measured(), "far "),
    (measured(value=0.1, low=0.07, high=0.15, inside=16.0, outside=66.0), "far "),
    (measured(low=0.6), ""),  # large, but perhaps only small
    (measured(value=0.7, low=0.68, high=0.72), ""),  # neither large nor small
    (measured(inside=0.79, outside=0.90), "slightly "),  # however sure, the levels are near
    (measured(inside=20.0, outside=15.0), ""),
    (measured(value=0.63, low=0.6, high=0.66), ""),  # small, but the levels are far apart
    (measured(value=0.63, low=0.6, high=0.66, inside=20.0, outside=15.0), "slightly "),
    (measured(inside=0.042, outside=0.0, unit="share"), ""),  # no multiple, but under 5 points
    (measured(inside=0.20, outside=0.05, unit="share"), "far "),
    (measured(inside=0.012, outside=0.004, unit="share"), "slightly "),  # under a point
    (measured(inside="50-74K", outside="35-49K", unit="level"), "far "),
    (measured(value=0.6, low=0.55, high=0.65, inside="50-74K", outside="35-49K"), "slightly "),
    (measured(inside=0.2, outside=-0.1, unit="index"), "far "),
    (measured("ratio", 3.0, 2.5, 3.6, 9.0, 3.0), "far "),
    (measured("ratio", 1 / 3, 0.28, 0.4, 3.0, 9.0), "far "),
    (measured("ratio", 3.0, 1.2, 7.5, 9.0, 3.0), ""),
    (measured("ratio", 1.2, 1.1, 1.3, 12.0, 10.0), "slightly "),
    (measured("lift", 2.5, 2.0, 3.1, 0.5, 0.2, "share"), "far "),
    (measured("difference", 0.6, 0.5, 0.7, 0.8, 0.2, "share"), "far "),
    (measured("share", 0.5, 0.4, 0.6, 0.5, None), ""),
])  # fmt: skip
def test_the_adverb_follows_from_effect_and_level(found, word):
    assert strength.word(found) == word


def test_a_wider_interval_never_makes_a_word_stronger():
    rank = {"slightly ": 0, "": 1, "far ": 2}
    for value in (0.6, 0.7, 0.8, 0.95):
        words = [rank[strength.word(measured(value=value, low=value - w, high=1.0))]
                 for w in (0.01, 0.05, 0.1, 0.3)]  # fmt: skip
        assert words == sorted(words, reverse=True)


def test_levels_of_no_multiple_are_told_apart_from_levels_far_apart():
    assert strength.apart(3.0, 0.0, "") == (math.inf, math.inf)
    assert strength.apart("a", "b", "level") == (None, math.inf)
    assert strength.apart(-1.0, 2.0, "$") == (None, math.inf)


def test_every_sentence_that_compares_takes_the_word():
    for fact in phrases.FACTS:
        assert ("{by}" in fact.sentence) == (bool(fact.direction) and fact.rule not in LEVEL_ALONE)


def test_a_claim_keeps_its_word_and_its_sentence_says_it(tmp_path):
    _, found, *_ = planted.finished(planted.add_purchases(planted.run(tmp_path, 1)))
    compared = [c for c in found if c["id"].startswith("c-") and c["direction"]]
    assert {c["word"] for c in compared} >= {"far", ""}
    for claim in compared:
        if claim["rule"] not in LEVEL_ALONE:
            for word in ("far", "slightly"):
                assert (f"{word} " in claim["sentence"]) == (claim["word"] == word)


@pytest.mark.parametrize(("taken", "rule"), [(0.01, "full-price"), (0.10, "discount-low")])
def test_full_price_is_said_only_where_hardly_anything_is_taken_off(tmp_path, taken, rule):
    run = planted.run(tmp_path, 1)
    frame, labels = run.read("customers.parquet"), run.read("segments.parquet")["segment"]
    noise = frame["orders"].rank(pct=True) * 0.004
    frame["discount_share"] = labels.eq(3).map({True: taken, False: 0.20}) + noise
    run.write("customers.parquet", frame)
    lines = run.read("dictionary.json")
    lines["customers"].append(entry("discount_share", "Discount", "behavioural", unit="share"))
    run.write("dictionary.json", lines)
    verdict = run.read("verdict.json")
    run.write("verdict.json", verdict | {"columns": [*verdict["columns"], "discount_share"]})
    said = [c for c in persona.claims(Evidence(run)) if c["segment"] == 3]
    about = pd.Series([c["rule"] for c in said if c["source"]["column"] == "discount_share"
                       and c["direction"] and "near" not in c["sections"]])  # fmt: skip
    assert list(about) == [rule]
