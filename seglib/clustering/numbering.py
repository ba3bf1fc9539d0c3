"""The number of a segment: by value at first, then kept for as long as its people stay together.

A number means the same people from run to run, so a name given to it stays theirs. A segment of
this run takes the number of a segment of an earlier run if most of the customers of one of the two,
among those known in both runs, are in both, and more than chance would bring together; of all ways
to hand out the numbers, the one under which most customers keep theirs is taken. Any other segment
gets a number that no run of the study has used.
"""

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.stats import hypergeom

from seglib import wording
from seglib.clustering import fit
from seglib.clustering.model import assign

MOST = 0.5  # of the customers of one of the two segments
CHANCE = 0.01  # probability from which as many in common could be chance


def number(model: dict, frame: pd.DataFrame, value, previous: dict | None = None) -> dict:
    """Put segments in order and give each its number.

    Parameters
    ----------
    model : dict
    frame : DataFrame
    value : Series, optional
        The highest mean of it comes first; without it the largest segment.
    previous : dict, optional
        Of an earlier run: `segments`, the number of each of its customers; `used`, the highest
        number that any run has used; what else it holds, such as the run's date, is kept, but for
        `cut`, which :func:`segmentation.segment` reads.

    Returns
    -------
    dict
        The model, with `numbers`, in the order of its parameters, and `first`, whether the most
        `valuable` or the `largest` came first; and, if there is an earlier run,
        `numbered`: `shared`, how many customers are known in both; `kept`, how many of the earlier
        segment's and of this one's are in both; `new` and `gone`, numbers.
    """
    members = assign({**model, "numbers": None}, frame)["segment"].to_numpy() - 1
    order = _order(members, model["k"], frame, value)
    place = {old: new for new, old in enumerate(order)}
    ranked = pd.Series(members, frame.index).map(place)
    numbers, numbered = list(range(1, model["k"] + 1)), None
    if previous is not None and model["k"] > 1:
        numbers, numbered = _kept(ranked, model["k"], previous)
        order = [order[i] for i in np.argsort(numbers)]
    parameters = fit.reorder(model["parameters"], order)
    first = "largest" if value is None else "valuable"
    named = {**model, "numbers": sorted(numbers), "parameters": parameters, "first": first}
    return named | ({"numbered": numbered} if numbered else {})


def _order(members: np.ndarray, k: int, frame: pd.DataFrame, value) -> list[int]:
    """Return the segments by mean value, or by size, the highest first."""
    size = np.bincount(members, minlength=k).astype(float)
    rank = size
    if value is not None:
        worth = value.reindex(frame.index).fillna(0).to_numpy(dtype=float)
        rank = np.bincount(members, worth, minlength=k) / np.maximum(size, 1)
    return [int(i) for i in np.argsort(-rank, kind="stable")]


def _kept(ranked: pd.Series, k: int, previous: dict) -> tuple[list[int], dict]:
    """Return the number of each segment in its order, and where the numbers come from."""
    before = previous["segments"]
    both = ranked.index.intersection(before.index)
    old = sorted(int(s) for s in before.unique())
    common = pd.crosstab(before[both].to_numpy(), ranked[both].to_numpy())
    common = common.reindex(index=old, columns=range(k), fill_value=0).to_numpy()
    same = np.where(_alike(common), common, 0)
    pairs = [(i, j) for i, j in zip(*linear_sum_assignment(-same), strict=True) if same[i, j]]
    taken = {int(j): old[i] for i, j in pairs}
    new = iter(range(previous["used"] + 1, previous["used"] + 1 + k))
    numbers = [taken[j] if j in taken else next(new) for j in range(k)]
    kept = [
        {"segment": old[i], "both": int(common[i, j]), "before": int(common[i].sum()),
         "now": int(common[:, j].sum())}
        for i, j in pairs
    ]  # fmt: skip
    about = {
        name: what for name, what in previous.items() if name not in {"segments", "used", "cut"}
    }
    return numbers, about | {
        "shared": len(both), "kept": kept,
        "new": sorted(set(numbers) - set(old)), "gone": sorted(set(old) - set(numbers)),
    }  # fmt: skip


def _alike(common: np.ndarray) -> np.ndarray:
    """Say which earlier and later segments, by their common customers, are the same people's."""
    before, now = common.sum(axis=1)[:, None], common.sum(axis=0)[None, :]
    most = common >= MOST * np.maximum(np.minimum(before, now), 1)
    return most & (hypergeom.sf(common - 1, common.sum(), before, now) < CHANCE)


def sentence(model: dict, day: str) -> str:
    """Say where the numbers of the segments of a run come from, empty if there is one segment.

    Parameters
    ----------
    model : dict
    day : str
        The date of the run, YYYY-MM-DD.
    """
    about = model.get("numbered")
    if not about:
        first = "the most valuable" if model["first"] == "valuable" else "the largest"
        return "" if model["k"] == 1 else f"Numbered afresh, {first} first."
    reference = wording.day(about["as_of"])
    text = f"Numbers follow {reference}"
    if about["as_of"] > day:
        text = f"This date was added afterwards; its numbers follow {reference}"
    if about["as_of"] == day:
        text = "Numbers follow the last run of this date"
    same = sum(row["both"] for row in about["kept"])
    kept = wording.share(same / about["shared"]) if about["shared"] else "none"
    text += f": {kept} of those known in both kept theirs."
    if about["new"]:
        text += f" New: {_listed(about['new'])}."
    return text + (f" Without a match: {_listed(about['gone'])}." if about["gone"] else "")


def _listed(numbers: list[int]) -> str:
    return wording.listing([f"segment {n}" for n in numbers])
