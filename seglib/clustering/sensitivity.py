"""How much the segments move when a choice that could have gone otherwise goes otherwise."""

import numpy as np
import pandas as pd
from sklearn.cluster import AgglomerativeClustering

from seglib.clustering import encode, evidence

ROWS = 3000  # rows on which other choices are tried
STARTS = 20


def sensitivity(frame: pd.DataFrame, segments: np.ndarray, k: int, seed: int = 0) -> list[dict]:
    """Agreement (adjusted Rand index) of k-means under other choices with the segments found.

    Returns
    -------
    list of dict
        ``what`` was changed, and ``ari``; 1 is no movement.
    """
    if k < 2:
        return []
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(frame))[:ROWS])
    frame, segments = frame.iloc[rows], segments[rows]
    usual = encode.matrix(encode.learn(frame)[0], frame)
    variants = {
        "k-means again, other random starts": usual,
        "columns divided by their overall standard deviation": _encoded(frame, near_scale=False),
        "no logarithms": _encoded(frame, logs=False),
        "outliers kept": _encoded(frame, tails=(0.0, 1.0)),
        "outliers cut at 5 %": _encoded(frame, tails=(0.05, 0.95)),
    }
    out = [
        {"what": what, "ari": evidence.rand_index(segments, evidence.cluster(x, k, rng, STARTS)[1])}
        for what, x in variants.items()
    ]
    half = rng.permutation(len(usual))[: len(usual) // 2]
    if len(half) > k:
        centres = evidence.cluster(usual[half], k, rng, STARTS)[0]
        found = evidence.rand_index(segments, evidence.nearest(usual, centres))
        out.append({"what": "a random half of the rows", "ari": found})
    tree = AgglomerativeClustering(k, linkage="ward").fit_predict(usual)
    out.append({
        "what": "hierarchical clustering (Ward)", "ari": evidence.rand_index(segments, tree),
    })  # fmt: skip
    return out


def _encoded(frame: pd.DataFrame, **choices) -> np.ndarray:
    return encode.matrix(encode.learn(frame, **choices)[0], frame)
