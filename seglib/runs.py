"""The files of a run: where they are, which notebook makes which, what each was made from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd

from seglib import privacy, publish, wording
from seglib import study as study_module
from seglib.formats import as_json, write_csv
from seglib.study import Study, StudyError

TABLE = wording.table("files")
MAKERS = {notebook: names.split() for notebook, names in TABLE["makers"].items()}
KEYED = set(TABLE["keyed"].split())
MEMORY = "SEGLIB_MEMORY"  # the environment variable with the most memory of the engine
# For each file that a notebook wrote: its own digest, and those of the files it was made from.
LINEAGE = "lineage.json"

SHARED = {LINEAGE, "measures.json"}  # several notebooks write them together
COMPARED = "model.json", "verdict.json", "customers.parquet", "segments.parquet"  # of two dates


@dataclass(frozen=True)
class Run:
    """One study at one date: the study, the cut-off date, the folder of its files, and the seed."""

    study: Study
    as_of: date
    folder: Path
    seed: int
    _inputs: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)
    _outputs: set[str] = field(init=False, repr=False, compare=False, default_factory=set)

    @property
    def until(self) -> date:
        """First day after the holdout."""
        return self.study.until(self.as_of)

    def has(self, name: str) -> bool:
        """Return whether a file of the run exists."""
        return (self.folder / name).is_file()

    def read(self, name: str) -> Any:
        """Return a file of the run: a frame for .parquet, an object for .json, else text."""
        path = self.path(name)
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else text

    def scan(self, name: str, **configuration: Any) -> ir.Table:
        """Return a Parquet file of the run as a table on an engine so configured; see `path`."""
        return engine(**configuration).read_parquet(self.path(name))

    def path(self, name: str) -> Path:
        """Return where a file of the run is; what is written from now on is made from it.

        A StudyError names the notebook to run if it is not there, or is not of one make with what
        it was made from.
        """
        path = self.folder / name
        if not path.is_file():
            home = self.study.folder / self.as_of.isoformat()
            copy = "" if self.folder == home else f" with the same out, or copy the files of {home}"
            raise StudyError(f"{name} is not in {self.folder}: run {maker(name)} first{copy}")
        verify(self.folder, name)
        if name not in self._outputs:
            self._inputs[name] = digest(path)
        return path

    def predecessor(self, *names: str) -> Run | None:
        """Return the newest earlier run of the study that has all the files, None if none has."""
        runs = (run for run in self._runs(*names) if run.as_of < self.as_of)
        return max(runs, key=lambda run: run.as_of, default=None)

    def _runs(self, *names: str) -> list[Run]:
        """Return the runs of the study that have all the files, and customers by the same ids."""
        days = [path for path in self.study.folder.glob("*") if _is_day(path.name)]
        runs = [Run(self.study, date.fromisoformat(p.name), p, self.seed) for p in days]
        return [r for r in runs if all(map(r.has, names)) and self._same_ids(r.folder)]

    def numbering(self, prefix: str = "") -> dict | None:
        """Return the segments whose numbers this run takes up, None if it is the first.

        They are those of the newest earlier run that has segments. For the first date they are
        those of this date's own last run if study.yaml names segments, since a name needs its
        number; otherwise those of the oldest later run. Keys: `segments`, the number of each
        customer; `used`, the highest number so far; `as_of` and `digest` of their run; `cut`, its
        number of segments and the date when it was tested, if it is an earlier run whose cut was
        useful.
        """
        name, own = f"{prefix}segments.parquet", self.as_of.isoformat()
        paths = {run.as_of.isoformat(): run.folder / name for run in self._runs(name)}
        labels = {d: pd.read_parquet(p, columns=["segment"])["segment"] for d, p in paths.items()}
        labels = {day: each for day, each in labels.items() if each.nunique() > 1}
        last = labels.pop(own, None)
        earlier = [day for day in labels if day < own]
        if earlier:
            day = max(earlier)
        elif last is not None and self.study.personas.names:
            labels, day = {**labels, own: last}, own
        elif labels:
            day = min(labels)
        else:
            return None
        return {
            "segments": labels[day],
            "used": max(int(each.max()) for each in labels.values()),
            "as_of": day,
            "digest": digest(paths[day]),
            "cut": _cut(paths[day].with_name(f"{prefix}verdict.json"), day < own),
        }

    def _same_ids(self, folder: Path) -> bool:
        """Return whether a run has the ids of this one: as they are, or under the same key."""
        path = folder / "privacy.json"
        try:
            known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except ValueError:
            return False  # damaged
        if self.study.numbered and folder.name != self.as_of.isoformat():
            return False  # another date's rows are other people
        return known.get("pseudonyms", "") == privacy.pseudonym_mark(self.study)

    def write(self, name: str, what: Any, *, made_from: str = "") -> None:
        """Write a frame, a table on the engine, JSON or text, and from what it was made.

        That is what was read, and `made_from`, a file written just before that this one speaks of.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        if isinstance(what, ir.Table):
            what.to_parquet(path, compression="zstd")
        elif path.suffix == ".parquet":
            what.to_parquet(path, index=True if what.index.name else None)  # 1, 2, 3 are keys too
        elif path.suffix == ".csv":
            write_csv(what, path)
        elif path.suffix == ".json":
            path.write_text(as_json(what), encoding="utf-8")
        else:
            path.write_text(what, encoding="utf-8")
        _digest.cache_clear()  # a clock may not tell two writes apart
        self._inputs.pop(name, None)
        self._outputs.add(name)
        own = {each: digest(self.folder / each) for each in (made_from, name) if each}
        _record(self.folder, {name: self._inputs | own})

    def take(self, name: str, other: Run) -> None:
        """Copy a file from another folder of this run, with what it was made from."""
        shutil.copy2(other.folder / name, self.folder / name)
        _record(self.folder, {k: v for k, v in lineage(other.folder).items() if k == name})


def engine(**configuration: Any) -> ibis.BaseBackend:
    """Return an engine in this process, with DuckDB's settings; it draws no bars into notebooks.

    What goes beyond the memory that SEGLIB_MEMORY allows is put into a temporary folder.
    """
    configuration["temp_directory"] = f"{tempfile.gettempdir()}/{ibis.util.gen_name('seglib')}"
    if memory := os.environ.get(MEMORY, "").strip():
        configuration["memory_limit"] = memory
    sound = re.fullmatch(r"(?i)(?=.*[1-9])\d+(\.\d+)? ?([mgt]i?b|[mgt]|%)", memory)  # -4GB is none
    try:
        backend = None if memory and not sound else ibis.duckdb.connect(**configuration)
    except (duckdb.ParserException, duckdb.InvalidInputException):
        backend = None
    if backend is None:
        raise StudyError(f"{MEMORY} is {memory!r}: expected an amount such as 4GB")
    with contextlib.suppress(duckdb.Error):  # a kernel without ipywidgets draws none in any case
        backend.raw_sql("SET enable_progress_bar = false")
    return backend


def _cut(path: Path, earlier: bool) -> dict | None:
    result = json.loads(path.read_text(encoding="utf-8")) if earlier and path.is_file() else {}
    if result.get("kind") != "constructive":
        return None
    return {"k": result["k"], "as_of": result.get("carried") or path.parent.name}


def open_run(
    study: str | Path = "complete_journey", as_of: str = "", out: str = "", seed: int = 0
) -> Run:
    """Open the run that a notebook's parameters name.

    `study` is a name below data/, or a path. Empty `as_of` and `out` mean the study's own date and
    data/<study>/<as_of>/, a seed of 0 the study's. A StudyError if study or date cannot be read.
    """
    loaded = study_module.load(study)
    publish.recover(loaded.folder)
    day = parse_day(as_of) if as_of else loaded.as_of
    folder = Path(out) if out else loaded.folder / day.isoformat()
    return Run(loaded, day, folder, seed or loaded.seed)


def parse_day(text: str) -> date:
    """Return a date from YYYY-MM-DD, or raise a StudyError that says so."""
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise StudyError(f"as_of is {text!r}: expected a date such as 2017-10-01") from None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def prefix(unit: str) -> str:
    """Return how the names of the files of a segmentation begin: '' or 'product_'."""
    if unit not in {"customers", "products"}:
        raise StudyError(f"unit is {unit!r}{study_module.nearest(unit, ['customers', 'products'])}")
    return "" if unit == "customers" else "product_"


def maker(name: str) -> str:
    """Return the notebook that writes a file of a run."""
    return next((m for m, names in MAKERS.items() if name in names), "the notebook that writes it")


def lineage(folder: Path) -> dict[str, dict[str, str]]:
    """Return the digests that each file of a folder was recorded with: its own and its inputs'."""
    path = folder / LINEAGE
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (ValueError, TypeError):
        raise StudyError(f"{path} is damaged: make it again by {again(folder)}") from None


def recorded(folder: Path, name: str) -> str | None:
    """Return the digest that a file was recorded with."""
    return lineage(folder).get(name, {}).get(name)


def manifest(folder: Path) -> dict:
    """Return the manifest of a run; empty if there is none, or the run cannot be gone on from."""
    try:
        whole = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        keys = [{"name", "fingerprint", "files"} - set(step) for step in whole["steps"]]
        keys += [{step["name"] for step in whole["steps"]} - set(whole["times"])]
        lineage(folder)
    except (FileNotFoundError, ValueError, KeyError, TypeError, StudyError):
        return {}
    return {} if any(keys) else whole  # of an older seglib


def again(folder: Path) -> str:
    """Return the command that makes the files of a folder again."""
    if not _is_day(folder.name):
        return "`seglib run STUDY --force`"
    path = folder.parent.absolute() / "study.yaml"
    try:
        by_name = study_module.find(path.parent.name) == path.resolve()
    except StudyError:
        by_name = False
    study = shlex.quote(path.parent.name if by_name else str(path))
    return f"`seglib run {study} --as-of {folder.name} --force`"


def _record(folder: Path, entries: dict[str, dict[str, str]]) -> None:
    """Add to what is recorded; several notebooks may do so at once, but on Windows."""
    with publish.locked(folder):
        whole = folder / f".{LINEAGE}"
        whole.write_text(as_json(lineage(folder) | entries), encoding="utf-8")
        whole.replace(folder / LINEAGE)


def verify(folder: Path, *names: str) -> None:
    """Refuse files that have changed since they were made, or were made from others than are there.

    Those named are looked at (none means all), each after what it was made from. Files that no
    notebook has recorded, or that are not there, are taken as they are. The StudyError names the
    first that does not fit, what it was made from, and what to run again.
    """
    recorded, sound = lineage(folder), set()
    there = {name for name in recorded if (folder / name).is_file()}

    def check(name: str) -> None:
        sound.add(name)
        inputs = {each: was for each, was in recorded[name].items() if (folder / each).is_file()}
        for each in sorted((inputs.keys() & there) - sound):
            check(each)
        for each, was in inputs.items():
            if digest(folder / each) != was:
                edited = each == name
                how = "has changed since it was made" if edited else f"was made from another {each}"
                raise StudyError(f"{name} in {folder} {how}: run {maker(name)} again")

    for name in sorted(there.intersection(names or there)):
        check(name)


def digest(*paths: Path) -> str:
    """Return the SHA-256 of the given files' contents, in order."""
    if len(paths) == 1:
        stamp = paths[0].stat()
        return _digest(paths, stamp.st_ino, stamp.st_mtime_ns, stamp.st_size)
    return _digest.__wrapped__(paths)


@lru_cache(maxsize=512)
def _digest(paths: tuple[Path, ...], *stamp: int) -> str:
    hasher = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                hasher.update(block)
    return hasher.hexdigest()
