"""Experiments with planted effects, and broken ones."""

import numpy as np
import pandas as pd
import pytest
import tea_tasting

from seglib import power
from seglib.measuring import experiments
from seglib.study import StudyError


def six():
    return pd.DataFrame(
        {
            "segment": 1,
            "arm": ["on", "on", "on", "off", "off", "off"],
            "outcome": [3.0, 5, 7, 1, 2, 3],
            "before_outcome": [1.0, 2, 3, 1, 2, 3],
        }
    )


def trial(effects, n=400, seed=1, steady=0.8, share=0.5):
    """Customers in as many segments as there are effects, half of each treated."""
    rng = np.random.default_rng(seed)
    segment = np.repeat(np.arange(1, len(effects) + 1), n)
    arm = np.where(rng.random(len(segment)) < share, "on", "off")
    level = rng.gamma(4, 25, len(segment))
    outcome = steady * level + (1 - steady) * rng.gamma(4, 25, len(segment))
    outcome += np.asarray(effects)[segment - 1] * (arm == "on")
    frame = {"segment": segment, "arm": arm, "outcome": outcome, "before_outcome": level}
    return pd.DataFrame(frame)


def verdicts(*args, **kwargs):
    result = experiments.analyse(trial(*args), "off", **kwargs)
    return result.segments.set_index("segment")["verdict"].to_dict()


def test_cuped_takes_away_what_the_past_predicts_and_keeps_the_effect():
    adjusted, saved = experiments.cuped(six(), earlier="before_outcome")
    means = adjusted.groupby("arm")["outcome"].mean()
    assert means["on"] - means["off"] == pytest.approx(3)
    assert saved == pytest.approx(0.9)
    assert adjusted["outcome"].tolist() == pytest.approx([4.5, 5, 5.5, 2.5, 2, 1.5])


def test_planted_effects_are_found_where_they_are():
    assert verdicts([12, 0], 800, worth=4) == {1: "works", 2: "does not"}


def test_different_effects_show_in_the_interaction_and_equal_ones_do_not():
    differ = experiments.analyse(trial([15, 0, 0]), "off").overall["p_interaction"].iloc[0]
    alike = experiments.analyse(trial([8, 8, 8]), "off").overall["p_interaction"].iloc[0]
    assert differ < 0.001
    assert alike > 0.05


def test_shrunk_effects_lie_between_their_own_and_the_mean():
    rows = experiments.analyse(trial([15, 5, 0, 2]), "off").segments
    middle = rows["effect"].mean()
    outer = rows.loc[rows["effect"].idxmax()]
    assert middle < outer["shrunk"] < outer["effect"]


def test_arms_that_differed_before_are_flagged():
    units = trial([0, 0])
    units.loc[units["arm"] == "on", "before_outcome"] += 20
    assert experiments.analyse(units, "off").problems[0]["kind"] == "unbalanced"


def test_two_treatments_are_each_compared_with_the_control():
    units = trial([10, 10], 600)
    third = units.index[units["arm"] == "on"][::2]
    units.loc[third, "arm"] = "more"
    planned = {"on": 1, "more": 1, "off": 2}
    rows = experiments.analyse(units, "off", planned=planned).segments
    assert sorted(rows["arm"].unique()) == ["more", "on"] and len(rows) == 4


@pytest.mark.parametrize("control", ["none", "on"])
def test_without_a_control_arm_the_message_says_which_arms_there_are(control):
    units = six().assign(arm="on")
    with pytest.raises(StudyError, match="the arms are on"):
        experiments.analyse(units, control)


def test_what_would_do_is_judged_by_the_level_of_the_verdict():
    """Five effects: the verdict asks for 1%, so more customers are needed than at 5%."""
    five = experiments.analyse(trial([0.0] * 5, 200), "off", worth=3).segments
    one = experiments.analyse(trial([0.0], 200), "off", worth=3).segments.iloc[0]
    row = five.iloc[0]
    se = row["se"] / np.sqrt(1 / row["n"] + 1 / row["n_control"])
    expected = power.smallest(row["n"], row["n_control"], 0.01) * se
    assert row["detectable"] == pytest.approx(expected)
    assert five["alpha"].eq(0.01).all() and one["alpha"] == 0.05


@pytest.mark.parametrize("seed", range(2))
def test_not_enough_data_never_stands_where_there_are_enough(seed):
    worth = np.random.default_rng(seed).uniform(2, 12)
    rows = experiments.analyse(trial([worth / 2] * 5, 150, seed), "off", worth=worth).segments
    enough = np.minimum(rows["n"], rows["n_control"]) >= rows["needed"]
    assert not (enough & (rows["verdict"] == "not enough data")).any()
    assert (rows.loc[rows["verdict"] == "undecided", "detectable"] <= worth).all()


def test_an_experiment_large_enough_without_an_answer_is_undecided():
    rows = experiments.analyse(trial([2.7, 2.7], 150, 0), "off", worth=5.5).segments
    enough = np.minimum(rows["n"], rows["n_control"]) >= rows["needed"]
    assert "undecided" in set(rows.loc[enough, "verdict"])


def test_tea_tasting_finds_the_same_differences_intervals_and_sample_ratio():
    """An independent package as an oracle: Welch's interval, Newcombe's, the chi-squared test."""
    units = trial([12.0], 500).drop(columns="before_outcome").assign(variant=lambda f: f["arm"])
    units["did"] = (units["outcome"] > 100).astype(float)
    outcomes = {"outcome": experiments.Outcome("money"), "did": experiments.Outcome("yes/no")}
    ours = experiments.analyse(units.drop(columns="variant"), "off", outcomes)
    oracle = tea_tasting.Experiment(
        outcome=tea_tasting.Mean("outcome", use_t=True, equal_var=False),
        did=tea_tasting.Proportion("did"),
        ratio=tea_tasting.SampleRatio(method="norm", correction=False),
    ).analyze(units, control="off")
    rows = ours.overall.set_index("outcome")
    for name in outcomes:
        assert rows.loc[name, "effect"] == pytest.approx(oracle[name].effect_size)
    amount = oracle["outcome"]
    assert rows.loc["outcome", ["low", "high", "p"]].tolist() == pytest.approx(
        [amount.effect_size_ci_lower, amount.effect_size_ci_upper, amount.pvalue], rel=1e-6
    )
    assert ours.ratio["p"] == pytest.approx(oracle["ratio"].pvalue)
