"""Experiments of a study: what is read, what is refused, and what is said."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from conftest import shop_study, shop_tables, write_shop
from runs import shop_run

from seglib import files
from seglib.measure import campaign, findings, measure, trial

START = datetime(2023, 8, 5)


def experiment_shop(folder, start=START):
    """Write a shop with one randomised campaign that makes the treated spend twice as much."""
    data, study = shop_tables(), shop_study()
    clients = data["customers"]["client"].to_numpy()
    treated = np.random.default_rng(3).permutation(len(clients)) < len(clients) // 2
    arm = np.where(treated, "letter", "none")
    data["campaigns"] = pd.DataFrame(
        {"client": clients, "mailing": "autumn", "day": start, "arm": arm}
    )
    data["responses"] = data["responses"].assign(mailing="autumn")
    sold = data["transactions"]
    sold["paid"] *= np.where(
        sold["client"].isin(clients[treated]) & (sold["at"] >= start), 2.0, 1.0
    )
    study["tables"]["campaigns"]["columns"]["arm"] = "arm"
    return write_shop(folder, data, study)


def read(run, sent, randomised=True, control="none"):
    """Return trials and notes, the study saying what its schema does not know yet."""
    spec = run.study.tables.campaigns
    object.__setattr__(spec, "randomised", randomised)
    object.__setattr__(spec, "control", control)
    return trial.read(run, sent)


@pytest.fixture(scope="module")
def shop_with_arms(tmp_path_factory):
    run = shop_run(experiment_shop(tmp_path_factory.mktemp("trial")))
    people, _ = measure.people(run)
    covered = measure.extent(run)
    sent = campaign.sent(run.read("campaigns.parquet"), people, run.as_of, run.until, covered)
    return run, sent


@pytest.fixture(scope="module")
def autumn(shop_with_arms):
    return shop_with_arms[0], *read(*shop_with_arms)


def test_a_planted_effect_is_found_overall_and_said(autumn):
    run, trials, notes = autumn
    assert notes == [] and trials[0]["days"] in (56, 60)  # 56 as long as the end is a guess
    overall = trials[0]["result"].overall.iloc[0]
    assert overall["low"] > 0
    said = trial.sentences(run, trials[0], findings.names(run))
    assert said[0].startswith("Overall, letter changed spend per customer by")
    assert any("works" in text for text in said)


def test_an_experiment_can_be_written_to_json(autumn):
    _, trials, _ = autumn
    text = files.as_json(trial.as_dict(trials[0]))
    assert '"autumn"' in text and "NaN" not in text


def test_without_randomisation_no_effect_is_stated(shop_with_arms):
    trials, notes = read(*shop_with_arms, randomised=False)
    assert trials == [] and "at random" in notes[0]


def test_an_assignment_before_the_segments_is_refused_with_the_reason(shop_with_arms):
    run, sent = shop_with_arms
    trials, notes = read(run, sent.assign(start=datetime(2023, 7, 1)))
    assert trials == [] and "may be a result of the treatment" in notes[0]


def test_waves_are_refused_with_what_to_do(shop_with_arms):
    run, sent = shop_with_arms
    late = sent["start"].where(sent["customer"] > 50, datetime(2023, 8, 9))
    trials, notes = read(run, sent.assign(start=late))
    assert trials == [] and "a campaign of its own" in notes[0]


def test_without_a_control_arm_the_arms_are_named(shop_with_arms):
    trials, notes = read(*shop_with_arms, control="nobody")
    assert trials == [] and "letter, none" in notes[0]


def test_a_broken_experiment_says_only_that(autumn):
    run, trials, _ = autumn
    result = trials[0]["result"]
    broken = {**trials[0], "result": type(result)(**{**vars(result), "problems": ["Broken."]})}
    said = trial.sentences(run, broken, findings.names(run))
    assert said == ["Broken.", "Therefore no effect is stated."]
