"""Our own SNMP engine: an id that stays, and a count of its starts, kept in the state store.

Senders of informs learn both; a start that did not count would let old informs in again (RFC 3414 section 2.2).
"""

from __future__ import annotations

import json
import secrets

import attrs

from faultline.snmp.message import MOST_TIME
from faultline.store.state import StateStore

_FACT = "snmp_engine"
_ENTERPRISE = 32473
"""Reserved for documentation (RFC 5612) until one is registered; in an engine id it only keeps ids apart."""
_OCTETS = 5
"""Format of an engine id: octets of the maker's choice (RFC 3411 section 5)."""


@attrs.frozen(slots=True, kw_only=True)
class Engine:
    """Who we are, for SNMP."""

    id: bytes
    boots: int


def begin(state: StateStore) -> Engine:
    """Count a start."""
    with state.transaction():
        engine = _known(state.fact(_FACT))
        if engine is None or engine.boots + 1 >= MOST_TIME:  # who cannot count further is another engine (section 2.2.2)
            engine = Engine(id=_new_id(), boots=0)
        engine = attrs.evolve(engine, boots=engine.boots + 1)
        state.put_fact(_FACT, json.dumps({"id": engine.id.hex(), "boots": engine.boots}))
    return engine


def _known(fact: str | None) -> Engine | None:
    if fact is None:
        return None
    document = json.loads(fact)
    return Engine(id=bytes.fromhex(document["id"]), boots=int(document["boots"]))


def _new_id() -> bytes:
    return (0x8000_0000 | _ENTERPRISE).to_bytes(4, "big") + bytes((_OCTETS,)) + secrets.token_bytes(12)
