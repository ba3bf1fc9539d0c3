"""Experiments as a reader meets them: sentences, tables, and the picture told in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seglib import privacy
from seglib.files import Run
from seglib.measuring import experiment
from seglib.measuring.experiment import KNOWN, Compared
from seglib.wording import listing

SAID = {
    "works": "works",
    "works too little": "works, but brings less than is worth having",
    "does not": "does not work",
    "harms": "does harm",
    "undecided": "undecided",
    "not enough data": "not enough data",
    "not valid": "no statement, because the experiment is not valid",
}


class Writer:
    """Writes the levels and differences of one outcome, with as many decimals as its interval has.

    Parameters
    ----------
    outcome
        What it is.
    unit
        The study's currency.
    rows
        The overall effects of it, whose intervals say how many decimals can be relied on.
    """

    def __init__(self, outcome: Compared, unit: str, rows: pd.DataFrame):
        self.yes = outcome.kind == "yes/no"
        self.unit = unit if outcome.kind == "money" else ""
        half = (rows["high"] - rows["low"]).max() / 2 * (100 if self.yes else 1)
        known = np.isfinite(half) and half > 0
        self.places = int(np.clip(1 - np.floor(np.log10(half)), 0, 3)) if known else 1

    def level(self, value: float) -> str:
        """Return '18.28%', '$1.42' or '3.1'; an en dash if unknown."""
        if pd.isna(value):
            return "–"
        if self.yes:
            return f"{100 * value:.{self.places}f}%"
        sign = "−" if round(value, self.places) < 0 else ""
        figure = f"{abs(value):,.{self.places}f}"
        if len(self.unit) == 1 and not self.unit.isalnum():
            return f"{sign}{self.unit}{figure}"
        return f"{sign}{self.unit} {figure}".strip() if self.unit else f"{sign}{figure}"

    def difference(self, value: float) -> str:
        """Return '7.66 points', '−$0.12' or '0.3'; an en dash if unknown."""
        if pd.isna(value) or not self.yes:
            return self.level(value)
        sign = "−" if round(100 * value, self.places) < 0 else ""
        return f"{sign}{abs(100 * value):.{self.places}f} points"

    def span(self, low: float, high: float, write=None) -> str:
        """Return an interval, its unit once."""
        write = write or self.difference
        return f"{write(low).removesuffix(' points')} to {write(high)}"


def writer(run: Run, trial: dict, name: str) -> Writer:
    """Return what writes the figures of one outcome."""
    rows = trial["result"].overall
    return Writer(trial["outcomes"][name], run.study.currency or "", rows[rows["outcome"] == name])


def title(trial: dict) -> str:
    """Return what an experiment is called."""
    return (
        trial["campaign"] if trial["campaign"] == "Experiment" else f"Campaign {trial['campaign']}"
    )


def headline(run: Run, trial: dict) -> str:
    """Return what an experiment shows of everyone, for a manager."""
    what = title(trial)
    if trial["result"].problems:
        return f"{what}: the assignment to arms is not believed, so no effect is stated."
    followed = f" and followed for {trial['days']} days" if trial["days"] else ""
    begin = f"{what}, assigned at random on {trial['start']}{followed}"
    first, *others = _overall(run, trial, shown=bool(drawable([trial])))
    return " ".join([f"{begin}: {first}", *(_upper(text) for text in others)])


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
    result = trial["result"]
    if result.problems:
        return [*result.problems, "Therefore no effect is stated."]
    told = [_upper(text) for text in _overall(run, trial)]
    told += [trial["short"]] if trial.get("short") else []
    told += _small(run, result.overall) + _interactions(trial)
    first = next(iter(trial["outcomes"]), None)
    if len(called) == 2:
        return [*told, "There is only one segment, so effects are not told by segment."]
    rows = result.segments
    clear = rows["verdict"].isin(["works", "works too little", "harms"])
    rows = rows[(rows["outcome"] == first) | clear]
    return told + [_segment_said(run, trial, row, called) for row in rows.itertuples()]


def listed(run: Run, trial: dict, called: dict[int, str]) -> str:
    """Return the sentences of an experiment as a list."""
    return "\n".join(f"- {text}" for text in sentences(run, trial, called))


def _overall(run: Run, trial: dict, shown: bool = False) -> list[str]:
    """Return for each outcome the level of each arm, and the difference to the control.

    With `shown`, outcomes of which nothing can be said are passed over.
    """
    told = []
    for name, rows in trial["result"].overall.groupby("outcome", sort=False):
        outcome, write = trial["outcomes"][name], writer(run, trial, name)
        arms = list(rows[rows["effect"].notna()].itertuples())
        if not arms and shown:
            continue
        if not arms:
            few = f"fewer than {run.study.minimum_cell}"
            told.append(
                f"nothing is said of how many {outcome.label}: {few} did in an arm, or all but so "
                "few."
                if write.yes
                else f"nothing is said of {outcome.label}: {few} {run.study.customer}s had any in "
                "an arm."
            )
            continue
        did = f" {outcome.label}" if write.yes else ""
        levels = [f"{write.level(row.level)}{did} with {row.arm}" for row in arms[:1]]
        levels = listing(levels + [f"{write.level(row.level)} with {row.arm}" for row in arms[1:]])
        base = f"against {write.level(arms[0].baseline)} with {trial['control']}"
        whose = "" if write.yes else f"{outcome.label} per {run.study.customer} averaged "
        adjusted = trial["adjusted"] and not write.yes
        free = ", adjusted for what they did before" if adjusted else ""
        each = [_difference(write, row, free, len(arms) > 1) for row in arms]
        told.append(f"{whose}{levels} {base}, {'; '.join(each)}.")
    return told


def _difference(write: Writer, row, free: str, named: bool) -> str:
    """Return how much an arm differs from the control, and whether that is clear."""
    whose = f"with {row.arm} " if named else ""
    size, span = write.difference(row.effect), write.span(row.low, row.high)
    text = f"{whose}an effect of {size} (95% interval {span}{free})"
    if row.p_adjusted < experiment.ALPHA:
        return text
    within = row.low <= 0 <= row.high
    return f"{text}, {'within chance' if within else 'not clear, as several are compared'}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _interactions(trial: dict) -> list[str]:
    """Return whether effects differ between segments, which is tested before each is looked at."""
    rows = trial["result"].overall
    rows, told = rows[rows["p_interaction"].notna()], []
    for row in rows.itertuples():
        label = trial["outcomes"][row.outcome].label
        clear = row.interaction_adjusted < experiment.ALPHA
        word = "differs" if clear else "does not clearly differ"
        whose = f"The effect of {row.arm} on {_noun(trial, row.outcome, label)}"
        told.append(f"{whose} {word} between segments (p-value {_p(row.interaction_adjusted)}).")
    return told


def _noun(trial: dict, name: str, label: str) -> str:
    return f"how many {label}" if trial["outcomes"][name].kind == "yes/no" else label


def _small(run: Run, overall: pd.DataFrame) -> list[str]:
    """Return what became of the members of segments too small to be analysed alone."""
    people, least = (
        f"{run.study.customer}s of segments too small to be judged alone",
        (run.study.minimum_cell),
    )
    pooled, few = int(overall["pooled"].max()), int(overall["left_out"].max())
    if few:
        shown = f"{few:,}" if few >= least else "A few"
        return [f"{shown} {people} are left out of it: together they are too few as well."]
    return [f"It counts {pooled:,} {people} as one group."] if pooled >= least else []


def _segment_said(run: Run, trial: dict, row, called: dict[int, str]) -> str:
    outcome, write = trial["outcomes"][row.outcome], writer(run, trial, row.outcome)
    text = f"{called[row.segment]}, {row.arm}, {_noun(trial, row.outcome, outcome.label)}: "
    text += SAID[row.verdict]
    if pd.notna(row.effect):
        text += f", {write.level(row.level)} against {write.level(row.baseline)}, a difference of "
        text += f"{write.difference(row.effect)} (95% interval {write.span(row.low, row.high)})"
    if row.verdict == "not enough data" and pd.notna(row.needed) and not row.few:
        text += (
            f"; an effect of {write.difference(row.worth)} would show with about {row.needed:,.0f} "
            f"in each arm, and there are {row.n:,} and {row.n_control:,}"
        )
    if row.verdict == "undecided":
        text += (
            f"; there were enough to find an effect of {write.difference(row.worth)} in four of "
            "five such experiments, yet neither that nor none can be ruled out"
        )
    return text + "."


def soundness(run: Run, trial: dict, called: dict[int, str]) -> tuple[pd.DataFrame, str]:
    """Return the sizes of the arms and the largest difference before, as text, and a note.

    Parameters
    ----------
    run
    trial
        From `trial.read`.
    called
        Segment → name.

    Returns
    -------
    table : pandas.DataFrame
        A row an arm: customers, share, planned share; for arms but the control the column whose
        mean differed most before, in standard deviations, and its p-value, corrected.
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
            what = _column(run, worst["column"], called)
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


def _column(run: Run, name: str, called: dict[int, str]) -> str:
    """Return what a reader calls a column that was known before."""
    if name.startswith("before_"):
        return experiment.randomisation.plain(name)
    segments = {f"segment_{number}": f"share in {title}" for number, title in called.items()}
    if name in segments:
        return segments[name]
    short, _, level = name.removeprefix(KNOWN).partition(": ")
    known = run.read("dictionary.json")["customers"] if run.has("dictionary.json") else []
    label = next((line["label"] for line in known if line["name"] == short), short)
    return f"{label}: {level}" if level else label


def overall(run: Run, trial: dict) -> pd.DataFrame:
    """Return the levels of the arms and the differences of everyone as text; empty if not valid.

    Returns
    -------
    pandas.DataFrame
        A row an outcome and arm: treated, control (customers), level of the arm and of the control,
        difference, each with its interval, p-value, smallest detectable.
    """
    if not drawable([trial]):
        return pd.DataFrame()
    rows = trial["result"].overall
    cells = [
        {
            "outcome": _upper(_noun(trial, row.outcome, trial["outcomes"][row.outcome].label)),
            "arm": row.arm, **_cells(run, trial, row),
        }
        for row in rows.itertuples()
    ]  # fmt: skip
    frame = pd.DataFrame(cells).set_index("outcome")
    return frame if rows["arm"].nunique() > 1 else frame.drop(columns="arm")


def by_segment(run: Run, trial: dict, called: dict[int, str], name: str) -> pd.DataFrame:
    """Return the effects on one outcome as text, a row a segment and arm; empty if not valid.

    Returns
    -------
    pandas.DataFrame
        arm (if several are treated), treated, control (customers), their levels and the difference
        with intervals, p-value, pulled together (the shrunk effect), smallest detectable, verdict;
        all together last.
    """
    result, write = trial["result"], writer(run, trial, name)
    if not drawable([trial]):
        return pd.DataFrame()
    cells, index = [], []
    of = result.segments[result.segments["outcome"] == name]
    for row in of.itertuples():
        shrunk = write.difference(row.shrunk)
        more = {"pulled together": shrunk, "verdict": SAID[row.verdict]}
        cells.append({"arm": row.arm, **_cells(run, trial, row), **more})
        index.append(called[row.segment])
    whole = result.overall[result.overall["outcome"] == name]
    for row in whole.itertuples():
        more = {"pulled together": "–", "verdict": "–"}
        cells.append({"arm": row.arm, **_cells(run, trial, row), **more})
        index.append("All together")
    frame = pd.DataFrame(cells, index=pd.Index(index, name="segment"))
    return frame if len(whole) > 1 else frame.drop(columns="arm")


def _cells(run: Run, trial: dict, row) -> dict[str, str]:
    """Return the figures of one effect as text."""
    write = writer(run, trial, row.outcome)

    def with_span(part: str, shown) -> str:
        value = getattr(row, part)
        if pd.isna(value):
            return "–"
        ends = ("low", "high") if part == "effect" else (f"{part}_low", f"{part}_high")
        return f"{shown(value)} ({write.span(*(getattr(row, end) for end in ends), shown)})"

    few = bool(getattr(row, "few", False))
    sizes = {"treated": row.n, "control": row.n_control}
    if 0 < getattr(row, "left_out", 0) < run.study.minimum_cell:  # else it told so few
        counts = trial["result"].ratio["counts"]
        sizes = {"treated": counts[row.arm], "control": counts[trial["control"]]}
    return {
        **{name: privacy.NOT_SHOWN if few else f"{n:,}" for name, n in sizes.items()},
        "level": with_span("level", write.level),
        f"level of {trial['control']}": with_span("baseline", write.level),
        "difference": with_span("effect", write.difference),
        "p-value": _p(row.p_adjusted),
        "smallest detectable": write.difference(row.detectable),
    }


def drawable(trials: list[dict]) -> list[dict]:
    """Return the experiments that have an effect to show: sound, and with enough customers."""
    sound = [t for t in trials if not t["result"].problems]
    return [t for t in sound if t["result"].overall["effect"].notna().any()]


def shown(trials: list[dict]) -> list[tuple[dict, str, str]]:
    """Return experiment, outcome and what it is called, of all that have an effect to show."""
    found = []
    for trial in drawable(trials):
        rows = trial["result"].overall
        names = rows.loc[rows["effect"].notna(), "outcome"].unique()
        found += [(trial, n, _noun(trial, n, trial["outcomes"][n].label)) for n in names]
    return found


def scaled(trial: dict, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the effects on one outcome by segment and overall, shares in percentage points."""
    result, found = trial["result"], []
    by = 100 if trial["outcomes"][name].kind == "yes/no" else 1
    for frame in (result.segments, result.overall):
        of = frame[frame["outcome"] == name]
        sizes = [c for c in ("effect", "low", "high", "shrunk") if c in of]
        found.append(of.assign(**{c: of[c] * by for c in sizes}))
    several = found[0]["segment"].nunique() > 1
    return found[0][[several] * len(found[0])], found[1]


def scale(run: Run, trial: dict, name: str) -> str:
    """Return what the axis of differences counts."""
    outcome = trial["outcomes"][name]
    units = {"yes/no": "percentage points", "money": run.study.currency or outcome.label}
    return f"difference to {trial['control']}, {units.get(outcome.kind, outcome.label)}"


def spoken(run: Run, trial: dict, called: dict[int, str], name: str) -> str:
    """Return what the forest plot of an experiment shows."""
    rows, write = trial["result"].segments, writer(run, trial, name)
    rows = rows[rows["outcome"] == name].dropna(subset="effect")
    told = [f"{called[r.segment]} {r.arm} {write.difference(r.effect)} "
            f"({write.span(r.low, r.high)})" for r in rows.itertuples()]  # fmt: skip
    return f"Effects with 95% intervals: {listing(told) if told else 'none could be estimated'}."


def _p(value: float) -> str:
    if pd.isna(value):
        return "–"
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{abs(value):.2f}"
