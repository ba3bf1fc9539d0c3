"""What a study will be able to say, told before it is run: rows, customers, and page by page."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import pandas as pd

from seglib import plan, wording
from seglib.clustering import segmenter
from seglib.clustering.encoding import Encoder
from seglib.collection import activity, attributes, audit, checks, dictionary, features, tables
from seglib.study import Study

SHOWN = 12  # checks that are told
NO_PAGE = "no such page"


class Page(NamedTuple):
    """A page of the report: what it says, and what it leaves out with the reason."""

    name: str
    says: str
    without: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the page on one line."""
        without = f"; left out: {'; '.join(self.without)}" if self.without else ""
        return f"{self.name:<26} {self.says}{without}"


class Outlook(NamedTuple):
    """Lines on rows and customers, on what the checks found, and the pages."""

    rows: list[str]
    found: list[str]
    pages: list[Page]


def outlook(loaded: Study) -> Outlook:
    """Return what a study will say, after checking its data.

    Raises
    ------
    StudyError
        If its data stop a run.
    """
    opened = tables.open_tables(loaded)
    clean, results = audit.audit(loaded, opened, loaded.as_of)
    data = activity.facts(loaded, clean, loaded.as_of)
    people, lines = features.customers(data)
    after = attributes.outcomes(loaded, clean, people.index)
    results += checks.leakage(loaded, people, lines, activity.holdout(data, people.index), after)
    goods = features.products(data)
    for unit, made in {"customers": (people, lines), "products": goods}.items():
        if made:  # refused now if it cannot form segments, or not so many
            frame = made[0][dictionary.forming(loaded, made[1], unit)]
            k, most = loaded.segmentation.k * (unit == "customers"), loaded.segmentation.k_max
            segmenter.check(frame, Encoder().fit(frame), k, most, loaded.seed)
    rows = [f"{n:<14} {table.count().execute():>12,} rows" for n, table in opened.items()]
    rows += _account(results) if "transactions" in clean else []
    rows.append(f"{'customers':<14} {len(people):>12,} known {loaded.known(loaded.as_of)}")
    told = pages(loaded, activity.extent(data), goods is not None)
    return Outlook(rows, _found(results), told)


def _account(results: list[dict]) -> list[str]:
    """Return what becomes of the rows of transactions, and for which reasons rows are dropped."""
    frame = checks.account(results).query("rows > 0").drop("all rows", errors="ignore")
    lines = [
        f"{'':<14} {n:>12,} {what.removesuffix(', see above')} ({share:.1%})"
        for what, n, share in frame.itertuples()
    ]
    dropped = [c for c in results if c["action"] == "dropped" and c["failing"]]
    why = ", ".join(f"{c['failing']:,} {c['check']} ({c['table']})" for c in dropped)
    return [*lines, f"{'':<14} dropped: {why}"] if why else lines


def _found(results: list[dict]) -> list[str]:
    """Return the checks that found something, the largest share first."""
    raised = [c for c in results if c["failing"] and not c["period"] and c["action"] != "dropped"]
    raised.sort(key=lambda c: -c["failing"] / max(c["rows"], 1))
    lines = [
        f"{c['check']} ({c['table']}): {c['failing']:,} of {c['rows']:,}; {c['action']}"
        for c in raised[:SHOWN]
    ]
    more = len(raised) - len(lines)
    return [*lines, f"and {more} more, which page 01 shows"] if more > 0 else lines


def pages(loaded: Study, days: dict | None, several: bool = True) -> list[Page]:
    """Return what each page will say and leave out, by wording/outlook.yaml.

    `days` is from `activity.extent`, None without transactions; `several` is whether enough
    products are bought by enough customers to be told apart.
    """
    has, words = _has(loaded, days, several), _words(loaded, days)
    result = []
    for page in wording.table("outlook"):
        there = has.get(page.get("needs", ""), True)
        lacking = [part for part, need in page.get("parts", {}).items() if not has[need]]
        without = lacking if there else [page["without"]]
        says = page["says"] if there else NO_PAGE
        without = tuple(part.format(**words) for part in without)
        result.append(Page(page["page"], says.format(**words), without))
    return result


def _has(loaded: Study, days: dict | None, several: bool) -> dict[str, bool]:
    """Return what a study has of what parts of the report need."""
    has, sold = loaded.tables, loaded.tables.transactions
    bases = {a.base for table in has.people.values() for a in table.attributes.values()}
    start, end = loaded.as_of.replace(day=1), loaded.until(loaded.as_of) - timedelta(days=1)
    whole = pd.date_range(days["first"], start, freq="MS", inclusive="left") if days else ()
    runs = (path.parent.name for path in loaded.folder.glob("*/segments.parquet"))
    steps = {step.name[:2] for step in plan.steps(loaded)}
    product = bool(sold and sold.columns.product)
    return {
        "transactions": bool(sold),
        "months": len(whole) > 0,
        "money": loaded.money or not sold,
        "attributes": bool(bases),
        "judged": bool(loaded.outcomes) or (days is not None and days["last"] >= end),
        "product": product,
        "goods": product and several,
        "economics": bool(loaded.economics),
        "answers": "psychographic" in bases,
        "demographics": bool(bases & {"demographic", "geographic"}),
        "results": "05" in steps,
        "experiments": "06" in steps,
        "campaigns": bool(has.campaigns),
        "random campaigns": not has.campaigns or bool(has.campaigns.randomised),
        "random arms": not loaded.arms or bool(loaded.arms.randomised),
        "another run": "07" in steps and any(day < loaded.as_of.isoformat() for day in runs),
    }


def _words(loaded: Study, days: dict | None) -> dict[str, str]:
    """Return what the pages say of this study."""
    has, sold = loaded.tables, loaded.tables.transactions
    product = sold.columns.product if sold else None
    drawn = any(table and table.randomised for table in (loaded.arms, has.campaigns))
    ends = f"the data end on {days['last']}, before the holdout does" if days else ""
    few = f"fewer than two products have {loaded.minimum_cell} buyers"
    arms = "what each arm of the experiment brought, overall and by segment"
    return {
        "bases": " and ".join(loaded.segmentation.bases),
        "unjudged": ends or "no transactions",
        "level": (has.products and has.products.columns.level) or product,
        "no_goods": few if product else "no column has the role product",
        "results": "what each segment did before and after" if sold else "what is known now",
        "experiments": arms if drawn else "whom campaigns reached",
    }
