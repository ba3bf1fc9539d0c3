"""A small shop with a planted answer, and which tests run side by side."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from worlds import write_shop

LONG = "test_golden.py"
"""Each study that it runs takes long: they come first, wherever there is room."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep the tests of a file in one process, since they share fixtures; of LONG, of a study."""
    items.sort(key=lambda item: item.path.name != LONG)
    for item in items:
        study = item.name.partition("[")[2].rstrip("]")
        group = study if item.path.name == LONG else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def shop(tmp_path):
    """The path of a shop's study.yaml in a folder of its own."""
    return write_shop(tmp_path)
