"""The project's own files agree with each other."""

import ast
import json
import re
import tomllib
from pathlib import Path

import papermill
import pytest
import yaml

from seglib import runs

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ASKED = {"jupyterlab", "pandas", "seaborn", "scikit-learn", "papermill"}


def name_and_bound(requirement):
    name, bound = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?(.*)", requirement).groups()
    return name.lower().replace("_", "-"), bound


def test_environment_has_the_bounds_of_pyproject():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = dict(name_and_bound(line) for line in listed if isinstance(line, str))
    declared = dict(name_and_bound(line) for line in PROJECT["dependencies"])
    assert set(conda) - {"python", "pip"} == ASKED
    assert {name: conda[name] for name in ASKED} == {name: declared[name] for name in ASKED}
    assert conda["python"] == PROJECT["requires-python"]
    assert {"pip": ["-e ."]} in listed


def test_lock_holds_every_dependency_within_its_bound_and_no_address():
    text = (ROOT / "requirements.lock").read_text() + (ROOT / "tests" / "spark.lock").read_text()
    assert "://" not in text
    locked = dict(re.findall(r"^([a-z0-9.-]+)(?:\[.*\])?==([^ ]+)", text, re.M))
    assert text.count("==") >= len(locked) and "--hash=sha256:" in text
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    for requirement in PROJECT["dependencies"] + extras:
        name, bound = name_and_bound(requirement)
        least = [int(part) for part in bound.removeprefix(">=").split(".")]
        found = [int(part) for part in re.findall(r"\d+", locked[name])]
        assert found[: len(least)] >= least, requirement


def test_the_licence_of_every_dependency_is_named():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    names = {name_and_bound(line)[0] for line in PROJECT["dependencies"] + extras}
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


def test_there_are_seven_notebooks():
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06", "07"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return json.loads(request.param.read_text())


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def lines_of(cell):
    return [line for line in "".join(cell["source"]).splitlines() if line.strip()]


def test_notebook_has_no_outputs(notebook):
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code_cells(notebook))


def test_notebook_runs_on_the_kernel_that_everybody_has(notebook):
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


def test_notebook_opens_with_question_answer_parameters_imports(notebook):
    first, answer, parameters = notebook["cells"][:3]
    assert "".join(first["source"]).startswith("# ")
    assert "".join(first["source"]).splitlines()[0].endswith("?")
    assert "".join(answer["source"]).startswith("answer = display(")
    assert parameters["metadata"]["tags"] == ["parameters"]
    begins = [
        lines_of(cell)[0].startswith(("import ", "from ")) for cell in code_cells(notebook)[2:]
    ]
    assert begins[0] and begins == sorted(begins, reverse=True)  # imports, then all else
    later = [line for cell in code_cells(notebook)[2 + sum(begins) :] for line in lines_of(cell)]
    assert not any(line.startswith(("import ", "from ")) for line in later)


def test_notebook_cells_are_short_and_define_no_classes(notebook):
    lengths = sorted(len(lines_of(cell)) for cell in code_cells(notebook))
    assert lengths[-1] <= 15
    source = "\n".join("".join(cell["source"]) for cell in code_cells(notebook))
    assert not re.search(r"^\s*class ", source, re.M)
    assert 20 <= len(notebook["cells"]) <= 60


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_parameter_is_typed_and_explained(path):
    written = next(
        cell for cell in code_cells(json.loads(path.read_text()))
        if "parameters" in cell["metadata"].get("tags", [])
    )  # fmt: skip
    known = papermill.inspect_notebook(str(path))
    assert len(known) == len(lines_of(written))
    for parameter in known.values():
        assert parameter["inferred_type_name"] in {"str", "int", "float", "bool"}
        assert parameter["help"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_that_writes_a_file_is_known_as_its_maker(path):
    code = "\n".join(cell["source"] for cell in papermill.iorw.load_notebook_node(str(path)).cells)
    names = re.findall(r"\.write\(f?[\"']((?:\{prefix\})?[\w.]+)[\"']", code)
    for name in (name.replace("{prefix}", "") for name in names):
        assert runs.maker(name).startswith(path.stem), name


def test_no_function_is_longer_than_sixty_lines():
    for path in (ROOT / "seglib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, (path.name, node.name)
