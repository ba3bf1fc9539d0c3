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
from seglib.clustering.validity import AGREE, AGREE_SOME, Decision

OF_ALL = ["p_value", "tables", "structure", "reproducible", "bend", "bend_null", "stretched"]
AMBIGUOUS = 0.6  # a lower probability of the own segment is ambiguous


@dataclass(frozen=True)
class Choice:
    """A number of segments and who chose it; what its prediction was worth, if that decided."""

    k: int
    chosen_by: str = "verdict"
    carried: str | None = None
    prediction: tuple | None = None


@dataclass(frozen=True)
class Verdict:
    """How many segments there are, and how far they can be trusted.

    Attributes
    ----------
    kind, k
        `natural` (groups that are in the data), `reproducible` (they come back, but shade into
        each other, or their number is open), `constructive` (a cut that is of use) or `none`; the
        number of segments.
    apart
        How many groups stand apart at least; 1 where none do.
    headline, reasons
        The verdict in a sentence or two, and the figure behind each word of it.
    evidence : pandas.DataFrame
        A row per number of segments: `stability` (adjusted Rand index of bootstrap samples),
        `dispersion_z` (compactness, in standard deviations of the null model) and `separation`,
        beside their null values, with p-values of each number alone, and more.
    p_value, null_model
        Of the largest compactness over all numbers of segments; what it is compared with.
    segments : pandas.DataFrame
        A row per segment: n, share, `jaccard` (overlap with refits), `jaccard_null`, `stable`.
    agreement, usefulness
        Of refits with the segments: value, low, high, kept, null, beyond; as of
        `prediction.usefulness`, with its summary.
    instead
        What to use where there are no segments: `score_deciles`, `rfm_tiers` or `nothing`.
    scores : pandas.DataFrame
        Of each row, what is recommended beside or instead of segments: scores and their deciles, or
        RFM tiers.
    """

    kind: str
    k: int
    apart: int
    headline: str
    reasons: list[str]
    evidence: pd.DataFrame
    p_value: float
    null_model: str
    segments: pd.DataFrame
    agreement: dict
    usefulness: dict | None
    instead: str
    scores: pd.DataFrame
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
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "scores"}
        plain["null_model"] = {name: _words(name) for name in ("null_model", "p_values")}
        plain["null_model"] |= {"tables": plain.pop("tables")}
        plain["null_model"]["model"] = plain["null_model"].pop("null_model")
        plain["confusion"] = self.confusion.to_numpy().tolist()
        for name in ("evidence", "segments", "sensitivity", "worth"):
            frame = plain[name].reset_index() if plain[name].index.name else plain[name]
            plain[name] = frame.astype(object).where(frame.notna(), None).to_dict("records")
        return plain | {"worth": plain["worth"] or None}

    def labelled(self, labels: dict[str, str]) -> Verdict:
        """Return the verdict with reasons that call columns as reports do."""
        reasons = self.reasons
        for name, label in labels.items():
            reasons = [r.replace(f"Column '{name}' ", f"Column “{label}” ") for r in reasons]
        return replace(self, reasons=reasons)

    @property
    def predictions(self) -> list[str]:
        """The reasons that speak of predictions."""
        return _predictions(self.kind, self.usefulness) if self.usefulness else []


def _words(sentence: str, **values) -> str:
    return wording.plain("verdict", sentence, **values)


# --- choosing -------------------------------------------------------------------------------------


def choose(
    decision: Decision,
    model: SegmentModel,
    X: pd.DataFrame,
    outcomes: pd.DataFrame | None = None,
    *,
    k: int = 0,
    previous: dict | None = None,
    rfm: pd.DataFrame | None = None,
    labels: pd.Series | None = None,
    progress: Callable[[str], None] | None = None,
) -> Choice:
    """Choose the number of segments.

    Where there are no groups and nobody asked for a number, the most stable cut into 3 to 6 is
    tried on the outcomes, and kept if it predicts them; without outcomes, the useful cut of the run
    before (``previous["cut"]``) is made again.

    Parameters
    ----------
    model : SegmentModel
        Its encoder, method, metric and random state are used.
    k, labels
        What the analyst asked for, 0 leaves it to the data; or made: as many as they are.
    """
    k = labels.nunique() if labels is not None else k
    if k or decision.kind != "none":
        return Choice(k or decision.k, "analyst" if k else "verdict")
    most, cut = len(decision.evidence), (previous or {}).get("cut")
    if outcomes is None and cut and cut["k"] <= most:
        return Choice(cut["k"], carried=cut["as_of"])
    if outcomes is None or most == 1:
        return Choice(1)
    tried = SegmentModel(**model.get_params(deep=False) | {"n_segments": decision.best_cut}).fit(X)
    useful, scores = _predicted(tried, X, outcomes, rfm, progress)
    kept = useful and useful["useful"]
    return Choice(decision.best_cut if kept else 1, prediction=(useful, scores))


def _predicted(model: SegmentModel, X: pd.DataFrame, outcomes, rfm, progress) -> tuple:
    """Return what the segments predict and everybody's scores; nothing of one segment."""
    if outcomes is None or model.n_segments < 2:
        return None, pd.DataFrame(index=X.index)
    names = model.encoder_.get_feature_names_out()
    features = pd.DataFrame(model.encoder_.transform(X), X.index, names)
    labels, seed = model.predict(X)["segment"], model.random_state
    about = {"rfm": rfm, "seed": seed, "progress": progress}
    return prediction.usefulness(labels, features, outcomes, **about)


# --- judging --------------------------------------------------------------------------------------


@algorithms.fast()
def judge(
    model: SegmentModel,
    X: pd.DataFrame,
    decision: Decision,
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
    decision, null, choice
        What was found, against what, and what was chosen.
    economics : dict, optional
        ``margin``, ``cost_per_customer``, ``weeks``; ``spend`` and ``before`` replace outcomes.
    """
    tell, rng = progress or (lambda _: None), np.random.default_rng((model.random_state, 3))
    k, members = model.n_segments, model.predict(X)["segment"]
    tell("segments made again from redrawn rows")
    segments, agreement = stability.stability(model, X, rng)
    tell("what the segments predict")
    useful, scores = choice.prediction or _predicted(model, X, outcomes, rfm, tell)
    alike = _alike(decision, model, X, agreement)
    kind = _kind(decision, model, agreement, useful, choice, alike)
    if useful:
        pairs = prediction.alike(members, outcomes) if k > 1 else []
        useful = useful | {"alike": [*map(list, pairs)]} | prediction.sentences(useful)
    instead = _instead(kind, useful, rfm)
    if instead == "rfm_tiers":
        scores = scores.join(prediction.rfm_tiers(rfm).add_suffix("_tier"))
    money = dict(economics or {})
    if economics and outcomes is not None and "spend" in outcomes:
        money.setdefault("spend", outcomes["spend"])
    tell("other numbers and other choices")
    return Verdict(
        kind=kind,
        headline=_headline(decision, model, kind, useful, choice, agreement, alike),
        reasons=_reasons(decision, k, agreement, kind, useful, instead, model.labels_, null.wholes_)
        + model.encoder_.notes_,
        segments=segments,
        agreement=agreement,
        usefulness=useful,
        instead=instead,
        scores=scores,
        worth=prediction.worth(members, **money) if "spend" in money else pd.DataFrame(),
        k_suggested=k if choice.chosen_by == "verdict" else decision.k,
        k_chosen_by=choice.chosen_by,
        carried=choice.carried if kind == "constructive" else None,
        sensitivity=stability.sensitivity(X, model.codes(X), k, model.random_state),
        **_about(model, X, decision, null),
        **_trust(model, X, decision, null, agreement, rng),
    )


def _about(model: SegmentModel, X: pd.DataFrame, decision: Decision, null: NullModel) -> dict:
    """Return what was judged, how it was made, and against what."""
    tables, rows = int(decision.evidence["tables"].iloc[0]), len(null.rows_)
    own = model.method_ != model.method or model.method in {"labels", decision.method()}
    chosen = "verdict" if own else "analyst"
    labels = {"agrees": model.agrees_, "without": model.unlabelled_, "n": f"{len(X):,}"}
    return {
        "k": model.n_segments,
        "apart": decision.apart,
        "n": len(X),
        "columns": model.encoder_.columns,
        "method": model.method_,
        "method_reason": _words("method", method=model.method_, chosen=chosen, **labels),
        "p_value": decision.p_value,
        "rule": _words("rule"),
        "tables": tables,
        "null_model": f"{tables} {_words('null_model')}",
        "sampled": {"rows": rows, "of": len(X)} if rows < len(X) else None,
        "restarts": {"n": algorithms.STARTS, "share_at_best": model.parameters_.get("at_best")},
    }


def _trust(model: SegmentModel, X, decision: Decision, null: NullModel, agreement, rng) -> dict:
    """Return the evidence, and how sure membership is."""
    most, k, chance = len(decision.evidence), model.n_segments, model.predict_proba(X).to_numpy()
    persists = stability.persistence(null, most, rng)
    persists = persists.map(lambda _: []) if model.method_ == "gmm" else persists
    doubt = stability.doubt(model.parameters_, chance, agreement["kept"], rng)
    known = "one" if k == 1 else "yes" if doubt["calibrated"] else "no"
    means = pd.DataFrame(chance).groupby(chance.argmax(axis=1)).mean()
    means = means.reindex(range(k), fill_value=0.0).round(6).to_numpy()
    unsure = float(np.mean(chance.max(axis=1) < AMBIGUOUS))
    evidence = decision.evidence.drop(columns=OF_ALL)
    return {
        "evidence": evidence.join(persists),
        "membership": doubt | {"sentence": _words("membership", **doubt | {"calibrated": known})},
        "ambiguous": {"share": unsure, "threshold": AMBIGUOUS},
        "confusion": pd.DataFrame(means, model.numbers_, model.numbers_),
    }


def _alike(decision: Decision, model: SegmentModel, X: pd.DataFrame, agreement: dict) -> float:
    """Return how alike segments made otherwise are to the groups, and labels to their refits."""
    alike = agreement["value"] if model.method_ == "labels" else 1.0
    if decision.apart < 2 or model.n_segments != decision.k or model.method_ == "gmm":
        return alike  # there are no groups beside them
    groups = SegmentModel(model.encoder_, decision.k, "gmm", model.random_state).fit(X)
    return min(alike, algorithms.rand_index(model.codes(X), groups.codes(X)))


def _kind(decision: Decision, model, agreement: dict, useful, choice: Choice, alike: float) -> str:
    """Return the kind of the segments used; those made otherwise must also be those found."""
    kind, again = decision.kind_at(model.n_segments), agreement["value"]
    if model.method_ == "gmm" and model.n_segments != decision.k:  # no k-means speaks for these
        kind = "reproducible" if agreement["beyond"] and again >= AGREE_SOME else "none"
    if alike < AGREE:
        kind = "reproducible" if kind != "none" and again >= AGREE_SOME else "none"
    if kind == "none" and (choice.carried or (useful and useful["useful"])):
        return "constructive"
    return kind


def _instead(kind: str, useful: dict | None, rfm) -> str:
    """Return what to use where there are no segments; RFM tiers also where nothing was tested."""
    untested = "nothing" if rfm is None else "rfm_tiers"
    return "nothing" if kind != "none" else useful["instead"] if useful else untested


# --- words ----------------------------------------------------------------------------------------


def _headline(decision, model, kind, useful, choice: Choice, agreement: dict, alike) -> str:
    k, labels = model.n_segments, model.method_ == "labels"
    other, shown = decision.k != k or kind in {"none", "constructive"}, k
    found = decision.apart if decision.apart > 1 else decision.k
    if not other and decision.kind != "none" and alike < AGREE:
        word, shown = "loose", found
    elif decision.kind != "none" and other and (choice.chosen_by == "analyst" or alike < AGREE):
        size = "one" if k == 1 else "fewer" if k < found else "more" if k > decision.k else "other"
        word, shown = "other" if labels or alike < AGREE else size, found
    elif choice.carried and kind == "constructive":
        word = "carried"
    else:
        few = len(decision.evidence) == 1  # number of segments that was considered
        word = kind if kind != "none" else "few" if few else "useless" if useful else "untested"
    about = {"kind": word, "k": shown, "asked": k, "apart": decision.apart}
    about |= {"whose": "given" if labels else "ours", "number": "one" if k == 1 else "several"}
    about |= {"counts": [*map(str, decision.counts)], "carried": choice.carried}
    if word == "reproducible":
        about |= {"curved": decision.curved, "valley": "deep" if decision.valley_at(k) else "none"}
        about["ways"] = "differ" if len(decision.counts) > 1 else "agree"
    borders = "own" if agreement["beyond"] else "any"
    what = "groups" if decision.apart > 1 else "segments that come back"
    score = "better" if useful and useful["score_beats_segments"] else "no better"
    return _words("headline", **about, borders=borders, what=what, score=score)


def _reasons(
    decision: Decision, k, agreement, kind, useful, instead="nothing", given=None, wholes=()
) -> list[str]:
    """Return sentences with the figure behind each word.

    Stability is that of refits with the segments used or, with one segment, of pairs of samples.
    """
    evidence, untested = decision.evidence, _untested(instead) if useful is None else []
    if len(evidence) == 1:
        return [_words("too_few"), *untested]
    most = int(evidence["dispersion_z"].loc[2:].idxmax())
    here = min(k, len(evidence)) if k > 1 else most
    row, least = evidence.loc[here].to_dict(), 1 / (evidence["tables"].iloc[0] + 1)
    apart = [
        {"k": at, "size": abs(z), "side": "more" if z >= 0 else "less"}
        for at, z in evidence["dispersion_z"].loc[[here, most]].items()
    ]
    depth, deepest = (1 - np.exp(-row[name]) for name in ("separation", "separation_null"))
    chance = {"p": max(decision.p_value, least), "least": decision.p_value <= least}
    tables = {"tables": int(row["tables"]), "most": apart[1] if here != most else None}
    refits = {name: row[name] for name in ("stability", "stability_null")}
    unusual = {"given": given is not None, "sparse": any(whole.sparse for whole in wholes)}
    unusual |= {"stretched": row["stretched"], "counted": evidence["bic"].notna().any()}
    what = "groups" if decision.apart > 1 and here == decision.k else "segments"
    sentences = [
        _words("compact", here=apart[0], **tables, **chance, **unusual),
        _words("agreement", again=agreement if k > 1 else None, **refits),
        _words("density", depth=depth, deepest=deepest, what=what, of=here, apart=decision.apart),
    ]
    if kind == "reproducible" and decision.apart == 1:
        sentences += _shading(decision)
    if decision.kind == "none" and kind != "reproducible" and evidence["structure"].any():
        sentences.append(_words("unstable"))
    if not wholes and not (kind == "reproducible" and decision.kind == "none"):
        sentences.append(_examined(decision))
    if decision.kind != "none" and k != decision.k:
        sentences.append(_words("best_for", k=decision.k))
    return sentences + (_predictions(kind, useful) if useful else untested * (kind == "none"))


def _shading(decision: Decision) -> list[str]:
    """Return what is known of segments that shade into each other: a bend, or how many groups."""
    bend, usual = decision.evidence[["bend", "bend_null"]].iloc[0]
    said = [_words("bend", bent=bend, usual=usual)] if decision.curved else []
    by = decision.evidence[["bic", "icl"]].dropna()
    return said + ([_words("overlapping", **by.idxmin())] if len(by) else [])


def _examined(decision: Decision) -> str:
    """Return how often the answer about groups was right where they were planted, or were not."""
    answer = "apart" if decision.kind == "reproducible" and decision.apart > 1 else decision.kind
    record, apart = wording.table("examined"), "some" if decision.apart > 1 else "none"
    return _words("examined", **record["all"], apart=apart, **record[answer])


def _untested(instead: str) -> list[str]:
    offer = _words("instead", instead=instead, tested="no")
    return [_words("not_tested"), *filter(None, [offer])]


def _predictions(kind: str, useful: dict) -> list[str]:
    """Return what the segments predict, beside what, and what to use meanwhile."""
    offer = _words("instead", instead=useful["instead"], tested="yes") if kind == "none" else ""
    return [*filter(None, [useful["summary"], useful["rfm"], offer])]
