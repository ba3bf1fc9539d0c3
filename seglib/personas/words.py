"""The words that anyone may edit: claims.yaml, levers.yaml, vocabulary.yaml, read and checked."""

from collections.abc import Iterator
from string import Formatter
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, create_model

from seglib import wording
from seglib.formats import Part, StudyError, nearest, sentence

CRITERIA = ["size", "value", "growth", "stability", "reach", "objective"]
ABOUT = "buyers", "users", "people"
ELSEWHERE = "targeting", "tests", "affinity", "range", "size", "{base}"
REASONS = "the reasons for what goes wrong"  # the topic of the questions about warning signs
# What a fact may say in braces: every one, and beside that by how it is measured.
EVERY = "inside outside by others typically value label customers months order orders ordered do"
BRACES = {"": f"{EVERY} begin", "products": "name buyers", "groups": "name", "ranks": "rank of"}
BRACES |= {"losses": "outcome", "gains": "outcome", "criteria": "meaning figure"}
BRACES |= {"tests": "target months span there customer metric measured figure"}


def braces(text: str, known: str) -> str:
    """Return a text in which only words that are known stand in braces."""
    for _, name, spec, turn in Formatter().parse(text):
        if name is not None and name not in known.split():
            hint = nearest(name, known.split()) if known else ", expected none in this text"
            raise ValueError(f"unknown word {{{name}}}{hint}")
        if spec or turn:
            raise ValueError(f"expected {{{name}}} with nothing after the word in braces")
    return text


def says(known: str = "") -> Any:
    """Return the type of a text that may have these words in braces."""
    return Annotated[Text, AfterValidator(lambda text: braces(text, known))]


def key(table: str, *more: str, apart: str = "\n") -> Any:
    """Return the type of a text that holds keys of a table, or topics of its rows."""

    def check(text: str, info: Any) -> str:
        words = text.split(apart)
        rows = info.context[table] if info.context else words  # at first only types are checked
        known = [*dict.fromkeys(r["topic"] if isinstance(r, dict) else r for r in rows), *more]
        for word in words:
            if word not in known:
                raise ValueError(f"found {word!r}{nearest(word, known)}")
        return text

    return Annotated[str, AfterValidator(check)]


def block(*names: str, each: Any = None, **types: Any) -> Any:
    """Return the type of a block: keys of texts, or of `each`, and key=type or (type, default)."""
    types = dict.fromkeys(names, each or Text) | types
    fields = {key: kind if isinstance(kind, tuple) else (kind, ...) for key, kind in types.items()}
    return create_model("Block", __base__=Part, **fields)


SOME = Field(min_length=1)
Text = Annotated[str, SOME]
Texts = Annotated[list[Text], SOME]
Rule, Section = key("facts"), key("sections")
Number = Annotated[float, Field(strict=True)]
SENTENCE = AfterValidator(
    lambda fact: braces(fact.say, f"{BRACES['']} {BRACES.get(getattr(fact, 'from'), '')}") and fact
)
DEFAULTS = {3: [1, "with"], 4: ["with"]}  # of weight and link, by how many parts a trait has
FULL = BeforeValidator(lambda t: t + DEFAULTS.get(len(t), []) if isinstance(t, list) else t)
Trait = Annotated[tuple[str, str, Text, Number, Text], FULL]
ANY_HEADING = BeforeValidator(lambda h: dict.fromkeys(ABOUT, h) if isinstance(h, str) else h)
KIND = Literal["superiority", "lift", "ratio", "share", "median", "criterion", "rank", "test"]
FACT = {
    "in": key("sections", *ELSEWHERE, apart=" "),
    "of": (str, ""),
    "is": (Literal["higher", "lower"], "higher"),
    "from": (key("sources"), Field("customers", validate_default=True)),
    "levels": (tuple[Number, Number], (0, 1)),
}
CLAIMS_FILE = block(
    facts=dict[str, Annotated[block("say", **FACT), SENTENCE]],
    sources=dict[str, block("table", kind=KIND, statistic=says(" ".join(BRACES.values())))],
    figures=block("baseline", "n_per_arm", "detectable", "break_even"),
    tables=block("size", "value", "objective", "growth", "stability"),
    sections=dict[str, Text],
    headings=block("defines", "besides"),
    most=dict[Section, Annotated[int, Field(strict=True, ge=0)]],
    bases=dict[str, Section],
)
ARMS = Annotated[list[Text], Field(min_length=2, max_length=2)]
WHO, TIME = "who did", "months span"
TEXTS = {"spend": WHO, "active": WHO, "nobody": f"{WHO} {TIME}", "pays": f"least who {TIME}"}
TEXTS |= {"few": "metric", "no_months": "", "effect": ""}
LEVER = {"when": Annotated[list[key("facts", apart="|")], SOME], "action": says("items")}
LEVERS_FILE = block(
    levers=list[block("lever", metric=(Literal["spend", "active", "outcome"], "spend"), **LEVER)],
    meanings=list[block("text", when=Annotated[list[Rule], SOME])],
    avoid=list[block(when=list[Rule], say=says())],
    criteria=block(*CRITERIA),
    texts=block(arms=ARMS, **{name: says(words) for name, words in TEXTS.items()}),
)
ASK = {"about": Annotated[list[Literal[ABOUT]], SOME], "ask": Texts}
CARD = {"in": list[Section], "topics": list[key("gaps", REASONS)], "ask": Texts}
VOCABULARY_FILE = block(
    **{"affirmative": Texts, "negative": Texts},
    traits=dict[str, block("higher", "lower", each=Trait)],
    gaps=list[block("topic", "why", unless=list[str], **ASK)],
    why=block("unasked", "answered"),
    reasons=dict[Rule, Text],
    parts=list[block(heading=Annotated[block(*ABOUT), ANY_HEADING], **CARD)],
)


def read(name: str, file: type[Part], beside: dict) -> dict:
    """Return a table of words; StudyError names file, line, entry and word of its first mistake."""
    path = wording.FOLDER / f"{name}.yaml"
    text, lines = path.read_bytes(), {(): 1}
    try:
        rows, node = yaml.load(text, wording.LOADER), yaml.compose(text, wording.LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        fault = f", line {mark.line + 1}: {error.problem}" if mark else f": {error}".splitlines()[0]
        raise StudyError(f"{path.name}{fault}; put text with a colon in quotes, in UTF-8") from None
    for place, line in _lines(node) if node else ():
        if place in lines:
            raise StudyError(f"{path.name}, line {line}: {'.'.join(map(str, place))}: stands twice")
        lines[place] = line
    try:
        file.model_validate(rows)
        file.model_validate(rows, context=beside | rows)
    except ValidationError as error:
        fault = min(error.errors(), key=lambda e: e["type"] == "missing")  # a misspelled key first
        loc = fault["loc"]
        line = next(lines[loc[:n]] for n in range(len(loc), -1, -1) if loc[:n] in lines)
        entry = tuple(part + 1 if isinstance(part, int) else part for part in loc) or ("the file",)
        own = {"value_error": {"input": {}}, "invalid_key": {"type": "extra_forbidden"}}
        said = sentence(fault | own.get(fault["type"], {}) | {"loc": entry}, file)
        raise StudyError(f"{path.name}, line {line}: {said}") from None
    return rows


def _lines(node: yaml.Node, place: tuple = ()) -> Iterator[tuple[tuple, int]]:
    """Yield place and line of each key of a block and each entry of a list, at any depth."""
    values = node.value if node.id != "scalar" else ()
    for n, (first, value) in enumerate(v if node.id == "mapping" else (v, v) for v in values):
        part = first.value if node.id == "mapping" else n
        yield (*place, part), first.start_mark.line + 1
        yield from _lines(value, (*place, part))


CLAIMS = read("claims", CLAIMS_FILE, {})
LEVERS = read("levers", LEVERS_FILE, CLAIMS)
VOCABULARY = read("vocabulary", VOCABULARY_FILE, CLAIMS)
