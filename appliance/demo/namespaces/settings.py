"""Configuration files of the demo's services, as a person would have written them.

Goes in: a folder, where the probes stand, the ports with which sessions cover the core. Comes out: files in it. Knows nothing of
faults.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import yaml

from appliance.demo.equipment import COMMUNITY, NETWORK, TRAPS
from appliance.demo.inventory_file import inventory_document
from appliance.demo.namespaces.plan import collector_address
from appliance.demo.network import CORE_PREFIX
from appliance.demo.probing import RESPONDERS, STAMP_PORT, Probes, Test, hosts_interfaces, looks, probe_names, tests

COLLECTOR_PORT = 8443
_SMALL_EVERY_S = 0.02
"""Fifty test packets a second a session: one per cent of loss shows in two windows."""
_FULL_SIZE_EVERY_S = 0.5
"""Whether large packets pass at all takes few of them."""
_SMALL_OCTETS = 64
_HEADER_OCTETS = 28
"""Of IPv4 and UDP, without options."""
_RING_OCTETS = 2 << 20
"""Many times what crosses a line in a block's 10 ms; the default is sized for a mirror port."""
_POLL_S = 0.2
_GRADE = "AA"
"""Of the bank's lines."""
_DIAL_EVERY_S = 0.5
_TRACE_EVERY_S = 10
"""A demo lasts a minute and a half: what is tried once a few seconds on a line of this grade is tried more often."""


@attrs.frozen(slots=True, kw_only=True)
class Files:
    """Where everything of a run is."""

    folder: Path
    listen: str
    """HOST:PORT of the analyzer's page."""
    influx: str | None = None
    """Address of an InfluxDB for the roll-ups; None: the embedded store."""

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
    def communities(self) -> Path:
        """What routers sign their traps with."""
        return self.folder / "communities"

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


def write_all(files: Files, probes: Probes, source_ports: Mapping[str, int]) -> None:
    """Write every configuration and the inventory. `source_ports`: session → port, where it decides over the path."""
    tokens = {name: secrets.token_urlsafe(32) for name in probe_names(probes)}
    for made in (
        files.folder / "logs",
        files.store,
    ):  # collector and analyzer start side by side: whoever comes first lays it out
        made.mkdir(mode=0o700, exist_ok=True)
    _write(files.inventory, inventory_document(probes, source_ports))
    files.communities.touch(mode=0o600)
    files.communities.write_text(COMMUNITY + "\n", encoding="utf-8")
    _write(files.collector, _collector(files, tokens, collector_address(probes)))
    _write(files.analyzer, _analyzer(files))
    for name, token in tokens.items():
        files.probe(name).parent.mkdir(parents=True, mode=0o700)
        token_file = files.probe(name).parent / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(token + "\n", encoding="utf-8")
        _write(files.probe(name), _probe(files, name, probes, source_ports))


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True), encoding="utf-8")


def _collector(files: Files, tokens: Mapping[str, str], address: str) -> dict[str, Any]:
    return {
        "data": str(files.folder / "collector"),
        "inventory": str(files.inventory),
        "store": _store(files),
        "listen": f"{address}:{COLLECTOR_PORT}",
        "names": [address],
        "events": {"traps": {"listen": TRAPS, "senders": [NETWORK], "communities_file": str(files.communities)}},
        "probes": [{"id": name, "token_sha256": hashlib.sha256(token.encode()).hexdigest()} for name, token in tokens.items()],
    }


def _store(files: Files) -> dict[str, Any]:
    metrics = {"metrics": "influx", "influx": {"url": files.influx}} if files.influx else {}
    return {"data": str(files.store)} | metrics


def _analyzer(files: Files) -> dict[str, Any]:
    return {
        "data": str(files.folder / "analyzer"),
        "inventory": str(files.inventory),
        "store": _store(files),
        "listen": files.listen,
        "public_url": f"http://{files.listen}",
        "evaluation": {"poll_s": _POLL_S},
        "orders": {"dial_interval_s": {_GRADE: _DIAL_EVERY_S}, "trace_interval_s": {_GRADE: _TRACE_EVERY_S}},
    }


def _probe(files: Files, name: str, probes: Probes, source_ports: Mapping[str, int]) -> dict[str, Any]:
    mine = {look.id: look for look in looks(probes) if look.probe == name}
    document: dict[str, Any] = {
        "probe": name,
        "state_dir": "state",
        "collector": {
            "url": f"https://{collector_address(probes)}:{COLLECTOR_PORT}",
            "authority": str(files.authority),
            "token_file": "token",
        },
        "capture": {
            "interfaces": [{"name": look.interface, "observation_point": look.observation_point} for look in mine.values()],
            "ring_octets": _RING_OCTETS,
            # Where reports cross the very lines, they are not the bank's traffic.
            "exclude_ports": [COLLECTOR_PORT],
        },
        "host": {"interfaces": list(hosts_interfaces(probes)[name])},
    }
    addresses = {look.id: look.address for look in looks(probes)} | {one.id: one.address for one in RESPONDERS}
    sent = [test for test in tests(probes) if test.sender in mine]
    if sent:
        document["sessions"] = [
            _session(test, addresses) | {"source_port": source_ports.get(test.id, test.source_port)} for test in sent
        ]
    if any(test.reflector in mine for test in tests(probes)):
        document["reflector"] = {"listen": [f"0.0.0.0:{STAMP_PORT}"], "allow": [CORE_PREFIX]}
    return document


def _session(test: Test, addresses: Mapping[str, str]) -> dict[str, Any]:
    small = test.packet_octets is None
    return {
        "id": test.id,
        "target": f"{addresses[test.reflector]}:{STAMP_PORT}",
        "source": addresses[test.sender],
        "interval_s": _SMALL_EVERY_S if small else _FULL_SIZE_EVERY_S,
        "size": _SMALL_OCTETS if test.packet_octets is None else test.packet_octets - _HEADER_OCTETS,
    }
