"""Segments as a model: assigned, numbered, and kept where an analyst made them."""

import json

import numpy as np
import pandas as pd
import pytest

import seglib
from seglib import plan, runs, wording
from seglib.clustering import Encoder, SegmentModel, assign, to_sql
from seglib.clustering.segmenter import check, choose_method, read_labels
from seglib.study import StudyError


def table(sizes=(60, 50, 40, 30), seed=0, first=0):
    """One row a customer: as many far groups as sizes; returns the frame and the group of each."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    x = 9 * np.eye(6)[truth] + rng.normal(0, 0.5, (len(truth), 6))
    index = pd.Index(first + np.arange(len(truth)), name="customer")
    return pd.DataFrame(x, index, list("abcdef")), pd.Series(truth, index)


def run(frame, k, before=None, used=None, value=None):
    """Return the labels of a run numbered after the labels of another, and its model."""
    given = None
    if before is not None:
        given = {"segments": before, "used": used or int(before.max()), "as_of": "2024-01-01"}
    model = SegmentModel(n_segments=k, random_state=3).fit(frame).number(frame, value, given)
    return model.predict(frame)["segment"], model.to_dict()


def test_without_an_earlier_run_the_highest_value_comes_first():
    frame, truth = table()
    found, model = run(frame, 4, value=truth.astype(float))
    assert (found == 4 - truth).all()
    assert "numbered" not in model


def test_numbers_stay_with_their_people_whatever_the_value():
    frame, truth = table()
    before, _ = run(frame, 4)
    again, model = run(table(seed=5)[0], 4, before, value=truth.astype(float))
    assert (again == before).all()
    assert model["numbered"]["shared"] == 180
    assert {row["segment"]: row["both"] for row in model["numbered"]["kept"]} == {
        1: 60, 2: 50, 3: 40, 4: 30,
    }  # fmt: skip


def test_one_segment_more_gets_a_new_number_and_the_others_keep_theirs():
    frame, truth = table()
    before, _ = run(frame[truth < 3], 3)
    later, model = run(frame, 4, before)
    assert (later[before.index] == before).all()
    assert set(later[truth == 3]) == {4}
    assert model["numbered"]["new"] == [4]


def test_one_segment_fewer_leaves_a_gap_and_its_number_is_not_used_again():
    frame, truth = table()
    first, _ = run(frame, 4)
    second, model = run(frame[truth != 1], 3, first)
    assert (second == first[second.index]).all()
    assert (model["numbers"], model["numbered"]["gone"]) == ([1, 3, 4], [2])
    newcomers = frame[truth == 1].set_axis(range(900, 950))
    third, model = run(pd.concat([frame[truth != 1], newcomers]), 4, second, used=4)
    assert set(third[newcomers.index]) == {5}
    assert model["numbers"] == [1, 3, 4, 5]


def test_sql_probabilities_and_verdict_speak_of_the_same_numbers():
    frame, truth = table()
    first, _ = run(frame, 4)
    kept = frame[truth != 1]
    given = {"segments": first, "used": 4, "as_of": "2024-01-01", "digest": "x"}
    found = seglib.segment(
        kept, k=3, previous=given, outcomes=pd.DataFrame({"spend": 1.0 + truth[kept.index]})
    )
    assert sorted(found.labels.unique()) == [1, 3, 4]
    assert set(found.members["runner_up"]) <= {1, 3, 4}
    assert found.verdict.segments["n"].to_dict() == {1: 60, 3: 40, 4: 30}
    assert "THEN 4" in to_sql(found.model, "customers", "customer")
    pd.testing.assert_frame_equal(assign(found.model, kept), found.members, rtol=1e-6)


def test_a_segment_that_splits_gives_its_number_to_the_part_with_most_of_its_people():
    frame, truth = table()
    before = truth.map({0: 1, 1: 2, 2: 2, 3: 3})
    later, model = run(frame, 4, before)
    assert [set(later[truth == i]) for i in range(4)] == [{1}, {2}, {4}, {3}]
    assert model["numbered"]["new"] == [4]


def test_people_shuffled_among_segments_keep_no_number():
    frame, truth = table((60, 60, 60, 60))
    shuffled = pd.Series(np.random.default_rng(1).permutation(truth) + 1, truth.index)
    later, model = run(frame, 4, shuffled)
    assert sorted(later.unique()) == [5, 6, 7, 8]
    assert model["numbered"]["kept"] == []


@pytest.mark.parametrize("seed", range(8))
def test_two_halves_thrown_together_by_chance_are_not_the_same(seed):
    frame, truth = table((90, 90))
    rng = np.random.default_rng(seed)
    assert not set(run(frame, 2, pd.Series(rng.integers(1, 3, 180), truth.index))[0]) & {1, 2}


def test_one_segment_is_everybody_and_always_number_one():
    frame, _ = table()
    before, _ = run(frame, 4)
    assert set(run(frame, 1, before, used=7)[0]) == {1}


# --- assigning ----------------------------------------------------------------------------------


def mixed(n=240):
    rng = np.random.default_rng(3)
    group = np.arange(n) % 3
    frame = pd.DataFrame({
        "spend": np.exp(group + rng.normal(0, 0.4, n)) * 10,
        "plan": pd.Categorical(np.array(["basic", "plus", "pro"])[group]),
        "rating": pd.Categorical(1 + (group + rng.integers(0, 2, n)), [1, 2, 3, 4], ordered=True),
    })  # fmt: skip
    return frame.mask(rng.random(frame.shape) < 0.05)


@pytest.mark.parametrize("method", ["mixed", "gmm", "latent_class"])
def test_a_model_is_its_plain_numbers(method):
    frame = mixed()
    model = SegmentModel(n_segments=3, method=method).fit(frame)
    again = SegmentModel.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    members = model.predict(frame)
    pd.testing.assert_frame_equal(again.predict(frame), members)
    assert (members["runner_up"] != members["segment"]).all()
    assert members["probability"].between(1 / 3, 1).all()
    chance = model.predict_proba(frame)
    assert (chance.idxmax(axis=1) == members["segment"]).all()
    assert chance.sum(axis=1).to_numpy() == pytest.approx(np.ones(240))


def test_one_segment_has_no_runner_up():
    members = SegmentModel(n_segments=1).fit(table()[0]).predict(table()[0])
    assert (members == [1, 1.0, 0, 1.0]).all(axis=None)


@pytest.mark.parametrize(
    ("columns", "method"),
    [(["spend"], "kmeans"), (["spend", "rating"], "kmeans"), (["spend", "plan"], "mixed"),
     (["plan", "rating"], "latent_class")],
)  # fmt: skip
def test_auto_follows_the_column_types(columns, method):
    assert choose_method("auto", Encoder().fit(mixed()[columns])) == method


def test_a_method_or_a_number_that_makes_no_sense_is_refused():
    frame = table()[0]
    encoder = Encoder().fit(frame)
    with pytest.raises(StudyError, match="'kmean' is unknown"):
        choose_method("kmean", encoder)
    with pytest.raises(StudyError, match="k = 100 segments were asked for"):
        check(frame, encoder, k=100)
    with pytest.raises(StudyError, match="expected whole numbers"):
        check(frame, encoder, k_max=0)
    assert check(frame.head(30), encoder, k_max=8) == 3  # ten rows a segment


# --- segments of an analyst ---------------------------------------------------------------------


def test_labels_that_were_given_are_kept_and_newcomers_go_to_the_nearest_centre():
    frame, truth = table()
    labels = truth.map({0: "gold", 1: "silver", 2: "tin", 3: "lead"})
    labels.iloc[0], odd = np.nan, labels.index[1]
    labels[odd] = "lead"
    model = SegmentModel.from_labels(frame, labels).number(frame)
    found = model.predict(frame)["segment"]
    named = dict(zip(model.numbers_, model.names_, strict=True))
    assert found.map(named)[odd] == "lead"
    assert found.map(named).iloc[0] == "gold"
    assert named == {1: "gold", 2: "silver", 3: "tin", 4: "lead"} or found[odd] == 4
    assert assign(model.to_dict(), frame)["segment"][odd] == 1  # by the rule: among its like
    assert model.to_dict()["names"]["1"] == "gold"


@pytest.mark.parametrize("method", ["kmeans", "gmm", "labels"])
def test_rows_assigned_in_blocks_are_assigned_as_in_one(method, monkeypatch):
    frame, truth = table()
    frame.iloc[::7, 0] = np.nan
    model = SegmentModel(n_segments=4, method="auto" if method == "labels" else method)
    model.fit(frame, truth if method == "labels" else None).number(frame)
    whole, chances = model.predict(frame), model.predict_proba(frame)
    monkeypatch.setattr("seglib.clustering.segmenter.BLOCK", 50)
    assert (model.predict(frame)["segment"] == whole["segment"]).all()
    pd.testing.assert_frame_equal(model.predict(frame), whole)
    pd.testing.assert_frame_equal(model.predict_proba(frame), chances)
    assert model.predict(frame.head(0)).empty


def test_segments_of_a_large_table_are_those_of_its_sample(monkeypatch):
    frame, _ = table()
    monkeypatch.setattr("seglib.stats.sample", lambda x, seed: x.iloc[::2])
    model, half = (SegmentModel(Encoder().fit(frame), 4) for _ in range(2))
    model.fit(frame)
    monkeypatch.undo()
    assert model.parameters_ == half.fit(frame.iloc[::2]).parameters_


def test_a_model_tells_the_column_of_its_labels_and_how_many_had_none():
    frame, truth = table()
    labels = truth.rename("tier").where(truth.index >= 40)
    model = SegmentModel.from_labels(frame, labels)
    assert (model.unlabelled_, model.to_dict()["labels_from"]) == ("40", "tier")
    assert "labels_from" not in SegmentModel.from_labels(frame, truth.rename(None)).to_dict()
    words = {"method": "labels", "chosen": "verdict", "agrees": 1.0, "n": "180"}
    assert "; 40 of 180 had no label and" in wording.plain(
        "verdict", "method", **words, without="40"
    )
    assert "had no label" not in wording.plain("verdict", "method", **words, without="")


def test_one_label_for_all_is_refused():
    frame, truth = table()
    with pytest.raises(StudyError, match="make 1 segments of 180 of 180 rows"):
        SegmentModel.from_labels(frame, truth * 0)


def test_labels_are_a_column_or_a_file_beside_the_study(tmp_path):
    frame, truth = table()
    assert read_labels("", frame, tmp_path) is None
    assert (read_labels("a", frame, tmp_path) == frame["a"]).all()
    truth.rename("tier").to_csv(tmp_path / "mine.csv")
    assert (read_labels("mine.csv", frame, tmp_path).astype(int) == truth).all()
    with pytest.raises(StudyError, match="labels is 'mine"):
        read_labels("mine.cvs", frame, tmp_path)


TEN = pd.DataFrame({"a": range(10)}, pd.Index(range(1, 11), name="customer"))
MINE = pd.Series(list("aabbaabbcc"), TEN.index.astype(str), name="tier").rename_axis("who")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: MINE.to_csv(path, sep=";"),
        lambda path: MINE.to_csv(path, sep="\t", encoding="utf-8-sig"),
        lambda path: MINE.reset_index()[["tier", "who"]].to_csv(path, index=False),
        lambda path: MINE.set_axis(MINE.index + ".0").to_csv(path),
        lambda path: MINE.set_axis(TEN.index.to_numpy()[::-1])[::-1].to_frame().to_parquet(path),
        lambda path: pd.concat([MINE, pd.Series("z", ["99", "98"])]).to_csv(path),
    ],
)
def test_a_file_of_labels_is_read_as_it_is_meant(tmp_path, write):
    path = tmp_path / ("mine.parquet" if "parquet" in write.__code__.co_names[-1] else "mine.CSV")
    write(path)
    labels = read_labels(path.name, TEN, tmp_path)
    expected = MINE[::-1] if path.suffix == ".parquet" else MINE
    assert labels.tolist() == expected.tolist() and labels.index.equals(TEN.index)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as csv"),
        (b"who\n1\n2\n", "has 1 columns: expected two"),
        (b"who,tier,more\n1,a,b\n", "has 3 columns: expected two"),
        (b"who,tier\n", "names nobody of the table: expected ids such as '1'"),
        (b"who,tier\n1,a\n1,b\n", "names '1' twice"),
        ("who,tier\n1,\u00e9\n".encode("cp1252"), "is not UTF-8 text: save it as CSV UTF-8"),
    ],
)
def test_a_file_of_no_labels_is_one_sentence(tmp_path, content, words):
    (tmp_path / "mine.csv").write_bytes(content)
    with pytest.raises(StudyError, match=words) as caught:
        read_labels("mine.csv", TEN, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_broken_parquet_of_labels_is_one_sentence(tmp_path):
    (tmp_path / "mine.parquet").write_text("x")
    with pytest.raises(StudyError, match="cannot be read as parquet"):
        read_labels("mine.parquet", TEN, tmp_path)


def test_what_is_asked_of_segments_is_asked_of_customers():
    steps = plan.steps(runs.open_run("complete_journey"))
    asked = {"labels": "income", "k": "4", "method": "gmm", "03_clustering_products.k": "3"}
    given = {step.name: step.parameters for step in plan.with_parameters(steps, asked)}
    assert given["03_clustering"].items() >= {"labels": "income", "k": 4, "method": "gmm"}.items()
    assert given["03_clustering_products"] == {"unit": "products", "k": 3}
