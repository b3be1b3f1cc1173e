"""The probe's active tests as a component: sessions and reflector in one loop, in a thread of its own."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any, cast

from faultline.records.terms import SECOND_NS
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from probe.active.config import ReflectorConfig, SessionConfig, endpoint
from probe.active.keys import read_keys
from probe.active.local_clock import LocalClock
from probe.active.loop import Loop
from probe.active.reflecting import ReflectorEdge
from probe.active.reflector import Reflector
from probe.active.result import SessionInterval
from probe.active.sending import Running, Sender, fitting_ssid
from probe.active.session import Cut, Session
from probe.active.sockets import Address, StampSocket

_CLOCK_NS = 10 * SECOND_NS
_RESOLVE_AGAIN_S = 30.0


def resolve(host: str, port: int, *, numeric: bool = False) -> tuple[socket.AddressFamily, Address]:
    """The first address of a host.

    Raises:
        OSError: there is none, or, with `numeric`, it is a name.
    """
    flags = socket.AI_NUMERICHOST if numeric else 0
    found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=flags)
    family, _, _, _, address = found[0]
    return family, cast("Address", address)


def listening(text: str, *, key: str) -> StampSocket:
    """A socket for the reflector.

    Args:
        text: ADDRESS:PORT.
        key: what to call it in messages.

    Raises:
        CommandError: the port is taken or reserved, or the address is not this host's.
    """
    where = endpoint(text)
    try:
        family, address = resolve(where.host, where.port, numeric=True)
        return StampSocket(family, address)
    except PermissionError:
        raise CommandError(
            f"{key}: listening on {text} needs the capability CAP_NET_BIND_SERVICE",
            hint="run as root (sudo), grant AmbientCapabilities=CAP_NET_BIND_SERVICE, or take a port from 1024 on",
        ) from None
    except socket.gaierror:
        raise CommandError(
            f"{key}: {where.host} is no address", hint="an address of this host, 0.0.0.0 or [::]", code=BAD_USAGE
        ) from None
    except OSError as error:
        raise CommandError(
            f"{key}: cannot listen on {text}: {error.strerror or error}",
            hint="another program may use the port (`ss -ulnp` tells), or the address is not this host's",
            code=BAD_USAGE,
        ) from None


def make_reflector(config: ReflectorConfig) -> Reflector:
    """The rules of a configuration.

    Raises:
        CommandError: its key file cannot be used.
    """
    keys = read_keys(config.key_file) if config.key_file else None
    return Reflector(allow=[ip_network(network) for network in config.allow], keys=keys)


def _no_source(key: str, config: SessionConfig, error: OSError) -> CommandError:
    if error.errno in {errno.EADDRINUSE, errno.EACCES}:
        return CommandError(
            f"{key}.source_port: cannot send from port {config.source_port}: {error.strerror}",
            hint="another program or a session of another class of service has it (`ss -ulnp` tells), or it is below 1024",
            code=BAD_USAGE,
        )
    return CommandError(
        f"{key}.source: cannot send from {config.source}: {error.strerror or error}",
        hint="an address of this host, of the target's family; `ip address` lists them",
        code=BAD_USAGE,
    )


class ActiveTests:
    """A component, and the cutter's source of `session` records.

    Counter stages `sessions` (scheduled packets), `replies` and `reflector` (datagrams).

    Args:
        sessions: what is sent.
        reflector: what is answered; None: nothing.
        watch: told every session's interval as it is cut.
    """

    def __init__(
        self,
        sessions: Sequence[SessionConfig],
        reflector: ReflectorConfig | None,
        *,
        counters: Counters,
        watch: Callable[[SessionInterval], None] | None = None,
    ) -> None:
        self._configs = list(sessions)
        self._reflector_config = reflector
        self._counters = counters
        self._watch = watch
        self._clock = LocalClock()
        self._loop: Loop | None = None
        self._sender: Sender | None = None
        self._edge: ReflectorEdge | None = None
        self._waiting: dict[str, Running] = {}
        self._thread: threading.Thread | None = None
        self._resolver: threading.Thread | None = None
        self._stopping = threading.Event()
        self._failure: str | None = None
        self._log = logger("sessions")

    # ---- life ----------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Open the sockets and begin.

        Raises:
            CommandError: an address, a port or a key file cannot be used.
        """
        self._loop = Loop()
        self._sender = Sender(self._loop, clock=self._clock, counters=self._counters)
        try:
            unresolved = self._open(self._loop)
        except BaseException:
            self._close()
            raise
        self._thread = threading.Thread(target=self._run, args=(self._loop,), name="sessions", daemon=True)
        self._thread.start()
        if unresolved:
            self._resolver = threading.Thread(target=self._resolve, args=(unresolved,), name="resolve", daemon=True)
            self._resolver.start()

    def stop(self) -> None:
        """End all sessions and the reflector."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None:
            self._loop.stop()
            thread.join()
        self._close()

    def _open(self, loop: Loop) -> list[SessionConfig]:
        """Open every socket; the sessions whose target is a name come back."""
        if self._reflector_config is not None:
            reflector = make_reflector(self._reflector_config)
            self._edge = ReflectorEdge(loop, reflector, clock=self._clock, counters=self._counters)
            for number, text in enumerate(self._reflector_config.listen):
                self._edge.listen(listening(text, key=f"probe.reflector.listen[{number}]"))
        taken = {config.ssid for config in self._configs if config.ssid}
        loop.at(time.monotonic_ns() + _CLOCK_NS, self._read_clock)
        return [config for number, config in enumerate(self._configs) if not self._begin(number, config, taken)]

    def _close(self) -> None:
        sender, self._sender = self._sender, None
        edge, self._edge = self._edge, None
        loop, self._loop = self._loop, None
        for part in (sender, edge, loop):
            if part is not None:
                part.close()

    def problems(self) -> list[str]:
        """Why no test runs; empty while they do."""
        return [f"sessions: {self._failure}"] if self._failure else []

    def _send(self, running: Running, config: SessionConfig) -> None:
        if self._sender is not None:
            self._sender.begin(running, traffic_class=config.dscp << 2, source=config.source, port=config.source_port)

    def _begin(self, number: int, config: SessionConfig, taken: set[int]) -> bool:
        """Begin a session whose target needs no asking; else False, and it waits."""
        ssid = config.ssid or fitting_ssid(config.id, taken)
        taken.add(ssid)
        key = read_keys(config.key_file).sending(ssid) if config.key_file else None
        if config.key_file and key is None:
            raise CommandError(
                f"probe.sessions[{number}].key_file: {config.key_file} has no key for SSID {ssid}",
                hint="add a line `SSID HEX`, or set the session's ssid",
                code=BAD_USAGE,
            )
        session = Session(name=config.id, ssid=ssid, interval_ns=round(config.interval_s * SECOND_NS), size=config.size, key=key)
        where = endpoint(config.target)
        running = Running(session=session, peer=(where.host, where.port), authenticated=key is not None)
        try:
            running.peer = resolve(where.host, where.port, numeric=True)[1]
        except OSError:
            self._waiting[config.id] = running
            return False
        try:
            self._send(running, config)
        except OSError as error:
            raise _no_source(f"probe.sessions[{number}]", config, error) from None
        return True

    # ---- names ---------------------------------------------------------------------------------------------------
    def _resolve(self, configs: list[SessionConfig]) -> None:
        """Ask for targets given by name until each is known: a name server may be away when the probe starts."""
        while configs:
            configs = [config for config in configs if not self._resolved(config)]
            if self._stopping.wait(_RESOLVE_AGAIN_S if configs else 0):
                return

    def _resolved(self, config: SessionConfig) -> bool:
        where = endpoint(config.target)
        try:
            _, address = resolve(where.host, where.port)
        except OSError as error:
            self._log.warning("a target is not known", session=config.id, target=config.target, error=error.strerror)
            return False

        def begin() -> Iterator[None]:
            running = self._waiting.pop(config.id)
            running.peer = address
            try:
                self._send(running, config)
            except OSError as error:
                self._failure = _no_source(config.id, config, error).message
            yield

        if self._loop is not None:
            self._loop.post(begin())
        return True

    # ---- work ----------------------------------------------------------------------------------------------------
    def _run(self, loop: Loop) -> None:
        try:
            loop.run()
        except Exception as error:  # noqa: BLE001 - tests that stop yielding must be seen, and the other parts go on
            self._failure = str(error) or type(error).__name__
            self._log.error("the test sessions ended", exc_info=True)

    def _read_clock(self, due_ns: int, _: int) -> int:
        self._clock.refresh()
        return due_ns + _CLOCK_NS

    def collect(self, start_ns: int, end_ns: int) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The `session` records of an interval, asked for a second and a bit after its end; one a session, always.

        Raises:
            TimeoutError: the loop stands still.
        """
        loop, sender = self._loop, self._sender
        if loop is None or sender is None:
            return {}
        cuts: list[Cut] = []
        stage = self._counters.stage("sessions")

        def cut() -> Iterator[None]:
            yield from sender.cut(start_ns, end_ns, cuts)
            for running in self._waiting.values():
                skipped = (end_ns - start_ns) // running.session.interval_ns
                stage.take(skipped)
                stage.drop("skipped_unresolved", skipped)
                cuts.append(running.session.cut(start_ns, end_ns, now_ns=end_ns))

        loop.ask(cut)
        quality = self._clock.quality
        # Summing up takes longer than cutting, and the loop has packets to send.
        intervals = [cut.interval() for cut in cuts]
        if self._watch is not None:
            for interval in intervals:
                self._watch(interval)
        return {
            "session": [interval.row(clock_class=quality.clock_class, clock_error_ns=quality.error_ns) for interval in intervals]
        }
