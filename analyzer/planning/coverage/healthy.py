"""The evidence of a healthy network: what probes that stand where the inventory says would measure while nothing is wrong.

Goes in: the inventory, how many test packets a second. Comes out: `faultline-evidence/1`, assembled as real measurements are:
every session's packets came back, every capture saw traffic both ways without a loss, every dial was answered. Paths are the
declared ones; of equal paths a flow takes the one it was traced on, and without a trace each is equally likely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from faultline.inference.observations import assemble
from faultline.inference.observations_routes import TracedRoute
from faultline.inventory import Inventory, TestSession
from faultline.inventory.lines import IN_USE
from faultline.records.histogram import Histogram
from faultline.records.points import FieldValue
from faultline.records.terms import SECOND_NS, Direction

SPAN_S = 300
"""Five minutes: how long a fault may last before somebody rings."""
_SEGMENTS = 1000
_DIALS = 60


@attrs.frozen(slots=True, kw_only=True)
class Measured:
    """A roll-up row of a healthy time."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, FieldValue]
    histograms: Mapping[str, Histogram] = attrs.field(factory=dict)


@attrs.frozen(slots=True, kw_only=True)
class Traced:
    """Routes that flows were seen on."""

    routes: Sequence[TracedRoute] = ()
    at_ns: int = 0
    """The time of which they tell."""


def healthy(inventory: Inventory, *, rate: float, traced: Traced | None = None) -> dict[str, Any]:
    """Evidence of all lines in use: sessions, captures and dial tests."""
    rows = [*tests(inventory, inventory.sessions.values(), rate=rate), *_captures(inventory), *_dials(inventory)]
    return _assembled(inventory, rows, traced or Traced())


def tested(inventory: Inventory, sessions: Iterable[TestSession], *, rate: float) -> dict[str, Any]:
    """Evidence of these sessions alone."""
    return _assembled(inventory, tests(inventory, sessions, rate=rate), Traced())


def tests(inventory: Inventory, sessions: Iterable[TestSession], *, rate: float) -> Iterator[Measured]:
    """What sessions on lines in use count. Those of full-size packets ask for sizes, not for losses."""
    sent = round(rate * SPAN_S)
    fields = {"sent": sent, "received": sent, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": 0}
    for session in sessions:
        if inventory.lines[session.line].state in IN_USE and not session.is_full_size:
            yield Measured(measurement="session", tags={"line": session.line, "session": session.id}, fields=fields)


def _captures(inventory: Inventory) -> Iterator[Measured]:
    for vantage in inventory.vantages.values():
        for code in vantage.positions if vantage.observation_point is not None else ():
            if inventory.lines[code].state in IN_USE:
                for direction in Direction:
                    tags = {"line": code, "vantage": vantage.id, "direction": direction.value}
                    yield Measured(measurement="line_quality", tags=tags, fields={"tcp_segments": _SEGMENTS})


def _dials(inventory: Inventory) -> Iterator[Measured]:
    for dial in inventory.dials.values():
        if inventory.lines[dial.line].state in IN_USE:
            fields = {"scheduled": _DIALS, "done": _DIALS}
            yield Measured(measurement="dial", tags={"line": dial.line, "dial": dial.id}, fields=fields)


def _assembled(inventory: Inventory, rows: Iterable[Measured], traced: Traced) -> dict[str, Any]:
    window = (traced.at_ns - SPAN_S * SECOND_NS, traced.at_ns) if traced.routes else (0, SPAN_S * SECOND_NS)
    return assemble(
        rows=rows, inventory=inventory, window=window, usual=_nothing_usual, distributions=False, traced=traced.routes
    )


def _nothing_usual(**_: str) -> None:
    """No baseline: what is asked here is counts alone."""
