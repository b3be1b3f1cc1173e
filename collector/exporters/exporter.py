"""One exporter: its decoder, what is remembered of it, and its account.

Goes in: its datagrams. Comes out: flows as columns, and counts by cause. Every exporter has a decoder of its own, so what one of
them sends (templates without end, a hundred thousand domains) costs no other one anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import pyarrow as pa

from collector.exporters.memory import Memory
from collector.exporters.peek import Origin, origin_of
from faultline.native import ExportDecoder
from faultline.records.terms import SECOND_NS

CLOCK_NS = 3 * SECOND_NS
"""Export times are whole seconds, and clocks outside ± 2 s are bad."""


@attrs.define(slots=True, kw_only=True)
class Decoded:
    """What datagrams of one exporter were."""

    flows: pa.Table
    correction_ns: int = 0
    """What its clock is behind ours, where that is more than clocks may be; else 0."""
    records: dict[str, int] = attrs.field(factory=dict)
    """By kind: flow, options, counters, other."""
    refused: dict[str, int] = attrs.field(factory=dict)
    """Datagrams that were not decoded, by reason."""
    account: dict[tuple[str, str], int] = attrs.field(factory=dict)
    """What the decoder counted: (what, detail)."""
    problems: list[str] = attrs.field(factory=list)


class Exporter:
    """See the module's page."""

    def __init__(self, name: str, *, sampling: float | None, max_domains: int) -> None:
        self.name = name
        self.heard_ns = 0
        self.memory = Memory()
        self._sampling = sampling
        self._max_domains = max_domains
        self._decoder = ExportDecoder()
        self._origins: set[Origin] = set()
        self._counted = _account(self._decoder.summary())

    def restore(self, datagrams: Iterable[bytes]) -> None:
        """Know again what an earlier life knew; nothing of it is stored or counted once more."""
        for datagram in datagrams:
            origin = origin_of(datagram)
            if origin is not None and self._is_known(origin):
                self.memory.see(origin, datagram)
                self._decoder.datagram(datagram, self.name)
        self._decoder.take_problems()
        self._counted = _account(self._decoder.summary())

    def decode(self, datagrams: Sequence[tuple[int, bytes]]) -> Decoded:
        """Decode datagrams, each with the moment it came in."""
        taken, refused = self._sorted_out(datagrams)
        received_ns = taken[-1][0] if taken else 0
        octets = [one for _, one in taken]
        found = self._decoder.flows(octets, self.name, received_ns=received_ns, sampling=self._sampling)
        self.heard_ns = max(self.heard_ns, received_ns)
        counted = _account(self._decoder.summary())
        account = {what: count - self._counted.get(what, 0) for what, count in counted.items()}
        self._counted = counted
        offset_ns = 0 if found.newest_export_ns is None else received_ns - found.newest_export_ns
        counters = found.counters()
        return Decoded(
            flows=pa.table(found.take_table()),
            correction_ns=offset_ns if abs(offset_ns) > CLOCK_NS else 0,
            records={"flow": found.flows, "options": found.options, "counters": len(counters), "other": found.others},
            refused=refused,
            account={what: count for what, count in account.items() if count},
            problems=self._decoder.take_problems(),
        )

    def _sorted_out(self, datagrams: Sequence[tuple[int, bytes]]) -> tuple[list[tuple[int, bytes]], dict[str, int]]:
        taken: list[tuple[int, bytes]] = []
        refused: dict[str, int] = {}
        for received_ns, octets in datagrams:
            origin = origin_of(octets)
            if origin is None:
                refused["not_export"] = refused.get("not_export", 0) + 1
            elif not self._is_known(origin):
                refused["too_many_domains"] = refused.get("too_many_domains", 0) + 1
            else:
                self.memory.see(origin, octets)
                taken.append((received_ns, octets))
        return taken, refused

    def _is_known(self, origin: Origin) -> bool:
        if origin not in self._origins:
            if len(self._origins) >= self._max_domains:
                return False
            self._origins.add(origin)
        return True


def _account(summary: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """The decoder's counts that only rise, flat."""
    found: dict[tuple[str, str], int] = {
        (what, ""): summary[what] for what in ("unknown_templates", "held_decoded", "held_dropped")
    }
    found |= {("malformed", reason): count for reason, count in summary["malformed"].items()}
    for protocol, gaps in summary["sequence_gaps"].items():
        found |= {(what, protocol): gaps[what] for what in ("gaps", "lost", "late", "restarts")}
    return found
