"""Where stores are and how long they keep what: the `store:` part of collector.yaml and analyzer.yaml. Both must say the same."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import attrs

DAY_S = 86_400


class MetricsKind(StrEnum):
    """Where roll-ups go."""

    SQLITE = "sqlite"
    INFLUX = "influx"


@attrs.frozen(slots=True, kw_only=True)
class InfluxConfig:
    """An InfluxDB that speaks the 1.8 dialects: writes at /api/v2/write, reads in InfluxQL at /query."""

    url: str = attrs.field(default="http://127.0.0.1:8086", validator=attrs.validators.matches_re(r"https?://[^\s/]+"))
    """Address of the server."""
    username: str | None = None
    """None: the server asks for no name."""
    password_file: Path | None = None
    """File with the password on its first line."""
    database_prefix: str = attrs.field(default="faultline_", validator=attrs.validators.matches_re(r"[A-Za-z0-9_]+"))
    """Databases are called by this and the tenant."""
    create: bool = True
    """Make databases and retention policies that are missing (needs the right to)."""
    timeout_s: float = attrs.field(default=10.0, validator=attrs.validators.gt(0))
    """How long to wait for an answer."""


@attrs.frozen(slots=True, kw_only=True)
class RetentionConfig:
    """How long rows of each length stay; 0: for ever."""

    ten_seconds_s: int = attrs.field(default=7 * DAY_S, validator=attrs.validators.ge(0))
    minute_s: int = attrs.field(default=90 * DAY_S, validator=attrs.validators.ge(0))
    hour_s: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    flows_s: int = attrs.field(default=7 * DAY_S, validator=attrs.validators.ge(0))
    """Flow records; whole hours go at once."""


@attrs.frozen(slots=True, kw_only=True)
class StoreConfig:
    """All stores of one installation."""

    data: Path = Path("/var/lib/faultline/store")
    """Folder of the state store, the embedded metrics store and the flow archive."""
    metrics: MetricsKind = MetricsKind.SQLITE
    """sqlite (embedded) or influx."""
    influx: InfluxConfig = attrs.field(factory=InfluxConfig)
    """Used when `metrics` is influx."""
    retention: RetentionConfig = attrs.field(factory=RetentionConfig)
    """How long what is kept."""
    durable: bool = True
    """False: nothing is forced to the disk; for simulations only, a power cut would cost acknowledged batches."""

    @property
    def state_file(self) -> Path:
        """The state store."""
        return self.data / "state.db"

    @property
    def metrics_file(self) -> Path:
        """The embedded metrics store."""
        return self.data / "metrics.db"

    @property
    def archive_folder(self) -> Path:
        """The flow archive."""
        return self.data / "flows"
