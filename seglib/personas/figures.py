"""The statistics behind targeting, tests, affinities and the range, computed from the tables."""

from __future__ import annotations

import math

import pandas as pd

from seglib import stats
from seglib.personas import beside, playbook, targeting
from seglib.personas.assortment import Assortment, crossed, gaps, spending
from seglib.personas.called import names, plain
from seglib.personas.grounds import Evidence
from seglib.personas.statistic import adjusted, estimated, smallest
from seglib.wording import amount

DIFFERENCE = "share of spend, as a multiple of "


def _criterion(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return a segment's figure on a criterion of the targeting, as the ranking uses it."""
    table = ev.once(targeting.criteria)
    if column not in table or pd.isna(table.loc[segment, column]):
        return {}
    unit = targeting.units(ev)[column]
    found = {
        "kind": "criterion",
        "statistic": targeting.meaning(ev, column),
        "unit": unit,
        "n": int(table.loc[segment, "n"]),
        "value": float(table.loc[segment, column]),
    }
    if column == "objective":
        name = ev.run.study.objective_figure.column
        found["words"] = {"figure": ev.entries[name]["label"].lower()}
    return found | targeting.interval(ev, segment, column, found["value"])


def _rank(ev: Evidence, segment: int, *_) -> dict:
    """Return a segment's place by the study's weights, and by random ones."""
    rows = ev.once(targeting.ranking).set_index("segment")
    if segment not in rows.index or len(rows) < 2:
        return {}
    row = rows.loc[segment]
    return {"kind": "rank", "value": float(row["rank"]), "low": float(row["best"]),
            "high": float(row["worst"]), "confidence": 0.9,
            "statistic": "rank; between the ends lie the ranks under nine in ten random weightings",
            "n": int(ev.inside(segment).sum()), "inside": amount(row["score"]),
            "outside": amount(row["first"], "share"),
            "words": {"rank": int(row["rank"]), "of": len(rows)}}  # fmt: skip


def _test(ev: Evidence, segment: int, column: str, level: str) -> dict:
    """Return one figure of the test that a segment can carry; `level` is what it measures."""
    plan = playbook.experiment(ev, segment, level)
    if plan.get(column) is None or not math.isfinite(plan[column]):
        return {}
    unit = "count" if column == "n_per_arm" else plan["unit"]
    n, cell = int(ev.inside(segment).sum()), plan["available"]
    if level == "active":
        cell = smallest(cell, round(plan["baseline"] * n), n)
    words = {"target": gain(plan["target"], plan["unit"]), "there": f"{plan['available']:,}",
             "weeks": plan["weeks"], "customer": ev.run.study.customer,
             "metric": "spent a " + ev.run.study.customer if level == "spend" else
             f"of the {ev.run.study.customer}s {'are active' if ev.run.study.usage else 'buy'} "
             "at least once"}  # fmt: skip
    if column == "detectable":
        words["value"] = gain(plan["detectable"], plan["unit"])
    return {"kind": "test", "statistic": TESTED[column].format(metric=plan["metric"]),
            "value": float(plan[column]), "n": n, "cell": cell,
            "inside": plan["available"], "unit": unit, "words": words}  # fmt: skip


TESTED = {
    "baseline": "{metric}: mean before the cut-off date",
    "n_per_arm": "{metric}: customers in each half, 80% power at the 5% level, two-sided",
    "detectable": "{metric}: smallest change found with 80% power at the 5% level, two-sided",
    "break_even": "{metric}: cost divided by margin, in proportion to the weeks",
}


def gain(value: float, unit: str, less: bool = False) -> str:
    """Return a change as text: '+8 points' of a share, '+$31'; of what is unwanted '−8 points'."""
    sign = "−" if less else "+"
    return f"{sign}{100 * value:.0f} points" if unit == "share" else f"{sign}{amount(value, unit)}"


def _group(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return the affinity of a customer segment to a group of products."""
    rows = ev.once(crossed)
    found = rows[(rows["segment"] == segment) & (rows["group"] == column)]
    if found.empty:
        return {}
    return _spread(ev, found.iloc[0], rows, plain(column)) | {
        "statistic": DIFFERENCE + "everyone else's"
    }


def _gap(ev: Evidence, segment: int, column: str, _="") -> dict:
    """Return how much less a segment spends on a product than the segment most like it."""
    rows = ev.once(gaps)
    found = rows[(rows["segment"] == segment) & (rows["product"].astype(str) == column)]
    if found.empty:
        return {}
    row = found.iloc[0]
    like = ev.once(names)[int(row["like"])]
    return _spread(ev, row, range(int(row["compared"])), column) | {
        "statistic": DIFFERENCE + "that of the segment most like it", "like": like,
        "reference": f"no difference from {like}",
    }  # fmt: skip


def _spread(ev: Evidence, row, among, name: str) -> dict:
    called = ev.once(names)
    return {"kind": "ratio", "value": row["index"], "low": row["low"], "high": row["high"],
            **adjusted(row, among), "n": int(row["n"]),
            "cell": int(min(row["buyers"], row["others"])), "inside": row["inside"],
            "outside": row["outside"], "unit": "share", "label": name,
            "words": {"name": called[int(row["segment"])],
                      "like": called[int(row["like"])] if "like" in row else ""}}  # fmt: skip


def _spent(ev: Assortment, segment: int) -> pd.Series | None:
    """Return what each customer spent on a product segment."""
    spent = ev.people.once(spending) if isinstance(ev, Assortment) else None
    return None if spent is None else spent[ev.names[segment]]


def _takings(ev: Assortment, segment: int, *_) -> dict:
    spent = _spent(ev, segment)
    if spent is None or ev.people.spend is None:
        return {}
    found = stats.ratio_of_means(spent, ev.people.spend)
    return {"kind": "share", "statistic": "share of revenue", **estimated(found),
            "n": len(spent), "cell": int((spent > 0).sum())}  # fmt: skip


def _buyers(ev: Assortment, segment: int, *_) -> dict:
    """Return the share of customers who buy any of them; few who do not would be a small cell."""
    spent = _spent(ev, segment)
    if spent is None:
        return {}
    n, count = len(spent), int((spent > 0).sum())
    return {"kind": "share", "statistic": "share of customers", "n": n,
            **estimated(stats.share(count, n)),
            "cell": smallest(count, count, n)}  # fmt: skip


def _own(ev: Assortment, segment: int, column: str, _="") -> dict:
    """Return the own-label share of what a product segment brings, products the sampled units."""
    frame = ev.customers
    if not {column, "spend_per_buyer", "penetration"} <= set(frame):
        return {}
    brings = (frame["spend_per_buyer"] * frame["penetration"])[ev.inside(segment)].fillna(0.0)
    own = brings * frame[column][ev.inside(segment)].fillna(0.0)
    if not own.sum() > 0:
        return {}
    found = stats.ratio_of_means(own, brings)
    return {"kind": "share", "statistic": "own-label share of revenue", **estimated(found),
            "n": len(own)}  # fmt: skip


MEASURES = {
    "criteria": _criterion, "ranks": _rank, "tests": _test, "groups": _group, "gaps": _gap,
    "takings": _takings, "buyers": _buyers, "own": _own, **beside.MEASURES,
}  # fmt: skip
