"""A small shop with a planted answer, for every test that needs a study."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from worlds import write_shop

from seglib import run


@pytest.fixture
def shop(tmp_path):
    """The path of a shop's study.yaml in a folder of its own."""
    return write_shop(tmp_path)


@pytest.fixture(scope="session")
def done(tmp_path_factory):
    """A finished run of the shop: the path of its study.yaml and the lines that were said."""
    path = write_shop(tmp_path_factory.mktemp("done"))
    said = []
    run.run(str(path), say=said.append)
    return path, said
