"""What is to be run: the notebooks in order, with parameters that they and the study accept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import TypeAdapter, ValidationError

from seglib import files, privacy, study
from seglib.collection import tables
from seglib.files import COMPARED, Run
from seglib.study import Segmentation, Study, StudyError

ROOT = Path(__file__).resolve().parent.parent
TYPES = {"int": int, "float": float, "str": str, "bool": bool}
PRODUCTS = "products.parquet"
OWN = {"study", "as_of", "out", "unit"}  # parameters that only the runner sets


@dataclass(frozen=True)
class Step:
    """One notebook with its parameters; `name` is also the name of its page.

    Without the file that it `needs`, which an earlier step writes where there is enough for it, it
    is left out. Steps of one `stage` read nothing of each other.
    """

    name: str
    stage: int
    parameters: dict = field(default_factory=dict)
    needs: str = ""

    @property
    def notebook(self) -> str:
        """The name of the notebook; that of a step may say more of its unit."""
        return self.name.removesuffix("_products")

    @property
    def maker(self) -> str:
        """Who makes its files, as `files.maker` says."""
        unit = " with unit=products" if self.notebook != self.name else ""
        return f"{self.notebook}{unit}"

    @property
    def path(self) -> Path:
        """Where the notebook is."""
        return ROOT / "notebooks" / f"{self.notebook}.ipynb"


def check(name: str, *, read: bool = True) -> Study:
    """Return the study if its file and its tables are sound.

    Parameters
    ----------
    name
        As `study.find` takes it.
    read
        Whether the tables are looked at too if the file is sound. Whoever opens them next need not:
        `tables.open_tables` says the same of them.

    Raises
    ------
    StudyError
        Listing every mistake in the keys, the sources and the columns at once; or if the key of
        pseudonyms is missing.
    """
    path = study.find(name)
    raw = study.read(path)
    result = study.problems(raw)
    if isinstance(raw.get("tables"), dict) and (read or result):
        result += tables.problems(raw["tables"], path)
    study.complain(path, result)
    loaded = study.load(path)
    privacy.pseudonym_key(loaded)
    return loaded


def steps(loaded: Study) -> list[Step]:
    """Return the steps of a study in order: those that have something to say.

    Product segments need products; results need transactions or outcomes, experiments need
    campaigns or arms, monitoring needs a run of another date to compare with.
    """
    sold = loaded.tables.transactions and loaded.tables.transactions.columns.product
    result = [
        Step("01_data_collection", 1),
        Step("02_exploratory_analysis", 2),
        Step("03_clustering", 2, {"unit": "customers"}),
        Step("03_clustering_products", 2, {"unit": "products"}, PRODUCTS),
        Step("04_persona_definition", 3),
        Step("05_measuring_results", 4),
        Step("06_experiments", 5),
        Step("07_monitoring", 6),
    ]
    gone = set() if sold else {"03_clustering_products"}
    tables = loaded.tables
    if not (tables.transactions or loaded.outcomes):
        gone.add("05_measuring_results")
    if not (tables.campaigns or loaded.arms):
        gone.add("06_experiments")
    if not _ran(loaded):
        gone.add("07_monitoring")
    return [step for step in result if step.name not in gone]


def _ran(loaded: Study) -> bool:
    """Return whether a study has runs of several dates, or of another than its own, to compare.

    Customers who are called by the number of their row are nobody at another date.
    """
    if loaded.numbered:
        return False
    days = [path.parent.name for path in loaded.folder.glob("*/segments.parquet")]
    return bool({day for day in days if not day.startswith(".")} - {loaded.as_of.isoformat()})


def left_out(step: Step, current: Run) -> str:
    """Return why a step has nothing to say of a run whose earlier steps are done; else empty."""
    there = not step.needs or current.has(step.needs)
    return "" if there else f"there is no {step.needs}"


def reads_earlier(step: Step, current: Run) -> str:
    """Return the hash of what a step reads of the run before, empty if it reads nothing of it.

    Numbers and names are taken from there, and results are compared with it, so they follow when
    it changes. What a first run takes from a later one is no reason to run it again.
    """
    prefix = "product_" if step.parameters.get("unit") == "products" else ""
    wanted = {
        "03_clustering": [f"{prefix}segments.parquet", f"{prefix}verdict.json"],
        "04_persona_definition": ["personas.json"],
        "07_monitoring": [*COMPARED, "extent.json", "personas.json"],
    }.get(step.notebook, [])
    folder = _before(step, current, prefix) if wanted else None
    if folder is None:
        return ""
    there = {name: folder / name for name in wanted if (folder / name).is_file()}
    return files.as_json([folder.name, {name: files.digest(path) for name, path in there.items()}])


def _before(step: Step, current: Run, prefix: str) -> Path | None:
    """Return the folder of the run that a step looks back to."""
    if step.notebook == "07_monitoring":
        last = current.predecessor(*COMPARED)
        return last.folder if last else None
    numbering = current.numbering(prefix)
    if not numbering or numbering["as_of"] >= current.as_of.isoformat():
        return None
    return current.study.folder / numbering["as_of"]


def with_parameters(plan: list[Step], given: dict) -> list[Step]:
    """Return the plan with the parameters added to the notebooks that know them.

    Raises
    ------
    StudyError
        For an unknown name or a value of another type, before any kernel starts.
    """
    known = {step.name: _open_parameters(step) for step in plan}
    accepted = {name: about for result in known.values() for name, about in result.items()}
    added = {step.name: {} for step in plan}
    for name, text in given.items():
        scope, _, short = name.rpartition(".")
        if short not in accepted or (scope and short not in known.get(scope, {})):
            raise StudyError(f"unknown parameter {name!r}{_expected(scope, short, known)}")
        value = _within_bounds(short, _typed(short, text, accepted[short]["inferred_type_name"]))
        for step in [scope] if scope else added:
            if short in known[step]:
                added[step][short] = value
    return [replace(step, parameters={**added[step.name], **step.parameters}) for step in plan]


def _open_parameters(step: Step) -> dict[str, dict]:
    """Return what a user may set in a notebook: all its parameters but those of the runner."""
    import papermill  # noqa: PLC0415 - a second that only parameters need

    result = papermill.inspect_notebook(str(step.path))
    return {name: about for name, about in result.items() if name not in OWN}


def _expected(scope: str, short: str, known: dict[str, dict]) -> str:
    """Return what might be meant by the NAME or the STEP.NAME of a parameter that nobody knows."""
    if scope and scope not in known:
        return study.nearest(scope, sorted(known))
    names = known[scope] if scope else {n for result in known.values() for n in result}
    return study.nearest(short, sorted(names)) if names else f": {scope} has no parameters to set"


def _typed(name: str, text, kind: str):
    words = {"true": True, "false": False}
    try:
        if kind == "bool":
            return words[str(text).lower()]
        return TYPES[kind](text)
    except (KeyError, ValueError):
        wanted = {"int": "a whole number", "float": "a number", "bool": "true or false"}.get(kind)
        raise StudyError(f"parameter {name!r} is {text!r}: expected {wanted or kind}") from None


def _within_bounds(name: str, value):
    """Return a parameter's value if the study would accept it too."""
    fields = Segmentation.model_fields if name in {"k", "method"} else Study.model_fields
    if value == "" or name not in fields:
        return value
    try:
        field = fields[name]
        TypeAdapter(Annotated[field.annotation, field, *field.metadata]).validate_python(value)
    except ValidationError as error:
        expected = error.errors()[0]["msg"].lower().replace("input should", "it should")
        raise StudyError(f"parameter {name!r} is {value!r}: {expected}") from None
    return value


def wanted(plan: list[Step], only: str, current: Run) -> set[str]:
    """Return the names of the steps that begin so.

    Raises
    ------
    StudyError
        If none does, or if there is no earlier run to add to.
    """
    chosen = {step.name for step in plan if step.name.startswith(only)}
    if not chosen:
        names = [step.name for step in plan]
        raise StudyError(f"no notebook begins with {only!r}{study.nearest(only, names)}")
    if only and not current.has("manifest.json"):
        raise StudyError(
            f"there is no run of {current.study.name} at {current.as_of} to add to: "
            "run the study once without --only"
        )
    return chosen
