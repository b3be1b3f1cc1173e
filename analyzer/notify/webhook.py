"""Webhook targets: one signed HTTP call an event.

A call counts as told with an answer of 2xx. When the answer is lost it is repeated with the same `Idempotency-Key`. The signature
covers the time and the body: `t=SECONDS,v1=HEX`, HEX being HMAC-SHA-256 of `SECONDS.BODY` with the secret both sides share.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import httpx

from analyzer.notify.alarms import alarm_document
from analyzer.notify.guarding import IpNetwork, resolved
from analyzer.notify.telling import NotSentError, NotTakenError, Target, Told, secret
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock

FORMAT = "faultline-event/1"
TIMEOUT_S = 5.0
_REFUSALS = frozenset({400, 413, 415, 422})
"""About the message itself; everything else may be mended on either side, and is tried again."""
_MAY_HAVE_IT = 500
"""Answers from here on: it failed after it took the call, or a gateway gave up waiting for it (RFC 9110 section 15.6)."""
_PORTS = {"https": 443, "http": 80}


def _is_url(_: object, __: object, value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"url: expected https://HOST/..., got {value!r}")
    if parts.username or parts.password:
        raise ValueError("url holds a password: calls are signed, secrets stand in files")


def _are_networks(_: object, __: object, values: tuple[str, ...]) -> None:
    for value in values:
        ipaddress.ip_network(value)


@attrs.frozen(slots=True, kw_only=True)
class WebhookTarget(Target):
    """A receiver of HTTP calls."""

    url: str = attrs.field(validator=_is_url)
    """https://HOST[:PORT]/PATH; http is for tests and tunnels: everybody on the way can read it."""
    secret_file: Path
    """Its first line signs the calls."""
    ca: Path | None = None
    """File with the authorities to trust; default: the system's."""
    allow: tuple[str, ...] = attrs.field(default=(), validator=_are_networks)
    """Networks that calls may go to besides public addresses."""


class WebhookChannel:
    """To one receiver."""

    def __init__(self, target: WebhookTarget, *, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._secret = secret(target.secret_file, f"webhooks {target.name}: secret_file").encode()
        self._allowed: list[IpNetwork] = [ipaddress.ip_network(network) for network in target.allow]
        self._parts = urlsplit(target.url)
        self._client: httpx.Client | None = None
        self.acknowledges = True

    def send(self, told: Told) -> None:
        """See `Channel`."""
        document = {
            "format": FORMAT,
            "target": self._target.name,
            "sequence": told.sequence,
            "repeated": told.repeated,
            "kind": told.alarm.message_id.lower(),
            "text": told.text,
            "alarm": alarm_document(told.alarm),
        }
        self._call(document, key=f"{self._target.name}-{told.sequence}-{told.alarm.incident}-{told.alarm.revision}")

    def heartbeat(self, sequence: int) -> None:
        """See `Channel`."""
        self._call({"format": FORMAT, "target": self._target.name, "sequence": sequence, "kind": "heartbeat"}, key=None)

    def close(self) -> None:
        """See `Channel`."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _call(self, document: dict[str, Any], *, key: str | None) -> None:
        host = self._parts.hostname or ""
        try:
            address = resolved(host, self._parts.port or _PORTS[self._parts.scheme], self._allowed)
        except OSError as error:
            raise NotSentError(str(error)) from error
        if self._client is None:
            self._client = self._new_client()
        body = json.dumps(document, ensure_ascii=False).encode()
        seconds = self._clock.wall_ns() // SECOND_NS
        headers = {
            "Host": self._parts.netloc,
            "Content-Type": "application/json",
            "User-Agent": "faultline",
            "Faultline-Signature": signature(self._secret, seconds, body),
        }
        if key is not None:
            headers["Idempotency-Key"] = key
        where = httpx.URL(self._target.url).copy_with(host=address)
        try:
            with self._client.stream(
                "POST", where, content=body, headers=headers, extensions={"sni_hostname": host}
            ) as answer:  # what it says beside its status is not read: it could be without end
                status = answer.status_code
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotSentError(f"{host}: {error}") from error
        except httpx.HTTPError as error:
            raise OSError(f"{host}: {type(error).__name__} {error}") from error
        if 200 <= status < 300:  # noqa: PLR2004 - the class of good answers
            return
        if status in _REFUSALS:
            raise NotTakenError(f"{host} answers {status}")
        if status >= _MAY_HAVE_IT:
            raise OSError(f"{host} answers {status}")
        raise NotSentError(f"{host} answers {status}")

    def _new_client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self._target.ca) if self._target.ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Proxies of the environment would undo the check of the address, a redirect would as well.
        return httpx.Client(verify=context, timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)


def signature(key: bytes, seconds: int, body: bytes) -> str:
    """The value of `Faultline-Signature`."""
    return f"t={seconds},v1={hmac.new(key, b'%d.' % seconds + body, hashlib.sha256).hexdigest()}"
