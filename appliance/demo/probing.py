"""Where the bank's network is observed: captures, test sessions, dial tests, traces, and the ports whose counters are read.

Goes in: which set of probes stands. Comes out: what each of them does, by name. Knows nothing of faults, processes or packets.

`full`: probes in every CE, at mirror ports of the three provider edges, and in the data centre's firewall; their reports take a
management network. `ends`: CEs and firewall only; the branches' reports cross the very lines they report on.
"""

from __future__ import annotations

from enum import StrEnum

import attrs

from appliance.demo.network import BRANCHES, EDGES, LOOPBACKS, MIDDLES, Branch, address_of

STAMP_PORT = 862
FULL_SIZE = 1500
"""Octets of the largest IP packet an Ethernet carries."""
_CORE_PORTS = 43000
_DNS_NAME = "teller.bank.example"


class Probes(StrEnum):
    """Where probes stand."""

    FULL = "full"
    """At both ends and at every provider edge."""
    ENDS = "ends"
    """At the branches and in the data centre only."""


@attrs.frozen(slots=True, kw_only=True)
class Look:
    """A place where a probe captures, between two neighbours of the lines it sees."""

    id: str
    probe: str
    node: str
    interface: str
    """Interface of the node; `mir0` is a mirror port, to which the edge copies what crosses its access ports."""
    observation_point: str
    lines: tuple[str, ...]
    after: str | None
    """The component before it, seen from the A end; None: the branch's loop, whichever it is."""
    address: str
    """Where tests to it go."""
    site: str | None = None

    def after_on(self, branch: Branch) -> str:
        """The component before it on a branch's line."""
        return self.after or f"loop-{branch.number}"


@attrs.frozen(slots=True, kw_only=True)
class Responder:
    """An end of a line that only answers test packets: no probe of ours captures there."""

    id: str
    node: str
    address: str
    lines: tuple[str, ...]
    before: str | None = None
    """The component behind it, seen from the A end."""
    after: str | None = None


@attrs.frozen(slots=True, kw_only=True)
class Test:
    """A test session from a look to another, or to a responder."""

    __test__ = False  # the field's word, not a test of pytest's

    id: str
    line: str
    sender: str
    reflector: str
    source_port: int
    """Of a pair across the core, one port takes each of the equal paths, there and back. Which one a kernel hashes where is only
    known when it stands: a ground that finds other ports says so to `inventory_document`."""
    packet_octets: int | None = None
    """Of the IP packet, not to be fragmented; None: small."""
    member: int | None = None
    """For one of a pair across the core: the number of the middle router it is meant to cross."""


@attrs.frozen(slots=True, kw_only=True)
class Dial:
    """A connection attempt or a query that is made over and over."""

    id: str
    line: str
    sender: str
    protocol: str
    endpoint: str
    query: str | None = None


@attrs.frozen(slots=True, kw_only=True)
class Trace:
    """A pair whose path is traced, for the flows of the sessions between them and a few more."""

    id: str
    line: str
    sender: str
    target: str


ALL_LINES = tuple(branch.line for branch in BRANCHES)
_FIRST_OF = {k: next(branch for branch in BRANCHES if branch.edge == k) for k in EDGES}
"""The branch on whose line a measurement of an edge's shared part is filed."""


def looks(probes: Probes) -> tuple[Look, ...]:
    """Where packets are captured, from A to Z."""
    edges = [_edge(k) for k in EDGES] + [_edge_of_the_data_centre()] if probes is Probes.FULL else []
    return (*(look for branch in BRANCHES for look in _branch(branch)), *edges, *_firewall())


def _branch(branch: Branch) -> tuple[Look, ...]:
    i = branch.number
    node = f"ce-{i}"
    return tuple(
        Look(
            id=f"ce-{i}-{point}",
            probe=node,
            node=node,
            interface=f"{point}0",
            observation_point=point,
            lines=(branch.line,),
            after=after,
            address=address_of(node, f"{point}0"),
            site=branch.site,
        )
        for point, after in (("lan", f"lan-{i}"), ("wan", node))
    )


def _edge(k: int) -> Look:
    lines = tuple(branch.line for branch in BRANCHES if branch.edge == k)
    return _mirror(f"pe{k}", lines, after=None)


def _edge_of_the_data_centre() -> Look:
    return _mirror("pe3", ALL_LINES, after="pe3")


def _mirror(node: str, lines: tuple[str, ...], *, after: str | None) -> Look:
    return Look(
        id=f"{node}-mirror",
        probe=node,
        node=node,
        interface="mir0",
        observation_point="mirror",
        lines=lines,
        after=after,
        address=LOOPBACKS[node],
    )


def _firewall() -> tuple[Look, ...]:
    return tuple(
        Look(
            id=f"fw-{point}",
            probe="dc",
            node="fw",
            interface=f"{point}0",
            observation_point=point,
            lines=ALL_LINES,
            after=after,
            address=address_of("fw", f"{point}0"),
            site="dc",
        )
        for point, after in (("wan", "loop-dc"), ("lan", "fw"))
    )


RESPONDERS = (
    *(
        Responder(
            id=f"host-{branch.number}",
            node=f"host-{branch.number}",
            address=address_of(f"host-{branch.number}", "eth0"),
            lines=(branch.line,),
            before=f"lan-{branch.number}",
        )
        for branch in BRANCHES
    ),
    Responder(id="srv-1-host", node="srv-1", address=address_of("srv-1", "eth0"), lines=ALL_LINES, after="dc-sw"),
)
"""The branches' terminal servers and the first application's host answer test packets, as many hosts and switches can."""


def tests(probes: Probes) -> tuple[Test, ...]:
    """Test sessions: small ones all the time, each with a twin of full size now and then."""
    small = [test for branch in BRANCHES for test in _tests_of(branch, probes)]
    first = BRANCHES[0].line
    if probes is Probes.FULL:
        small += [
            Test(
                id=f"pe{k}-pe3-{m}",
                line=_FIRST_OF[k].line,
                sender=f"pe{k}-mirror",
                reflector="pe3-mirror",
                source_port=_CORE_PORTS + 10 * k + m,
                member=m,
            )
            for k in EDGES
            for m in MIDDLES
        ]
        small.append(Test(id="pe3-fw", line=first, sender="pe3-mirror", reflector="fw-wan", source_port=40001))
    small.append(Test(id="fw-srv", line=first, sender="fw-lan", reflector="srv-1-host", source_port=40002))
    # A core pair's twins keep to its paths: their ports are found together with it.
    twins = [
        attrs.evolve(test, id=f"{test.id}-mtu", source_port=test.source_port + 1000, packet_octets=FULL_SIZE) for test in small
    ]
    return (*small, *twins)


def _tests_of(branch: Branch, probes: Probes) -> list[Test]:
    i, line = branch.number, branch.line
    ends = [
        (f"ce-{i}-host", f"ce-{i}-lan", f"host-{i}"),
        (f"ce-{i}-fw", f"ce-{i}-wan", "fw-wan"),
        (f"fw-ce-{i}", "fw-wan", f"ce-{i}-wan"),
    ]
    edge = [(f"ce-{i}-pe", f"ce-{i}-wan", f"pe{branch.edge}-mirror")] if probes is Probes.FULL else []
    return [
        Test(id=id_, line=line, sender=sender, reflector=reflector, source_port=41000 + 10 * i + at)
        for at, (id_, sender, reflector) in enumerate((*ends, *edge))
    ]


def dials() -> tuple[Dial, ...]:
    """Every service and the name server, tried from each branch and from the firewall beside them, whichever probes stand."""
    senders = [*((f"ce-{b.number}", f"ce-{b.number}-wan", b.line) for b in BRANCHES), ("fw", "fw-lan", BRANCHES[0].line)]
    found = []
    for who, sender, line in senders:
        found += [
            Dial(id=f"{who}-{service.removeprefix('svc-')}", line=line, sender=sender, protocol="tcp", endpoint=service)
            for service in ("svc-teller", "svc-web", "svc-file")
        ]
        found.append(Dial(id=f"{who}-dns", line=line, sender=sender, protocol="dns", endpoint="dns-1", query=_DNS_NAME))
    return tuple(found)


def traces(probes: Probes) -> tuple[Trace, ...]:
    """Both directions of every pair that the core's alternatives lie between."""
    found = []
    for branch in BRANCHES:
        i, line = branch.number, branch.line
        found += [
            Trace(id=f"trace-ce-{i}-fw", line=line, sender=f"ce-{i}-wan", target="fw-wan"),
            Trace(id=f"trace-fw-ce-{i}", line=line, sender="fw-wan", target=f"ce-{i}-wan"),
        ]
    if probes is Probes.FULL:
        for k in EDGES:
            line = _FIRST_OF[k].line
            found += [
                Trace(id=f"trace-pe{k}-pe3", line=line, sender=f"pe{k}-mirror", target="pe3-mirror"),
                Trace(id=f"trace-pe3-pe{k}", line=line, sender="pe3-mirror", target=f"pe{k}-mirror"),
            ]
    return tuple(found)


def hosts_interfaces(probes: Probes) -> dict[str, dict[str, str]]:
    """Probe → interface of its host → the segment it speaks for.

    With probes at the ends only, nobody reads the carriers' ports, nor the far half of what the carriers hand over: the ports of
    the loops are left out there.
    """
    if probes is Probes.ENDS:
        return {**{f"ce-{b.number}": {"lan0": f"lan-{b.number}"} for b in BRANCHES}, "dc": {"lan0": "dc-lan"}}
    branches = {f"ce-{b.number}": {"lan0": f"lan-{b.number}", "wan0": f"loop-{b.number}"} for b in BRANCHES}
    edges = {
        f"pe{k}": {
            **{f"acc{b.number}": f"loop-{b.number}" for b in BRANCHES if b.edge == k},
            **{f"core{m}": f"pe{k}-p{m}" for m in MIDDLES},
        }
        for k in EDGES
    }
    third = {"pe3": {**{f"core{m}": f"p{m}-pe3" for m in MIDDLES}, "acc0": "loop-dc"}}
    return {**branches, **edges, **third, "dc": {"wan0": "loop-dc", "lan0": "dc-lan"}}


PROBE_NODES = {**{f"ce-{b.number}": f"ce-{b.number}" for b in BRANCHES}, "pe1": "pe1", "pe2": "pe2", "pe3": "pe3", "dc": "fw"}
"""Probe → node it stands on."""


def probe_names(probes: Probes) -> tuple[str, ...]:
    """Probes, from A to Z."""
    return tuple(hosts_interfaces(probes))
