"""What a run does where the disk is full, a folder closed, a key pressed, a file edited."""

import os
import re
import shutil
import signal

import pytest


def one_sentence(result):
    """Return whether a command ended with one sentence on the error output and no traceback."""
    lines = result.stderr.strip().splitlines()
    return len(lines) == 1 and lines[0].startswith("seglib: ") and result.returncode in {1, 2}


@pytest.mark.parametrize("below", ["data", "reports"])
def test_a_full_disk_is_one_sentence_and_leaves_the_last_run(
    club, tmp_path, seglib, outside, tree, below
):
    copy = club.copy(tmp_path)
    before = tree(tmp_path)
    result = seglib("run", copy.path, "--force", env=outside("full", tmp_path / below))
    assert one_sentence(result) and "No space left" in result.stderr, result.stderr[-500:]
    after = tree(tmp_path)
    assert {name: after[name] for name in before} == before
    assert all(name in result.stderr for name in set(after) - set(before))


def test_a_disk_full_in_the_middle_of_a_file_is_one_sentence_and_leaves_the_last_run(
    club, tmp_path, seglib, outside, tree
):
    copy = club.copy(tmp_path)
    before = tree(tmp_path)
    result = seglib("run", copy.path, "--force", env=outside("small", tmp_path))
    assert one_sentence(result) and result.returncode == 2, result.stderr[-500:]
    assert str(copy.path.parent) in result.stderr
    assert tree(tmp_path) == before


@pytest.mark.parametrize("below", ["data", "reports"])
def test_a_read_only_folder_is_one_sentence_and_leaves_the_last_run(
    club, tmp_path, seglib, outside, tree, below
):
    copy = club.copy(tmp_path)
    before = tree(tmp_path)
    result = seglib("run", copy.path, env=outside("read-only", tmp_path / below))
    assert one_sentence(result), result.stderr[-500:]
    assert below in result.stderr
    assert tree(tmp_path) == before


def test_a_file_in_place_of_the_reports_is_one_sentence_that_names_it(club, tmp_path, call, tree):
    copy = club.copy(tmp_path)
    shutil.rmtree(tmp_path / "reports")
    (tmp_path / "reports").write_text("a note")
    before = tree(tmp_path)
    result = call("run", copy.path)
    assert one_sentence(result) and "reports" in result.stderr
    assert tree(tmp_path) == before


def test_ctrl_c_is_one_sentence_and_leaves_the_last_run(club, tmp_path, started, tree, temporary):
    copy, rest = club.copy(tmp_path), temporary()
    before = tree(tmp_path)
    process = started("run", copy.path, "--force", env={"TMPDIR": str(rest)})
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert tree(tmp_path) == before
    assert process.returncode not in {0, -signal.SIGKILL}
    (sentence,) = error.strip().splitlines()
    assert re.match("seglib: interrupted; .* those of the last run, or of this one if", sentence)
    assert tree(rest) == {}


def test_deleted_reports_are_made_again(club, tmp_path, call, tree):
    copy = club.copy(tmp_path)
    pages = sorted(tree(copy.reports))
    shutil.rmtree(copy.reports)
    assert call("run", copy.path).returncode == 0
    assert sorted(tree(copy.reports)) == pages


def test_a_study_edited_during_a_run_is_used_as_it_was_or_refused(club, tmp_path, started, tree):
    copy = club.copy(tmp_path)
    process = started("run", copy.path, "--only", "03", "--force")
    while not process.stdout.readline().startswith("03"):
        assert process.poll() is None
    old = copy.path.read_text()
    assert "customer: member\n" in old
    copy.path.write_text(old.replace("customer: member\n", "customer: sailor\n"))
    process.communicate()
    assert process.returncode in {0, 2}
    assert not re.search(r"\bsailors?\b", copy.text())
