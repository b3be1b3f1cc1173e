"""Configuration of the analyzer: `analyzer.yaml`, annotated in packaging/examples/."""

from __future__ import annotations

from pathlib import Path

import attrs

from analyzer.incidents import IncidentRules
from analyzer.notify.mail import MailTarget
from analyzer.notify.snmp_channel import SnmpTarget
from analyzer.notify.syslog_channel import SyslogTarget
from analyzer.notify.telling import Target, beside
from analyzer.notify.webhook import WebhookTarget
from analyzer.orders.rules import OrderRules
from faultline.records.terms import SECOND_NS
from faultline.reports.words import Language
from faultline.runtime.config import load
from faultline.runtime.status import Address
from faultline.store.config import StoreConfig

WINDOW_S = 10


def _rising_windows(_: object, __: object, value: tuple[int, ...]) -> None:
    if not value or list(value) != sorted(set(value)) or any(span < WINDOW_S or span % WINDOW_S for span in value):
        raise ValueError(f"expected rising multiples of {WINDOW_S} s, got {list(value)}")


def _listen(_: object, __: object, value: str) -> None:
    Address.parse(value)


@attrs.frozen(slots=True, kw_only=True)
class EvaluationConfig:
    """What is looked at, and how often."""

    spans_s: tuple[int, ...] = attrs.field(default=(20, 60, 600), validator=_rising_windows)
    """Suffix spans in seconds that are localised at each step; multiples of 10, rising."""
    poll_s: float = attrs.field(default=0.5, validator=attrs.validators.gt(0))
    """How often to ask whether another window is final."""
    faults_per_component_hour: float = attrs.field(default=5e-6, validator=attrs.validators.gt(0))
    """Faults of a directed segment per hour, the one knob with a meaning: 128 a week on 16,000 lines make about 5e-6 each."""

    @property
    def spans_ns(self) -> tuple[int, ...]:
        """In nanoseconds."""
        return tuple(span * SECOND_NS for span in self.spans_s)


@attrs.frozen(slots=True, kw_only=True)
class LogConfig:
    """What is logged to standard error."""

    level: str = attrs.field(default="info", validator=attrs.validators.in_(("debug", "info", "warning", "error")))
    json: bool | None = None
    """One JSON object a line; none: on a terminal key=value, elsewhere JSON."""


@attrs.frozen(slots=True, kw_only=True)
class WriterToken:
    """Somebody, or another system, that may declare work, tell events and attach results."""

    name: str = attrs.field(validator=attrs.validators.matches_re(r"[A-Za-z0-9._-]{1,64}"))
    """What its calls are counted by, and who its events are from."""
    token_sha256: str = attrs.field(validator=attrs.validators.matches_re(r"[0-9a-f]{64}"))
    """SHA-256 of its token, in lower case: `printf %s TOKEN | sha256sum`. The token itself is only with its holder."""


@attrs.frozen(slots=True, kw_only=True)
class AnalyzerConfig:
    """The whole file."""

    data: Path = Path("/var/lib/faultline/analyzer")
    """The analyzer's own files: the outbox of alarms."""
    inventory: Path = Path("/etc/faultline/inventory.yaml")
    """What the operator knows of lines and vantages. The same file the collector reads; read again when it changes."""
    store: StoreConfig = attrs.field(factory=StoreConfig)
    """State and roll-ups. The collector's configuration must say the same."""
    listen: str = attrs.field(default="127.0.0.1:8480", validator=_listen)
    """HOST:PORT of the status page, the interface, /healthz and /metrics."""
    public_url: str | None = None
    """Address under which people reach the page; alarms link to it. None: no link."""
    language: Language = Language.EN
    """Language of pages for browsers that ask for neither English nor Chinese, and of reports: en or zh."""
    hostname: str | None = None
    """Name in syslog messages; None: this host's."""
    evaluation: EvaluationConfig = attrs.field(factory=EvaluationConfig)
    """What is looked at, and how often."""
    incidents: IncidentRules = attrs.field(factory=IncidentRules)
    """When to raise, revise and clear."""
    orders: OrderRules = attrs.field(factory=OrderRules)
    """What probes are asked to do."""
    syslog: tuple[SyslogTarget, ...] = ()
    """Receivers of alarms by syslog."""
    snmp: tuple[SnmpTarget, ...] = ()
    """Receivers of traps and informs."""
    webhooks: tuple[WebhookTarget, ...] = ()
    """Receivers of HTTP calls."""
    mail: tuple[MailTarget, ...] = ()
    """Receivers of e-mail."""
    writers: tuple[WriterToken, ...] = ()
    """Who may write over the interface and the page. Empty: nobody."""
    log: LogConfig = attrs.field(factory=LogConfig)
    """What is logged to standard error."""

    def __attrs_post_init__(self) -> None:
        """Refuse two receivers of one name, which would share a cursor, and writers that cannot be told apart."""
        names = [target.name for target in self.targets]
        if len(set(names)) != len(names):
            raise ValueError("syslog, snmp, webhooks, mail: two targets have the same name")
        for what, found in (("name", [w.name for w in self.writers]), ("token", [w.token_sha256 for w in self.writers])):
            if len(set(found)) != len(found):
                raise ValueError(f"writers: two have the same {what}")

    @property
    def targets(self) -> tuple[Target, ...]:
        """Everybody who is told of incidents."""
        return (*self.syslog, *self.snmp, *self.webhooks, *self.mail)


def read_config(path: Path) -> AnalyzerConfig:
    """The configuration in a file; relative paths in it are relative to the file.

    Raises:
        ConfigError: with every problem found, each with its key's path.
    """
    config = load(path, AnalyzerConfig, root="analyzer")
    folder = path.resolve().parent
    influx = config.store.influx
    if influx.password_file is not None:
        influx = attrs.evolve(influx, password_file=folder / influx.password_file)
    return attrs.evolve(
        config,
        data=folder / config.data,
        inventory=folder / config.inventory,
        store=attrs.evolve(config.store, data=folder / config.store.data, influx=influx),
        syslog=tuple(beside(target, folder) for target in config.syslog),
        snmp=tuple(beside(target, folder) for target in config.snmp),
        webhooks=tuple(beside(target, folder) for target in config.webhooks),
        mail=tuple(beside(target, folder) for target in config.mail),
    )
