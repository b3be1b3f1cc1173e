"""What firewalls must let through for a configuration: a configuration goes in, rows of a table come out. Pure.

Nobody ever speaks first to a probe but those who test with its reflector: uploads, orders, sessions, dial tests and traces all
go out from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from urllib.parse import urlsplit

import attrs

from probe.active.config import endpoint
from probe.config import ProbeConfig

_ANY = "any"


class Direction(StrEnum):
    """As seen from the probe."""

    OUT = "out"
    IN = "in"


@attrs.frozen(slots=True, kw_only=True)
class Opening:
    """One thing that must pass. Answers to it must, too: a stateful firewall lets them."""

    direction: Direction
    protocol: str
    """tcp, udp or icmp; of icmp the ports are types."""
    host: str
    """The other side: an address, a name, a network, or any."""
    port: str
    """Destination port."""
    source_port: str = _ANY
    why: str


def openings(config: ProbeConfig) -> list[Opening]:
    """Every opening that a probe of this configuration needs, each once."""
    return list(dict.fromkeys(_openings(config)))


def _openings(config: ProbeConfig) -> Iterator[Opening]:
    yield _to_collector(config)
    yield from _stamp(config)
    yield from _tasks(config)
    if config.traces or config.control.enabled:
        yield Opening(direction=Direction.IN, protocol="icmp", host=_ANY, port="3, 11", why="what routers answer to traces")


def _stamp(config: ProbeConfig) -> Iterator[Opening]:
    for session in config.sessions:
        where = endpoint(session.target)
        yield Opening(
            direction=Direction.OUT,
            protocol="udp",
            host=where.host,
            port=str(where.port),
            source_port=str(session.source_port or _ANY),
            why="test sessions (STAMP)",
        )
    if config.reflector is not None:
        for listen in config.reflector.listen:
            for network in config.reflector.allow or [_ANY]:
                yield Opening(
                    direction=Direction.IN, protocol="udp", host=network, port=str(endpoint(listen).port), why="reflector (STAMP)"
                )


def _tasks(config: ProbeConfig) -> Iterator[Opening]:
    for dial in config.dials:
        protocol = "udp" if dial.protocol == "dns" else "tcp"
        yield _out(protocol, str(dial.where.address), str(dial.where.port), f"dial test ({dial.protocol})")
    for trace in config.traces:
        ports = sorted({destination for _, destination in trace.flows} or {trace.where.port})
        for port in ["8"] if trace.protocol == "icmp" else ports:
            yield _out(trace.protocol, str(trace.where.address), str(port), "traces")
    if config.control.enabled:
        for network in config.control.allow or [_ANY]:
            yield _out("tcp, udp", network, _ANY, "dial tests and traces that the collector orders")


def _to_collector(config: ProbeConfig) -> Opening:
    if config.collector.proxy is None:
        return _out("tcp", config.collector.host, str(config.collector.port), "upload and orders (HTTPS)")
    proxy = urlsplit(config.collector.proxy)
    return _out("tcp", proxy.hostname or "", str(proxy.port or 80), "upload and orders (HTTPS) through the proxy")


def _out(protocol: str, host: str, port: str, why: str) -> Opening:
    return Opening(direction=Direction.OUT, protocol=protocol, host=host, port=port, why=why)


def table(found: Sequence[Opening]) -> list[str]:
    """The openings as lines of text in columns."""
    head = ("direction", "protocol", "other side", "port", "source port", "for")
    rows = [head, *((o.direction, o.protocol, o.host, o.port, o.source_port, o.why) for o in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
