"""How sure it is who belongs where, and means of segments that allow for the doubt.

Comparing segments by their most likely members mixes in the members of others. The BCH correction
(Bolck, Croon & Hagenaars 2004, *Political Analysis* 12; Vermunt 2010, *Political Analysis* 18,
eq. 9) undoes the mixing with the table of assignment errors.
"""

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from seglib.clustering import fit

CLOSE = 0.1  # Kolmogorov–Smirnov distance up to which probabilities are called calibrated


def doubt(params: dict, chance: np.ndarray, kept: float, rng: np.random.Generator) -> dict:
    """Check membership probabilities against rows simulated from the model.

    If the groups were what the method takes them for, simulated rows would be as sure of their
    segment as the rows are, and the probabilities would be right on average.

    Parameters
    ----------
    params : dict
        Of :mod:`seglib.fit`.
    chance : array, shape (rows, k)
    kept : float
        Share of rows that keep their segment when it is refitted on bootstrap samples.
    """
    if chance.shape[1] == 1:
        return {
            "mean_probability": 1.0, "expected": 1.0, "distance": 0.0, "kept_on_refit": 1.0,
            "calibrated": True, "sentence": "With one segment nobody is in doubt.",
        }  # fmt: skip
    share = np.bincount(chance.argmax(axis=1), minlength=chance.shape[1]) / len(chance)
    flat = {name: value for name, value in params.items() if name != "metric"}
    own = chance.max(axis=1)
    fake = fit.probabilities(flat, simulate(flat, share, 2000, rng)).max(axis=1)
    far = float(ks_2samp(own, fake).statistic)
    word = (
        "fit the shape that the method assumes" if far <= CLOSE
        else "are not calibrated (use them as a ranking only)"
    )  # fmt: skip
    return {
        "mean_probability": float(own.mean()), "expected": float(fake.mean()), "distance": far,
        "kept_on_refit": kept, "calibrated": far <= CLOSE,
        "sentence": f"Membership probabilities {word}: their mean is {own.mean():.0%}, groups of "
        f"the assumed shape would give {fake.mean():.0%}, and the two distributions are "
        f"{far:.2f} apart (up to {CLOSE} is close). {kept:.0%} of rows keep their segment when "
        "it is refitted on bootstrap samples.",
    }  # fmt: skip


def simulate(params: dict, share: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n rows from the groups as the method takes them to be (without a metric)."""
    label = rng.choice(len(share), size=n, p=share)
    if params["method"] == "kmeans":
        centres = np.array(params["centres"])
        return centres[label] + np.sqrt(params["softness"]) * rng.normal(size=(n, centres.shape[1]))
    if params["method"] == "gmm":
        roots = np.linalg.cholesky(np.array(params["covariances"]))
        noise = rng.normal(size=(n, roots.shape[1]))
        return np.array(params["means"])[label] + np.einsum("ijk,ik->ij", roots[label], noise)
    return np.array([_answers(params, i, rng) for i in label])


def _answers(params: dict, i: int, rng: np.random.Generator) -> list[float]:
    """Draw one row of answers of class i."""
    tables = iter(params["tables"][i])
    bells = zip(params["means"][i], params["variances"][i], strict=True)
    row = []
    for count in params["levels"]:
        if count:
            row.append(float(rng.choice(count, p=np.array(next(tables)))))
        else:
            mean, variance = next(bells)
            row.append(rng.normal(mean, np.sqrt(variance)))
    return row


def errors(chance: np.ndarray) -> np.ndarray:
    """Tabulate P(assigned to s | belongs to t), shape (k, k), from membership probabilities."""
    k = chance.shape[1]
    assigned = np.eye(k)[chance.argmax(axis=1)]
    return chance.T @ assigned / np.maximum(chance.sum(axis=0), 1e-12)[:, None]


def weights(chance: np.ndarray) -> np.ndarray:
    """Weigh each row in each segment, shape (rows, k); rows sum to one, some are negative."""
    return np.linalg.pinv(errors(chance))[chance.argmax(axis=1)]


def means(chance: np.ndarray, values: pd.DataFrame, numbers: list[int] | None = None) -> list[dict]:
    """Compute the plain and corrected mean of every column in every segment.

    Parameters
    ----------
    chance : array, shape (rows, k)
        Membership probabilities.
    values : DataFrame
        Numeric columns that did not form the segments; rows as in ``chance``.
    numbers : list of int, optional
        The number of each segment, in the order of ``chance``; 1, 2, 3 if not given.
    """
    table = values.to_numpy(dtype=float)
    plain = np.eye(chance.shape[1])[chance.argmax(axis=1)]
    soft = weights(chance)
    total = [np.maximum(w.sum(axis=0), 1e-12)[:, None] for w in (plain, soft)]
    raw, corrected = (w.T @ table / t for w, t in zip((plain, soft), total, strict=True))
    return [
        {
            "segment": number, "outcome": str(name),
            "mean": float(raw[i, j]), "corrected": float(corrected[i, j]),
        }
        for i, number in enumerate(numbers or range(1, chance.shape[1] + 1))
        for j, name in enumerate(values.columns)
    ]  # fmt: skip
