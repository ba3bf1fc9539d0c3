"""The summary says what the files of the runs say, draws the segments, and needs nothing else."""

import json
import shutil
from types import SimpleNamespace

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from playwright import sync_api

from seglib.personas import targeting
from seglib.plots import colours
from seglib.report import exhibits, summary

NAMES = {1: "Frequent shoppers", 2: "Weekly shoppers", 3: "Occasional shoppers"}
SHARES = {1: (0.2, 0.5), 2: (0.3, 0.4), 3: (0.5, 0.1)}
DAYS = "2024-01-01", "2024-04-01", "2024-07-01"


def study(**more):
    given = {"title": "A shop", "objective": "Keep them", "customer": "household", "currency": "$",
             "snapshot": False, "about": "", "minimum_cell": 10,
             "personas": SimpleNamespace(names={})}  # fmt: skip
    return SimpleNamespace(**given | more)


def claim(segment, number, sentence, **more):
    return {"id": f"c-{segment}-{number}", "segment": segment, "sentence": sentence, "value": 48.0,
            "low": 45.5, "high": 50.0, "n": 1234, "statistic": "median orders",
            "reference": "everyone", "reference_value": 27, "sections": ["behaviour"],
            "source": {"table": "customers", "column": "orders"}} | more  # fmt: skip


def lever(segment, enough, action="Try a letter."):
    test = {"available": 205, "baseline": 4.1, "detectable": 0.4, "target": 0.3, "enough": enough,
            "n_per_arm": 310, "months": 3, "unit": "", "metric": "orders in 3 months"}  # fmt: skip
    return {"segment": segment, "action": action, "evidence": [], "effect": "", "experiment": test}


def kpi(segment, period, value, metric="spend", **more):
    return {"segment": segment, "metric": metric, "period": period, "value": value} | more


CONTENT = {
    "verdict": {
        "n": 1000, "k": 3, "kind": "reproducible", "headline": "Three segments with soft borders.",
        "reasons": ["They agree."], "ambiguous": {"share": 0.121}, "columns": ["orders"],
        "segments": [{"segment": s, "stable": "doubtful" if s == 3 else "valid", "jaccard": 0.63}
                     for s in NAMES],
        "agreement": {"value": 0.71, "low": 0.58, "high": 0.83, "null": 0.4, "beyond": True},
    },
    "claims": [claim(s, 0, f"{s}00 households.", sections=["size"]) for s in NAMES]
    + [claim(s, 1, f"They place {60 - 12 * s} orders.") for s in NAMES],
    "personas": [
        {"segment": s, "name": NAMES[s], "n": round(1000 * a), "share": a, "revenue_share": b,
         "summary": [f"c-{s}-0", f"c-{s}-1"], "facts": {}, "formerly": "",
         "fingerprint": [{"label": "Orders", "value": 1.0, "low": 0.9, "high": 1.0}]}
        for s, (a, b) in SHARES.items()
    ],
    "playbook": {
        "levers": [lever(1, False, "Ask them."), lever(1, True), lever(2, False, "Widen it.")],
        "targeting": {
            "weights": {"value": 0.6, "size": 0.4}, "underserved": [2],
            "meaning": {"value": "mean spend"},
            "ranking": [{"segment": s, "score": 0.9 - s / 10, "best": 1, "worst": 2,
                         "scores": {"value": 0.5, "size": None}} for s in (2, 1, 3)],
        },
    },
    "measures": {
        "as_of": "2024-07-01", "until": "2024-09-30", "headline": "Spend rose 4%.",
        "kpis": [kpi(s, p, v / max(s, 1)) for s in (0, *NAMES)
                 for p, v in {"before": 542.2, "after": 517.5, "2024-05": 100, "2024-06": 120,
                              "2024-07": 90}.items()],
        "refresh": {"advice": "refresh", "compared": DAYS[1], "next_review": "2025-01-01",
                    "reasons": ["Orders <fell>."]},
    },
    "quality": [
        {"check": "no customer", "table": "transactions", "rows": 900, "failing": 0, "action": ""},
        {"check": "zero amount", "table": "transactions", "rows": 900, "failing": 30,
         "action": "kept"},
    ],
    "product_verdict": {"headline": "Two groups of categories.", "k": 2},
}  # fmt: skip


def write_run(folder, day=DAYS[2], **changes):
    """Write the files of a run, some changed (None: not there), and return it."""
    place = folder / day
    place.mkdir(parents=True)
    for name, content in (CONTENT | changes).items():
        if content is not None:
            (place / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    products = pd.DataFrame({"segment": [1, 1, 2], "probability": [0.6, 0.9, 0.8]},
                            pd.Index(["SOUP", "CHEESE", "FUEL"], name="product"))  # fmt: skip
    products.to_parquet(place / "product_segments.parquet")
    steps = [{"name": name, "parameters": {}} for name in summary.PAGES]
    manifest = {"study": "shop", "as_of": day, "data_hash": "9f3c", "steps": steps, "times": {}}
    pages = [f"{day}/{name}.html" for name in summary.PAGES]
    return {"day": day, "folder": place, "manifest": manifest, "pages": pages}


def built(tmp_path, *runs, **more):
    places = {"folder": tmp_path, "reports": tmp_path / "reports"}
    path = summary.build(study(**places | more), runs, tmp_path / "index.html")
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def soup(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return built(folder, write_run(folder, DAYS[1]), write_run(folder))


def words(tag):
    return " ".join(tag.get_text(" ", strip=True).split())


def section(page, name):
    return page.select_one(f"[aria-labelledby={name}]")


def test_the_answer_says_who_matters_and_where_to_start(soup):
    answer = words(soup.select_one(".answer"))
    assert answer.startswith("1,000 households in 3 segments. Frequent shoppers matter most: 20%")
    assert "50% of revenue so far" in answer
    assert answer.endswith("Start with Frequent shoppers : try a letter.")
    assert words(soup.select_one("p.trust")) == "Trust: fair . Three segments with soft borders."


@pytest.mark.parametrize(
    ("kind", "beyond", "word"),
    [
        ("natural", True, "high"),
        ("reproducible", True, "fair"),
        ("reproducible", False, "low"),
        ("constructive", True, "low"),
    ],
)
def test_trust_is_one_word_by_the_kind_of_segments(tmp_path, kind, beyond, word):
    verdict = CONTENT["verdict"] | {"kind": kind, "agreement": {"value": 0.5, "beyond": beyond}}
    page = built(tmp_path, write_run(tmp_path, verdict=verdict))
    assert words(page.select_one("p.trust")).startswith(f"Trust: {word} .")


def test_a_row_a_segment_has_its_name_shares_colour_and_evidence(soup):
    rows = soup.select(".segment")
    assert [words(row.h3) for row in rows] == [f"Segment {s} {n}" for s, n in NAMES.items()]
    assert "20% of households (200)" in words(rows[0]) and "50% of revenue" in words(rows[0])
    for segment, colour in colours(NAMES).items():
        assert colour in rows[segment - 1].select_one(".swatch")["style"]
    assert "100 households" not in words(rows[0].select_one(".facts"))
    assert words(rows[0].select_one(".evidence")) == (
        "Median orders: 48.0 , 95% interval 45.5 to 50.0, n = 1,234; everyone: 27.0 . "
        "Source: orders in customers."
    )
    assert [bool(row.select_one(".warn")) for row in rows] == [False, False, True]


def test_a_fingerprint_says_how_a_segment_differs_from_the_others(soup):
    drawn = soup.select(".fingerprint")
    assert len(drawn) == 3
    assert "Orders 1.0" in drawn[0]["aria-label"]


def test_months_are_drawn_with_the_figures_before_and_after(soup):
    figure = soup.select_one(".month")
    assert "2024" in figure.svg.get_text()
    assert "91 days before → after, all members: $542 → $518" in words(figure.figcaption)


def test_on_monday_names_tests_that_the_segment_is_large_enough_for(soup):
    monday = section(soup, "monday")
    assert [words(li.b) for li in monday.select(".actions li")] == ["Try a letter."]
    told = words(monday)
    assert "205 households treated and as many left as now" in told
    assert "for 3 months : that shows a difference of 0.40 or more on 4.1" in told
    assert (
        "Widen it. A test needs 310 in each half to show 0.30 on 4.1 over 3 months; there are 205."
        in told
    )
    assert "Ask them" not in told


def test_a_test_that_misses_what_pays_says_so(tmp_path):
    plan = lever(1, True)
    plan["experiment"] |= {"break_even": 0.02, "unit": "$", "unseen": "most"}
    told = words(
        section(built(tmp_path, write_run(tmp_path, playbook={"levers": [plan]})), "monday")
    )
    assert "only effects far above that: it may pay although the test shows no difference" in told
    plan["experiment"]["unseen"] = None
    again = built(tmp_path, write_run(tmp_path / "b", playbook={"levers": [plan]}))
    assert "above that" not in words(section(again, "monday"))


def test_another_measure_is_offered_and_what_else_would_help_is_said(tmp_path):
    first, second = lever(1, False), lever(2, False, "Widen it.")
    other = {"enough": True, "unit": "share", "detectable": 0.05, "baseline": 0.8}
    first["other"] = first["experiment"] | other | {"metric": "share that buys"}
    fewer = {"metric": "share that buys", "there": 205, "needed": 180}
    together = {"segments": [3], "there": 400, "needed": 300}
    second["ways"] = [{"way": "effect", "value": 0.4}, {"way": "again", "value": 2},
                      {"way": "measure"} | fewer, {"way": "together"} | together]  # fmt: skip
    page = built(tmp_path, write_run(tmp_path, playbook={"levers": [first, second]}))
    assert words(section(page, "answer")).startswith("The answer") and "Start with" in words(page)
    monday = section(page, "monday")
    assert "difference of 5.0 points or more on 80%. Measure: share that buys." in words(monday)
    assert "too coarse a measure: a test needs 310 in each half" in words(monday)
    assert [words(li) for li in monday.select(".ways li")] == [
        "A larger effect: a test in this segment shows one of 0.40 or more, 9.8% of 4.1.",
        "Longer: 2 such tests one after another, the halves drawn anew for each, taken together.",
        "Another measure: a test of the share that buys needs 180 in each half, and there are 205.",
        "More of them: tested together with Occasional shoppers, there are 400 in each half, "
        "and 300 are needed.",
    ]


def test_at_most_three_tests_are_proposed_in_the_order_of_priority():
    ready, waiting, later = summary.actions([lever(s, s != 5) for s in range(1, 7)], [4, 2])
    assert [row["segment"] for row in ready] == [4, 2, 1]
    assert [row["segment"] for row in waiting] == [5] and later == [3, 6]


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ({1: 1.0, 2: 0.2}, {}),
        ({1: 0.2, 2: 1.0, 3: 0.9}, {"segments": [2], "why": "waiting"}),
        ({1: 0.2, 2: 0.3, 3: 1.0}, {"segments": [3], "why": "idle"}),
        ({1: 0.2, 4: 1.0}, {"segments": [4], "why": "weights"}),
        ({1: None}, {}),
    ],
)
def test_a_first_action_that_passes_over_the_objective_says_why(fit, expected):
    ranking = [{"segment": s, "scores": {"objective": value}} for s, value in fit.items()]
    levers = [lever(1, True), lever(4, True), lever(2, False)]
    assert targeting.passed_over(levers[0], levers, ranking) == expected
    assert targeting.passed_over(None, levers, ranking) == {}


def test_trust_is_drawn_and_said(soup):
    told = section(soup, "trust")
    assert "null model 0.40" in told.svg["aria-label"]
    assert "0.71 (95 of 100 refits from 0.58 to 0.83)" in words(told)
    assert "12% of households are near a boundary" in words(told)


@pytest.mark.parametrize("name", [*summary.FILES, "product_verdict"])
def test_a_missing_file_leaves_the_rest_standing(tmp_path, name):
    page = built(tmp_path, write_run(tmp_path, **{name: None}))
    assert page.h1 and "None" not in words(page.main)


def test_without_groups_the_page_says_what_to_use_meanwhile(tmp_path):
    useful = CONTENT["verdict"].get("usefulness", {}) | {"outcomes": []}
    none = CONTENT["verdict"] | {"kind": "none", "k": 1, "usefulness": useful}
    none |= {"instead": "rfm_tiers"}
    run = write_run(tmp_path, verdict=none, personas=CONTENT["personas"][:1], playbook=None)
    assert "To use meanwhile: RFM tiers" in words(section(built(tmp_path, run), "answer"))


@pytest.mark.parametrize("width", [1440, 390, 320])
def test_names_without_a_blank_stay_on_the_page(tmp_path, width):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("Chromium is not installed")
    long = {"label": "F" * 300, "value": 1.0, "low": 0.9, "high": 1.0}
    people = [row | {"name": "N" * 80, "fingerprint": [long]} for row in CONTENT["personas"]]
    claims = [row | {"sentence": "S" * 300} for row in CONTENT["claims"]]
    runs = [write_run(tmp_path, day, personas=people, claims=claims) for day in DAYS[:2]]
    built(tmp_path, *runs, title="T" * 80, customer="c" * 80)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 800})
        tab.goto((tmp_path / "index.html").as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()


# --- over the runs --------------------------------------------------------------------------------


def row(tmp_path, day, shares, **more):
    """Return a run as `summary` gives it: segment → share of customers."""
    (tmp_path / day).mkdir(exist_ok=True)
    people = [{"segment": s, "name": f"Name {s}", "share": a, "formerly": ""}
              for s, a in shares.items()]  # fmt: skip
    verdict = {"k": len(shares), "kind": "constructive"}
    return {"day": day, "folder": tmp_path / day, "pages": [], "personas": people,
            "verdict": verdict, "measures": {}, "model": {}} | more  # fmt: skip


def over(*runs):
    return summary.history(sorted(runs, key=lambda run: run["day"], reverse=True))


def follows(tmp_path, day, reference, **more):
    numbered = {"as_of": reference, "digest": "", "shared": 100, "new": [], "gone": [],
                "kept": [{"segment": 1, "both": 45, "before": 50, "now": 60}]} | more  # fmt: skip
    return row(tmp_path, day, {1: 0.6, 2: 0.4}, model={"k": 2, "numbered": numbered})


def test_a_segment_that_is_gone_breaks_its_line_and_is_named(tmp_path):
    past = over(
        row(tmp_path, DAYS[0], {1: 0.5, 2: 0.3, 3: 0.2}),
        row(tmp_path, DAYS[1], {1: 0.6, 2: 0.4}),
    )
    assert past["days"] == list(DAYS[:2]) and past["counts"] == [(DAYS[0], 3), (DAYS[1], 2)]
    assert past["panels"][0]["lines"][3] == [{"value": 0.2}, {}]
    assert past["gone"] == [(3, "Name 3", DAYS[0])]


def test_a_new_name_is_kept_for_the_reader(tmp_path):
    later = follows(tmp_path, DAYS[1], DAYS[0])
    later["personas"][0]["formerly"] = "Old hands"
    past = over(row(tmp_path, DAYS[0], {1: 0.6, 2: 0.4}), later)
    assert past["renamed"] == [(1, "Name 1", DAYS[1], "Old hands")]


def test_money_has_its_interval_and_too_few_are_not_shown(tmp_path):
    kpis = [kpi(1, "before", 0.7, "revenue_share", low=0.6, high=0.8),
            kpi(2, "before", 0.3, "revenue_share", suppressed=True)]  # fmt: skip
    past = over(*[row(tmp_path, d, {1: 0.6, 2: 0.4}, measures={"kpis": kpis}) for d in DAYS[:2]])
    lines = next(p for p in past["panels"] if p["key"] == "revenue_share")["lines"]
    assert (lines[1][0]["low"], lines[2]) == (0.6, [{}, {}])


def test_a_chart_runs_from_nothing_to_the_largest_and_breaks_where_nothing_is_known():
    chart = exhibits.line_chart(
        [("2024-01", {"value": 0}), ("2024-02", {"value": 5}), ("2024-03", {}),
         ("2024-04", {"value": 10, "low": 8, "high": 10})],
        "2024-03-10",
    )  # fmt: skip
    assert [len(path) for path in chart["paths"]] == [2] and len(chart["dots"]) == 1
    assert chart["paths"][0][0][1] == exhibits.HEIGHT - exhibits.EDGE
    assert chart["dots"][0][1] == exhibits.EDGE == chart["bars"][0][2]
    assert chart["paths"][0][1][0] < chart["mark"] < chart["dots"][0][0]
    assert chart["days"] == ["Jan 2024", "Feb 2024", "Mar 2024", "Apr 2024"]
