"""A router's trap on real packets: network namespaces, real services, net-snmp's snmptrap."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.demo.equipment import link_down
from appliance.demo.faults import Fault, Kind, Way
from appliance.demo.namespaces.plan import OPERATIONS
from appliance.demo.namespaces.world import Namespaces
from appliance.demo.probing import Probes
from tests.e2e.accounts import final_after, wait_until

pytestmark = [pytest.mark.net, pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.mark.skipif(shutil.which("snmptrap") is None, reason="needs snmptrap (packaging/setup.sh test installs it when root)")
def test_a_routers_trap_changes_the_verdict_from_a_class_to_one_segment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The loop of the third line is cut, and could be the router or the branch's power; the router says that its port is down."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    fault = Fault(kind=Kind.LINK_DOWN, component="loop-3", way=Way.BOTH, rate=1.0)
    world = Namespaces(faults=(fault,), probes=Probes.ENDS, seed=1)
    try:
        world.set_up(lambda _: None)
        wait_until(world, final_after(world, world.now_ns(), windows=3), seconds=120)
        world.inject(fault)
        wait_until(world, lambda: "loop-3" in _places(world) and len(_places(world)) > 1, seconds=90)
        world.ground.spaces.run(OPERATIONS, link_down("ce-3", "loop-3"))
        wait_until(world, lambda: _places(world) == {"loop-3"}, seconds=90)
        (incident,) = _incidents(world)
        assert (incident["verdict"]["owner"], incident["verdict"]["mode"]) == ("access", "down")
        page = httpx.get(f"http://{world.files.listen}/incidents/{incident['id']}", timeout=10).text
        assert "told LINK_DOWN on" in page
    finally:
        world.tear_down()


def _incidents(world: Namespaces) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"http://{world.files.listen}/api/v1/incidents", timeout=10).json()["incidents"]
    return found


def _places(world: Namespaces) -> set[str]:
    """What the verdicts name, without directions."""
    return {str(c).rstrip("<>") for incident in _incidents(world) for c in incident["verdict"]["components"]}
