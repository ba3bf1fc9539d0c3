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
        "segmentation": {"k_max": 5},
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


def dairy():
    """Return a third of the shop, which sells dairy products, as one segment."""
    tables, study = shop_tables(), shop_study()
    some = tables["customers"]["client"][::3]
    kept = {name: tables[name] for name in ("transactions", "customers")}
    kept = {name: table[table["client"].isin(some)] for name, table in kept.items()}
    products = tables["products"].replace({"department": {"Bakery": "Dairy"}})
    study["tables"] = {name: study["tables"][name] for name in (*kept, "products")}
    study["segmentation"] = {
        "bases": ["behavioural", "needs"],
        "features": ["recency", "orders", "basket_value", "share_dairy"],
        "k": 1,
        "k_max": 3,
    }
    return kept | {"products": products}, study


USERS = {
    # name: (users, days a week, features at hand, chance to be still there)
    "daily": (50, 5.0, 8, 1.0),
    "weekly": (60, 1.2, 4, 0.9),
    "gone": (50, 2.5, 3, 0.1),
}
ACTIONS = ("search", "edit", "share", "export", "comment", "invite", "chart", "print")


def log_tables(seed=1):
    """Return half a year of events of users who work daily, weekly, or have left."""
    rng = np.random.default_rng(seed)
    rows, user = [], 0
    for count, rate, known, stays in USERS.values():
        for _ in range(count):
            user += 1
            first = int(rng.integers(0, 60))
            last = 240 if rng.random() < stays else first + int(rng.integers(15, 45))
            for day in range(first, last):
                if day > first and rng.random() > rate / 7:
                    continue
                clock = datetime(2024, 1, 1) + timedelta(days=day, hours=int(rng.integers(8, 20)))
                for _ in range(1 + rng.poisson(3)):
                    rows.append((user, clock, ACTIONS[rng.integers(known)]))
                    clock += timedelta(minutes=int(rng.choice([1, 5, 12, 45])))
    return {"transactions": pd.DataFrame(rows, columns=["user", "at", "what"])}


def log_study():
    """Return the study.yaml of the usage log as a mapping."""
    source = {"source": "raw/transactions.parquet"}
    return {
        "title": "A drawing tool",
        "objective": "Help more people to make it a habit",
        "customer": "user",
        "as_of": "2024-07-01",
        "holdout": "56 days",
        "seed": 5,
        "tables": {
            "transactions": source
            | {"columns": {"customer": "user", "time": "at", "event": "what"}},
        },
        "segmentation": {"k_max": 3},
    }


def even_tables(seed=6):
    """Return the answers of 240 persons who form no groups."""
    rng = np.random.default_rng(seed)
    answers = rng.normal(50, 10, (240, 3)) + rng.normal(0, 4, (240, 1))
    table = pd.DataFrame(answers.round(1), columns=["calm", "keen", "thrifty"])
    table.insert(0, "person", [f"P{i:03d}" for i in range(240)])
    return {"survey": table}


def even_study():
    """Return the study.yaml of the persons without groups as a mapping."""
    item = {"kind": "numeric", "base": "psychographic"}
    return {
        "title": "Answers without groups",
        "objective": "Speak to each kind of person in words that suit them",
        "customer": "person",
        "as_of": "2024-01-01",
        "seed": 5,
        "tables": {
            "survey": {
                "source": "raw/survey.parquet",
                "columns": {"customer": "person"},
                "attributes": {
                    name: item | {"label": name.capitalize()}
                    for name in ("calm", "keen", "thrifty")
                },
            },
        },
        "segmentation": {"bases": ["psychographic"], "k_max": 3},
    }


MAILINGS = {
    # name: (day, share of the control that is still in the file)
    "sound": (datetime(2024, 7, 3), 1.0),
    "lopsided": (datetime(2024, 7, 3), 0.4),
    "early": (datetime(2024, 5, 1), 1.0),
}


def trial_tables(seed=2):
    """Return orders, and three randomised mailings after which the treated of each spend more.

    One is sound; most of the control of one are lost; one began before the segments are formed.
    Sixty who bought often stop on the first of May.
    """
    rng = np.random.default_rng(seed)
    people = np.array([f"C{i:03d}" for i in range(360)])
    arms, bought = {}, []
    for name in MAILINGS:
        arms[name] = dict(zip(people, rng.permutation(["letter", "none"] * 180), strict=True))
    for i, person in enumerate(people):
        days = 121 if i % 3 == 1 and i < 180 else 240
        for _ in range(rng.poisson((30 if i % 3 else 8) * days / 240)):
            when = datetime(2024, 1, 1) + timedelta(days=int(rng.integers(days)), hours=12)
            treated = any(
                arm[person] == "letter" and when >= MAILINGS[name][0] for name, arm in arms.items()
            )
            bought.append((person, when, round(rng.gamma(8, 3) * (1.5 if treated else 1), 2)))
    sent = [
        (person, name, day, arms[name][person])
        for name, (day, kept) in MAILINGS.items()
        for person in people
        if arms[name][person] == "letter" or rng.random() < kept
    ]
    return {
        "transactions": pd.DataFrame(bought, columns=["person", "at", "paid"]),
        "campaigns": pd.DataFrame(sent, columns=["person", "mailing", "day", "arm"]),
    }


def trial_study():
    """Return the study.yaml of the mailings as a mapping."""
    return {
        "title": "Three mailings",
        "objective": "Learn whom a letter moves",
        "as_of": "2024-07-01",
        "holdout": "56 days",
        "seed": 4,
        "tables": {
            "transactions": {
                "source": "raw/transactions.parquet",
                "columns": {"customer": "person", "time": "at", "amount": "paid"},
            },
            "campaigns": {
                "source": "raw/campaigns.parquet",
                "columns": {
                    "customer": "person", "campaign": "mailing", "start": "day", "arm": "arm",
                },
                "randomised": True,
                "control": "none",
            },
        },
        "segmentation": {"features": ["recency", "orders", "basket_value"], "k": 2, "k_max": 3},
    }  # fmt: skip
