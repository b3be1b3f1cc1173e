"""What traced routes tell against a declaration, in words.

Goes in: signs, and which traces tell them. Comes out: doubts with what to do. How signs are found is `routes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

import attrs

from analyzer.planning.doubt import Doubt, Doubtful, Spot, some
from faultline.inventory import Inventory, Line
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, LineCode, TenantId, TraceId

_ANSWERS = frozenset({ComponentKind.DEVICE, ComponentKind.SERVER})
"""What answers traces."""


class Told(StrEnum):
    """What a route says against a declaration."""

    ELSEWHERE = "elsewhere"
    OUTSIDE = "outside"
    ORDER = "order"
    SKIPPED = "skipped"
    INSTEAD = "instead"
    MIXED = "mixed"
    UNDECLARED = "undeclared"


@attrs.frozen(slots=True, kw_only=True)
class Sign:
    """One thing that one route tells."""

    told: Told
    names: tuple[str, ...]
    """Components, or an address, that it is about."""
    strangers: tuple[str, ...] = ()
    """Addresses, or components of other lines, that answered in their place."""
    after: Base | None = None
    """Element of the path that answered on the A side of it; None: nothing."""
    before: Base | None = None
    """Element of the path that answered on the Z side of it; None: nothing."""


Signs = Mapping[LineCode, Mapping[Sign, Mapping[TraceId, int]]]
"""By line: what is told, and by how many flows of which traces."""


def contradiction(inventory: Inventory, line: Line, sign: Sign, traces: Mapping[TraceId, int]) -> Doubt:
    """What is declared and is not so."""
    flows = sum(traces.values())
    seen = f"{flows} traced {'flow' if flows == 1 else 'flows'} of {some(sorted(traces))}"
    at = Spot(section="lines", name=line.code, key="path")
    first, *others = sign.names
    names, strangers = ", ".join(sign.names), ", ".join(sign.strangers)
    match sign.told:
        case Told.ELSEWHERE:
            text = f"{line.code} is declared not to cross {first}, and {first} answered to {seen}"
            remedy = f"put {first} where it is on the path, or correct its `addresses`"
        case Told.OUTSIDE:
            text = f"{first} is declared beyond the ends of a trace on {line.code}, and it answered in between, to {seen}"
            remedy = f"correct the path, or where the vantages of {some(sorted(traces))} are"
        case Told.ORDER:
            declared = ", ".join(sorted(sign.names, key=lambda name: line.path.index(Base(name))))
            text = f"{line.code} is declared to cross {declared}, and they answered in the order {names}, to {seen}"
            remedy = "correct the order of the path, or their `addresses`"
        case Told.SKIPPED:
            text = f"{line.code} is declared to cross {names} {_between(sign)}, and nothing is there, by {seen}"
            remedy = f"take {names} out of the path, or give the line the way that it takes"
        case Told.INSTEAD:
            text = f"{line.code} is declared to cross {names} {_between(sign)}, and {strangers} answered there, to {seen}"
            remedy = _instead(inventory, sign)
        case Told.MIXED:
            text = f"no way of {first} has {' and '.join(others)} together, and they answered to the same flow, by {seen}"
            remedy, at = "add that way to its `paths`", Spot(section="components", name=first, key="paths")
        case Told.UNDECLARED:
            raise ValueError("a router nobody has declared contradicts nothing")
    subjects = (line.code, *sign.names)
    return Doubt(what=Doubtful.CONTRADICTED_PATH, subjects=subjects, text=text, remedy=remedy, at=at)


def undeclared(inventory: Inventory, signs: Signs) -> Iterator[Doubt]:
    """Routers that answer and are in no file, each once, with all the lines they are on."""
    found: dict[tuple[TenantId, str], dict[LineCode, Sign]] = {}
    for code, of_line in signs.items():
        for sign in of_line:
            if sign.told is Told.UNDECLARED:
                found.setdefault((inventory.lines[code].tenant, sign.names[0]), {}).setdefault(code, sign)
    for (_, address), lines in found.items():
        first = next(iter(lines))
        likely = _likely(inventory, inventory.lines[first], lines[first])
        yield Doubt(
            what=Doubtful.UNDECLARED_ROUTER,
            subjects=(address, *lines),
            text=f"{address} answers {_between(lines[first])} on {some(lines)}, and nobody has declared it",
            remedy=f"add it to the `addresses` of what it is{likely}, or declare a device there",
            at=Spot(section="lines", name=first, key="path"),
        )


def shared(inventory: Inventory, signs: Signs) -> Iterator[Doubt]:
    """Routers that nobody has declared and that both lines of a pair cross."""
    crossed = {code: _strangers(inventory, of_line) for code, of_line in signs.items()}
    told: set[frozenset[LineCode]] = set()
    for code, strangers in crossed.items():
        backup = inventory.lines[code].backup
        both = [address for address in strangers if backup is not None and address in crossed.get(backup, {})]
        if backup is None or not both or frozenset((code, backup)) in told:
            continue
        told.add(frozenset((code, backup)))
        yield Doubt(
            what=Doubtful.SHARED_ROUTE,
            subjects=(code, backup),
            text=f"{code} and its backup {backup} both cross {some(both)}, which nobody has declared: one fault takes both",
            remedy="have one of them routed elsewhere, and declare what they share",
            at=Spot(section="lines", name=code, key="backup"),
        )


def _strangers(inventory: Inventory, signs: Mapping[Sign, object]) -> dict[str, None]:
    """Addresses of nobody that answered."""
    named = [name for sign in signs for name in (sign.names if sign.told is Told.UNDECLARED else sign.strangers)]
    return {name: None for name in named if Base(name) not in inventory.components}


def _instead(inventory: Inventory, sign: Sign) -> str:
    names, strangers = ", ".join(sign.names), ", ".join(sign.strangers)
    if any(inventory.components[Base(name)].paths for name in sign.names):
        return f"add the way over {strangers} to the `paths` of {names}"
    if all(Base(name) in inventory.components for name in sign.strangers):
        return f"put {strangers} in the place of {names}, or correct their `addresses`"
    return f"add {strangers} to the `addresses` of {names}, or declare what stands there instead"


def _between(sign: Sign) -> str:
    if sign.after is not None and sign.before is not None:
        return f"between {sign.after} and {sign.before}"
    if sign.before is not None:
        return f"before {sign.before}"
    return f"after {sign.after}" if sign.after is not None else "where nothing else answers"


def _likely(inventory: Inventory, line: Line, sign: Sign) -> str:
    """What declared there may answer by that address."""
    low = line.path.index(sign.after) if sign.after in line.path else -1
    high = line.path.index(sign.before) if sign.before in line.path else len(line.path)
    there = [base for base in line.path[low + 1 : high] if inventory.components[base].kind in _ANSWERS]
    return f" ({some(there)}?)" if there else ""
