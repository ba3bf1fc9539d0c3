"""The rule: points 14 (segments.sql equals Python) and 21 (PostgreSQL equals files)."""

import duckdb
import ibis
import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import server
import worlds

STUDIES = ["shop", "club", "telco_churn"]  # numbers; a plan; yes or no


@pytest.fixture(scope="module")
def address():
    with server.cluster() as url:
        yield url


def by_duckdb(rule, table):
    """Return the segment of each customer of a table by SQL on DuckDB."""
    connection = duckdb.connect()
    connection.register("customers", table)
    return connection.execute(rule).df().set_index("customer")["segment"].sort_index()


def by_postgres(rule, table, address):
    """Return the segment of each customer of a table by SQL on PostgreSQL."""
    engine = ibis.postgres.from_connection(psycopg.connect(address, autocommit=True))
    engine.raw_sql("DROP TABLE IF EXISTS customers")
    engine.create_table("customers", ibis.memtable(table))
    rows = engine.raw_sql(rule).fetchall()
    engine.disconnect()
    return (
        pd.DataFrame(rows, columns=["customer", "segment"])
        .set_index("customer")["segment"]
        .sort_index()
    )


def plain(frame):
    """Return a frame as an Arrow table with the key as a column and categories as text."""
    text = {name: object for name in frame.select_dtypes("category")}
    return pa.Table.from_pandas(frame.astype(text).reset_index(), preserve_index=False)


@pytest.mark.point(14)
@pytest.mark.parametrize("name", STUDIES)
def test_the_sql_gives_the_segments_of_the_run_on_both_engines(finished, address, name):
    run = finished(name)
    rule, table = (run.files / "segments.sql").read_text(), plain(run.frame("customers.parquet"))
    wanted = run.frame("segments.parquet")["segment"].sort_index()
    assert wanted.nunique() > 1
    for found in (by_duckdb(rule, table), by_postgres(rule, table, address)):
        assert list(found.index) == list(wanted.index)
        assert (found.to_numpy() == wanted.to_numpy()).all()


def near_borders(rule, frame, labels):
    """Return rows as near to a border between two segments as numbers allow, and a little off."""
    rng, rows = np.random.default_rng(1), []
    for _ in range(12):
        one, other = (
            frame[labels == s].iloc[rng.integers((labels == s).sum())].to_numpy()
            for s in rng.choice(labels.unique(), 2, replace=False)
        )
        low, high = 0.0, 1.0
        for _ in range(5):  # each time between two neighbours of 500 points on the way
            steps = np.linspace(low, high, 500)
            way = pd.DataFrame(one + np.outer(steps, other - one), columns=list(frame))
            found = by_duckdb(rule, plain(way.rename_axis("customer"))).to_numpy()
            border = np.flatnonzero(found != found[0])[0]
            low, high = steps[border - 1], steps[border]
        off = np.concatenate([[0], *[(s * 10.0**e,) for e in range(-15, -2) for s in (1, -1)]])
        rows.append(one + np.outer(high + off, other - one))
    return pd.DataFrame(np.concatenate(rows), columns=list(frame))


def spoilt(frame, rng):
    """Return the same rows with values that are missing, no numbers, infinite or far out."""
    new = frame.copy()
    for i, odd in enumerate([np.nan, np.inf, -np.inf, 1e300, -1e9, 0.0]):
        place = rng.random(new.shape) < 0.05
        place[:, i % new.shape[1]] = False  # a row keeps one value at least
        new = new.mask(place, odd)
    return new


@pytest.mark.point(14)
def test_ties_nan_and_infinity_have_the_same_segment_in_sql_and_by_score(
    shop, call, address, tmp_path
):
    rule, labels = (shop.files / "segments.sql").read_text(), shop.frame("segments.parquet")
    columns = shop.json("verdict.json")["columns"]
    frame = shop.frame("customers.parquet")[columns].astype(float).dropna()
    tied = near_borders(rule, frame, labels["segment"].loc[frame.index])
    odd = spoilt(frame, np.random.default_rng(2))
    every = pd.concat([tied, odd], ignore_index=True).rename_axis("customer").reset_index()
    kept = {name: pa.array(every[name].to_numpy(), from_pandas=False) for name in every}
    table = pa.table(kept)  # holds NaN as NaN, not as missing
    pq.write_table(table, tmp_path / "new.parquet")
    done = call("score", shop.files, tmp_path / "new.parquet", "-o", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    wanted = pd.read_csv(tmp_path / "out.csv").set_index("customer")["segment"].sort_index()
    assert wanted.nunique() > 1 and wanted.notna().all()
    for found in (by_duckdb(rule, table), by_postgres(rule, table, address)):
        assert (found.to_numpy() == wanted.to_numpy()).all()


@pytest.mark.point(21)
def test_postgres_and_files_give_the_same_segments(shop, notebook, address, tmp_path):
    server.fill(address, worlds.shop_tables(), "crm")
    study, files = worlds.shop_study(), tmp_path / "files"
    for name, table in study["tables"].items():
        table["source"] = f"${{SHOP_DATABASE}}#crm.{name}"
    path = worlds.write_shop(tmp_path, tables={}, study=study)
    for name in ("01_data_collection", "03_clustering"):
        notebook(name, path, files, env={"SHOP_DATABASE": address})
    here, there = (pd.read_parquet(f / "segments.parquet") for f in (shop.files, files))
    assert here["segment"].nunique() > 1
    pd.testing.assert_series_equal(here["segment"], there["segment"])
    one, other = (pd.read_parquet(f / "customers.parquet") for f in (shop.files, files))
    pd.testing.assert_frame_equal(one, other, rtol=1e-9, atol=1e-12)
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert [f for f in written if server.PASSWORD.encode() in f.read_bytes()] == []
