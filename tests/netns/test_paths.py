"""`probe trace` against real routers: what it finds is compared with how the network was built."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.net

ROOT = Path(__file__).resolve().parents[2]
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all")
MANY = ("--flows", "24")
"""That all of them take the same one of two branches has a chance of 1 in 8 million."""
Trace = Callable[..., dict[str, Any]]


def _plan() -> ModuleType:
    spec = importlib.util.spec_from_file_location("routers", Path(__file__).parent / "routers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plan = _plan()
near, far = plan.near, plan.far


@pytest.fixture
def routers() -> Iterator[Any]:
    """The network, up."""
    network = plan.Routers()
    try:
        network.start()
        yield network
    finally:
        network.stop()


@pytest.fixture
def trace(routers: Any) -> Trace:
    """Traces from the host to the server; the document."""

    def run(*arguments: str, version: int = 4, code: int = 0, before: tuple[str, ...] = ()) -> dict[str, Any]:
        command = routers.trace(plan.SERVER[version], "--json", *arguments, before=before)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == code, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


def expected_links(version: int = 4) -> set[tuple[str, str]]:
    """What a trace sees of the network: each router by the address its packets come in at."""
    one, a, b, server = far(1, version), far(2, version), far(3, version), plan.SERVER[version]
    return {(one, a), (one, b), (a, far(4, version)), (b, far(5, version)), (far(4, version), server), (far(5, version), server)}


def addresses(path: dict[str, Any]) -> list[str | None]:
    """Who answered, hop by hop."""
    return [hop.get("address") for hop in path["hops"]]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("method", ["udp", "tcp"])
def test_both_branches_are_found_and_no_flow_mixes_them(trace: Trace, method: str, version: int) -> None:
    """With flows enough to be sure the links are those of the network, and each flow keeps to one branch."""
    found = trace("--method", method, *MANY, version=version)
    assert {tuple(link) for link in found["links"]} == expected_links(version)
    assert found["complete"] is True
    assert found["branches_confidence"] >= 0.95
    assert len(found["paths"]) == 24
    branches = {
        (far(1, version), far(2, version), far(4, version), plan.SERVER[version]),
        (far(1, version), far(3, version), far(5, version), plan.SERVER[version]),
    }
    assert {tuple(addresses(path)) for path in found["paths"]} == branches
    assert found["path_mtu"] == 1500
    assert found["path_mtu_black_hole"] is False
    assert [len(hop["rtt_ns"]) for hop in found["paths"][0]["hops"]] == [3, 3, 3, 3]


def test_flows_are_added_until_it_is_sure(trace: Trace) -> None:
    """Without a number there are as many flows as the stopping rule asks for after what they found: 6, or 11 for two branches."""
    found = trace("--no-mtu")
    seen = len({addresses(path)[1] for path in found["paths"]})
    assert len(found["paths"]) >= {1: 6, 2: 11}[seen]
    assert found["branches_confidence"] >= 0.95


def test_the_document_is_the_contracts(trace: Trace) -> None:
    """Names and shapes as other tools read them, nothing null, as many paths as flows were asked for."""
    found = trace("--flows", "4")
    assert {"destination", "paths", "links", "path_mtu", "complete"} <= set(found)
    assert found["destination"] == plan.SERVER[4]
    assert [path["flow_id"] for path in found["paths"]] == [0, 1, 2, 3]
    for path in found["paths"]:
        assert [hop["ttl"] for hop in path["hops"]] == [1, 2, 3, 4]
        assert all(isinstance(rtt_ns, int) and rtt_ns > 0 for hop in path["hops"] for rtt_ns in hop["rtt_ns"])
    assert "null" not in json.dumps(found)


def test_echo_requests_reach_the_destination(trace: Trace) -> None:
    """ICMP traces end at the echo reply."""
    found = trace("--method", "icmp", "--flows", "2")
    assert found["complete"] is True
    assert addresses(found["paths"][0])[-1] == plan.SERVER[4]


def test_a_silent_hop_has_no_address(routers: Any, trace: Trace) -> None:
    """A router that says nothing is a hop without an address; what is behind it is still found, and no link leads over it."""
    routers.nft("r3", "output", "icmp type time-exceeded drop")
    found = trace("--flows", "3")
    assert found["complete"] is True
    for path in found["paths"]:
        assert addresses(path)[2:] == [None, plan.SERVER[4]]
        assert "address" not in path["hops"][2]
        assert path["hops"][2]["rtt_ns"] == []
    assert not any(plan.SERVER[4] in link for link in found["links"])


@pytest.mark.parametrize("version", [4, 6])
def test_a_narrow_link_whose_router_says_so(routers: Any, trace: Trace, version: int) -> None:
    """The path MTU is the one the router names, and the router is named."""
    routers.ip("r3", "ip", "link", "set", "to6", "mtu", "1400")
    found = trace("--flows", "1", version=version)
    assert found["path_mtu"] == 1400
    assert found["path_mtu_black_hole"] is False
    assert found["path_mtu_reported_by"] in {far(4, version), far(5, version)}


@pytest.mark.parametrize(("mtu", "version"), [(1400, 4), (1387, 4), (1337, 6)])
def test_a_black_hole_is_measured_to_the_octet(routers: Any, trace: Trace, mtu: int, version: int) -> None:
    """A router that drops large packets and does not say so: the size is found by trying, and it is said."""
    routers.ip("r3", "ip", "link", "set", "to6", "mtu", str(mtu))
    routers.nft("r3", "output", "icmp type destination-unreachable drop; icmpv6 type packet-too-big drop")
    found = trace("--flows", "1", version=version)
    assert found["path_mtu"] == mtu
    assert found["path_mtu_black_hole"] is True
    assert "path_mtu_reported_by" not in found
    assert found["path_mtu_black_hole_after"]["ttl"] == 3
    assert found["path_mtu_black_hole_after"]["address"] in {far(4, version), far(5, version)}


@pytest.mark.parametrize("version", [4, 6])
def test_without_any_privilege_the_branches_are_found(trace: Trace, version: int) -> None:
    """As nobody, with no capability: the same links by the error queue, and the output says that it had to do without."""
    found = trace(*MANY, version=version, before=NOBODY)
    assert found["sockets"] == "error-queue"
    assert {tuple(link) for link in found["links"]} == expected_links(version)
    assert found["path_mtu"] == 1500
    assert any("CAP_NET_RAW" in note for note in found["notes"])


def test_routers_that_answer_seldom_are_asked_slowly(routers: Any, trace: Trace) -> None:
    """With the kernel's own limit of one message a second every hop of every flow still gets its address."""
    for node in plan.NODES:
        routers.ip(node, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=1000")
    found = trace("--flows", "6", "--no-mtu")
    assert all(address is not None for path in found["paths"] for address in addresses(path))
    assert found["complete"] is True


@pytest.mark.parametrize("method", ["udp", "tcp", "icmp"])
def test_paths_are_followed_through_a_translator(routers: Any, trace: Trace, method: str) -> None:
    """The first router hides the host behind its own address: what routers beyond it quote is still known as ours."""
    chain = f'oifname {{ "to2", "to3" }} snat to {far(1)}'
    routers.ip(
        "r1", "nft", "-f", "-", stdin=f"table ip nat {{ chain out {{ type nat hook postrouting priority 100; {chain}; }}; }}"
    )
    found = trace("--method", method, "--flows", "4")
    assert found["complete"] is True
    assert all(address is not None for path in found["paths"] for address in addresses(path))
    assert found["path_mtu"] == 1500


def test_a_service_on_the_port_is_the_destination(routers: Any, trace: Trace) -> None:
    """Where something listens there is no ICMP error: its own answer ends the path."""
    echo = (
        "import socket\ns = socket.socket(2, 2)\ns.bind(('', 5300))\nprint(flush=True)\n"
        "while True: s.sendto(b'hello', s.recvfrom(99)[1])"
    )
    with subprocess.Popen(routers.spaces.inside("server", [sys.executable, "-c", echo]), stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            server.stdout.readline()
            for how in ([], ["--unprivileged"]):
                found = trace("--port", "5300", "--flows", "2", "--no-mtu", *how)
                assert found["complete"] is True
                assert addresses(found["paths"][1])[-1] == plan.SERVER[4]
        finally:
            server.kill()


def test_a_refusal_on_the_way_ends_the_path(routers: Any, trace: Trace) -> None:
    """A router that refuses: where and why, exit 1, not complete, and no waiting for what cannot come."""
    routers.nft("r3", "forward", "meta l4proto udp reject with icmp type admin-prohibited")
    found = trace("--flows", "2", "--no-mtu", code=1)
    assert found["complete"] is False
    assert found["paths"][0]["refused"]["reason"] == "administratively prohibited"
    assert found["seconds"] < 10


def test_a_destination_behind_a_silent_firewall(routers: Any, trace: Trace) -> None:
    """Nothing comes back from there: the known part is told, exit 1, not complete, within the time that was given."""
    routers.nft("r3", "forward", "ip daddr 10.80.6.2 drop")
    found = trace("--flows", "1", "--limit", "8", "--timeout", "0.2", code=1)
    assert found["complete"] is False
    assert "path_mtu" not in found
    assert addresses(found["paths"][0])[0] == far(1)
    assert found["seconds"] < 8.5
