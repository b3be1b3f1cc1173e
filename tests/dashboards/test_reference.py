"""The reference page of the boards."""

from __future__ import annotations

from dashboards import files
from dashboards.boards import ALL
from dashboards.reference import dashboards_page


def test_the_committed_page_is_current() -> None:
    """`make docs` has nothing to change."""
    page = files.HERE.parent / "docs" / "reference" / "dashboards.md"
    assert page.read_text(encoding="utf-8") == dashboards_page()


def test_every_panel_and_query_is_on_the_page() -> None:
    """Whoever asks what a number is finds it by the panel's title."""
    page = dashboards_page()
    for board in ALL:
        for panel in board.panels:
            assert f"### {panel.title.en} · {panel.title.zh}\n" in page
            assert all(target.query.text in page for target in panel.targets)
