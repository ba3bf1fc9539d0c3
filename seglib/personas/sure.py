"""How sure the members of segments are, and what descriptors become when that is counted in."""

from __future__ import annotations

import pandas as pd

from seglib.clustering import fit
from seglib.clustering import model as models
from seglib.personas import doubt
from seglib.personas.grounds import Evidence

SOFT = {"gmm", "latent_class"}  # methods whose probabilities of membership are those of a model


def chances(ev: Evidence) -> pd.DataFrame | None:
    """Return each customer's probability of each segment; None where membership is hard.

    Returns
    -------
    DataFrame, shape (customers, k), or None
        Columns are the numbers of the segments.
    """
    if not ev.run.has("model.json"):
        return None
    model = ev.run.read("model.json")
    if model["parameters"]["method"] not in SOFT or len(ev.segments) < 2:
        return None
    chance = fit.probabilities(model["parameters"], models.data(model, ev.customers))
    return pd.DataFrame(chance, index=ev.customers.index, columns=models.numbers(model))


def corrected(ev: Evidence, names: dict[int, str]) -> pd.DataFrame:
    """Return the descriptors that differ, plain and with the doubt about membership counted in.

    Parameters
    ----------
    names : dict
        Segment → name.

    Returns
    -------
    DataFrame
        segment, attribute, plain, corrected (of a level: times as common as elsewhere; of a number:
        chance that one of them has more) and the corrected interval; empty where membership is
        hard or nothing differs.
    """
    chance, rows = ev.once(chances), ev.descriptors
    chosen = rows[rows["selected"].astype(bool)]
    if chance is None or chosen.empty:
        return pd.DataFrame(columns=["segment", "attribute", "plain", "corrected", "from", "to"])
    found = doubt.corrected(chosen, ev.customers, chance)
    table = found[["label", "value", "corrected", "corrected_low", "corrected_high"]]
    table.columns = ["attribute", "plain", "corrected", "from", "to"]
    table.insert(0, "segment", found["segment"].map(names))
    return table.reset_index(drop=True)


def said(ev: Evidence) -> str:
    """Return whether membership is taken as sure, and what that does to comparisons."""
    if len(ev.segments) < 2 or not ev.run.has("model.json"):
        return ""
    if ev.once(chances) is not None:
        return (
            "Members are known with a probability only, and the plain figures count each in the "
            "segment most likely for them: that makes differences look smaller than they are. The "
            "corrected ones undo the mixing (weights of Bolck, Croon & Hagenaars 2004); a dash: "
            "too few to say."
        )
    return (
        "These segments have hard borders, so membership is taken as sure here; how many stand "
        "near a border is on the [page about the segments](03_clustering.html)."
    )
