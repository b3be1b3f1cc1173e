"""Evidence as records: components and observations, ids replaced by positions in the list of components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from faultline.records.terms import ComponentKind, Owner


@attrs.frozen(slots=True, kw_only=True)
class Component:
    """A candidate for the blame; each direction of a segment is one."""

    id: str | int
    kind: ComponentKind
    owner: Owner
    site: str | int | None = None
    reverse: int | None = None
    """Position of the other direction."""
    hosts: tuple[int, ...] = ()
    """For a server: positions of its services."""
    implied: bool = False
    """Not listed: a probe or a route that an observation names, so that what it may explain is not blamed on the network."""


@attrs.frozen(slots=True, kw_only=True)
class Path:
    """A slice of components in the packets' direction, with the share of packets that took it."""

    via: tuple[int, ...]
    weight: float


@attrs.frozen(slots=True, kw_only=True)
class Quality:
    """What is known against the number itself."""

    capture_loss_ratio: float = 0.0
    one_sided_ratio: float = 0.0
    clock_error_us: float = 0.0
    suspect_ratio: float = 0.0
    gap_seconds: float = 0.0
    late_us: float = 0.0
    """By how much what was timed may be too long, because the host that timed it was starved."""


NO_QUALITY = Quality()
"""Nothing is known against it."""


@attrs.frozen(slots=True, kw_only=True)
class Baseline:
    """What the same view looks like when healthy."""

    n: float
    median_us: float
    mad_us: float
    """Median absolute deviation, unscaled."""
    min_us: float | None = None
    p90_us: float | None = None


@attrs.frozen(slots=True, kw_only=True)
class _Any:
    number: int
    """Position in the document."""
    raw: Mapping[str, Any]
    """As the document has it."""
    quality: Quality


@attrs.frozen(slots=True, kw_only=True)
class Loss(_Any):
    """Packets sent into a path and not seen at its end."""

    paths: tuple[Path, ...]
    round_trip: bool
    source: str
    sent: float
    lost: float
    background: float | None
    burst: float | None
    """Mean length of a run of losses when healthy, from history."""
    size: float | None


@attrs.frozen(slots=True, kw_only=True)
class Delay(_Any):
    """Delay of a path beside its baseline."""

    paths: tuple[Path, ...]
    round_trip: bool
    passive: bool
    n: float
    min_us: float | None
    median_us: float | None
    p90_us: float | None
    baseline: Baseline | None


@attrs.frozen(slots=True, kw_only=True)
class Failure(_Any):
    """Requests that failed."""

    paths: tuple[Path, ...]
    endpoint: int | None
    protocol: str
    attempts: float
    failed: float
    leak: float | None
    outcome: str | None


@attrs.frozen(slots=True, kw_only=True)
class Response(_Any):
    """The time to an answer: the server's own, and the way there and back from where it was seen, when `paths` say so."""

    paths: tuple[Path, ...] = ()
    endpoint: int | None
    n: float
    median_us: float
    baseline: Baseline | None


@attrs.frozen(slots=True, kw_only=True)
class ZeroWindow(_Any):
    """Time a receiver kept its window closed."""

    endpoint: int | None
    seconds: float
    closed_seconds: float


@attrs.frozen(slots=True, kw_only=True)
class Told(_Any):
    """A counter that was polled, or what a device or a person said."""

    component: int | None
    name: str
    raised: bool
    sensitivity: float | None
    false_positive_rate: float | None


@attrs.frozen(slots=True, kw_only=True)
class Mtu(_Any):
    """Packets of one size that must not be fragmented."""

    paths: tuple[Path, ...]
    size: float
    sent: float
    lost: float


@attrs.frozen(slots=True, kw_only=True)
class Silence(_Any):
    """Reports of a probe that did not come."""

    paths: tuple[Path, ...] = ()
    """The way of the reports, where it is the network that is looked at."""
    probe: str | int
    probe_component: int | None
    site: str | int | None
    site_component: int | None
    expected: float
    missed: float


@attrs.frozen(slots=True, kw_only=True)
class RouteChange(_Any):
    """The path between two places is another one now."""

    start: str
    end: str
    components: tuple[int, ...]
    changed: tuple[int, ...] = ()
    """What only one of the two routes crosses, where that is known."""


Observation = Loss | Delay | Failure | Response | ZeroWindow | Told | Mtu | Silence | RouteChange


@attrs.frozen(slots=True, kw_only=True)
class Evidence:
    """A checked document."""

    seconds: float
    """Length of the window."""
    components: tuple[Component, ...]
    fault_rates: Mapping[ComponentKind, float]
    """Given by the document, per component-hour."""
    expected_faults: float | None
    maintenance: frozenset[int]
    observations: tuple[Observation, ...]
    skipped: Mapping[str, int]
    """What lenient reading left out, by kind of observation; `component` for those."""
    mistakes: tuple[str, ...] = ()
    """The first reasons why."""
