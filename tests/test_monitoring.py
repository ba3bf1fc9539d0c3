"""Flows between two dates on tables that can be checked by hand, and with planted moves."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from runs import shop_run, two_runs, verdict
from worlds import write_shop

from seglib import wording
from seglib.measuring import monitoring


def moved(counts):
    """Return the states of customers from (then, now) → how many."""
    rows = [pair for pair, n in counts.items() for _ in range(n)]
    index = pd.Index(range(len(rows)), name="customer")
    return pd.DataFrame(rows, index, ["then", "now"]).assign(probability=0.8)


def found(counts, k=2, minimum=1):
    rows = monitoring.flows(
        moved(counts), list(range(1, k + 1)), minimum=minimum, seed=1, draws=400
    )
    return rows.set_index(["origin", "goal"])


def test_a_flow_that_exceeds_its_reverse_is_news_and_its_reverse_is_not():
    rows = found({(1, 1): 60, (1, 2): 20, (2, 1): 2, (2, 2): 15})
    assert rows.loc[(1, 2), "beyond"] and not rows.loc[(2, 1), "beyond"]
    assert rows.loc[(1, 2), "p"] == pytest.approx(2 * (1 + 22 + 231) / 2**22)


def test_many_moves_that_cancel_are_no_news():
    rows = found({(1, 1): 50, (1, 2): 100, (2, 1): 98, (2, 2): 50})
    assert not rows["beyond"].any() and rows.loc[(1, 2), "p"] > 0.5


def test_a_circle_that_leaves_all_sizes_alone_is_no_news():
    circle = {(1, 2): 60, (2, 3): 60, (3, 1): 60, (1, 1): 200, (2, 2): 200, (3, 3): 200}
    rows = found(circle, k=3)
    assert rows["uneven"].sum() == 3 and not rows["beyond"].any()


def test_those_who_left_and_came_are_a_flow_of_their_own():
    rows = found({(1, 1): 50, (1, 0): 30, (0, 1): 3, (2, 2): 40})
    assert rows.loc[(1, 0), "beyond"] and rows.loc[(1, 0), "share"] == 30 / 80
    assert np.isnan(rows.loc[(0, 1), "share"]) and (0, 0) not in rows.index


def test_small_flows_are_suppressed_and_others_rounded_so_that_they_do_not_follow():
    counts = {(1, 1): 56, (1, 2): 23, (2, 1): 4, (2, 2): 37}
    rows = found(counts, minimum=10)
    assert rows.loc[(1, 2), "n"] == 20 and rows.loc[(1, 1), "n"] == 60
    small = rows.loc[(2, 1)]
    assert small["suppressed"] and small[["n", "low", "high", "net", "p"]].isna().all()
    assert rows.loc[(1, 2), ["reverse", "net", "p", "p_adjusted"]].isna().all()
    assert rows.loc[(1, 2), "beyond"]  # that it is more than chance may be said
    shown = rows[["n", "low", "high", "net", "net_low", "net_high"]].stack().dropna()
    assert len(shown) > 10 and (shown % 10 == 0).all()


# --- two runs -----------------------------------------------------------------------------------


def two_dates(seed, n=400, fallen=0):
    """Return customers of two kinds at two dates; some of the high ones fall to the low."""
    rng = np.random.default_rng(seed)
    high = np.arange(n) < n // 2
    later = high & (np.arange(n) >= fallen)
    index = pd.Index(range(1000, 1000 + n), name="customer")
    return [
        pd.DataFrame({
            "orders": rng.poisson(np.where(of, 20, 8)).astype(float),
            "spend": rng.lognormal(np.where(of, 5, 4), 0.5),
        }, index)
        for of in (high, later)
    ]  # fmt: skip


def compared(folder, frames, k=2, **keys):
    pair = monitoring.pair(two_runs(folder, frames, k, **keys))
    states = monitoring.states(pair.model, pair.then, pair.now)
    return pair, states, monitoring.flows(states, pair.numbers, minimum=10, seed=1)


def test_luck_alone_is_seldom_news_and_planted_moves_are_found(tmp_path):
    quiet = [compared(tmp_path / f"q{s}", two_dates(s))[2]["beyond"].any() for s in range(10)]
    loud = [compared(tmp_path / f"l{s}", two_dates(s, fallen=30))[2]["beyond"].any()
            for s in range(6)]  # fmt: skip
    assert sum(quiet) <= 2 and sum(loud) >= 5


def test_the_rule_of_then_gives_the_segments_of_then(tmp_path):
    pair, states, _ = compared(tmp_path, two_dates(1))
    assert states["then"].equals(pair.last.read("segments.parquet")["segment"].rename("then"))


def test_change_is_split_into_behaviour_and_rule(tmp_path):
    pair, states, _ = compared(tmp_path, two_dates(1, fallen=60))
    parts = monitoring.split(pair, states)
    assert parts["rule"]["n"] == 0 and parts["changed"] == parts["behaviour"]
    assert parts["expected"] == pytest.approx(0.15)

    swapped = pair.run.read("segments.parquet")
    swapped["segment"] = 3 - swapped["segment"]
    pair.run.write("segments.parquet", swapped)
    parts = monitoring.split(pair, states)
    assert parts["rule"]["value"] == 1 and parts["changed"]["value"] > 0.5
    assert monitoring.split_words(parts, 10)["both_known"] == "some"


def test_who_was_downgraded_is_listed_with_what_they_were_worth(tmp_path):
    frames = two_dates(1, fallen=60)
    frames[1] = frames[1].drop(index=1150)  # one who ordered nothing more
    pair, states, flows = compared(tmp_path, frames)
    listed = monitoring.downgraded(pair, states, flows)
    assert list(listed) == [line["column"] for line in monitoring.DOWNGRADED]
    assert len(set(range(1000, 1060)) & set(listed["customer"])) > 45
    worth = pair.then["spend"].groupby(states["then"]).mean()
    inside = listed[listed["to"] > 0]
    assert (inside["from"].map(worth) > inside["to"].map(worth)).all()
    gone = listed[listed["to"] == 0].set_index("customer")
    assert gone.loc[1150, "value_now"] == 0 and np.isnan(gone.loc[1150, "probability"])
    assert listed["beyond_chance"].is_monotonic_decreasing and listed["beyond_chance"].any()


def test_pages_name_segments_and_no_customer(tmp_path):
    pair, states, flows = compared(tmp_path, two_dates(1, fallen=60))
    words = monitoring.flow_words(pair, flows) | {"who": "customer"}
    said = wording.plain("07_monitoring", "flows", **words)
    listed = monitoring.downgraded_words(monitoring.downgraded(pair, states, flows), 10)
    said += wording.plain("07_monitoring", "downgraded", who="customer", **listed)
    assert "Segment 1" in said and "More than chance" in said
    assert not any(str(customer) in said for customer in pair.then.index)


# --- which runs are compared ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """Two runs of the shop, four months apart; history grows from 90 to 212 days."""
    path = write_shop(tmp_path_factory.mktemp("earlier"))
    last, run = shop_run(path, as_of=date(2023, 4, 1)), shop_run(path)
    for each in (last, run):
        each.write("verdict.json", verdict())
    return last, run


def test_features_of_today_are_taken_again_from_as_many_days(shops):
    last, run = shops
    pair = monitoring.pair(run)
    assert pair.last.as_of == last.as_of and pair.days == 90
    assert pair.then.equals(last.read("customers.parquet"))
    assert pair.now["orders"].mean() < 0.6 * run.read("customers.parquet")["orders"].mean()
    assert pair.now["recency"].max() <= 90


def test_what_limits_a_comparison_is_said(shops):
    basis = monitoring.basis(monitoring.pair(shops[1]))
    assert (basis["days"], basis["seen"], basis["histories"]) == (90, 212, "longer")
    assert (basis["season"], basis["overlap"]) == ("another", "none")  # 122 days apart


def test_without_an_earlier_run_there_is_a_sentence(shops):
    assert "no run of this study before 2023-04-01" in monitoring.incomparable(shops[0])
    assert monitoring.incomparable(shops[1]) == ""


def test_runs_that_cannot_be_compared_say_why(tmp_path, shops):
    run = two_runs(tmp_path, two_dates(1))
    run.write("customers.parquet", two_dates(1)[1].drop(columns="spend"))
    assert "'spend'" in monitoring.incomparable(run)
    last = run.predecessor()
    last.write("model.json", last.read("model.json") | {"version": 0})
    assert f"--as-of {last.as_of} --force" in monitoring.incomparable(run)
    last, run = shops
    was = last.read("extent.json")
    last.write("extent.json", was | {"first": "2022-01-01"})
    assert "cannot be compared" in monitoring.incomparable(run)
    last.write("extent.json", was)
