"""Runs made without notebooks: of the small shop, and of customers at two dates."""

from datetime import date
from typing import NamedTuple

import duckdb
import pandas as pd
import planted

from seglib import clustering, runs, study
from seglib.collection import activity, audit, features, tables
from seglib.collection.attributes import row as entry


class Known(NamedTuple):
    """What the engine holds of a study before a date, its clean tables, and the checks."""

    facts: object
    clean: dict
    checks: list


def known(path, as_of=None):
    """Return what is known of a study, at its own cut-off date or at another."""
    loaded = study.load(path)
    day = date.fromisoformat(as_of) if as_of else loaded.as_of
    clean, checks = audit.audit(loaded, tables.open_tables(loaded), day)
    return Known(activity.facts(loaded, clean, day), clean, checks)


def shop_run(path, k=3, as_of=None):
    """Return a run of the shop with the files of 01 and plain segments."""
    run = runs.open_run(path, as_of=str(as_of or ""))
    facts, clean, _ = known(path, run.as_of.isoformat())
    people = features.customers(facts)
    features.write(run, facts, clean, people, None)
    customers = people[0]
    frame = customers[["orders", "spend", "basket_items", "evening_share"]]
    model = clustering.SegmentModel(n_segments=k, random_state=1).fit(frame).to_dict()
    run.write("model.json", model)
    run.write("segments.parquet", clustering.assign(model, frame))
    return run


DAYS = date(2024, 4, 1), date(2024, 7, 1)


def two_runs(folder, frames, k=3, verdicts=None, **keys):
    """Return the later of two runs of a study of customers, with one rule at both dates."""
    run, model = None, None
    for i, (day, frame) in enumerate(zip(DAYS, frames, strict=True)):
        run = runs.Run(planted.study(folder, as_of=day, **keys), day, folder / str(day), 7)
        fresh = clustering.SegmentModel(n_segments=k, random_state=1)
        model = model or fresh.fit(frame).to_dict()
        run.write("customers.parquet", frame)
        run.write("model.json", model)
        run.write("segments.parquet", clustering.assign(model, frame))
        run.write("verdict.json", verdict(k) | (verdicts or [{}, {}])[i])
        run.write("dictionary.json", {"customers": [
            entry(name, name.capitalize(), "behavioural") for name in frame
        ]})  # fmt: skip
    return run


def verdict(k=3, kind="constructive", useful=True):
    """Return what later notebooks read of a verdict."""
    row = {"outcome": "spend", "metric": "R²", "useful": useful,
           "segments": {"value": 0.3, "low": 0.25, "high": 0.35}}  # fmt: skip
    return {
        "kind": kind, "k": k, "headline": f"The {k} segments are a cut we make.", "evidence": [],
        "agreement": {"value": 0.8, "low": 0.7, "high": 0.9, "kept": 0.85},
        "ambiguous": {"share": 0.1, "threshold": 0.6},
        "usefulness": {"useful": useful, "outcomes": [row]},
    }  # fmt: skip


def by_sql(model, frame):
    """Return the segments of a frame's rows by the SQL of a model."""
    table = frame.assign(customer=range(len(frame)))
    for name in table.columns:
        if isinstance(table[name].dtype, pd.CategoricalDtype):
            table[name] = table[name].astype(object)
    connection = duckdb.connect()
    connection.register("customers", table)
    answer = connection.execute(clustering.to_sql(model, "customers", "customer")).df()
    return answer.set_index("customer").sort_index()["segment"].to_numpy()
