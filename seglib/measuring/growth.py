"""How each segment grew: beside everyone, beside all others, and beside a placebo.

A segment formed on high spend falls back by itself, because part of the high spend was luck
(regression to the mean, Galton 1886). Comparing with the others does not remove that. Comparing
the same rule at two dates, one period apart, does so as far as the periods are alike. The earlier
segments are a placebo: when they were formed, nothing had been done to them.
"""

from datetime import date, timedelta
from functools import partial

import numpy as np
import pandas as pd

from seglib import privacy
from seglib.clustering import segmenter
from seglib.collection import activity, features
from seglib.formats import StudyError
from seglib.measuring import outcomes
from seglib.measuring.outcomes import EVERYONE
from seglib.runs import Run
from seglib.stats import LEVEL, Bootstrap, adjust, bootstrap

COMPARED = "orders", "spend"
PARTS = ("change", "gap", "again_gap", "placebo_gap", "excess")
MOSTLY = 0.5  # of the customers began lately: a fall is what follows first orders
ALIKE = 1.25  # a placebo segment compares if its level is within this factor


# --- growth ---------------------------------------------------------------------------------------


def changes(
    people: pd.DataFrame,
    pair: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    *,
    minimum: int,
    seed: int,
    draws: int = 2000,
) -> pd.DataFrame:
    """Return how orders and spend of each segment grew from before to after the cut-off date.

    Growth is after / before - 1, on which a season that moves all segments alike is the same for
    all; two are compared by (1 + one) / (1 + other) - 1. Customers whose first order falls into the
    period before are left out: they did not have the whole of it. `people` are from
    `outcomes.members`, `pair` from `placebo`; a customer is drawn with all dates.

    One row a segment (0 = everyone) and metric, with the parts of `PARTS`, each with `_low` and
    `_high` (95%): its own change; against all others now, formed again now, and formed one period
    earlier; and the second of these against the third. `tested` says what the p-values are of: gap
    (no pair was given), excess, or nothing (the placebo segment stood at another level); p_adjusted
    by Holm's method over the segments of one metric. With fewer than `minimum` active before, a
    change is suppressed. Empty without both periods.
    """
    compared = [m for m in COMPARED if {f"{m}_before", f"{m}_after"} <= set(people.columns)]
    if not compared:
        ends = [part + end for part in PARTS for end in ("", "_low", "_high")]
        return pd.DataFrame(columns=["segment", "metric", *ends, "tested", "p_adjusted", "differs"])
    segments = sorted(people["segment"].unique())
    dates = [date[~date["newcomer"]] for date in (people, *(pair or ()))]
    values, codes, margins = _cells(dates, segments, compared)
    resampled = bootstrap(values, codes, partial(_figures, margins), draws=draws, seed=seed)
    n = [_active(date, segments) for date in dates]
    behind = [n[0], n[0], *n[1:], *([np.minimum(n[1], n[2])] if pair else [])]
    behind = np.repeat(np.stack(behind, axis=-1)[:, None], len(compared), axis=1)
    frame = _frame(resampled, behind, segments, compared)
    for name, date_ in zip(("level", "again_level", "placebo_level"), dates, strict=False):
        frame[name] = _relative_levels(date_, segments, compared)
    new = people.groupby("segment")["newcomer"].agg(["sum", "mean"])
    frame["newcomers"] = frame["segment"].map(new["mean"]).fillna(people["newcomer"].mean())
    frame = _judged(frame, minimum)
    counts = pd.concat([new["sum"], pd.Series({EVERYONE: new["sum"].sum()})])
    few = privacy.shown(new["sum"], minimum).isna().reindex(counts.index, fill_value=False)
    few |= (counts < minimum) & (counts.index == EVERYONE)  # too few newcomers to be counted
    few &= counts[EVERYONE] > 0
    return frame.assign(**frame[["newcomers", "n"]].mask(frame["segment"].map(few)))


def _cells(dates: list[pd.DataFrame], segments: list, compared: list[str]):
    """Return values and cell of every customer, and for each date which cells make a segment.

    A cell is a combination of the segments at the dates, so that customers are drawn once for all.
    """
    index = dates[0].index
    for date_ in dates[1:]:
        index = index.union(date_.index)
    columns = [f"{m}_{period}" for m in compared for period in ("before", "after")]
    blocks = [date_[columns].reindex(index).fillna(0.0) for date_ in dates]
    places = [pd.Index(segments).get_indexer(d["segment"].reindex(index)) for d in dates]
    cells, codes = np.unique(np.column_stack(places), axis=0, return_inverse=True)
    numbers = np.arange(len(segments))[:, None]
    margins = [(cells[:, i] == numbers) * 1.0 for i in range(len(dates))]
    return np.hstack(blocks), codes.ravel(), margins


def _figures(margins: list[np.ndarray], sums: np.ndarray) -> np.ndarray:
    """Return every part of PARTS, shape (…, 1 + segments, metrics, parts)."""
    wide = np.split(sums, len(margins), axis=-1)
    own, *both = (_change_and_gap(m @ part) for m, part in zip(margins, wide, strict=True))
    gaps = [part[..., 1] for part in both]
    gaps += [_apart(*gaps)] if both else []
    return np.concatenate([own, *(gap[..., None] for gap in gaps)], axis=-1)


def _change_and_gap(sums: np.ndarray) -> np.ndarray:
    """Return change and gap, shape (…, 1 + segments, metrics, 2); everyone has no gap."""
    total = sums.sum(axis=-2, keepdims=True)
    change = _change(np.concatenate([total, sums], axis=-2))
    gap = np.full_like(change, np.nan)
    gap[..., 1:, :] = _apart(change[..., 1:, :], _change(total - sums))
    return np.stack([change, gap], axis=-1)


def _change(sums: np.ndarray) -> np.ndarray:
    before, after = sums[..., ::2], sums[..., 1::2]
    return after / np.where(before > 0, before, np.nan) - 1


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (1 + one) / (1 + other) - 1


def _active(date_: pd.DataFrame, segments: list) -> np.ndarray:
    active = date_.groupby("segment")["active_before"].sum().reindex(segments).fillna(0).to_numpy()
    return np.concatenate([[active.sum()], active])


def _frame(resampled: Bootstrap, n: np.ndarray, segments: list, compared: list) -> pd.DataFrame:
    low, high = resampled.interval(n)
    p, parts = resampled.p_value(n), n.shape[-1]
    keys = [[0, *map(int, segments)], compared]
    rows = pd.MultiIndex.from_product(keys, names=["segment", "metric"])
    frame = pd.DataFrame(index=rows).reset_index()
    for i, part in enumerate(PARTS):
        for end, values in (("", resampled.estimate), ("_low", low), ("_high", high)):
            frame[part + end] = values[..., i].ravel() if i < parts else np.nan
    whole = frame[frame["segment"] == 0].set_index("metric")["change"]
    frame["everyone"] = frame["metric"].map(whole)
    frame["tested"] = "gap" if parts == 2 else "excess"
    frame["p"] = p[..., 1 if parts == 2 else -1].ravel()
    frame["n"] = n[..., 0].ravel().astype(int)
    frame["pair_n"] = n[..., -1].ravel() if parts > 2 else np.nan
    return frame.assign(again_level=np.nan, placebo_level=np.nan)


def _relative_levels(date_: pd.DataFrame, segments: list, compared: list[str]) -> np.ndarray:
    columns = [f"{metric}_before" for metric in compared]
    means = date_.groupby("segment")[columns].mean().reindex(segments)
    overall = date_[columns].mean()
    overall = overall.where(overall > 0)  # a level beside nothing is none
    return np.concatenate([np.ones(len(columns)), (means / overall).to_numpy().ravel()])


def _judged(frame: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Hide what is too small or unlike, and adjust the p-values over a metric's segments."""
    frame["suppressed"] = frame["n"] < minimum
    few = frame.pop("pair_n") < minimum
    levels = frame["placebo_level"] / frame["again_level"]
    alike = levels.where(levels > 0).map(np.log).abs() <= np.log(ALIKE)
    unlike = ~alike & (frame["tested"] == "excess")
    frame["tested"] = frame["tested"].mask(few | unlike, "nothing")
    hidden = dict.fromkeys(("change", "gap"), frame["suppressed"])
    hidden |= dict.fromkeys(("again_gap", "placebo_gap"), few)
    for part, rows in (hidden | {"excess": frame["suppressed"] | few | unlike}).items():
        frame.loc[rows, [part, f"{part}_low", f"{part}_high"]] = np.nan
    frame["n"] = frame["n"].where(~frame["suppressed"])
    frame.loc[frame["suppressed"] | (frame["tested"] == "nothing"), "p"] = np.nan
    frame["p_adjusted"] = frame.groupby("metric")["p"].transform(adjust)
    frame["differs"] = frame["p_adjusted"] < 1 - LEVEL
    return frame.sort_values(["metric", "segment"], kind="stable").reset_index(drop=True)


def beside_placebo(changes: pd.DataFrame, metric: str, called: dict[int, str]) -> pd.DataFrame:
    """Return the gap of each segment formed again to all others, and that of its placebo.

    `hollow`: the placebo does not compare.
    """
    rows = changes[(changes["metric"] == metric) & (changes["segment"] > 0)]
    parts = []
    for part, formed in (("again_gap", "formed now"), ("placebo_gap", "placebo, formed earlier")):
        of = rows.reindex(columns=["segment", part, f"{part}_low", f"{part}_high", "tested"])
        of.columns = ["segment", "value", "low", "high", "tested"]
        of = of.assign(formed=formed, name=of["segment"].map(called).astype(object))
        parts.append(of.assign(hollow=of["tested"].eq("nothing") & (part == "placebo_gap")))
    return pd.concat(parts).dropna(subset="value").drop(columns="tested")


# --- placebo: the segments formed again at an earlier date ----------------------------------------


def placebo(run: Run) -> tuple[tuple[pd.DataFrame, pd.DataFrame] | None, dict]:
    """Return the members of the segments formed again, now and one period earlier, and why not.

    Both are formed from histories of the same length, because segments formed from a shorter one
    hold more luck and fall back further. The rule sees each customer's rank among the customers of
    its date, so that a shorter history, in which all have fewer orders, moves nobody. First the
    pair, as from `outcomes.members`, or None; then `kind`: formed, or why nothing was, with what
    the sentence needs.
    """
    if not (run.has("model.json") and run.has("before.parquet")):
        return None, {"kind": "nothing_to_form"}
    period = timedelta(days=run.study.holdout)
    earlier, first = run.as_of - period, outcomes.covered(run)[0]
    about = {"earlier": str(earlier), "first": str(first), "start": str(earlier - period)}
    if first > earlier - period + period / 20:
        return None, about | {"kind": "too_short"}
    length = outcomes.history(run, earlier)
    try:
        facts = activity.seen(run, [run.as_of, earlier], length)
        frames = [features.customers(each)[0] for each in facts]
    except StudyError as error:
        return None, about | {"kind": "failed", "error": str(error)}
    model, reference = run.read("model.json"), run.read("customers.parquet")
    segments = [assigned(model, frame, reference) for frame in frames]
    burnt_in = timedelta(days=length) >= 2 * period
    pair = tuple(_followed(each, ids, burnt_in) for each, ids in zip(facts, segments, strict=True))
    now = run.read("segments.parquet")["segment"].reindex(segments[0].index)
    same = float((segments[0] == now).mean())
    return pair, about | {"kind": "formed", "seen": length, "same": same}


def assigned(model: dict, frame: pd.DataFrame, reference: pd.DataFrame) -> pd.Series:
    """Return the segment of each row by a model's rule, seen as ranks.

    Each number is replaced by the number of the same rank among the reference's customers, on whom
    the model was fitted; a column that the frame lacks counts as missing.
    """
    by_rank = pd.DataFrame(index=frame.index)
    for name in (rule["name"] for rule in model["columns"]):
        values = frame[name] if name in frame else pd.Series(np.nan, frame.index)
        numeric = pd.api.types.is_numeric_dtype(reference[name])
        by_rank[name] = _ranked(values, reference[name]) if numeric else values
    return segmenter.assign(model, by_rank)["segment"]


def _ranked(values: pd.Series, reference: pd.Series) -> pd.Series:
    there = values.dropna()
    place = (there.rank() - 0.5) / max(len(there), 1)
    others = np.sort(reference.dropna().to_numpy(dtype=float))
    at = np.arange(0.5, len(others)) / len(others)  # Hazen's: np.quantile takes minutes for many
    mapped = np.interp(place, at, others) if len(there) else []
    return pd.Series(mapped, there.index, dtype=float).reindex(values.index)


def _followed(facts: activity.Facts, segments: pd.Series, burnt_in: bool) -> pd.DataFrame:
    """Return the members of segments with what they did before and after a day."""
    period = timedelta(days=facts.study.holdout)
    start, end = facts.as_of - period, facts.as_of + period
    members = segments.to_frame("segment")
    before = activity.between(facts, start, facts.as_of, members.index)
    after = activity.between(facts, facts.as_of, end, members.index)
    for metric in ["active", *outcomes.amounts(facts.study)]:
        members[f"{metric}_before"] = before[metric].astype(float)
        members[f"{metric}_after"] = after[metric].astype(float)
    earlier = activity.between(facts, date(1, 1, 1), start, members.index)
    return members.assign(newcomer=burnt_in & ~earlier["active"])


# --- what page 05 says, as words ------------------------------------------------------------------


def main_metric(changes: pd.DataFrame) -> str:
    """Return the metric that sentences speak of: spend, else orders; empty if neither."""
    return next((m for m in COMPARED[::-1] if m in set(changes["metric"])), "")


def headline(changes: pd.DataFrame, called: dict[int, str], gaps: list[dict], run: Run) -> dict:
    """Return how everyone changed and whose change stands out, as block `headline` words it."""
    metric = main_metric(changes)
    quiet = [gap["kind"] for gap in gaps if gap["kind"] in ("nobody", "netted")]
    if not metric or quiet:
        kinds = quiet or [gap["kind"] for gap in gaps[:1]]
        return {"state": "quiet" if quiet else "unknown", "kinds": kinds}
    rows = changes[changes["metric"] == metric].set_index("segment")
    whole, own = rows.loc[EVERYONE], rows.drop(index=EVERYONE)
    judged, new = own[own["p_adjusted"].notna()], whole["newcomers"]
    better = {called[s]: row[row["tested"]] > 0 for s, row in judged[judged["differs"]].iterrows()}
    words = {"state": "few" if pd.isna(whole["change"]) else "changed", "metric": metric}
    tenure = run.read("customers.parquet").get("tenure") if run.has("customers.parquet") else None
    began = 0.0 if tenure is None else float((tenure <= run.study.holdout).mean())
    late = "all" if began == 1 else "most" if began >= MOSTLY else "few"  # then, first orders
    words |= _moved(whole) | {"began": began, "late": late, "newcomers": new, "kinds": []}
    words["left_out"] = "few" if pd.isna(new) else "some" if new else "none"
    words["standing"] = "alone" if len(own) == 1 else "unjudged" if judged.empty else "judged"
    words["against"] = "placebo" if (judged["tested"] == "excess").any() else "others"
    words |= {"unjudged": len(own) - len(judged), "segments": len(own)}
    words["better"] = [name for name, up in better.items() if up]
    return words | {"worse": [name for name, up in better.items() if not up]}


def _moved(row: pd.Series) -> dict:
    value, low, high = row["change"], row["change_low"], row["change_high"]
    way = "same" if abs(value) < 0.0005 else "up" if value > 0 else "down"
    change = {"value": abs(value), "low": low, "high": high}
    words = {"direction": way, "chance": "within" if low <= 0 <= high else "beyond"}
    return {"change": change, "width": low != high} | words


def of_segments(changes: pd.DataFrame, kpis: pd.DataFrame, called: dict[int, str]) -> list[dict]:
    """Return what is found of each segment, its growth and its retention, for block `finding`.

    segment, name, metric, value, low, high, n, and words: `direction`, `tested`, `chance`,
    `towards` (regression to the mean pulls the same way), `again` (of retention).
    """
    metric, result = main_metric(changes), []
    for segment, name in called.items():
        about = {"segment": segment, "name": name, "whose": "one" if segment else "everyone"}
        of = changes[(changes["segment"] == segment) & (changes["metric"] == metric)]
        for _, row in of[of["change"].notna()].iterrows():
            result.append(about | {"metric": metric, "kind": "change"} | _change_words(row))
        about |= {"metric": "retained", "kind": "retained"}
        stayed = kpis[(kpis["segment"] == segment) & (kpis["metric"] == "retained")]
        for _, row in stayed[stayed["value"].notna()].iterrows():
            again = {"again": "some" if row["value"] else "nobody"}
            result.append(about | again | {key: row[key] for key in ("value", "low", "high", "n")})
    return result


def _change_words(row: pd.Series) -> dict:
    parts = {
        part: {"value": row[part], "low": row[f"{part}_low"], "high": row[f"{part}_high"]}
        for part in PARTS
    }
    beside = "none" if row["segment"] == 0 or pd.isna(row["gap"]) else row["tested"]
    mean = pd.notna(row["level"]) and (row["gap"] < 0) == (row["level"] > 1)
    chance = "within" if row["excess_low"] <= 0 <= row["excess_high"] else "several"
    words = {"tested": beside, "towards": "mean" if mean else "other"}
    words |= {"chance": "beyond" if row["differs"] else chance}
    n = None if pd.isna(row["n"]) else int(row["n"])
    return parts | _moved(row) | parts["change"] | words | {"n": n}
