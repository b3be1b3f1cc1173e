"""Sessions and reflector on real sockets of the loopback interface: stamps, names, refusals, and every packet accounted for."""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import probe.active.active_tests as component
from faultline.records.histogram import Histogram
from faultline.records.terms import SECOND_NS
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from probe.active.active_tests import ActiveTests
from probe.active.config import ReflectorConfig, SessionConfig, endpoint
from probe.active.loop import Loop
from probe.active.sending import fitting_ssid
from probe.active.sockets import StampSocket

MS = 1_000_000


def free_port() -> int:
    """A UDP port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        port: int = channel.getsockname()[1]
        return port


@contextmanager
def running(
    sessions: list[SessionConfig], reflector: ReflectorConfig | None = None
) -> Iterator[tuple[ActiveTests, Counters, int]]:
    """Active tests, started; ended here."""
    counters = Counters()
    tests = ActiveTests(sessions, reflector, counters=counters)
    started_ns = time.time_ns()
    tests.start()
    try:
        yield tests, counters, started_ns
    finally:
        tests.stop()


def after(tests: ActiveTests, started_ns: int, seconds: float) -> list[Mapping[str, Any]]:
    """The session records of the first seconds, asked for a bit more than a second after."""
    end_ns = started_ns + int(seconds * SECOND_NS)
    time.sleep(max(0, end_ns + 1_050 * MS - time.time_ns()) / SECOND_NS)
    return list(tests.collect(started_ns, end_ns)["session"])


def stage(counters: Counters, name: str) -> Any:
    """Counters of a stage."""
    return next(shot for shot in counters.snapshots() if shot.name == name)


def test_sessions_over_both_families_with_kernel_timestamps() -> None:
    """IPv4, IPv6, another class of service, long packets: nothing lost, stamps of the kernel, delays of a loopback."""
    port = free_port()
    sessions = [
        SessionConfig(id="four", target=f"127.0.0.1:{port}", interval_s=0.01),
        SessionConfig(id="beside", target=f"127.0.0.1:{port}", interval_s=0.02, size=1400),
        SessionConfig(id="six", target=f"[::1]:{port}", interval_s=0.01, dscp=46),
    ]
    with running(sessions, ReflectorConfig(listen=[f"127.0.0.1:{port}", f"[::1]:{port}"])) as (tests, counters, started_ns):
        rows = after(tests, started_ns, 0.5)
    assert [row["session"] for row in rows] == ["four", "beside", "six"]
    for row in rows:
        assert row["sent"] == row["received"] > 10
        assert row["timestamp_sources"] == "sw,sw,user,sw"
        assert 0 < (Histogram.decode(row["forward_delay"]).min or 0) < MS
        assert row["lost_forward"] == row["lost_reverse"] == row["lost_unattributed"] == 0
    for name in ("sessions", "replies", "reflector"):
        assert stage(counters, name).balanced
    assert stage(counters, "reflector").dropped == {}


def test_sessions_keep_their_source_port_and_may_share_it() -> None:
    """Every packet comes from the configured port, to both targets; the reflected packet is as long as the one that was sent."""
    port, source_port = free_port(), free_port()
    sessions = [
        SessionConfig(id="one", target=f"127.0.0.1:{port}", interval_s=0.02, source_port=source_port, size=1472),
        SessionConfig(id="other", target=f"127.0.0.2:{port}", interval_s=0.02, source_port=source_port),
    ]
    lengths: set[tuple[str, int]] = set()
    with running(sessions, ReflectorConfig(listen=[f"127.0.0.1:{port}", f"127.0.0.2:{port}"])) as (tests, _, started_ns):
        assert tests._sender is not None
        assert tests._edge is not None
        (line,) = tests._sender._lines.values()
        assert line.channel.address[1] == source_port
        receive = line.channel.receive

        def noted() -> Iterator[Any]:
            for datagram in receive():
                lengths.add((datagram.peer[0], len(datagram.data)))
                yield datagram

        line.channel.receive = noted  # type: ignore[method-assign]
        rows = after(tests, started_ns, 0.5)
        assert {address[1:] for address in tests._edge._reflector._peers} == {("127.0.0.1", source_port)}
    assert all(row["sent"] == row["received"] > 10 for row in rows)
    assert lengths == {("127.0.0.1", 1472), ("127.0.0.2", 64)}


def test_a_source_port_that_another_has_ends_the_start() -> None:
    """The key, the port, and what to look at."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", 0))
        taken = other.getsockname()[1]
        tests = ActiveTests([SessionConfig(id="a", target="127.0.0.1", source_port=taken)], None, counters=Counters())
        with pytest.raises(CommandError, match=rf"sessions\[0\].source_port: cannot send from port {taken}: Address already"):
            tests.start()


def test_what_an_icmp_message_said_of_an_earlier_packet_does_not_keep_the_next_one() -> None:
    """Port unreachable lies on the socket when the next packet is sent: it is sent nevertheless, as its receiver sees."""
    channel = StampSocket(socket.AF_INET, ("127.0.0.1", 0), transmit_stamps=True)
    try:
        channel.send(b"nobody", ("127.0.0.1", free_port()))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            other.settimeout(2)
            channel.send(b"somebody", other.getsockname())
            assert other.recv(20) == b"somebody"
    finally:
        channel.close()


def test_a_reflector_answers_from_the_address_and_in_the_class_it_was_asked() -> None:
    """Bound to all addresses: the reply's source is the request's destination, its class of service the request's."""
    with running([], ReflectorConfig(listen=["0.0.0.0:0"])) as (tests, _, _):
        assert tests._edge is not None
        port = tests._edge._channels[0].address[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
            channel.settimeout(2)
            channel.setsockopt(socket.IPPROTO_IP, 13, 1)  # IP_RECVTOS
            channel.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 46 << 2)
            channel.sendto(bytes(44), ("127.0.0.5", port))
            _, control, _, peer = channel.recvmsg(200, 100)
    assert peer == ("127.0.0.5", port)
    assert control[0][2][0] == 46 << 2


def test_a_listed_source_chooses_the_class_of_its_reply() -> None:
    """Asked in one class for another, by the class of service TLV: the reply comes in that one and tells how it was asked."""
    asked = bytes(44) + bytes.fromhex("80040004") + bytes((10 << 2, 0, 0, 0))
    with running([], ReflectorConfig(listen=["127.0.0.1:0"], allow=["127.0.0.0/8"])) as (tests, _, _):
        assert tests._edge is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
            channel.settimeout(2)
            channel.setsockopt(socket.IPPROTO_IP, 13, 1)  # IP_RECVTOS
            channel.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 46 << 2)
            channel.sendto(asked, tests._edge._channels[0].address)
            reply, control, _, _ = channel.recvmsg(200, 100)
    assert control[0][2][0] == 10 << 2
    assert reply[44:] == bytes.fromhex("00040004") + (10 << 10 | 46 << 4).to_bytes(2) + bytes(2)


def test_two_reflectors_never_answer_each_other() -> None:
    """A forged request in the other's name is answered once; the answer, coming from a reflector's port, is not."""
    port = free_port()
    with running([], ReflectorConfig(listen=[f"127.0.0.1:{port}", f"127.0.0.2:{port}"])) as (tests, counters, _):
        assert tests._edge is not None
        first, second = tests._edge._channels
        first._channel.sendto(bytes(44), second.address)
        deadline = time.monotonic() + 3
        while not stage(counters, "reflector").dropped and time.monotonic() < deadline:
            time.sleep(0.01)
        found = stage(counters, "reflector")
    assert (found.taken_in, found.out, found.dropped) == (2, 1, {"loop": 1})


def test_nothing_listens_there() -> None:
    """The host says so, the line did its part: the row is there, nothing counts as lost, and the seconds are not measured."""
    with running([SessionConfig(id="dark", target=f"127.0.0.1:{free_port()}", interval_s=0.01)]) as (tests, counters, started_ns):
        (row,) = after(tests, started_ns, 1.0)
    assert (row["sent"], row["received"], row["lost_unattributed"]) == (0, 0, 0)
    assert row["unmeasured_mask"].bit_count() >= 2
    assert stage(counters, "sessions").balanced
    assert stage(counters, "sessions").dropped["failed_unserved"] > 50


def test_a_reflector_that_is_restarted_is_no_loss() -> None:
    """Packets between its last answer and its next one are in no count, whatever the line may have done to them."""
    port = free_port()
    reflector = ReflectorConfig(listen=[f"127.0.0.1:{port}"])
    with running([SessionConfig(id="on", target=f"127.0.0.1:{port}", interval_s=0.01)]) as (tests, counters, started_ns):
        for _ in range(2):
            with running([], reflector):
                time.sleep(0.4)
            time.sleep(0.3)
        (row,) = after(tests, started_ns, 1.3)
    assert row["sent"] == row["received"] > 40
    assert row["lost_forward"] == row["lost_reverse"] == row["lost_unattributed"] == 0
    assert stage(counters, "sessions").dropped["failed_unserved"] > 20
    assert stage(counters, "sessions").balanced


@pytest.mark.parametrize(
    ("number", "lost_as"),
    [(errno.ENETUNREACH, "lost_unattributed"), (errno.EINVAL, "lost_unattributed"), (errno.EPERM, "lost_forward")],
)
def test_what_the_kernel_will_not_carry_counts_as_lost(monkeypatch: pytest.MonkeyPatch, number: int, lost_as: str) -> None:
    """No route: sent, and lost without a direction; the host's own filter: lost on the way out. Neither is a pause."""
    refusing(monkeypatch, number)
    with running([SessionConfig(id="far", target="127.0.0.1:9", interval_s=0.01)]) as (tests, counters, started_ns):
        (row,) = after(tests, started_ns, 0.5)
    assert row["sent"] == row[lost_as] > 25
    assert counters.value("sessions_refused", reason=errno.errorcode[number].lower()) >= row["sent"]


def refusing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Every send fails like this."""

    def refuse(*_: object) -> int:
        raise OSError(number, "told to fail")

    monkeypatch.setattr(StampSocket, "send", refuse)


def test_a_packet_that_cannot_be_sent_here_is_failed_and_the_second_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """EMSGSIZE is neither sent nor lost: failed, with its reason, and the seconds say that they were not measured."""
    refusing(monkeypatch, errno.EMSGSIZE)
    with running([SessionConfig(id="long", target="127.0.0.1:9", interval_s=0.01)]) as (tests, counters, started_ns):
        (row,) = after(tests, started_ns, 0.5)
    assert row["sent"] == 0
    assert row["unmeasured_mask"] & 1 << started_ns // SECOND_NS % 10
    assert set(stage(counters, "sessions").dropped) == {"failed_emsgsize"}


def test_replies_that_die_in_this_host_are_not_blamed_on_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket's buffer is full while the loop stands still: counted, and the seconds are not measured."""
    monkeypatch.setattr("probe.active.sockets._BUFFER_OCTETS", 2048)
    port = free_port()
    sessions = [SessionConfig(id="s", target=f"127.0.0.1:{port}", interval_s=0.001)]
    with running([], ReflectorConfig(listen=[f"127.0.0.1:{port}"])), running(sessions) as (tests, counters, started_ns):
        assert tests._sender is not None
        take, held = tests._sender._ready, []

        def slow(line: Any, events: int) -> None:
            held.append(events)
            if len(held) % 50 == 0:
                for _ in range(60):
                    tests._sender.send(tests._sender._running[0])  # type: ignore[union-attr]
                time.sleep(0.2)
            take(line, events)

        monkeypatch.setattr(tests._sender, "_ready", slow)
        (row,) = after(tests, started_ns, 2)
    assert counters.value("sessions_overflowed") > 0
    assert row["unmeasured_mask"] & 1 << (started_ns // SECOND_NS + 1) % 10


def test_a_target_by_name_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name server is away at first: the session is there with nothing sent and counted as skipped; then it begins."""
    port = free_port()
    real, failures = component.resolve, [OSError("away")]

    def resolve(host: str, port: int, *, numeric: bool = False) -> Any:
        if host == "pe.example" and not numeric:
            if failures:
                raise failures.pop()
            host = "127.0.0.1"
        return real(host, port, numeric=numeric)

    monkeypatch.setattr(component, "resolve", resolve)
    monkeypatch.setattr(component, "_RESOLVE_AGAIN_S", 0.4)
    sessions = [SessionConfig(id="named", target=f"pe.example:{port}", interval_s=0.01)]
    with running(sessions, ReflectorConfig(listen=[f"127.0.0.1:{port}"])) as (tests, counters, started_ns):
        (before,) = tests.collect(started_ns, started_ns + 100 * MS)["session"]
        assert (before["session"], before["sent"]) == ("named", 0)
        assert stage(counters, "sessions").dropped == {"skipped_unresolved": 10}
        end_ns = started_ns + 1500 * MS
        time.sleep(2.6)
        (row,) = tests.collect(started_ns + 100 * MS, end_ns)["session"]
        assert row["sent"] == row["received"] > 25


@pytest.mark.parametrize(
    ("sessions", "reflector", "said", "code"),
    [
        ([], ReflectorConfig(listen=["192.0.2.200:8620"]), "cannot listen on 192.0.2.200:8620: Cannot assign", 2),
        ([], ReflectorConfig(listen=["nohost:8620"]), "nohost is no address", 2),
        (
            [SessionConfig(id="a", target="127.0.0.1", source="192.0.2.200")],
            None,
            r"sessions\[0\].source: cannot send from 192",
            2,
        ),
        ([SessionConfig(id="a", target="127.0.0.1", key_file=Path("/none"))], None, "key file /none: No such file", 2),
    ],
)
def test_what_cannot_be_used_ends_the_start(
    sessions: list[SessionConfig], reflector: ReflectorConfig | None, said: str, code: int
) -> None:
    """One line with the key's path and a hint; every socket that was opened is given back."""
    tests = ActiveTests(sessions, reflector, counters=Counters())
    with pytest.raises(CommandError, match=said) as caught:
        tests.start()
    assert caught.value.code == code
    assert caught.value.hint
    tests.stop()


def test_a_port_in_use_is_named() -> None:
    """The other program's port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(CommandError, match=f"cannot listen on {listen}: Address already in use"):
            ActiveTests([], ReflectorConfig(listen=[listen]), counters=Counters()).start()


def test_transmit_stamps_come_without_explicit_ids() -> None:
    """On a kernel without SCM_TS_OPT_ID its own count of sends serves, also after a failed one."""
    channel = StampSocket(socket.AF_INET, ("127.0.0.1", 0), transmit_stamps=True)
    try:
        channel._explicit = False
        sent: dict[int, int] = {}
        for number in range(4):
            if number == 2:
                with pytest.raises(OSError, match="too long"):
                    channel.send(bytes(70_000), channel.address)
                sent = {}
            before_ns = time.time_ns()
            sent[channel.send(b"x", channel.address)] = before_ns
            with select.epoll() as poll:
                poll.register(channel.fileno(), 0)
                poll.poll(1)
            stamps = dict(channel.transmit_stamps())
            assert stamps.keys() <= sent.keys()
            assert all(0 <= stamps[ident] - sent[ident] < 100 * MS for ident in stamps)
            assert stamps
    finally:
        channel.close()


def test_timers_run_at_their_time_and_questions_are_answered() -> None:
    """A timer of 3 ms keeps its rhythm; a job of another thread runs step by step; its failure reaches the asker."""
    import threading  # noqa: PLC0415 - beside its one use

    loop, times = Loop(), []

    def tick(due_ns: int, now_ns: int) -> int:
        times.append(now_ns - due_ns)
        return due_ns + 3 * MS

    loop.at(time.monotonic_ns(), tick)
    thread = threading.Thread(target=loop.run)
    thread.start()
    steps: list[int] = []

    def job() -> Iterator[None]:
        for step in range(3):
            steps.append(step)
            yield

    def failing() -> Iterator[None]:
        yield
        raise RuntimeError("told to fail")

    time.sleep(0.3)
    loop.ask(job)
    with pytest.raises(RuntimeError, match="told to fail"):
        loop.ask(failing)
    loop.stop()
    thread.join()
    loop.close()
    assert steps == [0, 1, 2]
    assert len(times) > 25
    assert min(times) > -MS


def test_endpoints_are_read_as_people_write_them() -> None:
    """Port 862 where none is given; IPv6 with or without brackets."""
    read = {text: endpoint(text) for text in ("pe1", "pe1:9", "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:9")}
    assert {text: (where.host, where.port) for text, where in read.items()} == {
        "pe1": ("pe1", 862),
        "pe1:9": ("pe1", 9),
        "192.0.2.1": ("192.0.2.1", 862),
        "2001:db8::1": ("2001:db8::1", 862),
        "[2001:db8::1]": ("2001:db8::1", 862),
        "[2001:db8::1]:9": ("2001:db8::1", 9),
    }


def test_a_session_keeps_its_identifier() -> None:
    """The same name gives the same SSID at every start, unless it is taken."""
    first = fitting_ssid("ce-pe1", set())
    assert first == fitting_ssid("ce-pe1", set())
    assert 1 <= first <= 0xFFFF
    assert fitting_ssid("ce-pe1", {first}) not in {0, first}
