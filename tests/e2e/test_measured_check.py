"""`faultline inventory check --measured` beside the demo's services, over real traces of real routers."""

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
import yaml

from tests.simnet.test_measured_check import edge_mistaken

pytestmark = [pytest.mark.net, pytest.mark.e2e, pytest.mark.timeout(200)]

FAULTLINE = (sys.executable, "-m", "appliance.cli")
ALL_TRACED = 60
"""Flows of the demo's twelve traces."""
PATIENCE_S = 100


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """The folder of a healthy demo whose traffic runs."""
    command = [*FAULTLINE, "demo", "--fault", "none", "--network", "namespaces"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as demo:
        assert demo.stdout is not None
        try:
            assert any("traffic running" in line for line in demo.stdout)
            (folder,) = tmp_path.glob("faultline-demo-*")
            yield folder
        finally:
            demo.send_signal(signal.SIGINT)
            demo.stdout.read()


def checked(file: Path, store: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and document; nothing as long as nothing was measured."""
    command = [*FAULTLINE, "inventory", "check", str(file), "--measured", "--store", str(store), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout or "{}")


def test_a_declaration_is_compared_with_real_routers(running: Path, tmp_path: Path) -> None:
    """The file that the network was built by contradicts nothing; one that puts a branch behind the other edge does."""
    true, store = running / "inventory.yaml", running / "store"
    deadline_s = time.monotonic() + PATIENCE_S
    while (told := checked(true, store)[1]).get("measured", {}).get("routes", 0) < ALL_TRACED:
        assert time.monotonic() < deadline_s, told
        time.sleep(3)
    code, told = checked(true, store)
    assert code == 0, told
    assert {doubt["what"] for doubt in told["warnings"]} <= {"inseparable"}, told

    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(yaml.safe_dump(edge_mistaken(yaml.safe_load(true.read_text(encoding="utf-8")))), encoding="utf-8")
    code, told = checked(wrong, store)
    assert code == 1
    found = [doubt for doubt in told["warnings"] if doubt["what"] == "contradicted_path"]
    assert [doubt["subjects"] for doubt in found] == [["CN-NB-0017", "pe2"]], found
    assert "pe1 answered there" in found[0]["text"]
