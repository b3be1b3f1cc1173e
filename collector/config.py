"""The collector's configuration: what a person writes into `collector.yaml`, annotated in packaging/examples/collector.yaml."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import attrs

from collector.events.config import EventsConfig
from collector.exporters.batches import EXPORTERS
from collector.exporters.config import ExportersConfig
from collector.intake.intake import IntakeLimits
from collector.rollup.finality import FinalityRules
from faultline.runtime.config import load
from faultline.runtime.status import Address
from faultline.store.config import StoreConfig

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9*]([A-Za-z0-9.*-]{0,251}[A-Za-z0-9])?")


@attrs.frozen(slots=True, kw_only=True)
class ProbeToken:
    """A probe that may upload."""

    id: str = attrs.field(validator=attrs.validators.min_len(1))
    """The probe's id, as its own configuration and the inventory have it."""
    token_sha256: str = attrs.field()
    """SHA-256 of its token: `printf %s TOKEN | sha256sum`. The token itself is only at the probe."""

    @token_sha256.validator
    def _check_digest(self, _: object, value: str) -> None:
        if not _DIGEST.fullmatch(value):
            raise ValueError("token_sha256 must be 64 hexadecimal digits in lower case")


@attrs.frozen(slots=True, kw_only=True)
class LogConfig:
    """What is logged to standard error."""

    level: str = attrs.field(default="info", validator=attrs.validators.in_(("debug", "info", "warning", "error")))
    json: bool | None = None
    """One JSON object a line; none: on a terminal key=value, elsewhere JSON."""


@attrs.frozen(slots=True, kw_only=True)
class CollectorConfig:
    """One collector."""

    data: Path = Path("/var/lib/faultline/collector")
    """Folder of payloads, quarantine and TLS files."""
    inventory: Path = Path("/etc/faultline/inventory.yaml")
    """What the operator knows of lines, vantages and sessions. The same file the analyzer reads; read again when it changes."""
    store: StoreConfig = attrs.field(factory=StoreConfig)
    """State, roll-ups and flows. The analyzer's configuration must say the same."""
    listen: str = attrs.field(default="0.0.0.0:8443")
    """HOST:PORT of the upload, over TLS 1.3, and of /healthz, /metrics and /stages."""
    names: list[str] = attrs.field(factory=list)
    """DNS names and addresses under which probes reach it, for the certificate. This host and loopback are in it anyway."""
    probes: list[ProbeToken] = attrs.field(factory=list)
    """Who may upload."""
    exporters: ExportersConfig = attrs.field(factory=ExportersConfig)
    """Routers and switches that export flows."""
    events: EventsConfig = attrs.field(factory=EventsConfig)
    """What devices tell: traps, syslog, alarms."""
    limits: IntakeLimits = attrs.field(factory=IntakeLimits)
    """What is too large, and when to ask probes to wait."""
    windows: FinalityRules = attrs.field(factory=FinalityRules)
    """When a window is final."""
    quarantine_octets: int = attrs.field(default=64 << 20, validator=attrs.validators.gt(0))
    """Refused bodies are kept up to this; the oldest go first."""
    payload_s: int = attrs.field(default=3600, validator=attrs.validators.ge(0))
    """Batches stay on disk this long, and longer until their windows are final and their flows archived."""
    log: LogConfig = attrs.field(factory=LogConfig)

    @listen.validator
    def _check_listen(self, _: object, value: str) -> None:
        try:
            Address.parse(value)
        except ValueError as error:
            raise ValueError(f"listen {error}") from None

    @names.validator
    def _check_names(self, _: object, values: list[str]) -> None:
        for value in values:
            if not _NAME.fullmatch(value) and not _is_address(value):
                raise ValueError(f"names holds {value!r}, which is neither a DNS name nor an address")

    @probes.validator
    def _check_probes(self, _: object, values: list[ProbeToken]) -> None:
        for what, found in (("id", [probe.id for probe in values]), ("token", [probe.token_sha256 for probe in values])):
            if len(set(found)) != len(found):
                raise ValueError(f"probes has the same {what} twice")
        if any(probe.id == EXPORTERS for probe in values):
            raise ValueError(f"probes: {EXPORTERS!r} is the name under which exported flows are kept")


def read_config(path: Path) -> CollectorConfig:
    """The configuration in a file; relative paths in it are relative to the file.

    Raises:
        ConfigError: with every problem found, each with its key's path.
    """
    config = load(path, CollectorConfig, root="collector")
    folder = path.resolve().parent
    influx = config.store.influx
    if influx.password_file is not None:
        influx = attrs.evolve(influx, password_file=folder / influx.password_file)
    store = attrs.evolve(config.store, data=folder / config.store.data, influx=influx)
    return attrs.evolve(
        config,
        data=folder / config.data,
        inventory=folder / config.inventory,
        store=store,
        events=config.events.beside(folder),
        exporters=config.exporters.beside(folder),
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
