"""Prediction out of sample beside rivals, and what a lift must be to pay or to be seen."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict

from seglib.clustering import prediction as use


def customers(n=300, seed=0):
    """Three segments that spend 10, 20 and 40; a feature that carries only noise."""
    rng = np.random.default_rng(seed)
    segment = pd.Series(1 + np.arange(n) % 3)
    spend = np.array([10.0, 20.0, 40.0])[segment - 1] + rng.normal(0, 5, n)
    features = pd.DataFrame({"noise": rng.normal(size=n), "more": rng.normal(size=n)})
    return segment, features, pd.DataFrame({"spend": spend, "active": spend > 25})


def test_auc_and_r_squared_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 60), rng.normal(size=60)
    draws = rng.integers(60, size=(3, 60))
    counts = [np.ones(60), *(np.bincount(rows, minlength=60) for rows in draws)]
    for ours, theirs in ((use.auc, roc_auc_score), (use.r_squared, r2_score)):
        expected = [theirs(y[rows], p.round(1)[rows]) for rows in draws]
        value, resampled = ours(y, p.round(1), np.array(counts))
        assert value == pytest.approx(theirs(y, p.round(1)))
        assert resampled == pytest.approx(expected)
    assert use.auc(np.ones(4), np.arange(4.0), np.ones((1, 4)))[0] == 0.5  # nobody to compare with


def test_predictions_are_those_of_a_ridge_regression():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2, (50, 4)).astype(float), rng.normal(size=50)
    expected = cross_val_predict(Ridge(1.0), x, y, cv=KFold(5, shuffle=True, random_state=0))
    assert use.held_out(x, y, use.folds(50, 0)) == pytest.approx(expected)


def test_the_auc_of_a_few_segments_is_that_of_the_population():
    """Of three segments 30, 50 and 70% do it: a true AUC of 0.678; pooled over folds it is 0.64."""
    rng, reached = np.random.default_rng(0), []
    for seed in range(30):
        segment = rng.integers(0, 3, 400)
        y = (rng.random(400) < 0.3 + 0.2 * segment).astype(float)
        places = use.held_out(use.indicators(segment), y, use.folds(400, seed, 2), ranked=True)
        reached.append(use.auc(y, places, np.ones((1, 400)))[0])
    assert np.mean(reached) == pytest.approx(0.678, abs=0.01)


def test_segments_that_carry_the_outcome_are_useful_and_beat_deciles_of_noise():
    found, _ = use.usefulness(*customers())
    spend, active = found["outcomes"]
    assert found["useful"]
    assert spend["metric"] == "R²"
    assert spend["segments"]["value"] > 0.7
    assert spend["gain"]["low"] > 0.5
    assert active["metric"] == "AUC"
    assert active["segments"]["value"] > 0.9
    assert not found["score_beats_segments"]
    assert spend["score_lead"]["high"] < 0


def test_shuffled_segments_are_not_useful():
    segment, features, outcomes = customers()
    shuffled = segment.sample(frac=1, random_state=1).set_axis(segment.index)
    found, _ = use.usefulness(shuffled, features, outcomes)
    assert not found["useful"]
    assert abs(found["outcomes"][0]["placebo"]["mean"]) < 0.05
    assert found["outcomes"][1]["placebo"]["mean"] == pytest.approx(0.5, abs=0.02)  # not below


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
    found, _ = use.usefulness(segment, features, pd.DataFrame({"spend": rng.gamma(1, size=300)}))
    row = found["outcomes"][0]
    assert row["model"]["low"] <= 0 < row["score_lead"]["value"]
    assert not row["recommended"] and not found["score_beats_segments"]


def test_a_recommended_score_is_that_which_was_tested_and_given_to_everyone():
    halves, features, outcomes = continuum()
    outcomes = outcomes.astype(float)
    outcomes.iloc[:20] = np.nan
    found, scores = use.usefulness(halves, features, outcomes)
    assert list(scores) == [
        "predicted_spend", "predicted_spend_decile",
        *(["probability_active", "probability_active_decile"] if len(scores.columns) > 2 else []),
    ]  # fmt: skip
    assert scores.index.equals(features.index) and scores.notna().all(axis=None)
    spend = outcomes["spend"].dropna()
    y = np.minimum(spend, np.quantile(spend, 0.99))
    tested = r2_score(y, scores.loc[spend.index, "predicted_spend"])
    assert tested == pytest.approx(found["outcomes"][0]["model"]["value"])
    assert (
        scores.groupby("predicted_spend_decile")["predicted_spend"].mean().is_monotonic_decreasing
    )


def test_no_customer_helps_to_make_the_own_score():
    halves, features, outcomes = continuum(noise=5.0)
    outcomes = outcomes[["spend"]]
    other = outcomes.copy()
    other.iloc[7, 0] = 0.0
    first, second = (
        use.usefulness(halves, features, each)[1]["predicted_spend"] for each in (outcomes, other)
    )
    assert first.iloc[7] == second.iloc[7]
    assert not first.equals(second)


def test_the_lift_that_pays_is_cost_over_margin_and_spend():
    segment = pd.Series([1] * 50 + [2] * 50)
    spend = pd.Series([90.0, 110.0] * 25 + [0.0] * 50)
    frame = use.worth(segment, spend, margin=0.2, cost_per_customer=1, weeks=13)
    first, second = frame.to_dict("records")
    assert first["lift_that_pays"] == pytest.approx(1 / (0.2 * 100))
    assert np.isnan(second["lift_that_pays"]) and second["word"] == "nothing"


@pytest.mark.parametrize(
    ("pays", "seen", "word"),
    [(None, None, "nothing"), (0.1, None, "too_small"), (0.6, 0.2, "unlikely"),
     (0.02, 0.3, "slow"), (0.1, 0.15, "fine")],
)  # fmt: skip
def test_the_word_for_a_lift(pays, seen, word):
    assert use.worth_word(pays, seen) == word


def test_segments_that_end_alike_are_paired():
    segment, _, outcomes = customers()
    assert use.alike(segment, outcomes) == []
    assert use.alike(pd.Series(1 + np.arange(300) % 2), outcomes) == [(1, 2)]


# --- RFM tiers ------------------------------------------------------------------------------------


def rfm():
    return pd.DataFrame({
        "recency": [1.0, 2, 3, 4, 5, np.nan], "frequency": [6.0, 5, 4, 3, 2, 1],
        "monetary": [10.0, 10, 10, 20, 30, 40],
    })  # fmt: skip


def test_tiers_have_limits_in_sight_and_equal_values_stay_together():
    cuts, tiers = use.rfm_cuts(rfm(), 3), use.rfm_tiers(rfm(), 3)
    assert cuts.loc["1 and 2", "frequency"] == 2  # of a customer, so that nobody is beyond it
    assert cuts["recency"].tolist() == [3, 2]  # tier 3 came last
    assert tiers["frequency"].tolist() == [3, 3, 2, 2, 1, 1]
    assert tiers["recency"].tolist() == [3, 3, 2, 1, 1, 1]  # lately is best, never is worst
    assert tiers["monetary"].tolist() == [1, 1, 1, 2, 3, 3]


@pytest.mark.parametrize(("driver", "word"), [("recency", "better"), ("segment", "nothing")])
def test_rfm_tiers_are_a_named_rival(driver, word):
    rng = np.random.default_rng(0)
    tiers = pd.DataFrame(rng.uniform(0, 9, (400, 3)), columns=["recency", "frequency", "monetary"])
    segment = pd.Series(rng.integers(1, 4, 400))
    y = (segment if driver == "segment" else tiers["recency"]) + rng.normal(0, 0.5, 400)
    features = pd.DataFrame({"noise": rng.normal(size=400)})
    found, _ = use.usefulness(segment, features, y.to_frame("spend"), rfm=tiers)
    row = found["outcomes"][0]
    assert row["rfm"] == word
    assert (row["rfm_terciles"]["value"] > row["segments"]["value"]) == (word == "better")
