"""Two runs of a study side by side: the same rule, and features seen over equally long times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd

from seglib.clustering import SegmentModel
from seglib.collection import activity, features
from seglib.files import Run
from seglib.measuring.measure import extent
from seglib.study import StudyError

NEEDED = "model.json", "verdict.json", "customers.parquet", "segments.parquet"


@dataclass(frozen=True)
class Pair:
    """The newest earlier run, this run, and their customers as the earlier rule may see them.

    Attributes
    ----------
    run, last : Run
        This run and the newest earlier one.
    model : dict
        The earlier run's rule.
    then, now : pandas.DataFrame
        One row per customer at the earlier and at this run's date, features from equally long
        histories.
    days : int
        Length of these histories; 0 if the study has no transactions.
    notes : list of str
        What is compared, and what limits it, in sentences.
    """

    run: Run
    last: Run
    model: dict
    then: pd.DataFrame
    now: pd.DataFrame
    days: int
    notes: list[str]

    @property
    def columns(self) -> list[str]:
        """The columns that the earlier rule was made of."""
        return [rule["name"] for rule in self.model["columns"]]

    @property
    def numbers(self) -> list[int]:
        """The numbers of its segments."""
        return SegmentModel.from_dict(self.model).numbers_


def pair(run: Run) -> tuple[Pair | None, str]:
    """Return this run beside the newest earlier one.

    The features of a growing history grow by themselves: who is seen for longer has more orders.
    Then today's are taken again from as many days as the earlier run saw.

    Returns
    -------
    pair : Pair or None
        None without an earlier run, or if the two cannot be compared.
    note : str
        The sentence that says why there is none; empty if there is one.
    """
    last = run.predecessor(*NEEDED)
    if run.study.numbered:
        return None, (
            f"{run.study.customer.capitalize()}s are called by the number of their row, so that "
            "nobody can be followed to another date."
        )
    if last is None:
        return None, f"There is no run of this study before {run.as_of} to compare with."
    model = last.read("model.json")
    then, now = (each.read("customers.parquet") for each in (last, run))
    wanted = [rule["name"] for rule in model["columns"]]
    long, short = history(run), history(last)
    if short > long:
        return None, (
            f"The run of {last.as_of} saw {short} days and this one {long}, because the data now "
            "begin later or the study says so: the two cannot be compared."
        )
    try:
        if long > short or (short and not set(wanted) <= set(now)):
            now = features.customers(seen(run, [run.as_of], short, wanted)[0])[0]
    except StudyError as error:
        return None, f"The customers of today cannot be seen as those of {last.as_of}: {error}."
    if lacking := [name for name in wanted if name not in now]:
        return None, (
            f"The rule of {last.as_of} needs the column {lacking[0]!r}, which the data of "
            f"{run.as_of} do not have: the two cannot be compared."
        )
    return Pair(run, last, model, then, now, short, _notes(run, last, short, long)), ""


def history(run: Run) -> int:
    """Return how many days before its date a run sees; 0 without transactions."""
    if not run.has("extent.json"):
        return 0
    return min((run.as_of - extent(run)[0]).days, run.study.history or 10**6)


def seen(run: Run, days: list[date], length: int, columns: list[str] = ()) -> list[activity.Facts]:
    """Return what the engine holds about customers at some days, from histories of one length.

    Parameters
    ----------
    run
    days
        Cut-off dates.
    length
        Days of history before each; 0 means the study's own.
    columns
        Features that must be there, such as shares of product groups.

    Raises
    ------
    StudyError
        If notebook 01 has not written what customers did.
    """
    asked = run.study.segmentation
    if columns:
        asked = asked.model_copy(update={"features": list(columns)})
    study = run.study.model_copy(update={"history": length or None, "segmentation": asked})
    data = replace(activity.of_run(run), study=study)
    return [data.at(day) for day in days]


def _notes(run: Run, last: Run, short: int, long: int) -> list[str]:
    who, gap = run.study.customer, (run.as_of - last.as_of).days
    if not short:
        return [f"Compared are the {who}s of {last.as_of} and {run.as_of}."]
    notes = [f"Each {who} is seen at both dates over the {short} days before it."]
    if long > short:
        notes.append(
            f"This run saw {long}; whoever is seen for longer has more orders, so its features "
            "were taken again for this comparison."
        )
    if gap < short:
        notes.append(
            f"The two times share {short - gap} days, so part of what changed does not show yet."
        )
    if not _same_season(gap, short):
        notes.append(
            "They cover different seasons of the year, and a season cannot be told from a lasting "
            "change here."
        )
    return notes


def _same_season(gap: int, length: int) -> bool:
    """Whether two times this far apart see the same parts of the year, to within a month."""
    away = timedelta(days=gap % 365).days
    return length >= 365 or min(away, 365 - away) <= 31
