"""Writes the generated pages under docs/reference/: `make docs`."""

from __future__ import annotations

from pathlib import Path

from collector.search.reference import filters_page
from dashboards.reference import dashboards_page
from faultline.records.fields import table
from faultline.records.reference import fields_page
from faultline.store.reference import rollups_page

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def main() -> None:
    """Write every generated page."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    (REFERENCE / "fields.md").write_text(fields_page(table()), encoding="utf-8")
    (REFERENCE / "rollups.md").write_text(rollups_page(), encoding="utf-8")
    (REFERENCE / "flow-filters.md").write_text(filters_page(), encoding="utf-8")
    (REFERENCE / "dashboards.md").write_text(dashboards_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
