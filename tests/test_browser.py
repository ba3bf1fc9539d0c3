"""The pages in a real browser: nothing is loaded, nothing sticks out."""

import json
import os
import re
import shutil
from urllib.parse import unquote

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing: .ci/run installs it")
        pytest.skip("Chromium is not installed")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


def pages_of(study):
    reports = study.parents[2] / "reports" / "shop"
    return [reports / "index.html", *sorted(reports.glob("*/*.html"))]


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_loads_anything_or_is_wider_than_the_screen(browser, done, width):
    tab = browser.new_page(viewport={"width": width, "height": 800})
    asked, complaints = [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    for path in pages_of(done[0]):
        tab.goto(path.as_uri())
        wide = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{path.name} sticks out by {wide} pixels at {width}"
        assert tab.locator("h1").count() == 1
        assert tab.locator("main").count() == 1
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert complaints == []
    tab.close()


def test_personas_print_on_a_page_each_and_one_before(browser, done):
    day = done[0].parent / "2023-08-01"
    people = json.loads((day / "personas.json").read_text())
    tab = browser.new_page()
    tab.goto((done[0].parents[2] / "reports" / "shop" / day.name / "personas.html").as_uri())
    printed = tab.pdf(format="A4", prefer_css_page_size=True)
    tab.close()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1 + len(people)


def test_every_link_leads_somewhere(browser, done):
    tab = browser.new_page()
    for path in pages_of(done[0]):
        tab.goto(path.as_uri())
        for link in tab.locator("a[href]").all():
            target, _, anchor = link.get_attribute("href").partition("#")
            if target.startswith("http"):
                continue
            assert not target or (path.parent / target).exists(), f"{path.name}: {target}"
            if not target and anchor:
                assert tab.locator(f'[id="{unquote(anchor)}"]').count() == 1, (
                    f"{path.name}: #{anchor}"
                )
    tab.close()
