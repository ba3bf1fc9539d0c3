import pandas as pd
import pytest
from worlds import shop_study, shop_tables, write_shop

from seglib import study
from seglib.collection import activity, audit, tables
from seglib.collection import checks as counting
from seglib.study import StudyError


def inspected(folder, shop, **changes):
    loaded = study.load(write_shop(folder, tables=shop, study=shop_study() | changes))
    clean, checks = audit.inspect(loaded, tables.open_tables(loaded), loaded.as_of)
    return clean, {(c["table"], c["check"]): c for c in checks}, checks


def failing(found, table, check):
    return found[table, check]["failing"]


def test_rows_without_a_customer_are_dropped_and_counted(tmp_path):
    shop = shop_tables()
    shop["transactions"]["client"] = shop["transactions"]["client"].astype("Int64")
    shop["transactions"].loc[:99, "client"] = pd.NA
    clean, found, _ = inspected(tmp_path, shop)
    assert failing(found, "transactions", "no customer") == 100
    assert clean["transactions"].count().execute() == len(shop["transactions"]) - 100


def test_every_row_is_accounted_for_once(tmp_path):
    shop = shop_tables()
    shop["transactions"].loc[:49, "at"] = pd.NaT
    shop["transactions"].loc[25:74, "paid"] = None
    _, found, checks = inspected(tmp_path, shop)
    account = counting.account(checks)["rows"]
    assert account["all rows"] == len(shop["transactions"])
    assert account.drop("all rows").sum() == account["all rows"]
    assert account["dropped, see above"] == 75
    assert (
        failing(found, "transactions", "no amount") == 25
    )  # those with no time either count there


def test_returns_zero_amounts_and_weights_are_counted_and_kept(tmp_path):
    shop = shop_tables()
    shop["transactions"].loc[:9, "paid"] = -1.0
    shop["transactions"].loc[10:14, "paid"] = 0.0
    shop["transactions"].loc[15:17, "units"] = 5000
    clean, found, _ = inspected(tmp_path, shop)
    assert failing(found, "transactions", "negative amount") == 10
    assert failing(found, "transactions", "zero amount") == 5
    assert failing(found, "transactions", "more than 100 units in a line") == 3
    assert clean["transactions"].count().execute() == len(shop["transactions"])


def test_gaps_between_tables_are_counted(tmp_path):
    shop = shop_tables()
    shop["products"] = shop["products"].iloc[1:]
    shop["products"].loc[1, "category"] = None
    shop["customers"] = shop["customers"].iloc[10:]
    _, found, _ = inspected(tmp_path, shop)
    sold = shop["transactions"]["sku"].value_counts()
    assert failing(found, "transactions", "product not in the products table") == sold[0]
    assert failing(found, "transactions", "product without a category") == sold[1]
    assert failing(found, "customers", "buyer without a row in the customers table") == 10


def test_copies_of_rows_are_counted(tmp_path):
    shop = shop_tables()
    shop["transactions"] = pd.concat([shop["transactions"], shop["transactions"].iloc[:7]])
    _, found, _ = inspected(tmp_path, shop)
    copies = failing(found, "transactions", "exact copy of another row")
    assert copies == shop["transactions"].duplicated().sum() >= 7


def test_a_house_account_is_named(tmp_path):
    shop = shop_tables()
    shop["transactions"].loc[: len(shop["transactions"]) // 2, "client"] = 1
    _, found, _ = inspected(tmp_path, shop)
    name = "rows of one customer with over 10% of all rows"
    assert failing(found, "transactions", name) > len(shop["transactions"]) / 2


def test_levels_not_listed_are_counted(tmp_path):
    shop = shop_tables()
    shop["customers"].loc[:4, "age"] = "ancient"
    _, found, _ = inspected(tmp_path, shop)
    assert failing(found, "customers", "Age is none of the listed levels") == 5


def test_responses_to_nothing_and_before_their_campaign_are_counted(tmp_path):
    shop = shop_tables()
    shop["responses"] = pd.DataFrame(
        {
            "client": [1, 1, 199],
            "mailing": [1, 1, 1],
            "at": pd.to_datetime(["2023-05-01", "2023-06-02", "2023-06-02"]),
        }
    )
    _, found, _ = inspected(tmp_path, shop)
    assert failing(found, "responses", "response before its campaign began") == 1
    assert failing(found, "responses", "response to a campaign not sent to that customer") == 1


def test_too_many_dropped_rows_stop_the_run(tmp_path):
    shop = shop_tables()
    shop["transactions"].loc[: int(0.6 * len(shop["transactions"])), "paid"] = None
    with pytest.raises(StudyError, match=r"no amount.*max_dropped"):
        inspected(tmp_path, shop)


def test_a_study_may_allow_more_dropped_rows(tmp_path):
    shop = shop_tables()
    shop["transactions"].loc[: int(0.6 * len(shop["transactions"])), "paid"] = None
    clean, _, _ = inspected(tmp_path, shop, max_dropped=0.9)
    assert clean["transactions"].count().execute() < 0.4 * len(shop["transactions"])


def test_two_rows_a_customer_are_refused(tmp_path):
    shop = shop_tables()
    shop["customers"] = pd.concat([shop["customers"], shop["customers"].iloc[:3]])
    with pytest.raises(StudyError, match="customers table has 3 rows more"):
        inspected(tmp_path, shop)


def test_no_row_before_the_cut_off_is_refused_with_the_first_date(tmp_path):
    with pytest.raises(StudyError, match=r"2022-01-01.*first is of 2023-01-01"):
        inspected(tmp_path, shop_tables(), as_of="2022-01-01")


def test_an_empty_table_is_refused(tmp_path):
    shop = shop_tables()
    shop["transactions"] = shop["transactions"].iloc[:0]
    with pytest.raises(StudyError, match="no rows"):
        inspected(tmp_path, shop)


def test_a_customer_in_two_arms_is_counted_and_in_none(tmp_path):
    shop, raw = shop_tables(), shop_study()
    shop["campaigns"] = pd.DataFrame(
        {
            "client": [1, 1, 2, 3],
            "mailing": 1,
            "day": pd.Timestamp("2023-08-10"),
            "group": ["letter", "none", "letter", "none"],
        }
    )
    shop["responses"] = shop["responses"].iloc[:0]
    raw["tables"]["campaigns"]["columns"]["arm"] = "group"
    loaded = study.load(write_shop(tmp_path, tables=shop, study=raw))
    clean, checks = audit.inspect(loaded, tables.open_tables(loaded), loaded.as_of)
    found = {c["check"]: c["failing"] for c in checks}
    assert found["customer in several arms of a campaign"] == 1
    sent = activity.campaigns(clean).execute()
    arms = dict(zip(sent["customer"], sent["arm"].fillna(""), strict=True))
    assert arms == {1: "", 2: "letter", 3: "none"}


def test_a_cut_off_after_the_data_is_refused_with_the_last_day(tmp_path):
    with pytest.raises(StudyError, match=r"2030-01-01 lies after the data.*2023-10-27"):
        inspected(tmp_path, shop_tables(), as_of="2030-01-01")


def test_only_checks_of_periods_are_marked_as_such(tmp_path):
    _, found, _ = inspected(tmp_path, shop_tables())
    periods = {check for (_, check), line in found.items() if line["period"]}
    assert all(check.startswith("on or after") for check in periods)
    assert len(periods) == 2
