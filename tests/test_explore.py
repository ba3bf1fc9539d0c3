from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import planted
import pytest

from seglib import explore
from seglib.clustering import Encoder
from seglib.runs import Run


@pytest.fixture
def run(tmp_path):
    """A run with four months of three customers, of which the last is not whole."""
    rows = [
        (1, "2020-01-01", 10.0), (1, "2020-02-01", 10.0), (1, "2020-03-01", 10.0),
        (2, "2020-01-01", 20.0), (2, "2020-03-01", 20.0),
        (3, "2020-02-01", 5.0), (3, "2020-04-01", 5.0),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["customer", "month", "spend"])
    frame["month"] = pd.to_datetime(frame["month"])
    study = planted.study(tmp_path, minimum_cell=1)
    run = Run(study, date(2020, 4, 1), tmp_path / "2020-04-01", 1)
    run.write("monthly.parquet", frame.assign(orders=1))
    run.write("extent.json", {"first": "2020-01-01", "last": "2020-04-20", "history": 91})
    return run


def test_months_end_with_the_last_whole_one_before_the_cut_off(run):
    months = explore.months(replace(run, as_of=date(2020, 3, 20)))
    assert months["spend"].tolist() == [30, 15]
    assert months["customers"].tolist() == [2, 2]


def test_cohorts_count_who_came_back_and_leave_the_unknown_empty(run):
    shares = explore.cohorts(run)
    assert shares.index.get_level_values("n").tolist() == [2, 1]
    assert shares.iloc[0].tolist() == [1.0, 0.5, 1.0]
    assert shares.iloc[1].tolist()[:2] == [1.0, 0.0]
    assert np.isnan(shares.iloc[1, 2])


def test_a_cohort_shows_no_share_that_tells_of_few_who_came_or_did_not(run):
    came = {"2020-01-01": range(40), "2020-02-01": range(38), "2020-03-01": range(35)}
    rows = [(customer, month, 1.0) for month, who in came.items() for customer in who]
    rows += [(40 + customer, "2020-02-01", 1.0) for customer in range(20)]
    rows += [(40 + customer, "2020-03-01", 1.0) for customer in range(4)]
    frame = pd.DataFrame(rows, columns=["customer", "month", "spend"])
    frame["month"] = pd.to_datetime(frame["month"])
    run.write("monthly.parquet", frame.assign(orders=1))
    study = run.study.model_copy(update={"minimum_cell": 5})
    shares = explore.cohorts(replace(run, study=study))
    assert shares.iloc[0].fillna(-1).tolist() == [1, -1, -1]  # 2 stayed away; else 39 - 35 came
    assert shares.iloc[1].isna().all()  # 4 came; and 58 active in February would tell of the 2
    assert explore.cohorts(run).iloc[0].tolist() == [1, 0.95, 0.875]  # a minimum of 1 hides none


def test_a_small_number_does_not_follow_from_the_active_customers_of_a_month():
    came, sizes = np.array([60, 30, 3]), np.array([90, 50, 3])
    alone = np.array([False, False, True])
    hidden, sizeless = explore._follows(came, alone, sizes, alone, 93, 5)
    assert hidden.tolist() == [False, True, True]  # else 93 - 60 - 30 = 3
    assert sizeless.tolist() == [False, False, True]
    unknown = explore._follows(came, alone, sizes, alone, 193, 5)  # 100 came of earlier cohorts
    assert unknown[0].tolist() == alone.tolist()


def test_a_month_in_which_the_data_begin_late_is_not_whole_and_founds_no_cohort(run):
    run.write("extent.json", {"first": "2020-01-05", "last": "2020-04-20", "history": 91})
    assert explore.months(run)["spend"].tolist() == [15, 30]  # of February and March
    shares = explore.cohorts(run)
    assert shares.reset_index()["month"].tolist() == [pd.Timestamp("2020-02-01")]
    assert shares.index.get_level_values("n").tolist() == [1]  # who was there in January is not new


def test_a_study_without_dates_has_no_months_and_no_cohorts(run, tmp_path):
    run = replace(run, folder=tmp_path)
    assert explore.months(run).empty and explore.cohorts(run).empty


def test_an_encoded_column_is_called_after_its_level_and_of_yes_and_no_only_the_yes():
    frame = pd.DataFrame(
        {
            "visits": np.arange(40) % 7,
            "phone": ["no", "yes"] * 20,
            "net": ["DSL", "Fiber", "no", "DSL", "no"] * 8,
            "town": ["Bern", "Bern", "Genf", "Genf"] * 10,
            "member": [True, True, False, True] * 10,
            "cheap": pd.Categorical(["0", "1"] * 20),
        }
    )
    rows = [{"name": name, "label": name.title(), "base": "plan"} for name in frame]
    frame["own"] = frame["visits"] ** 2 % 5  # of no dictionary
    rows[-1]["base"] = "psychographic"
    assert explore.called(Encoder().fit(frame), rows) == {
        "visits": "Visits",
        "phone: yes": "Phone: yes",
        "net: DSL": "Net: DSL",
        "net: Fiber": "Net: Fiber",
        "net: no": "Net: no",
        "town: Bern": "Town: Bern",
        "town: Genf": "Town: Genf",
        "member: True": "Member: True",
        "cheap: 1": "Cheap: 1",
        "own": "own",
    }
