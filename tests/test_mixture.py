"""Groups of planted number and shape are counted; columns alone make none."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from seglib.clustering import Encoder, NullModel, density, dependence, mixture

LEAST = pd.Series(0.69, range(1, 9))  # the density falls by half


def counted(values, nominal=None, k_max=6):
    values = np.asarray(values, dtype=float)
    nominal = np.zeros(values.shape[1], bool) if nominal is None else np.array(nominal)
    return mixture.count(mixture.columns(values, nominal), k_max, LEAST)


def looks(count):
    return count.k, count.by_bic, count.apart


def cigars(rng, n=500):
    """Two groups whose correlation is longer than their distance."""
    truth, long = np.arange(n) % 2, 8 * rng.normal(size=n)
    return np.column_stack([long, long + 7 * truth + rng.normal(size=n)])


def test_long_groups_side_by_side_are_two():
    assert looks(counted(cigars(np.random.default_rng(0)))) == (2, 2, 2)


def test_a_small_dense_group_beside_a_large_loose_one_is_a_group():
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(0, 1, (360, 3)), rng.normal(4, 0.3, (40, 3))]
    assert looks(counted(x)) == (2, 2, 2)


def test_the_steps_of_a_scale_are_no_groups():
    rng = np.random.default_rng(0)
    x = 3 + rng.normal(size=(500, 1)) + 0.8 * rng.normal(size=(500, 4))
    assert counted(np.clip(np.round(x), 1, 5)).apart == 1


@pytest.mark.parametrize("what", ["gaps", "zeros"])
def test_gaps_and_a_frequent_zero_add_no_group(what):
    rng = np.random.default_rng(1)
    x = cigars(rng) + 40
    x[rng.random(500) < 0.2, 0] = np.nan if what == "gaps" else 0
    assert counted(x).k == 2


def test_classes_of_answers_are_counted_without_numbers():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 500)
    likely = rng.random((500, 8)) < 0.8
    x = np.where(likely, (truth[:, None] + np.arange(8)) % 3, rng.integers(0, 3, (500, 8)))
    assert counted(x, [True] * 8).k == 3


@pytest.mark.parametrize("empty", [0.0, 0.1])
def test_groups_that_spend_their_money_in_other_places_are_counted(empty):
    """Shares of a whole are not normal within a group; some rows hold none of a part."""
    right = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        own = np.eye(6)[rng.integers(0, 3, 500)]
        spend = rng.gamma(1 + 12 * own) * (rng.random(own.shape) > empty * (1 - own))
        X = pd.DataFrame(spend / spend.sum(axis=1, keepdims=True)).rename(columns="s{}".format)
        null = NullModel().fit(X, Encoder().fit(X))
        right += counted(null.answers()).k == 3
    assert right == 5


def test_a_column_that_follows_from_another_counts_once():
    x = cigars(np.random.default_rng(0))
    twice = mixture.columns(np.column_stack([x, np.exp(x[:, 0] / 9)]), np.zeros(3, bool))
    assert twice.numbers.shape == (500, 2)


@pytest.mark.parametrize("kinds", [1, 2])
def test_those_without_a_number_are_no_group_and_those_with_one_may_be_several(kinds):
    """Days between orders, where there were two; answers of those who answered at all."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4))
    x[:, 1] = x[:, 0] + 8 * rng.integers(0, kinds, 400) + 0.3 * x[:, 1]
    x[x[:, 0] < -0.3, 1] = np.nan
    x[rng.random(400) < 0.3, 2:] = np.nan
    assert dependence.told(x).tolist() == [False, True, False, False]
    assert counted(x).apart == kinds


def test_every_row_has_one_membership_and_all_shapes_are_proper_covariances():
    rng = np.random.default_rng(0)
    columns = mixture.columns(rng.normal(size=(200, 3)), np.zeros(3, bool))
    for shape in mixture.SHAPES:
        groups = mixture.best(columns, 3, (shape,))
        assert groups.share.sum(axis=1) == pytest.approx(np.ones(200))
        weight, _, covariance = mixture.rule(columns.products(shape), groups.share, shape)
        assert weight.sum() == pytest.approx(1) and (np.linalg.eigvalsh(covariance) > 0).all()
        same = np.allclose(covariance, covariance[0])
        assert same == (shape == "tied")


def test_a_column_that_nobody_fills_who_fills_another_stops_nothing():
    rng = np.random.default_rng(0)
    one = np.where(rng.random(500) < 0.8, rng.normal(size=500), np.nan)
    other = np.where(np.isnan(one), rng.normal(size=500), np.nan)
    found = mixture.columns(np.column_stack([one, other, rng.normal(size=500)]), np.zeros(3, bool))
    assert not np.isnan(found.numbers).any()


def test_missing_numbers_are_drawn_from_the_group_of_their_row():
    """A fifth of two correlated columns is missing; means, spread and correlation come back."""
    rng = np.random.default_rng(0)
    truth = np.arange(900) % 2
    x = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 900) + 6 * truth[:, None]
    holes = rng.random(x.shape) < 0.2
    filled = mixture.columns(np.where(holes, np.nan, x), np.zeros(2, bool)).numbers
    assert (filled[~holes] == x[~holes]).all()
    for group in (0, 1):
        drawn = holes.any(axis=1) & ~holes.all(axis=1) & (truth == group)
        assert filled[drawn].mean(axis=0) == pytest.approx([6 * group] * 2, abs=0.3)
        assert np.cov(filled[drawn].T) == pytest.approx(np.array([[1, 0.8], [0.8, 1]]), abs=0.3)


def test_a_group_that_both_trees_miss_is_found_by_splitting():
    rng = np.random.default_rng(0)
    columns = mixture.columns(cigars(rng), np.zeros(2, bool))
    short = [mixture._em(columns, s, "diag", 200)[1] for s in mixture._starts(columns, 4)]
    assert mixture.best(columns, 4, ("diag",)).loglik > max(short)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_those_who_buy_nothing_are_not_shared_out_among_the_groups_of_buyers(share):
    """Numbers drawn for them must not make as many groups again."""
    rng = np.random.default_rng(0)
    group, none = rng.random(500) < share, rng.random(500) < 0.4
    x = rng.normal(size=(500, 2)) + 6 * group[:, None] + 10
    x[none] = 0
    assert counted(x).k <= 3


def test_a_column_that_few_have_is_counted_where_there_is_no_other():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(200) < 0.6, np.nan, rng.normal(size=200))
    assert looks(counted(x[:, None], k_max=3)) == (1, 1, 1)


@pytest.mark.parametrize(("rows", "columns"), [(60, 13), (60, 40), (120, 20)])
def test_no_direction_of_many_parts_the_rows_that_gave_it(rows, columns):
    apart = {"halves of one cloud": [], "two clouds": []}
    for seed in range(10):
        x, half = np.random.default_rng(seed).normal(size=(rows, columns)), np.arange(rows) % 2
        cut = KMeans(2, n_init=3, random_state=seed).fit_predict(x)
        apart["halves of one cloud"].append(density.apart(x, cut, 0.69)[1] > 1)
        x[half == 1, 0] += 5
        apart["two clouds"].append(density.apart(x, half, 0.69)[1] > 1)
    assert np.mean(apart["halves of one cloud"]) <= 0.1
    assert np.mean(apart["two clouds"]) >= 0.7
