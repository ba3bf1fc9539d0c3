"""What a persona may say: from a pattern in the features to a sentence, all in tables.

Every factual sentence of a persona comes from one row of `FACTS`; no other text states a fact.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
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
        Which statistic to use: see seglib.statistic.
    """

    rule: str
    section: str
    column: str
    direction: str
    sentence: str
    table: str = "customers"


OTHERS = "(others: {outside})"  # everyone else in the study; the page says so once

FACTS = (
    Fact("size", "size", "", "", "{inside} {customers}, {value} of all.", "sizes"),
    Fact("revenue", "value", "spend", "", "They bring {value} of the revenue.", "revenue"),
    Fact("value-high", "value", "spend", "higher",
         "They are worth more: {inside} each, on average " + OTHERS + ".", "means"),
    Fact("value-low", "value", "spend", "lower",
         "They are worth less: {inside} each, on average " + OTHERS + ".", "means"),
    Fact("orders-high", "behaviour", "orders", "higher",
         "They order often: {typically} {inside} orders " + OTHERS + "."),
    Fact("orders-low", "behaviour", "orders", "lower",
         "They order seldom: {typically} {inside} orders " + OTHERS + "."),
    Fact("basket-high", "behaviour", "basket_value", "higher",
         "Their orders are large: {typically} {inside} " + OTHERS + "."),
    Fact("basket-low", "behaviour", "basket_value", "lower",
         "Their orders are small: {typically} {inside} " + OTHERS + "."),
    Fact("lines-high", "behaviour", "basket_items", "higher",
         "They put much into one order: {typically} {inside} lines " + OTHERS + "."),
    Fact("lines-low", "behaviour", "basket_items", "lower",
         "They buy a few things at a time: {typically} {inside} lines " + OTHERS + "."),
    Fact("breadth-high", "behaviour", "breadth", "higher",
         "They buy across the range: {typically} {inside} categories " + OTHERS + "."),
    Fact("breadth-low", "behaviour", "breadth", "lower",
         "They buy a small part of the range: {typically} {inside} categories " + OTHERS + "."),
    Fact("weekend-high", "behaviour", "weekend_share", "higher",
         "They {do} at weekends: {typically} {inside} of {orders} " + OTHERS + "."),
    Fact("weekend-low", "behaviour", "weekend_share", "lower",
         "They {do} on weekdays: {typically} only {inside} of {orders} at weekends " + OTHERS
         + "."),
    Fact("evening-high", "behaviour", "evening_share", "higher",
         "They {do} in the evening: {typically} {inside} of {orders} " + OTHERS + "."),
    Fact("evening-low", "behaviour", "evening_share", "lower",
         "They {do} in the daytime: {typically} only {inside} of {orders} in the evening "
         + OTHERS + "."),
    Fact("irregular", "behaviour", "irregularity", "higher",
         "They come irregularly: an irregularity of {inside} " + OTHERS + "; 0 is like clockwork."),
    Fact("regular", "behaviour", "irregularity", "lower",
         "They come regularly: an irregularity of {inside} " + OTHERS + "; 0 is like clockwork."),
    Fact("sessions-high", "behaviour", "sessions", "higher",
         "They use it often: {typically} {inside} " + OTHERS + "."),
    Fact("sessions-low", "behaviour", "sessions", "lower",
         "They use it seldom: {typically} {inside} " + OTHERS + "."),
    Fact("engaged", "loyalty", "engagement", "higher",
         "They are active on many days: {typically} {inside} of the recent ones " + OTHERS + "."),
    Fact("disengaged", "loyalty pain_points", "engagement", "lower",
         "They are active on few days: {typically} {inside} of the recent ones " + OTHERS + "."),
    Fact("adoption-high", "goals", "adoption", "higher",
         "They use much of what there is: {typically} {inside} of all features " + OTHERS + "."),
    Fact("adoption-low", "goals pain_points", "adoption", "lower",
         "They use little of what there is: {typically} {inside} of all features " + OTHERS + "."),
    Fact("start-high", "loyalty", "first_days", "higher",
         "They began eagerly: active on {typically} {inside} days of their first week " + OTHERS
         + "."),
    Fact("start-low", "loyalty pain_points", "first_days", "lower",
         "They began slowly: active on {typically} {inside} days of their first week " + OTHERS
         + "."),
    Fact("overdue", "loyalty pain_points", "overdue", "higher",
         "They stay away longer than they used to: {typically} {inside} times their own rhythm "
         + OTHERS + "."),
    Fact("on-time", "loyalty", "overdue", "lower",
         "They come as often as they used to: away for {typically} {inside} times their own rhythm "
         + OTHERS + "."),
    Fact("use-up", "loyalty", "usage_trend", "higher",
         "They use it more than before: a trend of {inside} " + OTHERS + ", from −1 to 1."),
    Fact("use-down", "loyalty pain_points", "usage_trend", "lower",
         "They use it less than before: a trend of {inside} " + OTHERS + ", from −1 to 1."),
    Fact("places-high", "channels", "places", "higher",
         "They buy in several places: {typically} {inside} " + OTHERS + "."),
    Fact("places-low", "channels", "places", "lower",
         "They buy in few places: {typically} {inside} " + OTHERS + "."),
    Fact("discount-high", "price", "discount_share", "higher",
         "They buy at a discount: it takes off {typically} {inside} " + OTHERS + "."),
    Fact("full-price", "price pain_points", "discount_share", "lower",
         "They pay close to full price although promotions exist: discounts take off {typically} "
         "{inside} " + OTHERS + "."),
    Fact("coupon-high", "price", "coupon_share", "higher",
         "They use coupons: {typically} in {inside} of orders " + OTHERS + "."),
    Fact("coupon-low", "price", "coupon_share", "lower",
         "They hardly use coupons: {typically} in {inside} of orders " + OTHERS + "."),
    Fact("own-label-high", "price", "own_label_share", "higher",
         "They choose own label: {typically} {inside} of spend " + OTHERS + "."),
    Fact("own-label-low", "price", "own_label_share", "lower",
         "They choose brands: own label is {typically} {inside} of spend " + OTHERS + "."),
    Fact("tenure-high", "loyalty", "tenure", "higher",
         "They have been here longer: {typically} {inside} since the first {begin} " + OTHERS
         + "."),
    Fact("tenure-low", "loyalty", "tenure", "lower",
         "They are newer: {typically} {inside} since the first {begin} " + OTHERS + "."),
    Fact("recency-low", "loyalty", "recency", "lower",
         "They were here lately: {typically} {inside} since the last {begin} " + OTHERS + "."),
    Fact("recency-high", "loyalty pain_points", "recency", "higher",
         "They have been away longer: {typically} {inside} since the last {begin} " + OTHERS + "."),
    Fact("trend-high", "loyalty", "trend", "higher",
         "They buy more than before: a trend of {inside} " + OTHERS + ", from −1 to 1."),
    Fact("trend-low", "loyalty pain_points", "trend", "lower",
         "They buy less than before: a trend of {inside} " + OTHERS + ", from −1 to 1."),
    Fact("growth-up", "loyalty", "spend", "higher",
         "Their spend holds up better: the last {months} months made {inside} of the {months} "
         "before " + OTHERS + ".", "growth"),
    Fact("growth-down", "loyalty pain_points", "spend", "lower",
         "Their spend falls behind: the last {months} months made {inside} of the {months} "
         "before " + OTHERS + ".", "growth"),
    Fact("overlooked", "channels", "contacts", "lower",
         "They are addressed less: {inside} campaigns each, on average " + OTHERS + ".",
         "contacts"),
    Fact("addressed", "channels", "contacts", "higher",
         "They are addressed more: {inside} campaigns each, on average " + OTHERS + ".",
         "contacts"),
    Fact("responds", "channels", "responded", "higher",
         "They answer campaigns: {inside} of those addressed did " + OTHERS + ".", "responses"),
    Fact("ignores", "channels", "responded", "lower",
         "They leave campaigns unanswered: only {inside} of those addressed answered any "
         + OTHERS + ".", "responses"),
    Fact("product-high", "goals", "*", "higher",
         "A larger part of their spend goes to {label}: {inside} " + OTHERS + ".", "products"),
    Fact("need-high", "goals", "share_*", "higher",
         "A larger part of their spend goes to {label}: {typically} {inside} " + OTHERS + "."),
    Fact("need-low", "goals", "share_*", "lower",
         "A smaller part of their spend goes to {label}: {typically} {inside} " + OTHERS + "."),
    Fact("loss-high", "afterwards pain_points", "*", "higher",
         "More of them {outcome}: {inside} " + OTHERS + ".", "losses"),
    Fact("loss-low", "afterwards", "*", "lower",
         "Fewer of them {outcome}: {inside} " + OTHERS + ".", "losses"),
    Fact("gain-high", "afterwards", "*", "higher",
         "More of them {outcome}: {inside} " + OTHERS + ".", "gains"),
    Fact("gain-low", "afterwards pain_points", "*", "lower",
         "Fewer of them {outcome}: {inside} " + OTHERS + ".", "gains"),
    Fact("level-high", "{base}", "*", "higher",
         "{label} is more common: {inside} " + OTHERS + ".", "levels"),
    Fact("level-low", "{base}", "*", "lower",
         "{label} is rarer: {inside} " + OTHERS + ".", "levels"),
    Fact("any-high", "{base}", "*", "higher",
         "{label} is higher: {typically} {inside} " + OTHERS + "."),
    Fact("any-low", "{base}", "*", "lower",
         "{label} is lower: {typically} {inside} " + OTHERS + "."),
    Fact("tends-high", "{base}", "*", "higher",
         "{label} tends to be higher: in {value} of random pairs of one of them and one of the "
         "others, ties counted half.", "pairs"),
    Fact("tends-low", "{base}", "*", "lower",
         "{label} tends to be lower: higher in only {value} of random pairs of one of them and one "
         "of the others, ties counted half.", "pairs"),
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
}

MOST = {
    "plan": 5,
    "who": 3,
    "behaviour": 4,
    "goals": 3,
    "motivations": 4,
}  # sentences a section; else 2


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


class Trait(NamedTuple):
    """How a marker sounds in a name; `topic` keeps two words for one thing out of a name."""

    topic: str
    adjective: str
    phrase: str
    weight: float = 1.0


NAMES = {
    # (column, direction): what it adds to a name; weight < 1 for what other columns imply
    ("orders", "higher"): Trait("often", "Frequent", "frequent orders"),
    ("orders", "lower"): Trait("often", "Occasional", "few orders"),
    ("sessions", "higher"): Trait("often", "Frequent", "frequent use"),
    ("sessions", "lower"): Trait("often", "Occasional", "little use"),
    ("active_days", "higher"): Trait("often", "Frequent", "many active days", 0.9),
    ("active_days", "lower"): Trait("often", "Occasional", "few active days", 0.9),
    ("engagement", "higher"): Trait("engaged", "Active", "recent use", 0.9),
    ("engagement", "lower"): Trait("engaged", "Inactive", "little recent use", 0.9),
    ("adoption", "higher"): Trait("breadth", "", "many features"),
    ("adoption", "lower"): Trait("breadth", "", "few features"),
    ("features_used", "higher"): Trait("breadth", "", "many features", 0.9),
    ("features_used", "lower"): Trait("breadth", "", "few features", 0.9),
    ("first_days", "higher"): Trait("start", "", "an eager start", 0.8),
    ("first_days", "lower"): Trait("start", "", "a slow start", 0.8),
    ("usage_trend", "higher"): Trait("trend", "Growing", "rising use"),
    ("usage_trend", "lower"): Trait("trend", "Declining", "falling use"),
    ("overdue", "higher"): Trait("away", "Lapsing", "long absences", 0.8),
    ("overdue", "lower"): Trait("away", "", "steady use", 0.6),
    ("basket_value", "higher"): Trait("basket", "", "large baskets"),
    ("basket_value", "lower"): Trait("basket", "", "small baskets"),
    ("basket_items", "higher"): Trait("basket", "", "full baskets", 0.9),
    ("basket_items", "lower"): Trait("basket", "", "few items", 0.9),
    ("recency", "higher"): Trait("away", "Lapsing", "long absences", 0.8),
    ("recency", "lower"): Trait("often", "", "recent orders", 0.5),
    ("trend", "higher"): Trait("trend", "Growing", "rising spend"),
    ("trend", "lower"): Trait("trend", "Declining", "falling spend"),
    ("tenure", "higher"): Trait("tenure", "Long-standing", "a long history", 0.5),
    ("tenure", "lower"): Trait("tenure", "Newer", "a short history", 0.7),
    ("irregularity", "higher"): Trait("rhythm", "Irregular", "irregular visits", 0.8),
    ("irregularity", "lower"): Trait("rhythm", "Regular", "regular visits", 0.8),
    ("weekend_share", "higher"): Trait("day", "Weekend", "weekend orders"),
    ("weekend_share", "lower"): Trait("day", "Weekday", "weekday orders"),
    ("evening_share", "higher"): Trait("hour", "Evening", "evening orders"),
    ("evening_share", "lower"): Trait("hour", "Daytime", "daytime orders"),
    ("discount_share", "higher"): Trait("price", "Discount", "many discounts"),
    ("discount_share", "lower"): Trait("price", "Full-price", "few discounts"),
    ("coupon_share", "higher"): Trait("coupon", "Coupon", "coupons", 0.8),
    ("coupon_share", "lower"): Trait("coupon", "", "few coupons", 0.5),
    ("own_label_share", "higher"): Trait("label", "Own-label", "own-label products"),
    ("own_label_share", "lower"): Trait("label", "Brand", "brand products"),
    ("places", "higher"): Trait("places", "", "several stores", 0.8),
    ("places", "lower"): Trait("places", "", "one store", 0.6),
    ("breadth", "higher"): Trait("breadth", "", "a wide choice", 0.75),
    ("breadth", "lower"): Trait("breadth", "", "a narrow choice", 0.6),
    ("spend", "higher"): Trait("spend", "High-spending", "high spend", 0.5),
    ("spend", "lower"): Trait("spend", "Low-spending", "low spend", 0.5),
    # products
    ("penetration", "higher"): Trait("reach", "Widely bought", "many buyers"),
    ("penetration", "lower"): Trait("reach", "Niche", "few buyers"),
    ("repeat_rate", "higher"): Trait("repeat", "Often repeated", "frequent repeats"),
    ("repeat_rate", "lower"): Trait("repeat", "Seldom repeated", "few repeats"),
    ("orders_per_buyer", "higher"): Trait("repeat", "Often repeated", "frequent repeats", 0.8),
    ("orders_per_buyer", "lower"): Trait("repeat", "Seldom repeated", "few repeats", 0.8),
    ("promotion_share", "higher"): Trait("price", "Promoted", "many discounts"),
    ("promotion_share", "lower"): Trait("price", "", "few discounts"),
    ("price", "higher"): Trait("cost", "Expensive", "high prices"),
    ("price", "lower"): Trait("cost", "Cheap", "low prices"),
    ("seasonality", "higher"): Trait("season", "Seasonal", "strong seasons", 0.9),
    ("seasonality", "lower"): Trait("season", "Year-round", "no season", 0.7),
    ("spend_per_buyer", "higher"): Trait("spend", "", "high spend", 0.6),
    ("spend_per_buyer", "lower"): Trait("spend", "", "low spend", 0.6),
}


class Gap(NamedTuple):
    """What the data of a study cannot say, and what to ask instead."""

    topic: str
    known_by: tuple[str, ...]  # sections or columns that would tell
    why: str
    questions: tuple[str, ...]
    about: tuple[str, ...] = ("buyers",)  # what the customers are to the study


GAPS = (
    Gap("motivations", ("motivations",), "there are no survey answers",
        ("Think of the last time you bought from us: what made you come?",
         "What would you have done if we had been closed that day?")),
    Gap("why they are here", ("motivations",), "there are no survey answers",
        ("What made you choose us, and what else did you look at?",
         "What would you do if we were gone tomorrow?"), ("users", "people")),
    Gap("what they buy elsewhere", (), "only purchases made here are recorded",
        ("Where else do you buy such things, and what do you get there?",
         "Of ten such purchases, how many are made with us?")),
    Gap("what they do", ("behaviour",), "only what they are, have or say is recorded",
        ("When did you last use it, and what for?",), ("people",)),
    Gap("who they are", ("who",), "nothing known about who they are sets them apart",
        ("Who do you buy for?", "Who else decides what is bought?")),
    Gap("who they are", ("who",), "nothing known about who they are sets them apart",
        ("What does a usual week of yours look like?",), ("users", "people")),
    Gap("the job to be done", (), "a purchase shows what was taken, not what it was for",
        ("What did you want to get done when you came?", "What nearly stopped you?")),
    Gap("the job to be done", (), "an event shows what was used, not what it was for",
        ("What did you want to get done when you last opened it?", "What nearly stopped you?"),
        ("users",)),
    Gap("price stance", ("price", "discount_share", "coupon_share"),
        "prices and discounts are not recorded",
        ("When do you compare prices, and with whom?",)),
    Gap("channels", ("channels", "places"), "where and how they buy is not recorded",
        ("How do you hear from us, and how would you like to?",)),
)  # fmt: skip

BECAUSE = {
    # rule of a pain point: the question that would explain it
    "recency-high": "What has changed since your last order?",
    "trend-low": "Where do you buy now what you used to buy from us?",
    "growth-down": "Where do you buy now what you used to buy from us?",
    "loss-high": "What would make you stay, and what nearly made you go?",
    "gain-low": "What kept you from it?",
    "full-price": "Did you see our promotions, and what kept you from using them?",
}
