"""A small shop with a planted answer, for every test that needs a study."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from worlds import write_shop


@pytest.fixture
def shop(tmp_path):
    """The path of a shop's study.yaml in a folder of its own."""
    return write_shop(tmp_path)
