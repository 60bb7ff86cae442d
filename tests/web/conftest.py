"""What tests of pages share: a browser, and Node for the modules of the pages of one file."""

import os
import re
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

DESKTOP = {"viewport": {"width": 1200, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM = CHROMIUM or shutil.which("google-chrome")
NODE = shutil.which("node")
PAGES = ROOT / "docs" / "page"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no chromium on the path: install it to test the page as a browser shows it")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_from_disk(browser):
    """Open a page of one file; every request for another one, error or message fails the test."""
    contexts, urls, requests, complaints = [], set(), [], []

    def open_one(url, script=None, **options):
        urls.add(url)
        contexts.append(browser.new_context(**(DESKTOP | options)))
        page = contexts[-1].new_page()
        if script:
            page.add_init_script(script)
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    # The script of a worker is made of the page's own.
    assert {url for url in requests if not url.startswith(("data:", "blob:"))} == urls
    assert not complaints


def run_node_tests(folder, fixtures):
    """Run a folder's tests of JavaScript modules with Node; none may be skipped."""
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=spec", *sorted(folder.glob("*.test.js"))],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"DIGITS_FIXTURES": str(fixtures)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"skipped 0$", done.stdout, re.MULTILINE)
