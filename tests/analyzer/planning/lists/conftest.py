"""Lists as people keep them, made for one test each."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

TITLES = (
    "code",
    "customer",
    "grade",
    "type",
    "cir",
    "a_name",
    "a_prefixes",
    "z_name",
    "z_prefixes",
    "state",
    "time_zone",
    "backup",
)
GOOD = ("CN-1", "First Bank", "AA", "mpls_vpn", "100M", "Ningbo", "10.1.1.0/24", "Shanghai", "10.9.0.0/24", "in_service", "", "")

WriteList = Callable[..., Path]


def line(**cells: str) -> tuple[str, ...]:
    """A sound row, with some cells as the test wants them."""
    return tuple(cells.get(title, good) for title, good in zip(TITLES, GOOD, strict=True))


@pytest.fixture
def write_list(tmp_path: Path) -> WriteList:
    """Writes rows as CSV and says where."""

    def write(
        rows: Sequence[Sequence[str]], *, titles: Sequence[str] = TITLES, name: str = "lines.csv", encoding: str = "utf-8"
    ) -> Path:
        path = tmp_path / name
        with path.open("w", encoding=encoding, newline="") as file:
            csv.writer(file).writerows([titles, *rows])
        return path

    return write
