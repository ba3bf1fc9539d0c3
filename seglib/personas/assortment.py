"""What is sold, in groups: the product segments as evidence, and how customers spend on them."""

from __future__ import annotations

import pandas as pd

from seglib.personas import affinity, naming
from seglib.personas.columns import entries
from seglib.personas.grounds import Evidence


class Assortment(Evidence):
    """Product segments, seen as `Evidence` sees customer segments.

    Parameters
    ----------
    ev : Evidence
        Of the customers of the same run.
    """

    of = "products"

    def __init__(self, ev: Evidence):
        self.run, self._made, self.minimum, self.people = ev.run, {}, ev.minimum, ev
        labels = ev.run.read("product_segments.parquet")["segment"].astype(int)
        self.labels = labels.rename_axis("product")
        self.customers = ev.run.read("products.parquet").reindex(labels.index)
        self.verdict = ev.run.read("product_verdict.json")
        self.entries = entries(ev.run.read("dictionary.json")["products"], self.customers)
        self.segments = sorted(int(s) for s in labels.unique())
        size = labels.value_counts()
        self.shown = [s for s in self.segments if size[s] >= self.minimum]
        formed = self.verdict.get("columns") or list(self.customers)
        self.formed = [c for c in self.customers if c in set(formed)]
        self.described = [c for c in self.customers if c not in set(formed)]

    @property
    def names(self) -> dict[int, str]:
        """Product segment → name, as the pages give it."""
        named = naming.products(self.run)
        return {int(s): named[self.labels == s].iloc[0] for s in self.segments}


def assortment(ev: Evidence) -> Assortment | None:
    """Return the product segments of a run; None where products fall into fewer than two."""
    needed = ("product_segments.parquet", "product_verdict.json", "products.parquet")
    if not all(map(ev.run.has, (*needed, "purchases.parquet"))):
        return None
    found = Assortment(ev)
    return found if len(found.segments) > 1 else None


def spending(ev: Evidence) -> pd.DataFrame | None:
    """Return what each customer spent on each product group; None without groups."""
    groups = naming.products(ev.run)
    if groups is None:
        return None
    spent = affinity.spending(ev.run.path("purchases.parquet"), groups)
    return spent.reindex(ev.labels.index).fillna(0.0)


def crossed(ev: Evidence) -> pd.DataFrame:
    """Return the affinity of every customer segment to every product group; empty without."""
    spent = ev.once(spending)
    if spent is None or len(ev.segments) < 2:
        return pd.DataFrame(columns=["segment", "group", "selected", "index"])
    return affinity.index(spent, ev.labels, ev.run.seed)


def gaps(ev: Evidence) -> pd.DataFrame:
    """Return the products on which each segment spends less than the one most like it."""
    if len(ev.segments) < 2 or not ev.run.has("purchases.parquet"):
        return pd.DataFrame(columns=["segment", "product"])
    frame = ev.customers[ev.formed]
    return affinity.white_spaces(ev.run.path("purchases.parquet"), ev.labels, frame, ev.minimum)
