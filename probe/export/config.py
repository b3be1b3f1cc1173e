"""What a person sets about the way to the collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs


def _https(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(f"{attribute.name} must be https://HOST[:PORT], got {value!r}")
    if parts.username or parts.query or parts.fragment:
        raise ValueError(f"{attribute.name} takes no user, query or fragment: the token has its own key")


def _one_line(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and (not value or not value.isascii() or not value.isprintable() or " " in value):
        raise ValueError(f"{attribute.name} must be printable ASCII without spaces")


@attrs.frozen(slots=True, kw_only=True)
class CollectorConfig:
    """Where batches go, who we are there, and whom we trust."""

    url: str = attrs.field(validator=_https)
    """https://HOST[:PORT] of the collector; /v1/batches is appended."""
    authority: Path | None = None
    """PEM file of the authority that signed the collector's certificate; none: the host's own trust store."""
    token: str | None = attrs.field(default=None, repr=False, validator=_one_line)
    """The probe's token; better kept in a file of its own."""
    token_file: Path | None = None
    """File that holds the token on its first line."""
    proxy: str | None = None
    """http://HOST:PORT of a proxy; none: HTTPS_PROXY and NO_PROXY of the environment count."""
    compress: bool = True
    """zstd on the wire."""
    timeout_s: float = attrs.field(default=30.0, validator=[attrs.validators.gt(0), attrs.validators.le(600)])
    """Seconds without progress after which an attempt has failed."""
    drain_s: float = attrs.field(default=3.0, validator=[attrs.validators.ge(0), attrs.validators.le(60)])
    """Seconds the probe keeps sending what waits when it is asked to stop."""

    def __attrs_post_init__(self) -> None:
        if (self.token is None) == (self.token_file is None):
            raise ValueError("exactly one of token and token_file is needed")

    @property
    def host(self) -> str:
        """Name or address of the collector."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Port of the collector."""
        return urlsplit(self.url).port or 443
