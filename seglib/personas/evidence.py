"""The tables of a run as claims need them, each read or computed once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from seglib import power, privacy, wording
from seglib.clustering import prediction
from seglib.collection import attributes
from seglib.formats import StudyError
from seglib.personas import affinity, personas, profile
from seglib.personas.profile import entries, label
from seglib.power import MONTHS
from seglib.runs import Run


class Evidence:
    """The tables of a run as claims need them, each read or computed once."""

    of = "customers"  # what the segments are segments of

    def __init__(self, run: Run):
        self.run, self._made = run, {}
        self.minimum = run.study.minimum_cell
        self.labels = run.read("segments.parquet")["segment"].astype(int).rename_axis("customer")
        self.customers = run.read("customers.parquet").reindex(self.labels.index)
        self.verdict = run.read("verdict.json")
        self.model = run.read("model.json") if run.has("model.json") else {}
        rows = run.read("dictionary.json")
        if run.has("outcomes.parquet"):  # described like any attribute that formed no segment
            after = attributes.as_levels(run.read("outcomes.parquet"))
            self.customers = self.customers.join(after)
            rows = rows | {"customers": [*rows["customers"], *rows["outcomes"]]}
        self.entries = entries(rows, self.customers)
        self._sort(self.verdict.get("columns") or attributes.forming(run.study, rows["customers"]))
        bases = {self.entries[c]["base"] for c in self.formed}
        same = bases | ({"behavioural", "needs"} if bases & {"behavioural", "needs"} else set())
        self.described = [
            c
            for c in self.described
            if self.entries[c]["base"] not in same and c != self.model.get("labels_from")
        ]

    def _sort(self, formed: list[str]) -> None:
        """Keep which segments there are, which may be shown, and which columns formed them."""
        size = self.labels.value_counts().sort_index()
        self.segments = [int(s) for s in size.index]
        self.shown = [s for s in self.segments if size[s] >= self.minimum]
        self.sized = [s for s in self.segments if privacy.shown(size, self.minimum).notna()[s]]
        if own := [c for c in self.verdict.get("columns", ()) if c not in self.customers]:
            raise StudyError(
                f"Column {own[0]!r}, of which the segments were made, is not in the data "
                "dictionary, so no page can describe it: make them of columns that are, or add it "
                "to a table of study.yaml."
            )
        self.formed = [c for c in self.customers if c in set(formed)]
        self.described = [c for c in self.customers if c not in set(formed)]

    def inside(self, segment: int) -> np.ndarray:
        """Return which customers belong to a segment."""
        return (self.labels == segment).to_numpy()

    def sizeless(self, segment: int) -> bool:
        """Return whether a segment is shown without its size, which would give away a small one."""
        return segment in self.shown and segment not in self.sized

    def once(self, make: Callable[[Evidence], Any]) -> Any:
        """Return what a function makes of this evidence, made the first time only."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    def count(self, segment: int, n: int) -> tuple[int, bool]:
        """Return a number of members as it may be told, and whether there are at least as many.

        Of a segment whose size would give away a small one, that is the minimum; where few of the
        members are left out, as many fewer than all of them.
        """
        left = int(self.inside(segment).sum()) - n
        if segment not in self.sized:
            return self.minimum, True
        few = self.of == "customers" and 0 < left < self.minimum
        return (max(n + left - self.minimum, self.minimum), True) if few else (n, False)

    @property
    def chosen_for_growth(self) -> bool:
        """Whether the trend formed the segments: then one that grew was chosen for having grown."""
        return "trend" in self.formed

    @cached_property
    def names(self) -> dict[int, str]:
        """The name of each segment: the analyst's, or else one from its markers."""
        noun = "shoppers" if "basket_value" in self.customers else f"{self.run.study.customer}s"
        few = {s: f"Segment {s} (too few to describe)" for s in self.segments}
        few = {s: name for s, name in few.items() if s not in self.shown}
        before = personas.before(self.run)
        earlier = {s: p["name"] for s, p in before.items() if p["named_by"] == "rule"}
        return personas.names(self.markers, noun, few | self.analyst_names, earlier)

    @cached_property
    def analyst_names(self) -> dict[int, str]:
        """Names that the analyst gave: labels that are words, or by number in study.yaml."""
        labels = {int(s): name for s, name in self.model.get("names", {}).items()}
        words = {s: name for s, name in labels.items() if any(map(str.isalpha, name))}
        named = words | self.run.study.personas.names
        return {s: name for s, name in named.items() if s in self.segments}

    @cached_property
    def spend(self) -> pd.Series | None:
        """Spend of each customer before the cut-off date, if the study has amounts."""
        return self.customers["spend"].fillna(0) if "spend" in self.customers else None

    @cached_property
    def markers(self) -> pd.DataFrame:
        """Effect sizes of the columns that formed the segments; too small segments left out."""
        rows = profile.markers(self.customers[self.formed], self.labels, [*self.entries.values()])
        telling = rows["segment"].isin(self.shown) & ~rows["name"].isin(self.leftover_columns)
        return rows[telling].reset_index(drop=True)

    @cached_property
    def descriptors(self) -> pd.DataFrame:
        """Differences in columns that did not form the segments, corrected for their number."""
        frame, about = self.customers[self.described], [*self.entries.values()]
        return profile.descriptors(frame, self.labels, about, minimum=self.minimum)

    # --- what is sold ---

    @cached_property
    def assortment(self) -> Assortment | None:
        """The product segments; None where products fall into fewer than two."""
        needed = "product_segments.parquet", "products.parquet", "purchases.parquet"
        goods = Assortment(self) if all(map(self.run.has, needed)) else None
        return goods if goods and len(goods.segments) > 1 else None

    @cached_property
    def leftover(self) -> set[str]:
        """Levels and groups of products that hold what was not sorted, as reports write them."""
        goods = self.run.study.tables.products
        return {goods.labels.get(name, name) for name in goods.leftover} if goods else set()

    @cached_property
    def leftover_columns(self) -> set[str]:
        """Columns about nothing but leftovers of the data: they set nobody apart."""
        shares = {f"{name} share" for name in self.leftover} | {"Other groups share"}
        return {c for c, e in self.entries.items() if e["base"] == "needs" and e["label"] in shares}

    @cached_property
    def groups(self) -> pd.Series:
        """Group of each product; empty where products are in none."""
        frame = self.run.read("products.parquet") if self.run.has("products.parquet") else {}
        group = frame["group"] if "group" in frame else pd.Series(dtype="object")
        return group.astype("object").set_axis(group.index.astype(str))

    def purchases(self):
        """Return what was bought, on one thread: sums in one order, so the same each time."""
        return self.run.scan("purchases.parquet", threads=1)

    @cached_property
    def products(self) -> pd.DataFrame:
        """Affinity of segments to single products; empty without purchases."""
        if not self.run.has("purchases.parquet"):
            return pd.DataFrame(columns=[*affinity.COLUMNS])
        rows = affinity.products(self.purchases(), self.labels, self.minimum)
        gone = self.leftover | set(self.groups.index[self.groups.isin(self.leftover)])
        return rows[~rows["product"].astype(str).isin(gone)]

    @cached_property
    def product_groups(self) -> pd.Series | None:
        """The group of each product, to be crossed with the customer segments; None without.

        The product segments, by name, if there are two or more; else the product groups of the
        study, the eight with most products by name and the rest together.
        """
        if not (self.run.has("products.parquet") and self.run.has("purchases.parquet")):
            return None
        if goods := self.assortment:
            return goods.labels.map(goods.names)
        group = self.groups
        if group.nunique() < 2:
            return None
        group = group.mask(group.isin(self.leftover)).fillna("other").map(label)
        return group.where(group.isin(group.value_counts().head(8).index), "other")

    @cached_property
    def spending(self) -> pd.DataFrame | None:
        """What each customer spent on each product group; None without groups."""
        if self.product_groups is None:
            return None
        spent = affinity.spending(self.purchases(), self.product_groups)
        return spent.reindex(self.labels.index).fillna(0.0)

    @property
    def bought(self) -> dict[str, int]:
        """How many products were bought, are in a group, and are in none; empty without groups."""
        if self.product_groups is None:
            return {}
        rows, grouped = self.purchases(), len(self.product_groups)
        bought = int(rows["product"].nunique(where=rows.orders > 0).execute())
        return {"bought": bought, "grouped": grouped, "left": max(bought - grouped, 0)}

    @cached_property
    def crossed(self) -> pd.DataFrame:
        """The affinity of every customer segment to every product group; empty without."""
        if self.spending is None or len(self.segments) < 2:
            return pd.DataFrame(columns=["segment", "group", *affinity.COLUMNS[2:]])
        return affinity.index(self.spending, self.labels, self.run.seed)

    # --- months and campaigns ---

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
        return pd.DataFrame(dict(zip(("recent", "earlier"), self.windows[MONTHS], strict=True)))

    @cached_property
    def campaigns(self) -> pd.DataFrame | None:
        """Campaigns sent to each customer before the cut-off date, and whether any was answered."""
        if not self.run.has("campaigns.parquet"):
            return None
        rows, control = self.run.scan("campaigns.parquet"), self.run.study.tables.campaigns
        control = control and control.control
        if control and "arm" in rows.columns:  # whom nothing was sent
            rows = rows.filter(rows.arm.isnull() | (rows.arm != control))
        cut = datetime(self.run.as_of.year, self.run.as_of.month, self.run.as_of.day)
        counts = {"contacts": rows.campaign.nunique().cast("float64")}
        if "first_response" in rows.columns:
            counts["responded"] = (rows.first_response < cut).fill_null(False).any()
        sent = rows.filter(rows.start < cut).group_by("customer").agg(**counts).execute()
        table = sent.set_index("customer").reindex(self.labels.index)
        return None if sent.empty else table.assign(contacts=table["contacts"].fillna(0.0))

    # --- segments.csv, for a CRM ---

    def assignments(self) -> pd.DataFrame:
        """Return customer, segment, name, probability and scores, if any: what a CRM needs."""
        members = self.run.read("segments.parquet")[["segment", "probability"]]
        members.insert(1, "name", members["segment"].map(self.names))
        if self.run.has("scores.parquet"):
            members = members.join(self.run.read("scores.parquet"))
        return members.rename_axis("customer").reset_index()

    def assignment_columns(self) -> list[dict]:
        """Return what each column of segments.csv means, a row a column."""
        study, useful = self.run.study, self.verdict.get("usefulness") or {}
        when = f" in the {study.holdout} days from {self.run.as_of}" * (not study.snapshot)
        words = {"key": study.key_meaning, "who": study.customer, "when": when}
        words |= {"numbers": "of rows" if study.numbered else "kept"}
        own = "customer", "segment", "name", "probability"
        columns = {name: {"column": name} for name in own}
        for row in useful.get("outcomes", []):
            if row.get("recommended"):
                score, decile = prediction.score_columns(row)
                kind = "chance" if row["metric"] == "AUC" else "amount"
                columns[score] = {"column": "score", "kind": kind, "outcome": row["outcome"]}
                columns[decile] = {"column": "decile", "score": score}
        if self.verdict.get("instead") == "rfm_tiers":
            tiers = ("recency", "frequency", "monetary")
            columns |= {f"{of}_tier": {"column": "tier", "of": of} for of in tiers}
        page = "04_persona_definition"
        return [
            {"column": name, "meaning": wording.plain(page, "column_meaning", **words, **about)}
            for name, about in columns.items()
        ]


class Assortment(Evidence):
    """Product segments, seen as `Evidence` sees customer segments; `people` is that of the run."""

    of = "products"

    def __init__(self, ev: Evidence):
        self.run, self._made, self.minimum, self.people = ev.run, {}, ev.minimum, ev
        labels = ev.run.read("product_segments.parquet")["segment"].astype(int)
        self.labels = labels.rename_axis("product")
        self.customers = ev.run.read("products.parquet").reindex(labels.index)
        self.verdict = {}
        if ev.run.has("product_verdict.json"):
            self.verdict = ev.run.read("product_verdict.json")
        self.entries = entries(ev.run.read("dictionary.json")["products"], self.customers)
        self._sort(self.verdict.get("columns") or list(self.customers))
        self.sized = self.segments  # products are nobody

    @cached_property
    def names(self) -> dict[int, str]:
        """Product segment → name, with its number."""
        rows = profile.markers(self.customers[self.formed], self.labels, [*self.entries.values()])
        return {s: f"{s} {name}" for s, name in personas.names(rows, "products").items()}
