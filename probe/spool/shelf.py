"""One stream's directory: batch files named by sequence, and the position that outlives them.

A batch is written under a temporary name, made durable, renamed, and the directory synced; only then does anyone see it. What is
released or given up is written into the position before its file goes. Not safe from several threads: the spool's lock guards it.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from pathlib import Path

import attrs

from faultline.records.terms import Stream
from faultline.runtime.clock import Clock
from probe.spool.batch import read_header
from probe.spool.files import NO_ROOM, Files
from probe.spool.plan import Gap, Held, Position, PositionError, missing
from probe.spool.reserve import Reserve

_BATCH_NAME = re.compile(r"(\d{20})\.ipfix")


@attrs.frozen(slots=True, kw_only=True)
class Recovered:
    """What a start found."""

    held: int
    torn: int
    """Temporary files of a write that never finished; their batches were not yet taken."""
    corrupt: int
    missing: int
    """Sequences without a file."""


class Shelf:
    """The batches of one stream of one incarnation."""

    def __init__(
        self,
        stream: Stream,
        directory: Path,
        *,
        quarantine: Path,
        files: Files,
        reserve: Reserve,
        clock: Clock,
        probe: str,
        incarnation: int,
    ) -> None:
        self.stream = stream
        self.directory = directory
        self.held: dict[int, Held] = {}
        self.octets = 0
        self.position = Position()
        self.next_seq = 1
        self.dirty = False
        """The position on disk is older than the one in memory."""
        self._quarantine = quarantine
        self._files = files
        self._reserve = reserve
        self._clock = clock
        self._incarnation = incarnation
        self._identity = (probe, incarnation, stream)

    def begin(self) -> None:
        """Make the empty shelf of a new incarnation durable, all but its own name."""
        self._files.make_directory(self.directory)
        self.save()

    def save(self) -> None:
        """Make the position durable."""
        self.position = attrs.evolve(self.position, last=self.next_seq - 1)
        self._reserve.write(self.directory / "position.tmp", self.position.encode())
        self._files.rename(self.directory / "position.tmp", self.directory / "position")
        self._files.sync_directory(self.directory)
        self.dirty = False
        self._reserve.restore()  # the old position has just made room

    def recover(self) -> Recovered:
        """Read the directory as a crash may have left it; what cannot be used becomes a gap and its file moves to quarantine.

        Raises:
            PositionError: the position is gone or damaged: no sequence of this incarnation can be trusted not to have been used.
        """
        try:
            self.position = Position.decode(self._files.read(self.directory / "position"))
        except FileNotFoundError:
            raise PositionError("position: missing") from None
        return self._take_stock()

    def salvage(self) -> Recovered:
        """Read the directory without its position, to begin a new incarnation at once: every sound batch is held."""
        found = self._sequences()
        self.position = Position(released=found[0] - 1 if found else 0)
        return self._take_stock()

    def _take_stock(self) -> Recovered:
        torn = [name for name in self._files.names(self.directory) if name.endswith(".tmp")]
        for name in torn:
            self._files.remove(self.directory / name)
        sound: list[int] = []
        damaged: list[int] = []
        for seq in self._sequences():
            if seq <= self.position.released:
                self._files.remove(self.path(seq))
            elif self.position.covers(seq):
                self._set_aside(seq)
            else:
                (sound if self._check(seq) else damaged).append(seq)
        absent = [Gap(first=first, last=last, reason="missing") for first, last in missing(self.position, [*sound, *damaged])]
        gaps = [*absent, *(Gap(first=seq, last=seq, reason="corrupt") for seq in damaged)]
        self.next_seq = (
            max([self.position.last, self.position.released, *sound, *(gap.last for gap in (*self.position.gaps, *gaps))]) + 1
        )
        for gap in sorted(gaps, key=lambda gap: gap.first):
            self.position = self.position.with_gap(gap)
        self.save_if_possible()
        for seq in [] if self.dirty else damaged:  # where the gap cannot be written down, the file stays to be found again
            self._set_aside(seq)
        lost = sum(gap.last - gap.first + 1 for gap in absent)
        return Recovered(held=len(self.held), torn=len(torn), corrupt=len(damaged), missing=lost)

    def _sequences(self) -> list[int]:
        matches = map(_BATCH_NAME.fullmatch, self._files.names(self.directory))
        return sorted(int(match[1]) for match in matches if match)

    def path(self, seq: int) -> Path:
        """Where the batch lies."""
        return self.directory / f"{seq:020d}.ipfix"

    def stage(self, seq: int, octets: bytes) -> None:
        """Write a batch under a temporary name; its content is durable on return."""
        temporary = self.path(seq).with_suffix(".tmp")
        try:
            self._files.write(temporary, octets)
        except OSError:
            self._files.remove(temporary)
            raise

    def publish(self, staged: Sequence[tuple[int, Held]]) -> None:
        """Give staged batches their names, all durable by one sync, and hold them."""
        for seq, _ in staged:
            self._files.rename(self.path(seq).with_suffix(".tmp"), self.path(seq))
        self._files.sync_directory(self.directory)
        for seq, batch in staged:
            self._hold(seq, batch)

    def unpublish(self, seqs: Sequence[int]) -> None:
        """Take back what `publish` could not make durable."""
        for seq in seqs:
            self._files.remove(self.path(seq).with_suffix(".tmp"))
            self._files.remove(self.path(seq))

    def read(self, seq: int) -> bytes | None:
        """The batch's octets, or None when the file is missing or no longer what was written."""
        try:
            octets = self._files.read(self.path(seq))
        except FileNotFoundError:
            return None
        return octets if self._is_ours(octets, seq) else None

    def release(self, upto: int) -> int:
        """Be done with every sequence up to this one; returns how many batches that let go."""
        done = [seq for seq in self.held if seq <= upto]
        if upto <= self.position.released and not done:
            return 0
        self.position = attrs.evolve(self.position, released=max(self.position.released, min(upto, self.next_seq - 1)))
        self.save_if_possible()
        if self.dirty and len(done) == len(self.held):
            # The highest file is all that remembers which numbers were used: it stays until the position is written.
            return self._remove(done[:-1]) + (0 if self.dirty else self._remove(done[-1:]))
        return self._remove(done)

    def give_up(self, gap: Gap, *, keep_files: bool) -> int:
        """Record a gap and let go of its batches, into quarantine or removed; returns how many were held.

        A gap at the very front moves the position on, so that no restart looks there again.

        Raises:
            OSError: the gap could not be recorded; nothing has changed.
        """
        lost = [seq for seq in self.held if gap.first <= seq <= gap.last]
        before = self.position
        self.position = before.with_gap(gap)
        at_front = gap.first <= before.released + 1
        moved = attrs.evolve(self.position, released=max(before.released, gap.last)) if at_front else self.position
        try:
            if keep_files:
                self.save()
            else:
                self.position = moved
                self.save_if_possible()
        except OSError:
            self.position = before
            raise
        if keep_files:
            for seq in lost:
                self._set_aside(seq)
                self._let_go(seq)
            self.position = moved
            return len(lost)
        if self.dirty and len(lost) == len(self.held):
            # As in `release`; nothing can be given up, so nothing is.
            self.position = before
            raise OSError(errno.ENOSPC, "no room for the position")
        return self._remove(lost)

    def save_if_possible(self) -> None:
        """Make the position durable, or stay `dirty` while the disk has no room."""
        try:
            self.save()
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            self.dirty = True

    def _remove(self, seqs: Sequence[int]) -> int:
        for seq in seqs:
            self._files.remove(self.path(seq))
            self._let_go(seq)
            if self.dirty:
                # A full disk had no room for the position; the file just removed made some. A crash in between finds the batch
                # missing, and says so.
                self.save_if_possible()
        return len(seqs)

    def _check(self, seq: int) -> bool:
        octets = self._files.read(self.path(seq))
        if not self._is_ours(octets, seq):
            return False
        header = read_header(octets)
        age_ns = max(0, self._clock.wall_ns() - header.wall_ns)
        self._hold(seq, Held(octets=len(octets), since_ns=self._clock.monotonic_ns() - age_ns))
        self.position = attrs.evolve(self.position, watermark_ns=max(self.position.watermark_ns, header.watermark_ns))
        return True

    def _is_ours(self, octets: bytes, seq: int) -> bool:
        try:
            header = read_header(octets)
        except ValueError:
            return False
        return (header.probe, header.incarnation, header.stream) == self._identity and header.seq == seq

    def _hold(self, seq: int, batch: Held) -> None:
        self.held[seq] = batch
        self.octets += batch.octets
        self.next_seq = max(self.next_seq, seq + 1)

    def _let_go(self, seq: int) -> None:
        batch = self.held.pop(seq, None)
        if batch:
            self.octets -= batch.octets

    def _set_aside(self, seq: int) -> None:
        self._files.make_directory(self._quarantine)
        try:
            self._files.rename(self.path(seq), self._quarantine / f"{self._incarnation:016x}-{self.stream}-{seq:020d}.ipfix")
        except FileNotFoundError:
            return
        self._files.sync_directory(self._quarantine)
        self._files.sync_directory(self.directory)
