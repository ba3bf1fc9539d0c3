"""Which products a customer segment buys more, and less, than everyone else."""

from __future__ import annotations

from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import prince
from scipy.stats import norm

from seglib import stats
from seglib.stats import ALPHA

DRAWS = 2000


def spending(purchases: str | Path, groups: pd.Series | None = None) -> pd.DataFrame:
    """Return what each customer spent on each product group, aggregated on the engine.

    Parameters
    ----------
    purchases : path
        purchases.parquet: customer, product, amount.
    groups : Series
        Group (such as the product segment) of each product, the product its index. Products
        without a group are left out.

    Returns
    -------
    DataFrame
        One row per customer, one column per group; 0 where nothing was bought.
    """
    engine = ibis.duckdb.connect(threads=1)  # one thread: sums in one order, so the same each time
    named = pd.DataFrame({"product": groups.index.astype(str), "group": groups.astype(str)})
    bought = engine.read_parquet(str(purchases)).join(ibis.memtable(named), "product")
    wide = bought.group_by("customer").agg(
        **{
            group: bought.amount.sum(where=bought["group"] == group).fill_null(0)
            for group in sorted(named["group"].unique())
        }
    )
    return wide.order_by("customer").execute().set_index("customer")


def index(spent: pd.DataFrame, labels: pd.Series, seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """Return the affinity of each customer segment to each product group, against everyone else.

    Parameters
    ----------
    spent : DataFrame
        One row per customer, one column per product group.
    labels : Series
        Segment of each customer; those who bought nothing count as zeros.
    seed : int
        Of the bootstrap over customers.

    Returns
    -------
    DataFrame
        segment, group, inside and outside (shares of spend), index (inside / outside), low, high
        (bootstrap over customers, at the level of the selection), q, selected, confidence, n
        (customers), buyers (of them), others.

    Notes
    -----
    Benjamini & Hochberg over the whole table; intervals as `products` has them.
    """
    table = spent.reindex(labels.index).fillna(0).clip(lower=0)
    segments, codes = np.unique(labels.to_numpy(), return_inverse=True)
    drawn = stats.bootstrap(table.to_numpy(), codes, _ratios, draws=draws, seed=seed)
    n = np.bincount(codes)[:, None]
    chance = np.nan_to_num(drawn.p_value(n, null=1.0), nan=1.0)
    q = stats.adjust(chance.ravel(), "fdr_bh")
    selected = q <= ALPHA
    confidence = 1 - max(int(selected.sum()), 1) * ALPHA / selected.size
    selected, q = selected.reshape(chance.shape), q.reshape(chance.shape)
    low, high = drawn.interval(n, confidence)
    rows = []
    for i, segment in enumerate(segments):
        inside = codes == i
        here, there = (_shares(table[side].sum().to_numpy()) for side in (inside, ~inside))
        bought = table > 0
        rows += [
            {"segment": int(segment), "group": group, "inside": here[j], "outside": there[j],
             "index": drawn.estimate[i, j], "low": low[i, j], "high": high[i, j],
             "n": int(inside.sum()), "buyers": int(bought.loc[inside, group].sum()),
             "others": int(bought.loc[~inside, group].sum()), "q": q[i, j],
             "selected": bool(selected[i, j]), "confidence": confidence}
            for j, group in enumerate(table.columns)
        ]  # fmt: skip
    return pd.DataFrame(rows)


def _ratios(sums: np.ndarray) -> np.ndarray:
    """Return each segment's share of each group against everyone else's, from sums of spend."""
    return _shares(sums) / _shares(sums.sum(axis=-2, keepdims=True) - sums)


def _shares(totals: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return totals / totals.sum(axis=-1, keepdims=True)


def products(purchases: str | Path, labels: pd.Series, minimum: int = 10) -> pd.DataFrame:
    """Return the affinity of each customer segment to every single product, against everyone else.

    All sums are made on the engine; no customer's purchases come into pandas.

    Parameters
    ----------
    labels : Series
        Segment of each customer, its index named `customer`.
    minimum : int
        Products with fewer buyers in the segment, or elsewhere, are left out.

    Returns
    -------
    DataFrame
        segment, product, inside, outside, index, low, high, n, buyers, others, q, selected,
        confidence.

    Notes
    -----
    Delta method on the log of a ratio of sums, customers the sampled units; Benjamini & Hochberg
    over the whole table, intervals at the level of the selection (Benjamini & Yekutieli 2005).
    """
    if labels.nunique() < 2:
        return pd.DataFrame(columns=[*_COLUMNS])
    sums = _sums(purchases, labels)
    rows = pd.concat([_against(sums, s) for s in sorted(labels.unique())], ignore_index=True)
    rows = rows[(rows["buyers"] >= minimum) & (rows["others"] >= minimum)]
    rows = rows[(rows["inside"] > 0) & (rows["outside"] > 0) & (rows["error"] > 0)]
    if rows.empty:
        return pd.DataFrame(columns=[*_COLUMNS])
    z = np.log(rows["inside"] / rows["outside"])
    q = stats.adjust(2 * norm.sf(z.abs() / rows["error"]), "fdr_bh")
    selected = q <= ALPHA
    level = max(int(selected.sum()), 1) * ALPHA / len(rows)
    reach = norm.isf(level / 2) * rows["error"]
    rows = rows.assign(index=np.exp(z), low=np.exp(z - reach), high=np.exp(z + reach), q=q,
                       selected=selected, confidence=1 - level)  # fmt: skip
    return rows[[*_COLUMNS]].reset_index(drop=True)


_COLUMNS = ("segment", "product", "inside", "outside", "index", "low", "high", "n", "buyers",
            "others", "q", "selected", "confidence")  # fmt: skip


def _sums(purchases, labels: pd.Series) -> pd.DataFrame:
    """Return per segment and product the sums that a ratio and its variance need."""
    engine = ibis.duckdb.connect(threads=1)
    members = pd.DataFrame({"customer": labels.index, "segment": labels.to_numpy()})
    bought = engine.read_parquet(str(purchases)).join(ibis.memtable(members), "customer")
    bought = bought.mutate(a=ibis.greatest(bought.amount, 0))
    bought = bought.group_by("segment", "customer").mutate(b=bought.a.sum())
    per = bought.group_by("segment", "product").agg(
        a=bought.a.sum(), aa=(bought.a * bought.a).sum(), ab=(bought.a * bought.b).sum(),
        buyers=(bought.a > 0).sum(),
    )  # fmt: skip
    each = bought.select("segment", "customer", "b").distinct()
    whole = each.group_by("segment").agg(b=each.b.sum(), bb=(each.b * each.b).sum())
    sums = per.join(whole, "segment").order_by("segment", "product").execute()
    full = pd.MultiIndex.from_product([sorted(labels.unique()), sorted(sums["product"].unique())])
    sums = sums.set_index(["segment", "product"]).reindex(full).rename_axis(["segment", "product"])
    for column in ("b", "bb"):
        sums[column] = sums.groupby("segment")[column].transform("max")
    sums["n"] = labels.value_counts().reindex(sums.index.get_level_values("segment")).to_numpy()
    return sums.fillna(0.0)


def _against(sums: pd.DataFrame, segment: int) -> pd.DataFrame:
    here = sums.xs(segment, level="segment")
    there = sums.drop(index=segment, level="segment").groupby("product").sum()
    there = there.reindex(here.index)
    return pd.DataFrame(
        {"segment": int(segment), "inside": here["a"] / here["b"],
         "outside": there["a"] / there["b"], "error": np.sqrt(_variance(here) + _variance(there)),
         "n": here["n"].astype(int), "buyers": here["buyers"].astype(int),
         "others": there["buyers"].astype(int)}
    ).reset_index()  # fmt: skip


def _variance(s: pd.DataFrame) -> pd.Series:
    """Return the variance of log(sum a / sum b) from sums over customers."""
    a, b = s["a"].where(s["a"] > 0), s["b"]
    spread = s["aa"] / a**2 - 2 * s["ab"] / (a * b) + s["bb"] / b**2
    return spread.clip(lower=0) * s["n"] / (s["n"] - 1).where(s["n"] > 1)


def white_spaces(
    purchases: str | Path, labels: pd.Series, frame: pd.DataFrame, minimum: int = 10
) -> pd.DataFrame:
    """Return the products on which a segment spends less than the segment most like it.

    Parameters
    ----------
    frame : DataFrame
        The columns that formed the segments; the segment whose mean ranks are nearest is the most
        alike.

    Returns
    -------
    DataFrame
        As from `products`, with `compared` (products, in both segments) and `like` (the other
        segment), the largest gap in spend first; only
        clear gaps, of products that take at least 1% of the other's spend.
    """
    alike = similar(frame, labels)
    parts = []
    for segment, other in alike.items():
        rows = products(purchases, labels[labels.isin([segment, other])], minimum)
        rows = rows.assign(compared=len(rows))
        rows = rows[(rows["segment"] == segment) & rows["selected"].astype(bool)]
        rows = rows[(rows["index"] < 1) & (rows["outside"] >= 0.01)]
        parts.append(rows.assign(like=other, gap=rows["outside"] - rows["inside"]))
    if not parts:
        return pd.DataFrame(columns=[*_COLUMNS, "compared", "like", "gap"])
    found = pd.concat(parts, ignore_index=True)
    return found.sort_values(["segment", "gap"], ascending=[True, False], ignore_index=True)


def similar(frame: pd.DataFrame, labels: pd.Series) -> dict[int, int]:
    """Return for each segment the other one whose mean ranks are nearest."""
    ranks = frame.select_dtypes("number").rank(pct=True).fillna(0.5)
    middle = ranks.groupby(labels).mean()
    if len(middle) < 2 or middle.empty:
        return {}
    away = np.linalg.norm(middle.to_numpy()[:, None] - middle.to_numpy()[None], axis=2)
    np.fill_diagonal(away, np.inf)
    return {int(s): int(middle.index[i]) for s, i in zip(middle.index, away.argmin(1), strict=True)}


def perceptual(spent: pd.DataFrame, labels: pd.Series) -> tuple[pd.DataFrame, float] | None:
    """Return a map of customer segments and product groups, and how much it shows.

    Correspondence analysis of segment × product group spend (through prince). A segment lies
    towards the groups that it buys more than others do.

    Returns
    -------
    points : DataFrame
        kind (segment or group), name, x, y; None with fewer than three segments or groups.
    shown : float
        Share of the inertia on the two axes.
    """
    table = spent.reindex(labels.index).fillna(0).clip(lower=0).groupby(labels).sum()
    if min(table.shape) < 3 or (table.sum() <= 0).any():
        return None
    fitted = prince.CA(n_components=2, random_state=0).fit(table)
    sides = {"segment": fitted.row_coordinates(table), "group": fitted.column_coordinates(table)}
    points = pd.concat(
        [pd.DataFrame({"kind": kind, "name": at.index.astype(str), "x": at[0].to_numpy(),
                       "y": at[1].to_numpy()}) for kind, at in sides.items()],
        ignore_index=True,
    )  # fmt: skip
    shown = fitted.eigenvalues_.sum() / fitted.total_inertia_
    return points, float(shown)
