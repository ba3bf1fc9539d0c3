"""Tables with a row a customer or a product: keys, levels, gaps, columns that say nothing."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from seglib.collection import activity, reading
from seglib.layout import Attribute
from seglib.limits import FEWEST
from seglib.quality.counting import check, count
from seglib.study import Study, StudyError

NEARLY = 0.99  # of the known values: a column in which so many are one value tells few apart
ISO, LAST = r"^(\d{4}-\d{2}-\d{2})(?:[ T]|$)", r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?: |$)"


def keyed(table: ir.Table, name: str, loaded: Study, as_of: date) -> tuple[ir.Table, list[dict]]:
    """Return a table without values from after the cut-off date, and its checks.

    Parameters
    ----------
    table, name
        customers, survey or products.
    loaded, as_of
        The study and the cut-off date.

    Raises
    ------
    StudyError
        If a key has several rows.
    """
    key = "product" if name == "products" else "customer"
    rows, counts = count(table, {"no key": (table[key].isnull(),)})
    repeated = rows - counts["no key"] - table[key].nunique().execute()
    if repeated:
        raise StudyError(
            f"the {name} table has {repeated:,} rows more than it has values of {key!r}: "
            "expected one row each; remove the copies"
        )
    checks = [check(f"no {key}", name, rows, counts["no key"], "dropped")]
    given = getattr(loaded.tables, name).attributes
    attributes = {c: a for c, a in given.items() if c in table.columns}
    for column, attribute in attributes.items():
        table, found = _column(table, name, column, attribute, as_of)
        checks += found
    return table, checks + _constant(table, name, attributes)


def _column(
    table: ir.Table, name: str, column: str, attribute: Attribute, as_of: date
) -> tuple[ir.Table, list[dict]]:
    values, label, conditions = table[column], attribute.label or column, {}
    if attribute.levels:
        odd = values.notnull() & values.cast("string").notin(attribute.levels)
        kind = "is none of the listed levels"
        conditions[kind] = (odd, "treated as missing", "odd_levels")
    if attribute.bounds:
        low, high = attribute.bounds
        kind = f"is outside {low:g} to {high:g}"
        conditions[kind] = (~values.between(low, high), "treated as missing", "")
    conditions["is missing"] = (values.isnull(), "stays missing", "")
    later = None
    if values.type().is_string():
        later = _day(values) >= as_of.isoformat()
        kind = f"is a day from {as_of} on, not known then"
        conditions[kind] = (later, "treated as missing", "known_later")
    rows, counts = count(table, conditions)
    checks = [
        check(f"{label} {kind}", name, rows, counts[kind], action, key, kind=f"a value {kind}")
        for kind, (_, action, key) in conditions.items()
    ]
    if later is not None and checks[-1]["failing"]:
        table = table.mutate(**{column: ibis.ifelse(later.fill_null(False), None, values)})
    return table, checks


def _day(values: ir.StringColumn) -> ir.StringColumn:
    """Return the day that a text begins with, YYYY-MM-DD; day and month in the order that fits.

    Where both orders fit, the earlier day counts, so that nothing is called unknown wrongly.
    """
    iso = values.re_extract(ISO, 1).nullif("")
    one, two = (values.re_extract(LAST, i).nullif("").lpad(2, "0") for i in (1, 2))
    early, late = ibis.least(one, two), ibis.greatest(one, two)
    month = ibis.ifelse(late > "12", early, ibis.least(one, two))
    day = ibis.ifelse(late > "12", late, ibis.greatest(one, two))
    year = values.re_extract(LAST, 3).nullif("")
    return ibis.coalesce(iso, year + "-" + month + "-" + day)


def _constant(table: ir.Table, name: str, attributes: dict[str, Attribute]) -> list[dict]:
    """Return the check for columns in which nearly all known values are one."""
    if not attributes:
        return []
    found = [a.label or c for c, a in attributes.items() if _most(table[c]) >= NEARLY]
    told = f": {', '.join(found)}" if found else ""
    what = f"column with one value in {NEARLY:.0%} of what is known{told}"
    action = "kept: tells few apart"
    kind = f"column with one value in {NEARLY:.0%} of what is known"
    return [
        check(what, name, len(attributes), len(found), action, "constant", of="columns", kind=kind)
    ]


def _most(values: ir.Column) -> float:
    """Return the share of the known values that the most frequent one has; 0 of a few."""
    known = values.name("value").as_table()
    known = known.filter(known.value.notnull())
    sizes = known.group_by("value").agg(n=known.count())
    row = reading.row(sizes, {"most": sizes.n.max(), "all": sizes.n.sum()})
    known = float(row["all"])
    return float(row["most"]) / known if known >= FEWEST else 0.0


def undescribed(tables: dict[str, ir.Table]) -> list[dict]:
    """Return the checks for customers whom another table lacks: buyers, or who answered."""
    found = []
    bought = activity.without_returns(tables["transactions"]) if "transactions" in tables else None
    if {"transactions", "customers"} <= set(tables):
        text = "buyer without a row in the customers table"
        found.append(_gap(text, "customers", bought, tables["customers"]))
    if {"transactions", "survey"} <= set(tables):
        text = "answers of somebody who never bought"
        found.append(_gap(text, "survey", tables["survey"], bought))
    elif {"customers", "survey"} <= set(tables):
        text = "answers of somebody who is not in the customers table"
        found.append(_gap(text, "survey", tables["survey"], tables["customers"]))
    return found


def _gap(text: str, name: str, whose: ir.Table, where: ir.Table) -> dict:
    known = whose.filter(whose.customer.notnull()).select("customer").distinct()
    row = reading.row(
        known, {"rows": known.count(), "missing": known.customer.notin(where.customer).sum()}
    )
    action = "kept; those attributes stay missing" if name == "customers" else "not used"
    if name == "survey" and "customers table" in text:
        action = "kept; those attributes stay missing"
    return check(text, name, row["rows"], row["missing"], action, "undescribed", of="customers")
