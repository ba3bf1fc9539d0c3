"""Measured figures as a reader meets them: tables of text, and pictures told in words."""

from __future__ import annotations

import pandas as pd

from seglib import privacy
from seglib.files import Run
from seglib.measuring.findings import bracketed, many, names, rate, signed
from seglib.measuring.measure import METRICS
from seglib.wording import amount, listing

TRIAL = (
    "p-value: corrected for all outcomes, segments and arms; of all together, for outcomes and "
    "arms. Pulled together: the effect moved towards the mean by as much as chance explains; plan "
    "with it. Smallest detectable: found in four of five experiments at the level of the verdict."
)
ALIKE = (
    "Where circle and diamond agree, the segment did what such segments do by themselves. A hollow "
    "diamond does not compare, because that placebo segment stood at another level. A season that "
    "moves one segment and not the others passes for a change."
)
ONCE = ("retained", "reactivated")  # asked only of the period after


def tabulated(run: Run, rows: pd.DataFrame, chosen: list[str], by: str = "period") -> pd.DataFrame:
    """Return figures with their intervals as text: a row a segment, a column a metric and period.

    Parameters
    ----------
    run
    rows
        From `measure.periods` or a function of `campaign`.
    chosen
        Metrics, in the order of the columns; those without rows get none.
    by
        In what the columns of one metric differ: period (before comes first), or type.
    """
    called, columns = names(run), {}
    for metric in chosen:
        of = rows[rows["metric"] == metric]
        for value in sorted(of[by].unique(), reverse=by == "period"):
            title = label(run, metric) if by == "period" else str(value)
            title += f", {value}" if by == "period" and metric not in ONCE else ""
            part = of[of[by] == value]
            columns[title] = {called[row.segment]: _cell(run, row) for row in part.itertuples()}
    order = [name for name in called.values() if any(name in texts for texts in columns.values())]
    return pd.DataFrame(columns, index=pd.Index(order, name="segment"))


def note(run: Run) -> str:
    """Return what stands below tables in which figures are not shown."""
    return (
        f"Not shown: figures of fewer than {run.study.minimum_cell} {run.study.customer}s, or of "
        "all but so few, and others from which such a number could be worked out."
    )


def label(run: Run, metric: str) -> str:
    """Return what a reader sees of a metric, customers called as in the study."""
    text = METRICS[metric][0].replace("Orders", run.study.words["orders"].capitalize())
    return text.replace("customer", run.study.customer)


def _cell(run: Run, row) -> str:
    if row.suppressed:
        return privacy.NOT_SHOWN
    if pd.isna(row.value):
        return "–"
    low, high = _written(run, row.metric, row.low), _written(run, row.metric, row.high)
    value = _written(run, row.metric, row.value)
    return value if row.low == row.high else f"{value} ({low} to {high})"


def _written(run: Run, metric: str, value: float) -> str:
    unit = METRICS[metric][1]
    if unit == "share":
        return rate(value)
    return amount(value, (run.study.currency or "") if unit == "money" else "")


def spoken(run: Run, rows: pd.DataFrame) -> str:
    """Return what a picture of one metric shows, segment by segment, from first to last period."""
    called, told = names(run), []
    for segment, of in rows[rows["value"].notna()].groupby("segment"):
        order = of.sort_values("period", key=lambda p: p.replace({"before": "0", "after": "1"}))
        ends = order.iloc[[0, -1]] if len(order) > 1 else order
        said = (f"{_written(run, r.metric, r.value)} {r.period}" for r in ends.itertuples())
        told.append(f"{called[segment]}: {', '.join(said)}")
    shown = "; ".join(told) or "every segment has too few customers"
    return f"{label(run, rows['metric'].iloc[0])}. {shown}."


def placebo_spoken(run: Run, rows: pd.DataFrame) -> str:
    """Return what the picture of gaps beside placebo gaps shows."""
    called, told = names(run), []
    for row in rows[rows["again_gap"].notna()].itertuples():
        told.append(
            f"{called[row.segment]}: {signed(row.again_gap)} against all others, its placebo "
            f"{signed(row.placebo_gap)}"
        )
    return "; ".join(told) + "." if told else "No segment could be compared with a placebo."


def comparison(run: Run, changes: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return how the growth of one metric differs from all others', as a table of text."""
    called = names(run)
    parts = {"formed again": "again_gap", "placebo": "placebo_gap", "between the two": "excess"}
    rows = changes[(changes["metric"] == metric) & (changes["segment"] > 0)]
    if rows["again_gap"].isna().all():
        parts = {"against all others": "gap"}
    cells = {
        title: [_with_span(row, part) for _, row in rows.iterrows()]
        for title, part in parts.items()
        if rows[part].notna().any()
    }
    cells["p-value, corrected"] = [_p_value(row) for _, row in rows.iterrows()]
    return pd.DataFrame(cells, index=pd.Index(rows["segment"].map(called), name="segment"))


def _with_span(row: pd.Series, part: str) -> str:
    if pd.isna(row[part]):
        return "–"
    return signed(row[part]) + bracketed(row, part, signed)


def _p_value(row: pd.Series) -> str:
    if pd.isna(row["p_adjusted"]):
        return "–"
    return "below 0.001" if row["p_adjusted"] < 0.001 else f"{row['p_adjusted']:.3f}"


def campaigns_absent(run: Run) -> str:
    """Return why nothing is said of whom campaigns reached, empty if something is."""
    spec = run.study.tables.campaigns
    if spec is None:
        return (
            "The study has no table of campaigns: nothing is said of whom they reached, or who "
            "responded."
        )
    if spec.randomised:
        return (
            f"The {run.study.customer}s whom campaigns reached were drawn at random, so whom they "
            "reached says nothing; what the campaigns brought is shown as an experiment."
        )
    return ""


def campaigns_spoken(run: Run, each: pd.DataFrame) -> str:
    """Return which campaigns are described, and which are not because they were still open."""
    if each.empty:
        return "This study has no campaigns to describe."
    known = each[each["period"] != "other"].drop_duplicates("campaign")
    counted = {p: int((known["whole"] & (known["period"] == p)).sum()) for p in ("before", "after")}
    text = (
        f"{many(counted['before'], 'campaign')} began in the {run.study.holdout} days before "
        f"{run.as_of} and {counted['after']} in those after, with all responses in the data."
    )
    still = [str(c) for c in known.loc[~known["whole"], "campaign"]]
    if still:
        text += (
            f" Campaigns still open when the data end are not counted, as their responses are not "
            f"all in: {listing(still)}."
        )
    return text
