"""The notebooks in order through papermill: strict, skipping what has not changed."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import platform
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import chdir
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from seglib import formats, plan, privacy, publish, runs
from seglib.collection import tables
from seglib.runs import Run
from seglib.study import Study, StudyError

VERSIONS = (
    "seglib",
    "duckdb",
    "ibis-framework",
    "numpy",
    "pandas",
    "papermill",
    "scikit-learn",
    "scipy",
    "statsmodels",
)
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # one thread a process; kernels inherit it
CODE = {".py", ".j2", ".yaml", ".css", ".json"}  # words too: an edited sentence is a new run


class NotebookError(Exception):
    """A notebook failed for a reason that is not the user's."""

    exit_code = 1


def run(
    name: str,
    as_of: str = "",
    *,
    only: str = "",
    force: bool = False,
    parameters: dict[str, str] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Run the notebooks of a study, publish files and pages together; return the index page.

    `only` is the beginning of the names of the steps to run again: those before are taken from the
    last run, those after follow if they depend on what has changed. A StudyError is the user's to
    mend, and nothing has been written; a NotebookError names the cell, the error and the executed
    copy.
    """
    loaded = plan.check(name)
    current = runs.open_run(loaded.path, as_of)
    reports = loaded.reports
    places = current.folder, reports / current.as_of.isoformat(), reports / "index.html"
    todo = plan.with_parameters(plan.steps(current), parameters or {})
    wanted = plan.wanted(todo, only, current)
    _refuse_damaged(_others(current))
    before = runs.digest(loaded.path)
    with publish.staged(*places) as staging, chdir(plan.ROOT):  # one folder for all threads
        manifest = _execute(current, todo, wanted, staging[:2], force, say)
        if runs.digest(loaded.path) != before:
            raise StudyError(f"{loaded.path} was edited while its notebooks ran: run it again")
        for line in _personal(staging[0] / "privacy.json"):
            say(line)
        _write_pages(current, manifest, *staging)
    for copy in reports.glob("failed_*.ipynb"):
        copy.unlink()
    return reports / "index.html"


def _others(current: Run) -> list[Path]:
    """Return the folders of the other runs of the study that have pages."""
    study = current.study
    folders = sorted(path.parent for path in study.folder.glob("[!.]*/manifest.json"))
    others = [folder for folder in folders if folder != current.folder]
    return [folder for folder in others if any((study.reports / folder.name).glob("*.html"))]


def _refuse_damaged(others: list[Path]) -> None:
    """Refuse all runs at once that are damaged or of a mixture, which the summary would show."""
    reasons = {folder: _damage(folder) for folder in others}
    damaged = [folder for folder, reason in reasons.items() if reason]
    if damaged:  # to make one of them again, the others must be whole
        raise StudyError(
            f"{'; '.join(reasons[folder] for folder in damaged)}: what cannot be mended must not "
            "stand beside this run: delete its folder, then make it again by "
            f"{', '.join(map(runs.again, damaged))}"
        )


def _damage(folder: Path) -> str:
    """Return why a run cannot be shown; empty if it can."""
    if not runs.manifest(folder):
        return f"the run in {folder} is damaged, or of another version of seglib"
    try:
        runs.verify(folder)
    except StudyError as error:
        return str(error)
    return ""


def _personal(path: Path) -> list[str]:
    """Return a line for each personal column that 01 has kept out."""
    result = json.loads(path.read_text(encoding="utf-8"))["kept_out"] if path.is_file() else []
    return [f"{one['table']}: {one['check']}: {one['action']}" for one in result]


def _write_pages(current: Run, manifest: dict, data: Path, pages: Path, index: Path) -> None:
    """Write the manifest, and the pages and the summary where the last run has made others."""
    loaded, times, path = current.study, manifest["times"], data / "manifest.json"
    state = [times, runs.lineage(data), *(_state(loaded, other) for other in _others(current))]
    times["pages"]["whole"] = _hash("", formats.as_json(state))
    for page in _same_pages(current, times):
        shutil.copy2(page, index if page.name == "index.html" else pages)
    if not index.exists():
        from seglib.report import cards, summary
        from seglib.report.pages import build, explain

        path.write_text(formats.as_json(manifest), encoding="utf-8")
        build(loaded.title, manifest, pages)
        explain(loaded.title, manifest, pages)
        cards.handout(replace(current, folder=data), manifest, pages)
        every = summary.runs(loaded, (current.as_of.isoformat(), data, pages))
        summary.build(loaded, every, index)
    digests = {page.name: runs.digest(page) for page in sorted(pages.glob("*.html"))}
    times["pages"]["files"] = digests | {"../index.html": runs.digest(index)}
    path.write_text(formats.as_json(manifest), encoding="utf-8")


def _state(study: Study, folder: Path) -> list:
    """Return what tells whether anything in a run has changed that the summary shows."""
    names = [sorted(os.listdir(place)) for place in (folder, study.reports / folder.name)]
    manifest = runs.manifest(folder)
    manifest["times"].pop("pages", None)  # which follow from the other runs in turn
    return [folder.name, names, manifest, runs.lineage(folder)]


def _same_pages(current: Run, times: dict) -> list[Path]:
    """Return the pages of the last run that would be made again as they are.

    That of a step depends on its notebook and on what is common to all steps, the rest on all.
    """
    last = runs.manifest(current.folder).get("times", {})
    now, old = times["pages"], last.get("pages", {})
    if not now["common"] or now["common"] != old.get("common"):
        return []
    place = current.study.reports / current.as_of.isoformat()
    files = {place / name: digest for name, digest in old.get("files", {}).items()}
    sound = [path for path in files if path.name not in _differ(files)]
    if len(sound) == len(files) and now["whole"] == old["whole"]:
        return sound
    return [path for path in sound if path.stem in last and times.get(path.stem) == last[path.stem]]


def _execute(current, todo, wanted, staging, force, say) -> dict:
    """Run or reuse each step into the staging folders and return the manifest."""
    last = runs.manifest(current.folder)
    old = {
        entry["name"]: entry | {"page": last["times"][entry["name"]].get("page")}
        for entry in last.get("steps", [])
    }
    inputs = _inputs(current)
    fingerprint = common = _fingerprint(current, inputs)
    entries, times, ran, stale, reason = {}, {}, False, False, ""
    for _, stage in groupby(todo, key=lambda step: step.stage):
        due, prints = [], {}
        for step in stage:
            here = replace(current, folder=staging[0])
            if reason := _left_out(step, here):
                say(f"{step.name:<26} left out: {reason}")
                continue
            asked = formats.as_json([step.parameters, _labels(step, current)])
            asked += plan.reads_earlier(step, current)
            prints[step.name] = own = _hash(fingerprint, step.path.read_bytes(), asked)
            former = old.get(step.name)
            same = not force and fingerprint and _unchanged(current, former, own)
            if not former or not (same or (step.name not in wanted and not ran)):
                due.append(step)
                continue
            _refuse_altered(current, former)
            _reuse(current, former, staging)
            stale |= not same  # by the study or the code as it is now, its claims may be others
            if stale and "claims.json" in former["files"]:
                from seglib.personas import claims

                claims.check(replace(current, folder=staging[0]))
            times[step.name] = last["times"][step.name]
            entries[step.name] = {k: v for k, v in former.items() if k != "page"}
            say(f"{step.name:<26} {'unchanged' if same else 'kept'}")
        seen = _stamps(staging[0])
        times |= _execute_all(current, due, staging, say)
        changed = [n for n, stamp in _stamps(staging[0]).items() if seen.get(n) != stamp]
        for step in due:
            entries[step.name] = _entry(step, prints[step.name], changed, staging[0])
        ran = ran or bool(due)  # whatever comes later and is not the same must follow
        fingerprint = _hash(fingerprint, *prints.values()) if fingerprint else ""
    again = ran or stale or entries.keys() != old.keys()
    _measure(current, replace(current, folder=staging[0]), reason, again)
    names = [step.name for step in todo if step.name in entries]
    times["pages"] = {"common": common and _hash(common, *names)}
    return formats.plain(
        {
            "study": current.study.name,
            "as_of": current.as_of,
            "until": current.until,
            "seed": current.seed,
            "inputs": inputs,
            "data_hash": _hash("", formats.as_json(inputs))[:12],
            "versions": {name: version(name) for name in VERSIONS}
            | {"python": platform.python_version()},
            "steps": [entries[name] for name in names],
            "times": times,
        }
    )


def _labels(step: plan.Step, current: Run) -> str:
    """Return the digest of a file of labels that a step is given; empty if there is none."""
    path = current.study.folder / str(step.parameters.get("labels") or "")
    return runs.digest(path) if path.is_file() else ""


def _left_out(step: plan.Step, here: Run) -> str:
    """Return why a step has nothing to say; empty if it has."""
    if step.notebook != "07_monitoring":
        return plan.left_out(step, here)
    from seglib.measuring import monitoring

    return monitoring.incomparable(here)


def _measure(current: Run, staged: Run, reason: str, again: bool) -> None:
    """Write measures.json, or take that of the last run if it would be the same."""
    name = "measures.json"
    if again or reason or _differ({current.folder / name: runs.recorded(current.folder, name)}):
        from seglib.measuring import monitoring

        monitoring.assemble(staged, reason)
    else:
        staged.take(name, current)


def _execute_all(current: Run, due: list[plan.Step], staging, say) -> dict[str, dict]:
    """Run steps, two at a time where that is faster; return the times of each."""
    if not due:
        return {}
    from seglib import kernels

    kernels.start()
    if len(due) < 2 or (os.cpu_count() or 1) < 2 or not kernels.FORKING:
        return {step.name: _timed(current, step, staging, say) for step in due}
    with ThreadPoolExecutor(2) as pool:
        futures = {s.name: pool.submit(_timed, current, s, staging, say) for s in due}
        try:
            for future in as_completed(futures.values()):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for kernel in multiprocessing.active_children():
                kernel.kill()
            raise
    return {name: future.result() for name, future in futures.items()}


def _timed(current: Run, step: plan.Step, staging, say) -> dict:
    started, clock = datetime.now(UTC), time.perf_counter()
    _execute_one(current, step, staging)
    seconds = time.perf_counter() - clock
    say(f"{step.name:<26} {seconds:6.1f} s")
    page = runs.digest(staging[1] / f"{step.name}.ipynb")  # its cells have times too
    return {"started": started.isoformat("T", "seconds"), "seconds": seconds, "page": page}


def _entry(step: plan.Step, fingerprint: str, changed: list[str], folder: Path) -> dict:
    """Return what the manifest says of a step: its files are those that nobody else makes."""
    others = runs.MAKERS.keys() - {step.maker}
    mine = sorted(name for name in changed if runs.maker(name) not in others)
    return {
        "name": step.name,
        "notebook": step.notebook,
        "parameters": step.parameters,
        "fingerprint": fingerprint,
        "files": {name: runs.digest(folder / name) for name in mine},
    }


def _unchanged(current: Run, known: dict | None, fingerprint: str) -> bool:
    """Return whether a step was run the same way and its files are still what it wrote."""
    if not known or known["fingerprint"] != fingerprint:
        return False
    return not _altered(current, known)


def _altered(current: Run, entry: dict) -> list[str]:
    """Return the files of a step that are not as it wrote them when its page was made."""
    folder, files, record = current.folder, entry["files"], runs.lineage(current.folder)
    differ = [name for name, was in files.items() if record.get(name, {}).get(name) != was]
    lost = [name if name in record else runs.LINEAGE for name in differ]
    paths = {folder / name: was for name, was in files.items()}
    return lost + _differ(paths | {_executed(current, entry["name"]): entry.get("page")})


def _differ(paths: dict[Path, str | None]) -> list[str]:
    return [p.name for p, was in paths.items() if not (p.is_file() and runs.digest(p) == was)]


def _executed(current: Run, name: str) -> Path:
    return current.study.reports / current.as_of.isoformat() / f"{name}.ipynb"


def _refuse_altered(current: Run, entry: dict) -> None:
    """Refuse to keep the page of a step beside other files than it speaks of."""
    if altered := _altered(current, entry):
        raise StudyError(
            f"{altered[0]} in {current.folder} is not as {entry['name']} wrote it when its page "
            f"was made: run {current.study.name} again without --only"
        )


def _inputs(current: Run) -> dict[str, str]:
    result = {}
    for path in tables.source_files(current.study):
        called = privacy.masked(path.name)
        count = sum(name == called or name.startswith(f"{called} (") for name in result)
        result[f"{called} ({count + 1})" if count else called] = runs.digest(path)
    return result


def _fingerprint(current: Run, inputs: dict) -> str:
    """Hash what all steps depend on; empty if a database is read, whose state is not known."""
    if tables.on_a_server(current.study):
        return ""
    code = sorted(p for p in Path(__file__).parent.rglob("*") if p.suffix in CODE)
    installed = {name: version(name) for name in VERSIONS} | {"python": platform.python_version()}
    return _hash(
        runs.digest(current.study.path, *code),
        formats.as_json([inputs, installed, current.as_of, current.seed]),
        privacy.pseudonym_mark(current.study),
    )


def _hash(start: str, *parts: str | bytes) -> str:
    hasher = hashlib.sha256(start.encode())
    for part in parts:
        hasher.update(part if isinstance(part, bytes) else part.encode())
    return hasher.hexdigest()


def _stamps(folder: Path) -> dict[str, tuple]:
    """Return what tells whether a file was written, but of those that belong to no single step."""
    result = {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.iterdir()}
    return {name: stamp for name, stamp in result.items() if name not in runs.SHARED}


def _reuse(current: Run, entry: dict, staging: tuple[Path, Path]) -> None:
    for name in entry["files"]:
        replace(current, folder=staging[0]).take(name, current)
    shutil.copy2(_executed(current, entry["name"]), staging[1])


def _execute_one(current: Run, step: plan.Step, staging: tuple[Path, Path]) -> None:
    from seglib import kernels

    data, pages = staging
    executed = pages / f"{step.name}.ipynb"
    own = {"study": str(current.study.path), "as_of": current.as_of.isoformat(), "out": str(data)}
    error = kernels.execute(step.path, executed, {**own, **step.parameters}, step.name)
    if error and error.ename in {"StudyError", "ReportError"}:
        raise StudyError(error.evalue)
    if error:
        copy = current.study.reports / f"failed_{step.name}.ipynb"
        copy.parent.mkdir(parents=True, exist_ok=True)
        executed.replace(copy)  # a full disk has room for that
        raise NotebookError(
            f"{step.name} failed in cell {error.exec_count}: {error.ename}: "
            f"{(error.evalue.splitlines() or [''])[0]} (executed copy: {copy})"
        )
    reports = current.study.reports / current.as_of.isoformat()
    _rewrite(executed, {str(data): str(current.folder), str(pages): str(reports)})


def _rewrite(executed: Path, places: dict[str, str]) -> None:
    """Write the final folders where an executed notebook names the staging ones."""
    text = executed.read_text(encoding="utf-8")
    for staging, final in places.items():
        text = text.replace(json.dumps(staging)[1:-1], json.dumps(final)[1:-1])
    executed.write_text(text, encoding="utf-8")
