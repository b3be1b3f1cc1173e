"""Exported flows become batches of the ledger: columns in a payload file, durable, then a row of the ledger.

From there on they are worked through like probes' batches, exactly once. A crash before loses what was decoded since the last
batch: datagrams are best effort, and what is lost shows in the exporters' sequence numbers.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3

import pyarrow as pa

from collector.intake.payloads import PayloadStore
from faultline.native import MalformedError
from faultline.records.terms import Stream
from faultline.store.ledger import Identity, Ledger, NewBatch
from faultline.store.state import StateStore

EXPORTERS = "_exporters"
"""The probe's place in the identity of these batches; no probe is called so."""
SUFFIX = "arrow"
_INCARNATION = "exporters_incarnation"
_COMPRESSION = pa.ipc.IpcWriteOptions(compression="lz4")


class FlowBatches:
    """Over a ledger. One thread writes."""

    def __init__(self, *, state: StateStore, ledger: Ledger, payloads: PayloadStore) -> None:
        self._state = state
        self._ledger = ledger
        self._payloads = payloads
        self._stream: tuple[int, int] | None = None
        """Incarnation and last sequence number; read when they are needed first, for most collectors hear no router."""

    def _following(self) -> Identity:
        if self._stream is None:
            kept = self._state.fact(_INCARNATION) or f"{secrets.randbits(64):016x}"
            with self._state.transaction():
                self._state.put_fact(_INCARNATION, kept)
            streams = (stream for stream in self._ledger.streams() if stream.probe == EXPORTERS)
            last = max((stream.contiguous for stream in streams if stream.incarnation == int(kept, 16)), default=0)
            self._stream = (int(kept, 16), last)
        incarnation, last = self._stream
        return Identity(probe=EXPORTERS, incarnation=incarnation, stream=Stream.FLOWS, seq=last + 1)

    def put(self, table: pa.Table, *, now_ns: int, monotonic_ns: int) -> None:
        """Make flows durable; they are the ledger's on return.

        Raises:
            OSError, sqlite3.Error: they are not, and the same call may be made again.
        """
        octets = written(table)
        identity = self._following()
        digest = hashlib.sha256(octets).digest()
        self._ledger.accept(
            NewBatch(
                identity=identity,
                digest=digest,
                octets=len(octets),
                records=table.num_rows,
                received_ns=now_ns,
                wall_ns=now_ns,
                monotonic_ns=monotonic_ns,
                watermark_ns=now_ns,
                correction_ns=0,
                payload=self._payloads.put(identity, digest, octets, suffix=SUFFIX),
            )
        )
        self._stream = (identity.incarnation, identity.seq)


NOT_STORED = (OSError, sqlite3.Error)
"""What `put` raises when flows could not be made durable."""


def written(table: pa.Table) -> bytes:
    """Columns as octets."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_COMPRESSION) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def read(octets: bytes) -> pa.Table:
    """The columns that `written` wrote.

    Raises:
        MalformedError: they are not.
    """
    try:
        with pa.ipc.open_stream(octets) as reader:
            return reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise MalformedError(f"no columns of exported flows: {error}") from None
