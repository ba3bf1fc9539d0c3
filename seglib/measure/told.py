"""Experiments as a reader meets them: sentences, two tables, and the picture told in words."""

from __future__ import annotations

import pandas as pd

from seglib.files import Run
from seglib.measure import experiment
from seglib.wording import amount, listing

SAID = {
    "works": "works",
    "works too little": "works, but brings less than is worth having",
    "does not": "does not work",
    "harms": "does harm",
    "undecided": "undecided",
    "not enough data": "not enough data",
    "not valid": "no statement, because the experiment is not valid",
}


def sentences(run: Run, trial: dict, called: dict[int, str]) -> list[str]:
    """Return what an experiment says, for a manager: overall, whether it differs, by segment.

    Parameters
    ----------
    run
    trial
        From `trial.read`.
    called
        Segment → name.
    """
    result, metric, unit = trial["result"], trial["metric"], _unit(run, trial)
    if result.problems:
        return [*result.problems, "Therefore no effect is stated."]
    told = []
    for row in result.overall.itertuples():
        if pd.notna(row.effect):
            told.append(
                f"Overall, {row.arm} changed {metric} per {run.study.customer} by "
                f"{_span(row, unit)} in {trial['days']} days from {trial['start']}."
            )
        told += _small(run, row)
        if pd.notna(row.p_interaction):
            word = "differs" if row.p_interaction < experiment.ALPHA else "does not clearly differ"
            told.append(f"The effect {word} between segments (p = {row.p_interaction:.2g}).")
    told += [trial["short"]] if trial.get("short") else []
    return told + [_segment_said(row, called, unit) for row in result.segments.itertuples()]


def _unit(run: Run, trial: dict) -> str:
    return (run.study.currency or "") if trial["metric"] == "spend" else ""


def _small(run: Run, row) -> list[str]:
    """Return what became of the members of segments too small to be analysed alone."""
    people, few = f"{run.study.customer}s of segments too small to be judged alone", row.left_out
    if few:
        return [f"{few:,} {people} are left out of it: together they are too few as well."]
    return [f"It counts {row.pooled:,} {people} as one group."] if row.pooled else []


def _segment_said(row, called: dict[int, str], unit: str) -> str:
    text = f"{called[row.segment]}, {row.arm}: {SAID[row.verdict]}"
    if pd.notna(row.effect):
        text += f", {_span(row, unit)}"
    if row.verdict == "not enough data" and pd.notna(row.needed):
        text += (
            f"; an effect of {amount(row.worth, unit)} would show with about {row.needed:,.0f} in "
            f"each arm, and there are {row.n:,} and {row.n_control:,}"
        )
    if row.verdict == "undecided":
        text += (
            f"; there were enough to find an effect of {amount(row.worth, unit)} in four of five "
            "such experiments, yet neither that nor none can be ruled out"
        )
    if row.verdict in ("undecided", "not enough data") and (row.low > 0 or row.high < 0):
        text += "; the interval leaves out 0 only while one looks at this segment alone"
    return text + "."


def _span(row, unit: str) -> str:
    low, high = amount(row.low, unit), amount(row.high, unit)
    return f"{amount(row.effect, unit)} (95% interval {low} to {high})"


def soundness(run: Run, trial: dict, called: dict[int, str]) -> tuple[pd.DataFrame, str]:
    """Return whether the assignment looks random, a row an arm, and the note below the table.

    Returns
    -------
    table : pandas.DataFrame
        Texts by arm: customers, share, planned share, largest difference to the control in what
        was known before, in standard deviations, and its p-value, corrected.
    note : str
        The test of the sizes, and what passes.
    """
    ratio, uneven, rows = trial["result"].ratio, trial["result"].balance, {}
    total = sum(ratio["counts"].values())
    for arm, n in ratio["counts"].items():
        of = uneven[uneven["arm"] == arm]
        row = {f"{run.study.customer}s": f"{n:,}", "share": f"{n / total:.1%}",
               "planned": f"{ratio['planned'][arm]:.1%}", "largest difference before": "–",
               "p-value, corrected": "–"}  # fmt: skip
        if len(of):
            worst = of.loc[of["difference"].abs().idxmax()]
            what = _column(worst["column"], trial["metric"], called)
            row["largest difference before"] = f"{what}, {_signed(worst['difference'])} sd"
            row["p-value, corrected"] = _p(of["p_adjusted"].min())
        rows[arm] = row
    limit = experiment.randomisation.BROKEN
    note = (
        f"Test that the arms have the planned sizes: p-value {_p(ratio['p'])}. Below {limit}, here "
        "or for a difference before, the assignment is not believed. sd: standard deviations "
        "between the arm and the control; p-value: the smallest over everything compared."
    )
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm"), note


def _column(name: str, metric: str, called: dict[int, str]) -> str:
    if name == "before":
        return f"{metric} before"
    known = {f"segment_{number}": f"share in {title}" for number, title in called.items()}
    return known.get(name, name)


def by_segment(run: Run, trial: dict, called: dict[int, str]) -> pd.DataFrame:
    """Return the effects as text, a row a segment and arm, all together last; empty if not valid.

    Returns
    -------
    pandas.DataFrame
        arm (if several are treated), treated, control (customers), effect with its interval,
        p-value, pulled together (the shrunk effect), smallest detectable, verdict.
    """
    result, unit = trial["result"], _unit(run, trial)
    if not drawable([trial]):
        return pd.DataFrame()
    lines = [(called[r.segment], r, r.p_adjusted, SAID[r.verdict])
             for r in result.segments.itertuples()]  # fmt: skip
    lines += [("All together", r, r.p, "–") for r in result.overall.itertuples()]
    rows = [
        {
            "arm": row.arm, "treated": f"{row.n:,}", "control": f"{row.n_control:,}",
            f"effect on {trial['metric']}": _span(row, unit).replace("95% interval ", "")
            if pd.notna(row.effect) else "–",
            "p-value": _p(p),
            "pulled together": _known(getattr(row, "shrunk", float("nan")), unit),
            "smallest detectable": _known(row.detectable, unit), "verdict": verdict,
        }
        for _, row, p, verdict in lines
    ]  # fmt: skip
    index = pd.Index([line[0] for line in lines], name="segment")
    frame = pd.DataFrame(rows, index=index)
    return frame if len(result.overall) > 1 else frame.drop(columns="arm")


def drawable(trials: list[dict]) -> list[dict]:
    """Return the experiments that have an effect to show: sound, and with enough customers."""
    sound = [t for t in trials if not t["result"].problems]
    return [t for t in sound if t["result"].overall["effect"].notna().any()]


def spoken(trial: dict, called: dict[int, str]) -> str:
    """Return what the forest plot of an experiment shows."""
    rows = trial["result"].segments.dropna(subset="effect")
    told = [f"{called[r.segment]} {r.arm} {r.effect:.3g} ({r.low:.3g} to {r.high:.3g})"
            for r in rows.itertuples()]  # fmt: skip
    return f"Effects with 95% intervals: {listing(told) if told else 'none could be estimated'}."


def _p(value: float) -> str:
    if pd.isna(value):
        return "–"
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _known(value: float, unit: str) -> str:
    return amount(value, unit) if pd.notna(value) else "–"


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{abs(value):.2f}"
