"""The whole comparison: traced routes, addresses, vantages, and what the vantages that do see cannot tell apart.

Goes in: the inventory, the folder of the stores. Comes out: doubts. Reads beside a running collector; the metrics store is not
asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs

from analyzer.planning.coverage.healthy import Traced
from analyzer.planning.coverage.lines import Coverage
from analyzer.planning.doubt import Doubt, Doubtful, Spot, some
from analyzer.planning.measured.addresses import address_doubts, on_several_lines
from analyzer.planning.measured.routes import route_doubts
from analyzer.planning.measured.seen import Seen
from analyzer.planning.measured.vantages import Sight
from faultline.inventory import Inventory
from faultline.records.terms import SECOND_NS, Level, VantageId
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.store.archive import FlowArchive
from faultline.store.config import StoreConfig
from faultline.store.disk import SystemDisk
from faultline.store.state import StateStore
from faultline.store.traces import TraceBook, TracedRoute
from faultline.store.windows import WindowBook

TRACED_NS = 3600 * SECOND_NS
"""Routes traced longer ago than this before the newest window are yesterday's."""


@attrs.frozen(slots=True, kw_only=True)
class Measured:
    """What a comparison found."""

    start_ns: int
    end_ns: int
    """The windows that were looked at."""
    windows: int
    routes: int
    """Traced flows that were compared."""
    doubts: tuple[Doubt, ...]

    def document(self) -> dict[str, Any]:
        """As `--json` prints it, without the doubts."""
        return {"start_ns": self.start_ns, "end_ns": self.end_ns, "windows": self.windows, "routes": self.routes}


def compare(inventory: Inventory, folder: Path, *, windows: int, rate: float) -> Measured:
    """Compare an inventory with what was measured.

    Args:
        inventory: what is declared.
        folder: of the stores (`store.data`).
        windows: how many of the newest windows of 10 s to look at.
        rate: test packets a second of each session.

    Raises:
        CommandError: there is no store, or nothing in it.
    """
    config = StoreConfig(data=folder)
    if not config.state_file.exists():
        hint = "name the folder that the collector's configuration calls store.data: --store FOLDER"
        raise CommandError(f"no store in {folder}", hint=hint, code=BAD_USAGE)
    with closing(StateStore(config.state_file)) as state:
        book = WindowBook(state)
        found = book.final(Level.TEN_SECONDS, newest=windows)
        if not found:
            hint = "is the collector running, and do probes report?"
            raise CommandError(f"nothing was measured yet: {folder} has no window", hint=hint, code=BAD_USAGE)
        start_ns, end_ns = found[0].start_ns, found[-1].end_ns
        routes = TraceBook(state).routes(since_ns=end_ns - TRACED_NS)
        sight = Sight(inventory, Seen.read(book, start_ns=start_ns, end_ns=end_ns))
        archive = FlowArchive(config.archive_folder, state=state, disk=SystemDisk())
        several = on_several_lines(archive, start_ns=start_ns, end_ns=end_ns)
    doubts = [
        *route_doubts(inventory, routes),
        *address_doubts(inventory, several),
        *sight.doubts(),
        *inseparable(Coverage(without(inventory, sight.silent()), rate=rate, traced=_as_they_are(routes, end_ns))),
    ]
    return Measured(start_ns=start_ns, end_ns=end_ns, windows=len(found), routes=len(routes), doubts=tuple(doubts))


def without(inventory: Inventory, silent: frozenset[VantageId]) -> Inventory:
    """The inventory as if vantages that see nothing were not there."""

    def kept(entries: Mapping[Any, Any], *ends: str) -> dict[Any, Any]:
        return {key: one for key, one in entries.items() if silent.isdisjoint(getattr(one, end) for end in ends)}

    return attrs.evolve(
        inventory,
        vantages={name: vantage for name, vantage in inventory.vantages.items() if name not in silent},
        sessions=kept(inventory.sessions, "sender", "reflector"),
        dials=kept(inventory.dials, "sender"),
        traces=kept(inventory.traces, "sender", "target"),
    )


def _as_they_are(routes: Iterable[TracedRoute], now_ns: int) -> Traced:
    """Routes without the ones before them: what changed is no means of telling segments apart."""
    return Traced(routes=[attrs.evolve(route, previous=None, previous_ns=None) for route in routes], at_ns=now_ns)


def inseparable(coverage: Coverage) -> Iterator[Doubt]:
    """Segments that no probe can tell apart, a doubt a line; what nothing looks at is among them."""
    for found in coverage.lines():
        groups = [*found.mixed, *(members for members in found.classes if members not in found.mixed)]
        parts = [f"{', '.join(element.base for element in members)} cannot be told apart" for members in groups]
        parts += [f"nothing looks at {some(found.unseen)}"] if found.unseen else []
        if parts:
            owners = "one owner each" if found.tells_owners else "of several owners"
            yield Doubt(
                what=Doubtful.INSEPARABLE,
                subjects=(found.line.code,),
                text=f"{found.line.code}: {'; '.join(parts)} ({owners})",
                remedy=f"`faultline inventory coverage {found.line.code}` names the vantage that would help most",
                at=Spot(section="lines", name=found.line.code, key="path"),
            )
