"""The tables of a study.yaml: where each comes from and which of its columns plays which role."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from seglib.formats import Day, Format, Names, Part, Shares, Text, texts
from seglib.wording import UNSEEN, listing

SOLD = ("amount", "price", "product")  # roles of which one at least says that something is sold
EXCLUSIVE = (  # roles of which no two can be one column
    *("customer", "time", "order", "product", "amount", "price", "quantity"),
    *("campaign", "start", "arm"),
)
ROW = "<row>"  # in place of a column: a customer is a row, and its number is the customer's
FILE = "<file>"  # in place of a column: a file is one campaign, and its name is the campaign's
Base = Literal["behavioural", "needs", "psychographic", "demographic", "geographic", "plan"]


def _visible(text: str) -> str:
    if UNSEEN.search(text):
        raise ValueError("expected text without control characters")
    return text


def _one_line(text: str) -> str:
    return " ".join(_visible(text).split())


Line = Annotated[str, StringConstraints(strip_whitespace=True)]  # of blanks alone, it is empty
Key = Annotated[str, AfterValidator(_visible)]  # often the name of a column
Label = Annotated[Line, AfterValidator(_one_line)]
Labels = Annotated[dict[str, Label], BeforeValidator(texts)]
Name = Annotated[Line, Field(max_length=80), AfterValidator(_one_line)]


# --- columns --------------------------------------------------------------------------------------


class Attribute(Part):
    """A column that describes a customer or an answer in a survey."""

    column: str = ""  # in the source; empty where it has the attribute's own name
    label: Label = ""
    base: Base = "demographic"
    kind: Literal["numeric", "ordered", "nominal"] = "nominal"
    unit: Label = ""
    levels: Names | None = None
    labels: Labels = {}  # values as the reports write them
    bounds: tuple[float, float] | None = None  # lowest and highest answer; others are missing
    reversed: bool = False  # worded the other way round: answers are turned within the bounds
    blank: str = ""  # what an empty cell means, such as No where boxes are ticked

    def _mistakes(self) -> Iterator[str]:
        if self.kind != "numeric" and (self.bounds or self.reversed):
            yield "`bounds` and `reversed` are for kind: numeric"
        if self.bounds and self.bounds[0] >= self.bounds[1]:
            yield "expected `bounds` as [lowest, highest]"
        if self.reversed and not self.bounds:
            yield "a reversed item needs `bounds`, such as [1, 6], to be turned within"
        if self.kind == "numeric" and self.labels:
            yield "`labels` name the values of kinds nominal and ordered"
        if self.kind == "ordered" and not self.levels:
            yield "an ordered attribute needs `levels`, lowest first"
        if len(set(self.levels or ())) < len(self.levels or ()):
            yield "a level is listed twice"


class Scale(Part):
    """The mean of several numeric attributes of the same table, known if half of them are."""

    label: Label = ""
    base: Base = "psychographic"
    items: Names = Field(min_length=2)


class Outcome(Part):
    """What a customer did after the date of the data; never a feature.

    A yes or no judges the segments, and is something to prevent unless the study says otherwise;
    beside the arms of an experiment it must say. A count or an amount of money is compared between
    arms, and more of it is wanted unless the study says otherwise.
    """

    column: str = ""  # as of an attribute
    label: Label = Field(min_length=1)  # in the past tense, "left within the month"; or spend
    kind: Literal["yes/no", "count", "money"] = "yes/no"
    wanted: bool | None = None  # something to bring about, rather than to prevent
    happened: Names = []  # the values that mean it did; all others: it did not

    @model_validator(mode="before")
    @classmethod
    def _more_is_wanted(cls, raw):
        counted = isinstance(raw, dict) and raw.get("kind") in ("count", "money")
        return {"wanted": True, **raw} if counted else raw

    def _mistakes(self) -> Iterator[str]:
        if (self.kind == "yes/no") != bool(self.happened):
            yield (
                "an outcome of kind yes/no needs `happened`, the values that mean that it did; a "
                "count or money has none"
            )


class Roles(Part):
    """The columns of a table by the role that they play."""

    def _mistakes(self) -> Iterator[str]:
        roles: dict[str, str] = {}
        for role in EXCLUSIVE:
            column = getattr(self, role, None)
            if column and roles.setdefault(column, role) != role:
                yield (
                    f"the column {column!r} is given as {roles[column]} and as {role}: expected a "
                    "column for each"
                )


class TransactionColumns(Roles):
    """Roles of transactions; money is the amount of a row, or the price of a unit × quantity."""

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
    status: str | None = None  # of the line; `returned` and `cancelled` values are no orders

    def _mistakes(self) -> Iterator[str]:
        yield from super()._mistakes()
        if self.price and (self.amount or not self.quantity):
            yield (
                "`price` is that of a unit and gives the amount together with `quantity`: expected "
                "either `amount`, or `price` and `quantity`"
            )


class CustomerColumns(Roles):
    """Roles of a table with one row per customer; `<row>` takes each row as one."""

    customer: str
    arm: str | None = None
    status: str | None = None  # of an answer; rows of the `excluded` values are left out


class ProductColumns(Roles):
    """Roles of the table of what is sold."""

    product: str
    level: str | None = None
    group: str | None = None
    brand: str | None = None


class CampaignColumns(Roles):
    """Roles of the table of who was addressed; `<file>` takes its rows as one campaign."""

    customer: str
    campaign: str
    start: str
    end: str | None = None
    type: str | None = None
    arm: str | None = None


class ResponseColumns(Roles):
    """Roles of the table of responses to campaigns."""

    customer: str
    campaign: str
    time: str


# --- tables ---------------------------------------------------------------------------------------


class Lookup(Part):
    """A second source whose columns are added to a table, one row per key; and a third to it."""

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
    attributes: dict[Key, Attribute] = {}


class _Arms(_Table):
    """A table that may say who was in which arm of an experiment."""

    randomised: bool = False
    control: Text | None = None
    planned: Shares = {}  # of each arm; empty: equal

    def _mistakes(self) -> Iterator[str]:
        if self.randomised and not (self.columns.arm and self.control):
            yield "`randomised` needs columns.arm and the name of the `control` arm"


class Transactions(_Table):
    """Orders or events, one row per line."""

    columns: TransactionColumns
    returned: Names = []  # values of the status of a return: its money is taken off
    cancelled: Names = []  # values of the status of a sale that never happened: it counts as 0
    placeholders: Names = []  # values of the customer that stand for nobody, such as guest

    def _mistakes(self) -> Iterator[str]:
        if bool(self.columns.status) != bool(self.returned or self.cancelled):
            yield (
                "expected `columns.status`, the column that says what became of a line, together "
                "with `returned` or `cancelled`, its values for lines taken back or never sold"
            )
        both = {v.strip().lower() for v in self.returned} & {
            v.strip().lower() for v in self.cancelled
        }
        if both:
            yield f"{min(both)!r} stands under `returned` and `cancelled`: expected one of them"

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
    placeholders: Names = []  # values of the customer that stand for nobody, such as Total
    excluded: Names = []  # values of the status whose rows are left out, such as previews
    scales: dict[Key, Scale] = {}
    outcomes: dict[Key, Outcome] = {}
    start: Day | None = None

    def _mistakes(self) -> Iterator[str]:
        yield from super()._mistakes()
        if bool(self.columns.status) != bool(self.excluded):
            yield (
                "expected `columns.status`, the column that says what an answer is, together with "
                "`excluded`, its values that are left out, such as [Survey Preview]"
            )
        arm, after = self.columns.arm, {*self.outcomes, self.columns.arm}
        for name in sorted(after & {*self.attributes, self.columns.customer} - {None}):
            yield (
                f"{name!r} is an attribute and also an arm or an outcome: leakage; segments are "
                "formed of what was known before"
            )
        for name, about in self.outcomes.items():
            if about.kind != "yes/no" and not arm:
                yield (
                    f"the outcome {name!r} is of kind {about.kind}, which is compared between the "
                    "arms of an experiment: expected columns.arm, or kind: yes/no"
                )
            if about.kind == "yes/no" and arm and about.wanted is None:
                yield (
                    f"outcomes.{name}.wanted: is missing; expected true if the arms were to bring "
                    "it about, false if they were to prevent it"
                )
        numeric = {name for name, about in self.attributes.items() if about.kind == "numeric"}
        for name, scale in self.scales.items():
            if name in self.attributes or not numeric.issuperset(scale.items):
                yield (
                    f"the scale {name!r} of {', '.join(scale.items)}: expected a name of its own, "
                    "and numeric attributes of the same table"
                )

    @property
    def events(self) -> dict[str, Outcome]:
        """The outcomes that are a yes or no."""
        return {name: about for name, about in self.outcomes.items() if about.kind == "yes/no"}

    @property
    def names(self) -> list[str]:
        """The columns that it gives to the frame of customers."""
        return [*self.attributes, *self.scales, *self.events]

    def apart(self, table: str, taken: Collection[str]) -> Customers:
        """Return the table with its name before each name that is taken, in labels after it.

        Taken names are in small letters: no engine tells `Tenure` from `tenure`.
        """
        names = {name: f"{table}_{name}" for name in self.names if name.lower() in taken}

        def renamed(block: dict[str, Part]) -> dict[str, Part]:
            return {names.get(n, n): _aside(part, n, table, names) for n, part in block.items()}

        blocks = ("attributes", "outcomes", "scales")
        return self.model_copy(update={name: renamed(getattr(self, name)) for name in blocks})


def _aside(part: Part, name: str, table: str, names: dict[str, str]) -> Part:
    """Return a part under another name: its column, and its label, tell the old one."""
    items = {"items": [names.get(i, i) for i in part.items]} if isinstance(part, Scale) else {}
    if name not in names:
        return part.model_copy(update=items)
    update = items or {"column": part.column or name}
    if not isinstance(part, Outcome):  # an outcome's label ends a sentence
        update["label"] = f"{part.label or plain(name)} ({table} table)"
    return part.model_copy(update=update)


def plain(name: str) -> str:
    """Return a column's name as a label."""
    return " ".join(name.replace("_", " ").split()).capitalize()


class Products(_Table):
    """What is sold, one row per item; `level` is the column that is segmented."""

    columns: ProductColumns
    own_label: Names = []
    labels: dict[str, Label] = {}  # levels and groups as the reports write them
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

    def _mistakes(self) -> Iterator[str]:
        there = {name for name, table in self if table}
        for name, table in self.people.items():
            if table.columns.customer == ROW and there - {name, "products"}:
                yield (
                    f"{name} takes each row as a customer ({ROW}), whom no other table can name: "
                    f"expected a column that {listing(sorted(there - {name}))} share with it"
                )
        if not there & {"transactions", "customers", "survey"}:
            yield "expected at least one of transactions, customers, survey"
        if "responses" in there and "campaigns" not in there:
            yield "`responses` need a `campaigns` table"
        if sum(bool(table.columns.arm) for table in self.people.values()) > 1:
            yield "customers and survey both have columns.arm: expected it in one"
        labels = [about.label for t in self.people.values() for about in t.outcomes.values()]
        for label in sorted({label for label in labels if labels.count(label) > 1}):
            yield f"two outcomes have the label {label!r}: expected one for each"
