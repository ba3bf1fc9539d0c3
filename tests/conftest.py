"""A small shop with a planted answer, and which tests come first."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import functools

import pytest
import worlds

LONG = "test_golden.py"
"""Its runs take longest, so one process begins with them and the other takes the other files."""


once = functools.cache(worlds.shop_tables)
worlds.shop_tables = lambda: {name: table.copy() for name, table in once().items()}
"""Hundreds of tests want the shop, which takes half a second to draw: it is drawn once."""


def pytest_collection_modifyitems(items):
    """Put the longest file first."""
    items.sort(key=lambda item: item.path.name != LONG)


@pytest.fixture
def shop(tmp_path):
    """The path of a shop's study.yaml in a folder of its own."""
    return worlds.write_shop(tmp_path)
