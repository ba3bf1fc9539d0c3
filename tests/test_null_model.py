"""The null model keeps everything about a table but its groups."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from seglib.clustering import Encoder, dependence, null_model, validity


def drawn(values, seed=0):
    """One table without groups."""
    learnt = null_model.learn(values, seed=1)
    rows = null_model.draw(learnt, np.random.default_rng(seed))
    return values[rows, np.arange(values.shape[1])]


def correlated(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) * [1, 1, -1] + rng.normal(size=(n, 3))


@pytest.mark.parametrize("grid", [False, True], ids=["continuous", "1 to 5"])
def test_every_column_keeps_exactly_its_values(grid):
    values = np.clip(np.round(correlated() + 3), 1, 5) if grid else correlated()
    assert (np.sort(drawn(values), axis=0) == np.sort(values, axis=0)).all()


@pytest.mark.parametrize("grid", [False, True], ids=["continuous", "1 to 5"])
def test_rank_correlations_stay(grid):
    values = np.clip(np.round(correlated(2000) + 3), 1, 5) if grid else correlated(2000)
    before, after = spearmanr(values).statistic, spearmanr(drawn(values)).statistic
    assert np.abs(before - after).max() < 0.08


def test_missing_cells_stay_as_many_and_in_the_same_rows_together():
    values = correlated()
    values[:100, :2] = np.nan
    after = drawn(values)
    assert (np.isnan(after).sum(axis=0) == [100, 100, 0]).all()
    assert (np.isnan(after[:, 0]) == np.isnan(after[:, 1])).all()


def test_no_orders_still_means_no_spend():
    rng = np.random.default_rng(0)
    orders = rng.poisson(3, 500) * (rng.random(500) < 0.6)
    spend = orders * np.exp(rng.normal(2, 0.5, 500))
    after = drawn(np.column_stack([orders, spend, rng.normal(size=500)]))
    assert ((after[:, 0] == 0) == (after[:, 1] == 0)).all()


def test_a_column_that_follows_from_another_still_does():
    """The trend of somebody with one order: up, down, or unknown by the days since."""
    rng = np.random.default_rng(0)
    days = rng.integers(1, 411, 500).astype(float)
    trend = np.select([days <= 91, days <= 182], [1.0, -1.0], np.nan)
    after = drawn(np.column_stack([trend, days, rng.normal(size=500)]))
    expected = np.select([after[:, 1] <= 91, after[:, 1] <= 182], [1.0, -1.0], np.nan)
    np.testing.assert_array_equal(after[:, 0], expected)
    assert (after[:, 1] != days).mean() > 0.9


def test_what_another_column_makes_unknown_stays_unknown_there():
    """Gaps between orders are known from three orders on."""
    rng = np.random.default_rng(0)
    orders = 1.0 + rng.poisson(2, 500)
    gaps = np.where(orders >= 3, rng.gamma(3, 1, 500), np.nan)
    after = drawn(np.column_stack([gaps, orders, rng.normal(size=500)]))
    assert (np.isnan(after[:, 0]) == (after[:, 1] < 3)).all()


def test_columns_that_are_merely_alike_or_rare_follow_from_none():
    rng = np.random.default_rng(0)
    one = rng.normal(size=600)
    near, rare = one + 0.3 * rng.normal(size=600), (rng.random(600) < 0.01) * 1.0
    values = np.column_stack([one, near, rare, rng.integers(1, 6, 600)])
    assert not dependence.following(values, values).any()
    assert dependence.following(np.column_stack([one, one**3]), values[:, :2])[0].tolist() == [0, 0]


def test_groups_are_gone():
    """Two blobs on the diagonal: every value stays, but opposite corners fill up."""
    rng = np.random.default_rng(0)
    side = np.repeat([-1, 1], 200)
    values = 4 * side[:, None] * np.ones(3) + rng.normal(size=(400, 3))
    same = (np.sign(drawn(values)) == np.sign(drawn(values))[:, [0]]).all(axis=1)
    assert (np.sign(values) == np.sign(values)[:, [0]]).all(axis=1).mean() > 0.99
    assert same.mean() < 0.9


def test_extreme_answers_still_come_together():
    """Heavy tails shared by columns without correlation: the squares stay correlated."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2000, 3)) / np.sqrt(rng.chisquare(3, (2000, 1)) / 3)
    pairs = np.triu_indices(3, 1)
    before = spearmanr(np.abs(values)).statistic[pairs].mean()
    after = spearmanr(np.abs(drawn(values))).statistic[pairs].mean()
    assert after > 0.6 * before > 0.1


def test_categories_take_the_order_of_the_leading_axis():
    """Categories b < a < c rise with the number beside them."""
    number = np.arange(30.0)
    position = np.repeat([1.0, 0.0, 2.0], 10)  # b, a, c
    hot = (position[:, None] == np.arange(3)) - 1 / 3
    encoded = np.column_stack([(number - number.mean()) / number.std(), hot])
    ordered = null_model.quantify(encoded, np.column_stack([number, position]), [False, True])[:, 1]
    low, middle, high = ordered[0], ordered[10], ordered[20]
    assert (low < middle < high) or (low > middle > high)


@pytest.mark.parametrize("case", ["exact", "two digits", "percents", "gaps"])
def test_shares_of_one_cloud_are_as_compact_as_those_drawn(case):
    """Drawn shares add up as the rows do, rounded ones too, and rows with gaps to less."""
    rng = np.random.default_rng(3)
    shares = rng.dirichlet([0.8, 1.2, 2, 2.8, 1.5], 400)
    shares = {"two digits": shares.round(2), "percents": (100 * shares).round()}.get(case, shares)
    X = pd.DataFrame(shares, columns=list("abcde")).assign(noise=rng.normal(size=400))
    if case == "gaps":
        X.iloc[:, :5] = X.iloc[:, :5].mask(rng.random(shares.shape) < 0.15)
    null = null_model.NullModel().fit(X, Encoder().fit(X))
    assert [sorted(whole.names) for whole in null.wholes_] == [list("abcde")]
    assert validity.against_null(null, 5, tables=10)["dispersion_z"].max() < 3


def baskets(seed, tastes, orders):
    """Shares of six departments in a few orders of 500 customers with so many tastes."""
    rng = np.random.default_rng(seed)
    liked = np.kron(np.eye(3), [1, 1])[rng.integers(0, tastes, 500)] if tastes > 1 else np.ones(6)
    often = np.array([rng.dirichlet(a) for a in np.broadcast_to(0.4 + 7 * liked, (500, 6))])
    bought = np.array([rng.multinomial(1 + rng.poisson(orders), p) for p in often])
    return pd.DataFrame(bought / bought.sum(axis=1, keepdims=True)).rename(columns="s{}".format)


@pytest.mark.parametrize("orders", [0.3, 0.8, 2])
def test_shares_of_few_orders_are_no_groups(orders):
    """They lie on a few points: all in one department, half in each of two."""
    for seed in range(3):
        X = baskets(seed, 1, orders)
        null = null_model.NullModel().fit(X, Encoder().fit(X))
        assert null.wholes_[0].sparse and np.isnan(null.answers()).all()
        assert validity.search(null, 8).kind == "none"


def test_two_wholes_of_few_orders_are_no_groups():
    """Of departments, and of channels."""
    rng = np.random.default_rng(0)
    for seed in range(3):
        channels = rng.multinomial(2, [0.5, 0.3, 0.2], 500) / 2
        X = baskets(seed, 1, 0.8).join(pd.DataFrame(channels, columns=list("abc")))
        null = null_model.NullModel().fit(X, Encoder().fit(X))
        assert [whole.sparse for whole in null.wholes_] == [True, True]
        assert validity.search(null, 5).kind == "none"


def test_tastes_are_told_from_shares_of_few_orders():
    found = []
    for seed in range(4):
        X = baskets(seed, 3, 8)
        null = null_model.NullModel().fit(X, Encoder().fit(X))
        found.append(validity.search(null, 6).k)
    assert found.count(3) >= 3


def test_drawn_shares_keep_what_was_bought_together():
    X = baskets(0, 1, 1)
    null = null_model.NullModel().fit(X, Encoder().fit(X))
    tables = null.Z_, null.sample(0)
    (whole,) = null.wholes_
    same = np.repeat(np.arange(len(X))[:, None], 6, axis=1)
    assert whole.drawn(same) == pytest.approx(X[whole.names].to_numpy())
    nothing = null.Z_.min(axis=0)  # the code of a share of 0
    drawn, seen = (pd.DataFrame(np.isclose(Z, nothing)).value_counts() for Z in tables[::-1])
    pd.testing.assert_series_equal(drawn.sort_index(), seen.sort_index())


def asked(letters, kind, seed=4, groups=1):
    """A question as one column for each answer, the last one rare, beside three numbers."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(600, 3)) + 6 * np.eye(3)[rng.integers(0, groups, 600)])
    for some in letters:
        chance = np.array([1.0] * (len(some) - 1) + [0.02 if len(some) > 3 else 1])
        answer = pd.Series(rng.choice(list(some), 600, p=chance / chance.sum()))
        X = X.join(pd.get_dummies(answer).astype(kind))
    X = X.rename(columns=str)
    null = null_model.NullModel(random_state=1).fit(X, Encoder().fit(X))
    return validity.search(null, 4, tables=10)


@pytest.mark.parametrize("kind", [bool, int])
@pytest.mark.parametrize("letters", [["pqr"], ["pqrs"], ["pqr", "uvw"]])
def test_yes_or_no_columns_of_one_question_are_no_groups(letters, kind):
    assert asked(letters, kind).kind == "none"


def test_groups_beside_a_question_are_found():
    found = asked(["pqr"], int, groups=3)
    assert (found.k, found.kind) == (3, "natural")


def test_boxes_of_which_each_row_ticks_three_are_not_one_question():
    rng = np.random.default_rng(9)
    likely = 1 + 29.0 * (np.arange(9) // 3 == rng.integers(0, 3, 600)[:, None])
    ticked = (likely * rng.exponential(size=(600, 9)) ** -1).argsort(axis=1)[:, -3:]
    X = pd.DataFrame({f"q{j}": (ticked == j).any(axis=1) for j in range(9)})
    null = null_model.NullModel().fit(X, Encoder().fit(X))
    assert null.questions_ == [] and validity.search(null, 4, tables=10).k > 1
