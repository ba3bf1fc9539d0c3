"""A check is a condition counted on the engine; a limit is the share at which a run stops."""

from __future__ import annotations

import ibis.expr.types as ir
import pandas as pd
from ibis import literal

from seglib.limits import limit
from seglib.study import Study, StudyError

PERIODS = {  # what is done with a row for its date alone, and how the account of rows says it
    "never seen by features; judges the segments": "in the holdout: judge the segments",
    "after the holdout, not used": "after the holdout: not used",
    "older than the history used": "older than the history: not used",
}
PEOPLE = {"customers", "survey"}  # tables whose rows are persons: small counts of them are hidden


def check(
    what: str, table: str, rows: int, failing: int, action: str, key: str = "", **more
) -> dict:
    """Return one check.

    Parameters
    ----------
    what
        What was looked for.
    table
        Where.
    rows, failing
        How many there are, and how many of them it is true of.
    action
        What was done.
    key
        Of the limit at which a run stops, empty if it never does.
    more
        `of`: what is counted, if not rows (customers, columns, days); `kind`: what was looked for,
        where `what` names a column.
    """
    return {
        "check": what,
        "table": table,
        "rows": int(rows),
        "failing": int(failing or 0),
        "action": action,
        "period": action in PERIODS,
        "limit": key,
        **{"of": "customers" if table in PEOPLE else "rows", "kind": what, **more},
    }


def count(table: ir.Table, conditions: dict[str, tuple]) -> tuple[int, dict[str, int]]:
    """Count rows and, in the same query, the rows that meet each condition.

    Parameters
    ----------
    table
        On the engine.
    conditions
        Name → (condition, …); only the condition is looked at.
    """
    named = {
        f"c{i}": test.fill_null(False).sum() for i, (test, *_) in enumerate(conditions.values())
    }
    row = table.aggregate(rows=table.count(), **named).execute().fillna(0).iloc[0]
    counts = [row[f"c{i}"] for i in range(len(conditions))]
    return int(row["rows"]), dict(zip(conditions, map(int, counts), strict=True))


def either(tests) -> ir.BooleanValue:
    """Return whether any of the conditions holds."""
    result = literal(False)
    for test in tests:
        result = result | test
    return result


def stop(loaded: Study, checks: list[dict]) -> None:
    """Raise one StudyError that lists every check beyond its limit; do nothing if none is.

    Raises
    ------
    StudyError
        Each line names what was found, how often, and the key that allows more.
    """
    beyond = [c for c in checks if _beyond(loaded, c)]
    lines = [
        f"{c['table']}: {c['check']}: {c['failing']:,} of {c['rows']:,} {c['of']} "
        f"({c['failing'] / c['rows']:.0%}; at most {limit(loaded.limits, c['limit']):.0%} expected)"
        f" – mend the source, or raise limits.{c['limit']}"
        for c in beyond
    ]
    if len(lines) == 1:
        raise StudyError(f"{loaded.path}: {lines[0]}")
    if lines:
        listed = "\n".join(f"  - {line}" for line in lines)
        raise StudyError(f"{loaded.path}: the data are beyond {len(lines)} limits:\n{listed}")


def _beyond(loaded: Study, one: dict) -> bool:
    if not one["limit"] or not one["rows"]:
        return False
    return one["failing"] > limit(loaded.limits, one["limit"]) * one["rows"]


def published(checks: list[dict], minimum: int) -> list[dict]:
    """Return the checks as they may be shared: counts of few customers are missing.

    Parameters
    ----------
    checks
        From `inspect`.
    minimum
        Below which a count of customers is not told.
    """
    few = [c["of"] == "customers" and 0 < c["failing"] < minimum for c in checks]
    return [
        c | {"failing": None, "found": True} if hide else c | {"found": c["failing"] > 0}
        for c, hide in zip(checks, few, strict=True)
    ]


def told(loaded: Study, checks: list[dict]) -> pd.DataFrame:
    """Return the checks that found something, personal columns apart, as a table of text.

    Returns
    -------
    pandas.DataFrame
        check, table, found, share, stops above, what was done; small counts of customers are
        `fewer than` the study's minimum.
    """
    rows = []
    for one in published(checks, loaded.minimum_cell):
        if not one["found"] or one["period"] or "reason" in one:
            continue
        few, n = one["failing"] is None, one["failing"] or 0
        share = "–" if few else f"{n / max(one['rows'], 1):.2%}"
        found = f"fewer than {loaded.minimum_cell}" if few else f"{n:,}"
        most = f"{limit(loaded.limits, one['limit']):.0%}" if one["limit"] else "–"
        rows.append([one["check"], one["table"], f"{found} {one['of']}", share, most,
                     one["action"]])  # fmt: skip
    heads = ["check", "table", "found", "share", "stops above", "what was done"]
    return pd.DataFrame(rows, columns=heads)
