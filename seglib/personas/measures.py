"""Every fact that claims state, measured from the tables of a run: one function a kind."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import binom

from seglib import stats
from seglib.personas.evidence import Assortment, Evidence
from seglib.personas.names import has_level, kind, level_label, levels, levels_of, numbers
from seglib.personas.profile import cells
from seglib.wording import amount, of_level

FEW = 10  # values from which a median has an interval
TINY = 0.005  # medians below this tell nothing, and means are shown instead
NO_DIFFERENCE = {"superiority": 0.5, "difference": 0.0, "lift": 1.0, "ratio": 1.0}


def measure(
    ev: Evidence, segment: int, source: str, column: str = "", level: str = "", more: Mapping = {}
) -> dict:
    """Return what is measured of a segment; empty where the run cannot tell.

    Parameters
    ----------
    source : str
        One of `MEASURES`, or of `more`.
    column, level : str
        What is measured.

    Returns
    -------
    dict
        kind, statistic (in words), value, low, high, confidence, comparisons (that the confidence
        is adjusted for; None if for none), n, cell (the smallest count of customers that the
        numbers reveal has at least so many; those whom it leaves out stay hidden if they are few),
        inside, outside (float or text), unit (of inside and outside), label.
    """
    found = (MEASURES | more)[source](ev, segment, column, level)
    if not found:
        return {}
    base = dict.fromkeys(("comparisons", "inside", "outside", "low", "high"))
    base |= {"confidence": 1 - stats.ALPHA, "unit": "",
             "label": ev.entries.get(column, {}).get("label", column)}  # fmt: skip
    n, cell = int(found["n"]), int(found.get("cell", found["n"]))
    return base | found | {"cell": min(cell, n - ev.minimum) if 0 < n - cell < ev.minimum else cell}


def smallest(cell: int, count: int, n: int) -> int:
    """Return the smallest of a cell, the customers counted and those left; all of n leaves none."""
    return min(cell, count, n - count) if count < n else min(cell, count)


def _ends(estimate) -> dict:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _adjusted(row, among) -> dict:
    """Return the confidence of a row's interval, and the comparisons that it is adjusted for."""
    return {"confidence": row["confidence"], "comparisons": len(among)}


def _size(ev: Evidence, segment: int, *_) -> dict:
    n, total = int(ev.inside(segment).sum()), len(ev.labels)
    if segment in ev.shown and segment not in ev.sized:
        return {}
    return {"kind": "share", "statistic": "share of all", "value": n / total, "n": n,
            "inside": float(n), "unit": "count"}  # fmt: skip


def _revenue(ev: Evidence, segment: int, *_) -> dict:
    if ev.spend is None:
        return {}
    inside = ev.inside(segment)
    part = stats.ratio_of_means(ev.spend * inside, ev.spend)
    return {"kind": "share", "statistic": "share of revenue", **_ends(part), "n": int(inside.sum())}


def _mean(ev: Evidence, segment: int, column: str, _="") -> dict:
    if column not in ev.customers:
        return {}
    return _ratio(ev, segment, ev.customers[column].fillna(0.0), ev.entries[column]["unit"])


def _contacts(ev: Evidence, segment: int, *_) -> dict:
    return {} if ev.campaigns is None else _ratio(ev, segment, ev.campaigns["contacts"], "count")


def _ratio(ev: Evidence, segment: int, values: pd.Series, unit: str) -> dict:
    """Return the mean of a segment against that of everyone else, as their ratio."""
    inside = ev.inside(segment)
    a, b = values[inside], values[~inside]
    if not len(b):
        return {}
    ratio = stats.ratio_of_means(a, np.ones(len(a)), others=(b, np.ones(len(b))))
    return {"kind": "ratio", "statistic": "mean, as a multiple of everyone else's", **_ends(ratio),
            "n": len(a), "cell": min(len(a), len(b)), "inside": a.mean(), "outside": b.mean(),
            "unit": unit}  # fmt: skip


SUPERIORITY = "probability of superiority: that one of them has more than one of "


def _customers(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return how a numeric or ordered column differs, whether it formed the segments or not."""
    row = None if column in ev.formed else _described(ev, segment, column, "")
    if column not in ev.formed and row is None:
        return {}
    found = _compared(ev, column, ev.inside(segment), ~ev.inside(segment))
    if not found or row is None:
        return found
    return found | {k: row[k] for k in ("value", "low", "high")} | _adjusted(row, ev.descriptors)


def _nearest(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return how a column that formed the segments differs from the most similar segment."""
    other = ev.alike.get(segment)
    if other is None or column not in ev.formed:
        return {}
    found, like = _compared(ev, column, ev.inside(segment), ev.inside(other)), ev.names[other]
    words = {"statistic": SUPERIORITY + like, "reference": f"no difference from {like}"}
    return found and found | words | {"words": {"like": like}}


def _compared(ev: Evidence, column: str, here: np.ndarray, there: np.ndarray) -> dict:
    """Return the probability of superiority, beside the medians, or the means where these agree."""
    if column not in ev.customers or kind(ev.customers[column]) == "nominal":
        return {}
    x, unit = numbers(ev.customers[column]), ev.entries[column]["unit"]
    a, b = x[here].dropna(), x[there].dropna()
    if not len(a) or not len(b):
        return {}
    found = {"kind": "superiority", "statistic": SUPERIORITY + "the others", "n": len(a),
             "cell": min(len(a), len(b)), **_ends(stats.superiority(a, b))}  # fmt: skip
    middle = a.median(), b.median()
    if kind(ev.customers[column]) == "ordered":
        order = list(ev.customers[column].cat.categories)
        middle, unit = [of_level(v, order) for v in middle], "level"
    elif amount(middle[0], unit) == amount(middle[1], unit) or max(map(abs, middle)) < TINY:
        middle, found["average"] = (a.mean(), b.mean()), True
    return found | {"inside": middle[0], "outside": middle[1], "unit": unit}


def _described(ev: Evidence, segment: int, name: str, level: str):
    """Return the row of a descriptor; None if there is none."""
    key = ["segment", "name", "level"]
    found = ev.descriptors[(ev.descriptors[key] == [segment, name, level]).all(axis=1)]
    return found.iloc[0] if len(found) else None


def _two_by_two(yes: pd.Series, inside: np.ndarray) -> tuple[tuple, dict]:
    """Return the four counts of a comparison of shares, and what a claim says of them."""
    a, n, b, others = counts = cells(yes, inside)
    if not n or not others:
        return counts, {}
    return counts, {"n": n, "cell": min(smallest(a, a, n), smallest(b, b, others)),
                    "inside": a / n, "outside": b / others, "unit": "share"}  # fmt: skip


def _levels(ev: Evidence, segment: int, column: str, level: str) -> dict:
    """Return how common a level is: a difference if it formed the segments, else a lift."""
    if column not in ev.customers:
        return {}
    values = ev.customers[column]
    counts, found = _two_by_two(has_level(values, level), ev.inside(segment))
    found = found and found | {"label": level_label(ev.entries[column], level, values)}
    if found and column in ev.formed:
        estimate = stats.difference(*counts)
        return found | {
            "kind": "difference",
            "statistic": "difference of shares",
            **_ends(estimate),
        }
    row = _described(ev, segment, column, level) if found else None
    if row is None:
        return {}
    return found | {"kind": "lift", "statistic": "share, as a multiple of everyone else's",
                    **_ends(row), **_adjusted(row, ev.descriptors)}  # fmt: skip


def _outcome(ev: Evidence, segment: int, column: str, level: str) -> dict:
    """Return how much more often an outcome came true, called by its label in the study."""
    stated = ev.run.study.outcomes.get(column)
    found = _levels(ev, segment, column, level) if stated else {}
    return found and found | {"words": {"outcome": stated.label}}


def _untouched(ev: Evidence, segment: int, *_) -> dict:
    """Return the share that no campaign reached, as a difference from everyone else's."""
    if ev.campaigns is None:
        return {}
    none = ev.campaigns["contacts"].eq(0).astype(float)
    counts, found = _two_by_two(none, ev.inside(segment))
    return found and found | {"kind": "difference", **_ends(stats.difference(*counts)),
                              "statistic": "difference of shares without a campaign"}  # fmt: skip


def _responses(ev: Evidence, segment: int, *_) -> dict:
    if ev.campaigns is None or "responded" not in ev.campaigns:
        return {}
    answered = ev.campaigns["responded"].eq(True).astype(float)
    answered = answered.where(ev.campaigns["contacts"] > 0)
    counts, found = _two_by_two(answered, ev.inside(segment))
    lift = stats.lift(*counts)
    if not found or math.isnan(lift.value):
        return {}
    words = "share that answered, as a multiple of everyone else's"
    return found | {"kind": "lift", "statistic": words, **_ends(lift)}


def _growth(ev: Evidence, segment: int, *_) -> dict:
    inside, months = ev.inside(segment), ev.months
    if months is None or inside.all() or ev.chosen_for_growth:
        return {}
    pairs = [
        (months.loc[side, "recent"], months.loc[side, "earlier"]) for side in (inside, ~inside)
    ]
    ratio = stats.ratio_of_means(*pairs[0], others=pairs[1])
    here, there = (p[0].sum() / p[1].sum() if p[1].sum() > 0 else math.nan for p in pairs)
    n = int(inside.sum())
    return {"kind": "ratio", "statistic": "change of spend, as a multiple of everyone else's",
            **_ends(ratio), "n": n, "cell": min(n, len(months) - n), "inside": here,
            "outside": there, "unit": "share"}  # fmt: skip


def _median(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return the median of a number with its order-statistic interval."""
    if column not in ev.customers or kind(ev.customers[column]) != "numeric":
        return {}
    x = np.sort(ev.customers.loc[ev.inside(segment), column].dropna().to_numpy())
    if len(x) < FEW:
        return {}
    low = int(binom.ppf(stats.ALPHA / 2, len(x), 0.5))
    return {"kind": "median", "statistic": "median", "value": float(np.median(x)), "n": len(x),
            "low": x[max(low - 1, 0)], "high": x[min(len(x) - low, len(x) - 1)],
            "unit": ev.entries[column]["unit"]}  # fmt: skip


def _rule(ev: Evidence, segment: int, *_) -> dict:
    if len(ev.segments) < 2:
        return {}
    row, n = ev.rules.loc[segment], int(ev.rules.loc[segment, "n"])
    right = stats.share(round(np.nan_to_num(row["precision"]) * n), n)
    return {"kind": "share", "statistic": "precision of the rule, cross-validated", "n": n,
            "value": row["precision"], "low": right.low, "high": right.high,
            "cell": min(int(ev.inside(segment).sum()), n), "inside": row["recall"],
            "unit": "share", "label": row["rule"]}  # fmt: skip


def _example(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return a feature of the example customer; of a level, its place among the levels.

    Of a nominal column, only what is also the most frequent of the segment.
    """
    rows = ev.examples
    rows = rows[(rows["segment"] == segment) & (rows["name"] == column)]
    if rows.empty or rows.iloc[0]["value"] is None:
        return {}
    row, values, text = rows.iloc[0], ev.customers[column], isinstance(rows.iloc[0]["value"], str)
    common = levels_of(values)[ev.inside(segment)].mode()
    if kind(values) == "nominal" and row["value"] not in set(common):
        return {}
    middle = "most frequent level" if text else "average, rounded"
    return {"kind": "example", "n": int(ev.inside(segment).sum()), "cell": ev.nearest,
            "statistic": f"{middle}, of the {ev.nearest} nearest the middle in everything at once",
            "value": float(levels(values).index(row["value"]) if text else row["value"]),
            "inside": row["value"], "unit": "level" if text else row["unit"],
            "words": {"label": row["label"]}}  # fmt: skip


# --- what they buy, and what is sold --------------------------------------------------------------


def _product(ev: Evidence, segment: int, column: str, _="") -> dict:
    rows = ev.products
    rows = rows[(rows["segment"] == segment) & (rows["product"].astype(str) == column)]
    return {} if rows.empty else _spread(ev, rows.iloc[0], ev.products, column)


def _group(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return the affinity of a customer segment to a group of products."""
    rows = ev.crossed[(ev.crossed["segment"] == segment) & (ev.crossed["group"] == column)]
    plain = re.sub(r"^\d+[.:]? (?=\D)", "", column)  # without the number of a product segment
    return {} if rows.empty else _spread(ev, rows.iloc[0], ev.crossed, plain[0].lower() + plain[1:])


def _gap(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return how much less a segment spends on a product than the most similar segment."""
    rows = ev.gaps
    rows = rows[(rows["segment"] == segment) & (rows["product"].astype(str) == column)]
    if rows.empty:
        return {}
    row, like = rows.iloc[0], ev.names[int(rows.iloc[0]["like"])]
    found = _spread(
        ev, row, range(int(row["compared"])), column, "that of the most similar segment"
    )
    words = found["words"] | {"like": like}
    return found | {"reference": f"no difference from {like}", "words": words}


def _spread(ev: Evidence, row, among, name: str, whose: str = "everyone else's") -> dict:
    buyers = amount(row["buyers"] / row["n"], "share")
    return {"kind": "ratio", "statistic": f"share of spend, as a multiple of {whose}",
            "value": row["index"], "low": row["low"], "high": row["high"], **_adjusted(row, among),
            "n": int(row["n"]), "cell": int(min(row["buyers"], row["others"])),
            "inside": row["inside"], "outside": row["outside"], "unit": "share", "label": name,
            "words": {"name": ev.names[int(row["segment"])], "buyers": buyers}}  # fmt: skip


def _spent(ev: Evidence, segment: int) -> pd.Series | None:
    """Return what each customer spent on a product segment."""
    spent = ev.people.spending if isinstance(ev, Assortment) else None
    return None if spent is None else spent[ev.names[segment]]


def _takings(ev: Assortment, segment: int, *_) -> dict:
    spent = _spent(ev, segment)
    if spent is None or ev.people.spend is None:
        return {}
    part = stats.ratio_of_means(spent, ev.people.spend)
    return {"kind": "share", "statistic": "share of revenue", **_ends(part), "n": len(spent),
            "cell": int((spent > 0).sum())}  # fmt: skip


def _buyers(ev: Assortment, segment: int, *_) -> dict:
    """Return the share of customers who buy any of them; few who do not would be a small cell."""
    spent = _spent(ev, segment)
    if spent is None:
        return {}
    n, count = len(spent), int((spent > 0).sum())
    return {"kind": "share", "statistic": "share of customers", "n": n,
            **_ends(stats.share(count, n)), "cell": smallest(count, count, n)}  # fmt: skip


def _own(ev: Assortment, segment: int, column: str, _="") -> dict:
    """Return the own-label share of what a product segment brings, products the sampled units."""
    frame = ev.customers[ev.inside(segment)]
    if not {column, "spend_per_buyer", "penetration"} <= set(frame):
        return {}
    brings = (frame["spend_per_buyer"] * frame["penetration"]).fillna(0.0)
    own = brings * frame[column].fillna(0.0)
    part = stats.ratio_of_means(own, brings)
    words = {"kind": "share", "statistic": "own-label share of revenue", "n": len(own)}
    return words | _ends(part) if own.sum() > 0 else {}


MEASURES = {
    "sizes": _size, "revenue": _revenue, "means": _mean, "customers": _customers,
    "levels": _levels, "losses": _outcome, "gains": _outcome, "products": _product,
    "growth": _growth, "contacts": _contacts, "responses": _responses, "pairs": _customers,
    "medians": _median, "rules": _rule, "examples": _example, "groups": _group, "gaps": _gap,
    "takings": _takings, "buyers": _buyers, "own": _own, "nearest": _nearest,
    "untouched": _untouched,
}  # fmt: skip
