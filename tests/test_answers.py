"""Answers are put in order where their wording tells it, and left as they are where it does not."""

import pytest

from seglib.collection import answers


@pytest.mark.parametrize(
    "levels",
    [
        ["Disagree", "Agree", "Strongly agree"],
        ["Unzufrieden", "Zufrieden", "Sehr zufrieden"],
        ["Never", "Sometimes", "Always"],
        ["Under 18", "18-24", "65+"],
        ["Under 15K", "15-24K", "25-34K", "250K+"],
        ["0", "1", "2", "3+"],
        ["unter 30", "30 bis 49", "50 und älter"],
        ["Less than $25,000", "$25,000 - $49,999", "$50,000 or more"],
        ["Never", "Once a year", "Once a week", "More than once a week", "Daily"],
        ["Less often", "Less than once a month", "Once a month", "At least once a week"],
        ["Nie", "Alle drei Monate", "Einmal pro Woche", "Täglich"],
    ],
)
def test_usual_answers_are_ordered_from_lowest_to_highest(levels):
    assert answers.ordered(sorted(levels))[1] == levels


@pytest.mark.parametrize(
    "texts",
    [
        ["Male", "Female"], ["1", "2", "3"], ["10-20", "15-25"], ["2020-01", "2020-02"],
        ["Agree", "Berlin", "Paris"], ["Sector 7", "Sector 8", "9"], ["US-1", "US-2", "US-3"],
    ],
)  # fmt: skip
def test_other_texts_are_in_no_order(texts):
    assert answers.ordered(texts) is None


def test_what_answers_nothing_is_told_apart():
    assert answers.ordered(["Agree", "Don't know", "Disagree"]) == (
        "agreement", ["Disagree", "Agree"], ["Don't know"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("phrase", "times"),
    [
        ("Never", 0), ("Once a year", 1), ("Every three months", 4), ("once every 2 weeks", 26),
        ("2-3 times a week", 130), ("Twice weekly", 104), ("Every other day", 182.5),
        ("once in two months", 6), ("4x a year", 4), ("6 times/month", 72), ("Daily", 365),
        ("5 days a week", 260), ("Mehrmals pro Woche", 208), ("une fois par semaine", 52),
        ("Cada tres meses", 4), ("3 months", None), ("In 2 weeks", None), ("Two year", None),
        ("Month-to-month", None), ("in the last 3 months", None), ("Once", None), ("Yes", None),
    ],
)  # fmt: skip
def test_how_often_is_times_a_year(phrase, times):
    assert answers.per_year(phrase) == times


@pytest.mark.parametrize(
    ("ends", "points"),
    [
        ((1, 5, 5), range(1, 6)),
        ((0, 10, 9), range(11)),
        ((-5, 5, 11), range(-5, 6)),
        ((1, 80, 60), ()),
    ],
)
def test_whole_numbers_may_be_the_points_of_a_scale(ends, points):
    assert (answers.points(*ends) or []) == [str(n) for n in points]
