"""What a person may set about the spool."""

from __future__ import annotations

import attrs


@attrs.frozen(slots=True, kw_only=True)
class SpoolConfig:
    """How much a probe keeps while the collector is away.

    Beyond it the oldest batches go: flows first, then measurements, then events.
    """

    max_octets: int = attrs.field(default=1 << 30, validator=attrs.validators.ge(1 << 20))
    """Octets of all batches together."""
    max_age_s: float = attrs.field(default=7 * 86400.0, validator=attrs.validators.gt(0))
    """Seconds a batch may wait."""
