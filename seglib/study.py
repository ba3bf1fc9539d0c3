"""study.yaml found, read and checked: every mistake at once, in the user's words."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from seglib.schema import Study


class StudyError(Exception):
    """A mistake that the user can mend; its text is the whole message."""

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook; IPython calls this."""
        return [str(self)]


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice."""


def _mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {str(key) for key in keys if keys.count(key) > 1}
    if twice:
        line = node.start_mark.line + 1
        raise StudyError(f"the key {sorted(twice)[0]!r} stands twice in the block at line {line}")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


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
    raise StudyError(
        f"no study {str(study)!r}: expected the path of a study.yaml or one of "
        f"{', '.join(known) or '(none below data/)'}"
    )


def read(path: Path) -> dict:
    """Return the mapping in a study.yaml, unchecked.

    Raises
    ------
    StudyError
        If the file is not YAML or holds something other than a mapping.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or "not UTF-8 text"
        raise StudyError(f"{path.name} is not readable YAML{where}: {what}") from None
    if not isinstance(raw, dict):
        raise StudyError(f"{path.name} holds no keys: expected title, objective, as_of, tables …")
    return raw


def problems(raw: dict, model: type[BaseModel] = Study, prefix: str = "") -> list[str]:
    """Return one sentence for every mistake in a raw study.yaml; empty if it is sound."""
    try:
        model.model_validate({"path": Path("study.yaml"), **raw} if model is Study else raw)
    except ValidationError as error:
        return [f"{prefix}{_sentence(e, model)}" for e in error.errors()]
    return []


def _sentence(error: dict, model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "study"
    found, kind = error["input"], error["type"]
    if kind == "missing":
        return f"{where}: is missing"
    if kind == "extra_forbidden":
        known = _keys(model, error["loc"][:-1])
        return f"{where}: unknown key{nearest(str(error['loc'][-1]), known)}"
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return f"{where}: found {found!r}{nearest(str(found), known)}"
    text = error["msg"].removeprefix("Value error, ")
    return f"{where}: {text[:1].lower()}{text[1:]}, found {_short(found)}"


def _short(value: Any) -> str:
    return "a block of keys" if isinstance(value, dict) else repr(value)[:80]


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
    return Study.model_validate({"path": path, **raw})
