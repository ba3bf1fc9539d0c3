"""The pages themselves: points 30 and 31."""

import functools
import os
import re
import shutil
from urllib.parse import unquote

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from playwright import sync_api

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
STUDIES = ["shop", "trials", "usage_log", "even"]
ADDRESS = re.compile(r"^(https?:)?//")


@pytest.fixture(params=STUDIES)
def run(request, finished):
    return finished(request.param)


@functools.cache
def soups(run):
    return {page: BeautifulSoup(page.read_text(), "html.parser") for page in run.pages}


ABSENT = {
    # study: what its pages leave out
    "even": ["transactions", "products", "amounts|revenue", "afterwards", "margin|cost"],
    "trials": ["products", "attributes"],
    "usage_log": ["products", "amounts|revenue"],
}


@pytest.mark.point(30)
@pytest.mark.parametrize("study", ABSENT)
def test_pages_list_the_parts_that_the_study_has_no_data_for(finished, study):
    run = finished(study)
    lists = [
        " ".join(heading.find_next("ul").get_text(" ").split())
        for soup in soups(run).values()
        for heading in soup.find_all("h2", string=re.compile("leaves? out|left out", re.I))
    ]
    assert lists
    for part in ABSENT[study]:
        assert any(re.search(part, each) for each in lists), part


@pytest.mark.point(30)
def test_a_step_without_data_has_no_page(finished):
    names = {page.stem for page in finished("even").pages}
    assert not [name for name in names if re.search("product|result|experiment", name)]


@pytest.mark.point(31)
def test_pages_have_one_title_a_language_and_landmarks(run):
    for page, soup in soups(run).items():
        assert len(soup.find_all("h1")) == 1, page.name
        assert len(soup.find_all("main")) == 1, page.name
        assert soup.html["lang"] and soup.title.text.strip(), page.name


@pytest.mark.point(31)
def test_pictures_say_what_they_show(run):
    for page, soup in soups(run).items():
        for picture in soup.find_all("img"):
            assert len(picture.get("alt", "").split()) > 2, page.name
        for drawing in soup.find_all("svg"):
            named = drawing.get("aria-label") or drawing.get("aria-labelledby") or drawing.title
            assert (
                named
                or drawing.find_parent(attrs={"aria-hidden": "true"})
                or (drawing.get("aria-hidden") == "true")
            ), f"{page.name}: {str(drawing)[:200]}"


@pytest.mark.point(31)
def test_tables_have_captions_and_scoped_headers(run):
    for page, soup in soups(run).items():
        for table in soup.find_all("table"):
            assert table.caption and table.caption.text.strip(), page.name
            heads = table.find_all("th")
            assert heads, (page.name, table.caption.text)
            assert {th.get("scope") for th in heads} <= {"col", "row", "colgroup", "rowgroup"}


@pytest.mark.point(31)
def test_pages_need_no_network(run):
    for page, soup in soups(run).items():
        for tag in soup.find_all(["script", "link", "img", "iframe", "source", "use"]):
            for key in ("src", "href", "srcset"):
                assert not ADDRESS.match(tag.get(key) or ""), f"{page.name}: {tag.get(key)}"
        styles = " ".join(tag.get_text() for tag in soup.find_all("style"))
        assert not re.search(r"url\(\s*['\"]?(https?:)?//|@import", styles), page.name


@pytest.mark.point(31)
def test_every_page_says_how_it_was_made(run):
    manifest = run.json("manifest.json")
    for page, soup in soups(run).items():
        told = " ".join((soup.footer or soup).get_text(" ").split())
        for part in (str(manifest["seed"]), manifest["data_hash"], manifest["study"], "seglib 0"):
            assert part in told, f"{page.name}: {part}"
        assert re.search(r"as_of|cut-off", told), page.name
        assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", told), page.name


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing: .ci/run installs it")
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.mark.point(31)
def test_no_page_sticks_out_loads_anything_or_complains(browser, run):
    tab = browser.new_page()
    asked, complaints, wide = [], [], {}
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    for page in run.pages:
        tab.goto(page.as_uri())
        for width in (1440, 390, 320):
            tab.set_viewport_size({"width": width, "height": 800})
            over = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            wide[page.name, width] = over
    tab.close()
    assert {place: over for place, over in wide.items() if over > 0} == {}
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert complaints == []


@pytest.mark.point(31)
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1440, "dark"), (390, "light")])
def test_axe_finds_no_fault_on_any_page(browser, shop, width, theme):
    axe = Axe()
    tab = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=theme)
    faults = {}
    for page in shop.pages:
        tab.goto(page.as_uri())
        faults[page.name] = {fault["id"] for fault in axe.run(tab).response["violations"]}
    tab.close()
    assert {"personas.html", "glossary.html"} <= faults.keys()
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.point(31)
def test_the_summary_prints_on_two_sheets_and_begins_with_the_segments(browser, shop):
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.goto((shop.reports / "index.html").as_uri())
    printed = tab.pdf(format="A4", prefer_css_page_size=True)
    top = tab.locator(".segment").first.bounding_box()["y"]
    tab.close()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2
    assert top <= 1.5 * 844


@pytest.mark.point(31)
def test_pages_are_light_and_the_summary_lighter(run):
    assert (run.reports / "index.html").stat().st_size < 400_000
    assert {p.name for p in run.pages if p.stat().st_size >= 1_000_000} == set()


@pytest.mark.point(31)
def test_personas_print_on_a_page_each_and_one_before(browser, shop):
    tab = browser.new_page()
    tab.goto((shop.reports / shop.files.name / "personas.html").as_uri())
    printed = tab.pdf(format="A4", prefer_css_page_size=True)
    tab.close()
    people = shop.json("personas.json")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1 + len(people)


@pytest.mark.point(31)
def test_every_link_leads_somewhere(run):
    for page, soup in soups(run).items():
        ids = {tag["id"] for tag in soup.select("[id]")}
        for link in soup.select("a[href]"):
            target, _, anchor = link["href"].partition("#")
            if not ADDRESS.match(target):
                assert not target or (page.parent / target).exists(), f"{page.name}: {target}"
                assert target or unquote(anchor) in ids, f"{page.name}: #{anchor}"
