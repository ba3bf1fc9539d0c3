"""The helper stays small: rooms import only what is below them, files and rooms have a size."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "seglib"
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}
GROUND = {"wording", "formats", "layout", "study", "stats", "privacy"}
BELOW = GROUND | {"runs"}
COLLECTION_SIZE, COLLECTION_FILES = 4998, 17  # lines, docstrings and all


def imported(name):
    """Return the modules of seglib that a module imports when it is imported itself."""
    tree = ast.parse(MODULES[name].read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return {one for one in found if one in MODULES and one not in {name, "seglib"}}


def rooms(name):
    return {one.split(".")[1] for one in imported(name)}


@pytest.mark.parametrize("name", sorted(GROUND))
def test_the_ground_stands_on_itself(name):
    assert rooms(f"seglib.{name}") <= GROUND


COLLECTION = sorted(name for name in MODULES if name.startswith("seglib.collection."))


@pytest.mark.parametrize("name", COLLECTION)
def test_collection_imports_only_what_is_below_it(name):
    assert rooms(name) <= BELOW | {"collection"}


def test_no_module_of_collection_imports_itself_by_way_of_others():
    graph = {name: [one for one in imported(name) if one in COLLECTION] for name in COLLECTION}
    assert len([*TopologicalSorter(graph).static_order()]) == len(COLLECTION)  # no circle


def test_collection_has_its_size():
    sizes = {name: len(MODULES[name].read_text().splitlines()) for name in COLLECTION}
    assert sum(sizes.values()) <= COLLECTION_SIZE and max(sizes.values()) <= 400, sizes
    assert len(sizes) <= COLLECTION_FILES


ROOMS = {"clustering": 3543, "personas": 2300, "measuring": 2231, "report": 1695}


def test_the_ground_has_its_size():
    sizes = {n: len((ROOT / f"{n}.py").read_text().splitlines()) for n in BELOW - {"wording"}}
    assert sum(sizes.values()) <= 2083 and max(sizes.values()) <= 400, sizes


@pytest.mark.parametrize(("name", "most"), ROOMS.items())
def test_a_room_has_its_size(name, most):
    assert sum(len(p.read_text().splitlines()) for p in (ROOT / name).glob("*.py")) <= most


def test_no_line_is_kept_from_the_formatter():
    assert [name for name, path in MODULES.items() if "fmt: " + "skip" in path.read_text()] == []
