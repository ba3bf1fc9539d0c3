"""The time line says what each run found, joins only what is the same, and hides no change."""

import json
from itertools import pairwise

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from test_index import built, measures, write_run

from seglib import files
from seglib.report import timeline

DAYS = "2024-01-01", "2024-04-01", "2024-07-01"


def row(tmp_path, day, shares, kind="constructive", **more):
    """Return a run as `timeline.read` gives it: segment → share of customers."""
    (tmp_path / day).mkdir(exist_ok=True)
    people = [
        {"segment": s, "name": f"Name {s}", "share": share, "revenue_share": share, "formerly": ""}
        for s, share in shares.items()
    ]
    run = {"day": day, "folder": tmp_path / day, "pages": [f"{day}/x.html"], "personas": people}
    verdict = {"k": len(shares), "kind": kind}
    return {**run, "verdict": verdict, "measures": None, "model": None, **more}


def shown(*runs, names=None):
    return timeline.timeline(sorted(runs, key=lambda r: r["day"], reverse=True), names or {})


def test_runs_are_told_newest_first_and_drawn_oldest_first_in_whatever_order_they_came(tmp_path):
    runs = [row(tmp_path, day, {1: 0.6, 2: 0.4}) for day in (DAYS[1], DAYS[2], DAYS[0])]
    found = shown(*runs)
    assert [r["day"] for r in found["runs"]] == list(reversed(DAYS))
    assert found["days"] == list(DAYS)
    xs = [x for x, _ in found["panels"][0]["lines"][0]["dots"]]
    assert xs == sorted(xs)


def test_a_single_run_has_no_figure(tmp_path):
    found = shown(row(tmp_path, DAYS[0], {1: 0.6, 2: 0.4}))
    assert found["panels"] == found["groups"] == found["said"] == []
    assert len(found["runs"]) == 1


def test_a_line_is_broken_where_its_segment_is_not(tmp_path):
    found = shown(
        row(tmp_path, DAYS[0], {1: 0.5, 2: 0.3, 3: 0.2}),
        row(tmp_path, DAYS[1], {1: 0.6, 2: 0.4}),
        row(tmp_path, DAYS[2], {1: 0.5, 2: 0.3, 3: 0.2}),
    )
    lines = {line["segment"]: line for line in found["panels"][0]["lines"]}
    assert len(lines[3]["dots"]) == 2
    assert lines[3]["paths"] == []
    assert [len(path) for path in lines[1]["paths"]] == [3]
    assert dict(found["groups"][0][1])[3] == [("20%", ""), ("–", ""), ("20%", "")]


def test_other_numbers_of_segments_and_lost_ones_are_said(tmp_path):
    found = shown(
        row(tmp_path, DAYS[0], {1: 0.5, 2: 0.3, 3: 0.2}),
        row(tmp_path, DAYS[1], {1: 0.6, 2: 0.4}),
        names={3: "Mine", 1: "Other"},
    )
    told = " ".join(found["said"])
    assert "not the same in all runs: 1 January 2024 3, 1 April 2024 2." in told
    assert "Segment 3, Name 3, was last found on 1 January 2024" in told
    assert "study.yaml names segment 3, which the newest run does not have" in told


def test_a_run_that_puts_everybody_together_is_one_segment_and_no_line(tmp_path):
    found = shown(
        row(tmp_path, DAYS[0], {1: 0.6, 2: 0.4}),
        row(tmp_path, DAYS[1], {1: 0.6, 2: 0.4}),
        row(tmp_path, DAYS[2], {1: 1.0}, "none"),
    )
    assert "1 July 2024 1" in found["said"][0]
    assert all(len(line["dots"]) == 2 for line in found["panels"][0]["lines"])
    assert "last found" not in " ".join(found["said"])
    assert found["names"][1] == "Name 1"


def test_a_new_name_is_said_with_the_old_one(tmp_path):
    later = row(tmp_path, DAYS[1], {1: 0.6, 2: 0.4})
    later["personas"][0]["formerly"] = "Old hands"
    assert "was Old hands until 1 April 2024" in " ".join(
        shown(row(tmp_path, DAYS[0], {1: 0.6, 2: 0.4}), later)["said"]
    )


def test_money_comes_with_its_interval_and_too_few_are_not_shown(tmp_path):
    def money(s, metric, value, **more):
        ends = {"value": value, "low": value - 0.1, "high": value + 0.1}
        return {"segment": s, "metric": metric, "period": "before", **ends, **more}

    kpis = [money(1, "revenue_share", 0.7), money(2, "revenue_share", 0.3, suppressed=True)]
    runs = [row(tmp_path, d, {1: 0.6, 2: 0.4}, measures={"kpis": kpis}) for d in DAYS[:2]]
    found = shown(*runs)
    panel = next(p for p in found["panels"] if p["key"] == "revenue_share")
    assert [line["segment"] for line in panel["lines"]] == [1]
    (_, low, high), _ = panel["lines"][0]["bars"]
    assert high < panel["lines"][0]["dots"][0][1] < low
    table = dict(dict(found["groups"])["Share of revenue"])
    assert table[1][0] == ("70%", "60% to 80%")
    assert table[2][0] == ("–", "")


def test_labels_stand_apart_and_inside(tmp_path):
    shares = {s: 0.01 * s for s in range(1, 7)} | {7: 0.79}
    found = shown(*[row(tmp_path, day, shares) for day in DAYS])
    places = sorted(line["label"][1] for line in found["panels"][0]["lines"])
    assert min(b - a for a, b in pairwise(places)) >= 16.9
    assert places[-1] <= timeline.HEIGHT - timeline.BOTTOM


@pytest.mark.parametrize(("highest", "top"), [(0.53, 0.6), (0.87, 1.0), (838, 900), (0, 3), (1, 1)])
def test_scales_end_on_a_round_number_above_the_highest(highest, top):
    bottom, found, step = timeline._scale(0.0, highest)
    assert bottom == 0 and highest <= found * 1.001
    assert found <= max(1.7 * highest, 3)
    assert found / step == pytest.approx(round(found / step))


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [(0, 0, (0, 1, 1)), (-30, 60, (-50, 100, 50)), (-40, -10, (-40, 0, 20))],
)
def test_a_scale_holds_zero_also_where_nothing_or_less_came_in(least, most, expected):
    assert timeline._scale(least, most) == expected


def follows(tmp_path, day, reference, **more):
    numbered = {"as_of": reference, "digest": "", "shared": 100, "new": [], "gone": [],
                "kept": [{"segment": 1, "both": 45, "before": 50, "now": 60}]} | more  # fmt: skip
    return row(tmp_path, day, {1: 0.6, 2: 0.4}, model={"k": 2, "numbered": numbered})


def test_a_run_says_whose_numbers_it_follows_and_whether_they_still_stand(tmp_path):
    first = row(tmp_path, DAYS[0], {1: 0.6, 2: 0.4}, model={"k": 2, "first": "valuable"})
    path = first["folder"] / "segments.parquet"
    pd.DataFrame({"segment": [1, 2]}).to_parquet(path)
    later = follows(tmp_path, DAYS[1], DAYS[0], digest=files.digest(path), new=[2], gone=[3])
    folders = {DAYS[0]: first["folder"]}
    assert timeline.numbered(first, folders) == "Numbered afresh, the most valuable first."
    assert timeline.numbered(later, folders) == (
        "Numbers follow 1 January 2024: 45% of those known in both kept theirs. New: segment 2. "
        "Without a match: segment 3."
    )
    assert timeline.timeline([later, first], {})["groups"][-1][1][0] == (
        1, [("–", ""), ("90%", "")],
    )  # fmt: skip
    pd.DataFrame({"segment": [2, 1]}).to_parquet(path)
    assert timeline.numbered(later, folders).endswith("run this date again to follow it.")
    assert timeline.numbered(later, {}).endswith("That run is no longer there.")


def test_a_date_added_afterwards_follows_a_later_run_and_nobody_stayed_from_it(tmp_path):
    added = follows(tmp_path, DAYS[0], DAYS[2])
    (tmp_path / DAYS[2]).mkdir(exist_ok=True)
    pd.DataFrame({"segment": [1]}).to_parquet(tmp_path / DAYS[2] / "segments.parquet")
    told = timeline.numbered(added, {DAYS[2]: tmp_path / DAYS[2]})
    assert told.startswith("This date was added afterwards; its numbers follow 1 July 2024")
    assert "again since" not in told
    assert timeline.figures(added)[1]["stayed"] == {}


def test_a_jump_that_may_be_the_cuts_is_warned_of(tmp_path):
    first = row(tmp_path, DAYS[0], {1: 0.6, 2: 0.4})
    assert "Each run finds" not in " ".join(
        shown(first, follows(tmp_path, DAYS[1], DAYS[0]))["said"]
    )
    few = [{"segment": 1, "both": 20, "before": 50, "now": 30}]
    told = " ".join(shown(first, follows(tmp_path, DAYS[1], DAYS[0], kept=few))["said"])
    assert "a change of the people: segment 1 on 1 April 2024 (40%)." in told


# --- on the page ----------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path):
    runs = [write_run(tmp_path, day) for day in ("2017-10-01", "2017-04-01", "2017-07-01")]
    return built(tmp_path, *runs, currency="$")


def test_every_figure_is_named_and_has_its_numbers_in_a_table(page):
    history = page.select_one("[aria-labelledby=history]")
    assert len(history.select("svg")) == 3
    for svg in history.select("svg"):
        assert page.find(id=svg["aria-labelledby"]).get_text()
        assert page.find(id=svg["aria-describedby"]).select("table")
        assert len(svg.select("circle")) == 4 * 3
    table = page.select_one("#over-time-table table")
    assert [th.get_text() for th in table.select("thead th")][1:] == [
        "1 April 2017", "1 July 2017", "1 October 2017",
    ]  # fmt: skip
    assert {th["scope"] for th in table.select("tbody th")} == {"row", "rowgroup"}


def test_the_advice_is_shown_with_its_reasons_and_next_review(tmp_path):
    made = write_run(tmp_path)
    advice = {"advice": "refresh", "reasons": ["Orders <fell>."], "next_review": "2018-01-01",
              "rule": "One alarm is enough."}  # fmt: skip
    path = made["folder"] / "measures.json"
    path.write_text(json.dumps({**measures(), "refresh": advice}))
    told = built(tmp_path, made).select_one("[aria-labelledby=refresh]").get_text(" ")
    assert "Keep, refresh or rebuild?" in told
    assert "Refresh: " in told
    assert "Next review: 1 January 2018." in told
    assert "Orders <fell>." in told
    assert "One alarm is enough." in told


def test_without_advice_the_question_is_not_asked(page):
    assert not page.select("[aria-labelledby=refresh]")
    assert isinstance(page, BeautifulSoup)
