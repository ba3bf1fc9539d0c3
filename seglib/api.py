"""What `import seglib` offers: a table segmented, or anybody's segments judged, in one call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd

from seglib import formats
from seglib.clustering import prediction, validity, verdict
from seglib.clustering.algorithms import fast
from seglib.clustering.encoding import Encoder
from seglib.clustering.null_model import NullModel
from seglib.clustering.segmenter import SegmentModel, check, choose_method
from seglib.clustering.verdict import Verdict
from seglib.study import StudyError

__all__ = ["Result", "StudyError", "Verdict", "judge", "segment"]


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
    scores : pandas.DataFrame
        Of each row, what is recommended beside or instead of segments.
    """

    members: pd.DataFrame = field(repr=False)
    model: dict = field(repr=False)
    verdict: Verdict

    labels = property(lambda self: self.members["segment"])
    probabilities = property(lambda self: self.members["probability"])
    runner_up = property(lambda self: self.members["runner_up"])
    scores = property(lambda self: self.verdict.scores)


def segment(
    frame: pd.DataFrame | np.ndarray,
    *,
    k: int = 0,
    k_max: int = 8,
    method: str = "auto",
    value: pd.Series | None = None,
    outcomes: pd.DataFrame | None = None,
    economics: dict | None = None,
    previous: dict | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
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
    economics : dict, optional
        `margin`, `cost_per_customer` and `weeks`, for what a lift must be to pay.
    previous : dict, optional
        Segments of an earlier run, whose numbers stay with their people (`SegmentModel.number`).
    seed : int
        The same seed gives the same segments.
    progress : callable, optional
        Told in a few words what is being done.

    Returns
    -------
    Result

    Raises
    ------
    StudyError
        With one sentence: what was seen, what was expected, what to do (`seglib.StudyError`).
    """
    X = table(frame)
    with fast():
        encoder = Encoder().fit(X)
        choose_method(method, encoder)
        null, decision = decided(X, encoder, k, k_max, seed, progress)
        model = SegmentModel(encoder, method=decision.method(method), random_state=seed)
        rfm = prediction.rfm(X)
        choice = verdict.choose(decision, model, X, outcomes, k=k, previous=previous, rfm=rfm)
        model.set_params(n_segments=choice.k).fit(X).number(X, value, previous)
        about = {"rfm": rfm, "economics": economics, "progress": progress}
        return _result(model, X, decision, null, choice, outcomes, **about)


def judge(
    frame: pd.DataFrame | np.ndarray,
    labels: pd.Series,
    *,
    k_max: int = 8,
    value: pd.Series | None = None,
    outcomes: pd.DataFrame | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Result:
    """Judge segments that somebody made: are they real, do they come back, do they predict.

    Parameters
    ----------
    frame
        As of :func:`segment`.
    labels : Series or array
        The segment of each row, a number or a name: by the index of the frame, or by position if
        it has none. Rows without one belong to the nearest centre.
    k_max, value, outcomes, seed, progress
        As of :func:`segment`.

    Returns
    -------
    Result
        Segments are numbered; `verdict.segments` has the label of each.
    """
    X = table(frame)
    labels = _by_row(X, labels, "labels")
    if labels.shape[1] != 1:
        raise StudyError(f"The labels have {labels.shape[1]} columns; give the one that counts.")
    labels = labels.iloc[:, 0]
    with fast():
        encoder = Encoder().fit(X)
        model = SegmentModel.from_labels(X, labels, encoder, seed).number(X, value)
        null, decision = decided(X, encoder, model.n_segments, k_max, seed, progress)
        choice = verdict.Choice(model.n_segments, "analyst")
        about = {"rfm": prediction.rfm(X), "progress": progress}
        return _result(model, X, decision, null, choice, outcomes, **about)


def decided(X, encoder, k=0, k_max=8, seed=0, progress=None) -> tuple[NullModel, validity.Decision]:
    """Decide how many segments a table has, before any is made."""
    most = check(X, encoder, k, k_max, seed)
    null = NullModel(random_state=seed).fit(X, encoder)
    return null, validity.search(null, most, progress)


def _result(model, X, *evidence, **about) -> Result:
    judged = verdict.judge(model, X, *evidence, **about)
    return Result(model.predict(X), formats.plain(model.to_dict()), judged)


def _by_row(X: pd.DataFrame, values, what: str) -> pd.DataFrame:
    """Return what is known of the rows of a table: by its index, by position if it has none."""
    values = pd.Series(values) if isinstance(values, dict) else values
    if not isinstance(values, pd.Series | pd.DataFrame):
        array = np.asarray(values, dtype=object)
        if array.ndim not in {1, 2} or len(array) != len(X):
            seen = f"{len(array)} values" if array.ndim else f"A {type(values).__name__}"
            raise StudyError(
                f"{seen} came as {what}: expected one for each of the {len(X)} rows of the table, "
                "or a Series by their index."
            )
        values = pd.DataFrame(array, X.index)
    frame, rows = pd.DataFrame(values), set(X.index)
    if frame.index.equals(pd.RangeIndex(len(X))) and not rows <= set(frame.index):
        return frame.set_axis(X.index)  # numbered, as pandas does by itself
    if frame.index.has_duplicates or not rows & set(frame.index):
        twice = frame.index.has_duplicates
        raise StudyError(
            f"The index of {what}, {frame.index[:3].tolist()} …, "
            f"{'has a row more than once' if twice else 'shares nothing with that of the table'}: "
            f"expected each row once, as in {X.index[:3].tolist()} …"
        )
    return frame.reindex(X.index)


def table(frame: pd.DataFrame | np.ndarray) -> pd.DataFrame:
    """Return a frame whose numbers are numbers, whatever they came as.

    Raises
    ------
    StudyError
        If it is no table of one row a customer.
    """
    if not isinstance(frame, pd.DataFrame):
        values = np.asarray(frame)
        if values.ndim != 2:
            raise StudyError(
                f"The table has {values.ndim} dimensions; give one row per customer and one column "
                "per feature."
            )
        frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(values.shape[1])])
    if len(frame) < 2:
        raise StudyError("The table has fewer than two rows; there is nothing to tell apart.")
    if frame.columns.nlevels > 1:
        raise StudyError("The columns have several levels; give each column one name.")
    if frame.index.has_duplicates:
        twice = frame.index[frame.index.duplicated()][0]
        raise StudyError(
            f"The row {str(twice)!r} appears more than once; give one row per customer."
        )
    frame = frame.rename(columns=str)
    if frame.columns.has_duplicates:
        return frame  # refused by the encoder
    return frame.assign(**{name: _numbers(frame[name]) for name in frame})


def _numbers(values: pd.Series) -> pd.Series:
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
