"""The verdict from end to end in small tables: its kind, its figures and its words."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

import seglib
from seglib import wording
from seglib.clustering import (
    Encoder,
    NullModel,
    SegmentModel,
    algorithms,
    bases,
    dependence,
    stability,
    validity,
    verdict,
)
from seglib.clustering.validity import Decision
from seglib.report import summary

KEYS = {
    "n", "columns", "method", "method_reason", "k", "k_suggested", "k_chosen_by", "kind",
    "headline", "reasons", "rule", "evidence", "segments", "restarts", "ambiguous", "confusion",
    "usefulness", "worth", "sensitivity", "sampled", "agreement", "membership", "null_model",
    "p_value", "carried", "apart", "instead",
}  # fmt: skip


def groups(k, n=150, apart=5.0, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % k
    x = apart / 1.4 * np.eye(k + 1)[truth] + rng.normal(size=(n, k + 1))
    return pd.DataFrame(x).add_prefix("x"), truth


def continuum(n=300, seed=0):
    """One trait without groups, and spend that follows it."""
    rng = np.random.default_rng(seed)
    trait = rng.normal(size=(n, 1))
    table = pd.DataFrame(trait + 0.5 * rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    spend = 50 + 20 * trait[:, 0] + rng.normal(0, 10, n)
    return table, pd.DataFrame({"spend": spend, "active": spend > 40})


@pytest.fixture(scope="module")
def three():
    table, truth = groups(3)
    outcomes = pd.DataFrame({"spend": 10.0 * truth + np.arange(150) % 7})
    economics = {"margin": 0.2, "cost_per_customer": 1.0, "weeks": 13}
    return seglib.segment(table, k_max=4, outcomes=outcomes, economics=economics), truth


def test_three_groups_are_natural_and_found(three):
    found, truth = three
    assert (found.verdict.k, found.verdict.kind) == (3, "natural")
    assert found.verdict.apart == 3
    assert found.verdict.headline.startswith("At least 3 groups stand apart")
    assert adjusted_rand_score(truth, found.labels) > 0.9
    assert set(found.verdict.segments["stable"]) == {"highly stable"}
    assert (found.verdict.segments["jaccard"] > found.verdict.segments["jaccard_null"]).all()
    again = found.verdict.agreement
    assert again["beyond"] == (again["value"] >= again["null"] + 0.1)


def test_the_verdict_has_every_key_and_is_plain_json(three):
    plain = three[0].verdict.to_dict()
    assert set(plain) == KEYS
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert [row["k"] for row in plain["evidence"]] == [1, 2, 3, 4]
    assert np.sum(plain["confusion"], axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert plain["null_model"]["tables"] == int(three[0].verdict.null_model.split()[0])
    assert [row["word"] for row in plain["worth"]]
    assert {row["what"] for row in plain["sensitivity"]} >= {"no logarithms", "outliers kept"}


def test_reasons_call_columns_as_reports_do(three):
    judged = dataclasses.replace(three[0].verdict, reasons=["Column 'spend' is empty."])
    assert judged.labelled({"spend": "Money"}).reasons == ["Column “Money” is empty."]


def test_a_useful_cut_through_a_continuum_is_constructive():
    table, outcomes = continuum()
    judged = seglib.segment(table, outcomes=outcomes, k_max=4).verdict
    assert judged.kind == "constructive" and 3 <= judged.k <= 4
    assert "a division we make" in judged.headline and "predicts it better" in judged.headline
    assert judged.usefulness["score_beats_segments"]


def test_a_cut_that_predicts_nothing_is_none():
    table, outcomes = continuum()
    shuffled = outcomes.sample(frac=1, random_state=3).set_axis(outcomes.index)
    judged = seglib.segment(table, outcomes=shuffled, k_max=4).verdict
    assert (judged.k, judged.kind) == (1, "none")
    assert "does not help predict" in judged.headline
    assert judged.usefulness["instead"] == "nothing"


def test_where_there_are_no_segments_the_tiers_that_predict_are_offered():
    """Spend follows recency, and no group or cut of three unrelated columns predicts it."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(400, 3)), columns=["a", "b", "c"])
    rfm = pd.DataFrame({"recency": rng.uniform(0, 100, 400), "frequency": 1.0, "monetary": 1.0})
    outcomes = pd.DataFrame({"spend": 200 - rfm["recency"] + rng.normal(0, 9, 400)})
    encoder = Encoder().fit(table)
    null, model = NullModel().fit(table, encoder), SegmentModel(encoder)
    evidence = pd.DataFrame({"stability": [1, 0.5, 0.5], "dispersion_z": 0.0, "separation": 0.0,
                             "stability_null": 0.5, "separation_null": 0.0, "tables": 10,
                             "reproducible": False, "p_value": 1.0, "structure": False,
                             "support": 0.0, "bend": 0.0, "bend_null": 0.0,
                             "stretched": False, "bic": np.nan},
                            index=[1, 2, 3])  # fmt: skip
    found = Decision(1, "none", evidence)
    choice = verdict.choose(found, model, table, outcomes, rfm=rfm)
    assert (choice.k, choice.prediction[0]["instead"]) == (1, "rfm_tiers")
    model.set_params(n_segments=1).fit(table)
    judged = verdict.judge(model, table, found, null, choice, outcomes, rfm=rfm)
    assert any("RFM tiers (thirds" in r and "better than the segments" in r for r in judged.reasons)
    assert "To use meanwhile: RFM tiers" in judged.reasons[-1]
    tiers = ["recency_tier", "frequency_tier", "monetary_tier"]
    assert list(judged.scores) == tiers
    assert judged.scores["recency_tier"].value_counts().between(130, 137).all()
    blind = verdict.judge(model, table, found, null, verdict.Choice(1), rfm=rfm)
    assert (blind.usefulness, blind.instead, list(blind.scores)) == (None, "rfm_tiers", tiers)
    assert blind.reasons[-1].startswith("To use meanwhile: RFM tiers")
    assert blind.reasons[-1].endswith("was not tested here.")
    assert verdict.judge(model, table, found, null, verdict.Choice(1)).instead == "nothing"


def test_an_analysts_k_is_kept_and_judged():
    judged = seglib.segment(continuum()[0], k=4, k_max=4).verdict
    assert (judged.k, judged.k_suggested, judged.k_chosen_by) == (4, 1, "analyst")
    assert judged.kind == "none"
    assert "not tested" in " ".join(judged.reasons)


def test_a_useful_cut_is_made_again_where_nothing_later_is_known():
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(240, 3)), columns=list("abc"))
    earlier = {"segments": pd.Series(1, frame.index), "used": 1, "as_of": "2024-04-01",
               "digest": "", "cut": {"k": 3, "as_of": "2024-01-01"}}  # fmt: skip
    judged = seglib.segment(frame, k_max=3, previous=earlier).verdict
    assert (judged.k, judged.kind) == (3, "constructive")
    assert "as at 2024-01-01" in judged.headline and "not known yet" in judged.headline
    noise = pd.DataFrame({"spend": np.random.default_rng(0).random(240)}, frame.index)
    tested = seglib.segment(frame, k_max=3, outcomes=noise, previous=earlier).verdict
    assert (tested.k, tested.carried) == (1, None)


@pytest.mark.parametrize("n", [2, 4, 9])
def test_fewer_rows_than_can_be_segmented_are_one_segment(n):
    frame = pd.DataFrame({"price": np.linspace(1.5, 8, n), "reach": np.linspace(0.3, 0.1, n) ** 2})
    found = seglib.segment(frame, outcomes=frame[["reach"]])
    assert (found.verdict.k, found.verdict.kind) == (1, "none")
    assert "the rows are too few or too alike" in " ".join(found.verdict.reasons)


@pytest.mark.parametrize("frame", [
    pd.DataFrame(np.random.default_rng(2).normal(size=(25, 40))).add_prefix("x"),
    pd.DataFrame({"a": np.random.default_rng(1).normal(size=120),
                  "level": [f"L{i}" for i in np.random.default_rng(2).integers(0, 500, 120)]}),
], ids=["more columns than rows", "500 levels"])  # fmt: skip
def test_awkward_frames_work(frame):
    found = seglib.segment(frame, k_max=3)
    assert found.labels.notna().all() and found.verdict.kind == "none"


# --- segments of an analyst ---------------------------------------------------------------------


def test_labels_that_are_the_groups_are_natural_and_others_are_not():
    table, truth = groups(3)
    named = pd.Series(np.array(["gold", "silver", "tin"])[truth])
    good = seglib.judge(table, named, k_max=3)
    assert (good.verdict.kind, good.verdict.k, good.verdict.method) == ("natural", 3, "labels")
    called = good.labels.map(good.verdict.segments["label"])
    assert (called == named).all()
    shuffled = np.random.default_rng(0).permutation(truth)
    bad = seglib.judge(table, shuffled, k_max=3)
    assert (bad.verdict.kind, bad.verdict.k) == ("none", 3)
    assert "the 3 segments given are other ones" in bad.verdict.headline
    assert bad.verdict.agreement["value"] < 0.2 < good.verdict.agreement["value"]
    assert pd.crosstab(bad.labels, shuffled).max(axis=1).sum() == 150


def test_labels_that_follow_the_groups_in_part_are_said_to():
    table, truth = groups(3)
    some = truth.copy()
    rng = np.random.default_rng(0)
    redrawn = rng.choice(len(some), len(some) // 6, replace=False)
    some[redrawn] = rng.integers(0, 3, len(redrawn))
    judged = seglib.judge(table, some, k_max=3).verdict
    assert judged.kind == "reproducible" and 0.6 <= judged.agreement["value"] < 0.75
    assert judged.headline.endswith("the 3 segments given follow them only in part.")


def test_segments_of_another_method_are_natural_only_if_they_are_the_groups():
    """Three cigars side by side, which k-means cuts across; round groups it finds."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 4)) * [8, 1, 1, 1]
    x[:, 1:] += 4.2 * np.eye(3)[np.arange(400) % 3]
    x = x @ np.linalg.qr(rng.normal(size=(4, 4)))[0]
    judged = seglib.segment(pd.DataFrame(x), method="kmeans").verdict
    assert (judged.k, judged.apart) == (3, 3) and judged.kind != "natural"
    assert judged.headline.startswith("The data show at least 3 groups; the 3 segments made ")
    assert any(reason.startswith("Between the two closest groups ") for reason in judged.reasons)
    assert seglib.segment(groups(3)[0], method="kmeans", k_max=4).verdict.kind == "natural"


def test_a_method_that_was_not_asked_for_is_the_verdicts():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=200), "b": rng.choice(list("xyz"), 200)})
    judged = seglib.segment(table, k=3, method="kmeans", k_max=3).verdict
    assert judged.method == "mixed" and "analyst" not in judged.method_reason


# --- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("jaccard", "null", "word"), [
    (0.9, 0, "highly stable"), (0.8, 0, "valid"), (0.7, 0, "doubtful"), (0.5, 0, "distrust"),
    (0.86, 0.83, "stable, as any division would be"), (0.86, 0.70, "highly stable"),
])  # fmt: skip
def test_words_for_a_segments_stability(jaccard, null, word):
    assert stability.stability_word(jaccard, null) == word


def evidence(z):
    return pd.DataFrame({
        "dispersion_z": [0.0, *z], "stability": 0.9, "stability_null": 0.8, "separation": 0.1,
        "separation_null": 0.2, "tables": 24, "p_value": 0.3,
        "separated": False, "support": [0.0, *z], "structure": False, "reproducible": False,
        "stretched": False, "bend": 0.05, "bend_null": 0.1,
        "icl": [2.0, 1.0, *z[1:]], "bic": [*z, 0.0],
    }, index=range(1, len(z) + 2))  # fmt: skip


def test_less_compact_than_without_groups_is_said_so():
    found = Decision(1, "none", evidence([-1.5, -0.2]))
    assert "0.2 standard deviations less compact" in verdict._reasons(found, 1, {}, "none", None)[0]
    again = dict.fromkeys(("value", "low", "high", "null"), 0.5)
    two = verdict._reasons(found, 2, again, "none", None)
    assert "1.5 standard deviations less compact" in two[0]
    assert "at 3, where they are most so, 0.2 standard deviations less" in two[0]
    assert "(adjusted Rand index): 0.50 on average when rows are drawn again" in two[1]


@pytest.mark.parametrize(
    ("beyond", "words"), [(True, "come back, by and large"), (False, "hardly better than those")]
)
def test_segments_that_come_back_like_any_cut_are_not_said_to_come_back(beyond, words):
    found, model = Decision(3, "reproducible", evidence([1, 4])), SegmentModel(n_segments=3)
    model.method_ = "kmeans"
    choice, agreement = verdict.Choice(3), {"beyond": beyond}
    said = verdict._headline(found, model, "reproducible", None, choice, agreement, 1.0)
    assert words in said


def test_a_continuum_that_bends_is_said_to_be_curved_and_how_often_the_answer_was_right():
    bent = evidence([1, 4]).assign(bend=0.4, bend_null=0.05)
    found, model = Decision(3, "reproducible", bent), SegmentModel(n_segments=3)
    model.method_ = "kmeans"
    beyond = {"beyond": True} | dict.fromkeys(("value", "low", "high", "null"), 0.8)
    said = verdict._headline(found, model, "reproducible", None, verdict.Choice(3), beyond, 1.0)
    assert "regions of a curved continuum or groups that overlap" in said
    reasons = verdict._reasons(found, 3, beyond, "reproducible", None)
    assert "a curve explains 40% of one of their main axes, in the null model at" in reasons[3]
    record = wording.table("examined")["reproducible"]
    told = f"{record['n']} got this answer: {wording.share(record['groups'])} of these tables held"
    assert told in reasons[5]
    assert (
        reasons[4]
        == "A count of groups that may overlap gives 3 by the least BIC and 2 by the least ICL."
    )


@pytest.mark.parametrize(("kind", "k", "words"), [
    ("natural", 2, "At least 2 groups stand apart in these data, with few"),
    ("reproducible", 2, "At least 2 groups stand apart in these data; how many there are in all"),
    ("reproducible", 3, "At least 2 groups stand apart in these data; the 3 segments"),
])  # fmt: skip
def test_groups_that_stand_apart_are_at_least_so_many(kind, k, words):
    found = Decision(k, kind, evidence([9, 4, 12]), 2, (2, 4))
    model = SegmentModel(n_segments=k)
    model.method_ = "gmm"
    said = verdict._headline(found, model, kind, None, verdict.Choice(k), {"beyond": True}, 1.0)
    assert said.startswith(words) and ("give 2 and 4." in said) == (kind == "reproducible")


@pytest.mark.parametrize(("apart", "k", "words"), [
    (3, 4, "closest of the 4 groups counted, of which at least 3 stand apart, the density"),
    (4, 4, "closest groups the density"),
    (3, 2, "closest segments the density"),
])  # fmt: skip
def test_the_density_between_groups_is_of_those_that_were_counted(apart, k, words):
    found = Decision(4, "reproducible", evidence([1, 4, 9]), apart, (3, 4))
    again = dict.fromkeys(("value", "low", "high", "null"), 0.8)
    assert words in verdict._reasons(found, k, again, "reproducible", None)[2]


@pytest.mark.parametrize(("apart", "calibrated"), [(3.0, True), (0.0, False)])
def test_probabilities_are_checked_against_groups_of_the_assumed_shape(apart, calibrated):
    """Two round groups fit the model; one uniform square cut in two does not."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 2)) if apart else rng.uniform(-3, 3, (2000, 2))
    x[::2, 0] += apart
    params = algorithms.fit_kmeans(x, 2, seed=0, restarts=5)
    chance = algorithms.probabilities(params, x)
    assert stability.doubt(params, chance, 0.95, rng)["calibrated"] == calibrated


@pytest.mark.parametrize(("k", "does"), [(2, "puts some of them together"), (5, "splits some")])
def test_another_number_than_the_groups_there_are_is_said(k, does):
    found = Decision(3, "natural", evidence([1, 4, 3, 2]), apart=3)
    model = SegmentModel(n_segments=k)
    model.method_ = "kmeans"
    choice = verdict.Choice(k, "analyst")
    said = verdict._headline(found, model, "none", None, choice, {"beyond": True}, 1.0)
    assert "The data show at least 3 groups" in said and does in said
    again = dict.fromkeys(("value", "low", "high", "null"), 0.5)
    assert "The evidence is best for 3 segments." in verdict._reasons(found, k, again, "none", None)


def test_groups_apart_are_told_where_another_number_was_asked_for():
    """At least three groups stand apart and four were counted: one of them is no group for sure."""
    found = Decision(4, "reproducible", evidence([1, 4, 3, 2]), apart=3, counts=(3, 4))
    for k, does in ((1, "one segment for all"), (2, "puts some"), (3, "other ones"), (5, "splits")):
        model = SegmentModel(n_segments=k)
        model.method_ = "kmeans"
        choice = verdict.Choice(k, "analyst")
        said = verdict._headline(found, model, "none", None, choice, {"beyond": True}, 1.0)
        assert "The data show at least 3 groups" in said and does in said


def test_what_is_unusual_in_the_evidence_is_said():
    again = dict.fromkeys(("value", "low", "high", "null"), 0.5)
    found = Decision(1, "none", evidence([3.5, 1]).assign(structure=True, stretched=True))
    reasons = " ".join(verdict._reasons(found, 2, again, "none", None, given=["a"]))
    assert "stretched until" in reasons and "not of the ones given" in reasons
    assert "no number of segments comes back well enough" in reasons
    parts = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]] * 9)
    whole = dependence.Whole.of(pd.DataFrame(parts, columns=list("abc")))
    blind = Decision(1, "none", evidence([1, 1]).assign(bic=np.nan))
    reasons = " ".join(verdict._reasons(blind, 2, again, "none", None, wholes=[whole]))
    assert "groups were not counted" in reasons and "got this answer" not in reasons


def test_groups_that_all_stand_apart_are_no_mere_choice():
    hardly = {"kind": "reproducible", "agreement": {"beyond": False}, "k": 3}
    assert summary.kind(hardly | {"apart": 1}) == "hardly"
    assert summary.kind(hardly | {"apart": 3}) == "reproducible"


def test_what_takes_long_says_what_it_does(monkeypatch):
    table, outcomes = continuum()
    encoder, said = Encoder().fit(table), []
    null = NullModel().fit(table, encoder)
    decision = validity.search(null, 4, progress=said.append, tables=10)
    assert "mixture of 1 (diag)" in said and "table 10 of at most 10 of the null model" in said
    none = dataclasses.replace(decision, kind="none", k=1)
    verdict.choose(none, SegmentModel(encoder), table, outcomes, progress=said.append)
    assert said[-2:] == ["predictions of spend", "predictions of active"]
    ways = bases.segment_each(table, {"one": ["a", "b"], "other": ["b", "c"]}, k_max=3)
    bases.compare(ways, outcomes, progress=said.append)
    assert said[-1] == "active predicted by all together"
