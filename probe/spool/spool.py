"""The spool: what the probe made stays here until the collector has acknowledged it, or until a gap says that it was given up.

In come data messages of a stream, out come sealed batches in dense sequence. It knows nothing of HTTP, and no record but the gap.

Layout: `incarnation` (which one counts), `<incarnation>/<stream>/<seq>.ipfix` and `position`, `quarantine/`, `reserve`.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from faultline.records.terms import SECOND_NS, ProbeId, Stream
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from probe.spool.batch import Header, gap_messages, seal
from probe.spool.config import SpoolConfig
from probe.spool.files import NO_ROOM, Disk, Files
from probe.spool.incarnations import Incarnations, Pointer, PointerError
from probe.spool.plan import (
    DROP_ORDER,
    Drop,
    Gap,
    Held,
    PositionError,
    as_gaps,
    forget_gaps,
    makes_room_for,
    over_quota,
    retell,
    untell,
)
from probe.spool.rebirth import carry_over, new_shelves
from probe.spool.reserve import Reserve
from probe.spool.shelf import Shelf

_HEADER_AND_SEAL_OCTETS = 400
"""Upper estimate of what sealing adds to the data messages; the quota needs no better."""


@attrs.frozen(slots=True, kw_only=True)
class Depth:
    """What waits of a stream."""

    batches: int
    octets: int
    waiting_ns: int | None
    """How long the oldest batch has waited; None when nothing waits."""


@attrs.define(slots=True, kw_only=True, eq=False)
class _Entry:
    stream: Stream
    messages: bytes
    records: int
    first_ns: int | None
    last_ns: int | None
    watermark_ns: int
    seq: int | None = None
    finished: bool = False
    error: Exception | None = None


class Spool:
    """Batches on disk, safe from several threads. Every number it hands out is used once, whatever crashes.

    Counter stage `spool`, in batches: out are those released by the collector's acknowledgement; held is what waits.
    """

    def __init__(
        self,
        directory: Path,
        probe: ProbeId,
        *,
        clock: Clock,
        counters: Counters,
        config: SpoolConfig | None = None,
        files: Files | None = None,
        draw_incarnation: Callable[[], int] | None = None,
    ) -> None:
        self.directory = directory
        self._probe = probe
        self._clock = clock
        self._counters = counters
        self._stage = counters.stage("spool")
        self._config = config or SpoolConfig()
        self._files = files or Disk()
        self._reserve = Reserve(directory, self._files)
        self._incarnations = Incarnations(directory, self._files)
        # 63 random bits: positive also in stores that know only signed integers.
        self._draw_incarnation = draw_incarnation or (lambda: secrets.randbits(63) | 1)
        self._lock = threading.RLock()
        self._entries: list[_Entry] = []
        self._entries_lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._shelves: dict[Stream, Shelf] = {}
        self._holes: set[tuple[Stream, int]] = set()
        self._log = logger("spool")
        self.incarnation = 0

    # ---- life ----------------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Begin, or go on where a crash left off.

        Raises:
            OSError: the directory cannot be made or read.
        """
        with self._lock:
            self._files.make_directory(self.directory)
            self._reserve.restore()
            pointer = self._find_incarnation()
            if pointer is None:
                self._incarnations.set_strangers_aside()
                self._begin({}, {})
                self._files.sync_directory(self.directory.parent)
                return
            self.incarnation = pointer.incarnation
            self._shelves = new_shelves(self.directory, pointer, files=self._files, reserve=self._reserve, clock=self._clock)
            trusted = self._recover_shelves()
            self._remove_others(pointer)
            if not trusted or pointer.probe != self._probe:
                self._begin(self._shelves, {})
            self._tell_gaps()
            self._publish_gauges()

    def _find_incarnation(self) -> Pointer | None:
        try:
            return self._incarnations.current()
        except PointerError as error:
            self._log.error("the incarnation file is damaged; what waited goes to quarantine", reason=str(error))
            return None

    def listen(self, callback: Callable[[], None]) -> None:
        """Call this after every append, from the appending thread."""
        self._listeners.append(callback)

    # ---- in ------------------------------------------------------------------------------------------------------
    def append(
        self,
        stream: Stream,
        messages: bytes,
        *,
        records: int,
        first_ns: int | None,
        last_ns: int | None,
        watermark_ns: int,
    ) -> int | None:
        """Seal data messages into the stream's next batch; it is durable on return.

        Appends of several threads that come together share one round of syncs. An empty batch (no messages) is a heartbeat.

        Returns:
            the batch's sequence, or None when the disk had no room or failed: then it was counted and a gap says so.
        """
        entry = _Entry(
            stream=stream, messages=messages, records=records, first_ns=first_ns, last_ns=last_ns, watermark_ns=watermark_ns
        )
        with self._entries_lock:
            self._entries.append(entry)
        with self._lock:
            if not entry.finished:
                with self._entries_lock:
                    entries, self._entries = self._entries, []
                self._commit(entries)
        if entry.error:
            raise entry.error
        for callback in self._listeners:
            callback()
        return entry.seq

    def _commit(self, entries: list[_Entry]) -> None:
        now_ns = self._clock.wall_ns()
        try:
            self._keep_quota(sum(len(entry.messages) + _HEADER_AND_SEAL_OCTETS for entry in entries))
        except OSError as error:
            self._complain("old batches could not be removed", error)
        staged: dict[Stream, list[tuple[_Entry, int, Held]]] = {}
        # Most valuable first: what is placed and not yet held makes no room for what comes behind it.
        for entry in sorted(entries, key=lambda entry: DROP_ORDER.index(entry.stream), reverse=True):
            try:
                if placed := self._place(entry, now_ns):
                    staged.setdefault(entry.stream, []).append((entry, *placed))
            except Exception as error:  # noqa: BLE001 - it belongs to the thread that appended, not to the one that commits for it
                entry.error = error
            entry.finished = True
        for stream, items in staged.items():
            self._publish(self._shelves[stream], items)
        self._save_dirty()
        self._tell_gaps()
        self._publish_gauges()

    def _place(self, entry: _Entry, now_ns: int) -> tuple[int, Held] | None:
        shelf = self._shelves[entry.stream]
        seq = shelf.next_seq
        octets = self._sealed(entry, seq, now_ns)
        self._stage.take()
        shelf.next_seq = seq + 1
        try:
            self._stage_with_room(shelf, seq, octets)
        except OSError as error:
            self._lose(shelf, seq, error)
            return None
        entry.seq = seq
        shelf.position = attrs.evolve(shelf.position, watermark_ns=max(shelf.position.watermark_ns, entry.watermark_ns))
        return seq, Held(octets=len(octets), since_ns=self._clock.monotonic_ns())

    def _sealed(self, entry: _Entry, seq: int, now_ns: int) -> bytes:
        header = Header(
            probe=self._probe,
            incarnation=self.incarnation,
            stream=entry.stream,
            seq=seq,
            wall_ns=now_ns,
            monotonic_ns=self._clock.monotonic_ns(),
            watermark_ns=entry.watermark_ns,
            records=entry.records,
            first_ns=entry.first_ns,
            last_ns=entry.last_ns,
        )
        return seal(header, entry.messages)

    def _stage_with_room(self, shelf: Shelf, seq: int, octets: bytes) -> None:
        while True:
            try:
                shelf.stage(seq, octets)
            except OSError as error:
                held = {stream: list(other.held) for stream, other in self._shelves.items()}
                drop = makes_room_for(shelf.stream, held) if error.errno in NO_ROOM else None
                if drop is None:
                    raise
                self._drop(drop)
            else:
                return

    def _publish(self, shelf: Shelf, items: list[tuple[_Entry, int, Held]]) -> None:
        try:
            shelf.publish([(seq, held) for _, seq, held in items])
        except OSError as error:
            for entry, seq, _ in items:
                entry.seq = None
                self._lose(shelf, seq, error)
            try:
                shelf.unpublish([seq for _, seq, _ in items])
            except OSError as second:
                self._complain("a batch could not be taken back", second)

    # ---- out -----------------------------------------------------------------------------------------------------
    def next_batch(self, stream: Stream, after: int = 0) -> tuple[int, bytes] | None:
        """The oldest waiting batch behind `after`, checked once more; one that is no longer what was written becomes a gap."""
        with self._lock:
            shelf = self._shelves[stream]
            for seq in [seq for seq in shelf.held if seq > after]:
                octets = shelf.read(seq)
                if octets is not None:
                    return seq, octets
                try:
                    self._give_up(shelf, Gap(first=seq, last=seq, reason="corrupt"), keep_files=True)
                except OSError as error:
                    self._complain("a damaged batch cannot be set aside yet", error)
            return None

    def holds(self, stream: Stream, seq: int) -> bool:
        """Whether this batch waits here."""
        with self._lock:
            return seq in self._shelves[stream].held

    def release(self, stream: Stream, upto: int) -> None:
        """The collector has everything of the stream up to here: forget it. The position is written before any file goes."""
        with self._lock:
            try:
                self._stage.done(self._shelves[stream].release(upto))
            except OSError as error:
                self._complain("acknowledged batches could not be removed yet", error)
            if stream is Stream.EVENTS:
                released = self._shelves[Stream.EVENTS].position.released
                for shelf in self._shelves.values():
                    shelf.position = forget_gaps(shelf.position, released)
            self._publish_gauges()

    def reject(self, stream: Stream, seq: int) -> None:
        """The collector will never take this batch: put it in quarantine, say so in a gap, and go on behind it."""
        with self._lock:
            self._give_up(self._shelves[stream], Gap(first=seq, last=seq, reason="rejected"), keep_files=True)

    def fill_hole(self, stream: Stream, contiguous: int) -> None:
        """The collector waits for what is not here, its store having gone back in time: say (again) that it never comes."""
        with self._lock:
            shelf = self._shelves[stream]
            lacking = contiguous + 1
            if lacking in shelf.held or lacking >= shelf.next_seq or (stream, lacking) in self._holes:
                return
            known = next((gap for gap in shelf.position.gaps if gap.first <= lacking <= gap.last), None)
            if known and (known.told is None or known.told > self._shelves[Stream.EVENTS].position.released):
                return  # its record is on the way
            self._holes.add((stream, lacking))
            last = min((seq for seq in shelf.held if seq > lacking), default=shelf.next_seq) - 1
            self._log.warning("collector waits for what is not here", stream=stream, first=lacking, last=last)
            shelf.position = (
                untell(shelf.position, lambda gap: gap is known)
                if known
                else shelf.position.with_gap(Gap(first=lacking, last=last, reason="missing"))
            )
            shelf.dirty = True
            self._save_dirty()
            self._tell_gaps()

    def rebirth(self, accepted: Mapping[Stream, int]) -> None:
        """Begin a new incarnation and carry over what waits, sealed again under the new identity.

        Args:
            accepted: per stream, the highest sequence the collector took of the old incarnation.
        """
        with self._lock:
            self._counters.count("spool_incarnations", reason="conflict")
            self._holes.clear()
            self._begin(self._shelves, accepted)
            self._tell_gaps()
            self._publish_gauges()

    def depth(self) -> dict[Stream, Depth]:
        """What waits, per stream."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            return {stream: _depth(shelf, now_ns) for stream, shelf in self._shelves.items()}

    # ---- giving up -------------------------------------------------------------------------------------------------
    def _keep_quota(self, incoming_octets: int) -> None:
        max_age_ns = int(self._config.max_age_s * SECOND_NS)
        total = incoming_octets + sum(shelf.octets for shelf in self._shelves.values())
        ages_ns = [depth.waiting_ns or 0 for depth in self.depth().values()]
        if total <= self._config.max_octets and max(ages_ns) <= max_age_ns:
            return
        drops = over_quota(
            {stream: list(shelf.held.items()) for stream, shelf in self._shelves.items()},
            incoming_octets=incoming_octets,
            max_octets=self._config.max_octets,
            max_age_ns=max_age_ns,
            now_ns=self._clock.monotonic_ns(),
        )
        for stream, gap in as_gaps(drops):
            self._give_up(self._shelves[stream], gap, keep_files=False, tell=False)

    def _drop(self, drop: Drop) -> None:
        self._give_up(
            self._shelves[drop.stream], Gap(first=drop.seq, last=drop.seq, reason=drop.reason), keep_files=False, tell=False
        )

    def _give_up(self, shelf: Shelf, gap: Gap, *, keep_files: bool, tell: bool = True) -> None:
        self._log.warning("batches given up", stream=shelf.stream, first=gap.first, last=gap.last, reason=gap.reason)
        self._stage.drop(gap.reason, shelf.give_up(gap, keep_files=keep_files))
        if shelf.stream is Stream.EVENTS:
            for other in self._shelves.values():
                before = other.position
                other.position = untell(before, lambda known: known.told is not None and gap.first <= known.told <= gap.last)
                other.dirty |= other.position != before
        if tell:
            self._tell_gaps()
            self._publish_gauges()

    def _lose(self, shelf: Shelf, seq: int, error: OSError) -> None:
        reason = "disk_full" if error.errno in NO_ROOM else "disk_error"
        self._stage.drop(reason)
        self._complain("a batch could not be written", error)
        shelf.position = shelf.position.with_gap(Gap(first=seq, last=seq, reason=reason))
        shelf.dirty = True

    def _tell_gaps(self) -> None:
        """Write one batch of records for all gaps not yet told; what cannot be written now is told with the next append."""
        if not any(shelf.position.untold() for shelf in self._shelves.values()):
            return
        # A gap is told only once it is written down: else a crash would use its numbers again.
        self._save_dirty()
        untold = [(shelf, gap) for shelf in self._shelves.values() if not shelf.dirty for gap in shelf.position.untold()]
        if not untold:
            return
        now_ns = self._clock.wall_ns()
        rows = [
            {"stream": str(shelf.stream), "gap_first_seq": gap.first, "gap_last_seq": gap.last, "gap_reason": gap.reason}
            for shelf, gap in untold
        ]
        events = self._shelves[Stream.EVENTS]
        seq = events.next_seq
        entry = _Entry(
            stream=Stream.EVENTS,
            messages=gap_messages(rows, export_s=now_ns // SECOND_NS),
            records=len(rows),
            first_ns=None,
            last_ns=None,
            watermark_ns=events.position.watermark_ns,
        )
        try:
            octets = self._sealed(entry, seq, now_ns)
            events.stage(seq, octets)
            events.publish([(seq, Held(octets=len(octets), since_ns=self._clock.monotonic_ns()))])
        except OSError as error:
            self._complain("a gap record waits for room", error)
            return
        self._stage.take()
        for shelf in {id(shelf): shelf for shelf, _ in untold}.values():
            gaps = tuple(attrs.evolve(gap, told=seq) if gap.told is None else gap for gap in shelf.position.gaps)
            shelf.position = attrs.evolve(shelf.position, gaps=gaps)
            shelf.dirty = True
        self._save_dirty()

    # ---- incarnations ----------------------------------------------------------------------------------------------
    def _begin(self, old: Mapping[Stream, Shelf], accepted: Mapping[Stream, int]) -> None:
        pointer = Pointer(incarnation=self._draw_incarnation(), probe=self._probe)
        new = new_shelves(self.directory, pointer, files=self._files, reserve=self._reserve, clock=self._clock)
        damaged = 0
        if old:
            damaged = carry_over(old, new, pointer, accepted=accepted)
        else:
            for shelf in new.values():
                shelf.begin()
        self._incarnations.point_to(pointer)
        self._stage.done(sum(seq <= accepted.get(stream, 0) for stream, shelf in old.items() for seq in shelf.held))
        self._stage.drop("corrupt", damaged)
        self.incarnation, self._shelves = pointer.incarnation, new
        carried_over = sum(len(shelf.held) for shelf in new.values())
        self._log.info("new incarnation", incarnation=pointer.directory, carried_over=carried_over)
        self._remove_others(pointer)

    def _remove_others(self, pointer: Pointer) -> None:
        try:
            self._incarnations.remove_others(pointer)
        except OSError as error:
            self._complain("an old incarnation could not be removed", error)

    def _recover_shelves(self) -> bool:
        trusted = True
        for stream, shelf in self._shelves.items():
            try:
                found = shelf.recover()
            except PositionError as error:
                self._log.error("the spool's position is lost; a new incarnation begins", stream=stream, reason=str(error))
                found = shelf.salvage()
                trusted = False
            self._stage.take(found.held + found.corrupt + found.missing)
            for reason, count in (("corrupt", found.corrupt), ("missing", found.missing)):
                if count:
                    self._stage.drop(reason, count)
                    self._log.warning("batches lost", stream=stream, reason=reason, count=count)
            if found.torn:
                self._counters.count("spool_torn", found.torn)
        events = self._shelves[Stream.EVENTS]
        for shelf in self._shelves.values():
            shelf.position = retell(shelf.position, events.position, events.held)
        return trusted

    # ---- small things ------------------------------------------------------------------------------------------------
    def _save_dirty(self) -> None:
        for shelf in self._shelves.values():
            if shelf.dirty:
                try:
                    shelf.save_if_possible()
                except OSError as error:
                    shelf.dirty = True
                    self._complain("a position could not be written", error)

    def _complain(self, event: str, error: OSError) -> None:
        self._counters.count("spool_disk_errors")
        self._log.error(event, error=error.strerror or str(error), number=error.errno)

    def _publish_gauges(self) -> None:
        for stream, depth in self.depth().items():
            self._counters.gauge("spool_batches", depth.batches, stream=stream)
            self._counters.gauge("spool_octets", depth.octets, stream=stream)


def _depth(shelf: Shelf, now_ns: int) -> Depth:
    waiting_ns = now_ns - next(iter(shelf.held.values())).since_ns if shelf.held else None
    return Depth(batches=len(shelf.held), octets=shelf.octets, waiting_ns=waiting_ns)
