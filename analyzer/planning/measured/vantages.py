"""Vantages that see nothing, or not what is declared to come past them, and why.

Goes in: the inventory, what was seen. Comes out: doubts. What is wrong with a vantage even without a measurement (no line in use,
neither capture nor test) is told by the plain check and not again here.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.planning.doubt import Doubt, Doubtful, Spot, some
from analyzer.planning.measured.seen import Seen
from faultline.inventory import Inventory, Vantage
from faultline.inventory.lines import IN_USE
from faultline.records.terms import SECOND_NS, LineCode, VantageId


class Sight:
    """What the vantages of an inventory saw."""

    def __init__(self, inventory: Inventory, seen: Seen) -> None:
        self._inventory = inventory
        self._seen = seen
        self._sees: dict[LineCode, list[VantageId]] = {}
        for (vantage, line), packets in seen.packets.items():
            if packets and line is not None:
                self._sees.setdefault(line, []).append(vantage)
        self._results = _results(inventory, seen)
        self._paired = {code for line in inventory.lines.values() if line.backup is not None for code in (line.code, line.backup)}

    def silent(self) -> frozenset[VantageId]:
        """Vantages at which nothing was seen, neither in a capture nor in a test."""
        captured = {vantage for vantages in self._sees.values() for vantage in vantages}
        return frozenset(name for name in self._inventory.vantages if name not in captured and not self._results.get(name))

    def doubts(self) -> Iterator[Doubt]:
        """What vantages do not see."""
        for vantage in self._inventory.vantages.values():
            lines = [code for code in vantage.positions if self._inventory.lines[code].state in IN_USE]
            if not lines:
                continue
            if vantage.observation_point is None:
                if self._results.get(vantage.id) == 0:
                    text = f"vantage {vantage.id} takes part in tests, and none of them came back in {self._minutes()}"
                    yield _doubt(vantage, None, text, "check its address and its probe, or remove its tests")
            elif not any(vantage.id in self._sees.get(code, ()) for code in lines):
                yield self._blind(vantage, vantage.observation_point, lines)
            else:
                yield from self._passed_by(vantage, lines)

    def _blind(self, vantage: Vantage, point: str, lines: list[LineCode]) -> Doubt:
        """A capture that saw no packet of its lines, with the first reason that there is."""
        seen, probe = self._seen, vantage.probe
        if probe is None or probe not in seen.probes:
            text = f"vantage {vantage.id} sees nothing: probe {probe} has told nothing in {self._minutes()}"
            others = f" ({some(sorted(seen.probes))} did)" if seen.probes else ""
            return _doubt(vantage, "probe", text, f"start the probe, or correct its name{others}")
        has = sorted(known for name, known in seen.captured if name == probe and known)
        if point not in has:
            text = f"vantage {vantage.id} sees nothing: probe {probe} has no observation point {point!r}"
            return _doubt(vantage, "observation_point", text, f"correct its name ({some(has)}?), or have the probe capture there")
        if not seen.captured[probe, point]:
            text = f"vantage {vantage.id} sees nothing: probe {probe} captured no packet at {point} in {self._minutes()}"
            return _doubt(vantage, "observation_point", text, "check the mirror or the interface")
        foreign = seen.packets.get((vantage.id, None), 0)
        if foreign:
            text = f"vantage {vantage.id} sees {foreign} packets, and none between the networks of {some(lines)}"
            return _doubt(vantage, "positions", text, "correct the prefixes of these lines, or the vantage's positions")
        text = f"vantage {vantage.id} captures packets, and none of {some(lines)} in {self._minutes()}"
        return _doubt(vantage, "positions", text, "correct where it is, or what it captures")

    def _passed_by(self, vantage: Vantage, lines: list[LineCode]) -> Iterator[Doubt]:
        """Lines whose packets others see and this vantage does not; of a pair one line may rest, or carry one direction."""
        for code in lines:
            others = self._sees.get(code, [])
            if others and vantage.id not in others and code not in self._paired:
                text = f"vantage {vantage.id} sees no packet of {code}, which {some(others)} sees"
                yield _doubt(vantage, "positions", text, f"take {code} out of its positions, or find out which way {code} goes")

    def _minutes(self) -> str:
        return f"{(self._seen.end_ns - self._seen.start_ns) / SECOND_NS / 60:.3g} min"


def _results(inventory: Inventory, seen: Seen) -> dict[VantageId, int]:
    """What came back of all tests that a vantage takes part in; vantages that take part in none are not there."""
    found: dict[VantageId, int] = {}

    def add(vantage: VantageId | None, results: int) -> None:
        if vantage is not None:
            found[vantage] = found.get(vantage, 0) + results

    for session in inventory.sessions.values():
        for vantage in (session.sender, session.reflector):
            add(vantage, seen.sessions.get(session.id, 0))
    for dial in inventory.dials.values():
        add(dial.sender, seen.dials.get(dial.id, 0))
    for trace in inventory.traces.values():
        for end in (trace.sender, trace.target):
            add(end, seen.traces.get(trace.id, 0))
    return found


def _doubt(vantage: Vantage, key: str | None, text: str, remedy: str) -> Doubt:
    at = Spot(section="vantages", name=vantage.id, key=key)
    return Doubt(what=Doubtful.SILENT_VANTAGE, subjects=(vantage.id,), text=text, remedy=remedy, at=at)
