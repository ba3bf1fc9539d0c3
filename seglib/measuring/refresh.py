"""Keep, refresh or rebuild: what two runs say about going on with the earlier segments."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
from scipy.stats import norm

from seglib.files import Run
from seglib.measuring.drift import ALPHA
from seglib.measuring.earlier import Pair
from seglib.wording import listing, share

PSI = 0.1  # stability index from which a shift is commonly called some change (Siddiqi 2006)
SHARE = 0.05  # customers who went to other segments on balance
FIT = 0.1  # growth of the distance to the own segment
FAR = 0.02  # customers farther from it than 99% were
YEAR = 365  # days after which segments are looked at again in any case
RULE = (
    "Rebuild if the groups that were found, or their number, are no longer supported, if other "
    "columns form the segments, or if the segments no longer predict what comes next. "
    f"Refresh if more than chance and enough to matter has shifted (a column's stability index is "
    f"{PSI} or more, {SHARE:.0%} of customers belong elsewhere on balance, or the distance to the "
    f"own segment grew by {FIT:.0%}, or {FAR:.0%} are farther from it than 99% were), or if the "
    "earlier segments are older than a year. "
    "Otherwise keep; look again after one holdout, after twice the time between the runs if they "
    "are kept and nothing shifted beyond chance, and after a year at the latest."
)
MEANING = {
    "keep": "Go on with the segments of {} (`segments_kept.csv` has today's customers by them)",
    "refresh": "Put the segments of this run in the place of those of {}",
    "rebuild": "Look again at what the segments are made of, then at names, personas and playbook",
    "nothing": "There are no segments to keep; look again with other columns or more data",
}
FOUND = "natural", "reproducible"


def advise(
    pair: Pair, columns: pd.DataFrame, shares: dict, fit: dict, parts: dict, labels: dict[str, str]
) -> dict:
    """Return the advice on the earlier run's segments, with its reasons and a date.

    Parameters
    ----------
    pair
        From `earlier.pair`.
    columns, shares
        From `drift.columns` and the first of `drift.shares`.
    fit
        From `misfit.fitted`.
    parts
        From `migration.split`.
    labels
        Column → what a reader calls it.

    Returns
    -------
    dict
        advice (keep, refresh, rebuild), meaning, reasons, next_review (date), rule, and the date
        of the earlier run (`compared`).
    """
    run, last = pair.run, pair.last
    gap = (run.as_of - last.as_of).days
    verdicts = last.read("verdict.json"), run.read("verdict.json")
    again = _other_columns(pair, labels) + _verdict(*verdicts) + _useful(*verdicts)
    anew = _shifted(run, columns, shares, fit, labels)
    if gap > YEAR:
        anew.append(f"The segments of {last.as_of} are {gap} days old.")
    advice = "rebuild" if again else "refresh" if anew else "keep"
    calm = not (columns["drifted"].any() or shares["drifted"] or fit["drifted"])
    days = 2 * gap if advice == "keep" and calm else run.study.holdout or YEAR
    reasons = again + anew or [_quiet(calm), _idle(run, parts)]
    said = _said(run, advice, MEANING[advice].format(last.as_of), reasons, min(days, YEAR))
    return said | {"compared": last.as_of.isoformat()}


def alone(run: Run, note: str) -> dict:
    """Return the advice without an earlier run: by the verdict only.

    Parameters
    ----------
    run
    note
        The sentence that says why there is no earlier run.
    """
    verdict = run.read("verdict.json") if run.has("verdict.json") else {}
    kind = verdict.get("kind")
    nothing = kind is None or kind == "none"
    said = verdict.get("headline", "No verdict on these segments is known.")
    meaning = MEANING["nothing"] if nothing else "Use these segments until the next review"
    return _said(run, "rebuild" if nothing else "keep", meaning, [note, said],
                 min(run.study.holdout or YEAR, YEAR))  # fmt: skip


def usefulness(pair: Pair) -> tuple[pd.DataFrame, str]:
    """Return how well each run's segments predict what came after it, and whether that differs.

    Returns
    -------
    rows : pandas.DataFrame
        outcome, metric; then and now, each with low and high; change with low and high, from the
        two intervals as if they were independent (customers are largely the same, so it is a
        little wide); empty if either was not tested.
    note : str
        Why it is empty; else nothing.
    """
    tested = [each.read("verdict.json").get("usefulness") for each in (pair.last, pair.run)]
    for each, found in zip((pair.last, pair.run), tested, strict=True):
        if not found:
            return pd.DataFrame(), (
                f"What the segments of {each.as_of} predict was not tested: what came after is "
                "not known in full, or there is one segment only."
            )
    before, after = ({row["outcome"]: row for row in each["outcomes"]} for each in tested)
    rows = [_compared(before[name], after[name]) for name in before if name in after]
    return pd.DataFrame(rows), "" if rows else "The two runs were judged on different outcomes."


def _compared(before: dict, after: dict) -> dict:
    row = {"outcome": before["outcome"], "metric": before["metric"]}
    errors = []
    for name, of in (("then", before["segments"]), ("now", after["segments"])):
        row |= {name: of["value"], f"{name}_low": of["low"], f"{name}_high": of["high"]}
        errors.append((of["high"] - of["low"]) / 2)
    change, half = row["now"] - row["then"], float(np.hypot(*errors))
    p = 2 * norm.sf(abs(change) / half * norm.ppf(0.975)) if half > 0 else None
    return row | {"change": change, "low": change - half, "high": change + half, "p": p}


def _said(run: Run, advice: str, meaning: str, reasons: list[str], days: int) -> dict:
    return {
        "advice": advice, "meaning": meaning, "reasons": reasons,
        "next_review": (run.as_of + timedelta(days=days)).isoformat(), "rule": RULE,
    }  # fmt: skip


def _quiet(calm: bool) -> str:
    if calm:
        return "No column, no share of a segment and no fit has shifted by more than chance."
    return "What has shifted beyond chance is too little to matter by the rule below."


def _idle(run: Run, parts: dict) -> str:
    return (
        f"To refresh would put {share(parts['rule']['value'])} of the {run.study.customer}s into "
        "another segment without their having changed."
    )


# --- reasons to rebuild -------------------------------------------------------------------------


def _other_columns(pair: Pair, labels: dict[str, str]) -> list[str]:
    then = set(pair.columns)
    now = {rule["name"] for rule in pair.run.read("model.json")["columns"]}
    said = []
    for names, way in ((now - then, "now but not then"), (then - now, "then but not now")):
        if names:
            told = listing([labels.get(name, name) for name in sorted(names)])
            said.append(f"{told} {'form' if len(names) > 1 else 'forms'} the segments {way}.")
    return said


def _verdict(then: dict, now: dict) -> list[str]:
    """Return what of the earlier verdict is no longer supported: by today's evidence for its k."""
    was, k = then["kind"], then["k"]
    has = now["kind"]
    if was in FOUND:
        if _supported(was, k, now):
            return []
        return [
            f"The {k} groups of then ({was}) are no longer supported: the verdict is now {has}, "
            f"with {now['k']}."
        ]
    if has in FOUND:
        return [f"Then no groups were found; now the data hold {now['k']} ({has})."]
    return []


def _supported(kind: str, k: int, now: dict) -> bool:
    """Whether today's evidence for the earlier number of groups is of the earlier kind."""
    if now["kind"] == kind and now["k"] == k:
        return True
    row = next((r for r in now["evidence"] if r["k"] == k), None)
    if row is None or k == 1:
        return False
    again = row["dispersion_z"] >= 3 and row["stability"] >= max(0.6, row["stability_null"] + 0.1)
    return bool(row["separated"] or (kind == "reproducible" and again))


def _useful(then: dict, now: dict) -> list[str]:
    before, after = then.get("usefulness"), now.get("usefulness")
    if before and after and before["useful"] and not after["useful"]:
        return ["The segments predicted what came next; they no longer do."]
    return []


# --- reasons to refresh -------------------------------------------------------------------------


def _shifted(run: Run, columns: pd.DataFrame, shares: dict, fit: dict, labels: dict) -> list[str]:
    said = []
    large = columns[columns["drifted"] & (columns["psi"] >= PSI)].sort_values("psi")[::-1]
    if len(large):
        told = listing(
            [f"{labels.get(r.column, r.column)} ({r.psi:.2f})" for r in large.itertuples()]
        )
        said.append(f"The distribution has shifted of {told}; stability index in brackets.")
    if shares["drifted"] and shares["moved"] >= SHARE:
        said.append(
            f"By the earlier rule, {share(shares['moved'])} of the {run.study.customer}s belong to "
            "another segment on balance."
        )
    if fit["p"] < ALPHA and fit["relative"] and fit["change"] >= FIT:
        said.append(f"The distance to the own segment has grown by {share(fit['change'])}.")
    if fit["far"]["p"] < ALPHA and fit["far"]["value"] >= FAR:
        said.append(
            f"{share(fit['far']['value'])} are farther from their segment than 99% were then."
        )
    return said
