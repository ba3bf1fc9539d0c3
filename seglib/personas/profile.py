"""What a segment is: its markers, and what else differs; and what columns and levels are called."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import norm

from seglib import stats
from seglib.clustering.encoding import kind
from seglib.stats import ALPHA, UNKNOWN, Estimate
from seglib.wording import table

WORDS = table("vocabulary")
CODED = {"0": "no", "1": "yes"}  # where people answered, and no other code was given

# --- columns and their levels ---------------------------------------------------------------------


def entries(dictionary, frame: pd.DataFrame) -> dict[str, dict]:
    """Return the dictionary row of each column of a frame, made up where there is none.

    Of dictionary.json as a whole, the part is chosen by the frame's index name.
    """
    if isinstance(dictionary, dict):
        part = "products" if frame.index.name == "product" else "customers"
        dictionary = dictionary.get(part, [])
    by_name = {row["name"]: row for row in dictionary or []}
    default = {"base": "", "unit": "", "meaning": ""}
    return {
        str(c): default | {"name": str(c), "label": str(c)} | by_name.get(str(c), {}) for c in frame
    }


def numbers(values: pd.Series) -> pd.Series | None:
    """Return a column as floats, levels of an ordered one as 0, 1, …; None if it is nominal."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.astype(float)
        return codes.mask(codes < 0) if values.cat.ordered else None
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        return None
    return values.astype(float)


def levels_of(values: pd.Series) -> pd.Series:
    """Return a column's values as text, missing kept."""
    return values.astype("object").map(str, na_action="ignore")


def levels(values: pd.Series) -> list[str]:
    """Return the levels of a column as text, sorted."""
    return sorted(levels_of(values).dropna().unique())


def has_level(values: pd.Series, level: str) -> pd.Series:
    """Return 1 where a column has a level, 0 where not, and NaN where it is missing."""
    text = levels_of(values)
    return text.eq(level).astype(float).where(text.notna())


def reply(level: str, among: Iterable[str], base: str = "") -> str:
    """Return yes or no where a level of a column means it, else nothing.

    0 and 1 mean no and yes only of answers (`base` psychographic); elsewhere they may be any codes.
    """
    if base == "psychographic" and set(among) == set(CODED):
        return CODED[level]
    word = level.lower()
    return "yes" if word in WORDS["affirmative"] else "no" if word in WORDS["negative"] else ""


def level_label(entry: dict, level: str, values: pd.Series) -> str:
    """Return what a level is called: 'Television', 'No television', 'Yes to “cheap”', 'X: DSL'."""
    name, base = entry["label"], entry["base"]
    answer = reply(level, levels(values), base)
    if answer and base == "psychographic":
        return f"{answer.capitalize()} to {quoted(name)}"
    if answer:
        return name if answer == "yes" else f"No {label(name)}"
    return f"{name}: {level}"


def quoted(name: str) -> str:
    """Return a label in quotation marks, as it was put to people if it is a statement."""
    return name if name.startswith("“") else f"“{label(name)}”"


def label(text: str) -> str:
    """Return a label as it reads inside a sentence: no capitals, no note on its unit."""
    text = re.sub(r" (\(share of spend\)|share)$", "", text)
    if text.isupper() and len(text) > 3:
        return text.lower()
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def segments(labels: pd.Series) -> list[tuple[int, np.ndarray]]:
    """Return each segment and which rows belong to it."""
    return [(int(s), (labels == s).to_numpy()) for s in sorted(labels.dropna().unique())]


# --- comparisons ----------------------------------------------------------------------------------


def cells(yes: pd.Series, inside: np.ndarray) -> tuple[int, int, int, int]:
    """Return how many inside have it, are known inside, have it elsewhere, are known elsewhere."""
    about, has = yes.notna().to_numpy(), (yes == 1).to_numpy()
    sides = has & inside, about & inside, has & ~inside, about & ~inside
    return tuple(int(side.sum()) for side in sides)


def _row(entry: dict, values: pd.Series, level: str = "") -> dict:
    return {
        "name": entry["name"],
        "label": level_label(entry, level, values) if level else entry["label"],
        "level": level,
        "unit": "share" if level else entry["unit"],
        "kind": kind(values),
    }


def _compared(values: pd.Series, inside: np.ndarray, level: str, shares, alpha=ALPHA) -> dict:
    """Return how a segment differs: shares of a level by `shares`, numbers by superiority."""
    if level:
        a, n, b, others = counts = cells(has_level(values, level), inside)
        estimate, whole = shares(*counts, alpha), (a + b) / max(n + others, 1)
        here, there = (a / n if n else np.nan), (b / others if others else np.nan)
        row = {"n": n, "count": a, "others": b, "mean": here, "overall": whole}
    else:
        x = numbers(values)
        here, there = x[inside].dropna(), x[~inside].dropna()
        estimate = stats.superiority(here, there, alpha)
        row = {"n": len(here), "count": len(here), "others": len(there)}
        row |= {"mean": here.mean(), "overall": x.mean()}
        here, there = here.median(), there.median()
    return row | {"inside": here, "outside": there} | estimate._asdict()


def markers(frame: pd.DataFrame, labels: pd.Series, dictionary=()) -> pd.DataFrame:
    """Return how each segment differs from everyone else in each column, largest first.

    segment, name, label, level, unit, kind; n, mean, overall, inside, outside; column (its label),
    base, reply (yes or no, where the level means it). `effect`, with low and high, is Cliff's
    delta, from -1 to 1; of a nominal level the difference of shares. No p-values: the segments were
    made to differ.
    """
    about, labels = entries(dictionary, frame), labels.reindex(frame.index)
    rows = []
    for segment, inside in segments(labels):
        for name, entry in about.items():
            values, more = frame[name], {"column": entry["label"], "base": entry["base"]}
            for level in levels(values) if kind(values) == "nominal" else [""]:
                answer = reply(level, levels(values), entry["base"]) if level else ""
                row = {"segment": segment, **_row(entry, values, level), **more, "reply": answer}
                rows.append(row | _compared(values, inside, level, stats.difference))
    result = pd.DataFrame(rows).rename(columns={"value": "effect"})
    ends, delta = ["effect", "low", "high"], result["level"] == ""
    result.loc[delta, ends] = 2 * result.loc[delta, ends] - 1
    order = result.assign(size=-result["effect"].abs().fillna(-1))
    order = order.sort_values(["segment", "size"], kind="stable").index
    return result.loc[order].reset_index(drop=True)


DESCRIPTORS = ["segment", "name", "label", "level", "unit", "kind", "statistic", "value", "low"]
DESCRIPTORS += ["high", "n", "count", "others", "inside", "outside", "p", "q", "selected"]
DESCRIPTORS += ["confidence"]


def descriptors(
    frame: pd.DataFrame, labels: pd.Series, dictionary=(), minimum: int = 10, alpha: float = ALPHA
) -> pd.DataFrame:
    """Return how far each segment differs in columns that did not form it, corrected for the many.

    Levels of fewer than `minimum` rows, inside or elsewhere, are left out. The columns are
    `DESCRIPTORS`: `statistic` is the lift of a level's share against everyone else, or the
    superiority of a number or ordered level; `count` and `others` have the level. False discoveries
    (`alpha`) by Benjamini & Hochberg (1995) over the whole table; intervals at the level
    1 - R alpha / m for R selected of m (Benjamini & Yekutieli 2005), so that those selected leave
    out no difference.
    """
    about, labels = entries(dictionary, frame), labels.reindex(frame.index)
    result, sides = [], dict(segments(labels))
    for segment, inside in sides.items():
        for name, entry in about.items():
            for level in _tested(frame[name]):
                row = {"segment": segment, **_row(entry, frame[name], level)}
                row |= _compared(frame[name], inside, level, stats.lift)
                if min(row["count"], row["others"]) >= minimum and np.isfinite(row["p"]):
                    result.append(row | {"statistic": "lift" if level else "superiority"})
    if not result:
        return pd.DataFrame(columns=DESCRIPTORS)
    q = stats.adjust([row["p"] for row in result], "fdr_bh")
    level = max(int((q <= alpha).sum()), 1) * alpha / len(result)
    for row in result:
        values, inside = frame[row["name"]], sides[row["segment"]]
        again = _compared(values, inside, row["level"], stats.lift, level)
        row |= {key: again[key] for key in ("low", "high")}
    return pd.DataFrame(result).assign(q=q, selected=q <= alpha, confidence=1 - level)[DESCRIPTORS]


def _tested(values: pd.Series) -> list[str]:
    """Return the levels to compare; the empty text stands for the column as a whole."""
    if kind(values) == "nominal":
        return levels(values)
    return [""] if kind(values) == "numeric" else ["", *levels(values)]


# --- descriptors of segments with soft membership -------------------------------------------------


def corrected(result: pd.DataFrame, frame: pd.DataFrame, weights: pd.DataFrame) -> pd.DataFrame:
    """Return descriptors with `corrected`, `corrected_low`, `corrected_high` added.

    Comparing the most likely members mixes in members of other segments, so differences look
    smaller than they are. The weights of Bolck, Croon & Hagenaars (2004) undo the mixing: a row
    counts in every segment, by weights that sum to one and may be negative: `weights`, a column a
    segment. Intervals are linearised ones (Vermunt 2010, Political Analysis 18).
    """
    rows = []
    for row in result.itertuples():
        values = frame[row.name]
        x = has_level(values, row.level) if row.level else numbers(values)
        known = x.notna().to_numpy()
        x, inside = x[known].to_numpy(), weights[row.segment].to_numpy()[known]
        weighted = weighted_lift if row.level else weighted_superiority
        rows.append(weighted(x, inside, 1 - row.confidence)[:3])
    names = ["corrected", "corrected_low", "corrected_high"]
    return result.join(pd.DataFrame(rows, index=result.index, columns=names))


def weighted_lift(has: np.ndarray, inside: np.ndarray, alpha: float = ALPHA) -> Estimate:
    """Return a share of 0 and 1 by weights `inside`, as a multiple of that by the rest to one."""
    outside = 1 - inside
    here, there = (float(has @ w / w.sum()) for w in (inside, outside))
    if not (here > 0 and there > 0):
        return UNKNOWN
    influence = _influence(has, inside, here) / here - _influence(has, outside, there) / there
    value, reach = np.log(here / there), norm.isf(alpha / 2) * np.sqrt((influence**2).sum())
    return Estimate(*(float(np.exp(v)) for v in (value, value - reach, value + reach)))


def weighted_superiority(x: np.ndarray, inside: np.ndarray, alpha: float = ALPHA) -> Estimate:
    """Return the probability that a value in the segment exceeds one elsewhere; ties count half."""
    outside = 1 - inside
    if min(inside.sum(), outside.sum()) < 2:
        return UNKNOWN
    below, above = _below(x, outside), 1 - _below(x, inside)
    value = float(below @ inside / inside.sum())
    influence = _influence(below, inside, value) + _influence(above, outside, value)
    reach = norm.isf(alpha / 2) * np.sqrt((influence**2).sum())
    return Estimate(value, float(max(value - reach, 0.0)), float(min(value + reach, 1.0)))


def _influence(values: np.ndarray, weights: np.ndarray, mean: float) -> np.ndarray:
    return weights * (values - mean) / weights.sum()


def _below(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    distinct, place = np.unique(x, return_inverse=True)
    mass = np.bincount(place, weights, minlength=len(distinct)) / weights.sum()
    return (np.cumsum(mass) - mass / 2)[place]
