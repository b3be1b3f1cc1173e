"""Sessions with ports of their own and the traces of their flows, through routers with two equal paths and a narrow link."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.net

ROOT = Path(__file__).resolve().parents[2]
PORTS = range(51_001, 51_017)
"""That all sixteen take the same one of two branches has a chance of 1 in 32,768."""
Measure = Callable[..., dict[str, Any]]


def _plan() -> ModuleType:
    spec = importlib.util.spec_from_file_location("routers", Path(__file__).parent / "routers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plan = _plan()
SERVER = plan.SERVER[4]


@pytest.fixture
def routers() -> Iterator[Any]:
    """The network, up, with a reflector at its far end."""
    network = plan.Routers()
    try:
        network.start()
        command = [sys.executable, "-c", plan.PROGRAM, "reflector", "--listen", f"{SERVER}:862"]
        with subprocess.Popen(network.spaces.inside("server", command), cwd=ROOT, stderr=subprocess.PIPE) as reflector:
            try:
                assert reflector.stderr is not None
                assert b"reflecting" in reflector.stderr.readline()
                yield network
            finally:
                reflector.terminate()
    finally:
        network.stop()


@pytest.fixture
def measure(routers: Any) -> Measure:
    """Sessions and traces from the host for some seconds; records and counters."""

    def run(sessions: list[dict[str, Any]], traces: list[dict[str, Any]], *, seconds: int, node: str = "host") -> dict[str, Any]:
        asked = json.dumps({"sessions": sessions, "traces": traces, "seconds": seconds})
        command = routers.spaces.inside(node, [sys.executable, "-m", "tests.netns.measuring"])
        done = subprocess.run(command, cwd=ROOT, input=asked, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert all(stage["balanced"] for stage in found["stages"].values())
        return found

    return run


def session(name: str, **more: Any) -> dict[str, Any]:
    """A session to the far end."""
    return {"id": name, "target": f"{SERVER}:862", "interval_s": 0.05, **more}


def counted(routers: Any, node: str) -> dict[int, int]:
    """Packets by source port, as a node's filter counted them."""
    found = json.loads(routers.ip(node, "nft", "-j", "list", "table", "inet", "count"))
    packets: dict[int, int] = {}
    for rule in (entry["rule"] for entry in found["nftables"] if "rule" in entry):
        port = next(part["match"]["right"] for part in rule["expr"] if "match" in part and part["match"]["right"] in PORTS)
        packets[port] = next(part["counter"]["packets"] for part in rule["expr"] if "counter" in part)
    return packets


def total(found: dict[str, Any], name: str, field: str) -> int:
    """Of a session, over all records."""
    return sum(row[field] for row in found["records"]["session"] if row["session"] == name)


@pytest.mark.parametrize(
    ("node", "source", "before"),
    [("host", None, [plan.far(1)]), ("r1", plan.far(1), []), ("r1", None, [])],
    ids=["from-a-host", "from-a-router", "from-a-router-unbound"],
)
def test_each_sessions_own_path_is_found_and_no_session_is_touched(
    routers: Any, measure: Measure, node: str, source: str | None, before: list[str]
) -> None:
    """For every flow the traced branch is the one that carries the session's packets; nothing is lost, nothing fails.

    Also where the probe stands in the very router that has two equal routes, on which its session's port decides.
    """
    for link, via in ((2, plan.near(4)), (3, plan.near(5))):
        routers.ip("r3", "ip", "route", "add", f"10.80.{link}.0/24", "via", via)
    for router in ("r2a", "r2b"):
        rules = "; ".join(f"udp sport {port} meta length 92 counter" for port in PORTS)  # the sessions' size: no trace has it
        table = f"table inet count {{ chain c {{ type filter hook forward priority 0; {rules}; }}; }}"
        routers.ip(router, "nft", "-f", "-", stdin=table)
    own = {} if source is None else {"source": source}
    sessions = [session(f"s{port}", source_port=port, **own) for port in PORTS]
    found = measure(sessions, [{"id": "far", "target": f"{SERVER}:862"}], seconds=12, node=node)

    carried = {router: counted(routers, router) for router in ("r2a", "r2b")}
    branch = {plan.far(2): "r2a", plan.far(3): "r2b"}
    routes = defaultdict(list)
    for row in found["records"]["path"]:
        routes[row["source_port"]].append((row["hops"].split(","), row["reached"]))
        assert (row["destination_address"], row["destination_port"], row["protocol"]) == (SERVER, 862, 17)
    assert set(routes) == set(PORTS)
    taken = set()
    for port, seen in routes.items():
        for hops, _ in seen:
            assert hops[: len(before)] == before
            assert len(hops) == len(before) + 2
            way = branch[hops[len(before)]]
            taken.add(way)
            assert carried[way][port] > 100
            assert carried[{"r2a": "r2b", "r2b": "r2a"}[way]][port] == 0
        assert seen[-1][1], (
            "once the session has told how far it is, the last router before the reflector is known for what it is"
        )
    assert taken == {"r2a", "r2b"}
    for port in PORTS:
        assert total(found, f"s{port}", "sent") == total(found, f"s{port}", "received") > 150
    assert found["stages"]["sessions"]["dropped"].keys() <= {"skipped_starved", "skipped_stopping"}
    assert sum(row["failed"] for row in found["records"]["task"]) == 0


def test_a_full_size_session_shows_a_narrow_link_and_a_small_one_passes(routers: Any, measure: Measure) -> None:
    """1,500 octets whole and with DF, both ways; through a link of 1,400 none comes back and nothing says where it died."""
    rule = "ip length 1500 ip frag-off 0x4000 udp {way} 862 counter"
    rules = "; ".join(rule.format(way=way) for way in ("sport", "dport"))
    routers.ip(
        "r3", "nft", "-f", "-", stdin=f"table inet full {{ chain c {{ type filter hook forward priority 0; {rules}; }}; }}"
    )
    sessions = [session("small"), session("full", size=1472, source_port=51_900)]
    whole = measure(sessions, [], seconds=2)
    assert total(whole, "full", "sent") == total(whole, "full", "received") > 20
    listed = json.loads(routers.ip("r3", "nft", "-j", "list", "table", "inet", "full"))["nftables"]
    packets = [
        part["counter"]["packets"] for entry in listed for part in entry.get("rule", {}).get("expr", []) if "counter" in part
    ]
    assert len(packets) == 2
    assert min(packets) >= total(whole, "full", "sent")

    routers.ip("r3", "ip", "link", "set", "to6", "mtu", "1400")
    narrow = measure(sessions, [], seconds=2)
    assert total(narrow, "small", "sent") == total(narrow, "small", "received") > 20
    assert total(narrow, "full", "sent") == total(narrow, "full", "lost_unattributed") > 20
    assert narrow["stages"]["sessions"]["dropped"].keys() <= {"skipped_starved", "skipped_stopping"}


def test_a_packet_too_long_for_the_hosts_own_link_is_a_failed_one(routers: Any, measure: Measure) -> None:
    """With its reason; the other session goes on."""
    routers.ip("host", "ip", "link", "set", "to1", "mtu", "1400")
    found = measure([session("small"), session("full", size=1472)], [], seconds=2)
    assert total(found, "full", "sent") == 0
    assert found["stages"]["sessions"]["dropped"]["failed_emsgsize"] > 20
    assert total(found, "small", "sent") == total(found, "small", "received") > 20
