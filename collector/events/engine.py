"""The collector's SNMP engine, kept in the state store: senders of informs learn its id and its starts."""

from __future__ import annotations

from faultline.snmp.engine import Engine, begun
from faultline.store.state import StateStore

_FACT = "snmp_engine"


def begin(state: StateStore, now_ns: int) -> Engine:
    """Count a start."""
    with state.transaction():
        engine = begun(state.fact(_FACT))
        state.put_fact(_FACT, engine.kept(now_ns))
    return engine
