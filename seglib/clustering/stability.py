"""Do segments come back? Refits on redrawn rows, other choices, and how sure membership is."""

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp
from sklearn.cluster import AgglomerativeClustering

from seglib.clustering import algorithms
from seglib.clustering.encoding import Encoder
from seglib.clustering.null_model import NullModel
from seglib.clustering.segmenter import SegmentModel

ROWS = 3000  # on which the segments are refitted, and other choices are tried
CLOSE = 0.1  # Kolmogorov–Smirnov distance up to which probabilities are called calibrated
HARDLY = 0.05  # a Jaccard similarity above the null's by less says nothing for a segment
# Hennig's (2007) words for a segment's mean Jaccard similarity.
WORDS = {0.85: "highly stable", 0.75: "valid", 0.6: "doubtful", 0.0: "distrust"}


def stability(model: SegmentModel, X: pd.DataFrame, rng) -> tuple[pd.DataFrame, dict]:
    """Measure how well segments come back: `Verdict.segments` and `Verdict.agreement`.

    A segment is beside the one of the same rank in size in tables without groups.
    """
    codes, k = model.codes(X), model.n_segments
    if k == 1:
        overlap = without = np.ones(1)
        agreement = dict.fromkeys(("value", "low", "high", "kept", "null"), 1.0)
        agreement["beyond"] = False
    else:
        rows = np.sort(rng.permutation(len(X))[:ROWS])
        part = X.iloc[rows]
        jaccard, rand, kept = refits(model, model.data(part), codes[rows], rng)
        null = NullModel(ROWS, model.random_state).fit(part, model.encoder_)
        without, chance = refits_without_groups(model, null, rng)
        low, high = np.quantile(rand, [0.025, 0.975])
        overlap, value, usual = jaccard.mean(axis=0), float(rand.mean()), float(chance.mean())
        agreement = {"value": value, "low": float(low), "high": float(high)}
        agreement |= {"kept": float(kept.mean()), "null": usual}
        agreement["beyond"] = bool(algorithms.beyond(value, chance))
    n = pd.Series(np.bincount(codes, minlength=k), pd.Index(model.numbers_, name="segment"))
    rank = n.rank(ascending=False, method="first").astype(int)
    frame = pd.DataFrame({"n": n, "share": n / len(X), "jaccard": overlap})
    frame["jaccard_null"] = without[rank.to_numpy() - 1]
    frame["stable"] = list(map(stability_word, frame["jaccard"], frame["jaccard_null"]))
    labels = {"label": list(map(str, model.names_))} if model.names_ else {}
    return frame.assign(**labels), agreement


def stability_word(jaccard: float, null: float = 0.0) -> str:
    """Return the word for a segment's mean Jaccard similarity.

    A stable segment that is hardly more so than one in data without groups is stable as any cut is.
    """
    if jaccard >= 0.75 and jaccard < null + HARDLY:
        return "stable, as any division would be"
    return next(word for least, word in WORDS.items() if jaccard >= least)


def refits(model: SegmentModel, data: np.ndarray, label: np.ndarray, rng, times: int = 0):
    """Make the segments of some rows again from bootstrap samples, 40 times or of mixtures 20.

    Returned are, of each refit, the overlap of each segment with the most similar one (Hennig
    2007), the adjusted Rand index with the segments, and the share of rows that stay in theirs.
    """
    usual, restarts = (40, 10) if model.parameters_["method"] == "kmeans" else (20, 3)
    result = []
    for _ in range(times or usual):
        rows = rng.integers(len(data), size=len(data))
        other = algorithms.labels(model.refit(data, rows, label, rng, restarts), data)
        measures = algorithms.jaccard, algorithms.kept
        result.append([measure(label, other, model.n_segments) for measure in measures])
        result[-1].append(algorithms.rand_index(label, other))
    jaccard, kept, rand = (np.array(values) for values in zip(*result, strict=True))
    return jaccard, rand, kept


def refits_without_groups(model: SegmentModel, null: NullModel, rng):
    """Return mean overlaps, largest segment first, and Rand indices in tables without groups."""
    k, family = model.n_segments, "mixed" if model.method_ == "labels" else model.method_
    own = SegmentModel(model.encoder_, k, family)
    own._start(model.encoder_)
    own.method_, own.parameters_ = family, model.parameters_
    tables, times, restarts = (10, 4, 10) if model.parameters_["method"] == "kmeans" else (5, 2, 3)
    overlap, rand = [], []
    for i in range(tables):
        Z = null.sample(i)
        data = model.encoder_.decode(Z) if family == "latent_class" else Z
        everybody = np.arange(len(data))
        label = algorithms.labels(own.refit(data, everybody, everybody, rng, restarts), data)
        again, agree, _ = refits(own, data, label, rng, times)
        overlap.append(again.mean(axis=0)[_largest(label, k)])
        rand.append(agree)
    return np.mean(overlap, axis=0), np.concatenate(rand)


def _largest(label: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-np.bincount(label, minlength=k), kind="stable")


# --- other numbers and other choices --------------------------------------------------------------


def persistence(null: NullModel, k_max: int, rng) -> pd.Series:
    """Return the overlap of each k-means segment with its best match among one more segment.

    By number of segments, largest segment first: Jaccard similarities (Dolnicar & Leisch 2017).
    """
    labels = [np.zeros(len(null.Z_), int)]
    labels += [algorithms.cluster(null.Z_, k, rng)[1] for k in range(2, k_max + 1)]
    overlaps = [
        algorithms.jaccard(one, other, k)[_largest(one, k)].tolist()
        for k, (one, other) in enumerate(pairwise(labels), 1)
    ]
    return pd.Series([*overlaps, []], pd.RangeIndex(1, k_max + 1), name="persists")


def sensitivity(X: pd.DataFrame, codes: np.ndarray, k: int, seed: int) -> pd.DataFrame:
    """Return the adjusted Rand index of k-means under other choices with the segments."""
    if k < 2:
        return pd.DataFrame(columns=["what", "ari"])
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(X))[:ROWS])
    X, codes = X.iloc[rows], codes[rows]
    variants = {
        "k-means from other random starts": Encoder(),
        "columns divided by their overall standard deviation": Encoder(near_scale=False),
        "no logarithms": Encoder(logs=False),
        "outliers kept": Encoder(tails=(0.0, 1.0)),
        "outliers cut at 5 %": Encoder(tails=(0.05, 0.95)),
    }
    matrices = {what: encoder.fit_transform(X) for what, encoder in variants.items()}
    other = {
        what: algorithms.cluster(matrix, k, rng, algorithms.STARTS)[1]
        for what, matrix in matrices.items()
    }
    Z = next(iter(matrices.values()))
    other["hierarchical clustering (Ward)"] = AgglomerativeClustering(k).fit_predict(Z)
    agreement = {what: algorithms.rand_index(codes, label) for what, label in other.items()}
    return pd.DataFrame(agreement.items(), columns=["what", "ari"])


# --- how sure membership is -----------------------------------------------------------------------


def doubt(params: dict, chance: np.ndarray, kept: float, rng) -> dict:
    """Check membership probabilities against rows simulated from the model.

    If the groups were what the method takes them for, simulated rows would be as sure of their
    segment as the rows are, and the probabilities would be right on average.
    """
    mean = expected = 1.0
    distance = 0.0
    if chance.shape[1] > 1:
        share = np.bincount(chance.argmax(axis=1), minlength=chance.shape[1]) / len(chance)
        simulated = algorithms.simulate(params, share, 2000, rng)
        own, fake = chance.max(axis=1), algorithms.probabilities(params, simulated).max(axis=1)
        distance = float(ks_2samp(own, fake).statistic)
        mean, expected = float(own.mean()), float(fake.mean())
    return {
        "mean_probability": mean,
        "expected": expected,
        "distance": distance,
        "kept_on_refit": kept if chance.shape[1] > 1 else 1.0,
        "calibrated": distance <= CLOSE,
    }
