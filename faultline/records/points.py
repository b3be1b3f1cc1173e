"""Roll-up rows as every store keeps them: one point per measurement, level, tenant, tag set and window."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from faultline.records.terms import Level, TenantId

FieldValue = int | float | str


@attrs.frozen(slots=True, kw_only=True)
class Point:
    """One row. Writing the same identity again replaces every field (absolutes, never increments)."""

    measurement: str
    level: Level
    tenant: TenantId
    tags: Mapping[str, str]
    time_ns: int
    """Start of the window, Unix epoch UTC."""
    fields: Mapping[str, FieldValue]
    """Absent is a missing key, never 0 or -1."""

    @property
    def identity(self) -> tuple[str, Level, TenantId, tuple[tuple[str, str], ...], int]:
        """What makes two writes the same row."""
        return (self.measurement, self.level, self.tenant, tuple(sorted(self.tags.items())), self.time_ns)
