"""What a study can see and judge, in sentences: what is known, since when, and what came after."""

from __future__ import annotations

import pandas as pd

from seglib.files import Run
from seglib.schema import Study
from seglib.wording import listing, share


def seen(run: Run) -> str:
    """Return what the study is for, what it may look at, and what judges the segments."""
    asked = run.study
    lines = [f"> {asked.objective}"] + [asked.about] * bool(asked.about)
    if asked.snapshot:
        lines.append(
            f"Each {asked.customer} is described as in the snapshot of **{run.as_of}**: there are "
            "no transactions, so nothing is followed over time."
        )
    else:
        lines.append(
            f"Everything that describes a {asked.customer} uses only what was known before "
            f"**{run.as_of}**. The {asked.holdout} days from then to {run.until} are kept aside: "
            "they judge whether the segments say anything about what happens next."
        )
    lines += [arms(asked, run)] if asked.arms else []
    return "\n\n".join(lines + ([leakage(asked)] if asked.outcomes else []))


def arms(asked: Study, run: Run) -> str:
    """Return which column holds the arms of an experiment, and what is compared between them."""
    spec = asked.arms
    how = "assigned at random" if spec.randomised else "assigned, the study does not say how,"
    text = (
        f"On {spec.start or run.as_of}, {asked.customer}s were {how} to the arms in the column "
        f"{spec.columns.arm}"
    )
    what = listing([f"“{given.label}” ({name})" for name, given in spec.outcomes.items()] or [""])
    text += f"; compared between the arms is what they did afterwards: {what}" if what else ""
    return text + ". Neither forms the segments, which are made of what was known before."


def leakage(asked: Study) -> str:
    """Return which columns say what happened afterwards, and that they are no features."""
    told = listing([f"“{given.label}” ({name})" for name, given in asked.outcomes.items()])
    return (
        f"What happened afterwards is known too: {told}. It judges the segments and describes "
        "them, and never forms them: a segment made of what it should foretell would look useful "
        "and be none (*leakage*). A study that names such a column among its attributes is refused."
    )


def afterwards(run: Run, held: pd.DataFrame | None, outcomes: pd.DataFrame | None) -> str:
    """Return what is known of the time after the cut-off date, empty if nothing is.

    Parameters
    ----------
    run
    held
        From `records.holdout`.
    outcomes
        From `answers.outcomes`.
    """
    asked, told = run.study, []
    if held is not None:
        told.append(
            f"In the {asked.holdout} days from {run.as_of}, {share(held['active'].mean())} of the "
            f"{len(held):,} {asked.customer}s known before it {asked.words['ordered']} again."
        )
    elif not asked.snapshot:
        told.append("There are no complete weeks after the cut-off date yet.")
    for name, given in asked.outcomes.items() if outcomes is not None else ():
        known = outcomes[name].dropna()
        told.append(
            f"{share(known.mean())} of the {len(known):,} {asked.customer}s of whom it is known "
            f"{given.label}."
        )
    return " ".join(told)


def held(run: Run, unit: str = "customers") -> pd.DataFrame | None:
    """Return what happened afterwards, a column an outcome: what segments are to foretell.

    Parameters
    ----------
    run
    unit
        `customers` or `products`.

    Returns
    -------
    pandas.DataFrame or None
        spend, orders and active in the holdout, then each outcome as 'who …' by its label; None if
        nothing is known yet.
    """
    after = "holdout.parquet" if unit == "customers" else "product_holdout.parquet"
    parts = [run.read(after)[["spend", "orders", "active"]]] if run.has(after) else []
    if parts and run.study.usage:
        parts = [parts[0].drop(columns="spend").rename(columns=run.study.words)]
    if unit == "customers" and run.has("outcomes.parquet"):
        called = {name: f"who {given.label}" for name, given in run.study.outcomes.items()}
        parts.append(run.read("outcomes.parquet").rename(columns=called))
    return pd.concat(parts, axis=1) if parts else None
