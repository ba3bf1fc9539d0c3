"""What shifted since the earlier run, and what to do: sentences and tables for a reader."""

from __future__ import annotations

import pandas as pd

from seglib import wording
from seglib.measuring import findings, refresh
from seglib.measuring.earlier import Pair
from seglib.measuring.migration import ALPHA
from seglib.measuring.since import called, p_value
from seglib.wording import amount, listing, share

ROWS = 12  # columns shown in the table of shifts
NOTHING = {"migration": None, "drift": None}  # without an earlier run


def columns_said(columns: pd.DataFrame, lines: list[dict]) -> str:
    """Return which columns shifted beyond chance, the largest first, and how large that is."""
    line = {of["name"]: of for of in lines}
    found = columns[columns["drifted"]].sort_values("psi", ascending=False)
    if found.empty:
        return "**No column has shifted beyond chance.**"
    told = [f"- {_moved(row, line[row.column])}" for row in found.head(5).itertuples()]
    more = f"\n- and {len(found) - 5} more, in the table" if len(found) > 5 else ""
    largest = found["psi"].iloc[0]
    size = "a large one" if largest >= 0.25 else "some change" if largest >= refresh.PSI else ""
    custom = (
        f"By custom the largest, {largest:.2f}, is called {size or 'no change worth speaking of'}"
    )
    heads = f"{findings.many(len(found), 'column')} of {len(columns)} shifted beyond chance"
    return f"**{heads}:**\n\n" + "\n".join(told) + more + f"\n\n{custom}."


def _moved(row, line: dict) -> str:
    what = line["label"] + (f" = {row.level}" if row.level else "")
    unit = "share" if row.level else line["unit"]
    if row.low <= 0 <= row.high:
        return f"{what}: its spread or shape, not its mean ({amount(row.after, unit)})"
    word, ends = "up" if row.change > 0 else "down", sorted([abs(row.low), abs(row.high)])
    return (
        f"{what}: {word} from {_fine(row.before, unit)} to {_fine(row.after, unit)} on average "
        f"(by {_by(ends[0], unit)} to {_by(ends[1], unit)})"
    )


def _by(change: float, unit: str) -> str:
    """Return a change in a column's own unit; a change of a share in percentage points."""
    return _signed(f"{100 * change:.1f}") + " points" if unit == "share" else _fine(change, unit)


def _signed(text: str) -> str:
    """Return a number's text with a true minus sign, and none before nothing."""
    return wording.minus(text) if text.strip("+-0.%") else text.lstrip("+-")


def _fine(value: float, unit: str) -> str:
    """Return a number with a decimal more than `amount` gives small changes."""
    if unit == "share":
        return wording.minus(f"{value:.1%}")
    if abs(value) >= 100 or unit in wording.PLAIN or len(unit) == 1:
        return amount(value, unit)
    return f"{wording.minus(f'{value:.1f}')} {unit}".strip()


def column_table(columns: pd.DataFrame, lines: list[dict]) -> pd.DataFrame:
    """Return the columns that shifted most: averages with units, and the index beside its usual."""
    line = {of["name"]: of for of in lines}
    rows = []
    for row in columns.sort_values(["p", "psi"], ascending=[True, False]).head(ROWS).itertuples():
        about_it = line[row.column]
        unit = "share" if row.level else about_it["unit"]
        rows.append({
            "column": about_it["label"] + (f" = {row.level}" if row.level else ""),
            "then": _fine(row.before, unit), "now": _fine(row.after, unit),
            "change": f"{_by(row.change, unit)} ({_by(row.low, unit)} to {_by(row.high, unit)})",
            "stability index": f"{row.psi:.3f}", "usual, up to": f"{row.usual:.3f}",
            "p-value, corrected": p_value(row.p_adjusted),
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("column")


def shares_said(pair: Pair, whole: dict, each: pd.DataFrame) -> str:
    """Return whether the segments' shares of customers shifted under the earlier rule."""
    names = called(pair)
    if not whole["drifted"]:
        return (
            "The shares of the segments have not shifted beyond chance (p = "
            f"{whole['p']:.2g}; {share(whole['moved'])} of all moved on balance)."
        )
    told = [
        f"{names[r.segment]} {findings.points(r.change)} ({findings.points(r.low)} to "
        f"{findings.points(r.high)})"
        for r in each.itertuples()
        if not r.low <= 0 <= r.high
    ]
    return (
        f"The shares of the segments have shifted beyond chance (p = {p_value(whole['p'])}); "
        f"{share(whole['moved'])} of all moved on balance"
        + (f": {listing(told)}." if told else ".")
    )


def fit_said(pair: Pair, fit: dict) -> str:
    """Return how far customers are from their own segment now, against then."""
    ends = [f"{fit[name]:+.1%}" if fit["relative"] else f"{fit[name]:+.2f}"
            for name in ("change", "low", "high")]  # fmt: skip
    change, low, high = (_signed(text) for text in ends)
    word = "beyond chance" if fit["p"] < ALPHA else "within chance"
    what = "distance" if fit["relative"] else "surprise (minus the log of the likelihood)"
    return (
        f"The mean {what} from the own segment, by rules refitted without the customer, was "
        f"{fit['before']:.2f} and is {fit['after']:.2f} ({change}, 95% interval {low} to {high}): "
        f"{word}. {share(fit['far']['value'])} ({share(fit['far']['low'])} to "
        f"{share(fit['far']['high'])}) are now farther than 99% of {pair.run.study.customer}s were."
    )


def verdict_table(pair: Pair) -> pd.DataFrame:
    """Return what kind of segments each run found, how many, and how well they come back."""
    rows = {}
    for run in (pair.last, pair.run):
        verdict = run.read("verdict.json")
        again = verdict["agreement"]
        rows[run.as_of.isoformat()] = {
            "verdict": verdict["kind"], "segments": verdict["k"],
            "agreement of refits": f"{again['value']:.2f} ({again['low']:.2f} to "
            f"{again['high']:.2f})",
            "in doubt": share(verdict["ambiguous"]["share"]),
        }  # fmt: skip
    return pd.DataFrame(rows).T.rename_axis("run of")


def useful_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how well each run's segments predict what came next, as text."""
    found = {}
    for row in rows.itertuples():
        found[f"{row.outcome} ({row.metric})"] = {
            "then": f"{row.then:.2f} ({row.then_low:.2f} to {row.then_high:.2f})",
            "now": f"{row.now:.2f} ({row.now_low:.2f} to {row.now_high:.2f})",
            "change": "{} ({} to {})".format(
                *(_signed(f"{x:+.2f}") for x in (row.change, row.low, row.high))
            ),
        }  # fmt: skip
    return pd.DataFrame(found).T.rename_axis("what happened")


def advice_said(advice: dict) -> str:
    """Return the advice, its reasons, the next date and the rule."""
    reasons = "\n".join(f"- {reason}" for reason in advice["reasons"])
    return (
        f"**{_worded(advice)}.** Next review: "
        f"{wording.day(advice['next_review'])} at the latest.\n\n{reasons}\n\n"
        f"The rule: {advice['rule']}"
    )


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def as_dict(pair: Pair, flows: pd.DataFrame, parts: dict, shifted: dict) -> dict:
    """Return migration and drift for measures.json.

    Parameters
    ----------
    pair, flows, parts
        From `earlier.pair`, `migration.flows` and `migration.split`.
    shifted
        columns, shares (both parts), fit and usefulness, as computed.
    """
    whole, each = shifted["shares"]
    about = {"from": pair.last.as_of, "to": pair.run.as_of, "days": pair.days, "notes": pair.notes}
    names = [{"segment": s, "name": n} for s, n in called(pair).items()]
    verdicts = {
        name: {key: run.read("verdict.json")[key] for key in ("kind", "k")}
        for name, run in (("then", pair.last), ("now", pair.run))
    }
    return {
        "migration": about | {"segments": names, "flows": findings.records(flows), "split": parts},
        "drift": about | {
            "columns": findings.records(shifted["columns"]), "fit": shifted["fit"],
            "shares": whole | {"segments": findings.records(each)}, "verdict": verdicts,
            "usefulness": findings.records(shifted["usefulness"]),
        },
    }  # fmt: skip


def advised(advice: dict) -> str:
    """Return the advice in one sentence."""
    return f"Advice: {_worded(advice)}. Next review: {wording.day(advice['next_review'])}."


def _worded(advice: dict) -> str:
    """Return what to do; where there were no segments before, nothing is kept or rebuilt."""
    if "compared" not in advice:
        return advice["meaning"]
    return f"{advice['advice'].capitalize()}: {_small(advice['meaning'])}"
