"""Who moved between segments from one run to the next, and which flows are more than chance.

The same rule is applied at both dates, so that a move is something a customer did. Customers near
a border cross it in both directions without having changed, so a flow must exceed its reverse. The
null model is that customers behave at the later date as at the earlier one, with new luck. Then a
segment gains as many as it loses: of those who entered or left it, the number who entered is
binomial with one half (McNemar 1947, *Psychometrika* 12). If the two dates can also be exchanged,
the same holds of every pair of flows (Bowker 1948, *JASA* 43); but where the two histories overlap,
customers go in circles without change (a lucky month lifts first the recent trend, then the number
of orders, then lowers the trend). So a flow is news only if it exceeds its reverse and the segment
that it leaves has shrunk, or the one that it reaches has grown, each beyond chance.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from seglib import clustering
from seglib.measuring.earlier import Pair
from seglib.stats import Bootstrap, adjust, wilson

OUTSIDE = 0  # no customer at that date: nothing ordered in the time looked at
ALPHA = 0.05
VALUES = "spend", "orders"  # what a segment is worth, the first that is known
SLIPPED = [
    {"column": "customer", "meaning": "the customer's key, as in the source"},
    {"column": "from", "meaning": "number of the segment at the earlier run's date"},
    {"column": "from_name", "meaning": "its name in the earlier run"},
    {"column": "to", "meaning": "number of the segment now by the earlier run's rule; 0 if nothing "
     "was ordered in the time looked at"},
    {"column": "to_name", "meaning": "its name in the earlier run"},
    {"column": "probability", "meaning": "how surely the customer belongs there now, from 0 to 1; "
     "empty where nothing was ordered"},
    {"column": "value_then", "meaning": "spend before the earlier date; orders if there are no"
     " amounts"},
    {"column": "value_now", "meaning": "the same before this run's date, over equally many days"},
    {"column": "beyond_chance", "meaning": "True if more went this way than came back, beyond "
     "chance; where False, about as many came back, and the move may be luck"},
]  # fmt: skip


def states(model: dict, then: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return the segment of each customer at both dates by one rule; 0 where there was none.

    Parameters
    ----------
    model
        From `SegmentModel.to_dict`.
    then, now
        One row per customer at each date.

    Returns
    -------
    pandas.DataFrame
        Indexed by customer: then, now, probability (of the segment now).
    """
    everyone = then.index.union(now.index)
    before, after = clustering.assign(model, then), clustering.assign(model, now)
    segments = {
        name: frame["segment"].reindex(everyone, fill_value=OUTSIDE).astype(int)
        for name, frame in (("then", before), ("now", after))
    }
    return pd.DataFrame({**segments, "probability": after["probability"].reindex(everyone)})


def flows(
    moved: pd.DataFrame, numbers: list[int], *, minimum: int, seed: int, draws=2000
) -> pd.DataFrame:
    """Return how many customers went from each segment to each, and whether it is more than chance.

    Parameters
    ----------
    moved
        From `states`.
    numbers
        Of the segments of the rule.
    minimum
        Smaller counts are suppressed. The others are rounded to multiples of it, and intervals
        outwards, so that small ones do not follow from the sizes of the segments.
    seed, draws
        Of the bootstrap over customers; with the rule fixed, drawing customers again draws the
        cells of the table from a multinomial distribution.

    Returns
    -------
    pandas.DataFrame
        origin, goal (0 = outside); n; reverse (n of the other direction); net (n - reverse), each
        of n and net with low and high (95%); share of the origin, with the ends; p, p_adjusted
        (exact, Holm over pairs; missing for those who stayed, and where a direction is
        suppressed); uneven (this direction exceeds the other beyond chance); beyond (and its origin
        shrank or its goal grew beyond chance); suppressed.
    """
    labels = [OUTSIDE, *numbers]
    counts = pd.crosstab(moved["then"], moved["now"])
    table = counts.reindex(index=labels, columns=labels, fill_value=0).to_numpy()
    rows = pd.DataFrame({"origin": np.repeat(labels, len(labels)),
                         "goal": np.tile(labels, len(labels))})  # fmt: skip
    rows = rows.assign(**_intervals(table, len(moved), seed, draws))
    rows["reverse"], rows["p"] = table.T.ravel(), _symmetry(table).ravel()
    rows["p_adjusted"] = _holm(rows)
    rows["uneven"] = (rows["p_adjusted"] < ALPHA) & (rows["n"] > rows["reverse"])
    shrunk, grown = (np.array(labels)[of] for of in _changed(table))
    rows["beyond"] = rows["uneven"] & (rows["origin"].isin(shrunk) | rows["goal"].isin(grown))
    rows = _coarse(rows, minimum)
    size = rows["origin"].map(dict(zip(labels, table.sum(axis=1), strict=True))).astype(float)
    for name, of in (("share", "n"), ("share_low", "low"), ("share_high", "high")):
        rows[name] = (rows[of] / size).clip(upper=1.0).where(rows["origin"] > 0)
    return rows[(rows["origin"] > 0) | (rows["goal"] > 0)].reset_index(drop=True)


def _intervals(table: np.ndarray, n: int, seed: int, draws: int) -> dict[str, np.ndarray]:
    """Return each cell's count and net flow with their bootstrap intervals, cell by cell."""
    drawn = np.random.default_rng(seed).multinomial(n, table.ravel() / n, size=draws)
    drawn = drawn.reshape(draws, *table.shape)
    found = {}
    for name, of in (("", lambda t: t), ("net_", lambda t: t - np.swapaxes(t, -1, -2))):
        made = Bootstrap(of(table).astype(float), np.sort(of(drawn).astype(float), axis=0))
        low, high = made.interval(n)
        found |= {name.strip("_") or "n": made.estimate, f"{name}low": low, f"{name}high": high}
    return {name: values.ravel() for name, values in found.items()}


def _coarse(rows: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Suppress small counts and round the others to multiples of the minimum."""
    rows["suppressed"] = rows["n"] < minimum
    back = rows["reverse"] < minimum
    for ends, write in (("low", np.floor), ("high", np.ceil)):
        for name in (ends, f"net_{ends}"):
            rows[name] = write(rows[name] / minimum) * minimum
    for name in ("n", "reverse"):
        rows[name] = np.floor(rows[name] / minimum + 0.5) * minimum
    rows["net"] = rows["n"] - rows["reverse"]
    rows.loc[rows["suppressed"], ["n", "low", "high"]] = np.nan
    rows.loc[back, "reverse"] = np.nan
    rows.loc[rows["suppressed"] | back, ["net", "net_low", "net_high", "p", "p_adjusted"]] = np.nan
    return rows


def _symmetry(table: np.ndarray) -> np.ndarray:
    """Return the exact p-value that a pair's two flows are equally likely; NaN without a move."""
    p = np.full(table.shape, np.nan)
    for i, j in zip(*np.triu_indices(len(table), 1), strict=True):
        if total := int(table[i, j] + table[j, i]):
            p[i, j] = p[j, i] = binomtest(int(table[i, j]), total).pvalue
    return p


def _changed(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which states (yes or no) have shrunk, have grown beyond chance (exact, Holm)."""
    stayed = np.diag(table)
    left, entered = table.sum(axis=1) - stayed, table.sum(axis=0) - stayed
    p = [binomtest(int(a), int(a + b)).pvalue if a + b else 1.0
         for a, b in zip(left, entered, strict=True)]  # fmt: skip
    sure = adjust(p) <= ALPHA
    return sure & (left > entered), sure & (entered > left)


def _holm(rows: pd.DataFrame) -> pd.Series:
    once = rows[(rows["origin"] < rows["goal"]) & rows["p"].notna()]
    if once.empty:
        return pd.Series(np.nan, rows.index)
    adjusted = pd.Series(adjust(once["p"]), once.index)
    pairs = {frozenset(once.loc[i, ["origin", "goal"]]): p for i, p in adjusted.items()}
    return rows.apply(lambda row: pairs.get(frozenset(row[["origin", "goal"]]), np.nan), axis=1)


def split(pair: Pair, moved: pd.DataFrame) -> dict:
    """Return how many changed segment between the runs, by what they did or by the new rule.

    Returns
    -------
    dict
        Of the `n` customers with a segment in both runs: `changed` (another number now than then),
        `behaviour` (by the earlier rule at both dates), `rule` (the earlier rule and this run's
        differ today), `both`, `back` (both, and the number is the same again), each with value,
        low, high and n; `expected`: the share whom a refit on customers drawn again puts elsewhere.
    """
    today = pair.run.read("segments.parquet")["segment"]
    known = moved[(moved["then"] > 0) & (moved["now"] > 0)]
    known = known[known.index.isin(today.index)]
    new = today.reindex(known.index)
    did, drawn, changed = known["then"] != known["now"], known["now"] != new, known["then"] != new
    parts = {"changed": changed, "behaviour": did, "rule": drawn, "both": did & drawn,
             "back": did & drawn & ~changed}  # fmt: skip
    agreement = pair.run.read("verdict.json")["agreement"] if pair.run.has("verdict.json") else {}
    expected = 1 - agreement["kept"] if "kept" in agreement else None
    return {name: _rate(yes) for name, yes in parts.items()} | {
        "n": len(known), "expected": expected,
    }  # fmt: skip


def _rate(yes: pd.Series) -> dict:
    count, n = int(yes.sum()), len(yes)
    low, high = wilson(count, n)
    return {"value": count / n if n else None, "low": float(low), "high": float(high), "n": count}


def carried(pair: Pair, moved: pd.DataFrame, called: dict[int, str]) -> pd.DataFrame:
    """Return today's customers by the earlier rule: the list to load where segments are kept.

    Returns
    -------
    pandas.DataFrame
        customer, segment, name, probability, as in segments.csv; it holds customers' keys.
    """
    here = moved[moved["now"] > 0]
    return pd.DataFrame({
        "customer": here.index, "segment": here["now"].to_numpy(),
        "name": here["now"].map(called).to_numpy(), "probability": here["probability"].to_numpy(),
    })  # fmt: skip


def worth(pair: Pair, moved: pd.DataFrame) -> tuple[str, pd.Series]:
    """Return what a segment is worth (spend or orders) and the mean of each at the earlier date."""
    metric = next((name for name in VALUES if name in pair.then), "")
    if not metric:
        return "", pd.Series(dtype=float)
    means = pair.then[metric].fillna(0).groupby(moved["then"].reindex(pair.then.index)).mean()
    return metric, means


def slipped(
    pair: Pair, moved: pd.DataFrame, found: pd.DataFrame, called: dict[int, str]
) -> pd.DataFrame:
    """Return who went to a segment worth less, or ordered nothing more: a list for a CRM.

    Parameters
    ----------
    pair, moved
        From `earlier.pair` and `states`.
    found
        From `flows`.
    called
        Segment → name in the earlier run; 0 → what those outside are called.

    Returns
    -------
    pandas.DataFrame
        The columns of `SLIPPED`; flows beyond chance first, in each the most valuable first. It
        holds customers' keys: never for a page.
    """
    metric, means = worth(pair, moved)
    if not metric:
        return pd.DataFrame(columns=[line["column"] for line in SLIPPED])
    level = {OUTSIDE: -np.inf, **means.to_dict()}
    here = moved[moved["then"] > 0]
    down = here[here["now"].map(level).fillna(np.inf) < here["then"].map(level)]
    news = {(r.origin, r.goal) for r in found[found["beyond"]].itertuples()}
    listed = pd.DataFrame(
        {
            "customer": down.index,
            "from": down["then"].to_numpy(), "from_name": down["then"].map(called).to_numpy(),
            "to": down["now"].to_numpy(), "to_name": down["now"].map(called).to_numpy(),
            "probability": down["probability"].to_numpy(),
            "value_then": pair.then[metric].reindex(down.index).to_numpy(),
            "value_now": pair.now[metric].reindex(down.index).fillna(0).to_numpy(),
            "beyond_chance": [way in news for way in zip(down["then"], down["now"], strict=True)],
        }
    )  # fmt: skip
    return listed.sort_values(
        ["beyond_chance", "value_then"], ascending=[False, False], kind="stable"
    ).reset_index(drop=True)
