"""What is wrong with the data: each check counted, each dropped row accounted for.

Every check is a condition counted on the engine, in as few queries as may be. Libraries for checks
of data (pointblank, pandera) were looked at: they stop or report by rules that a user writes per
column, while these follow from the roles, must say what was done with a row, and net and drop
themselves; neither would have taken a line away.
"""

from __future__ import annotations

from datetime import date

import ibis.expr.types as ir
import pandas as pd

from seglib import privacy
from seglib.quality import identity
from seglib.quality.answers import careless
from seglib.quality.asis import written
from seglib.quality.counting import PERIODS, published, stop, told
from seglib.quality.future import leakage
from seglib.quality.lines import transactions
from seglib.quality.mailings import campaigns
from seglib.quality.people import keyed, undescribed
from seglib.study import Study

__all__ = ["account", "audit", "inspect", "leakage", "published", "stop", "told"]


def audit(
    loaded: Study, tables: dict[str, ir.Table], as_of: date
) -> tuple[dict[str, ir.Table], list[dict]]:
    """Inspect every table, also how its text was written, and stop beyond the study's limits.

    Parameters, returns and errors are those of `inspect`; besides, a StudyError lists every check
    that is beyond its limit.
    """
    clean, checks = inspect(loaded, tables, as_of)
    checks += written(loaded)
    stop(loaded, checks)
    return clean, checks


def inspect(
    loaded: Study, tables: dict[str, ir.Table], as_of: date
) -> tuple[dict[str, ir.Table], list[dict]]:
    """Check every table, drop what cannot be used, and say how much of what.

    Parameters
    ----------
    loaded
        The study.
    tables
        From `tables.open_tables`.
    as_of
        The cut-off date of the run.

    Returns
    -------
    tables : dict of ibis.Table
        The same tables without the dropped rows, test accounts and personal columns; transactions
        have `is_return`, and returns are netted in their amounts; customers are pseudonyms if the
        study wants them.
    checks : list of dict
        One a check: `check`, `table`, `rows` seen (or customers, columns, days: `of`), `failing`,
        `action`, `limit` (the key of the share at which a run stops), and whether it is only about
        the `period` that a row falls into. A column kept out has `column` and `reason` too.

    Raises
    ------
    StudyError
        If more than the study's `max_dropped` of the transactions would be dropped, if none is
        left before `as_of`, if a table that has one row per customer has more, or if ids name
        persons and the study does not say what to do.
    """
    privacy.pseudonym_key(loaded)  # a missing key is said first
    clean, personal = identity.kept_out(tables, loaded)
    tests, checks = identity.nobody(tables, loaded, personal)
    if "transactions" in clean:
        clean["transactions"], found = transactions(loaded, clean, as_of, tests)
        checks = found + checks
    for name in set(clean) - {"transactions"}:
        clean[name] = identity.without(clean[name], tests)
    for name in ("customers", "survey", "products"):
        if name in clean:
            clean[name], found = keyed(clean[name], name, loaded, as_of)
            checks += found
    checks += undescribed(clean)
    if "survey" in clean:
        checks += careless(clean["survey"], loaded)
    if "campaigns" in clean:
        checks += campaigns(clean)
    return identity.pseudonymised(clean, loaded), personal + checks


def account(checks: list[dict]) -> pd.DataFrame:
    """Return what became of the rows of transactions: one line each, adding up to all of them."""
    about = [c for c in checks if c["table"] == "transactions" and c["of"] == "rows"]
    rows = next(c["rows"] for c in about if c["check"] == "no customer")
    kinds = {"dropped": "dropped, see above"} | PERIODS
    counts = {
        text: n
        for action, text in kinds.items()
        if (n := sum(c["failing"] for c in about if c["action"] == action))
    }
    counts = {"before the cut-off date: make the features": rows - sum(counts.values())} | counts
    frame = pd.DataFrame({"rows": counts | {"all rows": rows}})
    return frame.assign(share=frame["rows"] / max(rows, 1))
