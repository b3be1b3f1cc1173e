"""Configuration files of the demo's services, as a person would have written them.

Goes in: a folder and where the probes stand. Comes out: files in it. Knows nothing of faults.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import yaml

from appliance.demo.line import RESPONDERS, Probes, hosts_interfaces, inventory_document, looks, probe_names, tests
from appliance.demo.namespaces.plan import CABLES, CORE_PREFIX, MANAGEMENT_ADDRESS, PROBE_NODES

COLLECTOR_PORT = 8443
STAMP_PORT = 862
_INTERVAL_S = 0.01
"""A hundred test packets a second a session: half a percent of loss shows in two windows."""
_TEST_OCTETS = 64
_RING_OCTETS = 4 << 20
"""Many times what crosses the line in a block's 10 ms; the default is sized for a mirror port."""
_POLL_S = 0.2


@attrs.frozen(slots=True, kw_only=True)
class Files:
    """Where everything of a run is."""

    folder: Path
    listen: str
    """HOST:PORT of the analyzer's page."""

    @property
    def inventory(self) -> Path:
        """What the operator knows."""
        return self.folder / "inventory.yaml"

    @property
    def collector(self) -> Path:
        """collector.yaml."""
        return self.folder / "collector.yaml"

    @property
    def analyzer(self) -> Path:
        """analyzer.yaml."""
        return self.folder / "analyzer.yaml"

    @property
    def authority(self) -> Path:
        """Made by the collector at its first start."""
        return self.folder / "collector" / "tls" / "authority.pem"

    @property
    def store(self) -> Path:
        """State, roll-ups, flows."""
        return self.folder / "store"

    def probe(self, name: str) -> Path:
        """A probe's probe.yaml."""
        return self.folder / "probes" / name / "probe.yaml"

    def spool(self, name: str) -> Path:
        """A probe's spool."""
        return self.probe(name).parent / "state" / "spool"

    def log(self, name: str) -> Path:
        """What a process wrote."""
        return self.folder / "logs" / f"{name}.log"


def write_all(files: Files, probes: Probes) -> None:
    """Write every configuration and the inventory."""
    tokens = {name: secrets.token_urlsafe(32) for name in probe_names(probes)}
    for made in (
        files.folder / "logs",
        files.store,
    ):  # collector and analyzer start side by side: whoever comes first lays it out
        made.mkdir(mode=0o700)
    _write(files.inventory, inventory_document(probes))
    _write(files.collector, _collector(files, tokens))
    _write(files.analyzer, _analyzer(files))
    for name, token in tokens.items():
        files.probe(name).parent.mkdir(parents=True, mode=0o700)
        token_file = files.probe(name).parent / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(token + "\n", encoding="utf-8")
        _write(files.probe(name), _probe(files, name, probes))


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True), encoding="utf-8")


def _collector(files: Files, tokens: Mapping[str, str]) -> dict[str, Any]:
    return {
        "data": str(files.folder / "collector"),
        "inventory": str(files.inventory),
        "store": {"data": str(files.store)},
        "listen": f"{MANAGEMENT_ADDRESS}:{COLLECTOR_PORT}",
        "names": [MANAGEMENT_ADDRESS],
        "probes": [{"id": name, "token_sha256": hashlib.sha256(token.encode()).hexdigest()} for name, token in tokens.items()],
    }


def _analyzer(files: Files) -> dict[str, Any]:
    return {
        "data": str(files.folder / "analyzer"),
        "inventory": str(files.inventory),
        "store": {"data": str(files.store)},
        "listen": files.listen,
        "public_url": f"http://{files.listen}",
        "evaluation": {"poll_s": _POLL_S},
    }


def _probe(files: Files, name: str, probes: Probes) -> dict[str, Any]:
    mine = [look for look in looks(probes) if look.probe == name]
    own = {look.id for look in mine}
    addresses = {look.id: address_of(PROBE_NODES[look.probe], look.interface) for look in looks(probes)}
    addresses |= {one.id: address_of(one.node, "eth0") for one in RESPONDERS}

    document: dict[str, Any] = {
        "probe": name,
        "state_dir": "state",
        "collector": {
            "url": f"https://{MANAGEMENT_ADDRESS}:{COLLECTOR_PORT}",
            "authority": str(files.authority),
            "token_file": "token",
        },
        "capture": {
            "interfaces": [{"name": look.interface, "observation_point": look.observation_point} for look in mine],
            "ring_octets": _RING_OCTETS,
        },
        "host": {"interfaces": list(hosts_interfaces(probes)[name])},
    }
    sent = [test for test in tests(probes) if test.sender in own]
    if sent:
        document["sessions"] = [
            {
                "id": test.id,
                "target": f"{addresses[test.reflector]}:{STAMP_PORT}",
                "interval_s": _INTERVAL_S,
                "size": _TEST_OCTETS,
            }
            for test in sent
        ]
    if any(test.reflector in own for test in tests(probes)):
        document["reflector"] = {"listen": [f"0.0.0.0:{STAMP_PORT}"], "allow": [CORE_PREFIX]}
    return document


def address_of(node: str, interface: str) -> str:
    """Address of a node's interface."""
    return next(port.host for cable in CABLES for port in (cable.a, cable.z) if (port.node, port.interface) == (node, interface))
