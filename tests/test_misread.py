"""Files that are not what they seem: read rightly by `seglib new`, or named in a sentence."""

import ibis
import numpy as np
import openpyxl
import pandas as pd
import pytest
import yaml

from seglib import cli, study
from seglib.collection import activity, attributes, audit, checks, features, reading, tables


def orders(people=60, rows=400, seed=1):
    """Return orders, one a row, of a year and a half."""
    rng = np.random.default_rng(seed)
    when = pd.Timestamp("2022-01-03") + pd.to_timedelta(np.sort(rng.integers(0, 500, rows)), "D")
    return pd.DataFrame({
        "order": np.arange(1000, 1000 + rows), "client": rng.integers(1, people + 1, rows),
        "when": when, "item": rng.choice(["Tea", "Cocoa", "Coffee"], rows),
        "total": np.round(rng.lognormal(3, 1, rows), 2),
    }).assign(client=lambda f: "C" + f["client"].astype(str))  # fmt: skip


def begun(folder, monkeypatch, capsys, name="a.csv"):
    """Run `seglib new` and return its code, what it said, and the study it wrote."""
    monkeypatch.chdir(folder)
    code = cli.main(["new", name, "--name", "s"])
    said = capsys.readouterr()
    path = folder / "data/s/study.yaml"
    return code, said.out + said.err, yaml.safe_load(path.read_text()) if path.exists() else None


def whens(folder):
    """Return the times of a study as it reads them."""
    loaded = study.load(folder / "data/s/study.yaml")
    return tables.open_tables(loaded)["transactions"].time.execute()


GERMAN = {3: "März", 5: "Mai", 10: "Okt.", 12: "Dez."}
WAYS = {
    "German": (lambda t: f"{t.day}. {GERMAN.get(t.month, t.strftime('%b'))} {t.year}", None),
    "seconds": (lambda t: int(t.timestamp()), "unix"),
    "spreadsheet": (lambda t: (t - pd.Timestamp("1899-12-30")).days, "excel"),
}


@pytest.mark.parametrize("way", WAYS)
def test_days_are_read_however_they_are_written(tmp_path, monkeypatch, capsys, way):
    write, expected = WAYS[way]
    frame = orders()
    frame.assign(when=frame["when"].map(write)).to_csv(tmp_path / "a.csv", index=False)
    code, said, raw = begun(tmp_path, monkeypatch, capsys)
    assert code == 0, said
    assert raw["tables"]["transactions"].get("format", {}).get("date") == expected
    assert (np.sort(whens(tmp_path)) == np.sort(frame["when"].to_numpy())).all()


def test_titles_above_the_names_are_passed_over(tmp_path, monkeypatch, capsys):
    frame = orders().astype({"when": str})
    book = openpyxl.Workbook()
    for row in [["Sales of 2022"], ["Exported by", "A. Person"], [], list(frame),
                *frame.itertuples(index=False)]:  # fmt: skip
        book.active.append(list(row))
    book.save(tmp_path / "a.xlsx")
    code, _, raw = begun(tmp_path, monkeypatch, capsys, "a.xlsx")
    assert (code, raw["tables"]["transactions"]["columns"]["customer"]) == (0, "client")
    padded = "Sales of 2022,,,,\n" + frame.to_csv(index=False)
    (tmp_path / "b.csv").write_text(padded)
    (tmp_path / "data/s/study.yaml").unlink()
    code, _, raw = begun(tmp_path, monkeypatch, capsys, "b.csv")
    assert (code, raw["tables"]["transactions"]["columns"]["customer"]) == (0, "client")


def subscribers(n=300, seed=4):
    """Return one row a customer, with who left and what was written because they had."""
    rng = np.random.default_rng(seed)
    gone = rng.random(n) < 0.3
    return pd.DataFrame({
        "email": [f"u{i}@mail.org" for i in range(n)], "plan": rng.choice(["Free", "Team"], n),
        "monthly": np.round(rng.normal(30, 8, n), 2), "tickets": rng.poisson(2 + gone, n),
        "churned": np.where(gone, "Yes", "No"), "refund": np.where(gone, rng.normal(20, 3, n), 0),
        "exit_survey": np.where(gone, rng.choice(["Price", "Moved"], n), ""),
    })  # fmt: skip


def test_a_column_that_knows_an_outcome_may_not_form_segments(tmp_path, monkeypatch, capsys):
    subscribers().to_csv(tmp_path / "a.csv", index=False)
    _, _, raw = begun(tmp_path, monkeypatch, capsys)
    raw["tables"]["customers"]["attributes"]["refund"] = {"kind": "numeric", "base": "demographic"}

    def leaks(bases):
        raw["segmentation"] = {"bases": bases}
        path = tmp_path / "data/s/study.yaml"
        path.write_text(yaml.safe_dump(raw))
        loaded = study.load(path)
        clean, _ = audit.audit(loaded, tables.open_tables(loaded), loaded.as_of)
        people, lines = features.customers(activity.facts(loaded, clean, loaded.as_of))
        after = attributes.outcomes(loaded, clean, people.index)
        return checks.leakage(loaded, people, lines, None, after)[0]

    found = leaks(["plan"])
    assert found["failing"] == 1
    assert "“churned” (Refund, AUC 1.00)" in found["check"]
    with pytest.raises(study.StudyError, match="'refund' forms the segments and tells who “churn"):
        leaks(["plan", "demographic"])


def test_times_and_numbers_in_the_usual_form_are_read_no_differently():
    times = ["2024-01-01 23:59:59", "2024-01-01 24:00:00", "2024-02-30 00:00:00", "2024-01-01"]
    rows = ibis.memtable({"at": times, "paid": ["-1.5", "1,234", "007", "999999999999.5"]})
    read = rows.select(
        at=reading.moment(rows.at, "DMY").cast("string"), paid=reading.number(rows.paid, ".")
    ).execute()
    assert read["at"].isna().tolist() == [False, True, True, False]
    assert read["at"][0] == "2024-01-01 23:59:59"
    assert read["paid"].astype(float).tolist() == [-1.5, 1234.0, 7.0, 999999999999.5]
