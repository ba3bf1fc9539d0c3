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


# --- what goes with the rows of a table ---------------------------------------------------------


def labels(frame):
    """Return the planted groups of :func:`groups`."""
    return pd.Series(np.repeat(["a", "b", "c"], len(frame) // 3), frame.index)


@pytest.mark.parametrize(
    "given",
    [
        lambda own: own.sample(frac=1, random_state=1),
        lambda own: pd.concat([own, pd.Series(["x", "y"], ["new", "newer"])]),
        lambda own: own.reset_index(drop=True),
        lambda own: own.to_frame("segment"),
        lambda own: own.to_numpy()[:, None],
        lambda own: own.to_dict(),
        lambda own: own.astype("category").cat.add_categories("none"),
    ],
    ids=["shuffled", "longer", "numbered", "frame", "array", "dict", "categories"],
)
def test_labels_go_by_the_index_and_by_position_where_there_is_none(given):
    frame = groups(size=15)
    own = labels(frame)
    judged = seglib.judge(frame, given(own), k_max=2)
    named = judged.labels.map(judged.verdict.segments["label"])
    assert same(named, own)


def test_the_number_of_a_row_is_no_customer():
    frame = groups(size=15).set_axis(range(1, 46))
    judged = seglib.judge(frame, labels(frame).reset_index(drop=True), k_max=2)
    assert same(judged.labels.map(judged.verdict.segments["label"]), labels(frame))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda own: own.tolist()[:9], "9 values came as labels"),
        (lambda own: own.set_axis(own.index + "?"), "index of labels, .*shares nothing"),
        (lambda own: pd.concat([own, own.head(2)]), "index of labels, .*more than once"),
        (lambda own: "tier", "A str came as labels"),
        (lambda own: None, "A NoneType came as labels"),
        (lambda own: pd.concat([own, own], axis=1), "labels have 2 columns"),
    ],
)
def test_labels_of_no_row_are_one_sentence(given, words):
    frame = groups()
    with pytest.raises(seglib.StudyError, match=words) as caught:
        seglib.judge(frame, given(labels(frame)))
    assert "\n" not in str(caught.value)


# --- cli ------------------------------------------------------------------------------------------


LIGHT = "import sys, seglib.cli; print({'pandas', 'sklearn', 'papermill'} & set(sys.modules))"


def test_help_loads_no_heavy_library():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
