"""Columns that follow from the others are left out, and nothing else is."""

import numpy as np
import pandas as pd

from seglib import cluster
from seglib.cluster import encode
from seglib.cluster.redundant import redundant


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


def test_the_arithmetic_of_spend_is_not_a_group():
    frame = amounts(200, 9)
    frame = frame.assign(spend=frame["orders"] * frame["value"])
    assert cluster.judge(frame, seed=1).kind == "none"
