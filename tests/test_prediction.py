"""Prediction out of sample, and what a lift must be to pay or to be seen."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from seglib import clustering
from seglib.clustering import fit, membership, treatment
from seglib.clustering import usefulness as use


def customers(n=300, seed=0):
    """Three segments that spend 10, 20 and 40; a feature that carries only noise."""
    rng = np.random.default_rng(seed)
    segment = pd.Series(1 + np.arange(n) % 3)
    spend = np.array([10.0, 20.0, 40.0])[segment - 1] + rng.normal(0, 5, n)
    features = pd.DataFrame({"noise": rng.normal(size=n), "more": rng.normal(size=n)})
    return segment, features, pd.DataFrame({"spend": spend, "active": spend > 25})


def everyone(spend):
    return pd.Series(1, index=spend.index)


def test_auc_and_r_squared_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 60), rng.normal(size=60)
    assert use.auc(y, p) == pytest.approx(roc_auc_score(y, p))
    assert use.r_squared(y, p) == pytest.approx(r2_score(y, p))


def test_segments_that_carry_the_outcome_are_useful_and_beat_deciles_of_noise():
    found = use.usefulness(*customers())
    spend, active = found["outcomes"]
    assert found["useful"]
    assert spend["metric"] == "R²"
    assert spend["segments"]["value"] > 0.7
    assert spend["gain"]["low"] > 0.5
    assert active["metric"] == "AUC"
    assert active["segments"]["value"] > 0.9
    assert not found["score_beats_segments"]
    assert "does worse than the segments" in found["sentence"]


def test_shuffled_segments_are_not_useful():
    segment, features, outcomes = customers()
    shuffled = segment.sample(frac=1, random_state=1).set_axis(segment.index)
    found = use.usefulness(shuffled, features, outcomes)
    assert not found["useful"]
    assert abs(found["outcomes"][0]["placebo"]["mean"]) < 0.05


def test_a_score_that_beats_segments_is_said_to():
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"level": rng.normal(size=600)})
    outcomes = pd.DataFrame({"spend": 10 * features["level"] + rng.normal(size=600)})
    halves = 1 + (features["level"] > 0).astype(int)
    found = use.usefulness(halves, features, outcomes, rfm=["level"])
    assert found["score_beats_segments"]
    assert "beats the segments" in found["sentence"]
    assert found["outcomes"][0]["deciles"]["value"] > found["outcomes"][0]["segments"]["value"]


def continuum(n=600, noise=1.0):
    """Two halves of one level, which spend follows; and spend with noise so large that it hides."""
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"level": rng.normal(size=n)}, pd.RangeIndex(n, name="customer"))
    spend = 10 * features["level"] + rng.normal(0, noise, n)
    halves = 1 + (features["level"] > 0).astype(int)
    return halves, features, pd.DataFrame({"spend": spend, "active": spend > 0})


def test_a_score_worse_than_nothing_is_not_recommended():
    """Segments of noise do worse than a score that is itself worse than the mean."""
    rng = np.random.default_rng(1)
    segment = pd.Series(rng.integers(1, 40, 300))
    features = pd.DataFrame({"noise": rng.normal(size=300)})
    found = use.usefulness(segment, features, pd.DataFrame({"spend": rng.gamma(1, size=300)}))
    row = found["outcomes"][0]
    assert row["model"]["low"] <= 0 < row["score_lead"]["value"]
    assert not row["recommended"] and not found["score_beats_segments"]
    assert "rank by" not in found["summary"] and "beats" not in found["sentence"]


def test_a_recommended_score_is_that_which_was_tested_and_given_to_everyone():
    halves, features, outcomes = continuum()
    outcomes = outcomes.astype(float)
    outcomes.iloc[:20] = np.nan
    found = use.usefulness(halves, features, outcomes)
    scores = use.scores(features, outcomes, found)
    assert list(scores) == [
        "predicted_spend", "predicted_spend_decile",
        *(["probability_active", "probability_active_decile"] if len(scores.columns) > 2 else []),
    ]  # fmt: skip
    assert scores.index.equals(features.index) and scores.notna().all(axis=None)
    spend = outcomes["spend"].dropna()
    y = np.minimum(spend, np.quantile(spend, 0.99))
    tested = use.r_squared(y.to_numpy(), scores.loc[spend.index, "predicted_spend"].to_numpy())
    assert tested == pytest.approx(found["outcomes"][0]["model"]["value"])
    assert (
        scores.groupby("predicted_spend_decile")["predicted_spend"].mean().is_monotonic_decreasing
    )
    assert "rank by that score" in found["summary"]


def test_no_customer_helps_to_make_the_own_score():
    halves, features, outcomes = continuum(noise=5.0)
    outcomes = outcomes[["spend"]]
    found = use.usefulness(halves, features, outcomes)
    other = outcomes.copy()
    other.iloc[7, 0] = 0.0
    first, second = (use.scores(features, o, found)["predicted_spend"] for o in (outcomes, other))
    assert first.iloc[7] == second.iloc[7]
    assert not first.equals(second)


def test_segments_carry_the_scores_that_the_verdict_recommends():
    _, features, outcomes = continuum()
    found = clustering.segment(features, k=2, outcomes=outcomes, k_max=2)
    rows = [row for row in found.verdict["usefulness"]["outcomes"] if row["recommended"]]
    assert list(found.scores) == [name for row in rows for name in use.columns(row)]
    assert clustering.segment(features, k=2, k_max=2).scores.shape == (600, 0)


def test_too_few_outcomes_are_not_tested():
    segment, features, outcomes = customers()
    assert use.usefulness(segment, features, outcomes.head(40)) is None


def test_the_lift_that_pays_is_cost_over_margin_and_spend():
    segment = pd.Series([1] * 50 + [2] * 50)
    spend = pd.Series([90.0, 110.0] * 25 + [0.0] * 50)
    first, second = treatment.worth(segment, spend, margin=0.2, cost_per_customer=1, weeks=13)
    assert first["lift_that_pays"] == pytest.approx(1 / (0.2 * 100))
    assert second["lift_that_pays"] is None
    assert "nothing to lift" in second["sentence"]


def test_the_detectable_lift_is_the_textbook_one():
    """About 2.8 standard errors of the difference of two halves: 2.8 * sd * 2 / sqrt(n)."""
    rng = np.random.default_rng(0)
    spend = pd.Series(rng.normal(100, 30, 1000))
    row = treatment.worth(
        pd.Series(1, index=spend.index), spend, margin=1, cost_per_customer=1, weeks=4
    )
    expected = 2.802 * spend.std() * 2 / np.sqrt(1000) / spend.mean()
    assert row[0]["lift_detectable"] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("n", [267, 278, 293, 330])
def test_the_detectable_lift_is_a_plain_number_where_the_solver_takes_another_road(n):
    """For these sizes statsmodels gives an array of one, of either sign."""
    spend = pd.Series(np.random.default_rng(0).normal(100, 30, n))
    row = treatment.worth(
        pd.Series(1, index=spend.index), spend, margin=1, cost_per_customer=1, weeks=4
    )
    expected = 2.802 * spend.std() * 2 / np.sqrt(n) / spend.mean()
    assert isinstance(row[0]["lift_detectable"], float)
    assert row[0]["lift_detectable"] == pytest.approx(expected, rel=0.02)


def test_bch_undoes_the_mixing_of_doubtful_members():
    """Two classes with means 0 and 10; one in five is put in the wrong one."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 20_000)
    assigned = np.where(rng.random(20_000) < 0.2, 1 - truth, truth)
    chance = np.where(np.arange(2) == assigned[:, None], 0.8, 0.2)
    values = pd.DataFrame({"spend": 10.0 * truth + rng.normal(size=20_000)})
    first, second = membership.means(chance, values)
    assert (first["mean"], second["mean"]) == pytest.approx((2, 8), abs=0.2)
    assert (first["corrected"], second["corrected"]) == pytest.approx((0, 10), abs=0.2)
    assert membership.weights(chance).sum(axis=1) == pytest.approx(np.ones(20_000))


def test_segments_that_do_not_differ_are_named():
    segment, _, outcomes = customers()
    halves = pd.Series(1 + np.arange(300) % 2)
    assert treatment.alike(segment, outcomes) == []
    assert treatment.alike(halves, outcomes)[0]["segments"] == [1, 2]


@pytest.mark.parametrize(("apart", "calibrated"), [(3.0, True), (0.0, False)])
def test_probabilities_are_checked_against_groups_of_the_assumed_shape(apart, calibrated):
    """Two round groups fit the model; one uniform square cut in two does not."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 2)) if apart else rng.uniform(-3, 3, (2000, 2))
    x[::2, 0] += apart
    params = fit.fit("kmeans", x, 2, seed=0, restarts=5)
    found = membership.doubt(params, fit.probabilities(params, x), 0.95, rng)
    assert found["calibrated"] == calibrated


def test_an_outcome_that_hardly_varies_is_left_out():
    labels = pd.Series(np.tile([1, 2], 100))
    features = pd.DataFrame({"x": np.arange(200.0)})
    outcomes = pd.DataFrame({"spend": labels * 10.0 + np.arange(200) % 7, "active": True})
    outcomes.loc[0, "active"] = False
    found = use.usefulness(labels, features, outcomes, seed=1)
    assert [row["outcome"] for row in found["outcomes"]] == ["spend"]


@pytest.mark.parametrize("seed", range(3))
def test_segments_that_end_alike_are_named_by_the_numbers_of_the_reports(seed):
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(400) % 4)
    frame = pd.DataFrame(8 * np.eye(4)[truth] + rng.normal(size=(400, 4))).add_prefix("x")
    spend = pd.Series(np.array([40.0, 40.0, 10.0, 90.0])[truth] + rng.normal(0, 4, 400))
    value = pd.Series(np.array([2.0, 4.0, 3.0, 1.0])[truth])  # numbers follow it, highest first
    found = clustering.segment(frame, value=value, outcomes=spend.to_frame("spend"), seed=seed)
    assert [row["segments"] for row in found.verdict["usefulness"]["alike"]] == [[1, 3]]


def test_a_rival_is_named_only_where_something_predicts():
    score = {"value": -0.004, "low": -0.02, "high": 0.01}
    row = {
        "outcome": "spend",
        "useful": False,
        "recommended": False,
        "score_tenths": score,
        "tenths_lead": score,
    }
    assert use._against_score([row]) == ""
    text = use._against_score([row | {"useful": True}])
    assert "deciles of a score? No: these reach 0.00 for spend" in text
    assert "difference −0.00" not in text and "-" not in text
