"""The demo over the simulated line: the same driver, the same document, where namespaces are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.demo.drive import Drive
from appliance.demo.faults import Fault, Kind, Way
from appliance.demo.probing import Probes
from appliance.demo.world import WorldError
from appliance.simnet.demo import Simulated

ROOT = Path(__file__).resolve().parents[2]
FAULT = Fault(kind=Kind.LOSS, component="loop-dc", way=Way.FORWARD, rate=0.03)


class Silent:
    """Tells nobody."""

    def event(self, at_s: float, text: str) -> None:
        """Nothing."""

    def waiting(self, text: str) -> None:
        """Nothing."""


def test_the_driver_reaches_a_judged_verdict_and_leaves_nothing(tmp_path: Path) -> None:
    """Verdict, report, every batch accounted for; the folder is gone afterwards."""
    world = Simulated(faults=[FAULT], probes=Probes.FULL, seed=3, faster=1e9)
    report = tmp_path / "report.html"
    drive = Drive(world, faults=[FAULT], teller=Silent(), report=report)
    try:
        outcome = drive.run()
        outcome = drive.account(outcome, final=True)
        folder = Path(world.places()["stores"])
        assert folder.is_dir()
    finally:
        world.tear_down()
        world.tear_down()
    document = outcome.document
    assert document["network"] == "simulated"
    assert document["correct"] == {"component": True, "owner": True, "mode": True}
    assert document["fault"]["components"] == ["loop-dc>"]
    assert document["seconds"]["to_verdict"] <= 60
    assert document["balance"] == {"lost": 0, "doubled": 0}
    assert outcome.balance.batches >= 48
    assert "loop" in report.read_text().lower()
    assert not folder.exists()


def test_a_world_that_is_not_set_up_says_so() -> None:
    """And tearing it down is harmless."""
    world = Simulated(faults=[], probes=Probes.ENDS, seed=1)
    with pytest.raises(WorldError, match="set_up comes first"):
        world.wait(1)
    with pytest.raises(WorldError, match="set_up comes first"):
        world.answers()
    world.tear_down()


@pytest.mark.e2e
@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["none", "loss", "link-down", "server-slow"])
def test_the_command_over_the_simulated_network(tmp_path: Path, kind: str) -> None:
    """`faultline demo --network simulated --json`: one document on standard output, exit 0, the verdict is right."""
    arguments = ["demo", "--network", "simulated", "--fault", kind, "--seed", "5", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", *arguments, "--report", str(tmp_path / "report.html")],
        cwd=ROOT, capture_output=True, check=False, text=True, timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["network"] == "simulated"
    assert document["correct"] == {"component": True, "owner": True, "mode": True}
    assert (tmp_path / "report.html").stat().st_size > 2000
