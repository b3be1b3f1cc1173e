"""The bank's network in namespaces: what it carries, what each fault truly does to packets, and that nothing of it stays."""

from __future__ import annotations

import functools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.demo.faults import Fault, Kind, Way
from appliance.demo.namespaces import crossings, plan
from appliance.demo.namespaces.ground import Ground
from appliance.demo.namespaces.injection import Seen
from appliance.demo.namespaces.processes import Processes
from appliance.demo.network import BRANCHES, LOOPBACKS
from appliance.demo.probing import PROBE_NODES, Probes, probe_names

pytestmark = pytest.mark.net

Build = Callable[..., Ground]
Ping = Callable[..., dict[str, Any]]
HOST, SERVER = "host-1", "10.9.0.11"
OUTSIDE_THE_CORE = ("lan-1", "loop-1", "loop-dc", "dc-lan")


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


def lost(answer: dict[str, Any]) -> int:
    """Echoes that did not come back."""
    return int(answer["sent"] - answer["received"])


def links_here() -> set[str]:
    """Interfaces of the namespace the tests run in."""
    return {entry.name for entry in Path("/sys/class/net").iterdir()}


def test_every_segment_carries_every_packet_of_a_healthy_network(build: Build, ping: Ping) -> None:
    """Every echo comes back, and each segment on the way has seen each request and each reply once; in the core one path has."""
    ground = build()
    answer, seen = during(ground, lambda: ping(ground, HOST, SERVER, count=200, interval_s=0.002))
    assert lost(answer) == 0
    for way in ("forward", "reverse"):
        counted = [seen[f"{segment}-{way}"].arrived for segment in OUTSIDE_THE_CORE]
        across = sum(seen[f"pe1-p{m}-{way}"].arrived for m in (1, 2))
        assert all(200 <= arrived <= 210 for arrived in (*counted, across))  # a few ARP frames may be among them
    assert all(place.dropped == 0 for place in seen.values())


def test_everybody_reaches_the_data_centre_and_every_router_is_reached(build: Build, ping: Ping) -> None:
    """Four branches reach servers and name server; the firewall reaches every CE; edges reach each other."""
    ground = build()
    reached = [
        *((f"host-{branch.number}", address) for branch in BRANCHES for address in (SERVER, "10.9.0.12", "10.9.0.53")),
        *(("fw", f"10.200.{branch.number}.1") for branch in BRANCHES),
        *((f"ce-{branch.number}", LOOPBACKS[f"pe{branch.edge}"]) for branch in BRANCHES),
        ("pe1", LOOPBACKS["pe3"]),
        ("pe3", LOOPBACKS["pe2"]),
    ]
    assert [pair for pair in reached if ping(ground, *pair, count=4, interval_s=0.002)["received"] == 0] == []


def test_with_full_probes_reports_have_a_network_of_their_own(build: Build, ping: Ping) -> None:
    """Every probe reaches it, and the branches' hosts do not."""
    ground = build()
    assert all(
        ping(ground, PROBE_NODES[name], plan.MANAGEMENT_ADDRESS, count=3)["received"] == 3 for name in probe_names(Probes.FULL)
    )
    assert ping(ground, HOST, plan.MANAGEMENT_ADDRESS, count=1)["received"] == 0


def test_with_probes_at_the_ends_reports_cross_the_lines(build: Build, ping: Ping) -> None:
    """What a CE sends to the collector is counted on its loop, and does not arrive when that is cut."""
    cut = make_fault(Kind.LINK_DOWN, "loop-1")
    ground = build([cut], probes=Probes.ENDS)
    collector = plan.collector_address(Probes.ENDS)
    answer, seen = during(ground, lambda: ping(ground, "ce-1", collector, count=20))
    assert lost(answer) == 0
    assert seen["loop-1-forward"].arrived >= 20
    ground.inject(cut)
    assert ping(ground, "ce-1", collector, count=3)["received"] == 0


def test_source_ports_choose_the_path_there_and_back(build: Build) -> None:
    """A session of a pair of edges crosses the middle it is meant for, and so do its answers: the other one sees nothing."""
    ground = build()
    flows = {flow.id: flow for flow in crossings.of_sessions(Probes.FULL)}
    ports = ground.source_ports(flows.values())
    for id_ in ("pe1-pe3-1", "pe1-pe3-2", "ce-1-fw", "fw-ce-1"):
        middle = flows[id_].middle
        _, seen = during(ground, functools.partial(_converse, ground, *_nodes(id_), ports[id_]))
        for way in ("forward", "reverse"):
            assert seen[f"pe1-p{middle}-{way}"].arrived >= 20, id_
            assert seen[f"pe1-p{3 - middle}-{way}"].arrived < 5, id_


def _nodes(session: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Sender and reflector of a session: node and address."""
    ends = {"ce": ("ce-1", "10.200.1.1"), "fw": ("fw", "10.200.40.2"), "pe1": ("pe1", LOOPBACKS["pe1"])}
    ends["pe3"] = ("pe3", LOOPBACKS["pe3"])
    sender, *others = session.split("-")
    return ends[sender], next(ends[word] for word in others if word in ends)


_ECHO = (
    "import socket\ns = socket.socket(2, 2)\ns.bind(('{0}', 862))\nprint(flush=True)\n"
    "while True: s.sendto(b'hello', s.recvfrom(99)[1])"
)
_SPEAK = (
    "import socket\ns = socket.socket(2, 2)\ns.settimeout(2)\ns.bind(('{0}', {1}))\n"
    "for _ in range(20): s.sendto(b'hello', ('{2}', 862)); s.recv(99)"
)


def _converse(ground: Ground, sender: tuple[str, str], reflector: tuple[str, str], port: int) -> None:
    """Twenty datagrams and their answers."""
    echo = ground.spaces.inside(reflector[0], [sys.executable, "-c", _ECHO.format(reflector[1])])
    with subprocess.Popen(echo, stdout=subprocess.PIPE) as answering:
        try:
            assert answering.stdout is not None
            answering.stdout.readline()
            ground.spaces.run(sender[0], [sys.executable, "-c", _SPEAK.format(sender[1], port, reflector[1])])
        finally:
            answering.kill()


@pytest.mark.parametrize(("way", "hit", "spared"), [(Way.FORWARD, "forward", "reverse"), (Way.REVERSE, "reverse", "forward")])
def test_loss_on_a_segment_drops_its_share_in_its_direction_only(
    build: Build, ping: Ping, way: Way, hit: str, spared: str
) -> None:
    """A loss of 5 % in one direction drops about one packet in twenty there, counts each, and touches nothing else."""
    fault = make_fault(Kind.LOSS, "loop-1", way=way, rate=0.05)
    ground = build([fault])
    ground.inject(fault)
    answer, seen = during(ground, lambda: ping(ground, HOST, SERVER, count=4000, interval_s=0.0005))
    assert lost(answer) == seen[f"loop-1-{hit}"].dropped
    assert 120 <= lost(answer) <= 290  # 200 expected; six standard deviations
    assert seen[f"loop-1-{spared}"].dropped == 0
    assert sum(place.dropped for place in seen.values()) == lost(answer)


@pytest.mark.parametrize("device", ["fw", "pe1", "dc-sw"])
def test_loss_on_a_device_drops_what_it_forwards(build: Build, ping: Ping, device: str) -> None:
    """A router or a switch that loses a tenth of what it forwards loses it within itself: no segment sees a drop."""
    fault = make_fault(Kind.LOSS, device, way=Way.FORWARD, rate=0.1)
    ground = build([fault])
    ground.inject(fault)
    answer, seen = during(ground, lambda: ping(ground, HOST, SERVER, count=1000, interval_s=0.0005))
    assert lost(answer) == seen[device].dropped > 0
    assert all(place.dropped == 0 for name, place in seen.items() if name != device)


def test_bursts_lose_the_share_that_was_asked_for(build: Build, ping: Ping) -> None:
    """Many packets in a row are lost, a tenth of all in the long run, counted by the relay that loses them."""
    fault = make_fault(Kind.BURST_LOSS, "loop-1", way=Way.REVERSE, rate=0.1)
    ground = build([fault])
    ground.inject(fault)
    answer, seen = during(ground, lambda: ping(ground, HOST, SERVER, count=4000, interval_s=0.0005))
    assert lost(answer) == seen["loop-1-reverse"].dropped
    assert 150 <= lost(answer) <= 800  # about fifty bursts of eight


def test_large_packets_vanish_on_a_segment_that_is_too_narrow(build: Build, ping: Ping) -> None:
    """Packets above the limit are gone without a word; those at the limit pass."""
    fault = make_fault(Kind.MTU, "loop-dc", way=Way.FORWARD, rate=1400)
    ground = build([fault])
    ground.inject(fault)
    assert lost(ping(ground, HOST, SERVER, count=20, octets=1400)) == 0
    answer, seen = during(ground, lambda: ping(ground, HOST, SERVER, count=20, octets=1401))
    assert lost(answer) == 20 == seen["loop-dc-forward"].dropped


def test_a_queue_adds_what_was_asked_for_while_a_backup_fills_it(build: Build, ping: Ping, fill: Callable[..., Any]) -> None:
    """Twenty milliseconds of queue, filled by TCP: a packet waits about so long, and a few find no room."""
    fault = make_fault(Kind.CONGESTION, "loop-1", way=Way.FORWARD, rate=20)
    ground = build([fault])
    usual = ping(ground, HOST, SERVER, count=100)["ms"][50]
    ground.inject(fault)
    with fill(ground, HOST):
        deadline_s = time.monotonic() + 20
        while ground.truth()["loop-1-forward"].dropped == 0:  # a few find no room: it is full
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        answer = ping(ground, HOST, SERVER, count=200)
    assert answer["ms"][100] - usual == pytest.approx(20, abs=6)
    assert lost(answer) < 20


def test_a_reroute_moves_everything_to_the_other_path_and_loses_nothing(build: Build, ping: Ping) -> None:
    """One of the equal paths of an edge is withdrawn in both directions; the other edge keeps both."""
    fault = make_fault(Kind.REROUTE, "core-1")
    ground = build([fault])
    ground.inject(fault)
    answer, seen = during(ground, lambda: [ping(ground, "host-1", a, count=50) for a in (SERVER, "10.9.0.12", "10.9.0.53")])
    assert sum(map(lost, answer)) == 0
    assert seen["pe1-p1-forward"].arrived + seen["pe1-p1-reverse"].arrived < 10
    assert seen["pe1-p2-forward"].arrived >= 150
    assert len(ground.spaces.run("pe2", ("ip", "route", "show", "10.9.0.0/24")).split("nexthop")) == 3


def test_a_link_that_goes_down_takes_the_light_from_both_ends(build: Build, ping: Ping) -> None:
    """A cut loop stops every packet, and the routers at both of its ends see their ports without carrier; others keep theirs."""
    fault = make_fault(Kind.LINK_DOWN, "loop-1")
    ground = build([fault])
    ground.inject(fault)
    assert ping(ground, HOST, SERVER, count=5)["received"] == 0
    ports = [("ce-1", "wan0"), ("pe1", "acc1"), ("ce-1", "lan0"), ("pe1", "acc2")]
    assert [_carrier(ground, *port) for port in ports] == [False, False, True, True]
    assert ping(ground, "host-2", SERVER, count=3)["received"] == 3


def test_a_building_without_power_is_dark_on_every_segment(build: Build, ping: Ping) -> None:
    """Its LAN and its loop lose their light; the branch beside it on the same edge goes on."""
    fault = make_fault(Kind.SITE_DOWN, "branch-1")
    ground = build([fault])
    ground.inject(fault)
    assert [_carrier(ground, *port) for port in (("host-1", "eth0"), ("ce-1", "wan0"), ("pe1", "acc1"))] == [False] * 3
    assert ping(ground, "host-2", SERVER, count=3)["received"] == 3


def _carrier(ground: Ground, node: str, interface: str) -> bool:
    return "LOWER_UP" in ground.spaces.run(node, ("ip", "-o", "link", "show", interface))


def test_a_relay_without_delay_costs_little_and_loses_nothing(build: Build, ping: Ping) -> None:
    """Before the injection the relay's segment carries everything, in well under two milliseconds there and back."""
    ground = build([make_fault(Kind.DELAY, "loop-dc", rate=10)])
    answer = ping(ground, HOST, SERVER, count=500, interval_s=0.002)
    assert lost(answer) == 0
    assert answer["ms"][250] < 2


@pytest.mark.parametrize(("way", "added_ms"), [(Way.FORWARD, 10), (Way.REVERSE, 10), (Way.BOTH, 20)])
def test_a_delay_holds_packets_back_by_what_was_asked(build: Build, ping: Ping, way: Way, added_ms: float) -> None:
    """Ten milliseconds in one direction add ten to a round trip and in both directions twenty; no packet is lost."""
    fault = make_fault(Kind.DELAY, "loop-1", way=way, rate=10)
    ground = build([fault])
    usual = ping(ground, HOST, SERVER, count=200, interval_s=0.005)["ms"][100]
    ground.inject(fault)
    answer = ping(ground, HOST, SERVER, count=200, interval_s=0.005)
    assert lost(answer) == 0
    assert added_ms * 0.97 <= answer["ms"][100] - usual <= added_ms + 1.5


def test_networks_leave_nothing_behind(tmp_path: Path) -> None:
    """After one is taken down none of its processes lives, and with them its namespaces and links are gone."""
    links = links_here()
    processes = Processes()
    ground = Ground(processes, faults=[make_fault(Kind.DELAY, "loop-1", rate=5)], probes=Probes.FULL, seed=1)
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
        "from appliance.demo.probing import Probes\n"
        "ground = Ground(Processes(), faults=(), probes=Probes.FULL, seed=1)\n"
        f"ground.start(Path({str(tmp_path / 'relay.log')!r}))\n"
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
