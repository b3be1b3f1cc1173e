"""A small alarm server, written from the interface's table and not from the client: for tests.

| octets | what |
|---|---|
| 2 | FF FF |
| 1 | type: 0 alarm, 1/2 login and its answer, 3/4 sync by number, 8/9 heartbeat, 10 close |
| 4 | Unix seconds, big endian |
| 2 | length of the body, big endian |
| n | body: UTF-8; JSON for alarms, `name;key=value;...` for the rest |
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from typing import Any

ALARM, LOGIN, LOGIN_ACK, SYNC, SYNC_ACK, HEARTBEAT, HEARTBEAT_ACK, CLOSE = 0, 1, 2, 3, 4, 8, 9, 10


def frame(kind: int, body: str) -> bytes:
    """By the table."""
    text = body.encode("utf-8")
    return b"\xff\xff" + bytes([kind]) + int(time.time()).to_bytes(4, "big") + len(text).to_bytes(2, "big") + text


def read_frame(opened: socket.socket) -> tuple[int, str] | None:
    """The next frame, or the end."""
    head = _exactly(opened, 9)
    if head is None:
        return None
    assert head[:2] == b"\xff\xff", head
    body = _exactly(opened, int.from_bytes(head[7:9], "big"))
    return None if body is None else (head[2], body.decode("utf-8"))


def _exactly(opened: socket.socket, count: int) -> bytes | None:
    found = b""
    while len(found) < count:
        more = opened.recv(count - len(found))
        if not more:
            return None
        found += more
    return found


class AlarmServer:
    """Keeps every alarm with its number; tells those that are new to whoever is logged in, and those of before when asked."""

    def __init__(self, *, user: str = "fl", key: str = "k3y", keeps_from: int = 0) -> None:
        self._user = user
        self._key = key
        self._keeps_from = keeps_from
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.alarms: list[dict[str, Any]] = []
        self.said: list[tuple[int, str]] = []
        """Everything that clients sent."""
        self._client: socket.socket | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def raise_alarm(self, *, silently: bool = False, **fields: Any) -> None:
        """A new alarm; silently: its client will have to ask for it."""
        with self._lock:
            alarm = {"alarmSeq": len(self.alarms) + 1, **fields}
            self.alarms.append(alarm)
            if self._client is not None and not silently:
                self._client.sendall(frame(ALARM, json.dumps(alarm, ensure_ascii=False)))

    def hang_up(self, *, politely: bool = False) -> None:
        """End the present connection."""
        with self._lock:
            if self._client is not None:
                if politely:
                    self._client.sendall(frame(CLOSE, "closeConnAlarm"))
                with contextlib.suppress(OSError):  # it went first
                    self._client.shutdown(socket.SHUT_RDWR)
                self._client = None

    def stop(self) -> None:
        """Listen no more."""
        self.hang_up()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # a close alone would leave the accept waiting
        self._listening.close()

    @property
    def has_client(self) -> bool:
        """Whether somebody is logged in."""
        with self._lock:
            return self._client is not None

    def _serve(self) -> None:
        while True:
            try:
                opened, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(opened,), daemon=True).start()

    def _talk(self, opened: socket.socket) -> None:
        try:
            while (got := read_frame(opened)) is not None:
                self.said.append(got)
                self._answer(opened, *got)
        except OSError:
            pass
        finally:
            opened.close()

    def _answer(self, opened: socket.socket, kind: int, body: str) -> None:
        values = dict(part.split("=", 1) for part in body.split(";")[1:])
        with self._lock:
            if kind == LOGIN:
                right = (values["user"], values["key"], values["type"]) == (self._user, self._key, "msg")
                opened.sendall(
                    frame(LOGIN_ACK, f"ackLoginAlarm;result={'succ' if right else 'fail'};resDesc={'' if right else 'no'}")
                )
                self._client = opened if right else None
            elif kind == SYNC:
                first = int(values["alarmSeq"])
                kept = first > self._keeps_from
                opened.sendall(frame(SYNC_ACK, f"ackSyncAlarmMsg;reqId={values['reqId']};result={'succ' if kept else 'fail'}"))
                for alarm in self.alarms[first - 1 :] if kept else []:
                    opened.sendall(frame(ALARM, json.dumps(alarm, ensure_ascii=False)))
            elif kind == HEARTBEAT:
                opened.sendall(frame(HEARTBEAT_ACK, f"ackHeartBeat;reqId={values['reqId']}"))
