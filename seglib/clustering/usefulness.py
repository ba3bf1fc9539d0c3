"""Whether segments predict what happens next, beside deciles of simple columns and a score.

Features and segments are frozen before the outcomes happen. Every prediction is out of sample
(repeated cross-validation over customers), every interval a bootstrap over customers.
"""

import re

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from seglib.clustering.prediction import (
    BOOTSTRAPS,
    PLACEBOS,
    auc,
    folds,
    held_out,
    interval,
    r_squared,
    target,
    varies,
)
from seglib.wording import minus

__all__ = ["auc", "columns", "r_squared", "scores", "usefulness"]

MOST = 20_000  # customers used; more change nothing but the time


def usefulness(
    labels: pd.Series,
    features: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    rfm: list[str] | None = None,
    seed: int = 0,
) -> dict | None:
    """Out-of-sample value of the segments for every outcome.

    Parameters
    ----------
    labels : Series
        Segment of each customer.
    features : DataFrame
        Numeric, encoded columns known before the outcomes; same index.
    outcomes : DataFrame
        One column per outcome; two-valued columns are scored by AUC, others by R² after cutting
        the top 1 %. Customers without outcomes are left out.
    rfm : list of str, optional
        Columns of ``features`` whose deciles are the benchmark; otherwise the single best column.

    Returns
    -------
    dict or None
        ``outcomes`` (one dict each), ``useful``, ``score_beats_segments``, ``summary`` and
        ``sentence``; None if fewer than 50 customers have outcomes. A score is ``recommended`` for
        an outcome that it predicts for certain, and for certain better than the segments do.
    """
    both = _tested(labels.index, outcomes, seed)
    if len(both) < 50:
        return None
    known = [c for c in rfm or [] if c in features.columns]
    rows = []
    for name in outcomes.columns:
        y = outcomes.loc[both, name].to_numpy(dtype=float)
        if varies(y):
            x = features.loc[both]
            rows.append({"outcome": str(name), **_one(labels.loc[both], x, y, known, seed)})
    if not rows:
        return None
    ahead = any(row["recommended"] for row in rows)
    behind = any(row["score_lead"]["high"] < 0 and row["useful"] for row in rows)
    return {
        "n": len(both), "outcomes": rows, "useful": any(row["useful"] for row in rows),
        "score_beats_segments": ahead and not behind,
        "summary": _summary(rows), "sentence": " ".join(_sentence(row) for row in rows),
    }  # fmt: skip


def scores(
    features: pd.DataFrame, outcomes: pd.DataFrame, useful: dict, *, seed: int = 0
) -> pd.DataFrame:
    """Return every customer's score for each outcome for which one is recommended, and its decile.

    Parameters
    ----------
    features, outcomes : DataFrame
        As of :func:`usefulness`.
    useful : dict
        What it gives.

    Returns
    -------
    DataFrame
        Indexed like ``features``, with the columns that :func:`columns` names. The predictions are
        those that were tested: each by models that had not seen the customer, five for a customer
        without outcomes. Decile 1 holds the highest.
    """
    both, found = _tested(features.index, outcomes, seed), pd.DataFrame(index=features.index)
    rest, splits = features.index.difference(both, sort=False), folds(len(both), seed, 2)
    for row in useful["outcomes"]:
        if not row["recommended"]:
            continue
        y, metric, *_ = target(outcomes.loc[both, row["outcome"]].to_numpy(dtype=float))
        known, other = features.loc[both].to_numpy(), features.loc[rest].to_numpy()
        predicted = _boosted(known, y, splits, metric == "AUC", seed, other)
        name, decile = columns(row)
        found[name] = pd.Series(predicted, both.append(rest))
        found[decile] = 11 - _tenth(found[name])
    return found


def columns(row: dict) -> tuple[str, str]:
    """Return the names of the score of an outcome and of its decile."""
    what = re.sub(r"\W+", "_", row["outcome"].removeprefix("who ")).strip("_")
    kind = "probability" if row["metric"] == "AUC" else "predicted"
    return f"{kind}_{what}", f"{kind}_{what}_decile"


def _tested(index: pd.Index, outcomes: pd.DataFrame, seed: int) -> pd.Index:
    """Return the customers on whom predictions are tested: those with outcomes, or a part."""
    both = index.intersection(outcomes.dropna().index)
    return both[np.sort(np.random.default_rng(seed).permutation(len(both))[:MOST])]


def _one(labels, features: pd.DataFrame, y: np.ndarray, known: list[str], seed: int) -> dict:
    y, name, metric, nothing = target(y)
    binary = name == "AUC"
    dummies = pd.get_dummies(labels, dtype=float).to_numpy()
    deciles = _deciles(features[known] if known else _best(features, y))
    splits = folds(len(y), seed, 2)
    predicted = {
        "segments": held_out(dummies, y, splits),
        "deciles": held_out(deciles, y, splits),
        "both": held_out(np.hstack([deciles, dummies]), y, splits),
        "model": _boosted(features.to_numpy(), y, splits, binary, seed),
    }
    tenths = _deciles(pd.DataFrame({"score": predicted["model"]}))
    predicted["score_tenths"] = held_out(tenths, y, splits)
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(y), size=len(y)) for _ in range(BOOTSTRAPS)]
    values = {k: np.array([metric(y[d], p[d]) for d in draws]) for k, p in predicted.items()}
    placebo = [metric(y, held_out(rng.permutation(dummies), y, splits)) for _ in range(PLACEBOS)]
    out = {"metric": name, "mean": float(y.mean())}
    for what, p in predicted.items():
        out[what] = interval(metric(y, p), values[what])
    gain = out["both"]["value"] - out["deciles"]["value"]
    lead = out["model"]["value"] - out["segments"]["value"]
    out["gain"] = interval(gain, values["both"] - values["deciles"])
    out["score_lead"] = interval(lead, values["model"] - values["segments"])
    ahead = out["score_tenths"]["value"] - out["segments"]["value"]
    out["tenths_lead"] = interval(ahead, values["score_tenths"] - values["segments"])
    out["placebo"] = {"mean": float(np.mean(placebo)), "high": float(np.max(placebo))}
    low = out["segments"]["low"]
    out["useful"] = bool(low > nothing and out["segments"]["value"] > out["placebo"]["high"])
    out["recommended"] = bool(out["model"]["low"] > nothing and out["score_lead"]["low"] > 0)
    return out


def _boosted(x, y: np.ndarray, folds: list, binary: bool, seed: int, rest=()) -> np.ndarray:
    """Return held-out predictions of boosted trees; for further rows, the mean over the folds."""
    kind = HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor
    total, times, more = np.zeros(len(y)), np.zeros(len(y)), np.zeros(len(rest))
    for train, test in folds[:5]:
        model = kind(
            max_iter=200, learning_rate=0.05, min_samples_leaf=20, early_stopping=True,
            validation_fraction=0.2, n_iter_no_change=5, random_state=seed,
        )  # fmt: skip
        model.fit(x[train], y[train])
        predict = (lambda rows, m=model: m.predict_proba(rows)[:, 1]) if binary else model.predict
        total[test] += predict(x[test])
        times[test] += 1
        more += predict(rest) / 5 if len(rest) else 0.0
    return np.r_[total / times, more]


def _deciles(columns: pd.DataFrame) -> np.ndarray:
    parts = []
    for name in columns:
        parts.append(pd.get_dummies(_tenth(columns[name]), dtype=float).to_numpy())
    return np.hstack(parts)


def _tenth(values: pd.Series) -> np.ndarray:
    """Return which tenth each value is in, from 1 to 10; equal values are in the same."""
    return np.ceil(rankdata(values) / len(values) * 10).clip(1, 10).astype(int)


def _best(features: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    """Take the column most rank-correlated with the outcome: chosen in its own favour."""
    ranks = rankdata(y)
    strength = [
        abs(np.corrcoef(rankdata(features[c]), ranks)[0, 1]) if features[c].nunique() > 1 else 0
        for c in features
    ]
    return features.iloc[:, [int(np.argmax(strength))]]


def _summary(rows: list[dict]) -> str:
    told = [
        f"{row['outcome']} ({row['metric']} {_plain(row['segments'])}, "
        f"{_plain(row['segments'], 'low')} to {_plain(row['segments'], 'high')})"
        for row in rows
        if row["useful"]
    ]
    first = f"Out of sample the segments predict {', '.join(told) or 'nothing of what came next'}."
    gains = [
        f"{row['outcome']} ({_signed(row['gain'], 3)})" for row in rows if row["gain"]["low"] > 0
    ]
    rest = " and of nothing else for certain" if len(gains) < len(rows) else ""
    added = (
        f"they improve the prediction of {', '.join(gains)}{rest}."
        if gains
        else "they add nothing certain."
    )
    added = f" Beside deciles of simple columns {added}{_against_score(rows)}"
    better = [row for row in rows if row["recommended"]]
    if not better:
        return (
            f"{first}{added} No continuous score on the same columns is clearly better than both "
            "the segments and nothing."
        )
    reached = ", ".join(f"{_plain(row['model'])} for {row['outcome']}" for row in better)
    use = ", and use the segments to decide what to treat alike" if told else ""
    return (
        f"{first}{added} A continuous score on the same columns predicts better ({reached}): rank "
        f"by that score, which is written beside the segment of each{use}."
    )


def _against_score(rows: list[dict]) -> str:
    """Answer whether segments beat deciles of a score, where either predicts an outcome."""
    rows = [row for row in rows if row["useful"] or row["recommended"]]
    if not rows:
        return ""
    told = [
        f"{_plain(row['score_tenths'])} for {row['outcome']} (difference "
        f"{_signed(row['tenths_lead'], 2)})"
        for row in rows
    ]
    beats = [row["tenths_lead"]["high"] < 0 for row in rows]
    word = "Yes" if all(beats) else "In part" if any(beats) else "No"
    return f" Do they beat deciles of a score? {word}: these reach {', '.join(told)}."


def _plain(found: dict, key: str = "value") -> str:
    """Return a score with two decimals: '−0.01'."""
    return minus(f"{found[key]:z.2f}")


def _signed(found: dict, places: int) -> str:
    """Return a difference with its interval: '+0.07, −0.01 to +0.15'."""
    value, low, high = (minus(f"{found[key]:+z.{places}f}") for key in ("value", "low", "high"))
    return f"{value}, {low} to {high}"


def _sentence(row: dict) -> str:
    segments, score, gain, lead = (row[k] for k in ("segments", "model", "gain", "score_lead"))
    what, name = row["outcome"], row["metric"]
    nothing = 0.5 if name == "AUC" else 0.0
    if not row["useful"] and score["low"] <= nothing:
        return (
            f"For {what}, neither the segments ({name} {_plain(segments)}, {nothing:g} is "
            f"nothing) nor a continuous score on the same columns ({_plain(score)}) predicts."
        )
    word = "is no better than the segments within its error"
    if row["recommended"]:
        word = "beats the segments"
    elif lead["low"] > 0:
        word = "is ahead of the segments, but not of nothing for certain"
    elif lead["high"] < 0:
        word = "does worse than the segments"
    added = "adds" if gain["low"] > 0 else "adds nothing certain"
    return (
        f"For {what}, segments alone reach {name} {_plain(segments)} "
        f"({_plain(segments, 'low')} to {_plain(segments, 'high')}); a continuous score on the "
        f"same columns reaches {_plain(score)} and {word}; putting segments beside deciles {added} "
        f"({_signed(gain, 3)})."
    )
