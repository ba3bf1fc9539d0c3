"""What to try, and what is known to work: points 27 and 28."""

import re

import pandas as pd
import pytest
import worlds

EFFECT = re.compile(r"(changed|raised|lowered|lifted) \w[\w ]* by|effect of [−+]?\d")


@pytest.mark.point(27)
def test_each_lever_cites_claims_of_its_own_segment(finished):
    run = finished("shop")
    claims = {claim["id"]: claim for claim in run.json("claims.json")}
    levers = run.json("playbook.json")["levers"]
    assert {lever["segment"] for lever in levers} == set(run.frame("segments.csv")["segment"])
    pages = run.text("*/04*.html")
    for lever in levers:
        cited = [claims[each] for each in lever["evidence"]]
        assert {claim["segment"] for claim in cited} == {lever["segment"]}
        assert all(claim["sentence"] in pages for claim in cited)


@pytest.mark.point(27)
def test_each_lever_has_the_size_of_the_test_that_would_show_it(finished):
    run = finished("shop")
    sold = pd.read_parquet(run.path.parent / "raw" / "transactions.parquet")
    for lever in run.json("playbook.json")["levers"]:
        trial = lever["experiment"]
        members = run.frame("segments.csv").query(f"segment == {lever['segment']}")
        assert trial["available"] == len(members) // 2
        if trial["n_per_arm"] is None:
            assert trial["metric"].startswith("to be chosen")
            continue
        end = pd.Timestamp("2023-08-01")
        since = end - pd.Timedelta(weeks=trial["weeks"])
        recent = sold[sold["at"].between(since, end, inclusive="left")]
        spend = recent.groupby("client")["paid"].sum().reindex(members["customer"], fill_value=0)
        plain = 2 * (2.8016 * spend.std() / (0.1 * spend.mean())) ** 2  # 80% power, 5%, ±10%
        assert trial["baseline"] == pytest.approx(spend.mean(), rel=0.02)
        assert 2 <= trial["n_per_arm"] <= 1.05 * plain  # earlier spend can only spare some
        assert f"{trial['n_per_arm']:,}" in run.text("*/04*.html")


@pytest.mark.point(28)
def test_a_campaign_that_was_not_randomised_has_no_effect(finished):
    run = finished("shop")
    told = run.text("index.html") + run.text()
    assert not EFFECT.search(told)
    assert re.search("not (assigned |drawn )?at random|observed|was chosen", told)


def trial_effect(run, name):
    """The difference in spend after a mailing between its arms, and of which size it is."""
    raw = run.path.parent / "raw"
    sent = pd.read_parquet(raw / "campaigns.parquet").query(f"mailing == '{name}'")
    sold = pd.read_parquet(raw / "transactions.parquet").query("at >= '2024-07-03'")
    spend = sold.groupby("person")["paid"].sum().reindex(sent["person"], fill_value=0)
    means = spend.groupby(sent["arm"].to_numpy()).mean()
    return means["letter"] - means["none"], means["none"]


@pytest.mark.point(28)
def test_an_effect_is_shown_only_of_the_sound_randomised_mailing(finished):
    run = finished("trials")
    lines = re.split(r"(?<=[.;])\s", run.text(f"{run.files.name}/*.html"))
    for name in worlds.MAILINGS:
        about = " ".join(line for line in lines if re.search(rf"\b{name}\b", line))
        assert about, f"nothing is said of {name}"
        assert bool(EFFECT.search(about)) == (name == "sound"), about
    shown = {row["campaign"]: row["overall"] for row in run.json("measures.json")["experiments"]}
    assert all(row.get("effect") is None for row in shown.get("lopsided", []))
    assert "early" not in shown
    effect, _ = trial_effect(run, "sound")
    assert shown["sound"][0]["low"] < effect < shown["sound"][0]["high"]


@pytest.mark.point(28)
def test_a_mailing_whose_groups_are_lopsided_or_too_early_says_why_it_has_no_effect(finished):
    told = finished("trials").text("2024-07-01/*.html")
    assert re.search(r"planned sizes|sample ratio|lost", told)
    assert re.search(r"before the segments|may be a result of the treatment|before 1 July", told)
