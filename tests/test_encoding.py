"""Columns that follow from the others are left out, and nothing else is."""

import numpy as np
import pandas as pd
from seglib.clustering.redundant import parts_of_a_whole, redundant

from seglib import clustering
from seglib.clustering import encode


def amounts(n=300, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"orders": rng.gamma(2, 3, n) + 1, "value": rng.lognormal(3, 0.5, n)})


def test_a_product_a_sum_and_a_copy_are_left_out():
    frame = amounts()
    assert redundant(frame.assign(spend=frame["orders"] * frame["value"])) == ["spend"]
    assert redundant(frame.assign(total=frame["orders"] + frame["value"])) == ["total"]
    assert redundant(frame.assign(again=frame["orders"])) == ["again"]


def test_shares_of_a_whole_lose_the_last():
    shares = pd.DataFrame(np.random.default_rng(1).dirichlet(np.ones(4), 300), columns=list("abcd"))
    assert redundant(shares) == ["d"]


def test_strongly_correlated_columns_stay():
    frame = amounts()
    noise = np.random.default_rng(2).lognormal(0, 0.1, len(frame))
    assert redundant(frame.assign(spend=frame["orders"] * frame["value"] * noise)) == []


def test_few_rows_say_nothing():
    assert redundant(amounts(12).assign(c=lambda f: f["orders"] + f["value"])) == []


def test_the_verdict_says_which_column_was_left_out():
    frame = amounts()
    rules, notes = encode.learn(frame.assign(spend=frame["orders"] * frame["value"]))
    assert [rule["name"] for rule in rules] == ["orders", "value"]
    assert "'spend' follows from the others" in notes[0]
    told = clustering.labelled({"reasons": notes, "k": 1}, {"spend": "Money spent"})
    assert told["k"] == 1
    assert told["reasons"][0].startswith("Column “Money spent” follows from the others")


def test_the_arithmetic_of_spend_is_not_a_group():
    frame = amounts(200, 9)
    frame = frame.assign(spend=frame["orders"] * frame["value"])
    assert clustering.judge(frame, seed=1).kind == "none"


def test_a_product_is_seen_beside_a_column_of_either_sign():
    frame = amounts()
    frame["spend"] = frame["orders"] * frame["value"]
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(size=len(frame))
        assert redundant(frame.assign(noise=noise)) == ["spend"]


def test_parts_of_a_whole_are_found_beside_other_columns():
    rng = np.random.default_rng(3)
    shares = pd.DataFrame(rng.dirichlet(np.ones(4), 300), columns=list("abcd"))
    frame = shares.assign(age=rng.normal(40, 9, 300), total=rng.gamma(2, 5, 300))
    assert parts_of_a_whole(frame) == list("abcd")
    assert parts_of_a_whole(frame.drop(columns="b")) == []
    assert parts_of_a_whole(amounts().assign(sum=lambda f: f["orders"] + f["value"])) == []


def test_simulated_shares_add_up_to_the_whole_and_missing_rows_stay_missing():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.dirichlet([2, 3, 4, 5], 400), columns=list("abcd"))
    frame.loc[:19] = np.nan
    rules, _ = encode.learn(frame, logs=False, tails=(0, 1), near_scale=False)
    encoded = encode.matrix(rules, frame)
    drawn = encode.simulator(rules, frame, encoded, 0)(1)
    raw = drawn * [rule["scale"] for rule in rules] + [rule["centre"] for rule in rules]
    assert [rule["name"] for rule in rules] == list("abc")
    filled = (raw == [rule["fill"] for rule in rules]).all(axis=1)
    assert filled.sum() == 20
    assert (raw[~filled].sum(axis=1) < 1).all() and (raw > 0).all()
    observed = frame[["a", "b", "c"]].mean()
    assert np.abs(raw[~filled].mean(axis=0) - observed).max() < 0.02


def test_shares_without_groups_show_none_and_with_groups_show_them():
    rng = np.random.default_rng(1002)
    cloud = pd.DataFrame(rng.dirichlet(rng.uniform(0.5, 3, 6), 800)).add_prefix("s")
    assert clustering.judge(cloud, seed=1).kind == "none"
    truth = np.arange(600) % 3
    shares = np.array([rng.dirichlet(1 + 12 * np.eye(6)[i]) for i in truth])
    found = clustering.judge(pd.DataFrame(shares).add_prefix("s"), seed=1)
    assert (found.k, found.kind) == (3, "natural")
