"""A list of windows (CSV or a workbook) to planned work; every mistake with file, row, column and what to do.

Columns: `components` (several separated by spaces, commas or 、), `from`, `to`, and possibly `reason`; or what people call them.
A list with one mistake is refused as a whole.
"""

# ruff: noqa: RUF001 - Chinese punctuation separates, too

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from enum import StrEnum

import attrs

from analyzer.planning.lists.columns import folded
from analyzer.planning.lists.sheet import Row, Sheet
from analyzer.planning.works.affected import spread
from analyzer.planning.works.times import UnusableError, instant_ns
from analyzer.planning.works.windows import components_of, zone_of
from faultline.inventory import Inventory, PlannedWork
from faultline.inventory.extent import everything_on
from faultline.inventory.problems import Problem
from faultline.records.incident import Base

_SEPARATORS = re.compile(r"[\s,;、，；]+")


class Title(StrEnum):
    """What a column says of a window."""

    COMPONENTS = "components"
    FROM = "from"
    TO = "to"
    REASON = "reason"


_REQUIRED = (Title.COMPONENTS, Title.FROM, Title.TO)
_SYNONYMS: Mapping[Title, Sequence[str]] = {
    Title.COMPONENTS: ("component", "segment", "element", "部件", "网段", "网元", "割接对象"),
    Title.FROM: ("start", "begin", "开始", "开始时间", "割接开始时间"),
    Title.TO: ("end", "until", "结束", "结束时间", "割接结束时间"),
    Title.REASON: ("subject", "remark", "原因", "事由", "割接内容"),
}


@attrs.define(slots=True, kw_only=True)
class Listed:
    """What a list says."""

    works: list[PlannedWork] = attrs.field(factory=list)
    zones: list[tzinfo] = attrs.field(factory=list)
    """The clock each was written in."""
    problems: list[Problem] = attrs.field(factory=list)


class Clocks:
    """The time zone of the lines that work on components hits; looked up once for each set of components."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._lines_of: dict[Base, list[str]] = {}
        for line in inventory.lines.values():
            for base in everything_on(line, inventory.components):
                self._lines_of.setdefault(base, []).append(line.code)

    def of(self, components: Sequence[str]) -> tzinfo | None:
        """The zone; None when the lines have several."""
        worked_on = spread(self._inventory, components)
        return zone_of(self._inventory, {code for base in worked_on for code in self._lines_of.get(base, ())})


def read_works(sheet: Sheet, inventory: Inventory) -> Listed:
    """Read every row."""
    reading = _Reading(sheet, inventory)
    for title in _REQUIRED:
        if title not in reading.titles:
            remedy = f"call one {title}, or {', '.join(_SYNONYMS[title][:3])}"
            missing = Problem(where=sheet.where, line=None, key="", wrong=f"no column {title}", remedy=remedy)
            reading.found.problems.append(missing)
    if not reading.found.problems:
        for row in sheet.rows:
            reading.take(row)
    return reading.found


class _Reading:
    """One list being read."""

    def __init__(self, sheet: Sheet, inventory: Inventory) -> None:
        self._where = sheet.where
        self._inventory = inventory
        self._clocks = Clocks(inventory)
        words = {folded(word): title for title in Title for word in (title.value, *_SYNONYMS[title])}
        self.titles = {words[folded(column)]: column for column in reversed(sheet.columns) if folded(column) in words}
        self.found = Listed()

    def take(self, row: Row) -> None:
        """A row as a window, or its mistakes."""
        cells = {title: row.cells[column] for title, column in self.titles.items() if column in row.cells}
        empty = [title for title in _REQUIRED if title not in cells]
        for title in empty:
            self._wrong(row, title, UnusableError("empty", "fill the cell"))
        if empty:
            return
        try:
            components = components_of(self._inventory, [name for name in _SEPARATORS.split(cells[Title.COMPONENTS]) if name])
        except UnusableError as error:
            self._wrong(row, Title.COMPONENTS, error)
            return
        tz = self._clocks.of(components)
        start_ns, end_ns = (self._instant(row, title, cells[title], tz) for title in (Title.FROM, Title.TO))
        if start_ns is None or end_ns is None:
            return
        if end_ns <= start_ns:
            self._wrong(row, Title.TO, UnusableError("not after its start", "swap them, or correct the date"))
            return
        reason = " ".join(cells.get(Title.REASON, "").split())
        self.found.works.append(PlannedWork(components=components, start_ns=start_ns, end_ns=end_ns, reason=reason))
        self.found.zones.append(tz or UTC)

    def _instant(self, row: Row, title: Title, text: str, tz: tzinfo | None) -> int | None:
        try:
            return instant_ns(text, tz)
        except UnusableError as error:
            self._wrong(row, title, error)
            return None

    def _wrong(self, row: Row, title: Title, error: UnusableError) -> None:
        problem = Problem(where=self._where, line=row.number, key=self.titles[title], wrong=error.wrong, remedy=error.remedy)
        self.found.problems.append(problem)
