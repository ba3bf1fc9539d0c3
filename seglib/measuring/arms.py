"""The arms of experiments: which a study has, who is in which, and whether chance decided it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from seglib import power
from seglib.collection import activity
from seglib.collection.activity import Facts
from seglib.files import Run
from seglib.measuring import outcomes
from seglib.stats import adjust
from seglib.study import Study, StudyError

ONE = "Experiment"  # what the experiment in a table of customers is called
KNOWN = "known_"  # begins the names of columns of units that were known before
BROKEN = 0.001  # p-value below which a randomisation is not believed (Fabijan et al. 2019)


@dataclass(frozen=True)
class Outcome:
    """What is compared between the arms: yes/no (1 or 0), count or money; and if more is better.

    `worth` is the smallest effect worth having, in its unit; without it a tenth of the control's
    level. `label` is what a reader calls it: in the past tense, such as visited, or a noun.
    """

    kind: str = "count"
    wanted: bool = True
    worth: float | None = None
    label: str = ""


# --- was the assignment random? -------------------------------------------------------------------


def treatments(arms: pd.Series, control: str, minimum: int = 0) -> list[str]:
    """Return the arms but the control; a StudyError if there are none, or one is too small."""
    counts = arms.value_counts().sort_index()
    if control not in counts.index or len(counts) < 2:
        raise StudyError(
            f"the arms are {', '.join(counts.index)}: expected the control {control!r} and at "
            "least one other; name the control arm in `control` of the table that holds the arms"
        )
    if small := [arm for arm, n in counts.items() if n < minimum]:
        raise StudyError(
            f"the arm {small[0]!r} has fewer than {minimum} customers: expected more in each arm; "
            "leave its rows out"
        )
    return [arm for arm in counts.index if arm != control]


def sample_ratio(counts: pd.Series, planned: dict[str, float] | None = None) -> dict:
    """Return the test that arms have the sizes that were planned (chi-squared)."""
    share = pd.Series(planned or dict.fromkeys(counts.index, 1.0)).reindex(counts.index)
    if share.isna().any() or (share <= 0).any():
        raise StudyError(
            f"planned shares are given for {', '.join(map(str, planned))}, but the arms are "
            f"{', '.join(map(str, counts.index))}: give a share above 0 for each arm"
        )
    share = share / share.sum()
    p = stats.chisquare(counts, share * counts.sum()).pvalue
    sizes = {arm: int(n) for arm, n in counts.items()}
    return {"counts": sizes, "planned": share.to_dict(), "p": float(p)}


def misfit(ratio: dict, stated: bool) -> list[dict]:
    """Return a problem if the arms do not have the sizes that were planned."""
    sizes = [f"{n:,} in {arm}" for arm, n in sorted(ratio["counts"].items())]
    plan = [f"{share:.0%} {arm}" for arm, share in sorted(ratio["planned"].items())]
    about = {"kind": "planned_sizes" if stated else "unequal_sizes", "sizes": sizes, "plan": plan}
    return [about | {"p": ratio["p"]}] if ratio["p"] < BROKEN else []


def balance(units: pd.DataFrame, control: str) -> pd.DataFrame:
    """Return the standardised difference of each arm to the control in what was known before.

    Of the columns of `units` but `segment` and `arm`, the numeric ones are looked at.
    """
    units = units.reset_index(drop=True)
    before = units.drop(columns=["segment", "arm"]).select_dtypes("number")
    before = before.join(pd.get_dummies(units["segment"], prefix="segment", dtype=float))
    rows = []
    for arm in sorted(set(units["arm"]) - {control}):
        for name, values in before.items():
            one, other = (values[units["arm"] == side].dropna() for side in (arm, control))
            spread = np.sqrt((one.var() + other.var()) / 2)
            if min(len(one), len(other)) >= 2 and spread > 0:
                p = stats.ttest_ind(one, other, equal_var=False).pvalue
                rows.append((name, arm, (one.mean() - other.mean()) / spread, p))
    frame = pd.DataFrame(rows, columns=["column", "arm", "difference", "p"])
    return frame.assign(p_adjusted=adjust(frame["p"]))


def unbalanced(uneven: pd.DataFrame) -> list[dict]:
    """Return a problem if the arms differed in what was known before."""
    worst = sorted(set(uneven.loc[uneven["p_adjusted"] < BROKEN, "column"]))
    return [{"kind": "unbalanced", "columns": worst}] if worst else []


def lost(units: pd.DataFrame, outcomes: dict[str, Outcome]) -> list[dict]:
    """Return a problem for each outcome that is known of some arms more often than chance does."""
    problems = []
    for name, outcome in outcomes.items():
        counts = pd.crosstab(units["arm"], units[name].notna())
        if counts.shape[1] == 2 and stats.chi2_contingency(counts).pvalue < BROKEN:
            problems.append({"kind": "lost", "label": outcome.label or name})
    return problems


# --- from the tables of a study to one row a customer ---------------------------------------------


class Trial(NamedTuple):
    """An experiment of a study: its name, its key in study.yaml, who is in it, its outcomes."""

    name: str
    spec: object
    rows: pd.DataFrame
    outcomes: pd.DataFrame | None = None


def of_customers(run: Run) -> list[Trial]:
    """Return the experiment whose arms and outcomes stand in a table of customers, if any."""
    spec = run.study.arms
    if spec is None or not spec.randomised or not run.has("arms.parquet"):
        return []
    people = run.read("segments.parquet")[["segment"]].join(run.read("arms.parquet"))
    people = people[people["arm"].notna()].rename_axis("customer").reset_index()
    rows = people[["customer", "segment", "arm"]].assign(start=spec.start or run.as_of)
    return [Trial(ONE, spec, rows, people.set_index("customer")[[*spec.outcomes]])]


def of_campaigns(run: Run, sent: pd.DataFrame) -> list[Trial]:
    """Return the campaigns with several arms that were drawn at random."""
    if run.study.tables.campaigns is None or refused(run, sent):
        return []
    several = sent[sent["arm"].notna()].groupby("campaign")
    spec = run.study.tables.campaigns
    return [Trial(name, spec, of) for name, of in several if of["arm"].nunique() > 1]


def refused(run: Run, sent: pd.DataFrame) -> str:
    """Return why no effect of campaigns can be estimated, as a word; empty if one can."""
    study, spec = run.study, run.study.tables.campaigns
    if spec is None:
        return "" if study.arms is not None else "no_campaigns"
    if not (spec.randomised and spec.columns.arm):
        return "campaigns_not_random"
    if not (outcomes.amounts(study) and run.has("monthly.parquet")):
        return "no_transactions"
    return "" if "arm" in sent else "nobody_in_arms"


def known_before(run: Run, index: pd.Index) -> pd.DataFrame:
    """Return what was known of customers before, as numbers: a level is a yes or no."""
    if not run.has("customers.parquet"):
        return pd.DataFrame(index=index)
    frame = run.read("customers.parquet").reindex(index)
    levels = [*frame.select_dtypes("category")]
    return pd.get_dummies(frame, columns=levels, prefix_sep=": ", dtype=float).add_prefix(KNOWN)


def assigned(facts: Facts, trial: Trial) -> tuple[pd.DataFrame, dict[str, Outcome], dict]:
    """Return an experiment's customers with what they did after and, as long, before it began.

    Returns
    -------
    units : pandas.DataFrame
        By customer: segment, arm, each outcome and, of what was done before, before_NAME.
    outcomes : dict
        Column of `units` → what it is, the most important first.
    period : dict
        start; days, the length of both periods: to the campaign's last day, for a mailing of one
        day or without an end the holdout, less if the data end or begin, 0 without transactions;
        short, why so if so; adjusted, whether amounts are adjusted for what was done before.
    """
    study, starts = facts.study, pd.to_datetime(trial.rows["start"]).dt.date
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
    units, compared = trial.rows.set_index("customer")[["segment", "arm"]], {}
    if trial.outcomes is not None:
        units = units.join(trial.outcomes)
        compared = {
            name: Outcome(given.kind, given.wanted, None, given.label)
            for name, given in study.arms.outcomes.items()
        }
    done = outcomes.amounts(study) if facts.all is not None else []
    if not done:
        return units, compared, {"start": start, "days": 0, "short": {}, "adjusted": False}
    days, short = _length(facts, start, trial.rows)
    period = timedelta(days=days)
    after = activity.between(facts, start, start + period, units.index)
    before = activity.between(facts, start - period, start, units.index)
    for name, outcome in _in_transactions(study, done, days).items():
        units[f"{name} after"] = after[name].astype(float)
        units[f"before_{name} after"] = before[name].astype(float)
        compared[f"{name} after"] = outcome
    return units, compared, {"start": start, "days": days, "short": short, "adjusted": True}


def _in_transactions(study: Study, done: list[str], days: int) -> dict[str, Outcome]:
    """Return what is compared of transactions: spend, orders, who ordered at least once.

    The spend worth having pays for treating a customer; the study states its cost for 13 weeks.
    """
    money, label = study.economics, f"{study.words['ordered']} at least once"
    pays = money and money.cost_per_customer
    worth = power.pays_from(money.margin, money.cost_per_customer, days) if pays else None
    compared = {"spend": Outcome("money", worth=worth, label="spend")}
    compared |= {"orders": Outcome("count", label=study.words["orders"])}
    compared |= {"active": Outcome("yes/no", label=label)}
    return {name: outcome for name, outcome in compared.items() if name in {*done, "active"}}


def _length(facts: Facts, start: date, rows: pd.DataFrame) -> tuple[int, dict]:
    """Return how many days are judged, and why these are fewer than were planned, if so."""
    extent = activity.extent(facts)
    end = pd.to_datetime(rows["end"]).max() if "end" in rows else pd.NaT
    if pd.notna(end) and end.date() < start:
        raise StudyError(f"it ends on {end.date()}, before it begins on {start}: correct its dates")
    lasts = (end.date() - start).days + 1 if pd.notna(end) else 1
    planned = lasts if lasts > 1 else facts.study.holdout or 91
    first, last = extent["first"], extent["last"]
    later, earlier = (last - start).days + 1, (start - first).days
    if later < 1:
        raise StudyError(f"it begins on {start}, and the data end before, on {last}")
    if earlier < 1:
        raise StudyError(f"it begins on {start}, and the data begin no earlier: nothing is before")
    days = min(planned, later, earlier)
    about = {"days": days, "planned": planned, "first": str(first), "last": str(last)}
    about |= {"why": "end" if later == days else "begin"}
    about |= {"state": "open" if lasts > 1 and later < lasts else "over"}
    return days, about if days < planned else {}
