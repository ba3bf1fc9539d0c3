"""What sets a segment apart: markers, descriptors, pictures, affinity."""

import numpy as np
import pandas as pd
import planted
import pytest

from seglib import runs, stats
from seglib.personas import affinity, profile
from seglib.personas.evidence import Evidence

DICTIONARY = [
    {"name": "orders", "label": "Orders", "unit": "orders", "base": "behavioural"},
    {"name": "basket", "label": "Value of an order", "unit": "$", "base": "behavioural"},
    {"name": "age", "label": "Age", "unit": "", "base": "demographic"},
    {"name": "home", "label": "Home", "unit": "", "base": "demographic"},
]


@pytest.fixture
def eight():
    """Four frequent customers with small baskets, four others; one of each lacks an attribute."""
    frame = pd.DataFrame(
        {
            "orders": [10, 11, 12, 13, 1, 2, 3, 4],
            "basket": [5.0, 6, 7, np.nan, 5, 6, 7, 8],
            "age": pd.Categorical(
                ["young", "young", "old", None, "old", "old", "middle", "old"],
                ["young", "middle", "old"], ordered=True,
            ),
            "home": pd.Categorical(["rent", "rent", "rent", "own", "own", "own", None, "rent"]),
        },
        index=pd.Index(range(101, 109), name="customer"),
    )  # fmt: skip
    return frame, pd.Series([1, 1, 1, 1, 2, 2, 2, 2], index=frame.index)


def row(table, **where):
    for key, value in where.items():
        table = table[table[key] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_markers_put_the_largest_effect_first(eight):
    table = profile.markers(*eight, DICTIONARY)
    assert table[table["segment"] == 1].iloc[0]["name"] == "orders"
    assert row(table, segment=1, name="orders")["effect"] == 1
    assert row(table, segment=2, name="orders")["effect"] == -1


def test_markers_count_only_known_values(eight):
    basket = row(profile.markers(*eight, DICTIONARY), segment=1, name="basket")
    assert basket["n"] == 3
    # 5, 6, 7 against 5, 6, 7, 8: three wins, three ties, six losses of twelve pairs
    assert basket["effect"] == pytest.approx((3 - 6) / 12)


def test_markers_compare_ordered_levels_by_their_order(eight):
    age = row(profile.markers(*eight, DICTIONARY), segment=1, name="age")
    # 2 young and 1 old against 1 middle and 3 old: one win, three ties, eight losses
    assert age["effect"] == pytest.approx((1 - 8) / 12)
    assert age["kind"] == "ordered"


def test_markers_of_a_nominal_level_are_differences_of_shares(eight):
    rent = row(profile.markers(*eight, DICTIONARY), segment=1, name="home", level="rent")
    assert rent["label"] == "Home: rent"
    assert rent["effect"] == pytest.approx(3 / 4 - 1 / 3)
    assert rent["low"] < rent["effect"] < rent["high"]


# --- descriptors ----------------------------------------------------------------------------------


def described(n=400, seed=0):
    rng = np.random.default_rng(seed)
    labels = pd.Series(np.repeat([1, 2], n // 2))
    own = np.where(rng.random(n) < np.where(labels == 1, 0.7, 0.3), "own", "rent")
    coins = {f"coin{i}": pd.Categorical(rng.choice(["heads", "tails"], n)) for i in range(8)}
    return pd.DataFrame({"home": pd.Categorical(own), **coins}), labels


def test_descriptors_select_the_real_difference_among_many_coins():
    frame, labels = described()
    table = profile.descriptors(frame, labels, DICTIONARY)
    assert set(table.loc[table["selected"], "name"]) == {"home"}
    assert (table["q"] >= table["p"] - 1e-12).all()


def test_descriptors_leave_out_small_cells_on_either_side():
    frame, labels = described()
    frame.loc[:8, "home"] = np.nan
    frame["rare"] = pd.Categorical(["yes"] * 9 + ["no"] * 391)
    table = profile.descriptors(frame, labels, DICTIONARY, minimum=10)
    assert "yes" not in set(table.loc[table["name"] == "rare", "level"])


# --- soft membership ------------------------------------------------------------------------------


def soft(n, rng, sure=0.75):
    """Two groups, seen through one answer that is right with the given chance."""
    truth = rng.integers(2, size=n)
    seen = np.where(rng.random(n) < sure, truth, 1 - truth)
    return truth, np.where(seen[:, None] == np.arange(2), sure, 1 - sure)


def test_with_sure_members_the_plain_estimates_come_out():
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=400)
    x, has = rng.normal(truth * 0.5), (rng.random(400) < 0.2 + 0.3 * truth).astype(float)
    inside = (truth == 1).astype(float)
    ours, plain = (
        profile.weighted_superiority(x, inside),
        stats.superiority(x[truth == 1], x[truth == 0]),
    )
    assert ours.value == pytest.approx(plain.value)
    assert ours.high - ours.low == pytest.approx(plain.high - plain.low, rel=0.02)
    table = (has[truth == 1].sum(), (truth == 1).sum(), has[truth == 0].sum(), (truth == 0).sum())
    ours, plain = profile.weighted_lift(has, inside), stats.lift(*map(int, table))
    assert ours.value == pytest.approx(plain.value)
    assert ours.low == pytest.approx(plain.low, rel=0.03)
    assert profile.weighted_superiority(np.ones(8), np.repeat([0.0, 1.0], 4)).value == 0.5  # ties


def test_the_planted_lift_is_recovered_and_covered():
    covered, plain, found, false = [], [], [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth, chance = soft(800, rng)
        has = (rng.random(800) < np.where(truth, 0.6, 0.3)).astype(float)
        inside, likely = profile.bch_weights(chance)[:, 1], chance.argmax(axis=1)
        estimate = profile.weighted_lift(has, inside)
        plain.append(has[likely == 1].mean() / has[likely == 0].mean())
        found.append(estimate.value)
        covered.append(estimate.low <= 2.0 <= estimate.high)
        nothing = profile.weighted_superiority(rng.exponential(size=800), inside)
        false.append(not nothing.low <= 0.5 <= nothing.high)
    assert np.median(plain) < 1.5  # the most likely members alone: far too little
    assert np.median(found) == pytest.approx(2.0, abs=0.1)
    assert 0.91 <= np.mean(covered) <= 0.99 and np.mean(false) <= 0.09


def test_descriptors_get_their_corrected_figures(tmp_path):
    rng = np.random.default_rng(1)
    truth, chance = soft(900, rng)
    run = planted.run(tmp_path, 1)
    index = run.read("customers.parquet").index
    frame = pd.DataFrame(
        {"orders": rng.normal(truth), "member": np.where(truth, "yes", "no")}, index
    )
    run.write("customers.parquet", frame.assign(age=rng.normal(40 + 10 * truth, 5)))
    members = pd.DataFrame({"segment": chance.argmax(axis=1) + 1}, index)
    run.write("segments.parquet", members)
    run.write("verdict.json", run.read("verdict.json") | {"columns": ["orders"]})
    ev = Evidence(run)
    selected = ev.descriptors[ev.descriptors["selected"].astype(bool)]
    made = profile.corrected(selected, ev.customers, pd.DataFrame(chance, index, [1, 2]))
    rows = made[made["segment"] == 2].set_index("attribute")
    assert rows.loc["Member", "corrected"] > rows.loc["Member", "plain"] > 1
    assert rows.loc["Age", "corrected"] > rows.loc["Age", "plain"] > 0.5


# --- a segment in pictures ------------------------------------------------------------------------


@pytest.fixture
def plans():
    """300 customers of three segments; the first orders more, and every plan is as common."""
    index = pd.RangeIndex(300, name="customer")
    labels = pd.Series(np.repeat([1, 2, 3], 100), index)
    orders = np.arange(300) % 100 + 200.0 * (labels == 1)
    plan = np.where(np.arange(300) % 100 < 50, "gold", "tin")
    return pd.DataFrame({"orders": orders, "plan": plan}, index), labels


def drawn(frame, labels, **named):
    pictures = profile.portraits(frame, labels, minimum=10, **named)
    return {s: [row["label"] for row in own["fingerprint"]] for s, own in pictures.items()}


def test_a_picture_shows_how_a_segment_differs_and_the_middle_of_both(plans):
    first = profile.portraits(*plans)[1]
    assert first["fingerprint"][0]["value"] == 1.0
    assert first["fingerprint"][1]["label"] == "plan: tin" and not first["fingerprint"][1]["value"]
    assert first["tiles"] == [{"label": "orders", "what": "median", "value": "250", "others": "50"}]


def test_a_picture_shows_nothing_of_small_groups_and_collinear_columns_once(plans):
    frame, labels = plans
    assert set(drawn(frame.assign(spend=2 * frame["orders"]), labels)[1]) == {"orders", "plan: tin"}
    rare = frame.assign(plan=np.where(np.arange(300) < 9, "gold", "tin"))
    assert set(drawn(rare, labels)[1]) == {"orders"}
    unknown = frame.assign(orders=frame["orders"].where((labels > 1) | (np.arange(300) < 9)))
    assert set(drawn(unknown, labels)[1]) == {"plan: tin"}


def test_what_a_name_is_made_of_is_in_its_picture(plans):
    frame, labels = plans
    for number in range(8):
        noise = np.random.default_rng(number).normal(size=300)
        frame = frame.assign(**{f"m{number}": noise + number * (labels == 1)})
    frame = frame.assign(spend=2 * frame["orders"])
    made_of = {1: [("spend", ""), ("orders", "")], 2: [("m0", "")], 3: [("plan", "gold")]}
    named = {s: [{"column": c, "level": lv} for c, lv in own] for s, own in made_of.items()}
    labels_of = drawn(frame, labels, named=named)
    assert {"spend", "orders"} <= set(labels_of[1])  # though they say the same
    assert "m0" in labels_of[2] and "plan: tin" in labels_of[3]
    assert {len(own) for own in labels_of.values()} == {6}


# --- affinity -------------------------------------------------------------------------------------


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
