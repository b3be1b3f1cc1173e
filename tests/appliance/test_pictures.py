"""README's pictures: what a terminal shows becomes a drawing that needs nothing from elsewhere, and the same each time."""

from __future__ import annotations

import re
from pathlib import Path
from xml.dom.minidom import parseString

import pytest

from appliance.pictures.browser import Browser, Look
from appliance.pictures.terminal import COLUMNS, drawing, recording, timeline
from faultline.runtime.console import CommandError

PICTURES = Path(__file__).parents[2] / "docs/pictures"
MOST_OCTETS = 150_000


def make_drawing() -> str:
    """A short run, told."""
    screen = recording()
    teller = timeline(screen)
    teller.event(1.5, "fault <injected> & seen")
    teller.text(["[bold]VERDICT  it is the loop[/]"])
    return drawing(screen, title="a run")


def test_a_terminal_is_drawn_as_text_without_anything_from_elsewhere() -> None:
    """Well-formed, escaped, no font or picture fetched, and the same octets each time."""
    svg = make_drawing()
    words = "".join(text.firstChild.data for text in parseString(svg).getElementsByTagName("text"))  # noqa: S318 - our own drawing
    assert "VERDICT\u00a0\u00a0it\u00a0is\u00a0the\u00a0loop" in words
    assert "&lt;injected&gt;" in svg
    assert not re.search(r"@font-face|@import|url\((?!#)|<image|href", svg)
    assert svg == make_drawing()


def test_a_line_of_the_terminal_is_cut_nowhere() -> None:
    """What is longer than the terminal goes on in the next row."""
    screen = recording()
    timeline(screen).text(["x" * (COLUMNS + 5)])
    assert drawing(screen, title="wide").count("x" * 5) >= 2


@pytest.mark.parametrize("path", sorted(PICTURES.iterdir()), ids=lambda path: path.name)
def test_every_picture_is_small_and_shown(path: Path) -> None:
    """A repository is no place for large files, nor for files that nobody looks at."""
    assert path.stat().st_size <= MOST_OCTETS
    assert f"docs/pictures/{path.name}" in (PICTURES.parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.browser
def test_a_browser_lays_out_what_it_is_given(tmp_path: Path) -> None:
    """Width, colour scheme, scripts asked from outside, keys, pictures and paper."""
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><title>t</title><a href='#x'>link</a><p style='height:2000px'>tall", encoding="utf-8")
    with Browser() as browser:
        browser.open(page.as_uri(), Look(width=360, height=500, dark=True, phone=True))
        assert browser.evaluate("innerWidth") in {360, 980}
        assert browser.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is True
        browser.press("Tab")
        assert browser.evaluate("document.activeElement.tagName") == "A"
        assert browser.picture().startswith(b"\x89PNG")
        assert browser.picture(most_height=300, form="webp")[8:12] == b"WEBP"
        assert browser.paper().startswith(b"%PDF")
        with pytest.raises(CommandError, match=r"Page\.navigate"):
            browser.open("not an address", Look(width=360, height=500))
