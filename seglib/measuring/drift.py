"""What has drifted since an earlier run, and what that says about going on with its segments.

Nearly the same customers are seen twice, so the two samples are not independent, and the usual
tables for the population stability index do not hold. The null model here is that the two dates
could be exchanged: for each customer a coin decides which of the two rows is called the earlier.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import norm

from seglib.clustering import SegmentModel, algorithms
from seglib.clustering.encoding import kind
from seglib.files import Run
from seglib.measuring.monitoring import Pair, even
from seglib.stats import ALPHA, adjust, bootstrap, wilson

BINS = 10
SWAPS = 1999  # exchanges of the dates; more where many columns need smaller p-values
LOOKS = 3  # columns, shares and fit are looked at: p-values are corrected for that too
MOST = 10_000  # customers looked at; more change nothing but the time
BEYOND = 0.99  # quantile of the distances of before
FOLDS = 5
PSI = 0.1  # stability index from which a shift is commonly called some change (Siddiqi 2006)
LARGE = 0.25  # and from which a large one
SHARE = 0.05  # customers who went to other segments on balance
GROWTH = 0.1  # of the distance to the own segment
FAR = 0.02  # customers farther from it than 99% were
YEAR = 365  # days after which segments are looked at again in any case
COLUMNS = [
    "column",
    "psi",
    "usual",
    "p",
    "level",
    "before",
    "after",
    "change",
    "low",
    "high",
    "p_adjusted",
    "drifted",
]
GROUPS = "natural", "reproducible"  # kinds of a verdict that found groups


def sampled(frames: list[pd.DataFrame], seed: int) -> list[pd.DataFrame]:
    """Return the rows of at most `MOST` customers of the frames, the same customers in each."""
    everyone = frames[0].index.union(frames[1].index)
    if len(everyone) <= MOST:
        return frames
    kept = everyone[np.sort(np.random.default_rng(seed).permutation(len(everyone))[:MOST])]
    return [frame[frame.index.isin(kept)] for frame in frames]


def corrected(p) -> np.ndarray:
    """Return p-values corrected for several of a kind (Holm) and for the kinds looked at."""
    return np.minimum(LOOKS * adjust(p), 1.0)


# --- columns and shares ---------------------------------------------------------------------------


def columns(
    then: pd.DataFrame, now: pd.DataFrame, names: list[str], *, seed: int, draws: int = 0
) -> pd.DataFrame:
    """Return how the distribution of each column has shifted, and whether beyond chance.

    Parameters
    ----------
    then, now
        One row per customer at each date.
    names
        The columns looked at.
    seed, draws
        Of the exchanges of the two dates; 0 takes as many as the correction needs.

    Returns
    -------
    pandas.DataFrame
        column; psi (population stability index over tenths of both dates, or levels; missing is a
        level of its own); usual (its 95th percentile under no drift); p, p_adjusted (Holm over
        columns, times `LOOKS`); drifted; level (empty for a number, else the level whose share
        moved most); before, after, change, low, high: of the mean, or of the level's share.
    """
    then, now = sampled([then, now], seed)
    everyone = then.index.union(now.index)
    pairs = [(then[name], now[name]) for name in names]
    coded = [_binned(*pair) for pair in pairs]
    tested = _swapped(coded, everyone, seed, draws or max(SWAPS, 100 * LOOKS * len(names)))
    frame = pd.DataFrame({"column": names}).join(tested).join(_sizes(pairs, everyone, seed))
    frame["p_adjusted"] = corrected(frame["p"])
    return frame.assign(drifted=frame["p_adjusted"] < ALPHA)


def shares(
    moved: pd.DataFrame, numbers: list[int], *, seed: int, draws: int = SWAPS
) -> tuple[dict, pd.DataFrame]:
    """Return how the segments' shares of customers have shifted under one rule.

    Returns
    -------
    whole : dict
        psi, usual, p (times `LOOKS`), drifted; moved: the share of customers that went elsewhere
        on balance.
    each : pandas.DataFrame
        segment, before, after, change, low, high (95%).
    """
    kept, k = sampled([moved, moved], seed)[0], len(numbers)
    levels = pd.CategoricalDtype(numbers)
    both = [kept.loc[kept[name] > 0, name].astype(levels) for name in ("then", "now")]
    whole = _swapped([_binned(*both)], kept.index, seed, draws).iloc[0].to_dict()
    values = np.hstack([_hot(of.cat.codes, kept.index, k) for of in both])
    resampled = bootstrap(values, np.zeros(len(kept), dtype=int), _proportions, seed=seed)
    low, high = resampled.interval(len(kept))
    before, after, change = np.split(resampled.estimate, 3)
    each = {"segment": numbers, "before": before, "after": after, "change": change}
    each |= {"low": low[2 * k :], "high": high[2 * k :]}
    whole["p"] = float(corrected([whole["p"]])[0])
    whole |= {"drifted": bool(whole["p"] < ALPHA), "moved": float(np.abs(change).sum() / 2)}
    return whole, pd.DataFrame(each)


def _binned(then: pd.Series, now: pd.Series) -> tuple[pd.Series, pd.Series, int]:
    """Return bin numbers at both dates and how many there are; missing is the last bin, if any."""
    both = pd.concat([then.astype(object), now.astype(object)])
    if _numeric(then):
        known = both.dropna().astype(float)
        edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else []
        code = pd.Series(np.searchsorted(edges, both.astype(float)), both.index)
        number = len(edges) + 1
    else:
        levels = pd.Index(both.dropna().unique())
        code, number = pd.Series(levels.get_indexer(both), both.index), len(levels)
    gone = both.isna().to_numpy()
    code = code.where(~gone, number)
    return code.iloc[: len(then)], code.iloc[len(then) :], number + int(gone.any())


def _hot(codes: pd.Series, index: pd.Index, number: int) -> np.ndarray:
    """Return indicators, shape (customers, bins); a customer without a row has none."""
    hot = np.zeros((len(index), number))
    hot[index.get_indexer(codes.index), codes.to_numpy(dtype=int)] = 1.0
    return hot


def _swapped(coded: list[tuple], index: pd.Index, seed: int, draws: int) -> pd.DataFrame:
    """Return psi, its usual size and p-value of each column when customers' dates are exchanged."""
    early, late = (np.hstack([_hot(c[place], index, c[2]) for c in coded]) for place in (0, 1))
    total, gap = (early + late).sum(axis=0), early - late
    edges = np.cumsum([0, *(c[2] for c in coded)])
    rng, null = np.random.default_rng((seed, 1)), []
    for start in range(0, draws, 250):
        coins = rng.integers(0, 2, size=(min(250, draws - start), len(index))) * 2.0 - 1.0
        null.append(_psi(total, coins @ gap, edges))
    observed, null = _psi(total, gap.sum(axis=0)[None], edges)[0], np.vstack(null)
    p = (1 + (null >= observed - 1e-12).sum(axis=0)) / (draws + 1)
    return pd.DataFrame({"psi": observed, "usual": np.quantile(null, 0.95, axis=0), "p": p})


def _psi(total: np.ndarray, gap: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the population stability index of each block of bins, half a customer in each bin."""
    first, second = (total + gap) / 2 + 0.5, (total - gap) / 2 + 0.5
    parts = []
    for a, b in pairwise(edges):
        one = first[:, a:b] / first[:, a:b].sum(axis=1, keepdims=True)
        two = second[:, a:b] / second[:, a:b].sum(axis=1, keepdims=True)
        parts.append(((one - two) * np.log(one / two)).sum(axis=1))
    return np.column_stack(parts)


def _sizes(pairs: list[tuple], index: pd.Index, seed: int) -> pd.DataFrame:
    """Return the change of each column's mean, or of the share of the level that moved most."""
    moved, values = [], []
    for pair in pairs:
        level, of = _numbers(*pair)
        moved.append(level)
        for column in of:
            x = column.astype(float).reindex(index).to_numpy()
            values += [~np.isnan(x), np.nan_to_num(x)]
    nobody = np.zeros(len(index), dtype=int)
    resampled = bootstrap(np.column_stack(values), nobody, _means, draws=1000, seed=seed)
    low, high = resampled.interval(len(index))
    before, after, change = resampled.estimate.reshape(-1, 3).T
    frame = {"level": moved, "before": before, "after": after, "change": change}
    return pd.DataFrame(frame | {"low": low[2::3], "high": high[2::3]})


def _numbers(then: pd.Series, now: pd.Series) -> tuple[str, tuple[pd.Series, pd.Series]]:
    """Return numbers as they are; of categories the level that moved most, as ones and zeros."""
    if _numeric(then):
        return "", (then, now)
    then, now = then.astype(object), now.astype(object)
    gaps = then.value_counts(normalize=True).sub(now.value_counts(normalize=True), fill_value=0)
    level = gaps.index[int(gaps.abs().to_numpy().argmax())] if len(gaps) else ""
    return str(level), tuple((of == level).where(of.notna()) for of in (then, now))


def _numeric(values: pd.Series) -> bool:
    return kind(values) == "numeric"


def _means(sums: np.ndarray) -> np.ndarray:
    """Return mean before, mean after and their difference, column by column."""
    parts = sums[..., 0, :].reshape(*sums.shape[:-2], -1, 4)
    before, after = parts[..., 1] / parts[..., 0], parts[..., 3] / parts[..., 2]
    means = np.stack([before, after, after - before], axis=-1)
    return means.reshape(*means.shape[:-2], -1)


def _proportions(sums: np.ndarray) -> np.ndarray:
    before, after = np.split(sums[..., 0, :], 2, axis=-1)
    before, after = (of / of.sum(axis=-1, keepdims=True) for of in (before, after))
    return np.concatenate([before, after, after - before], axis=-1)


# --- how well the earlier rule fits ---------------------------------------------------------------


def fitted(model: dict, then: pd.DataFrame, now: pd.DataFrame, *, seed: int) -> dict:
    """Return how far customers are from their own segment now, against then.

    The rule was fitted on the earlier rows, and would for that reason alone lie closer to them.
    So customers are measured at both dates from rules that were refitted without them, in five
    parts; then exchanging the dates changes nothing unless something has changed.

    Returns
    -------
    dict
        what (distance, or surprise: minus the log of the likelihood); n; before, after; change
        with low and high (95%) and p; far: the share beyond the 99th percentile of before, with
        low, high and p; drifted: either p, corrected, is below 5%.
    """
    then, now = sampled([then, now], seed)
    both = then.index.intersection(now.index)
    early, late = _unseen(model, then, now.loc[both], both, seed)
    ratio = model["parameters"]["method"] == "kmeans"
    values = np.column_stack([np.ones(len(both)), early, late])

    def change(sums: np.ndarray) -> np.ndarray:
        n, early, late = np.moveaxis(sums[..., 0, :], -1, 0)
        return late / early - 1 if ratio else (late - early) / n

    resampled = bootstrap(values, np.zeros(len(both), dtype=int), change, seed=seed)
    low, high = resampled.interval(len(both))
    limit = np.quantile(early, BEYOND)
    far, before = late > limit, early > limit
    tests = float(resampled.p_value(len(both))), even((far & ~before).sum(), (before & ~far).sum())
    ends = wilson(int(far.sum()), len(both))
    closer, away = corrected(tests)
    return {
        "what": "distance" if ratio else "surprise",
        "n": len(both),
        "relative": ratio,
        "before": float(early.mean()),
        "after": float(late.mean()),
        "p": float(closer),
        "change": float(resampled.estimate),
        "low": float(low),
        "high": float(high),
        "far": {
            "value": float(far.mean()),
            "low": float(ends[0]),
            "high": float(ends[1]),
            "p": float(away),
        },
        "drifted": bool(min(closer, away) < ALPHA),
    }


def _unseen(model: dict, then, now, both: pd.Index, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the misfit of customers at both dates under rules refitted without them."""
    rule, params = SegmentModel.from_dict(model), model["parameters"]
    metric = np.array(params["metric"]) if params.get("metric") else None
    x, y = rule.data(then), rule.data(now)
    place = then.index.get_indexer(both)
    part = np.random.default_rng((seed, 2)).permutation(np.arange(len(both)) % FOLDS)
    early, late = np.empty(len(both)), np.empty(len(both))
    for fold in range(FOLDS):
        here = part == fold
        others = np.delete(x, place[here], axis=0)
        refit = algorithms.fit(
            params["method"],
            others,
            model["k"],
            metric=metric,
            levels=rule.encoder_.levels,
            seed=seed,
            restarts=5,
        )
        early[here], late[here] = _misfit(refit, x[place[here]]), _misfit(refit, y[here])
    return early, late


def _misfit(params: dict, x: np.ndarray) -> np.ndarray:
    best = algorithms.scores(params, x).max(axis=1)
    return np.sqrt(-2 * params["softness"] * best) if params["method"] == "kmeans" else -best


# --- keep, refresh or rebuild ---------------------------------------------------------------------


def usefulness(pair: Pair) -> pd.DataFrame:
    """Return how well each run's segments predict what came after it, and whether that differs.

    Returns
    -------
    pandas.DataFrame
        outcome, metric; then and now, each with low and high; change with low and high, from the
        two intervals as if they were independent (customers are largely the same, so it is a
        little wide), p. Empty if either was not tested, or on other outcomes.
    """
    tested = [each.read("verdict.json").get("usefulness") for each in (pair.last, pair.run)]
    then, now = ({row["outcome"]: row for row in (of or {}).get("outcomes", [])} for of in tested)
    return pd.DataFrame([_compared(then[name], now[name]) for name in then if name in now])


def _compared(before: dict, after: dict) -> dict:
    row, errors = {"outcome": before["outcome"], "metric": before["metric"]}, []
    for name, of in (("then", before["segments"]), ("now", after["segments"])):
        row |= {name: of["value"], f"{name}_low": of["low"], f"{name}_high": of["high"]}
        errors.append((of["high"] - of["low"]) / 2)
    change, half = row["now"] - row["then"], float(np.hypot(*errors))
    p = 2 * norm.sf(abs(change) / half * norm.ppf(0.975)) if half > 0 else None
    return row | {"change": change, "low": change - half, "high": change + half, "p": p}


def advise(pair: Pair, columns: pd.DataFrame, shares: dict, fit: dict, parts: dict) -> dict:
    """Return the advice on the earlier run's segments, with its reasons and a date.

    Parameters
    ----------
    pair
        From `monitoring.pair`.
    columns, shares, fit
        From `columns`, the first of `shares`, and `fitted`.
    parts
        From `monitoring.split`.

    Returns
    -------
    dict
        advice (keep, refresh, rebuild), reasons (each a `kind` with what its sentence needs),
        next_review (date), and the date of the earlier run (`compared`).
    """
    run, last = pair.run, pair.last
    gap = (run.as_of - last.as_of).days
    verdicts = last.read("verdict.json"), run.read("verdict.json")
    again = _other_columns(pair) + _verdict(*verdicts) + _useful(*verdicts)
    anew = _shifted(columns, shares, fit)
    anew += [{"kind": "old", "days": gap, "then": str(last.as_of)}] if gap > YEAR else []
    advice = "rebuild" if again else "refresh" if anew else "keep"
    calm = not (columns["drifted"].any() or shares["drifted"] or fit["drifted"])
    days = 2 * gap if advice == "keep" and calm else run.study.holdout or YEAR
    idle = [
        {"kind": "calm" if calm else "small"},
        {"kind": "idle", "share": parts["rule"]["value"]},
    ]
    advised = {"advice": advice, "reasons": again + anew or idle, "compared": str(last.as_of)}
    return advised | {"next_review": str(run.as_of + timedelta(days=min(days, YEAR)))}


def alone(run: Run) -> dict:
    """Return the advice without an earlier run: by the verdict only."""
    verdict = run.read("verdict.json") if run.has("verdict.json") else {}
    nothing = verdict.get("kind", "none") == "none"
    review = run.as_of + timedelta(days=min(run.study.holdout or YEAR, YEAR))
    return {"advice": "rebuild" if nothing else "keep", "next_review": str(review)}


def _other_columns(pair: Pair) -> list[dict]:
    then = set(pair.columns)
    now = {rule["name"] for rule in pair.run.read("model.json")["columns"]}
    ways = {"new_columns": sorted(now - then), "old_columns": sorted(then - now)}
    return [{"kind": kind, "columns": names} for kind, names in ways.items() if names]


def _verdict(then: dict, now: dict) -> list[dict]:
    """Return what of the earlier verdict is no longer supported: by today's evidence for its k."""
    about = {"was": then["kind"], "has": now["kind"], "k_then": then["k"], "k_now": now["k"]}
    if then["kind"] in GROUPS and not _supported(then["kind"], then["k"], now):
        return [{"kind": "unsupported", **about}]
    if then["kind"] not in GROUPS and now["kind"] in GROUPS:
        return [{"kind": "found_now", **about}]
    return []


def _supported(kind: str, k: int, now: dict) -> bool:
    """Whether today's evidence for the earlier number of groups is of the earlier kind."""
    if now["kind"] == kind and now["k"] == k:
        return True
    row = next((r for r in now["evidence"] if r["k"] == k), None)
    if row is None or k == 1:
        return False
    again = row["dispersion_z"] >= 3 and row["stability"] >= max(0.6, row["stability_null"] + 0.1)
    return bool(row["separated"] or (kind == "reproducible" and again))


def _useful(then: dict, now: dict) -> list[dict]:
    before, after = then.get("usefulness"), now.get("usefulness")
    gone = before and after and before["useful"] and not after["useful"]
    return [{"kind": "useless"}] if gone else []


def _shifted(columns: pd.DataFrame, shares: dict, fit: dict) -> list[dict]:
    reasons = []
    large = columns[columns["drifted"] & (columns["psi"] >= PSI)].sort_values("psi")[::-1]
    if len(large):
        shifted = [{"column": r.column, "psi": r.psi} for r in large.itertuples()]
        reasons.append({"kind": "shifted", "columns": shifted})
    if shares["drifted"] and shares["moved"] >= SHARE:
        reasons.append({"kind": "moved", "share": shares["moved"]})
    if fit["p"] < ALPHA and fit["relative"] and fit["change"] >= GROWTH:
        reasons.append({"kind": "farther", "share": fit["change"]})
    if fit["far"]["p"] < ALPHA and fit["far"]["value"] >= FAR:
        reasons.append({"kind": "far", "share": fit["far"]["value"]})
    return reasons
