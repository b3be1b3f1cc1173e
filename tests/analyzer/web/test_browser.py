"""Pages in a real browser: an incident found in stored measurements, and the bank's pages as people see them at any width."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from analyzer.config import EvaluationConfig
from analyzer.service import Joined, join
from analyzer.views import StoredViews
from analyzer.web.app import make_app
from analyzer.web.server import WebServer
from appliance.pictures.browser import Browser, Look
from faultline.records.incident import Incident
from faultline.reports.words import Language
from faultline.runtime.counters import Counters
from faultline.runtime.status import Address

World = Any
"""The fixture's class lives in conftest.py, which tests cannot import."""
SMALLEST_PICTURE = 20_000
"""Octets of a PNG: an empty page of this size has fewer."""
DESK = Look(width=1280, height=1900)
PHONE = Look(width=360, height=780, phone=True)
PAGES = ("/", "/lines/CN-SZ-0021", "/lines/CN-NJ-0034", "/incidents/F20260105-0103-c0de01", "/reports/F20260105-0106-5e7e4b")
WIDEST = """
Math.max(...[...document.querySelectorAll("main *")].filter(e => !e.closest("thead, .unseen"))
  .map(e => e.getBoundingClientRect().right))
"""
"""Right edge of what is seen; heads of tables that became lists are for screen readers alone."""
LEAST_CONTRAST = 4.5
"""Of text on what is behind it: WCAG 2, level AA."""
CONTRASTS = """
(() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll("main *, header *")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const box = e.getBoundingClientRect();
    if (!own || e.closest("svg") || box.width < 2 || box.height < 2) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < LEAST) found.push(`${e.className || e.tagName} ${ratio.toFixed(2)}: ${e.textContent.trim().slice(0, 30)}`);
  }
  return found;
})()
""".replace("LEAST", str(LEAST_CONTRAST))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this module."""
    with Browser() as found:
        yield found


@attrs.frozen
class Shown:
    """A service with an incident."""

    joined: Joined
    incident: Incident
    browser: Browser

    def browse(self, path: str) -> str:
        """The document after Chromium has laid it out."""
        self.browser.open(f"http://{self.joined.web.address}{path}", DESK)
        return str(self.browser.evaluate("document.documentElement.outerHTML"))


@pytest.fixture
def shown(world: World, make_fault: Any, browser: Browser) -> Iterator[Shown]:
    """A minute of health, then 1 % of loss on the access loop towards Z, answered by the service itself."""
    joined = join(attrs.evolve(world.config, evaluation=EvaluationConfig(poll_s=0.02)), clock=world.clock)
    joined.service.start()
    world.feed(60)
    world.feed(40, {"loop-a>": make_fault(loss=0.01)})
    end = time.monotonic() + 30
    while (world.stored.answered_until_ns() or 0) < world.now_ns:
        assert time.monotonic() < end, "not answered in time"
        time.sleep(0.05)
    (incident,) = world.stored.incidents()
    yield Shown(joined=joined, incident=incident, browser=browser)
    joined.service.stop()


@pytest.mark.browser
def test_the_first_page_tells_the_verdict(shown: Shown) -> None:
    """Verdict, owner, confidence, the suspect on the path and the worst line are in the laid-out page and in its picture."""
    dom = shown.browse("/")
    assert f'data-incident="{shown.incident.id}" data-state="open" data-owner="access" data-mode="loss"' in dom
    assert re.search(r'data-components="loop-a(&gt;|>)"', dom)
    assert "Access loop A (access network) loses" in dom
    assert re.search(r'class="element suspect" data-component="loop-a"[^>]* data-probability="(0\.[5-9]|1\.)', dom)
    assert dom.count('class="element suspect"') < dom.count('class="element"')
    assert 'data-line="CN-NB-0017" data-line-state="fault"' in dom
    assert f'href="/reports/{shown.incident.id}"' in dom
    assert len(shown.browser.picture()) > SMALLEST_PICTURE


@pytest.mark.browser
def test_the_incident_page_tells_why(shown: Shown) -> None:
    """Evidence with numbers, plots of traffic, loss and delay, quality; in Chinese too, and as a report that stands alone."""
    path = f"/incidents/{shown.incident.id}"
    dom = shown.browse(path)
    assert re.search(r"\d+ of \d+ test packets lost", dom)
    assert 'data-evidence="evidence"' in dom
    assert 'data-evidence="against"' in dom or "Nothing measured speaks against it." in dom
    for plot in ("Traffic", "Loss ratio of test packets", "One-way delay of test packets"):
        assert f'data-plot="{plot}"' in dom
    assert 'data-quality="ce-pe1"' in dom
    assert 'data-session="ce-pe1"' in dom
    assert len(shown.browser.picture()) > SMALLEST_PICTURE
    assert "接入网" in shown.browse(f"{path}?lang=zh")

    report = shown.browse(f"/reports/{shown.incident.id}")
    assert f'data-report="{shown.incident.id}" data-owner="access" data-mode="loss"' in report
    assert "<link" not in report
    assert "<script" not in report


@pytest.fixture
def bank_address(bank: StoredViews) -> Iterator[str]:
    """The bank's pages, served."""
    server = WebServer(
        Address(host="127.0.0.1", port=0), make_app(views=bank, counters=Counters(), problems=tuple, language=Language.EN)
    )
    server.start()
    yield f"http://{server.address}"
    server.stop()


@pytest.mark.browser
@pytest.mark.parametrize("language", sorted(Language))
def test_no_page_scrolls_sideways_on_a_phone(bank_address: str, browser: Browser, language: Language) -> None:
    """At 360 pixels everything is within the page, and the path is a list instead of a picture."""
    for path in PAGES:
        browser.open(f"{bank_address}{path}?lang={language.value}&paused=1", PHONE)
        assert browser.evaluate("document.documentElement.scrollWidth") == PHONE.width, path
        assert browser.evaluate(WIDEST) <= PHONE.width, path
    assert browser.evaluate("getComputedStyle(document.querySelector('.wide')).display") == "none"
    assert browser.evaluate("document.querySelector('.stations').getBoundingClientRect().height") > PHONE.height / 2


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_can_be_read_in_either_colour_scheme(bank_address: str, browser: Browser, *, dark: bool) -> None:
    """Contrast of at least 4.5 to 1 with what is behind it; the ground follows the reader's system."""
    for path in PAGES:
        browser.open(f"{bank_address}{path}?paused=1", Look(width=1280, height=900, dark=dark))
        assert browser.evaluate(CONTRASTS) == [], path
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", ground)[0]) < 64) is dark


@pytest.mark.browser
def test_a_keyboard_is_enough(bank_address: str, browser: Browser) -> None:
    """The first stop leads past the head of the page, every link can be reached and is seen when it is."""
    browser.open(f"{bank_address}/?paused=1", DESK)
    browser.press("Tab")
    assert browser.evaluate("document.activeElement.className") == "skip"
    assert browser.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    reached = set()
    for _ in range(int(browser.evaluate("document.links.length"))):
        reached.add(browser.evaluate("document.activeElement.getAttribute('href')"))
        browser.press("Tab")
    assert {"#content", "/lines/CN-SZ-0021?paused=1", "/incidents/F20260105-0103-c0de01?paused=1"} <= reached
    assert browser.evaluate("document.querySelectorAll('[tabindex]').length") == 0


@pytest.mark.browser
def test_a_page_has_one_heading_and_tables_with_heads(bank_address: str, browser: Browser) -> None:
    """What a screen reader walks by: one h1, heads with a scope, pictures with a name, no level left out."""
    for path in PAGES:
        browser.open(f"{bank_address}{path}?paused=1", DESK)
        assert browser.evaluate("document.querySelectorAll('h1').length") == 1, path
        assert browser.evaluate("document.querySelectorAll('th:not([scope])').length") == 0, path
        assert browser.evaluate("document.querySelectorAll('svg:not([aria-label]):not([aria-hidden])').length") == 0, path
        levels = browser.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]))")
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), (path, levels)


@pytest.mark.browser
def test_the_report_prints_on_a4(bank_address: str, browser: Browser) -> None:
    """Pages of A4, as many as a person reads, whatever the colour scheme of the screen."""
    browser.open(f"{bank_address}/reports/F20260105-0103-c0de01", Look(width=1280, height=900, dark=True))
    paper = browser.paper()
    assert paper.startswith(b"%PDF")
    boxes = set(re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", paper))
    assert [(round(float(w)), round(float(h))) for w, h in boxes] == [(595, 842)]
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 8
