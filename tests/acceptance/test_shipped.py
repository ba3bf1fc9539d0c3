"""The studies in data/ become reports worth sending: a snapshot, a survey, transactions alone."""

import pandas as pd
import pytest

LEFT_OUT = "What this page leaves out"


@pytest.fixture(scope="module")
def telco(finished):
    return finished("telco_churn")


@pytest.fixture(scope="module")
def personality(finished):
    return finished("personality")


def pages(run):
    """Return the text of each page by its name."""
    return {page.stem: run.text(str(page.relative_to(run.reports))) for page in run.pages}


def test_an_outcome_judges_and_describes_segments_and_never_forms_them(telco):
    verdict, model = telco.json("verdict.json"), telco.json("model.json")
    assert "churn" not in verdict["columns"]
    assert "churn" not in telco.frame("customers.parquet")
    assert {row["name"] for row in model["columns"]} == set(verdict["columns"])
    judged = [row["outcome"] for row in verdict["usefulness"]["outcomes"]]
    assert judged == ["who left within the month"]
    measured = telco.json("measures.json")["outcomes"]
    truth = telco.frame("outcomes.parquet")["churn"]
    segment = telco.frame("segments.parquet")["segment"]
    for row in (row for row in measured if row["segment"] and not row["suppressed"]):
        assert row["low"] <= row["value"] <= row["high"]
        assert row["value"] == pytest.approx(truth[segment == row["segment"]].mean(), abs=0.006)
    about = [c for c in telco.json("claims.json") if c["source"]["column"] == "churn"]
    assert about and all(c["comparisons"] > 1 for c in about)


def test_the_pages_of_a_snapshot_say_what_leaks_and_what_came_after(telco):
    text = pages(telco)
    assert "leakage" in text["01_data_collection"]
    assert "a company that does not exist" in text["index"]
    assert "left within the month" in text["05_measuring_results"].rsplit(LEFT_OUT, 1)[0]
    assert "snapshot of 1 January 2020" in text["index"]


@pytest.mark.parametrize("word", ["revenue", "basket", "ordered again", "they order"])
def test_parts_that_do_not_apply_to_a_snapshot_are_absent(telco, word):
    for name, text in pages(telco).items():
        assert word not in text.rsplit(LEFT_OUT, 1)[0].lower(), name


def test_a_survey_alone_has_no_page_of_results_and_says_what_its_scales_are_worth(personality):
    text = pages(personality)
    assert not {"05_measuring_results", "03_clustering_products"} & set(text)
    assert "How far the items of each scale say the same thing" in text["02_exploratory_analysis"]
    assert "turned round: 7 minus the answer" in text["01_data_collection"]
    assert "no sample of any population" in text["index"]
    assert "What happened" not in text["index"]


def test_a_survey_that_holds_no_groups_says_so_and_names_nobody(personality):
    text = pages(personality)
    assert personality.json("verdict.json")["k"] == 1
    assert "Until it is, treat all alike, as one segment" in text["index"]
    assert "On Monday" not in text["index"]
    for part in ("What makes each one different?", "Who could as well be elsewhere?"):
        assert part not in text["03_clustering"].rsplit(LEFT_OUT, 1)[0]


def test_transactions_alone_become_a_whole_report(finished):
    run = finished("cdnow")
    text = pages(run)
    assert set(text) >= {"index", "04_persona_definition", "05_measuring_results"}
    assert "03_clustering_products" not in text
    held = pd.DataFrame(run.json("measures.json")["kpis"])["metric"]
    assert set(held) >= {"active", "orders", "spend", "retained"}
    for name, each in text.items():
        assert "evening" not in each.rsplit(LEFT_OUT, 1)[0].lower(), name


def test_a_table_of_more_than_a_sample_says_what_is_of_all_and_what_of_some(finished):
    run = finished("cdnow")
    text, sizes = pages(run), run.frame("segments.parquet")["segment"].value_counts()
    n, rest = f"{sizes.sum():,}", f"{sizes.sum() - 20_000:,}"
    assert sizes.sum() > 20_000
    assert [row["n"] for row in run.json("verdict.json")["segments"]] == [*sizes.sort_index()]
    said = f"Of 20,000 customers, drawn at random; the other {rest}"
    assert said in text["02_exploratory_analysis"]
    for said in (
        f"differences and probabilities are those of all {n} customers",
        "predictions and the fit itself on 20,000.",
        "Drawn are 20,000 customers",
        f"the other {rest} are not.",
    ):
        assert said in text["03_clustering"]
