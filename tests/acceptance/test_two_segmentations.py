"""Valid studies do not crash, and pages never speak of two segmentations."""

import re

import pandas as pd
import pytest
import worlds


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of a finished run, to be spoilt."""
    return finished("trials").copy(tmp_path)


def pages(run):
    return {page: page.read_bytes() for page in run.pages}


def refuses(done, run, before):
    """Exit code 2 and one sentence that says what to run; the pages are as they were."""
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert re.search(r"\w\.(parquet|json)\b.*\brun\b", done.stderr)
    assert pages(run) == before
    return True


def test_replaced_labels_are_refused_in_one_sentence(copied, call):
    before = pages(copied)
    path = copied.files / "segments.parquet"
    labels = pd.read_parquet(path)
    labels["segment"] = labels["segment"].to_numpy()[::-1]
    labels.to_parquet(path)
    assert refuses(call("run", copied.path, "--only", "05"), copied, before)


def test_another_segmentation_made_by_hand_is_refused_in_one_sentence(copied, notebook, call):
    before = pages(copied)
    notebook("03_clustering", copied.path, k=3)
    assert refuses(call("run", copied.path, "--only", "05"), copied, before)


def test_a_share_of_spend_as_a_feature_ends_in_personas(tmp_path, notebook):
    path, files = worlds.write_shop(tmp_path, *worlds.dairy()), tmp_path / "files"
    for name in ("01_data_collection", "03_clustering", "04_persona_definition"):
        notebook(name, path, files)
    assert (files / "personas.json").exists()
