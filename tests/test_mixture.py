"""Files of a run are made from one another; a folder with files of two makes is refused."""

import json
import shutil

import pandas as pd
import papermill
import pytest

from seglib import cli, files, plan, run
from seglib.report import summary
from seglib.study import StudyError

DAY = "2023-08-01"


@pytest.fixture
def study(done, tmp_path):
    """A copy of the finished shop, to be spoiled: its study.yaml."""
    shutil.copytree(done[0].parents[2], tmp_path / "copy")
    return tmp_path / "copy" / "data" / "shop" / "study.yaml"


def swap_labels(folder):
    """Exchange two segments in segments.parquet, as an analyst with own labels might."""
    members = pd.read_parquet(folder / "segments.parquet")
    members["segment"] = members["segment"].replace({1: 2, 2: 1})
    members.to_parquet(folder / "segments.parquet")


def execute(notebook, study, out, **parameters):
    """Run a notebook with papermill alone, as an analyst does."""
    papermill.execute_notebook(
        str(plan.ROOT / "notebooks" / f"{notebook}.ipynb"), str(study.parent / f"{notebook}.ipynb"),
        parameters={"study": str(study), "out": str(out), **parameters}, progress_bar=False,
    )  # fmt: skip


def refusal(notebook, study, out):
    """Return the one sentence with which a notebook stops."""
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        execute(notebook, study, out)
    assert caught.value.ename == "StudyError"
    return caught.value.evalue


def test_every_file_says_what_it_was_made_from(done):
    folder = done[0].parent / DAY
    recorded = files.lineage(folder)
    made = {path.name for path in folder.iterdir()} - {files.LINEAGE, "manifest.json"}
    assert recorded.keys() == made
    assert all(recorded[name][name] == files.digest(folder / name) for name in made)
    assert {"customers.parquet", "dictionary.json"} <= recorded["segments.parquet"].keys()
    for name in ("verdict.json", "model.json", "personas.json", "measures.json", "segments.csv"):
        assert recorded[name]["segments.parquet"] == files.digest(folder / "segments.parquet")
    files.verify(folder)


def test_kept_and_new_steps_leave_a_lineage_of_one_make(study):
    run.run(str(study), only="05", force=True)
    files.verify(study.parent / DAY)
    assert files.lineage(study.parent / DAY).keys() >= {"customers.parquet", "measures.json"}


def test_edited_labels_are_refused_by_every_later_step(study, capsys):
    folder = study.parent / DAY
    swap_labels(folder)
    wanted = "segments.parquet in .* has changed since it was made: run 03_clustering again"
    for name in ("verdict.json", "personas.json", "segments.parquet"):
        with pytest.raises(StudyError, match=wanted):
            files.open_run(study).read(name)
    assert "run 03_clustering again" in refusal("04_persona_definition", study, folder)
    assert "run 03_clustering again" in refusal("05_measuring_results", study, folder)
    assert cli.main(["score", str(folder), str(folder / "customers.parquet")]) == 2
    assert "run 03_clustering again" in capsys.readouterr().err
    with pytest.raises(StudyError, match=wanted):
        loaded = files.open_run(study).study
        summary.build(loaded, summary.runs(loaded), folder / "index.html")
    assert not (folder / "index.html").exists()


def test_labels_written_by_hand_do_not_stand_under_another_verdict(study):
    other = files.open_run(study)
    other.write("segments.parquet", other.read("segments.parquet").assign(segment=1))
    with pytest.raises(StudyError, match=r"verdict.json in .* was made from another segments\.par"):
        files.open_run(study).read("verdict.json")


def test_another_k_is_tried_beside_a_run_and_refused_in_it_until_what_follows_is_made_again(study):
    folder, table = study.parent / DAY, study.parent / "people.parquet"
    shutil.copy(folder / "customers.parquet", table)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    scratch = shutil.copytree(folder, study.parent / "scratch")
    execute("03_clustering", study, scratch, k=5)
    assert json.loads((scratch / "verdict.json").read_text())["k"] == 5
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    shutil.copytree(scratch, folder, dirs_exist_ok=True)
    sentence = "personas.json in .* was made from another .*: run 04_persona_definition again"
    assert cli.main(["score", str(folder), str(table)]) == 2
    with pytest.raises(StudyError, match=sentence.replace("personas", "(claims|personas)")):
        files.open_run(study).read("personas.json")
    assert "run 04_persona_definition again" in refusal("05_measuring_results", study, folder)
    with pytest.raises(StudyError, match=r"03_clustering wrote it.*without --only"):
        run.run(str(study), only="05")
    execute("04_persona_definition", study, folder)
    assert len(json.loads((folder / "personas.json").read_text())) == 5
    assert cli.main(["score", str(folder), str(table)]) == 0
    execute("05_measuring_results", study, folder)
    files.verify(folder)


def test_a_mixture_at_another_date_stops_a_run_before_its_notebooks(study):
    other = study.parent / "2023-06-01"
    pages = study.parents[2] / "reports" / "shop"
    shutil.copytree(study.parent / DAY, other)
    shutil.copytree(pages / DAY, pages / other.name)
    swap_labels(other)
    said = []
    with pytest.raises(StudyError, match=r"segments.parquet in .*2023-06-01 has changed"):
        run.run(str(study), say=said.append)
    assert said == []


def test_an_empty_scratch_folder_says_what_to_copy(study):
    sentence = refusal("03_clustering", study, study.parent.parent / "scratch")
    assert "customers.parquet is not in" in sentence
    assert "run 01_data_collection first with the same out, or copy the files of" in sentence
    assert str(study.parent / DAY) in sentence


# --- the mechanism alone --------------------------------------------------------------------------


@pytest.fixture
def blank(shop):
    """A run without files."""
    return files.open_run(shop)


def test_a_file_is_made_from_what_was_read_before_it(blank):
    blank.write("quality.json", [1])
    again = files.open_run(blank.study.path)
    again.read("quality.json")
    again.write("verdict.json", {"k": 3})
    assert files.lineage(blank.folder)["verdict.json"].keys() == {"quality.json", "verdict.json"}
    blank.write("quality.json", [2])
    with pytest.raises(StudyError, match=r"verdict.json .* made from another quality.json: run 03"):
        again.read("verdict.json")


def test_writing_again_what_was_written_and_read_is_no_mixture(blank):
    for figure in (1, 2):  # a cell that is run twice
        blank.write("claims.json", [figure])
        blank.write("personas.json", [figure], made_from="claims.json")
        assert blank.read("claims.json") == blank.read("personas.json") == [figure]
    files.verify(blank.folder)


def test_files_of_before_there_was_a_lineage_are_taken_as_they_are(blank):
    blank.write("verdict.json", {"k": 3})
    (blank.folder / files.LINEAGE).unlink()
    (blank.folder / "verdict.json").write_text('{"k": 4}')
    assert blank.read("verdict.json") == {"k": 4}
