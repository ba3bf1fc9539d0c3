"""What the figures say, as words: what a template needs to write a sentence of them.

Whether a change is beyond chance, whether few or many are meant, what stands out: that is decided
here, where it can be tested; how it is said stands in seglib/wording/.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from seglib import wording
from seglib.files import Run
from seglib.measuring import drift, growth
from seglib.measuring.arms import KNOWN, ONE
from seglib.measuring.monitoring import Pair
from seglib.measuring.outcomes import EVERYONE
from seglib.stats import ALPHA

MOSTLY = 0.5  # of the customers began lately: a fall is what follows first orders


# --- page 05 --------------------------------------------------------------------------------------


def main_metric(changes: pd.DataFrame) -> str:
    """Return the metric that sentences speak of: spend, else orders; empty if neither."""
    return next((m for m in ("spend", "orders") if m in set(changes["metric"])), "")


def headline(changes: pd.DataFrame, called: dict[int, str], gaps: list[dict], run: Run) -> dict:
    """Return how everyone changed and whose change stands out, as block `headline` words it.

    Parameters
    ----------
    changes, called, gaps
        From `growth.changes`, `outcomes.names` and `outcomes.members`.
    run
    """
    metric = main_metric(changes)
    quiet = [gap["kind"] for gap in gaps if gap["kind"] in ("nobody", "netted")]
    if not metric or quiet:
        kinds = quiet or [gap["kind"] for gap in gaps[:1]]
        return {"state": "quiet" if quiet else "unknown", "kinds": kinds}
    rows = changes[changes["metric"] == metric].set_index("segment")
    whole, own = rows.loc[EVERYONE], rows.drop(index=EVERYONE)
    judged = own[own["p_adjusted"].notna()]
    better = {called[s]: row[row["tested"]] > 0 for s, row in judged[judged["differs"]].iterrows()}
    new = whole["newcomers"]
    return {
        "state": "few" if pd.isna(whole["change"]) else "changed",
        "metric": metric,
        **_moved(whole),
        "newcomers": new,
        "left_out": "few" if pd.isna(new) else "some" if new else "none",
        "better": [name for name, up in better.items() if up],
        "worse": [name for name, up in better.items() if not up],
        "standing": "alone" if len(own) == 1 else "unjudged" if judged.empty else "judged",
        "kinds": [],
        "against": "placebo" if (judged["tested"] == "excess").any() else "others",
        "unjudged": len(own) - len(judged),
        "segments": len(own),
        **_late(run),
    }


def _moved(row: pd.Series) -> dict:
    """Return a change with its interval, its direction, and whether chance explains it."""
    value, low, high = row["change"], row["change_low"], row["change_high"]
    same = abs(value) < 0.0005
    return {
        "change": {"value": abs(value), "low": low, "high": high},
        "width": low != high,
        "direction": "same" if same else "up" if value > 0 else "down",
        "chance": "within" if low <= 0 <= high else "beyond",
    }


def _late(run: Run) -> dict:
    """Return whether most began within the period before, whose figures then hold first orders."""
    tenure = run.read("customers.parquet").get("tenure") if run.has("customers.parquet") else None
    new = 0.0 if tenure is None else float((tenure <= run.study.holdout).mean())
    return {"began": new, "late": "all" if new == 1 else "most" if new >= MOSTLY else "few"}


def of_segments(changes: pd.DataFrame, kpis: pd.DataFrame, called: dict[int, str]) -> list[dict]:
    """Return what is found of each segment: its growth and its retention, as `finding` words it.

    Returns
    -------
    list of dict
        segment, name, metric, value, low, high, n, and words: `direction`, `tested`, `chance`,
        `towards` (regression to the mean pulls the same way), `again` (of retention).
    """
    metric, result = main_metric(changes), []
    for segment, name in called.items():
        about = {"segment": segment, "name": name, "whose": "one" if segment else "everyone"}
        of = changes[(changes["segment"] == segment) & (changes["metric"] == metric)]
        for _, row in of[of["change"].notna()].iterrows():
            result.append(about | {"metric": metric, "kind": "change"} | _change_words(row))
        about |= {"metric": "retained", "kind": "retained"}
        stayed = kpis[(kpis["segment"] == segment) & (kpis["metric"] == "retained")]
        for _, row in stayed[stayed["value"].notna()].iterrows():
            again = {"again": "some" if row["value"] else "nobody"}
            result.append(about | again | {key: row[key] for key in ("value", "low", "high", "n")})
    return result


def _change_words(row: pd.Series) -> dict:
    parts = {
        part: {"value": row[part], "low": row[f"{part}_low"], "high": row[f"{part}_high"]}
        for part in growth.PARTS
    }
    beside = "none" if row["segment"] == 0 or pd.isna(row["gap"]) else row["tested"]
    mean = pd.notna(row["level"]) and (row["gap"] < 0) == (row["level"] > 1)
    chance = "within" if row["excess_low"] <= 0 <= row["excess_high"] else "several"
    words = {"tested": beside, "towards": "mean" if mean else "other"}
    words |= {"chance": "beyond" if row["differs"] else chance}
    n = None if pd.isna(row["n"]) else int(row["n"])
    return parts | _moved(row) | parts["change"] | words | {"n": n}


def standing(rows: pd.DataFrame) -> dict:
    """Return of one outcome how many of all it came true, and which segments stand out."""
    whole, own = rows[rows["segment"] == EVERYONE].iloc[0], rows[rows["segment"] != EVERYONE]
    differ = own[own["differs"].astype(bool)].sort_values("times")
    more, fewer = differ[differ["times"] > 1][::-1], differ[differ["times"] < 1]
    return {
        "state": "few" if whole["suppressed"] else "shown",
        "label": whole["label"],
        "whole": whole,
        "more": [*more["name"]],
        "fewer": [*fewer["name"]],
        "others": "alike" if differ.empty and len(own) > 1 else "some",
        "few": [*own.loc[own["suppressed"], "name"]],
    }


# --- page 06 --------------------------------------------------------------------------------------


def title(campaign: str) -> str:
    """Return what an experiment is called."""
    return campaign if campaign == ONE else f"Campaign {campaign}"


def experiment(trial: dict, called: dict[int, str], currency: str) -> list[tuple[str, dict]]:
    """Return what page 06 says of an experiment, block by block with what it needs.

    First everyone, then whether effects differ between segments, then each segment.
    """
    if problems := trial["result"].problems:
        return [("problem", plainly(problem)) for problem in problems] + [("no_effect", {})]
    blocks = [("effect", row) for row in everyone(trial, currency)]
    blocks += [("short", {"why": "", **trial["short"]}), ("pooled", pooled(trial))]
    blocks += [("interaction", row) for row in interactions(trial)]
    if len(called) == 2:
        return [*blocks, ("one_segment", {})]
    return blocks + [("segment", row) for row in by_segment(trial, called, currency)]


def plainly(problem: dict) -> dict:
    """Return a problem with what its columns hold in words."""
    columns = [
        f"{name[7:].removesuffix(' after')} before"
        if name.startswith("before_")
        else f"the share of segment {name[8:]}"
        if name.startswith("segment_")
        else name.removeprefix(KNOWN)
        for name in problem.get("columns", [])
    ]
    return problem | {"columns": columns}


def everyone(trial: dict, currency: str) -> list[dict]:
    """Return for each outcome of an experiment what block `effect` of page 06 says of everyone."""
    blocks = []
    for name, rows in trial["result"].overall.groupby("outcome", sort=False):
        arms = rows[rows["effect"].notna()]
        about = _outcome(trial, name, currency)
        about |= {"state": "known" if len(arms) else "rare", "control": trial["control"]}
        effects = [
            _effect(row, about["kind"]) | {"chance": _chance(row)} for _, row in arms.iterrows()
        ]
        blocks.append(about | {"several": "arms" if len(arms) > 1 else "one", "arms": effects})
    return blocks


def _outcome(trial: dict, name: str, currency: str) -> dict:
    """Return an outcome's kind, label and units, and whether its effects are adjusted."""
    outcome = trial["outcomes"][name]
    free = "adjusted" if trial["adjusted"] and outcome.kind != "yes/no" else "plain"
    about = {"kind": outcome.kind, "label": outcome.label, "free": free}
    return about | units(outcome.kind, currency)


def joined(sentences: list[str]) -> str:
    """Return sentences as a text that follows a colon: all but the first begin with a capital."""
    return " ".join(sentences[:1] + [text[:1].upper() + text[1:] for text in sentences[1:]])


def interactions(trial: dict) -> list[dict]:
    """Return whether effects differ between segments, which is tested before each is looked at."""
    rows = trial["result"].overall
    return [
        {
            "arm": row.arm,
            "kind": trial["outcomes"][row.outcome].kind,
            "label": trial["outcomes"][row.outcome].label,
            "p": row.interaction_adjusted,
            "differs": "yes" if row.interaction_adjusted < ALPHA else "no",
        }
        for row in rows[rows["p_interaction"].notna()].itertuples()
    ]


def pooled(trial: dict) -> dict:
    """Return what became of the members of segments too small to be analysed alone."""
    rows, least = trial["result"].overall, trial["minimum"]
    together, left_out = int(rows["pooled"].max()), int(rows["left_out"].max())
    if left_out:
        return {"kind": "left_out", "n": left_out, "size": "shown" if left_out >= least else "few"}
    return {"kind": "pooled" if together >= least else "nothing", "n": together}


def by_segment(trial: dict, called: dict[int, str], currency: str) -> list[dict]:
    """Return what block `segment` of page 06 says: of the first outcome, and what is clear."""
    rows, first = trial["result"].segments, next(iter(trial["outcomes"]), None)
    clear = rows["verdict"].isin(["works", "works too little", "harms"])
    blocks = []
    for _, row in rows[(rows["outcome"] == first) | clear].iterrows():
        about, known = _outcome(trial, row["outcome"], currency), pd.notna(row["effect"])
        needed = row["verdict"] == "not enough data" and pd.notna(row["needed"]) and not row["few"]
        more = "needed" if needed else "undecided" if row["verdict"] == "undecided" else "nothing"
        nothing = known and row["level_high"] == row["baseline_high"] == 0
        about |= _effect(row, about["kind"])
        about |= {key: row[key] for key in ("needed", "n", "n_control")}
        about |= {"name": called[row["segment"]], "state": "known" if known else "unknown"}
        about |= {"worth": row["worth"] * (100 if about["kind"] == "yes/no" else 1)}
        about |= {"more": "nothing" if nothing else more}
        blocks.append(about | {"verdict": "nothing" if nothing else row["verdict"]})
    return blocks


def units(kind: str, currency: str) -> dict:
    """Return the unit of an outcome's levels, and of its effects."""
    unit = {"yes/no": "share", "money": currency or "money"}.get(kind, "")
    return {"unit": unit, "effect_unit": "points" if kind == "yes/no" else unit}


def _effect(row: pd.Series, kind: str) -> dict:
    """Return an effect with its interval, of shares in percentage points."""
    by = 100 if kind == "yes/no" else 1
    effect = {"value": by * row["effect"], "low": by * row["low"], "high": by * row["high"]}
    return {"effect": effect} | {key: row[key] for key in ("arm", "level", "baseline")}


def _chance(row: pd.Series) -> str:
    if row["p_adjusted"] < ALPHA:
        return "beyond"
    return "within" if row["low"] <= 0 <= row["high"] else "several"


# --- page 07 --------------------------------------------------------------------------------------


def about(count: float, minimum: int) -> str:
    """Return a count rounded to multiples of the minimum, or that it is less."""
    if pd.isna(count) or count < minimum:
        return f"fewer than {minimum}"
    return f"{np.floor(count / minimum + 0.5) * minimum:,.0f}"


def flows(pair: Pair, rows: pd.DataFrame) -> dict:
    """Return the flows that are more than chance, the largest first, and which segments pass."""
    minimum = pair.run.study.minimum_cell
    called = rows.assign(origin=rows["origin"].map(pair.names), goal=rows["goal"].map(pair.names))
    called["kind"] = np.where(rows["share"].isna() & (rows["origin"] == 0), "new", "moved")
    called["state"] = np.where(rows["suppressed"], "hidden", "shown")
    for name in ("n", "reverse"):
        called[name] = [about(n, minimum) for n in rows[name]]
    news = called[rows["beyond"]].loc[rows[rows["beyond"]].sort_values("n")[::-1].index]
    stayed = called[(rows["origin"] == rows["goal"]) & (rows["share"] < 0.5)]
    return {
        "news": news.rename(columns={"n": "size"}).to_dict("records"),
        "circles": "some" if (rows["uneven"] & ~rows["beyond"]).any() else "none",
        "passing": [f"{row.origin} {row.share:.0%}" for row in stayed.itertuples()],
    }


def shifted(columns: pd.DataFrame, lines: list[dict]) -> dict:
    """Return which columns shifted beyond chance, the largest first, and how large that is."""
    line = {of["name"]: of for of in lines}
    rows = columns[columns["drifted"]].sort_values("psi", ascending=False)
    largest = rows["psi"].max() if len(rows) else 0.0
    size = "large" if largest >= drift.LARGE else "some" if largest >= drift.PSI else "none"
    return {
        "shifted": [_shift(row, line[row["column"]]) for _, row in rows.iterrows()],
        "looked": len(columns),
        "largest": round(largest, 2),
        "size": size,
    }


def _shift(row: pd.Series, line: dict) -> dict:
    shape = row["low"] <= 0 <= row["high"]
    return {
        "label": line["label"] + (f" = {row['level']}" if row["level"] else ""),
        "unit": "share" if row["level"] else line["unit"],
        "direction": "shape" if shape else "up" if row["change"] > 0 else "down",
        "before": row["before"],
        "after": row["after"],
    }


def split(parts: dict, minimum: int) -> dict:
    """Return how many changed segment, as block `split` words it; few are not counted."""
    known = "some" if parts["n"] else "nobody"
    return parts | {"both_known": known, "n": about(parts["n"], minimum)}


def downgraded(listed: pd.DataFrame, minimum: int) -> dict:
    """Return how many were downgraded, in numbers that name nobody."""
    if listed.empty:
        return {"kind": "nobody"}
    sure, gone = listed["beyond_chance"].sum(), (listed["to"] == 0).sum()
    counts = {"n": len(listed), "gone": gone, "sure": sure}
    return {"kind": "sure" if sure else "luck"} | {k: about(n, minimum) for k, n in counts.items()}


def shares(pair: Pair, whole: dict, each: pd.DataFrame) -> dict:
    """Return whether the segments' shares of customers shifted, and whose beyond chance."""
    clear = each[(each["low"] > 0) | (each["high"] < 0)]
    points = (100 * clear[["change", "low", "high"]]).set_axis(["value", "low", "high"], axis=1)
    texts = wording.cells(points, "points")
    names = clear["segment"].map(pair.names)
    listed = [f"{name} {text}" for name, text in zip(names, texts, strict=True)]
    return whole | {"clear": listed if whole["drifted"] else []}


def reason(given: dict, labels: dict[str, str]) -> dict:
    """Return a reason of the advice with its columns as a reader calls them."""
    columns = given.get("columns", [])
    named = [
        f"{labels.get(c['column'], c['column'])} ({c['psi']:.2f})"
        if isinstance(c, dict)
        else labels.get(c, c)
        for c in columns
    ]
    return given | {"columns": named, "number": "one" if len(named) == 1 else "some"}
