"""Pseudonyms: the same under the same key at any date, none without a key, nobody's without it."""

import re
from datetime import date

import pandas as pd
import pytest
from runs import shop_run
from worlds import shop_study, shop_tables, write_shop

from seglib import privacy, runner, runs, study
from seglib.clustering import scoring
from seglib.collection import activity, audit, features, tables
from seglib.study import StudyError

KEY = "a key of the tests, long enough"
ASKED = {"privacy": {"pseudonymise": "SHOP_KEY"}}


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("SHOP_KEY", KEY)


def people(path, day="2023-08-01"):
    loaded = study.load(path)
    clean, _ = audit.audit(loaded, tables.open_tables(loaded), date.fromisoformat(day))
    known = activity.facts(loaded, clean, date.fromisoformat(day))
    return features.customers(known)[0], known


def test_features_and_every_table_are_those_of_the_same_customers(key, tmp_path):
    plain, known = people(write_shop(tmp_path / "plain"))
    frame, hidden = people(write_shop(tmp_path / "hidden", study=shop_study() | ASKED))
    ids = pd.Series(plain.index.astype(str), plain.index)
    renamed = plain.set_axis(privacy.pseudonyms(ids, KEY.encode()).to_numpy()).sort_index()
    pd.testing.assert_frame_equal(renamed, frame, check_names=False)
    for name in ("purchases", "monthly", "lines"):
        one, other = (getattr(activity, name)(k).execute() for k in (known, hidden))
        one["customer"] = privacy.pseudonyms(one["customer"].astype(str), KEY.encode())
        keys = [c for c in one if c in {"customer", "product", "month", "day"}]
        pd.testing.assert_frame_equal(
            one.sort_values(keys, ignore_index=True), other.sort_values(keys, ignore_index=True)
        )


def test_runs_at_two_dates_match_and_a_rule_scores_both(key, tmp_path):
    path = write_shop(tmp_path, study=shop_study() | ASKED)
    early, late = shop_run(path, as_of="2023-07-01"), shop_run(path)
    first, second = (r.read("segments.parquet") for r in (early, late))
    assert len(first.index.intersection(second.index)) > 190
    assert first.index.str.fullmatch(r"[0-9a-f]{32}").all()
    found = scoring.score(early.folder, late.folder / "customers.parquet")
    assert set(found.members.index) == set(second.index)


def test_a_run_under_another_key_is_no_earlier_run(key, tmp_path, monkeypatch):
    path = write_shop(tmp_path, study=shop_study() | ASKED)
    early = shop_run(path, as_of="2023-07-01")
    early.write("privacy.json", {"pseudonyms": privacy.pseudonym_mark(early.study), "kept_out": []})
    late = runs.open_run(path)
    assert late.predecessor("segments.parquet").as_of == early.as_of
    assert late.numbering()["as_of"] == "2023-07-01"
    monkeypatch.setenv("SHOP_KEY", KEY + "!")
    assert late.predecessor("segments.parquet") is None
    assert late.numbering() is None


def test_a_key_that_could_be_guessed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", "short")
    with pytest.raises(StudyError, match="5 characters"):
        people(write_shop(tmp_path, study=shop_study() | ASKED))


def test_a_change_of_the_key_is_a_change_of_the_input(key, tmp_path, monkeypatch):
    current = runs.open_run(write_shop(tmp_path, study=shop_study() | ASKED))
    one = runner._fingerprint(current, {})
    monkeypatch.setenv("SHOP_KEY", KEY + "!")
    assert runner._fingerprint(current, {}) != one


def mailed(folder, **keys):
    shop = shop_tables()
    for table in shop.values():
        if "client" in table:
            table["client"] = table["client"].map("p{}@shop.net".format)
    return write_shop(folder, shop, shop_study() | keys)


def test_ids_that_are_addresses_are_refused_unless_the_study_says_what_to_do(key, tmp_path):
    with pytest.raises(StudyError, match=r"customer: 'client' holds e-mail.*privacy.keep"):
        people(mailed(tmp_path / "a"))
    assert people(mailed(tmp_path / "b", privacy={"keep": ["client"]}))[0].index[0].endswith("net")
    frame, _ = people(mailed(tmp_path / "c", **ASKED))
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in frame.index)


def contacts(folder, **keys):
    shop, raw = shop_tables(), shop_study()
    shop["customers"]["mail"] = [f"p{i}@shop.net" for i in range(200)]
    raw["tables"]["customers"]["attributes"]["mail"] = {"base": "plan"}
    return write_shop(folder, shop, raw | keys)


def test_a_personal_column_that_the_study_keeps_is_kept(tmp_path):
    frame, _ = people(contacts(tmp_path / "a", privacy={"keep": ["mail"]}))
    assert frame["mail"].notna().all()
    assert "mail" not in people(contacts(tmp_path / "b"))[0]


def test_a_personal_column_may_not_form_segments(tmp_path):
    asked = {"bases": ["behavioural", "plan"], "features": ["orders", "mail"]}
    with pytest.raises(StudyError, match=r"features: 'mail' holds e-mail.*privacy.keep"):
        people(contacts(tmp_path, segmentation=asked))
