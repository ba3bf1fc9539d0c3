"""Point 13: score gives a run's own customers their segments, and counts what is odd."""

import io
import re

import pandas as pd
import pytest


@pytest.mark.point(13)
@pytest.mark.parametrize("name", ["shop", "club"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_own_customers_of_a_run_get_their_segments_again(
    finished, call, tmp_path, name, suffix
):
    done, out = finished(name), tmp_path / f"scored.{suffix}"
    result = call("score", done.files, done.files / "customers.parquet", "-o", out)
    assert (result.returncode, result.stdout.strip()) == (0, str(out))
    scored = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out).reset_index()
    both = scored.merge(done.frame("segments.csv"), on="customer", suffixes=("", "_own"))
    assert len(both) == len(scored) == len(done.frame("segments.csv"))
    assert (both["segment"] == both["segment_own"]).all()
    assert (both["name"] == both["name_own"]).all()
    for segment, size in both["segment"].value_counts().items():
        assert re.search(rf"^{segment} .*\b{size}\b", result.stderr, re.MULTILINE)


@pytest.mark.point(13)
def test_what_is_missing_odd_far_or_unseen_is_counted(club, call, tmp_path):
    people = pd.read_parquet(club.files / "customers.parquet").reset_index()
    people = people.assign(visits=20, fee=30).astype(object)
    people.loc[:1, "visits"] = None
    people.loc[2:5, "fee"] = "lots"
    people.loc[6:12, "visits"] = 10**6
    people.loc[13:23, "plan"] = "platinum"
    people.to_csv(tmp_path / "new.csv", index=False)
    result = call("score", club.files, tmp_path / "new.csv")
    assert result.returncode == 0
    assert len(pd.read_csv(io.StringIO(result.stdout))) == len(people)
    notes = [line for line in result.stderr.splitlines() if "platinum" in line]
    assert re.search(r"plan 11\b", notes[0])
    for column, number in (("visits", 2), ("fee", 4), ("visits", 7)):
        assert re.search(rf"\b{column} {number}\b", result.stderr)


@pytest.mark.point(13)
def test_a_row_without_any_value_gets_no_segment(club, call, tmp_path):
    people = pd.read_parquet(club.files / "customers.parquet").astype(object).reset_index()
    people.loc[0, ["fee", "visits", "plan"]] = None
    people.to_csv(tmp_path / "new.csv", index=False)
    result = call("score", club.files, tmp_path / "new.csv")
    scored = pd.read_csv(io.StringIO(result.stdout))
    assert scored["segment"].isna().sum() == 1
    assert re.search(r"^1 rows? .*no segment", result.stderr, re.MULTILINE)


@pytest.mark.point(13)
def test_what_cannot_be_scored_is_refused_in_a_sentence(club, call, tmp_path):
    table = tmp_path / "new.csv"
    people = pd.read_parquet(club.files / "customers.parquet").reset_index()
    people.rename(columns={"visits": "Visits", "fee": "price"}).to_csv(table, index=False)
    own = club.files / "customers.parquet"
    cases = {
        "'Visits'": (club.files, table),
        "segments.csv": (club.files, own, "-o", club.files / "segments.csv"),
        "nowhere": (tmp_path / "nowhere", table),
    }  # fmt: skip
    before = sorted(tmp_path.iterdir())
    for seen, words in cases.items():
        result = call("score", *words)
        assert result.returncode == 2 and result.stderr.count("\n") == 1, words
        assert seen in result.stderr
    assert sorted(tmp_path.iterdir()) == before
