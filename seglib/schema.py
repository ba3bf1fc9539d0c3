"""The shape of study.yaml: every key, its type and its bounds."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from seglib.format import Format, Names
from seglib.limits import Limit, Share

ROW = "<row>"  # in place of a column: a customer is a row, and its number is the customer's
Base = Literal["behavioural", "needs", "psychographic", "demographic", "geographic", "plan"]
Criterion = Literal["size", "value", "growth", "stability", "reach", "objective"]

# The names of features.BEHAVIOUR and features.PRODUCT, known here before any table is opened.
BEHAVIOUR = (
    "recency", "orders", "spend", "tenure", "basket_value", "basket_items", "breadth", "trend",
    "irregularity", "weekend_share", "evening_share", "discount_share", "coupon_share",
    "own_label_share", "places",
)  # fmt: skip
USAGE = (
    "recency", "sessions", "active_days", "engagement", "session_events", "features_used",
    "adoption", "first_days", "first_features", "usage_trend", "overdue", "tenure", "irregularity",
    "weekend_share", "evening_share", "places",
)  # fmt: skip
PRODUCT = (
    "price", "penetration", "repeat_rate", "orders_per_buyer", "spend_per_buyer",
    "promotion_share", "own_label_share", "seasonality", "evenness",
)  # fmt: skip


def _days(value: Any) -> Any:
    """Read '91 days', '13 weeks' or 91 as a number of days."""
    match = re.fullmatch(r"\s*(\d+)\s*(days?|weeks?)?\s*", str(value))
    if not match:
        raise ValueError("expected a number of days such as '91 days' or '13 weeks'")
    return int(match[1]) * (7 if (match[2] or "").startswith("week") else 1)


def _day(value: Any) -> Any:
    """Read 2017-10-01 as a day; a number is none, though it could count seconds."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        year, month, day = re.fullmatch(r"\s*(\d{4})-(\d\d)-(\d\d)\s*", str(value)).groups()
        return date(int(year), int(month), int(day))
    except (AttributeError, ValueError):
        raise ValueError("expected a date such as 2017-10-01") from None


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


def _text_keys(value: Any) -> Any:
    """Accept 0 where the value '0' is meant."""
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else value


Labels = Annotated[dict[str, str], BeforeValidator(_text_keys)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Attribute(_Part):
    """A column that describes a customer or an answer in a survey."""

    label: str = ""
    base: Base = "demographic"
    kind: Literal["numeric", "ordered", "nominal"] = "nominal"
    unit: str = ""
    levels: Names | None = None
    labels: Labels = {}  # values as the reports write them
    bounds: tuple[float, float] | None = None  # lowest and highest answer; others are missing
    reversed: bool = False  # worded the other way round: answers are turned within the bounds

    @model_validator(mode="after")
    def _bounds_fit(self):
        if self.kind != "numeric" and (self.bounds or self.reversed):
            raise ValueError("`bounds` and `reversed` are for kind: numeric")
        if self.bounds and self.bounds[0] >= self.bounds[1]:
            raise ValueError("expected `bounds` as [lowest, highest]")
        if self.reversed and not self.bounds:
            raise ValueError("a reversed item needs `bounds`, such as [1, 6], to be turned within")
        if self.kind == "numeric" and self.labels:
            raise ValueError("`labels` name the values of kinds nominal and ordered")
        return self

    @model_validator(mode="after")
    def _levels_fit(self):
        if self.kind == "ordered" and not self.levels:
            raise ValueError("an ordered attribute needs `levels`, lowest first")
        if self.levels and len(set(self.levels)) < len(self.levels):
            raise ValueError("a level is listed twice")
        return self


class Scale(_Part):
    """The mean of several numeric attributes of the same table, known if half of them are."""

    label: str = ""
    base: Base = "psychographic"
    items: Names = Field(min_length=2)


class Outcome(_Part):
    """What a customer did after the date of the data, by a yes or no; never a feature."""

    label: str = Field(min_length=1)  # in the past tense, such as "left within the month"
    wanted: bool = False  # something to bring about, rather than to prevent
    happened: Names = Field(min_length=1)  # the values that mean it did; all others: it did not


class Lookup(_Part):
    """A second source whose columns are added to a table, one row per key."""

    source: str
    format: Format = Format()
    key: str


class _Table(_Part):
    source: str
    format: Format = Format()
    lookup: Lookup | None = None
    attributes: dict[str, Attribute] = {}


class TransactionColumns(_Part):
    """Roles of a transaction table; without money it holds usage events.

    Money is the `amount` of a row, or the `price` of a unit, times the `quantity`.
    """

    customer: str
    time: str
    order: str | None = None
    product: str | None = None
    event: str | None = None  # what was used, where nothing is sold
    amount: str | None = None
    price: str | None = None
    quantity: str | None = None
    discount: Names = []
    coupon: Names = []
    place: str | None = None

    @model_validator(mode="after")
    def _money_once(self):
        if self.price and (self.amount or not self.quantity):
            raise ValueError(
                "`price` is that of a unit and gives the amount together with `quantity`: expected "
                "either `amount`, or `price` and `quantity`"
            )
        return self


class CustomerColumns(_Part):
    """Roles of a table with one row per customer; `<row>` takes each row as one."""

    customer: str


class ProductColumns(_Part):
    """Roles of the table of what is sold."""

    product: str
    level: str | None = None
    group: str | None = None
    brand: str | None = None


class CampaignColumns(_Part):
    """Roles of the table of who was addressed."""

    customer: str
    campaign: str
    start: str
    end: str | None = None
    type: str | None = None
    arm: str | None = None


class ResponseColumns(_Part):
    """Roles of the table of responses to campaigns."""

    customer: str
    campaign: str
    time: str


class Transactions(_Table):
    """Orders or events, one row per line."""

    columns: TransactionColumns


class Customers(_Table):
    """Attributes, one row per customer; also used for survey answers."""

    columns: CustomerColumns
    scales: dict[str, Scale] = {}
    outcomes: dict[str, Outcome] = {}

    @model_validator(mode="after")
    def _scales_fit(self):
        for name, scale in self.scales.items():
            if name in self.attributes:
                raise ValueError(f"the scale {name!r} has the name of an attribute")
            for item in scale.items:
                given = self.attributes.get(item)
                if given is None or given.kind != "numeric":
                    raise ValueError(
                        f"the scale {name!r} names {item!r}: expected numeric attributes of the "
                        "same table"
                    )
        return self

    @model_validator(mode="after")
    def _nothing_leaks(self):
        known = {*self.attributes, self.columns.customer}
        for name in self.outcomes:
            if name in known:
                raise ValueError(
                    f"{name!r} is an outcome and also a column that is known before it: leakage; "
                    "a segment made of what it should foretell would look useful and be none"
                )
        return self


class Products(_Table):
    """What is sold, one row per item; `level` is the column that is segmented."""

    columns: ProductColumns
    own_label: Names = []
    labels: dict[str, str] = {}  # levels and groups as the reports write them
    leftover: Names = []  # levels and groups that hold what was not sorted: never a trait


class Campaigns(_Table):
    """Who was addressed, when, in which arm; effects are told only of randomised arms."""

    columns: CampaignColumns
    randomised: bool = False
    control: str | None = None
    planned: dict[str, Annotated[float, Field(gt=0, lt=1)]] = {}  # share of each arm; empty = equal

    @model_validator(mode="after")
    def _arms_are_named(self):
        if self.randomised and not (self.columns.arm and self.control):
            raise ValueError(
                "randomised campaigns need columns.arm and the name of the `control` arm"
            )
        return self


class Responses(_Table):
    """What they did."""

    columns: ResponseColumns


class Tables(_Part):
    """The tables of a study; each is optional, but one must hold customers."""

    transactions: Transactions | None = None
    customers: Customers | None = None
    survey: Customers | None = None
    products: Products | None = None
    campaigns: Campaigns | None = None
    responses: Responses | None = None

    @model_validator(mode="after")
    def _enough(self):
        if not (self.transactions or self.customers or self.survey):
            raise ValueError("expected at least one of transactions, customers, survey")
        if self.responses and not self.campaigns:
            raise ValueError("`responses` need a `campaigns` table")
        return self


class Segmentation(_Part):
    """What forms the segments and what only describes them."""

    bases: list[Base] = Field(default=["behavioural"], min_length=1)
    describe_with: list[Base] = ["demographic", "geographic", "psychographic", "plan"]
    features: Names = []
    product_features: Names = []
    needs: int = Field(default=10, ge=1, le=40)
    method: Literal["auto", "kmeans", "gmm", "latent_class", "mixed"] = "auto"
    k: int = Field(default=0, ge=0, le=20)
    k_max: int = Field(default=8, ge=2, le=20)


class Economics(_Part):
    """What treating a customer for a quarter costs and earns, as the study's author states it."""

    margin: float = Field(gt=0, le=1)
    cost_per_customer: float = Field(ge=0)


class Timezone(_Part):
    """The zone in which times are stored and the one in which customers live."""

    stored: Zone = "UTC"
    local: Zone


class Privacy(_Part):
    """Where the key of pseudonyms is, and personal columns that are wanted all the same."""

    pseudonymise: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")] | None = None
    keep: Names = []


class Personas(_Part):
    """The analyst's own words, shown as such."""

    names: dict[int, str] = {}
    notes: dict[int, str] = {}


class Figure(_Part):
    """The column of customers that the objective is about, and which segments then fit better."""

    column: str
    prefer: Literal["higher", "lower"]


class Study(_Part):
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
    as_of: Annotated[date, BeforeValidator(_day)]
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
        """Whether the transactions are events of use: they carry no amount and no product."""
        sold = self.tables.transactions and self.tables.transactions.columns
        return bool(sold and not sold.amount and not sold.product)

    @property
    def words(self) -> dict[str, str]:
        """What the reports call an order, and to order: a session and to be active, of events."""
        if self.usage:
            return {"order": "session", "orders": "sessions", "ordered": "were active",
                    "do": "are active", "begin": "use"}  # fmt: skip
        return {"order": "order", "orders": "orders", "ordered": "ordered", "do": "order",
                "begin": "order"}  # fmt: skip

    @model_validator(mode="after")
    def _holdout_fits(self):
        if self.tables.transactions and not self.holdout:
            raise ValueError("holdout: is missing; expected such as '13 weeks', or '91 days'")
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
    def outcomes(self) -> dict[str, Outcome]:
        """What customers did afterwards, by the column that says so."""
        tables = (self.tables.customers, self.tables.survey)
        return {name: given for table in tables if table for name, given in table.outcomes.items()}

    def known(self, as_of: date) -> str:
        """Return since when features are known: 'before 2017-10-01', 'in the snapshot of …'."""
        return f"in the snapshot of {as_of}" if self.snapshot else f"before {as_of}"
