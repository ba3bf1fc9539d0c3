"""Every check of the data finds what is planted, and says nothing of what is sound."""

from datetime import timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from seglib.collection import audit, checks
from seglib.collection.audit import test_accounts as accounts_of_tests
from seglib.collection.checks import account, as_table, published, result
from seglib.study import Study, StudyError

ROLES = {"customer": "c", "time": "t", "order": "o", "product": "p", "amount": "a", "quantity": "q"}
SCALE = {"kind": "ordered", "levels": ["no", "some", "yes"], "base": "psychographic"}


SOURCES = {
    "customers": {"columns": {"customer": "c"}},
    "survey": {"columns": {"customer": "c"}},
    "products": {"columns": {"product": "p", "level": "l"}},
    "campaigns": {"columns": {"customer": "c", "campaign": "m", "start": "s"}},
    "responses": {"columns": {"customer": "c", "campaign": "m", "time": "t"}},
}


def study(*names, attributes=None, columns=ROLES, **keys):
    tables = {name: SOURCES.get(name, {"columns": columns}) | {"source": "a.csv"} for name in names}
    for name in {"customers", "survey"} & set(names):
        tables[name] = tables[name] | {"attributes": attributes or {}}
    raw = {"title": "A", "objective": "B", "as_of": "2024-03-01", "holdout": 14}
    return Study.model_validate(raw | {"path": "study.yaml", "tables": tables} | keys)


def engine_table(frame):
    return ibis.duckdb.connect().create_table("t", ibis.memtable(frame))


def shop(n=60):
    """Return sound transactions, ten a day of as many customers, by role."""
    days = pd.date_range("2024-02-15", periods=n).repeat(10)
    rows = pd.DataFrame({"customer": np.arange(10 * n) % 40 + 1, "time": days})
    return rows.assign(order=np.arange(10 * n), product=1, amount=5.0, quantity=1)


def inspected(rows=None, people=None, attributes=None, more=None, **keys):
    """Return the clean tables, how many each check counted, and the checks."""
    frames = {"transactions": rows, "customers": people} | (more or {})
    frames = {name: frame for name, frame in frames.items() if frame is not None}
    about = study(*frames, attributes=attributes, **keys)
    engine = ibis.duckdb.connect()
    tables = {name: engine.create_table(name, ibis.memtable(f)) for name, f in frames.items()}
    clean, checks = audit.audit(about, tables, about.as_of)
    return clean, {c["check"]: c["failing"] for c in checks}, checks


def test_sound_rows_raise_no_alarm():
    _, found, checks = inspected(shop())
    assert {c["check"] for c in checks if c["failing"]} == {
        "on or after 2024-03-01, within the holdout", "on or after 2024-03-15",
    }  # fmt: skip
    assert {c["check"] for c in checks if c["period"]} == {c for c in found if "on or after" in c}


def test_every_row_is_dropped_once_and_accounted_for():
    rows = shop()
    rows.loc[:4, "time"] = pd.NaT
    rows.loc[3:9, "amount"] = np.nan
    rows.loc[10:11, "time"] = pd.Timestamp("1970-01-01")
    clean, found, checks = inspected(rows)
    assert (found["no time"], found["no amount"]) == (5, 5)
    assert found["dated far from all other rows (1970-01-01)"] == 2
    lines = account(checks)["rows"]
    assert lines["dropped, see above"] == 12 and lines["all rows"] == len(rows)
    assert lines.drop("all rows").sum() == len(rows)
    assert clean["transactions"].count().execute() == len(rows) - 12


def test_two_seasons_years_apart_are_both_data():
    index = pd.date_range("2015-01-01", periods=90).append(pd.date_range("2020-01-01", periods=90))
    assert checks.impossible(pd.Series(10, index)) == []


def test_returns_are_netted_and_odd_lines_counted_and_kept():
    rows = shop()
    rows.loc[:2, "quantity"] = -1
    rows.loc[3:4, "amount"] = -5.0
    rows.loc[5, "amount"] = 0
    rows.loc[6, "quantity"] = 5000
    clean, found, _ = inspected(rows)
    assert found["return"] == 5
    assert found["negative quantity with a positive amount"] == 3
    assert (found["negative amount"], found["zero amount"]) == (2, 1)
    assert found["more than 100 units in a line"] == 1
    assert float(clean["transactions"].amount.sum().execute()) == 5 * (600 - 5 - 5 - 1)


def test_all_limits_are_told_at_once_and_the_study_may_allow_more():
    rows = pd.concat([shop().assign(amount=-5.0)] * 2)
    with pytest.raises(StudyError, match=r"(?s)beyond 2 limits.*negative_amounts.*copies"):
        inspected(rows)
    inspected(rows, limits={"negative_amounts": 1, "copies": 1})
    with pytest.raises(ValueError, match="copys"):
        inspected(rows, limits={"copys": 1})


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"as_of": "2030-01-01"}, "lies after the data, whose last row is of 2024-04-14"),
        ({"as_of": "2022-01-01"}, "earlier than as_of 2022-01-01: the first is of 2024-02-15"),
        ({"holdout": 900}, "as long as the data"),
    ],
)
def test_days_that_the_data_do_not_have_are_refused(keys, said):
    with pytest.raises(StudyError, match=said):
        inspected(shop(), **keys)


def test_gaps_between_tables_are_counted():
    goods = pd.DataFrame({"product": [1, 2], "level": [None, "x"]})
    rows = shop().assign(product=lambda t: np.where(t.index < 7, 3, 1))
    _, found, _ = inspected(
        rows, pd.DataFrame({"customer": range(1, 39)}), more={"products": goods}
    )
    assert found["product not in the products table"] == 7
    assert found["product without a category"] == len(rows) - 7
    assert found["buyer without a row in the customers table"] == 2


def test_ids_that_the_two_tables_write_differently_are_shown_side_by_side():
    rows = shop().assign(customer=lambda t: t["customer"].astype(str))
    people = pd.DataFrame({"customer": [f"{n:06d}" for n in range(1, 41)]})
    with pytest.raises(StudyError) as told:
        inspected(rows, people)
    assert "40 of 40 customers (100%" in str(told.value)
    assert "– such as '1'; the customers table has '000001': write ids" in str(told.value)
    assert "limits.undescribed" not in str(told.value)
    *_, results = inspected(rows, people, limits={"undescribed": 1})
    assert "000001" not in str(results)
    people.loc[0, "customer"] = "1"  # one fits: 39 of 40 are still beyond the limit
    with pytest.raises(StudyError, match=r"98%.*raise limits.undescribed"):
        inspected(rows, people)


def test_ids_that_become_pseudonyms_are_not_shown(monkeypatch):
    monkeypatch.setenv("A_KEY", "long enough to be a key of pseudonyms")
    rows = shop().assign(customer=lambda t: "Anna B" + t["customer"].astype(str))
    people = pd.DataFrame({"customer": [f"Eve C{n}" for n in range(1, 41)]})
    with pytest.raises(StudyError, match=r"100%") as told:
        inspected(rows, people, privacy={"pseudonymise": "A_KEY"})
    assert "Anna" not in str(told.value) and "Eve" not in str(told.value)


def test_a_row_without_an_id_hides_no_gap():
    people = pd.DataFrame({"customer": [*map(float, range(1, 39)), None]})
    goods = pd.DataFrame({"product": [1.0, None], "level": ["x", "y"]})
    rows = shop().assign(product=lambda t: np.where(t.index < 7, 3, 1))
    _, found, _ = inspected(rows, people, more={"products": goods})
    assert found["buyer without a row in the customers table"] == 2
    assert found["product not in the products table"] == 7


def test_campaigns_that_belong_to_nobody_are_counted():
    day = pd.Timestamp("2024-02-20")
    sent = pd.DataFrame({"customer": [1, 2, 3, 99], "campaign": 7, "start": day})
    came = pd.DataFrame({"customer": [1, 2, 30], "campaign": 7,
                         "time": [day + timedelta(1), day - timedelta(1), day]})  # fmt: skip
    _, found, _ = inspected(shop(), more={"campaigns": sent, "responses": came})
    assert found["addressed, never bought"] == 1
    assert found["response before its campaign began"] == 1
    assert found["response to a campaign not sent to that customer"] == 1


def test_values_that_an_attribute_cannot_have_are_counted_and_later_ones_blank():
    people = pd.DataFrame({
        "customer": range(40), "age": ["old", "ancient", None] + ["young"] * 37,
        "score": [9.0] + [3.0, 4.0] * 19 + [5.0], "left": ["15.05.2024"] + ["2023-05-01"] * 39,
    })  # fmt: skip
    age = {"label": "Age", "kind": "ordered", "levels": ["young", "old"]}
    score, left = {"kind": "numeric", "bounds": [1, 5]}, {"label": "Left on"}
    attributes = {"age": age, "score": score, "left": left}
    clean, found, _ = inspected(None, people, attributes)
    assert found["Age is none of the listed levels"] == 1 == found["Age is missing"]
    assert found["score is outside 1 to 5"] == 1
    assert found["Left on is a day from 2024-03-01 on, not known then"] == 1
    assert clean["customers"].left.execute().isna().sum() == 1
    assert found["column with one value in 99% of what is known: Left on"] == 1


def test_answers_given_without_reading_are_counted():
    rng = np.random.default_rng(1)
    answers = pd.DataFrame(rng.choice(["no", "some"], (40, 6))).set_axis(
        [f"q{i}" for i in range(6)], axis=1
    )
    answers.iloc[0] = "yes"
    answers = answers.assign(seconds=[12.0] * 3 + [120.0] * 37, customer=range(40))
    numbers = pd.DataFrame(rng.integers(1, 5, (40, 5))).set_axis(
        [f"n{i}" for i in range(5)], axis=1
    )
    numbers.iloc[0], numbers.iloc[1] = [1, 2, 3, 4, 1], 4
    given = {f"q{i}": SCALE for i in range(6)} | {f"n{i}": {"kind": "numeric"} for i in range(5)}
    given["seconds"] = {"kind": "numeric", "base": "plan"}
    more = {"survey": answers.join(numbers)}
    _, found, _ = inspected(attributes=given, more=more)
    assert found["the same answer to all 6 questions from no to yes"] == 1 + (
        answers.filter(like="q").iloc[1:].nunique(axis=1).eq(1).sum()
    )
    assert found["the same answer to all 5 questions from 1 to 4"] == (
        numbers.nunique(axis=1).eq(1).sum()
    )
    assert found["answered in under a third of the usual time (seconds)"] == 3


def test_test_accounts_are_told_by_id_and_address_and_a_plan_called_demo_is_none():
    ids = ["test", "Demo_User 2", "c3", "c4", "c5"]
    mail = ["a@x.net", "b@x.net", "qa@x.net", "d@example.com", "e@x.net"]
    people = pd.DataFrame({"customer": ids, "plan": "demo", "mail": mail})
    about = study("customers", attributes={"mail": {}, "plan": {}})
    table = engine_table(people)
    personal = [{"table": "customers", "column": "mail", "reason": "e-mail addresses"}]
    people, (check,) = accounts_of_tests({"customers": table}, about, personal)
    assert set(people.execute()["customer"]) == {"test", "Demo_User 2", "c3", "c4"}
    assert check["failing"] == 4


def thin(days):
    (check,) = checks.thin(days)
    return check["failing"]


def test_an_incomplete_end_is_seen_and_a_complete_one_raises_no_alarm():
    rng, alarms, seen = np.random.default_rng(3), 0, 0
    for _ in range(200):
        mean = np.tile(np.exp(rng.uniform(3.4, 6)) * rng.uniform(0.6, 1.4, 7), 15)[:100]
        k = rng.uniform(5, 30)
        index = pd.date_range("2023-01-01", periods=100)
        days = pd.Series(rng.negative_binomial(k, k / (k + mean)), index)
        alarms += thin(days) > 0
        days.iloc[-3:] = (days.iloc[-3:] * 0.2).astype(int)
        seen += thin(days) > 0
    assert alarms <= 4 and seen >= 160


def test_weekly_closing_days_are_not_thin_and_short_data_say_nothing():
    days = pd.Series(100, pd.date_range("2023-01-02", periods=98))  # ends on a Sunday
    days[days.index.dayofweek == 6] = 1
    assert thin(days) == 0
    assert checks.thin(days.iloc[:40]) == []


def test_currencies_and_zones_of_text_are_counted():
    text = ["€ 1", "€ 2", "$ 3", "4"]
    times = ["2024-01-01 10:00", "2024-01-01 10:00+02:00", "2024-01-01 10:00", "2024-01-01"]
    table = engine_table(pd.DataFrame({"paid": text, "at": times}))
    counts = checks.as_written([("transactions", table, [("amount", "paid"), ("time", "at")])])
    assert [(c["check"], c["failing"]) for c in counts] == [
        ("amount written with a currency ($, €)", 3),
        ("amount in another currency than most ($, €)", 1),
        ("time with a time zone among those without, or the other way round", 1),
    ]


def leaking(right, **keys):
    """Return the check of a status that is what happened for a share of customers."""
    came = pd.Series(np.arange(400) % 4 < 2)
    wrong = np.random.default_rng(1).random(400) > right
    people = pd.DataFrame({"status": np.where(came ^ wrong, "active", "churned"), "orders": 1.0})
    rows = [{"name": "status", "label": "Status", "base": "plan"},
            {"name": "orders", "label": "Orders", "base": "behavioural"}]  # fmt: skip
    about = study("transactions", **keys)
    (check,) = checks.leakage(about, people, rows, pd.DataFrame({"active": came}))
    return check


def test_a_column_that_is_the_outcome_is_named_and_may_not_form_segments():
    assert "who orders in the holdout (Status, AUC 0.9" in leaking(0.98)["check"]
    assert leaking(0.75)["failing"] == 0
    forming = {"bases": ["behavioural", "plan"]}
    with pytest.raises(StudyError, match=r"'status' forms the segments.*limits.leakage"):
        leaking(0.98, segmentation=forming)
    assert leaking(0.98, segmentation=forming, limits={"leakage": 1})["failing"] == 0


def test_small_counts_of_customers_are_not_published():
    checks = [result("test_account", "customers", 200, n) for n in (0, 3, 30)]
    checks.append(result("copy", "transactions", 200, 3))
    assert [c["failing"] for c in published(checks, 10)] == [0, None, 30, 3]
    table = as_table(study("customers"), checks)
    assert table["found"].tolist() == ["fewer than 10 customers", "30 customers", "3 rows"]
    assert table["share"].tolist() == ["–", "15.00%", "1.50%"]
