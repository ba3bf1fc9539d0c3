"""Trust: points 24 (verdict.json), 25 (numbers follow people) and 26 (claims are verified)."""

import json

import numpy as np
import pandas as pd
import pytest
import worlds
import yaml
from bs4 import BeautifulSoup

# --- the verdict ----------------------------------------------------------------------------------


@pytest.mark.point(24)
def test_the_verdict_holds_stability_beside_its_null_and_a_p_value(shop):
    verdict = shop.json("verdict.json")
    for name in ("value", "null", "low", "high"):
        assert -1 <= verdict["agreement"][name] <= 1
    assert verdict["agreement"]["low"] <= verdict["agreement"]["value"]
    assert 0 < verdict["p_value"] <= 1
    sizes = shop.frame("segments.parquet")["segment"].value_counts()
    assert {row["segment"]: row["n"] for row in verdict["segments"]} == sizes.to_dict()
    assert all(0 <= row[key] <= 1 for row in verdict["segments"] for key in row if "jaccard" in key)
    assert all({"jaccard", "jaccard_null"} <= set(row) for row in verdict["segments"])
    tried = pd.DataFrame(verdict["evidence"]).set_index("k")
    assert tried.loc[2:, ["stability", "stability_null"]].notna().all(axis=None)
    assert verdict["k"] in tried.index


# --- numbers and names ----------------------------------------------------------------------------

PLACES = {"a": (0, 0, 0), "b": (9, 0, 3), "c": (0, 9, 6)}
EARLY, LATE = "2024-04-01", "2024-07-01"


def people(sizes):
    """Return customers of planted groups, the group as the first letter of an id."""
    rng, rows = np.random.default_rng(5), {}
    for group, numbers in sizes.items():
        for i in numbers:
            rows[f"{group}{i:03d}"] = rng.normal(PLACES[group], 1)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["x", "y", "z"])


@pytest.fixture(scope="module")
def moved(notebook, tmp_path_factory):
    """A study at two dates: the largest group shrinks, the smallest becomes the largest."""
    folder = tmp_path_factory.mktemp("moved")
    column = {"kind": "numeric", "base": "plan"}
    table = {"source": "raw/customers.parquet", "columns": {"customer": "id"},
             "attributes": {name: column for name in "xyz"}}  # fmt: skip
    study = {"title": "People", "objective": "Know them again", "as_of": LATE, "seed": 3,
             "tables": {"customers": table}, "personas": {"names": {1: "Anemones", 3: "Corals"}},
             "segmentation": {"bases": ["plan"], "k_max": 3, "k": 3}}  # fmt: skip
    before = people({"a": range(70), "b": range(50), "c": range(30)})
    after = people({"a": range(30), "b": range(50), "c": range(90)})
    path = worlds.write_shop(folder, {"customers": before.rename_axis("id").reset_index()}, study)
    for name in ("01_data_collection", "03_clustering"):
        notebook(name, path, as_of=EARLY)
    after.rename_axis("id").reset_index().to_parquet(path.parent / "raw/customers.parquet")
    for name in ("01_data_collection", "03_clustering", "04_persona_definition"):
        notebook(name, path, as_of=LATE)
    return path


@pytest.mark.point(25)
def test_numbers_and_names_follow_people_and_not_the_order_of_sizes(moved):
    one, two = (pd.read_parquet(moved.parent / d / "segments.parquet") for d in (EARLY, LATE))
    numbers = [f["segment"].groupby(f.index.str[0]).agg(lambda s: s.mode()[0]) for f in (one, two)]
    assert dict(numbers[0]) == {"a": 1, "b": 2, "c": 3}  # the largest first
    assert dict(numbers[1]) == dict(numbers[0])  # though c is now the largest
    listed = pd.read_csv(moved.parent / LATE / "segments.csv")
    names = listed.groupby(listed["customer"].str[0])["name"].agg(lambda s: s.mode()[0])
    assert (names["a"], names["c"]) == ("Anemones", "Corals")


def held(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.point(25)
def test_a_past_date_that_is_run_again_changes_no_other_date(finished, call, tmp_path):
    run = finished("trials").copy(tmp_path)
    early, late = (day.name for day in run.days)
    study = yaml.safe_load(run.path.read_text())
    run.path.write_text(yaml.safe_dump(study | {"personas": {"names": {1: "Anemones"}}}))
    before = [held(folder / late) for folder in (run.path.parent, run.reports)]
    past = run.frame(f"../{early}/segments.parquet")["segment"]
    done = call("run", run.path, "--as-of", early, "--only", "04")
    assert done.returncode == 0, done.stderr
    assert [held(folder / late) for folder in (run.path.parent, run.reports)] == before
    again = run.frame(f"../{early}/segments.csv").set_index("customer")
    assert again["segment"].equals(past.sort_index())
    assert set(again.loc[again["segment"] == 1, "name"]) == {"Anemones"}


# --- claims ---------------------------------------------------------------------------------------


@pytest.mark.point(26)
def test_every_claim_has_a_value_its_n_its_source_and_an_interval_and_a_reference(shop):
    claims = shop.json("claims.json")
    assert len(claims) > 50
    for claim in claims:
        assert claim["sentence"] and claim["value"] is not None and claim["n"] >= 10
        assert claim["source"]["table"]
        if claim["direction"]:  # it compares
            assert claim["reference"] and claim["reference_value"] is not None
            assert claim["low"] <= claim["value"] <= claim["high"]
            beyond = (
                claim["low"] > claim["reference_value"],
                claim["high"] < claim["reference_value"],
            )
            assert any(beyond), claim["id"]


@pytest.mark.point(26)
def test_every_sentence_of_a_card_is_shown_with_its_evidence(shop):
    (path,) = shop.reports.glob("*/04*.html")
    page = BeautifulSoup(path.read_text(), "html.parser")
    cards, seen = page.select("article.persona"), 0
    assert len(cards) == 3
    for card, segment in zip(cards, (1, 2, 3), strict=True):
        notes = {}  # what stands before the number of a note → the note at the foot
        for link in card.select("a[href^='#note-']"):
            said = link.find_previous(string=lambda text: text.strip(" [("))
            notes[said.strip()] = card.select_one(link["href"]).get_text()
        shown = card.get_text()
        for claim in shop.json("claims.json"):
            if claim["segment"] == segment and claim["sentence"] in shown:
                behind, seen = notes[claim["sentence"]], seen + 1
                assert f"n = {claim['n']:,}" in behind, claim["id"]
                assert claim["low"] is None or "interval" in behind, claim["id"]
    assert seen > 20


def edited(path):
    """Change one number of a JSON file of a run, or one column of a table."""
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        frame.assign(spend=frame["spend"] * 1.2).to_parquet(path)
        return
    what = json.loads(path.read_text())
    row, key = next((row, key) for row in what for key in ("outside", "share") if row.get(key))
    row[key] *= 1.3
    path.write_text(json.dumps(what))


@pytest.mark.point(26)
@pytest.mark.parametrize("name", ["claims.json", "personas.json", "customers.parquet"])
def test_an_edited_file_stops_the_build(shop, call, tmp_path, name):
    run = shop.copy(tmp_path)
    edited(run.files / name)
    before = held(run.reports)
    done = call("run", run.path, "--only", "05")
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    assert held(run.reports) == before
