"""The statistics that claims rest on, each computed anew from the tables of a run."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.stats import binom

from seglib import stats
from seglib.personas import columns, profile
from seglib.personas.columns import kind, levels_of, numbers
from seglib.personas.grounds import Evidence
from seglib.wording import amount, of_level

TINY = 0.005  # medians below this tell nothing, and means are shown instead
FEW = 10  # values from which a median has an interval
NO_DIFFERENCE = {"superiority": 0.5, "difference": 0.0, "lift": 1.0, "ratio": 1.0}


def measure(
    ev: Evidence, segment: int, table: str, column: str = "", level: str = "", more=()
) -> dict:  # fmt: skip
    """Return the statistic behind a claim.

    Parameters
    ----------
    ev : Evidence
    segment : int
    table : str
        One of `MEASURES`.
    column, level : str
        What is measured.
    more : mapping
        Further measures by name.

    Returns
    -------
    dict
        kind, statistic (in words), value, low, high, confidence, comparisons (that the confidence
        is adjusted for; None if for none), n, cell (the smallest count of customers that the
        numbers reveal has at least so many; those whom it leaves out stay hidden if they are few),
        inside, outside (float or text), unit (of inside and outside), label;
        empty where the run cannot tell.
    """
    found = (MEASURES | dict(more))[table](ev, segment, column, level)
    if not found:
        return {}
    base = {"confidence": 1 - stats.ALPHA, "comparisons": None, "inside": None,
            "outside": None, "unit": "", "low": None, "high": None,
            "label": ev.entries.get(column, {}).get("label", column)}  # fmt: skip
    found = base | found
    n, cell = int(found["n"]), int(found.get("cell", found["n"]))
    return found | {"cell": min(cell, n - ev.minimum) if 0 < n - cell < ev.minimum else cell}


def smallest(cell: int, count: int, n: int) -> int:
    """Return the smallest of a cell, the customers counted and those left; all of n leaves none."""
    return min(cell, count, n - count) if count < n else min(cell, count)


def estimated(estimate) -> dict:
    """Return value, low and high of an estimate."""
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _size(ev: Evidence, segment: int, *_) -> dict:
    n, total = int(ev.inside(segment).sum()), len(ev.labels)
    return {"kind": "share", "statistic": "share of all", "value": n / total, "n": n,
            "inside": float(n), "unit": "count"}  # fmt: skip


def _revenue(ev: Evidence, segment: int, *_) -> dict:
    if ev.spend is None:
        return {}
    inside = ev.inside(segment)
    found = stats.ratio_of_means(ev.spend * inside, ev.spend)
    return {"kind": "share", "statistic": "share of revenue", **estimated(found),
            "n": int(inside.sum())}  # fmt: skip


def _mean(ev: Evidence, segment: int, column: str, _="") -> dict:
    if column not in ev.customers:
        return {}
    return _ratio(ev, segment, ev.customers[column].fillna(0.0), ev.entries[column]["unit"])


def _ratio(ev: Evidence, segment: int, values: pd.Series, unit: str) -> dict:
    """Return the mean of a segment against that of everyone else, as their ratio."""
    inside = ev.inside(segment)
    a, b = values[inside], values[~inside]
    if not len(b):
        return {}
    found = stats.ratio_of_means(a, np.ones(len(a)), others=(b, np.ones(len(b))))
    return {"kind": "ratio", "statistic": "mean, as a multiple of everyone else's",
            **estimated(found), "n": len(a), "cell": min(len(a), len(b)),
            "inside": a.mean(), "outside": b.mean(), "unit": unit}  # fmt: skip


def _customers(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return how a numeric or ordered column differs, whether it formed the segments or not."""
    if column not in ev.customers or kind(ev.customers[column]) == "nominal":
        return {}
    x, inside = numbers(ev.customers[column]), ev.inside(segment)
    a, b = x[inside].dropna(), x[~inside].dropna()
    if not len(a) or not len(b):
        return {}
    found, many = stats.superiority(a, b), {}
    if column not in ev.formed:
        found = _of(ev.descriptors, segment, column, "")
        if found is None:
            return {}
        many = adjusted(found, ev.descriptors)
    return {
        "kind": "superiority", **estimated(found), **many, "n": len(a),
        "statistic": "chance that one of them has more than one of the others",
        "cell": min(len(a), len(b)), **middle(ev, column, a, b),
    }  # fmt: skip


def adjusted(row, among: pd.DataFrame) -> dict:
    """Return the confidence of a row's interval, and the comparisons that it is adjusted for."""
    return {"confidence": row["confidence"], "comparisons": len(among)}


def middle(ev: Evidence, column: str, a: pd.Series, b: pd.Series) -> dict:
    """Return the medians as a reader sees them, or the means where the medians look the same."""
    unit = ev.entries[column]["unit"]
    if kind(ev.customers[column]) == "ordered":
        levels = list(ev.customers[column].cat.categories)
        here, there = (of_level(v.median(), levels) for v in (a, b))
        return {"inside": here, "outside": there, "unit": "level"}
    pair = a.median(), b.median()
    same = amount(pair[0], unit) == amount(pair[1], unit) or max(map(abs, pair)) < TINY
    here, there = (a.mean(), b.mean()) if same else pair
    return {"inside": here, "outside": there, "unit": unit, "average": bool(same)}


def _of(table: pd.DataFrame, segment: int, name: str, level: str):
    """Return the row of a table of descriptors as an object with its columns; None if not there."""
    found = table[
        (table["segment"] == segment) & (table["name"] == name) & (table["level"] == level)
    ]
    return found.iloc[0] if len(found) else None


def _levels(ev: Evidence, segment: int, column: str, level: str) -> dict:
    """Return how common a level is: a difference if it formed the segments, else a lift."""
    if column not in ev.customers:
        return {}
    text, inside = levels_of(ev.customers[column]), ev.inside(segment)
    known = text.notna().to_numpy()
    has = (text == level).to_numpy(dtype=bool, na_value=False)
    a, n, b, others = (int(v.sum()) for v in (has & inside, known & inside, has & ~inside,
                                              known & ~inside))  # fmt: skip
    if not n or not others:
        return {}
    called = columns.of_level(ev.entries[column], level, ev.customers[column])
    common = {"n": n, "cell": min(smallest(a, a, n), smallest(b, b, others)), "inside": a / n,
              "outside": b / others, "unit": "share",
              "label": called}  # fmt: skip
    if column in ev.formed:
        found = stats.difference(a, n, b, others)
        return common | {"kind": "difference", "statistic": "difference of shares",
                         **estimated(found)}  # fmt: skip
    row = _of(ev.descriptors, segment, column, level)
    if row is None:
        return {}
    return common | {"kind": "lift", "statistic": "share, as a multiple of everyone else's",
                     **estimated(row), **adjusted(row, ev.descriptors)}  # fmt: skip


def _outcome(ev: Evidence, segment: int, column: str, level: str) -> dict:
    """Return how much more often an outcome came true, told by its label in the study."""
    given = ev.run.study.outcomes.get(column)
    found = _levels(ev, segment, column, level) if given else {}
    return found and found | {"words": {"outcome": given.label}}


def _product(ev: Evidence, segment: int, column: str, _="") -> dict:
    rows = ev.products
    found = rows[(rows["segment"] == segment) & (rows["product"].astype(str) == column)]
    if found.empty:
        return {}
    row = found.iloc[0]
    return {"kind": "ratio", "statistic": "share of spend, as a multiple of everyone else's",
            "value": row["index"], "low": row["low"], "high": row["high"],
            **adjusted(row, rows), "n": int(row["n"]),
            "cell": int(min(row["buyers"], row["others"])), "inside": row["inside"],
            "outside": row["outside"], "unit": "share",
            "words": {"buyers": amount(row["buyers"] / row["n"], "share")}}  # fmt: skip


def _growth(ev: Evidence, segment: int, *_) -> dict:
    inside, m = ev.inside(segment), ev.months
    if m is None or inside.all() or ev.chosen_for_growth:
        return {}
    pairs = [(m.loc[side, "recent"], m.loc[side, "earlier"]) for side in (inside, ~inside)]
    found = stats.ratio_of_means(*pairs[0], others=pairs[1])
    here, there = (p[0].sum() / p[1].sum() if p[1].sum() > 0 else math.nan for p in pairs)
    n = int(inside.sum())
    return {"kind": "ratio", "statistic": "change of spend, as a multiple of everyone else's",
            **estimated(found), "n": n, "cell": min(n, len(m) - n), "inside": here,
            "outside": there, "unit": "share"}  # fmt: skip


def _contacts(ev: Evidence, segment: int, *_) -> dict:
    return {} if ev.campaigns is None else _ratio(ev, segment, ev.campaigns["contacts"], "count")


def _responses(ev: Evidence, segment: int, *_) -> dict:
    if ev.campaigns is None or "responded" not in ev.campaigns:
        return {}
    sent = ev.campaigns["contacts"] > 0
    yes, inside = ev.campaigns["responded"].eq(True), ev.inside(segment)
    a, n, b, others = (int(v.sum()) for v in (yes & sent & inside, sent & inside,
                                              yes & sent & ~inside, sent & ~inside))  # fmt: skip
    found = stats.lift(a, n, b, others)
    if math.isnan(found.value):
        return {}
    return {"kind": "lift", "statistic": "share that answered, as a multiple of everyone else's",
            **estimated(found), "n": n, "cell": min(smallest(a, a, n), smallest(b, b, others)),
            "inside": a / n, "outside": b / others, "unit": "share"}  # fmt: skip


def _median(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return the median of a number with its order-statistic interval."""
    if column not in ev.customers or kind(ev.customers[column]) != "numeric":
        return {}
    x = np.sort(ev.customers.loc[ev.inside(segment), column].dropna().to_numpy())
    if len(x) < FEW:
        return {}
    low = int(binom.ppf(stats.ALPHA / 2, len(x), 0.5))
    return {"kind": "median", "statistic": "median", "value": float(np.median(x)),
            "low": x[max(low - 1, 0)], "high": x[min(len(x) - low, len(x) - 1)], "n": len(x),
            "unit": ev.entries[column]["unit"]}  # fmt: skip


def _rule(ev: Evidence, segment: int, *_) -> dict:
    if len(ev.segments) < 2:
        return {}
    row = ev.rules.loc[segment]
    right = stats.share(round(np.nan_to_num(row["precision"]) * row["n"]), int(row["n"]))
    return {"kind": "share", "statistic": "precision of the rule, cross-validated",
            "value": row["precision"], "low": right.low, "high": right.high, "n": int(row["n"]),
            "cell": min(int(ev.inside(segment).sum()), int(row["n"])),
            "inside": row["recall"], "unit": "share", "label": row["rule"]}  # fmt: skip


def examples(ev: Evidence) -> pd.DataFrame:
    """Return the rounded averages of the customers nearest the middle of each segment."""
    entries = [*ev.entries.values()]
    return profile.typical(ev.customers[ev.formed], ev.labels, entries, ev.nearest)


def _example(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return a feature of the example customer; of a level, its place among the levels.

    Of a nominal column, only what is also the most frequent of the segment.
    """
    rows = ev.once(examples)
    rows = rows[(rows["segment"] == segment) & (rows["name"] == column)]
    if rows.empty or rows.iloc[0]["value"] is None:
        return {}
    row, text = rows.iloc[0], isinstance(rows.iloc[0]["value"], str)
    levels = levels_of(ev.customers[column])
    nominal, common = kind(ev.customers[column]) == "nominal", levels[ev.inside(segment)].mode()
    if nominal and row["value"] not in set(common):
        return {}
    known = sorted(levels.dropna().unique()) if text else []
    middle = "most frequent level" if text else "average, rounded"
    return {"kind": "example", "n": int(ev.inside(segment).sum()), "cell": ev.nearest,
            "statistic": f"{middle}, of the {ev.nearest} nearest the middle in everything at once",
            "value": float(known.index(row["value"])) if text else float(row["value"]),
            "inside": row["value"], "unit": "level" if text else row["unit"],
            "words": {"label": row["label"]}}  # fmt: skip


MEASURES = {
    "sizes": _size, "revenue": _revenue, "means": _mean, "customers": _customers,
    "levels": _levels, "losses": _outcome, "gains": _outcome, "products": _product,
    "growth": _growth, "contacts": _contacts,
    "responses": _responses, "pairs": _customers, "medians": _median, "rules": _rule,
    "examples": _example,
}  # fmt: skip
