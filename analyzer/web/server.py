"""The web server as a component: uvicorn in a thread, on a socket opened beforehand so that a taken port is one clear line."""

from __future__ import annotations

import logging
import socket
import threading
import time

import uvicorn
from fastapi import FastAPI

from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.status import Address

START_S = 10.0


class WebServer:
    """Serves the application until stopped."""

    def __init__(self, listen: Address, app: FastAPI) -> None:
        self._listen = listen
        self._app = app
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    @property
    def address(self) -> Address:
        """Where it listens; with port 0 the port is known after `start`."""
        if self._socket is None:
            return self._listen
        return Address(host=self._listen.host, port=self._socket.getsockname()[1])

    def start(self) -> None:
        """Listen.

        Raises:
            CommandError: the address is taken or is not this host's, or the server did not come up.
        """
        self._socket = self._open()
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        config = uvicorn.Config(self._app, log_config=None, access_log=False, lifespan="off", server_header=False, ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="web", daemon=True)
        self._thread.start()
        end = time.monotonic() + START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > end:
                self.stop()
                raise CommandError("analyzer.listen: the web server did not come up", hint="see the log above")
            time.sleep(0.01)

    def stop(self) -> None:
        """Finish the requests under way and stop listening."""
        server, self._server = self._server, None
        if server is not None:
            server.should_exit = True
        if self._thread is not None:
            self._thread.join(START_S)
            self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._listen.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self._listen.host, self._listen.port))
            sock.listen(128)
        except OSError as error:
            sock.close()
            raise CommandError(
                f"analyzer.listen: cannot listen on {self._listen}: {error.strerror or error}",
                hint="another program may use the port: choose another one, or stop it",
                code=BAD_USAGE,
            ) from None
        return sock
