"""How many segments, how stable and how real: evidence against a null model, and the rule.

Three measures, each taken on the data and on tables drawn by :mod:`seglib.clustering.null_model`:

dispersion  log of the within-segment sum of squares (Tibshirani, Walther & Hastie 2001, with a
            null model that keeps margins and correlations instead of a uniform box)
stability   mean adjusted Rand index of pairs of bootstrap samples (Dolnicar & Leisch 2010)
separation  for two segments, how far the density falls between their centres: the log of the
            lower peak over the lowest point between; the least over all pairs counts. Where groups
            stand apart, it is theirs at their number, along the direction that parts them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from seglib.clustering import mixture
from seglib.clustering.algorithms import beyond, cluster, fast, nearest, rand_index
from seglib.clustering.density import blurring, valley
from seglib.clustering.encoding import every_nth
from seglib.clustering.null_model import NullModel

COMPACT = 3.0  # null standard deviations
AGREE = 0.75  # of given labels with refits, of segments made otherwise with groups, for natural
DEEPER = 0.05  # by how much a valley (log ratio) must exceed the deepest in the null model
SHALLOW = 0.69  # a shallower valley is none: the density falls by less than half
AXES = 3  # main axes that may bend
BEND = 0.1  # share of one that a curve explains at least beyond what it does in the null model
AGREE_SOME = 0.6  # adjusted Rand index, for reproducible
TABLES, FIRST, HOPELESS = 24, 10, 2.0  # tables at most; after the first, stop if no z is as large
SMALL = 500  # rows up to which bootstrap samples get more starts: small groups are easily lost


@dataclass(frozen=True)
class Decision:
    """What the data show: the number of segments, their kind, and the evidence for each number.

    Attributes
    ----------
    k, kind
        The rule's answer; natural, reproducible or none.
    evidence : DataFrame
        By `k`: each measure beside its value in tables without groups and its p-value, its
        `support`, and whether the rule calls the number `separated` or `reproducible`; `structure`
        says at which there is any; `p_value`, `tables`, `bend` beside its largest null value, and
        whether columns were `stretched`, of all.
    apart : int
        How many groups stand apart at least; 1 where none do, and segments are those of k-means.
    counts : tuple of int
        The numbers that two criteria give and that of groups apart; empty where none are.
    """

    k: int
    kind: str
    evidence: pd.DataFrame = field(repr=False)
    apart: int = 1
    counts: tuple[int, ...] = ()

    def method(self, method: str = "auto") -> str:
        """Return the method that makes the segments, unless the analyst chose one."""
        return "gmm" if method == "auto" and self.apart > 1 else method

    @property
    def p_value(self) -> float:
        """Monte Carlo p-value of the largest compactness over all numbers of segments."""
        return float(self.evidence["p_value"].iloc[0])

    @property
    def curved(self) -> bool:
        """Whether the rows lie along a bend, as on a curve or in groups that are in no line."""
        bend, usual = self.evidence[["bend", "bend_null"]].iloc[0]
        return bool(bend - usual >= BEND)

    def kind_at(self, k: int) -> str:
        """Say the kind of a number of segments that somebody chose."""
        if k == self.k or k not in self.evidence.index:
            return self.kind if k == self.k else "none"
        return "reproducible" if self.evidence.loc[k, "reproducible"] else "none"

    def valley_at(self, k: int) -> bool:
        """Say whether a valley parts k segments that is deeper than any in the null model."""
        k = min(k, len(self.evidence))
        return bool(self.evidence.loc[k, "separation"] >= valleys(self.evidence)[k])

    @property
    def best_cut(self) -> int:
        """Without groups, the number of segments from 3 to 6 that samples agree on most."""
        most = len(self.evidence)
        return int(self.evidence["stability"].loc[min(3, most) : min(6, most)].idxmax())


@fast()
def search(
    null: NullModel,
    k_max: int = 8,
    progress: Callable[[str], None] | None = None,
    tables: int = TABLES,
) -> Decision:
    """Look for structure, and count groups; those elongated are made round to see structure.

    Parameters
    ----------
    null : NullModel
        Fitted to the table.
    k_max : int
        Most segments considered.
    progress : callable, optional
        Told in a few words what is being done.
    tables : int
        Tables without groups at most.
    """
    if k_max == 1:
        one = np.array([[0.0], [1.0], [0.0]])
        return decide(compare(one, [one, one]).assign(bend=0.0, bend_null=0.0, stretched=False))
    evidence = against_null(null, k_max, tables=tables, progress=progress)
    rows, width = null.Z_.shape
    columns = mixture.columns(null.answers(), null.nominal_, null.random_state)
    if not columns.spread.size:  # as where all are shares of few orders
        return decide(evidence)
    count = mixture.count(columns, k_max, valleys(evidence), progress)
    round_can_help = count.apart > 1 and 1 < width <= 40 and rows > 10 * width
    if round_can_help and not confirmed(evidence, count.k):
        turn = near_metric(null.Z_)
        turned = against_null(null, k_max, turn, tables=tables, progress=progress)
        turned["separation_null"] = evidence["separation_null"]  # by which groups were counted
        if turned["structure"].any():
            only = not evidence["structure"].any()
            evidence = turned if only or confirmed(turned, count.k) else evidence
    return decide(evidence, count)


def valleys(evidence: pd.DataFrame) -> pd.Series:
    """Return how deep a valley must be at least, by the number of segments."""
    return (evidence["separation_null"] + DEEPER).clip(lower=SHALLOW)


def confirmed(evidence: pd.DataFrame, k: int) -> bool:
    """Say whether so many k-means segments are reproducible, and no more have larger support."""
    return bool(evidence.loc[k, "reproducible"] and evidence["support"].loc[k:].idxmax() == k)


def against_null(
    null: NullModel,
    k_max: int = 8,
    metric: np.ndarray | None = None,
    *,
    tables: int = TABLES,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Measure every number of segments on the data and on up to 24 tables without groups.

    `metric` is a linear map that is applied first.

    Simulation stops after ten tables where no number stands out from them by 2 of their sd.
    Returned is :attr:`Decision.evidence`.
    """
    turn = np.eye(null.Z_.shape[1]) if metric is None else metric
    blur = blurring(null.Z_)

    def measured(Z: np.ndarray, pairs: int, *number: int) -> np.ndarray:
        rng = np.random.default_rng((null.random_state, *number))
        return measure(Z @ turn, blur(Z, rng) @ turn, k_max, rng, pairs)

    data, drawn, bends = measured(null.Z_, 6, 0), [], []
    for i in range(tables):
        Z = null.sample(i)
        drawn.append(measured(Z, 1, 1, i))
        bends.append(bend(Z @ turn))
        if progress:
            progress(f"table {i + 1} of at most {tables} of the null model")
        if i == FIRST - 1 and compare(data, drawn)["dispersion_z"].max() < HOPELESS:
            break
    of_all = {
        "bend": bend(null.Z_ @ turn),
        "bend_null": max(bends),
        "stretched": metric is not None,
    }
    return compare(data, drawn).assign(**of_all)


def decide(evidence: pd.DataFrame, count: mixture.Count | None = None) -> Decision:
    """Take the groups that stand apart, else the segments with the largest support.

    Groups are natural where every look gives their number: all stand apart, BIC counts as many, and
    k-means confirms it. Support is the extra compactness times the squared stability.
    """
    evidence = evidence.join(count.table if count else pd.DataFrame(columns=["bic", "icl"]))
    evidence["separated"] = False
    if count and count.apart > 1 and evidence["structure"].any():
        measured = ["separation", "separation_p", "separated"]  # its p-value is of k-means alone
        evidence.loc[count.k, measured] = count.depth, np.nan, count.apart == count.k
        counts = tuple(sorted({count.k, count.by_bic, count.apart}))
        sure = len(counts) == 1 and confirmed(evidence, count.k)
        kind = "natural" if sure else "reproducible"
        return Decision(count.k, kind, evidence, count.apart, counts)
    rows = evidence[evidence["reproducible"]]
    if not len(rows):
        return Decision(1, "none", evidence)
    return Decision(int(rows["support"].idxmax()), "reproducible", evidence)


# --- evidence -------------------------------------------------------------------------------------


def measure(x: np.ndarray, blurred: np.ndarray, k_max: int, rng, pairs: int) -> np.ndarray:
    """Return dispersion, stability and separation (on blurred values), shape (3, k_max)."""
    rows = [(np.log(max(x.var(axis=0).sum() * len(x), 1e-12)), 1.0, 0.0)]
    for k in range(2, k_max + 1):
        centres, label, within = cluster(x, k, rng)
        agreement = _resampled(x, k, rng, pairs)
        rows.append((np.log(max(within, 1e-12)), agreement, valley(blurred, label, centres)))
    return np.array(rows).T


def bend(x: np.ndarray) -> float:
    """Return the largest share of one main axis that the square of another explains beside it."""
    axes, size, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    axes = axes[:, :AXES][:, size[:AXES] > 1e-6 * size[0]]
    square = axes**2 - 1 / len(x)
    square -= axes * (axes * square).sum(axis=0)  # what is straight
    square /= np.maximum(np.linalg.norm(square, axis=0), 1e-12)
    return float((((square.T @ axes) ** 2) * (1 - np.eye(axes.shape[1]))).max())


def compare(data: np.ndarray, tables: list[np.ndarray]) -> pd.DataFrame:
    """Set the measures of a table beside those of tables without groups; apply the rule to each k.

    p-values are Monte Carlo (Davison & Hinkley 1997, eq. 4.11).
    """
    tables = np.array(tables)
    fake, usual, deepest = tables[:, 0], tables[:, 1].mean(axis=0), tables[:, 2].max(axis=0)
    gap = fake.mean(axis=0) - data[0]
    gap[0] = 0.0
    z = gap / (fake.std(axis=0, ddof=1) + 1e-9)
    p_value, side = _p_value(z, fake), np.array([[-1], [1], [1]])
    alone = (1 + np.sum(side * tables >= side * data, axis=0)) / (1 + len(tables))
    alone[:, 0] = np.nan
    structure = (z >= COMPACT) & (p_value <= 1 / (len(tables) + 1)) & (np.arange(len(z)) > 0)
    again = (data[1] >= AGREE_SOME) & beyond(data[1], tables[:, 1])
    columns = {
        "dispersion": data[0],
        "dispersion_gap": gap,
        "dispersion_z": z,
        "stability": data[1],
        "stability_null": usual,
        "support": z * np.maximum(data[1], 0) ** 2,
        "separation": data[2],
        "separation_null": deepest,
        "structure": structure,
        "reproducible": structure & again,
        "dispersion_p": alone[0],
        "stability_p": alone[1],
        "separation_p": alone[2],
        "p_value": p_value,
        "tables": len(tables),
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(1, len(z) + 1, name="k"))


def _p_value(z: np.ndarray, fake: np.ndarray) -> float:
    """Share of null tables whose largest z over k, each against the others, is as large."""
    if len(z) == 1:
        return 1.0
    top = []
    for i, own in enumerate(fake):
        rest = np.delete(fake, i, axis=0)
        top.append(((rest.mean(axis=0) - own) / (rest.std(axis=0, ddof=1) + 1e-9))[1:].max())
    return float((1 + np.sum(np.array(top) >= z[1:].max())) / (len(fake) + 1))


def _resampled(x: np.ndarray, k: int, rng, pairs: int) -> float:
    """Mean agreement of pairs of bootstrap samples."""
    labels = []
    for _ in range(2 * pairs):
        rows = rng.integers(len(x), size=len(x))
        labels.append(nearest(x, cluster(x[rows], k, rng, 6 if len(x) <= SMALL else 2)[0]))
    return float(np.mean([rand_index(*labels[i : i + 2]) for i in range(0, 2 * pairs, 2)]))


def near_metric(Z: np.ndarray, share: float = 0.1) -> np.ndarray:
    """Find the linear map after which near pairs of rows look round: undoes elongated groups."""
    x = every_nth(Z)
    first, second = np.triu_indices(len(x), 1)
    gaps, p = x[first] - x[second], x.shape[1]
    count = min(max(int(share * len(gaps)), p + 1), len(gaps))
    root = _inverse_root(np.atleast_2d(np.cov(x.T)))
    for _ in range(10):
        near = np.argpartition(((gaps @ root) ** 2).sum(axis=1), count - 1)[:count]
        root = _inverse_root(gaps[near].T @ gaps[near] / count)
    return root


def _inverse_root(covariance: np.ndarray) -> np.ndarray:
    scaled = covariance / max(np.trace(covariance) / len(covariance), 1e-12)
    value, vector = np.linalg.eigh(scaled + 1e-3 * np.eye(len(scaled)))
    return (vector / np.sqrt(value)) @ vector.T
