"""What every receiver of the network is: a socket that is bound, a thread that reads it, and an end.

Goes in: where to listen. Comes out: a component. How a socket is bound and read is known to UDP's and TCP's own modules.
"""

from __future__ import annotations

import abc
import contextlib
import socket
import threading
from collections.abc import Iterator

from faultline.runtime.clock import Clock
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from faultline.runtime.status import Address

PAUSE_S = 0.2
"""How long a thread waits before it looks whether it shall stop."""


class Receiver(abc.ABC):
    """A component: one socket, read by one thread.

    Args:
        listen: where.
        key: of the configuration, for messages.
        clock: real time.
        counters: of the service.
    """

    def __init__(self, listen: Address, *, key: str, clock: Clock, counters: Counters) -> None:
        self._listen = listen
        self._key = key
        self._clock = clock
        self._counters = counters
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._log = logger("events")

    @property
    def address(self) -> Address:
        """Where it listens; with port 0 the port is known after `start`."""
        if self._socket is None:
            return self._listen
        return Address(host=self._listen.host, port=self._socket.getsockname()[1])

    def start(self) -> None:
        """Listen.

        Raises:
            CommandError: the address is taken or is not this host's.
        """
        try:
            self._socket = self._bound(self._listen)
        except OSError as error:
            raise CommandError(
                f"{self._key}: cannot listen on {self._listen}: {error.strerror or error}",
                hint="another program may use the port, or it is below 1024: choose another one, or give the service that right",
                code=BAD_USAGE,
            ) from None
        self._thread = threading.Thread(target=self._run, args=(self._socket,), name=self._key, daemon=True)
        self._thread.start()
        self._log.info("listening", what=self._key, at=str(self.address))

    def stop(self) -> None:
        """Hear what the kernel holds, and close."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @abc.abstractmethod
    def _bound(self, listen: Address) -> socket.socket:
        """The socket."""

    @abc.abstractmethod
    def _run(self, opened: socket.socket) -> None:
        """Read it until the stop."""

    @contextlib.contextmanager
    def _one_by_one(self, sender: str) -> Iterator[None]:
        """A defect of ours that one message brings to light must not end the hearing of all others."""
        try:
            yield
        except Exception:  # noqa: BLE001 - the defect may be anything; it is counted, logged and shown
            self._counters.count("events_failures")
            self._log.exception("message not understood: a defect", sender=sender)
