"""Three ways to make k segments, each returning plain numbers and one score per row and segment.

``kmeans``        centres, and a softness that turns distances into probabilities
``gmm``           Gaussian mixture; the covariance shape with the best BIC
``latent_class``  locally independent answers given the class (Linzer & Lewis 2011, poLCA)

The segment of a row is the one with the highest score; probabilities are the softmax of scores.
"""

import warnings

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.cluster import k_means
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from stepmix import StepMix
from stepmix.emission.build_emission import EMISSION_DICT
from stepmix.emission.gaussian import GaussianDiagNan

SHAPES = ("spherical", "diag", "tied", "full")
MANY = 10  # from so many restarts on, latent classes are carried to convergence
LEAST_VARIANCE = 1e-3  # of a number within a latent class, in variances of the column
CLOSE = 1e-9  # scores that differ by less, relatively, are a tie: arithmetic cannot tell them apart


def fit(
    method: str, data: np.ndarray, k: int, *, levels=None, metric=None, seed: int, restarts: int
) -> dict:
    """Parameters of k segments.

    Parameters
    ----------
    method : {"kmeans", "gmm", "latent_class"}
    data : array, shape (rows, columns)
        Encoded values; for ``latent_class`` answers, where missing is NaN.
    levels : list of int, optional
        For ``latent_class``: number of levels of each column, 0 for a numeric one.
    metric : array, optional
        For ``kmeans``: a linear map applied to the data first; kept in the parameters.
    """
    if method == "kmeans" and metric is not None:
        return {**_kmeans(data @ metric, k, seed, restarts), "metric": metric.tolist()}
    if method == "kmeans":
        return _kmeans(data, k, seed, restarts)
    if method == "gmm":
        return _gmm(data, k, seed, restarts)
    return _latent(data, k, levels, seed, restarts)


def scores(params: dict, data: np.ndarray) -> np.ndarray:
    """Log of the unnormalised membership, shape (rows, k)."""
    return _SCORES[params["method"]](params, data)


def labels(params: dict, data: np.ndarray) -> np.ndarray:
    """Segment of each row, counted from 0."""
    return first(scores(params, data))


def first(score: np.ndarray) -> np.ndarray:
    """Return the first of the highest scores of each row, whatever the order of the additions."""
    best = score.max(axis=1, keepdims=True)
    return (score >= best - CLOSE * (1 + np.abs(best))).argmax(axis=1)


def unit(params: dict) -> float:
    """Return what one unit of the score is in the figures that the SQL compares."""
    return 2 * params["softness"] if params["method"] == "kmeans" else 1.0


def probabilities(params: dict, data: np.ndarray) -> np.ndarray:
    """Membership probabilities, shape (rows, k)."""
    return softmax(scores(params, data), axis=1)


def shares(score: np.ndarray) -> np.ndarray:
    """Scores as probabilities."""
    return softmax(score, axis=1)


def entropy(params: dict, data: np.ndarray) -> float:
    """Sum over rows of the entropy of membership; twice this is what ICL adds to BIC."""
    chance = probabilities(params, data)
    return float(-(chance * np.log(np.maximum(chance, 1e-300))).sum())


def reorder(params: dict, order: list[int]) -> dict:
    """Renumber the same segments: new segment i is old segment ``order[i]``."""
    per_segment = ("centres", "weights", "means", "covariances", "tables", "variances")
    return {
        name: [value[i] for i in order] if name in per_segment else value
        for name, value in params.items()
    }


# --- k-means ------------------------------------------------------------------------------------


def _kmeans(x: np.ndarray, k: int, seed: int, restarts: int) -> dict:
    states = np.random.default_rng(seed).integers(2**31, size=restarts)
    runs = [k_means(x, k, n_init=1, random_state=int(s), tol=1e-6) for s in states]
    inertias = np.array([run[2] for run in runs])
    centres = runs[int(inertias.argmin())][0]
    best = float(inertias.min())
    return {
        "method": "kmeans", "centres": centres.tolist(),
        "softness": _softness(x, centres), "objective": best,
        "at_best": float(np.mean(inertias <= best * (1 + 1e-6) + 1e-12)),
    }  # fmt: skip


def _softness(x: np.ndarray, centres: np.ndarray, rounds: int = 25) -> float:
    """Within-segment variance of a spherical mixture with these centres and equal weights (EM)."""
    squared = _squared(x, centres)
    variance = max(squared.min(axis=1).mean() / x.shape[1], 1e-9)
    for _ in range(rounds):
        share = softmax(-squared / (2 * variance), axis=1)
        variance = max((share * squared).sum() / x.size, 1e-9)
    return float(variance)


def _squared(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    away = (x**2).sum(axis=1)[:, None] - 2 * x @ centres.T + (centres**2).sum(axis=1)
    return np.maximum(away, 0.0)


def _kmeans_scores(params: dict, x: np.ndarray) -> np.ndarray:
    turned = x @ np.array(params["metric"]) if params.get("metric") else x
    return -_squared(turned, np.array(params["centres"])) / (2 * params["softness"])


# --- Gaussian mixture ---------------------------------------------------------------------------


def _gmm(x: np.ndarray, k: int, seed: int, restarts: int) -> dict:
    best = None
    for shape in SHAPES:
        mixture = GaussianMixture(
            k, covariance_type=shape, n_init=max(1, restarts // 4), random_state=seed,
            reg_covar=1e-4, max_iter=500, tol=1e-6,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # judged by BIC instead
            mixture.fit(x)
        bic = mixture.bic(x)
        if best is None or bic < best[0]:
            best = (bic, shape, mixture)
    bic, shape, mixture = best
    return {
        "method": "gmm", "shape": shape, "weights": mixture.weights_.tolist(),
        "means": mixture.means_.tolist(), "covariances": _full(mixture, x.shape[1]).tolist(),
        "objective": float(-mixture.score(x) * len(x)), "bic": float(bic),
        "at_best": None,  # the library keeps the best of its starts only
    }  # fmt: skip


def _full(mixture: GaussianMixture, p: int) -> np.ndarray:
    covariance, k = mixture.covariances_, mixture.n_components
    if mixture.covariance_type == "full":
        return covariance
    if mixture.covariance_type == "tied":
        return np.repeat(covariance[None], k, axis=0)
    if mixture.covariance_type == "diag":
        return np.array([np.diag(c) for c in covariance])
    return np.array([np.eye(p) * c for c in covariance])


def _gmm_scores(params: dict, x: np.ndarray) -> np.ndarray:
    columns = []
    for weight, mean, precision, logdet in gaussians(params):
        away = x - mean
        columns.append(
            np.log(weight) - logdet / 2 - np.einsum("ij,jk,ik->i", away, precision, away) / 2
        )
    return np.column_stack(columns)


def gaussians(params: dict):
    """Weight, mean, precision and log-determinant of each component."""
    for weight, mean, given in zip(
        params["weights"], params["means"], params["covariances"], strict=True
    ):
        covariance = np.array(given)
        logdet = np.linalg.slogdet(covariance)[1]
        yield weight, np.array(mean), np.linalg.inv(covariance), logdet


# --- latent classes -----------------------------------------------------------------------------


def _latent(x: np.ndarray, k: int, levels: list[int], seed: int, restarts: int) -> dict:
    """Latent classes by StepMix (Morin et al. 2025) from random starts; missing is skipped."""
    states = np.random.default_rng(seed).integers(2**31, size=restarts)
    tolerance = 1e-5 if restarts < MANY else 1e-8  # a quick look, or the fit that is published
    runs = [_stepmix(x, k, levels, int(state), tolerance) for state in states]
    values = np.array([loglik for loglik, _ in runs])
    weights, (tables, means, variances) = _maximise(
        _parts(x, levels), levels, runs[int(values.argmax())][1]
    )
    edges = np.cumsum([c for c in levels if c])[:-1]
    found = {
        "method": "latent_class", "levels": list(levels), "weights": weights.tolist(),
        "means": means.tolist(), "variances": variances.tolist(),
        "tables": [[part.tolist() for part in np.split(row, edges)] for row in tables],
        "at_best": float(np.mean(values >= values.max() - 1e-4 * abs(values.max()))),
    }  # fmt: skip
    loglik = float(logsumexp(_latent_scores(found, x), axis=1).sum())
    free = k * sum(c - 1 if c else 2 for c in levels) + k - 1
    bic = -2 * loglik + free * np.log(len(x))
    return found | {"loglik": loglik, "objective": -loglik, "bic": float(bic)}


class _Numbers(GaussianDiagNan):
    """StepMix's numbers with gaps; a class of equal values keeps a little variance."""

    name = "gaussian_diag_floored_nan"

    def _compute_cov(self, X, resp, resp_sums):
        return np.maximum(super()._compute_cov(X, resp, resp_sums), LEAST_VARIANCE)


EMISSION_DICT[_Numbers.name] = _Numbers  # how StepMix is told of a model


def _stepmix(x: np.ndarray, k: int, levels: list[int], state: int, tolerance: float):
    """Log-likelihood and memberships of one run of EM from a random start."""
    answers = [j for j, count in enumerate(levels) if count]
    numbers = [j for j, count in enumerate(levels) if not count]
    nan = "_nan" if np.isnan(x).any() else ""
    blocks = {
        "answers": {"model": f"categorical{nan}", "n_columns": len(answers)},
        "numbers": {"model": _Numbers.name, "n_columns": len(numbers)},
    }
    mixture = StepMix(
        k, measurement={name: block for name, block in blocks.items() if block["n_columns"]},
        random_state=state, max_iter=2000, abs_tol=tolerance, progress_bar=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the best of many starts is taken
        mixture.fit(x[:, answers + numbers])
    return float(mixture.lower_bound_ * len(x)), mixture.predict_proba(x[:, answers + numbers])


def _parts(x: np.ndarray, levels: list[int]) -> tuple[np.ndarray, ...]:
    """Put indicators of all answers side by side; numbers, 0 for missing; which are known."""
    hot = [x[:, [j]] == np.arange(c) for j, c in enumerate(levels) if c]
    numbers = x[:, [j for j, c in enumerate(levels) if not c]]
    known = ~np.isnan(numbers)
    indicators = np.hstack(hot).astype(float) if hot else np.zeros((len(x), 0))
    return indicators, np.where(known, numbers, 0.0), known.astype(float)


def _maximise(parts, levels: list[int], share: np.ndarray):
    indicators, numbers, known = parts
    tables = share.T @ indicators + 1e-10
    place = 0
    for count in levels:
        block = tables[:, place : place + count]
        block /= block.sum(axis=1, keepdims=True) if count else 1.0
        place += count
    mass = share.T @ known + 1e-10
    means = share.T @ numbers / mass
    variances = np.maximum(share.T @ numbers**2 / mass - means**2, LEAST_VARIANCE)
    return np.maximum(share.mean(axis=0), 1e-12), (tables, means, variances)


def _joint(weights: np.ndarray, numbers, parts) -> np.ndarray:
    """Log of class weight times likelihood, shape (rows, classes)."""
    tables, means, variances = numbers
    indicators, values, known = parts
    away = values**2 @ (1 / variances).T - 2 * values @ (means / variances).T
    away += known @ (means**2 / variances + np.log(2 * np.pi * variances)).T
    return np.log(weights) + indicators @ np.log(tables).T - away / 2


def _latent_scores(params: dict, x: np.ndarray) -> np.ndarray:
    k = len(params["weights"])
    tables = np.array([np.concatenate([[], *row]) for row in params["tables"]])
    means = np.array(params["means"]).reshape(k, -1)
    variances = np.array(params["variances"]).reshape(k, -1)
    numbers = (tables, means, variances)
    return _joint(np.array(params["weights"]), numbers, _parts(x, params["levels"]))


_SCORES = {"kmeans": _kmeans_scores, "gmm": _gmm_scores, "latent_class": _latent_scores}
