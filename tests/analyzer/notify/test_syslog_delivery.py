"""Syslog over the wire: to a real rsyslogd by UDP and TCP, and to a TLS receiver; outages included."""

from __future__ import annotations

import functools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analyzer.notify.alarms import Alarm, alarm_document
from analyzer.notify.delivery import Delivery
from analyzer.notify.outbox import Item, Outbox
from analyzer.notify.syslog import Standard
from analyzer.notify.syslog_channel import SyslogChannel, SyslogTarget, Transport
from faultline.records.incident import EventKind
from faultline.reports.words import Language
from faultline.runtime.clock import SystemClock
from faultline.runtime.counters import Counters
from tests.analyzer.notify.conftest import certificate

Rsyslogd = Any
"""A real receiver; its class lives in conftest.py, which tests cannot import."""


def make_alarm(number: int, words: str = "FAULT; access loop 17") -> Alarm:
    """A told thing with its own id."""
    return Alarm(
        incident=f"F{number}",
        revision=1,
        event=EventKind.RAISE,
        time_ns=time.time_ns(),
        critical=False,
        text=words,
        short=words[:70],
        fields={"incident": f"F{number}", "owner": "access"},
    )


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Poll until it holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


class Sender:
    """An outbox and one delivery."""

    def __init__(self, folder: Path, target: SyslogTarget) -> None:
        self.outbox = Outbox(folder / "outbox.sqlite")
        self.outbox.open()
        self.counters = Counters()
        channel = SyslogChannel(target, hostname="noc-1", clock=SystemClock())
        self.delivery = Delivery(target, channel, outbox=self.outbox, counters=self.counters, clock=SystemClock())
        self.delivery.start()

    def tell(self, told: Alarm) -> None:
        document = alarm_document(told)
        body = {language.value: document for language in Language}
        self.outbox.put([Item(incident=told.incident, revision=told.revision, body=body)], time.time_ns())
        self.delivery.new_entry()

    def close(self) -> None:
        self.delivery.stop()
        self.outbox.close()


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Callable[[SyslogTarget], Sender]]:
    """Makes senders and stops them."""
    made: list[Sender] = []

    def make(target: SyslogTarget) -> Sender:
        made.append(Sender(tmp_path, target))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
def test_a_real_rsyslogd_understands_every_field(
    rsyslogd: Rsyslogd,
    sender: Callable[[SyslogTarget], Sender],
    transport: Transport,
) -> None:
    """Priority, host, program, message id, structured data and the Chinese text arrive as they were meant."""
    port = rsyslogd.udp if transport is Transport.UDP else rsyslogd.tcp
    sending = sender(SyslogTarget(name="noc", address=f"127.0.0.1:{port}", transport=transport))
    sending.tell(make_alarm(1, "故障 F1; 接入网\nsecond line"))
    wait_until(lambda: len(rsyslogd.lines()) == 1)
    pri, _, host, program, msgid, data, words = rsyslogd.lines()[0].split("|")
    assert (pri, host, program, msgid) == ("163", "noc-1", "faultline", "RAISE")
    assert data == '[faultline@32473 incident="F1" owner="access" sequence="1"]'
    assert words.removeprefix("\ufeff").startswith("故障 F1; 接入网")
    wait_until(lambda: sending.counters.stage("notify_noc").snapshot().out == 1)
    assert sending.counters.stage("notify_noc").snapshot().balanced


def test_a_real_rsyslogd_understands_the_old_form(rsyslogd: Rsyslogd, sender: Callable[[SyslogTarget], Sender]) -> None:
    """Of RFC 3164 it finds priority, host and program, and the facts before the text."""
    target = SyslogTarget(name="noc", address=f"127.0.0.1:{rsyslogd.udp}", standard=Standard.RFC3164)
    sender(target).tell(make_alarm(1, "FAULT 接入网\nsecond line"))
    wait_until(lambda: len(rsyslogd.lines()) == 1)
    pri, _, host, program, _, data, words = rsyslogd.lines()[0].split("|")
    assert (pri, host, program, data) == ("163", "noc-1", "faultline", "-")
    assert words.strip() == "RAISE incident=F1 sequence=1 FAULT 接入网 second line"


def test_alarms_told_while_the_receiver_was_away_arrive_in_order(
    rsyslogd: Rsyslogd,
    sender: Callable[[SyslogTarget], Sender],
) -> None:
    """A stopped rsyslogd delays and does not lose: three alarms of the outage arrive after it is back."""
    sending = sender(SyslogTarget(name="noc", address=f"127.0.0.1:{rsyslogd.tcp}", transport=Transport.TCP))
    sending.tell(make_alarm(1))
    wait_until(lambda: len(rsyslogd.lines()) == 1)
    rsyslogd.stop()
    for number in (2, 3, 4):
        sending.tell(make_alarm(number))
    time.sleep(0.3)
    assert sending.counters.stage("notify_noc").snapshot().held == 3
    rsyslogd.start()
    wait_until(lambda: len(rsyslogd.lines()) == 4)
    assert [line.split('incident="')[1].split('"')[0] for line in rsyslogd.lines()] == ["F1", "F2", "F3", "F4"]


class TlsReceiver:
    """Accepts TLS and reads octet-counted messages until a proper close."""

    def __init__(self, folder: Path) -> None:
        self.authority, key_file = certificate(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.authority, key_file)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.messages: list[bytes] = []
        self.connections = 0
        self.closed_properly = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def has(self, count: int) -> bool:
        return len(self.messages) == count

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(raw, server_side=True) as stream:
                    self.connections += 1
                    self._read(stream)
            except OSError:
                raw.close()

    def _read(self, stream: ssl.SSLSocket) -> None:
        file = stream.makefile("rb")
        while True:
            digits = b""
            while (octet := file.read(1)) not in {b" ", b""}:
                digits += octet
            if not digits:
                self.closed_properly.set()
                return
            self.messages.append(file.read(int(digits)))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[TlsReceiver]:
    """A TLS receiver on loopback."""
    made = TlsReceiver(tmp_path)
    yield made
    made.close()


def test_tls_keeps_one_connection_and_closes_it_properly(
    receiver: TlsReceiver,
    sender: Callable[[SyslogTarget], Sender],
) -> None:
    """Several messages share a connection; the end is a TLS close, not a cut."""
    address = f"127.0.0.1:{receiver.port}"
    sending = sender(SyslogTarget(name="noc", address=address, transport=Transport.TLS, ca=receiver.authority))
    for number in (1, 2, 3):
        sending.tell(make_alarm(number))
        wait_until(functools.partial(receiver.has, number))
    assert receiver.connections == 1
    assert all(message.startswith(b"<163>1 ") for message in receiver.messages)
    sending.delivery.stop()
    assert receiver.closed_properly.wait(5)


def test_a_real_rsyslogd_takes_tls_and_what_it_missed_while_it_was_away(
    rsyslogd_tls: Rsyslogd, sender: Callable[[SyslogTarget], Sender]
) -> None:
    """Its certificate is verified; stopped in the middle and started again it gets the rest, in order."""
    address = f"127.0.0.1:{rsyslogd_tls.tls}"
    sending = sender(SyslogTarget(name="noc", address=address, transport=Transport.TLS, ca=rsyslogd_tls.authority))
    sending.tell(make_alarm(1))
    wait_until(lambda: len(rsyslogd_tls.lines()) == 1)
    rsyslogd_tls.stop()
    for number in (2, 3):
        sending.tell(make_alarm(number))
    rsyslogd_tls.start()
    wait_until(lambda: len(rsyslogd_tls.lines()) == 3)
    assert [line.split('incident="')[1].split('"')[0] for line in rsyslogd_tls.lines()] == ["F1", "F2", "F3"]


def test_a_receiver_nobody_vouches_for_is_told_nothing(receiver: TlsReceiver, sender: Callable[[SyslogTarget], Sender]) -> None:
    """Without its authority the message stays in the outbox."""
    sending = sender(SyslogTarget(name="noc", address=f"127.0.0.1:{receiver.port}", transport=Transport.TLS))
    sending.tell(make_alarm(1))
    time.sleep(0.3)
    assert receiver.messages == []
    assert sending.counters.stage("notify_noc").snapshot().held == 1
