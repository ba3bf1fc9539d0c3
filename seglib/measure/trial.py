"""The experiments of a study: from the tables to one row a customer, and from results to words."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd

from seglib import collect, features, power, quality, tables
from seglib.files import Run
from seglib.measure import campaign, experiment
from seglib.measure.measure import extent, metrics
from seglib.study import StudyError
from seglib.words import amount, listing

SAID = {
    "works": "works",
    "works too little": "works, but brings less than is worth having",
    "does not": "does not work",
    "harms": "does harm",
    "not enough data": "not enough data",
    "not valid": "no statement, because the experiment is not valid",
}


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
        campaign, start, days, metric, result (`experiment.Result`).
    notes : list of str
        A sentence for each that is refused, or why there is none.
    """
    try:
        campaign.refuse_effect(run.study)
    except StudyError as refusal:
        return [], [f"No effect is estimated: {refusal}."]
    if "arm" not in sent:
        return [], ["No effect is estimated: no member of a segment is in any arm."]
    trials, notes = [], []
    metric = "spend" if "spend" in metrics(run.study) else "orders"
    for name, rows in sent[sent["arm"].notna()].groupby("campaign"):
        if rows["arm"].nunique() < 2:
            continue
        try:
            units, start, days = assigned(run, rows, metric)
            result = experiment.analyse(
                units,
                run.study.tables.campaigns.control,
                planned=run.study.tables.campaigns.planned or None,
                worth=_worth(run, metric, days),
                minimum=run.study.minimum_cell,
            )
        except StudyError as refusal:
            notes.append(f"Campaign {name} is not analysed: {refusal}.")
            continue
        trials.append(
            {"campaign": name, "start": start, "days": days, "metric": metric, "result": result}
        )
    if not trials and not notes:
        notes = ["No effect is estimated: no campaign has two arms."]
    return trials, notes


def assigned(run: Run, rows: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, date, int]:
    """Return an experiment's customers with what they did after and, as long, before it began.

    Returns
    -------
    units : pandas.DataFrame
        segment, arm, outcome, before.
    start : datetime.date
    days : int
        Length of both periods: to the campaign's end, else the holdout; less if the data end.

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
    end = pd.to_datetime(rows["end"]).max() if "end" in rows else pd.NaT
    length = (end.date() - start).days if pd.notna(end) else run.study.holdout or 91
    days = min(length, (first_end[1] - start).days, (start - first_end[0]).days)
    if days < 1:
        raise StudyError(f"it begins on {start}, and the data end on {first_end[1]}")
    clean, _ = quality.inspect(run.study, tables.open_tables(run.study), run.as_of)
    cube = features.cube(clean, run.study)
    known = collect.Facts(run.study, run.as_of, clean, cube, None)
    units = rows.set_index("customer")[["segment", "arm"]]
    period = timedelta(days=days)
    after = collect.activity(known, start, start + period, units.index)
    before = collect.activity(known, start - period, start, units.index)
    return units.assign(outcome=after[metric], before=before[metric]), start, days


def _worth(run: Run, metric: str, days: int) -> float | None:
    """Return the spend that pays for treating a customer; the study's cost is for 13 weeks."""
    money = run.study.economics
    if money is None or metric != "spend" or not money.cost_per_customer:
        return None
    return power.pays_from(money.margin, money.cost_per_customer, days)


def sentences(run: Run, trial: dict, called: dict[int, str]) -> list[str]:
    """Return what an experiment says, for a manager: overall, whether it differs, by segment."""
    result, metric = trial["result"], trial["metric"]
    unit = (run.study.currency or "") if metric == "spend" else ""
    told = list(result.problems)
    if told:
        return [*told, "Therefore no effect is stated."]
    for row in result.overall.dropna(subset="effect").itertuples():
        told.append(
            f"Overall, {row.arm} changed {metric} per {run.study.customer} by "
            f"{_span(row, unit)} in {trial['days']} days from {trial['start']}."
        )
        if pd.notna(row.p_interaction):
            word = "differs" if row.p_interaction < experiment.ALPHA else "does not clearly differ"
            told.append(f"The effect {word} between segments (p = {row.p_interaction:.2g}).")
    return told + [_segment_said(row, called, unit) for row in result.segments.itertuples()]


def _segment_said(row, called: dict[int, str], unit: str) -> str:
    text = f"{called[row.segment]}, {row.arm}: {SAID[row.verdict]}"
    if pd.notna(row.effect):
        text += f", {_span(row, unit)}"
    if row.verdict == "not enough data" and pd.notna(row.needed):
        text += (
            f"; an effect of {amount(row.worth, unit)} would show with about {row.needed:,.0f} in "
            f"each arm, and there are {row.n:,} and {row.n_control:,}"
        )
    return text + "."


def _span(row, unit: str) -> str:
    low, high = amount(row.low, unit), amount(row.high, unit)
    return f"{amount(row.effect, unit)} (95% interval {low} to {high})"


def as_dict(trial: dict) -> dict:
    """Return an experiment for measures.json."""
    result = trial["result"]
    frames = {name: getattr(result, name) for name in ("balance", "overall", "segments")}
    plain = {name: f.astype(object).where(f.notna(), None).to_dict("records")
             for name, f in frames.items()}  # fmt: skip
    about = {key: trial[key] for key in ("campaign", "start", "days", "metric")}
    return about | plain | {"ratio": result.ratio, "problems": result.problems}


def spoken(trial: dict, called: dict[int, str]) -> str:
    """Return what the forest plot of an experiment shows."""
    rows = trial["result"].segments.dropna(subset="effect")
    told = [f"{called[r.segment]} {r.arm} {r.effect:.3g} ({r.low:.3g} to {r.high:.3g})"
            for r in rows.itertuples()]  # fmt: skip
    return f"Effects with 95% intervals: {listing(told) if told else 'none could be estimated'}."
