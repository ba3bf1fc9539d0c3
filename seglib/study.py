"""study.yaml found, read and checked: every mistake at once, in the user's words."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from seglib import layout, schema, strict
from seglib.format import strings
from seglib.schema import Study


class StudyError(Exception):
    """A mistake that the user can mend; its text is the whole message."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook; IPython calls this."""
        return [str(self)]


def find(study: str | Path) -> Path:
    """Return the path of a study.yaml given its path, its folder or its name below data/.

    Raises
    ------
    StudyError
        If there is none; the message lists the studies that exist.
    """
    given = Path(os.path.expanduser(str(study)))
    here = [Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parent.parent]
    for path in (given, given / "study.yaml", *(p / "data" / given / "study.yaml" for p in here)):
        if path.is_file():
            return path.resolve()
    known = sorted({p.parent.name for root in here for p in root.glob("data/*/study.yaml")})
    names = nearest(str(study), known) if known else ""
    raise StudyError(f"no study {str(study)!r} below data/ and no study.yaml at that path{names}")


def read(path: Path) -> dict:
    """Return the mapping in a study.yaml, unchecked.

    Raises
    ------
    StudyError
        If the file is not YAML or holds something other than a mapping.
    """
    try:
        raw = strict.load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError, KeyError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        text = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        what = getattr(error, "problem", None) or text
        raise StudyError(f"{path.name} is not readable YAML{where}: {what}") from None
    if not isinstance(raw, dict):
        raise StudyError(f"{path.name} holds no keys: expected title, objective, as_of, tables …")
    return raw


def problems(raw: dict) -> list[str]:
    """Return one sentence for every mistake in a raw study.yaml; empty if it is sound.

    What the keys promise each other (bases, features) is checked even where others are mistaken;
    the names of `share_` features come from the data and are not checked here.
    """
    found = ["path: unknown key"] if "path" in raw else []
    try:
        Study.model_validate({**raw, "path": Path("study.yaml")})
    except ValidationError as error:
        found += [_sentence(e) for e in error.errors()]
    if _block(raw, "tables"):
        found += _empty_bases(raw) + _unknown_features(raw) + _roles_of_one_column(raw)
    return found


def _roles_of_one_column(raw: dict) -> list[str]:
    """Return a sentence for each column that is given two roles which exclude each other."""
    found = []
    for table, block in _block(raw, "tables").items():
        held: dict[str, str] = {}
        for role, column in _block({"t": block}, "t", "columns").items():
            if role in EXCLUSIVE and held.setdefault(str(column), role) != role:
                found.append(
                    f"tables.{table}.columns: the column {column!r} is given as {held[column]} "
                    f"and as {role}: expected a column for each"
                )
    return found


EXCLUSIVE = {
    "arm",
    "customer",
    "order",
    "product",
    "campaign",
    "time",
    "start",
    "amount",
    "price",
    "quantity",
}
EXPECTED = {
    "string_too_short": "some text",
    "string_type": "text",
    "model_type": "a block of keys",
    "dict_type": "a block of keys",
    "list_type": "a list",
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
    "too_short": "at least {min_length}",
    "finite_number": "a finite number",
    "invalid_key": "text as a key",
}
"""What to write instead, by pydantic's kind of mistake; its own words are for programmers."""
KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def _sentence(error: dict) -> str:
    loc, found, kind = error["loc"], error["input"], error["type"]
    is_key = loc[-1:] == ("[key]",)
    loc = loc[:-1] if is_key else loc
    where = ".".join(str(part) for part in loc) or "study"
    if kind == "missing":
        return f"{where}: is missing"
    if kind == "extra_forbidden":
        return f"{where}: unknown key{nearest(str(loc[-1]), _keys(Study, loc[:-1]))}"
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        what = "unknown key" if is_key else f"found {_short(found)}"
        return f"{where}: {what}{nearest(str(found), known)}"
    if kind == "value_error":
        text = str(error["ctx"]["error"])
        return f"{where}: {text}" + ("" if isinstance(found, dict) else f", found {_short(found)}")
    what = f"the key {found!r}" if is_key else _short(found)
    return f"{where}: found {what}, expected {_expected(error)}"


def _expected(error: dict) -> str:
    """Return what a key wants, in plain words."""
    bounds = {
        name: f"{v:g}" if isinstance(v, float) else v for name, v in _block(error, "ctx").items()
    }
    words = EXPECTED.get(error["type"]) or KINDS.get(error["type"].split("_")[0])
    return words.format(**bounds) if words else f"something else ({error['msg'].lower()})"


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a block of keys" if isinstance(value, dict) else repr(value)[:80]


def _block(raw: Any, *keys: str) -> dict:
    """Return the mapping that stands at a place of a raw study, empty if none does."""
    for key in keys:
        raw = raw.get(key) if isinstance(raw, dict) else None
    return raw if isinstance(raw, dict) else {}


def _names(raw: dict, key: str, default: tuple = ()) -> list[str]:
    """Return a list of names in a raw segmentation, or its default."""
    return strings(_block(raw, "segmentation").get(key)) or list(default)


def _attributes(raw: dict) -> dict[str, str]:
    """Return attribute → base for all that a raw study declares."""
    models = {"attributes": layout.Attribute, "scales": layout.Scale}
    return {
        str(name): given.get("base", default) if isinstance(given, dict) else default
        for table in ("customers", "survey")
        for key, model in models.items()
        for default in [model.model_fields["base"].default]
        for name, given in _block(raw, "tables", table, key).items()
    }


def _bases(raw: dict) -> list[str]:
    """Return the bases that form the segments, the misspelt left out."""
    asked = _names(raw, "bases", schema.Segmentation.model_fields["bases"].default)
    return [base for base in asked if base in get_args(layout.Base)]


def _empty_bases(raw: dict) -> list[str]:
    """Return a sentence for each base that gives this study no column."""
    reasons = {base: _reason(raw, base) for base in _bases(raw)}
    return [
        f"segmentation.bases: {b!r} gives no column: {why}" for b, why in reasons.items() if why
    ]


def _reason(raw: dict, base: str) -> str:
    """Return what a base lacks, nothing if it has a column."""
    if base == "behavioural":
        there = _block(raw, "tables").get("transactions") or base in _attributes(raw).values()
        return "" if there else "expected a table transactions"
    if base == "needs":
        roles = {("transactions", "product"), ("transactions", "amount"), ("products", "group")}
        given = _block(raw, "tables", "transactions", "columns")
        roles -= {("transactions", "amount")} if given.get("price") else set()
        lacking = sorted(
            f"tables.{table}.columns.{role}"
            for table, role in roles
            if not _block(raw, "tables", table, "columns").get(role)
        )
        return f"expected {' and '.join(lacking)}" if lacking else ""
    known = base in _attributes(raw).values()
    return "" if known else f"expected an attribute of customers or survey with base: {base}"


def _unknown_features(raw: dict) -> list[str]:
    """Return a sentence for each feature that neither seglib computes nor the study declares."""
    bases = _bases(raw)
    known = [name for name, base in _attributes(raw).items() if base in bases]
    sold = _block(raw, "tables", "transactions", "columns")
    computed = schema.BEHAVIOUR if any(map(sold.get, layout.SOLD)) else schema.USAGE
    known += computed if "behavioural" in bases else ()
    known += ["share_…"] if "needs" in bases else []
    known = known or [*_attributes(raw), *schema.BEHAVIOUR]  # the bases give nothing, as told above
    lists = {"features": known, "product_features": list(schema.PRODUCT)}
    apart = {f"{table}_{name}" for table in ("customers", "survey") for name in known}
    return [
        f"segmentation.{key}: found {name!r}{nearest(name, allowed)}"
        for key, allowed in lists.items()
        for name in _names(raw, key)
        if name not in {*allowed, *apart} and not name.startswith("share_")
    ]


def _keys(model: type[BaseModel], loc: tuple) -> list[str]:
    """Return the keys allowed at a place in the model."""
    for part in loc:
        field = getattr(model, "model_fields", {}).get(part)
        found = _model_in(field.annotation) if field else None
        model = found or model
    return [name for name in model.model_fields if name != "path"]


def _model_in(annotation) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _model_in(inner):
            return found
    return None


def nearest(word: str, known: list[str]) -> str:
    """Return ', expected one of …; did you mean …?' for a word that is not among those known."""
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    shown = ", ".join(known[:15]) + (" …" if len(known) > 15 else "")
    return f", expected one of {shown}{hint}"


def complain(path: Path, found: list[str]) -> None:
    """Raise one StudyError that lists every mistake found; do nothing when there is none."""
    if len(found) == 1:
        raise StudyError(f"{path}: {found[0]}")
    if found:
        lines = "\n".join(f"  - {line}" for line in found)
        raise StudyError(f"{path} has {len(found)} mistakes:\n{lines}")


def load(study: str | Path = "complete_journey") -> Study:
    """Return the checked study.

    Parameters
    ----------
    study
        A path, or the name of a folder below data/.

    Raises
    ------
    StudyError
        Listing every mistake in the file at once.
    """
    path = find(study)
    raw = read(path)
    complain(path, problems(raw))
    return Study.model_validate({**raw, "path": path})
