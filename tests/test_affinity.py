import numpy as np
import pandas as pd
import pytest

from seglib import runs
from seglib.personas import affinity


@pytest.fixture
def shop(tmp_path):
    """Sixty customers; segment 1 spends half on tea, segment 2 a tenth."""
    rng = np.random.default_rng(1)
    rows = []
    for customer in range(60):
        tea = (0.5 if customer < 30 else 0.1) * rng.uniform(0.8, 1.2)
        spend = rng.uniform(50, 150)
        bread = 0.3 * rng.uniform(0.9, 1.1)
        parts = {"tea": tea, "bread": bread, "milk": 1 - bread - tea}
        rows += [(customer, p, spend * share, 1) for p, share in parts.items()]
    path = tmp_path / "purchases.parquet"
    pd.DataFrame(rows, columns=["customer", "product", "amount", "orders"]).to_parquet(path)
    labels = pd.Series([1] * 30 + [2] * 30, index=pd.RangeIndex(60, name="customer"))
    return runs.engine(threads=1).read_parquet(path), labels


GROUPS = pd.Series({"tea": "drinks", "milk": "drinks", "bread": "food"})


def test_spending_is_one_row_per_customer_and_keeps_every_cent(shop):
    bought, _ = shop
    spent = affinity.spending(bought, GROUPS)
    assert spent.shape == (60, 2)
    assert spent.sum().sum() == pytest.approx(bought.execute()["amount"].sum())


def test_the_index_is_the_share_inside_against_everyone_elses():
    spent = pd.DataFrame({"a": [6.0, 6, 1, 1], "b": [4.0, 4, 4, 4]})
    labels = pd.Series([1, 1, 2, 2])
    table = affinity.index(spent, labels, seed=1, draws=200).set_index(["segment", "group"])
    assert table.loc[(1, "a"), "inside"] == pytest.approx(0.6)
    assert table.loc[(1, "a"), "outside"] == pytest.approx(0.2)
    assert table.loc[(1, "a"), "index"] == pytest.approx(3)
    assert list(table["buyers"]) == [2, 2, 2, 2]


def test_products_agree_with_the_bootstrap(shop):
    """The delta method on the engine and resampling in memory are two roads to one number."""
    bought, labels = shop
    alone = GROUPS.index.to_series()
    drawn = affinity.index(affinity.spending(bought, alone), labels, seed=1).set_index(
        ["segment", "group"]
    )
    exact = affinity.products(bought, labels).set_index(["segment", "product"])
    assert set(exact.index) == set(drawn.index)
    for key in exact.index:
        assert exact.loc[key, "index"] == pytest.approx(drawn.loc[key, "index"], rel=1e-9)
        assert exact.loc[key, "low"] == pytest.approx(drawn.loc[key, "low"], rel=0.05)


def test_products_find_what_was_planted(shop):
    found = affinity.products(*shop).set_index(["segment", "product"])
    assert found.loc[(1, "tea"), "selected"]
    assert found.loc[(1, "tea"), "low"] > 3
    assert not found.loc[(1, "bread"), "selected"]


def test_products_with_few_buyers_are_left_out(shop):
    bought, labels = shop
    assert affinity.products(bought, labels, minimum=31).empty
