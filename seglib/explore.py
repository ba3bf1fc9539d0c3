"""Questions to a table of customers before anything is clustered."""

import ibis
import numpy as np
import pandas as pd

from seglib import privacy
from seglib.personas.profile import reply
from seglib.runs import Run


def months(run: Run) -> pd.DataFrame:
    """Return active customers, orders and spend of each whole month before the cut-off date.

    By month, 0 where nobody came; empty for a study without dated transactions.
    """
    if not run.has("monthly.parquet"):
        return pd.DataFrame(columns=["customers", "orders", "spend"], dtype=float)
    past = run.scan("monthly.parquet")
    rows = past.group_by("month").agg(
        customers=past.customer.nunique(where=past.orders > 0),
        orders=past.orders.sum(),
        spend=past.spend.sum(),
    )
    return rows.execute().set_index("month").reindex(_whole_months(run), fill_value=0)


def _whole_months(run: Run) -> pd.DatetimeIndex:
    first = pd.Timestamp(run.read("extent.json")["first"])
    end = pd.Timestamp(run.as_of).replace(day=1)
    return pd.date_range(first, end, freq="MS", inclusive="left", name="month")


def cohorts(run: Run) -> pd.DataFrame:
    """Return the share of each cohort that orders in the months after its first.

    A cohort is the customers whose first order seen falls into the same month; only whole months
    before the cut-off date count. Rows: first month and `n`, its size (missing where small numbers
    follow from it); columns: months since, from 0. Shares are missing of fewer than `minimum_cell`,
    where they tell of fewer who did not come, and where such a number would follow from them and
    the active customers of a month. Empty where nobody is known to have ordered before.
    """
    active = months(run)["customers"]
    if not active.any():
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
    others = wide.rsub(wide[0], axis=0)
    told = ((wide >= minimum) | (minimum <= 1)) & ((others == 0) | (others >= minimum))
    for month, number in age.items():
        places = [(row, number - age[row]) for row in wide.index if row <= month]
        places = [place for place in places if place[1] in wide]
        came = np.array([wide.at[place] for place in places])
        own = wide[0].to_numpy()[: len(places)], sizes.isna().to_numpy()[: len(places)]
        hidden = np.array([not told.at[place] for place in places], bool) | own[1]
        hidden, sizeless = _follows(came, hidden, *own, active[month], minimum)
        sizes.iloc[: len(places)] = sizes.iloc[: len(places)].mask(sizeless)
        for place, gone in zip(places, hidden, strict=True):
            told.at[place] &= not gone
    shares = wide.where(told).div(sizes, axis=0)
    return shares.set_index(pd.MultiIndex.from_arrays([wide.index, sizes], names=["month", "n"]))


def _follows(came, hidden, sizes, sizeless, active: int, minimum: int) -> tuple:
    """Return which cohorts to hide in a month, so that no small number follows from its total."""
    k, rest = len(came), active - came.sum()
    if not hidden.any() or minimum <= 1:
        return hidden, sizeless
    one, none = np.eye(k), np.zeros((k, k))
    groups = np.block([[one, none], [none, one], [one, one]])  # who came, who did not, all of them
    total = np.r_[np.ones(k), np.zeros(k)][None]
    groups = np.block([[groups, np.zeros((3 * k, 1))], [total, np.ones((1, 1))]])
    groups = np.vstack([groups, np.eye(2 * k + 1)[-1]])  # those of no cohort that is shown
    own = np.arange(k)
    own[came == sizes] += k  # all came: to tell how many is to tell the size
    figures = np.r_[own, own, k + np.arange(k), 2 * k, 2 * k + 1]
    mask = np.r_[hidden, hidden, sizeless, False, rest > 0]
    result = privacy.linked(np.r_[came, sizes - came, rest], groups, minimum, figures, mask)
    everything = result[3 * k]  # the total is shown elsewhere: if it tells too much, hide the month
    return result[:k] | everything, result[2 * k : 3 * k] | everything


def called(encoder, rows: list[dict]) -> dict[str, str]:
    """Return what a reader sees of each column of a fitted encoder: 'label', or 'label: level'.

    Of a column with the levels yes and no, which tell the same, only the yes.
    """
    about = {name: {"label": name, "base": ""} for name in encoder.columns}  # of no dictionary
    about |= {row["name"]: row for row in rows}
    result, owners = {}, np.array(encoder.columns)[encoder.owners]
    for name, owner in zip(encoder.get_feature_names_out(), owners, strict=True):
        result[str(name)] = about[owner]["label"] + name.removeprefix(owner)
    for rule in encoder.rules_:
        levels = [str(level) for level in rule.get("levels", ())]
        replies = {reply(v, levels, about[rule["name"]]["base"]): v for v in levels}
        if rule["kind"] == "nominal" and len(levels) == 2 and set(replies) == {"yes", "no"}:
            del result[f"{rule['name']}: {replies['no']}"]
    return result
