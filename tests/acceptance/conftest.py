"""What every acceptance test may use: the command line, the files of a run, the pages.

Nothing here or in a test beside it imports from inside seglib; `test_boundary.py` holds that.
Runs are made once for the whole session, whichever process of pytest needs them first.
"""

import contextlib
import fcntl
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from unittest import mock

import pandas as pd
import papermill
import pytest
import studies
from bs4 import BeautifulSoup

PROGRAMS = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def command(*words, cwd=None, env=None, program="seglib", timeout=600):
    """Run a program of the environment; return the completed process with its text."""
    return subprocess.run(
        [str(PROGRAMS / program), *map(str, words)],
        cwd=cwd,
        env=ENVIRONMENT | (env or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )


def call(*words, cwd=None, env=None):
    """Do what the installed `seglib` does in this process, which spares its imports."""
    (program,) = entry_points(group="console_scripts", name="seglib")
    out, err, code = io.StringIO(), io.StringIO(), None
    with (
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.dict(os.environ, env or {}),
        mock.patch.object(sys, "argv", ["seglib", *map(str, words)]),
    ):
        try:
            code = program.load()()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(words, code or 0, out.getvalue(), err.getvalue())


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file and folder below a folder, hidden ones too, with what files hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


@dataclass(frozen=True)
class Finished:
    """A finished run: where its study is, what was printed, its files and its pages."""

    path: Path
    output: str

    @property
    def root(self) -> Path:
        """The folder that holds data/ and reports/."""
        return self.path.parents[2]

    @property
    def days(self) -> list[Path]:
        """The folders of the study's runs, oldest first."""
        return sorted(p.parent for p in self.path.parent.glob("*/manifest.json"))

    @property
    def files(self) -> Path:
        """The folder of the newest run's files."""
        return self.days[-1]

    @property
    def reports(self) -> Path:
        """The folder of the study's pages."""
        return self.root / "reports" / self.path.parent.name

    @property
    def pages(self) -> list[Path]:
        """The index and every page of every run."""
        return [self.reports / "index.html", *sorted(self.reports.glob("*/*.html"))]

    def json(self, name):
        """Return a JSON file of the newest run."""
        return json.loads((self.files / name).read_text())

    def frame(self, name):
        """Return a Parquet or CSV file of the newest run."""
        path = self.files / name
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)

    def text(self, glob="*/*.html"):
        """Return what a reader sees on the pages that match, folded parts included."""
        return "\n".join(read(page) for page in sorted(self.reports.glob(glob)))

    def copy(self, folder: Path) -> "Finished":
        """Return a copy in an empty folder, to be changed."""
        shutil.copytree(self.root, folder, dirs_exist_ok=True)
        return Finished(folder / self.path.relative_to(self.root), self.output)


def read(page: Path) -> str:
    """Return the text of a page, without code and styles."""
    soup = BeautifulSoup(page.read_text(), "html.parser")
    for tag in soup(["script", "style"]):
        tag.decompose()
    return " ".join(soup.get_text(" ").split())


def started(*words, env=None):
    """Start `seglib` with words in a process group of its own; its lines can be read as it runs."""
    return subprocess.Popen(
        [str(PROGRAMS / "seglib"), *map(str, words)],
        env=ENVIRONMENT | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # the tests may have been started where Ctrl-C is ignored, as in the background


@contextlib.contextmanager
def _locked(path: Path):
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make(name: str, folder: Path) -> Finished:
    """Write a study of `studies.py` below a folder, run it, and return the finished run."""
    path, *calls = getattr(studies, name)(folder)
    printed = ""
    for words in calls or [("run", path)]:
        result = call(*words, cwd=folder)
        printed += result.stdout
        assert result.returncode == 0, result.stdout + result.stderr
    return Finished(path, printed)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A function: the finished run of a study of `studies.py`, made at the first call of anyone."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def run(name: str) -> Finished:
        folder = shared / f"finished-{name}"
        output = shared / f"finished-{name}.txt"
        with _locked(shared / f"finished-{name}.lock"):
            if not output.exists():
                output.write_text("")  # whoever asks after a failure fails at once
                done = make(name, folder)
                output.write_text(f"{done.path}\n{done.output}")
        path, _, printed = output.read_text().partition("\n")
        assert path, f"the run of {name} has failed before"
        return Finished(Path(path), printed)

    return run


@pytest.fixture(scope="session")
def shop(finished):
    """A finished run of the small shop, not to be changed: `shop.copy(tmp_path)` may be."""
    return finished("shop")


@pytest.fixture(scope="session")
def club(finished):
    """A finished run of the club, the smallest study, not to be changed."""
    return finished("club")


@pytest.fixture(scope="session")
def seglib():
    """A function that runs `seglib` with words and returns the completed process."""
    return command


@pytest.fixture(name="papermill", scope="session")
def _papermill(tmp_path_factory):
    """A function that runs a notebook on a study by papermill alone, its files going to a folder.

    It is the installed command; `notebook` does the same faster.
    """

    def run(notebook, study, out, *words, env=None):
        executed = tmp_path_factory.mktemp("executed") / f"{notebook}.ipynb"
        words = ("-p", "study", study, "-p", "out", out, *words)
        source = Path(__file__).parents[2] / "notebooks" / f"{notebook}.ipynb"
        return command("--no-progress-bar", source, executed, *words, program="papermill", env=env)

    return run


@pytest.fixture(scope="session")
def notebook(tmp_path_factory):
    """A function that runs a notebook on a study by papermill's own function, in this process.

    It returns the path of the executed notebook.
    """

    def run(name, study, out="", env=None, **parameters):
        executed = tmp_path_factory.mktemp("executed") / f"{name}.ipynb"
        source = Path(__file__).parents[2] / "notebooks" / f"{name}.ipynb"
        with mock.patch.dict(os.environ, ENVIRONMENT | (env or {})):
            papermill.execute_notebook(
                source,
                executed,
                {"study": str(study), "out": str(out)} | parameters,
                progress_bar=False,
                request_save_on_cell_execute=False,
            )
        return executed

    return run


@pytest.fixture(name="call", scope="session")
def _call():
    """A function that does what `seglib` does with words, faster, within this process."""
    return call


@pytest.fixture(name="started", scope="session")
def _started():
    """A function that starts `seglib` with words, to be stopped or watched on its way."""
    return started


@pytest.fixture(scope="session")
def outside():
    """A function: the environment in which a fault of `outside/` meets whoever writes below."""

    def environment(fault, below, keep=""):
        place = str(Path(__file__).parent / "outside")
        return {"PYTHONPATH": place, "FAULT": fault, "BELOW": str(below), "KEEP": str(keep)}

    return environment


@pytest.fixture(scope="session")
def temporary(tmp_path_factory):
    """A function: an empty folder for temporary files; its path is short, as that of sockets."""
    return lambda: tmp_path_factory.mktemp("t")


@pytest.fixture(name="tree", scope="session")
def _tree():
    """A function: every file and folder below a folder, with what files hold."""
    return tree
