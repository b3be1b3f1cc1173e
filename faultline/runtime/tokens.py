"""Whom a token belongs to: probes that upload, people and systems that write.

Only digests of tokens are known here; comparing them takes the same time for every token.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping


class Tokens:
    """SHA-256 of each holder's token, in hexadecimal."""

    def __init__(self, digests: Mapping[str, str]) -> None:
        self._digests = [(holder, bytes.fromhex(digest)) for holder, digest in digests.items()]

    def __bool__(self) -> bool:
        """Whether anybody holds one."""
        return bool(self._digests)

    def bearer(self, authorization: str | None) -> str | None:
        """The holder an `Authorization: Bearer ...` header speaks for; None when nobody's."""
        scheme, _, token = (authorization or "").partition(" ")
        return self.holder(token) if scheme.lower() == "bearer" else None

    def holder(self, token: str) -> str | None:
        """Whose token it is; None when nobody's."""
        offered = hashlib.sha256(token.strip().encode(errors="surrogatepass")).digest()
        found: str | None = None
        for holder, digest in self._digests:  # all of them: where it matched must not show in the time taken
            if hmac.compare_digest(offered, digest):
                found = holder
        return found
