"""Which probe a token belongs to. Only digests of tokens are known here; comparing them takes the same time for every token."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping


class Tokens:
    """SHA-256 of each probe's token, in hexadecimal."""

    def __init__(self, digests: Mapping[str, str]) -> None:
        self._digests = [(probe, bytes.fromhex(digest)) for probe, digest in digests.items()]

    def probe_of(self, authorization: str | None) -> str | None:
        """The probe an `Authorization: Bearer ...` header speaks for; None when nobody's."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        offered = hashlib.sha256(token.strip().encode()).digest()
        found: str | None = None
        for probe, digest in self._digests:  # all of them: where it matched must not show in the time taken
            if hmac.compare_digest(offered, digest):
                found = probe
        return found
