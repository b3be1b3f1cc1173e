"""One file for a whole installation on one machine: what `faultline up` reads, and the services' own files made from it.

Goes in: `appliance.yaml`. Comes out: complete configurations of collector, analyzer and, where one is wanted, the local probe,
each checked by the service's own rules under its key path (`appliance.collector.listen: ...`). What the services must agree on
(folders, stores, inventory, tokens, addresses) is said once, and refused where it would be said again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs
import yaml

from analyzer.config import AnalyzerConfig
from collector.config import CollectorConfig, ProbeToken
from faultline import inventory
from faultline.runtime.config import ConfigError, load, structure
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.status import Address
from faultline.store.config import InfluxConfig, MetricsKind, RetentionConfig, StoreConfig
from probe.config import ProbeConfig

ROOT = "appliance"
_OWNED: Mapping[str, tuple[str, ...]] = {
    "collector": ("data", "inventory", "store", "probes", "log"),
    "analyzer": ("data", "inventory", "store", "log"),
    "probe": ("state_dir", "collector", "log"),
}
"""Keys of each service that `appliance.yaml` says once for all, or that follow from it."""
T = TypeVar("T")


@attrs.frozen(slots=True, kw_only=True)
class StorePart:
    """Stores of the installation; their folder follows from `data`."""

    metrics: MetricsKind = MetricsKind.SQLITE
    """sqlite (embedded) or influx."""
    influx: InfluxConfig = attrs.field(factory=InfluxConfig)
    """Used when `metrics` is influx."""
    retention: RetentionConfig = attrs.field(factory=RetentionConfig)
    """How long what is kept."""


@attrs.frozen(slots=True, kw_only=True)
class LogPart:
    """What every service logs to standard error."""

    level: str = attrs.field(default="info", validator=attrs.validators.in_(("debug", "info", "warning", "error")))
    json: bool | None = None
    """One JSON object a line; none: on a terminal key=value, elsewhere JSON."""


def _listen(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    try:
        Address.parse(value)
    except ValueError as error:
        raise ValueError(f"{attribute.name} {error}") from None


@attrs.frozen(slots=True, kw_only=True)
class ApplianceConfig:
    """The whole file."""

    data: Path = Path("/var/lib/faultline")
    """Folder of everything that is kept: stores, tokens, TLS files, spool."""
    inventory: Path = Path("inventory.yaml")
    """What the operator knows of lines, components, vantages and sessions."""
    status: str = attrs.field(default="127.0.0.1:9460", validator=_listen)
    """HOST:PORT of /healthz and /metrics of the whole: able when every service is."""
    store: StorePart = attrs.field(factory=StorePart)
    """Where roll-ups go, and how long what is kept."""
    log: LogPart = attrs.field(factory=LogPart)
    """What is logged."""
    collector: dict[str, Any] = attrs.field(factory=dict)
    """Keys of collector.yaml."""
    analyzer: dict[str, Any] = attrs.field(factory=dict)
    """Keys of analyzer.yaml."""
    probe: dict[str, Any] | None = None
    """Keys of probe.yaml; none: no probe on this machine."""


class Part(StrEnum):
    """Services, in the order they start; they stop in reverse."""

    COLLECTOR = "collector"
    ANALYZER = "analyzer"
    PROBE = "probe"


@attrs.frozen(slots=True, kw_only=True)
class Settings:
    """Everything `faultline up` needs to know."""

    data: Path
    status: Address
    log: LogPart
    collector: CollectorConfig
    analyzer: AnalyzerConfig
    probe: ProbeConfig | None
    probes: tuple[str, ...]
    """Probes that may upload: those of the inventory, and the local one."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """Services of this installation, in the order they start."""
        return tuple(part for part in Part if part is not Part.PROBE or self.probe is not None)

    def file(self, part: Part) -> Path:
        """A service's own file, for its other commands (`faultline analyzer report -c ...`)."""
        return self.data / "run" / f"{part.value}.yaml"

    def token_file(self, probe: str) -> Path:
        """What a probe is given."""
        return _token_file(self.data, probe)

    @property
    def authority(self) -> Path:
        """What probes trust."""
        return self.collector.data / "tls" / "authority.pem"


def read_settings(path: Path, *, interfaces: Iterable[str] = ()) -> Settings:
    """The settings of a file; relative paths in it are relative to the file. Reads only.

    Args:
        path: `appliance.yaml`.
        interfaces: captured on this machine in addition; with any, there is a local probe.

    Raises:
        ConfigError: with every problem found, each with its key's path.
        CommandError: the inventory cannot be used.
    """
    config = load(path, ApplianceConfig, root=ROOT)
    folder = path.resolve().parent
    data, known = folder / config.data, folder / config.inventory
    local = _with_interfaces(config.probe, interfaces)
    problems = _said_twice(config, local)
    if problems:
        raise ConfigError(problems, where=str(path), hint="leave these keys out: `faultline up` fills them in")
    store = attrs.evolve(StoreConfig(), data=data / "store", **attrs.asdict(config.store, recurse=False))
    probes = _probes(known, local)
    shared: dict[str, Any] = {"inventory": known, "store": store}
    where = str(path)
    collector = attrs.evolve(
        _part(config.collector, CollectorConfig, "collector", where=where, folder=folder),
        data=data / "collector",
        probes=[ProbeToken(id=probe, token_sha256=_digest(data, probe)) for probe in probes],
        **shared,
    )
    analyzer = _part(config.analyzer, AnalyzerConfig, "analyzer", where=where, folder=folder)
    settings = Settings(
        data=data,
        status=Address.parse(config.status),
        log=config.log,
        collector=absolute(collector, folder),
        analyzer=attrs.evolve(analyzer, data=data / "analyzer", **shared),
        probe=None,
        probes=probes,
    )
    if local is None:
        return settings
    filled = local | {
        "state_dir": str(data / "probe"),
        "collector": {
            "url": f"https://{reachable(Address.parse(settings.collector.listen))}",
            "authority": str(settings.authority),
            "token_file": str(settings.token_file(str(local.get("probe", "")))),
        },
    }
    return attrs.evolve(settings, probe=_part(filled, ProbeConfig, "probe", where=where, folder=folder))


def write_files(settings: Settings) -> None:
    """Tokens that are missing, and each service's own file.

    Raises:
        CommandError: the folder cannot be written to.
    """
    try:
        for folder in (settings.data, settings.data / "run", settings.data / "tokens", settings.collector.store.data):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for probe in settings.probes:
            _make_token(settings.token_file(probe))
        collector = attrs.evolve(
            settings.collector,
            probes=[ProbeToken(id=probe, token_sha256=_digest(settings.data, probe)) for probe in settings.probes],
        )
        for part, config in ((Part.COLLECTOR, collector), (Part.ANALYZER, settings.analyzer), (Part.PROBE, settings.probe)):
            if config is not None:
                _write(settings.file(part), _document(config, settings.log))
            else:
                settings.file(part).unlink(missing_ok=True)
    except OSError as error:
        raise unusable(settings.data, error) from None


def unusable(data: Path, error: OSError) -> CommandError:
    """What to say of a folder that cannot be used."""
    return CommandError(
        f"{ROOT}.data: {error.filename or data}: {error.strerror or error}",
        hint="give the folder to this user, or choose another one",
        code=BAD_USAGE,
    )


def absolute(config: T, folder: Path) -> T:
    """A configuration whose relative paths, at any depth, are relative to a folder."""
    made: Any = config
    if isinstance(config, Path):
        made = folder / config
    elif isinstance(config, (list, tuple)):
        made = type(config)(absolute(entry, folder) for entry in config)
    elif attrs.has(type(config)):
        fields: Any = attrs.fields(type(made))
        made = attrs.evolve(made, **{field.name: absolute(getattr(config, field.name), folder) for field in fields})
    found: T = made
    return found


def _part(given: Mapping[str, Any], into: type[T], name: str, *, where: str, folder: Path) -> T:
    return absolute(structure(dict(given), into, root=f"{ROOT}.{name}", where=where), folder)


def _with_interfaces(probe: Mapping[str, Any] | None, interfaces: Iterable[str]) -> dict[str, Any] | None:
    named = list(interfaces)
    if not named:
        return None if probe is None else dict(probe)
    made = {"probe": os.uname().nodename, **(probe or {})}
    capture = dict(made.get("capture") or {})
    capture["interfaces"] = [*capture.get("interfaces", ()), *({"name": name} for name in named)]
    return made | {"capture": capture}


def _said_twice(config: ApplianceConfig, probe: Mapping[str, Any] | None) -> list[str]:
    given = {"collector": config.collector, "analyzer": config.analyzer, "probe": probe or {}}
    return [
        f"{ROOT}.{part}.{key}: follows from the rest of this file"
        for part, keys in _OWNED.items()
        for key in keys
        if key in given[part]
    ]


def _probes(path: Path, local: Mapping[str, Any] | None) -> tuple[str, ...]:
    try:
        known = inventory.read(path)
    except inventory.InventoryError as error:
        raise CommandError(
            str(error), hint=f"`faultline inventory check {path}` says more; {ROOT}.inventory names the file", code=BAD_USAGE
        ) from None
    named = [str(vantage.probe) for vantage in known.vantages.values() if vantage.probe is not None]
    mine = [str(local["probe"])] if local and local.get("probe") else []
    return tuple(dict.fromkeys([*named, *mine]))


def _token_file(data: Path, probe: str) -> Path:
    # A probe may be called anything; a file may not.
    safe = "".join(c if c.isalnum() or c in "-_" else f"%{ord(c):02X}" for c in probe)
    return data / "tokens" / safe


def _digest(data: Path, probe: str) -> str:
    """Of the token in its file; before the first start there is none, and nothing is let in."""
    try:
        token = _token_file(data, probe).read_text(encoding="ascii").strip()
    except OSError:
        token = secrets.token_urlsafe(32)
    return hashlib.sha256(token.encode()).hexdigest()


def _make_token(path: Path) -> None:
    if not path.exists():
        _write(path, secrets.token_urlsafe(32) + "\n")


def _write(path: Path, text: str) -> None:
    """Whole or not at all, for this user only."""
    temporary = path.with_name(path.name + ".part")
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _document(config: Any, log: LogPart) -> str:
    plain = cattrs.Converter()
    plain.register_unstructure_hook(Path, str)
    document = plain.unstructure(config) | {"log": attrs.asdict(log)}
    return "# Made by `faultline up`; change appliance.yaml instead.\n" + yaml.safe_dump(
        json_like(document), sort_keys=False, allow_unicode=True
    )


def json_like(value: Any) -> Any:
    """Enums as their texts and tuples as lists: what YAML can say without tags."""
    if isinstance(value, dict):
        return {key: json_like(entry) for key, entry in value.items() if entry is not None or key == "json"}
    if isinstance(value, (list, tuple)):
        return [json_like(entry) for entry in value]
    return str(value) if isinstance(value, StrEnum) else value


def reachable(address: Address) -> Address:
    """Where one finds on this machine what listens everywhere."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    return attrs.evolve(address, host=host)
