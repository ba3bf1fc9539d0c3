"""Whether segments predict what happens next, and whether treating them differently can pay.

Features and segments are frozen before the outcomes happen. Every prediction is out of sample
(repeated cross-validation over customers), every interval a bootstrap over customers.
"""

import numpy as np
import pandas as pd
from scipy.stats import rankdata, ttest_ind_from_stats
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import tt_ind_solve_power

MOST = 20_000  # customers used; more change nothing but the time
BOOTSTRAPS = 400
PLACEBOS = 20


RARE = 20  # rows of the rarer of two outcomes that a comparison needs


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
        ``outcomes`` (one dict each), ``useful``, ``score_beats_segments``, ``alike``, ``summary``
        and ``sentence``;
        None if fewer than 50 customers have outcomes.
    """
    both = labels.index.intersection(outcomes.dropna().index)
    if len(both) < 50:
        return None
    both = both[np.sort(np.random.default_rng(seed).permutation(len(both))[:MOST])]
    known = [c for c in rfm or [] if c in features.columns]
    rows = []
    for name in outcomes.columns:
        y = outcomes.loc[both, name].to_numpy(dtype=float)
        if _varies(y):
            x = features.loc[both]
            rows.append({"outcome": str(name), **_one(labels.loc[both], x, y, known, seed)})
    if not rows:
        return None
    ahead = any(row["score_lead"]["low"] > 0 for row in rows)
    behind = any(row["score_lead"]["high"] < 0 and row["useful"] for row in rows)
    return {
        "n": len(both), "outcomes": rows, "useful": any(row["useful"] for row in rows),
        "score_beats_segments": ahead and not behind,
        "alike": alike(labels.loc[both], outcomes.loc[both]),
        "summary": _summary(rows), "sentence": " ".join(_sentence(row) for row in rows),
    }  # fmt: skip


def alike(labels: pd.Series, outcomes: pd.DataFrame) -> list[dict]:
    """Pairs of segments that no outcome tells apart (Welch tests, Benjamini–Hochberg at 5 %)."""
    names = sorted(labels.unique())
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    if not pairs:
        return []
    chances = [
        [_welch(outcomes.loc[labels == a, c], outcomes.loc[labels == b, c]) for c in outcomes]
        for a, b in pairs
    ]
    shape = np.shape(chances)
    told = multipletests(np.ravel(chances), 0.05, "fdr_bh")[0].reshape(shape).any(axis=1)
    return [
        {
            "segments": [int(a), int(b)],
            "sentence": f"Segments {a} and {b} do not differ in what happened next: "
            "too alike to treat differently on these outcomes.",
        }
        for (a, b), different in zip(pairs, told, strict=True)
        if not different
    ]


def _welch(first: pd.Series, second: pd.Series) -> float:
    first, second = first.to_numpy(dtype=float), second.to_numpy(dtype=float)
    if min(len(first), len(second)) < 3 or np.ptp(np.r_[first, second]) == 0:
        return 1.0
    if first.std() == 0 and second.std() == 0:
        return 0.0
    (a, b, n), (c, d, m) = ((x.mean(), x.std(ddof=1), len(x)) for x in (first, second))
    return float(ttest_ind_from_stats(a, b, n, c, d, m, equal_var=False).pvalue)


def _varies(y: np.ndarray) -> bool:
    """Whether an outcome can be predicted at all: two values need some rows of each."""
    counts = np.unique(y, return_counts=True)[1]
    return len(counts) > 2 or (len(counts) == 2 and counts.min() >= RARE)


def _one(labels, features: pd.DataFrame, y: np.ndarray, known: list[str], seed: int) -> dict:
    binary = len(np.unique(y)) == 2
    y = (y == y.max()).astype(float) if binary else np.minimum(y, np.quantile(y, 0.99))
    metric = auc if binary else r_squared
    dummies = pd.get_dummies(labels, dtype=float).to_numpy()
    deciles = _deciles(features[known] if known else _best(features, y))
    folds = [f for r in range(2) for f in _folds(len(y), seed + r)]
    predicted = {
        "segments": _held_out(dummies, y, folds),
        "deciles": _held_out(deciles, y, folds),
        "both": _held_out(np.hstack([deciles, dummies]), y, folds),
        "model": _boosted(features.to_numpy(), y, folds, binary, seed),
    }
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(y), size=len(y)) for _ in range(BOOTSTRAPS)]
    values = {k: np.array([metric(y[d], p[d]) for d in draws]) for k, p in predicted.items()}
    placebo = [metric(y, _held_out(rng.permutation(dummies), y, folds)) for _ in range(PLACEBOS)]
    out = {"metric": "AUC" if binary else "R²", "mean": float(y.mean())}
    for name, p in predicted.items():
        out[name] = _interval(metric(y, p), values[name])
    gain = out["both"]["value"] - out["deciles"]["value"]
    lead = out["model"]["value"] - out["segments"]["value"]
    out["gain"] = _interval(gain, values["both"] - values["deciles"])
    out["score_lead"] = _interval(lead, values["model"] - values["segments"])
    out["placebo"] = {"mean": float(np.mean(placebo)), "high": float(np.max(placebo))}
    nothing = 0.5 if binary else 0.0
    low = out["segments"]["low"]
    out["useful"] = bool(low > nothing and out["segments"]["value"] > out["placebo"]["high"])
    return out


def r_squared(y: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the variance predicted; negative when worse than the mean."""
    total = ((y - y.mean()) ** 2).sum()
    return float(1 - ((y - predicted) ** 2).sum() / total) if total > 0 else 0.0


def auc(y: np.ndarray, predicted: np.ndarray) -> float:
    """Chance that a customer with the outcome is ranked above one without (Mann–Whitney)."""
    ones = y == 1
    a, b = ones.sum(), (~ones).sum()
    if not a or not b:
        return 0.5
    return float((rankdata(predicted)[ones].sum() - a * (a + 1) / 2) / (a * b))


def _interval(value: float, draws: np.ndarray) -> dict:
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"value": float(value), "low": float(low), "high": float(high)}


def _folds(n: int, seed: int) -> list:
    return list(KFold(5, shuffle=True, random_state=seed).split(np.zeros(n)))


def _held_out(x: np.ndarray, y: np.ndarray, folds: list) -> np.ndarray:
    """Held-out predictions of a ridge regression on indicators, averaged over repeats."""
    total, times = np.zeros(len(y)), np.zeros(len(y))
    for train, test in folds:
        total[test] += Ridge(alpha=1.0).fit(x[train], y[train]).predict(x[test])
        times[test] += 1
    return total / times


def _boosted(x: np.ndarray, y: np.ndarray, folds: list, binary: bool, seed: int) -> np.ndarray:
    kind = HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor
    total, times = np.zeros(len(y)), np.zeros(len(y))
    for train, test in folds[:5]:
        model = kind(
            max_iter=200, learning_rate=0.05, min_samples_leaf=20, early_stopping=True,
            validation_fraction=0.2, n_iter_no_change=5, random_state=seed,
        )  # fmt: skip
        model.fit(x[train], y[train])
        total[test] += model.predict_proba(x[test])[:, 1] if binary else model.predict(x[test])
        times[test] += 1
    return total / times


def _deciles(columns: pd.DataFrame) -> np.ndarray:
    parts = []
    for name in columns:
        tenth = np.ceil(rankdata(columns[name]) / len(columns) * 10).clip(1, 10)
        parts.append(pd.get_dummies(tenth, dtype=float).to_numpy())
    return np.hstack(parts)


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
        f"{row['outcome']} ({row['metric']} {row['segments']['value']:.2f}, "
        f"{row['segments']['low']:.2f} to {row['segments']['high']:.2f})"
        for row in rows
        if row["useful"]
    ]
    first = f"Out of sample the segments predict {', '.join(told) or 'nothing of what came next'}."
    gains = [
        f"{row['outcome']} ({row['gain']['value']:+.3f}, {row['gain']['low']:+.3f} to "
        f"{row['gain']['high']:+.3f})"
        for row in rows
        if row["gain"]["low"] > 0
    ]
    added = (
        f" Beside tenths of simple columns they add to {', '.join(gains)} and nothing certain else."
        if gains
        else " Beside tenths of simple columns they add nothing certain."
    )
    better = [row for row in rows if row["score_lead"]["low"] > 0]
    if not better:
        return f"{first}{added} No continuous score on the same columns is clearly better."
    reached = ", ".join(f"{row['outcome']} {row['model']['value']:.2f}" for row in better)
    return (
        f"{first}{added} A continuous score on the same columns predicts better ({reached}): rank "
        "by a score, and use the segments to decide what to treat alike."
    )


def _sentence(row: dict) -> str:
    segments, score, gain, lead = (row[k] for k in ("segments", "model", "gain", "score_lead"))
    what, name = row["outcome"], row["metric"]
    nothing = 0.5 if name == "AUC" else 0.0
    if not row["useful"] and score["low"] <= nothing:
        return (
            f"For {what}, neither the segments ({name} {segments['value']:.2f}, {nothing:g} is "
            f"nothing) nor a continuous score on the same columns ({score['value']:.2f}) predicts."
        )
    word = "is no better than the segments within its error"
    if lead["low"] > 0:
        word = "beats the segments"
    elif lead["high"] < 0:
        word = "does worse than the segments"
    added = "adds" if gain["low"] > 0 else "adds nothing certain"
    return (
        f"For {what}, segments alone reach {name} {segments['value']:.2f} "
        f"({segments['low']:.2f} to {segments['high']:.2f}); a continuous score on the same "
        f"columns reaches {score['value']:.2f} and {word}; putting segments beside deciles {added} "
        f"({gain['value']:+.3f}, {gain['low']:+.3f} to {gain['high']:+.3f})."
    )


def worth(
    segments: pd.Series,
    spend: pd.Series,
    *,
    margin: float,
    cost_per_customer: float,
    weeks: float,
) -> list[dict]:
    """Per segment, the smallest lift that pays and the smallest an experiment could detect.

    The experiment gives half of the segment the treatment for as long as ``spend`` was observed;
    power 80 %, two-sided 5 % (two-sample t test, Cohen 1988). Lifts are shares of mean spend.
    """
    rows = []
    for number, part in spend.groupby(segments.reindex(spend.index)):
        mean, sd, n = float(part.mean()), float(part.std(ddof=1)), len(part)
        pays = cost_per_customer / (margin * mean) if mean > 0 and margin > 0 else None
        effect = _detectable(n) if n >= 8 else None
        seen = effect * sd / mean if effect and mean > 0 else None
        rows.append({
            "segment": int(number), "n": n, "mean_spend": mean, "sd_spend": sd,
            "lift_that_pays": pays, "lift_detectable": seen,
            "sentence": _worth_sentence(int(number), n, pays, seen, weeks),
        })  # fmt: skip
    return rows


def _detectable(n: int) -> float:
    """Smallest difference, in standard deviations, that halves of n customers show."""
    found = tt_ind_solve_power(nobs1=n / 2, alpha=0.05, power=0.8)
    return abs(float(np.squeeze(found)))  # for some n it is an array, or the root below zero


def _worth_sentence(number: int, n: int, pays, seen, weeks: float) -> str:
    who = f"Segment {number} ({n} customers)"
    if pays is None:
        return f"{who} earns nothing to lift."
    if seen is None:
        return f"{who} is too small for any experiment; it needs a lift of {pays:.0%} to pay."
    text = f"{who} pays from a lift of {pays:.1%}; {weeks:.0f} weeks can detect {seen:.0%} or more"
    if pays > 0.5:
        return f"{text}: a lift that large is unlikely, so it is not worth its own treatment."
    if seen > 2 * max(pays, 0.05):
        return f"{text}: too small or too varied to learn soon whether treatment pays."
    return f"{text}."
