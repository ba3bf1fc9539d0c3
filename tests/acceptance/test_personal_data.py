"""Personal data and hostile text: point 15."""

import base64
import csv
import io
import json
import re

import exposed
import pandas as pd
import pytest
import worlds
from bs4 import BeautifulSoup
from pages import tables

# Files with a row a customer, which alone may hold ids, as page 01 says.
KEYED = {
    "activity.parquet", "attributes.parquet",
    "bases.parquet", "before.parquet", "campaigns.parquet", "customers.parquet", "holdout.parquet",
    "monthly.parquet", "purchases.parquet", "scores.parquet", "segments.csv", "segments.parquet",
}  # fmt: skip


def held(path):
    """Return all that a file holds as text, pictures decoded."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path).reset_index().astype(str).to_csv()
    raw = path.read_text(errors="replace")
    packed = re.findall(r"data:[\w/+-]+;base64,([\w+/=\s]+)", raw)
    if path.suffix == ".ipynb":
        outputs = [o for c in json.loads(raw)["cells"] for o in c.get("outputs", [])]
        packed += [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    return "\n".join([raw, *(base64.b64decode(p).decode("latin-1") for p in packed)])


@pytest.fixture(scope="module")
def run(finished):
    return finished("exposed_shop")


@pytest.fixture(scope="module")
def written(run):
    """What the run wrote, as text by path."""
    paths = [p for folder in (run.files, run.reports) for p in folder.rglob("*") if p.is_file()]
    return {path: held(path) for path in paths}


def holding(written, pattern):
    return sorted({path.name for path, text in written.items() if re.search(pattern, text)})


@pytest.mark.point(15)
@pytest.mark.parametrize("column", exposed.PERSONAL)
def test_personal_data_are_in_no_file_and_what_is_left_out_is_said(run, written, column):
    pattern, reason = exposed.PERSONAL[column]
    raw = run.path.parent / "raw"
    assert any(re.search(pattern, held(path)) for path in raw.iterdir())
    assert holding(written, pattern) == []
    assert re.search(rf"(?im)^.*\b{column}\b.*({reason})", run.output)
    rows = [t.loc[t.index == column] for t in tables(run, "*/01*.html")]
    assert re.search(f"(?i){reason}", " ".join(r.to_string() for r in rows if len(r)))


@pytest.mark.point(15)
def test_ids_stand_only_in_the_files_that_are_keyed_by_customer(run, written):
    assert set(holding(written, exposed.ID)) == KEYED
    said = run.text("*/01*.html")
    assert [name for name in KEYED if name not in said] == []
    assert {p.suffix for p in written if p.name not in KEYED} >= {".html", ".ipynb", ".json"}


@pytest.mark.point(15)
@pytest.mark.parametrize("where", exposed.UNSEEN)
def test_persons_are_found_also_in(run, written, where):
    pattern, said = exposed.UNSEEN[where]
    assert holding(written, pattern) == []
    assert re.search(rf"(?im)^.*{said}", run.output)


# --- formulas -------------------------------------------------------------------------------------


def formulas(text):
    """Return the cells of a CSV file that a spreadsheet would run."""
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    number = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?")
    return [c for c in cells if c[:1] in tuple("=+-@\t") and not number.fullmatch(c)]


def test_no_cell_of_segments_csv_is_a_formula(run):
    text = (run.files / "segments.csv").read_text()
    assert "calc" in text
    assert formulas(text) == []


def test_no_cell_that_score_writes_is_a_formula(run, call):
    done = call("score", run.files, run.files / "customers.parquet")
    assert "calc" in done.stdout
    assert formulas(done.stdout) == []


# --- markup ---------------------------------------------------------------------------------------


@pytest.mark.point(15)
def test_a_product_group_is_text_and_never_markup(run):
    assert "onclick" in run.text("*/0*.html")  # it is shown, as text
    for page in run.pages:
        soup = BeautifulSoup(page.read_text(), "html.parser")
        assert not soup.find_all(onclick=re.compile("alert")), page.name
        assert not soup.find_all("a", href=re.compile("^javascript:")), page.name
        assert not soup.find_all(["strong", "b"], string=["loud", "bold"]), page.name


def test_the_name_of_a_segment_is_text_and_never_markup(run):
    assert exposed.FORMULA in run.text("*/0*.html")


def test_dollar_signs_in_a_product_group_stop_no_notebook(notebook, tmp_path):
    shop, study = worlds.shop_tables(), worlds.shop_study()
    few = shop["transactions"]["ticket"] % 3 == 0  # orders: enough for the first pages
    shop["transactions"] = shop["transactions"][few]
    shop["products"] = shop["products"].replace({"Gifts": "Deals $5-10% off $50"})
    path, files = worlds.write_shop(tmp_path, shop, study), tmp_path / "files"
    for name in ("01_data_collection", "02_exploratory_analysis"):
        assert notebook(name, path, files).exists()
