"""From configuration files to the services, stores and probes they speak of. Reads files, asks nobody.

Each file is one of appliance.yaml, collector.yaml, analyzer.yaml, probe.yaml: told by its name, else by its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import yaml

import analyzer.config
import collector.config
import probe.config
from appliance.services import Service, analyzer_service, collector_service, probe_service, services_of
from appliance.settings import Part, read_settings
from faultline import inventory
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.store.config import StoreConfig

USUAL = Path("/etc/faultline")
_ORDER = {Part.PROBE: 0, Part.COLLECTOR: 1, Part.ANALYZER: 2}
"""The way data takes."""
_APPLIANCE = "appliance"
_OWN_KEYS: Mapping[str, frozenset[str]] = {
    Part.PROBE: frozenset({"state_dir", "capture", "spool", "interval_s"}),
    Part.ANALYZER: frozenset({"evaluation", "incidents", "syslog", "public_url"}),
    Part.COLLECTOR: frozenset({"probes", "limits", "windows", "quarantine_octets", "payload_s", "names"}),
}


@attrs.frozen(slots=True, kw_only=True)
class Installation:
    """What the files speak of."""

    services: tuple[Service, ...] = ()
    """In the order data takes."""
    stores: tuple[StoreConfig, ...] = ()
    probes: tuple[str, ...] = ()
    """Probes that should report."""


def discover(paths: Iterable[Path]) -> Installation:
    """The installation of some files; of those in /etc/faultline when none is given.

    Raises:
        CommandError: there is no file, or one cannot be used.
    """
    files = list(paths) or [USUAL / f"{name}.yaml" for name in (_APPLIANCE, *_ORDER) if (USUAL / f"{name}.yaml").exists()]
    if not files:
        raise CommandError(
            f"no configuration: nothing given, and none in {USUAL}",
            hint="name it: faultline doctor -c appliance.yaml",
            code=BAD_USAGE,
        )
    found = [_READERS[kind_of(path)](path) for path in files]
    services = {(s.part, s.name, s.url): s for installation in found for s in installation.services}
    stores = {store.state_file: store for installation in found for store in installation.stores}
    return Installation(
        services=tuple(sorted(services.values(), key=lambda service: _ORDER[service.part])),
        stores=tuple(stores.values()),
        probes=tuple(dict.fromkeys(probe for installation in found for probe in installation.probes)),
    )


def kind_of(path: Path) -> str:
    """Whose configuration a file is: `appliance`, `collector`, `analyzer` or `probe`."""
    for kind in (_APPLIANCE, *_OWN_KEYS):
        if kind in path.stem.lower():
            return str(kind)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return _APPLIANCE  # reading it says what is wrong with it
    keys = set(document) if isinstance(document, dict) else set()
    return next((str(kind) for kind, own in _OWN_KEYS.items() if keys & own), _APPLIANCE)


def _appliance(path: Path) -> Installation:
    settings = read_settings(path)
    local = settings.file(Part.PROBE)
    if settings.probe is None and local.exists():  # started with --interface
        settings = attrs.evolve(settings, probe=probe.config.read_config(local))
    return Installation(services=tuple(services_of(settings)), stores=(settings.collector.store,), probes=settings.probes)


def _collector(path: Path) -> Installation:
    config = collector.config.read_config(path)
    return Installation(
        services=(collector_service(config),), stores=(config.store,), probes=tuple(probe.id for probe in config.probes)
    )


def _analyzer(path: Path) -> Installation:
    config = analyzer.config.read_config(path)
    return Installation(services=(analyzer_service(config),), stores=(config.store,), probes=tuple(_probes_of(config.inventory)))


def _probe(path: Path) -> Installation:
    return Installation(services=(probe_service(probe.config.read_config(path)),))


def _probes_of(path: Path) -> list[str]:
    try:
        known = inventory.read(path)
    except inventory.InventoryError as error:
        raise CommandError(str(error), hint=f"`faultline inventory check {path}` says more", code=BAD_USAGE) from None
    named: dict[Any, None] = dict.fromkeys(v.probe for v in known.vantages.values() if v.probe is not None)
    return [str(name) for name in named]


_READERS: Mapping[str, Callable[[Path], Installation]] = {
    _APPLIANCE: _appliance,
    Part.COLLECTOR: _collector,
    Part.ANALYZER: _analyzer,
    Part.PROBE: _probe,
}
