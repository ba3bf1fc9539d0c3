"""What is to be run, the notebooks in order with their parameters, and what the pages will say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from seglib import formats, privacy, runs, study, wording
from seglib.collection import tables
from seglib.runs import COMPARED, Run
from seglib.study import Segmentation, Study, StudyError

ROOT = Path(__file__).resolve().parent.parent
TYPES = {"int": int, "float": float, "str": str, "bool": bool}
PRODUCTS = "products.parquet"
SHOWN = 12  # checks that are named before a run
NO_PAGE = "no such page"
OWN = {"study", "as_of", "out", "unit"}  # parameters that only the runner sets
OF_SEGMENTS = {"k", "method", "labels"}  # parameters that are about customers


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
        """Who makes its files, as `runs.maker` says."""
        unit = " with unit=products" if self.notebook != self.name else ""
        return f"{self.notebook}{unit}"

    @property
    def path(self) -> Path:
        """Where the notebook is."""
        return ROOT / "notebooks" / f"{self.notebook}.ipynb"


def check(name: str, *, read: bool = True) -> Study:
    """Return the study if its file, its tables and its key of pseudonyms are sound.

    A StudyError lists every mistake in keys, sources and columns at once. Without `read`, the
    tables of a sound file are not looked at: `tables.open_tables` says the same of them.
    """
    path = study.find(name)
    raw = study.read(path)
    result = study.problems(raw)
    if isinstance(raw.get("tables"), dict) and (read or result):
        result += tables.problems(raw["tables"], path)
    study.complain(path, result)
    loaded = Study.model_validate({**raw, "path": path})
    privacy.pseudonym_key(loaded)
    return loaded


def steps(current: Run) -> list[Step]:
    """Return the steps of a run in order: those that have something to say.

    Product segments need products; results need transactions or outcomes, experiments need
    campaigns or arms, monitoring needs a run of an earlier date to compare with.
    """
    loaded = current.study
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
    if not current.predecessor(*COMPARED):
        gone.add("07_monitoring")
    return [step for step in result if step.name not in gone]


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
    return formats.as_json([folder.name, {name: runs.digest(path) for name, path in there.items()}])


def _before(step: Step, current: Run, prefix: str) -> Path | None:
    if step.notebook == "07_monitoring":
        last = current.predecessor(*COMPARED)
        return last.folder if last else None
    numbering = current.numbering(prefix)
    if not numbering or numbering["as_of"] >= current.as_of.isoformat():
        return None
    return current.study.folder / numbering["as_of"]


def with_parameters(plan: list[Step], given: dict) -> list[Step]:
    """Return the plan with parameters added to the notebooks that know them, else a StudyError.

    What is asked of segments is asked of those of customers, unless the step of others is named.
    """
    known = {step.name: _open_parameters(step) for step in plan if given}
    accepted = {name: about for result in known.values() for name, about in result.items()}
    added = {step.name: {} for step in plan}
    for name, text in given.items():
        scope, _, short = name.rpartition(".")
        if short not in accepted or (scope and short not in known.get(scope, {})):
            raise StudyError(f"unknown parameter {name!r}{_expected(scope, short, known)}")
        value = _within_bounds(short, _typed(short, text, accepted[short]["inferred_type_name"]))
        others = {step.name for step in plan if short in OF_SEGMENTS and step.needs == PRODUCTS}
        for step in [scope] if scope else set(added) - others:
            if short in known[step]:
                added[step][short] = value
    return [replace(step, parameters={**added[step.name], **step.parameters}) for step in plan]


def _open_parameters(step: Step) -> dict[str, dict]:
    from seglib import kernels

    result = kernels.parameters(step.path)
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
    """Return the names of the steps that begin so; a StudyError if none does, or none was run."""
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


# --- what the pages will say, before anything is run ----------------------------------------------


def outlook(loaded: Study) -> dict[str, list[str]]:
    """Return lines, by heading, on what a study will say; a StudyError if its data stop a run."""
    from seglib.clustering import segmenter
    from seglib.clustering.encoding import Encoder
    from seglib.collection import activity, attributes, audit, checks, features

    opened = tables.open_tables(loaded)
    clean, results = audit.audit(loaded, opened, loaded.as_of)
    data = activity.facts(loaded, clean, loaded.as_of)
    people, lines = features.customers(data)
    after = attributes.outcomes(loaded, clean, people.index)
    results += checks.leakage(loaded, people, lines, activity.holdout(data, people.index), after)
    goods = features.products(data)
    for unit, made in {"customers": (people, lines), "products": goods}.items():
        if made:  # refused now if it cannot form segments, or not so many
            frame = made[0][attributes.forming(loaded, made[1], unit)]
            k, most = loaded.segmentation.k * (unit == "customers"), loaded.segmentation.k_max
            segmenter.check(frame, Encoder().fit(frame), k, most, loaded.seed)
    rows = [f"{n:<14} {table.count().execute():>12,} rows" for n, table in opened.items()]
    rows += _account(checks.account(results), results) if "transactions" in clean else []
    rows.append(f"{'customers':<14} {len(people):>12,} known {loaded.known(loaded.as_of)}")
    told = pages(loaded, activity.extent(data), goods is not None)
    return {"Rows": rows, "What the checks found": _found(results), "Pages": told}


def _account(rows: pd.DataFrame, results: list[dict]) -> list[str]:
    """Return what becomes of the rows of transactions, and for which reasons rows are dropped."""
    frame = rows.query("rows > 0").drop("all rows", errors="ignore")
    lines = [
        f"{'':<14} {n:>12,} {what.removesuffix(', see above')} ({share:.1%})"
        for what, n, share in frame.itertuples()
    ]
    dropped = [c for c in results if c["action"] == "dropped" and c["failing"]]
    why = ", ".join(f"{c['failing']:,} {c['check']} ({c['table']})" for c in dropped)
    return [*lines, f"{'':<14} dropped: {why}"] if why else lines


def _found(results: list[dict]) -> list[str]:
    raised = [c for c in results if c["failing"] and not c["period"] and c["action"] != "dropped"]
    raised.sort(key=lambda c: -c["failing"] / max(c["rows"], 1))
    lines = [
        f"{c['check']} ({c['table']}): {c['failing']:,} of {c['rows']:,}; {c['action']}"
        for c in raised[:SHOWN]
    ]
    more = len(raised) - len(lines)
    return [*lines, f"and {more} more, which page 01 shows"] if more > 0 else lines


def pages(loaded: Study, days: dict | None, several: bool = True) -> list[str]:
    """Return what each page will say and leave out, by wording/outlook.yaml.

    `days` is from `activity.extent`, None without transactions; `several` is whether enough
    products are bought by enough customers to be told apart.
    """
    has, words = _has(loaded, days, several), _words(loaded, days)
    result = []
    for page in wording.table("outlook"):
        there = has.get(page.get("needs", ""), True)
        lacking = [part for part, need in page.get("parts", {}).items() if not has[need]]
        without = lacking if there else [page["without"]]
        line = f"{page['page']:<26} {page['says'] if there else NO_PAGE}"
        line += f"; left out: {'; '.join(without)}" if without else ""
        result.append(line.format(**words))
    return result


def _has(loaded: Study, days: dict | None, several: bool) -> dict[str, bool]:
    has, sold = loaded.tables, loaded.tables.transactions
    bases = {a.base for table in has.people.values() for a in table.attributes.values()}
    start, end = loaded.as_of.replace(day=1), loaded.until(loaded.as_of) - timedelta(days=1)
    whole = pd.date_range(days["first"], start, freq="MS", inclusive="left") if days else ()
    numbers = {step.name[:2] for step in steps(runs.open_run(loaded.path))}
    product = bool(sold and sold.columns.product)
    return {
        "transactions": bool(sold),
        "months": len(whole) > 0,
        "money": loaded.money or not sold,
        "attributes": bool(bases),
        "judged": bool(loaded.outcomes) or (days is not None and days["last"] >= end),
        "product": product,
        "goods": product and several,
        "economics": bool(loaded.economics),
        "answers": "psychographic" in bases,
        "demographics": bool(bases & {"demographic", "geographic"}),
        "results": "05" in numbers,
        "experiments": "06" in numbers,
        "campaigns": bool(has.campaigns),
        "random campaigns": not has.campaigns or bool(has.campaigns.randomised),
        "random arms": not loaded.arms or bool(loaded.arms.randomised),
        "another run": "07" in numbers,
    }


def _words(loaded: Study, days: dict | None) -> dict[str, str]:
    has, sold = loaded.tables, loaded.tables.transactions
    product = sold.columns.product if sold else None
    drawn = any(table and table.randomised for table in (loaded.arms, has.campaigns))
    ends = f"the data end on {days['last']}, before the holdout does" if days else ""
    few = f"fewer than two products have {loaded.minimum_cell} buyers"
    arms = "what each arm of the experiment brought, overall and by segment"
    return {
        "bases": " and ".join(loaded.segmentation.bases),
        "unjudged": ends or "no transactions",
        "level": (has.products and has.products.columns.level) or product,
        "no_goods": few if product else "no column has the role product",
        "results": "what each segment did before and after" if sold else "what is known now",
        "experiments": arms if drawn else "whom campaigns reached",
    }
