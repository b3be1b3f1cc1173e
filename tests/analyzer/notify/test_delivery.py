"""Deliveries in front of a channel that can be broken: order, retries, dead letters, replays, heartbeats, a death by SIGKILL."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from analyzer.network import Network
from analyzer.notify import delivery as delivery_module
from analyzer.notify.alarms import alarm_document, trial_alarm
from analyzer.notify.delivery import Delivery
from analyzer.notify.notifier import Notifier
from analyzer.notify.outbox import Entry, Item, Outbox
from analyzer.notify.telling import NotSentError, NotTakenError, Target, Told
from faultline.reports.words import Language
from faultline.runtime.clock import SystemClock
from faultline.runtime.counters import Counters
from tests.analyzer.notify.conftest import wait_until

BODY = {"en": alarm_document(trial_alarm(Language.EN, "noc-1", 1_800_000_000_000_000_000))}


@attrs.define(slots=True, kw_only=True)
class Memory:
    """A channel into memory."""

    taken: list[tuple[int, bool]] = attrs.field(factory=list)
    beats: list[int] = attrs.field(factory=list)
    fails: list[Exception] = attrs.field(factory=list)
    """What the next sendings raise, one each."""
    loses: bool = False
    """It has the message when it fails."""
    acknowledges: bool = True

    def send(self, told: Told) -> None:
        if not self.fails or self.loses:
            self.taken.append((told.sequence, told.repeated))
        if self.fails:
            raise self.fails.pop(0)

    def heartbeat(self, sequence: int) -> None:
        self.beats.append(sequence)

    def close(self) -> None:
        pass


class Way:
    """An outbox, a delivery and a channel."""

    def __init__(self, folder: Path, *, heartbeat_s: int = 0) -> None:
        self.outbox = Outbox(folder / "outbox.sqlite")
        self.outbox.open()
        self.channel = Memory()
        self.counters = Counters()
        self.target = Target(name="noc", heartbeat_s=heartbeat_s)
        self.delivery = Delivery(self.target, self.channel, outbox=self.outbox, counters=self.counters, clock=SystemClock())

    def put(self, *numbers: int, now_ns: int | None = None) -> None:
        written_ns = time.time_ns() if now_ns is None else now_ns
        self.outbox.put([Item(incident="F1", revision=n, body=BODY) for n in numbers], written_ns)

    @property
    def dropped(self) -> dict[str, int]:
        return dict(self.counters.stage("notify_noc").snapshot().dropped)

    @property
    def balanced(self) -> bool:
        shot = self.counters.stage("notify_noc").snapshot()
        return shot.balanced and shot.held == self.outbox.waiting("noc")


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """One whose patience is short; started by the test."""
    monkeypatch.setattr(delivery_module, "wait_ns", lambda _attempts: 1_000_000)
    made = Way(tmp_path)
    yield made
    made.delivery.stop()
    made.outbox.close()


def test_what_did_not_leave_is_tried_again_unmarked_and_nothing_overtakes_it(way: Way) -> None:
    """Two refused connections delay all three, in order, without a mark."""
    way.channel.fails = [NotSentError("refused"), NotSentError("refused")]
    way.delivery.start()
    way.put(1, 2, 3)
    way.delivery.new_entry()
    wait_until(lambda: len(way.channel.taken) == 3)
    wait_until(lambda: way.delivery.problem is None and way.balanced)
    assert way.channel.taken == [(1, False), (2, False), (3, False)]


def test_what_may_have_arrived_comes_again_marked(way: Way) -> None:
    """The answer to the second was lost: it alone is repeated, marked, before the third."""
    way.channel.loses = True
    way.delivery.start()
    way.put(1)
    way.delivery.new_entry()
    wait_until(lambda: way.channel.taken == [(1, False)])
    way.channel.fails = [OSError("timed out")]
    way.put(2, 3)
    way.delivery.new_entry()
    wait_until(lambda: len(way.channel.taken) == 4)
    assert way.channel.taken == [(1, False), (2, False), (2, True), (3, False)]


def test_what_the_receiver_refuses_three_times_is_put_aside(way: Way) -> None:
    """Its reason is kept, the next one is told, the stage balances."""
    way.channel.fails = [NotTakenError("answers 422")] * 3
    way.delivery.start()
    way.put(1, 2)
    way.delivery.new_entry()
    wait_until(lambda: way.channel.taken == [(2, False)])
    assert way.outbox.dead_letters() == [("noc", 1, "refused: answers 422")]
    wait_until(lambda: way.balanced)
    assert way.dropped == {"refused": 1}


def test_a_target_that_is_not_told_is_a_warning_until_it_is(way: Way) -> None:
    """Its name and the reason; gone with the first message that arrives."""
    notifier = Notifier(network=Network(lines={}), outbox=way.outbox, deliveries=[way.delivery], public_url=None)
    way.channel.fails = [NotSentError("connection refused")] * 200
    way.delivery.start()
    way.put(1)
    way.delivery.new_entry()
    wait_until(lambda: notifier.problems() == ["notify noc: connection refused"])
    way.channel.fails.clear()
    wait_until(lambda: notifier.problems() == [])


def test_a_disk_that_refuses_for_a_while_ends_nothing(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is told once the outbox can be used again."""
    full = [sqlite3.OperationalError("database or disk is full")] * 3
    begin = way.outbox.begin

    def sometimes(target: str) -> list[Entry]:
        if full:
            raise full.pop()
        return begin(target)

    monkeypatch.setattr(way.outbox, "begin", sometimes)
    way.delivery.start()
    way.put(1)
    way.delivery.new_entry()
    wait_until(lambda: way.channel.taken == [(1, False)])


def test_what_is_a_week_old_is_put_aside(way: Way) -> None:
    """A receiver that was away so long is not flooded with the past."""
    way.outbox.join("noc")
    way.put(1, now_ns=time.time_ns() - 8 * 86_400 * 10**9)
    way.put(2)
    way.delivery.start()
    wait_until(lambda: way.channel.taken == [(2, False)])
    assert way.dropped == {"expired": 1}


def test_a_replay_asked_for_beside_the_running_service_is_told(way: Way, tmp_path: Path) -> None:
    """Another process sets the cursor back: the same sequences come again, marked, and the stage still balances."""
    way.delivery.start()
    way.put(1, 2, 3)
    way.delivery.new_entry()
    wait_until(lambda: len(way.channel.taken) == 3)
    other = Outbox(tmp_path / "outbox.sqlite")
    other.open()
    assert other.replay("noc", 2) == 2
    other.close()
    wait_until(lambda: way.channel.taken[3:] == [(2, True), (3, True)])
    wait_until(lambda: way.balanced)


def test_silence_is_broken_by_a_heartbeat_with_the_last_sequence(tmp_path: Path) -> None:
    """A receiver can tell a quiet network from a dead way."""
    way = Way(tmp_path, heartbeat_s=1)
    way.delivery.start()
    way.put(1)
    way.delivery.new_entry()
    try:
        wait_until(lambda: way.channel.beats == [1], 5)
    finally:
        way.delivery.stop()
        way.outbox.close()


SENDER = """
    import json, sys, time
    from pathlib import Path
    from analyzer.notify.delivery import Delivery
    from analyzer.notify.outbox import Item, Outbox
    from analyzer.notify.syslog_channel import SyslogChannel, SyslogTarget, Transport
    from faultline.runtime.clock import SystemClock
    from faultline.runtime.counters import Counters

    folder, port, body = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    outbox = Outbox(folder / "outbox.sqlite")
    outbox.open()
    target = SyslogTarget(name="noc", address=f"127.0.0.1:{port}", transport=Transport.TCP)
    channel = SyslogChannel(target, hostname="h", clock=SystemClock())
    delivery = Delivery(target, channel, outbox=outbox, counters=Counters(), clock=SystemClock())
    delivery.start()
    made = len(list(folder.glob("made-*")))
    (folder / f"made-{made}").touch()
    number = made * 100_000
    while True:
        number += 1
        outbox.put([Item(incident="F", revision=number, body=body)], time.time_ns())
        delivery.new_entry()
        print(number, flush=True)
"""


class Listener:
    """Takes octet-counted syslog from one connection after the other."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.taken: list[tuple[int, bool]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                self._read(stream)

    def _read(self, stream: object) -> None:
        read = stream.read  # type: ignore[attr-defined]
        while True:
            digits = b""
            while (octet := read(1)) not in {b" ", b""}:
                digits += octet
            message = read(int(digits)) if digits else b""
            if not digits or len(message) < int(digits):
                return
            number = int(message.split(b'sequence="', 1)[1].split(b'"', 1)[0])
            self.taken.append((number, b'repeated="true"' in message))

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@pytest.mark.e2e
@pytest.mark.sample
def test_killed_at_any_point_every_event_arrives_in_order_and_only_marked_ones_twice(tmp_path: Path) -> None:
    """Five processes that write and tell as fast as they can, each killed with SIGKILL at another moment.

    What was written is told: sequences come without a gap, and one that comes twice says so.
    """
    script = tmp_path / "sender.py"
    script.write_text(textwrap.dedent(SENDER), encoding="utf-8")
    listener = Listener()
    written = 0
    try:
        for turn in range(5):
            process = subprocess.Popen(
                [sys.executable, str(script), str(tmp_path), str(listener.port), json.dumps(BODY)],
                stdout=subprocess.PIPE,
                cwd=Path(__file__).parents[3],
            )
            assert process.stdout is not None
            for _ in range(40 + 17 * turn):
                process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        outbox = Outbox(tmp_path / "outbox.sqlite")
        outbox.open()
        waiting = [entry.sequence for entry in outbox.begin("noc", 10_000)]
        written = outbox.standings()[0].sequence + len(waiting)
        outbox.close()
        wait_until(lambda: {n for n, _ in listener.taken} | set(waiting) == set(range(1, written + 1)))
    finally:
        listener.close()
    assert written >= 40
    fresh = [number for number, repeated in listener.taken if not repeated]
    assert fresh == sorted(set(fresh))
    once: set[int] = set()
    for number, repeated in listener.taken:
        assert repeated or number not in once
        assert number == 1 or number - 1 in once  # nothing overtakes
        once.add(number)
