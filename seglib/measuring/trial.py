"""The experiments of a study: from its tables to one row a customer, and what they show."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from seglib import power
from seglib.collection import activity, attributes, tables
from seglib.collection.activity import Facts
from seglib.files import Run
from seglib.measuring import campaign, experiment, randomisation
from seglib.measuring.experiment import KNOWN, Compared
from seglib.measuring.measure import metrics
from seglib.study import Study, StudyError

ONE = "Experiment"  # what the experiment in a table of customers is called


def read(run: Run, sent: pd.DataFrame) -> tuple[list[dict[str, Any]], list[str]]:
    """Analyse every experiment of a study whose arms were assigned at random.

    Parameters
    ----------
    run
    sent
        From `campaign.sent`.

    Returns
    -------
    trials : list of dict
        campaign (its name), control, start, days (0 where a table of customers says what came
        after), short (a sentence if fewer days than planned are judged, else empty), outcomes
        (column → `experiment.Compared`), adjusted (whether amounts are adjusted for what customers
        did before), result (`experiment.Result`).
    notes : list of str
        A sentence for each that is refused, or why there is none.
    """
    study, trials, notes = run.study, [], []
    listed = _of_customers(run, notes) + _of_campaigns(run, sent, notes)
    known = activity.of_run(run) if listed else None
    for name, spec, rows, more in listed:
        try:
            units, outcomes, period = assigned(known, rows, more)
            experiment.treatments(units["arm"], spec.control, study.minimum_cell)
            units = units.join(_known_before(run, units.index))
            result = experiment.analyse(
                units, spec.control, outcomes, planned=spec.planned or None,
                minimum=study.minimum_cell,
            )  # fmt: skip
        except StudyError as refusal:
            what = "The experiment" if name == ONE else f"Campaign {name}"
            notes.append(f"{what} is not analysed: {refusal}.")
            continue
        trials.append({"campaign": name, "control": spec.control, **period, "outcomes": outcomes,
                       "minimum": study.minimum_cell, "result": result})  # fmt: skip
    if not trials and not notes:
        notes = ["No effect is estimated: no campaign has two arms."]
    return trials, notes


def _of_customers(run: Run, notes: list[str]) -> list[tuple]:
    """Return the experiment whose arms and outcomes stand in a table of customers, if any."""
    spec = run.study.arms
    if spec is None or not run.has("arms.parquet"):
        return []
    if not spec.randomised:
        notes.append(
            "No effect is estimated: the study does not say that customers were assigned to arms "
            "at random; set `randomised: true` and `control` in the table of the arms if they were."
        )
        return []
    people = run.read("segments.parquet")[["segment"]].join(run.read("arms.parquet"))
    people = people[people["arm"].notna()].rename_axis("customer").reset_index()
    rows = people[["customer", "segment", "arm"]].assign(start=spec.start or run.as_of)
    return [(ONE, spec, rows, people.set_index("customer")[[*spec.outcomes]])]


def _of_campaigns(run: Run, sent: pd.DataFrame, notes: list[str]) -> list[tuple]:
    """Return the campaigns with several arms."""
    if run.study.tables.campaigns is None and run.study.arms is not None:
        return []
    try:
        campaign.refuse_effect(run.study)
    except StudyError as refusal:
        notes.append(f"No effect is estimated: {refusal}.")
        return []
    if not (metrics(run.study) and run.has("monthly.parquet")):
        notes.append("No effect is estimated: the study has no transactions to measure it in.")
        return []
    if "arm" not in sent:
        notes.append("No effect is estimated: no member of a segment is in any arm.")
        return []
    spec = run.study.tables.campaigns
    several = sent[sent["arm"].notna()].groupby("campaign")
    return [(name, spec, rows, None) for name, rows in several if rows["arm"].nunique() > 1]


def _known_before(run: Run, index: pd.Index) -> pd.DataFrame:
    """Return what was known of customers before, as numbers: a level is a yes or no."""
    if not run.has("customers.parquet"):
        return pd.DataFrame(index=index)
    frame = run.read("customers.parquet").reindex(index)
    levels = [name for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)]
    return pd.get_dummies(frame, columns=levels, prefix_sep=": ", dtype=float).add_prefix(KNOWN)


def assigned(
    known: Facts, rows: pd.DataFrame, more: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, dict[str, Compared], dict[str, Any]]:
    """Return an experiment's customers with what they did after and, as long, before it began.

    Parameters
    ----------
    known
        The facts on the engine.
    rows
        customer, segment, arm, start and, where known, end.
    more : pandas.DataFrame, optional
        Outcomes that the table of the arms holds, by customer.

    Returns
    -------
    units : pandas.DataFrame
        By customer: segment, arm, each outcome and, of what was done before, before_NAME.
    outcomes : dict
        Column of `units` → what it is, the most important first.
    period : dict
        start; days, the length of both periods: to the campaign's last day, for a mailing of one
        day or without an end the holdout, less if the data end or begin, 0 without transactions;
        short, which says so; adjusted, whether amounts are adjusted for what was done before.

    Raises
    ------
    StudyError
        If customers were assigned before the segments were formed, on several days, or too late.
    """
    study, starts = known.study, pd.to_datetime(rows["start"]).dt.date
    start = starts.min()
    if start < known.as_of:
        raise StudyError(
            f"its customers were assigned on {start}, before the segments were formed at "
            f"{known.as_of}, so the segments may be a result of the treatment; run the study with "
            f"as_of {start} or earlier"
        )
    if starts.nunique() > 1:
        raise StudyError(
            f"it begins on {starts.nunique()} different days, the first {start}: expected one; "
            "give each wave a campaign of its own"
        )
    units = rows.set_index("customer")[["segment", "arm"]]
    outcomes = {}
    if more is not None:
        units, outcomes = units.join(more), _in_table(study)
    done = metrics(study) if known.all is not None else []
    if not done:
        return units, outcomes, {"start": start, "days": 0, "short": "", "adjusted": False}
    days, short = _length(known, start, rows)
    period = timedelta(days=days)
    after = activity.between(known, start, start + period, units.index)
    before = activity.between(known, start - period, start, units.index)
    followed = _in_transactions(study, done, days)
    for name in followed:
        units[f"{name} after"] = after[name].astype(float)
        units[f"before_{name} after"] = before[name].astype(float)
    outcomes |= {f"{name} after": given for name, given in followed.items()}
    return units, outcomes, {"start": start, "days": days, "short": short, "adjusted": True}


def _in_table(study: Study) -> dict[str, Compared]:
    """Return the outcomes that stand in the table of the arms."""
    return {
        name: Compared(given.kind, given.wanted, None, given.label)
        for name, given in study.arms.outcomes.items()
    }


def _in_transactions(study: Study, done: list[str], days: int) -> dict[str, Compared]:
    """Return what is compared of transactions: spend, orders, who ordered at least once."""
    found = {
        "spend": Compared("money", worth=_worth(study, days), label="spend"),
        "orders": Compared("count", label=study.words["orders"]),
        "active": Compared("yes/no", label=f"{study.words['ordered']} at least once"),
    }
    return {name: given for name, given in found.items() if name in {*done, "active"}}


def _length(known: Facts, start: date, rows: pd.DataFrame) -> tuple[int, str]:
    """Return how many days are judged, and a sentence if these are fewer than were planned."""
    covered = activity.extent(known)
    end = pd.to_datetime(rows["end"]).max() if "end" in rows else pd.NaT
    if pd.notna(end) and end.date() < start:
        raise StudyError(f"it ends on {end.date()}, before it begins on {start}: correct its dates")
    lasts = (end.date() - start).days + 1 if pd.notna(end) else 1
    planned = lasts if lasts > 1 else known.study.holdout or 91
    last = covered["last"]
    later, earlier = (last - start).days + 1, (start - covered["first"]).days
    if later < 1:
        raise StudyError(f"it begins on {start}, and the data end before, on {last}")
    if earlier < 1:
        raise StudyError(f"it begins on {start}, and the data begin no earlier: nothing is before")
    days = min(planned, later, earlier)
    if days == planned:
        return days, ""
    short = f"the data begin only on {covered['first']}"
    why = f"the data end on {last}" if later == days else short
    still = "It was still open when the data end; " if later < lasts and lasts > 1 else ""
    what = f"only the first {days} of {planned} days are judged, because {why}."
    return days, still + what if still else what.capitalize()


def _worth(study: Study, days: int) -> float | None:
    """Return the spend that pays for treating a customer; the study's cost is for 13 weeks."""
    money = study.economics
    if money is None or not money.cost_per_customer:
        return None
    return power.pays_from(money.margin, money.cost_per_customer, days)


def prospect(study: Study, clean: dict) -> list[str]:
    """Return what the experiments of a study can answer, known before any effect is looked at.

    Parameters
    ----------
    study
    clean
        Its tables, by role, after the checks.

    Returns
    -------
    list of str
        For each experiment its arms with their sizes, and the smallest effect of each outcome that
        would be found in four of five such experiments; or why it can say nothing.
    """
    lines, known = [], activity.facts(study, clean, study.as_of)
    for name, spec, rows, more in _before_a_run(study, clean, known):
        title = name if name == ONE else f"Campaign {name}"
        try:
            if not (spec.randomised and spec.columns.arm):
                raise StudyError("the study does not say that its arms were assigned at random")
            units, outcomes, period = assigned(known, rows.assign(segment=1), more)
            lines += _prospects(study, title, units, spec, outcomes, period)
        except StudyError as refusal:
            lines.append(f"{title}: says nothing of an effect; {refusal}")
    return lines


def _before_a_run(study: Study, clean: dict, known: Facts) -> list[tuple]:
    found = []
    if study.arms is not None:
        people = attributes.arms(study, clean).rename_axis("customer").reset_index()
        people = people[people["arm"].notna()].assign(start=study.arms.start or study.as_of)
        outcomes = people.set_index("customer")[[*study.arms.outcomes]]
        found.append((ONE, study.arms, people[["customer", "arm", "start"]], outcomes))
    spec = study.tables.campaigns
    if spec is None or not spec.columns.arm or known.all is None:
        return found
    rows = activity.campaigns(clean).execute()
    members = clean["transactions"].filter(
        clean["transactions"].time < tables.midnight(study.as_of)
    )
    members = members.select("customer").distinct().execute()["customer"]
    rows = rows[rows["arm"].notna() & rows["customer"].isin(members)]
    several = [(n, of) for n, of in rows.groupby("campaign") if of["arm"].nunique() > 1]
    return found + [(name, spec, of, None) for name, of in several]


def _prospects(
    study: Study, title: str, units: pd.DataFrame, spec, outcomes: dict, period: dict
) -> list[str]:
    minimum, currency = max(study.minimum_cell, experiment.FEWEST), study.currency
    counts = units["arm"].value_counts().sort_index()
    treated = experiment.treatments(units["arm"], spec.control, minimum)
    sizes = ", ".join(
        f"{n:,} in {arm}{' (the control)' * (arm == spec.control)}" for arm, n in counts.items()
    )
    since = f" in {period['days']} days" if period["days"] else ""
    lines = [f"{title}: assigned on {period['start']}, {sizes}"]
    if not outcomes:
        return [*lines, "  no outcome is known: nothing can be compared"]
    ratio = randomisation.sample_ratio(counts, spec.planned or None)
    if problems := randomisation.misfit(ratio, bool(spec.planned)):
        return [*lines, f"  no effect would be stated: {problems[0]}"]
    alpha = power.ALPHA / (len(treated) * len(outcomes))
    for name, given in outcomes.items():
        yes, seen = given.kind == "yes/no", units[units[name].notna()]
        hidden = experiment.rare(seen.assign(value=seen[name]), minimum, yes)
        if experiment.SMALL in hidden or seen["arm"].nunique() < len(counts):
            why = f"fewer than {minimum} did in an arm, or all but so few"
            why = why if yes else f"fewer than {minimum} had any in an arm"
            lines.append(f"  {given.label}{since}: nothing can be said, {why}")
            continue
        smallest = max(_smallest(units, name, arm, spec.control, given, alpha) for arm in treated)
        level = units.loc[units["arm"] == spec.control, name].mean()
        unit = currency if given.kind == "money" else ""
        size = f"{100 * smallest:.2g} points" if yes else f"{smallest:.2g} {unit}".strip()
        base = f"{level:.1%}" if yes else f"{level:.3g} {unit}".strip()
        lines.append(f"  {given.label}{since}: an effect from {size} on would be found in four of "
                     f"five such experiments (the control is at {base})")  # fmt: skip
    return lines


def _smallest(units, name: str, arm: str, control: str, given: Compared, alpha: float) -> float:
    """Return the smallest effect found with 80% power, of amounts adjusted for what was before."""
    two = units[units["arm"].isin([arm, control]) & units[name].notna()]
    if given.kind != "yes/no":
        two, _ = experiment.cuped(two, name, f"before_{name}")
    cells = two.groupby("arm")[name]
    sd = float(np.sqrt(cells.var().mean()))
    n = cells.size()
    return sd * power.smallest(int(n.get(arm, 0)), int(n.get(control, 0)), alpha)


def as_dict(trial: dict) -> dict:
    """Return an experiment for measures.json, without numbers of few customers."""
    result = trial["result"]
    few = result.segments["few"].astype(bool)
    segments = result.segments.drop(columns="few")
    segments = segments.assign(**{c: segments[c].where(~few) for c in ("n", "n_control")})
    overall = result.overall
    apart = ~overall["left_out"].between(1, trial["minimum"] - 1)
    sizes = ("n", "n_control", "pooled", "left_out")
    overall = overall.assign(**{c: overall[c].where(apart) for c in sizes})
    frames = {"balance": result.balance, "overall": overall, "segments": segments}
    plain = {name: f.astype(object).where(f.notna(), None).to_dict("records")
             for name, f in frames.items()}  # fmt: skip
    about = {key: trial.get(key) for key in ("campaign", "control", "start", "days", "short")}
    said = {name: {"label": o.label, "kind": o.kind, "wanted": o.wanted}
            for name, o in trial["outcomes"].items()}  # fmt: skip
    return about | plain | {"outcomes": said, "ratio": result.ratio, "problems": result.problems}
