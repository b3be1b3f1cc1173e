"""The HTTPS edge: TLS 1.3, tokens, sizes and statuses. What a batch means is decided behind it (`collector.intake.intake`).

POST /v1/batches                 see docs/explanation/architecture.md, Upload
GET /v1/tasks?after=&wait=       the same page, Orders; who is served what is decided in `collector.control.desk`
GET /healthz, /metrics, /stages  (and /v1/stages) for people, Prometheus and `faultline doctor`
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus

import uvicorn
from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from collector.clocks import Exchange
from collector.control.desk import OrderDesk, parsed
from collector.intake.answers import Answer, refused
from collector.intake.authority import TlsFiles
from collector.intake.intake import Intake
from faultline.native import MalformedError, zstd_decompress
from faultline.runtime.clock import Clock
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.status import JSON_TYPE, Address, health_document, metrics_text, stages_document
from faultline.runtime.tokens import Tokens

BATCH_TYPE = "application/ipfix"
_START_S = 10.0
_STOP_S = 10
_GOODBYE_S = 0.2
"""At a stop a client that is idle does not answer TLS' goodbye: its connection is let go after this. An answer that is lost by it
is asked for again."""
_MOST_CONNECTIONS = 512


class Door:
    """From a request's parts to an answer; knows no web framework."""

    def __init__(self, *, intake: Intake, tokens: Tokens, clock: Clock, max_octets: int, counters: Counters) -> None:
        self._intake = intake
        self._tokens = tokens
        self._clock = clock
        self.max_octets = max_octets
        self._counters = counters

    def who(self, authorization: str | None) -> Answer | str:
        """The probe that speaks, or that nobody knows it."""
        probe = self._tokens.bearer(authorization)
        if probe is None:
            self._counters.count("upload_unknown_token")
            return refused(HTTPStatus.UNAUTHORIZED, "unknown token", "is the probe's token the one in collector.probes?")
        return probe

    def before_body(self, *, authorization: str | None, content_type: str, encoding: str, length: str | None) -> Answer | str:
        """The probe that speaks, or why it need not send its body."""
        probe = self.who(authorization)
        if isinstance(probe, Answer):
            return probe
        if content_type.partition(";")[0].strip().lower() != BATCH_TYPE or encoding.lower() not in {"", "identity", "zstd"}:
            return refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"{content_type or 'no type'}, {encoding or 'no encoding'}",
                f"send {BATCH_TYPE}, with Content-Encoding zstd or none",
            )
        if length is not None and length.isdecimal() and int(length) > self.max_octets:
            self._counters.count("upload_too_large")
            return self.too_large(f"{length} octets")
        return self._intake.pressure() or probe

    def too_large(self, what: str) -> Answer:
        """More than a batch may have."""
        return refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, what, f"a batch has at most {self.max_octets} octets")

    def cut(self, body: bytes, probe: str) -> Answer:
        """A body that went on beyond the limit."""
        self._intake.offer()
        answer = self.too_large(f"more than {self.max_octets} octets")
        return self._intake.refuse(
            body,
            probe,
            self._clock.wall_ns(),
            status=answer.status,
            error=str(answer.document["error"]),
            hint=str(answer.document["hint"]),
        )

    def exchange(self, told: str | None) -> Exchange:
        """A request begins to come; `told` is its Faultline-Clock."""
        return Exchange.told(told, arrived_ns=self._clock.wall_ns())

    def time(self) -> str:
        """Ours, for an answer."""
        return str(self._clock.wall_ns())

    def body(self, body: bytes, probe: str, *, encoding: str, exchange: Exchange) -> Answer:
        """A whole body."""
        self._intake.offer()
        now_ns = self._clock.wall_ns()
        if encoding.lower() == "zstd":
            try:
                body = zstd_decompress(body, self.max_octets)
            except MalformedError as error:
                return self._intake.refuse(
                    body,
                    probe,
                    now_ns,
                    status=HTTPStatus.BAD_REQUEST,
                    error=str(error),
                    hint=f"compress one batch of at most {self.max_octets} octets with zstd",
                )
        return self._intake.take(body, probe, now_ns, exchange)


def make_app(
    door: Door,
    *,
    desk: OrderDesk,
    counters: Counters,
    problems: Callable[[], Sequence[str]],
    warnings: Callable[[], Sequence[str]] = tuple,
) -> FastAPI:
    """The routes."""
    app = FastAPI(title="Faultline collector", docs_url=None, redoc_url=None, openapi_url=None)

    _serve_orders(app, door, desk)

    @app.post("/v1/batches")
    async def batches(request: Request) -> Response:
        exchange = door.exchange(request.headers.get("faultline-clock"))
        encoding = request.headers.get("content-encoding", "")
        probe = await run_in_threadpool(
            door.before_body,
            authorization=request.headers.get("authorization"),
            content_type=request.headers.get("content-type", ""),
            encoding=encoding,
            length=request.headers.get("content-length"),
        )
        if isinstance(probe, Answer):
            return _response(probe, close=True)
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > door.max_octets:
                    return _response(await run_in_threadpool(door.cut, bytes(body), probe), close=True)
        except ClientDisconnect:
            counters.count("upload_broken_off")
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        answer = await run_in_threadpool(door.body, bytes(body), probe, encoding=encoding, exchange=exchange)
        response = _response(answer)
        response.headers["Faultline-Time"] = door.time()
        return response

    @app.get("/healthz")
    def healthz() -> Response:
        status, body = health_document(problems(), warnings())
        return Response(body, status_code=status, media_type=JSON_TYPE)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(metrics_text(counters), media_type=CONTENT_TYPE_LATEST)

    @app.get("/stages")
    @app.get("/v1/stages")
    def stages() -> Response:
        return Response(stages_document(counters, problems()), media_type=JSON_TYPE)

    return app


def _serve_orders(app: FastAPI, door: Door, desk: OrderDesk) -> None:
    @app.get("/v1/tasks")
    async def tasks(request: Request) -> Response:
        probe = await run_in_threadpool(door.who, request.headers.get("authorization"))
        if isinstance(probe, Answer):
            return _response(probe)
        asked = parsed(request.query_params.get("after"), request.query_params.get("wait"))
        if isinstance(asked, Answer):
            return _response(asked)
        after, wait_s = asked
        return _response(await desk.ask(probe, after=after, wait_s=wait_s))


def _response(answer: Answer, *, close: bool = False) -> Response:
    """`close`: the rest of the body was not read, so nothing more can come on this connection."""
    headers = {"Connection": "close"} if close else {}
    if answer.retry_after_s is not None:
        headers["Retry-After"] = str(answer.retry_after_s)
    return Response(json.dumps(answer.document), status_code=answer.status, headers=headers, media_type=JSON_TYPE)


class _Server(uvicorn.Server):
    """uvicorn's, without waiting at its end for clients that say nothing."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the requests under way, let go of the rest."""
        letting_go = asyncio.get_running_loop().create_task(self._let_go())
        try:
            await super().shutdown(sockets)
        finally:
            letting_go.cancel()

    async def _let_go(self) -> None:
        while True:
            await asyncio.sleep(_GOODBYE_S)
            for connection in list(self.server_state.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None and transport.is_closing():
                    transport.abort()


class HttpsServer:
    """Serves an application over TLS 1.3; a component."""

    def __init__(self, app: FastAPI, *, listen: Address, tls: TlsFiles) -> None:
        self._app = app
        self._listen = listen
        self._tls = tls
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._context: ssl.SSLContext | None = None

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
        self._socket = self._bind()
        config = uvicorn.Config(
            self._app,
            ssl_certfile=str(self._tls.certificate),
            ssl_keyfile=str(self._tls.key),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            http="h11",
            ws="none",
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_STOP_S,
            proxy_headers=False,
        )
        config.load()
        self._context = config.ssl
        if self._context is None:
            raise RuntimeError("uvicorn made no TLS context")
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="https", daemon=True)
        self._thread.start()
        deadline_s = time.monotonic() + _START_S
        while not self._server.started:
            if time.monotonic() > deadline_s or not self._thread.is_alive():
                raise CommandError(f"collector.listen: nothing serves {self._listen}", hint="the log above says why")
            time.sleep(0.01)

    def reload(self) -> None:
        """New connections get the certificate that is in the files now."""
        if self._context is not None:
            self._context.load_cert_chain(self._tls.certificate, self._tls.key)

    def stop(self) -> None:
        """Finish the requests under way."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.should_exit = True
            self._thread.join(_STOP_S + 5)
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._listen.host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((self._listen.host, self._listen.port))
        except OSError as error:
            made.close()
            raise CommandError(
                f"collector.listen: cannot listen on {self._listen}: {error.strerror or error}",
                hint="another program may use the port: choose another one, or stop it",
                code=BAD_USAGE,
            ) from None
        return made
