"""Every fact that claims state, measured from the tables of a run: one function a kind.

A measure takes evidence, segment, column and level, and returns a dict: value, low, high, n, cell
(the smallest count of customers that the numbers reveal), inside and outside (float or text), their
unit, and `words` for the sentence; it is empty where the run cannot tell. What a number is called
stands in `wording/claims.yaml`.
"""

import math
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import binom

from seglib import privacy, stats
from seglib.formats import StudyError, nearest
from seglib.personas.profile import cells, has_level, kind, label, level_label, numbers
from seglib.personas.words import CLAIMS as WORDS
from seglib.personas.words import LEVERS
from seglib.stats import UNKNOWN, Estimate
from seglib.wording import amount, of_level

FEW = 10  # values from which a median has an interval
TINY = 0.005  # medians below this tell nothing, and means are shown instead
CRITERIA, TABLES = LEVERS["criteria"], WORDS["tables"]
OTHERS = {"growth": "growth", "reach": "responses", "objective": "means"}  # compared with everyone
NO_DIFFERENCE = {"superiority": 0.5, "difference": 0.0, "lift": 1.0, "ratio": 1.0}


def measure(
    ev, segment: int, source: str, column: str = "", level: str = "", more: Mapping = {}
) -> dict:
    """Return what is measured of a segment; empty where the run cannot tell.

    `source` is one of `MEASURES`, or of `more`: measures of other modules. As a measure's, with
    kind, statistic (in words), table, label, confidence, and comparisons (that the confidence is
    adjusted for; None if for none). Few whom a cell leaves out stay hidden.
    """
    result = (MEASURES | more)[source](ev, segment, column, level)
    if not result:
        return {}
    base = dict.fromkeys(("comparisons", "inside", "outside", "low", "high"))
    base |= {"confidence": 1 - stats.ALPHA, "unit": "", "words": {}}
    base |= {"label": ev.entries.get(column, {}).get("label", column)} | WORDS["sources"][source]
    result = base | result
    n, cell = int(result["n"]), int(result.get("cell", result["n"]))
    cell = min(cell, n - ev.minimum) if 0 < n - cell < ev.minimum else cell
    return result | {"cell": cell, "statistic": result["statistic"].format_map(result["words"])}


def smallest(cell: int, count: int, n: int) -> int:
    """Return the smallest of a cell, the customers counted and those left; all of n leaves none."""
    return min(cell, count, n - count) if count < n else min(cell, count)


def _ends(estimate) -> dict:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _adjusted(row, among) -> dict:
    value = row["index"] if "index" in row else row["value"]
    ends = {key: row[key] for key in ("low", "high", "confidence")}
    return {"value": value, **ends, "comparisons": len(among)}


def _size(ev, segment: int, *_) -> dict:
    n = int(ev.inside(segment).sum())
    if ev.sizeless(segment):
        return {}
    return {"value": n / len(ev.labels), "n": n, "inside": float(n), "unit": "count"}


def _revenue(ev, segment: int, *_) -> dict:
    if ev.spend is None or ev.sizeless(segment):  # divided by mean spend, it would tell the size
        return {}
    inside = ev.inside(segment)
    return _ends(stats.ratio_of_means(ev.spend * inside, ev.spend)) | {"n": int(inside.sum())}


def _mean(ev, segment: int, column: str, _="") -> dict:
    if column not in ev.customers:
        return {}
    return _ratio(ev, segment, ev.customers[column].fillna(0.0), ev.entries[column]["unit"])


def _contacts(ev, segment: int, *_) -> dict:
    return {} if ev.campaigns is None else _ratio(ev, segment, ev.campaigns["contacts"], "count")


def _growth(ev, segment: int, *_) -> dict:
    if ev.months is None or ev.chosen_for_growth:
        return {}
    return _ratio(ev, segment, ev.months["recent"], "share", ev.months["earlier"])


def _ratio(ev, segment: int, values: pd.Series, unit: str, per: pd.Series | None = None) -> dict:
    """Return a mean, or ratio of sums, over everyone else's; `opposed`: medians point elsewhere."""
    inside = ev.inside(segment)
    if inside.all():
        return {}
    bottom = pd.Series(1.0, values.index) if per is None else per.astype(float)
    sides = [(values[side], bottom[side]) for side in (inside, ~inside)]
    ratio = stats.ratio_of_means(*sides[0], others=sides[1])
    here, there = (a.sum() / b.sum() if b.sum() > 0 else math.nan for a, b in sides)
    (n, others), (middle, of_others) = zip(*((len(a), a.median()) for a, _ in sides), strict=True)
    cell = {"n": n, "cell": min(n, others), "inside": here, "outside": there}
    opposed = per is None and bool((here - there) * (middle - of_others) < 0)
    return _ends(ratio) | cell | {"unit": unit, "opposed": opposed}


# --- columns: numbers and ordered levels ----------------------------------------------------------


def _customers(ev, segment: int, column: str, _="") -> dict:
    """Return the probability of superiority, beside the medians, or the means where these agree.

    Of a column that did not form the segments, as its descriptor has it, corrected for the many.
    """
    formed = column in ev.formed
    row = None if formed else _row_of(ev.descriptors, segment, name=column, level="")
    if (row is None and not formed) or kind(ev.customers[column]) == "nominal":
        return {}
    values, unit, inside = ev.customers[column], ev.entries[column]["unit"], ev.inside(segment)
    x = numbers(values)
    a, b = x[inside].dropna(), x[~inside].dropna()
    if not len(a) or not len(b):
        return {}
    middle, average = (a.median(), b.median()), False
    if kind(values) == "ordered":
        middle, unit = [of_level(v, list(values.cat.categories)) for v in middle], "level"
    elif amount(middle[0], unit) == amount(middle[1], unit) or max(map(abs, middle)) < TINY:
        middle, average = (a.mean(), b.mean()), True
    result = {"n": len(a), "cell": min(len(a), len(b)), "unit": unit, "average": average}
    result |= {"inside": middle[0], "outside": middle[1]}
    return result | (_ends(stats.superiority(a, b)) if formed else _adjusted(row, ev.descriptors))


def _median(ev, segment: int, column: str, _="") -> dict:
    if column not in ev.customers or kind(ev.customers[column]) != "numeric":
        return {}
    x = np.sort(ev.customers.loc[ev.inside(segment), column].dropna().to_numpy())
    if len(x) < FEW:
        return {}
    low = int(binom.ppf(stats.ALPHA / 2, len(x), 0.5))
    ends = {"low": x[max(low - 1, 0)], "high": x[min(len(x) - low, len(x) - 1)]}
    return ends | {"value": float(np.median(x)), "n": len(x), "unit": ev.entries[column]["unit"]}


# --- shares of two by two -------------------------------------------------------------------------


def _two_by_two(ev, yes: pd.Series, segment: int, estimate) -> dict:
    """Return a comparison of shares by a function of the four counts; empty if it has no value.

    Nor is there one where, with those of the other segments, it would tell a count of few.
    """
    a, n, b, others = counts = cells(yes, ev.inside(segment))
    if not n or not others or math.isnan((result := estimate(*counts)).value):
        return {}
    if subtracted(ev, yes, segment):
        return {}
    cell = min(smallest(a, a, n), smallest(b, b, others))
    shares = {"inside": a / n, "outside": b / others, "unit": "share"}
    return {**_ends(result), "n": n, "cell": cell, **shares}


def subtracted(ev, yes: pd.Series, segment: int) -> bool:
    """Return whether a segment's count must be hidden, so that no other's follows from it."""
    known = yes.notna().to_numpy()
    by = yes[known].eq(1).groupby(ev.labels.to_numpy()[known])
    counts = pd.DataFrame({"yes": by.sum(), "no": by.size() - by.sum()})
    several = counts.mask(counts == 0, ev.minimum)  # that nobody did may be told
    hidden = several.apply(lambda column: privacy.shown(column, ev.minimum).isna())
    return segment in hidden.index and bool(hidden.loc[segment].any())


def _levels(ev, segment: int, column: str, level: str) -> dict:
    """Return how common a level is: a difference if it formed the segments, else a lift."""
    if column not in ev.customers:
        return {}
    values, formed = ev.customers[column], column in ev.formed
    result = _two_by_two(ev, has_level(values, level), segment, stats.difference)
    row = None if formed else _row_of(ev.descriptors, segment, name=column, level=level)
    if not result or (row is None and not formed):
        return {}
    kind = {"kind": "difference", "statistic": "difference of shares"}
    name, plain = level_label(ev.entries[column], level, values), ev.entries[column]["label"]
    name = {"label": f"“{level}” ({label(plain)})" if name == f"{plain}: {level}" else name}
    return result | name | (kind if formed else _adjusted(row, ev.descriptors))


def _outcome(ev, segment: int, column: str, level: str) -> dict:
    """Return how much more often an outcome came true, called by its label in the study."""
    outcome = ev.run.study.outcomes.get(column)
    result = _levels(ev, segment, column, level) if outcome else {}
    return result and result | {"words": {"outcome": outcome.label}}


def _responses(ev, segment: int, *_) -> dict:
    if ev.campaigns is None or "responded" not in ev.campaigns:
        return {}
    return _two_by_two(ev, answered(ev), segment, stats.lift)


def answered(ev) -> pd.Series:
    """Return 1 for whoever answered a campaign, 0 for whom none moved, NaN for the others."""
    yes = ev.campaigns["responded"].eq(True).astype(float)
    return yes.where(ev.campaigns["contacts"] > 0)


# --- what they buy, and what is sold --------------------------------------------------------------


def _product(ev, segment: int, column: str, _="") -> dict:
    """Return the affinity to a product, but where it would tell how few do not buy it."""
    row = _row_of(ev.products, segment, product=column)
    if row is None or privacy.tells(row["buyers"], int(row["n"]), ev.minimum):
        return {}
    result = _spread(ev, row, ev.products, column)
    buyers = amount(row["buyers"] / row["n"], "share")
    return result | {"words": result["words"] | {"buyers": buyers}}


def _group(ev, segment: int, column: str, _="") -> dict:
    row = _row_of(ev.crossed, segment, group=column)
    plain = re.sub(r"^\d+[.:]? (?=\D)", "", column)  # without the number of a product segment
    return {} if row is None else _spread(ev, row, ev.crossed, plain[0].lower() + plain[1:])


def _row_of(rows: pd.DataFrame, segment: int, **keys):
    own = rows[rows["segment"] == segment]
    for key, value in keys.items():
        own = own[own[key].astype(str) == value]
    return own.iloc[0] if len(own) else None


def _spread(ev, row, among, name: str) -> dict:
    cell = int(min(row["buyers"], row["others"]))
    shares = {"inside": row["inside"], "outside": row["outside"], "unit": "share"}
    words = {"label": name, "words": {"name": ev.names[int(row["segment"])]}}
    return _adjusted(row, among) | {"n": int(row["n"]), "cell": cell} | shares | words


def _takings(ev, segment: int, *_) -> dict:
    if ev.people.spending is None or ev.people.spend is None:
        return {}
    spent = ev.people.spending[ev.names[segment]]
    part = stats.ratio_of_means(spent, ev.people.spend)
    return _ends(part) | {"n": len(spent), "cell": int((spent > 0).sum())}


def _buyers(ev, segment: int, *_) -> dict:
    """Return the share of customers who buy any of them; few who do not would be a small cell."""
    if ev.people.spending is None:
        return {}
    spent = ev.people.spending[ev.names[segment]]
    n, count = len(spent), int((spent > 0).sum())
    return _ends(stats.share(count, n)) | {"n": n, "cell": smallest(count, count, n)}


# --- criteria of targeting ------------------------------------------------------------------------


def criteria(ev) -> pd.DataFrame:
    """Return the segments on every criterion the run can compute.

    Indexed by segment: n, the criteria, and `contacts` (campaigns per customer) if known. What
    rests on too few is missing, and so is a size that would give away a smaller one. Growth, reach
    and the objective's figure that chance could explain (their interval includes no difference
    from everyone else) are everyone's.
    """
    values = {s: {k: v.value for k, v in own.items()} for s, own in ev.once(_figures).items()}
    scores = pd.DataFrame.from_dict(values, orient="index", dtype=float).rename_axis("segment")
    scores["n"] = ev.labels.value_counts()
    stable = {row["segment"]: row.get("jaccard") for row in ev.verdict.get("segments", [])}
    if any(value is not None for value in stable.values()):
        scores["stability"] = pd.Series(stable, dtype=float).reindex(scores.index)
    scores.loc[~scores.index.isin(ev.sized), "size"] = np.nan
    scores.loc[scores["n"] < ev.minimum] = np.nan
    return scores[[c for c in ("n", *CRITERIA, "contacts") if c in scores]].astype(float)


def _figures(ev) -> dict[int, dict[str, Estimate]]:
    """Return the criteria of each segment; where everyone's stands for one it has no interval."""
    objective = ev.run.study.objective_figure
    numeric = [c for c in ev.customers if kind(ev.customers[c]) == "numeric"]
    if objective and objective.column not in numeric:
        hint = nearest(objective.column, numeric)
        raise StudyError(f"objective_figure.column: found {objective.column!r}{hint}")
    everyone, result = _criteria_of(ev, np.ones(len(ev.labels), dtype=bool)), {}
    for segment in ev.segments:
        own = _criteria_of(ev, ev.inside(segment))
        for name in OTHERS.keys() & own.keys():
            column = objective.column if name == "objective" else ""
            against = measure(ev, segment, OTHERS[name], column)
            if not against or against["low"] <= 1 <= against["high"]:
                own[name] = UNKNOWN._replace(value=everyone[name].value)
        if "reach" in own:
            few = _answers(ev, ev.inside(segment))[0] < ev.minimum
            own |= {"reach": UNKNOWN} if few or subtracted(ev, answered(ev), segment) else {}
        result[segment] = own
    return result


def _criteria_of(ev, inside: np.ndarray) -> dict[str, Estimate]:
    objective, campaigns = ev.run.study.objective_figure, ev.campaigns
    result = {"size": stats.share(int(inside.sum()), len(inside))}
    if ev.spend is not None:
        result["value"] = stats.mean(ev.spend[inside])
    if objective:
        result["objective"] = stats.mean(ev.customers.loc[inside, objective.column])
    if campaigns is not None:
        result["contacts"] = stats.mean(campaigns.loc[inside, "contacts"])
        result |= {"reach": stats.share(*_answers(ev, inside))} if "responded" in campaigns else {}
    if ev.months is not None and not ev.chosen_for_growth and ev.months["earlier"].sum() > 0:
        recent, earlier = (ev.months.loc[inside, c] for c in ("recent", "earlier"))
        value = recent.sum() / earlier.sum() if earlier.sum() > 0 else np.nan
        result["growth"] = stats.ratio_of_means(recent, earlier)._replace(value=value)
    return result


def _answers(ev, inside: np.ndarray) -> tuple[int, int]:
    sent = answered(ev)[inside].dropna()
    return int(sent.sum()), len(sent)


def units(ev) -> dict[str, str]:
    """Return the unit of each criterion, and of the attention received."""
    objective = ev.run.study.objective_figure
    own = ev.entries.get(objective.column, {}).get("unit", "") if objective else ""
    unit = dict.fromkeys(("size", "growth", "reach"), "share") | {"objective": own}
    money = ev.run.study.currency or "money"
    return unit | {"value": money, "stability": "index", "contacts": "count"}


def meaning(ev, name: str) -> str:
    """Return what a criterion measures, in words."""
    if name == "contacts":
        return "campaigns a customer, mean"
    if name != "objective":
        return CRITERIA[name]
    objective = ev.run.study.objective_figure
    figure = ev.entries[objective.column]["label"].lower()
    return f"{figure}, mean; {objective.prefer} fits the objective better, as study.yaml says"


def _criterion(ev, segment: int, column: str, _="") -> dict:
    """Return a segment's figure on a criterion of the targeting, as the ranking uses it."""
    scores, inside = ev.once(criteria), ev.inside(segment)
    if column not in scores or pd.isna(scores.loc[segment, column]):
        return {}
    value, n, cell = float(scores.loc[segment, column]), int(inside.sum()), {}
    if column == "reach":
        yes, n = _answers(ev, inside)
        cell = {"cell": smallest(yes, yes, n)}
    own = ev.once(_figures)[segment].get(column, UNKNOWN)  # of everyone's there are no ends
    ends = {"low": own.low, "high": own.high} if np.isfinite(own.low) else {}
    words = {"meaning": meaning(ev, column)}
    if column == "objective":
        words["figure"] = ev.entries[ev.run.study.objective_figure.column]["label"].lower()
    about = {"table": TABLES.get(column, "campaigns.parquet"), "unit": units(ev)[column]}
    return ends | {"value": value, "n": n, "words": words} | cell | about


MEASURES = {
    "sizes": _size,
    "revenue": _revenue,
    "means": _mean,
    "customers": _customers,
    "levels": _levels,
    "losses": _outcome,
    "gains": _outcome,
    "products": _product,
    "growth": _growth,
    "contacts": _contacts,
    "responses": _responses,
    "pairs": _customers,
    "medians": _median,
    "groups": _group,
    "takings": _takings,
    "criteria": _criterion,
    "buyers": _buyers,
}
