"""Networks of data centres and backbones: fat-trees, and graphs that others have drawn.

Goes in: the ports of a switch, or a graph of nodes and edges. Comes out: the network with the places where probes stand.
Pure; it opens no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from appliance.simnet.proving.network import Network, Plan
from faultline.records.terms import Owner


@attrs.frozen(kw_only=True, eq=False)
class Fabric:
    """A network whose measuring places all measure each other."""

    network: Network
    places: tuple[str, ...]


def fat_tree(ports: int, hosts_of_an_edge: int = 1) -> Fabric:
    """A fat-tree of switches with so many ports: pods of edge and aggregation switches below (ports / 2)² core switches.

    Al-Fares, Loukissas, Vahdat: A scalable, commodity data center network architecture, SIGCOMM 2008. Each host has a link
    of its own to its edge switch.
    """
    half = ports // 2
    plan = Plan()
    own = Owner.DESTINATION
    cores = [[plan.device(f"core-{a}-{c}", own) for c in range(half)] for a in range(half)]
    places = []
    for pod in range(ports):
        above = [plan.device(f"agg-{pod}-{a}", own) for a in range(half)]
        for a, aggregation in enumerate(above):
            for c, core in enumerate(cores[a]):
                plan.link(f"ac-{pod}-{a}-{c}", aggregation, core, own)
        for e in range(half):
            edge = plan.device(f"edge-{pod}-{e}", own)
            for a, aggregation in enumerate(above):
                plan.link(f"ea-{pod}-{e}-{a}", edge, aggregation, own)
            for h in range(hosts_of_an_edge):
                places.append(f"host-{pod}-{e}-{h}")
                plan.link(f"he-{pod}-{e}-{h}", places[-1], edge, own)
    return Fabric(network=plan.network(), places=tuple(places))


def backbone(graph: Mapping[str, Any]) -> Fabric:
    """A wide-area network given as `nodes` with `id` and `edges` with `source` and `target`; a probe at every node."""
    plan = Plan()
    for node in graph["nodes"]:
        plan.device(f"pop-{node['id']}", Owner.CARRIER_CORE)
    drawn = {tuple(sorted((str(e["source"]), str(e["target"])))) for e in graph["edges"]}
    for one, other in sorted(drawn):
        if one != other:
            plan.link(f"span-{one}-{other}", f"pop-{one}", f"pop-{other}", Owner.CARRIER_CORE)
    places = [plan.probe(f"at-pop-{node['id']}", at=f"pop-{node['id']}") for node in graph["nodes"]]
    return Fabric(network=plan.network(), places=tuple(places))
