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
        (lambda f: f["spend"].to_numpy(), "ndarray of 1 dimensions"),
        (lambda f: f.to_dict("list"), "dict of 0 dimensions is no table"),
        (lambda f: f.to_records(), "recarray of 1 dimensions"),
        (lambda f: [[1, 2], [3]], "rows of one length"),
        (lambda f: f.assign(spend=[[1, 2]] * len(f)), "'spend' holds \\[1, 2\\] in a cell"),
        (lambda f: f.assign(spend=[*f["spend"][:-1], {}]), "'spend' holds {} in a cell"),
        (lambda f: f.assign(spend=f["spend"] + 1j), "complex"),
        (lambda f: f.assign(spend=f["spend"] * -1e300), "infinite or huge"),
        (lambda f: f.assign(spend=[-(10**400)] * len(f)), "infinite or huge"),
        (lambda f: f.assign(spend=pd.to_timedelta(f["spend"], "D")), "holds durations"),
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
        (lambda own: own.tolist()[:9], "9 rows .* came as labels"),
        (lambda own: own.set_axis(own.index + "?"), "180 rows \\['c000\\?'"),
        (lambda own: pd.concat([own, own.head(2)]), "A row twice came as labels"),
        (lambda own: "tier", "0 rows .* came as labels"),
        (lambda own: None, "0 rows .* came as labels"),
        (lambda own: pd.concat([own, own], axis=1), "Several columns came as labels"),
        (lambda own: np.c_[own, own], "Several columns came as labels"),
    ],
)
def test_labels_of_no_row_are_one_sentence(given, words):
    frame = groups()
    with pytest.raises(seglib.StudyError, match=words) as caught:
        seglib.judge(frame, given(labels(frame)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"value": ["much"] * 180}, "of value is no number"),
        ({"value": groups()}, "Several columns came as value"),
        ({"value": groups()["spend"].set_axis(range(900, 1080))}, "180 rows .* came as value"),
        ({"outcomes": groups()[["spend", "spend"]]}, "more than once"),
        ({"outcomes": groups().set_axis(range(900, 1080))}, "180 rows .* came as outcomes"),
        ({"outcomes": groups().assign(spend=np.inf)}, "infinite"),
        ({"outcomes": pd.Series("yes", groups().index)}, "of outcomes is no number"),
        ({"economics": {"margin": 0.3}}, "economics lacks cost_per_customer, weeks"),
        ({"previous": {"a": 1}}, "previous lacks segments, used"),
        ({"previous": 3}, "previous lacks segments, used"),
        ({"k": 2.5}, "k = 2.5: expected a whole number"),
        ({"k": "3"}, "k = '3': expected a whole number"),
        ({"k": True}, "k = True: expected a whole number"),
        ({"k_max": None}, "k_max = None: expected a whole number, 1 or more"),
        ({"seed": -1}, "seed = -1: expected a whole number, 0 or more"),
    ],
)
def test_what_cannot_be_taken_is_one_sentence(given, words):
    with pytest.raises(seglib.StudyError, match=words) as caught:
        seglib.segment(groups(), **given)
    assert "\n" not in str(caught.value)


def test_numbers_are_taken_however_they_are_written():
    frame = groups(size=15)
    spend = frame["spend"].tolist()
    found = seglib.segment(frame, k=3, k_max=3, value=frame["spend"])
    asked = {"k": 3.0, "k_max": np.int64(3), "seed": None, "value": spend, "outcomes": spend}
    again = seglib.segment(frame.rename(columns={"spend": "self"}), **asked)
    assert same(again.labels, found.labels) and again.verdict.usefulness is None


@pytest.mark.parametrize("most", [{}, {"k_max": 1}])
def test_of_too_few_rows_nothing_is_said_of_groups(most):
    frame = groups(size=60 if most else 1)
    judged = seglib.segment(frame.assign(own=frame["spend"] % 3), **most).verdict
    assert (judged.k, judged.kind) == (1, "none")
    assert judged.headline.startswith("Whether there are groups in these data was not tested")
    assert not any("borders" in reason for reason in judged.reasons)


def test_yes_and_no_and_rows_of_several_types_are_taken():
    rows = [(1.5, "x", True), (2, "y", None), (9, "x", False)] * 20
    columns = seglib.segment(rows, k=None, k_max=2).model["columns"]
    assert [rule["kind"] for rule in columns] == ["numeric", "nominal", "nominal"]
    assert columns[2]["levels"] == [False, True]


# --- cli ------------------------------------------------------------------------------------------


LIGHT = "import sys, seglib.cli; print({'pandas', 'sklearn', 'papermill'} & set(sys.modules))"


def test_help_loads_no_heavy_library():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
