"""One session or one reflector for a person at a terminal: the same cores and sockets as the service, in the calling thread."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import attrs

from faultline.records.terms import SECOND_NS
from faultline.runtime.console import BAD_USAGE, CommandError, say
from faultline.runtime.counters import Counters
from faultline.runtime.status import Address
from probe.active.active_tests import listening, make_reflector, resolve
from probe.active.config import ReflectorConfig
from probe.active.keys import read_keys
from probe.active.local_clock import LocalClock
from probe.active.loop import Loop
from probe.active.reflecting import ReflectorEdge
from probe.active.result import SessionInterval
from probe.active.sending import Running, Sender
from probe.active.session import REPLY_TIMEOUT_NS, Session
from probe.clock_quality import ClockQuality

_LOOK_NS = 5_000_000
_PATIENCE_NS = 200_000_000
"""How long replies may take before the last packets are followed by others that tell what became of them."""
_DRAIN_PACKETS = 5


@attrs.frozen(slots=True, kw_only=True)
class Measured:
    """What a session gave."""

    interval: SessionInterval
    clock: ClockQuality
    refusal: OSError | None
    """Why the kernel took no packet, when it did not take some."""


class _Ending:
    """Decides when a counted session is over.

    When its last packets are not answered, up to five more are sent, outside the count: a reply to one of them brings the
    reflector's counter, and so the direction in which the last ones were lost.
    """

    def __init__(self, loop: Loop, sender: Sender, running: Running) -> None:
        self._loop = loop
        self._sender = sender
        self._running = running
        self._drained = 0
        self._next_ns = 0
        self.end_ns: int | None = None

    def begin(self) -> None:
        self.end_ns = time.time_ns()
        self._next_ns = self.end_ns + _PATIENCE_NS
        self._loop.at(time.monotonic_ns() + _LOOK_NS, self._look)

    def _look(self, due_ns: int, _: int) -> int | None:
        now_ns, session = time.time_ns(), self._running.session
        if not session.pending or (self.end_ns and now_ns > self.end_ns + REPLY_TIMEOUT_NS):
            self._loop.stop()
            return None
        if session.unanswered_tail and self._drained < _DRAIN_PACKETS and now_ns >= self._next_ns:
            self._drained += 1
            self._next_ns = now_ns + min(_PATIENCE_NS // 2, session.interval_ns)
            self._sender.send(self._running)
        return due_ns + _LOOK_NS


def measure(
    target: Address,
    *,
    count: int,
    interval_s: float,
    size: int,
    dscp: int,
    key_file: Path | None,
    ssid: int = 1,
    source: str | None = None,
) -> Measured:
    """Send a session's packets and wait for their replies; Ctrl-C ends it early with what there is.

    Raises:
        CommandError: the host has no address, its key cannot be read, or the local address is not this host's.
    """
    try:
        _, peer = resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise CommandError(
            f"{target.host} has no address: {getattr(error, 'strerror', None) or error}",
            hint="check the name, or give the address",
        ) from None
    key = read_keys(key_file).sending(ssid) if key_file else None
    if key_file and key is None:
        raise CommandError(f"{key_file} has no key for SSID {ssid}", hint=f"add a line `{ssid} HEX`", code=BAD_USAGE)
    session = Session(name="stamp", ssid=ssid, interval_ns=max(1, round(interval_s * SECOND_NS)), size=size, key=key)
    running = Running(session=session, peer=peer, remaining=count, authenticated=key is not None)
    loop, clock = Loop(), LocalClock()
    sender = Sender(loop, clock=clock, counters=Counters())
    ending = _Ending(loop, sender, running)
    running.on_end = ending.begin
    start_ns = time.time_ns()
    try:
        sender.begin(running, traffic_class=dscp << 2, source=source)
        loop.run()
    except OSError as error:
        raise CommandError(f"cannot send from {source or 'this host'}: {error.strerror or error}", code=BAD_USAGE) from None
    except KeyboardInterrupt:
        say("interrupted: this is what there was")
    finally:
        sender.close()
        loop.close()
    now_ns = time.time_ns()
    interval = session.cut(start_ns, ending.end_ns or now_ns, now_ns=now_ns).interval()
    return Measured(interval=interval, clock=clock.quality, refusal=running.refusal)


def serve(listen: Sequence[str], *, allow: Sequence[str], key_file: Path | None) -> Counters:
    """Reflect until SIGTERM or SIGINT.

    Raises:
        CommandError: a port is taken or reserved, a network or the key file is none.
    """
    try:
        config = ReflectorConfig(listen=list(listen), allow=list(allow), key_file=key_file)
    except ValueError as error:
        hint = "--listen ADDRESS:PORT, --allow NETWORK/LENGTH"
        raise CommandError(f"probe reflector: {error}", hint=hint, code=BAD_USAGE) from None
    loop, counters = Loop(), Counters()
    edge = ReflectorEdge(loop, make_reflector(config), clock=LocalClock(), counters=counters)
    previous = {number: signal.signal(number, lambda *_: loop.stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for text in config.listen:
            channel = listening(text, key="--listen")
            edge.listen(channel)
            host, port = channel.address[:2]
            say(f"reflecting on {f'[{host}]' if channel.family == socket.AF_INET6 else host}:{port}")
        loop.run()
    finally:
        edge.close()
        loop.close()
        for number, handler in previous.items():
            signal.signal(number, handler)
    return counters
