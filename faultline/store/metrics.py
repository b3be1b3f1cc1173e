"""The one interface of metrics stores, and what can go wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from faultline.records.points import Point
from faultline.records.terms import Level, TenantId


class MetricsUnavailableError(Exception):
    """The store cannot be reached or cannot work now; the same call may succeed later."""


@attrs.frozen(slots=True, kw_only=True)
class Refused:
    """A point the store will never take."""

    point: Point
    reason: str
    expired: bool = False
    """True: older than the store keeps, nothing is wrong with it."""


class MetricsStore(Protocol):
    """Roll-ups by measurement, level, tenant, tags and window; writing an identity again replaces its fields."""

    def write(self, points: Sequence[Point]) -> Sequence[Refused]:
        """Keep points, durably on return; gives those that it refuses, the others are kept.

        Raises:
            MetricsUnavailableError: none or some were kept; writing all again is harmless.
        """

    def read(
        self,
        measurement: str,
        level: Level,
        start_ns: int,
        end_ns: int,
        *,
        tenant: TenantId | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[Point]:
        """Points with time in [start_ns, end_ns), by time, tenant and tags; tags given must all match.

        Without a tenant every tenant's; but nothing of what is private to tenants: there a tenant has to be named.

        Raises:
            SchemaError: there is no such measurement or tag.
            MetricsUnavailableError: the store does not answer.
        """

    def expire(self, now_ns: int) -> None:
        """Drop what is beyond retention, where the store does not do so itself."""

    def close(self) -> None:
        """Let go of files and connections."""
