"""Who moved since the earlier run, as a reader meets it: sentences and a table of text."""

from __future__ import annotations

import math

import pandas as pd

from seglib import wording
from seglib.measuring import findings
from seglib.measuring.earlier import Pair, history
from seglib.measuring.migration import OUTSIDE
from seglib.wording import share


def called(pair: Pair) -> dict[int, str]:
    """Return segment → name in the earlier run, whose rule is applied; 0 is outside."""
    known = findings.names(pair.last)
    return known | {OUTSIDE: "no order" if pair.days else "not in the data"}


def about(count: float, minimum: int) -> str:
    """Return a count rounded to multiples of the minimum, or that it is less."""
    if pd.isna(count) or count < minimum:
        return f"fewer than {minimum}"
    return f"{math.floor(count / minimum + 0.5) * minimum:,.0f}"


def split_said(pair: Pair, parts: dict) -> str:
    """Return how many changed segment, by what they did or by the rule being made again."""
    who, then = f"{pair.run.study.customer}s", pair.last.as_of
    minimum = pair.run.study.minimum_cell
    if not parts["n"]:
        return f"No {pair.run.study.customer} has a segment in both runs."
    text = (
        f"Of {about(parts['n'], minimum)} {who} with a segment in both runs, "
        f"{_rate(parts['changed'])} have another one now. By the rule of {then}, applied at both "
        f"dates, {_rate(parts['behaviour'])} crossed a border by what they did. And "
        f"{_rate(parts['rule'])} are put elsewhere today by the new rule than by the earlier one, "
        "whatever they did"
    )
    if (seen := history(pair.run)) > pair.days:
        text += f", partly because the new one sees {seen} days and not {pair.days}"
    if parts["expected"] is not None:
        text += f" ({share(parts['expected'])} is what refitting on {who} drawn again does alone)"
    return (
        f"{text}. {share(parts['both']['value'])} are in both groups, most of them back where they "
        f"were: {share(parts['back']['value'])}."
        if parts["back"]["n"] * 2 > parts["both"]["n"]
        else f"{text}. {share(parts['both']['value'])} are in both groups."
    )


def _rate(part: dict) -> str:
    return f"{share(part['value'])} (95% interval {share(part['low'])} to {share(part['high'])})"


def flows_said(pair: Pair, flows: pd.DataFrame) -> str:
    """Return the flows that are more than chance, one sentence each, or that there are none."""
    names, minimum = called(pair), pair.run.study.minimum_cell
    news = flows[flows["beyond"]]
    if news.empty:
        text = (
            "**No flow is more than chance.** Those who crossed a border were made up for by "
            "others who crossed it the other way, as happens when nobody has changed."
        )
        return text + _circles(flows) + _passing(flows, names)
    told = []
    for row in news.sort_values("n", ascending=False).itertuples():
        where = f"From {names[row.origin]} to {names[row.goal]}"
        if row.origin == OUTSIDE:
            where = f"New or back in {names[row.goal]}"
        size = about(row.n, minimum)
        if not row.suppressed:
            of = "" if pd.isna(row.share) else f", {share(row.share)} of the segment"
            size += f" (95% interval {row.low:,.0f} to {row.high:,.0f}{of})"
        told.append(f"- {where}: {size}; the other way {about(row.reverse, minimum)}.")
    return (
        "More than chance explains:\n\n"
        + "\n".join(told)
        + _circles(flows)
        + _passing(flows, names)
    )


def _circles(flows: pd.DataFrame) -> str:
    if not _circular(flows).any():
        return ""
    return (
        "\n\nSome pairs of flows are uneven although the segments kept their sizes: customers went "
        "in a circle, as they do without any change where the two histories overlap. Marked so "
        "below."
    )


def _passing(flows: pd.DataFrame, names: dict[int, str]) -> str:
    stayed = flows[(flows["origin"] == flows["goal"]) & (flows["share"] < 0.5)]
    if stayed.empty:
        return ""
    told = wording.listing([f"{names[r.origin]} {share(r.share)}" for r in stayed.itertuples()])
    return (
        f"\n\n**Fewer than half stayed where they were in:** {told}. Such a segment is a passing "
        "state: act on it at once, and do not build a programme on its members."
    )


def _circular(flows: pd.DataFrame) -> pd.Series:
    return flows["uneven"] & ~flows["beyond"]


def flow_table(pair: Pair, flows: pd.DataFrame) -> pd.DataFrame:
    """Return each pair of flows as text, the larger direction first."""
    names, minimum = called(pair), pair.run.study.minimum_cell
    circular, rows = _circular(flows), {}
    order = flows.assign(net=flows["net"].fillna(0)).sort_values(
        ["beyond", "uneven", "net", "n"], ascending=False, kind="stable"
    )
    for i in order.index:
        row = flows.loc[i]
        key = frozenset((int(row["origin"]), int(row["goal"])))
        if len(key) < 2 or key in rows:
            continue
        rows[key] = {
            "from": names[int(row["origin"])], "to": names[int(row["goal"])],
            "moved": _counted(row, "", minimum), "the other way": about(row["reverse"], minimum),
            "net": _counted(row, "net_", minimum), "p-value, corrected": p_value(row["p_adjusted"]),
            "more than chance": "in a circle" if circular[i] else "yes" if row["beyond"] else "no",
        }  # fmt: skip
    return pd.DataFrame(list(rows.values())).set_index(["from", "to"])


def _counted(row: pd.Series, part: str, minimum: int) -> str:
    value = row[part.strip("_") or "n"]
    if pd.isna(value):
        return "–" if part else f"fewer than {minimum}"
    low, high = (wording.minus(f"{row[f'{part}{end}']:,.0f}") for end in ("low", "high"))
    return f"{wording.minus(f'{value:,.0f}')} ({low} to {high})"


def p_value(value: float) -> str:
    """Return a p-value as text; an en dash if there is none."""
    if pd.isna(value):
        return "–"
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def flows_spoken(pair: Pair, flows: pd.DataFrame) -> str:
    """Return what the picture of flows shows: how many stayed, and the main goal."""
    names, told = called(pair), []
    for origin, of in flows[flows["origin"] > 0].groupby("origin"):
        stayed = of.loc[of["goal"] == origin, "share"].iloc[0]
        away = of[of["goal"] != origin].dropna(subset="n").sort_values("n", ascending=False)
        text = f"{names[origin]}: {share(stayed)} stayed"
        for row in away.head(1).itertuples():
            text += f", {row.n:,.0f} went to {names[row.goal]}"
        told.append(text)
    return f"Flows from {pair.last.as_of} to {pair.run.as_of}. {'; '.join(told)}."


def slipped_said(pair: Pair, listed: pd.DataFrame) -> str:
    """Return who slipped, in numbers that name nobody."""
    who, minimum = f"{pair.run.study.customer}s", pair.run.study.minimum_cell
    if listed.empty:
        return f"No {who} slipped, or no spend and no orders are known to tell better from worse."
    gone, sure = (listed["to"] == OUTSIDE).sum(), listed["beyond_chance"].sum()
    text = (
        f"`slipped.csv` lists, for a CRM, {about(len(listed), minimum)} {who} who went to a "
        f"segment worth less or ordered nothing more ({about(gone, minimum)}). "
    )
    if sure:
        return text + (
            f"{about(sure, minimum)} of them are on a flow that is more than chance and stand "
            "first; of the others about as many rose as slipped, so for them the move may be luck."
        )
    return text + "No flow among them is more than chance, so for each the move may be luck."
