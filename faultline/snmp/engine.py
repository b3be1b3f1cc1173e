"""Our own SNMP engine: an id that stays, and a count of its starts (RFC 3411 section 5, RFC 3414 section 2.2).

Goes in: what was kept of the start before. Comes out: the engine of this start, and what is to be kept. A start that did not
count would let old messages in again.
"""

from __future__ import annotations

import json
import secrets

import attrs

from faultline.snmp.message import MOST_TIME

ENTERPRISE = 32473
"""Reserved for documentation (RFC 5612) until one is registered; in an engine id it only keeps ids apart."""
_OCTETS = 5
"""Format of an engine id: octets of the maker's choice (RFC 3411 section 5)."""


@attrs.frozen(slots=True, kw_only=True)
class Engine:
    """Who we are, for SNMP."""

    id: bytes
    boots: int

    def kept(self, began_ns: int) -> str:
        """What the next start must be given."""
        return json.dumps({"id": self.id.hex(), "boots": self.boots, "began_ns": began_ns})


def begun(kept: str | None) -> Engine:
    """The engine of this start. What it keeps must be durable before it says anything."""
    engine = known(kept)[0] if kept is not None else None
    if engine is None or engine.boots + 1 >= MOST_TIME:  # who cannot count further is another engine (section 2.2.2)
        engine = Engine(id=_new_id(), boots=0)
    return attrs.evolve(engine, boots=engine.boots + 1)


def known(kept: str) -> tuple[Engine, int]:
    """The engine of the last start, and when that was."""
    document = json.loads(kept)
    return Engine(id=bytes.fromhex(document["id"]), boots=int(document["boots"])), int(document.get("began_ns", 0))


def _new_id() -> bytes:
    return (0x8000_0000 | ENTERPRISE).to_bytes(4, "big") + bytes((_OCTETS,)) + secrets.token_bytes(12)
