"""Takes a batch in: checked, kept, entered in the ledger, and only then acknowledged.

One at a time. The order is what makes it safe: payload durable, then ledger row committed, then the answer; a crash between any
two leaves either a file the next start removes, or a row whose answer the probe asks for again.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs
import pyarrow as pa

from collector.clocks import Exchange, ProbeClock
from collector.intake.answers import Answer, acknowledged, later, refused
from collector.intake.payloads import PayloadStore
from collector.intake.quarantine import Quarantine
from faultline.native import MalformedError, batch_header, decode_batch
from faultline.records.terms import Stream
from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger
from faultline.store.ledger import ConflictError, Gap, Identity, Ledger, NewBatch

_BUSY_S = 5
_FULL_S = 30
_MAX_SEQ = (1 << 63) - 1
_INT64 = 1 << 63


@attrs.frozen(slots=True, kw_only=True)
class IntakeLimits:
    """When to say `later`, and what is too large."""

    max_batch_octets: int = attrs.field(default=64 << 20, validator=attrs.validators.gt(0))
    """Largest batch, before and after decompression."""
    max_waiting_batches: int = attrs.field(default=20_000, validator=attrs.validators.gt(0))
    """Batches acknowledged but not yet worked through; beyond it 429."""
    max_waiting_octets: int = attrs.field(default=2 << 30, validator=attrs.validators.gt(0))
    """The same in octets."""
    min_free_octets: int = attrs.field(default=512 << 20, validator=attrs.validators.ge(0))
    """Less room on the disk than this: 503."""


class Intake:
    """The one way in. Counter stage `intake`, in batches offered; duplicates go out as they are acknowledged again."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        payloads: PayloadStore,
        quarantine: Quarantine,
        limits: IntakeLimits,
        counters: Counters,
    ) -> None:
        self._ledger = ledger
        self._payloads = payloads
        self._quarantine = quarantine
        self._limits = limits
        self._counters = counters
        self._stage = counters.stage("intake")
        self._lock = threading.Lock()
        self._clocks: dict[tuple[str, int], ProbeClock] = {}
        self._worked_upto = 0
        self._log = logger("intake")
        self._quiet = QuietBursts()
        self.problem: str | None = None
        """Why nothing is taken in; None while it is."""

    def worked_through(self, batch: int) -> None:
        """The pipeline has decoded everything up to this number of the ledger."""
        self._worked_upto = batch

    def pressure(self) -> Answer | None:
        """Why nothing more can be taken now; None when it can. Asked before a body is read."""
        try:
            free = self._payloads.free_octets()
        except OSError as error:
            return self._full(f"the disk cannot be asked: {error.strerror}")
        if free < self._limits.min_free_octets:
            return self._full(f"{free >> 20} MiB are free, {self._limits.min_free_octets >> 20} are kept")
        batches, octets = self._ledger.backlog(after_id=self._worked_upto)
        if batches > self._limits.max_waiting_batches or octets > self._limits.max_waiting_octets:
            self._counters.count("intake_pushed_back", reason="backlog")
            return later(HTTPStatus.TOO_MANY_REQUESTS, f"{batches} batches wait to be worked through", retry_after_s=_BUSY_S)
        return None

    def _full(self, why: str) -> Answer:
        self.problem = f"disk: {why}"
        self._counters.count("intake_pushed_back", reason="disk")
        return later(HTTPStatus.SERVICE_UNAVAILABLE, f"no room: {why}", retry_after_s=_FULL_S)

    def refuse(self, octets: bytes, probe: str, now_ns: int, *, status: HTTPStatus, error: str, hint: str) -> Answer:
        """A body that was read and will never be taken: counted, quarantined, answered."""
        reason = _WORDS.get(status, "refused")
        self._stage.drop(reason)
        self._quarantine.put(octets, reason=reason, now_ns=now_ns, probe=probe, error=error)
        allowed, held_back = self._quiet.allow(f"{probe} {reason}", now_ns)
        if allowed:
            self._log.warning("batch refused", probe=probe, reason=reason, error=error, held_back=held_back)
        return refused(status, error, hint)

    def offer(self) -> None:
        """Count a body that is about to be taken or refused."""
        self._stage.take()

    def take(self, octets: bytes, probe: str, now_ns: int, exchange: Exchange | None = None) -> Answer:
        """Take one batch of a probe that has proved who it is.

        `offer` was called before; `now_ns` is our wall time; `exchange` is what the request tells of the probe's clock.
        """
        exchange = exchange or Exchange(arrived_ns=now_ns)
        if len(octets) > self._limits.max_batch_octets:
            return self.refuse(
                octets,
                probe,
                now_ns,
                status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                error=f"{len(octets)} octets",
                hint=f"a batch has at most {self._limits.max_batch_octets}",
            )
        try:
            header = batch_header(octets)
            identity = _identity(header)
            gaps = self._gaps(octets, identity, header["records"])
        except (MalformedError, ValueError) as error:
            return self.refuse(
                octets, probe, now_ns, status=HTTPStatus.BAD_REQUEST, error=str(error), hint="send a sealed batch file as it is"
            )
        if identity.probe != probe:
            return self.refuse(
                octets,
                probe,
                now_ns,
                status=HTTPStatus.FORBIDDEN,
                error=f"the batch is of probe {identity.probe!r}, the token is another's",
                hint="one spool directory a probe; is the token file the right one?",
            )
        with self._lock:
            try:
                answer = self._enter(octets, identity, header, gaps, exchange=exchange, now_ns=now_ns)
            except (OSError, sqlite3.Error) as error:
                self._stage.drop("not_stored")
                return self._full(getattr(error, "strerror", None) or str(error))
        self.problem = None
        return answer

    def _enter(
        self, octets: bytes, identity: Identity, header: Mapping[str, Any], gaps: list[Gap], *, exchange: Exchange, now_ns: int
    ) -> Answer:
        clock = self._clock(identity)
        clock.hear(exchange)
        digest = hashlib.sha256(octets).digest()
        try:
            contiguous = self._ledger.known(identity, digest)
        except ConflictError as conflict:
            self._stage.drop("conflict")
            self._log.warning("identity in conflict", probe=identity.probe, stream=identity.stream.value, seq=identity.seq)
            return refused(HTTPStatus.CONFLICT, str(conflict), "begin a new incarnation: two machines may share this spool")
        if contiguous is not None:
            self._ledger.heard(identity, now_ns)
            self._counters.count("intake_duplicates")
            self._stage.done()
            return acknowledged(identity, contiguous)
        correction_ns = clock.correction_ns(wall_ns=header["wall_ns"], monotonic_ns=header["monotonic_ns"], received_ns=now_ns)
        if correction_ns:
            self._counters.count("bad_clock_batches", probe=identity.probe)
        batch = NewBatch(
            identity=identity,
            digest=digest,
            octets=len(octets),
            records=header["records"],
            received_ns=now_ns,
            wall_ns=header["wall_ns"],
            monotonic_ns=header["monotonic_ns"],
            watermark_ns=header["watermark_ns"],
            correction_ns=correction_ns,
            payload=self._payloads.put(identity, digest, octets),
        )
        contiguous = self._ledger.accept(batch, gaps, clock=clock.document())
        self._stage.done()
        return acknowledged(identity, contiguous)

    def _clock(self, identity: Identity) -> ProbeClock:
        key = (identity.probe, identity.incarnation)
        if key not in self._clocks:
            kept = self._ledger.clock(*key)
            self._clocks[key] = ProbeClock.restored(kept) if kept else ProbeClock()
        return self._clocks[key]

    def _gaps(self, octets: bytes, identity: Identity, records: int) -> list[Gap]:
        """Gaps are told in the stream `events`; the acknowledgement steps over them."""
        if identity.stream is not Stream.EVENTS or not records:
            return []
        found = []
        for row in pa.table(decode_batch(octets).table("gap")).to_pylist():
            if row["stream"] in set(Stream) and 1 <= row["gap_first_seq"] <= row["gap_last_seq"] <= _MAX_SEQ:
                found.append(
                    Gap(
                        stream=Stream(row["stream"]),
                        first_seq=row["gap_first_seq"],
                        last_seq=row["gap_last_seq"],
                        reason=row["gap_reason"],
                    )
                )
            else:
                self._counters.count("impossible_gaps")
        return found


_WORDS = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.FORBIDDEN: "wrong_probe",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
}


def _identity(header: Mapping[str, Any]) -> Identity:
    """The identity in a header whose numbers the ledger can hold.

    Raises:
        ValueError: an unknown stream, a sequence of 0, or a time or count outside 63 bits.
    """
    if header["stream"] not in set(Stream):
        raise ValueError(f"stream {header['stream']!r} is unknown")
    if not 1 <= header["seq"] <= _MAX_SEQ:
        raise ValueError(f"sequence {header['seq']} is impossible")
    for name in ("wall_ns", "monotonic_ns", "watermark_ns", "records"):
        if not 0 <= header[name] < _INT64:
            raise ValueError(f"{name} {header[name]} is impossible")
    return Identity(probe=header["probe"], incarnation=header["incarnation"], stream=Stream(header["stream"]), seq=header["seq"])
