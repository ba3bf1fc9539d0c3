"""Where a source is: the files that a path, a glob or a package names, or a table on a server."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from seglib.sources import rdata
from seglib.study import StudyError, nearest

EXCEL = {".xlsx", ".xlsm", ".xls"}
DUCKDB = {".duckdb", ".ddb", ".db"}


def split(source: str) -> tuple[str, str]:
    """Return the place of a source and the part of it after '#', if there is one.

    Raises
    ------
    StudyError
        If the address of a server is written out, or what stands before '#' has no parts.
    """
    place, _, part = source.rpartition("#") if "#" in source else (source, "", "")
    if re.match(r"\w+://", source):
        raise StudyError(
            "the address of a database belongs in an environment variable: "
            "write ${NAME}#table in study.yaml"
        )
    if place.startswith("${") or Path(place).suffix.lower() in EXCEL | DUCKDB:
        return place, part
    if part and "*" not in source:
        raise StudyError(
            f"{source!r} has no parts: only an Excel file, a DuckDB file or ${{NAME}} takes a "
            "'#' and a name after it"
        )
    return source, ""


def files(source: str, folder: Path) -> list[Path]:
    """Return the files of a source, in order; none if it is a table on a server.

    Raises
    ------
    StudyError
        If there is none, or the path leads out of where it belongs.
    """
    if source.startswith(rdata.KIND):
        return [rdata.file(source)]
    place, _ = split(source)
    if place.startswith("${"):
        return []
    root, pattern = _root(place, folder)
    if ".." in Path(pattern).parts:
        raise StudyError(
            f"{source!r} leads out of its folder by '..': write the whole path of the file, "
            "or put it below the folder of study.yaml"
        )
    exact = root / pattern
    wild = any(sign in pattern for sign in "*?[")
    found = sorted(p for p in root.glob(pattern) if p.is_file()) if wild else []
    if exact.is_dir():
        raise StudyError(f"{source!r} is a folder: name its files, such as {pattern}/*.csv")
    if exact.is_file():
        return [exact]
    if wild and not found:
        raise StudyError(f"no file matches {source!r} in {root}: mend the pattern")
    if not found:
        raise StudyError(f"no file {source!r}{_near_file(exact)}")
    return found


def _root(place: str, folder: Path) -> tuple[Path, str]:
    if not place.startswith("package:"):
        given = Path(os.path.expanduser(place))
        if given.is_absolute():
            return Path(given.anchor), str(given.relative_to(given.anchor))
        return folder, place
    package, _, inside = place.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise StudyError(
            f"the Python package {package!r} is not installed: pip install "
            f"{package.replace('_', '-')}"
        )
    return Path(spec.submodule_search_locations[0]), inside


def _near_file(path: Path) -> str:
    names = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
    return nearest(path.name, sorted(names)) if names else f": {path.parent} does not exist"
