"""Columns become numbers by plain rules; what cannot is refused or left out with a sentence."""

import numpy as np
import pandas as pd
import pytest

from seglib.clustering import Encoder, NullModel
from seglib.clustering.dependence import parts_of_a_whole, redundant
from seglib.clustering.encoding import near_spread
from seglib.study import StudyError


def amounts(n=300, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"orders": rng.gamma(2, 3, n) + 1, "value": rng.lognormal(3, 0.5, n)})


def base(n=60):
    return pd.DataFrame(np.random.default_rng(1).normal(size=(n, 3)), columns=["a", "b", "c"])


def test_each_kind_of_column_is_encoded_by_its_rule():
    frame = pd.DataFrame({
        "n": [0.0, 1.0, 2.0, np.nan],
        "o": pd.Categorical(["low", "high", "high", None], ["low", "high"], ordered=True),
        "c": pd.Categorical(["x", "x", "y", None]),
    })  # fmt: skip
    encoder = Encoder(logs=False, tails=(0, 1), near_scale=False).fit(frame)
    Z = encoder.transform(frame)
    step = 1 / np.std([0, 1, 2])
    assert Z[:, 0] == pytest.approx([-step, 0, step, 0])
    assert Z[:, 1] == pytest.approx(np.array([-2, 1, 1, 0]) / 3 / np.std([0, 1, 1]))
    share = np.array([2 / 3, 1 / 3])
    assert Z[0, 2:] == pytest.approx((np.array([1, 0]) - share) / np.sqrt(share))
    assert Z[3, 2:] == pytest.approx([0, 0])
    assert list(encoder.get_feature_names_out()) == ["n", "o", "c: x", "c: y"]
    assert encoder.levels == [0, 2, 2] and list(encoder.owners) == [0, 1, 2, 2]
    back = encoder.decode(Z)
    assert np.array_equal(back[:, 1:], encoder.answers(frame)[:, 1:], equal_nan=True)


def test_a_level_never_seen_and_a_value_far_out_stay_within_the_rule():
    frame = amounts().assign(plan=pd.Categorical(list("ab") * 150))
    encoder = Encoder().fit(frame)
    odd = pd.DataFrame({"orders": [1e9], "value": [np.inf], "plan": ["gold"]})
    far, middle, *plan = encoder.transform(odd)[0]
    assert far == encoder.transform(frame)[:, 0].max()
    assert middle == pytest.approx(0) and plan == [0, 0]


def test_an_encoder_is_its_rules():
    frame = amounts()
    encoder = Encoder().fit(frame)
    again = Encoder.from_rules(encoder.rules_)
    assert (again.transform(frame) == encoder.transform(frame)).all()
    with pytest.raises(StudyError, match="no column 'value'"):
        again.transform(frame[["orders"]])


def test_near_pairs_show_the_spread_within_groups():
    """Column a holds two groups 10 apart; within groups both columns spread alike."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)) + np.column_stack([10 * (np.arange(300) % 2), np.zeros(300)])
    assert near_spread(x) == pytest.approx([1, 1], abs=0.15)


def test_constant_empty_and_rare_columns_are_left_out_and_said():
    frame = base(200).assign(same=1.0, nothing=np.nan, rare=["x"] * 199 + ["y"])
    encoder = Encoder().fit(frame)
    assert encoder.columns == ["a", "b", "c"]
    text = " ".join(encoder.notes_)
    assert "'same' has the same value everywhere" in text
    assert "'nothing' is empty" in text
    assert "'rare' has fewer than two levels" in text


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([np.inf] + [1.0] * 59, "1 infinite values"),
        (pd.date_range("2024-01-01", periods=60), "holds dates"),
        (range(1000, 1060), "like an identifier"),
        ([f"customer {i}" for i in range(60)], "like an identifier"),
    ],
    ids=["infinity", "dates", "numbers", "names"],
)
def test_what_cannot_be_clustered_is_refused_in_one_sentence(column, words):
    with pytest.raises(StudyError, match=words):
        Encoder().fit(base().assign(extra=column))


# --- columns that follow from others --------------------------------------------------------------


def test_a_product_a_sum_a_copy_and_the_last_share_are_left_out():
    frame = amounts()
    assert redundant(frame.assign(spend=frame["orders"] * frame["value"])) == ["spend"]
    assert redundant(frame.assign(total=frame["orders"] + frame["value"])) == ["total"]
    assert redundant(frame.assign(again=frame["orders"])) == ["again"]
    shares = pd.DataFrame(np.random.default_rng(1).dirichlet(np.ones(4), 300), columns=list("abcd"))
    assert redundant(shares) == ["d"]


def test_a_product_is_seen_beside_a_column_of_either_sign():
    frame = amounts()
    frame["spend"] = frame["orders"] * frame["value"]
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(size=len(frame))
        assert redundant(frame.assign(noise=noise)) == ["spend"]
    assert "'spend' follows from the others" in Encoder().fit(frame).notes_[0]


def test_strongly_correlated_columns_and_few_rows_stay():
    frame = amounts()
    noise = np.random.default_rng(2).lognormal(0, 0.1, len(frame))
    assert redundant(frame.assign(spend=frame["orders"] * frame["value"] * noise)) == []
    assert redundant(amounts(12).assign(c=lambda f: f["orders"] + f["value"])) == []


def test_parts_of_a_whole_are_found_beside_other_columns():
    rng = np.random.default_rng(3)
    shares = pd.DataFrame(rng.dirichlet(np.ones(4), 300), columns=list("abcd"))
    frame = shares.assign(age=rng.normal(40, 9, 300), total=rng.gamma(2, 5, 300))
    assert parts_of_a_whole(frame) == [list("abcd")]
    others = pd.DataFrame(rng.dirichlet(np.ones(3), 300), columns=list("xyz"))
    assert sorted(parts_of_a_whole(frame.join(others))) == [list("abcd"), list("xyz")]
    assert parts_of_a_whole(frame.drop(columns="b")) == []
    assert parts_of_a_whole(amounts().assign(sum=lambda f: f["orders"] + f["value"])) == []


def test_simulated_shares_add_up_to_the_whole_and_missing_rows_stay_missing():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.dirichlet([2, 3, 4, 5], 400), columns=list("abcd"))
    frame.loc[:19] = np.nan
    encoder = Encoder(logs=False, tails=(0, 1), near_scale=False).fit(frame)
    drawn = NullModel().fit(frame, encoder).sample(1)
    rules = encoder.rules_
    raw = drawn * [rule["scale"] for rule in rules] + [rule["centre"] for rule in rules]
    assert encoder.columns == list("abc")
    filled = (raw == [rule["fill"] for rule in rules]).all(axis=1)
    assert filled.sum() == 20
    assert (raw[~filled].sum(axis=1) < 1).all() and (raw > 0).all()
    assert np.abs(raw[~filled].mean(axis=0) - frame[list("abc")].mean()).max() < 0.02


def left_out(frame):
    return [note.split("'")[1] for note in Encoder().fit(frame).notes_]


def tiered(frame, one, other):
    rich, often = frame[one], frame[other]
    code = (rich > rich.median()).astype(int) * (1 + (often > often.median()))
    return pd.Categorical.from_codes(code, ["bronze", "silver", "gold"])


def test_a_tier_that_two_columns_decide_is_left_out_and_one_that_tells_more_stays():
    frame = amounts()
    tier = tiered(frame, "value", "orders")
    (note,) = Encoder().fit(frame.assign(tier=tier)).notes_
    assert note.startswith("Column 'tier' follows from two others and was left out")
    noisy = pd.Series(tier).where(np.random.default_rng(0).random(300) < 0.9, "bronze")
    assert left_out(frame.assign(tier=noisy)) == []
    assert left_out(frame.assign(tier=tier, large=1e45 * np.random.default_rng(0).random(300))) == [
        "tier"
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_tier_of_ordered_answers_is_left_out_whatever_the_order_of_rows(seed):
    codes = pd.DataFrame(np.random.default_rng(seed).integers(1, 6, (300, 2)), columns=["a", "b"])
    frame = codes.apply(lambda c: pd.Categorical(c, range(1, 6), ordered=True))
    assert left_out(frame.assign(tier=tiered(codes, "a", "b"))) == ["tier"]


def test_a_name_that_two_scores_decide_is_left_out_and_the_scores_stay():
    """As the name of a segment in a CRM, of recency and frequency from 1 to 5; or their ratio."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(1, 6, (400, 2)), columns=["r", "f"]).astype(float)
    names = rng.choice(list("abcdefg"), (6, 6))[frame["r"].astype(int), frame["f"].astype(int)]
    assert left_out(frame.assign(name=pd.Categorical(names))) == ["name"]
    assert left_out(frame.assign(ratio=frame["r"] / (frame["f"] + 1))) == ["ratio"]
    other = pd.Series(names).where(rng.random(400) < 0.95, "a")
    assert left_out(frame.assign(name=pd.Categorical(other))) == []


def test_what_names_real_groups_or_is_rare_is_no_tier():
    rng = np.random.default_rng(0)
    truth = np.arange(300) % 3
    frame = pd.DataFrame(rng.normal(size=(300, 2)), columns=["x", "y"])
    apart = frame.assign(x=frame["x"] + 10 * (truth == 1), y=frame["y"] + 10 * (truth == 2))
    assert left_out(apart.assign(brand=pd.Categorical.from_codes(truth, list("abc")))) == []
    rare = rng.permutation(np.r_[np.ones(3), 2 * np.ones(3), np.zeros(294)])
    assert left_out(frame.assign(complaints=rare)) == []
