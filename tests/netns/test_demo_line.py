"""The demo line in namespaces: what it carries, what each fault truly does to packets, and that nothing of it stays behind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.demo.faults import Fault, Kind, Way
from appliance.demo.namespaces import plan
from appliance.demo.namespaces.ground import Ground
from appliance.demo.namespaces.injection import Seen
from appliance.demo.namespaces.processes import Processes

pytestmark = pytest.mark.net

Build = Callable[..., Ground]
Ping = Callable[..., dict[str, Any]]
FAR = "10.9.0.10"


def make_fault(kind: Kind, component: str, *, way: Way = Way.BOTH, rate: float = 1.0) -> Fault:
    """A fault."""
    return Fault(kind=kind, component=component, way=way, rate=rate)


def during(ground: Ground, work: Callable[[], Any]) -> tuple[Any, dict[str, Seen]]:
    """What the counters saw while something was done."""
    before = ground.truth()
    done = work()
    after = ground.truth()
    seen = {
        name: Seen(arrived=after[name].arrived - before[name].arrived, dropped=after[name].dropped - before[name].dropped)
        for name in after
    }
    return done, seen


def links_here() -> set[str]:
    """Interfaces of the namespace the tests run in."""
    return {entry.name for entry in Path("/sys/class/net").iterdir()}


def test_every_segment_carries_every_packet_of_a_healthy_line(build: Build, ping: Ping) -> None:
    """On a healthy line every echo comes back, and every segment's counters have seen each request and each reply once."""
    ground = build()
    answer, seen = during(ground, lambda: ping(ground, "host", FAR, count=200, interval_s=0.002))
    assert answer["received"] == 200
    for cable in plan.CABLES:
        for way in ("forward", "reverse"):
            counted = seen[f"{cable.segment}-{way}"]
            assert 200 <= counted.arrived <= 210  # a few ARP frames may be among them
            assert counted.dropped == 0


def test_routers_reach_the_collectors_network_and_data_does_not_pass_through_it(build: Build, ping: Ping) -> None:
    """Reports have a network of their own: every router reaches it, and the branch host does not."""
    ground = build()
    for router in plan.ROUTERS:
        assert ping(ground, router, plan.MANAGEMENT_ADDRESS, count=3)["received"] == 3
    assert ping(ground, "host", plan.MANAGEMENT_ADDRESS, count=3)["received"] == 0


@pytest.mark.parametrize(("way", "hit", "spared"), [(Way.FORWARD, "forward", "reverse"), (Way.REVERSE, "reverse", "forward")])
def test_loss_on_a_segment_drops_its_share_in_its_direction_only(
    build: Build, ping: Ping, way: Way, hit: str, spared: str
) -> None:
    """A loss of 5 % in one direction drops about one packet in twenty there, counts each, and touches nothing else."""
    fault = make_fault(Kind.LOSS, "loop-a", way=way, rate=0.05)
    ground = build([fault])
    ground.inject(fault)
    answer, seen = during(ground, lambda: ping(ground, "host", FAR, count=4000, interval_s=0.0005))
    lost = answer["sent"] - answer["received"]
    assert lost == seen[f"loop-a-{hit}"].dropped
    assert 120 <= lost <= 290  # 200 expected; six standard deviations
    assert seen[f"loop-a-{spared}"].dropped == 0
    assert sum(place.dropped for place in seen.values()) == lost


def test_loss_on_a_device_drops_what_it_forwards(build: Build, ping: Ping) -> None:
    """A firewall that loses a tenth of what it forwards loses it between its own two interfaces: the segments see no drop."""
    fault = make_fault(Kind.LOSS, "fw", way=Way.FORWARD, rate=0.1)
    ground = build([fault])
    ground.inject(fault)
    answer, seen = during(ground, lambda: ping(ground, "host", FAR, count=2000, interval_s=0.0005))
    assert answer["sent"] - answer["received"] == seen["fw"].dropped > 0
    assert (
        seen["loop-z-forward"].arrived - seen["dc-lan-forward"].arrived >= seen["fw"].dropped - 2
    )  # ARP frames may add to either
    assert all(place.dropped == 0 for name, place in seen.items() if name != "fw")


def test_a_link_that_goes_down_takes_the_light_from_both_ends(build: Build, ping: Ping) -> None:
    """A cut loop stops every packet, and the routers at both of its ends see their ports without carrier; others keep theirs."""
    fault = make_fault(Kind.LINK_DOWN, "loop-a")
    ground = build([fault])
    ground.inject(fault)
    assert ping(ground, "host", FAR, count=5)["received"] == 0
    states = {
        (node, port): _carrier(ground, node, port)
        for node, port in (("ce", "wan0"), ("pe1", "acc0"), ("ce", "lan0"), ("pe1", "core0"))
    }
    assert states == {("ce", "wan0"): False, ("pe1", "acc0"): False, ("ce", "lan0"): True, ("pe1", "core0"): True}
    assert ping(ground, "host", "10.1.17.1", count=3)["received"] == 3


def _carrier(ground: Ground, node: str, interface: str) -> bool:
    return "LOWER_UP" in ground.spaces.run(node, ("ip", "-o", "link", "show", interface))


def test_a_relay_without_delay_costs_little_and_loses_nothing(build: Build, ping: Ping) -> None:
    """Before the injection the relay's segment carries everything, in well under two milliseconds there and back."""
    ground = build([make_fault(Kind.DELAY, "core", rate=10)])
    answer = ping(ground, "host", FAR, count=500, interval_s=0.002)
    assert answer["received"] == 500
    assert answer["ms"][250] < 2


@pytest.mark.parametrize(("way", "added_ms"), [(Way.FORWARD, 10), (Way.REVERSE, 10), (Way.BOTH, 20)])
def test_a_delay_holds_packets_back_by_what_was_asked(build: Build, ping: Ping, way: Way, added_ms: float) -> None:
    """Ten milliseconds in one direction add ten to a round trip and in both directions twenty; no packet is lost."""
    fault = make_fault(Kind.DELAY, "core", way=way, rate=10)
    ground = build([fault])
    usual = ping(ground, "host", FAR, count=300, interval_s=0.005)["ms"][150]
    ground.inject(fault)
    answer = ping(ground, "host", FAR, count=300, interval_s=0.005)
    assert answer["received"] == 300
    assert added_ms * 0.97 <= answer["ms"][150] - usual <= added_ms + 1.5


def test_lines_leave_nothing_behind(tmp_path: Path) -> None:
    """After a line is taken down none of its processes lives, and with them its namespaces and links are gone."""
    links = links_here()
    processes = Processes()
    ground = Ground(processes, faults=[make_fault(Kind.DELAY, "core", rate=5)], seed=1)
    ground.start(tmp_path / "relay.log")
    pids = [*ground.spaces.pids.values(), *processes.pids.values()]
    spaces = {str(Path(f"/proc/{pid}/ns/net").readlink()) for pid in pids}
    assert len(spaces) == len(plan.SPACES)
    processes.stop_all(grace_s=2)
    ground.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not spaces & _spaces_in_use()
    assert links_here() == links


def test_namespaces_end_with_a_driver_that_was_killed(tmp_path: Path) -> None:
    """A driver killed without a chance to clean up takes its namespaces with it: the kernel ends whoever holds them."""
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from appliance.demo.namespaces.ground import Ground\n"
        "from appliance.demo.namespaces.processes import Processes\n"
        f"ground = Ground(Processes(), faults=(), seed=1); ground.start(Path({str(tmp_path / 'relay.log')!r}))\n"
        "print(*ground.spaces.pids.values(), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        pids = [int(pid) for pid in driver.stdout.readline().split()]
        assert len(pids) == len(plan.SPACES)
        driver.kill()
        driver.wait()
    deadline_s = time.monotonic() + 5
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < deadline_s, "holders outlive their driver"
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    """Whether it runs; who adopts orphans here may take its time to collect what is left of them."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _spaces_in_use() -> set[str]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.add(str((entry / "ns" / "net").readlink()))
            except OSError:
                continue
    return found
