"""The probe's configuration: what a person writes into `probe.yaml`. Every key is explained in packaging/examples/probe.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from faultline.runtime.config import load
from faultline.runtime.status import Address
from probe.active.config import ReflectorConfig, SessionConfig
from probe.control.config import ControlConfig
from probe.cutting import divides_a_window
from probe.dials.config import DialConfig
from probe.export.config import CollectorConfig
from probe.export.targets import PlainConfig
from probe.host.config import HostConfig
from probe.paths.config import TraceConfig
from probe.spool.config import SpoolConfig


def _name(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value or len(value) > 64 or not value.isprintable() or value != value.strip():  # noqa: PLR2004 - a name people read
        raise ValueError(f"{attribute.name} must be 1 to 64 printable characters, got {value!r}")


def _unique(_: object, attribute: attrs.Attribute[Any], values: list[Any]) -> None:
    names = [value.name for value in values]
    doubled = sorted({str(name) for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"{attribute.name} names {', '.join(doubled)} more than once")


def _no_id_twice(key: str, found: list[str], *, what: str = "id") -> None:
    doubled = sorted({name for name in found if found.count(name) > 1})
    if doubled:
        raise ValueError(f"{key} name the {what} {', '.join(doubled)} more than once")


@attrs.frozen(slots=True, kw_only=True)
class CaptureInterface:
    """One interface whose packets are metered."""

    name: str = attrs.field(validator=_name)
    """Interface name, e.g. eth1."""
    observation_point: str | None = attrs.field(default=None, validator=attrs.validators.optional(_name))
    """What the inventory calls this place; none: the interface's name."""


@attrs.frozen(slots=True, kw_only=True)
class CaptureConfig:
    """Which packets are metered, and how."""

    interfaces: list[CaptureInterface] = attrs.field(factory=list, validator=_unique)
    """Empty: nothing is captured."""
    promiscuous: bool = True
    """Take packets for other hosts too; needed behind a mirror port."""
    idle_timeout_s: int = attrs.field(default=30, validator=[attrs.validators.ge(1), attrs.validators.le(3600)])
    """A flow without packets for so long has ended."""
    max_flows: int = attrs.field(default=65536, validator=[attrs.validators.ge(16), attrs.validators.le(1 << 24)])
    """Flows held at once; beyond it the longest idle are cut early and counted."""
    ring_octets: int = attrs.field(default=64 << 20, validator=attrs.validators.ge(1 << 20))
    """Capture ring of each interface."""
    exclude_ports: list[int] = attrs.field(
        factory=list,
        validator=attrs.validators.deep_iterable(attrs.validators.and_(attrs.validators.ge(1), attrs.validators.le(65535))),
    )
    """TCP and UDP ports that are not metered, e.g. the probe's own upload."""
    applications: Path | None = None
    """File of rules that name applications before the built-in ones do; none: only those."""


@attrs.frozen(slots=True, kw_only=True)
class StatusConfig:
    """Where /healthz, /metrics and /stages are served."""

    listen: str | None = attrs.field(default="127.0.0.1:9464")
    """HOST:PORT; none: not served."""

    @listen.validator
    def _check_listen(self, _: object, value: str | None) -> None:
        try:
            if value is not None:
                Address.parse(value)
        except ValueError as error:
            raise ValueError(f"listen {error}") from None


@attrs.frozen(slots=True, kw_only=True)
class LogConfig:
    """What is logged to standard error."""

    level: str = attrs.field(default="info", validator=attrs.validators.in_(("debug", "info", "warning", "error")))
    json: bool | None = None
    """One JSON object a line; none: on a terminal key=value, elsewhere JSON."""


@attrs.frozen(slots=True, kw_only=True)
class ProbeConfig:
    """One probe."""

    probe: str = attrs.field(validator=_name)
    """The probe's id, as the inventory and the collector's token list know it."""
    state_dir: Path
    """Directory for the spool; made when missing, readable by the probe's user only."""
    collector: CollectorConfig
    capture: CaptureConfig = attrs.field(factory=CaptureConfig)
    sessions: list[SessionConfig] = attrs.field(factory=list)
    """Test sessions that this probe sends. Empty: none."""
    reflector: ReflectorConfig | None = None
    """Answers the test packets of others; none: nothing listens."""
    dials: list[DialConfig] = attrs.field(factory=list)
    """Dial tests that this probe makes. Empty: none but those the collector orders."""
    traces: list[TraceConfig] = attrs.field(factory=list)
    """Paths that this probe traces again and again. Empty: none but those the collector orders."""
    exports: list[PlainConfig] = attrs.field(factory=list)
    """Collectors of others that are told the flow records too, unacknowledged. Empty: none."""
    control: ControlConfig = attrs.field(factory=ControlConfig)
    """Tests that the collector orders."""
    host: HostConfig = attrs.field(factory=HostConfig)
    interval_s: int = attrs.field(default=10)
    """Length of a measuring interval; windows of 10 s must be whole numbers of it: 1, 2, 5 or 10."""
    spool: SpoolConfig = attrs.field(factory=SpoolConfig)
    status: StatusConfig = attrs.field(factory=StatusConfig)
    log: LogConfig = attrs.field(factory=LogConfig)

    @interval_s.validator
    def _check_interval(self, _: object, value: int) -> None:
        if not divides_a_window(value):
            raise ValueError(f"interval_s must be 1, 2, 5 or 10, got {value}")

    @dials.validator
    def _check_dials(self, _: object, values: list[DialConfig]) -> None:
        _no_id_twice("dials", [value.id for value in values])

    @traces.validator
    def _check_traces(self, _: object, values: list[TraceConfig]) -> None:
        _no_id_twice("traces", [value.id for value in values])

    @sessions.validator
    def _check_sessions(self, _: object, values: list[SessionConfig]) -> None:
        _no_id_twice("sessions", [value.id for value in values])
        _no_id_twice("sessions", [str(value.ssid) for value in values if value.ssid], what="ssid")


def read_config(path: Path) -> ProbeConfig:
    """The configuration in a file; relative paths in it are relative to the file.

    Raises:
        ConfigError: with every problem found, each with its key's path.
    """
    config = load(path, ProbeConfig, root="probe")
    folder = path.resolve().parent
    collector = attrs.evolve(
        config.collector,
        authority=_beside(folder, config.collector.authority),
        token_file=_beside(folder, config.collector.token_file),
    )
    sessions = [attrs.evolve(session, key_file=_beside(folder, session.key_file)) for session in config.sessions]
    reflector = config.reflector and attrs.evolve(config.reflector, key_file=_beside(folder, config.reflector.key_file))
    capture = attrs.evolve(config.capture, applications=_beside(folder, config.capture.applications))
    return attrs.evolve(
        config, capture=capture, collector=collector, state_dir=folder / config.state_dir, sessions=sessions, reflector=reflector
    )


def _beside(folder: Path, path: Path | None) -> Path | None:
    return None if path is None else folder / path
