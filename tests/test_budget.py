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
GROUND = {"wording", "formats", "layout", "study", "stats", "privacy", "publish"}
BELOW = GROUND | {"runs", "power", "plots"}
LINES = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
ROOMS = [  # lines, docstrings and all, and files that each may have; "" is what stands in no room
    ("", 4289, 17),
    ("collection", 5016, 17),
    ("clustering", 4000, 14),
    ("personas", 2549, 10),
    ("measuring", 2082, 7),
    ("report", 1538, 7),
]
WORDS = 3188  # lines of templates, tables of words and styles
DEEPEST = 8  # modules in the longest chain of imports


def imported(name):
    """Return the modules of seglib that a module imports when it is imported itself."""
    tree = ast.parse(MODULES[name].read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return {one for one in found if one in MODULES and one not in {name, "seglib"}}


def rooms(name):
    return {one.split(".")[1] for one in imported(name)}


@pytest.mark.parametrize("name", sorted(BELOW))
def test_the_ground_stands_on_itself(name):
    assert rooms(f"seglib.{name}") <= (GROUND if name in GROUND else BELOW)


HEIGHTS = {"collection": 1, "clustering": 2, "personas": 3, "measuring": 3, "report": 4}
COLLECTION = sorted(name for name in MODULES if name.startswith("seglib.collection."))


@pytest.mark.parametrize("room", HEIGHTS)
def test_a_room_imports_only_what_is_below_it(room):
    names = [name for name in MODULES if f"{name}.".startswith(f"seglib.{room}.")]
    lower = {other for other, height in HEIGHTS.items() if height < HEIGHTS[room]}
    beyond = {name: rooms(name) - BELOW - lower - {room} for name in names}
    assert names and {name: above for name, above in beyond.items() if above} == {}


def test_no_module_of_collection_imports_itself_by_way_of_others():
    graph = {name: [one for one in imported(name) if one in COLLECTION] for name in COLLECTION}
    assert len([*TopologicalSorter(graph).static_order()]) == len(COLLECTION)  # no circle


@pytest.mark.parametrize(("room", "most", "files"), ROOMS, ids=[room for room, *_ in ROOMS])
def test_a_room_has_its_size(room, most, files):
    names = [n for n in MODULES if f"{n}.".startswith(f"seglib.{room}.".replace("..", "."))]
    if not room:
        names = [n for n in names if MODULES[n].parent == ROOT]
    assert sum(LINES[name] for name in names) <= most
    assert len(names) <= files


def test_words_and_templates_have_their_size():
    kinds = {".j2", ".yaml", ".css"}
    paths = [path for path in ROOT.rglob("*") if path.suffix in kinds]
    assert 0 < sum(len(path.read_text().splitlines()) for path in paths) <= WORDS


def test_no_file_is_long():
    assert {name: n for name, n in LINES.items() if n > 400} == {}


def test_imports_are_no_deeper_than_they_are():
    graph, depth = {name: imported(name) for name in MODULES}, {}
    for name in TopologicalSorter(graph).static_order():
        depth[name] = 1 + max((depth[below] for below in graph[name]), default=0)
    assert max(depth.values()) <= DEEPEST, depth


def test_no_line_is_kept_from_the_formatter():
    assert [name for name, path in MODULES.items() if "fmt: " + "skip" in path.read_text()] == []
