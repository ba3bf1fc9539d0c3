"""Do segments predict what happens next? Against deciles, RFM tiers and a score.

Features and segments are frozen before the outcomes happen. Every prediction is out of sample
(repeated cross-validation over customers), every interval a bootstrap over customers. Two-valued
outcomes are scored by AUC, others by R² after cutting the top 1 %.
"""

import operator
import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import rankdata, ttest_ind_from_stats
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import KFold

from seglib import power, stats, wording
from seglib.study import Economics

BOOTSTRAPS, PLACEBOS = 400, 20
RARE = 20  # rows of the rarer of two outcomes that a comparison needs
FEWEST, MOST = 50, 20_000  # customers needed, and used: more change nothing but the time
SIMPLE = ("recency", "orders", "sessions", "basket_value")  # columns whose deciles are a rival
TREES = {"max_iter": 200, "learning_rate": 0.05, "min_samples_leaf": 20, "early_stopping": True}
TREES |= {"validation_fraction": 0.2, "n_iter_no_change": 5}


def rfm(customers: pd.DataFrame) -> pd.DataFrame | None:
    """Return recency, frequency and monetary value of each customer; None unless all are known."""
    frequency = next((c for c in ("orders", "sessions") if c in customers), None)
    if frequency is None or not {"recency", "spend"} <= set(customers):
        return None
    columns = {"recency": "recency", frequency: "frequency", "spend": "monetary"}
    return customers[list(columns)].rename(columns=columns).astype(float)


def rfm_cuts(values: pd.DataFrame, tiers: int = 3) -> pd.DataFrame:
    """Return the limits between tiers, numbered as by `rfm_tiers`; equal values stay together."""
    pairs = [f"{tier} and {tier + 1}" for tier in range(1, tiers)]
    cuts = values.quantile(np.arange(1, tiers) / tiers, interpolation="lower").set_axis(pairs)
    return cuts.assign(recency=cuts["recency"].to_numpy()[::-1]).rename_axis("between tiers")


def rfm_tiers(values: pd.DataFrame, tiers: int = 3) -> pd.DataFrame:
    """Return the tier of each customer in each column, 1 the lowest, of recency the longest ago."""
    cuts = rfm_cuts(values, tiers)
    ranked = {c: np.searchsorted(np.sort(cuts[c]), values[c], "left") + 1 for c in values}
    frame = pd.DataFrame(ranked, values.index)
    return frame.assign(recency=tiers + 1 - frame["recency"]).mask(values.isna(), 1)


# --- segments against their rivals ----------------------------------------------------------------


def usefulness(
    labels: pd.Series,
    features: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    rfm: pd.DataFrame | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> tuple[dict | None, pd.DataFrame]:
    """Return the out-of-sample value of the segments for every outcome, and everybody's scores.

    Features are encoded columns known before the outcomes; RFM tiers are a rival. A score is
    ``recommended`` for an outcome that it predicts for certain, and for certain better than the
    segments do. Nothing is tested with fewer than 50 customers of known outcomes: then None.

    Of the dict: ``outcomes`` (one dict each), ``useful``, ``score_beats_segments`` and ``instead``,
    of segments (score_deciles, rfm_tiers, nothing). The frame has the scores recommended and their
    deciles, 1 the highest: by models that had not seen the customer; without outcomes a mean of 5.
    """
    both = labels.index.intersection(outcomes.dropna().index)
    both = both[np.sort(np.random.default_rng(seed).permutation(len(both))[:MOST])]
    rest, rows = features.index.difference(both, sort=False), []
    scores = pd.DataFrame(index=features.index)
    for name in outcomes if len(both) >= FEWEST else []:
        y = outcomes.loc[both, name].to_numpy(dtype=float)
        if not varies(y):
            continue
        tiers = None if rfm is None else rfm.loc[both]
        if progress:
            progress(f"predictions of {name}")
        row, score, models = _rivals(labels.loc[both], features.loc[both], y, tiers, seed)
        rows.append({"outcome": str(name)} | row)
        if row["recommended"]:
            column, decile = score_columns(rows[-1])
            scores[column] = pd.Series(score, both)
            if len(rest):
                others = [_expected(model, features.loc[rest].to_numpy()) for model in models]
                scores.loc[rest, column] = np.mean(others, axis=0)
            scores[decile] = 11 - _decile(scores[column])
    return _summary(len(both), rows) if rows else None, scores


def _summary(n: int, rows: list[dict]) -> dict:
    ahead = any(row["recommended"] for row in rows)
    behind = any(row["score_lead"]["high"] < 0 and row["useful"] for row in rows)
    tiers = any(row["rfm"] not in {"unknown", "nothing"} for row in rows)
    return {
        "n": n,
        "outcomes": rows,
        "useful": any(row["useful"] for row in rows),
        "score_beats_segments": ahead and not behind,
        "instead": "score_deciles" if ahead else "rfm_tiers" if tiers else "nothing",
    }


def _rivals(labels, features: pd.DataFrame, y: np.ndarray, tiers, seed: int):
    y, name, metric, nothing = target(y)
    splits, dummies, rng = folds(len(y), seed, 2), indicators(labels), np.random.default_rng(seed)
    rivals, ranked = _indicators(dummies, features, y, tiers), name == "AUC"
    predicted = {rival: held_out(x, y, splits, ranked) for rival, x in rivals.items()}
    score, models = _boosted(features.to_numpy(), y, splits[:5], name == "AUC", seed)
    predicted["model"] = score.copy()
    for _, test in splits[:5] if ranked else []:
        predicted["model"][test] = _places(score[test])
    tenths = _deciles(pd.DataFrame({"score": score}))
    predicted["score_tenths"] = held_out(tenths, y, splits, ranked)
    draws = resamples(len(y), rng)
    reached = {rival: metric(y, p, draws) for rival, p in predicted.items()}
    placebo = placebos(dummies, y, metric, splits, rng, ranked)

    def lead(one: str, other: str = "segments") -> dict:
        return interval(*map(operator.sub, reached[one], reached[other]))

    out = {"metric": name, "mean": float(y.mean())}
    out |= {rival: interval(*values) for rival, values in reached.items()}
    out |= {"gain": lead("both", "deciles"), "score_lead": lead("model")}
    out |= {"tenths_lead": lead("score_tenths"), "rfm": "unknown"}
    out["placebo"] = {"mean": float(np.mean(placebo)), "high": float(np.max(placebo))}
    own, better = out["segments"], out["model"]["low"] > nothing and out["score_lead"]["low"] > 0
    out["useful"] = bool(own["low"] > nothing and own["value"] > max(placebo))
    out["recommended"] = bool(better)
    if tiers is not None:
        out["rfm_lead"] = lead("rfm_terciles")
        out["rfm"] = _beside(out["rfm_lead"]) if out["rfm_terciles"]["low"] > nothing else "nothing"
    return out, score, models


def _indicators(dummies: np.ndarray, features: pd.DataFrame, y: np.ndarray, tiers) -> dict:
    simple = [c for c in SIMPLE if c in features]
    deciles = _deciles(features[simple] if simple else _best_column(features, y))
    tried = {"segments": dummies, "deciles": deciles, "both": np.hstack([deciles, dummies])}
    for rival, n in {"rfm_terciles": 3, "rfm_quintiles": 5}.items():
        if tiers is not None:
            columns = rfm_tiers(tiers, n)
            tried[rival] = np.hstack([indicators(columns[c]) for c in columns])
    return tried


def _beside(lead: dict) -> str:
    """Say how a rival does: better or worse for certain, else ahead or behind."""
    if lead["low"] > 0 or lead["high"] < 0:
        return "better" if lead["low"] > 0 else "worse"
    return "ahead" if lead["value"] > 0 else "behind"


def score_columns(row: dict) -> tuple[str, str]:
    """Return the names of the score of an outcome and of its decile."""
    what = re.sub(r"\W+", "_", row["outcome"].removeprefix("who ")).strip("_")
    kind = "probability" if row["metric"] == "AUC" else "predicted"
    return f"{kind}_{what}", f"{kind}_{what}_decile"


def _boosted(x: np.ndarray, y: np.ndarray, splits: list, binary: bool, seed: int):
    made = HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor
    predicted, models = np.zeros(len(y)), []
    for train, test in splits:
        model = made(random_state=seed, **TREES).fit(x[train], y[train])
        models.append(model)
        predicted[test] = _expected(model, x[test])
    return predicted, models


def _expected(model, x: np.ndarray) -> np.ndarray:
    return model.predict_proba(x)[:, 1] if hasattr(model, "predict_proba") else model.predict(x)


def _best_column(features: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    """Take the column most rank-correlated with the outcome: chosen in its own favour."""
    ranks = rankdata(y)
    strength = [
        x.nunique() > 1 and abs(np.corrcoef(rankdata(x), ranks)[0, 1]) for _, x in features.items()
    ]
    return features.iloc[:, [int(np.argmax(strength))]]


# --- predicting out of sample ---------------------------------------------------------------------


def varies(y: np.ndarray) -> bool:
    """Whether an outcome can be predicted at all: two values need some rows of each."""
    counts = np.unique(y, return_counts=True)[1]
    return len(counts) > 2 or (len(counts) == 2 and counts.min() >= RARE)


def target(y: np.ndarray):
    """Return an outcome as it is predicted, its measure's name, the measure, and its zero."""
    if len(np.unique(y)) == 2:
        return (y == y.max()).astype(float), "AUC", auc, 0.5
    return np.minimum(y, np.quantile(y, 0.99)), "R²", r_squared, 0.0


def resamples(n: int, rng) -> np.ndarray:
    """Count how often each row is in each bootstrap sample; the first holds every row once."""
    draws = np.random.default_rng(rng).integers(n, size=(BOOTSTRAPS, n))
    return np.array([np.ones(n), *(np.bincount(draw, minlength=n) for draw in draws)])


def r_squared(y: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> tuple:
    """Share of the variance predicted, of all rows and of each resample; below 0 is worse."""
    away = y - y.mean()
    total = weights @ away**2 - (weights @ away) ** 2 / weights.sum(axis=1)
    least = 1e-12 * (away**2).sum() + 1e-300
    left = weights @ (y - predicted) ** 2
    value = np.where(total > least, 1 - left / np.maximum(total, least), 0.0)
    return float(value[0]), value[1:]


def auc(y: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> tuple:
    """Chance to rank a customer with the outcome above one without, of all and each resample."""
    order = predicted.argsort(kind="stable")
    starts = np.flatnonzero(np.diff(predicted[order], prepend=-np.inf) > 0)
    ones, others = (
        np.add.reduceat(weights[:, order] * part[order], starts, axis=1) for part in (y, 1 - y)
    )
    pairs = ones.sum(axis=1) * others.sum(axis=1)
    above = (ones * (others.cumsum(axis=1) - others / 2)).sum(axis=1)
    value = np.where(pairs > 0, above / np.maximum(pairs, 1), 0.5)
    return float(value[0]), value[1:]


def placebos(x, y, metric, splits: list, rng, ranked: bool = False) -> list[float]:
    """Return what labels without meaning reach."""
    once = np.ones((1, len(y)))
    shuffled = [held_out(rng.permutation(x), y, splits, ranked) for _ in range(PLACEBOS)]
    return [metric(y, predicted, once)[0] for predicted in shuffled]


def interval(value: float, draws: np.ndarray) -> dict:
    """Return a value with the middle 95 % of its bootstrap draws."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"value": float(value), "low": float(low), "high": float(high)}


def folds(n: int, seed: int, repeats: int = 1) -> list:
    """Split rows into five folds, as often as asked."""
    states = range(seed, seed + repeats)
    parts = [KFold(5, shuffle=True, random_state=s).split(np.zeros(n)) for s in states]
    return [fold for part in parts for fold in part]


def indicators(labels) -> np.ndarray:
    """One column of 0 and 1 per segment."""
    return pd.get_dummies(pd.Series(np.asarray(labels)), dtype=float).to_numpy()


def _deciles(columns: pd.DataFrame) -> np.ndarray:
    return np.hstack([indicators(_decile(columns[name])) for name in columns])


def _decile(values: pd.Series) -> np.ndarray:
    """Return which tenth each value is in, from 1 to 10; equal values are in the same."""
    return np.ceil(rankdata(values) / len(values) * 10).clip(1, 10).astype(int)


def held_out(x: np.ndarray, y: np.ndarray, splits: list, ranked: bool = False) -> np.ndarray:
    """Held-out predictions of a ridge regression (penalty 1), averaged over repeats of folds.

    ``ranked`` gives places within a fold. Those left out together do it more often where the others
    do less: of few predicted values an AUC across folds would be below 0.5 for labels at random.
    """
    total, times = np.zeros(len(y)), np.zeros(len(y))
    for train, test in splits:
        middle, level = x[train].mean(axis=0), y[train].mean()
        part = x[train] - middle
        ridge = part.T @ part + np.eye(x.shape[1])
        slope = np.linalg.solve(ridge, part.T @ (y[train] - level))
        expected = (x[test] - middle) @ slope + level
        total[test] += _places(expected) if ranked else expected
        times[test] += 1
    return total / times


def _places(expected: np.ndarray) -> np.ndarray:
    return rankdata(expected.round(12)) / len(expected)


# --- do segments deserve different treatment? -----------------------------------------------------


def alike(labels: pd.Series, outcomes: pd.DataFrame) -> list[tuple[int, int]]:
    """Pairs of segments that no outcome tells apart (Welch tests, Benjamini–Hochberg at 5 %)."""
    both = labels.index.intersection(outcomes.dropna().index)
    groups = dict(list(outcomes.loc[both].groupby(labels.loc[both])))
    pairs = [(a, b) for a in groups for b in groups if a < b]
    if not pairs:
        return []
    p_values = [[_welch(groups[a][c], groups[b][c]) for c in outcomes] for a, b in pairs]
    differ = (stats.adjust(p_values, "fdr_bh") <= stats.ALPHA).any(axis=1)
    return [(int(a), int(b)) for (a, b), apart in zip(pairs, differ, strict=True) if not apart]


def _welch(first: pd.Series, second: pd.Series) -> float:
    first, second = first.to_numpy(dtype=float), second.to_numpy(dtype=float)
    if min(len(first), len(second)) < 3 or np.ptp(np.r_[first, second]) == 0:
        return 1.0
    if first.std() == 0 and second.std() == 0:
        return 0.0
    (a, b, n), (c, d, m) = ((x.mean(), x.std(ddof=1), len(x)) for x in (first, second))
    return float(ttest_ind_from_stats(a, b, n, c, d, m, equal_var=False).pvalue)


def worth(
    segments: pd.Series,
    spend: pd.Series,
    *,
    margin: float,
    cost_per_customer: float,
    weeks: float,
    before: pd.Series | None = None,
) -> pd.DataFrame:
    """Per segment, the smallest lift that pays and the smallest a test on half of it can show.

    Lifts are shares of the mean spend in a window of so many weeks, by `power.spend_test`, as the
    playbook's tests; `word` is nothing (to lift), too_small, unlikely, slow or fine.
    """
    money, rows = Economics(margin=margin, cost_per_customer=cost_per_customer), []
    for number, part in spend.groupby(segments.reindex(spend.index)):
        earlier = None if before is None else before.reindex(part.index)
        test = power.spend_test(part, earlier, money=money, days=7 * weeks)
        mean, detectable = test["baseline"], test["detectable"]
        pays = test["break_even"] / mean if mean > 0 else None
        detectable = detectable / mean if mean > 0 and np.isfinite(detectable) else None
        row = {"segment": int(number), "n": len(part), "mean_spend": mean}
        row |= {"sd_spend": float(part.std(ddof=1)), "lift_that_pays": pays}
        row |= {"lift_detectable": detectable, "adjusted": test["adjusted"], "weeks": weeks}
        rows.append(row | {"word": worth_word(pays, detectable)})
    return pd.DataFrame(rows)


def worth_word(pays: float | None, detectable: float | None) -> str:
    """Say what is to be expected of a lift that pays, and of a test that is to show it."""
    if pays is None or detectable is None:
        return "nothing" if pays is None else "too_small"
    return "unlikely" if pays > 0.5 else "slow" if detectable > 2 * max(pays, 0.05) else "fine"


def sentences(useful: dict) -> dict:
    """Say what segments and their rivals predict: ``summary`` and ``rfm``."""
    rows, of = useful["outcomes"], "{outcome} ({metric}".format_map
    tested = [r for r in rows if r["useful"] or r["recommended"]]
    gains = [r for r in rows if r["gain"]["low"] > 0]
    beats = [r["tenths_lead"]["high"] < 0 for r in tested]
    beaten = "Yes" if all(beats) else "In part" if any(beats) else "No"
    summary = wording.plain(
        "verdict",
        "predicts",
        predicted=[f"{of(r)} {_span(r['segments'])})" for r in rows if r["useful"]],
        gains=[f"{r['outcome']} ({_span(r['gain'], '+z.3f')})" for r in gains],
        only="some" if gains and len(gains) < len(rows) else "all",
        beats=beaten if tested else None,
        tenths=[
            f"{_figure(r['score_tenths'])} for {r['outcome']} (difference "
            f"{_span(r['tenths_lead'], '+z.2f')})"
            for r in tested
        ],
        better=[f"{_figure(r['model'])} for {r['outcome']}" for r in rows if r["recommended"]],
    )
    rfm = []
    for word in ("better", "ahead", "behind", "worse"):
        reached = [
            f"{of(r)} {' against '.join(_apart(r['rfm_terciles'], r['segments']))})"
            for r in rows
            if r["rfm"] == word
        ]
        rfm += [wording.plain("verdict", "rfm", rfm=word, reached=reached)] if reached else []
    return {"summary": summary, "rfm": " ".join(rfm)}


def _figure(estimate: dict, key: str = "value", form: str = "z.2f") -> str:
    """Return a score with two decimals: '−0.01'."""
    return wording.minus(format(estimate[key], form))


def _apart(one: dict, other: dict) -> list[str]:
    """Return two scores with as many decimals as tell them apart, two or three."""
    same = _figure(one) == _figure(other)
    return [_figure(each, form="z.3f" if same else "z.2f") for each in (one, other)]


def _span(estimate: dict, form: str = "z.2f") -> str:
    """Return a number with its interval: '0.07, −0.01 to 0.15'."""
    value, low, high = (_figure(estimate, key, form) for key in ("value", "low", "high"))
    return f"{value}, {low} to {high}"
