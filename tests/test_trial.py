"""Experiments of a study: what is read, what is refused, and what is said."""

import dataclasses
import json
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from runs import shop_run
from worlds import shop_study, shop_tables, write_shop

from seglib import files
from seglib.measuring import campaign, findings, measure, told, trial

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
    said = told.sentences(run, trials[0], findings.names(run))
    assert said[0].startswith("Spend per customer averaged ") and ", an effect of " in said[0]
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


@pytest.fixture(scope="module")
def lost(shop_with_arms):
    """The same campaign, where most of the control were lost after the assignment."""
    run, sent = shop_with_arms
    others = sent.index[sent["arm"] == "none"]
    return run, *read(run, sent.drop(others.difference(others[::5])))


def test_a_broken_experiment_says_only_that(lost):
    run, trials, _ = lost
    said = told.sentences(run, trials[0], findings.names(run))
    assert "not equally large" in said[0] and said[1:] == ["Therefore no effect is stated."]


def test_a_broken_experiment_publishes_no_effect_in_any_form(lost):
    run, trials, _ = lost
    kept = json.loads(files.as_json(trial.as_dict(trials[0])))
    for row in kept["overall"] + kept["segments"]:
        claims = "effect", "low", "high", "p", "shrunk", "saved", "p_adjusted", "p_interaction"
        assert all(row.get(name) is None for name in claims)
    assert {row["verdict"] for row in kept["segments"]} == {"not valid"}
    assert told.drawable(trials) == []
    assert told.by_segment(run, trials[0], findings.names(run), "spend after").empty
    assert "none could be estimated" in told.spoken(
        run, trials[0], findings.names(run), "spend after"
    )


def test_soundness_shows_the_arms_also_of_a_broken_experiment(lost):
    run, trials, _ = lost
    rows, note = told.soundness(run, trials[0], findings.names(run))
    assert rows.loc["none", "customers"] == "20" and rows.loc["none", "planned"] == "50.0%"
    assert "below 0.001" in note


def test_effects_are_shown_by_segment_and_all_together(autumn):
    run, trials, _ = autumn
    called = findings.names(run)
    rows = told.by_segment(run, trials[0], called, "spend after")
    assert list(rows.index) == [*[called[s] for s in sorted(called) if s], "All together"]
    counted = rows.iloc[:-1][["treated", "control"]].astype(int).sum()
    assert counted.tolist() == rows.iloc[-1][["treated", "control"]].astype(int).tolist()
    assert rows["verdict"].isin(["–", *told.SAID.values()]).all()
    assert "nan" not in rows.to_string()


def test_a_mailing_of_one_day_is_followed_for_the_holdout(shop_with_arms):
    run, sent = shop_with_arms
    without = read(run, sent.drop(columns="end", errors="ignore"))[0][0]
    mailing = read(run, sent.assign(end=sent["start"]))[0][0]
    assert mailing["days"] == without["days"] > 50


def test_a_campaign_that_ends_in_the_data_is_judged_to_its_last_day(shop_with_arms):
    run, sent = shop_with_arms
    found = read(run, sent.assign(end=sent["start"] + pd.Timedelta(days=29)))[0][0]
    assert (found["days"], found["short"]) == (30, "")


def test_a_campaign_still_open_says_how_many_days_are_judged(shop_with_arms):
    run, sent = shop_with_arms
    found = read(run, sent.assign(end=sent["start"] + pd.Timedelta(days=199)))[0][0]
    last = measure.extent(run)[1] - timedelta(days=1)
    assert found["short"] == (
        f"It was still open when the data end; only the first {found['days']} of 200 days are "
        f"judged, because the data end on {last}."
    )
    assert found["short"] in told.sentences(run, found, findings.names(run))
    assert trial.as_dict(found)["short"] == found["short"]


def test_a_campaign_that_ends_before_it_begins_is_refused(shop_with_arms):
    run, sent = shop_with_arms
    trials, notes = read(run, sent.assign(end=sent["start"] - pd.Timedelta(days=3)))
    assert trials == [] and "it ends on 2023-08-02, before it begins" in notes[0]


def test_arms_without_transactions_are_told_what_is_missing(shop_with_arms, monkeypatch):
    run, _ = shop_with_arms
    monkeypatch.setattr(type(run), "has", lambda self, name: name != "monthly.parquet")
    trials, notes = read(run, campaign.none())
    assert trials == [] and "no transactions" in notes[0]


def test_what_is_undecided_or_pooled_is_said(autumn):
    run, trials, _ = autumn
    result = trials[0]["result"]
    rows = result.segments.assign(verdict="undecided", low=-1.0)
    whole = result.overall.assign(pooled=12, left_out=12)
    changed = dataclasses.replace(result, segments=rows, overall=whole)
    said = told.sentences(run, trials[0] | {"result": changed}, findings.names(run))
    assert "neither that nor none can be ruled out" in said[-1]
    assert any(text.startswith("12 customers of segments too small") for text in said)
