"""What the data of a study cannot say about a segment, and what to ask instead."""

from __future__ import annotations

from typing import NamedTuple


class Gap(NamedTuple):
    """What the data of a study cannot say, and what to ask instead."""

    topic: str
    known_by: tuple[str, ...]  # sections or columns that would tell
    why: str
    questions: tuple[str, ...]
    about: tuple[str, ...] = ("buyers",)  # what the customers are to the study


WHO = "who they are"
UNASKED = "there are no survey answers"
RECORDED = "demographic", "geographic"  # bases of columns that say who somebody is
GAPS = (
    Gap("motivations", ("motivations",), UNASKED,
        ("Think of the last time you bought from us: what made you come?",
         "What would you have done if we had been closed that day?")),
    Gap("why they are here", ("motivations",), UNASKED,
        ("What made you choose us, and what else did you look at?",
         "What would you do if we were gone tomorrow?"), ("users", "people")),
    Gap("what they buy elsewhere", (), "only purchases made here are recorded",
        ("Where else do you buy such things, and what do you get there?",
         "Of ten such purchases, how many are made with us?")),
    Gap("what they do", ("behaviour",), "only what they are, have or say is recorded",
        ("When did you last use it, and what for?",), ("people",)),
    Gap(WHO, ("who",), "nothing known about who they are sets them apart",
        ("Who do you buy for?", "Who else decides what is bought?")),
    Gap(WHO, ("who",), "nothing known about who they are sets them apart",
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
    "recency-high": "What has changed since you last came?",
    "trend-low": "Where do you go now for what you used to get from us?",
    "growth-down": "Where do you go now for what you used to get from us?",
    "loss-high": "What would make you stay, and what nearly made you go?",
    "gain-low": "What kept you from it?",
    "full-price": "Did you see our promotions, and what kept you from using them?",
}
