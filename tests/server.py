"""A PostgreSQL server of the tests' own: a fresh cluster on a free port of the loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import ibis
import psycopg
import pytest

# Debian 12 and later: a server that sorts as people do, unlike files and DuckDB
SORTING = ("--locale-provider", "icu", "--icu-locale", "en-US")
USER, PASSWORD = "shopkeeper", "s3cret-Word"


def _programs():
    """Return the folder of initdb and pg_ctl, the newest of Debian's, or None."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    places = [Path(found).resolve()] if found else debian
    return places[-1].parent if places else None


def _run(*words, **options):
    """Run a program of the server; as root, which it refuses, as its own user."""
    as_root = os.name == "posix" and os.geteuid() == 0
    words = ["runuser", "-u", "postgres", "--", *words] if as_root else words
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr


def free_port():
    """Return a port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fill(url, tables, schema="public"):
    """Write frames as tables of a schema, which is made if it is not there."""
    engine = ibis.postgres.from_connection(psycopg.connect(url, autocommit=True))
    engine.raw_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    for name, frame in tables.items():
        engine.create_table(name, ibis.memtable(frame), database=schema)
    engine.disconnect()


@contextmanager
def cluster():
    """Yield the address of a running server; it and its data are gone afterwards."""
    programs = _programs()
    if programs is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no PostgreSQL server: apt-get install postgresql")
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="seglib-pg-", ignore_cleanup_errors=True) as folder:
        place, word = Path(folder) / "data", Path(folder) / "word"
        word.write_text(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
            shutil.chown(word, "postgres")
        _run(
            programs / "initdb", "-D", place, "-U", USER, "--pwfile", word, "-A", "scram-sha-256",
            "-E", "UTF8", "--locale", "C.UTF-8", "-N", *SORTING, cwd="/",
        )  # fmt: skip
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        start = ["-D", place, "-w", "-o", settings, "-l", Path(folder) / "log"]
        _run(programs / "pg_ctl", *start, "start", cwd="/", stdin=subprocess.DEVNULL)
        try:
            yield f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            _run(programs / "pg_ctl", "-D", place, "-w", "-m", "immediate", "stop", cwd="/")
