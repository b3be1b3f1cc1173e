"""A network to be proved on: components with owners, and the ways that packets take between its nodes.

Goes in: nodes and links, as a generator lays them. Comes out: `Network`: directed components by position, and all shortest ways
between two nodes, equal ones together. Knows neither packets nor faults.

A node is a device, which is a component and may fail, or a place where a probe stands, which is none. A link is a component in
each direction; the port that a probe stands at is not.
"""

from __future__ import annotations

import functools
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping

import attrs

from faultline.records.terms import ComponentKind, Owner

Way = tuple[int, ...]
"""Components in the packets' direction, by position."""
MOST_WAYS = 64
"""Equal ways between two nodes that are looked at: a fat-tree of 16 ports has as many."""


@attrs.frozen(slots=True, kw_only=True)
class Part:
    """A component."""

    id: str
    kind: ComponentKind
    owner: Owner
    reverse: int | None = None
    """Position of the other direction."""


@attrs.frozen(kw_only=True, eq=False)
class Network:
    """What was laid."""

    parts: tuple[Part, ...]
    device_of: Mapping[str, int]
    """By node; places have none."""
    hops: Mapping[str, Mapping[str, int | None]]
    """By node and next node: the component between them in that direction, None at a port."""

    @property
    def links(self) -> tuple[int, ...]:
        """Positions of all directed links."""
        return tuple(n for n, part in enumerate(self.parts) if part.kind is not ComponentKind.DEVICE)

    @property
    def devices(self) -> tuple[int, ...]:
        """Positions of all devices."""
        return tuple(n for n, part in enumerate(self.parts) if part.kind is ComponentKind.DEVICE)

    def ways(self, start: str, end: str) -> tuple[Way, ...]:
        """All shortest ways, in the order of the nodes' names."""
        return _ways(self, start, end)

    def walk(self, start: str, end: str, luck: Iterator[float]) -> Way:
        """One shortest way, as equal-cost routing takes it: at every node each of the next ones is as likely."""
        left = _distances(self, end)
        nodes = [start]
        while nodes[-1] != end:
            nearer = _nearer(self, nodes[-1], end) if nodes[-1] in left else ()
            if not nearer:
                raise ValueError(f"no way from {start} to {end}")
            nodes.append(nearer[int(next(luck) * len(nearer))] if len(nearer) > 1 else nearer[0])
        return self.via(tuple(nodes))

    def via(self, nodes: tuple[str, ...]) -> Way:
        """The components of a way given by its nodes."""
        found: list[int] = []
        for number, node in enumerate(nodes):
            if node in self.device_of:
                found.append(self.device_of[node])
            if number + 1 < len(nodes):
                link = self.hops[node][nodes[number + 1]]
                if link is not None:
                    found.append(link)
        return tuple(found)


@functools.lru_cache(maxsize=4096)
def _distances(network: Network, end: str) -> Mapping[str, int]:
    found, waiting = {end: 0}, deque([end])
    while waiting:
        node = waiting.popleft()
        for other in network.hops[node]:
            # Nothing passes through a place: it has one port.
            if other not in found and (node == end or node in network.device_of):
                found[other] = found[node] + 1
                waiting.append(other)
    return found


@functools.lru_cache(maxsize=1_000_000)
def _nearer(network: Network, node: str, end: str) -> tuple[str, ...]:
    left = _distances(network, end)
    return tuple(sorted(n for n in network.hops[node] if left.get(n, -1) == left[node] - 1))


@functools.lru_cache(maxsize=20_000)
def _ways(network: Network, start: str, end: str) -> tuple[Way, ...]:
    left = _distances(network, end)
    if start not in left:
        return ()
    found: list[Way] = []
    waiting: list[tuple[str, ...]] = [(start,)]
    while waiting and len(found) < MOST_WAYS:
        nodes = waiting.pop()
        if nodes[-1] == end:
            found.append(network.via(nodes))
            continue
        waiting += [(*nodes, n) for n in reversed(_nearer(network, nodes[-1], end))]
    return tuple(found)


class Plan:
    """Lays a network, node by node."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._device_of: dict[str, int] = {}
        self._hops: dict[str, dict[str, int | None]] = defaultdict(dict)

    def device(self, name: str, owner: Owner) -> str:
        """A router, switch or firewall."""
        self._device_of[name] = len(self._parts)
        self._parts.append(Part(id=name, kind=ComponentKind.DEVICE, owner=owner))
        return name

    def probe(self, name: str, *, at: str) -> str:
        """A place at a port of a device."""
        self._hops[name][at] = self._hops[at][name] = None
        return name

    def link(self, name: str, one: str, other: str, owner: Owner) -> None:
        """A segment; `>` is the direction from the one to the other."""
        there, back = len(self._parts), len(self._parts) + 1
        self._parts += [
            Part(id=f"{name}>", kind=ComponentKind.SEGMENT, owner=owner, reverse=back),
            Part(id=f"{name}<", kind=ComponentKind.SEGMENT, owner=owner, reverse=there),
        ]
        self._hops[one][other], self._hops[other][one] = there, back

    def network(self) -> Network:
        """What was laid."""
        return Network(
            parts=tuple(self._parts), device_of=dict(self._device_of), hops={k: dict(v) for k, v in self._hops.items()}
        )
