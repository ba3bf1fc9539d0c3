"""Which products a customer segment buys more, and less, than everyone else."""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from scipy.stats import norm

from seglib import stats
from seglib.stats import ALPHA

DRAWS = 2000
COLUMNS = ["segment", "product", "inside", "outside", "index", "low", "high", "n", "buyers"]
COLUMNS += ["others", "q", "selected", "confidence"]


def spending(purchases: ir.Table, groups: pd.Series) -> pd.DataFrame:
    """Return what each customer spent on each product group, a row a customer, a column a group.

    `groups` is the group of each product, the product its index; products without one are left out.
    """
    named = pd.DataFrame({"product": groups.index.astype(str), "group": groups.astype(str)})
    bought = purchases.join(ibis.memtable(named), "product")
    sums = {
        group: bought.amount.sum(where=bought["group"] == group).fill_null(0)
        for group in sorted(named["group"].unique())
    }
    wide = bought.group_by("customer").agg(**sums)
    return wide.order_by("customer").execute().set_index("customer")


def index(spent: pd.DataFrame, labels: pd.Series, seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """Return the affinity of each customer segment to each product group, against everyone else.

    Columns: segment, group, inside and outside (shares of spend), index (inside / outside), low,
    high (bootstrap over customers, at the level of the selection), n (customers), buyers (of them),
    others, q (Benjamini & Hochberg over the whole table), selected, confidence.
    """
    table = spent.reindex(labels.index).fillna(0).clip(lower=0)
    segments, codes = np.unique(labels.to_numpy(), return_inverse=True)

    def ratios(sums: np.ndarray) -> np.ndarray:
        return _shares(sums) / _shares(sums.sum(axis=-2, keepdims=True) - sums)

    drawn = stats.bootstrap(table.to_numpy(), codes, ratios, draws=draws, seed=seed)
    n = np.bincount(codes)[:, None]
    q = stats.adjust(np.nan_to_num(drawn.p_value(n, null=1.0), nan=1.0), "fdr_bh")
    selected = q <= ALPHA
    confidence = 1 - max(int(selected.sum()), 1) * ALPHA / selected.size
    low, high = drawn.interval(n, confidence)
    sums = table.groupby(codes).sum().to_numpy()
    bought = (table > 0).groupby(codes).sum().to_numpy()
    cell = {
        "inside": _shares(sums),
        "outside": _shares(sums.sum(axis=0) - sums),
        "index": drawn.estimate,
        "low": low,
        "high": high,
        "n": np.broadcast_to(n, q.shape),
        "buyers": bought,
        "others": bought.sum(axis=0) - bought,
        "q": q,
        "selected": selected,
    }
    places = pd.MultiIndex.from_product([segments, table.columns], names=["segment", "group"])
    flat = {name: values.ravel() for name, values in cell.items()}
    return pd.DataFrame(flat, index=places).assign(confidence=confidence).reset_index()


def _shares(totals: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return totals / totals.sum(axis=-1, keepdims=True)


def products(purchases: ir.Table, labels: pd.Series, minimum: int = 10) -> pd.DataFrame:
    """Return the affinity of each customer segment to every single product, against everyone else.

    As `index`, with product in place of group and without products of fewer buyers than `minimum`
    inside or elsewhere. All sums are made on the engine. Delta method on the log of a ratio of
    sums, customers the sampled units; intervals at the level of the selection (Benjamini &
    Yekutieli 2005).
    """
    if labels.nunique() < 2:
        return pd.DataFrame(columns=COLUMNS)
    sums = _sums(purchases, labels)
    rows = pd.concat([_against(sums, s) for s in sorted(labels.unique())], ignore_index=True)
    enough = rows[["buyers", "others"]].min(axis=1) >= minimum
    rows = rows[enough & (rows[["inside", "outside", "error"]] > 0).all(axis=1)]
    if rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    z = np.log(rows["inside"] / rows["outside"])
    q = stats.adjust(2 * norm.sf(z.abs() / rows["error"]), "fdr_bh")
    level = max(int((q <= ALPHA).sum()), 1) * ALPHA / len(rows)
    reach = norm.isf(level / 2) * rows["error"]
    rows = rows.assign(
        index=np.exp(z),
        low=np.exp(z - reach),
        high=np.exp(z + reach),
        q=q,
        selected=q <= ALPHA,
        confidence=1 - level,
    )
    return rows[COLUMNS].reset_index(drop=True)


def _sums(purchases, labels: pd.Series) -> pd.DataFrame:
    """Return per segment and product the sums that a ratio and its variance need."""
    members = pd.DataFrame({"customer": labels.index, "segment": labels.to_numpy()})
    bought = purchases.join(ibis.memtable(members), "customer")
    bought = bought.mutate(a=ibis.greatest(bought.amount, 0))
    bought = bought.group_by("segment", "customer").mutate(b=bought.a.sum())
    per = bought.group_by("segment", "product").agg(
        a=bought.a.sum(),
        aa=(bought.a * bought.a).sum(),
        ab=(bought.a * bought.b).sum(),
        buyers=(bought.a > 0).sum(),
    )
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
    there = sums.drop(index=segment, level="segment").groupby("product").sum().reindex(here.index)
    counts = {"n": here["n"], "buyers": here["buyers"], "others": there["buyers"]}
    shares = {"inside": here["a"] / here["b"], "outside": there["a"] / there["b"]}
    error = np.sqrt(_variance(here) + _variance(there))
    rows = pd.DataFrame({**counts}).astype(int).assign(**shares, error=error, segment=int(segment))
    return rows.reset_index()


def _variance(s: pd.DataFrame) -> pd.Series:
    a, b = s["a"].where(s["a"] > 0), s["b"]
    spread = s["aa"] / a**2 - 2 * s["ab"] / (a * b) + s["bb"] / b**2
    return spread.clip(lower=0) * s["n"] / (s["n"] - 1).where(s["n"] > 1)
