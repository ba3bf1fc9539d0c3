"""Runs of a study: what files are made from, whose numbers they follow, what a kill leaves."""

import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from planted import study as planted_study
from worlds import shop_study, shop_tables, write_shop

from seglib import cli, formats, plan, publish, runner, runs
from seglib.runs import Run
from seglib.study import StudyError

# --- what each file was made from -----------------------------------------------------------------


@pytest.fixture
def blank(shop):
    """A run without files."""
    return runs.open_run(shop)


def test_a_file_is_made_from_what_was_read_before_it(blank):
    blank.write("quality.json", [1])
    again = runs.open_run(blank.study.path)
    again.read("quality.json")
    again.write("verdict.json", {"k": 3})
    assert runs.lineage(blank.folder)["verdict.json"].keys() == {"quality.json", "verdict.json"}
    blank.write("quality.json", [2])
    with pytest.raises(StudyError, match=r"verdict.json .* made from another quality.json: run 03"):
        again.read("verdict.json")


def test_writing_again_what_was_written_and_read_is_no_mixture(blank):
    for figure in (1, 2):  # a cell that is run twice
        blank.write("claims.json", [figure])
        blank.write("personas.json", [figure], made_from="claims.json")
        assert blank.read("claims.json") == blank.read("personas.json") == [figure]
    runs.verify(blank.folder)


def test_a_file_that_was_edited_and_what_was_made_from_it_are_refused(blank):
    blank.write("segments.parquet", pd.DataFrame({"segment": [1, 2]}))
    again = runs.open_run(blank.study.path)
    again.read("segments.parquet")
    again.write("claims.json", [1])
    pd.DataFrame({"segment": [2, 1]}).to_parquet(blank.folder / "segments.parquet")
    wanted = "segments.parquet in .* has changed since it was made: run 03_clustering again"
    for name in ("segments.parquet", "claims.json"):
        with pytest.raises(StudyError, match=wanted):
            runs.open_run(blank.study.path).read(name)


def test_an_empty_scratch_folder_says_what_to_copy(blank, tmp_path):
    with pytest.raises(StudyError, match="run 01_data_collection first with the same out"):
        runs.open_run(blank.study.path, out=str(tmp_path / "scratch")).read("customers.parquet")


# --- which run the numbers are from ---------------------------------------------------------------


def made(tmp_path, day, names=(), prefix=""):
    """Return a run without a study file around it; write labels with `label`."""
    personas = {"names": dict.fromkeys(names, "x")}
    own = planted_study(tmp_path, personas=personas)
    return Run(own, date.fromisoformat(day), tmp_path / day, 1)


def label(tmp_path, day, labels, verdict=None, prefix=""):
    run = made(tmp_path, day)
    index = pd.Index(range(len(labels)), name="customer")
    run.write(f"{prefix}segments.parquet", pd.DataFrame({"segment": labels}, index))
    if verdict:
        run.write(f"{prefix}verdict.json", verdict)


def test_the_first_run_has_no_other_to_follow(tmp_path):
    assert made(tmp_path, "2024-01-01").numbering() is None
    label(tmp_path, "2024-01-01", [1, 2, 3])
    assert made(tmp_path, "2024-01-01").numbering() is None  # its own last run, but no names


def test_numbers_follow_the_newest_earlier_run_with_segments(tmp_path):
    label(tmp_path, "2024-01-01", [1, 2, 3])
    label(tmp_path, "2024-02-01", [1, 2, 5])
    label(tmp_path, "2024-03-01", [1, 1, 1])
    label(tmp_path, "2024-06-01", [1, 2, 8])
    found = made(tmp_path, "2024-04-01").numbering()
    assert (found["as_of"], found["segments"].tolist(), found["used"]) == (
        "2024-02-01",
        [1, 2, 5],
        8,
    )
    assert found["digest"] == runs.digest(tmp_path / "2024-02-01" / "segments.parquet")


def test_a_first_date_follows_itself_where_segments_are_named_and_else_a_later_one(tmp_path):
    label(tmp_path, "2024-01-01", [1, 2])
    label(tmp_path, "2024-06-01", [2, 1])
    assert made(tmp_path, "2024-01-01").numbering()["as_of"] == "2024-06-01"
    assert made(tmp_path, "2024-01-01", names=[2]).numbering()["as_of"] == "2024-01-01"


def test_only_a_useful_cut_of_an_earlier_date_is_carried_on(tmp_path):
    label(tmp_path, "2024-01-01", [1, 2], {"kind": "constructive", "k": 2})
    assert made(tmp_path, "2024-02-01").numbering()["cut"] == {"k": 2, "as_of": "2024-01-01"}
    assert made(tmp_path, "2023-12-01").numbering()["cut"] is None
    carried = {"kind": "constructive", "k": 2, "carried": "2024-01-01"}
    label(tmp_path, "2024-02-01", [1, 2], carried)
    assert made(tmp_path, "2024-03-01").numbering()["cut"]["as_of"] == "2024-01-01"
    label(tmp_path, "2024-03-01", [1, 2], {"kind": "natural", "k": 2})
    assert made(tmp_path, "2024-04-01").numbering()["cut"] is None


def test_a_step_runs_again_when_the_run_it_follows_has_changed_and_not_for_a_later_one(tmp_path):
    step = plan.Step("03_clustering", 2, {"unit": "customers"})
    current = made(tmp_path, "2024-02-01")
    assert plan.reads_earlier(step, current) == ""
    label(tmp_path, "2024-06-01", [1, 2])
    assert plan.reads_earlier(step, current) == ""
    label(tmp_path, "2024-01-01", [1, 2])
    one = plan.reads_earlier(step, current)
    label(tmp_path, "2024-01-01", [2, 1])
    assert len({"", one, plan.reads_earlier(step, current)}) == 3
    assert plan.reads_earlier(plan.Step("02_exploratory_analysis", 2), current) == ""


def test_results_are_made_again_when_the_run_they_are_compared_with_appears(tmp_path):
    step = plan.Step("07_monitoring", 6)
    current = made(tmp_path, "2024-02-01")
    assert plan.reads_earlier(step, current) == ""
    for name in ("model.json", "verdict.json", "customers.parquet", "segments.parquet"):
        file = tmp_path / "2024-01-01" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}")
    one = plan.reads_earlier(step, current)
    (tmp_path / "2024-01-01" / "model.json").write_text("{ }")
    assert len({"", one, plan.reads_earlier(step, current)}) == 3


# --- what a run is given --------------------------------------------------------------------------


@pytest.fixture
def again(shop, monkeypatch):
    """A function: run three steps, none of which takes a moment; return which are unchanged."""
    current = runs.open_run(shop)
    todo = plan.steps(current)[:3]
    files = {"01": "privacy.json", "02": "exploration.json", "03": "verdict.json"}

    def execute(current, step, staging):
        replace(current, folder=staging[0]).write(files[step.name[:2]], {})
        (staging[1] / f"{step.name}.ipynb").write_text("{}")

    monkeypatch.setattr(runner, "_execute_one", execute)

    def run():
        lines, names = [], {step.name for step in todo}
        pages = current.study.reports / current.as_of.isoformat()
        with publish.staged(current.folder, pages) as staging:
            manifest = runner._execute(current, todo, names, staging, False, lines.append)
            (staging[0] / "manifest.json").write_text(formats.as_json(manifest))
        return ["unchanged" in line for line in lines]

    return run


def test_what_is_read_from_a_database_is_never_unchanged(again, monkeypatch):
    for on_a_server in (False, True):
        monkeypatch.setattr(runner.tables, "on_a_server", lambda study, is_so=on_a_server: is_so)
        assert again() == [False] * 3 and again() == [not on_a_server] * 3


def without(path, key):
    manifest = json.loads(path.read_text())
    for part in [manifest, *manifest["steps"]]:
        part.pop(key, None)
    path.write_text(json.dumps(manifest))


DAMAGE = {
    "no times": lambda folder: without(folder / "manifest.json", "times"),
    "no fingerprint": lambda folder: without(folder / "manifest.json", "fingerprint"),
    "half a manifest": lambda folder: (folder / "manifest.json").write_text('{"steps": ['),
    "no manifest": lambda folder: (folder / "manifest.json").write_text(""),
    "half a record": lambda folder: (folder / runs.LINEAGE).write_text('{"a'),
    "half a privacy.json": lambda folder: (folder / "privacy.json").write_text('{"ps'),
    "no record": lambda folder: (folder / runs.LINEAGE).unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_run_that_is_damaged_or_of_an_older_seglib_is_made_again(shop, again, damage):
    folder = runs.open_run(shop).folder
    assert again() == [False] * 3 and again() == [True] * 3
    whole = runs.lineage(folder)
    damage(folder)
    alone = damage is DAMAGE["half a privacy.json"]  # made again as it was: the others stay
    assert again() == [False, alone, alone] and again() == [True] * 3
    assert runs.lineage(folder) == whole


@pytest.fixture
def others(shop, again):
    """The folders of runs of two other dates, which have pages."""
    again()
    current = runs.open_run(shop)
    folders = [current.folder.with_name(day) for day in ("2021-01-01", "2021-02-01")]
    for folder in folders:
        shutil.copytree(current.folder, folder)
        pages = current.study.reports / folder.name
        pages.mkdir(parents=True)
        (pages / "index.html").touch()
    shutil.rmtree(current.folder)
    return folders


@pytest.mark.parametrize("damage", list(DAMAGE.values())[:-1], ids=list(DAMAGE)[:-1])
def test_damaged_runs_of_other_dates_are_refused_together_before_anything_is_run(
    shop, others, monkeypatch, damage
):
    for folder in others:
        damage(folder)
    monkeypatch.setattr(runner, "_execute", lambda *_: pytest.fail("it was run"))
    with pytest.raises(StudyError, match="delete its folder") as refused:
        runner.run(shop)
    commands = re.findall(r"`seglib (run .*?)`", str(refused.value))
    assert [words.split()[2:] for words in commands] == [
        ["--as-of", folder.name, "--force"] for folder in others
    ]
    for folder in others:
        assert str(folder) in str(refused.value)
        shutil.rmtree(folder)
    made = []
    monkeypatch.setattr(runner, "_execute", lambda run, *_: made.append(run.folder) or 1 / 0)
    for words in commands:  # what it says to do can be done
        with pytest.raises(ZeroDivisionError):
            cli.main(shlex.split(words))
    assert made == others


def test_a_run_is_made_again_by_name_where_that_leads_to_it(shop, monkeypatch):
    folder = runs.open_run(shop).folder
    assert runs.again(folder) == f"`seglib run {shop} --as-of {folder.name} --force`"
    monkeypatch.chdir(shop.parents[2])
    assert runs.again(folder) == f"`seglib run shop --as-of {folder.name} --force`"


def test_half_a_privacy_json_in_another_date_is_no_mistake_of_this_run(shop, others):
    DAMAGE["half a privacy.json"](others[0])
    (others[0] / "verdict.json").rename(others[0] / "model.json")
    assert runs.open_run(shop).predecessor("model.json") is None


def test_a_record_that_is_lost_is_called_so_and_not_a_file_of_it(shop, again):
    again()
    current = runs.open_run(shop)
    DAMAGE["no record"](current.folder)
    entry = runs.manifest(current.folder)["steps"][0]
    with pytest.raises(StudyError, match=r"^lineage\.json in .* is not as 01_data_collection"):
        runner._refuse_altered(current, entry)


def test_a_folder_that_is_named_by_no_day_is_no_earlier_run(shop):
    current = runs.open_run(shop)
    for day, there in (("0backup", False), ("2001-01-01", True)):
        earlier = replace(current, folder=current.folder.with_name(day))
        for name in runs.COMPARED:
            earlier.write(name, pd.DataFrame({"segment": [1]}) if "parquet" in name else {})
        assert there == ("07_monitoring" in {step.name for step in plan.steps(current)})
        lines = plan.pages(current.study, {"first": date(2000, 1, 1), "last": date(2030, 1, 1)})
        assert there == (plan.NO_PAGE not in lines[-1])


def test_two_files_of_one_name_are_two_inputs(tmp_path):
    shop, raw = shop_tables(), shop_study()
    raw["tables"]["transactions"]["source"] = "raw/*/sales.parquet"
    path = write_shop(tmp_path, tables=shop, study=raw)
    for year, part in (("2022", shop["transactions"][:10]), ("2023", shop["transactions"][10:])):
        folder = path.parent / "raw" / year
        folder.mkdir()
        part.to_parquet(folder / "sales.parquet")
    inputs = runner._inputs(runs.open_run(path))
    assert {"sales.parquet", "sales.parquet (2)"} <= set(inputs)
    assert inputs["sales.parquet"] != inputs["sales.parquet (2)"]


def test_a_cell_of_a_csv_file_is_never_a_formula(tmp_path):
    ids = ["=cmd|x", "+44 20", "-5", "@me", "plain", None, "\n=cmd"]
    frame = pd.DataFrame({"id": ids, "=n": [-1.0, 2, 3, 4, 5, 6, 7]})
    formats.write_csv(frame, tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[:7] == ["id,'=n", "'=cmd|x,-1", "'+44 20,2", "-5,3", "'@me,4", "plain,5", ",6"]
    assert lines[7:] == ["\"'", '=cmd",7'] and list(frame) == ["id", "=n"]


# --- publish --------------------------------------------------------------------------------------

OPERATIONS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "open"}


@pytest.fixture
def places(tmp_path):
    """The folders of a run and its pages, and the index that all dates of a study share."""
    reports = tmp_path / "reports" / "club"
    return tmp_path / "data" / "club" / "2020-01-01", reports / "2020-01-01", reports / "index.html"


def write(places, text):
    with publish.staged(*places) as (data, pages, index):
        for file in (data / "a.csv", pages / "page.html", index):
            file.write_text(text)


def texts(places):
    """Return what each place holds, None if it is not there."""
    files = places[0] / "a.csv", places[1] / "page.html", places[2]
    return [file.read_text() if file.exists() else None for file in files]


def hidden(folder):
    return [path.name for path in folder.rglob(".*")]


def killed(places, moment, text="two"):
    """Write a text in a process that dies before a file operation; return whether it did."""
    process = os.fork()
    if process == 0:
        left = iter(range(moment))

        def hook(event, about):
            if event in OPERATIONS and next(left, None) is None:
                os._exit(9)

        sys.addaudithook(hook)
        write(places, text)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9


@pytest.mark.parametrize("date", ["2020-01-01", "2021-01-01"], ids=["again", "new"])
def test_a_kill_at_any_moment_leaves_all_old_or_all_new_for_whoever_comes_next(
    places, tmp_path, tmp_path_factory, date
):
    write(places, "one")
    later = places[0].with_name(date), places[1].with_name(date), places[2]
    old = texts(later)
    kept = shutil.copytree(tmp_path, tmp_path_factory.mktemp("kept") / "all")
    results = []
    for moment in range(1000):
        if not killed(later, moment):
            break
        assert not {"one", "two"} <= set(texts(later))  # even for who only looks
        publish.recover(later[0].parent)
        results.append(texts(later))
        write(later, "three")  # and the next run works
        assert texts(later) == ["three"] * 3 and hidden(tmp_path) == []
        shutil.rmtree(tmp_path)
        shutil.copytree(kept, tmp_path)
    assert texts(later) == ["two"] * 3 and hidden(tmp_path) == []
    turn = results.index(["two"] * 3)
    assert results == [old] * turn + [["two"] * 3] * (len(results) - turn)
    assert turn >= 10 and len(results) - turn > 5


def test_a_kill_while_another_is_finished_is_finished_too(places, tmp_path, tmp_path_factory):
    write(places, "one")
    moment = 0
    while killed(places, moment) and not (places[0].parent / publish.JOURNAL).exists():
        moment += 1
    results = []
    for again in range(1, 60):
        if not killed(places, again, "three"):  # each begins with what the last has left
            break
        assert len(set(texts(places)) - {None}) <= 1
        copy = shutil.copytree(tmp_path, tmp_path_factory.mktemp("copy") / "all")
        copies = [copy / place.relative_to(tmp_path) for place in places]
        publish.recover(copies[0].parent)
        results.append(texts(copies))
    assert results[0] == ["two"] * 3 and texts(places) == ["three"] * 3
    assert [each for each in results if each not in (["two"] * 3, ["three"] * 3)] == []


def test_what_is_left_of_a_killed_run_writes_elsewhere_than_the_next(places, tmp_path):
    process = os.fork()
    if process == 0:
        with publish.staged(*places) as folders:
            (tmp_path / "names").write_text("\n".join(map(str, folders)))
            os._exit(9)
    os.waitpid(process, 0)
    with publish.staged(*places) as folders:
        assert not {*map(str, folders)} & {*(tmp_path / "names").read_text().splitlines()}
        assert hidden(tmp_path) == [folder.name for folder in folders if folder.is_dir()]


def test_what_was_set_aside_is_put_back_where_the_journal_is_lost(places, tmp_path):
    write(places, "one")
    for place in places:
        place.rename(place.with_name(f"{publish.REPLACED}{place.name}"))
    publish.recover(places[0].parent)
    assert texts(places) == ["one", None, None]
    with pytest.raises(ValueError), publish.staged(*places):
        raise ValueError
    assert texts(places) == ["one"] * 3 and hidden(tmp_path) == []


ENDING = """
import multiprocessing, os
from multiprocessing.util import get_temp_dir
from seglib import kernels
print(get_temp_dir(), flush=True)
multiprocessing.get_context("forkserver").Process(target=kernels._end_with_runner).start()
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forks on Linux alone")
def test_with_a_killed_runner_its_own_temporary_files_end_and_no_others(tmp_path_factory):
    place = tmp_path_factory.mktemp("t") / "theirs" / "own"
    place.mkdir(parents=True)
    words, environment = [sys.executable, "-c", ENDING], os.environ | {"TMPDIR": str(place)}
    printed = subprocess.check_output(words, env=environment, text=True, timeout=60)
    assert printed.startswith(str(place)) and list(place.iterdir()) == []


def test_an_error_without_a_file_is_said_of_a_disk_alone(monkeypatch, capsys):
    def fail(number):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(plan, "check", lambda *_, **__: fail(errno.ENOSPC))
    assert cli.main(["check", "club"]) == 2
    assert capsys.readouterr().err.startswith("seglib: club: No space left")
    monkeypatch.setattr(plan, "check", lambda *_, **__: fail(errno.ECONNRESET))
    with pytest.raises(ConnectionResetError):
        cli.main(["check", "club"])


def test_a_run_that_fails_leaves_the_last_one(places, tmp_path):
    write(places, "one")
    with pytest.raises(ValueError), publish.staged(*places) as folders:
        (folders[0] / "a.csv").write_text("two")
        raise ValueError
    assert texts(places) == ["one"] * 3 and hidden(tmp_path) == []


@pytest.mark.skipif(publish.fcntl is None, reason="there are no such locks on Windows")
def test_a_second_run_of_a_study_is_refused_while_one_is_under_way(places):
    with (
        publish.staged(*places),
        pytest.raises(StudyError, match="another run of club is under way"),
        publish.staged(*places),
    ):
        pass
