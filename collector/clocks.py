"""How far a probe's wall clock is off, without asking it: from both clocks in every batch and the moment the batch came.

Pure. A batch that waited in the spool comes late whatever the clock says, so lateness alone proves nothing. Two things do:
- A batch cannot come before it was closed: a wall clock ahead of its own arrival is ahead.
- Once batches come at the pace at which they are closed, nothing waits. From those the monotonic clock is tied to ours, and the
  wall clock is compared with it, also for batches that waited later.
Until one of the two is known, the probe's own time is taken.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS

TOLERATED_NS = 2 * SECOND_NS
"""Offsets within this are good enough to file by (design: model, Time)."""
PROMPT_RUN = 3
"""So many batches of a stream in a row at their own pace: nothing waits in the spool."""
_PACE = 2
"""A batch that came after less than a half of the time since the one before was closed came from a backlog."""
_SAMPLES = 30
"""The newest so many: the two machines' monotonic clocks drift by 20 to 50 ppm, 0.02 s in five minutes."""


@attrs.define(slots=True)
class _Last:
    received_ns: int
    monotonic_ns: int
    run: int = 0


class ProbeClock:
    """The clock of one incarnation of a probe."""

    def __init__(self) -> None:
        self._ties: deque[int] = deque(maxlen=_SAMPLES)
        """Arrival minus monotonic clock, of batches that came at their own pace."""
        self._last: dict[str, _Last] = {}

    def correction_ns(self, stream: str, *, wall_ns: int, monotonic_ns: int, received_ns: int) -> int:
        """What to add to this batch's times; 0 while its wall clock is within 2 s of ours, or nothing is known.

        Args:
            stream: batches of a stream come in order.
            wall_ns: the probe's wall clock when the batch was closed.
            monotonic_ns: its monotonic clock at the same moment.
            received_ns: our wall clock when the batch came.
        """
        self._observe(stream, monotonic_ns, received_ns)
        found = monotonic_ns + min(self._ties) - wall_ns if self._ties else min(0, received_ns - wall_ns)
        return found if abs(found) > TOLERATED_NS else 0

    def _observe(self, stream: str, monotonic_ns: int, received_ns: int) -> None:
        last = self._last.get(stream)
        run = 0
        if last is not None and monotonic_ns < last.monotonic_ns:
            # The host started again: its monotonic clock has another beginning.
            self._ties.clear()
            self._last.clear()
        elif last is not None:
            prompt = (received_ns - last.received_ns) * _PACE >= monotonic_ns - last.monotonic_ns > 0
            run = last.run + 1 if prompt else 0
        self._last[stream] = _Last(received_ns, monotonic_ns, run)
        if run >= PROMPT_RUN:
            self._ties.append(received_ns - monotonic_ns)

    def document(self) -> str:
        """What a later life needs."""
        last = {stream: [entry.received_ns, entry.monotonic_ns, entry.run] for stream, entry in self._last.items()}
        return json.dumps({"ties": list(self._ties), "last": last}, separators=(",", ":"))

    @classmethod
    def restored(cls, document: str) -> ProbeClock:
        """From `document`."""
        made = cls()
        read: dict[str, Any] = json.loads(document)
        made._ties.extend(read["ties"])
        made._last = {stream: _Last(*entry) for stream, entry in read["last"].items()}
        return made
