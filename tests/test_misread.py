"""Files that are not what they seem: read rightly by `seglib new`, or named in a sentence."""

import json

import numpy as np
import openpyxl
import pandas as pd
import pytest
import yaml

from seglib import cli, study
from seglib.collection import activity, attributes, audit, features, records, tables


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
    "month names": (lambda t: t.strftime("%d %b %Y"), None),
    "American": (lambda t: t.strftime("%b %d, %Y"), None),
    "German": (lambda t: f"{t.day}. {GERMAN.get(t.month, t.strftime('%b'))} {t.year}", None),
    "seconds": (lambda t: int(t.timestamp()), "unix"),
    "milliseconds": (lambda t: int(t.timestamp()) * 1000, "unix_ms"),
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


def test_large_ids_are_no_times(tmp_path, monkeypatch, capsys):
    frame = orders()
    frame["order"] += 1_600_000_000
    frame.to_csv(tmp_path / "a.csv", index=False)
    _, _, raw = begun(tmp_path, monkeypatch, capsys)
    assert raw["tables"]["transactions"]["columns"]["order"] == "order"


UNREAD = {
    "both orders": lambda i, t: t.strftime("%d/%m/%Y" if i % 2 else "%m/%d/%Y"),
    "zones by name": lambda i, t: t.strftime("%Y-%m-%d 10:00:00 ") + ["CET", "EST"][i % 2],
}


@pytest.mark.parametrize("way", UNREAD)
def test_dates_that_cannot_all_be_read_are_named_with_an_example(
    tmp_path, monkeypatch, capsys, way
):
    frame = orders()
    frame["when"] = [UNREAD[way](i, t) for i, t in enumerate(frame["when"])]
    frame.to_csv(tmp_path / "a.csv", index=False)
    code, said, raw = begun(tmp_path, monkeypatch, capsys)
    assert (code, raw) == (2, None)
    assert "'when'" in said
    assert "such as '" in said or "but '" in said
    assert "write" in said


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


def test_a_file_without_names_is_refused(tmp_path, monkeypatch, capsys):
    orders().to_csv(tmp_path / "a.csv", index=False, header=False)
    code, said, raw = begun(tmp_path, monkeypatch, capsys)
    assert (code, raw) == (2, None)
    assert "no line of names, its first line holds" in said


def test_what_is_nested_has_columns_of_its_own_and_lists_are_doubted(tmp_path, monkeypatch, capsys):
    with (tmp_path / "a.jsonl").open("w") as file:
        for row in orders().itertuples():
            who = {"id": row.client, "email": f"{row.client}@shop.org", "tags": {"plan": "a"}}
            file.write(json.dumps({
                "id": row.order, "customer": who, "created_at": row.when.isoformat(),
                "total": row.total, "items": [{"sku": row.item}],
            }) + "\n")  # fmt: skip
    code, said, raw = begun(tmp_path, monkeypatch, capsys, "a.jsonl")
    assert code == 0
    chosen = raw["tables"]["transactions"]["columns"]
    assert (chosen["customer"], chosen["time"]) == ("customer.id", "created_at")
    assert "product" not in chosen
    assert "'items' holds lists, which are not read" in said


def test_one_currency_is_used_and_several_are_doubted_and_stop_the_run(
    tmp_path, monkeypatch, capsys
):
    frame = orders()
    frame.assign(total="€ " + frame["total"].astype(str)).to_csv(tmp_path / "a.csv", index=False)
    assert begun(tmp_path, monkeypatch, capsys)[2]["currency"] == "€"
    (tmp_path / "data/s/study.yaml").unlink()
    signs = np.where(np.arange(len(frame)) % 3, "€", "$")
    mixed = frame.assign(total=[f"{s}{x}" for s, x in zip(signs, frame["total"], strict=True)])
    mixed.to_csv(tmp_path / "a.csv", index=False)
    _, said, raw = begun(tmp_path, monkeypatch, capsys)
    assert "several currencies, $, €" in said
    assert "currency" not in raw
    assert cli.main(["check", "s"]) == 2
    assert "limits.other_currencies" in capsys.readouterr().err


def test_a_column_of_currencies_is_believed(tmp_path, monkeypatch, capsys):
    frame = orders()
    frame.assign(currency=np.where(frame["order"] % 2, "EUR", "JPY")).to_csv(
        tmp_path / "a.csv", index=False
    )
    assert "EUR, JPY by 'currency'" in begun(tmp_path, monkeypatch, capsys)[1]


def test_times_with_and_without_zones_stop_the_check(tmp_path, monkeypatch, capsys):
    frame = orders()
    marks = np.where(np.arange(len(frame)) % 4, "", "+02:00")
    frame["when"] = [f"{t:%Y-%m-%dT10:00:00}{z}" for t, z in zip(frame["when"], marks, strict=True)]
    frame.to_csv(tmp_path / "a.csv", index=False)
    begun(tmp_path, monkeypatch, capsys)
    assert cli.main(["check", "s"]) == 2
    assert "limits.mixed_zones" in capsys.readouterr().err


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


def test_what_happened_afterwards_is_an_outcome_and_what_knows_it_is_left_out(
    tmp_path, monkeypatch, capsys
):
    subscribers().to_csv(tmp_path / "a.csv", index=False)
    code, said, raw = begun(tmp_path, monkeypatch, capsys)
    table = raw["tables"]["customers"]
    assert code == 0
    assert table["outcomes"] == {"churned": {"label": "churned", "happened": "Yes"}}
    assert set(table["attributes"]) == {"plan", "monthly", "tickets"}
    assert "'refund' tells 'churned' nearly without fault" in said
    loaded = study.load(tmp_path / "data/s/study.yaml")
    assert loaded.outcomes["churned"].happened == ["Yes"]


def test_a_column_that_knows_an_outcome_may_not_form_segments(tmp_path, monkeypatch, capsys):
    subscribers().to_csv(tmp_path / "a.csv", index=False)
    _, _, raw = begun(tmp_path, monkeypatch, capsys)
    raw["tables"]["customers"]["attributes"]["refund"] = {"kind": "numeric", "base": "demographic"}

    def leaks(bases):
        raw["segmentation"] = {"bases": bases}
        path = tmp_path / "data/s/study.yaml"
        path.write_text(yaml.safe_dump(raw))
        loaded = study.load(path)
        clean, _ = audit.inspect(loaded, tables.open_tables(loaded), loaded.as_of)
        people, lines = features.customers(activity.facts(loaded, clean, loaded.as_of))
        after = attributes.outcomes(loaded, clean, people.index)
        return records.leakage(loaded, people, lines, None, after)[0]

    found = leaks(["plan"])
    assert found["failing"] == 1
    assert "“churned” (Refund, AUC 1.00)" in found["check"]
    with pytest.raises(study.StudyError, match="'refund' forms the segments and tells who “churn"):
        leaks(["plan", "demographic"])


def test_copies_of_customers_are_called_so(tmp_path, monkeypatch, capsys):
    frame = subscribers()
    pd.concat([frame, frame.head(30)]).to_csv(tmp_path / "a.csv", index=False)
    code, said, _ = begun(tmp_path, monkeypatch, capsys)
    assert code == 2
    assert "330 rows but 300 different 'email'" in said


def test_a_figure_a_month_is_doubted(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(1)
    months = {f"2022-{m:02d}": rng.poisson(3, 100) for m in range(1, 7)}
    pd.DataFrame({"Customer": [f"K{i}" for i in range(100)]} | months).to_csv(
        tmp_path / "a.csv", index=False
    )
    assert "'2022-01' to '2022-06' look like one figure a period" in begun(
        tmp_path, monkeypatch, capsys
    )[1]  # fmt: skip


def test_three_names_of_persons_are_kept_out(tmp_path, monkeypatch, capsys):
    frame = subscribers().drop(columns=["refund", "exit_survey"])
    frame["owner"] = np.array(["Anna Müller", "Peter Smith", "Maria Garcia"])[np.arange(300) % 3]
    frame.to_csv(tmp_path / "a.csv", index=False)
    _, _, raw = begun(tmp_path, monkeypatch, capsys)
    assert "owner" not in raw["tables"]["customers"]["attributes"]
    text = (tmp_path / "data/s/study.yaml").read_text()
    assert "Müller" not in text
    assert "names of persons" in text


def test_e_mails_that_tell_customers_apart_are_asked_about(tmp_path, monkeypatch, capsys):
    frame = orders()
    frame.assign(client=frame["client"] + "@shop.org").to_csv(tmp_path / "a.csv", index=False)
    _, said, _ = begun(tmp_path, monkeypatch, capsys)
    assert "'client' tells customers apart by e-mail address" in said
    assert "privacy.pseudonymise" in said


def test_rows_that_were_taken_back_are_returns_and_asked_about(tmp_path, monkeypatch, capsys):
    frame = orders()
    frame["status"] = np.where(frame["order"] % 20, "paid", "refunded")
    frame.to_csv(tmp_path / "a.csv", index=False)
    _, said, raw = begun(tmp_path, monkeypatch, capsys)
    assert "5.0% of the rows have the 'status' refunded, and are taken for sales that were" in said
    rows = raw["tables"]["transactions"]
    assert (rows["columns"]["status"], rows["returned"]) == ("status", ["refunded"])


def test_several_answers_in_one_cell_are_asked_about(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(3)
    frame = subscribers().drop(columns=["refund", "exit_survey"])
    ways = np.array(["App", "Shop", "Web"])
    frame["where"] = [", ".join(ways[rng.random(3) < 0.6]) for _ in range(len(frame))]
    frame["town"] = rng.choice(["Bonn, Rhein", "Ulm, Donau", "Köln, Rhein"], len(frame))
    frame.to_csv(tmp_path / "a.csv", index=False)
    _, said, raw = begun(tmp_path, monkeypatch, capsys)
    assert "'where' holds several answers in one cell, of 3 such as 'App' and 'Shop'" in said
    assert "town" in raw["tables"]["customers"]["attributes"]


REAL = {
    # what a tool writes: (table, role → column or words of what is said)
    "ids with zeros in front": (
        lambda f: f.assign(client=[f"{int(c[1:]):05d}" for c in f["client"]]),
        {"customer": "client"}, "",
    ),
    "ids with a point": (
        lambda f: f.assign(client=[f"{c[1:]}.0" for c in f["client"]]),
        {"customer": "client", "order": "order"}, "",
    ),
    "first names beside an id": (
        lambda f: f.assign(**{"First Name": np.resize(["Anna", "Ben", "Cleo", "Dirk"], len(f))})
        .rename(columns={"client": "Guest ID"}),
        {"customer": "Guest ID"}, "",
    ),
    "clock times beside dates": (
        lambda f: f.assign(Time=[f"{i % 24:02d}:{i % 60:02d}" for i in range(len(f))])
        .rename(columns={"client": "Card Number"}),
        {"customer": "Card Number", "time": "when"}, "",
    ),
    "cancelled orders": (
        lambda f: f.assign(state=np.where(f["order"] % 4, "wc-completed", "wc-cancelled")),
        {"customer": "client"}, "25.0% of the rows have the 'state' wc-cancelled",
    ),
    "refunds in their own column": (
        lambda f: f.assign(**{"Amount Refunded": np.where(f["order"] % 10, 0, 5.5)}),
        {"amount": "total"}, "'Amount Refunded' is not zero in 10.0% of the rows",
    ),
    "currencies in small letters": (
        lambda f: f.assign(Currency=np.where(f["order"] % 9, "eur", "usd")),
        {"amount": "total"}, "several currencies, EUR, USD",
    ),
    "guests": (
        lambda f: f.assign(client=f["client"].where(f["order"] % 4 > 0)),
        {"customer": "client"}, "25% of the rows have no 'client'",
    ),
    "copied rows": (
        lambda f: pd.concat([f, f.head(20)]), {"order": "order"},
        "20 of 420 rows are copies of others in every column, though 'order' numbers them",
    ),
    "one impossible day": (
        lambda f: f.assign(when=["0000-00-00", *f["when"].astype(str)[1:]]), {"time": "when"},
        "1 of 400 values of 'when' are no days, such as '0000-00-00'",
    ),
    "money in few of the events": (
        lambda f: f.assign(total=f["total"].where(f["order"] % 10 == 0)),
        {"event": "item"}, "'total' is filled in 10% of the rows",
    ),
    "when it was booked and when it was sent": (
        lambda f: f.assign(arrival=f["when"] + pd.Timedelta(days=9), booked_on=f["when"])
        .drop(columns="when"), {"time": "booked_on"}, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_exports_as_tools_write_them(tmp_path, monkeypatch, capsys, name):
    change, roles, words = REAL[name]
    change(orders()).to_csv(tmp_path / "a.csv", index=False)
    code, said, raw = begun(tmp_path, monkeypatch, capsys)
    assert code == 0, said
    assert words in said
    chosen = raw["tables"]["transactions"]["columns"]
    assert {role: chosen.get(role) for role in roles} == roles


def test_rows_without_a_day_are_counted_and_left_out_up_to_a_limit(tmp_path, monkeypatch, capsys):
    frame = orders().astype({"when": str})
    frame.loc[:3, "when"] = "0000-00-00"
    frame.to_csv(tmp_path / "a.csv", index=False)
    begun(tmp_path, monkeypatch, capsys)
    assert cli.main(["check", "s"]) == 0
    assert "4 no time" in capsys.readouterr().out
    frame.loc[:40, "when"] = "0000-00-00"
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert cli.main(["check", "s"]) == 2
    assert "41 of its 400 values are not dates or times" in capsys.readouterr().err


WHOSE = {
    "orders of nobody": (
        lambda: orders().drop(columns="client").rename(columns={"order": "amazon-order-id"}),
        "a row for each 'amazon-order-id', orders it seems",
    ),
    "a second line of names": (
        lambda: pd.concat([pd.DataFrame({"Respondent ID": [""], "Rating": ["Response"]}),
                           pd.DataFrame({"Respondent ID": range(90), "Rating": [1, 2, 3] * 30})]),
        "the line below the names seems to belong to them, with 'Response'",
    ),
    "three lines of names": (
        lambda: pd.DataFrame({"Q1": ["How?", '{"ImportId":"QID1"}', *["Agree", "Disagree"] * 20]}),
        "has three lines of names",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOSE)
def test_what_no_study_can_be_made_of_is_refused(tmp_path, monkeypatch, capsys, name):
    make, words = WHOSE[name]
    make().to_csv(tmp_path / "a.csv", index=False)
    code, said, raw = begun(tmp_path, monkeypatch, capsys)
    assert (code, raw) == (2, None)
    assert words in said


def test_one_row_a_customer_with_a_date_and_money_are_customers(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(2)
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 200, 300), "D")
    pd.DataFrame({
        "Account ID": [f"001{i:05d}" for i in range(300)], "Last Activity": when,
        "Industry": rng.choice(["Health", "Tech"], 300), "Annual Revenue": rng.gamma(2, 1e5, 300),
        "status": rng.choice(["active", "canceled"], 300, p=[0.8, 0.2]),
        "churn_score": rng.random(300).round(3),
    }).to_csv(tmp_path / "a.csv", index=False)  # fmt: skip
    _, said, raw = begun(tmp_path, monkeypatch, capsys)
    table = raw["tables"]["customers"]
    assert table["columns"]["customer"] == "Account ID"
    assert set(table["attributes"]) == {"Industry", "Annual Revenue"}
    assert table["outcomes"]["status"]["happened"] == "canceled"
    assert "'churn_score' seems to be what you want to foresee" in said


def test_two_files_of_the_same_columns_are_one_pattern(tmp_path, monkeypatch, capsys):
    for year in (2022, 2023):
        orders().to_csv(tmp_path / f"o{year}.csv", index=False)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", "o2022.csv", "o2023.csv"]) == 2
    assert "have the same columns: name both by one pattern" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_customers_known_by_their_names_alone_are_refused(tmp_path, monkeypatch, capsys):
    names = [f"{a} {b}" for a in ("Anna", "Peter", "Maria") for b in ("Smith", "Garcia", "Jones")]
    frame = orders().drop(columns="order")
    frame["client"] = np.resize(names, len(frame))
    frame.rename(columns={"client": "Donor"}).to_csv(tmp_path / "a.csv", index=False)
    code, said, _ = begun(tmp_path, monkeypatch, capsys)
    assert code == 2
    assert "tells customers apart by 'Donor' alone" in said
