"""Networks of the proving ground: what lies on a way, and how many ways there are."""

from __future__ import annotations

import pytest

from appliance.simnet.proving import carriers, fabrics
from appliance.simnet.proving.network import Network
from faultline.records.terms import Owner


def names(network: Network, way: tuple[int, ...]) -> list[str]:
    """Ids on a way."""
    return [network.parts[c].id for c in way]


def test_a_branch_reaches_the_hub_over_its_own_line_and_the_core() -> None:
    """Every component on the way stands in its order and direction."""
    carrier = carriers.hub_and_spoke(13)
    (way,) = carrier.network.ways("lan-12", "hub")
    assert names(carrier.network, way) == [
        "sw-12", "lan-12>", "ce-12", "loop-12>", "pe-1", "up-pe-1>", "p-1", "up-pe-hub<", "pe-hub", "loop-hub>", "fw",
        "dc-lan>", "sw-hub",
    ]  # fmt: skip


def test_the_way_back_crosses_the_other_directions() -> None:
    """Links have a component in each direction, devices have one."""
    carrier = carriers.hub_and_spoke(2)
    (there,), (back,) = carrier.network.ways("lan-0", "hub"), carrier.network.ways("hub", "lan-0")
    turned = [name.translate(str.maketrans("<>", "><")) for name in names(carrier.network, back)]
    assert turned[::-1] == names(carrier.network, there)


def test_two_homes_are_two_ways_over_two_carriers() -> None:
    """The second carrier's parts are the other carrier's."""
    carrier = carriers.dual_homed(3)
    ways = carrier.network.ways("lan-1", "hub")
    owners = [{carrier.network.parts[c].owner for c in way} for way in ways]
    assert sorted(Owner.OTHER_CARRIER in found for found in owners) == [False, True]


def test_a_ring_is_left_on_the_shorter_side() -> None:
    """Three nodes from the one end, four from the other."""
    carrier = carriers.metro_ring(6)
    (way,) = carrier.network.ways("lan-1", "hub")
    crossed = [name for name in names(carrier.network, way) if name.startswith("ring-")]
    assert crossed == ["ring-0-1<", "ring-0-0<"]


@pytest.mark.parametrize("ports", [4, 8])
def test_a_fat_tree_has_a_way_over_each_core_switch_between_pods(ports: int) -> None:
    """(k / 2)² of them between pods, k / 2 inside one."""
    fabric = fabrics.fat_tree(ports)
    assert len(fabric.network.ways("host-0-0-0", "host-1-0-0")) == (ports // 2) ** 2
    assert len(fabric.network.ways("host-0-0-0", "host-0-1-0")) == ports // 2
    assert len(fabric.places) == ports * ports // 2


def test_a_graph_of_others_is_a_network_with_a_probe_at_each_node() -> None:
    """Parallel edges are one link, loops none."""
    graph = {
        "nodes": [{"id": k} for k in range(3)],
        "edges": [
            {"source": 0, "target": 1},
            {"source": 1, "target": 0},
            {"source": 1, "target": 2},
            {"source": 2, "target": 2},
        ],
    }
    fabric = fabrics.backbone(graph)
    (way,) = fabric.network.ways("at-pop-0", "at-pop-2")
    assert names(fabric.network, way) == ["pop-0", "span-0-1>", "pop-1", "span-1-2>", "pop-2"]
    assert len(fabric.network.links) == 4
