"""Sentences filled with numbers: the templates of seglib/wording/, and how a number is written.

A file `NAME.md.j2` holds the sentences of one page as Jinja blocks; a `.yaml` file is a table of
words. Templates branch on words such as `kind == "natural"`, never on numbers: what a number
means is decided in Python, where it is tested. What comes from the data is escaped, so that a
product called `*A* $5` is text and neither emphasis nor a formula.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

FOLDER = Path(__file__).with_suffix("")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is built
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|$~^=])")
LISTED = re.compile(r"^( ?\d*)([-+.):])(?=[-\s]|$)")  # what begins an item or a rule
LINKED = re.compile(r"&|(?<=:)/(?=/)|@|(?<=www)\.", re.I)  # of addresses, which links are made of
# Control characters, and those that turn the direction of what follows them.
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

PLAIN = {"", "orders", "count", "index", "ratio", "per month", "money"}


def amount(value: float, unit: str = "") -> str:
    """Return a number with its unit: '$31', '34 days', '12%', '2.4', '−0.15'.

    `unit` is as in dictionary.json (days, share, count, a currency such as $ or EUR …); or growth,
    a share with its sign; or points, of percentages.
    """
    if value is None or not math.isfinite(value):
        return "unknown"
    sign = "−" if value < 0 else "+" if value > 0 and unit == "growth" else ""
    size = abs(float(value))
    if unit in {"share", "growth"}:
        text = f"{size:.0%}" if size >= 0.095 or size == 0 else f"{size:.1%}"
        text = "under 0.1%" if 0 < size < 0.0005 else "over 99%" if 0.995 <= size < 1 else text
    elif unit == "points":
        text = f"{size:.{1 if size >= 1 or size == 0 else 2}f} points"
    elif unit in PLAIN:
        text = figure(size)
    elif len(unit) == 1 and not unit.isalnum():
        text = unit + figure(size, money=True)
    elif len(unit) == 3 and unit.isupper():
        text = f"{unit} {figure(size, money=True)}"
    else:
        text = f"{figure(size)} {unit[:-1] if unit.endswith('s') and size == 1 else unit}"
    return sign + text if text.strip("0.%" + unit) else text


def figure(size: float, money: bool = False) -> str:
    """Return a positive number with as many digits as a reader can use."""
    if size >= 100 or size == round(size):
        return f"{size:,.0f}"
    if size >= 10:
        return f"{size:,.0f}" if money else f"{size:.0f}"
    return f"{size:.2f}" if money or size < 1 else f"{size:.1f}"


def of_level(position: float, levels: list) -> str:
    """Return the ordered level at a position (of a half position, the lower one)."""
    return str(levels[math.floor(position)])


def listing(items: list[str]) -> str:
    """Return 'a', 'a and b' or 'a, b and c'."""
    items = list(items)
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else "".join(items)


def decimals(values: Iterable[float]) -> int:
    """Return the fewest decimals that show three significant digits of the largest value."""
    sizes = [abs(float(v)) for v in values if math.isfinite(v)]
    largest = max(sizes, default=0)
    most = min(max(2 - math.floor(math.log10(largest)), 0), 4) if largest else 0
    return next(d for d in range(most + 1) if d == most or all(s == round(s, d) for s in sizes))


def minus(text: str) -> str:
    """Return a number's text with a true minus sign."""
    return re.sub(r"^-(?=[\d.])", "−", text)


def number(value, about: Mapping | None = None) -> str:
    """Return a number as text; an en dash if missing.

    `about` says what it is: its `unit`, as `amount` takes it, or else the numbers it stands with
    (`value`, `low`, `high`): then all have the decimals that show three significant digits.
    """
    if not _known(value):
        return "–"
    about = about or {}
    if about.get("unit"):
        return amount(value, about["unit"])
    together = [about[key] for key in ("value", "low", "high") if _known(about.get(key))]
    return minus(f"{value:,.{decimals([value, *together])}f}")


def share(value) -> str:
    """Return a share as per cent, with a decimal below ten; an en dash if missing."""
    if not _known(value):
        return "–"
    places = 1 if 0 < abs(value) < 0.0995 else 0
    return minus(f"{value:.{places}%}")


def interval(found: Mapping) -> str:
    """Return '0.35 (0.32 to 0.37)' from value, low and high; the value alone without width."""
    value, *ends = (
        minus(f"{x:.3f}") if _known(x) else ""
        for x in (found.get("value", found.get("mean")), found.get("low"), found.get("high"))
    )
    return (
        f"{value} ({ends[0]} to {ends[1]})"
        if all(ends) and found["low"] != found["high"]
        else value
    )


def count(value) -> str:
    """Return a whole number with its thousands apart; an en dash if missing."""
    return minus(f"{value:,.0f}") if _known(value) else "–"


def column(values: Iterable, unit: str = "") -> list[str]:
    """Return the numbers of a column as text, all with the same decimals, or all in their unit."""
    values = list(values)
    places = decimals(round(v, 9) for v in values if _known(v))
    write = (lambda v: amount(v, unit)) if unit else (lambda v: minus(f"{v:,.{places}f}"))
    return [write(v) if _known(v) else "–" for v in values]


def day(text: str) -> str:
    """Return 2017-10-01 as 1 October 2017; any other text as it is."""
    try:
        result = date.fromisoformat(str(text))
    except ValueError:
        return str(text)
    return f"{result.day} {result:%B %Y}"


def dated(text: str) -> str:
    """Return a text with its dates in words."""
    return re.sub(r"\b\d{4}-\d\d-\d\d\b", lambda match: day(match[0]), str(text))


def ink(colour: str) -> str:
    """Return black or white, whichever is easier to read on a colour such as #0b5fa5."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#ffffff" if luminance < 0.179 else "#000000"


def _known(value) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def p_value(value) -> str:
    """Return 'p = 0.03', 'p < 0.001'; an en dash if there is no test."""
    if not _known(value):
        return "–"
    return "p < 0.001" if value < 0.001 else f"p = {value:.{2 if value >= 0.095 else 3}f}"


def estimate(value: Mapping | tuple, unit: str = "", level: str = "95% interval") -> str:
    """Return '35% (95% interval 32% to 37%)'; the value alone if low and high are the same.

    `value` has value, low and high; `unit` is as `amount` takes it.
    """
    about = value._asdict() if hasattr(value, "_asdict") else value
    middle, low, high = (
        amount(about[key], unit) if _known(about.get(key)) else ""
        for key in ("value", "low", "high")
    )
    low = low.removesuffix(f" {unit}")  # a unit in words stands once
    wide = low and high and about["low"] != about["high"]
    return f"{middle} ({f'{level} {low}'.strip()} to {high})" if wide else middle


def cells(rows, unit: str | Iterable = "", part: str = "value") -> list[str]:
    """Return the figures of a table's rows with their intervals: '35% (32% to 37%)'.

    Rows have `part` with PART_low and PART_high, or low and high, and perhaps `suppressed`; `unit`
    is one, or one a row, as `amount` takes it. An en dash where there is no figure, 'none' where
    nothing happened.
    """
    own = f"{part}_low" in rows
    ends = [f"{part}_{end}" if own else end for end in ("low", "high")]
    units = [unit] * len(rows) if isinstance(unit, str) else unit
    hidden = rows["suppressed"] if "suppressed" in rows else [False] * len(rows)
    result = zip(*(rows[name] for name in (part, *ends)), units, hidden, strict=True)
    return [_cell(*row) for row in result]


def spoken(names: Iterable, texts: Iterable[str]) -> str:
    """Return 'Regulars 35%; Others 12%', what a figure shows in words."""
    return "; ".join(f"{name} {text}" for name, text in zip(names, texts, strict=True))


def _cell(value: float, low: float, high: float, unit: str, hidden: bool) -> str:
    if hidden:
        return "not shown"
    if not _known(value):
        return "–"
    if unit != "growth" and value == low == high == 0:
        return "none"
    return estimate({"value": value, "low": low, "high": high}, unit, "")


def plural(n: int, one: str, many: str = "") -> str:
    """Return '1 order', '1,204 orders'."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


# --- templates ------------------------------------------------------------------------------------


def text(page: str, sentence: str, **values: Any) -> str:
    """Return one sentence or paragraph of a page's template as Markdown.

    `page` is wording/<page>.md.j2, `sentence` a block in it (else a KeyError). A name that the
    block uses and that is not given is an error (jinja2.UndefinedError).
    """
    return _render(_environment(True), page, sentence, values)


def plain(page: str, sentence: str, **values: Any) -> str:
    """Return the same as `text` for where Markdown is not read: captions, alt texts, terminals."""
    return _render(_environment(False), page, sentence, values)


def table(name: str) -> Any:
    """Return what a table of words holds: `wording/<name>.yaml`."""
    return yaml.load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), LOADER)


def blocks(page: str) -> list[str]:
    """Return the names of the sentences of a page."""
    return list(_environment(False).get_template(f"{page}.md.j2").blocks)


def _render(environment: jinja2.Environment, page: str, sentence: str, values: dict) -> str:
    template = environment.get_template(f"{page}.md.j2")
    block = template.blocks[sentence]
    lines = "".join(block(template.new_context(values))).strip().splitlines()
    return "\n".join(line.strip() for line in lines)


@cache
def _environment(marked: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        undefined=jinja2.StrictUndefined,
        finalize=markdown if marked else _written,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (amount, count, dated, day, estimate, interval, number, p_value, plural, share)
    environment.filters |= {f.__name__: strict(f) for f in filters}
    environment.filters["code"] = strict(code)
    environment.filters["listing"] = _listing if marked else listing
    return environment


def strict(write):
    """Return a filter that fails for a name that is not given, as writing it plainly would."""

    def apply(value, *arguments):
        if isinstance(value, jinja2.Undefined):
            str(value)
        return write(value, *arguments)

    return apply


def code(value: Any) -> Markup:
    """Return a value as it stands between backticks, where Markdown escapes nothing."""
    return Markup(str(_written(value)).replace("`", "'"))


def _listing(items: list[str]) -> Markup:
    return Markup(listing([markdown(item) for item in items]))


def visible(text: str) -> str:
    """Return a text without what cannot be seen in it."""
    return UNSEEN.sub("", text)


def _written(value: Any) -> Any:
    """Return a date in words, a text in one line."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return re.sub(r"[ \t\r\n\f\v]+", " ", visible(value))  # a no-break space stays
    return day(value.isoformat()) if type(value) is date else value


def markdown(value: Any) -> Any:
    """Return a value as Markdown that shows it as it is; what is marked as safe stays."""
    value = _written(value)
    if isinstance(value, Markup):
        return value
    text = LISTED.sub(r"\1\\\2", MARKDOWN.sub(r"\\\1", str(value)))
    return Markup(LINKED.sub(lambda match: f"&#{ord(match[0])};", text))
