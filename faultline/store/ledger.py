"""The ledger of batches: what was acknowledged, what is missing before it, and what is not yet in final windows.

Goes in: identities, digests and gaps. Comes out: new, known or in conflict, and the highest contiguous sequence. It knows
nothing of files and of what batches hold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from enum import IntEnum

import attrs

from faultline.records.terms import Stream
from faultline.store.state import StateStore


class BatchState(IntEnum):
    """Where a batch stands."""

    WAITING = 0
    FINAL = 1
    """All it holds is in final windows."""
    DAMAGED = 2
    """Its payload could not be read again."""


@attrs.frozen(slots=True, kw_only=True)
class Identity:
    """What makes two uploads the same batch."""

    probe: str
    incarnation: int
    stream: Stream
    seq: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        """As the tables hold it."""
        return (self.probe, f"{self.incarnation:016x}", self.stream.value, self.seq)


@attrs.frozen(slots=True, kw_only=True)
class NewBatch:
    """A batch as it came in."""

    identity: Identity
    digest: bytes
    octets: int
    records: int
    received_ns: int
    wall_ns: int
    monotonic_ns: int
    watermark_ns: int
    correction_ns: int
    payload: str


@attrs.frozen(slots=True, kw_only=True)
class LedgerRow:
    """A batch in the ledger."""

    id: int
    identity: Identity
    received_ns: int
    wall_ns: int
    watermark_ns: int
    correction_ns: int
    payload: str | None
    state: BatchState


@attrs.frozen(slots=True, kw_only=True)
class Gap:
    """Sequences that will never come, both ends included."""

    stream: Stream
    first_seq: int
    last_seq: int
    reason: str


@attrs.frozen(slots=True, kw_only=True)
class ToldGap:
    """A gap as a reader sees it."""

    probe: str
    stream: Stream
    first_seq: int
    last_seq: int
    reason: str
    told_ns: int


@attrs.frozen(slots=True, kw_only=True)
class StreamState:
    """One stream of one incarnation."""

    probe: str
    incarnation: int
    stream: Stream
    contiguous: int
    heard_ns: int


class ConflictError(Exception):
    """The same identity with other octets: two machines share one spool."""


_ROW = "id, probe, incarnation, stream, seq, received_ns, wall_ns, watermark_ns, correction_ns, payload, state"
_MAX_SEQ = (1 << 63) - 1


class Ledger:
    """Over a state store."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def known(self, identity: Identity, digest: bytes) -> int | None:
        """For a batch that was taken before, its stream's contiguous sequence; None when it is new.

        Raises:
            ConflictError: it was taken with other octets.
        """
        with self._state.reading() as db:
            row = db.execute(
                "SELECT digest FROM batches WHERE probe = ? AND incarnation = ? AND stream = ? AND seq = ?", identity.key
            ).fetchone()
            contiguous = _contiguous(db, identity)
        if row is not None and row[0] != digest:
            raise ConflictError(f"{identity.stream} {identity.seq} is held with other octets")
        # Rows of old batches are forgotten; what lies at or below the contiguous sequence was taken all the same.
        return contiguous if row is not None or (identity.seq <= contiguous and not self._is_gap(identity)) else None

    def _is_gap(self, identity: Identity) -> bool:
        """Whether the probe said this would never come; if it comes after all it is taken."""
        with self._state.reading() as db:
            return _gap_end(db, identity) is not None

    def accept(self, batch: NewBatch, gaps: Sequence[Gap] = (), *, clock: str | None = None) -> int:
        """Enter a new batch, the gaps it tells and what is known of its probe's clock; durable on return.

        Gives its stream's contiguous sequence.
        """
        key = batch.identity.key
        with self._state.transaction() as db:
            db.execute(
                "INSERT INTO batches (probe, incarnation, stream, seq, digest, octets, records, received_ns, wall_ns,"
                " monotonic_ns, watermark_ns, correction_ns, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *key,
                    batch.digest,
                    batch.octets,
                    batch.records,
                    batch.received_ns,
                    batch.wall_ns,
                    batch.monotonic_ns,
                    batch.watermark_ns,
                    batch.correction_ns,
                    batch.payload,
                ),
            )
            if clock is not None:
                db.execute("INSERT OR REPLACE INTO clocks VALUES (?, ?, ?)", (*key[:2], clock))
            for gap in gaps:
                self._tell(db, batch, gap)
            for stream in {batch.identity.stream, *(gap.stream for gap in gaps)}:
                _advance(
                    db, attrs.evolve(batch.identity, stream=stream), batch.received_ns, heard=stream is batch.identity.stream
                )
            return _contiguous(db, batch.identity)

    def _tell(self, db: sqlite3.Connection, batch: NewBatch, gap: Gap) -> None:
        probe, incarnation, _, _ = batch.identity.key
        db.execute(
            "INSERT OR IGNORE INTO gaps VALUES (?, ?, ?, ?, ?, ?, ?)",
            (probe, incarnation, gap.stream.value, gap.first_seq, gap.last_seq, gap.reason, batch.received_ns),
        )

    def clock(self, probe: str, incarnation: int) -> str | None:
        """What was kept of an incarnation's clock."""
        with self._state.reading() as db:
            row = db.execute(
                "SELECT document FROM clocks WHERE probe = ? AND incarnation = ?", (probe, f"{incarnation:016x}")
            ).fetchone()
        return str(row[0]) if row else None

    def heard(self, identity: Identity, now_ns: int) -> None:
        """A batch known already came again: its stream lives."""
        with self._state.transaction() as db:
            db.execute(
                "UPDATE streams SET heard_ns = max(heard_ns, ?) WHERE probe = ? AND incarnation = ? AND stream = ?",
                (now_ns, *identity.key[:3]),
            )

    def first_waiting(self) -> int | None:
        """Number of the oldest batch that is not yet in final windows."""
        with self._state.reading() as db:
            (first,) = db.execute("SELECT min(id) FROM batches WHERE state = 0").fetchone()
        return None if first is None else int(first)

    def newest(self) -> int:
        """Number of the newest batch; 0 before the first."""
        with self._state.reading() as db:
            (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM batches").fetchone()
        return int(newest)

    def row(self, batch: int) -> LedgerRow | None:
        """One batch by its number in the ledger."""
        with self._state.reading() as db:
            found = db.execute(f"SELECT {_ROW} FROM batches WHERE id = ?", (batch,)).fetchone()  # noqa: S608 - a constant
        return _ledger_row(found) if found else None

    def after(self, batch: int, *, limit: int = 256) -> list[LedgerRow]:
        """Batches of any state after a number, in the order they came."""
        with self._state.reading() as db:
            rows = db.execute(
                f"SELECT {_ROW} FROM batches WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608 - a constant
                (batch, limit),
            ).fetchall()
        return [_ledger_row(row) for row in rows]

    def backlog(self, *, after_id: int = 0) -> tuple[int, int]:
        """Number and octets of batches that wait beyond a number in the ledger."""
        with self._state.reading() as db:
            found = db.execute("SELECT count(*), coalesce(sum(octets), 0) FROM batches WHERE id > ? AND state = 0", (after_id,))
            count, octets = found.fetchone()
        return int(count), int(octets)

    def mark(self, batches: Iterable[int], state: BatchState) -> None:
        """Note where batches stand."""
        with self._state.transaction() as db:
            db.executemany("UPDATE batches SET state = ? WHERE id = ?", [(int(state), batch) for batch in batches])

    def streams(self) -> list[StreamState]:
        """Every stream ever heard."""
        with self._state.reading() as db:
            rows = db.execute("SELECT probe, incarnation, stream, contiguous, heard_ns FROM streams").fetchall()
        return [
            StreamState(probe=row[0], incarnation=int(row[1], 16), stream=Stream(row[2]), contiguous=row[3], heard_ns=row[4])
            for row in rows
        ]

    def newest_watermarks(self) -> dict[tuple[str, int, Stream], int]:
        """Of each stream the highest corrected watermark among batches already in final windows."""
        with self._state.reading() as db:
            rows = db.execute(
                "SELECT probe, incarnation, stream, max(watermark_ns + correction_ns) FROM batches WHERE state != 0"
                " GROUP BY probe, incarnation, stream"
            ).fetchall()
        return {(row[0], int(row[1], 16), Stream(row[2])): row[3] for row in rows}

    def gaps(self, *, since_ns: int = 0) -> list[ToldGap]:
        """Gaps told since a moment, oldest first."""
        with self._state.reading() as db:
            rows = db.execute(
                "SELECT probe, stream, first_seq, last_seq, reason, told_ns FROM gaps WHERE told_ns >= ? ORDER BY told_ns",
                (since_ns,),
            ).fetchall()
        return [
            ToldGap(probe=row[0], stream=Stream(row[1]), first_seq=row[2], last_seq=row[3], reason=row[4], told_ns=row[5])
            for row in rows
        ]

    def removable_payloads(self, *, received_before_ns: int, archived_upto: int, limit: int = 256) -> list[tuple[int, str]]:
        """Payloads whose windows are final and whose flows are archived, received long enough ago."""
        with self._state.reading() as db:
            return [
                (int(row[0]), str(row[1]))
                for row in db.execute(
                    "SELECT id, payload FROM batches"
                    " WHERE payload IS NOT NULL AND state = 1 AND id <= ? AND received_ns < ? LIMIT ?",
                    (archived_upto, received_before_ns, limit),
                )
            ]

    def forget_payloads(self, batches: Iterable[int]) -> None:
        """Their payloads are gone."""
        with self._state.transaction() as db:
            db.executemany("UPDATE batches SET payload = NULL WHERE id = ?", [(batch,) for batch in batches])

    def payload_paths(self) -> set[str]:
        """Every payload the ledger knows."""
        with self._state.reading() as db:
            return {str(row[0]) for row in db.execute("SELECT payload FROM batches WHERE payload IS NOT NULL")}

    def forget_before(self, received_ns: int) -> int:
        """Forget batches without payload that were received before a moment; their streams stay. Gives how many."""
        with self._state.transaction() as db:
            old = "SELECT id FROM batches WHERE payload IS NULL AND state != 0 AND received_ns < ?"
            db.execute(f"DELETE FROM contributions WHERE batch IN ({old})", (received_ns,))  # noqa: S608 - a constant
            db.execute(
                "DELETE FROM gaps WHERE told_ns < ? AND last_seq <= (SELECT contiguous FROM streams s WHERE s.probe = gaps.probe"
                " AND s.incarnation = gaps.incarnation AND s.stream = gaps.stream)",
                (received_ns,),
            )
            return db.execute(f"DELETE FROM batches WHERE id IN ({old})", (received_ns,)).rowcount  # noqa: S608 - a constant


def _ledger_row(row: tuple[int, str, str, str, int, int, int, int, int, str | None, int]) -> LedgerRow:
    return LedgerRow(
        id=row[0],
        identity=Identity(probe=row[1], incarnation=int(row[2], 16), stream=Stream(row[3]), seq=row[4]),
        received_ns=row[5],
        wall_ns=row[6],
        watermark_ns=row[7],
        correction_ns=row[8],
        payload=row[9],
        state=BatchState(row[10]),
    )


def _contiguous(db: sqlite3.Connection, identity: Identity) -> int:
    row = db.execute(
        "SELECT contiguous FROM streams WHERE probe = ? AND incarnation = ? AND stream = ?", identity.key[:3]
    ).fetchone()
    return int(row[0]) if row else 0


def _gap_end(db: sqlite3.Connection, identity: Identity) -> int | None:
    """Last sequence of a gap that covers this one."""
    (end,) = db.execute(
        "SELECT max(last_seq) FROM gaps WHERE probe = ? AND incarnation = ? AND stream = ? AND first_seq <= ? AND last_seq >= ?",
        (*identity.key[:3], identity.seq, identity.seq),
    ).fetchone()
    return None if end is None else int(end)


def _advance(db: sqlite3.Connection, identity: Identity, now_ns: int, *, heard: bool) -> None:
    """Move the stream's contiguous sequence over what is held and what will never come."""
    contiguous = _contiguous(db, identity)
    while contiguous < _MAX_SEQ:
        following = attrs.evolve(identity, seq=contiguous + 1)
        held = db.execute(
            "SELECT 1 FROM batches WHERE probe = ? AND incarnation = ? AND stream = ? AND seq = ?", following.key
        ).fetchone()
        end = contiguous + 1 if held else _gap_end(db, following)
        if end is None:
            break
        contiguous = end
    db.execute(
        "INSERT INTO streams VALUES (?, ?, ?, ?, ?) ON CONFLICT (probe, incarnation, stream) DO UPDATE"
        " SET contiguous = excluded.contiguous, heard_ns = max(heard_ns, excluded.heard_ns)",
        (*identity.key[:3], contiguous, now_ns if heard else 0),
    )
