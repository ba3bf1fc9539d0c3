"""A shop whose tables hold persons, formulas, markup and rows that cannot be used.

Ids, numbers and words are such that they stand nowhere by chance, so a search of all that a run
wrote tells what got through.
"""

import pandas as pd
import worlds

MINIMUM = 30  # customers; one planted group has 20
GONE = range(161, 201)  # customers of the shop that are left out, so that one group is small
FORMULA = "=cmd|'/c calc'!A1"
ID = r"cust-\d{4}-x"
GROUP = "Gifts <b onclick=alert(1)>bold</b> **loud** [tap](javascript:alert(2))"

PERSONAL = {  # column → (what is planted, a word of the reason that is said)
    "contact": (r"Quimby", "name"),
    "mail": (r"zaphodmail", "mail"),
    "reach": (r"55501\d\d", "telephone"),
    "place": (r"Elm Street", "address"),
    "note": (r"3704 ?0044", "account"),
    "why": (r"my doctor", "text"),
    "other": (r"zed@zaphodmail|555-0142", "mail|telephone"),
    "category": (r"voucher of", "mail"),
    "brand": (r"12 Elm Street", "address"),
}
UNSEEN = {  # where → (what is planted, what should be said of it on the terminal)
    "an e-mail as a column's name": (r"eve@zaphodpost\.com", r"mail"),
    "an e-mail as a file's name": (r"bob@zaphodfile\.com", r"mail"),
    "an e-mail in words": (r"zaphodword dot com", r"hint\b.*mail"),
    "a person as a campaign's type": (r"Anna Becker", r"type\b.*name"),
    "telephones of ten digits": (r"21255502\d\d", r"line\b.*telephone"),
}
ROWS = {  # rows of transactions that make no features, and how many are planted
    "no customer": 11, "no time": 12, "no amount": 13, "far": 14, "test account": 15,
}  # fmt: skip
FIRST = ["Anna", "John", "Maria", "Liam", "Emma", "Peter", "Julia", "Robert"]


def tables():
    """Return the tables by role."""
    shop = worlds.shop_tables()
    for name, table in shop.items():
        if "client" in table:
            kept = table[~table["client"].isin(GONE)].reset_index(drop=True)
            kept["client"] = kept["client"].map("cust-{:04d}-x".format)
            shop[name] = kept.replace({"client": {"cust-0005-x": FORMULA}})
    people, n = shop["customers"], len(shop["customers"])
    people["contact"] = [f"{FIRST[i % 8]} {['Smith', 'Quimby', 'Brown'][i % 3]}" for i in range(n)]
    people["mail"] = [f"p{i}@zaphodmail.com" for i in range(n)]
    people["reach"] = [f"+1 212 55501{i % 100:02d}" for i in range(n)]
    people["place"] = [f"{i} Elm Street" for i in range(n)]
    people["note"] = "none"
    people.loc[7, "note"] = "pays from DE89 3704 0044 0532 0130 00"
    people["eve@zaphodpost.com"] = ["yes" if i % 2 else "no" for i in range(n)]
    people["hint"] = [f"p{i % 9} at zaphodword dot com" if i % 2 else "none" for i in range(n)]
    people["line"] = [f"21255502{i % 100:02d}" for i in range(n)]
    words = [f"I come for the bread, number {i}, and for my doctor next door" for i in range(n)]
    shop["survey"] = pd.DataFrame({"client": people["client"], "why": words, "other": "nothing"})
    shop["survey"].loc[3, "other"] = "call 212-555-0142 or write to zed@zaphodmail.com"
    shop["survey"]["happy"] = ["yes" if i % 2 else "some" for i in range(n)]
    shop["products"].loc[4, "category"] = "voucher of zed@zaphodmail.com"
    shop["products"].loc[9, "brand"] = "Quimby, 12 Elm Street"
    shop["products"] = shop["products"].replace({"department": {"Gifts": GROUP}})
    shop["campaigns"]["kind"] = shop["campaigns"]["mailing"].map({1: "Letter", 2: "Anna Becker"})
    shop["transactions"] = unusable(shop["transactions"])
    return shop


def unusable(sold):
    """Return the rows with as many that cannot be used as `ROWS` says, each for one reason."""
    more = sold.iloc[: sum(ROWS.values())].copy()
    ends = pd.Series(ROWS).cumsum()
    why = pd.Series(ends.index[ends.searchsorted(range(len(more)), side="right")], more.index)
    more.loc[why == "no customer", "client"] = None
    more.loc[why == "no time", "at"] = pd.NaT
    more.loc[why == "no amount", "paid"] = None
    more.loc[why == "far", "at"] = pd.Timestamp("1900-01-01")
    more.loc[why == "test account", "client"] = "test"
    return pd.concat([sold, more], ignore_index=True)


def study():
    """Return the study.yaml as a mapping."""
    made = worlds.shop_study() | {
        "minimum_cell": MINIMUM, "history": "180 days",
        "segmentation": {"bases": ["behavioural", "needs"], "k_max": 3},
        "personas": {"names": {1: FORMULA}},
    }  # fmt: skip
    own = {"base": "psychographic"}
    happy = own | {"kind": "ordered", "levels": ["no", "some", "yes"]}
    made["tables"]["survey"] = {
        "source": "raw/bob@zaphodfile.com.parquet", "columns": {"customer": "client"},
        "attributes": {"why": own, "other": own, "happy": happy},
    }  # fmt: skip
    described = ["contact", "mail", "reach", "place", "note", "eve@zaphodpost.com", "hint", "line"]
    made["tables"]["customers"]["attributes"] |= {name: {} for name in described}
    made["tables"]["campaigns"]["columns"]["type"] = "kind"
    return made


def write(folder):
    """Write the study below a folder and return the path of its study.yaml."""
    path = worlds.write_shop(folder, tables(), study())
    raw = path.parent / "raw"
    (raw / "survey.parquet").rename(raw / "bob@zaphodfile.com.parquet")
    return path
