"""Customers never seen get the segments that the rule gives; what is odd is counted and said."""

import json

import numpy as np
import pandas as pd
import pytest
from runs import shop_run
from test_sql import planted
from worlds import write_shop

from seglib import cli, clustering
from seglib.clustering import scoring as score
from seglib.clustering import segmenter
from seglib.study import StudyError


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("scored"))


@pytest.fixture(scope="module")
def run(path):
    made = shop_run(path)
    made.write("segments.sql", clustering.to_sql(made.read("model.json"), "customers", "customer"))
    made.write("personas.json", [{"segment": s, "name": f"Name {s}"} for s in (1, 2, 3)])
    return made


@pytest.fixture
def model(tmp_path):
    """A rule of all kinds of columns in a folder of its own, and the frame that made it."""
    frame = planted("mixed", 3).rename_axis("customer")
    rule = clustering.SegmentModel(n_segments=3, random_state=1).fit(frame).to_dict()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.json").write_text(json.dumps({**rule}))
    return tmp_path / "run", frame, rule


def test_rows_without_ids_are_called_by_their_number_if_that_is_wanted(model, tmp_path):
    folder, frame, rule = model
    frame.to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(StudyError, match="or --id '<row>' to number the rows"):
        score.score(folder, tmp_path / "new.csv")
    found = score.score(folder, tmp_path / "new.csv", "<row>").members
    assert list(found.index) == list(range(1, len(frame) + 1))
    assert found["segment"].tolist() == clustering.assign(rule, frame)["segment"].tolist()


def test_the_run_s_own_customers_get_their_segments_again(run):
    found = score.score(run.folder, run.folder / "customers.parquet").members
    members = run.read("segments.parquet")
    pd.testing.assert_frame_equal(found.drop(columns="name"), members, check_names=False)
    assert found["name"].tolist() == [f"Name {s}" for s in members["segment"]]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_gives_the_labels_of_the_frame(model, tmp_path, kind):
    folder, frame, rule = model
    table = tmp_path / f"new.{kind}"
    frame.assign(extra="x").to_csv(table) if kind == "csv" else frame.to_parquet(table)
    found = score.score(folder, table).members
    assert found["segment"].tolist() == clustering.assign(rule, frame)["segment"].tolist()


def test_missing_odd_far_and_unseen_values_are_counted_and_said(model, tmp_path):
    folder, frame, _ = model
    new = frame.iloc[:100].astype(object)
    new["spend"] = pd.Series(50.0, new.index, dtype=object)
    new.iloc[:7, new.columns.get_loc("spend")] = 1e6
    new.iloc[7:10, new.columns.get_loc("spend")] = "lots"
    new["plan"] = "b"
    new.iloc[:4, new.columns.get_loc("plan")] = "gold"
    new.to_csv(tmp_path / "new.csv")
    told = " ".join(score.score(folder, tmp_path / "new.csv").notes)
    assert "spend 7" in told.partition("beyond the limits")[2]
    assert "spend 3" in told.partition("a text where a number")[2]
    assert "plan 4 ('gold')" in told


def test_a_customer_s_key_keeps_its_leading_zeros(model, tmp_path):
    folder, frame, _ = model
    frame.head(3).rename_axis("client").set_axis(["007", "008", "1e5"]).rename_axis(
        "client"
    ).to_csv(tmp_path / "new.csv")
    found = score.score(folder, tmp_path / "new.csv", "client").members
    assert found.index.tolist() == ["007", "008", "1e5"]


# --- on the command line --------------------------------------------------------------------------


def test_score_writes_what_is_asked_and_says_how_many(run, tmp_path, capsys):
    out = tmp_path / "scored.csv"
    table = str(run.folder / "customers.parquet")
    assert cli.main(["score", str(run.folder), table, "-o", str(out)]) == 0
    head = ["customer", "segment", "name", "probability", "runner_up", "margin"]
    assert list(pd.read_csv(out)) == head
    assert "1 Name 1: " in capsys.readouterr().err
    assert cli.main(["score", str(run.folder), table]) == 0
    assert capsys.readouterr().out == out.read_text()


def refused(words, capsys):
    code = cli.main(["score", *map(str, words)])
    said = capsys.readouterr().err
    assert (code, said.count("\n")) == (2, 1)
    assert "Traceback" not in said
    return said


def test_what_is_not_a_model_is_refused(run, tmp_path, capsys):
    table, out = run.folder / "customers.parquet", tmp_path / "out.csv"
    odd = tmp_path / "model.json"
    model = run.read("model.json")
    for text, words in [
        ("{", "is not JSON"),
        ("[1]", "is not a model"),
        (json.dumps({"version": 1}), "is not a model"),
        (json.dumps({**model, "version": 7}), "version 7"),
    ]:
        odd.write_text(text)
        assert words in refused([odd, table, "-o", out], capsys)
    assert "there is no" in refused([tmp_path / "none", table, "-o", out], capsys)
    assert not out.exists()


def test_what_is_not_a_table_of_customers_is_refused(run, tmp_path, capsys):
    frame, out = run.read("customers.parquet"), tmp_path / "out.csv"

    def said(table, *more):
        table.to_csv(tmp_path / "t.csv", index=table.index.name is not None)
        return refused([run.folder, tmp_path / "t.csv", "-o", out, *more], capsys)

    lacking = said(frame.rename(columns={"orders": "order"}).drop(columns="spend"))
    assert "lacks 2 columns" in lacking
    assert "'orders' (did you mean 'order'?)" in lacking
    assert "no column 'customer'" in said(frame.reset_index(drop=True))
    assert "has no rows" in said(frame.head(0))
    assert "repeat the customer" in said(pd.concat([frame, frame.head(2)]))
    assert "1 rows have no customer" in said(frame.rename(index={frame.index[0]: np.nan}))
    assert "no column 'clint'" in said(frame, "--id", "clint")
    (tmp_path / "t.parquet").write_text("no")
    assert "cannot be read" in refused([run.folder, tmp_path / "t.parquet"], capsys)
    assert "expected a .parquet or .csv" in refused([run.folder, tmp_path / "t.xlsx"], capsys)
    assert "there is no table" in refused([run.folder, tmp_path / "u.csv"], capsys)
    assert not out.exists()


def test_neither_the_table_nor_the_run_is_overwritten(run, tmp_path, capsys):
    table = tmp_path / "t.parquet"
    run.read("customers.parquet").to_parquet(table)
    before = table.read_bytes()
    assert "the table itself" in refused([run.folder, table, "-o", table], capsys)
    into = run.folder / "segments.csv"
    assert "folder of a run" in refused([run.folder, table, "-o", into], capsys)
    assert "does not exist" in refused([run.folder, table, "-o", tmp_path / "x" / "o.csv"], capsys)
    assert "ends in .csv" in refused([run.folder, table, "-o", tmp_path / "o.txt"], capsys)
    assert table.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.parquet"]


def test_the_model_s_version_is_known(run):
    assert run.read("model.json")["version"] == segmenter.VERSION
    with pytest.raises(StudyError, match="there is no"):
        score.score("nowhere", "t.csv")


def test_a_row_without_any_value_gets_no_segment(run, tmp_path):
    people = pd.read_parquet(run.folder / "customers.parquet")
    people.iloc[0] = None
    people.to_parquet(tmp_path / "people.parquet")
    found = score.score(run.folder, tmp_path / "people.parquet")
    assert found.members["segment"].isna().sum() == 1
    assert any("get no segment" in note for note in found.notes)


def test_a_table_seen_for_longer_than_the_rule_is_told(run, tmp_path):
    (tmp_path / "people.parquet").write_bytes((run.folder / "customers.parquet").read_bytes())
    extent = json.loads((run.folder / "extent.json").read_text())
    (tmp_path / "extent.json").write_text(json.dumps(extent))
    assert not any(
        "history" in n for n in score.score(run.folder, tmp_path / "people.parquet").notes
    )
    (tmp_path / "extent.json").write_text(json.dumps(extent | {"history": extent["history"] + 90}))
    assert any("history" in n for n in score.score(run.folder, tmp_path / "people.parquet").notes)


def test_a_key_named_as_the_result_is_refused(run, tmp_path):
    people = pd.read_parquet(run.folder / "customers.parquet")
    people.reset_index(names="segment").to_parquet(tmp_path / "people.parquet")
    with pytest.raises(StudyError, match="'segment' is also a column of the result"):
        score.score(run.folder, tmp_path / "people.parquet", "segment")


def test_only_a_column_that_is_spare_is_suggested(model, tmp_path):
    folder, frame, _ = model
    new = frame.drop(columns=["x1", "spend"]).assign(spent=1.0, x9="a")
    new.to_csv(tmp_path / "new.csv")
    with pytest.raises(StudyError) as caught:
        score.score(folder, tmp_path / "new.csv")
    assert "'spend' (did you mean 'spent'?)" in str(caught.value)
    assert "did you mean 'x0'" not in str(caught.value)
