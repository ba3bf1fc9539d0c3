"""Every check of the data finds what is planted, and says nothing of the clean shop."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from worlds import shop_study, shop_tables, write_shop

from seglib import study
from seglib.collection import activity, audit, features, records, tables
from seglib.collection import checks as counting
from seglib.study import StudyError

SCALE = {"kind": "ordered", "levels": ["no", "some", "yes"], "base": "psychographic"}
COMMON = {  # what the clean shop has, and the checks rightly find
    "on or after 2023-08-01, within the holdout", "on or after 2023-09-30", "Age is missing",
    "exact copy of another row", "addressed, never bought",
}  # fmt: skip


def loaded(folder, shop, raw=None, **keys):
    return study.load(write_shop(folder, shop, (raw or shop_study()) | keys))


def audited(folder, shop, raw=None, **keys):
    about = loaded(folder, shop, raw, **keys)
    clean, checks = audit.audit(about, tables.open_tables(about), about.as_of)
    return clean, {c["check"]: c for c in checks}


def found(checks, start):
    return next(c["failing"] for name, c in checks.items() if name.startswith(start))


def with_survey(answers, **attributes):
    shop, raw = shop_tables(), shop_study()
    shop["survey"] = answers.assign(client=shop["customers"]["client"])
    raw["tables"]["survey"] = {"source": "raw/survey.parquet", "columns": {"customer": "client"},
                               "attributes": attributes}  # fmt: skip
    return shop, raw


def items(seed=1, n=6):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({f"q{i}": rng.choice(SCALE["levels"], 200) for i in range(n)})


def test_the_clean_shop_raises_no_alarm(tmp_path):
    _, checks = audited(tmp_path, shop_tables())
    assert {name for name, c in checks.items() if c["failing"]} <= COMMON


def test_returns_with_negative_quantity_are_netted(tmp_path):
    shop = shop_tables()
    rows = shop["transactions"]
    rows.loc[:9, "units"] = -1
    gone = rows.loc[:9, "paid"].sum()
    clean, checks = audited(tmp_path, shop)
    assert found(checks, "negative quantity with a positive amount") == 10
    total = float(clean["transactions"].amount.sum().execute())
    assert total == pytest.approx(rows["paid"].sum() - 2 * gone)
    assert clean["transactions"].count().execute() == len(rows)


def test_dates_far_from_all_others_are_dropped_counted_and_named(tmp_path):
    shop = shop_tables()
    shop["transactions"].loc[:19, "at"] = pd.Timestamp("1970-01-01")
    shop["transactions"].loc[20:24, "at"] = pd.Timestamp("2202-03-04")
    clean, checks = audited(tmp_path, shop)
    name = "dated far from all other rows (1970-01-01, 2202-03-04)"
    assert checks[name]["failing"] == 25
    assert clean["transactions"].time.min().execute().year == 2023
    about = loaded(tmp_path / "again", shop)
    _, told = audit.inspect(about, tables.open_tables(about), about.as_of)
    account = counting.account(told)["rows"]
    assert account["dropped, see above"] == 25
    assert account.drop("all rows").sum() == account["all rows"]


def test_many_impossible_dates_stop_the_run_and_the_study_may_allow_them(tmp_path):
    shop = shop_tables()
    shop["transactions"].loc[:7999, "at"] = pd.Timestamp("1900-01-01")
    with pytest.raises(StudyError, match=r"1900-01-01.*8,000 of .*raise limits.impossible_dates"):
        audited(tmp_path / "a", shop)
    clean, _ = audited(tmp_path / "b", shop, limits={"impossible_dates": 0.5})
    assert clean["transactions"].count().execute() == len(shop["transactions"]) - 8000


def test_two_seasons_years_apart_are_both_data():
    index = pd.date_range("2015-01-01", periods=90).append(pd.date_range("2020-01-01", periods=90))
    assert audit.impossible(pd.Series(10, index)) == []


def test_test_accounts_are_left_out_of_every_table(tmp_path):
    shop, raw = shop_tables(), shop_study()
    for table in shop.values():
        if "client" in table:
            table["client"] = table["client"].map(
                lambda i: {5: "test", 6: "Demo_User 2"}.get(i, f"c{i}")
            )
    shop["customers"]["mail"] = [f"p{i}@shop.net" for i in range(200)]
    shop["customers"].loc[9, "mail"] = "qa@shop.net"
    shop["customers"].loc[10, "mail"] = "somebody@example.com"
    raw["tables"]["customers"]["attributes"]["mail"] = {}
    clean, checks = audited(tmp_path, shop, raw)
    assert found(checks, "test account") == 4
    for name in ("transactions", "customers", "campaigns", "responses"):
        ids = set(clean[name].customer.execute())
        assert not ids & {"test", "Demo_User 2", "c10", "c11"}, name
        assert "c12" in ids or name == "responses"


def test_a_plan_called_demo_is_no_test_account(tmp_path):
    shop, raw = shop_tables(), shop_study()
    shop["customers"]["plan"] = np.where(np.arange(200) % 2, "demo", "test")
    raw["tables"]["customers"]["attributes"]["plan"] = {"base": "plan"}
    _, checks = audited(tmp_path, shop, raw)
    assert found(checks, "test account") == 0


def test_a_house_account_stops_the_run(tmp_path):
    shop = shop_tables()
    shop["transactions"].loc[: int(0.7 * len(shop["transactions"])), "client"] = 1
    with pytest.raises(StudyError, match=r"rows of one customer.*raise limits.house_account"):
        audited(tmp_path, shop)


def test_a_doubled_file_stops_the_run(tmp_path):
    shop = shop_tables()
    shop["transactions"] = pd.concat([shop["transactions"]] * 2)
    with pytest.raises(StudyError, match=r"exact copy of another row.*raise limits.copies"):
        audited(tmp_path, shop)


def test_every_limit_that_is_passed_is_listed_at_once(tmp_path):
    shop = shop_tables()
    shop["transactions"]["paid"] *= -1
    shop["products"] = shop["products"].iloc[:2]
    with pytest.raises(StudyError, match=r"(?s)beyond 3 limits.*negative.*unknown_p.*never bought"):
        audited(tmp_path, shop)


def test_an_incomplete_end_is_seen(tmp_path):
    shop = shop_tables()
    rows = shop["transactions"]
    last = rows["at"].max().normalize()
    late = rows["at"] >= last - timedelta(days=2)
    shop["transactions"] = rows[~late | (np.arange(len(rows)) % 6 == 0)]
    _, checks = audited(tmp_path, shop)
    assert found(checks, "last days with less than") == 3


def simulated(rng, n=100):
    """Days with a weekly rhythm and more noise than Poisson has."""
    mean = np.exp(rng.uniform(np.log(30), np.log(400))) * rng.uniform(0.6, 1.4, 7)
    k = rng.uniform(5, 30)
    mean = np.tile(mean, n // 7 + 1)[:n]
    return pd.Series(
        rng.negative_binomial(k, k / (k + mean)), pd.date_range("2023-01-01", periods=n)
    )


def test_thin_days_are_found_and_complete_ones_raise_no_alarm():
    rng = np.random.default_rng(3)
    alarms, seen = 0, 0
    for _ in range(300):
        whole = simulated(rng)
        alarms += audit.thin(whole)[0]["failing"] > 0
        whole.iloc[-3:] = (whole.iloc[-3:] * 0.2).astype(int)
        seen += audit.thin(whole)[0]["failing"] > 0
    assert alarms <= 6
    assert seen >= 240


def test_weekly_closing_days_are_not_thin():
    whole = pd.Series(100, pd.date_range("2023-01-02", periods=98))  # ends on a Sunday
    whole[whole.index.dayofweek == 6] = 1
    assert audit.thin(whole)[0]["failing"] == 0


def test_short_data_say_nothing_of_their_end():
    assert audit.thin(pd.Series(100, pd.date_range("2023-01-02", periods=40))) == []


def text_shop(folder, amounts, times=None):
    shop, raw = shop_tables(), shop_study()
    rows = shop["transactions"]
    rows["paid"] = amounts(rows["paid"])
    rows["at"] = times(rows["at"]) if times else rows["at"].dt.strftime("%Y-%m-%d %H:%M:%S")
    return audited(folder, shop, raw)


def test_amounts_with_a_currency_are_counted_and_read(tmp_path):
    _, checks = text_shop(tmp_path, lambda paid: "€ " + paid.map("{:.2f}".format))
    assert found(checks, "amount written with a currency (€)") == len(shop_tables()["transactions"])
    assert found(checks, "amount in another currency") == 0


def test_several_currencies_stop_the_run(tmp_path):
    with pytest.raises(StudyError, match=r"another currency than most \(\$, €\).*other_currencies"):
        text_shop(tmp_path, lambda paid: np.where(np.arange(len(paid)) % 9 == 0, "$", "€")
                  + paid.map("{:.2f}".format))  # fmt: skip


def test_times_with_and_without_zone_stop_the_run(tmp_path):
    def mixed(at):
        text = at.dt.strftime("%Y-%m-%d %H:%M:%S")
        return text.where(np.arange(len(at)) % 4 > 0, text + "+02:00")

    with pytest.raises(StudyError, match=r"time with a time zone among those.*mixed_zones"):
        text_shop(tmp_path, lambda paid: paid, mixed)


def test_a_constant_column_is_named(tmp_path):
    shop, raw = shop_tables(), shop_study()
    shop["customers"]["country"] = "DE"
    raw["tables"]["customers"]["attributes"]["country"] = {"label": "Country"}
    _, checks = audited(tmp_path, shop, raw)
    assert found(checks, "column with one value in 99% of what is known: Country") == 1


def test_attributes_from_after_the_cut_off_are_not_known(tmp_path):
    shop, raw = shop_tables(), shop_study()
    left = pd.Series("2023-05-01", range(200))
    left[:30] = "15.09.2023"
    shop["customers"]["left"] = left
    raw["tables"]["customers"]["attributes"]["left"] = {"label": "Left on"}
    clean, checks = audited(tmp_path, shop, raw)
    assert found(checks, "Left on is a day from 2023-08-01 on") == 30
    assert set(clean["customers"].left.execute().dropna()) == {"2023-05-01"}


def leaking(folder, column, **keys):
    """Return what is said of a column that is the outcome for nearly everybody."""
    shop, raw = shop_tables(), shop_study()
    rows = shop["transactions"]
    after = rows[(rows["at"] >= "2023-08-01") & (rows["at"] < "2023-09-30")]["client"].unique()
    gone = set(range(160, 201))  # who left: no rows after
    shop["transactions"] = rows[~((rows["at"] >= "2023-08-01") & rows["client"].isin(gone))]
    came = shop["customers"]["client"].isin(set(after) - gone)
    shop["customers"]["status"] = column(came, np.random.default_rng(1))
    raw["tables"]["customers"]["attributes"]["status"] = {"label": "Status", "base": "plan"}
    raw["segmentation"] = keys.pop("segmentation", {})
    about = loaded(folder, shop, raw, **keys)
    clean, _ = audit.inspect(about, tables.open_tables(about), about.as_of)
    known = activity.facts(about, clean, about.as_of)
    people, lines = features.customers(known)
    held = activity.holdout(known, people.index)
    return records.leakage(about, people, lines, held)[0]


def outcome(came, rng):
    return np.where(came.to_numpy() ^ (rng.random(len(came)) < 0.01), "active", "churned")


def test_a_column_that_is_the_outcome_is_named(tmp_path):
    said = leaking(tmp_path, outcome)
    assert said["failing"] == 1
    assert "Status, AUC 0.9" in said["check"]


def test_a_column_that_foretells_somewhat_is_no_leak(tmp_path):
    said = leaking(
        tmp_path, lambda c, r: np.where(c.to_numpy() ^ (r.random(len(c)) < 0.25), "a", "b")
    )
    assert said["failing"] == 0


def test_a_column_that_knows_the_future_may_not_form_segments(tmp_path):
    with pytest.raises(StudyError, match=r"'status' forms the segments.*limits.leakage"):
        leaking(tmp_path, outcome, segmentation={"bases": ["behavioural", "plan"]})


def test_the_study_may_let_such_a_column_form_segments(tmp_path):
    said = leaking(
        tmp_path, outcome, segmentation={"bases": ["behavioural", "plan"]}, limits={"leakage": 1}
    )
    assert said["failing"] == 0


def test_straight_lining_and_speeding_are_counted(tmp_path):
    answers = items().assign(seconds=120.0)
    answers.loc[:19, [f"q{i}" for i in range(6)]] = "yes"
    answers.loc[50:64, "seconds"] = 12.0
    shop, raw = with_survey(
        answers, seconds={"kind": "numeric", "base": "plan"}, **{f"q{i}": SCALE for i in range(6)}
    )
    _, checks = audited(tmp_path, shop, raw)
    assert 20 <= found(checks, "the same answer to all 6 questions from no to yes") <= 23
    assert found(checks, "answered in under a third of the usual time") == 15


def test_careful_answers_raise_no_alarm(tmp_path):
    answers = items().assign(seconds=np.random.default_rng(2).lognormal(5, 0.25, 200))
    shop, raw = with_survey(
        answers, seconds={"kind": "numeric", "base": "plan"}, **{f"q{i}": SCALE for i in range(6)}
    )
    _, checks = audited(tmp_path, shop, raw)
    assert found(checks, "the same answer to all") <= 3
    assert found(checks, "answered in under a third") == 0


def test_numbers_of_a_scale_are_questions_too(tmp_path):
    answers = pd.DataFrame(np.random.default_rng(1).integers(1, 7, (200, 8))).add_prefix("q")
    answers.columns = [f"q{i}" for i in range(8)]
    answers.iloc[:30] = 3
    given = {"kind": "numeric", "base": "psychographic"}
    shop, raw = with_survey(answers, **{f"q{i}": given for i in range(8)})
    _, checks = audited(tmp_path, shop, raw)
    assert found(checks, "the same answer to all 8 questions from 1 to 6") == 30


def test_small_counts_of_customers_are_not_published():
    one = {"of": "customers", "failing": 3, "rows": 200}
    told = counting.published([one, one | {"failing": 30}, one | {"of": "rows"}], 10)
    assert [c["failing"] for c in told] == [None, 30, 3]
    assert all(c["found"] for c in told)


def test_an_unknown_limit_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(StudyError, match=r"limits.copys: unknown key.*did you mean 'copies'"):
        loaded(tmp_path, shop_tables(), limits={"copys": 0.5})
