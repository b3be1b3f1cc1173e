"""Events told by devices and people in the state store: what was said lately, and of each thing the newest that was said.

Goes in: events as receivers made them, in any order. Comes out: events of a span of time, and states. The same event again, and
the same state said again within a minute, is counted with the first and not kept twice. An event that is older than what is known
already is kept, and changes no state: a clear that comes before its raise wins. What an event proves is not known here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

import attrs

from faultline.records.device_event import DeviceEvent, DeviceEventId, EventSource
from faultline.records.terms import SECOND_NS, ComponentId, TenantId
from faultline.store.state import StateStore

FOLD_NS = 60 * SECOND_NS
"""A state that is said again within this of the last time is the same saying: many devices repeat an alarm while it stands."""
MOST_TEXT = 1000
"""Characters of a text that are kept."""


class Appended(StrEnum):
    """What became of an event."""

    NEW = "new"
    REPEATED = "repeated"
    """Known already, or the same state said again: counted with the first."""
    LATE = "late"
    """Kept, but something newer is known of the same thing."""


@attrs.frozen(slots=True, kw_only=True)
class DeviceState:
    """The newest that was said of one thing."""

    event: DeviceEvent
    """What said so last."""
    since_ns: int
    """When what it says began to be so; an event that says the same again does not move it."""
    repeats: int
    """How often it was said since."""


_EVENT = "id, source, sender, place, component, name, raised, told_ns, received_ns, tenant, text"
_OF_ONE = "sender = ? AND place = ? AND name = ?"


class DeviceEventBook:
    """Over a state store."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def append(self, events: Iterable[DeviceEvent], *, beside: Callable[[], None] | None = None) -> list[Appended]:
        """Keep events, durably on return; tells of each what became of it.

        Args:
            events: in the order they came.
            beside: what else belongs into the same transaction.
        """
        with self._state.transaction() as db:
            outcomes = [_append(db, attrs.evolve(event, text=event.text[:MOST_TEXT])) for event in events]
            if beside is not None:
                beside()
        return outcomes

    def between(
        self,
        start_ns: int,
        end_ns: int,
        *,
        component: ComponentId | None = None,
        placed: bool = False,
        newest: int | None = None,
    ) -> list[DeviceEvent]:
        """Events that happened in [start_ns, end_ns), by time.

        Args:
            start_ns: from here on.
            end_ns: before this.
            component: of this one alone.
            placed: only what has a component: a device that nobody declared must not push out the others.
            newest: at most so many, the last ones.
        """
        with self._state.reading() as db:
            rows = db.execute(
                f"SELECT {_EVENT} FROM device_events WHERE happened_ns >= ?1 AND happened_ns < ?2"  # noqa: S608 - constants
                " AND (?3 IS NULL OR component = ?3) AND (component IS NOT NULL OR NOT ?4)"
                " ORDER BY happened_ns DESC, received_ns DESC, id LIMIT ?5",
                (start_ns, end_ns, component, placed, -1 if newest is None else newest),
            ).fetchall()
        return [_event(row) for row in reversed(rows)]

    def states(self, *, raised: bool | None = None, placed: bool = False) -> list[DeviceState]:
        """The newest of everything that was ever said, by sender, place and name.

        Args:
            raised: only what is so, or is no more.
            placed: only what has a component.
        """
        with self._state.reading() as db:
            rows = db.execute(
                f"SELECT {_EVENT}, since_ns, repeats FROM device_states"  # noqa: S608 - constants
                " WHERE (?1 IS NULL OR raised = ?1) AND (component IS NOT NULL OR NOT ?2) ORDER BY sender, place, name",
                (raised, placed),
            ).fetchall()
        return [_state(row) for row in rows]

    def forget_before(self, received_ns: int, *, most: int | None = None) -> None:
        """Forget events heard before a moment, and beyond `most` the oldest. What stands raised at a component stays known."""
        with self._state.transaction() as db:
            # What was heard before then also happened before then, and for that there is an index.
            db.execute("DELETE FROM device_events WHERE happened_ns < ?1 AND received_ns < ?1", (received_ns,))
            db.execute("DELETE FROM device_states WHERE received_ns < ? AND (raised = 0 OR component IS NULL)", (received_ns,))
            if most is not None:
                db.execute(
                    "DELETE FROM device_events WHERE id IN"
                    " (SELECT id FROM device_events ORDER BY happened_ns DESC, received_ns DESC, id LIMIT -1 OFFSET ?)",
                    (most,),
                )
                # Whoever may speak can think up places without end; what has a component is bounded by the inventory.
                db.execute(
                    "DELETE FROM device_states WHERE component IS NULL AND received_ns <="
                    " (SELECT received_ns FROM device_states WHERE component IS NULL ORDER BY received_ns DESC LIMIT 1 OFFSET ?)",
                    (most,),
                )


def _append(db: sqlite3.Connection, event: DeviceEvent) -> Appended:
    if db.execute("SELECT 1 FROM device_events WHERE id = ?", (event.id,)).fetchone():
        return Appended.REPEATED
    row = db.execute(f"SELECT {_EVENT}, since_ns, repeats FROM device_states WHERE {_OF_ONE}", event.key).fetchone()  # noqa: S608
    known = _state(row) if row else None
    if known is not None and known.event.raised == event.raised and _is_repeat(event, known.event):
        _keep_state(db, _said_again(known, event))
        return Appended.REPEATED
    db.execute(
        f"INSERT INTO device_events ({_EVENT}, happened_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (*_row(event), event.happened_ns),
    )
    if known is None:
        _keep_state(db, DeviceState(event=event, since_ns=event.happened_ns, repeats=0))
        return Appended.NEW
    if known.event.raised == event.raised:
        _keep_state(db, _said_again(known, event))
        return Appended.NEW
    if not event.is_newer_than(known.event):
        return Appended.LATE
    _keep_state(db, DeviceState(event=event, since_ns=event.happened_ns, repeats=0))
    return Appended.NEW


def _is_repeat(event: DeviceEvent, known: DeviceEvent) -> bool:
    return event.component == known.component and abs(event.happened_ns - known.happened_ns) <= FOLD_NS


def _said_again(known: DeviceState, event: DeviceEvent) -> DeviceState:
    """The same is still so; the newer of the two said so last, and the older began it."""
    return DeviceState(
        event=event if event.is_newer_than(known.event) else known.event,
        since_ns=known.since_ns,
        repeats=known.repeats + 1,
    )


def _keep_state(db: sqlite3.Connection, state: DeviceState) -> None:
    db.execute(
        f"INSERT OR REPLACE INTO device_states ({_EVENT}, since_ns, repeats)"  # noqa: S608 - constants
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*_row(state.event), state.since_ns, state.repeats),
    )


def _row(event: DeviceEvent) -> tuple[str | int | None, ...]:
    return (
        event.id,
        event.source.value,
        event.sender,
        event.place,
        event.component,
        event.name,
        event.raised,
        event.told_ns,
        event.received_ns,
        event.tenant,
        event.text,
    )


def _event(row: Sequence[str | int | None]) -> DeviceEvent:
    component, told_ns = row[4], row[7]
    return DeviceEvent(
        id=DeviceEventId(str(row[0])),
        source=EventSource(str(row[1])),
        sender=str(row[2]),
        place=str(row[3]),
        component=None if component is None else ComponentId(str(component)),
        name=str(row[5]),
        raised=bool(row[6]),
        told_ns=None if told_ns is None else int(told_ns),
        received_ns=int(row[8] or 0),
        tenant=TenantId(str(row[9])),
        text=str(row[10]),
    )


def _state(row: Sequence[str | int | None]) -> DeviceState:
    return DeviceState(event=_event(row[:11]), since_ns=int(row[11] or 0), repeats=int(row[12] or 0))
