"""Segments as a model in scikit-learn's manner: fitted, numbered, assigned, plain numbers all over.

A number means the same people from run to run, so a name given to it stays theirs. A segment of
this run takes the number of a segment of an earlier run if most of the customers of one of the two,
among those known in both runs, are in both, and more than chance would bring together; of all ways
to hand out the numbers, the one under which most customers keep theirs is taken. Any other segment
gets a number that no run of the study has used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.stats import hypergeom
from sklearn.base import BaseEstimator

from seglib import stats, wording
from seglib.clustering import algorithms, mixture
from seglib.clustering.encoding import Encoder
from seglib.formats import StudyError, nearest

VERSION = 1  # of model.json
METHODS = ("auto", "kmeans", "gmm", "latent_class", "mixed")
BLOCK = 50_000  # rows that are assigned at a time: temporary tables stay small
MOST = 0.5  # of the customers of one of two segments that must be in both
CHANCE = 0.01  # probability from which as many in common could be chance


class SegmentModel(BaseEstimator):
    """Segments of the rows of a frame, and the rule that gives anybody theirs.

    Parameters
    ----------
    encoder : Encoder, optional
        Fitted or not; a new one by default.
    n_segments : int
    method : {"auto", "kmeans", "gmm", "latent_class", "mixed"}
        ``auto`` follows the types of the columns.
    random_state : int

    Attributes
    ----------
    encoder_ : Encoder
    method_ : str
        kmeans, mixed (k-means on numbers and categories), gmm, latent_class or labels.
    parameters_ : dict
        Of :mod:`seglib.clustering.algorithms`.
    numbers_, names_ : list
        Of each segment, in the order of the parameters; names only of labels.
    first_ : str
        Whether the most `valuable` or the `largest` is the first.
    numbered_ : dict or None
        Where the numbers come from: see :meth:`number`.
    """

    def __init__(self, encoder=None, n_segments=2, method="auto", random_state=0):
        self.encoder, self.n_segments, self.method = encoder, n_segments, method
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: pd.Series | None = None) -> SegmentModel:
        """Fit the segments on the frame, or on 20,000 random rows of a larger one.

        `y` are segments that somebody else made, of some or all rows, numbers or names: they are
        kept, and the nearest centre is the rule for others.
        """
        encoder = self.encoder or Encoder()
        self._start(encoder if hasattr(encoder, "rules_") else encoder.fit(X))
        if y is not None:
            return self._keep(X, y)
        self.method_ = choose_method(self.method, self.encoder_)
        family = "kmeans" if self.method_ == "mixed" else self.method_
        data = self.data(stats.sample(X, self.random_state))
        self.parameters_ = self._segments(family, data, self.random_state, algorithms.STARTS)
        return self

    def _segments(self, method: str, data: np.ndarray, seed: int, restarts: int, shape="") -> dict:
        """Return the parameters of segments of encoded rows, or for latent classes of answers."""
        k, encoder = self.n_segments, self.encoder_
        if method == "gmm":
            return mixture.fit(data, k, encoder, shape, seed=seed)
        if method == "latent_class":
            levels = encoder.levels
            return algorithms.fit_latent_class(data, k, levels, seed=seed, restarts=restarts)
        return algorithms.fit_kmeans(data, k, seed=seed, restarts=restarts)

    @classmethod
    def from_labels(cls, X: pd.DataFrame, labels: pd.Series, encoder=None, seed=0) -> SegmentModel:
        """Return segments that somebody else made."""
        return cls(encoder, labels.reindex(X.index).nunique(), random_state=seed).fit(X, labels)

    def _start(self, encoder: Encoder) -> None:
        self.encoder_, self.numbers_ = encoder, list(range(1, self.n_segments + 1))
        self.first_, self.numbered_, self.names_, self.labels_ = "largest", None, [], None
        self.agrees_, self.unlabelled_, self.labels_from_ = 1.0, "", ""

    def _keep(self, X: pd.DataFrame, labels: pd.Series) -> SegmentModel:
        self.labels_from_ = labels.name if isinstance(labels.name, str) else ""
        labels = labels.reindex(X.index).dropna().astype(object)  # no level that nobody has
        self.unlabelled_ = f"{len(X) - len(labels):,}" if len(labels) < len(X) else ""
        sizes = labels.value_counts()
        if len(sizes) < 2 or sizes.min() < 2:
            raise StudyError(
                f"The labels make {len(sizes)} segments of {len(labels)} of {len(X)} rows: "
                "expected two or more, each of two rows or more, by the same index as the table."
            )
        self.method_, self.names_ = "labels", sorted(sizes.index, key=str)
        self.labels_ = labels.map({name: i for i, name in enumerate(self.names_)}).astype(int)
        Z = self.data(X.loc[labels.index])
        centres = pd.DataFrame(Z).groupby(self.labels_.to_numpy()).mean().to_numpy()
        self.parameters_ = algorithms.from_centres(Z, centres)
        self.agrees_ = float((algorithms.labels(self.parameters_, Z) == self.labels_).mean())
        return self

    def data(self, X: pd.DataFrame) -> np.ndarray:
        """Encode a frame as the method wants it."""
        encoder = self.encoder_
        return encoder.answers(X) if self.method_ == "latent_class" else encoder.transform(X)

    def predict_proba(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the probability of every segment, a column each."""
        chance = algorithms.softmax(self._scores(X), axis=1)
        return pd.DataFrame(chance, X.index, self.numbers_)

    def _scores(self, X: pd.DataFrame) -> np.ndarray:
        """Return the score of every row and segment; only so many rows are encoded at a time."""
        blocks = (X.iloc[start : start + BLOCK] for start in range(0, max(len(X), 1), BLOCK))
        return np.concatenate([algorithms.scores(self.parameters_, self.data(b)) for b in blocks])

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return segment, probability, runner_up and margin of every row.

        Labels that were given are kept; their probability is that of the rule.
        """
        score = self._scores(X)
        best, rows = self._codes(X, score), np.arange(len(X))
        chance = algorithms.softmax(score, axis=1)
        top, rest = chance[rows, best], chance.copy()
        rest[rows, best] = -1.0
        alone, numbers = self.n_segments == 1, np.array(self.numbers_)
        members = {
            "segment": numbers[best],
            "probability": top,
            "runner_up": 0 if alone else numbers[rest.argmax(axis=1)],
            "margin": 1.0 if alone else np.maximum(top - rest.max(axis=1), 0.0),
        }
        return pd.DataFrame(members, index=X.index)

    def codes(self, X: pd.DataFrame) -> np.ndarray:
        """Return the place of every row's segment in the order of the parameters."""
        return self._codes(X, self._scores(X))

    def _codes(self, X: pd.DataFrame, score: np.ndarray) -> np.ndarray:
        best = algorithms.first_best(score)
        if self.labels_ is None:
            return best
        own = self.labels_.reindex(X.index)
        return np.where(own.notna(), own, best).astype(int)

    def to_dict(self) -> dict:
        """Return the model as plain numbers: model.json."""
        about = {
            "version": VERSION,
            "method": self.method_,
            "k": self.n_segments,
            "columns": self.encoder_.rules_,
            "parameters": self.parameters_,
            "numbers": sorted(self.numbers_),
            "first": self.first_,
        }
        about |= {"numbered": self.numbered_} if self.numbered_ else {}
        named = {str(n): str(name) for n, name in zip(self.numbers_, self.names_, strict=False)}
        about |= {"labels_from": self.labels_from_} if self.labels_from_ else {}
        return about | ({"names": named} if named else {})

    @classmethod
    def from_dict(cls, model: dict) -> SegmentModel:
        """Return the model of a model.json; a StudyError if it is of another version."""
        check_version(model)
        made = cls(Encoder.from_rules(model["columns"]), model["k"], model["method"])
        made._start(made.encoder)
        made.method_, made.parameters_ = model["method"], model["parameters"]
        made.numbers_ = model.get("numbers") or made.numbers_
        return made

    def number(self, X: pd.DataFrame, value: pd.Series | None = None, previous: dict | None = None):
        """Put segments in order and give each its number.

        That of the highest mean of `value` comes first; without it the largest. `previous` is of an
        earlier run, as ``Run.numbering`` gives it; then `numbered_` has `shared`, how many
        customers are known in both; `kept`, how many of the earlier segment's and of this one's are
        in both; `new` and `gone`, numbers.
        """
        codes, k = self.codes(X), self.n_segments
        rank = size = np.bincount(codes, minlength=k).astype(float)
        if value is not None:
            worth = value.reindex(X.index).fillna(0).to_numpy(dtype=float)
            rank = np.bincount(codes, worth, minlength=k) / np.maximum(size, 1)
        order = np.argsort(-rank, kind="stable").tolist()
        numbers = list(range(1, k + 1))
        if previous is not None and k > 1:
            ranked = pd.Series(np.argsort(order)[codes], X.index)
            numbers, self.numbered_ = _kept_numbers(ranked, k, previous)
            order = [order[i] for i in np.argsort(numbers)]
        self.parameters_ = algorithms.reorder(self.parameters_, order)
        if self.labels_ is not None:
            self.names_ = [self.names_[i] for i in order]
            self.labels_ = self.labels_.map({old: new for new, old in enumerate(order)})
        self.numbers_, self.first_ = sorted(numbers), "largest" if value is None else "valuable"
        return self

    def refit(self, data: np.ndarray, rows: np.ndarray, label: np.ndarray, rng, restarts: int):
        """Return the parameters of segments made again from some rows.

        Labels that were given are sought again by k-means from their own centres.
        """
        params, seed, data = self.parameters_, int(rng.integers(2**31)), data[rows]
        if self.method_ != "labels":
            return self._segments(params["method"], data, seed, restarts, params.get("shape", ""))
        centres = pd.DataFrame(data).groupby(label[rows]).mean()
        centres = centres.reindex(range(self.n_segments)).to_numpy()
        centres = np.where(np.isnan(centres), params["centres"], centres)
        again = algorithms.k_means(data, self.n_segments, init=centres)[0]
        return algorithms.from_centres(data, again, rounds=0)  # only labels are asked


def check_version(
    model: dict, path: Path = Path("model.json"), again: Callable[[Path], str] | None = None
) -> None:
    """Refuse a model.json of another version; `again` names what makes the files of its folder."""
    if model.get("version", VERSION) != VERSION:
        command = again(path.parent) if again else "`seglib run STUDY --force`"
        raise StudyError(
            f"{path} is of version {model['version']}: this seglib reads version {VERSION}; "
            f"make it again by {command}"
        )


def assign(model: dict, X: pd.DataFrame) -> pd.DataFrame:
    """Give every row of a frame its segment by a model.json."""
    return SegmentModel.from_dict(model).predict(X)


def read_labels(where: str, frame: pd.DataFrame, folder: Path) -> pd.Series | None:
    """Return segments that an analyst made: a column of the frame, or a file beside the study.

    The file is .csv or .parquet, a row a customer: who, which segment. An empty name means none.
    """
    if not where or where in frame:
        return frame[where] if where else None
    path = folder / where
    if not path.is_file() or path.suffix.lower() not in {".csv", ".parquet"}:
        raise StudyError(
            f"labels is {where!r}{nearest(where, list(frame))}: expected a column of the table, or "
            f"a .csv or .parquet file in {folder}"
        )
    table = read_table(path)
    own = table.shape[1] == 1 and not isinstance(table.index, pd.RangeIndex)
    table = table.reset_index() if own or table.index.name else table
    table = table[[table.columns[0], "segment"]] if "segment" in table.columns[1:] else table
    if (n := table.shape[1]) != 2:
        raise StudyError(f"{where} has {n} columns: expected two, who and which segment")
    who, ids = _ids(frame.index), [_ids(table[name]) for name in table]
    key = int(np.argmax([len(who.intersection(each)) for each in ids]))
    labels = table.iloc[:, 1 - key].rename(None).set_axis(ids[key])
    labels = labels[labels.index.isin(who)]
    if labels.empty:
        raise StudyError(f"{where} names nobody of the table: expected ids such as {who[0]!r}")
    if (twice := labels.index.duplicated()).any():
        raise StudyError(f"{where} names {labels.index[twice][0]!r} twice: expected a row each")
    return labels.reindex(who).set_axis(frame.index)


def _ids(values) -> pd.Index:
    """Return who is meant, as text; a whole number may have been written as 1.0."""
    return pd.Index(values).astype(str).str.strip().str.replace(r"\.0$", "", regex=True)


def read_table(path: Path) -> pd.DataFrame:
    """Read .parquet, or .csv as text, whatever parts its columns."""
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        with path.open(encoding="utf-8-sig") as file:
            parts = max(",;\t|", key=re.sub(r'"[^"]*"', "", file.readline()).count)
        return pd.read_csv(path, sep=parts, dtype=str, keep_default_na=False, na_values=[""])
    except UnicodeDecodeError:
        raise StudyError(f"{path} is not UTF-8 text: save it as CSV UTF-8") from None
    except (ValueError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise StudyError(f"{path} cannot be read as {path.suffix[1:]}: {first}") from None


def choose_method(method: str, encoder: Encoder) -> str:
    """Choose the method by the kinds of the columns, unless the analyst did."""
    if method not in METHODS:
        raise StudyError(f"The method {method!r} is unknown; use one of {', '.join(METHODS)}.")
    kinds = {rule["kind"] for rule in encoder.rules_}
    if "nominal" not in kinds:
        return "kmeans" if method == "auto" else method
    mixed = method == "kmeans" or (method == "auto" and "numeric" in kinds)
    return "mixed" if mixed else "latent_class" if method == "auto" else method


def check(X: pd.DataFrame, encoder: Encoder, k: int = 0, k_max: int = 8, seed: int = 0) -> int:
    """Return the most segments that the evidence can be taken for; refuse more than can be made."""
    Z = encoder.transform(stats.sample(X, seed, mixture.ROWS))
    distinct = len(np.unique(Z, axis=0))
    if isinstance(k, bool) or int(k) != k or int(k_max) != k_max or k_max < 1:
        raise StudyError(f"k = {k} and k_max = {k_max}: expected whole numbers, k_max 1 or more.")
    if k < 0 or k > min(distinct, len(X) // 2):
        raise StudyError(
            f"k = {k} segments were asked for, but the table has {len(X)} rows, {distinct} of "
            "them different; ask for fewer, or 0 to let the verdict choose."
        )
    return max(1, min(max(k_max, k), len(Z) // 10, max(distinct // 3, 1)))


# --- numbers --------------------------------------------------------------------------------------


def _kept_numbers(ranked: pd.Series, k: int, previous: dict) -> tuple[list[int], dict]:
    """Return the number of each segment in its order, and where the numbers come from."""
    before = previous["segments"]
    both = ranked.index.intersection(before.index)
    old = sorted(int(s) for s in before.unique())
    common = pd.crosstab(before[both].to_numpy(), ranked[both].to_numpy())
    common = common.reindex(index=old, columns=range(k), fill_value=0).to_numpy()
    then, now = common.sum(axis=1), common.sum(axis=0)
    alike = common >= MOST * np.maximum(np.minimum.outer(then, now), 1)
    alike &= hypergeom.sf(common - 1, common.sum(), then[:, None], now) < CHANCE
    same = np.where(alike, common, 0)
    pairs = [(i, j) for i, j in zip(*linear_sum_assignment(-same), strict=True) if same[i, j]]
    taken, new = {int(j): old[i] for i, j in pairs}, iter(range(previous["used"] + 1, 10**9))
    numbers = [taken[j] if j in taken else next(new) for j in range(k)]
    counts = [(old[i], int(common[i, j]), int(then[i]), int(now[j])) for i, j in pairs]
    about = {name: previous[name] for name in previous if name not in {"segments", "used", "cut"}}
    return numbers, about | {
        "shared": len(both),
        "kept": [
            dict(zip(("segment", "both", "before", "now"), row, strict=True)) for row in counts
        ],
        "new": sorted(set(numbers) - set(old)),
        "gone": sorted(set(old) - set(numbers)),
    }


def numbered(model: dict, day: str) -> str:
    """Say where the numbers of the segments of a model.json come from; empty for one segment."""
    about = model.get("numbered")
    if not about:
        first = "the most valuable" if model.get("first") == "valuable" else "the largest"
        fresh = {"source": "fresh", "first": first}
        return wording.plain("verdict", "numbered", **fresh) if model["k"] > 1 else ""
    same = sum(row["both"] for row in about["kept"])
    return wording.plain(
        "verdict",
        "numbered",
        source="later" if about["as_of"] > day else "same" if about["as_of"] == day else "earlier",
        as_of=about["as_of"],
        kept=wording.share(same / about["shared"]) if about["shared"] else "none",
        **{part: [f"segment {n}" for n in about[part]] for part in ("new", "gone")},
    )
