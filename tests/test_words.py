"""What a product manager may edit is checked where it is read: one sentence, with its line."""

import pytest

from seglib import wording
from seglib.formats import StudyError
from seglib.personas import words

CHECKS = {"claims": words._claims, "levers": words._levers, "vocabulary": words._vocabulary}
LEVER = 'when: [orders-high, basket-low], action: "Test an incentive to add one more item'
TRAIT = "[often, Frequent, frequent orders, 1]"
ORDERS = "They order {by}more often: {typically}"


@pytest.mark.parametrize("name", CHECKS)
def test_the_tables_as_they_are_have_no_mistake(name):
    assert words.read(name, CHECKS[name]) == wording.table(name)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            "claims",
            ORDERS,
            "They order {much}more: {typically}",
            "facts orders-high: unknown word {much}",
        ),
        (
            "claims",
            ORDERS,
            "They order {outcome}: {typically}",
            "facts orders-high: unknown word {outcome}",
        ),
        ("claims", ORDERS, "They order {by more: {typically}", "facts orders-high: "),
        (
            "claims",
            "  orders-high: {in: behaviour",
            "  orders-high: {in: behavior",
            "did you mean 'behaviour'?",
        ),
        ("claims", "  orders-high: {", "  orders-low: {", "facts orders-low: stands twice"),
        (
            "claims",
            "levels: [-.inf, 0.03]",
            "levels: [0.03]",
            "full-price: 'levels' is [0.03], expected two",
        ),
        ("levers", LEVER, LEVER.replace("high", "hihg"), "found 'orders-hihg', expected one of"),
        (
            "levers",
            LEVER,
            LEVER.replace("one more item", "{thing}"),
            "unknown word {thing}, expected one of items",
        ),
        ("levers", LEVER, LEVER.replace('"Test an', '"Test" an'), "put text that has a colon"),
        (
            "levers",
            LEVER,
            LEVER.replace('action: "Test an', "action: Test: an"),
            "put text that has a colon",
        ),
        (
            "levers",
            LEVER,
            "metric: revenue, " + LEVER,
            "levers 1: found 'revenue', expected one of spend",
        ),
        ("levers", LEVER, LEVER.replace("when", "wenn"), "unknown key 'wenn'"),
        (
            "levers",
            LEVER,
            LEVER.replace("[orders-high, basket-low]", "orders-high"),
            "expected a list",
        ),
        (
            "vocabulary",
            TRAIT,
            "[often, Frequent]",
            "traits orders: found ['often', 'Frequent'], expected [topic",
        ),
        ("vocabulary", TRAIT, "[often, Frequent, frequent orders, much]", "traits orders: found"),
        ("vocabulary", "  recency-high: What", "  recency-hi: What", "reasons: found 'recency-hi'"),
    ],
)
def test_a_slip_is_named_with_file_line_entry_and_word(tmp_path, monkeypatch, name, old, new, said):
    text = (wording.FOLDER / f"{name}.yaml").read_text()
    assert old in text
    (tmp_path / f"{name}.yaml").write_text(text.replace(old, new, 1))
    monkeypatch.setattr(wording, "FOLDER", tmp_path)
    with pytest.raises(StudyError) as error:
        words.read(name, CHECKS[name])
    assert said in str(error.value) and "\n" not in str(error.value)
    assert str(error.value).startswith(f"{name}.yaml, line ")
