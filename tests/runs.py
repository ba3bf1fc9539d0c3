"""A run of the small shop, made without notebooks."""

from seglib import cluster, collect, files, quality, tables
from seglib.cluster import encode, fit


def shop_run(path, k=3, as_of=None):
    """Return a run of the shop with the files of 01 and plain segments."""
    run = files.open_run(path, as_of=str(as_of or ""))
    clean, _ = quality.inspect(run.study, tables.open_tables(run.study), run.as_of)
    known = collect.facts(run.study, clean, run.as_of)
    people = collect.customers(known)
    collect.write(run, known, people, None)
    customers = people[0]
    frame = customers[["orders", "spend", "basket_items", "evening_share"]]
    rules, _ = encode.learn(frame)
    fitted = fit.fit("kmeans", encode.matrix(rules, frame), k, seed=1, restarts=5)
    model = {"version": 1, "method": "kmeans", "k": k, "columns": rules, "parameters": fitted}
    run.write("model.json", model)
    run.write("segments.parquet", cluster.assign(model, frame))
    return run
