"""The way to the collector: one HTTPS client, TLS 1.3, the collector's authority, our token. Octets in, status and body out."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import attrs
import httpx

from faultline.native import _native
from faultline.runtime.clock import Clock
from faultline.runtime.config import ConfigError
from probe.export.config import CollectorConfig

_LARGEST_ANSWER_OCTETS = 1 << 16
_LONGEST_TIME = 19
"""Digits of Unix nanoseconds."""
_KEPT_S = 4.0
"""Shorter than the 5 s after which common servers close an idle connection: no batch meets one that is just being closed."""


@attrs.frozen(slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class LinkError(OSError):
    """No answer came: refused, unreachable, timed out, not trusted. The message says which; it holds no secret."""


class Link(Protocol):
    """Something that carries a batch to the collector."""

    def send(self, batch: bytes) -> Answer:
        """One attempt.

        Raises:
            LinkError: no answer came; the collector may or may not have the batch.
        """

    def close(self) -> None:
        """Let go of connections."""


class HttpsLink:
    """POST /v1/batches over HTTP/1.1 with kept connections.

    Every request tells our monotonic clock, and what the answer before proved of the collector's: so the collector knows how far
    our wall clock is off however long a batch waited (docs/explanation/architecture.md, Upload).

    Args:
        clock: the one by which batches are closed.

    Raises:
        ConfigError: token or authority cannot be read.
    """

    def __init__(self, config: CollectorConfig, *, clock: Clock) -> None:
        self._clock = clock
        self._tie_floor_ns: int | None = None
        self._compress = config.compress
        self._url = config.url.rstrip("/") + "/v1/batches"
        self._client = https_client(config)

    def send(self, batch: bytes) -> Answer:
        """One attempt; answers larger than 64 KiB are cut."""
        headers = {"Content-Type": "application/ipfix"}
        if self._compress:
            batch = _native.zstd_compress(batch)
            headers["Content-Encoding"] = "zstd"
        floor = "" if self._tie_floor_ns is None else f" {self._tie_floor_ns}"
        headers["Faultline-Clock"] = f"{self._clock.monotonic_ns()}{floor}"
        request = self._client.build_request("POST", self._url, content=batch, headers=headers)
        answer = exchange(self._client, request, most_octets=_LARGEST_ANSWER_OCTETS)
        theirs = answer.headers.get("faultline-time", "")
        if theirs.isdecimal() and len(theirs) <= _LONGEST_TIME:
            self._tie_floor_ns = max(0, int(theirs) - self._clock.monotonic_ns())
        return answer

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def https_client(config: CollectorConfig, *, silent_s: float = 0.0) -> httpx.Client:
    """A client that is who the configuration says, and trusts whom it says; `silent_s` is how much longer answers may take.

    Raises:
        ConfigError: token or authority cannot be read.
    """
    timeout_s = config.timeout_s
    return httpx.Client(
        verify=trust(config),
        proxy=config.proxy,
        timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s), read=timeout_s + silent_s),
        limits=httpx.Limits(max_connections=2, keepalive_expiry=_KEPT_S),
        headers={
            "Authorization": f"Bearer {read_token(config)}",
            "User-Agent": "faultline-probe",
            "Accept-Encoding": "identity",
        },
        follow_redirects=False,
    )


def exchange(client: httpx.Client, request: httpx.Request, *, most_octets: int) -> Answer:
    """One request and its answer, which is cut where it is longer.

    Raises:
        LinkError: no answer came.
    """
    try:
        response = client.send(request, stream=True)
        with contextlib.closing(response):
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) >= most_octets:
                    break
            return Answer(status=response.status_code, headers={**response.headers}, body=body)
    except (httpx.HTTPError, ssl.SSLError) as error:
        raise LinkError(explain(error)) from None


def trust(config: CollectorConfig) -> ssl.SSLContext:
    """TLS 1.3 only; the collector's authority (else the host's trust store); the certificate must be for the host of the URL.

    Raises:
        ConfigError: the authority cannot be read or is no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if config.authority is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cafile=config.authority)
    except (OSError, ssl.SSLError) as error:
        why = "is not a PEM certificate" if isinstance(error, ssl.SSLError) else f"cannot be read: {error.strerror}"
        raise ConfigError(
            [f"{config.authority} {why}"],
            where="probe.collector.authority",
            hint="copy tls/authority.pem from the collector's data directory",
        ) from None
    return context


def read_token(config: CollectorConfig) -> str:
    """The token itself.

    Raises:
        ConfigError: the file cannot be read or does not hold a token.
    """
    if config.token is not None:
        return config.token
    path = config.token_file or Path()
    try:
        lines = path.read_text(encoding="ascii").split("\n")
    except OSError as error:
        raise ConfigError(
            [f"{path} cannot be read: {error.strerror}"], where="probe.collector.token_file", hint="put the probe's token into it"
        ) from None
    except UnicodeDecodeError:
        lines = [""]
    token = lines[0].strip()
    if not token or not token.isprintable() or " " in token:
        raise ConfigError(
            [f"{path}: the first line is not a token"], where="probe.collector.token_file", hint="put the probe's token into it"
        )
    return token


def explain(error: Exception) -> str:
    """A failure to reach the collector in words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or cause}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TimeoutException):
        return f"timed out ({type(error).__name__})"
    return str(error) or type(error).__name__
