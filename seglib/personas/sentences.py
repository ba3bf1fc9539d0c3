"""What the page may say beyond the personas: of targeting, tests, affinities and the range."""

from __future__ import annotations

from typing import NamedTuple

from seglib.personas.phrases import OTHERS, Fact

TARGETING = (
    Fact("target-size", "targeting", "size", "", "Size: {value} of all {customers}.", "criteria"),
    Fact("target-value", "targeting", "value", "",
         "Value: {value} each, on average, before the cut-off date.", "criteria"),
    Fact("target-growth", "targeting", "growth", "",
         "Growth: the last {months} months made {value} of the {months} before.", "criteria"),
    Fact("target-stability", "targeting", "stability", "",
         "Stability: an overlap of {value} when the analysis is repeated; 1 is always the same.",
         "criteria"),
    Fact("target-reach", "targeting", "reach", "",
         "Reach: {value} of those addressed answered a campaign.", "criteria"),
    Fact("target-objective", "targeting", "objective", "",
         "Fit with the objective: {value} on its figure, {figure}.", "criteria"),
    Fact("target-contacts", "targeting", "contacts", "",
         "Attention: {value} campaigns each, on average.", "criteria"),
    Fact("rank", "targeting", "rank", "",
         "Rank {rank} of {of}, with a score of {inside}; first under {outside} of random "
         "weightings.", "ranks"),
)  # fmt: skip

TESTS = (
    Fact("test-baseline", "tests", "baseline", "",
         "Before the cut-off date: {value} {metric} in {weeks} weeks.", "tests"),
    Fact("test-needed", "tests", "n_per_arm", "",
         "To find a change of {target} in {weeks} weeks, a test needs {value} {customers} in each "
         "half; there are {there}.", "tests"),
    Fact("test-detectable", "tests", "detectable", "",
         "With this segment halved, {weeks} weeks can show a change of {value}.", "tests"),
    Fact("test-pays", "tests", "break_even", "",
         "It pays from {value} more spend a {customer} in {weeks} weeks, on the study's costs and "
         "margin.", "tests"),
)  # fmt: skip

AFFINITY = (
    Fact("group-high", "affinity", "*", "higher",
         "{name} put more of their spend into {label}: {inside} " + OTHERS + ".", "groups"),
    Fact("group-low", "affinity", "*", "lower",
         "{name} put less of their spend into {label}: {inside} " + OTHERS + ".", "groups"),
    Fact("gap", "gap", "*", "lower",
         "{name} put less of their spend into {label}: {inside} ({like}, the segment most like "
         "them: {outside}).", "gaps"),
)  # fmt: skip

EACH = "(other products: {outside})"  # of the medians of two groups of products

RANGE = (
    Fact("range-size", "range", "", "", "{inside} products, {value} of those in a segment.",
         "sizes"),
    Fact("range-revenue", "range", "amount", "", "They bring {value} of the revenue.", "takings"),
    Fact("range-buyers", "range", "customer", "",
         "{value} of {customers} buy at least one of them.", "buyers"),
    Fact("range-own", "range", "own_label_share", "",
         "Own label makes {value} of what they bring.", "own"),
    Fact("reach-high", "range", "penetration", "higher",
         "Each is bought by many: {typically} by {inside} of {customers} " + EACH + "."),
    Fact("reach-low", "range", "penetration", "lower",
         "Each is bought by few: {typically} by {inside} of {customers} " + EACH + "."),
    Fact("again-high", "range", "repeat_rate", "higher",
         "Their buyers come back for them: {typically} {inside} buy one again " + EACH + "."),
    Fact("again-low", "range", "repeat_rate", "lower",
         "Few of their buyers come back for them: {typically} {inside} buy one again " + EACH
         + "."),
    Fact("often-high", "range", "orders_per_buyer", "higher",
         "They are bought often: {typically} in {inside} of a buyer's orders " + EACH + "."),
    Fact("often-low", "range", "orders_per_buyer", "lower",
         "They are bought seldom: {typically} in {inside} of a buyer's orders " + EACH + "."),
    Fact("promoted-high", "range", "promotion_share", "higher",
         "Discounts take off more: {typically} {inside} " + EACH + "."),
    Fact("promoted-low", "range", "promotion_share", "lower",
         "Discounts take off less: {typically} {inside} " + EACH + "."),
    Fact("own-high", "range", "own_label_share", "higher",
         "More of each is own label: {typically} {inside} " + EACH + "."),
    Fact("own-low", "range", "own_label_share", "lower",
         "Less of each is own label: {typically} {inside} " + EACH + "."),
    Fact("dear", "range", "price", "higher",
         "They cost more: {typically} {inside} a unit " + EACH + "."),
    Fact("cheap", "range", "price", "lower",
         "They cost less: {typically} {inside} a unit " + EACH + "."),
    Fact("season-high", "range", "seasonality", "higher",
         "Their sales swing with the months: {typically} by {inside} " + EACH
         + "; 0 is all year alike."),
    Fact("season-low", "range", "seasonality", "lower",
         "They sell all year: monthly sales swing {typically} by {inside} " + EACH
         + "; 0 is all year alike."),
)  # fmt: skip

FACTS = (*TARGETING, *TESTS, *AFFINITY, *RANGE)


class Meaning(NamedTuple):
    """What a product segment may mean for the range: all of `when` must be claimed."""

    when: tuple[str, ...]
    text: str


MEANINGS = (
    # the most telling first; each is a possibility to test, none is a fact
    Meaning(("reach-high", "again-high"),
            "These may be what people come for. Test whether having them always in stock, and easy "
            "to find, brings more than promoting them."),
    Meaning(("reach-low", "again-low"),
            "This may be more choice than is wanted. Test, in some places, leaving out the least "
            "bought of them, and see whether those who bought them buy less of the rest."),
    Meaning(("season-high",),
            "They may be wanted only at their time. Test showing and ordering them around it."),
    Meaning(("again-low",),
            "One purchase may be all that is wanted. Test a reminder to their buyers before giving "
            "them more room."),
    Meaning(("promoted-high",),
            "Some of the discount may not be needed. Test a smaller one."),
    Meaning(("promoted-low",),
            "A first discount may win new buyers. Test one on a few of them."),
    Meaning(("own-low", "reach-high"),
            "There may be room for own label beside the brands. Test one product."),
    Meaning(("own-high",), "A further own-label product may be welcome. Test one."),
    Meaning(("reach-high",), "They may draw people in. Test placing others beside them."),
    Meaning(("reach-low",), "Few may know of them. Test showing them to those who buy the like."),
)  # fmt: skip
