"""A later run beside the newest earlier one: who moved, what drifted, whether to go on.

The rule of the earlier run is applied at both dates, so that a move is something a customer did.
Customers near a border cross it in both directions without having changed, so a flow must exceed
its reverse. The null model is that customers behave at the later date as at the earlier one, with
new luck. Then a segment gains as many as it loses: of those who entered or left it, the number who
entered is binomial with one half (McNemar 1947, *Psychometrika* 12). If the two dates can also be
exchanged, the same holds of every pair of flows (Bowker 1948, *JASA* 43); but where the two
histories overlap, customers go in circles without change. So a flow is news only if it exceeds its
reverse and the segment that it leaves has shrunk, or the one that it reaches has grown, each beyond
chance.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from seglib import privacy, stats, wording
from seglib.clustering.segmenter import SegmentModel, assign, check_version
from seglib.collection import activity, features
from seglib.formats import StudyError
from seglib.measuring import drift, outcomes
from seglib.runs import COMPARED, Run, again
from seglib.stats import ALPHA

OUTSIDE = 0  # no customer at that date: nothing ordered in the time looked at
VALUES = "spend", "orders"  # what a segment is worth, the first that is known
DOWNGRADED = wording.table("downgraded")  # the columns of slipped.csv, and what they mean


@dataclass(frozen=True)
class Pair:
    """The newest earlier run, this run, and their customers as the earlier rule may see them.

    `then` and `now` hold a row a customer at either date, features from equally long histories of
    so many `days`; 0 if the study has no transactions. `model` is the earlier run's rule.
    """

    run: Run
    last: Run
    model: dict
    then: pd.DataFrame
    now: pd.DataFrame
    days: int

    @property
    def columns(self) -> list[str]:
        """The columns that the earlier rule was made of."""
        return [rule["name"] for rule in self.model["columns"]]

    @property
    def numbers(self) -> list[int]:
        """The numbers of its segments."""
        return SegmentModel.from_dict(self.model).numbers_

    @property
    def names(self) -> dict[int, str]:
        """The names of its segments; 0 is outside."""
        return outcomes.names(self.last) | {OUTSIDE: "no order" if self.days else "not in the data"}


def pair(run: Run) -> Pair:
    """Return this run beside the newest earlier one; a StudyError says why they do not compare.

    The features of a growing history grow by themselves: who is seen for longer has more orders.
    Then today's are taken again from as many days as the earlier run saw.
    """
    if reason := missing(run):
        raise StudyError(reason)
    last = run.predecessor(*COMPARED)
    model = last.read("model.json")
    check_version(model, last.folder / "model.json", again)
    then, now = (each.read("customers.parquet") for each in (last, run))
    wanted = [rule["name"] for rule in model["columns"]]
    long, short = outcomes.history(run), outcomes.history(last)
    if short > long:
        raise StudyError(
            f"the run of {last.as_of} saw {short} days and this one {long}, because the data now "
            "begin later or the study says so: the two cannot be compared"
        )
    if long > short or (short and not set(wanted) <= set(now)):
        now = features.customers(activity.seen(run, [run.as_of], short, wanted)[0])[0]
    if lacking := [name for name in wanted if name not in now]:
        raise StudyError(
            f"the rule of {last.as_of} needs the column {lacking[0]!r}, which the data of "
            f"{run.as_of} do not have: the two cannot be compared"
        )
    return Pair(run, last, model, then, now, short)


def missing(run: Run) -> str:
    """Return why there is no earlier run to compare with; empty if there is one."""
    who = run.study.customer
    if run.study.numbered:
        return f"{who}s are called by the number of their row, so nobody can be followed over time"
    last = run.predecessor(*COMPARED)
    return "" if last else f"there is no run of this study before {run.as_of} to compare with"


def incomparable(run: Run) -> str:
    """Return why a run cannot be compared with an earlier one; empty if it can."""
    try:
        pair(run)
    except StudyError as reason:
        return str(reason)
    return ""


def basis(pair: Pair) -> dict:
    """Return what is compared, and the words for what limits it: overlap, season."""
    days, gap, seen = pair.days, (pair.run.as_of - pair.last.as_of).days, outcomes.history(pair.run)
    near = min(gap % 365, 365 - gap % 365) <= 31
    longer = "longer" if seen > days else "equal"
    return {
        "then": str(pair.last.as_of),
        "now": str(pair.run.as_of),
        "days": days,
        "seen": seen,
        "shared": max(days - gap, 0),
        "histories": longer if days else "none",
        "overlap": "some" if days > gap else "none",
        "season": "same" if days >= 365 or near or not days else "another",
    }


# --- who moved ------------------------------------------------------------------------------------


def states(model: dict, then: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return by customer the segment then and now by one rule, 0 where none, and its probability.

    Columns: then, now, probability (of the segment now).
    """
    before, after = assign(model, then), assign(model, now)
    both = before["segment"].rename("then").to_frame()
    both = both.join(after["segment"].rename("now"), how="outer").join(after["probability"])
    labels = both[["then", "now"]].fillna(OUTSIDE).astype(int)
    return both.assign(**labels)[["then", "now", "probability"]]


def flows(
    moved: pd.DataFrame, numbers: list[int], *, minimum: int, seed: int, draws=2000
) -> pd.DataFrame:
    """Return how many customers went from each segment to each, and whether it is more than chance.

    Counts under `minimum` are suppressed, the others rounded to multiples of it, and intervals
    (bootstrap over customers, the rule held fixed) outwards, so that small ones do not follow from
    the sizes of the segments. Columns: origin, goal (0 = outside); n; reverse (n of the other
    direction); net (n - reverse); share of the origin; n, net and share with low and high (95%); p,
    p_adjusted (exact, Holm over pairs); uneven (this direction exceeds the other beyond chance);
    beyond (and its origin shrank or its goal grew beyond chance); suppressed.
    """
    labels = [OUTSIDE, *numbers]
    counts = pd.crosstab(moved["then"], moved["now"])
    table = counts.reindex(index=labels, columns=labels, fill_value=0).to_numpy()
    rows = pd.DataFrame(
        {"origin": np.repeat(labels, len(labels)), "goal": np.tile(labels, len(labels))}
    ).assign(**_intervals(table, len(moved), seed, draws))
    rows["reverse"] = table.T.ravel()
    once = (rows["origin"] < rows["goal"]) & (rows["n"] + rows["reverse"] > 0)
    tests = [even(*cell) for cell in rows.loc[once, ["n", "reverse"]].to_numpy(int)]
    both = rows.loc[once, ["origin", "goal"]].assign(p=tests, p_adjusted=stats.adjust(tests))
    both = pd.concat([both, both.rename(columns={"origin": "goal", "goal": "origin"})])
    rows = rows.merge(both, "left", ["origin", "goal"])
    rows["uneven"] = (rows["p_adjusted"] < ALPHA) & (rows["n"] > rows["reverse"])
    shrunk, grown = (np.array(labels)[of] for of in _changed(table))
    rows["beyond"] = rows["uneven"] & (rows["origin"].isin(shrunk) | rows["goal"].isin(grown))
    rows = _coarse(rows, minimum)
    size = rows["origin"].map(dict(zip(labels, table.sum(axis=1), strict=True))).astype(float)
    for name, of in (("share", "n"), ("share_low", "low"), ("share_high", "high")):
        rows[name] = (rows[of] / size).clip(upper=1.0).where(rows["origin"] > 0)
    return rows[(rows["origin"] > 0) | (rows["goal"] > 0)].reset_index(drop=True)


def even(one: int, other: int) -> float:
    """Return the exact p-value that two numbers of customers are equally likely."""
    return float(binomtest(int(one), int(one + other)).pvalue) if one + other else 1.0


def _intervals(table: np.ndarray, n: int, seed: int, draws: int) -> dict[str, np.ndarray]:
    """Return each cell's count and net flow with their bootstrap intervals, cell by cell."""
    samples = np.random.default_rng(seed).multinomial(n, table.ravel() / n, size=draws)
    samples, cells = samples.reshape(draws, *table.shape), {}
    for name, of in (("", lambda t: t), ("net_", lambda t: t - np.swapaxes(t, -1, -2))):
        made = stats.Bootstrap(of(table).astype(float), np.sort(of(samples).astype(float), axis=0))
        low, high = made.interval(n)
        cells |= {name.strip("_") or "n": made.estimate, f"{name}low": low, f"{name}high": high}
    return {name: values.ravel() for name, values in cells.items()}


def _coarse(rows: pd.DataFrame, minimum: int) -> pd.DataFrame:
    few, back = rows["n"] < minimum, rows["reverse"] < minimum
    for ends, write in (("low", np.floor), ("high", np.ceil)):
        for name in (ends, f"net_{ends}"):
            rows[name] = write(rows[name] / minimum) * minimum
    for name in ("n", "reverse"):
        rows[name] = np.floor(rows[name] / minimum + 0.5) * minimum
    rows["net"] = rows["n"] - rows["reverse"]
    rows.loc[few, ["n", "low", "high"]] = np.nan
    rows.loc[back, "reverse"] = np.nan
    rows.loc[few | back, ["net", "net_low", "net_high", "p", "p_adjusted"]] = np.nan
    return rows.assign(suppressed=few)


def _changed(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which states (yes or no) have shrunk, have grown beyond chance (exact, Holm)."""
    stayed = np.diag(table)
    left, entered = table.sum(axis=1) - stayed, table.sum(axis=0) - stayed
    sure = stats.adjust([even(*pair) for pair in zip(left, entered, strict=True)]) <= ALPHA
    return sure & (left > entered), sure & (entered > left)


def split(pair: Pair, moved: pd.DataFrame) -> dict:
    """Return how many changed segment between the runs, by what they did or by the new rule.

    Of the `n` customers with a segment in both runs: `changed` (another number now than then),
    `behaviour` (by the earlier rule at both dates), `rule` (the earlier rule and this run's differ
    today), each with value, low, high and n; `expected`: the share whom a refit on customers drawn
    again puts elsewhere.
    """
    today = pair.run.read("segments.parquet")["segment"]
    known = moved[(moved["then"] > 0) & (moved["now"] > 0) & moved.index.isin(today.index)]
    then, now, new = known["then"], known["now"], today.reindex(known.index)
    parts: dict = {"n": len(known)}
    for name, yes in {"changed": then != new, "behaviour": then != now, "rule": now != new}.items():
        value, low, high, _ = stats.share(int(yes.sum()), len(yes))
        parts[name] = {"value": value if len(yes) else None, "low": low, "high": high}
        parts[name]["n"] = int(yes.sum())
    kept = pair.run.read("verdict.json")["agreement"].get("kept")
    return parts | {"expected": None if kept is None else 1 - kept}


def downgraded(pair: Pair, moved: pd.DataFrame, flows: pd.DataFrame) -> pd.DataFrame:
    """Return who went to a segment worth less, or ordered nothing more: a list for a CRM.

    The columns are those of `DOWNGRADED`; flows beyond chance first, in each the most valuable
    first. It holds customers' keys: never for a page. Empty without spend and orders.
    """
    columns = [line["column"] for line in DOWNGRADED]
    metric = next((name for name in VALUES if name in pair.then), None)
    if metric is None:
        return pd.DataFrame(columns=columns)
    then = pair.then[metric].fillna(0)
    level = then.groupby(moved["then"].reindex(then.index)).mean()
    level = {OUTSIDE: -np.inf, **level.to_dict()}
    down = moved[(moved["then"] > 0)]
    down = down[down["now"].map(level).fillna(np.inf) < down["then"].map(level)]
    news = {(r.origin, r.goal) for r in flows[flows["beyond"]].itertuples()}
    listed = down.rename(columns={"then": "from", "now": "to"}).assign(
        from_name=down["then"].map(pair.names),
        to_name=down["now"].map(pair.names),
        value_then=pair.then[metric].reindex(down.index),
        value_now=pair.now[metric].reindex(down.index).fillna(0),
        beyond_chance=[way in news for way in zip(down["then"], down["now"], strict=True)],
    )
    listed = listed.rename_axis("customer").reset_index()[columns]
    order = ["beyond_chance", "value_then"]
    return listed.sort_values(order, ascending=False, kind="stable").reset_index(drop=True)


# --- what page 07 says of them, as words ----------------------------------------------------------


def about(count: float, minimum: int) -> str:
    """Return a count rounded to multiples of the minimum, or that it is less."""
    if pd.isna(count) or count < minimum:
        return f"fewer than {minimum}"
    return f"{np.floor(count / minimum + 0.5) * minimum:,.0f}"


def flow_words(pair: Pair, rows: pd.DataFrame) -> dict:
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


def split_words(parts: dict, minimum: int) -> dict:
    """Return how many changed segment, as block `split` words it; few are not counted."""
    known = "some" if parts["n"] else "nobody"
    return parts | {"both_known": known, "n": about(parts["n"], minimum)}


def downgraded_words(listed: pd.DataFrame, minimum: int) -> dict:
    """Return how many were downgraded, in numbers that name nobody."""
    if listed.empty:
        return {"kind": "nobody"}
    sure, gone = listed["beyond_chance"].sum(), (listed["to"] == 0).sum()
    counts = {"n": len(listed), "gone": gone, "sure": sure}
    return {"kind": "sure" if sure else "luck"} | {k: about(n, minimum) for k, n in counts.items()}


# --- measures.json --------------------------------------------------------------------------------

PARTS = "experiments.json", "results.json", "monitoring.json"  # the headline is in this order
LISTS = "headline", "sentences", "outcomes", "kpis", "changes", "campaigns", "experiments", "notes"


def assemble(run: Run, reason: str = "") -> None:
    """Write measures.json from what the notebooks on results have found so far, if any has.

    `reason` is why the run is not compared with an earlier one, where that is known.
    """
    run = replace(run)  # it is made of the files that are read here alone
    parts = [run.read(name) for name in PARTS if run.has(name)]
    if not parts:
        return
    called, counts = outcomes.names(run), run.read("segments.parquet")["segment"].value_counts()
    sizes = {outcomes.EVERYONE: counts.sum(), **privacy.shown(counts, run.study.minimum_cell)}
    segments = pd.DataFrame({"name": called, "n": pd.Series(sizes, dtype="Int64")})
    segments = outcomes.records(segments.loc[[*called]].reset_index(names="segment"))
    measures = {"as_of": run.as_of, "until": run.until, "words": run.study.words}
    measures |= {"segments": segments, "migration": None, "drift": None}
    measures |= {key: [row for part in parts for row in part.get(key, [])] for key in LISTS}
    measures["headline"] = " ".join(measures["headline"])
    monitored = next((part for part in parts if "refresh" in part), {})
    run.write("measures.json", measures | {"refresh": alone(run, reason)} | monitored)


def alone(run: Run, reason: str = "") -> dict:
    """Return the advice without an earlier run, by the verdict only, in words."""
    verdict = run.read("verdict.json") if run.has("verdict.json") else {}
    days = min(run.study.holdout or drift.YEAR, drift.YEAR)
    advice = {"advice": "rebuild" if verdict.get("kind", "none") == "none" else "keep"}
    advice["next_review"] = str(run.as_of + timedelta(days=days))
    why = reason or missing(run) or "the run has not been compared with an earlier one"
    page = "07_monitoring"
    known = verdict.get("headline", "No verdict on these segments is known.")
    meaning = wording.plain(page, "meaning", then="", against="none", **advice)
    reasons = [f"{why[:1].upper()}{why[1:]}.", known]
    return advice | {"meaning": meaning, "reasons": reasons, "rule": wording.plain(page, "rule")}
