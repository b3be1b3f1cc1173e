"""The inventory as enrichment needs it. The only module here that knows how `faultline.inventory` names things."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from collector.enrich.places import Directory, LinePlace, VantagePlace
from faultline import inventory
from faultline.records.terms import LineCode, SessionId, TenantId, VantageId


class LineEnd(Protocol):
    """An end of a line."""

    @property
    def prefixes(self) -> Iterable[Any]:
        """Networks behind it, as text or as `ipaddress` networks."""


class Line(Protocol):
    """A line."""

    @property
    def code(self) -> LineCode:
        """Its code."""

    @property
    def tenant(self) -> TenantId:
        """Whose it is."""

    @property
    def a_end(self) -> LineEnd:
        """Its A end."""

    @property
    def z_end(self) -> LineEnd:
        """Its Z end."""


class LinePosition(Protocol):
    """Where a vantage is on a line."""

    @property
    def line(self) -> LineCode:
        """The line."""


class Vantage(Protocol):
    """A vantage."""

    @property
    def id(self) -> VantageId:
        """Its id."""

    @property
    def probe(self) -> str | None:
        """The probe it belongs to."""

    @property
    def observation_point(self) -> str | None:
        """What that probe calls it."""

    @property
    def positions(self) -> Mapping[LineCode, Any] | Iterable[LinePosition]:
        """Where it is on each line it sees."""


class TestSession(Protocol):
    """An active test session."""

    @property
    def id(self) -> SessionId:
        """Its id."""

    @property
    def line(self) -> LineCode:
        """The line it tests."""


class Inventory(Protocol):
    """What `faultline.inventory.read` gives, as far as the collector looks at it; each a mapping by id or a sequence."""

    @property
    def lines(self) -> Mapping[Any, Line] | Iterable[Line]:
        """All lines."""

    @property
    def vantages(self) -> Mapping[Any, Vantage] | Iterable[Vantage]:
        """All vantages."""

    @property
    def sessions(self) -> Mapping[Any, TestSession] | Iterable[TestSession]:
        """All sessions."""


def read_places(path: Path) -> Directory:
    """The places of an inventory file.

    Raises:
        CommandError: the file cannot be used; the message names every mistake.
    """
    room: Any = inventory
    found: Inventory = room.read(path)
    return places_of(found)


def places_of(found: Inventory) -> Directory:
    """The places of an inventory."""
    return Directory(
        lines=[
            LinePlace(
                code=line.code,
                tenant=line.tenant,
                a_prefixes=tuple(map(str, line.a_end.prefixes)),
                z_prefixes=tuple(map(str, line.z_end.prefixes)),
            )
            for line in _each(found.lines)
        ],
        vantages=[
            VantagePlace(
                id=vantage.id,
                probe=vantage.probe,
                observation_point=vantage.observation_point,
                lines=_lines_of(vantage.positions),
            )
            for vantage in _each(found.vantages)
            if vantage.probe is not None and vantage.observation_point is not None
        ],
        sessions={session.id: session.line for session in _each(found.sessions)},
    )


def _each(things: Mapping[Any, Any] | Iterable[Any]) -> Iterable[Any]:
    return things.values() if isinstance(things, Mapping) else things


def _lines_of(positions: Mapping[LineCode, Any] | Iterable[LinePosition]) -> frozenset[LineCode]:
    return frozenset(positions) if isinstance(positions, Mapping) else frozenset(position.line for position in positions)
