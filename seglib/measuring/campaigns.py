"""Campaigns of a study: whom they reached, and what those with arms drawn at random brought.

Who is addressed was chosen, mostly by what customers had done before. A difference between those
addressed and the rest, or between segments, therefore describes; only arms assigned at random
(`experiments`) say what a campaign did.
"""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from seglib import power
from seglib.collection import activity
from seglib.measuring import experiments, outcomes
from seglib.measuring.experiments import Outcome
from seglib.measuring.outcomes import EVERYONE, rates
from seglib.runs import Run
from seglib.stats import ALPHA
from seglib.study import Study, StudyError

ONE = "Experiment"  # what the experiment in a table of customers is called
KNOWN = "known_"  # begins the names of columns of units that were known before


def sent(run: Run, people: pd.DataFrame) -> pd.DataFrame:
    """Return the campaigns of the segments' members; none without campaigns or transactions.

    The columns of campaigns.parquet; `segment`; `period`: before, after or other, by the day it
    began; `whole`: the data hold all its responses, from its first day to its last.
    """
    if not (run.has("campaigns.parquet") and run.has("monthly.parquet")):
        return pd.DataFrame(columns=["customer", "campaign", "start", "segment", "period", "whole"])
    mailed = run.read("campaigns.parquet")
    mailed = mailed[mailed["customer"].isin(people.index)].copy()
    mailed["segment"] = mailed["customer"].map(people["segment"])
    start = pd.to_datetime(mailed["start"])
    end = pd.to_datetime(mailed["end"]).fillna(start) if "end" in mailed else start
    earlier = run.as_of - (run.until - run.as_of)
    days = [pd.Timestamp(day) - timedelta(seconds=1) for day in (earlier, run.as_of, run.until)]
    period = pd.cut(start.astype("datetime64[ns]"), days, labels=["before", "after"])
    mailed["period"] = period.astype(object).fillna("other")
    first, after = map(pd.Timestamp, outcomes.covered(run))
    return mailed.assign(whole=(start >= first) & (end < after))


def observed(addressed: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the campaigns whose customers were chosen, without those to whom nothing was sent.

    Where customers were assigned to arms at random, whom a campaign reached says nothing of them.
    """
    spec = study.tables.campaigns
    if spec is None or "arm" not in addressed:
        return addressed
    drawn = spec.randomised & (addressed.groupby("campaign")["arm"].transform("nunique") > 1)
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
    return outcomes.table(rows, minimum)


def each(addressed: pd.DataFrame, *, minimum: int) -> pd.DataFrame:
    """Return every campaign, what is known of it, and n: how many it addressed, missing if few."""
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
    whole = known["whole"].astype(bool)
    n = known.loc[whole, "period"].value_counts().reindex(["before", "after"], fill_value=0)
    return {"kind": "some", "open": [*known["campaign"][~whole].astype(str)], **n.to_dict()}


# --- the experiments of a study -------------------------------------------------------------------


def trials(run: Run, sent: pd.DataFrame) -> tuple[list[dict], list[dict]]:
    """Analyse every experiment of a study whose arms were assigned at random.

    Each as a dict: campaign (its name), control, minimum, start, days, short, adjusted (as
    `_assigned` has them), outcomes (column → `Outcome`), result, problems (in words). And notes:
    why there is none (`kind`), or which one is refused and why.
    """
    study, analysed, notes = run.study, [], []
    if reason := _refused(run, sent):
        notes.append({"kind": reason})
    if study.arms is not None and not study.arms.randomised:
        notes.append({"kind": "arms_not_random"})
    listed = _listed(run, sent)
    facts = activity.of_run(run) if listed else None
    for name, spec, rows, own in listed:
        about = {"campaign": name, "control": spec.control, "minimum": study.minimum_cell}
        try:
            units, compared, period = _assigned(facts, rows, own)
            sizes = units["arm"].value_counts()
            if small := sorted(sizes.index[sizes < study.minimum_cell]):
                raise StudyError(
                    f"the arm {small[0]!r} has fewer than {study.minimum_cell} customers: expected "
                    "more in each arm; leave its rows out"
                )
            units = units.join(_known_before(run, units.index))
            how = {"planned": spec.planned, "minimum": study.minimum_cell}
            result = experiments.analyse(units, spec.control, compared, **how)
        except StudyError as refusal:
            notes.append({"kind": "refused", "campaign": name, "error": str(refusal)})
            continue
        about |= {**period, "outcomes": compared, "result": result}
        analysed.append(about | {"problems": _in_words(result.problems)})
    return analysed, notes if analysed or notes else [{"kind": "no_arms"}]


def _listed(run: Run, sent: pd.DataFrame) -> list[tuple]:
    """Return name, keys of study.yaml, customers and own outcomes of each experiment of a study."""
    spec, mailed, result = run.study.arms, run.study.tables.campaigns, []
    if spec is not None and spec.randomised and run.has("arms.parquet"):
        people = run.read("segments.parquet")[["segment"]].join(run.read("arms.parquet"))
        people = people[people["arm"].notna()].rename_axis("customer").reset_index()
        rows = people[["customer", "segment", "arm"]].assign(start=spec.start or run.as_of)
        result.append((ONE, spec, rows, people.set_index("customer")[[*spec.outcomes]]))
    if mailed is not None and not _refused(run, sent):
        several = sent[sent["arm"].notna()].groupby("campaign")
        result += [(name, mailed, of, None) for name, of in several if of["arm"].nunique() > 1]
    return result


def _refused(run: Run, sent: pd.DataFrame) -> str:
    study, spec = run.study, run.study.tables.campaigns
    if spec is None:
        return "" if study.arms is not None else "no_campaigns"
    if not (spec.randomised and spec.columns.arm):
        return "campaigns_not_random"
    if not (outcomes.amounts(study) and run.has("monthly.parquet")):
        return "no_transactions"
    return "" if "arm" in sent else "nobody_in_arms"


def _known_before(run: Run, index: pd.Index) -> pd.DataFrame:
    if not run.has("customers.parquet"):
        return pd.DataFrame(index=index)
    frame = run.read("customers.parquet").reindex(index)
    levels = [*frame.select_dtypes("category")]
    return pd.get_dummies(frame, columns=levels, prefix_sep=": ", dtype=float).add_prefix(KNOWN)


def _assigned(facts: activity.Facts, rows: pd.DataFrame, own) -> tuple[pd.DataFrame, dict, dict]:
    """Return an experiment's customers with what they did after and, as long, before it began.

    First the units as `experiments.analyse` takes them, then their outcomes, then the period:
    start; days, the length of both periods (0 without transactions); short, why they are fewer
    than planned if so; adjusted, whether amounts are.
    """
    study, starts = facts.study, pd.to_datetime(rows["start"]).dt.date
    start = starts.min()
    if start < facts.as_of:
        raise StudyError(
            f"its customers were assigned on {start}, before the segments were formed at "
            f"{facts.as_of}, so the segments may be a result of the treatment; run the study with "
            f"as_of {start} or earlier"
        )
    if starts.nunique() > 1:
        raise StudyError(
            f"it begins on {starts.nunique()} different days, the first {start}: expected one; "
            "give each wave a campaign of its own"
        )
    units, compared = rows.set_index("customer")[["segment", "arm"]], {}
    if own is not None:
        units = units.join(own)
        for name, given in study.arms.outcomes.items():
            compared[name] = Outcome(given.kind, given.wanted, None, given.label)
    done = outcomes.amounts(study) if facts.all is not None else []
    if not done:
        return units, compared, {"start": start, "days": 0, "short": {}, "adjusted": False}
    days, short = _length(facts, start, rows)
    period = timedelta(days=days)
    after = activity.between(facts, start, start + period, units.index)
    before = activity.between(facts, start - period, start, units.index)
    for name, outcome in _in_transactions(study, done, days).items():
        units[f"{name} after"] = after[name].astype(float)
        units[f"before_{name} after"] = before[name].astype(float)
        compared[f"{name} after"] = outcome
    return units, compared, {"start": start, "days": days, "short": short, "adjusted": True}


def _in_transactions(study: Study, done: list[str], days: int) -> dict[str, Outcome]:
    money, words = study.economics, study.words
    pays = money and money.cost_per_customer
    worth = power.pays_from(money.margin, money.cost_per_customer, days) if pays else None
    compared = {
        "spend": Outcome("money", worth=worth, label="spend"),
        "orders": Outcome("count", label=words["orders"]),
        "active": Outcome("yes/no", label=f"{words['ordered']} at least once"),
    }
    return {name: outcome for name, outcome in compared.items() if name in {*done, "active"}}


def _length(facts: activity.Facts, start: date, rows: pd.DataFrame) -> tuple[int, dict]:
    extent = activity.extent(facts)
    end = pd.to_datetime(rows["end"]).max() if "end" in rows else pd.NaT
    if pd.notna(end) and end.date() < start:
        raise StudyError(f"it ends on {end.date()}, before it begins on {start}: correct its dates")
    lasts = (end.date() - start).days + 1 if pd.notna(end) else 1
    planned = lasts if lasts > 1 else facts.study.holdout or 91
    first, last = extent["first"], extent["last"]
    later, earlier = (last - start).days + 1, (start - first).days
    if min(later, earlier) < 1:
        raise StudyError(f"it begins on {start}, but the data reach only from {first} to {last}")
    days = min(planned, later, earlier)
    about = {"days": days, "planned": planned, "first": str(first), "last": str(last)}
    about |= {"why": "end" if later == days else "begin"}
    about |= {"state": "open" if lasts > 1 and later < lasts else "over"}
    return days, about if days < planned else {}


# --- what they show, as frames and for the files --------------------------------------------------


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
        arms = trial["result"].ratio["counts"]
        whole, segments = _without_few(trial)
        whole["n"] = whole["n"].fillna(whole["arm"].map(arms))
        whole["n_control"] = whole["n_control"].fillna(arms[trial["control"]])
        whole = whole.assign(segment=EVERYONE, verdict="")
        rows = pd.concat([segments, whole], ignore_index=True).assign(campaign=trial["campaign"])
        rows = rows[rows["outcome"].isin(whole.loc[whole["effect"].notna(), "outcome"])]
        for name, of in rows.groupby("outcome", sort=False):
            parts.append(of.assign(**_about(trial, name, currency)))
    rows = pd.concat(parts[1:] or parts, ignore_index=True)
    scaled = [*experiments.SHRUNK, "effect", "low", "high", "detectable", "worth"]
    scaled = [name for name in scaled if name in rows]
    rows[scaled] = rows[scaled].mul(np.where(rows["kind"] == "yes/no", 100, 1), axis=0)
    return rows.assign(name=rows["segment"].map(called))


def record(trial: dict, **sentences) -> dict:
    """Return an experiment for measures.json with sentences, without numbers of few customers."""
    overall, segments = _without_few(trial)
    frames = {"balance": trial["result"].balance, "overall": overall, "segments": segments}
    about = {key: trial[key] for key in ("campaign", "control", "start", "days")}
    keys = "label", "kind", "wanted"
    of = {name: {k: getattr(o, k) for k in keys} for name, o in trial["outcomes"].items()}
    about |= {"outcomes": of, "ratio": trial["result"].ratio, **sentences}
    return about | {name: outcomes.records(frame) for name, frame in frames.items()}


def _without_few(trial: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    overall, segments = (getattr(trial["result"], name).copy() for name in ("overall", "segments"))
    few, sizes = overall["left_out"].between(1, trial["minimum"] - 1), ["n", "n_control"]
    overall[[*sizes, "pooled", "left_out"]] = overall[[*sizes, "pooled", "left_out"]].mask(few)
    segments[sizes] = segments[sizes].mask(segments.pop("few").astype(bool), axis=0)
    return overall, segments


# --- what page 06 says, as words ------------------------------------------------------------------


def title(campaign: str) -> str:
    """Return what an experiment is called."""
    return campaign if campaign == ONE else f"Campaign {campaign}"


def joined(sentences: list[str]) -> str:
    """Return sentences as a text that follows a colon: all but the first begin with a capital."""
    return " ".join(sentences[:1] + [text[:1].upper() + text[1:] for text in sentences[1:]])


def statements(trial: dict, called: dict[int, str], currency: str) -> list[tuple[str, dict]]:
    """Return what page 06 says of an experiment, block by block with what it needs.

    First everyone, then whether effects differ between segments, then each segment.
    """
    if trial["problems"]:
        return [("problem", problem) for problem in trial["problems"]] + [("no_effect", {})]
    blocks = [("effect", row) for row in everyone(trial, currency)]
    overall, least = trial["result"].overall, trial["minimum"]
    together, left_out = (int(overall[name].max()) for name in ("pooled", "left_out"))
    pooled = {"kind": "pooled" if together >= least else "nothing", "n": together}
    if left_out:
        size = "shown" if left_out >= least else "few"
        pooled = {"kind": "left_out", "n": left_out, "size": size}
    blocks += [("short", {"why": "", **trial["short"]}), ("pooled", pooled)]
    for row in overall[overall["p_interaction"].notna()].itertuples():
        outcome, differs = trial["outcomes"][row.outcome], row.interaction_adjusted < ALPHA
        about = {"arm": row.arm, "kind": outcome.kind, "label": outcome.label}
        about |= {"p": row.interaction_adjusted, "differs": "yes" if differs else "no"}
        blocks.append(("interaction", about))
    if len(called) == 2:
        return [*blocks, ("one_segment", {})]
    return blocks + [("segment", row) for row in _by_segment(trial, called, currency)]


def _in_words(problems: list[dict]) -> list[dict]:
    """Return problems with what their columns hold in words."""
    words = {r"^before_(.*?)( after)?$": r"\1 before", "^segment_": "the share of segment "}
    words |= {f"^{KNOWN}": ""}
    columns = [pd.Series(p.get("columns", []), dtype=str) for p in problems]
    columns = [names.replace(words, regex=True).tolist() for names in columns]
    return [p | {"columns": names} for p, names in zip(problems, columns, strict=True)]


def everyone(trial: dict, currency: str) -> list[dict]:
    """Return for each outcome of an experiment what block `effect` of page 06 says of everyone."""
    blocks = []
    for name, rows in trial["result"].overall.groupby("outcome", sort=False):
        arms = rows[rows["effect"].notna()]
        about = _about(trial, name, currency)
        about |= {"state": "known" if len(arms) else "rare", "control": trial["control"]}
        within = arms["low"].le(0) & arms["high"].ge(0)
        chance = np.select([arms["p_adjusted"] < ALPHA, within], ["beyond", "within"], "several")
        effects = [_effect(row, about["kind"]) for _, row in arms.assign(chance=chance).iterrows()]
        blocks.append(about | {"several": "arms" if len(arms) > 1 else "one", "arms": effects})
    return blocks


def _about(trial: dict, name: str, currency: str) -> dict:
    """Return an outcome's kind, label and units, and whether its effects are adjusted (`free`)."""
    outcome = trial["outcomes"][name]
    yes, unit = outcome.kind == "yes/no", currency or "money" if outcome.kind == "money" else ""
    about = {"kind": outcome.kind, "label": outcome.label}
    about |= {"unit": "share" if yes else unit, "effect_unit": "points" if yes else unit}
    return about | {"free": "adjusted" if trial["adjusted"] and not yes else "plain"}


def _effect(row: pd.Series, kind: str) -> dict:
    """Return an effect with its interval, of shares in percentage points."""
    scaled = row[["effect", "low", "high"]] * (100 if kind == "yes/no" else 1)
    effect = dict(zip(("value", "low", "high"), scaled, strict=True))
    names = ("arm", "level", "baseline", "chance")
    return {"effect": effect} | {name: row[name] for name in names if name in row}


def _by_segment(trial: dict, called: dict[int, str], currency: str) -> list[dict]:
    """Return what block `segment` of page 06 says: of the first outcome, and what is clear."""
    rows, first = trial["result"].segments, next(iter(trial["outcomes"]), None)
    clear = rows["verdict"].isin(["works", "works too little", "harms"])
    blocks = []
    for _, row in rows[(rows["outcome"] == first) | clear].iterrows():
        about, known = _about(trial, row["outcome"], currency), pd.notna(row["effect"])
        needed = row["verdict"] == "not enough data" and pd.notna(row["needed"]) and not row["few"]
        more = "needed" if needed else "undecided" if row["verdict"] == "undecided" else "nothing"
        nothing = known and row["level_high"] == row["baseline_high"] == 0
        about |= _effect(row, about["kind"])
        about |= {key: row[key] for key in ("needed", "n", "n_control")}
        about |= {"name": called[row["segment"]], "state": "known" if known else "unknown"}
        about["worth"] = row["worth"] * (100 if about["kind"] == "yes/no" else 1)
        about |= {"verdict": row["verdict"], "more": more}
        blocks.append(about | (dict.fromkeys(("verdict", "more"), "nothing") if nothing else {}))
    return blocks
