"""Checks of the data: how one is counted, said, limited and published.

What each check is called, what was done about it and at which limit a run stops stands in
wording/checks.yaml. Libraries for checks of data (pointblank, pandera) stop by rules that a user
writes for a column; these follow from the roles, and net and drop themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import ibis.expr.types as ir
import pandas as pd

from seglib import wording
from seglib.collection import reading
from seglib.study import LIMITS, Study, StudyError

WORDS = wording.table("checks")["checks"]
HEADS = ["check", "table", "found", "share", "stops above", "what was done"]
PEOPLE = {"customers", "survey"}  # tables whose rows are persons: small counts of them are hidden


class Test(NamedTuple):
    """A condition of rows, the name of its check and the words that the check holds."""

    name: str
    condition: ir.BooleanValue
    words: dict = {}  # noqa: RUF012 - never changed


def result(name: str, table: str, rows: int, failing: int, *, case: str = "", **words) -> dict:
    """Return a check as quality.json holds it: of how many rows of a table something is true.

    `case` is which of its wordings, for a check that has several; `words` fill the places in them,
    and `column` and `reason` are keys of a personal column.
    """
    about = WORDS[name]
    check, action = (
        text[case] if isinstance(text, dict) else text for text in (about["check"], about["action"])
    )
    return {
        "check": check.format(**words),
        "kind": about.get("kind", check).format(**words),
        "table": table,
        "rows": int(rows),
        "of": about.get("of", "customers" if table in PEOPLE else "rows"),
        "failing": int(failing),
        "action": action,
        "period": "period" in about,
        "limit": about.get("limit", ""),
    } | {key: words[key] for key in ("column", "reason") if key in words}


def count(table: ir.Table, conditions: Sequence) -> list[int]:
    """Count the rows and, in the same query, those that meet each condition."""
    bound = table.bind(*conditions) if conditions else ()
    sums = {f"c{i}": each.fill_null(False).sum() for i, each in enumerate(bound)}
    return [int(n) for n in reading.row(table, {"rows": table.count(), **sums}).values()]


def counted(table: ir.Table, name: str, tests: Sequence[Test]) -> list[dict]:
    """Return the checks of tests of a table."""
    rows, *failing = count(table, [test.condition for test in tests])
    pairs = zip(tests, failing, strict=True)
    return [result(test.name, name, rows, n, **test.words) for test, n in pairs]


def limit(study: Study, key: str) -> float:
    """Return the share at which a run stops: the study's, else the default."""
    return study.limits.get(key, LIMITS[key]["most"])


def stop(study: Study, checks: list[dict]) -> None:
    """Raise one StudyError of every check beyond its limit, with the key that allows more."""
    lines = [
        f"{c['table']}: {c['check']}: {c['failing']:,} of {c['rows']:,} {c['of']} "
        f"({c['failing'] / c['rows']:.0%}; at most {limit(study, c['limit']):.0%} expected)"
        f" – mend the source, or raise limits.{c['limit']}"
        for c in checks
        if c["limit"] and c["failing"] > limit(study, c["limit"]) * c["rows"]
    ]
    if len(lines) == 1:
        raise StudyError(f"{study.path}: {lines[0]}")
    if lines:
        bullets = "\n".join(f"  - {line}" for line in lines)
        raise StudyError(f"{study.path}: the data are beyond {len(lines)} limits:\n{bullets}")


def published(checks: list[dict], minimum: int) -> list[dict]:
    """Return the checks as they may be shared: counts of few customers are missing."""
    few = [c["of"] == "customers" and 0 < c["failing"] < minimum for c in checks]
    return [
        c | {"failing": None if hide else c["failing"], "found": c["failing"] > 0}
        for c, hide in zip(checks, few, strict=True)
    ]


def as_table(study: Study, checks: list[dict]) -> pd.DataFrame:
    """Return the checks that found something, personal columns apart, as text for a page.

    Small counts of customers are `fewer than` the study's minimum.
    """
    raised = [
        c
        for c in published(checks, study.minimum_cell)
        if c["found"] and not c["period"] and "reason" not in c
    ]
    few = f"fewer than {study.minimum_cell} customers"
    rows = [
        (
            c["check"],
            c["table"],
            few if c["failing"] is None else f"{c['failing']:,} {c['of']}",
            "–" if c["failing"] is None else f"{c['failing'] / c['rows']:.2%}",
            f"{limit(study, c['limit']):.0%}" if c["limit"] else "–",
            c["action"],
        )
        for c in raised
    ]
    return pd.DataFrame(rows, columns=HEADS)


def account(checks: list[dict]) -> pd.DataFrame:
    """Return what became of the rows of transactions: one line each, adding up to all of them."""
    lines = {"dropped": "dropped, see above"}
    lines |= {words["action"]: words["period"] for words in WORDS.values() if "period" in words}
    about = pd.DataFrame(checks).query("table == 'transactions' and of == 'rows'")
    rows = int(about["rows"].max())
    used = about.groupby("action")["failing"].sum().reindex(list(lines)).dropna()
    used = used[used > 0].rename(lines).astype(int)
    counts = {"before the cut-off date: make the features": rows - used.sum(), **used}
    frame = pd.DataFrame({"rows": counts | {"all rows": rows}})
    return frame.assign(share=frame["rows"] / max(rows, 1))
