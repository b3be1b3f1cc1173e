"""Who may speak, and how much: allowed networks, and buckets of tokens per sender and for all together.

Goes in: an address and the time. Comes out: whether its next message is heard. A device that shouts costs its own messages, not
those of others, and all of them together cost a stated rate.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Iterable

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

    def admits(self, address: str, now_ns: int) -> bool:
        """Whether a message of a sender is heard. What one sender has too many of takes nothing from the others."""
        bucket = self._senders.get(address)
        if bucket is None:
            burst = self._limits.sender_burst
            bucket = self._senders[address] = Bucket(per_s=self._limits.sender_per_s, burst=burst, tokens=burst, filled_ns=now_ns)
            if len(self._senders) > _MOST_SENDERS:
                self._senders.popitem(last=False)
        self._senders.move_to_end(address)
        return bucket.take(now_ns) and self._all.take(now_ns)


class Senders:
    """Networks and addresses that may speak."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(text) for text in allowed]
        self._asked: dict[str, bool] = {}

    def allows(self, address: str) -> bool:
        """Whether an address, in its usual spelling, is one of them."""
        found = self._asked.get(address)
        if found is None:
            host = ipaddress.ip_address(address)
            found = any(host in network for network in self._networks)
            if len(self._asked) >= _MOST_ASKED:
                self._asked.clear()
            self._asked[address] = found
        return found
