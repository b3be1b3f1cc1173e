"""What is allowed in an inventory and looks wrong all the same: told as warnings, never refused.

Goes in: an inventory that can be used. Comes out: doubts, each with what to do. Knows nothing of what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.planning.doubt import Doubt, Doubtful, Spot, in_order
from analyzer.planning.works.affected import Period, impact
from analyzer.planning.works.windows import reference
from faultline.inventory import GroupKind, Inventory, Line, Vantage
from faultline.inventory.extent import everything_on
from faultline.inventory.lines import IN_USE
from faultline.records.incident import Base
from faultline.records.terms import Owner, VantageId

_THE_CUSTOMERS = frozenset({Owner.CUSTOMER, Owner.DESTINATION})
"""Both lines of a pair end at the same places: what stands there is shared by nature."""


def doubts(inventory: Inventory, now_ns: int) -> list[Doubt]:
    """Everything doubtful; windows only while they are to come."""
    return in_order([*_pairs(inventory), *_networks(inventory), *_vantages(inventory), *_windows(inventory, now_ns)])


def _pairs(inventory: Inventory) -> Iterator[Doubt]:
    """Pairs whose lines meet between their ends: one fault takes both."""
    seen: set[frozenset[str]] = set()
    for line in inventory.lines.values():
        if line.backup is None or frozenset((line.code, line.backup)) in seen:
            continue
        seen.add(frozenset((line.code, line.backup)))
        other = inventory.lines[line.backup]
        shared = shared_route(inventory, line, other)
        if shared:
            yield Doubt(
                what=Doubtful.SHARED_ROUTE,
                subjects=(line.code, other.code),
                text=f"{line.code} and its backup {other.code} share {', '.join(shared)}: one fault takes both",
                remedy="have one of them routed elsewhere, or correct its path",
                at=Spot(section="lines", name=line.code, key="backup"),
            )


def shared_route(inventory: Inventory, line: Line, other: Line) -> list[str]:
    """What both lines cross between the customer's ends, and buildings of the carrier that both go through."""
    theirs = everything_on(other, inventory.components)
    mine = [base for base in everything_on(line, inventory.components) if not _is_the_customers(inventory, base)]
    both = [str(base) for base in mine if base in theirs]
    elsewhere = {
        inventory.components[base].site for base in theirs if not _is_the_customers(inventory, base) and base not in both
    }
    sites = [inventory.components[base].site for base in mine if base not in both]
    return both + [f"site {site}" for site in dict.fromkeys(sites) if site is not None and site in elsewhere]


def _is_the_customers(inventory: Inventory, base: Base) -> bool:
    return inventory.components[base].owner in _THE_CUSTOMERS


def _networks(inventory: Inventory) -> Iterator[Doubt]:
    """Lines of one tenant between the same two networks that are neither pair nor bundle: whose traffic it is cannot be told."""
    bundles = [frozenset(group.lines) for group in inventory.groups.values() if group.kind is GroupKind.BUNDLE]
    joined: dict[tuple[str, frozenset[str]], list[Line]] = {}
    for line in inventory.lines.values():
        if line.state in IN_USE:
            for one in line.a_end.prefixes:
                for other in line.z_end.prefixes:
                    joined.setdefault((line.tenant, frozenset((one, other))), []).append(line)
    for (_, networks), lines in joined.items():
        codes = sorted({line.code for line in lines})
        if len(codes) > 1 and not _are_paired(lines) and not any(bundle.issuperset(codes) for bundle in bundles):
            yield Doubt(
                what=Doubtful.SAME_NETWORKS,
                subjects=tuple(codes),
                text=f"{', '.join(codes)} all join {' and '.join(sorted(networks))}",
                remedy="narrow the prefixes, name the one as the other's `backup`, or make them a bundle",
                at=Spot(section="lines", name=codes[-1]),
            )


def _are_paired(lines: Sequence[Line]) -> bool:
    """Whether these are the two lines of one pair."""
    codes = {line.code for line in lines}
    return len(codes) == 2 and any(line.backup in codes for line in lines)  # noqa: PLR2004 - a pair


def _vantages(inventory: Inventory) -> Iterator[Doubt]:
    """Vantages that see nothing: no line in use, or neither capture nor test."""
    busy: set[VantageId | None] = {end for session in inventory.sessions.values() for end in (session.sender, session.reflector)}
    busy |= {dial.sender for dial in inventory.dials.values()}
    busy |= {end for trace in inventory.traces.values() for end in (trace.sender, trace.target)}
    for vantage in inventory.vantages.values():
        lines = [inventory.lines[code] for code in vantage.positions]
        if not any(line.state in IN_USE for line in lines):
            states = ", ".join(f"{line.code} is {line.state}" for line in lines[:3])
            text = f"vantage {vantage.id} sees no line in use: {states}"
            yield _of_vantage(vantage, Doubtful.BLIND_VANTAGE, text, "give it lines to look at, or remove it")
        elif vantage.observation_point is None and vantage.id not in busy:
            text = f"vantage {vantage.id} captures nothing and takes part in no test"
            yield _of_vantage(vantage, Doubtful.IDLE_VANTAGE, text, "give it an observation_point or a session, or remove it")


def _of_vantage(vantage: Vantage, what: Doubtful, text: str, remedy: str) -> Doubt:
    at = Spot(section="vantages", name=vantage.id, key="positions")
    return Doubt(what=what, subjects=(vantage.id,), text=text, remedy=remedy, at=at)


def _windows(inventory: Inventory, now_ns: int) -> Iterator[Doubt]:
    """Windows to come on lines that are frozen then."""
    for number, work in enumerate(inventory.planned if inventory.freezes else ()):
        if work.end_ns <= now_ns:
            continue
        period = Period(start_ns=work.start_ns, end_ns=work.end_ns)
        frozen = impact(inventory, work.components, period).freezes
        if frozen:
            reasons = ", ".join(freeze.reason or reference(freeze) for freeze in frozen)
            text = f"window {reference(work)} on {', '.join(work.components)} is on lines that are frozen then ({reasons})"
            remedy = "move it: `faultline plan list` shows both"
            at = Spot(section="planned", name=str(number), key="start")
            yield Doubt(what=Doubtful.FROZEN_WINDOW, subjects=(reference(work),), text=text, remedy=remedy, at=at)
