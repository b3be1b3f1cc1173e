"""A finding about an inventory that can be used: what looks wrong, where in the file it is said, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import attrs

from faultline.inventory import Places, Problem

_MOST_NAMES = 3


class Doubtful(StrEnum):
    """Kinds of finding, in the order they are told."""

    CONTRADICTED_PATH = "contradicted_path"
    SHARED_ROUTE = "shared_route"
    TWO_LINES = "two_lines"
    SAME_NETWORKS = "same_networks"
    SILENT_VANTAGE = "silent_vantage"
    BLIND_VANTAGE = "blind_vantage"
    IDLE_VANTAGE = "idle_vantage"
    UNDECLARED_ROUTER = "undeclared_router"
    FROZEN_WINDOW = "frozen_window"
    INSEPARABLE = "inseparable"


@attrs.frozen(slots=True, kw_only=True)
class Spot:
    """Where in the inventory it is said."""

    section: str
    name: str
    """The entry's, or its number from 0 in a section whose entries have none."""
    key: str | None = None
    """None: the entry as a whole."""


@attrs.frozen(slots=True, kw_only=True)
class Doubt:
    """Something to look at again."""

    what: Doubtful
    subjects: tuple[str, ...]
    """Lines, vantages or windows it is about."""
    text: str
    remedy: str
    at: Spot

    @property
    def refutes(self) -> bool:
        """Whether the file says what is not so; else it only looks wrong, or says too little."""
        return self.what is Doubtful.CONTRADICTED_PATH

    def problem(self, places: Places) -> Problem:
        """The same with its line in the file."""
        return places.problem(self.at.section, self.at.name, self.at.key, self.text, self.remedy)

    def document(self, places: Places) -> dict[str, Any]:
        """As `--json` prints it."""
        place = self.problem(places)
        told = {"what": self.what.value, "subjects": self.subjects, "text": self.text, "remedy": self.remedy}
        return told | {"file": place.where, "key": place.key} | ({"line": place.line} if place.line is not None else {})


def in_order(doubts: list[Doubt]) -> list[Doubt]:
    """By kind, then by what they are about."""
    order = {what: at for at, what in enumerate(Doubtful)}
    return sorted(doubts, key=lambda doubt: (order[doubt.what], doubt.subjects, doubt.text))


def some(names: Iterable[object]) -> str:
    """The first few of many names."""
    listed = [str(name) for name in names]
    more = len(listed) - _MOST_NAMES
    return ", ".join(listed[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
