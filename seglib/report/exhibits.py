"""What a notebook shows: figures with alt text, accessible tables, sentences."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote

import jinja2
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown, display

from seglib import wording
from seglib.formats import StudyError
from seglib.report.figures import described, drawn, narrowed, svg, uncovered
from seglib.report.markup import slug

TEMPLATES = Path(__file__).parent / "template"
FILTERS = (
    *(wording.amount, wording.number, wording.share, wording.count),
    *(wording.day, wording.dated, wording.ink),
)
LEFT = "text-align:left"


class Missing(jinja2.ChainableUndefined):
    """A key that a mapping lacks: false, and an error where it is printed; a name always is one."""

    def __new__(cls, hint=None, obj=jinja2.utils.missing, name=None, **_):  # noqa: D102
        name_alone = obj is jinja2.utils.missing
        return jinja2.StrictUndefined(hint, name=name) if name_alone else super().__new__(cls)

    __str__ = jinja2.StrictUndefined.__str__


@cache
def environment() -> jinja2.Environment:
    """Return the Jinja environment of the report templates, escaping on."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=Missing,
        trim_blocks=True,
    )
    env.filters |= {f.__name__: wording.strict(f) for f in (*FILTERS, level, gap, emblem, slug)}
    env.filters |= {"fragment": quote, "line_chart": line_chart}
    env.globals["zip"] = zip
    return env


def level(confidence: float) -> str:
    """Return a level of confidence as text: '95%', or with the decimals that keep it from 100%."""
    if math.isclose(confidence, 0.95):
        return "95%"
    missed = max(1 - confidence, 1e-9)
    places = max(math.ceil(-math.log10(missed)) - 2, 1)
    return f"{1 - missed:.{places}%}".replace(".0%", "%")


def gap(value: float, unit: str) -> str:
    """Return a difference as text: of shares in points, as it is no part of one."""
    return wording.amount(100 * value, "points") if unit == "share" else wording.amount(value, unit)


def say(text: str, at=None) -> None:
    """Display sentences of Markdown, with dollar signs kept from being read as formulas.

    `at` is a display handle, such as the notebook's `answer`, to fill in instead of one below.
    """
    put = at.update if at else display
    put(Markdown(re.sub(r"(?<!\\)\$", r"\\$", text)))


def tell(text: str) -> None:
    """Say what is being done while it takes its time; pages leave it out."""
    print(text, file=sys.stderr)


def missing(reason: str) -> None:
    """Display, in a sentence, why a part has nothing to show: the page lists it in its place."""
    marked = escape(reason, quote=False)  # it may hold a link, but no HTML
    display({"text/markdown": marked, "text/plain": reason}, raw=True, metadata={"absent": True})


class Page:
    """What one notebook says: sentences of `wording/<name>.md.j2`, filled by its cells."""

    def __init__(self, name: str):
        self.name = name

    def say(self, sentence: str, at=None, **values) -> None:
        """Display a sentence as `say` does; nothing where the template has none for the values."""
        if text := self.text(sentence, **values):
            say(text, at)

    def text(self, sentence: str, **values) -> str:
        """Return a sentence as Markdown."""
        return wording.text(self.name, sentence, **values)

    def plain(self, sentence: str, **values) -> str:
        """Return a sentence for a title, a caption or an alt text."""
        return wording.plain(self.name, sentence, **values)


def show(figure, alt: str = "", caption: str = "", absent: str = "") -> None:
    """Display a figure (or what has one, such as axes) with alt text and caption, and close it.

    `alt` says what it shows for who cannot see it, by default titles and values of its axes;
    `absent` is displayed in the place of no data.
    """
    figure = getattr(figure, "figure", figure)
    if absent and not any(map(drawn, figure.axes)):
        plt.close(figure)
        return missing(absent)
    alt = alt.strip() or described(figure)
    data = {"image/svg+xml": svg(uncovered(figure), alt), "text/plain": alt}
    about = {"alt": alt, "caption": caption.strip(), "narrow": svg(narrowed(figure), alt, "n")}
    plt.close(figure)
    display(data, raw=True, metadata=about)
    if caption.strip():  # for JupyterLab; on the page it stands in the figure's own caption
        marked = f"*{wording.markdown(caption.strip())}*"
        display({"text/markdown": marked}, raw=True, metadata={"figcaption": True})


def table(
    frame, caption: str, formats: Mapping | None = None, note: str = "", absent: str = ""
) -> None:
    """Display a frame or series as a captioned table with row and column headers.

    The index becomes row headers; with the default index, the first column does. `formats` has, for
    a column, a function, a format such as ``".0%"`` or a text such as ``"${:,.2f}"``; columns not
    named get as many decimals as their largest number needs. `note` stands below, `absent` in the
    place of no rows.
    """
    frame = frame.to_frame() if isinstance(frame, pd.Series) else frame
    if not caption.strip():
        raise StudyError("a table has no caption: say what it shows")
    if absent and not len(frame):
        return missing(absent)
    if unknown := set(formats or {}) - set(frame.columns) - set(frame.index.names):
        raise StudyError(f"formats names {sorted(map(str, unknown))}: not a column of the table")
    html = table_html(frame, caption, formats or {}, note)
    display({"text/html": html, "text/plain": frame.to_string()}, raw=True)


def table_html(frame: pd.DataFrame, caption: str, formats: Mapping, note: str = "") -> str:
    """Return the HTML that `table` displays."""
    labels, body = _split(frame)
    written = [_column(values, formats.get(name)) for name, values in body.items()]
    styles = [_style(texts) for texts in written]
    head = [(_heading(name), LEFT) for name in labels.columns]
    head += [(_heading(name), style) for name, style in zip(body.columns, styles, strict=True)]
    stubs = zip(*(_column(own, formats.get(n)) for n, own in labels.items()), strict=True)
    cells = zip(*written, strict=True) if written else ([] for _ in range(len(frame)))
    rows = [(s, list(zip(c, styles, strict=True))) for s, c in zip(stubs, cells, strict=True)]
    page = environment().get_template("table.html.j2")
    return page.render(caption=caption.strip(), head=head, rows=rows, note=note.strip())


def _style(texts: list[str]) -> str:
    """Return the style of a column: numbers as the page has them, right; text left, long text wide.

    Styles stand in the cells, because JupyterLab does not have the page's style sheet.
    """
    if all(re.match(r"–|[−+-]?[^\w\s]?\d", text) for text in texts):
        return ""
    return LEFT + ";min-width:14em" * (max(map(len, texts)) > 40)


def _split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    if isinstance(frame.index, pd.RangeIndex) and frame.index.name is None and frame.shape[1]:
        return frame.iloc[:, :1], frame.iloc[:, 1:]
    return frame.index.to_frame(index=False).rename(columns=lambda n: "" if n == 0 else n), frame


def _heading(name) -> str:
    parts = name if isinstance(name, tuple) else (name,)
    return " · ".join(str(part) for part in parts if str(part))


def _column(values: pd.Series, how: str | Callable | None) -> list[str]:
    """Return a column's values as text, by a function or a format; missing ones as an en dash."""
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    how = how or (f",.{wording.decimals(values.dropna())}f" if numeric else _plain)
    if isinstance(how, str):
        form = how if "{" in how else f"{{:{how}}}"
        how = lambda value: wording.minus(form.format(value))  # noqa: E731
    return ["–" if gone else how(v) for v, gone in zip(values, values.isna(), strict=True)]


def _plain(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    midnight = isinstance(value, pd.Timestamp) and value == value.normalize()
    return value.date().isoformat() if midnight else str(value)


# --- marks of line charts and emblems, which templates draw ---------------------------------------

# Of the chart in its own units, and the space kept free around the line.
WIDTH, HEIGHT, EDGE = 220, 58, 5


def line_chart(points: Sequence[tuple[str, Mapping]], cut_off: str = "") -> dict:
    """Return the marks of a chart of one figure over the dates, from 0 to its largest value.

    `points` are dates and figures (`value`, perhaps `low` and `high`); empty breaks the line.
    """
    days = [_day(text) for text, _ in points]
    span = max((days[-1] - days[0]).days, 1)
    known = [figure for _, figure in points if figure]
    most = max((figure.get("high") or figure["value"] for figure in known), default=0) or 1

    def x(day: date) -> float:
        return round(EDGE + (day - days[0]).days / span * (WIDTH - 2 * EDGE), 1)

    def y(value: float) -> float:
        return round(HEIGHT - EDGE - value / most * (HEIGHT - 2 * EDGE), 1)

    marks = [(x(day), figure) for day, (_, figure) in zip(days, points, strict=True)]
    paths: list[list] = [[]]
    for at, figure in marks:
        paths = paths if figure else [*paths, []]
        paths[-1] += [(at, y(figure["value"]))] if figure else []
    ranges = [(at, f.get("low"), f.get("high")) for at, f in marks if f]
    mark = _day(cut_off) if cut_off else None
    return {
        "days": [_short(text) for text, _ in points],
        "paths": [path for path in paths if len(path) > 1],
        "dots": [path[0] for path in paths if len(path) == 1],
        "bars": [(at, y(low), y(high)) for at, low, high in ranges if None not in (low, high)],
        "mark": x(mark) if mark and days[0] < mark < days[-1] else None,
    }


# Sides and turn, in degrees, of the emblem of each segment; one of 40 sides looks round.
SHAPES = (40, 0), (4, 45), (3, 0), (4, 0), (5, 0), (6, 0), (3, 180), (8, 22.5), (5, 180), (6, 30)


def emblem(segment: int) -> str:
    """Return the corners of a segment's emblem in a box of 48, as an SVG polygon has them."""
    sides, turn = SHAPES[(segment - 1) % len(SHAPES)]
    angles = (math.radians(turn + 360 * corner / sides) for corner in range(sides))
    corners = ((24 + 24 * math.sin(a), 24 - 24 * math.cos(a)) for a in angles)
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _short(text: str) -> str:
    day = _day(text)
    whole = len(text) == 7 or day.day == 1
    return f"{day:%b %Y}" if whole else f"{day.day} {day:%b %y}"


def _day(text: str) -> date:
    """Return a date, of a month its middle."""
    return date.fromisoformat(text if len(text) > 7 else f"{text}-15")


def by_month(kpis: list[dict]) -> dict[int, dict]:
    """Return each segment's months of spend, or share active, and the periods before and after."""
    spent = [row for row in kpis if row["metric"] == "spend" and row["value"] is not None]
    metric = "spend" if spent else "active"
    result: dict[int, dict] = {}
    for row in sorted(kpis, key=lambda row: str(row["period"])):
        if row["metric"] == metric:
            own = result.setdefault(row["segment"], {"metric": metric, "points": []})
            if row["period"] in {"before", "after"}:
                own[row["period"]] = row["value"]
            else:
                counts = row["value"] is not None
                own["points"].append((row["period"], {"value": row["value"]} if counts else {}))
    drawable = (s for s, own in result.items() if sum(bool(v) for _, v in own["points"]) > 2)
    return {s: result[s] for s in drawable}


def days(measures: Mapping | None) -> int:
    """Return how many days the measures of a run are counted over; 0 where nothing follows."""
    if not (measures or {}).get("until"):
        return 0
    until, start = (date.fromisoformat(str(measures[key])[:10]) for key in ("until", "as_of"))
    return (until - start).days
