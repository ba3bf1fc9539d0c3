"""A study at two dates, and the summary of all its runs: points 29 and 32."""

import re
from datetime import date

import pytest
from bs4 import BeautifulSoup


@pytest.fixture(scope="module")
def trials(finished):
    return finished("trials")


def summary(run):
    return BeautifulSoup((run.reports / "index.html").read_text(), "html.parser")


@pytest.mark.point(29)
def test_flows_between_the_dates_are_rounded_to_the_smallest_cell(trials):
    flows = trials.json("measures.json")["migration"]["flows"]
    counts = [row["n"] for row in flows if not row["suppressed"]]
    assert len(counts) >= 3
    assert all(count % 10 == 0 for count in counts)
    assert any(row["origin"] != row["goal"] and row["n"] and row["beyond"] for row in flows)
    shown = trials.text(f"{trials.files.name}/*.html")
    assert re.search(r"[Rr]ounded", shown)


@pytest.mark.point(29)
def test_the_crm_lists_name_who_slipped_and_keep_the_earlier_rule(trials):
    slipped = trials.frame("slipped.csv")
    explained = {row["column"] for row in trials.json("slipped_dictionary.json")}
    assert set(slipped) == explained
    movers = {f"C{i:03d}" for i in range(180) if i % 3 == 1}
    assert len(movers & set(slipped["customer"])) > 0.5 * len(movers)
    names = "segments_kept.csv", "segments.csv"
    kept, now = (set(trials.frame(name)["customer"]) for name in names)
    assert kept <= now
    assert len(kept) > 0.98 * len(now)  # those without an order in the days compared have none


@pytest.mark.point(29)
def test_the_advice_has_a_day_on_the_results_and_on_the_summary(trials):
    advice = trials.json("measures.json")["refresh"]
    day = date.fromisoformat(advice["next_review"])
    assert day > date(2024, 7, 1)
    written = f"{day.day} {day:%B %Y}"
    for page in ("index.html", f"{trials.files.name}/*.html"):
        told = trials.text(page)
        assert re.search(rf"\b{advice['advice']}\b", told, re.I)
        assert written in told


@pytest.mark.point(32)
def test_the_summary_shows_the_newest_run(trials):
    page = summary(trials)
    told = page.main.get_text(" ")
    assert trials.days[-1].name == "2024-07-01"
    assert "1 July 2024" in " ".join(told.split())[:400]
    assert trials.json("verdict.json")["headline"].split(".")[0] in told
    for persona in trials.json("personas.json"):
        assert persona["name"] in told
        assert f"({persona['n']})" in " ".join(told.split())


@pytest.mark.point(32)
def test_the_summary_lists_all_runs_newest_first_and_links_their_pages(trials):
    page = summary(trials)
    links = [a["href"] for a in page.select("a[href]")]
    assert all((trials.reports / each.partition("#")[0]).exists() for each in links)
    for day in trials.days:
        assert any(link.startswith(f"{day.name}/") for link in links)
    table = next(t for t in page.select("table") if re.search("runs of this", t.caption.text, re.I))
    heads = [row.find("th").get_text(" ") for row in table.select("tbody tr")]
    assert [re.search(r"(\w+) 2024", head)[1] for head in heads] == ["July", "May"]


@pytest.mark.point(32)
def test_the_summary_draws_a_time_line_of_the_segments_with_its_figures(trials):
    page = summary(trials)
    drawn = [s for s in page.select("svg") if {"May", "Jul"} <= set(s.get_text(" ").split())]
    assert drawn
    assert all(s.get("aria-label") or s.get("aria-labelledby") or s.title for s in drawn)
    table = next(t for t in page.select("table") if re.search("over the runs", t.caption.text))
    assert [th.text.strip() for th in table.select("thead th")][1:] == ["1 May 2024", "1 July 2024"]


@pytest.mark.point(32)
def test_a_single_run_has_no_time_line(finished):
    page = summary(finished("usage_log"))
    assert not [t for t in page.select("table") if re.search("over the runs", t.caption.text)]
