"""Two runs are compared over equally long histories, or one sentence says why not."""

from datetime import date

import pandas as pd
import pytest
from runs import shop_run, two_runs, verdict
from worlds import write_shop

from seglib import files
from seglib.measuring import earlier


def frame(n=40, start=0):
    return pd.DataFrame(
        {"orders": [float(i % 11) for i in range(n)], "spend": [float(i % 7) for i in range(n)]},
        index=pd.Index(range(start, start + n), name="customer"),
    )


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """Two runs of the shop, four months apart; history grows from 90 to 212 days."""
    path = write_shop(tmp_path_factory.mktemp("earlier"))
    last, run = shop_run(path, as_of=date(2023, 4, 1)), shop_run(path)
    for each in (last, run):
        each.write("verdict.json", verdict())
    return last, run


def test_features_of_today_are_taken_again_from_as_many_days(shops):
    last, run = shops
    pair, note = earlier.pair(run)
    assert note == "" and pair.last.as_of == last.as_of and pair.days == 90
    assert pair.then.equals(last.read("customers.parquet"))
    longer = run.read("customers.parquet")["orders"].mean()
    assert pair.now["orders"].mean() < 0.6 * longer
    assert pair.now["recency"].max() <= 90


def test_the_notes_name_the_days_and_the_season(shops):
    notes = " ".join(earlier.pair(shops[1])[0].notes)
    assert "90 days" in notes and "212" in notes and "seasons" in notes
    assert "share" not in notes  # 122 days apart, 90 days each: nothing overlaps


def test_overlapping_histories_are_said(shops):
    notes = earlier._notes(shops[1], shops[0], 152, 152)
    assert any("share 30 days" in note for note in notes)


def test_without_an_earlier_run_there_is_a_sentence(shops):
    pair, note = earlier.pair(shops[0])
    assert pair is None and "no run of this study before 2023-04-01" in note


def test_an_earlier_run_that_is_not_finished_is_passed_over(tmp_path):
    run = two_runs(tmp_path, [frame(), frame()])
    half = tmp_path / "2024-06-01"
    half.mkdir()
    (half / "model.json").write_text("{}")
    (tmp_path / "notes").mkdir()
    assert earlier.pair(run)[0].last.as_of == date(2024, 4, 1)
    assert run.earlier("model.json") == {}


def test_a_column_that_is_gone_is_said_in_one_sentence(tmp_path):
    run = two_runs(tmp_path, [frame(), frame()])
    run.write("customers.parquet", frame().drop(columns="spend"))
    pair, note = earlier.pair(run)
    assert pair is None and note.count(".") == 1 and "'spend'" in note


def test_data_that_begin_later_than_then_are_not_compared(shops):
    last, run = shops
    was = last.read("extent.json")
    last.write("extent.json", was | {"first": "2022-01-01"})
    try:
        pair, note = earlier.pair(run)
    finally:
        last.write("extent.json", was)
    assert pair is None and "cannot be compared" in note


def test_the_newest_of_several_earlier_runs_is_taken(tmp_path):
    run = two_runs(tmp_path, [frame(), frame()])
    later = files.Run(run.study, date(2024, 10, 1), tmp_path / "2024-10-01", 7)
    assert later.predecessor("model.json").as_of == date(2024, 7, 1)
    assert later.predecessor("nothing.json") is None
