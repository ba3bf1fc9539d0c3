"""Points 11 and 12: new writes studies that pass check, doubts aloud, and overwrites nothing."""

import re

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import pytest
import worlds
import yaml

START = pd.Timestamp("2023-01-02")
AGREE = ["Strongly disagree", "Disagree", "Neutral", "Agree", "Strongly agree"]


def orders(people=60, seed=5):
    """Return the orders of a shop whose dates can be read one way only."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(people), 4 + rng.poisson(8, people))
    when = START + pd.to_timedelta(rng.integers(0, 420 * 24 * 60, len(client)), unit="min")
    return pd.DataFrame({
        "Order No": 10_000 + np.arange(len(client)), "Date": when,
        "Customer": [f"K{c:05d}" for c in client],
        "Total": rng.gamma(3, 9, len(client)).round(2),
    })  # fmt: skip


def semicolons(folder):
    frame = orders()
    frame["Date"] = frame["Date"].dt.strftime("%d.%m.%Y %H:%M")
    frame = frame.rename(columns={"Total": "Betrag", "Date": "Datum", "Customer": "Kundennr"})
    frame.to_csv(folder / "a.csv", sep=";", decimal=",", encoding="latin-1", index=False)
    return ["a.csv"]


def commas(folder):
    frame = orders()
    frame["Date"] = frame["Date"].dt.strftime("%m/%d/%Y %H:%M")
    frame.to_csv(folder / "a.csv", index=False)
    return ["a.csv"]


def five_tables(folder):
    tables = worlds.shop_tables()
    tables["transactions"] = tables["transactions"].sample(4_000, random_state=1)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return [f"{name}.csv" for name in tables]


def survey(folder):
    rng, people = np.random.default_rng(2), 90
    lean = np.where(np.arange(people) % 2, 1, -1)
    answers = {
        question: pd.cut(
            sign * lean + rng.normal(size=people), [-9, -1.2, -0.4, 0.4, 1.2, 9], labels=AGREE
        )
        for question, sign in {"I enjoy new dishes": 1, "I plan my meals": -1, "I cook": 1}.items()
    }
    ages = rng.choice(["Under 18", "18-24", "25-34", "55+"], people)
    frame = pd.DataFrame({"Respondent": np.arange(people) + 500, **answers, "Your age": ages})
    frame.to_csv(folder / "a.csv", index=False)
    return ["a.csv"]


def event_log(folder):
    rng, people = np.random.default_rng(3), 80
    user = np.repeat(np.arange(people), 4 + rng.poisson(8, people))
    when = START + pd.to_timedelta(rng.integers(0, 120 * 86400, len(user)), unit="s")
    event = rng.choice(["login", "search", "export"], len(user))
    frame = pd.DataFrame(
        {"user_id": [f"u{u:04d}" for u in user], "event": event, "timestamp": when}
    )
    frame.to_csv(folder / "a.csv", index=False)
    return ["a.csv"]


def excel(folder):
    book = openpyxl.Workbook()
    book.active.title = "Orders"
    book.active.append(list(orders()))
    for number, when, client, total in orders().itertuples(index=False):
        book.active.append([number, when.to_pydatetime(), client, total])
    book.save(folder / "a.xlsx")
    return ["a.xlsx#Orders"]


def in_duckdb(folder):
    with duckdb.connect(str(folder / "a.duckdb")) as connection:
        connection.register("frame", orders())
        connection.execute("CREATE TABLE orders AS SELECT * FROM frame")
    return ["a.duckdb#orders"]


SOURCES = [semicolons, commas, five_tables, survey, event_log, excel, in_duckdb]


def begun(call, folder, *words):
    """Run `new` in a folder; return what was printed, and the study.yaml as text and as read."""
    result = call("new", *words, "--name", "mine", cwd=folder)
    assert result.returncode == 0, result.stderr
    text = (folder / "data" / "mine" / "study.yaml").read_text()
    return result.stdout, text, yaml.safe_load(text)


@pytest.mark.point(11)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_what_new_writes_passes_check(tmp_path, call, source):
    _, _, raw = begun(call, tmp_path, *source(tmp_path))
    result = call("check", "mine", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    people = {"five_tables": 200, "survey": 90, "event_log": 80}.get(source.__name__, 60)
    assert any(abs(int(n) - people) <= people // 10
               for n in re.findall(r"customers\s+(\d+) known", result.stdout))  # fmt: skip
    main = raw["tables"]["survey" if source is survey else "transactions"]["columns"]
    assert ("amount" in main) == (source not in (survey, event_log))
    if source is five_tables:
        roles = {"transactions", "customers", "products", "campaigns", "responses"}
        assert set(raw["tables"]) == roles


@pytest.mark.point(11)
@pytest.mark.parametrize("source", [semicolons, commas], ids=["semicolons", "commas"])
def test_money_and_days_are_read_as_they_were_written(tmp_path, call, source):
    begun(call, tmp_path, *source(tmp_path))
    said = call("check", "mine", cwd=tmp_path).stdout
    cut = re.search(r"known before (\S+)", said)[1]
    known = orders().loc[orders()["Date"] < cut]
    assert re.search(rf"{len(known):,} before the cut-off", said)


@pytest.mark.point(12)
def test_new_never_overwrites_a_study(tmp_path, call, tree):
    begun(call, tmp_path, *commas(tmp_path))
    before = tree(tmp_path)
    result = call("new", "a.csv", "--name", "mine", cwd=tmp_path)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert "study.yaml" in result.stderr and "--name" in result.stderr
    assert tree(tmp_path) == before


@pytest.mark.point(12)
def test_doubts_are_check_lines_and_are_printed(tmp_path, call):
    frame = orders()
    early = frame["Date"].dt.day <= 12  # every day could be a month
    frame["Date"] = frame["Date"].dt.strftime("%m/%d/%Y")
    frame[early].to_csv(tmp_path / "a.csv", index=False)
    said, text, _ = begun(call, tmp_path, "a.csv")
    doubts = [line.partition("# CHECK: ")[2] for line in text.splitlines() if "# CHECK: " in line]
    assert any("Date" in doubt and "DD/MM" in doubt for doubt in doubts)
    assert [doubt for doubt in doubts if doubt not in said] == []


@pytest.mark.point(12)
def test_every_guess_says_what_it_is_based_on(tmp_path, call):
    _, text, raw = begun(call, tmp_path, *commas(tmp_path))
    for role in raw["tables"]["transactions"]["columns"]:
        assert re.search(rf"^ +{role}: .*# \w", text, re.MULTILINE), role
