"""Campaigns as they were observed: who was addressed and who responded, never what it caused.

Who is addressed was chosen, mostly by what customers had done before. A difference between those
addressed and the rest, or between segments, therefore describes; only arms assigned at random
(`experiments`) say what a campaign did.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from seglib.collection import activity
from seglib.files import Run
from seglib.measuring import arms, experiments, findings
from seglib.measuring.outcomes import (
    EVERYONE,
    covered,
    rates,
    records,
    table,
)
from seglib.study import Study, StudyError


def sent(run: Run, people: pd.DataFrame) -> pd.DataFrame:
    """Return the campaigns of the segments' members, each with its period.

    The columns of campaigns.parquet; `segment`; `period`: before, after or other, by the day it
    began; `whole`: its responses are all in the data (it neither began before them nor ended after
    them). No rows without campaigns or transactions.
    """
    if not (run.has("campaigns.parquet") and run.has("monthly.parquet")):
        columns = ["customer", "campaign", "start", "segment", "period", "whole"]
        return pd.DataFrame(columns=columns)
    mailed = run.read("campaigns.parquet")
    mailed = mailed[mailed["customer"].isin(people.index)].copy()
    mailed["segment"] = mailed["customer"].map(people["segment"])
    start = pd.to_datetime(mailed["start"])
    end = pd.to_datetime(mailed["end"]).fillna(start) if "end" in mailed else start
    earlier = run.as_of - (run.until - run.as_of)
    days = [pd.Timestamp(day) - timedelta(seconds=1) for day in (earlier, run.as_of, run.until)]
    period = pd.cut(start.astype("datetime64[ns]"), days, labels=["before", "after"])
    mailed["period"] = period.astype(object).fillna("other")
    first, after = map(pd.Timestamp, covered(run))
    return mailed.assign(whole=(start >= first) & (end < after))


def observed(addressed: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the campaigns whose customers were chosen, without those to whom nothing was sent.

    Where customers were assigned to arms at random, whom a campaign reached says nothing of them.
    """
    spec = study.tables.campaigns
    if spec is None or "arm" not in addressed:
        return addressed
    arms = addressed.groupby("campaign")["arm"].transform("nunique")
    drawn = spec.randomised & (arms > 1)
    return addressed[~drawn & (addressed["arm"] != spec.control)]


def reach(addressed: pd.DataFrame, people: pd.DataFrame, *, minimum: int) -> pd.DataFrame:
    """Return reach and conversion of each segment, and of everyone, before and after.

    Only campaigns whose responses are all in the data count. A customer counts once a period,
    however many campaigns came, so that the Wilson intervals hold. As `outcomes.kpis`, of the
    metrics `reached` (of the members) and `converted` (of those reached).
    """
    rows, segments = [], sorted(people["segment"].unique())
    for period in ("before", "after"):
        whole = addressed[addressed["whole"].astype(bool) & (addressed["period"] == period)]
        if whole.empty:
            continue
        reached = pd.Series(people.index.isin(whole["customer"]), people.index)
        rows += rates(people["segment"], reached, "reached", period, segments)
        if "redeemed" in whole:
            redeemed = whole.groupby("customer")["redeemed"].any().reindex(people.index[reached])
            rows += rates(people["segment"][reached], redeemed, "converted", period, segments)
    return table(rows, minimum)


def each(addressed: pd.DataFrame, *, minimum: int) -> pd.DataFrame:
    """Return every campaign with how many it addressed (missing if few), and what is known of it.

    Columns: campaign, type, start, end, period, whole (as far as there are such), n.
    """
    about = [c for c in ("campaign", "type", "start", "end", "period", "whole") if c in addressed]
    rows = addressed.groupby(about, dropna=False, observed=True).size().rename("n").reset_index()
    rows["n"] = rows["n"].where(rows["n"] >= minimum)
    return rows.sort_values(["start", "campaign"]).reset_index(drop=True)


def described(run: Run, each: pd.DataFrame) -> dict:
    """Return which campaigns are described, and which are not because they were still open."""
    spec = run.study.tables.campaigns
    if each.empty:
        kind = "none" if spec is None else "random" if spec.randomised else "empty"
        return {"kind": kind, "before": 0, "after": 0, "open": []}
    known = each[each["period"] != "other"].drop_duplicates("campaign")
    whole = known.loc[known["whole"].astype(bool), "period"].value_counts()
    still = known.loc[~known["whole"].astype(bool), "campaign"].astype(str).tolist()
    counts = {period: int(whole.get(period, 0)) for period in ("before", "after")}
    return {"kind": "some", "open": still, **counts}


# --- the experiments of a study -------------------------------------------------------------------


def trials(run: Run, sent: pd.DataFrame) -> tuple[list[dict], list[dict]]:
    """Analyse every experiment of a study whose arms were assigned at random.

    Returns
    -------
    analysed : list of dict
        campaign (its name), control, start, days, short, adjusted (as `arms.assigned` has them),
        outcomes (column → `Outcome`), minimum, result.
    notes : list of dict
        Why there is none (`kind`), or which one is refused and why.
    """
    study, analysed = run.study, []
    reason = arms.refused(run, sent)
    listed = arms.of_customers(run) + arms.of_campaigns(run, sent)
    notes = [{"kind": reason}] if reason else []
    if study.arms is not None and not study.arms.randomised:
        notes.append({"kind": "arms_not_random"})
    facts = activity.of_run(run) if listed else None
    for trial in listed:
        control, about = trial.spec.control, {"minimum": study.minimum_cell}
        try:
            units, compared, period = arms.assigned(facts, trial)
            arms.treatments(units["arm"], control, study.minimum_cell)
            units, planned = units.join(arms.known_before(run, units.index)), trial.spec.planned
            result = experiments.analyse(units, control, compared, planned=planned or None, **about)
        except StudyError as refusal:
            notes.append({"kind": "refused", "campaign": trial.name, "error": str(refusal)})
            continue
        about |= {"campaign": trial.name, "control": control, **period}
        analysed.append(about | {"outcomes": compared, "result": result})
    return analysed, notes if analysed or notes else [{"kind": "no_arms"}]


def effects(analysed: list[dict], called: dict[int, str], currency: str = "") -> pd.DataFrame:
    """Return one row an experiment, outcome, arm and segment (0 = everyone) that has an effect.

    level and baseline are in `unit`; effect, shrunk, detectable and worth in `effect_unit` (of
    shares: percentage points), with intervals; n, n_control are missing if few. Nothing of
    experiments that are not believed.
    """
    columns = ["campaign", "label", "kind", "arm", "segment", "name", "verdict", "unit"]
    columns += ["effect_unit", "n", "n_control"]
    parts = [pd.DataFrame(columns=[*columns, *experiments.CLAIMS])]
    for trial in analysed:
        result, arms_of = trial["result"], trial["result"].ratio["counts"]
        few = result.overall["left_out"].between(1, trial["minimum"] - 1)
        whole = result.overall.assign(segment=EVERYONE, verdict="", few=False)
        whole["n"] = whole["n"].mask(few, whole["arm"].map(arms_of))
        whole["n_control"] = whole["n_control"].mask(few, arms_of[trial["control"]])
        rows = pd.concat([result.segments, whole], ignore_index=True)
        rows = rows[rows["outcome"].isin(whole.loc[whole["effect"].notna(), "outcome"])]
        for name, of in rows.groupby("outcome", sort=False):
            outcome = trial["outcomes"][name]
            about = {"campaign": trial["campaign"], "control": trial["control"]}
            about |= {"label": outcome.label, "kind": outcome.kind}
            parts.append(of.assign(**about, **findings.units(outcome.kind, currency)))
    rows = pd.concat(parts[1:] or parts, ignore_index=True)
    scaled = [*experiments.SHRUNK, "effect", "low", "high", "detectable", "worth"]
    scaled = [name for name in scaled if name in rows]
    rows[scaled] = rows[scaled].mul(np.where(rows["kind"] == "yes/no", 100, 1), axis=0)
    if "few" in rows:
        rows[["n", "n_control"]] = rows[["n", "n_control"]].mask(rows["few"].astype(bool))
    return rows.assign(name=rows["segment"].map(called))


def soundness(trial: dict) -> pd.DataFrame:
    """Return the sizes of the arms, and how far they differed before: a row an arm.

    customers, share, planned, sizes (the p-value of the test of the sizes); for arms but the
    control the largest difference before (in standard deviations) and the least p, corrected.
    """
    ratio, uneven = trial["result"].ratio, trial["result"].balance.groupby("arm")
    counts = pd.Series(ratio["counts"]).rename_axis("arm")
    table = pd.DataFrame({"customers": counts, "share": counts / counts.sum()})
    table = table.assign(planned=pd.Series(ratio["planned"]), sizes=ratio["p"])
    largest = uneven["difference"].agg(lambda d: d.abs().max())
    return table.assign(difference=largest, p=uneven["p_adjusted"].min())


def record(trial: dict, **sentences) -> dict:
    """Return an experiment for measures.json with sentences, without numbers of few customers."""
    result, names = trial["result"], ["n", "n_control", "pooled", "left_out"]
    few = result.segments["few"].astype(bool)
    segments = result.segments.drop(columns="few")
    segments[["n", "n_control"]] = segments[["n", "n_control"]].mask(few)
    overall = result.overall.copy()
    apart = ~overall["left_out"].between(1, trial["minimum"] - 1)
    overall[names] = overall[names].where(apart)
    frames = {"balance": result.balance, "overall": overall, "segments": segments}
    about = {key: trial[key] for key in ("campaign", "control", "start", "days")}
    outcomes = {
        name: {"label": o.label, "kind": o.kind, "wanted": o.wanted}
        for name, o in trial["outcomes"].items()
    }
    about |= {"outcomes": outcomes, "ratio": result.ratio, **sentences}
    return about | {name: records(frame) for name, frame in frames.items()}
