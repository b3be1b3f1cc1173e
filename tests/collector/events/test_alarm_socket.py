"""The alarm socket as its client: a session turn by turn, and against a small server written from the interface's table."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.events.alarm_socket.client import AlarmClient
from collector.events.alarm_socket.frames import MOST_BODY, Frame, FrameError, Frames, FrameType, encoded
from collector.events.alarm_socket.reading import AlarmFields, AlarmReader, NotAnEventError
from collector.events.alarm_socket.session import HEARTBEAT_NS, SILENCE_NS, SYNC_NS, End, Session, Turn
from collector.events.desk import EventDesk
from collector.events.reading import Reader
from collector.events.rules import built_in
from faultline import inventory
from faultline.inventory.told import Whereabouts
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import SystemClock
from faultline.runtime.counters import Counters
from faultline.runtime.status import Address
from faultline.store.device_events import DeviceEventBook
from faultline.store.state import StateStore
from tests.analyzer.notify.conftest import wait_until
from tests.collector.events.alarm_server import HEARTBEAT, LOGIN, SYNC, AlarmServer
from tests.collector.events.conftest import INVENTORY, NOW_NS

READER = Reader(built_in())
WHERE = Whereabouts(inventory.parse(INVENTORY, "inventory"))
LOS = {
    "alarmTitle": "R_LOS",
    "alarmStatus": 1,
    "eventTime": "2027-01-15 08:00:00",
    "neName": "pe",
    "objectName": "pe/GigabitEthernet0/0/1",
}
LOGGED_IN = encoded(FrameType.LOGIN_ACK, "ackLoginAlarm;result=succ;resDesc=", now_s=0)


def alarm(seq: int | str | None = None, **changes: Any) -> bytes:
    """An alarm's frame."""
    document = {**LOS, **({} if seq is None else {"alarmSeq": seq}), **changes}
    return encoded(FrameType.ALARM, json.dumps(document, ensure_ascii=False), now_s=0)


def frames_of(octets: bytes) -> list[Frame]:
    """What was sent."""
    return list(Frames().feed(octets))


def make_session(cursor: int | None = None, *, logged_in: bool = True) -> Session:
    """A session that has begun."""
    session = Session(user="fl", key="k3y", cursor=cursor, now_ns=NOW_NS)
    if logged_in:
        session.receive(LOGGED_IN, NOW_NS)
    return session


def seqs(turn: Turn) -> list[int | None]:
    """Numbers of the alarms of a turn."""
    return [one.seq for one in turn.alarms]


# ---- frames
def test_a_frame_is_as_the_table_says() -> None:
    """Octet by octet."""
    assert encoded(FrameType.LOGIN, "a端", now_s=0x01020304) == b"\xff\xff\x01\x01\x02\x03\x04\x00\x04a\xe7\xab\xaf"
    with pytest.raises(FrameError):
        encoded(FrameType.ALARM, "x" * (MOST_BODY + 1), now_s=0)


@given(st.lists(st.text(max_size=30), max_size=5), st.integers(1, 7))
def test_frames_come_out_however_they_were_cut(bodies: list[str], step: int) -> None:
    """In pieces of any size."""
    stream = b"".join(encoded(FrameType.ALARM, body, now_s=7) for body in bodies)
    frames, found = Frames(), list[Frame]()
    for at in range(0, len(stream), step):
        found += frames.feed(stream[at : at + step])
    assert [frame.body for frame in found] == bodies


@given(st.lists(st.binary(max_size=40), max_size=6), st.sampled_from([None, 3]))
def test_no_octets_of_a_server_do_harm(pieces: list[bytes], cursor: int | None) -> None:
    """At worst the session ends."""
    session = make_session(cursor)
    for piece in pieces:
        session.receive(piece, NOW_NS)
        session.receive(b"\xff\xff" + piece[:1] + bytes(5) + bytes([len(piece) % 40]) + piece, NOW_NS)
    assert session.expire(NOW_NS).end is None


# ---- the session
def test_it_begins_with_a_login() -> None:
    """User and key, and that alarms are wanted."""
    (frame,) = frames_of(make_session(logged_in=False).login(NOW_NS))
    assert (frame.type, frame.body) == (FrameType.LOGIN, "reqLoginAlarm;user=fl;key=k3y;type=msg")
    assert frame.sent_s == NOW_NS // SECOND_NS


def test_a_refused_login_ends_it_with_the_servers_words() -> None:
    """Nothing is sent any more."""
    turn = make_session(logged_in=False).receive(
        encoded(FrameType.LOGIN_ACK, "ackLoginAlarm;result=fail;resDesc=no such user", now_s=0), NOW_NS
    )
    assert (turn.end, turn.detail, turn.send) == (End.REFUSED, "no such user", b"")


def test_who_knows_nothing_asks_for_nothing_and_who_knows_asks_from_there() -> None:
    """What was missed while nobody was connected comes by its number."""
    assert make_session(logged_in=False).receive(LOGGED_IN, NOW_NS).send == b""
    (frame,) = frames_of(make_session(41, logged_in=False).receive(LOGGED_IN, NOW_NS).send)
    assert (frame.type, frame.body) == (FrameType.SYNC, "reqSyncAlarmMsg;reqId=1;alarmSeq=42")


def test_a_jump_in_the_numbers_is_asked_for_once_and_closed() -> None:
    """Alarms are passed on as they come; the number up to which none is missing follows when the gap is closed."""
    session = make_session()
    assert session.receive(alarm(10), NOW_NS).send == b""
    turn = session.receive(alarm(13) + alarm(14), NOW_NS)
    assert seqs(turn) == [13, 14]
    assert [frame.values["alarmSeq"] for frame in frames_of(turn.send)] == ["11"]
    assert session.cursor == 10
    session.receive(alarm(11), NOW_NS)
    assert session.cursor == 11
    assert session.receive(alarm(12), NOW_NS).lost == 0
    assert session.cursor == 14
    assert frames_of(session.receive(alarm(16), NOW_NS).send) != []


def test_what_the_server_does_not_have_any_more_is_counted_and_left_behind() -> None:
    """It says so, or it never comes."""
    session = make_session()
    session.receive(alarm(1) + alarm(5), NOW_NS)
    turn = session.receive(encoded(FrameType.SYNC_ACK, "ackSyncAlarmMsg;reqId=1;result=fail", now_s=0), NOW_NS)
    assert (turn.lost, session.cursor) == (3, 5)
    session.receive(alarm(8), NOW_NS)
    assert session.expire(NOW_NS + SYNC_NS).lost == 2
    assert session.cursor == 8


def test_numbers_that_begin_again_are_followed() -> None:
    """A server that was replaced counts from one; an alarm that comes twice is no such thing."""
    session = make_session()
    session.receive(alarm(500), NOW_NS)
    session.receive(alarm(500), NOW_NS)
    assert session.cursor == 500
    session.receive(alarm(1) + alarm("2"), NOW_NS)
    assert session.cursor == 2


def test_it_beats_and_answers_beats() -> None:
    """Every minute; the server's own are answered with their number."""
    session = make_session()
    assert session.expire(NOW_NS + HEARTBEAT_NS - 1).send == b""
    (beat,) = frames_of(session.expire(NOW_NS + HEARTBEAT_NS).send)
    assert beat.type == FrameType.HEARTBEAT
    assert session.expire(NOW_NS + HEARTBEAT_NS + 1).send == b""
    turn = session.receive(encoded(FrameType.HEARTBEAT, "reqHeartBeat;reqId=9", now_s=0), NOW_NS)
    (answer,) = frames_of(turn.send)
    assert (answer.type, answer.body) == (FrameType.HEARTBEAT_ACK, "ackHeartBeat;reqId=9")


def test_silence_a_close_and_junk_end_it() -> None:
    """Each by its own name."""
    assert make_session().expire(NOW_NS + SILENCE_NS).end is End.SILENT
    assert make_session().receive(encoded(FrameType.CLOSE, "closeConnAlarm", now_s=0), NOW_NS).end is End.CLOSED
    assert make_session().receive(b"HTTP/1.1 400", NOW_NS).end is End.PROTOCOL
    assert make_session().receive(b"\xff\xff\x63" + bytes(6), NOW_NS).end is End.PROTOCOL
    assert make_session().receive(encoded(FrameType.ALARM, "[1", now_s=0), NOW_NS) == Turn(malformed=1)


# ---- alarms
def read(fields: AlarmFields | None = None, **changes: Any) -> Any:
    """The event of an alarm."""
    reader = AlarmReader(name="oss", fields=fields or AlarmFields(), reader=READER)
    return reader.event_of({**LOS, **changes}, whereabouts=WHERE, now_ns=NOW_NS)


def test_an_alarm_becomes_an_event_of_what_the_device_receives() -> None:
    """The device by name, the port behind it, the time as the server tells it in its zone."""
    event = read()
    assert (event.name, event.raised, event.component, event.place, event.sender) == (
        "LOS",
        True,
        "loop>",
        "pe GigabitEthernet0/0/1",
        "oss",
    )
    assert event.told_ns == event.happened_ns == NOW_NS
    shanghai = read(AlarmFields(time_zone="Asia/Shanghai"), alarmStatus="0")
    assert (shanghai.raised, shanghai.told_ns) == (False, NOW_NS - 8 * 3600 * SECOND_NS)
    assert read(objectName="GigabitEthernet0/0/1").component == "loop>"
    assert read(objectName="pe", alarmTitle="POWER failed").component == "pe"
    assert (read(neName="nobody").component, read(neName="nobody").tenant) == (None, "_unassigned")
    assert read(eventTime="yesterday").told_ns is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"alarmTitle": "fan"}, "no_rule"), ({"alarmStatus": 7}, "unknown_status"), ({"alarmTitle": None}, "no_rule")],
)
def test_an_alarm_that_says_nothing_to_us_has_its_reason(changes: dict[str, Any], reason: str) -> None:
    """For the counter."""
    with pytest.raises(NotAnEventError, match=reason):
        read(**changes)


@given(
    st.dictionaries(
        st.sampled_from(list(LOS)), st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.lists(st.none())
    )
)
def test_no_alarm_does_harm(changes: dict[str, Any]) -> None:
    """Whatever a server writes into its fields."""
    with contextlib.suppress(NotAnEventError):
        event = read(**changes)
        assert f"{event.text}{event.place}".encode()


# ---- the connection
@attrs.frozen(kw_only=True)
class Connected:
    """A client with its store, not yet started."""

    book: DeviceEventBook
    counters: Counters
    state: StateStore

    def client(self, server: AlarmServer, *, key: str = "k3y") -> AlarmClient:
        """To a server."""
        desk = EventDesk(self.book, most_waiting=10, counters=self.counters)
        desk.adopt(WHERE)
        return AlarmClient(
            name="oss",
            address=Address(host="127.0.0.1", port=server.port),
            user="fl",
            key=key,
            reader=AlarmReader(name="oss", fields=AlarmFields(), reader=READER),
            desk=desk,
            state=self.state,
            clock=SystemClock(),
            counters=self.counters,
            pause_s=0.05,
        )

    def count(self) -> int:
        """Events that are kept."""
        return len(self.book.between(0, 1 << 62))


@pytest.fixture
def connected(state: StateStore) -> Connected:
    """An empty store."""
    return Connected(book=DeviceEventBook(state), counters=Counters(), state=state)


@pytest.fixture
def server() -> Iterator[AlarmServer]:
    """On loopback."""
    made = AlarmServer()
    yield made
    made.stop()


def at(number: int) -> dict[str, Any]:
    """Fields of an alarm of its own: another port each."""
    return {**LOS, "objectName": f"pe/ge-{number}"}


def test_alarms_are_heard_and_what_was_missed_is_fetched(connected: Connected, server: AlarmServer) -> None:
    """While connected, after the line was cut, one that the server swallowed, and in the next life of ours: each once."""
    client = connected.client(server)
    client.start()
    wait_until(lambda: server.has_client)
    server.raise_alarm(**at(1))
    wait_until(lambda: connected.count() == 1)
    server.hang_up()
    server.raise_alarm(silently=True, **at(2))
    wait_until(lambda: connected.count() == 2)
    server.raise_alarm(silently=True, **at(3))
    server.raise_alarm(**at(4))
    wait_until(lambda: connected.count() == 4)
    client.stop()
    server.raise_alarm(silently=True, **at(5))
    again = connected.client(server)
    again.start()
    wait_until(lambda: connected.count() == 5)
    again.stop()
    assert connected.state.fact("alarm_socket/oss") == "5"
    assert {kind for kind, _ in server.said} <= {LOGIN, SYNC, HEARTBEAT}
    stage = connected.counters.stage("events").snapshot()
    assert (stage.out, stage.balanced) == (5, True)


def test_a_refused_login_is_told_and_tried_again(connected: Connected, server: AlarmServer) -> None:
    """The reason is where people look for it, and without the key."""
    client = connected.client(server, key="wrong")
    client.start()
    wait_until(lambda: [kind for kind, _ in server.said].count(LOGIN) >= 2)
    client.stop()
    assert client.problem == "alarm socket oss: login_refused no"


def test_a_server_that_comes_later_is_found(connected: Connected, server: AlarmServer) -> None:
    """A client starts whether or not there is one; once connected it complains no more."""
    server.stop()
    client = connected.client(server)
    client.start()
    wait_until(lambda: client.problem is not None)
    client.stop()
    later = AlarmServer()
    client = connected.client(later)
    client.start()
    wait_until(lambda: later.has_client)
    later.hang_up(politely=True)
    wait_until(lambda: client.problem == "alarm socket oss: closed_by_server")
    wait_until(lambda: client.problem is None)
    client.stop()
    later.stop()


def test_alarms_that_cannot_be_written_are_fetched_again(
    connected: Connected, server: AlarmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends the session; the number was not moved, so that the server is asked for them."""
    client = connected.client(server)
    client.start()
    wait_until(lambda: server.has_client)
    server.raise_alarm(**at(1))
    wait_until(lambda: connected.count() == 1)
    with monkeypatch.context() as broken:

        def full(*_: Any, **__: Any) -> Any:
            raise OSError("no room")

        broken.setattr(DeviceEventBook, "append", full)
        server.raise_alarm(**at(2))
        wait_until(lambda: client.problem is not None)
    wait_until(lambda: connected.count() == 2)
    client.stop()
    assert connected.counters.stage("events").snapshot().balanced
