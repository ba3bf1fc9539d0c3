"""The verdict on segments: what was found, what was chosen, and every figure behind the words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from seglib import wording
from seglib.clustering import algorithms, prediction, stability
from seglib.clustering.null_model import NullModel
from seglib.clustering.segmenter import SegmentModel
from seglib.clustering.validity import AGREE, AGREE_SOME, Found

AMBIGUOUS = 0.6  # a lower probability of the own segment is ambiguous


@dataclass(frozen=True)
class Choice:
    """A number of segments and who chose it; what its prediction was worth, if that decided."""

    k: int
    chosen_by: str = "verdict"
    carried: str | None = None
    usefulness: dict | None = None


@dataclass(frozen=True)
class Verdict:
    """How many segments there are, and how far they can be trusted.

    Attributes
    ----------
    kind : str
        `natural` (groups that are in the data), `reproducible` (they come back, but shade into
        each other), `constructive` (a cut that is of use) or `none`.
    k : int
        Number of segments.
    headline : str
        The verdict in a sentence or two.
    reasons : list of str
        The figure behind each word of it.
    evidence : pandas.DataFrame
        A row per number of segments: `stability` (adjusted Rand index of bootstrap samples),
        `dispersion_z` (compactness, in standard deviations of the null model) and `separation`,
        beside their null values, with p-values of each number alone, and more.
    p_value : float
        Of the largest compactness over all numbers of segments.
    null_model : str
        What the evidence is compared with.
    segments : pandas.DataFrame
        A row per segment: n, share, `jaccard` (overlap with refits), `jaccard_null`, `stable`.
    agreement : dict
        Of refits with the segments: value, low, high, kept, null, beyond.
    usefulness : dict or None
        As of `prediction.usefulness`, with its summary.
    """

    kind: str
    k: int
    headline: str
    reasons: list[str]
    evidence: pd.DataFrame
    p_value: float
    null_model: str
    segments: pd.DataFrame
    agreement: dict
    usefulness: dict | None
    worth: pd.DataFrame
    n: int
    columns: list[str]
    method: str
    method_reason: str
    k_suggested: int
    k_chosen_by: str
    carried: str | None
    rule: str
    tables: int
    membership: dict
    ambiguous: dict
    confusion: pd.DataFrame
    sensitivity: pd.DataFrame
    restarts: dict
    sampled: dict | None

    def to_dict(self) -> dict:
        """Return the verdict as JSON can hold it: verdict.json."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        tables = found.pop("tables")
        found["null_model"] = {"tables": tables, "model": wording.plain("verdict", "null_model"),
                               "p_values": wording.plain("verdict", "p_values")}  # fmt: skip
        found["evidence"] = _records(self.evidence.reset_index())
        found["segments"] = _records(self.segments.reset_index())
        found["confusion"] = self.confusion.to_numpy().tolist()
        found["sensitivity"] = _records(self.sensitivity)
        found["worth"] = _records(self.worth) or None
        return found

    def labelled(self, labels: dict[str, str]) -> Verdict:
        """Return the verdict with reasons that call columns as reports do."""
        reasons = self.reasons
        for name, label in labels.items():
            reasons = [r.replace(f"Column '{name}' ", f"Column “{label}” ") for r in reasons]
        return replace(self, reasons=reasons)


def _records(frame: pd.DataFrame) -> list[dict]:
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


# --- choosing -------------------------------------------------------------------------------------


def choose(
    found: Found,
    model: SegmentModel,
    X: pd.DataFrame,
    outcomes: pd.DataFrame | None = None,
    *,
    k: int = 0,
    previous: dict | None = None,
    rfm: pd.DataFrame | None = None,
    labels: pd.Series | None = None,
) -> Choice:
    """Choose the number of segments.

    Where there are no groups and nobody asked for a number, the most stable cut into 3 to 6 is
    tried on the outcomes, and kept if it predicts them; without outcomes, the useful cut of the run
    before (``previous["cut"]``) is made again.

    Parameters
    ----------
    model : SegmentModel
        Its encoder, method, metric and random state are used.
    k : int
        What the analyst asked for; 0 leaves it to the data.
    labels : Series, optional
        Segments that the analyst made: as many as they are.
    """
    k = labels.nunique() if labels is not None else k
    if k or found.kind != "none":
        return Choice(k or found.k, "analyst" if k else "verdict")
    most, cut = len(found.evidence), (previous or {}).get("cut")
    if outcomes is None:
        again = cut and cut["k"] <= most
        return Choice(cut["k"], carried=cut["as_of"]) if again else Choice(1)
    if most == 1:
        return Choice(1)
    tried = SegmentModel(**model.get_params(deep=False) | {"n_segments": found.best_cut}).fit(X)
    useful = predicts(tried, X, outcomes, rfm)
    return Choice(found.best_cut if useful and useful["useful"] else 1, usefulness=useful)


def predicts(model: SegmentModel, X: pd.DataFrame, outcomes, rfm=None) -> dict | None:
    """Return what the segments of a model predict; None if there is one, or nothing to predict."""
    if outcomes is None or model.n_segments < 2:
        return None
    labels = model.predict(X)["segment"]
    return prediction.usefulness(
        labels, features(model, X), outcomes, rfm=rfm, seed=model.random_state
    )


def features(model: SegmentModel, X: pd.DataFrame) -> pd.DataFrame:
    """Return the encoded columns of all rows by name."""
    Z = np.asarray(model.encoder_.transform(X))
    return pd.DataFrame(Z, X.index, model.encoder_.get_feature_names_out())


# --- judging --------------------------------------------------------------------------------------


@algorithms.fast()
def judge(
    model: SegmentModel,
    X: pd.DataFrame,
    found: Found,
    null: NullModel,
    choice: Choice,
    outcomes: pd.DataFrame | None = None,
    *,
    rfm: pd.DataFrame | None = None,
    economics: dict | None = None,
    progress: Callable[[str], None] | None = None,
) -> Verdict:
    """Judge segments: are they real, do they come back, do they predict.

    Parameters
    ----------
    model : SegmentModel
        Fitted and numbered.
    found, null, choice
        What was found, against what, and what was chosen.
    economics : dict, optional
        ``margin``, ``cost_per_customer``, ``weeks``; ``spend`` and ``before`` replace outcomes.
    """
    tell, rng = progress or (lambda _: None), np.random.default_rng((model.random_state, 3))
    segments, data, codes = model.predict(X)["segment"], model.data(X), model.codes(X)
    tell("segments made again from redrawn rows")
    overlap, overlap_null, agreement = stability.stability(model, X, data, codes, rng)
    tell("what the segments predict")
    useful = choice.usefulness or predicts(model, X, outcomes, rfm)
    if useful:
        pairs = prediction.alike(segments, outcomes) if model.n_segments > 1 else []
        useful = useful | {"alike": [list(pair) for pair in pairs]} | _words_of(useful)
    kind = _kind(found, model, agreement, useful, choice)
    money = dict(economics or {})
    if economics and outcomes is not None and "spend" in outcomes:
        money.setdefault("spend", outcomes["spend"])
    reasons = _reasons(found, model.n_segments, agreement) + _use(kind, useful)
    tell("other indices and other choices")
    return Verdict(
        kind=kind, headline=_headline(found, model, kind, useful, choice, agreement),
        reasons=reasons + model.encoder_.notes_, agreement=agreement, usefulness=useful,
        segments=stability.by_segment(model, segments, overlap, overlap_null),
        worth=prediction.worth(segments, **money) if "spend" in money else pd.DataFrame(),
        k_suggested=model.n_segments if choice.chosen_by == "verdict" else found.k,
        k_chosen_by=choice.chosen_by, carried=choice.carried if kind == "constructive" else None,
        sensitivity=stability.sensitivity(X, codes, model.n_segments, model.random_state),
        **_about(model, X, found, null), **_trust(model, data, found, null, agreement, rng),
    )  # fmt: skip


def _about(model: SegmentModel, X: pd.DataFrame, found: Found, null: NullModel) -> dict:
    """Return what was judged, how it was made, and against what."""
    tables, rows = int(found.evidence["tables"].iloc[0]), len(null.rows_)
    return {
        "k": model.n_segments, "n": len(X), "columns": model.encoder_.columns,
        "method": model.method_, "method_reason": _method(model), "p_value": found.p_value,
        "rule": wording.plain("verdict", "rule"), "tables": tables,
        "null_model": f"{tables} {wording.plain('verdict', 'null_model')}",
        "sampled": {"rows": rows, "of": len(X)} if rows < len(X) else None,
        "restarts": {"n": algorithms.STARTS, "share_at_best": model.parameters_.get("at_best")},
    }  # fmt: skip


def _trust(model: SegmentModel, data, found: Found, null: NullModel, agreement, rng) -> dict:
    """Return the evidence with other indices, and how sure membership is."""
    most, chance = len(found.evidence), algorithms.probabilities(model.parameters_, data)
    indices = stability.indices(null, most, rng)
    criteria = stability.criteria(model, data[null.rows_], most)
    doubt = stability.doubt(model.parameters_, chance, agreement["kept"], rng)
    inner = ["p_value", "tables", "reproducible"]
    return {
        "evidence": found.evidence.drop(columns=inner).join(indices).join(criteria),
        "membership": doubt | {"sentence": _membership(doubt, model.n_segments)},
        "ambiguous": {"share": float(np.mean(chance.max(axis=1) < AMBIGUOUS)),
                      "threshold": AMBIGUOUS},
        "confusion": stability.confusion(chance, model.numbers_),
    }  # fmt: skip


def _kind(found: Found, model: SegmentModel, agreement: dict, useful, choice: Choice) -> str:
    """Return the kind of the segments used; labels that were given must also be those found."""
    kind = found.kind_at(model.n_segments)
    if model.method_ == "labels" and agreement["value"] < AGREE:
        kind = "reproducible" if kind != "none" and agreement["value"] >= AGREE_SOME else "none"
    if kind == "none" and (choice.carried or (useful and useful["useful"])):
        return "constructive"
    return kind


# --- words ----------------------------------------------------------------------------------------


def _headline(found: Found, model, kind: str, useful, choice: Choice, agreement: dict) -> str:
    k, given = model.n_segments, model.method_ == "labels"
    other = found.k != k or kind in {"none", "constructive"}
    if choice.chosen_by == "analyst" and found.kind != "none" and other:
        said = "one" if k == 1 else "fewer" if k < found.k else "more"
        said, shown = "other" if given else said, found.k
    else:
        said = "useless" if kind == "none" and useful else "untested" if kind == "none" else kind
        said, shown = "carried" if choice.carried and kind == "constructive" else said, k
    return wording.plain(
        "verdict", "headline", kind=said, k=shown, asked=k, carried=choice.carried,
        what="groups" if found.kind == "natural" else "segments that come back",
        whose="given" if given else "ours", borders="own" if agreement["beyond"] else "any",
        number="one" if k == 1 else "several",
        score="better" if useful and useful["score_beats_segments"] else "no better",
    )  # fmt: skip


def _method(model: SegmentModel) -> str:
    asked = model.method not in {"auto", "labels"} and model.method_ == model.method
    chosen = "analyst" if asked else "verdict"
    text = wording.plain(
        "verdict", "method", method=model.method_, chosen=chosen, agrees=model.agrees_
    )
    return (
        f"{text} {wording.plain('verdict', 'turned')}" if model.parameters_.get("metric") else text
    )


def _membership(about: dict, k: int) -> str:
    return wording.plain(
        "verdict", "membership", mean=about["mean_probability"], expected=about["expected"],
        distance=about["distance"], kept=about["kept_on_refit"],
        calibrated="one" if k == 1 else "yes" if about["calibrated"] else "no",
    )  # fmt: skip


def _reasons(found: Found, k: int, agreement: dict) -> list[str]:
    """Sentences with the figure behind each word.

    Stability is one of two quantities, and named: that of the segments used (of refits with them),
    or, with one segment, that in the search, of pairs of samples.
    """
    evidence = found.evidence
    if len(evidence) == 1:
        return [wording.plain("verdict", "too_few")]
    most = int(evidence["dispersion_z"].loc[2:].idxmax())
    here = min(k, len(evidence)) if k > 1 else most
    row, least = evidence.loc[here], 1 / (evidence["tables"].iloc[0] + 1)
    depth, deepest = (1 - np.exp(-row[name]) for name in ("separation", "separation_null"))
    out = [
        wording.plain(
            "verdict", "compact", k=here, here=_apart(evidence, here), tables=int(row["tables"]),
            most=None if here == most else _apart(evidence, most) | {"k": most},
            least=found.p_value <= least, p=least if found.p_value <= least else found.p_value,
        ),
        wording.plain(
            "verdict", "agreement", again=agreement if k > 1 else None,
            stability=row["stability"], stability_null=row["stability_null"],
        ),
        wording.plain("verdict", "density", depth=depth, deepest=deepest),
    ]  # fmt: skip
    if found.kind != "none" and k != found.k:
        out.append(wording.plain("verdict", "best_for", k=found.k))
    return out


def _apart(evidence: pd.DataFrame, k: int) -> dict:
    z = evidence.loc[k, "dispersion_z"]
    return {"size": abs(z), "side": "more" if z >= 0 else "less"}


def _use(kind: str, useful: dict | None) -> list[str]:
    if useful is None:
        return [wording.plain("verdict", "not_tested")] if kind == "none" else []
    said = [useful["summary"], useful["rfm"]]
    if kind == "none":
        said.append(wording.plain("verdict", "instead", instead=useful["instead"]))
    return [sentence for sentence in said if sentence]


def _words_of(useful: dict) -> dict:
    """Say what segments and their rivals predict: ``summary`` and ``rfm``."""
    rows = useful["outcomes"]
    told = [f"{r['outcome']} ({r['metric']} {_span(r['segments'])})" for r in rows if r["useful"]]
    gains = [f"{r['outcome']} ({_signed(r['gain'], 3)})" for r in rows if r["gain"]["low"] > 0]
    seen = [r for r in rows if r["useful"] or r["recommended"]]
    beats = [r["tenths_lead"]["high"] < 0 for r in seen]
    summary = wording.plain(
        "verdict", "predicts", told=told, gains=gains,
        only="some" if gains and len(gains) < len(rows) else "all",
        beats=("Yes" if all(beats) else "In part" if any(beats) else "No") if seen else None,
        tenths=[f"{_figure(r['score_tenths'])} for {r['outcome']} (difference "
                f"{_signed(r['tenths_lead'], 2)})" for r in seen],
        better=[f"{_figure(r['model'])} for {r['outcome']}" for r in rows if r["recommended"]],
    )  # fmt: skip
    rfm = []
    for word in ("better", "ahead", "behind", "worse"):
        reached = [f"{r['outcome']} ({r['metric']} {_figure(r['rfm_terciles'])} against "
                   f"{_figure(r['segments'])})" for r in rows if r["rfm"] == word]  # fmt: skip
        if reached:
            rfm.append(wording.plain("verdict", "rfm", rfm=word, reached=reached))
    return {"summary": summary, "rfm": " ".join(rfm)}


def _figure(found: dict, key: str = "value") -> str:
    """Return a score with two decimals: '−0.01'."""
    return wording.minus(f"{found[key]:z.2f}")


def _span(found: dict) -> str:
    return f"{_figure(found)}, {_figure(found, 'low')} to {_figure(found, 'high')}"


def _signed(found: dict, places: int) -> str:
    """Return a difference with its interval: '+0.07, −0.01 to +0.15'."""
    value, low, high = (wording.minus(f"{found[k]:+z.{places}f}") for k in ("value", "low", "high"))
    return f"{value}, {low} to {high}"


def words(judged: Verdict) -> dict:
    """Return what a page says of the prediction: ``said``, sentences, and who ended ``alike``."""
    useful = judged.usefulness or {"alike": []}
    said = [useful.get("summary"), useful.get("rfm")]
    if judged.kind == "none" and judged.usefulness:
        said.append(wording.plain("verdict", "instead", instead=useful["instead"]))
    pairs = [f"segment {a} from {b}" for a, b in useful["alike"]]
    return {"said": [sentence for sentence in said if sentence], "alike": pairs}
