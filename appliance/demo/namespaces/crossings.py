"""Flows that are to cross the core on a path of one's choice: the source port decides, so one is found that does.

Goes in: which flow, which path. Comes out: the questions to the two edges, and the port their answers speak for. Runs nothing.

A router hashes addresses and ports to choose between equal paths, and each router does so for itself: a flow may go over one
middle and come back over the other. A test session that speaks for one path needs a port for which both edges choose it, so the
edges are asked (`ip route get`) before the sessions are written down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import attrs

from appliance.demo.namespaces.routing import FAR_EDGE
from appliance.demo.network import BRANCHES, LOOPBACKS, Branch, address_of
from appliance.demo.probing import STAMP_PORT, Probes, Test, tests
from faultline.records.terms import Direction

_APART = 40
"""Between ports that are tried for one flow: those of its neighbours lie in between."""
_TRIED = 24
"""Ports for one flow. Each fits with a chance of a quarter: they all miss once in a thousand times."""
_CHOSEN = re.compile(r"\bdev core(\d)\b")


@attrs.frozen(slots=True, kw_only=True)
class Crossing:
    """A flow between the two sides of the core that is to take one path, there and back."""

    id: str
    edge: int
    middle: int
    near: str
    """Address on the branches' side."""
    enters_near: str | None
    """Interface of the near edge by which it comes in; None: it begins in the edge itself."""
    far: str
    enters_far: str | None
    direction: Direction
    """Of the one who chooses the port."""
    protocol: str
    source_port: int
    """The first that is tried."""
    destination_port: int

    @property
    def ports(self) -> tuple[int, ...]:
        """Every one that is tried."""
        return tuple(self.source_port + _APART * number for number in range(_TRIED))

    def ask_near(self) -> list[str]:
        """`ip -batch` lines for the near edge: which way from the branch, a line for each port."""
        return [self._ask(self.near, self.enters_near, self.far, port, Direction.A_TO_Z) for port in self.ports]

    def ask_far(self) -> list[str]:
        """The same for the far edge."""
        return [self._ask(self.far, self.enters_far, self.near, port, Direction.Z_TO_A) for port in self.ports]

    def _ask(self, source: str, entrance: str | None, destination: str, port: int, way: Direction) -> str:
        sport, dport = (port, self.destination_port) if way is self.direction else (self.destination_port, port)
        comes_in = f" iif {entrance}" if entrance else ""
        return f"route get {destination} from {source}{comes_in} ipproto {self.protocol} sport {sport} dport {dport}"

    def port(self, near: Sequence[int], far: Sequence[int]) -> int:
        """The first port for which both edges chose the path; failing that, the sender's edge did; failing that, the first."""
        sender, other = (near, far) if self.direction is Direction.A_TO_Z else (far, near)
        fit = [port for port, chosen in zip(self.ports, sender, strict=True) if chosen == self.middle]
        both = [port for port, back in zip(self.ports, other, strict=True) if back == self.middle and port in fit]
        return next(iter((*both, *fit, self.source_port)))


def of_sessions(probes: Probes) -> tuple[Crossing, ...]:
    """The sessions across the core: pairs of edges have a path each; a branch sends over one, and is sent to over the other."""
    found = []
    for test in tests(probes):
        if test.member is not None:
            found.append(_of_a_pair(test, test.member))
        ends = {test.sender, test.reflector}
        found += [_of_a_branch(test, branch) for branch in BRANCHES if ends == {f"ce-{branch.number}-wan", "fw-wan"}]
    return tuple(found)


def _of_a_pair(test: Test, middle: int) -> Crossing:
    edge = test.sender.removesuffix("-mirror")
    return Crossing(
        id=test.id,
        edge=int(edge[-1]),
        middle=middle,
        near=LOOPBACKS[edge],
        enters_near=None,
        far=LOOPBACKS[FAR_EDGE],
        enters_far=None,
        direction=Direction.A_TO_Z,
        protocol="udp",
        source_port=test.source_port,
        destination_port=STAMP_PORT,
    )


def _of_a_branch(test: Test, branch: Branch) -> Crossing:
    direction = Direction.Z_TO_A if test.sender == "fw-wan" else Direction.A_TO_Z
    return Crossing(
        id=test.id,
        edge=branch.edge,
        middle=1 if direction is Direction.A_TO_Z else 2,
        near=address_of(f"ce-{branch.number}", "wan0"),
        enters_near=f"acc{branch.number}",
        far=address_of("fw", "wan0"),
        enters_far="acc0",
        direction=direction,
        protocol="udp",
        source_port=test.source_port,
        destination_port=STAMP_PORT,
    )


def of_bulk(branch: Branch, *, server: str, middle: int, source_port: int, destination_port: int) -> Crossing:
    """A backup or a restore of a branch."""
    return Crossing(
        id=f"bulk {branch.number}",
        edge=branch.edge,
        middle=middle,
        near=address_of(f"host-{branch.number}", "eth0"),
        enters_near=f"acc{branch.number}",
        far=server,
        enters_far="acc0",
        direction=Direction.A_TO_Z,
        protocol="tcp",
        source_port=source_port,
        destination_port=destination_port,
    )


def questions(crossings: Iterable[Crossing]) -> dict[str, list[str]]:
    """Edge → what it is asked, in the order of the crossings."""
    asked: dict[str, list[str]] = {}
    for crossing in crossings:
        asked.setdefault(f"pe{crossing.edge}", []).extend(crossing.ask_near())
        asked.setdefault(FAR_EDGE, []).extend(crossing.ask_far())
    return asked


def source_ports(crossings: Iterable[Crossing], printed: Mapping[str, str]) -> dict[str, int]:
    """Crossing → port, out of what the edges printed.

    Raises:
        ValueError: an edge has not answered every question with a path across the core.
    """
    answers = {edge: iter([int(chosen) for chosen in _CHOSEN.findall(text)]) for edge, text in printed.items()}

    def take(edge: str) -> list[int]:
        found = [chosen for _, chosen in zip(range(_TRIED), answers[edge], strict=False)]
        if len(found) < _TRIED:
            raise ValueError(f"{edge} does not route across the core")
        return found

    return {crossing.id: crossing.port(take(f"pe{crossing.edge}"), take(FAR_EDGE)) for crossing in crossings}
