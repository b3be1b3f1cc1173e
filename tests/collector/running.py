"""A collector service on loopback, as probes and people meet it."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Any

import attrs
import httpx

from collector.config import CollectorConfig, ProbeToken
from collector.intake.edge import HttpsServer
from collector.service import build
from faultline.runtime.lifecycle import Service
from faultline.store.config import StoreConfig
from tests.collector.conftest import DIRECTORY

TOKENS = {"branch": "branch-token", "centre": "centre-token"}


def make_config(folder: Path, **changes: Any) -> CollectorConfig:
    """A collector on a free port of the loopback."""
    probes = [ProbeToken(id=name, token_sha256=hashlib.sha256(token.encode()).hexdigest()) for name, token in TOKENS.items()]
    config = CollectorConfig(
        data=folder / "collector", store=StoreConfig(data=folder / "store"), listen="127.0.0.1:0", probes=probes
    )
    return attrs.evolve(config, **changes)


@attrs.define
class Running:
    """A started service and a client that trusts its authority."""

    service: Service
    server: HttpsServer
    config: CollectorConfig
    client: httpx.Client

    def post(self, body: bytes, **changes: str) -> httpx.Response:
        """Upload as the branch; headers may be changed."""
        sent = {"Authorization": f"Bearer {TOKENS['branch']}", "Content-Type": "application/ipfix"}
        sent |= {name.replace("_", "-"): value for name, value in changes.items()}
        return self.client.post(f"https://{self.server.address}/v1/batches", content=body, headers=sent)

    def get(self, path: str) -> httpx.Response:
        """Ask."""
        return self.client.get(f"https://{self.server.address}{path}")

    def ask_for_tasks(self, probe: str = "branch", *, after: int = 0, wait_s: float = 0) -> httpx.Response:
        """As a probe asks."""
        headers = {"Authorization": f"Bearer {TOKENS[probe]}"}
        asked = f"https://{self.server.address}/v1/tasks?after={after}&wait={wait_s}"
        return self.client.get(asked, headers=headers, timeout=wait_s + 10)


def start(folder: Path, **changes: Any) -> Running:
    """A started service with its files in a folder, new or those of an earlier life."""
    config = make_config(folder, **changes)
    service, server = build(config, places=DIRECTORY)
    service.start()
    trust = ssl.create_default_context(cafile=str(config.data / "tls" / "authority.pem"))
    return Running(service, server, config, httpx.Client(verify=trust, trust_env=False, timeout=10))
