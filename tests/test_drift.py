"""Shifts of columns, shares and fit: planted ones are named, luck is not."""

import numpy as np
import pandas as pd
import pytest
from runs import two_runs

from seglib.collection.dictionary import row as entry
from seglib.measuring import drift, earlier, misfit, shifts

LINES = [entry("spend", "Spend", "behavioural", unit="$"), entry("visits", "Visits", "behavioural"),
         entry("plan", "Plan", "plan", kind="nominal")]  # fmt: skip


def two_dates(seed, n=500, shift=0.0):
    """Return customers whose traits last, each date with new luck; spend may shift."""
    rng = np.random.default_rng(seed)
    level, often, likes = rng.normal(4, 0.6, n), rng.gamma(2, 4, n), rng.random(n)
    frames = []
    for extra in (0.0, shift):
        frame = pd.DataFrame({
            "spend": rng.lognormal(level + extra, 0.3), "visits": rng.poisson(often).astype(float),
            "plan": pd.Categorical(np.where(likes + rng.normal(0, 0.1, n) > 0.5, "gold", "basic")),
        }, pd.Index(range(n), name="customer"))  # fmt: skip
        frame.loc[rng.random(n) < 0.05, "visits"] = np.nan
        frames.append(frame[rng.random(n) < 0.95])
    return frames


def columns(frames, lines=LINES, draws=499):
    return drift.columns(*frames, lines, seed=1, draws=draws).set_index("column")


def test_the_index_of_two_bins_is_the_textbook_one():
    total, gap = np.array([100.0, 100.0]), np.array([[-40.0, 40.0]])  # 30/70 and 70/30
    found = drift._psi(total, gap, np.array([0, 2]))[0, 0]
    one = np.array([30.5, 70.5]) / 101
    assert found == pytest.approx((one[1] - one[0]) * np.log(one[1] / one[0]) * 2)


def test_a_planted_shift_is_named_with_its_size():
    rows = columns(two_dates(1, shift=0.3))
    assert rows["drifted"].to_dict() == {"spend": True, "visits": False, "plan": False}
    spend = rows.loc["spend"]
    assert spend["psi"] > spend["usual"] and 0 < spend["low"] < spend["change"] < spend["high"]
    said = shifts.columns_said(rows.reset_index(), LINES)
    assert "1 column of 3" in said and "Spend: up from $" in said


def test_luck_alone_seldom_shifts_anything():
    alarms = [columns(two_dates(seed, n=300))["drifted"].any() for seed in range(30)]
    assert sum(alarms) <= 4
    assert "No column" in shifts.columns_said(columns(two_dates(0)).reset_index(), LINES)


def test_the_usual_index_allows_for_customers_seen_twice():
    """Customers who hardly change give a much smaller index than strangers do."""
    same, _ = two_dates(1)
    rng = np.random.default_rng(0)
    near = same.assign(spend=same["spend"] * rng.lognormal(0, 0.02, len(same)))
    strangers = near.set_axis(near.index + 10_000)
    alone = LINES[:1]
    assert columns([same, near], alone)["usual"].iloc[0] < 0.2 * columns(
        [same, strangers], alone)["usual"].iloc[0]  # fmt: skip


def test_a_shift_of_a_category_is_told_by_its_level():
    then, now = two_dates(1)
    now = now.assign(plan=now["plan"].where(np.arange(len(now)) % 4 > 0, "gold"))
    row = columns([then, now]).loc["plan"]
    assert row["drifted"] and row["level"] in {"gold", "basic"} and abs(row["change"]) > 0.05


def test_more_missing_values_are_a_shift():
    then, now = two_dates(1)
    now.loc[now.index[::3], "visits"] = np.nan
    assert columns([then, now]).loc["visits", "drifted"]


def test_a_column_with_one_value_and_a_missing_column_do_no_harm():
    then, now = two_dates(1)
    flat = [of.assign(spend=5.0, visits=np.nan) for of in (then, now)]
    rows = columns(flat)
    assert rows.loc["spend", "p"] == 1 and not rows["drifted"].any()


def moved(change):
    """Return 400 customers in two segments; some of the first go to the second, and 40 swap."""
    then = np.repeat([1, 2], 200)
    now = then.copy()
    now[: 20 + change], now[200:220] = 2, 1
    return pd.DataFrame({"then": then, "now": now}, pd.Index(range(400), name="customer"))


def test_shares_that_shift_are_told_with_how_much_moved():
    whole, each = drift.shares(moved(40), [1, 2], seed=1)
    assert whole["drifted"] and whole["moved"] == pytest.approx(0.1)
    assert each["change"].tolist() == pytest.approx([-0.1, 0.1]) and each["high"].iloc[0] < 0
    assert not drift.shares(moved(0), [1, 2], seed=1)[0]["drifted"]


def numbers(frames):
    return [of[["spend", "visits"]].fillna(0) for of in frames]


def test_fit_is_measured_on_customers_the_rule_has_not_seen(tmp_path):
    """In small tables a rule lies closer to its own rows; no drift may come of that."""
    found = []
    for seed in range(20):
        frames = numbers(two_dates(seed, n=80))
        pair, _ = earlier.pair(two_runs(tmp_path / str(seed), frames, k=4))
        found.append(misfit.fitted(pair.model, pair.then, pair.now, seed=1))
    assert sum(fit["drifted"] for fit in found) <= 3
    assert abs(np.mean([fit["change"] for fit in found])) < 0.03


def test_customers_who_scatter_are_farther_from_their_segments(tmp_path):
    then, now = numbers(two_dates(1))
    rng = np.random.default_rng(0)
    now = now * rng.lognormal(0, 0.8, now.shape)
    pair, _ = earlier.pair(two_runs(tmp_path, [then, now]))
    fit = misfit.fitted(pair.model, pair.then, pair.now, seed=1)
    assert fit["drifted"] and fit["low"] > 0
    assert "beyond chance" in shifts.fit_said(pair, fit)


def test_all_p_values_are_corrected_for_the_three_kinds_looked_at():
    assert drift.corrected([0.01, 0.04]).tolist() == pytest.approx([0.06, 0.12])
    assert len(drift.corrected([])) == 0
