"""What a product manager may edit is checked where it is read: one sentence, with its line."""

import pytest
import yaml

from seglib import wording
from seglib.formats import StudyError
from seglib.personas import words

FILES = {"claims": words.CLAIMS_FILE, "levers": words.LEVERS_FILE}
FILES |= {"vocabulary": words.VOCABULARY_FILE}
LEVER = 'when: [orders-high, basket-low], action: "Test an incentive to add one more item'
TRAIT = "[often, Frequent, frequent orders, 1]"
ORDERS = "They order {by}more often: {typically}"
FEW = '"{metric} (too few did'
TOPIC = "topics: [the job to be done]"
WEEK = 'ask: ["What does a usual week of yours look like?"]'


def read(name):
    return words.read(name, FILES[name], {} if name == "claims" else words.CLAIMS)


def edited(folder, monkeypatch, name, text):
    (folder / f"{name}.yaml").write_text(text)
    monkeypatch.setattr(wording, "FOLDER", folder)
    return read(name)


@pytest.mark.parametrize("name", FILES)
def test_the_tables_as_they_are_have_no_mistake(name):
    assert read(name) == wording.table(name)


SLIPS = [
    # claims.yaml
    ("claims", ORDERS, "They order {much}more: ", "facts.orders-high: unknown word {much}"),
    ("claims", ORDERS, "They order {outcome}: ", "facts.orders-high: unknown word {outcome}"),
    ("claims", ORDERS, "They order {by more: {typically}", "facts.orders-high: "),
    ("claims", ORDERS, "They order {by!s}more", "facts.orders-high: expected {by} with nothing"),
    ("claims", "orders-high: {in: behaviour", "orders-high: {in: behavior", "mean 'behaviour'?"),
    ("claims", "in: loyalty pain_points", "in: loyalty pain_point", "found 'pain_point', expected"),
    ("claims", "from: means", "from: meens", "facts.value-high.from: found 'meens', expected one"),
    ("claims", "is: higher", "is: highest", "facts.value-high.is: found 'highest', expected one"),
    ("claims", "  orders-high: {", "  orders-low: {", "facts.orders-low: stands twice"),
    ("claims", "is: higher, ", "is: higher, is: lower, ", "facts.value-high.is: stands twice"),
    ("claims", "[-.inf, 0.03]", "[0.03]", "facts.full-price.levels.2: is missing"),
    ("claims", "[-.inf, 0.03]", "[low, 0.03]", "facts.full-price.levels.1: found 'low', expected"),
    ("claims", "  orders-high: {", "  ~: {", "facts"),
    ("claims", "sections:", "section:", "section: unknown key, expected one of facts"),
    # levers.yaml
    ("levers", "high, basket-low]", "hihg, basket-low]", "levers.1.when.1: found 'orders-hihg', e"),
    ("levers", "[need-high|product-high]", "[need-high|product]", "found 'product', expected one"),
    ("levers", "one more item", "{thing}", "action: unknown word {thing}, expected one of items"),
    ("levers", "on {items}:", "on {items!s}:", "action: expected {items} with nothing after the"),
    ("levers", LEVER, LEVER.replace('"Test an', '"Test" an'), "put text with a colon"),
    ("levers", LEVER, LEVER.replace('"Test an', "Test: an"), "put text with a colon"),
    ("levers", LEVER, "metric: revenue, " + LEVER, "levers.1.metric: found 'revenue', expected"),
    ("levers", LEVER, LEVER.replace("when", "wenn"), "levers.1.wenn: unknown key, expected one of"),
    ("levers", "[orders-high, basket-low]", "orders-high", "levers.1.when: found 'orders-high'"),
    ("levers", "[orders-high, basket-low]", "[]", "levers.1.when: found [], expected at least 1"),
    ("levers", FEW, FEW.replace("{metric}", "{metric} of {who}"), "texts.few: unknown word {who}"),
    ("levers", "to be chosen: ", "to be chosen by {who}: ", "texts.no_months: unknown word {who}"),
    ("levers", '  effect: "Size', '  # "Size', "texts.effect: is missing"),
    ("levers", "  reach: share that", "  # share that", "criteria.reach: is missing"),
    ("levers", "  reach: share that", "  reech: share that", "did you mean 'reach'?"),
    ("levers", "avoid:", "avoids:", "avoids: unknown key, expected one of levers, meanings, avoid"),
    ("levers", "levers:\n", "~: 1\nlevers:\n", "None: unknown key, expected one of lev"),
    # vocabulary.yaml
    ("vocabulary", TRAIT, "[often, Frequent]", "traits.orders.higher.3: is missing"),
    ("vocabulary", TRAIT, TRAIT.replace("1]", "much]"), "traits.orders.higher.4: found 'much', ex"),
    ("vocabulary", TRAIT, TRAIT.replace("1]", "1, with, x]"), "higher: found ['often', 'Frequent'"),
    (
        "vocabulary",
        "  recency-high: What",
        "  recency-hi: What",
        "reasons.recency-hi: found 're",
    ),
    ("vocabulary", TOPIC, TOPIC.replace("done", "dnoe"), "topics.1: found 'the job to be dnoe', e"),
    ("vocabulary", "in: [goals]", "in: [gaols]", "parts.2.in.1: found 'gaols', expected one of"),
    ("vocabulary", "about: [buyers]", "about: [byers]", "gaps.1.about.1: found 'byers', expected"),
    ("vocabulary", WEEK, "ask: [How: weekly?]", "gaps.6.ask.1: found a block of keys, expected te"),
    ("vocabulary", "  unasked: ", "  unaskt: ", "why.unaskt: unknown key, expected one of unasked"),
    (
        "vocabulary",
        "users: How they use",
        "user: How they use",
        "parts.1.heading.user: unknown",
    ),
    ("vocabulary", "heading: Goals", "heading: 3", "parts.2.heading: found 3, expected"),
]


def refused(folder, monkeypatch, name, text):
    with pytest.raises(StudyError) as error:
        edited(folder, monkeypatch, name, text)
    assert str(error.value).startswith(f"{name}.yaml, line ") and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("name", "old", "new", "said"), SLIPS)
def test_a_slip_is_named_with_file_line_entry_and_word(tmp_path, monkeypatch, name, old, new, said):
    text = (wording.FOLDER / f"{name}.yaml").read_text()
    assert old in text
    mistake = refused(tmp_path, monkeypatch, name, text.replace(old, new, 1))
    assert said in mistake
    line = int(mistake.split("line ")[1].split(":")[0])
    changed = text[: text.index(old)].count("\n") + 1
    assert line == changed or "missing" in mistake or "twice" in mistake or "~" in new


@pytest.mark.parametrize("value", [None, "none", 3, {"when": 1}])
@pytest.mark.parametrize("name", FILES)
def test_no_table_may_be_emptied_or_be_something_else(tmp_path, monkeypatch, name, value):
    tables = wording.table(name)
    for table in tables:
        text = yaml.safe_dump(tables | {table: value}, sort_keys=False, width=10_000)
        assert f": {table}" in refused(tmp_path, monkeypatch, name, text)
        monkeypatch.undo()


def test_a_file_in_another_encoding_is_one_sentence(tmp_path, monkeypatch):
    text = (wording.FOLDER / "claims.yaml").read_bytes()
    (tmp_path / "claims.yaml").write_bytes(text.replace(b"They order", b"Se\xf1ores", 1))
    monkeypatch.setattr(wording, "FOLDER", tmp_path)
    with pytest.raises(StudyError, match=r"^claims\.yaml[^\n]* UTF-8$"):
        read("claims")


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "none\n", "3\n"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_without_tables_is_one_sentence(tmp_path, monkeypatch, name, text):
    assert "expected a block of keys" in refused(tmp_path, monkeypatch, name, text)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("claims", ORDERS, "They come {by}more often, {{so to say}}: {typically}"),
        ("claims", "levels: [-.inf, 0.03]", "levels: [-1, 3]"),
        ("claims", "besides: Besides", "besides: Also"),
        (
            "levers",
            "levers:\n",
            "levers:\n" + '  - {lever: new, when: [coupon-high], action: "A"}\n',
        ),
        ("levers", "avoid:", "avoid: []\n#"),
        ("levers", FEW, '"(too few did'),
        ("vocabulary", TRAIT, "[often, Frequent, frequent orders]"),
        ("vocabulary", TRAIT, "[often, Frequent, frequent orders, 0.5, who place]"),
        ("vocabulary", "unless: [motivations]", "unless: [motivations, own_column]"),
        ("vocabulary", "heading: Goals", "heading: {buyers: A, users: B, people: C}"),
        ("vocabulary", "in: [goals]", "in: []"),
    ],
)
def test_an_edit_in_other_words_is_accepted(tmp_path, monkeypatch, name, old, new):
    text = (wording.FOLDER / f"{name}.yaml").read_text()
    assert old in text
    if new.startswith("avoid: []"):
        head, tail = text.split("avoid:")
        text, old, new = f"{head}avoid: []\ncriteria:{tail.split('criteria:')[1]}", "", ""
    assert edited(tmp_path, monkeypatch, name, text.replace(old, new, 1) if old else text)
