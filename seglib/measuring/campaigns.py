"""Campaigns as they were observed: who was addressed and who responded, never what it caused.

Who is addressed was chosen, mostly by what customers had done before. A difference between those
addressed and the rest, or between segments, therefore describes; only arms assigned at random
(`experiments`) say what a campaign did.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from seglib import power, privacy
from seglib.collection import activity, attributes, tables
from seglib.files import Run
from seglib.measuring import arms, experiments, findings
from seglib.measuring.outcomes import (
    EVERYONE,
    covered,
    kpis,
    rates,
    records,
    small_shares,
    table,
)
from seglib.stats import wilson
from seglib.study import Study, StudyError


def sent(run: Run, people: pd.DataFrame) -> pd.DataFrame:
    """Return the campaigns of the segments' members, each with its period.

    Parameters
    ----------
    run
    people
        From `outcomes.members`.

    Returns
    -------
    pandas.DataFrame
        The columns of campaigns.parquet; `segment`; `period`: before, after or other, by the day
        it began; `whole`: its responses are all in the data (it neither began before them nor ended
        after them). No rows without campaigns or transactions.
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
    """Return every campaign by segment: addressed, redeemed, and the rate with its interval.

    Returns
    -------
    pandas.DataFrame
        campaign, type, start, end, period, whole, segment (0 = everyone), n (addressed), and where
        responses are known value, low, high; suppressed.
    """
    about = [c for c in ("campaign", "type", "start", "end", "period", "whole") if c in addressed]
    everyone = addressed.assign(segment=EVERYONE)
    both = pd.concat([everyone, addressed], ignore_index=True) if len(addressed) else everyone
    groups = both.groupby([*about, "segment"], dropna=False, observed=True)
    rows = groups.size().rename("n").reset_index()
    rows["suppressed"] = rows["n"] < minimum
    for _, cells in rows[rows["segment"] > 0].groupby("campaign"):
        rows.loc[cells.index, "suppressed"] = privacy.hidden(cells["n"], minimum)[:-1]
    few = rows["suppressed"].copy()
    if "redeemed" in addressed:
        count = groups["redeemed"].sum().to_numpy()
        rows["low"], rows["high"] = wilson(count, rows["n"])
        rows.insert(len(about) + 2, "value", count / rows["n"])
        share = rows.assign(metric="converted")
        for _, cells in share.groupby(about, dropna=False, observed=True):
            family = {("converted", cells["period"].iloc[0]): ("y", "n")}
            rows.loc[cells.index, "suppressed"] |= small_shares(cells, family, minimum)
        rows.loc[rows["suppressed"], ["value", "low", "high"]] = float("nan")
    rows["n"] = rows["n"].mask(few)
    return rows.sort_values(["start", "campaign", "segment"]).reset_index(drop=True)


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


def by_type(addressed: pd.DataFrame, *, minimum: int) -> pd.DataFrame:
    """Return conversion after the cut-off date by type of campaign and segment.

    Segments that were sent other campaigns convert differently for that reason alone; within a
    type they are closer to comparable. A customer counts once a type. The type and the columns of
    `outcomes.kpis`; empty without types or responses.
    """
    parts = [table([], minimum).assign(type="")]
    if {"type", "redeemed"} <= set(addressed.columns):
        after = addressed[addressed["whole"] & (addressed["period"] == "after")]
        for kind, rows in after.groupby("type", observed=True):
            once = rows.groupby("customer").agg({"segment": "first", "redeemed": "any"})
            counted = rates(once["segment"], once["redeemed"], "converted", "after")
            parts.append(table(counted, minimum).assign(type=kind))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def spending(
    addressed: pd.DataFrame, people: pd.DataFrame, *, minimum: int, seed: int
) -> pd.DataFrame:
    """Return what those addressed after the cut-off date spent and were given off, by segment.

    It describes whom the campaigns chose; what they had spent before stands beside it. As in
    `reach`, campaigns still open when the data end do not count. As `outcomes.kpis`.
    """
    whole = addressed["whole"].astype(bool) & (addressed["period"] == "after")
    chosen = people[people.index.isin(addressed.loc[whole, "customer"])]
    if chosen.empty:
        return table([], minimum)
    rows = kpis(chosen, minimum=minimum, seed=seed, draws=1000)
    return rows[rows["metric"].isin(["spend", "discount"])].reset_index(drop=True)


# --- the experiments of a study -------------------------------------------------------------------


def trials(run: Run, sent: pd.DataFrame) -> tuple[list[dict], list[dict]]:
    """Analyse every experiment of a study whose arms were assigned at random.

    Parameters
    ----------
    run
    sent
        From `campaigns.sent`.

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
        try:
            units, compared, period = arms.assigned(facts, trial)
            arms.treatments(units["arm"], trial.spec.control, study.minimum_cell)
            units = units.join(arms.known_before(run, units.index))
            result = experiments.analyse(
                units,
                trial.spec.control,
                compared,
                planned=trial.spec.planned or None,
                minimum=study.minimum_cell,
            )
        except StudyError as refusal:
            notes.append({"kind": "refused", "campaign": trial.name, "error": str(refusal)})
            continue
        about = {"campaign": trial.name, "control": trial.spec.control, **period}
        about |= {"outcomes": compared, "minimum": study.minimum_cell, "result": result}
        analysed.append(about)
    return analysed, notes if analysed or notes else [{"kind": "no_arms"}]


def effects(analysed: list[dict], called: dict[int, str], currency: str = "") -> pd.DataFrame:
    """Return one row an experiment, outcome, arm and segment (0 = everyone) that has an effect.

    Returns
    -------
    pandas.DataFrame
        campaign, outcome, label, kind, arm, control, segment, name; level and baseline, in `unit`;
        effect, shrunk, detectable, worth, in `effect_unit` (of shares: percentage points), each
        with its interval; n, n_control (missing if few), p_adjusted, verdict. Nothing of
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


def soundness(run: Run, trial: dict, called: dict[int, str]) -> pd.DataFrame:
    """Return the sizes of the arms, and what differed most before: a row an arm.

    Returns
    -------
    pandas.DataFrame
        customers, share, planned, sizes (the p-value of the test of the sizes); for arms but the
        control `differed most`, its difference (in standard deviations) and p, corrected.
    """
    ratio, uneven = trial["result"].ratio, trial["result"].balance
    counts = pd.Series(ratio["counts"]).rename_axis("arm")
    table = pd.DataFrame({"customers": counts, "share": counts / counts.sum()})
    table = table.assign(planned=pd.Series(ratio["planned"]), sizes=ratio["p"])
    worst = uneven.loc[uneven.groupby("arm")["difference"].apply(lambda d: d.abs().idxmax())]
    worst = worst.set_index("arm")
    labels = {f"segment_{number}": f"share in {name}" for number, name in called.items()}
    lines = run.read("dictionary.json")["customers"] if run.has("dictionary.json") else []
    labels |= {f"{arms.KNOWN}{line['name']}": line["label"] for line in lines}
    plain = findings.plainly({"columns": [*worst["column"]]})["columns"]
    table["differed most"] = pd.Series(
        [labels.get(name, text) for name, text in zip(worst["column"], plain, strict=True)],
        worst.index,
        dtype=object,
    )
    least = uneven.groupby("arm")["p_adjusted"].min()
    return table.assign(difference=worst["difference"], p=least)


def record(trial: dict, **sentences) -> dict:
    """Return an experiment for measures.json, without numbers of few customers.

    Parameters
    ----------
    trial
        From `trials`.
    sentences
        What is said of it: short, problems, headline.
    """
    result, names = trial["result"], ("n", "n_control", "pooled", "left_out")
    few = result.segments["few"].astype(bool)
    segments = result.segments.drop(columns="few")
    segments[["n", "n_control"]] = segments[["n", "n_control"]].mask(few)
    overall = result.overall.copy()
    apart = ~overall["left_out"].between(1, trial["minimum"] - 1)
    overall[[*names]] = overall[[*names]].where(apart)
    frames = {"balance": result.balance, "overall": overall, "segments": segments}
    about = {key: trial[key] for key in ("campaign", "control", "start", "days")}
    outcomes = {
        name: {"label": o.label, "kind": o.kind, "wanted": o.wanted}
        for name, o in trial["outcomes"].items()
    }
    about |= {"outcomes": outcomes, "ratio": result.ratio, **sentences}
    return about | {name: records(frame) for name, frame in frames.items()}


def prospect(study: Study, clean: dict) -> list[dict]:
    """Return what the experiments of a study can answer, known before any effect is looked at.

    Parameters
    ----------
    study
    clean
        Its tables, by role, after the checks.

    Returns
    -------
    list of dict
        A line each, as the block `prospect` of page 06 words it: the arms of an experiment with
        their sizes; the smallest effect of each outcome that four of five such experiments find;
        or why nothing can be said.
    """
    lines, facts = [], activity.facts(study, clean, study.as_of)
    for trial in _before_a_run(study, clean, facts):
        about = {"campaign": trial.name}
        try:
            if not (trial.spec.randomised and trial.spec.columns.arm):
                raise StudyError("the study does not say that its arms were assigned at random")
            units, compared, period = arms.assigned(facts, trial)
            lines += _prospects(study, about, units, trial.spec, compared, period)
        except StudyError as refusal:
            lines.append(about | {"kind": "refused", "error": str(refusal)})
    return lines


def _before_a_run(study: Study, clean: dict, facts: activity.Facts) -> list[arms.Trial]:
    result, spec = [], study.tables.campaigns
    if study.arms is not None:
        people = attributes.arms(study, clean).rename_axis("customer").reset_index()
        people = people[people["arm"].notna()].assign(start=study.arms.start or study.as_of)
        after = people.set_index("customer")[[*study.arms.outcomes]]
        rows = people[["customer", "arm", "start"]].assign(segment=1)
        result.append(arms.Trial(arms.ONE, study.arms, rows, after))
    if spec is None or not spec.columns.arm or facts.all is None:
        return result
    sold = clean["transactions"]
    members = sold.filter(sold.time < tables.midnight(study.as_of)).select("customer").distinct()
    rows = activity.campaigns(clean).execute().assign(segment=1)
    rows = rows[rows["arm"].notna() & rows["customer"].isin(members.execute()["customer"])]
    several = [(n, of) for n, of in rows.groupby("campaign") if of["arm"].nunique() > 1]
    return result + [arms.Trial(name, spec, of) for name, of in several]


def _prospects(study: Study, about: dict, units, spec, compared: dict, period: dict) -> list[dict]:
    minimum = max(study.minimum_cell, experiments.FEWEST)
    counts = units["arm"].value_counts().sort_index()
    treated = arms.treatments(units["arm"], spec.control, minimum)
    sizes = [
        f"{n:,} in {arm}{' (the control)' * (arm == spec.control)}" for arm, n in counts.items()
    ]
    lines = [about | {"kind": "arms", "start": str(period["start"]), "sizes": sizes}]
    ratio = arms.sample_ratio(counts, spec.planned or None)
    if not compared:
        return [*lines, {"kind": "no_outcome"}]
    if problems := arms.misfit(ratio, bool(spec.planned)):
        return [*lines, {"kind": "problem", "problem": problems[0]}]
    alpha = power.ALPHA / (len(treated) * len(compared))
    for name, outcome in compared.items():
        seen, yes = units[units[name].notna()], outcome.kind == "yes/no"
        line = {"label": outcome.label, "days": period["days"], "minimum": minimum}
        hidden = experiments.rare(seen.assign(value=seen[name]), minimum, yes)
        if experiments.SMALL in hidden or seen["arm"].nunique() < len(counts):
            lines.append(line | {"kind": "rare_yes" if yes else "rare_any"})
            continue
        pairs = [units[units["arm"].isin([arm, spec.control])] for arm in treated]
        smallest = max(_smallest(pair[pair[name].notna()], name, outcome, alpha) for pair in pairs)
        level = units.loc[units["arm"] == spec.control, name].mean()
        unit = (study.currency or "money") if outcome.kind == "money" else ""
        line |= {"smallest": smallest * (100 if yes else 1), "level": float(level)}
        line |= {"unit": "points" if yes else unit, "level_unit": "share" if yes else unit}
        lines.append(line | {"kind": "smallest"})
    return lines


def _smallest(pair: pd.DataFrame, name: str, outcome: arms.Outcome, alpha: float) -> float:
    """Return the smallest effect found with 80% power, of amounts adjusted for what was before."""
    if outcome.kind != "yes/no":
        pair, _ = experiments.cuped(pair, name, f"before_{name}")
    cells = pair.groupby("arm")[name]
    n = cells.size()
    deviation = float(np.sqrt(cells.var().mean()))
    return deviation * power.smallest(int(n.iloc[0]), int(n.iloc[-1]), alpha)
