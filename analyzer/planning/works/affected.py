"""Whom a piece of work hits: the lines, whether their backups take over, the services behind them, what else is planned then.

Goes in: the inventory, what is worked on, and when. Comes out: an `Impact`. Pure; it knows neither words nor files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import attrs

from faultline.inventory import Freeze, Inventory, Line, PlannedWork
from faultline.inventory.endpoints import HOSTS
from faultline.inventory.extent import everything_on, with_parts
from faultline.inventory.lines import IN_USE
from faultline.records.incident import Base
from faultline.records.terms import LineCode


class Effect(StrEnum):
    """What the work does to a line."""

    INTERRUPTED = "interrupted"
    """Its packets cross what is worked on, and nothing else is there to take them."""
    DIVERTED = "diverted"
    """One of several equal paths is worked on: its flows move to the others."""
    SERVICES = "services"
    """The line is up; services behind it are not."""


@attrs.frozen(slots=True, kw_only=True)
class Period:
    """When."""

    start_ns: int
    end_ns: int | None = None
    """None: not known yet; the moment of the start is what is looked at."""

    def overlaps(self, other: PlannedWork | Freeze) -> bool:
        """Whether the two have a moment in common."""
        end_ns = self.start_ns + 1 if self.end_ns is None else self.end_ns
        return other.start_ns < end_ns and self.start_ns < other.end_ns


@attrs.frozen(slots=True, kw_only=True)
class Backup:
    """The other line of a pair, while the work lasts."""

    line: Line
    shared: tuple[Base, ...] = ()
    """What is worked on and is on both: the backup goes down, too."""
    at_work: PlannedWork | None = None
    """Another window, at the same time, that takes the backup down."""

    @property
    def takes_over(self) -> bool:
        """Whether it is up while the work lasts."""
        return not self.shared and self.at_work is None


@attrs.frozen(slots=True, kw_only=True)
class Hit:
    """A line that the work hits."""

    line: Line
    effect: Effect
    services: tuple[Base, ...] = ()
    """Services, servers and resolvers that cannot be reached over the line."""
    backups: tuple[Backup, ...] = ()


@attrs.frozen(slots=True, kw_only=True)
class Impact:
    """What a piece of work does."""

    named: tuple[Base, ...]
    period: Period
    hits: tuple[Hit, ...]
    """In the order of customers and codes."""
    works: tuple[PlannedWork, ...]
    """Other windows of the same time, on these lines or their backups."""
    freezes: tuple[Freeze, ...]
    """Freezes of the same time, of these lines."""


def impact(inventory: Inventory, named: Sequence[str], period: Period) -> Impact:
    """What work on components, or on everything in a site, does in that time."""
    worked_on = spread(inventory, named)
    others = [work for work in inventory.planned if period.overlaps(work) and not _is_itself(work, named, period)]
    pairs = _pairs(inventory)
    hits = [hit for line in inventory.lines.values() if (hit := _hit(inventory, line, worked_on, pairs, others)) is not None]
    hits.sort(key=lambda hit: (hit.line.customer, hit.line.code))
    concerned = [line for hit in hits for line in (hit.line, *(backup.line for backup in hit.backups))]
    return Impact(
        named=tuple(Base(name) for name in named),
        period=period,
        hits=tuple(hits),
        works=tuple(work for work in others if _hits_any(inventory, work, concerned)),
        freezes=tuple(freeze for freeze in inventory.freezes if period.overlaps(freeze) and freeze.holds_for_any(concerned)),
    )


def spread(inventory: Inventory, named: Iterable[str]) -> frozenset[Base]:
    """Everything that work on these works on: of a bundle its members, of a server its services, of a site all that is in it."""
    names = set(named)
    sites = names & inventory.sites.keys()
    inside = [component.id for component in inventory.components.values() if component.site in sites] if sites else []
    return frozenset(part for base in [*names, *inside] for part in with_parts(Base(base), inventory.components))


def effect_on(inventory: Inventory, line: Line, worked_on: frozenset[Base]) -> Effect | None:
    """What work on these does to a line; None: nothing."""
    diverted = False
    for base in line.path:
        if base in worked_on:
            return Effect.INTERRUPTED
        paths = inventory.components[base].paths
        broken = [not worked_on.isdisjoint(path) for path in paths]
        if paths and all(broken):
            return Effect.INTERRUPTED
        diverted = diverted or any(broken)
    if not worked_on.isdisjoint(_behind(inventory, line)):
        return Effect.SERVICES
    return Effect.DIVERTED if diverted else None


def _pairs(inventory: Inventory) -> dict[LineCode, list[LineCode]]:
    """Line → the other lines of its pairs, whichever of them names the other."""
    found: dict[LineCode, dict[LineCode, None]] = {}
    for line in inventory.lines.values():
        if line.backup is not None:
            found.setdefault(line.code, {})[line.backup] = None
            found.setdefault(line.backup, {})[line.code] = None
    return {code: list(others) for code, others in found.items()}


def _hit(
    inventory: Inventory,
    line: Line,
    worked_on: frozenset[Base],
    pairs: dict[LineCode, list[LineCode]],
    others: Sequence[PlannedWork],
) -> Hit | None:
    if line.state not in IN_USE:
        return None
    effect = effect_on(inventory, line, worked_on)
    if effect is None:
        return None
    behind = _behind(inventory, line)
    gone = behind if effect is Effect.INTERRUPTED else [base for base in behind if base in worked_on]
    backups = []
    if effect is not Effect.DIVERTED:
        backups = [_backup(inventory, inventory.lines[code], line, worked_on, others) for code in pairs.get(line.code, ())]
    return Hit(line=line, effect=effect, services=tuple(gone), backups=tuple(backups))


def _backup(inventory: Inventory, backup: Line, line: Line, worked_on: frozenset[Base], others: Sequence[PlannedWork]) -> Backup:
    shared: tuple[Base, ...] = ()
    if effect_on(inventory, backup, worked_on) is Effect.INTERRUPTED:
        both = everything_on(backup, inventory.components).keys() & worked_on
        mine = everything_on(line, inventory.components)
        shared = tuple(base for base in mine if base in both) or tuple(sorted(both))
    at_work = next(
        (work for work in others if effect_on(inventory, backup, spread(inventory, work.components)) is Effect.INTERRUPTED), None
    )
    return Backup(line=backup, shared=shared, at_work=at_work)


def _behind(inventory: Inventory, line: Line) -> list[Base]:
    """What is used over the line: the services of its hosts, and hosts without services of their own."""
    return list(dict.fromkeys(_used(inventory, line)))


def _used(inventory: Inventory, line: Line) -> Iterator[Base]:
    for base in (*line.a_end.hosts, *line.path, *line.z_end.hosts):
        component = inventory.components[base]
        if component.hosts:
            yield from (Base(service) for service in component.hosts)
        elif component.kind in HOSTS:
            yield base


def _is_itself(work: PlannedWork, named: Sequence[str], period: Period) -> bool:
    return set(work.components) == set(named) and (work.start_ns, work.end_ns) == (period.start_ns, period.end_ns)


def _hits_any(inventory: Inventory, work: PlannedWork, lines: Iterable[Line]) -> bool:
    worked_on = spread(inventory, work.components)
    return any(effect_on(inventory, line, worked_on) is not None for line in lines)
