"""What a study may hold at its edges: each handled, or refused in one sentence."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from runs import shop_run

from seglib import files
from seglib.collection import activity, audit, tables
from seglib.measuring import campaign, change, experiment, findings, measure, results, told


def members(n=60):
    """Two segments, of which the second bought nothing after the cut-off date."""
    rng = np.random.default_rng(1)
    segment = np.repeat([1, 2], n // 2)
    before, after = rng.gamma(2, 20, n), np.where(segment == 1, rng.gamma(2, 20, n), 0.0)
    columns = {"segment": segment, "newcomer": False}
    for period, spend in (("before", before), ("after", after)):
        columns |= {f"active_{period}": (spend > 0) * 1.0, f"orders_{period}": (spend > 0) * 2.0,
                    f"spend_{period}": spend}  # fmt: skip
    return pd.DataFrame(columns, pd.Index(range(n), name="customer"))


def test_a_segment_without_transactions_after_fell_by_all_of_its_spend(shop):
    people = members()
    changes = change.changes(people, None, minimum=5, seed=1, draws=200)
    row = changes[(changes["metric"] == "spend") & (changes["segment"] == 2)].iloc[0]
    assert row["change"] == -1
    run = shop_run(shop)
    kpis = measure.periods(people, minimum=5, seed=1, draws=100)
    said = findings.sentences(run, changes, kpis, {0: "Everyone", 1: "Ones", 2: "Twos"})
    assert any("Twos: spend per customer fell 100%" in s["sentence"] for s in said)


def test_a_segment_without_transactions_before_has_no_growth_and_no_traceback(shop):
    people = members()
    for metric in ("active", "orders", "spend"):
        people.loc[people["segment"] == 2, f"{metric}_before"] = 0.0
        people.loc[people["segment"] == 2, f"{metric}_after"] = 1.0
    changes = change.changes(people, None, minimum=5, seed=1, draws=200)
    row = changes[(changes["metric"] == "spend") & (changes["segment"] == 2)].iloc[0]
    assert np.isnan(row["change"]) and not row["differs"]
    run = shop_run(shop)
    kpis = measure.periods(people, minimum=5, seed=1, draws=100)
    called = {0: "Everyone", 1: "Ones", 2: "Twos"}
    assert "nan" not in str(findings.sentences(run, changes, kpis, called))
    assert "nan" not in findings.headline(run, changes, called, [])


QUIET = {
    # what came in, before and after: (factor of each, what is said of it)
    "before": ((0.0, 1.0), "None of the customers in the segments ordered in the 60 days before 2"),
    "after": ((1.0, 0.0), "None of the customers in the segments ordered in the 60 days from 202"),
    "returns": ((-0.1, 1.0), "Net of returns, nothing was spent in the 60 days before 2023-08-01"),
}


@pytest.mark.parametrize("case", QUIET)
def test_a_period_without_net_purchases_is_said_and_nothing_is_made_up_of_it(shop, case):
    run, people = shop_run(shop), members()
    (before, after), expected = QUIET[case]
    for period, factor in (("before", before), ("after", after)):
        people[f"spend_{period}"] *= factor
        for metric in ("active", "orders"):
            people[f"{metric}_{period}"] *= float(factor != 0)
    period = "after" if case == "after" else "before"
    said = measure.quiet_period(run, people, period)
    assert said.startswith(expected)
    kpis = measure.periods(people, minimum=5, seed=1, draws=100)
    shares = kpis[(kpis["metric"] == "revenue_share") & (kpis["period"] == period)]
    assert len(shares) == 2 and shares[["value", "low", "high"]].isna().all(axis=None)
    changes = change.changes(people, None, minimum=5, seed=1, draws=200)
    numbers = changes.select_dtypes("number")
    assert not np.isinf(numbers).any(axis=None)
    grown = changes[changes["metric"] == "spend"]["change"]
    assert (grown == -1).all() if case == "after" else grown.isna().all()
    called = {0: "Everyone", 1: "Ones", 2: "Twos"}
    assert "nan" not in str(findings.sentences(run, changes, kpis, called))
    told = results.tabulated(run, kpis, ["revenue_share"])
    assert set(told[f"Share of revenue, {period}"]) == {"–"}


def test_the_headline_says_that_nothing_was_bought_and_not_that_customers_are_few(shop):
    run = shop_run(shop)
    before = run.read("before.parquet")
    run.write("before.parquet", before.assign(spend=0.0, orders=0.0, active=False, discount=0.0))
    people, notes = measure.people(run)
    changes = change.changes(people, None, minimum=5, seed=1, draws=100)
    said = findings.headline(run, changes, {0: "Everyone", 1: "a", 2: "b", 3: "c"}, notes)
    assert said.startswith("None of the customers in the segments ordered in the 60 days before")
    assert said in notes


def sent(redeemed):
    rows = pd.DataFrame({
        "customer": range(40), "campaign": "spring", "start": pd.Timestamp("2023-08-10"),
        "end": pd.Timestamp("2023-08-20"), "redeemed": redeemed,
    })  # fmt: skip
    covered = (date(2023, 1, 1), date(2023, 10, 28))
    return campaign.sent(rows, members(), date(2023, 8, 1), date(2023, 9, 30), covered)


def test_a_campaign_that_nobody_answered_converted_none_with_an_interval():
    rows = campaign.figures(sent(False), members(), minimum=5).set_index(["metric", "segment"])
    row = rows.loc[("converted", 0)]
    assert row["value"] == 0 and row["low"] == 0 and 0.05 < row["high"] < 0.15


def test_a_response_before_its_campaign_does_not_count(shop):
    raw = shop.parent / "raw"
    mailed = pd.DataFrame({"client": [1, 2], "mailing": 9, "day": pd.Timestamp("2023-06-10")})
    answers = pd.DataFrame({"client": [1, 2], "mailing": 9,
                            "at": pd.to_datetime(["2023-06-01", "2023-06-12"])})  # fmt: skip
    mailed.to_parquet(raw / "campaigns.parquet")
    answers.to_parquet(raw / "responses.parquet")
    run = files.open_run(shop)
    clean, _ = audit.inspect(run.study, tables.open_tables(run.study), run.as_of)
    rows = activity.campaigns(clean).execute().set_index("customer")
    assert rows["redeemed"].to_dict() == {1: False, 2: True}
    assert rows.loc[1, "redemptions"] == 0 and pd.isna(rows.loc[1, "first_response"])


@pytest.mark.parametrize("sizes", [(60, 1), (1, 60), (1, 1)])
def test_one_customer_in_an_arm_gives_no_effect_and_a_sentence(shop, sizes):
    rng = np.random.default_rng(1)
    arms = np.repeat(["none", "letter"], sizes)
    units = pd.DataFrame({"segment": 1, "arm": arms, "outcome": rng.gamma(2, 10, len(arms)),
                          "before_outcome": rng.gamma(2, 10, len(arms))})  # fmt: skip
    planned = {"none": sizes[0] / sum(sizes), "letter": sizes[1] / sum(sizes)}
    result = experiment.analyse(units, "none", planned=planned)
    assert result.overall["effect"].isna().all()
    assert set(result.segments["verdict"]) == {"not enough data"}
    run = shop_run(shop)
    about = {"outcomes": {"outcome": experiment.Compared("money", label="spend")},
             "adjusted": True, "control": "none", "days": 30, "start": date(2023, 8, 10),
             "campaign": "a"}  # fmt: skip
    words = told.sentences(run, about | {"result": result}, {1: "Ones"})
    assert words and "not enough data" in words[-1] and "nan" not in " ".join(words)
