"""The road from end to end, on a small shop."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import papermill
import pytest
from worlds import shop_study, shop_tables, write_shop

from seglib import cli, files, plan, run
from seglib.study import StudyError

PAGES = [
    "01_data_collection", "02_exploratory_analysis", "03_clustering", "03_clustering_products",
    "04_persona_definition", "05_measuring_results",
]  # fmt: skip
DAY = "2023-08-01"


def data_of(path):
    return path.parent / DAY


def reports_of(path):
    return path.parents[2] / "reports" / "shop"


def contents(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_one_page_a_notebook_and_an_index(done):
    reports = reports_of(done[0])
    assert sorted(p.stem for p in (reports / DAY).glob("*.html")) == [*PAGES, "personas"]
    assert sorted(p.stem for p in (reports / DAY).glob("*.ipynb")) == PAGES
    assert "A small shop" in (reports / "index.html").read_text()


def test_one_line_a_notebook_with_its_time(done):
    assert [line.split()[0] for line in done[1]] == PAGES
    assert all(line.endswith(" s") for line in done[1])


def test_files_of_the_run_are_those_of_the_design(done):
    names = {p.name for p in data_of(done[0]).iterdir()}
    made = {name for names in files.MAKERS.values() for name in names}
    absent = {"outcomes.parquet", "arms.parquet"}  # the shop lists no outcomes and no arms
    assert names >= made - absent | {"manifest.json"}


@pytest.mark.parametrize("spoil", ["claims.json", "personas.json", "customers.parquet"])
def test_kept_claims_that_no_longer_hold_stop_the_build(done, tmp_path, spoil):
    """With --only 05 the notebook that writes the file is not run, but its files are checked."""
    shutil.copytree(done[0].parents[2], tmp_path / "copy")
    path = tmp_path / "copy" / "data" / "shop" / "study.yaml"
    file, pages = data_of(path) / spoil, contents(reports_of(path))
    if spoil.endswith(".json"):
        text = file.read_text()
        number = re.search(r'"(?:value|share)": (0\.\d+)', text)
        file.write_text(text[: number.start(1)] + "0.123456" + text[number.end(1) :])
    else:
        table = pd.read_parquet(file)
        table["orders"] = table["orders"].to_numpy()[::-1]
        table.to_parquet(file)
    with pytest.raises(
        StudyError, match=rf"{spoil} in .* is not as \w+ wrote it when its page was made"
    ):
        run.run(str(path), only="05")
    assert contents(reports_of(path)) == pages


def test_manifest_says_what_made_the_run(done):
    manifest = json.loads((data_of(done[0]) / "manifest.json").read_text())
    assert manifest["seed"] == 7
    assert set(manifest["inputs"]) == {f"{name}.parquet" for name in shop_tables()}
    assert [step["name"] for step in manifest["steps"]] == PAGES
    assert set(manifest["times"]) == set(PAGES)


def test_no_path_of_the_staging_folder_is_left(done):
    for folder in (data_of(done[0]), reports_of(done[0])):
        for path in folder.rglob("*"):
            if path.suffix in {".json", ".html", ".ipynb", ".csv", ".sql"}:
                assert ".staging-" not in path.read_text(), path.name


def test_a_second_run_gives_identical_files(done, tmp_path):
    path = write_shop(tmp_path)
    run.run(str(path))
    first, second = contents(data_of(done[0])), contents(data_of(path))
    assert first.keys() == second.keys()
    manifests = [json.loads(found.pop("manifest.json")) for found in (first, second)]
    for manifest in manifests:
        manifest.pop("times")
        for step in manifest["steps"]:
            step.pop("fingerprint")  # of study.yaml at its place
    assert [name for name in first if first[name] != second[name]] == []
    assert manifests[0] == manifests[1]


def test_what_has_not_changed_is_not_run_again(done):
    before = contents(data_of(done[0]))
    said = []
    run.run(str(done[0]), say=said.append)
    assert [line.split()[1] for line in said] == ["unchanged"] * len(PAGES)
    assert contents(data_of(done[0])) == before


def copy_of(path, folder):
    """Copy a finished study with its reports to another folder; return its study.yaml."""
    shutil.copytree(path.parents[2], folder / "copy")
    return folder / "copy" / "data" / "shop" / "study.yaml"


def test_a_changed_parameter_runs_its_notebook_and_those_after(done, tmp_path):
    path = copy_of(done[0], tmp_path)
    said = []
    run.run(str(path), parameters={"k": "4"}, say=said.append)
    assert [line.split()[0] for line in said if "unchanged" in line] == PAGES[:2]
    verdict = json.loads((data_of(path) / "verdict.json").read_text())
    assert verdict["k"] == 4
    assert verdict["k_chosen_by"] == "analyst"


def test_what_depends_on_a_changed_notebook_follows(done, tmp_path):
    path = copy_of(done[0], tmp_path)
    said = []
    run.run(str(path), only="03", parameters={"03_clustering.k": "4"}, say=said.append)
    again = [line.split()[0] for line in said if line.endswith(" s")]
    assert again == PAGES[2:]
    people = json.loads((data_of(path) / "personas.json").read_text())
    assert json.loads((data_of(path) / "verdict.json").read_text())["k"] == len(people) == 4


def test_a_file_changed_by_hand_is_made_again(done, tmp_path):
    path = copy_of(done[0], tmp_path)
    verdict = data_of(path) / "verdict.json"
    good = verdict.read_text()
    verdict.write_text(good.replace('"k": ', '"k": 1'))
    said = []
    run.run(str(path), say=said.append)
    assert verdict.read_text() == good
    assert [line.split()[1] for line in said][:3] == ["unchanged", "unchanged", said[2].split()[1]]
    assert said[2].endswith(" s")


def test_two_files_of_one_name_are_two_inputs(tmp_path):
    shop, raw = shop_tables(), shop_study()
    raw["tables"]["transactions"]["source"] = "raw/*/sales.parquet"
    path = write_shop(tmp_path, tables=shop, study=raw)
    for year, part in (("2022", shop["transactions"][:10]), ("2023", shop["transactions"][10:])):
        folder = path.parent / "raw" / year
        folder.mkdir()
        part.to_parquet(folder / "sales.parquet")
    inputs = run._inputs(files.open_run(path))
    assert {"sales.parquet", "sales.parquet (2)"} <= set(inputs)
    assert inputs["sales.parquet"] != inputs["sales.parquet (2)"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("k", "50", "less than or equal to 20"),
        ("k", "-3", "greater than or equal to 0"),
        ("seed", "-1", "greater than or equal to 0"),
        ("method", "kmean", "'kmeans'"),
    ],
)
def test_parameter_out_of_bounds_is_refused_before_any_kernel(shop, name, value, words):
    with pytest.raises(StudyError, match=words):
        run.run(str(shop), parameters={name: value})
    assert not data_of(shop).exists()


def test_exit_2_leaves_no_folder_beside_a_study_of_its_own(tmp_path, capsys):
    shop = shop_tables()
    shop["customers"] = shop["customers"].iloc[[0, 0, 1]]
    path = write_shop(tmp_path, tables=shop)
    moved = tmp_path / "elsewhere"
    path.parent.rename(moved)
    before = sorted(moved.rglob("*"))
    assert cli.main(["run", str(moved / "study.yaml")]) == 2
    assert sorted(moved.rglob("*")) == before


def test_unknown_parameter_is_refused_with_the_accepted_names(shop, capsys):
    assert cli.main(["run", str(shop), "-p", "kk", "5"]) == 2
    error = capsys.readouterr().err
    assert "'kk'" in error
    assert "expected one of" in error
    assert "method" in error
    assert not data_of(shop).exists()
    assert not reports_of(shop).exists()


def test_parameter_of_another_type_is_refused(shop, capsys):
    assert cli.main(["run", str(shop), "-p", "k", "five"]) == 2
    assert "'five': expected a whole number" in capsys.readouterr().err
    assert not data_of(shop).exists()


def test_five_mistakes_come_at_once_and_nothing_is_written(tmp_path, capsys):
    raw = shop_study() | {"as_of": "soon", "colour": "red", "objective": ""}
    raw["tables"]["transactions"]["columns"]["amount"] = "payed"
    raw["tables"]["customers"]["source"] = "raw/custmers.parquet"
    path = write_shop(tmp_path, study=raw)
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["run", str(path)]) == 2
    error = capsys.readouterr().err
    assert "5 mistakes" in error
    for word in ("as_of", "colour", "objective", "payed", "custmers.parquet"):
        assert word in error
    assert "Traceback" not in error
    assert sorted(tmp_path.rglob("*")) == before


def test_a_user_mistake_inside_a_notebook_leaves_nothing(tmp_path, capsys):
    shop = shop_tables()
    shop["customers"] = shop["customers"].iloc[[0, 0, 1]]
    path = write_shop(tmp_path, tables=shop)
    assert cli.main(["run", str(path)]) == 2
    error = capsys.readouterr().err
    assert "customers table has 1 rows more" in error
    assert "Traceback" not in error
    assert not data_of(path).exists()
    assert not reports_of(path).exists()


def test_only_needs_an_earlier_run(shop, capsys):
    assert cli.main(["run", str(shop), "--only", "03"]) == 2
    assert "without --only" in capsys.readouterr().err


def test_only_an_unknown_notebook_is_refused(shop, capsys):
    assert cli.main(["run", str(shop), "--only", "07"]) == 2
    assert "'07'" in capsys.readouterr().err


def test_a_run_killed_half_way_leaves_the_last_pages_and_the_next_works(done, tmp_path):
    path = copy_of(done[0], tmp_path)
    folders = reports_of(path) / DAY, data_of(path)
    before = [contents(folder) for folder in folders]
    command = [sys.executable, "-m", "seglib.cli", "run", str(path), "--force"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, start_new_session=True)  # fmt: skip
    assert process.stdout.readline().startswith("01_data_collection")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list(path.parent.glob(".staging-*"))
    assert [contents(folder) for folder in folders] == before
    run.run(str(path))
    assert [p.name for p in path.parent.glob(".*")] == []
    assert [p.name for p in reports_of(path).glob(".*")] == []
    assert contents(folders[1]).keys() == before[1].keys()


def test_a_failing_notebook_is_named_with_its_cell_and_copy(done, tmp_path, monkeypatch, capsys):
    path = write_shop(tmp_path)
    broken = tmp_path / "notebooks"
    broken.mkdir()
    for source in (plan.ROOT / "notebooks").glob("*.ipynb"):
        text = source.read_text()
        if source.stem == "02_exploratory_analysis":
            text = text.replace("plots.style()", "1 / 0")
        (broken / source.name).write_text(text)
    monkeypatch.setattr(plan, "ROOT", tmp_path)
    assert cli.main(["run", str(path)]) == 1
    error = capsys.readouterr().err
    assert "02_exploratory_analysis failed in cell" in error
    assert "ZeroDivisionError" in error
    assert Path(error.split("executed copy: ")[1].strip().rstrip(")")).is_file()
    assert not data_of(path).exists()


def test_bare_papermill_honours_k_and_needs_no_runner(done, tmp_path, monkeypatch):
    monkeypatch.chdir(plan.ROOT)
    papermill.execute_notebook(
        "notebooks/03_clustering.ipynb", str(tmp_path / "out.ipynb"),
        parameters={"study": str(copy_of(done[0], tmp_path)), "k": 5}, progress_bar=False,
    )  # fmt: skip
    made = tmp_path / "copy" / "data" / "shop" / DAY / "verdict.json"
    assert json.loads(made.read_text())["k"] == 5


@pytest.mark.parametrize(
    ("notebook", "first"),
    [
        ("02_exploratory_analysis", "01_data_collection"),
        ("03_clustering", "01_data_collection"),
        ("04_persona_definition", "03_clustering"),
        ("05_measuring_results", "03_clustering"),
    ],
)
def test_a_notebook_whose_input_is_missing_says_which_to_run(shop, tmp_path, notebook, first):
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(
            str(plan.ROOT / "notebooks" / f"{notebook}.ipynb"), str(tmp_path / "out.ipynb"),
            parameters={"study": str(shop), "out": str(tmp_path / "empty")},
            progress_bar=False,
        )  # fmt: skip
    assert caught.value.ename == "StudyError"
    assert f"run {first} first" in caught.value.evalue
    assert len(caught.value.traceback) == 1  # the sentence alone, for the analyst too


def test_a_study_without_products_or_campaigns_has_shorter_reports(tmp_path):
    raw = shop_study()
    raw["tables"] = {"transactions": raw["tables"]["transactions"]}
    for role in ("product", "discount", "quantity"):
        del raw["tables"]["transactions"]["columns"][role]
    del raw["economics"]
    path = write_shop(tmp_path, study=raw)
    run.run(str(path))
    stems = sorted(p.stem for p in (reports_of(path) / DAY).glob("*.html"))
    assert stems == [name for name in (*PAGES, "personas") if name != "03_clustering_products"]
    for person in json.loads((data_of(path) / "personas.json").read_text()):
        assert person["facts"]
        topics = {gap["topic"] for gap in person["unknown"]}
        assert {"motivations", "who they are", "price stance", "channels"} <= topics


def test_check_says_that_a_study_is_sound(shop, capsys):
    assert cli.main(["check", str(shop)]) == 0
    assert "is sound" in capsys.readouterr().out


def test_accepted_parameters_are_those_of_the_notebooks(shop):
    with pytest.raises(StudyError, match=r"k, method, seed, unit|k, method"):
        plan.with_parameters(plan.steps(run.check(str(shop))), {"nothing": "1"})
