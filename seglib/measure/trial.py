"""The experiments of a study: from its tables to one row a customer, and what they show."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd

from seglib import features, power, quality, records, tables
from seglib.files import Run
from seglib.measure import campaign, experiment
from seglib.measure.measure import extent, metrics
from seglib.study import StudyError


def read(run: Run, sent: pd.DataFrame) -> tuple[list[dict[str, Any]], list[str]]:
    """Analyse every campaign of a study whose arms were assigned at random.

    Parameters
    ----------
    run
    sent
        From `campaign.sent`.

    Returns
    -------
    trials : list of dict
        campaign, start, days, short (a sentence if fewer days than planned are judged, else
        empty), metric, result (`experiment.Result`).
    notes : list of str
        A sentence for each that is refused, or why there is none.
    """
    try:
        campaign.refuse_effect(run.study)
    except StudyError as refusal:
        return [], [f"No effect is estimated: {refusal}."]
    if not (metrics(run.study) and run.has("monthly.parquet")):
        return [], ["No effect is estimated: the study has no transactions to measure it in."]
    if "arm" not in sent:
        return [], ["No effect is estimated: no member of a segment is in any arm."]
    trials, notes = [], []
    metric = "spend" if "spend" in metrics(run.study) else "orders"
    for name, rows in sent[sent["arm"].notna()].groupby("campaign"):
        if rows["arm"].nunique() < 2:
            continue
        try:
            units, period = assigned(run, rows, metric)
            result = experiment.analyse(
                units,
                run.study.tables.campaigns.control,
                planned=run.study.tables.campaigns.planned or None,
                worth=_worth(run, metric, period["days"]),
                minimum=run.study.minimum_cell,
            )
        except StudyError as refusal:
            notes.append(f"Campaign {name} is not analysed: {refusal}.")
            continue
        trials.append({"campaign": name, **period, "metric": metric, "result": result})
    if not trials and not notes:
        notes = ["No effect is estimated: no campaign has two arms."]
    return trials, notes


def assigned(run: Run, rows: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return an experiment's customers with what they did after and, as long, before it began.

    Returns
    -------
    units : pandas.DataFrame
        segment, arm, outcome, before.
    period : dict
        start; days, the length of both periods: to the campaign's last day, for a mailing of one
        day or without an end the holdout, less if the data end or begin; short, which says so.

    Raises
    ------
    StudyError
        If customers were assigned before the segments were formed, on several days, or too late.
    """
    starts = pd.to_datetime(rows["start"]).dt.date
    start, first_end = starts.min(), extent(run)
    if start < run.as_of:
        raise StudyError(
            f"its customers were assigned on {start}, before the segments were formed at "
            f"{run.as_of}, so the segments may be a result of the treatment; run the study with "
            f"as_of {start} or earlier"
        )
    if starts.nunique() > 1:
        raise StudyError(
            f"it begins on {starts.nunique()} different days, the first {start}: expected one; "
            "give each wave a campaign of its own"
        )
    days, short = _length(run, start, rows, first_end)
    clean, _ = quality.inspect(run.study, tables.open_tables(run.study), run.as_of)
    cube = features.cube(clean, run.study)
    known = records.Facts(run.study, run.as_of, clean, cube, None)
    units = rows.set_index("customer")[["segment", "arm"]]
    period = timedelta(days=days)
    after = records.activity(known, start, start + period, units.index)
    before = records.activity(known, start - period, start, units.index)
    return units.assign(outcome=after[metric], before=before[metric]), {
        "start": start, "days": days, "short": short,
    }  # fmt: skip


def _length(run: Run, start: date, rows: pd.DataFrame, covered: tuple) -> tuple[int, str]:
    """Return how many days are judged, and a sentence if these are fewer than were planned."""
    end = pd.to_datetime(rows["end"]).max() if "end" in rows else pd.NaT
    if pd.notna(end) and end.date() < start:
        raise StudyError(f"it ends on {end.date()}, before it begins on {start}: correct its dates")
    lasts = (end.date() - start).days + 1 if pd.notna(end) else 1
    planned = lasts if lasts > 1 else run.study.holdout or 91
    later, earlier = (covered[1] - start).days, (start - covered[0]).days
    last = covered[1] - timedelta(days=1)
    if later < 1:
        raise StudyError(f"it begins on {start}, and the data end before, on {last}")
    if earlier < 1:
        raise StudyError(f"it begins on {start}, and the data begin no earlier: nothing is before")
    days = min(planned, later, earlier)
    if days == planned:
        return days, ""
    why = f"the data end on {last}" if later == days else f"the data begin only on {covered[0]}"
    still = "It was still open when the data end; " if later < lasts and lasts > 1 else ""
    what = f"only the first {days} of {planned} days are judged, because {why}."
    return days, still + what if still else what.capitalize()


def _worth(run: Run, metric: str, days: int) -> float | None:
    """Return the spend that pays for treating a customer; the study's cost is for 13 weeks."""
    money = run.study.economics
    if money is None or metric != "spend" or not money.cost_per_customer:
        return None
    return power.pays_from(money.margin, money.cost_per_customer, days)


def as_dict(trial: dict) -> dict:
    """Return an experiment for measures.json."""
    result = trial["result"]
    frames = {name: getattr(result, name) for name in ("balance", "overall", "segments")}
    plain = {name: f.astype(object).where(f.notna(), None).to_dict("records")
             for name, f in frames.items()}  # fmt: skip
    about = {key: trial.get(key) for key in ("campaign", "start", "days", "short", "metric")}
    return about | plain | {"ratio": result.ratio, "problems": result.problems}
