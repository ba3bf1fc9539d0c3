"""Three ways to make k segments, each returning plain numbers and one score per row and segment.

``kmeans``        centres, and a softness that turns distances into probabilities
``gmm``           groups of any size and shape, made by :mod:`seglib.clustering.mixture`
``latent_class``  locally independent answers given the class (Linzer & Lewis 2011, poLCA)

The segment of a row is the one with the highest score; probabilities are the softmax of scores.
"""

from contextlib import contextmanager

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp, softmax
from sklearn import config_context
from sklearn.cluster._kmeans import _is_same_clustering, _kmeans_single_lloyd
from threadpoolctl import threadpool_limits

STARTS = 20  # of the segments that are published
FEW = 3  # starts of k-means in evidence, where the data and the null model are treated alike
ROUNDS = 25  # of EM for the softness of k-means
MANY = 10  # from so many restarts on, latent classes converge
QUICK, EXACT = 1e-5, 1e-8  # EM of classes ends where the log-likelihood of a row gains less
LEAST_VARIANCE = 1e-3  # of a number within a latent class, in variances of the column
AGREE_MORE = 0.1  # by how much a Rand index must exceed that in tables without groups
CLOSE = 1e-9  # scores that differ by less, relatively, are a tie: arithmetic cannot tell them apart
LLOYD = getattr(_kmeans_single_lloyd, "__wrapped__", _kmeans_single_lloyd)  # threads set by `fast`
PER_SEGMENT = ("centres", "weights", "means", "covariances", "tables", "variances")


@contextmanager
def fast():
    """Many small fits on sound numbers: one thread each, and nothing checked again."""
    with threadpool_limits(1), config_context(assume_finite=True, skip_parameter_validation=True):
        yield


def scores(params: dict, data: np.ndarray) -> np.ndarray:
    """Log of the unnormalised membership, shape (rows, k)."""
    return _SCORES[params["method"]](params, data)


def labels(params: dict, data: np.ndarray) -> np.ndarray:
    """Segment of each row, counted from 0."""
    return first_best(scores(params, data))


def probabilities(params: dict, data: np.ndarray) -> np.ndarray:
    """Membership probabilities, shape (rows, k)."""
    return softmax(scores(params, data), axis=1)


def first_best(score: np.ndarray) -> np.ndarray:
    """Return the first of the highest scores of each row, whatever the order of the additions."""
    best = score.max(axis=1, keepdims=True)
    return (score >= best - CLOSE * (1 + np.abs(best))).argmax(axis=1)


def reorder(params: dict, order: list[int]) -> dict:
    """Renumber the same segments: new segment i is old segment ``order[i]``."""
    return {
        name: [value[i] for i in order] if name in PER_SEGMENT else value
        for name, value in params.items()
    }


def simulate(params: dict, share: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n rows from the groups as the method takes them to be."""
    label = rng.choice(len(share), size=n, p=share)
    if params["method"] == "kmeans":
        centres = np.array(params["centres"])
        return centres[label] + np.sqrt(params["softness"]) * rng.normal(size=(n, centres.shape[1]))
    if params["method"] == "gmm":
        roots = np.linalg.cholesky(np.array(params["covariances"]))
        noise = rng.normal(size=(n, roots.shape[1]))
        return np.array(params["means"])[label] + np.einsum("ijk,ik->ij", roots[label], noise)
    return np.array([_draw_answers(params, i, rng) for i in label])


# --- k-means ------------------------------------------------------------------------------------


def k_means(x: np.ndarray, k: int, *, seed: int = 0, starts: int = 1, tol: float = 1e-4, init=None):
    """Return centres, labels and within-segment sum of squares of the best of a few starts.

    The same, to the last bit, as scikit-learn's function of that name, whose checks and conversions
    take as long as a small fit itself, and thousands are made. A test holds the two together.
    """
    random, mean = np.random.RandomState(seed), x.mean(axis=0)
    x = np.ascontiguousarray(x - mean)
    weight, shift, best = np.ones(len(x)), np.mean(np.var(x, axis=0)) * tol, None
    for _ in range(starts):
        start = _plus_plus(x, k, random) if init is None else init - mean
        result = LLOYD(x, weight, start, tol=shift)
        if best is None or (result[1] < best[1] and not _is_same_clustering(result[0], best[0], k)):
            best = result
    return best[2] + mean, best[0], best[1]


def cluster(x: np.ndarray, k: int, rng: np.random.Generator, starts: int = FEW):
    """Centres, labels and within-segment sum of squares of the best of a few k-means runs."""
    return k_means(x, k, seed=int(rng.integers(2**31)), starts=starts)


def _plus_plus(x: np.ndarray, k: int, random: np.random.RandomState) -> np.ndarray:
    """Return k rows to start from, each drawn far from the others (Arthur & Vassilvitskii 2007)."""
    n, square = len(x), np.einsum("ij,ij->i", x, x)
    chosen = [random.choice(n, p=np.full(n, 1 / n))]
    near = _squared(x[chosen], x, square)[0]
    while len(chosen) < k:
        drawn = random.uniform(size=2 + int(np.log(k))) * near.sum()
        tried = np.minimum(np.cumsum(near).searchsorted(drawn), n - 1)
        away = np.minimum(near, _squared(x[tried], x, square))
        best = away.sum(axis=1).argmin()
        near = away[best]
        chosen.append(tried[best])
    return x[chosen]


def _squared(a: np.ndarray, b: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Return the squared distances of the rows of a from those of b, whose squares are known."""
    away = -2 * a @ b.T
    return np.maximum(away + (a**2).sum(axis=1)[:, None] + square, 0.0)


def fit_kmeans(x: np.ndarray, k: int, *, seed: int, restarts: int) -> dict:
    """Return the parameters of k segments of encoded rows, the best of so many restarts."""
    states = np.random.default_rng(seed).integers(2**31, size=restarts)
    runs = [k_means(x, k, seed=int(state), tol=1e-6) for state in states]
    inertias = np.array([inertia for *_, inertia in runs])
    best = float(inertias.min())
    at_best = float(np.mean(inertias <= best * (1 + 1e-6) + 1e-12))
    rounds = ROUNDS if restarts >= STARTS else 0  # of segments made again only labels are asked
    params = from_centres(x, runs[int(inertias.argmin())][0], rounds)
    return params | {"objective": best, "at_best": at_best}


def from_centres(x: np.ndarray, centres: np.ndarray, rounds: int = ROUNDS) -> dict:
    """Return the rule of the nearest centre as parameters of k-means.

    Its softness is the variance of a spherical mixture with these centres and equal weights (EM).
    """
    squared = _squared(centres, x, (x**2).sum(axis=1)).T
    softness = max(squared.min(axis=1).mean() / x.shape[1], 1e-9)
    for _ in range(rounds):
        share = softmax(-squared / (2 * softness), axis=1)
        softness = max((share * squared).sum() / x.size, 1e-9)
    return {"method": "kmeans", "centres": centres.tolist(), "softness": float(softness)}


def nearest(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Find the nearest centre of each row."""
    return ((centres**2).sum(axis=1) - 2 * x @ centres.T).argmin(axis=1)


def _kmeans_scores(params: dict, x: np.ndarray) -> np.ndarray:
    x = x @ np.array(params["metric"]) if params.get("metric") else x  # of models of earlier runs
    squared = _squared(np.array(params["centres"]), x, (x**2).sum(axis=1)).T
    return -squared / (2 * params["softness"])


# --- Gaussian mixture ---------------------------------------------------------------------------


def gaussians(params: dict):
    """Weight, mean, precision and log-determinant of each component."""
    for weight, mean, covariance in zip(
        params["weights"], params["means"], map(np.array, params["covariances"]), strict=True
    ):
        yield weight, np.array(mean), np.linalg.inv(covariance), np.linalg.slogdet(covariance)[1]


def _gmm_scores(params: dict, x: np.ndarray) -> np.ndarray:
    columns = []
    for weight, mean, precision, logdet in gaussians(params):
        distance = ((x - mean) @ precision * (x - mean)).sum(axis=1)
        columns.append(np.log(weight) - logdet / 2 - distance / 2)
    return np.column_stack(columns)


# --- latent classes -----------------------------------------------------------------------------


def fit_latent_class(x: np.ndarray, k: int, levels: list[int], *, seed: int, restarts: int) -> dict:
    """Latent classes by EM from random starts (Linzer & Lewis 2011); missing is skipped.

    ``levels`` says how many levels each answer has, 0 for a number.
    """
    rng = np.random.default_rng(seed)
    gain = QUICK if restarts < MANY else EXACT
    starts = [rng.dirichlet(np.ones(k), len(x)) for _ in range(restarts)]
    runs = [_expect_maximise(x, levels, share, gain) for share in starts]
    values = np.array([loglik for loglik, _ in runs])
    loglik, params = runs[int(values.argmax())]
    at_best = float(np.mean(values >= values.max() - 1e-4 * abs(values.max())))
    free = k * sum(c - 1 if c else 2 for c in levels) + k - 1
    bic = float(-2 * loglik + free * np.log(len(x)))
    return params | {"at_best": at_best, "loglik": loglik, "objective": -loglik, "bic": bic}


def _expect_maximise(x: np.ndarray, levels: list[int], share: np.ndarray, gain: float):
    """Return log-likelihood and parameters where a round gains less for a row."""
    before, parts = -np.inf, _parts(x, levels)
    for _ in range(2000):
        params = _maximise(parts, levels, share)
        joint = _latent_joint(params, parts)
        row = logsumexp(joint, axis=1)
        share, loglik = np.exp(joint - row[:, None]), float(row.sum())
        if loglik - before < gain * len(x):
            break
        before = loglik
    return loglik, params


def _parts(x: np.ndarray, levels: list[int]) -> tuple[np.ndarray, ...]:
    """Put indicators of all answers side by side; numbers, 0 for missing; which are known."""
    hot = [x[:, [j]] == np.arange(c) for j, c in enumerate(levels) if c]
    numbers = x[:, [j for j, c in enumerate(levels) if not c]]
    present = ~np.isnan(numbers)
    indicators = np.hstack(hot).astype(float) if hot else np.zeros((len(x), 0))
    return indicators, np.where(present, numbers, 0.0), present.astype(float)


def _maximise(parts: tuple[np.ndarray, ...], levels: list[int], share: np.ndarray) -> dict:
    """Return the parameters of greatest likelihood given who belongs where."""
    indicators, numbers, present = parts
    edges = np.cumsum([c for c in levels if c])[:-1]
    tables = np.split(share.T @ indicators + 1e-10, edges, axis=1)
    tables = [block / block.sum(axis=1, keepdims=True) for block in tables]
    mass = share.T @ present + 1e-10
    means = share.T @ numbers / mass
    variances = np.maximum(share.T @ numbers**2 / mass - means**2, LEAST_VARIANCE)
    return {
        "method": "latent_class",
        "levels": list(levels),
        "weights": np.maximum(share.mean(axis=0), 1e-12).tolist(),
        "means": means.tolist(),
        "variances": variances.tolist(),
        "tables": [[block[i].tolist() for block in tables] for i in range(share.shape[1])],
    }


def _latent_scores(params: dict, x: np.ndarray) -> np.ndarray:
    return _latent_joint(params, _parts(x, params["levels"]))


def _latent_joint(params: dict, parts: tuple[np.ndarray, ...]) -> np.ndarray:
    """Log of class weight times likelihood, shape (rows, classes)."""
    k = len(params["weights"])
    tables = np.array([np.concatenate([[], *row]) for row in params["tables"]])
    means, variances = (np.array(params[name]).reshape(k, -1) for name in ("means", "variances"))
    indicators, values, present = parts
    away = values**2 @ (1 / variances).T - 2 * values @ (means / variances).T
    away += present @ (means**2 / variances + np.log(2 * np.pi * variances)).T
    return np.log(params["weights"]) + indicators @ np.log(tables).T - away / 2


def _draw_answers(params: dict, i: int, rng: np.random.Generator) -> list[float]:
    """Draw one row of answers of class i."""
    tables = iter(params["tables"][i])
    bells = zip(params["means"][i], np.sqrt(params["variances"][i]), strict=True)
    return [
        float(rng.choice(count, p=np.array(next(tables)))) if count else rng.normal(*next(bells))
        for count in params["levels"]
    ]


_SCORES = {"kmeans": _kmeans_scores, "gmm": _gmm_scores, "latent_class": _latent_scores}


# --- two labellings -------------------------------------------------------------------------------


def crossed(a: np.ndarray, b: np.ndarray, k: int = 0) -> np.ndarray:
    """Count rows by two labellings, each from 0; at least k rows and columns."""
    wide = max(int(b.max()) + 1, k)
    return np.bincount(a * wide + b, minlength=max(int(a.max()) + 1, k) * wide).reshape(-1, wide)


def rand_index(a: np.ndarray, b: np.ndarray) -> float:
    """Compute the adjusted Rand index (Hubert & Arabie 1985, eq. 5).

    scikit-learn's takes 4 ms where this takes 60 µs, and it is needed some ten thousand times.
    """
    counts = crossed(a, b).astype(float)
    rows, columns, n = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    both = (counts * (counts - 1)).sum()
    one, two = (rows * (rows - 1)).sum(), (columns * (columns - 1)).sum()
    chance = one * two / (n * (n - 1))
    most = (one + two) / 2
    return float((both - chance) / (most - chance)) if most > chance else 1.0


def beyond(agreement: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Say whether Rand indices exceed those of tables without groups, shape (tables, ...).

    By 0.1; or by half of what their mean lacks of 1, and half their standard deviation.
    """
    usual = np.mean(without, axis=0)
    half = np.maximum((1 + usual) / 2, usual + np.std(without, axis=0) / 2)
    return (agreement >= usual + AGREE_MORE) | ((agreement >= half) & (agreement > usual))


def jaccard(label: np.ndarray, other: np.ndarray, k: int) -> np.ndarray:
    """For each segment, the Jaccard similarity of its best match (Hennig 2007, sec. 2)."""
    counts = crossed(label, other, k).astype(float)
    union = counts.sum(axis=1)[:, None] + counts.sum(axis=0)[None, :] - counts
    return (counts / np.maximum(union, 1)).max(axis=1)


def kept(label: np.ndarray, other: np.ndarray, k: int) -> float:
    """Share of rows in the same segment after matching the numbers (Hungarian method)."""
    counts = crossed(label, other, k)
    rows, columns = linear_sum_assignment(-counts)
    return float(counts[rows, columns].sum() / len(label))
