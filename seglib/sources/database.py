"""Tables of databases: DuckDB files, and servers whose address is in the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path

import ibis
import ibis.expr.types as ir

from seglib.study import StudyError, nearest

PATIENCE = 10  # seconds until a server must have answered
REFUSALS = (  # what a server says when it does not let us in, and what that means for the user
    (r"password|authentication|no pg_hba", "the server refuses the user or the password"),
    (r"role .* does not exist", "the server refuses the user or the password"),
    (r"database .* does not exist", "the server has no such database"),
    (r"timeout|timed out", f"no server answers within {PATIENCE} seconds"),
    (r"refused|translate host|resolve|name or service|no such file|unreachable|route to host",
     "no server answers"),
    (r"ssl", "the server and the address disagree on encryption (sslmode)"),
    (r"too many", "the server has too many connections"),
)  # fmt: skip


def connect(variable: str) -> ibis.BaseBackend:
    """Return a connection to the database whose address an environment variable holds.

    Raises
    ------
    StudyError
        If the variable is not set or the server cannot be reached; the address is never told.
    """
    url = os.environ.get(variable, "").strip()
    if not url:
        raise StudyError(
            f"the environment variable {variable} is not set: it must hold the address of the "
            "database, such as postgresql://user:password@server/database"
        )
    if re.match(r"postgres(ql)?://", url) or "://" not in url:
        return _postgres(url, variable)
    try:
        return ibis.connect(url)
    except Exception as error:  # every engine has errors of its own, which may tell the address
        raise StudyError(
            f"the database at the address in {variable} cannot be opened "
            f"({type(error).__name__}): mend the address"
        ) from None


def _postgres(url: str, variable: str) -> ibis.BaseBackend:
    try:
        import psycopg  # noqa: PLC0415 - only who reads from PostgreSQL needs it
    except ImportError:
        raise StudyError(
            f"the address in {variable} is of PostgreSQL, which needs psycopg: "
            "pip install 'seglib[postgres]'"
        ) from None
    try:
        connection = psycopg.connect(
            url, autocommit=True, connect_timeout=PATIENCE, application_name="seglib"
        )
    except psycopg.Error as error:
        why = next((why for said, why in REFUSALS if re.search(said, str(error).lower())), "")
        why = why or "it is no address of a server that lets us in"
        raise StudyError(f"the address in {variable} does not serve: {why}; mend it") from None
    connection.execute("SET work_mem = '64MB'")  # to hash what the default would sort on disk
    return ibis.postgres.from_connection(connection)


def table(engine: ibis.BaseBackend, name: str, label: str, catalog: str = "") -> ir.Table:
    """Return a table or a view of a database.

    Parameters
    ----------
    engine
        The connection.
    name
        `table` or `schema.table`.
    label
        What the user calls the database.
    catalog
        The database within the connection; empty means its own.

    Raises
    ------
    StudyError
        If there is no such schema or table, or reading it is not allowed.
    """
    schema, _, short = name.rpartition(".")
    schema = schema or ("main" if catalog else _current(engine))
    known = _schemas(engine, catalog)
    if schema and schema not in known:
        raise StudyError(f"{label} has no schema {schema!r}{nearest(schema, known)}")
    place = (catalog, schema) if catalog else schema or None
    try:
        found = engine.table(short, database=place)
    except Exception:  # every engine has an error of its own for what is not there
        raise StudyError(
            f"{label} has no table {name!r}{_near(engine, short, schema, catalog)}"
        ) from None
    return plain(found, label) if engine.name == "postgres" else found


def _current(engine: ibis.BaseBackend) -> str:
    return getattr(engine, "current_database", "") or ""


def _schemas(engine: ibis.BaseBackend, catalog: str) -> list[str]:
    hidden = ("pg_", "information_schema")
    found = [s for s, _ in _listed(engine, catalog)] if catalog else engine.list_databases()
    return sorted({name for name in found if not name.startswith(hidden)})


def _listed(engine: ibis.BaseBackend, catalog: str) -> list[tuple[str, str]]:
    """Return schema and name of every table of an attached file."""
    query = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = ?"
    return sorted(engine.con.execute(query, [catalog]).fetchall())


def _near(engine: ibis.BaseBackend, short: str, schema: str, catalog: str) -> str:
    known = (
        names(engine, catalog, schema)
        if catalog
        else sorted(engine.list_tables(database=schema or None))
    )
    return nearest(short, known) if known else ": that schema has no table that may be read"


def names(engine: ibis.BaseBackend, catalog: str, schema: str = "main") -> list[str]:
    """Return the tables in a schema of an attached DuckDB file, in order."""
    return [name for where, name in _listed(engine, catalog) if where == schema]


def plain(found: ir.Table, label: str = "") -> ir.Table:
    """Return a table of PostgreSQL with text as text, compared byte by byte as everywhere else.

    Enumerations, identifiers and the like become text; a server's own sorting would change the
    order of customers, and the least of several values, from one machine to the next.

    Raises
    ------
    StudyError
        If the user may not read it.
    """
    engine, columns, schema = ibis.get_backend(found), [], {}
    for name, kind in found.schema().items():
        quoted = '"' + name.replace('"', '""') + '"'
        known = kind.is_numeric() or kind.is_boolean() or kind.is_temporal()
        columns.append(quoted if known else f'CAST({quoted} AS text) COLLATE "C" AS {quoted}')
        schema[name] = kind if known else "string"
    inner = ibis.to_sql(found, dialect="postgres")
    if label:
        _may_read(engine, inner, label, found.get_name())
    return engine.sql(f"SELECT {', '.join(columns)} FROM ({inner}) AS t", schema=schema)


def _may_read(engine: ibis.BaseBackend, query: str, label: str, name: str) -> None:
    try:
        engine.con.execute(f"SELECT 1 FROM ({query}) AS t LIMIT 0")
    except Exception as error:
        raise StudyError(
            f"{label}: the table {name!r} cannot be read ({type(error).__name__}): ask for the "
            "right to SELECT from it"
        ) from None


def attach(local: ibis.BaseBackend, path: Path, catalog: str) -> None:
    """Attach a DuckDB file to the local engine, for reading, under the name of a catalog.

    Raises
    ------
    StudyError
        If it is not a DuckDB file, or another program is writing to it.
    """
    try:
        local.attach(path, catalog, read_only=True)
    except Exception as error:
        locked = "lock" in str(error).lower()
        why = (
            "is being written by another program: close that first"
            if locked
            else "is not a database of DuckDB that this version can read: export its tables again"
        )
        raise StudyError(f"{path.name} {why}") from None
    return catalog


def keep(expression: ir.Table) -> ir.Table:
    """Materialise a table on its engine for the life of the connection."""
    engine, name = ibis.get_backend(expression), ibis.util.gen_name("seglib")
    if engine.name != "postgres":
        return engine.create_table(name, expression, temp=True)
    query = ibis.to_sql(plain(expression), dialect="postgres")
    try:
        engine.con.execute(f'CREATE TEMPORARY TABLE "{name}" AS {query}')
        engine.con.execute(f'ANALYZE "{name}"')
    except Exception as error:
        if type(error).__name__ not in {"InsufficientPrivilege", "ReadOnlySqlTransaction"}:
            raise
        raise StudyError(
            "the database does not let its user make temporary tables, in which sums are kept on "
            "the server: grant TEMPORARY on the database, or use a server that is not a replica"
        ) from None
    return plain(engine.table(name))


def bring(table: ir.Table, home: ibis.BaseBackend) -> ir.Table:
    """Return a table on the engine `home`, copied there for the life of the connection if need be.

    Only what the expression selects is copied.
    """
    if ibis.get_backend(table) is home:
        return table
    copied = home.create_table(
        ibis.util.gen_name("seglib"), ibis.memtable(table.to_pyarrow()), temp=True
    )
    return plain(copied) if home.name == "postgres" else copied
