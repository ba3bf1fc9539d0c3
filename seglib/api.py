"""What `import seglib` offers: a table segmented, or anybody's segments judged, in one call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import pandas as pd

from seglib import formats
from seglib.clustering import prediction, validity, verdict
from seglib.clustering.algorithms import fast
from seglib.clustering.encoding import Encoder, named_once, numbers
from seglib.clustering.null_model import NullModel
from seglib.clustering.segmenter import SegmentModel, check, choose_method
from seglib.clustering.verdict import Verdict
from seglib.formats import StudyError

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
        One row per customer; columns of any kind, with gaps; those of an array are x0, x1, …
    k, k_max : int
        Number of segments (0: the verdict chooses); the most that are considered.
    method : {"auto", "kmeans", "gmm", "latent_class", "mixed"}
        `auto` follows the types of the columns.
    value : Series, optional
        Segment 1 has the highest mean of it; without it, the most members.
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
    k, k_max, seed = _whole("k", k or 0), _whole("k_max", k_max, 1), _whole("seed", seed or 0)
    value, outcomes = _figures(X, value, "value"), _figures(X, outcomes, "outcomes")
    _needs("economics", economics, "margin", "cost_per_customer", "weeks")
    _needs("previous", previous, "segments", "used")
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
    k_max, seed = _whole("k_max", k_max, 1), _whole("seed", seed or 0)
    value, outcomes = _figures(X, value, "value"), _figures(X, outcomes, "outcomes")
    labels = _by_row(X, labels, "labels").iloc[:, 0]
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


def _whole(name: str, value, least: int = 0) -> int:
    """Return a whole number, however it was written."""
    number = isinstance(value, Real) and not isinstance(value, bool) and float(value).is_integer()
    if not number or not least <= value < 2**31:
        raise StudyError(f"{name} = {value!r}: expected a whole number, {least} or more.")
    return int(value)


def _needs(name: str, value: dict | None, *keys: str) -> None:
    """Refuse what lacks a key."""
    lacking = [key for key in keys if not isinstance(value, dict) or key not in value]
    if value is not None and lacking:
        raise StudyError(f"{name} lacks {', '.join(lacking)}: expected a dict of {list(keys)}.")


def _by_row(X: pd.DataFrame, values, what: str) -> pd.DataFrame:
    """Return what is known of the rows of a table: by its index, by position if it has none."""
    values = pd.Series(values) if isinstance(values, dict) else values
    frame, bare = pd.DataFrame(values if np.ndim(values) else []), not hasattr(values, "loc")
    there = X.index.to_flat_index().isin(frame.index.to_flat_index())
    counted = bare or not there.all()  # as pandas numbers rows by itself
    counted = counted and frame.index.equals(pd.RangeIndex(len(X)))
    wide, twice = frame.shape[1] > 1 and what != "outcomes", frame.index.has_duplicates
    if wide or twice or not (counted or there.any()) or bare > counted:
        seen = f"{len(frame)} rows {frame.index[:2].tolist()} …"
        raise StudyError(
            f"{'Several columns' if wide else 'A row twice' if twice else seen} came as {what}: "
            f"expected one value a row, by the index of the table or in its order ({len(X)} rows "
            f"{X.index[:2].tolist()} …)."
        )
    return frame.set_axis(X.index) if counted else frame.reindex(X.index)


def _figures(X: pd.DataFrame, values, what: str) -> pd.DataFrame | pd.Series | None:
    """Return numbers of the rows of a table, a yes as 1; None as it is."""
    if values is None:
        return None
    frame = table(_by_row(X, values, what))
    for name in frame.columns[[not pd.api.types.is_numeric_dtype(t) for t in frame.dtypes]]:
        raise StudyError(f"Column {name!r} of {what} is no number; give 1 for yes and 0 for no.")
    frame = frame.astype(float).dropna(how="all")
    return frame if what == "outcomes" else frame.iloc[:, 0]


def table(frame: pd.DataFrame | np.ndarray) -> pd.DataFrame:
    """Return a frame whose numbers are numbers, whatever they came as.

    Raises
    ------
    StudyError
        If it is no table of one row a customer.
    """
    if not isinstance(frame, pd.DataFrame):
        values = np.asanyarray(frame, dtype=object if isinstance(frame, list | tuple) else None)
        if values.ndim != 2:
            raise StudyError(
                f"{type(frame).__name__} of {values.ndim} dimensions is no table; give a "
                "DataFrame, or rows of one length: one per customer, one value per feature."
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
    named_once(frame)
    return pd.DataFrame({name: numbers(frame[name]) for name in frame}, frame.index)
