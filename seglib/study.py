"""study.yaml: found, read and checked; every mistake at once, in the user's words."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, field_validator

from seglib import wording
from seglib.formats import Day, Days, Names, Part, StudyError, Zone, load_yaml, nearest, sentence
from seglib.layout import ROW, Base, Customers, Line, Name, Outcome, Scale, Tables

Criterion = Literal["size", "value", "growth", "stability", "reach", "objective"]
_FEATURES = wording.table("features")  # what is computed, known before any table is opened
LIMITS = wording.table("checks")["limits"]
FEWEST = 30  # customers, or known values, below which nothing is said of them
BEHAVIOUR, USAGE, PRODUCT = (tuple(_FEATURES[kind]) for kind in ("customers", "usage", "products"))


NEEDED = {  # what a base needs to have a column, but for an attribute
    "behavioural": "a table transactions",
    "needs": "tables.products.columns.group, and transactions with product and amount",
}


# --- the study ------------------------------------------------------------------------------------


def _some_weight(weights: dict) -> dict:
    if weights and not any(weights.values()):
        raise ValueError("expected a weight above 0 for at least one criterion")
    return weights


Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Limit = Literal[tuple(LIMITS)]
Share = Annotated[float, Field(ge=0, le=1)]


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

    names: dict[int, Name] = {}
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
    title: Name = Field(min_length=1)
    objective: Line = Field(min_length=1)
    objective_figure: Figure | None = None
    about: str = ""  # what a reader must know of where the data come from
    customer: Name = "customer"
    currency: Name = ""
    as_of: Day
    holdout: Days | None = None
    history: Days | None = None
    timezone: Timezone | None = None
    seed: int = Field(default=1, ge=0, lt=2**32)
    engine: Literal["duckdb", "spark"] = "duckdb"
    minimum_cell: int = Field(default=10, ge=1)
    max_dropped: float = Field(default=0.5, gt=0, le=1)
    limits: dict[Limit, Share] = {}
    privacy: Privacy = Privacy()
    tables: Tables
    segmentation: Segmentation = Segmentation()
    economics: Economics | None = None
    personas: Personas = Personas()
    targeting: Annotated[dict[Criterion, Weight], AfterValidator(_some_weight)] = {}

    @field_validator("tables")
    @classmethod
    def _names_apart(cls, tables: Tables) -> Tables:
        """Keep a column beside one that has its name: another table's, or one that seglib makes."""
        people, taken = {}, computed(tables)
        for name, table in tables.people.items():
            roles = set(table.columns.model_dump(exclude_none=True))  # those the table has
            people[name] = table.apart(name, taken | roles)
            taken |= {column.lower() for column in people[name].names}
        return tables.model_copy(update=people)

    def _mistakes(self):
        if self.snapshot:
            return
        if not self.holdout:
            yield "holdout: is missing; expected such as '13 weeks', or '91 days'"
        for name, table in self.tables.people.items():
            if table.columns.arm and not table.start:
                yield (
                    f"tables.{name}.start: is missing; expected the day on which the arms were "
                    "assigned, such as 2017-10-01"
                )

    @property
    def snapshot(self) -> bool:
        """Whether all is known of one day only: there are no transactions."""
        return self.tables.transactions is None

    @property
    def usage(self) -> bool:
        """Whether the transactions are events of use: nothing is sold in them."""
        return not self.snapshot and not self.tables.transactions.sold

    @property
    def money(self) -> bool:
        """Whether the transactions carry amounts; without them, orders are counted alone."""
        roles = None if self.snapshot else self.tables.transactions.columns
        return bool(roles and (roles.amount or roles.price))

    @property
    def words(self) -> dict[str, str]:
        """What the reports call an order, and to order: a session and to be active, of events."""
        sold = ("order", "orders", "ordered", "order", "order")
        used = ("session", "sessions", "were active", "are active", "use")
        keys = ("order", "orders", "ordered", "do", "begin")
        return dict(zip(keys, used if self.usage else sold, strict=True))

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
        return (self.folder.parents[1] if inside else self.folder) / "reports" / self.name

    def until(self, as_of: date) -> date:
        """Return the first day after the holdout that follows `as_of`."""
        return as_of + timedelta(days=self.holdout or 0)

    def known(self, as_of: date) -> str:
        """Return since when features are known: 'before 2017-10-01', 'in the snapshot of …'."""
        return f"in the snapshot of {as_of}" if self.snapshot else f"before {as_of}"

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
        return {name: about for table in tables for name, about in table.events.items()}

    @property
    def arms(self) -> Customers | None:
        """The table with a row a customer that says who was in which arm of an experiment."""
        return next((t for t in self.tables.people.values() if t.columns.arm), None)

    @property
    def scales(self) -> dict[str, Scale]:
        """The means of several answers, by name."""
        tables = self.tables.people.values()
        return {name: about for table in tables for name, about in table.scales.items()}


def computed(tables: Tables) -> set[str]:
    """Return the names of columns that seglib makes of transactions, or reads as numbers."""
    people = tables.people.values()
    if tables.transactions is None:  # a study may give a feature itself, but as a number
        words = {n for t in people for n, about in t.attributes.items() if about.kind != "numeric"}
        words |= {name for table in people for name in table.outcomes}
        return {word.lower() for word in words} & {*BEHAVIOUR, *USAGE}
    if not tables.transactions.sold:
        return {*USAGE}
    names = [name.lower() for table in people for name in table.names]
    return {*BEHAVIOUR, *(name for name in names if name.startswith("share_"))}


# --- from a file ----------------------------------------------------------------------------------


def find(study: str | Path) -> Path:
    """Return the path of a study.yaml, by path, folder or name below data/; else a StudyError."""
    path = Path(os.path.expanduser(str(study)))
    roots = [Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parents[1]]
    for place in (path, path / "study.yaml", *(r / "data" / path / "study.yaml" for r in roots)):
        if place.is_file():
            return place.resolve()
    known = sorted({p.parent.name for root in roots for p in root.glob("data/*/study.yaml")})
    names = nearest(str(study), known) if known else ""
    raise StudyError(f"no study {str(study)!r} below data/ and no study.yaml at that path{names}")


def read(path: Path) -> dict:
    """Return the mapping in a study.yaml, unchecked; a StudyError if it holds none."""
    try:
        raw = load_yaml(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError, KeyError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        text = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        what = getattr(error, "problem", None) or text
        raise StudyError(f"{path.name} is not readable YAML{where}: {what}") from None
    if not isinstance(raw, dict):
        raise StudyError(f"{path.name} holds no keys: expected title, objective, as_of, tables …")
    return raw


def load(study: str | Path = "complete_journey") -> Study:
    """Return the checked study, by path or name below data/; a StudyError lists every mistake."""
    path = find(study)
    raw = read(path)
    complain(path, problems(raw))
    return Study.model_validate({**raw, "path": path})


def complain(path: Path, mistakes: list[str]) -> None:
    """Raise one StudyError that lists every mistake; do nothing when there is none."""
    if len(mistakes) == 1:
        raise StudyError(f"{path}: {mistakes[0]}")
    if mistakes:
        lines = "\n".join(f"  - {line}" for line in mistakes)
        raise StudyError(f"{path} has {len(mistakes)} mistakes:\n{lines}")


def problems(raw: dict) -> list[str]:
    """Return one sentence for every mistake in a raw study.yaml; empty if it is sound."""
    mistakes = ["path: unknown key"] if "path" in raw else []
    try:
        mistakes += _unmet(Study.model_validate({**raw, "path": Path("study.yaml")}))
    except ValidationError as error:
        mistakes += [sentence(e, Study) for e in error.errors()]
    return mistakes


def _unmet(study: Study) -> Iterator[str]:
    """Yield a sentence for each base without a column, and each feature that nothing gives.

    The names of `share_` features come from the data.
    """
    asked, goods, gives = study.segmentation, study.tables.products, {}
    for table in study.tables.people.values():
        for name, about in {**table.attributes, **table.scales}.items():
            gives.setdefault(about.base, []).append(name)
    if not study.snapshot:
        gives.setdefault("behavioural", []).extend(USAGE if study.usage else BEHAVIOUR)
        grouped = goods and goods.columns.group and study.tables.transactions.columns.product
        gives |= {"needs": ["share_…"]} if grouped and study.money else {}
    for base in asked.bases:
        if base not in gives:
            wanted = NEEDED.get(base, f"an attribute of customers or survey with base: {base}")
            yield f"segmentation.bases: {base!r} gives no column: expected {wanted}"
    names = [name for base in asked.bases for name in gives.get(base, ())]
    wanted = [(name, names, "features") for name in asked.features]
    wanted += [(name, PRODUCT, "product_features") for name in asked.product_features]
    for name, among, key in wanted:
        if name not in among and not name.startswith("share_"):
            yield f"segmentation.{key}: found {name!r}{nearest(name, [*among])}"
