"""Questions to a table of customers before anything is clustered."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from seglib import privacy, stats
from seglib.clustering import Encoder, NullModel
from seglib.files import Run


def months(run: Run) -> pd.DataFrame:
    """Return active customers, orders and spend of each whole month before the cut-off date.

    Returns
    -------
    pandas.DataFrame
        By month, 0 where nobody came; empty for a study without dated transactions.
    """
    if not run.has("monthly.parquet"):
        return pd.DataFrame(columns=["customers", "orders", "spend"], dtype=float)
    past, every = run.scan("monthly.parquet"), _whole_months(run)
    rows = past.group_by("month").agg(
        customers=past.customer.nunique(where=past.orders > 0),
        orders=past.orders.sum(),
        spend=past.spend.sum(),
    )
    return rows.execute().set_index("month").reindex(every, fill_value=0)


def _whole_months(run: Run) -> pd.DatetimeIndex:
    """Return the months before the cut-off date that the data hold from the first day to the last.

    The month in which the data begin is one of them only if they begin on its first day.
    """
    first = pd.Timestamp(run.read("extent.json")["first"])
    end = pd.Timestamp(run.as_of).replace(day=1)
    return pd.date_range(first, end, freq="MS", inclusive="left", name="month")


def cohorts(run: Run) -> pd.DataFrame:
    """Return the share of each cohort that orders in the months after its first.

    A cohort is the customers whose first order seen falls into the same month; only whole months
    before the cut-off date count.

    Returns
    -------
    pandas.DataFrame
        Rows: first month and `n`, the size of the cohort (missing where small numbers follow from
        it); columns: months since, from 0; shares of fewer than `minimum_cell` are missing. Empty
        where nobody is known to have ordered in a month before that of the date.
    """
    if not months(run)["customers"].any():
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[], []], names=["month", "n"]))
    whole, minimum = _whole_months(run), run.study.minimum_cell
    past = run.scan("monthly.parquet").filter(ibis._.orders > 0)
    first = past.group_by("customer").agg(cohort=past.month.min())
    joined = past.join(first, "customer")
    counts = joined.group_by("cohort", "month").agg(n=joined.customer.nunique()).execute()
    counts = counts[counts["cohort"].isin(whole) & counts["month"].isin(whole)]
    age = (whole.year * 12 + whole.month).to_series(whole)
    counts["age"] = counts["month"].map(age) - counts["cohort"].map(age)
    wide = counts.pivot(index="cohort", columns="age", values="n").sort_index()
    last = age.iloc[-1] - age[wide.index].to_numpy()
    wide = wide.fillna(0).where(np.asarray(wide.columns)[None, :] <= last[:, None])
    sizes = privacy.shown(wide[0], minimum)
    shares = wide.where((wide >= minimum) | (minimum <= 1)).div(sizes, axis=0)
    return shares.set_index(pd.MultiIndex.from_arrays([wide.index, sizes], names=["month", "n"]))


def differences(frame: pd.DataFrame, group: pd.Series, alpha: float = 0.05) -> pd.DataFrame:
    """Compare two groups of customers on every numeric column.

    Parameters
    ----------
    frame : pandas.DataFrame, one row per customer
    group : pandas.Series of bool
        True for the group in question, False for the others.
    alpha
        False discovery rate (Benjamini & Hochberg 1995).

    Returns
    -------
    pandas.DataFrame
        By column: value, the probability of superiority of the group (0.5 = no difference), with
        its 95% interval low to high; p_value, p_adjusted, differs. Columns known of fewer than two
        customers on a side are left out.
    """
    rows = {
        name: stats.superiority(frame.loc[group, name], frame.loc[~group, name])
        for name in frame.select_dtypes("number")
    }
    result = pd.DataFrame.from_dict(
        rows, orient="index", columns=["value", "low", "high", "p_value"]
    ).dropna(subset="value")
    result["p_adjusted"] = stats.adjust(result["p_value"], "fdr_bh")
    return result.assign(differs=result["p_adjusted"] <= alpha)


def gap(unlike: pd.DataFrame) -> tuple[str, dict]:
    """Return how customers with attributes compare with those without, and the largest difference.

    Parameters
    ----------
    unlike
        From `differences`, the largest first.

    Returns
    -------
    kind : str
        none (nothing to compare), alike or different.
    largest : dict
        lead (the column), direction (higher or lower) and chance of the largest difference.
    """
    if unlike.empty:
        return "none", {}
    chance = unlike["value"].iloc[0]
    direction = "higher" if chance > 0.5 else "lower"
    largest = {"lead": unlike.index[0], "direction": direction, "chance": max(chance, 1 - chance)}
    return "different" if unlike["differs"].any() else "alike", largest


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
    encoder = Encoder().fit(frame)
    null = NullModel(len(frame), seed).fit(frame, encoder)
    real = int(np.random.default_rng(seed).integers(panels))
    tables = [null.Z_ if i == real else null.sample(i) for i in range(panels)]
    return [_first_axes(table) for table in tables], real


def _first_axes(table: np.ndarray) -> np.ndarray:
    """Return the first two principal axes, each turned so that its longer tail is on the right."""
    points = PCA(min(2, table.shape[1]), random_state=0).fit_transform(table)
    points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    return points * np.where((points**3).sum(axis=0) < 0, -1, 1)
