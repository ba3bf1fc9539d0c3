"""Every mistake of a user ends in a sentence: what is wrong and what to do; nothing is written."""

import hashlib
import shutil
import subprocess
import sys
from datetime import datetime

import duckdb
import openpyxl
import pandas as pd
import pytest
import yaml
from worlds import shop_study, shop_tables, write_shop

from seglib import cli

SOLD = ("tables", "transactions")
COLUMNS = (*SOLD, "columns")
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def put(*path, to):
    """Write a value at a place of study.yaml, or nothing there."""

    def change(raw, folder):
        block = raw
        for key in path[:-1]:
            block = block.setdefault(key, {})
        block[path[-1]] = to
        if to is None:
            del block[path[-1]]

    return change


def text(words):
    """Write these words as study.yaml."""
    return lambda raw, folder: words


def source(name, content=None, **given):
    """Read transactions from a file of this name and content."""

    def change(raw, folder):
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (folder / "raw" / name).write_bytes(data)
        raw["tables"]["transactions"]["source"] = f"raw/{name}" if content is not None else name
        if given:
            raw["tables"]["transactions"]["format"] = given

    return change


def csv(separator=",", name="t.csv", header="", rows=None, **given):
    """Read transactions from a CSV file; `rows` are (column, value) to put into every row."""
    header = header or separator.join(["client", "ticket", "sku", "at", "paid", "units", "saved"])
    values = dict.fromkeys(range(7), "1") | {3: "2023-05-17"} | dict(rows or {})
    lines = [separator.join(str(values[i]) for i in range(7))] * 5
    return source(name, "\n".join([header, *lines, ""]), **given)


def both(*changes):
    """Make several changes."""

    def change(raw, folder):
        for one in changes:
            one(raw, folder)

    return change


def written(write):
    """Call a function with the folder of the raw files."""
    return lambda raw, folder: write(folder / "raw")


def excel(**sheets):
    """Write a workbook with these sheets."""

    def write(folder):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        book.save(folder / "book.xlsx")

    return written(write)


def database(folder):
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS client")


def cut(name, keep):
    """Cut a file off after so many bytes."""

    def write(folder):
        path = folder / name
        path.write_bytes(path.read_bytes()[:keep])

    return written(write)


def parts(folder):
    """Write two files of which the second lacks a column."""
    frame = pd.read_parquet(folder / "transactions.parquet")
    frame.to_parquet(folder / "part-1.parquet")
    frame.drop(columns="saved").to_parquet(folder / "part-2.parquet")


LATIN = "client,ticket,sku,at,paid,units,saved\nJosé,1,1,2023-05-17,1,1,0\n".encode("latin-1")
DATES = {3: "03/04/2023"}
CASES = {
    # name: (what is done to a good study, words that the message must hold)
    "broken YAML": (text("title: [a\ntables: x"), ["not readable YAML", "line"]),
    "YAML that executes": (
        text("title: !!python/object/apply:os.system ['touch pwned']\n"),
        ["not readable YAML", "python"],
    ),
    "YAML that expands": (text(LAUGHS + "title: *i\n"), ["aliases", "write"]),
    "YAML that holds itself": (text("title: &a [*a]\n"), ["aliases", "write"]),
    "role given twice": (
        text("tables:\n  transactions:\n    columns:\n      time: a\n      time: b\n"),
        ["'time' stands twice", "line"],
    ),
    "column in two roles": (put(*COLUMNS, "order", to="client"), ["'client'", "customer", "order"]),
    "unknown role": (put(*COLUMNS, "amout", to="x"), ["did you mean 'amount'"]),
    "responses to nothing": (put("tables", "campaigns", to=None), ["need a `campaigns`"]),
    "level listed twice": (
        put("tables", "customers", "attributes", "age", "levels", to=["young", "young"]),
        ["level is listed twice"],
    ),
    "unknown format key": (put(*SOLD, "format", to={"delimitr": ";"}), ["'delimiter'"]),
    "strange date": (put(*SOLD, "format", to={"date": "Y/D/M"}), ["Y/D/M", "DD/MM/YYYY"]),
    "unknown column": (put(*COLUMNS, "amount", to="payed"), ["'payed'", "did you mean 'paid'"]),
    "unknown attribute": (
        put("tables", "customers", "attributes", "ages", to={}), ["'ages'", "did you mean 'age'"]
    ),
    "numbers as times": (put(*COLUMNS, "time", to="units"), ["'units'", "dates or times"]),
    "times as numbers": (put(*COLUMNS, "amount", to="at"), ["'at'", "expected numbers"]),
    "missing file": (source("raw/transaction.parquet"), ["did you mean 'transactions.parquet'"]),
    "path outside": (source("../../secret.csv"), ["leads out", "whole path"]),
    "missing package": (source("package:no_such/x.csv"), ["pip install no_such"]),
    "unknown ending": (source("t.docx", "x"), ["'.docx'", ".parquet, .csv"]),
    "glob without match": (source("raw/2023-*.csv"), ["no file matches", "mend the pattern"]),
    "files that disagree": (
        both(written(parts), source("raw/part-*.parquet")),
        ["part-2.parquet lacks 'saved'", "the same columns"],
    ),
    "files of several kinds": (
        both(csv(), source("raw/t*")), ["several kinds", "transactions.parquet"]
    ),
    "empty CSV": (source("t.csv", ""), ["t.csv is empty", "a line of names"]),
    "header only": (source("t.csv", "client,ticket\n"), ["no rows", "export it again"]),
    "binary CSV": (source("t.csv", bytes(range(256)) * 40), ["t.csv is not text", "export"]),
    "Excel named CSV": (source("t.csv", b"PK\3\4" + bytes(99)), ["not text", "ending"]),
    "wrong encoding": (source("t.csv", LATIN, encoding="utf-8"), ["not written in utf-8"]),
    "line too long": (
        source("t.csv", "client,ticket\n" + "1,2\n" * 600 + "1,2,3\n"), ["line 602", "mend"]
    ),
    "column named twice": (
        csv(header="client,ticket,sku,at,paid,units,paid"), ["two columns named 'paid'"]
    ),
    "mixed types": (
        source("t.csv", "client,ticket,sku,at,paid,units,saved\n"
               + "1,1,1,2023-05-17,1.5,1,0\n" * 9 + "1,1,1,2023-05-17,free,1,0\n"),
        ["1 of its 10 values are not numbers", "'free'", "format.missing"],
    ),
    "percent signs": (
        source("t.csv", "client,ticket,sku,at,paid,units,saved\n"
               + "1,1,1,2023-05-17,1.5,1,10 %\n" * 10),
        ["'10 %'", "expected numbers: take off the % sign"],
    ),
    "dates that are none": (csv(rows={3: "yesterday"}), ["'yesterday'", "dates or times"]),
    "ambiguous dates": (csv(rows=DATES), ["'03/04/2023'", "date: DD/MM/YYYY"]),
    "ambiguous numbers": (csv(";", rows={4: "1,234"}), ["'1,234'", "decimal:"]),
    "truncated Parquet": (cut("transactions.parquet", 5000), ["only a part", "again"]),
    "broken JSON": (source("t.jsonl", '{"client": 1}\n{"client": '), ["t.jsonl cannot be read"]),
    "sheet that is not there": (
        both(excel(Orders=[["client"], [1]]), source("raw/book.xlsx#Order")),
        ["no sheet 'Order'", "did you mean 'Orders'"],
    ),
    "several sheets": (
        both(excel(A=[["x"], [1]], B=[["y"], [1]]), source("raw/book.xlsx")),
        ["2 sheets (A, B)", "book.xlsx#SHEET"],
    ),
    "damaged Excel": (source("t.xlsx", b"PK\3\4 and no more"), ["damaged", "save it again"]),
    "DuckDB file without table": (
        both(written(database), source("raw/shop.duckdb")), ["shop.duckdb#TABLE", "orders"]
    ),
    "DuckDB table missing": (
        both(written(database), source("raw/shop.duckdb#order")), ["did you mean 'orders'"]
    ),
    "address in the file": (
        source("postgresql://me:hunter2@host/db#people"), ["environment variable", "${NAME}#"]
    ),
    "variable not set": (source("${NO_SUCH_ADDRESS}#people"), ["NO_SUCH_ADDRESS is not set"]),
    "no server": (source("${NOBODY_LISTENS}#people"), ["NOBODY_LISTENS", "no server answers"]),
    "strange address": (source("${STRANGE_ADDRESS}#people"), ["STRANGE_ADDRESS", "mend"]),
    "lookup missing": (
        put(*SOLD, "lookup", to={"source": "raw/product.parquet", "key": "sku"}),
        ["lookup.source", "did you mean 'products.parquet'"],
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("good")).parent


def spoilt(good, folder, change):
    """Copy the good study into a folder and spoil it; return its path."""
    place = folder / "data" / "shop"
    shutil.copytree(good, place)
    raw = shop_study()
    words = change(raw, place)
    words = yaml.safe_dump(raw) if words is None else words
    (place / "study.yaml").write_bytes(words if isinstance(words, bytes) else words.encode())
    return place / "study.yaml"


def state(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refused(words, folder, expected, capsys):
    """Run a command; it must end with 2, say the words in a sentence, and write nothing."""
    before = state(folder)
    assert cli.main(words) == 2
    said = capsys.readouterr()
    assert said.err.startswith("seglib: ")
    assert "Traceback" not in said.err + said.out
    assert [word for word in expected if word not in said.err] == [], said.err
    assert len(said.err) < 1500, said.err
    assert state(folder) == before
    return said.err


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_by_check(good, tmp_path, capsys, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_SUCH_ADDRESS", raising=False)
    monkeypatch.setenv("NOBODY_LISTENS", "postgresql://me:hunter2@127.0.0.1:1/db")
    monkeypatch.setenv("STRANGE_ADDRESS", "me:hunter2 at home")
    change, words = CASES[name]
    path = spoilt(good, tmp_path, change)
    said = refused(["check", str(path)], tmp_path, words, capsys)
    assert "hunter2" not in said
    assert "127.0.0.1" not in said
    assert not list(tmp_path.rglob("pwned"))


def frames(change):
    """Change the shop's tables themselves."""

    def write(raw, folder):
        shop = shop_tables()
        change(shop)
        for name, frame in shop.items():
            frame.to_parquet(folder / "raw" / f"{name}.parquet")

    return write


def first_customers(count):
    def change(shop):
        for name in ("transactions", "customers", "campaigns", "responses"):
            shop[name] = shop[name][shop[name]["client"] <= count]

    return frames(change)


def identical(shop):
    people = range(1, 101)
    shop["transactions"] = pd.DataFrame({
        "client": people, "ticket": people, "sku": 1, "at": datetime(2023, 5, 1, 12), "paid": 2.0,
        "units": 1, "saved": 0.0,
    })  # fmt: skip
    late = shop["transactions"].assign(at=datetime(2023, 10, 1), ticket=lambda t: t["ticket"] + 500)
    shop["transactions"] = pd.concat([shop["transactions"], late])


def nobody(shop):
    shop["transactions"] = shop["transactions"].assign(client=pd.array([None], "Int64")[0])


RUNS = {
    "three customers": (first_customers(3), [], ["3 customers", "at least 30"]),
    "nobody": (frames(nobody), [], ["no customer", "max_dropped"]),
    "all customers identical": (frames(identical), [], ["None of the", "varies", "two values"]),
    "nothing to add to": (put("seed", to=1), ["--only", "03"], ["no run", "without --only"]),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_bad_input_is_refused_by_run(good, tmp_path, capsys, name):
    change, more, words = RUNS[name]
    path = spoilt(good, tmp_path, change)
    refused(["run", str(path), *more], tmp_path, words, capsys)


def test_a_database_file_that_is_being_written_is_named(good, tmp_path, capsys):
    path = spoilt(good, tmp_path, both(written(database), source("raw/shop.duckdb#orders")))
    hold = f"import duckdb,sys; c = duckdb.connect({str(path.parent / 'raw/shop.duckdb')!r}); print(1, flush=True); sys.stdin.read()"  # noqa: E501
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        refused(["check", str(path)], tmp_path, ["being written", "close that"], capsys)
        writer.stdin.close()
