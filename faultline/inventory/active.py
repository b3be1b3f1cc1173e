"""What probes are to do on lines: test sessions, dial tests, traces; and what can be wrong with that.

Goes in: an entry and what was read before it. Comes out: the record; None when it is not sound, with the reasons noted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs

from faultline.inventory.endpoints import ENDPOINTS, host_of, hosts_of, target_of
from faultline.inventory.entry import Entry
from faultline.inventory.model import Component, Dial, DialProtocol, Line, TestSession, Trace, Vantage
from faultline.inventory.problems import meant
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, DialId, LineCode, SessionId, TraceId, VantageId

LEAST_OCTETS, MOST_OCTETS = 72, 65_535
"""IP header, UDP header and the shortest STAMP packet (RFC 8762: 44 octets); the longest IP packet."""
MOST_PORT = 65_535


@attrs.frozen(slots=True, kw_only=True)
class Ground:
    """What was read before, and the ids of what was declared and is not sound."""

    components: Mapping[Base, Component]
    lines: Mapping[LineCode, Line]
    vantages: Mapping[VantageId, Vantage]
    known_components: Collection[str]
    known_lines: Collection[str]
    known_vantages: Collection[str]


def session_of(entry: Entry, session: SessionId | None, ground: Ground) -> TestSession | None:
    """The session of an entry."""
    entry.only("id", "line", "sender", "reflector", "source_port", "packet_octets")
    line = _line(entry, ground)
    sender, reflector = (_vantage(entry, key, line, ground) for key in ("sender", "reflector"))
    source_port = entry.number("source_port", most=MOST_PORT, example="49152")
    octets = entry.number("packet_octets", least=LEAST_OCTETS, most=MOST_OCTETS, example="1500 for full-size packets")
    if line is None or sender is None or reflector is None:
        return None
    if sender.positions[line.code] == reflector.positions[line.code]:
        wrong = f"{sender.id!r} and {reflector.id!r} are at the same place"
        entry.wrong("reflector", wrong, "a session tests what lies between them")
        return None
    if session is None:
        return None
    return TestSession(
        id=session,
        line=line.code,
        sender=sender.id,
        reflector=reflector.id,
        source_port=source_port,
        packet_octets=octets,
    )


def dial_of(entry: Entry, dial: DialId | None, ground: Ground) -> Dial | None:
    """The dial test of an entry."""
    entry.only("id", "line", "sender", "protocol", "endpoint", "query")
    line = _line(entry, ground)
    sender = _sending_probe(entry, line, ground)
    protocol, query = entry.choice("protocol", DialProtocol), entry.text("query")
    named = entry.reference("endpoint", ground.known_components, "component", required=True)
    if protocol is DialProtocol.DNS and query is None:
        entry.wrong(None, "'query' is missing", "name what to ask for, e.g. query: www.example")
        return None
    if protocol is DialProtocol.TCP and query is not None:
        entry.wrong("query", "a tcp dial asks for no name", "leave it out, or write protocol: dns")
    if line is None or sender is None or protocol is None or named is None or Base(named) not in ground.components:
        return None
    endpoint = ground.components[Base(named)]
    sound = _is_reachable(entry, "endpoint", endpoint, line, ground, protocol=protocol)
    if dial is None or not sound:
        return None
    return Dial(id=dial, line=line.code, sender=sender.id, protocol=protocol, endpoint=endpoint.id, query=query)


def trace_of(entry: Entry, trace: TraceId | None, ground: Ground) -> Trace | None:
    """The trace of an entry: to a vantage, or to an endpoint."""
    entry.only("id", "line", "sender", "target")
    line = _line(entry, ground)
    sender = _sending_probe(entry, line, ground)
    target = entry.text("target", required=True, remedy="name a vantage, or a server, service or resolver")
    if target is None:
        return None
    to_vantage = target in ground.known_vantages
    sound = _is_traceable(entry, line, sender, ground) if to_vantage else _is_endpoint(entry, target, line, ground)
    if trace is None or line is None or sender is None or not sound:
        return None
    if to_vantage:
        return Trace(id=trace, line=line.code, sender=sender.id, target=VantageId(target))
    return Trace(id=trace, line=line.code, sender=sender.id, endpoint=Base(target))


def _is_traceable(entry: Entry, line: Line | None, sender: Vantage | None, ground: Ground) -> bool:
    """Whether the target is a vantage with an address, elsewhere on the line."""
    vantage = _vantage(entry, "target", line, ground)
    if vantage is None or line is None:
        return False
    if vantage.address is None:
        entry.wrong("target", f"{vantage.id!r} has no address", "give the vantage the `address` that tests to it go to")
    elif sender is not None and vantage.positions[line.code] == sender.positions[line.code]:
        entry.wrong("target", f"{sender.id!r} and {vantage.id!r} are at the same place", "trace what lies between two places")
    else:
        return True
    return False


def _is_endpoint(entry: Entry, target: str, line: Line | None, ground: Ground) -> bool:
    """Whether the target is an endpoint of the line with an address."""
    endpoint = ground.components.get(Base(target))
    if endpoint is None and target not in ground.known_components:
        known = [*ground.known_vantages, *ground.known_components]
        remedy = meant(target, known, otherwise="add it to this file, or correct the name")
        entry.wrong("target", f"no vantage and no component {target!r}", remedy)
    if endpoint is None or line is None:
        return False
    return _is_reachable(entry, "target", endpoint, line, ground, protocol=None)


# ---- what they share ---------------------------------------------------------------------------------------------
def _line(entry: Entry, ground: Ground) -> Line | None:
    code = entry.reference("line", ground.known_lines, "line", required=True)
    return ground.lines.get(LineCode(code)) if code is not None else None


def _vantage(entry: Entry, key: str, line: Line | None, ground: Ground) -> Vantage | None:
    """A vantage that has a position on the line."""
    name = entry.reference(key, ground.known_vantages, "vantage", required=True)
    vantage = ground.vantages.get(VantageId(name)) if name is not None else None
    if vantage is None or line is None:
        return None
    if line.code not in vantage.positions:
        on = ", ".join(vantage.positions) or "none"
        remedy = f"give it one, or name another vantage (it is on: {on})"
        entry.wrong(key, f"{name!r} has no position on {line.code}", remedy)
        return None
    return vantage


def _sending_probe(entry: Entry, line: Line | None, ground: Ground) -> Vantage | None:
    """A vantage of a probe of ours: a reflector asks nobody anything."""
    vantage = _vantage(entry, "sender", line, ground)
    if vantage is not None and vantage.probe is None:
        entry.wrong("sender", f"{vantage.id!r} is a reflector that is not ours", "name a vantage of one of the probes")
        return None
    return vantage


def _is_reachable(
    entry: Entry, key: str, endpoint: Component, line: Line, ground: Ground, *, protocol: DialProtocol | None
) -> bool:
    """Whether the file says where a dial or a trace (None) to an endpoint goes, and it is of this line."""
    if endpoint.kind not in ENDPOINTS:
        entry.wrong(key, f"{endpoint.id!r} is a {endpoint.kind}", "name a server, a service or a resolver")
        return False
    host = host_of(line, endpoint.id, ground.components)
    if host is None:
        if _hosts_are_sound(line, ground):
            remedy = "add its server to the `hosts` of the line's a_end or z_end"
            entry.wrong(key, f"{endpoint.id!r} is not behind an end of {line.code}", remedy)
        return False
    if target_of(endpoint, host, protocol) is not None:
        return True
    if not endpoint.addresses and not host.addresses:
        entry.wrong(key, f"{endpoint.id!r} has no address", f"give {host.id!r} its `addresses`")
    elif protocol is DialProtocol.DNS:
        entry.wrong(key, f"{endpoint.id!r} answers no names", "name a resolver, or a service with port udp/53")
    else:
        entry.wrong(key, f"{endpoint.id!r} has no tcp port", "name a service, and give it its `ports`, e.g. [tcp/8200]")
    return False


def _hosts_are_sound(line: Line, ground: Ground) -> bool:
    """Whether all that the line's servers are said to host are services: otherwise the mistake is there, and told there."""
    names = [Base(name) for host in hosts_of(line, ground.components) for name in host.hosts]
    return all(name in ground.components and ground.components[name].kind is ComponentKind.SERVICE for name in names)
