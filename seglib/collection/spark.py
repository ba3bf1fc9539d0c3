"""Spark as an engine: a session in UTC, exact results as Arrow, tables kept in its memory or disk.

Everything in which Spark differs from DuckDB and PostgreSQL is here or in `databases.local_time`.
"""

from __future__ import annotations

import re
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pyspark.sql.functions as F
from ibis.backends.pyspark import Backend
from ibis.formats.pandas import PandasData
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.legacy.parquet.nanosAsLong": "true",  # see `read_parquet`
    # Tables that are kept get as many parts as their size asks for: of 200 parts each, as Spark
    # has it, every later question would write 200 times 200 pieces.
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


class Spark(Backend):
    """Ibis' backend for PySpark, with results by way of Arrow and tables that are kept."""

    def to_pyarrow(self, expr, /, **_):
        """Return a result with the types of the expression, times without a zone as such."""
        table = expr.as_table()
        rows = self._frame(table).toArrow().cast(table.schema().to_pyarrow())
        return expr.__pyarrow_result__(rows)

    def execute(self, expr, /, **_):
        """Return a result as pandas holds it."""
        table = expr.as_table()
        frame = self.to_pyarrow(table).to_pandas()
        return expr.__pandas_result__(PandasData.convert_table(frame, table.schema()))

    def to_parquet(self, expr, /, path, *, params=None, **options):
        """Write a result as one file on this machine."""
        pq.write_table(self.to_pyarrow(expr), path, **options)

    def create_table(self, name, /, obj=None, **_):
        """Keep a table for the life of the session, in memory or, where that is full, on disk."""
        table = obj if isinstance(obj, ibis.Table) else ibis.memtable(obj)
        self._frame(table).persist(StorageLevel.MEMORY_AND_DISK).createTempView(name)
        return self.table(name)

    def read_parquet(self, path, /, **_):
        """Return a Parquet file as a table; Spark has no times in nanoseconds but their number."""
        fields = pq.read_schema(path) if Path(path).is_file() else ()  # or it is no Parquet file
        plain = re.sub(r"([\\*?{}\[\]])", r"\\\1", str(path))  # Spark would take these for a glob
        name, frame = ibis.util.gen_name("seglib"), self._session.read.parquet(plain)
        numbers = {each for each, kind in frame.dtypes if kind == "bigint"}
        times = [f.name for f in fields if f.name in numbers and pa.types.is_timestamp(f.type)]
        micros = {n: F.expr(f"timestamp_micros(`{n}` div 1000)") for n in times}
        frame.withColumns(micros).createTempView(name)
        return self.table(name)

    def _frame(self, table) -> DataFrame:
        self._run_pre_execute_hooks(table)
        frame, schema = self._session.sql(self.compile(table)), table.schema()
        plain = [n for n, kind in schema.items() if kind.is_timestamp() and not kind.timezone]
        return frame.withColumns({n: F.col(f"`{n}`").cast("timestamp_ntz") for n in plain})

    def _register_in_memory_table(self, op):
        rows = op.data.to_pyarrow(op.schema)
        self._session.createDataFrame(rows).createOrReplaceTempView(op.name)


def connect(address: str = "") -> Spark:
    """Return a session on a cluster or on this machine; one a process, as Spark has it."""
    builder = SparkSession.builder.appName("seglib").master(address or "local[*]")
    session, engine = builder.config(map=SETTINGS).getOrCreate(), Spark()
    context, parts = session.sparkContext, "spark.sql.shuffle.partitions"
    if context.master.startswith("local") and session.conf.get(parts) == "200":  # for clusters
        session.conf.set(parts, context.defaultParallelism)
    engine.register_options()
    engine.do_connect(session)
    return engine
