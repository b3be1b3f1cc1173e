"""The smallest loss that a line's own test sessions would show in five minutes: the localiser's detection floor.

Goes in: the inventory. Comes out: a ratio a line. What customers send is not promised and not counted. Lines that are built and
tested alike have the same floor: it is computed once for each shape, the kinds of what is crossed and where sessions stand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

import attrs

from analyzer.planning.coverage.healthy import tested
from faultline.inference.document import read
from faultline.inference.floor import floor_rows
from faultline.inference.locate import problem_of
from faultline.inventory import Inventory, Line, TestSession
from faultline.records.terms import LineCode, Mode


@attrs.frozen(slots=True, kw_only=True)
class Floor:
    """What a line's sessions would show."""

    ratio: float | None
    """None: there is no session, or not even a dead line would show."""
    crossed: frozenset[int]
    """Places of the path that sessions cross."""


class Floors:
    """Floors of an inventory's lines.

    Args:
        inventory: what the operator knows.
        rate: test packets a second of each session.
    """

    def __init__(self, inventory: Inventory, *, rate: float) -> None:
        self._inventory = inventory
        self._rate = rate
        self._sessions: dict[LineCode, list[TestSession]] = defaultdict(list)
        for session in inventory.sessions.values():
            if not session.is_full_size:
                self._sessions[session.line].append(session)
        self._known: dict[Hashable, float | None] = {}

    def of(self, line: Line) -> Floor:
        """The line's floor."""
        sessions = self._sessions[line.code]
        spans = [self._span(line, session) for session in sessions]
        crossed = frozenset(at for low, high in spans for at in range(len(line.path)) if low <= at <= high)
        shape = (tuple(self._kinds(line)), tuple(sorted(spans)))
        if shape not in self._known:
            self._known[shape] = self._computed(sessions) if sessions else None
        return Floor(ratio=self._known[shape], crossed=crossed)

    def _span(self, line: Line, session: TestSession) -> tuple[float, float]:
        vantages = self._inventory.vantages
        low, high = sorted(vantages[name].positions[line.code].place for name in (session.sender, session.reflector))
        return low, high

    def _kinds(self, line: Line) -> list[Hashable]:
        components = [self._inventory.components[base] for base in line.path]
        return [(component.kind, tuple(len(path) for path in component.paths)) for component in components]

    def _computed(self, sessions: list[TestSession]) -> float | None:
        evidence = tested(self._inventory, sessions, rate=self._rate)
        if not evidence["observations"]:
            return None
        rows = floor_rows(problem_of(read(evidence)), ())
        return max((float(row["value"]) for row in rows if row["mode"] == Mode.LOSS.value), default=None)
