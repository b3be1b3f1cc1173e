"""The connection to an alarm socket: it stays connected, with back-off, and writes what comes with the number it came up to.

Events and the number are one transaction: after a crash the server is asked from there, and nothing is told twice or missed.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Sequence

from collector.events.alarm_socket.reading import AlarmReader, NotAnEventError
from collector.events.alarm_socket.session import Alarm, Session, Turn
from collector.events.desk import EventDesk
from faultline.records.device_event import DeviceEvent
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from faultline.runtime.status import Address
from faultline.store.state import StateStore

_CONNECT_S = 10.0
_TURN_S = 1.0
_READ_OCTETS = 65_536
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


class AlarmClient:
    """A component: one server, one thread.

    Args:
        name: of the server.
        address: where it is.
        user: account there.
        key: its secret.
        reader: from alarms to events.
        desk: where events go.
        state: where the number is kept.
        clock: real time.
        counters: of the service.
        pause_s: before the first try again; it doubles up to a minute.
    """

    def __init__(
        self,
        *,
        name: str,
        address: Address,
        user: str,
        key: str,
        reader: AlarmReader,
        desk: EventDesk,
        state: StateStore,
        clock: Clock,
        counters: Counters,
        pause_s: float = _FIRST_PAUSE_S,
    ) -> None:
        self._name = name
        self._address = address
        self._user = user
        self._key = key
        self._reader = reader
        self._desk = desk
        self._state = state
        self._clock = clock
        self._counters = counters
        self._first_pause_s = pause_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = logger("events")
        self.problem: str | None = None
        """Why nothing is heard; None while the session stands."""

    def start(self) -> None:
        """Connect, now and whenever it is lost."""
        self._thread = threading.Thread(target=self._run, name=f"alarms-{self._name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the connection."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        pause_s = self._first_pause_s
        while not self._stopping.is_set():
            was_in = False
            try:
                with socket.create_connection((self._address.host, self._address.port), timeout=_CONNECT_S) as opened:
                    was_in = self._converse(opened)
            except OSError as error:
                self._lost(error.strerror or str(error))
            except Exception as error:  # noqa: BLE001 - a full disk: the alarms of now are asked for again
                self._log.error("alarms not kept", server=self._name, exc_info=True)
                self._lost(f"{type(error).__name__}: {error}")
            pause_s = self._first_pause_s if was_in else min(pause_s * 2, _LONGEST_PAUSE_S)
            self._stopping.wait(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - so that collectors do not come back at once

    def _converse(self, opened: socket.socket) -> bool:
        """One session, to its end; gives whether the login was taken."""
        session = Session(user=self._user, key=self._key, cursor=self._cursor(), now_ns=self._clock.wall_ns())
        opened.settimeout(_TURN_S)
        opened.sendall(session.login(self._clock.wall_ns()))
        while not self._stopping.is_set():
            turn = session.expire(self._clock.wall_ns())
            if turn.end is None:
                turn = self._settled(turn, session, opened)
                with contextlib.suppress(TimeoutError):
                    octets = opened.recv(_READ_OCTETS)
                    if not octets:
                        raise ConnectionResetError("closed")
                    turn = self._settled(session.receive(octets, self._clock.wall_ns()), session, opened)
            if turn.end is not None:
                self._lost(f"{turn.end.value} {turn.detail}".strip())
                break
            if session.is_logged_in and self.problem is not None:
                self._log.info("alarms are heard again", server=self._name)
                self.problem = None
        return session.is_logged_in

    def _settled(self, turn: Turn, session: Session, opened: socket.socket) -> Turn:
        """Write what a turn brought, then answer."""
        if turn.malformed:
            self._desk.refuse_whole("malformed", turn.malformed)
        if turn.lost:
            self._counters.count("events_alarms_lost", turn.lost, server=self._name)
            self._log.warning("alarms that were missed are gone", server=self._name, count=turn.lost)
        if turn.alarms or turn.lost:
            self._write(turn.alarms, session.cursor)
        if turn.send:
            opened.sendall(turn.send)
        return turn

    def _write(self, alarms: Sequence[Alarm], cursor: int | None) -> None:
        now_ns, events = self._clock.wall_ns(), list[DeviceEvent]()
        for alarm in alarms:
            try:
                found = self._reader.event_of(alarm.document, whereabouts=self._desk.whereabouts, now_ns=now_ns)
            except NotAnEventError as error:
                self._desk.refuse_whole(str(error))
            else:
                events.append(found)
        self._desk.write(events, beside=self._keep_cursor(cursor))

    def _keep_cursor(self, cursor: int | None) -> Callable[[], None]:
        def keep() -> None:
            if cursor is not None:
                self._state.put_fact(self._fact, str(cursor))

        return keep

    def _cursor(self) -> int | None:
        known = self._state.fact(self._fact)
        return None if known is None else int(known)

    @property
    def _fact(self) -> str:
        return f"alarm_socket/{self._name}"

    def _lost(self, why: str) -> None:
        if self.problem is None:
            self._log.warning("alarms are not heard", server=self._name, why=why)
        self._counters.count("events_alarm_sessions_ended", server=self._name)
        self.problem = f"alarm socket {self._name}: {why}"
