"""Networks of a carrier's leased lines: hub and spoke, two homes for each branch, rings in a city.

Goes in: how many branches. Comes out: `Carrier`, the network with the places where probes may stand: at the branches' LANs (A),
behind their routers, at the provider edges, and at the hub (Z). Nothing is drawn by chance: the same number is the same network.
"""

from __future__ import annotations

import attrs

from appliance.simnet.proving.network import Network, Plan
from faultline.records.terms import Owner

BRANCHES_OF_AN_EDGE = 12
EDGES_OF_A_ROUTER = 4
RING_NODES = 8
HUB = "hub"


@attrs.frozen(kw_only=True, eq=False)
class Carrier:
    """A network of leased lines with its vantages."""

    network: Network
    branches: tuple[str, ...]
    """Places at the branches' LANs."""
    routers: tuple[str, ...]
    """Places behind the branches' routers, towards the carrier, in the same order."""
    edges: tuple[tuple[str, ...], ...]
    """Places at the provider edges of each branch, one a line."""
    hub: str
    """Place in the data centre."""
    hub_edges: tuple[str, ...]
    """Places at the provider edges of the hub."""


def hub_and_spoke(branches: int) -> Carrier:
    """Every branch has one line to an edge of its own city; edges meet in a small full mesh of core routers."""
    plan = Plan()
    cities = -(-branches // BRANCHES_OF_AN_EDGE)
    cores = max(2, -(-cities // EDGES_OF_A_ROUTER))
    _core(plan, "", cores, Owner.CARRIER_CORE)
    _hub(plan, ("",), cores)
    for city in range(cities):
        _edge(plan, f"pe-{city}", f"p-{city % cores}", Owner.CARRIER_CORE)
    for b in range(branches):
        _branch(plan, b, (f"pe-{b // BRANCHES_OF_AN_EDGE}",), (Owner.ACCESS,))
    return _carrier(plan, branches, [(f"at-pe-{b // BRANCHES_OF_AN_EDGE}",) for b in range(branches)], ("",))


def dual_homed(branches: int) -> Carrier:
    """Every branch has a line of each of two carriers, and so has the hub."""
    plan = Plan()
    cities = -(-branches // BRANCHES_OF_AN_EDGE)
    sides = (("", Owner.CARRIER_CORE, Owner.ACCESS), ("x", Owner.OTHER_CARRIER, Owner.OTHER_CARRIER))
    for mark, core, _ in sides:
        _core(plan, mark, 2, core)
        for city in range(cities):
            _edge(plan, f"pe{mark}-{city}", f"p{mark}-{city % 2}", core)
    _hub(plan, ("", "x"), 2)
    for b in range(branches):
        edges = tuple(f"pe{mark}-{b // BRANCHES_OF_AN_EDGE}" for mark, _, _ in sides)
        _branch(plan, b, edges, tuple(access for _, _, access in sides))
    places = [tuple(f"at-pe{mark}-{b // BRANCHES_OF_AN_EDGE}" for mark, _, _ in sides) for b in range(branches)]
    return _carrier(plan, branches, places, ("", "x"))


def metro_ring(branches: int) -> Carrier:
    """Branches on the nodes of rings, each closed through two core routers; packets take the shorter way round."""
    plan = Plan()
    of_a_ring = RING_NODES - 2
    rings = -(-branches // (2 * of_a_ring))
    _core(plan, "", 2, Owner.CARRIER_CORE)
    _hub(plan, ("",), 2)
    for ring in range(rings):
        nodes = [plan.device(f"pe-{ring}-{k}", Owner.CARRIER_CORE) for k in range(of_a_ring)]
        whole = ["p-0", *nodes, "p-1"]
        for k in range(len(whole) - 1):
            plan.link(f"ring-{ring}-{k}", whole[k], whole[k + 1], Owner.CARRIER_CORE)
        for node in nodes:
            plan.probe(f"at-{node}", at=node)
    edges = [f"pe-{b // (2 * of_a_ring)}-{b % of_a_ring}" for b in range(branches)]
    for b, edge in enumerate(edges):
        _branch(plan, b, (edge,), (Owner.ACCESS,))
    return _carrier(plan, branches, [(f"at-{edge}",) for edge in edges], ("",))


def _core(plan: Plan, mark: str, number: int, owner: Owner) -> None:
    routers = [plan.device(f"p{mark}-{k}", owner) for k in range(number)]
    for k, one in enumerate(routers):
        for j in range(k + 1, number):
            plan.link(f"trunk{mark}-{k}-{j}", one, routers[j], owner)


def _edge(plan: Plan, name: str, router: str, owner: Owner) -> None:
    plan.device(name, owner)
    plan.link(f"up-{name}", name, router, owner)
    plan.probe(f"at-{name}", at=name)


def _hub(plan: Plan, marks: tuple[str, ...], cores: int) -> None:
    """The data centre: a firewall on a line of each carrier, its edge on the last core router, a LAN with a probe."""
    plan.device("fw", Owner.DESTINATION)
    for mark in marks:
        owner = Owner.OTHER_CARRIER if mark else Owner.CARRIER_CORE
        _edge(plan, f"pe{mark}-hub", f"p{mark}-{cores - 1}", owner)
        plan.link(f"loop{mark}-hub", f"pe{mark}-hub", "fw", Owner.OTHER_CARRIER if mark else Owner.ACCESS)
    plan.device("sw-hub", Owner.DESTINATION)
    plan.link("dc-lan", "fw", "sw-hub", Owner.DESTINATION)
    plan.probe(HUB, at="sw-hub")


def _branch(plan: Plan, number: int, edges: tuple[str, ...], owners: tuple[Owner, ...]) -> None:
    """A LAN behind a router, and a line to each edge."""
    plan.device(f"sw-{number}", Owner.CUSTOMER)
    plan.probe(f"lan-{number}", at=f"sw-{number}")
    plan.device(f"ce-{number}", Owner.CUSTOMER)
    plan.link(f"lan-{number}", f"sw-{number}", f"ce-{number}", Owner.CUSTOMER)
    plan.probe(f"wan-{number}", at=f"ce-{number}")
    for side, (edge, owner) in enumerate(zip(edges, owners, strict=True)):
        plan.link(f"loop-{number}" + ("x" if side else ""), f"ce-{number}", edge, owner)


def _carrier(plan: Plan, branches: int, edges: list[tuple[str, ...]], marks: tuple[str, ...]) -> Carrier:
    return Carrier(
        network=plan.network(),
        branches=tuple(f"lan-{b}" for b in range(branches)),
        routers=tuple(f"wan-{b}" for b in range(branches)),
        edges=tuple(edges),
        hub=HUB,
        hub_edges=tuple(f"at-pe{mark}-hub" for mark in marks),
    )
