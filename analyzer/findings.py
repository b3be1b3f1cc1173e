"""Findings of one step, joined into faults as people see them.

Goes in: entries of a verdict with the lines they touch. Comes out: groups that share no component with each other. Knows
nothing of time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from faultline.records.incident import Base, base_of
from faultline.records.terms import LineCode, Mode, TenantId


@attrs.frozen(slots=True, kw_only=True)
class Finding:
    """One entry of a verdict with what the inventory adds."""

    verdict: Mapping[str, Any]
    """A `faultline-verdict/1` entry."""
    onset_ns: int
    last_ns: int | None = None
    """End of the newest window that speaks for it; None: it cannot be dated."""
    lines: frozenset[LineCode] = frozenset()
    tenants: frozenset[TenantId] = frozenset()
    shadow: bool = False
    """Only on lines that are still being learned."""

    @property
    def bases(self) -> frozenset[Base]:
        """Reported components without directions."""
        return frozenset(base_of(c) for c in self.verdict["components"])


@attrs.frozen(slots=True, kw_only=True)
class Group:
    """Findings that share a component: one fault to people."""

    findings: tuple[Finding, ...]

    @property
    def lead(self) -> Mapping[str, Any]:
        """The most certain entry."""
        return self.findings[0].verdict

    @property
    def bases(self) -> frozenset[Base]:
        """All components without directions."""
        return frozenset().union(*(finding.bases for finding in self.findings))

    @property
    def lines(self) -> frozenset[LineCode]:
        """Lines that cross any of them."""
        return frozenset().union(*(finding.lines for finding in self.findings))

    @property
    def tenants(self) -> frozenset[TenantId]:
        """Whose lines they are."""
        return frozenset().union(*(finding.tenants for finding in self.findings))

    @property
    def onset_ns(self) -> int:
        """The earliest beginning among them."""
        return min(finding.onset_ns for finding in self.findings)

    @property
    def planned(self) -> bool:
        """Whether every finding lies in a declared maintenance window."""
        return all(bool(finding.verdict.get("planned")) for finding in self.findings)

    @property
    def informational(self) -> bool:
        """Whether it only tells of something that is nobody's fault: a route that changed."""
        return all(finding.verdict["mode"] == Mode.ROUTE for finding in self.findings)

    @property
    def shadow(self) -> bool:
        """Whether it is only on lines that are still being learned."""
        return all(finding.shadow for finding in self.findings)

    @property
    def quiet(self) -> bool:
        """Whether it is written down and nobody is told."""
        return self.planned or self.informational or self.shadow

    @property
    def last_ns(self) -> int | None:
        """The newest sign of any of them; None where one cannot be dated."""
        dated = [finding.last_ns for finding in self.findings]
        return None if None in dated else max(last_ns for last_ns in dated if last_ns is not None)

    def since(self, onset_ns: int) -> Group:
        """The same fault with an earlier beginning."""
        first, *others = self.findings
        return Group(findings=(attrs.evolve(first, onset_ns=onset_ns), *others))


def group_document(group: Group) -> dict[str, Any]:
    """As JSON values, so that a restart can go on with it."""
    return {
        "findings": [
            {
                "verdict": dict(finding.verdict),
                "onset_ns": finding.onset_ns,
                **({} if finding.last_ns is None else {"last_ns": finding.last_ns}),
                "lines": sorted(finding.lines),
                "tenants": sorted(finding.tenants),
                **({"shadow": True} if finding.shadow else {}),
            }
            for finding in group.findings
        ]
    }


def group_from_document(document: Mapping[str, Any]) -> Group:
    """Read it back."""
    return Group(
        findings=tuple(
            Finding(
                verdict=entry["verdict"],
                onset_ns=entry["onset_ns"],
                last_ns=entry.get("last_ns"),
                lines=frozenset(map(LineCode, entry["lines"])),
                tenants=frozenset(map(TenantId, entry["tenants"])),
                shadow=entry.get("shadow", False),
            )
            for entry in document["findings"]
        )
    )


def grouped(findings: Sequence[Finding]) -> list[Group]:
    """Findings joined wherever they share a component, the most certain first in each group and among the groups."""
    groups: list[list[Finding]] = []
    for finding in sorted(findings, key=lambda f: (-float(f.verdict["confidence"]), tuple(map(str, f.verdict["components"])))):
        touching = [g for g in groups if any(member.bases & finding.bases for member in g)]
        if not touching:
            groups.append([finding])
            continue
        first, *others = touching
        for other in others:
            first.extend(other)
            groups.remove(other)
        first.append(finding)
    return [Group(findings=tuple(group)) for group in groups]


def same_headline(one: Group, other: Group) -> bool:
    """Whether two steps' groups say the same to people: owner, mode, planned or not, and a common place."""
    return (
        one.lead["owner"] == other.lead["owner"]
        and one.lead["mode"] == other.lead["mode"]
        and one.planned == other.planned
        and bool(one.bases & other.bases)
    )
