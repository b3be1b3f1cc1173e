"""What a decoder must know again after a restart: templates, options, and where sequence numbers stood.

Goes in: every datagram. Comes out: datagrams that, given to a new decoder, bring it to where the old one was. They are made of
the exporters' own octets, so nothing here knows what an element means. Of each observation domain it holds the newest of each
template, data sets of its options templates, and the last datagram. Bounded by octets; beyond them what is oldest is not
remembered, which costs a wait for the next template and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import attrs

from collector.exporters.peek import TEMPLATE_SET_OF, Origin, Set, origin_of, sets_of, templates_of

MAX_OCTETS = 256 << 10
"""Of one exporter. A router with 500 interfaces and 100 templates needs about 60 KiB."""
_LONGEST = 65_535
_WITHDRAWAL = 4
_JUMP = (1 << 31) - 1
"""A sequence number this far ahead is a gap, and back again a restart: after both the decoder expects what it is told."""

_V9 = struct.Struct("!HHIIII")
_IPFIX = struct.Struct("!HHIII")
_FRAME = struct.Struct("!I")


@attrs.define(slots=True)
class _Domain:
    templates: dict[tuple[int, bool], bytes] = attrs.field(factory=dict)
    options: dict[tuple[int, bytes], None] = attrs.field(factory=dict)
    """Set id and octets of data sets that options templates describe, the oldest first."""
    last: bytes = b""


class Memory:
    """Of one exporter."""

    def __init__(self) -> None:
        self._domains: dict[Origin, _Domain] = {}
        self._octets = 0

    @property
    def octets(self) -> int:
        """What it holds, without the last datagrams."""
        return self._octets

    def see(self, origin: Origin, datagram: bytes) -> None:
        """Remember what is worth it."""
        domain = self._domains.get(origin)
        if domain is None:
            domain = self._domains[origin] = _Domain()
        domain.last = datagram
        if origin.protocol not in {"netflow9", "ipfix"}:
            return
        for found in sets_of(datagram):
            if found.id >= 256:  # noqa: PLR2004 - RFC 7011, 3.3.2: data sets
                if (found.id, True) in domain.templates:
                    self._keep_options(domain, found)
                continue
            for number, options, octets in templates_of(found, origin.protocol):
                self._learn(domain, number, octets, options=options)

    def _learn(self, domain: _Domain, number: int, octets: bytes, *, options: bool) -> None:
        # One id means one template: a new one of either kind is the end of the old.
        known = domain.templates.get((number, options))
        if known == octets:
            return
        for kind in (False, True):
            self._octets -= len(domain.templates.pop((number, kind), b""))
        if len(octets) > _WITHDRAWAL and self._octets + len(octets) <= MAX_OCTETS:
            domain.templates[number, options] = octets
            self._octets += len(octets)

    def _keep_options(self, domain: _Domain, found: Set) -> None:
        key = (found.id, found.octets)
        if key in domain.options:
            return
        if len(found.octets) > MAX_OCTETS // 2:
            return
        domain.options[key] = None
        self._octets += len(found.octets)
        while self._octets > MAX_OCTETS and domain.options:
            oldest = next(iter(domain.options))
            del domain.options[oldest]
            self._octets -= len(oldest[1])

    def replay(self) -> Iterator[bytes]:
        """Datagrams for a new decoder. Their records were stored in an earlier life: what they decode to is not to be stored."""
        for origin, domain in self._domains.items():
            sets = [_set(TEMPLATE_SET_OF[origin.protocol, options], octets) for (_, options), octets in domain.templates.items()]
            sets += [octets for _, octets in domain.options]
            for octets in sets:
                yield _message(origin, octets, sequence=0)
            if sets:
                yield _message(origin, b"", sequence=_JUMP)
            if domain.last:
                yield domain.last


def _set(number: int, content: bytes) -> bytes:
    return struct.pack("!HH", number, 4 + len(content)) + content


def _message(origin: Origin, sets: bytes, *, sequence: int) -> bytes:
    domain = int.from_bytes(origin.domain)
    if origin.protocol == "netflow9":
        return _V9.pack(9, 1, 0, 0, sequence, domain) + sets
    return _IPFIX.pack(10, _IPFIX.size + len(sets), 0, sequence, domain) + sets


def written(memories: Iterable[tuple[str, Memory]]) -> bytes:
    """The memories of all exporters as one file: for each, its name, how many datagrams, and they themselves."""
    out = bytearray()
    for name, memory in memories:
        datagrams = [datagram for datagram in memory.replay() if len(datagram) <= _LONGEST]
        for part in (name.encode(), len(datagrams).to_bytes(4), *datagrams):
            out += _FRAME.pack(len(part)) + part
    return bytes(out)


def read(octets: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """What `written` wrote: of each exporter the datagrams to give to a new decoder.

    Raises:
        ValueError: it is cut, or was not written by `written`.
    """
    parts = iter(_parts(octets))
    for name in parts:
        count = int.from_bytes(next(parts, b""))
        yield name.decode(), [part for _, part in zip(range(count), parts, strict=False)]


def _parts(octets: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(octets):
        if at + _FRAME.size > len(octets):
            raise ValueError(f"cut at octet {at}")
        (length,) = _FRAME.unpack_from(octets, at)
        at += _FRAME.size
        if at + length > len(octets):
            raise ValueError(f"cut at octet {at}")
        yield octets[at : at + length]
        at += length


def remembered(datagrams: Iterable[bytes]) -> Memory:
    """A memory that has seen datagrams."""
    memory = Memory()
    for datagram in datagrams:
        origin = origin_of(datagram)
        if origin is not None:
            memory.see(origin, datagram)
    return memory
