"""Which way packets take through the carrier: routes, with two equal paths across the core.

Goes in: the network. Comes out: routes for every node, and what changes when one of the paths is withdrawn. Runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from appliance.demo.network import BRANCHES, CORE_PREFIX, DC_PREFIX, EDGES, ENDPOINTS, LOOPBACKS, MIDDLES, WIRE, address_of
from appliance.demo.probing import Probes

FAR_EDGE = "pe3"
_BRANCHES_PREFIX = "10.1.0.0/16"
_BEHIND_THE_FAR_EDGE = (DC_PREFIX, f"{WIRE['loop-dc'].z.host}/32", LOOPBACKS[FAR_EDGE])


def routes(probes: Probes) -> dict[str, list[str]]:
    """`ip -batch` lines for every node. The collector knows a way back over the lines only when reports come that way."""
    found: dict[str, list[str]] = {f"p{m}": [] for m in MIDDLES}
    for branch in BRANCHES:
        i, edge = branch.number, f"pe{branch.edge}"
        carrier = address_of(edge, f"acc{i}")
        found[f"host-{i}"] = [f"route add default via {address_of(f'ce-{i}', 'lan0')}"]
        found[f"ce-{i}"] = [f"route add {prefix} via {carrier}" for prefix in (DC_PREFIX, CORE_PREFIX)]
        found.setdefault(edge, []).append(f"route add {branch.prefix} via {address_of(f'ce-{i}', 'wan0')}")
        for m in MIDDLES:
            found[f"p{m}"] += [f"route add {prefix} via {address_of(edge, f'core{m}')}" for prefix in _of_branch(i)]
    for k in EDGES:
        found[f"pe{k}"] += [*_across(f"pe{k}", MIDDLES, change="add"), *_to_middles(f"pe{k}")]
        for m in MIDDLES:
            found[f"p{m}"].append(f"route add {LOOPBACKS[f'pe{k}']} via {address_of(f'pe{k}', f'core{m}')}")
    for m in MIDDLES:
        found[f"p{m}"] += [f"route add {prefix} via {address_of(FAR_EDGE, f'core{m}')}" for prefix in _BEHIND_THE_FAR_EDGE]
    firewall = address_of("fw", "wan0")
    found[FAR_EDGE] = [f"route add {DC_PREFIX} via {firewall}", *_to_middles(FAR_EDGE)]
    for k in EDGES:
        found[FAR_EDGE] += _back_to(k, MIDDLES, change="add")
    found["fw"] = [f"route add {prefix} via {address_of(FAR_EDGE, 'acc0')}" for prefix in (_BRANCHES_PREFIX, CORE_PREFIX)]
    for host in (*ENDPOINTS, *(["ops"] if probes is Probes.ENDS else [])):
        found[host] = [f"route add default via {address_of('fw', 'lan0')}"]
    return found


def withdrawn(edge: int, middle: int) -> dict[str, list[str]]:
    """Take one of the equal paths of an edge out of both ends' tables: everything takes the other one."""
    rest = [m for m in MIDDLES if m != middle]
    return {
        f"pe{edge}": list(_across(f"pe{edge}", rest, change="replace")),
        FAR_EDGE: list(_back_to(edge, rest, change="replace")),
    }


def _of_branch(number: int) -> tuple[str, str]:
    """A branch's network, and its router's address."""
    return (BRANCHES[number - 1].prefix, f"{address_of(f'ce-{number}', 'wan0')}/32")


def _across(node: str, middles: Iterable[int], *, change: str) -> list[str]:
    hops = _hops(node, middles)
    return [f"route {change} {prefix} src {LOOPBACKS[node]} {hops}" for prefix in _BEHIND_THE_FAR_EDGE]


def _back_to(edge: int, middles: Iterable[int], *, change: str) -> list[str]:
    behind = [prefix for branch in BRANCHES if branch.edge == edge for prefix in _of_branch(branch.number)]
    hops = _hops(FAR_EDGE, middles)
    return [f"route {change} {prefix} src {LOOPBACKS[FAR_EDGE]} {hops}" for prefix in (*behind, LOOPBACKS[f"pe{edge}"])]


def _hops(node: str, middles: Iterable[int]) -> str:
    return " ".join(f"nexthop via {_middle(node, m)}" for m in middles)


def _middle(node: str, middle: int) -> str:
    """Address of a middle router's interface to an edge."""
    return address_of(f"p{middle}", f"edge{node[-1]}")


def _to_middles(node: str) -> list[str]:
    return [f"route add {LOOPBACKS[f'p{m}']} via {_middle(node, m)}" for m in MIDDLES]
