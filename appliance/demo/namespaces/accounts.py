"""Every batch accounted for: what the probes' spools say against the collector's ledger.

Goes in: spools and the state store, both at rest. Comes out: how many acknowledged batches are missing, and how many are there
twice. Reads only.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from appliance.demo.world import Balance
from faultline.records.terms import Stream
from probe.spool.files import Disk
from probe.spool.incarnations import Incarnations
from probe.spool.plan import Position


def balance(spools: Iterable[Path], state_file: Path) -> Balance:
    """Compare; an acknowledged sequence is one the spool has released and no gap explains."""
    held, gaps, doubled = _ledger(state_file)
    lost = batches = 0
    for spool in spools:
        pointer = Incarnations(spool, Disk()).current()
        if pointer is None:  # it never opened: nothing was made, nothing was acknowledged
            continue
        for stream in Stream:
            position = Position.decode((spool / pointer.directory / stream.value / "position").read_bytes())
            key = (pointer.probe, pointer.directory, stream.value)
            acknowledged = {
                seq
                for seq in range(1, position.released + 1)
                if not any(gap.first <= seq <= gap.last for gap in position.gaps)
                and not any(first <= seq <= last for first, last in gaps.get(key, ()))
            }
            batches += len(acknowledged)
            lost += len(acknowledged - held.get(key, set()))
    return Balance(lost=lost, doubled=doubled, batches=batches)


_Key = tuple[str, str, str]


def _ledger(state_file: Path) -> tuple[dict[_Key, set[int]], dict[_Key, list[tuple[int, int]]], int]:
    with contextlib.closing(sqlite3.connect(f"file:{state_file}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT probe, incarnation, stream, seq FROM batches").fetchall()
        told = db.execute("SELECT probe, incarnation, stream, first_seq, last_seq FROM gaps").fetchall()
    times = Counter(rows)
    held: dict[_Key, set[int]] = {}
    for probe, incarnation, stream, seq in times:
        held.setdefault((probe, incarnation, stream), set()).add(seq)
    gaps: dict[_Key, list[tuple[int, int]]] = {}
    for probe, incarnation, stream, first, last in told:
        gaps.setdefault((probe, incarnation, stream), []).append((first, last))
    return held, gaps, sum(count - 1 for count in times.values())
