"""The verdict of a segmentation written out: a dict that JSON can hold, every figure in it."""

import numpy as np
import pandas as pd

from seglib.clustering import encode, evidence, fit, membership, model, verdict
from seglib.clustering.sensitivity import sensitivity

REFITTED = 3000  # rows on which the segments are refitted
AMBIGUOUS = 0.6  # a lower probability of the own segment is ambiguous


def write(table, finding, rule: dict, members: pd.DataFrame, known: dict, seed: int) -> dict:
    """Compose the verdict.

    Parameters
    ----------
    table : cluster.Table
    finding : verdict.Finding
    rule : dict
        The model.
    members : DataFrame
        From :func:`model.assign`.
    known : dict
        What is settled already: ``method``, ``kind``, ``k_chosen_by``, ``usefulness``, …
    """
    k, kind = rule["k"], known["kind"]
    rng = np.random.default_rng((seed, 3))
    x = model.data(rule, table.frame.iloc[table.sample])
    again, null, agreement = _agreement(table, rule, rng, seed)
    reasons = verdict.reasons(finding, k, kind, agreement) + _use(kind, known["usefulness"])
    chance = fit.probabilities(rule["parameters"], model.data(rule, table.frame))
    doubtful = chance.max(axis=1) < AMBIGUOUS
    sampled = len(table.sample) < len(table.frame)
    return {
        "n": len(table.frame), "columns": [r["name"] for r in table.rules], "k": k,
        "k_suggested": k if known["k_chosen_by"] == "verdict" else finding.k,
        "headline": verdict.headline(
            kind, k, known["usefulness"], known["carried"],
            finding if known["k_chosen_by"] == "analyst" else None, agreement,
        ),
        "reasons": reasons + table.notes,
        "rule": verdict.RULE, "p_value": finding.p_value,
        "null_model": verdict.null_model(finding),
        "evidence": _evidence(table, finding, rule, x, rng),
        "agreement": agreement, "segments": _segments(model.numbers(rule), members, again, null),
        "restarts": {"n": model.RESTARTS, "share_at_best": rule["parameters"]["at_best"]},
        "ambiguous": {"share": float(np.mean(doubtful)), "threshold": AMBIGUOUS},
        "membership": membership.doubt(rule["parameters"], chance, agreement["kept"], rng),
        "confusion": _confusion(chance),
        "sensitivity": sensitivity(table.frame, members["segment"].to_numpy() - 1, k, seed),
        "sampled": {"rows": len(table.sample), "of": len(table.frame)} if sampled else None,
        **known,
    }  # fmt: skip


def _agreement(table, rule: dict, rng, seed: int) -> tuple[np.ndarray, np.ndarray, dict]:
    """How well segments come back on redrawn rows: theirs, those of a null, and all together.

    The null is the same method on tables of the same size without groups.
    """
    if rule["k"] == 1:
        one = np.ones(1)
        same = dict.fromkeys(("value", "low", "high", "kept", "null"), 1.0)
        return one, one, same | {"beyond": False}
    rows = np.sort(rng.permutation(len(table.frame))[:REFITTED])
    frame = table.frame.iloc[rows]
    overlap, rand, kept = model.found_again(rule, model.data(rule, frame), rng)
    draws = encode.simulator(table.rules, frame, encode.matrix(table.rules, frame), seed)
    null, chance = model.without_groups(rule, draws, rng)
    low, high = np.quantile(rand, [0.025, 0.975])
    mean, usual = float(rand.mean()), float(chance.mean())
    return overlap.mean(axis=0), null, {
        "value": mean, "low": float(low), "high": float(high), "kept": float(kept.mean()),
        "null": usual, "beyond": mean >= usual + verdict.AGREE_MORE,
    }  # fmt: skip


def _use(kind: str, useful: dict | None) -> list[str]:
    if useful is not None:
        return [useful["summary"]]
    if kind == "none":
        return ["Whether segments would predict what happens next was not tested."]
    return []


def _confusion(chance: np.ndarray) -> list[list[float]]:
    """Mean probability of segment j among the members of segment i."""
    label, k = chance.argmax(axis=1), chance.shape[1]
    total = np.array([chance[label == i].sum(axis=0) for i in range(k)])
    return np.round(total / np.maximum(np.bincount(label, minlength=k), 1)[:, None], 6).tolist()


def _evidence(table, finding, rule: dict, x: np.ndarray, rng) -> list[dict]:
    rows = verdict.rows(finding)
    flat = table.encoded
    lasting = evidence.across_k(flat, table.k_max, rng)
    for row, persists in zip(rows, lasting, strict=True):
        k = row["k"]
        row["persists"], row["bic"], row["icl"] = persists, None, None
        row["silhouette"] = evidence.silhouette(flat, k, rng) if k > 1 else None
        row["prediction_strength"] = evidence.prediction_strength(flat, k, rng) if k > 1 else 1.0
        if rule["parameters"]["method"] != "kmeans":
            row["bic"], row["icl"] = _criteria(rule, x, k)
    return rows


def _criteria(rule: dict, x: np.ndarray, k: int) -> tuple[float, float]:
    """Measure BIC (Schwarz 1978) and ICL (Biernacki, Celeux & Govaert 2000) at k."""
    method = rule["parameters"]["method"]
    params = fit.fit(method, x, k, levels=model.sizes(rule), seed=0, restarts=4)
    return params["bic"], params["bic"] + 2 * fit.entropy(params, x)


def _segments(numbers: list[int], members: pd.DataFrame, again: np.ndarray, null) -> list[dict]:
    size = members["segment"].value_counts().reindex(numbers, fill_value=0)
    rank = size.rank(ascending=False, method="first").astype(int)
    base = [float(null[rank[s] - 1]) for s in numbers]
    return [
        {
            "segment": s, "n": int(size[s]), "share": float(size[s] / len(members)),
            "jaccard": float(own), "jaccard_null": chance,
            "stable": verdict.stability_word(own, chance),
        }
        for s, own, chance in zip(numbers, again, base, strict=True)
    ]  # fmt: skip
