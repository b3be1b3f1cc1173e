"""The annotated example as ground: it is read, and broken in one place at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultline import inventory

EXAMPLE = Path(__file__).resolve().parents[2] / "packaging" / "examples" / "inventory.yaml"


@pytest.fixture(scope="session")
def example_text() -> str:
    """The annotated example."""
    return EXAMPLE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def example(example_text: str) -> inventory.Inventory:
    """What it becomes."""
    return inventory.parse(example_text, "inventory.yaml")
