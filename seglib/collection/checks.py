"""Checks of the data: how one is counted, said, limited and published, and those of each table.

What each check is called, what was done about it and at which limit a run stops stands in
wording/checks.yaml.
"""

import re
from collections.abc import Sequence
from datetime import date
from functools import reduce
from operator import and_
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis import _

from seglib import wording
from seglib.collection import attributes, reading
from seglib.collection.attributes import forming
from seglib.collection.reading import EXACT, SIGN, absent, trimmed
from seglib.layout import Attribute
from seglib.study import FEWEST, LIMITS, Study, StudyError

WORDS = wording.table("checks")["checks"]
HEADS = ["check", "table", "found", "share", "stops above", "what was done"]
PEOPLE = {"customers", "survey"}  # tables whose rows are persons: small counts of them are hidden
NEARLY = 0.99  # of the known values: a column in which so many are one value tells few apart
ISO, LAST = r"^(\d{4}-\d{2}-\d{2})(?:[ T]|$)", r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?: |$)"
ITEMS = 5  # questions of one scale from which all the same answers are remarkable
FAST = 1 / 3  # of the usual time
DURATION = r"\b(duration|seconds|minutes|elapsed|completion|response|time (taken|spent)|dauer)\b"
APART = 365  # days without a row on both sides of which dates do not belong together
STRAY = 0.01  # share of all rows below which what lies apart is a mistake
# Days that programs write for none: nobody's only day of business.
DEFAULTS = {"1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "1904-01-01"}
LAST_DAYS, WEEKS = 7, 8  # last days to look at, and weeks before them that say what is usual
THIN = 0.5  # of what is usual on that day of the week
CHANCE = 4  # standard deviations below which a lack is chance
BUSY = 10  # rows on a usual day below which nothing can be said
ZONE = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}:?\d{0,2})$"
CLOCK = r"\d{1,2}:\d{2}"
PLAIN = r"^[-+]?[\d.,\s]*$"  # a number without a currency, which is quicker to see


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
    texts = about["check"], about["action"]
    check, action = (text[case] if isinstance(text, dict) else text for text in texts)
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
        f" – {c.get('mend', 'mend the source, or raise limits.' + c['limit'])}"
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
    """Return the checks that found something, personal columns apart, as text for a page."""
    few, rows = f"fewer than {study.minimum_cell} customers", []
    for c in published(checks, study.minimum_cell):
        if c["found"] and not c["period"] and "reason" not in c:
            n, most = c["failing"], f"{limit(study, c['limit']):.0%}" if c["limit"] else "–"
            shown = (few, "–") if n is None else (f"{n:,} {c['of']}", f"{n / c['rows']:.2%}")
            rows.append((c["check"], c["table"], *shown, most, c["action"]))
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


# --- days -----------------------------------------------------------------------------------------


def by_day(table: ir.Table) -> pd.Series:
    """Return how many rows each day has, days without any left out."""
    days = table.filter(table.time.notnull()).mutate(day=table.time.truncate("D"))
    rows = days.group_by("day").agg(n=days.count()).order_by("day").execute()
    return pd.Series(rows["n"].to_numpy(), pd.DatetimeIndex(rows["day"]), name="rows")


def impossible(days: pd.Series) -> list[tuple[date, date]]:
    """Return the stretches of days, first and last, that lie far from the data.

    Days are taken together until more than a year passes without a row. The stretch with most
    rows is the data; others with under one row in a hundred, and those that are one day which
    programs write for none, are mistakes.
    """
    block = np.cumsum(np.diff(days.index, prepend=days.index[:1]) > pd.Timedelta(days=APART))
    sizes, stretches = days.groupby(block).sum(), []
    for one, size in sizes.items():
        own = days.index[block == one]
        default = len(own) == 1 and f"{own[0]:%Y-%m-%d}" in DEFAULTS
        if (one != sizes.idxmax() and size < STRAY * sizes.sum()) or (default and len(sizes) > 1):
            stretches.append((own[0].date(), own[-1].date()))
    return stretches


def thin(days: pd.Series) -> list[dict]:
    """Return the check for an incomplete end; none where what is usual is not known.

    Counted are the last days, up to the very last, that have less than half the rows that are
    usual on their day of the week (the median of eight weeks), if together they lack more than
    chance takes away: four standard deviations, by the median absolute deviation of those weeks.
    """
    if days.empty or (days.index[-1] - days.index[0]).days + 1 < LAST_DAYS + 7 * WEEKS:
        return []
    whole = days.reindex(pd.date_range(days.index[0], days.index[-1]), fill_value=0)
    seen = whole.to_numpy(float)[-(LAST_DAYS + 7 * WEEKS) :].reshape(WEEKS + 1, 7)
    usual, last = np.median(seen[:-1], axis=0), seen[-1]
    low = (last < THIN * usual) & (usual >= BUSY)
    run = int(np.cumprod(low[::-1]).sum())
    spread = max(1.4826 * np.median(np.abs(seen[:-1] - usual)), np.sqrt(usual.mean()))
    lacking = (usual - last)[LAST_DAYS - run :].sum()
    run = run if lacking > CHANCE * spread * np.sqrt(max(run, 1)) else 0
    return [result("thin_end", "transactions", LAST_DAYS, run, share=THIN)]


# --- tables with one row a key --------------------------------------------------------------------


def keyed(table: ir.Table, name: str, study: Study, as_of: date) -> tuple[ir.Table, list[dict]]:
    """Return a table with one row a key, without values from after the date, and its checks."""
    key = "product" if name == "products" else "customer"
    attributes = _attributes(table, name, study)
    tests = [Test("no_role", table[key].isnull(), {"role": key})]
    for column, about in attributes.items():
        tests += _of_attribute(table[column], about, about.label or column, as_of)
    checks = counted(table, name, tests)
    repeated = checks[0]["rows"] - checks[0]["failing"] - table[key].nunique().execute()
    if repeated:
        raise StudyError(
            f"the {name} table has {repeated:,} rows more than it has values of {key!r}: "
            "expected one row each; remove the copies"
        )
    later = [
        (test.words["values"], test.condition.fill_null(False))
        for test, check in zip(tests, checks, strict=True)
        if test.name == "known_later" and check["failing"]
    ]
    clean = table.mutate(**{v.get_name(): future.ifelse(None, v) for v, future in later})
    return clean, checks + _constant(clean, name, attributes)


def _attributes(table: ir.Table, name: str, study: Study) -> dict[str, Attribute]:
    every = getattr(study.tables, name).attributes
    return {column: about for column, about in every.items() if column in table.columns}


def _of_attribute(values: ir.Column, about: Attribute, label: str, as_of: date) -> list[Test]:
    tests, words = [Test("missing", values.isnull(), {"label": label})], {"label": label}
    if about.levels:
        odd = values.notnull() & values.cast("string").notin(about.levels)
        tests.insert(0, Test("odd_level", odd, words))
    if about.bounds:
        low, high = about.bounds
        outside = ~values.between(low, high)
        tests.insert(0, Test("out_of_bounds", outside, words | {"low": low, "high": high}))
    if values.type().is_string():
        future = _day(values) >= as_of.isoformat()
        tests.append(Test("known_later", future, words | {"as_of": as_of, "values": values}))
    return tests


def _day(values: ir.StringColumn) -> ir.StringColumn:
    """Return the day that a text begins with, the earlier one of two."""
    one, two = (values.re_extract(LAST, i).nullif("").lpad(2, "0") for i in (1, 2))
    last = values.re_extract(LAST, 3) + "-" + ibis.least(one, two) + "-" + ibis.greatest(one, two)
    return values.re_extract(ISO, 1).nullif("").fill_null(last)


def _constant(table: ir.Table, name: str, attributes: dict[str, Attribute]) -> list[dict]:
    if not attributes:
        return []
    sizes = [table.filter(table[c].notnull()).group_by(c).agg(n=_.count()) for c in attributes]
    counts = [
        each.agg(known=each.n.sum(), most=each.n.max()).mutate(column=ibis.literal(c))
        for c, each in zip(attributes, sizes, strict=True)
    ]
    rows = (ibis.union(*counts) if counts[1:] else counts[0]).to_pyarrow().to_pylist()
    known = [n for n in rows if n["known"] and n["known"] >= FEWEST]
    constant = {n["column"] for n in known if n["most"] >= NEARLY * n["known"]}
    same = [about.label or c for c, about in attributes.items() if c in constant]
    names = f": {', '.join(same)}" if same else ""
    return [result("constant", name, len(attributes), len(same), share=NEARLY, names=names)]


# --- answers, campaigns, and how text is written --------------------------------------------------


def careless(table: ir.Table, study: Study) -> list[dict]:
    """Return the checks for straight-lining and for speeding of a table of answers.

    Straight-lining: the same answer to five or more questions of a scale, by their levels or by the
    range of whole numbers (Curran 2016, J. Exp. Soc. Psychol. 66). Speeding: under a third of the
    median time, if a numeric column holds it (Greszki, Meyer & Schoen 2015, Public Opin. Q. 79).
    """
    attributes, scales, checks = _attributes(table, "survey", study), {}, []
    numbers = [table[c] for c, about in attributes.items() if about.kind == "numeric"]
    ends = {v: {"low": v.min(), "high": v.max(), "whole": (v == v.floor()).all()} for v in numbers}
    ends = reading.each(table, {v.get_name(): of for v, of in ends.items()}, None)
    for column, about in attributes.items():
        name = re.sub(r"[\W_]+", " ", f"{column} {about.label}".lower())
        if about.kind == "ordered":
            scales.setdefault(tuple(about.levels), []).append(table[column].cast("string"))
        elif about.kind == "numeric" and re.search(DURATION, name):
            usual, words = table[column].median().execute(), {"label": about.label or column}
            test = Test("fast_answers", table[column] < FAST * float(usual or 0), words)
            checks += counted(table.filter(table[column].notnull()), "survey", [test])
        elif about.kind == "numeric" and ends[column]["whole"]:
            points = int(ends[column]["low"]), int(ends[column]["high"])
            if 1 <= points[1] - points[0] <= 10:
                scales.setdefault(points, []).append(table[column].cast("string"))
    for points, (first, *others) in scales.items():
        if len(others) >= ITEMS - 1:
            answered = reduce(and_, (each.notnull() for each in (first, *others)))
            same = answered & reduce(and_, (first == other for other in others))
            _rows, n, failing = count(table, [answered, same])
            words = {"n": len(others) + 1, "low": points[0], "high": points[-1]}
            checks.append(result("same_answers", "survey", n, failing, **words))
    return checks


def campaigns(tables: dict[str, ir.Table]) -> list[dict]:
    """Return the checks of campaigns and responses."""
    sent, checks = tables["campaigns"], []
    if "transactions" in tables:
        buyers = tables["transactions"].filter(~_.is_return).customer
        checks += counted(sent, "campaigns", [Test("never_bought", absent(sent.customer, buyers))])
    if "arm" in sent.columns:
        arms = sent.group_by("customer", "campaign").agg(arms=sent.arm.nunique())
        checks += counted(arms, "campaigns", [Test("several_arms", arms.arms > 1)])
    if "responses" in tables:
        starts = sent.group_by("customer", "campaign").agg(start=sent.start.min())
        joined = tables["responses"].left_join(starts, ["customer", "campaign"])
        unsent, early = joined.start.isnull(), joined.time < joined.start
        checks += counted(joined, "responses", [Test("not_sent", unsent), Test("too_early", early)])
    return checks


def as_written(texts) -> list[dict]:
    """Return the checks of currencies in numbers, and of times with and without zones."""
    checks = []
    for name, table, columns in texts:
        for role, column in columns:
            text = trimmed(table[column])
            if role in EXACT:
                checks += _currencies(name, role, text)
                continue
            clock, zone = text.re_search(CLOCK), text.re_search(ZONE)
            _rows, filled, clocks, zones = count(table, [text.notnull(), clock, zone])
            mixed = min(zones, clocks - zones)
            checks.append(result("mixed_zones", name, filled, mixed, role=role))
    return checks


def _currencies(name: str, role: str, text: ir.StringColumn) -> list[dict]:
    """Return the checks of the currencies that stand in an amount, each with what it is of."""
    odd = text.re_search(PLAIN).ifelse("", text.upper().re_extract(SIGN, 1))
    counts = odd.name("sign").as_table().group_by("sign").agg(n=_.count()).order_by("sign")
    counts = counts.execute().set_index("sign")["n"]
    filled, signs = counts[counts.index.notna()].sum(), counts.drop("", errors="ignore")
    signs = signs[signs.index.notna()]
    others = signs.sum() - signs.max() if len(signs) else 0
    shown = f" ({', '.join(signs.index[:5])})" if len(signs) else ""
    return [
        result("currency", name, filled, signs.sum(), role=role, signs=shown),
        result("other_currency", name, filled, others, role=role, signs=shown if others else ""),
    ]


def leakage(
    study: Study,
    customers: pd.DataFrame,
    rows: list[dict],
    held: pd.DataFrame | None,
    outcomes: pd.DataFrame | None = None,
) -> list[dict]:
    """Return the check for columns that tell nearly without fault what happened afterwards.

    `rows` is the dictionary of `customers`, `held` from `activity.holdout`, `outcomes` from
    `attributes.outcomes`; a StudyError refuses a column that forms segments.
    """
    did = f"{'is active' if study.usage else 'orders'} in the holdout"
    after = {} if held is None else {did: held["active"]}
    for name in () if outcomes is None else outcomes:
        after[f"“{study.outcomes[name].label}”"] = outcomes[name]
    tried = {r["name"]: r["label"] for r in rows if r["base"] not in {"behavioural", "needs"}}
    checks, least = [], limit(study, "leakage")
    for what, happened in after.items():
        truth = happened.reindex(customers.index).dropna().eq(1)
        if min(truth.sum(), (~truth).sum()) < attributes.CAME:
            continue
        areas = {name: attributes.auc(customers.loc[truth.index, name], truth) for name in tried}
        sure = {name: area for name, area in areas.items() if area >= least}
        if guilty := [name for name in sure if name in forming(study, rows)]:
            raise StudyError(
                f"{guilty[0]!r} forms the segments and tells who {what} after {study.as_of} nearly "
                f"without fault (AUC {sure[guilty[0]]:.2f}): it seems to know the future; take it "
                f"out, or raise limits.leakage (now {least:g})"
            )
        names = ", ".join(f"{tried[name]}, AUC {area:.2f}" for name, area in sure.items())
        words = {"what": what, "names": f" ({names})" if names else ""}
        checks.append(result("knows_future", "customers", len(tried), len(sure), **words))
    return checks
