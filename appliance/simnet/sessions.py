"""Test sessions: what a sender and its reflector would report of an interval.

Goes in: a session of the inventory, the plant, an interval. Comes out: a record of kind `session`. Each packet is drawn: lost on
the way out, on the way back, or measured with both one-way delays.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from appliance.simnet import noise
from appliance.simnet.noise import Flags, Times
from appliance.simnet.plant import Plant
from appliance.simnet.traffic import UDP
from appliance.simnet.ways import Packets, Way, lot
from faultline.inventory import Inventory, TestSession
from faultline.inventory.positions import direction_of
from faultline.native import histogram_encode
from faultline.records.terms import SECOND_NS

_CLOCK_ERROR_NS = 200_000
"""Sum of both ends' estimates, as a good time server gives them."""
STAMP_PORT = 862
SMALL_OCTETS = 72
"""IP packet of the shortest test packet."""
_UNSTATED_PORT = 49_152
_SEVERE = 0.5
"""A second that lost more than half of its packets is severely errored (ITU-T Y.1563)."""


@attrs.frozen(slots=True, kw_only=True)
class SessionSource:
    """One session."""

    inventory: Inventory
    plant: Plant
    session: TestSession
    packets_per_s: float
    seed: int

    def record(self, start_ns: int, end_ns: int) -> dict[str, Any]:
        """The record of an interval."""
        draw = noise.generator(self.seed, f"session {self.session.id}", start_ns)
        count = round(self.packets_per_s * (end_ns - start_ns) / SECOND_NS)
        sent_ns = start_ns + (np.arange(count, dtype=np.int64) * (end_ns - start_ns)) // max(1, count)
        there, back = self._ways()
        out = self._packets(sent_ns)
        out_ns = self.plant.delay_ns(there, out) + noise.queueing_ns(draw, count)
        lost_out = ~np.isnan(self.plant.cross(there, out, draw)) | ~self._is_reflected(sent_ns)
        home = self._packets(sent_ns + out_ns, back=True)
        back_ns = self.plant.delay_ns(back, home) + noise.queueing_ns(draw, count)
        lost_back = ~lost_out & ~np.isnan(self.plant.cross(back, home, draw))
        measured = ~(lost_out | lost_back)
        # What died after the last reply: the reflector's count that would tell the direction has not come back.
        told = np.arange(count) <= (int(np.flatnonzero(measured)[-1]) if measured.any() else -1)
        offset_ns = self._clock_offset_ns()
        forward, reverse = (out_ns + offset_ns)[measured], (back_ns - offset_ns)[measured]
        seconds = np.minimum(9, (sent_ns - start_ns) * 10 // (end_ns - start_ns))
        return {
            "session": self.session.id,
            "interval_start_ns": start_ns,
            "interval_end_ns": end_ns,
            "sent": count,
            "received": int(measured.sum()),
            "lost_forward": int((lost_out & told).sum()),
            "lost_reverse": int((lost_back & told).sum()),
            "lost_unattributed": int((~measured & ~told).sum()),
            "test_duplicates": 0,
            "test_reordered": 0,
            "rtt": _histogram((out_ns + back_ns)[measured]),
            "forward_delay": _histogram(forward),
            "reverse_delay": _histogram(reverse),
            "forward_ipdv": _histogram(np.diff(forward)),
            "reverse_ipdv": _histogram(np.diff(reverse)),
            "severely_errored_mask": _mask(seconds, ~measured),
            "unmeasured_mask": 0,
            "clock_class": "ntp",
            "clock_error_ns": _CLOCK_ERROR_NS,
            "suspect": 0,
            "timestamp_sources": "sw,sw,sw,sw",
        }

    def _ways(self) -> tuple[Way, Way]:
        line = self.inventory.lines[self.session.line]
        sender = self.inventory.vantages[self.session.sender].positions[line.code]
        reflector = self.inventory.vantages[self.session.reflector].positions[line.code]
        out = direction_of(sender, reflector)
        return self.plant.way(line, out, sender, reflector), self.plant.way(line, out.opposite, reflector, sender)

    def _is_reflected(self, at_ns: Times) -> Flags:
        return self.plant.has_power(self.inventory.vantages[self.session.reflector].site, at_ns)

    def _packets(self, at_ns: Times, *, back: bool = False) -> Packets:
        octets = self.session.packet_octets or SMALL_OCTETS
        flow = session_lot(self.inventory, self.session, back=back)
        return Packets(at_ns, np.full(at_ns.shape, octets, np.int64), np.full(at_ns.shape, flow, np.int64))

    def _clock_offset_ns(self) -> int:
        """The reflector's clock against the sender's; it stays, within what both claim."""
        return int(noise.generator(self.seed, f"clock {self.session.id}", 0).normal(0, _CLOCK_ERROR_NS / 4))


def session_lot(inventory: Inventory, session: TestSession, *, back: bool = False) -> int:
    """What the way of a session's packets over bundles depends on; those that come back have the two ends swapped."""
    sender, reflector = (inventory.vantages[name] for name in (session.sender, session.reflector))
    ends = [
        (sender.address or sender.id, session.source_port or _UNSTATED_PORT),
        (reflector.address or reflector.id, STAMP_PORT),
    ]
    source, destination = reversed(ends) if back else ends
    return lot(UDP, *source, *destination)


def _histogram(values: Times) -> bytes:
    return histogram_encode(values.tolist())


def _mask(seconds: Times, lost: Flags) -> int:
    of_all, of_lost = np.bincount(seconds, minlength=10), np.bincount(seconds[lost], minlength=10)
    return sum(1 << second for second in range(10) if of_lost[second] > _SEVERE * of_all[second])
