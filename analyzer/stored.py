"""What is read of stored data, as narrow faces of `analyzer.reading.StoredData`: whoever needs windows need not know the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from analyzer.history import Window
from analyzer.web.models import WindowNote


class StoredWindows(Protocol):
    """Final windows."""

    def final_after(self, end_ns: int | None) -> Sequence[WindowNote]:
        """Final windows that end after a moment, oldest first; all that are kept when None."""

    def window(self, note: WindowNote) -> Window:
        """The rows of a final window; none when they were pruned."""


class StoredMemory(StoredWindows, Protocol):
    """And what was learned from them."""

    def baselines(self) -> Sequence[Mapping[str, Any]]:
        """Kept baselines."""
