"""From datagrams to batches of flows: who may export, the exporters' decoders, and when flows are made durable.

One thread calls `turn`. Counter stages: `datagrams` (received, decoded, dropped by reason) and `exported` (flows decoded, made
durable). Everything else that moves has a plain counter by exporter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
import numpy as np
import pyarrow as pa

from collector.exporters import memory
from collector.exporters.allowed import Allowed
from collector.exporters.batches import NOT_STORED, FlowBatches
from collector.exporters.config import ExportersConfig
from collector.exporters.exporter import Decoded, Exporter
from collector.exporters.receiving import Datagram
from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger

IDLE_NS = 3600 * SECOND_NS
"""An exporter that was silent for so long may be forgotten when there is no room for another."""
MOST_HELD = 10
"""Flows of so many batches are kept while the disk does not take them; then the oldest are lost, and counted."""

_Key = tuple[str, int]
"""Whose templates: an exporter, and its connection."""


@attrs.define(slots=True, kw_only=True)
class _Held:
    tables: list[pa.Table] = attrs.field(factory=list)
    flows: int = 0
    since_ns: int | None = None


class ExportIntake:
    """Everything between the sockets and the ledger."""

    def __init__(self, config: ExportersConfig, *, batches: FlowBatches, counters: Counters) -> None:
        self._config = config
        self._batches = batches
        self._counters = counters
        self._datagrams = counters.stage("datagrams")
        self._exported = counters.stage("exported")
        self._allowed = Allowed(config.allow, anybody=config.any)
        self._exporters: dict[_Key, Exporter] = {}
        self._held = _Held()
        self._log = logger("exporters")
        self._quiet = QuietBursts()
        self.problem: str | None = None
        """Why flows are not made durable; None while they are."""

    # ---- from datagrams to flows
    def allows(self, name: str) -> bool:
        """Whether an address may export."""
        return self._allowed.find(name) is not None

    def turn(self, datagrams: Iterable[Datagram], *, now_ns: int, monotonic_ns: int) -> None:
        """Decode what came; make flows durable when it is time."""
        for key, found in _by_session(datagrams).items():
            # Without octets a connection has ended; a datagram may be empty, too, and says nothing by it.
            octets = [(received_ns, one) for received_ns, one in found if one or not key[1]]
            exporter = self._exporter(key, now_ns) if octets else None
            if isinstance(exporter, Exporter):
                self._decode(exporter, octets)
            elif exporter is not None:
                self._datagrams.drop(exporter, len(octets))
            if len(octets) < len(found):
                self._exporters.pop(key, None)
        self._flush_when_due(now_ns, monotonic_ns)

    def _decode(self, exporter: Exporter, found: Sequence[tuple[int, bytes]]) -> None:
        decoded = exporter.decode(found)
        for reason, count in decoded.refused.items():
            self._datagrams.drop(reason, count)
        self._datagrams.done(len(found) - sum(decoded.refused.values()))
        self._count(exporter, len(found), decoded)
        flows = decoded.flows
        if flows.num_rows:
            self._exported.take(flows.num_rows)
            self._held.tables.append(_received(flows, decoded.correction_ns, received_ns=found[-1][0]))
            self._held.flows += flows.num_rows

    def _exporter(self, key: _Key, now_ns: int) -> Exporter | str:
        """The exporter, or why there is none."""
        found = self._exporters.get(key)
        if found is not None:
            return found
        name, _ = key
        allowed = self._allowed.find(name)
        if allowed is None:
            return self._refuse("not_allowed", name, now_ns)
        if len(self._exporters) >= self._config.max_exporters and not self._forget_one(now_ns):
            return self._refuse("too_many_exporters", name, now_ns)
        made = self._exporters[key] = Exporter(name, sampling=allowed.sampling, max_domains=self._config.max_domains)
        self._counters.gauge("exporters_known", len(self._exporters))
        return made

    def _refuse(self, reason: str, name: str, now_ns: int) -> str:
        allowed, held_back = self._quiet.allow(reason, now_ns)
        if allowed:
            self._log.warning("datagrams refused", reason=reason, exporter=name, held_back=held_back)
        return reason

    def _forget_one(self, now_ns: int) -> bool:
        oldest = min(self._exporters, key=lambda key: self._exporters[key].heard_ns)
        if now_ns - self._exporters[oldest].heard_ns < IDLE_NS:
            return False
        del self._exporters[oldest]
        return True

    def _count(self, exporter: Exporter, datagrams: int, decoded: Decoded) -> None:
        name = exporter.name
        self._counters.count("exporter_datagrams", datagrams, exporter=name)
        for kind, count in decoded.records.items():
            if count:
                self._counters.count("exporter_records", count, exporter=name, kind=kind)
        for (what, detail), count in decoded.account.items():
            labels = {_DETAIL[what]: detail} if what in _DETAIL else {}
            self._counters.count(f"exporter_{what}", count, exporter=name, **labels)
        if decoded.correction_ns:
            self._counters.count("exporter_bad_clock_flows", decoded.flows.num_rows, exporter=name)
        for problem in decoded.problems:
            allowed, held_back = self._quiet.allow(name, exporter.heard_ns)
            if allowed:
                self._log.warning("export left out", exporter=name, why=problem, held_back=held_back)

    # ---- from flows to batches
    def _flush_when_due(self, now_ns: int, monotonic_ns: int) -> None:
        held = self._held
        if not held.flows:
            return
        if held.since_ns is None:
            held.since_ns = monotonic_ns
        waited_ns = monotonic_ns - held.since_ns
        if held.flows >= self._config.flush_flows or waited_ns >= self._config.flush_s * SECOND_NS:
            self.flush(now_ns=now_ns, monotonic_ns=monotonic_ns)

    def flush(self, *, now_ns: int, monotonic_ns: int) -> None:
        """Make every flow durable that can be."""
        held = self._held
        if not held.flows:
            return
        try:
            self._batches.put(pa.concat_tables(held.tables), now_ns=now_ns, monotonic_ns=monotonic_ns)
        except NOT_STORED as error:
            self.problem = f"exporters: flows cannot be stored: {error}"
            self._let_go(now_ns)
            return
        self.problem = None
        self._exported.done(held.flows)
        self._held = _Held()

    def _let_go(self, now_ns: int) -> None:
        """The disk takes nothing: what does not fit the memory goes, the oldest first."""
        while self._held.flows > MOST_HELD * self._config.flush_flows:
            oldest = self._held.tables.pop(0)
            self._held.flows -= oldest.num_rows
            self._exported.drop("not_stored", oldest.num_rows)
        allowed, held_back = self._quiet.allow("not_stored", now_ns)
        if allowed:
            self._log.error("flows cannot be stored", why=self.problem, flows_held=self._held.flows, held_back=held_back)

    # ---- across restarts
    def state(self) -> bytes:
        """What the exporters' decoders know, for `restore`."""
        # Templates of a connection end with it.
        lasting = ((name, exporter.memory) for (name, connection), exporter in self._exporters.items() if not connection)
        return memory.written(lasting)

    def restore(self, octets: bytes, *, now_ns: int) -> int:
        """Know again what an earlier life knew, of exporters that still may export. Gives how many.

        Raises:
            ValueError: the octets are not `state`'s.
        """
        for name, datagrams in memory.read(octets):
            exporter = self._exporter((name, 0), now_ns)
            if isinstance(exporter, Exporter):
                exporter.restore(datagrams)
        return len(self._exporters)


_DETAIL = {"malformed": "reason", "gaps": "protocol", "lost": "protocol", "late": "protocol", "restarts": "protocol"}


def _by_session(datagrams: Iterable[Datagram]) -> dict[_Key, list[tuple[int, bytes]]]:
    found: dict[_Key, list[tuple[int, bytes]]] = {}
    for datagram in datagrams:
        found.setdefault((datagram.exporter, datagram.connection), []).append((datagram.received_ns, datagram.octets))
    return found


def _received(flows: pa.Table, correction_ns: int, *, received_ns: int) -> pa.Table:
    """Flows with what is known of how they came."""
    rows = flows.num_rows
    flows = flows.append_column("clock_correction_ns", pa.array(np.full(rows, correction_ns, np.int64)))
    return flows.append_column("received_ns", pa.array(np.full(rows, received_ns, np.int64)))
