"""From the inventory to what each probe is asked to do: dial tests and traces as documents, standing or once.

Goes in: an inventory and the rules. Comes out: tasks by probe. Pure, and always the same for the same inventory: only differences
are news to a probe. A trace goes to a vantage or an endpoint; its flows are those of the sessions between the same two vantages,
so that a session's own path is known, answers on their way back included, and a few more, so that its alternatives are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from analyzer.orders.rules import OrderRules
from faultline.inventory import Dial, Inventory, Line, Trace
from faultline.inventory.endpoints import Target, host_of, target_of
from faultline.inventory.lines import LineState
from faultline.inventory.model import DialProtocol, TransportProtocol
from faultline.records.terms import LineCode, ProbeId, VantageId
from faultline.store.control import Task

STAMP_PORT = 862
"""Of test sessions (RFC 8762)."""
TRACED_PORT = 33_434
"""Where a trace goes when nobody is known to listen: the first port of classic traceroute."""
MORE_PORTS = (50_001, 50_002, 50_003, 50_004)
"""Source ports of a trace's further flows."""
ENOUGH_FLOWS = 4
"""With so many the chance to miss one of two equal paths is 1 in 8. One of no session is always among them: those of sessions may
have been chosen for their path."""
MOST_FLOWS = 16
"""Of one trace, as a probe takes it."""
MOST_TASKS = 256
"""Of a probe; what is more it would refuse."""
DIALS_PER_S, FLOWS_PER_S = 18.0, 1.8
"""Of all tasks of a probe: nine tenths of what it takes, so that no rounding makes it refuse one."""
_TESTED = frozenset({LineState.IN_SERVICE.value, LineState.COMMISSIONING.value, LineState.MAINTENANCE.value})

Document = Mapping[str, Any]
Pair = tuple[VantageId, VantageId]


@attrs.frozen(slots=True, kw_only=True)
class Errand:
    """A dial test or a trace of a line, without saying how often."""

    id: str
    line: LineCode
    probe: ProbeId
    kind: str
    """`dial` or `trace`."""
    document: Document
    """Everything but `id` and times."""

    @property
    def cost(self) -> int:
        """Attempts, or traced flows, of a run."""
        return max(1, len(self.document.get("flows", ())))


def errands(inventory: Inventory, rules: OrderRules) -> list[Errand]:
    """Every declared dial test and trace of lines that are in use."""
    found = [*_dials(inventory, rules), *_traces(inventory)]
    return [errand for errand in found if inventory.lines[errand.line].state in _TESTED]


def standing(found: Iterable[Errand], inventory: Inventory, rules: OrderRules) -> list[Task]:
    """What is done again and again: as often as the lines' grades say, or more seldom where a probe would have too much to do."""
    tasks = []
    for probe, mine in _by_probe(found).items():
        given = mine[:MOST_TASKS]
        wanted_s = {errand.id: _interval_s(errand, inventory.lines[errand.line].grade, rules) for errand in given}
        stretch = {
            kind: max(1.0, sum(e.cost / wanted_s[e.id] for e in given if e.kind == kind) / most_per_s)
            for kind, most_per_s in (("dial", DIALS_PER_S), ("trace", FLOWS_PER_S))
        }
        for errand in given:
            interval_s = math.ceil(wanted_s[errand.id] * stretch[errand.kind] * 10) / 10
            document = {"id": errand.id, **errand.document, "interval_s": interval_s}
            tasks.append(Task(probe=probe, id=errand.id, document=document))
    return tasks


def _by_probe(found: Iterable[Errand]) -> dict[ProbeId, list[Errand]]:
    probes: dict[ProbeId, list[Errand]] = {}
    for errand in found:
        probes.setdefault(errand.probe, []).append(errand)
    return probes


def _interval_s(errand: Errand, grade: str | None, rules: OrderRules) -> float:
    return rules.dial_s(grade) if errand.kind == "dial" else rules.trace_s(grade)


def _dials(inventory: Inventory, rules: OrderRules) -> Iterator[Errand]:
    for dial in inventory.dials.values():
        probe, target = inventory.vantages[dial.sender].probe, _dialled(dial, inventory)
        if probe is None or target is None:
            continue
        document: dict[str, Any] = {"kind": "dial", "protocol": dial.protocol.value, "target": str(target)}
        if dial.query is not None:
            document["query"] = dial.query
        document["timeout_s"] = rules.dial_timeout_s
        yield Errand(id=dial.id, line=dial.line, probe=probe, kind="dial", document=document)


def _dialled(dial: Dial, inventory: Inventory) -> Target | None:
    line = inventory.lines[dial.line]
    host = host_of(line, dial.endpoint, inventory.components)
    return target_of(inventory.components[dial.endpoint], host, dial.protocol) if host else None


def _traces(inventory: Inventory) -> Iterator[Errand]:
    ports = _session_ports(inventory)
    for trace in inventory.traces.values():
        probe = inventory.vantages[trace.sender].probe
        traced = _traced(trace, inventory)
        if probe is None or traced is None:
            continue
        protocol, target = traced
        known = _session_flows(trace, ports)[: MOST_FLOWS - 1]
        more = MORE_PORTS[: max(1, ENOUGH_FLOWS - len(known))]
        flows = [*known, *([port, target.port] for port in more)]
        document: dict[str, Any] = {"kind": "trace", "protocol": protocol.value, "target": str(target), "flows": flows}
        address = inventory.vantages[trace.sender].address
        if address is not None:
            # What answers a test is sent from the address that was tested, and the address is part of what routers hash.
            document["source"] = address
        yield Errand(id=trace.id, line=trace.line, probe=probe, kind="trace", document=document)


def _traced(trace: Trace, inventory: Inventory) -> tuple[TransportProtocol, Target] | None:
    """What a trace's packets look like, and where they go."""
    if trace.target is not None:
        address = inventory.vantages[trace.target].address
        return (TransportProtocol.UDP, Target(address=address, port=STAMP_PORT)) if address else None
    return _endpoint_traced(trace, inventory.lines[trace.line], inventory)


def _endpoint_traced(trace: Trace, line: Line, inventory: Inventory) -> tuple[TransportProtocol, Target] | None:
    if trace.endpoint is None:
        return None
    host = host_of(line, trace.endpoint, inventory.components)
    if host is None:
        return None
    endpoint = inventory.components[trace.endpoint]
    for protocol, transport in ((DialProtocol.TCP, TransportProtocol.TCP), (DialProtocol.DNS, TransportProtocol.UDP)):
        target = target_of(endpoint, host, protocol)
        if target is not None:
            return transport, target
    bare = target_of(endpoint, host, None)
    return (TransportProtocol.UDP, attrs.evolve(bare, port=TRACED_PORT)) if bare else None


def _session_ports(inventory: Inventory) -> dict[Pair, list[int]]:
    """Source ports of the sessions of each pair of vantages that have one."""
    found: dict[Pair, list[int]] = {}
    for session in inventory.sessions.values():
        if session.source_port is not None:
            found.setdefault((session.sender, session.reflector), []).append(session.source_port)
    return found


def _session_flows(trace: Trace, ports: Mapping[Pair, Sequence[int]]) -> list[list[int]]:
    """Ports of the sessions between the same two vantages: of packets sent this way, then of answers that come this way."""
    if trace.target is None:
        return []
    sent = [[port, STAMP_PORT] for port in sorted(ports.get((trace.sender, trace.target), ()))]
    return sent + [[STAMP_PORT, port] for port in sorted(ports.get((trace.target, trace.sender), ()))]
