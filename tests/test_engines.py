"""The SQL of checks and features for engines that no test can run; what is said of absent ones."""

import importlib
import sys

import ibis
import pytest
import sqlglot
import yaml
from test_postgres import dirty_shop, known
from worlds import write_shop

from seglib import cli, runs
from seglib.collection import databases, features
from seglib.study import StudyError

NO_SQL = {"bigquery": {"Median"}, "databricks": set(), "snowflake": set()}  # what has none


@pytest.fixture(scope="module")
def expressions(tmp_path_factory):
    """Every expression that the checks and features of a shop with all roles compute."""
    seen, folder = {}, tmp_path_factory.mktemp("shop")
    engine = type(ibis.duckdb.connect())
    compile = engine.compile

    def remember(self, expression, /, **options):
        text = compile(self, expression, **options)
        seen[text] = expression
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_KEY", "a key of the tests, long enough")
        patch.setattr(engine, "compile", remember)
        shop, raw = dirty_shop()
        raw.pop("timezone")  # see the test of local time
        facts, _ = known(write_shop(folder, tables=shop, study=raw))
        run = runs.Run(facts.study, facts.as_of, folder / "run", 1)
        features.write(run, facts, {}, features.customers(facts), features.products(facts))
    return list(seen.values())


def parsed(expression, engine):
    """Return the SQL of an expression after a parser has read it; no client need be installed."""
    compiler = importlib.import_module(f"ibis.backends.sql.compilers.{engine}").compiler
    text = compiler.to_sqlglot(expression.unbind()).sql(dialect=compiler.dialect)
    assert sqlglot.parse_one(text, read=compiler.dialect)
    return text


@pytest.mark.parametrize("engine", NO_SQL)
def test_every_expression_of_checks_and_features_has_sql_that_parses(expressions, engine):
    assert len(expressions) > 50
    without = set()
    for expression in expressions:
        try:
            parsed(expression, engine)
        except ibis.common.exceptions.OperationNotDefinedError as error:
            without.add(str(error).split("'")[1])
    assert without == NO_SQL[engine]


@pytest.mark.parametrize("engine", ["databricks", "duckdb", "postgres", "pyspark", "snowflake"])
def test_local_time_has_sql_that_parses(engine):
    times = ibis.table({"at": "timestamp"}, name="orders")
    local = databases.local_time(times.at, "UTC", "Europe/Paris", engine)
    assert "Europe/Paris" in parsed(times.select(at=local), engine)


def said_of(shop, capsys):
    """Return what `seglib check` says of the shop on Spark."""
    shop.write_text(yaml.safe_dump(yaml.safe_load(shop.read_text()) | {"engine": "spark"}))
    assert cli.main(["check", str(shop)]) == 2
    return capsys.readouterr().err


def test_spark_without_pyspark_is_told_in_a_sentence(shop, monkeypatch, capsys):
    monkeypatch.delattr("seglib.collection.spark", raising=False)
    monkeypatch.setitem(sys.modules, "seglib.collection.spark", None)
    assert "pip install 'seglib[spark]'" in said_of(shop, capsys)


def test_spark_without_java_is_told_in_a_sentence(shop, monkeypatch, capsys):
    pytest.importorskip("pyspark")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "Spark needs Java 17 or later" in said_of(shop, capsys)


def test_an_unknown_engine_is_refused(shop, capsys):
    shop.write_text(yaml.safe_dump(yaml.safe_load(shop.read_text()) | {"engine": "sparc"}))
    assert cli.main(["check", str(shop)]) == 2
    assert "engine: found 'sparc'" in capsys.readouterr().err


def test_the_memory_of_the_engine_is_limited_and_a_wrong_amount_is_told(monkeypatch):
    monkeypatch.setenv("SEGLIB_MEMORY", "1GB")
    query = "SELECT current_setting('memory_limit')"
    assert runs.engine().raw_sql(query).fetchone()[0] == "953.6 MiB"
    monkeypatch.setenv("SEGLIB_MEMORY", "much")
    with pytest.raises(StudyError, match="SEGLIB_MEMORY is 'much': expected an amount such as 4GB"):
        runs.engine()
