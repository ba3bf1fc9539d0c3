"""What has drifted since an earlier run, and what that says about going on with its segments.

Nearly the same customers are seen twice, so the two samples are not independent, and the usual
tables for the population stability index do not hold. The null model here is that the two dates
could be exchanged: for each customer a coin decides which of the two rows is called the earlier.
"""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from seglib import wording
from seglib.clustering.encoding import kind
from seglib.stats import ALPHA, adjust, bootstrap

BINS = 10
SWAPS = 1999  # exchanges of the dates; more where many columns need smaller p-values
LOOKS = 2  # columns and shares are looked at: p-values are corrected for that too
MOST = 10_000  # customers looked at; more change nothing but the time
PSI = 0.1  # stability index from which a shift is commonly called some change (Siddiqi 2006)
LARGE = 0.25  # and from which a large one
SHARE = 0.05  # customers who went to other segments on balance
YEAR = 365  # days after which segments are looked at again in any case
COLUMNS = ["column", "psi", "usual", "p", "level", "before", "after", "change", "low", "high"]
COLUMNS += ["p_adjusted", "drifted"]
GROUPS = "natural", "reproducible"  # kinds of a verdict that found groups


def sampled(frames: list[pd.DataFrame], seed: int) -> list[pd.DataFrame]:
    """Return the rows of at most `MOST` customers of the frames, the same customers in each."""
    everyone = frames[0].index.union(frames[1].index)
    if len(everyone) <= MOST:
        return frames
    sample = everyone[np.sort(np.random.default_rng(seed).permutation(len(everyone))[:MOST])]
    return [frame[frame.index.isin(sample)] for frame in frames]


def corrected(p) -> np.ndarray:
    """Return p-values corrected for several of a kind (Holm) and for the kinds looked at."""
    return np.minimum(LOOKS * adjust(p), 1.0)


# --- columns and shares ---------------------------------------------------------------------------


def columns(
    then: pd.DataFrame, now: pd.DataFrame, names: list[str], *, seed: int, draws: int = 0
) -> pd.DataFrame:
    """Return how the distribution of each column has shifted, and whether beyond chance.

    `then` and `now` have a row a customer at each date; 0 draws (exchanges of the dates) are as
    many as the correction needs. Columns: column; psi (population stability index over deciles of
    both dates, or levels; missing is a level of its own); usual (its 95th percentile under no
    drift); p, p_adjusted (Holm over columns, times `LOOKS`); drifted; level (empty for a number,
    else the level whose share moved most); before, after, change, low, high: of the mean, or of the
    level's share.
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

    First of all of them: psi, usual, p (times `LOOKS`), drifted, and moved (the share of customers
    that went elsewhere on balance); then of each: before, after, change, low, high (95%).
    """
    sample, k = sampled([moved, moved], seed)[0], len(numbers)
    levels = pd.CategoricalDtype(numbers)
    both = [sample.loc[sample[name] > 0, name].astype(levels) for name in ("then", "now")]
    whole = _swapped([_binned(*both)], sample.index, seed, draws).iloc[0].to_dict()
    values = np.hstack([_hot(of.cat.codes, sample.index, k) for of in both])
    resampled = bootstrap(values, np.zeros(len(sample), dtype=int), _proportions, seed=seed)
    low, high = resampled.interval(len(sample))
    before, after, change = np.split(resampled.estimate, 3)
    each = {"segment": numbers, "before": before, "after": after, "change": change}
    each |= {"low": low[2 * k :], "high": high[2 * k :]}
    whole["p"] = float(corrected([whole["p"]])[0])
    whole |= {"drifted": bool(whole["p"] < ALPHA), "moved": float(np.abs(change).sum() / 2)}
    return whole, pd.DataFrame(each)


def _binned(then: pd.Series, now: pd.Series) -> tuple[pd.Series, pd.Series, int]:
    """Return bin numbers at both dates and how many there are; missing is the last bin, if any."""
    both = pd.concat([then.astype(object), now.astype(object)])
    if kind(then) == "numeric":
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
    numbers = [_numbers(*pair) for pair in pairs]
    columns = [of.astype(float).reindex(index).to_numpy() for _, both in numbers for of in both]
    values = [part for x in columns for part in (~np.isnan(x), np.nan_to_num(x))]
    nobody = np.zeros(len(index), dtype=int)
    resampled = bootstrap(np.column_stack(values), nobody, _means, draws=1000, seed=seed)
    low, high = resampled.interval(len(index))
    before, after, change = resampled.estimate.reshape(-1, 3).T
    frame = {"before": before, "after": after, "change": change, "low": low[2::3]}
    return pd.DataFrame({"level": [level for level, _ in numbers]} | frame | {"high": high[2::3]})


def _numbers(then: pd.Series, now: pd.Series) -> tuple[str, tuple[pd.Series, pd.Series]]:
    """Return numbers as they are; of categories the level that moved most, as ones and zeros."""
    if kind(then) == "numeric":
        return "", (then, now)
    then, now = then.astype(object), now.astype(object)
    gaps = then.value_counts(normalize=True).sub(now.value_counts(normalize=True), fill_value=0)
    level = gaps.index[int(gaps.abs().to_numpy().argmax())] if len(gaps) else ""
    return str(level), tuple((of == level).where(of.notna()) for of in (then, now))


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


def shift_words(columns: pd.DataFrame, lines: list[dict]) -> dict:
    """Return which columns shifted beyond chance, the largest first, and how large that is."""
    line, shifted = {of["name"]: of for of in lines}, []
    for _, row in columns[columns["drifted"]].sort_values("psi", ascending=False).iterrows():
        way = "up" if row["change"] > 0 else "down"
        way = "shape" if row["low"] <= 0 <= row["high"] else way
        of, level = line[row["column"]], f" = {row['level']}" if row["level"] else ""
        about = {"label": of["label"] + level, "unit": "share" if level else of["unit"]}
        about |= {"direction": way, "before": row["before"], "after": row["after"]}
        shifted.append(about)
    largest = columns.loc[columns["drifted"], "psi"].max() if shifted else 0.0
    size = "large" if largest >= LARGE else "some" if largest >= PSI else "none"
    about = {"looked": len(columns), "largest": round(largest, 2), "size": size}
    return about | {"shifted": shifted}


def share_words(names: dict, whole: dict, each: pd.DataFrame) -> dict:
    """Return whether the segments' shares of customers shifted, and whose beyond chance."""
    clear = each[(each["low"] > 0) | (each["high"] < 0)]
    points = (100 * clear[["change", "low", "high"]]).set_axis(["value", "low", "high"], axis=1)
    texts = wording.cells(points, "points")
    names = clear["segment"].map(names)
    listed = [f"{name} {text}" for name, text in zip(names, texts, strict=True)]
    return whole | {"clear": listed if whole["drifted"] else []}


# --- keep, refresh or rebuild ---------------------------------------------------------------------


def advise(pair, columns: pd.DataFrame, shares: dict, parts: dict) -> dict:
    """Return the advice on the earlier run's segments (keep, refresh, rebuild) with its reasons.

    `pair` and `parts` are of `monitoring`, `columns` and `shares` of this module. Each reason has a
    `kind` with what its sentence needs.
    """
    run, last = pair.run, pair.last
    gap = (run.as_of - last.as_of).days
    again = _other_columns(pair) + _verdict(last.read("verdict.json"), run.read("verdict.json"))
    anew = _shifted(columns, shares)
    anew += [{"kind": "old", "days": gap, "then": str(last.as_of)}] if gap > YEAR else []
    advice = "rebuild" if again else "refresh" if anew else "keep"
    calm = not (columns["drifted"].any() or shares["drifted"])
    days = 2 * gap if advice == "keep" and calm else run.study.holdout or YEAR
    idle = {"kind": "idle", "share": parts["rule"]["value"]}
    idle = [{"kind": "calm" if calm else "small"}, idle]
    advised = {"advice": advice, "reasons": again + anew or idle, "compared": str(last.as_of)}
    return advised | {"next_review": str(run.as_of + timedelta(days=min(days, YEAR)))}


def _other_columns(pair) -> list[dict]:
    then = set(pair.columns)
    now = {rule["name"] for rule in pair.run.read("model.json")["columns"]}
    ways = {"new_columns": sorted(now - then), "old_columns": sorted(then - now)}
    return [{"kind": kind, "columns": names} for kind, names in ways.items() if names]


def _verdict(then: dict, now: dict) -> list[dict]:
    """Return what of the earlier verdict no longer holds: by today's evidence for its k."""
    about = {"was": then["kind"], "has": now["kind"], "k_then": then["k"], "k_now": now["k"]}
    reasons = []
    if then["kind"] in GROUPS and not _supported(then["kind"], then["k"], now):
        reasons = [{"kind": "unsupported", **about}]
    elif then["kind"] not in GROUPS and now["kind"] in GROUPS:
        reasons = [{"kind": "found_now", **about}]
    before, after = then.get("usefulness"), now.get("usefulness")
    gone = before and after and before["useful"] and not after["useful"]
    return reasons + ([{"kind": "useless"}] if gone else [])


def _supported(kind: str, k: int, now: dict) -> bool:
    """Whether today's evidence for the earlier number of groups is of the earlier kind."""
    if (now["kind"] == kind and now["k"] == k) or now.get("apart", 1) >= k > 1:
        return True
    row = next((r for r in now["evidence"] if r["k"] == k), None)
    if row is None or k == 1:
        return False
    again = row["dispersion_z"] >= 3 and row["stability"] >= max(0.6, row["stability_null"] + 0.1)
    return bool(row["separated"] or (kind == "reproducible" and again))


def _shifted(columns: pd.DataFrame, shares: dict) -> list[dict]:
    reasons = []
    large = columns[columns["drifted"] & (columns["psi"] >= PSI)].sort_values("psi")[::-1]
    if len(large):
        shifted = [{"column": r.column, "psi": r.psi} for r in large.itertuples()]
        reasons.append({"kind": "shifted", "columns": shifted})
    if shares["drifted"] and shares["moved"] >= SHARE:
        reasons.append({"kind": "moved", "share": shares["moved"]})
    return reasons


def reason_words(given: dict, labels: dict[str, str]) -> dict:
    """Return a reason of the advice with its columns as a reader calls them."""
    columns = [c if isinstance(c, dict) else {"column": c} for c in given.get("columns", [])]
    index = [f" ({c['psi']:.2f})" if "psi" in c else "" for c in columns]
    names = [labels.get(c["column"], c["column"]) for c in columns]
    named = [name + psi for name, psi in zip(names, index, strict=True)]
    return given | {"columns": named, "number": "one" if len(named) == 1 else "some"}
