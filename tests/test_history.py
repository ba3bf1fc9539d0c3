"""A refresh: numbers and names stay with their people, and no other date is disturbed."""

import json
from datetime import date

import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup
from planted import study as planted_study
from worlds import write_shop

from seglib import files, plan, run
from seglib.files import Run

FIRST, LATER = "2023-07-01", "2023-09-01"


def segments(path, day):
    return pd.read_parquet(path.parent / day / "segments.parquet")["segment"]


def personas(path, day):
    people = json.loads((path.parent / day / "personas.json").read_text())
    return {p["segment"]: p for p in people}


def contents(path, day):
    """Return every file of a date, of its data and of its pages."""
    folders = path.parent / day, path.parents[2] / "reports" / "shop" / day
    return {str(p): p.read_bytes() for f in folders for p in sorted(f.rglob("*")) if p.is_file()}


def rename(path, names):
    study = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**study, "personas": {"names": names}}))


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory):
    """Three segments, one of them renamed; a later date with four; then the first date again."""
    path = write_shop(tmp_path_factory.mktemp("history"))
    run.run(str(path), FIRST, parameters={"k": "3"})
    first = segments(path, FIRST), personas(path, FIRST)
    rename(path, {2: "Sunday bakers", 9: "Nobody"})
    run.run(str(path), LATER, parameters={"k": "4"})
    before = contents(path, LATER)
    run.run(str(path), FIRST, parameters={"k": "4"})
    return path, first, before


def test_the_analysts_name_is_still_on_the_same_people(refreshed):
    path, (first, _), _ = refreshed
    later, called = segments(path, LATER), personas(path, LATER)
    named = [s for s, p in called.items() if p["name"] == "Sunday bakers"]
    assert named == [2]
    assert called[2]["named_by"] == "analyst"
    both = first.index.intersection(later.index)
    bakers, now = first[both] == 2, later[both] == 2
    assert (bakers & now).sum() > 0.5 * min(bakers.sum(), now.sum())
    assert sorted(called) == [1, 2, 3, 4]


def test_names_made_by_a_rule_stay_while_they_are_true(refreshed):
    path, (_, before), _ = refreshed
    later = personas(path, LATER)
    numbered = json.loads((path.parent / LATER / "model.json").read_text())["numbered"]
    kept = {row["segment"] for row in numbered["kept"]} - {2}
    assert kept == {1, 3}
    for segment in kept:
        same = later[segment]["name"] == before[segment]["name"]
        assert same or later[segment]["formerly"] == before[segment]["name"]
    assert any(later[s]["name"] == before[s]["name"] for s in kept)
    assert later[4]["formerly"] == ""


def test_a_past_date_run_again_changes_no_other_date(refreshed):
    path, _, before = refreshed
    assert contents(path, LATER) == before


def test_the_past_date_keeps_its_own_numbers_where_a_name_needs_them(refreshed):
    path, (first, _), _ = refreshed
    again, called = segments(path, FIRST), personas(path, FIRST)
    assert again.nunique() == 4
    both = (first == 2) & (again == 2)
    assert both.sum() > 0.5 * min((first == 2).sum(), (again == 2).sum())
    assert called[2]["name"] == "Sunday bakers"


def test_the_summary_shows_both_dates_and_says_which_state_the_later_follows(refreshed):
    path, _, _ = refreshed
    page = (path.parents[2] / "reports" / "shop" / "index.html").read_text()
    history = BeautifulSoup(page, "html.parser").select_one("[aria-labelledby=history]")
    told = " ".join(history.get_text(" ").split())
    assert "Numbers follow 1 July 2023" in told
    assert "That run has been made again since: run this date again to follow it." in told
    assert "study.yaml names segment 9, which the newest run does not have" in told
    assert len(history.select("svg")) == 3


# --- which run the numbers are from ---------------------------------------------------------------


def made(tmp_path, day, names=(), prefix=""):
    """Return a run without a study file around it; write labels with `label`."""
    personas = {"names": dict.fromkeys(names, "x")}
    own = planted_study(tmp_path, personas=personas)
    return Run(own, date.fromisoformat(day), tmp_path / day, 1)


def label(tmp_path, day, labels, verdict=None, prefix=""):
    run = made(tmp_path, day)
    index = pd.Index(range(len(labels)), name="customer")
    run.write(f"{prefix}segments.parquet", pd.DataFrame({"segment": labels}, index))
    if verdict:
        run.write(f"{prefix}verdict.json", verdict)


def test_the_first_run_has_no_other_to_follow(tmp_path):
    assert made(tmp_path, "2024-01-01").numbering() is None
    label(tmp_path, "2024-01-01", [1, 2, 3])
    assert made(tmp_path, "2024-01-01").numbering() is None  # its own last run, but no names


def test_numbers_follow_the_newest_earlier_run_with_segments(tmp_path):
    label(tmp_path, "2024-01-01", [1, 2, 3])
    label(tmp_path, "2024-02-01", [1, 2, 5])
    label(tmp_path, "2024-03-01", [1, 1, 1])
    label(tmp_path, "2024-06-01", [1, 2, 8])
    found = made(tmp_path, "2024-04-01").numbering()
    assert (found["as_of"], found["segments"].tolist(), found["used"]) == (
        "2024-02-01",
        [1, 2, 5],
        8,
    )
    assert found["digest"] == files.digest(tmp_path / "2024-02-01" / "segments.parquet")


def test_a_first_date_follows_itself_where_segments_are_named_and_else_a_later_one(tmp_path):
    label(tmp_path, "2024-01-01", [1, 2])
    label(tmp_path, "2024-06-01", [2, 1])
    assert made(tmp_path, "2024-01-01").numbering()["as_of"] == "2024-06-01"
    assert made(tmp_path, "2024-01-01", names=[2]).numbering()["as_of"] == "2024-01-01"


def test_only_a_useful_cut_of_an_earlier_date_is_carried_on(tmp_path):
    label(tmp_path, "2024-01-01", [1, 2], {"kind": "constructive", "k": 2})
    assert made(tmp_path, "2024-02-01").numbering()["cut"] == {"k": 2, "as_of": "2024-01-01"}
    assert made(tmp_path, "2023-12-01").numbering()["cut"] is None
    carried = {"kind": "constructive", "k": 2, "carried": "2024-01-01"}
    label(tmp_path, "2024-02-01", [1, 2], carried)
    assert made(tmp_path, "2024-03-01").numbering()["cut"]["as_of"] == "2024-01-01"
    label(tmp_path, "2024-03-01", [1, 2], {"kind": "natural", "k": 2})
    assert made(tmp_path, "2024-04-01").numbering()["cut"] is None


def test_products_have_numbers_of_their_own(tmp_path):
    label(tmp_path, "2024-01-01", [1, 2])
    assert made(tmp_path, "2024-02-01").numbering("product_") is None


def test_a_step_runs_again_when_the_run_it_follows_has_changed_and_not_for_a_later_one(tmp_path):
    step = plan.Step("03_clustering", "03_clustering", {"unit": "customers"})
    current = made(tmp_path, "2024-02-01")
    assert plan.reads_earlier(step, current) == ""
    label(tmp_path, "2024-06-01", [1, 2])
    assert plan.reads_earlier(step, current) == ""
    label(tmp_path, "2024-01-01", [1, 2])
    one = plan.reads_earlier(step, current)
    label(tmp_path, "2024-01-01", [2, 1])
    assert len({"", one, plan.reads_earlier(step, current)}) == 3
    assert plan.reads_earlier(plan.Step("02", "02_exploratory_analysis"), current) == ""


def test_results_are_made_again_when_the_run_they_are_compared_with_appears(tmp_path):
    step = plan.Step("05_measuring_results", "05_measuring_results")
    current = made(tmp_path, "2024-02-01")
    assert plan.reads_earlier(step, current) == ""
    for name in ("model.json", "verdict.json", "customers.parquet", "segments.parquet"):
        file = tmp_path / "2024-01-01" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}")
    one = plan.reads_earlier(step, current)
    (tmp_path / "2024-01-01" / "model.json").write_text("{ }")
    assert len({"", one, plan.reads_earlier(step, current)}) == 3
