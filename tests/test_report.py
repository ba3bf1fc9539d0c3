"""A page holds what its notebook shows, reads well for everyone, and needs nothing else."""

import base64
import json
import re
from pathlib import Path
from types import SimpleNamespace

import jinja2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from seglib import plots, wording
from seglib.plots import PALETTE
from seglib.report import exhibits, figures, markup, pages
from seglib.report.pages import ReportError
from seglib.study import StudyError

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
NAV = [(title, f"{name}.html") for name, (title, _) in pages.PAGES.items()]
FOOTER = {
    "parameters": {"study": "toy", "k": 0, "out": ""},
    "data hash": "9f3c1b2a",
    "versions": {"pandas": "3.1.0"},
    "seed": 7,
    "time of run": "2017-10-01 08:00 UTC, 41 s",
}


def code(source="x", *outputs, tags=()):
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def shown(data, **metadata):
    return new_output("display_data", data=data, metadata=metadata)


def picture(alt="A line that rises.", **more):
    return shown({"image/png": PNG}, alt=alt, **{"image/png": {"alt": alt, "width": 720, **more}})


def stream(name, text):
    return new_output("stream", name=name, text=text)


def frame():
    index = pd.Index(["a", "b"], name="segment")
    return pd.DataFrame({"spend": [1234.5, np.nan], "share": [0.25, -0.75]}, index=index)


def cells():
    """A small notebook with one of everything."""
    return [
        new_markdown_cell("# Who are they?"),
        code("answer = display(…)", shown({"text/markdown": "**Three** groups."})),
        code("k: int = 0", stream("stdout", "secret"), tags=["parameters"]),
        code("k = 5", stream("stdout", "secret"), tags=["injected-parameters"]),
        code("load()", stream("stderr", "Warning: noise"), stream("stdout", "3 rows read")),
        new_markdown_cell("## How many?\n\nBetween $5 and $10.\n\n#### Too deep"),
        code("plot()", picture(caption="What it shows & not."), tags=["x"]),
        code("hidden()", shown({"text/markdown": "unseen"}), tags=["hide"]),
        new_markdown_cell("## How many?\n\n[next](04_persona_definition.ipynb)\n\n# Another title"),
        code("frame", shown({"text/html": frame().to_html(), "text/plain": "…"})),
        code("ax.plot()", shown({"text/plain": "[<matplotlib.lines.Line2D at 0x7f>]"})),
        code("bar()", shown({"application/vnd.jupyter.widget-view+json": {}, "text/plain": "0%|"})),
    ]


def made(tmp_path, *found, name="03_clustering", metadata=None, **options):
    notebook = new_notebook(cells=list(found), metadata=metadata or {})
    path = pages.page(notebook, tmp_path / f"{name}.html", **options)
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def soup(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return made(folder, *cells(), study="Toy & Co", nav=NAV, footer=FOOTER)


def text(tag):
    return " ".join(tag.get_text(" ", strip=True).split())


# --- what is on the page --------------------------------------------------------------------------


def test_no_code_no_parameters_no_standard_error_no_hidden_cell(soup):
    for absent in ("answer =", "secret", "noise", "unseen", "plot()", "Line2D", "0%|", "In ["):
        assert absent not in soup.body.get_text()


def test_prose_output_and_standard_output_are_there(soup):
    for present in ("Three", "3 rows read", "Between $5 and $10."):
        assert present in soup.main.get_text()


def test_the_computed_answer_stands_out_at_the_top(soup):
    first = soup.select_one(".body .cell:has(> *)")
    assert first["aria-label"] == "The answer"
    assert text(first) == "Three groups."


def test_nothing_is_loaded_from_elsewhere(soup):
    assert not soup.select("script, link, iframe, object")
    assert all(tag["src"].startswith("data:") for tag in soup.select("[src]"))
    assert not re.search(r"url\(|@import|https?://", soup.style.text)
    assert not any(a["href"].startswith("http") for a in soup.select("a"))
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    rules = {name: words for name, *words in (rule.split() for rule in policy.split(";"))}
    # default-src speaks neither of where a form goes nor of what an address begins with
    assert all(rules[name] == ["'none'"] for name in ("default-src", "form-action", "base-uri"))


def test_equal_headings_have_distinct_ids_and_the_contents_lead_to_each(soup):
    ids = [tag["id"] for tag in soup.select("[id]")]
    assert len(ids) == len(set(ids))
    assert {"How-many?", "How-many?-2"} <= set(ids)
    links = [a["href"] for a in soup.select(".contents a")]
    assert links[0] == "#How-many%3F" and len(links) == len(soup.select(".body h2, .body h3"))


def test_pages_are_linked_in_order_with_this_one_marked(soup):
    assert [a["href"] for a in soup.select(".top nav a")] == [href for _, href in NAV]
    assert text(soup.select_one("[aria-current=page]")) == "Customer segments"
    assert soup.select_one("[rel=prev]")["href"] == "02_exploratory_analysis.html"
    assert soup.select_one("[rel=next]")["href"] == "03_clustering_products.html"
    assert soup.select_one(".home")["href"] == "../index.html"


def test_a_link_to_a_notebook_leads_to_its_page(soup):
    assert soup.find("a", string="next")["href"] == "04_persona_definition.html"


def test_footer_says_how_the_page_was_made(soup):
    told = text(soup.footer)
    for part in ("study toy", "out (not set)", "k 0", "9f3c1b2a", "pandas 3.1.0", "7", "08:00 UTC"):
        assert part in told


def test_what_nobody_sees_and_what_turns_the_reading_direction_is_not_on_a_page(tmp_path):
    odd = pd.DataFrame({"n\x0b": ["\u202e321", "a\x08b"]}, index=["\u2066x", "مرحبا"])
    html = exhibits.table_html(odd, "Odd", {})
    page = made(tmp_path, new_markdown_cell("# \u202eT"), code("t", shown({"text/html": html})))
    assert page.h1.text == "T" and not re.search("[\x08\x0b\u202e\u2066]", str(page))
    assert [text(cell) for cell in page.select("tbody tr > *")] == ["x", "321", "مرحبا", "ab"]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (code("plot(x)", picture(alt=" ")), "no alt text"),
        (code("plot(x)", shown({"image/svg+xml": "<svg/>"})), "no alt text"),
        (code("html()", shown({"text/html": "<img src='data:,x'>"})), "no alt text"),
        (new_markdown_cell(f"![](data:image/png;base64,{PNG})"), "no alt text"),
        (new_markdown_cell("![a map](https://example.org/map.png)"), "self-contained"),
        (code("plotly()", shown({"text/html": "<script>1</script>"})), "<script>"),
        (code("ask()", shown({"text/html": "<form action='/x'></form>"})), "<form>"),
        (code("base()", shown({"text/html": "<base href='data:,'>"})), "<base>"),
        (code("away()", shown({"text/html": "<meta http-equiv=refresh>"})), "<meta>"),
        (code("a()", shown({"text/html": "<a href=' java\tscript:f()'>x</a>"})), "it links"),
        (
            code(
                "a()",
                shown({"text/html": "<svg role=img aria-label=x><image href='h.png'/></svg>"}),
            ),
            "self-contained",
        ),
        (
            code("css()", shown({"text/html": "<link href='https://e.org/x.css'>"})),
            "self-contained",
        ),
        (code("1/0", new_output("error", ename="ZeroDivisionError", evalue="by 0")), "by 0"),
        (code("answer =", shown({"text/plain": "'The answer appears here …'"})), "never filled in"),
    ],
)
def test_what_a_page_cannot_show_is_refused_naming_notebook_and_cell(tmp_path, cell, fault):
    with pytest.raises(ReportError) as caught:
        made(tmp_path, new_markdown_cell("# Title"), code("ok"), cell)
    assert str(caught.value).startswith("03_clustering.ipynb, cell 3 (")
    assert fault in str(caught.value)
    assert not list(tmp_path.iterdir())


# --- a whole run ----------------------------------------------------------------------------------


# --- helpers for notebooks ------------------------------------------------------------------------


@pytest.fixture
def displayed(monkeypatch):
    """Collect what the helpers display."""
    found = []
    monkeypatch.setattr(exhibits, "display", lambda what, **more: found.append((what, more)))
    return found


def drawn(points):
    figure, ax = plt.subplots()
    ax.scatter(*np.random.default_rng(0).normal(size=(2, points)))
    return figure


def test_show_puts_alt_text_and_size_beside_the_picture_and_closes_the_figure(displayed):
    figure = drawn(3)
    exhibits.show(figure, alt="Three points.", caption="Few.")
    (data, more), (caption, _) = displayed
    assert more["metadata"]["alt"] == "Three points."
    drawing = BeautifulSoup(data["image/svg+xml"], "html.parser").svg
    assert (drawing["role"], drawing["aria-label"]) == ("img", "Three points.")
    assert int(drawing["width"]) > 400
    assert caption == {"text/markdown": "*Few.*"} and data["text/plain"] == "Three points."
    assert not plt.fignum_exists(figure.number)


def test_show_stays_light_and_takes_the_colours_of_the_page(displayed):
    figure, ax = plt.subplots()
    for i, colour in enumerate(PALETTE):
        ax.scatter(*np.random.default_rng(i).normal(i, 1, (2, 3000)), color=colour)
        ax.bar(i, -3, color=colour)
    ax.set_title("Text <stays> text")
    exhibits.show(figure, alt="Many points.")
    drawing = displayed[0][0]["image/svg+xml"]
    assert len(drawing) < 300_000 and "Text &lt;stays&gt; text" in drawing
    assert all(f"var(--segment-{n}, {c})" in drawing for n, c in enumerate(PALETTE, 1))
    assert "<style" not in drawing and "<metadata" not in drawing


def test_the_words_of_a_figure_name_rows_bars_cells_and_the_ends_of_long_lines():
    figure, axes = plt.subplots(2, 2)
    axes[0, 0].barh(["a", "b"], [5, 6])
    axes[0, 1].scatter([0.1, 0.25], [1, 0])
    axes[0, 1].set_yticks([0, 1], ["low", "high"])
    axes[1, 0].plot(range(30))
    sns.heatmap(pd.DataFrame([[1, -0.5]], ["row"], ["x", "y"]), ax=axes[1, 1], cbar=False)
    assert figures.described(figure) == (
        "a 5; b 6. low 0.25; high 0.10. from 0 to 29, lowest 0, highest 29. row 1, −0.50"
    )
    plt.close(figure)


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0, 0.2), "0 5 10 15 20"),
        ((-0.08, 0.12), "−10 −5 0 5 10 15"),
        ((0.78, 0.7825), "78 78.05 78.1 78.15 78.2 78.25"),
    ],
)
def test_an_axis_in_per_cent_has_ticks_that_are_what_they_say(ends, ticks):
    figure, ax = plt.subplots(figsize=(8, 2))
    plots.percent(ax, "x").set_xlim(*ends)
    figure.canvas.draw()
    texts = [text.get_text() for text in ax.get_xticklabels()]
    assert texts == [f"{tick}%" for tick in ticks.split()]
    shown = [float(text.strip("%").replace("−", "-")) / 100 for text in texts]
    assert ax.get_xticks() == pytest.approx(shown)
    plt.close(figure)


def test_the_cut_off_date_lies_between_the_months_before_and_after_it():
    path = Path(__file__).parents[1] / "notebooks" / "05_measuring_results.ipynb"
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]}
    periods = ["2017-08", "2017-09", "2017-10", "2017-11"]
    rows = pd.DataFrame({"period": periods, "value": 1.0, "low": 0.5, "high": 1.5})
    rows = rows.assign(label="Active", metric="active", name="Everyone", segment=0, unit="count")
    by_month = SimpleNamespace(by_month=lambda *_, **__: rows, labelled=lambda _, kpis: kpis)
    found = {"run": SimpleNamespace(as_of="2017-10-01"), "outcomes": by_month, "people": None}
    found |= {"pd": pd, "sns": sns, "plots": plots, "draw": {}, "called": {0: "Everyone"}}
    figure, found["ax"] = plt.subplots()
    found["wording"], ax = wording, found["ax"]
    parts = [cells[f"months-{part}"] for part in ("compute", "shades", "figure")]
    exec("\n".join([*parts, "\nby_month(drawn, ax)"]), found)
    months, line = ax.lines[0], ax.lines[-1]
    gaps = np.asarray(months.get_xdata(orig=False)) - line.get_xdata(orig=False)[0]
    assert (gaps[:2] < -10).all() and (gaps[2:] > 10).all()
    assert [text.get_text() for text in ax.texts] == ["Everyone"]  # beside its line, no legend
    plt.close(figure)


def test_a_long_name_leaves_room_for_what_is_drawn_and_stands_whole_in_the_alt_text(displayed):
    long = ["N" * 300, "word " * 60, "short"]
    figure, (left, right) = plt.subplots(1, 2)
    left.barh(long, [1, 2, 3])
    right.plot([1, 2], label=long[0])
    right.legend()
    plots.named(right, {long[1]: (1, 2.0)})
    exhibits.show(figure)
    shown = [text.get_text() for text in left.get_yticklabels()]
    shown += [right.get_legend().texts[0].get_text(), right.texts[0].get_text()]
    shown = [text.replace("\n", "") for text in shown]  # a name is wrapped for a phone
    assert max(map(len, shown)) <= 60 and "short" in shown
    assert long[0] in displayed[0][1]["metadata"]["alt"]
    assert left.get_position().width > 0.2


def test_a_figure_is_drawn_again_for_phones_panels_below_one_another(displayed):
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    axes[0].plot([1, 2])
    exhibits.show(figure, alt="Two panels.")
    data, about = displayed[-1][0], displayed[-1][1]["metadata"]
    widths = [int(re.search(r'width="(\d+)"', svg)[1])
              for svg in (data["image/svg+xml"], about["narrow"])]  # fmt: skip
    assert widths[1] < 0.5 * widths[0]
    assert figure.get_size_inches()[1] > figure.get_size_inches()[0]


def test_why_a_part_is_missing_is_text_with_links(displayed, tmp_path):
    exhibits.missing("No <i>cats</i> & co: see [there](03_clustering.html).")
    data, more = displayed[0]
    page = made(tmp_path, new_markdown_cell("## Part"), code("x", shown(data, **more["metadata"])))
    item = page.select_one(".body li")
    assert text(item) == "No <i>cats</i> & co: see there ." and item.a and not item.i


def test_a_figure_without_data_says_why(displayed):
    figure, ax = plt.subplots()
    ax.axline((0, 0), slope=1)
    exhibits.show(figure, absent="Nothing was sold.")
    assert displayed[-1][0]["text/plain"] == "Nothing was sold."


def test_what_show_displays_becomes_one_captioned_figure(displayed, tmp_path):
    exhibits.show(drawn(3), alt="Three <points>.", caption="Few & far.")
    outputs = [shown(data, **more["metadata"]) for data, more in displayed]
    page = made(tmp_path, code("show()", *outputs))
    assert page.figure.svg["aria-label"] == "Three <points>."
    assert page.main.get_text().count("Few & far.") == 1 and page.figcaption.text == "Few & far."


def table(displayed, *arguments, **options):
    exhibits.table(*arguments, **options)
    return BeautifulSoup(displayed[-1][0]["text/html"], "html.parser")


def test_table_writes_missing_as_a_dash_and_numbers_as_a_reader_wants_them(displayed):
    found = table(displayed, frame(), "Spend", formats={"share": ".0%"})
    assert [td.text for td in found.select("td")] == ["1,234", "25%", "–", "−75%"]


def test_table_takes_nested_columns_dates_booleans_and_a_series(displayed):
    nested = frame()
    nested.columns = pd.MultiIndex.from_tuples([("spend", "mean"), ("share", "")])
    assert "spend · mean" in table(displayed, nested, "Nested").thead.text
    plain = pd.DataFrame({"on": pd.to_datetime(["2017-10-01"]), "yes": [True]}, index=["r"])
    assert [td.text for td in table(displayed, plain, "Plain").select("tbody td")] == [
        "2017-10-01",
        "yes",
    ]
    assert len(table(displayed, frame()["spend"], "One").select("td")) == 2


def test_table_escapes_what_it_is_given(displayed):
    found = table(displayed, pd.DataFrame({"a": ["<b>"]}, index=["<i>"]), "A & B", note="1 < 2")
    assert found.tbody.td.text == "<b>" and not found.find(["b", "i"])
    assert found.select_one(".note").text == "1 < 2"


def test_table_without_caption_or_with_an_unknown_format_is_refused(displayed):
    with pytest.raises(StudyError, match="no caption"):
        exhibits.table(frame(), " ")
    with pytest.raises(StudyError, match="'spent'"):
        exhibits.table(frame(), "Spend", formats={"spent": ".0f"})


def test_say_keeps_dollars_from_becoming_formulas(displayed):
    exhibits.say(r"From $5 to \$10")
    assert displayed[0][0].data == r"From \$5 to \$10"


# --- templates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["{{ nobody }}", "{% if nobody %}{% endif %}", "{{ nobody.x }}",
                                   "{{ given.x }}", "{{ given.x | number }}"])  # fmt: skip
def test_a_template_prints_nothing_that_is_not_there(wrong):
    with pytest.raises(jinja2.UndefinedError, match=r"undefined|no attribute"):
        exhibits.environment().from_string(wrong).render(given={"y": 1})


def test_a_template_may_ask_whether_a_key_is_there():
    asked = "{{ given.x or given.y }}{{ 'a' if given.x.z }}{{ 'b' if given.x is number }}"
    assert exhibits.environment().from_string(asked).render(given={"y": 1}) == "1"


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, 2], 0), ([0.5, 0.25], 2), ([0.123456], 3), ([12.345, 1], 1), ([1234.5], 0), ([], 0)],
)
def test_decimals_show_three_digits_of_the_largest_and_no_idle_zeros(values, expected):
    assert wording.decimals(values) == expected


def test_the_number_in_a_swatch_is_readable_on_every_colour():
    for colour in PALETTE:
        light = 1.0 if wording.ink(colour) == "#ffffff" else 0.0
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        own = np.dot(linear, [0.2126, 0.7152, 0.0722])
        assert (max(own, light) + 0.05) / (min(own, light) + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("confidence", "text"),
    [(0.95, "95%"), (0.99, "99%"), (0.996, "99.6%"), (0.99996, "99.996%"), (1.0, "99.9999999%")],
)
def test_no_interval_is_of_100_per_cent(confidence, text):
    assert exhibits.level(confidence) == text


def test_every_mark_of_a_drawing_is_there_under_an_id_of_its_own():
    figure, ax = plt.subplots()
    ax.scatter([1, 2, 3], [1, 2, 3], c=list(PALETTE[:3]), s=[20, 40, 60])
    drawing = exhibits.svg(figure, "Three dots.")
    plt.close(figure)
    ids = re.findall(r' id="([^"]*)"', drawing)
    used = re.findall(r'(?:url\(|href=")#([^)"]+)', drawing)
    assert len(used) > 3 and len(ids) == len(set(ids)) and set(ids) == set(used)


# --- the glossary ---------------------------------------------------------------------------------


def test_the_first_use_of_a_term_leads_to_its_meaning_and_names_are_left_alone():
    html = "<main><h2>Stability</h2><p>A stability of 1. Stability <code>AUC</code></p></main>"
    page = BeautifulSoup(markup.glossed(html, "day/glossary.html"), "html.parser")
    (link,) = page.select("a.term")
    assert (link.text, link["href"]) == ("stability", "day/glossary.html#stability")
    assert link["title"] == markup.TERMS["stability"]["is"]
    assert page.p.text == "A stability of 1. Stability AUC"


@pytest.mark.parametrize("term", markup.TERMS)
def test_every_term_is_a_sentence_and_is_seen_by_its_own_name(term):
    about = markup.TERMS[term]
    assert about["is"].endswith(".")
    page = markup.glossed(f"<main><p>x {term} y</p></main>")
    assert f"glossary.html#{markup.slug(term)}" in page


def test_emblems_of_ten_segments_are_ten_shapes():
    assert len({exhibits.emblem(segment) for segment in range(1, 11)}) == 10
    assert exhibits.emblem(4).startswith("24.0,0.0 48.0,24.0")  # a diamond


def test_names_beside_lines_that_end_together_are_moved_apart():
    figure, ax = plt.subplots()
    plots.named(ax, {"one": (1, 1.0), "two": (1, 1.001), "far": (1, 3.0)})
    ax.set(xlim=(0, 1), ylim=(0, 4))
    figures.apart(figure)
    one, two, far = (text.xyann[1] for text in ax.texts)
    assert one == pytest.approx(0) and far == pytest.approx(0)
    assert two > 1.1 * ax.texts[0].get_fontsize()
    plt.close(figure)


def test_marks_that_would_cover_each_other_are_moved_apart():
    rows = pd.DataFrame({"x": [0.5, 0.52, 0.9, 0.51, 0.1], "y": ["a", "a", "a", "b", "b"]})
    moved = plots.dodged(rows, "x", "y")
    assert moved.round(2).tolist() == [-0.18, 0.18, 0, 0, 0]
    close = pd.DataFrame({"x": [0.3, 0.25, 0.2], "y": "a"})
    assert plots.dodged(close, "x", "y").round(2).tolist() == [0.3, 0, -0.3]
