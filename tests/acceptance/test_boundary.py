"""The acceptance tests know seglib from outside only."""

import re
from pathlib import Path

INSIDE = re.compile(r"^\s*(from seglib[.\w]*|import seglib\.[\w.]+)", re.MULTILINE)


def test_nothing_is_imported_from_inside_seglib():
    folder = Path(__file__).parent
    files = [*folder.glob("*.py"), folder.parent / "worlds.py"]
    inside = {f.name: INSIDE.findall(f.read_text()) for f in files}
    assert {name: lines for name, lines in inside.items() if lines} == {}
    assert len(files) > 2
