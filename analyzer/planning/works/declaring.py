"""What is declared, checked against the inventory: a window, a freeze, the time an impact is asked for.

Goes in: the inventory and what a person wrote, by command, over the interface or on the page. Comes out: records. It writes
nothing and prints nothing; every refusal is an `UnusableError` with what to do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, tzinfo

import attrs

from analyzer.planning.works.affected import Impact, Period, impact, spread
from analyzer.planning.works.listed import Clocks
from analyzer.planning.works.times import UnusableError, instant_ns
from analyzer.planning.works.windows import components_of, reference, zone_of
from faultline.inventory import Freeze, Inventory, PlannedWork
from faultline.inventory.problems import meant
from faultline.records.incident import Base
from faultline.records.terms import LineCode, TenantId


class FrozenError(Exception):
    """Lines are frozen while the work is to be done."""

    def __init__(self, freezes: Sequence[Freeze]) -> None:
        first = freezes[0]
        super().__init__(f"lines are frozen then{f': {first.reason}' if first.reason else ''} ({reference(first)})")
        self.freezes = tuple(freezes)


@attrs.frozen(slots=True, kw_only=True)
class Window:
    """Work that is to be declared."""

    work: PlannedWork
    zone: tzinfo
    """The clock its times are written in."""
    impact: Impact
    known: bool
    """It is declared already."""


def window(inventory: Inventory, names: Sequence[str], start: str, end: str, *, reason: str, despite_freeze: bool) -> Window:
    """A window as a person writes it.

    Raises:
        UnusableError: a name or a time means nothing, or the end is not after the start.
        FrozenError: lines it hits are frozen then.
    """
    named = components_of(inventory, names)
    tz = Clocks(inventory).of(named)
    start_ns, end_ns = instants(start, end, tz)
    work = PlannedWork(components=named, start_ns=start_ns, end_ns=end_ns, reason=plain(reason))
    found = impact(inventory, named, Period(start_ns=start_ns, end_ns=end_ns))
    refuse_frozen(found, despite_freeze=despite_freeze)
    known = reference(work) in {reference(one) for one in inventory.planned}
    return Window(work=work, zone=tz or UTC, impact=found, known=known)


def refuse_frozen(found: Impact, *, despite_freeze: bool) -> None:
    """Whoever insists may.

    Raises:
        FrozenError: lines it hits are frozen then.
    """
    if found.freezes and not despite_freeze:
        raise FrozenError(found.freezes)


def freeze(
    inventory: Inventory, start: str, end: str, *, tenants: Collection[str], lines: Collection[str], reason: str
) -> tuple[Freeze, tzinfo]:
    """A freeze as a person writes it, and the clock its times are written in.

    Raises:
        UnusableError: a name or a time means nothing, or the end is not after the start.
    """
    for names, known, what in ((tenants, inventory.tenants, "tenant"), (lines, inventory.lines, "line")):
        for name in names:
            if name not in known:
                raise UnusableError(f"no {what} {name!r}", meant(name, known, otherwise="correct the name"))
    theirs = {code for code, found in inventory.lines.items() if code in lines or found.tenant in tenants}
    tz = zone_of(inventory, theirs)
    start_ns, end_ns = instants(start, end, tz)
    made = Freeze(
        start_ns=start_ns,
        end_ns=end_ns,
        reason=plain(reason),
        tenants=tuple(TenantId(name) for name in tenants),
        lines=tuple(LineCode(name) for name in lines),
    )
    return made, tz or UTC


def period(
    inventory: Inventory, named: Sequence[Base], at: str | None, to: str | None, *, now_ns: int
) -> tuple[PlannedWork | None, Period]:
    """The declared window that is meant, and the time to look at.

    Args:
        inventory: with the declared windows.
        named: what is worked on.
        at: the declared window of that moment; None: the one under way, or the next.
        to: with `at` the end of a window that is not declared yet.
        now_ns: wall time.

    Raises:
        UnusableError: a time means nothing.
    """
    worked_on = spread(inventory, named)
    theirs = [work for work in inventory.planned if not worked_on.isdisjoint(spread(inventory, work.components))]
    if at is None:
        if to is not None:
            raise UnusableError("an end without a beginning", "say when the work begins, too")
        moment_ns = now_ns
        meant_window = min((work for work in theirs if work.end_ns > now_ns), key=lambda work: work.start_ns, default=None)
    else:
        tz = Clocks(inventory).of(named)
        if to is not None:
            start_ns, end_ns = instants(at, to, tz)
            return None, Period(start_ns=start_ns, end_ns=end_ns)
        moment_ns = instant_ns(at, tz)
        meant_window = next((work for work in theirs if work.start_ns <= moment_ns < work.end_ns), None)
    if meant_window is None:
        return None, Period(start_ns=moment_ns)
    return meant_window, Period(start_ns=meant_window.start_ns, end_ns=meant_window.end_ns)


def instants(start: str, end: str, tz: tzinfo | None) -> tuple[int, int]:
    """Two times in their order.

    Raises:
        UnusableError: one of them is none, or they are the other way round.
    """
    start_ns, end_ns = instant_ns(start, tz), instant_ns(end, tz)
    if end_ns <= start_ns:
        raise UnusableError(f"{end} is not after {start}", "swap them, or correct the date")
    return start_ns, end_ns


def plain(text: str) -> str:
    """In one line, as the file wants it."""
    return " ".join(text.split())
