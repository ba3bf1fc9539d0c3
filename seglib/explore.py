"""Questions to a table of customers before anything is clustered."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from sklearn.decomposition import PCA

from seglib import stats, suppress
from seglib.cluster import encode
from seglib.tables import midnight


def concentration(amounts: pd.Series) -> pd.DataFrame:
    """Return the Lorenz curve, biggest first.

    Returns
    -------
    pandas.DataFrame
        `customers` and `amount`: cumulated shares, from 0 to 1.
    """
    ordered = np.sort(amounts.clip(lower=0).to_numpy())[::-1]
    cumulated = np.concatenate([[0], ordered.cumsum()]) / max(ordered.sum(), 1e-12)
    return pd.DataFrame({"customers": np.linspace(0, 1, len(cumulated)), "amount": cumulated})


def top_share(amounts: pd.Series, top: float, *, seed: int, draws: int = 1000) -> dict:
    """Return the share of the amount that the top customers hold, with a bootstrap interval.

    Parameters
    ----------
    amounts
        One value a customer.
    top
        Share of customers, for example 0.2.
    seed, draws
        Of the bootstrap over customers.

    Returns
    -------
    dict
        value, low, high (95%).
    """
    values = amounts.clip(lower=0).to_numpy()
    resampled = stats.bootstrap_rows(lambda v: _top(v, top), values, draws=draws, seed=seed)
    low, high = map(float, resampled.interval(len(values)))
    return {"value": float(resampled.estimate), "low": low, "high": high}


def _top(values: np.ndarray, top: float) -> float:
    count = max(1, round(top * len(values)))
    return float(np.sort(values)[-count:].sum() / max(values.sum(), 1e-12))


def months(monthly: ir.Table, as_of: date) -> pd.DataFrame:
    """Return active customers, orders and spend of each whole month before a day, 0 where none."""
    past = monthly.filter(monthly.month < midnight(as_of.replace(day=1)))
    rows = past.group_by("month").agg(
        customers=past.customer.nunique(where=past.orders > 0),
        orders=past.orders.sum(),
        spend=past.spend.sum(),
    )
    known = rows.order_by("month").execute().set_index("month")
    if known.empty:
        return known
    end = pd.Timestamp(as_of).replace(day=1)
    every = pd.date_range(known.index[0], end, freq="MS", inclusive="left", name="month")
    return known.reindex(every, fill_value=0)


def cohorts(monthly: ir.Table, as_of: date, minimum: int = 1) -> tuple[pd.DataFrame, pd.Series]:
    """Return the share of each cohort that orders in the months after its first.

    A cohort is the customers whose first order seen falls into the same month; only whole months
    before the cut-off date count.

    Parameters
    ----------
    monthly
        Customer × month.
    as_of
        The cut-off date.
    minimum
        Shares of fewer customers are missing, and so are sizes that would give such a number away.

    Returns
    -------
    retention : pandas.DataFrame
        Rows: first month; columns: months since, from 0; shares.
    sizes : pandas.Series
        Customers in each cohort.
    """
    past = monthly.filter((monthly.month < midnight(as_of.replace(day=1))) & (monthly.orders > 0))
    first = past.group_by("customer").agg(cohort=past.month.min())
    joined = past.join(first, "customer")
    age = (joined.month.year() - joined.cohort.year()) * 12 + (
        joined.month.month() - joined.cohort.month()
    )
    counts = joined.group_by("cohort", age=age).agg(n=joined.customer.nunique())
    wide = counts.order_by(ibis._.cohort).execute().pivot(index="cohort", columns="age", values="n")
    last = past.month.max().execute()
    seen = (last.year - wide.index.year) * 12 + last.month - wide.index.month
    known = np.asarray(wide.columns)[None, :] <= np.asarray(seen)[:, None]
    wide = wide.fillna(0).where(known)
    sizes = suppress.shown(wide[0], minimum)
    return wide.where((wide >= minimum) | (minimum <= 1)).div(sizes, axis=0), sizes


def differences(frame: pd.DataFrame, group: pd.Series, alpha: float = 0.05) -> pd.DataFrame:
    """Compare two groups of customers on every numeric column.

    Parameters
    ----------
    frame
        One row per customer.
    group
        True for the group in question, False for the others.
    alpha
        False discovery rate (Benjamini & Hochberg 1995).

    Returns
    -------
    pandas.DataFrame
        By column: mean_in, mean_out; value, the chance that a member of the group has more than
        one outside it (ties half; 0.5 = no difference), with its 95% interval low to high;
        p_adjusted (Mann–Whitney, then Benjamini–Hochberg); differs.
    """
    rows = {}
    for name in frame.select_dtypes("number"):
        inside, outside = frame.loc[group, name].dropna(), frame.loc[~group, name].dropna()
        if min(len(inside), len(outside)) < 2:
            continue
        chance = stats.superiority(inside, outside)
        rows[name] = [inside.mean(), outside.mean(), *chance]
    columns = ["mean_in", "mean_out", "value", "low", "high", "p"]
    result = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    if len(result):
        result["p_adjusted"] = stats.adjust(result["p"], "fdr_bh")
        result["differs"] = result["p_adjusted"] <= alpha
    return result.drop(columns="p")


def correlations(frame: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's rank correlations, columns that move together side by side."""
    matrix = frame.select_dtypes("number").corr("spearman").fillna(0)
    if len(matrix) < 3:
        return matrix
    distance = squareform(1 - matrix.abs().to_numpy(), checks=False)
    order = hierarchy.leaves_list(hierarchy.linkage(distance.clip(min=0), "average"))
    return matrix.iloc[order, order]


def pairs(
    matrix: pd.DataFrame, least: float = 0.7, parts: dict[str, list[str]] | None = None
) -> pd.DataFrame:
    """Return the pairs of columns correlated at least so strongly, strongest first.

    `parts` names the columns that another is the mean of: these go together by themselves.
    """
    upper = matrix.where(np.triu(np.ones(matrix.shape, bool), 1))
    long = upper.rename_axis("one").rename_axis("other", axis=1).stack().rename("correlation")
    long = long[long.abs() >= least]
    own = {frozenset((whole, part)) for whole, of in (parts or {}).items() for part in of}
    long = long[[frozenset(pair) not in own for pair in long.index]]
    return long.reindex(long.abs().sort_values(ascending=False).index).reset_index()


def lineup(frame: pd.DataFrame, *, panels: int, seed: int) -> tuple[list[np.ndarray], int]:
    """Return clouds of points, one of them of the real rows, the others without groups.

    Every table is seen in its own first two principal axes, the columns encoded as for
    clustering; the others are drawn from the reference of the verdict.

    Parameters
    ----------
    frame
        The columns that form segments, one row per customer.
    panels
        How many clouds.
    seed
        Of the draws and of the place of the real one.

    Returns
    -------
    clouds : list of numpy.ndarray
        Each (rows, 2).
    real : int
        Which of them, counted from 0, is real.
    """
    rules, _ = encode.learn(frame)
    encoded = encode.matrix(rules, frame)
    draws = encode.simulator(rules, frame, encoded, seed)
    real = int(np.random.default_rng(seed).integers(panels))
    tables = [encoded if i == real else draws(i) for i in range(panels)]
    return [_first_axes(table) for table in tables], real


def _first_axes(table: np.ndarray) -> np.ndarray:
    """Return the first two principal axes, each turned so that its longer tail is on the right."""
    points = PCA(min(2, table.shape[1]), random_state=0).fit_transform(table)
    points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    return points * np.where((points**3).sum(axis=0) < 0, -1, 1)


def map_of(model: dict, frame: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return every row's place on the first two principal axes, as the model encodes it.

    Returns
    -------
    points : pandas.DataFrame
        Two columns, indexed like the frame.
    seen : float
        Share of the variance that the two axes hold.
    """
    encoded = encode.matrix(model["columns"], frame)
    axes = PCA(min(2, encoded.shape[1]), random_state=0).fit(encoded)
    points = np.pad(axes.transform(encoded), ((0, 0), (0, 2 - axes.n_components_)))
    seen = float(axes.explained_variance_ratio_.sum())
    names = ["first direction", "second direction"]
    return pd.DataFrame(points, frame.index, names), seen
