"""Studies on PostgreSQL and on Spark give what files give; other engines have SQL for them."""

import importlib
import os
import shutil
import socket
import sys
import threading

import duckdb
import ibis
import numpy as np
import pandas as pd
import psycopg
import pytest
import server
import sqlglot
import yaml
from runs import known
from worlds import log_study, log_tables, shop_study, shop_tables, write_shop

from seglib import cli, runs, study
from seglib.clustering import Encoder, SegmentModel
from seglib.collection import attributes, databases, features, reading, sources, tables
from seglib.study import StudyError

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
def key():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_KEY", "a key of the tests, long enough")
        yield patch


@pytest.fixture(scope="module")
def address(key):
    with server.cluster() as url:
        key.setenv("SHOP_DATABASE", url)
        yield url


@pytest.fixture(scope="module")
def session(key):
    """One session of Spark for all tests."""
    if ABSENT and os.environ.get("CI") == "true":
        pytest.fail(ABSENT)
    if ABSENT:
        pytest.skip(ABSENT)
    java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m"
    key.setenv("PYSPARK_SUBMIT_ARGS", f'--driver-java-options "{java}" pyspark-shell')
    key.setenv("SEGLIB_SPARK", "local[1]")
    engine = databases.spark()
    for name, value in QUICK.items():
        engine._session.conf.set(name, value)
    yield engine
    engine.disconnect()


def dirty_shop():
    """Return a shop with all roles, in which most checks find something; ids become pseudonyms.

    Its ids sort differently by language; there are zones, decimals, returns and personal data.
    """
    shop, raw = shop_tables(), shop_study()
    rng = np.random.default_rng(3)
    kinds = np.array(["b-", "B-", "ä_", "a "])
    for table in ("transactions", "customers", "campaigns", "responses"):
        number = shop[table]["client"]
        shop[table]["client"] = kinds[number % 4] + number.astype(str)
    sold = shop["transactions"]
    sold.loc[rng.random(len(sold)) < 0.02, "paid"] *= -1
    sold.loc[:40, "client"] = None
    sold["voucher"] = np.where(rng.random(len(sold)) < 0.1, 0.25, 0.0)
    sold["shop"] = rng.integers(1, 5, len(sold))
    sold["at"] = sold["at"].dt.tz_localize("UTC")
    sold.loc[50:60, "at"] = pd.Timestamp("1970-01-01", tz="UTC")
    sold.loc[70:90, "units"] = -1
    shop["transactions"] = sold[::5]
    shop["products"].loc[3, "category"] = "for p3@shop.net"
    people, n = shop["customers"], len(shop["customers"])
    people["member"], people["height"] = rng.random(n) < 0.5, rng.normal(1.7, 0.1, n)
    people["children"] = pd.array(rng.integers(0, 4, n), "Int64")
    people.loc[:20, ["height", "children"]] = None
    people["mail"] = [f"p{i}@shop.net" for i in range(n)]
    people.loc[4, "mail"] = "test@shop.net"
    people["left"] = ["2023-09-09" if i % 5 == 0 else "04.05.2023" for i in range(n)]
    people["country"] = "DE"
    shop["campaigns"]["arm"] = np.where(rng.random(len(shop["campaigns"])) < 0.5, "Letter", "none")
    answers = pd.DataFrame(rng.integers(1, 4, (n, 6)), columns=[f"q{i}" for i in range(6)])
    shop["survey"] = answers.assign(client=people["client"], seconds=np.arange(n) + 20.0)
    raw["timezone"] = {"local": "America/New_York"}
    raw["tables"]["transactions"]["columns"] |= {"coupon": "voucher", "place": "shop"}
    raw["tables"]["customers"]["attributes"] |= {
        "member": {}, "height": {"kind": "numeric"}, "mail": {}, "left": {}, "country": {},
        "children": {"kind": "ordered", "levels": [0, 1, 2, 3]},
    }  # fmt: skip
    raw["tables"]["campaigns"]["columns"]["arm"] = "arm"
    own = {"kind": "numeric", "base": "psychographic"}
    raw["tables"]["survey"] = {
        "source": "raw/survey.parquet", "columns": {"customer": "client"},
        "attributes": {name: own for name in shop["survey"] if name != "client"},
    }  # fmt: skip
    return shop, raw | {"privacy": {"pseudonymise": "SHOP_KEY"}, "limits": {"known_later": 0.5}}


def on_server(raw, schema):
    """Return the same study with every source on the server."""
    for name, table in raw["tables"].items():
        table["source"] = f"${{SHOP_DATABASE}}#{schema}.{name}"
    return raw


@pytest.fixture(scope="module", params=["address", "session"], ids=["PostgreSQL", "Spark"])
def engine(request):
    """A function: what is known of a study by DuckDB, and by another engine, with the checks."""
    place = request.getfixturevalue(request.param)

    def both(folder, shop, raw):
        here = known(write_shop(folder / "files", shop, raw))
        raw = raw | {"engine": "spark"}
        if request.param == "address":
            raw = on_server(raw | {"engine": "duckdb"}, folder.name)
            server.fill(place, shop, folder.name)
        return here, known(write_shop(folder / "other", shop, raw))

    return both


@pytest.fixture(scope="module")
def both(engine, tmp_path_factory):
    return engine(tmp_path_factory.mktemp("both"), *dirty_shop())


def same(one, other):
    pd.testing.assert_frame_equal(one, other, rtol=1e-9, atol=1e-12)


def segments(facts):
    """Return the segments of customers by the columns that form them."""
    frame, rows = features.customers(facts)
    X = frame[attributes.forming(facts.study, rows)]
    assert len(X.columns) > 10
    model = SegmentModel(Encoder(), n_segments=4, random_state=1).fit(X)
    return model.number(X).predict(X)["segment"]


def test_every_check_of_quality_counts_the_same(both):
    assert both[0].checks == both[1].checks
    seen = {check["check"].split(" (")[0] for check in both[1].checks if check["failing"]}
    assert len(seen) >= 12
    assert {
        "mail holds e-mail addresses", "test account", "dated far from all other rows",
        "negative quantity with a positive amount", "category holds e-mail addresses",
    } <= seen  # fmt: skip


def test_every_feature_and_segment_of_customers_is_the_same(both):
    (one, rows), (other, other_rows) = (features.customers(each.facts) for each in both)
    same(one, other)
    assert rows == other_rows and "mail" not in one
    assert len(one) > 190 and one.index.str.fullmatch("[0-9a-f]{32}").all()
    assert segments(both[0].facts).equals(segments(both[1].facts))


def test_every_feature_of_products_is_the_same(both):
    one, other = (features.products(each.facts)[0] for each in both)
    same(one, other)
    assert len(one) == 20


def test_files_of_a_run_are_the_same_whichever_engine_writes_them(both, tmp_path):
    written = []
    for place, (facts, *_) in zip("ab", both, strict=True):
        run = runs.Run(facts.study, facts.as_of, tmp_path / place, 1)
        features.write(run, facts, {}, features.customers(facts), None)
        written.append(run)
    names = {path.name for path in written[0].folder.glob("*.parquet")}
    assert {"activity.parquet", "monthly.parquet", "purchases.parquet", "holdout.parquet"} <= names
    for name in names:
        same(*(pd.read_parquet(run.path(name)) for run in written))


def test_every_feature_of_use_is_the_same(engine, tmp_path):
    log = {name: table[table["user"] % 4 == 0] for name, table in log_tables().items()}
    same(*(features.customers(each.facts)[0] for each in engine(tmp_path, log, log_study())))


# --- PostgreSQL -----------------------------------------------------------------------------------


class Wire:
    """A relay on the loopback that counts the bytes that a server sends."""

    def __init__(self, port):
        self.received, self.port = 0, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source, target, counted):
        while block := source.recv(1 << 16):
            self.received += len(block) * counted
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


def port_of(address):
    return address.rsplit(":", 1)[1].split("/")[0]


def test_no_full_table_crosses_the_wire(address, tmp_path, monkeypatch):
    shop, raw = shop_tables(), shop_study() | {"limits": {"copies": 1}}
    many = pd.concat([shop["transactions"]] * 8, ignore_index=True)
    server.fill(address, shop | {"transactions": many}, "many")
    wire = Wire(int(port_of(address)))
    relayed = wire.listener.getsockname()[1]
    monkeypatch.setenv("SHOP_DATABASE", address.replace(f":{port_of(address)}/", f":{relayed}/"))
    facts = known(write_shop(tmp_path, {}, on_server(raw, "many"))).facts
    made = runs.Run(facts.study, facts.as_of, tmp_path / "out", 1)
    features.write(made, facts, {}, features.customers(facts), features.products(facts))
    with psycopg.connect(address) as connection:
        size = connection.execute("SELECT pg_table_size('many.transactions')").fetchone()[0]
    # what customers did by day (activity.parquet) comes over, the lines do not
    assert 0 < wire.received < size / 4, (wire.received, size)


def checked(folder, raw, capsys):
    """Return what `seglib check` says of a shop that it refuses."""
    assert cli.main(["check", str(write_shop(folder, study=raw))]) == 2
    return capsys.readouterr().err


WRONG = {
    # name: (what is changed in the address, source, words that the message must hold)
    "wrong password": (("s3cret-Word", "guess-Word"), "people", ["user or the password", "mend"]),
    "unknown user": (("shopkeeper", "burglar"), "people", ["user or the password", "mend"]),
    "no database": (("/postgres", "/postgers"), "people", ["no such database", "mend"]),
    "no server": ((":{port}/", ":1/"), "people", ["no server answers", "mend"]),
    "table missing": (("", ""), "crm2.customer", ["no table", "did you mean 'customers'"]),
    "schema missing": (("", ""), "crm3.customers", ["no schema 'crm3'", "did you mean 'crm"]),
    "not to be read": (("shopkeeper", "intern"), "crm2.customers", ["right to SELECT"]),
}


@pytest.fixture(scope="module")
def staffed(address):
    server.fill(address, {"customers": shop_tables()["customers"]}, "crm2")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE intern LOGIN PASSWORD '{server.PASSWORD}'")
        connection.execute("GRANT USAGE ON SCHEMA crm2 TO intern")
    return address


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_server_is_told_without_its_address(
    staffed, tmp_path, monkeypatch, capsys, name
):
    ((old, new), source, words), port = WRONG[name], port_of(staffed)
    monkeypatch.setenv("SHOP_DATABASE", staffed.replace(old.format(port=port), new))
    raw = shop_study()
    raw["tables"]["customers"]["source"] = f"${{SHOP_DATABASE}}#{source}"
    said = checked(tmp_path, raw, capsys)
    assert [word for word in words if word not in said] == [], said
    assert "tables.customers.source: " in said
    for secret in (server.PASSWORD, "guess-Word", server.USER, "burglar", "127.0.0.1", port):
        assert secret not in said.replace(str(tmp_path), "")


def test_text_for_numbers_and_times_on_a_server_is_refused_with_the_cast(staffed, tmp_path, capsys):
    sold = shop_tables()["transactions"].head(100)
    sold = sold.assign(paid=sold["paid"].astype(str), at=sold["at"].dt.strftime("%d/%m/%Y"))
    server.fill(staffed, {"loose": sold}, "crm2")
    raw = shop_study()
    raw["tables"]["transactions"]["source"] = "${SHOP_DATABASE}#crm2.loose"
    said = checked(tmp_path, raw, capsys)
    assert "'paid' is text on a server, expected numbers" in said
    assert 'CAST("paid" AS numeric) AS "paid"' in said
    assert 'CAST("at" AS timestamp) AS "at"' in said


def test_tables_of_several_engines_meet_on_that_of_the_transactions(address, tmp_path):
    shop, raw = shop_tables(), shop_study()
    shop["transactions"] = shop["transactions"][::5]
    server.fill(address, {"transactions": shop["transactions"]}, "mixed")
    here = known(write_shop(tmp_path / "files", shop)).facts
    raw["tables"]["transactions"]["source"] = "${SHOP_DATABASE}#mixed.transactions"
    path = write_shop(tmp_path / "mixed", shop, raw)
    same(features.customers(here)[0], features.customers(known(path).facts)[0])
    assert tables.on_a_server(study.load(path))


# --- Spark ----------------------------------------------------------------------------------------


def test_segments_of_the_default_study_are_the_same(session, tmp_path):
    """Every fortieth household; the whole of it takes minutes."""
    loaded = study.load("complete_journey")
    raw = yaml.safe_load(loaded.path.read_text())
    raw["tables"] = {name: raw["tables"][name] for name in ("transactions", "products")}
    for name, table in raw["tables"].items():
        (path,) = sources.files(table["source"], loaded.folder)
        few = " WHERE household_id % 40 = 0" if name == "transactions" else ""
        table["source"] = str(tmp_path / f"{name}.parquet")
        duckdb.sql(f"COPY (FROM '{path}'{few}) TO '{table['source']}'")
    here = known(write_shop(tmp_path / "duckdb", {}, raw))
    there = known(write_shop(tmp_path / "spark", {}, raw | {"engine": "spark"}))
    assert here.checks == there.checks
    frame, other = (features.customers(each.facts)[0] for each in (here, there))
    same(frame, other)
    assert len(frame) > 50 and segments(here.facts).equals(segments(there.facts))


def test_a_table_of_spark_is_named_as_one_of_a_server(session, tmp_path, monkeypatch):
    monkeypatch.setenv("LAKE", "local[1]")
    shop, raw = shop_tables(), shop_study()
    shop["customers"].to_parquet(tmp_path / "people.parquet")
    session.raw_sql(f"CREATE TABLE people USING parquet LOCATION '{tmp_path}/people.parquet'")
    for name, code in (("people", 0), ("peple", 2)):
        raw["tables"]["customers"]["source"] = f"${{LAKE}}#{name}"
        assert cli.main(["check", str(write_shop(tmp_path / name, shop, raw))]) == code


def test_a_small_table_is_kept_in_few_parts(session):
    fresh = type(session)()
    fresh.do_connect(session._session.newSession())
    assert fresh._session.conf.get("spark.sql.shuffle.partitions") == "200"
    table = fresh.create_table("few", ibis.memtable({"x": [1, 2, 2]}).distinct())
    assert table.count().execute() == 2
    assert fresh._session.table("few").rdd.getNumPartitions() == 1


def test_a_number_of_parts_that_somebody_chose_stays(session):
    connect = sys.modules[type(session).__module__].connect
    conf, name = session._session.conf, "spark.sql.shuffle.partitions"
    for chosen, kept in {"7": "7", "200": "1"}.items():  # of local[1]
        conf.set(name, chosen)
        connect("local[1]")
        assert conf.get(name) == kept


def test_times_in_nanoseconds_are_read_as_times(session, tmp_path):
    moments = pd.Series(pd.to_datetime(["2024-02-03 04:05:06.789", None])).astype("datetime64[ns]")
    pd.DataFrame({"at": moments}).to_parquet(tmp_path / "a.parquet")
    frame = session.read_parquet(tmp_path / "a.parquet").execute()
    assert frame["at"].isna().tolist() == [False, True]
    assert str(frame.loc[0, "at"]) == "2024-02-03 04:05:06.789000"


def test_what_spark_takes_for_a_pattern_is_a_name(session, tmp_path):
    path = tmp_path / "sales [2] {a,b}?.parquet"
    pd.DataFrame({"x": [1, 2]}).to_parquet(path)
    assert session.read_parquet(path).count().execute() == 2


@pytest.mark.parametrize("name", ["_sales", "sales: new", "twice", "broken"])
def test_a_file_that_spark_does_not_take_is_told_apart_from_a_broken_one(session, tmp_path, name):
    frame = pd.DataFrame({"x": [1, 2]})
    frame = frame.assign(X=1) if name == "twice" else frame
    path = tmp_path / f"{name}.parquet"
    frame.to_parquet(path)
    if name == "broken":
        path.write_bytes(path.read_bytes()[:99])
    opened = sources.Sources(tmp_path, runs.engine(), session)
    why = "only a part of one" if name == "broken" else "Spark wants a name"
    with pytest.raises(StudyError, match=why):
        opened.open(path.name)


def test_the_hour_that_an_autumn_has_twice_is_the_second_on_every_engine(session):
    moments = ["2023-10-29 01:30", "2023-10-29 02:30", "2023-10-29 03:30", "2023-03-26 02:30"]
    frame, clocks = pd.DataFrame({"at": pd.to_datetime(moments)}), []
    for engine in (runs.engine(), session):
        table = databases.put(frame, engine)
        local = databases.local_time(table.at, "Europe/Berlin", "Asia/Kolkata", engine.name)
        clocks.append(table.select(at=local).to_pyarrow().to_pylist())
    assert clocks[0] == clocks[1]
    assert str(clocks[0][1]["at"]) == "2023-10-29 07:00:00"


def test_text_for_numbers_on_spark_is_refused_with_its_own_cast(session, tmp_path):
    pd.DataFrame({"net paid": ["1.50"]}).to_parquet(tmp_path / "a.parquet")
    table = session.read_parquet(tmp_path / "a.parquet")
    expression = reading.cast(table, "net paid", reading.NUMBER)
    cast = expression.partition("with ")[2].partition(", and")[0]
    assert session.raw_sql(f"SELECT {cast} FROM {table.get_name()}").collect()[0][0] == 1.5


@pytest.mark.parametrize("address", ["nonsense", "local[x]", "spark://", "postgresql://u:pw@h/d"])
def test_a_wrong_address_of_spark_is_told_in_a_sentence(tmp_path, monkeypatch, capsys, address):
    pytest.importorskip("pyspark")
    monkeypatch.setenv("SEGLIB_SPARK", address)
    said = checked(tmp_path, shop_study() | {"engine": "spark"}, capsys)
    assert said.endswith(
        "SEGLIB_SPARK is no address of Spark: expected such as spark://host:7077\n"
    )
    assert said.count("\n") == 1 and "pw" not in said


def test_a_spark_that_does_not_start_is_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    engine = pytest.importorskip("seglib.collection.spark")
    monkeypatch.setattr(engine, "connect", lambda _: 1 / 0)
    monkeypatch.setenv("JAVA_HOME", "somewhere")
    monkeypatch.setenv("SEGLIB_SPARK", "spark://master:7077")
    said = checked(tmp_path, shop_study() | {"engine": "spark"}, capsys)
    assert said.endswith("Spark does not start: mend Java (17 or later) or SEGLIB_SPARK\n")
    assert said.count("\n") == 1


def test_the_client_of_a_database_that_is_not_installed_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SHOP_DATABASE", "snowflake://u:pw@h/d")
    said = checked(tmp_path, on_server(shop_study(), "x"), capsys)
    assert "pip install 'ibis-framework[snowflake]'" in said and "PostgreSQL" not in said


@pytest.mark.parametrize(
    ("engine", "absent", "words"),
    [
        ("spark", "pyspark", "pip install 'seglib[spark]'"),
        ("spark", "java", "Spark needs Java 17 or later"),
        ("sparc", "", "engine: found 'sparc'"),
    ],
)
def test_an_engine_that_is_not_there_is_told_in_a_sentence(
    tmp_path, monkeypatch, capsys, engine, absent, words
):
    if absent == "pyspark":
        monkeypatch.delattr("seglib.collection.spark", raising=False)
        monkeypatch.setitem(sys.modules, "seglib.collection.spark", None)
    if absent == "java":
        pytest.importorskip("pyspark")
        monkeypatch.setenv("PATH", "")
        monkeypatch.delenv("JAVA_HOME", raising=False)
    assert words in checked(tmp_path, shop_study() | {"engine": engine}, capsys)


# --- engines that no test can run -----------------------------------------------------------------

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
        patch.setattr(engine, "compile", remember)
        shop, raw = dirty_shop()
        raw.pop("timezone")  # see the test of local time
        facts = known(write_shop(folder, shop, raw)).facts
        run = runs.Run(facts.study, facts.as_of, folder / "run", 1)
        features.write(run, facts, {}, features.customers(facts), features.products(facts))
    return list(seen.values())


def parsed(expression, engine):
    """Return the SQL of an expression after a parser has read it; no client need be installed."""
    compiler = importlib.import_module(f"ibis.backends.sql.compilers.{engine}").compiler
    text = compiler.to_sqlglot(expression.unbind()).sql(dialect=compiler.dialect)
    assert sqlglot.parse_one(text, read=compiler.dialect)
    return text


@pytest.mark.parametrize("name", NO_SQL)
def test_every_expression_of_checks_and_features_has_sql_that_parses(expressions, name):
    assert len(expressions) > 50
    without = set()
    for expression in expressions:
        try:
            parsed(expression, name)
        except ibis.common.exceptions.OperationNotDefinedError as error:
            without.add(str(error).split("'")[1])
    assert without == NO_SQL[name]


@pytest.mark.parametrize("name", ["databricks", "duckdb", "postgres", "pyspark", "snowflake"])
def test_local_time_has_sql_that_parses(name):
    times = ibis.table({"at": "timestamp"}, name="orders")
    local = databases.local_time(times.at, "UTC", "Europe/Paris", name)
    assert "Europe/Paris" in parsed(times.select(at=local), name)


def test_the_memory_of_the_engine_is_limited_and_a_wrong_amount_is_told(monkeypatch):
    monkeypatch.setenv("SEGLIB_MEMORY", "1GB")
    query = "SELECT current_setting('memory_limit')"
    assert runs.engine().raw_sql(query).fetchone()[0] == "953.6 MiB"
    monkeypatch.setenv("SEGLIB_MEMORY", "much")
    with pytest.raises(StudyError, match="SEGLIB_MEMORY is 'much': expected an amount such as 4GB"):
        runs.engine()


@pytest.mark.parametrize(
    "amount", ["-4GB", "-1", "0GB", "1 KB", "none", "4,5GB", "4", "4Gi", "500%", "9" * 20 + "GB"]
)
def test_an_amount_that_limits_nothing_is_refused(monkeypatch, amount):
    monkeypatch.setenv("SEGLIB_MEMORY", amount)
    with pytest.raises(StudyError, match="expected an amount such as 4GB"):
        runs.engine()


def test_too_little_memory_is_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SEGLIB_MEMORY", "1MB")
    assert checked(tmp_path, shop_study(), capsys).endswith("raise SEGLIB_MEMORY, or free some\n")


@pytest.mark.parametrize("amount", ["50%", "0.5 GB", "4GiB", "800mb", "1T"])
def test_amounts_of_memory_may_be_written_as_duckdb_reads_them(monkeypatch, amount):
    monkeypatch.setenv("SEGLIB_MEMORY", amount)
    assert runs.engine().raw_sql("SELECT 1").fetchone() == (1,)
