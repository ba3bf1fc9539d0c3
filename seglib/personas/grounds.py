"""The grounds of claims: the tables of a run, each read or computed once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from seglib import power, privacy
from seglib.collection import attributes, dictionary
from seglib.files import Run
from seglib.personas import affinity, profile
from seglib.personas.columns import entries
from seglib.power import MONTHS


class Evidence:
    """The tables of a run as claims need them, each read or computed once.

    Parameters
    ----------
    run : Run
        Needs customers, dictionary, segments and verdict; uses what else there is.
    """

    of = "customers"  # what the segments are segments of

    def __init__(self, run: Run):
        self.run, self._made = run, {}
        self.minimum = run.study.minimum_cell
        self.labels = run.read("segments.parquet")["segment"].astype(int).rename_axis("customer")
        self.customers = run.read("customers.parquet").reindex(self.labels.index)
        self.verdict = run.read("verdict.json")
        known = run.read("dictionary.json")
        if run.has("outcomes.parquet"):  # described like any attribute that formed no segment
            after = attributes.as_levels(run.read("outcomes.parquet"))
            self.customers = self.customers.join(after)
            known = known | {"customers": [*known["customers"], *known["outcomes"]]}
        self.entries = entries(known, self.customers)
        self.segments = sorted(int(s) for s in self.labels.unique())
        size = self.labels.value_counts()
        self.shown = [s for s in self.segments if size[s] >= self.minimum]
        told = privacy.shown(size, self.minimum)
        self.sized = [s for s in self.segments if told.notna()[s]]
        columns = self.verdict.get("columns") or dictionary.forming(run.study, known["customers"])
        formed = set(columns)
        self.formed = [c for c in self.customers if c in formed]
        self.described = [
            c for c in self.customers if c not in formed and not _same_as(c, formed, self.entries)
        ]

    def inside(self, segment: int) -> np.ndarray:
        """Return which customers belong to a segment."""
        return (self.labels == segment).to_numpy()

    def once(self, make: Callable[[Evidence], Any]) -> Any:
        """Return what a function makes of this evidence, made the first time only."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    @property
    def nearest(self) -> int:
        """How many customers the example of a segment averages."""
        return max(self.minimum, 5)

    @property
    def chosen_for_growth(self) -> bool:
        """Whether the trend formed the segments: then one that grew was chosen for having grown."""
        return "trend" in self.formed

    @cached_property
    def spend(self) -> pd.Series | None:
        """Spend of each customer before the cut-off date, if the study has amounts."""
        return self.customers["spend"].fillna(0) if "spend" in self.customers else None

    @cached_property
    def markers(self) -> pd.DataFrame:
        """Effect sizes of the columns that formed the segments; too small segments left out."""
        frame = self.customers[self.formed]
        rows = profile.markers(frame, self.labels, [*self.entries.values()])
        telling = rows["segment"].isin(self.shown) & ~rows["name"].isin(self.leftover_columns)
        return rows[telling].reset_index(drop=True)

    @cached_property
    def leftover(self) -> set[str]:
        """Levels and groups of products that hold what was not sorted, as reports write them."""
        goods = self.run.study.tables.products
        return {goods.labels.get(name, name) for name in goods.leftover} if goods else set()

    @cached_property
    def leftover_columns(self) -> set[str]:
        """Columns about nothing but leftovers of the data: they set nobody apart."""
        shares = {f"{name} share" for name in self.leftover} | {"other groups share"}
        return {c for c, e in self.entries.items() if e["base"] == "needs" and e["label"] in shares}

    @cached_property
    def descriptors(self) -> pd.DataFrame:
        """Differences in columns that did not form the segments, corrected for their number."""
        frame = self.customers[self.described]
        return profile.descriptors(
            frame, self.labels, [*self.entries.values()], minimum=self.minimum
        )

    @cached_property
    def rules(self) -> pd.DataFrame:
        """A short rule for each segment with its precision and recall."""
        frame = self.customers[self.formed]
        found = profile.rules(frame, self.labels, [*self.entries.values()], seed=self.run.seed)
        return found.set_index("segment")

    @cached_property
    def products(self) -> pd.DataFrame:
        """Affinity of segments to single products; empty without purchases."""
        if not self.run.has("purchases.parquet"):
            return pd.DataFrame(columns=["segment", "product", "selected"])
        path = self.run.path("purchases.parquet")
        rows = affinity.products(path, self.labels, self.minimum)
        return rows[~rows["product"].astype(str).isin(self.leftover_products)]

    @cached_property
    def leftover_products(self) -> set[str]:
        """Products that are leftovers of the data, or in a group that is."""
        group = self.groups
        return self.leftover | set(group.index[group.isin(self.leftover)])

    @cached_property
    def groups(self) -> pd.Series:
        """Group of each product; empty where products are in none."""
        frame = self.run.read("products.parquet") if self.run.has("products.parquet") else {}
        found = frame["group"] if "group" in frame else pd.Series(dtype="object")
        return found.astype("object").set_axis(found.index.astype(str))

    @cached_property
    def windows(self) -> dict[int, tuple[pd.Series, pd.Series]] | None:
        """Spend of each customer in the last 1, 2 and 3 full months and in as many before."""
        return None if self.spend is None else power.windows(self.run, self.labels.index)

    @cached_property
    def visits(self) -> dict[int, tuple[pd.Series, pd.Series]] | None:
        """Sessions of each customer in the windows of `windows`, where nothing is sold."""
        usage = self.run.study.usage
        return power.windows(self.run, self.labels.index, "orders") if usage else None

    @property
    def months(self) -> pd.DataFrame | None:
        """Spend of each customer in the last months and in as many before; None if too few."""
        if self.windows is None:
            return None
        recent, earlier = self.windows[MONTHS]
        return pd.DataFrame({"recent": recent, "earlier": earlier})

    @cached_property
    def campaigns(self) -> pd.DataFrame | None:
        """Campaigns sent to each customer before the cut-off date, and whether any was answered."""
        if not self.run.has("campaigns.parquet"):
            return None
        rows = self.run.scan("campaigns.parquet")
        campaigns = self.run.study.tables.campaigns
        control = campaigns and campaigns.control
        if control and "arm" in rows.columns:  # whom nothing was sent
            rows = rows.filter(rows.arm.isnull() | (rows.arm != control))
        cut = datetime(self.run.as_of.year, self.run.as_of.month, self.run.as_of.day)
        counts = {"contacts": rows.campaign.nunique().cast("float64")}
        if "first_response" in rows.columns:
            counts["responded"] = (rows.first_response < cut).fill_null(False).any()
        sent = rows.filter(rows.start < cut).group_by("customer").agg(**counts).execute()
        if sent.empty:
            return None
        table = sent.set_index("customer").reindex(self.labels.index)
        table["contacts"] = table["contacts"].fillna(0.0)
        return table


def _same_as(column: str, formed: set, known: dict) -> bool:
    """Return whether a column is of a base that formed the segments, and so no independent fact."""
    bases = {known[c]["base"] for c in formed if c in known}
    alike = {"behavioural", "needs"}
    return known[column]["base"] in bases | (alike if bases & alike else set())
