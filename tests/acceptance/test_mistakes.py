"""Points 2, 3, 4, 5 and 10: what is said of mistakes, of failures and, before a run, by check."""

import re
import shutil
from pathlib import Path

import pytest
import worlds
import yaml

FAILING = """
from IPython import get_ipython
def spoil(lines):
    return ["1 / 0"] if any("import" in line for line in lines) else lines
get_ipython().input_transformers_cleanup.append(spoil)
"""
MARKING = "import os, pathlib; pathlib.Path(os.environ['MARK']).touch()\n"


@pytest.fixture
def club(tmp_path):
    """The study.yaml of a club that was never run."""
    return worlds.write_study(tmp_path, "club", worlds.club_tables(), worlds.club_study())


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """A function: the environment in which every kernel leaves a mark and begins with some code."""

    def environment(code=""):
        folder = tmp_path_factory.mktemp("ipython")
        startup = folder / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "00.py").write_text(MARKING + code)
        return {"IPYTHONDIR": str(folder), "MARK": str(folder / "kernel")}

    return environment


def refused(result):
    """Return the sentence with which a command was refused: exit 2, one line, nothing else."""
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stdout == "" and result.stderr.startswith("seglib: ")
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.point(2)
@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (("--as-of", "soon"), "'soon'"),
        (("--as-of", "2023-02-30"), "2023-02-30"),
        (("--only", "03"), "--only"),
        (("--only", "99"), "'99'"),
    ],
)
def test_exit_2_is_one_sentence_and_nothing_is_written(club, tmp_path, call, tree, words, seen):
    before = tree(tmp_path)
    sentence = refused(call("run", club, *words))
    assert sentence.count("\n") == 1 and seen in sentence
    assert tree(tmp_path) == before


@pytest.mark.point(2)
def test_a_mistake_that_only_the_data_show_is_one_sentence_too(club, tmp_path, call, tree):
    table = worlds.club_tables()["customers"].iloc[[0, 0, *range(1, 60)]]
    table.to_parquet(club.parent / "raw" / "customers.parquet")
    before = tree(tmp_path)
    for words in ("check", "run"):
        sentence = refused(call(words, club))
        assert sentence.count("\n") == 1 and re.search(r"\b1 rows?\b", sentence)
    assert tree(tmp_path) == before


@pytest.mark.point(2)
@pytest.mark.parametrize("text", ["", "- a list", "title: [", "title: one\ntitle: two\n", "\x00"])
def test_what_is_not_a_study_is_refused_in_a_sentence(club, call, text):
    club.write_text(text)
    assert "study.yaml" in refused(call("check", club))


@pytest.mark.point(2)
def test_the_installed_command_ends_with_two(seglib, tmp_path):
    assert "'nowhere'" in refused(seglib("run", "nowhere", cwd=tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", ["check", "run"])
def test_a_command_whose_lines_nobody_reads_is_done_all_the_same(
    finished, tmp_path, started, words
):
    done = finished("club").copy(tmp_path)
    (done.reports / "index.html").unlink()
    process = started(words, done.path)
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 0
    assert (done.reports / "index.html").exists() == (words == "run")


@pytest.mark.point(3)
def test_a_failing_notebook_is_named_with_cell_and_copy(finished, tmp_path, call, tree, kernels):
    done = finished("club").copy(tmp_path)
    before = tree(tmp_path)
    environment = kernels(FAILING)
    result = call("run", done.path, "--only", "02", "--force", env=environment)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr
    step, cell, copy = re.search(
        r"(02\w+)\D* cell \D*(\d+)\D.*ZeroDivisionError.*?(/\S+\.ipynb)", result.stderr
    ).groups()
    assert (done.reports / done.files.name / f"{step}.html").is_file() and int(cell) > 0
    assert "ZeroDivisionError" in Path(copy).read_text()
    assert Path(environment["MARK"]).exists()
    Path(copy).unlink()
    assert tree(tmp_path) == before


MISTAKES = {
    "as_of": "soon",
    "colour": "red",
    "objective": "",
    "seed": -1,
    "segmentation": {"bases": ["plan"], "k_maxx": 3, "method": "kmean"},
}


@pytest.mark.point(4)
@pytest.mark.parametrize("word", ["check", "run"])
def test_all_mistakes_of_a_study_come_at_once_with_the_nearest_names(club, tmp_path, call, word):
    raw = worlds.club_study() | MISTAKES
    raw["tables"]["customers"]["columns"]["customer"] = "membr"
    raw["tables"]["survey"] = {"source": "raw/custmers.parquet", "columns": {"customer": "member"}}
    club.write_text(yaml.safe_dump(raw))
    said = refused(call(word, club))
    wrong = ["'soon'", "colour", "objective", "-1", "k_maxx", "'kmean'", "'membr'", "custmers"]
    assert [name for name in wrong if name not in said] == []
    nearest = ["k_max", "kmeans", "member", "customers.parquet"]
    assert [name for name in nearest if not re.search(rf"mean '?(raw/)?{name}\b", said)] == []
    assert not (club.parent / "2023-08-01").exists()


@pytest.mark.point(4)
def test_a_study_misspelt_is_answered_with_the_nearest_name(club, tmp_path, call):
    said = refused(call("check", "clbu", cwd=tmp_path))
    assert re.search(r"mean '?club\b", said)


@pytest.mark.point(4)
@pytest.mark.parametrize(
    ("name", "nearest"),
    [("03_clusterng.k", "03_clustering"), ("03_clustering.kk", "k"), ("metod", "method")],
)
def test_a_parameter_misspelt_is_answered_with_the_nearest_name(club, call, name, nearest):
    said = refused(call("run", club, "-p", name, "3"))
    assert name in said
    assert re.search(rf"mean '?(03_clustering\.)?{nearest}\b", said)


@pytest.mark.point(5)
@pytest.mark.parametrize(
    ("name", "value"),
    [("k", "five"), ("k", "50"), ("k", "-3"), ("seed", "-1"), ("method", "kmean"), ("kk", "3"),
     ("99_nothing.k", "3"), ("02_exploratory_analysis.k", "3")],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_before_a_kernel_starts(
    club, tmp_path, call, tree, kernels, name, value
):
    environment, before = kernels(), tree(tmp_path)
    said = refused(call("run", club, "-p", name, value, env=environment))
    assert name in said or value in said
    assert not Path(environment["MARK"]).exists()
    assert tree(tmp_path) == before


@pytest.fixture(scope="module")
def checked(tmp_path_factory, call):
    """What check says of a shop with blank customers, a bad total and no campaigns."""
    tables, study = worlds.shop_tables(), worlds.shop_study()
    tables["transactions"] = tables["transactions"].sample(2_000, random_state=1)
    tables["transactions"]["client"] = tables["transactions"]["client"].astype("Int64")
    tables["transactions"].iloc[:7, 0] = None
    for name in ("campaigns", "responses"):
        del tables[name], study["tables"][name]
    path = worlds.write_study(tmp_path_factory.mktemp("checked"), "shop", tables, study)
    result = call("check", path)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.point(10)
def test_check_lists_rows_and_customers(checked):
    for name, rows in {"transactions": "2,000", "customers": "200", "products": "60"}.items():
        assert re.search(rf"{name}\s+{rows} rows", checked)
    assert re.search(r"customers\s+\d+ known before 2023-08-01", checked)


@pytest.mark.point(10)
def test_check_lists_what_is_wrong_with_the_data(checked):
    assert re.search(r"[Aa]ge is missing.*56 of 200", checked)
    assert re.search(r"\b7\b.*no customer", checked)


@pytest.mark.point(10)
def test_check_lists_the_pages_and_what_each_leaves_out(checked):
    pages = dict(re.findall(r"^ *(0\d)[ _]\w+(.*)$", checked, re.MULTILINE))
    assert {"01", "02", "03", "04", "05"} <= set(pages)
    assert "motivation" in pages["04"].partition("left out")[2]
    assert "campaign" in pages["05"].partition("left out")[2]


@pytest.mark.point(10)
@pytest.mark.parametrize("name", ["shop", "club"])
def test_check_promises_the_pages_that_a_run_makes(finished, call, tmp_path, name):
    done = finished(name).copy(tmp_path)
    shutil.rmtree(done.files)
    said = call("check", done.path).stdout
    promised = re.findall(r"^ *(0\d)[ _]", said.partition("Pages")[2], re.MULTILINE)
    missing = re.findall(r"^ *(0\d)[^;\n]*no such page", said, re.MULTILINE)
    for page in missing:
        promised.remove(page)
    assert sorted(promised) == [p.name[:2] for p in sorted(done.reports.glob("*/0*.html"))]
