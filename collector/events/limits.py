"""Who may speak, and how much: allowed networks, and buckets of tokens per sender and for all together.

Goes in: an address and the time. Comes out: whether its next message is heard. A device that shouts costs its own messages, not
those of others, and all of them together cost a stated rate.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Iterable
from enum import Enum, auto

import attrs

from faultline.records.terms import SECOND_NS

_MOST_SENDERS = 20_000
"""Buckets kept; the one not used longest goes first: a sender that comes back after that begins with a full one."""
_MOST_ASKED = 65_536
"""Addresses whose permission is remembered."""


@attrs.define(slots=True, kw_only=True)
class Bucket:
    """Tokens that come back at a rate, up to a burst."""

    per_s: float
    burst: float
    tokens: float
    filled_ns: int

    def take(self, now_ns: int) -> bool:
        """One token, if there is one."""
        gained = max(now_ns - self.filled_ns, 0) / SECOND_NS * self.per_s
        self.tokens = min(self.tokens + gained, self.burst)
        self.filled_ns = now_ns
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@attrs.frozen(slots=True, kw_only=True)
class FloodLimits:
    """How much is heard. Beyond it messages are dropped and counted; informs are not answered, so that they come again."""

    sender_per_s: float = attrs.field(default=20.0, validator=attrs.validators.gt(0))
    """Messages of one sender in the long run."""
    sender_burst: int = attrs.field(default=500, validator=attrs.validators.ge(1))
    """And at once: a router that loses a card speaks of every port."""
    total_per_s: float = attrs.field(default=1000.0, validator=attrs.validators.gt(0))
    """Of all together."""
    total_burst: int = attrs.field(default=5000, validator=attrs.validators.ge(1))
    waiting: int = attrs.field(default=10_000, validator=attrs.validators.ge(1))
    """Events that wait to be written at most."""


class Flood:
    """The buckets."""

    def __init__(self, limits: FloodLimits) -> None:
        self._limits = limits
        self._all = Bucket(per_s=limits.total_per_s, burst=limits.total_burst, tokens=limits.total_burst, filled_ns=0)
        self._senders: OrderedDict[str, Bucket] = OrderedDict()

    def admits(self, sender: str, now_ns: int) -> bool:
        """Whether a message of a sender is heard. What one has too many of takes nothing from the others."""
        return self.admits_of(sender, now_ns) and self.admits_any(now_ns)

    def admits_any(self, now_ns: int) -> bool:
        """Whether one more message is heard, whosever it is."""
        return self._all.take(now_ns)

    def admits_of(self, sender: str, now_ns: int) -> bool:
        """Whether a sender is within its own rate."""
        bucket = self._senders.get(sender)
        if bucket is None:
            burst = self._limits.sender_burst
            bucket = self._senders[sender] = Bucket(per_s=self._limits.sender_per_s, burst=burst, tokens=burst, filled_ns=now_ns)
            if len(self._senders) > _MOST_SENDERS:
                self._senders.popitem(last=False)
        self._senders.move_to_end(sender)
        return bucket.take(now_ns)


class Standing(Enum):
    """What an address may do."""

    STRANGER = auto()
    DEVICE = auto()
    """It speaks of itself."""
    RELAY = auto()
    """It passes on what devices said, and names them."""


class Senders:
    """Networks and addresses that may speak.

    Args:
        devices: for themselves.
        relays: for others; an address that is both is a relay.
    """

    def __init__(self, devices: Iterable[str], relays: Iterable[str] = ()) -> None:
        self._devices = [ipaddress.ip_network(text) for text in devices]
        self._relays = [ipaddress.ip_network(text) for text in relays]
        self._asked: dict[str, Standing] = {}

    def standing(self, address: str) -> Standing:
        """Of an address in its usual spelling."""
        found = self._asked.get(address)
        if found is None:
            if len(self._asked) >= _MOST_ASKED:
                self._asked.clear()
            found = self._asked[address] = self._look_up(ipaddress.ip_address(address))
        return found

    def allows(self, address: str) -> bool:
        """Whether it may speak at all."""
        return self.standing(address) is not Standing.STRANGER

    def _look_up(self, host: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Standing:
        if any(host in network for network in self._relays):
            return Standing.RELAY
        return Standing.DEVICE if any(host in network for network in self._devices) else Standing.STRANGER
