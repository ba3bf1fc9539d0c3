"""The shape of study.yaml: every key, its type and its bounds."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from seglib import wording
from seglib.format import Names
from seglib.layout import ROW, Base, Customers, Day, Outcome, Part, Scale, Tables
from seglib.limits import Limit, Share

Criterion = Literal["size", "value", "growth", "stability", "reach", "objective"]

_FEATURES = wording.table("features")  # what is computed, known before any table is opened
BEHAVIOUR, USAGE, PRODUCT = (tuple(_FEATURES[kind]) for kind in ("customers", "usage", "products"))


def _days(value: Any) -> Any:
    """Read '91 days', '13 weeks' or 91 as a number of days."""
    match = re.fullmatch(r"\s*(\d+)\s*(days?|weeks?)?\s*", str(value))
    if not match:
        raise ValueError("expected a number of days such as '91 days' or '13 weeks'")
    return int(match[1]) * (7 if (match[2] or "").startswith("week") else 1)


def _zone(value: str) -> str:
    """Refuse a time zone that this machine's list of zones does not hold."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        if known:  # a machine without the list cannot judge
            close = difflib.get_close_matches(value, sorted(known), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"expected a time zone such as 'America/New_York'{hint}") from None
    return value


def _some_weight(weights: dict) -> dict:
    if weights and not any(weights.values()):
        raise ValueError("expected a weight above 0 for at least one criterion")
    return weights


Zone = Annotated[str, AfterValidator(_zone)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def made(tables: Tables) -> set[str]:
    """Return the names of columns that seglib makes of transactions, or reads as numbers."""
    people, rows = tables.people.values(), tables.transactions
    if rows is None:  # a study may give a feature itself, but as a number
        return {name for table in people for name in table.words} & {*BEHAVIOUR, *USAGE}
    if rows.sold:
        given = [name.lower() for table in people for name in table.names]
        return {*BEHAVIOUR, *(name for name in given if name.startswith("share_"))}
    return {*USAGE}


class Segmentation(Part):
    """What forms the segments and what only describes them."""

    bases: list[Base] = Field(default=["behavioural"], min_length=1)
    describe_with: list[Base] = ["demographic", "geographic", "psychographic", "plan"]
    features: Names = []
    product_features: Names = []
    needs: int = Field(default=10, ge=1, le=40)
    method: Literal["auto", "kmeans", "gmm", "latent_class", "mixed"] = "auto"
    k: int = Field(default=0, ge=0, le=20)
    k_max: int = Field(default=8, ge=2, le=20)


class Economics(Part):
    """What treating a customer for a quarter costs and earns, as the study's author states it."""

    margin: float = Field(gt=0, le=1)
    cost_per_customer: float = Field(ge=0)


class Timezone(Part):
    """The zone in which times are stored and the one in which customers live."""

    stored: Zone = "UTC"
    local: Zone


class Privacy(Part):
    """Where the key of pseudonyms is, and personal columns that are wanted all the same."""

    pseudonymise: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")] | None = None
    keep: Names = []


class Personas(Part):
    """The analyst's own words, shown as such."""

    names: dict[int, str] = {}
    notes: dict[int, str] = {}


class Figure(Part):
    """The column of customers that the objective is about, and which segments then fit better."""

    column: str
    prefer: Literal["higher", "lower"]


class Study(Part):
    """A checked study.yaml.

    Attributes mirror the keys of the file; `path` is where it was read from.
    """

    path: Path
    title: str = Field(min_length=1)
    objective: str = Field(min_length=1)
    objective_figure: Figure | None = None
    about: str = ""  # what a reader must know of where the data come from
    customer: str = "customer"
    currency: str = ""
    as_of: Day
    holdout: Annotated[int, BeforeValidator(_days), Field(ge=1)] | None = None
    history: Annotated[int, BeforeValidator(_days), Field(ge=1)] | None = None
    timezone: Timezone | None = None
    seed: int = Field(default=1, ge=0, lt=2**32)
    minimum_cell: int = Field(default=10, ge=1)
    max_dropped: float = Field(default=0.5, gt=0, le=1)
    limits: dict[Limit, Share] = {}
    privacy: Privacy = Privacy()
    tables: Tables
    segmentation: Segmentation = Segmentation()
    economics: Economics | None = None
    personas: Personas = Personas()
    targeting: Annotated[dict[Criterion, Weight], AfterValidator(_some_weight)] = {}

    @property
    def usage(self) -> bool:
        """Whether the transactions are events of use: nothing is sold in them."""
        rows = self.tables.transactions
        return bool(rows and not rows.sold)

    @property
    def money(self) -> bool:
        """Whether the transactions carry amounts; without them, orders are counted alone."""
        rows = self.tables.transactions
        return bool(rows and (rows.columns.amount or rows.columns.price))

    @property
    def words(self) -> dict[str, str]:
        """What the reports call an order, and to order: a session and to be active, of events."""
        if self.usage:
            return {"order": "session", "orders": "sessions", "ordered": "were active",
                    "do": "are active", "begin": "use"}  # fmt: skip
        return {"order": "order", "orders": "orders", "ordered": "ordered", "do": "order",
                "begin": "order"}  # fmt: skip

    @field_validator("tables")
    @classmethod
    def _names_apart(cls, tables: Tables) -> Tables:
        """Keep a column beside one that has its name: another table's, or one that seglib makes."""
        found, taken = {}, made(tables)
        for name in Tables.model_fields:
            if table := getattr(tables, name):
                roles = set(table.columns.model_dump(exclude_none=True))  # those the table has
                found[name] = table.apart(name, taken | roles)
                taken |= {given.lower() for given in getattr(found[name], "names", ())}
        return tables.model_copy(update=found)

    @model_validator(mode="after")
    def _holdout_fits(self):
        if self.tables.transactions and not self.holdout:
            raise ValueError("holdout: is missing; expected such as '13 weeks', or '91 days'")
        return self

    @model_validator(mode="after")
    def _start_fits(self):
        for name, table in self.tables.people.items():
            if table.columns.arm and self.tables.transactions and not table.start:
                raise ValueError(
                    f"tables.{name}.start: is missing; expected the day on which the arms were "
                    "assigned, such as 2017-10-01"
                )
        return self

    @property
    def folder(self) -> Path:
        """The folder that holds study.yaml and, in one folder a date, its runs."""
        return self.path.parent

    @property
    def name(self) -> str:
        """The study's short name: its folder's."""
        return self.folder.name

    @property
    def reports(self) -> Path:
        """Where the pages go: reports/<study>/ beside data/, else beside study.yaml."""
        inside = self.folder.parent.name == "data"
        root = self.folder.parent.parent if inside else self.folder
        return root / "reports" / self.name

    def until(self, as_of: date) -> date:
        """Return the first day after the holdout that follows `as_of`."""
        return as_of + timedelta(days=self.holdout or 0)

    @property
    def snapshot(self) -> bool:
        """Whether all is known of one day only: there are no transactions."""
        return self.tables.transactions is None

    @property
    def numbered(self) -> bool:
        """Whether customers are called by the number of their row, as no column tells them."""
        return any(table.columns.customer == ROW for table in self.tables.people.values())

    @property
    def key_meaning(self) -> str:
        """What the key of a customer is in the files of a run."""
        if not self.numbered:
            return f"the {self.customer}'s key, as in the source"
        (table,) = self.tables.people.values()  # no other can name rows
        return f"number of the row in {table.source}, 1 the first below the names"

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """What customers did afterwards, a yes or no, by the column that says so."""
        tables = self.tables.people.values()
        return {name: given for table in tables for name, given in table.events.items()}

    @property
    def arms(self) -> Customers | None:
        """The table with a row a customer that says who was in which arm of an experiment."""
        return next((t for t in self.tables.people.values() if t.columns.arm), None)

    @property
    def scales(self) -> dict[str, Scale]:
        """The means of several answers, by name."""
        tables = self.tables.people.values()
        return {name: given for table in tables for name, given in table.scales.items()}

    def known(self, as_of: date) -> str:
        """Return since when features are known: 'before 2017-10-01', 'in the snapshot of …'."""
        return f"in the snapshot of {as_of}" if self.snapshot else f"before {as_of}"
