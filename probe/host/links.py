"""What the counters of an interface say of an interval, and which changes of its link are news. Pure: readings in, rows out.

A reading is the kernel's account of an interface at one moment. An interface may vanish and come back: then its counters begin
at 0.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

COUNTERS = {
    "in_octets": "rx_bytes",
    "out_octets": "tx_bytes",
    "in_packets": "rx_packets",
    "out_packets": "tx_packets",
    "in_errors": "rx_errors",
    "out_errors": "tx_errors",
    "in_discards": "rx_dropped",
    "out_discards": "tx_dropped",
}
"""Field of the `interface` record: the kernel's name (struct rtnl_link_stats64)."""
_KEPT = 32


@attrs.frozen(slots=True, kw_only=True)
class Reading:
    """An interface at one moment; `index` None: there is none of that name."""

    at_ns: int
    index: int | None = None
    up: bool = False
    counters: Mapping[str, int] = attrs.field(factory=dict)
    speed_bps: int | None = None


class Interface:
    """One watched interface: its readings at the interval boundaries, and its link.

    `link_up` and `link_down` are told once a change; an interface that vanished is down.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._readings: deque[Reading] = deque(maxlen=_KEPT)
        self._up: bool | None = None
        self._final: dict[int, Mapping[str, int]] = {}
        """Last counters of interfaces that vanished, by index."""

    @property
    def present(self) -> bool:
        """Whether it existed at the last reading."""
        return bool(self._readings) and self._readings[-1].index is not None

    def read(self, reading: Reading) -> None:
        """Its state at a boundary, or at the end of a shorter interval."""
        self._readings.append(reading)

    def vanished(self, index: int, counters: Mapping[str, int]) -> None:
        """The kernel's last account of an interface that is no more."""
        self._final[index] = counters
        while len(self._final) > _KEPT:
            del self._final[next(iter(self._final))]

    def changed(self, *, up: bool, at_ns: int) -> dict[str, Any] | None:
        """The `link_event` record when that is news; the first state that is seen is not."""
        before, self._up = self._up, up
        if before is None or before == up:
            return None
        return {"interface": self.name, "event_ns": at_ns, "event": "link_up" if up else "link_down"}

    def row(self, start_ns: int, end_ns: int) -> dict[str, Any] | None:
        """The `interface` record of an interval; None when nothing is known of its begin or end."""
        first = self._nearest(start_ns)
        last = self._nearest(end_ns)
        if first is None or last is None or first.at_ns >= last.at_ns:
            return None
        row: dict[str, Any] = {
            "interface": self.name,
            "interval_start_ns": start_ns,
            "interval_end_ns": end_ns,
            "link_up": last.up,
            **self._difference(first, last),
        }
        if last.speed_bps is not None:
            row["speed_bps"] = last.speed_bps
        return row

    def _nearest(self, moment_ns: int) -> Reading | None:
        return min(self._readings, key=lambda reading: abs(reading.at_ns - moment_ns), default=None)

    def _difference(self, first: Reading, last: Reading) -> dict[str, int]:
        """What was counted from one reading to the other.

        When the interface is another one by then, the old one's last account and the new one's first add up; while there is none,
        nothing can pass, so 0 is what was counted.
        """
        if first.index == last.index:
            return {name: max(0, last.counters.get(name, 0) - first.counters.get(name, 0)) for name in COUNTERS}
        old = self._final.get(first.index, first.counters) if first.index is not None else {}
        return {name: max(0, old.get(name, 0) - first.counters.get(name, 0)) + last.counters.get(name, 0) for name in COUNTERS}


def link_up(flags: int) -> bool:
    """Whether an interface is switched on and has a carrier (IFF_UP and IFF_LOWER_UP of linux/if.h)."""
    return flags & 0x1_0001 == 0x1_0001  # noqa: PLR2004 - the two flags


def counters_of(statistics: Mapping[str, int] | None) -> dict[str, int]:
    """The kernel's counters under the record's names."""
    return {name: int((statistics or {}).get(kernel, 0)) for name, kernel in COUNTERS.items()}


def rows(interfaces: Iterable[Interface], start_ns: int, end_ns: int) -> list[dict[str, Any]]:
    """The records of an interval that can be made."""
    made = (interface.row(start_ns, end_ns) for interface in interfaces)
    return [row for row in made if row is not None]
