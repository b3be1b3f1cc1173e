"""The reference page of the filter language."""

from __future__ import annotations

from pathlib import Path

from collector.search.fields import ALIASES, FIELDS
from collector.search.reference import filters_page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "flow-filters.md"


def test_the_page_is_the_tables() -> None:
    """A changed table makes this fail until `make docs` has run."""
    assert PAGE.read_text(encoding="utf-8") == filters_page()


def test_every_word_is_on_it() -> None:
    """Fields and their other names."""
    page = filters_page()
    assert all(f"`{word}`" in page for word in (*FIELDS, *ALIASES))
