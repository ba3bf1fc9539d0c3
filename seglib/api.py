"""What `import seglib` offers: the segmentation of a table in one call."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd

from seglib import clustering, files
from seglib.study import StudyError

__all__ = ["Result", "StudyError", "Verdict", "segment"]


@dataclass(frozen=True)
class Verdict:
    """How many segments there are, and how far they can be trusted.

    Attributes
    ----------
    kind : str
        `natural` (groups that are in the data), `reproducible` (they come back, but shade into
        each other), `constructive` (a cut that is of use) or `none`.
    k : int
        Number of segments.
    headline : str
        The verdict in a sentence or two.
    reasons : list of str
        The figure behind each word of it.
    evidence : pandas.DataFrame
        A row per number of segments: `stability` (adjusted Rand index of bootstrap samples) beside
        `stability_null`, `dispersion_z` (compactness, in standard deviations of the null model),
        `separation` beside `separation_null`, their p-values against the null model
        (`stability_p`, `dispersion_p`, `separation_p`, each number of segments alone), and more.
    p_value : float
        Of the largest compactness over all numbers of segments.
    null_model : str
        What the evidence is compared with.
    """

    kind: str
    k: int
    headline: str
    reasons: list[str]
    evidence: pd.DataFrame
    p_value: float
    null_model: str


@dataclass(frozen=True)
class Result:
    """The segments of a table.

    Attributes
    ----------
    labels : pandas.Series
        The segment of each row, from 1.
    probabilities : pandas.Series
        Of belonging to the segment assigned.
    runner_up : pandas.Series
        The next likely segment; 0 where there is one only.
    model : dict
        The rule as plain numbers. Written as JSON, `seglib score` applies it.
    verdict : Verdict
    """

    labels: pd.Series
    probabilities: pd.Series
    runner_up: pd.Series
    model: dict
    verdict: Verdict


def segment(
    frame: pd.DataFrame | np.ndarray,
    *,
    k: int = 0,
    k_max: int = 8,
    method: str = "auto",
    value: pd.Series | None = None,
    outcomes: pd.DataFrame | None = None,
    seed: int = 0,
) -> Result:
    """Segment the rows of a table, and say how far the segments can be trusted.

    Parameters
    ----------
    frame : DataFrame or array of shape (customers, columns)
        One row per customer; numbers, ordered and nominal columns mixed, missing values allowed.
        The columns of an array are called x0, x1, …
    k, k_max : int
        Number of segments (0: the verdict chooses); the most that are considered.
    method : {"auto", "kmeans", "gmm", "latent_class", "mixed"}
        `auto` follows the types of the columns.
    value : Series, optional
        Segment 1 has the highest mean of it; without it the largest segment is number 1.
    outcomes : DataFrame, optional
        What happened afterwards, indexed like `frame`: tests whether segments predict it.
    seed : int
        The same seed gives the same segments.

    Returns
    -------
    Result

    Raises
    ------
    StudyError
        With one sentence: what was seen, what was expected, what to do (`seglib.StudyError`).
    """
    found = clustering.segment(
        _table(frame), k=k, k_max=k_max, method=method, value=value, outcomes=outcomes, seed=seed
    )
    judged, members = found.verdict, found.members
    evidence = pd.DataFrame(judged["evidence"]).set_index("k").drop(columns="persists")
    evidence = evidence.dropna(axis="columns", how="all")  # BIC and ICL are of mixtures alone
    return Result(
        members["segment"],
        members["probability"],
        members["runner_up"],
        files.plain(found.model),
        Verdict(
            judged["kind"],
            judged["k"],
            judged["headline"],
            judged["reasons"],
            evidence,
            judged["p_value"],
            f"{judged['null_model']['tables']} {judged['null_model']['model']}",
        ),
    )


def _table(frame: pd.DataFrame | np.ndarray) -> pd.DataFrame:
    """Return a frame whose numbers are numbers, whatever they came as."""
    if not isinstance(frame, pd.DataFrame):
        values = np.asarray(frame)
        if values.ndim != 2:
            raise StudyError(
                f"The table has {values.ndim} dimensions; give one row per customer and one column "
                "per feature."
            )
        frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(values.shape[1])])
    if not frame.columns.has_duplicates:  # which are refused later
        frame = frame.copy(deep=False)
        for name in frame:
            frame[name] = _column(frame[name])
    return frame


def _column(values: pd.Series) -> pd.Series:
    """Return a column of numbers that came as objects as numbers; refuse what can be either."""
    if values.dtype != object and not pd.api.types.is_string_dtype(values.dtype):
        return values
    present = values.dropna()
    number = present.map(lambda v: isinstance(v, Real | Decimal) and not isinstance(v, bool))
    if len(present) and number.all():
        return values.where(values.notna(), np.nan).astype(float)
    if number.any():
        raise StudyError(f"Column {values.name!r} holds numbers and texts; give it one type.")
    if len(present) and pd.to_numeric(present, errors="coerce").notna().all():
        raise StudyError(
            f"Column {values.name!r} holds numbers as text, such as {present.iloc[0]!r}; give it "
            "as numbers, or as a category if they are codes."
        )
    return values
