"""The model of a segmentation as plain numbers: made, applied to rows, refitted."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from seglib.clustering import encode, evidence, fit

FITTED = 20_000  # rows on which the final segments are fitted
RESTARTS = 20


def make(frame: pd.DataFrame, rules: list[dict], method: str, k: int, *, metric=None, seed: int):
    """Fit k segments on the frame, or on a large random part of it.

    Returns
    -------
    dict
        Plain numbers only: ``version``, ``method``, ``k``, ``columns`` (rules of
        :mod:`seglib.encode`) and ``parameters`` (of :mod:`seglib.fit`).
    """
    family = "kmeans" if method == "mixed" else method
    rows = np.sort(np.random.default_rng(seed).permutation(len(frame))[:FITTED])
    blank = {"method": method, "k": k, "columns": rules, "parameters": {"method": family}}
    params = fit.fit(
        family, data(blank, frame.iloc[rows]), k,
        levels=sizes(blank),
        metric=metric if family == "kmeans" else None, seed=seed, restarts=RESTARTS,
    )  # fmt: skip
    return {**blank, "version": 1, "parameters": params}


def assign(model: dict, frame: pd.DataFrame) -> pd.DataFrame:
    """Give every row its segment, probability, runner-up and margin, by the model's rule."""
    score = fit.scores(model["parameters"], data(model, frame))
    chance = fit.shares(score)
    rows, best = np.arange(len(frame)), fit.first(score)
    top = chance[rows, best]
    rest = chance.copy()
    rest[rows, best] = -1.0
    one, named = model["k"] == 1, np.array(numbers(model))
    return pd.DataFrame(
        {
            "segment": named[best],
            "probability": top,
            "runner_up": 0 if one else named[rest.argmax(axis=1)],
            "margin": 1.0 if one else np.maximum(top - rest.max(axis=1), 0.0),
        },
        index=frame.index,
    )


def numbers(model: dict) -> list[int]:
    """Return the number of each segment, in the order of the model's parameters."""
    return model.get("numbers") or list(range(1, model["k"] + 1))


def data(model: dict, frame: pd.DataFrame) -> np.ndarray:
    """Encode a frame as the model's method wants it."""
    encoded = encode.matrix(model["columns"], frame)
    if model["parameters"]["method"] == "latent_class":
        return encode.answers(model["columns"], frame)
    return encoded


def sizes(model: dict) -> list[int]:
    """Count the levels of each column, 0 for a numeric one."""
    return [len(rule.get("levels", ())) for rule in model["columns"]]


def found_again(
    model: dict, x: np.ndarray, rng, times: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Refit on bootstrap samples and compare with the segments published.

    Parameters
    ----------
    model : dict
    x : array
        What :func:`data` gives for some rows.
    times : int
        Number of refits; 0 is 40 for centres and 20 for mixtures.

    Returns
    -------
    jaccard : array, shape (times, k)
        Overlap of each segment with the most similar one of a refit (Hennig 2007).
    rand : array, shape (times,)
        Adjusted Rand index of refits with the segments.
    kept : array, shape (times,)
        Share of rows that stay in their segment.
    """
    params, k = model["parameters"], model["k"]
    usual, restarts = (40, 10) if params["method"] == "kmeans" else (20, 3)
    label, levels = fit.labels(params, x), sizes(model)
    overlap, rand, kept = [], [], []
    for _ in range(times or usual):
        rows = rng.integers(len(x), size=len(x))
        refit = fit.fit(
            params["method"], x[rows], k, levels=levels, metric=_metric(params),
            seed=int(rng.integers(2**31)), restarts=restarts,
        )  # fmt: skip
        other = fit.labels(refit, x)
        overlap.append(evidence.jaccard(label, other, k))
        rand.append(evidence.rand_index(label, other))
        kept.append(evidence.agreement(label, other, k))
    return np.array(overlap), np.array(rand), np.array(kept)


def without_groups(model: dict, draws: Callable[[int], np.ndarray], rng):
    """Return what :func:`found_again` finds in tables without groups, segmented the same way.

    Parameters
    ----------
    model : dict
    draws : callable
        Gives the i-th such table, encoded (:func:`encode.simulator`).

    Returns
    -------
    jaccard : array, shape (k,)
        Mean over tables, largest segment first.
    rand : array
        Of every refit of every table.
    """
    params, k = model["parameters"], model["k"]
    tables, times, restarts = (10, 4, 10) if params["method"] == "kmeans" else (5, 2, 3)
    overlap, rand = [], []
    for i in range(tables):
        x = draws(i)
        if params["method"] == "latent_class":
            x = encode.decoded(model["columns"], x)
        found = fit.fit(
            params["method"], x, k, levels=sizes(model), metric=_metric(params),
            seed=int(rng.integers(2**31)), restarts=restarts,
        )  # fmt: skip
        again, agree, _ = found_again({**model, "parameters": found}, x, rng, times)
        largest = np.argsort(-np.bincount(fit.labels(found, x), minlength=k), kind="stable")
        overlap.append(again.mean(axis=0)[largest])
        rand.append(agree)
    return np.mean(overlap, axis=0), np.concatenate(rand)


def _metric(params: dict) -> np.ndarray | None:
    return np.array(params["metric"]) if params.get("metric") else None
