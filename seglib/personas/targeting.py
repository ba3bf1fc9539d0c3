"""Whom to target: segments ranked by criteria under weights, and how firmly."""

import numpy as np
import pandas as pd

from seglib.formats import StudyError
from seglib.personas.words import CRITERIA

DRAWS = 10_000  # sets of weights


def weights(own: dict[str, float], scores: pd.DataFrame) -> dict[str, float]:
    """Return the weight of each criterion known of two segments, summing to 1; equal unless given.

    What is known of one segment alone compares nothing, and has none.
    """
    shown = scores[scores["n"].notna()]
    least = max(1, min(2, len(shown)))
    usable = [c for c in CRITERIA if c in shown and shown[c].notna().sum() >= least]
    weighting = {c: float(own.get(c, 0.0)) if own else 1.0 for c in usable}
    if (total := sum(weighting.values())) <= 0:
        raise StudyError(
            f"targeting: of {', '.join(usable)}, which are known of two segments or more, one at "
            "least must weigh above 0"
        )
    return {name: weight / total for name, weight in weighting.items()}


def rank(scores: pd.DataFrame, weighting: dict[str, float], seed: int = 0) -> pd.DataFrame:
    """Return the segments by `criteria` ranked by weights, and how firmly.

    Each criterion runs from 0 (the lowest segment) to 1 (the highest). The score is the weighted
    mean of those known of a segment; one of which none is known comes last. `first` is the share of
    10,000 random sets of weights, all equally likely, under which the segment comes first; `best`
    and `worst` are ranks that at least 5 of 100 of those sets give it or better, or worse.
    """
    values = scores.loc[scores["n"].notna(), [*weighting]]
    spread = values.max() - values.min()
    scaled = (values - values.min()) / spread.where(spread > 0)
    scaled = scaled.where((spread > 0) | values.isna(), 0.5)
    score = pd.Series(_means(scaled, np.array([[*weighting.values()]]))[:, 0], index=values.index)
    samples = np.random.default_rng(seed).dirichlet(np.ones(len(weighting)), DRAWS)
    means = np.nan_to_num(_means(scaled, samples), nan=-1.0)
    ranks = 1 + (means[:, None] < means[None] - 1e-9).sum(axis=1)  # equals share a place
    place = score.round(9).rank(ascending=False, method="min", na_option="bottom").astype(int)
    best, worst = (np.quantile(ranks, q, axis=1).astype(int) for q in (0.05, 0.95))
    result = {"score": score, "rank": place, "first": (ranks == 1).mean(axis=1), "best": best}
    result = pd.DataFrame(result | {"worst": worst}, values.index).join(scaled)
    return result.sort_values("rank", kind="stable").rename_axis("segment").reset_index()


def _means(scaled: pd.DataFrame, samples: np.ndarray) -> np.ndarray:
    """Return each segment's mean of what is known, under each set of weights (one a row)."""
    values, known = scaled.fillna(0.0).to_numpy(), scaled.notna().to_numpy(dtype=float)
    weight = known @ samples.T
    return values @ samples.T / np.where(weight > 0, weight, np.nan)


def best_fit(ranking: list[dict]) -> list[int]:
    """Return the segments that fit the objective best, by its figure alone; none without one."""
    fit = {row["segment"]: row.get("scores", {}).get("objective") for row in ranking}
    fit = {segment: value for segment, value in fit.items() if pd.notna(value)}
    return [segment for segment, value in fit.items() if value > max(fit.values()) - 0.005]


def passed_over(first: dict | None, levers: list[dict], ranking: list[dict]) -> dict:
    """Return which segments fit the objective best if the first lever is for others, and why.

    Their tests would not tell enough (waiting), nothing is suggested for them (idle), or other
    criteria outweigh the objective (weights).
    """
    best = best_fit(ranking)
    if not first or not best or first["segment"] in best:
        return {}
    own = [row for row in levers if row["segment"] in best]
    why = "weights" if any(map(answerable, own)) else "waiting" if own else "idle"
    return {"segments": best, "why": why}


def answerable(row: dict) -> dict | None:
    """Return the test of a lever that its segment is large enough for, None if there is none."""
    return row["experiment"] if row["experiment"]["enough"] else row.get("other")


def outweighed(targeting: dict) -> dict:
    """Return the names of the segments that fit the objective best where others come first."""
    rows, best = targeting["ranking"], best_fit(targeting["ranking"])
    if not best or any(row["segment"] in best for row in rows if row["rank"] == 1):
        return {"fits": [], "fit": None, "figure": ""}
    names, about = {row["segment"]: row["name"] for row in rows}, targeting["meaning"]["objective"]
    fit = rows[0]["scores"]["objective"]
    fit = fit if pd.notna(fit) else None
    return {"fits": [names[s] for s in best], "fit": fit, "figure": about}


def ranked(book: dict, scores: pd.DataFrame) -> dict:
    """Return the words of the ranking by `criteria`: weights, who comes first, how firmly."""
    targeting, rows = book["targeting"], book["targeting"]["ranking"]
    if len(rows) < 2:
        return {"weights": "none"}
    names = {row["segment"]: row["name"] for row in rows}
    firmest, top = max(rows, key=lambda row: row["first"]), [r for r in rows if r["rank"] == 1]
    reached = "none" if "contacts" in scores else "unknown"
    about = {"chance": top[0]["first"], "tied": "yes" if len(top) > 1 else "no"}
    about |= {"most": firmest["first"], "firmest": firmest["name"] * (firmest["rank"] > 1)}
    about |= outweighed(targeting)
    return about | {
        "weights": "equal" if targeting["equal"] else "own",
        "given": ", ".join(f"{c} {w:.0%}" for c, w in targeting["weights"].items()),
        "first": [row["name"] for row in top],
        "names": [names[s] for s in targeting["underserved"]],
        "underserved": "some" if targeting["underserved"] else reached,
    }
