"""Experiments of a study: what is read, what is refused, and what is said."""

import dataclasses
import json
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from runs import shop_run
from worlds import shop_study, shop_tables, write_shop

from seglib import formats, wording
from seglib.measuring import campaigns, experiments, outcomes

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
    return campaigns.trials(run, sent)


def said(run, trial):
    """Return what page 06 says of an experiment, sentence by sentence."""
    words = {"who": "customer", "minimum": 10}
    blocks = campaigns.statements(trial, outcomes.names(run), "")
    return [wording.plain("06_experiments", name, **words | row) for name, row in blocks]


@pytest.fixture(scope="module")
def shop_with_arms(tmp_path_factory):
    run = shop_run(experiment_shop(tmp_path_factory.mktemp("trial")))
    return run, campaigns.sent(run, outcomes.members(run)[0])


@pytest.fixture(scope="module")
def autumn(shop_with_arms):
    return shop_with_arms[0], *read(*shop_with_arms)


def test_a_planted_effect_is_found_overall_and_said(autumn):
    run, trials, notes = autumn
    assert notes == [] and trials[0]["days"] in (56, 60)  # 56 as long as the end is a guess
    assert trials[0]["result"].overall.iloc[0]["low"] > 0
    texts = said(run, trials[0])
    assert texts[0].startswith("spend per customer averaged ") and ", an effect of " in texts[0]
    assert any(": works, " in text for text in texts)


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        ({"start": datetime(2023, 7, 1)}, "refused", "may be a result of the treatment"),
        ({"start": lambda rows: rows["start"].where(rows["customer"] > 50, datetime(2023, 8, 9))},
         "refused", "a campaign of its own"),
        ({"end": lambda rows: rows["start"] - pd.Timedelta(days=3)}, "refused",
         "it ends on 2023-08-02, before it begins"),
    ],
)  # fmt: skip
def test_what_cannot_be_analysed_is_refused_with_the_reason(shop_with_arms, change, kind, word):
    run, sent = shop_with_arms
    trials, notes = read(run, sent.assign(**change))
    assert trials == [] and notes[0]["kind"] == kind and word in notes[0]["error"]


def test_without_randomisation_or_a_control_no_effect_is_stated(shop_with_arms):
    trials, notes = read(*shop_with_arms, randomised=False)
    assert trials == [] and notes == [{"kind": "campaigns_not_random"}]
    trials, notes = read(*shop_with_arms, control="nobody")
    assert trials == [] and "letter, none" in notes[0]["error"]


@pytest.fixture(scope="module")
def lost(shop_with_arms):
    """The same campaign, where most of the control were lost after the assignment."""
    run, sent = shop_with_arms
    others = sent.index[sent["arm"] == "none"]
    return run, *read(run, sent.drop(others.difference(others[::5])))


def test_a_broken_experiment_says_only_that_and_publishes_no_effect(lost):
    run, trials, _ = lost
    texts = said(run, trials[0])
    assert "not equally large" in texts[0] and texts[1:] == ["Therefore no effect is stated."]
    kept = json.loads(formats.as_json(campaigns.record(trials[0])))
    for row in kept["overall"] + kept["segments"]:
        assert all(row.get(name) is None for name in experiments.CLAIMS)
    assert {row["verdict"] for row in kept["segments"]} == {"not valid"}
    assert campaigns.effects(trials, outcomes.names(run)).empty


def test_soundness_shows_the_arms_also_of_a_broken_experiment(lost):
    trials = lost[1]
    rows = campaigns.soundness(trials[0])
    assert rows.loc["none", ["customers", "planned"]].tolist() == [20, 0.5]
    assert (rows["sizes"] < experiments.BROKEN).all() and rows.loc["letter", "difference"] > 0


def test_effects_on_shares_are_in_points(autumn):
    run, trials, _ = autumn
    rows = campaigns.effects(trials, outcomes.names(run))
    whole = trials[0]["result"].overall.set_index("outcome")
    for row in rows[(rows["kind"] == "yes/no") & (rows["segment"] == 0)].itertuples():
        assert row.effect == 100 * whole.loc[row.outcome, "effect"] and row.effect_unit == "points"


def test_a_campaign_is_judged_to_its_last_day_or_says_how_many_are(shop_with_arms):
    run, sent = shop_with_arms
    whole = read(run, sent.assign(end=sent["start"] + pd.Timedelta(days=29)))[0][0]
    assert (whole["days"], whole["short"]) == (30, {})
    trial = read(run, sent.assign(end=sent["start"] + pd.Timedelta(days=199)))[0][0]
    last = outcomes.covered(run)[1] - timedelta(days=1)
    assert (
        f"It was still open when the data end; only the first {trial['days']} of 200 days are "
        f"judged, because the data end on {wording.day(str(last))}."
    ) in said(run, trial)


def test_what_is_undecided_or_pooled_is_said(autumn):
    run, trials, _ = autumn
    result = trials[0]["result"]
    rows = result.segments.assign(verdict="undecided", low=-1.0)
    whole = result.overall.assign(pooled=12, left_out=12)
    changed = dataclasses.replace(result, segments=rows, overall=whole)
    texts = said(run, trials[0] | {"result": changed})
    assert "neither that nor none can be ruled out" in texts[-1]
    assert any(text.startswith("12 customers of segments too small") for text in texts)


def test_a_segment_in_which_nothing_happened_says_so(autumn):
    run, trials, _ = autumn
    nothing = dict.fromkeys(["effect", "low", "high", *experiments.LEVELS], 0.0)
    result = trials[0]["result"]
    changed = dataclasses.replace(result, segments=result.segments.assign(**nothing))
    texts = said(run, trials[0] | {"result": changed})
    assert texts[-1].endswith("nothing happened here.") and "(0 to 0)" not in " ".join(texts)


@pytest.mark.parametrize("sizes", [(60, 1), (1, 60), (1, 1)])
def test_one_customer_in_an_arm_gives_no_effect_and_a_sentence(autumn, sizes):
    rng = np.random.default_rng(1)
    side = np.repeat(["none", "letter"], sizes)
    units = pd.DataFrame({"segment": 1, "arm": side, "outcome": rng.gamma(2, 10, len(side)),
                          "before_outcome": rng.gamma(2, 10, len(side))})  # fmt: skip
    planned = {"none": sizes[0] / sum(sizes), "letter": sizes[1] / sum(sizes)}
    result = experiments.analyse(units, "none", planned=planned)
    assert result.overall["effect"].isna().all()
    assert set(result.segments["verdict"]) == {"not enough data"}
    about = {"outcomes": {"outcome": experiments.Outcome("money", label="spend")}, "result": result}
    texts = said(autumn[0], autumn[1][0] | about)
    assert "not enough data" in texts[-1] and "nan" not in " ".join(texts)
