"""A closer look at lines that have just become suspect: each of their dial tests and traces once, now.

Goes in: the lines that are suspected at the end of a window. Comes out: requests, or how many were held back. Pure but for its
memory: a line asks when it was not suspected the window before, not again within a pause, and all lines together not more often
than a probe's network bears. Only what is fresh is asked: a window answered late, after a stop, asks nothing.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Collection, Iterable, Mapping

import attrs

from analyzer.orders.rules import OrderRules
from analyzer.orders.tasks import Errand
from faultline.records.terms import SECOND_NS, LineCode
from faultline.store.control import Request

FRESH_NS = 60 * SECOND_NS
"""A window that ended longer ago tells of a past that cannot be tested any more."""
MINUTE_NS = 60 * SECOND_NS
_LONGEST = 52
"""Characters of a test's id in a request's: with the second it is 64 at most, what a probe takes."""


@attrs.frozen(slots=True, kw_only=True)
class Look:
    """What a window leads to."""

    requests: tuple[Request, ...]
    held_back: int
    """Requests that would have been more than the limit."""


class CloserLook:
    """Remembers which lines were suspected and when each was looked at."""

    def __init__(self, errands: Iterable[Errand], rules: OrderRules) -> None:
        self._rules = rules
        self._suspected: frozenset[LineCode] = frozenset()
        self._looked_ns: dict[LineCode, int] = {}
        self._ordered_ns: deque[int] = deque()
        """When each request of the last minute was ordered."""
        self._errands: Mapping[LineCode, list[Errand]] = {}
        self.adopt(errands)

    def adopt(self, errands: Iterable[Errand]) -> None:
        """Go on with another inventory's tests."""
        found: dict[LineCode, list[Errand]] = {}
        for errand in errands:
            found.setdefault(errand.line, []).append(errand)
        self._errands = found

    @property
    def lines(self) -> Collection[LineCode]:
        """Lines that have tests to repeat."""
        return self._errands.keys()

    def observe(self, suspected: Iterable[LineCode], *, end_ns: int, now_ns: int) -> Look:
        """The lines suspected at the end of a window."""
        before, self._suspected = self._suspected, frozenset(suspected)
        if now_ns - end_ns > FRESH_NS:
            return Look(requests=(), held_back=0)
        requests: list[Request] = []
        held_back = 0
        for line in sorted(self._suspected - before):
            looked_ns = self._looked_ns.get(line)
            if looked_ns is not None and end_ns - looked_ns < self._rules.pause_ns:
                continue
            wanted = self._errands.get(line, [])
            if len(wanted) > self._room(now_ns):
                held_back += len(wanted)
                continue
            self._looked_ns[line] = end_ns
            self._ordered_ns.extend([now_ns] * len(wanted))
            requests += [self._request(errand, end_ns, now_ns) for errand in wanted]
        return Look(requests=tuple(requests), held_back=held_back)

    def _room(self, now_ns: int) -> int:
        while self._ordered_ns and now_ns - self._ordered_ns[0] >= MINUTE_NS:
            self._ordered_ns.popleft()
        return self._rules.most_a_minute - len(self._ordered_ns)

    def _request(self, errand: Errand, end_ns: int, now_ns: int) -> Request:
        # The same window answered again, after a stop in its middle, asks for the same.
        name = f"{_short(errand.id)}@{end_ns // SECOND_NS}"
        expires_ns = now_ns + self._rules.expire_ns
        document = {"id": name, "of": errand.id, **errand.document, "expires_ns": expires_ns}
        return Request(probe=errand.probe, id=name, kind=errand.kind, document=document, expires_ns=expires_ns)


def _short(name: str) -> str:
    """As it is; a long one cut, and still different from others."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 9]}~{zlib.crc32(name.encode()):08x}"
