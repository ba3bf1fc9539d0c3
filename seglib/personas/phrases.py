"""What a persona may say: from a pattern in the features to a sentence, all in tables.

Every factual sentence of a persona comes from one row of `FACTS`; no other text states a fact.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from math import inf
from typing import NamedTuple


class Fact(NamedTuple):
    """A sentence that is written when a column differs in a direction.

    Attributes
    ----------
    rule : str
        Name of the row; stands in the claim.
    section : str
        Part of the persona, or parts, separated by a space.
    column : str
        Pattern of the column names it is about.
    direction : {"higher", "lower", ""}
        What must differ, against everyone else; empty: the sentence compares nothing.
    sentence : str
        Template; its fields are those of a measured claim, as text.
    table : str
        Which statistic to use: see `statistic`.
    levels : tuple of float
        Between which the segment's own figure must lie (the upper end included) for words that
        speak of its level; {by} is filled by `strength.word`.
    """

    rule: str
    section: str
    column: str
    direction: str
    sentence: str
    table: str = "customers"
    levels: tuple[float, float] = (-inf, inf)


OTHERS = "(others: {outside})"  # everyone else in the study; the page says so once

FULL_PRICE = 0.03  # discounts taken up to which somebody pays close to full price

FACTS = (
    Fact("size", "size", "", "", "{inside} {customers}, {value} of all.", "sizes"),
    Fact("revenue", "value", "spend", "", "They bring {value} of the revenue.", "revenue"),
    Fact("value-high", "value", "spend", "higher",
         "They spend {by}more: {inside} each, on average " + OTHERS + ".", "means"),
    Fact("value-low", "value", "spend", "lower",
         "They spend {by}less: {inside} each, on average " + OTHERS + ".", "means"),
    Fact("orders-high", "behaviour", "orders", "higher",
         "They order {by}more often: {typically} {inside} orders " + OTHERS + "."),
    Fact("orders-low", "behaviour", "orders", "lower",
         "They order {by}less often: {typically} {inside} orders " + OTHERS + "."),
    Fact("basket-high", "behaviour", "basket_value", "higher",
         "Their orders are {by}larger: {typically} {inside} " + OTHERS + "."),
    Fact("basket-low", "behaviour", "basket_value", "lower",
         "Their orders are {by}smaller: {typically} {inside} " + OTHERS + "."),
    Fact("lines-high", "behaviour", "basket_items", "higher",
         "They put {by}more into one order: {typically} {inside} lines " + OTHERS + "."),
    Fact("lines-low", "behaviour", "basket_items", "lower",
         "They put {by}less into one order: {typically} {inside} lines " + OTHERS + "."),
    Fact("breadth-high", "behaviour", "breadth", "higher",
         "They buy {by}more categories: {typically} {inside} " + OTHERS + "."),
    Fact("breadth-low", "behaviour", "breadth", "lower",
         "They buy {by}fewer categories: {typically} {inside} " + OTHERS + "."),
    Fact("weekend-high", "behaviour", "weekend_share", "higher",
         "They {do} {by}more at weekends: {typically} {inside} of {orders} " + OTHERS + "."),
    Fact("weekend-low", "behaviour", "weekend_share", "lower",
         "They {do} {by}less at weekends: {typically} {inside} of {orders} " + OTHERS + "."),
    Fact("evening-high", "behaviour", "evening_share", "higher",
         "They {do} {by}more in the evening: {typically} {inside} of {orders} " + OTHERS + "."),
    Fact("evening-low", "behaviour", "evening_share", "lower",
         "They {do} {by}less in the evening: {typically} {inside} of {orders} " + OTHERS + "."),
    Fact("irregular", "behaviour", "irregularity", "higher",
         "They come {by}less regularly: the gaps between visits vary by {typically} {inside} of "
         "their mean " + OTHERS + "."),
    Fact("regular", "behaviour", "irregularity", "lower",
         "They come {by}more regularly: the gaps between visits vary by {typically} {inside} of "
         "their mean " + OTHERS + "."),
    Fact("sessions-high", "behaviour", "sessions", "higher",
         "They use it {by}more often: {typically} {inside} " + OTHERS + "."),
    Fact("sessions-low", "behaviour", "sessions", "lower",
         "They use it {by}less often: {typically} {inside} " + OTHERS + "."),
    Fact("engaged", "loyalty", "engagement", "higher",
         "They are active on {by}more days: {typically} {inside} of the recent ones " + OTHERS
         + "."),
    Fact("disengaged", "loyalty pain_points", "engagement", "lower",
         "They are active on {by}fewer days: {typically} {inside} of the recent ones " + OTHERS
         + "."),
    Fact("adoption-high", "goals", "adoption", "higher",
         "They use {by}more of what there is: {typically} {inside} of all features " + OTHERS
         + "."),
    Fact("adoption-low", "goals pain_points", "adoption", "lower",
         "They use {by}less of what there is: {typically} {inside} of all features " + OTHERS
         + "."),
    Fact("start-high", "loyalty", "first_days", "higher",
         "They began {by}more eagerly: active on {typically} {inside} days of their first week "
         + OTHERS + "."),
    Fact("start-low", "loyalty pain_points", "first_days", "lower",
         "They began {by}more slowly: active on {typically} {inside} days of their first week "
         + OTHERS + "."),
    Fact("overdue", "loyalty pain_points", "overdue", "higher",
         "They stay away {by}longer, measured by their own rhythm: {typically} {inside} times it "
         + OTHERS + "."),
    Fact("on-time", "loyalty", "overdue", "lower",
         "They come back {by}sooner, measured by their own rhythm: away for {typically} {inside} "
         "times it " + OTHERS + "."),
    Fact("use-up", "loyalty", "usage_trend", "higher",
         "Their recent use compares {by}better with that before: a trend of {inside} " + OTHERS
         + ", from −1 to 1; 0 is no change."),
    Fact("use-down", "loyalty pain_points", "usage_trend", "lower",
         "Their recent use compares {by}worse with that before: a trend of {inside} " + OTHERS
         + ", from −1 to 1; 0 is no change."),
    Fact("places-high", "channels", "places", "higher",
         "They buy in {by}more places: {typically} {inside} " + OTHERS + "."),
    Fact("places-low", "channels", "places", "lower",
         "They buy in {by}fewer places: {typically} {inside} " + OTHERS + "."),
    Fact("discount-high", "price", "discount_share", "higher",
         "They buy {by}more at a discount: it takes off {typically} {inside} " + OTHERS + "."),
    Fact("discount-low", "price", "discount_share", "lower",
         "They buy {by}less at a discount: it takes off {typically} {inside} " + OTHERS + ".",
         levels=(FULL_PRICE, inf)),
    Fact("full-price", "price pain_points", "discount_share", "lower",
         "They pay close to full price although promotions exist: discounts take off {typically} "
         "{inside} " + OTHERS + ".", levels=(-inf, FULL_PRICE)),
    Fact("coupon-high", "price", "coupon_share", "higher",
         "They use coupons {by}more: {typically} in {inside} of orders " + OTHERS + "."),
    Fact("coupon-low", "price", "coupon_share", "lower",
         "They use coupons {by}less: {typically} in {inside} of orders " + OTHERS + "."),
    Fact("own-label-high", "price", "own_label_share", "higher",
         "They choose own label {by}more: {typically} {inside} of spend " + OTHERS + "."),
    Fact("own-label-low", "price", "own_label_share", "lower",
         "They choose own label {by}less: {typically} {inside} of spend " + OTHERS + "."),
    Fact("tenure-high", "loyalty", "tenure", "higher",
         "They have been here {by}longer: {typically} {inside} since the first {begin} " + OTHERS
         + "."),
    Fact("tenure-low", "loyalty", "tenure", "lower",
         "They came {by}more recently: {typically} {inside} since the first {begin} " + OTHERS
         + "."),
    Fact("recency-low", "loyalty", "recency", "lower",
         "They {ordered} {by}more recently: {typically} {inside} since the last {begin} " + OTHERS
         + "."),
    Fact("recency-high", "loyalty pain_points", "recency", "higher",
         "They have been away {by}longer: {typically} {inside} since the last {begin} " + OTHERS
         + "."),
    Fact("trend-high", "loyalty", "trend", "higher",
         "Their recent spend compares {by}better with that before: a trend of {inside} " + OTHERS
         + ", from −1 to 1; 0 is no change."),
    Fact("trend-low", "loyalty pain_points", "trend", "lower",
         "Their recent spend compares {by}worse with that before: a trend of {inside} " + OTHERS
         + ", from −1 to 1; 0 is no change."),
    Fact("growth-up", "loyalty", "spend", "higher",
         "Their spend holds up {by}better: the last {months} months made {inside} of the {months} "
         "before " + OTHERS + ".", "growth"),
    Fact("growth-down", "loyalty pain_points", "spend", "lower",
         "Their spend holds up {by}worse: the last {months} months made {inside} of the {months} "
         "before " + OTHERS + ".", "growth"),
    Fact("overlooked", "channels", "contacts", "lower",
         "They get {by}fewer campaigns: {inside} each, on average " + OTHERS + ".", "contacts"),
    Fact("addressed", "channels", "contacts", "higher",
         "They get {by}more campaigns: {inside} each, on average " + OTHERS + ".", "contacts"),
    Fact("untouched", "channels", "contacts", "higher",
         "{inside} of them got no campaign " + OTHERS + ".", "untouched"),
    Fact("responds", "channels", "responded", "higher",
         "They answer campaigns {by}more often: {inside} of those addressed did " + OTHERS + ".",
         "responses"),
    Fact("ignores", "channels", "responded", "lower",
         "They answer campaigns {by}less often: {inside} of those addressed did " + OTHERS + ".",
         "responses"),
    Fact("product-high", "goals", "*", "higher",
         "They put {by}more of their spend into {label}: {inside} in all " + OTHERS + "; {buyers} "
         "of them buy it.", "products"),
    Fact("need-high", "goals", "share_*", "higher",
         "They put {by}more of their spend into {label}: {typically} {inside} " + OTHERS + "."),
    Fact("need-low", "goals", "share_*", "lower",
         "They put {by}less of their spend into {label}: {typically} {inside} " + OTHERS + "."),
    Fact("loss-high", "afterwards pain_points", "*", "higher",
         "{by}more of them {outcome}: {inside} " + OTHERS + ".", "losses"),
    Fact("loss-low", "afterwards", "*", "lower",
         "{by}fewer of them {outcome}: {inside} " + OTHERS + ".", "losses"),
    Fact("gain-high", "afterwards", "*", "higher",
         "{by}more of them {outcome}: {inside} " + OTHERS + ".", "gains"),
    Fact("gain-low", "afterwards pain_points", "*", "lower",
         "{by}fewer of them {outcome}: {inside} " + OTHERS + ".", "gains"),
    Fact("near-high", "near", "*", "higher",
         "Against {like}, the segment most like them: {label} {by}higher, {typically} {inside} "
         "(there: {outside}).", "nearest"),
    Fact("near-low", "near", "*", "lower",
         "Against {like}, the segment most like them: {label} {by}lower, {typically} {inside} "
         "(there: {outside}).", "nearest"),
    Fact("level-high", "{base}", "*", "higher",
         "{label} is {by}more common: {inside} " + OTHERS + ".", "levels"),
    Fact("level-low", "{base}", "*", "lower",
         "{label} is {by}rarer: {inside} " + OTHERS + ".", "levels"),
    Fact("any-high", "{base}", "*", "higher",
         "{label} is {by}higher: {typically} {inside} " + OTHERS + "."),
    Fact("any-low", "{base}", "*", "lower",
         "{label} is {by}lower: {typically} {inside} " + OTHERS + "."),
    Fact("tends-high", "{base}", "*", "higher",
         "{label} tends to be {by}higher: in {value} of random pairs of one of them and one of the "
         "others, ties counted half.", "pairs"),
    Fact("tends-low", "{base}", "*", "lower",
         "{label} tends to be {by}lower: higher in only {value} of random pairs of one of them and "
         "one of the others, ties counted half.", "pairs"),
    Fact("typical", "{base}", "*", "", "{label}: typically {value}.", "medians"),
    Fact("example", "example", "*", "", "{label}: {inside}.", "examples"),
    Fact("rule", "rule", "", "",
         "A short rule to know them by: {label}. Of those who meet it, {value} belong here; of "
         "those who belong here, {inside} meet it.", "rules"),
)  # fmt: skip

SECTION_OF_BASE = {
    "demographic": "who", "geographic": "who", "plan": "plan", "psychographic": "motivations",
    "needs": "goals", "behavioural": "behaviour", "product": "behaviour",
}  # fmt: skip

SECTIONS = {
    "afterwards": "What happened afterwards",
    "plan": "What they have with us",
    "who": "Who they are",
    "behaviour": "How and when they buy",
    "goals": "What they buy",
    "motivations": "What they say about themselves",
    "price": "Price, channels, loyalty and worth",
    "channels": "Price, channels, loyalty and worth",
    "loyalty": "Price, channels, loyalty and worth",
    "value": "Price, channels, loyalty and worth",
    "pain_points": "Warning signs",
    "near": "Against the segment most like them",
}

# sentences a section; else 2
MOST = {"plan": 5, "who": 3, "behaviour": 4, "goals": 3, "motivations": 4, "channels": 4}


def facts_for(column: str, table: str, direction: str, given: bool = False) -> list[Fact]:
    """Return the rows that speak of a column: those naming it, else the first pattern that fits.

    What a study gives under the name of a feature, such as `tenure`, need not mean the same: of
    such a column only the patterns speak.
    """
    fitting = [
        f
        for f in FACTS
        if f.table == table and f.direction == direction and fnmatchcase(column, f.column)
    ]
    named = [f for f in fitting if "*" not in f.column and not given]
    return named or [f for f in fitting if "*" in f.column][:1]
