"""The shares at which a run stops: what each is of, and its default."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

FEWEST = 30  # customers, or known values, below which nothing is said of them
LIMITS = {  # key below `limits` in study.yaml: (default share, of what)
    "copies": (0.4, "rows that are exact copies of another"),
    "impossible_dates": (0.05, "rows dated far from all others"),
    "negative_amounts": (0.5, "rows with a negative amount"),
    "zero_amounts": (0.5, "rows without money"),
    "house_account": (0.3, "rows of one customer"),
    "test_accounts": (0.05, "customers called test, demo or dummy"),
    "other_currencies": (0.01, "amounts in another currency than most"),
    "mixed_zones": (0.05, "times with a zone among times without, or the other way round"),
    "thin_days": (0.8, "of the last seven days, those far thinner than usual"),
    "unknown_products": (0.5, "rows whose product the products table lacks"),
    "undescribed": (0.95, "customers whom a table of customers or answers lacks"),
    "strangers": (0.5, "rows of campaigns or responses that belong to nobody or to no campaign"),
    "odd_levels": (0.3, "values that are none of the listed levels"),
    "constant": (0.8, "columns in which nearly all rows have one value"),
    "known_later": (0.2, "values of an attribute that are dates after the cut-off date"),
    "straight_lining": (0.3, "answers that are the same to every question"),
    "speeding": (0.3, "answers given in under a third of the usual time"),
    "leakage": (0.95, "chance that a column orders the weeks afterwards rightly"),
}
Limit = Literal[tuple(LIMITS)]
Share = Annotated[float, Field(ge=0, le=1)]


def limit(given: dict[str, float], key: str) -> float:
    """Return the share at which a run stops: the study's, else the default."""
    return given.get(key, LIMITS[key][0])
