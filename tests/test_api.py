"""The public functions of seglib, as a stranger's script calls them."""

import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import seglib


def groups(size=60, seed=3):
    """Return three groups of customers far apart, indexed by names."""
    rng = np.random.default_rng(seed)
    centres = [(10, 5), (30, 20), (60, 8)]
    rows = np.vstack([rng.normal(centre, 1.5, (size, 2)) for centre in centres])
    index = pd.Index([f"c{i:03d}" for i in range(len(rows))], name="customer")
    return pd.DataFrame(rows, index, ["orders", "spend"])


@pytest.fixture(scope="module")
def found():
    return seglib.segment(groups(), k_max=4, seed=1)


def test_importing_seglib_imports_no_library():
    heavy = {"pandas", "numpy", "sklearn", "ibis", "papermill", "matplotlib"}
    code = f"import sys, seglib; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_name_that_seglib_lacks_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'sgement'"):
        seglib.sgement  # noqa: B018


def same(one, other):
    return (one.to_numpy() == other.to_numpy()).all()


def test_an_array_is_a_table(found):
    other = seglib.segment(groups().to_numpy(), k_max=4, seed=1)
    assert same(other.labels, found.labels)
    assert [rule["name"] for rule in other.model["columns"]] == ["x0", "x1"]


@pytest.mark.parametrize("read", [Decimal, float])
def test_numbers_as_objects_are_numbers(found, read):
    frame = groups()
    frame["spend"] = pd.Series([read(repr(v)) for v in frame["spend"]], frame.index, dtype=object)
    before = frame.copy()
    assert same(seglib.segment(frame, k_max=4, seed=1).labels, found.labels)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.assign(spend=f["spend"].astype(str)), "'spend' holds numbers as text"),
        (lambda f: f.assign(spend=[*f["spend"][:-1], "many"]), "'spend' holds numbers and texts"),
        (lambda f: f["spend"].to_numpy(), "1 dimensions"),
        (lambda f: f.assign(spend=np.inf), "infinite"),
        (lambda f: f.head(1), "fewer than two rows"),
        (lambda f: f.set_axis(["a", "a"], axis=1), "more than once"),
        (lambda f: f.set_axis(["one"] * len(f)), "more than once"),
    ],
)
def test_what_cannot_be_segmented_is_one_sentence(spoil, words):
    with pytest.raises(seglib.StudyError, match=words) as caught:
        seglib.segment(spoil(groups()))
    assert "\n" not in str(caught.value)


def test_k_and_outcomes_are_taken():
    frame = groups()
    asked = seglib.segment(frame, k=2, outcomes=frame[["spend"]] * 2, k_max=4)
    assert asked.labels.nunique() == asked.verdict.k == 2
    assert any("predict" in reason for reason in asked.verdict.reasons)


# --- cli ------------------------------------------------------------------------------------------


LIGHT = "import sys, seglib.cli; print({'pandas', 'sklearn', 'papermill'} & set(sys.modules))"


def test_help_loads_no_heavy_library():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
