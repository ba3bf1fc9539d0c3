"""What each base tells about what happens next: alone, beside the others, and which leads."""

from itertools import permutations

import numpy as np
import pandas as pd

from seglib.clustering.prediction import (
    BOOTSTRAPS,
    PLACEBOS,
    folds,
    held_out,
    indicators,
    interval,
    target,
    varies,
)


def predict(ways, outcomes: pd.DataFrame, used: pd.Series | None, seed: int) -> list[dict]:
    """Say what each base tells about each outcome, alone and beside the others.

    Parameters
    ----------
    ways : list of Way
        As :func:`seglib.clustering.bases.cut` makes them, known of all rows of the outcomes.
    outcomes : DataFrame
    used : Series or None
        The segments in use.

    Returns
    -------
    list of dict
        One an outcome: ``bases`` (each ``alone``, what it ``adds`` to the others, the best of
        shuffled labels, whether it ``tells`` anything), ``used``, ``all``, the ``leader``, how far
        others are ``behind`` it and how far it is ``over_used``.
    """
    names = [c for c in outcomes if varies(outcomes[c].to_numpy(dtype=float))]
    if not names:
        return []
    targets = [target(outcomes[name].to_numpy(dtype=float)) for name in names]
    hot = {way.name: indicators(way.labels.loc[outcomes.index]) for way in ways}
    current = None if used is None else indicators(used.loc[outcomes.index])
    predicted, placebo = _predictions(hot, current, np.column_stack([t[0] for t in targets]), seed)
    draws = np.random.default_rng(seed).integers(len(outcomes), size=(BOOTSTRAPS, len(outcomes)))
    rows = []
    for i, (name, (y, metric, score, nothing)) in enumerate(zip(names, targets, strict=True)):
        row = _told({k: p[:, i] for k, p in predicted.items()},
                    {k: [p[:, i] for p in ps] for k, ps in placebo.items()},
                    y, score, nothing, draws)  # fmt: skip
        rows.append({"outcome": str(name), "metric": metric, "nothing": nothing, **row})
    return _leading(rows, {name: x.shape[1] for name, x in hot.items()}, current)


def _predictions(hot: dict, current, y: np.ndarray, seed: int) -> tuple[dict, dict]:
    """Predict all outcomes by each base alone, by the rest without it, and by shuffled bases."""
    splits, rng = folds(len(y), seed, 2), np.random.default_rng(seed)
    predicted = {"all": held_out(np.hstack(list(hot.values())), y, splits)}
    if current is not None:
        predicted["used"] = held_out(current, y, splits)
    placebo = {}
    for name, own in hot.items():
        others = np.hstack([x for other, x in hot.items() if other != name])
        predicted["alone", name] = held_out(own, y, splits)
        predicted["rest", name] = held_out(others, y, splits)
        shuffled = [rng.permutation(own) for _ in range(PLACEBOS)]
        placebo[name] = [held_out(x, y, splits) for x in shuffled]
    return predicted, placebo


def _told(predicted: dict, placebo: dict, y: np.ndarray, score, nothing: float, draws) -> dict:
    """Score the predictions of one outcome, with intervals."""
    values = {key: score(y, p) for key, p in predicted.items()}
    again = {key: np.array([score(y[d], p[d]) for d in draws]) for key, p in predicted.items()}
    bases = []
    for name, shuffled in placebo.items():
        alone, rest = ("alone", name), ("rest", name)
        by_chance = float(max(score(y, p) for p in shuffled))
        reached = interval(values[alone], again[alone])
        bases.append({
            "base": name, "alone": reached, "placebo": by_chance,
            "adds": interval(values["all"] - values[rest], again["all"] - again[rest]),
            "tells": bool(reached["low"] > nothing and reached["value"] > by_chance),
        })  # fmt: skip
    compared_with = [("alone", name) for name in placebo] + ["used"] * ("used" in again)
    return {
        "bases": bases, "all": interval(values["all"], again["all"]),
        "used": interval(values["used"], again["used"]) if "used" in again else None,
        "draws": np.array([again[key] for key in compared_with]),
    }  # fmt: skip


def _leading(rows: list[dict], sizes: dict[str, int], current) -> list[dict]:
    """Add which base leads each outcome, and over which others that is certain.

    Leads have simultaneous 95 % intervals over all pairs and outcomes (the bootstrap's largest
    standardised deviation), because the leader was chosen by the same figures.
    """
    leads = {}
    for number, row in enumerate(rows):
        values = [base["alone"]["value"] for base in row["bases"]]
        values += [row["used"]["value"]] if row["used"] else []
        draws = row.pop("draws")
        for i, j in permutations(range(len(values)), 2):
            leads[number, i, j] = values[i] - values[j], draws[i] - draws[j]
    spread = {key: max(float(draw.std(ddof=1)), 1e-9) for key, (_, draw) in leads.items()}
    away = [np.abs(draw - value) / spread[key] for key, (value, draw) in leads.items()]
    width = float(np.quantile(np.max(away, axis=0), 0.95)) if leads else 0.0

    def lead(*key: int) -> dict:
        value, reach = float(leads[key][0]), width * spread[key]
        return {"value": value, "low": value - reach, "high": value + reach}

    for number, row in enumerate(rows):
        names = [base["base"] for base in row["bases"]]
        best = int(np.argmax([base["alone"]["value"] for base in row["bases"]]))
        row |= {"leader": names[best], "k": sizes[names[best]]}
        row["k_used"] = None if current is None else current.shape[1]
        row["behind"] = [
            {"base": name, **lead(number, best, j)} for j, name in enumerate(names) if j != best
        ]
        row["over_used"] = lead(number, best, len(names)) if row["used"] else None
    return rows
