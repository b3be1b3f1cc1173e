"""What a running service says of itself over HTTP: `/healthz`, `/metrics`, and `/stages` for `faultline doctor`.

For services that have no web server of their own. Read-only; it serves no secret and takes no input but the path.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import attrs
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters

JSON_TYPE = "application/json; charset=utf-8"
_IDLE_S = 10.0
_HIGHEST_PORT = 0xFFFF


@attrs.frozen(slots=True, kw_only=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`HOST:PORT`, an IPv6 host in brackets; port 0 takes any free one.

        Raises:
            ValueError: not such a text.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > _HIGHEST_PORT:
            raise ValueError(f"expected HOST:PORT, got {text!r}")
        if (":" in host) != (host.startswith("[") and host.endswith("]")):
            raise ValueError(f"an IPv6 host needs brackets: {text!r}")
        return cls(host=host.strip("[]"), port=int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def metrics_text(counters: Counters) -> bytes:
    """The counters in Prometheus' text format."""
    return generate_latest(counters.registry)


def health_document(problems: Sequence[str], warnings: Sequence[str] = ()) -> tuple[HTTPStatus, bytes]:
    """Status and JSON body of `/healthz`: 200 when able to work, 503 with the reasons; warnings do not keep it from working."""
    status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
    document = {"status": "unable" if problems else "able", "problems": list(problems)}
    return status, json.dumps(document | ({"warnings": list(warnings)} if warnings else {})).encode()


def stages_document(counters: Counters, problems: Sequence[str]) -> bytes:
    """JSON body of `/stages`: what `faultline doctor` reads from each service."""
    return json.dumps({"stages": [shot.document() for shot in counters.snapshots()], "problems": list(problems)}).encode()


class StatusServer:
    """Serves a service's counters and health; a component.

    `problems` is called per request and returns why the service cannot work, empty when it can.
    """

    def __init__(self, listen: Address, *, counters: Counters, problems: Callable[[], Sequence[str]]) -> None:
        self._listen = listen
        self._counters = counters
        self._problems = problems
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> Address:
        """Where it listens; with port 0 the port is known after `start`."""
        if self._server is None:
            return self._listen
        return Address(host=self._listen.host, port=self._server.server_address[1])

    def start(self) -> None:
        """Listen.

        Raises:
            CommandError: the address is taken or is not this host's.
        """
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            timeout = _IDLE_S
            server_version = "faultline"
            sys_version = ""

            def do_GET(self) -> None:
                status, kind, body = answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Requests for metrics every few seconds are not news."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in self._listen.host else socket.AF_INET

            def handle_error(self, *_: object) -> None:
                """A reader that went away is no error of the service."""

        try:
            self._server = Server((self._listen.host, self._listen.port), Handler)
        except OSError as error:
            raise CommandError(
                f"status.listen: cannot listen on {self._listen}: {error.strerror or error}",
                hint="another program may use the port: choose another one, or stop it",
                code=BAD_USAGE,
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="status", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.shutdown()
            server.server_close()
            self._thread.join()

    def _answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_LATEST, metrics_text(self._counters)
        if path == "/healthz":
            status, body = health_document(self._problems())
            return status, JSON_TYPE, body
        if path == "/stages":
            return HTTPStatus.OK, JSON_TYPE, stages_document(self._counters, self._problems())
        return HTTPStatus.NOT_FOUND, JSON_TYPE, b'{"error": "there are /healthz, /metrics and /stages"}'
