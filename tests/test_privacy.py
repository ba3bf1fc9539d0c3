"""What is shared names nobody, and shows no group smaller than the study's minimum."""

import base64
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from worlds import shop_study, shop_tables, write_shop

from seglib import files, run

DAY = "2023-08-01"
MINIMUM = 65  # two of the three planted groups of customers have 60 members


PLANTED = r"zaphodmail|55501\d{2}|Quimby|Elm Street|3704 ?0044|my doctor"
FIRST = ["Anna", "John", "Maria", "Liam", "Emma", "Peter", "Julia", "Robert"]
SCALE = {"kind": "ordered", "levels": ["no", "some", "yes"], "base": "psychographic"}
SAID = []  # on the terminal


def plant(tables, study):
    """Put names, addresses, telephones and what people wrote into every table that has texts."""
    people, n = tables["customers"], len(tables["customers"])
    last = ["Smith", "Quimby", "Brown"]
    people["contact"] = [f"{FIRST[i % 8]} {last[i % 3]}" for i in range(n)]
    people["mail"] = [f"p{i}@zaphodmail.com" for i in range(n)]
    people["reach"] = [f"+1 212 55501{i % 100:02d}" for i in range(n)]
    people["place"] = [f"{i} Elm Street" for i in range(n)]
    people["note"] = "none"
    people.loc[7, "note"] = "pays from DE89 3704 0044 0532 0130 00"
    attributes = study["tables"]["customers"]["attributes"]
    attributes |= {name: {} for name in ("contact", "mail", "reach", "place", "note")}
    words = [f"I come for the bread, number {i}, and for my doctor next door" for i in range(n)]
    answers = pd.DataFrame({"client": people["client"], "why": words, "other": "nothing"})
    answers.loc[3, "other"] = "call 212-555-0142 or write to zed@zaphodmail.com"
    answers["happy"] = ["yes" if i % 2 else "some" for i in range(n)]
    tables["survey"], own = answers, {"base": "psychographic"}
    study["tables"]["survey"] = {
        "source": "raw/survey.parquet", "columns": {"customer": "client"},
        "attributes": {"why": own, "other": own, "happy": SCALE},
    }  # fmt: skip
    tables["products"].loc[4, "category"] = "voucher of zed@zaphodmail.com"
    tables["products"].loc[9, "brand"] = "Quimby, 12 Elm Street"


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    """A finished run of a shop whose customers have names that stand nowhere by chance."""
    tables, study = shop_tables(), shop_study() | {"minimum_cell": MINIMUM}
    for table in tables.values():
        if "client" in table:
            table["client"] = table["client"].map("cust-{:04d}-x".format)
    plant(tables, study)
    path = write_shop(tmp_path_factory.mktemp("coded"), tables, study)
    run.run(str(path), say=SAID.append)
    return path, set(tables["customers"]["client"])


def written(path: Path) -> list[Path]:
    """Return every file of the run and of its report."""
    made = [path.parent / DAY, path.parents[2] / "reports" / "shop"]
    return sorted(file for folder in made for file in folder.rglob("*") if file.is_file())


def texts(file: Path) -> str:
    """Return all that a file holds, pictures decoded, as text."""
    if file.suffix == ".parquet":
        return pd.read_parquet(file).reset_index().astype(str).to_csv()
    raw = file.read_text(encoding="utf-8", errors="replace")
    packed = re.findall(r"data:[\w/+-]+;base64,([\w+/=\s]+)", raw)
    if file.suffix == ".ipynb":
        outputs = [o for c in json.loads(raw)["cells"] for o in c.get("outputs", [])]
        packed += [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    pictures = [base64.b64decode(p).decode("latin-1") for p in packed]
    return "\n".join([raw, *pictures])


def test_nothing_that_points_at_a_person_stands_in_any_file(coded):
    raw = coded[0].parent / "raw"
    assert any(re.search(PLANTED, texts(file)) for file in raw.iterdir())  # they are in the source
    assert [f.name for f in written(coded[0]) if re.search(PLANTED, texts(f))] == []


def test_what_is_kept_out_is_said_on_the_page_and_on_the_terminal(coded):
    path, _ = coded
    page = next(f for f in written(path) if f.name == "01_data_collection.html").read_text()
    told = "\n".join(SAID)
    for column, reason in {
        "contact": "names of persons", "mail": "e-mail addresses", "reach": "telephone numbers",
        "place": "addresses", "note": "bank accounts", "why": "free text",
        "category": "e-mail addresses", "brand": "addresses",
    }.items():  # fmt: skip
        assert f"{column} holds {reason}" in told
        assert re.search(rf"{column}</t[hd]>.*?{reason}", page, re.S), column
    assert "other holds" in told
    assert "would replace them" in page


def test_only_the_files_that_are_keyed_by_customer_name_customers(coded):
    path, ids = coded
    named = {f.name for f in written(path) if re.search(r"cust-\d{4}-x", texts(f))}
    assert named == files.KEYED & {f.name for f in written(path)}
    assert {"segments.csv", "customers.parquet"} <= named
    assert len(ids) == 200


def test_no_id_stands_in_any_page_notebook_json_or_export(coded):
    path, ids = coded
    shared = [f for f in written(path) if f.name not in files.KEYED]
    assert {f.suffix for f in shared} >= {".html", ".ipynb", ".json", ".md", ".parquet", ".sql"}
    for file in shared:
        held = texts(file)
        assert not [one for one in ids if one in held], file.name


COUNTS = {"n", "members", "customers", "needed a half", "there are", "buyers", "known"}


def numbers(page: Path):
    """Yield table, column and number of every count of customers in the tables of a page."""
    soup = BeautifulSoup(page.read_text(), "html.parser")
    for table in soup.find_all("table"):
        heads = [h.get_text(" ", strip=True) for h in table.thead.find_all(["th", "td"])]
        for row in table.tbody.find_all("tr"):
            for head, cell in zip(heads, row.find_all(["th", "td"]), strict=True):
                text = cell.get_text(strip=True).replace(",", "")
                if head in COUNTS and text.isdigit():
                    yield table.caption.get_text(strip=True), head, int(text)


def test_no_table_of_a_page_counts_fewer_customers_than_the_minimum(coded):
    pages = [f for f in written(coded[0]) if f.name[:2] in {"02", "03", "04", "pe"}]
    pages = [f for f in pages if f.suffix == ".html" and "products" not in f.name]
    seen = [(page.name, *found) for page in pages for found in numbers(page)]
    assert seen
    halves = {"there are": 2, "needed a half": MINIMUM}  # of a segment; what a test would need
    assert [row for row in seen if row[-1] * halves.get(row[-2], 1) < MINIMUM] == []


def test_no_claim_rests_on_fewer_customers_than_the_minimum(coded):
    claims = json.loads((coded[0].parent / DAY / "claims.json").read_text())
    assert claims
    assert all(min(c["n"], c["cell"]) >= MINIMUM for c in claims)


def counts(what, key=""):
    """Yield every number in a document that counts the customers of a group."""
    if isinstance(what, dict):
        for name, value in what.items():
            yield from counts(value, name)
    elif isinstance(what, list):
        for value in what:
            yield from counts(value, key)
    elif key in {"n", "cell"} and what is not None:
        yield what


@pytest.mark.parametrize("name", ["personas", "playbook", "claims"])
def test_no_file_counts_fewer_customers_than_the_minimum(coded, name):
    path = coded[0].parent / DAY / f"{name}.json"
    assert [n for n in counts(json.loads(path.read_text())) if n < MINIMUM] == []
