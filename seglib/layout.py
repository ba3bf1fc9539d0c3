"""The tables of a study.yaml: where each comes from and which of its columns plays which role."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from seglib.format import Format, Names
from seglib.wording import listing

SOLD = ("amount", "price", "product")  # roles of which one at least says that something is sold
ROW = "<row>"  # in place of a column: a customer is a row, and its number is the customer's
FILE = "<file>"  # in place of a column: a file is one campaign, and its name is the campaign's
Base = Literal["behavioural", "needs", "psychographic", "demographic", "geographic", "plan"]


def _text_keys(value: Any) -> Any:
    """Accept 0 where the value '0' is meant."""
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else value


def _day(value: Any) -> Any:
    """Read 2017-10-01 as a day; a number is none, though it could count seconds."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        year, month, day = re.fullmatch(r"\s*(\d{4})-(\d\d)-(\d\d)\s*", str(value)).groups()
        return date(int(year), int(month), int(day))
    except (AttributeError, ValueError):
        raise ValueError("expected a date such as 2017-10-01") from None


def _text(value: Any) -> Any:
    """Accept 0 where '0' is meant."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Shares = dict[str, Annotated[float, Field(gt=0, lt=1)]]
Day = Annotated[date, BeforeValidator(_day)]
Labels = Annotated[dict[str, str], BeforeValidator(_text_keys)]


class Part(BaseModel):
    """A block of study.yaml in which an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Attribute(Part):
    """A column that describes a customer or an answer in a survey."""

    column: str = ""  # in the source; empty where it has the attribute's own name
    label: str = ""
    base: Base = "demographic"
    kind: Literal["numeric", "ordered", "nominal"] = "nominal"
    unit: str = ""
    levels: Names | None = None
    labels: Labels = {}  # values as the reports write them
    bounds: tuple[float, float] | None = None  # lowest and highest answer; others are missing
    reversed: bool = False  # worded the other way round: answers are turned within the bounds
    blank: str = ""  # what an empty cell means, such as No where boxes are ticked

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


class Scale(Part):
    """The mean of several numeric attributes of the same table, known if half of them are."""

    label: str = ""
    base: Base = "psychographic"
    items: Names = Field(min_length=2)


class Outcome(Part):
    """What a customer did after the date of the data; never a feature.

    A yes or no judges the segments. A count or an amount of money is compared between the arms of
    an experiment.
    """

    column: str = ""  # as of an attribute
    label: str = Field(min_length=1)  # in the past tense, such as "left within the month"; or spend
    kind: Literal["yes/no", "count", "money"] = "yes/no"
    wanted: bool = False  # something to bring about, rather than to prevent
    happened: Names = []  # the values that mean it did; all others: it did not

    @model_validator(mode="before")
    @classmethod
    def _more_is_wanted(cls, given):
        """Take more of a count or of money as wanted unless the study says otherwise."""
        counted = isinstance(given, dict) and given.get("kind") in ("count", "money")
        return {"wanted": True, **given} if counted else given

    @model_validator(mode="after")
    def _happened_fits(self):
        if (self.kind == "yes/no") != bool(self.happened):
            raise ValueError(
                "an outcome of kind yes/no needs `happened`, the values that mean that it did; a "
                "count or money has none"
            )
        return self


class Lookup(Part):
    """A second source whose columns are added to a table, one row per key.

    A lookup of its own adds the columns of a third: the customers of the orders of the lines.
    """

    source: str
    format: Format = Format()
    key: str
    lookup: Lookup | None = None


def chain(lookup: Lookup | None) -> list[Lookup]:
    """Return a lookup and those that it has, in the order in which they are joined."""
    return [lookup, *chain(lookup.lookup)] if lookup else []


class _Table(Part):
    source: str
    format: Format = Format()
    lookup: Lookup | None = None
    attributes: dict[str, Attribute] = {}

    def apart(self, table: str, taken: Collection[str]):
        """Return the table with its name before each name that is taken, in labels after it.

        Parameters
        ----------
        table
            What the table is called in the study.
        taken
            Names in small letters: no engine tells `Tenure` from `tenure`.
        """
        return self.model_copy(update={"attributes": _renamed(self.attributes, table, taken)})


def _renamed(parts: dict[str, Part], table: str, taken: Collection[str]) -> dict[str, Part]:
    """Return the parts by name, the table's before each that is taken."""
    found = {}
    for name, part in parts.items():
        apart = isinstance(part, Outcome) and part.kind != "yes/no"  # in no frame of customers
        if apart or name.lower() not in taken:
            found[name] = part
            continue
        more = {} if isinstance(part, Scale) else {"column": part.column or name}
        if not isinstance(part, Outcome):  # an outcome's label ends a sentence
            more["label"] = f"{part.label or plain(name)} ({table} table)"
        found[f"{table}_{name}"] = part.model_copy(update=more)
    return found


def plain(name: str) -> str:
    """Return a column's name as a label."""
    return name.replace("_", " ").capitalize()


class _Arms(_Table):
    """A table that may say who was in which arm of an experiment."""

    randomised: bool = False
    control: Annotated[str, BeforeValidator(_text)] | None = None
    planned: Annotated[Shares, BeforeValidator(_text_keys)] = {}  # of each arm; empty = equal

    @model_validator(mode="after")
    def _arms_are_named(self):
        if self.randomised and not (self.columns.arm and self.control):
            raise ValueError("`randomised` needs columns.arm and the name of the `control` arm")
        return self


class TransactionColumns(Part):
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
    status: str | None = None  # what became of the line; its `returned` values are no orders

    @model_validator(mode="after")
    def _money_once(self):
        if self.price and (self.amount or not self.quantity):
            raise ValueError(
                "`price` is that of a unit and gives the amount together with `quantity`: expected "
                "either `amount`, or `price` and `quantity`"
            )
        return self


class CustomerColumns(Part):
    """Roles of a table with one row per customer; `<row>` takes each row as one."""

    customer: str
    arm: str | None = None
    status: str | None = None  # of an answer; rows of the `excluded` values are left out


class ProductColumns(Part):
    """Roles of the table of what is sold."""

    product: str
    level: str | None = None
    group: str | None = None
    brand: str | None = None


class CampaignColumns(Part):
    """Roles of the table of who was addressed; `<file>` takes its rows as one campaign."""

    customer: str
    campaign: str
    start: str
    end: str | None = None
    type: str | None = None
    arm: str | None = None


class ResponseColumns(Part):
    """Roles of the table of responses to campaigns."""

    customer: str
    campaign: str
    time: str


class Transactions(_Table):
    """Orders or events, one row per line."""

    columns: TransactionColumns
    returned: Names = []  # values of the status that say that a line was taken back
    placeholders: Names = []  # values of the customer that stand for nobody, such as guest

    @model_validator(mode="after")
    def _status_says_something(self):
        if bool(self.columns.status) != bool(self.returned):
            raise ValueError(
                "expected `columns.status` and `returned` together: the column that says what "
                "became of a line, and the values that mean it was taken back, such as [refunded]"
            )
        return self

    @property
    def sold(self) -> bool:
        """Whether something is sold; else the rows are events of use."""
        return any(getattr(self.columns, role) for role in SOLD)


class Customers(_Arms):
    """Attributes, one row per customer; also used for survey answers.

    With columns.arm it holds an experiment: arms that were assigned on the day `start`, by default
    the study's as_of, and the outcomes since then.
    """

    columns: CustomerColumns
    excluded: Names = []  # values of the status whose rows are left out, such as previews
    scales: dict[str, Scale] = {}
    outcomes: dict[str, Outcome] = {}
    start: Day | None = None

    @property
    def events(self) -> dict[str, Outcome]:
        """The outcomes that are a yes or no."""
        return {name: given for name, given in self.outcomes.items() if given.kind == "yes/no"}

    @model_validator(mode="after")
    def _status_says_something(self):
        if bool(self.columns.status) != bool(self.excluded):
            raise ValueError(
                "expected `columns.status` and `excluded` together: the column that says what an "
                "answer is, and the values whose rows are left out, such as [Survey Preview]"
            )
        return self

    @model_validator(mode="after")
    def _amounts_are_compared(self):
        for name, given in self.outcomes.items():
            if given.kind != "yes/no" and not self.columns.arm:
                raise ValueError(
                    f"the outcome {name!r} is of kind {given.kind}, which is compared between the "
                    "arms of an experiment: expected columns.arm, or kind: yes/no"
                )
        return self

    @property
    def names(self) -> list[str]:
        """The columns that it gives to the frame of customers."""
        return [*self.attributes, *self.scales, *self.events]

    @property
    def words(self) -> list[str]:
        """Those of them that hold no numbers, in small letters."""
        given = [name for name, part in self.attributes.items() if part.kind != "numeric"]
        return [name.lower() for name in (*given, *self.outcomes)]

    def apart(self, table: str, taken: Collection[str]) -> Customers:
        """Return the table with its name before each name that is taken, as of any table."""
        parts = {"attributes": self.attributes, "scales": self.scales, "outcomes": self.outcomes}
        parts = {key: _renamed(given, table, taken) for key, given in parts.items()}
        items = dict(zip(self.attributes, parts["attributes"], strict=True))
        parts["scales"] = {
            name: scale.model_copy(update={"items": [items[item] for item in scale.items]})
            for name, scale in parts["scales"].items()
        }
        return self.model_copy(update=parts)

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
        if self.columns.arm in self.attributes:
            raise ValueError(
                f"{self.columns.arm!r} is the arm of an experiment and also an attribute: leakage; "
                "segments are formed of what was known before the arms were assigned"
            )
        known = {*self.attributes, self.columns.customer, self.columns.arm}
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


class Campaigns(_Arms):
    """Who was addressed, when, in which arm; effects are told only of randomised arms."""

    columns: CampaignColumns


class Responses(_Table):
    """What they did."""

    columns: ResponseColumns


class Tables(Part):
    """The tables of a study; each is optional, but one must hold customers."""

    transactions: Transactions | None = None
    customers: Customers | None = None
    survey: Customers | None = None
    products: Products | None = None
    campaigns: Campaigns | None = None
    responses: Responses | None = None

    @property
    def people(self) -> dict[str, Customers]:
        """The tables with a row a customer that the study has, by name."""
        both = {"customers": self.customers, "survey": self.survey}
        return {name: table for name, table in both.items() if table}

    @model_validator(mode="after")
    def _enough(self):
        others = [name for name in type(self).model_fields if getattr(self, name)]
        for name, table in self.people.items():
            if table.columns.customer == ROW and {*others} - {name, "products"}:
                raise ValueError(
                    f"{name} takes each row as a customer ({ROW}), whom no other table can name: "
                    f"expected a column that {listing(sorted({*others} - {name}))} share with it"
                )
        if not (self.transactions or self.customers or self.survey):
            raise ValueError("expected at least one of transactions, customers, survey")
        if self.responses and not self.campaigns:
            raise ValueError("`responses` need a `campaigns` table")
        if len([table for table in self.people.values() if table.columns.arm]) > 1:
            raise ValueError("customers and survey both have columns.arm: expected it in one")
        return self

    @model_validator(mode="after")
    def _outcomes_are_told_apart(self):
        labels = [
            given.label for table in self.people.values() for given in table.outcomes.values()
        ]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two outcomes have the label {label!r}: expected one for each")
        return self
