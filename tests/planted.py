"""Runs with known answers: customers whose segments have traits that were put there."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from seglib.collection.attributes import row as entry
from seglib.personas import claims, personas, playbook
from seglib.personas.evidence import Evidence
from seglib.runs import Run
from seglib.study import Study

SEGMENTS = {1: 260, 2: 300, 3: 340}
SHIFTS = {  # feature → shift of each segment, in standard deviations; nothing for what is chance
    "orders": {1: 1.6, 3: -0.8},
    "basket_value": {2: 1.5},
    "evening_share": {3: 1.4},
    "weekend_share": {},
}
LEVELS = {  # descriptor → chance of "yes" in each segment
    "member": {1: 0.75, 2: 0.35, 3: 0.35},
    "coin": {1: 0.5, 2: 0.5, 3: 0.5},
}
AGES = ["young", "middle", "old"]
SCALE = {"orders": (30, 6), "basket_value": (40, 8), "evening_share": (0.4, 0.07),
         "weekend_share": (0.3, 0.06)}  # fmt: skip


def study(folder: Path, **keys) -> Study:
    """Return a study of customers only."""
    raw = {"title": "Planted", "objective": "Find what was planted", "as_of": "2024-07-01",
           "holdout": 91, "currency": "$", "path": folder / "study.yaml",
           "tables": {"customers": {"source": "x.csv", "columns": {"customer": "id"}}}}  # fmt: skip
    return Study.model_validate(raw | keys)


def customers(seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Return one row per customer with planted traits, and the segment of each."""
    rng = np.random.default_rng(seed)
    n = sum(SEGMENTS.values())
    labels = np.repeat(list(SEGMENTS), list(SEGMENTS.values()))
    columns = {}
    for name, shift in SHIFTS.items():
        middle, scale = SCALE[name]
        moved = np.array([shift.get(s, 0.0) for s in labels])
        columns[name] = middle + scale * (moved + rng.normal(size=n))
    for name, chance in LEVELS.items():
        yes = rng.random(n) < np.array([chance[s] for s in labels])
        columns[name] = pd.Categorical(np.where(yes, "yes", "no"))
    older = rng.normal(size=n) + np.where(labels == 2, 0.8, 0.0)
    columns["age"] = pd.cut(older, [-9, -0.5, 0.7, 9], labels=AGES)
    index = pd.Index(np.arange(90_000, 90_000 + n), name="customer")
    frame = pd.DataFrame(columns, index=index)
    frame.loc[rng.random(n) < 0.3, ["member", "coin", "age"]] = np.nan
    return frame, pd.Series(labels, index=index, name="segment")


def run(folder: Path, seed: int = 0, labels: pd.Series | None = None, **keys) -> Run:
    """Write the files of a run that 04 needs, with no table but the customers'."""
    frame, planted = customers(seed)
    labels = planted if labels is None else labels
    made = Run(study(folder, **keys), pd.Timestamp("2024-07-01").date(), folder, 7)
    lines = [entry(name, name.replace("_", " ").capitalize(), "behavioural",
                   unit="share" if name.endswith("share") else "") for name in SHIFTS]  # fmt: skip
    lines += [entry(name, name.capitalize(), "demographic", kind="nominal") for name in LEVELS]
    lines += [entry("age", "Age", "demographic", kind="ordered", levels=AGES)]
    members = pd.DataFrame({"segment": labels, "probability": 0.9, "runner_up": 1, "margin": 0.8})
    made.write("customers.parquet", frame)
    made.write("dictionary.json", {"customers": lines, "products": []})
    made.write("segments.parquet", members)
    made.write("verdict.json", {
        "headline": "Three planted segments.", "columns": list(SHIFTS), "k": int(labels.nunique()),
        "kind": "reproducible" if labels.nunique() > 1 else "none",
        "segments": [{"segment": int(s), "n": int(n), "jaccard": 0.9, "stable": "highly stable"}
                     for s, n in labels.value_counts().sort_index().items()],
    })  # fmt: skip
    return made


def add_purchases(made: Run, seed: int = 0) -> Run:
    """Add spend, what was bought, months and campaigns; segment 1 loves tea and is worth most.

    Of 36 products, the second dozen is bought by two in three customers, whoever they are.
    """
    rng = np.random.default_rng(seed)
    labels = made.read("segments.parquet")["segment"]
    worth = _by(labels, {1: 900.0, 2: 400.0, 3: 250.0}) * rng.lognormal(0, 0.3, len(labels))
    products = [f"thing {i}" for i in range(35)] + ["tea"]
    rows = []
    for customer, segment, spend in zip(labels.index, labels, worth, strict=True):
        parts = rng.gamma(1.0, size=36) * np.where(np.arange(36) == 35, 6 if segment == 1 else 2, 1)
        parts[12:24] *= rng.random() < 2 / 3
        parts *= spend / parts.sum()
        rows += [(customer, p, part, 1) for p, part in zip(products, parts, strict=True) if part]
    bought = pd.DataFrame(rows, columns=["customer", "product", "amount", "orders"])
    made.write("purchases.parquet", bought)
    frame = made.read("customers.parquet").assign(spend=worth)
    made.write("customers.parquet", frame)
    lines = made.read("dictionary.json")
    lines["customers"].append(entry("spend", "Spend", "behavioural", unit="$"))
    made.write("dictionary.json", lines)
    months = pd.date_range("2023-12-01", "2024-08-01", freq="MS")
    spent = np.outer(worth / 9, np.ones(len(months))) * rng.lognormal(0, 0.3, (len(worth), 9))
    wide = pd.DataFrame(spent, index=labels.index, columns=months)
    wide.loc[labels == 3, months[months >= "2024-04-01"]] *= 0.5  # segment 3 falls away
    long = wide.rename_axis("customer").reset_index().melt("customer", var_name="month",
                                                           value_name="spend")  # fmt: skip
    made.write("monthly.parquet", long.assign(orders=1, discount=0.0))
    sent = labels.index[rng.random(len(labels)) < _by(labels, {1: 0.2, 2: 0.8, 3: 0.8})]
    answered = rng.random(len(sent)) < _by(labels[sent], {1: 0.5, 2: 0.5, 3: 0.15})
    made.write("campaigns.parquet", pd.DataFrame({
        "customer": sent, "campaign": 1, "start": pd.Timestamp("2024-05-01"),
        "first_response": pd.to_datetime(np.where(answered, "2024-05-09", "NaT")),
        "redeemed": answered, "redemptions": answered.astype(int),
    }))  # fmt: skip
    return add_products(made, products, rng)


def add_products(made: Run, products: list[str], rng) -> Run:
    """Add three product segments of a dozen: the first bought by many, the last in its season."""
    index = pd.Index(products, name="product")
    third = np.repeat([1, 2, 3], 12)
    goods = {"penetration": 0.3 + 0.3 * (third == 1), "repeat_rate": 0.3 + 0.3 * (third == 1),
             "seasonality": 0.2 + 0.5 * (third == 3), "own_label_share": np.full(36, 0.4),
             "orders_per_buyer": np.full(36, 3.0), "spend_per_buyer": np.full(36, 20)}  # fmt: skip
    frame = pd.DataFrame({k: v * rng.uniform(0.8, 1.2, 36) for k, v in goods.items()}, index=index)
    made.write("products.parquet", frame)
    lines = made.read("dictionary.json")
    lines["products"] = [entry(name, name.replace("_", " ").capitalize(), "product",
                               unit="share" if name.endswith(("share", "rate")) else "")
                         for name in goods]  # fmt: skip
    made.write("dictionary.json", lines)
    made.write("product_verdict.json", {"columns": list(goods), "kind": "reproducible"})
    made.write("product_segments.parquet",
               pd.DataFrame({"segment": third, "probability": 1.0}, index=index))  # fmt: skip
    return made


def with_column(made: Run, name, values, base="behavioural", unit="", label="") -> Run:
    """Add a column that helps to form the segments."""
    made.write("customers.parquet", made.read("customers.parquet").assign(**{name: values}))
    lines = made.read("dictionary.json")
    lines["customers"].append(entry(name, label or name, base, unit=unit))
    made.write("dictionary.json", lines)
    verdict = made.read("verdict.json")
    made.write("verdict.json", verdict | {"columns": [*verdict["columns"], name]})
    return made


def finished(made: Run) -> tuple:
    """Return evidence, claims, personas and playbook of a run, and write them as 04 does."""
    ev = Evidence(made)
    found = claims.claims(ev)
    people, book = personas.personas(ev, found), playbook.build(ev, found)
    for name, what in (("claims", found), ("personas", people), ("playbook", book)):
        made.write(f"{name}.json", what)
    return ev, found, people, book


@cache
def full() -> tuple:
    """Return what `finished` returns of a run with every table; made once, not to be changed."""
    return finished(add_purchases(run(Path(tempfile.mkdtemp()), 1)))


def _by(labels: pd.Series, values: dict[int, float]) -> np.ndarray:
    """Return a value for each customer by segment; those of other segments get the third."""
    return labels.map(values).fillna(values[3]).to_numpy()
