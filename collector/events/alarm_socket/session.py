"""One session of the alarm socket without a socket: login, heartbeats, alarms, and what was missed asked for by its number.

Goes in: octets and the time. Comes out: octets to send, alarms in the order they came, and the number up to which none is
missing. Alarms have numbers without gaps: a jump asks for those between, once; what the server cannot give is counted as lost and
left behind. A number that starts again at a low one is another life of the server's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs

from collector.events.alarm_socket.frames import Frame, FrameError, Frames, FrameType, encoded
from faultline.records.terms import SECOND_NS

HEARTBEAT_NS = 60 * SECOND_NS
SILENCE_NS = 180 * SECOND_NS
"""A server that says nothing for so long is gone."""
SYNC_NS = 120 * SECOND_NS
"""What is still missing so long after it was asked for does not come any more."""
MOST_AHEAD = 20_000
"""Alarms beyond a gap whose numbers are remembered; with more of them the gap is given up."""
_SUCCESS = "succ"


class End(StrEnum):
    """Why a session is over."""

    REFUSED = "login_refused"
    CLOSED = "closed_by_server"
    SILENT = "silent"
    PROTOCOL = "protocol_error"


@attrs.frozen(slots=True, kw_only=True)
class Alarm:
    """An alarm as it came."""

    seq: int | None
    document: Mapping[str, Any]


@attrs.define(slots=True, kw_only=True)
class Turn:
    """What came of octets, or of time."""

    send: bytes = b""
    alarms: list[Alarm] = attrs.field(factory=list)
    malformed: int = 0
    lost: int = 0
    """Alarms that were missed, and that the server does not have any more."""
    end: End | None = None
    detail: str = ""


class Session:
    """From login to end.

    Args:
        user: account at the server.
        key: its secret.
        cursor: the number up to which every alarm is known; None: nothing is known, and nothing is asked for.
        now_ns: the beginning.
    """

    def __init__(self, *, user: str, key: str, cursor: int | None, now_ns: int) -> None:
        self._user = user
        self._key = key
        self.cursor = cursor
        self.is_logged_in = False
        self._frames = Frames()
        self._heard_ns = now_ns
        self._beat_ns = now_ns
        self._request = 0
        self._ahead: set[int] = set()
        self._asked_ns: int | None = None

    def login(self, now_ns: int) -> bytes:
        """The first octets to send."""
        return encoded(FrameType.LOGIN, f"reqLoginAlarm;user={self._user};key={self._key};type=msg", now_s=now_ns // SECOND_NS)

    def receive(self, octets: bytes, now_ns: int) -> Turn:
        """What octets of the server mean."""
        turn = Turn()
        self._heard_ns = now_ns
        try:
            for frame in self._frames.feed(octets):
                self._take(frame, turn, now_ns)
                if turn.end is not None:
                    break
        except FrameError as error:
            turn.end, turn.detail = End.PROTOCOL, str(error)
        return turn

    def expire(self, now_ns: int) -> Turn:
        """What the time means; called about once a second."""
        turn = Turn()
        if now_ns - self._heard_ns >= SILENCE_NS:
            turn.end = End.SILENT
            return turn
        if self.is_logged_in and now_ns - self._beat_ns >= HEARTBEAT_NS:
            self._beat_ns = now_ns
            turn.send += self._frame(FrameType.HEARTBEAT, f"reqHeartBeat;reqId={self._next_request()}", now_ns)
        if self._asked_ns is not None and now_ns - self._asked_ns >= SYNC_NS:
            turn.lost += self._give_up()
        return turn

    def _take(self, frame: Frame, turn: Turn, now_ns: int) -> None:
        if frame.type == FrameType.ALARM:
            self._take_alarm(frame, turn, now_ns)
        elif frame.type == FrameType.LOGIN_ACK:
            self._take_login(frame, turn, now_ns)
        elif frame.type == FrameType.SYNC_ACK:
            if not _succeeded(frame):
                turn.lost += self._give_up()
        elif frame.type == FrameType.HEARTBEAT:
            turn.send += self._frame(FrameType.HEARTBEAT_ACK, f"ackHeartBeat;reqId={frame.values.get('reqId', '')}", now_ns)
        elif frame.type == FrameType.CLOSE:
            turn.end = End.CLOSED
        elif frame.type not in {FrameType.HEARTBEAT_ACK, FrameType.SYNC_FILE_ACK, FrameType.SYNC_FILE_RESULT}:
            turn.end, turn.detail = End.PROTOCOL, f"a frame of type {frame.type}"

    def _take_login(self, frame: Frame, turn: Turn, now_ns: int) -> None:
        if not _succeeded(frame):
            turn.end, turn.detail = End.REFUSED, frame.values.get("resDesc", "")
            return
        self.is_logged_in = True
        self._beat_ns = now_ns
        if self.cursor is not None:
            turn.send += self._ask_from(self.cursor + 1, now_ns)

    def _take_alarm(self, frame: Frame, turn: Turn, now_ns: int) -> None:
        try:
            document = json.loads(frame.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            turn.malformed += 1
            return
        seq = _number(document.get("alarmSeq"))
        turn.alarms.append(Alarm(seq=seq, document=document))
        if seq is not None:
            self._advance(seq, turn, now_ns)

    def _advance(self, seq: int, turn: Turn, now_ns: int) -> None:
        if self.cursor is None:
            self.cursor = seq
        elif seq > self.cursor:
            self._ahead.add(seq)
            self._close_up()
            if self._ahead and self._asked_ns is None:
                turn.send += self._ask_from(self.cursor + 1, now_ns)
            elif len(self._ahead) > MOST_AHEAD:
                turn.lost += self._give_up()
        elif seq < self.cursor and self._asked_ns is None:
            self.cursor = seq  # nothing was asked for again: the server counts anew

    def _close_up(self) -> None:
        """Go on to the first number that is missing; when none is, nothing is asked for any more."""
        while self.cursor is not None and self.cursor + 1 in self._ahead:
            self.cursor += 1
            self._ahead.remove(self.cursor)
        if not self._ahead:
            self._asked_ns = None

    def _ask_from(self, seq: int, now_ns: int) -> bytes:
        self._asked_ns = now_ns
        return self._frame(FrameType.SYNC, f"reqSyncAlarmMsg;reqId={self._next_request()};alarmSeq={seq}", now_ns)

    def _give_up(self) -> int:
        """Leave behind what is missing; gives how many that were."""
        self._asked_ns = None
        if self.cursor is None or not self._ahead:
            return 0
        lost = max(self._ahead) - self.cursor - len(self._ahead)
        self.cursor = max(self._ahead)
        self._ahead.clear()
        return lost

    def _next_request(self) -> int:
        self._request += 1
        return self._request

    @staticmethod
    def _frame(kind: FrameType, body: str, now_ns: int) -> bytes:
        return encoded(kind, body, now_s=now_ns // SECOND_NS)


def _succeeded(frame: Frame) -> bool:
    return frame.values.get("result", _SUCCESS).casefold().startswith(_SUCCESS)


def _number(value: object) -> int | None:
    """A number of an alarm, also as text; bounded, because a cursor is kept."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:  # noqa: PLR2004 - 63 bits
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 1 << 62 else None
