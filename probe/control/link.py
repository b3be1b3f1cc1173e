"""The way to the collector's tasks: GET /v1/tasks over the same TLS, authority, token and proxy as the uploads. Edge.

The collector holds a question until it has something new. A stop must not wait for that: `interrupt` shuts the connection down,
from another thread, and the question ends without an answer.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Any, Protocol

from probe.export.config import CollectorConfig
from probe.export.link import Answer, exchange, https_client

LARGEST_ANSWER_OCTETS = 1 << 20


class TaskLink(Protocol):
    """Something that asks the collector."""

    def ask(self, *, after: int, wait_s: float) -> Answer:
        """What is new after a version.

        Raises:
            LinkError: no answer came.
        """

    def interrupt(self) -> None:
        """Make a question under way end; from any thread."""

    def close(self) -> None:
        """Let go of connections."""


class HttpsTaskLink:
    """Over HTTP/1.1.

    Raises:
        ConfigError: token or authority cannot be read.
    """

    def __init__(self, config: CollectorConfig, *, wait_s: float) -> None:
        self._url = config.url.rstrip("/") + "/v1/tasks"
        self._client = https_client(config, silent_s=wait_s)
        self._channel: socket.socket | None = None

    def ask(self, *, after: int, wait_s: float) -> Answer:
        """One question; an answer of more than 1 MiB is cut, and then is no JSON."""
        request = self._client.build_request(
            "GET", self._url, params={"after": after, "wait": f"{wait_s:g}"}, extensions={"trace": self._note}
        )
        return exchange(self._client, request, most_octets=LARGEST_ANSWER_OCTETS)

    def interrupt(self) -> None:
        """Shut the connection down below TLS: whoever reads from it reads its end."""
        channel = self._channel
        if channel is not None:
            with contextlib.suppress(OSError):
                number = os.dup(channel.fileno())
                with socket.socket(fileno=number) as other:
                    other.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close connections."""
        self._channel = None
        self._client.close()

    def _note(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the socket of the newest connection (the tracing that httpx documents)."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._channel = info["return_value"].get_extra_info("socket")
