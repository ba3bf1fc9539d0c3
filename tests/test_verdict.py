"""The measures by hand, the rule on made-up evidence, and planted answers from end to end."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from seglib.clustering.evidence import Measures
from sklearn.metrics import adjusted_rand_score

from seglib import clustering
from seglib.clustering import encode, evidence, near, segmentation, verdict

KEYS = {
    "n", "columns", "method", "method_reason", "k", "k_suggested", "k_chosen_by", "kind",
    "headline", "reasons", "rule", "evidence", "segments", "restarts", "ambiguous", "confusion",
    "usefulness", "worth", "sensitivity", "sampled",
}  # fmt: skip


# --- measures -----------------------------------------------------------------------------------


def test_rand_index_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 50), rng.integers(0, 3, 50)
    assert evidence.rand_index(a, b) == pytest.approx(adjusted_rand_score(a, b))
    assert evidence.rand_index(a, a) == 1.0


def test_jaccard_of_a_segment_that_loses_a_member():
    label, other = np.array([0, 0, 0, 1, 1]), np.array([5, 5, 2, 2, 2])
    assert evidence.jaccard(label, other, 2) == pytest.approx([2 / 3, 2 / 3])


def test_agreement_matches_the_numbers_first():
    assert evidence.agreement(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]), 2) == 0.75


def test_a_valley_is_deep_between_blobs_and_absent_within_one():
    rng = np.random.default_rng(0)
    apart = np.r_[rng.normal(0, 1, 500), rng.normal(6, 1, 500)][:, None]
    one = rng.normal(0, 1, 1000)[:, None]
    halves = (one[:, 0] > 0).astype(int)
    assert evidence.valley(apart, np.repeat([0, 1], 500), np.array([[0.0], [6.0]])) > 1
    assert evidence.valley(one, halves, np.array([[-0.8], [0.8]])) < 0.1


def test_prediction_strength_is_one_for_two_far_blobs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2)) + 20 * np.repeat([0, 1], 40)[:, None]
    assert evidence.prediction_strength(x, 2, rng) == 1.0


def test_segments_that_persist_and_segments_that_split():
    """Three blobs, two of them near each other: at two segments one persists, one splits."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.3, (90, 1)) + np.repeat([0, 10, 14], 30)[:, None]
    two = evidence.across_k(x, 3, rng)[1]
    assert two == pytest.approx([0.5, 1.0], abs=0.05)  # largest first


def test_near_pairs_show_the_spread_within_groups():
    """Column a holds two groups 10 apart; within groups both columns spread alike."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)) + np.column_stack([10 * (np.arange(300) % 2), np.zeros(300)])
    assert near.spread(x) == pytest.approx([1, 1], abs=0.15)


def test_blurring_fills_the_gap_between_the_steps_of_a_scale():
    x = np.array([[1.0], [2.0], [2.0], [4.0]])
    fuzzy = encode.blur(x)(np.repeat(x, 500, axis=0), np.random.default_rng(0))
    assert fuzzy[:500].min() >= 0.5
    assert fuzzy[:500].max() <= 1.5
    assert 1.5 <= fuzzy[500:1500].min() < fuzzy[500:1500].max() <= 3.0
    assert fuzzy[1500:].max() <= 5.0


# --- the rule -----------------------------------------------------------------------------------


def measures(dispersion, stability, valley):
    whole = [np.array([0.0, *dispersion]), np.array([1.0, *stability]), np.array([0.0, *valley])]
    return Measures(*whole)


def null(n=20):
    rng = np.random.default_rng(0)
    return [measures(rng.normal(0, 0.01, 2), [0.5, 0.4], [0.05, 0.05]) for _ in range(n)]


@pytest.mark.parametrize(
    ("dispersion", "stability", "valley", "k", "kind"),
    [
        ([-0.1, -0.3], [0.6, 0.95], [0.1, 1.0], 3, "natural"),
        ([-0.3, -0.2], [0.98, 0.76], [1.0, 0.4], 2, "natural"),  # both separated: more compact
        ([-0.1, -0.3], [0.6, 0.95], [0.1, 0.1], 3, "reproducible"),  # no valley
        ([-0.1, -0.3], [0.6, 0.45], [0.1, 1.0], 2, "reproducible"),  # 3 do not come back
        ([-0.1, -0.3], [0.5, 0.45], [0.1, 1.0], 1, "none"),  # neither do 2
        ([0.0, 0.0], [0.99, 0.99], [1.0, 1.0], 1, "none"),  # stable, yet no structure
    ],
)
def test_the_rule_on_made_up_evidence(dispersion, stability, valley, k, kind):
    finding = verdict.judge(measures(dispersion, stability, valley), null())
    assert (finding.k, finding.kind) == (k, kind)


def test_each_figure_of_the_evidence_has_its_p_value_from_the_tables_without_groups():
    """Of four tables, two are as stable at 2 segments and none at 3, one is as compact at 2."""
    tables = [measures([d, 0.0], [s, 0.4], [0.1, 0.0]) for d, s in
              [(-0.3, 0.5), (0.1, 0.7), (0.0, 0.6), (0.2, 0.2)]]  # fmt: skip
    finding = verdict.judge(measures([-0.2, -0.1], [0.6, 0.9], [0.0, 0.1]), tables)
    one, two, three = verdict.rows(finding)
    assert (two["stability_p"], three["stability_p"]) == (3 / 5, 1 / 5)
    assert (two["dispersion_p"], three["dispersion_p"]) == (2 / 5, 1 / 5)
    assert (two["separation_p"], three["separation_p"]) == (1.0, 1 / 5)
    assert one["stability_p"] is one["dispersion_p"] is one["separation_p"] is None
    assert two["stability_null"] == pytest.approx(0.5)
    assert verdict.null_model(finding)["tables"] == 4


def test_the_rule_is_explained_in_three_sentences():
    assert verdict.RULE.count(". ") + 1 == 3


@pytest.mark.parametrize(
    ("jaccard", "word"),
    [(0.9, "highly stable"), (0.8, "valid"), (0.7, "doubtful"), (0.5, "distrust")],
)
def test_words_for_a_segments_stability(jaccard, word):
    assert verdict.stability_word(jaccard) == word


# --- planted answers ----------------------------------------------------------------------------


def groups(k, n=300, apart=5.0, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % k
    return pd.DataFrame(apart / 1.4 * np.eye(k + 1)[truth] + rng.normal(size=(n, k + 1))), truth


def test_three_groups_are_natural_and_found():
    table, truth = groups(3)
    found = clustering.segment(table.rename(columns=str))
    assert (found.verdict["k"], found.verdict["kind"]) == (3, "natural")
    assert adjusted_rand_score(truth, found.labels) > 0.9
    assert {s["stable"] for s in found.verdict["segments"]} == {"highly stable"}
    assert all(s["jaccard"] > s["jaccard_null"] for s in found.verdict["segments"])


def test_a_correlated_cloud_has_no_groups_however_stable_its_halves():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(400, 1)) + 0.6 * rng.normal(size=(400, 4)))
    found = clustering.segment(table.rename(columns=str)).verdict
    assert (found["k"], found["kind"]) == (1, "none")
    assert found["evidence"][1]["stability"] > 0.85  # k-means halves agree, as they do without


def test_parallel_cigars_are_found_by_undoing_their_correlation():
    rng = np.random.default_rng(0)
    truth = np.arange(400) % 2
    long = 8 * rng.normal(size=400)
    table = pd.DataFrame({"a": long, "b": long + 7 * truth + rng.normal(size=400)})
    found = clustering.segment(table)
    assert (found.verdict["k"], found.verdict["kind"]) == (2, "natural")
    assert "elongated" in found.verdict["method_reason"]
    assert adjusted_rand_score(truth, found.labels) > 0.9


def continuum(n=500, seed=0):
    """One trait without groups, and spend that follows it."""
    rng = np.random.default_rng(seed)
    trait = rng.normal(size=(n, 1))
    table = pd.DataFrame(trait + 0.5 * rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    spend = 50 + 20 * trait[:, 0] + rng.normal(0, 10, n)
    return table, pd.DataFrame({"spend": spend, "active": spend > 40})


def test_a_useful_cut_through_a_continuum_is_constructive():
    table, outcomes = continuum()
    found = clustering.segment(table, outcomes=outcomes).verdict
    assert found["kind"] == "constructive"
    assert 3 <= found["k"] <= 6
    assert "a cut we make" in found["headline"]
    assert found["usefulness"]["score_beats_segments"]


def test_a_cut_that_predicts_nothing_is_none():
    table, outcomes = continuum()
    shuffled = outcomes.sample(frac=1, random_state=3).set_axis(outcomes.index)
    found = clustering.segment(table, outcomes=shuffled).verdict
    assert (found["k"], found["kind"]) == (1, "none")
    assert "does not help predict" in found["headline"]


def test_an_analysts_k_is_kept_and_judged():
    found = clustering.segment(continuum()[0], k=4).verdict
    assert (found["k"], found["k_suggested"], found["k_chosen_by"]) == (4, 1, "analyst")
    assert found["kind"] == "none"
    assert "not tested" in " ".join(found["reasons"])


def test_the_verdict_has_every_key_and_is_plain_json():
    table, _ = groups(3, n=120)
    outcomes = pd.DataFrame({"spend": np.arange(120.0)})
    economics = {"margin": 0.2, "cost_per_customer": 1.0, "weeks": 13}
    found = clustering.segment(
        table.rename(columns=str), k_max=4, outcomes=outcomes, economics=economics
    ).verdict
    assert set(found) >= KEYS
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [row["k"] for row in found["evidence"]] == [1, 2, 3, 4]
    assert np.sum(found["confusion"], axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_large_tables_are_sampled_for_evidence_and_everybody_is_assigned():
    table, _ = groups(3, n=4000)
    found = clustering.segment(table.rename(columns=str), k_max=4)
    assert found.verdict["sampled"] == {"rows": segmentation.SAMPLE, "of": 4000}
    assert len(found.labels) == 4000


def test_judging_alone_gives_the_verdict_of_segmenting():
    table, _ = groups(2, n=120)
    finding = clustering.judge(table.rename(columns=str), k_max=4)
    found = clustering.segment(table.rename(columns=str), k_max=4).verdict
    assert (finding.k, finding.kind) == (found["k"], found["kind"])


@pytest.mark.parametrize(("k", "does"), [(2, "puts some of them together"), (5, "splits some")])
def test_another_number_than_the_groups_there_are_is_told(k, does):
    rng = np.random.default_rng(0)
    x = 6 * np.eye(3)[np.arange(240) % 3] + rng.normal(0, 1, (240, 3))
    found = clustering.segment(pd.DataFrame(x), k=k).verdict  # columns without names, too
    assert "The data show 3 groups" in found["headline"] and does in found["headline"]
    assert "The evidence is best for 3 segments." in found["reasons"]


def test_a_segment_hardly_more_stable_than_without_groups_is_stable_as_any_cut():
    assert verdict.stability_word(0.86, 0.83) == "stable, as any cut would be"
    assert verdict.stability_word(0.86, 0.70) == "highly stable"


def test_less_compact_than_without_groups_is_said_so():
    z = [-1.5, -0.2]
    finding = verdict.judge(measures([0.0, 0.0], [0.9, 0.9], [0.0, 0.0]), null())
    less = dataclasses.replace(finding, z=np.array([0.0, *z]))
    assert "0.2 standard deviations less compact" in verdict.reasons(less, 1, "none")[0]
    two = verdict.reasons(less, 2, "none")[0]
    assert "1.5 standard deviations less compact" in two
    assert "at 3, where they are most so, 0.2 standard deviations less" in two


@pytest.mark.parametrize(
    ("beyond", "words"), [(True, "come back, by and large"), (False, "hardly better than those")]
)
def test_segments_that_come_back_like_any_cut_are_not_said_to_come_back(beyond, words):
    said = verdict.headline("reproducible", 3, None, agreement={"beyond": beyond})
    assert words in said


def test_agreement_is_beyond_that_of_no_groups_by_the_margin_of_the_rule():
    table, _ = groups(3, n=120)
    again = clustering.segment(table.rename(columns=str), k_max=4).verdict["agreement"]
    assert again["beyond"] == (again["value"] >= again["null"] + verdict.AGREE_MORE)
    line = np.repeat(np.arange(60.0), 2)
    alone = clustering.segment(pd.DataFrame({"a": line}), k_max=2).verdict
    assert alone["k"] > 1 or not alone["agreement"]["beyond"]
