"""Tables of databases: connections, and text that is the same on every engine."""

from __future__ import annotations

import os
import re
import shutil

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from seglib.formats import StudyError, nearest

SPARK = "SEGLIB_SPARK"  # the environment variable with the address of Spark for `engine: spark`
CLUSTERS = r"(?:spark|k8s)://\S+|yarn|local(?:\[[\d*, ]+\])?"  # addresses of Spark

PATIENCE = 10  # seconds until a server must have answered
REFUSALS = {  # what it means for the user: what a server says when it does not let us in
    "the server refuses the user or the password": "password|authenti|no pg_hba|role .* not exist",
    "the server has no such database": "database .* does not exist",
    f"no server answers within {PATIENCE} seconds": "timeout|timed out",
    "no server answers": "refused|translate|resolve|service|no such file|unreachable|route to host",
    "the server and the address disagree on encryption (sslmode)": "ssl",
}


def connect(variable: str) -> ibis.BaseBackend:
    """Return a connection to the address in an environment variable, which is never told."""
    url = os.environ.get(variable, "").strip()
    if not url:
        raise StudyError(
            f"the environment variable {variable} is not set: it must hold the address of the "
            "database, such as postgresql://user:password@server/database"
        )
    if re.fullmatch(CLUSTERS, url):
        return spark(variable)
    client = "seglib[postgres]"
    try:
        if "://" in url and not re.match(r"postgres(ql)?://", url):
            client = f"ibis-framework[{url.partition(':')[0]}]"
            return ibis.connect(url)
        import psycopg  # noqa: PLC0415 - only who reads from PostgreSQL needs it

        connection = psycopg.connect(
            url, autocommit=True, connect_timeout=PATIENCE, application_name="seglib"
        )
    except ImportError:
        raise StudyError(f"the address in {variable} needs: pip install '{client}'") from None
    except Exception as error:  # every engine has errors of its own, which may tell the address
        whys = (why for why, words in REFUSALS.items() if re.search(words, str(error).lower()))
        why = next(whys, "it is no address of a server that lets us in")
        raise StudyError(f"the address in {variable} does not serve: {why}; mend it") from None
    connection.execute("SET work_mem = '64MB'")  # to hash what the default would sort on disk
    return ibis.postgres.from_connection(connection)


def spark(variable: str = SPARK) -> ibis.BaseBackend:
    """Return the session of Spark at the address in a variable; without one, on this machine."""
    address = os.environ.get(variable, "").strip()
    if address and not re.fullmatch(CLUSTERS, address):
        raise StudyError(f"{variable} is no address of Spark: expected such as spark://host:7077")
    try:
        from seglib.collection import spark as engine  # noqa: PLC0415 - only who uses Spark needs it
    except ImportError:
        raise StudyError("Spark needs PySpark: pip install 'seglib[spark]'") from None
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise StudyError("Spark needs Java 17 or later: install it, or set JAVA_HOME to its folder")
    try:
        return engine.connect(address)
    except Exception:  # of Java or Python, and it may tell the address
        raise StudyError(f"Spark does not start: mend Java (17 or later) or {variable}") from None


@ibis.udf.scalar.builtin(name="timezone")
def _stored_in(zone: str, when: dt.Timestamp()) -> dt.Timestamp("UTC"):
    """Read a time without zone as one of the given zone."""


@ibis.udf.scalar.builtin(name="timezone")
def _clock_in(zone: str, when: dt.Timestamp("UTC")) -> dt.Timestamp():
    """Write a time with zone as the clock of the given zone."""


@ibis.udf.scalar.builtin(name="convert_timezone")
def _convert(stored: str, local: str, when: dt.Timestamp()) -> dt.Timestamp():
    """Write a time of one zone as the clock of another, on Spark, Databricks and Snowflake."""


def local_time(when: ir.Value, stored: str, local: str, engine: str) -> ir.TimestampValue:
    """Return times stored as the clock of one zone as the clock of another, on an engine."""
    if engine in {"pyspark", "databricks", "snowflake"}:
        plain, later = (_convert(stored, zone, when) for zone in (local, "UTC"))
        later = later + ibis.interval(hours=1)
        twice = _convert("UTC", stored, later) == when  # in autumn: other engines mean the second
        return plain if stored == "UTC" else twice.ifelse(_convert("UTC", local, later), plain)
    return _clock_in(local, _stored_in(stored, when))


def table(engine: ibis.BaseBackend, name: str, label: str, catalog: str | None = None) -> ir.Table:
    """Return a table or view, `table` or `schema.table`, of a connection or a catalog in it."""
    schema, _, short = name.rpartition(".")
    schema = schema or ("main" if catalog else getattr(engine, "current_database", ""))
    every = {s for s, _ in _listed(engine, catalog)} if catalog else engine.list_databases()
    schemas = sorted(s for s in every if not s.startswith(("pg_", "information_schema")))
    if schema and schema not in schemas:
        raise StudyError(f"{label} has no schema {schema!r}{nearest(schema, schemas)}")
    place = (catalog, schema) if catalog else schema or None
    try:
        table = engine.table(short, database=place)
    except Exception:  # every engine has an error of its own for what is not there
        there = names(engine, schema, catalog)
        hint = nearest(short, there) if there else ": that schema has no table that may be read"
        raise StudyError(f"{label} has no table {name!r}{hint}") from None
    if engine.name != "postgres":
        return table
    try:
        engine.con.execute(f"SELECT 1 FROM ({ibis.to_sql(table)}) AS t LIMIT 0")
    except Exception as error:
        raise StudyError(
            f"{label}: the table {name!r} cannot be read ({type(error).__name__}): "
            "ask for the right to SELECT from it"
        ) from None
    return _plain(table)


def _listed(engine: ibis.BaseBackend, catalog: str) -> list[tuple[str, str]]:
    query = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = ?"
    return engine.con.execute(query, [catalog]).fetchall()


def names(engine: ibis.BaseBackend, schema: str, catalog: str | None = None) -> list[str]:
    """Return the tables in a schema, of an attached DuckDB file if a catalog is named, in order."""
    if catalog:
        return sorted(name for place, name in _listed(engine, catalog) if place == schema)
    return sorted(engine.list_tables(database=schema or None))


def _plain(table: ir.Table) -> ir.Table:
    """Return a table of PostgreSQL with text as text, compared byte by byte as everywhere else.

    Enumerations, identifiers and the like become text; a server's own sorting would change the
    order of customers, and the least of several values, from one machine to the next.
    """
    columns, schema = [], {}
    for name, kind in table.schema().items():
        quoted = '"' + name.replace('"', '""') + '"'
        as_it_is = kind.is_numeric() or kind.is_boolean() or kind.is_temporal()
        columns.append(quoted if as_it_is else f'CAST({quoted} AS text) COLLATE "C" AS {quoted}')
        schema[name] = kind if as_it_is else "string"
    query = f"SELECT {', '.join(columns)} FROM ({ibis.to_sql(table)}) AS t"
    return ibis.get_backend(table).sql(query, schema=schema)


def keep(expression: ir.Table, *order: str) -> ir.Table:
    """Materialise a table on its engine for the life of the connection, on DuckDB in an order."""
    engine, name = ibis.get_backend(expression), ibis.util.gen_name("seglib")
    if engine.name == "duckdb" and order:
        expression = expression.order_by(*order)
    if engine.name != "postgres":
        return engine.create_table(name, expression, temp=True)
    try:
        query = ibis.to_sql(_plain(expression))
        engine.con.execute(f'CREATE TEMPORARY TABLE "{name}" AS {query}')
        engine.con.execute(f'ANALYZE "{name}"')
    except Exception as error:
        if type(error).__name__ not in {"InsufficientPrivilege", "ReadOnlySqlTransaction"}:
            raise
        raise StudyError(
            "the database does not let its user make temporary tables, in which sums are kept on "
            "the server: grant TEMPORARY on the database, or use a server that is not a replica"
        ) from None
    return _plain(engine.table(name))


def in_order(table: ir.Table, *order: str) -> ir.Table:
    """Return the rows of a table that `keep` put in an order; DuckDB has them so."""
    return table if ibis.get_backend(table).name == "duckdb" else table.order_by(*order)


def bring(table: ir.Table, home: ibis.BaseBackend) -> ir.Table:
    """Return a table on the engine `home`, copied there if need be: only what it selects."""
    if ibis.get_backend(table) is home:
        return table
    return put(table.to_pyarrow(), home)


def put(frame, home: ibis.BaseBackend) -> ir.Table:
    """Return a frame as a table on an engine for the life of the connection."""
    copied = home.create_table(ibis.util.gen_name("seglib"), ibis.memtable(frame), temp=True)
    return _plain(copied) if home.name == "postgres" else copied
