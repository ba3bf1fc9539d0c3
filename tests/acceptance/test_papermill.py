"""Point 9: every notebook runs by papermill alone, and says which other one it needs first."""

import json

import papermill as library
import pytest


def notebooks(done):
    """Return the names of the notebooks that a run has used, in order."""
    return list(dict.fromkeys(step["notebook"] for step in done.json("manifest.json")["steps"]))


@pytest.mark.point(9)
def test_papermill_alone_makes_the_files_of_a_run_and_honours_k(
    club, papermill, notebook, tmp_path
):
    for name in notebooks(club):
        notebook(name, club.path, tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"customers.parquet", "segments.csv", "personas.json"} <= set(made)
    assert made == {name: (club.files / name).read_bytes() for name in made}
    result = papermill("03_clustering", club.path, tmp_path, "-p", "k", 3)
    assert result.returncode == 0, result.stderr[-2000:]
    assert json.loads((tmp_path / "verdict.json").read_text())["k"] == 3


@pytest.mark.point(9)
def test_papermill_alone_runs_the_notebooks_that_only_a_shop_has(shop, club, notebook, tmp_path):
    copy = shop.copy(tmp_path)
    for name in notebooks(shop):
        if name not in notebooks(club):
            notebook(name, copy.path, copy.files)
            assert copy.json("measures.json") == shop.json("measures.json")


@pytest.mark.point(9)
@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("02_exploratory_analysis", "01_data_collection"),
        ("03_clustering", "01_data_collection"),
        ("04_persona_definition", "03_clustering"),
        ("05_measuring_results", "03_clustering"),
    ],
)
def test_a_missing_input_names_the_notebook_that_makes_it(shop, notebook, tmp_path, name, first):
    with pytest.raises(library.PapermillExecutionError) as caught:
        notebook(name, shop.path, tmp_path / "empty")
    sentence = [line for line in str(caught.value).splitlines() if "is not in" in line]
    assert sentence and first in sentence[-1]
