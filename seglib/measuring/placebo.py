"""Segments formed again by the same rule, at the cut-off date and one period earlier.

The earlier ones are a placebo: when they were formed, nothing had been done to them. Both are
formed from histories of the same length, because segments formed from a shorter history hold more
luck and fall back further. The rule sees each customer's rank among the customers of its date, so
that a shorter history, in which all have fewer orders, moves nobody to another segment.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from seglib import clustering
from seglib.collection import activity, features
from seglib.files import Run
from seglib.measuring.earlier import seen
from seglib.measuring.measure import extent, metrics
from seglib.study import StudyError


def pair(run: Run) -> tuple[tuple[pd.DataFrame, pd.DataFrame] | None, str]:
    """Return the members of the segments formed again, now and one period earlier.

    Each with what they did in the holdout's number of days before and after their date.

    Returns
    -------
    pair : tuple of pandas.DataFrame, or None
        As from `measure.people`, at `as_of` and one holdout earlier; None without the history.
    note : str
        A sentence: what was formed when, or why nothing was.
    """
    if not (run.has("model.json") and run.has("before.parquet")):
        return None, "No placebo segments: the study has no transactions or no model.json."
    period = timedelta(days=run.study.holdout)
    earlier, (first, _) = run.as_of - period, extent(run)
    if first > earlier - period + period / 20:
        return None, (
            f"No placebo segments: they would need data from {earlier - period} on, and the data "
            f"begin on {first}."
        )
    history = min((earlier - first).days, run.study.history or 10**6)
    try:
        known = seen(run, [run.as_of, earlier], history)
        frames = [features.customers(each)[0] for each in known]
    except StudyError as error:
        return None, f"No placebo segments could be formed at {earlier}: {error}."
    model, reference = run.read("model.json"), run.read("customers.parquet")
    segments = [assigned(model, frame, reference) for frame in frames]
    burnt_in = timedelta(days=history) >= 2 * period
    members = [_followed(each, ids, burnt_in) for each, ids in zip(known, segments, strict=True)]
    now = run.read("segments.parquet")["segment"].reindex(segments[0].index)
    return tuple(members), (
        f"The segments were formed again by the same rule from the {history} days before "
        f"{run.as_of}, and as a placebo from the {history} days before {earlier}. "
        f"{(segments[0] == now).mean():.0%} of the {run.study.customer}s known in the first case "
        "are then in the same segment as in this report."
    )


def assigned(model: dict, frame: pd.DataFrame, reference: pd.DataFrame) -> pd.Series:
    """Return the segment of each row by a model's rule, seen as ranks.

    Each number is replaced by the number of the same rank among the reference's customers, on whom
    the model was fitted; for the reference itself nothing changes.

    Parameters
    ----------
    model
        From `SegmentModel.to_dict`.
    frame
        One row per customer; a column that the model needs and the frame lacks counts as missing.
    reference
        The frame on which the model was fitted.
    """
    seen = pd.DataFrame(index=frame.index)
    for name in (rule["name"] for rule in model["columns"]):
        values = frame[name] if name in frame else pd.Series(np.nan, frame.index)
        numeric = pd.api.types.is_numeric_dtype(reference[name])
        seen[name] = _ranked(values, reference[name]) if numeric else values
    return clustering.assign(model, seen)["segment"]


def _ranked(values: pd.Series, reference: pd.Series) -> pd.Series:
    known = values.dropna()
    place = (known.rank() - 0.5) / max(len(known), 1)
    mapped = np.quantile(reference.dropna(), place, method="hazen") if len(known) else []
    return pd.Series(mapped, known.index, dtype=float).reindex(values.index)


def _followed(known: activity.Facts, segments: pd.Series, burnt_in: bool) -> pd.DataFrame:
    """Return the members of segments with what they did before and after a day."""
    period = timedelta(days=known.study.holdout)
    start, end = known.as_of - period, known.as_of + period
    members = segments.to_frame("segment")
    before = activity.between(known, start, known.as_of, members.index)
    after = activity.between(known, known.as_of, end, members.index)
    for metric in ["active", *metrics(known.study)]:
        members[f"{metric}_before"] = before[metric].astype(float)
        members[f"{metric}_after"] = after[metric].astype(float)
    earlier = activity.between(known, date(1, 1, 1), start, members.index)
    return members.assign(newcomer=burnt_in & ~earlier["active"])
