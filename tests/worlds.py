"""Studies with a planted answer, made without anything of seglib."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import yaml

START = datetime(2023, 1, 1)
GROUPS = {
    # name: (customers, orders a month, lines an order, evening, department weights)
    "daily": (60, 9.0, 3, 0.8, (0.7, 0.2, 0.1)),
    "weekly": (80, 3.5, 10, 0.2, (0.3, 0.6, 0.1)),
    "rare": (60, 1.2, 2, 0.5, (0.1, 0.2, 0.7)),
}
DEPARTMENTS = ("Bakery", "Groceries", "Gifts")


def shop_tables(seed=1):
    """Return the tables of a shop over 300 days with three groups of customers."""
    rng = np.random.default_rng(seed)
    products = pd.DataFrame(
        {
            "sku": range(60),
            "category": [f"category {i // 3:02d}" for i in range(60)],
            "department": [DEPARTMENTS[i // 20] for i in range(60)],
            "brand": ["Own" if i % 4 == 0 else "Other" for i in range(60)],
        }
    )
    price = 1 + (np.arange(60) % 7)
    rows, people, customer, order = [], [], 0, 0
    for name, (count, rate, lines, evening, weights) in GROUPS.items():
        for _ in range(count):
            customer += 1
            people.append((customer, name, rng.choice(["young", "middle", "old"])))
            for _ in range(rng.poisson(rate * 10)):
                order += 1
                hour = 18 if rng.random() < evening else 10
                when = START + timedelta(days=int(rng.integers(300)), hours=hour)
                for _ in range(1 + rng.poisson(lines)):
                    item = 20 * rng.choice(3, p=weights) + int(rng.integers(20))
                    saved = 0.5 * (rng.random() < 0.2)
                    rows.append((customer, order, item, when, price[item] - saved, 1, saved))
    transactions = pd.DataFrame(
        rows, columns=["client", "ticket", "sku", "at", "paid", "units", "saved"]
    )
    customers = pd.DataFrame(people, columns=["client", "truth", "age"])
    customers.loc[rng.random(len(customers)) < 0.3, "age"] = None
    sent = pd.DataFrame(
        [(c, 1, datetime(2023, 6, 1)) for c in range(1, 120)]
        + [(c, 2, datetime(2023, 9, 15)) for c in range(60, 190)],
        columns=["client", "mailing", "day"],
    )
    answered = sent.sample(frac=0.3, random_state=1).assign(
        at=lambda frame: frame["day"] + timedelta(days=5)
    )
    return {
        "transactions": transactions,
        "customers": customers,
        "products": products,
        "campaigns": sent,
        "responses": answered[["client", "mailing", "at"]],
    }


def shop_study():
    """Return the study.yaml of the shop as a mapping."""
    return {
        "title": "A small shop",
        "objective": "Sell more to those who come already",
        "as_of": "2023-08-01",
        "holdout": "60 days",
        "seed": 7,
        "tables": {
            "transactions": {
                "source": "raw/transactions.parquet",
                "columns": {
                    "customer": "client", "order": "ticket", "product": "sku", "time": "at",
                    "amount": "paid", "quantity": "units", "discount": "saved",
                },
            },
            "customers": {
                "source": "raw/customers.parquet",
                "columns": {"customer": "client"},
                "attributes": {
                    "age": {"label": "Age", "kind": "ordered", "levels": ["young", "middle", "old"]}
                },
            },
            "products": {
                "source": "raw/products.parquet",
                "columns": {
                    "product": "sku", "level": "category", "group": "department", "brand": "brand",
                },
                "own_label": "Own",
            },
            "campaigns": {
                "source": "raw/campaigns.parquet",
                "columns": {"customer": "client", "campaign": "mailing", "start": "day"},
            },
            "responses": {
                "source": "raw/responses.parquet",
                "columns": {"customer": "client", "campaign": "mailing", "time": "at"},
            },
        },
        "economics": {"margin": 0.3, "cost_per_customer": 0.5},
    }  # fmt: skip


def write_study(folder, name, tables, study):
    """Write a study and its tables below a folder and return the path of its study.yaml."""
    raw = folder / "data" / name / "raw"
    raw.mkdir(parents=True)
    for role, table in tables.items():
        table.to_parquet(raw / f"{role}.parquet")
    path = raw.parent / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def write_shop(folder, tables=None, study=None):
    """Write a shop below a folder and return the path of its study.yaml."""
    tables = shop_tables() if tables is None else tables
    return write_study(folder, "shop", tables, study or shop_study())


def club_tables(seed=3):
    """Return eighty members of a club, listed once each, with two planted groups."""
    rng = np.random.default_rng(seed)
    often = np.arange(80) % 2 == 1
    plan = np.where(often, "gold", np.where(rng.random(80) < 0.5, "silver", "none"))
    columns = {
        "member": [f"M{number:03d}" for number in range(80)],
        "visits": rng.poisson(np.where(often, 40, 6)),
        "fee": rng.gamma(9, np.where(often, 6, 2)).round(2),
        "plan": plan,
    }
    return {"customers": pd.DataFrame(columns)}


def club_study():
    """Return the study.yaml of the club as a mapping."""
    return {
        "title": "A club",
        "objective": "Win the others for the gold plan",
        "customer": "member",
        "as_of": "2023-08-01",
        "seed": 7,
        "tables": {
            "customers": {
                "source": "raw/customers.parquet",
                "columns": {"customer": "member"},
                "attributes": {
                    "visits": {"label": "Visits a year", "kind": "numeric", "base": "plan"},
                    "fee": {"label": "Monthly fee", "kind": "numeric", "base": "plan"},
                    "plan": {"label": "Plan", "kind": "nominal", "base": "plan"},
                },
            },
        },
        "segmentation": {"bases": ["plan"], "k_max": 3},
    }
