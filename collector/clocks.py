"""How far a probe's wall clock is off: proven by its exchanges with us, never guessed from how late its batches come.

Pure. A batch may wait in the spool, and a request on a bad line, for any time; lateness alone proves nothing. Two bounds do, both
on `tie`, our wall clock minus the probe's monotonic one (the two sides of an NTP exchange, RFC 5905 section 8):
- A request cannot come before it was sent: tie <= arrival - monotonic clock at sending.
- An answer cannot come before it was given: tie >= our time in the answer - monotonic clock when it came. The probe tells this
  with its next request.
A wall clock is bad when it is more than 2 s away from both. While nothing is proven, the probe's own time is taken.
"""

from __future__ import annotations

import json
import re
from collections import deque
from typing import Any, Self

import attrs

from faultline.records.terms import SECOND_NS

TOLERATED_NS = 2 * SECOND_NS
"""Offsets within this are good enough to file by (design: model, Time)."""
_SAMPLES = 30
"""The newest so many: the two machines' monotonic clocks drift by 20 to 50 ppm, 0.02 s in five minutes."""
_REORDERED_NS = 10 * SECOND_NS
"""Requests on two connections may overtake each other by so much; a monotonic clock that fell by more has begun anew."""
_TOLD = re.compile(r"\s*([0-9]{1,19})(?:\s+([0-9]{1,19}))?\s*")
_LARGEST = 1 << 63


@attrs.frozen(slots=True, kw_only=True)
class Exchange:
    """What the request that carries a batch tells of the probe's clock."""

    arrived_ns: int
    """Our wall clock when the request began to come."""
    sent_monotonic_ns: int | None = None
    """The probe's monotonic clock when it sent it; None: not told."""
    tie_floor_ns: int | None = None
    """Our time in the answer before, minus the probe's monotonic clock when that answer came; None: no answer yet."""

    @classmethod
    def told(cls, header: str | None, *, arrived_ns: int) -> Self:
        """From `Faultline-Clock: <monotonic ns at sending> [<tie floor ns>]`; what is no such header tells nothing."""
        found = _TOLD.fullmatch(header or "")
        sent_ns, floor_ns = (int(number) if number else None for number in found.groups()) if found else (None, None)
        if max(sent_ns or 0, floor_ns or 0) >= _LARGEST:
            sent_ns = floor_ns = None
        return cls(arrived_ns=arrived_ns, sent_monotonic_ns=sent_ns, tie_floor_ns=floor_ns)


class ProbeClock:
    """The clock of one incarnation of a probe."""

    def __init__(self) -> None:
        self._ceilings: deque[int] = deque(maxlen=_SAMPLES)
        self._floors: deque[int] = deque(maxlen=_SAMPLES)
        self._sent_ns = 0
        """The newest monotonic clock at a sending."""

    def hear(self, exchange: Exchange) -> None:
        """Learn from a request, whatever it carries."""
        sent_ns = exchange.sent_monotonic_ns
        if sent_ns is None:
            return
        if sent_ns < self._sent_ns - _REORDERED_NS:
            # The host started again: its monotonic clock has another beginning.
            self._ceilings.clear()
            self._floors.clear()
            self._sent_ns = 0
        self._sent_ns = max(self._sent_ns, sent_ns)
        self._ceilings.append(exchange.arrived_ns - sent_ns)
        if exchange.tie_floor_ns is not None:
            self._floors.append(exchange.tie_floor_ns)

    def correction_ns(self, *, wall_ns: int, monotonic_ns: int, received_ns: int) -> int:
        """What to add to a batch's times; 0 while its wall clock is within 2 s of ours, or nothing is proven.

        Args:
            wall_ns: the probe's wall clock when the batch was closed.
            monotonic_ns: its monotonic clock at the same moment.
            received_ns: our wall clock when the batch came.
        """
        if not self._ceilings or monotonic_ns > self._sent_ns:
            # Nothing is known, or the batch is of the host's life before: it cannot have been closed after it came.
            found = min(0, received_ns - wall_ns)
            return found if found < -TOLERATED_NS else 0
        latest = monotonic_ns + min(self._ceilings) - wall_ns
        if latest < -TOLERATED_NS:
            return latest
        earliest = monotonic_ns + max(self._floors) - wall_ns if self._floors else 0
        return latest if min(earliest, latest) > TOLERATED_NS else 0

    def document(self) -> str:
        """What a later life needs."""
        found = {"ceilings": list(self._ceilings), "floors": list(self._floors), "sent_ns": self._sent_ns}
        return json.dumps(found, separators=(",", ":"))

    @classmethod
    def restored(cls, document: str) -> Self:
        """From `document`; from one of an earlier release: as new."""
        made = cls()
        read: dict[str, Any] = json.loads(document)
        made._ceilings.extend(read.get("ceilings", ()))
        made._floors.extend(read.get("floors", ()))
        made._sent_ns = read.get("sent_ns", 0)
        return made
