"""The inventory in the analyzer's terms: each line's card, path, vantages and zone, and which lines cross a component."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo

import attrs

from faultline.records.incident import Base
from faultline.records.terms import LineCode, TenantId
from faultline.reports.material import LineCard, PathElement, PathVantage
from faultline.reports.numbers import zone


@attrs.frozen(slots=True, kw_only=True)
class LineFacts:
    """One line."""

    card: LineCard
    tenant: TenantId
    path: tuple[PathElement, ...]
    vantages: tuple[PathVantage, ...] = ()
    from_z: frozenset[str] = frozenset()
    """Sessions whose sender is the one nearer to Z."""

    @property
    def bases(self) -> frozenset[Base]:
        """Components of the line."""
        return frozenset(element.base for element in self.path)


@attrs.frozen(slots=True, kw_only=True)
class Network:
    """All lines the inventory names."""

    lines: Mapping[LineCode, LineFacts]

    def lines_of(self, bases: Iterable[Base]) -> dict[LineCode, TenantId]:
        """Lines that cross any of the components, with their tenants."""
        wanted = frozenset(bases)
        return {code: facts.tenant for code, facts in self.lines.items() if not facts.bases.isdisjoint(wanted)}

    def bases_of(self, line: LineCode) -> frozenset[Base]:
        """Components of a line; empty when it is not known."""
        facts = self.lines.get(line)
        return facts.bases if facts else frozenset()

    def zones(self) -> dict[LineCode, tzinfo]:
        """Each line's time zone."""
        return {code: zone(facts.card.time_zone) for code, facts in self.lines.items()}

    def names(self) -> dict[str, str]:
        """Names of all components."""
        return {str(e.base): e.name for facts in self.lines.values() for e in facts.path}
