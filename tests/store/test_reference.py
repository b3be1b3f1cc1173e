"""The reference page of the roll-ups."""

from __future__ import annotations

from pathlib import Path

from faultline.store.reference import rollups_page
from faultline.store.schema import MEASUREMENTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "rollups.md"


def test_the_page_is_the_schemas() -> None:
    """A changed schema makes this fail until `make docs` has run."""
    assert PAGE.read_text(encoding="utf-8") == rollups_page()


def test_every_measurement_and_field_is_on_it() -> None:
    """Percentiles under the name of their distribution."""
    page = rollups_page()
    for spec in MEASUREMENTS.values():
        section = page.split(f"## `{spec.name}`\n", 1)[1].split("\n## ", 1)[0]
        assert all(f"`{tag}`" in section for tag in spec.tags)
        for name in spec.fields:
            assert f"| `{name}` |" in section or any(name.startswith(f"{of}_") for of in spec.distributions), name
