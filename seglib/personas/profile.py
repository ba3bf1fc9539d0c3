"""What a segment is: its markers, and what else differs; and what columns and levels are called."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import norm

from seglib import stats
from seglib.clustering.encoding import kind
from seglib.personas.words import VOCABULARY as WORDS
from seglib.stats import ALPHA, UNKNOWN, Estimate
from seglib.wording import amount, of_level

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


# --- a segment in pictures ------------------------------------------------------------------------

MEASURES, COLLINEAR = 6, 0.8  # lines of a fingerprint; rank correlation above which one says it all


def portraits(frame, labels: pd.Series, dictionary=(), minimum: int = 10, named=None) -> dict:
    """Return of each segment its `fingerprint` and its `tiles`.

    A row of a fingerprint: the chance that a member has more than one of the others, minus the
    chance of less, from -1 to 1, with its 95% interval. A tile: a median or share (`what`) inside
    and among others, as text, where they differ. Of each segment, column and level of what its name
    is made of (`named`) come first. The segments were made of these columns: this tests nothing.
    """
    sizes = labels.value_counts().sort_index()
    groups = sizes.index[(sizes >= minimum) & (len(sizes) > 1)]
    if groups.empty or frame.columns.empty:
        return {}
    rows = markers(frame, labels, dictionary)
    named_levels = {c: levels(frame[c]) for c in frame if kind(frame[c]) == "nominal"}
    two = {c: of[0] for c, of in named_levels.items() if len(of) == 2}
    rows = rows[rows["level"].eq("") | rows["level"].ne(rows["name"].map(two))]  # one of two tells
    measures = {
        r.label: has_level(frame[r.name], r.level) if r.level else numbers(frame[r.name])
        for r in rows.sort_values("name", key=lambda n: n.map([*frame].index)).itertuples()
    }
    measures = {n: v for n, v in measures.items() if _countable(v, labels, groups, minimum)}
    rows = rows[rows["label"].isin(measures) & rows["segment"].isin(groups)]
    own = {s: _named(rows, wanted, two) for s, wanted in (named or {}).items()}
    shared = _strongest(rows, pd.DataFrame(measures), set().union(*own.values()))
    result = {}
    for segment in map(int, groups):
        first = [n for n in shared if n in own.get(segment, ())]
        wanted = (first + [n for n in shared if n not in first])[: max(MEASURES, len(first))]
        of = rows[rows["segment"] == segment].set_index("label")
        of = of.loc[[name for name in shared if name in wanted]]
        drawn = of[["effect", "low", "high"]].round(2).rename(columns={"effect": "value"})
        result[segment] = {
            "fingerprint": drawn.reset_index().to_dict("records"),
            "tiles": _tiles(of, frame),
        }
    return result


def _named(rows: pd.DataFrame, wanted: list[dict], two: dict) -> set[str]:
    """Return the labels of what a name is made of; one level of two stands for the other."""
    pairs = {(w["column"], w["level"]) for w in wanted}
    both = {w["column"] for w in wanted} & {*two}
    of = zip(rows["name"], rows["level"], rows["label"], strict=True)
    return {label for name, level, label in of if (name, level) in pairs or name in both}


def _countable(values: pd.Series, labels: pd.Series, groups: pd.Index, minimum: int) -> bool:
    """Return whether a measure is known of enough, and tells of no small group as a share."""
    by = values.groupby(labels).agg(["count", "sum"])
    if by["count"].reindex(groups).min() < minimum:
        return False
    if not values.dropna().isin([0, 1]).all():
        return True
    cells = pd.concat([by["sum"], by["count"] - by["sum"]])
    return not ((cells > 0) & (cells < minimum)).any()


def _strongest(rows: pd.DataFrame, measures: pd.DataFrame, named: set[str]) -> list[str]:
    """Return the measures of names, and up to `MEASURES` that differ most and say something else.

    Those that differ most come first.
    """
    largest = rows["effect"].abs().groupby(rows["label"]).max().reindex(measures.columns).dropna()
    largest = largest.sort_values(ascending=False, kind="stable")
    alike = stats.sample(measures[largest.index]).corr("spearman").abs()
    chosen = [name for name in largest.index if name in named]
    for name in largest.index.difference(chosen, sort=False):
        if len(chosen) < MEASURES and not (alike.loc[name, chosen] > COLLINEAR).any():
            chosen.append(name)
    return [name for name in largest.index if name in chosen]


def _tiles(rows: pd.DataFrame, frame: pd.DataFrame) -> list[dict]:
    """Return what differs and reads differently inside and outside, what differs most first."""
    result = []
    rows = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    rows = rows.sort_values("effect", key=lambda e: -e.abs(), kind="stable")
    for label, row in rows.iterrows():
        texts = [row["inside"], row["outside"]]
        if row["kind"] == "ordered":
            texts = [of_level(v, list(frame[row["name"]].cat.categories)) for v in texts]
        else:
            texts = [amount(v, row["unit"]) for v in texts]
        if texts[0] != texts[1]:
            what = "share of them" if row["level"] else "median"
            result.append({"label": label, "what": what, "value": texts[0], "others": texts[1]})
    return result


# --- descriptors of segments with soft membership -------------------------------------------------


SOFT = {"gmm", "latent_class"}  # methods whose probabilities of membership are those of a model


def corrected(rows: pd.DataFrame, frame: pd.DataFrame, chances: pd.DataFrame) -> pd.DataFrame:
    """Return descriptors, plain and with soft membership counted in.

    Comparing the most likely members mixes in members of other segments, so differences look
    smaller than they are. The weights of Bolck, Croon & Hagenaars (2004) undo the mixing: a row
    counts in every segment, by weights that sum to one and may be negative. `chances` has the
    probability of each segment in a column of its number. segment, attribute, plain, corrected (of
    a level: times as common as elsewhere; of a number: the probability of superiority), and the
    corrected interval: from, to, linearised (Vermunt 2010, Political Analysis 18).
    """
    weights = pd.DataFrame(bch_weights(chances.to_numpy()), columns=chances.columns)
    result = []
    for row in rows.itertuples():
        values = frame[row.name]
        x = has_level(values, row.level) if row.level else numbers(values)
        known = x.notna().to_numpy()
        x, inside = x[known].to_numpy(), weights[row.segment].to_numpy()[known]
        weighted = weighted_lift if row.level else weighted_superiority
        own = weighted(x, inside, 1 - row.confidence)[:3]
        result.append((row.segment, row.label, row.value, *own))
    heads = ["segment", "attribute", "plain", "corrected", "from", "to"]
    return pd.DataFrame(result, columns=heads)


def bch_weights(chance: np.ndarray) -> np.ndarray:
    """Weigh each row in each segment, shape (rows, k); rows sum to one, some are negative.

    Comparing segments by their most likely members mixes in the members of others. The table of
    assignment errors undoes the mixing (Bolck, Croon & Hagenaars 2004, *Political Analysis* 12;
    Vermunt 2010, *Political Analysis* 18, eq. 9).
    """
    assigned = np.eye(chance.shape[1])[chance.argmax(axis=1)]
    errors = chance.T @ assigned / np.maximum(chance.sum(axis=0), 1e-12)[:, None]
    return np.linalg.pinv(errors)[chance.argmax(axis=1)]


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
