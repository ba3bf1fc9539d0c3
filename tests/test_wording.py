import json
import re
from itertools import product
from pathlib import Path

import jinja2
import pytest
import yaml
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html as markdown

from seglib import wording

PAGES = sorted(p.name.removesuffix(".md.j2") for p in wording.FOLDER.glob("*.md.j2"))


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A function that writes a template with one sentence and returns its name."""
    monkeypatch.setattr(wording, "FOLDER", tmp_path)
    wording._environment.cache_clear()
    (tmp_path / "page.md.j2").touch()

    def write(sentence):
        block = f"{{% block one %}}\n{sentence}\n{{% endblock %}}\n"
        (tmp_path / "page.md.j2").write_text(block)
        return "page"

    yield write
    wording._environment.cache_clear()


def test_numbers_are_written_as_a_reader_needs_them(page):
    name = page(
        "{{ n | plural('order') }}, {{ n * 2 | int | plural('box', 'boxes') }}, {{ s | share }}"
    )
    assert wording.plain(name, "one", n=1, s=0.074) == "1 order, 2 boxes, 7.4%"


def test_an_estimate_has_its_interval(page):
    name = page("{{ e | estimate('share') }}, {{ p | p_value }}")
    values = {"e": {"value": 0.3, "low": 0.2, "high": 0.4}, "p": 0.0004}
    assert wording.plain(name, "one", **values) == "30% (95% interval 20% to 40%), p < 0.001"
    assert wording.estimate({"value": 0.3, "low": None, "high": None}, "share") == "30%"


def test_an_interval_without_width_is_not_shown():
    none = {"value": 0.0, "low": 0.0, "high": 0.0}
    assert wording.estimate(none, "share") == "0%" and wording.interval(none) == "0.000"


def test_text_of_the_data_is_text(page):
    name = page("**{{ product }}** and {{ others | listing }}")
    values = {"product": "*A* $5 <b>", "others": ["b_c", "d"]}
    assert wording.text(name, "one", **values) == r"**\*A\* \$5 \<b\>** and b\_c and d"
    assert wording.plain(name, "one", **values) == "***A* $5 <b>** and b_c and d"


@pytest.mark.parametrize(
    "value",
    [
        *("http://evil.example/x", "www.evil.example", "me@evil.example", "&copy; &lt;b&gt;"),
        *("- item", "+ plus", "1. one", "1) one", "---", "===", ": meaning", "[a]: b", "a | b"),
        *("~~gone~~", "==hi==", "x[^1]", "!x", "> said", "# head", "`code`", "$x$ ^x^"),
    ],
)
def test_text_of_the_data_is_the_same_text_on_a_page(page, value):
    shown = BeautifulSoup(markdown(wording.text(page("{{ value }} {{ value }}\n{{ value }}"), "one",
                                                value=value)), "html.parser")  # fmt: skip
    assert [tag.name for tag in shown.find_all(True)] == ["p"]
    assert shown.text.split() == [*value.split()] * 3


def test_text_of_the_data_is_one_line_without_what_cannot_be_seen(page):
    name, value = page("{{ value }} and {{ values | listing }}"), "two\n\n# li\u202enes\x08\t x"
    given = {"value": value, "values": [value, "é 日本"]}
    assert wording.plain(name, "one", **given) == "two # lines x and two # lines x and é 日本"
    assert wording.text(name, "one", **given).count("two \\# lines x and") == 2


def test_a_no_break_space_of_the_data_stays_one(page):
    shown = wording.text(page("{{ value }}"), "one", value="5\xa0 000\n\xa0kg")
    assert shown == "5\xa0 000 \xa0kg"


def test_a_missing_name_is_an_error(page):
    with pytest.raises(jinja2.UndefinedError, match="orders"):
        wording.text(page("{{ orders | count }}"), "one")


@pytest.mark.parametrize("path", sorted(wording.FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_tables_of_words_are_read(path):
    assert wording.table(path.stem) == yaml.safe_load(path.read_text())


def states(source, given):
    """Yield the values of a sentence in every state: each word that it branches on, and none."""
    words = {}
    for name, word in re.findall(r"(\w+) [!=]= [\"'](\w+)[\"']", source):
        words.setdefault(name, {"another"}).add(word)
    flags = set(
        re.findall(r"\b(?:if|and|or) (?:not )?(\w+)(?= -?%}| and | or | else | }})", source)
    )
    flags -= set(words) | {"loop"}
    choices = {**{n: sorted(w) for n, w in words.items()}, **{n: [given[n], None] for n in flags}}
    for combination in product(*choices.values()):
        yield given | dict(zip(choices, combination, strict=True))


PRIVATE = r"without groups|near a border|\bborders?\b|\bagreement\b|happened next"
PRIVATE += r"|lift that pays|beyond no groups|\btenths\b"


def private(template):
    """Return the private words of a template, those in the quoted texts of expressions too."""

    def quoted(match):
        return " ".join(text[0] for text in re.finditer(r"\".*?\"|'.*?'", match[1] or "", re.S))

    said = re.sub(r"{#.*?#}|{[%{](.*?)[%}]}", quoted, template, flags=re.S)
    return re.findall(PRIVATE, said, re.I)


@pytest.mark.parametrize("page", PAGES)
def test_pages_use_the_terms_of_the_field(page):
    assert private((wording.FOLDER / f"{page}.md.j2").read_text()) == []


def test_private_words_are_searched_for_in_expressions_too():
    assert private("a {{ 'near a border' if border else \"some agreement\" }} {# a border #}") == [
        "near a border",
        "agreement",
    ]


EXAMPLES = yaml.safe_load(Path(__file__).with_name("wording.yaml").read_text()) if PAGES else {}


@pytest.mark.parametrize("name", PAGES)
def test_every_sentence_reads_in_every_state(name):
    source = (wording.FOLDER / f"{name}.md.j2").read_text()
    assert set(EXAMPLES.get(name, {})) == set(wording.blocks(name))
    for sentence, given in EXAMPLES[name].items():
        block = source.split(f"{{% block {sentence} %}}")[1].split("{% endblock %}")[0]
        for values in states(block, given or {}):
            said = wording.plain(name, sentence, **values)
            assert not re.search(r"\bNone\b|\bnan\b|[{}]|  |\(\)|,,| ,| \.", said), said


@pytest.mark.parametrize(
    ("items", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), ("abc", "a, b and c")]
)
def test_a_list_reads_as_a_sentence_would_say_it(items, said):
    assert wording.listing(items) == said


NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_what_to_try_calls_only_what_its_notebook_has(path):
    cells = json.loads(path.read_text())["cells"]
    code = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    text = (wording.FOLDER / f"{path.stem}.md.j2").read_text()
    block = text.split("{% block try_this %}")[1].split("{% endblock %}")[0]
    heads = {
        head
        for part in block.split("`")[1::2]
        for head in re.findall(r"(?<![.\w])(\w+)\.\w+\(", part)
    }
    assert {
        h for h in heads if not re.search(rf"\b{h}\b", code) and f"seglib.{h}" not in block
    } == set()
