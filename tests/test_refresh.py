"""Keep, refresh or rebuild: the rule on runs made for each of its clauses."""

import numpy as np
import pandas as pd
import pytest
from runs import two_runs, verdict

from seglib.measuring import earlier, refresh, shifts

PARTS = {"rule": {"value": 0.2}}
CALM = {"drifted": False, "moved": 0.01, "p": 1.0}
FIT = {
    "drifted": False,
    "relative": True,
    "p": 1.0,
    "change": 0.0,
    "far": {"p": 1.0, "value": 0.01},
}


def frame(seed=0, n=60, names=("orders", "spend")):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        rng.gamma(2, 3, (n, 2)).round(2), pd.Index(range(n), name="customer"), names
    )


def pair(folder, *verdicts):
    return earlier.pair(two_runs(folder, [frame(0), frame(1)], verdicts=verdicts or None))[0]


def columns(psi=0.01, drifted=False):
    return pd.DataFrame({"column": ["orders"], "psi": [psi], "drifted": [drifted]})


def advise(pair, rows=None, shares=CALM, fit=FIT):
    rows = columns() if rows is None else rows
    return refresh.advise(pair, rows, shares, fit, PARTS, {"orders": "Orders"})


def test_without_any_shift_the_segments_are_kept_for_twice_the_time(tmp_path):
    advice = advise(pair(tmp_path))
    assert advice["advice"] == "keep" and advice["next_review"] == "2024-12-30"  # 2 × 91 days
    assert "20% of the customers" in advice["reasons"][1]
    assert set(advice) == {"advice", "meaning", "reasons", "next_review", "rule", "compared"}


def test_a_shift_that_is_certain_but_small_keeps_them_and_shortens_the_time(tmp_path):
    advice = advise(pair(tmp_path), columns(0.05, True))
    assert advice["advice"] == "keep" and advice["next_review"] == "2024-09-30"  # 91 days
    assert "too little to matter" in advice["reasons"][0]


@pytest.mark.parametrize(
    ("rows", "shares", "fit", "word"),
    [
        (columns(0.2, True), CALM, FIT, "Orders (0.20)"),
        (None, {"drifted": True, "moved": 0.08, "p": 0.01}, FIT, "on balance"),
        (None, CALM, FIT | {"drifted": True, "p": 0.01, "change": 0.15}, "has grown by 15%"),
        (None, CALM, FIT | {"drifted": True, "far": {"p": 0.01, "value": 0.04}}, "farther"),
    ],
)
def test_a_shift_that_is_certain_and_large_refreshes(tmp_path, rows, shares, fit, word):
    advice = advise(pair(tmp_path), rows, shares, fit)
    assert advice["advice"] == "refresh" and word in advice["reasons"][0]


def test_a_large_shift_within_chance_does_not(tmp_path):
    assert advise(pair(tmp_path), columns(0.3, False))["advice"] == "keep"


@pytest.mark.parametrize(
    ("then", "now", "word"),
    [
        (verdict(3, "natural"), verdict(1, "none"), "no longer supported"),
        (verdict(3, "constructive"), verdict(4, "natural"), "now the data hold 4"),
        (verdict(), verdict(useful=False), "no longer do"),
    ],
)
def test_a_verdict_that_no_longer_holds_rebuilds(tmp_path, then, now, word):
    advice = advise(pair(tmp_path, then, now))
    assert advice["advice"] == "rebuild" and word in advice["reasons"][0]


def test_another_cut_of_a_continuum_is_no_reason_to_rebuild(tmp_path):
    assert advise(pair(tmp_path, verdict(3), verdict(4)))["advice"] == "keep"


def test_natural_groups_still_supported_at_their_number_are_kept(tmp_path):
    row = {"k": 3, "separated": True, "dispersion_z": 5, "stability": 0.9, "stability_null": 0.5}
    now = verdict(4, "natural") | {"evidence": [row]}
    assert advise(pair(tmp_path, verdict(3, "natural"), now))["advice"] == "keep"
    now["evidence"] = [row | {"separated": False}]
    found = pair(tmp_path / "other", verdict(3, "natural"), now)
    assert advise(found)["advice"] == "rebuild"


def test_other_columns_rebuild(tmp_path):
    found = pair(tmp_path)
    model = found.run.read("model.json")
    model["columns"] = model["columns"][:1]
    found.run.write("model.json", model)
    advice = advise(found)
    assert advice["advice"] == "rebuild"
    assert advice["reasons"] == ["spend forms the segments then but not now."]


def test_the_next_review_is_a_year_ahead_at_most(tmp_path):
    found = pair(tmp_path)
    study = found.run.study.model_copy(update={"holdout": 500})
    late = earlier.Run(study, found.run.as_of, found.run.folder, 7)
    assert refresh.alone(late, "None.")["next_review"] == "2025-07-01"


def test_a_first_run_is_advised_by_its_verdict(tmp_path):
    found = pair(tmp_path)
    assert refresh.alone(found.run, "No earlier run.")["advice"] == "keep"
    found.run.write("verdict.json", verdict(1, "none"))
    advice = refresh.alone(found.run, "No earlier run.")
    assert advice["advice"] == "rebuild" and advice["reasons"][0] == "No earlier run."


def test_usefulness_is_compared_with_intervals(tmp_path):
    found = pair(tmp_path)
    rows, note = refresh.usefulness(found)
    assert (
        note == "" and rows.loc[0, "change"] == 0 and rows.loc[0, "low"] < 0 < rows.loc[0, "high"]
    )
    assert rows.loc[0, "high"] == pytest.approx(0.05 * 2**0.5)
    assert "0.30 (0.25 to 0.35)" in shifts.useful_table(rows).to_string()
    found.run.write("verdict.json", verdict() | {"usefulness": None})
    rows, note = refresh.usefulness(found)
    assert rows.empty and "2024-07-01 predict was not tested" in note


def test_the_rule_is_three_sentences():
    assert refresh.RULE.replace("0.1", "").count(".") == 3


def test_the_advice_reads_as_sentences(tmp_path):
    advice = advise(pair(tmp_path))
    assert (
        "**Keep: go on with the segments of 2024-04-01 (`segments_kept.csv`"
        in shifts.advice_said(advice)
    )
    assert "30 December 2024" in shifts.advised(advice)
