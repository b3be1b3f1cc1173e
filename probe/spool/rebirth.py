"""A new incarnation: what waits is sealed again under a new identity, numbered from 1, in a directory of its own.

The collector refuses an identity it holds with other octets: the machine was cloned, or its disk went back in time. Nothing is
changed in place: the new directory is complete and durable before the spool points at it, so a crash leaves one or the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from faultline.records.terms import Stream
from faultline.runtime.clock import Clock
from probe.spool.batch import data_messages, read_header, seal
from probe.spool.files import Files
from probe.spool.incarnations import Pointer
from probe.spool.plan import Gap, Held, Position, renumber
from probe.spool.reserve import Reserve
from probe.spool.shelf import Shelf


def new_shelves(directory: Path, pointer: Pointer, *, files: Files, reserve: Reserve, clock: Clock) -> dict[Stream, Shelf]:
    """The shelves of an incarnation, not yet begun or read."""
    return {
        stream: Shelf(
            stream,
            directory / pointer.directory / stream,
            quarantine=directory / "quarantine",
            files=files,
            reserve=reserve,
            clock=clock,
            probe=pointer.probe,
            incarnation=pointer.incarnation,
        )
        for stream in Stream
    }


def carry_over(
    old: Mapping[Stream, Shelf], new: Mapping[Stream, Shelf], pointer: Pointer, *, accepted: Mapping[Stream, int]
) -> int:
    """Fill the new shelves from the old ones.

    Batches that only held gap records become empty, for they name sequences of the old incarnation; every gap the collector has
    not acknowledged takes one number of the new incarnation and is told again. What the collector took under the old identity
    (`accepted`, per stream) does not come again. Returns how many batches turned out damaged.
    """
    telling = {gap.told for shelf in old.values() for gap in shelf.position.gaps}
    damaged = 0
    for stream, target in new.items():
        source = old[stream]
        target.begin()
        position = Position(watermark_ns=source.position.watermark_ns)
        staged: list[tuple[int, Held]] = []
        for item in renumber(source.held, source.position.gaps, accepted=accepted.get(stream, 0)):
            target.next_seq = item.new + 1
            octets = None if item.old is None else source.read(item.old)
            if item.old is None or octets is None:
                damaged += item.old is not None
                position = position.with_gap(Gap(first=item.new, last=item.new, reason=item.gap_reason or "corrupt"))
                continue
            header = read_header(octets)
            messages = data_messages(octets)
            if stream is Stream.EVENTS and item.old in telling:
                header, messages = attrs.evolve(header, records=0), b""
            again = seal(attrs.evolve(header, probe=pointer.probe, incarnation=pointer.incarnation, seq=item.new), messages)
            target.stage(item.new, again)
            staged.append((item.new, Held(octets=len(again), since_ns=source.held[item.old].since_ns)))
        target.position = position
        target.publish(staged)
        target.save()
    return damaged
