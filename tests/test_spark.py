"""The same studies on DuckDB and on a session of Spark on this machine."""

import importlib.util
import os
import shutil

import duckdb
import pandas as pd
import pytest
import test_postgres
import test_usage
import yaml
from worlds import shop_study, shop_tables, write_shop

from seglib import cli, runs, study
from seglib.clustering import Encoder, SegmentModel
from seglib.collection import databases, dictionary, features, sources

ABSENT = next(
    (
        f"no {what}: {how}"
        for there, what, how in (
            (importlib.util.find_spec("pyspark"), "PySpark", "pip install 'seglib[spark]'"),
            (shutil.which("java"), "Java", "apt-get install default-jre-headless"),
        )
        if not there
    ),
    "",
)
QUICK = {  # of a session whose tables are small: compiling would take longer than computing
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.adaptive.enabled": "false",
}


@pytest.fixture(scope="module", autouse=True)
def session():
    """One session for all tests of this file."""
    if ABSENT and os.environ.get("CI") == "true":
        pytest.fail(ABSENT)
    if ABSENT:
        pytest.skip(ABSENT)
    java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_SUBMIT_ARGS", f'--driver-java-options "{java}" pyspark-shell')
        patch.setenv("SEGLIB_SPARK", "local[1]")
        patch.setenv("SHOP_KEY", "a key of the tests, long enough")
        engine = databases.spark()
        for name, value in QUICK.items():
            engine._session.conf.set(name, value)
        yield engine
        engine.disconnect()


def on_both(folder, shop, raw):
    """Return what is known of a study of files by DuckDB, and by Spark."""
    here = test_postgres.known(write_shop(folder / "duckdb", tables=shop, study=raw))
    raw = raw | {"engine": "spark"}
    return here, test_postgres.known(write_shop(folder / "spark", tables=shop, study=raw))


@pytest.fixture(scope="module")
def both(session, tmp_path_factory):
    """A shop with zones, returns, test accounts, personal data, answers and pseudonyms."""
    shop, raw = test_postgres.dirty_shop()
    shop["transactions"] = shop["transactions"][::5]
    return on_both(tmp_path_factory.mktemp("both"), shop, raw)


def segments(facts):
    """Return the segments of customers by the columns that form them."""
    frame, rows = features.customers(facts)
    X = frame[dictionary.forming(facts.study, rows)]
    assert len(X.columns) > 10
    model = SegmentModel(Encoder(), n_segments=4, random_state=1).fit(X)
    return model.number(X).predict(X)["segment"]


def test_every_check_of_quality_counts_the_same(both):
    assert both[0][1] == both[1][1]
    assert sum(check["failing"] > 0 for check in both[1][1]) >= 12


def test_every_feature_and_segment_of_customers_is_the_same(both):
    (one, rows), (other, other_rows) = (features.customers(facts) for facts, _ in both)
    test_postgres.same(one, other)
    assert rows == other_rows
    assert len(one) > 190 and one.index.str.fullmatch("[0-9a-f]{32}").all()
    assert segments(both[0][0]).equals(segments(both[1][0]))


def test_every_feature_of_products_is_the_same(both):
    one, other = (features.products(facts)[0] for facts, _ in both)
    test_postgres.same(one, other)
    assert len(one) == 20


def test_files_of_a_run_are_the_same_whichever_engine_writes_them(both, tmp_path):
    written = []
    for engine, (facts, _) in zip(("duckdb", "spark"), both, strict=True):
        run = runs.Run(facts.study, facts.as_of, tmp_path / engine, 1)
        features.write(run, facts, {}, features.customers(facts), None)
        written.append(run)
    names = sorted(path.name for path in written[0].folder.glob("*.parquet"))
    assert {"activity.parquet", "monthly.parquet", "purchases.parquet"} <= {*names}
    for name in names:
        test_postgres.same(*(pd.read_parquet(run.path(name)) for run in written))


def test_every_feature_of_use_is_the_same(tmp_path):
    log = test_usage.events()
    log = log[log["user"] % 4 == 0]
    here = test_usage.known(test_usage.written(tmp_path / "duckdb", log))
    path = test_usage.written(tmp_path / "spark", log)
    path.write_text(yaml.safe_dump(test_usage.log_study() | {"engine": "spark"}))
    test_postgres.same(*(features.customers(f)[0] for f in (here, test_usage.known(path))))


def test_segments_of_the_default_study_are_the_same(tmp_path):
    """Every fortieth household; the whole of it takes minutes (tests/bench_scale.py)."""
    loaded = study.load("complete_journey")
    raw = yaml.safe_load(loaded.path.read_text())
    raw["tables"] = {name: raw["tables"][name] for name in ("transactions", "products")}
    for name, table in raw["tables"].items():
        (path,) = sources.files(table["source"], loaded.folder)
        few = " WHERE household_id % 40 = 0" if name == "transactions" else ""
        table["source"] = str(tmp_path / f"{name}.parquet")
        duckdb.sql(f"COPY (FROM '{path}'{few}) TO '{table['source']}'")
    (here, one), (there, other) = on_both(tmp_path, {}, raw)
    assert one == other
    frame, copy = features.customers(here)[0], features.customers(there)[0]
    test_postgres.same(frame, copy)
    assert len(frame) > 50 and segments(here).equals(segments(there))


def test_a_table_of_spark_is_named_as_one_of_a_server(session, tmp_path, monkeypatch):
    monkeypatch.setenv("LAKE", "local[1]")
    shop, raw = shop_tables(), shop_study()
    path = write_shop(tmp_path, tables=shop, study=raw)
    shop["customers"].to_parquet(tmp_path / "people.parquet")
    session.raw_sql(f"CREATE TABLE people USING parquet LOCATION '{tmp_path}/people.parquet'")
    raw["tables"]["customers"]["source"] = "${LAKE}#people"
    path.write_text(yaml.safe_dump(raw))
    assert cli.main(["check", str(path)]) == 0
    raw["tables"]["customers"]["source"] = "${LAKE}#peple"
    path.write_text(yaml.safe_dump(raw))
    assert cli.main(["check", str(path)]) == 2


def test_times_in_nanoseconds_are_read_as_times(session, tmp_path):
    moments = pd.Series(pd.to_datetime(["2024-02-03 04:05:06.789", None])).astype("datetime64[ns]")
    pd.DataFrame({"at": moments}).to_parquet(tmp_path / "a.parquet")
    frame = session.read_parquet(tmp_path / "a.parquet").execute()
    assert frame["at"].isna().tolist() == [False, True]
    assert str(frame.loc[0, "at"]) == "2024-02-03 04:05:06.789000"
