"""What a device or a person said of a component: an event, when it was told, and by whom.

Plain data. How the words of a device become an event is known to the receivers, what is kept to `faultline.store.device_events`,
and what an event proves to whoever reasons with it.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import NewType

import attrs

from faultline.records.incident import Base, base_of
from faultline.records.terms import SECOND_NS, ComponentId, TenantId

DeviceEventId = NewType("DeviceEventId", str)

REORDER_NS = 60 * SECOND_NS
"""Two events of one sender that came within this are in the order of its own clock; beyond it that clock may have been set."""


class EventSource(StrEnum):
    """The way an event came."""

    TRAP = "trap"
    SYSLOG = "syslog"
    REST = "rest"
    ALARM_SOCKET = "alarm_socket"
    PERSON = "person"

    @property
    def dates(self) -> bool:
        """Whether the time it tells is the time it happened: people and systems of alarms tell late, and know when.

        A device tells at once, by a clock that nobody looks after: there the moment it was heard is nearer to the truth.
        """
        return self not in {EventSource.TRAP, EventSource.SYSLOG}


@attrs.frozen(slots=True, kw_only=True)
class DeviceEvent:
    """One thing that was said: that something is so (`raised`), or is so no more."""

    id: DeviceEventId
    """The same for the same words said again: see `event_id`."""
    source: EventSource
    sender: str
    """Who said it: the device's component id where the inventory knows it, else its address; a person, a system."""
    place: str = ""
    """Which part of the sender, as the inventory spells it, else in the sender's words; empty: the sender as a whole."""
    component: ComponentId | None = None
    """With its direction where the event is of one; None: the inventory does not say what is there."""
    name: str
    """In capitals: LINK_DOWN, LOS, BGP_DOWN, POWER, ..."""
    raised: bool
    """False: it is over."""
    told_ns: int | None = None
    """By the sender's own clock; None: it did not say."""
    received_ns: int
    tenant: TenantId
    """Whose it is: the tenant's whose lines alone cross the component, else the carrier's; `_unassigned` without one."""
    text: str = ""
    """As it was said, for a person to read."""

    @property
    def happened_ns(self) -> int:
        """The best that is known of when; never after it was heard."""
        if self.told_ns is None or not self.source.dates:
            return self.received_ns
        return min(self.told_ns, self.received_ns)

    @property
    def base(self) -> Base | None:
        """The component without its direction."""
        return None if self.component is None else base_of(self.component)

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is a state of: sender, place, name. A newer event of the same key replaces what an older one said."""
        return (self.sender, self.place, self.name)

    def is_newer_than(self, other: DeviceEvent) -> bool:
        """Whether it is what holds now, of two of the same key."""
        if self.told_ns is not None and other.told_ns is not None and self._shares_clock_with(other):
            return (self.told_ns, self.received_ns) > (other.told_ns, other.received_ns)
        return (self.happened_ns, self.received_ns) > (other.happened_ns, other.received_ns)

    def _shares_clock_with(self, other: DeviceEvent) -> bool:
        return self.source is other.source and abs(self.received_ns - other.received_ns) <= REORDER_NS


def event_id(source: EventSource, sender: str, token: str) -> DeviceEventId:
    """The identity of what was said: the same for a datagram that was sent again.

    Args:
        source: the way it came.
        sender: who said it.
        token: what tells this saying from every other of the sender's: a sequence number, or its time and words.
    """
    said = f"{source.value}\x00{sender}\x00{token}".encode(errors="backslashreplace")
    return DeviceEventId(hashlib.sha256(said).hexdigest()[:32])
