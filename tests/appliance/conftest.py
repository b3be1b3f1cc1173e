"""What tests of the appliance share: a folder with a configuration on free ports."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.collector.conftest import ground as ground  # noqa: PLC0414 - a collector in virtual time, used here too

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes appliance.yaml beside the example inventory; every address is on a free port of the loopback."""
    shutil.copy(ROOT / "packaging" / "examples" / "inventory.yaml", tmp_path / "inventory.yaml")

    def make(**changes: Any) -> Path:
        document = {
            "data": "data",
            "inventory": "inventory.yaml",
            "status": f"127.0.0.1:{free_port()}",
            "collector": {"listen": f"127.0.0.1:{free_port()}"},
            "analyzer": {"listen": f"127.0.0.1:{free_port()}"},
        }
        path = tmp_path / "appliance.yaml"
        path.write_text(yaml.safe_dump(document | changes))
        return path

    return make
