"""Points 1, 6, 7 and 8: what a run prints and writes, what it does again, what a kill leaves."""

import contextlib
import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

K3 = ("-p", "03_clustering.k", "3")


def steps(output):
    """Return the first and last word of each line but that of the index."""
    return [(line.split()[0], line.split()[-1]) for line in output.splitlines()[:-1]]


@pytest.mark.point(1)
@pytest.mark.parametrize("name", ["shop", "club"])
def test_a_run_prints_a_line_a_notebook_and_the_index(finished, name):
    done = finished(name)
    notebooks = [first for first, _ in steps(done.output)]
    assert Path(done.output.splitlines()[-1]) == done.reports / "index.html"
    assert len(notebooks) == len(set(notebooks)) >= 4
    pages = {page.stem for page in (done.reports / done.files.name).glob("*.html")}
    assert set(notebooks) <= pages
    assert {last for _, last in steps(done.output)} == {"s"}


@pytest.mark.point(1)
def test_a_run_writes_files_and_pages_and_nothing_else(shop):
    assert (shop.reports / "index.html").is_file()
    assert {"customers.parquet", "segments.csv", "manifest.json"} <= set(os.listdir(shop.files))
    assert sorted(os.listdir(shop.path.parent)) == [shop.files.name, "raw", "study.yaml"]
    assert sorted(os.listdir(shop.reports)) == [shop.files.name, "index.html"]


@pytest.mark.point(7)
@pytest.mark.parametrize("name", ["shop", "club"])
def test_an_unchanged_second_run_says_so_and_leaves_identical_files(
    finished, name, tmp_path, call, tree
):
    again = finished(name).copy(tmp_path)
    before, pages = tree(tmp_path / "data"), tree(again.reports)
    again.pages[1].write_text("scribbled over")
    result = call("run", again.path)
    assert result.returncode == 0
    assert steps(result.stdout) == sorted((step, "unchanged") for step, _ in steps(again.output))
    assert tree(tmp_path / "data") == before
    assert tree(again.reports) == pages


@pytest.mark.point(7)
def test_the_same_inputs_give_the_same_files(club, tmp_path, call, tree):
    again = club.copy(tmp_path)
    before = tree(again.files)
    assert call("run", again.path, "--force").returncode == 0
    after = tree(again.files)
    first, second = (json.loads(t.pop("manifest.json")) | {"times": {}} for t in (before, after))
    assert (first, before) == (second, after)
    assert not [page for page in again.pages if ".staging-" in page.read_text()]


@pytest.fixture(scope="module")
def three(club, tmp_path_factory, seglib, outside, temporary, tree):
    """A copy of the club cut into three, what was printed, and what a kill at each move leaves."""
    place, kept = tmp_path_factory.mktemp("three"), tmp_path_factory.mktemp("kept")
    copy, rest = club.copy(place), temporary()
    environment = outside("kill", place, kept) | {"TMPDIR": str(rest)}
    result = seglib("run", copy.path, *K3, env=environment)
    assert result.returncode == 0, result.stderr
    assert tree(rest) == {}
    return copy, result.stdout, sorted(kept.iterdir())


@pytest.mark.point(6)
def test_k_of_a_step_changes_that_step_and_those_after(club, three):
    copy, output, _ = three
    lines = steps(output)
    assert [name for name, last in lines if last == "unchanged"] == [
        name for name, _ in lines if name < "03"
    ]
    assert {club.json("verdict.json")["k"], copy.json("verdict.json")["k"]} == {2, 3}
    assert copy.frame("segments.csv")["segment"].nunique() == 3
    names = set(copy.frame("segments.csv")["name"])
    assert len(names) == 3 and all(name in copy.text("*/04*.html") for name in names)


@pytest.mark.point(6)
def test_a_file_of_labels_is_read_again_when_it_changed(club, tmp_path, call):
    copy = club.copy(tmp_path)
    members = copy.frame("segments.csv")[["customer"]]
    for every in (2, 4):
        rows = members.assign(segment=["a" if i % every else "b" for i in range(len(members))])
        rows.to_csv(copy.path.parent / "mine.csv", index=False)
        result = call("run", copy.path, "-p", "03_clustering.labels", "mine.csv")
        assert result.returncode == 0, result.stderr
        sizes = copy.frame("segments.csv")["segment"].value_counts()
        assert sorted(sizes) == [80 // every, 80 - 80 // every]


def of_one_run(copy, day):
    """Return whether files and pages are there, and the pages name the segments of the files."""
    files, pages = copy.path.parent / day / "segments.csv", copy.text(f"{day}/04*.html")
    return files.is_file() and all(name in pages for name in set(pd.read_csv(files)["name"]))


@pytest.mark.point(8)
def test_after_a_kill_at_any_moment_the_next_run_has_files_and_pages_of_one_run(club, three, call):
    copy, _, states = three
    assert len(states) > 20
    day = club.files.name
    for state in states:
        shutil.rmtree(copy.root)
        shutil.copytree(state, copy.root)
        files, pages = copy.path.parent / day, copy.reports / day
        assert of_one_run(copy, day) or not (files.exists() and pages.exists()), state.name
    result = call("run", copy.path, *K3)  # after the last of them
    assert result.returncode == 0, result.stderr
    assert of_one_run(copy, day)


def marked(mark):
    """Return the processes in whose environment a mark is, where /proc tells."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found += [path.parent.name] if f"MARK={mark}".encode() in path.read_bytes() else []
    return found


@pytest.mark.point(8)
def test_a_killed_run_leaves_the_last_pages_and_the_next_works(
    club, tmp_path, started, call, tree, temporary
):
    copy, rest = club.copy(tmp_path), temporary()
    before = {page: page.read_bytes() for page in copy.pages}
    environment = {"MARK": str(tmp_path), "TMPDIR": str(rest)}
    process = started("run", copy.path, "--force", env=environment)
    assert re.match(r"01\S+ +\d", process.stdout.readline())
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    end = time.monotonic() + 30
    while marked(str(tmp_path)) and time.monotonic() < end:
        time.sleep(0.2)
    assert marked(str(tmp_path)) == []  # no kernel goes on alone
    assert {path.name for path in rest.rglob("*") if path.is_file()} <= {"kernel.json"}
    assert {page: page.read_bytes() for page in copy.pages} == before
    assert call("run", copy.path).returncode == 0
    assert sorted(tree(tmp_path)) == sorted(tree(club.root))
