"""The summary page says what the run's files say, links every page, and needs nothing else."""

import json
import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from seglib.plots import colours
from seglib.report import index, report
from seglib.report.exhibits import environment, level
from seglib.report.report import ReportError

NAMES = {
    1: "Frequent full-basket shoppers",
    2: "Steady weekly shoppers",
    3: "Promotion-led shoppers",
    4: "Occasional top-up shoppers",
}
SHARES = {1: (0.1701, 0.4132), 2: (0.2933, 0.3366), 3: (0.1166, 0.0912), 4: (0.42, 0.159)}
ACTIONS = {
    1: "Protect: reserve the new delivery slots for them before anyone else.",
    2: "Widen the basket: a voucher for one category they never bought.",
    3: "Stop sending coupons for what they buy anyway; send one for a new category.",
    4: "Win the second trip: a coupon valid for the next seven days.",
}


def claims():
    """Three claims a segment, the last one without an interval."""
    rows = []
    for s in NAMES:
        rows += [
            {
                "id": f"c-{s}-04",
                "sentence": "They answer 12% of the offers sent to them.",
                "value": 1,
            },
            {"id": f"c-{s}-00", "sentence": "419 households.", "value": 419, "sections": ["size"]},
            {
                "id": f"c-{s}-01",
                "segment": s,
                "sentence": f"They place {60 - 12 * s} orders a year, against 27 for everyone.",
                "statistic": "median orders",
                "value": 60 - 12 * s,
                "low": 57.5 - 12 * s,
                "high": 62 - 12 * s,
                "n": 2469 // (s + 1),
                "reference": "everyone",
                "reference_value": 27,
                "source": {"table": "customers", "column": "orders"},
                "direction": "higher",
            },
            {
                "id": f"c-{s}-02",
                "segment": s,
                "sentence": f"{20 + s}% of what they spend is on offer.",
                "statistic": "mean share",
                "unit": "share",
                "value": 0.2 + s / 100,
                "low": 0.19 + s / 100,
                "high": 0.21 + s / 100,
                "n": 2469 // (s + 1),
                "reference": "everyone",
                "reference_value": 0.215,
                "source": {"table": "customers", "column": "discount_share"},
                "direction": None,
            },
            {
                "id": f"c-{s}-03",
                "segment": s,
                "sentence": "Grocery & fresh take most of it.",
                "value": 41.25,
                "n": 400,
            },
        ]
    return rows


def personas():
    return [
        {
            "segment": s,
            "name": NAMES[s],
            "n": round(2469 * SHARES[s][0]),
            "share": SHARES[s][0],
            "revenue_share": SHARES[s][1],
            "summary": [f"c-{s}-00", f"c-{s}-01"],
            "facts": {"behaviour": [f"c-{s}-01", f"c-{s}-02"], "goals": [f"c-{s}-03"]},
            "unknown": [
                {"topic": "why they shop elsewhere", "why": "no survey", "questions": ["?"]},
                {"topic": "pain points", "why": "no survey", "questions": ["?"]},
            ],
        }
        for s in NAMES
    ]


def verdict():
    return {
        "n": 2469,
        "columns": 18,
        "method": "kmeans",
        "k": 4,
        "k_suggested": 4,
        "k_chosen_by": "verdict",
        "kind": "reproducible",
        "headline": "Four segments are worth using, but their borders are soft: one household in "
        "eight could as well belong to its neighbour.",
        "reasons": [
            "Repeated on resampled households, the four segments agree 0.86 (1 is identical; data "
            "without groups give 0.41).",
            "They predict the next 13 weeks: spending differs by a factor of 6.1 between segments.",
        ],
        "evidence": [{"k": 1}, {"k": 4, "stability": 0.862, "stability_null": 0.41}],
        "segments": [
            {"segment": s, "n": 600, "share": 0.25, "jaccard": 0.9 - s * 0.01, "stable": "valid"}
            for s in (1, 2, 4)
        ]
        + [{"segment": 3, "n": 288, "share": 0.1166, "jaccard": 0.63, "stable": "doubtful"}],
        "restarts": {"n": 50, "share_at_best": 0.92},
        "ambiguous": {"share": 0.121, "threshold": 0.6},
        "sampled": None,
    }


def playbook():
    experiment = {
        "arms": ["coupon", "no coupon"],
        "metric": "orders in 13 weeks",
        "baseline": 4.1,
        "detectable": 0.4,
        "target": 0.3,
        "enough": False,
        "available": 205,
        "n_per_arm": 310,
        "weeks": 13,
    }
    weights = {"value": 0.4, "growth": 0.3, "response": 0.2, "size": 0.1}
    ranking = [
        {
            "segment": s,
            "score": 0.9 - s / 10,
            "best": 1,
            "worst": 2,
            "scores": dict.fromkeys(weights, 0.8 - s / 9),
        }
        for s in (2, 1, 4, 3)
    ]
    levers = [
        {
            "segment": s,
            "name": NAMES[s],
            "lever": "widen",
            "action": ACTIONS[s],
            "evidence": [f"c-{s}-01", f"c-{s}-04", "gone"],
            "effect": "",
            "experiment": experiment,
        }
        for s in NAMES
    ]
    return {
        "levers": levers,
        "targeting": {"weights": weights, "ranking": ranking, "underserved": [2]},
    }


def measures():
    values = {"active": (0.98, 0.91), "spend": (542.2, 517.5), "orders": (13.1, 12.0)}
    kpis = [
        {
            "segment": s,
            "period": period,
            "metric": metric,
            "value": value / max(s, 1),
            "n": 500,
            "low": None,
            "high": None,
            "suppressed": False,
        }
        for s in (0, *NAMES)
        for metric, pair in values.items()
        for period, value in zip(("before", "after"), pair, strict=True)
    ]
    return {
        "as_of": "2017-10-01",
        "until": "2017-12-31",
        "kpis": kpis,
        "headline": "In the 13 weeks after, the order of the segments by spending stayed the "
        "same; segment 4 lost 9% of its active households.",
    }


def quality():
    return [
        {
            "check": "no customer",
            "table": "transactions",
            "rows": 1469307,
            "failing": 0,
            "action": "dropped",
            "note": "",
        },
        {
            "check": "zero amount",
            "table": "transactions",
            "rows": 1469307,
            "failing": 11246,
            "action": "kept: counts as a line, adds no money",
            "note": "",
        },
        {
            "check": "no demographics",
            "table": "customers",
            "rows": 2469,
            "failing": 1668,
            "action": "stays missing",
            "note": "",
        },
    ]


def write_run(folder, day="2017-10-01", leave_out=()):
    """Write a run's files below a folder and return the dict that `index.build` wants."""
    folder = folder / day
    folder.mkdir(parents=True)
    found = {
        "verdict": verdict(),
        "claims": claims(),
        "personas": personas(),
        "playbook": playbook(),
        "measures": measures(),
        "quality": quality(),
        "product_verdict": {"headline": "Seven groups of categories are bought alike.", "k": 2},
    }
    for name, content in found.items():
        if name not in leave_out:
            (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    if "product_segments" not in leave_out:
        members = pd.DataFrame({"segment": [1, 1, 2], "probability": [0.6, 0.9, 0.8]})
        members.index = pd.Index(["SOUP", "CHEESE", "FUEL"], name="product")
        members.to_parquet(folder / "product_segments.parquet")
    manifest = {
        "study": "complete_journey",
        "as_of": day,
        "seed": 20171001,
        "data_hash": "9f3c1b2ad0e4",
        "versions": {"python": "3.11.9", "pandas": "3.1.0", "seglib": "0.1.0"},
        "steps": [{"name": name, "parameters": {"k": 0}} for name in report.PAGES],
        "times": {"01_data_collection": {"started": f"{day}T08:00:00+00:00", "seconds": 41.2}},
    }
    pages = [f"{day}/{name}.html" for name in report.PAGES]
    return {"folder": folder, "manifest": manifest, "pages": pages}


def built(tmp_path, *runs, **more):
    path = index.build(
        "The Complete Journey",
        "Grow what existing households buy",
        runs,
        tmp_path / "index.html",
        **more,
    )
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def soup(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    earlier = write_run(folder, "2017-07-01")
    return built(folder, earlier, write_run(folder), customer="household", currency="$")


def words(tag):
    return " ".join(tag.get_text(" ", strip=True).split())


def test_headline_of_the_verdict_is_the_answer(soup):
    assert words(soup.select_one(".answer")).startswith("Four segments are worth using")


def test_one_h1_one_main_and_a_skip_link_to_it(soup):
    assert len(soup.find_all("h1")) == len(soup.find_all("main")) == 1
    assert soup.select_one("a.skip")["href"] == f"#{soup.main['id']}"


def test_ids_are_unique_and_sections_have_names(soup):
    ids = [tag["id"] for tag in soup.select("[id]")]
    assert len(ids) == len(set(ids))
    assert all(tag["aria-labelledby"] in ids for tag in soup.select("[aria-labelledby]"))


def test_nothing_is_loaded(soup):
    assert not soup.select("script, link, iframe, [src]")
    assert "http" not in soup.style.text


def test_a_card_for_every_segment_with_its_shares(soup):
    cards = soup.select(".card")
    assert [words(card.h3) for card in cards] == [f"Segment {s} {n}" for s, n in NAMES.items()]
    assert "17% of households (420)" in words(cards[0])
    assert "41% of revenue" in words(cards[0])


def test_segments_have_the_colours_of_the_figures_and_their_number(soup):
    for segment, colour in colours(NAMES).items():
        for swatch in soup.select(f".card:nth-of-type({segment}) .swatch"):
            assert colour in swatch["style"]
            assert words(swatch) == f"Segment {segment}"


def test_every_claim_shows_value_interval_n_and_comparison(soup):
    evidence = words(soup.select_one(".card .evidence"))
    assert evidence == (
        "median orders 48.0 , 95% interval 45.5 to 50.0, n = 1,234; everyone: 27.0 . "
        "Source: orders in customers."
    )


def test_evidence_opens_without_a_mouse(soup):
    for evidence in soup.select(".evidence"):
        assert evidence.find_previous_sibling("details").summary


def test_what_to_do_shows_the_evidence_that_is_not_above_it(soup):
    because = soup.select(".do .facts li summary")
    assert {words(b) for b in because} == {"They answer 12% of the offers sent to them."}
    assert len(because) == len(NAMES)


def test_the_claim_of_size_is_left_to_the_line_above_it(soup):
    assert "419 households" not in words(soup.select_one(".facts"))


def test_claims_of_shares_are_written_in_per_cent(soup):
    assert "mean share 21% , 95% interval 20% to 22%" in words(soup.select(".evidence")[1])


def test_a_doubtful_segment_says_so_on_its_card_only(soup):
    doubtful = [card for card in soup.select(".card") if card.select_one(".warn")]
    assert [words(card.h3) for card in doubtful] == ["Segment 3 Promotion-led shoppers"]
    assert "overlap 0.63 of 1" in words(doubtful[0])


def test_trust_is_told_with_its_figures(soup):
    told = words(soup.select_one(".figures"))
    assert "0.862" in told and "data without groups give 0.41" in told
    assert "12%" in told and "near a border" in told


def test_agreement_of_refits_replaces_that_of_pairs(tmp_path):
    run = write_run(tmp_path)
    told = verdict() | {"agreement": {"value": 0.71, "low": 0.58, "high": 0.83}}
    (run["folder"] / "verdict.json").write_text(json.dumps(told), encoding="utf-8")
    shown = words(built(tmp_path, run).select_one(".figures"))
    assert "0.71 How far" in shown
    assert "95 of 100 repeats lie from 0.58 to 0.83." in shown
    assert "0.862" not in shown


def test_only_figures_that_are_named_are_explained(soup, tmp_path):
    assert not soup.select("[aria-labelledby=trust] .note")
    run = write_run(tmp_path)
    told = verdict() | {"reasons": ["R² 0.34.", "AUC 0.76.", "0.75 (adjusted Rand)."]}
    (run["folder"] / "verdict.json").write_text(json.dumps(told), encoding="utf-8")
    shown = words(built(tmp_path, run).select_one("[aria-labelledby=trust] .note"))
    assert shown.startswith("R² : share of the variation predicted; 1 is all.")
    assert "0.5 is nothing." in shown and shown.endswith("1 is identical, 0 is chance.")


def test_targeting_keeps_the_order_and_says_how_firm_it_is(soup):
    section = soup.select_one("[aria-labelledby=targeting]")
    rows = [[words(cell) for cell in row.find_all(["th", "td"])] for row in section.select("tr")]
    assert [row[0][:9] for row in rows[1:]] == [f"Segment {s}" for s in (2, 1, 4, 3)]
    assert rows[0][1:4] == ["Score", "Rank, if weights differ", "Value weight 0.4"]
    assert rows[1][1:4] == ["0.70", "1 to 2", "0.58"]
    assert "mean spend of a customer" in words(section.select_one(".note"))
    assert f"addressed less: {NAMES[2]} ." in words(section.p)


def test_an_experiment_says_what_it_can_show(soup):
    told = words(soup.select_one(".do .small"))
    assert told.startswith("Test it first: coupon against no coupon, measured by orders")
    assert "205 in each group, for 13 weeks. It can show a difference of 0.4 from 4.1." in told
    assert told.endswith("To show 0.3, it needs 310 in each group; the segment has 205 for each.")


def told_of(**more):
    plan = playbook()["levers"][0]["experiment"] | more
    macros = environment().get_template("facts.html.j2").module
    return " ".join(str(macros.experiment(plan)).split())


def test_an_experiment_never_asks_for_more_than_there_are():
    told = told_of(enough=True, available=400)
    assert "400 in each group" in told
    assert told.endswith("To show 0.3, 310 in each group are enough.")
    assert "too small to show less" in told_of(n_per_arm=None)
    assert "310 in each group, for 13 weeks" in told_of(enough=True, available=None)
    assert "None" not in told_of(enough=None, n_per_arm=None, available=None, target=None)


@pytest.mark.parametrize(("confidence", "text"), [
    (0.95, "95%"), (0.99, "99.0%"), (0.996, "99.6%"), (0.99996, "99.996%"), (1.0, "99.9999999%"),
])  # fmt: skip
def test_no_interval_is_of_100_per_cent(confidence, text):
    assert level(confidence) == text


def test_an_adjusted_interval_says_for_what():
    claim = claims()[2] | {"confidence": 0.996, "comparisons": 1234}
    macros = environment().get_template("facts.html.j2").module
    told = str(macros.claim(claim))
    assert "99.6% interval (adjusted for looking at 1,234 comparisons) 45.5 to 50.0" in told
    assert "looking at several comparisons" in str(macros.claim(claim | {"comparisons": None}))


def test_measures_show_before_and_after(soup):
    first = soup.select_one("[aria-labelledby=after] tbody tr")
    assert words(first.th) == "Segment 1 Frequent full-basket shoppers"
    assert [words(cell) for cell in first.find_all("td")] == ["98% → 91%", "13 → 12", "$542 → $518"]


def test_product_groups_name_their_most_typical_members(soup):
    assert "2 products, most typical: CHEESE, SOUP." in words(soup.select_one(".groups li"))


def test_quality_counts_checks_and_shows_what_was_found(soup):
    section = soup.select_one("[aria-labelledby=quality]")
    assert "3 checks were made; 2 found something" in words(section)
    assert len(section.select("tbody tr")) == 2


def test_six_pages_are_linked_in_order(soup):
    links = [a["href"] for a in soup.select(".pages a")]
    assert links == [f"2017-10-01/{name}.html" for name in report.PAGES]


def test_history_has_a_row_for_each_run_newest_first(soup):
    table = soup.find("caption", string="Runs of this study, newest first").find_parent("table")
    rows = table.select("tbody tr")
    assert [words(row.th) for row in rows] == ["1 October 2017", "1 July 2017"]
    assert rows[1].a["href"].startswith("2017-07-01/")


def test_footer_says_hash_seed_versions_and_time(soup):
    told = words(soup.footer)
    for part in ("9f3c1b2ad0e4", "20171001", "pandas 3.1.0", "2017-10-01 08:00 UTC, 41 s"):
        assert part in told


def test_every_table_has_a_caption_and_scopes(soup):
    for table in soup.find_all("table"):
        assert words(table.caption)
        assert all(cell.get("scope") for cell in table.find_all("th"))


@pytest.mark.parametrize("name", index.FILES)
def test_a_missing_file_leaves_the_rest_standing(tmp_path, name):
    page = built(tmp_path, write_run(tmp_path, leave_out={name}))
    assert page.h1 and "None" not in re.sub(r"None: ", "", words(page.main))


def test_no_files_at_all_still_makes_a_page_that_says_what_is_missing(tmp_path):
    page = built(tmp_path, write_run(tmp_path, leave_out={*index.FILES, "product_segments"}))
    told = words(page.main)
    for part in ("No verdict yet", "Not described yet", "Not measured"):
        assert part in told
    assert not page.select(".card") and len(page.select(".pages a")) == len(report.PAGES)


def test_without_groups_the_page_says_none(tmp_path):
    run = write_run(tmp_path, leave_out={"personas", "claims", "playbook"})
    none = verdict() | {"kind": "none", "k": 1, "headline": "Do not segment.", "segments": []}
    (run["folder"] / "verdict.json").write_text(json.dumps(none), encoding="utf-8")
    page = built(tmp_path, run)
    said = words(page.select_one("[aria-labelledby=trust]"))
    assert "whether a cut would pay all the same was not tested" in said
    tested = none | {"usefulness": {"outcomes": [], "useful": False}}
    (run["folder"] / "verdict.json").write_text(json.dumps(tested), encoding="utf-8")
    page = built(tmp_path, run)
    assert "Do not segment on them." in words(page.select_one("[aria-labelledby=trust]"))
    assert words(page.select_one("[aria-labelledby=segments]")).endswith(
        "does not support treating groups of customers differently."
    )


def test_names_and_sentences_are_text_never_markup(tmp_path):
    run = write_run(tmp_path)
    sharp = [p | {"name": "<b>A & B</b>"} for p in personas()]
    (run["folder"] / "personas.json").write_text(json.dumps(sharp), encoding="utf-8")
    page = built(tmp_path, run)
    assert words(page.select_one(".card h3")).endswith("<b>A & B</b>")


def test_unreadable_json_is_named(tmp_path):
    run = write_run(tmp_path)
    (run["folder"] / "verdict.json").write_text("{", encoding="utf-8")
    with pytest.raises(ReportError, match=r"verdict\.json is not readable JSON"):
        built(tmp_path, run)


def test_no_runs_is_refused(tmp_path):
    with pytest.raises(ReportError, match="run the study first"):
        built(tmp_path)


def test_runs_are_those_with_pages_and_a_staged_one_stands_in(tmp_path):
    class Study:
        folder, reports = tmp_path / "data", tmp_path / "reports"

    for day in ("2017-07-01", "2017-10-01"):
        run = write_run(Study.folder, day)
        (run["folder"] / "manifest.json").write_text(json.dumps(run["manifest"]), encoding="utf-8")
    pages = Study.reports / "2017-07-01"
    pages.mkdir(parents=True)
    (pages / "01_data_collection.html").write_text("", encoding="utf-8")
    assert [run["pages"] for run in index.runs(Study)] == [["2017-07-01/01_data_collection.html"]]
    staged = index.runs(Study, ("2017-10-01", Study.folder / "2017-10-01", pages))
    assert [run["pages"][0][:10] for run in staged] == ["2017-10-01", "2017-07-01"]
