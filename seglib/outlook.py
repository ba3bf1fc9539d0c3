"""What a study will be able to say, told before it is run: rows, customers, and page by page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import ibis.expr.types as ir

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
    days = activity.extent(known)
    months = days is not None and days["first"] < loaded.as_of.replace(day=1)
    told = pages(loaded, days and days["last"], sold is not None, months)
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


def pages(
    loaded: Study, last: date | None, several: bool = True, months: bool = True
) -> list[Page]:
    """Return what each page will say and leave out.

    Parameters
    ----------
    loaded
        The study.
    last
        The last day of its transactions; None without them.
    several
        Whether enough products are bought by enough customers to be told apart.
    months
        Whether the transactions reach into a month before that of `as_of`.
    """
    has, asked = loaded.tables, loaded.segmentation
    sold = has.transactions.columns if has.transactions else None
    attributes = [a for t in (has.customers, has.survey) if t for a in t.attributes.values()]
    money = sold is not None and bool(sold.amount or sold.price)
    covered = last is not None and last >= loaded.until(loaded.as_of) - timedelta(days=1)
    judged = covered or loaded.outcomes
    why = "no transactions" if last is None else f"the data end on {last}, before the holdout does"
    found = [
        Page("01 data collection", "every row accounted for, every column explained"),
        Page(
            "02 exploratory analysis", "who the customers are, and whether groups show",
            _without({"months (no whole month of transactions)": sold and months,
                      "spend (no amount)": money or not sold,
                      "who has no attributes (no table of customers or answers)": attributes}),
        ),
        Page(
            "03 customers", f"segments by {' and '.join(asked.bases)}, and how real they are",
            _without({f"whether they foretell what comes next ({why})": judged or loaded.outcomes}),
        ),
    ]  # fmt: skip
    if sold and sold.product and several:
        level = (has.products and has.products.columns.level) or sold.product
        found.append(Page("03 products", f"segments of {level!r} by how it is bought"))
    else:
        why = f"fewer than two products have {loaded.minimum_cell} buyers"
        why = why if sold and sold.product else "no column has the role product"
        found.append(Page("03 products", NO_PAGE, (why,)))
    return [*found, *_advice(loaded, sold, money, attributes)]


def _advice(loaded: Study, sold, money: bool, attributes: list) -> list[Page]:
    asked = [a for a in attributes if a.base == "psychographic"]
    known = [a for a in attributes if a.base in {"demographic", "geographic"}]
    return [
        Page(
            "04 personas", "claims with their evidence, and a playbook of tests",
            _without({
                "motivations (no answers)": asked, "who they are (no attributes)": known,
                "what they buy (no product)": sold and sold.product,
                "what pays (no economics)": loaded.economics,
            }),
        ),
        *_results(loaded, sold, money),
    ]  # fmt: skip


def _results(loaded: Study, sold, money: bool) -> list[Page]:
    """Return the pages on what happened, and on the run before."""
    has, steps = loaded.tables, {step.name[:2] for step in plan.steps(loaded)}
    arms, mailed = loaded.arms, has.campaigns
    drawn = [t for t in (arms, mailed) if t and t.randomised]
    followed = "what each segment did before and after" if sold else "what is known now"
    effects = "what each arm of the experiment brought, overall and by segment"
    pages = {
        "05 results": (followed, "no transactions and no outcomes", {
            "orders and visits (no transactions)": sold,
            "spend (no amount)": money or not sold,
            "effects of campaigns (none is randomised)": not mailed or mailed.randomised,
            "effects of the arms (not said to be drawn at random)": not arms or arms.randomised,
        }),
        "06 experiments": (effects if drawn else "whom campaigns reached",
                           "no campaigns and no arms", {"campaigns (no table of them)": mailed}),
        "07 monitoring": ("who moved since the last run, and what drifted", "first run", {}),
    }  # fmt: skip
    ran = {"05", "06", "07" if _has_runs(loaded) else ""} & steps
    return [
        Page(name, says, _without(parts)) if name[:2] in ran else Page(name, NO_PAGE, (why,))
        for name, (says, why, parts) in pages.items()
    ]


def _without(parts: dict) -> tuple[str, ...]:
    """Return the parts that lack what they need."""
    return tuple(part for part, need in parts.items() if not need)


def _has_runs(loaded: Study) -> bool:
    days = (path.parent.name for path in loaded.folder.glob("*/segments.parquet"))
    return any(day < loaded.as_of.isoformat() for day in days)
