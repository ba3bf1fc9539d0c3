"""Segments of a table: found, numbered, judged, and assignable as plain numbers or as SQL."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from seglib.clustering import dossier, encode, evidence, fit, membership, near, verdict
from seglib.clustering.model import assign, data, make, numbers
from seglib.clustering.numbering import number
from seglib.clustering.sql import select as to_sql
from seglib.clustering.treatment import alike, worth
from seglib.clustering.usefulness import scores, usefulness
from seglib.study import StudyError

__all__ = ["Segmentation", "assign", "judge", "segment", "to_sql"]

METHODS = ("auto", "kmeans", "gmm", "latent_class", "mixed")
TURNED = " Groups are elongated, so distances undo the correlation of near customers."
SAMPLE = 1200  # rows on which evidence is simulated


@dataclass(frozen=True)
class Segmentation:
    """Segments of the rows of a frame, the rule that makes them, and how far to trust them."""

    members: pd.DataFrame
    model: dict
    verdict: dict
    scores: pd.DataFrame  # of each row, for the outcomes for which a score is recommended

    @property
    def labels(self) -> pd.Series:
        """The segment of each row."""
        return self.members["segment"]


@dataclass(frozen=True)
class Table:
    """A frame, how it is encoded, and the rows on which evidence is taken."""

    frame: pd.DataFrame
    rules: list[dict]
    notes: list[str]
    sample: np.ndarray
    encoded: np.ndarray  # of the sample
    k_max: int


def segment(
    frame: pd.DataFrame,
    *,
    k: int = 0,
    k_max: int = 8,
    method: str = "auto",
    value: pd.Series | None = None,
    outcomes: pd.DataFrame | None = None,
    rfm: list[str] | None = None,
    economics: dict | None = None,
    previous: dict | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Segmentation:
    """Segment the rows of a frame and judge the result.

    Parameters
    ----------
    frame : DataFrame
        One row per customer; numeric, ordered and nominal columns, missing values allowed.
    k, k_max : int
        Number of segments (0: the verdict chooses); most segments considered.
    method : {"auto", "kmeans", "gmm", "latent_class", "mixed"}
        ``auto`` follows the column types.
    value : Series, optional
        Segment 1 has the highest mean of it; without it the largest segment is number 1.
    outcomes : DataFrame, optional
        What happened afterwards, indexed like ``frame``: tests whether segments predict it.
    rfm : list of str, optional
        Columns whose deciles the segments are compared with.
    economics : dict, optional
        ``margin``, ``cost_per_customer``, ``weeks``; ``spend`` and ``before`` replace outcomes.
    previous : dict, optional
        Of an earlier run, as :func:`numbering.number` takes it: numbers stay with their people.
    progress : callable, optional
        Told in a few words what is being done.

    Raises
    ------
    StudyError
        If a column cannot be clustered or an argument makes no sense.
    """
    with threadpool_limits(1):
        table = prepare(frame, k, k_max, seed)
        frame = table.frame
        method, why = choose_method(method, table.rules)
        finding, metric = search(table, seed, progress)
        why += TURNED if metric is not None and method == "kmeans" else ""
        cut = _open(table, k, outcomes, previous)
        rule, kind, useful = _settle(table, method, finding, metric, k, outcomes, rfm, seed, cut)
        rule = number(rule, frame, value, previous)
        members = assign(rule, frame)
        useful = useful and useful | _told_apart(rule, frame, outcomes, members["segment"])
        known = {
            "method": method, "method_reason": why, "kind": kind, "usefulness": useful,
            "k_chosen_by": "analyst" if k else "verdict", "carried": _dated(cut, kind),
            "worth": _worth(members["segment"], outcomes, economics),
        }  # fmt: skip
        found = dossier.write(table, finding, rule, members, known, seed)
        return Segmentation(members, rule, found, _scores(table, outcomes, useful, seed))


def _worth(segments: pd.Series, outcomes, economics: dict | None) -> list[dict] | None:
    if not economics:
        return None
    if "spend" not in economics:
        if outcomes is None or "spend" not in outcomes:
            return None
        economics = {"spend": outcomes["spend"], **economics}
    return worth(segments, **economics)


def judge(frame: pd.DataFrame, *, k_max: int = 8, seed: int = 0) -> verdict.Finding:
    """Judge a frame without fitting its final segments: what segment() finds, and why."""
    with threadpool_limits(1):
        table = prepare(frame, 0, k_max, seed)
        return search(table, seed)[0]


def cut(frame: pd.DataFrame, *, k_max: int = 8, seed: int = 0) -> tuple[dict, verdict.Finding]:
    """Fit the segments found, or else the most stable 3 to 6, without judging them; why, too."""
    with threadpool_limits(1):
        table = prepare(frame, 0, k_max, seed)
        finding, metric = search(table, seed)
        k = finding.k if finding.k > 1 else verdict.best_cut(finding)
        method = choose_method("auto", table.rules)[0]
        rule = make(table.frame, table.rules, method, k, metric=metric, seed=seed)
    return number(rule, table.frame, None, None), finding


def choose_method(method: str, rules: list[dict]) -> tuple[str, str]:
    """Choose the method, and say why."""
    if method not in METHODS:
        raise StudyError(f"The method {method!r} is unknown; use one of {', '.join(METHODS)}.")
    kinds = {r["kind"] for r in rules}
    if method == "kmeans" and "nominal" in kinds:
        method = "mixed"
    if method != "auto":
        return method, f"The analyst asked for {method}."
    if "nominal" not in kinds:
        return "kmeans", "All columns are numbers or ordered levels, so k-means is used."
    if "numeric" in kinds:
        return "mixed", "Numbers and categories are mixed, so k-means on balanced columns is used."
    return "latent_class", "All columns are categories, so latent classes are used."


# --- finding ------------------------------------------------------------------------------------


def prepare(frame: pd.DataFrame, k: int, k_max: int, seed: int) -> Table:
    """Return a frame ready to be segmented: encoded, with the rows that are looked at.

    Raises
    ------
    StudyError
        If its columns cannot form segments, or not so many.
    """
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
    rules, notes = encode.learn(frame)
    sample = np.sort(np.random.default_rng(seed).permutation(len(frame))[:SAMPLE])
    encoded = encode.matrix(rules, frame.iloc[sample])
    first = np.sort(np.unique(encoded, axis=0, return_index=True)[1])
    if len(first) < len(sample) / 2 and _smooth(rules, encoded):
        notes.append(
            f"{len(sample) - len(first)} of {len(sample)} rows looked at are exact copies of "
            "others; the evidence was taken on the different ones."
        )
        sample, encoded = sample[first], encoded[first]
    distinct = len(first)
    if isinstance(k, bool) or int(k) != k or int(k_max) != k_max or k_max < 1:
        raise StudyError(f"k = {k} and k_max = {k_max}: expected whole numbers, k_max 1 or more.")
    if k < 0 or k > min(distinct, len(frame) // 2):
        raise StudyError(
            f"k = {k} segments were asked for, but the table has {len(frame)} rows, {distinct} of "
            "them different; ask for fewer, or 0 to let the verdict choose."
        )
    most = max(k_max, k) if k else k_max
    return Table(
        frame, rules, notes, sample, encoded,
        max(1, min(most, len(sample) // 10, max(distinct // 3, 1))),
    )  # fmt: skip


def _smooth(rules: list[dict], encoded: np.ndarray) -> bool:
    """Say whether all columns are numbers with many values, so that equal rows must be copies."""
    many = all(len(np.unique(column)) > 12 for column in encoded.T)
    return many and all(r["kind"] == "numeric" for r in rules)


def search(table: Table, seed: int, progress=None):
    """Look for groups; return the finding and the metric it was made in (None: plain)."""
    if table.k_max == 1:
        one = evidence.Measures(np.zeros(1), np.ones(1), np.zeros(1))
        return verdict.judge(one, [one, one]), None
    draws = _draws(table, seed)
    plain = _judged(table, draws, np.eye(table.encoded.shape[1]), seed, progress)
    if plain.kind == "natural" or not _turnable(table):
        return plain, None
    metric = near.metric(table.encoded)
    turned = _judged(table, draws, metric, seed, progress)
    return (turned, metric) if turned.kind == "natural" else (plain, None)


def _turnable(table: Table) -> bool:
    rows, columns = table.encoded.shape
    nominal = any(r["kind"] == "nominal" for r in table.rules)
    return not nominal and 1 < columns <= 40 and rows > 10 * columns


def _judged(table: Table, draws, metric: np.ndarray, seed: int, progress) -> verdict.Finding:
    seen, null = evidence.against_reference(
        table.encoded, draws, table.k_max, seed=seed, progress=progress,
        blur=encode.blur(table.encoded), metric=metric,
    )  # fmt: skip
    return verdict.judge(seen, null)


def _draws(table: Table, seed: int) -> Callable[[int], np.ndarray]:
    """Return a function that gives the i-th table without groups, encoded."""
    return encode.simulator(table.rules, table.frame.iloc[table.sample], table.encoded, seed)


def _dated(cut: dict | None, kind: str) -> str | None:
    """Return when the cut that was made again was tested, None if another was found."""
    return cut["as_of"] if cut and kind == "constructive" else None


def _settle(table: Table, method: str, finding, metric, k: int, outcomes, rfm, seed: int, before):
    """Choose the model, its kind and its use.

    Where there are no groups and nobody asked for k, the most stable cut into 3 to 6 is tried on
    the outcomes, and kept if it predicts them; without outcomes, the useful cut of the run before.
    """

    def made(count: int) -> tuple[dict, dict | None]:
        rule = make(table.frame, table.rules, method, count, metric=metric, seed=seed)
        tested = outcomes is not None and count > 1
        return rule, _useful(table, rule, outcomes, rfm, seed) if tested else None

    asked = k or finding.k
    kind = verdict.kind_at(finding, asked)
    rule, useful = made(asked)
    if kind == "none" and not k and outcomes is not None and table.k_max > 1:
        cut, useful = made(verdict.best_cut(finding))
        rule = cut if useful and useful["useful"] else rule
    if kind == "none" and before:
        rule, _ = made(before["k"])
    if kind == "none" and (before or (useful and useful["useful"])):
        kind = "constructive"
    return rule, kind, useful


def _open(table: Table, k: int, outcomes, previous: dict | None) -> dict | None:
    """Return the useful cut of an earlier run, if nothing later is known that could test one."""
    cut = (previous or {}).get("cut")
    return cut if not k and outcomes is None and cut and cut["k"] <= table.k_max else None


def _told_apart(rule: dict, frame: pd.DataFrame, outcomes: pd.DataFrame, segments) -> dict:
    """Outcomes per segment, plain and allowing for doubtful membership, and pairs that end alike.

    For segments with their final numbers.
    """
    known = frame.index.intersection(outcomes.dropna().index)
    chance = fit.probabilities(rule["parameters"], data(rule, frame.loc[known]))
    means = membership.means(chance, outcomes.loc[known], numbers(rule))
    return {"means": means, "alike": alike(segments, outcomes)}


def _useful(table: Table, rule: dict, outcomes, rfm, seed: int) -> dict | None:
    labels = assign(rule, table.frame)["segment"]
    return usefulness(labels, _features(table), outcomes, rfm=rfm, seed=seed)


def _scores(table: Table, outcomes, useful: dict | None, seed: int) -> pd.DataFrame:
    """Return the scores that are recommended, a column each; no column where none is."""
    if useful is None:
        return pd.DataFrame(index=table.frame.index)
    return scores(_features(table), outcomes, useful, seed=seed)


def _features(table: Table) -> pd.DataFrame:
    """Return the encoded columns of all rows."""
    encoded = encode.matrix(table.rules, table.frame)
    owner = encode.owners(table.rules)
    first = np.r_[True, owner[1:] != owner[:-1]]
    names = [
        table.rules[j]["name"] if head else f"{table.rules[j]['name']} ({i})"
        for i, (j, head) in enumerate(zip(owner, first, strict=True))
    ]
    return pd.DataFrame(encoded, index=table.frame.index, columns=names)
