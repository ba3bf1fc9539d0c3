"""Shifts of columns and shares: planted ones are named, luck is not."""

import numpy as np
import pandas as pd
import pytest
from runs import two_runs, verdict

from seglib.collection.attributes import row as entry
from seglib.measuring import drift, monitoring

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
    names = [line["name"] for line in lines]
    return drift.columns(*frames, names, seed=1, draws=draws).set_index("column")


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
    words = drift.shift_words(rows.reset_index(), LINES)
    assert words["looked"] == 3 and len(words["shifted"]) == 1
    assert words["shifted"][0]["direction"] == "up" and words["shifted"][0]["unit"] == "$"


def test_luck_alone_seldom_shifts_anything():
    seeds = range(20)
    alarms = [columns(two_dates(seed, n=200), draws=199)["drifted"].any() for seed in seeds]
    assert sum(alarms) <= 3


def test_the_usual_index_allows_for_customers_seen_twice():
    """Customers who hardly change give a much smaller index than strangers do."""
    same, _ = two_dates(1)
    rng = np.random.default_rng(0)
    near = same.assign(spend=same["spend"] * rng.lognormal(0, 0.02, len(same)))
    strangers = near.set_axis(near.index + 10_000)
    alone = LINES[:1]
    assert columns([same, near], alone)["usual"].iloc[0] < 0.2 * columns(
        [same, strangers], alone)["usual"].iloc[0]  # fmt: skip


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


def test_all_p_values_are_corrected_for_the_two_kinds_looked_at():
    assert drift.corrected([0.01, 0.04]).tolist() == pytest.approx([0.04, 0.08])
    assert len(drift.corrected([])) == 0


# --- keep, refresh or rebuild --------------------------------------------------------------------

PARTS = {"rule": {"value": 0.2}}
CALM = {"drifted": False, "moved": 0.01, "p": 1.0}


def frame(seed=0, n=60, names=("orders", "spend")):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        rng.gamma(2, 3, (n, 2)).round(2), pd.Index(range(n), name="customer"), names
    )


def pair(folder, *verdicts):
    return monitoring.pair(two_runs(folder, [frame(0), frame(1)], verdicts=verdicts or None))


def looked_at(psi=0.01, drifted=False):
    return pd.DataFrame({"column": ["orders"], "psi": [psi], "drifted": [drifted]})


def advise(pair, rows=None, shares=CALM):
    rows = looked_at() if rows is None else rows
    return drift.advise(pair, rows, shares, PARTS)


def test_a_shift_that_is_certain_but_small_keeps_them_and_shortens_the_time(tmp_path):
    advice = advise(pair(tmp_path), looked_at(0.05, True))
    assert advice["advice"] == "keep" and advice["next_review"] == "2024-09-30"  # 91 days
    assert advice["reasons"][0]["kind"] == "small"


@pytest.mark.parametrize(
    ("rows", "shares", "word"),
    [
        (looked_at(0.2, True), CALM, "shifted"),
        (None, {"drifted": True, "moved": 0.08, "p": 0.01}, "moved"),
    ],
)
def test_a_shift_that_is_certain_and_large_refreshes(tmp_path, rows, shares, word):
    advice = advise(pair(tmp_path), rows, shares)
    assert advice["advice"] == "refresh" and advice["reasons"][0]["kind"] == word


@pytest.mark.parametrize(
    ("then", "now", "word"),
    [
        (verdict(3, "natural"), verdict(1, "none"), "unsupported"),
        (verdict(3, "constructive"), verdict(4, "natural"), "found_now"),
        (verdict(), verdict(useful=False), "useless"),
    ],
)
def test_a_verdict_that_no_longer_holds_rebuilds(tmp_path, then, now, word):
    advice = advise(pair(tmp_path, then, now))
    assert advice["advice"] == "rebuild" and advice["reasons"][0]["kind"] == word


def test_another_cut_of_a_continuum_is_no_reason_to_rebuild(tmp_path):
    assert advise(pair(tmp_path, verdict(3), verdict(4)))["advice"] == "keep"


def test_natural_groups_still_supported_at_their_number_are_kept(tmp_path):
    row = {"k": 3, "separated": True, "dispersion_z": 5, "stability": 0.9, "stability_null": 0.5}
    now = verdict(4, "natural") | {"evidence": [row]}
    assert advise(pair(tmp_path, verdict(3, "natural"), now))["advice"] == "keep"
    now["evidence"] = [row | {"separated": False}]
    found = pair(tmp_path / "other", verdict(3, "natural"), now)
    assert advise(found)["advice"] == "rebuild"


def test_other_columns_rebuild(tmp_path):
    found = pair(tmp_path)
    model = found.run.read("model.json")
    model["columns"] = model["columns"][:1]
    found.run.write("model.json", model)
    advice = advise(found)
    assert advice["advice"] == "rebuild"
    assert advice["reasons"] == [{"kind": "old_columns", "columns": ["spend"]}]
    words = drift.reason_words(advice["reasons"][0], {"spend": "Spend"})
    assert (words["columns"], words["number"]) == (["Spend"], "one")


def test_a_first_run_is_advised_by_its_verdict(tmp_path):
    found = pair(tmp_path)
    assert monitoring.alone(found.run)["advice"] == "keep"
    found.run.write("verdict.json", verdict(1, "none"))
    assert monitoring.alone(found.run)["advice"] == "rebuild"
