"""The demo as a person starts it: real processes, real packets, the contract's document, and nothing left afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.demo.probing import Probes
from appliance.demo.separable import separable

pytestmark = [pytest.mark.net, pytest.mark.timeout(240)]

DEMO = (sys.executable, "-m", "appliance.cli", "demo")
VERDICT_S = 90
WHOLE_S = 170


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the run puts its folder: this test sees its own runs only."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _nothing_stays(temporary: Path) -> Iterator[None]:
    """No folder of a run, and no process that was started from one."""
    yield
    assert list(temporary.glob("faultline-demo-*")) == []
    assert [line for line in processes() if str(temporary) in line] == []


def processes() -> list[str]:
    """Command lines of everything that runs."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return found


def run_demo(temporary: Path, *options: str) -> dict[str, Any]:
    """The document of a run in namespaces; the run must have been right in everything."""
    report = temporary / "report.html"
    command = [*DEMO, *options, "--network", "namespaces", "--json", "--report", str(report)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=220, check=False, env=os.environ | {"TMPDIR": str(temporary)}
    )
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    told = json.dumps({key: document[key] for key in ("fault", "verdict", "correct", "seconds", "balance")}, indent=1)
    assert done.returncode == 0, f"{told}\n{done.stderr}"
    assert document["network"] == "namespaces"
    assert document["correct"] == {"component": True, "owner": True, "mode": True}, told
    assert document["balance"] == {"lost": 0, "doubled": 0}
    assert document["report"] == str(report)
    assert "<html" in report.read_text()
    return document


def assert_in_time(document: dict[str, Any]) -> None:
    """The promises of the demo."""
    seconds = document["seconds"]
    assert 0 < seconds["to_first_sign"] <= seconds["to_verdict"] <= VERDICT_S
    assert seconds["total"] <= WHOLE_S


@pytest.mark.sample
def test_loss_on_the_access_loop_is_named_with_its_owner_and_mode(temporary: Path) -> None:
    """Three per cent of real packets lost from A to Z on the access loop: the verdict names that loop, that direction alone."""
    document = run_demo(
        temporary, "--fault", "loss", "--segment", "loop-1", "--direction", "forward", "--rate", "0.03", "--seed", "1"
    )
    assert document["fault"] | {"injected_ns": 0} == {
        "kind": "loss",
        "components": ["loop-1>"],
        "owner": "access",
        "mode": "loss",
        "rate": 0.03,
        "injected_ns": 0,
    }
    assert document["faults"] == [document["fault"]]
    leading = document["verdict"]["verdicts"][0]
    assert leading["components"] == ["loop-1>"]
    assert 0.015 <= leading["severity"]["value"] <= 0.05
    assert_in_time(document)


@pytest.mark.e2e
@pytest.mark.parametrize(
    "options",
    [
        ("--fault", "loss", "--segment", "lan-2", "--direction", "reverse", "--rate", "0.02"),
        ("--fault", "delay", "--segment", "loop-dc", "--rate", "10"),
        ("--fault", "link-down", "--segment", "loop-3"),
        ("--fault", "site-down", "--segment", "branch-2"),
        ("--fault", "dns-timeout", "--rate", "0.5"),
        ("--fault", "loss,server-slow", "--segment", "loop-1,svc-web"),
    ],
    ids=" ".join,
)
def test_faults_that_show_in_different_evidence_are_named_in_time(temporary: Path, options: tuple[str, ...]) -> None:
    """Component, owner and mode are right within a minute and a half of the injection; the run ends within three.

    One of each way through the product: lost packets, delays, ports without light, silence, requests without an answer, two at
    once. Every kind on real packets is `tests/benchmarks/bench_demo.py`, and simulated `tests/simnet/test_run.py`.
    """
    assert_in_time(run_demo(temporary, *options, "--seed", "1"))


@pytest.mark.e2e
@pytest.mark.parametrize("kind", ["none", "reroute"])
def test_where_nothing_is_wrong_nobody_is_blamed(temporary: Path, kind: str) -> None:
    """Nothing is injected, or a path changes: nobody is blamed, and the page of a line is the report."""
    document = run_demo(temporary, "--fault", kind, "--seed", "1")
    assert document["fault"]["kind"] == kind
    assert [entry for entry in document["verdict"]["verdicts"] if entry["blames"]] == []
    assert "to_verdict" not in document["seconds"]


@pytest.mark.e2e
def test_probes_at_the_ends_only_name_the_class_they_cannot_split(temporary: Path) -> None:
    """Without probes at the provider edges the far edge and the loop behind it are one class of two owners."""
    document = run_demo(
        temporary, "--fault", "loss", "--segment", "loop-dc", "--direction", "forward", "--rate", "0.03", "--probes", "ends"
    )
    leading = document["verdict"]["verdicts"][0]
    assert {component.rstrip("<>") for component in leading["components"]} <= set(separable(Probes.ENDS)["loop-dc"])


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("until", ["network up", "traffic running"])
def test_an_interrupted_run_takes_everything_with_it(temporary: Path, number: signal.Signals, until: str) -> None:
    """Whenever a person has seen enough: the run ends with 130 in a few seconds and leaves neither process nor file."""
    command = [*DEMO, "--fault", "none", "--network", "namespaces"]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if until in line:
                break
        begun_s = time.monotonic()
        demo.send_signal(number)
        rest = demo.stdout.read()
        assert demo.wait(30) == 130, rest
        assert "interrupted" in rest
        assert time.monotonic() - begun_s < 20


@pytest.mark.e2e
def test_a_killed_run_is_found_and_cleaned_by_the_next(temporary: Path) -> None:
    """After kill -9 the namespaces and processes end by themselves; the folder goes with the next run, which says so."""
    environment = os.environ | {"TMPDIR": str(temporary)}
    command = [*DEMO, "--fault", "none", "--network", "namespaces"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "traffic running" in line:
                break
        (folder,) = temporary.glob("faultline-demo-*")
        pids = [entry["pid"] for entry in json.loads((folder / "run.json").read_text())["processes"]]
        demo.kill()
    deadline_s = time.monotonic() + 10
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < deadline_s, "processes outlive their driver"
        time.sleep(0.05)
    assert folder.exists()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as demo:
        assert demo.stdout is not None
        told = next(line for line in demo.stdout if "had crashed" in line or "network up" in line)
        demo.send_signal(signal.SIGINT)
        demo.stdout.read()
    assert "had crashed" in told


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
