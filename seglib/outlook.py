"""What a study will be able to say, told before it is run: rows, customers, and page by page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import ibis.expr.types as ir
import pandas as pd

from seglib import plan, wording
from seglib.clustering import segmenter
from seglib.clustering.encoding import Encoder
from seglib.collection import (
    activity,
    attributes,
    audit,
    checks,
    dictionary,
    features,
    records,
    tables,
)
from seglib.measuring import campaigns
from seglib.study import Study

SHOWN = 12  # checks that are told
NO_PAGE = "no such page"


@dataclass(frozen=True)
class Page:
    """A page of the report: what it says, and what it leaves out with the reason."""

    name: str
    says: str
    without: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the page on one line."""
        left = f"; left out: {'; '.join(self.without)}" if self.without else ""
        return f"{self.name:<26} {self.says}{left}"


@dataclass(frozen=True)
class Outlook:
    """What is known of a study before it is run.

    Attributes
    ----------
    rows
        Lines on tables, rows and customers.
    found
        Lines on what the checks of quality found.
    experiments
        Lines on what experiments can answer, none without.
    pages
        One a page of the report.
    """

    rows: list[str]
    found: list[str]
    pages: list[Page]
    experiments: list[str] = field(default_factory=list)


def outlook(loaded: Study) -> Outlook:
    """Return what a study will say, after checking its data.

    Raises
    ------
    StudyError
        If its data stop a run.
    """
    opened = tables.open_tables(loaded)
    clean, found = audit.audit(loaded, opened, loaded.as_of)
    rows = [f"{name:<14} {_count(table):>12,} rows" for name, table in opened.items()]
    rows += _account(found) if "transactions" in clean else []
    known = activity.facts(loaded, clean, loaded.as_of)
    people, lines = features.customers(known)
    after = attributes.outcomes(loaded, clean, people.index)
    held = activity.holdout(known, people.index)
    found += records.leakage(loaded, people, lines, held, after)
    asked = loaded.segmentation
    _segmentable(people[dictionary.forming(loaded, lines)], asked.k, loaded)
    sold = features.products(known)
    if sold:
        names = dictionary.forming(loaded, sold[1], "products")
        _segmentable(sold[0][names], 0, loaded)
    rows.append(f"{'customers':<14} {len(people):>12,} known {loaded.known(loaded.as_of)}")
    told = pages(loaded, activity.extent(known), sold is not None)
    return Outlook(rows, _found(found), told, _experiments(loaded, clean))


def _experiments(loaded: Study, clean: dict) -> list[str]:
    """Return what the experiments of a study can answer, in lines."""
    page = "06_experiments"
    lines = []
    for line in campaigns.prospect(loaded, clean):
        about = dict(line)
        if line["kind"] == "problem":
            problem = {"who": loaded.customer, **line["problem"]}
            about["problem"] = wording.plain(page, "problem", **problem)
        indent = "" if "campaign" in line else "  "
        lines.append(indent + wording.plain(page, "prospect", **about))
    return lines


def _segmentable(frame, k: int, loaded: Study) -> None:
    """Refuse a table that cannot form segments, or not so many."""
    encoder = Encoder().fit(frame)
    segmenter.check(frame, encoder, k, loaded.segmentation.k_max, loaded.seed)


def _count(table: ir.Table) -> int:
    return table.count().to_pyarrow().as_py()


def _account(found: list[dict]) -> list[str]:
    """Return what becomes of the rows of transactions, and for which reasons rows are dropped."""
    frame = checks.account(found)
    lines = [
        f"{'':<14} {n:>12,} {what.removesuffix(', see above')} ({share:.1%})"
        for what, n, share in zip(frame.index, frame["rows"], frame["share"], strict=True)
        if what != "all rows" and n
    ]
    dropped = [c for c in found if c["action"] == "dropped" and c["failing"]]
    why = ", ".join(f"{c['failing']:,} {c['check']} ({c['table']})" for c in dropped)
    return [*lines, f"{'':<14} dropped: {why}"] if why else lines


def _found(checks: list[dict]) -> list[str]:
    """Return the checks that found something, the largest share first."""
    told = [c for c in checks if c["failing"] and not c["period"] and c["action"] != "dropped"]
    told.sort(key=lambda c: -c["failing"] / max(c["rows"], 1))
    lines = [
        f"{c['check']} ({c['table']}): {c['failing']:,} of {c['rows']:,}; {c['action']}"
        for c in told[:SHOWN]
    ]
    more = len(told) - len(lines)
    return [*lines, f"and {more} more, which page 01 shows"] if more > 0 else lines


def pages(loaded: Study, days: dict | None, several: bool = True) -> list[Page]:
    """Return what each page will say and leave out.

    Parameters
    ----------
    loaded
        The study.
    days
        From `activity.extent`; None without transactions.
    several
        Whether enough products are bought by enough customers to be told apart.
    """
    has, words = _has(loaded, days, several), _words(loaded, days)
    result = []
    for page in wording.table("outlook"):
        if not has.get(page.get("needs", ""), True):
            result.append(Page(page["page"], NO_PAGE, (page["without"].format(**words),)))
            continue
        parts = page.get("parts", {}).items()
        without = tuple(part.format(**words) for part, need in parts if not has[need])
        result.append(Page(page["page"], page["says"].format(**words), without))
    return result


def _has(loaded: Study, days: dict | None, several: bool) -> dict[str, bool]:
    """Return what a study has of what parts of the report need."""
    has, sold = loaded.tables, loaded.tables.transactions
    bases = {a.base for table in has.people.values() for a in table.attributes.values()}
    start, end = loaded.as_of.replace(day=1), loaded.until(loaded.as_of) - timedelta(days=1)
    whole = pd.date_range(days["first"], start, freq="MS", inclusive="left") if days else ()
    runs = (path.parent.name for path in loaded.folder.glob("*/segments.parquet"))
    steps = {step.name[:2] for step in plan.steps(loaded)}
    return {
        "transactions": bool(sold), "months": len(whole) > 0,
        "money": loaded.money or not sold, "attributes": bool(bases),
        "judged": bool(loaded.outcomes) or (days is not None and days["last"] >= end),
        "product": bool(sold and sold.columns.product), "economics": bool(loaded.economics),
        "goods": bool(sold and sold.columns.product) and several,
        "answers": "psychographic" in bases,
        "demographics": bool(bases & {"demographic", "geographic"}),
        "results": "05" in steps, "experiments": "06" in steps,
        "campaigns": bool(has.campaigns),
        "random campaigns": not has.campaigns or bool(has.campaigns.randomised),
        "random arms": not loaded.arms or bool(loaded.arms.randomised),
        "another run": "07" in steps and any(day < loaded.as_of.isoformat() for day in runs),
    }  # fmt: skip


def _words(loaded: Study, days: dict | None) -> dict[str, str]:
    """Return what the pages say of this study."""
    has, sold = loaded.tables, loaded.tables.transactions
    product = sold.columns.product if sold else None
    drawn = [table for table in (loaded.arms, has.campaigns) if table and table.randomised]
    ends = f"the data end on {days['last']}, before the holdout does" if days else ""
    few = f"fewer than two products have {loaded.minimum_cell} buyers"
    return {
        "bases": " and ".join(loaded.segmentation.bases),
        "unjudged": ends or "no transactions",
        "level": (has.products and has.products.columns.level) or product,
        "no_goods": few if product else "no column has the role product",
        "results": "what each segment did before and after" if sold else "what is known now",
        "experiments": "what each arm of the experiment brought, overall and by segment"
        if drawn
        else "whom campaigns reached",
    }
